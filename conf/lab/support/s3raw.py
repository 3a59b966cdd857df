# SPDX-License-Identifier: Apache-2.0
"""s3raw: an S3 client that sends exactly the bytes it is told to, for tests of what other clients never send.

sign() is Signature Version 4 from the specification, over hmac and hashlib; Connection speaks HTTP/1.1 over a socket and
reads answers strictly: a broken or short answer is an exception, never a guess.
"""
import base64
import datetime
import hashlib
import hmac
import socket
import ssl
import struct
import urllib.parse
import zlib

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
TIMEOUT_S = 120


def quote(raw, safe="-_.~"):
    """Percent-encodes bytes or text as SigV4 wants it: everything but unreserved characters, upper case digits."""
    return urllib.parse.quote(raw, safe=safe)


def quote_key(key):
    return quote(key, safe="-_.~/")


def amz_date(skew_s=0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=skew_s)
    return now.strftime("%Y%m%dT%H%M%SZ")


def canonical_query(query):
    pairs = []
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        pairs.append((quote(urllib.parse.unquote_to_bytes(name)), quote(urllib.parse.unquote_to_bytes(value))))
    return "&".join("%s=%s" % pair for pair in sorted(pairs))


def signing_key(secret, day, region, service="s3"):
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def signature(method, path, query, headers, signed, payload, secret, date, scope):
    """headers: list of (name, value) as sent; signed: lower-case names, in the order they are listed."""
    lines = []
    for name in signed:
        values = [" ".join(v.split()) for n, v in headers if n.lower() == name]
        lines.append("%s:%s\n" % (name, ",".join(values)))
    canonical_path = quote_key(urllib.parse.unquote_to_bytes(path))
    canonical = "\n".join([method, canonical_path, canonical_query(query), "".join(lines), ";".join(signed), payload])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()])
    day, region, service, _ = scope.split("/")
    return hmac.new(signing_key(secret, day, region, service), to_sign.encode(), hashlib.sha256).hexdigest()


def sign(method, target, headers, key, payload=None, body=b"", region="ap-northeast-1", date=None, leave_unsigned=(),
         send_payload=True, service="s3"):
    """Returns headers with x-amz-date, x-amz-content-sha256 and Authorization added.
    target: path and query as they go on the wire; key: (id, secret); leave_unsigned: names not to sign."""
    path, _, query = target.partition("?")
    payload = payload or (hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256)
    date = date or amz_date()
    headers = list(headers) + [("x-amz-date", date)]
    if send_payload:
        headers.append(("x-amz-content-sha256", payload))
    wanted = {n.lower() for n, _ in headers if n.lower().startswith("x-amz-")} | {"host"}
    wanted |= {n.lower() for n, _ in headers} & {"content-type", "content-md5", "content-encoding"}
    signed = sorted(wanted - set(leave_unsigned))
    scope = "%s/%s/%s/aws4_request" % (date[:8], region, service)
    value = signature(method, path, query, headers, signed, payload, key[1], date, scope)
    headers.append(("Authorization", "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s"
                    % (key[0], scope, ";".join(signed), value)))
    return headers


def presign(method, target, headers, key, expires=900, date=None, region="ap-northeast-1", payload=UNSIGNED, more=(),
            signed=("host",), service="s3"):
    """target with the parameters of a SigV4 presigned URL added; headers: as they will be sent, those in signed count."""
    path, _, query = target.partition("?")
    date = date or amz_date()
    scope = "%s/%s/%s/aws4_request" % (date[:8], region, service)
    parameters = [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", "%s/%s" % (key[0], scope)),
                  ("X-Amz-Date", date), ("X-Amz-Expires", str(expires)), ("X-Amz-SignedHeaders", ";".join(signed))] + list(more)
    query = "&".join(([query] if query else []) + ["%s=%s" % (quote(n), quote(v)) for n, v in parameters])
    value = signature(method, path, query, headers, signed, payload, key[1], date, scope)
    return "%s?%s&X-Amz-Signature=%s" % (path, query, value)


