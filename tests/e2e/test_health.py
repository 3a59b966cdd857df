# SPDX-License-Identifier: Apache-2.0
"""Addresses that die, vanish, refuse and come back, under load, with a firewall that really drops and resets; wrong
certificates; connections that a firewall forgot; limits and their queue; retries. In a network namespace of its own."""
import hashlib
import json
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import netns  # noqa: E402

ZONES = {"10.77.1.23": "a", "10.77.2.23": "c", "10.77.2.24": "c"}
OTHERS = ("10.77.9.1", "10.77.9.2", "10.77.9.3", "10.77.9.4")
netns.enter(*ZONES, *OTHERS)
import lib  # noqa: E402
import s3raw  # noqa: E402

QUICK = dict(probe_interval="1s", probe_timeout="1s", connect_timeout="1s", dead_timeout="1s", slow_start="2s")
FALL_S = 1.1 + 1 + 2 * (1.1 + 1) + 1  # three probes of a second each, the first one after probe_interval, and ticks
RISE_S = 1.1 + 1.1 + 1  # two good probes


def setUpModule():
    global firewall
    firewall = netns.Firewall()


class Server:
    """An endpoint as a process of its own, that can be killed."""

    def __init__(self, address, cert="endpoint"):
        self.address, self.records = address, []
        self.start(cert)

    def start(self, cert="endpoint"):
        folder = lib.certificates()
        self.process = subprocess.Popen(
            [sys.executable, lib.SUPPORT / "endpoint.py", "--cert", folder / (cert + ".pem"), "--key", folder / (cert + ".key"),
             "--address", self.address + ":443", "--access-key-id", lib.UPSTREAM_KEY[0], "--secret-access-key",
             lib.UPSTREAM_KEY[1]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.process.stdout.readline()
        threading.Thread(target=self.read, args=(self.process,), daemon=True).start()

    def read(self, process):
        for line in process.stdout:
            self.records.append(json.loads(line))

    def kill(self):
        self.process.kill()
        self.process.wait()


class Load:
    """Clients that do what may be asked again, and one that posts what may not."""

    def __init__(self, proxy):
        self.proxy, self.failed, self.done, self.posts, self.slowest = proxy, [], 0, [], 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.client, args=(i,)) for i in range(6)]
        self.threads.append(threading.Thread(target=self.poster))
        for thread in self.threads:
            thread.start()

    def client(self, number):
        body = bytes(range(256)) * 64
        connection = self.proxy.connect("legacy")
        for i in range(1000000):
            if self.stop.is_set():
                break
            started = time.monotonic()
            try:
                if i % 3:
                    answer = self.proxy.request("legacy", "GET", "/bucket/fault/one-piece", key=None, connection=connection)
                    right = hashlib.sha256(answer.body).digest() == PATTERN
                else:
                    answer = self.proxy.request("legacy", "PUT", "/bucket/put-%d-%d" % (number, i), body, key=None,
                                                connection=connection)
                    right = True
                if answer.status != 200 or not right:
                    self.failed.append((answer.status, answer.code, answer.body[:300]))
            except (OSError, s3raw.BrokenAnswer) as error:
                self.failed.append(repr(error))
            if self.failed:
                connection.close()
                connection = self.proxy.connect("legacy")
            self.done += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
            time.sleep(0.01)
        connection.close()

    def poster(self):
        number = 0
        while not self.stop.is_set():
            number += 1
            try:
                self.proxy.request("legacy", "POST", "/bucket/fault/none/post-%d" % number, b"x", key=None)
            except (OSError, s3raw.BrokenAnswer):
                pass
            time.sleep(0.02)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


PATTERN = hashlib.sha256(hashlib.shake_256(b"big").digest(3000)).digest()


