# SPDX-License-Identifier: Apache-2.0
"""CONNECT to tunnels: clients that keep their own AWS keys and trust the endpoint's own certificate, and allow-listed
private hosts. Every byte comes through once and in order, each end by itself, and no tunnel leads anywhere else."""
import filecmp
import hashlib
import os
import select
import socket
import ssl
import struct
import threading
import time

import lib
import s3raw

MIB = 1 << 20
BIG = 96 * MIB if not lib.SANITIZER else 32 * MIB
HOST = "sts.%s.amazonaws.com" % lib.REGION


class Server(lib.Server):
    """Keeps what it was asked by: their ends are looked at."""

    def __init__(self, serve):
        self.seen = []
        super().__init__(serve)

    def run(self, sock):
        self.seen.append(sock)
        super().run(sock)


def echo(sock):
    while data := sock.recv(1 << 16):
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def digest_at_end(sock):
    """Reads to the end, then says what it was: only right if each end is passed on by itself."""
    found = hashlib.sha256()
    while data := sock.recv(1 << 16):
        found.update(data)
    sock.sendall(found.hexdigest().encode())
    sock.close()


def block(i):
    return hashlib.shake_256(b"%d" % (i % 16)).digest(MIB)


def pour(sock):
    for i in range(BIG // MIB):
        sock.sendall(block(i))
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)


def greet(sock):
    sock.sendall(b"hello, I speak first\n")
    echo(sock)


def reset(sock):
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def setUpModule():
    global ceph, servers, closed
    ceph = lib.Ceph()
    servers = {name: Server(serve) for name, serve in (("echo", echo), ("digest", digest_at_end), ("pour", pour), ("greet", greet),
                                                       ("reset", reset), ("idle", lambda sock: sock.recv(1)))}
    closed = lib.free_port()
    sections = ""
    for name, server in servers.items():
        sections += lib.section("tunnel " + name, hosts="%s.example" % name, addresses=server.address)
    sections += lib.section("tunnel sts", hosts=HOST, addresses="127.0.0.1:%d, %s" % (closed, servers["echo"].address))
    sections += lib.section("tunnel dead", hosts="dead.example", addresses="127.0.0.1:%d" % closed)
    # An address that nobody has, inside the gateway's own network namespace: packets for it are dropped there.
    hole = ceph.addresses[0].rpartition(".")[0] + ".99"
    sections += lib.section("tunnel hole", hosts="hole.example", addresses=hole, connect_timeout="300ms")  # the default is 3s
    sections += lib.section("tunnel port", hosts="port.example", addresses=servers["echo"].address, port="8443")
    all_hosts = "s3.*, *.s3.*, *.example, %s" % HOST
    lib.Case.proxy = lib.Proxy(
        ceph.addresses, server={"tunnel_idle_timeout": "10m", "shutdown_timeout": "20s"},
        listeners={"tunnel": dict(mode="forward", intercept="none", tunnel=all_hosts),
                   "tunnel-tls": dict(mode="forward", intercept="none", tunnel=all_hosts, tls="on"),
                   "mixed": dict(mode="forward", tunnel="direct.s3.*", intercept="s3.*, mixed.s3.*"),
                   "per-client": dict(mode="forward", proxy_auth="optional"),
                   "narrow": dict(mode="forward", tunnel="echo.example")},
        extra=sections + lib.section("client carol", policy="read-only", password=carol_hash(), tunnel="s3.*, echo.example"))


def carol_hash():
    return lib.run("openssl", "passwd", "-6", "carols password").stdout.strip()


def tearDownModule():
    lib.Case.proxy.stop()
    for server in servers.values():
        server.close()
    ceph.close()


