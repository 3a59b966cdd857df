# SPDX-License-Identifier: Apache-2.0
"""TLS to the proxy itself, with CONNECT and the client's own TLS inside; names and passwords in Proxy-Authorization: asked
for, checked off the event loop, remembered, never passed on."""
import base64
import filecmp
import os
import socket
import ssl
import statistics
import threading
import time

import lib
import s3raw

PASSWORD = "correct horse: battery/staple"
BOB = "bob's own password"
SIZE = (24 << 20) if not lib.SANITIZER else (6 << 20)


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    tls = dict(mode="forward", tls="on")
    lib.Case.proxy = proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]],
        listeners={"secure": tls, "secure-auto": dict(mode="forward", tls="auto"),
                   "asks": dict(proxy_auth="required", **tls),
                   "asks-plain": dict(mode="forward", proxy_auth="required"),
                   "optional": dict(mode="forward", proxy_auth="optional", anonymous="reader"),
                   "balanced": dict(mode="forward", proxy_auth="required", proxy_protocol="yes", trusted_proxies="127.0.0.0/8")})
    for name, password, more in (("alice", PASSWORD, ()), ("bob", BOB, ("--policy", "read-only"))):
        result = lib.subprocess.run([lib.PROGRAM, "client", "password", name, *more, "-c", str(proxy.config)], text=True,
                                    input=password + "\n", capture_output=True, env=proxy.environment())
        assert result.returncode == 0, result.stderr
    proxy.stop()
    proxy.start()


def tearDownModule():
    lib.Case.proxy.stop()
    text = lib.Case.proxy.stderr.read_text() + lib.Case.proxy.access_file.read_text()
    assert PASSWORD not in text and "$y$" not in text
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


class StackedTLS:
    """TLS inside a TLS connection, with the parts of a socket that s3raw.Connection needs."""

    def __init__(self, sock, context, name):
        self.sock, self.incoming, self.outgoing = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self._do(self.tls.do_handshake)

    def _do(self, what, *arguments):
        while True:
            try:
                result = what(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(1 << 16)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def flush(self):
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())

    def sendall(self, data):
        view = memoryview(data)
        while len(view):
            n = self._do(self.tls.write, view[:1 << 16])
            view = view[n:]

    def recv(self, n):
        try:
            return self._do(self.tls.read, n)
        except ssl.SSLZeroReturnError:
            return b""

    def close(self):
        self.sock.close()


def basic(name, password):
    return b"Basic " + base64.b64encode(("%s:%s" % (name, password)).encode())


