# SPDX-License-Identifier: Apache-2.0
"""`s3onramp explain`: what it says of names is what the running proxy does with them, and it finds out what a client that
signed wrongly has signed. No signature that a request does not hold, and no secret, is ever printed."""
import base64
import hashlib
import hmac
import html
import json
import re
import subprocess

import lib
import s3raw

WEST = "eu-west-1"
EXAMPLE = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
VECTORS = lib.ROOT / "tests" / "vectors"
HOST = "reports." + lib.S3_NAME


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    extra = lib.section("endpoint dublin", region=WEST, name=lib.VPCE_NAME.replace(lib.REGION, WEST), also_regions="us-west-1",
                        addresses="b=10.0.9.9", ca_file=lib.certificates() / "ca.pem")
    extra += lib.section("endpoint virginia", region="us-east-1", addresses="10.0.8.8", host="s3.us-east-1.amazonaws.com")
    extra += lib.section("tunnel sts", hosts="sts.eu-west-1.amazonaws.com", addresses="10.0.1.50")
    extra += lib.section("client example", access_key_id=EXAMPLE[0], secret_access_key=EXAMPLE[1], policy="read-only",
                         sigv2="yes")
    lib.Case.proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]], extra=extra, endpoint={"default": "yes"},
        listeners={"tunnel": dict(mode="forward", tunnel="s3.*, sts.*", intercept="*.s3.*"),
                   "named": dict(mode="endpoint", names="s3.corp.example", endpoint="dublin", health="/healthz")})


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


class Explain(lib.Case):
    def run_explain(self, *words, stdin=b"", config=None):
        result = subprocess.run([lib.PROGRAM, "explain", *map(str, words), "-c", str(config or self.proxy.config)], input=stdin,
                                capture_output=True, env=self.proxy.environment())
        self.assertNotIn(b"Sanitizer", result.stderr)
        self.assertNotIn(b"runtime error", result.stderr)
        for _, secret in (lib.ALICE, lib.READER, EXAMPLE, lib.UPSTREAM_KEY):
            self.assertNotIn(secret.encode(), result.stdout + result.stderr)
        return result

    def explain(self, *words, stdin=b""):
        """Its JSON, with the exit code as "exit"."""
        result = self.run_explain("--json", *words, stdin=stdin)
        self.assertTrue(result.stdout, result.stderr)
        return dict(json.loads(result.stdout), exit=result.returncode)


