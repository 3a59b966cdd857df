# SPDX-License-Identifier: Apache-2.0
"""Programs that keep their data in S3: each stores, reads back, lists and deletes what it is made for, through each way in that it
can take, to a real S3 server. Long, and with many packages: `tests/run --all` only.

  plain     endpoint listener, HTTP        tls   endpoint listener, TLS
  forward   S3's own names by way of HTTPS_PROXY, TLS ended by the proxy

How each signed is taken from the proxy's access log; the second table of clients.md says it, and a row that does not fit, or that
nobody ran, is a failure. A tool that is not installed is left out, and told."""
import contextlib
import filecmp
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import lib  # noqa: E402
import s3raw  # noqa: E402

WAYS = ("plain", "tls", "forward")
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
TABLE = lib.ROOT / "tests/e2e/clients.md"
VETERAN = ("AKIALOCALVETERAN0001", "veteranSecret/veteranSecret+veteranS0123")
seen = {}  # row of the table → way → cell
left_out = set()


class Way:
    """One way in. url: of the server as the tool sees it; proxy: URL, or None. named: an endpoint listener that is called by name,
    for tools that put the bucket before it, or that compare names of certificates only: any name below localhost leads here."""

    def __init__(self, name, named=False):
        proxy = lib.Case.proxy
        self.listener = "named-" + name if named and name != "forward" else name
        self.name, self.tls, self.ca_file = name, name != "plain", proxy.ca_file
        self.proxy = "http://127.0.0.1:%d" % proxy.ports["forward"] if name == "forward" else None
        self.host = lib.S3_NAME if self.proxy else "localhost" if named else "127.0.0.1"
        self.port = 443 if self.proxy else proxy.ports[self.listener]
        self.authority = self.host if self.proxy else "%s:%d" % (self.host, self.port)
        self.url = "%s://%s" % ("https" if self.tls else "http", self.authority)
        self.key = lib.ALICE

    def environment(self, **more):
        environment = lib.clean_environment(
            AWS_ACCESS_KEY_ID=self.key[0], AWS_SECRET_ACCESS_KEY=self.key[1], AWS_DEFAULT_REGION=lib.REGION, AWS_REGION=lib.REGION,
            AWS_CA_BUNDLE=self.ca_file, CURL_CA_BUNDLE=self.ca_file, SSL_CERT_FILE=self.ca_file, PERL_LWP_SSL_CA_FILE=self.ca_file,
            REQUESTS_CA_BUNDLE=self.ca_file, **more)
        if self.proxy:
            environment["HTTPS_PROXY"] = environment["https_proxy"] = self.proxy
        return environment


def setUpModule():
    global ceph, ways, files
    ceph = lib.Ceph()
    veteran = lib.section("client veteran", access_key_id=VETERAN[0], secret_access_key=VETERAN[1], policy="all", sigv2="yes")
    lib.Case.proxy = lib.Proxy(ceph.addresses, trailers="decode", extra=veteran + lib.section("policy all", access="admin"), listeners={
        "named-plain": dict(mode="endpoint", names="localhost"), "named-tls": dict(mode="endpoint", tls="on", names="localhost")})
    ways = {(name, named): Way(name, named) for name in WAYS for named in (False, True)}
    files = lib.WORK / "files"
    files.mkdir()
    for name, size in (("small", 11), ("medium", 300000), ("large", 11 << 20)):
        (files / name).write_bytes(os.urandom(size))


def tearDownModule():
    lib.Case.proxy.stop()
    ceph.close()


def cell(lines):
    """As in test_client_modes.py: where the signature is, and what SigV4 in a header says about the body of an object or part."""
    payloads = {line["payload"] for line in lines
                if line["auth"] == "sigv4" and line["operation"] in ("PutObject", "UploadPart")} - {""}
    return ", ".join(sorted({line["auth"] for line in lines})) + (": " + ", ".join(sorted(payloads)) if payloads else "")


