# SPDX-License-Identifier: Apache-2.0
"""What policies change on the way: the list of buckets is shown without those that its reader may not list, however the
endpoint sends it, and nothing of a list that cannot be read; what `set` and `expected_owner` put into requests arrives
signed, and what lacks something that `require` names is refused."""

import lib
import s3raw

TEAM = ("AKIALOCALTEAM0000001", "teamSecret/teamSecret+teamSecret00123456")
STRICT = ("AKIALOCALSTRICT00001", "strictSecret/strictSecret+strictSecret01")
SETS = ("AKIALOCALSETS0000001", "setsSecret/setsSecret+setsSecretSecret012")
OWNER = ("AKIALOCALOWNER000001", "ownerSecret/ownerSecret+ownerSecret00123")
PARTS = ("AKIALOCALPARTS000001", "partsSecret/partsSecret+partsSecret01234")
KMS = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BUCKET = b"<Bucket><Name>%s</Name><CreationDate>2024-01-01T00:00:00.000Z</CreationDate></Bucket>"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n"


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    lib.Case.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], extra=(
        lib.Proxy.client("team", TEAM, "team") + lib.section("policy team", access="read-write", buckets="team-*") +
        lib.Proxy.client("strict", STRICT, "strict") + lib.section(
            "policy strict", access="admin", require="encryption=aws:kms|aws:kms:dsse, kms_key=%s,\n  "
            "storage_class=STANDARD|STANDARD_IA, tag.team, tag.kind=a|b c, no_acl" % KMS) +
        lib.Proxy.client("sets", SETS, "sets") + lib.section(
            "policy sets", access="admin", expected_owner="111122223333",
            set="encryption=aws:kms, kms_key=%s,\n  storage_class=STANDARD_IA, tag.team=archive & co, tag.who={client}, no_acl" % KMS) +
        lib.Proxy.client("parts", PARTS, "parts") + lib.section("policy parts", prefixes="team-c/2024/*") +
        lib.Proxy.client("owner", OWNER, "allow-all")), endpoint={"expected_owner": "999988887777"})


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


def document(*names, more=b""):
    return (b'<?xml version="1.0" encoding="UTF-8"?>\n<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            b"<Owner><ID>1</ID></Owner><Buckets>%s</Buckets>%s</ListAllMyBucketsResult>"
            % (b"".join(BUCKET % name for name in names), more))


