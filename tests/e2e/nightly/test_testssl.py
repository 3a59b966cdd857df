# SPDX-License-Identifier: Apache-2.0
"""testssl.sh at each face that speaks TLS: no finding above LOW in protocols, ciphers, forward secrecy, certificates and
vulnerabilities. What it says of fields for browsers is left out: answers are S3's. Certificates live long here: testssl.sh calls
HIGH what ends within a month, which those that are made for each name always do. It takes some minutes."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lib  # noqa: E402
import test_scanners  # noqa: E402

FINE = {"OK", "INFO", "LOW", "WARN"}  # WARN: it could not look at something, such as the revocation list, which is none of its network

CHECKS = ("--protocols", "--std", "--pfs", "--server-preference", "--server-defaults", "--vulnerable")


def setUpModule():
    global endpoint, faces
    endpoint, lib.Case.proxy, faces = test_scanners.make_proxy()


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


class Testssl(lib.Case):
    def scan(self, port, name):
        report = lib.WORK / ("%d.json" % port)
        lib.run("testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", *CHECKS, "--add-ca", self.proxy.ca_file, "--jsonfile", report,
                "--ip", "127.0.0.1", "%s:%d" % (name, port), check=False, env=lib.clean_environment(TERM="dumb"))
        return json.loads(report.read_text())

    def test_each_face(self):
        for what, (port, name) in faces.items():
            with self.subTest(what):
                found = self.scan(port, name)
                self.assertEqual([f for f in found if f["severity"] not in FINE], [])
                said = {f["id"]: f["finding"] for f in found}
                self.assertEqual([said[v].split()[0] for v in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3")],
                                 ["not"] * 4 + ["offered"] * 2)


if __name__ == "__main__":
    lib.main()
