#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_sigv4_x509: makes tests/vectors/sigv4_x509: requests signed with the key of a certificate, as IAM Roles Anywhere
wants it, by Python's hashlib and cryptography alone.

  NAME/certificate NAME/key NAME/chain (may be empty)   PEM
  NAME/canonical NAME/string-to-sign                    what is signed
  NAME/authorization                                    the header; for ECDSA, which signs otherwise each time, without signature

The keys are throw-away ones. Source: IAM Roles Anywhere User Guide, "Authentication signing process".
"""
import base64
import hashlib
import pathlib
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from roles_anywhere import Issued  # noqa: E402

BODY = b'{"durationSeconds":3600}'
HOST, DATE, REGION = "rolesanywhere.ap-northeast-1.amazonaws.com", "20261124T120000Z", "ap-northeast-1"


def make(name, machine, chain=()):
    folder = HERE / "sigv4_x509" / name
    folder.mkdir(parents=True, exist_ok=True)
    rsa = hasattr(machine.key, "decrypt")
    headers = [("content-type", "application/json"), ("host", HOST), ("x-amz-date", DATE),
               ("x-amz-x509", base64.b64encode(machine.der).decode())]
    if chain:
        headers.append(("x-amz-x509-chain", ",".join(base64.b64encode(c.der).decode() for c in chain)))
    signed = ";".join(n for n, _ in headers)
    canonical = "POST\n/sessions\n\n%s\n%s\n%s" % ("".join("%s:%s\n" % h for h in headers), signed,
                                                 hashlib.sha256(BODY).hexdigest())
    scope = "%s/%s/rolesanywhere/aws4_request" % (DATE[:8], REGION)
    algorithm = "AWS4-X509-%s-SHA256" % ("RSA" if rsa else "ECDSA")
    text = "\n".join([algorithm, DATE, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = machine.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex() if rsa else ""
    authorization = "%s Credential=%d/%s, SignedHeaders=%s, Signature=%s" % (
        algorithm, machine.certificate.serial_number, scope, signed, signature)
    for file, content in (("certificate", machine.pem), ("key", machine.key_pem()), ("chain", b"".join(c.pem for c in chain)),
                          ("canonical", canonical.encode()), ("string-to-sign", text.encode()),
                          ("authorization", authorization.encode())):
        (folder / file).write_bytes(content)


LONG = dict(days=36500, begins=-3650)  # tests load them by today's date
anchor = Issued("Anchor of the vectors", ca=True, **LONG)
middle = Issued("Intermediate of the vectors", anchor, "RSA-2048", ca=True, **LONG)
below = Issued("Second intermediate of the vectors", middle, ca=True, **LONG)
make("rsa", Issued("machine", anchor, "RSA-2048", **LONG))
make("rsa-chain", Issued("machine", middle, "RSA-3072", serial=2 ** 158 + 2 ** 64 + 1, **LONG), [middle])
make("ecdsa-p256", Issued("machine", anchor, "P-256", serial=1, **LONG))
make("ecdsa-p384-chain", Issued("machine", below, "P-384", **LONG), [below, middle])
