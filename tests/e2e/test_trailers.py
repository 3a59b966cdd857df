# SPDX-License-Identifier: Apache-2.0
"""Uploads whose checksum comes at the end (STREAMING-UNSIGNED-PAYLOAD-TRAILER), as current SDKs send them over TLS: taken
apart and checked here for a server that knows no trailers (radosgw), or checked and passed on."""
import hashlib
import itertools
import os
import re

import lib
import s3raw

NAMES = sorted(s3raw.CHECKSUMS)
# Sizes of HTTP chunks around an aws-chunked body: cutting its lines, its line ends and its trailers anywhere.
BORDERS = {"one byte": (1,), "odd": (7, 1, 2, 65536, 3), "lines": (7, 65536, 2), "one big": (1 << 20,), "many": (8192,)}


def setUpModule():
    global ceph, endpoint, decode, passing
    ceph = lib.Ceph()
    endpoint = lib.start_endpoint()
    decode = lib.Proxy(ceph.addresses, "decode", trailers="decode")
    passing = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "pass", trailers="pass")
    answer = decode.request("plain", "PUT", "/trailers")
    assert answer.status == 200, answer.body


def tearDownModule():
    decode.stop()
    passing.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()
    ceph.close()


def wrong(value):
    return ("A" if value[0] != "A" else "B") + value[1:]


