# SPDX-License-Identifier: Apache-2.0
"""`s3onramp doctor`: one thing after the other is broken, and just the step that it belongs to must say so, with the cause
and the fix; a good road gives exit code 0. In a network namespace of its own."""
import email.utils
import functools
import itertools
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import netns  # noqa: E402

ADDRESSES = ("10.77.1.23", "10.77.2.23")  # the endpoint
CLOSED, WRONG = "10.77.3.23", "10.77.4.23"  # nothing there; endpoints with a wrong certificate
netns.enter(*ADDRESSES, CLOSED, WRONG)
import lib  # noqa: E402
import dns  # noqa: E402
import endpoint as endpoint_module  # noqa: E402

PUBLIC = "198.51.100.7"
TIMEOUT = "4"  # seconds: only what is broken is waited for
RESOLVER = "127.0.0.53"  # of the system, as the doctor sees it; knows no name unless a test tells it some
STEPS = ["name", "service-name", "dns", "private", "route", "tcp", "mss", "tls", "mtu", "clock", "credentials", "request",
         "region"]
ENDPOINT_POLICY = ("User: arn:aws:iam::111122223333:user/x is not authorized to perform: s3:ListAllMyBuckets with an explicit "
                   "deny in a VPC endpoint policy")


def zonal(letter):
    return "%s-%s%s.s3.%s.vpce.amazonaws.com" % (lib.VPCE, lib.REGION, letter, lib.REGION)


class Exchange(endpoint_module.Exchange):
    """Answers as S3 does to what only the doctor asks; what else it does is in class attributes, per test."""

    skew_s, list_denied, stalls, hasty = 0, None, 0, False
    denial, policy, buckets = "Access Denied", (403, "AccessDenied"), ()  # denied*: S3's words, the policy; what is listed

    def answer(self, status, body=b"", headers=(), length=None):
        date = email.utils.formatdate(time.time() + self.skew_s, usegmt=True)
        super().answer(status, body, list(headers) + [("Date", date)], length)

    def check_signature(self):
        value = self.header("authorization") or ""
        if value.startswith("s3onramp-doctor"):
            if self.hasty and self.header("content-length"):
                time.sleep(0.2)  # the request arrives
                self.drop()
                raise endpoint_module.Gone("refused in haste")
            if Exchange.stalls:
                Exchange.stalls -= 1
                self.stream.sock.settimeout(60)
                self.stream.fill()  # until the doctor has had enough
            raise endpoint_module.Refused(400, "InvalidArgument", "Unsupported Authorization Type</Message><ArgumentValue>%s"
                                          "</ArgumentValue><Message>" % value)
        super().check_signature()
        if self.list_denied and not self.bucket:
            raise endpoint_module.Refused(403, "AccessDenied", self.list_denied)
        if self.bucket.startswith(b"denied"):
            self.refuse_bucket()

    def refuse_bucket(self):
        if self.query != "policy":
            raise endpoint_module.Refused(403, "AccessDenied", self.denial)
        if not isinstance(self.policy, bytes):
            raise endpoint_module.Refused(*self.policy, "m")

    def serve(self):
        if self.query == "policy":
            self.answer(200, self.policy, [("Content-Type", "application/json")])
        elif not self.bucket:
            self.answer(200, b"<ListAllMyBucketsResult><Buckets>%s</Buckets></ListAllMyBucketsResult>"
                        % b"".join(b"<Bucket><Name>%s</Name></Bucket>" % name for name in self.buckets))
        else:
            super().serve()


def setUpModule():
    global endpoint, firewall, certificates, system_resolver
    netns.command("ip link set lo mtu 1500")
    netns.command("ip link add road0 type veth peer name road1")
    netns.command("ip link set road1 up")
    netns.command("ip addr add 192.0.2.1/24 dev road0")
    netns.command("ip link set road0 up")
    netns.command("ip route add default dev road0")  # packets to a public address would really leave
    firewall = netns.Firewall()
    firewall.count("198.51.100.0/24")
    certificates = lib.certificates()
    (lib.WORK / "resolv.conf").write_text("nameserver %s\n" % RESOLVER)
    system_resolver = dns.Server(RESOLVER, 53)
    endpoint_module.Exchange = Exchange
    endpoint = lib.start_endpoint(addresses=[(a, 443) for a in ADDRESSES],
                                  regions={"faraway": ("eu-west-1", "301"), "farther": ("eu-west-1", "400")})


def tearDownModule():
    assert firewall.counted() == 0, "a public address was dialled"
    endpoint.close()


def write_config(endpoint_keys, key, extra):
    """A file of its own for each run; the path."""
    write_config.count += 1
    folder = lib.WORK / ("config-%d" % write_config.count)
    folder.mkdir()
    path = folder / "s3onramp.ini"
    path.touch(0o600)
    text = lib.section("endpoint tokyo", name=lib.VPCE_NAME, **endpoint_keys)
    text += lib.section("credentials default", source="static", access_key_id=key[0], secret_access_key=key[1])
    text += lib.section("listener legacy", mode="endpoint", bind="127.0.0.1:9000")
    path.write_text(text + extra)
    return path


write_config.count = 0


def make_itself(name, subject, days):
    """A certificate that is its own authority; its path."""
    lib.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
            "-subj", "/CN=" + subject, "-addext", "subjectAltName=DNS:" + lib.S3_NAME, "-keyout",
            certificates / (name + ".key"), "-out", certificates / (name + ".pem"))
    return certificates / (name + ".pem")


