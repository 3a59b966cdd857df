# SPDX-License-Identifier: Apache-2.0
"""Credentials of roles: `source = assume-role` and `source = web-identity`, against a strict STS of our own and against
Ceph's. `s3onramp credentials NAME --fetch` is asked, and tests/support/fetch_keys for what that one masks."""
import json
import os
import pathlib
import re
import subprocess
import time
import unittest

import lib
from oidc import Issuer
from sts import Sts

FETCH_KEYS = pathlib.Path(os.environ.get("FETCH_KEYS", pathlib.Path(lib.PROGRAM).parent / "tests" / "fetch_keys"))
STS_NAME = "sts.%s.amazonaws.com" % lib.REGION
ARN = "arn:aws:iam::123456789012:role/path/on+prem"
BASE = ("AKIABASE000000000001", "base/secret+0123456789012345678901234567")
SESSION = ("ASIASESSION000000001", "session/secret+0123456789012345678901234", "session//token+==")
TOKEN = "eyJhbGciOi.eyJpc3MiOi.c2ln-_"
numbers = iter(range(1000))


class Config:
    """A configuration whose [credentials role] is under test, and the commands that try it."""

    def __init__(self, *sections, **role):
        self.folder = lib.WORK / ("config-%d" % next(numbers))
        self.folder.mkdir()
        self.file = self.folder / "s3onramp.ini"
        text = lib.section("server", private_networks="127.0.0.0/8")
        text += lib.section("listener local", mode="endpoint", bind="127.0.0.1:1", anonymous="me")
        text += lib.section("client me", policy="allow-all")
        text += lib.section("endpoint tokyo", name=lib.VPCE_NAME, addresses="10.0.0.1", credentials="role")
        text += lib.section("credentials base", access_key_id=BASE[0], secret_access_key=BASE[1])
        text += lib.section("credentials temporary", access_key_id=SESSION[0], secret_access_key=SESSION[1],
                            session_token=SESSION[2])
        text += lib.section("credentials role", **role) + "".join(sections)
        self.file.touch(0o600)
        self.file.write_text(text)

    def keys(self, name="role", client=None, **environment):
        """What fetch_keys tells."""
        command = [str(FETCH_KEYS), str(self.file), name] + ([client] if client else [])
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=self.environment(environment))
        if result.returncode not in (0, 1) or result.stderr:
            raise AssertionError("%s: %d\n%s" % (command, result.returncode, result.stderr))
        return json.loads(result.stdout)

    def refused(self, key, **environment):
        """What the program says of the configuration: one mistake, at the line of `key`, or of the section."""
        result = self.command(**environment)
        if result.returncode != 1 or result.stdout:
            raise AssertionError("%d\n%s%s" % (result.returncode, result.stdout, result.stderr))
        lines = self.file.read_text().splitlines()
        section = lines.index("[credentials role]")
        number = next((i for i in range(section, len(lines)) if lines[i].startswith(key + " =")), section) + 1
        place, _, why = result.stderr.splitlines()[0].partition(": ")
        if place != "%s:%d" % (self.file, number) or len(result.stderr.splitlines()) != 2:
            raise AssertionError("line %d: %s" % (number, result.stderr))
        return why

    def command(self, *words, **environment):
        return subprocess.run([lib.PROGRAM, "credentials", "role", "--fetch", "-c", str(self.file)] + list(words),
                              capture_output=True, text=True, timeout=120, env=self.environment(environment))

    @staticmethod
    def environment(more):
        return {**lib.Proxy.environment(), **more}


def start_sts(cert="sts", **options):
    folder = lib.certificates()
    keys = {BASE[0]: (BASE[1], None), SESSION[0]: SESSION[1:]}
    return Sts(folder / (cert + ".pem"), folder / (cert + ".key"), keys, region=lib.REGION, **options)


