# SPDX-License-Identifier: Apache-2.0
"""TLS as clients meet it: fatal alerts, TLS where none is wanted and none where it is wanted, and refusals that a client can
show: a CONNECT, or a ClientHello, for an S3 name that is refused is answered inside TLS, where S3 answers.
Source: RFC 8446 6.2 (error alerts)."""
import re
import socket
import ssl
import subprocess

import lib
import s3raw

CRL = "http://127.0.0.1:9"  # where certificates say that it is; the tests ask each listener
ONLY = "only." + lib.S3_NAME  # what the narrow listeners intercept


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    narrow = "only.s3.*"
    lib.Case.proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]], server={"tls_timeout": "3s", "header_timeout": "3s"},
        listeners={"narrow": {"mode": "forward", "intercept": narrow}, "secure": {"mode": "forward", "tls": "on"},
                   "brought": {"mode": "redirect", "intercept": narrow}, "brought-tls": {"mode": "redirect", "tls": "on"}},
        ca={"crl": CRL + "/-/ca.crl"})


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


class Revocation(lib.Case):
    def test_the_list_that_certificates_name(self):
        """It is there, it is the authority's, and clients that insist on one are content."""
        folder = lib.WORK / "crl"
        folder.mkdir()
        leaf = ssl.get_server_certificate(self.proxy.address("tls"))
        (folder / "leaf.pem").write_text(leaf)
        text = lib.run("openssl", "x509", "-noout", "-ext", "crlDistributionPoints", input=leaf).stdout
        self.assertIn("URI:%s/-/ca.crl" % CRL, text)
        for listener in ("plain", "forward", "legacy"):
            with self.subTest(listener), s3raw.Connection(self.proxy.address(listener)) as connection:
                connection.send(s3raw.head("GET", "/-/ca.crl", [("Host", "127.0.0.1")]))
                answer = connection.read_answer()
                self.assertEqual((answer.status, answer.header("content-type")), (200, "application/pkix-crl"))
                (folder / "ca.crl").write_bytes(answer.body)
                lib.run("openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", self.proxy.ca_file, "-CRLfile", folder / "ca.crl",
                        folder / "leaf.pem")
                for host in ("127.0.0.1", "LocalHost"):
                    connection.send(s3raw.head("HEAD", "/-/ca.crl", [("Host", host)]))
                    self.assertEqual(connection.read_answer("HEAD").status, 200)
        without = lib.run("openssl", "verify", "-crl_check", "-CAfile", self.proxy.ca_file, folder / "leaf.pem", check=False)
        self.assertIn("unable to get certificate CRL", without.stdout + without.stderr)

    def test_an_object_of_that_key_stays_one(self):
        headers = s3raw.sign("GET", "/-/ca.crl", [("Host", "bucket.localhost")], lib.ALICE)
        with s3raw.Connection(self.proxy.address("plain")) as connection:
            connection.send(s3raw.head("GET", "/-/ca.crl", [("Host", "bucket.localhost")]))
            self.check(connection.read_answer(), 403, "AccessDenied")
            connection.send(s3raw.head("GET", "/-/ca.crl", headers))
            self.check(connection.read_answer(), 404, "NoSuchKey")


class OwnName(lib.Case):
    """An endpoint listener without `names` answers to what its machine calls itself, and to the first label of that."""

    HOST = socket.gethostname().lower()

    def get(self, connection, host, target):
        connection.send(s3raw.head("GET", target, s3raw.sign("GET", target, [("Host", host)], lib.ALICE)))
        return connection.read_answer()

    def test_requests(self):
        endpoint.objects[b"bucket", b"own"] = b"mine"
        for name in {self.HOST, self.HOST.split(".")[0]}:
            for listener, tls in (("plain", None), ("tls", s3raw.tls_context(self.proxy.ca_file))):
                host = "%s:%d" % (name, self.proxy.ports[listener])
                with self.subTest(listener, name=name), s3raw.Connection(self.proxy.address(listener), tls, name) as connection:
                    self.check(self.get(connection, host, "/bucket/own"), 200)
                    if not tls:
                        self.check(self.get(connection, "bucket." + host, "/own"), 200)
                        self.check(self.get(connection, "bucket.x" + host, "/own"), 403)

    def test_certificates_without_sni(self):
        text = lib.run("openssl", "x509", "-noout", "-ext", "subjectAltName",
                       input=ssl.get_server_certificate(self.proxy.address("tls"))).stdout
        for part in ("IP Address:127.0.0.1", "DNS:localhost", "DNS:" + self.HOST):
            self.assertIn(part, text)

    def test_commands_say_it(self):
        self.assertRegex(self.proxy.command("check", "--print").stdout, r"names = %s\b.*; derived" % re.escape(self.HOST))


