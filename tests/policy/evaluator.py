# SPDX-License-Identifier: Apache-2.0
"""evaluator: AWS's policy language once more, in plain Python, written from AWS's documentation alone and from nothing of the
program: IAM User Guide, "IAM JSON policy elements reference", "Policy evaluation logic", "Policy variables"; the program's
answers are compared with this one's.

decide(policies, action, resource, context): policies is a list of (name, document), document as json.loads() makes it;
context a dictionary of lower-cased keys → list of values. Returns (effect, policy's name, index of the statement), where
effect is "allow", "deny" (a statement forbids it) or "refuse" (nobody allows it; no policy, no statement).

A variable without a value and without a default: what holds it equals nothing and is like nothing; "inverted condition operators
like StringNotEquals or StringNotLike do match", and a Resource or NotResource with it "will not match any resource".
What the documentation leaves open is decided so:
- What a variable stands for is literal text: a star in it is a star.
- Numbers, dates and addresses of the request that are none match nothing, not even where they should not match.
"""
import base64
import binascii
import datetime
import decimal
import ipaddress
import re

UNRESOLVED = object()


class Glob:
    """A pattern: a list of characters, and ANY, ONE."""
    ANY, ONE = object(), object()

    def __init__(self, tokens):
        self.tokens = tokens

    def matches(self, text):
        """Which prefixes of the pattern are reachable: no backtracking, no regular expressions."""
        states = self.skip({0})
        for character in text:
            following = set()
            for at in states:
                if at == len(self.tokens):
                    continue
                token = self.tokens[at]
                if token is Glob.ANY:
                    following.add(at)
                elif token is Glob.ONE or token == character:
                    following.add(at + 1)
            states = self.skip(following)
            if not states:
                return False
        return len(self.tokens) in states

    def skip(self, states):
        """A star may stand for nothing."""
        todo, out = list(states), set()
        while todo:
            at = todo.pop()
            if at in out:
                continue
            out.add(at)
            if at < len(self.tokens) and self.tokens[at] is Glob.ANY:
                todo.append(at + 1)
        return out

    def text(self):
        return "".join("*" if t is Glob.ANY else "?" if t is Glob.ONE else t for t in self.tokens)


def parse_variable(inside):
    """What stands between ${ and }: its name and its default, or None."""
    match = re.fullmatch(r"\s*([^,\s]+)\s*(?:,\s*'([^']*)'\s*)?", inside)
    return (match[1].lower(), match[2]) if match else (inside.lower(), None)


def expand(text, version, context, wild):
    """Tokens of @text; UNRESOLVED if a variable has no value. @wild: whether * and ? are wildcards."""
    tokens, i = [], 0
    while i < len(text):
        if version == "2012-10-17" and text.startswith("${", i) and (end := text.find("}", i)) > 0:
            inside = text[i + 2:end]
            i = end + 1
            if inside in ("*", "?", "$"):
                tokens.append(inside)
                continue
            name, default = parse_variable(inside)
            values = context.get(name, [])
            if len(values) == 1:
                tokens += values[0]
            elif not values and default is not None:
                tokens += default
            else:
                return UNRESOLVED
            continue
        character = text[i]
        i += 1
        if wild and character == "*":
            tokens.append(Glob.ANY)
        elif wild and character == "?":
            tokens.append(Glob.ONE)
        else:
            tokens.append(character)
    return Glob(tokens)


def as_list(value):
    return value if isinstance(value, list) else [value]


def text_of(value):
    """JSON's true and 10 may stand for "true" and "10"."""
    if value is True or value is False:
        return str(value).lower()
    return str(value)


# -- values of the request and of the policy, by type

def number(text):
    if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    return decimal.Decimal(text)


