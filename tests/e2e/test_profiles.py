# SPDX-License-Identifier: Apache-2.0
"""Profiles of the AWS tools' shared files, credential processes and the chain of sources: the keys that a [credentials]
section gives, in full, against those that the AWS CLI gets from the same files and the same environment, and the reader of
these files against botocore's on odd and random ones."""
import datetime
import hashlib
import http.server
import json
import os
import pathlib
import pwd
import random
import re
import ssl
import threading
import time
import unittest

import botocore.configloader
import botocore.exceptions

import lib
import metadata
import sts

FETCH_KEYS = os.environ.get("FETCH_KEYS", str(lib.ROOT / "build" / "tests" / "fetch_keys"))
PROFILE_PRINT = os.environ.get("PROFILE_PRINT", str(lib.ROOT / "build" / "tests" / "profile_print"))
PYTHON = "/usr/bin/python3"  # Debian's, which has the AWS CLI
LONG = "T" * 5000
NO_FILES = dict(AWS_CONFIG_FILE="/nonexistent/c", AWS_SHARED_CREDENTIALS_FILE="/nonexistent/s")

CREDENTIALS = """
# a comment
; another
[default]
aws_access_key_id = AKIADEFAULT000000001
aws_secret_access_key = default/secret+0123456789012345678901234
[both]
aws_access_key_id = AKIABOTHCREDS0000001
aws_secret_access_key = both/credentials
aws_session_token = bothtoken==
[my team]
aws_access_key_id: AKIAQUOTEDNAME000001
AWS_SECRET_ACCESS_KEY : quoted/name
[long]
aws_access_key_id = AKIALONGTOKEN0000001
aws_secret_access_key=long/secret
  # an indented comment
aws_session_token=%s
[old]
aws_access_key_id = AKIAOLDTOKEN00000001
aws_secret_access_key = old/secret
aws_security_token = oldtoken
aws_session_token = newtoken
[over]
aws_access_key_id = AKIAOVERPROCESS00001
aws_secret_access_key = over/process
[from-credentials]
credential_process = TOOL static
[half]
region = eu-west-1
""" % LONG

CONFIG = """
[default]
region = ap-northeast-1
s3 =
  max_concurrent_requests = 20
  addressing_style = path
[profile both]
aws_access_key_id = AKIABOTHCONFIG000001
aws_secret_access_key = both/config
aws_session_token = configtoken
[profile config-only]
aws_access_key_id = AKIACONFIGONLY000001
aws_secret_access_key = config/only
[profile "quoted config"]
aws_access_key_id = AKIAQUOTEDCONFIG0001
aws_secret_access_key = quoted/config
[profile process]
credential_process = TOOL expiring 'two words' "and \\"quotes\\"" back\\ slash
[profile process-static]
credential_process = TOOL
  static
[profile process-first]
credential_process = TOOL static
aws_access_key_id = AKIANOTTHIS000000001
aws_secret_access_key = not/this
[profile over]
credential_process = TOOL static
[profile half]
aws_access_key_id = AKIAHALFCONFIG000001
aws_secret_access_key = half/config
[services unused]
s3 =
  endpoint_url = http://127.0.0.1:1
[profile services]
services = unused
aws_access_key_id = AKIASERVICES00000001
aws_secret_access_key = services/secret
"""

PROFILES = ["default", "both", "my team", "long", "old", "over", "from-credentials", "half", "config-only", "quoted config",
            "process", "process-static", "process-first", "services"]

TOOL = """#!/usr/bin/python3
import json, sys
print("SECRET on standard error", file=sys.stderr)
keys = {"Version": 1, "AccessKeyId": "AKIAPROCESS000000001", "SecretAccessKey": "process/" + "|".join(sys.argv[1:])}
if sys.argv[1] == "expiring":
    keys.update(SessionToken="processtoken", Expiration="2099-11-24T12:34:56Z")
if sys.argv[1] == "expired":
    keys.update(SessionToken="processtoken", Expiration="2001-11-24T12:34:56Z")
print(json.dumps(keys))
"""


def setUpModule():
    global folder
    folder = lib.WORK / "aws files"
    folder.mkdir()
    tool = folder / "tool"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    for name, text in (("config", CONFIG), ("credentials", CREDENTIALS)):
        write_secret(folder / name, text.replace("TOOL", "'%s'" % tool))


