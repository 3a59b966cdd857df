#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""debian: the package, built twice, judged by lintian, and installed, upgraded under load, removed and purged in a fresh Debian 12 of
its own (debootstrap, chroot). No systemd runs there: the test starts what the unit would, as the unit's user; that the units are good
is test_packaging's to say."""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lib  # noqa: E402
import endpoint as endpoint_module  # noqa: E402

ROOT = None
SIZE, LONG = 300000, 60 << 20
MIRROR = os.environ.get("S3ONRAMP_DEBIAN_MIRROR", "http://deb.debian.org/debian")


def setUpModule():
    global PACKAGES
    PACKAGES = [build("one"), build("another-folder")]


def tearDownModule():
    if ROOT:
        lib.run("umount", ROOT / "proc", check=False)


def build(name):
    folder = lib.WORK / name
    lib.run(lib.ROOT / "conf/packaging/deb", folder, env=lib.clean_environment())
    return next(folder.glob("s3onramp_*.deb"))


def inside(*command, check=True, **options):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/root"}
    return lib.run("chroot", ROOT, *command, check=check, env=environment, **options)


def files():
    """What is there that has the package's name, or the user."""
    found = inside("find", "/", "-xdev", "-not", "-path", "/proc/*", "-not", "-path", "/root/*", "-name", "*s3onramp*").stdout.split()
    users = [line for line in (ROOT / "etc/passwd").read_text().splitlines() if "s3onramp" in line]
    return sorted(found) + users


class Package(unittest.TestCase):
    def test_built_twice_it_is_the_same(self):
        one, two = (path.read_bytes() for path in PACKAGES)
        self.assertEqual(PACKAGES[0].name, PACKAGES[1].name)
        self.assertTrue(one == two, "the packages differ")

    def test_lintian(self):
        result = lib.run("lintian", "--fail-on", "error,warning", "--allow-root", PACKAGES[0], check=False)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_documents_are_under_the_names_that_others_link_to(self):
        there = lib.run("dpkg-deb", "-c", PACKAGES[0]).stdout
        self.assertIn("./usr/share/doc/s3onramp/manual/administration.md\n", there)
        self.assertNotIn(".md.gz", there)

    def test_conffiles(self):
        folder = lib.WORK / "control"
        lib.run("dpkg-deb", "-e", PACKAGES[0], folder)
        self.assertEqual((folder / "conffiles").read_text().split(),
                         ["/etc/apparmor.d/s3onramp", "/etc/logrotate.d/s3onramp", "/etc/s3onramp/s3onramp.ini"])


