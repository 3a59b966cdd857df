# SPDX-License-Identifier: Apache-2.0
"""Requests under identities that are not the proxy's own: signed with a key that it does not know (`foreign = pass`), and
sent on without any signature (`source = none`)."""
import lib
import s3raw

SIGNER = ("AKIALOCALSIGNER00001", "signerSecret/signerSecret+signer01234567")  # goes on without a signature
STRANGER = ("AKIASTRANGER00000001", "strangerSecret/strangerSecret+stranger01")


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint(keys=(lib.UPSTREAM_KEY, STRANGER), names=[
        lib.S3_NAME, "bucket." + lib.VPCE_NAME, "bucket.%s-ap-northeast-1a.s3.%s.vpce.amazonaws.com" % (lib.VPCE, lib.REGION)])
    lib.Case.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], listeners={
        "open": dict(mode="forward", foreign="pass"),
        "open-endpoint": dict(mode="endpoint", foreign="pass", anonymous="public"),
    }, extra=lib.section("client public", policy="allow-all", credentials="nobody") + lib.section(
        "client signer", access_key_id=SIGNER[0], secret_access_key=SIGNER[1], policy="allow-all", credentials="nobody") +
        lib.section("credentials nobody", source="none"),
        endpoint=dict(name="accesspoint." + lib.VPCE_NAME))  # as the console shows one of its names: the word makes no difference


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


class Foreign(lib.Case):
    def send(self, listener, method, target, headers, body=b"", host=lib.S3_NAME, **options):
        with self.proxy.connect("forward", host) if listener == "forward" else s3raw.Connection(
                self.proxy.address(listener), tls=s3raw.tls_context(self.proxy.ca_file) if listener == "open" else None,
                tunnel=host + ":443" if listener == "open" else None) as connection:
            connection.send(s3raw.head(method, target, headers) + body)
            return connection.read_answer(method)

    def signed(self, method, target, body=b"", more=(), host=lib.S3_NAME, key=STRANGER, **options):
        return s3raw.sign(method, target, [("Host", host)] + list(more), key, body=body, **options)

    def last(self):
        return endpoint.requests[-1]

    def test_goes_on_byte_for_byte(self):
        target = "/bucket/a//b/%2e%2E/(x)~%7e!?x-id=PutObject&b&a=%20"
        more = [("X-Amz-Meta-Case", "a  b"), ("Content-Length", "5"), ("content-type", "text/x; q=1")]
        headers = self.signed("PUT", target, b"bytes", more)
        answer = self.check(self.send("open", "PUT", target, headers, b"bytes"), 200)
        sent = self.last()["head"]
        self.assertEqual(sent[0], "PUT %s HTTP/1.1" % target)
        for name, value in headers:
            self.assertIn("%s: %s" % (name, value), sent)
        self.assertEqual([line for line in sent[1:] if line.split(":")[0] not in dict(headers)], ["Via: 1.1 s3onramp"])
        line = self.proxy.line_of(answer)
        self.assertEqual((line["client"], line["auth"], line["status"]), ("", "foreign", 200))

    def test_host_style_and_absolute_form(self):
        host = "bucket." + lib.S3_NAME
        self.check(self.send("open", "GET", "/?list-type=2", self.signed("GET", "/?list-type=2", host=host), host=host), 200)
        headers = self.signed("GET", "/bucket?list-type=2")
        with s3raw.Connection(self.proxy.address("open")) as connection:
            connection.send(s3raw.head("GET", "http://%s/bucket?list-type=2" % lib.S3_NAME, headers))
            self.check(connection.read_answer(), 200)
        self.assertEqual(self.last()["head"][0], "GET /bucket?list-type=2 HTTP/1.1")

    def test_the_endpoints_own_names(self):
        for host in ("bucket." + lib.VPCE_NAME, "bucket.%s-ap-northeast-1a.s3.%s.vpce.amazonaws.com" % (lib.VPCE, lib.REGION)):
            with self.subTest(host=host):
                self.check(self.send("open", "GET", "/bucket?list-type=2", self.signed("GET", "/bucket?list-type=2", host=host),
                                     host=host), 200)
                self.assertIn("Host: " + host, self.last()["head"])
        for host in (lib.VPCE_NAME, "bucket.vpce-00000000000000000-abcdefgh.s3.%s.vpce.amazonaws.com" % lib.REGION):
            with self.subTest(host=host):
                self.refused("open", self.signed("GET", "/bucket/key", host=host), "serves another Host", host)

    def test_every_kind_of_body(self):
        body = bytes(range(256)) * 700
        for name, payload, framed, more in (
                ("hash", None, body, []), ("unsigned", s3raw.UNSIGNED, body, []),
                ("trailer", s3raw.TRAILER, s3raw.aws_chunked(body, [("x-amz-checksum-crc32", s3raw.checksum("crc32", body))]),
                 [("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-decoded-content-length", str(len(body)))]),
                ("chunks", s3raw.CHUNKS, None, [("x-amz-decoded-content-length", str(len(body)))])):
            for nested in (False, True) if name in ("trailer", "chunks") else (False,):
                with self.subTest(name, nested=nested):
                    length = len(framed) if framed else len(s3raw.signed_chunks(
                        self.signed("PUT", "/"), "x", body))
                    size = ("Transfer-Encoding", "chunked") if nested else ("Content-Length", str(length))
                    target = "/bucket/foreign-%s-%s" % (name, nested)
                    headers = self.signed("PUT", target, body, more + [size], payload=payload)
                    data = framed or s3raw.signed_chunks(headers, STRANGER[1], body)
                    self.check(self.send("open", "PUT", target, headers, s3raw.http_chunked(data, (7, 4096)) if nested
                                         else data), 200)
                    self.assertEqual(endpoint.objects[b"bucket", target[8:].encode()], body)

    def test_errors_about_the_strangers_key_reach_it(self):
        headers = self.signed("GET", "/bucket/key", key=(STRANGER[0], "wrong"))
        self.check(self.send("open", "GET", "/bucket/key", headers), 403, "SignatureDoesNotMatch")
        headers = self.signed("GET", "/bucket/key", key=("AKIANOBODY0000000001", "wrong"))
        self.check(self.send("open", "GET", "/bucket/key", headers), 403, "InvalidAccessKeyId")
        self.assertEqual(self.last()["verdict"].partition(":")[0], "InvalidAccessKeyId")

    def refused(self, listener, headers, hint, host=lib.S3_NAME):
        before = len(endpoint.requests)
        answer = self.check(self.send(listener, "GET", "/bucket/key", headers, host=host), 403, "InvalidAccessKeyId")
        self.assertEqual(len(endpoint.requests), before, "forwarded")
        self.assertIn(hint, self.proxy.line_of(answer)["detail"])

    def test_refused_elsewhere(self):
        self.refused("forward", self.signed("GET", "/bucket/key"), "with `foreign = pass`")
        for host in ("s3.amazonaws.com", "s3-%s.amazonaws.com" % lib.REGION, "my.bucket." + lib.S3_NAME,
                     "s3.dualstack.%s.amazonaws.com" % lib.REGION):
            with self.subTest(host=host):
                self.refused("open", self.signed("GET", "/bucket/key", host=host), "serves another Host", host)
        host = "127.0.0.1:%d" % self.proxy.ports["open-endpoint"]
        self.refused("open-endpoint", self.signed("GET", "/bucket/key", host=host), "serves another Host")

    def test_own_clients_are_checked_as_ever(self):
        headers = self.signed("GET", "/bucket/key", key=(lib.ALICE[0], "not the secret"))
        before = len(endpoint.requests)
        self.check(self.send("open", "GET", "/bucket/key", headers), 403, "SignatureDoesNotMatch")
        headers = self.signed("PUT", "/bucket/key", key=lib.READER, more=[("Content-Length", "0")])
        self.check(self.send("open", "PUT", "/bucket/key", headers), 403, "AccessDenied")
        self.assertEqual(len(endpoint.requests), before)