class Names(Explain):
    def test_table(self):
        """url, more words → what must come out"""
        s3, vpce = lib.S3_NAME, lib.VPCE_NAME
        ap = "data-123456789012"
        for words, expected in (
            ((s3,), dict(service="s3", region=lib.REGION, endpoint="tokyo", reason="region", way="intercept", exit=0,
                         operation="ListBuckets", upstream_host=s3)),
            (("https://%s/b/k" % s3,), dict(exit=1, error_status="400 InvalidBucketName")),
            (("https://%s/bucket/a%%20b%%2B%%e9" % s3,), dict(style="path", bucket="bucket", key="a b+\\xe9", exit=0,
                                                             path_signed="/bucket/a%20b%2B%E9", operation="GetObject")),
            (("https://%s/a//b/../c" % HOST,), dict(style="host", bucket="reports", key="a//b/../c", upstream_host=HOST,
                                                   upstream_path="/a//b/../c")),
            (("https://reports.s3.amazonaws.com/k?uploads", "--method", "POST"), dict(
                region="", endpoint="tokyo", reason="default", operation="CreateMultipartUpload", upstream_host=HOST)),
            (("https://my.reports.s3.amazonaws.com/k",), dict(bucket="my.reports", upstream_host=s3, upstream_path="/my.reports/k")),
            (("reports.s3.amazonaws.com", "--bucket-region", WEST), dict(endpoint="dublin", reason="learned",
                                                                        upstream_host="reports.s3.%s.amazonaws.com" % WEST)),
            (("reports.s3-%s.amazonaws.com" % WEST,), dict(endpoint="dublin", reason="region")),
            (("reports.s3.us-west-1.amazonaws.com",), dict(endpoint="dublin", reason="also_regions")),
            (("reports.s3.dualstack.%s.amazonaws.com" % lib.REGION,), dict(dualstack=True, upstream_host=HOST)),
            (("bucket." + vpce,), dict(endpoint_id=lib.VPCE, upstream_host=s3)),
            (("https://reports.bucket.%s/k" % vpce,), dict(bucket="reports", key="k", upstream_host=HOST)),
            (("%s.accesspoint.%s" % (ap, vpce),), dict(service="access-point")),
            (("%s.s3-accesspoint.%s.amazonaws.com" % (ap, lib.REGION),), dict(service="access-point", bucket=ap)),
            (("alias-s3alias." + s3,), dict(service="s3", bucket="alias-s3alias")),
            (("123456789012.s3-control.%s.amazonaws.com" % lib.REGION,), dict(service="control", operation="S3Control", style="none")),
            (("%s.s3-object-lambda.%s.amazonaws.com" % (ap, lib.REGION),), dict(service="object-lambda",
                                                                               signing_name="s3-object-lambda")),
            (("s3://reports/a b+c",), dict(bucket="reports", key="a b+c", path_sent="/a%20b%2Bc", exit=0)),
            (("s3://my.reports/x", "--region", WEST), dict(style="path", bucket="my.reports", endpoint="dublin")),
            (("s3://",), dict(operation="ListBuckets", upstream_host=s3, exit=0)),
            # refused, each with a way out
            (("reports.s3-fips.%s.amazonaws.com" % lib.REGION,), dict(exit=1, way="refuse", error_message="FIPS")),
            (("reports.s3-website-eu-west-1.amazonaws.com",), dict(exit=1, error_message="website")),
            (("reports.s3-accelerate.amazonaws.com",), dict(exit=1, error_message="Acceleration")),
            (("x.mrap.accesspoint.s3-global.amazonaws.com",), dict(exit=1, error_message="Multi-Region")),
            (("b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com",), dict(exit=1, error_message="directory buckets")),
            (("s3.sa-east-1.amazonaws.com",), dict(exit=1, error_message="add an [endpoint] section")),
            (("example.com",), dict(exit=1, error_message="not an S3 name")),
            (("https://%s:8443/" % s3,), dict(exit=1, error_status="403 AccessDenied", error_message="443")),
            (("http://%s/reports/x" % s3, "--listener", "tunnel"), dict(exit=1, error_message="tunnel only")),
            # ways
            ((s3, "--listener", "tunnel"), dict(way="tunnel", endpoint="tokyo", exit=0)),
            ((HOST, "--listener", "tunnel"), dict(way="intercept", exit=0)),
            (("sts.eu-west-1.amazonaws.com", "--listener", "tunnel"), dict(way="tunnel", tunnel="sts", exit=0)),
            (("sts.eu-west-1.amazonaws.com",), dict(way="refuse", exit=1, next="`tunnel` of [listener forward]")),
            (("http://%s/reports/x" % s3,), dict(key="x", exit=0)),
            # own names
            (("http://127.0.0.1:%d/reports/x" % self.proxy.ports["plain"],), dict(listener="plain", style="path", reason="default")),
            (("http://127.0.0.1:%d/reports/x" % self.proxy.ports["plain"], "--region", WEST), dict(endpoint="dublin", reason="region")),
            (("http://reports.s3.corp.example/x",), dict(listener="named", style="host", endpoint="dublin", reason="listener")),
            # policy
            ((HOST + "/", "--client", "reader"), dict(exit=0, policy="read-only")),
            (("https://%s/k" % HOST, "--client", "reader", "--method", "PUT"), dict(exit=1, error_status="403 AccessDenied",
                                                                                   next="[policy read-only]")),
            (("http://127.0.0.1:%d/reports/x" % self.proxy.ports["legacy"],), dict(caller="alice", exit=0)),
        ):
            with self.subTest(" ".join(words)):
                got = self.explain(*words)
                for name, value in expected.items():
                    if name in ("error_message", "next", "policy"):
                        self.assertIn(value, got.get(name, ""), got)
                    else:
                        self.assertEqual(got.get(name), value, (name, got))
                self.assertEqual(got.get("served"), got["exit"] == 0, got)

    def test_addresses(self):
        self.assertEqual(self.explain("s3.eu-west-1.amazonaws.com")["addresses"], ["10.0.9.9:443, zone b"])
        self.assertEqual(self.explain("sts.eu-west-1.amazonaws.com", "--listener", "tunnel")["addresses"], ["10.0.1.50:443"])
        folder = lib.WORK / "dns"
        folder.mkdir()
        config = folder / "s3onramp.ini"
        config.touch(0o600)
        config.write_text(lib.section("endpoint x", name=lib.VPCE_NAME) + lib.section("listener l", mode="forward", bind="127.0.0.1:1") +
                          lib.section("client a", access_key_id="AKIAX", secret_access_key="x", policy="read-only"))
        got = json.loads(self.run_explain(lib.S3_NAME, "--json", config=config).stdout)  # no keys in this environment
        self.assertEqual(got["addresses"], ["DNS: %s, port 443" % lib.VPCE_NAME])

    def test_as_the_proxy_does(self):
        """The same URLs through the running proxy: Host and path that go out, or the error, are those foretold."""
        targets = ["/", "/bucket", "/bucket/", "/bucket/k?acl", "/bucket/a%20b//../%C3%BC+%2B", "/b", "//x", "/bucket/%zz", "/bucket?list-type=2"]
        cases = [("forward", host, target) for host in (lib.S3_NAME, HOST, "my.reports.s3.amazonaws.com", "bucket." + lib.VPCE_NAME,
                                                        "s3.dualstack.%s.amazonaws.com" % lib.REGION) for target in targets]
        cases += [("plain", "127.0.0.1:%d" % self.proxy.ports["plain"], target) for target in targets]
        for listener, host, target in cases:
            with self.subTest(listener=listener, host=host, target=target):
                scheme = "https" if listener == "forward" else "http"
                said = self.explain("%s://%s%s" % (scheme, host, target), "--listener", listener, "--client", "alice")
                before = len(endpoint.requests)
                with self.proxy.connect(listener, **({"host": host} if listener == "forward" else {})) as connection:
                    headers = s3raw.sign("GET", target.replace("+", "%20"), [("Host", host)], lib.ALICE) if "%zz" not in target else [("Host", host)]
                    connection.send(s3raw.head("GET", target, headers))
                    answer = connection.read_answer()
                if said["exit"]:
                    self.assertEqual("%d %s" % (answer.status, answer.code), said["error_status"], said)
                    foretold = re.escape(said["error_message"]) + r"( \(request \w+\))?"
                    self.assertRegex(html.unescape(answer.message), "^%s$" % foretold)
                    self.assertEqual(len(endpoint.requests), before)
                    continue
                self.assertEqual(len(endpoint.requests), before + 1, (answer.status, answer.body))
                head = endpoint.requests[-1]["head"]
                self.assertEqual(head[0].split()[1].partition("?")[0], said["upstream_path"])
                self.assertIn("Host: " + said["upstream_host"], head)

    def test_refused_hosts_as_the_proxy_does(self):
        for host in ("example.com", "reports.s3-website-eu-west-1.amazonaws.com", "s3.sa-east-1.amazonaws.com",
                     "x.mrap.accesspoint.s3-global.amazonaws.com", "sts.eu-west-1.amazonaws.com"):
            with self.subTest(host):
                said = self.explain(host, "--listener", "forward")
                with s3raw.Connection(self.proxy.address("forward")) as connection:
                    connection.send(b"CONNECT %s:443 HTTP/1.1\r\nHost: x\r\n\r\n" % host.encode())
                    answer = connection.read_answer("CONNECT")
                self.assertEqual(str(answer.status), said["error_status"].split()[0])
                self.assertIn(said["error_message"], answer.body.decode())

    def test_what_the_listener_answers_itself(self):
        said = self.explain("-", "--listener", "named", stdin=b"GET /healthz HTTP/1.1\r\nHost: s3.corp.example\r\n\r\n")
        self.assertEqual((said["exit"], said["way"], said["served"]), (0, "own-page", True))

    def test_text_for_people(self):
        result = self.run_explain("https://%s/a%%1b%%5bm" % HOST)
        self.assertIn("goes to          [endpoint tokyo]", result.stdout.decode())
        self.assertIn("key              a\\x1b[m", result.stdout.decode())  # nothing that a terminal obeys
        self.assertNotIn(b"\x1b", result.stdout)

    def test_usage(self):
        for code, words, text in ((2, (), "say what to explain"), (2, ("a", "b"), "nothing to do"), (2, ("s3.amazonaws.com", "--at", "noon"), "--at"),
                                  (2, ("s3.amazonaws.com", "--region", "mars"), "--region"), (2, ("x", "--nonsense"), "no option"),
                                  (1, ("./missing",), "cannot be read"), (1, ("s3.amazonaws.com", "--client", "nobody"), "client list"),
                                  (1, ("s3.amazonaws.com", "--listener", "nobody"), "no [listener nobody]"),
                                  (1, ("https://u:p@s3.amazonaws.com/",), "user information"), (1, ("-",), "no request"),
                                  (1, ("s3:///key",), "neither a path nor"), (1, (lib.WORK,), "Is a directory"), (1, ("/dev/zero",), "larger than")):
            with self.subTest(words):
                result = self.run_explain(*words)
                self.assertEqual(result.returncode, code, result)
                self.assertIn(text, result.stderr.decode())
                if code == 1:
                    said = json.loads(self.run_explain(*words, "--json").stdout)
                    self.assertIn(text, said["error"])
        for word, said in (("nosuch.txt", True), ("sent/nosuch", True), ("a.b.example.com", False), ("http://nosuch.txt", False)):
            result = self.run_explain(word)
            self.assertEqual((result.returncode, b"there is no file" in result.stderr.lower()), (1, said), result)
        result = self.run_explain(HOST, "--json", config=lib.WORK / "none.ini")
        self.assertIn("cannot be opened", json.loads(result.stdout)["error"])
        text = lib.run(lib.PROGRAM, "explain", "--help").stdout
        self.assertIn("Example:", text)


