#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes command_line.txt: commands as Python's shlex.split (POSIX mode, as botocore calls it) takes them apart. One line
each, in hexadecimal: the command, then a space and a word for each, "-" for an empty one; or "error"."""
import pathlib
import random
import shlex

BY_HAND = [
    "", " ", "a", " a ", "a b", "a\tb\nc\rd", "a\x0bb", "'a b' c", '"a b" c', "a'b c'd", 'a"b c"d', "''", '""', "a ''", "'' a",
    "a\\ b", "a\\\\b", "a\\\nb", '"a\\"b"', '"a\\\\b"', '"a\\nb"', '"a\\$b"', "'a\\b'", "'a\\'", "\\'", '\\"', "a\\", "'a", '"a',
    '"a\\', '"a\\"', "'\"'", "\"'\"", "a#b", "# a", "a;b|c&d>e", "$HOME ~ *", "`a` $(b)", "caf\u00e9 '\u65e5\u672c'", "\u00a0a\u00a0",
    "/usr/bin/tool --name 'two words' --json \"{\\\"a\\\": 1}\"",
]


def commands():
    yield from BY_HAND
    chance = random.Random(20120101)
    for _ in range(800):
        yield "".join(chance.choice("ab \t\n'\"\\\\#$") for _ in range(chance.randrange(1, 14)))


def expected(command):
    try:
        words = shlex.split(command)
    except ValueError:
        return "error"
    return " ".join(word.encode().hex() or "-" for word in words)


lines = ["%s: %s" % (command.encode().hex(), expected(command)) for command in commands()]
pathlib.Path(__file__).with_name("command_line.txt").write_text("".join(line.rstrip() + "\n" for line in lines))
