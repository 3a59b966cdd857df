# SPDX-License-Identifier: Apache-2.0
"""One reading of each fact: what a proof covers is what policy judges and what goes out. A table of requests that somebody
changed after they were signed, through every way in × style of host name × proof; each is refused with nothing sent, or
served as it was signed.

A row says how the request is made (before, of the Request that is then signed) and what is done to it on the way (after, of
the Message that was signed); both may return False where the row does not apply. To add one is to add to ROWS.
"""
import base64
import copy
import hashlib
import hmac
import time
import urllib.parse

import lib
import s3raw

VETERAN = ("AKIALOCALVETERAN0001", "veteranSecret/veteranSecret+veteran01234")  # may sign with Version 2
EDITOR = ("AKIALOCALEDITOR00001", "editorSecret/editorSecret+editorSecret01")  # may write objects
WATCHER = ("AKIALOCALWATCHER0001", "watcherSecret/watcherSecret+watcher01234")  # may only read
LIMITED = ("AKIALOCALLIMITED0001", "limitedSecret/limitedSecret+limited01234")  # some buckets only
STRANGER = ("AKIASTRANGER00000001", "strangerSecret/strangerSecret+stranger01")
OWN_NAME = "proxy.test"
OWN_NAMES = "proxy.test, cache.proxy.test"
BUCKET, OTHER, KEY = "team-a", "secret", "report.csv"
SERVED = (200, None)

# Ways in: name → listener, kind of connection.
WAYS = {
    "endpoint": ("authority-plain", "plain"),
    "endpoint, TLS": ("authority-tls", "tls"),
    "forward": ("authority-forward", "absolute"),
    "CONNECT": ("authority-forward", "tunnel"),
    "redirect": ("authority-redirect", "plain"),
    "redirect, TLS": ("authority-redirect", "sni"),
}
PROOFS = ("v4 header", "v4 query", "v2 header", "v2 query", "unsigned", "foreign")


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint(keys=(lib.UPSTREAM_KEY, STRANGER), names=[lib.S3_NAME])
    more = dict(anonymous="veteran", foreign="pass")
    lib.Case.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], listeners={
        "authority-plain": dict(mode="endpoint", names=OWN_NAMES, **more),
        "authority-tls": dict(mode="endpoint", tls="on", names=OWN_NAMES, **more),
        "authority-forward": dict(mode="forward", **more),
        "authority-redirect": dict(mode="redirect", **more),
    }, extra=lib.section("policy limited", access="read-write", buckets="team-*, a*, *point, http*") + "".join(lib.section("client " + name, access_key_id=key[0], secret_access_key=key[1], policy=policy, sigv2="yes")
                     for name, key, policy in (("veteran", VETERAN, "allow-all"), ("watcher", WATCHER, "read-only"),
                                               ("limited", LIMITED, "limited"), ("editor", EDITOR, "objects")))
          + lib.section("policy objects", access="read-write"))
    endpoint.objects[BUCKET.encode(), KEY.encode()] = b"of team-a"
    endpoint.objects[OTHER.encode(), KEY.encode()] = b"secret"


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


def went_on():
    """What the endpoint got since the last call."""
    records = endpoint.requests
    with endpoint.lock:
        endpoint.done.clear()
    return records


# ---- requests

class Request:
    """What a client means, before it is signed."""

    def __init__(self, proxy, way, style, proof):
        self.proxy, self.way, self.style, self.proof = proxy, way, style, proof
        self.listener, self.kind = WAYS[way]
        self.method, self.bucket, self.key = "GET", BUCKET, KEY
        self.query, self.headers, self.body = "", [], b""
        self.port = ""  # behind names that have none
        self.life_s = 900
        self.who, self.pinned = VETERAN, None  # pinned: content hash in a presigned URL

    def authority(self, bucket=None, style=None):
        """host[:port] for a bucket in this request's style, or another one."""
        owner, kind = (style or self.style).split()
        name = OWN_NAME if owner == "own" else lib.S3_NAME
        port = ":%d" % self.proxy.ports[self.listener] if owner == "own" else self.port
        if (owner, kind) == ("own", "path"):
            name = "127.0.0.1"
        return ("%s." % (bucket or self.bucket) if kind == "host" else "") + name + port

    def path(self):
        return "/" + (self.key if self.style.endswith("host") else "%s/%s" % (self.bucket, self.key))