class Trailers:
    """Run against both kinds of endpoint: see the classes below."""

    counter = itertools.count()

    def upload(self, body, trailers, announced=None, sizes=None, chunk=65536, decoded=None, listener="tls", framed=None, key=None, **options):
        """Sets self.key; returns the answer. sizes: inside Transfer-Encoding: chunked, cut so; else with Content-Length."""
        self.key = key or "object-%d" % next(self.counter)
        framed = s3raw.aws_chunked(body, trailers, chunk) if framed is None else framed
        announced = ",".join(n for n, _ in trailers) if announced is None else announced
        headers = [("Content-Encoding", "aws-chunked"), ("Content-Type", "text/x-test"),
                   ("x-amz-decoded-content-length", str(len(body) if decoded is None else decoded))]
        if announced:
            headers.append(("x-amz-trailer", announced))
        if sizes:
            headers.append(("Transfer-Encoding", "chunked"))
            framed = s3raw.http_chunked(framed, sizes)
        return self.proxy.request(listener, "PUT", "/trailers/" + self.key, framed, headers, payload=s3raw.TRAILER, **options)

    def stored(self, key):
        answer = self.proxy.request("plain", "GET", "/trailers/" + key)
        if answer.status == 404:
            return None
        self.assertEqual(answer.status, 200, answer.body)
        self.assertNotIn("aws-chunked", answer.header("content-encoding") or "", "framing shows in the stored object")
        return answer.body

    def accepted(self, body, *args, **options):
        self.check(self.upload(body, *args, **options), 200)
        found = self.stored(self.key)
        self.assertEqual((len(found), hashlib.sha256(found).hexdigest()), (len(body), hashlib.sha256(body).hexdigest()))

    def rejected(self, codes, body, *args, **options):
        try:
            answer = self.upload(body, *args, **options)
            self.assertEqual(answer.status, 400, answer.body)
            self.assertIn(answer.code, codes)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused and closed before all was sent
        self.assertIsNone(self.stored(self.key), "stored")

    def test_right_checksum(self):
        for name in NAMES:
            for size in (0, 1, 8192, 65536, 200000):
                for sizes in (None, (8192,)):
                    with self.subTest(name, size=size, chunked=bool(sizes)):
                        body = os.urandom(size)
                        self.accepted(body, [("x-amz-checksum-" + name, s3raw.checksum(name, body))], sizes=sizes)

    def test_wrong_checksum(self):
        for name in NAMES:
            for size in (0, 1, 8192, 200000):
                for sizes in (None, (8192,)):
                    with self.subTest(name, size=size, chunked=bool(sizes)):
                        body = os.urandom(size)
                        self.rejected(("BadDigest",), body,
                                      [("x-amz-checksum-" + name, wrong(s3raw.checksum(name, body)))], sizes=sizes)

    def test_checksum_of_other_bytes(self):
        body = os.urandom(100000)
        self.rejected(("BadDigest",), body, [("x-amz-checksum-sha256", s3raw.checksum("sha256", body[:-1] + b"x"))])

    def test_checksum_that_is_none(self):
        for value in ("", "AAAA", "!!!!!!!!", "A" * 200):
            for sizes in (None, (100,)):
                with self.subTest(value[:8], chunked=bool(sizes)):
                    self.rejected(("BadDigest", "MalformedTrailerError", "InvalidRequest"), b"hello",
                                  [("x-amz-checksum-crc32", value)], sizes=sizes)

    def test_missing_trailer(self):
        for name in NAMES:
            for sizes in (None, (8192,)):
                with self.subTest(name, chunked=bool(sizes)):
                    self.rejected(("MalformedTrailerError",), b"x" * 70000, [], announced="x-amz-checksum-" + name, sizes=sizes)

    def test_trailer_nobody_announced(self):
        self.rejected(("MalformedTrailerError",), b"hello", [("x-amz-checksum-crc32", s3raw.checksum("crc32", b"hello"))],
                      announced="x-amz-checksum-sha256")
        self.rejected(("MalformedTrailerError",), b"hello", [("x-amz-checksum-crc32", s3raw.checksum("crc32", b"hello")),
                                                             ("x-amz-meta-a", "b")], announced="x-amz-checksum-crc32")

    def test_no_trailer_at_all(self):
        for size in (0, 1, 200000):
            for sizes in (None, (8192,)):
                with self.subTest(size=size, chunked=bool(sizes)):
                    self.accepted(os.urandom(size), [], sizes=sizes)

    def test_borders_of_http_chunks(self):
        for name, sizes in BORDERS.items():
            for chunk in (1, 3, 8192, 65536):
                body = os.urandom(300 if chunk < 10 or sizes == (1,) else 150000)
                with self.subTest(name, chunk=chunk):
                    self.accepted(body, [("x-amz-checksum-crc32", s3raw.checksum("crc32", body))], sizes=sizes, chunk=chunk)
                    self.rejected(("BadDigest",), body, [("x-amz-checksum-crc32", wrong(s3raw.checksum("crc32", body)))],
                                  sizes=sizes, chunk=chunk)

    def test_each_listener(self):
        body = os.urandom(200000)
        for listener in ("plain", "tls", "sniff", "forward"):
            with self.subTest(listener=listener):
                self.accepted(body, [("x-amz-checksum-crc64nvme", s3raw.checksum("crc64nvme", body))], listener=listener)

    def test_wrong_decoded_length(self):
        for decoded in (99, 101, 0, 10 ** 12):
            for sizes in (None, (64,)):
                with self.subTest(decoded=decoded, chunked=bool(sizes)):
                    self.rejected(("IncompleteBody", "BadRequest", "MalformedTrailerError", "EntityTooLarge"), b"x" * 100, [], decoded=decoded, sizes=sizes)

    def test_broken_framing(self):
        good = s3raw.aws_chunked(b"hello")
        for name, framed in {
                "no zero chunk": b"5\r\nhello\r\n", "no end": good[:-2], "half a line end": good[:-1], "more after the end": good + b"x",
                "a second body": good + good, "size with plus": b"+5\r\nhello\r\n0\r\n\r\n", "size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
                "no line end after the chunk": b"5\r\nhello0\r\n\r\n", "too short": b"6\r\nhello\r\n0\r\n\r\n", "empty": b"",
                "plain": b"hello", "size beyond 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n"}.items():
            for sizes in (None, (3,)):
                with self.subTest(name, chunked=bool(sizes)):
                    self.rejected(("IncompleteBody", "MalformedTrailerError", "BadRequest", "InvalidChunkSizeError"), b"hello", [],
                                  framed=framed, sizes=sizes)

    def test_body_that_ends_early(self):
        """Content-Length says more than is sent."""
        framed = s3raw.aws_chunked(b"x" * 100000)
        headers = s3raw.sign("PUT", "/trailers/early", [
            ("Host", self.proxy.host("plain")), ("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "100000"),
            ("Content-Length", str(len(framed)))], lib.ALICE, payload=s3raw.TRAILER)
        with self.proxy.connect("plain") as connection:
            connection.send(s3raw.head("PUT", "/trailers/early", headers) + framed[:-1])
        self.assertIsNone(self.stored("early"))

    def test_other_content_encoding_is_kept(self):
        body = b"zipped"
        framed = s3raw.aws_chunked(body)
        for value, kept in (("aws-chunked,gzip", "gzip"), ("gzip, aws-chunked", "gzip"), ("aws-chunked", None)):
            with self.subTest(value):
                self.check(self.proxy.request("tls", "PUT", "/trailers/encoded", framed, [
                    ("Content-Encoding", value), ("x-amz-decoded-content-length", str(len(body)))], payload=s3raw.TRAILER), 200)
                self.check_encoding("encoded", kept)

    def test_multipart(self):
        create = self.proxy.request("tls", "POST", "/trailers/parts?uploads=")
        if create.status != 200 or b"UploadId" not in create.body:
            self.skipTest("not with this endpoint")
        upload = re.search(rb"<UploadId>(.*?)</UploadId>", create.body)[1].decode()
        part = os.urandom(5 << 20)
        target = "/trailers/parts?partNumber=1&uploadId=" + s3raw.quote(upload)
        framed = s3raw.http_chunked(s3raw.aws_chunked(part, [("x-amz-checksum-sha256", s3raw.checksum("sha256", part))]), (65000, 5))
        answer = self.check(self.proxy.request("tls", "PUT", target, framed, [
            ("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", str(len(part))),
            ("x-amz-trailer", "x-amz-checksum-sha256"), ("Transfer-Encoding", "chunked")], payload=s3raw.TRAILER), 200)
        done = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>"
        self.check(self.proxy.request("tls", "POST", "/trailers/parts?uploadId=" + s3raw.quote(upload),
                                      done % answer.header("etag").encode()), 200)
        self.assertEqual(hashlib.sha256(self.stored("parts")).digest(), hashlib.sha256(part).digest())


class Decode(Trailers, lib.Case):
    def setUp(self):
        self.proxy = decode
        super().setUp()

    def check_encoding(self, key, kept):
        answer = self.check(ceph.request("HEAD", "/trailers/" + key), 200)
        self.assertEqual(answer.header("content-encoding"), kept)

    def test_content_type_stays(self):
        self.check(self.upload(b"typed", []), 200)
        self.assertEqual(ceph.request("HEAD", "/trailers/" + self.key).header("content-type"), "text/x-test")


class Pass(Trailers, lib.Case):
    def setUp(self):
        self.proxy = passing

    def test_what_an_endpoint_that_knows_none_needs_is_said_once(self):
        for _ in range(8):
            for status in (411, 501):
                self.upload(b"x", [("x-amz-checksum-crc32", s3raw.checksum("crc32", b"x"))], key="fault/error/%d/Odd" % status)
        lib.wait_until(lambda: "write trailers = decode there" in self.proxy.stderr.read_text(), 20, "the hint")
        self.assertLessEqual(self.proxy.stderr.read_text().count("write trailers = decode"), os.cpu_count())  # once a worker
        super().setUp()

    def check_encoding(self, key, kept):
        sent = [line for line in endpoint.requests[-1]["head"] if line.lower().startswith("content-encoding:")]
        self.assertIn("aws-chunked", sent[0])
        self.assertEqual("gzip" in sent[0], kept is not None, sent)

    def test_trailer_arrives(self):
        body = os.urandom(100000)
        before = len(endpoint.requests)
        self.accepted(body, [("x-amz-checksum-crc32c", s3raw.checksum("crc32c", body))])
        head = [line.lower() for line in endpoint.requests[before]["head"]]
        self.assertIn("x-amz-trailer: x-amz-checksum-crc32c", head)
        self.assertIn("x-amz-content-sha256: " + s3raw.TRAILER.lower(), head)


if __name__ == "__main__":
    lib.main()
