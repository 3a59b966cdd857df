# SPDX-License-Identifier: Apache-2.0
"""conf/lab/lab: the same table on every run; each cell notices when the network is not built as AWS builds it; nothing is left
behind. The network is broken in one place at a time, from outside, as a mistake would. Once, in the ordinary build, is enough."""
import contextlib
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys

import lib

sys.path.insert(0, str(lib.ROOT / "conf" / "lab"))
PREFIX = "lab-%d-" % os.getpid()
BUILD = lib.WORK / "b"  # short: sockets have paths, too
RUN = BUILD / "run"
os.environ.update(LAB_PREFIX=PREFIX, BUILD_DIR=str(BUILD), PYTHONDONTWRITEBYTECODE="1")
import endpoint_policy  # noqa: E402
import network  # noqa: E402

TOP = network.Topology()
S3_PREFIX_LIST = "203.0.113.0/24"
ENIS = "10.0.1.23", "10.0.2.23"
NO_ADDRESS = "s3onramp.premises", "ServiceUnavailable", "no address of the endpoint that works"


def lab(*words, **more):
    return subprocess.run([str(lib.ROOT / "conf/lab/lab"), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=600, env=dict(os.environ, **more))


def inside(host, *command, **options):
    return lib.run("nsenter", "--net=/run/netns/" + PREFIX + host, *command, **options)


def route(host, verb, table, *words):
    lib.run("ip", "-n", PREFIX + host, "route", verb, *words, "table", TOP.numbers[table])


def leftovers():
    found = [name for name in os.listdir("/run/netns") if name.startswith(PREFIX)] if os.path.isdir("/run/netns") else []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes()
            if (str(RUN).encode() in words or PREFIX.encode() in words) and entry.parent.name != str(os.getpid()):
                found.append(words.replace(b"\0", b" ").decode())
    return found + ([str(RUN)] if RUN.exists() else [])


@contextlib.contextmanager
def routed(host, *routes):
    for words in routes:
        lib.run("ip", "-n", PREFIX + host, "route", "add", *words)
    try:
        yield
    finally:
        for words in routes:
            lib.run("ip", "-n", PREFIX + host, "route", "del", *words)


@contextlib.contextmanager
def ruled(host, chain, *rules):
    """The host's chain of the lab's firewall has only these rules."""
    before = inside(host, "nft", "list", "chain", "inet", "lab", chain).stdout
    inside(host, "nft", "flush chain inet lab " + chain)
    for rule in rules:
        inside(host, "nft", "add rule inet lab %s %s" % (chain, rule))
    try:
        yield
    finally:
        inside(host, "nft", "flush chain inet lab " + chain)
        inside(host, "nft", "-f", "-", input=before)


@contextlib.contextmanager
def edited(path, old, new):
    before = path.read_text()
    assert old in before, "%s is not in %s" % (old, path)
    path.write_text(before.replace(old, new))
    try:
        yield
    finally:
        path.write_text(before)


def sweep():
    """Labs of runs that were killed."""
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
        found = re.match(r"(lab-(\d+)-)", name)
        if found and not os.path.exists("/proc/" + found.group(2)):
            lab("down", LAB_PREFIX=found.group(1))


def setUpModule():
    if lib.SANITIZER:
        sys.exit(77)
    if not os.path.exists("/dev/net/tun"):
        print("no /dev/net/tun here: the lab's VPN cannot be made")
        sys.exit(77)
    sweep()
    lib.atexit.register(lab, "down")  # also when it is interrupted, and before its folder goes
    made = lab("up", S3ONRAMP=lib.PROGRAM)
    assert made.returncode == 0, made.stdout


BASTION = RUN / "home" / "bastion" / "s3onramp.ini"


class Table(lib.unittest.TestCase):
    def demo(self, *cells, code=0):
        """Measures these cells."""
        done = lab("demo", "--only", ",".join(cells))
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def notices(self, *cells, good=()):
        """The cells are marked, and sentences that hold these words say why: ("interface.premises", words…)… Others are good."""
        text = self.demo(*(cell for cell, *_ in cells), *good, code=1)
        before, _, sentences = text.partition("NOT AS ON AWS")
        sentences = sentences.splitlines()[1:]
        self.assertEqual((before.count("!! "), len(sentences)), (len(cells), len(cells)), text)
        for _, *words in cells:
            self.assertTrue(any(all(word in sentence for word in words) for sentence in sentences), (words, text))

    def doctor(self, *before, **failed):
        """What fails at the bastion: step → cause."""
        done = lab("shell", "bastion", *before, lib.PROGRAM, "doctor", "-c", BASTION, "--bucket", "lab-tokyo", "--json")
        report = json.loads(done.stdout)
        steps = report["endpoints"][0]["steps"]
        found = {step["step"]: step["cause"] for step in steps if step["verdict"] == "fail"}
        self.assertEqual((found, done.returncode), (failed, 1 if failed else 0), done.stdout)
        for step in steps:
            self.assertTrue(step["fix"] or step["verdict"] != "fail", step)
        return {step["step"]: " ".join(step["evidence"]) for step in steps}

    def test_1_the_same_table_twice_and_a_page(self):
        first = lab("demo")
        self.assertEqual(first.returncode, 0, first.stdout)
        page = lib.WORK / "page.html"
        second = lab("demo", "--html", page)
        self.assertEqual(second.stdout, first.stdout.replace("\nAll cells", "\nThe same, with a drawn network: %s\n\nAll cells" % page))
        for text in ("public: 203.0.113.10", "private: 10.0.1.23, 10.0.2.23", "no, packets end at the site", "$0.02806",
                     "with a route into the"):
            self.assertIn(text, first.stdout)
        self.check_page(page.read_text())
        self.check_drawing(page)
        numbers = [int(n) for n in re.findall(r"^  \[(\d+)\]", first.stdout, re.M)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertEqual({path.name for path in (RUN / "notes").iterdir()} - set(map(str, numbers)), {str(n + len(numbers)) for n in (1, 2)})
        self.doctor()

    def check_drawing(self, page):
        """As Chromium lays it out: nothing written lies on something else or outside; the ways of what goes through the proxy pass
        its box; each arrow has a head for each link."""
        if not os.environ.get("S3ONRAMP_NODE_MODULES"):
            return
        seen = json.loads(lib.run("node", lib.ROOT / "tests/e2e/clients/see_drawing.js", page, timeout=120).stdout)
        self.assertEqual((seen["overlaps"], seen["outside"]), ([], []))
        self.assertEqual(len(seen["ways"]), 10)
        self.assertEqual([way["number"] for way in seen["ways"]], [str(n) for n in range(1, 11)])
        self.assertEqual([way["number"] for way in seen["ways"] if TOP.hosts["bastion"]["text"] in way["through"]], ["9", "10"])
        for way in seen["ways"]:
            self.assertEqual((way["heads"], way["marks"]), (way["links"], 2), way)
        self.assertIn("From your own site only the interface endpoint works", seen["sentence"])

    def test_2_the_three_lines_of_each_greeting_work(self):
        for host in "workstation", "legacy", "bastion", "instance", "osaka-instance", "router":
            title, *lines = [line.strip() for line in lab("shell", host).stdout.splitlines() if line.startswith("    ")]
            self.assertEqual((title, len(lines)), ("This is %s. Try:" % host, 3), lines)
            done = lab("shell", host, "bash", "-euc", "\n".join(lines), S3ONRAMP=lib.PROGRAM)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn({"router": "vpn", "bastion": "GetObject"}.get(host, "measure.bin"), done.stdout, lines)

    def check_page(self, text):
        outside, drawn = [], []

        class Reader(html.parser.HTMLParser):
            def handle_starttag(self, tag, attributes):
                attributes = dict(attributes)
                outside.extend(v for k, v in attributes.items() if k in ("src", "href", "xlink:href") and not v.startswith("#"))
                if tag in ("script", "link", "img", "iframe"):
                    outside.append(tag)
                if attributes.get("class") == "way":
                    drawn.append(attributes["d"])
        Reader().feed(text)
        self.assertEqual(outside, [])
        self.assertNotIn("url(", text)
        self.assertEqual(len(drawn), 10)  # one path for each download
        self.assertIn(network.Topology().hosts["bastion"]["text"], text)

    def test_2_without_the_prefix_list_the_instance_has_no_gateway_endpoint(self):
        gateway = ("via", "169.254.30.2", "dev", "gateway")
        route("vpc", "del", "private", S3_PREFIX_LIST, *gateway)
        try:
            self.notices(("gateway.instance", "from instance: it does not work", "got as far as vpc and no further"))
        finally:
            route("vpc", "add", "private", S3_PREFIX_LIST, *gateway)

    def test_2_a_way_from_the_vpn_to_the_gateway_endpoint(self):
        gateway = ("via", "169.254.30.2", "dev", "gateway")
        route("vpc", "add", "edge", S3_PREFIX_LIST, *gateway)
        try:
            self.notices(("gateway.premises", "from legacy: S3 is reached", "legacy -> router -> vpc -> s3"))
        finally:
            route("vpc", "del", "edge", S3_PREFIX_LIST, *gateway)

    def test_2_a_site_router_that_does_not_know_the_endpoint(self):
        """Dropped in silence, as by a firewall or a VPN without the VPC's networks."""
        routes = [("blackhole", address) for address in ENIS]
        with routed("router", *routes):
            self.notices(("interface.premises", "from workstation: it does not work", "got as far as router and no further"), NO_ADDRESS)
            self.assertIn("no router on the way says anything", self.doctor(tcp="timeout")["tcp"])

    def test_2_a_site_router_that_says_so(self):
        """By a rule, because for a route the kernel says so a few times in a row only."""
        with ruled("router", "clamp", "ip daddr { %s } reject with icmp host-unreachable" % ", ".join(ENIS)):
            inside("router", "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")
            self.assertIn("it is 10.10.0.1 that says so", self.doctor(tcp="unreachable")["tcp"])

    def test_2_a_vpc_that_does_not_let_the_site_to_the_endpoint(self):
        with routed("vpc", *(("blackhole", address, "table", TOP.numbers["edge"]) for address in ENIS)):
            self.notices(("interface.premises", "from workstation: it does not work", "got as far as vpc and no further"))
            self.assertIn("packets to it pass 10.10.0.1;", self.doctor(tcp="timeout")["tcp"])

    def test_2_a_security_group_that_does_not_admit_the_site(self):
        with ruled("s3", "group", "ip saddr 10.10.0.0/24 drop"):
            self.notices(("interface.premises", "from workstation: it does not work", "reached S3, and no answer left it: a firewall"))
            self.assertIn("packets to it pass 10.10.0.1, 169.254.10.2;", self.doctor(tcp="timeout")["tcp"])

    def test_2_a_bastion_without_a_route_to_the_endpoint(self):
        with routed("bastion", *(("unreachable", address) for address in ENIS)):
            self.notices(NO_ADDRESS)
            self.doctor(route="no-route")

    def test_2_dns_with_a_public_address_for_the_endpoint(self):
        with edited(RUN / "dns" / "inbound", "%s.s3.%s.vpce.amazonaws.com 10.0.1.23 10.0.2.23" % (lib.VPCE, lib.REGION),
                    "%s.s3.%s.vpce.amazonaws.com 203.0.113.10" % (lib.VPCE, lib.REGION)):
            self.notices(("interface.dns", "from workstation, it is 203.0.113.10, which is public"),
                         ("interface.premises", "from workstation: it does not work", "got as far as router"))
            self.doctor(private="public")

    def test_2_dns_on_premises_without_the_endpoint(self):
        with edited(RUN / "dns" / "inbound", lib.VPCE, "another"):
            self.notices(("interface.premises", "from workstation: it does not work"))
            self.doctor(dns="no-such-name")

    def test_2_dns_without_the_endpoint(self):
        with edited(RUN / "dns" / "osaka", "*." + lib.VPCE, "*.another"):
            self.notices(("interface.region", "osaka-instance finds no address"))

    def test_2_a_wrong_secret(self):
        with edited(RUN / "home/instance/.aws/credentials", "kept/by", "lost/by"):
            self.notices(("interface.instance", "SignatureDoesNotMatch", "secret key is not the right one"))

    def test_2_wrong_keys_of_the_proxy(self):
        with edited(BASTION, "secret_access_key = kept/by", "secret_access_key = lost/by"):
            self.doctor(request="signature")
        with edited(BASTION, "access_key_id = AKIA", "access_key_id = AKIB"):
            self.doctor(request="unknown-key")

    def test_2_a_key_that_the_proxy_does_not_know(self):
        with edited(RUN / "home/workstation/.aws/credentials", "aws_access_key_id = S3", "aws_access_key_id = X3"):
            self.notices(("s3onramp.premises", "from workstation", "InvalidAccessKeyId", "nobody there knows this access key"))

    def test_2_a_clock_an_hour_ahead(self):
        home = RUN / "home/instance"
        where = lab("shell", "instance", "/usr/bin/python3", "-c", "import site; print(site.getusersitepackages())").stdout.strip()
        clock = pathlib.Path(where) / "usercustomize.py"
        assert clock.is_relative_to(home), where
        clock.parent.mkdir(parents=True)
        clock.write_text("import datetime\nreal = datetime.datetime\nclass Ahead(real):\n"
                         "    @classmethod\n    def utcnow(cls):\n        return real.utcnow() + datetime.timedelta(hours=1)\n"
                         "datetime.datetime = Ahead\n")
        try:
            self.notices(("interface.instance", "RequestTimeTooSkewed", "the clock of instance is wrong"))
        finally:
            clock.unlink()
        self.doctor("faketime", "-f", "+1h", clock="skew")

    def test_2_an_endpoint_policy_for_other_buckets(self):
        why = "AccessDenied", "the policy of the endpoint"
        with edited(RUN / "policies/interface.json", '"Resource": "*"', '"Resource": ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"]'):
            self.notices(("interface.instance", "S3 was reached", *why), ("s3onramp.premises", "s3onramp was reached", *why),
                         good=["gateway.instance"])  # another endpoint, another policy
            self.doctor(request="endpoint-policy")
        with edited(RUN / "policies/gateway.json", '"Effect": "Allow"', '"Effect": "Deny"'):
            self.notices(("gateway.instance", *why))

    def test_2_a_bucket_policy_that_denies(self):
        policy = ('{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],'
                  '"Resource":["arn:aws:s3:::lab-tokyo","arn:aws:s3:::lab-tokyo/*"]}]}')
        where = ("--region", lib.REGION, "s3api")
        done = lab("shell", "instance", "aws", *where, "put-bucket-policy", "--bucket", "lab-tokyo", "--policy", policy)
        self.assertEqual(done.returncode, 0, done.stdout)
        try:
            self.notices(("interface.instance", "AccessDenied", "the policy (of the bucket or the user)"))
            self.doctor(request="bucket-policy")
        finally:
            done = lab("shell", "instance", "aws", *where, "delete-bucket-policy", "--bucket", "lab-tokyo")
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_3_whole_again(self):
        self.demo("interface.premises", "s3onramp.premises")

    def test_4_a_tunnel_that_swallows_large_packets(self):
        """No clamp: segments are too large for the VPN, and no router says so. Late, because hosts repeat such segments for
        minutes, also of connections that are over, and those would be counted."""
        with ruled("router", "clamp"), ruled("vpc", "clamp"):
            self.notices(("interface.premises", "S3 answered, but its answer did not arrive", "too large for the tunnel of vpc"))
            self.doctor(mtu="black-hole")

    def test_5_a_certificate_for_another_name(self):
        for kind in ("pem", "key"):
            (RUN / "s3" / ("served." + kind)).write_bytes((RUN / "s3" / ("other." + kind)).read_bytes())
        nginx = "nginx", "-e", RUN / "s3/nginx.log", "-c", RUN / "s3/nginx.conf"
        inside("s3", *nginx, "-s", "stop")
        lib.wait_until(lambda: not (RUN / "s3/nginx.pid").exists(), 60, "the end of nginx")
        inside("s3", *nginx)
        self.notices(("interface.instance", "certificate", "bucket." + lib.VPCE_NAME, "doesn't match 's3.eu-west-3.amazonaws.com'"))
        self.doctor(tls="certificate-name")

    def test_6_usage(self):
        self.assertIn("which host?", lab("shell").stdout)
        self.assertIn("there is no host 'moon'", lab("shell", "moon").stdout)
        self.assertEqual(lab("demo", "--only", "moon.name").returncode, 1)
        self.assertEqual(lab("sideways").returncode, 2)

    def test_7_down_leaves_nothing(self):
        self.assertEqual(lab("down").returncode, 0)
        self.assertEqual(leftovers(), [])
        self.assertEqual(lab("down").returncode, 0)
        self.assertIn("the lab is not up", lab("demo").stdout)

    def test_8_a_failed_up_leaves_nothing(self):
        fake = lib.WORK / "fake"
        fake.mkdir()
        (fake / "openssl").write_text("#!/bin/sh\necho no openssl today >&2\nexit 1\n")
        (fake / "openssl").chmod(0o755)
        done = lab("up", S3ONRAMP=lib.PROGRAM, PATH="%s:%s" % (fake, os.environ["PATH"]))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("everything is removed again", done.stdout)
        self.assertEqual(leftovers(), [])


class Policy(lib.unittest.TestCase):
    def test_actions(self):
        for method, host, target, expected in (
                ("GET", "s3.x", "/", "s3:ListAllMyBuckets *"),
                ("GET", "s3.x", "/b?list-type=2&prefix=", "s3:ListBucket b"),
                ("HEAD", "b.S3.x:443", "/a%20b", "s3:GetObject b/a b"),
                ("PUT", "s3.x", "/b", "s3:CreateBucket b"),
                ("PUT", "s3.x", "/b/k?partNumber=1&uploadId=u", "s3:PutObject b/k"),
                ("POST", "b.s3.x", "/k?uploads", "s3:PutObject b/k"),
                ("DELETE", "b.s3.x", "/k?uploadId=u", "s3:AbortMultipartUpload b/k"),
                ("GET", "b.s3.x", "/?policy", "s3:GetBucketPolicy b"),
                ("PUT", "b.s3.x", "/?lifecycle", "s3:Unknown b"),
                ("GET", "b.s3.x", "/k?acl", "s3:Unknown b/k"),
                ("PATCH", "b.s3.x", "/k", "s3:Unknown b/k")):
            action, resource = endpoint_policy.action_and_resource(method, host, target, ["s3.x"])
            self.assertEqual("%s %s" % (action, resource.replace("arn:aws:s3:::", "")), expected)

    def test_what_cannot_be_used_allows_nothing(self):
        good = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        path = lib.WORK / "policy.json"
        for text, why in ((json.dumps({"Statement": [good]}), None), (json.dumps({"Statement": good}), None),
                          (json.dumps({"Statement": [good, dict(good, Effect="Deny", Action="s3:get*")]}), "explicit deny"),
                          (json.dumps({"Statement": [dict(good, Action="s3:PutObject")]}), "because no VPC endpoint policy allows"),
                          (json.dumps({"Statement": []}), "because no VPC endpoint policy allows"),
                          *((json.dumps({"Statement": [one]}), "cannot be used") for one in (
                              None, 5, "x", {}, dict(good, Effect="deny"), dict(good, Effect="ALLOW"), dict(good, Condition={}),
                              dict(good, Principal={"AWS": "arn:aws:iam::1:root"}), dict(good, Action=[5]), dict(good, Resource=None))),
                          *((text, "cannot be used") for text in ("", "{", "[]", "null", "5", '{"Statement": null}'))):
            path.write_text(text)
            found = endpoint_policy.load(path, "s3:GetObject", "arn:aws:s3:::b/k")
            self.assertTrue(found is None if why is None else why in (found or ""), (text, found))
        path.unlink()
        self.assertIn("cannot be used", endpoint_policy.load(path, "s3:GetObject", "arn:aws:s3:::b/k"))


if __name__ == "__main__":
    lib.main()
