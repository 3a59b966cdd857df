# SPDX-License-Identifier: Apache-2.0
"""Too many connections: silent ones lock nobody out, one source does not take all places, who is turned away is told so, and
a process without descriptors goes on serving what it has."""
import os
import pathlib
import resource
import socket
import threading
import time

import lib
import s3raw


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()


def tearDownModule():
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


class Limits(lib.Case):
    proxy = None

    def setUp(self):
        """Each test has a proxy of its own."""

    def tearDown(self):
        self.proxy.check_clean()

    def start(self, name, listeners=None, **server):
        self.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], name, listeners=listeners, server=dict(
            {"workers": 1, "header_timeout": "10m", "tls_timeout": "10m", "body_timeout": "10m"}, **server))
        self.addCleanup(self.proxy.kill)
        self.wait_open(0)  # those that looked whether it listens are gone

    def wait_open(self, n):
        lib.wait_until(lambda: self.figures()["open"] == n, 20, "%d connections" % n)

    def connect(self, listener="legacy", source="127.0.0.1", first=b""):
        sock = socket.create_connection(self.proxy.address(listener), timeout=60, source_address=(source, 0))
        self.addCleanup(sock.close)
        sock.sendall(first)
        return sock

    def get(self, listener="legacy", source="127.0.0.1", first=b""):
        """The answer to a request on a connection of its own; None: closed without one."""
        connection = s3raw.Connection.__new__(s3raw.Connection)
        connection.buffer = bytearray()
        try:
            connection.sock = self.connect(listener, source, first)
            connection.send(b"GET /bucket/fault/none HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return connection.read_answer()
        except (s3raw.BrokenAnswer, ConnectionResetError, BrokenPipeError):
            return None
        finally:
            connection.sock.close()

    def upload(self, **options):
        """A request that is under way for as long as its connection lasts."""
        before = self.in_flight()
        sock = self.connect(**options)
        sock.sendall(b"PUT /bucket/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n" + b"a" * 70000)
        lib.wait_until(lambda: self.in_flight() > before, 10, "the upload at the endpoint")
        return sock

    def in_flight(self):
        return sum(a["in_flight"] for a in self.proxy.states().values())

    def figures(self):
        return self.proxy.status()["connections"]

    def test_silent_connections_lock_nobody_out(self):
        self.start("silent", max_connections=12, max_connections_per_source=12)
        hello = b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03"
        for listener, first in (("legacy", b""), ("legacy", b"GET / HT"), ("tls", b""), ("tls", hello), ("sniff", hello),
                                ("forward", b"CONNECT")) * 2:
            self.connect(listener, first=first)
        self.wait_open(12)
        lib.wait_until(lambda: (answer := self.get()) and answer.status == 200, 20, "a place")
        self.assertGreater(self.figures()["closed_for_others"], 0)
        for _ in range(30):  # and it stays so, whoever was silent before
            self.connect()
        lib.wait_until(lambda: (answer := self.get()) and answer.status == 200, 20, "a place")
        self.proxy.stop()

    def test_who_is_turned_away_is_told(self):
        self.start("full", max_connections=2, max_connections_per_source=2)
        uploads = [self.upload(), self.upload()]
        answer = self.check(self.get(), 503, "SlowDown")
        self.assertEqual(self.proxy.line_of(answer)["end"], "too_many")
        self.assertEqual(self.check(self.get("sniff"), 503, "SlowDown").header("connection"), "close")
        self.assertIsNone(self.get("tls"))
        figures = self.figures()
        self.assertEqual((figures["open"], figures["max"], figures["refused"]), (2, 2, 3))
        self.assertIn("refused 3,", lib.run(lib.PROGRAM, "status", "-c", self.proxy.config, check=False).stdout)
        for sock in uploads:
            sock.close()
        lib.wait_until(lambda: (answer := self.get()) and answer.status == 200, 20, "a place")
        self.proxy.stop()

    def test_one_source_does_not_take_all_places(self):
        self.start("sources", max_connections=100, max_connections_per_source=2, listeners={"balanced": dict(
            mode="endpoint", anonymous="alice", proxy_protocol="yes", trusted_proxies="127.0.0.0/8")})
        uploads = [self.upload(source="127.0.0.7"), self.upload(source="127.0.0.7")]
        self.check(self.get(source="127.0.0.7"), 503, "SlowDown")
        self.check(self.get(source="127.0.0.8"), 200)
        header = "PROXY TCP4 %s 192.0.2.1 1000 80\r\n"  # behind a balancer it is not the balancer
        one, other = (header % a for a in ("198.51.100.7", "198.51.100.8"))
        uploads += [self.upload(listener="balanced", first=one.encode()) for _ in range(2)]
        self.check(self.get("balanced", first=one.encode()), 503, "SlowDown")
        self.check(self.get("balanced", first=other.encode()), 200)
        self.assertEqual(self.figures()["refused_of_source"], 2)
        uploads[0].close()
        lib.wait_until(lambda: self.get(source="127.0.0.7").status == 200, 20, "its place")
        for sock in uploads:
            sock.close()
        self.proxy.stop()

    def test_tls_handshakes_of_a_source(self):
        self.start("handshakes", tls_rate_per_source=1)
        context = s3raw.tls_context(self.proxy.ca_file)

        def handshake(source, results):
            sock = self.connect("tls", source)
            try:
                results.append(bool(context.wrap_socket(sock, server_hostname="127.0.0.1").version()))
            except OSError:
                results.append(False)
        results, other = [], []
        threads = [threading.Thread(target=handshake, args=("127.0.0.7", results), daemon=True) for _ in range(40)]
        for thread in threads:
            thread.start()
        handshake("127.0.0.8", other)
        for thread in threads:
            thread.join(60)
        self.assertEqual(other, [True])
        figures = self.figures()
        self.assertEqual((results.count(False), len(results)), (figures["tls_refused"], 40))
        self.assertGreater(figures["tls_refused"], 0)
        self.assertGreater(figures["tls_delayed"], 0)
        self.assertGreater(results.count(True), 0)
        out = lib.run(lib.PROGRAM, "status", "-c", self.proxy.config, check=False).stdout
        self.assertIn("TLS handshakes delayed %d, refused %d" % (figures["tls_delayed"], figures["tls_refused"]), out)
        self.proxy.stop()

    def test_halves_of_messages_are_cheap_and_memory_comes_back(self):
        self.start("halves", max_connections=4000)
        hello = b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03" + bytes(200)
        before = self.proxy.rss_kib()
        for listener, first in (("tls", hello), ("sniff", hello), ("legacy", b"GET /b/k HTTP/1.1\r\nHost: x\r\nX-Half: ")):
            held = [self.connect(listener, first=first) for _ in range(300)]
            self.wait_open(300)
            grown = (self.proxy.rss_kib() - before) / len(held)
            print("%s: %.1f KiB for half a message" % (listener, grown), flush=True)
            if not lib.SANITIZER:
                self.assertLess(grown, 24)
            for sock in held:
                sock.close()
            self.wait_open(0)
        if not lib.SANITIZER:
            lib.wait_until(lambda: self.proxy.rss_kib() - before < 2500, 60, "memory given back")
        self.proxy.stop()

    def cpu_s(self):
        fields = pathlib.Path("/proc/%d/stat" % self.proxy.pid).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_out_of_descriptors(self):
        self.start("descriptors", max_connections=1000)
        self.check(self.get(), 200)
        uploads = [self.upload() for _ in range(4)]
        files = max(map(int, os.listdir("/proc/%d/fd" % self.proxy.pid))) + 1
        resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE, (files, files))
        waiting = [self.connect(first=b"GET /bucket/fault/none HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") for _ in range(20)]
        lib.wait_until(lambda: "new connections wait" in self.proxy.stderr.read_text(), 20, "the end of descriptors")
        before = self.cpu_s()
        time.sleep(1)
        self.assertLess(self.cpu_s() - before, 0.5, "it spins")
        for sock in uploads[:2]:  # one, for which nobody was blamed, still works
            sock.sendall(b"a" * 30000)
            self.assertIn(b" 200 ", sock.recv(1 << 16))
        for sock in uploads:
            sock.close()
        for sock in waiting:  # there was room for each, if not for its way on at once
            answer = sock.recv(1 << 16)
            self.assertTrue(b" 200 " in answer or b"<Code>SlowDown<" in answer, answer)
            sock.close()
        self.check(self.get(), 200)
        self.assertTrue(all(a["failures"]["connect"] == 0 for a in self.proxy.states().values()))
        self.proxy.stop()

    def test_no_more_connections_than_descriptors(self):
        wrapper = lib.WORK / "with-few-descriptors"
        wrapper.write_text('#!/bin/sh\nexec /usr/bin/prlimit --nofile=256:256 %s "$@"\n' % lib.PROGRAM)
        wrapper.chmod(0o755)
        program, lib.PROGRAM = lib.PROGRAM, str(wrapper)
        try:
            self.start("few", workers=4)
        finally:
            lib.PROGRAM = program
        self.assertLess(self.figures()["max"], 128)
        self.assertIn("file descriptors only", self.proxy.stderr.read_text())
        request = b"GET /bucket/fault/none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        for sock in [self.connect(first=request) for _ in range(300)]:
            try:
                answer = sock.recv(1 << 16)
                self.assertTrue(b" 200 " in answer or b"SlowDown" in answer or b" 503 " in answer or not answer, answer)
            except ConnectionResetError:
                pass
            sock.close()
        lib.wait_until(lambda: (answer := self.get()) and answer.status == 200, 20, "a place")
        self.proxy.stop()


if __name__ == "__main__":
    lib.main()
