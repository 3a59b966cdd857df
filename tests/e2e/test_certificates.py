# SPDX-License-Identifier: Apache-2.0
"""TLS certificates of clients: whom each kind of name proves, what is refused and in which words, revocation lists that change
while connections and TLS sessions live, and real clients."""
import datetime
import json
import os
import ssl
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

import lib
import s3raw

PASSWORD = "in case there is no certificate"
NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)
CLIENT_AUTH, SERVER_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


def der_utf8(text):
    return bytes((0x0c, len(text))) + text.encode()


class Authority:
    def __init__(self, name, by=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (by or self).sign(self.name, self.key.public_key(), (
            (x509.BasicConstraints(True, None), True),
            (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)))
        self.chain = [self.certificate] if by else []

    def sign(self, subject, public_key, extensions, end=NOW + 30 * DAY):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public_key).serial_number(
            x509.random_serial_number()).not_valid_before(min(NOW, end) - DAY).not_valid_after(end)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def revocation_list(self, *revoked, end=NOW + 30 * DAY):
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(NOW - DAY).next_update(end)
        for certificate in revoked:
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(
                certificate.serial_number).revocation_date(NOW - DAY).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, name, sans=(), usage=CLIENT_AUTH, end=NOW + 20 * DAY, subject=None):
        """Writes NAME.pem, with the chain and the key; the certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = subject or [(NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, name)]
        extensions = [(x509.ExtendedKeyUsage([usage]), False)]
        if sans:
            extensions.append((x509.SubjectAlternativeName(sans), False))
        certificate = self.sign(x509.Name([x509.NameAttribute(*part) for part in subject]), key.public_key(), extensions, end)
        pem = serialization.Encoding.PEM
        file(name).write_bytes(b"".join(c.public_bytes(pem) for c in [certificate] + self.chain) + key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return certificate


def file(name):
    return lib.WORK / (name + ".pem")


def write_lists(*revoked, end=NOW + 30 * DAY):
    """The list of each authority: the root's, and that of the one between."""
    new = lib.WORK / "lists.new"
    new.write_bytes(root.revocation_list() + between.revocation_list(*revoked, end=end))
    os.rename(new, lib.WORK / "lists.pem")


def setUpModule():
    global endpoint, root, between, certificates
    endpoint = lib.start_endpoint()
    root = Authority("Root of the people")
    between = Authority("People", by=root)
    mail, dns, uri = x509.RFC822Name, x509.DNSName, x509.UniformResourceIdentifier
    certificates = {
        "alice": between.issue("alice", [dns("laptop.example.com"), mail("Alice@Example.com")]),
        "carol": between.issue("carol"),
        "robot": between.issue("robot", [uri("spiffe://example.com/Robot")]),
        "box": between.issue("box", [dns("BOX.example.com")]),
        "dave": between.issue("dave", [x509.OtherName(UPN, der_utf8("dave@corp.example.com"))]),
        "gone": between.issue("gone", [mail("gone@example.com")]),
        "nobody": between.issue("nobody", [mail("nobody@example.com")]),
        "two": between.issue("two", [mail("alice@example.com"), dns("box.example.com")]),
        "revoked": between.issue("revoked", [mail("alice@example.com")]),
        "expired": between.issue("expired", [mail("alice@example.com")], end=NOW - DAY),
        "server": between.issue("server", [mail("alice@example.com")], usage=SERVER_AUTH),
        "stranger": Authority("Root of strangers").issue("stranger", [mail("alice@example.com")]),
        "leaver": between.issue("leaver", [mail("leaver@example.com")])}
    file("root").write_bytes(root.certificate.public_bytes(serialization.Encoding.PEM))
    write_lists(certificates["revoked"])
    common = dict(tls="on", client_ca=file("root"), client_crl=lib.WORK / "lists.pem")
    extra = "".join(lib.section("client " + name, policy="allow-all", certificate=names, **more) for name, names, more in (
        ("carol", "subject:CN=carol,O=Example", {}), ("robot", "uri:spiffe://example.com/Robot", {}),
        ("box", "dns:Box.example.com", {}), ("dave", "upn:dave@corp.example.com", {}),
        ("gone", "email:gone@example.com", dict(disabled="yes")), ("leaver", "email:leaver@example.com", {}),
        ("short", "email:short@example.com", {})))
    extra += lib.section("audit", to=lib.WORK / "audit.log")
    lib.Case.proxy = proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]],
        listeners={"must": dict(mode="endpoint", client_certificates="required", **common),
                   "may": dict(mode="endpoint", client_certificates="optional", anonymous="reader", **common),
                   "out": dict(mode="forward", client_certificates="optional", proxy_auth="required", **common)}, extra=extra)
    text = proxy.config.read_text().replace("[client alice]\n", "[client alice]\ncertificate = email:alice@example.com\n")
    proxy.config.write_text(text)
    proxy.command("reload")
    assert proxy.request("legacy", "PUT", "/bucket/key", b"x", key=None).status == 200


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