class Tools(lib.Case):
    def tool(self, row, program, exercise, can=WAYS, reads=True, deletes=True, v2=False, named=False):
        """exercise(way, bucket, folder) raises if the tool is not served well."""
        if not (shutil.which(program) or os.path.exists(program)):
            left_out.add(row)
            self.skipTest("%s is not installed; tests/run --all installs it" % program)
        seen[row] = dict.fromkeys(set(WAYS) - set(can), "-")
        for name in can:
            with self.subTest(row, way=name):
                way = ways[name, named]
                way.key = VETERAN if v2 else lib.ALICE
                bucket = re.sub("[^a-z0-9]+", "-", row.lower()).strip("-") + "-" + name
                self.check(ceph.request("PUT", "/" + bucket), 200)
                folder = lib.WORK / bucket
                folder.mkdir()
                exercise(way, bucket, folder)
                lines = [line for line in self.proxy.access_lines() if line["bucket"] == bucket]
                good = {line["operation"] for line in lines if line["status"] < 300}
                self.assertTrue(good & {"PutObject", "UploadPart"}, good)
                if reads:
                    self.assertIn("GetObject", good)
                if deletes:
                    self.assertTrue(good & {"DeleteObject", "DeleteObjects"}, good)
                self.assertEqual([line for line in lines if line["status"] >= 500 or line["listener"] != way.listener], [])
                seen[row][name] = cell([line for line in lines if line["status"] < 300])

    def same(self, name, path):
        self.assertTrue(filecmp.cmp(files / name, path, shallow=False), "%s differs" % path)

    # -- container images and packages

    def test_docker_registry(self):
        def exercise(way, bucket, folder):
            port, config = lib.free_port(), folder / "config.yml"
            s3 = {"accesskey": way.key[0], "secretkey": way.key[1], "region": lib.REGION, "bucket": bucket, "secure": way.tls,
                  "v4auth": True, "chunksize": 5 << 20}
            if not way.proxy:
                s3["regionendpoint"] = way.url
            config.write_text(json.dumps({"version": "0.1", "log": {"level": "warn"}, "http": {"addr": "127.0.0.1:%d" % port},
                                          "storage": {"s3": s3, "delete": {"enabled": True}, "redirect": {"disable": True}}}))
            environment = way.environment()
            del environment["AWS_CA_BUNDLE"]  # it ends at once with it
            with serving(["docker-registry", "serve", config], environment, folder / "log", port):
                data = (files / "large").read_bytes()
                digest = "sha256:" + hashlib.sha256(data).hexdigest()

                def ask(method, target, status, body=None):
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
                    connection.request(method, target, body, {"Content-Type": "application/octet-stream"})
                    answer = connection.getresponse()
                    text = answer.read()
                    self.assertEqual(answer.status, status, text[:500])
                    return answer, text
                where = ask("POST", "/v2/image/blobs/uploads/", 202)[0].headers["Location"].partition("127.0.0.1:%d" % port)[2]
                ask("PUT", where + "&digest=" + digest, 201, data)
                self.assertTrue(ask("GET", "/v2/image/blobs/" + digest, 200)[1] == data)
                ask("DELETE", "/v2/image/blobs/" + digest, 202)
                ask("GET", "/v2/image/blobs/" + digest, 404)
        self.tool("docker-registry 2.8", "docker-registry", exercise)

    def test_aptly(self):
        def exercise(way, bucket, folder):
            control = folder / "package/DEBIAN"
            control.mkdir(parents=True)
            (control / "control").write_text("Package: hello\nVersion: 1+1\nArchitecture: all\nMaintainer: x <x@example.com>\n"
                                             "Description: one\n")
            lib.run("dpkg-deb", "--build", "--root-owner-group", folder / "package", folder / "hello_1+1_all.deb")
            config = folder / "aptly.conf"
            config.write_text(json.dumps({"rootDir": str(folder / "root"), "gpgDisableSign": True, "S3PublishEndpoints": {"p": {
                "region": lib.REGION, "bucket": bucket, "endpoint": "" if way.proxy else way.url, "awsAccessKeyID": way.key[0],
                "awsSecretAccessKey": way.key[1], "acl": "none"}}}))

            def aptly(*words):
                return lib.run("aptly", "-config=%s" % config, *words, env=way.environment())
            aptly("repo", "create", "r")
            aptly("repo", "add", "r", folder / "hello_1+1_all.deb")
            aptly("publish", "repo", "-skip-signing", "-distribution=one", "-architectures=all", "r", "s3:p:")
            stored = ceph.request("GET", "/%s/pool/main/h/hello/%s" % (bucket, s3raw.quote_key("hello_1+1_all.deb")))
            self.assertEqual(stored.body, (folder / "hello_1+1_all.deb").read_bytes())
            aptly("publish", "update", "-skip-signing", "one", "s3:p:")
            aptly("publish", "drop", "one", "s3:p:")
        self.tool("aptly 1.5", "aptly", exercise, reads=False)

    # -- backups

    def test_pgbackrest(self):
        if not os.path.exists("/usr/lib/postgresql/15/bin/initdb"):
            left_out.add("pgBackRest 2.45")
            self.skipTest("postgresql-15 is not installed")

        def exercise(way, bucket, folder):
            shutil.chown(folder, "postgres")

            def as_postgres(*words):
                return lib.run("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words,
                               env=lib.clean_environment(), cwd=folder)
            data, back = folder / "data", folder / "back"
            as_postgres("/usr/lib/postgresql/15/bin/initdb", "--no-sync", "--data-checksums", "-D", data)
            config = folder / "pgbackrest.conf"
            config.write_text(lib.section("global", **{
                "repo1-type": "s3", "repo1-path": "/repository", "repo1-s3-bucket": bucket, "repo1-s3-endpoint": way.host,
                "repo1-s3-region": lib.REGION, "repo1-s3-key": way.key[0], "repo1-s3-key-secret": way.key[1],
                "repo1-s3-uri-style": "path", "repo1-storage-port": way.port, "repo1-storage-ca-file": way.ca_file,
                "repo1-retention-full": 1, "log-level-file": "off", "lock-path": folder / "lock", "spool-path": folder / "spool"}) +
                lib.section("demo", **{"pg1-path": data}))

            def pgbackrest(*words):
                return as_postgres("pgbackrest", "--config=%s" % config, "--stanza=demo", *words).stdout
            pgbackrest("stanza-create", "--no-online")
            pgbackrest("backup", "--no-online", "--type=full")
            self.assertIn("full backup: ", pgbackrest("info"))
            pgbackrest("restore", "--pg1-path=%s" % back, "--type=none")
            self.assertTrue(filecmp.cmp(data / "base/1/PG_VERSION", back / "base/1/PG_VERSION", shallow=False))
            self.assertEqual(sorted(os.listdir(data / "base/1")), sorted(os.listdir(back / "base/1")))
            pgbackrest("stop")
            pgbackrest("stanza-delete", "--force")
        self.tool("pgBackRest 2.45", "pgbackrest", exercise, can=("tls",), named=True)

    def test_barman_cloud(self):
        def exercise(way, bucket, folder):
            wal, back = folder / "000000010000000000000001", folder / "back"
            wal.write_bytes(os.urandom(16 << 20))
            url = [] if way.proxy else ["--endpoint-url", way.url]
            place = ["s3://%s/wal archive" % bucket, "server"]
            lib.run("barman-cloud-check-wal-archive", *url, *place, env=way.environment())
            lib.run("barman-cloud-wal-archive", *url, *place, wal, env=way.environment())
            lib.run("barman-cloud-wal-restore", *url, *place, wal.name, back, env=way.environment())
            self.assertTrue(filecmp.cmp(wal, back, shallow=False))
            self.assertNotEqual(lib.run("barman-cloud-check-wal-archive", *url, *place, env=way.environment(),
                                        check=False).returncode, 0)  # it finds the segment
        self.tool("barman-cloud 3.4", "barman-cloud-wal-archive", exercise, deletes=False)

    def test_duplicity(self):
        def exercise(way, bucket, folder):
            url = [] if way.proxy else ["--s3-endpoint-url", way.url]
            place = "boto3+s3://%s/backup" % bucket
            environment = way.environment(PASSPHRASE="")

            def duplicity(*words):
                return lib.run("duplicity", *words[:1], "--no-encryption", "--archive-dir", folder / "archive", "--num-retries", "1",
                               *url, *words[1:], env=environment).stdout
            duplicity("full", "--volsize", "4", files, place)
            self.assertIn("Number of contained backup sets: 1", duplicity("collection-status", place))
            self.assertIn("medium", duplicity("list-current-files", place))
            duplicity("restore", place, folder / "back")
            for name in ("small", "medium", "large"):
                self.same(name, folder / "back" / name)
            duplicity("full", files, place)
            duplicity("remove-all-but-n-full", "1", "--force", place)
            self.assertIn("Number of contained backup sets: 1", duplicity("collection-status", place))
        self.tool("duplicity 0.8, boto3", "duplicity", exercise)

    # -- files, blocks, tables

    def test_s3backer(self):
        if not os.path.exists("/dev/fuse"):
            left_out.add("s3backer 1.5")
            self.skipTest("there is no /dev/fuse here")

        def exercise(way, bucket, folder):
            words = ["--baseURL=%s/" % way.url, "--accessId=" + way.key[0], "--accessKey=" + way.key[1], "--region=" + lib.REGION,
                     "--blockSize=64k", "--size=4M", "--cacert=%s" % way.ca_file, "--quiet", "--timeout=60"]
            place, data = folder / "place", os.urandom(1 << 20)
            place.mkdir()
            for step in ("write", "read"):
                with mounted(["s3backer", "-f", *words, bucket, place], way.environment(), folder / (step + ".log"), place):
                    with (place / "file").open("r+b") as file:
                        file.seek(3 << 16)
                        if step == "write":
                            file.write(data)
                        else:
                            self.assertTrue(file.read(1 << 20) == data, "differs")
            lib.run("s3backer", "--erase", "--force", *words, bucket, env=way.environment())
        self.tool("s3backer 1.5", "s3backer", exercise, named=True)

    def test_nbdkit(self):
        def exercise(way, bucket, folder):
            image, back = folder / "image", folder / "back"
            image.write_bytes(os.urandom(512 << 10) + bytes(256 << 10))
            url = [] if way.proxy else ["endpoint-url=" + way.url]

            def nbdkit(command):
                lib.run("nbdkit", "-U", "-", "--filter=blocksize", "S3", "access-key=" + way.key[0], "secret-key=" + way.key[1], *url,
                        "size=768K", "object-size=64k", "maxdata=64k", "bucket=" + bucket, "key=disk", "--run", command,
                        env=way.environment())
            nbdkit("nbdcopy --request-size=65536 %s \"$uri\"" % image)
            nbdkit("nbdcopy --request-size=65536 \"$uri\" %s" % back)
            self.assertTrue(filecmp.cmp(image, back, shallow=False))
            empty = folder / "empty"
            empty.write_bytes(bytes(768 << 10))
            nbdkit("nbdcopy --request-size=65536 %s \"$uri\"" % empty)  # zeros are deleted objects
        self.tool("nbdkit 1.32, S3 plugin", "nbdkit", exercise)

    def test_mariadb(self):
        def exercise(way, bucket, folder):
            data, socket = lib.WORK / "mariadb", folder / "socket"
            shutil.chown(folder, "mysql")
            if not data.exists():
                lib.run("mariadb-install-db", "--no-defaults", "--user=mysql", "--datadir=%s" % data, "--skip-test-db",
                        env=lib.clean_environment())
            words = [*trusting(way), "mariadbd", "--no-defaults", "--user=mysql", "--datadir=%s" % data, "--socket=%s" % socket, "--skip-networking",
                     "--plugin-load-add=ha_s3", "--s3=ON", "--s3-bucket=" + bucket, "--s3-access-key=" + way.key[0],
                     "--s3-secret-key=" + way.key[1], "--s3-region=" + lib.REGION, "--s3-host-name=" + way.host,
                     "--s3-port=%d" % way.port, "--s3-use-http=%s" % ("OFF" if way.tls else "ON"), "--s3-protocol-version=Path",
                     "--innodb-buffer-pool-size=8M", "--plugin-maturity=alpha"]

            def sql(text):
                return lib.run("mariadb", "--no-defaults", "--socket=%s" % socket, "-N", "mysql", input=text).stdout
            with serving(words, way.environment(), folder / "log", socket):
                sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, x VARCHAR(100)) ENGINE=Aria; INSERT INTO d.t VALUES "
                    + ", ".join("(%d, '%s')" % (i, "x" * 90) for i in range(2000)))
                sql("ALTER TABLE d.t ENGINE=S3")
                sql("FLUSH TABLES")
                self.assertEqual(sql("SELECT COUNT(*), SUM(id), SUM(LENGTH(x)) FROM d.t").split(), ["2000", "1999000", "180000"])
                self.assertIn("t", sql("SHOW TABLES FROM d"))
                sql("DROP TABLE d.t; DROP DATABASE d")
            self.assertNotIn(b"<Key>", ceph.request("GET", "/" + bucket).body)
        self.tool("MariaDB 10.11, S3 engine", "mariadbd", exercise)

    def test_gdal(self):
        def exercise(way, bucket, folder):
            source, back = folder / "in.pgm", folder / "back.pgm"
            source.write_bytes(b"P5\n600 500\n255\n" + (files / "medium").read_bytes())
            environment = way.environment(CPL_VSIL_USE_TEMP_FILE_FOR_RANDOM_WRITE="YES", GDAL_PAM_ENABLED="NO", **(
                {} if way.proxy else {"AWS_S3_ENDPOINT": way.authority, "AWS_HTTPS": "YES" if way.tls else "NO",
                                      "AWS_VIRTUAL_HOSTING": "FALSE"}))
            place = "/vsis3/%s/dir/ü +.tif" % bucket
            lib.run("gdal_translate", "-q", "-of", "GTiff", source, place, env=environment)
            self.assertIn("Size is 600, 500", lib.run("gdalinfo", place, env=environment).stdout)
            lib.run("gdal_translate", "-q", "-of", "PNM", place, back, env=environment)
            self.assertTrue(filecmp.cmp(source, back, shallow=False))
            lib.run("/usr/bin/python3", PROGRAMS / "with_gdal.py", "/vsis3/%s/dir" % bucket, files / "large", env=environment)
        self.tool("GDAL 3.6, /vsis3/", "gdal_translate", exercise)

    def test_samtools(self):
        """It stores and reads; names are not listed, and nothing is deleted."""
        def exercise(way, bucket, folder):
            source = folder / "in.sam"
            source.write_text("@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:one\tLN:100000\n" + "".join(
                "read%d\t0\tone\t%d\t60\t100M\t*\t0\t0\t%s\t*\n" % (i, i + 1, "ACGT" * 25) for i in range(20000)))
            place = "s3%s://%s/dir/aligned.bam" % ("" if way.tls else "+http", bucket)
            environment = way.environment(HTS_S3_HOST=way.authority, HTS_S3_ADDRESS_STYLE="path")
            lib.run(*trusting(way), "samtools", "view", "-b", "-o", place, source, env=environment)
            again = lib.run("samtools", "view", "-h", "--no-PG", place, env=environment).stdout
            reads = [line for line in again.splitlines() if not line.startswith("@")]
            self.assertEqual(reads, [line for line in source.read_text().splitlines() if not line.startswith("@")])
        self.tool("samtools 1.16", "samtools", exercise, deletes=False)

    # -- libraries

    def program(self, row, interpreter, name, needs=None, **options):
        def exercise(way, bucket, folder):
            lib.run(*interpreter, PROGRAMS / name, files, bucket, way.url, way.ca_file, way.proxy or "-", lib.REGION,
                    env=way.environment(), cwd=folder)
        self.tool(row, needs or interpreter[0], exercise, **options)

    def test_amazon_s3(self):
        self.program("Amazon::S3 0.60", ["/usr/bin/perl"], "with_amazon_s3.pl", needs="/usr/share/perl5/Amazon/S3.pm")

    def test_smart_open(self):
        self.program("smart_open 5.2", ["/usr/bin/python3"], "with_smart_open.py",
                     needs="/usr/lib/python3/dist-packages/smart_open")

    def test_libcloud(self):
        self.program("libcloud 3.4", ["/usr/bin/python3"], "with_libcloud.py", needs="/usr/lib/python3/dist-packages/libcloud")

    def test_fog(self):
        self.program("fog-aws 3.15 (Ruby)", ["/usr/bin/ruby"], "with_fog.rb", needs="/usr/lib/ruby/vendor_ruby/fog/aws.rb")

    def test_jets3t(self):
        store = lib.WORK / "jets3t.p12"
        if shutil.which("keytool"):
            lib.run("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", self.proxy.ca_file, "-keystore", store, "-storepass",
                    "changeit")
        jars = ":".join("/usr/share/java/%s.jar" % name for name in (
            "jets3t", "commons-httpclient", "commons-codec", "commons-logging", "commons-lang", "java-xmlbuilder", "httpclient",
            "httpcore", "httpclient-4", "commons-logging-api"))
        self.program("jets3t 0.8", ["/usr/bin/java", "-cp", jars, "-Djavax.net.ssl.trustStore=%s" % store,
                                    "-Djavax.net.ssl.trustStorePassword=changeit"], "WithJets3t.java",
                     needs="/usr/share/java/jets3t.jar", v2=True, named=True)


