# SPDX-License-Identifier: Apache-2.0
"""An endpoint by its name alone: addresses from DNS, zones, changes, failures, and answers that must never be dialled. In a
network namespace of its own, with a DNS server and a packet counter of its own."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import netns  # noqa: E402

ADDRESSES = ("10.77.1.23", "10.77.2.23", "10.77.3.23")
netns.enter(*ADDRESSES)
import lib  # noqa: E402
import dns  # noqa: E402

PUBLIC = "198.51.100.7"
REGIONAL = lib.VPCE_NAME
LATER = 8  # the shortest time between two questions is 5 s


def zonal(letter):
    return "%s-%s%s.s3.%s.vpce.amazonaws.com" % (lib.VPCE, lib.REGION, letter, lib.REGION)


def setUpModule():
    global endpoint, firewall
    netns.command("ip addr add fd00:77::23/128 dev lo nodad")
    netns.command("ip link add road0 type veth peer name road1")
    netns.command("ip link set road1 up")
    netns.command("ip addr add 192.0.2.1/24 dev road0")
    netns.command("ip link set road0 up")
    netns.command("ip route add default dev road0")  # packets to a public address would really leave
    firewall = netns.Firewall()
    firewall.count("198.51.100.0/24")
    endpoint = lib.start_endpoint(addresses=[(a, 443) for a in ADDRESSES])


def tearDownModule():
    assert firewall.counted() == 0, "a public address was dialled"
    endpoint.close()


class Dns(lib.Case):
    def setUp(self):
        self.server = dns.Server()
        self.proxy = None

    def tearDown(self):
        if self.proxy:
            self.proxy.stop()
        self.server.close()

    def start(self, name, **keys):
        self.proxy = lib.Proxy([], name, endpoint=dict(resolver=self.server.address, probe_interval="1s", **keys))

    def dns(self):
        return self.proxy.status()["endpoints"][0]["dns"]

    def until(self, state, seconds=LATER):
        lib.wait_until(lambda: self.dns()["state"] == state, seconds, "DNS state " + state)

    def get(self):
        return self.proxy.request("legacy", "GET", "/bucket/fault/none", key=None)

    def answers(self, status):
        """Until the workers know what the control thread has heard."""
        lib.wait_until(lambda: self.get().status == status, 10, "an answer with %d" % status)

    def test_name_alone_is_enough(self):
        self.server.records = {REGIONAL: ADDRESSES[:2]}
        self.start("alone")
        self.until("good")
        lib.wait_until(lambda: self.get().status == 200, 3, "an answer")
        self.assertEqual(sorted(self.proxy.states()), [a + ":443" for a in ADDRESSES[:2]])
        self.assertEqual(set(self.server.asked), {(REGIONAL, dns.A), (REGIONAL, dns.AAAA)})
        self.assertLessEqual(self.dns()["expires_s"], 5)

    def test_zonal_names_tell_the_zones(self):
        self.server.records = {REGIONAL: ADDRESSES, zonal("a"): ADDRESSES[:1], zonal("c"): ADDRESSES[1:2]}
        self.start("zones", zones="a, %sc" % lib.REGION, prefer_zone="c")
        self.until("good")
        lib.wait_until(lambda: all(s["zone"] for a, s in self.proxy.states().items() if not a.startswith(ADDRESSES[2])), 10, "zones")
        self.assertEqual({a: s["zone"] for a, s in self.proxy.states().items()},
                         dict(zip([a + ":443" for a in ADDRESSES], ("a", "c", ""))))
        for _ in range(10):
            self.check(self.get(), 200)
        self.assertEqual({a: s["answers"] for a, s in self.proxy.states().items()},
                         dict(zip([a + ":443" for a in ADDRESSES], (0, 10, 0))))

    def test_both_families_and_answers_over_tcp(self):
        self.server.records, self.server.truncate = {REGIONAL: [ADDRESSES[0], "fd00:77::23"]}, True
        self.start("families")
        self.until("good")
        self.assertEqual(sorted(self.proxy.states()), [ADDRESSES[0] + ":443", "[fd00:77::23]:443"])

    def test_change_drains_the_old_address(self):
        self.server.records = {REGIONAL: ADDRESSES[:1]}
        self.start("change")
        self.until("good")
        self.answers(200)
        with self.proxy.connect("legacy") as running:
            running.send(b"GET /bucket/fault/pause/7 HTTP/1.1\r\nHost: %s\r\n\r\n" % self.proxy.host("legacy").encode())
            self.assertEqual(running.read_head().status, 200)
            self.server.records = {REGIONAL: ADDRESSES[1:2]}
            lib.wait_until(lambda: list(self.proxy.states()) == [ADDRESSES[1] + ":443"], LATER, "the new address")
            lib.wait_until(lambda: self.proxy.line_of(self.get())["address"] == ADDRESSES[1] + ":443", 10, "requests there")
            self.assertEqual(len(running._exactly(4 << 20)), 4 << 20, "what ran was broken off")

    def test_public_answer_is_never_dialled(self):
        self.server.records = {REGIONAL: [ADDRESSES[0], PUBLIC]}
        self.start("public")
        self.until("dns-public")
        self.answers(503)
        answer = self.check(self.get(), 503, "ServiceUnavailable")
        self.assertIn(b"DNS answers %s with %s, which is not a private address" % (REGIONAL.encode(), PUBLIC.encode()),
                      answer.body)
        self.assertEqual(self.proxy.states(), {})
        self.assertIn("pending -> dns-public", self.proxy.stderr.read_text())
        self.server.records = {REGIONAL: ADDRESSES[:1]}
        self.until("good")
        lib.wait_until(lambda: self.get().status == 200, 3, "an answer")
        self.server.records = {REGIONAL: [PUBLIC]}
        self.until("stale")
        self.assertIn("%s, which is not a private address: refused, the last good answer stands" % PUBLIC, self.dns()["reason"])
        self.assertIn("good -> stale: DNS answers", self.proxy.stderr.read_text())
        for _ in range(5):
            answer = self.check(self.get(), 200)
            self.assertEqual(self.proxy.line_of(answer)["address"], ADDRESSES[0] + ":443")
        self.assertEqual(list(self.proxy.states()), [ADDRESSES[0] + ":443"])
        self.assertEqual(firewall.counted(), 0)
        print("packets to public addresses: 0; ", end="", file=sys.stderr)

    def test_last_good_answer_stands(self):
        self.server.records = {REGIONAL: ADDRESSES[:1]}
        self.start("stale")
        self.until("good")
        for mode in (dns.SERVFAIL, dns.NXDOMAIN):
            self.server.mode = mode
            self.until("stale", 12)
            self.check(self.get(), 200)
        self.server.mode = "answer"
        self.until("good", 12)

    def test_dns_that_comes_later(self):
        self.server.mode = "silent"
        self.start("later")
        answer = self.check(self.get(), 503, "ServiceUnavailable")
        self.assertIn(b"DNS has not answered for", answer.body)
        self.server.mode, self.server.records = "answer", {REGIONAL: []}
        self.until("dns-empty", 15)
        self.answers(503)
        answer = self.check(self.get(), 503, "ServiceUnavailable")
        self.assertIn(b"rebind-domain-ok=/vpce.amazonaws.com/", answer.body)
        self.assertIn("private-domain", self.dns()["reason"])
        self.server.records = {REGIONAL: ADDRESSES[:1]}
        self.until("good")
        lib.wait_until(lambda: self.get().status == 200, 3, "an answer")

    def test_check_needs_no_dns(self):
        self.server.mode = "silent"
        self.start("check")
        lib.wait_until(lambda: len(self.server.asked) == 2, 2, "the proxy's questions")
        self.proxy.command("check")
        self.assertEqual(len(self.server.asked), 2)


if __name__ == "__main__":
    lib.main()
