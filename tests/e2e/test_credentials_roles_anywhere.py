# SPDX-License-Identifier: Apache-2.0
"""Credentials of IAM Roles Anywhere: every form of certificate and key, against a service that judges each request anew;
and what is said when something is wrong, here or there."""
import json
import subprocess
import time
import unittest

import lib
import roles_anywhere
from cryptography.hazmat.primitives import hashes
from roles_anywhere import Issued, Service

PIN, PASSPHRASE = "482915", "machine passphrase: 7%"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
GENEROUS = "60s" if lib.SANITIZER else "20s"


def setUpModule():
    global anchor, intermediate, service_ca, service, token
    anchor = Issued("Anchor of the tests", ca=True)
    intermediate = Issued("Intermediate of the tests", anchor, "RSA-2048", ca=True)
    service_ca = Issued("TLS of the tests", ca=True)
    (lib.WORK / "tls-ca.pem").write_bytes(service_ca.pem)
    service = new_service(Issued("service", service_ca, names=["rolesanywhere.ap-northeast-1.amazonaws.com"]))
    token = Token()


def tearDownModule():
    service.close()


def new_service(server):
    folder = lib.WORK / ("service-%s" % server.certificate.serial_number)
    folder.mkdir()
    return Service(anchor, server, folder)


def write(name, data, mode=0o600):
    path = lib.WORK / name
    path.touch(0o600)
    path.write_bytes(data)
    path.chmod(mode)
    return path


class Token:
    """SoftHSM with a token called machine."""

    def __init__(self):
        self.config = lib.WORK / "softhsm2.conf"
        (lib.WORK / "tokens").mkdir()
        self.config.write_text("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n"
                               % (lib.WORK / "tokens"))
        self.softhsm("--init-token", "--free", "--label", "machine", "--so-pin", "87654321")

    def softhsm(self, *words):
        lib.run("softhsm2-util", *words, "--pin", PIN, env=lib.clean_environment(SOFTHSM2_CONF=self.config))

    def add(self, issued, label, key_id):
        path = write("to-import.pem", issued.key_pem())
        self.softhsm("--import", path, "--token", "machine", "--label", label, "--id", key_id)
        path.unlink()

    @staticmethod
    def uri(label, query="", module=SOFTHSM):
        query = "&".join(part for part in ("module-path=" + module if module else "", query) if part)
        return "pkcs11:token=machine;object=%s?%s" % (label, query)


def section_defaults(at=None):
    return dict(
        source="roles-anywhere", role_arn=Service.role_arn, profile_arn=Service.profile_arn,
        trust_anchor_arn=Service.trust_anchor_arn, region="ap-northeast-1", timeout=GENEROUS,
        service_url="https://rolesanywhere.ap-northeast-1.amazonaws.com", addresses="127.0.0.1:%d" % (at or service).port,
        ca_file=lib.WORK / "tls-ca.pem")


