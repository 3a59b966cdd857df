# SPDX-License-Identifier: Apache-2.0
"""conf/terraform says what conf/cloudformation says, field by field: parsed as HCL, with references that name the same things. What it
refers to is there, and the README's example calls it with what it needs."""
import json
import os
import re
import sys
import unittest

import lib
from test_cloudformation import TEMPLATE, Call

NODE_MODULES = os.environ.get("S3ONRAMP_NODE_MODULES")
FOLDER = lib.ROOT / "conf" / "terraform"
# Resources, by CloudFormation's names.
SAME = {"SecurityGroup": "aws_security_group.endpoints", "S3Endpoint": "aws_vpc_endpoint.s3",
        "RolesAnywhereEndpoint": "aws_vpc_endpoint.roles_anywhere", "StsEndpoint": "aws_vpc_endpoint.sts",
        "TrustAnchor": "aws_rolesanywhere_trust_anchor.ca", "Role": "aws_iam_role.proxy", "RolePolicy": "aws_iam_role_policy.buckets",
        "Profile": "aws_rolesanywhere_profile.proxy"}
VALUES = {"AWS::Region": "data.aws_region.current.region", "AWS::Partition": "data.aws_partition.current.partition",
          "AWS::StackName": "var.name"}
ATTRIBUTES = {"Arn": "arn", "TrustAnchorArn": "arn", "ProfileArn": "arn", "DnsEntries": "dns_entry"}
# What the two call differently, as CloudFormation's own word: Terraform's.
WORDS = {"GroupDescription": "description", "AssumeRolePolicyDocument": "assume_role_policy", "PolicyDocument": "policy",
         "PolicyName": "name", "Roles": "role", "SecurityGroupIngress": "ingress", "IpProtocol": "protocol", "CidrIp": "cidr_blocks"}


def snake(word):
    return WORDS.get(word) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()


def reference(name):
    """${…} of CloudFormation in Terraform's words."""
    if name in VALUES:
        return VALUES[name]
    resource, _, attribute = name.partition(".")
    if resource in SAME:
        return SAME[resource] + "." + (ATTRIBUTES[attribute] if attribute else "id")
    return "var." + snake(resource)


def said(value):
    """A value of the template with references as Terraform writes them."""
    if isinstance(value, dict):
        return {key: said(item) for key, item in value.items()}
    if isinstance(value, list):
        return [said(item) for item in value]
    if not isinstance(value, Call):
        return value
    if value.name in ("Ref", "GetAtt"):
        return "${%s}" % reference(value.value)
    if value.name == "Select":  # the name of an endpoint, out of "zone:name"
        return said(value.value[1].value[1].value[1]).replace("}", "[0].dns_name}")
    assert value.name == "Sub", value.name
    text, own = value.value if isinstance(value.value, list) else (value.value, {})
    return re.sub(r"\$\{([^}]+)\}", lambda m: said(own[m[1]]) if m[1] in own else "${%s}" % reference(m[1]), text)


def listed(value):
    return value if isinstance(value, list) else [value]


def canonical(document):
    """An AWS policy with lists where it may have either."""
    return [{"Sid": s.get("Sid"), "Effect": s["Effect"], "Principal": s.get("Principal"), "Action": listed(s["Action"]),
             "Resource": listed(s["Resource"]) if "Resource" in s else None,
             "Condition": {test: {k: listed(v) for k, v in keys.items()} for test, keys in s["Condition"].items()}}
            for s in document["Statement"]]


def written(document):
    """What an aws_iam_policy_document comes to."""
    for s in document["statement"]:
        conditions = {}
        for one in s.get("condition", ()):
            conditions.setdefault(one["test"], {})[one["variable"]] = one["values"]
        principal = {p["type"]: p["identifiers"][0] for p in s.get("principals", ())}
        yield {"Sid": s.get("sid"), "Effect": s["effect"], "Principal": "*" if principal == {"*": "*"} else principal or None,
               "Action": s["actions"], "Resource": s.get("resources"), "Condition": conditions}


def parsed(*files):
    result = lib.run("node", lib.ROOT / "tests/e2e/clients/hcl_to_json.js", *files, timeout=300)
    return {name.rpartition("/")[2]: what for name, what in json.loads(result.stdout).items()}


def setUpModule():
    if not NODE_MODULES:
        print("no npm packages here")
        sys.exit(77)
    global MODULE, MAIN, EXAMPLE
    example = lib.WORK / "example.tf"
    lines = (FOLDER / "README.md").read_text().split("2. ", 1)[1].split("3. ", 1)[0].splitlines()
    example.write_text("\n".join(line for line in lines if line.startswith("       ")))
    MODULE = parsed(*sorted(FOLDER.glob("*.tf")), example)
    EXAMPLE, MAIN = MODULE.pop("example.tf"), MODULE["main.tf"]


