# SPDX-License-Identifier: Apache-2.0
"""`s3onramp env`: what it prints is given to real shells and real tools, which then reach S3 through the proxy. The
authority stands under an awkward path, so that quoting is put to the test by everything that reads it."""
import ast
import configparser
import os
import pathlib
import re
import shutil
import subprocess
import unittest
import urllib.request

import lib

NODE_MODULES = os.environ.get("S3ONRAMP_NODE_MODULES")
PASSWORD = "p4ss word"
CONTENT = b"content of an object\n" * 100
METADATA = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]", "localhost", "127.0.0.1", "[::1]")


def setUpModule():
    global endpoint, authority, folder
    endpoint = lib.start_endpoint()
    any_port = lib.free_port()
    lib.Case.proxy = proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]],
        listeners={"asks": dict(mode="forward", tls="on", proxy_auth="required"), "asks-auto": dict(mode="forward", tls="auto", proxy_auth="optional"),
                   "named": dict(mode="endpoint", tls="on", names="localhost")},
        extra=lib.section("listener all", mode="forward", bind="0.0.0.0:%d" % any_port) +
        lib.section("listener six", mode="forward", bind="[::1]:%d" % any_port, intercept="none") +
        lib.section("listener sent", mode="redirect", bind="127.0.0.1:%d" % lib.free_port()))
    result = subprocess.run([lib.PROGRAM, "client", "password", "alice", "-c", str(proxy.config)], input=PASSWORD + "\n", text=True,
                            capture_output=True, env=proxy.environment())
    assert result.returncode == 0, result.stderr
    proxy.stop()
    proxy.start()
    folder = lib.WORK / "it's \"my\" $HOME %h 100% back\\slash `date`"
    folder.mkdir()
    authority = folder / "ca.pem"
    shutil.copy(proxy.ca_file, authority)


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


class Env(lib.Case):
    def env(self, *words, code=0):
        result = lib.run(lib.PROGRAM, "env", *words, "-c", self.proxy.config, check=False, env=self.proxy.environment())
        self.assertEqual(result.returncode, code, result.stderr)
        self.notes = result.stderr
        self.assertNotIn("Sanitizer", self.notes)
        return result.stdout

    def awkward(self, *words):
        return self.env("alice", "--keys", "--ca", authority, *words)

    def url(self, listener, scheme="http", user=""):
        return "%s://%s127.0.0.1:%d" % (scheme, user, self.proxy.ports[listener])

    def variables(self, listener=None):
        """What must be set, whatever the format."""
        found = {"AWS_CA_BUNDLE": str(authority), "NODE_EXTRA_CA_CERTS": str(authority), "AWS_REGION": lib.REGION,
                 "AWS_DEFAULT_REGION": lib.REGION, "AWS_ACCESS_KEY_ID": lib.ALICE[0], "AWS_SECRET_ACCESS_KEY": lib.ALICE[1]}
        if listener:
            found["AWS_ENDPOINT_URL_S3"] = self.url(listener, "https")
        else:
            found.update(HTTPS_PROXY=self.url("forward"), https_proxy=self.url("forward"))
        return found

    def check_variables(self, found, listener=None):
        found = dict(found)
        if not listener:
            self.assertEqual(found.pop("NO_PROXY"), found["no_proxy"])
            names = found.pop("no_proxy").split(",")
            for host in METADATA:
                self.assertIn(host.strip("[]"), names)
        self.assertEqual(found, self.variables(listener))

    def used(self, action, method="GET"):
        """Runs action; it must have come through the proxy and to the endpoint as alice."""
        before = len(endpoint.requests)
        result = action()
        self.assertGreater(len(endpoint.requests), before, "it did not go through the proxy")
        self.assertTrue(all("Credential=" + lib.UPSTREAM_KEY[0] in "\n".join(r["head"]) for r in endpoint.requests[before:]))
        return result

    def stored(self, key, content=CONTENT):
        self.assertEqual(endpoint.objects.get((b"bucket", key.encode())), content)


