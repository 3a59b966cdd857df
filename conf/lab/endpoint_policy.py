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

KNOWN = {"Sid", "Effect", "Principal", "Action", "Resource"}
OF_OBJECT = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}
OF_UPLOAD = {"GET": "ListMultipartUploadParts", "DELETE": "AbortMultipartUpload"}
OF_BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket", "POST": "PutObject"}
VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}
OF_SUBRESOURCE = {"policy": "%sBucketPolicy", "location": "GetBucketLocation", "uploads": "ListBucketMultipartUploads",
                  "versions": "ListBucketVersions", "delete": "DeleteObject", "acl": "%sBucketAcl", "tagging": "%sBucketTagging"}


class CannotJudge(Exception):
    pass


def action_and_resource(method, host, target, names):
    """As AWS names them: ("s3:GetObject", "arn:aws:s3:::bucket/key"). What is not known here, only s3:* and * mean."""
    path, _, query = target.partition("?")
    asked = {part.partition("=")[0] for part in query.split("&")}
    strange = {part for part in query.split("&") if part and "=" not in part} - set(OF_SUBRESOURCE)
    path = urllib.parse.unquote(path)[1:]
    host = host.partition(":")[0].lower()
    inside = [host[:-len(name) - 1] for name in names if host.endswith("." + name)]
    bucket, _, key = (inside[0] + "/" + path if inside else path).partition("/")
    resource = "arn:aws:s3:::" + bucket + ("/" + key if key else "")
    if not bucket:
        return "s3:ListAllMyBuckets", "*"
    if strange or (key and asked & set(OF_SUBRESOURCE) - {"uploads"}):
        return "s3:Unknown", resource
    if key:
        of_upload = OF_UPLOAD.get(method) if "uploadId" in asked else None
        return "s3:" + (of_upload or OF_OBJECT.get(method, "Unknown")), resource
    for name, action in OF_SUBRESOURCE.items():
        if name in asked:
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
        strange = sorted(set(statement) - KNOWN)
        if statement["Principal"] not in ("*", {"AWS": "*"}):
            strange.append("a Principal other than *")
        if statement["Effect"] not in ("Allow", "Deny"):
            strange.append("an Effect other than Allow and Deny")
        if strange:
            raise CannotJudge("the lab does not know " + ", ".join(strange))
        if matches(statement["Action"], action, re.IGNORECASE) and matches(statement["Resource"], resource):
            if statement["Effect"] == "Deny":
                return "with an explicit deny in a VPC endpoint policy"
            allowed = True
    return None if allowed else "because no VPC endpoint policy allows the %s action" % action


def load(path, action, resource):
    """As judge(), of the file; what cannot be used allows nothing."""
    try:
        return judge(json.loads(path.read_text()), action, resource)
    except (CannotJudge, OSError, ValueError, LookupError, TypeError) as error:
        return "because the policy %s cannot be used: %r" % (path.name, error)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ask = self.headers
        action, resource = action_and_resource(ask["X-Method"], ask["X-Host"], ask["X-Target"], self.server.names)
        why = load(self.server.folder / (ask["X-Endpoint"] + ".json"), action, resource)
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


def main():
    socket, folder, *names = sys.argv[1:]
    os.chdir(pathlib.Path(socket).parent)  # a socket's path is short
    server = Server(pathlib.Path(socket).name, Handler)
    server.folder, server.names = pathlib.Path(folder), names
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