class Tls:
    """TLS over memory, so that bytes which are no TLS can be put between its records."""

    def __init__(self, sock, name, version=None):
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = s3raw.tls_context(lib.Case.proxy.ca_file)
        if version:
            context.maximum_version = version
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.do(self.tls.do_handshake)

    def do(self, call, *arguments):
        while True:
            try:
                result = call(*arguments)
                self.sock.sendall(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                data = self.sock.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def send(self, data):
        self.do(self.tls.write, data)

    def end(self):
        """How the peer ends it: the exception of TLS. Then there must be the end of the stream, and no reset."""
        try:
            while self.do(self.tls.read, 65536):
                pass
            raise AssertionError("it ended as if all were well")
        except ssl.SSLError as error:
            assert self.sock.recv(1) == b""
            return error.reason


class Alerts(lib.Case):
    RECORD = bytes.fromhex("1703030020") + bytes(32)  # application data that nobody encrypted

    def sock(self, listener):
        sock = socket.create_connection(self.proxy.address(listener), timeout=s3raw.TIMEOUT_S)
        if listener == "forward":
            sock.sendall(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode())
            self.assertIn(b" 200 ", sock.recv(1000))
        return sock

    def test_a_bad_record_is_answered_with_an_alert(self):
        """Between requests and within an upload, however much still comes behind it."""
        upload = s3raw.head("PUT", "/bucket/alert", s3raw.sign("PUT", "/bucket/alert", [
            ("Host", lib.S3_NAME), ("Content-Length", "1000000")], lib.ALICE, payload=s3raw.UNSIGNED)) + b"x" * 1000
        for listener, name in (("tls", "localhost"), ("forward", lib.S3_NAME), ("secure", "localhost")):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                for first in (b"", upload) if listener != "secure" else (b"",):
                    with self.subTest(listener=listener, version=version, first=len(first)), self.sock(listener) as sock:
                        tls = Tls(sock, name, version)
                        if first:
                            tls.send(first)
                        sock.sendall(self.RECORD + b"more" * 1000)
                        self.assertIn("BAD_RECORD_MAC", tls.end())

    def test_what_is_no_handshake_gets_an_alert(self):
        for listener in ("tls", "brought", "brought-tls"):
            with self.subTest(listener), self.sock(listener) as sock:
                sock.sendall(b"\x16\x03\x01\x00\x05hello")
                data = b""
                while len(data) < 7:
                    data += sock.recv(100) or b"ended" * 2
                self.assertEqual((data[:1], data[5:6]), (b"\x15", b"\x02"), data)  # alert, fatal
                self.assertEqual(sock.recv(1), b"")

    def test_who_only_looks_whether_the_port_is_open_is_not_logged(self):
        def closed(*sent):
            with self.sock("tls") as sock:
                sock.sendall(b"".join(sent))
                return "TLS handshake with 127.0.0.1:%d " % sock.getsockname()[1]
        silent, spoke = [closed() for _ in range(20)], closed(b"\x16\x03\x01\x00\x05hello")
        lib.wait_until(lambda: spoke in self.proxy.stderr.read_text(), 20, "a line of who spoke")
        text = self.proxy.stderr.read_text()
        self.assertEqual([s for s in silent if s in text], [])

    def test_only_authenticated_ciphers_of_tls_1_2(self):
        for ciphers, good in (("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA", False)):
            context = s3raw.tls_context(self.proxy.ca_file)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
            with self.subTest(ciphers), self.sock("tls") as sock:
                try:
                    context.wrap_socket(sock, server_hostname="localhost").close()
                    self.assertTrue(good)
                except ssl.SSLError as error:
                    self.assertEqual((good, error.reason), (False, "SSLV3_ALERT_HANDSHAKE_FAILURE"))


class Languages(lib.Case):
    def test_plain_http_where_tls_is_wanted(self):
        for listener, target in (("tls", "/bucket/key"), ("secure", "http://%s/bucket/key" % lib.S3_NAME), ("brought-tls", "/bucket/key")):
            for method in ("GET", "PUT"):
                with self.subTest(listener=listener, method=method), s3raw.Connection(self.proxy.address(listener)) as connection:
                    headers = [("Host", lib.S3_NAME)] + ([("Content-Length", "4")] if method == "PUT" else [])
                    connection.send(s3raw.head(method, target, headers) + (b"body" if method == "PUT" else b""))
                    answer = self.check(connection.read_answer(method), 400, "InvalidRequest")
                    self.assertIn("https://", answer.message)
                    self.assertTrue(connection.at_end())
                    self.assertEqual(self.proxy.line_of(answer)["end"], "tls_wanted")

    def test_tls_where_plain_http_is_wanted(self):
        for listener in ("plain", "forward"):
            with self.subTest(listener), socket.create_connection(self.proxy.address(listener)) as sock:
                with self.assertRaises(ssl.SSLError) as caught:
                    s3raw.tls_context(self.proxy.ca_file).wrap_socket(sock, server_hostname="localhost")
                self.assertEqual(caught.exception.reason, "SSLV3_ALERT_UNEXPECTED_MESSAGE")

                def lines():
                    return [x for x in self.proxy.access_lines() if (x["listener"], x["end"]) == (listener, "tls_unwanted")]
                lib.wait_until(lines, 10, "access line")
                self.assertIn("[listener %s]" % listener, lines()[-1]["detail"])

    def test_curl_shows_it(self):
        result = lib.run("/usr/bin/curl", "-sS", "http://127.0.0.1:%d/" % self.proxy.ports["tls"], env=lib.clean_environment())
        self.assertIn("use https://", result.stdout)


class Refused(lib.Case):
    """The sentence reaches the user, because it comes where answers of S3 come."""

    def inside(self, name, listener="narrow"):
        if listener == "narrow":
            return self.proxy.connect("forward", host=name) if name == ONLY else s3raw.Connection(
                self.proxy.address("narrow"), tls=s3raw.tls_context(self.proxy.ca_file), tunnel=name + ":443")
        connection = s3raw.Connection(self.proxy.address(listener))
        connection.sock = s3raw.tls_context(self.proxy.ca_file).wrap_socket(connection.sock, server_hostname=name)
        return connection

    def test_a_refused_name_is_answered_inside(self):
        before = len(endpoint.requests)
        for listener in ("narrow", "brought"):
            for name in (lib.S3_NAME, "other." + lib.S3_NAME, "s3.amazonaws.com"):
                for method, more in (("GET", []), ("PUT", [("Content-Length", "4")])):
                    with self.subTest(listener=listener, name=name, method=method), self.inside(name, listener) as connection:
                        connection.send(s3raw.head(method, "/bucket/key", [("Host", name)] + more) + b"body" * len(more))
                        answer = self.check(connection.read_answer(method), 403, "AccessDenied")
                        self.assertIn("[listener %s]" % listener, answer.message)
                        self.assertEqual(self.proxy.line_of(answer)["end"], "host_refused")
        self.assertEqual(len(endpoint.requests), before)

    def test_every_request_inside_is_refused(self):
        with self.inside(lib.S3_NAME) as connection:
            for host in (lib.S3_NAME, lib.S3_NAME, ONLY):
                headers = s3raw.sign("GET", "/bucket/key", [("Host", host)], lib.ALICE)
                connection.send(s3raw.head("GET", "/bucket/key", headers))
                answer = connection.read_answer()
                self.assertIn(answer.status, (403, 421), answer.body)

    def test_other_names_keep_the_403(self):
        for target in ("example.com:443", "sts.%s.amazonaws.com:443" % lib.REGION, "amazonaws.com:443", "s3.us-east-2.amazonaws.com:443",
                       lib.S3_NAME + ":22", lib.S3_NAME + ":8443"):
            with self.subTest(target), s3raw.Connection(self.proxy.address("narrow")) as connection:
                connection.send(b"CONNECT %s HTTP/1.1\r\n\r\n" % target.encode())
                self.assertEqual(connection.read_answer("CONNECT").status, 403)

    def aws(self, program, *words, **variables):
        environment = lib.clean_environment(
            AWS_ACCESS_KEY_ID=lib.ALICE[0], AWS_SECRET_ACCESS_KEY=lib.ALICE[1], AWS_DEFAULT_REGION=lib.REGION,
            AWS_CA_BUNDLE=self.proxy.ca_file, AWS_MAX_ATTEMPTS="1", HTTPS_PROXY=self.proxy.url("narrow"), **variables)
        result = subprocess.run([program, *words], capture_output=True, text=True, env=environment, timeout=60)
        self.assertNotEqual(result.returncode, 0)
        return result.stdout + result.stderr

    def test_aws_and_boto3_print_the_sentence(self):
        sentence = "Neither `tunnel` nor `intercept` of [listener narrow] names other.%s" % lib.S3_NAME
        self.assertIn(sentence, self.aws("/usr/bin/aws", "s3", "ls", "s3://other/"))
        self.assertIn(sentence, self.aws("/usr/bin/python3", "-c",
                                         "import boto3; boto3.client('s3').list_objects_v2(Bucket='other')"))


if __name__ == "__main__":
    lib.main()
