# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 at the proxy's two sides: what is not clear is refused and never forwarded, what is clear arrives unchanged.
Source: RFC 9110, RFC 9112. Unsigned requests go through the listener that allows them, so that only framing is at issue."""
import socket
import ssl
import time

import lib
import s3raw


def setUpModule():
    global endpoint, host, hurried
    endpoint = lib.start_endpoint()
    upstream = ["127.0.0.1:%d" % endpoint.addresses[0][1]]
    lib.Case.proxy = lib.Proxy(upstream, listeners={"unasked": dict(mode="endpoint", anonymous="alice", health="off"),
                                                    "elsewhere": dict(mode="endpoint", anonymous="alice", health="/up"),
                                                    "named": dict(mode="endpoint", names="proxy.test")})
    # For those tests that wait for its limits; the others may be held up for longer by a busy machine.
    hurried = lib.Proxy(upstream, "hurried", server={"header_timeout": "2s", "idle_timeout": "2s", "body_timeout": "4s"})
    host = lib.Case.proxy.host("legacy")


def tearDownModule():
    lib.Case.proxy.stop()
    hurried.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


GET = b"GET /bucket/key HTTP/1.1\r\n"
PUT = b"PUT /bucket/evil HTTP/1.1\r\n"
HOST = b"Host: 127.0.0.1\r\n"
SMUGGLED = b"GET /bucket/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

# name: (request, status). After each comes SMUGGLED, which must never be seen by the endpoint, and neither must the request.
NOT_CLEAR = {
    "both kinds of length": (PUT + HOST + CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n", 400),
    "both, other order": (PUT + HOST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "two lengths": (PUT + HOST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nevil", 400),
    "the same length twice": (PUT + HOST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nevil", 400),
    "list of lengths": (PUT + HOST + b"Content-Length: 4, 4\r\n\r\nevil", 400),
    "length with plus": (PUT + HOST + b"Content-Length: +4\r\n\r\nevil", 400),
    "negative length": (PUT + HOST + b"Content-Length: -4\r\n\r\nevil", 400),
    "hexadecimal length": (PUT + HOST + b"Content-Length: 0x4\r\n\r\nevil", 400),
    "length with a blank": (PUT + HOST + b"Content-Length: 4 0\r\n\r\nevil", 400),
    "empty length": (PUT + HOST + b"Content-Length:\r\n\r\nevil", 400),
    "length beyond 64 bits": (PUT + HOST + b"Content-Length: 18446744073709551620\r\n\r\nevil", 400),
    "length beyond 63 bits": (PUT + HOST + b"Content-Length: 99999999999999999999999999\r\n\r\nevil", 400),
    "chunked twice": (PUT + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "two chunked lines": (PUT + HOST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "chunked not last": (PUT + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", (400, 501)),
    "unknown coding": (PUT + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400, 501)),
    "gzip, chunked": (PUT + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "coding identity": (PUT + HOST + b"Transfer-Encoding: identity\r\nContent-Length: 4\r\n\r\nevil", (400, 501)),
    "coding after a vertical tab": (PUT + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", (400, 501)),
    "quoted coding": (PUT + HOST + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", (400, 501)),
    "empty coding": (PUT + HOST + b"Transfer-Encoding:\r\nContent-Length: 4\r\n\r\nevil", (400, 501)),
    "chunked in HTTP/1.0": (PUT.replace(b"1.1", b"1.0") + HOST + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "blank before colon": (PUT + HOST + b"Content-Length : 4\r\n\r\nevil", 400),
    "blank before colon of coding": (PUT + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "tab before colon": (PUT + HOST + b"Content-Length\t: 4\r\n\r\nevil", 400),
    "folded line": (PUT + HOST + b"Content-Length:\r\n 4\r\n\r\nevil", 400),
    "folded coding": (PUT + HOST + b"Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n", 400),
    "blank before the first field": (PUT + b" " + HOST + b"\r\n", 400),
    "LF only": (PUT.replace(b"\r", b"") + HOST.replace(b"\r", b"") + b"Content-Length: 4\n\nevil", 400),
    "one LF only": (GET + HOST + b"X-A: b\n\r\n", 400),
    "LF at the end": (GET + HOST + b"\n", 400),
    "bare CR in a value": (GET + HOST + b"X-A: b\rContent-Length: 50\r\n\r\n", 400),
    "CR CR LF": (GET + HOST + b"X-A: b\r\r\n\r\n", 400),
    "too many options in Connection": (GET + HOST + b"Connection: " + b"a," * 40 + b"\r\n\r\n", 400),
    "NUL in a value": (GET + HOST + b"X-A: b\0c\r\n\r\n", 400),
    "control byte in a value": (GET + HOST + b"X-A: b\x01c\r\n\r\n", 400),
    "NUL in a name": (GET + HOST + b"X\0A: b\r\n\r\n", 400),
    "no colon": (GET + HOST + b"X-A\r\n\r\n", 400),
    "empty name": (GET + HOST + b": b\r\n\r\n", 400),
    "bracket in a name": (GET + HOST + b"X(A): b\r\n\r\n", 400),
    "byte above 127 in a name": (GET + HOST + b"X\xe9: b\r\n\r\n", 400),
    "no host": (GET + b"\r\n", 400),
    "two hosts": (GET + HOST + HOST + b"\r\n", 400),
    "two different hosts": (GET + HOST + b"Host: other\r\n\r\n", 400),
    "host with a blank": (GET + b"Host: a b\r\n\r\n", 400),
    "host with a slash": (GET + b"Host: a/b\r\n\r\n", 400),
    "host with a user": (GET + b"Host: user@127.0.0.1\r\n\r\n", 400),
    "host with a bad port": (GET + b"Host: 127.0.0.1:99999\r\n\r\n", 400),
    "two blanks in the request line": (b"GET  /bucket/key HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "tab in the request line": (b"GET\t/bucket/key HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "blank in the target": (b"GET /bucket/k ey HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "blank at the end of the request line": (b"GET /bucket/key HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    "no version": (b"GET /bucket/key\r\n" + HOST + b"\r\n", 400),
    "HTTP/2.0": (b"GET /bucket/key HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "HTTP/1.10": (b"GET /bucket/key HTTP/1.10\r\n" + HOST + b"\r\n", (400, 505)),
    "lower-case protocol": (b"GET /bucket/key http/1.1\r\n" + HOST + b"\r\n", 400),
    "method with a bracket": (b"G(T /bucket/key HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two empty lines in front": (b"\r\n\r\n" + GET + HOST + b"\r\n", 400),
    "control byte in the target": (b"GET /bucket/k\x01y HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "other expectation": (PUT + HOST + b"Expect: 200-ok\r\nContent-Length: 4\r\n\r\nevil", 417),
    "long field": (GET + HOST + b"X-A: " + b"a" * 70000 + b"\r\n\r\n", 431),
    "endless field": (GET + HOST + b"X-A: " + b"a" * 200000, 431),
    "many fields": (GET + HOST + b"".join(b"X-%d: a\r\n" % i for i in range(2000)) + b"\r\n", 431),
    "long target": (b"GET /bucket/" + b"a" * 40000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (400, 414, 431)),
    # where they end is clear, but not what was meant
    "fragment": (b"GET /bucket/key#a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "user in the target": (b"GET http://user@127.0.0.1/b/k HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "authority form": (b"GET 127.0.0.1:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "relative target": (b"GET bucket/key HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "asterisk form of another method": (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "trace": (b"TRACE /bucket/key HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "target and Host differ": (b"GET http://other/bucket/key HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "CONNECT to no proxy": (b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", 400),
}

# aws-chunked inside broken HTTP chunks: (body, what is wrong with it). Nothing of it may be stored.
BROKEN_CHUNKS = {
    "size with plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size with a blank in front": b" 5\r\nhello\r\n0\r\n\r\n",
    "negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "empty size": b"\r\nhello\r\n0\r\n\r\n",
    "size that is no number": b"zz\r\nhello\r\n0\r\n\r\n",
    "size beyond 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "no line end after the chunk": b"5\r\nhello0\r\n\r\n",
    "LF after the chunk": b"5\r\nhello\n0\r\n\r\n",
    "chunk longer than its size": b"5\r\nhello!\r\n0\r\n\r\n",
    "endless extension": b"5;" + b"a" * 70000 + b"\r\nhello\r\n0\r\n\r\n",
    "bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "blank in a trailer's name": b"5\r\nhello\r\n0\r\nX : a\r\n\r\n",
}


class Framing(lib.Case):
    def test_unclear_requests_are_refused(self):
        for name, (request, status) in NOT_CLEAR.items():
            with self.subTest(name):
                before = len(endpoint.requests)
                with self.proxy.connect("legacy") as connection:
                    try:
                        connection.send(request + SMUGGLED)
                    except (BrokenPipeError, ConnectionResetError):
                        pass  # refused before all was sent
                    answer = connection.read_answer("GET")
                    self.assertIn(answer.status, status if isinstance(status, tuple) else (status,), answer.body)
                    self.assertTrue(connection.at_end(), "the connection goes on")
                self.assertEqual([r["head"] for r in endpoint.requests[before:]], [], "forwarded")

    def test_errors_in_the_head_say_what_was_asked_for(self):
        """In the document and in the access line, though no such request can be understood."""
        for method, target, bad in (("GET", "/bucket/k?x", b"no colon\r\n"), ("HEAD", "/bucket/k", b"X : y\r\n"),
                                    ("PUT", "/bucket/k", b"X: a\0b\r\n"), ("GET", "/bucket/k", b"Host: two\r\n"),
                                    ("DELETE", "http://127.0.0.1/bucket/k", b"Content-Length: 5, 5\r\n")):
            with self.subTest(method, bad=bad), self.proxy.connect("legacy") as connection:
                connection.send(b"%s %s HTTP/1.1\r\nHost: 127.0.0.1:80\r\n%s\r\n" % (method.encode(), target.encode(), bad))
                answer = connection.read_answer(method)
                self.assertEqual(answer.status, 400)
                self.assertTrue(connection.at_end(), "a body after HEAD, or the connection goes on")
                if method != "HEAD":
                    self.assertIn(b"<Resource>/bucket/k</Resource>", answer.body)
                line = self.proxy.line_of(answer)
                self.assertEqual((line["method"], line["host"], line["status"]), (method, "127.0.0.1", 400))
        with self.proxy.connect("legacy") as connection:
            connection.send(b"CONNECT s3.test:443 HTTP/1.1\r\nno colon\r\n\r\n")
            self.assertNotIn(b"<Error>", connection.read_answer("CONNECT").body)

    def test_upload_without_a_length_is_refused(self):
        """RFC 9112 6.3: neither Content-Length nor Transfer-Encoding means no body; S3 wants it said of an object."""
        with self.proxy.connect("legacy") as connection:
            connection.send(b"PUT /bucket/nothing HTTP/1.1\r\n" + HOST + b"\r\n" + b"PUT /bucket HTTP/1.1\r\n" + HOST + b"\r\n")
            self.check(connection.read_answer("PUT"), 411, "MissingContentLength")
            self.check(connection.read_answer("PUT"), 200)

    def test_broken_chunks_are_not_stored(self):
        for name, chunks in BROKEN_CHUNKS.items():
            for listener in ("plain", "forward"):
                with self.subTest(name, listener=listener):
                    headers = [("Transfer-Encoding", "chunked"), ("x-amz-decoded-content-length", "5"),
                               ("Content-Encoding", "aws-chunked")]
                    inner = s3raw.http_chunked(b"5\r\nhello\r\n")[:-5]  # the broken part follows in the same framing
                    try:
                        answer = self.proxy.request(listener, "PUT", "/bucket/broken", inner + chunks, headers,
                                                    payload=s3raw.TRAILER)
                        self.assertEqual(answer.status, 400, answer.body)
                    except (s3raw.BrokenAnswer, BrokenPipeError, ConnectionResetError):
                        pass  # closed on the spot
                    self.assertNotIn((b"bucket", b"broken"), endpoint.objects)

    def test_chunked_upload_of_unknown_length(self):
        answer = self.proxy.request("legacy", "PUT", "/bucket/evil", s3raw.http_chunked(b"hello"),
                                    [("Transfer-Encoding", "chunked")], key=None)
        self.check(answer, 411, "MissingContentLength")
        self.assertNotIn((b"bucket", b"evil"), endpoint.objects)

    def test_one_empty_line_in_front_is_fine(self):
        with self.proxy.connect("legacy") as connection:
            for _ in range(2):
                connection.send(b"\r\nGET /bucket?list-type=2 HTTP/1.1\r\n" + HOST + b"\r\n")
                self.check(connection.read_answer(), 200)

    def test_head_byte_by_byte(self):
        request = b"GET /bucket?list-type=2 HTTP/1.1\r\n" + HOST + b"X-Long: " + b"x" * 100 + b"\r\n\r\n"
        with self.proxy.connect("legacy") as connection:
            for byte in request:
                connection.send(bytes([byte]))
                time.sleep(0.001)
            self.check(connection.read_answer(), 200)

    def test_too_slow_head_is_ended(self):
        with hurried.connect("legacy") as connection:
            connection.send(GET + HOST)
            try:
                self.assertEqual(connection.read_answer().status, 400)
            except s3raw.BrokenAnswer:
                pass  # closing without a word is fine too

    def test_silent_connection_is_ended(self):
        with hurried.connect("legacy") as connection:
            self.assertTrue(connection.at_end(lib.PATIENCE_S))

    def test_stuck_upload_is_ended(self):
        with hurried.connect("legacy") as connection:
            connection.send(b"PUT /bucket/stuck HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n" + b"a" * 50000)
            try:
                self.assertEqual(connection.read_answer("PUT").status, 400)
            except s3raw.BrokenAnswer:
                pass
        self.assertNotIn((b"bucket", b"stuck"), endpoint.objects)

    def test_endpoint_that_does_not_read_is_not_the_clients_fault(self):
        with hurried.connect("legacy") as connection:
            connection.send(b"PUT /bucket/fault/hold/x HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (1 << 30))
            connection.sock.settimeout(1)
            with self.assertRaises(TimeoutError):
                for _ in range(1 << 14):
                    connection.sock.send(bytes(1 << 16))
            connection.sock.settimeout(60)
            answer = self.check(connection.read_answer("PUT"), 504, "GatewayTimeout")
        self.assertEqual(hurried.line_of(answer)["end"], "up_timeout")
        self.check(self.proxy.request("legacy", "GET", "/bucket/fault/release", key=None), 200)

    def test_slow_upload_that_moves_is_not(self):
        with hurried.connect("legacy") as connection:
            connection.send(b"PUT /bucket/slow HTTP/1.1\r\n" + HOST + b"Content-Length: 12000\r\n\r\n")
            for _ in range(12):
                connection.send(b"a" * 1000)
                time.sleep(0.5)
            self.check(connection.read_answer("PUT"), 200)
        self.assertEqual(endpoint.objects[(b"bucket", b"slow")], b"a" * 12000)


class Health(lib.Case):
    """A listener is asked whether it is there: by the listener's own path, without a signature."""

    def ask(self, listener, line, fields=HOST, headers=None):
        """The answer, and whether the endpoint was asked."""
        before = len(endpoint.requests)
        with s3raw.Connection(self.proxy.address(listener)) as connection:
            connection.send(s3raw.head("GET", "/healthz", headers) if headers else line + b" HTTP/1.1\r\n" + fields + b"\r\n")
            answer = connection.read_answer(line.split()[0].decode())
        return answer, len(endpoint.requests) > before

    def test_answered_without_s3(self):
        for listener, line, fields in (("legacy", b"GET /healthz", HOST), ("legacy", b"HEAD /healthz", HOST),
                                       ("legacy", b"GET /healthz", b"Host: balancer.example:8080\r\n"),
                                       ("plain", b"GET /healthz", b"Host: localhost\r\n"), ("sniff", b"GET /healthz", HOST),
                                       ("forward", b"GET /healthz", HOST), ("elsewhere", b"GET /up", HOST)):
            with self.subTest(listener=listener, line=line, fields=fields):
                answer, asked = self.ask(listener, line, fields)
                self.assertEqual((answer.status, answer.body, asked), (200, b"" if line[:1] == b"H" else b"ok\n", False))
                self.assertEqual(answer.header("content-length"), "3")
        lines = lambda: [line for line in self.proxy.access_lines() if (line["listener"], line["operation"]) == ("elsewhere", "health")]
        lib.wait_until(lines, 20, "its line in the access log")  # lines of two workers come in any order
        self.assertEqual([(line["operation"], line["status"], line["endpoint"]) for line in lines()], [("health", 200, "")])

    def test_answered_on_a_connection_that_goes_on(self):
        with self.proxy.connect("legacy") as connection:
            for _ in range(2):
                connection.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\nGET /bucket?list-type=2 HTTP/1.1\r\n" + HOST + b"\r\n")
                self.assertEqual(connection.read_answer().body, b"ok\n")
                self.check(connection.read_answer(), 200)

    def test_what_is_s3s_goes_on(self):
        for listener, line, fields in (("legacy", b"GET /healthz?location", HOST), ("legacy", b"GET /healthz/", HOST),
                                       ("legacy", b"GET /%68ealthz", HOST), ("legacy", b"PUT /healthz", HOST + b"Content-Length: 0\r\n"),
                                       ("legacy", b"GET /healthz", b"Host: bucket.LOCALHOST\r\n"),
                                       ("legacy", b"GET /healthz", b"Host: bucket.%s\r\n" % lib.S3_NAME.encode()),
                                       ("unasked", b"GET /healthz", HOST), ("elsewhere", b"GET /healthz", HOST)):
            with self.subTest(listener=listener, line=line, fields=fields):
                self.assertTrue(self.ask(listener, line, fields)[1], "not forwarded")
        signed = s3raw.sign("GET", "/healthz", [("Host", "127.0.0.1")], lib.ALICE)
        self.assertTrue(self.ask("plain", b"GET /healthz", headers=signed)[1], "a signed request is not forwarded")
        with self.proxy.connect("forward") as connection:
            before = len(endpoint.requests)
            self.proxy.request("forward", "GET", "/healthz", connection=connection)
            self.assertEqual(len(endpoint.requests), before + 1)


