# SPDX-License-Identifier: Apache-2.0
"""Slow and silent parties: who keeps whom waiting, how long that may last, and who is blamed for it. A reader that pauses is
not one that is gone, a byte now and then is no progress, and what is cut looks cut."""
import select
import socket
import ssl
import threading
import time

import lib
import s3raw
from endpoint import BLOCK, BigCheck

MIB = 1 << 20
SIZE = 64 * MIB  # more than kernels hold between a server and a reader that has paused
EARLY = b"answered early\n" * 20


def pour(sock):
    for _ in range(SIZE // MIB):
        sock.sendall(bytes(MIB))
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)


def early(sock):
    """Answers an upload after its first bytes and closes with more of it unread, which makes the kernel send a reset."""
    sock.recv(100)
    while not select.select([sock], [], [], 10)[0]:
        pass
    sock.sendall(EARLY)
    sock.close()


def setUpModule():
    global endpoint, sections
    endpoint = lib.start_endpoint()
    sections = "".join(lib.section("tunnel " + serve.__name__, hosts=serve.__name__ + ".example",
                                   addresses=lib.Server(serve).address) for serve in (pour, early))
    lib.Case.proxy = proxy("main", body_timeout="1s", pause_timeout="2m", header_timeout="1s", tunnel_idle_timeout="1s")


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


def proxy(name, **server):
    return lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], name, server=server, extra=sections, listeners={
        "tunnel": dict(mode="forward", intercept="none", tunnel="*.example"),
        "tunnel-tls": dict(mode="forward", intercept="none", tunnel="*.example", tls="on")})


def small_window(connection):
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    return connection


def open_tunnel(to, listener, host):
    connection = s3raw.Connection(to.address(listener))
    small_window(connection)
    if listener == "tunnel-tls":
        connection.sock = s3raw.tls_context(to.ca_file).wrap_socket(connection.sock, server_hostname="127.0.0.1",
                                                                    suppress_ragged_eofs=False)
    connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % host.encode())
    assert connection.read_answer("CONNECT").status == 200
    return connection


def read_to_end(connection):
    """How many bytes, and whether the end was a clean one."""
    total = len(connection.buffer)
    try:
        while data := connection.sock.recv(1 << 18):
            total += len(data)
        return total, True
    except (ConnectionResetError, ssl.SSLEOFError):
        return total, False


class Requests(lib.Case):
    def start(self, listener, target, method="GET", headers=()):
        connection = small_window(self.proxy.connect(listener))
        headers = [("Host", self.proxy.host(listener))] + list(headers)
        connection.send(s3raw.head(method, target, s3raw.sign(method, target, headers, lib.ALICE, payload=s3raw.UNSIGNED)))
        return connection

    def line_with(self, **fields):
        def found():
            return [x for x in self.proxy.access_lines() if all(x.get(k) == v for k, v in fields.items())]
        lib.wait_until(found, 10, "access line with %s" % fields)
        return found()[-1]

    def test_a_reader_may_pause(self):
        connections = [self.start(listener, "/bucket/big/%d" % SIZE) for listener in ("legacy", "tls", "forward")]
        time.sleep(4)  # body_timeout is 1s
        for connection in connections:
            check = BigCheck()
            with connection:
                self.assertEqual(connection.read_head().status, 200)
                check.add(bytes(connection.buffer))
                while check.done < SIZE:
                    data = connection.sock.recv(1 << 18)
                    self.assertTrue(data, "cut after %d bytes" % check.done)
                    check.add(data)
            self.assertTrue(check.right)

    def test_an_endpoint_that_stalls_is_not_the_clients_fault(self):
        for listener in ("legacy", "tls"):
            with self.start(listener, "/bucket/fault/pause/30") as connection:
                with self.assertRaises((s3raw.BrokenAnswer, ConnectionResetError, ssl.SSLError)):
                    connection.read_answer()
            line = self.line_with(listener=listener, key="fault/pause/30")
            self.assertEqual((line["end"], line["bytes_out"]), ("up_timeout", 2 * BLOCK))
            self.assertIn("the endpoint sent nothing", line["detail"])

    def test_a_byte_now_and_then_does_not_keep_an_upload(self):
        with self.start("legacy", "/bucket/trickle", "PUT", [("Content-Length", "1000000")]) as connection:
            deadline = time.monotonic() + 30
            while not select.select([connection.sock], [], [], 0.1)[0]:
                self.assertLess(time.monotonic(), deadline, "a place for a byte each 100 ms")
                connection.send(b"x")
            answer = self.check(connection.read_answer("PUT"), 400, "RequestTimeout")
        self.assertEqual(self.proxy.line_of(answer)["end"], "client_timeout")

    def test_a_connection_that_never_says_a_word_has_header_timeout(self):
        for listener in ("legacy", "tls"):  # idle_timeout is two minutes
            with self.proxy.connect(listener) as connection:
                self.assertTrue(connection.at_end(15))

    def test_the_whole_request_has_a_limit(self):
        hasty = proxy("hasty", request_timeout="1s")
        answer = hasty.request("legacy", "GET", "/bucket/fault/none", key=None)
        self.check(answer, 200)
        with small_window(hasty.connect("legacy")) as connection:
            connection.send(b"GET /bucket/fault/pause/30 HTTP/1.1\r\nHost: %s\r\n\r\n" % hasty.host("legacy").encode())
            self.assertRaises((s3raw.BrokenAnswer, ConnectionResetError), connection.read_answer)
        lib.wait_until(lambda: len(hasty.access_lines()) == 2, 10, "its access line")
        self.assertIn("request_timeout", hasty.access_lines()[-1]["detail"])
        hasty.stop()


