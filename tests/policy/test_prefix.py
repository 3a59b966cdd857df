# SPDX-License-Identifier: Apache-2.0
"""No spelling reaches a key outside the prefix that a client may use: an endpoint that is strict about signatures writes down
what it was asked for in the end, and everything of it lies inside. Requests are generated, $S3ONRAMP_PREFIX_REQUESTS of them;
$S3ONRAMP_PREFIX_SEED repeats a run, and a request that got through is printed as it was sent."""
import base64
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import random
import re
import sys
import time
import urllib.parse
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import lib  # noqa: E402
import endpoint as strict  # noqa: E402
import s3raw  # noqa: E402

SEED = os.environ.get("S3ONRAMP_PREFIX_SEED", "1")
COUNT = int(os.environ.get("S3ONRAMP_PREFIX_REQUESTS", "4000"))
BUCKET, INSIDE = b"allowed", b"in/"
SHORT = ("AKIALOCALSHORT000001", "shortSecret/shortSecret+shortSecret01234")
LONG = ("AKIALOCALLONG0000001", "longSecret/longSecret+longSecret01234567")
DOCUMENT = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Objects", "Effect": "Allow", "Action": ["s3:*Object", "s3:*Object*Tagging", "s3:*Multipart*", "s3:*Version"],
     "Resource": "arn:aws:s3:::allowed/in/*"},
    {"Sid": "Lists", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:ListBucketVersions"], "Resource": "arn:aws:s3:::allowed",
     "Condition": {"StringLike": {"s3:prefix": "in/*"}}}]}
# Keys that are near, but not in.
OUTSIDE = ["out/a", "in", "i", "in.", "in2/a", "In/a", "IN/a", "/in/a", "./in/a", "../in/a", "x/in/a", "out/../in/a", "in\\a", "in%2Fa",
           "in%252Fa", "%69n/a", " in/a", "in /a", "in\0/a", "\0in/a", "in;/a", "allowed/in/a", "in\u2215a", "i\u0306n/a", "\uff49n/a",
           "in?/a", "in*a", "in#/a", "in&/a", "out/in/", "in+/a", "a", "*", "?", "in\n/a", "secret"]
WITHIN = ["in/a", "in/", "in//a", "in/../out/a", "in/./a", "in/a b", "in/\u00e4/\u20ac", "in/%41", "in/a?b", "in/a+b", "in/*", "in/a;b",
          "in/&x=y", "in/..", "in/../../other/a"]
OTHERS = ["other", "allowed2", "allowe", "Allowed", "allowed.", "in", "allowed-in"]


class Watched(strict.Exchange):
    """Writes down what was asked for, and answers with what the client needs to be content."""

    def is_elsewhere(self):
        return False

    def serve(self):
        self.continue_if_asked()
        self.read_body()
        self.record.update(bucket=self.bucket, key=self.key, body=self.body, query=self.query, fields=self.headers)
        if self.method == "DELETE":
            return self.answer(204)
        body = {"PUT": b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>"}.get(self.method, b"<a/>")
        self.answer(200, body, [("ETag", '"x"'), ("Content-Type", "application/xml")])


class Watching(strict.Endpoint):
    def serve(self, sock, stream, number):
        index = 0
        while Watched(self, stream, number, index).run():
            index += 1
        self.goodbye(sock)


def setUpModule():
    global endpoint
    folder = lib.certificates()
    endpoint = Watching(folder / "endpoint.pem", folder / "endpoint.key", dict([lib.UPSTREAM_KEY]), (("127.0.0.1", 0),), lib.REGION,
                        names=[lib.S3_NAME, "bucket." + lib.VPCE_NAME])
    (lib.WORK / "inside.json").write_text(json.dumps(DOCUMENT))
    extra = lib.section("policy short", access="read-write", prefixes="allowed/in/*")
    extra += lib.section("policy long", document=lib.WORK / "inside.json")
    extra += lib.Proxy.client("short", SHORT, "short") + lib.Proxy.client("long", LONG, "long")
    lib.Case.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], extra=extra, endpoint=dict(payload="auto"), listeners={
        "short": dict(mode="endpoint", anonymous="short", names="s3.local"),
        "long": dict(mode="endpoint", anonymous="long", names="s3.local"),
        "way": dict(mode="forward", anonymous="short")})


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


