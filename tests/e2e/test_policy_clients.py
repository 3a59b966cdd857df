# SPDX-License-Identifier: Apache-2.0
"""Real clients whose policy is a prefix, before Ceph: what is below it works, lists included; what is not is refused in AWS's
words; the list of buckets has theirs alone; and whatever deletes across the border deletes nothing beyond it."""
import os
import re

import boto3
import botocore.config
import botocore.exceptions

import lib

TEAM = ("AKIALOCALTEAM0000001", "teamSecret/teamSecret+teamSecret00123456")
KEPT = {"reports": {"2023/x": b"x", "2024": b"a file, not below it", "2024/a": b"a", "2024/deep/b": b"b", "20240/c": b"c"},
        "foreign": {"f": b"f", "2024/a": b"a"}}
NODE_MODULES = os.environ.get("S3ONRAMP_NODE_MODULES")
REFUSED = r"Client team is not authorized to perform %s on arn:aws:s3:::%s because no policy of this proxy allows it"


def client(key):
    return boto3.client("s3", endpoint_url=lib.Case.proxy.url("plain"), region_name=lib.REGION, aws_access_key_id=key[0],
                        aws_secret_access_key=key[1],
                        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}))


def setUpModule():
    global ceph, owner, file
    ceph = lib.Ceph()
    lib.Case.proxy = lib.Proxy(ceph.addresses, trailers="decode", extra=lib.Proxy.client("team", TEAM, "team") + lib.section(
        "policy team", access="read-write", prefixes="reports/2024/*"))
    owner = client(lib.ALICE)
    for bucket, objects in KEPT.items():
        owner.create_bucket(Bucket=bucket)
        for key, body in objects.items():
            owner.put_object(Bucket=bucket, Key=key, Body=body)
    file = lib.WORK / "file"
    file.write_bytes(b"content")


def tearDownModule():
    lib.Case.proxy.stop()
    ceph.close()