class Role(unittest.TestCase):
    maxDiff = None

    def start(self, **options):
        sts = start_sts(**options)
        self.addCleanup(sts.close)
        return sts

    def config(self, sts, *sections, **more):
        keys = dict(source="assume-role", role_arn=ARN, source_credentials="base", region=lib.REGION,
                    service_url="https://" + STS_NAME, addresses=", ".join(sts.addresses),
                    ca_file=lib.certificates() / "ca.pem", timeout="60s")
        keys.update(more)
        return Config(*sections, **keys)

    def good(self, sts, result):
        """Keys came, whole, and are the last ones that were issued."""
        self.assertEqual((result["outcome"], result["why"]), ("good", ""), [c["verdict"] for c in sts.calls])
        issued = sts.issued[sts.calls[-1]["issued"]]
        self.assertEqual((result["id"], result["secret"], result["token"], result["expires"]),
                         (sts.calls[-1]["issued"], issued["secret"], issued["token"], issued["expires"]))

    def bad(self, result, outcome, *words):
        self.assertEqual((result["outcome"], result["id"]), (outcome, None), result)
        for word in words:
            self.assertIn(word, result["why"])
        for secret in (BASE[1], SESSION[1], SESSION[2], TOKEN, "secret/of", "token//of"):
            self.assertNotIn(secret, result["why"])
        self.assertTrue(result["why"].isascii() and result["why"].isprintable(), result["why"])