class Unsigned(lib.Case):
    def test_public_bucket(self):
        for method, body, status in (("PUT", b"public bytes", 200), ("GET", b"", 200), ("DELETE", b"", 204)):
            with self.subTest(method):
                answer = self.proxy.request("open-endpoint", method, "/public/key", body, key=None)
                self.check(answer, status)
                sent = "\n".join(endpoint.requests[-1]["head"]).lower()
                for word in ("authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"):
                    self.assertNotIn(word, sent)
        answer = self.proxy.request("open-endpoint", "GET", "/bucket/key", key=None)
        self.check(answer, 403, "AccessDenied")

    def test_trailer(self):
        body = b"0123456789" * 1000
        framed = s3raw.aws_chunked(body, [("x-amz-checksum-crc32", s3raw.checksum("crc32", body))])
        headers = [("Content-Encoding", "aws-chunked"), ("x-amz-trailer", "x-amz-checksum-crc32"),
                   ("x-amz-decoded-content-length", str(len(body))), ("x-amz-content-sha256", s3raw.TRAILER)]
        self.check(self.proxy.request("open-endpoint", "PUT", "/public/trailer", framed, headers, key=None), 200)
        self.assertEqual(endpoint.objects[b"public", b"trailer"], body)

    def test_the_hash_that_was_signed_stays(self):
        """Nobody else could notice that the body was changed on its way to the proxy."""
        for body, status, code in ((b"bytes", 200, None), (b"other", 400, "XAmzContentSHA256Mismatch")):
            with self.subTest(body=body), self.proxy.connect("plain") as connection:
                headers = s3raw.sign("PUT", "/public/hash", [("Host", self.proxy.host("plain")), ("Content-Length", "5")], SIGNER,
                                     body=b"bytes")
                connection.send(s3raw.head("PUT", "/public/hash", headers) + body)
                self.check(connection.read_answer("PUT"), status, code)


if __name__ == "__main__":
    lib.main()