class Report:
    """What a run with --json told."""

    def __init__(self, result):
        self.code, self.text = result.returncode, result.stdout
        self.problems = result.stderr
        document = json.loads(result.stdout)
        self.endpoints = document["endpoints"]
        self.verdict = document["verdict"]
        self.steps = {step["step"]: step for step in self.endpoints[0]["steps"]} if self.endpoints else {}

    def verdicts(self):
        return {name: step["verdict"] for name, step in self.steps.items()}

    def failed(self):
        return {name: step["cause"] for name, step in self.steps.items() if step["verdict"] == "fail"}

    def evidence(self, step):
        return "\n".join(self.steps[step]["evidence"])

    def fix(self, step):
        return "\n".join(self.steps[step]["fix"])


NOT_ROOT = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")


class Case(unittest.TestCase):
    maxDiff = None

    def run_doctor(self, *words, prefix=(), **variables):
        own = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', lib.WORK / "resolv.conf")
        result = lib.run(*own, *prefix, lib.PROGRAM, "doctor", *words, "--timeout", TIMEOUT, check=False,
                         env={**lib.Proxy.environment(), **variables})
        self.assertNotIn("Sanitizer", result.stderr)
        self.assertNotIn("runtime error", result.stderr)
        for secret in (lib.UPSTREAM_KEY[1], lib.ALICE[1], lib.UPSTREAM_KEY[0]):
            self.assertNotIn(secret, result.stdout + result.stderr)
        return result

    def doctor(self, *words, key=lib.UPSTREAM_KEY, extra="", **endpoint_keys):
        endpoint_keys.setdefault("ca_file", certificates / "ca.pem")
        return Report(self.run_doctor("-c", write_config(endpoint_keys, key, extra), "--json", *words))

    def check_only(self, report, step, cause, skipped=()):
        """Just this step fails, for this cause; what it says that it skips is skipped, everything else is good."""
        self.assertEqual(report.failed(), {step: cause}, report.text)
        self.assertEqual([n for n, v in report.verdicts().items() if v == "skipped"], list(skipped), report.text)
        self.assertEqual((report.code, report.verdict), (1, "fail"))
        self.assertTrue(report.fix(step), report.text)


AFTER_DNS = ["private", "route", "tcp", "mss", "tls", "mtu", "clock", "request", "region"]
AFTER_TCP = ["mss", "tls", "mtu", "clock", "request", "region"]
AFTER_TLS = ["mtu", "clock", "request", "region"]


