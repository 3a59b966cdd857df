# SPDX-License-Identifier: Apache-2.0
"""Addresses that die, vanish, refuse and come back, under load, with a firewall that really drops and resets; wrong
certificates; connections that a firewall forgot; limits and their queue; retries. In a network namespace of its own."""
import collections
import json
import pathlib
import re
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
# How long a machine takes that has nothing else to do; the exact bounds are test_health.c's, which has a clock of its own.
FALL_S = 1.1 + 1 + 2 * (1.1 + 1) + 1  # three probes of a second each, the first one after probe_interval, and ticks
RISE_S = 1.1 + 1.1 + 1  # two good probes
SLOWEST_S = lib.PATIENCE_S  # of all requests: none waited for an answer that would not come (response_timeout is 300 s)


def setUpModule():
    global firewall
    firewall = netns.Firewall()


class Server:
    """An endpoint as a process of its own, that can be killed."""

    def __init__(self, address, cert="endpoint", folder=None):
        self.address, self.records = address, []
        self.more = ["--folder", folder] if folder else []
        self.start(cert)

    def start(self, cert="endpoint"):
        folder = lib.certificates()
        self.process = subprocess.Popen(
            [sys.executable, lib.SUPPORT / "endpoint.py", "--cert", folder / (cert + ".pem"), "--key", folder / (cert + ".key"),
             "--address", self.address + ":443", "--access-key-id", lib.UPSTREAM_KEY[0], "--secret-access-key",
             lib.UPSTREAM_KEY[1], *self.more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.process.stdout.readline()
        threading.Thread(target=self.read, args=(self.process,), daemon=True).start()

    def read(self, process):
        for line in process.stdout:
            self.records.append(json.loads(line))

    def kill(self):
        self.process.kill()
        self.process.wait()


class Load:
    """Real clients that never try again by themselves: boto3 with an endpoint URL and through the proxy, and rclone, whose
    requests may all be repeated but for conditional writes; and one of the test's own that posts what may not."""

    def __init__(self, proxy):
        self.proxy, self.failed, self.rclones, self.posts = proxy, [], 0, 0
        self.stop = threading.Event()
        environment = lib.clean_environment(AWS_ACCESS_KEY_ID=lib.ALICE[0], AWS_SECRET_ACCESS_KEY=lib.ALICE[1],
                                            AWS_DEFAULT_REGION=lib.REGION, AWS_CA_BUNDLE=proxy.ca_file)
        program = lib.ROOT / "tests/e2e/clients/with_boto3_load.py"
        self.programs = [subprocess.Popen(
            ["/usr/bin/python3", program, "bucket", "4", "fault/wait/0.3", way, url], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE) for way, url in (("--endpoint-url", proxy.url("plain")),
                                              ("--proxy", "http://127.0.0.1:%d" % proxy.ports["forward"]))]
        lib.atexit.register(lambda: [program.kill() for program in self.programs])
        self.threads = [threading.Thread(target=self.rclone), threading.Thread(target=self.poster)]
        for thread in self.threads:
            thread.start()

    def rclone(self):
        remote = dict(TYPE="s3", PROVIDER="Ceph", ACCESS_KEY_ID=lib.ALICE[0], SECRET_ACCESS_KEY=lib.ALICE[1], REGION=lib.REGION,
                      ENDPOINT=self.proxy.url("plain"), NO_CHECK_BUCKET="true")
        environment = lib.clean_environment(**{"RCLONE_CONFIG_R_" + name: value for name, value in remote.items()})
        source = lib.WORK / "rclone-source"
        while not self.stop.is_set():
            self.rclones += 1
            key, text = "r:bucket/rclone/%d" % self.rclones, "%d " % self.rclones * 1000
            source.write_text(text)
            for words in (("copyto", source, key), ("cat", key)):
                result = lib.run("/usr/bin/rclone", "--config", "/dev/null", "--retries", "1", "--low-level-retries", "1", *words,
                                 check=False, env=environment)
                if result.returncode or (words[0] == "cat" and result.stdout != text):
                    self.failed.append([key, "rclone %s: %s" % (words[0], result.stderr or "came back different")])
            self.stop.wait(0.2)

    def poster(self):
        while not self.stop.is_set():
            self.posts += 1
            try:
                self.proxy.request("legacy", "POST", "/bucket/fault/none/post-%d" % self.posts, b"x", key=None)
            except (OSError, s3raw.BrokenAnswer):
                pass
            self.stop.wait(0.05)

    def end(self):
        """What the clients of boto3 tell, put together."""
        self.stop.set()
        for thread in self.threads:
            thread.join()
        results = [json.loads(program.communicate(timeout=90)[0]) for program in self.programs]
        return {"done": sum(sum(r["done"].values()) for r in results), "slowest": max(r["slowest"] for r in results),
                "failed": self.failed + sum((r["failed"] for r in results), []),
                "damaged": sum((r["damaged"] for r in results), []),
                "lost": [key for r in results for key, _ in r["lost"]]}


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

    def servers(self, *addresses, **options):
        servers = {address: Server(address, **options) for address in addresses}
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
    def start_load(self, name, **keys):
        """The servers, which share their objects; the proxy, and clients, once each address has got its part."""
        self.objects = lib.WORK / ("objects-" + name)
        self.objects.mkdir()
        servers = self.servers(*ZONES, folder=self.objects)
        self.proxy = lib.Proxy(["%s=%s" % (zone, address) for address, zone in ZONES.items()], name, endpoint=keys)
        self.load = Load(self.proxy)
        lib.wait_until(lambda: min(self.state(a)["answers"] for a in ZONES) > 5, 30, "requests at each address")
        return servers

    def lines_so_far(self):
        return self.proxy.access_file.read_bytes().count(b"\n")

    def breaks_and_comes_back(self, address, name, break_it, mend_it, fall_s, requests_s, rise_s):
        before = self.lines_so_far()
        break_it(address)
        down = self.until(address, "down", fall_s)
        self.assertGreater(self.lines_so_far(), before, "the load stands still")
        answers = self.state(address)["answers"]
        mend_it(address)
        started = time.monotonic()
        lib.wait_until(lambda: self.state(address)["answers"] > answers, requests_s, name + ": requests again")
        again = time.monotonic() - started
        self.until(address, "up", rise_s)
        print("%s %s: down after %.1f s; mended, requests after %.1f s, up after %.1f s" %
              (address, name, down, again, time.monotonic() - started), file=sys.stderr)

    def end_load(self, slowest_s):
        """The load ends; what each client saw, and what the servers stored, is as it should be."""
        load, self.load = self.load, None
        result = load.end()
        lib.wait_until(lambda: self.lines_so_far() >= result["done"], 10, "access lines")
        lines = [line for line in self.proxy.access_lines() if line["method"] != "CONNECT"]
        repeated = [line for line in lines if line["retries"]]
        puts = collections.Counter((self.objects / "puts").read_text().split())
        twice = sum(n > 1 for n in puts.values())
        print("%d requests, %d of them of boto3, %d runs of rclone; %d asked again (%s); %d stored, %d of them twice; %d failed, %d "
              "conditional writes and %d of %d posts lost; the slowest took %.1f s" %
              (len(lines), result["done"], load.rclones, len(repeated),
               ", ".join(sorted({line["retry_reasons"] for line in repeated})), len(puts), twice, len(result["failed"]),
               len(result["lost"]), sum(line["status"] != 200 for line in lines if line["method"] == "POST"), load.posts,
               result["slowest"]), file=sys.stderr)
        self.assertEqual((result["failed"], result["damaged"]), ([], []))
        met = [line for line in lines if line["retries"] or line["attempts"] > 1 or line["end"] == "up_gone"]
        self.assertGreater(len(met), 0, "nobody met a fault")
        self.assertLess(result["slowest"], slowest_s)
        self.check_stored(lines, puts, result["lost"])

    def check_stored(self, lines, puts, lost):
        """Each key was put once: what was stored more often was asked for again, says the access line; never what was
        conditional, nor a POST."""
        allowed = collections.Counter()
        for line in lines:
            if line["method"] == "PUT":
                allowed["bucket/" + line["key"]] += 1 + line["retries"]
        self.assertEqual([key for key, n in puts.items() if n > allowed[key]], [])
        self.assertEqual([key for key, n in puts.items() if n > 1 and "/once-" in key], [])
        self.assertGreater(sum("/once-" in key for key in puts), 20)
        for line in lines:
            if line["method"] == "PUT" and line["key"] in lost:
                self.assertEqual((line["end"], line["retries"]), ("up_gone", 0), line)
        records = [record for server in self.cleanup for record in server.records]
        posts = [r["target"] for r in records if r["method"] == "POST" and r["body_bytes"]]  # not: asked with Expect, and left
        self.assertEqual(len(posts), len(set(posts)), "a POST was sent twice")
        self.assertEqual({r["verdict"] for r in records} & {"SignatureDoesNotMatch", "BadRequest"}, set())

    def test_three_addresses_under_load(self):
        """Each in turn is killed, becomes a black hole, and resets, and comes back."""
        servers = self.start_load("load", **dict(QUICK, fall=2, rise=1))
        for address in ZONES:
            for name, break_it, mend_it in (
                    ("killed", lambda a: servers[a].kill(), lambda a: servers[a].start()),
                    ("black hole", firewall.black_hole, lambda a: firewall.clear()),
                    ("reset", firewall.reset, lambda a: firewall.clear())):
                self.breaks_and_comes_back(address, name, break_it, mend_it, FALL_S, RISE_S + 1, RISE_S + 1)
        self.end_load(SLOWEST_S)

    @lib.unittest.skipIf(lib.SANITIZER, "times of an instrumented program say nothing")
    def test_default_times_under_load(self):
        """The bounds that health.h tells, on a machine with time for it."""
        self.start_load("defaults", **dict.fromkeys(lib.PATIENT_ENDPOINT))
        self.breaks_and_comes_back("10.77.2.23", "black hole", firewall.black_hole, lambda a: firewall.clear(), fall_s=14, requests_s=6.5,
                                   rise_s=1)
        self.end_load(SLOWEST_S)

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
        self.assertRegex(self.proxy.stderr.read_text(), r"%s:443[^\n]* -> barred: [^\n]*certificate" % OTHERS[0])
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
        """It acknowledges, and that is a sign of life, however long it does not read. The upload comes first: on a kept
        connection it would be asked for, and go elsewhere if no 100 Continue comes."""
        self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "slow", endpoint=QUICK)
        for method, path, body in (("PUT", "fault/lazy", bytes(20 << 20)), ("GET", "fault/wait/3", b"")):
            answer = self.check(self.proxy.request("legacy", method, "/bucket/" + path, body, key=None), 200)
            self.assertEqual(self.proxy.line_of(answer)["retries"], 0)

    def kernel(self, word):
        """What the kernel says under that word of the connection to the endpoint that a body is on its way to; 0 if nothing."""
        text = lib.run("ss", "-Htin", "state", "established", "dst", OTHERS[0] + ":443").stdout
        return max(map(int, re.findall(r"\b%s:(\d+)" % word, text)), default=0)

    def unacknowledged(self):
        text = lib.run("ss", "-Htn", "state", "established", "dst", OTHERS[0] + ":443").stdout
        return sum(int(line.split()[1]) for line in text.splitlines())

    def upload_to_one_that_has_no_room(self, name):
        """Bytes were lost and are sent again and again to a kernel that has no memory for them: it answers, and takes nothing.
        The connection with the client, its body still to be completed."""
        self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], name, endpoint=dict(QUICK, dead_timeout="2s", probe_interval="10m"))
        connection = self.proxy.connect("legacy")
        self.addCleanup(connection.close)
        connection.send(s3raw.head("PUT", "/bucket/fault/shrunk/x", [("Host", self.proxy.host("legacy")), ("Expect", "100-continue"),
                                                                     ("Content-Length", str(2 << 16))]))
        self.assertEqual(connection.read_head().status, 100)
        connection.send(bytes(1 << 15))  # fills what room there is
        lib.wait_until(lambda: self.kernel("bytes_acked") > 1 << 15 and not self.unacknowledged(), 10, "half a piece taken")
        firewall.black_hole(OTHERS[0])
        connection.send(bytes(1 << 15))
        lib.wait_until(lambda: self.kernel("backoff"), 10, "sent again")
        firewall.clear()
        lib.wait_until(lambda: self.kernel("lastack") < 300, 10, "an answer: no room")
        self.assertGreater(self.unacknowledged(), 0)
        return connection

    def test_endpoint_without_room_is_not_dead(self):
        connection = self.upload_to_one_that_has_no_room("no-room")
        lib.wait_until(lambda: self.kernel("lastack") > 3000, 30, "an interval longer than dead_timeout")
        self.check(self.get("fault/release"), 200)
        connection.send(bytes(1 << 16))
        answer = self.check(connection.read_answer("PUT"), 200)
        self.assertEqual(self.proxy.line_of(answer)["retries"], 0)

    def test_endpoint_without_room_that_vanishes_is_dead(self):
        connection = self.upload_to_one_that_has_no_room("no-room-gone")
        firewall.black_hole(OTHERS[0])
        self.check(connection.read_answer("PUT"), 502, "BadGateway")
        self.assertGreater(self.state(OTHERS[0])["failures"]["dead"], 0)

    def test_limit_is_kept_and_the_queue_is_fair(self):
        server = self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "limit", server={"workers": 1},
                               endpoint=dict(QUICK, max_connections_per_address=1, queue_timeout="10s"))
        order, lock = [], threading.Lock()

        begun = {}

        def one(name, key):
            begun[name] = len(order)
            answer = self.proxy.request("plain", "GET", "/bucket/fault/wait/0.1/" + name, key=key)
            with lock:
                order.append((name, answer.status))
        threads = [threading.Thread(target=one, args=("alice", lib.ALICE)) for _ in range(12)]
        for thread in threads:
            thread.start()
        lib.wait_until(lambda: order, 10, "the first answer")
        threads.append(threading.Thread(target=one, args=("reader", lib.READER)))
        threads[-1].start()
        for thread in threads:
            thread.join()
        self.assertEqual({status for _, status in order}, {200})
        self.assertLess([name for name, _ in order].index("reader") - begun["reader"], 5, order)
        self.assertEqual(len(server.requests), 13)
        self.assertEqual(self.state(OTHERS[0])["connects"], 1)

    def test_who_waits_too_long_is_told_to_slow_down(self):
        self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "full", server={"workers": 2},
                               endpoint=dict(QUICK, max_connections_per_address=2, queue_timeout="500ms", max_queue=3))
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.get("fault/wait/2"))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(a.status for a in answers), [200, 200] + [503] * 10)
        self.assertEqual({a.code for a in answers if a.status == 503}, {"SlowDown"})
        self.assertEqual([a.status for a in answers[-2:]], [200, 200], "told after those who were served for two seconds")
        counted = self.proxy.status()["endpoints"][0]
        self.assertEqual(counted["queue_full"] + counted["queue_expired"], 10, counted)
        self.assertEqual(counted["queued"], counted["queue_expired"], counted)
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

    def test_after_100_continue(self):
        """Most SDKs ask before they send a body. That they were told to go on is no answer yet, and they are told once."""
        server = self.endpoint(OTHERS[0])
        self.proxy = lib.Proxy(OTHERS[:1], "continue", server={"workers": 1}, endpoint=QUICK)
        self.check(self.get(), 200)
        with self.proxy.connect("legacy") as connection:
            connection.send(s3raw.head("PUT", "/bucket/fault/stale-after-body", [
                ("Host", self.proxy.host("legacy")), ("Expect", "100-continue"), ("Content-Length", "4")]))
            self.assertEqual(connection.read_head().status, 100)
            connection.send(b"body")
            head = connection.read_head()
            self.assertEqual(head.status, 200)
        line = self.proxy.line_of(head)
        self.assertEqual((line["retries"], line["retry_reasons"]), (1, "stale"))
        self.assertEqual([r["body_bytes"] for r in server.requests if r["method"] == "PUT"], [4, 4])

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
