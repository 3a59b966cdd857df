# SPDX-License-Identifier: Apache-2.0
"""asked: what a request asks for, read off its raw bytes once more, in plain Python, from AWS's documentation alone: Service
Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide, "Required permissions for
Amazon S3 API operations"; S3 API Reference.

Request(raw, facts).pairs() lists (action without s3:, resource's ARN); then Request.context(pair) has the condition keys,
lower-case → values. facts: client, tags, peer (address), tls (True inside TLS), now (seconds since the epoch); where they are known tls_version ("1.3"), auth_type and
signed_at ("20260615T120000Z").
"""
import base64
import datetime
import re
import urllib.parse
import xml.etree.ElementTree

ANY = "*"  # an operation or a sub-resource without a name here: only s3:* allows it
OBJECT_ARN, BUCKET_ARN = "object", "bucket"

LISTING = "prefix delimiter max-keys encoding-type"
OVERRIDES = ("response-cache-control response-content-disposition response-content-encoding response-content-language "
             "response-content-type response-expires")

# Sub-resources of buckets: name → (GET, PUT, DELETE, POST), what else may stand in the query.
CONFIGURATIONS = {
    "accelerate": ("GetAccelerateConfiguration", "PutAccelerateConfiguration"),
    "acl": ("GetBucketAcl", "PutBucketAcl"),
    "abac": ("GetBucketAbac", "PutBucketAbac"),
    "cors": ("GetBucketCORS", "PutBucketCORS", "PutBucketCORS"),
    "encryption": ("GetEncryptionConfiguration", "PutEncryptionConfiguration", "PutEncryptionConfiguration"),
    "lifecycle": ("GetLifecycleConfiguration", "PutLifecycleConfiguration", "PutLifecycleConfiguration"),
    "location": ("GetBucketLocation",),
    "logging": ("GetBucketLogging", "PutBucketLogging"),
    "metadataConfiguration": ("GetBucketMetadataTableConfiguration", None, "DeleteBucketMetadataTableConfiguration",
                              "CreateBucketMetadataTableConfiguration"),
    "metadataTable": ("GetBucketMetadataTableConfiguration", None, "DeleteBucketMetadataTableConfiguration",
                      "CreateBucketMetadataTableConfiguration"),
    "metadataInventoryTable": (None, "UpdateBucketMetadataInventoryTableConfiguration"),
    "metadataJournalTable": (None, "UpdateBucketMetadataJournalTableConfiguration"),
    "notification": ("GetBucketNotification", "PutBucketNotification"),
    "object-lock": ("GetBucketObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
    "ownershipControls": ("GetBucketOwnershipControls", "PutBucketOwnershipControls", "PutBucketOwnershipControls"),
    "policy": ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"),
    "policyStatus": ("GetBucketPolicyStatus",),
    "publicAccessBlock": ("GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock", "PutBucketPublicAccessBlock"),
    "replication": ("GetReplicationConfiguration", "PutReplicationConfiguration", "PutReplicationConfiguration"),
    "requestPayment": ("GetBucketRequestPayment", "PutBucketRequestPayment"),
    "tagging": ("GetBucketTagging", "PutBucketTagging", "PutBucketTagging"),
    "versioning": ("GetBucketVersioning", "PutBucketVersioning"),
    "website": ("GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"),
    "analytics": ("GetAnalyticsConfiguration", "PutAnalyticsConfiguration", "PutAnalyticsConfiguration"),
    "intelligent-tiering": ("GetIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration",
                            "PutIntelligentTieringConfiguration"),
    "inventory": ("GetInventoryConfiguration", "PutInventoryConfiguration", "PutInventoryConfiguration"),
    "metrics": ("GetMetricsConfiguration", "PutMetricsConfiguration", "PutMetricsConfiguration"),
}
WITH_ID = ("analytics", "intelligent-tiering", "inventory", "metrics")
BUCKET_METHODS = ("GET", "PUT", "DELETE", "POST")

# Sub-resources of objects: (method, name) → actions without and with a versionId (None: none is allowed there).
OBJECT_OPERATIONS = {
    ("GET", "acl"): (["GetObjectAcl"], ["GetObjectVersionAcl"]),
    ("PUT", "acl"): (["PutObjectAcl"], ["PutObjectVersionAcl"]),
    ("GET", "tagging"): (["GetObjectTagging"], ["GetObjectVersionTagging"]),
    ("PUT", "tagging"): (["PutObjectTagging"], ["PutObjectVersionTagging"]),
    ("DELETE", "tagging"): (["DeleteObjectTagging"], ["DeleteObjectVersionTagging"]),
    ("GET", "attributes"): (["GetObject", "GetObjectAttributes"], ["GetObjectVersion", "GetObjectVersionAttributes"]),
    ("GET", "legal-hold"): (["GetObjectLegalHold"], ["GetObjectLegalHold"]),
    ("PUT", "legal-hold"): (["PutObjectLegalHold"], ["PutObjectLegalHold"]),
    ("GET", "retention"): (["GetObjectRetention"], ["GetObjectRetention"]),
    ("PUT", "retention"): (["PutObjectRetention"], ["PutObjectRetention"]),
    ("GET", "torrent"): (["GetObjectTorrent"], ["GetObjectVersionTorrent"]),
    ("PUT", "encryption"): (["UpdateObjectEncryption"], ["UpdateObjectEncryption"]),
    ("POST", "restore"): (["RestoreObject"], ["RestoreObject"]),
}

HEADER_KEYS = """acl grant-full-control grant-read grant-read-acp grant-write grant-write-acp content-sha256 copy-source
metadata-directive server-side-encryption server-side-encryption-aws-kms-key-id server-side-encryption-customer-algorithm
storage-class website-redirect-location object-ownership""".split()


def decoded(text):
    """As S3 does it: a plus is a blank, in paths as well."""
    return urllib.parse.unquote_plus(text, errors="surrogateescape")


def moment(text):
    """Seconds since the epoch of ISO 8601 in UTC."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Request:
    def __init__(self, raw, facts):
        self.facts = facts
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        self.method, self.target, _ = first.split(" ")
        self.headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        authority = self.header("host") or ""
        target = self.target
        if absolute := re.match(r"https?://([^/?]*)", target, re.I):
            authority, target = absolute[1], target[absolute.end():] or "/"
        path, _, query = target.partition("?")
        self.query = []
        for part in query.split("&") if query else []:
            name, _, value = part.partition("=")
            self.query.append((decoded(name), decoded(value)))
        self.find_resource(re.sub(r":\d+$", "", authority).lower().rstrip("."), path)
        self.form = self.read_form()

    def find_resource(self, host, path):
        """Bucket and key, and how their ARN begins."""
        self.arn, self.service, bucket = "arn:aws:s3:::", "s3", None
        suffix = r"\.amazonaws\.com$"
        if match := re.match(r"(.+)-(\d{12})\.s3-accesspoint(?:-fips)?(?:\.dualstack)?\.([a-z0-9-]+)" + suffix, host):
            name, account, region = match.groups()
            self.arn, bucket = "arn:aws:s3:%s:%s:accesspoint/" % (region, account), name
        elif re.search(r"(^|\.)s3-control(-fips)?(\.dualstack)?\.[a-z0-9-]+" + suffix, host):
            self.service = "control"
        elif match := re.match(r"(?:(.+)\.)?(?:s3(?:-fips)?(?:\.dualstack)?\.[a-z0-9-]+|s3|s3-[a-z]+-[a-z]+-\d|s3-external-1"
                               r"|bucket\.vpce-[a-z0-9-]+\.s3\.[a-z0-9-]+\.vpce)" + suffix, host):
            bucket = match[1]
        if bucket is None:
            bucket, _, key = path[1:].partition("/")
            bucket, key = decoded(bucket), decoded(key)
        else:
            key = decoded(path[1:])
        self.bucket, self.key = bucket, key

    # -- parts

    def header(self, name):
        """Its value; what a URL carries for it counts as well (x-amz-… in the query of a presigned URL)."""
        values = [v for n, v in self.headers if n == name]
        return ",".join(values) if values else None

    def said(self, name):
        """A header, or its stand-in in the query or in the form."""
        value = self.header(name)
        if value is None and name.startswith("x-amz-"):
            value = self.parameter(name, fold=True)
        if value is None and self.form is not None:
            value = self.form.get({"x-amz-acl": "acl", "x-amz-tagging": "tagging"}.get(name, name))
        return value

    def parameter(self, name, fold=False):
        for n, v in self.query:
            if n == name or fold and n.lower() == name:
                return v
        return None

    def beside(self, name):
        """What makes no other request of one: signatures, x-id, headers in the query."""
        return name.lower().startswith("x-") or name in ("AWSAccessKeyId", "Signature", "Expires")

    def names(self):
        """Of what counts; one that is there twice is nothing that S3 documents."""
        names = [n for n, v in self.query if not self.beside(n) and (n, v) != ("Version", "2006-03-01")]
        return set(names) | {"twice"} if len(names) > len(set(names)) else set(names)

    def read_form(self):
        """Fields of a browser's form before the file, names in lower case."""
        kind = self.header("content-type") or ""
        if self.method != "POST" or self.key or not kind.lower().startswith("multipart/form-data"):
            return None
        boundary = re.search(r'boundary="?([^";]+)', kind)[1].encode()
        fields = {}
        for part in self.body.split(b"--" + boundary)[1:]:
            head, _, value = part.partition(b"\r\n\r\n")
            name = re.search(rb'[; ]name="([^"]*)"', head)
            if not name:
                continue
            name = name[1].decode().lower()
            if name == "file":
                file = re.search(rb'filename="([^"]*)"', head)
                fields[name] = file[1].decode("utf-8", "surrogateescape").replace("\\", "/").rpartition("/")[2] if file else ""
                break
            fields.setdefault(name, value[:-2].decode("utf-8", "surrogateescape"))
        if "tagging" in fields:
            fields["tagging"] = urllib.parse.urlencode(self.tags_in_xml(fields["tagging"].encode()))
        return fields

    # -- pairs

    def object_arn(self, bucket=None, key=None, arn=None):
        arn, bucket, key = arn or self.arn, bucket or self.bucket, self.key if key is None else key
        return arn + bucket + ("/object/" if "accesspoint" in arn else "/") + key

    def bucket_arn(self):
        return self.arn + self.bucket

    def pairs(self):
        self.versions = {}  # pair → the version that it is about
        pairs, version = self.all_pairs(), self.parameter("versionId") if self.key else None
        for pair in pairs if version is not None else []:
            if pair[0] != ANY:
                self.versions[pair] = version
        return pairs

    def all_pairs(self):
        if self.service == "control":
            return [(ANY, ANY)]
        if not self.bucket:
            return self.pairs_of_service()
        if not self.key:
            return self.pairs_of_bucket()
        return self.pairs_of_object()

    def pairs_of_service(self):
        if self.method == "GET" and self.names() <= {"bucket-region", "continuation-token", "max-buckets", "prefix"}:
            return [("ListAllMyBuckets", ANY)]
        return [(ANY, ANY)]

    def pairs_of_bucket(self):
        names, arn = self.names(), self.bucket_arn()
        for name in names & set(CONFIGURATIONS):
            by_method = dict(zip(BUCKET_METHODS, CONFIGURATIONS[name]))
            rest = names - {name} - ({"id"} if name in WITH_ID else set())
            if self.method == "GET" and name in WITH_ID and "id" not in names:
                rest -= {"continuation-token"}
            if rest or not by_method.get(self.method):
                return self.anything()
            return [(by_method[self.method], arn)]
        if self.method in ("GET", "HEAD") and self.listing(names):
            return [(self.listing(names), arn)]
        if self.method == "PUT" and not names:
            return [(action, arn) for action in self.create_bucket()]
        if self.method == "DELETE" and not names:
            return [("DeleteBucket", arn)]
        if self.method == "POST" and names == {"delete"}:
            return self.delete_objects()
        if self.method == "POST" and not names and self.form is not None:
            return self.post_object()
        return self.anything()

    def anything(self):
        """With what it names, its bucket, and all that is in that."""
        inside = self.arn + self.bucket + ("/object/*" if "accesspoint" in self.arn else "/*")
        own = [(ANY, self.object_arn())] if self.key else []
        return own + [(ANY, self.bucket_arn()), (ANY, inside)]

    def listing(self, names):
        lists = set(LISTING.split())
        if self.method == "GET" and "versions" in names and names <= lists | {"versions", "key-marker", "version-id-marker"}:
            return "ListBucketVersions"
        if self.method == "GET" and "uploads" in names and names <= lists - {"max-keys"} | {
                "uploads", "key-marker", "max-uploads", "upload-id-marker"}:
            return "ListBucketMultipartUploads"
        more = {"list-type", "marker"}
        if self.method == "HEAD" or self.parameter("list-type") == "2":
            more |= {"continuation-token", "fetch-owner", "start-after"}
        return "ListBucket" if names <= lists | more else None

    def create_bucket(self):
        actions = ["CreateBucket"]
        if self.grants():
            actions.append("PutBucketAcl")
        if (self.said("x-amz-bucket-object-lock-enabled") or "").lower() == "true":
            actions += ["PutBucketObjectLockConfiguration", "PutBucketVersioning"]
        if self.said("x-amz-object-ownership") is not None:
            actions.append("PutBucketOwnershipControls")
        return actions

    def grants(self):
        """Rights to others. An ACL that gives none is no ACL here, though S3 asks for s3:PutObjectAcl: many tools always send one."""
        return self.said("x-amz-acl") not in (None, "", "private", "bucket-owner-read", "bucket-owner-full-control") or any(
            self.said("x-amz-grant-" + n) is not None for n in ("full-control", "read", "read-acp", "write", "write-acp"))

    def bypasses(self):
        return (self.said("x-amz-bypass-governance-retention") or "false").lower() != "false"

    def delete_objects(self):
        pairs = []
        for entry in xml.etree.ElementTree.fromstring(self.body):
            if entry.tag.rpartition("}")[2] != "Object":
                continue
            fields = {child.tag.rpartition("}")[2]: child.text or "" for child in entry}
            arn = self.object_arn(key=fields["Key"])
            own = [("DeleteObjectVersion" if fields.get("VersionId") else "DeleteObject", arn)]
            own += [("BypassGovernanceRetention", arn)] * self.bypasses()
            pairs += own
            self.versions.update({pair: fields["VersionId"] for pair in own if fields.get("VersionId")})
        return pairs

    def post_object(self):
        key = self.form.get("key", "").replace("${filename}", self.form.get("file", ""))
        return self.written(self.object_arn(key=key))

    def written(self, arn):
        """What else a new object needs, by what its headers ask for."""
        actions = ["PutObject"]
        if self.grants():
            actions.append("PutObjectAcl")
        if self.said("x-amz-tagging") is not None or self.takes_tags_along():
            actions.append("PutObjectTagging")
        if self.said("x-amz-object-lock-mode") is not None or self.said("x-amz-object-lock-retain-until-date") is not None:
            actions.append("PutObjectRetention")
        if self.said("x-amz-object-lock-legal-hold") is not None:
            actions.append("PutObjectLegalHold")
        return [(action, arn) for action in actions]

    def takes_tags_along(self):
        """CopyObject does unless it is told not to."""
        return (self.said("x-amz-copy-source") is not None and "uploadId" not in self.names() and
                self.said("x-amz-tagging-directive") != "REPLACE")

    def copied(self):
        """The pairs of the copy's source, if it is one; two sources are nothing that S3 knows. A plus in it may be a blank or not: both
        must be allowed."""
        if self.said("x-amz-copy-source") is None:
            return []
        if sum(n == "x-amz-copy-source" for n, _ in self.headers) > 1:
            return self.anything()
        path = self.said("x-amz-copy-source").partition("?")[0]
        sources = {urllib.parse.unquote(path, errors="surrogateescape"), decoded(path)}
        arns = [s if s.startswith("arn:") else "arn:aws:s3:::" + s.removeprefix("/") for s in sources]
        version = "Version" if self.source_version() else ""
        actions = ["GetObject" + version]
        if self.takes_tags_along():
            actions.append("GetObject%sTagging" % version)
        pairs = [(action, arn) for action in actions for arn in arns]
        if version:
            self.versions.update({pair: self.source_version() for pair in pairs})
        return pairs

    def renamed(self):
        """S3 has no action of its own for it: it takes one object away and makes another one of it."""
        source = "arn:aws:s3:::" + decoded(self.said("x-amz-rename-source")).removeprefix("/")
        return [("GetObject", source), ("DeleteObject", source)]

    def source_version(self):
        query = self.said("x-amz-copy-source").partition("?")[2]
        for part in query.split("&"):
            name, _, value = part.partition("=")
            if name == "versionId":
                return decoded(value)
        return None

    def pairs_of_object(self):
        names, arn = self.names(), self.object_arn()
        version = self.parameter("versionId")
        if "uploadId" in names or self.method == "POST" and names == {"uploads"}:
            return self.multipart(names, arn)
        for name in names:
            if actions := OBJECT_OPERATIONS.get((self.method, name)):
                if names - {name, "versionId"}:
                    return self.anything()
                pairs = [(action, arn) for action in actions[version is not None]]
                if name == "retention" and self.method == "PUT" and self.bypasses():
                    pairs.append(("BypassGovernanceRetention", arn))
                return pairs
        if self.method in ("GET", "HEAD") and names <= {"partNumber", "versionId"} | set(OVERRIDES.split()):
            return [("GetObject" if version is None else "GetObjectVersion", arn)]
        if self.method == "DELETE" and names <= {"versionId"}:
            return self.deleted(arn, version)
        if self.method == "PUT" and not names:
            return self.copied() + self.written(arn)
        if self.method == "PUT" and names == {"renameObject"}:
            return self.renamed() + [("PutObject", arn)]
        if self.method == "POST" and names >= {"select", "select-type"} and names <= {"select", "select-type", "versionId"}:
            return [("GetObject" if version is None else "GetObjectVersion", arn)]
        return self.anything()

    def deleted(self, arn, version):
        pairs = [("DeleteObject" if version is None else "DeleteObjectVersion", arn)]
        if self.bypasses():
            pairs.append(("BypassGovernanceRetention", arn))
        return pairs

    def multipart(self, names, arn):
        if self.method == "POST" and names == {"uploads"}:
            return self.written(arn)
        if self.method == "PUT" and names == {"uploadId", "partNumber"}:
            return self.copied() + [("PutObject", arn)]
        if names == {"uploadId"} and self.method in ("POST", "DELETE"):
            return [("PutObject" if self.method == "POST" else "AbortMultipartUpload", arn)]
        if self.method == "GET" and names <= {"uploadId", "encoding-type", "max-parts", "part-number-marker"}:
            return [("ListMultipartUploadParts", arn)]
        return self.anything()

    # -- condition keys

    def tags_in_xml(self, text):
        out = []
        for element in xml.etree.ElementTree.fromstring(text).iter():
            if element.tag.rpartition("}")[2] == "Tag":
                fields = {child.tag.rpartition("}")[2]: child.text or "" for child in element}
                out.append((fields["Key"], fields["Value"]))
        return out

    def new_tags(self):
        if (text := self.said("x-amz-tagging")) is not None:
            return urllib.parse.parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
        if self.method == "PUT" and self.key and self.names() <= {"tagging", "versionId"} and "tagging" in self.names():
            return self.tags_in_xml(self.body)
        return []

    def source(self):
        """In one spelling: BUCKET/KEY."""
        value = self.said("x-amz-copy-source")
        return None if value is None else urllib.parse.unquote(value.partition("?")[0], errors="surrogateescape").removeprefix("/")

    def context(self, pair):
        """What it says of itself where that pair is decided."""
        facts, out = self.facts, {}

        def put(key, value):
            if value is not None:
                out.setdefault(key.lower(), []).append(value)
        put("aws:CurrentTime", datetime.datetime.fromtimestamp(facts["now"], datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))
        put("aws:EpochTime", str(facts["now"]))
        put("aws:SourceIp", facts["peer"])
        put("aws:SecureTransport", "true" if facts["tls"] else "false")
        put("s3:TlsVersion", facts.get("tls_version"))
        put("s3:authType", facts.get("auth_type"))
        if facts.get("signed_at"):
            signed = datetime.datetime.strptime(facts["signed_at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
            put("s3:signatureAge", str(max(0, facts["now"] - int(signed.timestamp())) * 1000))
        put("aws:username", facts["client"])
        for name, value in facts.get("tags", {}).items():
            put("aws:PrincipalTag/" + name, value)
        put("aws:Referer", self.header("referer"))
        put("aws:UserAgent", self.header("user-agent"))
        for name in HEADER_KEYS:
            put("s3:x-amz-" + name, self.source() if name == "copy-source" else self.said("x-amz-" + name))
        put("s3:object-lock-mode", self.said("x-amz-object-lock-mode"))
        put("s3:object-lock-retain-until-date", self.said("x-amz-object-lock-retain-until-date"))
        put("s3:object-lock-legal-hold", self.said("x-amz-object-lock-legal-hold"))
        put("s3:if-match", self.header("if-match"))
        put("s3:if-none-match", self.header("if-none-match"))
        if not self.key:
            put("s3:prefix", self.parameter("prefix"))
            put("s3:delimiter", self.parameter("delimiter"))
            put("s3:max-keys", self.parameter("max-keys"))
        put("s3:VersionId", self.versions.get(pair))
        for name, value in self.new_tags():
            put("s3:RequestObjectTag/" + name, value)
            put("s3:RequestObjectTagKeys", name)
        return out
