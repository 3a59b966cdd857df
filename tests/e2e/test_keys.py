# SPDX-License-Identifier: Apache-2.0
"""Object keys that paths and queries can hurt: stored through each listener, read back, and compared with the list of keys
that the gateway itself gives. Sent as raw bytes, because most clients would tidy them up first."""
import hashlib
import html
import re
import unicodedata
import urllib.parse

import lib
import s3raw

KEYS = [
    "plain", "space in key", " leading space", "trailing space ", "plus+plus", "a~b", "a=b", "a@b", "a:b", "a$b", "a&b",
    "a;b", "a,b", "a?b", "a#b", "a!b*c'd(e)f", 'quote"quote', "<tag>&amp;", "back\\slash", "[x]{y}|z^`",
    "literal%2Fslash", "literal%25percent", "%41", "100%", "%", "%zz",
    "/leading", "//two-leading", "a//b", "a///b//", "trailing/", "deep/er/path",
    "./dot", "../dotdot", "a/./b", "a/../b", "a/..", "a/.", "...", "..a",
    unicodedata.normalize("NFC", "café-über"), unicodedata.normalize("NFD", "café-über"), "日本語/キー", "😀", "\u00a0nbsp",
    "+ +%2B", "key?versionId=1", "key?X-Amz-Signature=0", "a" * 1024, "é" * 512, "http://host/path", "a\tb",
]


def setUpModule():
    global ceph
    ceph = lib.Ceph()
    lib.Case.proxy = lib.Proxy(ceph.addresses, trailers="decode")


def tearDownModule():
    lib.Case.proxy.stop()
    ceph.close()