class Doctor(Case):
    def setUp(self):
        self.dns = dns.Server()
        self.dns.records = {lib.VPCE_NAME: ADDRESSES, zonal("a"): ADDRESSES[:1], zonal("c"): ADDRESSES[1:],
                            lib.S3_NAME: [PUBLIC]}
        self.addCleanup(self.dns.close)
        self.addCleanup(self.be_good)

    @staticmethod
    def be_good():
        Exchange.skew_s, Exchange.list_denied, Exchange.stalls, Exchange.hasty = 0, None, 0, False
        Exchange.denial, Exchange.policy, Exchange.buckets = "Access Denied", (403, "AccessDenied"), ()
        system_resolver.records = {}
        firewall.clear()

    def look(self, *words, **keys):
        return self.doctor(*words, **{"resolver": self.dns.address, **keys})

    # -- good roads

    def test_good_road(self):
        report = self.look()
        self.assertEqual(list(report.steps), STEPS)
        self.assertEqual(set(report.verdicts().values()), {"ok"}, report.text)
        self.assertEqual((report.code, report.verdict), (0, "ok"))
        self.assertIn("%s (not private)" % PUBLIC, report.evidence("service-name"))
        self.assertIn("what a gateway endpoint or the Internet would use", report.evidence("service-name"))
        for address, zone in zip(ADDRESSES, "ac"):
            self.assertIn("%s, zone %s: %s (private)" % (zonal(zone), zone, address), report.evidence("dns"))
            for step in ("private", "route", "tcp", "mss", "tls", "mtu"):
                self.assertIn("%s:443 (zone %s)" % (address, zone), report.evidence(step))
        self.assertIn("s3.ap-northeast-1.amazonaws.com, *.s3.ap-northeast-1", report.evidence("tls"))
        self.assertRegex(report.evidence("mtu"), r"a request of 6\d\d\d bytes .*, an answer of 6\d\d\d in segments")
        self.assertIn("AKIA", report.evidence("credentials"))
        self.assertIn("S3 took the signature", report.evidence("request"))

    def test_good_road_to_a_bucket(self):
        report = self.look("--bucket", "bucket")
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
        self.assertIn("HTTP 200 to HeadBucket bucket", report.evidence("request"))

    def test_table(self):
        keys = dict(resolver=self.dns.address, ca_file=certificates / "ca.pem")
        result = self.run_doctor("-c", write_config(keys, lib.UPSTREAM_KEY, ""), "tokyo")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual([line.split()[:2] for line in result.stdout.splitlines() if not line.startswith(" ")][1:],
                         [["ok", step] for step in STEPS])
        self.assertNotIn("\033", result.stdout)

    def test_name_alone_without_root(self):
        """No configuration: the name, the system's resolver and authorities, keys of the environment; not as root."""
        system_resolver.records = self.dns.records
        report = Report(self.run_doctor(lib.VPCE_NAME, "--json", prefix=NOT_ROOT, SSL_CERT_FILE=str(certificates / "ca.pem"),
                                        AWS_ACCESS_KEY_ID=lib.UPSTREAM_KEY[0], AWS_SECRET_ACCESS_KEY=lib.UPSTREAM_KEY[1]))
        self.assertEqual(set(report.verdicts().values()), {"ok"}, report.text)
        self.assertEqual(report.code, 0)
        self.assertIn("source = chain", report.evidence("credentials"))

    def test_configuration_without_root(self):
        keys = dict(resolver=self.dns.address, ca_file=certificates / "ca.pem")
        path = write_config(keys, lib.UPSTREAM_KEY, "")
        os.chown(path, 65534, 65534)
        report = Report(self.run_doctor("-c", path, "--json", prefix=NOT_ROOT))
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)

    def test_written_addresses(self):
        """DNS is only compared with."""
        written = "a=%s, c=%s" % ADDRESSES
        report = self.doctor(addresses=written)
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
        self.assertIn("2 addresses written down", report.evidence("dns"))
        system_resolver.records = self.dns.records
        report = self.doctor(addresses=written)
        self.assertEqual(set(report.verdicts().values()), {"ok"}, report.text)
        self.dns.records[lib.VPCE_NAME] = ADDRESSES[:1]
        del self.dns.records[zonal("c")]
        report = self.doctor(addresses=written)
        self.assertEqual((report.failed(), report.steps["dns"]["cause"], report.code), ({}, "differs", 0), report.text)
        self.assertIn("%s:443 (zone c) is written down" % ADDRESSES[1], report.fix("dns"))

    def test_both_families(self):
        six = "fd00:77::23"
        netns.command("ip addr add %s/128 dev lo nodad" % six)
        self.dns.records = {lib.VPCE_NAME: [ADDRESSES[0], six]}
        with unittest.mock.patch.object(socket, "create_server", functools.partial(socket.create_server,
                                                                                   family=socket.AF_INET6)):
            other = lib.start_endpoint(addresses=[(six, 443)])
        with other:
            report = self.look()
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
        self.assertIn("[%s] (private)" % six, report.evidence("dns"))
        self.assertIn("[%s]:443: from [%s] by lo, MTU 1500" % (six, six), report.evidence("route"))
        for step in ("tcp", "mss", "tls", "mtu"):
            self.assertIn("[%s]:443: " % six, report.evidence(step))

    def test_public_source_address(self):
        netns.command("ip route add 10.99.1.23/32 dev road0 src 192.0.2.1")
        self.addCleanup(netns.command, "ip route del 10.99.1.23/32")
        self.dns.records = {lib.VPCE_NAME: [ADDRESSES[0], "10.99.1.23"]}
        report = self.look()
        self.assertEqual((report.steps["route"]["verdict"], report.steps["route"]["cause"]), ("warn", "public-source"))
        self.assertEqual(list(report.failed()), ["tcp"])

    # -- names

    def test_names_that_are_none(self):
        for name, text in (("com.amazonaws.ap-northeast-1.s3", "service's name"), (lib.VPCE, "an endpoint's id"),
                           (lib.VPCE_NAME.replace(".s3.", ".sts."), "no endpoint of S3"),
                           (lib.S3_NAME, "an ordinary S3 name")):
            report = Report(self.run_doctor(name, "--json"))
            self.check_only(report, "name", "not-a-name", STEPS[1:])
            self.assertIn(text, report.fix("name"))

    def test_names_that_say_more(self):
        for word in ("https://my-bucket.bucket.%s:443/key?X-Amz-Signature=0123" % lib.VPCE_NAME, lib.VPCE_NAME.upper() + "."):
            report = Report(self.run_doctor(word, "--json"))
            self.assertEqual((report.steps["name"]["verdict"], report.endpoints[0]["name"]), ("ok", lib.VPCE_NAME), report.text)
            self.assertIn("taken as %s; left out: " % lib.VPCE_NAME, report.evidence("name"))
            self.assertNotIn("0123", report.evidence("name").replace(lib.VPCE_NAME, "").replace(lib.VPCE, ""))

    def test_name_and_configuration_in_any_order(self):
        path = write_config({}, lib.UPSTREAM_KEY, "")
        for words in ((lib.VPCE_NAME, "-c", path), ("-c", path, "https://%s/" % lib.VPCE_NAME), ("tokyo", "-c", path)):
            report = Report(self.run_doctor(*words, "--json"))
            self.assertEqual((report.endpoints[0]["endpoint"], report.endpoints[0]["name"]), ("tokyo", lib.VPCE_NAME), words)
        other = lib.VPCE_NAME.replace(lib.VPCE, lib.VPCE + "x")
        result = self.run_doctor(other, "-c", path)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no [endpoint] of %s has the name %s; leave out -c" % (path, other), result.stderr)

    def test_name_cut_short(self):
        report = Report(self.run_doctor("vpce-xyz.s3.ap-northeast-1.vpce.amazonaws.com", "--json"))
        self.check_only(report, "name", "not-a-name", STEPS[1:])
        self.assertIn("cut short", report.fix("name"))
        self.assertEqual(report.problems, "")

    @unittest.skipIf(os.path.exists("/etc/s3onramp/s3onramp.ini"), "there is a configuration")
    def test_words_that_are_no_names(self):
        for word in ("10.0.1.23", "example.com", "", "tokyo"):
            result = self.run_doctor(word)
            self.assertEqual(result.returncode, 1, word)
            self.assertIn('"%s" is no endpoint\'s own name, which looks like vpce-ID' % word, result.stderr)
            result = self.run_doctor(word, "--json")
            self.assertIn("is no endpoint's own name", json.loads(result.stdout)["problems"][0])

    def test_name_alone_gets_hints_that_need_no_configuration(self):
        result = self.run_doctor(lib.VPCE_NAME, "--json", HOME=str(lib.WORK), AWS_EC2_METADATA_DISABLED="true")
        report = Report(result)
        self.assertIn("AWS_ACCESS_KEY_ID", report.fix("credentials"))
        self.assertNotIn("[credentials", report.evidence("credentials") + report.fix("credentials"))
        self.assertIn("s3onramp check --example", report.fix("dns"))

    def test_clients_file_is_for_sessions_per_client_only(self):
        path = write_config(dict(resolver=self.dns.address, ca_file=certificates / "ca.pem"), lib.UPSTREAM_KEY, "")
        os.chown(path, 65534, 65534)
        (path.parent / "clients.ini").touch(0o600)
        report = Report(self.run_doctor("-c", path, "--json", prefix=NOT_ROOT))
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)

    def test_public_answer(self):
        self.dns.records[lib.VPCE_NAME] = [ADDRESSES[0], PUBLIC]
        report = self.look()
        self.check_only(report, "private", "public", AFTER_DNS[1:])
        self.assertIn(PUBLIC, report.evidence("private"))
        self.assertEqual(firewall.counted(), 0)

    def test_filtered_answer(self):
        """The name is there, its private addresses are not: dnsmasq's and unbound's protection against rebinding."""
        self.dns.records.update({lib.VPCE_NAME: [], zonal("a"): [], zonal("c"): []})
        report = self.look()
        self.check_only(report, "dns", "filtered", AFTER_DNS)
        self.assertIn("rebind-domain-ok=/vpce.amazonaws.com/", report.fix("dns"))

    def test_no_such_name(self):
        self.dns.records = {lib.S3_NAME: [PUBLIC]}
        report = self.look()
        self.check_only(report, "dns", "no-such-name", AFTER_DNS)
        self.assertIn("cannot be told apart", report.evidence("dns"))

    def test_resolver_without_public_names(self):
        self.dns.records = {}
        self.check_only(self.look(), "dns", "isolated", AFTER_DNS)

    def test_silent_resolver(self):
        self.dns.mode = "silent"
        report = self.look()
        self.check_only(report, "dns", "no-answer", AFTER_DNS)
        self.assertEqual(report.steps["service-name"]["verdict"], "warn")

    # -- the path

    def test_no_route(self):
        netns.command("ip route add unreachable 10.99.0.0/16")
        self.addCleanup(netns.command, "ip route del unreachable 10.99.0.0/16")
        self.dns.records = {lib.VPCE_NAME: ["10.99.1.23"]}
        self.check_only(self.look(), "route", "no-route", AFTER_DNS[2:])

    def test_closed_port(self):
        self.dns.records = {lib.VPCE_NAME: [CLOSED]}
        report = self.look()
        self.check_only(report, "tcp", "refused", AFTER_TCP)
        self.assertIn("%s:443: connect: Connection refused" % CLOSED, report.evidence("tcp"))

    def test_one_address_in_a_black_hole(self):
        """The others are examined to the end."""
        firewall.black_hole(ADDRESSES[0])
        report = self.look()
        self.check_only(report, "tcp", "timeout")
        self.assertIn("security group", report.fix("tcp"))
        self.assertGreater(report.steps["tcp"]["seconds"], 3.5)
        self.assertNotIn(ADDRESSES[0], report.evidence("tls"))
        self.assertIn(ADDRESSES[1], report.evidence("tls"))

    # -- TLS

    def look_at(self, certificate, **keys):
        with lib.start_endpoint(certificate, addresses=[(WRONG, 443)]):
            return self.doctor(addresses=WRONG, **keys)

    def test_wrong_certificate_name(self):
        report = self.look_at("other")
        self.check_only(report, "tls", "certificate-name", AFTER_TLS)
        self.assertIn("names: s3.eu-west-3.amazonaws.com", report.evidence("tls"))
        self.assertRegex(report.evidence("tls"), r"mismatch: not for [a-z0-9.-]*s3\.[a-z0-9-]+\.\S+, but for s3\.eu-west-3\.amazonaws\.com")

    def test_expired_certificate(self):
        report = self.look_at("expired")
        self.check_only(report, "tls", "certificate-expired", AFTER_TLS)
        self.assertIn(time.strftime("certificate until %Y-%m-%d", time.gmtime(time.time() - 86400)), report.evidence("tls"))
        self.assertRegex(report.evidence("tls"), r"certificate has expired on 20\d\d-\d\d-\d\d \(issuer \S[^;]*; the clock here says 20\d\d-\d\d-\d\d\)")

    def test_unknown_authority(self):
        report = self.look_at("stranger")
        self.check_only(report, "tls", "certificate-authority", AFTER_TLS)
        self.assertIn("Nobody's authority", report.evidence("tls"))

    def test_self_signed_certificate(self):
        make_itself("itself", "inspection box", 30)
        report = self.look_at("itself")
        self.check_only(report, "tls", "certificate-self-signed", AFTER_TLS)
        self.assertIn("inspection box", report.evidence("tls"))

    def test_certificate_that_ends_soon(self):
        report = self.look_at("itself-soon", ca_file=make_itself("itself-soon", "soon", 5))
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
        self.assertEqual((report.steps["tls"]["verdict"], report.steps["tls"]["cause"]), ("warn", "certificate-soon"))

    def test_one_wrong_certificate(self):
        """The other address is examined to the end."""
        with lib.start_endpoint("other", addresses=[(WRONG, 443)]):
            report = self.doctor(addresses="%s, %s" % (WRONG, ADDRESSES[0]))
        self.check_only(report, "tls", "certificate-name")
        self.assertNotIn(WRONG, report.evidence("mtu"))

    def test_silence_instead_of_tls(self):
        """Not a black hole: small packets get no answer either."""
        with socket.create_server((WRONG, 443)):
            report = self.doctor(addresses=WRONG)
        self.check_only(report, "tls", "timeout", AFTER_TLS)

    def test_something_else_instead_of_tls(self):
        with socket.create_server((WRONG, 443)) as server:
            threading.Thread(target=self.speak_ssh, args=(server,), daemon=True).start()
            report = self.doctor(addresses=WRONG)
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread, which would keep the port taken
        self.check_only(report, "tls", "handshake", AFTER_TLS)

    @staticmethod
    def speak_ssh(server):
        kept = []
        try:
            while True:
                kept.append(server.accept()[0])
                kept[-1].sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        except OSError:
            pass

    # -- requests

    def test_silence_after_tls(self):
        Exchange.stalls = 100
        report = self.doctor(addresses=ADDRESSES[0])
        self.check_only(report, "mtu", "no-answer", AFTER_TLS[1:])

    def test_large_segments(self):
        """The request needs a body to fill several; a server that does not wait for it is no fault of the road."""
        netns.command("ip link set lo mtu 9001")
        self.addCleanup(netns.command, "ip link set lo mtu 1500")
        report = self.doctor(addresses=ADDRESSES[0])
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
        self.assertRegex(report.evidence("mtu"), r"a request of 3\d\d\d\d bytes in segments of 8949")
        Exchange.hasty = True
        report = self.doctor(addresses=ADDRESSES[0])
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
        self.assertRegex(report.evidence("mtu"), r"\d{5} bytes of a request were taken in segments of 8949, then")
        self.assertEqual(report.steps["clock"]["verdict"], "ok")

    def test_stalled_once(self):
        """No proof of a black hole: full segments get through the next time."""
        Exchange.stalls = 1
        report = self.doctor(addresses=ADDRESSES[0])
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
        self.assertEqual((report.steps["mtu"]["verdict"], report.steps["mtu"]["cause"]), ("warn", "stalled-once"))

    # -- S3

    def test_clock(self):
        Exchange.skew_s = 1200
        report = self.look()
        self.check_only(report, "clock", "skew", ["request", "region"])
        self.assertRegex(report.evidence("clock"), "clock is 1(199|200|201) s behind S3's")
        Exchange.skew_s = -300
        report = self.look()
        self.assertEqual((report.failed(), report.steps["clock"]["verdict"], report.code), ({}, "warn", 0), report.text)

    def test_no_credentials(self):
        report = self.look(extra="[credentials empty]\nsource = profile\nprofile = nobody\n", credentials="empty")
        self.assertEqual(list(report.failed()), ["credentials"], report.text)
        self.assertEqual(report.steps["request"]["verdict"], "skipped")
        self.assertEqual(report.code, 1)

    def test_wrong_secret(self):
        report = self.look(key=(lib.UPSTREAM_KEY[0], lib.ALICE[1]))
        self.check_only(report, "request", "signature", ["region"])

    def test_unknown_key(self):
        report = self.look("--bucket", "bucket", key=("AKIANOBODY0000000001", lib.ALICE[1]))
        self.check_only(report, "request", "unknown-key", ["region"])

    def test_session_that_is_over(self):
        endpoint.sessions[lib.UPSTREAM_KEY[0]] = ("the-session-token-0123456789", time.time() - 10)
        self.addCleanup(endpoint.sessions.clear)
        extra = lib.section("credentials session", source="static", access_key_id=lib.UPSTREAM_KEY[0],
                            secret_access_key=lib.UPSTREAM_KEY[1], session_token="the-session-token-0123456789")
        for bucket in ((), ("--bucket", "bucket")):
            report = self.look(*bucket, extra=extra, credentials="session")
            self.check_only(report, "request", "expired", ["region"])
            self.assertNotIn("the-session-token", report.text)
        endpoint.sessions[lib.UPSTREAM_KEY[0]] = ("the-session-token-0123456789", 0)
        report = self.look("--bucket", "bucket", extra=extra, credentials="session")
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)

    def denied(self, bucket="denied"):
        return self.doctor("--bucket", bucket, addresses=ADDRESSES[0])

    def test_access_denied(self):
        """No policy is told, none can be read."""
        report = self.denied()
        self.check_only(report, "request", "access-denied", ["region"])
        for words in ("ListBuckets is allowed, and the bucket is not in the list", "policy cannot be read"):
            self.assertIn(words, report.evidence("request"))
        for words in ("endpoint's policy", "aws:ResourceAccount", "aws:sourceVpce", "resource control policies",
                      "must allow this identity, if the bucket is another account's"):
            self.assertIn(words, report.fix("request"))
        self.assertNotIn("VPC origin", report.fix("request"))
        Exchange.list_denied = "Access Denied"
        report = self.denied()
        self.check_only(report, "request", "access-denied", ["region"])
        self.assertIn("ListBuckets is not allowed either", report.evidence("request"))
        self.assertNotIn("if the bucket is another account's", report.fix("request"))

    def test_access_denied_by_the_policy_that_s3_names(self):
        role = "arn:aws:sts::111122223333:assumed-role/%s/session" % ("r" * 64)
        user = "User: %s is not authorized to perform: s3:ListBucket " % role
        bucket = 'on resource: "arn:aws:s3:::denied" '
        access_point = 'on resource: "arn:aws:s3:%s:111122223333:accesspoint/x" ' % lib.REGION
        for reason, cause, words in (
                ("because no identity-based policy allows the s3:ListBucket action", "identity-policy", "own policies"),
                (bucket + "with an explicit deny in an identity-based policy", "identity-policy", "aws:sourceVpce"),
                ("because no VPC endpoint policy allows the s3:ListBucket action", "endpoint-policy", "aws:ResourceAccount"),
                (bucket + "with an explicit deny in a VPC endpoint policy", "endpoint-policy", "has a Deny"),
                (bucket + "because no resource-based policy allows the s3:ListBucket action", "bucket-policy", "must allow"),
                (bucket + "with an explicit deny in a resource-based policy", "bucket-policy", "aws:VpcSourceIp"),
                (access_point + "with an explicit deny in a resource-based policy", "bucket-policy", "VPC origin"),
                (bucket + "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-a/p-b",
                 "service-control-policy", "Organizations"),
                (bucket + "with an explicit deny in a resource control policy", "resource-control-policy", "Organizations"),
                ("because no permissions boundary allows the s3:ListBucket action", "permissions-boundary", "boundary"),
                ("because no session policy allows the s3:ListBucket action", "session-policy", "session's policy"),
                (bucket + "because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
                 "public-access-block", "Block Public Access")):
            with self.subTest(reason):
                Exchange.denial = user + reason
                report = self.denied()
                self.check_only(report, "request", cause, ["region"])
                self.assertIn(words, report.fix("request"))
                self.assertIn(reason, report.evidence("request"))
                self.assertEqual(len(report.steps["request"]["fix"]), 1, report.text)

    @staticmethod
    def policy(*statements, **keys):
        common = {"Effect": "Deny", "Principal": "*", "Action": ["s3:ListBucket", "s3:GetObject"],
                  "Resource": ["arn:aws:s3:::denied", "arn:aws:s3:::denied/*"]}
        return json.dumps({"Version": "2012-10-17", "Statement": [{**common, **s, **keys} for s in statements]}).encode()

    def test_access_denied_by_a_policy_that_can_be_read(self):
        ours = lib.VPCE.rpartition("-")[0]
        told = "User: x is not authorized to perform: s3:ListBucket with an explicit deny in a resource-based policy"
        tls = {"Sid": "Tls", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        for statement, evidence, fix in (
                ({"Condition": {"StringNotEquals": {"aws:sourceVpce": ["vpce-111", "vpce-222"]}}},
                 "denies all that does not come through vpce-111, vpce-222; this endpoint is %s: a statement" % ours,
                 "add this endpoint's id, %s" % ours),
                ({"Sid": "All"}, 'denies s3:ListBucket to everyone, without a condition: statement "All"', 'statement "All"'),
                ({"Condition": {"StringLike": {"aws:SourceVpce": "vpce-*"}}}, "if StringLike aws:SourceVpce [vpce-*]",
                 "except these credentials"),
                ({"Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}, "NotIpAddress aws:SourceIp [192.0.2.0/24]",
                 "aws:SourceIp is absent through an endpoint, aws:VpcSourceIp takes its place")):
            Exchange.policy = self.policy(tls, statement)
            for Exchange.denial in ("Access Denied", told):
                report = self.denied()
                self.check_only(report, "request", "bucket-policy", ["region"])
                self.assertIn(evidence, report.evidence("request"))
                self.assertIn(fix, report.fix("request"))
                self.assertEqual(len(report.steps["request"]["fix"]), 1, report.text)

    def test_access_denied_and_the_policy_leaves_it_open(self):
        """What cannot be known from here is a question, no cause."""
        for condition, question in (({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}, "is this endpoint in that VPC?"),
                                    ({"NotIpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}, "which address do"),
                                    ({"StringNotEquals": {"aws:PrincipalAccount": "1"}}, "does it fit")):
            Exchange.policy = self.policy({"Sid": "Open", "Condition": condition})
            report = self.denied()
            self.check_only(report, "request", "access-denied", ["region"])
            self.assertRegex(report.evidence("request"), r'may deny s3:ListBucket if .*\[.*\]: statement "Open"')
            self.assertIn(question, report.steps["request"]["fix"][1])
            self.assertNotIn("others like it", report.evidence("request"))
        Exchange.policy = self.policy({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, {"Condition": condition})
        Exchange.denial = "User: x is not authorized with an explicit deny in a resource-based policy"
        report = self.denied()
        self.check_only(report, "request", "bucket-policy", ["region"])
        self.assertIn("may deny s3:ListBucket: a statement without Sid, and others like it", report.evidence("request"))
        self.assertIn("does it mean these credentials?", report.fix("request"))

    def test_access_denied_and_the_policy_is_innocent(self):
        """It is not looked at again, nor are other accounts."""
        Exchange.buckets = (b"denied", b"other")
        for Exchange.policy, evidence in ((self.policy({}, Effect="Allow"), "denies no s3:ListBucket"),
                                          ((404, "NoSuchBucketPolicy"), "the bucket has no policy")):
            report = self.denied()
            self.check_only(report, "request", "access-denied", ["region"])
            self.assertIn(evidence, report.evidence("request"))
            self.assertIn("ListBuckets is allowed, and the bucket is in the list", report.evidence("request"))
            for words in ("bucket's policy", "aws:ResourceAccount", "Block Public Access"):
                self.assertNotIn(words, report.fix("request"))
            self.assertIn("the identity's own policies", report.fix("request"))

    def test_access_denied_in_another_account(self):
        Exchange.policy = (405, "MethodNotAllowed")
        report = self.denied()
        self.check_only(report, "request", "access-denied", ["region"])
        self.assertIn("the bucket belongs to that one", report.evidence("request"))
        self.assertIn("it must allow this identity", report.fix("request"))

    def test_access_denied_and_a_broken_policy(self):
        for Exchange.policy, why in ((b"", "it is not JSON"), (b"<html>\0\xff", "it is not JSON"), (b"[]", "not an object"),
                                     (b'{"Statement": [7]}', "not an object"), (b"[" * 200000, "it is not JSON"),
                                     (b'{"Statement": 1, "Statement": 2}', "it is not JSON")):
            report = self.denied()
            self.check_only(report, "request", "access-denied", ["region"])
            self.assertIn("the bucket's policy: it is", report.evidence("request").replace("one of its statements is", "it is"))
            self.assertIn(why, report.evidence("request"))
            self.assertIn("aws:sourceVpce", report.fix("request"))
        Exchange.policy = self.policy({"Sid": "x\ny\u202e" * 100, "Condition": {"a\nb": {"c\r": ["\x7f" * 1000]}}})
        report = self.denied()
        self.check_only(report, "request", "access-denied", ["region"])
        self.assertIn("x?y", report.evidence("request"))

    def test_access_denied_unsigned(self):
        extra = lib.section("credentials nobody", source="none")
        report = self.doctor("--bucket", "denied", extra=extra, credentials="nobody", addresses=ADDRESSES[0])
        self.assertEqual(report.failed(), {"request": "access-denied"}, report.text)
        self.assertIn("the request was unsigned", report.fix("request"))
        self.assertNotIn("signature", report.evidence("request"))

    def test_access_denied_at_an_access_point(self):
        report = self.denied("denied-abc-s3alias")
        self.check_only(report, "request", "access-denied", ["region"])
        self.assertIn("VPC origin", report.fix("request"))
        self.assertNotIn("cannot be read", report.evidence("request"))

    def test_access_denied_without_the_endpoint_s_id(self):
        """Written addresses: which endpoint it is, and whether it is AWS, is not known."""
        written = "a=%s, c=%s" % ADDRESSES
        text = lib.section("endpoint own", region=lib.REGION, addresses=written, ca_file=certificates / "ca.pem")
        Exchange.policy = self.policy({"Condition": {"StringNotEquals": {"aws:sourceVpce": "vpce-111"}}})
        report = self.look("own", "--bucket", "denied", extra=text)
        self.check_only(report, "request", "access-denied", ["name", "region"])
        self.assertIn("is this endpoint's id among them?", report.fix("request"))
        Exchange.policy = self.policy({})
        self.check_only(self.look("own", "--bucket", "denied", extra=text), "request", "bucket-policy", ["name", "region"])

    def test_list_of_buckets_denied(self):
        """Usual for narrow roles, and no fault of the road; unless the endpoint's policy says so."""
        for Exchange.list_denied, cause, lines in (("Access Denied", "access-denied", 1),
                                                   ("because no identity-based policy allows it", "identity-policy", 1),
                                                   ("with an explicit deny in a session policy", "session-policy", 2)):
            report = self.look()
            self.assertEqual((report.failed(), report.steps["request"]["verdict"], report.code), ({}, "warn", 0), report.text)
            self.assertEqual((report.steps["request"]["cause"], len(report.steps["request"]["fix"])), (cause, lines))
        Exchange.list_denied = ENDPOINT_POLICY
        self.check_only(self.look(), "request", "endpoint-policy", ["region"])

    def test_wrong_region(self):
        for bucket in ("faraway", "farther"):
            report = self.look("--bucket", bucket)
            self.check_only(report, "region", "wrong-region")
            self.assertIn("S3 says eu-west-1, this endpoint is in ap-northeast-1", report.evidence("region"))

    def test_wrong_region_in_the_configuration(self):
        """An S3 server that is in another Region than is written."""
        endpoint.names.append("s3.example.internal")
        self.addCleanup(endpoint.names.remove, "s3.example.internal")
        text = lib.section("endpoint own", region="eu-west-1", host="s3.example.internal", sni=lib.S3_NAME,
                           addresses=ADDRESSES[0], ca_file=certificates / "ca.pem")
        report = self.look("own", extra=text)
        self.check_only(report, "region", "wrong-region", ["name"])
        self.assertIn("S3 says ap-northeast-1, this endpoint is in eu-west-1", report.evidence("region"))

    def test_region_of_another_endpoint(self):
        other = lib.section("endpoint ireland", region="eu-west-1", addresses=ADDRESSES[0])
        report = self.look("tokyo", "--bucket", "faraway", extra=other)
        self.assertEqual((report.failed(), report.code, len(report.endpoints)), ({}, 0, 1), report.text)
        self.assertIn("[endpoint ireland] serves that Region", report.evidence("region"))

    # -- the command

    def test_bad_configuration(self):
        report = self.doctor(addresses="8.8.8.8")
        self.assertEqual((report.code, report.verdict, report.endpoints), (1, "fail", []))
        self.assertIn("not a private address", report.text)

    def test_wrong_usage(self):
        for words in (("--bucket", "a b"), ("--bucket", "UP..x"), ("--timeout", "0"), ("one", "two"), ("--bogus",)):
            result = lib.run(lib.PROGRAM, "doctor", *words, check=False)
            self.assertEqual((result.returncode, result.stdout), (2, ""), words)


class Mtu(Case):
    """This namespace - router - VPC: three of them in a row, over 1500 byte links, with a narrow place in the router's
    route in one direction, and a router that does not tell."""

    numbers = itertools.count(1)

    def setUp(self):
        # Other addresses for each test: the kernel still repeats what one that is over could not get through, and a router of
        # the next one would answer that.
        number = next(self.numbers)
        self.near, self.far = "10.88.%d." % number, "10.89.%d." % number
        self.here, self.there = self.near + "1", self.far + "23"
        self.router, self.vpc = self.space(), self.space()
        self.link("here0", None, self.here, "rt0", self.router, self.near + "2")
        self.link("rt1", self.router, self.far + "1", "eni0", self.vpc, self.there)
        netns.command("ip route add %s0/24 via %s2" % (self.far, self.near))
        self.inside(self.vpc, "ip route add default via %s1" % self.far)
        self.inside(self.router, "sysctl -qw net.ipv4.ip_forward=1")
        self.serve("endpoint", 443)

    def serve(self, certificate, port):
        """The endpoint, in the VPC."""
        server = subprocess.Popen(
            self.enter(self.vpc) + ["/usr/bin/python3", lib.SUPPORT / "endpoint.py", "--cert",
                                    certificates / (certificate + ".pem"), "--key", certificates / (certificate + ".key"),
                                    "--address", "%s:%d" % (self.there, port), "--access-key-id", lib.UPSTREAM_KEY[0],
                                    "--secret-access-key", lib.UPSTREAM_KEY[1]], stdout=subprocess.PIPE)
        self.addCleanup(self.end, server)
        self.assertIn(b"listening", server.stdout.readline())

    def space(self):
        """A process that holds a namespace."""
        process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"], stdout=subprocess.PIPE)
        self.addCleanup(self.end, process)
        process.stdout.readline()
        self.inside(process, "ip link set lo up")
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait()
        process.stdout.close()

    @staticmethod
    def enter(space):
        return ["nsenter", "--net=/proc/%d/ns/net" % space.pid]

    def inside(self, space, command, **options):
        subprocess.run((self.enter(space) if space else []) + command.split(), check=True, **options)

    def link(self, name, space, address, peer_name, peer, peer_address):
        self.inside(space, "ip link add %s type veth peer name %s netns %d" % (name, peer_name, peer.pid))
        # With its namespace the kernel would end it some time later.
        self.addCleanup(self.inside, space, "ip link del " + name)
        for where, interface, text in ((space, name, address), (peer, peer_name, peer_address)):
            self.inside(where, "ip addr add %s/24 dev %s" % (text, interface))
            self.inside(where, "ip link set %s up" % interface)

    def narrow(self, network, interface, tells, mtu=900):
        self.inside(self.router, "ip route replace %s dev %s mtu lock %d" % (network, interface, mtu))
        if not tells:
            self.inside(self.router, "nft -f -", input="table inet quiet { chain out { type filter hook output priority 0; "
                        "meta l4proto icmp drop\n }\n }\n", text=True)

    def look(self):
        return self.doctor(addresses=self.there)

    def test_wide_road(self):
        report = self.look()
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
        self.assertIn("from %s by here0 via %s2, MTU 1500" % (self.here, self.near), report.evidence("route"))
        self.assertIn("segments of up to 1448 bytes", report.evidence("mss"))

    def test_black_hole_for_requests(self):
        self.narrow(self.far + "0/24", "rt1", tells=False)
        report = self.look()
        self.check_only(report, "mtu", "black-hole")
        self.assertIn("a large request is never acknowledged", report.evidence("mtu"))
        self.assertIn("clamp the MSS", report.fix("mtu"))
        self.assertEqual(report.steps["request"]["verdict"], "ok")

    def test_black_hole_for_answers(self):
        self.narrow(self.near + "0/24", "rt0", tells=False)
        report = self.look()
        self.check_only(report, "mtu", "black-hole")
        self.assertIn("handshake stalls", report.evidence("mtu"))

    def test_black_hole_for_large_answers_only(self):
        """The handshake's packets still fit."""
        ca_file = make_itself("little", "little", 30)
        self.serve("little", 8443)
        self.narrow(self.near + "0/24", "rt0", tells=False, mtu=1450)
        report = self.doctor(addresses=self.there + ":8443", ca_file=ca_file)
        self.check_only(report, "mtu", "black-hole")
        self.assertIn("the request arrives, its answer does not", report.evidence("mtu"))

    def test_narrow_road_that_tells(self):
        self.narrow(self.far + "0/24", "rt1", tells=True)
        report = self.look()
        self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
        self.assertIn("smaller path MTU, 900", report.evidence("mtu"))


class RealServer(Case):
    def test_ceph(self):
        ceph = lib.Ceph()
        self.addCleanup(ceph.close)
        self.assertEqual(ceph.request("PUT", "/doctor-bucket").status, 200)
        for words in ((), ("--bucket", "doctor-bucket")):
            report = self.doctor(*words, addresses=", ".join(ceph.addresses))
            self.assertEqual((report.failed(), report.code), ({}, 0), report.text)
            for step in ("tls", "mtu", "clock", "credentials", "request", "region"):
                self.assertEqual(report.steps[step]["verdict"], "ok", report.text)
        report = self.doctor("--bucket", "no-such-bucket", addresses=", ".join(ceph.addresses))
        self.check_only(report, "request", "no-bucket", ["region"])
        report = self.doctor(key=(lib.UPSTREAM_KEY[0], lib.ALICE[1]), addresses=", ".join(ceph.addresses))
        self.check_only(report, "request", "signature", ["region"])


if __name__ == "__main__":
    lib.main()
