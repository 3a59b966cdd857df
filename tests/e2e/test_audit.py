# SPDX-License-Identifier: Apache-2.0
"""Audit lines: who did what, and who changed the proxy; numbers that show gaps; and, where they are required, no request that
is served without its line. Syslog and journald as places of lines."""
import base64
import collections
import contextlib
import functools
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import threading
import unittest

import lib

CAROL = ("AKIALOCALCAROL000001", "c" * 40)
KEY = "k" * 2000  # long lines: buffers are full soon


class Daemon:
    """Takes datagrams, as syslog and journald do."""

    def __init__(self, path):
        self.path = path
        self.got = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path.unlink(missing_ok=True)
        self.socket.bind(str(path))
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        while data := self.socket.recv(1 << 17):
            self.got.append(data.decode())

    def stop(self):
        """Whoever writes to it afterwards is told that it has gone."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.sendto(b"", str(self.path))
        self.thread.join(30)
        self.socket.close()
        end.close()


class Case(unittest.TestCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        cls.endpoint = lib.start_endpoint()
        cls.endpoint.objects.update({(b"bucket", b"object"): b"12345", (b"bucket", KEY.encode()): b"12345"})

    @classmethod
    def tearDownClass(cls):
        cls.endpoint.close()

    def start(self, audit=None, extra="", **options):
        Case.number += 1
        name = "audit%d" % Case.number
        self.file = lib.WORK / name / "audit.log"
        text = lib.section("audit", **{"to": self.file, **(audit or {})})
        self.proxy = lib.Proxy(["127.0.0.1:%d" % self.endpoint.addresses[0][1]], name=name, extra=text + extra, **options)
        self.addCleanup(self.proxy.kill)
        return self.proxy

    def lines(self, file=None):
        """The whole ones."""
        file = file or self.file
        text = file.read_text() if file.exists() else ""
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def wait_line(self, file=None, **wanted):
        def found():
            return [line for line in self.lines(file) if all(line.get(k) == v for k, v in wanted.items())]
        lib.wait_until(found, 30, "an audit line with %s" % wanted)
        return found()[0]

    def log(self, name="audit"):
        return next(log for log in self.proxy.status()["logs"] if log["name"] == name)

    def judge_numbers(self, lines):
        """Each thread's are 1, 2, 3, …"""
        seen = collections.defaultdict(list)
        for line in lines:
            seen[line["run"], line["thread"]].append(line["seq"])
        for numbers in seen.values():
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))