class Relay(lib.Case):
    def get(self, path, listener="legacy", method="GET", **options):
        return self.proxy.request(listener, method, "/bucket/" + path, key=None if listener == "legacy" else lib.ALICE,
                                  **options)

    def test_keepalive(self):
        used = endpoint.connections
        for listener in ("legacy", "plain", "tls", "forward"):
            with self.subTest(listener=listener), self.proxy.connect(listener) as connection:
                for _ in range(20):
                    self.check(self.get("fault/none", listener, connection=connection), 200)
        self.assertLessEqual(endpoint.connections - used, 8, "upstream connections are not reused")

    def test_pipelined_requests_are_answered_in_order(self):
        for i in range(8):
            self.check(self.get("pipe%d" % i, method="PUT", body=b"%d" % i), 200)
        for listener in ("legacy", "tls"):
            with self.subTest(listener=listener), self.proxy.connect(listener) as connection:
                request = b""
                for i in range(8):
                    target, headers = "/bucket/pipe%d" % i, [("Host", self.proxy.host(listener))]
                    if listener != "legacy":
                        headers = s3raw.sign("GET", target, headers, lib.ALICE)
                    request += s3raw.head("GET", target, headers)
                connection.send(request)
                self.assertEqual([connection.read_answer().body for _ in range(8)], [b"%d" % i for i in range(8)])

    def test_pipelined_after_upload(self):
        with self.proxy.connect("legacy") as connection:
            connection.send(b"PUT /bucket/p HTTP/1.1\r\n" + HOST + b"Content-Length: 300000\r\n\r\n" + b"p" * 300000
                            + b"GET /bucket/p HTTP/1.1\r\n" + HOST + b"\r\n")
            self.check(connection.read_answer("PUT"), 200)
            self.assertEqual(self.check(connection.read_answer(), 200).body, b"p" * 300000)

    def test_answers_without_a_body(self):
        with self.proxy.connect("legacy") as connection:
            for path, method, status in (("fault/204", "GET", 204), ("fault/304", "GET", 304), ("fault/head-length", "HEAD", 200),
                                         ("missing", "HEAD", 404), ("fault/304", "HEAD", 304), ("x", "DELETE", 204)):
                with self.subTest(path, method=method):
                    answer = self.check(self.get(path, method=method, connection=connection), status)
                    if path == "fault/head-length":
                        self.assertEqual(answer.header("content-length"), "123456789012")
                    if status == 304:
                        self.assertEqual(answer.header("etag"), '"x"')
                    self.check(self.get("fault/none", connection=connection), 200)

    def test_answer_in_each_framing(self):
        for path, body in (("fault/chunked", b"hello, world"), ("fault/until-close", b"until close " * 10000),
                           ("fault/http10", b"hello"), ("fault/slow", b"slow answer"), ("fault/extra", b"good")):
            for listener in ("legacy", "tls", "forward"):
                with self.subTest(path, listener=listener):
                    answer = self.check(self.get(path, listener), 200)
                    self.assertEqual(answer.body, body)
                    self.check(self.get("fault/none", listener), 200)

    def test_bytes_after_an_answer_reach_nobody(self):
        for path, late in (("fault/extra", 0), ("fault/extra-late", 1)):
            with self.subTest(path), self.proxy.connect("legacy") as connection:
                for _ in range(8):
                    sent = endpoint.late_bytes
                    self.assertEqual(self.check(self.get(path, connection=connection), 200).body, b"good")
                    lib.wait_until(lambda: endpoint.late_bytes >= sent + late, what="bytes that come late")

    def test_http10_client(self):
        for path, body in (("fault/chunked", b"hello, world"), ("fault/informational", b"final")):
            with self.subTest(path), self.proxy.connect("legacy") as connection:
                connection.send(b"GET /bucket/%s HTTP/1.0\r\n" % path.encode() + HOST + b"\r\n")
                answer = self.check(connection.read_answer(), 200)
                self.assertIsNone(answer.header("transfer-encoding"), "chunked to a client of HTTP/1.0")
                self.assertEqual(answer.informational, [], "1xx to a client of HTTP/1.0")
                self.assertEqual(answer.body, body)
                self.assertTrue(connection.at_end())

    def test_bad_answers_become_502(self):
        from endpoint import BAD_ANSWERS
        for name in BAD_ANSWERS:
            for listener in ("legacy", "forward"):
                with self.subTest(name, listener=listener), self.proxy.connect(listener) as connection:
                    answer = self.check(self.get("fault/bad/" + name, listener, connection=connection), 502, "BadGateway")
                    self.assertTrue(answer.message)
                    self.check(self.get("fault/none", listener, connection=connection), 200)

    def test_connection_close_is_honoured(self):
        with self.proxy.connect("legacy") as connection:
            connection.send(b"GET /bucket?list-type=2 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            self.check(connection.read_answer(), 200)
            self.assertTrue(connection.at_end())

    def test_half_closed_client_gets_its_answer(self):
        with self.proxy.connect("legacy") as connection:
            connection.send(b"GET /bucket/fault/wait/0.5 HTTP/1.1\r\n" + HOST + b"\r\n")
            connection.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(self.check(connection.read_answer(), 200).body, b"waited")

    def test_half_closed_endpoint(self):
        with self.proxy.connect("legacy") as connection:
            for _ in range(5):
                self.check(self.get("fault/half-close", connection=connection), 200)

    def test_hop_by_hop_fields_are_not_forwarded(self):
        hop = [("Connection", "keep-alive, X-Hop"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("X-Hop", "1"),
               ("TE", "trailers"), ("Upgrade", "h2c"), ("Proxy-Authorization", "Basic YTpi")]
        self.check(self.get("fault/none", headers=hop), 200)
        names = {line.partition(":")[0].lower() for line in endpoint.requests[-1]["head"][1:]}
        self.assertFalse(names & {"keep-alive", "proxy-connection", "x-hop", "te", "upgrade", "proxy-authorization"}, names)

    def test_connection_cannot_remove_what_is_signed(self):
        answer = self.proxy.request("plain", "PUT", "/bucket/hop", b"x", [("x-amz-meta-a", "b"), (
            "Connection", "x-amz-meta-a, host, authorization, content-length")])
        if answer.status != 400:
            self.check(answer, 200)
            self.assertIn("x-amz-meta-a: b", [line.lower() for line in endpoint.requests[-1]["head"]])

    def test_ordinary_fields_arrive_unchanged(self):
        fields = [("Content-Type", "text/plain; charset=\"utf-8\""), ("Cache-Control", "no-cache"), ("x-amz-meta-Odd", "a  b \u00e9 ,;=\""),
                  ("Content-Disposition", "attachment; filename*=UTF-8''%e2%82%ac"), ("Content-Language", "ja"),
                  ("x-amz-meta-empty", "")]
        self.check(self.get("fields", method="PUT", body=b"x", headers=fields), 200)
        head = endpoint.requests[-1]["head"]
        for name, value in fields:
            with self.subTest(name):
                self.assertTrue(any(line.lower().startswith(name.lower() + ":") and line.partition(":")[2].strip() == value
                                    for line in head), head)


    def test_many_fields(self):
        """S3 limits their bytes, not their number."""
        fields = [("x-amz-meta-%03d" % i, "v") for i in range(400)]
        self.check(self.get("many-fields", "plain", method="PUT", body=b"x", headers=fields), 200)
        sent = [line for line in endpoint.requests[-1]["head"] if line.lower().startswith("x-amz-meta-")]
        self.assertEqual(sent, ["%s: %s" % field for field in fields])
        answer = self.check(self.get("fault/fields/400", "plain"), 200)
        self.assertEqual(sum(name.lower().startswith("x-amz-meta-") for name, _ in answer.headers), 400)


class Continue(lib.Case):
    def expect(self, connection, listener, path, length):
        target = "/bucket/" + path
        headers = [("Host", self.proxy.host(listener)), ("Content-Length", str(length)), ("Expect", "100-continue")]
        headers = s3raw.sign("PUT", target, headers, lib.ALICE, payload=s3raw.UNSIGNED)
        connection.send(s3raw.head("PUT", target, headers))

    def test_continue_comes_from_the_endpoint(self):
        for listener in ("plain", "tls", "forward"):
            with self.subTest(listener=listener), self.proxy.connect(listener) as connection:
                self.expect(connection, listener, "expected", 100000)
                self.assertEqual(connection.read_head().status, 100)
                connection.send(b"e" * 100000)
                self.check(connection.read_answer("PUT"), 200)
                self.assertEqual(endpoint.objects[(b"bucket", b"expected")], b"e" * 100000)
                self.assertIn("expect: 100-continue", [line.lower() for line in endpoint.requests[-1]["head"]])

    def test_refusal_in_place_of_continue(self):
        for listener in ("plain", "tls", "forward"):
            with self.subTest(listener=listener), self.proxy.connect(listener) as connection:
                self.expect(connection, listener, "fault/expect-refused", 100000)
                answer = self.check(connection.read_answer("PUT"), 403, "AccessDenied")
                self.assertEqual(answer.informational, [])

    def test_own_refusal_in_place_of_continue(self):
        """What the head alone decides is said before the body is sent."""
        with self.proxy.connect("plain") as connection:
            headers = [("Host", self.proxy.host("plain")), ("Content-Length", "100000"), ("Expect", "100-continue")]
            connection.send(s3raw.head("PUT", "/bucket/x", headers))
            answer = self.check(connection.read_answer("PUT"), 403, "AccessDenied")
            self.assertEqual(answer.informational, [])

    def test_body_without_waiting(self):
        with self.proxy.connect("plain") as connection:
            self.expect(connection, "plain", "hasty", 5)
            connection.send(b"hasty")
            self.check(connection.read_answer("PUT"), 200)

    def test_informational_answers_beyond_all_buffers(self):
        for listener in ("legacy", "tls"):
            with self.subTest(listener):
                answer = self.proxy.request(listener, "GET", "/bucket/fault/hints/700",
                                            key=None if listener == "legacy" else lib.ALICE)
                self.assertEqual((self.check(answer, 200).body, [i.header("x-number") for i in answer.informational]),
                                 (b"final", [str(n) for n in range(700)]))

    def test_content_encoding_is_kept_as_it_is_written(self):
        for n, (sent, kept) in enumerate((("aws-chunked, deflate, gzip", "deflate, gzip"), ("gzip,aws-chunked", "gzip"),
                                          ("deflate , gzip, aws-chunked", "deflate , gzip"), ("aws-chunked", None),
                                          ("deflate,  aws-chunked,  gzip", "deflate,  gzip"))):
            target = "/bucket/encoded-%d" % n
            headers = s3raw.sign("PUT", target, [("Host", self.proxy.host("plain")), ("x-amz-decoded-content-length", "4"),
                                 ("Content-Encoding", sent)], lib.ALICE, payload=s3raw.CHUNKS)
            body = s3raw.signed_chunks(headers, lib.ALICE[1], b"body")
            with self.proxy.connect("plain") as connection:
                connection.send(s3raw.head("PUT", target, headers + [("Content-Length", str(len(body)))]) + body)
                self.check(connection.read_answer("PUT"), 200)
            head = [r for r in endpoint.requests if r.get("target") == target][-1]["head"]
            self.assertEqual([line[18:] for line in head if line.lower().startswith("content-encoding: ")],
                             [kept] if kept else [])

    def test_informational_answers_are_relayed(self):
        for listener in ("legacy", "forward"):
            with self.subTest(listener=listener):
                answer = self.proxy.request(listener, "GET", "/bucket/fault/informational",
                                            key=None if listener == "legacy" else lib.ALICE)
                self.assertEqual(self.check(answer, 200).body, b"final")
                self.assertEqual([i.status for i in answer.informational], [103, 102, 103])
                self.assertEqual(answer.informational[0].header("link"), "</a>; rel=preload")

    def test_early_refusal_of_an_upload(self):
        """The refusal arrives although the client is still sending."""
        for path in ("fault/early-close", "fault/early-keep", "fault/early-drop"):
            for listener in ("legacy", "forward"):
                with self.subTest(path, listener=listener), self.proxy.connect(listener) as connection:
                    target, size = "/bucket/" + path, 40 << 20
                    headers = [("Host", self.proxy.host(listener)), ("Content-Length", str(size))]
                    if listener != "legacy":
                        headers = s3raw.sign("PUT", target, headers, lib.ALICE, payload=s3raw.UNSIGNED)
                    connection.send(s3raw.head("PUT", target, headers))
                    try:
                        for _ in range(size >> 20):
                            connection.send(b"u" * (1 << 20))
                    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
                        pass
                    answer = connection.read_answer("PUT")
                    self.assertEqual((answer.status, answer.message), (403, "early"))


class Forward(lib.Case):
    def connect_answer(self, line, more=b"\r\n"):
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            connection.send(line + more)
            return connection.read_answer("CONNECT")

    def test_connect_to_other_hosts_is_refused(self):
        for target in ("example.com:443", "169.254.169.254:443", "169.254.169.254:80", "localhost:443", "127.0.0.1:443", "[::1]:443",
                       "10.0.0.1:443", "s3.amazonaws.com.example.com:443", "examples3.ap-northeast-1.amazonaws.com.:22",
                       "ec2.ap-northeast-1.amazonaws.com:443", "amazonaws.com:443", lib.S3_NAME + ":22",
                       lib.S3_NAME + ":9443", "bucket.s3-website-ap-northeast-1.amazonaws.com:443",
                       "bucket.s3-accelerate.amazonaws.com:443"):
            with self.subTest(target):
                answer = self.connect_answer(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n" % ((target.encode(),) * 2))
                self.assertEqual(answer.status, 403, answer.body)
                self.assertGreater(len(answer.body), 20, "no explanation")

    def test_connect_to_another_region_is_refused(self):
        """Fail closed: an S3 name without an endpoint is not sent out."""
        answer = self.connect_answer(b"CONNECT s3.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHost: s3.eu-west-1.amazonaws.com:443\r\n")
        self.assertIn(answer.status, (403, 503))
        self.assertIn(b"eu-west-1", answer.body)

    def test_connect_that_is_malformed(self):
        for target in (lib.S3_NAME, lib.S3_NAME + ":", ":443", lib.S3_NAME + ":99999", lib.S3_NAME + ":0x1bb", "https://%s:443" % lib.S3_NAME,
                       "/", "user@%s:443" % lib.S3_NAME):
            with self.subTest(target):
                answer = self.connect_answer(b"CONNECT %s HTTP/1.1\r\nHost: a\r\n" % target.encode())
                self.assertIn(answer.status, (400, 403), answer.body)

    def test_what_follows_a_request_for_an_endpoint_is_not_executed(self):
        """Its sender takes the proxy for another kind of server."""
        before = len(endpoint.requests)
        target = "http://%s/bucket/key" % lib.S3_NAME
        good = s3raw.sign("GET", "/bucket/key", [("Host", lib.S3_NAME)], lib.ALICE)
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            connection.send(GET + HOST + b"\r\n" + s3raw.head("GET", target, good))
            self.check(connection.read_answer(), 400, "InvalidRequest")
            self.assertTrue(connection.at_end(), "the connection goes on")
        self.assertEqual(len(endpoint.requests), before)

    def test_refused_connect_then_a_good_one(self):
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            connection.send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
            answer = connection.read_answer("CONNECT")
            self.assertEqual(answer.status, 403)
            if (answer.header("connection") or "").lower() != "close":
                connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode())
                self.assertEqual(connection.read_answer("CONNECT").status, 200)

    def through(self, connection, listener="forward", host=None):
        headers = s3raw.sign("GET", "/bucket?list-type=2", [("Host", host or lib.S3_NAME)], lib.ALICE)
        connection.send(s3raw.head("GET", "/bucket?list-type=2", headers))
        return connection.read_answer()

    def test_connect_in_each_form(self):
        name = lib.S3_NAME.encode()
        for form in (b"CONNECT %s:443 HTTP/1.0\r\n\r\n" % name,
                     b"CONNECT %s:443 HTTP/1.1\r\nHost: %s\r\nProxy-Connection: Keep-Alive\r\nUser-Agent: x\r\n\r\n" % (name, name),
                     b"CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\nConnection: close\r\n\r\n" % (name, name),
                     b"CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\nProxy-Authorization: Basic YTpi\r\n\r\n" % (name, name),
                     b"CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n" % (name.upper(), name.upper()),
                     # libcurl before 7.42.1: the fields of the request that is to come; no body follows them
                     b"CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n"
                     b"Authorization: AWS4-HMAC-SHA256 x\r\nx-amz-date: 20200101T000000Z\r\n\r\n" % (name, name),
                     b"CONNECT %s:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Encoding: aws-chunked\r\n\r\n" % name,
                     b"CONNECT %s:443 HTTP/1.0\r\nContent-Length: 1000\r\n\r\n" % name):
            with self.subTest(form), self.proxy.connect("forward", connect_head=form) as connection:
                self.check(self.through(connection), 200)

    def test_refused_connect_ends_the_connection(self):
        """What follows it was meant for the tunnel, or may be a body: it is not taken for a request."""
        for field in (b"", b"Content-Length: 5\r\n", CHUNKED):
            with self.subTest(field), s3raw.Connection(self.proxy.address("forward")) as connection:
                connection.send(b"CONNECT example.com:443 HTTP/1.1\r\n" + field + b"\r\n" + SMUGGLED)
                answer = connection.read_answer("CONNECT")
                self.assertEqual((answer.status, answer.header("connection")), (403, "close"))
                self.assertTrue(connection.at_end())

    def test_answer_to_connect_has_no_body(self):
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode())
            answer = connection.read_answer("CONNECT")
            self.assertEqual(answer.status, 200)
            self.assertIsNone(answer.header("content-length"))
            self.assertIsNone(answer.header("transfer-encoding"))

    def test_tls_in_the_same_segment_as_connect(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = s3raw.tls_context(self.proxy.ca_file).wrap_bio(incoming, outgoing, server_hostname=lib.S3_NAME)
        self.assertRaises(ssl.SSLWantReadError, tls.do_handshake)
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode() + outgoing.read())
            self.assertEqual(connection.read_answer("CONNECT").status, 200)
            incoming.write(bytes(connection.buffer))
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    incoming.write(connection.sock.recv(65536))
            headers = s3raw.sign("GET", "/bucket?list-type=2", [("Host", lib.S3_NAME)], lib.ALICE)
            tls.write(s3raw.head("GET", "/bucket?list-type=2", headers))
            connection.send(outgoing.read())
            answer = b""
            while b"</ListBucketResult>" not in answer:
                try:
                    answer += tls.read(65536)
                except ssl.SSLWantReadError:
                    data = connection.sock.recv(65536)
                    self.assertTrue(data, answer)
                    incoming.write(data)
            self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)

    def test_connect_byte_by_byte(self):
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            for byte in b"CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n" % ((lib.S3_NAME.encode(),) * 2):
                connection.send(bytes([byte]))
            self.assertEqual(connection.read_answer("CONNECT").status, 200)

    def test_inner_host_must_be_the_one_asked_for(self):
        for host in ("other.%s" % lib.S3_NAME, "s3.us-east-1.amazonaws.com", "example.com", "127.0.0.1", "169.254.169.254"):
            with self.subTest(host), self.proxy.connect("forward") as connection:
                before = len(endpoint.requests)
                self.assertEqual(self.through(connection, host=host).status, 421)
                self.assertEqual(len(endpoint.requests), before)

    def test_plain_http_inside_a_tunnel_to_port_80(self):
        with s3raw.Connection(self.proxy.address("forward"), tunnel=lib.S3_NAME + ":80") as connection:
            self.check(self.through(connection), 200)

    def test_absolute_form(self):
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            for target in ("/bucket?list-type=2", "/bucket/fault/none"):
                headers = s3raw.sign("GET", target, [("Host", lib.S3_NAME)], lib.ALICE)
                connection.send(s3raw.head("GET", "http://%s%s" % (lib.S3_NAME, target), headers))
                self.check(connection.read_answer(), 200)
                self.assertTrue(endpoint.requests[-1]["target"].startswith("/"), endpoint.requests[-1]["target"])

    def test_absolute_form_to_other_hosts_is_refused(self):
        for host in ("example.com", "169.254.169.254", "127.0.0.1:%d" % endpoint.addresses[0][1], "localhost"):
            with self.subTest(host), s3raw.Connection(self.proxy.address("forward")) as connection:
                connection.send(b"GET http://%s/latest/meta-data/ HTTP/1.1\r\nHost: %s\r\n\r\n" % ((host.encode(),) * 2))
                answer = connection.read_answer()
                self.assertEqual(answer.status, 403, answer.body)
                self.assertGreater(len(answer.body), 20)

    def test_listeners_explain_what_they_are(self):
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            connection.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = connection.read_answer()
            self.assertEqual(answer.status, 400, answer.body)
            self.assertIn(b"PROXY", answer.body)
        with self.proxy.connect("legacy") as connection:
            connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode())
            answer = connection.read_answer("CONNECT")
            self.assertEqual(answer.status, 400, answer.body)
            self.assertIn(b"endpoint", answer.body)

    def test_names_that_the_endpoint_does_not_serve_are_rewritten(self):
        """Global, dash and dual-stack names, names that the certificate lacks, and buckets with dots in host style, leave as
        the endpoint's own name."""
        for host in ("s3.amazonaws.com", "s3-%s.amazonaws.com" % lib.REGION, "s3.dualstack.%s.amazonaws.com" % lib.REGION,
                     "bucket." + lib.S3_NAME, "dotted.bucket." + lib.S3_NAME, "bucket.s3.amazonaws.com",
                     "bucket." + lib.VPCE_NAME, "bucket.s3.dualstack.%s.amazonaws.com" % lib.REGION,
                     "bucket.s3-%s.amazonaws.com" % lib.REGION, "bucket.bucket." + lib.VPCE_NAME, lib.VPCE_NAME,
                     "my.bucket." + lib.S3_NAME, "dotted.bucket.s3.amazonaws.com",
                     "bucket.%s-%sa.s3.%s.vpce.amazonaws.com" % (lib.VPCE, lib.REGION, lib.REGION)):
            with self.subTest(host), self.proxy.connect("forward", host=host) as connection:
                headers = s3raw.sign("GET", "/?list-type=2", [("Host", host)], lib.ALICE)
                connection.send(s3raw.head("GET", "/?list-type=2", headers))
                self.check(connection.read_answer(), 200)
                record = endpoint.requests[-1]
                sent = [line.partition(":")[2].strip() for line in record["head"] if line.lower().startswith("host:")]
                self.assertTrue(sent[0] == lib.S3_NAME or sent[0] == "bucket." + lib.S3_NAME, sent)
                if host.startswith(("dotted.", "my.")):
                    self.assertEqual(record["target"], "/%s/?list-type=2" % host.partition(".s3")[0])

    def test_other_services_of_s3_keep_their_names(self):
        """Access points, S3 Control, Object Lambda, Outposts: the Region's own name, each signed for its service, which the
        endpoint checks."""
        for host, sent, target in (
                ("ap-123456789012.s3-accesspoint.dualstack.REGION", "ap-123456789012.s3-accesspoint.REGION", "/key"),
                ("ap-123456789012.accesspoint.%s.s3.REGION.vpce" % lib.VPCE, "ap-123456789012.s3-accesspoint.REGION", "/key"),
                ("x-s3alias.accesspoint.%s.s3.REGION.vpce" % lib.VPCE, "x-s3alias.s3.REGION", "/fault/none"),
                ("123456789012.control.%s.s3.REGION.vpce" % lib.VPCE, "123456789012.s3-control.REGION", "/v20180820/jobs"),
                ("ap-123456789012.s3-object-lambda.REGION", "ap-123456789012.s3-object-lambda.REGION", "/fault/none"),
                ("route.s3-object-lambda.REGION", "route.s3-object-lambda.REGION", "/fault/none"),
                ("ap-123456789012.op-1.s3-outposts.REGION", "ap-123456789012.op-1.s3-outposts.REGION", "/fault/none")):
            host, sent = (name.replace("REGION", lib.REGION) + ".amazonaws.com" for name in (host, sent))
            with self.subTest(host), self.proxy.connect("legacy") as connection:
                connection.send(b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target.encode(), host.encode()))
                answer = connection.read_answer()
                self.assertIn(answer.status, (200, 404), answer.body)  # not 400, 403: name and signature are right
                head = endpoint.requests[-1]["head"]
                self.assertIn("host: " + sent, [line.lower() for line in head])
                self.assertEqual(endpoint.requests[-1]["target"], target)

    def at_own_name(self, host, target, headers=(), key=lib.ALICE):
        fields = [("Host", host)] + list(headers)
        with self.proxy.connect("named") as connection:
            connection.send(s3raw.head("GET", target, s3raw.sign("GET", target, fields, key) if key else fields))
            return connection.read_answer()

    def test_access_points_and_s3_control_at_own_names(self):
        """As SDKs put them before an endpoint URL, and with the words of an endpoint's own names."""
        own, at, account, point = "proxy.test", ".%s.amazonaws.com" % lib.REGION, "123456789012", "reports-123456789012"
        jobs, control, more = "/v20180820/jobs", account + ".s3-control" + at, [("x-amz-account-id", account)]
        for host, target, headers, sent in (
                (point + ".accesspoint." + own, "/a/key", [], point + ".s3-accesspoint" + at),
                ("x-s3alias.accesspoint." + own, "/a/key", [], "x-s3alias." + lib.S3_NAME),
                (account + "." + own, jobs, more, control), (account + ".control." + own, jobs, more, control),
                (own, jobs, more, control), (self.proxy.host("named"), jobs, more, control),
                # and what is none of these stays a bucket
                (point + "." + own, "/a/key", [], point + "." + lib.S3_NAME), (account + "." + own, jobs, [], account + "." + lib.S3_NAME),
                ("control." + own, "/a/key", more, "control." + lib.S3_NAME), (self.proxy.host("named"), jobs, [], lib.S3_NAME)):
            with self.subTest(host=host, target=target, headers=headers):
                answer = self.at_own_name(host, target, headers)
                self.assertIn(answer.status, (200, 404), answer.body)  # not 400, 403: name and signature are right
                self.assertIn("host: " + sent, [line.lower() for line in endpoint.requests[-1]["head"]])
                self.assertEqual(endpoint.requests[-1]["target"], target)
        before = len(endpoint.requests)
        fields = s3raw.sign("GET", jobs, [("Host", self.proxy.host("named"))], lib.ALICE)[1:] + more
        self.check(self.at_own_name(self.proxy.host("named"), jobs, fields, key=None), 403, "AccessDenied")  # who added it?
        self.assertEqual(len(endpoint.requests), before)

    def test_access_points_that_are_taken_for_buckets_say_why(self):
        answer = self.at_own_name("127.0.0.1", "/arn%3Aaws%3As3%3A" + lib.REGION + "%3A123456789012%3Aaccesspoint/reports/a/key")
        self.check(answer, 400, "InvalidBucketName")
        self.assertIn("alias", answer.message)
        self.check(self.at_own_name("127.0.0.1", "/UPPER%20CASE/key"), 400, "InvalidBucketName")
        for host, code, said in (("reports-123456789012.proxy.test", "NoSuchBucket", "accesspoint.proxy.test"),
                                 ("reports-123456789012.proxy.test", "NoSuchKey", None), ("bucket.proxy.test", "NoSuchBucket", None),
                                 ("reports-123456789012.accesspoint.proxy.test", "NoSuchBucket", None),
                                 ("reports-123456789012." + lib.S3_NAME, "NoSuchBucket", None)):
            with self.subTest(host=host, code=code):
                answer = self.check(self.at_own_name(host, "/fault/error/404/" + code), 404, code)
                self.assertIn(said or "m", answer.message)
                self.assertEqual(answer.message == "m", said is None, "S3's own words")

    def test_s3_names_that_cannot_be_served_say_why(self):
        """In the answer to CONNECT, as long as the authority may not speak for them."""
        for host, word in (("bucket.s3-accelerate.amazonaws.com", b"Acceleration"),
                           ("x.mrap.accesspoint.s3-global.amazonaws.com", b"Multi-Region"),
                           ("b--apne1-az4--x-s3.s3express-apne1-az4.%s.amazonaws.com" % lib.REGION, b"directory buckets"),
                           ("s3-fips.%s.amazonaws.com" % lib.REGION, b"FIPS")):
            with self.subTest(host):
                answer = self.connect_answer(b"CONNECT %s:443 HTTP/1.1\r\n" % host.encode())
                self.assertEqual(answer.status, 403)
                self.assertIn(word, answer.body)


