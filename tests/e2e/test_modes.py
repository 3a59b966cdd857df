# SPDX-License-Identifier: Apache-2.0
"""Every way to sign a request and to frame its body, through every way in which a body can go on: what arrives is the
object, and a change of any byte that a signature covers is refused with nothing stored. Run against the tests' own endpoint,
which checks signatures and chunk signatures itself, and against Ceph's gateway."""
import base64
import datetime
import hashlib
import hmac
import os
import time

import lib
import s3raw

V2 = ("AKIALOCALVERSION2001", "version2Secret/version2Secret+version201")
OUT = {"pass": {}, "decode": dict(trailers="decode"), "signed": dict(endpoint=dict(payload="signed")),
       "signed-decode": dict(trailers="decode", endpoint=dict(payload="signed"))}


def setUpModule():
    global endpoint, proxies
    endpoint = lib.start_endpoint()
    extra = lib.section("client v2", access_key_id=V2[0], secret_access_key=V2[1], policy="allow-all", sigv2="yes")
    proxies = {name: lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], name=name, extra=extra, **options)
               for name, options in OUT.items()}
    lib.Case.proxy = proxies["pass"]


def tearDownModule():
    for proxy in proxies.values():
        proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


# Each mode makes (method, target, headers, body as sent) of an upload.

def v4(payload, frame=None, more=(), trailer=None):
    def make(host, target, body, key=lib.ALICE):
        headers = [("Host", host), ("x-amz-meta-a", "b"), ("Content-Type", "text/x")] + list(more)
        value = payload
        if frame:
            headers.append(("x-amz-decoded-content-length", str(len(body))))
            if trailer:
                headers.append(("x-amz-trailer", "x-amz-checksum-" + trailer))
            # the length does not depend on the signature
            headers.append(("Content-Length", str(len(frame(s3raw.sign("PUT", target, headers, key, payload), key, body)))))
        else:
            headers.append(("Content-Length", str(len(body))))
        headers = s3raw.sign("PUT", target, headers, key, value, body)
        return "PUT", target, headers, frame(headers, key, body) if frame else body
    return make


def unsigned_trailer(name):
    return lambda headers, key, body: s3raw.aws_chunked(body, [("x-amz-checksum-" + name, s3raw.checksum(name, body))])


def chunks(headers, key, body):
    return s3raw.signed_chunks(headers, key[1], body)


def chunks_trailer(name):
    return lambda headers, key, body: s3raw.signed_chunks(headers, key[1], body, {
        "x-amz-checksum-" + name: s3raw.checksum(name, body)})


def presigned(host, target, body, key=lib.ALICE):
    headers = [("Host", host), ("x-amz-meta-a", "b"), ("Content-Length", str(len(body)))]
    return "PUT", s3raw.presign("PUT", target, headers, key, signed=("host", "x-amz-meta-a")), headers, body


def v2_signature(key, method, headers, date, resource):
    values = {n.lower(): v for n, v in headers}
    amz = "".join("%s:%s\n" % (n, values[n]) for n in sorted(values) if n.startswith("x-amz-"))
    text = "\n".join([method, values.get("content-md5", ""), values.get("content-type", ""), date, amz + resource])
    return base64.b64encode(hmac.new(key[1].encode(), text.encode(), hashlib.sha1).digest()).decode()


def v2_header(host, target, body, key=V2):
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = [("Host", host), ("Date", date), ("Content-Type", "text/x"), ("x-amz-meta-a", "b"),
               ("Content-MD5", base64.b64encode(hashlib.md5(body).digest()).decode()), ("Content-Length", str(len(body)))]
    return "PUT", target, headers + [("Authorization", "AWS %s:%s" % (key[0], v2_signature(key, "PUT", headers, date, target)))], body


def v2_query(host, target, body, key=V2):
    expires = str(int(time.time()) + 600)
    headers = [("Host", host), ("Content-Type", "text/x"), ("x-amz-meta-a", "b"), ("Content-Length", str(len(body)))]
    signature = s3raw.quote(v2_signature(key, "PUT", headers, expires, target))
    return "PUT", "%s?AWSAccessKeyId=%s&Expires=%s&Signature=%s" % (target, key[0], expires, signature), headers, body


