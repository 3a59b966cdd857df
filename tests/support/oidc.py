# SPDX-License-Identifier: Apache-2.0
"""oidc: an OpenID Connect issuer of the tests' own: a key, its certificate and key set over HTTP, and tokens.

Its key set holds one key with its certificate (x5c), because Ceph's gateway takes the public key from there."""
import base64
import hashlib
import http.server
import json
import subprocess
import threading
import time


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def openssl(*words, data=None):
    return subprocess.run(["openssl"] + [str(w) for w in words], input=data, capture_output=True, check=True).stdout


class Issuer:
    """Threads: one serves."""

    def __init__(self, folder, address):
        """folder: for the key; address: (host, port) to listen at, 0: any."""
        self.key, pem = folder / "oidc.key", folder / "oidc.pem"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=issuer", "-keyout", self.key,
                "-out", pem)
        der = openssl("x509", "-in", pem, "-outform", "DER")
        modulus = bytes.fromhex(openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().partition("=")[2])
        self.thumbprint = hashlib.sha1(der).hexdigest().upper()
        self.key_id = "key-1"
        self.keys = {"keys": [{"kid": self.key_id, "kty": "RSA", "alg": "RS256", "use": "sig", "n": base64url(modulus),
                               "e": "AQAB", "x5c": [base64.b64encode(der).decode()]}]}
        self.asked = []  # paths
        self.server = http.server.ThreadingHTTPServer(address, self.handler())
        self.url = "http://%s:%d" % self.server.server_address[:2]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def handler(issuer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                documents = {"/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": issuer.url + "/keys"},
                             "/keys": issuer.keys}
                body = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(200 if self.path in documents else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def token(self, lifetime_s=3600, **claims):
        """A signed token; claims: besides iss, iat, exp."""
        now = int(time.time())
        claims = dict({"iss": self.url, "iat": now, "exp": now + lifetime_s}, **claims)
        parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", "kid": self.key_id}, claims)]
        signed = ".".join(parts)
        return "%s.%s" % (signed, base64url(openssl("dgst", "-sha256", "-sign", self.key, data=signed.encode())))
