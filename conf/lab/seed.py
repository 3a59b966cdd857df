# SPDX-License-Identifier: Apache-2.0
"""seed: puts the object that the demonstration reads into a new bucket, from S3's own host: no way of the lab is needed.

    seed.py REGION BUCKET ADDRESS CA-FILE      the key pair is in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
"""
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
import s3raw  # noqa: E402

KEY = "measure.bin"
CONTENT = random.Random(1).randbytes(2000000)


def put(address, name, ca_file, target, body, region):
    headers = s3raw.sign("PUT", target, [("Host", name), ("Content-Length", str(len(body)))],
                         (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]), body=body, region=region)
    with s3raw.Connection((address, 443), tls=s3raw.tls_context(ca_file), name=name) as connection:
        connection.send(s3raw.head("PUT", target, headers) + body)
        answer = connection.read_answer("PUT")
    if answer.status != 200:
        raise SystemExit("seed: PUT %s: %r" % (target, answer))


def main():
    region, bucket, address, ca_file = sys.argv[1:]
    name = "s3.%s.amazonaws.com" % region
    put(address, name, ca_file, "/" + bucket, b"", region)
    put(address, name, ca_file, "/%s/%s" % (bucket, KEY), CONTENT, region)


if __name__ == "__main__":
    main()
