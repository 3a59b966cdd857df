# SPDX-License-Identifier: Apache-2.0
"""mint_keys.py FOLDER: a credential process. FOLDER/plan.json says what it does: {"lifetime": seconds or null, "sleep":
seconds, "exit": code, "print": text instead of keys, "same": true: the last keys again}. Each call adds a line to
FOLDER/calls; the keys follow from its number, so that who checks them can work them out: keys_of(n, FOLDER's name)."""
import datetime
import fcntl
import hashlib
import json
import os
import sys
import time


def keys_of(n, salt=""):
    def text(what):
        return hashlib.sha256(("%s %d %s" % (what, n, salt)).encode()).hexdigest()
    return "ASIAMINTED%06d" % n, text("secret")[:40], text("token") * 6


def main(folder):
    sys.stderr.write("SECRET-ON-STDERR\n")
    with open(os.path.join(folder, "calls"), "a+") as calls:
        fcntl.flock(calls, fcntl.LOCK_EX)
        calls.seek(0)
        lines = calls.read().splitlines()
        with open(os.path.join(folder, "plan.json")) as file:
            plan = json.load(file)
        now = time.time()
        minted = [line.split() for line in lines if line.split()[1] == "minted"]
        fails = plan.get("exit") or "print" in plan
        expires = now + plan["lifetime"] if plan.get("lifetime") else 0
        n = len(minted)
        if plan.get("same") and minted:
            n, expires = n - 1, float(minted[-1][2])
        calls.write("%.3f %s %.3f\n" % (now, "failed" if fails else "again" if plan.get("same") and minted else "minted", expires))
    time.sleep(plan.get("sleep", 0))
    if "print" in plan:
        sys.stdout.write(plan["print"])
    if fails:
        sys.exit(plan.get("exit", 0))
    key_id, secret, token = keys_of(n, os.path.basename(folder.rstrip("/")))
    answer = {"Version": 1, "AccessKeyId": key_id, "SecretAccessKey": secret, "SessionToken": token}
    if expires:
        end = datetime.datetime.fromtimestamp(expires, datetime.timezone.utc)
        answer["Expiration"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
