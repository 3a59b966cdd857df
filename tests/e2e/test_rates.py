# SPDX-License-Identifier: Apache-2.0
"""How much clients, groups, listeners and lines may do: transfers over a rate are paced, requests over a number are told to
slow down, others notice nothing, and a reload changes it for what runs. Nothing here must be fast: what is asserted of
time is only that nobody was faster than the limit lets."""
import json
import threading
import time

import lib
import s3raw
from endpoint import BLOCK, big_block

MB = 1000000
CAROL, DAVE, EVE, FRANK, GRACE = (("AKIA%sEXAMPLE0001" % name, name.lower() * 8) for name in
                                  ("CAROL", "DAVEE", "EVEEE", "FRANK", "GRACE"))
LISTENERS = {
    "narrow": dict(mode="endpoint", anonymous="alice", max_requests=1),
    "way": dict(mode="forward", tunnel="*", upload_rate="1MB", download_rate="1MB"),
}
EXTRA = "".join((
    lib.section("client carol", access_key_id=CAROL[0], secret_access_key=CAROL[1], policy="allow-all", max_requests=2,
                upload_rate="2MB/s", download_rate="16Mbit"),
    lib.section("client dave", access_key_id=DAVE[0], secret_access_key=DAVE[1], policy="allow-all", request_rate=1),
    lib.section("client eve", access_key_id=EVE[0], secret_access_key=EVE[1], policy="allow-all", groups="team"),
    lib.section("client frank", access_key_id=FRANK[0], secret_access_key=FRANK[1], policy="allow-all", groups="team"),
    lib.section("client grace", access_key_id=GRACE[0], secret_access_key=GRACE[1], policy="allow-all", upload_rate="100KB"),
    lib.section("group team", upload_rate="1MB", member_max_requests=1)))


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()


def tearDownModule():
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


