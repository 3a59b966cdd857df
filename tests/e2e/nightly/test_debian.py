#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""debian: the package, built twice, judged by lintian, and what a machine's administrator does with it in a fresh Debian 12 of its own
(mmdebstrap), which systemd has begun as in a container, with namespaces and control groups of its own: installed by hand and by Ansible,
started as the unit says, upgraded under load, removed and purged.

The version before is the last release that is tagged, or, before there is one, the commit that last told of changes. Where history is
not there (an archive, a shallow clone) it is this version under a lower number, and the upgrade shows what scripts and takeover do."""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lib  # noqa: E402

ROOT = lib.WORK / "debian"
BODIES = {"short": os.urandom(300000), "long": os.urandom(60 << 20)}
MIRROR = os.environ.get("S3ONRAMP_DEBIAN_MIRROR", "http://deb.debian.org/debian")
ENDPOINT_CA = "/usr/local/share/endpoint-ca.pem"
# What differs after a package was installed and purged, whichever it was.
STAYS = re.compile("|".join((
    r"/(dev|proc|run|sys|tmp|root)(/.*)?",  # not of the disk, and where the test puts packages
    r"/var/log/(dpkg|alternatives)\.log|/var/log/apt/.*|/var/lib/apt/.*|/var/cache/apt/.*",  # apt's and dpkg's own notes
    r"/var/lib/dpkg/(status|status-old|triggers/.*)",
    r"/var/cache/ldconfig/aux-cache",
    r"/etc/(passwd|group|shadow|gshadow)-",  # these files before their last change
    r"/var/log/journal/.*|/var/lib/systemd/(random-seed|timers/.*)",  # of systemd's own
)))
# As systemd asks of who runs it in a container (https://systemd.io/CONTAINER_INTERFACE): the kernel's settings cannot be written.
BOOT = """set -e
echo $$ > "$2/cgroup.procs"
exec unshare --mount --pid --fork --kill-child --cgroup --uts --ipc sh -e -c '
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/shm dev/pts
mount -t devpts devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . .
umount -l .
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=sysinit.target' - "$1"
"""


def setUpModule():
    global PACKAGE, ceph
    PACKAGE = build(lib.ROOT, lib.WORK / "one")
    ceph = lib.Ceph()


def tearDownModule():
    ceph.close()


def build(tree, folder, *before, **variables):
    """Returns the package."""
    lib.run(*before, tree / "conf/packaging/deb", folder, env=lib.clean_environment(**variables))
    return next(folder.glob("s3onramp_*.deb"))


def git(*words):
    return lib.run("git", "-C", lib.ROOT, *words, check=False).stdout.split()


def build_before():
    """The package of the version before; see above."""
    commits = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^") or git(
        "log", "-1", "--format=%H", "--", "conf/CHANGELOG.md")
    if commits and git("rev-parse", commits[0] + "^{commit}") != git("rev-parse", "HEAD"):
        lib.run("git", "clone", "-q", "--shared", "--no-checkout", lib.ROOT, lib.WORK / "tree-before")
        lib.run("git", "-C", lib.WORK / "tree-before", "checkout", "-q", commits[0])
        return build(lib.WORK / "tree-before", lib.WORK / "before", DEB_BUILD_OPTIONS="noopt")  # compiles in half the time
    print("    no history: this version stands for the one before", file=sys.stderr)
    unpacked = lib.WORK / "before"
    lib.run("dpkg-deb", "-R", PACKAGE, unpacked)
    control = unpacked / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: ", "Version: 0~", control.read_text()))
    lib.run("dpkg-deb", "--root-owner-group", "-b", unpacked, lib.WORK / "s3onramp_before.deb")
    return lib.WORK / "s3onramp_before.deb"


class Package(unittest.TestCase):
    def test_built_twice_it_is_the_same(self):
        """In another folder, later, by somebody with other habits."""
        mask = os.umask(0o077)
        try:
            other = build(lib.ROOT, lib.WORK / "quite/another-folder", "faketime", "-f", "+400d", TZ="Pacific/Auckland", LC_ALL="C", LANG="C")
        finally:
            os.umask(mask)
        self.assertEqual(PACKAGE.name, other.name)
        self.assertTrue(PACKAGE.read_bytes() == other.read_bytes(), "they differ: %s %s" % (PACKAGE, other))

    def test_lintian(self):
        result = lib.run("lintian", "--fail-on", "error,warning", "--allow-root", PACKAGE, check=False)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_conffiles(self):
        folder = lib.WORK / "control"
        lib.run("dpkg-deb", "-e", PACKAGE, folder)
        self.assertEqual((folder / "conffiles").read_text().split(),
                         ["/etc/apparmor.d/s3onramp", "/etc/logrotate.d/s3onramp", "/etc/s3onramp/s3onramp.ini"])


class Machine:
    """A fresh Debian in which systemd runs."""

    def boot(self):
        self.folder = lib.WORK / "cgroup"  # of the kernel's one hierarchy, wherever else it is mounted
        self.folder.mkdir()
        lib.run("mount", "-t", "cgroup2", "none", self.folder)
        self.group = self.folder / f"s3onramp-test-{os.getpid()}"
        self.group.mkdir()
        self.process = subprocess.Popen(["sh", "-c", BOOT, "-", ROOT, self.group], stdin=subprocess.DEVNULL,
                                        stdout=(lib.WORK / "boot.log").open("wb"), stderr=subprocess.STDOUT)
        lib.wait_until(lambda: self.pid() and inside("systemctl", "is-active", "sysinit.target", check=False).returncode == 0, 120, "systemd")

    def pid(self):
        children = read(pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")).split()
        return int(children[0]) if children else None

    def close(self):
        """With the first process of its namespace all others end, and its mounts are gone."""
        os.kill(self.pid() or self.process.pid, signal.SIGKILL)
        self.process.wait()
        groups = [self.group, *self.group.rglob("*/")]
        lib.wait_until(lambda: not any(read(group / "cgroup.procs") for group in groups), 60, "the end of all processes")
        for group in sorted(groups, reverse=True):
            group.rmdir()
        lib.run("umount", self.folder)


def enter():
    return ["nsenter", f"--target={machine.pid()}", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--root", "--wd"]


def inside(*command, check=True):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/root"}
    return lib.run(*enter(), *command, check=check, env=environment)


def put(package):
    shutil.copy(package, ROOT / "root")
    return "/root/" + package.name


def describe(path):
    state = os.lstat(path)
    what = ""
    if stat.S_ISLNK(state.st_mode):
        what = os.readlink(path)
    elif stat.S_ISREG(state.st_mode):
        what = state.st_size
        if (ROOT / "etc") in pathlib.Path(path).parents:
            what = pathlib.Path(path).read_bytes()
    return stat.filemode(state.st_mode), state.st_uid, state.st_gid, what


def listing():
    """path → rights, owners and size of all that is there, in /etc content: users and groups are there, too."""
    found = {}
    for folder, folders, files in os.walk(ROOT):
        where = folder[len(str(ROOT)):]
        folders[:] = [name for name in folders if not STAYS.fullmatch(where + "/" + name)]
        for name in folders + files:
            if not STAYS.fullmatch(where + "/" + name):
                found[where + "/" + name] = describe(os.path.join(folder, name))
    return found


def answer_of(port, key):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", "/bucket/" + key)
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
        while not self.over:
            try:
                status, body = answer_of(self.port, "short")
                if (status, body) == (200, BODIES["short"]):
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


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


class Life(unittest.TestCase):
    """What a machine's administrator does with the package; each test leaves the machine as it was."""

    @classmethod
    def setUpClass(cls):
        global machine
        lib.run("mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd,python3-apt",  # Ansible's modules are in Python
                "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", "bookworm", ROOT, MIRROR)
        machine = Machine()
        cls.addClassCleanup(machine.close)
        machine.boot()
        (ROOT / "etc/apt/apt.conf.d/99test").write_text('APT::Install-Recommends "false";\nAcquire::Retries "5";\n')
        shutil.copy(lib.certificates() / "ca.pem", str(ROOT) + ENDPOINT_CA)
        inside("apt-get", "update")
        needed = re.findall(r"(?m)^Inst (\S+) ", inside("apt-get", "install", "-s", put(PACKAGE)).stdout)
        inside("apt-get", "install", "-y", *(name for name in needed if name != "s3onramp"))
        cls.before = listing()
        ceph.request("PUT", "/bucket")
        for name, body in BODIES.items():
            answer = ceph.request("PUT", "/bucket/" + name, body=body)
            assert answer.status == 200, answer

    def setUp(self):
        self.port, self.forward = lib.free_port(), lib.free_port()
        self.addCleanup(inside, "apt-get", "purge", "-y", "s3onramp", check=False)

    def sections(self):
        return {"endpoint main": {"name": lib.VPCE_NAME, "addresses": ", ".join(ceph.addresses), "ca_file": ENDPOINT_CA},
                "listener proxy": {"mode": "forward", "bind": f"127.0.0.1:{self.forward}"},
                "listener legacy": {"mode": "endpoint", "bind": f"127.0.0.1:{self.port}", "anonymous": "alice"},
                "credentials default": dict(zip(("source", "access_key_id", "secret_access_key"), ("static", *lib.UPSTREAM_KEY)))}

    def configure(self):
        with (ROOT / "etc/s3onramp/s3onramp.ini").open("a") as file:
            file.write("".join(lib.section(name, **keys) for name, keys in self.sections().items()) +
                       lib.section("log", access="/var/log/s3onramp/access.log"))
        self.key = json.loads(inside("s3onramp", "client", "add", "alice", "--policy", "allow-all", "--json").stdout)["clients"][0]
        inside("s3onramp", "ca", "init")
        inside("s3onramp", "check")

    def wait_ready(self):
        """The unit says that it serves; the endpoint is asked a moment later."""
        self.assertEqual(inside("systemctl", "is-active", "s3onramp").stdout.strip(), "active")
        lib.wait_until(lambda: inside("s3onramp", "status", check=False).returncode == 0, 60, "readiness")

    @staticmethod
    def main_process():
        """As systemd knows it."""
        return int(inside("systemctl", "show", "-p", "MainPID", "--value", "s3onramp").stdout)

    @staticmethod
    def lines():
        return inside("journalctl", "-u", "s3onramp", "--no-pager").stdout

    def aws(self, *words):
        environment = lib.clean_environment(
            AWS_ACCESS_KEY_ID=self.key["access_key_id"], AWS_SECRET_ACCESS_KEY=self.key["secret_access_key"], AWS_DEFAULT_REGION=lib.REGION,
            HTTPS_PROXY=f"http://127.0.0.1:{self.forward}", AWS_CA_BUNDLE=str(ROOT / "etc/s3onramp/ca.pem"))
        return lib.run("/usr/bin/aws", "s3", *words, env=environment).stdout

    def use(self):
        self.assertRegex(self.aws("ls"), r"(?m)^[0-9-]+ [0-9:]+ bucket$")
        (lib.WORK / "text").write_text("carried\n")
        self.aws("cp", lib.WORK / "text", "s3://bucket/text")
        self.assertRegex(self.aws("ls", "s3://bucket/"), r"(?m)^[0-9-]+ [0-9:]+ +8 text$")
        self.assertEqual(self.aws("cp", "s3://bucket/text", "-"), "carried\n")

    def purge(self):
        inside("apt-get", "purge", "-y", "s3onramp")
        after = listing()
        self.assertEqual({path: (self.before.get(path), after.get(path)) for path in self.before.keys() | after.keys()
                          if self.before.get(path) != after.get(path)}, {})

    def test_fresh(self):
        inside("apt-get", "install", "-y", put(PACKAGE))
        for path, expected in (("etc/s3onramp", "root:s3onramp 750"), ("etc/s3onramp/s3onramp.ini", "root:s3onramp 640"),
                               ("var/log/s3onramp", "s3onramp:s3onramp 750"), ("var/lib/s3onramp", "s3onramp:s3onramp 700"),
                               ("run/s3onramp", "s3onramp:s3onramp 755")):
            self.assertEqual(inside("stat", "-c", "%U:%G %a", "/" + path).stdout.strip(), expected, path)
        self.assertEqual(inside("s3onramp", "serve", check=False).returncode, 78)  # no endpoint: not started before it is configured
        self.assertFalse((ROOT / "etc/systemd/system/multi-user.target.wants/s3onramp.service").is_symlink())
        self.configure()
        inside("systemctl", "enable", "--now", "s3onramp")
        self.wait_ready()
        self.assertRegex(self.lines(), "sandbox on: system calls filtered, Landlock ABI [0-9]+, capabilities dropped")
        self.assertNotIn("does not support BPF/cgroup firewalling", inside("journalctl", "--no-pager").stdout)
        self.use()
        inside("apt-get", "remove", "-y", "s3onramp")
        self.assertFalse(lib.accepts(self.port), "it goes on without its package")
        self.assertFalse((ROOT / "usr/bin/s3onramp").exists())
        for path in ("etc/s3onramp/s3onramp.ini", "etc/s3onramp/clients.ini", "etc/s3onramp/ca.key", "var/log/s3onramp/access.log"):
            self.assertTrue((ROOT / path).exists(), path)
        self.purge()

    def test_upgrade(self):
        """While requests run and one long transfer: none fails, that is not cut, and the new program serves."""
        inside("apt-get", "install", "-y", put(build_before()))
        before = inside("s3onramp", "--version").stdout.splitlines()[0]
        self.configure()
        inside("systemctl", "enable", "--now", "s3onramp")
        self.wait_ready()
        self.use()
        old = self.main_process()
        long_one = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        long_one.request("GET", "/bucket/long")
        answer = long_one.getresponse()
        got = answer.read(1 << 20)
        load = Load(self.port)
        load.wait(20)
        said = inside("apt-get", "install", "-y", put(PACKAGE))
        self.assertNotIn("the version before goes on", said.stdout + said.stderr)
        load.wait(20)
        self.assertNotEqual(self.main_process(), old)
        got += answer.read()
        long_one.close()
        self.assertEqual((load.end(), got == BODIES["long"]), ([], True))
        lib.wait_until(lambda: inside("test", "-d", f"/proc/{old}", check=False).returncode, 120, "the end of the program before")
        self.assertEqual(inside("readlink", f"/proc/{self.main_process()}/exe").stdout.strip(), "/usr/bin/s3onramp")
        self.assertEqual(inside("systemctl", "show", "-p", "NRestarts,ActiveState", "s3onramp").stdout.split(), ["NRestarts=0", "ActiveState=active"])
        self.assertIn("[endpoint main]", (ROOT / "etc/s3onramp/s3onramp.ini").read_text())
        self.use()
        after = inside("s3onramp", "--version").stdout.splitlines()[0]
        print(f"    {load.good} requests, none failed, from {before} to {after}", file=sys.stderr)
        self.purge()

    def ansible(self):
        """Plays the role of conf/ansible in the machine, whose shell is Ansible's. What leads to its root from outside is a link to its root
        inside, so that both mean the same by the paths of files that are handed over."""
        folder = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "roles").mkdir()
        (folder / "roles/s3onramp").symlink_to(lib.ROOT / "conf/ansible")
        shared = folder / "machine"
        shared.symlink_to(ROOT)
        inside("mkdir", folder)
        inside("ln", "-s", "/", shared)
        shell = shared / "root/shell"
        shell.write_text(f'#!/bin/sh\n[ -d {folder}/roles ] || exec /bin/sh "$@"\nexec {" ".join(enter())} /bin/sh "$@"\n')
        shell.chmod(0o755)
        sections = [{"section": name, "options": options} for name, options in {
            "client alice": {"policy": "allow-all"}, **self.sections()}.items() if name != "listener proxy"]
        (folder / "play.yml").write_text("---\n" + yaml.safe_dump([{
            "name": "Proxy", "hosts": "localhost", "connection": "local", "gather_facts": False,
            "roles": [{"role": "s3onramp", "s3onramp_deb": str(PACKAGE), "s3onramp_sections": sections}]}]))
        return lib.run("ansible-playbook", "play.yml", cwd=folder, stdin=subprocess.DEVNULL, timeout=600, env=lib.clean_environment(
            PATH="/usr/sbin:/usr/bin:/sbin:/bin", ANSIBLE_ROLES_PATH=folder / "roles", ANSIBLE_LOCAL_TEMP=folder / "tmp", ANSIBLE_NOCOLOR="1",
            ANSIBLE_REMOTE_TEMP=shared / "root/ansible", ANSIBLE_EXECUTABLE=shell, ANSIBLE_PYTHON_INTERPRETER="/usr/bin/python3")).stdout

    def test_ansible(self):
        self.assertRegex(self.ansible(), r"failed=0")
        self.assertEqual(inside("dpkg-query", "-W", "-f", "${db:Status-Status}", "s3onramp").stdout, "installed")
        self.assertEqual(inside("stat", "-c", "%U:%G %a", "/etc/s3onramp/s3onramp.ini").stdout.strip(), "root:s3onramp 640")
        self.assertTrue((ROOT / "etc/systemd/system/multi-user.target.wants/s3onramp.service").is_symlink())
        self.wait_ready()
        self.assertEqual(answer_of(self.port, "short"), (200, BODIES["short"]))
        inside("rm", "/var/cache/apt/archives/s3onramp-by-ansible.deb")
        self.purge()


if __name__ == "__main__":
    if os.geteuid() != 0 or not all(map(shutil.which, ("mmdebstrap", "lintian", "dpkg-buildpackage", "faketime", "ansible-playbook"))):
        print("needs root, mmdebstrap, lintian, debhelper, faketime and ansible-core", file=sys.stderr)
        sys.exit(77)
    lib.main()