class AssumeRole(Role):
    def test_plain(self):
        sts = self.start()
        result = self.config(sts).keys()
        self.good(sts, result)
        host = os.uname().nodename
        session = ("s3onramp-" + re.sub(r"[^\w+=,.@-]", "-", host, flags=re.ASCII))[:64]
        self.assertEqual(sts.calls[0]["form"], {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ARN,
                                                "RoleSessionName": session, "DurationSeconds": "3600"})
        self.assertEqual(result["origin"], "role %s as %s from %s" % (ARN, session, STS_NAME))
        self.assertEqual(len(sts.calls), 1)

    def test_every_parameter(self):
        sts = self.start()
        config = self.config(sts, duration="12h", session_name="on.prem-{client}", external_id="a=b,c/d:e@f",
                             tags="team=a+b, person={client}, who is it={client}-{client}, empty=")
        self.good(sts, config.keys(client="alice.1"))
        self.assertEqual(sts.calls[0]["form"], {
            "Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ARN, "RoleSessionName": "on.prem-alice.1",
            "DurationSeconds": "43200", "ExternalId": "a=b,c/d:e@f",
            "Tags.member.1.Key": "team", "Tags.member.1.Value": "a+b",
            "Tags.member.2.Key": "person", "Tags.member.2.Value": "alice.1",
            "Tags.member.3.Key": "who is it", "Tags.member.3.Value": "alice.1-alice.1",
            "Tags.member.4.Key": "empty", "Tags.member.4.Value": ""})

    def test_sessions_of_clients_need_a_client(self):
        sts = self.start()
        self.bad(self.config(sts, session_name="x-{client}").keys(), "refused", "session_name", "name one")
        self.bad(self.config(sts, tags="person={client}").keys(), "refused", "tags", "name one")
        self.assertEqual(sts.calls, [])

    def test_tag_without_value_is_told(self):
        sts = self.start()
        self.assertEqual(self.config(sts, tags="team").refused("tags"), 'tags: "team": write KEY=VALUE')

    def test_each_fetch_has_other_keys(self):
        sts = self.start()
        config = self.config(sts)
        self.assertNotEqual(config.keys()["id"], config.keys()["id"])

    def test_temporary_keys_sign_and_ask_for_an_hour_at_most(self):
        sts = self.start()
        result = self.config(sts, source_credentials="temporary", duration="2h").keys()
        self.good(sts, result)
        self.assertIn("1h only", result["origin"])
        self.assertEqual((sts.calls[0]["key_id"], sts.calls[0]["form"]["DurationSeconds"]), (SESSION[0], "3600"))
        result = self.config(sts, source_credentials="temporary", duration="20m").keys()
        self.assertEqual(sts.calls[1]["form"]["DurationSeconds"], "1200")
        self.assertNotIn("1h only", result["origin"])

    def two_roles(self, sts):
        """[credentials role] is asked for with the keys of [credentials first], which is a role, too."""
        config = self.config(sts)
        text = config.file.read_text().replace("[credentials role]", "[credentials first]")
        text += text[text.index("[credentials first]"):].replace("first]", "role]").replace(
            "source_credentials = base", "source_credentials = first")
        config.file.write_text(text)
        return config

    def test_role_of_a_role(self):
        sts = self.start()
        config = self.two_roles(sts)
        self.good(sts, config.keys())
        self.assertEqual([c["key_id"] for c in sts.calls], [BASE[0], sts.calls[0]["issued"]])

    def test_base_that_fails_is_told(self):
        sts = self.start()
        sts.fault = "access-denied"
        config = self.two_roles(sts)
        self.bad(config.keys(), "refused", "no keys to ask for the role with", "AccessDenied")
        self.assertEqual(len(sts.calls), 1)

    def test_wrong_secret(self):
        sts = self.start()
        sts.keys[BASE[0]] = ("another", None)
        self.bad(self.config(sts).keys(), "refused", STS_NAME, "SignatureDoesNotMatch", "secret key")

    def test_unknown_key(self):
        sts = self.start()
        del sts.keys[BASE[0]]
        self.bad(self.config(sts).keys(), "refused", "InvalidClientTokenId", "source_credentials")

    def test_region_of_the_signature(self):
        sts = self.start()
        self.bad(self.config(sts, region="eu-west-3").keys(), "refused", "SignatureDoesNotMatch", "region")
        self.good(sts, self.config(sts, region=None).keys(AWS_REGION=lib.REGION))

    def test_usual_url(self):
        """Without service_url: sts.REGION.amazonaws.com."""
        sts = self.start()
        self.good(sts, self.config(sts, service_url=None).keys())

    def test_port_and_slash_in_the_url(self):
        sts = self.start()
        sts.names = {STS_NAME + ":8443"}
        self.good(sts, self.config(sts, service_url="https://%s:8443/" % STS_NAME).keys())
        sts.names = {STS_NAME}
        self.good(sts, self.config(sts, service_url="https://%s:443" % STS_NAME).keys())

    def test_plain_http_is_not_spoken(self):
        sts = self.start()
        for host in (STS_NAME, "127.0.0.1:8080"):
            self.assertEqual(self.config(sts, service_url="http://" + host).refused("service_url"),
                             "service_url = http://%s: keys would pass in clear text; write https://" % host)
        self.assertEqual(sts.calls, [])

    def test_command_masks(self):
        sts = self.start()
        config = self.config(sts)
        result = config.command("--json")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        told, key = json.loads(result.stdout), sts.calls[0]["issued"]
        self.assertEqual((told["source"], told["good"], told["temporary"]), ("assume-role", True, True))
        self.assertEqual(told["access_key_id"], "%s…%s" % (key[:4], key[-4:]))
        self.assertNotIn("secret", result.stdout)
        self.assertNotIn("token//", result.stdout)
        sts.fault = "access-denied"
        result = config.command()
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("AccessDenied", result.stderr)


