# SPDX-License-Identifier: Apache-2.0
"""[admin] listen: who may ask what over HTTP, how long answers leave, and what becomes of it in a reload and an upgrade."""
import datetime
import fcntl
import http.client
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import termios
import time

import lib

TOKEN = "a-token-of-32-characters-abcdefgh"


def setUpModule():
    global endpoint, port
    endpoint = lib.start_endpoint()
    port = lib.free_port()
    lib.Case.proxy = lib.Proxy(["%s:%d" % endpoint.addresses[0][:2]])
    settings(listen="127.0.0.1:%d" % port)
    reload()


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


def settings(proxy=None, **keys):
    """The [admin] section from now on."""
    proxy = proxy or lib.Case.proxy
    text = proxy.config.read_text()
    begin = text.index("[admin]")
    end = text.index("[", begin + 1)
    proxy.config.write_text(text[:begin] + lib.section("admin", socket=proxy.admin_socket, **keys) + text[end:])


def reload(check=True, proxy=None):
    return lib.run(lib.PROGRAM, "reload", "-c", (proxy or lib.Case.proxy).config, check=check)


def get(path, method="GET", at=None, tls=None, headers=None, host=None):
    """status, headers, body"""
    connection = http.client.HTTPSConnection("localhost", at or port, timeout=30, context=tls) if tls else \
        http.client.HTTPConnection("127.0.0.1", at or port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=host is not None)
        for name, value in {**({"Host": host} if host else {}), **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


class Questions(lib.Case):
    def test_a_read_only_command(self):
        status, headers, body = get("/api/status?clients=yes")
        answer = json.loads(body)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        self.assertEqual(answer["endpoints"][0]["name"], "tokyo")
        self.assertIn("alice", [c["name"] for c in answer["clients"]])
        self.assertNotIn("clients", json.loads(get("/api/status?clients=no")[2]))
        self.assertEqual(json.loads(get("/api/credentials")[2])["credentials"][0]["name"], "default")
        self.assertIn("alice", [c["name"] for c in json.loads(get("/api/clients")[2])["clients"]])

    def test_metrics_in_the_format_that_is_wanted(self):
        for accept, wanted in ((None, "text/plain; version=0.0.4"), ("*/*", "text/plain; version=0.0.4"),
                               ("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3",
                                "application/openmetrics-text; version=1.0.0"),
                               ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.3",
                                "text/plain; version=0.0.4")):
            status, headers, body = get("/metrics", headers={"Accept": accept} if accept else {})
            self.assertEqual((status, headers["Content-Type"]), (200, wanted + "; charset=utf-8"))
            self.assertEqual(body.endswith(b"# EOF\n"), "openmetrics" in wanted)
            self.assertIn(b"# TYPE s3onramp_", body)
        self.assertEqual(get("/api/metrics")[0], 404)

    def test_a_command_that_changes_something_is_not_there(self):
        for path in ("/api/drain", "/api/drop?credentials=default", "/api/reload", "/api/upgrade", "/api/nothing", "/api/",
                     "/api/status/", "/nothing"):
            self.assertEqual(get(path)[0], 404, path)

    def test_wrong_arguments_are_said(self):
        for query in ("clients=maybe", "nothing=1", "command=drain", "a&b&c&d&e", "%zz=1", "clients=" + "x" * 300):
            self.assertEqual(get("/api/status?" + query)[0], 400, query)

    def test_every_answer_keeps_browsers_apart(self):
        for path in ("/", "/api/status", "/nothing"):
            headers = get(path)[1]
            self.assertEqual((headers["Cache-Control"], headers["X-Content-Type-Options"]), ("no-store", "nosniff"))
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.assertFalse([name for name in headers if name.startswith("Access-Control")])

    def test_only_get_and_head(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            status, headers, _ = get("/api/status", method, headers={"Content-Length": "0"})
            self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        for path in ("/api/status?clients=yes", "/", "/nothing"):
            status, headers, body = get(path, "HEAD")
            self.assertEqual((status, body), (get(path)[0], b""))

    def test_names_of_others_are_refused(self):
        self.assertEqual(get("/api/status", host="rebound.example:%d" % port)[0], 421)
        self.assertEqual(get("/api/status", host="localhost:1")[0], 200)

    def test_connections_are_kept(self):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for path in ("/api/status?clients=yes", "/nothing", "/", "/api/credentials"):
            connection.request("GET", path)
            connection.getresponse().read()
            peer = connection.sock.getsockname()
        self.assertEqual(connection.sock.getsockname(), peer)
        connection.close()
        with socket.create_connection(("127.0.0.1", port), 30) as sock:  # two at once, the last one of HTTP/1.0
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api/status HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: sock.recv(65536), b""))
        self.assertEqual(text.count(b"HTTP/1.1 200 OK"), 2)
        self.assertEqual(json.loads(text[text.rindex(b"\r\n\r\n"):])["state"], "serving")

    def test_what_is_no_question_is_refused(self):
        for text, status in ((b"GET / HTTP/1.1\r\n\r\n", 400), (b"nonsense\r\n\r\n", 400), (b"\0\0\0\r\n\r\n", 400),
                             (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 431),
                             (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", 413)):
            with socket.create_connection(("127.0.0.1", port), 30) as sock:
                sock.sendall(text)
                answer = b"".join(iter(lambda: sock.recv(65536), b""))
            self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), (text[:60], answer[:60]))


    def test_requests_under_way(self):
        with self.proxy.connect("legacy") as connection:
            connection.send(b"PUT /bucket/slow HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n%s" %
                            (self.proxy.host("legacy").encode(), b"x" * 300000))
            found = []

            def under_way():
                found[:] = [r for r in json.loads(get("/api/requests")[2])["requests"] if r["key"] == "slow" and r["bytes_in"]]
                return found
            lib.wait_until(under_way, 30, "the request")
            # The page's look is a few seconds old at most.
            lib.wait_until(lambda: [t["key"] for t in json.loads(get("/api/overview")[2])["transfers"]["list"]] == ["slow"], 30, "the same there")
        self.assertEqual({name: found[0][name] for name in ("listener", "client", "operation", "bucket", "endpoint",
                                                            "bytes_in_all", "bytes_out", "bytes_out_all", "tries")},
                         {"listener": "legacy", "client": "alice", "operation": "PutObject", "bucket": "bucket",
                          "endpoint": "tokyo", "bytes_in_all": 1000000, "bytes_out": 0, "bytes_out_all": None, "tries": 1})
        self.assertLessEqual(found[0]["bytes_in"], 300000)
        lib.wait_until(lambda: not json.loads(get("/api/requests")[2])["requests"], 30, "its end")


