# SPDX-License-Identifier: Apache-2.0
"""roles_anywhere: IAM Roles Anywhere of the tests' own, over TLS: takes CreateSession and judges every part of it anew, from
the bytes that came, with Python's cryptography package. And the authorities and certificates that such tests need.

Source: IAM Roles Anywhere User Guide, "Authentication signing process", "Trust model"; API Reference, "CreateSession".
"""
import base64
import datetime
import email.utils
import hashlib
import http.server
import json
import re
import ssl
import threading
import time

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from tls_server import Refused

ARN = r"arn:aws[a-z-]*:%s:"
SERVICE = "rolesanywhere"
MAX_SKEW_S = 300


# -- certificates

def make_key(kind="P-256"):
    if kind.startswith("RSA"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[4:] or 2048))
    return ec.generate_private_key({"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[kind])


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Issued:
    """A certificate and its key. issuer=None: self-signed."""

    def __init__(self, common_name, issuer=None, kind="P-256", ca=False, digital_signature=True, days=30, begins=-1,
                 key=None, digest=None, serial=None, names=(), usage=True):
        self.key = key or make_key(kind)
        self.issuer = issuer
        now = datetime.datetime.utcnow()
        builder = x509.CertificateBuilder().subject_name(name(common_name)).public_key(self.key.public_key())
        builder = builder.issuer_name(issuer.certificate.subject if issuer else name(common_name))
        builder = builder.serial_number(serial or x509.random_serial_number())
        builder = builder.not_valid_before(now + datetime.timedelta(days=begins))
        builder = builder.not_valid_after(now + datetime.timedelta(days=days))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if usage:
            builder = builder.add_extension(x509.KeyUsage(
                digital_signature=digital_signature, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
                key_encipherment=not digital_signature and not ca, data_encipherment=False, key_agreement=False,
                encipher_only=False, decipher_only=False), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        self.certificate = builder.sign((issuer or self).key, digest or hashes.SHA256())

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def key_pem(self, passphrase=None, pkcs8=True):
        form = serialization.PrivateFormat.PKCS8 if pkcs8 else serialization.PrivateFormat.TraditionalOpenSSL
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(
            passphrase.encode()) if passphrase else serialization.NoEncryption())

    def pkcs12(self, passphrase=None, chain=()):
        from cryptography.hazmat.primitives.serialization import pkcs12
        return pkcs12.serialize_key_and_certificates(
            b"machine", self.key, self.certificate, [c.certificate for c in chain] or None,
            serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption())


def check_signature(key, signature, data, digest):
    """Raises InvalidSignature."""
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), digest)
    else:
        key.verify(signature, data, ec.ECDSA(digest))


# -- the service

def denied(message):
    return Refused(403, "AccessDeniedException", message)


