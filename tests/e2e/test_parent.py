# SPDX-License-Identifier: Apache-2.0
"""[parent]: what is not S3's goes on to the site's own proxy, which is a Squid here, by CONNECT, and nothing of S3's ever
does. And the other way round: a Squid that sends what is S3's to us, as conf/examples/squid-in-front.conf has it."""
import base64
import hashlib
import os
import pathlib
import socket
import ssl
import subprocess

import lib
import s3raw

EXAMPLE = pathlib.Path(__file__).parents[2] / "conf" / "examples" / "squid-in-front.conf"
BIG = 8 << 20
USER, PASSWORD = "onramp", "parent's password"
SQUID = """
http_port 127.0.0.1:{port}
{rules}
http_access deny all
hosts_file {folder}/hosts
dns_nameservers 127.0.0.1
dns_timeout 1 second
dns_retransmit_interval 1 second
connect_timeout 5 seconds
shutdown_lifetime 0 seconds
pid_filename {folder}/squid.pid
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
coredump_dir {folder}
cache deny all
cache_mem 4 MB
pinger_enable off
netdb_filename none
logfile_rotate 0
forwarded_for off
visible_hostname squid.test
"""
AUTH = """
auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/passwords
auth_param basic realm site
acl known proxy_auth REQUIRED
acl refused dstdomain refused.example
http_access deny refused
http_access allow known
"""