def fetch(client=None, in_token=False, at=None, relative=False, **keys):
    """What `credentials --fetch --json` tells, and the log. Keys of the section; None leaves a default out."""
    defaults = section_defaults(at)
    config = lib.WORK / "s3onramp.ini"
    config.touch(0o600)
    config.write_text(
        lib.section("server", private_networks="127.0.0.0/8") +
        lib.section("endpoint tokyo", name=lib.VPCE_NAME, addresses="127.0.0.1:1") +
        lib.section("listener unused", mode="endpoint", bind="127.0.0.1:1") +
        lib.section("client alice", access_key_id=lib.ALICE[0], secret_access_key=lib.ALICE[1], policy="allow-all") +
        lib.section("credentials default", **{**defaults, **keys}))
    named = config.relative_to(lib.WORK.parent) if relative else config
    words = [lib.PROGRAM, "credentials", "--fetch", "--json", "-c", named] + (["--client", client] if client else [])
    environment = dict(lib.Proxy.environment(), SOFTHSM2_CONF=str(token.config))
    if in_token:  # libp11 does not free its method tables, and is unloaded when the leak checker looks
        environment["ASAN_OPTIONS"] = environment["ASAN_OPTIONS"].replace("detect_leaks=1", "detect_leaks=0")
    result = subprocess.run([str(w) for w in words], capture_output=True, text=True, env=environment, timeout=240,
                            cwd=lib.WORK.parent if relative else None)
    text = result.stdout + result.stderr
    for secret in (PIN, PASSPHRASE, "sessionSecret", "TTTT", "PRIVATE KEY"):
        assert secret not in text, text
    for word in ("Sanitizer", "runtime error:", "ssertion"):
        assert word not in text, text
    assert result.stdout.startswith("{"), "exit code %d\n%s" % (result.returncode, text)
    answer = json.loads(result.stdout)
    assert result.returncode == (0 if answer["good"] else 1), text
    answer["log"] = result.stderr
    return answer


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        service.script, service.skew_s, service.accepts_session_name = [], 0, True
        service.requests.clear()
        service.refused.clear()

    def good(self, answer, issued, chain=(), at=None):
        at = at or service
        self.assertTrue(answer["good"], (answer, at.refused))
        self.assertEqual((len(at.requests), at.refused), (1, []))
        request = at.requests.pop()
        self.assertEqual(request.certificate, issued.certificate)
        self.assertEqual(request.chain, [c.certificate for c in chain])
        self.assertTrue(answer["temporary"])
        self.assertRegex(answer["access_key_id"], r"^ASIA…E\d\d\d$")
        self.assertIn(Service.role_arn, answer["detail"])
        return request

    def bad(self, answer, *words):
        self.assertFalse(answer["good"])
        for word in words:
            self.assertIn(word, answer["detail"])
        self.assertRegex(answer["detail"], r"^[ -~]{10,319}$")