def head(method, target, headers, version="HTTP/1.1"):
    lines = ["%s %s %s\r\n" % (method, target, version)] + ["%s: %s\r\n" % pair for pair in headers]
    return "".join(lines).encode("utf-8", "surrogateescape") + b"\r\n"


# Checksums of uploads, as their trailers carry them.

def _table(polynomial, width):
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    return table, (1 << width) - 1


_CRC32C = _table(0x82F63B78, 32)
_CRC64NVME = _table(0x9A6C9329AC4BC9B5, 64)


def _crc(data, table):
    rows, mask = table
    crc = mask
    for byte in data:
        crc = rows[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ mask


CHECKSUMS = {
    "crc32": lambda data: struct.pack(">I", zlib.crc32(data)),
    "crc32c": lambda data: struct.pack(">I", _crc(data, _CRC32C)),
    "crc64nvme": lambda data: struct.pack(">Q", _crc(data, _CRC64NVME)),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}


def checksum(name, data):
    return base64.b64encode(CHECKSUMS[name](data)).decode()


def aws_chunked(body, trailers=(), chunk=65536):
    """Body in the framing of STREAMING-UNSIGNED-PAYLOAD-TRAILER."""
    parts = [b"%x\r\n%s\r\n" % (len(body[i:i + chunk]), body[i:i + chunk]) for i in range(0, len(body), chunk)]
    lines = b"".join(b"%s:%s\r\n" % (name.encode(), value.encode()) for name, value in trailers)
    return b"".join(parts) + b"0\r\n" + lines + b"\r\n"


class ChunkChain:
    """The signatures of a chunked body, each made from the one before."""

    def __init__(self, secret, date, scope, seed):
        day, region, service, _ = scope.split("/")
        self.key, self.date, self.scope, self.last = signing_key(secret, day, region, service), date, scope, seed

    def _sign(self, kind, *lines):
        to_sign = "\n".join(["AWS4-HMAC-SHA256-" + kind, self.date, self.scope, self.last] + list(lines))
        self.last = hmac.new(self.key, to_sign.encode(), hashlib.sha256).hexdigest()
        return self.last

    def chunk(self, data):
        return self._sign("PAYLOAD", EMPTY_SHA256, hashlib.sha256(data).hexdigest())

    def trailer(self, trailers):
        """trailers: name → value."""
        lines = "".join("%s:%s\n" % (name.lower(), trailers[name].strip()) for name in sorted(trailers))
        return self._sign("TRAILER", hashlib.sha256(lines.encode()).hexdigest())


def chain_of(headers, secret):
    """The chain that begins with the signature which sign() put into the headers."""
    value = [v for n, v in headers if n == "Authorization"][0]
    scope = value.partition("Credential=")[2].partition(",")[0].partition("/")[2]
    return ChunkChain(secret, [v for n, v in headers if n == "x-amz-date"][0], scope, value[-64:])


def signed_chunks(headers, secret, body, trailers=None, chunk=65536):
    """Body in signed chunks, for the headers that sign() made; with trailers (name → value) they are signed, too."""
    chain = chain_of(headers, secret)
    parts = [body[i:i + chunk] for i in range(0, len(body), chunk)]
    out = [b"%x;chunk-signature=%s\r\n%s\r\n" % (len(p), chain.chunk(p).encode(), p) for p in parts]
    out.append(b"0;chunk-signature=%s\r\n" % chain.chunk(b"").encode())
    if trailers is not None:
        out += [b"%s:%s\r\n" % (n.encode(), v.encode()) for n, v in trailers.items()]
        out.append(b"x-amz-trailer-signature:%s\r\n" % chain.trailer(trailers).encode())
    return b"".join(out) + b"\r\n"


def http_chunked(body, sizes=(4096,)):
    """Body in HTTP chunks of the given sizes, over and over."""
    out, at, i = [], 0, 0
    while at < len(body):
        size = min(sizes[i % len(sizes)], len(body) - at)
        out.append(b"%x\r\n%s\r\n" % (size, body[at:at + size]))
        at, i = at + size, i + 1
    return b"".join(out) + b"0\r\n\r\n"


class BrokenAnswer(Exception):
    """The answer ended early or is not valid HTTP/1.1."""


class Answer:
    def __init__(self, version, status, headers):
        self.version, self.status, self.headers, self.body = version, status, headers, b""
        self.informational = []

    def header(self, name):
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        return values[0] if values else None

    @property
    def code(self):
        """The S3 error code, or ''."""
        start, end = self.body.find(b"<Code>"), self.body.find(b"</Code>")
        return self.body[start + 6:end].decode() if 0 <= start < end else ""

    @property
    def message(self):
        start, end = self.body.find(b"<Message>"), self.body.find(b"</Message>")
        return self.body[start + 9:end].decode() if 0 <= start < end else ""

    def __repr__(self):
        return "%d %s" % (self.status, self.code or self.body[:80])


class Connection:
    """One connection: to a server, or through an HTTP proxy with CONNECT (tunnel="host:port")."""

    def __init__(self, address, tls=None, name=None, tunnel=None, connect_head=None):
        self.sock = socket.create_connection(address, timeout=TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        if tunnel:
            self.send(connect_head or b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (tunnel.encode(), tunnel.encode()))
            answer = self.read_answer("CONNECT")
            if answer.status != 200:
                raise BrokenAnswer("CONNECT %s: %r %s" % (tunnel, answer, answer.body))
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=name or tunnel.partition(":")[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST, as a client that died."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def _fill(self):
        data = self.sock.recv(1 << 18)
        if not data:
            return False
        self.buffer += data
        return True

    def _need(self, done):
        while not done():
            if not self._fill():
                raise BrokenAnswer("connection closed after %r" % bytes(self.buffer[:200]))

    def _line(self):
        self._need(lambda: b"\n" in self.buffer)
        end = self.buffer.index(b"\n") + 1
        line = bytes(self.buffer[:end])
        del self.buffer[:end]
        if not line.endswith(b"\r\n"):
            raise BrokenAnswer("bare LF in %r" % line)
        return line[:-2]

    def _exactly(self, n):
        self._need(lambda: len(self.buffer) >= n)
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def read_head(self):
        parts = self._line().split(b" ", 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
            raise BrokenAnswer("status line %r" % parts)
        answer = Answer(parts[0].decode(), int(parts[1]), [])
        while line := self._line():
            name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
            if not colon or name != name.strip():
                raise BrokenAnswer("header line %r" % line)
            answer.headers.append((name, value.strip()))
        return answer

    def read_answer(self, method="GET"):
        """The final answer with its body; those of class 1xx before it are in .informational."""
        informational = []
        answer = self.read_head()
        while answer.status < 200:
            informational.append(answer)
            answer = self.read_head()
        answer.informational = informational
        coding, length = answer.header("transfer-encoding"), answer.header("content-length")
        if coding and length:
            raise BrokenAnswer("both Transfer-Encoding and Content-Length")
        if method == "HEAD" or answer.status in (204, 304) or (method == "CONNECT" and answer.status == 200):
            return answer
        if coding:
            answer.body = self._chunks()
        elif length is not None:
            answer.body = self._exactly(int(length))
        else:
            while self._fill():
                pass
            answer.body = bytes(self.buffer)
            self.buffer.clear()
        return answer

    def _chunks(self):
        parts = []
        while size := int(self._line().partition(b";")[0], 16):
            parts.append(self._exactly(size))
            if self._line():
                raise BrokenAnswer("no line end after a chunk")
        while self._line():
            pass
        return b"".join(parts)

    def at_end(self, timeout_s=10):
        """True if the peer closes without sending anything more."""
        self.sock.settimeout(timeout_s)
        try:
            return not self.buffer and not self.sock.recv(1)
        except socket.timeout:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.sock.settimeout(TIMEOUT_S)


def tls_context(ca_file):
    context = ssl.create_default_context(cafile=str(ca_file))
    context.set_alpn_protocols(["http/1.1"])
    return context