class Message:
    """A signed request as it will be sent: method, target (path and query), Host, further headers, body; absolute: the
    authority of an absolute target, else None."""

    def __init__(self, request):
        self.request = request
        self.kind, self.proof, self.style = request.kind, request.proof, request.style
        self.host = request.authority()
        self.connected = self.host  # what CONNECT or SNI named
        self.absolute = self.host if request.kind == "absolute" else None
        self.method, self.body = request.method, request.body
        self.target = request.path() + ("?" + request.query if request.query else "")
        self.headers = list(request.headers)
        getattr(self, "sign_" + self.proof.replace(" ", "_"))(request)

    def length(self):
        return [("Content-Length", str(len(self.body)))] if self.body or self.method in ("PUT", "POST") else []

    def sign_v4_header(self, request):
        everything = s3raw.sign(self.method, self.target, [("Host", self.host)] + self.headers, request.who, body=self.body)
        self.headers = everything[1:]

    def sign_v4_query(self, request):
        names = sorted({"host"} | {n.lower() for n, _ in self.headers})
        more = [("X-Amz-Content-Sha256", request.pinned)] if request.pinned else []
        self.target = s3raw.presign(self.method, self.target, [("Host", self.host)] + self.headers, request.who, signed=names,
                                    more=more, payload=request.pinned or s3raw.UNSIGNED)

    def sign_foreign(self, request):
        request.who = STRANGER
        self.sign_v4_header(request)

    def sign_unsigned(self, request):
        pass

    def v2_signature(self, request, date):
        value = {n.lower(): v for n, v in self.headers}
        amz = "".join("%s:%s\n" % (n, value[n]) for n in sorted(value) if n.startswith("x-amz-"))
        path, _, query = self.target.partition("?")
        covered = sorted(p for p in map(urllib.parse.unquote, query.split("&")) if p.partition("=")[0] in ("acl", "delete", "policy", "select", "select-type", "uploads"))
        resource = ("/" + request.bucket if self.style.endswith("host") else "") + path + "?" * bool(covered) + "&".join(covered)
        text = "\n".join([self.method, value.get("content-md5", ""), value.get("content-type", ""), date, amz + resource])
        return base64.b64encode(hmac.new(request.who[1].encode(), text.encode(), hashlib.sha1).digest()).decode()

    def sign_v2_header(self, request):
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        signature = self.v2_signature(request, date)
        self.headers += [("Date", date), ("Authorization", "AWS %s:%s" % (request.who[0], signature))]

    def sign_v2_query(self, request):
        expires = str(int(time.time()) + request.life_s)
        values = dict(AWSAccessKeyId=request.who[0], Expires=expires, Signature=self.v2_signature(request, expires))
        self.target += ("&" if "?" in self.target else "?") + urllib.parse.urlencode(values)

    def bytes(self):
        target = "http://" + self.absolute + self.target if self.absolute else self.target
        return s3raw.head(self.method, target, [("Host", self.host)] + self.headers + self.length()) + self.body


# ---- the table

def swap_case(name):
    return "".join(c.upper() if i % 2 else c for i, c in enumerate(name))


def host_of(authority):
    return authority.rpartition(":")[0] if ":" in authority else authority


def absolute_target_elsewhere(message):
    """The proof is for Host, the target names another bucket, or reads the path another way."""
    message.absolute = message.request.authority(OTHER, "s3 host")


def absolute_target_other_style(message):
    message.absolute = lib.S3_NAME if message.style != "s3 path" else message.request.authority(OTHER, "s3 host")


def absolute_target_other_port(message):
    message.absolute = host_of(message.host) + ":8"


def host_elsewhere(message):
    """The target is right, Host is another one's."""
    message.absolute, message.host = message.host, message.request.authority(OTHER, "s3 host")


