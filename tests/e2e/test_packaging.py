#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""packaging: what `cmake --install` puts where, and that each file of another program's is good by that program's own judgement: units,
users, folders, rotation, AppArmor, rpm. The Debian package itself: nightly/test_debian.py."""
import os
import pathlib
import re
import shutil
import sys
import unittest

import lib

BUILD = pathlib.Path(lib.PROGRAM).parent
PACKAGING = lib.ROOT / "conf/packaging"
COMMANDS = re.findall(r"^  s3onramp ([a-z]+)", lib.run(lib.PROGRAM, "--help").stdout.split("\n\n")[2] + "\n", re.M)
UNITS = ("s3onramp.service", "s3onramp@.service", "s3onramp.socket")


def setUpModule():
    global ROOT
    ROOT = lib.WORK / "root"
    lib.run("cmake", "--install", BUILD, "--prefix", "/usr", env={**os.environ, "DESTDIR": str(ROOT)})


class Install(unittest.TestCase):
    def test_everything_is_at_its_place(self):
        there = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()}
        expected = {
            "usr/bin/s3onramp", "usr/share/man/man5/s3onramp.ini.5", "usr/share/man/man5/s3onramp-policy.5", "usr/share/man/man1/s3onramp.1",
            *(f"usr/share/man/man1/s3onramp-{name}.1" for name in COMMANDS),
            "usr/share/bash-completion/completions/s3onramp", "usr/share/zsh/site-functions/_s3onramp",
            "usr/share/fish/vendor_completions.d/s3onramp.fish", *(f"usr/lib/systemd/system/{name}" for name in UNITS),
            "usr/lib/sysusers.d/s3onramp.conf", "usr/lib/tmpfiles.d/s3onramp.conf",
            "etc/logrotate.d/s3onramp", "etc/apparmor.d/s3onramp", "etc/s3onramp/s3onramp.ini"}
        self.assertEqual(expected - there, set())
        others = there - expected
        self.assertEqual({path for path in others if not path.startswith("usr/share/doc/s3onramp/")}, set())
        for path in ("README.md", "manual/running.md", "examples/s3onramp.ini", "examples/haproxy.cfg", "examples/prometheus/prometheus.yml"):
            self.assertIn("usr/share/doc/s3onramp/" + path, others)

    def test_links_of_documents_lead_to_what_is_installed(self):
        folder = ROOT / "usr/share/doc/s3onramp"
        seen = 0
        for page in folder.rglob("*.md"):
            for path, heading in lib.links(page):
                with self.subTest(page=page.relative_to(folder), link=path):
                    self.assertTrue(path.is_relative_to(folder) and path.exists())
                    self.assertIn(heading, lib.headings(path) if heading else [""])
                    seen += 1
        self.assertGreater(seen, 80)
        self.assertIn("To take part: CONTRIBUTING.", (folder / "README.md").read_text())  # the text of what is not installed

    def test_an_ini_that_is_there_stays(self):
        ini = ROOT / "etc/s3onramp/s3onramp.ini"
        before = ini.read_text()
        self.addCleanup(ini.write_text, before)
        ini.write_text("# mine\n")
        lib.run("cmake", "--install", BUILD, "--prefix", "/usr", env={**os.environ, "DESTDIR": str(ROOT)})
        self.assertEqual(ini.read_text(), "# mine\n")

    def test_the_ini_lacks_only_what_is_the_site_s_own(self):
        """With the signs of its comments taken away, and keys, it is a configuration."""
        ini = lib.WORK / "s3onramp.ini"
        text = re.sub(r"^#([\[a-z].*)", r"\1", (PACKAGING / "etc/s3onramp.ini").read_text(), flags=re.M).replace("10.9.8.7", "127.0.0.1")
        ini.write_text(text + "[credentials default]\nsource = static\naccess_key_id = AKIAUPSTREAM00000001\n"
                       "secret_access_key = upstream/secret+of/the+proxy0123456789ab\n")
        ini.chmod(0o600)
        lib.run(lib.PROGRAM, "ca", "init", "-c", ini)
        self.assertIn("1 listener, 1 endpoint", lib.run(lib.PROGRAM, "check", "-c", ini).stderr)


class Units(unittest.TestCase):
    def units(self):
        folder = lib.WORK / "units"
        folder.mkdir(exist_ok=True)
        for name in UNITS:
            text = (ROOT / "usr/lib/systemd/system" / name).read_text().replace("/usr/bin/s3onramp", lib.PROGRAM)
            (folder / name).write_text(text)
        shutil.copy(folder / "s3onramp@.service", folder / "s3onramp@tokyo.service")
        return folder

    def test_systemd_verifies_them(self):
        folder = self.units()
        for name in ("s3onramp.service", "s3onramp@tokyo.service", "s3onramp.socket"):
            result = lib.run("systemd-analyze", "verify", "--man=no", folder / name, check=False, env=lib.clean_environment())
            self.assertEqual((result.returncode, result.stderr), (0, ""), name)

    def test_exposure(self):
        folder = self.units()
        for name in ("s3onramp.service", "s3onramp@tokyo.service"):
            text = lib.run("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", folder / name, check=False,
                           env=lib.clean_environment())
            found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", text.stdout)
            self.assertTrue(found, text.stdout + text.stderr)
            self.assertLessEqual(float(found[1]), 1.5, text.stdout)

    def test_only_private_networks(self):
        text = (ROOT / "usr/lib/systemd/system/s3onramp.service").read_text()
        self.assertRegex(text, r"(?m)^IPAddressDeny=any$")
        allowed = re.search(r"(?m)^IPAddressAllow=(.*)$", text)[1].split()
        self.assertEqual(allowed, "localhost link-local 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7".split())

    def test_each_of_the_template_has_folders_of_its_own(self):
        text = (ROOT / "usr/lib/systemd/system/s3onramp@.service").read_text()
        for line in ("ExecStart=/usr/bin/s3onramp serve -c /etc/s3onramp/%i/s3onramp.ini", "LogsDirectory=s3onramp/%i",
                     "ExecReload=/usr/bin/s3onramp reload -c /etc/s3onramp/%i/s3onramp.ini",
                     "RuntimeDirectory=s3onramp/%i", "StateDirectory=s3onramp/%i"):
            self.assertRegex(text, rf"(?m)^{re.escape(line)}$")


class Others(unittest.TestCase):
    def test_user_and_folders(self):
        root = lib.WORK / "users"
        (root / "etc").mkdir(parents=True)
        users = ROOT / "usr/lib/sysusers.d/s3onramp.conf"
        lib.run("systemd-sysusers", f"--root={root}", users)
        self.assertRegex((root / "etc/passwd").read_text(), r"(?m)^s3onramp:.*:/usr/sbin/nologin$")
        lib.run("systemd-tmpfiles", f"--root={root}", "--create", ROOT / "usr/lib/tmpfiles.d/s3onramp.conf")
        for path in ("var/log/s3onramp", "var/lib/s3onramp"):
            self.assertEqual((root / path).stat().st_mode & 0o007, 0)

    def test_apparmor(self):
        lib.run("apparmor_parser", "--skip-kernel-load", "--skip-cache", ROOT / "etc/apparmor.d/s3onramp")

    def test_rpm(self):
        spec = PACKAGING / "s3onramp.spec"
        text = lib.run("rpmspec", "-P", "--define", "_sourcedir .", spec).stdout
        self.assertIn("%files", spec.read_text())
        self.assertRegex(text, r"(?m)^Name: +s3onramp$")
        needed = re.search(r"^build_packages=\(([^)]*)\)", (lib.ROOT / "conf/packages").read_text(), re.M)[1].split()
        control = (PACKAGING / "debian/control").read_text()
        for package in set(needed) - {"ninja-build", "gcc", "libc6-dev"}:
            self.assertIn(f" {package}", control)

    def test_rpm_s_files(self):
        """What the spec installs and what it lists, with this build in place of one of its own."""
        top = lib.WORK / "rpm"
        tree = top / "BUILD/s3onramp-1.2.3"
        tree.mkdir(parents=True)
        (tree / "build").symlink_to(BUILD)
        shutil.copy(lib.ROOT / "LICENSE", tree)
        for stage in ("-bi", "-bb"):
            lib.run("rpmbuild", stage, "--short-circuit", "--nodeps", *(word for macro in (
                f"_topdir {top}", "version 1.2.3", "debug_package %{nil}", "_build_id_links none", "__strip /bin/true")
                for word in ("--define", macro)), PACKAGING / "s3onramp.spec")
        package, = (top / "RPMS").rglob("*.rpm")
        packed = {re.sub(r"(/man./.*)\.gz$", r"\1", path[1:]) for path in lib.run("rpm", "-qpl", package).stdout.split()}
        installed = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if not path.is_dir()} - {"etc/apparmor.d/s3onramp"}
        self.assertEqual(installed - packed, set())
        self.assertEqual({path for path in packed - installed if not (ROOT / path).is_dir() and "usr/share/licenses" not in path}, set())


class Version(unittest.TestCase):
    """In a clone of its own, with tags, without, changed; and in archives."""

    def setUp(self):
        self.tree = lib.WORK / self.id()
        (self.tree / "conf/packaging").mkdir(parents=True)
        for name in ("CMakeLists.txt", "conf/packaging/version", "conf/packaging/archive", "conf/packaging/.gitattributes"):
            shutil.copy(lib.ROOT / name, self.tree / name)
        (self.tree / "conf/packaging/archive").write_text("$Format:%h %cs %(describe:tags=true,match=v[0-9]*)$\n")
        self.base = re.search(r"project\(s3onramp VERSION (\S+)", (self.tree / "CMakeLists.txt").read_text())[1]

    def git(self, *words):
        return lib.run("git", "-C", self.tree, "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false", *words,
                       env={**os.environ, "GIT_COMMITTER_DATE": "2026-03-04T12:00:00Z"}).stdout.strip()

    def commit(self):
        self.git("init", "-q") if not (self.tree / ".git").exists() else None
        self.git("add", ".")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "--short=7", "HEAD")

    def version(self, *words):
        return lib.run(self.tree / "conf/packaging/version", *words).stdout.strip()

    def test_neither_git_nor_archive(self):
        self.assertEqual(self.version(), self.base)
        self.assertRegex(self.version("--date"), r"^\d{4}-\d\d-\d\d$")

    def test_a_clone(self):
        self.commit()
        short = self.commit()
        self.assertEqual((self.version(), self.version("--date")), (f"{self.base}+2.g{short}", "2026-03-04"))
        self.git("tag", "v1.2.0")
        self.assertEqual(self.version(), "1.2.0")
        short = self.commit()
        self.assertEqual(self.version(), f"1.2.0+1.g{short}")
        with (self.tree / "CMakeLists.txt").open("a") as file:
            file.write("# changed\n")
        self.assertEqual(self.version(), f"1.2.0+1.g{short}.dirty")

    def test_an_archive(self):
        short = self.commit()
        for tag, expected in (("", f"{self.base}+g{short}"), ("v2.0.1", "2.0.1")):
            if tag:
                self.git("tag", tag)
            lib.run("sh", "-c", f"git -C '{self.tree}' archive --prefix=out/ HEAD | tar -C '{lib.WORK}' -x")
            where = lib.WORK / "out/conf/packaging/version"
            self.assertEqual((lib.run(where).stdout, lib.run(where, "--date").stdout), (expected + "\n", "2026-03-04\n"))

    def test_the_program_says_it(self):
        self.assertEqual(lib.run(lib.PROGRAM, "--version").stdout.split("\n")[0].split()[0], "s3onramp")
        self.assertRegex(lib.run(lib.PROGRAM, "--version").stdout, r"^s3onramp \d+\.\d+\.\d+(\+\S+)?\n")


if __name__ == "__main__":
    lib.main()