class Lists(lib.Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, endpoint, "service_answer", None)

    def list(self, *pieces, key=TEAM, target="/", headers=()):
        endpoint.service_answer = list(pieces)
        return self.proxy.request("plain", "GET", target, key=key, headers=headers)

    def ways(self, xml):
        """The same document in each framing."""
        length = OK + b"Content-Length: %d\r\n\r\n" % len(xml)
        yield "length", (length, xml)
        yield "length, in pieces", (length, *(xml[i:i + 7] for i in range(0, len(xml), 7)))
        yield "until close", (OK + b"\r\n", xml)
        yield "chunked", (OK + b"Transfer-Encoding: chunked\r\n\r\n",
                          *(b"%x\r\n%s\r\n" % (len(xml[i:i + 50]), xml[i:i + 50]) for i in range(0, len(xml), 50)), b"0\r\n\r\n")

    def test_only_what_the_caller_may_list_is_shown(self):
        more = b"<ContinuationToken>a+b/c==</ContinuationToken><Prefix>t</Prefix>"
        xml = document(b"others", b"team-a", b"other-team-b", b"team-c", more=more)
        for name, pieces in self.ways(xml):
            with self.subTest(name):
                answer = self.check(self.list(*pieces, target="/?max-buckets=4&prefix=t"), 200)
                self.assertEqual(answer.body, document(b"team-a", b"team-c", more=more))
                self.assertEqual(self.check(self.list(*pieces, key=PARTS), 200).body, document(b"team-c", more=more))
                self.assertEqual(self.check(self.list(*pieces, key=lib.ALICE), 200).body, xml)

    def test_long_lists_stream_by(self):
        names = [(b"team-%d" if i % 3 == 0 else b"foreign-%d") % i for i in range(10000)]
        expected = document(*(n for n in names if n.startswith(b"team-")))
        for name, pieces in list(self.ways(document(*names)))[:1]:
            with self.subTest(name):
                self.assertEqual(self.check(self.list(*pieces), 200).body, expected)

    def test_http_1_0_gets_it_too(self):
        xml = document(b"foreign", b"team-a")
        endpoint.service_answer = [OK + b"Content-Length: %d\r\n\r\n" % len(xml), xml]
        headers = s3raw.sign("GET", "/", [("Host", self.proxy.host("plain"))], TEAM, body=b"")
        with self.proxy.connect("plain") as connection:
            connection.send(s3raw.head("GET", "/", headers).replace(b"HTTP/1.1", b"HTTP/1.0"))
            got = b""
            while piece := connection.sock.recv(65536):
                got += piece
        self.assertNotIn(b"Content-Length", got.partition(b"\r\n\r\n")[0])
        self.assertEqual(got.partition(b"\r\n\r\n")[2], document(b"team-a"))

    def test_nobody_compresses_it_or_sends_a_part(self):
        xml = document(b"team-a")
        self.check(self.list(OK + b"Content-Length: %d\r\n\r\n" % len(xml), xml,
                             headers=[("Accept-Encoding", "gzip"), ("Range", "bytes=5-")]), 200)
        head = "\n".join(endpoint.requests[-1]["head"]).lower()
        self.assertNotIn("accept-encoding", head)
        self.assertNotIn("range:", head)
        coded = OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
        self.check(self.list(coded, b"\x1f\x8b\x08\0\0"), 502, "BadGateway")
        self.check(self.list(OK.replace(b"200", b"206") + b"Content-Length: %d\r\n\r\n" % len(xml), xml), 502, "BadGateway")

    def test_what_cannot_be_read_is_not_shown(self):
        good = document(b"foreign")
        for xml in (b"foreign", b"<Error><Code>foreign</Code></Error>", good[:-30], good.replace(b"Buckets>", b"Items>"),
                    good.replace(b"</Owner>", b""), b"<!DOCTYPE a [<!ENTITY f 'foreign'>]>" + good):
            for name, pieces in self.ways(xml):
                with self.subTest(xml=xml[:40], way=name):
                    answer = self.check(self.list(*pieces), 502, "BadGateway")
                    self.assertNotIn(b"foreign", answer.body)

    def test_a_long_list_that_breaks_is_broken_off(self):
        xml = document(*(b"team-%d" % i for i in range(5000)))[:-30] + BUCKET % b"foreign"
        with self.assertRaises((s3raw.BrokenAnswer, ConnectionResetError)):
            self.list(OK + b"Content-Length: %d\r\n\r\n" % len(xml), xml)

    def test_refusals_of_s3_pass(self):
        error = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        answer = self.list(b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(error), error)
        self.assertEqual((answer.status, answer.body), (403, error))


