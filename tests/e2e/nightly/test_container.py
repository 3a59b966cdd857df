# SPDX-License-Identifier: Apache-2.0
"""The container image of conf/packaging/container: built from Debian's packages, twice the same; run without rights, on a file system that
cannot be written, with its secrets readable by its group only, as the first process."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lib  # noqa: E402

USER = 65532
BUILD = lib.ROOT / "conf/packaging/container/build"


# crun knows the unified hierarchy of control groups only; the container is in none.
UNIFIED = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec podman \"$@\""


def podman(*words):
    return ["unshare", "--mount", "sh", "-c", UNIFIED, "podman", "--root", lib.WORK / "podman", "--runroot", lib.WORK / "podman-run",
            "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", *words]


class Contained(lib.Proxy):
    """As a container. It sees its own folder only, and what it writes there."""

    def launch(self, program=None, **options):
        for path in [self.folder, *self.folder.iterdir()]:
            shutil.chown(path, 0 if path == self.config else USER, USER)
        self.config.chmod(0o440)
        self.name = "s3onramp-%d-%s" % (os.getpid(), self.folder.name)
        volumes = ["--volume=%s:%s" % (self.folder, self.folder), "--volume=%s:%s:ro" % (lib.certificates(), lib.certificates())]
        return super().launch(list(map(str, podman(
            "run", "--rm", "--name", self.name, "--network=host", "--cgroups=disabled", "--ulimit=nofile=4096:4096",
            "--ulimit=nproc=4096:4096", "--log-driver=none", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges",
            "--health-interval=disable", "--health-cmd=" + json.dumps(["s3onramp", "status", "--socket", str(self.admin_socket)]),
            *volumes, "localhost/s3onramp"))))


# Of the commit that is tested, whatever is committed meanwhile.
DATE = os.environ.get("SOURCE_DATE_EPOCH") or lib.run("git", "-C", lib.ROOT, "log", "-1", "--format=%ct", check=False).stdout.strip() or "0"


def build(path, **variables):
    lib.run(BUILD, path, lib.PROGRAM, env={**os.environ, "SOURCE_DATE_EPOCH": DATE, **variables})


def setUpModule():
    global endpoint, image
    endpoint = lib.start_endpoint()
    image = lib.WORK / "s3onramp.tar"
    build(image)
    lib.run(*podman("load", "--input", image))
    lib.Case.proxy = Contained(["127.0.0.1:%d" % endpoint.addresses[0][1]], "contained", log={"access": "-"})


def tearDownModule():
    lib.run(*podman("rm", "--force", "--time=0", "--ignore", lib.Case.proxy.name), check=False)
    lib.Case.proxy.kill()
    endpoint.close()


class Container(lib.Case):
    def inside(self):
        """Its process as this machine counts."""
        return int(lib.run(*podman("inspect", "--format", "{{.State.Pid}}", self.proxy.name)).stdout)

    def test_it_serves(self):
        self.check(self.proxy.request("plain", "PUT", "/bucket/k", body=b"from a container"), 200)
        self.assertEqual(self.proxy.request("forward", "GET", "/bucket/k").body, b"from a container")

    def test_it_has_no_rights(self):
        status = dict(line.split(":\t", 1) for line in pathlib.Path("/proc/%d/status" % self.inside()).read_text().splitlines() if ":\t" in line)
        self.assertEqual({status[name].split()[0] for name in ("Uid", "Gid")}, {str(USER)})
        self.assertEqual({status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")}, {"0" * 16})
        self.assertEqual((status["NoNewPrivs"], status["NSpid"].split()[-1]), ("1", "1"))

    def test_there_is_nothing_else_in_it(self):
        """No shell, nothing that may become another user, nothing that everybody may write."""
        root = pathlib.Path("/proc/%d/root" % self.inside())
        self.assertFalse((root / "bin/sh").exists())
        for path in (root / "usr").rglob("*"):
            if not path.is_symlink():
                self.assertFalse(path.stat().st_mode & 0o6002, path)
        for name in ("etc", "usr/bin"):
            with self.assertRaises(OSError):
                (root / name / "new").touch()

    def test_an_upgrade_is_refused(self):
        answer = lib.run(lib.PROGRAM, "upgrade", "--socket", self.proxy.admin_socket, check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("this is the first process of a container", answer.stderr)

    def test_commands_and_health(self):
        """The image's own program is the probe."""
        def command(*words):
            return lib.run(*podman("exec", self.proxy.name, "/usr/bin/s3onramp", *words, "--socket", self.proxy.admin_socket), check=False)
        lib.wait_until(lambda: command("status").returncode == 0, 60, "it is ready")
        self.assertEqual(json.loads(command("status", "--json").stdout)["endpoints"][0]["addresses"][0]["state"], "up")
        self.assertEqual(command("reload").returncode, 0)
        lib.run(*podman("healthcheck", "run", self.proxy.name))

    def test_its_lines_are_the_container_s(self):
        answer = self.proxy.request("plain", "PUT", "/bucket/line", body=b"x")
        wanted = answer.header("x-amz-request-id")
        lib.wait_until(lambda: wanted in self.proxy.stderr.read_text(), 10, "the access line")

    def test_it_is_built_twice_the_same(self):
        """Elsewhere, by somebody with other habits."""
        folder = lib.WORK / "elsewhere"
        folder.mkdir()
        again = lib.WORK / "again.tar"
        mask = os.umask(0o077)
        try:
            build(again, TMPDIR=str(folder), TZ="Pacific/Auckland", LC_ALL="C")
        finally:
            os.umask(mask)
        self.assertTrue(image.read_bytes() == again.read_bytes(), "the images differ: %s %s" % (image, again))


class End(lib.Case):
    """Runs last."""

    def tearDown(self):
        self.proxy.check_clean()

    def test_it_ends_as_it_is_asked_to(self):
        """The first process of a container has no default action for signals."""
        pid = Container.inside(self)
        with self.proxy.connect("legacy") as slow:
            slow.send(b"PUT /bucket/slow HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\n\r\nab" % self.proxy.host("legacy").encode())
            self.proxy.wait_in_flight()
            os.kill(pid, signal.SIGTERM)
            lib.wait_until(lambda: not lib.accepts(self.proxy.ports["plain"]), lib.PATIENCE_S, "no new connections")
            slow.send(b"cd")
            self.assertEqual(slow.read_answer("PUT").status, 200)
        self.assertEqual(self.proxy.process.wait(lib.PATIENCE_S), 0)


if __name__ == "__main__":
    lib.main()
