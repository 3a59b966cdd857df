# SPDX-License-Identifier: Apache-2.0
"""program: what the program's own code decides (tests/policy/decide.c), for many cases at once."""
import os
import subprocess

EFFECTS = ("deny", "refuse", "allow")  # what counts of several pairs: the first of these that any has


class Answer:
    """problems: [(policy, "line:column", text)]; error: code and text, or None; pairs: [(action, resource, effect, policy, statement,
    label)], the last three None for "refuse"."""

    def __init__(self, lines):
        self.problems, self.error, self.pairs = [], None, []
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "problem":
                name, row, column, text = rest.split(" ", 3)
                self.problems.append((name, "%s:%s" % (row, column), text))
            elif word == "error":
                self.error = rest
            else:
                action, resource, effect, policy, statement, label = rest.split(" ")
                by = (None, None, None) if effect == "refuse" else (policy, int(statement), unhex(label))
                self.pairs.append((action, unhex(resource), effect) + by)

    def decisive(self):
        """(effect, policy, statement, label) of the whole request; a request that S3 would not understand is refused."""
        if self.error or not self.pairs:
            return ("refuse", None, None, None)
        return min((pair[2:] for pair in self.pairs), key=lambda p: EFFECTS.index(p[0]))


def unhex(text):
    return "" if text == "-" else bytes.fromhex(text).decode("utf-8", "surrogateescape")


def entry(name, value):
    value = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return b"%s %d\n%s\n" % (name.encode(), len(value), value)


def question(policies, facts, raw):
    """policies: [(name, "document" or "short", text)]."""
    parts = [entry("%s:%s" % (kind, name), text) for name, kind, text in policies]
    parts += [entry("client", facts["client"]), entry("peer", facts["peer"]), entry("tls", "yes" if facts["tls"] else "no"),
              entry("now", str(facts["now"]))]
    parts += [entry(name, facts[name]) for name in ("tls_version", "auth_type", "signed_at") if facts.get(name)]
    parts += [entry("tag:" + name, value) for name, value in facts["tags"].items()]
    return b"".join(parts) + entry("request", raw)


def answers(questions):
    """An Answer for each."""
    ran = subprocess.run([os.environ["POLICY_DECIDE"]], input=b"".join(questions), stdout=subprocess.PIPE, check=True)
    out, lines = [], []
    for line in ran.stdout.decode("utf-8", "surrogateescape").split("\n"):
        if line == "end":
            out.append(Answer(lines))
            lines = []
        elif line:
            lines.append(line)
    if len(out) != len(questions):
        raise AssertionError("%d answers to %d questions; then %r" % (len(out), len(questions), lines))
    return out
