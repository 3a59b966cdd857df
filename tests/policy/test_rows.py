# SPDX-License-Identifier: Apache-2.0
"""What people wrote down about policies (rows/*.rows) is what the program decides, and what a second evaluator decides."""
import json
import sys

import asked
import evaluator
import program
import rows


def pairs_of(raw, facts):
    return asked.Request(raw, facts).pairs()


def second_opinion(case):
    """(effect, statement's name) of the evaluator in Python, which knows documents only."""
    request = asked.Request(case.raw, case.facts)
    documents = [(name, json.loads(text)) for name, _, text in case.policies]
    results = [evaluator.decide(documents, *pair, request.context(pair)) for pair in request.pairs()]
    effect, name, index = min(results, key=lambda r: program.EFFECTS.index(r[0]))
    if effect == "refuse":
        return effect, None
    statement = evaluator.as_list(dict(documents)[name]["Statement"])[index]
    return effect, statement.get("Sid", "#%d" % index)


def first_opinion(case, answer):
    """The same of the program."""
    if case.expected[0] == "error":
        places = [place for _, place, _ in answer.problems]
        return "error", " ".join(places) if places != [case.expected[1]] else case.expected[1]
    if answer.problems:
        return "problem", answer.problems[0]
    effect, policy, index, label = answer.decisive()
    if effect == "refuse":
        return effect, None
    kind = {name: kind for name, kind, _ in case.policies}[policy]
    return effect, "#%d" % index if kind == "document" and label == str(index + 1) else label


def differs(expected, got):
    return expected[0] != got[0] or expected[1] not in ("?", got[1])


def text_of(case, who, got):
    return "%s: expected %s, %s says %s\n  %r" % (case.where, " ".join(map(str, case.expected)), who, " ".join(map(str, got)), case.raw)


def main():
    cases, count = rows.read_all(pairs_of)
    faults = []
    answers = program.answers([program.question(c.policies, c.facts, c.raw) for c in cases])
    for case, answer in zip(cases, answers):
        got = first_opinion(case, answer)
        if differs(case.expected, got):
            faults.append(text_of(case, "the program", got) + ("\n  " + answer.error if answer.error else ""))
        if case.expected[0] != "error" and all(kind == "document" for _, kind, _ in case.policies):
            got = second_opinion(case)
            if differs(case.expected, got):
                faults.append(text_of(case, "the evaluator", got))
    print("\n".join(faults))
    print("%d rows, %d decisions, %d faults" % (count, len(cases), len(faults)))
    sys.exit(1 if faults or count < 400 else 0)


if __name__ == "__main__":
    main()