def answer_of(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Load(threading.Thread):
    """Requests one after the other, each on a connection of its own, until end()."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.good, self.bad, self.over = port, 0, [], False
        self.start()

    def run(self):
        expected = bytes(endpoint_module.big_block(0)[:SIZE])
        while not self.over:
            try:
                status, body = answer_of(self.port, f"/bucket/big/{SIZE}")
                if (status, body) == (200, expected):
                    self.good += 1
                else:
                    self.bad.append((status, body[:300]))
            except (OSError, http.client.HTTPException) as error:
                self.bad.append(repr(error))

    def wait(self, more):
        wanted = self.good + more
        lib.wait_until(lambda: self.good >= wanted or self.bad, 120, f"{more} more requests")

    def end(self):
        self.over = True
        self.join(120)
        return self.bad


class Life(unittest.TestCase):
    """One after the other: what a machine's administrator does with the package."""

    def test_life(self):
        global ROOT
        ROOT = lib.WORK / "debian"
        self.endpoint = lib.start_endpoint()
        self.addCleanup(self.endpoint.close)
        lib.run("debootstrap", "--variant=minbase", "bookworm", ROOT, MIRROR)
        (ROOT / "etc/apt/apt.conf.d/99test").write_text('APT::Install-Recommends "false";\nAcquire::Retries "5";\n')
        lib.run("mount", "-t", "proc", "proc", ROOT / "proc")
        before = files()
        self.install()
        self.configure()
        self.serve()
        self.upgrade()
        self.process.terminate()
        lib.wait_until(lambda: not lib.accepts(self.port), 60, "the end of the proxy")
        inside("apt-get", "remove", "-y", "s3onramp")
        self.assertFalse((ROOT / "usr/bin/s3onramp").exists())
        self.assertTrue((ROOT / "etc/s3onramp/clients.ini").exists())
        inside("apt-get", "purge", "-y", "s3onramp")
        self.assertEqual([path for path in files() if path not in before], [])

    def put(self, package):
        shutil.copy(package, ROOT / "root")
        return "/root/" + package.name

    def install(self):
        inside("apt-get", "update")
        inside("apt-get", "install", "-y", self.put(PACKAGES[0]))
        for path, expected in (("etc/s3onramp", "root:s3onramp 750"), ("etc/s3onramp/s3onramp.ini", "root:s3onramp 640"),
                               ("var/log/s3onramp", "s3onramp:s3onramp 750"), ("var/lib/s3onramp", "s3onramp:s3onramp 700"),
                               ("run/s3onramp", "s3onramp:s3onramp 755")):
            self.assertEqual(inside("stat", "-c", "%U:%G %a", "/" + path).stdout.strip(), expected, path)
        self.assertEqual(inside("s3onramp", "serve", check=False).returncode, 78)  # no endpoint: not started before it is configured
        self.assertFalse((ROOT / "etc/systemd/system/multi-user.target.wants/s3onramp.service").is_symlink())

    def configure(self):
        """As an administrator does, but for an endpoint on this machine."""
        self.port, self.forward = lib.free_port(), lib.free_port()
        shutil.copy(lib.certificates() / "ca.pem", ROOT / "etc/s3onramp/endpoint-ca.pem")
        address = "%s:%d" % self.endpoint.addresses[0][:2]
        with (ROOT / "etc/s3onramp/s3onramp.ini").open("a") as file:
            file.write(
                lib.section("server", private_networks="127.0.0.0/8") + lib.section("log", access="/var/log/s3onramp/access.log") +
                lib.section("endpoint main", name=lib.VPCE_NAME, addresses=address, ca_file="endpoint-ca.pem") +
                lib.section("listener proxy", mode="forward", bind=f"127.0.0.1:{self.forward}") +
                lib.section("listener legacy", mode="endpoint", bind=f"127.0.0.1:{self.port}", anonymous="alice") +
                lib.section("credentials default", source="static", access_key_id=lib.UPSTREAM_KEY[0],
                            secret_access_key=lib.UPSTREAM_KEY[1]))
        self.keys = inside("s3onramp", "client", "add", "alice", "--policy", "allow-all", "--json").stdout
        inside("s3onramp", "ca", "init")
        inside("s3onramp", "check")

    def serve(self):
        """As the unit starts it."""
        with (lib.WORK / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(["chroot", "--userspec=s3onramp:s3onramp", ROOT, "/usr/bin/s3onramp", "serve"],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        self.addCleanup(self.end_all)
        lib.wait_until(lambda: lib.accepts(self.port), 60, "the proxy")
        lib.wait_until(lambda: inside("s3onramp", "status", check=False).returncode == 0, 60, "status")
        key = json.loads(self.keys)["clients"][0]
        environment = lib.clean_environment(
            AWS_ACCESS_KEY_ID=key["access_key_id"], AWS_SECRET_ACCESS_KEY=key["secret_access_key"], AWS_DEFAULT_REGION=lib.REGION,
            HTTPS_PROXY=f"http://127.0.0.1:{self.forward}", AWS_CA_BUNDLE=str(ROOT / "etc/s3onramp/ca.pem"),
            AWS_EC2_METADATA_DISABLED="true")
        (lib.WORK / "text").write_text("carried\n")
        lib.run("aws", "s3", "cp", lib.WORK / "text", "s3://bucket/text", env=environment)
        self.assertEqual(lib.run("aws", "s3", "cp", "s3://bucket/text", "-", env=environment).stdout, "carried\n")

    def pids(self):
        """Of proxies of the chroot that serve."""
        return [int(path.parent.name) for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")
                if (words := read(path).split(b"\0"))[:2] == [b"/usr/bin/s3onramp", b"serve"] and
                os.path.realpath(path.parent / "root") == str(ROOT.resolve())]

    def end_all(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def upgrade(self):
        """A newer version, while requests run and one long transfer: none fails, that is not cut, and the new program serves."""
        newer = lib.WORK / "newer"
        lib.run("dpkg-deb", "-R", PACKAGES[0], newer)
        control = newer / "DEBIAN/control"
        control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1.99", control.read_text()))
        lib.run("dpkg-deb", "--root-owner-group", "-b", newer, lib.WORK / "s3onramp_newer.deb")
        old = self.process.pid
        long_one = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        long_one.request("GET", f"/bucket/big/{LONG}")
        answer = long_one.getresponse()
        got = len(answer.read(1 << 20))
        load = Load(self.port)
        load.wait(20)
        said = inside("apt-get", "install", "-y", self.put(lib.WORK / "s3onramp_newer.deb"))
        self.assertNotIn("the version before goes on", said.stdout + said.stderr)
        load.wait(20)
        lib.wait_until(lambda: any(pid != old for pid in self.pids()), 60, "the new process")
        while block := answer.read(1 << 20):
            got += len(block)
        long_one.close()
        self.assertEqual((load.end(), got), ([], LONG))
        self.assertGreaterEqual(load.good, 40)
        self.process.wait(120)  # the one before has nothing left to do
        [new] = self.pids()
        self.assertEqual(os.readlink(f"/proc/{new}/exe"), str(ROOT.resolve() / "usr/bin/s3onramp"))
        self.assertIn("[endpoint main]", (ROOT / "etc/s3onramp/s3onramp.ini").read_text())
        self.process = Adopted(new)
        print(f"    {load.good} requests, none failed", file=sys.stderr)


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


class Adopted:
    """A process that is not our child."""

    def __init__(self, pid):
        self.pid = pid

    def terminate(self):
        os.kill(self.pid, signal.SIGTERM)

    def wait(self):
        lib.wait_until(lambda: not pathlib.Path(f"/proc/{self.pid}").exists(), 60, "its end")


if __name__ == "__main__":
    if os.geteuid() != 0 or not all(map(shutil.which, ("debootstrap", "lintian", "dpkg-buildpackage"))):
        print("needs root, debootstrap, lintian and debhelper", file=sys.stderr)
        sys.exit(77)
    lib.main()