class Bounds(lib.Case):
    def test_silent_connections_lock_nobody_out(self):
        silent = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(300)]
        for _ in range(5):
            self.assertEqual(get("/api/status")[0], 200)
        for sock in silent:
            sock.settimeout(30)
        self.assertEqual(silent[0].recv(1), b"")  # the oldest made room; and all end in time
        self.assertEqual(silent[-1].recv(1), b"")
        for sock in silent:
            sock.close()

    def test_a_reader_that_takes_nothing_is_left(self):
        proxy = self.proxy
        clients = proxy.folder / "clients.ini"
        clients.touch(0o600)
        clients.write_text("".join(lib.Proxy.client("many%05d" % i, ("S3ORMANY%05d" % i, "x" * 40), "read-only")
                                   for i in range(20000)))
        reload()
        self.addCleanup(reload)
        self.addCleanup(clients.write_text, "")
        before = proxy.rss_kib()
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(60)
            sock.connect(("127.0.0.1", port))
            sock.sendall(b"GET /api/status?clients=yes HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for _ in range(20):
                self.assertEqual(get("/api/status")[0], 200)
            if not os.environ.get("S3ONRAMP_SANITIZER"):  # they keep what was freed
                self.assertLess(proxy.rss_kib() - before, 16 * 1024)
            whole = json.loads(get("/api/status?clients=yes")[2])
            self.assertGreater(len(whole["clients"]), 20000)


class Health(lib.Case):
    """Its proxy is its own: it ends, and its endpoint goes away."""

    @classmethod
    def setUpClass(cls):
        cls.port = lib.free_port()
        cls.endpoint = lib.start_endpoint()
        cls.proxy = lib.Proxy(["%s:%d" % cls.endpoint.addresses[0][:2]], name="health", server={"drain_delay": "20s"},
                              endpoint={"probe_interval": "200ms", "fall": "1", "probe": "tcp"})
        settings(cls.proxy, listen="127.0.0.1:%d" % cls.port, token=TOKEN)
        reload(proxy=cls.proxy)
        cls.config = cls.proxy.config.read_text()

    @classmethod
    def tearDownClass(cls):
        cls.proxy.stop()
        del cls.proxy

    def put(self, text):
        self.proxy.config.write_text(text)
        return reload(proxy=self.proxy, check=False)

    def ready(self):
        status, _, body = get("/readyz", at=self.port)
        return status, body.decode().splitlines()

    def wait_ready(self, status, line=None):
        lib.wait_until(lambda: self.ready()[0] == status and (not line or line in self.ready()[1]), 30,
                       "%d %s; it says %s" % (status, line, self.ready()))

    def status_code(self, *words):
        return lib.run(lib.PROGRAM, "status", *words, "-c", self.proxy.config, check=False).returncode

    def test_1_strangers_are_told(self):
        for headers in ({}, {"Host": "balancer.example"}, {"Authorization": "Bearer nothing"}):
            host = headers.pop("Host", None)
            self.assertEqual(get("/healthz", at=self.port, headers=headers, host=host)[::2], (200, b"ok\n"))
            self.assertEqual(get("/readyz", at=self.port, headers=headers, host=host)[::2], (200, b"ready\n"))
        json_please = {"Accept": "application/json"}
        self.assertEqual(json.loads(get("/healthz", at=self.port, headers=json_please)[2]), {"alive": True})
        self.assertEqual(json.loads(get("/readyz", at=self.port, headers=json_please)[2]),
                         {"ready": True, "why_not": [], "notes": []})
        with socket.create_connection(("127.0.0.1", self.port), 30) as sock:  # as HAProxy asks, without a Host
            sock.sendall(b"HEAD /readyz HTTP/1.0\r\n\r\n")
            self.assertTrue(b"".join(iter(lambda: sock.recv(65536), b"")).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(self.status_code(), 0)

    def test_1_strangers_fetch_what_clients_need(self):
        """Without the token, by any name, and the same as at the forward listener."""
        forward = self.proxy.ports["forward"]
        for path, content in (("/ca.pem", "application/x-x509-ca-cert"), ("/proxy.pac", "application/x-ns-proxy-autoconfig")):
            status, headers, body = get(path, at=self.port, host="proxy.example:%d" % self.port)
            self.assertEqual((status, headers["Content-Type"]), (200, content))
            self.assertEqual(body, get(path, at=forward, host="proxy.example:%d" % forward)[2])
            status, head, nothing = get(path, "HEAD", at=self.port, host="proxy.example:%d" % self.port)
            self.assertEqual((status, head["Content-Length"], nothing), (200, str(len(body)), b""))
        self.assertEqual(get("/ca.pem", at=self.port)[2].decode(), self.proxy.ca_file.read_text())
        self.assertIn(b'"PROXY proxy.example:%d"' % forward, body)
        self.assertEqual(get("/proxy.pac", at=self.port, host="no name")[0], 400)
        with socket.create_connection(("127.0.0.1", self.port), 30) as sock:  # HTTP/1.0: by no name
            sock.sendall(b"GET /proxy.pac HTTP/1.0\r\n\r\n")
            self.assertTrue(b"".join(iter(lambda: sock.recv(65536), b"")).startswith(b"HTTP/1.1 400 "))

    def test_2_the_script_of_a_listener_that_is_elsewhere(self):
        self.addCleanup(self.put, self.config)
        self.put(self.config.replace("listen = 127.0.0.1:%d" % self.port, "listen = 127.0.0.2:%d" % self.port))
        script = lib.run("curl", "--silent", "--fail", "--noproxy", "*", "http://127.0.0.2:%d/proxy.pac" % self.port,
                         env=lib.clean_environment()).stdout
        self.assertIn('"PROXY 127.0.0.1:%d"' % self.proxy.ports["forward"], script)

    def test_2_what_there_is_not(self):
        self.addCleanup(self.put, self.config)
        said = self.put(re.sub(r"(?m)^\[listener (forward|tls|sniff)\]\n([^\[\n].*\n|\n)*", "", self.config))
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(get("/proxy.pac", at=self.port)[::2], (404, b"there is no listener with mode = forward\n"))
        self.assertEqual(get("/ca.pem", at=self.port)[::2], (404, b"there is no local authority\n"))

    def test_2_a_refused_reload_stays_ready_and_says_so(self):
        """Also if it is -c FILE that names the proxy: it is told of a file that it would not take."""
        said = self.put(self.config + "[endpoint tokyo]\nnonsense = 1\n")
        self.assertEqual(said.returncode, 1)
        self.assertEqual(said.stderr.count("nonsense"), 1, said.stderr)
        self.assertEqual(self.ready(), (200, ["ready", "note: the last reload was refused; the configuration before it is in "
                                                      "force"]))
        status = json.loads(lib.run(lib.PROGRAM, "status", "--json", "--socket", self.proxy.admin_socket).stdout)
        self.assertIn(str(self.proxy.config), status["readiness"]["reload_refused"])
        self.assertIn("the last reload was refused", lib.run(lib.PROGRAM, "status", "--socket", self.proxy.admin_socket).stdout)
        self.put(self.config)
        self.assertEqual(self.ready(), (200, ["ready"]))

    def test_2_audit_lines_that_cannot_be_kept(self):
        self.put(self.config + lib.section("audit", to="/dev/full", required="yes"))
        self.wait_ready(503, "audit lines cannot be kept, and [audit] required = yes")
        self.check(self.proxy.request("plain", "GET", "/bucket/none"), 503)
        self.put(self.config)
        self.wait_ready(200)

    def test_3_credentials_that_end(self):
        script = self.proxy.folder / "keys"
        script.write_text("#!/bin/sh\n[ -e '%s' ] && exit 1\ntouch '%s'\nend=$(($(date +%%s) + 8))\necho $end > '%s'\n" % (
            script.with_suffix(".once"), script.with_suffix(".once"), script.with_suffix(".ends")) +
                          "printf '{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", \"SessionToken\": "
                          "\"t\", \"Expiration\": \"%%s\"}' \"$(date -u -d @$end +%%Y-%%m-%%dT%%H:%%M:%%SZ)\"\n"
                          % lib.UPSTREAM_KEY)
        script.chmod(0o700)
        begin = self.config.index("[credentials default]")
        end = self.config.index("[", begin + 1)
        said = self.put(self.config[:begin] + lib.section("credentials default", source="process", command=script) +
                        self.config[end:])
        self.assertEqual(said.returncode, 0, said.stderr)
        ends = script.with_suffix(".ends")
        lib.wait_until(lambda: ends.exists() and ends.read_text().endswith("\n"), 30, "the first keys")
        lib.wait_until(lambda: time.time() >= int(ends.read_text()), 60, "their end")
        self.assertEqual(self.ready(), (503, ["not ready", "endpoint tokyo: its credentials default are expired"]))  # the first answer
        self.assertEqual(self.status_code(), 1)
        self.put(self.config)
        self.wait_ready(200)

    def test_4_what_ends_soon(self):
        self.assertEqual(self.status_code("--warn", "7d"), 0)
        self.put(self.config + "[client contractor]\npolicy = read-only\naccess_key_id = S3ORCONTRACTOR\nsecret_access_key = %s\nexpires = %s\n" %
                 ("x" * 40, (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)).strftime("%Y-%m-%d")))
        self.assertEqual([self.status_code("--warn", w) for w in ("7d", "1h")], [3, 0])
        self.assertEqual([e["what"] for e in json.loads(get("/api/status?warn=604800", at=self.port, headers={
            "Authorization": "Bearer " + TOKEN})[2])["expiring"]], ["[client contractor]"])
        self.assertIn("the local authority", lib.run(lib.PROGRAM, "status", "--warn", "3660d", "-c", self.proxy.config,
                                                     check=False).stdout)
        self.assertEqual(self.status_code("--warn", "soon"), 2)
        self.put(self.config)

    def test_5_all_addresses_are_down(self):
        self.endpoint.close()
        self.wait_ready(503, "endpoint tokyo: no address is up")
        self.assertEqual(get("/healthz", at=self.port)[0], 200)
        self.assertEqual(self.status_code(), 1)

    def test_6_it_ends(self):
        self.proxy.process.send_signal(signal.SIGTERM)
        self.wait_ready(503, "it is ending: leaving")
        self.assertEqual(get("/healthz", at=self.port)[0], 200)


class Watch(lib.Case):
    """s3onramp status --watch in a terminal."""

    def start(self, rows, columns):
        self.master, self.slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, self.slave)
        self.size(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.text = ""
        process = subprocess.Popen([lib.PROGRAM, "status", "--watch", "-c", self.proxy.config], stdin=self.slave,
                                   stdout=self.slave, stderr=self.slave, env={**self.proxy.environment(), "TERM": "xterm"},
                                   start_new_session=True,
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(process.kill)
        return process

    def size(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, condition, what):
        """Reads on meanwhile."""
        def more():
            while select.select([self.master], [], [], 0)[0]:
                self.text += os.read(self.master, 65536).decode()
            return condition()
        lib.wait_until(more, 30, what + "; there is " + repr(self.text[-2000:]))

    def frame(self):
        """The lines of the last whole picture, without colours."""
        frames = re.findall(r"\x1b\[H(.*?)\x1b\[0m\x1b\[J", self.text, re.S)
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", frames[-1]).split("\n")[:-1] if frames else []

    def check_given_back(self):
        self.assertEqual(termios.tcgetattr(self.slave), self.before)
        self.wait_for(lambda: self.text.endswith("\x1b[?25h\x1b[?1049l"), "the first page and the cursor")

    def test_drawn_resized_and_ended(self):
        process = self.start(24, 100)
        self.wait_for(lambda: any("tokyo" in line for line in self.frame()), "a picture")
        self.assertIn("ANSWERS/s", "".join(self.frame()))
        self.assertNotEqual(termios.tcgetattr(self.slave), self.before)
        self.assertLessEqual(max(map(len, self.frame())), 100, self.frame())
        self.text = ""
        self.size(5, 20)
        self.wait_for(lambda: self.frame() and max(map(len, self.frame())) <= 20, "a smaller picture")
        self.assertEqual(len(self.frame()), 4)
        os.write(self.master, b"xq")
        self.wait_for(lambda: process.poll() is not None, "the end")
        self.assertEqual(process.returncode, 0)
        self.check_given_back()

    def test_rates(self):
        process = self.start(24, 200)
        self.wait_for(lambda: any("tokyo" in line for line in self.frame()), "a picture")

        def answers():
            self.check(self.proxy.request("legacy", "PUT", "/bucket/watched", b"x", key=None), 200)
            row = [line.split() for line in self.frame() if line.strip().startswith("127.0.0.1:")][0]
            return float(row[5]) > 0
        self.wait_for(answers, "a rate of answers")
        process.send_signal(signal.SIGTERM)
        self.wait_for(lambda: process.poll() is not None, "the end")
        self.check_given_back()

    def test_stopped_and_gone_on(self):
        process = self.start(24, 100)
        self.wait_for(self.frame, "a picture")
        process.send_signal(signal.SIGTSTP)
        lib.wait_until(lambda: pathlib.Path("/proc/%d/stat" % process.pid).read_text().split()[2] == "T", 30, "it is stopped")
        self.check_given_back()
        self.text = ""
        process.send_signal(signal.SIGCONT)
        self.wait_for(self.frame, "a picture again")
        os.write(self.master, b"\x03")
        self.wait_for(lambda: process.poll() is not None, "the end by ^C")
        self.check_given_back()


class Changes(lib.Case):
    def tearDown(self):
        settings(listen="127.0.0.1:%d" % port)
        reload()
        super().tearDown()

    def test_other_addresses_and_none(self):
        other = lib.free_port()
        settings(listen="127.0.0.1:%d, 127.0.0.1:%d" % (port, other))
        said = reload().stdout
        self.assertIn("[admin] listen", said)
        self.assertEqual([get("/api/status", at=p)[0] for p in (port, other)], [200, 200])
        kept = http.client.HTTPConnection("127.0.0.1", other, timeout=30)
        kept.request("GET", "/")
        kept.getresponse().read()
        settings()
        reload()
        self.assertEqual(kept.sock.recv(1), b"")
        for p in (port, other):
            with self.assertRaises(OSError):
                get("/api/status", at=p)

    def test_what_cannot_be_is_refused_as_a_whole(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            settings(listen="127.0.0.1:%d, 127.0.0.1:%d" % (port, taken.getsockname()[1]))
            done = reload(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("already", done.stdout + done.stderr)
        self.assertEqual(get("/api/status")[0], 200)

    def test_a_token(self):
        settings(listen="127.0.0.1:%d" % port, token=TOKEN)
        self.assertNotIn(TOKEN, reload().stdout)
        status, headers, _ = get("/api/status")
        self.assertEqual((status, headers["WWW-Authenticate"]), (401, 'Bearer realm="s3onramp"'))
        self.assertEqual(get("/api/status", headers={"Authorization": "Bearer " + TOKEN})[0], 200)
        self.assertEqual(get("/api/status", headers={"Authorization": "Bearer " + TOKEN[:-1]})[0], 401)
        file = self.proxy.folder / "token"
        file.write_text("another-" + TOKEN + "\n")
        file.chmod(0o600)
        settings(listen="127.0.0.1:%d" % port, token="file:token")
        reload()
        self.assertEqual(get("/api/status", headers={"Authorization": "Bearer another-" + TOKEN})[0], 200)
        self.assertEqual(get("/api/status", headers={"Authorization": "Bearer " + TOKEN})[0], 401)
        for path in (self.proxy.stderr, self.proxy.access_file):
            self.assertNotIn(TOKEN, path.read_text() if path.exists() else "")

    def test_tls_with_a_certificate_of_the_authority_and_an_own_one(self):
        context = ssl.create_default_context(cafile=self.proxy.ca_file)
        settings(listen="127.0.0.1:%d" % port, tls="yes", token=TOKEN)
        reload()
        bearer = {"Authorization": "Bearer " + TOKEN}
        self.assertEqual(get("/api/status?clients=yes", tls=context, headers=bearer)[0], 200)
        with socket.create_connection(("127.0.0.1", port), 30) as sock, self.assertRaises(ssl.SSLError):
            context.wrap_socket(sock, server_hostname="s3.ap-northeast-1.amazonaws.com")
        with self.assertRaises((http.client.HTTPException, OSError)):
            get("/api/status", headers=bearer)
        certificates = lib.certificates()
        settings(listen="127.0.0.1:%d" % port, tls="yes", token=TOKEN, certificate=certificates / "endpoint.pem",
                 private_key=certificates / "endpoint.key")
        reload()
        own = ssl.create_default_context(cafile=certificates / "ca.pem")
        own.check_hostname = False
        self.assertEqual(get("/api/status", tls=own, headers=bearer)[0], 200)

    def test_check_demands_what_strangers_make_needed(self):
        for keys, word in ((dict(listen="0.0.0.0:%d" % port), "tls = yes and token"),
                           (dict(listen="0.0.0.0:%d" % port, tls="yes"), "tls = yes and token"),
                           (dict(token=TOKEN), "no effect without `listen`"),
                           (dict(listen="127.0.0.1:%d" % port, token="short"), "a token has 16"),
                           (dict(listen="127.0.0.1:%d" % self.proxy.ports["plain"]), "already bound by listener")):
            settings(**keys)
            done = lib.run(lib.PROGRAM, "check", "-c", self.proxy.config, check=False)
            self.assertEqual(done.returncode, 1, keys)
            self.assertIn(word, done.stdout + done.stderr)

    def test_an_upgrade_hands_it_over(self):
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        kept.request("GET", "/")
        kept.getresponse().read()
        lib.run(lib.PROGRAM, "upgrade", "-c", self.proxy.config)
        lib.wait_until(lambda: self.proxy.process.poll() is not None, 30, "the end of the process before")
        self.assertEqual(kept.sock.recv(1), b"")
        self.assertEqual(json.loads(get("/api/status")[2])["state"], "serving")
        self.proxy.process = Adopted(self.proxy)


class Adopted:
    """The process that an upgrade started, as lib.Proxy ends and looks at it."""

    returncode = 0

    def __init__(self, proxy):
        text = subprocess.run(["ss", "-Hltnp", "sport = :%d" % port], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.pid = int(text.split("pid=")[1].split(",")[0])

    def poll(self):
        return None if pathlib.Path("/proc/%d" % self.pid).exists() else 0

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds=30):
        lib.wait_until(lambda: self.poll() is not None, seconds, "the end")
        return 0


if __name__ == "__main__":
    lib.main()
