# SPDX-License-Identifier: Apache-2.0
"""/api/overview: what the page shows, in one answer."""
import http.client
import json
import threading

import lib
import s3raw

PROBES = {"probe": "tcp", "probe_interval": "1s", "fall": "1"}


class Lab:
    """A proxy of its own with a page."""

    def __init__(self, name, upstream, admin=None, **options):
        self.name, self.port = name, lib.free_port()
        self.proxy = lib.Proxy(upstream, name="page-" + name, admin={"listen": "127.0.0.1:%d" % self.port, **(admin or {})}, **options)
        self.url = "http://127.0.0.1:%d/" % self.port

    def get(self, path, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def overview(self):
        return json.loads(self.get("/api/overview")[2])

    def wait(self, who, words):
        """Until the verdict is that."""
        def right():
            v = self.overview()["verdict"]
            return v["who"] == who and words in v["sentence"]
        try:
            lib.wait_until(right, 60, "the verdict")
        except AssertionError as e:
            raise AssertionError("%s: %r" % (self.name, self.overview()["verdict"])) from e


def setUpModule():
    global endpoint, closed
    endpoint = lib.start_endpoint(addresses=[("127.0.0.1", 0), ("127.0.0.2", 0)])
    closed = ["127.0.0.%d:%d" % (n, lib.free_port()) for n in (3, 4)]


def tearDownModule():
    endpoint.close()


def address(i=0):
    return "%s:%d" % endpoint.addresses[i][:2]


class Overview(lib.Case):
    """/api/overview, without a browser."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("api", ["a=" + address(), "c=" + address(1)])
        cls.proxy = cls.lab.proxy

    @classmethod
    def tearDownClass(cls):
        cls.proxy.stop()

    def test_counts_are_those_of_status(self):
        for i in range(4):
            self.check(self.proxy.request("plain", "PUT", "/bucket/o%d" % i, b"x" * 5000), 200)
            self.check(self.proxy.request("plain", "GET", "/bucket/o%d" % i), 200)
        self.check(self.proxy.request("plain", "PUT", "/bucket/o1", b"y", key=lib.READER), 403)

        def counted():
            told = {c["name"]: c for c in self.lab.overview()["clients"]["list"]}
            return told.get("alice", {}).get("requests", 0) >= 8 and told.get("reader", {}).get("refused") == 1
        lib.wait_until(counted, 60, "what clients moved")
        o = self.lab.overview()
        clients = {c["name"]: c for c in json.loads(self.lab.get("/api/status?clients=yes")[2])["clients"]}
        for told in o["clients"]["list"]:
            self.assertEqual(told, {name: clients[told["name"]][name] for name in told})
        self.assertEqual([c["name"] for c in o["clients"]["list"]], ["alice", "reader"])
        self.assertEqual(o["clients"]["all"], 2)
        hour = o["hour"]
        self.assertEqual({name: len(v) for name, v in hour.items() if isinstance(v, list)}, dict.fromkeys(
            ["requests", "bytes_in", "bytes_out", "failed_us", "failed_network", "failed_aws", "failed_client", "first_byte_p50_ms",
             "first_byte_p95_ms"], 360))
        self.assertEqual(sum(hour["requests"]), sum(sum(sum(of.values()) for of in li["requests"].values())
                                                    for li in json.loads(self.lab.get("/api/status")[2])["listeners"]))
        self.assertEqual((sum(hour["bytes_in"]), sum(hour["bytes_out"])), (20001, 20000))
        self.assertEqual((sum(hour["failed_client"]), sum(hour["failed_us"] + hour["failed_network"] + hour["failed_aws"])), (1, 0))

        def bucket():
            return [b for b in self.lab.overview()["buckets"]["list"] if b["name"] == "bucket" and b["bytes_in"] == 20000]
        lib.wait_until(bucket, 60, "what buckets moved")
        self.assertEqual(bucket()[0]["bytes_out"], 20000)

    def test_transfers_under_way(self):
        """How far they are, whose they are; and that they are in the hour before they end."""
        before = sum(self.lab.overview()["hour"]["bytes_out"])
        with self.proxy.connect("plain") as connection:
            target = "/bucket/fault/pause/600"
            connection.send(s3raw.head("GET", target, s3raw.sign("GET", target, [("Host", self.proxy.host("plain"))], lib.ALICE)))
            def half():
                o = self.lab.overview()
                return [t for t in o["transfers"]["list"] if t["bytes_out"] > 0 and sum(o["hour"]["bytes_out"]) - before >= t["bytes_out"]]
            lib.wait_until(half, 60, "a transfer under way")
            t = half()[0]
            self.assertEqual((t["client"], t["operation"], t["bucket"], t["key"], t["bytes_out_all"], t["tunnel"], t["address"][:6]),
                             ("alice", "GetObject", "bucket", "fault/pause/600", 4 << 20, False, "127.0."))
            self.assertLess(t["bytes_out"], t["bytes_out_all"])
        lib.wait_until(lambda: not self.lab.overview()["transfers"]["list"], 60, "its end")

    def test_asked_by_many_at_once(self):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.lab.overview()["version"])) for _ in range(20)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(answers), 20)

    def test_what_expires(self):
        names = {(e["what"], e["name"]) for e in self.lab.overview()["expires"]}
        self.assertIn(("authority of the proxy's certificates", "ca"), names)


if __name__ == "__main__":
    lib.main()