class Clients(lib.Case):
    def setUp(self):
        super().setUp()
        self.url = self.proxy.url("plain")
        self.environment = lib.clean_environment(AWS_ACCESS_KEY_ID=TEAM[0], AWS_SECRET_ACCESS_KEY=TEAM[1], AWS_DEFAULT_REGION=lib.REGION,
                                                 AWS_REGION=lib.REGION, AWS_MAX_ATTEMPTS="1")

    def tearDown(self):
        """All that was there is there."""
        super().tearDown()
        for bucket, objects in KEPT.items():
            there = {o["Key"]: o["Size"] for o in owner.list_objects_v2(Bucket=bucket)["Contents"]}
            self.assertEqual({k: len(v) for k, v in objects.items()}, {k: n for k, n in there.items() if k in objects}, bucket)

    def refused(self, action, resource, text):
        self.assertRegex(" ".join(text.split()), REFUSED % (action, re.escape(resource)))

    def test_boto3(self):
        s3 = client(TEAM)

        def refused(action, resource, call, **arguments):
            with self.assertRaises(botocore.exceptions.ClientError) as caught:
                call(**arguments)
            error = caught.exception.response["Error"]
            self.assertEqual(error["Code"], "AccessDenied")
            self.refused(action, resource, error["Message"])
        self.assertEqual([b["Name"] for b in s3.list_buckets()["Buckets"]], ["reports"])
        self.assertEqual([o["Key"] for o in s3.list_objects_v2(Bucket="reports", Prefix="2024/")["Contents"]], ["2024/a", "2024/deep/b"])
        self.assertEqual(s3.get_object(Bucket="reports", Key="2024/a")["Body"].read(), b"a")
        s3.put_object(Bucket="reports", Key="2024/boto3", Body=b"x" * 10, Tagging="a=b")
        upload = s3.create_multipart_upload(Bucket="reports", Key="2024/parts")["UploadId"]
        part = s3.upload_part(Bucket="reports", Key="2024/parts", UploadId=upload, PartNumber=1, Body=b"part")
        s3.complete_multipart_upload(Bucket="reports", Key="2024/parts", UploadId=upload,
                                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        s3.delete_objects(Bucket="reports", Delete={"Objects": [{"Key": "2024/boto3"}, {"Key": "2024/parts"}]})
        refused("s3:GetObject", "reports/2023/x", s3.get_object, Bucket="reports", Key="2023/x")
        refused("s3:GetObject", "reports/2024", s3.get_object, Bucket="reports", Key="2024")
        refused("s3:GetObject", "foreign/2024/a", s3.get_object, Bucket="foreign", Key="2024/a")
        refused("s3:PutObject", "reports/20240/c", s3.put_object, Bucket="reports", Key="20240/c", Body=b"")
        refused("s3:GetObject", "reports/2023/x", s3.copy_object, Bucket="reports", Key="2024/new", CopySource="reports/2023/x")
        refused("s3:PutObject", "reports/2023/new", s3.copy_object, Bucket="reports", Key="2023/new", CopySource="reports/2024/a")
        refused("s3:DeleteObject", "reports/2023/x", s3.delete_objects, Bucket="reports",
                Delete={"Objects": [{"Key": "2024/a"}, {"Key": "2023/x"}]})
        for prefix in ({}, {"Prefix": ""}, {"Prefix": "2024"}, {"Prefix": "2023/"}):
            refused("s3:ListBucket", "reports", s3.list_objects_v2, Bucket="reports", **prefix)
        refused("s3:DeleteBucket", "reports", s3.delete_bucket, Bucket="reports")
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            s3.head_object(Bucket="reports", Key="2023/x")
        self.assertEqual(caught.exception.response["Error"]["Code"], "403")

    def test_aws(self):
        def aws(*words, code=0):
            result = lib.run("/usr/bin/aws", *words, "--endpoint-url", self.url, env=self.environment, check=False)
            self.assertEqual(result.returncode != 0, code != 0, result.stdout + result.stderr)
            return result.stdout + result.stderr
        self.assertEqual([line.split()[-1] for line in aws("s3", "ls").splitlines()], ["reports"])
        self.assertEqual(re.findall(r"(\S+)$", aws("s3", "ls", "s3://reports/2024/"), re.M), ["deep/", "a"])
        aws("s3", "cp", file, "s3://reports/2024/aws/one")
        aws("s3", "mv", "s3://reports/2024/aws/one", "s3://reports/2024/aws/two")
        self.refused("s3:ListBucket", "reports", aws("s3", "ls", "s3://reports/", code=1))
        self.refused("s3:PutObject", "reports/2023/x", aws("s3", "cp", file, "s3://reports/2023/x", code=1))
        for border in ("s3://reports", "s3://reports/", "s3://reports/2", "s3://reports/2023/", "s3://foreign/2024/"):
            aws("s3", "rm", "--recursive", border, code=1)
        self.assertIn("aws/two", aws("s3", "rm", "--recursive", "s3://reports/2024/aws/"))

    def test_rclone(self):
        remote = {"TYPE": "s3", "ACCESS_KEY_ID": TEAM[0], "SECRET_ACCESS_KEY": TEAM[1], "REGION": lib.REGION, "PROVIDER": "Ceph",
                  "ENDPOINT": self.url, "NO_CHECK_BUCKET": "true"}
        environment = lib.clean_environment(**{"RCLONE_CONFIG_R_" + k: v for k, v in remote.items()})

        def rclone(*words, code=0):
            result = lib.run("/usr/bin/rclone", "--config", "/dev/null", "--retries", "1", "--low-level-retries", "1", *words,
                             env=environment, check=False)
            self.assertEqual(result.returncode != 0, code != 0, result.stdout + result.stderr)
            return result.stdout if code == 0 else result.stderr
        self.assertEqual(re.findall(r"(\S+)$", rclone("lsd", "r:"), re.M), ["reports"])
        self.assertEqual(sorted(rclone("lsf", "r:reports/2024").split()), ["a", "deep/"])
        rclone("copyto", file, "r:reports/2024/rclone")
        self.assertEqual(rclone("cat", "r:reports/2024/rclone"), "content")
        rclone("deletefile", "r:reports/2024/rclone")
        self.refused("s3:ListBucket", "reports", rclone("lsf", "r:reports", code=1))
        self.assertIn("403", rclone("copyto", file, "r:reports/2023/new", code=1))  # of HEAD, which has no sentence
        self.assertIn("AccessDenied", rclone("delete", "r:reports", code=1))

    def test_s3cmd(self):
        config, host = lib.WORK / "s3cfg", "127.0.0.1:%d" % self.proxy.ports["plain"]
        config.write_text(lib.section("default", access_key=TEAM[0], secret_key=TEAM[1], bucket_location=lib.REGION, use_https=False,
                                      host_base=host, host_bucket=host, max_retries=1))

        def s3cmd(*words, code=0):
            result = lib.run("/usr/bin/s3cmd", "-c", config, "--no-progress", *words, env=self.environment, check=False)
            self.assertEqual(result.returncode != 0, code != 0, result.stdout + result.stderr)
            return result.stdout + result.stderr
        self.assertEqual(re.findall(r"s3://(\S+)", s3cmd("ls")), ["reports"])
        self.assertIn("s3://reports/2024/a", s3cmd("ls", "s3://reports/2024/"))
        s3cmd("put", file, "s3://reports/2024/s3cmd")
        s3cmd("del", "s3://reports/2024/s3cmd")
        self.refused("s3:ListBucket", "reports", s3cmd("ls", "s3://reports", code=1))
        self.refused("s3:PutObject", "reports/2023/x", s3cmd("put", file, "s3://reports/2023/x", code=1))
        self.refused("s3:ListBucket", "reports", s3cmd("del", "--recursive", "--force", "s3://reports/", code=1))

    def test_javascript(self):
        if not NODE_MODULES:
            self.skipTest("S3ONRAMP_NODE_MODULES is not set; tests/run sets it")
        lib.run("node", lib.ROOT / "tests/e2e/clients/with_policy.js", self.url,
                env={**self.environment, "S3ONRAMP_NODE_MODULES": NODE_MODULES})


if __name__ == "__main__":
    lib.main()