def big(n):
    """The body of an object big/N."""
    whole = b"".join(bytes(big_block(i)) for i in range(n // BLOCK + 1))
    return whole[:n]


def at_once(*calls):
    """All at the same time; their results."""
    results = [None] * len(calls)

    def run(i):
        results[i] = calls[i]()
    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


class Rates(lib.Case):
    @classmethod
    def setUpClass(cls):
        cls.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "rates", listeners=LISTENERS, extra=EXTRA,
                              server={"workers": 2})

    @classmethod
    def tearDownClass(cls):
        cls.proxy.stop()

    def put(self, n, key, listener="plain"):
        return self.proxy.request(listener, "PUT", "/bucket/big/%d" % n, big(n), key=key, payload=s3raw.UNSIGNED)

    def get(self, n, key, listener="plain"):
        answer = self.proxy.request(listener, "GET", "/bucket/big/%d" % n, key=key)
        self.assertEqual(len(answer.body), n)
        return answer

    def timed(self, call, *args, **options):
        """(answer, seconds, its access line)"""
        began = time.monotonic()
        answer = self.check(call(*args, **options), 200)
        seconds = time.monotonic() - began
        return answer, seconds, self.proxy.line_of(answer)

    def of(self, what, name):
        """What status tells of it."""
        words = (lib.PROGRAM, "status", "--json", "--clients", "-c", self.proxy.config)
        return next(one for one in json.loads(lib.run(*words, check=False).stdout)[what] if one["name"] == name)

    def held(self, key, n=1, listener="plain"):
        """Requests that are under way for as long as their connections last."""
        connections = []
        for _ in range(n):
            connection = self.proxy.connect(listener)
            self.addCleanup(connection.close)
            headers = [("Host", self.proxy.host(listener)), ("Content-Length", "100000")]
            if key:
                headers = s3raw.sign("PUT", "/bucket/held", headers, key, payload=s3raw.UNSIGNED)
            connection.send(s3raw.head("PUT", "/bucket/held", headers) + b"a" * 50000)
            connections.append(connection)
        lib.wait_until(lambda: sum(a["in_flight"] for a in self.proxy.states().values()) == n, 30, "them at the endpoint")
        return connections

    def refused(self, key, listener="plain"):
        return self.check(self.proxy.request(listener, "GET", "/bucket/big/1", key=key), 503, "SlowDown")

    def wait_served(self, key, listener="plain"):
        lib.wait_until(lambda: self.proxy.request(listener, "GET", "/bucket/big/1", key=key).status == 200, 30, "a place")

    def test_transfers_are_paced(self):
        for call in (self.put, self.get):
            _, seconds, line = self.timed(call, 3 * MB, CAROL)
            self.assertGreater(seconds, (3 * MB - 300000) / (2 * MB))  # less what may be used at once
            self.assertGreater(line["paced_ms"], 100)
            _, _, line = self.timed(call, 3 * MB, lib.ALICE)
            self.assertNotIn("paced_ms", line)
        self.assertGreater(self.of("clients", "carol")["paced_us"], 200000)
        self.assertEqual(self.of("clients", "alice")["paced_us"], 0)

    def test_many_transfers_share_a_rate(self):
        began = time.monotonic()
        for answer in at_once(*[lambda: self.get(500000, CAROL)] * 2, *[lambda: self.get(2 * MB, lib.ALICE)] * 2):
            self.check(answer, 200)
        answers = at_once(lambda: self.put(MB, EVE), lambda: self.put(MB, FRANK))
        self.assertGreater(time.monotonic() - began, (3 * MB - 600000) / (2 * MB))
        for answer in answers:
            self.check(answer, 200)
        self.assertGreater(self.of("groups", "team")["paced_us"], 200000)

    def test_too_many_at_once(self):
        held = self.held(CAROL, 2)
        answer = self.refused(CAROL)
        self.assertEqual(answer.header("retry-after"), "1")
        self.assertIn("lets client carol have at most 2 requests at once", answer.message)
        line = self.proxy.line_of(answer)
        self.assertEqual((line["end"], line["step"], line["client"]), ("limit", "admit", "carol"))
        self.check(self.get(1, lib.ALICE), 200)
        self.assertGreater(self.of("clients", "carol")["limited"]["max_requests"], 0)
        held[0].close()
        self.wait_served(CAROL)

    def test_status_in_words(self):
        self.timed(self.put, 500000, EVE)
        held = self.held(None, listener="narrow")
        self.refused(None, "narrow")
        held[0].close()
        lib.wait_until(lambda: self.of("groups", "team")["paced_us"] > 0, 30, "what is counted")
        out = lib.run(lib.PROGRAM, "status", "--clients", "-c", self.proxy.config, check=False).stdout
        self.assertRegex(out, r"listener narrow: its limits answered SlowDown to \d+, and held")
        self.assertRegex(out, r"group team: its limits answered SlowDown to \d+, and held requests and transfers up for \d")
        self.assertRegex(out, r"CLIENT +REQUESTS +REFUSED +IN +OUT +SLOWDOWN +PACED\n")
        self.wait_served(None, "narrow")

    def test_each_member_of_a_group(self):
        held = self.held(EVE)
        self.assertIn("lets client eve have at most 1 requests at once", self.refused(EVE).message)
        self.check(self.get(1, FRANK), 200)
        held[0].close()
        self.wait_served(EVE)

    def test_all_of_a_listener(self):
        held = self.held(None, listener="narrow")
        self.assertIn("lets listener narrow have at most 1", self.refused(None, "narrow").message)
        self.check(self.get(1, None, "legacy"), 200)
        self.assertGreater(self.of("listeners", "narrow")["limited"]["max_requests"], 0)
        held[0].close()
        self.wait_served(None, "narrow")

    def test_requests_a_second(self):
        began = time.monotonic()
        for _ in range(3):
            self.get(1, DAVE)
        self.assertGreater(time.monotonic() - began, 1)  # one at once, and one in each second
        answers = at_once(*[lambda: self.proxy.request("plain", "GET", "/bucket/big/1", key=DAVE)] * 40)
        refused = [answer for answer in answers if answer.status == 503]
        self.assertGreater(len(refused), 0)
        self.assertIn("lets client dave begin 1 requests a second", self.check(refused[0], 503, "SlowDown").message)
        self.assertEqual(refused[0].header("retry-after"), "1")
        self.assertEqual(self.of("clients", "dave")["limited"]["request_rate"], len(refused))

    def test_tunnels(self):
        began = time.monotonic()
        connection = s3raw.Connection(self.proxy.address("way"), tls=s3raw.tls_context(lib.certificates() / "ca.pem"),
                                      tunnel=lib.S3_NAME + ":443")
        with connection:
            headers = s3raw.sign("GET", "/bucket/big/1500000", [("Host", lib.S3_NAME)], lib.UPSTREAM_KEY)
            connection.send(s3raw.head("GET", "/bucket/big/1500000", headers))
            self.check(connection.read_answer(), 200)
            self.assertGreater(time.monotonic() - began, (1500000 - 300000) / MB)
            body = big(1500000)
            headers = s3raw.sign("PUT", "/bucket/big/1500000", [("Host", lib.S3_NAME), ("Content-Length", "1500000")],
                                 lib.UPSTREAM_KEY, body=body)
            began = time.monotonic()
            connection.send(s3raw.head("PUT", "/bucket/big/1500000", headers) + body)
            self.check(connection.read_answer(), 200)
            self.assertGreater(time.monotonic() - began, (1500000 - 300000) / MB)
        lib.wait_until(lambda: self.of("listeners", "way")["paced_us"] > 500000, 30, "what is counted")

    def test_z_reload_changes_what_runs(self):
        """A transfer that would take minutes is over soon once its limit is lifted."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.put(20 * MB, GRACE)), daemon=True)
        thread.start()
        lib.wait_until(lambda: self.of("clients", "grace")["paced_us"] > 500000, 30, "that it is paced")
        text = self.proxy.config.read_text()
        self.proxy.config.write_text(text.replace("upload_rate = 100KB", "upload_rate = 1GB"))
        told = lib.run(lib.PROGRAM, "reload", "-c", self.proxy.config).stdout
        self.assertIn("[client grace] upload_rate: from 100KB to 1GB", told)
        thread.join(60)
        self.check(answers[0], 200)


class Line(lib.Case):
    @classmethod
    def setUpClass(cls):
        cls.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "line", endpoint={"line": "vpn"},
                              extra=lib.section("line vpn", upload_bandwidth="800KB", download_bandwidth="1MB"),
                              server={"workers": 2, "body_timeout": "2s", "min_rate": 1000000000})

    @classmethod
    def tearDownClass(cls):
        cls.proxy.stop()

    def test_endpoints_of_a_line_carry_no_more(self):
        """And what it holds up is no client's idleness: body_timeout is over long before the upload is."""
        body = big(3 * MB)
        began = time.monotonic()
        answer = self.proxy.request("plain", "PUT", "/bucket/big/3000000", body, payload=s3raw.UNSIGNED)
        self.check(answer, 200)
        self.assertGreater(time.monotonic() - began, (3 * MB - 300000) / 800000)
        self.assertGreater(self.proxy.status()["lines"][0]["paced_us"], 500000)
        self.assertEqual(self.proxy.status()["lines"][0]["name"], "vpn")


if __name__ == "__main__":
    lib.main()
