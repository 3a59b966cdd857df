#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/vectors/post_form/<case>/{content-type,body}: browser forms as real clients write them.

Policies and signatures come from boto3 (and, for the first case, from the Amazon S3 API Reference, "Example:
Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)") and are computed again here with Python's hmac.
The multipart bodies come from Python's requests, from curl, which is run, and from the rules that browsers follow
(WHATWG HTML, "Multipart form data"). Boundaries are made fixed, so that a second run changes nothing.
"""
import base64
import datetime
import hashlib
import hmac
import http.server
import pathlib
import subprocess
import tempfile
import threading
from unittest import mock

import boto3
import botocore.config
import requests

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5)
EXAMPLE_SIGNATURE = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
EXAMPLE_REDIRECT = "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"
EXAMPLE_POLICY = "\r\n".join([
    '{ "expiration": "2015-12-30T12:00:00.000Z",', '  "conditions": [', '    {"bucket": "sigv4examplebucket"},',
    '    ["starts-with", "$key", "user/user1/"],', '    {"acl": "public-read"},',
    f'    {{"success_action_redirect": "{EXAMPLE_REDIRECT}"}},', '    ["starts-with", "$Content-Type", "image/"],',
    '    {"x-amz-meta-uuid": "14365123651274"},', '    {"x-amz-server-side-encryption": "AES256"},',
    '    ["starts-with", "$x-amz-meta-tag", ""],', '',
    '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},',
    '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},', '    {"x-amz-date": "20151229T000000Z" }', '  ]', '}'])


class Frozen(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW


def signature_v4(policy, date, region):
    key = ("AWS4" + SECRET).encode()
    for part in (date, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, policy.encode(), hashlib.sha256).hexdigest()


def signature_v2(policy):
    return base64.b64encode(hmac.new(SECRET.encode(), policy.encode(), hashlib.sha1).digest()).decode()


def check(fields):
    if "x-amz-signature" in fields:
        date, region = fields["x-amz-credential"].split("/")[1:3]
        assert fields["x-amz-signature"] == signature_v4(fields["policy"], date, region)
    else:
        assert fields["signature"] == signature_v2(fields["policy"])


def presign(key, fields, conditions, version="s3v4", token=None):
    """boto3's generate_presigned_post at NOW: the fields of the form, in its order."""
    client = boto3.client("s3", region_name="ap-northeast-1", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET,
                          aws_session_token=token, config=botocore.config.Config(signature_version=version))
    with mock.patch.object(datetime, "datetime", Frozen):
        post = client.generate_presigned_post("uploads", key, Fields=dict(fields), Conditions=list(conditions),
                                              ExpiresIn=3600)
    check(post["fields"])
    return post["fields"]


def fixed(content_type, body, boundary):
    old = content_type.split("boundary=")[1]
    return content_type.replace(old, boundary), body.replace(old.encode(), boundary.encode())


def by_requests(fields, filename, content, content_type):
    sent = requests.Request("POST", "http://localhost/", data=fields,
                            files={"file": (filename, content, content_type)}).prepare()
    return fixed(sent.headers["Content-Type"], sent.body, "0123456789abcdef0123456789abcdef")


class Catcher(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.caught = (self.headers["Content-Type"], body)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


def by_curl(fields, filename, content, *options):
    with http.server.HTTPServer(("127.0.0.1", 0), Catcher) as server, tempfile.TemporaryDirectory() as folder:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        pathlib.Path(folder, "content").write_bytes(content)
        quoted = filename.replace("\\", "\\\\").replace('"', '\\"')
        form = [word for n, v in fields.items() for word in ("--form-string", f"{n}={v}")]
        form += ["-F", f'file=@content;filename="{quoted}"']
        subprocess.run(["curl", "-qsS", "--noproxy", "*", *options, *form, f"http://127.0.0.1:{server.server_port}/"],
                       cwd=folder, check=True)
        thread.join()
        return fixed(*server.caught, "------------------------0123456789abcdef")


def by_browser(fields, filename, content, content_type, after=()):
    """Chromium: no Content-Type for plain fields, only '"', CR and LF escaped, a file part always has a type."""
    boundary = "----WebKitFormBoundary0123456789AbCdEf"
    escaped = filename.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    plain = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = "".join(plain.format(boundary, n, v) for n, v in fields.items())
    body += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{escaped}"\r\n'
    body += f"Content-Type: {content_type}\r\n\r\n"
    end = "\r\n" + "".join(plain.format(boundary, n, v) for n, v in after) + f"--{boundary}--\r\n"
    return f"multipart/form-data; boundary={boundary}", body.encode() + content + end.encode()


def aws_example():
    policy = base64.b64encode(EXAMPLE_POLICY.encode()).decode()
    assert signature_v4(policy, "20151229", "us-east-1") == EXAMPLE_SIGNATURE
    return {"key": "user/user1/${filename}", "acl": "public-read", "success_action_redirect": EXAMPLE_REDIRECT,
            "Content-Type": "image/jpeg", "x-amz-meta-uuid": "14365123651274",
            "x-amz-server-side-encryption": "AES256",
            "X-Amz-Credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Date": "20151229T000000Z", "x-amz-meta-tag": "",
            "Policy": policy, "X-Amz-Signature": EXAMPLE_SIGNATURE}


def main():
    fields = {"acl": "private", "Content-Type": "text/plain", "success_action_status": "201"}
    conditions = [{"acl": "private"}, ["starts-with", "$Content-Type", "text/"], {"success_action_status": "201"},
                  ["content-length-range", 1, 1024]]
    text = b"First line.\r\nSecond line.\r\n"
    binary = bytes(range(256)) + b"\r\n--" + b"\r\n-----" + b"\r\n"
    cases = {
        "aws-example": by_browser(aws_example(), "photo.jpg", b"\xff\xd8\xff\xe0 not much of a picture", "image/jpeg",
                                  after=[("submit", "Upload to Amazon S3")]),
        "boto3-requests": by_requests(presign("in/${filename}", fields, conditions), 'the "best" \\ one.txt', text,
                                      "text/plain"),
        "boto3-curl": by_curl(presign("in/fixed name.bin", fields, conditions), 'a"b.bin', binary),
        "boto3-curl-escape": by_curl(presign("in/${filename}", fields, conditions), 'a"b\\c.bin', binary, "--form-escape"),
        "boto3-token": by_browser(presign("in/${filename}", {}, [], token="the/session+token=="), "ü — x.txt", text,
                                  "text/plain"),
        "boto3-v2": by_curl(presign("in/${filename}", fields, conditions, version="s3"), "plain.txt", text),
        "browser-no-file": by_browser(presign("in/${filename}", {}, []), "", b"", "application/octet-stream"),
    }
    for name, (content_type, body) in cases.items():
        folder = pathlib.Path(__file__).parent / "post_form" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "content-type").write_bytes(content_type.encode())
        (folder / "body").write_bytes(body)


if __name__ == "__main__":
    main()
