# SPDX-License-Identifier: Apache-2.0
"""Two Regions: a client that names the wrong one gets its object all the same, and the log tells what was corrected."""
import hashlib
import json

import lib
import s3raw
import endpoint as endpoint_module

WEST = "eu-west-1"
HOME = ("AKIALOCALHOME0000001", "homeSecret/homeSecret+homeSecret01234567")  # who may not leave the Region
HOWS = ("301", "301-document", "307", "400", "400-header")
BIG = 3 << 20


def setUpModule():
    global tokyo, dublin
    elsewhere = {"west-" + how: (WEST, how) for how in HOWS}
    elsewhere.update({"far-" + how: ("sa-east-1", how) for how in HOWS}, source=(WEST, "301"))
    tokyo = lib.start_endpoint(regions=elsewhere)
    dublin = lib.start_endpoint(region=WEST, regions={"east": (lib.REGION, "301")},
                                names=["s3.%s.amazonaws.com" % WEST])
    for how in HOWS:
        dublin.objects[(b"west-" + how.encode(), b"object")] = how.encode() * 5000
    tokyo.objects[(b"east", b"object")] = b"east" * 5000
    second = lib.section("endpoint dublin", region=WEST, addresses="127.0.0.1:%d" % dublin.addresses[0][1],
                         sni=lib.S3_NAME, ca_file=lib.certificates() / "ca.pem")
    home = lib.WORK / "home.json"
    home.write_text(json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {
        "StringEquals": {"aws:RequestedRegion": lib.REGION}}}}))
    second += lib.Proxy.client("home", HOME, "home") + lib.section("policy home", document=home)
    lib.Case.proxy = lib.Proxy(["127.0.0.1:%d" % tokyo.addresses[0][1]], server={"workers": 1}, extra=second)


def tearDownModule():
    lib.Case.proxy.stop()
    assert tokyo.refused() + dublin.refused() == [], tokyo.refused() + dublin.refused()
    tokyo.close()
    dublin.close()


