# SPDX-License-Identifier: Apache-2.0
"""The end of a connection, on either side, at each stage of an exchange, in each form, alone or in one burst with bytes
before it: noticed at once, and what can still go well goes well.

All rows of a table run at once through one proxy. Those whose end comes in a burst send while the proxy is stopped
(SIGSTOP), so that it learns of the bytes and of the end by one event of its poller."""
import os
import select
import signal
import socket
import ssl
import struct
import threading

import lib
import s3raw

NOTICED = 30  # seconds; what is not noticed waits for response_timeout, 300 s
HALF, WHOLE = b"12345", b"1234567890"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
BODY = 200000  # does not fit the proxy's buffer


class Ended(Exception):
    """The peer ended its direction, or the connection."""


class Wire:
    """A connection, plain or TLS (context), where bytes can be collected before they leave."""

    def __init__(self, sock, context=None, server=False):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(2 * NOTICED)
        self.sock, self.tls, self.waiting = sock, None, bytearray()
        if context:
            self.came, self.goes = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.came, self.goes, server, None if server else "127.0.0.1")

    def put(self, data):
        if self.tls:
            self.tls.write(data)
        else:
            self.waiting += data

    def flush(self, most=None):
        if self.tls:
            self.waiting += self.goes.read()
        self.sock.sendall(self.waiting[:most])
        self.waiting.clear()

    def recv(self):
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Ended()
        return data

    def read(self):
        while self.tls:
            try:
                if data := self.tls.read(1 << 16):
                    return data
                raise Ended()
            except ssl.SSLWantReadError:
                self.came.write(self.recv())
            except ssl.SSLError:
                raise Ended() from None
        return self.recv()

    def shake_hands(self):
        """What the last step gives (a server's tickets) is left to be flushed."""
        while True:
            try:
                return self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self.came.write(self.recv())

    def end(self, how):
        """Everything that was put, and the end behind it."""
        if how == "close_notify":
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass  # it is written; the peer's is not awaited
        self.flush()
        if how == "RST":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()
        elif how == "FIN":
            self.sock.shutdown(socket.SHUT_WR)

    def is_ended(self):
        """Reads what still comes, up to the end."""
        try:
            while True:
                self.read()
        except (Ended, OSError):
            return True


class Row:
    """One exchange. `at_end`: the wire whose end is tried, once it has come to the stage."""

    def __init__(self, side, stage, kept, how, burst, listener="legacy"):
        self.side, self.stage, self.kept, self.how, self.burst, self.listener = side, stage, kept, how, burst, listener
        self.name = "-".join([side, listener, stage, "kept" if kept else "new", how, "burst" if burst else "alone"])
        self.attempts, self.index = 0, None
        self.reached, self.fire, self.fired, self.release, self.got = (threading.Event() for _ in range(5))
        self.at_end, self.inode, self.result, self.upstream_ended = None, None, None, threading.Event()

    def stop_here(self, wire, earlier):
        """Called in the thread of the side that ends: waits for its turn, sends `earlier` and the end. Alone: the bytes go
        first; whole answers not before its turn, or another row would come to use the connection."""
        at_once = self.burst or self.stage == "idle"
        if not at_once:
            wire.put(earlier)
            wire.flush()
        self.at_end = wire
        self.reached.set()
        self.fire.wait()
        if at_once:
            wire.put(earlier)
        if not self.burst and self.stage == "idle" and self.side == "endpoint":
            wire.flush()
            self.got.wait(NOTICED)
        wire.end(self.how)
        self.fired.set()


