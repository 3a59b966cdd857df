# SPDX-License-Identifier: Apache-2.0
"""rows: reads tests/policy/rows/*.rows, what people wrote down about policies, and makes cases of them.

Lines of a file, # for comments:
    policy NAME          a document follows, up to an empty line; it is in force from here on
    short NAME           the same for a policy in the configuration's short form: lines of key = value
    use NAME NAME        these policies are in force, in this order
    client NAME          who asks;  tags a=b c=d: their tags;  from ADDRESS: where from;  tls yes|no: how
    allow SID REQUEST    allowed by the statement SID (#2: the third one, if it has no Sid; ?: whichever)
    deny SID REQUEST     forbidden by it
    refuse - REQUEST     allowed by nobody
    needs A,B REQUEST    allowed by a policy for just these actions; refused where one is missing or denied. ACTION@ARN names another
                         resource than the request's own (percent-encoded); ANY is an action without a name
    error LINE:COLUMN    a document follows that is refused, for a fault at this place

REQUEST is a raw HTTP request in one line: " | " ends a line, " || " the head; \\n in the body is CRLF. HTTP/1.1, Host and
Content-Length are added where they are missing.
"""
import json
import pathlib
import re
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
HOST = "s3.ap-northeast-1.amazonaws.com"
NOW = 1781524800  # 2026-06-15T12:00:00Z
STATES = ("policy", "short", "use", "client", "tags", "from", "tls")


class Case:
    """policies: [(name, "document" or "short", text)]; expected: (effect, Sid or #index or ? or None)."""

    def __init__(self, where, policies, facts, raw, expected):
        self.where, self.policies, self.facts, self.raw, self.expected = where, policies, facts, raw, expected


def raw_request(text):
    head, _, body = text.partition(" || ")
    lines = head.split(" | ")
    if not lines[0].endswith(" HTTP/1.1"):
        lines[0] += " HTTP/1.1"
    names = [line.partition(":")[0].lower() for line in lines[1:]]
    if "host" not in names:
        absolute = re.match(r"[A-Z]+ https?://([^/ ]+)", lines[0])
        lines.append("Host: " + (absolute[1] if absolute else HOST))
    body = body.replace("\\n", "\r\n").encode("utf-8", "surrogateescape")
    if (body or lines[0].startswith(("PUT", "POST"))) and "content-length" not in names:
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


def statement(sid, effect, action, resource):
    return {"Sid": sid, "Effect": effect, "Action": action, "Resource": resource.replace("?", "${?}")}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def needed(words, raw, facts, request_pairs):
    """The cases of one `needs` line."""
    own = [resource for _, resource in request_pairs(raw, facts) if not resource.endswith("/*")][-1]
    pairs = []
    for word in words.split(","):
        action, _, resource = word.partition("@")
        pairs.append(("s3:" + ("*" if action == "ANY" else action), urllib.parse.unquote(resource) or own))
    grants = [statement("N%d" % i, "Allow", *pair) for i, pair in enumerate(pairs)]
    everything = statement("All", "Allow", "s3:*", "*")
    yield document(*grants), ("allow", "?")
    for i, (action, resource) in enumerate(pairs):
        if (action, resource) in pairs[:i]:
            continue
        others = [statement("Else", "Allow", "s3:DeleteBucketPolicy", "arn:aws:s3:::elsewhere")]
        others += [g for g in grants if g["Action"] != action or g["Resource"] != grants[i]["Resource"]]
        yield document(*others), ("refuse", None)
        yield document(everything, statement("No", "Deny", action, resource)), ("deny", "No")
        if action != "s3:*" and resource != "*":
            yield document(everything, statement("No", "Deny", action, resource + "x")), ("allow", "?" if i else "All")
        elif action == "s3:*":  # what has no name is allowed by no list of names
            yield document(statement("Get", "Allow", ["s3:Get*", "s3:Put*", "s3:Delete*", "s3:List*"], "*")), ("refuse", None)


class Reader:
    def __init__(self, path, request_pairs):
        self.path, self.request_pairs = path, request_pairs
        self.known, self.used, self.cases, self.rows = {}, [], [], 0
        self.facts = {"client": "alice", "tags": {}, "peer": "192.0.2.1", "tls": True, "now": NOW}

    def block(self, lines):
        text = []
        while lines and lines[0][1].strip():
            text.append(lines.pop(0)[1])
        return "\n".join(text) + "\n"

    def read(self):
        lines = list(enumerate(self.path.read_text().split("\n"), 1))
        while lines:
            number, line = lines.pop(0)
            if line.strip() and not line.startswith("#"):
                word, _, rest = line.partition(" ")
                self.line("%s:%d" % (self.path.name, number), word, rest.strip(), lines)
        return self

    def line(self, where, word, rest, lines):
        if word in ("policy", "short"):
            self.known[rest] = (rest, "document" if word == "policy" else "short", self.block(lines))
            self.used = [rest]
        elif word == "use":
            self.used = rest.split()
        elif word in STATES:
            self.set(word, rest)
        elif word == "error":
            self.rows += 1
            self.cases.append(Case(where, [("p", "document", self.block(lines))], self.facts, raw_request("GET /"), ("error", rest)))
        else:
            self.row(where, word, *rest.split(None, 1))

    def set(self, word, rest):
        value = {"client": lambda: rest, "from": lambda: rest, "tls": lambda: rest == "yes",
                 "tags": lambda: dict(tag.split("=", 1) for tag in rest.split())}[word]()
        self.facts = {**self.facts, {"from": "peer"}.get(word, word): value}

    def row(self, where, word, first, request):
        self.rows += 1
        raw = raw_request(request)
        if word == "needs":
            for n, (text, expected) in enumerate(needed(first, raw, self.facts, self.request_pairs)):
                self.cases.append(Case("%s, %d" % (where, n), [("p", "document", text)], self.facts, raw, expected))
            return
        if word not in ("allow", "deny", "refuse"):
            raise ValueError("%s: %s" % (where, word))
        policies = [self.known[name] for name in self.used]
        self.cases.append(Case(where, policies, self.facts, raw, (word, None if first == "-" else first)))


def read_all(request_pairs):
    """All cases, and how many rows they come from."""
    readers = [Reader(path, request_pairs).read() for path in sorted((HERE / "rows").glob("*.rows"))]
    return [case for reader in readers for case in reader.cases], sum(reader.rows for reader in readers)