def spelled_otherwise(message):
    """Case, and the scheme's port: the same to everybody."""
    message.absolute = swap_case(message.host) + ("" if ":" in message.host else ":80")


def host_changed(message):
    """In origin form the proof itself must fail."""
    if message.kind == "absolute" or message.proof in ("unsigned", "foreign") or (
            message.proof.startswith("v2") and message.style.endswith("path")):
        return False
    style = message.style if message.style.endswith("host") else "s3 host"
    message.host = message.request.authority(OTHER, style)


def host_changed_in_tls(message):
    return host_changed(message) if message.kind in ("tunnel", "sni") else False


def host_changed_in_plain(message):
    return host_changed(message) if message.kind in ("plain", "tls") else False


def host_twice(message):
    message.headers.append(("Host", message.request.authority(OTHER, "s3 host")))


def a_call_of_s3_control(request):
    """As long as it says no account it is an object of a bucket of that name."""
    if request.style.endswith("host") or not request.proof.startswith("v4"):
        return False
    request.bucket, request.key = "v20180820", "jobs"
    return None


# -- what a reader may do, and who may write objects

def by(who, method, query="", key=KEY, headers=()):
    def before(request):
        if request.proof in ("unsigned", "foreign"):
            return False
        request.who, request.method, request.query, request.key = who, method, query, key
        request.headers = list(headers)
        request.body = b"<Delete/>" if method == "POST" else b""
        return None
    return before


# -- what may be copied

def copies(source):
    """By a client that may use some buckets only."""
    def before(request):
        if request.proof in ("unsigned", "foreign"):
            return False
        request.who, request.method, request.headers = LIMITED, "PUT", [("x-amz-copy-source", source)]
        return None
    return before


ACCESS_POINT = "arn:aws:s3:%s:123456789012:accesspoint" % lib.REGION  # `a*` and `*point` match it as text


# -- unsigned requests of web pages

def page(signed=False, **fields):
    """What a browser says of the page that sends the request; own: the page is of the place that it is sent to."""
    def before(request):
        if (request.proof != "unsigned") != signed:
            return False
        uploads(request)
        values = {"own": "http://" + request.authority()}
        request.headers = [(name.replace("_", "-"), values.get(value, value)) for name, value in fields.items()]
        return None
    return before


def makes_a_page(request):
    request.query = "response-content-type=text/html"
    return request.proof == "unsigned"


# -- what Connection takes off

def create_only(request):
    request.method, request.body = "PUT", b"x"
    request.headers = [("If-None-Match", "*")]


def with_cache_control(request):
    request.method, request.body = "PUT", b"x"
    request.headers = [("Cache-Control", "no-store")]


def nominates(*names):
    return lambda message: message.headers.append(("Connection", "keep-alive, " + ", ".join(names)))


def nominates_signed(message):
    """Only these proofs cover every field of the request."""
    return nominates("Cache-control")(message) if message.proof == "v4 query" else False


# -- one value of what a signature covers

def pinned(body):
    """A presigned URL that holds the body's hash."""
    def before(request):
        if request.proof != "v4 query":
            return False
        uploads(request)
        request.pinned = hashlib.sha256(body).hexdigest()
        return None
    return before


def words_of_a_signature(request):
    if request.proof != "v4 header":
        return False
    request.query = "x-amz-security-token=t"
    return None


def twice_in_the_query(message):
    if message.proof != "v4 query":
        return False
    message.target = message.target.replace("X-Amz-Date=", "X-Amz-Date=20200101T000000Z&X-Amz-Date=")
    return None


def two_signatures(message):
    return adds("Authorization", "AWS a:b")(message) if message.proof.endswith("query") else False


def field_twice(name):
    def after(message):
        values = [v for n, v in message.headers if n.lower() == name]
        message.headers += [(name, v) for v in values]
        return bool(values)
    return after


def another_service(message):
    """Version 2 signs the path and no host: a key of a bucket, and a call of S3 Control."""
    if message.kind in ("tunnel", "sni") or message.proof not in ("v2 header", "v2 query") or message.style != "s3 path":
        return False
    message.host = "123456789012.s3-control.%s.amazonaws.com" % lib.REGION
    message.absolute = message.absolute and message.host
    return None


