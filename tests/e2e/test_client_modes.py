# SPDX-License-Identifier: Apache-2.0
"""Each way in which a real client signs, through each way in: SigV2 and SigV4, in the header, in the query (presigned) and in
a form; bodies with a hash, without, in signed chunks, with a checksum at the end.

A client stores files, reads them back, lists, copies, deletes; then the server itself is asked what it holds. How each client
signed is taken from the proxy's access log, and noted on its way (over TLS without the proxy, over HTTP in front of the
proxy); clients.md has a table of it, and a row that does not fit, or that nobody ran, is a failure.

  direct    TLS to the server itself, past the proxy: what the client does by itself
  plain     endpoint listener, HTTP        tls   endpoint listener, TLS
  forward   S3's own names by way of HTTPS_PROXY, TLS ended by the proxy

The columns of the ways that are run are compared; $S3ONRAMP_WAYS (blank-separated) names them, and tests/run --all runs each."""
import concurrent.futures
import filecmp
import functools
import os
import re
import shutil
import subprocess
import time
import xml.etree.ElementTree

import lib
import s3raw
from recorder import Recorder, loopback_certificate

WAYS = ("direct", "plain", "tls", "forward")
CHOSEN = [way for way in WAYS if way in os.environ.get("S3ONRAMP_WAYS", "plain forward").split()]
CLIENTS = lib.ROOT / "tests/e2e/clients"
TABLE = lib.ROOT / "tests/e2e/clients.md"
NODE_MODULES = os.environ.get("S3ONRAMP_NODE_MODULES")
ODD = "dir/ü +&=%~.txt"
SIZES = {"nothing": 0, "small": 11, "medium": 300000, "large": 11 << 20, "huge": 16 << 20}
VETERAN = ("AKIALOCALVETERAN0001", "veteranSecret/veteranSecret+veteranS0123")
seen = {}  # row of the table → way → cell
not_seen = set()  # rows that failed or were left out: reported already


class Way:
    """One way in. argument: what programs in clients/ take; url: of the server as the client sees it."""

    def __init__(self, name, url, ca_file, proxy=None, recorder=None):
        self.name, self.url, self.ca_file, self.proxy, self.recorder = name, url, ca_file, proxy, recorder
        self.argument = "-" if proxy else url
        self.host = url.partition("://")[2]
        self.tls = url.startswith("https:")
        self.bare = name == "direct"  # the server itself, which takes neither trailers nor an empty body in signed chunks
        self.key = None
        self.back = lib.WORK / ("back-" + name)  # where clients put what they read

    def environment(self, **more):
        environment = lib.clean_environment(
            AWS_ACCESS_KEY_ID=self.key[0], AWS_SECRET_ACCESS_KEY=self.key[1], AWS_DEFAULT_REGION=lib.REGION, AWS_REGION=lib.REGION,
            AWS_MAX_ATTEMPTS="1", AWS_CA_BUNDLE=self.ca_file, CURL_CA_BUNDLE=self.ca_file, SSL_CERT_FILE=self.ca_file,
            NODE_EXTRA_CA_CERTS=self.ca_file, PERL_LWP_SSL_CA_FILE=self.ca_file, S3ONRAMP_NODE_MODULES=NODE_MODULES or "", **more)
        if self.proxy:
            environment["HTTPS_PROXY"] = environment["https_proxy"] = self.proxy
        return environment


def make_ways():
    proxy, server = lib.Case.proxy, s3raw.tls_context(lib.certificates() / "ca.pem")
    authority, context = loopback_certificate(lib.WORK)
    direct = Recorder((ceph.addresses[0], 443), server, lib.S3_NAME, context)
    plain = Recorder(proxy.address("plain"))
    return {
        "direct": Way("direct", "https://127.0.0.1:%d" % direct.port, authority, recorder=direct),
        "plain": Way("plain", "http://127.0.0.1:%d" % plain.port, proxy.ca_file, recorder=plain),
        "tls": Way("tls", proxy.url("tls"), proxy.ca_file),
        "forward": Way("forward", "https://" + lib.S3_NAME, proxy.ca_file, proxy="http://127.0.0.1:%d" % proxy.ports["forward"]),
    }