class Properties(lib.Case):
    GOOD = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": KMS,
            "x-amz-storage-class": "STANDARD_IA", "x-amz-tagging": "other=1&team=x&kind=b+c"}
    COPY = {"x-amz-copy-source": "/bucket/source", "x-amz-tagging-directive": "REPLACE"}

    def put(self, key, headers, method="PUT", target="/bucket/key", **options):
        writes = method == "PUT" and "?" not in target and target.count("/") > 1
        return self.proxy.request("plain", method, target, b"content" if writes else b"",
                                  headers=list(headers.items()), key=key, **options)

    def sent(self):
        """The fields of the last request that reached the endpoint."""
        fields = [line.partition(": ")[::2] for line in endpoint.requests[-1]["head"][1:]]
        self.assertEqual(len({n.lower() for n, _ in fields}), len(fields), fields)
        return {n.lower(): v for n, v in fields}

    def refused(self, answer, words):
        self.check(answer, 403, "AccessDenied")
        self.assertIn(words, answer.body.decode())

    def test_what_is_required_passes(self):
        for name, more in (("plain", {}), ("no class is STANDARD", {"x-amz-storage-class": None}),
                           ("a harmless ACL", {"x-amz-acl": "bucket-owner-full-control"}),
                           ("encoded tags", {"x-amz-tagging": "te%61m=&kind=a"})):
            headers = {n: v for n, v in {**self.GOOD, **more}.items() if v is not None}
            with self.subTest(name):
                self.check(self.put(STRICT, headers), 200)
                sent = self.sent()
                for field, value in headers.items():
                    self.assertEqual(sent[field], value)
        self.check(self.put(STRICT, self.GOOD, "POST", "/bucket/key?uploads="), 200)
        self.check(self.put(STRICT, {**self.GOOD, **self.COPY}), 200)
        self.check(self.put(STRICT, {}, target="/bucket/key?partNumber=1&uploadId=1"), 200)
        self.check(self.put(STRICT, {}, "GET", "/bucket/fault/none"), 200)
        self.check(self.put(STRICT, {}, "PUT", "/bucket"), 200)

    def test_what_lacks_it_is_refused(self):
        lacks = (("x-amz-server-side-encryption", None, "x-amz-server-side-encryption: aws:kms or aws:kms:dsse"),
                 ("x-amz-server-side-encryption", "AES256", "x-amz-server-side-encryption: aws:kms or aws:kms:dsse"),
                 ("x-amz-server-side-encryption-aws-kms-key-id", None, KMS),
                 ("x-amz-server-side-encryption-aws-kms-key-id", KMS + "0", KMS),
                 ("x-amz-storage-class", "GLACIER", "x-amz-storage-class: STANDARD or STANDARD_IA"),
                 ("x-amz-tagging", None, "tag"), ("x-amz-tagging", "team=x", "kind=a or b c"),
                 ("x-amz-tagging", "team=x&kind=c", "kind=a or b c"), ("x-amz-tagging", "team=x&kind=a&kind=c", "kind=a or b c"),
                 ("x-amz-acl", "public-read", "ACL"), ("X-Amz-Grant-Read", "uri=x", "ACL"))
        for field, value, words in lacks:
            headers = {n: v for n, v in {**self.GOOD, field: value}.items() if v is not None}
            for name, more, method, target in (("put", {}, "PUT", "/bucket/key"), ("create", {}, "POST", "/bucket/key?uploads"),
                                               ("copy", self.COPY, "PUT", "/bucket/key"), ("no name", {}, "PUT", "/bucket/key?odd=1")):
                with self.subTest(field, value=value, how=name):
                    self.refused(self.put(STRICT, {**headers, **more}, method, target), words)
        twice = list(self.GOOD.items()) + [("x-amz-storage-class", "STANDARD")]
        answer = self.proxy.request("plain", "PUT", "/bucket/key", b"x", headers=twice, key=STRICT)
        self.assertIn(answer.status, (400, 403))
        self.refused(self.put(STRICT, {**self.GOOD, "x-amz-copy-source": "/bucket/source"}), "REPLACE")
        self.refused(self.put(STRICT, {}, "PUT", "/bucket/key?acl"), "ACL")
        self.refused(self.put(STRICT, {}, "PUT", "/bucket?acl"), "ACL")
        self.refused(self.put(STRICT, {"x-amz-acl": "public-read"}, "PUT", "/bucket"), "ACL")

    def test_what_is_set_arrives_signed(self):
        expected = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": KMS,
                    "x-amz-storage-class": "STANDARD_IA", "x-amz-tagging": "team=archive%20%26%20co&who=sets"}
        others = {"x-amz-tagging": "a=1&team=mine&b=", "x-amz-storage-class": "GLACIER", "x-amz-acl": "private",
                  "x-amz-grant-read": "id=1", "x-amz-server-side-encryption": "AES256"}
        for headers, tags in (({}, expected["x-amz-tagging"]), (others, "a=1&b=&" + expected["x-amz-tagging"])):
            for method, target in (("PUT", "/bucket/key"), ("POST", "/bucket/key?uploads=")):
                with self.subTest(headers=headers, method=method):
                    self.check(self.put(SETS, headers, method, target), 200)
                    sent = self.sent()
                    self.assertEqual({f: sent.get(f) for f in expected}, {**expected, "x-amz-tagging": tags})
                    self.assertFalse({"x-amz-acl", "x-amz-grant-read"} & set(sent))
        self.check(self.put(SETS, {"x-amz-copy-source": "/bucket/source", "x-amz-tagging": "is=ignored"}), 200)
        sent = self.sent()
        self.assertEqual((sent["x-amz-tagging"], sent["x-amz-tagging-directive"]), (expected["x-amz-tagging"], "REPLACE"))
        line = self.proxy.line_of(self.put(SETS, {"x-amz-storage-class": "STANDARD_IA", "x-amz-acl": "private"}))
        self.assertEqual(line["set"].split(","), ["x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
                                                  "x-amz-tagging", "x-amz-acl"])
        self.refused(self.put(SETS, {"x-amz-server-side-encryption-customer-algorithm": "AES256"}), "SSE-C")
        self.check(self.put(SETS, {}, target="/bucket/key?partNumber=1&uploadId=1"), 200)
        self.assertNotIn("x-amz-storage-class", self.sent())

    def test_presigned_urls_and_forms_have_it_too(self):
        """boto3 signs; what its URL and its form say of a property is replaced as a header would be."""
        import boto3
        import botocore.config
        client = boto3.client("s3", endpoint_url=self.proxy.url("plain"), region_name=lib.REGION, aws_access_key_id=SETS[0],
                              aws_secret_access_key=SETS[1], config=botocore.config.Config(s3={"addressing_style": "path"}, signature_version="s3v4"))
        url = client.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "key", "StorageClass": "GLACIER", "Tagging": "a=1"})
        with self.proxy.connect("plain") as connection:
            target = "/" + url.split("/", 3)[3]
            fields = [("Host", self.proxy.host("plain")), ("Content-Length", "1"), ("x-amz-storage-class", "GLACIER"), ("x-amz-tagging", "a=1")]
            connection.send(s3raw.head("PUT", target, fields) + b"x")
            self.check(connection.read_answer("PUT"), 200)
        sent = self.sent()
        self.assertEqual((sent["x-amz-storage-class"], sent["x-amz-tagging"]), ("STANDARD_IA", "a=1&team=archive%20%26%20co&who=sets"))
        self.assertNotIn("GLACIER", endpoint.requests[-1]["target"])
        form = client.generate_presigned_post("bucket", "key", Fields={"x-amz-storage-class": "GLACIER"},
                                              Conditions=[{"x-amz-storage-class": "GLACIER"}])
        answer = lib.run("/usr/bin/curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *(
            word for pair in form["fields"].items() for word in ("-F", "%s=%s" % pair)), "-F", "file=x", form["url"], env=lib.clean_environment())
        self.assertEqual(answer.stdout, "204")
        sent = self.sent()
        self.assertEqual((sent["x-amz-storage-class"], sent["x-amz-server-side-encryption"]), ("STANDARD_IA", "aws:kms"))

    def test_the_expected_owner_is_in_every_request(self):
        owner, source = "x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"
        for key, account in ((OWNER, "999988887777"), (SETS, "111122223333")):
            for method, target, headers, there in (
                    ("GET", "/bucket/fault/none", {}, {owner}), ("PUT", "/bucket/key", {}, {owner}),
                    ("GET", "/bucket", {}, {owner}), ("DELETE", "/bucket/key", {}, {owner}),
                    ("GET", "/bucket/fault/none", {owner: account}, {owner}),
                    ("PUT", "/bucket/key", {"x-amz-copy-source": "/a-bucket/b"}, {owner, source}),
                    ("PUT", "/new-bucket", {}, set()), ("GET", "/", {}, set())):
                with self.subTest(account, method=method, target=target):
                    self.check(self.put(key, headers, method, target), 204 if method == "DELETE" else 200)
                    sent = self.sent()
                    self.assertEqual({f for f in (owner, source) if f in sent}, there)
                    self.assertLessEqual({sent[f] for f in there}, {account})
            self.refused(self.put(key, {owner: "123456789012"}, "GET", "/bucket/fault/none"), "account %s only" % account)
            self.refused(self.put(key, {"x-amz-copy-source": "/a-bucket/b", source: "123456789012"}), "account %s only" % account)


if __name__ == "__main__":
    lib.main()
