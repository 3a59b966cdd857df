# SPDX-License-Identifier: Apache-2.0
"""endpoint_policy: what AWS does at an endpoint and Ceph does not: does the endpoint's policy allow this request? nginx, which
stands before Ceph, asks here for each (auth_request). A policy is a JSON file as on AWS, FOLDER/ENDPOINT.json, read anew for
each request, so that an edit counts at once. Identities and conditions are not known here, and a policy with them denies all.

    endpoint_policy.py SOCKET FOLDER NAME…     listens on the Unix socket; NAMEs are S3's host names, below which buckets are
"""
import http.server
import json
import os
import pathlib
import re
import socketserver
import sys
import urllib.parse
import xml.sax.saxutils

SOCKET, FOLDER, NAMES = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
KNOWN = {"Sid", "Effect", "Principal", "Action", "Resource"}
OF_OBJECT = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}
OF_UPLOAD = {"GET": "ListMultipartUploadParts", "DELETE": "AbortMultipartUpload"}
OF_BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket", "POST": "PutObject"}
VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}
OF_SUBRESOURCE = {"policy": "%sBucketPolicy", "location": "GetBucketLocation", "uploads": "ListBucketMultipartUploads",
                  "versions": "ListBucketVersions", "delete": "DeleteObject", "acl": "%sBucketAcl", "tagging": "%sBucketTagging"}


class CannotJudge(Exception):
    pass


def action_and_resource(method, host, target):
    """As AWS names them: ("s3:GetObject", "arn:aws:s3:::bucket/key")."""
    path, _, query = target.partition("?")
    query = urllib.parse.parse_qs(query, keep_blank_values=True)
    path = urllib.parse.unquote(path)[1:]
    host = host.partition(":")[0].lower()
    inside = [host[:-len(name) - 1] for name in NAMES if host.endswith("." + name)]
    bucket, _, key = (inside[0] + "/" + path if inside else path).partition("/")
    resource = "arn:aws:s3:::" + bucket + ("/" + key if key else "")
    if not bucket:
        return "s3:ListAllMyBuckets", "*"
    if key:
        of_upload = OF_UPLOAD.get(method) if "uploadId" in query else None
        return "s3:" + (of_upload or OF_OBJECT.get(method, "Unknown")), resource
    for name, action in OF_SUBRESOURCE.items():
        if name in query:
            return "s3:" + (action % VERBS.get(method, "Post") if "%" in action else action), resource
    return "s3:" + OF_BUCKET.get(method, "Unknown"), resource


def listed(value):
    return value if isinstance(value, list) else [value]


def matches(patterns, text, flags=0):
    """* and ? as in policies."""
    return any(re.fullmatch(re.escape(p).replace(r"\*", ".*").replace(r"\?", "."), text, flags | re.DOTALL) for p in listed(patterns))


def judge(policy, action, resource):
    """None if it is allowed, else why not, in AWS's words."""
    allowed = False
    for statement in listed(policy["Statement"]):
        strange = set(statement) - KNOWN
        if strange or statement["Principal"] not in ("*", {"AWS": "*"}):
            raise CannotJudge("%s is not known in the lab" % (", ".join(sorted(strange)) or "a Principal other than *"))
        if matches(statement["Action"], action, re.IGNORECASE) and matches(statement["Resource"], resource):
            if statement["Effect"] == "Deny":
                return "with an explicit deny in a VPC endpoint policy"
            allowed = True
    return None if allowed else "because no VPC endpoint policy allows the %s action" % action


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        endpoint = self.headers["X-Endpoint"]
        action, resource = action_and_resource(self.headers["X-Method"], self.headers["X-Host"], self.headers["X-Target"])
        try:
            why = judge(json.loads((FOLDER / (endpoint + ".json")).read_text()), action, resource)
        except (CannotJudge, OSError, ValueError, LookupError, TypeError) as error:
            why = "because the policy of endpoint %s cannot be used: %r" % (endpoint, error)
        self.send_response(403 if why else 204)
        if why:
            text = 'User: arn:aws:iam::000000000000:user/lab is not authorized to perform: %s on resource: "%s" %s' % (action, resource, why)
            text = "".join(c for c in text if c.isprintable())
            self.send_header("X-Why", xml.sax.saxutils.escape(text).encode("ascii", "xmlcharrefreplace").decode())
        self.end_headers()

    def log_message(self, *_):
        pass

    def address_string(self):
        return "nginx"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


os.chdir(pathlib.Path(SOCKET).parent)  # a socket's path is short
server = Server(pathlib.Path(SOCKET).name, Handler)
print("ready", flush=True)
server.serve_forever()
