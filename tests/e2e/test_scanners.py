# SPDX-License-Identifier: Apache-2.0
"""What scanners for TLS find at each face that speaks it: TLS 1.2 with AEAD ciphers and 1.3 only. sslscan here; testssl.sh, which takes
minutes, is run by nightly/test_testssl.py."""
import socket
import threading
import xml.etree.ElementTree

import lib
import s3raw

TOKEN = "scanners-of-the-test-ask-with-this"
HOST = "bucket." + lib.S3_NAME


class Through(lib.Server):
    """A port for scanners that know no CONNECT: each connection goes through the forward listener."""

    def __init__(self, proxy):
        self.proxy = proxy
        super().__init__(self.relay)

    def relay(self, sock):
        inner = s3raw.Connection(self.proxy.address("forward"), tunnel=HOST + ":443")
        threading.Thread(target=self.copy, args=(inner.sock, sock), daemon=True).start()
        self.copy(sock, inner.sock)

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def make_proxy():
    """(the endpoint, the proxy, its faces: what → (port, name that is asked for))"""
    endpoint = lib.start_endpoint()
    admin = lib.free_port()
    proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]],
                      listeners={"secure": dict(mode="forward", tls="on"), "brought": dict(mode="redirect"),
                                 "asks": dict(mode="endpoint", tls="on", client_certificates="optional",
                                              client_ca=lib.certificates() / "ca.pem")},
                      admin=dict(listen="127.0.0.1:%d" % admin, tls="yes", token=TOKEN),
                      ca={"crl": "http://127.0.0.1:9/-/ca.crl"})
    faces = {name: (proxy.ports[name], HOST) for name in ("tls", "sniff", "secure", "brought", "asks")}
    faces["inside CONNECT"] = (Through(proxy).port, HOST)
    return endpoint, proxy, {**faces, "admin": (admin, "localhost")}


def setUpModule():
    global endpoint, faces
    endpoint, lib.Case.proxy, faces = make_proxy()


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


class Scan(lib.Case):
    def scan(self, port, name):
        text = lib.run("sslscan", "--no-colour", "--xml=-", "--sni-name=" + name, "127.0.0.1:%d" % port, env=lib.clean_environment()).stdout
        return xml.etree.ElementTree.fromstring(text[text.index("<?xml"):]).find("ssltest")

    def judge(self, port, name):
        found = self.scan(port, name)
        versions = {(p.get("type"), p.get("version")) for p in found.findall("protocol") if p.get("enabled") == "1"}
        self.assertEqual(versions, {("tls", "1.2"), ("tls", "1.3")})
        ciphers = [(c.get("sslversion"), c.get("cipher"), int(c.get("bits"))) for c in found.findall("cipher")]
        self.assertGreaterEqual(len({version for version, _, _ in ciphers}), 2, ciphers)
        for version, cipher, bits in ciphers:
            self.assertRegex(cipher, "GCM|CHACHA20")
            self.assertTrue(version == "TLSv1.3" or cipher.startswith("ECDHE-"), cipher)
            self.assertGreaterEqual(bits, 128)
        self.assertEqual(found.find("renegotiation").get("supported"), "0")
        self.assertEqual([h.get("vulnerable") for h in found.findall("heartbleed")], ["0", "0"])
        self.assertEqual([c.get("supported") for c in found.findall("compression") if c.get("supported") != "0"], [])

    def test_each_face(self):
        for what, (port, name) in faces.items():
            with self.subTest(what):
                self.judge(port, name)


if __name__ == "__main__":
    lib.main()
