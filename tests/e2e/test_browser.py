# SPDX-License-Identifier: Apache-2.0
"""Browsers: CORS preflights are answered from the rules of the bucket without a signature, own errors may be read by the page
that caused them, and pages of other origins cannot use what is open to unsigned requests. The last is tried in Chromium."""
import http.server
import json
import threading

import lib
import s3raw

ORIGIN = "https://app.example.com"


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    lib.Case.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], listeners={
        "open": dict(mode="endpoint", anonymous="alice", web_pages="allow"),
        "absolute": dict(mode="forward", anonymous="alice")})


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


class Http(lib.Case):
    def send(self, listener, method, target, headers=(), body=b"", host=None):
        fields = [("Host", host or self.proxy.host(listener))] + list(headers)
        if body or method in ("PUT", "POST"):
            fields.append(("Content-Length", str(len(body))))
        if listener == "absolute":
            target = "http://%s%s" % (fields[0][1], target)
        with self.proxy.connect(listener) as connection:
            connection.send(s3raw.head(method, target, fields) + body)
            return connection.read_answer(method)

    def unsigned(self, listener, method, target, headers, expected, body=b""):
        before = len(endpoint.requests)
        answer = self.check(self.send(listener, method, target, headers, body), *expected)
        self.assertEqual(len(endpoint.requests) > before, expected[0] < 300, "forwarded")
        return answer

    def test_pages_of_other_origins(self):
        port = self.proxy.ports["legacy"]
        own = ["http://127.0.0.1:%d" % port, "https://127.0.0.1:%d" % port, "http://127.0.0.1:%d" % port]
        other = ["null", ORIGIN, "http://127.0.0.1", "http://127.0.0.1:1", "http://localhost:%d" % port, "http://127.0.0.1:%d.x" % port,
                 "http://x127.0.0.1:%d" % port, "127.0.0.1:%d" % port, ""]
        denied = (403, "AccessDenied")
        rows = [([("Origin", value)], (200,)) for value in own] + [([("Origin", value)], denied) for value in other]
        rows += [([("Sec-Fetch-Site", value)], denied if value.endswith("site") else (200,))
                 for value in ("cross-site", "same-site", "same-origin", "none")]
        rows += [([("Origin", own[0]), ("Sec-Fetch-Site", "cross-site")], denied), ([("Origin", own[0]), ("Origin", ORIGIN)], denied),
                 ([("Origin", ORIGIN), ("Sec-Fetch-Site", "same-origin")], denied), ([], (200,))]
        for headers, expected in rows:
            with self.subTest(headers):
                for method, body in (("PUT", b"x"), ("GET", b""), ("DELETE", b"")):
                    status = 204 if method == "DELETE" and expected[0] == 200 else expected[0]
                    self.unsigned("legacy", method, "/bucket/page", headers, (status,) + expected[1:], body)
        form = (b"--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nform\r\n--b\r\n"
                b"Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n")
        kind = [("Content-Type", "multipart/form-data; boundary=b")]
        self.unsigned("legacy", "POST", "/bucket", kind + [("Origin", ORIGIN)], denied, form)
        self.unsigned("legacy", "POST", "/bucket", kind + [("Origin", own[0])], (204,), form)
        self.unsigned("open", "POST", "/bucket", kind + [("Origin", ORIGIN), ("Sec-Fetch-Site", "cross-site")], (204,), form)
        self.unsigned("absolute", "GET", "/bucket/form", [("Origin", ORIGIN)], denied)
        self.unsigned("absolute", "GET", "/bucket/form", [("Origin", "http://" + lib.S3_NAME)], (200,))
        signed = s3raw.sign("GET", "/bucket/form", [("Host", self.proxy.host("legacy")), ("Origin", ORIGIN)], lib.ALICE)
        self.check(self.send("legacy", "GET", "/bucket/form", signed[1:]), 200)

    def test_answer_fields_need_a_signature(self):
        for listener in ("legacy", "open"):
            for name in ("response-content-type", "response-expires", "response%2Dcontent-disposition"):
                answer = self.unsigned(listener, "GET", "/bucket/form?%s=text/html" % name, [], (400, "InvalidRequest"))
                self.assertEqual(answer.message, "Request specific response headers cannot be used for anonymous GET requests.")
        self.check(self.proxy.request("plain", "PUT", "/bucket/form", b"x"), 200)
        self.check(self.proxy.request("plain", "GET", "/bucket/form?response-content-type=text/html"), 200)

    def preflight(self, listener, target, headers=(), method="PUT", **options):
        return self.send(listener, "OPTIONS", target, [("Origin", ORIGIN), ("Access-Control-Request-Method", method),
                                                        ("Access-Control-Request-Headers", "content-type")] + list(headers), **options)

    def test_preflights(self):
        for listener in ("plain", "tls", "legacy", "forward", "absolute"):
            url = s3raw.presign("PUT", "/cors-bucket/up", [("Host", self.proxy.host(listener))], lib.ALICE)
            old = s3raw.presign("PUT", "/cors-bucket/up", [("Host", self.proxy.host(listener))], lib.ALICE, date="20200101T000000Z")
            for target in ("/cors-bucket/up", "/cors-bucket", url, old, url + "x", "/cors-bucket/up?acl&policy"):
                with self.subTest(listener, target=target):
                    answer = self.check(self.preflight(listener, target, [("Cookie", "a=b"), ("x-amz-acl", "public-read")]), 200)
                    self.assertEqual(answer.header("access-control-allow-origin"), ORIGIN)
                    sent = endpoint.requests[-1]["head"]
                    self.assertEqual(sent[0], "OPTIONS %s HTTP/1.1" % target.partition("?")[0])
                    self.assertEqual([line.partition(":")[0].lower() for line in sent[1:]],
                                     ["host", "origin", "access-control-request-method", "access-control-request-headers", "via"])
            answer = self.check(self.preflight(listener, "/other/up"), 403, "AccessForbidden")
            self.assertEqual(self.proxy.line_of(answer)["auth"], "preflight")

    def test_what_is_no_preflight(self):
        """S3 has no other use for OPTIONS and says so, with a signature and without; the rest needs one."""
        before = len(endpoint.requests)
        for headers, message in (([("Access-Control-Request-Method", "PUT")], "Insufficient information. Origin request header needed."),
                                 ([], "Insufficient information. Origin request header needed."),
                                 ([("Origin", ORIGIN)], "Invalid Access-Control-Request-Method: null")):
            for listener in ("plain", "legacy", "forward"):
                for target in ("/cors-bucket/up", "/"):
                    signed = s3raw.sign("OPTIONS", target, [("Host", self.proxy.host(listener))] + headers, lib.ALICE)[1:]
                    for fields in (headers, signed):
                        with self.subTest(listener, target=target, headers=fields):
                            answer = self.check(self.send(listener, "OPTIONS", target, fields), 400, "BadRequest")
                            self.assertIn(message, answer.message)
        self.check(self.preflight("plain", "/"), 403, "AccessDenied")
        self.check(self.send("plain", "OPTIONS", "/cors-bucket/up", [("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT")], b"body"),
                   403, "AccessDenied")
        self.assertEqual(len(endpoint.requests), before)

    def test_own_errors_may_be_read(self):
        for headers in ([("Origin", ORIGIN)], []):
            answer = self.check(self.send("plain", "GET", "/cors-bucket/up", headers), 403, "AccessDenied")
            self.assertEqual(answer.header("access-control-allow-origin"), ORIGIN if headers else None)
            self.assertEqual(answer.header("vary"), "Origin" if headers else None)