# -- the port in Host

def own_port(request):
    """The one that the client came to, signed and not sent."""
    if not request.proof.startswith("v4"):
        return False
    request.port = ":%d" % (request.proxy.ports[request.listener] if request.way.startswith("endpoint")
                            else 443 if request.kind in ("tunnel", "sni") else 80)
    return None


def port_not_sent(message):
    message.host = host_of(message.host)
    message.absolute = message.absolute and message.host


def port_not_signed(message):
    if ":" in message.host or not message.proof.startswith("v4"):
        return False
    message.host += ":9000"
    message.absolute = message.absolute and message.host
    return None


def other_port(message):
    if ":" not in message.host or not message.proof.startswith("v4"):
        return False
    message.host = host_of(message.host) + ":9"
    message.absolute = message.absolute and message.host
    return None


def lives(seconds):
    def before(request):
        request.life_s = seconds
        return request.proof == "v2 query"
    return before


# -- names that are others where '_' reads as '-'

def uploads(request):
    request.method, request.body = "PUT", b"x"


def adds(name, value):
    return lambda message: message.headers.append((name, value))


def signs(name, value):
    def before(request):
        uploads(request)
        request.headers = [(name, value)]
    return before


def in_the_query(name, value):
    def before(request):
        if request.proof != "v4 query":
            return False
        uploads(request)
        request.query = name + "=" + value
        return None
    return before