def date(text):
    """Seconds since the epoch, of W3C's forms of ISO 8601 or such a number."""
    if re.fullmatch(r"-?[0-9]+", text) and len(text) != 4:
        return decimal.Decimal(text)
    match = re.fullmatch(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?", text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime.datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0),
                                   int(second or 0), tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    seconds = decimal.Decimal(int(moment.timestamp())) + decimal.Decimal(fraction or 0)
    if zone and zone != "Z":
        offset = 60 * int(zone[1:3]) + int(zone[4:])
        seconds -= (offset if zone[0] == "+" else -offset) * 60
    return seconds


def address(text):
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def network(text):
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def arn_parts(text):
    parts = text.split(":", 5)
    return parts if len(parts) == 6 else None


def arn_like(given, pattern, version, context):
    wanted, given = arn_parts(pattern), arn_parts(given)
    if not wanted or not given:
        return False
    globs = [expand(part, version, context, wild=True) for part in wanted]
    return UNRESOLVED not in globs and all(glob.matches(part) for glob, part in zip(globs, given))


# -- operators: (value of the request, value of the policy) → True, False, or None: cannot be compared

def string_operator(wild, fold):
    def compare(given, wanted, version, context):
        glob = expand(wanted, version, context, wild)
        if glob is UNRESOLVED:
            return False
        if fold:
            return Glob([t.lower() if isinstance(t, str) else t for t in glob.tokens]).matches(given.lower())
        return glob.matches(given)
    return compare


def typed_operator(read, test):
    def compare(given, wanted, version, context):
        left, right = read(given), read(wanted)
        return None if left is None or right is None else test(left, right)
    return compare


def address_operator(given, wanted, version, context):
    left, right = address(given), network(wanted)
    return None if left is None or right is None else left.version == right.version and left in right


def bool_operator(given, wanted, version, context):
    if given.lower() not in ("true", "false") or wanted.lower() not in ("true", "false"):
        return None
    return given.lower() == wanted.lower()


def binary_operator(given, wanted, version, context):
    try:
        return base64.b64decode(wanted, validate=True) == given.encode("utf-8", "surrogateescape")
    except binascii.Error:
        return None


ORDER = {"": lambda a, b: a == b, "lessthan": lambda a, b: a < b, "lessthanequals": lambda a, b: a <= b,
         "greaterthan": lambda a, b: a > b, "greaterthanequals": lambda a, b: a >= b}

# name → (comparison, negated)
OPERATORS = {
    "stringequals": (string_operator(False, False), False),
    "stringnotequals": (string_operator(False, False), True),
    "stringequalsignorecase": (string_operator(False, True), False),
    "stringnotequalsignorecase": (string_operator(False, True), True),
    "stringlike": (string_operator(True, False), False),
    "stringnotlike": (string_operator(True, False), True),
    "bool": (bool_operator, False),
    "binaryequals": (binary_operator, False),
    "ipaddress": (address_operator, False),
    "notipaddress": (address_operator, True),
    "arnequals": (arn_like, False),
    "arnlike": (arn_like, False),
    "arnnotequals": (arn_like, True),
    "arnnotlike": (arn_like, True),
}
for kind, reader in (("numeric", number), ("date", date)):
    OPERATORS[kind + "equals"] = (typed_operator(reader, ORDER[""]), False)
    OPERATORS[kind + "notequals"] = (typed_operator(reader, ORDER[""]), True)
    for order in ("lessthan", "lessthanequals", "greaterthan", "greaterthanequals"):
        OPERATORS[kind + order] = (typed_operator(reader, ORDER[order]), False)


def value_holds(compare, negated, given, wanted, version, context):
    """One value of the request against all of the policy: equal to one of them; negated: to none of them."""
    results = [compare(given, w, version, context) for w in wanted]
    if negated:
        return all(r is False for r in results)
    return any(r is True for r in results)


def condition_holds(operator, key, wanted, version, context):
    name = operator.lower()
    several = None
    for qualifier in ("foranyvalue:", "forallvalues:"):
        if name.startswith(qualifier):
            several, name = qualifier, name[len(qualifier):]
    if_exists = name.endswith("ifexists")
    if if_exists:
        name = name[:-len("ifexists")]
    given = context.get(key.lower(), [])
    wanted = [text_of(w) for w in as_list(wanted)]
    if name == "null":
        return any(w.lower() == ("false" if given else "true") for w in wanted)
    compare, negated = OPERATORS[name]
    if not given:
        if if_exists or several == "forallvalues:":
            return True
        return negated and several is None
    results = [value_holds(compare, negated, g, wanted, version, context) for g in given]
    return any(results) if several == "foranyvalue:" else all(results)


def action_matches(pattern, action):
    """@action without its service; "*" for one that has no name: only what means all of S3's actions covers it."""
    if pattern == "*":
        return True
    service, _, name = pattern.partition(":")
    if service.lower() != "s3":
        return False
    if action == "*":
        return name.strip("*") == "" and name != ""
    return expand(name.lower(), "", {}, wild=True).matches(action.lower())


def resource_matches(pattern, resource, version, context):
    if pattern == "*":
        return True
    if resource == "*":  # of actions without a resource: AWS's own examples allow s3:ListAllMyBuckets on arn:aws:s3:::*
        resource = "arn:aws:s3:::*"
    return arn_like(resource, pattern, version, context)


def covers_unnamed(statement, resource, version, context):
    """What has no name may do anything to anything: every deny forbids it, and nothing but s3:* on a named resource allows it."""
    if statement["Effect"] == "Deny":
        return True
    return any(action_matches(p, "*") for p in as_list(statement.get("Action", []))) and any(
        resource_matches(p, resource, version, context) for p in as_list(statement.get("Resource", [])))


def statement_reaches(statement, version, action, resource, context):
    if action == "*":
        return covers_unnamed(statement, resource, version, context)
    if "Action" in statement:
        if not any(action_matches(p, action) for p in as_list(statement["Action"])):
            return False
    elif any(action_matches(p, action) for p in as_list(statement["NotAction"])):
        return False
    if "Resource" in statement:
        if not any(resource_matches(p, resource, version, context) for p in as_list(statement["Resource"])):
            return False
    elif any(resource_matches(p, resource, version, context) for p in as_list(statement["NotResource"])):
        return False
    return True


def statement_applies(statement, version, action, resource, context):
    return statement_reaches(statement, version, action, resource, context) and all(
        condition_holds(operator, key, wanted, version, context)
        for operator, keys in statement.get("Condition", {}).items() for key, wanted in keys.items())


def decide(policies, action, resource, context):
    allowed = None
    for name, document in policies:
        version = document.get("Version", "2008-10-17")
        for index, statement in enumerate(as_list(document["Statement"])):
            if not statement_applies(statement, version, action, resource, context):
                continue
            if statement["Effect"] == "Deny":
                return ("deny", name, index)
            allowed = allowed or ("allow", name, index)
    return allowed or ("refuse", None, None)
