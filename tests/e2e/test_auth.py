# SPDX-License-Identifier: Apache-2.0
"""Who may come in: signatures that are wrong in each possible way are refused with S3's own code, and nothing of such a
request reaches the endpoint."""
import hashlib
import html
import time

import lib
import s3raw

WRITER = ("AKIALOCALWRITER00001", "writerSecret/writerSecret+writerSecret01")
ENDED = [(name, "S3OR%s" % name.upper(), "secretOf/" + name * 5, more) for name, more in (
    ("disabled", "disabled = yes\n"), ("expired", "expires = 2020-01-01\n"), ("ended", "not_after = 2020-01-01T00:00:00Z\n"),
    ("early", "not_before = 2999-01-01\n"))]
SECOND = ("S3ORSECONDPAIR", "secretOf/secondPairsecondPair")
TWO_PAIRS = (lib.Proxy.client("changing", ("S3ORFIRSTPAIR", "secretOf/firstPairfirstPair"), "allow-all")
             + "access_key_id_2 = %s\nsecret_access_key_2 = %s\nnot_after_2 = 2999-01-01\n" % SECOND)
LISTENERS = ("plain", "tls", "sniff", "forward")


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    lib.Case.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], extra=lib.Proxy.client("writer", WRITER, "objects")
                               + "".join(lib.Proxy.client(name, (key, secret), "allow-all") + more for name, key, secret, more in ENDED)
                               + TWO_PAIRS
                               + lib.section("policy objects", access="read-write")
                               + lib.section("endpoint ceph", region=lib.REGION, plus="plus", ca_file=lib.certificates() / "ca.pem",
                                             addresses="127.0.0.1:%d" % endpoint.addresses[0][1]),
                               endpoint=dict(default="yes"), listeners={"ceph": dict(mode="endpoint", anonymous="alice", endpoint="ceph")})


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


def changed(headers, name, change):
    """The same headers after somebody changed one on the way."""
    assert any(n.lower() == name.lower() for n, _ in headers), name
    return [(n, change(v) if n.lower() == name.lower() else v) for n, v in headers]


def without(headers, name):
    return [(n, v) for n, v in headers if n.lower() != name.lower()]


