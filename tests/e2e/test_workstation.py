# SPDX-License-Identifier: Apache-2.0
"""What a workstation takes from a forward listener itself: the authority's certificate, and the script that says what goes
there. Asked by curl, read by openssl and by pacparser's evaluator of such scripts."""
import re
import shutil
import ssl
import unittest
import urllib.request

import lib
import s3raw

BUCKET = "bucket." + lib.S3_NAME
STS = "sts.%s.amazonaws.com" % lib.REGION


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    password = lib.run("openssl", "passwd", "-6", "carols password").stdout.strip()
    lib.Case.proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]], endpoint={"also_regions": "eu-west-1"},
        listeners={"mixed": dict(mode="forward", tunnel="direct.s3.*, sts.*", intercept="*.s3.*"),
                   "secret": dict(mode="forward", tls="auto", proxy_auth="required"),
                   "secure": dict(mode="forward", tls="on")},
        extra=lib.section("tunnel sts", hosts=STS, addresses="127.0.0.1:9") + lib.section("client carol", policy="read-only",
                                                                                         password=password))


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


def curl(*words):
    return lib.run("curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", str(lib.PATIENCE_S), *words,
                   env=lib.clean_environment()).stdout


class Authority(lib.Case):
    def url(self, listener, path="/ca.pem"):
        return "http://127.0.0.1:%d%s" % (self.proxy.ports[listener], path)

    def test_is_what_the_file_holds(self):
        for listener in ("forward", "secret"):  # no password is asked for
            self.assertEqual(curl(self.url(listener)), self.proxy.ca_file.read_text())
        head = curl("--head", self.url("forward"))
        self.assertIn("application/x-x509-ca-cert", head)

    def test_has_the_fingerprint_that_commands_tell(self):
        fetched = lib.WORK / "fetched.pem"
        fetched.write_text(curl(self.url("forward")))
        said = lib.run("openssl", "x509", "-in", fetched, "-noout", "-fingerprint", "-sha256").stdout.strip().split("=")[1]
        self.assertIn(said, self.proxy.command("ca", "show").stdout)
        exported = self.proxy.command("ca", "export")
        self.assertIn(said, exported.stderr)
        self.assertEqual(exported.stdout, fetched.read_text())

    def test_is_believed_by_who_fetched_it(self):
        fetched = lib.WORK / "believed.pem"
        fetched.write_text(curl(self.url("forward")))
        self.assertIn("AccessDenied", lib.run(
            "curl", "--silent", "--cacert", fetched, "--proxy", "http://127.0.0.1:%d" % self.proxy.ports["forward"],
            "https://%s/key" % BUCKET, env=lib.clean_environment()).stdout)

    def test_is_no_page_of_anything_else(self):
        for listener, line, host, status in (
                ("forward", b"GET /ca.pem", b"bucket.%s" % lib.S3_NAME.encode(), 400), ("forward", b"GET /ca.pem", lib.S3_NAME.encode(), 400),
                ("forward", b"GET /ca.pem?x", b"proxy", 400), ("forward", b"GET /ca.pem/", b"proxy", 400), ("forward", b"PUT /ca.pem", b"proxy", 400),
                ("forward", b"GET http://proxy/ca.pem", b"proxy", 403), ("legacy", b"GET /ca.pem", b"localhost", 200),
                ("legacy", b"GET /proxy.pac", b"localhost", 200)):  # the list of a bucket of that name
            with s3raw.Connection(self.proxy.address(listener)) as connection:
                connection.send(line + b" HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 0\r\n\r\n")
                answer = connection.read_answer("GET")
                self.assertEqual((line, host, answer.status), (line, host, status))
                self.assertNotIn(b"BEGIN CERTIFICATE", answer.body)

    def test_inside_a_connect_a_path_is_an_objects(self):
        context = ssl.create_default_context(cafile=str(self.proxy.ca_file))
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode())
            self.assertEqual(connection.read_answer("CONNECT").status, 200)
            connection.sock = context.wrap_socket(connection.sock, server_hostname=lib.S3_NAME)
            connection.send(b"GET /ca.pem HTTP/1.1\r\nHost: %s\r\n\r\n" % lib.S3_NAME.encode())
            self.check(connection.read_answer("GET"), 403, "AccessDenied")


