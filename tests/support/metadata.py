# SPDX-License-Identifier: Apache-2.0
"""metadata: a server of the tests' own that hands out keys as EC2's instance metadata service (version 2, and 1 if told so)
and the credential services of ECS and EKS do. It checks what it is promised, byte for byte, and misbehaves on request.

    server = metadata.Server()                    # 127.0.0.1, a port of its own; "::1" and others work, too
    server.lifetime = 900                         # of keys issued from now on
    server.on("keys", metadata.status(500))       # what the next GET of the role's keys gets; more: one after the other
    server.on("keys", metadata.silence(), always=True)
    server.requests, server.issued                # what was asked, what was given; server.check(): was it right?

Kinds of requests: "token", "roles", "keys", "container". An answer made by hand is a function of the exchange; see status().
"""
import itertools
import json
import re
import socket
import struct
import threading
import time

TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "x-aws-ec2-metadata-token"
TOKEN_PATH = "/latest/api/token"
ROLES_PATH = "/latest/meta-data/iam/security-credentials/"
CONTAINER_PATH = "/v2/credentials/5a1c0f5e-1111-2222-3333-444455556666"
NEVER = ("x-forwarded-for", "expect", "transfer-encoding", "cookie", "proxy-authorization", "proxy-connection", "via",
         "forwarded", "range", "accept-encoding")


