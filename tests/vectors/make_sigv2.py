#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/vectors/sigv2/<case>/{request,string-to-sign,signature}.

An implementation of S3's Signature Version 2 of its own, from Python's hmac and hashlib, so that the C code is compared
with something that was not made from it. A case says what the client means (bucket, path, decoded parameters) and what
it puts on the wire; the cases with "published" must come out as in the Amazon S3 Developer Guide ("Signing and
authenticating REST requests").
"""
import base64
import hashlib
import hmac
import pathlib
import urllib.parse

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
DATE = "Tue, 27 Mar 2007 19:36:42 +0000"
EXPIRES = 1175139620
RESPONSE = {"response-" + n for n in ("cache-control", "content-disposition", "content-encoding", "content-language",
                                      "content-type", "expires")}
SIGNED = RESPONSE | set("""
    accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle location logging metrics notification
    object-lock partNumber policy replication requestPayment restore select select-type storageClass tagging torrent
    uploadId uploads versionId versioning versions website""".split())
S3 = "s3.us-west-1.amazonaws.com"


def quote(text):
    return urllib.parse.quote(text, safe="-._~")


def wire_param(name, value):
    return name if value is None else f"{name}={quote(value)}"


def sub_resource(name, value, as_sent):
    if as_sent and name not in RESPONSE:
        return wire_param(name, value)
    return f"{name}={value}" if value else name


def string_to_sign(c):
    values = {n.lower(): ",".join(v.strip() for m, v in c["headers"] if m.lower() == n.lower())
              for n, _ in c["headers"]}
    amz = {n: v for n, v in values.items() if n.startswith("x-amz-")}
    if c["expires"] is not None:
        date = str(c["expires"])
        amz.update({n: v for n, v in c["params"] if n.startswith("x-amz-")})
    else:
        date = "" if "x-amz-date" in amz else values["date"]
    subs = [(n, v) for n, v in c["params"] if n in SIGNED]
    resource = ("/" + c["bucket"] if c["bucket"] else "") + c["signed_path"]
    if subs:
        resource += "?" + "&".join(sub_resource(n, v, c["as_sent"]) for n, v in sorted(subs, key=lambda p: p[0]))
    lines = [c["method"], values.get("content-md5", ""), values.get("content-type", ""), date]
    return "\n".join(lines + [f"{n}:{amz[n]}" for n in sorted(amz)] + [resource])


def signature(text):
    return base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()


def case(name, method="GET", path="/awsexamplebucket1/photos/puppy.jpg", host=S3, bucket="", params=(), wire=None,
         headers=None, expires=None, as_sent=False, signed_path=None, access_key=ACCESS_KEY, authorization="AWS {}:{}",
         published=None):
    if headers is None:
        headers = [] if expires is not None else [("Date", DATE)]
    return dict(name=name, method=method, path=path, host=host, bucket=bucket, params=list(params), wire=wire,
                headers=list(headers), expires=expires, as_sent=as_sent, signed_path=path if signed_path is None else signed_path,
                access_key=access_key, authorization=authorization, published=published)


VIRTUAL = dict(path="/photos/puppy.jpg", host="awsexamplebucket1." + S3, bucket="awsexamplebucket1")
ROOT = dict(VIRTUAL, path="/")
UPLOAD = [("X-Amz-Acl", "public-read"), ("Content-Type", "application/x-download"),
          ("Content-MD5", "4gJE4saaMU4BqNR0kLY+lw=="), ("X-Amz-Meta-ReviewedBy", "joe@awsexamplebucket1.net"),
          ("X-Amz-Meta-ReviewedBy", "jane@awsexamplebucket1.net"), ("X-Amz-Meta-FileChecksum", "0x02661779"),
          ("X-Amz-Meta-ChecksumAlgorithm", "crc32"), ("Content-Disposition", "attachment; filename=database.dat"),
          ("Content-Encoding", "gzip"), ("Content-Length", "5913339"), ("Date", "Tue, 27 Mar 2007 21:06:08 +0000")]
LIST = [("prefix", "photos"), ("max-keys", "50"), ("marker", "puppy")]

CASES = [
    case("doc-get", published="qgk2+6Sv9/oM7G3qLEjTH1a1l1g=", **VIRTUAL),
    case("doc-put", method="PUT", published="iqRzw+ileNPu1fhspnRs8nOjjIA=",
         headers=[("Content-Type", "image/jpeg"), ("Content-Length", "94328"),
                  ("Date", "Tue, 27 Mar 2007 21:15:45 +0000")], **VIRTUAL),
    case("doc-list", params=LIST, published="m0WP8eCtspQl5Ahe6L1SozdX9YA=",
         headers=[("User-Agent", "Mozilla/5.0"), ("Date", "Tue, 27 Mar 2007 19:42:41 +0000")], **ROOT),
    case("doc-fetch-acl", params=[("acl", None)], published="82ZHiFIjc+WbcwFKGUVEQspPn+0=",
         headers=[("Date", "Tue, 27 Mar 2007 19:44:46 +0000")], **ROOT),
    # The guide's Delete example: its signature belongs to the string with the value in the Date line ...
    case("doc-delete-date", method="DELETE", published="XbyTlbQdu9Xw5o8P4iMwPktxQd8=",
         headers=[("Date", "Tue, 27 Mar 2007 21:20:26 +0000")]),
    # ... and this is its request, signed by the guide's own rule.
    case("doc-delete", method="DELETE", published="Ri1hpB1zpS9pGqR7y8kuNFCl4sE=",
         headers=[("User-Agent", "dotnet"), ("Date", "Tue, 27 Mar 2007 21:20:27 +0000"),
                  ("x-amz-date", "Tue, 27 Mar 2007 21:20:26 +0000")]),
    case("doc-upload", method="PUT", path="/db-backup.dat.gz", host="static.awsexamplebucket1.net:8080",
         bucket="static.awsexamplebucket1.net", headers=UPLOAD, published="dKZcB+bz2EPXgSdXZp9ozGeOM4I="),
    case("doc-list-buckets", path="/", headers=[("Date", "Wed, 28 Mar 2007 01:29:59 +0000")],
         published="qGdzdERIC03wnaRNKh6OqZehG9s="),
    case("doc-unicode-key", path="/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
         headers=[("Date", "Wed, 28 Mar 2007 01:49:49 +0000")], published="DNEZGsoieTZ92F3bUfSPQcbGmlM="),
    case("doc-query", path="/photos/puppy.jpg", host="johnsmith.s3.amazonaws.com", bucket="johnsmith", expires=EXPIRES,
         published="NpgCjnDzrM+WFzoENXmpNDUsSn8="),
    case("query", expires=EXPIRES, published="1No4mq5ETf02z8aet9voy6gui6E=", **VIRTUAL),
    # Bucket: from Host, from the path, both spellings of a list.
    case("host-global", host="my.bucket.s3.amazonaws.com", bucket="my.bucket", path="/k"),
    case("path-bucket-only", path="/awsexamplebucket1"),
    case("path-bucket-slash", path="/awsexamplebucket1/"),
    case("path-slash-as-botocore", path="/awsexamplebucket1", signed_path="/awsexamplebucket1/", params=[("acl", "")],
         as_sent=True),
    case("path-escaped-slash", path="/awsexamplebucket1%2fk/"),
    case("path-odd-bytes", path="/awsexamplebucket1//a/../%2f%2F+ü~(1)"),
    # Sub-resources: sorted, decoded, without '=' where there is no value; others are not signed.
    case("sub-resources", params=[("versionId", "3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"),
                                  ("prefix", "a/b"), ("acl", None)], **VIRTUAL),
    case("sub-resources-as-sent", as_sent=True, params=[("versionId", "a+b/c"), ("acl", "")], **VIRTUAL),
    case("sub-resource-equals", params=[("uploads", "")], method="POST", **VIRTUAL),
    case("sub-resource-escaped-name", params=[("uploads", None)], wire="%75plo%61ds", method="POST", **VIRTUAL),
    case("sub-resource-repeated", params=[("versionId", "b"), ("acl", None), ("versionId", "a")], **VIRTUAL),
    case("upload-part", method="PUT", params=[("uploadId", "VXBsb2Fk.x-_"), ("partNumber", "2")], **VIRTUAL),
    case("select", method="POST", params=[("select-type", "2"), ("select", None)], **VIRTUAL),
    case("response-overrides", expires=EXPIRES, **VIRTUAL,
         params=[("response-expires", "Thu, 01 Dec 1994 16:00:00 GMT"), ("response-content-type", "text/plain"),
                 ("response-content-disposition", 'attachment; filename="a&b=ü.txt"'),
                 ("response-cache-control", "no-cache"), ("response-content-encoding", "x-gzip"),
                 ("response-content-language", "mi, en")]),
    case("response-overrides-plus", expires=EXPIRES, params=[("response-content-type", "text/plain; a=b c")],
         wire="response-content-type=text%2Fplain;+a%3Db+c", **VIRTUAL),
    case("response-overrides-as-sent", expires=EXPIRES, as_sent=True,
         params=[("versionId", "a+b"), ("response-content-type", "text/plain")], **VIRTUAL),
    # x-amz-*: any case, trimmed, joined, sorted; temporary credentials; in the query they stand for headers.
    case("amz-headers", method="PUT",
         headers=[("x-amz-meta-b", "  two  words "), ("X-AMZ-META-A", "1"), ("x-amz-meta-", ""), ("Date", DATE),
                  ("x-amz-meta-a", "2"), ("x-amzn-trace-id", "not signed"), ("Content-Type", "")]),
    case("token-header", headers=[("Date", DATE), ("x-amz-security-token", "FwoGZXIvYXdzE//+==")]),
    case("token-query", expires=EXPIRES, params=[("x-amz-security-token", "FwoGZXIvYXdzE//+==")], **VIRTUAL),
    case("amz-query", method="PUT", expires=EXPIRES, headers=[("Content-Type", "text/plain"), ("x-amz-meta-a", "1")],
         params=[("x-amz-meta-b", "two words"), ("x-amz-acl", "public-read"), ("content-type", "text/plain")],
         **VIRTUAL),
    case("amz-date-query", expires=EXPIRES, headers=[("x-amz-date", DATE), ("Date", DATE)]),
    # As clients write dates and keys.
    case("date-utc", headers=[("Date", "Tue, 27 Mar 2007 19:36:42 UTC")]),
    case("date-gmt", headers=[("Date", "Tue, 27 Mar 2007 19:36:42 GMT")]),
    case("amz-date-only", headers=[("x-amz-date", DATE)]),
    case("access-key-with-colon", access_key="team:reader"),
    case("authorization-blanks", authorization="AWS  {}:{} "),
]


def request(c, sig):
    query = [c["wire"]] if c["wire"] else [wire_param(n, v) for n, v in c["params"]]
    headers = [("Host", c["host"])] + c["headers"]
    if c["expires"] is not None:
        query += [f"AWSAccessKeyId={quote(c['access_key'])}", f"Signature={quote(sig)}", f"Expires={c['expires']}"]
    else:
        headers.append(("Authorization", c["authorization"].format(c["access_key"], sig)))
    target = c["path"] + ("?" + "&".join(query) if query else "")
    lines = [f"{c['method']} {target} HTTP/1.1"] + [f"{n}: {v}" for n, v in headers] + ["", ""]
    return "\r\n".join(lines).encode()


def main():
    root = pathlib.Path(__file__).parent / "sigv2"
    for c in CASES:
        text = string_to_sign(c)
        sig = signature(text)
        if c["published"]:
            assert sig == c["published"], (c["name"], text)
        folder = root / c["name"]
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in {"request": request(c, sig), "string-to-sign": text.encode(), "signature": sig.encode()}.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
