# SPDX-License-Identifier: Apache-2.0
"""testssl.sh at each face that speaks TLS: no finding above LOW in protocols, ciphers, forward secrecy, certificates and
vulnerabilities. What it says of fields for browsers is left out: answers are S3's. It takes some minutes.

Certificates are made for each name, live for `leaf_days` (30) and are made anew when a tenth of that is left. testssl.sh calls HIGH what ends
within 30 days, whoever renews it, unless $DAYS2WARN1 and $DAYS2WARN2 say what is late: three days here. And it wants a revocation list to be
named, which is `crl` of [ca]. What it finds without any of that is just these (conf/manual/security.md says so)."""
import concurrent.futures
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lib  # noqa: E402
import test_scanners  # noqa: E402

LATE = {"DAYS2WARN1": "3", "DAYS2WARN2": "3"}
FINE = {"OK", "INFO", "LOW", "WARN"}  # WARN: it could not look at something, such as the revocation list, which is none of its network

CHECKS = ("--protocols", "--std", "--pfs", "--server-preference", "--server-defaults", "--vulnerable")


def setUpModule():
    global endpoint, faces
    endpoint, lib.Case.proxy, faces = test_scanners.make_proxy()
    Default.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "default")


def tearDownModule():
    lib.Case.proxy.stop()
    Default.proxy.stop()
    endpoint.close()


def scan(proxy, port, name, checks=CHECKS, **variables):
    """id of each finding → (severity, text)"""
    report = lib.WORK / ("%d.json" % port)
    lib.run("testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", *checks, "--add-ca", proxy.ca_file,
            "--jsonfile", report, "--ip", "127.0.0.1", "%s:%d" % (name, port), check=False, env=lib.clean_environment(TERM="dumb", **variables))
    return {f["id"]: (f["severity"], f["finding"]) for f in json.loads(report.read_text())}


def bad(found):
    return {name: what for name, what in found.items() if what[0] not in FINE}


class Testssl(lib.Case):
    def test_each_face(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            scans = {what: pool.submit(scan, self.proxy, *face, **LATE) for what, face in faces.items()}
        for what, found in scans.items():
            with self.subTest(what):
                found = found.result()
                self.assertEqual(bad(found), {})
                self.assertEqual([found[v][1].split()[0] for v in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3")],
                                 ["not"] * 4 + ["offered"] * 2)


class Default(lib.Case):
    def test_what_is_found_if_nothing_is_said(self):
        found = bad(scan(self.proxy, self.proxy.ports["tls"], test_scanners.HOST, ["--server-defaults"]))
        self.assertEqual(set(found), {"cert_expirationStatus", "cert_notAfter", "cert_revocation"}, found)
        self.assertRegex(found["cert_expirationStatus"][1], "expires < 30 days")


if __name__ == "__main__":
    lib.main()
