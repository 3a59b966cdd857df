# SPDX-License-Identifier: Apache-2.0
"""s3onramp status: what it shows, who may ask, and what becomes of its socket."""
import json
import os
import pathlib
import socket
import stat
import subprocess
import time
import unittest

import lib


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint(addresses=[("127.0.0.1", 0), ("127.0.0.2", 0)])
    lib.Case.proxy = lib.Proxy(["a=%s:%d" % endpoint.addresses[0][:2], "ap-northeast-1c=%s:%d" % endpoint.addresses[1][:2]],
                               endpoint={"probe": "http", "probe_interval": "1s"})


def tearDownModule():
    path = lib.Case.proxy.folder / "admin.sock"
    assert path.exists()
    lib.Case.proxy.stop()
    assert not path.exists(), "the socket is left behind"
    endpoint.close()


def ask(text, path=None):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path or lib.Case.proxy.folder / "admin.sock"))
        sock.sendall(text)
        data = b""
        while piece := sock.recv(65536):
            data += piece
    return data


class Status(lib.Case):
    def test_counters_and_states(self):
        for i in range(6):
            self.check(self.proxy.request("legacy", "PUT", "/bucket/o%d" % i, b"x" * 1000, key=None), 200)
            self.check(self.proxy.request("legacy", "GET", "/bucket/o%d" % i, key=None), 200)
        lib.wait_until(lambda: all(a["reason"] == "" for a in self.proxy.states().values()), 10, "probes")
        status = self.proxy.status()
        one = status["endpoints"][0]
        self.assertEqual((one["name"], one["region"], one["host"], one["dns"]),
                         ("tokyo", lib.REGION, lib.S3_NAME, {"state": "off"}))
        addresses = one["addresses"]
        self.assertEqual([(a["address"], a["zone"], a["state"], a["barred"]) for a in addresses],
                         [("%s:%d" % endpoint.addresses[i][:2], z, "up", False) for i, z in ((0, "a"), (1, "c"))])
        self.assertEqual(sum(a["answers"] for a in addresses), 12)
        self.assertEqual(sum(a["bytes_in"] for a in addresses), 6000)
        self.assertEqual(sum(a["bytes_out"] for a in addresses), 6000)
        self.assertEqual([a["in_flight"] for a in addresses], [0, 0])
        self.assertEqual([a["failures"] for a in addresses],
                         [dict(connect=0, tls=0, certificate=0, reset=0, dead=0)] * 2)
        self.assertGreater(sum(a["connects"] for a in addresses), 0)

    def counted(self, listener="legacy", client="alice"):
        """What is counted of a listener, and of a client."""
        status = json.loads(lib.run(lib.PROGRAM, "status", "--clients", "--json", "-c", self.proxy.config, check=False).stdout)
        return ([x for x in status["listeners"] if x["name"] == listener][0],
                {x["name"]: x for x in status["clients"]}[client], status)

    def test_what_listeners_and_clients_are_counted_by(self):
        before, alice, status = self.counted()
        nobody = self.counted(client="")[1]
        for i in range(3):
            self.check(self.proxy.request("legacy", "PUT", "/bucket/counted", b"x" * 1000), 200)
        self.check(self.proxy.request("legacy", "GET", "/bucket/counted"), 200)
        self.check(self.proxy.request("legacy", "GET", "/bucket/fault/error/404/NoSuchKey"), 404)
        self.check(self.proxy.request("legacy", "GET", "/bucket/counted", key=("S3ORNOBODY", "x")), 403)
        wanted = {"PutObject": {"2xx": 3}, "GetObject": {"2xx": 1, "4xx": 2}}

        def more():
            now = self.counted()[0]["requests"]
            return {o: {c: n - before["requests"].get(o, {}).get(c, 0) for c, n in now.get(o, {}).items()} for o in wanted}
        lib.wait_until(lambda: more() == wanted, 10, "the requests of the listener")
        now = self.counted()[1]
        self.assertEqual({k: now[k] - alice[k] for k in ("requests", "refused", "bytes_in")},
                         dict(requests=5, refused=0, bytes_in=3000))
        self.assertGreaterEqual(now["bytes_out"] - alice["bytes_out"], 1000)
        now = self.counted(client="")[1]
        self.assertEqual([now[k] - nobody[k] for k in ("requests", "refused")], [1, 1])
        self.check(self.proxy.request("legacy", "GET", "/bucket/fault/flaky/500/counted"), 200)
        retries = self.proxy.status()["endpoints"][0]["retries"]
        self.assertEqual(retries, dict(status["endpoints"][0]["retries"], **{"500": retries["500"]}))
        self.assertEqual(retries["500"], status["endpoints"][0]["retries"]["500"] + 1)
        lib.wait_until(lambda: all(w["ticks"] for w in self.proxy.status()["workers"]), 10, "all workers' clocks")
        self.assertNotIn("clients", self.proxy.status())
        text = lib.run(lib.PROGRAM, "status", "--clients", "-c", self.proxy.config, check=False).stdout
        self.assertRegex(text, r"(?m)^CLIENT .*\n-  +\d+ ")
        self.assertRegex(text, r"(?m)^alice +\d+ ")

    def test_in_flight_is_seen(self):
        with self.proxy.connect("legacy") as connection:
            endpoint.hold()
            connection.send(b"GET /bucket/fault/hold/x HTTP/1.1\r\nHost: %s\r\n\r\n" % self.proxy.host("legacy").encode())
            lib.wait_until(lambda: sum(a["in_flight"] for a in self.proxy.states().values()) == 1, 30, "one in flight")
            endpoint.release()
            self.check(connection.read_answer(), 200)
        lib.wait_until(lambda: sum(a["in_flight"] for a in self.proxy.states().values()) == 0, 5, "none in flight")

    def test_sandbox(self):
        """What is told is what the kernel tells of the process's threads."""
        threads = [dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
                   for task in pathlib.Path("/proc/%d/task" % self.proxy.pid).iterdir()]
        confined = [t for t in threads if t["Seccomp"] == "2"]
        bare = [t for t in confined if int(t["CapPrm"], 16) == 0]
        sandbox, workers = self.proxy.status()["sandbox"], len(self.proxy.status()["workers"])
        text = lib.run(lib.PROGRAM, "status", "-c", self.proxy.config).stdout
        self.assertIn("sandbox %s\n" % sandbox["text"], text)
        self.assertIn("sandbox %s" % sandbox["text"], self.proxy.stderr.read_text())
        if lib.SANITIZER:
            self.assertEqual((sandbox["text"], confined), ("off; this program was built with a sanitizer", []))
            return
        self.assertTrue(sandbox["on"] and sandbox["system_calls"] and sandbox["capabilities_dropped"], sandbox)
        self.assertEqual(len(confined), len(threads))
        self.assertGreaterEqual(len(bare), workers)
        self.assertEqual({t["NoNewPrivs"] for t in threads}, {"1"})

    def test_sandbox_off(self):
        proxy = lib.Proxy(["%s:%d" % endpoint.addresses[0][:2]], name="off", server={"sandbox": "off"})
        self.assertFalse(proxy.status()["sandbox"]["on"])
        self.assertIn("sandbox off\n", lib.run(lib.PROGRAM, "status", "-c", proxy.config).stdout)
        self.assertEqual(proxy.status()["sandbox"]["why_not"], "")
        proxy.stop()

    def test_table_for_people(self):
        text = lib.run(lib.PROGRAM, "status", "-c", self.proxy.config).stdout
        for word in ("tokyo", lib.REGION, "ADDRESS", "IN FLIGHT", "%s:%d" % endpoint.addresses[0][:2], " up "):
            self.assertIn(word, text)
        self.assertNotIn("\033", text)

    def test_watch_repeats(self):
        watching = subprocess.Popen([lib.PROGRAM, "status", "--watch", "-c", self.proxy.config], stdout=subprocess.PIPE,
                                    text=True)
        self.addCleanup(watching.wait)
        self.addCleanup(watching.kill)
        seen = 0
        while seen < 2:  # ends with the output at the latest
            line = watching.stdout.readline()
            self.assertTrue(line, "it ended")
            seen += "tokyo" in line
        watching.stdout.close()

    def test_socket_is_for_its_owner_alone(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.proxy.folder / "admin.sock").st_mode), 0o600)

    def test_protocol_refuses_nonsense(self):
        for text in (b"\n", b"{}\n", b"[]\n", b"{\"command\": \"stop\"}\n", b"{\"command\": 1}\n", b"{\"command\n", b"\xff\xfe\n",
                     b"{\"command\": \"status\", \"command\": \"status\"}\n", b"{\"command\": \"drop\"}\n",
                     b"{\"command\": \"status\", \"credentials\": \"x\"}\n"):
            with self.subTest(text):
                self.assertIn("error", json.loads(ask(text)))
        self.assertIn("commands: status, ", json.loads(ask(b'{"command": "stop"}\n'))["error"])
        try:
            self.assertIn("at most 65536 bytes", json.loads(ask(b"x" * 65536))["error"])
        except (ConnectionResetError, BrokenPipeError):
            pass
        self.assertIn("endpoints", json.loads(ask(b'{"command": "status"}\n')))

    def test_help_tells_the_commands(self):
        commands = {c["command"]: c for c in json.loads(ask(b'{"command": "help"}\n'))["commands"]}
        self.assertLessEqual({"status", "credentials", "drop", "help"}, set(commands))
        self.assertEqual(commands["drop"]["arguments"], [dict(name="credentials", type="string", needed=True)])

    def test_silent_visitors_keep_nobody_out_for_long(self):
        path = str(self.proxy.folder / "admin.sock")
        silent = [socket.socket(socket.AF_UNIX) for _ in range(30)]
        for sock in silent:
            sock.connect(path)

        def answered():
            try:
                return b"endpoints" in ask(b'{"command": "status"}\n')
            except OSError:
                return False
        lib.wait_until(answered, 6, "an answer")
        for sock in silent:
            sock.close()

    def test_too_many_who_ask(self):
        """Whoever finds no place is told to ask again, not to start a proxy."""
        def words():
            silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
            for sock in silent:
                sock.connect(str(self.proxy.folder / "admin.sock"))
            said = lib.run(lib.PROGRAM, "status", "-c", self.proxy.config, check=False).stderr
            for sock in silent:
                sock.close()
            return "has no place for another question just now, or is ending; ask again" in said
        lib.wait_until(words, 30, "the words")  # unless it took so long that the silent ones were sent away

    def test_no_proxy_no_status(self):
        result = lib.run(lib.PROGRAM, "status", "--socket", lib.WORK / "nobody.sock", check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("does not answer on", result.stderr)

    @unittest.skipIf(os.geteuid() != 0, "only root can be another user")
    def test_who_may_not_ask_is_told_so(self):
        result = lib.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", lib.PROGRAM, "status", "--socket",
                         self.proxy.folder / "admin.sock", check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("you may not use", result.stderr)
        self.assertNotIn("s3onramp serve", result.stderr)

    def test_other_than_utf8_hides_nothing(self):
        odd = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "odd", endpoint={"credentials": "odd"},
                        extra=lib.section("credentials odd", source="profile", config_file="ODD", shared_credentials_file="ODD"))
        odd.stop()
        odd.config.write_bytes(odd.config.read_bytes().replace(b"ODD", b"caf\xe9\x1b[1m"))
        odd.start()
        words = lib.PROGRAM, "credentials", "--json", "-c", odd.config

        def failed():
            return [c for c in json.loads(lib.run(*words, check=False).stdout) if c["name"] == "odd" and c["last_error"]]

        lib.wait_until(failed, 20, "the section")
        self.assertIn("caf\ufffd\ufffd[1m", failed()[0]["last_error"])
        self.assertEqual(lib.run(*words, check=False).returncode, 1)
        odd.stop()

    def test_socket_left_by_a_killed_proxy_is_taken_over(self):
        one = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "killed")
        one.kill()
        self.assertTrue((one.folder / "admin.sock").exists())
        one.start()
        lib.wait_until(lambda: lib.run(lib.PROGRAM, "status", "-c", one.config, check=False).returncode == 0, 10, "status")
        second = subprocess.run([lib.PROGRAM, "serve", "-c", str(one.config)], capture_output=True, text=True, timeout=20)
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertTrue((one.folder / "admin.sock").exists(), "a proxy that did not start removed the socket of another")
        self.assertEqual(len(one.states()), 1)
        without = one.folder / "without.ini"
        without.touch(0o600)
        without.write_text(one.config.read_text().replace(str(one.folder / "admin.sock"), "off"))
        second = subprocess.run([lib.PROGRAM, "serve", "-c", str(without)], capture_output=True, text=True, timeout=20)
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertRegex(second.stderr, r"another program, maybe another s3onramp, listens on 127\.0\.0\.1:\d+ already")
        one.stop()

    def test_what_is_no_socket_stays(self):
        one = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "precious")
        precious = one.folder / "admin.sock"
        lib.wait_until(precious.exists, 10, "the socket")
        precious.unlink()
        precious.write_text("precious")
        one.stop()
        self.assertEqual(precious.read_text(), "precious")
        result = subprocess.run([lib.PROGRAM, "serve", "-c", str(one.config)], capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 1)
        self.assertIn("is no socket", result.stderr)
        self.assertEqual(precious.read_text(), "precious")


if __name__ == "__main__":
    lib.main()
