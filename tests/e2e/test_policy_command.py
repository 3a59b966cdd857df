# SPDX-License-Identifier: Apache-2.0
"""`s3onramp policy test` and `policy explain`: what a client may do and which statement says so, without a running proxy."""
import json
import unittest

import lib

CONFIG = """
[listener local]
mode = endpoint
[endpoint tokyo]
region = ap-northeast-1
addresses = 10.0.0.1
[credentials default]
source = static
access_key_id = AKIA
secret_access_key = SECRETSECRET
[client alice]
access_key_id = ALICEALICE
secret_access_key = secretsecretsecret
policy = team, scratch
groups = home
allow_from = 10.0.0.0/8, fd00::/8
expires = 2999-01-01
tags.team = archive
[client bob]
access_key_id = BOBBOBBOB
secret_access_key = secretsecretsecret
policy = read-only
disabled = yes
[client carol]
access_key_id = CAROLCAROL
secret_access_key = secretsecretsecret
policy = trial
[client eve]
access_key_id = EVEEVEEVE
secret_access_key = secretsecretsecret
policy = read-only
expires = 2001-01-01
[group home]
policy = home
[policy team]
document = team.json
require = encryption=aws:kms
[policy scratch]
access = read-only
buckets = scratch
deny = DeleteObject*
set = storage_class=STANDARD_IA
expected_owner = 111122223333
[policy home]
prefixes = home/${aws:username}/*
access = read-write
[policy trial]
buckets = scratch
mode = warn
"""
DOCUMENT = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::reports/2024/*"},
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::reports",
     "Condition": {"StringLike": {"s3:prefix": "2024/*"}}},
    {"Sid": "Mine", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::by-team/${aws:PrincipalTag/team}/*"},
    {"Sid": "Office", "Effect": "Deny", "Action": "s3:*", "Resource": "*",
     "Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "fd00::/8"]}}}
  ]
}
"""
EXPECTATIONS = """# what must hold
allowed alice GetObject s3://reports/2024/a from=10.1.1.1
refused alice s3:GetObject "s3://reports/2023/a b" from=10.1.1.1   # last year's
allowed alice ListBucket s3://reports from=10.1.1.1 s3:prefix=2024/x
allowed alice ListBucket s3://reports/2024/ from=10.1.1.1
refused alice ListBucket s3://reports from=10.1.1.1

refused alice DeleteObject s3://home/alice/a from=10.1.1.1
"""


DELETE = ("POST /reports?delete HTTP/1.1\r\nHost: s3.ap-northeast-1.amazonaws.com\r\nContent-Length: 102\r\n\r\n"
          "<Delete><Object><Key>2024/a</Key></Object><Object><Key>x</Key><VersionId>v</VersionId></Object></Delete>")
COPY = ("PUT /home/alice/new HTTP/1.1\r\nHost: s3.ap-northeast-1.amazonaws.com\r\nx-amz-copy-source: /reports/2024/a\r\n"
        "x-amz-server-side-encryption: aws:kms\r\nx-amz-tagging-directive: REPLACE\r\n\r\n")


def setUpModule():
    global folder
    folder = lib.WORK / "policy"
    folder.mkdir()
    for name, text in (("s3onramp.ini", CONFIG), ("team.json", DOCUMENT), ("expect", EXPECTATIONS),
                       ("delete.http", DELETE), ("copy.http", COPY), ("lacks.http", COPY.replace("aws:kms", "AES256"))):
        (folder / name).touch(0o600)
        (folder / name).write_text(text)


def policy(*words, config="s3onramp.ini"):
    return lib.run(lib.PROGRAM, "policy", *words, "-c", config, cwd=folder, check=False, env=lib.Proxy.environment())


def line_of(name, text):
    lines = (folder / name).read_text().splitlines()
    return "%s:%d" % (name, next(i for i, line in enumerate(lines, 1) if text in line))


class Test(unittest.TestCase):
    maxDiff = None

    def test_one_question(self):
        office = ("--from", "10.1.1.1")
        rows = (
            (("alice", "GetObject", "s3://reports/2024/a", *office), 0, "by policy team, statement Read (%s)" % line_of("team.json", "Read")),
            (("alice", "S3:getobject", "s3://reports/2024/a", "--from", "fd00::1"), 0, "statement Read"),
            (("alice", "s3:GetObject", "s3://reports/2023/a", *office), 1, "because no policy of the client allows it (team, scratch, home)"),
            (("alice", "s3:GetObject", "s3://reports/2024/a"), 1, "with an explicit deny in policy team, statement Office (%s)\n"
             "  (there are conditions on aws:SourceIp: say --from IP)" % line_of("team.json", "Office")),
            (("alice", "s3:GetObject", "s3://reports/2024/a", "--from", "11.1.1.1"), 1, "client alice may not come from there"),
            (("alice", "s3:ListBucket", "s3://reports/2024/", *office), 0, "on arn:aws:s3:::reports with prefix 2024/\n  by policy team, statement 2 ("),
            (("alice", "s3:ListBucket", "s3://reports/", *office), 1, "because no policy"),
            (("alice", "s3:ListBucket", "s3://reports", "--with", "s3:prefix=2024/x", *office), 0, "statement 2"),
            (("alice", "s3:GetObject", "s3://by-team/archive/x", *office), 0, "statement Mine"),
            (("alice", "s3:GetObject", "s3://by-team/other/x", *office), 1, "because no policy"),
            (("alice", "s3:PutObject", "s3://home/alice/x", *office), 0, "by policy home, statement prefixes (%s)" % line_of("s3onramp.ini", "prefixes")),
            (("alice", "s3:DeleteObject", "s3://home/alice/x", *office), 1, "with an explicit deny in policy scratch, statement deny (%s)" %
             line_of("s3onramp.ini", "deny =")),
            (("alice", "s3:ListAllMyBuckets", *office), 0, "may s3:ListAllMyBuckets on *"),
            (("bob", "s3:GetObject", "s3://reports/x"), 1, "because client bob is disabled"),
            (("carol", "s3:GetObject", "s3://reports/x"), 0, "because no policy of the client allows it (trial); let through, since its mode is warn"),
        )
        for words, code, text in rows:
            with self.subTest(words):
                result = policy("test", *words)
                self.assertEqual((result.returncode, result.stderr), (code, ""), result.stdout)
                self.assertTrue(result.stdout.startswith("refused: " if code else "allowed: "), result.stdout)
                self.assertIn(text, result.stdout)
                told = json.loads(policy("test", *words, "--json").stdout)
                self.assertEqual((told["allowed"], told["client"]), (code == 0, words[0]))

    def test_for_programs(self):
        told = json.loads(policy("test", "alice", "GetObject", "s3://reports/2024/a", "--from", "10.1.1.1", "--json").stdout)
        self.assertEqual(told, {"client": "alice", "action": "s3:GetObject", "resource": "arn:aws:s3:::reports/2024/a", "allowed": True,
                                "decision": "allowed", "warned": False, "policy": "team", "statement": "Read",
                                "place": line_of("team.json", "Read"), "client_is": None})

    def test_a_captured_request(self):
        """All that it asks for, whoever signed it, its body included."""
        def asked(*words):
            result = policy("test", *words, "--json")
            told = json.loads(result.stdout)
            self.assertEqual(told["allowed"], result.returncode == 0)
            return result.returncode, [(p["action"][3:], p["resource"][13:], p["allowed"], p["statement"]) for p in told.get("asks_for", [])]
        self.assertEqual(asked("alice", "copy.http", "--from", "10.1.1.1"), (
            0, [("PutObject", "home/alice/new", True, "prefixes"), ("GetObject", "reports/2024/a", True, "Read")]))
        self.assertEqual(asked("alice", "./copy.http"), (
            1, [("PutObject", "home/alice/new", False, "Office"), ("GetObject", "reports/2024/a", False, "Office")]))
        self.assertEqual(asked("alice", "delete.http", "--from", "10.1.1.1"), (
            1, [("DeleteObject", "reports/2024/a", False, "deny"), ("DeleteObjectVersion", "reports/x", False, "deny")]))
        self.assertIn("it must have x-amz-server-side-encryption: aws:kms",
                      policy("test", "alice", "lacks.http", "--from", "10.1.1.1").stdout)
        self.assertIn("client bob is disabled", policy("test", "bob", "copy.http").stdout)
        result = policy("test", "alice", "./none.http")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        told = json.loads(lib.run(lib.PROGRAM, "explain", "delete.http", "--client", "carol", "--json", "-c", "s3onramp.ini", cwd=folder,
                                  check=False, env=lib.Proxy.environment()).stdout)
        self.assertNotIn("asks_for", told)  # it is not signed: nobody's
        told = json.loads(lib.run(lib.PROGRAM, "explain", "s3://home/alice/x", "--client", "alice", "--from", "10.1.1.1", "--json", "-c",
                                  "s3onramp.ini", cwd=folder, env=lib.Proxy.environment()).stdout)
        self.assertEqual([(p["action"], p["policy"], p["place"]) for p in told["asks_for"]],
                         [("s3:GetObject", "home", line_of("s3onramp.ini", "prefixes"))])

    def test_who_does_not_count_wherever_it_is_asked(self):
        """Disabled, expired, from elsewhere: as the proxy refuses requests, so do `policy test` and `explain`."""
        for client, words, why in (("bob", (), "is disabled"), ("eve", (), "has expired"),
                                   ("alice", ("--from", "11.1.1.1"), "may not come from there (allow_from)")):
            for result in (policy("test", client, "GetObject", "s3://scratch/a", *words), policy("test", client, "copy.http", *words),
                           *(lib.run(lib.PROGRAM, "explain", what, "--client", client, *words, "-c", "s3onramp.ini", cwd=folder, check=False,
                                     env=lib.Proxy.environment())
                             for what in ("s3://scratch/a", "https://scratch.s3.ap-northeast-1.amazonaws.com/a"))):
                with self.subTest(client, command=result.args[1:]):
                    self.assertIn("client %s %s" % (client, why), result.stdout)
                    self.assertEqual(result.returncode, 1)
        allowed = lib.run(lib.PROGRAM, "explain", "s3://home/alice/x", "--client", "alice", "--from", "10.1.1.1", "-c", "s3onramp.ini",
                          cwd=folder, check=False, env=lib.Proxy.environment())
        self.assertEqual(allowed.returncode, 0, allowed.stdout)

    def test_wrong_usage(self):
        rows = (((), "say what to do"), (("judge",), "there is no `policy judge`; there are test and explain"),
                (("test",), "test needs CLIENT ACTION"), (("test", "alice"), "test needs"),
                (("explain", "alice", "--from", "10.0.0.1"), "`policy explain` takes no --from; that goes with test"),
                (("explain",), "explain needs"), (("test", "dave", "GetObject", "s3://reports/x"), "there is no client \"dave\""),
                (("explain", "dave"), "there is no client \"dave\""), (("test", "alice", "ReadObject", "s3://reports/x"), "no action of S3"),
                (("test", "alice", "GetObject", "reports/x"), "write s3://BUCKET/KEY"), (("test", "alice", "GetObject", "s3://reports"), "is about an object"),
                (("test", "alice", "DeleteBucket", "s3://reports/x"), "is about a bucket"), (("test", "alice", "GetObject", "s3://_/x"), "bucket's name"),
                (("test", "alice", "GetObject", "s3://reports/x", "--from", "home"), "is no address"),
                (("test", "alice", "GetObject", "s3://reports/x", "--with", "prefix=a"), "key of conditions"),
                (("test", "--file", "expect", "alice"), "test needs"))
        for words, text in rows:
            with self.subTest(words):
                result = policy(*words)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertIn(text, result.stderr)
        result = policy("test", "alice", "GetObject", "s3://reports/x", config="missing.ini")
        self.assertEqual(result.returncode, 2)

    def test_a_file_of_questions(self):
        result = policy("test", "--file", "expect")
        self.assertEqual((result.returncode, result.stdout), (0, "6 asked, 6 as expected, 0 not\n"))
        (folder / "differs").write_text(EXPECTATIONS.replace("refused alice Delete", "allowed alice Delete"))
        result = policy("test", "--file", "differs")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.splitlines(), [
            "differs:8: expected allowed, is refused: client alice, s3:DeleteObject on arn:aws:s3:::home/alice/a, with an explicit deny in "
            "policy scratch, statement deny (%s)" % line_of("s3onramp.ini", "deny ="), "6 asked, 5 as expected, 1 not"])
        told = json.loads(policy("test", "--file", "differs", "--json").stdout)
        self.assertEqual((told["asked"], told["different"], told["wrong_lines"]), (6, 1, 0))
        self.assertEqual([(r["line"], r["expected"], r["allowed"]) for r in told["results"]][-1], (8, True, False))
        for text, told in (("", "no question in it"), ("maybe alice GetObject s3://reports/x\n", "odd:1: write allowed|refused"),
                           ("\nallowed alice Get s3://reports/x\n", "odd:2: Get is no action of S3"),
                           ("allowed alice GetObject \"s3://reports/x\n", "odd:1: write")):
            (folder / "odd").write_text(text)
            result = policy("test", "--file", "odd")
            self.assertEqual(result.returncode, 2, text)
            self.assertIn(told, result.stderr)

    def test_explain(self):
        text = policy("explain", "alice").stdout
        for part in ("client alice (%s)" % line_of("s3onramp.ini", "[client alice]"), "until 2999-01-01T00:00:00Z", "of group home",
                     "from 10.0.0.0/8, fd00::/8 only", "  s3:GetObject, s3:PutObject\n    on arn:aws:s3:::reports/2024/*\n    (policy team, statement Read, ",
                     "if s3:prefix is like 2024/*", "may never, whatever else allows it\n  s3:*", "if aws:SourceIp is not in 10.0.0.0/8",
                     "must have encryption=aws:kms (policy team)", "get storage_class=STANDARD_IA (policy scratch)",
                     "reaches buckets of account 111122223333 only"):
            self.assertIn(part, text)
        self.assertIn("is disabled: nothing of what follows counts", policy("explain", "bob").stdout)
        self.assertIn("mode is warn", policy("explain", "carol").stdout)
        told = json.loads(policy("explain", "alice", "--json").stdout)
        self.assertEqual([p["name"] for p in told["policies"]], ["team", "scratch", "home"])
        self.assertEqual(told["policies"][0]["statements"][0]["place"], line_of("team.json", "Read"))
        self.assertEqual((told["groups"], told["policies"][1]["set"]), (["home"], ["storage_class=STANDARD_IA"]))


if __name__ == "__main__":
    lib.main()