class Pages(http.server.BaseHTTPRequestHandler):
    """A page on another loopback address. Its load event waits until its script has told its results to /done."""

    def answer(self, body, kind="text/html"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/until-done":
            self.server.done.wait(60)
            return self.answer(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
        self.answer(self.server.page)

    def do_POST(self):
        self.server.results = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.done.set()
        self.answer(b"")

    def log_message(self, *_):
        pass


PAGE = """<!DOCTYPE html><img src="%(pages)s/until-done"><iframe name="f"></iframe>
<form id="form" target="f" method="post" enctype="multipart/form-data" action="%(proxy)s/cors-bucket">
<input name="key" value="by-form"><input name="success_action_status" value="201"><textarea name="file">evil</textarea></form>
<script>
const results = {};
const tried = (name, promise) => promise.then(a => { results[name] = a.type === "opaque" ? "opaque" : a.status; },
                                              e => { results[name] = "blocked"; });
async function all() {
    const data = new FormData();
    data.append("key", "by-fetch"); data.append("file", "evil");
    await tried("no-cors", fetch("%(proxy)s/cors-bucket", {method: "POST", mode: "no-cors", body: data}));
    await tried("put", fetch("%(proxy)s/cors-bucket/by-put", {method: "PUT", body: "evil"}));
    await tried("get", fetch("%(proxy)s/cors-bucket/secret"));
    await tried("presigned", fetch("%(presigned)s", {method: "PUT", body: "good", headers: {"Content-Type": "text/x"}}));
    const frame = document.querySelector("iframe");
    await new Promise(loaded => { frame.onload = loaded; document.getElementById("form").submit(); });
    await fetch("%(pages)s/done", {method: "POST", mode: "no-cors", body: JSON.stringify(results)});
}
all();
</script>"""


class Chromium(lib.Case):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Pages)
        cls.server.daemon_threads = True
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    def page(self):
        url = s3raw.presign("PUT", "/cors-bucket/by-url", [("Host", self.proxy.host("plain"))], lib.ALICE)
        return (PAGE % dict(pages="http://127.0.0.2:%d" % self.server.server_port, proxy=self.proxy.url("legacy"),
                            presigned=self.proxy.url("plain") + url)).encode()

    def load(self, url):
        """What the script of the page at url tells."""
        self.server.done, self.server.results = threading.Event(), None
        lib.run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
                "--user-data-dir=%s" % (lib.WORK / "chromium"), "--dump-dom", url, env=lib.clean_environment(), timeout=90)
        self.assertTrue(self.server.done.is_set(), "the page's script did not come to its end")
        return self.server.results

    def test_page_of_another_origin(self):
        endpoint.objects[b"cors-bucket", b"secret"] = b"secret"
        self.server.page = self.page()
        results = self.load("http://127.0.0.2:%d/" % self.server.server_port)
        self.assertEqual(results, {"no-cors": "opaque", "put": 403, "get": 403, "presigned": 200})
        stored = {key: body for (bucket, key), body in endpoint.objects.items() if bucket == b"cors-bucket"}
        self.assertEqual(stored, {b"secret": b"secret", b"by-url": b"good"})

    def test_page_of_the_proxys_own_origin(self):
        endpoint.objects[b"cors-bucket", b"secret"] = b"secret"
        endpoint.objects[b"cors-bucket", b"page.html"] = self.page()
        results = self.load(self.proxy.url("legacy") + "/cors-bucket/page.html")
        self.assertEqual(results, {"no-cors": 204, "put": 200, "get": 200, "presigned": 200})
        for key in (b"by-form", b"by-fetch", b"by-put"):
            self.assertEqual(endpoint.objects[b"cors-bucket", key], b"evil")


if __name__ == "__main__":
    lib.main()