class Squid:
    def __init__(self, name, rules):
        self.folder = lib.WORK / name
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.port = lib.free_port()
        self.address = "127.0.0.1:%d" % self.port
        (self.folder / "passwords").write_text("%s:%s\n" % (USER, lib.run("openssl", "passwd", "-apr1", PASSWORD).stdout.strip()))
        (self.folder / "hosts").write_text("127.0.0.1 echo.example digest.example greet.example site.example narrow.example closed.example half.example\n")
        config = self.folder / "squid.conf"
        config.write_text(SQUID.format(port=self.port, folder=self.folder, rules=rules.format(folder=self.folder)))
        self.process = subprocess.Popen(["/usr/sbin/squid", "-N", "-f", str(config)], stdin=subprocess.DEVNULL,
                                        stdout=(self.folder / "out.log").open("w"), stderr=subprocess.STDOUT)
        lib.wait_until(lambda: lib.accepts(self.port), 10, "Squid")

    def log(self):
        log = self.folder / "access.log"
        return log.read_text() if log.exists() else ""

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(lib.PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Fake(lib.Server):
    """A parent that says what it was told to say, and keeps what it was asked."""

    def __init__(self, answer, ends=True):
        self.answer, self.ends, self.asked = answer, ends, []
        super().__init__(self.talk)

    def talk(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := sock.recv(4096)):
                return
            head += data
        self.asked.append(head)
        for part in self.answer:
            sock.sendall(part)
        if not self.ends:
            sock.recv(1)
        sock.close()


def echo(sock):
    while data := sock.recv(1 << 16):
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def digest_of_all(sock):
    """Of BIG bytes: a Squid takes the end of one direction for that of both."""
    found, left = hashlib.sha256(), BIG
    while left and (data := sock.recv(1 << 16)):
        found.update(data)
        left -= len(data)
    sock.sendall(found.hexdigest().encode())
    sock.close()


def greet(sock):
    sock.sendall(b"I speak first\n")
    echo(sock)


FAKES = {  # host.fake: what the parent says of it
    "early": [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 fine\r\nX: y\r\n\r\nright behind"],
    "drip": [b"HTTP/1.0 200 ok\r\n", b"Content-Length: 5\r\n", b"\r\n", b"first bytes"],
    "garbage": [b"SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    "endless": [b"HTTP/1.1 200 ok\r\n" + b"X: %s\r\n" % (b"x" * 1000) * 64],
    "ends": [],
    "away": [b"HTTP/1.1 503 Service Unavailable\r\n\r\n"],
    "moved": [b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n"],
    "late": [b"HTTP/1.1 429 Too Many Requests\r\n\r\n"],
    "evil": [b"HTTP/1.1 403 \x1b[31mred\r\n\r\n"],
}


def setUpModule():
    global squid, servers, fakes, silent, endpoint, recorder, closed
    squid = Squid("squid", AUTH)
    endpoint = lib.start_endpoint()
    servers = {name: lib.Server(serve) for name, serve in (("echo", echo), ("digest", digest_of_all), ("greet", greet))}
    fakes = {name: Fake(answer) for name, answer in FAKES.items()}
    silent = Fake([], ends=False)
    recorder = Fake([b"HTTP/1.1 200 ok\r\n\r\n"])
    closed = lib.free_port()
    known = dict(user=USER, password=PASSWORD, ports="*")
    extra = "".join(lib.section("parent " + name, address=fake.address, hosts=name + ".fake", ports="*", answer_timeout="5m")
                    for name, fake in fakes.items())
    extra += lib.section("parent silent", address=silent.address, hosts="silent.fake", answer_timeout="300ms")
    extra += lib.section("parent dead", address="127.0.0.1:%d" % closed, hosts="dead.fake")
    extra += lib.section("parent half", address="127.0.0.1:%d, %s" % (closed, squid.address), hosts="half.*, *.half", **known)
    extra += lib.section("parent wrong", address=squid.address, hosts="wrong.example", user=USER, password="another")
    extra += lib.section("parent unknown", address=squid.address, hosts="unknown.example")
    extra += lib.section("parent ports", address=squid.address, hosts="narrow.example", user=USER, password=PASSWORD)
    extra += lib.section("parent site", address=squid.address, hosts="*.example", **known)
    extra += lib.section("parent all", address=recorder.address, ports="*")
    extra += lib.section("client carol", policy="read-only", parent="echo.example",
                         password=lib.run("openssl", "passwd", "-6", "carols password").stdout.strip())
    lib.Case.proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]],
        listeners={"narrow": dict(mode="forward", parent="digest.*"), "none": dict(mode="forward", parent="none"),
                   "people": dict(mode="forward", proxy_auth="required"), "secure": dict(mode="forward", tls="on"),
                   "redirect": dict(mode="redirect")}, extra=extra)


def tearDownModule():
    lib.Case.proxy.stop()
    squid.close()
    for server in (*servers.values(), *fakes.values(), silent, recorder):
        server.close()
    endpoint.close()


class Asker(lib.Case):
    def ask(self, host, port=443, listener="forward", password=None, first=b""):
        connection = s3raw.Connection(self.proxy.address(listener))
        if listener == "secure":
            connection.sock = s3raw.tls_context(self.proxy.ca_file).wrap_socket(connection.sock, server_hostname="127.0.0.1")
        field = "Proxy-Authorization: Basic %s\r\n" % base64.b64encode(password.encode()).decode() if password else ""
        connection.send(("CONNECT %s:%d HTTP/1.1\r\n%s\r\n" % (host, port, field)).encode() + first)
        return connection, connection.read_answer("CONNECT")

    @staticmethod
    def rest(connection):
        while connection._fill():
            pass
        return bytes(connection.buffer)

    def say(self, host, status, words, end, **options):
        connection, answer = self.ask(host, **options)
        with connection:
            self.assertEqual((host, answer.status), (host, status), answer.body)
            self.assertIn(words, answer.body)
            self.assertTrue(connection.at_end(lib.PATIENCE_S))
        self.line_of_host(host, end=end, status=status)
        return answer

    def line_of_host(self, host, **fields):
        def found():
            return [x for x in self.proxy.access_lines() if x["host"] == host and all(x.get(k) == v for k, v in fields.items())]
        lib.wait_until(found, 10, "access line of %s with %s" % (host, fields))
        return found()[-1]


class Parent(Asker):
    def test_bytes_go_both_ways(self):
        data = os.urandom(BIG)
        connection, answer = self.ask("digest.example", servers["digest"].port)
        with connection:
            self.assertEqual(answer.status, 200, answer.body)
            connection.send(data)
            self.assertEqual(self.rest(connection).decode(), hashlib.sha256(data).hexdigest())
        connection, answer = self.ask("echo.example", servers["echo"].port, "secure")
        with connection:
            self.assertEqual(answer.status, 200, answer.body)
            connection.send(data[:1000])
            self.assertEqual(connection._exactly(1000), data[:1000])
        line = self.line_of_host("digest.example", end="ok")
        self.assertEqual((line["endpoint"], line["address"]), ("site", squid.address))
        self.assertIn("CONNECT digest.example:%d" % servers["digest"].port, squid.log())
        self.assertIn(USER, squid.log())

    def test_real_clients_tls_through_both(self):
        key, cert = lib.WORK / "site.key", lib.WORK / "site.pem"
        lib.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=site.example", "-addext", "subjectAltName=DNS:site.example", "-keyout", key, "-out", cert)
        port = lib.free_port()
        server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", cert, "-key", key, "-www", "-quiet"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            lib.wait_until(lambda: lib.accepts(port), 10, "openssl s_server")
            page = lib.run("curl", "--silent", "--show-error", "--cacert", cert, "--proxy", "http://127.0.0.1:%d" % self.proxy.ports["forward"],
                           "https://site.example:%d/" % port, env=lib.clean_environment()).stdout
            self.assertIn("s_server", page)
        finally:
            server.terminate()
            server.wait()

    def test_a_server_that_speaks_first(self):
        connection, answer = self.ask("greet.example", servers["greet"].port)
        with connection:
            self.assertEqual(answer.status, 200)
            self.assertEqual(connection._exactly(14), b"I speak first\n")

    def test_what_stands_behind_the_answer_is_the_hosts(self):
        for host, first in (("early.fake", b"right behind"), ("drip.fake", b"first bytes")):
            connection, answer = self.ask(host)
            with connection:
                self.assertEqual((host, answer.status), (host, 200))
                self.assertEqual(self.rest(connection), first)
        asked = fakes["early"].asked[-1]
        self.assertEqual(asked, b"CONNECT early.fake:443 HTTP/1.1\r\nHost: early.fake:443\r\n\r\n")

    def test_what_clients_send_with_their_connect_stays_here(self):
        connection, answer = self.ask("drip.fake", listener="people", password="carol:carols password")
        connection.close()
        self.assertEqual(answer.status, 403)  # hers is echo.example
        connection, answer = self.ask("echo.example", servers["echo"].port, "people", "carol:carols password", first=b"at once")
        with connection:
            self.assertEqual(answer.status, 200)
            self.assertEqual(connection._exactly(7), b"at once")
        self.assertNotIn("carol", squid.log())

    def test_no(self):
        self.say("refused.example", 403, b"refuses the host: 403", "parent_refused")
        self.say("evil.fake", 502, b"no HTTP", "parent_failed")
        self.say("garbage.fake", 502, b"no HTTP", "parent_failed")
        self.say("endless.fake", 502, b"no HTTP", "parent_failed")
        self.say("away.fake", 502, b"did not reach the host: 503", "parent_failed")
        self.say("late.fake", 502, b"429", "parent_failed")
        self.say("moved.fake", 502, b"302", "parent_failed")
        self.say("closed.example", 502, b"did not reach the host: 503", "parent_failed", port=closed)

    def test_its_407_is_not_the_clients(self):
        for host in "wrong.example", "unknown.example":
            answer = self.say(host, 502, b"name and password that this proxy has for it", "parent_auth")
            self.assertIsNone(answer.header("Proxy-Authenticate"))

    def test_one_that_is_dead(self):
        self.say("dead.fake", 503, b"could not be reached", "up_connect")
        self.say("ends.fake", 503, b"could not be reached", "up_connect")

    def test_of_two_addresses_one_is_dead(self):
        for _ in range(2):
            self.say("half.example", 502, b"did not reach", "parent_failed", port=closed)
            self.assertEqual(self.line_of_host("half.example")["address"], squid.address)

    def test_one_that_says_nothing(self):
        self.say("silent.fake", 504, b"did not answer in time", "up_timeout")

    def test_who_gives_up_first_is_no_loss(self):
        """The client ends while the parent is being asked."""
        with s3raw.Connection(self.proxy.address("forward")) as connection:
            connection.send(b"CONNECT silent.fake:443 HTTP/1.1\r\n\r\n")
        connection, answer = self.ask("digest.example", servers["digest"].port)
        connection.close()
        self.assertEqual(answer.status, 200)


class Policy(Asker):
    def test_hosts_of_a_listener_and_of_a_client(self):
        port = servers["echo"].port
        for listener, host, status in (("narrow", "digest.example", 200), ("narrow", "echo.example", 403), ("none", "digest.example", 403)):
            connection, answer = self.ask(host, port, listener)
            connection.close()
            self.assertEqual((listener, host, answer.status), (listener, host, status))

    def test_ports(self):
        self.say("narrow.example", 403, b"ports", "port_refused", port=8443)
        connection, answer = self.ask("narrow.example")
        connection.close()
        self.assertNotEqual(answer.status, 403)

    def test_no_name_of_s3s_ever_goes_there(self):
        before = len(recorder.asked)
        for host in (lib.S3_NAME, "s3.us-east-2.amazonaws.com", "b.s3.us-east-2.amazonaws.com", "S3.US-EAST-2.amazonaws.com",
                     "s3.us-east-2.amazonaws.com.", "s3.amazonaws.com", "s3-website.eu-west-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn",
                     "bucket.s3-accelerate.amazonaws.com", "x.s3express-use1-az4.us-east-1.amazonaws.com", lib.VPCE_NAME,
                     "bucket." + lib.VPCE_NAME, "123456789012.s3-control.us-east-2.amazonaws.com", "127.0.0.1", "127.9.9.9", "[::1]",
                     "localhost", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "0.0.0.0"):
            connection, _ = self.ask(host)
            connection.close()
        self.assertEqual(recorder.asked[before:], [])
        connection, answer = self.ask("elsewhere.test")
        connection.close()
        self.assertEqual((answer.status, len(recorder.asked)), (200, before + 1))

    def test_nor_under_another_name(self):
        """TLS inside asks for the name that the tunnel was opened for."""
        connection, answer = self.ask("echo.example", servers["echo"].port)
        self.assertEqual(answer.status, 200)
        with self.assertRaises((ssl.SSLError, OSError)):
            ssl.create_default_context().wrap_socket(connection.sock, server_hostname="s3.us-east-2.amazonaws.com")
        connection.close()
        self.line_of_host("echo.example", end="tunnel_name")

    def test_explain_and_the_script_say_the_same(self):
        def explain(host, listener):
            return lib.run(lib.PROGRAM, "explain", "https://%s/" % host, "--listener", listener, "-c", self.proxy.config, check=False,
                           env=self.proxy.environment()).stdout
        self.assertIn("[parent site], port 443", explain("www.example", "forward"))
        self.assertNotIn("[parent", explain("www.example", "narrow"))
        self.assertNotIn("[parent", explain("s3.us-east-2.amazonaws.com", "forward"))
        for listener, proxied, direct in (("forward", ("https://www.example/", "wss://elsewhere.test/"), ("http://www.example/",)),
                                          ("narrow", ("https://digest.example/",), ("https://www.example/",)),
                                          ("none", ("https://%s/" % lib.S3_NAME,), ("https://digest.example/",))):
            script = lib.WORK / "parent.pac"
            script.write_text(lib.run("curl", "--silent", "--fail", "--noproxy", "*", "http://%s:%d/proxy.pac" % self.proxy.address(listener),
                                      env=lib.clean_environment()).stdout)
            for url in (*proxied, *direct):
                said = lib.run("pactester", "-p", script, "-u", url, env=lib.clean_environment()).stdout.strip()
                self.assertEqual((listener, url, said), (listener, url, "DIRECT" if url in direct else
                                                         "PROXY 127.0.0.1:%d" % self.proxy.ports[listener]))

    def test_the_password_is_shown_nowhere(self):
        shown = self.proxy.command("check", "--print").stdout
        self.assertIn("[parent site]", shown)
        self.assertNotIn(PASSWORD, shown + self.proxy.stderr.read_text() + self.proxy.access_file.read_text())


class InFront(lib.Case):
    def test_squid_sends_what_is_s3s_to_us(self):
        rules = EXAMPLE.read_text().replace("10.9.8.7 parent 3128", "127.0.0.1 parent %d" % self.proxy.ports["forward"])
        self.assertIn("127.0.0.1 parent", rules)
        front = Squid("front", rules + "\nhttp_access allow all\n")
        try:
            data = lib.WORK / "data"
            data.write_bytes(os.urandom(1 << 20))
            environment = lib.clean_environment(
                AWS_ACCESS_KEY_ID=lib.ALICE[0], AWS_SECRET_ACCESS_KEY=lib.ALICE[1], AWS_DEFAULT_REGION=lib.REGION, AWS_MAX_ATTEMPTS="1",
                AWS_CA_BUNDLE=self.proxy.ca_file, HTTPS_PROXY="http://" + front.address)
            lib.run("/usr/bin/aws", "s3api", "put-object", "--bucket", "bucket", "--key", "key", "--body", data, env=environment)
            lib.run("/usr/bin/aws", "s3api", "get-object", "--bucket", "bucket", "--key", "key", lib.WORK / "back", env=environment)
            self.assertEqual((lib.WORK / "back").read_bytes(), data.read_bytes())
            self.assertIn("FIRSTUP_PARENT/127.0.0.1", front.log())
            asked = "https://digest.example:%d/" % servers["digest"].port
            lib.run("curl", "--silent", "--max-time", "2", "--proxy", "http://" + front.address, asked, check=False, env=lib.clean_environment())
            self.assertIn("HIER_DIRECT/127.0.0.1", front.log())
        finally:
            front.close()


if __name__ == "__main__":
    lib.main()
