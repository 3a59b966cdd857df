# SPDX-License-Identifier: Apache-2.0
"""minio-go's own functional tests, against the server directly and through the proxy: the same outcome both ways.

The program comes with Debian's package of minio-go (functional_tests.go); it is built with a main that runs one test of its
list, so that one that ends early does not take others with it, with the lab's Region in place of those that the lab does
not have, and with a largest file of 33 MiB in place of 129: it goes in parts all the same. Over HTTP it signs each chunk of
a body; tests whose name ends in V2 sign with SigV2. Tests of encryption with the client's own key (SSE-C) run over TLS, as
S3 wants it. Left out: the tests that need a key management service."""
import concurrent.futures
import json
import re
import tempfile

import lib
import s3raw
from recorder import Recorder, loopback_certificate

SOURCE = "/usr/share/gocode/src/github.com/minio/minio-go/v7/functional_tests.go"
VETERAN = ("AKIALOCALVETERAN0001", "veteranSecret/veteranSecret+veteranS0123")
# The server itself refuses an empty body in signed chunks, and leaves Location out of the answer to a form.
BETTER = ("testPutObjectStreaming", "testPutObjectWithContentLanguage", "testPutObjectWithVersioning", "testPresignedPostPolicy")


def setUpModule():
    global ceph, direct, program, recorders, tests, tls_tests
    program, tests, tls_tests = build()
    ceph = lib.Ceph()
    veteran = lib.section("client veteran", access_key_id=VETERAN[0], secret_access_key=VETERAN[1], policy="allow-all", sigv2="yes")
    lib.Case.proxy = lib.Proxy(ceph.addresses, trailers="decode", extra=veteran)
    there = (ceph.addresses[0], 443), s3raw.tls_context(lib.certificates() / "ca.pem"), lib.S3_NAME
    authority, context = loopback_certificate(lib.WORK)
    recorders = Recorder(*there), Recorder(*there, context)
    direct = {"http": (recorders[0].port, lib.UPSTREAM_KEY, authority), "https": (recorders[1].port, lib.UPSTREAM_KEY, authority)}


def tearDownModule():
    for recorder in recorders:
        recorder.close()
    lib.Case.proxy.stop()
    ceph.close()


def smaller(function):
    """The largest file is of 33 MiB (three parts), except where ranges of the 129 MiB are written out."""
    table = "var dataFileMap = map[string]int{\n"
    function = function.replace(table, table + '\t"datafile-33-MB": 33 * humanize.MiByte,\n')
    if function.startswith("func testGetObjectRanges("):
        return function
    return re.sub('"datafile-129-MB"(?=[])])', '"datafile-33-MB"', function)


def build():
    """The program with its main replaced, and the tests that this main knew: those for any scheme, those for TLS."""
    with open(SOURCE, encoding="utf-8") as file:
        source = re.sub(r"(?m)^(//go:build|// \+build) .*\n", "", file.read(), count=2)
    source = re.sub('"(eu-west-1|eu-central-1|us-west-2)"', '"%s"' % lib.REGION, source)
    source = "".join(map(smaller, re.split("(?m)^(?=func )", source)))
    before, main = source.split("\nfunc main() {\n")
    setup, listed = main.split("\n\t// execute tests\n")
    groups = [re.findall(r"(?m)^\t+(test\w+)\(\)$", group) for group in re.split("// SSE-C tests|// KMS tests", listed)[:2]]
    table = "".join('\t\t"%s": %s,\n' % (name, name) for name in sorted(set(groups[0] + groups[1])))
    chosen = "\t_, _ = tls, kms\n\tmap[string]func(){\n%s\t}[os.Args[1]]()\n}\n" % table
    return lib.go_program("minio_functional", before + "\nfunc main() {\n" + setup + "\n" + chosen), *groups


def outcome(test, scheme, server):
    """What a test said: a list of (name, status, message, what is not applicable and why); and all of it as text."""
    port, key, authority = server
    with tempfile.TemporaryDirectory(dir=lib.WORK) as folder:  # the files of tests that run at once have the same names
        result = lib.run(program, test, check=False, timeout=120, cwd=folder, env=lib.clean_environment(
            SERVER_ENDPOINT="127.0.0.1:%d" % port, ACCESS_KEY=key[0], SECRET_KEY=key[1], ENABLE_HTTPS=str(int(scheme == "https")),
            ENABLE_KMS="0", SSL_CERT_FILE=authority, TMPDIR=folder))
    said = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    return [tuple(line.get(word, "") for word in ("name", "status", "message", "alert")) for line in said], result.stdout + result.stderr


class Functional(lib.Case):
    def same_outcome(self, scheme, chosen):
        listener = "tls" if scheme == "https" else "plain"
        proxied = (self.proxy.ports[listener], VETERAN, self.proxy.ca_file)
        passed = 0
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = {test: [pool.submit(outcome, test, scheme, server) for server in (direct[scheme], proxied)] for test in chosen}
        for test, (one, other) in runs.items():
            with self.subTest(test):
                expected, found = one.result(), other.result()
                if test in BETTER:
                    self.assertEqual([said[1] for said in expected[0]], ["FAIL"], expected[1][-1500:])
                    expected[0][0] = (expected[0][0][0], "PASS", "", "")
                self.assertEqual(found[0], expected[0], "directly:\n%s\nthrough the proxy:\n%s" % (
                    expected[1][-1500:], found[1][-1500:]))
                passed += found[0][0][1] == "PASS"
        # The program takes NotImplemented for "not applicable"; none of that may be the proxy's own.
        self.assertEqual([line for line in self.proxy.access_lines() if line["end"] in ("not_implemented", "transfer_coding")], [])
        return passed

    def test_signed_chunks_and_sigv2_over_http(self):
        self.assertGreater(self.same_outcome("http", tests), 45)

    def test_client_keys_over_tls(self):
        self.assertGreater(self.same_outcome("https", tls_tests), 8)


if __name__ == "__main__":
    lib.main()
