# SPDX-License-Identifier: Apache-2.0
"""Browser forms (POST Object): policy and signature are checked here, the file goes on as PutObject, and the answer is the
one that S3 gives to a form. Forms are made by hand, by boto3's generate_presigned_post, and sent with curl."""
import base64
import datetime
import hashlib
import hmac
import json
import os
import re

import lib
import s3raw

LISTENERS = ("plain", "tls", "forward")
SIGV2_OFF = ("AKIALOCALNOV20000001", "nov2Secret/nov2Secret+nov2Secret0123456")


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    upstream = ["127.0.0.1:%d" % endpoint.addresses[0][1]]
    lib.Case.proxy = lib.Proxy(upstream, extra=lib.section(
        "client nov2", access_key_id=SIGV2_OFF[0], secret_access_key=SIGV2_OFF[1], policy="allow-all", sigv2="no"))
    global sealed
    sealed = lib.Proxy(upstream, name="sealed", endpoint=dict(payload="signed"))


def tearDownModule():
    sealed.stop()
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


def policy(conditions, seconds=600):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return base64.b64encode(json.dumps({"expiration": end.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "conditions": conditions})
                            .encode()).decode()


def v4_fields(fields, conditions=None, key=lib.ALICE, date=None, seconds=600):
    """fields: name → value; with a policy that demands just these, and its signature."""
    date = date or s3raw.amz_date()
    scope = "%s/%s/s3/aws4_request" % (date[:8], lib.REGION)
    fields = dict(fields, **{"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": "%s/%s" % (key[0], scope),
                             "x-amz-date": date})
    if conditions is None:
        conditions = [{"bucket": "bucket"}] + [{name: value} for name, value in fields.items()]
    text = policy(conditions, seconds)
    signature = hmac.new(s3raw.signing_key(key[1], date[:8], lib.REGION), text.encode(), hashlib.sha256).hexdigest()
    return dict(fields, policy=text, **{"x-amz-signature": signature})


def v2_fields(fields, key=lib.ALICE):
    text = policy([{"bucket": "bucket"}] + [{name: value} for name, value in fields.items()])
    signature = base64.b64encode(hmac.new(key[1].encode(), text.encode(), hashlib.sha1).digest()).decode()
    return dict(fields, policy=text, AWSAccessKeyId=key[0], signature=signature)


def encode(fields, content, filename="file.bin", boundary="xYzZY", after=b"", end=b"\r\n"):
    parts = ["--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n" % (boundary, n, v) for n, v in fields.items()]
    parts.append("--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\nContent-Type: "
                 "application/octet-stream\r\n\r\n" % (boundary, filename))
    return "".join(parts).encode() + content + after + ("\r\n--%s--" % boundary).encode() + end


