# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol in front of every kind of listener: the peer that a balancer tells is the one in the access line; what
is no header, or comes from anybody else, gets no answer at all."""
import base64
import itertools
import socket
import ssl
import struct
import time

import lib
import s3raw

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TOLD = "192.0.2.77:51234"
V1 = b"PROXY TCP4 192.0.2.77 198.51.100.2 51234 443\r\n"
V1_6 = b"PROXY TCP6 2001:db8::77 2001:db8::2 51234 443\r\n"
ADDRESSES = socket.inet_aton("192.0.2.77") + socket.inet_aton("198.51.100.2") + struct.pack(">HH", 51234, 443)
V2 = SIGNATURE + b"\x21\x11" + struct.pack(">H", len(ADDRESSES)) + ADDRESSES
V2_TLV = SIGNATURE + b"\x21\x11" + struct.pack(">H", len(ADDRESSES) + 9) + ADDRESSES + b"\xea\x00\x02ab\x04\x00\x01x"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
UNKNOWN = b"PROXY UNKNOWN\r\n"
counter = itertools.count()
PLACED, PASSWORD = ("S3ORPLACED", "0123456789abcdefghijPLACED"), "from where I sit"
PLACES = lib.section("group site", policy="allow-all", allow_from="192.0.2.0/24, 2001:db8::/32") + lib.section(
    "client placed", groups="site", access_key_id=PLACED[0], secret_access_key=PLACED[1]) + lib.section(
    "client guest", policy="read-only", allow_from="192.0.2.77")


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    balanced = dict(proxy_protocol="yes", trusted_proxies="127.0.0.1")
    lib.Case.proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]], server={"tls_timeout": "1s", "header_timeout": "2s"},
        listeners={"b-plain": dict(mode="endpoint", anonymous="alice", **balanced),
                   "b-tls": dict(mode="endpoint", anonymous="alice", tls="on", **balanced),
                   "b-sniff": dict(mode="endpoint", anonymous="alice", tls="auto", **balanced),
                   "b-forward": dict(mode="forward", anonymous="alice", **balanced),
                   "b-guest": dict(mode="endpoint", anonymous="guest", **balanced),
                   "b-password": dict(mode="forward", proxy_auth="required", proxy_auth_plain="yes", **balanced),
                   "b-strangers": dict(mode="endpoint", anonymous="alice", proxy_protocol="yes", trusted_proxies="10.0.0.0/8")},
        extra=PLACES)
    proxy = lib.Case.proxy
    lib.run(lib.PROGRAM, "client", "password", "placed", "-c", proxy.config, input=PASSWORD + "\n", env=proxy.environment())


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


class Balanced(lib.Case):
    def wrapped(self, listener, header, pieces=1):
        """A connection that begins with header, sent in pieces, with TLS behind it where the listener wants it."""
        connection = s3raw.Connection(self.proxy.address(listener))
        step = max(1, -(-len(header) // pieces))
        for i in range(0, len(header), step):
            connection.send(header[i:i + step])
            if pieces > 1:
                time.sleep(0.002)
        if listener == "b-tls":
            connection.sock = s3raw.tls_context(self.proxy.ca_file).wrap_socket(connection.sock, server_hostname="127.0.0.1")
        return connection

    def ask(self, listener, header, **options):
        with self.wrapped(listener, header, **options) as connection:
            return self.line_of_request(connection)

    def line_of_request(self, connection, host=b"127.0.0.1"):
        """The access line of a request that is served, known by a key of its own."""
        key = "key-%d" % next(counter)
        connection.send(b"PUT /bucket/%s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n\r\n" % (key.encode(), host))
        self.check(connection.read_answer(), 200)
        return self.line_with(key)

    def line_with(self, key):
        def found():
            return [line for line in self.proxy.access_lines() if line["key"] == key]
        lib.wait_until(found, 10, "the access line of " + key)
        return found()[-1]

    def closed(self, listener, data):
        """True if the proxy closes without a byte."""
        try:
            with s3raw.Connection(self.proxy.address(listener)) as connection:
                connection.send(data)
                return connection.at_end()
        except (ConnectionResetError, BrokenPipeError):
            return True

    def test_the_peer_is_the_one_that_is_told(self):
        for listener in ("b-plain", "b-tls", "b-sniff"):
            for header, peer in ((V1, TOLD), (V1_6, "[2001:db8::77]:51234"), (V2, TOLD), (V2_TLV, TOLD)):
                for pieces in (1, len(header)):
                    with self.subTest(listener, header=header, pieces=pieces):
                        self.assertEqual(self.ask(listener, header, pieces=pieces)["peer"], peer)

    def test_without_addresses_the_peer_is_the_balancer(self):
        for header in (LOCAL, UNKNOWN):
            self.assertTrue(self.ask("b-plain", header)["peer"].startswith("127.0.0.1:"), header)

    def test_header_and_request_in_one_segment(self):
        for listener in ("b-plain", "b-sniff"):
            with s3raw.Connection(self.proxy.address(listener)) as connection:
                connection.send(V2 + b"PUT /bucket/at-once-%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
                                % listener.encode())
                self.check(connection.read_answer(), 200)
                self.assertEqual(self.line_with("at-once-" + listener)["peer"], TOLD)

    def test_header_and_client_hello_in_one_segment(self):
        for listener in ("b-tls", "b-sniff"):
            with s3raw.Connection(self.proxy.address(listener)) as connection:
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = s3raw.tls_context(self.proxy.ca_file).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
                self.assertRaises(ssl.SSLWantReadError, tls.do_handshake)
                first = V1 + outgoing.read()
                while True:
                    connection.send(first)
                    incoming.write(connection.sock.recv(65536))
                    try:
                        tls.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        first = outgoing.read()
                tls.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                connection.send(outgoing.read())
                while data := connection.sock.recv(65536):
                    incoming.write(data)
                self.assertIn(b"HTTP/1.1 200", tls.read(65536))

    def test_connect_behind_a_header(self):
        with self.wrapped("b-forward", V1) as connection:
            connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode())
            self.check(connection.read_answer("CONNECT"), 200)
            connection.sock = s3raw.tls_context(self.proxy.ca_file).wrap_socket(connection.sock, server_hostname=lib.S3_NAME)
            self.assertEqual(self.line_of_request(connection, lib.S3_NAME.encode())["peer"], TOLD)

    def test_what_is_no_header_gets_no_answer(self):
        request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        for data in (request, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PROXY TCP4 192.0.2.77\r\n" + request,
                     b"PROXY TCP4 192.0.2.77 198.51.100.2 51234 99999\r\n" + request,
                     SIGNATURE + b"\x21\x11\x00\x04abcd" + request, SIGNATURE + b"\x21\x11\xff\xff" + request, b"\0" * 600):
            for listener in ("b-plain", "b-tls", "b-sniff"):
                with self.subTest(listener, data=data[:40]):
                    self.assertTrue(self.closed(listener, data))

    def placed(self, address, listener="b-plain", key=PLACED):
        """The answer to a request from there."""
        header = b"PROXY TCP%d %s %s 51234 443\r\n" % (6 if b":" in address else 4, address, address)
        with self.wrapped(listener, header) as connection:
            return self.proxy.request(listener, "GET", "/bucket?list-type=2", key=key, connection=connection)

    def test_clients_come_from_their_networks_only(self):
        for address in (b"192.0.2.77", b"2001:db8::1:2"):
            self.check(self.placed(address), 200)
        for address in (b"192.0.3.77", b"2001:db9::1"):
            answer = self.check(self.placed(address), 403, "AccessDenied")
            self.assertIn(b"Client placed may not come from " + address.replace(b"2001:db9::1", b"[2001:db9::1]") + b".", answer.body)
            self.assertEqual((self.proxy.line_of(answer)["end"], self.proxy.line_of(answer)["client"]), ("source", "placed"))
        self.check(self.placed(b"192.0.3.77", key=(PLACED[0], "another secret")), 403, "SignatureDoesNotMatch")
        self.check(self.placed(b"192.0.3.77", key=lib.ALICE), 200)

    def test_unsigned_requests_come_from_their_clients_networks(self):
        self.check(self.placed(b"192.0.2.77", "b-guest", key=None), 200)
        self.check(self.placed(b"192.0.2.78", "b-guest", key=None), 403, "AccessDenied")

    def test_passwords_count_from_the_clients_networks(self):
        for address, password, status in ((b"192.0.2.1", PASSWORD, 200), (b"192.0.3.1", PASSWORD, 403),
                                          (b"192.0.3.1", "wrong", 407), (b"192.0.2.1", "wrong", 407)):
            with self.wrapped("b-password", b"PROXY TCP4 %s 198.51.100.2 51234 443\r\n" % address) as connection:
                connection.send(b"CONNECT %s:443 HTTP/1.1\r\nProxy-Authorization: Basic %s\r\n\r\n" % (
                    lib.S3_NAME.encode(), base64.b64encode(b"placed:" + password.encode())))
                answer = self.check(connection.read_answer("CONNECT"), status)
                self.assertEqual(b"may not come from" in answer.body, status == 403)

    def test_strangers_are_not_believed(self):
        request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        for header in (V1, V2, LOCAL, b""):
            self.assertTrue(self.closed("b-strangers", header + request), header)
        self.assertNotIn("b-strangers", [line["listener"] for line in self.proxy.access_lines()])

    def test_listeners_without_it_take_no_header(self):
        with s3raw.Connection(self.proxy.address("legacy")) as connection:
            connection.send(V1 + b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            self.check(connection.read_answer(), 400, "BadRequest")

    def test_a_header_that_does_not_come_is_not_waited_for(self):
        for data in (b"", V1[:20], V2[:20]):  # header_timeout is 2 s here
            self.assertTrue(self.closed("b-plain", data))


if __name__ == "__main__":
    lib.main()
