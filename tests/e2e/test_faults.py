# SPDX-License-Identifier: Apache-2.0
"""Broken connections: on either side, at each moment. No half object is stored, no half answer looks whole, and what can
be asked again is."""
import signal
import socket
import threading
import time

import lib
import s3raw

MIB = 1 << 20


def setUpModule():
    global endpoint, stranger, other
    endpoint = lib.start_endpoint(addresses=[("127.0.0.1", 0), ("127.0.0.2", 0)])
    stranger, other = lib.start_endpoint("stranger"), lib.start_endpoint("other")
    lib.Case.proxy = lib.Proxy([address(endpoint)], "main")


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    for one in (endpoint, stranger, other):
        one.close()


def address(server, index=0):
    return "%s:%d" % server.addresses[index][:2]


class Client(lib.Case):
    def upload_head(self, target, size, listener="legacy"):
        return s3raw.head("PUT", target, s3raw.sign("PUT", target, [("Host", self.proxy.host(listener)),
                          ("Content-Length", str(size))], lib.ALICE, payload=s3raw.UNSIGNED))

    def records(self, target):
        return [r for r in endpoint.requests if r.get("target") == target]

    def test_client_that_dies_in_an_upload_leaves_no_object(self):
        for how in ("reset", "close"):
            for listener in ("legacy", "tls", "forward"):
                for sent in (0, 1, 100000, 3 * MIB, 5 * MIB - 1):
                    with self.subTest(how, listener=listener, sent=sent):
                        target = "/bucket/dead-%s-%s-%d" % (how, listener, sent)
                        connection = self.proxy.connect(listener)
                        connection.send(self.upload_head(target, 5 * MIB, listener) + b"d" * sent)
                        if sent >= 100000:  # else a reset may overtake all of it
                            lib.wait_until(lambda: target in endpoint.targets, 10, "the request at the endpoint")
                        getattr(connection, how)()
                        if sent >= 3 * MIB:
                            lib.wait_until(lambda: self.records(target), 10, "the endpoint noticing it")
                            self.assertTrue(self.records(target)[0]["aborted"])
                        self.assertNotIn((b"bucket", target[8:].encode()), endpoint.objects)
        time.sleep(1)
        self.assertEqual([k for b, k in endpoint.objects if k.startswith(b"dead-")], [])

    def test_client_that_half_closes_in_an_upload_leaves_no_object(self):
        with self.proxy.connect("legacy") as connection:
            connection.send(self.upload_head("/bucket/half", 5 * MIB) + b"d" * MIB)
            connection.sock.shutdown(socket.SHUT_WR)
            try:
                self.assertEqual(connection.read_answer("PUT").status, 400)
            except (s3raw.BrokenAnswer, ConnectionResetError):
                pass
        self.assertNotIn((b"bucket", b"half"), endpoint.objects)

    def test_client_that_dies_in_a_download(self):
        target = "/bucket/big/%d" % (200 * MIB)
        for how in ("reset", "close"):
            for listener in ("legacy", "tls", "forward"):
                with self.subTest(how, listener=listener):
                    before = len(self.records(target))
                    connection = self.proxy.connect(listener)
                    connection.send(s3raw.head("GET", target, s3raw.sign("GET", target, [("Host", self.proxy.host(listener))],
                                                                         lib.ALICE)))
                    connection.read_head()
                    getattr(connection, how)()
                    lib.wait_until(lambda: len(self.records(target)) > before, 20, "the endpoint noticing it")
                    self.assertTrue(self.records(target)[-1]["aborted"])

    def test_client_that_dies_in_a_handshake(self):
        for port in ("forward", "tls"):
            for data in (b"", b"\x16\x03\x01", b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode(),
                         b"CONNECT %s:443 HTTP/1.1\r\n\r\n\x16\x03\x01\x02\x00" % lib.S3_NAME.encode()):
                connection = s3raw.Connection(self.proxy.address(port))
                connection.send(data)
                time.sleep(0.02)
                connection.reset()

    def test_many_clients_die_at_once(self):
        for _ in range(5):
            connections = [self.proxy.connect("legacy") for _ in range(40)]
            for connection in connections:
                connection.send(self.upload_head("/bucket/dead-many", 5 * MIB) + b"d" * 70000)
            for connection in connections:
                connection.reset()
        self.check(self.proxy.request("legacy", "GET", "/bucket/fault/none", key=None), 200)


