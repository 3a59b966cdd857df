# SPDX-License-Identifier: Apache-2.0
"""Random policies and requests, decided three times: by the program, by the evaluator in Python, by iam-simulate. $S3ONRAMP_POLICY_PAIRS
of them, from $S3ONRAMP_POLICY_SEED; what differs is printed as small as it can be made, with what repeats it:

    S3ONRAMP_POLICY_SEED=1 S3ONRAMP_POLICY_ONLY=123 POLICY_DECIDE=build-gcc/policy_decide python3 tests/policy/test_random.py
"""
import collections
import copy
import json
import os
import sys

import evaluator
import generate
import program
import simulated

SEED = os.environ.get("S3ONRAMP_POLICY_SEED", "1")
COUNT = int(os.environ.get("S3ONRAMP_POLICY_PAIRS", "500"))
ONLY = os.environ.get("S3ONRAMP_POLICY_ONLY")


def policies_of(documents):
    return [(name, "document", json.dumps(document)) for name, document in documents]


def of_program(pair, documents):
    return program.answers([program.question(policies_of(documents), pair.facts, pair.raw)])[0]


def decided(pair, documents):
    """By the evaluator: [(action, resource, effect, policy, statement)], sorted as the program's."""
    return [(a, r) + evaluator.decide(documents, a, r, c) for (a, r), c in zip(pair.pairs, pair.contexts)]


def difference(pair, documents, answer):
    """Between the program and the evaluator, in words, or None."""
    if answer.problems:
        return "the program does not take the policy: %s" % (answer.problems[0],)
    if answer.error:
        return "the program refuses the request: %s" % answer.error
    mine, theirs = decided(pair, documents), [p[:5] for p in answer.pairs]
    if sorted(set(m[:2] for m in mine)) != sorted(set(t[:2] for t in theirs)):
        return "pairs: the program asks for %s\n  the evaluator for %s" % ([t[:2] for t in theirs], [m[:2] for m in mine])
    by_pair = {m[:2]: m[2:] for m in mine}
    for t in theirs:
        if t[2:] != by_pair[t[:2]]:
            return "%s %s: the program says %s, the evaluator %s" % (t[0], t[1], t[2:], by_pair[t[:2]])
    return None


def smaller(documents):
    """Documents with one thing less."""
    for i, (name, document) in enumerate(documents):
        if len(documents) > 1:
            yield documents[:i] + documents[i + 1:]
        statements = evaluator.as_list(document["Statement"])
        for j, statement in enumerate(statements):
            for less in ([None] if len(statements) > 1 else []) + list(smaller_statements(statement)):
                new = copy.deepcopy(document)
                new["Statement"] = statements[:j] + ([less] if less else []) + statements[j + 1:]
                yield documents[:i] + [(name, new)] + documents[i + 1:]


def smaller_statements(statement):
    if "Condition" in statement:
        yield {k: v for k, v in statement.items() if k != "Condition"}
        for operator in statement["Condition"]:
            rest = {o: k for o, k in statement["Condition"].items() if o != operator}
            if rest:
                yield {**statement, "Condition": rest}
    for element in ("Action", "NotAction", "Resource", "NotResource"):
        values = statement.get(element)
        if isinstance(values, list) and len(values) > 1:
            for i in range(len(values)):
                yield {**statement, element: values[:i] + values[i + 1:]}


def smallest(documents, differs):
    """The smallest that still differs, one step after the other."""
    for _ in range(200):
        for candidate in smaller(documents):
            if differs(candidate):
                documents = candidate
                break
        else:
            return documents
    return documents


def tell(pair, documents, text):
    print("seed %s, pair %d: %s\n  %s\n%s\n  %r\n" % (
        SEED, pair.number, text, json.dumps(pair.facts), "\n".join("  %s %s" % (n, json.dumps(d)) for n, d in documents), pair.raw))


def compare_with_program(pairs):
    faults, counts = 0, collections.Counter()
    answers = program.answers([program.question(policies_of(p.documents), p.facts, p.raw) for p in pairs])
    for pair, answer in zip(pairs, answers):
        counts[answer.decisive()[0]] += 1
        if difference(pair, pair.documents, answer) is None:
            continue
        faults += 1
        if faults <= 10:
            documents = smallest(pair.documents, lambda d: difference(pair, d, of_program(pair, d)) is not None)
            tell(pair, documents, difference(pair, documents, of_program(pair, documents)))
    return faults, counts


def simulated_differs(pair, documents):
    question = simulated.question(documents, pair.pairs, pair.contexts)
    if question is None:
        return None
    mine = [m[2] for m in decided(pair, documents)]
    theirs = simulated.answers([question])[0]
    return "iam-simulate says %s, the evaluator %s" % (theirs, mine) if mine != theirs else None


def compare_with_simulate(pairs):
    known = [(p, q) for p in pairs if (q := simulated.question(p.documents, p.pairs, p.contexts))]
    faults = 0
    for (pair, _), theirs in zip(known, simulated.answers([q for _, q in known])):
        if theirs == [m[2] for m in decided(pair, pair.documents)]:
            continue
        faults += 1
        if faults <= 10:
            documents = smallest(pair.documents, lambda d: simulated_differs(pair, d) is not None)
            tell(pair, documents, simulated_differs(pair, documents))
    return faults, len(known)


def main():
    numbers = [int(ONLY)] if ONLY else range(COUNT)
    pairs = [generate.Pair(SEED, n) for n in numbers]
    faults, counts = compare_with_program(pairs)
    simulated_faults, known = compare_with_simulate(pairs)
    print("seed %s, %d pairs of policies and requests (%s): %d differences between the program and the evaluator; %d of them asked "
          "iam-simulate: %d differences" % (SEED, len(pairs), ", ".join("%s %d" % c for c in sorted(counts.items())), faults, known,
                                             simulated_faults))
    if not ONLY and (min(counts[e] for e in program.EFFECTS) < COUNT // 20 or known < COUNT // 2):
        sys.exit("the pairs are no longer near the borders: %s, %d known" % (counts, known))
    sys.exit(1 if faults or simulated_faults else 0)


if __name__ == "__main__":
    main()