class Tunnels(lib.Case):
    def test_a_reader_may_pause(self):
        connections = [open_tunnel(self.proxy, listener, "pour.example") for listener in ("tunnel", "tunnel-tls")]
        time.sleep(3)  # tunnel_idle_timeout is 1s
        for connection in connections:
            with connection:
                self.assertEqual(read_to_end(connection), (SIZE, True))

    def test_stopping_waits_for_slow_readers(self):
        stopping = proxy("stopping", shutdown_timeout="120s")
        connections = [open_tunnel(stopping, listener, "pour.example") for listener in ("tunnel", "tunnel-tls")]
        stopper = threading.Thread(target=stopping.stop, args=(130,))
        stopper.start()
        lib.wait_until(lambda: not lib.accepts(stopping.ports["legacy"]), 20, "SIGTERM being heard")
        time.sleep(3)
        for connection in connections:
            with connection:
                self.assertEqual(read_to_end(connection), (SIZE, True))
        stopper.join(60)
        self.assertFalse(stopper.is_alive())

    def test_what_is_cut_ends_as_a_reset(self):
        cutting = proxy("cutting", shutdown_timeout="500ms")
        connections = [open_tunnel(cutting, listener, "pour.example") for listener in ("tunnel", "tunnel-tls")]
        for connection in connections:  # it is under way
            connection.sock.recv(1)
        cutting.stop()
        for connection in connections:
            with connection:
                total, clean = read_to_end(connection)
            self.assertLess(total, SIZE)
            self.assertFalse(clean, "%d of %d bytes, and a clean end" % (total, SIZE))

    def test_a_pause_that_is_too_long_ends_as_a_reset(self):
        impatient = proxy("impatient", pause_timeout="1s", tunnel_idle_timeout="1s", min_rate="0")
        connections = [open_tunnel(impatient, listener, "pour.example") for listener in ("tunnel", "tunnel-tls")]
        lib.wait_until(lambda: len(impatient.access_lines()) == 2, 30, "the end of both")
        for connection in connections:
            with connection:
                total, clean = read_to_end(connection)
            self.assertLess(total, SIZE)
            self.assertFalse(clean, "%d of %d bytes, and a clean end" % (total, SIZE))
        impatient.stop()

    def test_an_early_answer_is_not_lost(self):
        for listener in ("tunnel", "tunnel-tls"):
            for i in range(10):
                with self.subTest(listener=listener, round=i), open_tunnel(self.proxy, listener, "early.example") as connection:
                    connection.sock.settimeout(30)
                    try:
                        for _ in range(64):
                            connection.send(bytes(1 << 16))
                    except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                        pass
                    got = bytes(connection.buffer)
                    try:
                        while len(got) < len(EARLY) and (data := connection.sock.recv(1000)):
                            got += data
                    except (ConnectionResetError, ssl.SSLEOFError):
                        pass
                    self.assertEqual(got, EARLY)


if __name__ == "__main__":
    lib.main()