class Case(lib.Case):
    def setUp(self):
        self.cleanup, self.proxy, self.load = [], None, None

    def tearDown(self):
        firewall.clear()
        if self.load:
            self.load.end()
        if self.proxy:
            self.proxy.stop()
        for server in self.cleanup:
            server.kill()

    def servers(self, *addresses):
        servers = {address: Server(address) for address in addresses}
        self.cleanup += servers.values()
        return servers

    def endpoint(self, *addresses, **options):
        one = lib.start_endpoint(addresses=[(a, 443) for a in addresses], **options)
        self.addCleanup(one.close)
        return one

    def state(self, address):
        return self.proxy.states()[address + ":443"]

    def until(self, address, state, seconds):
        started = time.monotonic()
        lib.wait_until(lambda: self.state(address)["state"] == state, seconds, "%s %s" % (address, state))
        return time.monotonic() - started

    def get(self, path="fault/none", **options):
        return self.proxy.request("legacy", "GET", "/bucket/" + path, key=None, **options)


class Failover(Case):
    def test_three_addresses_under_load(self):
        servers = self.servers(*ZONES)
        self.proxy = lib.Proxy(["%s=%s" % (zone, address) for address, zone in ZONES.items()], "load",
                               endpoint=dict(QUICK, prefer_zone="c"))
        load = Load(self.proxy)
        self.load = load
        time.sleep(1)
        faults = (("10.77.2.23", "killed", lambda a: servers[a].kill(), lambda a: servers[a].start()),
                  ("10.77.2.24", "black hole", firewall.black_hole, lambda a: firewall.clear()),
                  ("10.77.2.23", "black hole", firewall.black_hole, lambda a: firewall.clear()),
                  ("10.77.2.24", "reset", firewall.reset, lambda a: firewall.clear()))
        for address, name, break_it, mend_it in faults:
            before = load.done
            break_it(address)
            down = self.until(address, "down", FALL_S)
            self.assertGreater(load.done, before, "the load stands still")
            mend_it(address)
            up = self.until(address, "up", RISE_S + 1)
            print("%s: down after %.1f s, up %.1f s after its return; slowest request so far %.1f s" %
                  (name, down, up, load.slowest), file=sys.stderr)
        before = self.state("10.77.2.23")["answers"]
        time.sleep(1)
        self.assertGreater(self.state("10.77.2.23")["answers"], before, "it came back and gets nothing")
        load.end()
        time.sleep(0.5)
        lines = [line for line in self.proxy.access_lines() if line["retries"]]
        print("%d requests, %d of them asked again (%s), %d failed" %
              (load.done, len(lines), ", ".join(sorted({l["retry_reasons"] for l in lines})), len(load.failed)), file=sys.stderr)
        self.assertEqual(load.failed, [])
        self.assertGreater(len(lines), 0)
        records = [r for server in servers.values() for r in server.records]
        posts = [r["target"] for r in records if r["method"] == "POST"]
        self.assertEqual(len(posts), len(set(posts)), "a POST was sent twice")
        self.assertEqual([r for r in records if r["method"] == "PUT" and r["status"] == 200
                          and (r["body_bytes"] != 16384 or not r["right"])], [])
        self.assertLess(load.slowest, 8)

    def test_preferred_zone_takes_all(self):
        servers = self.servers(*ZONES)
        self.proxy = lib.Proxy(["%s=%s" % (zone, address) for address, zone in ZONES.items()], "zone",
                               endpoint=dict(QUICK, prefer_zone="ap-northeast-1a"))
        for _ in range(12):
            self.check(self.get(), 200)
        self.assertEqual([self.state(a)["answers"] for a in ZONES], [12, 0, 0])
        servers["10.77.1.23"].kill()
        for _ in range(12):
            self.check(self.get(), 200)
        others = [self.state(a)["answers"] for a in ("10.77.2.23", "10.77.2.24")]
        self.assertEqual(sum(others), 12)
        self.assertGreaterEqual(min(others), 4)


