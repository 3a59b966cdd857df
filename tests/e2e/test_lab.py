# SPDX-License-Identifier: Apache-2.0
"""conf/lab/lab: the same table on every run; each cell notices when the network is not built as AWS builds it; nothing is left
behind. The network is broken in one place at a time, from outside, as a mistake would. Once, in the ordinary build, is enough."""
import contextlib
import html.parser
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import lib

sys.path.insert(0, str(lib.ROOT / "conf" / "lab"))
PREFIX = "lab-%d-" % os.getpid()
BUILD = lib.WORK / "b"  # short: sockets have paths, too
RUN = BUILD / "run"
os.environ.update(LAB_PREFIX=PREFIX, BUILD_DIR=str(BUILD), PYTHONDONTWRITEBYTECODE="1")
import network  # noqa: E402

TOP = network.Topology()
S3_PREFIX_LIST = "203.0.113.0/24"


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
    made = lab("up", S3ONRAMP=lib.PROGRAM)
    assert made.returncode == 0, made.stdout


def tearDownModule():
    lab("down")


BASTION = RUN / "home" / "bastion" / "s3onramp.ini"


class Table(lib.unittest.TestCase):
    def demo(self, *cells, code=0):
        """Measures these cells."""
        done = lab("demo", "--only", ",".join(cells))
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def notices(self, cell, *words):
        """The cell is marked, and a sentence that holds these words says why."""
        text = self.demo(cell, code=1)
        before, _, sentences = text.partition("NOT AS ON AWS")
        self.assertIn("!! ", before)
        for word in words:
            self.assertIn(word, sentences)

    def doctor(self, **failed):
        """What fails at the bastion: step → cause."""
        done = lab("shell", "bastion", lib.PROGRAM, "doctor", "-c", BASTION, "--bucket", "lab-tokyo", "--json")
        report = json.loads(done.stdout)
        steps = report["endpoints"][0]["steps"]
        found = {step["step"]: step["cause"] for step in steps if step["verdict"] == "fail"}
        self.assertEqual((found, done.returncode), (failed, 1 if failed else 0), done.stdout)
        for step in steps:
            self.assertTrue(step["fix"] or step["verdict"] != "fail", step)

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
        self.doctor()

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
            self.notices("gateway.instance", "from instance: it does not work", "got as far as vpc and no further")
        finally:
            route("vpc", "add", "private", S3_PREFIX_LIST, *gateway)

    def test_2_a_way_from_the_vpn_to_the_gateway_endpoint(self):
        gateway = ("via", "169.254.30.2", "dev", "gateway")
        route("vpc", "add", "edge", S3_PREFIX_LIST, *gateway)
        try:
            self.notices("gateway.premises", "from legacy: S3 is reached", "legacy -> router -> vpc -> s3")
        finally:
            route("vpc", "del", "edge", S3_PREFIX_LIST, *gateway)

    def test_2_dns_with_a_public_address_for_the_endpoint(self):
        with edited(RUN / "dns" / "inbound", "%s.s3.%s.vpce.amazonaws.com 10.0.1.23 10.0.2.23" % (lib.VPCE, lib.REGION),
                    "%s.s3.%s.vpce.amazonaws.com 203.0.113.10" % (lib.VPCE, lib.REGION)):
            self.notices("interface.dns", "from workstation, it is 203.0.113.10, which is public")
            self.notices("interface.premises", "from workstation: it does not work", "got as far as router")
            self.doctor(private="public")

    def test_2_dns_on_premises_without_the_endpoint(self):
        with edited(RUN / "dns" / "inbound", lib.VPCE, "another"):
            self.notices("interface.premises", "from workstation: it does not work")
            self.doctor(dns="no-such-name")

    def test_2_dns_without_the_endpoint(self):
        with edited(RUN / "dns" / "osaka", "*." + lib.VPCE, "*.another"):
            self.notices("interface.region", "osaka-instance finds no address")

    def test_2_a_tunnel_that_swallows_large_packets(self):
        """No clamp: segments are too large for the VPN, and no router says so."""
        clamp = {host: inside(host, "nft", "list", "chain", "inet", "lab", "clamp").stdout for host in ("router", "vpc")}
        for host in clamp:
            inside(host, "nft", "flush chain inet lab clamp")
        try:
            self.notices("interface.premises", "S3 answered, but its answer did not arrive", "too large for the tunnel of vpc")
            self.doctor(mtu="black-hole")
        finally:
            for host, rules in clamp.items():
                inside(host, "nft", "-f", "-", input=rules)

    def test_2_a_wrong_secret(self):
        with edited(RUN / "home/instance/.aws/credentials", "kept/by", "lost/by"):
            self.notices("interface.instance", "SignatureDoesNotMatch", "secret key is not the right one")

    def test_2_wrong_keys_of_the_proxy(self):
        with edited(BASTION, "secret_access_key = kept/by", "secret_access_key = lost/by"):
            self.doctor(request="signature")
        with edited(BASTION, "access_key_id = AKIA", "access_key_id = AKIB"):
            self.doctor(request="unknown-key")

    def test_2_a_key_that_the_proxy_does_not_know(self):
        with edited(RUN / "home/workstation/.aws/credentials", "aws_access_key_id = S3", "aws_access_key_id = X3"):
            self.notices("s3onramp.premises", "from workstation", "InvalidAccessKeyId", "nobody there knows this access key")

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
            self.notices("interface.instance", "RequestTimeTooSkewed", "the clock of instance is wrong")
        finally:
            clock.unlink()

    def test_2_a_bucket_policy_that_denies(self):
        policy = ('{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],'
                  '"Resource":["arn:aws:s3:::lab-tokyo","arn:aws:s3:::lab-tokyo/*"]}]}')
        where = ("--region", lib.REGION, "s3api")
        done = lab("shell", "instance", "aws", *where, "put-bucket-policy", "--bucket", "lab-tokyo", "--policy", policy)
        self.assertEqual(done.returncode, 0, done.stdout)
        try:
            self.notices("interface.instance", "AccessDenied", "a policy")
            self.doctor(request="access-denied")
        finally:
            done = lab("shell", "instance", "aws", *where, "delete-bucket-policy", "--bucket", "lab-tokyo")
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_3_whole_again(self):
        self.demo("interface.premises", "s3onramp.premises")

    def test_4_a_certificate_for_another_name(self):
        pid_file = RUN / "s3/ceph/run/client.rgw.pid"
        before = pid_file.read_text()
        for kind in ("pem", "key"):
            (RUN / "s3" / ("served." + kind)).write_bytes((RUN / "s3" / ("other." + kind)).read_bytes())
        os.kill(int(before), signal.SIGKILL)  # its guard starts another
        lib.wait_until(lambda: pid_file.read_text() not in ("", before), 60, "another radosgw")
        lib.wait_until(lambda: inside("s3", "bash", "-c", "exec 3<> /dev/tcp/10.0.1.23/443", check=False).returncode == 0, 60, "port 443")
        self.notices("interface.instance", "certificate", "bucket." + lib.VPCE_NAME, "doesn't match 's3.eu-west-3.amazonaws.com'")
        self.doctor(tls="certificate-name")

    def test_5_usage(self):
        self.assertIn("which host?", lab("shell").stdout)
        self.assertIn("there is no host 'moon'", lab("shell", "moon").stdout)
        self.assertEqual(lab("demo", "--only", "moon.name").returncode, 1)
        self.assertEqual(lab("sideways").returncode, 2)

    def test_6_down_leaves_nothing(self):
        self.assertEqual(lab("down").returncode, 0)
        self.assertEqual(leftovers(), [])
        self.assertEqual(lab("down").returncode, 0)
        self.assertIn("the lab is not up", lab("demo").stdout)

    def test_7_a_failed_up_leaves_nothing(self):
        fake = lib.WORK / "fake"
        fake.mkdir()
        (fake / "openssl").write_text("#!/bin/sh\necho no openssl today >&2\nexit 1\n")
        (fake / "openssl").chmod(0o755)
        done = lab("up", S3ONRAMP=lib.PROGRAM, PATH="%s:%s" % (fake, os.environ["PATH"]))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("everything is removed again", done.stdout)
        self.assertEqual(leftovers(), [])


if __name__ == "__main__":
    lib.main()
