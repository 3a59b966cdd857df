#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/vectors/aws-chunked: bodies in aws-chunked framing, one a line, told by length and SHA-256.

An implementation of its own, from Python's hmac and hashlib, so that the C code is compared with something that was not
made from it. Columns: mode, bytes a chunk, bytes of content, content (a: the letter, p: pattern), seed signature,
trailer name and value (- for none), bytes of the body, SHA-256 of the body. The first lines are the examples of the
Amazon S3 API Reference ("Transferring Payload in Multiple Chunks", "… Including Trailing Headers"); their signatures
must come out as published.
"""
import base64
import hashlib
import hmac
import pathlib
import zlib

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TIMESTAMP = "20130524T000000Z"
SCOPE = f"{TIMESTAMP[:8]}/us-east-1/s3/aws4_request"
EMPTY = hashlib.sha256(b"").hexdigest()
SEED = hashlib.sha256(b"seed").hexdigest()  # any will do
KIB = 1024


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key():
    key = ("AWS4" + SECRET).encode()
    for part in SCOPE.split("/"):
        key = mac(key, part)
    return key


def sign(algorithm, *lines):
    return mac(signing_key(), "\n".join([algorithm, TIMESTAMP, SCOPE, *lines])).hex()


def content_of(kind, length):
    if kind == "a":
        return b"a" * length
    return bytes((i * 7 + i // 251) % 256 for i in range(length))


def framed(mode, chunk_bytes, content, seed, trailer):
    """The body, and its signatures in their order."""
    signatures, out = [], b""
    chunks = [content[i : i + chunk_bytes] for i in range(0, len(content), chunk_bytes)]
    for data in chunks + [b""]:
        line = f"{len(data):x}"
        if mode != "unsigned-trailer":
            previous = signatures[-1] if signatures else seed
            signatures.append(sign("AWS4-HMAC-SHA256-PAYLOAD", previous, EMPTY, hashlib.sha256(data).hexdigest()))
            line += ";chunk-signature=" + signatures[-1]
        out += line.encode() + b"\r\n" + (data + b"\r\n" if data else b"")
    if trailer:
        out += f"{trailer[0]}:{trailer[1]}\r\n".encode()
    if mode == "signed-trailer":
        canonical = f"{trailer[0]}:{trailer[1]}\n" if trailer else ""
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        signatures.append(sign("AWS4-HMAC-SHA256-TRAILER", signatures[-1], hashed))
        out += b"x-amz-trailer-signature:" + signatures[-1].encode() + b"\r\n"
    return out + b"\r\n", signatures


def line_of(mode, chunk_bytes, kind, length, seed, trailer, published=None):
    body, signatures = framed(mode, chunk_bytes, content_of(kind, length), seed, trailer)
    assert published is None or signatures == published, signatures
    name, value = trailer or ("-", "-")
    return f"{mode} {chunk_bytes} {length} {kind} {seed} {name} {value} {len(body)} {hashlib.sha256(body).hexdigest()}\n"


def crc32_trailer(length):
    value = zlib.crc32(content_of("p", length)).to_bytes(4, "big")
    return ("x-amz-checksum-crc32", base64.b64encode(value).decode())


def sha256_trailer(length):
    return ("x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(content_of("p", length)).digest()).decode())


def lines():
    yield line_of("signed", 64 * KIB, "a", 66560, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", None, [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ])
    yield line_of("signed-trailer", 64 * KIB, "a", 66560, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
                  ("x-amz-checksum-crc32c", "sOO8/Q=="), [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
    ])
    for mode in ("unsigned-trailer", "signed", "signed-trailer"):
        for length in (0, 1, 15, 16, 300, 4095, 8192, 32767, 32768, 32769, 65536, 66560, 300000):
            trailer = None if mode == "signed" else crc32_trailer(length)
            yield line_of(mode, 32 * KIB, "p", length, SEED, trailer)
        for length in (8200, 20000):
            yield line_of(mode, 8 * KIB, "p", length, SEED, None if mode == "signed" else sha256_trailer(length))
    yield line_of("unsigned-trailer", 32 * KIB, "p", 40000, SEED, None)
    yield line_of("signed-trailer", 32 * KIB, "p", 40000, SEED, None)


if __name__ == "__main__":
    (pathlib.Path(__file__).parent / "aws-chunked").write_text("".join(lines()))