class Install(lib.Case):
    """`env --install-ca`: the script is all that a workstation needs."""

    HERE = "s3onramp-127.0.0.1"

    def script(self, system, *words):
        return lib.run(lib.PROGRAM, "env", "--install-ca", system, "--host", "127.0.0.1", *words, "-c", self.proxy.config,
                       env=self.proxy.environment()).stdout

    def fake(self, name, text):
        """A folder for PATH with a program of that name."""
        folder = lib.WORK / ("fake-" + name)
        folder.mkdir()
        (folder / name).write_text("#!/bin/sh\n" + text)
        (folder / name).chmod(0o755)
        return {**lib.clean_environment(), "PATH": "%s:%s" % (folder, lib.clean_environment()["PATH"])}

    def test_debian(self):
        """In a mount namespace, so that this machine goes on trusting what it did."""
        script = lib.WORK / "debian.sh"
        script.write_text(self.script("debian"))
        url = "https://127.0.0.1:%d/" % self.proxy.ports["tls"]
        ask = "curl --silent --output /dev/null --noproxy '*' %s" % url
        lib.run("unshare", "--mount", "sh", "-euc", """
            mkdir {work}/certs {work}/local
            cp -a /etc/ssl/certs/. {work}/certs
            mount --bind {work}/certs /etc/ssl/certs
            mount --bind {work}/local /usr/local/share/ca-certificates
            ! {ask}
            sh {script}
            {ask}
            sh {script}
            {ask}
            ls /usr/local/share/ca-certificates | grep -x {here}-1.crt
            """.format(work=lib.WORK, ask=ask, script=script, here=self.HERE), env=lib.clean_environment())

    def test_rhel(self):
        anchors = lib.WORK / "anchors"
        anchors.mkdir()
        (anchors / (self.HERE + "-2.pem")).write_text("of a renewal that is over")
        told = lib.WORK / "told"
        lib.run("sh", input=self.script("rhel").replace("/etc/pki/ca-trust/source/anchors", str(anchors)),
                env=self.fake("update-ca-trust", 'echo "$@" > %s\n' % told))
        self.assertEqual({path.name: path.read_text() for path in anchors.iterdir()},
                         {self.HERE + "-1.pem": self.proxy.ca_file.read_text()})
        self.assertEqual(told.read_text(), "extract\n")

    def test_macos(self):
        told = lib.WORK / "told-macos"
        lib.run("sh", input=self.script("macos"), env=self.fake("security", 'cat "$7" > %s\necho "$@" >> %s\n' % (told, told)))
        self.assertTrue(told.read_text().startswith(self.proxy.ca_file.read_text()))
        self.assertIn("add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain /", told.read_text())

    def test_firefox(self):
        home = lib.WORK / "home"
        profiles = [home / ".mozilla" / "firefox" / "x y.default", home / ".pki" / "nssdb"]
        for profile in profiles:
            profile.mkdir(parents=True)
            lib.run("certutil", "-N", "-d", "sql:%s" % profile, "--empty-password")
        for _ in range(2):
            said = lib.run("sh", input=self.script("firefox"), env={**lib.clean_environment(), "HOME": str(home)}).stdout
        self.assertIn("2 profiles", said)
        for profile in profiles:
            listed = lib.run("certutil", "-L", "-d", "sql:%s" % profile).stdout
            self.assertEqual(re.findall(r"(?m)^(s3onramp\S*) +(\S+)", listed), [(self.HERE + "-1", "C,,")])

    @unittest.skipUnless(shutil.which("keytool"), "Java is not installed")
    def test_java(self):
        store = lib.WORK / "trust.p12"
        for _ in range(2):
            lib.run("sh", input=self.script("java"), env={**lib.clean_environment(), "JAVA_TRUST_STORE": str(store)})
        self.assertIn(self.HERE + "-1", lib.run("keytool", "-list", "-keystore", store, "-storepass", "changeit").stdout)

    def test_windows_has_the_certificate(self):
        script = self.script("windows")
        self.assertIn("@'\n%s'@" % self.proxy.ca_file.read_text(), script)
        self.assertIn("Cert:\\LocalMachine\\Root", script)

    def test_what_there_is_not(self):
        result = lib.run(lib.PROGRAM, "env", "--install-ca", "beos", "-c", self.proxy.config, check=False, env=self.proxy.environment())
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("write debian, rhel, macos, windows, firefox or java", result.stderr)