def timestamp(unix_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


class Request:
    """kind: "token", "roles", "keys", "container" or "other". headers: list of (name in lower case, value)."""

    def __init__(self, method, path, headers, body, kind, connection):
        self.method, self.path, self.headers, self.body, self.kind = method, path, headers, body, kind
        self.connection, self.time = connection, time.monotonic()

    def header(self, name):
        values = [v for n, v in self.headers if n == name]
        return values[0] if len(values) == 1 else None

    def __repr__(self):
        return "%s %s %s" % (self.method, self.path, self.headers)


class Server:
    def __init__(self, host="127.0.0.1", port=0, context=None):
        """context: an ssl.SSLContext, for https."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, port), family=family)
        self.host, self.port, self.context = host, self.socket.getsockname()[1], context
        self.authority = ("[%s]" if ":" in host else "%s") % host
        default = 443 if context else 80
        self.authority += ":%d" % self.port if self.port != default else ""
        self.url = "%s://%s" % ("https" if context else "http", self.authority)
        self.roles = ["app-role"]  # None or empty: 404
        self.lifetime = 6 * 3600
        self.version_1 = False  # requests without a token are answered
        self.ip_ttl = None  # of packets that carry the answer to a token request: the hop limit
        self.container_path, self.container_token = CONTAINER_PATH, None
        self.requests, self.issued, self.problems = [], [], []
        self.tokens = {}  # token → when it ends, monotonic
        self.once, self.always = {}, {}
        self.lock, self.serial, self.open = threading.Lock(), itertools.count(1), set()
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def close(self):
        self.closing.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        with self.lock:
            for sock in self.open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.thread.join()

    def on(self, kind, *answers, always=False):
        with self.lock:
            if always:
                self.always[kind] = answers[0]
            else:
                self.once.setdefault(kind, []).extend(answers)

    def plain(self):
        """No answer made by hand any more."""
        with self.lock:
            self.once, self.always = {}, {}

    def forget_tokens(self):
        """As if all were over."""
        with self.lock:
            self.tokens.clear()

    def kinds(self):
        with self.lock:
            return [r.kind for r in self.requests]

    def check(self):
        with self.lock:
            assert not self.problems, self.problems
            left = {kind: len(answers) for kind, answers in self.once.items() if answers}
        assert not left, "answers that nobody asked for: %s" % left

    def issue(self, **changes):
        """A new set of keys, as a document."""
        n, now = next(self.serial), time.time()
        document = {"Code": "Success", "LastUpdated": timestamp(now), "Type": "AWS-HMAC",
                    "AccessKeyId": "ASIAMETADATA%08d" % n, "SecretAccessKey": "metadata/secret+%024d" % n,
                    "Token": "metadata-token-%d-%s//==" % (n, "x" * 800), "Expiration": timestamp(now + self.lifetime)}
        document.update(changes)
        document = {name: value for name, value in document.items() if value is not None}
        self.issued.append(document)
        return document

    # ---- connections

    def accept(self):
        for number in itertools.count():
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock, number), daemon=True).start()

    def serve(self, sock, number):
        with self.lock:
            self.open.add(sock)
        try:
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            exchange = Exchange(self, sock, number)
            while not self.closing.is_set() and exchange.run():
                pass
        except OSError:
            pass
        finally:
            with self.lock:
                self.open = {s for s in self.open if s.fileno() not in (-1, sock.fileno())}
            sock.close()


class Exchange:
    """One connection and the request that is being answered."""

    def __init__(self, server, sock, number):
        self.server, self.sock, self.number, self.data = server, sock, number, b""
        self.request = None

    # ---- reading

    def fill(self):
        piece = self.sock.recv(65536)
        self.data += piece
        return bool(piece)

    def read_request(self):
        while b"\r\n\r\n" not in self.data:
            if not self.fill():
                if self.data:
                    self.problem("a request that was cut: %r" % self.data)
                return None
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        method, path, version = line.split(" ")
        headers = []
        for text in lines:
            name, value = re.fullmatch(r"([!#-'*+.^-z|~\w-]+): (.*\S)", text).groups()
            headers.append((name.lower(), value))
        lengths = [int(v) for n, v in headers if n == "content-length"]
        while len(self.data) < sum(lengths):
            if not self.fill():
                return None
        body, self.data = self.data[:sum(lengths)], self.data[sum(lengths):]
        self.request = Request(method, path, headers, body, self.kind_of(method, path), self.number)
        with self.server.lock:
            self.server.requests.append(self.request)
        self.check_request(version)
        return self.request

    def kind_of(self, method, path):
        if path == TOKEN_PATH:
            return "token"
        if path == ROLES_PATH:
            return "roles"
        if path.startswith(ROLES_PATH):
            return "keys"
        return "container" if path == self.server.container_path else "other"

    # ---- judging: what a service would refuse, and what must never be sent to one

    def problem(self, text):
        with self.server.lock:
            self.server.problems.append("%s: %s" % (self.request, text))

    def check_request(self, version):
        request, names = self.request, [n for n, _ in self.request.headers]
        if version != "HTTP/1.1" or not request.path.startswith("/"):
            self.problem("request line")
        if len(set(names)) != len(names) or set(names) & set(NEVER):
            self.problem("headers that are repeated or never sent")
        if request.header("host") != self.server.authority:
            self.problem("Host is not " + self.server.authority)
        if not (request.header("user-agent") or "").startswith("s3onramp/"):
            self.problem("User-Agent")
        expected = {"host", "user-agent"}
        if request.kind == "token":
            expected |= {TTL_HEADER, "content-length"}
            if request.method != "PUT" or request.header(TTL_HEADER) != "21600" or request.header("content-length") != "0":
                self.problem("a token is had by PUT with a TTL of 21600 and no body")
        elif request.method != "GET" or request.body:
            self.problem("this is had by GET")
        if request.kind in ("roles", "keys"):
            expected |= {TOKEN_HEADER} & set(names)
        if request.kind == "container":
            expected |= {"accept"} | ({"authorization"} if self.server.container_token is not None else set())
            if request.header("accept") != "application/json":
                self.problem("Accept")
        if set(names) != expected:
            self.problem("headers: %s expected" % sorted(expected))
        if request.kind == "other":
            self.problem("nobody should ask for this")

    # ---- the right answer: (status, headers, body)

    def right(self):
        with self.server.lock:
            return getattr(self, "answer_" + self.request.kind)()

    def answer_other(self):
        return 404, [], b""

    def answer_token(self):
        ttl = self.request.header(TTL_HEADER) or ""
        if not re.fullmatch(r"[1-9]\d*", ttl) or int(ttl) > 21600:
            return 400, [], b""
        token = "AQAEA%048d==" % next(self.server.serial)
        self.server.tokens[token] = time.monotonic() + int(ttl)
        return 200, [("Content-Type", "text/plain"), (TTL_HEADER, ttl)], token.encode()

    def token_is_good(self):
        token = self.request.header(TOKEN_HEADER)
        if token is None:
            return self.server.version_1
        return self.server.tokens.get(token, 0) > time.monotonic()

    def answer_roles(self):
        if not self.token_is_good():
            return 401, [], b""
        if not self.server.roles:
            return 404, [("Content-Type", "text/html")], b"<html>404 - Not Found</html>"
        return 200, [("Content-Type", "text/plain")], "\n".join(self.server.roles).encode()

    def answer_keys(self):
        if not self.token_is_good():
            return 401, [], b""
        if self.request.path[len(ROLES_PATH):] not in (self.server.roles or ()):
            return 404, [("Content-Type", "text/html")], b"<html>404 - Not Found</html>"
        return self.document()

    def answer_container(self):
        if self.request.header("authorization") != self.server.container_token:
            return 401, [("Content-Type", "application/json")], b'{"code": "AccessDenied"}'
        return self.document()

    def document(self, **changes):
        return 200, [("Content-Type", "application/json")], json.dumps(self.server.issue(**changes), indent=2).encode()

    # ---- answering

    def run(self):
        request = self.read_request()
        if not request:
            return False
        self.set_ip_ttl()
        with self.server.lock:
            queue = self.server.once.get(request.kind)
            answer = queue.pop(0) if queue else self.server.always.get(request.kind, usual)
        return answer(self) is not False

    def set_ip_ttl(self):
        ttl = self.server.ip_ttl if self.request.kind == "token" else None
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl or 64)

    def send(self, status, headers, body, length=True):
        lines = ["HTTP/1.1 %d Status" % status] + ["%s: %s" % h for h in headers]
        lines += ["Content-Length: %d" % len(body)] if length else []
        self.sock.sendall("\r\n".join(lines + ["", ""]).encode() + body)

    def wait_for_end(self):
        while self.sock.recv(65536):
            pass
        return False


# ---- answers made by hand. They return False where the connection ends.

def usual(exchange):
    exchange.send(*exchange.right())


def status(code, body=b"", *headers):
    return lambda exchange: exchange.send(code, headers, body)


def document(**changes):
    """Right, but with other members; None: without."""
    def answer(exchange):
        with exchange.server.lock:
            parts = exchange.document(**changes)
        exchange.send(*parts)
    return answer


def expired(seconds=60):
    return document(Expiration=timestamp(time.time() - seconds))


def text(body, content_type="text/plain"):
    return status(200, body.encode() if isinstance(body, str) else body, ("Content-Type", content_type))


def html():
    return text("<!DOCTYPE html><title>Log in</title>", "text/html; charset=utf-8")


def redirect(location):
    return status(302, b"", ("Location", location))


def silence(exchange):
    return exchange.wait_for_end()


def reset(exchange):
    exchange.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.sock.close()
    return False


def hang_up(exchange):
    return False


def truncated_json(exchange):
    code, headers, body = exchange.right()
    exchange.send(code, headers, body[:len(body) * 2 // 3])


def short_body(exchange):
    """Less than Content-Length says."""
    code, headers, body = exchange.right()
    exchange.send(code, headers + [("Content-Length", str(len(body)))], body[:-7], length=False)
    return False


def chunked(exchange):
    """As HTTP/1.1 allows: the same answer in pieces."""
    code, headers, body = exchange.right()
    pieces = [body[i:i + 37] for i in range(0, len(body), 37)]
    coded = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
    exchange.send(code, headers + [("Transfer-Encoding", "chunked")], coded, length=False)


def close_delimited(exchange):
    code, headers, body = exchange.right()
    exchange.send(code, headers + [("Connection", "close")], body, length=False)
    return False


def short_chunks(exchange):
    """The last chunk is missing."""
    code, headers, body = exchange.right()
    exchange.send(code, headers + [("Transfer-Encoding", "chunked")], b"%x\r\n%s\r\n" % (len(body), body), length=False)
    return False


def huge(size, content_length=True):
    """A document that is right, but so long."""
    def answer(exchange):
        code, headers, body = exchange.right()
        body += b" " * (size - len(body))
        if content_length:
            exchange.send(code, headers, body)
        else:
            exchange.send(code, headers + [("Connection", "close")], body, length=False)
        return False
    return answer


def endless_head(exchange):
    exchange.sock.sendall(b"HTTP/1.1 200 Status\r\n")
    while not exchange.server.closing.is_set():
        exchange.sock.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")


def drip(interval=0.05):
    """A byte at a time; all of it would take minutes."""
    def answer(exchange):
        code, headers, body = exchange.right()
        exchange.send(code, headers + [("Content-Length", "100000")], b"", length=False)
        while not exchange.server.closing.wait(interval):
            exchange.sock.sendall(b" ")
        return False
    return answer


def bytes_as_they_are(data):
    def answer(exchange):
        exchange.sock.sendall(data)
        return False
    return answer


def then(change, answer=usual):
    """Calls change(server) before the answer: what happens between two requests of a client."""
    def both(exchange):
        change(exchange.server)
        return answer(exchange)
    return both