class Faults(Role):
    CASES = {  # fault: outcome and words
        "500": ("failed", "InternalFailure"),
        "503-plain": ("failed", "status 503"),
        "throttling": ("throttled", "Throttling", "Rate exceeded"),
        "429": ("throttled", "status 429"),
        "access-denied": ("refused", "AccessDenied", "is not authorized", "trust policy"),
        "odd-error": ("refused", "Odd?"),
        "reset": ("failed", STS_NAME),
        "short": ("failed", STS_NAME),
        "truncated": ("failed", "not a complete AssumeRoleResponse"),
        "half": ("failed", "SecretAccessKey"),
        "expired": ("failed", "over already"),
        "html": ("failed", "not a complete", "service_url"),
        "html-403": ("failed", "status 403 with HTML", "service_url"),
        "redirect": ("failed", "status 302"),
        "huge": ("failed", "too long"),
    }

    def test_table(self):
        sts = self.start()
        config = self.config(sts)
        for fault, expected in self.CASES.items():
            with self.subTest(fault):
                sts.faults = [fault]
                self.bad(config.keys(), *expected)
        self.good(sts, config.keys())

    def test_timeout(self):
        for fault in ("hang", "drip"):
            with self.subTest(fault):
                sts = self.start()
                sts.fault = fault
                self.bad(self.config(sts, timeout="500ms").keys(), "failed", STS_NAME)
                self.assertEqual(len(sts.calls), 1)

    def test_clock_is_named_with_seconds(self):
        for skew, word in ((3000, "behind"), (-3000, "ahead of")):
            with self.subTest(skew):
                sts = self.start()
                sts.skew_s = skew
                result = self.config(sts).keys()
                self.bad(result, "failed", "SignatureDoesNotMatch", word, "clock")
                seconds = int(re.search(r"(\d+) s ", result["why"])[1])
                self.assertLess(abs(seconds - 3000), 60)

    def test_wrong_certificate(self):
        for cert in ("other", "expired", "stranger"):
            with self.subTest(cert):
                sts = self.start(cert=cert)
                self.bad(self.config(sts).keys(), "failed", STS_NAME)
                self.assertEqual(sts.calls, [])

    def test_first_address_dead(self):
        sts = self.start()
        dead = "127.0.0.1:%d" % lib.free_port()
        self.good(sts, self.config(sts, addresses="%s, %s" % (dead, sts.addresses[0])).keys())
        self.assertEqual(len(sts.calls), 1)

    def test_first_address_hangs_up(self):
        sts = self.start(addresses=[("127.0.0.1", 0), ("127.0.0.1", 0)])
        sts.faults = ["reset"]
        self.good(sts, self.config(sts).keys())
        self.assertEqual([c["address"] for c in sts.calls], sts.addresses)

    def test_answers_are_not_asked_for_twice(self):
        """An error is the service's answer, whichever address it came from."""
        sts = self.start(addresses=[("127.0.0.1", 0), ("127.0.0.1", 0)])
        sts.faults = ["500"]
        self.bad(self.config(sts).keys(), "failed", "InternalFailure")
        self.assertEqual(len(sts.calls), 1)

    def test_all_addresses_dead(self):
        sts = self.start()
        dead = ", ".join("127.0.0.1:%d" % lib.free_port() for _ in range(3))
        self.bad(self.config(sts, addresses=dead).keys(), "failed", STS_NAME, "3 addresses")


