# SPDX-License-Identifier: Apache-2.0
"""with_boto3_modes MODE FOLDER BUCKET KEY ENDPOINT: what boto3 can sign besides a header over a hash; fails at the first
difference.

MODE: s3v4 or s3 (that is SigV2): presigned URLs and forms, used with curl; checksums: uploads with ChecksumAlgorithm, which
over TLS come in a trailer. FOLDER holds the files small, medium; KEY is an odd one. ENDPOINT is a URL, or "-" for S3's own names by
way of HTTPS_PROXY. Keys, Region and authority come from the environment.
Leaves behind: KEY, posted (medium), presigned (small); checksums: KEY and one object for each algorithm (medium)."""
import os
import re
import subprocess
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

mode, folder, bucket, odd, endpoint = sys.argv[1:]


def connect(signature_version):
    config = Config(retries={"max_attempts": 1}, signature_version=signature_version)
    return boto3.client("s3", endpoint_url=None if endpoint == "-" else endpoint, config=config)


s3 = connect("s3" if mode == "s3" else "s3v4")
small, medium = os.path.join(folder, "small"), os.path.join(folder, "medium")


def same(what, found, expected):
    if found != expected:
        sys.exit("boto3: %s: %r, expected %r" % (what, found[:300], expected[:300]))


def content(path):
    with open(path, "rb") as file:
        return file.read()


def curl(*words):
    """The body, and the status as text behind it."""
    command = ["/usr/bin/curl", "--silent", "--show-error", "--write-out", "%{http_code}", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def presign(operation, key, **more):
    return s3.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": key, **more}, ExpiresIn=60)


def presigned_urls():
    same("presigned PUT", curl("--upload-file", small, presign("put_object", "presigned")), b"200")
    same("presigned GET", curl(presign("get_object", odd)), content(medium) + b"200")
    range_ = curl("--range", "100-199", presign("get_object", odd))
    same("presigned GET of a range", range_, content(medium)[100:200] + b"206")
    named = curl("--include", presign("get_object", odd, ResponseContentDisposition='attachment; filename="a b+c.txt"'))
    same("response-content-disposition", b'attachment; filename="a b+c.txt"' in named, True)
    same("presigned HEAD", curl("--head", presign("head_object", odd))[-3:], b"200")
    same("presigned DELETE", curl("--request", "DELETE", presign("delete_object", "deleted")), b"204")
    tampered = re.sub("(ignature=)(.)", lambda found: found[1] + ("b" if found[2] == "a" else "a"), presign("get_object", odd))
    same("a changed signature", curl(tampered)[-3:], b"403")


def forms():
    form = s3.generate_presigned_post(bucket, "posted", Fields={"success_action_status": "201", "Content-Type": "text/x-form"},
                                      Conditions=[{"success_action_status": "201"}, ["starts-with", "$Content-Type", "text/"],
                                                  ["content-length-range", 1, 1 << 20]], ExpiresIn=60)
    fields = [word for name, value in form["fields"].items() for word in ("--form-string", "%s=%s" % (name, value))]
    answer = curl(*fields, "--form", "file=@" + medium, form["url"])
    same("form", (b"<Key>posted</Key>" in answer, answer[-3:]), (True, b"201"))
    same("Content-Type of the form", s3.head_object(Bucket=bucket, Key="posted")["ContentType"], "text/x-form")
    form["fields"]["Content-Type"] = "image/png"
    fields = [word for name, value in form["fields"].items() for word in ("--form-string", "%s=%s" % (name, value))]
    same("a form against its policy", curl(*fields, "--form", "file=@" + medium, form["url"])[-3:], b"403")


def checksums():
    expected = [odd]
    for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256"):
        with open(medium, "rb") as file:
            s3.put_object(Bucket=bucket, Key=algorithm, Body=file, ChecksumAlgorithm=algorithm, Metadata={"by": algorithm})
        same(algorithm, s3.get_object(Bucket=bucket, Key=algorithm)["Body"].read(), content(medium))
        print("uploaded with %s" % algorithm)
        expected.append(algorithm)
    return expected


s3.upload_file(medium, bucket, odd)
s3.put_object(Bucket=bucket, Key="deleted", Body=b"deleted")
if mode == "checksums":
    left = checksums()
    s3.delete_object(Bucket=bucket, Key="deleted")
else:
    presigned_urls()
    forms()
    left = [odd, "posted", "presigned"]
try:
    s3.head_object(Bucket=bucket, Key="deleted")
    sys.exit("boto3: not deleted")
except ClientError as error:
    same("deleted", error.response["Error"]["Code"], "404")
# Not with SigV2: for path-style requests about a bucket, boto3 signs /BUCKET/ and sends /BUCKET.
same("list", sorted(item["Key"] for item in connect("s3v4").list_objects_v2(Bucket=bucket)["Contents"]), sorted(left))
print("boto3 %s, %s: good" % (boto3.__version__, mode))