class Form(lib.Case):
    def send(self, listener, body, target="/bucket", headers=(), boundary="xYzZY", proxy=None, pieces=None):
        proxy = proxy or self.proxy
        headers = [("Host", proxy.host(listener)), ("Content-Length", str(len(body))),
                   ("Content-Type", "multipart/form-data; boundary=" + boundary)] + list(headers)
        with proxy.connect(listener) as connection:
            connection.send(s3raw.head("POST", target, headers))
            for i in range(0, len(body), pieces or len(body)):
                connection.send(body[i:i + (pieces or len(body))])
            return connection.read_answer("POST")

    def refused(self, status, code, body, message="", **options):
        before = dict(endpoint.objects)
        answer = self.check(self.send("plain", body, **options), status, code)
        self.assertIn(message, answer.message)
        self.assertEqual(endpoint.objects, before, "stored")
        return answer

    def stored(self, key):
        return endpoint.objects.get((b"bucket", key.encode()))

    def test_sizes_and_listeners(self):
        for listener in LISTENERS:
            for size in (0, 1, 1000, 64000, 65536, 70000, 3000000):
                with self.subTest(listener=listener, size=size):
                    key, content = "form/%s-%d" % (listener, size), os.urandom(size)
                    answer = self.check(self.send(listener, encode(v4_fields({"key": key}), content)), 204)
                    self.assertEqual(hashlib.sha256(self.stored(key)).digest(), hashlib.sha256(content).digest())
                    self.assertRegex(answer.header("location"), r"^https?://[^/]+/bucket/form(/|%2F)")
                    self.assertRegex(answer.header("etag"), '"[0-9a-f]{32}"')
                    line = self.proxy.line_of(answer)
                    self.assertEqual((line["auth"], line["operation"], line["key"], line["client"], line["status"]),
                                     ("form", "PostObject", key, "alice", 204))

    def test_cut_anywhere(self):
        content = b"\r\n--xYzZ\r\n--xYzZ" * 9000 + b"\r\n--xYzZ"
        for pieces in (1, 7, 4096, 65536):
            data = content[:3000] if pieces == 1 else content
            with self.subTest(pieces=pieces):
                self.check(self.send("plain", encode(v4_fields({"key": "cut"}), data), pieces=pieces), 204)
                self.assertEqual(self.stored("cut"), data)

    def test_v2(self):
        for size in (10, 200000):
            content = os.urandom(size)
            self.check(self.send("plain", encode(v2_fields({"key": "v2"}), content)), 204)
            self.assertEqual(self.stored("v2"), content)
        self.refused(403, "AccessDenied", encode(v2_fields({"key": "no"}, SIGV2_OFF), b"x"), "Version 2")

    def test_host_style_and_filename(self):
        fields = v4_fields({"key": "user/${filename}"}, [{"bucket": "bucket"}, ["starts-with", "$key", "user/"],
                                                         ["starts-with", "$x-amz-algorithm", ""],
                                                         ["starts-with", "$x-amz-credential", ""],
                                                         ["starts-with", "$x-amz-date", ""]])
        host = "bucket." + lib.S3_NAME
        body = encode(fields, b"named", filename="C:\\\\dir\\\\photo 1.jpg")
        with self.proxy.connect("forward", host) as connection:
            connection.send(s3raw.head("POST", "/", [("Host", host), ("Content-Length", str(len(body))),
                                                     ("Content-Type", "multipart/form-data; boundary=xYzZY")]) + body)
            answer = self.check(connection.read_answer("POST"), 204)
        self.assertEqual(self.stored("user/photo 1.jpg"), b"named")
        self.assertTrue(answer.header("location").startswith("https://%s/user" % host), answer.header("location"))

    def test_fields_become_headers(self):
        fields = v4_fields({"key": "headers", "acl": "private", "Content-Type": "image/png", "x-amz-meta-Tag": "a b",
                            "Cache-Control": "max-age=5", "x-amz-storage-class": "STANDARD_IA"})
        self.check(self.send("plain", encode(fields, b"x"), headers=[("Origin", "https://example.com"), ("Cookie", "a=b"),
                                                                     ("x-amz-acl", "public-read")]), 204)
        sent = [line.lower() for line in endpoint.requests[-1]["head"]]
        self.assertEqual(sent[0], "put /bucket/headers http/1.1")
        for line in ("x-amz-acl: private", "content-type: image/png", "x-amz-meta-tag: a b", "cache-control: max-age=5",
                     "x-amz-storage-class: standard_ia", "origin: https://example.com", "content-length: 1",
                     "x-amz-content-sha256: unsigned-payload"):
            self.assertIn(line, sent)
        self.assertNotRegex("\n".join(sent), "multipart|cookie|public-read|policy|x-amz-credential|" + lib.ALICE[0].lower())

    def test_answers(self):
        answer = self.check(self.send("plain", encode(v4_fields({"key": "a&b", "success_action_status": "201"}), b"x")), 201)
        self.assertRegex(answer.body.decode(), r"<PostResponse><Location>http://127.0.0.1:\d+/bucket/a&amp;b</Location>"
                         r"<Bucket>bucket</Bucket><Key>a&amp;b</Key><ETag>&quot;[0-9a-f]{32}&quot;</ETag></PostResponse>"
                         .replace("a&amp;b</Location", "a(%26|&amp;)b</Location"))
        self.check(self.send("plain", encode(v4_fields({"key": "a", "success_action_status": "200"}), b"x")), 200)
        answer = self.check(self.send("plain", encode(v4_fields(
            {"key": "a", "success_action_redirect": "https://example.com/done?x=1"}), b"x")), 303)
        self.assertRegex(answer.header("location"), r"^https://example\.com/done\?x=1&bucket=bucket&key=a&etag=%22[0-9a-f]+%22$")

    def test_keepalive_after_a_form(self):
        body = encode(v4_fields({"key": "kept"}), b"x" * 100000)
        head = s3raw.head("POST", "/bucket", [("Host", self.proxy.host("plain")), ("Content-Length", str(len(body))),
                                              ("Content-Type", "multipart/form-data; boundary=xYzZY")])
        with self.proxy.connect("plain") as connection:
            for _ in range(3):
                connection.send(head + body)
                self.check(connection.read_answer("POST"), 204)
            self.check(self.proxy.request("plain", "GET", "/bucket?list-type=2", connection=connection), 200)

    def test_expect(self):
        body = encode(v4_fields({"key": "expect"}), b"x" * 100000)
        head = s3raw.head("POST", "/bucket", [("Host", self.proxy.host("plain")), ("Content-Length", str(len(body))),
                                              ("Expect", "100-continue"),
                                              ("Content-Type", "multipart/form-data; boundary=xYzZY")])
        with self.proxy.connect("plain") as connection:
            connection.send(head)
            self.assertEqual(connection.read_head().status, 100)
            connection.send(body)
            self.check(connection.read_answer("POST"), 204)

    def test_conditions(self):
        base = {"key": "c/x", "Content-Type": "image/png"}
        auth = [["starts-with", "$x-amz-algorithm", ""], ["starts-with", "$x-amz-credential", ""],
                ["starts-with", "$x-amz-date", ""]]
        good = [{"bucket": "bucket"}, ["starts-with", "$key", "c/"], ["eq", "$Content-Type", "image/png"]]
        for conditions, content, status, code, message in (
                (good, b"x", 204, None, ""),
                (good + [["content-length-range", 2, 5]], b"abc", 204, None, ""),
                (good + [["content-length-range", 2, 5]], b"a", 400, "EntityTooSmall", ""),
                (good + [["content-length-range", 2, 5]], b"abcdef", 400, "EntityTooLarge", ""),
                (good + [["content-length-range", 0, 99999]], b"x" * 100000, 400, "EntityTooLarge", ""),
                (good[:2], b"x", 403, "AccessDenied", "Extra input fields: Content-Type"),
                ([{"bucket": "other"}] + good[1:], b"x", 403, "AccessDenied", "Condition failed"),
                ([good[0], ["starts-with", "$key", "d/"], good[2]], b"x", 403, "AccessDenied", "Condition failed"),
                ([good[0], ["eq", "$key", "c/"], good[2]], b"x", 403, "AccessDenied", "Condition failed"),
                (good[:2] + [["starts-with", "$Content-Type", "text/"]], b"x", 403, "AccessDenied", "Condition failed"),
                (good + [{"acl": "private"}], b"x", 403, "AccessDenied", "Condition failed")):
            with self.subTest(conditions=conditions, n=len(content)):
                body = encode(v4_fields(base, conditions + auth), content)
                if status == 204:
                    self.check(self.send("plain", body), 204)
                else:
                    self.refused(status, code, body, message)
        self.refused(403, "AccessDenied", encode(v4_fields({"key": "k"}, seconds=-1), b"x"), "expired")

    def test_tampered(self):
        """Every field, the policy and the signature: changed, taken away, added."""
        for make in (v4_fields, v2_fields):
            good = make({"key": "t", "acl": "private"})
            for name, value in good.items():
                with self.subTest(form=make.__name__, changed=name):
                    self.assertIn(self.send("plain", encode(dict(good, **{name: value[:-1] + (
                        "A" if value[-1] != "A" else "B")}), b"x")).status, (400, 403))
                with self.subTest(form=make.__name__, without=name):
                    self.assertIn(self.send("plain", encode({n: v for n, v in good.items() if n != name}, b"x")).status,
                                  (400, 403))
            self.refused(403, "AccessDenied", encode(dict(good, **{"x-amz-meta-evil": "1"}), b"x"), "Extra input fields")
            self.refused(403, "AccessDenied", encode(good, b"x"), target="/other")
        self.refused(403, "InvalidAccessKeyId", encode(v4_fields({"key": "t"}, key=("AKIANOBODY0000000001", "x")), b"x"))
        self.refused(403, "SignatureDoesNotMatch", encode(v4_fields({"key": "t"}, key=(lib.ALICE[0], "x")), b"x"))
        self.assertIsNone(self.stored("t"))

    def test_malformed(self):
        good = v4_fields({"key": "m"})
        body = encode(good, b"content")
        self.refused(400, "MalformedPOSTRequest", body, boundary="other")
        self.refused(400, "MalformedPOSTRequest", body[:-20])
        self.refused(400, "UserKeyMustBeSpecified", encode(v4_fields({"acl": "private"}), b"x"))
        self.refused(400, "MaxPostPreDataLengthExceededError", encode(dict(good, long="x" * 21000), b"x"))
        self.refused(400, "IncorrectNumberOfFilesInPostRequest", encode(good, b"x").replace(b'name="file"', b'name="fill"'))
        self.refused(400, "InvalidPolicyDocument", encode(dict(v2_fields({"key": "m"}), **self.resigned("bm8ganNvbg==")), b"x"))
        headers = [("Host", self.proxy.host("plain")), ("Transfer-Encoding", "chunked"),
                   ("Content-Type", "multipart/form-data; boundary=xYzZY")]
        with self.proxy.connect("plain") as connection:
            connection.send(s3raw.head("POST", "/bucket", headers) + s3raw.http_chunked(body))
            self.check(connection.read_answer("POST"), 411, "MissingContentLength")

    @staticmethod
    def resigned(text):
        return {"policy": text, "signature": base64.b64encode(hmac.new(lib.ALICE[1].encode(), text.encode(),
                                                                         hashlib.sha1).digest()).decode()}

    def test_end_of_a_large_form_that_is_not_as_it_should_be(self):
        """What follows the file can be judged only at the end: nothing of it may be stored."""
        content = os.urandom(300000)
        good = v4_fields({"key": "end"})
        after = b"\r\n--xYzZY\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload"
        for name, body in {"field after the file": encode(good, content, after=after), "no final line end": encode(
                good, content, end=b""), "no delimiter": encode(good, content)[:-20], "epilogue": encode(
                good, content, end=b"\r\nepilogue")}.items():
            with self.subTest(name):
                self.refused(400, "MalformedPOSTRequest", body)
        self.check(self.send("plain", encode(good, b"small", after=after)), 204)  # found out beforehand
        self.assertEqual(self.stored("end"), b"small")
        self.check(self.send("plain", encode(good, b"small", end=b"")), 204)

    def test_client_gone(self):
        body = encode(v4_fields({"key": "gone"}), os.urandom(500000))
        with self.proxy.connect("plain") as connection:
            connection.send(s3raw.head("POST", "/bucket", [("Host", self.proxy.host("plain")), (
                "Content-Length", str(len(body))), ("Content-Type", "multipart/form-data; boundary=xYzZY")]) + body[:400000])
            connection.reset()
        lib.wait_until(lambda: any(l["end"] == "client_gone" for l in self.proxy.access_lines()), 10, "access line")
        self.assertIsNone(self.stored("gone"))

    def test_policy_and_anonymous(self):
        self.refused(403, "AccessDenied", encode(v4_fields({"key": "r"}, key=lib.READER), b"x"))
        self.refused(403, "AccessDenied", encode({"key": "anonymous"}, b"x"))
        self.check(self.send("legacy", encode({"key": "anonymous"}, b"x" * 70000)), 204)
        self.assertEqual(len(self.stored("anonymous")), 70000)

    def test_signed_payload(self):
        for size in (0, 100, 32768, 65536, 200001):
            with self.subTest(size=size):
                content = os.urandom(size)
                self.check(self.send("plain", encode(v4_fields({"key": "sealed"}), content), proxy=sealed), 204)
                self.assertEqual(self.stored("sealed"), content)
                self.assertIn("x-amz-content-sha256: " + (s3raw.CHUNKS if size else s3raw.EMPTY_SHA256).lower(),
                              [line.lower() for line in endpoint.requests[-1]["head"]])

    def test_boto3_and_curl(self):
        import boto3
        from botocore.config import Config
        for version in ("s3v4", "s3"):
            client = boto3.client("s3", region_name=lib.REGION, aws_access_key_id=lib.ALICE[0],
                                  aws_secret_access_key=lib.ALICE[1], endpoint_url=self.proxy.url("plain"),
                                  config=Config(signature_version=version, s3={"addressing_style": "path"}))
            post = client.generate_presigned_post("bucket", "boto/${filename}", Fields={"acl": "private"}, Conditions=[
                {"acl": "private"}, ["content-length-range", 1, 1000000]])
            for size in (5, 500000):
                with self.subTest(version=version, size=size):
                    file = lib.WORK / ("upload-%d.bin" % size)
                    file.write_bytes(os.urandom(size))
                    words = [w for n, v in post["fields"].items() for w in ("-F", "%s=%s" % (n, v))]
                    done = lib.run("curl", "-sS", "-o", lib.WORK / "curl.out", "-w", "%{http_code}", *words, "-F",
                                   "file=@%s" % file, post["url"], env=lib.clean_environment())
                    self.assertEqual(done.stdout.strip(), "204", (lib.WORK / "curl.out").read_text())
                    self.assertEqual(self.stored("boto/" + file.name), file.read_bytes())


if __name__ == "__main__":
    lib.main()