class Signatures(Explain):
    def judge(self, raw, *words):
        got = self.explain("-", *words, stdin=raw)
        signature = got.get("string_to_sign", "")
        # Whatever is printed, the signature that would be right is not.
        for _, secret in (lib.ALICE, lib.READER, EXAMPLE):
            lines = signature.split("\n")
            if lines[0] == "AWS4-HMAC-SHA256":
                day, region, service, _ = lines[2].split("/")
                right = hmac.new(s3raw.signing_key(secret, day, region, service), signature.encode(), hashlib.sha256).hexdigest()
            else:
                right = base64.b64encode(hmac.new(secret.encode(), signature.encode(), hashlib.sha1).digest()).decode()
            if right.encode() not in raw:
                self.assertNotIn(right, json.dumps(got))
        return got

    def right(self, raw, *words, code=0):
        got = self.judge(raw, *words)
        self.assertIs(got.get("signature_right"), True, got)
        self.assertNotIn("causes", got)
        self.assertEqual(got["exit"], code, got)
        return got

    def caused(self, raw, *causes, words=()):
        """causes: (line, part of the sentence)"""
        got = self.judge(raw, *words)
        self.assertIs(got.get("signature_right"), False, got)
        self.assertEqual(got["exit"], 1)
        found = [(cause["line"], cause["cause"]) for cause in got.get("causes", [])]
        self.assertEqual([line for line, _ in found], [line for line, _ in causes], got)
        for (_, sentence), (_, part) in zip(found, causes):
            self.assertIn(part, sentence)
        return got

    @staticmethod
    def raw(method, target, headers, body=b""):
        return s3raw.head(method, target, headers) + body

    # -- right ones

    def test_published_vectors(self):
        count = 0
        for folder in sorted((VECTORS / "sigv4").iterdir()):
            raw = (folder / "request").read_bytes()
            if b"amazonaws.com.cn" in raw or b"AKIAIOSFODNN7EXAMPLE/" not in raw.replace(b"%2F", b"/"):
                continue
            date = re.search(rb"(?i)x-amz-date[:=]\s*(\d{8}T\d{6}Z)", raw)
            with self.subTest(folder.name):
                got = self.judge(raw, "--at", date[1].decode() if date else "20130524T000000Z")
                self.assertIs(got.get("signature_right"), True, got)
                self.assertEqual(got["canonical_request"].replace("\\\\", "\\"), (folder / "canonical").read_text(errors="surrogateescape"))
                self.assertEqual(got["string_to_sign"], (folder / "string-to-sign").read_text())
                count += 1
        self.assertGreater(count, 15)

    def test_published_vectors_of_version_2(self):
        count = 0
        for folder in sorted((VECTORS / "sigv2").iterdir()):
            raw = (folder / "request").read_bytes()
            if not re.search(rb"Host: \S*s3\S*\.amazonaws\.com\r?\n", raw) or b"us-west-2" in raw:
                continue
            with self.subTest(folder.name):
                got = self.judge(raw, "--client", "example")
                if "signature_right" not in got and "does not get that far" in got.get("signature", ""):
                    continue
                self.assertIs(got.get("signature_right"), True, got)
                count += 1
        self.assertGreater(count, 10)

    def test_right_and_served(self):
        for listener, host in (("forward", HOST), ("plain", "127.0.0.1:%d" % self.proxy.ports["plain"])):
            target = "/reports/a%20b?versionId=x+y"
            body = b"content"
            headers = s3raw.sign("PUT", target, [("Host", host), ("Content-Length", "7")], lib.ALICE, body=body)
            got = self.right(self.raw("PUT", target, headers, body), "--listener", listener)
            self.assertEqual(got["caller"], "alice")
            self.assertIn("the hash that is signed", got["body"])
            self.right(self.raw("GET", s3raw.presign("GET", target, [("Host", host)], lib.ALICE), [("Host", host)]))

    def test_payload_modes_are_named(self):
        for payload, word in ((s3raw.UNSIGNED, "not signed"), (s3raw.CHUNKS, "signed chunks"), (s3raw.TRAILER, "unsigned chunks"),
                              (s3raw.CHUNKS_TRAILER, "chunks and trailer")):
            headers = [("Host", HOST), ("Content-Length", "5"), ("x-amz-decoded-content-length", "0")]
            got = self.judge(self.raw("PUT", "/x", s3raw.sign("PUT", "/x", headers, lib.ALICE, payload=payload)))
            self.assertIs(got["signature_right"], True)
            self.assertIn(word, got["payload"])

    def test_how_it_was_captured_does_not_matter(self):
        raw = self.raw("GET", "/x", s3raw.sign("GET", "/x", [("Host", HOST)], lib.ALICE))
        lines = raw.decode().split("\r\n")
        for name, text in (("LF", raw.replace(b"\r\n", b"\n")), ("no empty line", raw.rstrip()), ("empty lines before", b"\n\n" + raw),
                           ("curl -v", "\n".join("> " + line for line in lines).encode()), ("BOM", b"\xef\xbb\xbf" + raw)):
            with self.subTest(name):
                self.right(text)
        for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
            result = self.run_explain("-", stdin=raw.decode().encode(encoding))
            self.assertEqual((result.returncode, result.stdout), (1, b""))
            self.assertIn("save it as UTF-8", result.stderr.decode())
        file = lib.WORK / "captured.txt"
        file.write_bytes(raw)
        self.assertEqual(self.explain(file)["exit"], 0)

    def test_log_of_curl(self):
        """All that curl -v says, with CONNECT when it goes by way of the proxy; what the server says is no body."""
        log = lib.WORK / "curl.log"
        content = lib.WORK / "content"
        content.write_bytes(b"content")
        for listener, url in (("forward", "https://%s/a%%20b" % HOST), ("plain", self.proxy.url("plain") + "/reports/a%20b")):
            for more in (["-H", "x-amz-content-sha256: " + s3raw.EMPTY_SHA256], ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-T", content]):
                with self.subTest(listener=listener, more=more):
                    proxy = ["--proxy", self.proxy.url("forward"), "--cacert", self.proxy.ca_file] if listener == "forward" else ["--noproxy", "*"]
                    lib.run("/usr/bin/curl", "-sv", *proxy, "--stderr", log, "--aws-sigv4", "aws:amz:%s:s3" % lib.REGION, "--user", ":".join(lib.ALICE),
                            *more, url, env=lib.clean_environment())
                    self.assertTrue(log.read_bytes().startswith(b"* "))
                    self.assertEqual(b"> CONNECT " in log.read_bytes(), listener == "forward")
                    got = self.right(log.read_bytes())
                    self.assertEqual((got["key"], got["listener"]), ("a b", listener))
        head = self.raw("GET", "/x", s3raw.sign("GET", "/x", [("Host", HOST)], lib.ALICE))
        self.right(head + b"\n> not curl's\n")  # a body with such a line

    def test_presigned_url_as_it_is(self):
        target = s3raw.presign("GET", "/a%20b", [("Host", HOST)], lib.ALICE)
        got = self.explain("https://%s%s" % (HOST, target))
        self.assertEqual((got.get("signature_right"), got["caller"], got["exit"]), (True, "alice", 0))
        got = self.explain("https://%s%s" % (HOST, target.replace("a%20b", "c")))
        self.assertEqual((got.get("signature_right"), got["error_status"], got["exit"]), (False, "403 SignatureDoesNotMatch", 1))
        got = self.explain("https://%s%s" % (HOST, target), "--method", "PUT")
        self.assertEqual(got.get("signature_right"), False)
        got = self.explain("https://%s%s" % (HOST, s3raw.presign("GET", "/x", [("Host", HOST)], lib.ALICE, date="20240102T030405Z", expires=60)))
        self.assertIn("expired", got["clock"])
        self.assertEqual(got["exit"], 1)

    # -- wrong ones

    def signed_as(self, method="GET", target="/x", headers=(), key=lib.ALICE, send=None, **options):
        """A request signed for one thing and sent as another: send: dict of method, target, headers (replacing)."""
        send = send or {}
        signed = s3raw.sign(method, target, [("Host", HOST)] + list(headers), key, **options)
        changed = dict(send.get("headers", {}))
        out = [(n, changed.pop(n)) if n in changed else (n, v) for n, v in signed]
        out = [(n, v) for n, v in out if v is not None] + [(n, v) for n, v in changed.items() if v is not None]
        return self.raw(send.get("method", method), send.get("target", target), out)

    def test_path(self):
        for name, sent, signed, part in (
            ("twice", "/a%20b%2B", "/a%2520b%252B", "encoded it twice"), ("once less", "/a%2520b", "/a%20b", "once more than it signed"),
            ("plus for blank", "/a%20b", None, "'+' for a blank"), ("normalised", "/a//b/./c/../d", "/a/b/d", "normalised"),
            ("bucket added", "/x", "/reports/x", "with the bucket in it"), ("slash", "/a/", "/a", "without the slash at its end"),
        ):
            with self.subTest(name):
                if signed:
                    raw = self.signed_as(target=signed, send={"target": sent})
                else:
                    raw = self.with_canonical(lambda lines: [lines[0], lines[1].replace("%20", "+")] + lines[2:], sent)
                self.caused(raw, ("path", part))

    def with_canonical(self, change, target, method="GET", headers=(), secret=lib.ALICE[1], end="", payload=None):
        """Signs another canonical request than the right one: change gets its lines."""
        date = s3raw.amz_date()
        payload = payload or s3raw.EMPTY_SHA256
        sent = [("Host", HOST)] + list(headers) + [("x-amz-content-sha256", payload), ("x-amz-date", date)]
        names = sorted(name.lower() for name, _ in sent)
        path, _, query = target.partition("?")
        lines = [method, s3raw.quote_key(s3raw.urllib.parse.unquote_to_bytes(path)), s3raw.canonical_query(query)]
        lines += ["%s:%s" % (n, next(" ".join(v.split()) for m, v in sent if m.lower() == n)) for n in names]
        lines += ["", ";".join(names), payload]
        canonical = "\n".join(change(lines)) + end
        scope = "%s/%s/s3/aws4_request" % (date[:8], lib.REGION)
        to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        value = hmac.new(s3raw.signing_key(secret, date[:8], lib.REGION), to_sign.encode(), hashlib.sha256).hexdigest()
        self.canonical = canonical
        sent.append(("Authorization", "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s"
                     % (lib.ALICE[0], scope, ";".join(names), value)))
        return self.raw(method, target, sent)

    def test_the_signer_of_these_tests_is_right(self):
        self.right(self.with_canonical(lambda lines: lines, "/a%20b?x=1&acl", headers=[("x-amz-meta-a", "b  c")]))

    def line(self, index, text):
        return lambda lines: lines[:index] + [text] + lines[index + 1:]

    def test_query(self):
        for name, target, text, part in (
            ("no =", "/x?acl", "acl", 'as "name"'), ("order", "/x?b=1&a=2", "b=1&a=2", "order"), ("none", "/x?acl", "", "without its query"),
            ("slash", "/x?prefix=a%2Fb", "prefix=a/b", "'/' in the query"), ("twice", "/x?prefix=a%20b", "prefix=a%2520b", "twice"),
            ("plus", "/x?prefix=a%20b", "prefix=a+b", "'+' for a blank"), ("lower", "/x?prefix=a%2Fb", "prefix=a%2fb", "lower case"),
            ("marks", "/x?prefix=%28a%29", "prefix=(a)", "encodeURIComponent"), ("added", "/x?acl&utm=1", "acl=", "added after signing"),
        ):
            with self.subTest(name):
                self.caused(self.with_canonical(self.line(2, text), target), ("query", part))

    def test_the_same_machine_with_another_reading_of_its_port(self):
        self.right(self.signed_as(send={"headers": {"Host": HOST + ":443"}}))
        self.right(self.with_canonical(self.line(3, "host:%s:443" % HOST), "/x"))

    def test_headers(self):
        meta = [("x-amz-meta-a", "b   c")]
        for name, raw, line, part in (
            ("no port", self.with_canonical(self.line(3, "host:%s:80" % HOST), "/x"), "header host", "port"),
            ("other name", self.with_canonical(self.line(3, "host:bucket." + lib.VPCE_NAME), "/x"), "header host", "another name"),
            ("own name", self.with_canonical(self.line(3, "host:127.0.0.1:%d" % self.proxy.ports["plain"]), "/x"), "header host", "another name"),
            ("blanks", self.with_canonical(self.line(5, "x-amz-date:x"), "/x"), None, None),
            ("blanks kept", self.with_canonical(lambda l: [x if not x.startswith("x-amz-meta") else "x-amz-meta-a:b   c" for x in l], "/x",
                                                headers=meta), "header x-amz-meta-a", "blanks"),
            ("type added", self.with_canonical(self.line(3, "content-type:"), "/x", headers=[("Content-Type", "text/x")]),
             "header content-type", "absent"),
            ("charset added", self.with_canonical(self.line(3, "content-type:text/x"), "/x", headers=[("Content-Type", "text/x; charset=UTF-8")]),
             "header content-type", "charset"),
            ("encoding changed", self.with_canonical(self.line(3, "accept-encoding:identity"), "/x", headers=[("Accept-Encoding", "br")]),
             "header accept-encoding", "changed after signing"),
        ):
            with self.subTest(name):
                if line:
                    self.caused(raw, (line, part))
                else:
                    self.assertIn("none of", self.caused(raw)["causes_note"])

    def test_payload_method_and_end(self):
        self.caused(self.with_canonical(lambda lines: lines[:-1] + [s3raw.UNSIGNED], "/x"),
                    ("payload", "x-amz-content-sha256"))
        self.caused(self.with_canonical(lambda l: l, "/x", end="\n"), ("payload", "line end"))
        self.caused(self.signed_as(send={"method": "HEAD"}), ("method", "another method"))
        url = s3raw.presign("GET", "/x", [("Host", HOST)], lib.ALICE)
        self.caused(self.raw("PUT", url, [("Host", HOST), ("Content-Length", "0")]), ("method", "another method"))
        self.caused(self.raw("GET", url + "&utm_source=mail", [("Host", HOST)]), ("query", "added after signing"))

    def test_scope_and_secret(self):
        self.caused(self.signed_as(key=(lib.ALICE[0], lib.ALICE[1] + "\n")), ("secret key", "line end"))
        got = self.caused(self.signed_as(key=(lib.ALICE[0], lib.READER[1])), ("secret key", "mixed"))
        self.assertEqual(got["causes"][0]["of"], "reader")
        raw = self.signed_as(region="us-east-1").replace(b"/us-east-1/s3/", b"/%s/s3/" % lib.REGION.encode())
        self.caused(raw, ("scope", "another Region"))
        raw = self.signed_as(service="execute-api").replace(b"/execute-api/", b"/s3/")
        self.caused(raw, ("scope", "another service"))
        got = self.caused(self.signed_as(key=(lib.ALICE[0], "entirely/another+secret0123456789abcdef01")))
        self.assertIn("secret key is another one", got["causes_note"])

    def test_two_mistakes_at_once(self):
        raw = self.signed_as(target="/a%2520b", send={"target": "/a%20b", "headers": {"Host": HOST + ":443"}})
        got = self.caused(raw, ("path", "twice"), ("header host", "without the port"))
        self.assertIn("together", got["causes_note"])

    def test_whose_secret(self):
        raw = self.signed_as(key=("AKIAUNKNOWN", lib.ALICE[1]))
        got = self.judge(raw)
        self.assertIn("cannot be judged", got["signature"])
        self.assertEqual(got["error_status"], "403 InvalidAccessKeyId")
        got = self.judge(raw, "--client", "alice")
        self.assertIs(got["signature_right"], True)
        self.assertIn("another one", got["judged_by"])
        self.assertEqual(got["exit"], 1)  # the proxy does not know that key

    def test_other_refusals(self):
        headers = s3raw.sign("GET", "/x", [("Host", HOST), ("x-amz-meta-a", "b")], lib.ALICE, leave_unsigned=("x-amz-meta-a",))
        got = self.judge(self.raw("GET", "/x", headers))
        self.assertEqual((got["error_status"], got["signature_right"], got["exit"]), ("403 AccessDenied", True, 1))
        got = self.judge(self.raw("PUT", "/x", s3raw.sign("PUT", "/x", [("Host", HOST), ("Content-Length", "0")], lib.READER)))
        self.assertEqual((got["signature_right"], got["exit"]), (True, 1))
        self.assertIn("[policy read-only]", got["next"])
        body = self.raw("PUT", "/x", s3raw.sign("PUT", "/x", [("Host", HOST), ("Content-Length", "3")], lib.ALICE, body=b"abc"), b"abd")
        got = self.judge(body)
        self.assertEqual((got["signature_right"], got["exit"]), (True, 1))
        self.assertIn("another hash", got["body"])
        self.assertEqual(self.judge(self.raw("GET", "/x", [("Host", HOST)]))["error_status"], "403 AccessDenied")
        got = self.judge(self.raw("GET", "/x", [("Host", "example.com"), ("Authorization", "AWS4-HMAC-SHA256 x")]))
        self.assertIn("does not get that far", got["signature"])

    def test_clock(self):
        raw = self.signed_as(date="20240102T030405Z")
        got = self.judge(raw)
        self.assertEqual((got["signature_right"], got["error_status"], got["exit"]), (True, "403 RequestTimeTooSkewed", 1))
        self.assertIn("--at 20240102T030405Z", got["clock"])
        for at in ("20240102T030405Z", "2024-01-02T03:19:05Z", "Tue, 02 Jan 2024 02:49:05 GMT"):
            self.assertNotIn("clock", self.right(raw, "--at", at))
        self.assertIn("900", self.judge(raw, "--at", "20240102T031906Z")["clock"].replace("901", "900"))
        url = s3raw.presign("GET", "/x", [("Host", HOST)], lib.ALICE, date="20240102T030405Z", expires=60)
        got = self.judge(self.raw("GET", url, [("Host", HOST)]))
        self.assertIn("expired", got["clock"])
        self.assertEqual(got["expires_at"], "20240102T030505Z")
        self.right(self.raw("GET", url, [("Host", HOST)]), "--at", "20240102T030505Z")

    def test_version_2(self):
        def signed(change=lambda t: t, method="GET", path="/x", headers=(), key=EXAMPLE):
            date = "Tue, 02 Jan 2024 03:04:05 GMT"
            text = change("%s\n\n%s\n%s\n/reports%s" % (method, dict(headers).get("Content-Type", ""), date, path))
            value = base64.b64encode(hmac.new(key[1].encode(), text.encode(), hashlib.sha1).digest()).decode()
            return self.raw(method, path, [("Host", HOST), ("Date", date)] + list(headers) +
                            [("Authorization", "AWS %s:%s" % (key[0], value))])
        at = ("--at", "20240102T030405Z")
        self.right(signed(), *at)
        self.caused(signed(lambda t: t.replace("/reports", "")), ("resource", "bucket"), words=at)
        self.caused(signed(lambda t: t.replace("text/x", ""), headers=[("Content-Type", "text/x")]), ("Content-Type", "added after signing"),
                    words=at)
        self.caused(signed(path="/x?acl", change=lambda t: t.replace("?acl", "")), ("resource", "sub-resource"), words=at)
        self.caused(signed(key=(EXAMPLE[0], EXAMPLE[1] + "\n")), ("secret key", "line end"), words=at)
        got = self.judge(signed(key=lib.ALICE), *at)
        self.assertEqual((got["signature_right"], got["exit"]), (True, 1))
        self.assertIn("sigv2 = yes", got["next"])
        file = lib.WORK / "v2.txt"
        file.write_text("GET\n\n\nTue, 02 Jan 2024 03:04:05 GMT\n/x")
        got = self.judge(signed(lambda t: t.replace("/reports", "")), *at, "--canonical", file)
        self.assertEqual([d["line"] for d in got["differences"]], ["resource"])
        self.assertIn("is made of it", got["canonical_fits"])

    # -- the client's own canonical request

    def test_canonical_of_the_client(self):
        file = lib.WORK / "canonical.txt"
        for name, change, target, headers, expected in (
            ("path", self.line(1, "/a%2520b"), "/a%20b", (), ("path", "twice")), ("query", self.line(2, "acl"), "/x?acl", (), ("query", "name")),
            ("type", self.line(3, "content-type:text/y"), "/x", [("Content-Type", "text/x")], ("header content-type", "changed Content-Type")),
            ("host", self.line(3, "host:other.example"), "/x", (), ("header host", "Host")),
        ):
            with self.subTest(name):
                raw = self.with_canonical(change, target, headers=headers)
                log = "2026-01-02 - MainThread - botocore.auth - DEBUG - CanonicalRequest:\n%s\n2026 - botocore.auth - DEBUG - StringToSign:\nx\n"
                xml = "<Error><CanonicalRequest>%s</CanonicalRequest></Error>" % self.canonical.replace("&", "&amp;")
                for text in (self.canonical, self.canonical + "\n", log % self.canonical, xml):
                    file.write_text(text)
                    got = self.judge(raw, "--canonical", file)
                    self.assertEqual([d["line"] for d in got["differences"]], [expected[0]])
                    self.assertIn(expected[1], got["differences"][0]["cause"])
                    self.assertIn("signature is made of it", got["canonical_fits"])
        file.write_text(self.canonical.replace("GET", "PUT"))
        self.assertIn("not made of it", self.judge(raw, "--canonical", file)["canonical_fits"])
        file.write_text("nothing of the kind")
        result = self.run_explain("-", "--canonical", file, stdin=raw)
        self.assertEqual(result.returncode, 1)
        self.assertIn("holds no canonical request", result.stderr.decode())

    def test_document_of_the_proxy(self):
        """What the proxy answered is what explain says: both are the same canonical request."""
        raw = self.signed_as(target="/a%2520b", send={"target": "/a%20b"})
        with self.proxy.connect("forward", host=HOST) as connection:
            connection.send(raw)
            answer = self.check(connection.read_answer(), 403, "SignatureDoesNotMatch")
        file = lib.WORK / "answer.xml"
        file.write_bytes(answer.body)
        got = self.judge(raw, "--canonical", file)
        self.assertIn("both are the same; if it is the client's own and not from an error document", got["differences_note"])
        self.assertEqual(got["error_message"], answer.message)

    def test_debug_log_of_boto3(self):
        """The log of a real client, whose request is changed on its way."""
        program = ("import boto3, logging, sys\n"
                   "from botocore.config import Config\n"
                   "boto3.set_stream_logger('botocore.auth', logging.DEBUG, '%(asctime)s %(name)s [%(levelname)s] %(message)s')\n"
                   "boto3.client('s3', endpoint_url=sys.argv[1], config=Config(retries={'max_attempts': 0})).list_objects_v2("
                   "Bucket='bucket', Prefix='a b')\n")
        environment = lib.clean_environment(AWS_ACCESS_KEY_ID=lib.ALICE[0], AWS_SECRET_ACCESS_KEY=lib.ALICE[1], AWS_DEFAULT_REGION=lib.REGION,
                                            BOTO_DISABLE_CRT="true")  # which logs nothing of the kind
        result = lib.run("/usr/bin/python3", "-c", program, self.proxy.url("plain"), env=environment, check=False)
        log = lib.WORK / "boto3.log"
        log.write_text(result.stderr)
        self.assertIn("CanonicalRequest:", result.stderr)
        signature = re.search(r"Signature:\n([0-9a-f]{64})", result.stderr)[1]
        date = re.search(r"x-amz-date:(\w+)", result.stderr)[1]
        host = re.search(r"host:(\S+)", result.stderr)[1]
        names = re.search(r"\n\n([a-z0-9;-]+)\n[0-9a-f]{64}", result.stderr)[1]
        query = re.search(r"CanonicalRequest:\nGET\n/bucket\n(\S+)", result.stderr)[1]

        def sent(**changed):
            headers = {"Host": host, "X-Amz-Date": date, "X-Amz-Content-SHA256": s3raw.EMPTY_SHA256, **changed}
            headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s/%s/s3/aws4_request, SignedHeaders=%s, Signature=%s" % (
                lib.ALICE[0], date[:8], lib.REGION, names, signature)
            return self.raw("GET", "/bucket?" + query, list(headers.items()))
        self.right(sent())
        self.right(sent(Host="127.0.0.1"), "--listener", "plain")
        got = self.judge(sent(Host="127.0.0.2"), "--canonical", log, "--listener", "plain")
        self.assertEqual([d["line"] for d in got["differences"]], ["header host"])
        self.assertIn("signature is made of it", got["canonical_fits"])


if __name__ == "__main__":
    lib.main()
