# SPDX-License-Identifier: Apache-2.0
"""AWS Signature Version 4 for one S3 request with an unsigned payload, as a client of the benchmark sends it.

Source: AWS "Signature Version 4 for API requests". The path is used as it is: S3 does not normalise it. No query.
"""

import datetime
import hashlib
import hmac

PAYLOAD = "UNSIGNED-PAYLOAD"


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def sign_headers(method, host, path, access_key_id, secret_access_key, region="us-east-1"):
    """The headers that make `method path` at `host` a signed request; S3 takes them for 15 minutes."""
    amz_date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    signed = {"host": host, "x-amz-content-sha256": PAYLOAD, "x-amz-date": amz_date}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{PAYLOAD}"

    scope = f"{amz_date[:8]}/{region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{amz_date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + secret_access_key).encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, to_sign).hex()
    return {
        "Host": host,
        "X-Amz-Date": amz_date,
        "X-Amz-Content-SHA256": PAYLOAD,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, "
                         f"SignedHeaders={names}, Signature={signature}",
    }
