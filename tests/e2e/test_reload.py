# SPDX-License-Identifier: Apache-2.0
"""Changing it while it runs: each class of option once, on connections and transfers that are open meanwhile; refused files;
who asks (s3onramp reload, SIGHUP, client commands), and what they are told."""
import base64
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
import unittest

import lib
import s3raw

BOB = ("AKIALOCALBOB00000001", "bobSecret/bobSecret+bobSecret0123456789")
OTHER_KEY = ("AKIAUPSTREAM00000002", "other/secret+of/the+proxy0123456789abcde")
PASSWORD = "open sesame"


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint(addresses=[("127.0.0.1", 0), ("127.0.0.2", 0)], keys=(lib.UPSTREAM_KEY, OTHER_KEY))


def tearDownModule():
    endpoint.close()


def place(i=0):
    return "%s:%d" % endpoint.addresses[i][:2]


class Case(unittest.TestCase):
    number = 0

    def proxy(self, **options):
        Case.number += 1
        proxy = lib.Proxy([place()], "p%d" % Case.number, **{"endpoint": {"probe_interval": "1s"}, **options})
        self.addCleanup(proxy.stop)
        return proxy

    def change(self, proxy, *pairs, append=""):
        """Replaces texts in the configuration file, each found once, and adds some at the end."""
        text = proxy.config.read_text()
        for old, new in pairs:
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        proxy.config.write_text(text + append)

    def ask(self, proxy, *words, code=0):
        """`s3onramp reload --json`."""
        result = lib.run(lib.PROGRAM, "reload", "--json", "-c", proxy.config, *words, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def reload(self, proxy, *pairs, append="", words=()):
        self.change(proxy, *pairs, append=append)
        return self.ask(proxy, *words)

    def check(self, answer, status, code=None):
        self.assertEqual(answer.status, status, answer.body[:600])
        if code:
            self.assertIn(b"<Code>%s</Code>" % code.encode(), answer.body)


def get(proxy, connection, key, listener="plain", target="/bucket/none"):
    return proxy.request(listener, "GET", target, key=key, connection=connection)


def pems(proxy, name):
    """A certificate for 127.0.0.1 of its own authority, in the proxy's folder."""
    lib.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
            "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", proxy.folder / (name + ".key"), "-out",
            proxy.folder / (name + ".pem"))
    (proxy.folder / (name + ".key")).chmod(0o600)