def write_secret(path, text):
    path.touch(0o600)
    path.write_text(text)


def environment(**variables):
    variables = {"AWS_CONFIG_FILE": folder / "config", "AWS_SHARED_CREDENTIALS_FILE": folder / "credentials", **variables}
    variables = {name: value for name, value in variables.items() if value is not None}
    return {**lib.Proxy.environment(), **lib.clean_environment(**variables)}


def fetch(sections, env):
    """Section → what its source gave; keys of a section as a dict."""
    text = lib.section("server", private_networks="127.0.0.0/8")
    text += lib.section("endpoint tokyo", name=lib.VPCE_NAME, addresses="127.0.0.1:1", credentials=next(iter(sections)))
    text += lib.section("listener plain", mode="endpoint", bind="127.0.0.1:1")
    for name, keys in sections.items():
        text += lib.section("credentials " + name, **keys)
    config = folder / "s3onramp.ini"
    config.touch(0o600)
    config.write_text(text)
    return {name: fetch_section(config, name, env) for name in sections}


def fetch_section(config, name, env):
    out = lib.run(FETCH_KEYS, config, name, env=env, check=False)
    if out.returncode not in (0, 1) or out.stderr:
        raise AssertionError("%s: %d\n%s" % (name, out.returncode, out.stderr))
    answer = json.loads(out.stdout)
    answer["detail"] = answer["origin"] if answer["outcome"] == "good" else answer["why"]
    return answer


def fetch_one(env, **keys):
    return fetch({"x": keys}, env)["x"]


def four(answer):
    return tuple(answer[key] for key in ("id", "secret", "token", "expires"))


AWS_CLI = """
import contextlib, io, os, sys
import awscli.clidriver
for profile in sys.argv[1:]:
    out = io.StringIO()
    os.environ.pop("_AWS_CLI_PROFILE_CHAIN", None)  # how it counts runs within each other
    with contextlib.redirect_stdout(out):
        code = awscli.clidriver.create_clidriver().main(["configure", "export-credentials", "--format", "process"]
                                                        + (["--profile", profile] if profile else []))
    print(out.getvalue().replace("\\n", "") if code == 0 else "null")
"""


def aws_keys_of(env, profiles):
    """The same four of each profile ("": none is named) from the AWS CLI, run in one process; None if it finds none."""
    out = lib.run(PYTHON, "-c", AWS_CLI, *profiles, env=env)
    for keys in map(json.loads, filter(str.strip, out.stdout.splitlines())):
        if keys is None:
            yield None
            continue
        expires = keys.get("Expiration")
        yield (keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"),
               int(datetime.datetime.fromisoformat(expires.replace("Z", "+00:00")).timestamp()) if expires else 0)


def aws_keys(env, profile=None):
    return next(aws_keys_of(env, [profile or ""]))


