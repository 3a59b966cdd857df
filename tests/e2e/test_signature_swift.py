# SPDX-License-Identifier: Apache-2.0
"""OpenStack Swift judges what the proxy signs: unlike radosgw it insists on the Region, the service and the day of the
scope. Swift speaks plain HTTP; a small relay puts TLS in front of it."""
import hashlib
import os
import urllib.parse

import lib
import s3raw

SWIFT_KEY = ("test:tester", "testing")


def setUpModule():
    global swift_port, relay
    swift_port = lib.free_port(count=4)
    folder = lib.WORK / "swift"
    settings = dict(os.environ, SWIFT_PORT=str(swift_port), SWIFT_REGION=lib.REGION, SWIFT_NAMES=lib.S3_NAME)
    lib.run(lib.SUPPORT / "swift-s3", "up", folder, env=settings)
    lib.atexit.register(lambda: lib.run(lib.SUPPORT / "swift-s3", "down", folder, check=False))
    relay = lib.TlsRelay(("127.0.0.1", swift_port))
    lib.UPSTREAM_KEY = SWIFT_KEY
    lib.Case.proxy = lib.Proxy([relay.address], trailers="decode")


def tearDownModule():
    lib.Case.proxy.stop()
    relay.close()


class Swift(lib.Case):
    def direct(self, method, target, body=b"", headers=(), **options):
        headers = [("Host", lib.S3_NAME)] + list(headers)
        if body or method == "PUT":
            headers.append(("Content-Length", str(len(body))))
        headers = s3raw.sign(method, target, headers, SWIFT_KEY, body=body, **options)
        with s3raw.Connection(("127.0.0.1", swift_port)) as connection:
            connection.send(s3raw.head(method, target, headers) + body)
            return connection.read_answer(method)

    def test_the_judge_is_strict(self):
        """Without this the other tests would prove nothing."""
        self.check(self.direct("GET", "/"), 200)
        self.check(self.direct("GET", "/", region="us-east-1"), 400, "AuthorizationHeaderMalformed")
        self.check(self.direct("GET", "/", service="ec2"), 400, "AuthorizationHeaderMalformed")
        self.assertEqual(self.direct("GET", "/", date=s3raw.amz_date(-3600)).status, 403)

    def test_round_trip(self):
        for listener in ("plain", "legacy", "tls", "forward"):
            key = None if listener == "legacy" else lib.ALICE
            bucket = "swift-" + listener
            with self.proxy.connect(listener) as connection:
                def ask(method, target, body=b"", headers=(), **options):
                    return self.proxy.request(listener, method, target, body, headers, key=key, connection=connection, **options)
                with self.subTest(listener=listener):
                    self.check(ask("PUT", "/" + bucket), 200)
                    for name in ("plain", "space in key", "plus+plus", "日本語", "a//b", "100%", "a!b*c'd(e)", "~tilde", "a=b&c"):
                        target = "/%s/%s" % (bucket, s3raw.quote_key(name))
                        body = name.encode() * 1000
                        answer = self.check(ask("PUT", target, body, [("Content-Type", "text/plain"), ("x-amz-meta-a", "x  y")]), 200)
                        self.assertEqual(answer.header("etag"), '"%s"' % hashlib.md5(body).hexdigest())
                        self.assertEqual(self.check(ask("GET", target), 200).body, body)
                        self.assertEqual(self.check(ask("GET", target, headers=[("Range", "bytes=2-5")]), 206).body, body[2:6])
                        self.assertEqual(self.check(ask("HEAD", target), 200).header("x-amz-meta-a").split(), ["x", "y"])
                        self.check(ask("HEAD", target, headers=[("If-None-Match", answer.header("etag"))]), 304)
                    for query in ("list-type=2&prefix=space%20in", "list-type=2&prefix=plus%2B&max-keys=1", "list-type=2&delimiter=%2F",
                                  "prefix=&marker=", "list-type=2&prefix=a%3Db%26c", "location", "versioning", "acl="):
                        self.check(ask("GET", "/%s?%s" % (bucket, query)), 200)
                    for name in ("plain", "space in key", "plus+plus", "日本語", "a//b", "100%", "a!b*c'd(e)", "~tilde", "a=b&c"):
                        self.check(ask("DELETE", "/%s/%s" % (bucket, s3raw.quote_key(name))), 204)
                    self.check(ask("DELETE", "/" + bucket), 204)

    def test_region_of_the_client_does_not_matter(self):
        for region in ("us-east-1", "eu-central-1", lib.REGION):
            with self.subTest(region):
                if region == "eu-central-1":  # no endpoint there: the listener's own name goes to the default endpoint
                    answer = self.proxy.request("plain", "GET", "/", region=region)
                    self.assertIn(answer.status, (200, 503))
                    continue
                self.check(self.proxy.request("plain", "GET", "/", region=region), 200)

    def test_host_style(self):
        self.check(self.proxy.request("plain", "PUT", "/swift-host"), 200)
        host = "swift-host." + lib.S3_NAME
        with self.proxy.connect("forward", host=host) as connection:
            headers = s3raw.sign("PUT", "/a%20b", [("Host", host), ("Content-Length", "1")], lib.ALICE, body=b"x")
            connection.send(s3raw.head("PUT", "/a%20b", headers) + b"x")
            self.check(connection.read_answer("PUT"), 200)
        self.assertEqual(self.direct("GET", "/swift-host/a%20b").body, b"x")

    def test_copy(self):
        self.check(self.proxy.request("plain", "PUT", "/swift-copy"), 200)
        self.check(self.proxy.request("plain", "PUT", "/swift-copy/a%20b", b"source"), 200)
        self.check(self.proxy.request("plain", "PUT", "/swift-copy/c", headers=[(
            "x-amz-copy-source", urllib.parse.quote("/swift-copy/a b"))]), 200)
        self.assertEqual(self.proxy.request("plain", "GET", "/swift-copy/c").body, b"source")

    def test_payloads(self):
        self.check(self.proxy.request("plain", "PUT", "/swift-payloads"), 200)
        body = os.urandom(300000)
        for name, options in (("hash", {}), ("unsigned", {"payload": s3raw.UNSIGNED})):
            with self.subTest(name):
                target = "/swift-payloads/" + name
                self.check(self.proxy.request("tls", "PUT", target, body, **options), 200)
                self.assertEqual(self.direct("GET", target).body, body)
        framed = s3raw.aws_chunked(body, [("x-amz-checksum-crc32", s3raw.checksum("crc32", body))])
        self.check(self.proxy.request("tls", "PUT", "/swift-payloads/trailer", framed, [
            ("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", str(len(body))),
            ("x-amz-trailer", "x-amz-checksum-crc32")], payload=s3raw.TRAILER), 200)
        self.assertEqual(self.direct("GET", "/swift-payloads/trailer").body, body)


if __name__ == "__main__":
    lib.main()