# entry, what is done; before signing, after signing; (status, code) or SERVED
ROWS = (
    ("one authority", "nothing", None, None, SERVED),
    ("one authority", "target names another bucket", None, absolute_target_elsewhere, (400, "BadRequest")),
    ("one authority", "target is of another style", None, absolute_target_other_style, (400, "BadRequest")),
    ("one authority", "target has another port", None, absolute_target_other_port, (400, "BadRequest")),
    ("one authority", "Host names another bucket", None, host_elsewhere, (400, "BadRequest")),
    ("one authority", "another spelling of the target", None, spelled_otherwise, SERVED),
    ("one authority", "Host changed", None, host_changed_in_plain, (403, "SignatureDoesNotMatch")),
    ("one authority", "Host changed inside TLS", None, host_changed_in_tls, (421, "InvalidRequest")),
    ("one authority", "Host twice", None, host_twice, (400, "BadRequest")),
    ("copy source", "its own bucket", copies("/team-a/report.csv"), None, SERVED),
    ("copy source", "another bucket", copies("%73ecret/report.csv"), None, (403, "AccessDenied")),
    ("copy source", "an access point", copies(ACCESS_POINT + "/any/object/k"), None, (403, "AccessDenied")),
    ("copy source", "an access point, encoded", copies(ACCESS_POINT.replace(":", "%3A") + "%2Fany/object/k"), None, (403, "AccessDenied")),
    ("copy source", "a URL", copies("http://team-a/secret/report.csv"), None, (403, "AccessDenied")),
    ("copy source", "a query before the key", copies("team-a?x=/secret/report.csv"), None, (403, "AccessDenied")),
    ("copy source", "an empty bucket", copies("//secret/report.csv"), None, (403, "AccessDenied")),
    ("names of fields", "a blank, in the query", in_the_query("x-amz-meta-a%20b", "c"), None, (400, "InvalidArgument")),
    ("names of fields", "a colon, in the query", in_the_query("x-amz-acl%3A%20public-read", "private"), None, (400, "InvalidArgument")),
    ("one authority", "an account for S3 Control added", a_call_of_s3_control, adds("x-amz-account-id", "123456789012"), (403, "AccessDenied")),
    ("reader", "an object", by(WATCHER, "GET", "x-id=GetObject"), None, SERVED),
    ("reader", "Select that deletes elsewhere", by(WATCHER, "POST", "delete&select&select-type=2"), None, (403, "AccessDenied")),
    ("reader", "Select, encoded", by(WATCHER, "POST", "%64elete&select&select-type=2"), None, (403, "AccessDenied")),
    ("reader", "two things at once", by(WATCHER, "GET", "acl&uploads"), None, (403, "AccessDenied")),
    ("read-write", "an object", by(EDITOR, "PUT"), None, SERVED),
    ("read-write", "an object with an ACL for all", by(EDITOR, "PUT", headers=[("x-amz-acl", "public-read")]), None, (403, "AccessDenied")),
    ("read-write", "an object's ACL", by(EDITOR, "PUT", "acl"), None, (403, "AccessDenied")),
    ("read-write", "a bucket made", by(EDITOR, "PUT", key=""), None, (403, "AccessDenied")),
    ("read-write", "a bucket removed", by(EDITOR, "DELETE", key=""), None, (403, "AccessDenied")),
    ("read-write", "a bucket's policy", by(EDITOR, "PUT", "policy", key=""), None, (403, "AccessDenied")),
    ("web page", "another site's", page(Sec_Fetch_Site="cross-site"), None, (403, "AccessDenied")),
    ("web page", "another site's, signed", page(signed=True, Origin="https://evil.example", Sec_Fetch_Site="cross-site"), None, SERVED),
    ("web page", "another port's", page(Sec_Fetch_Site="same-site"), None, (403, "AccessDenied")),
    ("web page", "another origin's", page(Origin="https://evil.example"), None, (403, "AccessDenied")),
    ("web page", "one without an origin", page(Origin="null"), None, (403, "AccessDenied")),
    ("web page", "our own", page(Origin="own", Sec_Fetch_Site="same-origin"), None, SERVED),
    ("web page", "made of an object", makes_a_page, None, (400, "InvalidRequest")),
    ("underscores", "a copy", uploads, adds("x_amz_copy_source", "/secret/report.csv"), (400, "BadRequest")),
    ("underscores", "a copy, some dashes", uploads, adds("X-Amz_Copy-Source", "/secret/report.csv"), (400, "BadRequest")),
    ("underscores", "a copy, signed", signs("x-amz-copy_source", "/secret/report.csv"), None, (400, "BadRequest")),
    ("underscores", "a copy in the query", in_the_query("x-amz-copy_source", "/secret/report.csv"), None, (400, "InvalidArgument")),
    ("underscores", "metadata", signs("x-amz-meta-a_b", "c"), None, SERVED),
    ("underscores", "a length", uploads, adds("content_length", "100"), SERVED),
    ("one value", "the pinned body", pinned(b"x"), None, SERVED),
    ("one value", "its hash said twice", pinned(b"x"), adds("x-amz-content-sha256", hashlib.sha256(b"x").hexdigest()), SERVED),
    ("one value", "the pin taken off", pinned(b"y"), adds("x-amz-content-sha256", s3raw.UNSIGNED), (403, "AccessDenied")),
    ("one value", "another pin", pinned(b"y"), adds("x-amz-content-sha256", hashlib.sha256(b"x").hexdigest()), (403, "AccessDenied")),
    ("one value", "X-Amz-Date twice", None, twice_in_the_query, (400, "AuthorizationQueryParametersError")),
    ("one value", "words of another signature", words_of_a_signature, None, (400, "InvalidArgument")),
    ("one value", "two signatures", None, two_signatures, (400, "InvalidArgument")),
    ("one value", "Authorization twice", None, field_twice("authorization"), (400, "AuthorizationHeaderMalformed")),
    ("one value", "Date twice", None, field_twice("date"), (400, "AuthorizationHeaderMalformed")),
    ("one value", "x-amz-date twice", None, field_twice("x-amz-date"), (400, "AuthorizationHeaderMalformed")),
    ("one value", "another service", None, another_service, (501, "NotImplemented")),
    ("port", "signed, not sent", own_port, port_not_sent, SERVED),
    ("port", "sent, not signed", None, port_not_signed, SERVED),
    ("port", "another one than was signed", None, other_port, (403, "SignatureDoesNotMatch")),
    ("port", "another machine", own_port, host_changed_in_plain, (403, "SignatureDoesNotMatch")),
    ("life", "six days", lives(6 * 86400), None, SERVED),
    ("life", "eight days", lives(8 * 86400), None, (403, "AccessDenied")),
    ("Connection", "a condition taken off", create_only, nominates("if-none-match"), (400, "BadRequest")),
    ("Connection", "Host taken off", None, nominates("x-none", "HOST"), (400, "BadRequest")),
    ("Connection", "the length taken off", create_only, nominates("content-length"), (400, "BadRequest")),
    ("Connection", "a signed field taken off", with_cache_control, nominates_signed, (400, "BadRequest")),
    ("Connection", "names that are not there", None, nominates("if-match", "x-amz-acl"), SERVED),
)


