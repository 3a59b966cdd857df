#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pages: man pages and completions, which the build makes from the tables of commands and options. What --help says is what they must
know: pages are judged by mandoc, completions are asked in bash, zsh and fish themselves."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import unittest

import lib

PAGES = pathlib.Path(lib.PROGRAM).parent / "pages"
INI = """[endpoint tokyo]
[listener office]
[listener branch]
[client alice]
[client bob]
[group archive]
[policy reports]
[credentials main]
"""


def said(*words):
    return lib.run(lib.PROGRAM, *words).stdout


def commands():
    return re.findall(r"^  s3onramp ([a-z]+)", said("--help").split("\n\n")[2] + "\n", re.M)


def options(command):
    """[(--name, -letter or None, what its value is called or None)]"""
    rows = re.findall(r"^  (?:    |(-\w), )--([a-z0-9-]+)(?: (\S+))?(?:  |$| (?=\S+ \S))", said("help", command), re.M)
    return [("--" + name, letter or None, value or None) for letter, name, value in rows]


def verbs(command):
    """{verb: [--name of each option that it takes]}; empty: the command has none"""
    found = re.search(rf"^  s3onramp {command} [a-z]+\|", said("--help"), re.M)
    text = said("help", command)
    words = re.findall(rf"^(?:Usage:|      ) s3onramp {command} ([a-z|]+)", text, re.M)
    all_verbs = [verb for word in words for verb in word.split("|")] if found else []
    of = {}
    for option, _, _ in options(command):
        some = re.search(rf"{option}(?: \S+)?\s+(all but )?([a-z]+(?:, [a-z]+)*): ", text)
        some = some if some and set(some[2].split(", ")) <= set(all_verbs) else None
        of[option] = [verb for verb in all_verbs if not some or (verb in some[2].split(", ")) != bool(some[1])]
    return {verb: sorted(option for option in of if verb in of[option]) for verb in all_verbs}


def options_of_verbs():
    """(command, verb, options)"""
    found = [(command, verb, names) for command in commands() for verb, names in verbs(command).items()]
    assert len(found) > 14 and ("client", "expire", ["--config", "--help", "--no-reload"]) in found and (
        "ca", "renew", ["--config", "--days", "--force", "--help", "--no-constraints", "--no-reload", "--region"]) in found, found
    return found


class Pages(unittest.TestCase):
    def text(self, name):
        result = lib.run("mandoc", "-T", "ascii", "-O", "width=500", PAGES / f"man{name[-1]}" / name)
        return re.sub(r".\x08", "", result.stdout)

    def test_mandoc_finds_nothing(self):
        files = sorted(PAGES.glob("man*/*"))
        self.assertGreater(len(files), 15)
        result = lib.run("mandoc", "-T", "lint", *files, check=False)
        self.assertEqual([line for line in result.stdout.splitlines() if not self.is_there(line)], [])

    @staticmethod
    def is_there(line):
        """mandoc does not find pages that are not installed; ours must be made."""
        found = re.search(r"referenced manual not found: Xr (\S+) (\d)", line)
        return found and (found[1] in ("systemd", "sd_notify", "systemd.socket") or (PAGES / f"man{found[2]}/{found[1]}.{found[2]}").exists())

    def test_each_command_has_a_page_that_says_what_its_help_says(self):
        names = commands()
        self.assertGreater(len(names), 15)
        self.assertEqual(sorted(path.name for path in PAGES.glob("man1/*")),
                         sorted(["s3onramp.1", *(f"s3onramp-{name}.1" for name in names)]))
        overview = self.text("s3onramp.1")
        for name in names:
            page = self.text(f"s3onramp-{name}.1")
            self.assertIn(f"s3onramp-{name}(1)", overview)
            for option, letter, value in options(name):
                self.assertIn(f"{letter}, {option}" if letter else option, page)
            for line in re.findall(r"^(?:Usage:|      ) (s3onramp .*)$", said("help", name), re.M):
                self.assertIn(line, page)

    def test_each_option_of_the_ini_is_described(self):
        page = self.text("s3onramp.ini.5")
        sections = re.split(r"^#?\[(auth pam|[a-z]+)(?: \w+)?\]$", said("check", "--example"), flags=re.M)[1:]
        for kind, rows in zip(sections[::2], sections[1::2]):
            part = re.search(rf"^   \[{kind}(?: NAME)?\]$(.*?)(?=^   \[|^[A-Z])", page, re.M | re.S)
            self.assertTrue(part, kind)
            for key, value in re.findall(r"^#?([a-z_0-9]+(?:\.KEY)?) =(?: (.*))?$", rows, re.M):
                self.assertRegex(part[1], rf"(?m)^     {re.escape(key)}\b")

    def test_policies_know_the_language(self):
        page = self.text("s3onramp-policy.5")
        for word in ("StringEquals", "ForAnyValue:", "aws:PrincipalTag/KEY", "s3:prefix", "GetObject", "PutBucketPolicy", "prefixes"):
            self.assertIn(word, page)


