# SPDX-License-Identifier: Apache-2.0
"""conf/ansible: the README's example is a play; the role writes a configuration that the program takes, reloads the service when that has
changed and only then, and stops before that if it is wrong. systemctl and apt are not the machine's: the one is played, the other left out."""
import os
import re
import unittest

import yaml

import lib

ROLE = lib.ROOT / "conf" / "ansible"
SYSTEMCTL = """#!/bin/sh
echo "$@" >> '%s'
case $1 in
    show) printf 'LoadState=loaded\\nActiveState=active\\n' ;;
    is-enabled) echo disabled; exit 1 ;;
esac
"""


class Ansible(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = lib.WORK / "ansible"
        (cls.folder / "roles").mkdir(parents=True)
        (cls.folder / "bin").mkdir()
        (cls.folder / "etc").mkdir()
        (cls.folder / "roles" / "s3onramp").symlink_to(ROLE)
        cls.calls = cls.folder / "calls"
        systemctl = cls.folder / "bin" / "systemctl"
        systemctl.write_text(SYSTEMCTL % cls.calls)
        systemctl.chmod(0o755)
        example = (ROLE / "README.md").read_text()
        text = "\n".join(line[4:] for line in example.split("\n\n", 1)[1].splitlines() if line.startswith("    ") or not line)
        cls.play = yaml.safe_load(text.split("\n\n")[0])

    def ansible(self, program, *words, check=True):
        return lib.run(program, *words, cwd=self.folder, check=check, timeout=300, stdin=lib.subprocess.DEVNULL, env=lib.clean_environment(
            HOME=str(self.folder), ANSIBLE_ROLES_PATH=str(self.folder / "roles"), ANSIBLE_LOCAL_TEMP=str(self.folder / "tmp"),
            ANSIBLE_REMOTE_TEMP=str(self.folder / "tmp"), ANSIBLE_NOCOLOR="1", PATH="%s:%s" % (self.folder / "bin", os.environ["PATH"])))

    def write(self, sections=None):
        play = [{**self.play[0], "name": "Proxy", "hosts": "localhost", "connection": "local", "gather_facts": False, "become": False}]
        role = {**play[0]["roles"][0], "s3onramp_directory": str(self.folder / "etc"), "s3onramp_group": "root", "s3onramp_program": lib.PROGRAM}
        role["s3onramp_sections"] = sections or role["s3onramp_sections"]
        play[0]["roles"] = [role]
        (self.folder / "play.yml").write_text("---\n" + yaml.safe_dump(play, sort_keys=False))

    def apply(self, sections=None, check=True):
        """Returns (what Ansible said, what systemctl was asked to do)."""
        self.write(sections)
        self.calls.write_text("")
        done = self.ansible("ansible-playbook", "--skip-tags", "s3onramp_install", "play.yml", check=check)
        return done, [line for line in self.calls.read_text().splitlines() if not line.startswith(("show", "is-enabled"))]

    def test_syntax_and_lint(self):
        self.write()
        self.ansible("ansible-playbook", "--syntax-check", "play.yml")
        self.ansible("ansible-lint", "--offline", ROLE)

    def test_variables(self):
        defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
        for path in (ROLE / "tasks" / "main.yml", ROLE / "handlers" / "main.yml", ROLE / "templates" / "s3onramp.ini.j2", ROLE / "README.md"):
            self.assertEqual(set(re.findall(r"\bs3onramp_(?!install|configure)\w+", path.read_text())) - set(defaults) - {"s3onramp_by"}, set(), path)

    def test_write_and_reload(self):
        done, calls = self.apply()
        self.assertEqual(calls, ["daemon-reload", "enable s3onramp", "reload s3onramp"], done.stdout)
        config = self.folder / "etc" / "s3onramp.ini"
        self.assertEqual(config.stat().st_mode & 0o777, 0o640)
        self.assertIn("[listener legacy]\nmode = endpoint\nbind = 127.0.0.1:9000\nanonymous = printer\n", config.read_text())
        self.assertNotIn("reload s3onramp", self.apply()[1])  # nothing has changed
        sections = self.play[0]["roles"][0]["s3onramp_sections"]
        done, calls = self.apply([*sections[:-1], {"section": "listener legacy", "options": {"mode": "nonsense"}}], check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn("nonsense", done.stdout)
        self.assertEqual(calls, [])


if __name__ == "__main__":
    lib.main()
