# SPDX-License-Identifier: Apache-2.0
"""What goes to S3, by who called, bucket and zone; what is kept of it, whatever happens; and what it costs."""
import csv
import datetime
import io
import json
import os
import pathlib
import re
import signal
import unittest

import lib
from endpoint import big_block
from test_status import ask

MIB = 1 << 20
FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint(addresses=[("127.0.0.1", 0), ("127.0.0.2", 0)])
    # One worker: each learns for itself which buckets are there, and counts what fails before that for none.
    lib.Case.proxy = lib.Proxy(["a=%s:%d" % endpoint.addresses[0][:2], "c=%s:%d" % endpoint.addresses[1][:2]],
                               server={"workers": "1"})


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


def traffic(by="client,bucket"):
    """The counters, by the values of the first two of `by`."""
    rows = json.loads(ask(json.dumps({"command": "traffic", "by": by}).encode() + b"\n"))["rows"]
    names = by.split(",")
    return {tuple(row[n] for n in names): row for row in rows}


def without_zeros(row):
    return {k: v for k, v in row.items() if isinstance(v, int) and v}


class Traffic(lib.Case):
    def put_and_get(self, bucket, listener="legacy", **options):
        self.check(self.proxy.request(listener, "PUT", "/%s/o" % bucket, b"x" * 1000, **options), 200)
        self.check(self.proxy.request(listener, "GET", "/%s/o" % bucket, **options), 200)

    def test_what_is_counted_by_client_and_bucket(self):
        for _ in range(3):
            self.put_and_get("red")
        self.put_and_get("blue", "plain")
        self.check(self.proxy.request("plain", "GET", "/red/o", key=lib.READER), 200)
        self.check(self.proxy.request("plain", "PUT", "/red/o", b"x", key=lib.READER), 403)  # it never gets to S3
        self.check(self.proxy.request("legacy", "DELETE", "/red/o"), 204)
        self.check(self.proxy.request("legacy", "GET", "/red/fault/error/503/SlowDown"), 503)

        def counted():
            now = traffic()
            return {key: without_zeros(now.get(key, {})) for key in (("alice", "red"), ("alice", "blue"), ("reader", "red"))}
        wanted = {("alice", "blue"): dict(bytes_in=1000, bytes_out=1000, put=1, get=1), ("reader", "red"): dict(bytes_out=1000, get=1)}
        lib.wait_until(lambda: counted()[("alice", "red")].get("free", 0) >= 2, 30, "all requests")
        now = counted()
        document = now[("alice", "red")].pop("bytes_out") - 3000
        self.assertTrue(0 < document < 20000, "the documents of errors count, too")
        self.assertEqual(now[("alice", "red")], dict(bytes_in=3000, put=3, get=3, free=now[("alice", "red")]["free"]))
        self.assertEqual({k: now[k] for k in wanted}, wanted)
        zones = traffic("address,zone")
        self.assertEqual({zone for _, zone in zones}, {"a", "c"})
        self.assertEqual(sum(row["bytes_in"] for row in zones.values()), sum(row["bytes_in"] for row in traffic().values()))

    def test_bucket_that_is_not_there_gets_no_row(self):
        before = traffic("client").get(("alice",), {"get": 0})["get"]
        for i in range(5):
            self.check(self.proxy.request("legacy", "GET", "/nowhere-%d/fault/error/404/NoSuchBucket" % i), 404)
        lib.wait_until(lambda: traffic("client")[("alice",)]["get"] >= before + 5, 30, "the requests")
        self.assertFalse([b for _, b in traffic() if b.startswith("nowhere")])
        self.assertGreaterEqual(traffic()[("alice", "")]["get"], 5)

    def test_transfer_is_seen_before_it_ends(self):
        with self.proxy.connect("legacy") as connection:
            connection.send(b"PUT /long/big/%d HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n"
                            % (8 * MIB, self.proxy.host("legacy").encode(), 8 * MIB))
            blocks = [bytes(big_block(i)) for i in range(8)]
            for block in blocks[:4]:
                connection.send(block)
            lib.wait_until(lambda: traffic().get(("alice", "long"), {"bytes_in": 0})["bytes_in"] >= 2 * MIB, 30, "half of it")
            for block in blocks[4:]:
                connection.send(block)
            self.check(connection.read_answer(), 200)
        lib.wait_until(lambda: without_zeros(traffic()[("alice", "long")]) == dict(bytes_in=8 * MIB, put=1), 30, "all of it")

    def test_content_waits_for_its_bucket(self):
        """What comes before S3 has shown that the bucket is there counts for it all the same."""
        nowhere = traffic().get(("alice", ""), {"bytes_in": 0})["bytes_in"]
        with self.proxy.connect("legacy") as early, self.proxy.connect("legacy") as witness:
            for connection, path, size in ((early, b"early/o", 2000), (witness, b"seen/big/%d" % (8 * MIB), 8 * MIB)):
                connection.send(b"PUT /%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n"
                                % (path, self.proxy.host("legacy").encode(), size))
            early.send(b"x" * 1000)
            for half in (range(4), range(4, 8)):
                for i in half:
                    witness.send(bytes(big_block(i)))
                lib.wait_until(lambda: traffic().get(("alice", "seen"), {"bytes_in": 0})["bytes_in"] >= half[-1] * MIB, 30,
                               "a look at what runs")
            early.send(b"x" * 1000)
            self.check(early.read_answer(), 200)
            self.check(witness.read_answer(), 200)
        lib.wait_until(lambda: without_zeros(traffic().get(("alice", "early"), {})) == dict(bytes_in=2000, put=1), 30, "all of it")
        self.assertEqual(traffic().get(("alice", ""), {"bytes_in": 0})["bytes_in"], nowhere)

    def test_words_that_are_no_columns(self):
        answer = json.loads(ask(b'{"command": "traffic", "by": "client,colour"}\n'))
        self.assertEqual(answer["error"], "`by` is a list of: client, bucket, zone, address")