# -- what arrived

def outside(record):
    """What of it lies outside, or None."""
    bucket, key, query = record["bucket"], record["key"], strict_query(record["query"])
    if bucket != BUCKET:
        return "bucket %r" % bucket
    for name, value in record["fields"]:
        if name.lower() in ("x-amz-copy-source", "x-amz-rename-source") and (why := source_outside(value)):
            return why
    if any(n.lower().startswith(b"x-amz-copy-source") and not n.lower().startswith(b"x-amz-copy-source-") for n, _ in query):
        return "a copy source in the query"
    if key:
        return None if key.startswith(INSIDE) else "key %r" % key
    names = [n for n, _ in query]
    if record["method"] == "POST" and b"delete" in names:
        return body_outside(record["body"])
    prefixes = [v for n, v in query if n == b"prefix"]
    if record["method"] not in ("GET", "HEAD") or not prefixes or not all(p.startswith(INSIDE) for p in prefixes):
        return "the bucket: %s %r" % (record["method"], query)
    return None


def strict_query(query):
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(urllib.parse.unquote_to_bytes(n), urllib.parse.unquote_to_bytes(v)) for n, _, v in pairs]


def source_outside(value):
    """As S3 reads it: up to "?versionId=" decoded once, a slash before it or none."""
    source = urllib.parse.unquote_to_bytes(value.encode("utf-8", "surrogateescape").partition(b"?")[0])
    source = source[1:] if source.startswith(b"/") else source
    return None if source.startswith(BUCKET + b"/" + INSIDE) else "copy source %r" % value


def body_outside(body):
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):  # whatever it declares itself to be
        body = re.sub(r"^<\?xml[^>]*>", "", body.decode("utf-16"))
    keys = [e.text or "" for e in xml.etree.ElementTree.fromstring(body).iter() if e.tag.rpartition("}")[2] == "Key"]
    wrong = [k for k in keys if not k.encode().startswith(INSIDE)]
    return "keys %r of a body" % wrong if wrong or not keys else None


# -- what is sent