class Lines(Case):
    def test_who_did_what(self):
        proxy = self.start()
        self.assertEqual(proxy.request("plain", "PUT", "/bucket/object", body=b"12345").status, 200)
        self.assertEqual(proxy.request("plain", "GET", "/bucket/object", key=lib.READER).status, 200)
        self.assertEqual(proxy.request("plain", "DELETE", "/bucket/object", key=lib.READER).status, 403)
        self.assertEqual(proxy.request("plain", "GET", "/bucket/object", key=None).status, 403)
        self.assertEqual(proxy.request("plain", "GET", "/healthz", key=None).status, 200)
        proxy.stop()
        lines = self.lines()
        self.judge_numbers(lines)
        self.assertEqual([line["event"] for line in lines if line["thread"] == "control"],
                         ["credentials", "start", "drain", "stop"])
        asked = {(line["event"], line["client"], line["operation"], line["status"], line["end"])
                 for line in lines if line["thread"] != "control"}
        self.assertEqual(asked, {("request", "alice", "PutObject", 200, "ok"), ("request", "reader", "GetObject", 200, "ok"),
                                 ("refused", "reader", "DeleteObject", 403, "policy_denied"),
                                 ("refused", "", "GetObject", 403, "no_auth")})
        put = next(line for line in lines if line.get("operation") == "PutObject")
        self.assertEqual((put["bucket"], put["key"], put["bytes_in"], put["credentials"]), ("bucket", "object", 5, "default"))
        self.assertEqual((put["decision"], put["action"], put["policy"]), ("allowed", "s3:PutObject", "allow-all"))
        refused = next(line for line in lines if line.get("operation") == "DeleteObject")
        self.assertEqual((refused["decision"], refused["resource"]), ("denied", "arn:aws:s3:::bucket/object"))
        self.assertEqual(self.wait_line(event="drain")["by"], "SIGTERM")
        start = self.wait_line(event="start")
        self.assertEqual(start["what"], str(proxy.config))
        self.assertIn("process %d" % proxy.process.pid, start["detail"])

    def test_writes_and_refusals_only(self):
        proxy = self.start({"requests": "writes"})
        proxy.request("plain", "GET", "/bucket/object")
        proxy.request("plain", "PUT", "/bucket/object", body=b"1")
        proxy.request("plain", "GET", "/bucket/object", key=None)
        proxy.stop()
        asked = [(line["event"], line["method"]) for line in self.lines() if line["thread"] != "control"]
        self.assertEqual(sorted(asked), [("refused", "GET"), ("request", "PUT")])

    def test_wrong_password(self):
        proxy = self.start(listeners={"with_password": {"mode": "forward", "proxy_auth": "required"}})
        for tried in ("mallory", "mallory", "alice"):
            word = base64.b64encode(("%s:%s" % (tried, "wrong")).encode()).decode()
            with proxy.connect("with_password") as connection:
                connection.send(b"CONNECT bucket.s3.%s.amazonaws.com:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic %s"
                                b"\r\n\r\n" % (lib.REGION.encode(), word.encode()))
                self.assertEqual(connection.read_answer("CONNECT").status, 407)
        proxy.stop()
        failures = [line["user"] for line in self.lines() if line["event"] == "password"]
        self.assertEqual(sorted(failures), ["alice", "mallory", "mallory"])
        self.assertNotIn("wrong\"", self.file.read_text())

    def test_who_changed_it(self):
        proxy = self.start()
        by = "uid %d, pid " % os.getuid()
        proxy.config.write_text(proxy.config.read_text() + proxy.client("carol", CAROL, "read-only"))
        proxy.command("reload")
        line = self.wait_line(event="reload")
        self.assertTrue(line["by"].startswith(by), line)
        self.assertEqual((line["outcome"], line["what"]), ("ok", str(proxy.config)))
        self.assertIn("added: [client carol]", " ".join(line["changes"]))
        line = self.wait_line(event="command")
        self.assertTrue(line["what"].startswith("reload ") and line["by"].startswith(by), line)
        good = proxy.config.read_text()
        proxy.config.write_text(good + "[nonsense]\n")
        proxy.process.send_signal(signal.SIGHUP)
        line = self.wait_line(event="reload", outcome="failed")
        self.assertEqual(line["by"], "SIGHUP")
        self.assertIn("nonsense", line["detail"])
        proxy.config.write_text(good)
        before = len(self.lines())
        proxy.status()
        self.assertEqual(len(self.lines()), before)  # who only looks
        proxy.command("credentials", "--drop", "default")
        self.assertTrue(self.wait_line(event="command", what="drop credentials=default")["by"].startswith(by))
        self.wait_line(event="credentials", what="default", outcome="withdrawn")

    def test_place_changes(self):
        """Both the old place and the new one say so."""
        proxy = self.start()
        other = proxy.folder / "other.log"
        proxy.config.write_text(proxy.config.read_text().replace("to = %s" % self.file, "to = %s" % other))
        proxy.command("reload")
        proxy.request("plain", "GET", "/bucket/object")
        self.wait_line(other, operation="GetObject")
        self.assertEqual(self.lines()[-1]["event"], "reload")
        self.assertEqual(self.lines(other)[0]["event"], "reload")
        self.judge_numbers(self.lines() + self.lines(other))
        self.assertEqual(self.log()["to"], str(other))
        self.assertIn("audit log: 0 lines lost, 0 wait: %s\n" % other, lib.run(lib.PROGRAM, "status", "-c", proxy.config).stdout)

    def change_deaf_place(self, to):
        """20 requests have their lines in a place that takes nothing; then it is given up."""
        path = lib.WORK / "deaf.sock"
        proxy = self.start({"to": "syslog:%s" % path})
        for _ in range(20):
            self.assertEqual(proxy.request("plain", "GET", "/bucket/object").status, 200)
        lib.wait_until(lambda: self.log()["waiting"] >= 20, 30, "lines that wait")
        proxy.config.write_text(proxy.config.read_text().replace("to = syslog:%s" % path, "to = %s" % (to or "off")))
        proxy.command("reload")
        return proxy

    def test_place_changes_while_it_takes_nothing(self):
        """What still waited for the old place goes to the new one."""
        self.change_deaf_place(lib.WORK / "heard.log").stop()
        lines = self.lines(lib.WORK / "heard.log")
        self.assertEqual(sum(line["event"] == "request" and line["status"] == 200 for line in lines), 20)
        self.judge_numbers(sorted(lines, key=lambda line: line["seq"]))

    def test_place_goes_while_it_takes_nothing(self):
        """What still waited is lost, and the log says so."""
        proxy = self.change_deaf_place(None)
        lib.wait_until(lambda: re.search(r"2\d lines of the audit log could not be written to the end",
                                         proxy.stderr.read_text()), 30, "that they are lost")


