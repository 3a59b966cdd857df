# SPDX-License-Identifier: Apache-2.0
"""with_boto2 FOLDER BUCKET KEY ENDPOINT: exercises S3 with boto 2, which signs with SigV2, and fails at the first difference.

FOLDER holds the files small, medium, large; KEY is an odd one. Keys come from the environment. Leaves behind: small, KEY
(medium), copied (medium), large."""
import os
import sys
import tempfile
import urllib.parse
import urllib.request

import boto
import boto.s3.connection

folder, bucket_name, odd, endpoint = sys.argv[1:]
url = urllib.parse.urlsplit(endpoint)
connection = boto.s3.connection.S3Connection(
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], host=url.hostname, port=url.port,
    is_secure=url.scheme == "https", calling_format=boto.s3.connection.OrdinaryCallingFormat())
bucket = connection.get_bucket(bucket_name)


def content(name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def same(what, found, expected):
    if found != expected:
        sys.exit("boto 2: %s: %r, expected %r" % (what, found[:200], expected[:200]))


def store(key, name):
    bucket.new_key(key).set_contents_from_filename(os.path.join(folder, name))


def multipart():
    upload = bucket.initiate_multipart_upload("large")
    with open(os.path.join(folder, "large"), "rb") as file:
        number = 0
        while piece := file.read(5 << 20):
            number += 1
            with tempfile.NamedTemporaryFile() as part:
                part.write(piece)
                part.seek(0)
                upload.upload_part_from_file(part, number)
    upload.complete_upload()


store("small", "small")
store(odd, "medium")
store("deleted", "small")
multipart()
bucket.copy_key("copied", bucket_name, odd)
for key, name in (("small", "small"), (odd, "medium"), ("copied", "medium"), ("large", "large")):
    same(key, bucket.get_key(key).get_contents_as_string(), content(name))
    print("read %s" % key)
bucket.delete_key("deleted")
same("list", sorted(key.name for key in bucket.list()), sorted(["small", odd, "copied", "large"]))
presigned = bucket.get_key(odd).generate_url(300)
if url.scheme == "http":  # urllib's own authority is another matter
    with urllib.request.urlopen(presigned) as answer:
        same("presigned", answer.read(), content("medium"))
    print("read by a presigned URL")
print("boto %s: good" % boto.__version__)