class Formats(Env):
    def dump(self, command):
        """The environment after command, of what it set anew."""
        base = lib.clean_environment(AWS_SESSION_TOKEN="old", AWS_PROFILE="old")
        result = subprocess.run(command, env=base, capture_output=True)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        after = dict(item.decode().split("=", 1) for item in result.stdout.split(b"\0") if item)
        self.assertNotIn("AWS_SESSION_TOKEN", after)
        self.assertNotIn("AWS_PROFILE", after)
        return {n: v for n, v in after.items() if base.get(n) != v and n not in ("PWD", "SHLVL", "_", "OLDPWD", "USER", "LOGNAME")}

    def test_sh(self):
        for shell in ("/bin/dash", "/bin/bash", shutil.which("zsh"), shutil.which("ksh")):
            if shell:
                for listener in (None, "tls"):
                    words = ["--listener", listener] if listener else []
                    with self.subTest(shell, listener=listener):
                        text = self.awkward("--sh", *words)
                        self.check_variables(self.dump([shell, "-c", 'eval "$1"; exec /usr/bin/env -0', "x", text]), listener)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        for listener in (None, "tls"):
            words = ["--listener", listener] if listener else []
            for how, script in (("source", "printf %s $argv[1] | source; "), ("eval", "eval $argv[1]; ")):
                with self.subTest(how, listener=listener):
                    text = self.awkward("--fish", *words)
                    self.check_variables(self.dump(["fish", "--no-config", "-c", script + "exec /usr/bin/env -0", text]), listener)

    def test_what_shells_make_something_of(self):
        """Each of these does something in some shell: none of it happens, the value arrives as it is."""
        for value in ("/a b;touch x&&exit 3|cat>y #z", "/$(exit 3)`exit 3`(exit 3)${HOME}$HOME{a,b}[ab]*?~^!1", "/'a'\\'b\\\\''\"\\\"", "/end\\",
                      "/\t\x01%n%%’ü"):
            for shell in ("/bin/dash", "/bin/bash", shutil.which("fish")):
                if shell:
                    with self.subTest(shell, value=value):
                        fish = shell.endswith("fish")
                        text = self.env("--ca", value, "--fish" if fish else "--sh") + "exec /usr/bin/env -0"
                        result = subprocess.run([shell, *(["--no-config"] if fish else []), "-c", text], capture_output=True, cwd=folder,
                                                env=lib.clean_environment(LC_ALL="C.UTF-8"))
                        self.assertEqual((result.returncode, result.stderr), (0, b""))
                        self.assertIn(b"AWS_CA_BUNDLE=" + value.encode(), result.stdout.split(b"\0"))

    def test_fish_by_its_rules(self):
        """In single quotes only \\' and \\\\ are escapes."""
        found = {}
        for line in self.awkward("--fish").splitlines():
            if match := re.fullmatch(r"set -gx (\w+) '((?:[^'\\]|\\.)*)';", line):
                found[match[1]] = re.sub(r"\\(['\\])", r"\1", match[2])
            else:
                self.assertRegex(line, r"^set -e AWS_(SESSION_TOKEN|PROFILE);$")
        self.check_variables(found)

    def test_powershell_by_its_rules(self):
        """In single quotes two quotes stand for one, and nothing else means anything."""
        found = {}
        for line in self.awkward("--powershell").splitlines():
            if match := re.fullmatch("\\$env:(\\w+) = '((?:[^'\u2018-\u201b]|''|\u2018\u2018|\u2019\u2019)*)'", line):
                found[match[1]] = re.sub("(['\u2018-\u201b])\\1", r"\1", match[2])
            else:
                self.assertRegex(line, r"^Remove-Item -ErrorAction SilentlyContinue Env:AWS_(SESSION_TOKEN|PROFILE)$")
        self.check_variables(found)

    def test_systemd_by_its_rules(self):
        """Within double quotes C escapes, and %% for a percent sign."""
        lines = self.awkward("--systemd").splitlines()
        self.assertEqual(lines[0], "[Service]")
        found = {}
        for line in lines[1:]:
            if match := re.fullmatch(r'Environment=("(?:[^"\\]|\\.)*")', line):
                self.assertNotRegex(match[1].replace("%%", ""), "%")
                name, _, value = ast.literal_eval(match[1]).partition("=")
                found[name] = value.replace("%%", "%")
            else:
                self.assertRegex(line, r"^UnsetEnvironment=AWS_(SESSION_TOKEN|PROFILE)$")
        self.check_variables(found)

    def test_systemd_verifies(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        unit = lib.WORK / "s3test.service"
        unit.write_text(self.awkward("--systemd") + "ExecStart=/bin/true\n")
        self.assertIn("systemctl show", self.notes)  # who may not read the file reads the keys there
        result = lib.run("systemd-analyze", "verify", "--man=no", unit, check=False, env=lib.clean_environment())
        self.assertNotIn("Environment", result.stderr)
        self.env("alice", "--systemd")
        self.assertNotIn("systemctl show", self.notes)

    def test_docker(self):
        found = dict(line.split("=", 1) for line in self.awkward("--docker").splitlines())
        self.assertEqual(found.pop("AWS_SESSION_TOKEN"), "")
        self.check_variables(found)

    def test_no_proxy_holds_in_python(self):
        found = dict(line.split("=", 1) for line in self.env("--docker").splitlines())
        for host in METADATA:
            self.assertTrue(urllib.request.proxy_bypass_environment(host, {"no": found["NO_PROXY"]}), host)
        self.assertFalse(urllib.request.proxy_bypass_environment(lib.S3_NAME, {"no": found["NO_PROXY"]}))

    def test_keys_only_when_asked(self):
        for words in ((), ("alice",)):
            for form in ("sh", "fish", "powershell", "systemd", "docker", "java", "node", "aws-config", "rclone", "s3cmd"):
                text = self.env(*words, "--" + form) + self.notes
                self.assertNotIn(lib.ALICE[0], text, form)
                self.assertNotIn(lib.ALICE[1], text, form)
        for form in ("sh", "java", "aws-config", "rclone", "s3cmd"):
            text = self.env("reader", "--keys", "--" + form)
            self.assertIn(lib.READER[1], text, form)
            self.assertNotIn(lib.ALICE[1], text, form)

    def test_listeners(self):
        for words, part in (((), "HTTPS_PROXY='%s'" % self.url("forward")), (("--listener", "plain"), "AWS_ENDPOINT_URL_S3='%s'" % self.url("plain")),
                            (("alice", "--listener", "asks"), "HTTPS_PROXY='%s'" % self.url("asks", "https", "alice@")),
                            (("--listener", "asks"), "HTTPS_PROXY='%s'" % self.url("asks", "https")),
                            (("alice", "--listener", "asks-auto"), self.url("asks-auto", "http", "alice@")),  # loopback: in the clear
                            (("--listener", "named"), "https://localhost:"), (("--listener", "six"), "http://[::1]:"),
                            (("--listener", "all", "--host", "proxy.example"), "http://proxy.example:"),
                            (("--listener", "all", "--host", "fd00::1"), "http://[fd00::1]:"), (("--listener", "sent"), "AWS_CA_BUNDLE=")):
            with self.subTest(words):
                self.assertIn(part, self.env(*words))
        self.assertNotIn("AWS_CA_BUNDLE", self.env("--listener", "six"))  # nothing is intercepted there
        self.assertNotIn("AWS_CA_BUNDLE", self.env("--listener", "plain"))
        self.assertNotIn("PROXY", self.env("--listener", "sent"))
        self.assertNotIn(PASSWORD, self.env("alice", "--listener", "asks", "--keys") + self.notes)
        self.assertIn("password", self.notes)

    def test_problems(self):
        for code, words, part in ((1, ("--listener", "all"), "--host NAME"), (1, ("--listener", "x"), "no [listener x]"), (1, ("nobody",), "client add"),
                                  (2, ("--keys",), "CLIENT --keys"), (2, ("--ca", ""), "--ca"), (2, ("a", "b"), "nothing to do"), (2, ("--zsh",), "no option"),
                                  (2, ("--host", "a b"), "no host name"), (2, ("--host", "a:1"), "no host name"), (1, ("--boto2",), "--listener"),
                                  (1, ("--s3cmd", "--listener", "asks"), "--listener"), (1, ("--sh", "--ca", "a\nb"), "line end"),
                                  (1, ("--node", "--ca", "a\nb"), "line end"), (1, ("--node", "--listener", "sent"), "env --sh")):
            with self.subTest(words):
                self.assertEqual(self.env(*words, code=code), "")
                self.assertIn(part, self.notes)
        self.assertIn("Example:", lib.run(lib.PROGRAM, "env", "--help").stdout)


class Readme(Env):
    """What README.md and the manual show is taken as it stands there, and their links lead somewhere."""

    README, MANUAL = lib.ROOT / "README.md", sorted((lib.ROOT / "conf" / "manual").glob("*.md"))
    TEXT = "\n".join(page.read_text() for page in lib.documents())

    def blocks(self):
        """The indented blocks, without their indentation."""
        for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", self.TEXT, re.M):
            yield re.sub(r"^    ", "", block.strip("\n"), flags=re.M)

    @staticmethod
    def whole(block, folder):
        """A configuration with the block in it: what it leaves to the reader is added."""
        text = re.sub(r"/var/(log|lib)/s3onramp", str(folder), block) + "\n\n"

        def names(section):
            return set(re.findall(r"(?m)^\[%s (.+)\]" % section, text))

        def used(key):
            return {name for value in re.findall(r"(?m)^%s = ([^#\n]*)" % key, text) for name in re.split(r"[, ]+", value) if name}
        if "[endpoint" not in text:
            text += "[endpoint tokyo]\n"
        if not re.search(r"(?m)^\[endpoint [^\[]*^(name|region) =", text):
            text = text.replace("[endpoint tokyo]\n", "[endpoint tokyo]\nname = %s\n" % lib.VPCE_NAME)
        if "[listener" not in text:
            text += "[listener local]\nmode = forward\nbind = 127.0.0.1:3128\n"
        for policy in used("policy") - names("policy") - {"allow-all", "read-only"}:
            text += "[policy %s]\naccess = read-only\n" % policy
        idle = {"policy": names("policy") - used("policy"), "groups": names("group") - used("groups")}
        if any(idle.values()):
            text += "[client somebody]\n" + "".join("%s = %s\n" % (key, ", ".join(sorted(v))) for key, v in idle.items() if v)
        for group in used("groups") - names("group"):
            text += "[group %s]\npolicy = read-only\n" % group
        if re.search(r"(?m)^password = pam", text):
            (folder / "s3onramp").write_text("auth required pam_deny.so\n")
            text += "[auth pam]\nfolder = %s\n" % folder
        if used("prices"):
            shutil.copy(lib.ROOT / "conf" / "prices.ini", folder)
        text = re.sub(r"(?m)^client_ca = \S+", "client_ca = %s" % (lib.certificates() / "ca.pem"), text)
        text = re.sub(r"(?m)^client_crl = .*\n", "", text)  # a list that is in date: e2e.certificates
        for document in used("document"):
            (folder / document).parent.mkdir(exist_ok=True)
            (folder / document).write_text('{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", '
                                           '"Resource": "arn:aws:s3:::home/*"}]}')
        (folder / "clients.ini").touch(0o600)
        (folder / "clients.ini").write_text("".join("[client %s]\naccess_key_id = S3OREXAMPLE%09d\nsecret_access_key = %040d\n" % (name, i, i)
                                                    for i, name in enumerate(sorted(names("client"))) if "access_key_id" not in text))
        return text

    def test_configurations(self):
        found = [block for block in self.blocks() if block.startswith("[") and not block.startswith("[Service]")]  # systemd's
        self.assertGreater(len(found), 2)
        for n, block in enumerate(found):
            with self.subTest(block):
                folder = lib.WORK / ("readme-%d" % n)
                folder.mkdir()
                config = folder / "s3onramp.ini"
                config.write_text(self.whole(block, folder))
                lib.run(lib.PROGRAM, "ca", "init", "-c", config, env=lib.clean_environment())
                result = lib.run(lib.PROGRAM, "check", "-c", config, check=False, env=lib.clean_environment())
                said = [line for line in result.stderr.splitlines() if ": note: " not in line]  # what read-write is not
                self.assertEqual((result.returncode, len(said)), (0, 1), result.stderr)

    def test_options_of_env(self):
        text = "\n".join(block for block in self.blocks() if "s3onramp env" in block)
        names = set(re.findall(r"--[a-z0-9-]+", text)) - {"--require"}
        self.assertGreater(len(names), 8)
        usage = lib.run(lib.PROGRAM, "env", "--help").stdout
        for name in names:
            self.assertIn(name, usage)

    def test_links(self):
        for page in lib.documents():
            for path, heading in lib.links(page):
                with self.subTest(page=page.name, link=path, heading=heading):
                    self.assertTrue(path.is_relative_to(lib.ROOT) and path.exists())
                    self.assertIn(heading, lib.headings(path) if heading else [""])

    def test_each_page_can_be_found(self):
        """From README.md; and pages that the program and the configurations name are there."""
        self.assertGreater(len(self.MANUAL), 5)
        self.assertEqual(set(self.MANUAL) - {path for path, _ in lib.links(self.README)}, set())
        sources = [path for folder in ("proxy", "include", "conf") for path in (lib.ROOT / folder).rglob("*") if path.is_file()]
        named = {name for path in sources for name in re.findall(r"conf/manual/[\w-]+\.md", path.read_text(errors="replace"))}
        self.assertIn("conf/manual/credentials.md", named)
        self.assertEqual([name for name in named if not (lib.ROOT / name).exists()], [])


class Tools(Env):
    def sh(self, script, *words, environment=None):
        """script, in a shell that evaluated what env printed."""
        text = self.awkward("--sh", *words)
        result = subprocess.run(["/bin/sh", "-ec", 'eval "$1"; shift; ' + script, "x", text], capture_output=True,
                                env=environment or lib.clean_environment(AWS_MAX_ATTEMPTS="1"), cwd=folder)
        self.assertEqual(result.returncode, 0, (result.stdout + result.stderr).decode(errors="replace"))
        return result.stdout

    def object(self, key):
        endpoint.objects[(b"bucket", key.encode())] = CONTENT
        return key

    def file(self):
        (folder / "content").write_bytes(CONTENT)
        return "content"

    def others(self, program):
        for directory in os.environ["PATH"].split(":"):
            path = pathlib.Path(directory) / program
            if os.access(path, os.X_OK) and not path.resolve().is_relative_to("/usr/bin") and path.parent != pathlib.Path("/bin"):
                yield path

    def test_aws(self):
        self.file()
        for n, aws in enumerate(["/usr/bin/aws", *self.others("aws")]):
            version = lib.run(aws, "--version", check=False, env=lib.clean_environment())
            if version.returncode:
                continue
            listeners = [None] if "aws-cli/2.9" in version.stdout else [None, "tls", "plain"]  # 2.9 knows no AWS_ENDPOINT_URL_S3
            for listener in listeners:
                with self.subTest(version.stdout.strip(), listener=listener):
                    key = "aws-%d-%s" % (n, listener)
                    words = ["--listener", listener] if listener else []
                    self.used(lambda: self.sh("'%s' s3 cp content s3://bucket/%s" % (aws, key), *words))
                    self.stored(key)

    def test_boto3(self):
        program = "import boto3; s3 = boto3.client('s3'); s3.put_object(Bucket='bucket', Key='boto3', Body=open('content', 'rb').read())"
        self.file()
        self.used(lambda: self.sh("/usr/bin/python3 -c \"%s\"" % program))
        self.stored("boto3")

    def test_curl(self):
        self.file()
        script = ("/usr/bin/curl -sSf --cacert \"$AWS_CA_BUNDLE\" --aws-sigv4 aws:amz:$AWS_REGION:s3 --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\""
                  " -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -T content https://%s/bucket/curl" % lib.S3_NAME)
        self.used(lambda: self.sh(script))
        self.stored("curl")

    def test_rclone(self):
        self.file()
        for listener in ("forward", "tls", "plain"):
            with self.subTest(listener):
                config = folder / "rclone.conf"
                config.write_text(self.awkward("--rclone", "--listener", listener))
                if listener != "plain":
                    self.assertIn("--ca-cert", self.notes)
                key = "rclone-" + listener
                words = ["--listener", listener]
                environment = lib.clean_environment(RCLONE_CONFIG=config)
                self.used(lambda: self.sh("ca=$AWS_CA_BUNDLE; unset AWS_CA_BUNDLE; /usr/bin/rclone ${ca:+--ca-cert \"$ca\"} --retries 1 "
                                          "--low-level-retries 1 --s3-no-check-bucket copyto content s3onramp:bucket/" + key, *words,
                                          environment=environment))
                self.stored(key)

    def test_s3cmd(self):
        self.file()
        for listener in ("forward", "tls", "plain"):
            with self.subTest(listener):
                config = folder / "s3cfg"
                config.write_text(self.awkward("--s3cmd", "--listener", listener))
                key = "s3cmd-" + listener
                self.object(key)  # s3cmd insists on ETags and dates that the tests' endpoint does not make
                self.used(lambda: lib.run("/usr/bin/s3cmd", "-c", config, "del", "s3://bucket/" + key, env=lib.clean_environment()))
                self.stored(key, None)

    def test_boto2(self):
        config = folder / "boto.cfg"
        config.write_text(self.awkward("--boto2", "--listener", "plain"))
        port = re.search(r"connect_s3\(port=(\d+)\)", self.notes)[1]
        program = "import boto; b = boto.connect_s3(port=%s).get_bucket('bucket', validate=False); print(b.get_key('boto2', validate=False).name)" % port
        lib.run("/usr/bin/python3", "-c", program, env=lib.clean_environment(BOTO_CONFIG=config))
        program = program.replace("print(b.get_key('boto2', validate=False).name)", "b.new_key('boto2').set_contents_from_string('x')")
        result = lib.run("/usr/bin/python3", "-c", program, env=lib.clean_environment(BOTO_CONFIG=config), check=False)
        self.assertIn("Signature Version 2 is not allowed", result.stderr)  # it came, and signs as it does

    def test_aws_config(self):
        self.file()
        config = lib.WORK / "config"  # its path is expanded like a shell's
        for listener in ("forward", "plain"):
            config.write_text(self.awkward("--aws-config", "--listener", listener))
            self.assertIn("Add this to ~/.aws/config", self.notes)
            configparser.ConfigParser(interpolation=None).read(config)
            for n, aws in enumerate(["/usr/bin/aws", *self.others("aws")]):
                version = lib.run(aws, "--version", check=False, env=lib.clean_environment())
                if version.returncode or (listener == "plain" and "aws-cli/2.9" in version.stdout):
                    continue
                with self.subTest(version.stdout.strip(), listener=listener):
                    environment = lib.clean_environment(AWS_CONFIG_FILE=config, AWS_PROFILE="s3onramp", AWS_MAX_ATTEMPTS="1")
                    if listener == "forward":
                        environment["HTTPS_PROXY"] = self.url("forward")
                    key = "aws-config-%s-%d" % (listener, n)
                    self.used(lambda: lib.run(aws, "s3", "cp", folder / "content", "s3://bucket/" + key, env=environment))
                    self.stored(key)

    NODE = """
const { S3 } = require('module').createRequire(require('path').join(process.env.S3ONRAMP_NODE_MODULES, 'x.js'))('@aws-sdk/client-s3');
const s3 = new S3({ maxAttempts: 1, ...(process.argv[2] ? require(process.argv[2]) : {}) });
(async () => {
  await s3.putObject({ Bucket: 'bucket', Key: process.argv[3], Body: require('fs').readFileSync('content') });
  const answer = await s3.getObject({ Bucket: 'bucket', Key: process.argv[3] });
  process.stdout.write(await answer.Body.transformToByteArray());
})().catch((error) => { console.error(error); process.exit(1); });
"""

    def node(self, key, *words, settings="", proxy=None):
        """With the file that env --node prints: preloaded, or required as the client's settings."""
        self.file()
        (folder / "app.cjs").write_text(self.NODE)
        made = lib.WORK / "s3onramp.cjs"
        made.write_text(self.awkward("--node", *words))
        environment = lib.clean_environment(S3ONRAMP_NODE_MODULES=NODE_MODULES, **({"NODE_OPTIONS": "--require %s" % made} if not settings else {}))
        script = "%s; /usr/bin/node app.cjs '%s' %s" % ("HTTPS_PROXY='%s'" % proxy if proxy else ":", made if settings else "", key)
        self.assertEqual(self.used(lambda: self.sh(script, *words, environment=environment)), CONTENT)
        self.stored(key)

    @lib.unittest.skipUnless(NODE_MODULES, "S3ONRAMP_NODE_MODULES is not set; tests/run sets it")
    def test_node(self):
        self.node("node-forward")
        self.node("node-plain", "--listener", "plain", settings="yes")
        self.node("node-tls", "--listener", "tls", settings="yes")
        url = self.url("asks", "https", "alice:%s@" % PASSWORD.replace(" ", "%20"))
        self.node("node-password", "--listener", "asks", proxy=url)

    @lib.unittest.skipUnless(NODE_MODULES, "S3ONRAMP_NODE_MODULES is not set; tests/run sets it")
    def test_node_says_what_the_proxy_refuses(self):
        made = lib.WORK / "refused.cjs"
        made.write_text(self.env("--node"))
        program = ("require('https').get('https://example.com/', () => process.exit(3)).on('error', (e) => "
                   "{ console.log(e.message); process.exit(0); })")
        result = lib.run("/usr/bin/node", "--require", made, "-e", program, env=lib.clean_environment())
        self.assertIn("the proxy refuses example.com:443: 403", result.stdout)
        server = lib.socket.create_server(("127.0.0.1", 0))  # never asked for through the proxy
        program = program.replace("https://example.com/", "https://127.0.0.1:%d/" % server.getsockname()[1])
        process = subprocess.Popen(["/usr/bin/node", "--require", str(made), "-e", program], env=lib.clean_environment(),
                                   stdout=subprocess.PIPE)
        server.settimeout(60)
        connection, _ = server.accept()
        connection.close()
        process.communicate(timeout=60)
        server.close()

    JAVA = """
import java.net.*; import java.nio.file.*;
public class Ask {
    public static void main(String[] a) throws Exception {
        HttpURLConnection c = (HttpURLConnection) new URL(a[0]).openConnection();
        System.out.println(c.getResponseCode());
        try (java.io.InputStream in = c.getErrorStream() != null ? c.getErrorStream() : c.getInputStream()) { in.transferTo(System.out); }
    }
}
"""

    def test_java(self):
        """No SDK here: Java's own client, trusting the authority and going through the proxy, which wants a signature."""
        if not shutil.which("java") or not shutil.which("keytool"):
            self.skipTest("no Java")
        program = lib.WORK / "Ask.java"
        program.write_text(self.JAVA)
        for listener, url in (("forward", "https://%s/bucket/x" % lib.S3_NAME), ("tls", self.proxy.url("tls") + "/bucket/x")):
            with self.subTest(listener):
                text = self.awkward("--java", "--listener", listener)
                home = lib.WORK / "o'home of me"
                home.mkdir(exist_ok=True)
                script = 'eval "$1"; java "$2" "$3"; echo " ${AWS_SESSION_TOKEN-no} ${AWS_PROFILE-no} $AWS_ACCESS_KEY_ID"'
                result = subprocess.run(["/bin/sh", "-ec", script, "x", text, str(program), url], capture_output=True,
                                        env=lib.clean_environment(HOME=home, AWS_SESSION_TOKEN="old", AWS_PROFILE="old"))
                self.assertIn(b"403", result.stdout, result.stderr)
                self.assertIn(b"Anonymous access is not allowed here", result.stdout)
                self.assertEqual(result.stdout.splitlines()[-1].decode().split()[-3:], ["no", "no", lib.ALICE[0]])

    GO = """
package main
import ("context"; "fmt"; "os"; "github.com/minio/minio-go/v7"; "github.com/minio/minio-go/v7/pkg/credentials")
func main() {
    client, err := minio.New(os.Args[1], &minio.Options{Creds: credentials.NewEnvAWS(), Secure: true, Region: os.Getenv("AWS_REGION")})
    if err == nil { _, err = client.FPutObject(context.Background(), "bucket", "go", "content", minio.PutObjectOptions{}) }
    if err != nil { fmt.Fprintln(os.Stderr, err); os.Exit(1) }
}
"""

    def test_go(self):
        if not pathlib.Path("/usr/share/gocode/src/github.com/minio/minio-go").exists():
            self.skipTest("no minio-go")
        self.file()
        program = lib.go_program("go-env", self.GO)
        self.used(lambda: self.sh("SSL_CERT_FILE=\"$AWS_CA_BUNDLE\" '%s' %s" % (program, lib.S3_NAME)))
        self.stored("go")


if __name__ == "__main__":
    lib.main()