class Renewal(lib.Case):
    """Clients trust the next authority before it signs anything, so that none fails on the day."""

    def ca(self, *words, check=True):
        return lib.run(lib.PROGRAM, "ca", *words, "-c", self.proxy.config, check=check, env=self.proxy.environment())

    def believes(self, bundle):
        """curl does, with these authorities and no others."""
        path = lib.WORK / "bundle.pem"
        path.write_text(bundle)
        code = lib.run("curl", "--silent", "--output", "/dev/null", "--noproxy", "*", "--cacert", path,
                       "https://127.0.0.1:%d/" % self.proxy.ports["tls"], check=False, env=lib.clean_environment()).returncode
        self.assertIn(code, (0, 60))  # 60: it does not know who signed
        return code == 0

    def fetch(self):
        return curl("http://127.0.0.1:%d/ca.pem" % self.proxy.ports["forward"])

    def test_with_overlap(self):
        old = self.proxy.ca_file.read_text()
        self.assertIn("there is no %s.next" % self.proxy.ca_file, self.ca("switch", check=False).stderr)
        self.assertIn("shows both now", self.ca("renew").stderr)
        self.assertEqual((self.proxy.folder / "ca.key.next").stat().st_mode & 0o777, 0o600)
        both = self.fetch()
        self.assertEqual((both.count("BEGIN CERTIFICATE"), both.startswith(old)), (2, True))
        self.assertEqual(self.ca("export").stdout, both)
        new = both[len(old):]
        self.assertIn("s3onramp ca switch", self.ca("show").stdout)
        self.assertEqual([self.believes(bundle) for bundle in (old, both, new)], [True, True, False])
        self.assertIn("--force replaces it", self.ca("renew", check=False).stderr)
        self.assertEqual(self.fetch(), both)

        self.assertIn("is in force now", self.ca("switch").stderr)
        self.assertEqual([self.believes(bundle) for bundle in (old, both, new)], [False, True, True])
        self.assertEqual((self.fetch(), self.proxy.ca_file.read_text()), (new, new))
        self.assertEqual((self.proxy.folder / "ca.pem.old").read_text(), old)
        self.assertEqual(sorted(self.proxy.folder.glob("*.next")) + sorted(self.proxy.folder.glob("*.switch")), [])

    def test_one_that_does_not_permit_what_is_served_now_is_not_switched_to(self):
        text = self.proxy.config.read_text()
        before = self.proxy.ca_file.read_text()
        try:
            self.ca("renew", "--no-reload")
            self.proxy.config.write_text(text.replace("also_regions = eu-west-1", "also_regions = eu-west-1, eu-central-1"))
            result = self.ca("switch", check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("does not permit s3.eu-central-1.amazonaws.com", result.stderr)
            self.assertEqual(self.proxy.ca_file.read_text(), before)
        finally:
            self.proxy.config.write_text(text)
            for path in self.proxy.folder.glob("*.next"):
                path.unlink()

    def test_without_constraints_on_request(self):
        for words, limited in ((), True), (("--no-constraints",), False):
            self.ca("renew", "--force", "--no-reload", *words)
            text = lib.run("openssl", "x509", "-in", self.proxy.folder / "ca.pem.next", "-noout", "-text").stdout
            self.assertEqual("Name Constraints" in text, limited)
        self.ca("switch")
        self.assertIn("has no name constraints", self.proxy.command("check").stderr)
        self.ca("renew")
        self.ca("switch")
        self.assertNotIn("has no name constraints", self.proxy.command("check").stderr)

    def test_what_is_no_certificate_is_given_to_nobody(self):
        junk = self.proxy.folder / "ca.pem.next"
        junk.write_text("junk\n")
        try:
            self.proxy.command("reload")
            self.assertEqual(self.fetch(), self.proxy.ca_file.read_text())
            self.assertEqual(self.ca("switch", check=False).returncode, 1)
        finally:
            junk.unlink()
            self.proxy.command("reload")

    def test_to_an_intermediate_of_the_companys(self):
        """Its chain is sent, so that clients need the company's root alone."""
        folder = lib.WORK / "company"
        folder.mkdir()

        def make(name, extensions, *signer):
            (folder / "ext").write_text("[e]\n" + "".join(line + "\n" for line in extensions))
            lib.run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                    "-keyout", folder / (name + ".key"), "-out", folder / (name + ".csr"))
            lib.run("openssl", "x509", "-req", "-in", folder / (name + ".csr"), "-days", "60", "-extfile", folder / "ext", "-extensions",
                    "e", "-out", folder / (name + ".pem"), *(signer or ("-signkey", folder / (name + ".key"))))
            return folder / (name + ".pem")

        def signed_by(name):
            return "-CA", folder / (name + ".pem"), "-CAkey", folder / (name + ".key"), "-CAcreateserial"
        common = ["keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash"]
        root = make("root", ["basicConstraints=critical,CA:TRUE", *common])
        middle = make("middle", ["basicConstraints=critical,CA:TRUE,pathlen:1", *common], *signed_by("root"))
        issuing = make("issuing", ["basicConstraints=critical,CA:TRUE,pathlen:0", *common], *signed_by("middle"))
        (self.proxy.folder / "ca.pem.next").write_text(issuing.read_text() + middle.read_text())
        key = self.proxy.folder / "ca.key.next"
        key.touch(0o600)
        key.write_text((folder / "issuing.key").read_text())
        self.ca("switch")
        self.assertTrue(self.believes(root.read_text()))
        result = self.ca("renew", check=False)
        self.assertIn("is issued by another authority: have that issue its successor", result.stderr)
        lib.run(lib.PROGRAM, "ca", "init", "--force", "-c", self.proxy.config, env=self.proxy.environment())
        self.proxy.command("reload")


