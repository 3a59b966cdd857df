# SPDX-License-Identifier: Apache-2.0
"""conf/sbom: what it writes is CycloneDX as its published schema says, names the packages that the program's libraries are from, in the
versions that are installed, and is the same twice; and the build runs it."""
import copy
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import lib

NODE_MODULES = os.environ.get("S3ONRAMP_NODE_MODULES")


def written(name="sbom.json", **more):
    path = lib.WORK / name
    lib.run(lib.ROOT / "conf" / "sbom", lib.PROGRAM, path, env=dict(os.environ, **more), timeout=300)
    return path.read_bytes()


def setUpModule():
    if not NODE_MODULES:
        print("no npm packages here")
        sys.exit(77)
    global TEXT, BOM
    TEXT = written()
    BOM = json.loads(TEXT)


class Sbom(unittest.TestCase):
    def complaint(self, bom):
        path = lib.WORK / "checked.json"
        path.write_text(json.dumps(bom))
        done = lib.run("node", lib.ROOT / "tests/e2e/clients/check_sbom.js", path, check=False, timeout=300)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.stderr

    def test_schema(self):
        self.assertEqual(self.complaint(BOM), "")
        wrong = copy.deepcopy(BOM)
        wrong["components"][0]["licenses"] = [{"license": {"id": "No-Such-Licence"}}]
        self.assertIn("license", self.complaint(wrong))

    def test_what_the_program_loads(self):
        packages = {c["name"]: c for c in BOM["components"]}
        libraries = {p["value"] for c in BOM["components"] for p in c["properties"]}
        loaded = re.findall(r"^\s+(?:(\S+) => )?(/\S+) \(0x", lib.run("ldd", lib.PROGRAM).stdout, re.M)
        self.assertEqual(libraries, {name or pathlib.Path(file).name for name, file in loaded})
        for name, library in ("libssl3", "libcrypto.so.3"), ("libcurl4", "libcurl.so.4"), ("libc6", "libc.so.6"):
            self.assertIn({"name": "library", "value": library}, packages[name]["properties"])
        installed = dict(line.split() for line in lib.run("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages).stdout.splitlines())
        for name, one in packages.items():
            self.assertEqual(one["version"], installed[name])
            self.assertTrue(one["purl"].startswith("pkg:deb/debian/%s@" % name), one)
        self.assertIn({"license": {"id": "MIT"}}, packages["libexpat1"]["licenses"])

    def test_the_program(self):
        root = BOM["metadata"]["component"]
        self.assertEqual(root["version"], lib.run(lib.PROGRAM, "--version").stdout.split()[1])
        self.assertEqual(root["hashes"][0]["content"], hashlib.sha256(pathlib.Path(lib.PROGRAM).read_bytes()).hexdigest())
        needs = {d["ref"]: d["dependsOn"] for d in BOM["dependencies"]}
        self.assertEqual(set(needs), {"s3onramp"} | {c["bom-ref"] for c in BOM["components"]})
        self.assertIn("libcurl4", needs["s3onramp"])
        self.assertIn("libnghttp2-14", needs["libcurl4"])
        self.assertNotIn("libnghttp2-14", needs["s3onramp"])

    def test_the_same_twice(self):
        self.assertEqual(written("again.json"), TEXT)
        self.assertEqual(json.loads(written("dated.json", SOURCE_DATE_EPOCH="86400"))["metadata"]["timestamp"], "1970-01-02T00:00:00Z")

    def test_the_build_makes_it(self):
        build = pathlib.Path(lib.PROGRAM).resolve().parent
        if not (build / "build.ninja").exists():
            self.skipTest("not in its build's folder")
        command = lib.run("ninja", "-C", build, "-t", "commands", "sbom").stdout.splitlines()[-1]
        target = build / "s3onramp.cdx.json"
        target.unlink(missing_ok=True)
        subprocess.run(command, shell=True, cwd=build, check=True, timeout=300)
        self.assertEqual(target.read_bytes(), TEXT)


if __name__ == "__main__":
    lib.main()