class Proxied(lib.Case):
    def open(self, listener):
        """To the proxy itself, with TLS if it wants that."""
        connection = s3raw.Connection(self.proxy.address(listener))
        if listener in ("secure", "secure-auto", "asks"):
            connection.sock = s3raw.tls_context(self.proxy.ca_file).wrap_socket(connection.sock, server_hostname="127.0.0.1")
        return connection

    def ask(self, connection, authorization=None, host=lib.S3_NAME):
        field = b"Proxy-Authorization: %s\r\n" % authorization if authorization else b""
        connection.send(b"CONNECT %s:443 HTTP/1.1\r\n%s\r\n" % (host.encode(), field))
        return connection.read_answer("CONNECT")

    def inside(self, connection, name=lib.S3_NAME):
        context = s3raw.tls_context(self.proxy.ca_file)
        if isinstance(connection.sock, ssl.SSLSocket):
            connection.sock = StackedTLS(connection.sock, context, name)
        else:
            connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
        return connection

    def line_with(self, count, **fields):
        def found():
            return [x for x in self.proxy.access_lines() if all(x.get(k) == v for k, v in fields.items())]
        lib.wait_until(lambda: len(found()) >= count, 10, "access line %s" % fields)
        return found()[-1]

    def line_after(self, before, answer):
        """The access line of answer, which is not among the first lines: the endpoint's ids are per connection."""
        wanted = answer.header("x-amz-request-id")

        def found():
            return [x for x in self.proxy.access_lines()[before:] if wanted in (x["req"], x["s3_request_id"])]
        lib.wait_until(found, 10, "the access line of " + wanted)
        return found()[0]

    # -- TLS to the proxy

    def test_tls_inside_tls(self):
        for listener in ("secure", "secure-auto"):
            with self.open(listener) as connection:
                self.check(self.ask(connection), 200)
                self.inside(connection)
                body = os.urandom(SIZE)
                target = "/bucket/stacked-" + listener
                for method, content in (("PUT", body), ("GET", b""), ("HEAD", b"")):
                    answer = self.check(self.proxy.request("forward", method, target, content, connection=connection), 200)
                    if method == "GET":
                        self.assertTrue(answer.body == body, "the object came back different")

    def test_tls_inside_tls_with_a_slow_reader(self):
        """Back-pressure: neither side's speed costs the proxy memory."""
        with self.open("secure") as connection:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            self.check(self.ask(connection), 200)
            self.inside(connection)
            headers = s3raw.sign("GET", "/b/big/%d" % (200 << 20), [("Host", lib.S3_NAME)], lib.ALICE)
            before = self.proxy.rss_kib()
            connection.send(s3raw.head("GET", "/b/big/%d" % (200 << 20), headers))
            time.sleep(1)
            if not lib.SANITIZER:
                self.assertLess(self.proxy.rss_kib() - before, 4096)

    def test_curl_with_an_https_proxy(self):
        for listener in ("secure", "secure-auto"):
            source, back = lib.WORK / "curl-source", lib.WORK / ("curl-" + listener)
            source.write_bytes(os.urandom(SIZE))
            common = ["/usr/bin/curl", "-sS", "--fail", "--proxy", "https://127.0.0.1:%d" % self.proxy.ports[listener],
                      "--proxy-cacert", self.proxy.ca_file, "--cacert", self.proxy.ca_file, "--aws-sigv4",
                      "aws:amz:%s:s3" % lib.REGION, "--user", "%s:%s" % lib.ALICE, "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
            url = "https://%s/bucket/curl-%s" % (lib.S3_NAME, listener)
            lib.run(*common, "-T", source, url, env=lib.clean_environment())
            lib.run(*common, "-o", back, url, env=lib.clean_environment())
            self.assertTrue(filecmp.cmp(source, back, shallow=False))

    def test_plain_to_a_tls_listener_and_the_other_way(self):
        with s3raw.Connection(self.proxy.address("secure")) as connection:
            connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode())
            self.assertIn(b"https://", self.check(connection.read_answer("CONNECT"), 400).body)
        with s3raw.Connection(self.proxy.address("secure-auto")) as connection:
            self.check(self.ask(connection), 200)

    def test_abort_inside_both(self):
        for cut in (0, 1000, 100000):
            connection = self.open("secure")
            self.check(self.ask(connection), 200)
            self.inside(connection)
            headers = [("Host", lib.S3_NAME), ("Content-Length", str(1 << 20))]
            headers = s3raw.sign("PUT", "/bucket/cut-%d" % cut, headers, lib.ALICE, payload=s3raw.UNSIGNED)
            connection.send(s3raw.head("PUT", "/bucket/cut-%d" % cut, headers) + b"x" * cut)
            connection.close()
        time.sleep(0.5)
        self.assertEqual([k for _, k in endpoint.objects if k.startswith(b"cut-")], [])

    # -- passwords

    def test_407_and_the_connection_goes_on(self):
        for listener in ("asks", "asks-plain"):
            with self.open(listener) as connection:
                for authorization in (None, basic("alice", "wrong"), basic("nobody", PASSWORD), basic("reader", ""), b"Basic",
                                      b"Basic !!!!", b"Bearer x", basic("alice", PASSWORD + "x"), basic("alice", "x" * 300),
                                      b"Basic " + base64.b64encode(b"alice"), b"Basic " + base64.b64encode(b":")):
                    with self.subTest(listener, authorization=authorization):
                        answer = self.check(self.ask(connection, authorization), 407)
                        self.assertTrue(answer.header("Proxy-Authenticate").startswith('Basic realm="'))
                self.check(self.ask(connection, basic("alice", PASSWORD)), 200)
                self.inside(connection)
                self.check(self.proxy.request("forward", "GET", "/", connection=connection), 200)

    def test_407_ends_it_where_what_follows_needs_no_password(self):
        with self.open("optional") as connection:
            self.assertEqual(self.check(self.ask(connection, basic("alice", "wrong")), 407).header("connection"), "close")
            self.assertTrue(connection.at_end())

    def test_health_needs_no_password(self):
        with self.open("asks-plain") as connection:
            connection.send(b"GET /healthz HTTP/1.1\r\nHost: balancer\r\n\r\n")
            self.assertEqual(connection.read_answer().body, b"ok\n")

    def test_refused_passwords_are_told_apart_in_the_log_only(self):
        with self.open("asks") as connection:
            for name, password, detail in (("alice", "wrong", "wrong password in Proxy-Authorization"),
                                           ("nobody", "x", "there is no client of the name in Proxy-Authorization"),
                                           ("reader", "x", "the client named in Proxy-Authorization has no password")):
                before = len(self.proxy.access_lines())
                body = self.check(self.ask(connection, basic(name, password)), 407).body
                lib.wait_until(lambda: len(self.proxy.access_lines()) > before, 10, "its access line")
                line = self.proxy.access_lines()[-1]
                self.assertEqual((line["user"], line["client"], line["host"], line["detail"]), (name, "", lib.S3_NAME, detail))
                self.assertEqual(body.decode(), "This proxy wants the name and the password of a client: "
                                                "HTTPS_PROXY=https://NAME:PASSWORD@... (request %s)\n" % line["req"])

    def test_unsigned_requests_count_as_the_user(self):
        """A signature inside decides for itself, all the same."""
        for user, password, may_write in (("alice", PASSWORD, True), ("bob", BOB, False)):
            with self.open("asks") as connection:
                self.check(self.ask(connection, basic(user, password)), 200)
                self.inside(connection)
                before = len(self.proxy.access_lines())
                answer = self.proxy.request("forward", "GET", "/", key=None, connection=connection)
                line = self.line_after(before, self.check(answer, 200))
                self.assertEqual((line["client"], line["auth"]), (user, "password"))
                answer = self.proxy.request("forward", "PUT", "/bucket/by-" + user, b"x", key=None, connection=connection)
                self.assertEqual(answer.status, 200 if may_write else 403, answer.body)
                lib.wait_until(lambda: self.proxy.access_lines()[-1]["key"] == "by-" + user, 10, "its access line")
                before = len(self.proxy.access_lines())
                answer = self.proxy.request("forward", "PUT", "/bucket/by-alice", b"y", connection=connection)
                self.assertEqual(self.line_after(before, self.check(answer, 200))["client"], "alice")
                answer = self.proxy.request("forward", "PUT", "/bucket/by-reader", b"y", key=lib.READER, connection=connection)
                self.check(answer, 403, "AccessDenied")

    def test_lines_of_one_connection_are_joined(self):
        """The CONNECT and all that is asked for through it; and what else only lines of objects tell."""
        joined = set()
        for _ in range(2):
            with self.open("asks") as connection:
                before = len(self.proxy.access_lines())
                self.check(self.ask(connection, basic("alice", PASSWORD)), 200)
                self.inside(connection)
                for head in (b"GET /bucket/o?versionId=v.1 HTTP/1.1\r\n",
                             b"PUT /bucket/copy HTTP/1.1\r\nContent-Length: 0\r\nx-amz-copy-source: /bucket/o%20o\r\n"):
                    connection.send(head + b"Host: %s\r\nUser-Agent: tool/1 (\"x\")\r\n\r\n" % lib.S3_NAME.encode())
                    connection.read_answer("GET")
                lib.wait_until(lambda: len(self.proxy.access_lines()) >= before + 3, 10, "the access lines")
                connect, get, copy = self.proxy.access_lines()[before:]
                self.assertEqual([x["operation"] for x in (connect, get, copy)], ["CONNECT", "GetObject", "CopyObject"])
                self.assertEqual(len({x["connection"] for x in (connect, get, copy)}), 1, (connect, get, copy))
                joined.add(connect["connection"])
                self.assertEqual((get["user_agent"], get["version_id"], "copy_source" in get), ('tool/1 ("x")', "v.1", False))
                self.assertEqual((copy["copy_source"], "version_id" in copy), ("/bucket/o%20o", False))
        self.assertEqual(len(joined), 2)

    def test_it_is_for_this_hop_only(self):
        """Never forwarded, and never looked for inside."""
        with self.open("optional") as connection:
            head = s3raw.head("GET", "http://%s/bucket/?list-type=2" % lib.S3_NAME,
                              [("Host", lib.S3_NAME), ("Proxy-Authorization", basic("alice", PASSWORD).decode())])
            before = len(self.proxy.access_lines())
            connection.send(head)
            line = self.line_after(before, self.check(connection.read_answer(), 200))
            self.assertEqual((line["client"], line["auth"]), ("alice", "password"))
            connection.send(head.replace(basic("alice", PASSWORD), basic("alice", "wrong word")))
            self.check(connection.read_answer(), 407)
            before = len(self.proxy.access_lines())
            connection.send(s3raw.head("GET", "http://%s/" % lib.S3_NAME, [("Host", lib.S3_NAME)]))
            self.assertEqual(self.line_after(before, self.check(connection.read_answer(), 200))["client"], "reader")
        self.assertNotIn("proxy-authorization", str(endpoint.requests).lower())
        with self.open("optional") as connection:
            self.check(self.ask(connection), 200)
            self.inside(connection)
            before = len(self.proxy.access_lines())
            answer = self.proxy.request("forward", "GET", "/", key=None, connection=connection,
                                        headers=[("Proxy-Authorization", basic("alice", PASSWORD).decode())])
            self.assertEqual(self.line_after(before, answer)["client"], "reader")

    def test_passwords_over_plain_tcp_are_refused(self):
        for authorization in (basic("alice", PASSWORD), None):
            with s3raw.Connection(self.proxy.address("balanced")) as connection:
                connection.send(b"PROXY TCP4 192.0.2.77 198.51.100.2 51234 443\r\n")
                self.assertIn(b"over TLS", self.check(self.ask(connection, authorization), 403).body)

    def test_curl_asks_first(self):
        result = lib.run("/usr/bin/curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}", "--proxy-anyauth",
                         "--proxy", "https://127.0.0.1:%d" % self.proxy.ports["asks"], "--proxy-user", "alice:" + PASSWORD,
                         "--proxy-cacert", self.proxy.ca_file, "--cacert", self.proxy.ca_file, "https://%s/" % lib.S3_NAME,
                         env=lib.clean_environment())
        self.assertEqual(result.stdout, "200 1")

    def test_aws_with_the_password_in_the_url(self):
        """This client speaks to proxies in the clear."""
        environment = lib.clean_environment(
            AWS_ACCESS_KEY_ID=lib.ALICE[0], AWS_SECRET_ACCESS_KEY=lib.ALICE[1], AWS_DEFAULT_REGION=lib.REGION,
            AWS_CA_BUNDLE=self.proxy.ca_file, AWS_MAX_ATTEMPTS="1",
            HTTPS_PROXY="http://bob:bob%%27s%%20own%%20password@127.0.0.1:%d" % self.proxy.ports["asks-plain"])
        lib.run("/usr/bin/aws", "s3api", "list-buckets", env=environment)
        self.assertEqual(self.line_with(1, operation="CONNECT", client="bob")["auth"], "password")

    def test_hashing_does_not_hold_up_others_and_is_remembered(self):
        """Wrong passwords in a crowd while another client goes on; a right one is fast from the second time on."""
        stop, statuses, passed = threading.Event(), [], 0

        def others():
            nonlocal passed
            with self.proxy.connect("legacy") as connection:
                while not stop.is_set():
                    self.proxy.request("legacy", "GET", "/", key=None, connection=connection)
                    passed += 1

        def crowd(i):
            with self.open("asks-plain") as connection:
                statuses.append(self.ask(connection, basic("alice", "wrong %d" % i)).status)
        bystander = threading.Thread(target=others)
        bystander.start()
        threads = [threading.Thread(target=crowd, args=(i,)) for i in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        bystander.join()
        self.assertEqual(statuses, [407] * 20)

        def work(authorization, status):
            """Seconds of the proxy's CPU for ten of them: what other work of the machine takes is not meant."""
            before = self.proxy.cpu_seconds()
            for _ in range(10):
                with self.open("asks-plain") as connection:
                    self.assertEqual(self.ask(connection, authorization).status, status)
            return self.proxy.cpu_seconds() - before
        with self.open("asks-plain") as connection:
            self.assertEqual(self.ask(connection, basic("alice", PASSWORD)).status, 200)
        known, wrong = work(basic("alice", PASSWORD), 200), work(basic("alice", "wrong"), 407)
        nobody, without = work(basic("nobody", "wrong"), 407), work(basic("reader", "wrong"), 407)
        print("requests of the other one: %d; ten remembered %.2f s, wrong %.2f, unknown name %.2f, without a password %.2f" %
              (passed, known, wrong, nobody, without), flush=True)
        self.assertGreater(passed, len(statuses), "requests of the other one: on one thread with the hashing each would wait for one")
        self.assertLess(known, wrong / 2)
        self.assertGreater(nobody, wrong / 3)
        self.assertGreater(without, wrong / 3)

    def test_who_floods_waits_for_himself(self):
        """One peer asks with wrong passwords all the time, on many connections; others get their turn between his."""
        checked, refused, stop, newcomer_waited = [], [], threading.Event(), []

        def ask_from(peer, password):
            with s3raw.Connection(self.proxy.address("balanced")) as connection:
                connection.send(b"PROXY TCP4 %s 127.0.0.1 51234 443\r\n" % peer)
                return self.ask(connection, basic("alice", password))

        def flood(number):
            tries = 0
            while not stop.is_set():
                tries += 1
                answer = ask_from(b"127.7.0.1", "wrong %d %d" % (number, tries))
                (checked if answer.status == 407 else refused).append(answer.status)
                stop.wait(0 if answer.status == 407 else 0.1)
        threads = [threading.Thread(target=flood, args=(i,)) for i in range(48)]
        for thread in threads:
            thread.start()
        try:
            lib.wait_until(lambda: refused and len(checked) > 16, 120, "a full queue")
            for i in range(7):
                before = len(checked)
                self.check(ask_from(b"127.7.1.%d" % i, "wrong"), 407)
                newcomer_waited.append(len(checked) - before)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        print("checks of the flood that others waited for: %s" % newcomer_waited, flush=True)
        self.assertLess(statistics.median(newcomer_waited), 8)
        self.assertEqual(set(refused), {503})
        self.line_with(1, end="too_many")

    def test_clients_that_go_away_while_it_is_checked(self):
        for _ in range(10):
            connection = self.open("asks-plain")
            connection.send(b"CONNECT %s:443 HTTP/1.1\r\nProxy-Authorization: %s\r\n\r\n" %
                            (lib.S3_NAME.encode(), basic("alice", "wrong %f" % time.monotonic())))
            connection.reset()
        with self.open("asks-plain") as connection:
            self.check(self.ask(connection, basic("bob", BOB)), 200)


if __name__ == "__main__":
    lib.main()
