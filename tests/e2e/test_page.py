# SPDX-License-Identifier: Apache-2.0
"""The page at / of the HTTP front, in Chromium: what it shows is what the API says, for people, keyboards and screen readers; and its
first screen says who is to blame in labs that are broken on purpose. Screenshots stay in $S3ONRAMP_SCREENSHOTS, if it is set."""
import http.client
import json
import os
import pathlib
import threading
import unittest

import lib
import s3raw

NODE_MODULES = os.environ.get("S3ONRAMP_NODE_MODULES")
TOKEN = "a-token-of-32-characters-abcdefgh"
EVIL = "<script>document.title='evil'</script><img src=x onerror=document.title='evil'>"
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


def visit(*visits):
    """What Chromium made of them, by name."""
    shots = os.environ.get("S3ONRAMP_SCREENSHOTS")
    if shots:
        pathlib.Path(shots).mkdir(parents=True, exist_ok=True)
    result = lib.run("node", pathlib.Path(__file__).parent / "clients" / "show_page.js", input=json.dumps({"shots": shots, "visits": list(visits)}),
                     env=lib.clean_environment(S3ONRAMP_NODE_MODULES=NODE_MODULES, HOME=str(lib.WORK)), timeout=300)
    return {seen["name"]: seen for seen in map(json.loads, result.stdout.splitlines())}


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
        self.assertIn(("the local authority", "[ca]"), names)


