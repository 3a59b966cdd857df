# SPDX-License-Identifier: Apache-2.0
"""What a request asks for is judged as it goes out: keys in DeleteObjects' body, copy sources, presigned URLs, forms, access
points; nothing of what is refused reaches the endpoint, and what is allowed gets there to the byte."""
import base64
import hashlib
import html
import json

import lib
import s3raw
import test_form as forms

TEAM = ("AKIALOCALTEAM0000001", "teamSecret/teamSecret+teamSecret01234567")
KEEPER = ("AKIALOCALKEEPER00001", "keeperSecret/keeperSecret+keeperSecret01")
WARNED = ("AKIALOCALWARNED00001", "warnedSecret/warnedSecret+warnedSecret01")
CLEANER = ("AKIALOCALCLEANER0001", "cleanerSecret/cleanerSecret+cleanerSecr")
DENIED = (403, "AccessDenied")
ACCESS_POINT = "arn:aws:s3:ap-northeast-1:123456789012:accesspoint/point"


def document(folder, name, *statements):
    file = folder / (name + ".json")
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return file


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    keep = document(lib.WORK, "keep",
                    dict(Effect="Allow", Action="s3:*", Resource="*"),
                    dict(Sid="Keep", Effect="Deny", Action="s3:DeleteObject*", Resource="arn:aws:s3:::team-a/keep/*"),
                    dict(Sid="Tagged", Effect="Deny", Action="s3:PutObjectTagging", Resource="*",
                         Condition={"StringEquals": {"s3:RequestObjectTag/class": "secret"}}))
    clean = document(lib.WORK, "clean", dict(Effect="Allow", Action=["s3:DeleteObject", "s3:CreateBucketMetadataTableConfiguration"],
                                             Resource="*"))
    lib.Case.proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]],
        extra=lib.Proxy.client("team", TEAM, "reports") + lib.Proxy.client("keeper", KEEPER, "keep")
        + lib.Proxy.client("warned", WARNED, "trial") + lib.Proxy.client("cleaner", CLEANER, "clean")
        + lib.section("policy clean", document=clean)
        + lib.section("policy reports", access="read-write", prefixes="team-a/reports/*")
        + lib.section("policy keep", document=keep) + lib.section("policy trial", access="read-only", mode="warn"))


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


def delete(*keys, more=""):
    return ("<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>%s%s</Delete>" % ("".join(
        "<Object><Key>%s</Key></Object>" % html.escape(key) for key in keys), more)).encode()


def md5(body):
    return ("Content-MD5", base64.b64encode(hashlib.md5(body).digest()).decode())