class Terraform(unittest.TestCase):
    def resource(self, address):
        kind, name = address.split(".")
        return MAIN["resource"][kind][name][0]

    def test_resources(self):
        self.assertEqual({"%s.%s" % (kind, name) for kind, all_of in MAIN["resource"].items() for name in all_of}, set(SAME.values()))
        self.assertEqual(set(SAME), set(TEMPLATE["Resources"]))
        for name, address in SAME.items():
            with self.subTest(name):
                properties, own = dict(TEMPLATE["Resources"][name]["Properties"]), dict(self.resource(address))
                condition = TEMPLATE["Resources"][name].get("Condition")
                self.assertEqual(own.pop("count", None), condition and "${var.private_%s ? 1 : 0}" % snake(condition[4:]))
                # Each makes its own names of these; no egress at all is what CloudFormation can only say in a roundabout way.
                own.pop("name" if name == "SecurityGroup" else "name_prefix", None)
                properties.pop("SecurityGroupEgress", None)
                for key, value in properties.items():
                    self.same(key, value, own.pop(snake(key)))
                self.assertEqual(own, {}, "what the template does not have")

    def same(self, key, value, own):
        if key in ("PolicyDocument", "AssumeRolePolicyDocument"):
            document, = MAIN["data"]["aws_iam_policy_document"][re.fullmatch(r"\$\{data.aws_iam_policy_document.(\w+).json\}", own)[1]]
            self.assertEqual(list(written(document)), canonical(said(value)))
        elif key == "SubnetIds":
            self.assertEqual(own, "${var.subnet_ids}")
        elif isinstance(value, dict):  # a block
            block, = own
            self.assertEqual(set(block), set(map(snake, value)))
            for inner, item in value.items():
                self.same(inner, item, block[snake(inner)])
        elif key == "SecurityGroupIngress":
            self.assertEqual([{**rule, "cidr_blocks": rule["cidr_blocks"][0]} for rule in own],
                             [{snake(k): said(v) for k, v in rule.items()} for rule in value])
        else:
            self.assertEqual(own, said(value[0] if key == "Roles" else value), key)

    def test_variables(self):
        variables = {name: one[0] for name, one in MODULE["variables.tf"]["variable"].items()}
        self.assertEqual(set(variables), {snake(name) for name in TEMPLATE["Parameters"]} | {"name"})
        for name, parameter in TEMPLATE["Parameters"].items():
            own = variables[snake(name)]
            switch = {"yes": True, "no": False} if "AllowedValues" in parameter else {}
            default = parameter.get("Default")
            self.assertEqual((own["description"], own.get("default")), (parameter["Description"], switch.get(default, default)))
            self.assertEqual(own["type"], "${bool}" if switch else "${list(string)}" if "List" in parameter["Type"] else "${string}")
            pattern = parameter.get("AllowedPattern")
            self.assertEqual([v["condition"] for v in own.get("validation", ())],
                             ["${can(regex(%s, var.%s))}" % (json.dumps(pattern), snake(name))] if pattern else [])

    def test_outputs(self):
        outputs = {name: one[0] for name, one in MODULE["outputs.tf"]["output"].items()}
        self.assertEqual(set(outputs), set(map(snake, TEMPLATE["Outputs"])))
        for name, output in TEMPLATE["Outputs"].items():
            value = said(output["Value"])
            if "Condition" in output:
                value = re.sub(r"\$\{(\w+\.\w+)(.*)\}", r"${one(\1[*]\2)}", value)
            self.assertEqual(outputs[snake(name)], {"description": output["Description"], "value": value})

    def test_what_is_referred_to_is_there(self):
        text = json.dumps(MODULE)
        for name in re.findall(r"\bvar\.(\w+)", text):
            self.assertIn(name, MODULE["variables.tf"]["variable"])
        for name in MODULE["variables.tf"]["variable"]:
            self.assertIn("var.%s" % name, json.dumps(MAIN), "a variable that does nothing")
        for kind, name in re.findall(r"\b(aws_\w+)\.(\w+)", text):
            self.assertIn(name, {**MAIN["resource"].get(kind, {}), **MAIN["data"].get(kind, {})}, kind)

    def test_the_example_of_the_readme(self):
        call = EXAMPLE["module"]["s3onramp"][0]
        self.assertEqual(call.pop("source"), "./conf/terraform")
        variables = MODULE["variables.tf"]["variable"]
        self.assertEqual(set(call), {name for name, one in variables.items() if "default" not in one[0]})
        self.assertEqual(EXAMPLE["output"]["s3onramp"][0]["value"], "${module.s3onramp}")


if __name__ == "__main__":
    lib.main()