class Files(Case):
    def pem(self, issued, passphrase=None, **options):
        return dict(certificate=write("machine.pem", issued.pem, 0o644),
                    private_key=write("machine.key", issued.key_pem(passphrase, **options)))

    def test_each_kind_of_key_signs(self):
        for kind in ("RSA-2048", "RSA-4096", "P-256", "P-384", "P-521"):
            for pkcs8 in (True, False):
                with self.subTest(kind=kind, pkcs8=pkcs8):
                    machine = Issued("machine", anchor, kind)
                    request = self.good(fetch(**self.pem(machine, pkcs8=pkcs8)), machine)
                    self.assertIn("RSA" if "RSA" in kind else "ECDSA", request.algorithm)

    def test_body_says_what_the_section_says(self):
        machine = Issued("machine", anchor)
        begun = time.time()
        answer = fetch(duration="2h", session_name="s3-{client}", client="alice", **self.pem(machine))
        request = self.good(answer, machine)
        self.assertEqual(request.json, dict(
            durationSeconds=7200, profileArn=Service.profile_arn, roleArn=Service.role_arn,
            trustAnchorArn=Service.trust_anchor_arn, roleSessionName="s3-alice"))
        expires = time.mktime(time.strptime(answer["expires"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
        self.assertLess(abs(expires - begun - 7200), 120)
        request = self.good(fetch(**self.pem(machine)), machine)
        self.assertEqual((request.json["durationSeconds"], "roleSessionName" in request.json), (3600, False))

    def test_odd_serial_numbers_are_decimal(self):
        for serial in (1, 255, 2 ** 63, 2 ** 158 + 3):
            machine = Issued("machine", anchor, serial=serial)
            self.assertEqual(self.good(fetch(**self.pem(machine)), machine).serial, str(serial))

    def test_chain_in_its_own_file_or_behind_the_certificate(self):
        machine = Issued("machine", intermediate)
        chain = write("chain.pem", intermediate.pem, 0o644)
        self.good(fetch(certificate_chain=chain, **self.pem(machine)), machine, [intermediate])
        both = write("both.pem", machine.pem + intermediate.pem, 0o644)
        key = self.pem(machine)["private_key"]
        self.good(fetch(certificate=both, private_key=key), machine, [intermediate])
        self.good(fetch(certificate=both, certificate_chain=write("full.pem", machine.pem), private_key=key), machine,
                  [intermediate])
        second = Issued("Second intermediate", intermediate, ca=True)
        deep = Issued("machine", second)
        chain = write("chain.pem", second.pem + intermediate.pem, 0o644)
        self.good(fetch(certificate_chain=chain, **self.pem(deep)), deep, [second, intermediate])
        answer = fetch(**self.pem(machine))
        self.bad(answer, "403", "Insufficient certificate", "certificate_chain")

    def test_relative_paths_begin_at_the_configuration(self):
        second = Issued("Second intermediate", intermediate, ca=True)
        machine = Issued("machine", second)
        self.pem(machine, PASSPHRASE)
        write("chain.pem", second.pem + intermediate.pem, 0o644)
        write("passphrase", PASSPHRASE.encode())
        for relative in (False, True):  # True: -c DIR/s3onramp.ini
            with self.subTest(relative=relative):
                self.good(fetch(certificate="machine.pem", certificate_chain="chain.pem", private_key="machine.key",
                                passphrase="file:passphrase", relative=relative), machine, [second, intermediate])

    def test_key_and_certificate_in_one_file(self):
        machine = Issued("machine", anchor, "RSA-2048")
        file = write("one.pem", machine.pem + machine.key_pem())
        self.good(fetch(certificate=file, private_key=file), machine)

    def test_encrypted_key(self):
        machine = Issued("machine", anchor, "RSA-2048")
        write("passphrase", PASSPHRASE.encode() + b"\n")
        for pkcs8 in (True, False):
            self.good(fetch(passphrase=PASSPHRASE, **self.pem(machine, PASSPHRASE, pkcs8=pkcs8)), machine)
            self.good(fetch(passphrase="file:%s" % (lib.WORK / "passphrase"), **self.pem(machine, PASSPHRASE)), machine)
            self.bad(fetch(passphrase="wrong", **self.pem(machine, PASSPHRASE, pkcs8=pkcs8)), "does not open", "passphrase")
            self.bad(fetch(**self.pem(machine, PASSPHRASE, pkcs8=pkcs8)), "encrypted", "passphrase")

    def test_pkcs12(self):
        machine = Issued("machine", intermediate, "P-384")
        file = write("machine.p12", machine.pkcs12(PASSPHRASE, [intermediate]))
        self.good(fetch(certificate=file, passphrase=PASSPHRASE), machine, [intermediate])
        self.bad(fetch(certificate=file, passphrase="wrong"), "does not open", "passphrase")
        self.bad(fetch(certificate=file), "encrypted", "passphrase")
        file = write("open.p12", machine.pkcs12(None, [intermediate]))
        self.good(fetch(certificate=file), machine, [intermediate])

    def test_old_pkcs12_is_told_how_to_be_renewed(self):
        machine = Issued("machine", anchor)
        files = self.pem(machine)
        lib.run("openssl", "pkcs12", "-export", "-legacy", "-in", files["certificate"], "-inkey", files["private_key"],
                "-passout", "pass:" + PASSPHRASE, "-out", lib.WORK / "old.p12")
        (lib.WORK / "old.p12").chmod(0o600)
        self.bad(fetch(certificate=lib.WORK / "old.p12", passphrase=PASSPHRASE), "old algorithm", "openssl pkcs12")

    def test_renewed_certificate_is_taken_up(self):
        first, second = Issued("machine", anchor), Issued("machine", anchor)
        self.good(fetch(**self.pem(first)), first)
        self.good(fetch(**self.pem(second)), second)

    def test_certificate_that_ends_soon_is_told(self):
        machine = Issued("machine", anchor, days=3)
        answer = fetch(**self.pem(machine))
        self.good(answer, machine)
        self.assertRegex(answer["log"], r"machine\.pem ends on .* in 7[12] hours")
        self.assertEqual(fetch(**self.pem(Issued("machine", anchor, days=8)))["log"], "")

    def test_end_of_the_certificate_is_measured(self):
        machine = Issued("machine", anchor, days=3)
        proxy = lib.Proxy(["127.0.0.1:1"], "measured", extra=lib.section("credentials fleet", **dict(section_defaults(), **self.pem(machine))))
        self.addCleanup(proxy.stop)

        def measured():
            text = lib.run(lib.PROGRAM, "metrics", "-c", proxy.config).stdout
            return [float(line.split()[-1]) for line in text.splitlines()
                    if line.startswith('s3onramp_credentials_certificate_expiry_timestamp_seconds{credentials="fleet"} ')]
        lib.wait_until(measured, 30, "the certificate")
        self.assertLess(abs(measured()[0] - time.time() - 3 * 86400), 86400)
        for span, told in (("4d", True), ("1d", False)):
            text = lib.run(lib.PROGRAM, "status", "--warn", span, "-c", proxy.config, check=False).stdout
            self.assertEqual("certificate of [credentials fleet]" in text, told, text)

    def test_useless_certificates_are_not_sent(self):
        for words, options in (
                (["expired on", "renewed"], dict(days=-1, begins=-9)),
                (["not valid before", "clock"], dict(begins=2)),
                (["authority's (CA)", "certificate_chain"], dict(ca=True)),
                (["keyUsage", "digitalSignature"], dict(digital_signature=False)),
                (["keyUsage", "digitalSignature"], dict(usage=False)),
                (["less than SHA-256"], dict(digest=hashes.SHA1())),
                (["less than SHA-256"], dict(digest=hashes.SHA224()))):
            with self.subTest(options=options):
                self.bad(fetch(**self.pem(Issued("machine", anchor, **options))), *words)
        old = Issued("Old intermediate", anchor, ca=True, days=-1, begins=-9)
        self.bad(fetch(certificate_chain=write("chain.pem", old.pem), **self.pem(Issued("machine", old))),
                 "intermediate", "expired")
        self.assertEqual((service.requests, service.refused), ([], []))

    def test_files_that_do_not_fit(self):
        machine, other = Issued("machine", anchor), Issued("other", anchor)
        files = self.pem(machine)
        self.bad(fetch(certificate=files["certificate"], private_key=write("other.key", other.key_pem())),
                 "does not belong", "machine.pem", "other.key")
        self.bad(fetch(**dict(files, certificate=write("der.crt", machine.der))), "DER", "openssl x509")
        self.bad(fetch(**dict(files, certificate=write("noise", b"\0\1\2noise"))), "neither PEM nor PKCS#12")
        self.bad(fetch(**dict(files, certificate=files["private_key"])), "holds no certificate")
        damaged = machine.pem.replace(machine.pem[100:140], b"A" * 40)
        self.bad(fetch(**dict(self.pem(machine), certificate=write("damaged.pem", damaged))), "damaged")
        self.assertEqual((service.requests, service.refused), ([], []))


class Tokens(Case):
    @classmethod
    def setUpClass(cls):
        cls.keys = {}
        for number, kind in enumerate(("RSA-2048", "P-256", "P-384")):
            label = "key-%s" % kind.lower()
            cls.keys[label] = Issued("machine", anchor, kind)
            token.add(cls.keys[label], label, "%02x" % (number + 1))
        write("pin", PIN.encode() + b"\n")

    def fetch(self, label, uri, **keys):
        return fetch(in_token=True, certificate=write("token.pem", self.keys[label].pem, 0o644), private_key=uri, **keys)

    def test_each_kind_of_key_signs(self):
        for label, machine in self.keys.items():
            with self.subTest(label=label):
                self.good(self.fetch(label, token.uri(label), passphrase=PIN), machine)

    def test_pin_from_elsewhere(self):
        machine = self.keys["key-p-256"]
        for form in ("file:%s", "%s", "file://%s"):
            query = "pin-source=" + form % (lib.WORK / "pin")
            with self.subTest(query=query):
                self.good(self.fetch("key-p-256", token.uri("key-p-256", query)), machine)
        self.good(self.fetch("key-p-256", token.uri("key-p-256"), passphrase="file:pin"), machine)
        self.good(self.fetch("key-p-256", "pkcs11:token=machine;id=%%02?module-path=%s" % SOFTHSM, passphrase=PIN), machine)

    def test_module_of_the_system(self):
        self.good(self.fetch("key-p-256", token.uri("key-p-256", module=""), passphrase=PIN), self.keys["key-p-256"])

    def test_what_goes_wrong_is_told(self):
        label = "key-rsa-2048"
        self.bad(self.fetch(label, token.uri(label), passphrase="111111"), "refuses the PIN", "passphrase")
        self.bad(self.fetch(label, token.uri(label)), "PIN of the token is missing", "passphrase")
        self.bad(self.fetch(label, token.uri("nobody"), passphrase=PIN), "object=nobody", "pkcs11-tool")
        self.bad(self.fetch(label, "pkcs11:token=absent;object=x?module-path=" + SOFTHSM, passphrase=PIN), "no such token")
        self.bad(self.fetch(label, token.uri(label, module="/nowhere.so"), passphrase=PIN), "/nowhere.so")
        self.bad(self.fetch(label, token.uri("key-p-256"), passphrase=PIN), "does not belong")
        self.bad(self.fetch(label, "pkcs11:token=machine", passphrase=PIN), "names no key", "object=")
        self.bad(self.fetch(label, token.uri(label, "pin-source=%7Ccat"), passphrase=PIN), "pin-source must be file:")
        self.bad(self.fetch(label, token.uri(label, "module-name=x"), passphrase=PIN), "module-name", "module-path")
        pin = write("open-pin", PIN.encode(), 0o644)
        self.bad(self.fetch(label, token.uri(label, "pin-source=file:%s" % pin)), "mode 644", "chmod g-w,o=")
        self.assertEqual((service.requests, service.refused), ([], []))


    def test_module_that_hangs_does_not_keep_the_proxy(self):
        source, module, asked = lib.WORK / "hangs.c", lib.WORK / "hangs.so", lib.WORK / "asked"
        source.write_text("#include <stdio.h>\n#include <unistd.h>\n"
                          "int C_GetFunctionList(void *list) { (void)list; fclose(fopen(\"%s\", \"w\"));"
                          " for (;;) pause(); }\n" % asked)
        lib.run("cc", "-shared", "-fPIC", "-o", module, source)
        label = "key-p-256"
        proxy = lib.Proxy(["127.0.0.1:1"], "hangs", extra=lib.section(
            "credentials hangs", source="roles-anywhere", role_arn=Service.role_arn, profile_arn=Service.profile_arn,
            trust_anchor_arn=Service.trust_anchor_arn, region="ap-northeast-1", passphrase=PIN,
            certificate=write("hangs.pem", self.keys[label].pem, 0o644), private_key=token.uri(label, module=str(module))))
        self.addCleanup(proxy.kill)
        lib.wait_until(asked.exists, 30, "the module's turn")
        proxy.stop()
        self.assertIn("does not end, such as a PKCS#11 module that hangs", proxy.stderr.read_text())


class Answers(Case):
    @classmethod
    def setUpClass(cls):
        cls.machine = Issued("machine", anchor)
        cls.files = dict(certificate=write("answers.pem", cls.machine.pem), private_key=write("answers.key",
                                                                                             cls.machine.key_pem()))

    def scripted(self, what, **keys):
        service.script = [what]
        return fetch(**self.files, **keys)

    def test_failures_of_the_service(self):
        for what, words in (("500", ["500", "Internal failure"]), ("429", ["429", "Rate exceeded"]),
                            ("throttled", ["ThrottlingException"]), ("truncated", ["service_url"]), ("cut", ["service_url"]),
                            ("nonsense", ["service_url"]), ("html", ["403", "HTML", "service_url"]),
                            ("expired", ["over already", "clock"])):
            with self.subTest(what=what):
                self.bad(self.scripted(what), *words)
                self.assertEqual(len(service.requests), 1)  # the request was right
                service.requests.clear()

    def test_no_answer(self):
        self.bad(self.scripted("timeout", timeout="2s"), "rolesanywhere.ap-northeast-1.amazonaws.com")

    def test_foreign_text_is_bounded_and_printable(self):
        answer = self.scripted("control-bytes")
        self.bad(answer, "403", "one??", "xxxx")

    def test_refusals_tell_what_to_do(self):
        self.bad(fetch(**self.files, role_arn="arn:aws:iam::123456789012:role/other"), "403", "Unable to assume role",
                 "rolesanywhere.amazonaws.com")
        self.bad(fetch(**self.files, profile_arn=Service.profile_arn + "0"), "404", "profile_arn")
        service.accepts_session_name = False
        self.bad(fetch(**self.files, session_name="machine"), "403", "session_name")
        stranger = Issued("machine", Issued("Stranger", ca=True))
        self.bad(fetch(certificate=write("stranger.pem", stranger.pem), private_key=write("stranger.key", stranger.key_pem())),
                 "403", "Insufficient certificate", "trust anchor")
        self.assertEqual(service.requests, [])

    def test_clocks_that_differ_are_told_with_seconds(self):
        for skew, words in ((1000, "behind"), (-1000, "ahead of")):
            service.skew_s = skew
            answer = fetch(**self.files)
            self.bad(answer, "Signature expired", words, "NTP")
            self.assertRegex(answer["detail"], r"clock is (9[5-9]\d|100\d|10[0-4]\d) s " + words)

    def test_other_region_than_the_service(self):
        arns = {key: getattr(Service, key).replace("ap-northeast-1", "eu-west-3") for key in ("profile_arn", "trust_anchor_arn")}
        self.bad(fetch(**self.files, region="eu-west-3", **arns), "403", "scoped")

    def test_wrong_certificates_of_the_service_are_not_spoken_to(self):
        name = "rolesanywhere.ap-northeast-1.amazonaws.com"
        for server in (Issued("other", service_ca, names=["example.com"]),
                       Issued("expired", service_ca, names=[name], days=-1, begins=-9),
                       Issued("stranger", Issued("Stranger", ca=True), names=[name])):
            other = new_service(server)
            self.bad(fetch(at=other, **self.files), name, "ca_file")
            self.assertEqual(other.received, 0)
            other.close()

    def test_addresses_are_tried_in_turn(self):
        dead, too = lib.free_port(), lib.free_port()
        addresses = "127.0.0.1:%d, 127.0.0.1:%d" % (dead, service.port)
        self.good(fetch(**self.files, addresses=addresses), self.machine)
        self.bad(fetch(**self.files, addresses="127.0.0.1:%d, 127.0.0.1:%d" % (dead, too)), "all addresses were tried")
        service.script = ["timeout"]
        self.assertTrue(fetch(**self.files, addresses="127.0.0.1:%d, 127.0.0.2:%d" % (service.port, service.port),
                              timeout="6s")["good"])
        self.assertEqual(len(service.requests), 2)
        service.requests.clear()
        service.script = ["500"]  # an answer is an answer
        self.bad(fetch(**self.files, addresses="127.0.0.1:%d, 127.0.0.2:%d" % (service.port, service.port)), "500")
        self.assertEqual(len(service.requests), 1)


if __name__ == "__main__":
    assert roles_anywhere
    lib.main()