def setUpModule():
    global ceph, files, ways
    ceph = lib.Ceph()
    veteran = lib.section("client veteran", access_key_id=VETERAN[0], secret_access_key=VETERAN[1], policy="allow-all", sigv2="yes")
    lib.Case.proxy = lib.Proxy(ceph.addresses, trailers="decode", extra=veteran)
    files = lib.WORK / "files"
    files.mkdir()
    for name, size in SIZES.items():
        (files / name).write_bytes(os.urandom(size))
    ways = make_ways()


def tearDownModule():
    for way in ways.values():
        if way.recorder:
            way.recorder.close()
    lib.Case.proxy.stop()
    ceph.close()


def contents(bucket):
    """What the server itself says is in there: key → size."""
    answer = ceph.request("GET", "/%s?list-type=2" % bucket)
    assert answer.status == 200, answer.body
    tree = xml.etree.ElementTree.fromstring(answer.body)
    name = tree.tag.partition("}")[0] + "}"
    return {item.find(name + "Key").text: int(item.find(name + "Size").text) for item in tree.iter(name + "Contents")}


def cell(proofs):
    """A cell of the table, from (where the signature is, what SigV4 in a header says about the body of an object or part)."""
    payloads = sorted({payload for _, payload in proofs} - {""})
    return ", ".join(sorted({proof for proof, _ in proofs})) + (": " + ", ".join(payloads) if payloads else "")


def sent(requests):
    """As recorded on the way."""
    return cell([(request.signature(), request.payload() if request.signature() == "sigv4" and request.method == "PUT" and
                  request.has_body() else "") for request in requests])


def understood(lines):
    """As the proxy logged it."""
    return cell([("form" if line["operation"] == "PostObject" else line["auth"],
                  line["payload"] if line["auth"] == "sigv4" and line["operation"] in ("PutObject", "UploadPart") else "")
                 for line in lines])


