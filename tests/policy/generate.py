# SPDX-License-Identifier: Apache-2.0
"""generate: random policies and requests that lie near each other's borders: what a policy says is made from what the request
holds, and changed a little. pair(seed, number) is always the same pair.
"""
import json
import pathlib
import random
import re
import urllib.parse

import asked
import evaluator
import rows

HEADER = pathlib.Path(__file__).resolve().parents[2] / "include" / "s3onramp" / "aws" / "s3" / "action.h"
KNOWN = re.findall(r"^    X\((\w+), \w+, \w+\)", HEADER.read_text(), re.M)

BUCKETS = ["bkt", "team-a", "team-b", "reports", "reports-2024", "logs.example", "alice"]
KEYS = ["k", "alice/k", "bob/k", "reports/2024/a.csv", "reports/2024/", "reports/2024", "home/alice/x y", "home/bob/ä", "a*b", "a?b",
        "$x{y}", "a:b:c", "a//b", "a/../b", "x+y", "x%41", "blue/1", "tmp/€", "index.html", "A/K", "in/out/in/x", "[a-z].csv"]
CLIENTS = ["alice", "bob", "svc.backup@site-1"]
TAGS = [{}, {}, {"team": "blue"}, {"team": "red", "level": "7"}, {"Team": "BLUE"}, {"team": "*"}, {"project": "a"}]
PEERS = ["192.0.2.1", "10.1.2.3", "10.1.3.3", "172.16.0.9", "2001:db8:1::5", "2001:db8:2::5", "::ffff:10.1.2.3"]
ACTIONS = ["GetObject", "PutObject", "DeleteObject", "ListBucket", "GetObjectVersion", "PutObjectAcl", "PutObjectTagging",
           "GetObjectTagging", "DeleteObjectVersion", "AbortMultipartUpload", "ListBucketVersions", "GetBucketLocation",
           "PutBucketPolicy", "ListAllMyBuckets", "CreateBucket"]