def trusting(way):
    """Before a command: as on a machine that has the CA among its own, for those that can be told of no other."""
    return ["unshare", "--mount", "sh", "-c", "mount --bind \"$0\" /etc/ssl/certs/ca-certificates.crt && exec \"$@\"",
            str(way.ca_file)]


@contextlib.contextmanager
def serving(words, environment, log, where):
    """A server for as long as the block lasts. where: its port, or its socket's path."""
    with log.open("wb") as out:
        process = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                   env=environment)
    try:
        lib.wait_until(lambda: process.poll() is not None or (lib.accepts(where) if isinstance(where, int) else where.exists()), 60,
                       "start of " + words[0])
        if process.poll() is not None:
            raise AssertionError("%s ended: %d" % (words[0], process.returncode))
        yield
    except BaseException:
        print(log.read_text(errors="replace")[-4000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_mounted(place):
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        return any(line.split()[1] == str(place) for line in mounts)


@contextlib.contextmanager
def mounted(words, environment, log, place):
    with log.open("wb") as out:
        process = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                   env=environment)
    try:
        lib.wait_until(lambda: process.poll() is not None or is_mounted(place), 60, "mount")
        if process.poll() is not None:
            raise AssertionError("%s ended: %d\n%s" % (words[0], process.returncode, log.read_text(errors="replace")[-3000:]))
        yield
    finally:
        if is_mounted(place):
            lib.run("umount", place, check=False)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            lib.run("umount", "--lazy", place, check=False)
            process.kill()
            process.wait()


class Written(lib.Case):
    """Runs after Tools."""

    def test_table_says_what_was_seen(self):
        if not seen:
            self.skipTest("nothing was run")
        rows = {}
        for line in TABLE.read_text().splitlines():
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            if len(cells) == 2 + len(WAYS) and cells[0] != "tool" and set(cells[0]) != {"-"}:
                rows[cells[0]] = cells[1:1 + len(WAYS)]
        found = {row: [by_way.get(way, "") for way in WAYS] for row, by_way in seen.items()}
        self.assertEqual({row: cells for row, cells in rows.items() if row not in left_out}, found)


if __name__ == "__main__":
    lib.main()