class Keys(lib.Case):
    def keys_of(self, bucket):
        """As the gateway itself tells, past the proxy."""
        found, marker = [], ""
        while True:
            answer = self.check(ceph.request("GET", "/%s?list-type=2&encoding-type=url%s" % (bucket, marker)), 200)
            found += [urllib.parse.unquote_to_bytes(html.unescape(k))
                      for k in re.findall("<Key>(.*?)</Key>", answer.body.decode())]
            token = re.search(rb"<NextContinuationToken>(.*?)</NextContinuationToken>", answer.body)
            if not token:
                return sorted(found)
            marker = "&continuation-token=" + urllib.parse.quote(token[1], safe="")

    def same_keys(self, bucket, expected):
        found, expected = set(self.keys_of(bucket)), {k.encode() for k in expected}
        self.assertEqual([k[:60] for k in found - expected], [], "keys nobody stored")
        self.assertEqual([k[:60] for k in expected - found], [], "keys that are missing")

    def round_trip(self, listener, **options):
        bucket = "keys-" + listener
        self.check(self.proxy.request(listener, "PUT", "/" + bucket, **options), 200)
        with self.proxy.connect(listener) as connection:
            for key in KEYS:
                with self.subTest(key=key[:40]):
                    body = hashlib.sha256(key.encode()).digest()
                    target = "/%s/%s" % (bucket, s3raw.quote_key(key))
                    self.check(self.proxy.request(listener, "PUT", target, body, connection=connection, **options), 200)
                    got = self.check(self.proxy.request(listener, "GET", target, connection=connection, **options), 200)
                    self.assertEqual(got.body, body)
                    head = self.check(self.proxy.request(listener, "HEAD", target, connection=connection, **options), 200)
                    self.assertEqual(head.header("content-length"), "32")
        self.same_keys(bucket, KEYS)
        with self.proxy.connect(listener) as connection:
            for key in KEYS:
                target = "/%s/%s" % (bucket, s3raw.quote_key(key))
                self.check(self.proxy.request(listener, "DELETE", target, connection=connection, **options), 204)
        self.same_keys(bucket, [])

    def test_plain(self):
        self.round_trip("plain")

    def test_unsigned(self):
        self.round_trip("legacy", key=None)

    def test_tls(self):
        self.round_trip("tls")

    def test_forward(self):
        self.round_trip("forward")

    def test_host_style(self):
        """Bucket in the host name: what begins with a slash in the key follows the path's own slash."""
        bucket = "keys-host"
        self.check(self.proxy.request("plain", "PUT", "/" + bucket), 200)
        host = "%s.%s" % (bucket, lib.S3_NAME)
        with self.proxy.connect("forward", host=host) as connection:
            for key in KEYS:
                with self.subTest(key=key[:40]):
                    for method, body in (("PUT", key.encode()), ("GET", b"")):
                        target = "/" + s3raw.quote_key(key)
                        headers = [("Host", host)] + ([("Content-Length", str(len(body)))] if body else [])
                        headers = s3raw.sign(method, target, headers, lib.ALICE, body=body)
                        connection.send(s3raw.head(method, target, headers) + body)
                        answer = self.check(connection.read_answer(method), 200)
                    self.assertEqual(answer.body, key.encode())
        self.same_keys(bucket, KEYS)

    def test_odd_encodings_of_the_same_key(self):
        """Lower-case escapes, needless escapes and bare bytes name the same object."""
        bucket = "keys-encodings"
        self.check(self.proxy.request("plain", "PUT", "/" + bucket), 200)
        self.check(self.proxy.request("plain", "PUT", "/%s/a%%20b~c%%C3%%A9" % bucket, b"same"), 200)
        for target in ("a%20b~c%c3%a9", "%61%20b%7Ec%C3%A9", "a%20b~c\u00e9"):
            with self.subTest(target=target):
                got = self.proxy.request("plain", "GET", "/%s/%s" % (bucket, target))
                self.assertEqual((got.status, got.body), (200, b"same"), got)

    def test_list_queries(self):
        """Prefixes, delimiters and markers with odd characters, in both spellings of a space."""
        bucket = "keys-lists"
        self.check(self.proxy.request("plain", "PUT", "/" + bucket), 200)
        for key in ("a b/1", "a b/2", "a+b/1", "a&b=c/1", "é/1"):
            self.check(self.proxy.request("plain", "PUT", "/%s/%s" % (bucket, s3raw.quote_key(key)), b"x"), 200)
        for query, expected in (("prefix=a%20b%2F", ["a b/1", "a b/2"]), ("prefix=a%2Bb", ["a+b/1"]),
                                ("prefix=a%26b%3Dc/", ["a&b=c/1"]), ("prefix=%C3%A9", ["é/1"]),
                                ("start-after=a%20b/1&max-keys=1&prefix=a%20b", ["a b/2"]),
                                ("prefix=&max-keys=1000&delimiter=", ["a b/1", "a b/2", "a&b=c/1", "a+b/1", "é/1"])):
            with self.subTest(query=query):
                answer = self.check(self.proxy.request("plain", "GET", "/%s?list-type=2&%s" % (bucket, query)), 200)
                keys = [html.unescape(k) for k in re.findall("<Key>(.*?)</Key>", answer.body.decode())]
                self.assertEqual(keys, expected)

    def test_copy_from_odd_keys(self):
        bucket = "keys-copies"
        self.check(self.proxy.request("plain", "PUT", "/" + bucket), 200)
        for key in ("space in key", "plus+plus", "日本語/キー", "a%2Fb", "a//b"):
            with self.subTest(key=key):
                source = "/%s/%s" % (bucket, s3raw.quote_key(key))
                self.check(self.proxy.request("plain", "PUT", source, key.encode()), 200)
                self.check(self.proxy.request("plain", "PUT", "/%s/copy" % bucket,
                                              headers=[("x-amz-copy-source", source)]), 200)
                self.assertEqual(self.proxy.request("plain", "GET", "/%s/copy" % bucket).body, key.encode())

    def test_broken_escapes_are_refused(self):
        for target in ("/b/%", "/b/%4", "/b/%zz", "/b/a%2", "/b?prefix=%4"):
            with self.subTest(target=target):
                answer = self.proxy.request("plain", "GET", target)
                self.assertEqual(answer.status, 400, answer.body)


if __name__ == "__main__":
    lib.main()