class Sent:
    """One request. inside: its key's bytes if it must arrive, else None."""

    def __init__(self, rng):
        self.rng, self.headers, self.body, self.inside = rng, [], b"", None
        self.way = rng.choice(["short"] * 5 + ["long"] * 5 + ["way", "way", "signed", "signed", "tunnel", "absolute"])
        self.key, self.bucket = rng.choice(OUTSIDE), BUCKET.decode()
        if rng.random() < 0.25:
            self.key = rng.choice(WITHIN)
            if rng.random() < 0.5:
                self.bucket = rng.choice(OTHERS)
        elif rng.random() < 0.1:
            self.bucket = rng.choice(OTHERS)
        self.host, self.path = self.place()
        self.method, self.query = "GET", ""
        getattr(self, rng.choice(["read"] * 4 + ["write"] * 3 + ["lists", "lists", "copies", "copies", "deletes", "deletes", "sub",
                                                                 "multipart", "form", "odd"]))()

    # spellings

    def encoded(self, text, safe="/"):
        """Percent-encoded: what must be, and some of what need not."""
        out, much = [], self.rng.choice([0, 0, 0.1, 0.5, 1])
        for byte in text.encode():
            must = byte <= 0x20 or byte >= 0x7f or chr(byte) in '%?#"<>\\^`{|}'
            keep = chr(byte).isalnum() or chr(byte) in "-_.~" + safe
            if must or self.rng.random() < (much if keep else 0.7):
                out.append(("%%%02x" if self.rng.random() < 0.5 else "%%%02X") % byte)
            else:
                out.append(chr(byte))
        return "".join(out)

    def place(self):
        """Host and path, in path style or host style."""
        own = {"short": "s3.local", "long": "s3.local"}.get(self.way)
        name = own or self.rng.choice([lib.S3_NAME] * 3 + ["s3.dualstack.%s.amazonaws.com" % lib.REGION, "s3.amazonaws.com",
                                                             "bucket." + lib.VPCE_NAME])
        if self.way == "tunnel":
            name = lib.S3_NAME
        key = self.encoded(self.key)
        self.plain = "+" not in key  # which is a blank, where no signature tells
        if self.way != "signed" and self.rng.random() < 0.35 and re.fullmatch("[a-z0-9-]+", self.bucket):
            host, path = "%s.%s" % (self.bucket, name), "/" + key
        else:
            host, path = name, "/%s/%s" % (self.encoded(self.bucket, ""), key)
            if self.rng.random() < 0.06:
                self.plain = False
                path = self.rng.choice(["/" + path, "/." + path, "/%2e" + path, "/allowed/in/../.." + path, "/%2F" + path[1:],
                                        path.replace("/", "//", 2), path.replace("/", "%2F", 2), "/allowed" + path])
        if self.way != "signed" and self.rng.random() < 0.04:
            self.plain = False
            label = self.rng.choice(["allowed-111122223333.s3-accesspoint", "allowed-111122223333.s3-object-lambda", "allowed.s3-control",
                                     "111122223333.s3-control", "allowed-111122223333.op-1.s3-outposts", "allowed-abc-s3alias.s3"])
            host = "%s.%s.amazonaws.com" % (label, lib.REGION)
        if self.rng.random() < 0.1:
            self.plain = False
            host = self.rng.choice([host.upper(), host + ".", host + ":443", host + ":80", host.title()])
        return host, path

    # kinds

    def read(self):
        self.method = self.rng.choice(["GET", "GET", "HEAD"])
        self.query = self.rng.choice(["", "", "", "versionId=3", "partNumber=1", "response-content-type=a", "x-id=GetObject", "prefix=in/",
                                      "key=in/a", "prefix=in/&list-type=2", "/in/a", "?/allowed/in/a"])
        self.arrives()

    def arrives(self):
        """A plain spelling of what is inside must arrive."""
        if self.plain and self.bucket.encode() == BUCKET and self.key in WITHIN and self.query in ("", "x-id=GetObject"):
            self.inside = self.key.encode()

    def write(self):
        self.method = self.rng.choice(["PUT", "PUT", "DELETE"])
        if self.method == "PUT":
            self.body = b"body"
            self.more([("x-amz-storage-class", "GLACIER"), ("x-amz-meta-a", "b"), ("If-None-Match", "*")])
        else:
            self.query = self.rng.choice(["", "", "versionId=3"])
        self.arrives()

    def more(self, headers):
        if self.rng.random() < 0.4:
            self.headers.append(self.rng.choice(headers))

    def sub(self):
        self.method = self.rng.choice(["GET", "PUT", "DELETE", "POST"])
        self.query = self.rng.choice(["tagging", "acl", "retention", "legal-hold", "attributes", "torrent", "restore", "uploads",
                                      "select&select-type=2", "encryption", "unheard-of", "annotation", "renameObject", "policy"])
        self.body = b"<Tagging><TagSet/></Tagging>" if self.method in ("PUT", "POST") else b""
        if self.query == "renameObject":
            self.headers.append(("x-amz-rename-source", self.encoded("/allowed/" + self.rng.choice(OUTSIDE))))

    def multipart(self):
        self.method, self.query = self.rng.choice([("POST", "uploads"), ("PUT", "partNumber=1&uploadId=u"), ("POST", "uploadId=u"),
                                                   ("DELETE", "uploadId=u"), ("GET", "uploadId=u"), ("GET", "uploads")])
        self.body = {"PUT": b"part", "POST": b"<CompleteMultipartUpload/>" if "Id" in self.query else b""}.get(self.method, b"")

    def lists(self):
        self.path = self.path if self.host.lower().startswith(self.bucket) else "/" + self.encoded(self.bucket, "")
        self.path = "/" if self.host.lower().startswith(self.bucket + ".") else self.path
        prefix = self.rng.choice(OUTSIDE[:12] + WITHIN[:4] + ["", "/", "in/../"])
        name = self.encoded("prefix") if self.rng.random() < 0.5 else self.rng.choice(["prefix", "Prefix", "PREFIX", "prefix%20"])
        parts = ["%s=%s" % (name, self.encoded(prefix))]
        parts += self.rng.sample(["list-type=2", "delimiter=/", "max-keys=3", "marker=in/", "start-after=in/", "versions", "uploads",
                                  "prefix=in/", "prefix=", "prefix", "%70refix=out", "continuation-token=x", "x-id=a", "policy"],
                                 self.rng.choice([0, 1, 2]))
        self.rng.shuffle(parts)
        self.query = "&".join(parts)

    def copies(self):
        self.method, self.body = "PUT", b""
        if self.rng.random() < 0.8:  # into the inside, from elsewhere
            self.bucket, self.key = BUCKET.decode(), "in/a"
            self.host, self.path = self.place()
        key = self.rng.choice(OUTSIDE + WITHIN[:5])
        source = self.rng.choice(["allowed"] * 4 + OTHERS) + "/" + key
        text = self.encoded(source, self.rng.choice(["/", ""]))
        text = self.rng.choice(["", "/", "/", "%2F", "//", "./", "arn:aws:s3:::", "s3://", "https://" + lib.S3_NAME + "/", " "]) + text
        text += self.rng.choice(["", "", "", "?versionId=3", "%3FversionId=3", "?versionId=3&x=/allowed/in/a", "?", "#/allowed/in/a"])
        name = self.rng.choice(["x-amz-copy-source", "X-Amz-Copy-Source", "X-AMZ-COPY-SOURCE"])
        how = self.rng.random()
        if how < 0.12:
            self.query = "%s=%s" % (name, urllib.parse.quote(text, safe="/"))
        else:
            self.headers.append((name, text))
            if how < 0.25:
                self.headers.insert(self.rng.choice([0, len(self.headers)]), (name.lower(), "/allowed/in/a"))
        if self.rng.random() < 0.3:
            self.query = (self.query + "&" if self.query else "") + "partNumber=1&uploadId=u"

    def deletes(self):
        self.method = "POST"
        self.path = "/" if self.host.lower().startswith(self.bucket + ".") else "/" + self.encoded(self.bucket, "")
        self.query = self.rng.choice(["delete", "delete=", "%64elete", "delete&x-id=DeleteObjects"])
        keys = [self.rng.choice(WITHIN[:4] + ["in/a"]) for _ in range(self.rng.choice([0, 1, 2]))] + [self.rng.choice(OUTSIDE + ["in/a"])]
        self.rng.shuffle(keys)
        objects = "".join(self.object_of(k) for k in keys if "\0" not in k)
        body = self.rng.choice([
            "<Delete>%s</Delete>", '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</Delete>',
            '<!DOCTYPE d [<!ENTITY o "out/a">]><Delete>%s<Object><Key>&o;</Key></Object></Delete>',
            "<Delete><!-- <Object><Key>in/a</Key></Object> -->%s</Delete>", '<a:Delete xmlns:a="x">%s</a:Delete>',
            "<Delete><Quiet>true</Quiet>%s</Delete>", "<Delete>%s", "<Delete>%s</Delete><Delete><Object><Key>in/a</Key></Object></Delete>",
            "<Delete><x>%s</x></Delete>", "<DELETE>%s</DELETE>"]) % objects
        self.body = body.encode(self.rng.choice(["utf-8"] * 6 + ["utf-16", "latin-1"]), "replace")
        if self.rng.random() < 0.7:
            digest = base64.b64encode(hashlib.md5(self.body).digest()).decode()
            self.headers.append(("Content-MD5", digest))

    def object_of(self, key):
        plain = key.replace("&", "&amp;").replace("<", "&lt;")
        coded = "".join(self.rng.choice(["&#%d;" % ord(c), "&#x%x;" % ord(c)]) for c in key)
        return self.rng.choice(["<Object><Key>%s</Key></Object>" % plain] * 3 + [
            "<Object><Key>%s</Key></Object>" % coded, "<Object><Key><![CDATA[%s]]></Key></Object>" % key,
            "<Object><Key>in/a</Key><Key>%s</Key></Object>" % plain, "<Object><Key>%s</Key><Key>in/a</Key></Object>" % plain,
            "<Object><Key>%s<!-- in/ --></Key></Object>" % plain, "<Object><Key><b>in/</b>%s</Key></Object>" % plain,
            "<Object Key='in/a'><Key>%s</Key><VersionId>3</VersionId></Object>" % plain, "<object><key>%s</key></object>" % plain,
            "<Object><Key> %s</Key></Object>" % plain, "<Key>%s</Key>" % plain])

    def form(self):
        self.method, self.query, self.way = "POST", "", self.rng.choice(["plain", "forward"])
        self.host = "127.0.0.1" if self.way == "plain" else lib.S3_NAME
        self.path, self.query = "/" + self.bucket, self.rng.choice(["", "", "", "delete", "metadataTable", "uploads"])
        key = self.rng.choice([self.key, "in/a", "${filename}", "in/${filename}", "$in/", self.key])
        fields = [("bucket", self.bucket), ("key", key)]
        extra = self.rng.choice([[], [("Key", "in/a")], [("key", "in/a")], [("x-amz-copy-source", "/allowed/out/a")], [("acl", "public-read")],
                                 [("KEY", "out/a")], [("tagging", "<Tagging><TagSet/></Tagging>")]])
        fields = fields + extra if self.rng.random() < 0.5 else extra + fields
        self.body = self.form_body([f for f in fields if f[0] != "bucket"])
        self.headers = [("Content-Type", "multipart/form-data; boundary=xYzZY")]

    def form_body(self, fields):
        owner = self.rng.choice([SHORT, LONG])
        date = s3raw.amz_date()
        scope = "%s/%s/s3/aws4_request" % (date[:8], lib.REGION)
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=600)
        fields = fields + [("x-amz-algorithm", "AWS4-HMAC-SHA256"), ("x-amz-credential", "%s/%s" % (owner[0], scope)), ("x-amz-date", date)]
        conditions = [{"bucket": self.bucket}] + [["starts-with", "$" + n, ""] for n, _ in fields]
        policy = base64.b64encode(json.dumps({"expiration": end.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "conditions": conditions}).encode())
        seal = hmac.new(s3raw.signing_key(owner[1], date[:8], lib.REGION), policy, hashlib.sha256).hexdigest()
        fields += [("policy", policy.decode()), ("x-amz-signature", seal)]
        text = "".join('--xYzZY\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % f for f in fields)
        file = self.rng.choice(["f", "../out/a", "out/a", "in/a", "C:\\in\\a", ""])
        text += '--xYzZY\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nbody\r\n--xYzZY--\r\n' % file
        return text.encode()

    def odd(self):
        """Headers that others take for the request line."""
        other = self.rng.choice(["/allowed/out/a", "/other/a"])
        self.host, self.path = ("s3.local" if self.way in ("short", "long") else lib.S3_NAME), "/allowed/in/a"
        self.method = self.rng.choice(["GET", "PUT", "DELETE", "POST"])
        self.headers.append(self.rng.choice([
            ("X-HTTP-Method-Override", "DELETE"), ("X-Original-URL", other), ("X-Rewrite-URL", other), ("X-Forwarded-Host", "other." + lib.S3_NAME),
            ("X-Forwarded-Path", other), ("X-Host", "other." + lib.S3_NAME), ("Destination", other), ("Content-Location", other),
            ("x-amz-website-redirect-location", other), ("Forwarded", "host=other." + lib.S3_NAME), ("x-amz-rename-source", other),
            ("Connection", "host, x-amz-copy-source"), ("Range", "bytes=0-1"), ("x-amz-expected-bucket-owner", "111122223333")]))
        self.body = b"body" if self.method in ("PUT", "POST") else b""

    # sending

    def finish(self, proxy):
        """Where it goes, and its bytes."""
        target = self.path + ("?" + self.query if self.query else "")
        headers = [("Host", self.host)] + self.headers
        if self.body or self.method in ("PUT", "POST"):
            headers.append(("Content-Length", str(len(self.body))))
        tunnel = None
        listener = {"signed": "plain", "tunnel": "way", "absolute": "way"}.get(self.way, self.way)
        if self.way == "signed":
            headers[0] = ("Host", proxy.host("plain"))
            target = self.signed(target, headers)
        if self.way == "plain":
            headers[0] = ("Host", proxy.host("plain"))
        if self.way in ("way", "tunnel", "forward"):
            tunnel = re.sub(r":\d+$", "", self.host).rstrip(".").lower()
        if self.way == "absolute":
            target = "http://" + self.host + target
            if not self.inside and self.rng.random() < 0.3:
                headers[0] = ("Host", "allowed." + lib.S3_NAME)
        return listener, tunnel, s3raw.head(self.method, target, headers) + self.body

    def signed(self, target, headers):
        """With a signature in the header or in the URL, of version 4 or 2."""
        key = self.rng.choice([SHORT, LONG])
        how = self.rng.choice(["header", "v4", "v4", "v2"])
        if how == "header":
            headers[:] = s3raw.sign(self.method, target, headers, key, body=self.body)
        elif how == "v4":
            names = sorted({n.lower() for n, _ in headers if n.lower().startswith("x-amz-")} | {"host"})
            return s3raw.presign(self.method, target, headers, key, signed=names)
        else:
            return self.presign_v2(target, headers, key)
        return target

    def presign_v2(self, target, headers, key):
        path, _, query = target.partition("?")
        expires = str(int(time.time()) + 600)
        amz = sorted((n.lower(), v.strip()) for n, v in headers if n.lower().startswith("x-amz-"))
        listed = ("acl", "legal-hold", "partNumber", "policy", "restore", "retention", "select", "select-type", "tagging", "torrent", "uploadId",
                  "uploads", "versionId", "versions", "delete", "response-content-type")
        parts = sorted(p for p in query.split("&") if p.partition("=")[0] in listed)
        text = "%s\n\n\n%s\n%s%s" % (self.method, expires, "".join("%s:%s\n" % h for h in amz), path + ("?" + "&".join(parts) if parts else ""))
        seal = base64.b64encode(hmac.new(key[1].encode(), text.encode("utf-8", "surrogateescape"), hashlib.sha1).digest()).decode()
        return "%s?%sAWSAccessKeyId=%s&Expires=%s&Signature=%s" % (path, query + "&" if query else "", key[0], expires, urllib.parse.quote(seal, safe=""))


class Prefix(lib.Case):
    def exchange(self, sent):
        listener, tunnel, data = sent.finish(self.proxy)
        try:
            connection = self.proxy.connect(listener, tunnel) if listener == "forward" else s3raw.Connection(
                self.proxy.address(listener), tls=s3raw.tls_context(self.proxy.ca_file) if tunnel else None, tunnel=tunnel and tunnel + ":443")
            with connection:
                connection.send(data)
                return connection.read_answer(sent.method), data
        except (OSError, s3raw.BrokenAnswer) as refused:  # a CONNECT or a head that was refused
            return refused, data

    def test_nothing_gets_out(self):
        """Every request, then all that arrived."""
        print("seed %s, %d requests" % (SEED, COUNT), flush=True)
        arrived = answered = 0
        for number in range(COUNT):
            sent = Sent(random.Random("%s/%d" % (SEED, number)))
            before = len(endpoint.done)
            answer, data = self.exchange(sent)
            answered += isinstance(answer, s3raw.Answer)
            records = [r for r in endpoint.requests[before:] if "bucket" in r]
            for record in records:
                self.assertIsNone(outside(record), "request %d: %r\narrived as %r" % (number, data, record["head"]))
            if sent.inside is not None:
                self.assertEqual([(r["bucket"], r["key"]) for r in records], [(BUCKET, sent.inside)],
                                 "request %d should arrive: %r\n%r" % (number, data, answer))
            arrived += len(records)
        print("answered %d, arrived %d, all of them inside" % (answered, arrived), flush=True)
        self.assertGreater(arrived, COUNT // 20)
        self.assertGreater(answered, COUNT * 2 // 3)


if __name__ == "__main__":
    lib.main()