class Server(lib.Server):
    """The endpoint: known rows are served as they say, at their first attempt; all else gets a good answer."""

    def __init__(self):
        folder = lib.certificates()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "endpoint.pem", folder / "endpoint.key")
        self.rows, self.hellos, self.warm = {}, [], None
        super().__init__(lambda sock: self.connection(Wire(sock, self.context, True)))

    def connection(self, wire):
        try:
            if self.hellos:
                self.end_in_handshake(wire, self.hellos.pop())
                return
            wire.shake_hands()
            index, data = 0, b""
            while True:
                while b"\r\n\r\n" not in data:
                    data += wire.read()
                head, data = data.split(b"\r\n\r\n", 1)
                row = self.rows.get(head.split(b" ")[1].decode().rpartition("/")[2])
                self.answer(wire, row, head, index)
                data, index = b"", index + 1
        except (Ended, OSError):
            pass

    @staticmethod
    def end_in_handshake(wire, row):
        """Its ClientHello is read; the burst is half of our first flight and the end."""
        wire.came.write(wire.recv())
        try:
            wire.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        flight = wire.goes.read()
        row.stop_here(Plain(wire), flight[:len(flight) // 2] if row.burst else b"")

    def answer(self, wire, row, head, index):
        if row:
            row.attempts += 1
            if row.attempts == 1:
                row.index = index
                return (self.endpoint_ends if row.side == "endpoint" else self.client_ends)(wire, row, head)
        if self.warm and head.startswith(b"GET /bucket/warm"):
            self.warm.wait(NOTICED)
        wire.put((b"HTTP/1.1 403 F\r\nContent-Length: 0\r\n\r\n" if head.startswith(b"HEAD") else ANSWER + WHOLE))
        wire.flush()
        return None

    @staticmethod
    def endpoint_ends(wire, row, head):
        if b"expect: 100-continue" in head.lower():
            wire.put(b"HTTP/1.1 100 Continue\r\n\r\n")
            wire.flush()
        if row.stage != "tickets":
            wire.flush()
        if row.stage == "in":
            wire.read()  # some of its body
        row.stop_here(wire, {"tickets": b"", "in": HINT, "after": HINT, "head": ANSWER[:20], "body": ANSWER + HALF,
                             "idle": ANSWER + WHOLE}[row.stage])
        raise Ended()

    @staticmethod
    def client_ends(wire, row, head):
        """Waits: the client ends meanwhile. An answer that is wanted all the same comes when the row releases it."""
        if row.stage == "body":
            wire.put(ANSWER + HALF)
            wire.flush()

        try:
            while not row.release.is_set():
                if select.select([wire.sock], [], [], 0.02)[0]:
                    wire.read()
        except Ended:
            row.upstream_ended.set()
            raise
        wire.put(WHOLE[5:] if row.stage == "body" else ANSWER + WHOLE)
        wire.flush()


class Plain(Wire):
    """The socket under a TLS wire."""

    def __init__(self, wire):
        super().__init__(wire.sock)


def setUpModule():
    global server
    server = Server()


def tearDownModule():
    server.socket.close()


def tcp_table():
    """(local port, remote port) → (inode, state, bytes not read), of IPv4."""
    out = {}
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in list(file)[1:]:
            word = line.split()
            ports = tuple(int(a.rpartition(":")[2], 16) for a in word[1:3])
            out[ports] = (word[9], word[3], int(word[4].rpartition(":")[2], 16))
    return out


class Ends(lib.Case):
    def setUp(self):
        """A proxy of its own: no connection to the endpoint is kept from a test before. Rows wait for each other: no time of
        the proxy's ends them meanwhile."""
        patience = dict.fromkeys(("header_timeout", "tls_timeout", "idle_timeout", "body_timeout"), "1h")
        self.proxy = lib.Proxy(["127.0.0.1:%d" % server.port], self.id().rpartition(".")[2],
                               server=dict(patience, workers=1, min_rate=0),
                               endpoint={"max_idle": 500, "probe_interval": "10m", "idle_timeout": "5m",
                                         "connect_timeout": "10m"},
                               listeners={"safe": {"mode": "endpoint", "tls": "on", "anonymous": "alice"}})
        lib.wait_until(lambda: "answers as" in self.proxy.stderr.read_text(), 10, "the first probe")

    def tearDown(self):
        self.proxy.stop()

    def open_inodes(self):
        folder = "/proc/%d/fd" % self.proxy.pid
        found = set()
        for name in os.listdir(folder):
            try:
                found.add(os.readlink(folder + "/" + name))
            except OSError:
                pass
        return found

    @staticmethod
    def proxy_end(row):
        """Ports of the proxy's end of the row's wire, as the kernel's table has them."""
        mine, its = row.at_end.sock.getsockname()[1], row.at_end.sock.getpeername()[1]
        return its, mine

    def run_rows(self, rows, start):
        """start(row): in a thread of its own, the client's part; its result is compared by the caller."""
        server.rows = {row.name: row for row in rows}
        threads = [threading.Thread(target=start, args=(row,), daemon=True) for row in rows]
        for thread in threads:
            thread.start()
        for row in rows:
            self.assertTrue(row.reached.wait(NOTICED), "%s: did not come to its stage: %s" % (row.name, row.result))
        ends = {row: self.proxy_end(row) for row in rows}
        lib.wait_until(lambda: not any(tcp_table().get(e, ("", "", 0))[2] for e in ends.values()), NOTICED,
                       "an end of reading")
        before = tcp_table()
        for row in rows:
            row.inode = before[ends[row]][0]
        for row in rows:
            if not row.burst:
                row.fire.set()
        os.kill(self.proxy.pid, signal.SIGSTOP)
        try:
            bursts = [row for row in rows if row.burst]
            for row in bursts:
                row.fire.set()
            for row in bursts:
                self.assertTrue(row.fired.wait(NOTICED), row.name)

            def arrived():
                now = tcp_table()
                return all(now.get(ends[row], ("", "07"))[1] != "01" for row in bursts if row.how != "close_notify")
            lib.wait_until(arrived, NOTICED, "the ends")
        finally:
            os.kill(self.proxy.pid, signal.SIGCONT)
        return threads

    def check_closed(self, rows):
        """The proxy has let go of the connections that were ended."""
        def held():
            now = self.open_inodes()
            return [row.name for row in rows if "socket:[%s]" % row.inode in now]
        try:
            lib.wait_until(lambda: not held(), NOTICED, "closing")
        except AssertionError:
            self.fail("not noticed: %s" % held())

    # -- the endpoint's side

    def ask(self, row):
        """The client's part where the endpoint ends."""
        try:
            with self.proxy.connect(row.listener) as connection:
                connection.sock.settimeout(3 * NOTICED)
                method, body = ("PUT", b"b" * (BODY // 2)) if row.stage == "in" else ("GET", b"")
                length = b"Content-Length: %d\r\n" % BODY if body else b""
                connection.send(b"%s /bucket/%s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s" % (
                    method.encode(), row.name.encode(), self.proxy.host(row.listener).encode(), length, body))
                row.result = connection.read_answer(method).status
                row.got.set()
                if row.stage == "idle" and row.fired.wait(NOTICED):
                    row.result = self.proxy.request(row.listener, "GET", "/bucket/next", key=None,
                                                    connection=connection).status
        except (s3raw.BrokenAnswer, ConnectionResetError, BrokenPipeError):
            row.result = "broken"
        except OSError as error:
            row.result = str(error)

    def warm_up(self, n):
        """At least n idle connections to the endpoint."""
        server.warm = threading.Barrier(n)
        threads = [threading.Thread(target=self.proxy.request, args=("legacy", "GET", "/bucket/warm"), kwargs={"key": None})
                   for _ in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * NOTICED)
        server.warm = None

    EXPECTED = {"hello": 503, "tickets": 200, "in": 502, "after": 200, "head": 502, "body": "broken", "idle": 200}

    def check_endpoint_rows(self, rows):
        threads = self.run_rows(rows, self.ask)
        for thread in threads:
            thread.join(NOTICED)
        self.assertEqual({row.name: row.result for row in rows}, {row.name: self.EXPECTED[row.stage] for row in rows})
        self.assertEqual([row.name for row in rows if row.stage != "hello" and bool(row.index) != row.kept], [])
        self.check_closed(rows)

    @staticmethod
    def endpoint_rows(kept):
        for stage in ("tickets", "in", "after", "head", "body", "idle"):
            for how in ("RST", "FIN", "close_notify"):
                for burst in (False, True):
                    if not (kept and stage == "tickets"):
                        yield Row("endpoint", stage, kept, how, burst)

    def test_endpoint_on_new_connections(self):
        self.check_endpoint_rows(list(self.endpoint_rows(False)))

    def test_endpoint_on_kept_connections(self):
        rows = list(self.endpoint_rows(True))
        self.warm_up(len(rows))
        self.check_endpoint_rows(rows)

    def test_endpoint_in_handshake(self):
        rows = [Row("endpoint", "hello", False, how, burst) for how in ("RST", "FIN") for burst in (False, True)]
        server.hellos = list(rows)
        self.check_endpoint_rows(rows)

    # -- the client's side

    def client_rows(self):
        for listener in ("legacy", "safe"):
            for stage in ("hello", "idle", "head-in", "body-in", "after", "body"):
                for how in ("RST", "FIN", "close_notify"):
                    for kept in (False, True):
                        for burst in (False, True):
                            if how == "close_notify" and (listener == "legacy" or stage == "hello"):
                                continue
                            if stage == "hello" and (listener == "legacy" or kept):
                                continue
                            if stage == "idle" and burst:
                                continue  # nothing before it
                            yield Row("client", stage, kept, how, burst, listener)

    def head(self, row, body=b""):
        method = b"PUT" if row.stage == "body-in" else b"GET"
        length = b"Content-Length: %d\r\n" % BODY if row.stage == "body-in" else b""
        return b"%s /bucket/%s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s" % (
            method, row.name.encode(), self.proxy.host(row.listener).encode(), length, body)

    def send_and_end(self, row):
        """The client's part where the client ends."""
        context = None
        if row.listener == "safe":
            context = ssl.create_default_context(cafile=str(self.proxy.ca_file))
            context.check_hostname = False
        wire = Wire(socket.create_connection(self.proxy.address(row.listener)), context)
        try:
            if row.stage == "hello":
                return self.end_in_hello(wire, row)
            if context:
                wire.shake_hands()
                wire.flush()
            if row.kept:
                wire.put(b"GET /bucket/first HTTP/1.1\r\nHost: %s\r\n\r\n" % self.proxy.host(row.listener).encode())
                wire.flush()
                got = b""
                while not got.endswith(WHOLE):
                    got += wire.read()
            early = {"idle": b"", "head-in": self.head(row)[:-5], "body-in": self.head(row, b"b" * (BODY // 2)),
                     "after": self.head(row), "body": b"GET /bucket/ne" if row.burst else b""}[row.stage]
            if row.stage == "body":
                wire.put(self.head(row))
                wire.flush()
                got = b""
                while not got.endswith(HALF):
                    got += wire.read()
            if row.stage in ("body-in", "after") and not row.burst:
                wire.put(early)
                wire.flush()
                lib.wait_until(lambda: row.index is not None, NOTICED, row.name + " at the endpoint")
                early = b""
            row.stop_here(wire, early)
            if row.how != "RST" and row.stage in ("after", "body"):
                row.release.set()
                got = b""
                while not got.endswith(WHOLE[5:]):
                    got += wire.read()
                row.result = "answered"
            row.how == "RST" or wire.is_ended()
        except (Ended, OSError) as error:
            row.result = repr(error)
        finally:
            wire.sock.close()
        return None

    @staticmethod
    def end_in_hello(wire, row):
        try:
            wire.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        hello = wire.goes.read()
        row.stop_here(Plain(wire), hello[:len(hello) // 2])

    def test_client(self):
        rows = list(self.client_rows())
        threads = self.run_rows(rows, self.send_and_end)
        for thread in threads:
            thread.join(NOTICED)
        self.check_closed(rows)
        self.assertEqual({row.name: row.result for row in rows},
                         {row.name: "answered" if row.how != "RST" and row.stage in ("after", "body") else None
                          for row in rows})
        for row in rows:
            if row.index is not None and row.result is None:
                self.assertTrue(row.upstream_ended.wait(NOTICED), "%s: the endpoint was not told" % row.name)


if __name__ == "__main__":
    lib.main()