class Bash(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ini = lib.WORK / "complete.ini"
        cls.ini.write_text(INI)
        cls.shell = subprocess.Popen(["bash", "--norc", "-c", f"""
            . {PAGES}/bash/s3onramp
            while IFS=$'\\t' read -r -a COMP_WORDS; do
                [ "${{COMP_WORDS[-1]}}" != . ] || COMP_WORDS[-1]=
                COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
                _s3onramp
                echo "${{COMPREPLY[@]}}"
            done"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @classmethod
    def tearDownClass(cls):
        cls.shell.communicate()

    def ask(self, *words):
        """What may stand where the last word of @words begins so; "": anything."""
        self.shell.stdin.write("\t".join(["s3onramp", *words[:-1], words[-1] or "."]) + "\n")
        self.shell.stdin.flush()
        return self.shell.stdout.readline().split()

    def test_commands(self):
        self.assertEqual(sorted(self.ask("")), sorted([*commands(), "help", "--help", "--version"]))
        self.assertEqual(self.ask("dra"), ["drain"])
        self.assertEqual(sorted(self.ask("help", "")), sorted(commands()))

    def test_options(self):
        for command in commands():
            names = [part for option in options(command) for part in option[:2] if part]
            self.assertEqual(sorted(self.ask(command, "-")), sorted(names), command)

    def test_options_of_a_verb(self):
        for command, verb, names in options_of_verbs():
            self.assertEqual(sorted(self.ask(command, verb, "--")), names, (command, verb))
        self.assertEqual(self.ask("client", "-c", str(self.ini), "remove", "alice", "--n"), ["--now", "--no-reload"])
        self.assertEqual(self.ask("client", "remove", "--ta"), [])

    def test_values(self):
        c = ("-c", str(self.ini))
        self.assertEqual(self.ask("client", ""), "add disable enable expire list password remove rotate set".split())
        self.assertEqual(self.ask("client", *c, "disable", ""), ["alice", "bob"])
        self.assertEqual(self.ask("client", "add", *c, "--policy", ""), ["read-only", "allow-all", "reports"])
        self.assertEqual(self.ask("client", "add", *c, "--group", "="), ["archive"])
        self.assertEqual(self.ask("env", *c, "--listener", "=", "o"), ["office"])
        self.assertEqual(self.ask("cost", "--by", ""), ["client", "bucket", "zone"])
        self.assertEqual(self.ask("credentials", *c, ""), ["main"])
        self.assertEqual(self.ask("policy", "explain", *c, "a"), ["alice"])
        self.assertEqual(self.ask("check", "-c", str(self.ini)[:-2]), [str(self.ini)])
        self.assertEqual(self.ask("client", "expire", "bob", ""), [])
        self.assertEqual(self.ask("client", *c, "list", ""), [])
        self.assertEqual(self.ask("env", "--install-ca", "r"), ["rhel"])


class Terminal:
    """A shell in a terminal of its own; s3onramp shows the words that it got."""

    def __init__(self, shell, *setup):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="vt100", HISTFILE="", COLUMNS="500")
            os.execvp(shell[0], shell)
        for line in (*setup, "s3onramp() { echo \"<$*>\"; }", "PS1=REA''DY"):
            self.type(line + "\r")
        self.wait("READY")

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def wait(self, pattern):
        until = time.monotonic() + lib.PATIENCE_S
        while not re.search(pattern, self.seen) and time.monotonic() < until:
            if select.select([self.fd], [], [], 1)[0]:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
        found = re.search(pattern, self.seen)
        if not found:
            raise AssertionError(f"no {pattern} in {self.seen!r}")
        self.seen = self.seen[found.end():]
        return found[0]

    def completed(self, keys):
        self.type(keys + "\r")
        line = self.wait(r"<[^>\r\n]*>\r")[1:-2].rstrip()
        self.wait("READY")
        return line

    def end(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class InTerminals(unittest.TestCase):
    LINES = (("dra\t--no\t", "drain --no-wait"), ("client ex\t", "client expire"), ("credentials -c INI m\t", "credentials -c INI main"),
             ("client disable -c INI al\t", "client disable -c INI alice"), ("cost --by z\t", "cost --by zone"),
             ("policy exp\t", "policy explain"), ("env --pow\t", "env --powershell"), ("help ch\t", "help check"),
             ("client remove --now bob --no-r\t", "client remove --now bob --no-reload"), ("ca renew --reg\t", "ca renew --region"),
             ("client set x --ta\t", "client set x --tag"), ("client remove x --ta\t", "client remove x --ta"), ("env --install-ca f\t", "env --install-ca firefox"))

    def check(self, terminal, lines=LINES):
        ini = lib.WORK / "terminal.ini"
        ini.write_text(INI)
        try:
            for keys, line in lines:
                self.assertEqual(terminal.completed("s3onramp " + keys.replace("INI", str(ini))), line.replace("INI", str(ini)))
        finally:
            terminal.end()

    def test_bash(self):
        self.check(Terminal(["bash", "--norc", "--noprofile", "-i"], f". {PAGES}/bash/s3onramp"))

    def test_zsh(self):
        more = [(f"{command} {option[:-1]}\t", f"{command} {option}") for command in commands() for option, _, value in options(command)
                if not value and not verbs(command) and sum(other.startswith(option[:-1]) for other, _, _ in options(command)) == 1]
        self.assertGreater(len(more), 20)
        self.check(Terminal(["zsh", "-f", "-i"], f"fpath=({PAGES}/zsh $fpath); autoload -Uz compinit; compinit -u -D; unsetopt beep"),
                   (*self.LINES, *more))


class Fish(unittest.TestCase):
    def ask(self, *lines):
        """{line: what may stand at its end}"""
        ini = lib.WORK / "fish.ini"
        ini.write_text(INI)
        script = "".join(f"echo '= {line}'; complete -C 's3onramp {line.replace('INI', str(ini))}'\n" for line in lines)
        text = lib.run("fish", "--no-config", "-c", f"source {PAGES}/fish/s3onramp.fish\n" + script,
                       env={**os.environ, "HOME": str(lib.WORK), "PATH": f"{pathlib.Path(lib.PROGRAM).parent}:{os.environ['PATH']}"}).stdout
        parts = re.split(r"^= (.*)$", text, flags=re.M)[1:]
        return {line: sorted(row.split("\t")[0] for row in rows.split("\n") if row) for line, rows in zip(parts[::2], parts[1::2])}

    def test_commands_and_options(self):
        names = commands()
        found = self.ask("", *(f"{name} --" for name in names))
        self.assertEqual(found[""], sorted([*names, "help"]))
        for name in names:
            self.assertEqual(found[f"{name} --"], sorted(option for option, _, _ in options(name)), name)

    def test_options_of_a_verb(self):
        rows = options_of_verbs()
        found = self.ask(*(f"{command} {verb} --" for command, verb, _ in rows), "client -c INI remove alice --n")
        self.assertEqual(found, {f"{command} {verb} --": names for command, verb, names in rows} | {
            "client -c INI remove alice --n": ["--no-reload", "--now"]})

    def test_values(self):
        found = self.ask("client ", "client -c INI disable ", "client add -c INI --policy ", "cost --by ", "env -c INI --listener ",
                         "client expire bob ", "help ch", "credentials -c INI ", "client -c INI list ", "env --install-ca r")
        self.assertEqual(list(found.values()), [
            "add disable enable expire list password remove rotate set".split(), ["alice", "bob"], ["allow-all", "read-only", "reports"],
            ["bucket", "client", "zone"], ["branch", "office"], [], ["check"], ["main"], [], ["rhel"]])


if __name__ == "__main__":
    for program in ("mandoc", "zsh", "fish"):
        if not shutil.which(program):
            print(f"{program} is missing", file=sys.stderr)
            sys.exit(77)
    lib.main()