class Tunnel(lib.Case):
    def ask(self, listener, host, port=443, first=b"", authorization=None, tls_name=None):
        """The connection and the answer to CONNECT; first: bytes in the same segment."""
        connection = s3raw.Connection(self.proxy.address(listener))
        if listener == "tunnel-tls":
            connection.sock = s3raw.tls_context(self.proxy.ca_file).wrap_socket(connection.sock, server_hostname="127.0.0.1")
        field = "Proxy-Authorization: Basic %s\r\n" % authorization if authorization else ""
        connection.send(("CONNECT %s:%d HTTP/1.1\r\n%s\r\n" % (host, port, field)).encode() + first)
        return connection, connection.read_answer("CONNECT")

    def open(self, listener, host, **options):
        connection, answer = self.ask(listener, host, **options)
        self.assertEqual(answer.status, 200, answer.body)
        return connection

    def line_with(self, **fields):
        def found():
            return [x for x in self.proxy.access_lines() if all(x.get(k) == v for k, v in fields.items())]
        lib.wait_until(found, 10, "access line with %s" % fields)
        return found()[-1]

    # -- real clients

    def environment(self, listener, **more):
        scheme = "https" if listener == "tunnel-tls" else "http"
        return lib.clean_environment(
            AWS_ACCESS_KEY_ID=lib.UPSTREAM_KEY[0], AWS_SECRET_ACCESS_KEY=lib.UPSTREAM_KEY[1], AWS_DEFAULT_REGION=lib.REGION,
            AWS_CA_BUNDLE=lib.certificates() / "ca.pem", AWS_MAX_ATTEMPTS="1",
            HTTPS_PROXY="%s://127.0.0.1:%d" % (scheme, self.proxy.ports[listener]), **more)

    def test_aws_with_its_own_keys_and_the_endpoints_certificate(self):
        """Nothing is set but HTTPS_PROXY (and, for this endpoint of the tests, its authority)."""
        source, back = lib.WORK / "aws-source", lib.WORK / "aws-back"
        source.write_bytes(os.urandom(24 * MIB))
        environment = self.environment("tunnel")

        def aws(*words):
            return lib.run("/usr/bin/aws", *words, env=environment).stdout
        ceph.request("PUT", "/tunnelled")
        aws("s3", "cp", "--no-progress", source, "s3://tunnelled/object")
        aws("s3", "cp", "--no-progress", "s3://tunnelled/object", back)
        self.assertTrue(filecmp.cmp(source, back, shallow=False))
        self.assertEqual(ceph.request("GET", "/tunnelled/object").body, source.read_bytes())
        lines = [x for x in self.proxy.access_lines() if x["operation"] == "tunnel" and x["listener"] == "tunnel" and
                 x["host"].endswith(lib.S3_NAME)]
        self.assertGreater(sum(x["bytes_in"] for x in lines), 24 * MIB)
        self.assertGreater(sum(x["bytes_out"] for x in lines), 24 * MIB)
        self.assertTrue(all(x["address"].split(":")[0] in ceph.addresses and x["endpoint"] == "tokyo" for x in lines), lines)

    def test_curl_through_a_tunnel_inside_tls(self):
        source, back = lib.WORK / "curl-source", lib.WORK / "curl-back"
        source.write_bytes(os.urandom(16 * MIB))
        ceph.request("PUT", "/curl-bucket")
        common = ["/usr/bin/curl", "-sS", "--fail", "--proxy-cacert", self.proxy.ca_file, "--cacert", lib.certificates() / "ca.pem",
                  "--aws-sigv4", "aws:amz:%s:s3" % lib.REGION, "--user", "%s:%s" % lib.UPSTREAM_KEY,
                  "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
        url = "https://%s/curl-bucket/object" % lib.S3_NAME
        lib.run(*common, "-T", source, url, env=self.environment("tunnel-tls"))
        lib.run(*common, "-o", back, url, env=self.environment("tunnel-tls"))
        self.assertTrue(filecmp.cmp(source, back, shallow=False))
        self.assertGreater(self.line_with(listener="tunnel-tls", operation="tunnel", host=lib.S3_NAME)["bytes_out"], 0)

    # -- what is let through

    def test_each_host_goes_its_way(self):
        for listener, host, port, status in (
                ("mixed", "direct." + lib.S3_NAME, 443, 200), ("mixed", lib.S3_NAME, 443, 200), ("mixed", lib.S3_NAME, 80, 200),
                ("mixed", "direct." + lib.S3_NAME, 80, 403), ("mixed", "other." + lib.S3_NAME, 443, 200),  # refused inside
                ("mixed", "echo.example", 443, 403), ("narrow", "echo.example", 443, 200), ("narrow", "echo.example", 80, 403),
                ("narrow", HOST, 443, 403), ("narrow", "pour.example", 443, 403), ("tunnel", HOST, 443, 200),
                ("tunnel", "port.example", 8443, 200), ("tunnel", "port.example", 443, 403), ("tunnel", "other.example", 443, 403),
                ("tunnel", "s3.eu-west-1.amazonaws.com", 443, 403), ("tunnel", "s3.amazonaws.com", 443, 403),
                ("tunnel", "169.254.169.254", 443, 403), ("tunnel", "127.0.0.1", 443, 403), ("tunnel", "localhost", 443, 403),
                ("tunnel", servers["echo"].address.partition(":")[0], int(servers["echo"].address.partition(":")[2]), 403),
                ("forward", HOST, 443, 403), ("forward", "echo.example", 443, 403)):
            with self.subTest(listener, host=host, port=port):
                connection, answer = self.ask(listener, host, port)
                self.assertEqual(answer.status, status, answer.body)
                connection.close()
        self.assertEqual(self.line_with(listener="mixed", host=lib.S3_NAME)["operation"], "CONNECT")
        self.assertEqual(self.line_with(listener="mixed", host="direct." + lib.S3_NAME, status=200)["operation"], "tunnel")

    def test_interception_is_not_a_way_around(self):
        """Plain requests are intercepted by their nature: only where `intercept` lets them."""
        for host, status in ((lib.S3_NAME, 403), ("mixed." + lib.S3_NAME, 403)):
            with s3raw.Connection(self.proxy.address("tunnel")) as connection:
                connection.send(s3raw.head("GET", "http://%s/" % host, [("Host", host)]))
                answer = self.check(connection.read_answer(), status)
                self.assertIn(b"tunnel only", answer.body)

    def test_a_client_may_have_ways_of_its_own(self):
        carol = "Y2Fyb2w6Y2Fyb2xzIHBhc3N3b3Jk"
        for host, authorization, operation in ((lib.S3_NAME, None, "CONNECT"), (lib.S3_NAME, carol, "tunnel"),
                                               ("echo.example", carol, "tunnel"), ("echo.example", None, None)):
            connection, answer = self.ask("per-client", host, authorization=authorization)
            connection.close()
            self.assertEqual(answer.status, 200 if operation else 403, answer.body)
            if operation:
                line = self.line_with(listener="per-client", host=host, operation=operation)
                self.assertEqual((line["client"], line["auth"]), ("carol", "password") if authorization else ("", ""))

    def hello(self, name):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.assertRaises(ssl.SSLWantReadError, context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake)
        return outgoing.read()

    def is_cut(self, host, first, later=()):
        """True if a tunnel with these bytes ends without one of the other side's; a reset may overtake the 200."""
        connection = None
        try:
            connection = self.open("tunnel", host, first=first)
            for piece in later:
                connection.send(piece)
            return connection.at_end()
        except (ConnectionResetError, BrokenPipeError):
            return True
        finally:
            if connection:
                connection.close()

    def test_tls_that_asks_for_another_name_is_cut(self):
        for host in (lib.S3_NAME, "echo.example"):
            for at_once in (True, False):
                before, served = len(self.proxy.access_lines()), len(servers["echo"].seen)
                hello = self.hello("secret." + lib.S3_NAME)
                pieces = [] if at_once else [hello[i:i + 100] for i in range(0, len(hello), 100)]
                self.assertTrue(self.is_cut(host, hello if at_once else b"", pieces))
                cut = lambda: [line for line in self.proxy.access_lines()[before:] if line["end"] == "tunnel_name"]
                lib.wait_until(cut, 5, "its access line")
                line = cut()[-1]
                self.assertEqual((line["host"], line["bytes_in"]), (host, 0))
                self.assertIn("secret." + lib.S3_NAME, line["detail"])
                lib.wait_until(lambda: len(servers["echo"].seen) == served + (host == "echo.example"))

    def test_s3_names_carry_tls_only(self):
        for data in (b"GET / HTTP/1.1\r\nHost: other\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 100):
            self.assertTrue(self.is_cut(lib.S3_NAME, data))

    def test_the_right_name_and_none_are_let_through(self):
        for name in ("echo.example", "ECHO.example", None):
            hello = self.hello(name)
            with self.open("tunnel", "echo.example", first=hello[:7]) as connection:
                connection.send(hello[7:])
                self.assertEqual(connection._exactly(len(hello)), hello)

    # -- bytes

    def test_bytes_behind_connect_are_not_lost(self):
        for listener in ("tunnel", "tunnel-tls"):
            for n in (1, 1000, 60000, 300000):
                data = os.urandom(n).replace(b"\x16", b"x")
                with self.open(listener, "echo.example", first=data) as connection:
                    self.assertTrue(connection._exactly(n) == data)
                    connection.send(b"and more")
                    self.assertEqual(connection._exactly(8), b"and more")

    def test_a_server_that_speaks_first(self):
        for listener in ("tunnel", "tunnel-tls"):
            with self.open(listener, "greet.example") as connection:
                self.assertEqual(connection._exactly(21), b"hello, I speak first\n")

    def test_half_close(self):
        for n in (0, 1, 5 * MIB):
            data = os.urandom(n).replace(b"\x16", b"x")
            with self.open("tunnel", "digest.example") as connection:
                connection.send(data)
                connection.sock.shutdown(socket.SHUT_WR)
                self.assertEqual(connection._exactly(64).decode(), hashlib.sha256(data).hexdigest())
                self.assertTrue(connection.at_end())
            line = self.line_with(host="digest.example", bytes_in=n, bytes_out=64)
            self.assertEqual((line["ended_by"], line["end"], line["status"]), ("client", "ok", 200))

    def test_the_servers_end_is_passed_on_first(self):
        with self.open("tunnel", "pour.example") as connection:
            found = hashlib.sha256(connection.buffer)  # what came together with the 200
            total = len(connection.buffer)
            while data := connection.sock.recv(1 << 18):
                found.update(data)
                total += len(data)
            expected = hashlib.sha256()
            for i in range(BIG // MIB):
                expected.update(block(i))
            self.assertEqual((total, found.hexdigest()), (BIG, expected.hexdigest()))
            connection.send(b"x")  # our direction is still open
        line = self.line_with(host="pour.example", bytes_out=BIG, bytes_in=1)
        self.assertEqual(line["ended_by"], "endpoint")

    def test_both_directions_at_once_with_slow_ends(self):
        """Back-pressure both ways: a window's worth is under way, no more."""
        for listener in ("tunnel", "tunnel-tls"):
            size, done = 24 * MIB, hashlib.sha256()
            data = b"".join(block(i) for i in range(24))
            before = self.proxy.rss_kib()
            connection = self.open(listener, "echo.example", first=b"x")
            self.assertEqual(connection._exactly(1), b"x")
            peak = 0
            if listener == "tunnel":
                sender = threading.Thread(target=connection.sock.sendall, args=(data,))
                sender.start()
                time.sleep(0.5)
                peak = self.proxy.rss_kib()
                got = 0
                while got < size:
                    piece = connection.sock.recv(1 << 18)
                    self.assertTrue(piece)
                    done.update(piece)
                    got += len(piece)
                sender.join()
            else:  # a TLS connection must not be used by two threads
                for i in range(0, size, 1 << 15):
                    connection.send(data[i:i + (1 << 15)])
                    done.update(connection._exactly(len(data[i:i + (1 << 15)])))
            self.assertEqual(done.hexdigest(), hashlib.sha256(data).hexdigest())
            connection.close()
            if not lib.SANITIZER:
                self.assertLess(peak - before, 4096)

    # -- ends

    def test_aborts_are_passed_on(self):
        with self.open("tunnel", "reset.example", first=b"x") as connection:
            connection.sock.settimeout(10)
            self.assertRaises(ConnectionResetError, connection.sock.recv, 1)
        self.assertEqual(self.line_with(host="reset.example")["end"], "up_gone")
        connection = self.open("tunnel", "pour.example")
        connection.sock.recv(100)
        sock = servers["pour"].seen[-1]
        connection.reset()
        line = self.line_with(host="pour.example", end="client_gone")
        self.assertEqual(line["ended_by"], "client")
        self.assertLess(line["bytes_out"], BIG)
        lib.wait_until(lambda: sock.fileno() < 0 or self.is_dead(sock), 5, "the server's side ends")

    @staticmethod
    def is_dead(sock):
        try:
            sock.send(b"x")
            return False
        except OSError:
            return True

    def test_idle_tunnels_end(self):
        """A proxy of its own has the short limit: elsewhere a busy machine's pauses would be taken for silence."""
        proxy = lib.Proxy(ceph.addresses, "idle", server={"tunnel_idle_timeout": "2s"},
                          listeners={"tunnel": dict(mode="forward", intercept="none", tunnel="*.example")},
                          extra="".join(lib.section("tunnel " + n, hosts=n + ".example", addresses=servers[n].address)
                                        for n in ("echo", "idle")))
        for _ in range(10):
            if max(self.one_idle_one_busy(proxy)) < 1.5:  # else we were held up ourselves, and it says little
                break
        proxy.stop()

    def one_idle_one_busy(self, proxy):
        """How long the busy one was silent each time."""
        pauses, started = [], time.monotonic()
        with s3raw.Connection(proxy.address("tunnel"), tunnel="idle.example:443") as idle, \
                s3raw.Connection(proxy.address("tunnel"), tunnel="echo.example:443") as busy:
            last = time.monotonic()
            try:
                while not self.readable(idle) and time.monotonic() - started < lib.PATIENCE_S:
                    busy.send(b"x")
                    busy._exactly(1)
                    time.sleep(0.2)
                    pauses.append(time.monotonic() - last)
                    last = time.monotonic()
                busy.send(b"x")  # bytes keep a tunnel open
                self.assertEqual(busy._exactly(1), b"x")
            except (OSError, s3raw.BrokenAnswer):
                pauses.append(time.monotonic() - last)
                self.assertGreater(pauses[-1], 1.5, "a busy tunnel was cut")
                return pauses
            self.assertTrue(idle.at_end())
        self.assertGreater(time.monotonic() - started, 1.9)
        line = [x for x in proxy.access_lines() if x["host"] == "idle.example"][-1]
        self.assertEqual((line["end"], line["ended_by"]), ("tunnel_idle", "idle"))
        return pauses

    @staticmethod
    def readable(connection):
        return bool(select.select([connection.sock], [], [], 0)[0])

    def test_addresses_that_fail(self):
        for _ in range(4):  # one of two addresses is dead
            with self.open("tunnel", HOST, first=b"x") as connection:
                self.assertEqual(connection._exactly(1), b"x")
        lib.wait_until(lambda: 2 in [x["attempts"] for x in self.proxy.access_lines() if x["host"] == HOST], 20,
                       "the access line of one that went to the dead address first")
        connection, answer = self.ask("tunnel", "dead.example")
        self.check(answer, 503)
        self.assertIn(b"could not be reached", answer.body)
        self.assertTrue(connection.at_end())  # nothing that follows is taken for a request
        connection.close()
        self.assertEqual(self.line_with(host="dead.example")["end"], "up_connect")

    def test_addresses_that_swallow(self):
        seconds = []
        while not seconds or (seconds[-1] > 2.5 and len(seconds) < 10):  # again, if a busy machine made it that long
            started = time.monotonic()
            connection, answer = self.ask("tunnel", "hole.example")
            seconds.append(time.monotonic() - started)
            connection.close()
            self.check(answer, 504)
            self.assertIn(b"in time", answer.body)
        self.assertLess(seconds[-1], 2.5, seconds)
        self.assertGreater(seconds[-1], 0.3)
        self.assertEqual(self.line_with(host="hole.example")["end"], "up_timeout")

    def test_idle_tunnels_cost_little(self):
        def descriptors():
            return len(os.listdir("/proc/%d/fd" % self.proxy.pid))
        before, files = self.proxy.rss_kib(), descriptors()
        tunnels = [self.open("tunnel", "echo.example", first=b"x") for _ in range(200)]
        for connection in tunnels:
            self.assertEqual(connection._exactly(1), b"x")
        grown, more = self.proxy.rss_kib() - before, descriptors() - files
        print("200 idle tunnels: %d KiB and %.2f descriptors each" % (grown / 200, more / 200), flush=True)
        if not lib.SANITIZER:
            self.assertLess(grown / 200, 16)
        self.assertLessEqual(more, 2 * 200 + 2 * 64)
        for connection in tunnels:
            connection.close()

    def test_stopping_lets_busy_tunnels_finish(self):
        proxy = lib.Proxy(ceph.addresses, "stopping", listeners={"tunnel": dict(mode="forward", intercept="none", tunnel="*.example")},
                          extra="".join(lib.section("tunnel " + n, hosts=n + ".example", addresses=servers[n].address)
                                        for n in ("echo", "pour", "idle")))
        connections = {}
        for name in ("pour", "idle"):
            connections[name] = s3raw.Connection(proxy.address("tunnel"), tunnel="%s.example:443" % name)
        stopper = threading.Thread(target=proxy.stop)
        stopper.start()
        total = len(connections["pour"].buffer)
        while data := connections["pour"].sock.recv(1 << 18):
            total += len(data)
            if total < 2 * MIB:
                time.sleep(0.02)
        self.assertEqual(total, BIG)
        connections["pour"].close()
        self.assertTrue(connections["idle"].at_end())
        stopper.join(10)
        self.assertFalse(stopper.is_alive())


if __name__ == "__main__":
    lib.main()
