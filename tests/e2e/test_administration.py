# SPDX-License-Identifier: Apache-2.0
"""What the manual tells administrators: the policies of conf/examples are right and come to what they say; commands, options and
sections that are named exist."""
import json
import os
import re
import shutil
import stat
import unittest

import lib

EXAMPLES = lib.ROOT / "conf" / "examples" / "policies"
PAGE = lib.ROOT / "conf" / "manual" / "administration.md"
# What names commands, options and files: documents, and comments of what is installed or copied.
TOLD = [*lib.documents(), *(path for folder in ("examples", "packaging", "systemd", "prometheus", "ansible", "cloudformation", "terraform")
                            for path in sorted((lib.ROOT / "conf" / folder).rglob("*")) if path.is_file() and path.suffix not in (".md", ".cmake"))]


def sections(text):
    """{header: its lines}"""
    found = {}
    for block in re.split(r"(?m)^(?=\[)", text)[1:]:
        header, _, rest = block.partition("\n")
        found[header] = [line for line in rest.splitlines() if line and not line.startswith(";")]
    return found


class Policies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = lib.WORK / "policies"
        shutil.copytree(EXAMPLES, cls.folder)
        for file in cls.folder.glob("*.ini"):
            file.chmod(0o600)
        lib.run(lib.PROGRAM, "ca", "init", "-c", cls.folder / "short.ini")

    def test_both_forms_come_to_what_is_expected(self):
        lines = [line.split() for line in (EXAMPLES / "expectations.test").read_text().splitlines() if line[0] != "#"]
        clients = {header.split()[1][:-1] for header in sections((EXAMPLES / "short.ini").read_text()) if "client" in header}
        self.assertEqual(len(clients), 10)
        for client in clients - {"hal"}:
            self.assertGreaterEqual([sum(line[:2] == [word, client] for line in lines) for word in ("allowed", "refused")], [2, 2])
        for config, files in (("short.ini", ["expectations.test"]), ("documents.ini", ["expectations.test", "documents.test"])):
            said = lib.run(lib.PROGRAM, "check", "-c", self.folder / config).stderr
            self.assertNotIn("warning", said)
            for file in files:
                with self.subTest(config=config, file=file):
                    result = lib.run(lib.PROGRAM, "policy", "test", "--file", self.folder / file, "-c", self.folder / config, check=False)
                    self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_an_expectation_that_does_not_hold_is_told(self):
        (self.folder / "wrong.test").write_text("refused ann s3:GetObject s3://reports/2024/a.csv\n")
        result = lib.run(lib.PROGRAM, "policy", "test", "--file", self.folder / "wrong.test", "-c", self.folder / "short.ini", check=False)
        self.assertEqual(result.returncode, 1)

    def test_the_page_shows_them(self):
        shown = {}
        for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE.read_text(), re.M):
            shown.update(sections(re.sub(r"^    ", "", block, flags=re.M)))
        written = sections((EXAMPLES / "short.ini").read_text())
        for header in written:
            if re.match(r"\[(policy|group) ", header) or header in ("[client fay]", "[client gus]"):
                with self.subTest(header):
                    self.assertEqual(shown.get(header), written[header])
        for file in EXAMPLES.glob("*.json"):
            json.loads(file.read_text())
            self.assertIn("../examples/policies/%s" % file.name, PAGE.read_text())


