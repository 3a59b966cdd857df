# SPDX-License-Identifier: Apache-2.0
"""Gigabytes through each way in, more than 32 bits can count: every byte in its place, and no memory that grows with the object."""
import hashlib
import json
import pathlib
import queue
import socket
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import netns  # noqa: E402

netns.enter()  # where the kernel's buffers can be limited
import lib  # noqa: E402
import s3raw  # noqa: E402
from endpoint import BLOCK, BigCheck, big_block  # noqa: E402

GIB = 1 << 30
SIZE = 17 * GIB // 4 if not lib.SANITIZER else GIB // 4
SIZE_ELSEWHERE = GIB // 2 if not lib.SANITIZER else GIB // 8  # through the other listeners
GROWTH_KIB = 2048
UPLOADS = 1000 if not lib.SANITIZER else 100  # at once
COMPLETED = 10  # the others go away in the middle
PER_UPLOAD_KIB = 256
KERNEL_BYTES = 256 << 10  # on each side of each connection; much less than an upload
records = queue.Queue()  # of the server, as it logs them


def limit_kernel(most):
    """What the kernel takes of a connection, in each direction: in our own network namespace, for those that come."""
    for name in ("tcp_rmem", "tcp_wmem"):
        path = pathlib.Path("/proc/sys/net/ipv4/" + name)
        path.write_text("%s %s %d" % (*path.read_text().split()[:2], most))


def setUpModule():
    global server
    folder = lib.certificates()
    server = subprocess.Popen(
        [sys.executable, lib.SUPPORT / "endpoint.py", "--cert", folder / "endpoint.pem", "--key", folder / "endpoint.key",
         "--address", "127.0.0.1:0", "--access-key-id", lib.UPSTREAM_KEY[0], "--secret-access-key", lib.UPSTREAM_KEY[1],
         "--receive-buffer", "131072"],
        stdout=subprocess.PIPE, text=True)
    lib.atexit.register(server.kill)
    address = json.loads(server.stdout.readline())["listening"][0]
    threading.Thread(target=read_records, daemon=True).start()
    # A thousand handshakes at once take this Python server longer than an endpoint would, and until they are all done, those
    # that came first wait for an endpoint that does not read.
    lib.Case.proxy = lib.Proxy([address], server=dict(body_timeout="10m"), endpoint=dict(connect_timeout="5m"))
    warm_up(lib.Case.proxy)


def read_records():
    """The server would stop at a full pipe."""
    for line in server.stdout:
        records.put(json.loads(line))


def tearDownModule():
    lib.Case.proxy.stop()
    server.kill()
    server.wait()


def warm_up(proxy):
    """Buffers, pools and caches reach the size they keep."""
    for listener in ("legacy", "tls", "forward"):
        for _ in range(3):
            download(proxy, listener, 64 * BLOCK)
            upload(proxy, listener, 64 * BLOCK)


def signed_head(proxy, listener, method, target, headers=()):
    headers = [("Host", proxy.host(listener))] + list(headers)
    return s3raw.head(method, target, s3raw.sign(method, target, headers, lib.ALICE, payload=s3raw.UNSIGNED))


def download(proxy, listener, size, watch=lambda: None):
    check, space = BigCheck(), bytearray(1 << 18)
    with proxy.connect(listener) as connection:
        connection.send(signed_head(proxy, listener, "GET", "/bucket/big/%d" % size))
        head = connection.read_head()
        assert head.status == 200, head
        assert head.header("content-length") == str(size)
        check.add(bytes(connection.buffer))
        next_watch = 0
        while check.done < size:
            n = connection.sock.recv_into(space)
            if not n:
                raise s3raw.BrokenAnswer("%d of %d bytes" % (check.done, size))
            check.add(memoryview(space)[:n])
            if check.done >= next_watch:
                watch()
                next_watch += 64 * BLOCK
    assert check.right and check.done == size, "wrong bytes among the first %d" % check.done