class Required(Case):
    def test_file_that_grows_to_its_limit(self):
        """As of a full disk: while it lasts nothing is served; what was served has its line, and each number is there."""
        proxy = self.start({"required": "yes"}, server={"workers": 2})
        pid = proxy.process.pid
        served = []

        def ask(count):
            with proxy.connect("plain") as connection:
                for _ in range(count):
                    answer = proxy.request("plain", "GET", "/bucket/object", connection=connection)
                    served.append((answer.status, answer.body))

        ask(200)
        lib.wait_until(lambda: self.log()["waiting"] == 0, 30, "all lines written")
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (self.file.stat().st_size + 700, limits[1]))

        def is_refused():
            ask(1)
            return served[-1][0] == 503
        lib.wait_until(is_refused, 30, "503")
        self.assertIn(b"<Code>ServiceUnavailable</Code>", served[-1][1])
        self.assertIn(b"keeps a record", served[-1][1])
        self.assertEqual(proxy.request("plain", "GET", "/healthz", key=None).status, 200)
        ask(20)
        self.assertEqual({status for status, _ in served[-20:]}, {503})
        self.assertIn("File too large", self.log()["reason"])
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)

        def is_served():
            ask(1)
            return served[-1][0] == 200
        lib.wait_until(is_served, 30, "200")
        threads = [threading.Thread(target=ask, args=(200,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        proxy.stop()
        lines = [line for line in self.lines() if line["thread"] != "control"]
        self.judge_numbers(lines)
        statuses = collections.Counter(line["status"] for line in lines)
        self.assertEqual(statuses, collections.Counter(status for status, _ in served))

    def test_thousands_of_requests(self):
        """On a disk that fills up and empties again and again: as many were served as lines say so; of the refused ones each
        has a line or was counted."""
        proxy = self.start({"required": "yes"}, server={"workers": 2})
        limits = resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE)
        left = iter(range(1000 if os.environ.get("S3ONRAMP_SANITIZER") else 10000))
        statuses, over = [], threading.Event()

        def ask():
            with proxy.connect("plain") as connection:
                for _ in left:
                    statuses.append(proxy.request("plain", "GET", "/bucket/object", connection=connection).status)

        def fill():
            while not over.is_set():
                resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, (self.file.stat().st_size + 333, limits[1]))
                over.wait(1.6)
                resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, limits)
                over.wait(0.7)
        filling = threading.Thread(target=fill)
        filling.start()
        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        over.set()
        filling.join()
        lib.wait_until(lambda: self.log()["waiting"] == 0, 30, "all lines written")
        lost = self.log()["lost"]
        proxy.stop()
        told = collections.Counter(line["status"] for line in self.lines() if line["thread"] != "control")
        asked = collections.Counter(statuses)
        self.assertLessEqual(set(asked), {200, 503})
        self.assertEqual((told[200], told[503] + lost), (asked[200], asked[503]))

    def test_filesystem_that_is_full(self):
        """A small one of the proxy's own, for both logs: what was served has its audit line; of the others each has one or was
        counted; and no line goes on where another broke off."""
        proxy = self.start({"required": "yes"}, server={"workers": 2}, log={"buffer": "64"})
        small = lib.WORK / "small"
        small.mkdir()
        mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=4m small "$0" && exec "$@"', str(small)]
        if subprocess.run([*mount, "true"], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no filesystem can be mounted here, not even in a namespace")
        proxy.stop()
        text = proxy.config.read_text()
        for file in (self.file, proxy.access_file):
            text = text.replace("= %s\n" % file, "= %s\n" % (small / file.name))
        proxy.config.write_text(text)
        proxy.launch = functools.partial(proxy.launch, program=[*mount, lib.PROGRAM])
        proxy.start()
        seen = pathlib.Path("/proc/%d/root%s" % (proxy.process.pid, small))
        statuses = collections.Counter()

        def ask(count=1):
            with proxy.connect("plain") as connection:
                for _ in range(count):
                    status = proxy.request("plain", "GET", "/bucket/" + KEY, connection=connection).status
                    statuses[status] += 1
            return status

        ask(5)
        for _ in range(2):
            with open(seen / "other", "wb", buffering=0) as other, contextlib.suppress(OSError):
                while other.write(bytes(1024)):
                    pass
            lib.wait_until(lambda: ask() == 503, 30, "503")
            before = statuses.copy()
            ask(60)
            self.assertEqual(statuses - before, {503: 60})
            self.assertIn("No space left on device", self.log()["reason"])
            os.truncate(seen / "other", 0)
            lib.wait_until(lambda: ask() == 200, 30, "200")
        for name in ("audit", "access"):
            lib.wait_until(lambda: self.log(name)["waiting"] == 0, 30, "all lines written")
        self.assertGreater(self.log("access")["lost"], 0)
        for name in ("audit", "access"):
            lines = [line for line in self.lines(seen / (name + ".log")) if line.get("thread") != "control"]
            told = collections.Counter(line["status"] for line in lines)
            self.assertEqual(told.total() + self.log(name)["lost"], statuses.total())
            if name == "audit":
                self.assertEqual(told[200], statuses[200])

    def test_room_runs_out(self):
        """A daemon that takes nothing: what is served is never more than what has its room."""
        path = lib.WORK / "stuck.sock"
        stuck = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        stuck.bind(str(path))
        self.addCleanup(stuck.close)
        proxy = self.start({"required": "yes", "to": "syslog:%s" % path}, server={"workers": 1}, log={"buffer": "64"})
        statuses = []

        def is_refused():
            statuses.append(proxy.request("plain", "GET", "/bucket/" + KEY).status)
            return statuses[-1] == 503
        lib.wait_until(is_refused, 30, "503")
        self.assertEqual(set(statuses), {200, 503})
        stuck.settimeout(30)

        def take():
            return re.sub(r"^<86>.{15} s3onramp-audit\[\d+\]: ", "", stuck.recv(1 << 17).decode())
        lines = []
        while sum(line.get("status") == 200 for line in lines) < statuses.count(200):
            lines.append(json.loads(take()))
        self.judge_numbers([line for line in lines if line["thread"] != "control"])

        def is_served():
            return proxy.request("plain", "GET", "/bucket/object").status == 200
        lib.wait_until(is_served, 30, "200")

    def test_daemon_that_is_not_there(self):
        proxy = self.start({"required": "yes", "to": "journald:%s" % (lib.WORK / "later.sock")})

        def is_refused():
            return proxy.request("plain", "GET", "/bucket/object").status == 503
        lib.wait_until(is_refused, 30, "503")
        daemon = Daemon(lib.WORK / "later.sock")
        self.addCleanup(daemon.stop)
        lib.wait_until(lambda: not is_refused(), 30, "200")
        lib.wait_until(lambda: any('"status":200' in text for text in daemon.got), 30, "its line")
        self.assertIn("SYSLOG_IDENTIFIER=s3onramp-audit\n", daemon.got[0])


class Daemons(Case):
    def test_syslog_goes_and_comes_back(self):
        """Log and access lines: all of them arrive, before or after."""
        path = lib.WORK / "log.sock"
        daemon = Daemon(path)
        proxy = self.start({"to": "off"}, log={"to": "syslog:%s" % path, "access": "syslog:%s" % path})
        for _ in range(20):
            proxy.request("plain", "GET", "/bucket/object")
        lib.wait_until(lambda: self.log("access")["waiting"] == 0, 30, "all lines written")
        daemon.stop()
        for _ in range(20):
            self.assertEqual(proxy.request("plain", "GET", "/bucket/object").status, 200)
        lib.wait_until(lambda: self.log("access")["reason"] == "nobody reads it", 30, "that nobody reads it")
        again = Daemon(path)
        lib.wait_until(lambda: self.log("access")["waiting"] == 0, 30, "all lines written")
        log = self.log("access")
        self.assertEqual((log["written"], log["lost"], log["to"]), (40, 0, "syslog:%s" % path))
        proxy.stop()
        again.stop()
        got = daemon.got + again.got
        self.assertEqual(sum(" s3onramp-access[%d]: " % proxy.process.pid in text for text in got), 40)
        self.assertTrue(all(re.match(r"<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d s3onramp-access\[\d+\]: \{", text)
                            for text in got if "s3onramp-access" in text))
        self.assertTrue(any("s3onramp[" in text and "stopped" in text for text in again.got))

    def test_the_log_moves_while_it_runs(self):
        path = lib.WORK / "moved.sock"
        daemon = Daemon(path)
        self.addCleanup(daemon.stop)
        proxy = self.start({"to": "off"})
        proxy.config.write_text(proxy.config.read_text().replace("[log]\n", "[log]\nto = journald:%s\n" % path))
        proxy.command("reload")
        lib.wait_until(lambda: any("is in force" in text for text in daemon.got), 30, "the sentence")
        self.assertEqual(self.log("log")["to"], "journald:%s" % path)
        self.assertIn("SYSLOG_IDENTIFIER=s3onramp\n", daemon.got[0])

    def test_as_s3_writes_it(self):
        proxy = self.start({"to": "off"}, log={"access_format": "s3"}, server={"workers": 1})
        proxy.request("tls", "PUT", "/bucket/a%20key", body=b"12345")
        proxy.request("plain", "GET", "/bucket/a%20key", key=None)
        proxy.request("plain", "GET", "/healthz", key=None)
        proxy.stop()
        put, get, page = (re.findall(r'\[[^\]]+\]|"[^"]*"|\S+', line) for line in proxy.access_file.read_text().splitlines())
        self.assertEqual(len(put), 26)
        self.assertEqual((put[1], put[4], put[6], put[7], put[8], put[9], put[12], put[19], put[21]),
                         ("bucket", "alice", "REST.PUT.OBJECT", "a%20key", '"PUT /bucket/a%20key HTTP/1.1"', "200", "5", "SigV4",
                          "AuthHeader"))
        self.assertTrue(put[23].startswith("TLSv1."), put)
        self.assertEqual((page[6], page[7], page[9]), ("PROXY.GET", "-", "200"))
        self.assertEqual((get[4], get[9], get[10], get[19], get[23]), ("-", "403", "AccessDenied", "-", "-"))


if __name__ == "__main__":
    lib.main()