MODES = {
    "v4 hash": v4(None), "v4 unsigned": v4(s3raw.UNSIGNED),
    "v4 signed chunks": v4(s3raw.CHUNKS, chunks), "v4 signed chunks, named": v4(
        s3raw.CHUNKS, chunks, [("Content-Encoding", "aws-chunked")]),
    "v4 signed chunks, gzip": v4(s3raw.CHUNKS, chunks, [("Content-Encoding", "aws-chunked,gzip")]),
    "v4 presigned": presigned, "v2 header": v2_header, "v2 query": v2_query,
}
for kind in s3raw.CHECKSUMS:
    MODES["v4 trailer " + kind] = v4(s3raw.TRAILER, unsigned_trailer(kind), [("Content-Encoding", "aws-chunked")], kind)
    MODES["v4 signed trailer " + kind] = v4(s3raw.CHUNKS_TRAILER, chunks_trailer(kind), [("Content-Encoding", "aws-chunked")], kind)


def sent_hash(mode, out, size):
    """What the endpoint must see as x-amz-content-sha256."""
    if mode == "v4 hash":
        return None
    trailer = "trailer" in mode
    if out.startswith("signed"):
        if trailer and out == "signed":
            return s3raw.CHUNKS_TRAILER
        return s3raw.CHUNKS if size or "chunks" in mode or trailer else s3raw.EMPTY_SHA256
    if trailer and out == "pass":
        return s3raw.TRAILER
    return s3raw.UNSIGNED if size else s3raw.EMPTY_SHA256