class Clients(Case):
    def test_added_changed_removed_on_an_open_connection(self):
        proxy = self.proxy()
        with proxy.connect("plain") as one:
            self.check(get(proxy, one, BOB), 403, "InvalidAccessKeyId")
            answer = self.reload(proxy, append=proxy.client("bob", BOB, "allow-all"))
            self.assertEqual((answer["added"], answer["removed"], answer["changed"], answer["in_force"]),
                             (["[client bob]"], [], [], True))
            self.check(proxy.request("plain", "PUT", "/bucket/one", b"1", key=BOB, connection=one), 200)
            self.check(get(proxy, one, BOB), 404)
            answer = self.reload(proxy, ("[client bob]\naccess_key_id = %s\nsecret_access_key = %s\npolicy = allow-all" % BOB,
                                         "[client bob]\naccess_key_id = %s\nsecret_access_key = %s\npolicy = read-only" % BOB))
            self.assertEqual(answer["changed"], ["[client bob] policy: from allow-all to read-only"])
            self.check(proxy.request("plain", "PUT", "/bucket/one", b"1", key=BOB, connection=one), 403, "AccessDenied")
            self.check(get(proxy, one, BOB), 404)
            answer = self.reload(proxy, ("secret_access_key = " + BOB[1], "secret_access_key = " + OTHER_KEY[1]))
            self.assertEqual(answer["changed"], ["[client bob] secret_access_key: changed"])
            self.check(get(proxy, one, BOB), 403, "SignatureDoesNotMatch")
            bob = (BOB[0], OTHER_KEY[1])
            self.check(get(proxy, one, bob), 404)
            answer = self.reload(proxy, (proxy.client("bob", bob, "read-only"), ""))
            self.assertEqual(answer["removed"], ["[client bob]"])
            self.check(get(proxy, one, bob), 403, "InvalidAccessKeyId")
            self.check(get(proxy, one, lib.ALICE), 404)

    def test_commands_put_it_in_force_at_once(self):
        proxy = self.proxy()
        clients = ("client",)
        words = [*clients, "add", "carol", "--policy", "read-only", "-c", proxy.config]
        result = lib.run(lib.PROGRAM, *words)
        self.assertIn("in force now", result.stderr)
        carol = (re.search(r"aws_access_key_id = (\S+)", result.stdout)[1],
                 re.search(r"aws_secret_access_key = (\S+)", result.stdout)[1])
        with proxy.connect("plain") as one, proxy.connect("forward") as inside:
            self.check(get(proxy, one, carol), 404)
            self.check(get(proxy, inside, carol, "forward"), 404)
            self.assertIn("in force now", lib.run(lib.PROGRAM, "client", "remove", "carol", "-c", proxy.config).stderr)
            self.check(get(proxy, one, carol), 403, "InvalidAccessKeyId")
            self.check(get(proxy, inside, carol, "forward"), 403, "InvalidAccessKeyId")

    def test_many_are_added_set_and_expired_at_once(self):
        proxy = self.proxy()
        result = lib.run(lib.PROGRAM, "client", "add", "--from", "-", "--policy", "read-only", "--csv", "-c", proxy.config,
                         input="name,tag.team\ncarol,a\ndora,b\n")
        self.assertIn("in force now", result.stderr)
        keys = {name: (key, secret) for name, key, secret in (line.split(",") for line in result.stdout.splitlines()[1:])}
        with proxy.connect("plain") as one:
            for name in ("carol", "dora"):
                self.check(get(proxy, one, keys[name]), 404)
            self.check(proxy.request("plain", "PUT", "/bucket/x", b"", key=keys["carol"], connection=one), 403, "AccessDenied")
            proxy.command("client", "set", "carol", "--policy", "allow-all")
            self.check(proxy.request("plain", "PUT", "/bucket/x", b"", key=keys["carol"], connection=one), 200)
            proxy.command("client", "expire", "carol", "2001-01-01")
            self.check(get(proxy, one, keys["carol"]), 403, "InvalidAccessKeyId")
            self.check(get(proxy, one, keys["dora"]), 404)
            proxy.command("client", "expire", "carol", "never")
            self.check(get(proxy, one, keys["carol"]), 404)

    def test_no_reload_leaves_it(self):
        proxy = self.proxy()
        result = lib.run(lib.PROGRAM, "client", "add", "carol", "--policy", "read-only", "--no-reload", "-c", proxy.config)
        self.assertNotIn("in force", result.stderr)
        carol = (re.search(r"aws_access_key_id = (\S+)", result.stdout)[1],
                 re.search(r"aws_secret_access_key = (\S+)", result.stdout)[1])
        self.check(get(proxy, None, carol), 403, "InvalidAccessKeyId")
        self.assertEqual(self.ask(proxy)["added"], ["[client carol]"])
        self.check(get(proxy, None, carol), 404)

    def test_without_a_proxy_it_counts_from_the_next_start(self):
        proxy = self.proxy()
        proxy.stop()
        result = lib.run(lib.PROGRAM, "client", "add", "carol", "--policy", "read-only", "-c", proxy.config)
        self.assertIn("No proxy answers at %s" % (proxy.folder / "admin.sock"), result.stderr)
        proxy.start()

    def test_a_proxy_whose_socket_was_removed_is_not_taken_for_none(self):
        proxy = self.proxy()
        (proxy.folder / "admin.sock").unlink()
        result = lib.run(lib.PROGRAM, "client", "add", "carol", "--policy", "read-only", "-c", proxy.config, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("kill -HUP", result.stderr)
        carol = (re.search(r"aws_access_key_id = (\S+)", result.stdout)[1],
                 re.search(r"aws_secret_access_key = (\S+)", result.stdout)[1])
        proxy.process.send_signal(signal.SIGHUP)
        lib.wait_until(lambda: get(proxy, None, carol).status == 404, 20, "it is in force")

    def test_problems_elsewhere_are_told_and_the_client_is_written(self):
        proxy = self.proxy()
        self.change(proxy, append="[policy odd]\naccess = everything\n")
        result = lib.run(lib.PROGRAM, "client", "remove", "nobody", "-c", proxy.config, check=False)
        self.assertEqual(result.returncode, 1)
        self.change(proxy, ("[policy odd]\naccess = everything\n", ""))

    def test_password_that_was_remembered(self):
        proxy = self.proxy(listeners={"guarded": dict(mode="forward", proxy_auth="required", proxy_auth_plain="yes")})
        lib.run(lib.PROGRAM, "client", "password", "alice", "-c", proxy.config, input=PASSWORD + "\n")
        token = base64.b64encode(("alice:" + PASSWORD).encode()).decode()

        def ask(connection):
            connection.send(s3raw.head("GET", "http://%s/bucket/none" % lib.S3_NAME, [
                ("Host", lib.S3_NAME), ("Proxy-Authorization", "Basic " + token)]))
            return connection.read_answer()

        with s3raw.Connection(proxy.address("guarded")) as one:
            for _ in range(2):
                self.check(ask(one), 404)
            self.change(proxy, (proxy.client("alice", lib.ALICE, "allow-all"),
                                proxy.client("alicia", lib.ALICE, "allow-all")),
                        ("anonymous = alice", "anonymous = alicia"))
            lib.run(lib.PROGRAM, "client", "remove", "alice", "-c", proxy.config)
            self.assertEqual(ask(one).status, 407)


class Road(Case):
    def test_addresses_while_a_transfer_runs(self):
        proxy = self.proxy()
        before = len(endpoint.requests)
        with proxy.connect("plain") as slow:
            slow.send(s3raw.head("GET", "/bucket/big/%d" % (64 << 20), s3raw.sign(
                "GET", "/bucket/big/%d" % (64 << 20), [("Host", proxy.host("plain"))], lib.ALICE)))
            proxy.wait_in_flight()
            answer = self.reload(proxy, ("addresses = " + place(0), "addresses = " + place(1)))
            self.assertEqual(answer["changed"], ["[endpoint tokyo] addresses: from %s to %s" % (place(0), place(1))])
            self.check(get(proxy, None, lib.ALICE), 404)
            self.assertEqual(list(proxy.states()), [place(1)])
            whole = slow.read_answer("GET")
            self.check(whole, 200)
            self.assertEqual(len(whole.body), 64 << 20)
        self.assertGreaterEqual(len(endpoint.requests), before + 2)

    def test_endpoints_come_and_go(self):
        proxy = self.proxy()
        osaka = lib.section("endpoint osaka", region=lib.REGION, addresses=place(1),
                            ca_file=lib.certificates() / "ca.pem")
        answer = self.reload(proxy, ("[endpoint tokyo]\n", "[endpoint tokyo]\ndefault = yes\n"), append=osaka)
        self.assertEqual(answer["added"], ["[endpoint osaka]"])
        self.assertEqual([e["name"] for e in proxy.status()["endpoints"]], ["tokyo", "osaka"])
        answer = self.reload(proxy, (osaka, ""))
        self.assertEqual(answer["removed"], ["[endpoint osaka]"])
        self.assertEqual([e["name"] for e in proxy.status()["endpoints"]], ["tokyo"])
        self.check(get(proxy, None, lib.ALICE), 404)

    def test_what_an_address_has_been_through_survives(self):
        proxy = self.proxy()
        self.check(get(proxy, None, lib.ALICE), 404)
        before = proxy.states()[place(0)]
        self.reload(proxy, ("probe_interval = 1s", "probe_interval = 2s"))
        after = proxy.states()[place(0)]
        self.assertGreaterEqual(after["answers"], before["answers"])
        self.assertGreaterEqual(after["since_s"], before["since_s"])

    def test_keys(self):
        proxy = self.proxy()
        self.check(get(proxy, None, lib.ALICE), 404)
        self.assertEqual(endpoint.requests[-1]["key_id"], lib.UPSTREAM_KEY[0])
        fetches = proxy.status()["credentials"][0]["fetches"]
        self.reload(proxy, append="[policy unused]\naccess = read-only\n")
        self.assertEqual(proxy.status()["credentials"][0]["fetches"], fetches)
        answer = self.reload(proxy, ("access_key_id = " + lib.UPSTREAM_KEY[0], "access_key_id = " + OTHER_KEY[0]),
                             ("secret_access_key = " + lib.UPSTREAM_KEY[1], "secret_access_key = " + OTHER_KEY[1]))
        self.assertEqual(len(answer["changed"]), 2)

        def signed_anew():
            self.check(get(proxy, None, lib.ALICE), 404)
            return endpoint.requests[-1]["key_id"] == OTHER_KEY[0]
        lib.wait_until(signed_anew, 10, "the other key")


class Listeners(Case):
    def test_added_removed_rebound(self):
        proxy = self.proxy()
        port, other = lib.free_port(), lib.free_port()
        extra = lib.section("listener extra", mode="endpoint", bind="127.0.0.1:%d" % port)
        self.assertEqual(self.reload(proxy, append=extra)["added"], ["[listener extra]"])
        proxy.ports["extra"] = port
        with proxy.connect("extra") as one, proxy.connect("plain") as unchanged:
            self.check(get(proxy, one, lib.ALICE, "extra"), 404)
            self.check(get(proxy, unchanged, lib.ALICE), 404)
            self.reload(proxy, ("127.0.0.1:%d" % port, "127.0.0.1:%d" % other))
            lib.wait_until(lambda: not lib.accepts(port), 10, "the old port is closed")
            proxy.ports["extra"] = other
            self.check(get(proxy, None, lib.ALICE, "extra"), 404)
            self.assertEqual(self.reload(proxy, (extra.replace(str(port), str(other)), ""))["removed"], ["[listener extra]"])
            lib.wait_until(lambda: not lib.accepts(other), 10, "the port is closed")
            one.sock.settimeout(lib.PATIENCE_S)
            self.assertEqual(one.sock.recv(1), b"", "its session is over")
            self.check(get(proxy, unchanged, lib.ALICE), 404)

    def test_port_that_is_taken_refuses_the_whole(self):
        proxy = self.proxy()
        port = lib.free_port()
        with socket.create_server(("127.0.0.1", port)):
            self.change(proxy, append=lib.section("listener extra", mode="endpoint", bind="127.0.0.1:%d" % port) +
                        proxy.client("bob", BOB, "allow-all"))
            answer = self.ask(proxy, code=1)
            self.assertIn("listens on 127.0.0.1:%d already" % port, answer["problems"][0])
            self.check(get(proxy, None, BOB), 403, "InvalidAccessKeyId")
        self.assertEqual(sorted(self.ask(proxy)["added"]), ["[client bob]", "[listener extra]"])

    def test_certificate_file_with_other_content(self):
        proxy = self.proxy()
        pems(proxy, "one")
        pems(proxy, "two")
        for end in (".pem", ".key"):
            shutil.copy(proxy.folder / ("one" + end), proxy.folder / ("own" + end))
        port = proxy.ports["own"] = lib.free_port()
        self.reload(proxy, append=lib.section("listener own", mode="endpoint", tls="on", certificate="own.pem", private_key="own.key",
                                              bind="127.0.0.1:%d" % port))

        def connect(name):
            return s3raw.Connection(proxy.address("own"), tls=s3raw.tls_context(proxy.folder / (name + ".pem")), name="127.0.0.1")
        with connect("one") as kept:
            self.check(get(proxy, kept, lib.ALICE, "own"), 404)
            for end in (".pem", ".key"):
                shutil.copy(proxy.folder / ("two" + end), proxy.folder / "new")
                (proxy.folder / "new").rename(proxy.folder / ("own" + end))
            answer = self.ask(proxy)
            self.assertEqual(answer["changed"], ["[listener own] certificate: %s was read anew (for new connections)" %
                                                 (proxy.folder / "own.pem")])
            with connect("two") as fresh:
                self.check(get(proxy, fresh, lib.ALICE, "own"), 404)
            self.check(get(proxy, kept, lib.ALICE, "own"), 404)
            self.assertEqual(self.ask(proxy)["changed"], [])


class Logs(Case):
    def test_level_and_place(self):
        proxy = self.proxy()
        old = proxy.access_file
        self.check(get(proxy, None, lib.ALICE), 404)
        lib.wait_until(lambda: proxy.access_lines(), 10, "a line")
        new = proxy.folder / "other.log"
        self.reload(proxy, ("access = %s" % old, "access = %s\nlevel = debug" % new))
        n = len(proxy.access_lines())
        self.check(get(proxy, None, lib.ALICE), 404)
        proxy.access_file = new
        lib.wait_until(lambda: proxy.access_lines(), 10, "a line in the new file")
        proxy.access_file = old
        self.assertEqual(len(proxy.access_lines()), n)
        lib.wait_until(lambda: '"level":"debug"' in proxy.stderr.read_text(), 10, "a line of that level")
        self.reload(proxy, ("access = %s" % new, "access = off"))
        proxy.access_file = new
        n = len(proxy.access_lines())
        self.check(get(proxy, None, lib.ALICE), 404)
        self.assertEqual(len(proxy.access_lines()), n)

    def test_files_are_opened_anew(self):
        proxy = self.proxy()
        self.check(get(proxy, None, lib.ALICE), 404)
        proxy.access_file.rename(proxy.folder / "old.log")
        self.ask(proxy)
        self.check(get(proxy, None, lib.ALICE), 404)
        lib.wait_until(lambda: proxy.access_lines(), 10, "a line in the new file")

    def test_folder_that_is_not_there_refuses_the_whole(self):
        proxy = self.proxy()
        self.change(proxy, ("access = ", "access = /nowhere/at/all"))
        self.assertIn("/nowhere/at/all", self.ask(proxy, code=1)["problems"][0])


class Files(Case):
    def test_refused_as_a_whole_with_all_problems(self):
        proxy = self.proxy()
        good = proxy.config.read_text()
        lines = good.count("\n")
        self.change(proxy, append="[client bob]\npolicy = nothing\naccess_key_id = %s\nsecret_access_key = x\n[policy odd]\n"
                    "access = loud\n" % BOB[0])
        where = "%s:%d: " % (proxy.config, lines + 2), "%s:%d: " % (proxy.config, lines + 6)
        for words in ((), ("--check",)):
            answer = self.ask(proxy, "--socket", proxy.folder / "admin.sock", *words, code=1)
            self.assertEqual(len(answer["problems"]), 2, answer)
            for place_of_it in where:
                self.assertTrue([p for p in answer["problems"] if p.startswith(place_of_it)], answer)
        self.check(get(proxy, None, BOB), 403, "InvalidAccessKeyId")
        self.check(get(proxy, None, lib.ALICE), 404)
        log = proxy.stderr.read_text()
        self.assertIn(where[1], log)
        self.assertIn("nothing was changed", log)
        people = lib.run(lib.PROGRAM, "reload", "-c", proxy.config, check=False)
        self.assertEqual((people.returncode, people.stdout), (1, ""))
        self.assertIn(where[1], people.stderr)
        self.assertIn("nothing was changed", people.stderr)
        proxy.config.write_text(good)
        self.assertEqual(self.ask(proxy)["changed"], [])

    def test_clients_file_that_goes_takes_nobody_with_it(self):
        proxy = self.proxy()
        proxy.command("client", "add", "guest", "--policy", "read-only")
        file = proxy.folder / "clients.ini"
        file.rename(proxy.folder / "elsewhere")
        self.assertIn("the clients file has gone", self.ask(proxy, code=1)["problems"][0])
        self.check(get(proxy, None, lib.ALICE), 404)
        (proxy.folder / "elsewhere").rename(file)
        self.ask(proxy)
        file.write_text("")
        self.assertTrue(any("guest" in line for line in self.ask(proxy)["removed"]))

    def test_check_changes_nothing(self):
        proxy = self.proxy()
        answer = self.reload(proxy, append=proxy.client("bob", BOB, "allow-all"), words=("--check",))
        self.assertEqual((answer["added"], answer["in_force"]), (["[client bob]"], False))
        self.check(get(proxy, None, BOB), 403, "InvalidAccessKeyId")

    def test_words_for_people(self):
        proxy = self.proxy()
        self.change(proxy, ("[server]\n", "[server]\nmax_connections = 4000\nworkers = 3\n"),
                    append=proxy.client("bob", BOB, "allow-all"))
        out = lib.run(lib.PROGRAM, "reload", "-c", proxy.config).stdout
        self.assertIn("added    [client bob]\n", out)
        self.assertIn("changed  [server] max_connections: from 8000 to 4000\n", out)
        self.assertRegex(out, r"restart  \[server\] workers: \d+ stays in force, 3 counts from the next start: ")
        self.assertTrue(out.endswith("In force.\n"))
        self.assertEqual(proxy.status()["connections"]["max"], 4000)
        self.assertEqual(len(self.ask(proxy)["restart"]), 1, "it is said again")
        self.assertEqual(len(proxy.status()["restart"]), 1, "and in status")
        self.assertIn("[server] workers: ", lib.run(lib.PROGRAM, "status", "-c", proxy.config, check=False).stdout)

    def test_another_file_than_its_own(self):
        proxy = self.proxy()
        other = proxy.folder / "other.ini"
        shutil.copy(proxy.config, other)
        result = lib.run(lib.PROGRAM, "reload", "-c", other, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("was started with %s, not with %s" % (proxy.config, other), result.stderr)

    def test_sighup(self):
        proxy = self.proxy()
        self.change(proxy, append=proxy.client("bob", BOB, "allow-all"))
        os.kill(proxy.pid, signal.SIGHUP)
        lib.wait_until(lambda: get(proxy, None, BOB).status == 404, 10, "the client")
        lib.wait_until(lambda: "added: [client bob]" in proxy.stderr.read_text(), 10, "the log")

    def test_many_at_once_are_all_answered(self):
        proxy = self.proxy()
        self.change(proxy, append=proxy.client("bob", BOB, "allow-all"))
        answers = []

        def ask():
            answers.append(self.ask(proxy))
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            os.kill(proxy.pid, signal.SIGHUP)
        for thread in threads:
            thread.join()
        self.assertEqual(len(answers), 8)
        self.assertTrue(all(a["in_force"] for a in answers))
        self.check(get(proxy, None, BOB), 404)

    def test_who_goes_away_changes_nothing(self):
        proxy = self.proxy()
        for _ in range(10):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(proxy.folder / "admin.sock"))
                sock.sendall(b'{"command": "reload"}\n')
        self.assertEqual(self.ask(proxy)["changed"], [])


class Cut(Case):
    def test_remove_now_cuts_what_runs(self):
        proxy = self.proxy()
        result = lib.run(lib.PROGRAM, "client", "add", "carol", "--policy", "read-only", "-c", proxy.config)
        carol = (re.search(r"aws_access_key_id = (\S+)", result.stdout)[1],
                 re.search(r"aws_secret_access_key = (\S+)", result.stdout)[1])

        def begin(key):
            connection = proxy.connect("plain")
            self.addCleanup(connection.close)
            target = "/bucket/fault/wait/3600"
            connection.send(s3raw.head("GET", target, s3raw.sign("GET", target, [("Host", proxy.host("plain"))], key)))
            return connection
        hers, his = begin(carol), begin(lib.ALICE)
        proxy.wait_in_flight(2)
        lib.run(lib.PROGRAM, "client", "remove", "carol", "--now", "-c", proxy.config)
        hers.sock.settimeout(lib.PATIENCE_S)
        try:
            while hers.sock.recv(4096):
                pass
        except ConnectionResetError:
            pass
        lib.wait_until(lambda: [line for line in proxy.access_lines() if line["client"] == "carol"], 10, "her line")
        his.sock.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            his.sock.recv(1)
        his.reset()


if __name__ == "__main__":
    lib.main()
