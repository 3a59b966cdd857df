# SPDX-License-Identifier: Apache-2.0
"""with_boto3_load BUCKET THREADS SLOW [--endpoint-url URL] [--proxy URL]: goes on storing, reading back, looking at and
deleting small objects until its standard input ends, and never tries again by itself; then says how it went, as JSON: what was
done (done), what failed (failed), what came back different (damaged), which conditional writes, which nobody may repeat,
failed (lost), and the longest time that anything took (slowest).

Each key is stored once. Keys, Region and authority come from the environment."""
import argparse
import collections
import hashlib
import json
import sys
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

parser = argparse.ArgumentParser()
parser.add_argument("bucket")
parser.add_argument("threads", type=int)
parser.add_argument("slow", help="a key whose answer takes its time")
parser.add_argument("--endpoint-url")
parser.add_argument("--proxy")
options = parser.parse_args()
s3 = boto3.client("s3", endpoint_url=options.endpoint_url, config=Config(
    retries={"total_max_attempts": 1}, proxies={"https": options.proxy} if options.proxy else None,
    max_pool_connections=options.threads))
only_once = boto3.client("s3", endpoint_url=options.endpoint_url, config=s3.meta.config)
only_once.meta.events.register("before-sign.s3.PutObject", lambda request, **_: request.headers.add_header("If-None-Match", "*"))
ended = threading.Event()
done, failed, damaged, lost, slowest = collections.Counter(), [], [], [], [0]
way = "proxy" if options.proxy else "url"


def body_of(key):
    return hashlib.shake_256(key.encode()).digest(6000)


def attempt(what, call, key, failures=failed, **arguments):
    """What the call returned, or None."""
    started = time.monotonic()
    try:
        return call(Bucket=options.bucket, Key=key, **arguments)
    except (BotoCoreError, ClientError) as error:
        failures.append([key, "%s after %.1f s: %s" % (what, time.monotonic() - started, error)])
    finally:
        done[what] += 1
        slowest[0] = max(slowest[0], time.monotonic() - started)
    return None


def round_of(thread, number):
    key = "%s-%d/%d" % (way, thread, number)
    if not attempt("put", s3.put_object, key, Body=body_of(key)):
        return
    answer = attempt("get", s3.get_object, key)
    try:
        if answer and answer["Body"].read() != body_of(key):
            damaged.append(key)
    except BotoCoreError as error:
        failed.append([key, "reading: %s" % error])
    attempt("head", s3.head_object, key)
    attempt("wait", s3.get_object, options.slow)
    if number % 4 == 0:
        attempt("delete", s3.delete_object, key)
    if number % 2:
        attempt("conditional put", only_once.put_object, "once-" + key, lost, Body=body_of(key))


def work(thread):
    number = 0
    while not ended.is_set():
        number += 1
        round_of(thread, number)


threads = [threading.Thread(target=work, args=(i,)) for i in range(options.threads)]
for one in threads:
    one.start()
sys.stdin.read()
ended.set()
for one in threads:
    one.join()
json.dump({"done": done, "failed": failed, "damaged": damaged, "lost": lost, "slowest": slowest[0]}, sys.stdout)
