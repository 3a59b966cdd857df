# SPDX-License-Identifier: Apache-2.0
"""Presigned URLs (Signature Version 4 in the query): taken when they are right, refused with S3's own code when they are
not, and never passed on: what the endpoint gets is signed as a header by the proxy."""
import re

import lib
import s3raw

LISTENERS = ("plain", "tls", "forward")


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    lib.Case.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]])


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


class Presigned(lib.Case):
    def url(self, listener, method="GET", target="/bucket?list-type=2", headers=(), key=lib.ALICE, **options):
        return s3raw.presign(method, target, [("Host", self.proxy.host(listener))] + list(headers), key, **options)

    def send(self, listener, method, target, headers=(), body=b""):
        headers = [("Host", self.proxy.host(listener))] + list(headers)
        if body or method == "PUT":
            headers.append(("Content-Length", str(len(body))))
        with self.proxy.connect(listener) as connection:
            connection.send(s3raw.head(method, target, headers) + body)
            return connection.read_answer(method)

    def refused(self, status, code, target, method="GET", headers=(), body=b"", listener="plain"):
        before = len(endpoint.requests)
        answer = self.check(self.send(listener, method, target, headers, body), status, code)
        self.assertTrue(answer.message)
        self.assertEqual(len(endpoint.requests), before, "forwarded")
        return answer

    def test_every_method(self):
        for listener in LISTENERS:
            target = "/bucket/presigned-%s" % listener
            for method, body, status in (("PUT", b"content", 200), ("GET", b"", 200), ("HEAD", b"", 200), ("DELETE", b"", 204)):
                with self.subTest(listener=listener, method=method):
                    self.check(self.send(listener, method, self.url(listener, method, target), body=body), status)
                    sent = "\n".join(endpoint.requests[-1]["head"])
                    self.assertIn("Credential=" + lib.UPSTREAM_KEY[0], sent)
                    self.assertNotRegex(sent, "(?i)x-amz-(algorithm|credential|expires|signedheaders|signature)")
                    self.assertNotIn(lib.ALICE[0], sent)

    def test_odd_keys(self):
        for key in ("a b+c%d&e=f", "\u00fcber/\u96ea/x", "dots/../x", "a//b", "%", "~!*'()"):
            with self.subTest(key=key):
                target = "/bucket/" + s3raw.quote_key(key)
                self.check(self.send("plain", "PUT", self.url("plain", "PUT", target), body=key.encode()), 200)
                answer = self.check(self.send("plain", "GET", self.url("plain", target=target)), 200)
                self.assertEqual(answer.body, key.encode())

    def test_other_parameters_stay(self):
        target = "/bucket?list-type=2&prefix=a%2Bb%20c&max-keys=3"
        self.check(self.send("plain", "GET", self.url("plain", target=target)), 200)
        self.assertEqual(endpoint.requests[-1]["head"][0], "GET /bucket?list-type=2&prefix=a%2Bb%20c&max-keys=3 HTTP/1.1")

    def test_what_sdks_add(self):
        """The SDK for JavaScript moves x-amz-content-sha256 into the query; temporary keys bring their token."""
        more = [("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), ("x-amz-checksum-mode", "ENABLED"), ("x-id", "ListObjectsV2"),
                ("X-Amz-Security-Token", "token/of+the==client")]
        self.check(self.send("plain", "GET", self.url("plain", more=more)), 200)
        sent = "\n".join(endpoint.requests[-1]["head"])
        self.assertIn("x-amz-checksum-mode: ENABLED", sent)  # a header again, as beside a signature in a header it must be
        self.assertIn("x-id=ListObjectsV2", sent)
        self.assertNotRegex(sent, "(?i)token.of|x-amz-content-sha256=")

    def test_checksums_of_nothing_in_a_url(self):
        """getSignedUrl of the SDK for JavaScript: made before there was a body, and without effect in S3."""
        more = [("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-sdk-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT"),
                ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), ("x-id", "PutObject"), ("x-amz-meta-a", "b"),
                ("x-amz-storage-class", "STANDARD_IA"), ("x-amz-server-side-encryption", "AES256"), ("x-amz-tagging", "k=v&l=w")]
        for listener in LISTENERS:
            with self.subTest(listener):
                url = self.url(listener, "PUT", "/bucket/url", more=more)
                self.check(self.send(listener, "PUT", url, body=b"hello"), 200)
                sent = "\n".join(endpoint.requests[-1]["head"])
                self.assertNotIn("checksum", sent)
                for field in ("x-amz-meta-a: b", "x-amz-storage-class: STANDARD_IA", "x-amz-server-side-encryption: AES256",
                              "x-amz-tagging: k=v&l=w"):
                    self.assertIn(field, sent)
        self.refused(403, "AccessDenied", url, "PUT", [("x-amz-checksum-crc32", "NhCmhg==")], b"hello", "forward")

    def test_names_may_be_encoded(self):
        target = self.url("plain").replace("X-Amz-Signature", "X%2DAmz%2DSignature")
        self.check(self.send("plain", "GET", target), 200)
        self.assertNotIn("Signature=" + target[-64:], "\n".join(endpoint.requests[-1]["head"]))

    def test_signed_headers_and_payload(self):
        headers = [("x-amz-meta-a", "b"), ("Content-Type", "text/x")]
        url = self.url("plain", "PUT", "/bucket/with-headers", headers, signed=("content-type", "host", "x-amz-meta-a"))
        self.check(self.send("plain", "PUT", url, headers, b"x"), 200)
        self.refused(403, "SignatureDoesNotMatch", url, "PUT", [("x-amz-meta-a", "c"), ("Content-Type", "text/x")], b"x")
        self.refused(403, "SignatureDoesNotMatch", url, "PUT", [("x-amz-meta-a", "b")], b"x")
        self.refused(403, "AccessDenied", url, "PUT", headers + [("x-amz-acl", "public-read")], b"x")
        digest = s3raw.EMPTY_SHA256
        headers = [("x-amz-content-sha256", digest)]
        url = self.url("plain", "PUT", "/bucket/hashed", headers, signed=("host", "x-amz-content-sha256"), payload=digest)
        self.check(self.send("plain", "PUT", url, headers), 200)
        self.refused(403, "SignatureDoesNotMatch", url, "PUT", [("x-amz-content-sha256", "UNSIGNED-PAYLOAD")])

    def test_unsigned_headers_of_a_browser(self):
        self.check(self.send("plain", "PUT", self.url("plain", "PUT", "/bucket/ranged"), body=b"0123456789"), 200)
        answer = self.check(self.send("plain", "GET", self.url("plain", target="/bucket/ranged"),
                                      [("Range", "bytes=2-4"), ("User-Agent", "x")]), 206)
        self.assertEqual(answer.body, b"234")

    def test_lifetime(self):
        for ago, expires, ok in ((0, 1, True), (-60, 61, True), (-3600 * 24 * 7 + 60, 604800, True), (14 * 60, 60, True),
                                 (-60, 50, False), (-3600 * 24 * 7 - 60, 604800, False)):
            with self.subTest(ago=ago, expires=expires):
                url = self.url("plain", date=s3raw.amz_date(ago), expires=expires)
                if ok:
                    self.check(self.send("plain", "GET", url), 200)
                    continue
                answer = self.refused(403, "AccessDenied", url)
                self.assertEqual(answer.message, "Request has expired")
                self.assertRegex(answer.body, b"<X-Amz-Expires>%d</X-Amz-Expires><Expires>[0-9TZ]{16}</Expires><ServerTime>"
                                 % expires)
        answer = self.refused(403, "AccessDenied", self.url("plain", date=s3raw.amz_date(16 * 60)))
        self.assertEqual(answer.message, "Request is not valid yet")

    def test_malformed(self):
        good = self.url("plain")
        for name, target in {
            "expires 0": self.url("plain", expires=0), "expires above a week": self.url("plain", expires=604801),
            "expires no number": self.url("plain", expires="soon"), "date of no calendar": self.url("plain", date="20260230T000000Z"),
            "no expires": re.sub("&X-Amz-Expires=900", "", good), "no signature": re.sub("&X-Amz-Signature=.*", "", good),
            "no credential": re.sub("&X-Amz-Credential=[^&]*", "", good), "twice": good + "&X-Amz-Expires=900",
            "short signature": good[:-1], "algorithm": good.replace("HMAC-SHA256", "HMAC-SHA1"),
        }.items():
            with self.subTest(name):
                self.refused(400, "AuthorizationQueryParametersError", target)
        self.refused(400, "InvalidURI", good.replace("%2Fs3%2F", "%2Fs3%zz"))

    def test_tampered(self):
        """Any change of any part that is covered."""
        good = self.url("plain", target="/bucket/key?versionId=null")
        path, _, query = good.partition("?")
        parameters = dict(p.split("=") for p in query.split("&"))
        changes = {"path": good.replace("/key?", "/kez?"), "added": good + "&acl", "removed": good.replace("versionId=null&", ""),
                   "other value": good.replace("versionId=null", "versionId=nulk"),
                   "signature": good[:-1] + ("0" if good[-1] != "0" else "1"),
                   "expires": good.replace("X-Amz-Expires=900", "X-Amz-Expires=901"),
                   "day": good.replace(parameters["X-Amz-Date"], s3raw.amz_date(5)),
                   "region": good.replace("ap-northeast-1", "ap-northeast-2")}
        for name, target in changes.items():
            with self.subTest(name):
                self.refused(403, "SignatureDoesNotMatch", target)
        self.refused(403, "SignatureDoesNotMatch", good, "DELETE")
        self.refused(403, "SignatureDoesNotMatch", good, "PUT", body=b"x")
        self.refused(403, "InvalidAccessKeyId", good.replace(lib.ALICE[0], "AKIALOCALALICE000002"))
        self.refused(403, "SignatureDoesNotMatch", good, listener="tls")  # its Host names another port

    def test_policy_holds(self):
        self.check(self.send("plain", "GET", self.url("plain", key=lib.READER)), 200)
        self.refused(403, "AccessDenied", self.url("plain", "PUT", "/bucket/x", key=lib.READER), "PUT", body=b"x")

    def test_both_kinds_at_once(self):
        target = self.url("plain")
        headers = s3raw.sign("GET", target, [("Host", self.proxy.host("plain"))], lib.ALICE)[1:]
        self.refused(400, "InvalidArgument", target, headers=headers)


if __name__ == "__main__":
    lib.main()
