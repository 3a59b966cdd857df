# SPDX-License-Identifier: Apache-2.0
"""endpoint: an S3 endpoint of the tests' own: TLS, strict about signatures, and able to misbehave on request.

It recomputes every Signature Version 4 with hmac and hashlib and refuses wrong ones, takes aws-chunked bodies apart and
checks their trailers, keeps small objects in memory, and remembers what it received (Endpoint.requests; one JSON line
each when run as a program). Keys choose the behaviour, in any bucket:

    big/BYTES      GET streams BYTES of big_block()s, PUT checks that it receives just these; nothing is kept
    fault/NAME…    see the methods fault_NAME of class Exchange

    /usr/bin/python3 endpoint.py --cert C --key K --address A:P [--address …] --access-key-id I --secret-access-key S
"""
import argparse
import calendar
import collections.abc
import email.utils
import hashlib
import json
import os
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "conf", "lab", "support")]
import s3raw  # noqa: E402
from tls_server import Gone, Refused, TlsServer  # noqa: E402

BLOCK = 1 << 20
SMALL = 64 << 20  # larger objects are counted and hashed, not kept
_PATTERN = bytearray(hashlib.shake_256(b"big").digest(BLOCK))


def big_block(index, into=None):
    """The index-th MiB of every big object: random-looking, with its own number in front, so that a lost, repeated or
    moved block is noticed."""
    block = into if into is not None else bytearray(_PATTERN)
    struct.pack_into(">Q", block, 0, index)
    return block