def upload(proxy, listener, size, watch=lambda: None):
    with proxy.connect(listener) as connection:
        connection.send(signed_head(proxy, listener, "PUT", "/bucket/big/%d" % size, [("Content-Length", str(size))]))
        block = big_block(0)
        for index in range(size // BLOCK):
            connection.send(big_block(index, block))
            if index % 64 == 0:
                watch()
        answer = connection.read_answer("PUT")
        assert answer.status == 200, (answer.status, answer.body)


class Big(lib.Case):
    def transfer(self, move, listener, size):
        before = self.proxy.rss_kib()
        seen = []
        move(self.proxy, listener, size, lambda: seen.append(self.proxy.rss_kib()))
        record = records.get(timeout=60)
        while record["target"] != "/bucket/big/%d" % size:
            record = records.get(timeout=60)
        self.assertFalse(record["aborted"])
        self.assertTrue(record["right"])
        if move is upload:
            self.assertEqual(record["body_bytes"], size)
        growth = max(seen) - before
        print("%s %s of %d MiB: %d KiB resident before, at most %+d KiB" % (listener, move.__name__, size >> 20, before, growth))
        if not lib.SANITIZER:
            self.assertLess(growth, GROWTH_KIB)

    def test_download(self):
        self.transfer(download, "tls", SIZE)

    def test_upload(self):
        self.transfer(upload, "tls", SIZE)

    def test_through_the_other_listeners(self):
        for listener in ("legacy", "forward"):
            for move in (download, upload):
                with self.subTest(listener=listener, move=move.__name__):
                    self.transfer(move, listener, SIZE_ELSEWHERE)

    def test_slow_reader_does_not_fill_memory(self):
        """A client that stops reading stops the endpoint, not the proxy's memory."""
        before = self.proxy.rss_kib()
        connections = []
        for _ in range(20):
            connection = self.proxy.connect("tls")
            connection.send(signed_head(self.proxy, "tls", "GET", "/bucket/big/%d" % (500 * BLOCK)))
            connection.read_head()
            connections.append(connection)
        threading.Event().wait(2)
        growth = self.proxy.rss_kib() - before
        print("20 stalled downloads: %+d KiB" % growth)
        if not lib.SANITIZER:
            self.assertLess(growth, 20 * 512)
        for connection in connections:
            connection.close()

    def test_many_uploads_in_signed_chunks(self):
        """All under way at once, to an endpoint that does not read: what the proxy holds of each is bounded."""
        limit_kernel(KERNEL_BYTES)
        self.addCleanup(limit_kernel, 4 << 20)
        before = self.proxy.rss_kib()
        uploads = [Upload(self.proxy) for _ in range(UPLOADS)]
        while sum(upload.push() for upload in uploads):
            pass
        threading.Event().wait(1)
        while sum(upload.push() for upload in uploads):
            pass
        growth = (self.proxy.rss_kib() - before) / UPLOADS
        stalled = sum(bool(upload.left) for upload in uploads)
        print("%d uploads in signed chunks, %d of them stalled: %.1f KiB each" % (UPLOADS, stalled, growth))
        self.assertGreater(stalled, UPLOADS - 20, "taken whole: nothing was held back")  # a kept connection has more room
        gone = [upload for upload in uploads[COMPLETED:] if upload.left]
        for upload in uploads[COMPLETED:]:
            upload.connection.reset()
        lib.wait_until(lambda: sum(line["end"] == "client_gone" for line in self.proxy.access_lines()) >= len(gone), 60,
                       "the end of uploads whose client is gone, though the proxy reads nothing of them")
        self.assertEqual(self.proxy.request("legacy", "GET", "/bucket/fault/release", key=None).body, b"released")
        for upload in uploads[:COMPLETED]:
            answer = self.check(upload.finish(), 200)
            self.assertEqual(answer.body, hashlib.sha256(Upload.PIECE * Upload.PIECES).hexdigest().encode())
        if not lib.SANITIZER:
            self.assertLess(growth, PER_UPLOAD_KIB)


class Upload:
    """One of many: as much of it is sent as is taken."""

    PIECE, PIECES = bytes(range(256)) * 256, 40

    def __init__(self, proxy):
        target, total = "/bucket/fault/hold/x", len(self.PIECE) * self.PIECES
        length = self.PIECES * (len(self.PIECE) + 5 + 81 + 4) + 1 + 81 + 4
        headers = s3raw.sign("PUT", target, [("Host", proxy.host("plain")), ("x-amz-decoded-content-length", str(total)),
                                             ("Content-Length", str(length))], lib.ALICE, s3raw.CHUNKS)
        self.wire = self.pieces(s3raw.head("PUT", target, headers), headers)
        self.left = memoryview(next(self.wire))
        self.connection = proxy.connect("plain")
        self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        self.connection.sock.setblocking(False)

    def pieces(self, head, headers):
        chain = s3raw.chain_of(headers, lib.ALICE[1])
        yield head
        for piece in [self.PIECE] * self.PIECES + [b""]:
            yield b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), chain.chunk(piece).encode(), piece)

    def push(self):
        """How many bytes went."""
        try:
            n = self.connection.sock.send(self.left)
        except BlockingIOError:
            return 0
        self.left = self.left[n:] or memoryview(next(self.wire, b""))
        return n

    def finish(self):
        self.connection.sock.setblocking(True)
        while self.left:
            self.push()
        with self.connection:
            return self.connection.read_answer("PUT")


if __name__ == "__main__":
    lib.main()
