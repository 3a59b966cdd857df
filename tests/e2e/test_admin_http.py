# SPDX-License-Identifier: Apache-2.0
"""[admin] listen: who may ask what over HTTP, how long answers leave, and what becomes of it in a reload and an upgrade."""
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import unittest

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


def settings(**keys):
    """The [admin] section from now on."""
    proxy = lib.Case.proxy
    text = proxy.config.read_text()
    begin = text.index("[admin]")
    end = text.index("[", begin + 1)
    proxy.config.write_text(text[:begin] + lib.section("admin", socket=proxy.admin_socket, **keys) + text[end:])


def reload(check=True):
    return lib.run(lib.PROGRAM, "reload", "-c", lib.Case.proxy.config, check=check)


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
            self.assertLess(proxy.rss_kib() - before, 16 * 1024)
            whole = json.loads(get("/api/status?clients=yes")[2])
            self.assertGreater(len(whole["clients"]), 20000)


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
