# SPDX-License-Identifier: Apache-2.0
"""Real clients through each way in: as a workstation with HTTPS_PROXY, and with an endpoint URL over HTTP and over TLS.
Files from nothing to 100 MiB in parts go in and come back the same. $S3ONRAMP_WAYS (blank-separated) names the ways; tests/run --all goes
each of them.

Besides Debian's clients, a newer aws or boto3 found elsewhere in PATH takes part: current versions send their checksums in
trailers. The SDK for JavaScript comes from $S3ONRAMP_NODE_MODULES (made by tests/run)."""
import filecmp
import os
import pathlib
import re
import shutil

import lib

SIZES = {"empty": 0, "1B": 1, "8KiB": 8192, "5MiB": 5 << 20, "large": 24 << 20}  # the last in parts, where a client makes some
HUGE = 100 << 20  # a dozen parts, for one client
WAYS = [way for way in ("forward", "plain", "tls") if way in os.environ.get("S3ONRAMP_WAYS", "forward plain").split()]
NODE_MODULES = os.environ.get("S3ONRAMP_NODE_MODULES")


def setUpModule():
    global ceph, files
    ceph = lib.Ceph()
    lib.Case.proxy = lib.Proxy(ceph.addresses, trailers="decode")
    files = lib.WORK / "files"
    files.mkdir()
    for name, size in SIZES.items():
        (files / name).write_bytes(os.urandom(size))
    huge = lib.WORK / "files-and-huge"
    shutil.copytree(files, huge)
    (huge / "huge").write_bytes(os.urandom(HUGE))


def tearDownModule():
    lib.Case.proxy.stop()
    ceph.close()


def others(program):
    """The same program elsewhere in PATH."""
    found = []
    for folder in os.environ["PATH"].split(":"):
        path = pathlib.Path(folder) / program
        if os.access(path, os.X_OK) and not path.resolve().is_relative_to("/usr/bin") and path.parent != pathlib.Path("/bin"):
            found.append(path)
    return found


def version(text):
    return tuple(int(n) for n in re.findall(r"\d+", text)[:2])