class Regions(lib.Case):
    def fresh(self):
        """A proxy that has learned nothing yet."""
        self.proxy.stop()
        self.mark = self.proxy.stderr.stat().st_size
        self.proxy.start()

    def test_get_is_corrected_and_learned(self):
        self.fresh()
        for how in HOWS:
            for listener in ("legacy", "plain", "forward"):
                with self.subTest(how, listener=listener):
                    answer = self.check(self.proxy.request(listener, "GET", "/west-%s/object" % how,
                                                           key=None if listener == "legacy" else lib.ALICE), 200)
                    self.assertEqual(answer.body, how.encode() * 5000)
        text = self.proxy.stderr.read_bytes()[self.mark:].decode()
        for how in HOWS:
            self.assertEqual(text.count("bucket west-%s is in Region %s, not %s" % (how, WEST, lib.REGION)), 1,
                             "corrected once, known afterwards")

    def test_what_moves_is_judged_once_more(self):
        """Where it goes to counts, the first time and, once that is known, at once; a body that was judged before, too."""
        self.fresh()
        delete = b"<Delete><Object><Key>object</Key></Object></Delete>"
        for method, target, body in (("GET", "/west-301/object", b""), ("GET", "/west-301/object", b""), ("PUT", "/west-307/new", b"x"),
                                     ("POST", "/west-400?delete", delete)):
            before = len(dublin.requests)
            with self.subTest(method=method, target=target):
                answer = self.check(self.proxy.request("plain", method, target, body, key=HOME), 403, "AccessDenied")
                self.assertIn("Client home is not authorized to perform s3:", answer.message)
                self.assertEqual(len(dublin.requests), before)
        self.check(self.proxy.request("plain", "GET", "/east/object", key=HOME), 200)
        self.check(self.proxy.request("plain", "POST", "/west-400-header?delete", delete), 200)
        self.assertEqual(dublin.requests[-1]["body_bytes"], len(delete))

    def test_access_line_tells(self):
        self.fresh()
        first = self.proxy.request("legacy", "HEAD", "/west-301/object", key=None)
        second = self.proxy.request("legacy", "HEAD", "/west-301/object", key=None)
        lib.wait_until(lambda: len([l for l in self.proxy.access_lines() if l["method"] == "HEAD"]) >= 2)
        lines = [l for l in self.proxy.access_lines() if l["method"] == "HEAD"][-2:]
        self.assertEqual((first.status, second.status), (200, 200))
        self.assertEqual([(l["endpoint"], l["region_from"], l["retry_reasons"], l["attempts"]) for l in lines],
                         [("dublin", lib.REGION, "region", 2), ("dublin", lib.REGION, "", 1)])

    def test_small_body_is_replayed(self):
        for how in HOWS:
            for size in (0, 1, 1000, 40000):
                with self.subTest(how, size=size):
                    self.fresh() if size == 1000 else None
                    body = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
                    self.check(self.proxy.request("plain", "PUT", "/west-%s/put-%d" % (how, size), body), 200)
                    self.assertEqual(dublin.objects[(b"west-" + how.encode(), b"put-%d" % size)], body)

    def test_large_body_is_asked_for_first(self):
        big = b"".join(bytes(endpoint_module.big_block(i)) for i in range(3))
        for how in HOWS:
            with self.subTest(how):
                self.fresh()
                before = len(tokyo.requests)
                self.check(self.proxy.request("legacy", "PUT", "/west-%s/large" % how, big, key=None), 200)
                self.assertEqual(hashlib.sha256(dublin.objects[(b"west-" + how.encode(), b"large")]).digest(),
                                 hashlib.sha256(big).digest())
                refused = tokyo.requests[before:]
                self.assertEqual([(r["verdict"], r["body_bytes"]) for r in refused], [("elsewhere", 0)])
                self.assertIn("Expect: 100-continue", refused[0]["head"])
        # Once known there is nothing to ask, but on a kept connection.
        before = len(dublin.requests)
        self.check(self.proxy.request("legacy", "PUT", "/west-%s/large" % HOWS[-1], big, key=None), 200)
        record = dublin.requests[before]
        self.assertEqual("Expect: 100-continue" in record["head"], record["index"] > 0)

    def test_large_body_to_the_right_region(self):
        self.fresh()
        big = b"r" * BIG
        self.check(self.proxy.request("legacy", "PUT", "/right/large", big, key=None), 200)
        self.assertEqual(tokyo.objects[(b"right", b"large")], big)

    def test_client_that_expects(self):
        self.fresh()
        for how in HOWS:
            with self.subTest(how), self.proxy.connect("legacy") as connection:
                target = "/west-%s/expected" % how
                connection.send(s3raw.head("PUT", target, [("Host", self.proxy.host("legacy")), ("Content-Length", "70000"),
                                                           ("Expect", "100-continue")]))
                self.assertEqual(connection.read_head().status, 100)
                connection.send(b"e" * 70000)
                self.check(connection.read_answer("PUT"), 200)
                self.assertEqual(dublin.objects[(b"west-" + how.encode(), b"expected")], b"e" * 70000)

    def test_name_of_the_other_region(self):
        self.fresh()
        host = "s3.%s.amazonaws.com" % WEST
        with self.proxy.connect("forward", host) as connection:
            headers = s3raw.sign("GET", "/east/object", [("Host", host)], lib.ALICE)
            connection.send(s3raw.head("GET", "/east/object", headers))
            self.assertEqual(self.check(connection.read_answer(), 200).body, b"east" * 5000)

    def test_region_that_nobody_serves_is_explained(self):
        self.fresh()
        for how in HOWS:
            with self.subTest(how):
                answer = self.proxy.request("legacy", "GET", "/far-%s/object" % how, key=None)
                self.assertEqual((answer.status, answer.code), (301, "PermanentRedirect"), answer.body)
                self.assertIn(b"The bucket is in Region sa-east-1, and this request went to %s. No endpoint of this proxy"
                              b" serves that Region" % lib.REGION.encode(), answer.body)
                self.assertEqual(answer.header("x-amz-bucket-region"), "sa-east-1")
                self.assertNotIn(b"sa-east-1.amazonaws.com", answer.body)

    def test_status_has_one_heading(self):
        text = lib.run(lib.PROGRAM, "status", "-c", self.proxy.config).stdout
        self.assertEqual((text.count("IN FLIGHT"), text.count("Region ")), (1, 2), text)

    def test_copy_between_regions_is_refused(self):
        self.fresh()
        copy = [("x-amz-copy-source", "/source/key")]
        self.check(self.proxy.request("legacy", "GET", "/source/none", key=None), 404)  # learned: it is in Dublin
        before = len(tokyo.requests) + len(dublin.requests)
        answer = self.check(self.proxy.request("legacy", "PUT", "/right/copy", headers=copy, key=None), 400, "InvalidRequest")
        self.assertIn(b"PrivateLink for S3 cannot copy between Regions: the source is in %s" % WEST.encode(), answer.body)
        arn = [("x-amz-copy-source", "arn:aws:s3:%s:123456789012:accesspoint/a/object/k" % WEST)]
        self.check(self.proxy.request("legacy", "PUT", "/right/copy", headers=arn, key=None), 400, "InvalidRequest")
        self.assertEqual(len(tokyo.requests) + len(dublin.requests), before)

    def test_create_bucket_stays_where_it_was_sent(self):
        self.fresh()
        before = len(dublin.requests)
        self.check(self.proxy.request("legacy", "PUT", "/west-301", b"", key=None), 301)
        self.assertEqual(len(dublin.requests), before)


if __name__ == "__main__":
    lib.main()