class BigCheck:
    """Compares a stream, in pieces of any size, with big_block()s."""

    def __init__(self):
        self.done, self.right = 0, True
        self.block = big_block(0)

    def add(self, piece):
        view = memoryview(piece)
        while len(view):
            at = self.done % BLOCK
            if at == 0:
                big_block(self.done // BLOCK, self.block)
            n = min(len(view), BLOCK - at)
            self.right = self.right and self.block.startswith(view[:n], at)  # memcmp; == of views goes byte by byte
            self.done += n
            view = view[n:]


def http_chunks(stream):
    """Pieces of a body in Transfer-Encoding: chunked."""
    while True:
        line = stream.line()
        if not re.fullmatch(rb"[0-9A-Fa-f]+(;[^\r\n]*)?\r\n", line):
            raise Refused(400, "BadRequest", "chunk line %r" % line)
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            while stream.line() != b"\r\n":
                pass
            return
        yield from stream.pieces(size)
        if stream.exactly(2) != b"\r\n":
            raise Refused(400, "BadRequest", "no line end after a chunk")


class Pieces:
    """Makes a line() and exactly() reader of an iterator of pieces: the aws-chunked layer inside another framing."""

    def __init__(self, pieces):
        self.pieces, self.data = pieces, bytearray()

    def more(self):
        for piece in self.pieces:
            if len(piece):
                self.data += piece
                return
        raise Refused(400, "IncompleteBody", "body ends inside aws-chunked framing")

    def line(self):
        while (end := self.data.find(b"\n")) < 0:
            self.more()
        line = bytes(self.data[:end + 1])
        del self.data[:end + 1]
        return line

    def exactly(self, n):
        while len(self.data) < n:
            self.more()
        out = bytes(self.data[:n])
        del self.data[:n]
        return out

    def at_end(self):
        return not self.data and not any(len(p) for p in self.pieces)


class Folder(collections.abc.MutableMapping):
    """Objects that several servers have in common, and that outlive them: (bucket, key) → a file. `puts` has a line for each
    time that one was stored."""

    def __init__(self, path):
        self.path = path
        self.puts = os.open(os.path.join(path, "puts"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def file(self, name):
        return os.path.join(self.path, urllib.parse.quote(b"object:" + b"/".join(name), safe=""))

    def __setitem__(self, name, body):
        new = "%s/new-%d-%d" % (self.path, os.getpid(), threading.get_ident())
        with open(new, "wb") as file:
            file.write(body)
        os.rename(new, self.file(name))
        os.write(self.puts, b"%s\n" % b"/".join(name))

    def __getitem__(self, name):
        try:
            with open(self.file(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise KeyError(name) from None

    def __delitem__(self, name):
        try:
            os.unlink(self.file(name))
        except FileNotFoundError:
            raise KeyError(name) from None

    def __iter__(self):
        names = [n for n in os.listdir(self.path) if n.startswith("object%3A")]
        return iter([tuple(urllib.parse.unquote_to_bytes(n)[7:].split(b"/", 1)) for n in names])

    def __len__(self):
        return sum(1 for _ in self)


class Exchange:
    """One request on a connection and the answer to it."""

    def __init__(self, endpoint, stream, connection, index):
        self.endpoint, self.stream = endpoint, stream
        self.service = "s3"  # in the scope of signatures
        self.connection, self.index = connection, index  # index: how many requests came before it on this connection
        self.keep = True
        self.body_bytes, self.body, self.right = 0, None, True
        self.record = {"time": time.time(), "connection": connection, "index": index, "address": endpoint.local(stream),
                       "aborted": False, "status": None, "verdict": None}

    # -- reading

    def read_head(self):
        lines = []
        while True:
            line = self.stream.line()
            if not line.endswith(b"\r\n"):
                raise Refused(400, "BadRequest", "bare LF")
            if line == b"\r\n":
                break
            lines.append(line.decode("utf-8", "surrogateescape")[:-2])
        self.record["head"] = lines
        match = re.fullmatch(r"([A-Z]+) (/[^ ]*) HTTP/1\.1", lines[0] if lines else "")
        if not match:
            raise Refused(400, "BadRequest", "request line %r" % lines[:1])
        self.method, self.target = match.groups()
        self.record.update(method=self.method, target=self.target)
        self.endpoint.targets.append(self.target)
        self.headers = []
        for line in lines[1:]:
            if not (match := re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", line)):
                raise Refused(400, "BadRequest", "header %r" % line)
            self.headers.append(match.groups())
        self.path, _, self.query = self.target.partition("?")

    def header(self, name):
        values = [v for n, v in self.headers if n.lower() == name]
        if len(values) > 1 and name in ("host", "content-length", "transfer-encoding", "authorization"):
            raise Refused(400, "BadRequest", "%s twice" % name)
        return ",".join(values) if values else None

    def find_object(self):
        """Path style or host style, as the names in the certificate allow."""
        host = (self.header("host") or "").lower()
        path = urllib.parse.unquote_to_bytes(self.path)
        for name in self.endpoint.names:
            if host == name:
                bucket, _, key = path[1:].partition(b"/")
                return bucket, key
            if host.endswith("." + name):
                return host[:-len(name) - 1].encode(), path[1:]
        service = re.fullmatch(r"(.+)\.(s3-(?:accesspoint|control|object-lambda|outposts))\.%s\.amazonaws\.com"
                               % re.escape(self.endpoint.region), host)
        if service:
            self.service = service[2] if service[2] in ("s3-object-lambda", "s3-outposts") else "s3"
            return service[1].encode(), path[1:]
        raise Refused(400, "InvalidRequest", "not a name of this endpoint: %s" % host)

    def check_signature(self):
        value = self.header("authorization")
        if value is None and self.bucket == b"public":
            self.payload = self.header("x-amz-content-sha256") or s3raw.UNSIGNED
            return
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
                             value or "")
        if not match:
            raise Refused(403, "AccessDenied", "not signed: %r" % value)
        key_id, scope, signed, signature = match.groups()
        signed = signed.split(";")
        date, payload = self.header("x-amz-date") or "", self.header("x-amz-content-sha256") or ""
        if key_id not in self.endpoint.keys:
            raise Refused(403, "InvalidAccessKeyId", "unknown key")
        if key_id in self.endpoint.sessions:
            token, expires = self.endpoint.sessions[key_id]
            if self.header("x-amz-security-token") != token:
                raise Refused(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
            if expires and time.time() >= expires:
                raise Refused(400, "ExpiredToken", "The provided token has expired.")
        elif self.header("x-amz-security-token") is not None:
            raise Refused(400, "InvalidToken", "a token with long-lived keys")
        self.record["key_id"] = key_id
        match_scope = re.fullmatch(r"[0-9]{8}/([a-z0-9-]+)/s3/aws4_request", scope)
        if self.endpoint.regions and match_scope and match_scope[1] != self.endpoint.region:
            raise Refused(400, "AuthorizationHeaderMalformed", "the region '%s' is wrong; expecting '%s'</Message><Region>%s"
                          "</Region><Message>" % (match_scope[1], self.endpoint.region, self.endpoint.region))
        if scope != "%s/%s/%s/aws4_request" % (date[:8], self.endpoint.region, self.service):
            raise Refused(400, "AuthorizationHeaderMalformed", "scope %s" % scope)
        if abs(time.time() - calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))) > 900:
            raise Refused(403, "RequestTimeTooSkewed", date)
        if signed != sorted(signed):
            raise Refused(400, "AuthorizationHeaderMalformed", "SignedHeaders out of order")
        for name in {n.lower() for n, _ in self.headers}:
            if (name == "host" or name.startswith("x-amz-")) and name not in signed:
                raise Refused(403, "AccessDenied", "%s is not signed" % name)
        expected = s3raw.signature(self.method, self.path, self.query, self.headers, signed, payload,
                                   self.endpoint.keys[key_id], date, scope)
        if signature != expected:
            raise Refused(403, "SignatureDoesNotMatch", "expected %s" % expected)
        self.payload, self.seed, self.scope, self.date, self.secret = (payload, signature, scope, date,
                                                                       self.endpoint.keys[key_id])

    def continue_if_asked(self):
        if (self.header("expect") or "").lower() == "100-continue":
            self.raw(b"HTTP/1.1 100 Continue\r\n\r\n")

    def framed(self):
        """Pieces of the body under HTTP's framing."""
        length, coding = self.header("content-length"), self.header("transfer-encoding")
        if coding and length:
            raise Refused(400, "BadRequest", "two kinds of length")
        if coding:
            if coding.lower() != "chunked":
                raise Refused(501, "NotImplemented", coding)
            return http_chunks(self.stream)
        if length is None:
            if self.method == "PUT":
                raise Refused(411, "MissingContentLength", "no length")
            return iter(())
        if not re.fullmatch("[0-9]+", length):
            raise Refused(400, "BadRequest", "Content-Length %r" % length)
        return self.stream.pieces(int(length))

    def read_body(self):
        streaming = self.payload in (s3raw.TRAILER, s3raw.CHUNKS, s3raw.CHUNKS_TRAILER)
        if not streaming and self.payload.startswith("STREAMING-"):
            raise Refused(501, "NotImplemented", self.payload)
        if not streaming and "aws-chunked" in (self.header("content-encoding") or ""):
            raise Refused(400, "InvalidRequest", "aws-chunked without its sentinel")
        if streaming:
            return self.read_aws_chunked()
        check = BigCheck() if self.key.startswith(b"big/") and self.method == "PUT" else None
        digest, kept = hashlib.sha256(), []
        for piece in self.framed():
            self.body_bytes += len(piece)
            if check:
                check.add(piece)
                continue
            digest.update(piece)
            if self.body_bytes <= SMALL:
                kept.append(bytes(piece))
        self.body = b"".join(kept) if self.body_bytes <= SMALL and not check else None
        self.digest = digest.hexdigest()
        if check:
            self.right = check.right and check.done == int(self.key[4:])
        elif self.payload != s3raw.UNSIGNED and self.payload != self.digest:
            raise Refused(400, "XAmzContentSHA256Mismatch", "body is %s" % self.digest)

    def read_aws_chunked(self):
        if not re.fullmatch("[0-9]+", self.header("x-amz-decoded-content-length") or ""):
            raise Refused(411, "MissingContentLength", "no x-amz-decoded-content-length")
        reader, parts, trailers = Pieces(self.framed()), [], {}
        chain = None
        if self.payload != s3raw.TRAILER:
            chain = s3raw.ChunkChain(self.secret, self.date, self.scope, self.seed)
        while True:
            line = reader.line()
            if not (match := re.fullmatch(rb"([0-9A-Fa-f]+)(;chunk-signature=([0-9a-f]{64}))?\r\n", line)) or (
                    bool(chain) != bool(match[2])):
                raise Refused(400, "InvalidChunkSizeError", "chunk line %r" % line)
            size = int(match[1], 16)
            part = reader.exactly(size)
            if chain and chain.chunk(part) != match[3].decode():
                raise Refused(403, "SignatureDoesNotMatch", "chunk %d of %d bytes" % (len(parts), size))
            if chain and parts and size and len(parts[-1]) < 8192:
                raise Refused(400, "InvalidChunkSizeError", "chunk of %d bytes" % len(parts[-1]))
            if size == 0:
                break
            parts.append(part)
            if reader.exactly(2) != b"\r\n":
                raise Refused(400, "IncompleteBody", "no line end after a chunk")
        while (line := reader.line()) != b"\r\n":
            name, _, value = line.decode().strip().partition(":")
            trailers[name.lower()] = value.strip()
        if not reader.at_end():
            raise Refused(400, "MalformedTrailerError", "bytes after the trailer")
        if self.payload == s3raw.CHUNKS_TRAILER and trailers.pop("x-amz-trailer-signature", "") != chain.trailer(trailers):
            raise Refused(403, "SignatureDoesNotMatch", "trailer")
        self.body = b"".join(parts)
        self.body_bytes, self.digest = len(self.body), hashlib.sha256(self.body).hexdigest()
        if self.body_bytes != int(self.header("x-amz-decoded-content-length")):
            raise Refused(400, "IncompleteBody", "%d bytes" % self.body_bytes)
        announced = {n.strip().lower() for n in (self.header("x-amz-trailer") or "").split(",") if n.strip()}
        if set(trailers) != announced:
            raise Refused(400, "MalformedTrailerError", "%s, announced %s" % (sorted(trailers), sorted(announced)))
        for name, value in trailers.items():
            if name.startswith("x-amz-checksum-") and s3raw.checksum(name[15:], self.body) != value:
                raise Refused(400, "BadDigest", name)

    # -- answering

    def raw(self, data):
        self.stream.send(data)

    def answer(self, status, body=b"", headers=(), length=None):
        self.record["status"] = status
        if getattr(self, "bucket", None):
            headers = list(headers) + self.cors()
        lines = ["HTTP/1.1 %d %s" % (status, "Status")] + ["%s: %s" % pair for pair in headers]
        lines += ["x-amz-request-id: ENDPOINT%08d" % self.record.get("number", 0), "Server: endpoint"]
        if status not in (204, 304):
            lines.append("Content-Length: %d" % (len(body) if length is None else length))
        if not self.keep:
            lines.append("Connection: close")
        data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self.raw(data if self.method == "HEAD" or status in (204, 304) else data + body)

    def refuse(self, refused):
        self.record["verdict"] = "%s: %s" % (refused.code, refused.message)
        self.keep = False
        self.method = getattr(self, "method", "GET")
        self.answer(refused.status, b"<Error><Code>%s</Code><Message>%s</Message></Error>"
                    % (refused.code.encode(), refused.message.encode()), [("Content-Type", "application/xml")])

    def run(self):
        """False if the connection is over."""
        try:
            self.stream.data or self.stream.fill()
        except Gone:
            return False
        self.record["number"] = self.endpoint.begin()
        try:
            self.read_head()
            if self.is_probe():
                return self.answer_probe()
            self.bucket, self.key = self.find_object()
            if self.method == "OPTIONS":
                return self.answer_preflight()
            self.check_signature()
            if self.is_elsewhere():
                return self.send_elsewhere()
            fault = re.fullmatch(rb"fault/([a-z0-9-]+).*", self.key, re.DOTALL)
            if fault:
                getattr(self, "fault_" + fault[1].decode().replace("-", "_"))()
            else:
                self.serve()
        except Refused as refused:
            try:
                self.refuse(refused)
            except Gone:
                pass
        except Gone as gone:
            self.record["verdict"] = self.record["verdict"] or str(gone)
            self.log(aborted=True)
            return False
        self.log()
        return self.keep

    def is_elsewhere(self):
        """Endpoint.regions: bucket → (its Region, how this one says so)."""
        return self.bucket.decode("latin-1") in (self.endpoint.regions or {})

    def send_elsewhere(self):
        """As S3 answers for a bucket of another Region, before it looks at the body. False: the connection is over."""
        region, how = self.endpoint.regions[self.bucket.decode("latin-1")]
        name = "%s.s3.%s.amazonaws.com" % (self.bucket.decode("latin-1"), region)
        headers, status, code, more = [("Content-Type", "application/xml")], 301, "PermanentRedirect", ""
        if how in ("301", "307", "400-header"):
            headers.append(("x-amz-bucket-region", region))
        if how == "307":
            status, code = 307, "TemporaryRedirect"
            headers[1] = ("Location", "https://%s%s" % (name, self.path))
        if how.startswith("400"):
            status, code, more = 400, "AuthorizationHeaderMalformed", "<Region>%s</Region>" % region
        self.keep = False
        self.record["verdict"] = "elsewhere"
        self.answer(status, ("<Error><Code>%s</Code><Message>m</Message>%s<Endpoint>%s</Endpoint></Error>"
                             % (code, more, name)).encode(), headers)
        self.linger()
        self.log()
        return False

    def is_probe(self):
        """The proxy looks now and then whether the endpoint answers: an unsigned HEAD of the root, which no test sends."""
        return (self.method, self.target) == ("HEAD", "/") and not self.header("authorization")

    def answer_probe(self):
        self.answer(403)
        self.endpoint.remember(None)
        return True

    def cors(self):
        """The rule of a bucket called cors…: any origin may do anything."""
        origin = self.header("origin") if self.bucket.startswith(b"cors") else None
        return [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Methods", "GET, PUT, POST"),
                ("Access-Control-Allow-Headers", self.header("access-control-request-headers") or "x")] if origin else []

    def answer_preflight(self):
        """As S3 does, without a look at any signature."""
        rule = self.cors() if self.header("access-control-request-method") else []
        if rule:
            self.answer(200)
        else:
            self.answer(403, b"<Error><Code>AccessForbidden</Code><Message>CORSResponse: This CORS request is not allowed.</Message></Error>",
                        [("Content-Type", "application/xml")])
        self.log()
        return True

    def log(self, aborted=False):
        self.record.update(aborted=aborted, body_bytes=self.body_bytes, right=self.right)
        self.endpoint.remember(self.record)

    def serve(self):
        self.continue_if_asked()
        self.read_body()
        if self.method == "PUT" and self.key:
            return self.put_object()
        if self.method in ("GET", "HEAD") and self.key.startswith(b"big/"):
            return self.get_big()
        if self.method in ("GET", "HEAD") and self.key:
            return self.get_object()
        if self.method == "DELETE":
            self.endpoint.objects.pop((self.bucket, self.key), None)
            return self.answer(204)
        if self.method == "GET" and not self.bucket and self.endpoint.service_answer:
            return self.list_buckets()
        if self.method == "GET":
            return self.list_objects()
        return self.answer(200)

    def list_buckets(self):
        """As the test has written it, in its pieces; without a length it ends with the connection."""
        pieces = self.endpoint.service_answer
        self.record["status"] = 200
        self.keep = re.search(rb"(?i)content-length|chunked", pieces[0]) is not None
        for piece in pieces:
            self.raw(piece)

    def put_object(self):
        etag = '"%s"' % hashlib.md5(self.digest.encode()).hexdigest()
        if not self.key.startswith(b"big/"):
            self.endpoint.objects[(self.bucket, self.key)] = self.body
        self.answer(200 if self.right else 400, headers=[("ETag", etag)])

    def get_big(self):
        total = int(self.key[4:])
        self.answer(200, headers=[("Content-Type", "application/octet-stream")], length=total)
        if self.method == "HEAD":
            return
        block = big_block(0)
        for index in range(total // BLOCK):
            self.raw(big_block(index, block))
        if total % BLOCK:
            self.raw(memoryview(big_block(total // BLOCK, block))[:total % BLOCK])

    def get_object(self):
        if (self.bucket, self.key) not in self.endpoint.objects:
            raise Refused(404, "NoSuchKey", "no such key")
        body = self.endpoint.objects[(self.bucket, self.key)]
        if match := re.fullmatch(r"bytes=(\d+)-(\d+)", self.header("range") or ""):
            first, last = int(match[1]), min(int(match[2]), len(body) - 1)
            return self.answer(206, body[first:last + 1],
                               [("Content-Range", "bytes %d-%d/%d" % (first, last, len(body)))])
        self.answer(200, body, [("ETag", '"%s"' % hashlib.md5(body).hexdigest())])

    def list_objects(self):
        keys = sorted(key for bucket, key in self.endpoint.objects if bucket == self.bucket)
        items = b"".join(b"<Contents><Key>%s</Key></Contents>" % urllib.parse.quote(k).encode() for k in keys)
        self.answer(200, b"<ListBucketResult>%s</ListBucketResult>" % items, [("Content-Type", "application/xml")])

    # -- misbehaviour. Each reads what it needs of the request itself.

    def serve_small(self):
        self.continue_if_asked()
        self.read_body()
        self.answer(200, b"%d" % self.index, [("x-connection", str(self.connection))])

    def drop(self):
        """Ends the connection with RST."""
        self.keep = False
        sock = self.stream.sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def fault_none(self):
        """Answers with the number of requests that came before on this connection."""
        self.serve_small()

    def fault_fields(self):
        """fault/fields/N: answers with N entries of metadata."""
        self.read_body()
        count = int(self.key.rpartition(b"/")[2])
        self.answer(200, b"x", [("x-amz-meta-%03d" % i, "v") for i in range(count)])

    def fault_idle_close(self):
        """Answers as if to keep the connection, and closes it when idle."""
        self.serve_small()
        self.keep = False

    def fault_stale(self):
        """On a used connection: closes without an answer, as if it had been closing when the request came."""
        if self.index:
            self.record["verdict"] = "stale"
            self.keep = False
            return
        self.serve_small()

    def fault_stale_after_body(self):
        """On a used connection: reads the whole request and closes without an answer."""
        if self.index:
            self.continue_if_asked()
            self.read_body()
            self.record["verdict"] = "stale"
            self.keep = False
            return
        self.serve_small()

    def fault_mute(self):
        """Takes no notice of Expect."""
        self.read_body()
        self.answer(200, b"%d" % self.index)

    def fault_no_answer(self):
        """Reads the whole request, then closes without an answer, however often it is asked."""
        self.continue_if_asked()
        self.read_body()
        self.record["verdict"] = "no answer"
        self.keep = False

    def fault_die_download(self):
        """Promises 10 MiB, sends 1, and dies."""
        self.read_body()
        self.answer(200, bytes(_PATTERN), length=10 * BLOCK)
        self.drop()

    def fault_end_download(self):
        """Promises 10 MiB, sends 1, and closes politely."""
        self.read_body()
        self.answer(200, bytes(_PATTERN), length=10 * BLOCK)
        self.keep = False

    def fault_die_chunked(self):
        self.read_body()
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + bytes(_PATTERN) + b"\r\n100000\r\n1234")
        self.record["status"] = 200
        self.keep = False

    def early_403(self, keep):
        self.keep = keep
        self.answer(403, b"<Error><Code>AccessDenied</Code><Message>early</Message></Error>",
                    [("Content-Type", "application/xml")])

    def fault_early_close(self):
        """Refuses an upload after its first bytes, says close, and goes on reading for a moment so that no RST eats it."""
        next(self.framed(), None)
        self.early_403(keep=False)
        self.linger()

    def fault_early_keep(self):
        """Refuses an upload after its first bytes, then reads the rest."""
        pieces = self.framed()
        next(pieces, None)
        self.early_403(keep=True)
        for _ in pieces:
            pass

    def fault_early_drop(self):
        """Refuses an upload and dies at once."""
        next(self.framed(), None)
        self.early_403(keep=False)
        time.sleep(0.2)
        self.drop()

    def linger(self):
        self.stream.sock.settimeout(1)
        try:
            while True:
                self.stream.fill()
                self.stream.data.clear()
        except Gone:
            pass

    def fault_expect_refused(self):
        """403 in place of 100 Continue."""
        if (self.header("expect") or "").lower() != "100-continue":
            raise Refused(400, "NoExpect", "Expect: 100-continue did not arrive")
        self.early_403(keep=False)

    def fault_informational(self):
        """Several answers of class 1xx, with headers, before the final one."""
        self.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
        self.continue_if_asked()
        self.read_body()
        self.raw(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Hint: 2\r\n\r\n")
        self.answer(200, b"final")

    def fault_hints(self):
        """fault/hints/NUMBER: so many interim answers of a kilobyte each before the final one."""
        self.read_body()
        for n in range(int(self.key.split(b"/")[2])):
            self.raw(b"HTTP/1.1 103 Early Hints\r\nX-Number: %d\r\nLink: </%s>\r\n\r\n" % (n, b"a" * 1000))
        self.answer(200, b"final")

    def fault_chunked(self):
        """Chunked, with extensions, odd borders and a trailer field."""
        self.read_body()
        self.record["status"] = 200
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"1;a=b\r\nh\r\n0004", b"\r\nello\r\n2\r\n, ", b"\r\n5\r\nworld\r\n0\r\nX-T: 1\r\n", b"\r\n"):
            self.raw(piece)
            time.sleep(0.02)

    def fault_until_close(self):
        self.read_body()
        self.keep = False
        self.record["status"] = 200
        self.raw(b"HTTP/1.1 200 OK\r\nServer: endpoint\r\n\r\n" + b"until close " * 10000)

    def fault_http10(self):
        self.read_body()
        self.keep = False
        self.record["status"] = 200
        self.raw(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    def fault_204(self):
        self.read_body()
        self.answer(204)

    def fault_304(self):
        self.read_body()
        self.record["status"] = 304
        self.raw(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 1234\r\n\r\n")

    def fault_location(self):
        """fault/location/STATUS/VALUE: an answer with that Location (none if VALUE is empty), as S3 sends its clients on."""
        self.read_body()
        status, value = self.key.split(b"/", 3)[2:]
        headers = [("Content-Type", "application/xml")] + ([("Location", value.decode())] if value else [])
        if b"eu-west-1" in value or not value:
            headers.append(("x-amz-bucket-region", "eu-west-1"))
        self.answer(int(status), b"<Error><Code>PermanentRedirect</Code><Message>m</Message><Endpoint>public</Endpoint></Error>",
                    headers)

    def fault_head_length(self):
        """HEAD with the length that GET would have."""
        self.read_body()
        self.answer(200, length=123456789012)

    def fault_extra(self):
        """A good answer and, in the same TLS record, bytes nobody asked for."""
        self.read_body()
        self.record["status"] = 200
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    def fault_extra_late(self):
        """The same, but they come when the connection is idle."""
        self.read_body()
        self.answer(200, b"good")
        time.sleep(0.05)
        try:
            self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        finally:
            self.endpoint.late_bytes += 1  # they have gone

    def fault_half_close(self):
        """Closes its sending side right after the answer, without saying so."""
        self.serve_small()
        self.keep = False
        self.endpoint.goodbye(self.stream.sock)

    def fault_slow(self):
        """Head byte by byte, body in small pieces."""
        self.read_body()
        self.record["status"] = 200
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nslow answer":
            self.raw(bytes([byte]))
            time.sleep(0.005)

    def fault_wait(self):
        """fault/wait/SECONDS: answers that late."""
        self.read_body()
        time.sleep(float(self.key.split(b"/")[2]))
        self.answer(200, b"waited")

    def fault_hold(self):
        """fault/hold/…: does not read a byte of the body until somebody asks for fault/release."""
        with self.endpoint.lock:
            self.endpoint.lock.wait_for(lambda: self.endpoint.released, 600)
        self.read_body()
        self.answer(200, self.digest.encode())

    def fault_shrunk(self):
        """fault/shrunk/…: takes back what it offered: further bytes are lost for want of room, and each time that is said.
        The body is read when somebody asks for fault/release."""
        sock = self.stream.sock
        room = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # as little as the kernel allows
        self.continue_if_asked()
        with self.endpoint.lock:
            self.endpoint.lock.wait_for(lambda: self.endpoint.released, 120)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room // 2)
        self.serve_small()

    def fault_release(self):
        self.endpoint.release()
        self.answer(200, b"released")

    def fault_pause(self):
        """fault/pause/SECONDS: half of 4 MiB, a pause, the other half."""
        self.read_body()
        self.answer(200, bytes(_PATTERN) * 2, length=4 * BLOCK)
        time.sleep(float(self.key.split(b"/")[2]))
        self.raw(bytes(_PATTERN) * 2)

    def fault_lazy(self):
        """Reads nothing of the body for three seconds."""
        time.sleep(3)
        self.serve_small()

    def fault_one_piece(self):
        """Answers with 3000 known bytes, head and body in one write."""
        self.read_body()
        self.answer(200, bytes(_PATTERN[:3000]))

    def fault_flaky(self):
        """fault/flaky/STATUS/NAME: STATUS the first time, then 200."""
        self.read_body()
        status = int(self.key.split(b"/")[2])
        first = self.key not in self.endpoint.flaky
        self.endpoint.flaky.add(self.key)
        self.answer(status if first else 200, b"<Error><Code>Flaky</Code></Error>" if first else b"fine")

    def fault_own_key(self):
        """fault/own-key/CODE: an error about the key that signed."""
        self.read_body()
        code = self.key.split(b"/")[2]
        self.answer(403, b"<Error><Code>%s</Code><Message>m</Message><AWSAccessKeyId>%s</AWSAccessKeyId></Error>"
                    % (code, next(iter(self.endpoint.keys)).encode()), [("Content-Type", "application/xml")])

    def fault_error(self):
        """fault/error/STATUS/CODE[/KEY]: an error document, after 2000 blanks if STATUS is 200; with KEY one that names the
        key that signed."""
        self.read_body()
        status, code, *key = self.key.split(b"/")[2:]
        named = b"<Signer>%s</Signer>" % self.record["key_id"].encode() if key else b""
        self.answer(int(status), b" " * 2000 * (status == b"200") + b"<?xml version=\"1.0\"?>\n<Error><Code>%s</Code>"
                    b"<Message>m</Message>%s</Error>" % (code, named), [("Content-Type", "application/xml")])

    def fault_skewed(self):
        """fault/skewed/SECONDS: refuses the signature's date; the Date of the answer is so far from now."""
        self.read_body()
        date = email.utils.formatdate(time.time() + int(self.key.split(b"/")[2]), usegmt=True)
        self.answer(403, b"<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the "
                    b"current time is too large.</Message></Error>", [("Content-Type", "application/xml"), ("Date", date)])

    def fault_bad(self):
        """fault/bad/NAME: answers that are not valid HTTP/1.1."""
        self.read_body()
        self.keep = False
        self.raw(BAD_ANSWERS[self.key.split(b"/")[2].decode()])


OK = b"HTTP/1.1 200 OK\r\n"
BAD_ANSWERS = {
    "te-and-cl": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "two-lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length-list": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "length-sign": OK + b"Content-Length: +5\r\n\r\nhello",
    "length-hex": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "length-overflow": OK + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
    "lf-only": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "space-before-colon": OK + b"Content-Length : 5\r\n\r\nhello",
    "folded": OK + b"X-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello",
    "nul": OK + b"X-A: b\0c\r\nContent-Length: 5\r\n\r\nhello",
    "unknown-coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked-twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "no-status": b"HTTP/1.1 OK\r\nContent-Length: 5\r\n\r\nhello",
    "not-http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "http2": b"HTTP/2 200\r\ncontent-length: 5\r\n\r\nhello",
    "huge-head": OK + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(2000)) + b"\r\n",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    "empty": b"",
}


class Endpoint(TlsServer):
    """The server."""

    def __init__(self, cert, key, keys, addresses=(("127.0.0.1", 0),), region="ap-northeast-1", names=None, out=None,
                 receive_buffer=None, regions=None, folder=None):
        self.keys, self.region, self.out = dict(keys), region, out
        self.regions, self.flaky = regions, set()
        self.sessions = {}  # key id → (session token, Unix time of its end or 0), for temporary keys
        self.names = names or ["s3.%s.amazonaws.com" % region]
        self.objects = Folder(folder) if folder else {}
        self.done, self.running, self.begun = [], 0, 0
        self.released = False
        self.targets = []  # of all requests whose line has come
        self.service_answer = None  # what GET / is answered: bytes, in pieces
        self.late_bytes = 0  # how often fault/extra-late has sent its second answer
        super().__init__(cert, key, addresses, alpn=["http/1.1"], receive_buffer=receive_buffer)

    def serve(self, sock, stream, number):
        index = 0
        while Exchange(self, stream, number, index).run():
            index += 1
        self.goodbye(sock)

    @staticmethod
    def goodbye(sock):
        """close_notify, and a moment for the peer's, so that what was sent is not lost by a reset."""
        sock.settimeout(0.5)
        sock.unwrap()

    @staticmethod
    def local(stream):
        try:
            return "%s:%d" % stream.sock.getsockname()[:2]
        except OSError:
            return None

    @property
    def requests(self):
        """Records of all requests so far, in the order in which they began. An answer may arrive before its record does: running ones get some seconds."""
        with self.lock:
            self.lock.wait_for(lambda: not self.running, 5)
            return sorted(self.done, key=lambda record: record["number"])

    def hold(self):
        """What asks for fault/hold from now on waits for release()."""
        self.released = False

    def release(self):
        with self.lock:
            self.released = True
            self.lock.notify_all()

    def begin(self):
        with self.lock:
            self.running += 1
            self.begun += 1
            return self.begun

    def remember(self, record):
        """record: None for a probe."""
        with self.lock:
            if record:
                self.done.append(record)
            self.running -= 1
            self.lock.notify_all()
            if record and self.out:
                self.out.write(json.dumps(record) + "\n")
                self.out.flush()

    def refused(self):
        """What was not signed as it should be, or not well-formed."""
        with self.lock:
            return [r["verdict"] for r in self.done
                    if (r["verdict"] or "").partition(":")[0] in ("SignatureDoesNotMatch", "AccessDenied", "BadRequest",
                    "InvalidAccessKeyId", "AuthorizationHeaderMalformed", "RequestTimeTooSkewed")]


def main():
    parser = argparse.ArgumentParser()
    for option in ("cert", "key", "access-key-id", "secret-access-key"):
        parser.add_argument("--" + option, required=True)
    parser.add_argument("--address", action="append", required=True)
    parser.add_argument("--region", default="ap-northeast-1")
    parser.add_argument("--receive-buffer", type=int, help="of the kernel, per connection")
    parser.add_argument("--folder", help="of the objects, which several servers may share")
    options = parser.parse_args()
    addresses = [(host, int(port)) for host, _, port in (a.rpartition(":") for a in options.address)]
    endpoint = Endpoint(options.cert, options.key, {options.access_key_id: options.secret_access_key}, addresses,
                        options.region, out=sys.stdout, receive_buffer=options.receive_buffer, folder=options.folder)
    print(json.dumps({"listening": ["%s:%d" % a[:2] for a in endpoint.addresses]}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