class Script(lib.Case):
    def script(self, listener, host="127.0.0.1"):
        path = lib.WORK / "proxy.pac"
        tls = ["--cacert", self.proxy.ca_file] if listener == "secure" else []
        path.write_text(curl(*tls, "--connect-to", "::127.0.0.1:", "http%s://%s:%d/proxy.pac" % (
            "s" if tls else "", host, self.proxy.ports[listener])))
        return path

    def ask(self, script, url):
        return lib.run("pactester", "-p", script, "-u", url, env=lib.clean_environment()).stdout.strip()

    def compare(self, listener, here, elsewhere):
        """The script says what the listener itself says to a CONNECT."""
        script = self.script(listener)
        for host in here:
            self.assertEqual((host, self.ask(script, "https://%s/x" % host)),
                             (host, "PROXY 127.0.0.1:%d" % self.proxy.ports[listener]))
        for host in elsewhere:
            self.assertEqual((host, self.ask(script, "https://%s/x" % host)), (host, "DIRECT"))

    def test_names_of_the_endpoints_regions(self):
        self.compare("forward", (lib.S3_NAME, BUCKET, BUCKET.upper(), "a.b.c." + lib.S3_NAME, "s3.amazonaws.com", "bucket.s3.amazonaws.com",
                                 "bucket.s3.eu-west-1.amazonaws.com", "alias-1.s3-accesspoint.%s.amazonaws.com" % lib.REGION,
                                 "123456789012.s3-control.%s.amazonaws.com" % lib.REGION, "s3.dualstack.%s.amazonaws.com" % lib.REGION,
                                 "bucket." + lib.VPCE_NAME),
                     ("s3.us-east-2.amazonaws.com", "example.com", STS, "x" + lib.S3_NAME, lib.S3_NAME + ".example.com", "10.0.0.1"))

    def test_ways_of_the_listener(self):
        """s3.… itself is not intercepted, sts.… is tunnelled; no tunnel leads to another Region."""
        self.compare("mixed", (BUCKET, STS, "direct." + lib.S3_NAME, "b.s3.eu-west-1.amazonaws.com"),
                     (lib.S3_NAME, "direct.s3.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"))

    def test_is_what_connect_says(self):
        for listener in ("forward", "mixed"):
            script = self.script(listener)
            for host in (lib.S3_NAME, BUCKET, "direct." + lib.S3_NAME, "direct.s3.eu-west-1.amazonaws.com", "s3.us-east-2.amazonaws.com",
                         "example.com", "s3.amazonaws.com", "s3-website.%s.amazonaws.com" % lib.REGION):
                explained = lib.run(lib.PROGRAM, "explain", "https://%s/" % host, "--listener", listener, "-c", self.proxy.config,
                                    check=False, env=self.proxy.environment()).stdout
                served = re.search(r"^\s*way\s+(intercept|tunnel)", explained, re.M) is not None
                self.assertEqual((listener, host, self.ask(script, "https://%s/" % host) != "DIRECT"), (listener, host, served), explained)

    def test_tells_how_the_proxy_was_called(self):
        for listener, scheme in (("forward", "PROXY"), ("secret", "HTTPS"), ("secure", "HTTPS")):
            script = self.script(listener, "localhost")
            self.assertEqual(self.ask(script, "https://%s/" % BUCKET), "%s localhost:%d" % (scheme, self.proxy.ports[listener]))

    def test_a_name_that_is_none_gets_no_script(self):
        for host in b"a'b", b'a"b', b"", b"a..b", lib.S3_NAME.encode():
            with s3raw.Connection(self.proxy.address("forward")) as connection:
                connection.send(b"GET /proxy.pac HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
                self.assertEqual(connection.read_answer("GET").status, 400, host)

    def test_its_type(self):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                "http://127.0.0.1:%d/proxy.pac" % self.proxy.ports["forward"], timeout=lib.PATIENCE_S) as answer:
            self.assertEqual(answer.headers["Content-Type"], "application/x-ns-proxy-autoconfig")


if __name__ == "__main__":
    lib.main()