class Upstream(lib.Case):
    def get(self, path, listener="legacy", method="GET", **options):
        return self.proxy.request(listener, method, "/bucket/" + path, key=None if listener == "legacy" else lib.ALICE,
                                  **options)

    def test_broken_download_looks_broken(self):
        for path in ("fault/die-download", "fault/end-download", "fault/die-chunked"):
            for listener in ("legacy", "tls", "forward"):
                with self.subTest(path, listener=listener):
                    started = time.monotonic()
                    with self.assertRaises((s3raw.BrokenAnswer, ConnectionResetError, OSError)):
                        self.get(path, listener)
                    self.assertLess(time.monotonic() - started, lib.PATIENCE_S, "noticed late")

    def test_no_answer_becomes_502(self):
        for method, body in (("GET", b""), ("PUT", b"x" * 1000), ("PUT", b"x" * MIB), ("POST", b"x"), ("DELETE", b"")):
            for listener in ("legacy", "forward"):
                with self.subTest(method, listener=listener, size=len(body)):
                    self.check(self.get("fault/no-answer", listener, method, body=body), 502, "BadGateway")

    def test_endpoint_that_closes_idle_connections(self):
        with self.proxy.connect("legacy") as connection:
            for _ in range(10):
                self.check(self.get("fault/idle-close", connection=connection), 200)

    def test_stale_connection_is_replaced(self):
        """The endpoint closes a kept connection as the next request arrives: asked again on a fresh one."""
        for method, body in (("GET", b""), ("HEAD", b""), ("DELETE", b""), ("PUT", b""), ("PUT", b"x" * 1000)):
            for listener in ("legacy", "forward"):
                for fault in ("fault/stale", "fault/stale-after-body"):
                    with self.subTest(method, listener=listener, size=len(body), fault=fault):
                        with self.proxy.connect(listener) as connection:
                            for _ in range(3):
                                self.check(self.get(fault, listener, method, body=body, connection=connection), 200)

    def test_what_cannot_be_repeated_meets_no_stale_connection(self):
        """The endpoint closes each kept connection as a request arrives: those come on new ones, or are asked for first."""
        expect, condition = ("Expect", "100-continue"), ("If-None-Match", "*")
        for method, size, headers in (("POST", 0, ()), ("POST", 1000, ()), ("POST", 100000, ()), ("PUT", 1000, (condition,)),
                                      ("PUT", 0, (condition,)), ("DELETE", 0, (("If-Match", '"x"'),)), ("PUT", 70000, ()),
                                      ("PUT", MIB, ()), ("PUT", MIB, (condition,)), ("PUT", MIB, (expect,)),
                                      ("PUT", 9 * MIB, ())):
            for listener in ("legacy", "forward"):
                with self.subTest(method, size=size, headers=headers, listener=listener):
                    with self.proxy.connect(listener) as connection:
                        for n in range(3):
                            self.check(self.get("fault/none", listener, connection=connection), 200)
                            before = len(endpoint.requests)
                            answer = self.get("fault/stale/once", listener, method, body=b"x" * size, headers=headers,
                                              connection=connection)
                            self.check(answer, 200)
                            seen = [r for r in endpoint.requests[before:] if r["verdict"] != "stale"]
                            self.assertEqual([(r["index"], r["body_bytes"]) for r in seen], [(0, size)])
                            if expect not in headers:
                                self.assertNotIn("Expect: 100-continue", seen[0]["head"], "asked where nothing is at risk")

    def test_large_upload_on_a_kept_connection_is_asked_for(self):
        with self.proxy.connect("legacy") as connection:
            for _ in range(3):
                self.check(self.get("fault/none", connection=connection), 200)
                before = len(endpoint.requests)
                answer = self.get("fault/none/large", method="PUT", body=b"x" * MIB, connection=connection)
                self.check(answer, 200)
                self.assertEqual(answer.informational, [], "the client did not ask")
                seen = endpoint.requests[before:]
                self.assertEqual([(r["index"] > 0, "Expect: 100-continue" in r["head"]) for r in seen], [(True, True)])

    def test_endpoint_that_takes_no_notice_of_expect(self):
        proxy = lib.Proxy([address(endpoint)], "mute", server={"workers": 1})
        with proxy.connect("legacy") as connection:
            for attempts in (2, 1):
                self.check(proxy.request("legacy", "GET", "/bucket/fault/none", key=None, connection=connection), 200)
                answer = proxy.request("legacy", "PUT", "/bucket/fault/mute", b"x" * MIB, key=None, connection=connection)
                self.assertEqual((self.check(answer, 200).body, proxy.line_of(answer)["attempts"]), (b"0", attempts))
        proxy.stop()

    def test_requests_that_are_not_idempotent_are_not_repeated_once_sent(self):
        with self.proxy.connect("legacy") as connection:
            self.check(self.get("fault/none", connection=connection), 200)
            before = len(endpoint.requests)
            answer = self.get("fault/stale-after-body/post", method="POST", body=b"x", connection=connection)
            seen = [r for r in endpoint.requests[before:] if r["method"] == "POST"]
            self.assertEqual(len(seen), 1, seen)
            self.assertIn(answer.status, (200, 502))

    def test_running_download_is_finished_at_sigterm(self):
        proxy = lib.Proxy([address(endpoint)], "graceful")
        with proxy.connect("legacy") as connection, proxy.connect("legacy") as idle:
            connection.send(b"GET /bucket/fault/pause/2 HTTP/1.1\r\nHost: %s\r\n\r\n" % proxy.host("legacy").encode())
            head = connection.read_head()
            self.assertEqual(head.status, 200)
            stopping = threading.Thread(target=proxy.stop)
            stopping.start()
            lib.wait_until(lambda: not lib.accepts(proxy.ports["legacy"]), 2, "an end of accepting")
            body = connection._exactly(4 * MIB)
            self.assertEqual(len(body), 4 * MIB)
            self.assertTrue(idle.at_end(), "an idle connection holds up the end")
            stopping.join()
        self.assertEqual(proxy.process.returncode, 0)

    def test_running_upload_is_finished_at_sigterm(self):
        proxy = lib.Proxy([address(endpoint)], "graceful-upload")
        with proxy.connect("legacy") as connection:
            connection.send(b"PUT /bucket/graceful HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n".replace(
                b"x\r\n", proxy.host("legacy").encode() + b"\r\n") + b"g" * 1000000)
            proxy.wait_in_flight()
            proxy.process.send_signal(signal.SIGTERM)
            lib.wait_until(lambda: not lib.accepts(proxy.ports["legacy"]), 2, "an end of accepting")
            connection.send(b"g" * 1000000)
            self.check(connection.read_answer("PUT"), 200)
            self.assertTrue(connection.at_end())
        self.assertEqual(proxy.process.wait(30), 0)
        proxy.check_clean()
        self.assertEqual(len(endpoint.objects[(b"bucket", b"graceful")]), 2000000)

    def test_stop_does_not_wait_for_ever(self):
        proxy = lib.Proxy([address(endpoint)], "impatient", server={"shutdown_timeout": "1s"})
        with proxy.connect("legacy") as connection:
            connection.send(b"PUT /bucket/never HTTP/1.1\r\nHost: %s\r\nContent-Length: 2000000\r\n\r\nx" % proxy.host("legacy").encode())
            proxy.wait_in_flight()
            started = time.monotonic()
            proxy.stop()
            self.assertLess(time.monotonic() - started, lib.PATIENCE_S)  # less than the default
        self.assertNotIn((b"bucket", b"never"), endpoint.objects)