class Names(unittest.TestCase):
    def commands(self):
        """What they tell to run: (page, the words from the command's name on)."""
        for page in TOLD:
            text = page.read_text()
            blocks = re.findall(r"(?m)^    [^`\n]*?\bs3onramp ([a-z].*)$", text) if page.suffix == ".md" else []
            for line in blocks + re.findall(r"`s3onramp ([a-z][^`]*)`", text):
                yield page.name, re.split(r"[|;&#>)]| \\$", line)[0].split()

    def test_commands_and_their_options(self):
        commands = set(re.findall(r"(?m)^  s3onramp ([a-z]+)", lib.run(lib.PROGRAM, "--help").stdout)) | {"help"}
        helps = {name: lib.run(lib.PROGRAM, "help", name).stdout for name in commands - {"help"}}
        seen = 0
        for page, words in self.commands():
            with self.subTest(page=page, words=words):
                self.assertIn(words[0], commands)
                for option in [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]:
                    self.assertRegex(helps[words[0]], r"(?m)(^|[ \[,|])%s\b" % re.escape(option))
                if words[0] in ("client", "policy", "ca") and len(words) > 1 and re.match(r"[a-z]+$", words[1]):
                    self.assertRegex(helps[words[0]], r"\b%s\b" % words[1])
                seen += 1
        self.assertGreater(seen, 50)

    def test_verbs_that_are_named_alone(self):
        """`policy test`"""
        seen = 0
        for page in TOLD:
            for command, verb in re.findall(r"`(client|policy|ca) ([a-z]+)\b[^`]*`", page.read_text()):
                with self.subTest(page=page.name, verb=verb):
                    self.assertRegex(lib.run(lib.PROGRAM, "help", command).stdout, rf"s3onramp {command} (\S+\|)?{verb}\b")
                    seen += 1
        self.assertGreater(seen, 20)

    def test_files_of_the_tree(self):
        """`conf/manual/lab.md`, and paths in blocks."""
        seen = 0
        for page in TOLD:
            for path in re.findall(r"(?<![\w./-])((?:conf|tests|proxy|include)/[\w./*-]*[\w*/])", page.read_text()):
                with self.subTest(page=page.name, path=path):
                    patterns = path.rstrip("/"), re.sub("[A-Z]+", "*", path).rstrip("/")  # proxy/flow/NAME.c: any one
                    self.assertTrue(any(next(lib.ROOT.glob(pattern), None) for pattern in patterns))
                    seen += 1
        self.assertGreater(seen, 100)

    def test_sections_and_their_options(self):
        """`[server] sandbox`, with a value or without one"""
        example = "\n".join((lib.ROOT / "conf" / name).read_text() for name in ("s3onramp.ini", "prices.ini"))
        options = {}
        for kind, rows in re.findall(r"(?ms)^#?\[([a-z]+)[^]\n]*\]\n(.*?)(?=^#?\[|\Z)", example):
            options.setdefault(kind, set()).update(re.findall(r"(?m)^#?([a-z0-9_]+)(?:\.KEY)? =", rows))
        seen = 0
        for page in TOLD:
            for kind, key in re.findall(r"`\[([a-z]+)(?: [a-zA-Z_]+)?\](?: ([a-z_]+)\b)?[^`]*`", page.read_text()):
                with self.subTest(page=page.name, kind=kind, key=key):
                    self.assertIn(kind, options)
                    self.assertIn(key, options[kind] | {""})
                    seen += 1
        self.assertGreater(seen, 50)

    def test_options_and_sections_of_the_page(self):
        example = (lib.ROOT / "conf" / "s3onramp.ini").read_text()
        options = set(re.findall(r"(?m)^#?([a-z0-9_]+) =", example))
        kinds = set(re.findall(r"(?m)^#?\[([a-z]+)", example))
        spans = re.findall(r"`([^`]+)`", PAGE.read_text())
        named = {span for span in spans if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", span)}
        named |= {match[1] for span in spans if (match := re.fullmatch(r"(?:\[[a-z]+\] )?([a-z_0-9]+) = .*", span))}
        named -= {"pam_unix", "pam_faillock", "access_provider", "ad_gpo_map_network", "entry_cache_timeout"}  # PAM's and sssd's
        self.assertGreater(len(named), 12)
        self.assertEqual(named - options, set())
        self.assertEqual({kind for span in spans for kind in re.findall(r"\[([a-z]+)[] ]", span)} - kinds, set())


class Secrets(unittest.TestCase):
    """What root makes for a service that has a user of its own."""
    UID, GID = 64998, 64999

    def as_root(self, *words):
        """On a machine with that user."""
        (lib.WORK / "passwd").write_text("root:x:0:0::/root:/bin/sh\ns3onramp:x:%d:%d::/:/usr/sbin/nologin\n" % (self.UID, self.GID))
        return lib.run("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', lib.WORK / "passwd", lib.PROGRAM, *words)

    def made(self, name, group):
        """{file: (owner, group, mode)} of what is secret, and what was said."""
        folder = lib.WORK / name
        folder.mkdir()
        os.chown(folder, 0, group)
        config = folder / "s3onramp.ini"
        config.write_text(lib.section("endpoint tokyo", name=lib.VPCE_NAME))
        config.chmod(0o600)
        said = self.as_root("ca", "init", "-c", config).stderr
        said += self.as_root("client", "add", "ann", "--policy", "allow-all", "--no-reload", "-c", config).stderr
        said += self.as_root("client", "add", "bob", "--policy", "allow-all", "--no-reload", "-c", config).stderr  # it stays as it is
        found = {path.name: path.stat() for path in (folder / "ca.key", folder / "clients.ini")}
        return {name: (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) for name, st in found.items()}, said

    def test_the_proxys_group_may_read_what_is_in_its_folder(self):
        made, said = self.made("proxys", self.GID)
        self.assertEqual(made, dict.fromkeys(("ca.key", "clients.ini"), (0, self.GID, 0o640)))
        self.assertNotIn("chown", said)

    def test_no_other_group_may(self):
        made, said = self.made("others", self.GID + 1)
        self.assertEqual({mode for _, _, mode in made.values()}, {0o600})
        self.assertIn("chown s3onramp", said)


if __name__ == "__main__":
    lib.main()