class WebIdentity(Role):
    def config(self, sts, token=TOKEN, **more):
        keys = dict(source="web-identity", source_credentials=None, token_file="token")
        keys.update(more)
        config = super().config(sts, **keys)
        self.token_file = config.folder / "token"
        if token is not None:
            self.token_file.write_bytes(token.encode())
        return config

    def test_plain(self):
        sts = self.start(tokens=[TOKEN])
        result = self.config(sts, duration="30m", session_name="web.{client}").keys(client="bob")
        self.good(sts, result)
        self.assertEqual(sts.calls[0]["form"], {
            "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": ARN, "RoleSessionName": "web.bob",
            "DurationSeconds": "1800", "WebIdentityToken": TOKEN})
        self.assertEqual(result["origin"], "role %s as web.bob from %s" % (ARN, STS_NAME))

    def test_token_is_read_anew(self):
        sts = self.start(tokens=["first-token", "second-token"])
        config = self.config(sts, token="first-token\n")
        self.good(sts, config.keys())
        self.token_file.write_bytes(b"second-token\r\n")
        self.good(sts, config.keys())
        self.assertEqual([c["form"]["WebIdentityToken"] for c in sts.calls], ["first-token", "second-token"])

    def test_environment(self):
        sts = self.start(tokens=[TOKEN])
        config = self.config(sts, role_arn=None, token_file=None)
        token_file = dict(AWS_WEB_IDENTITY_TOKEN_FILE=str(self.token_file))
        self.assertIn("AWS_ROLE_ARN", config.refused("role_arn", **token_file))
        self.assertIn("AWS_WEB_IDENTITY_TOKEN_FILE", config.refused("token_file", AWS_ROLE_ARN=ARN))
        self.good(sts, config.keys(AWS_ROLE_ARN=ARN, AWS_ROLE_SESSION_NAME="from-outside", **token_file))
        self.assertEqual(sts.calls[0]["form"]["RoleSessionName"], "from-outside")
        self.assertIn("session_name = a/b: write it of", config.refused("session_name", AWS_ROLE_ARN=ARN,
                                                                       AWS_ROLE_SESSION_NAME="a/b", **token_file))

    def test_no_region_is_needed_for_a_url(self):
        """Nothing is signed."""
        sts = self.start(tokens=[TOKEN])
        self.good(sts, self.config(sts, region=None).keys())

    def test_bad_token_files(self):
        sts = self.start()
        config = self.config(sts)
        for name, content, word in (("empty", b"", "empty"), ("newline", b"\n", "empty"), ("long", b"x" * 20001, "too long"),
                                    ("two lines", b"abcd\nabcd", "visible ASCII"), ("NUL", b"ab\0cd", "visible ASCII"),
                                    ("huge", b"x" * 5000000, "too long")):
            with self.subTest(name):
                self.token_file.write_bytes(content)
                self.bad(config.keys(), "failed", str(self.token_file), word)
        self.token_file.unlink()
        self.bad(config.keys(), "failed", str(self.token_file), "No such file")
        os.mkfifo(self.token_file)
        self.bad(config.keys(), "failed", str(self.token_file), "not a regular file")
        self.assertEqual(sts.calls, [])

    def test_longest_token(self):
        token = "t" * 20000
        sts = self.start(tokens=[token])
        self.good(sts, self.config(sts, token=token + "\n").keys())

    def test_refused_tokens(self):
        sts = self.start(tokens=[])
        self.bad(self.config(sts).keys(), "refused", "InvalidIdentityToken", "token_file")


