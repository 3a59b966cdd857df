# SPDX-License-Identifier: Apache-2.0
"""conf/cloudformation/endpoint.yaml without AWS: what it refers to is there, nothing is circular, its policies say what its
README says, the configuration that it hands out is one that the program takes, and so is a certificate made as told there."""
import re
import subprocess
import unittest

import yaml

import lib

FOLDER = lib.ROOT / "conf" / "cloudformation"
TAGS = ("Ref", "Sub", "GetAtt", "Select", "Split", "Equals")
PSEUDO = {"AWS::Region": lib.REGION, "AWS::Partition": "aws", "AWS::StackName": "s3onramp", "AWS::AccountId": "123456789012"}
MADE = {  # what AWS would answer
    "S3Endpoint": {"DnsEntries": ["Z0:*.%s" % lib.VPCE_NAME, "Z0:*.vpce-x"]},
    "TrustAnchor": {"TrustAnchorArn": "arn:aws:rolesanywhere:%s:123456789012:trust-anchor/0b1f2e3d-aaaa-bbbb-cccc-0123456789ab" % lib.REGION},
    "Profile": {"ProfileArn": "arn:aws:rolesanywhere:%s:123456789012:profile/0b1f2e3d-aaaa-bbbb-cccc-0123456789ab" % lib.REGION},
    "Role": {"Arn": "arn:aws:iam::123456789012:role/s3onramp-Role-1ABCDEFGHIJKL"},
}


class Call:
    def __init__(self, name, value):
        self.name, self.value = name, value


class Loader(yaml.SafeLoader):
    pass


def construct(loader, suffix, node):
    kind = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: lambda n: loader.construct_sequence(n, True)}
    return Call(suffix, kind[type(node)](node))


Loader.add_multi_constructor("!", construct)
TEMPLATE = yaml.load((FOLDER / "endpoint.yaml").read_text(), Loader)  # noqa: S506 a SafeLoader


def names_in(value):
    """Logical names that a value refers to."""
    if isinstance(value, Call):
        if value.name == "Ref":
            yield value.value
        elif value.name == "GetAtt":
            yield value.value.split(".")[0]
        elif value.name == "Sub":
            text, own = value.value if isinstance(value.value, list) else (value.value, {})
            for name in re.findall(r"\$\{([^}]+)\}", text):
                if name not in own:
                    yield name.split(".")[0]
            yield from names_in(own)
        else:
            yield from names_in(value.value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from names_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from names_in(item)


def evaluate(value):
    if not isinstance(value, Call):
        return value
    if value.name == "GetAtt":
        resource, attribute = value.value.split(".")
        return MADE[resource][attribute]
    if value.name == "Select":
        return evaluate(value.value[1])[value.value[0]]
    if value.name == "Split":
        return evaluate(value.value[1]).split(value.value[0])
    if value.name == "Sub":
        text, own = value.value if isinstance(value.value, list) else (value.value, {})

        def one(match):
            name, _, attribute = match[1].partition(".")
            return evaluate(own[name]) if name in own else MADE[name][attribute] if attribute else PSEUDO[name]
        return re.sub(r"\$\{([^}]+)\}", one, text)
    raise AssertionError(value.name)


class Template(unittest.TestCase):
    def test_references(self):
        known = set(TEMPLATE["Resources"]) | set(TEMPLATE["Parameters"]) | set(PSEUDO)
        for part in ("Resources", "Outputs", "Conditions"):
            self.assertEqual(set(names_in(TEMPLATE[part])) - known, set(), part)
        for part in ("Resources", "Outputs"):
            for name, item in TEMPLATE[part].items():
                self.assertIn(item.get("Condition", "WithSts"), TEMPLATE["Conditions"], name)
        used = set(names_in(TEMPLATE))
        self.assertEqual(set(TEMPLATE["Parameters"]) - used, set(), "parameters that do nothing")

    def test_nothing_is_circular(self):
        resources = TEMPLATE["Resources"]
        after = {name: set(names_in(item)) & set(resources) for name, item in resources.items()}
        while after:
            ready = [name for name, needs in after.items() if not needs]
            self.assertTrue(ready, "a circle among %s" % after)
            for name in ready:
                del after[name]
            for needs in after.values():
                needs.difference_update(ready)

    def test_what_is_not_named_is_not_allowed(self):
        """Each statement that allows something has a condition that ties it to the proxy or to the endpoint."""
        role, endpoint = (TEMPLATE["Resources"][name]["Properties"] for name in ("Role", "S3Endpoint"))
        for statement in TEMPLATE["Resources"]["RolePolicy"]["Properties"]["PolicyDocument"]["Statement"]:
            self.assertEqual(statement["Condition"]["StringEquals"]["aws:SourceVpce"].value, "S3Endpoint")
        for statement in endpoint["PolicyDocument"]["Statement"]:
            self.assertEqual(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"].value, "Role.Arn")
        trust, = role["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(trust["Condition"]["ArnEquals"]["aws:SourceArn"].value, "TrustAnchor.TrustAnchorArn")
        self.assertEqual(trust["Condition"]["StringEquals"]["aws:PrincipalTag/x509Subject/CN"].value, "ProxyName")
        for name, resource in TEMPLATE["Resources"].items():
            if resource["Type"] == "AWS::EC2::VPCEndpoint":
                self.assertEqual((resource["Properties"]["VpcEndpointType"], resource["Properties"]["PrivateDnsEnabled"]),
                                 ("Interface", False), name)

    def test_the_steps_of_the_readme(self):
        """The commands of step 1 as they stand there; the configuration of step 3 with what they made."""
        folder = lib.WORK / "cloudformation"
        folder.mkdir()
        step = (FOLDER / "README.md").read_text().split("1. ", 1)[1].split("2. ", 1)[0]
        commands = "\n".join(line[7:] for line in step.splitlines() if line.startswith("       "))
        self.assertIn("openssl x509 -req", commands)
        done = subprocess.run(["bash", "-euc", commands], cwd=folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        pattern = TEMPLATE["Parameters"]["CaCertificate"]["AllowedPattern"]
        self.assertRegex((folder / "ca.pem").read_text(), pattern)
        self.assertRegex(lib.run("openssl", "x509", "-in", folder / "proxy.pem", "-noout", "-subject").stdout,
                         r"CN ?= ?%s$" % TEMPLATE["Parameters"]["ProxyName"]["Default"])
        text = evaluate(TEMPLATE["Outputs"]["Configuration"]["Value"]).replace("/etc/s3onramp", str(folder))
        text += lib.section("listener local", mode="endpoint", bind="127.0.0.1:9000", anonymous="me")
        text += lib.section("client me", policy="allow-all")
        config = folder / "s3onramp.ini"
        config.write_text(text)
        config.chmod(0o600)
        self.assertIn(": fine: ", lib.run(lib.PROGRAM, "check", "-c", config).stderr)
        # Up to the connection: the certificate is one that Roles Anywhere would take.
        config.write_text(text.replace("source = roles-anywhere", "source = roles-anywhere\naddresses = 127.0.0.1:1\ntimeout = 5s")
                          + lib.section("server", private_networks="127.0.0.0/8"))
        result = lib.run(lib.PROGRAM, "credentials", "default", "--fetch", "-c", config, check=False)
        self.assertIn("rolesanywhere.%s.amazonaws.com" % lib.REGION, result.stderr)
        self.assertRegex(result.stderr, "(?i)connect")


if __name__ == "__main__":
    lib.main()