class Certificates(lib.Case):
    def tls(self, name, version=None):
        context = s3raw.tls_context(self.proxy.ca_file)
        if name:
            context.load_cert_chain(file(name))
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, listener, name, **options):
        return s3raw.Connection(self.proxy.address(listener), tls=self.tls(name, **options), name="127.0.0.1")

    def ask(self, listener, name, key=None, method="GET"):
        with self.connect(listener, name) as connection:
            return self.proxy.request(listener, method, "/bucket/key", key=key, connection=connection)

    def who(self, answer):
        line = self.proxy.line_of(answer)
        return line["client"], line["auth"]

    def test_lines_tell_what_it_says(self):
        for name, key, says in (("alice", None, "email:alice@example.com"), ("carol", None, "subject:CN=carol,O=Example"),
                                ("robot", None, "uri:spiffe://example.com/Robot"), ("nobody", lib.ALICE, "subject:CN=nobody,O=Example"),
                                ("two", lib.ALICE, "email:alice@example.com"), (None, lib.ALICE, None)):
            with self.subTest(name):
                answer = self.check(self.ask("may", name, key=key), 200)
                self.assertEqual(self.proxy.line_of(answer).get("certificate"), says)
                lib.wait_until(lambda: [line for line in self.audited() if line["s3_request_id"] == answer.header("x-amz-request-id")],
                               30, "the audit line")
                line = [line for line in self.audited() if line["s3_request_id"] == answer.header("x-amz-request-id")][-1]
                self.assertEqual(line.get("certificate"), says)
        self.check(self.ask("must", "nobody"), 403, "AccessDenied")
        lib.wait_until(lambda: [line for line in self.audited() if line["event"] == "refused" and
                                line.get("certificate") == "subject:CN=nobody,O=Example"], 30, "the audit line")

    @staticmethod
    def audited():
        return [line for line in map(json.loads, (lib.WORK / "audit.log").read_text().splitlines()) if "s3_request_id" in line]

    def test_each_kind_of_name_proves_its_client(self):
        for name in ("alice", "carol", "robot", "box", "dave"):
            for listener in ("must", "may"):
                with self.subTest(name, listener=listener):
                    answer = self.check(self.ask(listener, name, method="PUT"), 200)
                    self.assertEqual(self.who(answer), (name, "certificate"))

    def test_what_is_no_good_ends_the_handshake(self):
        for name, words in (("revoked", "CN=revoked,O=Example: certificate revoked"), ("expired", "certificate has expired"),
                            ("server", "unsuitable certificate purpose"), ("stranger", "unable to get local issuer certificate")):
            for listener in ("must", "may"):
                for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                    with self.subTest(name, listener=listener, version=version):
                        with self.assertRaises(ssl.SSLError) as caught, self.connect(listener, name, version=version) as connection:
                            connection.send(s3raw.head("GET", "/bucket/key", [("Host", "127.0.0.1")]))
                            connection.read_answer()
                        self.assertIn("ALERT", str(caught.exception).upper())
            lib.wait_until(lambda: words in self.proxy.stderr.read_text(), 10, "the log line of " + name)

    def test_none_where_one_is_required(self):
        with self.assertRaises(ssl.SSLError) as caught:
            self.ask("must", None, key=lib.ALICE)
        self.assertIn("CERTIFICATE_REQUIRED", str(caught.exception).upper().replace(" ", "_"))
        self.assertEqual(self.who(self.check(self.ask("may", None), 200)), ("reader", "anonymous"))

    def test_names_of_no_client_prove_nobody(self):
        for name in ("nobody", "two"):
            self.check(self.ask("must", name), 403, "AccessDenied")
            self.assertEqual(self.who(self.check(self.ask("must", name, key=lib.ALICE), 200)), ("alice", "sigv4"))
        self.assertIn("a certificate names several clients", self.proxy.stderr.read_text())

    def test_signature_and_certificate_are_of_one_client(self):
        self.assertEqual(self.who(self.check(self.ask("must", "alice", key=lib.ALICE), 200)), ("alice", "sigv4"))
        answer = self.check(self.ask("must", "carol", key=lib.ALICE), 403, "AccessDenied")
        self.assertIn(b"signed by client alice, and the TLS certificate is that of client carol", answer.body)

    def test_a_client_that_is_disabled(self):
        for listener, key in (("must", None), ("may", None), ("may", lib.ALICE)):
            answer = self.check(self.ask(listener, "gone", key=key), 403, "AccessDenied")
            self.assertIn(b"client gone is disabled", answer.body)

    def test_at_a_proxy_it_stands_for_the_password(self):
        for name, status in (("alice", 200), (None, 407), ("nobody", 407)):
            with self.connect("out", name) as connection:
                connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode())
                answer = self.check(connection.read_answer("CONNECT"), status)
                if status == 200:
                    self.inside(connection)

    def inside(self, connection):
        """TLS in the tunnel; an unsigned request there is that of the certificate's client."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = s3raw.tls_context(self.proxy.ca_file).wrap_bio(incoming, outgoing, server_hostname=lib.S3_NAME)

        def do(what, *arguments):
            while True:
                try:
                    result = what(*arguments)
                    connection.send(outgoing.read())
                    return result
                except ssl.SSLWantReadError:
                    connection.send(outgoing.read())
                    incoming.write(connection.sock.recv(65536))
        do(tls.do_handshake)
        do(tls.write, s3raw.head("PUT", "/bucket/inside", [("Host", lib.S3_NAME), ("Content-Length", "0")]))
        self.assertIn(b"HTTP/1.1 200", do(tls.read, 65536))
        lib.wait_until(lambda: [line for line in self.proxy.access_lines() if line["key"] == "inside"], 10, "the access line")
        line = [line for line in self.proxy.access_lines() if line["key"] == "inside"][-1]
        self.assertEqual((line["client"], line["auth"], line["user"]), ("alice", "certificate", "alice"))

    def ask_with(self, context, session=None):
        sock = s3raw.socket.create_connection(self.proxy.address("must"), timeout=60)
        connection = s3raw.Connection.__new__(s3raw.Connection)
        connection.buffer = bytearray()
        connection.sock = context.wrap_socket(sock, server_hostname="127.0.0.1", session=session)
        with connection:
            answer = self.proxy.request("must", "GET", "/bucket/key", key=None, connection=connection)
            return answer, connection.sock.session, connection.sock.session_reused

    def test_what_changes_counts_for_sessions_and_connections(self):
        """Disabled and enabled, then revoked: for resumed TLS sessions, and for connections that are open."""
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version):
                write_lists(certificates["revoked"])
                self.proxy.command("reload")
                context, other = self.tls("leaver", version), self.tls("alice", version)
                _, session, _ = self.ask_with(context)
                answer, session, reused = self.ask_with(context, session)
                self.assertTrue(reused)
                self.assertEqual(self.who(self.check(answer, 200)), ("leaver", "certificate"))
                with self.connect("must", "leaver") as theirs, self.connect("must", "alice") as hers:
                    for connection in (theirs, hers):
                        self.check(self.proxy.request("must", "GET", "/bucket/key", key=None, connection=connection), 200)
                    write_lists(certificates["revoked"], certificates["leaver"])
                    self.proxy.command("reload")
                    self.assertTrue(theirs.at_end())
                    self.check(self.proxy.request("must", "GET", "/bucket/key", key=None, connection=hers), 200)
                self.assertRaises(ssl.SSLError, self.ask_with, context, session)
                self.check(self.ask_with(other)[0], 200)
        write_lists(certificates["revoked"])
        self.proxy.command("reload")
        context = self.tls("leaver", version)
        _, session, _ = self.ask_with(context)
        text = self.proxy.config.read_text()
        self.proxy.config.write_text(text.replace("[client leaver]\n", "[client leaver]\ndisabled = yes\n"))
        self.proxy.command("reload")
        answer, _, reused = self.ask_with(context, session)
        self.assertTrue(reused)
        self.check(answer, 403, "AccessDenied")
        self.proxy.config.write_text(text)
        self.proxy.command("reload")
        self.check(self.ask_with(context, session)[0], 200)

    def test_a_list_out_of_date_lets_nobody_in(self):
        write_lists(end=NOW - DAY / 2)
        self.assertIn("client_crl: %s has ended on" % (lib.WORK / "lists.pem"),
                      lib.run(lib.PROGRAM, "check", "-c", self.proxy.config, env=self.proxy.environment()).stderr)
        self.proxy.command("reload")
        self.assertRaises(ssl.SSLError, self.ask, "must", "alice")
        write_lists(certificates["revoked"])
        self.proxy.command("reload")
        self.check(self.ask("must", "alice"), 200)

    def test_a_list_that_is_none_changes_nothing(self):
        (lib.WORK / "lists.pem").write_text("no list\n")
        result = lib.run(lib.PROGRAM, "reload", "-c", self.proxy.config, env=self.proxy.environment(), check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("holds no revocation list in PEM", result.stdout + result.stderr)
        self.check(self.ask("must", "alice"), 200)
        write_lists(certificates["revoked"])
        self.proxy.command("reload")

    def test_one_that_ends_on_an_open_connection(self):
        for seconds in (2, 10, 60):  # the first is long enough, unless the machine is very busy
            between.issue("short", [x509.RFC822Name("short@example.com")],
                          end=datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds))
            try:
                connection = self.connect("must", "short")
                answer = self.proxy.request("must", "GET", "/bucket/key", key=None, connection=connection)
                break
            except (ssl.SSLError, ConnectionError):
                continue
        with connection:
            while answer.status == 200:
                time.sleep(0.2)
                answer = self.proxy.request("must", "GET", "/bucket/key", key=None, connection=connection)
            self.check(answer, 403, "AccessDenied")
            self.assertIn(b"it has expired", answer.body)
            self.assertTrue(connection.at_end())

    def test_real_clients(self):
        url = "https://127.0.0.1:%d/bucket/key" % self.proxy.ports["must"]
        result = lib.run("curl", "-sS", "--cacert", self.proxy.ca_file, "--cert", file("alice"), "-w", "%{http_code}", "-o", "/dev/null",
                         url, env=lib.clean_environment())
        self.assertEqual(result.stdout, "200")
        code = ("import boto3, sys, botocore.config as c\n"
                "s3 = boto3.client('s3', region_name='%s', endpoint_url='%s', aws_access_key_id='%s', aws_secret_access_key='%s',\n"
                "    config=c.Config(client_cert=sys.argv[1], s3={'addressing_style': 'path'}, retries={'max_attempts': 1}))\n"
                "print(s3.put_object(Bucket='bucket', Key='boto3', Body=b'x')['ResponseMetadata']['HTTPStatusCode'])\n"
                % (lib.REGION, "https://127.0.0.1:%d" % self.proxy.ports["must"], *lib.ALICE))
        run = lambda name: lib.run("/usr/bin/python3", "-c", code, file(name), check=False,
                                   env=lib.clean_environment(AWS_CA_BUNDLE=self.proxy.ca_file))
        self.assertEqual(run("alice").stdout, "200\n")
        self.assertIn("AccessDenied", run("carol").stderr)


if __name__ == "__main__":
    lib.main()