def policy(actions, resources=None, principal=None):
    statement = {"Effect": "Allow", "Action": actions}
    statement.update({"Resource": resources} if resources else {"Principal": principal})
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class CephRoles(unittest.TestCase):
    """Ceph's gateway gives the keys, and takes them: of a role that may read one bucket."""

    @classmethod
    def setUpClass(cls):
        cls.ceph = lib.Ceph(RGW_STS_KEY="0123456789abcdef")
        cls.addClassCleanup(cls.ceph.close)
        cls.issuer = Issuer(lib.WORK, (cls.ceph.outside, 0))
        cls.addClassCleanup(cls.issuer.close)
        cls.make_role("backup", {"AWS": ["arn:aws:iam:::user/onramp"]}, "sts:AssumeRole")
        cls.make_role("web", {"Federated": ["arn:aws:iam:::oidc-provider/" + cls.issuer.url.partition("//")[2]]},
                      "sts:AssumeRoleWithWebIdentity")
        form = "&".join("%s=%s" % (n, lib.s3raw.quote(v)) for n, v in (
            ("Action", "CreateOpenIDConnectProvider"), ("Version", "2010-05-08"), ("Url", cls.issuer.url),
            ("ClientIDList.member.1", "onramp"), ("ThumbprintList.member.1", cls.issuer.thumbprint)))
        answers = [cls.ceph.request("POST", "/", form.encode(), [("Content-Type", "application/x-www-form-urlencoded")],
                                    service="iam", send_payload=False)]
        answers += [cls.ceph.request("PUT", target, b"content" if "/" in target[1:] else b"")
                    for target in ("/open", "/open/object", "/closed", "/closed/object")]
        if any(answer.status != 200 for answer in answers):
            raise AssertionError("not set up: %s" % answers)

    @classmethod
    def make_role(cls, name, principal, action):
        cls.ceph.admin("role", "create", "--role-name", name, "--path", "/", "--assume-role-policy-doc",
                       policy([action], principal=principal))
        cls.ceph.admin("role-policy", "put", "--role-name", name, "--policy-name", "read", "--policy-doc",
                       policy(["s3:GetObject"], ["arn:aws:s3:::open/*"]))

    def sections(self, **role):
        """What the program needs to have the keys, as text: [credentials up], [credentials role]."""
        return (lib.section("credentials up", access_key_id=lib.UPSTREAM_KEY[0], secret_access_key=lib.UPSTREAM_KEY[1])
                + lib.section("credentials role", region=lib.REGION, service_url="https://" + lib.S3_NAME, timeout="60s",
                              addresses=", ".join("%s:443" % a for a in self.ceph.addresses),
                              ca_file=lib.certificates() / "ca.pem", **role))

    def config(self, **role):
        config = Config()
        config.file.write_text(config.file.read_text().replace("[credentials role]\n", self.sections(**role)))
        return config

    def check_works(self, result, role, session):
        """The keys have the role's rights: no fewer, no more, and the token belongs to them."""
        self.assertEqual((result["outcome"], result["why"]), ("good", ""))
        self.assertEqual(result["origin"], "role arn:aws:iam:::role/%s as %s from %s" % (role, session, lib.S3_NAME))
        token = [("x-amz-security-token", result["token"])]
        for target, headers, status in (("/open/object", token, 200), ("/closed/object", token, 403), ("/open/object", [], 403)):
            answer = self.ceph.request("GET", target, headers=headers, key=(result["id"], result["secret"]))
            self.assertEqual(answer.status, status, "%s: %r" % (target, answer))
            if status == 200:
                self.assertEqual(answer.body, b"content")

    def check_expiry(self, result, seconds):
        self.assertLess(abs(result["expires"] - time.time() - seconds), 120)

    def assume(self, **more):
        return self.config(**dict(dict(source="assume-role", role_arn="arn:aws:iam:::role/backup", source_credentials="up"),
                                  **more))

    def web(self, token, **more):
        config = self.config(**dict(dict(source="web-identity", role_arn="arn:aws:iam:::role/web", session_name="w-{client}",
                                         token_file="token"), **more))
        (config.folder / "token").write_text(token)
        return config

    def test_assume_role(self):
        result = self.assume(session_name="of-{client}", duration="15m", external_id="e-1", tags="k=v").keys(client="alice")
        self.check_works(result, "backup", "of-alice")
        self.check_expiry(result, 900)

    def test_assume_role_refused(self):
        for words, more in ((("NoSuchEntity", "role_arn"), {"role_arn": "arn:aws:iam:::role/none"}),
                            (("AccessDenied", "trust policy"), {"role_arn": "arn:aws:iam:::role/web"}),
                            (("InvalidArgument", "duration"), {"duration": "2h"})):
            with self.subTest(words[0]):
                result = self.assume(**more).keys()
                self.assertEqual(result["outcome"], "refused", result)
                for word in words:
                    self.assertIn(word, result["why"])

    def test_web_identity(self):
        asked = len(self.issuer.asked)
        token = self.issuer.token(sub="machine-1", aud="onramp", client_id="onramp")
        result = self.web(token + "\n").keys(client="bob")
        self.check_works(result, "web", "w-bob")
        self.check_expiry(result, 3600)
        self.assertEqual(self.issuer.asked[asked:], ["/.well-known/openid-configuration", "/keys"])

    def test_web_identity_refused(self):
        right = dict(sub="machine-1", aud="onramp", client_id="onramp")
        good = self.issuer.token(**right)
        head, claims, signature = good.split(".")
        for name, token in (("over", self.issuer.token(lifetime_s=-100, **right)),
                            ("another audience", self.issuer.token(sub="machine-1", aud="x", client_id="x")),
                            ("forged", ".".join((head, claims, signature[:-8] + "AAAAAAAA"))), ("garbage", "garbage")):
            with self.subTest(name):
                result = self.web(token).keys(client="bob")
                self.assertEqual(result["outcome"], "refused", result)
                self.assertIn("AccessDenied", result["why"])


if __name__ == "__main__":
    lib.main()
