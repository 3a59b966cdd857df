# SPDX-License-Identifier: Apache-2.0
"""The swap test: another configuration every 100 ms (sections added, removed, reordered, renamed) while requests of all modes,
faults that heal, health pages and tunnels run. Nothing fails, and nothing grows."""
import itertools
import os
import socket
import threading
import time

import lib
import s3raw

SECONDS = float(os.environ.get("S3ONRAMP_SWAP_SECONDS", "15"))
EVERY_S = 0.1
HOST = "sts.%s.amazonaws.com" % lib.REGION
BODY = bytes(range(256)) * 64


def setUpModule():
    global endpoint, echo
    endpoint = lib.start_endpoint(addresses=[("127.0.0.1", 0), ("127.0.0.2", 0)])
    echo = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=serve_echo, daemon=True).start()


def tearDownModule():
    echo.close()
    endpoint.close()


def serve_echo():
    def run(sock):
        try:
            while data := sock.recv(1 << 16):
                sock.sendall(data)
        except OSError:
            pass
        sock.close()
    while True:
        try:
            sock = echo.accept()[0]
        except OSError:
            return
        threading.Thread(target=run, args=(sock,), daemon=True).start()


def variants(proxy):
    """Texts of one configuration that all serve the same: what is named, in which order, and beside what, differs."""
    sections = ["[" + part for part in proxy.config.read_text().split("[")[1:]]

    def joined(*wanted):
        return "".join(wanted)

    def renamed(*pairs):
        text = joined(*sections)
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        return text
    clients = "".join(lib.Proxy.client("guest%d" % i, ("AKIAGUEST%011d" % i, "guest"), "read-only") for i in range(50))
    port = lib.free_port()
    address = "%s:%d" % endpoint.addresses[1][:2]
    return [
        joined(*sections),
        joined(*reversed(sections)),
        joined(*sections) + clients,
        clients + joined(*sections[3:], *sections[:3]) + lib.section("policy spare", access="admin", buckets="spare-*"),
        renamed(("[endpoint tokyo]", "[endpoint tokio]"), ("[listener plain]", "[listener simple]")),
        renamed(("[client alice]", "[client alicia]"), ("anonymous = alice", "anonymous = alicia")),
        renamed(("[credentials default]", "[credentials other]"), ("[endpoint tokyo]\n", "[endpoint tokyo]\ncredentials = other\n")),
        lib.section("endpoint osaka", region=lib.REGION, addresses=address, ca_file=lib.certificates() / "ca.pem") +
        renamed(("[endpoint tokyo]\n", "[endpoint tokyo]\ndefault = yes\n"), (address, "127.0.0.2:%d" % endpoint.addresses[1][1])),
        joined(*sections) + lib.section("listener spare", mode="endpoint", bind="127.0.0.1:%d" % port, names="spare.test"),
        renamed(("[endpoint tokyo]\n", "[endpoint tokyo]\nmax_connections_per_address = 50\nresponse_timeout = 250s\n"),
                ("probe_interval = 1s", "probe_interval = 2s"), ("[tunnel sts]", "[tunnel tokens]")),
    ]


class Load:
    """Threads that ask for the same thing again and again; the first failure of each is kept."""

    def __init__(self):
        self.stop, self.threads, self.failures, self.counts = threading.Event(), [], [], {}

    def start(self, name, work):
        def run():
            try:
                for n in itertools.count():
                    self.counts[name] = n
                    if self.stop.is_set():
                        return
                    work(n)
            except Exception as e:  # pylint: disable=broad-except
                self.failures.append("%s, turn %d: %r" % (name, n, e))
        thread = threading.Thread(target=run)
        thread.start()
        self.threads.append(thread)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(120)
        return self.failures


def wants(answer, status, body=None):
    if answer.status != status or (body is not None and answer.body != body):
        raise AssertionError("%s instead of %s: %r" % (answer.status, status, answer.body[:500]))


