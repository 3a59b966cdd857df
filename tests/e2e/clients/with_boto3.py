# SPDX-License-Identifier: Apache-2.0
"""with_boto3 FOLDER BUCKET [--endpoint-url URL] [--proxy URL]: exercises S3 with boto3 and fails at the first difference.

FOLDER holds files to store. Keys, Region and authority come from the environment. Run by whatever Python has boto3."""
import argparse
import hashlib
import os
import sys

import boto3
import botocore
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("bucket")
parser.add_argument("--endpoint-url")
parser.add_argument("--proxy")
options = parser.parse_args()
config = Config(retries={"max_attempts": 1}, proxies={"https": options.proxy} if options.proxy else None)
s3 = boto3.client("s3", endpoint_url=options.endpoint_url, config=config)
bucket = options.bucket


def same(what, found, expected):
    if found != expected:
        sys.exit("boto3 %s: %s: %r, expected %r" % (boto3.__version__, what, found, expected))


def fails(what, status, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return same(what, error.response["ResponseMetadata"]["HTTPStatusCode"], status)
    sys.exit("boto3: %s: went through, expected %d" % (what, status))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def round_trips():
    for name in sorted(os.listdir(options.folder)):
        path, copy = os.path.join(options.folder, name), os.path.join(options.folder, "..", "boto3-copy")
        s3.upload_file(path, bucket, name, Config=TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=8 << 20))
        same("size of " + name, s3.head_object(Bucket=bucket, Key=name)["ContentLength"], os.path.getsize(path))
        s3.download_file(bucket, name, copy)
        same("content of " + name, digest(copy), digest(path))
        os.remove(copy)


def ranges_and_conditions():
    body = bytes(range(256)) * 64
    etag = s3.put_object(Bucket=bucket, Key="ranged", Body=body)["ETag"]
    for text, part in (("bytes=0-0", body[:1]), ("bytes=100-299", body[100:300]), ("bytes=-5", body[-5:]), ("bytes=16000-", body[16000:])):
        answer = s3.get_object(Bucket=bucket, Key="ranged", Range=text)
        same(text, answer["Body"].read(), part)
        same(text, answer["ResponseMetadata"]["HTTPStatusCode"], 206)
    fails("range beyond the end", 416, s3.get_object, Bucket=bucket, Key="ranged", Range="bytes=99999-")
    fails("If-None-Match", 304, s3.get_object, Bucket=bucket, Key="ranged", IfNoneMatch=etag)
    fails("If-Match", 412, s3.get_object, Bucket=bucket, Key="ranged", IfMatch='"0"')
    fails("HEAD If-None-Match", 304, s3.head_object, Bucket=bucket, Key="ranged", IfNoneMatch=etag)
    same("If-Match", s3.get_object(Bucket=bucket, Key="ranged", IfMatch=etag)["Body"].read(), body)
    fails("missing object", 404, s3.get_object, Bucket=bucket, Key="missing")
    fails("HEAD of a missing object", 404, s3.head_object, Bucket=bucket, Key="missing")


def metadata_and_tags():
    metadata = {"plain": "value", "odd": "a  b;c,d=\"e\" (f) /g/ +h+ %20 'i'", "empty": "", "long": "x" * 1500}
    s3.put_object(Bucket=bucket, Key="meta", Body=b"m", Metadata=metadata, ContentType="text/plain; charset=\"utf-8\"",
                  CacheControl="max-age=5, private", ContentDisposition="attachment; filename=\"a b.txt\"", ContentEncoding="identity")
    answer = s3.head_object(Bucket=bucket, Key="meta")
    found = {name: " ".join(value.split()) for name, value in answer["Metadata"].items()}
    same("metadata", {n: v for n, v in found.items() if v}, {n: " ".join(v.split()) for n, v in metadata.items() if v})
    same("Content-Type", answer["ContentType"], "text/plain; charset=\"utf-8\"")
    same("Cache-Control", answer["CacheControl"], "max-age=5, private")
    same("Content-Encoding", answer["ContentEncoding"], "identity")
    tags = [{"Key": "project", "Value": "a b+c=d/e@f"}, {"Key": "é", "Value": ""}]
    s3.put_object_tagging(Bucket=bucket, Key="meta", Tagging={"TagSet": tags})
    same("tags", sorted(s3.get_object_tagging(Bucket=bucket, Key="meta")["TagSet"], key=str), sorted(tags, key=str))
    s3.put_object(Bucket=bucket, Key="tagged", Body=b"t", Tagging="a=b%20c&d=e")
    same("x-amz-tagging", len(s3.get_object_tagging(Bucket=bucket, Key="tagged")["TagSet"]), 2)


def copies():
    s3.put_object(Bucket=bucket, Key="dir/source é+ %.txt", Body=b"source")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "dir/source é+ %.txt"})
    same("copy", s3.get_object(Bucket=bucket, Key="copy")["Body"].read(), b"source")


def lists():
    keys = ["list/%03d é+&" % i for i in range(25)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="list/", PaginationConfig={"PageSize": 10}):
        found += [item["Key"] for item in page["Contents"]]
    same("list", found, keys)
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    same("common prefixes", [p["Prefix"] for p in page["CommonPrefixes"]], ["dir/", "list/"])
    same("list of the first version", len(s3.list_objects(Bucket=bucket, Prefix="list/", Marker=keys[4])["Contents"]), 20)
    result = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    same("deleted", len(result["Deleted"]), 25)
    same("errors", result.get("Errors", []), [])


def parts():
    upload = s3.create_multipart_upload(Bucket=bucket, Key="aborted")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="aborted", UploadId=upload, PartNumber=1, Body=b"x" * (5 << 20))
    same("parts", len(s3.list_parts(Bucket=bucket, Key="aborted", UploadId=upload)["Parts"]), 1)
    s3.abort_multipart_upload(Bucket=bucket, Key="aborted", UploadId=upload)
    fails("aborted upload", 404, s3.head_object, Bucket=bucket, Key="aborted")


def clean_up():
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=item["Key"])
    s3.delete_bucket(Bucket=bucket)
    fails("deleted bucket", 404, s3.head_bucket, Bucket=bucket)


s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]})
same("location", s3.get_bucket_location(Bucket=bucket)["LocationConstraint"], os.environ["AWS_DEFAULT_REGION"])
same("buckets", bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]], True)
for step in (round_trips, ranges_and_conditions, metadata_and_tags, copies, lists, parts, clean_up):
    step()
print("boto3 %s, botocore %s: good" % (boto3.__version__, botocore.__version__))