class Addresses(lib.Case):
    """Proxies of their own, with addresses that do not work."""

    def test_next_address_when_one_refuses(self):
        dead = "127.0.0.3:%d" % lib.free_port("127.0.0.3")
        proxy = lib.Proxy([dead, address(endpoint)], "next")
        for method, body in (("GET", b""), ("PUT", b"x" * MIB)):
            for _ in range(6):
                self.check(proxy.request("legacy", method, "/bucket/fault/none", body, key=None), 200)
        proxy.stop()

    def test_next_address_when_one_is_silent(self):
        """An address that takes the connection but says nothing, and one whose queue is full."""
        silent = socket.create_server(("127.0.0.4", 0))
        proxy = lib.Proxy(["%s:%d" % silent.getsockname(), address(endpoint)], "silent", endpoint={"connect_timeout": "1s"})
        for _ in range(4):
            self.check(proxy.request("legacy", "GET", "/bucket/fault/none", key=None), 200)
        proxy.stop()
        silent.close()

    def test_both_addresses_are_used(self):
        proxy = lib.Proxy([address(endpoint, 0), address(endpoint, 1)], "both")
        before = len(endpoint.requests)
        connections = [proxy.connect("legacy") for _ in range(8)]
        for connection in connections:
            connection.send(b"GET /bucket/fault/wait/0.3 HTTP/1.1\r\nHost: %s\r\n\r\n" % proxy.host("legacy").encode())
        for connection in connections:
            self.check(connection.read_answer(), 200)
            connection.close()
        self.assertEqual({r["address"] for r in endpoint.requests[before:]}, {address(endpoint, 0), address(endpoint, 1)})
        proxy.stop()

    def test_no_address_works(self):
        proxy = lib.Proxy(["127.0.0.3:%d" % lib.free_port("127.0.0.3")], "none")
        for listener in ("legacy", "forward"):
            for method, body in (("GET", b""), ("PUT", b"x" * MIB)):
                with self.subTest(listener, method=method):
                    answer = proxy.request(listener, method, "/bucket/key", body, key=None if listener == "legacy" else lib.ALICE)
                    self.check(answer, 503, "ServiceUnavailable")
        proxy.stop()

    def test_certificate_that_is_not_the_endpoints(self):
        for name, server in (("stranger", stranger), ("other", other)):
            with self.subTest(name):
                proxy = lib.Proxy([address(server)], name)
                self.check(proxy.request("legacy", "GET", "/bucket/key", key=None), 503, "ServiceUnavailable")
                self.check(proxy.request("legacy", "PUT", "/bucket/key", b"secret", key=None), 503, "ServiceUnavailable")
                self.assertEqual(server.requests, [], "sent to a server that is not the endpoint")
                proxy.stop()

    def test_endpoint_that_does_not_speak_tls(self):
        server = socket.create_server(("127.0.0.1", 0))

        def greet():
            try:
                while True:
                    sock, _ = server.accept()
                    sock.sendall(b"220 mail ESMTP\r\n")
                    sock.close()
            except OSError:
                pass
        threading.Thread(target=greet, daemon=True).start()
        proxy = lib.Proxy(["127.0.0.1:%d" % server.getsockname()[1]], "plain")
        self.check(proxy.request("legacy", "GET", "/bucket/key", key=None), 503, "ServiceUnavailable")
        proxy.stop()
        server.close()

    def test_late_answer_becomes_504(self):
        proxy = lib.Proxy([address(endpoint)], "late", endpoint={"response_timeout": "1s"})
        started = time.monotonic()
        self.check(proxy.request("legacy", "GET", "/bucket/fault/wait/60", key=None), 504, "GatewayTimeout")
        self.assertLess(time.monotonic() - started, lib.PATIENCE_S)
        proxy.stop()


if __name__ == "__main__":
    lib.main()
