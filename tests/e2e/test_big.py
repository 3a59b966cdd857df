# SPDX-License-Identifier: Apache-2.0
"""Gigabytes through each way in: every byte in its place, and no memory that grows with the object."""
import json
import subprocess
import sys
import threading

import lib
import s3raw
from endpoint import BLOCK, BigCheck, big_block

GIB = 1 << 30
SIZE = 6 * GIB if not lib.SANITIZER else GIB // 4
SIZE_ELSEWHERE = GIB if not lib.SANITIZER else GIB // 8  # through the other listeners
GROWTH_KIB = 2048


def setUpModule():
    global server
    folder = lib.certificates()
    server = subprocess.Popen(
        [sys.executable, lib.SUPPORT / "endpoint.py", "--cert", folder / "endpoint.pem", "--key", folder / "endpoint.key",
         "--address", "127.0.0.1:0", "--access-key-id", lib.UPSTREAM_KEY[0], "--secret-access-key", lib.UPSTREAM_KEY[1]],
        stdout=subprocess.PIPE, text=True)
    lib.atexit.register(server.kill)
    address = json.loads(server.stdout.readline())["listening"][0]
    lib.Case.proxy = lib.Proxy([address])
    warm_up(lib.Case.proxy)


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
        record = json.loads(server.stdout.readline())
        while record["target"] != "/bucket/big/%d" % size:
            record = json.loads(server.stdout.readline())
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
            connection.send(signed_head(self.proxy, "tls", "GET", "/bucket/big/%d" % (512 * BLOCK)))
            connection.read_head()
            connections.append(connection)
        threading.Event().wait(2)
        growth = self.proxy.rss_kib() - before
        print("20 stalled downloads: %+d KiB" % growth)
        if not lib.SANITIZER:
            self.assertLess(growth, 20 * 512)
        for connection in connections:
            connection.close()


if __name__ == "__main__":
    lib.main()