@unittest.skipUnless(NODE_MODULES, "S3ONRAMP_NODE_MODULES is not set; tests/run sets it")
class Page(lib.Case):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("well", ["a=" + address(), "c=" + address(1)], endpoint=PROBES)
        cls.proxy = cls.lab.proxy

    @classmethod
    def tearDownClass(cls):
        cls.proxy.stop()

    def check_quiet(self, seen):
        """No script but its own, nothing from elsewhere, nothing refused."""
        self.assertEqual((seen["said"], seen["refused"], seen["images"], seen["scripts"]), ([], [], 0, 1), seen["name"])
        self.assertLessEqual(seen["sideways"], 0, seen["name"])
        self.assertNotIn("evil", seen["title"])

    def test_contents(self):
        lab = self.lab
        for i in range(3):
            self.check(lab.proxy.request("plain", "PUT", "/bucket/o%d" % i, b"x" * 5000), 200)
        self.check(lab.proxy.request("plain", "PUT", "/bucket/" + s3raw.quote(EVIL), b"x", key=lib.READER), 403)
        with lab.proxy.connect("plain") as connection:
            target = "/bucket/fault/pause/600"
            connection.send(s3raw.head("GET", target, s3raw.sign("GET", target, [("Host", lab.proxy.host("plain"))], lib.ALICE)))
            lib.wait_until(lambda: lab.overview()["transfers"]["list"], 60, "a transfer")
            seen = visit(dict(name="well", url=lab.url, wait="fault/pause", hide=8000),
                         dict(name="well-dark", url=lab.url, scheme="dark", motion="reduce", wait="data through endpoints"),
                         dict(name="well-phone", url=lab.url, width=390, wait="fault/pause"),
                         dict(name="well-keys", url=lab.url, wait="fault/pause", keys=["Tab"] * 4 + ["ArrowLeft"]))
            o = lab.overview()
            items = {i["item"]: i for r in json.loads(lab.get("/api/cost")[2])["regions"] for i in r["items"] if i["quantity"]}
        for one in seen.values():
            self.check_quiet(one)
            self.assertEqual((one["sentence"], one["who"], one["level"]), (o["verdict"]["sentence"], "client", "warn"))
            self.assertEqual([(row[0], row[3]) for row in one["tables"]["addresses"]], [(address(), "up"), (address(1), "up")])
            self.assertEqual(one["tables"]["clients"][0][0], "alice")
            self.assertTrue(any(EVIL in cell for row in one["tables"]["troubles"] for cell in row))
            self.assertTrue(any("fault/pause" in row[1] and "%" in row[2] for row in one["tables"]["transfers"]), one["tables"])
            self.assertTrue(one["first"], one["name"] + ": the verdict is on the first screen")
            self.assertTrue({url.rpartition("/")[2] for url in one["asked"] if url.startswith("http")} <= {"", "overview", "cost"}, one["asked"])
            self.assertEqual((one["roles"]["main"], one["roles"]["banner"], one["roles"]["status"]), (1, 1, 4))
            self.assertGreaterEqual(one["roles"]["heading"], 11)
            for name in ("Verdict", "The road", "Throughput", "What went wrong", "Under way", "People", "Buckets", "What expires"):
                self.assertTrue(any(r.startswith(name) for r in one["regions"]), (name, one["regions"]))
        self.assertNotEqual(seen["well"]["background"], seen["well-dark"]["background"])
        self.assertEqual(seen["well-dark"]["moving"], 0)
        self.assertEqual([row[0] for row in seen["well-dark"]["tables"]["cost"]], [name + lib.REGION for name in items] + ["all"])
        self.assertGreater(seen["well"]["moving"], 0)
        self.assertEqual(seen["well"]["askedHidden"], 0)
        self.assertTrue(any("up " in text for text in seen["well-keys"]["readout"]), seen["well-keys"]["readout"])
        self.assertIn("default-src 'none'", seen["well"]["headers"]["content-security-policy"])

    def test_token(self):
        """The page itself is no secret; what it shows is."""
        lab = Lab("token", [address()], admin={"token": TOKEN})
        self.addCleanup(lab.proxy.stop)
        self.assertEqual(lab.get("/", {"Accept": "text/html"})[0], 200)
        self.assertEqual(lab.get("/api/overview")[0], 401)
        seen = visit(dict(name="token", url=lab.url, token=TOKEN))["token"]
        self.assertEqual(seen["who"], "nobody")
        self.assertEqual([line for line in seen["said"] if "401" not in line], [])  # Chromium tells of each such answer

    def test_broken_labs(self):
        """First screens that say who it is."""
        keyless = lib.WORK / "keyless"
        keyless.write_text("#!/bin/sh\n[ -e %s ] && { echo 'the vault is sealed' >&2; exit 1; }\n: >%s\ndate -u -d +8sec '+{\"Version\": 1, "
                           "\"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", \"SessionToken\": \"t\", \"Expiration\": \"%%Y-%%m-%%dT%%TZ\"}'\n"
                           % (keyless.with_suffix(".done"), keyless.with_suffix(".done"), *lib.UPSTREAM_KEY))
        keyless.chmod(0o755)
        other = lib.start_endpoint(keys=[("AKIAIOSFODNN7OTHER00", "of-somebody-else")])
        self.addCleanup(other.close)
        labs = [Lab("endpoint-down", ["a=" + closed[0], "c=" + closed[1]], endpoint=PROBES),
                Lab("address-down", ["a=" + address(), "c=" + closed[1]], endpoint=PROBES),
                Lab("wrong-keys", ["%s:%d" % other.addresses[0][:2]]),
                Lab("expired", [address()], endpoint={"credentials": "vault"},
                    extra=lib.section("credentials vault", source="process", command="/bin/sh " + str(keyless))),
                Lab("one-client", [address()]),
                Lab("slow-down", [address()]),
                Lab("full-disk", [address()], log={"access": "/dev/full"})]
        for lab in labs:
            self.addCleanup(lab.proxy.stop)
        down, one, wrong, expired, client, slow, full = labs
        self.send(wrong, 503)
        self.send(expired, None)
        self.send(slow, 503, target="/bucket/fault/error/503/SlowDown")
        self.send(full, 200)
        self.check(client.proxy.request("plain", "DELETE", "/bucket/o", key=lib.READER), 403)
        self.send(client, 200)
        expected = {
            down: ("network", "It is the network: endpoint tokyo cannot be reached, at none of 2 addresses: "),
            one: ("network", "It is the network, and nobody is cut off: %s (zone c) of endpoint tokyo does not serve, 1 of 2 do: " % closed[1]),
            wrong: ("us", "answered 403 InvalidAccessKeyId: the endpoint does not accept [credentials default]"),
            expired: ("us", "It is us: the proxy has no valid keys of [credentials vault]: /bin/sh ended"),
            client: ("client", "It is one client, reader: "),
            slow: ("aws", "It is AWS: S3 answered 503 SlowDown: S3 wants fewer requests"),
            full: ("us", "It is us: the access log cannot be written: No space left on device"),
        }
        for lab, (who, words) in expected.items():
            lab.wait(who, words)
        seen = visit(*(dict(name=lab.name, url=lab.url, fold=True) for lab in labs),
                     *(dict(name=lab.name + "-phone", url=lab.url, width=390, fold=True) for lab in labs))
        for lab, (who, words) in expected.items():
            for name in (lab.name, lab.name + "-phone"):
                one = seen[name]
                self.check_quiet(one)
                self.assertEqual(one["who"], who, name)
                self.assertIn(words, one["sentence"])
                self.assertTrue(one["first"], name + ": all of it on the first screen")
                self.assertNotEqual(one["parties"][who], "ok")

    def send(self, lab, status, target="/bucket/o"):
        """One request of alice's."""
        answer = lab.proxy.request("plain", "PUT", target, b"x") if "fault" not in target else lab.proxy.request("plain", "GET", target)
        if status:
            self.check(answer, status)


if __name__ == "__main__":
    lib.main()