class Kept:
    """A connection that is opened again when the proxy had ended it between two requests, as it may."""

    def __init__(self, proxy, listener):
        self.proxy, self.listener, self.connection = proxy, listener, None

    def request(self, method, target, body=b"", key=lib.ALICE, **options):
        for again in (True, False):
            fresh = not self.connection
            try:
                self.connection = self.connection or self.proxy.connect(self.listener)
                answer = self.proxy.request(self.listener, method, target, body, key=key, connection=self.connection, **options)
            except (ConnectionError, EOFError, OSError, s3raw.Closed):
                self.close()
                if fresh or not again:
                    raise
                continue
            if (answer.header("connection") or "").lower() == "close":
                self.close()
            return answer
        raise AssertionError("unreachable")

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Swap(lib.Case):
    def setUp(self):
        self.proxy = lib.Proxy(["%s:%d" % a[:2] for a in endpoint.addresses], "swap", server={"workers": "2"},
                               endpoint={"probe_interval": "1s", "probe": "http"},
                               listeners={"tunnels": dict(mode="forward", tunnel=HOST)},
                               extra=lib.section("tunnel sts", hosts=HOST, port="443", addresses="%s:%d" % echo.getsockname()[:2]))
        self.addCleanup(self.proxy.stop)
        super().setUp()

    def put_and_get(self, listener, key=lib.ALICE, **options):
        kept = Kept(self.proxy, listener)

        def work(n):
            target = "/bucket/%s-%d" % (listener, n % 7)
            wants(kept.request("PUT", target, BODY, key, **options), 200)
            wants(kept.request("GET", target, b"", key), 200, BODY)
        return work

    def fresh(self, listener):
        def work(n):
            wants(self.proxy.request(listener, "PUT", "/bucket/fresh-%s" % listener, BODY), 200)
        return work

    def healing(self):
        """The endpoint closes used connections without an answer: asked again elsewhere, nobody notices."""
        kept = Kept(self.proxy, "plain")

        def work(n):
            wants(kept.request("GET", "/bucket/fault/stale/%d" % n), 200)
            wants(kept.request("GET", "/bucket/fault/idle-close/%d" % n), 200)
        return work

    def big(self):
        def work(n):
            size = 8 << 20
            answer = self.proxy.request("plain", "GET", "/bucket/big/%d" % size)
            wants(answer, 200)
            if len(answer.body) != size:
                raise AssertionError("%d of %d bytes" % (len(answer.body), size))
        return work

    def health(self):
        kept = Kept(self.proxy, "legacy")
        return lambda n: wants(kept.request("GET", "/healthz", key=None), 200)

    def tunnel(self):
        def work(n):
            with s3raw.Connection(self.proxy.address("tunnels"), tunnel=HOST + ":443") as one:
                for i in range(20):
                    one.send(b"%09d!" % i)
                    got = b""
                    while len(got) < 10:
                        piece = one.sock.recv(10 - len(got))
                        if not piece:
                            raise AssertionError("the tunnel ended")
                        got += piece
                    if got != b"%09d!" % i:
                        raise AssertionError("%r" % got)
                    time.sleep(0.05)
        return work

    def swaps(self, load):
        texts, n, new = variants(self.proxy), 0, self.proxy.folder / "new.ini"
        self.first = texts[0]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and not load.failures:
            began = time.monotonic()
            new.touch(0o600)
            new.write_text(texts[n % len(texts)])
            new.rename(self.proxy.config)
            result = lib.run(lib.PROGRAM, "reload", "-c", self.proxy.config, check=False)
            self.assertEqual(result.returncode, 0, "variant %d: %s" % (n % len(texts), result.stderr))
            n += 1
            time.sleep(max(0, began + EVERY_S - time.monotonic()))
        return n

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.proxy.pid))

    def test_nothing_fails_while_snapshots_are_swapped(self):
        load = Load()
        for listener in ("plain", "tls", "forward", "sniff"):
            load.start(listener, self.put_and_get(listener))
        load.start("legacy", self.put_and_get("legacy", key=None))
        for name, work in (("fresh", self.fresh("plain")), ("fresh tls", self.fresh("tls")), ("healing", self.healing()),
                           ("big", self.big()), ("health", self.health()), ("tunnel", self.tunnel())):
            load.start(name, work)
        try:
            n = self.swaps(load)
        finally:
            failures = load.end()
        print("swapped %d times; %s" % (n, ", ".join("%s %d" % (k, v) for k, v in sorted(load.counts.items()))), flush=True)
        self.assertEqual(failures, [])
        self.assertTrue(all(load.counts.values()), load.counts)
        self.assertEqual([line for line in self.proxy.access_lines() if line["status"] >= 500], [])
        self.assertEqual(endpoint.refused(), [])
        self.proxy.config.write_text(self.first)
        lib.run(lib.PROGRAM, "reload", "-c", self.proxy.config)
        before = self.descriptors()
        for _ in range(20):
            lib.run(lib.PROGRAM, "reload", "-c", self.proxy.config)
        lib.wait_until(lambda: self.descriptors() <= before, 10, "descriptors: %d" % before)


if __name__ == "__main__":
    lib.main()