class Kept(lib.Case):
    """A proxy of each test's own, which writes once a second."""

    def setUp(self):
        super().setUp()
        self.mine = None

    def begin(self, name, variables=None, **cost):
        self.state = lib.WORK / (name + "-state")
        self.state.mkdir(exist_ok=True)
        self.mine = lib.Proxy(["a=%s:%d" % endpoint.addresses[0][:2]], name=name, variables=variables,
                              extra=lib.section("cost", prices=lib.ROOT / "conf" / "prices.ini", state=self.state,
                                                save_interval="1s", **cost))
        self.addCleanup(lambda: self.mine.kill())
        return self.mine

    def cost(self, *words, check=True):
        """What `s3onramp cost --json` says."""
        return json.loads(lib.run(lib.PROGRAM, "cost", "--json", *words, "-c", self.mine.config, check=check).stdout)

    def of(self, bucket, **options):
        """Bytes and requests of a bucket."""
        rows = {r["bucket"]: r for r in self.cost("--by", "bucket", **options)["shares"]}
        return tuple(rows.get(bucket, {}).get(k, 0) for k in ("bytes_in", "put"))

    def put(self, bucket, n=1):
        for _ in range(n):
            self.check(self.mine.request("legacy", "PUT", "/%s/o" % bucket, b"x" * 1000), 200)

    def written(self, bucket):
        """Bytes and requests of a bucket in the file."""
        found = [f for path in self.state.glob("traffic-????-??") for f in
                 (line.split("\t") for line in path.read_text().splitlines()) if f[0] == "row" and f[2] == bucket]
        return (sum(int(f[6]) for f in found), sum(int(f[8]) for f in found))

    def test_restart_and_kill_lose_and_double_nothing_that_was_written(self):
        proxy = self.begin("restarted")
        self.put("red", 3)
        lib.wait_until(lambda: self.of("red") == (3000, 3), 30, "what was counted")
        proxy.stop()
        self.assertEqual(self.written("red"), (3000, 3))
        self.assertEqual(self.of("red"), (3000, 3))  # without a proxy
        proxy.start()
        self.put("red", 2)
        lib.wait_until(lambda: self.written("red") == (5000, 5), 30, "a write")
        proxy.kill()
        self.assertEqual(self.of("red"), (5000, 5))
        for path in self.state.glob("traffic-????-??"):  # as a kill in the middle of a write leaves it
            (self.state / (path.name + ".new")).write_text("s3onramp traf")
        proxy.start()
        self.put("red")
        lib.wait_until(lambda: self.of("red") == (6000, 6), 30, "what was counted before and after")
        proxy.stop()
        self.assertEqual(self.written("red"), (6000, 6))

    def test_upgrade_counts_once(self):
        proxy = self.begin("upgraded")
        self.put("red", 2)
        with proxy.connect("legacy") as connection:  # the old process has it until it ends
            connection.send(b"PUT /long/o HTTP/1.1\r\nHost: %s\r\nContent-Length: 2000\r\n\r\n"
                            % proxy.host("legacy").encode() + b"x" * 1000)
            proxy.wait_in_flight()
            before = proxy.process
            pid = json.loads(lib.run(lib.PROGRAM, "upgrade", "--json", "-c", proxy.config).stdout)["pid"]
            self.put("red", 2)
            connection.send(b"x" * 1000)
            self.check(connection.read_answer(), 200)
        before.wait(60)
        try:
            lib.wait_until(lambda: self.of("red") == (4000, 4) and self.of("long") == (2000, 1), 30, "both processes' counts")
        finally:
            os.kill(pid, signal.SIGTERM)
        lib.wait_until(lambda: not os.path.exists("/proc/%d" % pid) or "Z" in open("/proc/%d/stat" % pid).read().split()[2],
                       30, "the new process's end")
        self.assertEqual(self.written("red"), (4000, 4))

    def test_folder_that_cannot_be_written_is_told_and_nothing_is_lost(self):
        proxy = self.begin("full")
        self.put("red")
        lib.wait_until(lambda: self.written("red") == (1000, 1), 30, "the first write")
        away = self.state.with_name("away")
        self.state.rename(away)
        self.put("red")
        lib.wait_until(lambda: "not written" in proxy.stderr.read_text(), 30, "the log's word")
        lib.wait_until(lambda: str(self.state) in self.cost()["trouble"], 30, "the trouble")
        self.assertIn("traffic for costs is not written: ", lib.run(lib.PROGRAM, "status", "-c", proxy.config).stdout)
        away.rename(self.state)
        lib.wait_until(lambda: self.written("red") == (2000, 2), 30, "what waited")
        lib.wait_until(lambda: self.cost()["trouble"] == "", 30, "the end of it")
        self.assertIn("is written again", proxy.stderr.read_text())
        proxy.stop()

    def test_broken_file_is_put_aside(self):
        proxy = self.begin("broken")
        self.put("red")
        lib.wait_until(lambda: self.written("red") == (1000, 1), 30, "the first write")
        proxy.stop()
        path, = self.state.glob("traffic-????-??")
        path.write_bytes(path.read_bytes()[:-7])
        answer = lib.run(lib.PROGRAM, "cost", "-c", proxy.config, check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("%s:" % path, answer.stderr)
        proxy.start()
        lib.wait_until(lambda: list(self.state.glob("*.broken-*")), 30, "the file put aside")
        self.put("blue")
        lib.wait_until(lambda: self.written("blue") == (1000, 1), 30, "a new file")
        self.assertRegex(proxy.stderr.read_text(), re.escape(str(path)) + r":\d+: .*it is .*broken-\d+ now")
        proxy.stop()

    def test_words_figures_and_warning(self):
        proxy = self.begin("figures", zone_bandwidth="80KB")
        self.put("red", 100)
        answer = self.cost("--by", "zone")
        items = {i["item"]: i for i in answer["regions"][0]["items"]}
        self.assertEqual((items["data through endpoints"]["quantity"], items["PUT, COPY, POST, LIST requests"]["quantity"]), (100000, 100))
        self.assertEqual(items["PUT, COPY, POST, LIST requests"]["cost"], "0.000470000")  # 100 / 1000 * 0.0047
        self.assertEqual(items["data through endpoints"]["cost"], "0.000000931")          # 100000 / 2^30 * 0.01
        self.assertEqual(items["endpoint hours"]["cost"], "%.9f" % (0.014 * items["endpoint hours"]["quantity"]))
        self.assertEqual([(z["zone"], z["endpoint"]) for z in answer["shares"]], [("a", "tokyo")])
        text = lib.run(lib.PROGRAM, "cost", "--by", "client", "-c", proxy.config).stdout
        for word in ("alice", "ap-northeast-1", "data through endpoints", "97.66 KB", "prices of 2025-06-01", "whole month about", " USD"):
            self.assertIn(word, text)
        rows = list(csv.DictReader(io.StringIO(lib.run(lib.PROGRAM, "cost", "--csv", "--by", "bucket", "-c", proxy.config).stdout)))
        self.assertEqual([(r["bucket"], r["bytes_in"], r["put"], r["currency"]) for r in rows], [("red", "100000", "100", "USD")])
        old = self.cost("--month", "2020-02")
        self.assertEqual((old["total"], old["over"], old["regions"]), ("0.000000000", True, []))
        for words in (("--month", "2020-13"), ("--by", "colour"), ("--json", "--csv")):
            self.assertEqual(lib.run(lib.PROGRAM, "cost", *words, "-c", proxy.config, check=False).returncode, 2)

        def warned():
            self.put("red", 50)
            return "zone a: " in proxy.stderr.read_text()
        lib.wait_until(warned, 30, "the warning")
        lib.wait_until(lambda: self.cost("--by", "zone")["shares"][0]["peak_bits_per_second"] >= 8 * 64000, 30, "the peak")
        status = lib.run(lib.PROGRAM, "status", "-c", proxy.config).stdout
        self.assertEqual(proxy.status()["capacity"]["zone_bits_per_second"], 8 * 80000)
        self.assertEqual(proxy.status()["capacity"]["state"], str(self.state))
        self.assertNotIn("is not written", status)
        self.mine.stop()

    @unittest.skipIf(lib.SANITIZER, "a sanitizer wants to be the first library that is loaded")
    @unittest.skipUnless(FAKETIME.exists(), "faketime is missing")
    def test_turn_of_a_month_and_clocks_that_jump(self):
        """What came before the turn is of the old month, and nothing is counted twice or lost if the clock goes back."""
        now = datetime.datetime.now(datetime.timezone.utc)
        later = (now.replace(day=1) + datetime.timedelta(days=32)).replace(day=1, hour=0, minute=1)
        clock, seconds = lib.WORK / "clock", int((later - now).total_seconds())

        def jump(s):
            clock.with_suffix(".new").write_text("+%d\n" % s)
            clock.with_suffix(".new").rename(clock)
        jump(0)
        proxy = self.begin("jumps", variables=dict(
            LD_PRELOAD=str(FAKETIME), FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1"))
        month, following = now.strftime("%Y-%m"), later.strftime("%Y-%m")

        def moved(name):
            return sum(share["bytes_in"] for share in self.cost("--month", name, "--by", "zone")["shares"])
        for s, wanted in ((0, (1000, 0)), (seconds, (1000, 1000)), (0, (2000, 1000)), (seconds, (2000, 2000))):
            jump(s)
            self.assertEqual(self.cost()["month"], following if s else month)  # the books have turned, too
            proxy.request("legacy", "PUT", "/red/o", b"x" * 1000, key=None)  # refused by the endpoint for its time; it took the content
            lib.wait_until(lambda: (moved(month), moved(following)) == wanted, 30, "%s" % (wanted,))
        proxy.stop()
        proxy.start()
        self.assertEqual((moved(month), moved(following)), (2000, 2000))
        proxy.stop()

    def test_mistake_in_the_price_list_is_told(self):
        prices = lib.WORK / "prices.ini"
        prices.write_text("[prices]\ncurrency = USD\ndate = 2025-06-01\n[%s]\nzone_hour = much\n" % lib.REGION)
        proxy = self.begin("mistaken")
        proxy.config.write_text(proxy.config.read_text().replace(str(lib.ROOT / "conf" / "prices.ini"), str(prices)))
        proxy.command("reload")
        answer = lib.run(lib.PROGRAM, "cost", "-c", proxy.config, check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("%s:5: much is no price" % prices, answer.stderr)
        proxy.stop()


class Tracks(lib.Case):
    TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    def asked(self, proxy, headers=()):
        """What came to S3, and the access line."""
        answer = proxy.request("plain", "GET", "/red/trace", headers=headers)
        line = proxy.line_of(answer)
        fields = (entry.partition(":") for entry in endpoint.requests[-1]["head"][1:])
        return {name.lower(): value.strip() for name, _, value in fields}, line

    def test_traces_go_on_and_nothing_is_added(self):
        sent, line = self.asked(self.proxy, [("traceparent", self.TRACE), ("User-Agent", "tool/1")])
        self.assertEqual((sent["traceparent"], line["traceparent"], sent["user-agent"]), (self.TRACE, self.TRACE, "tool/1"))
        sent, line = self.asked(self.proxy, [("traceparent", "nonsense")])
        self.assertEqual((sent["traceparent"], line.get("traceparent")), ("nonsense", None))
        sent, line = self.asked(self.proxy)
        self.assertEqual((sent.get("traceparent"), sent.get("user-agent"), line.get("traceparent")), (None, None, None))

    def test_what_is_made_where_that_is_wanted(self):
        proxy = lib.Proxy(["%s:%d" % endpoint.addresses[0][:2]], name="tracks",
                          log={"make_traceparent": "yes", "request_id_upstream": "yes"})
        self.addCleanup(proxy.stop)
        sent, line = self.asked(proxy, [("traceparent", self.TRACE), ("User-Agent", "tool/1")])
        self.assertEqual((sent["traceparent"], line["traceparent"]), (self.TRACE, self.TRACE))
        self.assertEqual((sent["user-agent"], line["user_agent"]), ("tool/1 s3onramp/" + line["req"], "tool/1"))
        seen = set()
        for headers in ((), [("traceparent", "nonsense")], [("traceparent", self.TRACE), ("Traceparent", self.TRACE)]):
            sent, line = self.asked(proxy, headers)
            self.assertRegex(sent["traceparent"], r"^00-[0-9a-f]{32}-[0-9a-f]{16}-00$")
            self.assertEqual((sent["traceparent"], sent["user-agent"]), (line["traceparent"], "s3onramp/" + line["req"]))
            seen.add(sent["traceparent"])
        self.assertEqual(len(seen), 3)


if __name__ == "__main__":
    lib.main()
