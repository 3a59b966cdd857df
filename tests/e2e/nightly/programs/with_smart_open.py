# SPDX-License-Identifier: Apache-2.0
"""with_smart_open: FILES BUCKET URL CA PROXY REGION: writes (in parts), reads in ranges, lists, deletes."""
import sys

import boto3
from smart_open import open, s3

files, bucket, url, _, proxy, _ = sys.argv[1:]
client = boto3.client("s3", **({} if proxy != "-" else {"endpoint_url": url}))
options = {"client": client, "min_part_size": 5 << 20}
for name in ("small", "medium", "large"):
    data = open("%s/%s" % (files, name), "rb").read()
    place = "s3://%s/dir/%s +ü" % (bucket, name)
    with open(place, "wb", transport_params=options) as out:
        out.write(data)
    with open(place, "rb", transport_params={"client": client}) as back:
        assert back.read() == data, name
        back.seek(-5, 2)
        assert back.read() == data[-5:], name
listed = [key for key, _ in s3.iter_bucket(bucket, prefix="dir/", workers=1, **({} if proxy != "-" else {"session_kwargs": {}}))] \
    if proxy != "-" else [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
assert sorted(listed) == ["dir/%s +ü" % name for name in ("large", "medium", "small")], listed
for key in listed:
    client.delete_object(Bucket=bucket, Key=key)