class Base(lib.Case):
    def send(self, listener, method, target, headers, body, proxy=None, nested=None):
        proxy = proxy or self.proxy
        with proxy.connect(listener) as connection:
            if nested:
                headers = [h for h in headers if h[0] != "Content-Length"] + [("Transfer-Encoding", "chunked")]
                body = s3raw.http_chunked(body, nested)
            connection.send(s3raw.head(method, target, headers))
            try:
                connection.send(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all was sent; the answer is there all the same
            return connection.read_answer(method)


class Arrives(Base):
    def stored(self, key):
        return endpoint.objects.get((b"bucket", key.encode()))

    def test_every_mode_every_way_on(self):
        for out, proxy in proxies.items():
            for mode, make in MODES.items():
                for size in (0, 1, 8192, 65536, 65537, 300000):
                    with self.subTest(out=out, mode=mode, size=size):
                        key, body = "%s/%s/%d" % (out, mode.replace(" ", "-").replace(",", ""), size), os.urandom(size)
                        answer = self.send("plain", *make(proxy.host("plain"), "/bucket/" + key, body), proxy=proxy)
                        self.check(answer, 200)
                        self.assertEqual(self.stored(key), body)
                        sent = {n.lower(): v for n, v in (l.split(": ", 1) for l in endpoint.requests[-1]["head"][1:])}
                        expected = sent_hash(mode, out, size)
                        self.assertEqual(sent["x-amz-content-sha256"], expected or hashlib.sha256(body).hexdigest())
                        self.assertEqual(sent["x-amz-meta-a"], "b")
                        self.check_encoding(sent, mode)
                        self.check_counter(proxy.line_of(answer), mode, out, size)

    def check_encoding(self, sent, mode):
        """Framing is announced if and only if it is there, and what else was encoded stays."""
        chunked = sent["x-amz-content-sha256"].startswith("STREAMING-")
        items = [i for i in sent.get("content-encoding", "").split(",") if i]
        self.assertEqual("aws-chunked" in items, chunked and not (mode == "v4 signed chunks" and not chunked), sent)
        self.assertEqual([i for i in items if i != "aws-chunked"], ["gzip"] if "gzip" in mode else [])
        self.assertEqual("x-amz-decoded-content-length" in sent, chunked)
        self.assertEqual("x-amz-trailer" in sent, chunked and sent["x-amz-content-sha256"].endswith("TRAILER"))

    def check_counter(self, line, mode, out, size):
        """Bodies are hashed only where a signature or a checksum asks for it."""
        times = 0
        if "chunks" in mode or "signed trailer" in mode:
            times += 1  # its signatures
        if "trailer" in mode and ("decode" in out or (out == "signed" and mode.startswith("v4 trailer"))):
            times += 1  # its checksum
        if out.startswith("signed") and mode != "v4 hash":
            times += 1  # ours
        self.assertEqual(line["bytes_hashed"], times * size, line)

    def test_nested_in_http_chunks(self):
        for mode in ("v4 trailer crc32", "v4 signed chunks", "v4 signed trailer sha256"):
            for sizes in ((1,), (7, 4096), (65536 + 90,), (100000000,)):
                for size in (0, 20000 if sizes == (1,) else 200000):
                    for out, proxy in proxies.items():
                        with self.subTest(mode=mode, sizes=sizes, size=size, out=out):
                            key, body = "nested/%s" % out, os.urandom(size)
                            method, target, headers, data = MODES[mode](proxy.host("plain"), "/bucket/" + key, body)
                            self.check(self.send("plain", method, target, headers, data, proxy, sizes), 200)
                            self.assertEqual(self.stored(key), body)

    def test_listeners(self):
        for listener in ("tls", "forward"):
            for mode in ("v4 signed chunks", "v4 signed trailer crc32c", "v2 header", "v2 query"):
                with self.subTest(listener=listener, mode=mode):
                    body = os.urandom(100000)
                    self.check(self.send(listener, *MODES[mode](self.proxy.host(listener), "/bucket/listener", body)), 200)
                    self.assertEqual(self.stored("listener"), body)

    def test_small_chunks(self):
        body = os.urandom(20000)
        frame = lambda headers, key, data: s3raw.signed_chunks(headers, key[1], data, chunk=8191)  # noqa: E731
        answer = self.send("plain", *v4(s3raw.CHUNKS, frame)(self.proxy.host("plain"), "/bucket/small", body))
        self.check(answer, 400, "InvalidChunkSizeError")
        self.assertIn(b"<BadChunkSize>8191</BadChunkSize>", answer.body)
        self.assertIsNone(self.stored("small"))

    def test_unsigned_xml_where_payloads_must_be_signed(self):
        """S3 takes XML in one piece: its hash is made here; of what is judged, too, and held for that, also where it is large."""
        def post(target, body):
            headers = s3raw.sign("POST", target, [("Host", proxies["signed"].host("plain")), ("Content-Length", str(len(body)))],
                                 lib.ALICE, s3raw.UNSIGNED)
            return self.send("plain", "POST", target, headers, body, proxies["signed"])
        large = b"<Delete>%s</Delete>" % (b"<Object><Key>%0500d</Key></Object>" % 1 * 500)
        for target, body in [("/bucket/key?uploadId=1", b"x" * size) for size in (0, 10, 65536)] + [("/bucket?delete", large)]:
            self.check(post(target, body), 200)
            self.assertIn("x-amz-content-sha256: " + hashlib.sha256(body).hexdigest(),
                          [line.lower() for line in endpoint.requests[-1]["head"]])
        self.check(post("/bucket/key?uploadId=1", b"x" * 65537), 501, "NotImplemented")

    def test_stale_connection(self):
        """A kept connection that has died is replaced: the chunks are signed anew for the second try."""
        for size in (100, 40000):
            proxy = proxies["signed"]
            self.proxy_request(proxy, "GET", "/bucket/fault/stale/%d" % size)
            body = os.urandom(size)
            self.check(self.send("plain", *MODES["v4 unsigned"](proxy.host("plain"), "/bucket/stale", body), proxy=proxy), 200)
            self.assertEqual(self.stored("stale"), body)

    def proxy_request(self, proxy, method, target):
        return proxy.request("plain", method, target)

    def test_sigv2_is_by_client(self):
        alice = [v2_header(self.proxy.host("plain"), "/bucket/v2", b"x", lib.ALICE)]
        self.check(self.send("plain", *alice[0]), 403, "AccessDenied")
        self.check(self.send("plain", *v2_query(self.proxy.host("plain"), "/bucket/v2", b"x", lib.ALICE)), 200)


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def places(body):
    """One byte of each part of a chunked body: name → offset."""
    found = {"size": 0, "first data": body.index(b"\r\n") + 2, "chunk end": body.index(b"\r\n", body.index(b"\r\n") + 60000)}
    if b";chunk-signature=" in body:
        found["signature"] = body.index(b"=") + 10
        last = body.rindex(b"0;chunk-signature=")
        found["last data"] = last - 5
        found["last signature"] = last + 30
    else:
        found["last data"] = body.rindex(b"\r\n0\r\n") - 1
    trailer = body.find(b"x-amz-checksum", body.rindex(b"\r\n0") if b"\r\n0" in body else 0)
    if trailer > 0:
        found["trailer name"], found["trailer value"] = trailer + 8, body.index(b":", trailer) + 3
    if b"x-amz-trailer-signature:" in body:
        found["trailer signature"] = body.index(b"x-amz-trailer-signature:") + 40
    return found


class Tampered(Base):
    """upload and look are what differs between the two servers behind the proxy."""

    names = ("pass", "signed-decode")
    objects = staticmethod(lambda key: endpoint.objects.get((b"bucket", key.encode())))

    def rejected(self, name, out, request, listener="plain"):
        key = request[1].partition("?")[0][8:]
        with self.subTest(name, out=out):
            try:
                answer = self.send(listener, *request, proxy=self.proxies()[out])
                self.assertIn(answer.status, (400, 403), "%s %s" % (answer.headers, answer.body))
            except (ConnectionResetError, s3raw.BrokenAnswer):
                pass
            self.assertIsNone(self.objects(key), "stored")

    @staticmethod
    def proxies():
        return proxies

    def each(self):
        for out in self.names:
            for mode, make in MODES.items():
                key = "tampered-%s-%s" % (out, mode.replace(" ", "-").replace(",", ""))
                yield out, mode, make(self.proxies()[out].host("plain"), "/bucket/" + key, os.urandom(70000))

    def test_bodies(self):
        for out, mode, (method, target, headers, body) in self.each():
            if mode == "v4 hash":
                self.rejected("data", out, (method, target, headers, flip(body, 69999)))
            if "chunks" not in mode and "trailer" not in mode:
                continue
            for name, at in places(body).items():
                self.rejected("%s: %s" % (mode, name), out, (method, target, headers, flip(body, at)))
            self.rejected(mode + ": cut short", out, (method, target, self.length(headers, len(body) - 1), body[:-1]))
            self.rejected(mode + ": one more byte", out, (method, target, self.length(headers, len(body) + 1), body + b"x"))
            if "chunks" in mode or "signed" in mode:
                second = body.index(b"\r\n", 65536 + 60) + 2
                self.rejected(mode + ": chunks swapped", out, (method, target, headers, body[second:-300] + body[:second] + body[-300:]))

    @staticmethod
    def length(headers, n):
        """Content-Length is not signed in these requests."""
        return [(name, str(n) if name == "Content-Length" else value) for name, value in headers]

    def test_heads(self):
        for out, mode, (method, target, headers, body) in self.each():
            for name, value in headers:
                if name in ("Content-Length", "Content-Encoding") and mode.startswith(("v2", "v4 presigned")):
                    continue
                if name == "Content-Length" or (name == "Host" and mode.startswith("v2")):
                    continue
                changed = [(n, self.other(n, v) if n == name else v) for n, v in headers]
                self.rejected("%s: %s" % (mode, name), out, (method, target, changed, body))
            if mode.startswith(("v4", "v2")):
                self.rejected(mode + ": x-amz header added", out, (method, target, headers + [("x-amz-acl", "public-read")], body))
            self.rejected(mode + ": other key", out, (method, target.replace("/tampered", "/tampered-other", 1), headers, body))
            for at in range(target.find("?") + 1, len(target)) if "?" in target else ():
                if target[at] in "&=%" or at % 3:
                    continue  # every third byte; the structure is another test's
                changed = target[:at] + chr(ord(target[at]) ^ 1) + target[at + 1:]
                if not changed[at].isalnum():
                    continue
                self.rejected("%s: query byte %d" % (mode, at), out, (method, changed, headers, body))

    @staticmethod
    def other(name, value):
        last = value[-1]
        return value[:-1] + ("1" if last != "1" else "2")


class TamperedCeph(Tampered):
    """The same in front of Ceph's gateway, which takes plain bodies only."""

    names = ("ceph",)

    @classmethod
    def setUpClass(cls):
        global ceph, ceph_proxy
        ceph = lib.Ceph()
        ceph_proxy = lib.Proxy([a + ":443" for a in ceph.addresses], name="to-ceph", trailers="decode", extra=lib.section(
            "client v2", access_key_id=V2[0], secret_access_key=V2[1], policy="allow-all", sigv2="yes"))
        assert ceph.request("PUT", "/bucket").status == 200

    @classmethod
    def tearDownClass(cls):
        ceph_proxy.stop()
        ceph.close()

    @staticmethod
    def proxies():
        return {"ceph": ceph_proxy}

    @staticmethod
    def objects(key):
        answer = ceph.request("GET", "/bucket/" + key)
        assert answer.status in (200, 404), answer
        return answer.body if answer.status == 200 else None

    def test_untouched(self):
        for out, mode, request in self.each():
            with self.subTest(mode):
                self.check(self.send("plain", *request, proxy=ceph_proxy), 200)
                self.assertEqual(len(self.objects(request[1].partition("?")[0][8:])), 70000)
                ceph.request("DELETE", request[1].partition("?")[0])


if __name__ == "__main__":
    lib.main()