class Clients(lib.Case):
    def environment(self, way, **more):
        environment = lib.clean_environment(AWS_ACCESS_KEY_ID=lib.ALICE[0], AWS_SECRET_ACCESS_KEY=lib.ALICE[1],
                                            AWS_DEFAULT_REGION=lib.REGION, AWS_REGION=lib.REGION, AWS_MAX_ATTEMPTS="1",
                                            AWS_CA_BUNDLE=self.proxy.ca_file, NODE_EXTRA_CA_CERTS=self.proxy.ca_file, **more)
        if way == "forward":
            environment["HTTPS_PROXY"] = environment["https_proxy"] = "http://127.0.0.1:%d" % self.proxy.ports["forward"]
        return environment

    def same_files(self, folder):
        match, mismatch, errors = filecmp.cmpfiles(files, folder, list(SIZES), shallow=False)
        self.assertEqual((mismatch, errors), ([], []))

    def each_way(self, name, exercise):
        for way in WAYS:
            with self.subTest(name, way=way):
                lines = len(self.proxy.access_lines())
                back = lib.WORK / ("back-%s-%s" % (name, way))
                exercise(way, "%s-%s" % (name, way), back)
                self.assertGreater(len(self.proxy.access_lines()), lines, "it did not go through the proxy")
                shutil.rmtree(back, ignore_errors=True)

    # -- aws

    def aws(self, program, name):
        def exercise(way, bucket, back):
            url = [] if way == "forward" else ["--endpoint-url", self.proxy.url(way)]
            environment = self.environment(way)

            def aws(*words, **options):
                return lib.run(program, *words, *url, env=environment, **options)
            aws("s3", "mb", "s3://" + bucket)
            aws("s3", "cp", "--recursive", "--no-progress", files, "s3://%s/dir with space/" % bucket)
            listed = aws("s3", "ls", "--recursive", "s3://" + bucket).stdout
            self.assertEqual(sorted(re.findall(r"(\d+) dir with space/(\S+)", listed)), sorted((str(s), n) for n, s in SIZES.items()))
            aws("s3", "cp", "--recursive", "--no-progress", "s3://%s/dir with space/" % bucket, back)
            self.same_files(back)
            aws("s3", "cp", "s3://%s/dir with space/8KiB" % bucket, "s3://%s/copy+é" % bucket)
            head = aws("s3api", "head-object", "--bucket", bucket, "--key", "copy+é", "--query", "ContentLength").stdout
            self.assertEqual(head.strip(), "8192")
            self.assertNotEqual(aws("s3api", "head-object", "--bucket", bucket, "--key", "missing", check=False).returncode, 0)
            aws("s3", "rb", "--force", "s3://" + bucket)
        self.each_way(name, exercise)

    def test_aws(self):
        self.aws("/usr/bin/aws", "aws")

    def test_newer_aws(self):
        """Newer ones add checksums of their own accord, in trailers over TLS."""
        found = []
        for program in others("aws"):
            result = lib.run(program, "--version", check=False, env=lib.clean_environment())
            number = re.search(r"aws-cli/(\S+)", result.stdout + result.stderr)
            if result.returncode == 0 and number and (1, 32) <= version(number[1]) and not (2, 0) <= version(number[1]) < (2, 20):
                found.append(program)
                self.aws(program, "aws-" + number[1].replace(".", "-"))
        if not found:
            self.skipTest("no newer aws in PATH")

    # -- boto3

    def boto3(self, python, name, folder):
        def exercise(way, bucket, _):
            url = ["--proxy", "http://127.0.0.1:%d" % self.proxy.ports["forward"]] if way == "forward" else \
                  ["--endpoint-url", self.proxy.url(way)]
            lib.run(python, lib.ROOT / "tests/e2e/clients/with_boto3.py", folder, bucket, *url, env=self.environment(way))
        self.each_way(name, exercise)

    def test_boto3(self):
        self.boto3("/usr/bin/python3", "boto3", lib.WORK / "files-and-huge")

    def test_newer_boto3(self):
        found = []
        for python in others("python3"):
            result = lib.run(python, "-c", "import boto3; print(boto3.__version__)", check=False, env=lib.clean_environment())
            if result.returncode == 0 and version(result.stdout) >= (1, 32):
                found.append(python)
                self.boto3(python, "boto3-" + result.stdout.strip().replace(".", "-"), files)
        if not found:
            self.skipTest("no newer boto3 in PATH")

    # -- others

    def test_javascript(self):
        if not NODE_MODULES:
            self.skipTest("S3ONRAMP_NODE_MODULES is not set; tests/run sets it")

        def exercise(way, bucket, _):
            url = "proxy=http://127.0.0.1:%d" % self.proxy.ports["forward"] if way == "forward" else self.proxy.url(way)
            lib.run("node", lib.ROOT / "tests/e2e/clients/with_sdk.js", files, bucket, url,
                    env=self.environment(way, S3ONRAMP_NODE_MODULES=NODE_MODULES))
        self.each_way("javascript", exercise)

    def test_s3cmd(self):
        def exercise(way, bucket, back):
            settings = {"access_key": lib.ALICE[0], "secret_key": lib.ALICE[1], "bucket_location": lib.REGION,
                        "ca_certs_file": self.proxy.ca_file, "use_https": str(way != "plain")}
            if way == "forward":
                settings.update(host_base=lib.S3_NAME, host_bucket="%(bucket)s." + lib.S3_NAME, proxy_host="127.0.0.1",
                                proxy_port=self.proxy.ports["forward"])
            else:
                settings.update(host_base="127.0.0.1:%d" % self.proxy.ports[way], host_bucket="127.0.0.1:%d" % self.proxy.ports[way])
            config = lib.WORK / ("s3cfg-" + way)
            config.write_text(lib.section("default", **settings))

            def s3cmd(*words):
                return lib.run("/usr/bin/s3cmd", "-c", config, "--no-progress", *words, env=self.environment(way)).stdout
            s3cmd("mb", "s3://" + bucket)
            s3cmd("put", "--recursive", str(files) + "/", "s3://%s/dir with space/" % bucket)
            back.mkdir()
            s3cmd("get", "--recursive", "s3://%s/dir with space/" % bucket, str(back) + "/")
            self.same_files(back)
            s3cmd("cp", "s3://%s/dir with space/1B" % bucket, "s3://%s/copy+1" % bucket)
            self.assertIn("copy+1", s3cmd("ls", "s3://" + bucket))
            self.assertIn("File size: 1", s3cmd("info", "s3://%s/copy+1" % bucket))
            s3cmd("rb", "--recursive", "--force", "s3://" + bucket)
        self.each_way("s3cmd", exercise)

    def test_rclone(self):
        def exercise(way, bucket, back):
            remote = {"TYPE": "s3", "ACCESS_KEY_ID": lib.ALICE[0], "SECRET_ACCESS_KEY": lib.ALICE[1], "REGION": lib.REGION,
                      "PROVIDER": "AWS" if way == "forward" else "Ceph", "LOCATION_CONSTRAINT": lib.REGION}
            if way != "forward":
                remote["ENDPOINT"] = self.proxy.url(way)
            environment = self.environment(way, **{"RCLONE_CONFIG_R_" + k: v for k, v in remote.items()})
            del environment["AWS_CA_BUNDLE"]  # this rclone refuses to start with it

            def rclone(*words):
                return lib.run("/usr/bin/rclone", "--config", "/dev/null", "--ca-cert", self.proxy.ca_file, "--retries", "1",
                               "--low-level-retries", "1", *words, env=environment).stdout
            rclone("mkdir", "r:" + bucket)
            rclone("copy", files, "r:%s/dir with space+" % bucket)
            rclone("check", "--download", files, "r:%s/dir with space+" % bucket)
            rclone("copy", "r:%s/dir with space+" % bucket, back)
            self.same_files(back)
            self.assertIn("8192 8KiB", rclone("ls", "r:%s/dir with space+" % bucket))
            rclone("purge", "r:" + bucket)
        self.each_way("rclone", exercise)

    def test_curl(self):
        def exercise(way, bucket, back):
            base = "https://" + lib.S3_NAME if way == "forward" else self.proxy.url(way)
            back.mkdir()

            def curl(target, *words, payload="UNSIGNED-PAYLOAD"):
                return lib.run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--cacert", self.proxy.ca_file, "--aws-sigv4",
                               "aws:amz:%s:s3" % lib.REGION, "--user", "%s:%s" % lib.ALICE, "--header",
                               "x-amz-content-sha256: " + payload, *words, "%s/%s%s" % (base, bucket, target),
                               env=self.environment(way)).stdout
            curl("", "--request", "PUT")
            for name in SIZES:
                curl("/" + name, "--upload-file", files / name)
                curl("/" + name, "--output", back / name)
            self.same_files(back)
            curl("/5MiB", "--range", "100-199", "--output", back / "range")
            self.assertEqual((back / "range").read_bytes(), (files / "5MiB").read_bytes()[100:200])
            self.assertIn("Content-Length: 8192", re.sub("content-length", "Content-Length", curl("/8KiB", "--head")))
            for name in SIZES:
                curl("/" + name, "--request", "DELETE")
            curl("", "--request", "DELETE")
        self.each_way("curl", exercise)

    def test_unsigned_tools(self):
        """A legacy tool that knows neither TLS nor signatures."""
        base = self.proxy.url("legacy") + "/unsigned"
        environment = lib.clean_environment()
        lib.run("/usr/bin/curl", "-sSf", "-X", "PUT", base, env=environment)
        for name in SIZES:
            lib.run("/usr/bin/curl", "-sSf", "-T", files / name, base + "/" + name, env=environment)
            lib.run("/usr/bin/curl", "-sSf", "-o", lib.WORK / "unsigned-copy", base + "/" + name, env=environment)
            self.assertTrue(filecmp.cmp(files / name, lib.WORK / "unsigned-copy", shallow=False), name)
        listed = lib.run("/usr/bin/aws", "s3", "ls", "--no-sign-request", "--endpoint-url", self.proxy.url("legacy"), "s3://unsigned/",
                         env=self.environment("legacy")).stdout
        self.assertEqual(len(listed.splitlines()), len(SIZES))

    def test_access_lines_name_the_private_address(self):
        self.check(self.proxy.request("plain", "GET", "/"), 200)
        lib.wait_until(lambda: any(any(a in str(line) for a in ceph.addresses) for line in self.proxy.access_lines()[-3:]), 5,
                       "an access line with the address")


if __name__ == "__main__":
    lib.main()
