# SPDX-License-Identifier: Apache-2.0
"""sts: a Security Token Service of the tests' own: TLS, strict about every byte of a request, and able to misbehave.

It recomputes Signature Version 4 with hmac and hashlib, issues other keys at each call, and remembers calls (Sts.calls)
and what it issued (Sts.issued). Faults are told beforehand: Sts.faults is a list of names, one used up by each call
(methods fault_NAME of class Call; None: none); Sts.fault is for all calls that find the list empty.
"""
import calendar
import hashlib
import os
import re
import sys
import time
import urllib.parse
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "conf", "lab", "support")]
import s3raw  # noqa: E402
from tls_server import Refused, TlsServer  # noqa: E402

COMMON = {"Action": r"AssumeRole(WithWebIdentity)?", "Version": r"2011-06-15",
          "RoleArn": r"arn:aws[a-z-]*:iam::\d{12}:role/[!-~]+", "RoleSessionName": r"[A-Za-z0-9_+=,.@-]{2,64}", "DurationSeconds": r"\d+"}
ALLOWED = {
    "AssumeRole": dict(COMMON, ExternalId=r"[\w+=,.@:/-]{2,1224}", SourceIdentity=r"[A-Za-z0-9_+=,.@-]{2,64}", **{
        "Tags.member.%d.%s" % (i, part): r"[\w .:/=+@-]{%d,%d}" % bounds
        for i in range(1, 51) for part, bounds in (("Key", (1, 128)), ("Value", (0, 256)))}),
    "AssumeRoleWithWebIdentity": dict(COMMON, WebIdentityToken=r"[!-~]{4,20000}"),
}


