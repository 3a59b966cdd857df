# SPDX-License-Identifier: Apache-2.0
"""tls_server: what the tests' own TLS servers share: who listens, accepts and closes, and how a connection is read."""
import socket
import ssl
import threading


class Gone(Exception):
    """The peer closed or broke the connection where more was due."""


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class Stream:
    """A socket and what was read from it and not used yet."""

    def __init__(self, sock):
        self.sock, self.data = sock, bytearray()
        self.space = bytearray(1 << 18)

    def fill(self):
        try:
            n = self.sock.recv_into(self.space)
        except (OSError, ssl.SSLError) as error:
            raise Gone(str(error)) from error
        if n == 0:
            raise Gone("closed")
        self.data += memoryview(self.space)[:n]

    def line(self, limit=65536):
        while (end := self.data.find(b"\n")) < 0:
            if len(self.data) > limit:
                raise Refused(400, "BadRequest", "long line")
            self.fill()
        line = bytes(self.data[:end + 1])
        del self.data[:end + 1]
        return line

    def pieces(self, n):
        """The next n bytes, as they come; a view is valid until the next one."""
        if self.data:
            piece = bytes(self.data[:n])
            del self.data[:n]
            n -= len(piece)
            yield piece
        while n:
            try:
                got = self.sock.recv_into(memoryview(self.space)[:min(n, len(self.space))])
            except (OSError, ssl.SSLError) as error:
                raise Gone(str(error)) from error
            if got == 0:
                raise Gone("closed with %d bytes missing" % n)
            n -= got
            yield memoryview(self.space)[:got]

    def exactly(self, n):
        return b"".join(bytes(p) for p in self.pieces(n))

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (OSError, ssl.SSLError) as error:
            raise Gone(str(error)) from error


class TlsServer:
    """Threads: one accepts per address, one per connection calls serve(sock, stream, number); what breaks the connection
    may be raised there. lock: guards what the threads share."""

    def __init__(self, cert, key, addresses, alpn=None, receive_buffer=None):
        """Last of all in a subclass's own: connections may come at once."""
        self.lock, self.connections = threading.Condition(), 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        if alpn:
            self.context.set_alpn_protocols(alpn)
        self.sockets, self.addresses = [], []
        for address in addresses:
            # A short queue would overflow when a thousand come at once: the kernel forgets some of them half open, and
            # resets them when their first bytes come.
            sock = socket.create_server(address, backlog=4096)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.sockets.append(sock)
            self.addresses.append(sock.getsockname())
            threading.Thread(target=self.accept, args=(sock,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for sock in self.sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts, which would keep the port taken
            except OSError:
                pass
            sock.close()

    def accept(self, listening):
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self.connection, args=(sock, number), daemon=True).start()

    def connection(self, sock, number):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock = self.context.wrap_socket(sock, server_side=True)
            self.serve(sock, Stream(sock), number)
        except (OSError, ValueError, Gone):
            pass
        finally:
            sock.close()