class Certificates(Case):
    def test_wrong_ones_are_never_used(self):
        good = self.endpoint(OTHERS[0])
        bad = [self.endpoint(a, cert=c) for a, c in zip(OTHERS[1:], ("other", "stranger", "expired"))]
        for probe in ("tls", "tcp"):
            with self.subTest(probe):
                self.proxy = lib.Proxy(OTHERS, "bad-certificates-" + probe, endpoint=dict(QUICK, probe=probe))
                for _ in range(20):
                    self.check(self.get(), 200)
                lib.wait_until(lambda: sum(self.state(a)["barred"] for a in OTHERS) == 3, 5, "three barred")
                states = self.proxy.states()
                self.assertEqual(states[OTHERS[0] + ":443"]["state"], "up")
                for address in OTHERS[1:]:
                    self.assertEqual(states[address + ":443"]["state"], "down")
                    self.assertIn("certificate", states[address + ":443"]["reason"])
                for one in bad:
                    self.assertEqual(one.requests, [])
                if probe == "tls":
                    self.proxy.stop()
        self.assertEqual(len(good.requests), 40)

    def test_one_that_goes_wrong_and_right_again(self):
        servers = self.servers(*OTHERS[:2])
        self.proxy = lib.Proxy(OTHERS[:2], "turning", endpoint=QUICK)
        for _ in range(6):
            self.check(self.get(), 200)
        servers[OTHERS[0]].kill()
        servers[OTHERS[0]].start("expired")
        lib.wait_until(lambda: self.state(OTHERS[0])["barred"], FALL_S, "barred")
        self.assertIn("expired", self.state(OTHERS[0])["reason"])
        before = len(servers[OTHERS[0]].records)
        for _ in range(10):
            self.check(self.get(), 200)
        servers[OTHERS[1]].kill()  # not even when nothing else is left
        time.sleep(0.3)
        self.check(self.get(), 503, "ServiceUnavailable")
        self.assertEqual(len(servers[OTHERS[0]].records), before)
        servers[OTHERS[0]].kill()
        servers[OTHERS[0]].start()
        self.until(OTHERS[0], "up", RISE_S + 1)
        self.check(self.get(), 200)


class Connections(Case):
    def sources(self, address):
        """Client ports of the connections to it."""
        text = lib.run("ss", "-Htn", "state", "established", "dst", address + ":443").stdout
        return [line.split()[2].rpartition(":")[2] for line in text.splitlines()]

    def test_firewall_that_forgets_silently(self):
        self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "forgets", endpoint=dict(QUICK, idle_timeout="60s", probe_interval="10m"))
        connections = [self.proxy.connect("legacy") for _ in range(6)]
        request = b"GET /bucket/fault/wait/0.3 HTTP/1.1\r\nHost: %s\r\n\r\n" % self.proxy.host("legacy").encode()
        for i in range(2):
            started = time.monotonic()
            for connection in connections:
                connection.send(request)
            for connection in connections:
                self.check(connection.read_answer(), 200)
            if i == 0:
                ports = self.sources(OTHERS[0])
                self.assertGreaterEqual(len(ports), 6)
                firewall.forget(OTHERS[0], ports)
        print("forgotten connections: %d requests answered in %.1f s; " % (len(connections), time.monotonic() - started),
              end="", file=sys.stderr)
        for connection in connections:
            connection.close()
        lib.wait_until(lambda: len(self.proxy.access_lines()) == 12, 5, "access lines")
        self.assertIn("dead", {line["retry_reasons"] for line in self.proxy.access_lines()})
        self.assertGreater(self.state(OTHERS[0])["failures"]["dead"], 0)

    def test_endpoint_that_reads_slowly_is_not_dead(self):
        """It acknowledges, and that is a sign of life, however long it does not read."""
        self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "slow", endpoint=QUICK)
        for method, path, body in (("GET", "fault/wait/3", b""), ("PUT", "fault/lazy", bytes(20 << 20))):
            answer = self.check(self.proxy.request("legacy", method, "/bucket/" + path, body, key=None), 200)
            self.assertEqual(self.proxy.line_of(answer)["retries"], 0)

    def test_limit_is_kept_and_the_queue_is_fair(self):
        server = self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "limit", server={"workers": 1},
                               endpoint=dict(QUICK, max_connections_per_address=1, queue_timeout="10s"))
        order, lock = [], threading.Lock()

        def one(name, key):
            answer = self.proxy.request("plain", "GET", "/bucket/fault/wait/0.1/" + name, key=key)
            with lock:
                order.append((name, answer.status))
        threads = [threading.Thread(target=one, args=("alice", lib.ALICE)) for _ in range(12)]
        for thread in threads:
            thread.start()
        time.sleep(0.25)
        threads.append(threading.Thread(target=one, args=("reader", lib.READER)))
        threads[-1].start()
        for thread in threads:
            thread.join()
        self.assertEqual({status for _, status in order}, {200})
        self.assertLess([name for name, _ in order].index("reader"), 7, order)
        self.assertEqual(len(server.requests), 13)
        self.assertEqual(self.state(OTHERS[0])["connects"], 1)

    def test_who_waits_too_long_is_told_to_slow_down(self):
        self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "full", server={"workers": 2},
                               endpoint=dict(QUICK, max_connections_per_address=2, queue_timeout="500ms", max_queue=3))
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.get("fault/wait/2"))) for _ in range(12)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(a.status for a in answers), [200, 200] + [503] * 10)
        self.assertEqual({a.code for a in answers if a.status == 503}, {"SlowDown"})
        self.assertLess(time.monotonic() - started, 4)
        self.check(self.get(), 200)