HEADERS = {
    "x-amz-acl": ["private", "public-read", "bucket-owner-full-control"],
    "x-amz-storage-class": ["STANDARD", "STANDARD_IA", "GLACIER"],
    "x-amz-server-side-encryption": ["AES256", "aws:kms"],
    "x-amz-server-side-encryption-aws-kms-key-id": ["arn:aws:kms:eu-west-1:111122223333:key/12ab",
                                                    "arn:aws:kms:us-east-1:444455556666:key/12ab", "alias/x"],
    "x-amz-tagging": ["team=blue", "team=red&project=a", "class=public", "Team=blue", "a=b&c=d&e=f"],
    "x-amz-website-redirect-location": ["https://example.com/", "/other"],
    "x-amz-grant-read": ['id="111122223333"', 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'],
    "x-amz-object-lock-legal-hold": ["ON", "OFF"],
    "x-amz-metadata-directive": ["COPY", "REPLACE"],
    "if-none-match": ["*"],
    "user-agent": ["aws-cli/2.9", "Boto3/1.26 (linux)"],
    "referer": ["https://intern.example/", "http://example.com/a?b"],
}
AUTH_TYPES = ["REST-HEADER", "REST-QUERY-STRING", "POST"]
SIGNED = ["20260615T120000Z", "20260615T115959Z", "20260615T115900Z", "20260615T114500Z", "20260608T120000Z", "20260615T120500Z"]
CONFIGURATIONS = sorted(asked.CONFIGURATIONS)

STRINGS = ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"]
ORDERS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
ARNS = ["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"]
TYPES = {"aws:sourceip": "ip", "aws:securetransport": "bool", "aws:currenttime": "date", "aws:epochtime": "date",
         "s3:max-keys": "number", "s3:signatureage": "age", "s3:tlsversion": "tls", "s3:authtype": "auth", "s3:x-amz-server-side-encryption-aws-kms-key-id": "arn",
         "s3:object-lock-retain-until-date": "date"}
PROPER = ["aws:CurrentTime", "aws:EpochTime", "aws:SourceIp", "aws:SecureTransport", "aws:username", "aws:Referer", "aws:UserAgent",
          "aws:PrincipalTag/team", "aws:PrincipalTag/project", "s3:signatureAge", "s3:TlsVersion", "s3:authType", "s3:prefix", "s3:delimiter", "s3:max-keys", "s3:VersionId",
          "s3:if-none-match", "s3:x-amz-acl", "s3:x-amz-grant-read", "s3:x-amz-copy-source", "s3:x-amz-metadata-directive",
          "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-storage-class",
          "s3:x-amz-website-redirect-location", "s3:object-lock-legal-hold", "s3:RequestObjectTag/team", "s3:RequestObjectTagKeys"]


class Pair:
    """One policy set and one request. documents: [(name, document)]."""

    def __init__(self, seed, number):
        self.seed, self.number = seed, number
        self.random = random.Random("%s/%d" % (seed, number))
        self.facts = {"client": self.choice(CLIENTS), "tags": self.choice(TAGS), "peer": self.choice(PEERS),
                      "tls": self.chance(0.7), "now": rows.NOW}
        self.facts.update(tls_version=self.choice(["1.2", "1.3"]) if self.facts["tls"] else None,
                          auth_type=self.choice(AUTH_TYPES + [None]), signed_at=self.choice(SIGNED + [None]))
        self.raw = self.make_request()
        request = asked.Request(self.raw, self.facts)
        self.pairs = request.pairs()
        self.contexts = [request.context(pair) for pair in self.pairs]
        self.context = self.choice(self.contexts)  # what policies are made from
        self.version = "2012-10-17"
        self.documents = [("p%d" % i, self.make_document()) for i in range(self.choice([1, 1, 1, 2, 3]))]

    def choice(self, values):
        return self.random.choice(values)

    def chance(self, p):
        return self.random.random() < p

    # -- the request

    def spelled(self, key):
        """Percent-encoded, with more or less of it."""
        safe = self.choice(["/", "/", "/*+:[]", ""])
        out = urllib.parse.quote(key, safe=safe)
        if self.chance(0.1) and key and key[0].isalnum():
            out = "%%%02x" % ord(key[0]) + out[1:] if out[0] == key[0] else out
        return out

    def make_request(self):
        self.bucket, self.key = self.choice(BUCKETS), self.choice(KEYS)
        kind = self.choice(["get"] * 4 + ["put"] * 4 + ["list"] * 3 + ["delete", "deletes", "copy", "sub", "sub", "bucket", "multipart",
                                                        "service", "form", "unknown"])
        method, query, body, object_level = getattr(self, "make_" + kind)()
        headers = self.headers(method, kind)
        path, host = "/" + (self.spelled(self.key) if object_level else ""), rows.HOST
        if kind == "service":
            pass
        elif self.chance(0.3) and "." not in self.bucket:
            host = self.bucket + "." + host
        elif object_level:
            path = "/" + self.bucket + path
        else:
            path = "/" + self.bucket + self.choice(["", "/"])
        lines = ["%s %s%s HTTP/1.1" % (method, path, "?" + query if query else ""), "Host: " + host]
        lines += ["%s: %s" % (self.cased(n), v) for n, v in headers]
        if method in ("PUT", "POST"):
            lines.append("Content-Length: %d" % len(body))
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def cased(self, name):
        return self.choice([name, name.title(), name.upper()])

    def headers(self, method, kind):
        names = ["user-agent", "referer"]
        if method in ("PUT", "POST") and kind in ("put", "copy"):
            names = list(HEADERS)
        out = [(n, self.choice(HEADERS[n])) for n in self.random.sample(names, min(len(names), self.choice([0, 0, 1, 1, 2, 3])))]
        if kind == "copy":
            source = self.choice(BUCKETS) + "/" + self.spelled(self.choice(KEYS))
            if self.chance(0.3):
                source = "/" + source
            if self.chance(0.2):
                source += "?versionId=" + self.choice(["3", "null"])
            out.append(("x-amz-copy-source", source))
        if kind == "form":
            out = [("content-type", "multipart/form-data; boundary=xyz")]
        return out

    def version_query(self):
        return self.choice(["", "", "", "versionId=3sL4kqtJlcpXroDTDmJ"])

    def make_get(self):
        return self.choice(["GET", "GET", "HEAD"]), self.choice([self.version_query(), "partNumber=1", "x-id=GetObject"]), b"", True

    def make_put(self):
        return "PUT", self.choice(["", "", "x-id=PutObject"]), b"body", True

    def make_copy(self):
        return "PUT", "", b"", True

    def make_delete(self):
        return "DELETE", self.version_query(), b"", True

    def make_deletes(self):
        keys = self.random.sample([k for k in KEYS], self.choice([1, 2, 3, 5]))
        body = "".join("<Object><Key>%s</Key>%s</Object>" % (k, self.choice(["", "", "<VersionId>3</VersionId>"])) for k in keys)
        return "POST", "delete", ("<Delete>%s</Delete>" % body).encode(), False

    def make_list(self):
        parts = [self.choice(["", "list-type=2", "versions", "uploads"])]
        if self.chance(0.7):
            parts.append("prefix=" + urllib.parse.quote(self.choice([self.key, "alice/", "home/", "", "reports/2024/", "bob"]), safe="/"))
        if self.chance(0.4):
            parts.append("delimiter=%2F")
        if self.chance(0.4) and parts[0] != "uploads":
            parts.append("max-keys=" + self.choice(["1", "10", "1000", "0"]))
        self.random.shuffle(parts)
        return "GET", "&".join(p for p in parts if p), b"", False

    def make_sub(self):
        (method, name), _ = self.choice(sorted(asked.OBJECT_OPERATIONS.items()))
        query = name + ("&versionId=3" if self.chance(0.3) else "")
        body = {"restore": b"<RestoreRequest><Days>1</Days></RestoreRequest>",
                "tagging": b"<Tagging><TagSet><Tag><Key>team</Key><Value>blue</Value></Tag></TagSet></Tagging>",
                "legal-hold": b"<LegalHold><Status>ON</Status></LegalHold>",
                "retention": b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2027-01-01T00:00:00Z</RetainUntilDate></Retention>"}
        return method, query, body.get(name, b"<x/>") if method in ("PUT", "POST") else b"", True

    def make_bucket(self):
        if self.chance(0.2):
            return self.choice(["PUT", "DELETE", "HEAD"]), "", b"", False
        name = self.choice(CONFIGURATIONS)
        methods = [m for m, a in zip(asked.BUCKET_METHODS, asked.CONFIGURATIONS[name]) if a]
        return self.choice(methods), name + ("&id=1" if name in asked.WITH_ID else ""), b"", False

    def make_multipart(self):
        method, query = self.choice([("POST", "uploads"), ("PUT", "partNumber=1&uploadId=u"), ("POST", "uploadId=u"),
                                     ("DELETE", "uploadId=u"), ("GET", "uploadId=u&max-parts=2")])
        return method, query, b"", True

    def make_service(self):
        return "GET", self.choice(["", "max-buckets=3"]), b"", False

    def make_unknown(self):
        return self.choice(["GET", "PUT"]), self.choice(["unheard-of", "acl&tagging", "sub=1&versionId=2"]), b"", self.chance(0.7)

    def make_form(self):
        key = self.choice([self.key, self.key, "alice/${filename}"])
        fields = [("key", key)] + [("acl", "public-read")] * self.chance(0.3) + [("x-amz-storage-class", "GLACIER")] * self.chance(0.2)
        body = "".join('--xyz\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % f for f in fields)
        body += '--xyz\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\nbody\r\n--xyz--\r\n'
        return "POST", "", body.encode(), False

    # -- the policies

    def make_document(self):
        self.version = self.choice(["2012-10-17"] * 6 + ["2008-10-17", None])
        statements = []
        for i in range(self.choice([1, 1, 2, 2, 3, 4, 6])):
            statement = {"Sid": "S%d" % i} if self.chance(0.8) else {}
            statement["Effect"] = "Allow" if self.chance(0.72) else "Deny"
            actions = self.listed(self.action, 4)
            everything = any(set(a.lower().removeprefix("s3:")) <= {"*", "?"} for a in (actions if isinstance(actions, list) else [actions]))
            statement["Action" if everything or self.chance(0.9) else "NotAction"] = actions
            statement["Resource" if self.chance(0.93) else "NotResource"] = self.listed(self.resource, 4)
            if self.chance(0.5):
                statement["Condition"] = self.conditions()
            statements.append(statement)
        document = {"Version": self.version} if self.version else {}
        document["Statement"] = statements[0] if len(statements) == 1 and self.chance(0.3) else statements
        return document

    def listed(self, make, most):
        values = [make() for _ in range(self.choice([1, 1, 2, most]))]
        return values[0] if len(values) == 1 and self.chance(0.5) else values

    def action(self):
        name = self.choice([a for a, _ in self.pairs]) if self.chance(0.75) else self.choice(ACTIONS)
        if name == asked.ANY:
            name = self.choice(["*", "*", "GetObject"])
        roll = self.random.random()
        if roll < 0.2:
            return self.choice(["s3:*", "s3:*", "*", "S3:*", "s3:**"])
        if roll < 0.5 and name != "*":
            name = self.globbed(name)
            if not any(evaluator.action_matches("s3:" + name, known) for known in KNOWN):  # no policy may hold it
                name = "*"
        if self.chance(0.1):
            name = self.choice([name.upper(), name.lower()])
        return "s3:" + name

    def globbed(self, text):
        """Stars and marks in place of some of it: it may still fit, or not quite."""
        for _ in range(self.choice([1, 1, 2])):
            a = self.random.randrange(len(text) + 1)
            b = self.random.randrange(a, len(text) + 1)
            roll = self.random.random()
            if roll < 0.45:
                text = text[:a] + "*" + text[b:]
            elif roll < 0.6:
                text = text[:a] + "*"
            elif roll < 0.8 and a < len(text):
                text = text[:a] + "?" + text[a + 1:]
            elif roll < 0.9:
                text = text + "*"
            else:
                text = text[:a] + "*" + text[a:]
        return text

    def literal(self, text):
        """What stands for itself in a pattern."""
        if self.version != "2012-10-17":
            return text
        return "".join({"*": "${*}", "?": "${?}", "$": "${$}"}.get(c, c) for c in text)

    def with_variables(self, text):
        if self.version is None or not self.chance(0.35):  # refused without a Version
            return text
        tags = self.facts["tags"]
        for name, value in [("aws:username", self.facts["client"])] + [("aws:PrincipalTag/" + k, v) for k, v in tags.items()]:
            if value in text and value not in "*":
                default = self.choice(["", "", ", 'alice'", ", 'x'"])
                return text.replace(value, "${%s%s}" % (self.choice([name, name.replace("aws:", "AWS:")]), default), 1)
        if self.chance(0.3) and "/" in text:
            head, _, tail = text.rpartition("/")
            return head + "/" + self.choice(["${aws:username}", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/none, 'alice'}",
                                             "${aws:PrincipalTag/none}"]) + "/" + tail
        return text

    def changed(self, text):
        if not text:
            return self.choice(["x", "*"])
        a = self.random.randrange(len(text))
        text = self.choice([text[:a] + text[a + 1:], text[:a] + "x" + text[a:], text.swapcase(), text + "/", text[:-1]])
        return text.replace("${", "x{")

    def resource(self):
        arn = self.choice([r for _, r in self.pairs])
        roll = self.random.random()
        if roll < 0.15 or arn == "*":
            return self.choice(["*", "*", "arn:aws:s3:::*"])
        if roll < 0.25:
            arn = "arn:aws:s3:::" + self.choice(BUCKETS) + self.choice(["", "/*", "/" + self.choice(KEYS).replace("$", "x")])
            return arn
        front, name = arn.split(":::", 1)
        if roll < 0.35:
            name = self.changed(name)
        name = self.with_variables(self.literal(name))
        if roll > 0.6 and "$" not in name:
            name = self.globbed(name)
        return front + ":::" + (name or "*")

    def conditions(self):
        out = {}
        for _ in range(self.choice([1, 1, 1, 2])):
            key = self.choice(PROPER)
            if self.chance(0.6):
                present = [p for p in PROPER if p.lower() in self.context]
                key = self.choice(present)
            operator, values = self.condition(key)
            if self.chance(0.1):
                key = key.swapcase() if "/" not in key else key
            if any(k.lower() == key.lower() for k in out.get(operator, {})):
                continue
            out.setdefault(operator, {})[key] = values
        return out

    def condition(self, key):
        kind = TYPES.get(key.lower(), "string")
        if self.chance(0.12):
            return "Null", self.choice(["true", "false", True, False, ["true", "false"]])
        value = self.choice(self.context.get(key.lower(), [None]))
        operator, values = getattr(self, "condition_" + kind)(value)
        if self.chance(0.25):
            operator += "IfExists"
        if key == "s3:RequestObjectTagKeys" or self.chance(0.04):
            operator = self.choice(["ForAnyValue:", "ForAllValues:"]) + operator
        return operator, values[0] if len(values) == 1 and self.chance(0.5) else values

    def condition_string(self, value):
        operator = self.choice(STRINGS)
        values = []
        for _ in range(self.choice([1, 1, 2, 3])):
            text = value if value is not None and self.chance(0.7) else self.choice(["x", "alice", "home/*", "GLACIER", "private", "team", "3*"])
            if value is not None and text == value:
                text = self.literal(text)
                if self.chance(0.25):
                    text = self.changed(text) if "$" not in text else text
                elif self.chance(0.5):
                    text = self.with_variables(text) if self.version else text
                if "Like" in operator and self.chance(0.5) and "$" not in text:
                    text = self.globbed(text)
            values.append(text)
        return operator, values

    def condition_number(self, value):
        numbers = ["1", "10", "10.0", "9", "11", "1000", "0", "-1", 10]
        return "Numeric" + self.choice(ORDERS), [self.choice(numbers) for _ in range(self.choice([1, 1, 2]))]

    def condition_age(self, value):
        """Milliseconds."""
        ages = ["0", "1000", "999", "1001", "60000", "900000", "900001", "604800000", 60000]
        return "Numeric" + self.choice(ORDERS), [self.choice(ages) for _ in range(self.choice([1, 1, 2]))]

    def condition_tls(self, value):
        return "Numeric" + self.choice(ORDERS), [self.choice(["1.2", "1.3", "1.20", "1.25", "1", "2", 1.2]) for _ in range(self.choice([1, 1, 2]))]

    def condition_auth(self, value):
        return self.choice(STRINGS), [self.choice(AUTH_TYPES + ["rest-header", "REST-*"]) for _ in range(self.choice([1, 1, 2]))]

    def condition_date(self, value):
        dates = ["2026-06-15T12:00:00Z", "2026-06-15T12:00:01Z", "2026-06-15T11:59:59Z", "2026-06-15T14:00:00+02:00", "2026-06-15",
                 "2027-01-01T00:00:00Z", "2026-06-15T12:00:00.500Z", "2025-12-31"]
        return "Date" + self.choice(ORDERS), [self.choice(dates) for _ in range(self.choice([1, 1, 2]))]

    def condition_bool(self, value):
        return "Bool", [self.choice(["true", "false", "True", True, False])]

    def condition_ip(self, value):
        networks = ["10.0.0.0/8", "10.1.2.0/24", "10.1.2.3/32", "192.0.2.1", "192.0.2.0/31", "0.0.0.0/0", "2001:db8:1::/48", "::/0",
                    "172.16.0.0/12", "2001:db8:1::5/128", "10.1.2.3"]
        return self.choice(["IpAddress", "NotIpAddress"]), [self.choice(networks) for _ in range(self.choice([1, 1, 2, 3]))]

    def condition_arn(self, value):
        text = value if value and value.startswith("arn:") else "arn:aws:kms:eu-west-1:111122223333:key/12ab"
        parts = text.split(":", 5)
        for _ in range(self.choice([0, 1, 2])):
            parts[self.choice([1, 3, 4, 5])] = "*"
        if self.chance(0.3):
            parts[5] = self.choice(["key/*", "key/12?b", "key/x", "*b"])
        return self.choice(ARNS), [":".join(parts)]

    def text(self):
        """The pair, for people."""
        return "seed %s, pair %d\n%s\n%s\n%s" % (self.seed, self.number, json.dumps(self.facts),
                                                 "\n".join("%s %s" % (n, json.dumps(d)) for n, d in self.documents),
                                                 self.raw.decode("utf-8", "surrogateescape"))
