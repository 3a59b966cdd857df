# SPDX-License-Identifier: Apache-2.0
"""conf/packaging/kubernetes: the manifests are what Kubernetes publishes types for, the configuration in them is one, and what stands there twice
(ports, addresses, times) says the same twice."""
import configparser
import json
import os
import re
import unittest

import yaml

import lib

FOLDER = lib.ROOT / "conf/packaging/kubernetes"
NODE_MODULES = os.environ.get("S3ONRAMP_NODE_MODULES")


def manifests(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def one(documents, kind):
    found, = [document for document in documents if document["kind"] == kind]
    return found


def settings(text):
    parsed = configparser.ConfigParser(comment_prefixes="#", interpolation=None)
    parsed.read_string(text)
    return parsed


class Manifests(unittest.TestCase):
    def compile(self, documents):
        """What TypeScript has to say of them: types, unknown fields and words that are none, after Kubernetes' OpenAPI document."""
        folder = lib.WORK / "types"
        folder.mkdir(exist_ok=True)
        if not (folder / "node_modules").exists():
            (folder / "node_modules").symlink_to(NODE_MODULES)
        lines = []
        for i, document in enumerate(documents):
            kind = document["kind"]
            lines += ['import { I%s as T%d } from "kubernetes-models/%s/%s";' % (kind, i, document["apiVersion"], kind),
                      "export const m%d: T%d = %s;" % (i, i, json.dumps(document))]
        (folder / "m.ts").write_text("\n".join(lines))
        result = lib.run("node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2020", "--module",
                         "commonjs", "--moduleResolution", "node", "m.ts", cwd=folder, check=False)
        return result.stdout

    def test_they_are_what_kubernetes_knows(self):
        documents = manifests("s3onramp.yaml") + manifests("daemonset.yaml")
        self.assertEqual(self.compile(documents), "")
        pod = one(documents, "Deployment")["spec"]["template"]["spec"]
        pod["containers"][0]["readynessProbe"] = pod["containers"][0].pop("readinessProbe")
        pod["terminationGracePeriodSeconds"] = "long"
        found = self.compile(documents)
        self.assertIn("readynessProbe", found)
        self.assertIn("Type 'string' is not assignable to type 'number'", found)

    def test_the_configuration_is_one(self):
        """With the secrets as kubelet mounts them: root's, readable by the group of the pod."""
        folder = lib.WORK / "config"
        secrets = folder / "secrets"
        secrets.mkdir(parents=True)
        text = one(manifests("s3onramp.yaml"), "ConfigMap")["data"]["s3onramp.ini"].replace("/etc/s3onramp-secrets", str(secrets))
        config = folder / "s3onramp.ini"
        config.write_text(text)
        config.chmod(0o444)
        for name, content in (("access_key_id", lib.UPSTREAM_KEY[0]), ("secret_access_key", lib.UPSTREAM_KEY[1]), ("token", "t" * 32)):
            (secrets / name).write_text(content)
        lib.run(lib.PROGRAM, "ca", "init", "-c", config)
        lib.run(lib.PROGRAM, "client", "add", "alice", "--policy", "read-only", "--no-reload", "-c", config)
        for path in secrets.iterdir():
            path.chmod(0o440)
        result = lib.run(lib.PROGRAM, "check", "-c", config, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_what_stands_there_twice_is_the_same(self):
        documents = manifests("s3onramp.yaml")
        ini = settings(one(documents, "ConfigMap")["data"]["s3onramp.ini"])
        pods = [one(documents, "Deployment")["spec"]["template"], one(manifests("daemonset.yaml"), "DaemonSet")["spec"]["template"]]
        policy, service = one(documents, "NetworkPolicy")["spec"], one(documents, "Service")["spec"]
        bound = {int(ini[section][option].rpartition(":")[2]) for section, option in (("listener proxy", "bind"), ("listener endpoint", "bind"),
                                                                                     ("admin", "listen"))}
        addresses = {address.strip() + "/32" for address in ini["endpoint tokyo"]["addresses"].split(",")}
        self.assertEqual({to["ipBlock"]["cidr"] for to in policy["egress"][0]["to"]}, addresses)
        self.assertEqual({port["port"] for port in policy["ingress"][0]["ports"]}, bound)
        names = {port["name"]: port["containerPort"] for port in pods[0]["spec"]["containers"][0]["ports"]}
        self.assertEqual(set(names.values()), bound)
        for port in service["ports"]:
            self.assertEqual(names[port["targetPort"]], port["port"])
        seconds = sum(int(re.fullmatch(r"(\d+)s", ini["server"][option])[1]) for option in ("drain_delay", "shutdown_timeout"))
        for pod in pods:
            self.assertGreater(pod["spec"]["terminationGracePeriodSeconds"], seconds)
            container, = pod["spec"]["containers"]
            for probe in ("livenessProbe", "readinessProbe"):
                self.assertEqual(names[container[probe]["httpGet"]["port"]], int(ini["admin"]["listen"].rpartition(":")[2]))
            mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
            for path in (ini["ca"]["private_key"], ini["server"]["clients_file"], container["args"][-1]):
                self.assertIn(os.path.dirname(path), mounted)
            for port in container["ports"]:
                port.pop("hostPort", None), port.pop("hostIP", None)
            pod["spec"].pop("topologySpreadConstraints", None)
        self.assertEqual(*pods)


if __name__ == "__main__":
    lib.main()
