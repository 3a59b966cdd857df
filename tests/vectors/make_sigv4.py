#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/vectors/sigv4/<case>/{request,canonical,string-to-sign,signature}.

An implementation of Signature Version 4 of its own, from Python's hmac and hashlib, so that the C code is compared with
something that was not made from it. A case says what the client means (decoded key and parameters) and what it puts on
the wire; the cases with "published" must come out as in the Amazon S3 API Reference ("Signature Calculations for the
Authorization Header", "Authenticating Requests: Using Query Parameters").
"""
import hashlib
import hmac
import pathlib
import re

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TIMESTAMP = "20130524T000000Z"
REGION = "us-east-1"
EMPTY = hashlib.sha256(b"").hexdigest()
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def encode(data, keep=b""):
    return "".join(chr(c) if c in UNRESERVED or c in keep else f"%{c:02X}" for c in data)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def sha256(text):
    return hashlib.sha256(as_bytes(text)).hexdigest()


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_request(case):
    pairs = sorted((encode(as_bytes(n)), encode(as_bytes(v))) for n, v in case["params"])
    lines = [case["method"], encode(as_bytes(case["key"]), b"/"), "&".join(f"{n}={v}" for n, v in pairs)]
    for name in case["signed"]:
        values = [v for n, v in case["headers"] if n.lower() == name]
        lines.append(name + ":" + ",".join(re.sub(" +", " ", v.strip(" \t")) for v in values))
    return "\n".join(lines + ["", ";".join(case["signed"]), case["payload"]])


def string_to_sign(case, canonical):
    scope = f"{TIMESTAMP[:8]}/{case['region']}/s3/aws4_request"
    return "\n".join(["AWS4-HMAC-SHA256", TIMESTAMP, scope, sha256(canonical)])


def signature(case, text):
    key = ("AWS4" + SECRET).encode()
    for part in (TIMESTAMP[:8], case["region"], "s3", "aws4_request"):
        key = mac(key, part)
    return mac(key, text).hex()


def case(name, method="GET", key="/", wire=None, params=(), headers=(), signed=None, payload=EMPTY, query_auth=False,
         separator=", ", access_key=ACCESS_KEY, region=REGION, host="examplebucket.s3.amazonaws.com", published=None):
    headers = [("Host", host)] + list(headers)
    if not query_auth:
        headers += [("x-amz-content-sha256", payload), ("x-amz-date", TIMESTAMP)]
    if signed is None:
        signed = sorted({n.lower() for n, _ in headers})
    return dict(name=name, method=method, key=key, wire=wire if wire is not None else key, params=list(params),
                headers=headers, signed=signed, payload=payload, query_auth=query_auth, separator=separator,
                access_key=access_key, region=region, published=published)


CREDENTIAL = f"{ACCESS_KEY}/{TIMESTAMP[:8]}/{REGION}/s3/aws4_request"
PRESIGN = [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", CREDENTIAL), ("X-Amz-Date", TIMESTAMP),
           ("X-Amz-Expires", "86400"), ("X-Amz-SignedHeaders", "host")]
BODY = "Welcome to Amazon S3."

CASES = [
    case("get-object", key="/test.txt", headers=[("Range", "bytes=0-9")],
         published=("7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
                    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")),
    case("put-object", method="PUT", key="/test$file.text", payload=sha256(BODY),
         headers=[("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
         published=("9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
                    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")),
    case("get-bucket-lifecycle", wire="/?lifecycle", params=[("lifecycle", "")],
         published=("9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
                    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")),
    case("list-objects", wire="/?max-keys=2&prefix=J", params=[("max-keys", "2"), ("prefix", "J")],
         published=("df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
                    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")),
    case("presigned-get", key="/test.txt", wire="/test.txt?" + "&".join(f"{n}={encode(v.encode())}" for n, v in PRESIGN),
         params=PRESIGN, query_auth=True, payload="UNSIGNED-PAYLOAD",
         published=("3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04",
                    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")),
    case("put-chunked", method="PUT", key="/examplebucket/chunkObject.txt", host="s3.amazonaws.com",
         payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
         headers=[("Content-Encoding", "aws-chunked"), ("Content-Length", "66824"),
                  ("x-amz-decoded-content-length", "66560"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
         published=("cee3fed04b70f867d036f722359b0b1f2f0e5dc0efadbc082b76c4c60e316455",
                    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")),
    case("put-chunked-trailer", method="PUT", key="/examplebucket/chunkObject.txt", host="s3.amazonaws.com",
         payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
         headers=[("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "66560"),
                  ("x-amz-storage-class", "REDUCED_REDUNDANCY"), ("x-amz-trailer", "x-amz-checksum-crc32c")],
         published=("44d48b8c2f70eae815a0198cc73d7a546a73a93359c070abbaa5e6c7de112559",
                    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")),
    # The path: decoded once, encoded once, never normalised.
    case("path-escapes", key="/a/b c(1)!*'~+é", wire="/a%2fb%20c(1)!*'%7e+%c3%A9"),
    case("path-raw-utf8", key="/日本/ü", wire="/日本/ü"),
    case("path-dots-and-slashes", key="//a/./../b//"),
    # The query: encoded, then sorted by name and then by value.
    case("query-order", wire="/?b=2&a-b=1&a=2&a=1&A=x&acl&%7Ez=&a%20=3&list=%2f",
         params=[("b", "2"), ("a-b", "1"), ("a", "2"), ("a", "1"), ("A", "x"), ("acl", ""), ("~z", ""), ("a ", "3"),
                 ("list", "/")]),
    case("query-plus-is-space", wire="/?prefix=a+b%2B", params=[("prefix", "a b+")]),
    case("query-plus-is-plus", wire="/?prefix=a+b%2B", params=[("prefix", "a+b+")]),
    case("query-many", wire="/?" + "&".join(f"p{i * 7 % 40}={i}" for i in range(40)),
         params=[(f"p{i * 7 % 40}", str(i)) for i in range(40)]),
    # Headers: trimmed, runs of spaces made one, equal names joined, missing ones empty.
    case("header-spaces", headers=[("X-Amz-Meta-A", '  a   b  "c   d" '), ("x-amz-meta-e", "")]),
    case("header-repeated", headers=[("X-Amz-Meta-A", "one"), ("x-amz-meta-b", "x"), ("x-amz-meta-a", "two")]),
    case("header-missing", signed=["host", "x-amz-content-sha256", "x-amz-date", "x-amz-meta-none"]),
    case("header-unsigned", headers=[("User-Agent", "any"), ("Range", "bytes=0-1")],
         signed=["host", "x-amz-content-sha256", "x-amz-date"]),
    # Authorization as other clients write it.
    case("auth-no-blanks", separator=","),
    case("auth-access-key-with-slash", access_key="team/a:reader"),
    case("china-region", region="cn-north-1", host="examplebucket.s3.cn-north-1.amazonaws.com.cn"),
]


def request(c, sig):
    target, headers = c["wire"], list(c["headers"])
    if c["query_auth"]:
        target += "&X-Amz-Signature=" + sig
    else:
        fields = [f"Credential={c['access_key']}/{TIMESTAMP[:8]}/{c['region']}/s3/aws4_request",
                  "SignedHeaders=" + ";".join(c["signed"]), "Signature=" + sig]
        headers.append(("Authorization", "AWS4-HMAC-SHA256 " + c["separator"].join(fields)))
    lines = [f"{c['method']} {target} HTTP/1.1"] + [f"{n}: {v}" for n, v in headers] + ["", ""]
    return "\r\n".join(lines).encode()


def main():
    root = pathlib.Path(__file__).parent / "sigv4"
    for c in CASES:
        canonical = canonical_request(c)
        text = string_to_sign(c, canonical)
        sig = signature(c, text)
        if c["published"]:
            assert (sha256(canonical), sig) == c["published"], c["name"]
        folder = root / c["name"]
        folder.mkdir(parents=True, exist_ok=True)
        files = {"request": request(c, sig), "canonical": canonical.encode(), "string-to-sign": text.encode(),
                 "signature": sig.encode()}
        for name, data in files.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