def is_mounted(place):
    """Without touching it."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        return any(line.split()[1] == str(place) for line in mounts)


@functools.cache
def minio_go_program():
    return lib.go_program("with_minio_go", (CLIENTS / "with_minio_go.go").read_text())


class Clients(lib.Case):
    def run_way(self, row, way, exercise, left):
        """Returns a cell of the table."""
        bucket = re.sub("[^a-z0-9]+", "-", row.lower()).strip("-") + "-" + way.name
        self.check(ceph.request("PUT", "/" + bucket), 200)
        if way.recorder:
            way.recorder.take()
        exercise(way, bucket)
        self.check_stored(bucket, left(way) if callable(left) else left)
        recorded = sent(way.recorder.take()) if way.recorder else None
        if way.name == "direct":
            return recorded
        logged = understood(self.check_log(bucket, way))
        self.assertEqual(recorded or logged, logged)
        return logged

    def each_way(self, row, exercise, left, v2=False, cannot=(), refused=()):
        """exercise(way, bucket) raises if the client is not served well. left: what it leaves behind, key → file, or a
        function of the way. cannot: ways that this client does not know; refused: ways in which the server does not take what it
        sends."""
        seen[row] = dict.fromkeys(cannot, "-")
        not_seen.add(row)
        chosen = [ways[name] for name in CHOSEN if name not in cannot]
        for way in chosen:
            way.key = lib.UPSTREAM_KEY if way.name == "direct" else VETERAN if v2 else lib.ALICE
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = {way: pool.submit(self.run_way, row, way, exercise, left) for way in chosen}
        for way, future in running.items():
            with self.subTest(row, way=way.name):
                if way.name in refused:
                    self.assertIsInstance(future.exception(), AssertionError)
                    seen[row][way.name] = "refused: " + sent(way.recorder.take())
                else:
                    seen[row][way.name] = future.result()
        if set(seen[row]) == set(cannot) | set(CHOSEN):
            not_seen.discard(row)

    def check_stored(self, bucket, left):
        """The bytes, and nothing of the framing they came in."""
        found = contents(bucket)
        if left is not None:
            self.assertEqual(found, {key: (files / name).stat().st_size for key, name in left.items()})
        for key in found:
            answer = ceph.request("GET", "/%s/%s" % (bucket, s3raw.quote_key(key)))
            if left is not None:
                self.assertTrue(answer.body == (files / left[key]).read_bytes(), "%s differs at the server" % key)
            self.assertNotIn("aws-chunked", answer.header("content-encoding") or "", key)
            ceph.request("DELETE", "/%s/%s" % (bucket, s3raw.quote_key(key)))

    def check_log(self, bucket, way):
        """Each request was the client's own, and none ended badly inside."""
        lines = [line for line in self.proxy.access_lines() if line["bucket"] == bucket]
        operations = {line["operation"] for line in lines if line["status"] < 300}
        self.assertTrue(operations & {"PutObject", "PostObject", "UploadPart"}, operations)
        self.assertTrue(operations & {"DeleteObject", "DeleteObjects"}, operations)
        client = "veteran" if way.key is VETERAN else "alice"
        for line in lines:
            self.assertLess(line["status"], 500, line)
            if line["status"] < 300:
                self.assertEqual((line["client"], line["listener"]), (client, way.name), line)
        return lines

    def python(self, program, *words, python="/usr/bin/python3", **options):
        return lib.run(python, CLIENTS / program, *words, **options)

    # -- SigV2 and what goes with it

    def test_boto2(self):
        """It has no way through a proxy that works (CONNECT is sent as text: TypeError)."""
        def exercise(way, bucket):
            self.python("with_boto2.py", files, bucket, ODD, way.url, env=way.environment())
        self.each_way("boto 2.49", exercise, {"small": "small", ODD: "medium", "copied": "medium", "large": "large"}, v2=True,
                      cannot=("forward",))

    def s3cmd(self, row, **options):
        def exercise(way, bucket):
            settings = {"access_key": way.key[0], "secret_key": way.key[1], "bucket_location": lib.REGION,
                        "ca_certs_file": way.ca_file, "use_https": str(way.tls), "signurl_use_https": str(way.tls),
                        "signature_v2": str("v2" in options), "host_base": way.host, "host_bucket": way.host,
                        "multipart_chunk_size_mb": "5"}
            if way.proxy:
                settings.update(host_bucket="%(bucket)s." + way.host, proxy_host="127.0.0.1",
                                proxy_port=way.proxy.rpartition(":")[2])
            config = lib.WORK / ("s3cfg-" + way.name)
            config.write_text(lib.section("default", **settings))
            environment = way.environment()
            back = way.back

            def s3cmd(*words):
                return lib.run("/usr/bin/s3cmd", "-c", config, "--no-progress", *words, env=environment).stdout
            s3cmd("put", files / "small", "s3://%s/small" % bucket)
            s3cmd("put", files / "small", "s3://%s/deleted" % bucket)
            s3cmd("put", files / "medium", "s3://%s/%s" % (bucket, ODD))
            s3cmd("put", files / "large", "s3://%s/large" % bucket)
            s3cmd("cp", "s3://%s/%s" % (bucket, ODD), "s3://%s/copied" % bucket)
            s3cmd("rm", "s3://%s/deleted" % bucket)
            for key, name in ((ODD, "medium"), ("large", "large")):
                s3cmd("get", "--force", "s3://%s/%s" % (bucket, key), back)
                self.assertTrue(filecmp.cmp(back, files / name, shallow=False), key)
            self.assertEqual(len(s3cmd("ls", "--recursive", "s3://" + bucket).splitlines()), 4)
            url = s3cmd("signurl", "s3://%s/%s" % (bucket, ODD), "+60").strip()
            lib.run("/usr/bin/curl", "-sSf", "-o", back, url, env=environment)
            self.assertTrue(filecmp.cmp(back, files / "medium", shallow=False), url)
        self.each_way(row, exercise, {"small": "small", ODD: "medium", "copied": "medium", "large": "large"}, **options)

    def test_s3cmd_v2(self):
        self.s3cmd("s3cmd 2.3, --signature-v2", v2=True)

    def test_s3cmd_v4(self):
        self.s3cmd("s3cmd 2.3")

    def test_libs3(self):
        """It writes a blank in a path as +, and signs that; the proxy reads it as S3 does."""
        def exercise(way, bucket):
            environment = way.environment(S3_ACCESS_KEY_ID=way.key[0], S3_SECRET_ACCESS_KEY=way.key[1], S3_HOSTNAME=way.host)
            back = way.back

            def s3(*words):
                result = lib.run("/usr/bin/s3", "-r", "0", *([] if way.tls else ["-u"]), *words, env=environment)
                self.assertNotIn("ERROR", result.stderr)  # its exit code is 0 then too
                return result.stdout
            for key, name in (("small", "small"), (ODD, "medium"), ("deleted", "small"), ("huge", "huge")):
                s3("put", "%s/%s" % (bucket, key), "filename=%s" % (files / name))
            s3("copy", "%s/small" % bucket, "%s/copied" % bucket)
            s3("delete", "%s/deleted" % bucket)
            for key, name in ((ODD, "medium"), ("huge", "huge")):
                back.unlink(missing_ok=True)
                s3("get", "%s/%s" % (bucket, key), "filename=%s" % back)
                self.assertTrue(filecmp.cmp(back, files / name, shallow=False), key)
            self.assertIn("copied", s3("list", bucket))
            # Without a date the URL would be good for ever, which the proxy's seven days do not allow.
            end = time.strftime("expires=%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2 * 86400))
            url = s3("gqs", "%s/small" % bucket, end).strip()
            lib.run("/usr/bin/curl", "-sSf", "-o", back, url, env=environment)
            self.assertTrue(filecmp.cmp(back, files / "small", shallow=False), url)

        def left(way):
            odd = ODD.replace(" ", "+") if way.name == "direct" else ODD  # the gateway's reading, and S3's
            return {"small": "small", odd: "medium", "copied": "small", "huge": "huge"}
        self.each_way("libs3 2.0, s3", exercise, left, v2=True)

    # -- Go

    def rclone(self, row, **options):
        """With SigV2 it must be told path style: it signs paths without the bucket otherwise. It takes the keys from its own
        settings only then."""
        def exercise(way, bucket):
            plainly = way.proxy and "v2" not in options  # as for S3 itself
            settings = {"type": "s3", "provider": "AWS" if plainly else "Ceph", "access_key_id": way.key[0],
                        "secret_access_key": way.key[1], "region": lib.REGION, "endpoint": "" if plainly else way.url,
                        "v2_auth": str("v2" in options).lower(), "no_check_bucket": "true"}
            environment = way.environment(**{"RCLONE_CONFIG_R_" + name.upper(): value for name, value in settings.items()})
            del environment["AWS_CA_BUNDLE"]  # rclone refuses to start with it
            back = way.back

            def rclone(*words):
                return lib.run("/usr/bin/rclone", "--config", "/dev/null", "--ca-cert", way.ca_file, "--retries", "1",
                               "--low-level-retries", "1", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", *words,
                               env=environment).stdout
            for key, name in (("small", "small"), (ODD, "medium"), ("deleted", "small"), ("large", "large")):
                rclone("copyto", files / name, "r:%s/%s" % (bucket, key))
            rclone("copyto", "r:%s/%s" % (bucket, ODD), "r:%s/copied" % bucket)
            rclone("deletefile", "r:%s/deleted" % bucket)
            for key, name in ((ODD, "medium"), ("large", "large")):
                rclone("copyto", "r:%s/%s" % (bucket, key), back)
                self.assertTrue(filecmp.cmp(back, files / name, shallow=False), key)
                back.unlink()
            self.assertEqual(sorted(rclone("lsf", "--recursive", "--files-only", "r:" + bucket).splitlines()),
                             sorted(["small", ODD, "copied", "large"]))
            if "v2" not in options:  # it presigns with SigV4 only
                url = rclone("link", "--expire", "60s", "r:%s/%s" % (bucket, ODD)).strip()
                lib.run("/usr/bin/curl", "-sSf", "-o", back, url, env=environment)
                self.assertTrue(filecmp.cmp(back, files / "medium", shallow=False), "link")
                back.unlink()
        self.each_way(row, exercise, {"small": "small", ODD: "medium", "copied": "medium", "large": "large"}, **options)

    def test_rclone_v4(self):
        self.rclone("rclone 1.60")

    def test_rclone_v2(self):
        self.rclone("rclone 1.60, v2_auth", v2=True)

    def test_restic(self):
        """Its chunks are signed each; what it stores is its own affair, what it restores must be the same."""
        def exercise(way, bucket):
            environment = way.environment(RESTIC_PASSWORD="secret")
            back = way.back
            back.unlink(missing_ok=True)

            def restic(*words):
                repository = "s3:%s/%s/repository" % (way.url, bucket)
                return lib.run("/usr/bin/restic", "--no-cache", "--cacert", way.ca_file, "-r", repository, *words,
                               env=environment, cwd=files)
            restic("init")
            restic("backup", "small", "medium", "large")
            restic("check")
            restic("restore", "latest", "--target", back)
            self.assertEqual(filecmp.cmpfiles(files, back, ["small", "medium", "large"], shallow=False)[1:], ([], []))
            shutil.rmtree(back)
        self.each_way("restic 0.14", exercise, None)

    def minio_go(self, row, version, **options):
        program = minio_go_program()

        def exercise(way, bucket):
            lib.run(program, files, bucket, ODD, way.argument, version, *(["bare"] if way.bare else []),
                    env=way.environment())
        left = {"small": "small", ODD: "medium", "copied": "medium", "large": "large", "presigned": "small", "posted": "medium"}
        self.each_way(row, exercise, lambda way: left if way.bare else {**left, "empty": "nothing"}, **options)

    def test_minio_go_v4(self):
        self.minio_go("minio-go 7.0.46", "V4")

    def test_minio_go_v2(self):
        self.minio_go("minio-go 7.0.46, SigV2", "V2", v2=True)

    # -- C++ over FUSE

    def s3fs(self, row, **options):
        if not os.path.exists("/dev/fuse"):
            not_seen.add(row)
            self.skipTest("there is no /dev/fuse here, so s3fs cannot mount")

        def exercise(way, bucket):
            place, log = lib.WORK / ("s3fs-" + way.name), lib.WORK / ("s3fs-%s.log" % way.name)
            place.mkdir(exist_ok=True)
            words = ["url=" + way.url, "use_path_request_style", "multipart_size=5", "parallel_count=2"]
            words += ["sigv2"] if "v2" in options else []
            process = subprocess.Popen(["/usr/bin/s3fs", bucket, str(place), "-f", "-o", ",".join(words)], stdin=subprocess.DEVNULL,
                                       stdout=log.open("wb"), stderr=subprocess.STDOUT,
                                       env=way.environment(AWSACCESSKEYID=way.key[0], AWSSECRETACCESSKEY=way.key[1]))
            try:
                lib.wait_until(lambda: is_mounted(place) or process.poll() is not None, 20, "mount")
                if process.poll() is not None:
                    raise AssertionError("s3fs ended: %d\n%s" % (process.returncode, log.read_text(errors="replace")[-3000:]))
                self.python("with_mount.py", files, place, ODD, timeout=120)
            finally:
                if is_mounted(place):
                    lib.run("umount", place, check=False)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    lib.run("umount", "--lazy", place, check=False)
                    process.kill()
                    process.wait()
        left = {"small": "small", "dir/": "nothing", ODD: "medium", "renamed": "medium", "large": "large"}
        self.each_way(row, exercise, left, **options)

    def test_s3fs_v4(self):
        self.s3fs("s3fs 1.90")

    def test_s3fs_v2(self):
        self.s3fs("s3fs 1.90, sigv2", v2=True)

    # -- Python, Ruby, Perl

    def boto3(self, row, mode, left, **options):
        def exercise(way, bucket):
            self.python("with_boto3_modes.py", mode, files, bucket, ODD, way.argument, env=way.environment())
        self.each_way(row, exercise, left, **options)

    def test_boto3_presigned_v4(self):
        self.boto3("boto3 1.26, presigned, s3v4", "s3v4", {ODD: "medium", "posted": "medium", "presigned": "small"})

    def test_boto3_presigned_v2(self):
        self.boto3("boto3 1.26, presigned, s3", "s3", {ODD: "medium", "posted": "medium", "presigned": "small"}, v2=True)

    def test_boto3_checksums(self):
        left = dict.fromkeys([ODD, "CRC32", "CRC32C", "SHA1", "SHA256"], "medium")
        self.boto3("boto3 1.26, ChecksumAlgorithm", "checksums", left, refused=("direct",))

    def test_aws(self):
        """What test_clients.py does not do with it: presigned URLs and checksums."""
        def exercise(way, bucket):
            url = [] if way.proxy else ["--endpoint-url", way.url]
            environment, back = way.environment(), way.back

            def aws(*words):
                return lib.run("/usr/bin/aws", *words, *url, env=environment).stdout
            aws("s3", "cp", files / "medium", "s3://%s/%s" % (bucket, ODD))
            presigned = aws("s3", "presign", "--expires-in", "60", "s3://%s/%s" % (bucket, ODD)).strip()
            lib.run("/usr/bin/curl", "-sSf", "-o", back, presigned, env=environment)
            self.assertTrue(filecmp.cmp(back, files / "medium", shallow=False), "presigned")
            for algorithm in ("CRC32C", "SHA256"):
                aws("s3api", "put-object", "--bucket", bucket, "--key", algorithm, "--body", files / "medium",
                    "--checksum-algorithm", algorithm)
            aws("s3api", "delete-object", "--bucket", bucket, "--key", "SHA256")
        self.each_way("aws 2.9, presign, --checksum-algorithm", exercise, {ODD: "medium", "CRC32C": "medium"}, refused=("direct",))

    def test_ruby(self):
        def exercise(way, bucket):
            lib.run("/usr/bin/ruby", CLIENTS / "with_ruby.rb", files, bucket, ODD, way.argument, env=way.environment())
        self.each_way("aws-sdk-s3 1.117 (Ruby)", exercise, {"small": "small", ODD: "medium", "copied": "medium", "large": "large",
                                                            "presigned": "small", "posted": "medium"})

    def perl(self, row, version, **options):
        def exercise(way, bucket):
            lib.run("/usr/bin/perl", CLIENTS / "with_perl.pl", files, bucket, ODD, way.argument, version, env=way.environment())
        self.each_way(row, exercise, {"small": "small", ODD: "medium", "copied": "small"}, **options)

    def test_perl_v4(self):
        self.perl("Net::Amazon::S3 0.991, V4", "V4")

    def test_perl_v2(self):
        self.perl("Net::Amazon::S3 0.991, V2", "V2", v2=True)

    # -- JavaScript

    def node(self, row, program, left, **options):
        if not NODE_MODULES:
            not_seen.add(row)
            self.skipTest("S3ONRAMP_NODE_MODULES is not set; tests/run sets it")

        def exercise(way, bucket):
            lib.run("node", CLIENTS / program, files, bucket, ODD, way.argument, *(["bare"] if way.bare else []),
                    env=way.environment())
        self.each_way(row, exercise, left, **options)

    def test_javascript(self):
        left, streams = {ODD: "medium", "posted": "medium", "presigned": "small"}, ("CRC32", "CRC32C", "SHA1", "SHA256")
        self.node("AWS SDK for JavaScript 3.888", "with_sdk_modes.js",
                  lambda way: left if way.bare else {**left, **dict.fromkeys(streams, "medium")})

    def test_minio_javascript(self):
        self.node("minio 8.0.7 (JavaScript)", "with_minio.js",
                  {"small": "small", ODD: "medium", "copied": "medium", "large": "large", "presigned": "small", "posted": "medium"})


class Table(lib.Case):
    """Runs after Clients."""

    def test_table_says_what_was_seen(self):
        if not seen:
            self.skipTest("nothing was run")
        rows = {}
        for line in TABLE.read_text().splitlines():
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            if len(cells) == 2 + len(WAYS) and cells[0] != "client" and set(cells[0]) != {"-"}:
                rows[cells[0]] = [cells[1 + i] for i, way in enumerate(WAYS) if way in CHOSEN]
        found = {row: [by_way.get(way, "") for way in CHOSEN] for row, by_way in seen.items()}
        for row in not_seen:
            rows.pop(row, None)
            found.pop(row, None)
        self.assertEqual(rows, found)


if __name__ == "__main__":
    lib.main()
