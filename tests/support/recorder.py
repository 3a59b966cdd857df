# SPDX-License-Identifier: Apache-2.0
"""recorder: a byte relay in front of an S3 server that notes how each request is signed and what its body is.

Nothing is changed on the way: what a client signed is what arrives. Either side may be TLS. Runs an event loop in a thread
of its own; take() may be called from any thread."""
import asyncio
import re
import ssl
import subprocess
import threading
import urllib.parse

# Named as in the proxy's access log.
PAYLOADS = {"UNSIGNED-PAYLOAD": "unsigned", "STREAMING-UNSIGNED-PAYLOAD-TRAILER": "unsigned-trailer",
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": "signed-chunks", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": "signed-trailer"}


def loopback_certificate(folder):
    """A certificate for 127.0.0.1, trusted by itself: its path, and the context of a server that has it."""
    path, key = folder / "recorder.pem", folder / "recorder.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=recorder", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", path],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return path, context


class Request:
    """A request's head."""

    def __init__(self, text):
        first, *lines = text.split("\r\n")
        self.method, self.target, _ = first.split(" ", 2)
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.path, _, query = self.target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))

    def __repr__(self):
        return "%s %s: %s, %s" % (self.method, self.target, self.signature(), self.payload())

    def signature(self):
        value = self.headers.get("authorization", "")
        if value.startswith("AWS4-HMAC-SHA256"):
            return "sigv4"
        if value.startswith("AWS "):
            return "sigv2"
        if "X-Amz-Signature" in self.query:
            return "sigv4-query"
        if "Signature" in self.query:
            return "sigv2-query"
        if self.method == "POST" and self.headers.get("content-type", "").startswith("multipart/form-data"):
            return "form"
        return "nothing"

    def payload(self):
        """What the body is said to be; "" where nothing is said (SigV2, presigned URLs, forms)."""
        value = self.headers.get("x-amz-content-sha256", "")
        return "hash" if re.fullmatch("[0-9a-f]{64}", value) else PAYLOADS.get(value, value)

    def has_body(self):
        return "transfer-encoding" in self.headers or self.headers.get("content-length", "0") != "0"


class Framing:
    """Finds the heads in one connection's stream of requests."""

    def __init__(self, note):
        self.note, self.buffer, self.left, self.step = note, b"", 0, self.head

    def feed(self, data):
        self.buffer += data
        while self.buffer and self.step():
            pass

    def line(self, end=b"\r\n"):
        text, found, rest = self.buffer.partition(end)
        if not found:
            return None
        self.buffer = rest
        return text.decode("utf-8", "replace")

    def head(self):
        text = self.line(b"\r\n\r\n")
        if text is None:
            return False
        request = Request(text)
        self.note(request)
        if "chunked" in request.headers.get("transfer-encoding", ""):
            self.step = self.chunk_size
        else:
            self.left, self.step = int(request.headers.get("content-length", 0)), self.body
            self.next = self.head
        return True

    def body(self):
        taken = min(self.left, len(self.buffer))
        self.buffer, self.left = self.buffer[taken:], self.left - taken
        if not self.left:
            self.step = self.next
        return True

    def chunk_size(self):
        text = self.line()
        if text is None:
            return False
        size = int(text.partition(";")[0], 16)
        self.left, self.step, self.next = size + 2, self.body, self.chunk_size
        if not size:
            self.step = self.trailers
        return True

    def trailers(self):
        text = self.line()
        if text == "":
            self.step = self.head
        return text is not None


class Recorder:
    def __init__(self, target, target_tls=None, target_name=None, tls=None):
        """target: (address, port); target_tls: context for the way there, target_name: the name its certificate is checked
        for; tls: context for those who come in. The port is in .port."""
        self.target = dict(host=target[0], port=target[1])
        if target_tls:
            self.target.update(ssl=target_tls, server_hostname=target_name)
        self.requests, self.lock = [], threading.Lock()
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=tls))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.server.close()

    def take(self):
        """The requests since the last call."""
        with self.lock:
            taken, self.requests = self.requests, []
        return taken

    def note(self, request):
        with self.lock:
            self.requests.append(request)

    async def serve(self, client_in, client_out):
        try:
            server_in, server_out = await asyncio.open_connection(**self.target)
        except OSError:
            client_out.close()
            return
        await asyncio.gather(self.pump(client_in, server_out, Framing(self.note).feed), self.pump(server_in, client_out))

    @staticmethod
    async def pump(source, sink, look=None):
        try:
            while data := await source.read(1 << 16):
                if look:
                    look(data)
                sink.write(data)
                await sink.drain()
            if look and sink.can_write_eof():
                sink.write_eof()
                return
        except (OSError, ValueError, asyncio.CancelledError):  # ValueError: no HTTP request
            pass
        sink.close()