class Authority(lib.Case):
    def setUp(self):
        super().setUp()
        self.connections = {}

    def tearDown(self):
        for connection in self.connections.values():
            connection.close()
        super().tearDown()

    def connect(self, message):
        address = self.proxy.address(message.request.listener)
        host = host_of(message.connected)
        if message.kind in ("plain", "absolute"):
            return s3raw.Connection(address)
        return s3raw.Connection(address, tls=s3raw.tls_context(self.proxy.ca_file),
                                name="127.0.0.1" if message.kind == "tls" else host,
                                tunnel=host + ":443" if message.kind == "tunnel" else None)

    def send(self, message):
        """On a connection that is kept as long as the proxy keeps it."""
        name = (message.request.way, message.connected)
        connection = self.connections.pop(name, None) or self.connect(message)
        connection.send(message.bytes())
        answer = connection.read_answer(message.method)
        if (answer.header("connection") or "").lower() == "close":
            connection.close()
        else:
            self.connections[name] = connection
        return answer

    def check_row(self, row, request):
        _, name, before, after, (status, code) = row
        if before and before(request) is False:
            return
        message = Message(request)
        sent = copy.copy(message)
        sent.headers = list(message.headers)
        if after and after(sent) is False:
            return
        self.tried += 1
        went_on()
        answer = self.send(sent)
        records = went_on()
        self.assertEqual((answer.status, answer.code or None, len(records)), (status, code, 1 if code is None else 0),
                         "%s; sent: %r; went on: %s; %r" % (name, sent.bytes(), [r["head"] for r in records],
                                                            answer.body[:400]))
        if code is None:
            self.check_served(records[0], request)
            self.assertNotRegex("\n".join(records[0]["head"]).lower(), "content_length|copy_source")

    def check_served(self, record, request):
        """What went out is what was proven."""
        host = [h for h in record["head"] if h.lower().startswith("host:")]
        self.assertEqual((record["method"], [h[5:].strip().lower() for h in host], record["target"].partition("?")[0]),
                         (request.method, [host_of(request.authority(style="s3 " + request.style.split()[1]))], request.path()))

    def test_every_row(self):
        for row in ROWS:
            self.tried = 0
            for way, (_, kind) in WAYS.items():
                styles = ("own path", "own host", "s3 path", "s3 host") if way.startswith("endpoint") else ("s3 path", "s3 host")
                for style in styles:
                    for proof in PROOFS:
                        if proof == "foreign" and style.startswith("own"):
                            continue  # S3 does not know that name: refused as ever
                        with self.subTest(row[0], row=row[1], way=way, style=style, proof=proof):
                            self.check_row(row, Request(self.proxy, way, style, proof))
            self.assertGreater(self.tried, 0, "the row %r is never tried" % row[1])

    def test_the_longest_of_the_listeners_own_names(self):
        """BUCKET.NAME may be a name of its own: then it is no bucket's, whatever the order of `names`."""
        for host, target in (("cache.proxy.test", "/team-a/report.csv"), ("team-a.cache.proxy.test", "/report.csv"),
                             ("team-a.proxy.test", "/report.csv")):
            with self.subTest(host):
                went_on()
                headers = s3raw.sign("GET", target, [("Host", host)], VETERAN)
                with s3raw.Connection(self.proxy.address("authority-plain")) as connection:
                    connection.send(s3raw.head("GET", target, headers))
                    self.check(connection.read_answer(), 200)
                self.assertEqual([r["target"] for r in went_on()], [target])


if __name__ == "__main__":
    lib.main()