class Location(lib.Case):
    """Location names what the client knows: its own way to the proxy."""

    def get(self, listener, host, status, value, path="/bucket/"):
        target = "%sfault/location/%d/%s" % (path, status, s3raw.quote(value))
        headers = s3raw.sign("GET", target, [("Host", host)], lib.ALICE)
        with self.proxy.connect(listener, host=host) as connection:
            connection.send(s3raw.head("GET", target, headers))
            return connection.read_answer()

    def test_names_of_the_endpoint_become_the_clients(self):
        plain, tls = self.proxy.host("plain"), self.proxy.host("tls")
        port = plain.partition(":")[2]
        for listener, host, path, value, expected in (
                ("plain", plain, "/bucket/", "https://%s/bucket/k?a=%%2F" % lib.S3_NAME, "http://%s/bucket/k?a=%%2F" % plain),
                ("plain", plain, "/bucket/", "http://bucket.%s/k//x" % lib.S3_NAME, "http://%s/bucket/k//x" % plain),
                ("plain", "bucket.localhost:" + port, "/", "http://bucket.%s/k" % lib.S3_NAME, "http://bucket.localhost:%s/k" % port),
                ("plain", "my.bucket.localhost:" + port, "/", "http://%s/my.bucket/k" % lib.S3_NAME,
                 "http://my.bucket.localhost:%s/k" % port),
                ("tls", tls, "/bucket/", "http://%s/bucket/k" % lib.S3_NAME, "https://%s/bucket/k" % tls),
                ("forward", "s3.amazonaws.com", "/bucket/", "http://%s/bucket/k" % lib.S3_NAME, "https://s3.amazonaws.com/bucket/k"),
                ("forward", "my.bucket.s3.amazonaws.com", "/", "http://%s/my.bucket/k" % lib.S3_NAME,
                 "https://my.bucket.s3.amazonaws.com/k"),
                ("plain", plain, "/bucket/", "/bucket", "/bucket"),
                ("plain", plain, "/bucket/", "https://www.example.com/x", "https://www.example.com/x")):
            for status in (200, 201, 302, 307):
                with self.subTest(value, listener=listener, host=host, status=status):
                    answer = self.check(self.get(listener, host, status, value, path), status)
                    self.assertEqual([v for n, v in answer.headers if n.lower() == "location"], [expected])

    def test_absolute_form_keeps_the_clients_scheme(self):
        headers = s3raw.sign("GET", "/b-1/fault/location/201/" + s3raw.quote("https://b-1.%s/k" % lib.S3_NAME), [("Host", lib.S3_NAME)],
                             lib.ALICE)
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            connection.send(s3raw.head("GET", "http://%s/b-1/fault/location/201/%s" % (
                lib.S3_NAME, s3raw.quote("https://b-1.%s/k" % lib.S3_NAME)), headers))
            answer = self.check(connection.read_answer(), 201)
            self.assertEqual(answer.header("location"), "http://%s/b-1/k" % lib.S3_NAME)

    def test_redirect_to_another_region(self):
        """Followed through a forward listener; explained, without a public name to follow, by an endpoint listener."""
        away = "https://bucket.s3.eu-west-1.amazonaws.com/k"
        for status in (301, 307):
            with self.subTest(status=status):
                answer = self.check(self.get("forward", lib.S3_NAME, status, away), status)
                self.assertEqual(answer.header("location"), away)
                for value in (away, ""):  # S3's PermanentRedirect has no Location
                    answer = self.check(self.get("plain", self.proxy.host("plain"), status, value), 301, "PermanentRedirect")
                    self.assertIsNone(answer.header("location"))
                    self.assertEqual(answer.header("x-amz-bucket-region"), "eu-west-1")
                    self.assertIn("eu-west-1", answer.message)
                    self.assertIn(lib.REGION, answer.message)
                    self.assertNotIn(b"public", answer.body)
        answer = self.check(self.get("plain", self.proxy.host("plain"), 307, "https://bucket.s3.amazonaws.com/k"), 301)
        self.assertIsNone(answer.header("location"))
        self.assertIn("Region", answer.message)


if __name__ == "__main__":
    lib.main()