class Retries(Case):
    def test_5xx(self):
        server = self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "5xx", endpoint=QUICK)
        for method, status, expected in (("GET", 500, 200), ("GET", 502, 200), ("GET", 504, 200), ("HEAD", 500, 200),
                                         ("GET", 503, 503), ("GET", 501, 501), ("PUT", 500, 500), ("DELETE", 500, 500)):
            with self.subTest(method, status=status):
                target = "/bucket/fault/flaky/%d/%s" % (status, method)
                answer = self.proxy.request("legacy", method, target, key=None)
                self.assertEqual(answer.status, expected)
                times = [r for r in server.requests if r["target"] == target]
                self.assertEqual(len(times), 2 if expected == 200 else 1)
                lib.wait_until(lambda: any(l["key"] == target[8:] for l in self.proxy.access_lines()), 5, "line")
                line = [l for l in self.proxy.access_lines() if l["key"] == target[8:]][0]
                self.assertEqual((line["retries"], line["retry_reasons"]), (1, str(status)) if expected == 200 else (0, ""))
        dates = [[h for h in r["head"] if h.lower().startswith("authorization")] for r in server.requests]
        self.assertTrue(all(len(d) == 1 for d in dates))
        self.assertEqual(server.refused(), [])

    def test_no_more_than_max_retries(self):
        for retries in (0, 1, 3):
            with self.subTest(retries):
                server = self.endpoint(OTHERS[retries])
                self.proxy = lib.Proxy(OTHERS[retries:retries + 1], "most-%d" % retries, endpoint=dict(QUICK, max_retries=retries))
                answer = self.check(self.get("fault/no-answer"), 502, "BadGateway")
                self.assertEqual(self.proxy.line_of(answer)["retries"], retries)
                self.assertEqual(len(server.requests), 1 + retries)
                if retries != 3:
                    self.proxy.stop()

    def test_retries_have_a_budget(self):
        server = self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "budget", server={"workers": 1}, endpoint=dict(QUICK, max_retries=10))
        started = time.monotonic()
        for _ in range(100):
            self.check(self.get("fault/no-answer"), 502, "BadGateway")
        most = 100 + 100 + 100 / 5 + 10 * (time.monotonic() - started) + 1
        self.assertLessEqual(len(server.requests), most)
        self.assertGreater(len(server.requests), 200)


if __name__ == "__main__":
    lib.main()
