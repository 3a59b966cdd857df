# SPDX-License-Identifier: Apache-2.0
"""simulated: what @cloud-copilot/iam-simulate (tests/policy/simulate.js) decides, where it knows what AWS documents.

It does not know, each tried against the documentation that it cites:
- Version: variables are variables for it in 2008-10-17, too;
- ${*}, ${?}, ${$} outside of wildcards' operators (StringEquals, …): it takes them for text. AWS: "can be used in any string where
  you can use regular policy variables". They are replaced before it is asked;
- variables without a value where something must differ: AWS: "inverted condition operators … do match against a null value";
- seconds since the epoch next to dates: it takes them for milliseconds. aws:EpochTime is given to it as a date;
- s3:ListAllMyBuckets on arn:aws:s3:::*, as AWS's own examples write it;
- IPv4 addresses of a socket for both families (::ffff:…): they are given to it as IPv4;
- 0.0.0.0/0 (it shifts by 32), and addresses without a length beside those of the other family: both are written as networks;
- ForAnyValue: with IfExists of a key that is missing: AWS: "if the condition key is not present, evaluate the condition as true";
- variables without a value in NotResource: AWS: "will not match any resource";
- what is no ARN where it must not be like one (ArnNotLike, ArnNotEquals): it takes that for a failure;
- keys with a star: it takes the resource of the request for a pattern;
- actions without a name.
"""
import json
import os
import pathlib
import re
import subprocess

import evaluator

HERE = pathlib.Path(__file__).resolve().parent
SEVERAL = ("s3:requestobjecttagkeys",)


def operator_of(name):
    return re.sub(r"^(foranyvalue|forallvalues):|ifexists$", "", name.lower())


def networks(text):
    if text == "0.0.0.0/0":
        return ["0.0.0.0/1", "128.0.0.0/1"]
    return [text if "/" in text else text + ("/128" if ":" in text else "/32")]


def values_translated(operator, values):
    values = [evaluator.text_of(v) for v in evaluator.as_list(values)]
    if operator.endswith("ipaddress"):
        return [network for v in values for network in networks(v)]
    if operator.endswith(("like", "arnequals", "arnnotequals")):
        return values
    return [re.sub(r"\$\{([*?$])\}", r"\1", v) for v in values]


def translated(document):
    """The same in what it understands, or None."""
    if document.get("Version") != "2012-10-17" and "${" in json.dumps(document):
        return None
    document = json.loads(json.dumps(document))
    for statement in evaluator.as_list(document["Statement"]):
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                keys[key] = values_translated(operator_of(operator), values)
    return document


def is_unresolved(text, context):
    return evaluator.expand(evaluator.text_of(text), "2012-10-17", context, True) is evaluator.UNRESOLVED


def differs_without_value(document, context):
    for statement in evaluator.as_list(document["Statement"]):
        if any(is_unresolved(r, context) for r in evaluator.as_list(statement.get("NotResource", []))):
            return True
        for operator, keys in statement.get("Condition", {}).items():
            name = operator.lower()
            if name.startswith("foranyvalue:") and name.endswith("ifexists") and any(k.lower() not in context for k in keys):
                return True
            if operator_of(operator).startswith("arnnot") and any(
                    not v.startswith("arn:") for k in keys for v in context.get(k.lower(), [])):
                return True
            if "not" in operator_of(operator) and any(
                    is_unresolved(v, context) for values in keys.values() for v in evaluator.as_list(values)):
                return True
    return False


def told(context):
    out = {key: values if key in SEVERAL else values[0].removeprefix("::ffff:") for key, values in context.items()}
    out["aws:epochtime"] = out["aws:currenttime"]
    return out


def question(documents, pairs, contexts):
    """What simulate.js is asked; None if it does not know."""
    documents = [(name, translated(document)) for name, document in documents]
    if any(document is None or differs_without_value(document, context) for _, document in documents for context in contexts):
        return None
    if any(action == "*" or "\n" in resource or "*" in resource[1:] for action, resource in pairs):
        return None
    if any(resource == "*" for _, resource in pairs) and "arn:aws:s3:::*" in json.dumps(documents):
        return None
    return {"policies": documents, "asks": [{"action": a, "resource": r, "context": told(c)} for (a, r), c in zip(pairs, contexts)]}


def answers(questions):
    """For each question a list of "allow", "deny", "refuse", one for each pair; one Node for all."""
    node = subprocess.run(["node", str(HERE / "simulate.js")], input="".join(json.dumps(q) + "\n" for q in questions),
                          env=os.environ, text=True, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in node.stdout.splitlines()]