class Profiles(unittest.TestCase):
    def test_same_keys_as_the_aws_cli(self):
        env = environment()
        got = fetch({"p%d" % i: dict(source="profile", profile=name) for i, name in enumerate(PROFILES)}, env)
        for i, (name, expected) in enumerate(zip(PROFILES, aws_keys_of(env, PROFILES), strict=True)):
            with self.subTest(profile=name):
                self.assertEqual(got["p%d" % i]["outcome"], "good", got["p%d" % i]["detail"])
                self.assertIsNotNone(expected)
                self.assertEqual(four(got["p%d" % i]), expected)
        self.assertEqual(got["p%d" % PROFILES.index("long")]["token"], LONG)
        self.assertIn("profile my team in %s" % (folder / "credentials"), got["p2"]["detail"])

    def test_environment_names_profile_and_home_has_files(self):
        home = lib.WORK / "home"
        (home / ".aws").mkdir(parents=True)
        for name in ("config", "credentials"):
            write_secret(home / ".aws" / name, (folder / name).read_text())
        nowhere = dict(AWS_CONFIG_FILE=None, AWS_SHARED_CREDENTIALS_FILE=None)
        at_home = {**environment(AWS_PROFILE="both", HOME=home)}
        for name in nowhere:
            del at_home[name]
        self.assertEqual(four(fetch_one(at_home, source="profile")), aws_keys(at_home))
        tilde = {**at_home, "AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/none",
                 "AWS_DEFAULT_PROFILE": "config-only"}  # AWS_PROFILE goes before it
        self.assertEqual(four(fetch_one(tilde, source="profile")), aws_keys(tilde))
        del at_home["HOME"]  # the user's home then, which the system knows
        answer = fetch_one(at_home, source="profile", profile="no-such-profile")
        self.assertIn(pwd.getpwuid(os.geteuid()).pw_dir + "/.aws/credentials", answer["detail"])

    def test_files_of_the_section(self):
        env = environment(AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent", AWS_PROFILE="old")
        answer = fetch_one(env, source="profile", profile="both", config_file=folder / "config",
                           shared_credentials_file=folder / "credentials")
        self.assertEqual(four(answer)[:2], ("AKIABOTHCREDS0000001", "both/credentials"))

    def test_mistakes_are_explained(self):
        config, credentials = folder / "bad-config", folder / "bad-credentials"
        write_secret(config, """[profile broken]
role_arn = arn:aws:iam::1:role/r
[profile mfa]
role_arn = arn:aws:iam::1:role/r
source_profile = keys
mfa_serial = arn:aws:iam::1:mfa/me
[profile loop]
role_arn = arn:aws:iam::1:role/r
source_profile = loop
[profile gone]
credential_process = /nonexistent/tool SECRET
[profile fails]
credential_process = sh -c 'echo SECRET >&2; exit 7'
[profile killed]
credential_process = sh -c 'kill -9 $$'
[profile slow]
credential_process = sh -c 'sleep 600 & sleep 600' SECRET
[profile much]
credential_process = sh -c 'yes SECRET'
[profile rubbish]
credential_process = echo SECRET
[profile quote]
credential_process = echo 'SECRET
[profile expired]
credential_process = '%s' expired
""" % (folder / "tool"))
        write_secret(credentials, "[keys]\naws_access_key_id = AK\naws_secret_access_key = SECRET # comment\n")
        expected = {
            "broken": ("refused", "bad-config:2: profile broken: role_arn needs source_profile"),
            "mfa": ("refused", "mfa_serial"),
            "loop": ("refused", "bad-config:9: profile loop: source_profile names the profile itself"),
            "keys": ("refused", "bad-credentials:3: profile keys: aws_secret_access_key holds spaces"),
            "gone": ("refused", "/nonexistent/tool cannot be run: No such file"),
            "fails": ("failed", "credential_process of profile fails: sh ended with code 7; run it by hand as user"),
            "killed": ("failed", "sh was ended by signal 9"),
            "slow": ("failed", "sh did not end within 500 ms; set `timeout` of [credentials slow]"),
            "much": ("failed", "sh printed more than 65536 bytes"),
            "rubbish": ("failed", "what echo printed is not usable"),
            "quote": ("refused", "a quote (') is not closed"),
            "expired": ("failed", "printed keys that have expired already"),
            "nobody": ("refused", "no profile nobody: %s lacks it, %s lacks it" % (credentials, config)),
        }
        got = fetch({name: dict(source="profile", profile=name, timeout="500ms" if name == "slow" else "5m")
                     for name in expected}, environment(AWS_CONFIG_FILE=config, AWS_SHARED_CREDENTIALS_FILE=credentials))
        for name, (outcome, words) in expected.items():
            with self.subTest(profile=name):
                self.assertEqual(got[name]["outcome"], outcome, got[name]["detail"])
                self.assertIn(words, got[name]["detail"])
                self.assertNotIn("SECRET", got[name]["detail"])
                self.assertIsNone(got[name]["secret"])

    def test_programs_are_not_run_for_others(self):
        """Who may write either file says which program runs with the proxy's rights."""
        config, credentials, ran = folder / "w-config", folder / "w-credentials", folder / "ran"
        write_secret(config, "[profile p]\ncredential_process = sh -c '>\"%s\"; exit 7'\n" % ran)
        write_secret(credentials, "[other]\n")
        for writable in (config, credentials, None):
            for path in (config, credentials):
                path.chmod(0o646 if path == writable else 0o644)
            answer = fetch_one(environment(AWS_CONFIG_FILE=config, AWS_SHARED_CREDENTIALS_FILE=credentials), source="profile",
                               profile="p")
            self.assertEqual(answer["outcome"], "refused" if writable else "failed", answer["detail"])
            if writable:
                self.assertIn("credential_process is not run: ", answer["detail"])
                self.assertIn(str(writable), answer["detail"])
            self.assertEqual(ran.exists(), not writable)

    def test_files_that_cannot_be_used(self):
        bad, open_to_all = folder / "bad", folder / "open"
        write_secret(bad, "[default]\nnothing\n")
        write_secret(open_to_all, "[default]\naws_access_key_id = AK\naws_secret_access_key = SECRET\n")
        open_to_all.chmod(0o644)
        for path, outcome, words in (
                (bad, "refused", "%s:2: neither '[section]' nor 'key = value'" % bad),
                (open_to_all, "refused", "everybody may read the keys in %s (mode 644); run `chmod 600`" % open_to_all),
                ("/dev/null", "absent", "/dev/null is not a regular file"),
                ("/nonexistent/file", "absent", "/nonexistent/file does not exist")):
            with self.subTest(path=path):
                answer = fetch_one(environment(AWS_CONFIG_FILE="/dev/null"), source="profile", shared_credentials_file=path)
                self.assertEqual(answer["outcome"], outcome, answer["detail"])
                self.assertIn(words, answer["detail"])
                self.assertNotIn("SECRET", answer["detail"])

    def test_fetch_command_masks(self):
        fetch_one(environment(), source="profile", profile="process")
        out = lib.run(lib.PROGRAM, "credentials", "x", "--fetch", "--json", "-c", folder / "s3onramp.ini", env=environment())
        told = json.loads(out.stdout)
        self.assertEqual((told["access_key_id"], told["expires"], told["temporary"]), ("AKIA…0001", "2099-11-24T12:34:56Z", True))
        self.assertIn("credential_process of profile process: %s" % (folder / "tool"), told["detail"])
        self.assertNotIn("process/", out.stdout + out.stderr)
        self.assertNotIn("SECRET", out.stdout + out.stderr)


class Process(unittest.TestCase):
    def test_source_process(self):
        answer = fetch_one(environment(), source="process", command="'%s' expiring \"a b\"" % (folder / "tool"))
        self.assertEqual(four(answer), ("AKIAPROCESS000000001", "process/expiring|a b", "processtoken", 4099206896))
        self.assertEqual(answer["detail"], "[credentials x]: %s" % (folder / "tool"))


class Chain(unittest.TestCase):
    ENV_KEYS = dict(AWS_ACCESS_KEY_ID="AKIAENVIRONMENT00001", AWS_SECRET_ACCESS_KEY="environment/secret",
                    AWS_SESSION_TOKEN="environmenttoken")

    def same(self, env, profile=None):
        answer = fetch_one(env, source="chain", profile=profile)
        self.assertEqual(answer["outcome"], "good", answer["detail"])
        self.assertEqual(four(answer), aws_keys(env, profile))
        return answer

    def test_environment_before_everything(self):
        self.assertEqual(self.same(environment(**self.ENV_KEYS))["id"], "AKIAENVIRONMENT00001")

    def test_environment_before_the_environments_profile(self):
        answer = self.same(environment(AWS_PROFILE="both", **self.ENV_KEYS))
        self.assertEqual(answer["id"], "AKIAENVIRONMENT00001")

    def test_a_named_profile_before_the_environment(self):
        answer = self.same(environment(**self.ENV_KEYS), "both")
        self.assertEqual(answer["id"], "AKIABOTHCREDS0000001")

    def test_default_profile(self):
        self.assertEqual(self.same(environment())["id"], "AKIADEFAULT000000001")

    def test_profile_of_the_environment(self):
        self.same(environment(AWS_PROFILE="process-static"))

    def test_a_mistake_ends_the_chain(self):
        answer = fetch_one(environment(AWS_PROFILE="no-such-profile"), source="chain")
        self.assertEqual(answer["outcome"], "refused")
        self.assertIn("no profile no-such-profile", answer["detail"])

    def test_a_web_identity_without_role_ends_the_chain(self):
        answer = fetch_one(environment(AWS_WEB_IDENTITY_TOKEN_FILE="/nonexistent"), source="chain")
        self.assertEqual(answer["outcome"], "refused")
        self.assertIn("set role_arn in the profile or AWS_ROLE_ARN", answer["detail"])

    def test_nothing_anywhere_tells_all_places(self):
        env = environment(**NO_FILES)
        self.assertIsNone(aws_keys(env))
        nobody = dict(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9")
        for more, words in (({}, "AWS_EC2_METADATA_DISABLED is true: instance metadata is not asked"),
                            (nobody, "no metadata service here, so this is no EC2 instance or it cannot be reached: 127.0.0.1:9")):
            answer = fetch_one({**env, **more}, source="chain")
            self.assertEqual(answer["outcome"], "absent")
            self.assertTrue(answer["detail"].startswith(
                "nothing found; set keys or another source in [credentials x]. Looked for: AWS_ACCESS_KEY_ID is not set; no profile "
                "default: /nonexistent/s does not exist, /nonexistent/c does not exist; no container's role "
                "(AWS_CONTAINER_CREDENTIALS_FULL_URI is not set); " + words), answer["detail"])


class Services(unittest.TestCase):
    """With STS and metadata services of the tests' own."""
    ROLE = "arn:aws:iam::123456789012:role/"
    BASE = ("AKIABASE000000000001", "base/secret with a blank")
    CONFIG = """
[profile base]
aws_access_key_id = %s
aws_secret_access_key = %s
[profile plain]
role_arn = ROLE-plain
source_profile = base
external_id = a=b,c/d:e@f
duration_seconds = 7200
role_session_name = of.plain
[profile outer]
role_arn = ROLE-outer
source_profile = plain
duration_seconds = 7200
[profile environment]
role_arn = ROLE-environment
credential_source = Environment
[profile container]
role_arn = ROLE-container
credential_source = EcsContainer
[profile instance]
role_arn = ROLE-instance
credential_source = Ec2InstanceMetadata
[profile web]
role_arn = ROLE-web
web_identity_token_file = TOKEN
role_session_name = of.web
duration_seconds = 900
[profile above-web]
role_arn = ROLE-above
source_profile = web
[profile nothing]
role_arn = ROLE-nothing
credential_source = Environment
""" % BASE

    @classmethod
    def setUpClass(cls):
        cls.token = folder / "web token"
        cls.token.write_text("eyJhbGciOi.e30.c2ln\n")
        write_secret(folder / "roles", cls.CONFIG.replace("ROLE-", cls.ROLE).replace("TOKEN", str(cls.token)))

    def setUp(self):
        certificates = lib.certificates()
        self.sts = sts.Sts(certificates / "sts.pem", certificates / "sts.key", {self.BASE[0]: (self.BASE[1], None)},
                           region=lib.REGION, tokens=["eyJhbGciOi.e30.c2ln"])
        self.addCleanup(self.sts.close)

    def serve(self):
        """A metadata service; STS knows the keys that it gives."""
        server = metadata.Server()
        self.addCleanup(server.close)
        issue = server.issue

        def issue_and_tell(**changes):
            document = issue(**changes)
            self.sts.keys[document["AccessKeyId"]] = (document["SecretAccessKey"], document["Token"])
            return document
        server.issue = issue_and_tell
        return server

    @staticmethod
    def container(server):
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url + server.container_path}

    @staticmethod
    def instance(server):
        return {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}

    def ask(self, profile=None, source="profile", **variables):
        files = dict(AWS_CONFIG_FILE=folder / "roles", AWS_SHARED_CREDENTIALS_FILE="/nonexistent/s")
        return fetch_one(environment(**{**files, **variables}), source=source, profile=profile, region=lib.REGION,
                         service_url="https://sts.%s.amazonaws.com" % lib.REGION, addresses=", ".join(self.sts.addresses),
                         ca_file=lib.certificates() / "ca.pem", timeout="60s")

    def check_role(self, answer, *roles):
        """The keys are those of the last of `roles`, one asked for with the keys of the one before."""
        self.assertEqual(answer["outcome"], "good", (answer["detail"], [call["verdict"] for call in self.sts.calls]))
        self.assertEqual([call["form"]["RoleArn"] for call in self.sts.calls], [self.ROLE + role for role in roles])
        for before, call in zip(self.sts.calls, self.sts.calls[1:]):
            self.assertEqual(call["key_id"], before["issued"])
        access = self.sts.calls[-1]["issued"]
        issued = self.sts.issued[access]
        self.assertEqual(four(answer), (access, issued["secret"], issued["token"], issued["expires"]))
        return self.sts.calls[0]

    def form(self, call):
        return {name: value for name, value in call["form"].items() if name not in ("Version", "RoleArn")}

    def test_role(self):
        answer = self.ask("plain")
        call = self.check_role(answer, "plain")
        self.assertEqual(call["key_id"], self.BASE[0])
        self.assertEqual(self.form(call), {"Action": "AssumeRole", "RoleSessionName": "of.plain", "DurationSeconds": "7200",
                                           "ExternalId": "a=b,c/d:e@f"})
        self.assertEqual(answer["detail"], "profile plain: role %splain as of.plain from sts.%s.amazonaws.com"
                         % (self.ROLE, lib.REGION))

    def test_role_of_a_role(self):
        answer = self.ask("outer")
        call = self.check_role(answer, "plain", "outer")
        self.assertEqual((call["key_id"], call["form"]["ExternalId"]), (self.BASE[0], "a=b,c/d:e@f"))
        form = self.form(self.sts.calls[1])
        self.assertTrue(form.pop("RoleSessionName").startswith("s3onramp-"))
        self.assertEqual(form, {"Action": "AssumeRole", "DurationSeconds": "3600"})  # no more for temporary keys
        self.assertIn("for 1h only", answer["detail"])

    def test_base_in_the_environment(self):
        variables = dict(AWS_ACCESS_KEY_ID=self.BASE[0], AWS_SECRET_ACCESS_KEY=self.BASE[1])
        call = self.check_role(self.ask("environment", **variables), "environment")
        self.assertEqual((call["key_id"], call["form"]["DurationSeconds"]), (self.BASE[0], "3600"))

    def test_base_of_a_container_or_an_instance(self):
        server = self.serve()
        for profile, variables in (("container", self.container(server)), ("instance", self.instance(server))):
            with self.subTest(profile):
                self.sts.calls.clear()
                call = self.check_role(self.ask(profile, **variables), profile)
                self.assertEqual(call["key_id"], server.issued[-1]["AccessKeyId"])
        self.assertEqual(server.kinds(), ["container", "token", "roles", "keys"])
        server.check()

    def test_web_identity(self):
        form = {"Action": "AssumeRoleWithWebIdentity", "RoleSessionName": "of.web", "DurationSeconds": "900",
                "WebIdentityToken": "eyJhbGciOi.e30.c2ln"}
        call = self.check_role(self.ask("web"), "web")
        self.assertEqual((call["key_id"], self.form(call)), (None, form))
        self.sts.calls.clear()
        self.assertEqual(self.form(self.check_role(self.ask("above-web"), "web", "above")), form)

    def test_web_identity_of_the_environment_in_the_chain(self):
        call = self.check_role(self.ask(source="chain", AWS_ROLE_ARN=self.ROLE + "x", AWS_WEB_IDENTITY_TOKEN_FILE=self.token,
                                        AWS_ROLE_SESSION_NAME="from-outside", **NO_FILES), "x")
        self.assertEqual(call["form"]["RoleSessionName"], "from-outside")

    def test_role_in_the_chain(self):
        self.check_role(self.ask("outer", source="chain"), "plain", "outer")
        self.sts.calls.clear()
        self.check_role(self.ask(source="chain", AWS_PROFILE="outer"), "plain", "outer")

    def test_role_that_cannot_be_had(self):
        answer = self.ask("nothing")
        self.assertEqual(answer["outcome"], "failed")
        self.assertTrue(answer["detail"].startswith("profile nothing: no keys to ask for the role with: AWS_ACCESS_KEY_ID is not"))
        self.assertEqual(self.sts.calls, [])
        for source in ("profile", "chain"):  # a role that is refused does not make the chain go on
            self.sts.fault = "access-denied"
            answer = self.ask("outer", source=source)
            self.assertEqual(answer["outcome"], "refused")
            self.assertIn("AccessDenied", answer["detail"])
            self.assertIsNone(answer["id"])
        self.assertEqual({call["form"]["RoleArn"] for call in self.sts.calls}, {self.ROLE + "plain"})

    def check_metadata(self, server, answer, *kinds):
        self.assertEqual(answer["outcome"], "good", answer["detail"])
        issued = server.issued[-1]
        self.assertEqual(four(answer)[:3], (issued["AccessKeyId"], issued["SecretAccessKey"], issued["Token"]))
        self.assertEqual(server.kinds(), list(kinds))
        server.requests.clear()
        server.check()

    def test_container_and_instance_in_the_chain(self):
        container, instance = self.serve(), self.serve()
        variables = {**self.container(container), **self.instance(instance), **NO_FILES}
        self.check_metadata(container, self.ask(source="chain", **variables), "container")
        self.assertEqual(instance.requests, [])
        container.on("container", metadata.status(500))
        self.check_metadata(instance, self.ask(source="chain", **variables), "token", "roles", "keys")
        self.check_metadata(instance, self.ask(source="chain", **self.instance(instance), **NO_FILES), "token", "roles", "keys")
        container.on("container", metadata.status(500))
        instance.on("token", metadata.status(500))
        answer = self.ask(source="chain", **variables)
        self.assertEqual(answer["outcome"], "failed")
        self.assertIn("the container's credential service at 127.0.0.1 answers 500; %s answers 500" % instance.url,
                      answer["detail"])


class Portal(http.server.BaseHTTPRequestHandler):
    """Stands for IAM Identity Center; the role's name says how it answers."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("x-amz-sso_bearer_token")))
        status = int(re.search(r"role_name=(\d+)", self.path)[1])
        body = json.dumps({"roleCredentials": {"accessKeyId": "ASIASSO0000000000001", "secretAccessKey": "sso/secret",
                                               "sessionToken": "ssotoken", "expiration": 4099293296789}}
                          if status == 200 else {"message": "SECRET"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Sso(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lib.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=portal", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "portal.key", "-out",
                folder / "portal.pem")

    def setUp(self):
        self.home = pathlib.Path(lib.tempfile.mkdtemp(dir=lib.WORK))
        (self.home / ".aws" / "sso" / "cache").mkdir(parents=True)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal)
        self.server.seen = []
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "portal.pem", folder / "portal.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()

    def write_token(self, name, **more):
        token = {"startUrl": "https://example.awsapps.com/start", "region": "us-east-1", "accessToken": "TOKEN-" + name,
                 "expiresAt": "2099-01-01T00:00:00Z", **more}
        file = hashlib.sha1(name.encode()).hexdigest() + ".json"
        write_secret(self.home / ".aws" / "sso" / "cache" / file, json.dumps(token))

    def ask(self, role="200", session=True, keys=None, variables=None):
        shared = "sso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n"
        text = "[profile x]\nsso_account_id = 123456789012\nsso_role_name = %s\n" % role
        text += "sso_session = corp\n[sso-session corp]\n" + shared if session else shared
        write_secret(self.home / ".aws" / "config", text)
        return fetch_one(environment(HOME=self.home, AWS_CONFIG_FILE=None, AWS_SHARED_CREDENTIALS_FILE="/nonexistent", **(variables or {})),
                         source="profile", profile="x", config_file=self.home / ".aws" / "config",
                         **(keys or {"sso_url": self.portal()}), ca_file=folder / "portal.pem")

    def portal(self):
        return "https://127.0.0.1:%d" % self.server.server_address[1]

    def test_session(self):
        self.write_token("corp")
        answer = self.ask("200 Admin&Co")
        self.assertEqual(four(answer), ("ASIASSO0000000000001", "sso/secret", "ssotoken", 4099293296), answer["detail"])
        self.assertEqual(answer["detail"], "profile x: SSO role 200 Admin&Co of account 123456789012")
        self.assertEqual(self.server.seen, [("/federation/credentials?role_name=200%20Admin%26Co&account_id=123456789012",
                                             "TOKEN-corp")])

    def test_start_url(self):
        self.write_token("https://example.awsapps.com/start")
        self.assertEqual(self.ask(session=False)["id"], "ASIASSO0000000000001")
        self.assertEqual(self.server.seen[0][1], "TOKEN-https://example.awsapps.com/start")

    def test_token_goes_to_the_portal_alone(self):
        """service_url is STS's, which must not see a person's token. The real portal is behind a proxy that is none."""
        self.write_token("corp")
        answer = self.ask(keys={"service_url": self.portal(), "http_proxy": "yes"},
                          variables={"HTTPS_PROXY": "http://127.0.0.1:1"})
        self.assertEqual(answer["outcome"], "failed")
        self.assertIn("the SSO portal: ", answer["detail"])
        self.assertEqual(self.server.seen, [])

    def test_token_missing_or_expired(self):
        user = pwd.getpwuid(os.geteuid()).pw_name
        answer = self.ask()
        self.assertEqual(answer["outcome"], "refused")
        self.assertIn("no usable SSO token in", answer["detail"])
        self.assertIn("run `aws sso login --sso-session corp` as user " + user, answer["detail"])
        self.write_token("corp", expiresAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60)))
        answer = self.ask()
        self.assertEqual(answer["outcome"], "refused")
        self.assertIn("the SSO token expired at", answer["detail"])
        self.assertIn("run `aws sso login --sso-session corp` as user " + user, answer["detail"])
        self.assertEqual(self.server.seen, [])

    def test_answers(self):
        self.write_token("corp")
        for role, outcome, words in (("401", "refused", "does not take the token any more; run `aws sso login"),
                                     ("403", "refused", "may this user have role 403 of account 123456789012?"),
                                     ("429", "throttled", "asks to slow down"), ("503", "failed", "status 503")):
            with self.subTest(role=role):
                answer = self.ask(role)
                self.assertEqual(answer["outcome"], outcome, answer["detail"])
                self.assertIn(words, answer["detail"])
                self.assertNotIn("SECRET", answer["detail"])


class Reader(unittest.TestCase):
    """Files line by line from a small alphabet; where botocore refuses what stands twice there is nothing to compare."""
    SECTIONS = ["[default]", "[profile a]", "[profile 'a']", "[a]", "[profile b] # c", "[profile \"x y\"]", "[x y]", "[sso-session a]"]
    LINES = ["k = v", "K=w", "l: x = y", "l =", "m = 1 # c", "m : ; d", " k = v", "  l = 2", "\tm = t", "    deep", "      deeper = 1",
             "  [a]", "", " ", "\t", "# c", "  # c", "; c", "k = \x0b v \x1f", "n = é"]
    BAD = ["[]", "[a", "=", "= v", "word"]
    NAMES, KEYS = ["default", "a", "b", "x y", "profile a"], ["k", "l", "m", "n", "deeper", "deep"]

    def botocore(self, kind, path):
        try:
            parsed = botocore.configloader.raw_config_parse(str(path))
        except botocore.exceptions.ConfigParseError as error:
            return None if "already exists" in str(error.kwargs["error"]) else "error"
        if kind == "config":
            parsed = botocore.configloader.build_profile_map(parsed)["profiles"]
        values = [parsed.get(name, {}).get(key) for name in self.NAMES for key in self.KEYS]
        return [None if isinstance(value, dict) else value for value in values]

    def compare(self, kind, text):
        path = folder / "random"
        path.write_bytes(text.encode())
        expected = self.botocore(kind, path)
        if expected is None:
            return False
        out = lib.run(PROFILE_PRINT, kind, path, "|".join(self.NAMES), "|".join(self.KEYS), env=lib.Proxy.environment())
        got = json.loads(out.stdout)
        if isinstance(got, str):
            self.assertRegex(got, r"^FILE:\d+: ")
        self.assertEqual("error" if isinstance(got, str) else got, expected, repr(text))
        return expected != "error" and any(expected)

    def test_reads_as_botocore_does(self):
        chance, told = random.Random(20121124), 0
        for i in range(600):
            lines = chance.sample(self.LINES, chance.randrange(1, 8)) + chance.sample(self.SECTIONS, chance.randrange(2))
            lines += chance.sample(self.BAD, chance.random() < 0.1)
            chance.shuffle(lines)
            if chance.random() < 0.9:
                lines.insert(0, chance.choice(self.SECTIONS))
            text = chance.choice(["\n", "\n", "\r\n", "\r"]).join(lines) + chance.choice(["\n", ""])
            told += self.compare(("config", "credentials")[i % 2], text)
        self.assertGreater(told, 100)


if __name__ == "__main__":
    lib.main()