class Request:
    """One CreateSession as it came, judged."""

    def __init__(self, service, path, headers, body):
        self.service, self.path, self.headers, self.body = service, path, headers, body  # headers: lower-case name → list
        self.check_head()
        self.check_certificates()
        self.check_signature()
        self.check_body()

    def one(self, header):
        values = self.headers.get(header, [])
        if len(values) != 1:
            raise denied("%s is there %d times" % (header, len(values)))
        return values[0]

    def check_head(self):
        match = re.fullmatch(r"(AWS4-X509-(?:RSA|ECDSA)-SHA256) Credential=(\d+)/(\d{8})/([a-z0-9-]+)/([a-z]+)/aws4_request, "
                             r"SignedHeaders=([a-z0-9;-]+), Signature=((?:[0-9a-f]{2})+)", self.one("authorization"))
        if not match:
            raise denied("Authorization is malformed: " + self.one("authorization")[:200])
        self.algorithm, self.serial, self.day, self.region, service, signed, self.signature = match.groups()
        if (service, self.region) != (SERVICE, self.service.region):
            raise denied("Credential should be scoped to %s in %s" % (SERVICE, self.service.region))
        self.signed = signed.split(";")
        wanted = ["content-type", "host", "x-amz-date", "x-amz-x509"]
        wanted += ["x-amz-x509-chain"] if "x-amz-x509-chain" in self.headers else []
        if self.signed != wanted:
            raise denied("SignedHeaders: %s" % self.signed)
        if self.one("content-type") != "application/json" or self.path != "/sessions":
            raise Refused(400, "ValidationException", "content type or path")
        if self.one("host") != self.service.host:
            raise denied("Host is %s" % self.one("host"))
        self.date = self.one("x-amz-date")
        then = datetime.datetime.strptime(self.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
        if not self.date.startswith(self.day):
            raise denied("Credential is of another day than X-Amz-Date")
        if abs(then - self.service.now()) > MAX_SKEW_S:
            raise denied("Signature expired: %s is too far from the current time" % self.date)

    def check_certificates(self):
        def load(text):
            return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
        self.certificate = load(self.one("x-amz-x509"))
        self.chain = [load(t) for t in self.one("x-amz-x509-chain").split(",")] if "x-amz-x509-chain" in self.headers else []
        usage = self.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        basic = self.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not usage.digital_signature or basic.ca:
            raise denied("Untrusted certificate. Insufficient certificate")
        if str(self.certificate.serial_number) != self.serial:
            raise denied("the serial number in Credential is not the certificate's")
        now = datetime.datetime.utcfromtimestamp(self.service.now())
        subject = self.certificate
        while True:
            if not subject.not_valid_before <= now <= subject.not_valid_after:
                raise denied("Untrusted certificate. Expired certificate")
            issuer = [c for c in [self.service.anchor.certificate] + self.chain if c.subject == subject.issuer]
            if not issuer:
                raise denied("Untrusted certificate. Insufficient certificate")
            try:
                check_signature(issuer[0].public_key(), subject.signature, subject.tbs_certificate_bytes,
                                subject.signature_hash_algorithm)
            except InvalidSignature:
                raise denied("Untrusted certificate. Invalid certificate") from None
            if issuer[0] == self.service.anchor.certificate:
                return
            subject = issuer[0]

    def check_signature(self):
        canonical = "\n".join(["POST", "/sessions", ""] + ["%s:%s" % (h, " ".join(self.one(h).split())) for h in self.signed]
                              + ["", ";".join(self.signed), hashlib.sha256(self.body).hexdigest()])
        text = "\n".join([self.algorithm, self.date, "%s/%s/%s/aws4_request" % (self.day, self.region, SERVICE),
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = self.certificate.public_key()
        if self.algorithm != "AWS4-X509-%s-SHA256" % ("RSA" if isinstance(key, rsa.RSAPublicKey) else "ECDSA"):
            raise denied("the algorithm is not that of the key")
        try:
            check_signature(key, bytes.fromhex(self.signature), text.encode(), hashes.SHA256())
        except InvalidSignature:
            raise denied("The request signature we calculated does not match the signature you provided.") from None

    def check_body(self):
        try:
            self.json = json.loads(self.body)
            duration = self.json["durationSeconds"]
        except (ValueError, KeyError):
            raise Refused(400, "ValidationException", "no JSON that is understood") from None
        unknown = set(self.json) - {"durationSeconds", "profileArn", "roleArn", "trustAnchorArn", "roleSessionName"}
        if unknown or type(duration) is not int or not 900 <= duration <= 43200:
            raise Refused(400, "ValidationException", "duration or members: %s" % self.json)
        for member, service, kind in (("profileArn", SERVICE, "profile"), ("trustAnchorArn", SERVICE, "trust-anchor"),
                                      ("roleArn", "iam", "role")):
            if not re.fullmatch(ARN % service + r"[a-z0-9-]*:\d{12}:%s/.+" % kind, self.json.get(member, "")):
                raise Refused(400, "ValidationException", member)
        for member, known in (("profileArn", self.service.profile_arn), ("trustAnchorArn", self.service.trust_anchor_arn)):
            if self.json[member] != known:
                raise Refused(404, "ResourceNotFoundException", "%s not found" % member)
        if "roleSessionName" in self.json and not self.service.accepts_session_name:
            raise denied("Profile does not accept a custom role session name")
        if self.json["roleArn"] != self.service.role_arn:
            raise denied("Unable to assume role for " + self.json["roleArn"])


class Service:
    """anchor: an Issued authority. server: Issued, the TLS certificate. script: names of what the next requests meet instead
    of being answered well: "500", "429", "throttled", "timeout", "truncated", "cut", "expired", "html", "nonsense",
    "control-bytes". skew_s: how far its clock is off. requests: what was judged good; refused: the others' reasons."""

    role_arn = "arn:aws:iam::123456789012:role/backup"
    profile_arn = "arn:aws:rolesanywhere:ap-northeast-1:123456789012:profile/0b1f2e3d-aaaa-bbbb-cccc-0123456789ab"
    trust_anchor_arn = "arn:aws:rolesanywhere:ap-northeast-1:123456789012:trust-anchor/1a2b3c4d-dddd-eeee-ffff-0123456789ab"

    def __init__(self, anchor, server, folder, region="ap-northeast-1"):
        self.anchor, self.region = anchor, region
        self.host = "%s.%s.amazonaws.com" % (SERVICE, region)
        self.script, self.requests, self.refused, self.received = [], [], [], 0
        self.skew_s, self.accepts_session_name = 0, True
        self.closing = threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (folder / "service.pem").write_bytes(server.pem + server.key_pem())
        self.context.load_cert_chain(folder / "service.pem")
        self.servers = self.listen()
        self.port = self.servers[0].server_address[1]
        for server in self.servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def listen(self):
        """On 127.0.0.1 and 127.0.0.2, both on the same port."""
        while True:
            first = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
            try:
                return first, http.server.ThreadingHTTPServer(("127.0.0.2", first.server_address[1]), self.handler())
            except OSError:
                first.server_close()

    def close(self):
        self.closing.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def now(self):
        return time.time() + self.skew_s

    def handler(self):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                self.request = service.context.wrap_socket(self.request, server_side=True)
                super().setup()

            def handle(self):
                try:
                    super().handle()
                except OSError:
                    pass

            def log_message(self, *arguments):
                pass

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(service.now(), usegmt=True)

            def answer(self, status, body, kind="application/json", headers=(), promised=None):
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for header, value in (("Content-Type", kind), ("Content-Length", str(promised or len(body))), *headers):
                    self.send_header(header, value)
                self.end_headers()
                self.wfile.write(body)
                if promised:
                    self.close_connection = True

            def do_POST(self):
                headers = {}
                for header, value in self.headers.items():
                    headers.setdefault(header.lower(), []).append(value)
                service.serve(self, headers, self.rfile.read(int(self.headers["Content-Length"])))

        return Handler

    def serve(self, handler, headers, body):
        self.received += 1
        try:
            request = Request(self, handler.path, headers, body)
        except Refused as e:
            self.refused.append(e.message)
            handler.answer(e.status, {"message": e.message}, headers=[("x-amzn-ErrorType", e.code)])
            return
        self.requests.append(request)
        what = self.script.pop(0) if self.script else ""
        if what == "500":
            handler.answer(500, {"message": "Internal failure"})
        elif what == "429":
            handler.answer(429, {"message": "Rate exceeded"}, headers=[("Retry-After", "7")])
        elif what == "throttled":
            handler.answer(400, {"__type": "com.amazonaws#ThrottlingException", "message": "Rate exceeded"})
        elif what == "timeout":
            self.closing.wait()
        elif what == "html":
            handler.answer(403, b"<html><body>Access is monitored</body></html>", "text/html; charset=utf-8")
        elif what == "nonsense":
            handler.answer(201, {"credentialSet": []})
        elif what == "control-bytes":
            handler.answer(403, {"message": "one\r\n\x1b[31mtwo \u202e " + "x" * 5000})
        else:
            good = json.dumps(self.session(request, -60 if what == "expired" else None)).encode()
            if what == "truncated":
                handler.answer(201, good[:len(good) // 2])
            elif what == "cut":
                handler.answer(201, good[:len(good) // 2], promised=len(good))
            else:
                handler.answer(201, good)

    def session(self, request, lasts_s=None):
        until = datetime.datetime.utcfromtimestamp(time.time() + (lasts_s or request.json["durationSeconds"]))
        return {"credentialSet": [{"credentials": {
            "accessKeyId": "ASIAROLESANYWHERE%03d" % len(self.requests), "secretAccessKey": "sessionSecret/" + "s" * 26,
            "sessionToken": "T" * 900, "expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ")},
            "assumedRoleUser": {"arn": "arn:aws:sts::123456789012:assumed-role/backup/" + request.serial,
                                "assumedRoleId": "AROAEXAMPLE:" + request.serial},
            "packedPolicySize": 10, "roleArn": request.json["roleArn"], "sourceIdentity": "CN=machine"}],
            "subjectArn": "arn:aws:rolesanywhere:ap-northeast-1:123456789012:subject/0"}