class Asks(lib.Case):
    def refused(self, answer, expected, before):
        self.check(answer, *expected)
        self.assertEqual(len(endpoint.requests), before, "forwarded")
        return answer

    def ask(self, method, target, body=b"", headers=(), key=TEAM, expected=DENIED, **options):
        before = len(endpoint.requests)
        answer = self.proxy.request("plain", method, target, body, headers, key=key, **options)
        if expected != 200:
            return self.refused(answer, expected, before)
        self.check(answer, 200)
        self.assertEqual(len(endpoint.requests), before + 1)
        self.assertEqual(endpoint.requests[-1]["body_bytes"], len(body))  # and its hash, which was signed
        return answer

    def test_every_key_of_delete_objects(self):
        inside, outside = ["reports/%d" % i for i in range(20)], ["secret/1"]
        self.ask("POST", "/team-a?delete", delete(*inside), expected=200)
        self.ask("POST", "/team-a?%64elete", delete(*inside), expected=200)
        for keys in (outside, inside + outside, outside + inside, ["reports"], ["/reports/1"], ["Reports/1"]):
            answer = self.ask("POST", "/team-a?delete", delete(*keys))
            self.assertIn("Client team is not authorized to perform s3:DeleteObject on arn:aws:s3:::team-a/", answer.message)
        self.ask("POST", "/team-b?delete", delete("reports/1"))

    def test_large_bodies_are_held_whole(self):
        keys = ["reports/%0900d" % i for i in range(300)]  # some buffers full
        body = delete(*keys)
        self.ask("POST", "/team-a?delete", body, [md5(body)], expected=200)
        self.ask("POST", "/team-a?delete", body, [md5(body)], payload=s3raw.UNSIGNED, expected=200)
        body = delete(*keys, "secret/1")
        self.ask("POST", "/team-a?delete", body, [md5(body)])
        body = delete(*["reports/%02000d" % i for i in range(1100)])
        self.ask("POST", "/team-a?delete", body, expected=(400, "MaxMessageLengthExceeded"))
        self.ask("POST", "/team-a?delete", delete(*["reports/1"] * 1001), expected=(400, "MalformedXML"))

    def test_the_connection_goes_on_after_a_body_that_was_held(self):
        body = delete(*["reports/%0900d" % i for i in range(300)])
        with self.proxy.connect("plain") as connection:
            for _ in range(2):
                for target, data, status in (("/team-a?delete", body, 200), ("/team-a?delete", delete("secret/1"), 403)):
                    self.check(self.proxy.request("plain", "POST", target, data, key=TEAM, connection=connection), status)

    def send_slowly(self, target, headers, body, listener="plain"):
        with self.proxy.connect(listener) as connection:
            connection.send(s3raw.head("POST", target, headers))
            for i in range(0, len(body), 50000):
                connection.send(body[i:i + 50000])
            return connection.read_answer("POST")

    def test_framings_of_delete_objects(self):
        for keys, status in ((["reports/%0900d" % i for i in range(200)], 200), (["reports/1", "secret/1"], 403)):
            body = delete(*keys)
            for listener in ("plain", "tls", "forward"):
                with self.subTest(status=status, listener=listener):
                    headers = s3raw.sign("POST", "/team-a?delete", [("Host", self.proxy.host(listener)),
                                         ("Content-Length", str(len(body)))], TEAM, body=body)
                    self.check(self.send_slowly("/team-a?delete", headers, body, listener), status)
            trailers = [("x-amz-checksum-crc32", s3raw.checksum("crc32", body))]
            framed = s3raw.aws_chunked(body, trailers)
            headers = s3raw.sign("POST", "/team-a?delete", [
                ("Host", self.proxy.host("plain")), ("Content-Length", str(len(framed))), ("Content-Encoding", "aws-chunked"),
                ("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-decoded-content-length", str(len(body)))], TEAM,
                payload=s3raw.TRAILER)
            with self.subTest("aws-chunked", status=status):
                self.check(self.send_slowly("/team-a?delete", headers, framed), status)
        headers = s3raw.sign("POST", "/team-a?delete", [("Host", self.proxy.host("plain")), ("Content-Length", str(len(body))),
                             ("Expect", "100-continue")], TEAM, body=body)
        with self.proxy.connect("plain") as connection:  # who asks first is told to go on, and then refused
            connection.send(s3raw.head("POST", "/team-a?delete", headers))
            self.assertEqual(connection.read_head().status, 100)
            connection.send(body)
            self.check(connection.read_answer("POST"), *DENIED)

    def test_bodies_that_could_be_read_in_another_way(self):
        one = "<Object><Key>reports/1</Key></Object>"
        for inner in ("<Object><Key>reports/<!-- -->1</Key></Object>", one + "<![CDATA[ ]]>", "<Object></Object>", "",
                      "<Object><Key>reports/1</Key><Key>secret/1</Key></Object>"):
            with self.subTest(inner):
                self.ask("POST", "/team-a?delete", ("<Delete>%s</Delete>" % inner).encode(), expected=(400, "MalformedXML"))
        for start in ("<?xml version='1.0' encoding='UTF-7'?>", "<!DOCTYPE Delete [<!ENTITY a 'secret'>]>"):
            self.ask("POST", "/team-a?delete", start.encode() + delete("reports/1"), expected=(400, "MalformedXML"))
        self.ask("POST", "/team-a?delete", delete("reports/1", more="<x:Object xmlns:x='y'><Key>secret/1</Key></x:Object>"))
        for target in ("/team-a?delete&x", "/team-a?delete&acl", "/team-a?delete&delete"):
            self.ask("POST", target, delete("secret/1"))
        self.ask("POST", "/team-a", delete("secret/1"), [("Content-Type", "multipart/form-data; boundary=x")])

    def test_copies_and_presigned_urls(self):
        def put(source, key="/team-a/reports/new", expected=DENIED, more=()):
            return self.ask("PUT", key, b"", [("x-amz-copy-source", source)] + list(more), expected=expected)
        put("/team-a/reports/old", expected=200)
        put("team-a/reports%2Fold?versionId=3", expected=200)
        for source in ("team-a/secret/x", "team-a%2Fsecret/x", ACCESS_POINT + "/object/reports/x", "team-a/reports/x?y=1",
                       "team-a", "/team-a//reports/x"):
            with self.subTest(source):
                put(source)
        put("team-a/reports/old", key="/team-a/other")
        host = [("Host", self.proxy.host("plain"))]
        for target, expected in (("/team-a/reports/p", 404), ("/team-a/secret/p", 403), ("/team-a/%72eports/p", 404),
                                 ("/team-a/reports/p?versionId=1", 404), ("/team-a/Reports/p", 403), ("/team-a//reports/p", 403)):
            url = s3raw.presign("GET", target, host, TEAM)
            with self.subTest(target), self.proxy.connect("plain") as connection:
                connection.send(s3raw.head("GET", url, host))
                self.assertEqual(connection.read_answer("GET").status, expected)
        for more, expected in ((("x-amz-acl", "private"), 200), (("x-amz-acl", "public-read"), 403)):
            url = s3raw.presign("PUT", "/team-a/reports/p", host, TEAM, more=[more])
            with self.proxy.connect("plain") as connection:
                connection.send(s3raw.head("PUT", url, host + [("Content-Length", "1")]) + b"x")
                self.assertEqual(connection.read_answer("PUT").status, expected)
        self.ask("PUT", "/team-a/reports/p", b"x", [("x-amz-acl", "private"), ("X-Amz-Acl", "public-read")],
                 expected=(400, "BadRequest"))
        self.ask("PUT", "/team-a/reports/p?x-amz-storage-class=GLACIER", b"x", expected=(400, "InvalidArgument"))

    def send_form(self, fields, content, key, target="/team-a"):
        body = forms.encode(forms.v4_fields(fields, [{"bucket": "team-a"}] + [["starts-with", "$" + n, ""] for n in list(fields) + [
            "x-amz-algorithm", "x-amz-credential", "x-amz-date"]], key=key), content)
        headers = [("Host", self.proxy.host("plain")), ("Content-Length", str(len(body))),
                   ("Content-Type", "multipart/form-data; boundary=xYzZY")]
        with self.proxy.connect("plain") as connection:
            connection.send(s3raw.head("POST", target, headers) + body)
            return connection.read_answer("POST")

    def test_forms_with_a_sub_resource(self):
        """Whoever may delete, or describe a bucket, may not write because of a query."""
        before = dict(endpoint.objects)
        for query in ("?delete", "?delete=", "?%64elete", "?metadataTable", "?metadataConfiguration", "?uploads", ""):
            for size in (0, 200000):
                with self.subTest(query=query, size=size):
                    self.check(self.send_form({"key": "reports/f"}, delete("x") + b" " * size, CLEANER, "/team-a" + query), *DENIED)
        self.assertEqual(endpoint.objects, before)

    def test_forms(self):
        for fields, status in (({"key": "reports/f"}, 204), ({"key": "secret/f"}, 403), ({"key": "reports/f", "acl": "private"}, 204),
                               ({"key": "reports/f", "acl": "public-read"}, 403), ({"key": "reports/f", "x-amz-tagging": "a=b"}, 204)):
            before = dict(endpoint.objects)
            with self.subTest(**fields):
                self.assertEqual(self.send_form(fields, b"content", TEAM).status, status)
                if status == 403:
                    self.assertEqual(endpoint.objects, before)

    def test_access_points(self):
        before = len(endpoint.requests)
        for host in ("point-123456789012.s3-accesspoint.ap-northeast-1.amazonaws.com", "team-b.s3.ap-northeast-1.amazonaws.com"):
            headers = s3raw.sign("GET", "/reports/x", [("Host", host)], TEAM)
            with self.proxy.connect("forward", host=host) as connection:
                connection.send(s3raw.head("GET", "/reports/x", headers))
                answer = self.refused(connection.read_answer("GET"), DENIED, before)
        headers = s3raw.sign("GET", "/secret/x", [("Host", "team-a.s3.ap-northeast-1.amazonaws.com")], TEAM)
        with self.proxy.connect("forward", host="team-a.s3.ap-northeast-1.amazonaws.com") as connection:
            connection.send(s3raw.head("GET", "/secret/x", headers))
            answer = self.refused(connection.read_answer("GET"), DENIED, before)
        self.assertIn("s3:GetObject on arn:aws:s3:::team-a/secret/x because", answer.message)

    def test_an_explicit_deny_names_its_statement_in_the_log_alone(self):
        for method, target, body in (("DELETE", "/team-a/keep/x", b""), ("POST", "/team-a?delete", delete("other/x", "keep/x")),
                                     ("DELETE", "/team-a/keep/x?versionId=1", b"")):
            answer = self.ask(method, target, body, key=KEEPER)
            self.assertIn("on arn:aws:s3:::team-a/keep/x with an explicit deny in a policy of this proxy", answer.message)
            self.assertIn("policy keep, statement Keep: ", self.proxy.line_of(answer)["detail"])
        answer = self.ask("POST", "/team-a?delete&x", delete("keep/x"), key=KEEPER)  # what nobody knows may be anything
        self.assertIn("s3:* on arn:aws:s3:::team-a with an explicit deny", answer.message)
        tags = "<Tagging><TagSet><Tag><Key>class</Key><Value>%s</Value></Tag></TagSet></Tagging>"
        self.ask("PUT", "/team-a/x?tagging", (tags % "open").encode(), key=KEEPER, expected=200)
        self.ask("PUT", "/team-a/x?tagging", (tags % "secret").encode(), key=KEEPER)
        self.ask("PUT", "/team-a/x", b"x", [("x-amz-tagging", "class=secret")], key=KEEPER)

    def test_mode_warn_lets_through_and_says_so(self):
        self.ask("PUT", "/team-a/x", b"x", key=WARNED, expected=200)
        self.ask("POST", "/team-a?delete", delete("x"), key=WARNED, expected=200)
        for said in ("s3:PutObject on arn:aws:s3:::team-a/x", "s3:DeleteObject on arn:aws:s3:::team-a/x"):
            lib.wait_until(lambda: "in mode warn, would refuse " + said in self.proxy.stderr.read_text(), what=said)


if __name__ == "__main__":
    lib.main()