class Call:
    """One request on a connection and the answer to it."""

    def __init__(self, sts, stream, record):
        self.sts, self.stream, self.record, self.keep = sts, stream, record, True

    def read(self):
        lines = []
        while (line := self.stream.line()) != b"\r\n":
            if not line.endswith(b"\r\n"):
                raise Refused(400, "BadRequest", "bare LF")
            lines.append(line[:-2].decode("latin-1"))
        self.record["head"] = lines
        if not lines or lines[0] != "POST / HTTP/1.1":
            raise Refused(400, "BadRequest", "request line %r" % lines[:1])
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        names = [name.lower() for name, _ in self.headers]
        if len(set(names)) != len(names):
            raise Refused(400, "BadRequest", "a field twice: %s" % names)
        self.fields = dict(zip(names, (value for _, value in self.headers)))
        unknown = set(names) - {"host", "user-agent", "content-type", "content-length", "x-amz-date", "authorization",
                                "x-amz-security-token"}
        if unknown or not self.fields.get("content-length", "").isdigit():
            raise Refused(400, "BadRequest", "fields %s" % names)
        if self.fields["host"] not in self.sts.names:
            raise Refused(400, "BadRequest", "not a name of this service: %s" % self.fields["host"])
        if self.fields.get("content-type") != "application/x-www-form-urlencoded; charset=utf-8":
            raise Refused(400, "BadRequest", "Content-Type")
        self.body = self.stream.exactly(int(self.fields["content-length"]))

    def parse(self):
        """The form; it must be spelt as we would spell it."""
        pairs = [tuple(map(urllib.parse.unquote, item.split("=", 1))) for item in self.body.decode("ascii").split("&")]
        spelt = "&".join("%s=%s" % (s3raw.quote(name), s3raw.quote(value)) for name, value in pairs)
        if spelt.encode() != self.body:
            raise Refused(400, "BadRequest", "not spelt canonically: %r" % self.body)
        form = self.form = self.record["form"] = dict(pairs)
        if len(form) != len(pairs):
            raise Refused(400, "BadRequest", "a parameter twice")
        allowed = ALLOWED.get(form.get("Action"))
        if not allowed:
            raise Refused(400, "InvalidAction", "Action")
        for name, value in pairs:
            if name not in allowed or not re.fullmatch(allowed[name], value):
                raise Refused(400, "ValidationError", "%s = %s" % (name, value))
        missing = {"RoleArn", "RoleSessionName", "Version"} - set(form)
        tags = sum(name.startswith("Tags.") for name in form)
        if missing or tags % 2 or any("Tags.member.%d.Key" % (i + 1) not in form for i in range(tags // 2)):
            raise Refused(400, "ValidationError", "missing: %s" % missing)
        if not 900 <= int(form.get("DurationSeconds", 3600)) <= 43200:
            raise Refused(400, "ValidationError", "DurationSeconds")

    def check_signature(self):
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})",
                             self.fields.get("authorization", ""))
        if not match:
            raise Refused(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        key_id, scope, signed, signature = match.groups()
        self.record["key_id"] = key_id
        known = {**self.sts.keys, **{k: (v["secret"], v["token"]) for k, v in self.sts.issued.items()}}
        if key_id not in known:
            raise Refused(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        secret, token = known[key_id]
        date = self.fields.get("x-amz-date", "")
        if scope != "%s/%s/sts/aws4_request" % (date[:8], self.sts.region):
            raise Refused(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region: %s" % scope)
        if self.fields.get("x-amz-security-token") != token:
            raise Refused(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if signed.split(";") != sorted(set(self.fields) - {"user-agent", "content-length", "authorization"}):
            raise Refused(403, "IncompleteSignature", "SignedHeaders=%s" % signed)
        expected = s3raw.signature("POST", "/", "", self.headers, signed.split(";"), hashlib.sha256(self.body).hexdigest(),
                                   secret, date, scope)
        if signature != expected:
            raise Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature "
                          "you provided. Check your AWS Secret Access Key and signing method.")
        off = self.sts.now() - calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
        if abs(off) > 900:
            raise Refused(403, "SignatureDoesNotMatch", "Signature expired: %s is now earlier than … (15 min.)" % date)
        if token and int(self.form.get("DurationSeconds", 3600)) > 3600:
            raise Refused(400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles "
                          "assumed by role chaining")

    def check_token(self):
        if set(self.fields) & {"authorization", "x-amz-date", "x-amz-security-token"}:
            raise Refused(400, "BadRequest", "signed: %s" % sorted(self.fields))
        if self.form.get("WebIdentityToken") not in self.sts.tokens:
            raise Refused(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for http://idp")

    # -- answers

    def raw(self, data):
        self.stream.send(data)

    def answer(self, status, body, content_type="text/xml", length=None, headers=()):
        self.record["status"] = status
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(self.sts.now()))
        lines = ["HTTP/1.1 %d Status" % status, "x-amzn-RequestId: 1", "Date: " + date, "Content-Type: " + content_type,
                 "Content-Length: %d" % (len(body) if length is None else length)] + list(headers)
        if not self.keep:
            lines.append("Connection: close")
        return self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def refuse(self, refused):
        self.record["verdict"] = "%s: %s" % (refused.code, refused.message)
        self.keep = False
        self.answer(refused.status, ('<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <Error>\n    '
                                     '<Type>Sender</Type>\n    <Code>%s</Code>\n    <Message>%s</Message>\n  </Error>\n  '
                                     '<RequestId>1</RequestId>\n</ErrorResponse>\n'
                                     % (escape(refused.code), escape(refused.message))).encode())

    def document(self, lifetime_s=None, leave_out=None):
        """Fresh keys, as XML."""
        access = self.sts.issue(lifetime_s)
        key = self.sts.issued[access]
        self.record["issued"] = access
        values = {"AccessKeyId": access, "SecretAccessKey": key["secret"], "SessionToken": key["token"],
                  "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(key["expires"]))}
        inside = "".join("      <%s>%s</%s>\n" % (n, escape(v), n) for n, v in values.items() if n != leave_out)
        return ('<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <{0}Result>\n    <AssumedRoleUser>\n'
                '      <AssumedRoleId>AROA:{1}</AssumedRoleId>\n      <Arn>arn:aws:sts::123456789012:assumed-role/r/{1}</Arn>\n'
                '    </AssumedRoleUser>\n    <Credentials>\n{2}    </Credentials>\n  </{0}Result>\n  <ResponseMetadata>\n'
                '    <RequestId>1</RequestId>\n  </ResponseMetadata>\n</{0}Response>\n'
                .format(self.form["Action"], self.form["RoleSessionName"], inside)).encode()

    def run(self):
        """False if the connection is over."""
        try:
            self.read()
            fault = self.record["fault"] = self.sts.next_fault()
            self.parse()
            if self.form["Action"] == "AssumeRole":
                self.check_signature()
            else:
                self.check_token()
            getattr(self, "fault_" + fault.replace("-", "_"))() if fault else self.answer(200, self.document())
        except Refused as refused:
            self.refuse(refused)
        return self.keep

    # -- misbehaviour

    def fault_500(self):
        raise Refused(500, "InternalFailure", "The request processing has failed.")

    def fault_503_plain(self):
        self.answer(503, b"upstream connect error", "text/plain")

    def fault_throttling(self):
        raise Refused(400, "Throttling", "Rate exceeded")

    def fault_429(self):
        self.answer(429, b"", "text/plain", headers=["Retry-After: 7"])

    def fault_access_denied(self):
        raise Refused(403, "AccessDenied", "User: arn:aws:iam::123456789012:user/onprem is not authorized to perform: "
                      "sts:AssumeRole on resource: %s" % self.form["RoleArn"])

    def fault_odd_error(self):
        raise Refused(400, "Odd\x7f" * 40, "\x7f\u00e9" * 2000)

    def fault_hang(self):
        """No answer for as long as the caller waits."""
        self.stream.fill()

    def fault_drip(self):
        """A byte now and then, without end."""
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100000\r\n\r\n")
        while True:
            self.raw(b" ")
            time.sleep(0.05)

    def fault_reset(self):
        self.keep = False

    def fault_short(self):
        """Ends in the middle of the answer."""
        document = self.document()
        self.keep = False
        self.answer(200, document[:-300], length=len(document))

    def fault_truncated(self):
        """The same, of the announced length."""
        self.answer(200, self.document()[:-300])

    def fault_half(self):
        self.answer(200, self.document(leave_out="SecretAccessKey"))

    def fault_expired(self):
        self.answer(200, self.document(lifetime_s=-60))

    def fault_html(self):
        self.answer(200, b"<!DOCTYPE html><html><body>Please log in</body></html>", "text/html; charset=utf-8")

    def fault_html_403(self):
        self.answer(403, b"<html><body>Blocked</body></html>", "text/html")

    def fault_redirect(self):
        self.answer(302, b"", headers=["Location: https://sts.amazonaws.com/"])

    def fault_huge(self):
        self.answer(200, b"<a>" + b" " * (2 << 20) + b"</a>")


class Sts(TlsServer):
    """The server."""

    def __init__(self, cert, key, keys, addresses=(("127.0.0.1", 0),), region="ap-northeast-1", lifetime_s=3600, tokens=()):
        """keys: access key → (secret, session token or None) that may ask for roles, besides those issued here; tokens: web
        identity tokens that are taken."""
        self.keys, self.region, self.lifetime_s, self.tokens = dict(keys), region, lifetime_s, set(tokens)
        self.skew_s = 0  # how far the service's clock is ahead
        self.faults, self.fault = [], None
        self.calls, self.issued = [], {}
        self.names = {"sts.%s.amazonaws.com" % region}
        super().__init__(cert, key, addresses)
        self.addresses = ["%s:%d" % address[:2] for address in self.addresses]

    def now(self):
        return time.time() + self.skew_s

    def next_fault(self):
        with self.lock:
            return self.faults.pop(0) if self.faults else self.fault

    def issue(self, lifetime_s=None):
        """Keys that no call got before; the access key."""
        with self.lock:
            access = "ASIATEST%08d" % (len(self.issued) + 1)
            self.issued[access] = {"secret": "secret/of+%s" % access, "token": "token//of+%s==" % access,
                                   "expires": int(self.now()) + (self.lifetime_s if lifetime_s is None else lifetime_s)}
            return access

    def serve(self, sock, stream, _number):
        address, more = "%s:%d" % sock.getsockname()[:2], True
        while more:
            stream.data or stream.fill()
            record = {"address": address, "form": None, "key_id": None, "status": None, "verdict": None, "issued": None,
                      "fault": None, "time": time.time()}
            with self.lock:
                self.calls.append(record)
                self.lock.notify_all()
            more = Call(self, stream, record).run()

    def wait_for_calls(self, n, seconds=30):
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.calls) >= n, seconds):
                raise AssertionError("%d calls, not %d, after %s s" % (len(self.calls), n, seconds))