class Auth(lib.Case):
    def test_keys_of_who_does_not_count_are_unknown(self):
        """As S3 speaks of keys that are switched off; the log tells the reason."""
        reasons = {"disabled": "is disabled", "expired": "has expired", "ended": "not_after has passed", "early": "not_before is yet to come"}
        for name, key, secret, _ in ENDED:
            with self.subTest(name):
                before = len(endpoint.requests)
                answer = self.proxy.request("plain", "GET", "/bucket/key", key=(key, secret))
                line = self.proxy.line_of(self.check(answer, 403, "InvalidAccessKeyId"))
                self.assertIn("client %s" % name, line["detail"])
                self.assertIn(reasons[name], line["detail"])
                self.assertEqual(len(endpoint.requests), before, "forwarded")

    def test_both_pairs_of_a_client_count(self):
        for key in (("S3ORFIRSTPAIR", "secretOf/firstPairfirstPair"), SECOND):
            answer = self.check(self.proxy.request("plain", "PUT", "/bucket/pairs", b"x", key=key), 200)
            self.assertEqual(self.proxy.line_of(answer)["client"], "changing")
        mixed = (SECOND[0], "secretOf/firstPairfirstPair")
        self.check(self.proxy.request("plain", "GET", "/bucket/pairs", key=mixed), 403, "SignatureDoesNotMatch")

    def host(self, listener):
        return [("Host", self.proxy.host(listener))]

    def send(self, listener, method, target, headers, body=b""):
        with self.proxy.connect(listener) as connection:
            connection.send(s3raw.head(method, target, headers) + body)
            return connection.read_answer(method)

    def refused(self, listener, status, code, method, target, headers, body=b""):
        """Refused as it should be, with an S3 error document, and not forwarded."""
        before = len(endpoint.requests)
        answer = self.check(self.send(listener, method, target, headers, body), status, code)
        self.assertEqual(answer.header("content-type"), "application/xml")
        self.assertTrue(answer.message, "an empty Message makes some clients crash")
        self.assertIn(b"<RequestId>", answer.body)
        self.assertEqual(len(endpoint.requests), before, "forwarded")
        for secret in (lib.ALICE[1], lib.UPSTREAM_KEY[1], lib.UPSTREAM_KEY[0]):
            if secret not in str(headers):  # a key id is told to whom it came from
                self.assertNotIn(secret.encode(), answer.body)
        return answer

    def each(self, status, code, make):
        """make(listener) → (method, target, headers[, body])"""
        for listener in LISTENERS:
            with self.subTest(listener=listener):
                self.refused(listener, status, code, *make(listener))

    def signed(self, listener, method="GET", target="/bucket/key", more=(), **options):
        options.setdefault("key", lib.ALICE)
        return s3raw.sign(method, target, self.host(listener) + list(more), options.pop("key"), **options)

    def test_right_signature_is_forwarded(self):
        for listener in LISTENERS + ("legacy",):
            with self.subTest(listener=listener):
                before = len(endpoint.requests)
                self.check(self.send(listener, "GET", "/bucket?list-type=2",
                                     self.signed(listener, target="/bucket?list-type=2")), 200)
                self.assertEqual(len(endpoint.requests), before + 1)
                head = "\n".join(endpoint.requests[-1]["head"])
                self.assertIn("Credential=" + lib.UPSTREAM_KEY[0], head)
                self.assertNotIn(lib.ALICE[0], head)

    def test_region_of_the_scope_does_not_matter(self):
        for region in ("us-east-1", "ap-northeast-1", "default"):
            with self.subTest(region=region):
                self.check(self.send("plain", "GET", "/bucket?list-type=2", self.signed(
                    "plain", target="/bucket?list-type=2", region=region)), 200)

    def test_wrong_secret(self):
        self.each(403, "SignatureDoesNotMatch", lambda l: (
            "GET", "/bucket/key", self.signed(l, key=(lib.ALICE[0], "not the secret"))))

    def test_unknown_key(self):
        self.each(403, "InvalidAccessKeyId", lambda l: (
            "GET", "/bucket/key", self.signed(l, key=("AKIANOBODY0000000001", lib.ALICE[1]))))
        for headers, target in ((self.signed("plain", key=("AKIANOBODY0000000001", "x")), "/bucket/key"),
                                ((), "/bucket/key?AWSAccessKeyId=AKIANOBODY0000000001&Expires=%d&Signature=YQ%%3D%%3D" % (time.time() + 600))):
            answer = self.send("plain", "GET", target, headers or self.host("plain"))
            self.says(answer, "The access key AKIANOBODY0000000001 is not known to this proxy; use the key pair that its "
                              "administrator gave you, not one of AWS.")

    def says(self, answer, message):
        """The message, and the id of the request that leads to the line in the log."""
        self.assertEqual(answer.message, "%s (request %s)" % (message, answer.header("x-amz-request-id")))

    def test_upstream_key_is_not_a_client(self):
        self.each(403, "InvalidAccessKeyId", lambda l: ("GET", "/bucket/key", self.signed(l, key=lib.UPSTREAM_KEY)))

    def test_wrong_key_counts_even_where_unsigned_is_allowed(self):
        self.refused("legacy", 403, "SignatureDoesNotMatch", "GET", "/bucket/key",
                     self.signed("legacy", key=(lib.ALICE[0], "not the secret")))

    def test_unsigned(self):
        self.each(403, "AccessDenied", lambda l: ("GET", "/bucket/key", self.host(l)))

    def test_tampered_header(self):
        self.each(403, "SignatureDoesNotMatch", lambda l: ("PUT", "/bucket/key", changed(
            self.signed(l, "PUT", more=[("x-amz-meta-a", "b"), ("Content-Length", "0")]), "x-amz-meta-a", lambda v: "c")))

    def test_tampered_date(self):
        self.each(403, "SignatureDoesNotMatch", lambda l: ("GET", "/bucket/key", changed(
            self.signed(l), "x-amz-date", lambda v: s3raw.amz_date(7))))

    def test_tampered_payload_hash(self):
        self.each(403, "SignatureDoesNotMatch", lambda l: ("PUT", "/bucket/key", changed(
            self.signed(l, "PUT", more=[("Content-Length", "1")], body=b"a"), "x-amz-content-sha256",
            lambda v: hashlib.sha256(b"b").hexdigest()), b"b"))

    def test_tampered_path(self):
        for path in ("/bucket/kez", "/bucket/Key", "/bucket/key/", "/bucket//key", "/bucket/x/../key", "/other/key"):
            self.each(403, "SignatureDoesNotMatch", lambda l: ("GET", path, self.signed(l)))

    def test_tampered_query(self):
        for query in ("?list-type=2&prefix=b", "?list-type=2", "?list-type=2&prefix=a&acl", "?list-type=2&prefix=a&prefix=a"):
            self.each(403, "SignatureDoesNotMatch", lambda l: (
                "GET", "/bucket" + query, self.signed(l, target="/bucket?list-type=2&prefix=a")))

    def test_tampered_method(self):
        self.each(403, "SignatureDoesNotMatch", lambda l: ("DELETE", "/bucket/key", self.signed(l)))

    def test_tampered_signature(self):
        for flip in (lambda v: v[:-1] + ("0" if v[-1] != "0" else "1"), lambda v: v[:-64] + "0" * 64):
            self.each(403, "SignatureDoesNotMatch", lambda l: (
                "GET", "/bucket/key", changed(self.signed(l), "Authorization", flip)))

    def test_tampered_body_is_not_stored(self):
        for listener in LISTENERS:
            with self.subTest(listener=listener):
                target = "/bucket/tampered-%s" % listener
                headers = self.signed(listener, "PUT", target, [("Content-Length", "4")], body=b"good")
                answer = self.send(listener, "PUT", target, headers, b"evil")
                self.assertEqual(answer.status, 400, answer.body)
                self.assertNotIn((b"bucket", target[8:].encode()), endpoint.objects)

    def test_skewed_clock(self):
        for minutes in (-16, 16, -60 * 24 * 3):
            self.each(403, "RequestTimeTooSkewed", lambda l: (
                "GET", "/bucket/key", self.signed(l, date=s3raw.amz_date(minutes * 60))))

    def test_dates_outside_all_calendars(self):
        for date in ("00010101T000000Z", "19691231T235959Z", "99991231T235959Z"):
            self.each(403, "RequestTimeTooSkewed", lambda l: ("GET", "/bucket/key", self.signed(l, date=date)))
        for date in ("20260230T000000Z", "20261301T000000Z", "2026", "tomorrow"):
            self.each(403, "AccessDenied", lambda l: ("GET", "/bucket/key", self.signed(l, date=date)))

    def test_clock_within_limits(self):
        for minutes in (-14, 14):
            with self.subTest(minutes=minutes):
                self.check(self.send("plain", "GET", "/bucket?list-type=2", self.signed(
                    "plain", target="/bucket?list-type=2", date=s3raw.amz_date(minutes * 60))), 200)

    def test_no_payload_hash(self):
        self.each(400, "InvalidRequest", lambda l: ("GET", "/bucket/key", self.signed(l, send_payload=False)))

    def test_invalid_payload_hash(self):
        for value in ("abc", "unsigned-payload", "0" * 63, "g" * 64):
            self.each(400, "InvalidArgument", lambda l: ("GET", "/bucket/key", self.signed(l, payload=value)))

    def test_amz_header_that_is_not_signed(self):
        for name in ("x-amz-acl", "X-Amz-Meta-A", "x-amz-copy-source"):
            self.each(403, "AccessDenied", lambda l: ("PUT", "/bucket/key", self.signed(
                l, "PUT", more=[("Content-Length", "0")]) + [(name, "private")]))

    def test_host_that_is_not_signed(self):
        self.each(403, "AccessDenied", lambda l: ("GET", "/bucket/key", self.signed(l, leave_unsigned=("host",))))

    def test_no_date(self):
        def make(listener):
            return "GET", "/bucket/key", without(self.signed(listener), "x-amz-date")
        for listener in LISTENERS:
            with self.subTest(listener=listener):
                self.refused(listener, 403, "AccessDenied", *make(listener))

    def test_malformed_authorization(self):
        changes = {
            "no signature": lambda v: v.rpartition(",")[0],
            "no credential": lambda v: v.replace("Credential=", "Cred="),
            "short signature": lambda v: v[:-1],
            "upper case signature": lambda v: v[:-64] + "A" * 64,
            "wrong scope end": lambda v: v.replace("aws4_request", "aws3_request"),
            "wrong service": lambda v: v.replace("/s3/", "/ec2/"),
            "day differs": lambda v: v.replace(s3raw.amz_date()[:8], "20130524"),
            "twice": lambda v: v + ", Signature=" + "0" * 64,
            "headers out of order": lambda v: v.replace("host;", "x-amz-date;host;"),
            "empty": lambda v: "AWS4-HMAC-SHA256",
        }
        for name, change in changes.items():
            with self.subTest(name):
                self.each(400, "AuthorizationHeaderMalformed", lambda l: (
                    "GET", "/bucket/key", changed(self.signed(l), "Authorization", change)))

    def test_two_authorization_headers(self):
        def make(listener):
            headers = self.signed(listener)
            return "GET", "/bucket/key", headers + [headers[-1]]
        for listener in LISTENERS:
            with self.subTest(listener=listener):
                before = len(endpoint.requests)
                self.assertEqual(self.send(listener, *make(listener)).status, 400)
                self.assertEqual(len(endpoint.requests), before)

    def test_other_kinds_of_authorization(self):
        for value in ("Bearer abc", "Basic YTpi", "nonsense"):
            self.each(400, "InvalidArgument", lambda l: (
                "GET", "/bucket/key", self.host(l) + [("Authorization", value), ("x-amz-date", s3raw.amz_date())]))

    def test_what_is_not_implemented_is_said_so(self):
        for listener in LISTENERS + ("legacy",):
            with self.subTest(listener=listener):
                self.refused(listener, 501, "NotImplemented", "GET", "/bucket/key", self.host(listener) + [
                    ("Authorization", "AWS4-ECDSA-P256-SHA256 Credential=x"), ("x-amz-date", s3raw.amz_date())])
        for payload in ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"):
            more = [("Content-Length", "0"), ("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "0")]
            self.each(501, "NotImplemented", lambda l: (
                "PUT", "/bucket/key", self.signed(l, "PUT", more=more, payload=payload)))

    def test_copy_source_in_the_query(self):
        """The policy looks for it among the headers: it must not come another way."""
        for name in ("x-amz-copy-source", "X-Amz-Copy-Source", "x%2Damz-copy-source"):
            target = "/bucket/key?%s=/secret/key" % name
            self.each(400, "InvalidArgument", lambda l: ("PUT", target, self.signed(
                l, "PUT", target, more=[("Content-Length", "0")])))

    def test_header_and_query_together(self):
        target = "/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=" + "0" * 64
        self.each(400, "InvalidArgument", lambda l: ("GET", target, self.signed(l, target=target)))

    def test_policy(self):
        for method in ("PUT", "DELETE", "POST"):
            self.each(403, "AccessDenied", lambda l: (method, "/bucket/key", self.signed(
                l, method, key=lib.READER, more=[("Content-Length", "0")])))
        self.check(self.send("plain", "GET", "/bucket?list-type=2", self.signed(
            "plain", target="/bucket?list-type=2", key=lib.READER)), 200)

    def test_read_write_means_objects(self):
        """What makes, configures or removes buckets, and what gives rights to others, needs access = admin."""
        length = [("Content-Length", "0")]
        for method, target, more in [("PUT", "/made", []), ("DELETE", "/made", [])] + [
                ("PUT", "/bucket?" + name, []) for name in ("policy", "acl", "replication", "lifecycle", "object-lock", "versioning", "cors",
                                                            "publicAccessBlock", "ownershipControls", "encryption", "notYetKnown")] + [
                ("DELETE", "/bucket?policy", []), ("PUT", "/bucket/key?acl", []), ("PUT", "/bucket/key?uploadId=1&partNumber=1&acl", []),
                ("PUT", "/bucket/key", [("x-amz-acl", "public-read")]), ("PUT", "/bucket/key", [("x-amz-grant-read", "uri=\"x\"")]),
                ("DELETE", "/bucket/key?versionId=1", [("x-amz-bypass-governance-retention", "true")])]:
            self.each(403, "AccessDenied", lambda l: (method, target, self.signed(l, method, target, length + more, key=WRITER)))
            answer = self.send("plain", method, target, self.signed("plain", method, target, length + more))
            self.assertIn(answer.status, (200, 204), "allow-all: %s %s" % (method, target))
        url = s3raw.presign("PUT", "/bucket/key", self.host("plain"), WRITER, more=[("x-amz-acl", "public-read")])
        self.refused("plain", 403, "AccessDenied", "PUT", url, self.host("plain") + length)
        self.check(self.proxy.request("plain", "POST", "/bucket?delete", b"<Delete><Object><Key>key</Key></Object></Delete>", key=WRITER), 200)
        for method, target, more in (("PUT", "/bucket/key", [("x-amz-acl", "private")]), ("GET", "/bucket/key", []),
                                     ("PUT", "/bucket/key?tagging", []), ("PUT", "/bucket/key?retention", []),
                                     ("POST", "/bucket/key?uploads", []), ("GET", "/bucket?policy", []), ("DELETE", "/bucket/key", [])):
            with self.subTest(method=method, target=target):
                answer = self.send("plain", method, target, self.signed("plain", method, target, length + more, key=WRITER))
                self.assertIn(answer.status, (200, 204), answer.body)

    def test_head_of_a_bucket_tells_its_region_to_everybody(self):
        """SDKs and tools find a bucket's Region so before they can sign, as S3 answers 403 with it."""
        for listener in LISTENERS:
            for key in (None, ("AKIANOBODY0000000001", "x"), (lib.ALICE[0], "wrong")):
                with self.subTest(listener=listener, key=key):
                    before = len(endpoint.requests)
                    answer = self.check(self.proxy.request(listener, "HEAD", "/bucket", key=key), 403)
                    self.assertEqual(answer.header("x-amz-bucket-region"), lib.REGION)
                    answer = self.check(self.proxy.request(listener, "GET", "/bucket", key=key), 403)
                    self.assertIsNone(answer.header("x-amz-bucket-region"))
                    self.assertEqual(len(endpoint.requests), before)

    def test_raw_plus_in_a_path(self):
        """S3 reads it as a blank, and so do we where no Version 4 signature says what it stands for."""
        def put(listener, raw, signed=None, key=lib.ALICE, **options):
            headers = self.host(listener) + [("Content-Length", "1")]
            headers = s3raw.sign("PUT", signed, headers, key, body=b"x", **options) if signed else headers
            answer = self.check(self.send(listener, "PUT", raw, headers, b"x"), 200)
            sent = endpoint.requests[-1]["head"][0].split()[1]
            self.assertEqual("/bucket/" + s3raw.quote_key(self.proxy.line_of(answer)["key"]), sent)
            return sent
        for listener in LISTENERS:
            with self.subTest(listener=listener):
                self.assertEqual(put(listener, "/bucket/a+b", "/bucket/a%20b"), "/bucket/a%20b")
                self.assertEqual(put(listener, "/bucket/a+b", "/bucket/a%2Bb"), "/bucket/a%2Bb")
                self.assertEqual(put(listener, "/bucket/a%2Bb", "/bucket/a%2Bb"), "/bucket/a%2Bb")
        self.assertEqual(put("legacy", "/bucket/a+b"), "/bucket/a%20b")
        self.assertEqual(put("legacy", "/bucket/a%2Bb"), "/bucket/a%2Bb")
        self.assertEqual(put("ceph", "/bucket/a+b"), "/bucket/a%2Bb")
        self.refused("plain", 403, "SignatureDoesNotMatch", "GET", "/bucket/a%2Bb", self.signed("plain", target="/bucket/a%20b"))
        self.refused("plain", 403, "SignatureDoesNotMatch", "GET", "/bucket/a+b", self.signed("plain", target="/bucket/a_b"))

    def test_refusal_by_policy_says_who_what_where_and_why(self):
        for method, target, what in (("DELETE", "/reports/2024/%C3%A4%20b", "s3:DeleteObject on arn:aws:s3:::reports/2024/ä b"),
                                     ("PUT", "/reports", "s3:CreateBucket on arn:aws:s3:::reports"),
                                     ("POST", "/", "s3:*")):
            with self.subTest(target=target):
                answer = self.refused("plain", 403, "AccessDenied", method, target, self.signed(
                    "plain", method, target, key=lib.READER, more=[("Content-Length", "0")]))
                sentence = "Client reader is not authorized to perform %s because no policy of this proxy allows it" % what
                self.says(answer, sentence)
                self.assertEqual(self.proxy.line_of(answer)["detail"], "policy read-only: " + sentence)

    def test_proxys_wrong_clock_is_told_as_such(self):
        """Not as refused keys: whoever reads that makes new ones for nothing."""
        for method in ("GET", "HEAD"):
            for seconds, word in ((2400, "behind"), (-2400, "ahead of")):
                with self.subTest(method=method, seconds=seconds):
                    target = "/bucket/fault/skewed/%d" % seconds
                    answer = self.send("plain", method, target, self.signed("plain", method, target))
                    self.assertEqual(answer.status, 503)
                    line = self.proxy.line_of(answer)
                    self.assertEqual((line["end"], line["retries"]), ("up_clock", 0))
                    told = r"This proxy's clock is 2[34]\d\d s %s S3's: start or repair NTP" % word
                    self.assertRegex(line["detail"], told)
                    if method == "GET":
                        self.assertRegex(html.unescape(answer.message), told)
                        self.assertEqual(line["s3_error"], "RequestTimeTooSkewed")
        self.assertNotRegex(self.proxy.stderr.read_text(), "RequestTimeTooSkewed: the endpoint does not accept")
        target = "/bucket/fault/error/403/RequestTimeTooSkewed"  # an answer without a Date
        answer = self.check(self.send("plain", "GET", target, self.signed("plain", target=target)), 503, "ServiceUnavailable")
        self.assertIn("clock is off by more than 900 s", html.unescape(answer.message))

    def test_no_refusal_names_our_key(self):
        for status, code in ((403, "AccessDenied"), (404, "NoSuchKey"), (409, "OperationAborted"), (412, "PreconditionFailed"),
                             (400, "NeverHeardOf")):
            with self.subTest(status=status):
                target = "/bucket/fault/error/%d/%s" % (status, code)
                self.check(self.send("plain", "GET", target, self.signed("plain", target=target)), status, code)
                answer = self.send("plain", "GET", target + "/key", self.signed("plain", target=target + "/key"))
                self.check(answer, 503, "ServiceUnavailable")
                self.assertNotIn(lib.UPSTREAM_KEY[0].encode(), answer.body)
                self.assertIn("The S3 endpoint answered %d %s and spoke of" % (status, code), answer.message)

    def test_access_line_has_the_code_of_s3s_own_error(self):
        for method, status, code in (("GET", 404, "NoSuchKey"), ("GET", 403, "AccessDenied"), ("PUT", 503, "SlowDown"),
                                     ("POST", 200, "InternalError")):
            with self.subTest(status=status):
                target = "/bucket/fault/error/%d/%s" % (status, code) + ("?uploadId=x" if method == "POST" else "")
                length = [("Content-Length", "0")] if method != "GET" else []
                answer = self.send("plain", method, target, self.signed("plain", method, target, more=length))
                self.check(answer, status, code)
                line = self.proxy.line_of(answer)
                self.assertEqual((line["s3_error"], line["end"]), (code, "ok"))
        answer = self.send("plain", "GET", "/bucket?list-type=2", self.signed("plain", target="/bucket?list-type=2"))
        self.assertEqual(self.proxy.line_of(answer)["s3_error"], "")

    def test_errors_about_our_own_key_stay_here(self):
        for code in ("SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken", "InvalidToken"):
            for listener in ("plain", "forward"):
                with self.subTest(code=code, listener=listener):
                    target = "/bucket/fault/own-key/" + code
                    answer = self.check(self.send(listener, "GET", target, self.signed(listener, target=target)), 503,
                                        "ServiceUnavailable")
                    self.assertNotIn(lib.UPSTREAM_KEY[0].encode(), answer.body)

    def test_keepalive_after_refusal(self):
        """A refused request does not take the connection with it when nothing of it is left to read."""
        with self.proxy.connect("plain") as connection:
            for key, status in ((("AKIANOBODY0000000001", "x"), 403), (lib.ALICE, 200)):
                answer = self.proxy.request("plain", "GET", "/bucket?list-type=2", key=key, connection=connection)
                self.assertEqual(answer.status, status, answer.body)


if __name__ == "__main__":
    lib.main()
