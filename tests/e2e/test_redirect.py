# SPDX-License-Identifier: Apache-2.0
"""Connections that a network brings to the proxy: a client in a network namespace of its own, whose packets to S3's public
addresses an nft rule hands to a redirect listener. Intercepted, tunnelled or refused by the name in its ClientHello or its
Host; the address that it dialled is never dialled here. IPv4 and IPv6."""
import atexit
import filecmp
import os
import pathlib
import shutil
import socket
import ssl
import threading
import time

import lib
import s3raw

PUBLIC, PUBLIC_6 = "198.51.100.10", "2001:db8:5::10"  # what the client's name server says (RFC 5737, RFC 3849)
STS = "sts.%s.amazonaws.com" % lib.REGION
BUCKETS = ("redirected", "own-keys")
MIB = 1 << 20


class Workstation:
    """A namespace with a way out over this machine only, where an nft rule redirects ports 80 and 443."""

    def __init__(self, port):
        self.sweep()
        self.name = "ws-%d" % os.getpid()
        self.space = "s3onramp-" + self.name
        self.table = "s3onramp_%d" % os.getpid()
        self.folder = pathlib.Path("/etc/netns") / self.space
        address = lib.run(lib.LAB / "vpc", "up", self.name).stdout.split()[0]
        atexit.register(self.close)
        network = int(address.split(".")[1])
        self.gateway, self.address = "10.%d.0.1" % network, "10.%d.0.2" % network
        link = "s3v-" + self.name[-11:]
        self.gateway_6, self.address_6 = "fd00:%x::1" % network, "fd00:%x::2" % network
        lib.run("ip", "-n", self.space, "route", "add", "default", "via", self.gateway)
        lib.run("ip", "addr", "add", self.gateway_6 + "/64", "dev", link, "nodad")
        lib.run("ip", "-n", self.space, "addr", "add", self.address_6 + "/64", "dev", "eni0", "nodad")
        lib.run("ip", "-n", self.space, "route", "add", "default", "via", self.gateway_6)
        self.folder.mkdir(parents=True)
        names = [lib.S3_NAME, STS, "s3.amazonaws.com", "example.com"] + ["%s.%s" % (b, lib.S3_NAME) for b in BUCKETS]
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join("%s %s\n" % (PUBLIC, n) for n in names) +
                                           "%s six.%s\n" % (PUBLIC_6, lib.S3_NAME))
        (self.folder / "resolv.conf").write_text("")
        self.nft("""table inet %s {
            chain brought {
                type nat hook prerouting priority dstnat;
                iifname "%s" tcp dport { 80, 443 } redirect to :%d
            }
            chain nowhere {
                type filter hook forward priority filter;
                iifname "%s" counter drop
            }
        }""" % (self.table, link, port, link))

    @staticmethod
    def sweep():
        """What killed runs left: their tables and folders carry the id of a process that is gone."""
        def is_gone(name):
            pid = name.replace("_", "-").rpartition("-")[2]
            return pid.isdigit() and not os.path.exists("/proc/" + pid)
        for line in lib.run("nft", "list", "tables").stdout.splitlines():
            table = line.split()[-1]
            if table.startswith("s3onramp_") and is_gone(table):
                lib.run("nft", "delete", "table", "inet", table, check=False)
        for folder in pathlib.Path("/etc/netns").glob("s3onramp-ws-*"):
            if is_gone(folder.name):
                shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def nft(text):
        lib.run("nft", "-f", "-", input=text)

    def close(self):
        lib.run("nft", "delete", "table", "inet", self.table, check=False)
        lib.run(lib.LAB / "vpc", "down", self.name, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command, **options):
        return lib.run("ip", "netns", "exec", self.space, *command, **options)

    def connect(self, address, port):
        """A socket of the namespace, for use by this process."""
        ours, result = os.open("/proc/self/ns/net", os.O_RDONLY), []

        def inside():
            with open("/run/netns/" + self.space) as space:
                setns(space.fileno())
            try:
                result.append(socket.create_connection((address, port), timeout=s3raw.TIMEOUT_S))
            except OSError as error:
                result.append(error)
            setns(ours)
        thread = threading.Thread(target=inside)  # a namespace belongs to a thread
        thread.start()
        thread.join()
        os.close(ours)
        if isinstance(result[0], OSError):
            raise result[0]
        return result[0]


def setns(fd):
    import ctypes
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")


def setUpModule():
    global ceph, workstation, sts
    ceph = lib.Ceph()
    port, plain_port = lib.free_port("0.0.0.0"), lib.free_port("0.0.0.0")
    workstation = Workstation(port)
    sts = socket.create_server(("127.0.0.1", 0))
    lib.Case.proxy = lib.Proxy(
        ceph.addresses, trailers="decode", server={"tls_timeout": "2s", "tunnel_idle_timeout": "20s"},
        extra=lib.section("tunnel sts", hosts=STS, addresses="127.0.0.1:%d" % sts.getsockname()[1]) +
        lib.section("listener brought", mode="redirect", bind="%s:%d, [%s]:%d" % (workstation.gateway, port, workstation.gateway_6, port),
                    tunnel="own-keys.s3.*, " + STS) +
        lib.section("listener plain-only", mode="redirect", bind="127.0.0.1:%d" % plain_port, tls="off", anonymous="reader",
                    transparent="yes"))
    lib.Case.proxy.ports["plain-only"] = plain_port


def tearDownModule():
    lib.Case.proxy.stop()
    workstation.close()
    sts.close()
    ceph.close()


class Redirected(lib.Case):
    def line_with(self, **fields):
        def found():
            return [x for x in self.proxy.access_lines() if all(x.get(k) == v for k, v in fields.items())]
        lib.wait_until(found, 10, "access line with %s" % fields)
        return found()[-1]

    def connection(self, name=None, ca=None, address=PUBLIC, port=443):
        connection = s3raw.Connection.__new__(s3raw.Connection)
        connection.sock, connection.buffer = workstation.connect(address, port), bytearray()
        if name:
            connection.sock = s3raw.tls_context(ca or self.proxy.ca_file).wrap_socket(connection.sock, server_hostname=name)
        return connection

    # -- real clients, with no setting but their authority

    def environment(self, key, ca):
        return lib.clean_environment(AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1], AWS_DEFAULT_REGION=lib.REGION,
                                     AWS_CA_BUNDLE=ca, AWS_MAX_ATTEMPTS="1")

    def exercise(self, bucket, key, ca):
        source, back = lib.WORK / ("source-" + bucket), lib.WORK / ("back-" + bucket)
        source.write_bytes(os.urandom(10 * MIB))
        environment = self.environment(key, ca)

        def aws(*words):
            return workstation.run("/usr/bin/aws", *words, env=environment).stdout
        ceph.request("PUT", "/" + bucket)
        aws("s3", "cp", "--no-progress", source, "s3://%s/dir/object" % bucket)
        aws("s3", "cp", "--no-progress", "s3://%s/dir/object" % bucket, back)
        self.assertTrue(filecmp.cmp(source, back, shallow=False))

    def test_aws_behind_a_redirect_is_intercepted(self):
        """The client's own key is a local one, its authority is the proxy's."""
        self.exercise("redirected", lib.ALICE, self.proxy.ca_file)
        line = self.line_with(listener="brought", operation="GetObject", client="alice")
        self.assertEqual(line["original"], PUBLIC + ":443")
        self.assertIn(line["address"].split(":")[0], ceph.addresses)

    def test_aws_behind_a_redirect_is_tunnelled(self):
        """It keeps its AWS keys and sees the endpoint's certificate."""
        self.exercise("own-keys", lib.UPSTREAM_KEY, lib.certificates() / "ca.pem")
        line = self.line_with(listener="brought", operation="tunnel", host="own-keys." + lib.S3_NAME)
        self.assertEqual(line["original"], PUBLIC + ":443")
        self.assertIn(line["address"].split(":")[0], ceph.addresses)
        self.assertTrue(line["peer"].startswith(workstation.address + ":"))

    def test_curl_over_ipv6(self):
        result = workstation.run("/usr/bin/curl", "-sS", "--cacert", self.proxy.ca_file, "-o", "/dev/null", "-w", "%{http_code}",
                                 "--aws-sigv4", "aws:amz:%s:s3" % lib.REGION, "--user", "%s:%s" % lib.ALICE, "-H",
                                 "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--resolve", "%s:443:[%s]" % (lib.S3_NAME, PUBLIC_6),
                                 "https://%s/" % lib.S3_NAME, env=lib.clean_environment())
        self.assertEqual(result.stdout, "200")
        line = self.line_with(listener="brought", original="[%s]:443" % PUBLIC_6)
        self.assertTrue(line["peer"].startswith("[%s]:" % workstation.address_6), line)

    # -- what is decided by names

    def test_plain_http_by_host(self):
        with self.connection(port=80) as connection:
            headers = s3raw.sign("GET", "/", [("Host", lib.S3_NAME)], lib.ALICE)
            connection.send(s3raw.head("GET", "/", headers))
            self.check(connection.read_answer(), 200)
            for host in ("example.com", "s3.eu-west-1.amazonaws.com", PUBLIC, "127.0.0.1"):
                connection.send(s3raw.head("GET", "/", [("Host", host)]))
                self.check(connection.read_answer(), 403, "AccessDenied")
        self.assertEqual(self.line_with(listener="brought", host=lib.S3_NAME, original=PUBLIC + ":80")["status"], 200)

    def test_connect_is_no_way_out(self):
        with self.connection(port=80) as connection:
            connection.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % lib.S3_NAME.encode())
            self.check(connection.read_answer("CONNECT"), 400)

    def test_other_names_get_an_alert(self):
        for name in ("example.com", "s3.eu-west-1.amazonaws.com", "unknown.example"):
            with self.assertRaises(ssl.SSLError) as caught:
                self.connection(name)
            self.assertIn("UNRECOGNIZED_NAME", str(caught.exception))
            line = self.line_with(listener="brought", host=name)
            self.assertEqual((line["end"], line["address"], line["attempts"]), ("host_refused", "", 0))

    def test_no_name_gets_an_alert(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self.assertRaises(ssl.SSLError) as caught:
            context.wrap_socket(workstation.connect(PUBLIC, 443))
        self.assertIn("UNRECOGNIZED_NAME", str(caught.exception))

    def test_host_must_be_the_name_of_the_handshake(self):
        with self.connection(lib.S3_NAME) as connection:
            host = "redirected." + lib.S3_NAME
            connection.send(s3raw.head("GET", "/", s3raw.sign("GET", "/", [("Host", host)], lib.ALICE)))
            self.assertEqual(connection.read_answer().status, 421)

    def test_a_private_host(self):
        """Bytes of the ClientHello arrive there as they were sent, however they are cut."""
        for step in (10000, 50, 1):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            context = ssl.create_default_context()
            self.assertRaises(ssl.SSLWantReadError, context.wrap_bio(incoming, outgoing, server_hostname=STS).do_handshake)
            hello = outgoing.read()
            client = workstation.connect(PUBLIC, 443)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(0, len(hello), step):
                client.sendall(hello[i:i + step])
            server, _ = sts.accept()
            got = b""
            while len(got) < len(hello):
                got += server.recv(4096)
            self.assertEqual(got, hello)
            server.sendall(b"answer")
            server.shutdown(socket.SHUT_WR)
            self.assertEqual(client.recv(100), b"answer")
            self.assertEqual(client.recv(1), b"")
            client.sendall(b"more")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(server.recv(100), b"more")
            self.assertEqual(server.recv(1), b"")
            client.close()
            server.close()
            line = self.line_with(host=STS, bytes_in=len(hello) + 4, bytes_out=6)
            self.assertEqual((line["ended_by"], line["endpoint"]), ("endpoint", "sts"))

    def test_garbage_and_silence_end(self):
        """With an alert where it is clear that it is garbage."""
        alert = b"\x15\x03\x03\x00\x02\x02\x32"  # fatal, decode_error
        for data, answer in ((b"\x16\x03\x01\x00\x05hello", alert), (b"\x16\x03\x01\x40\x01" + b"x" * 100, alert),
                             (b"\x16\x03\x01\x02\x00\x01\x00", b""), (b"", b"")):
            with self.connection() as connection:
                connection.send(data) if data else None
                got = b""
                while len(got) < len(answer):
                    got += connection.sock.recv(100) or b"ended"
                self.assertEqual(got, answer)
                self.assertTrue(connection.at_end(), data)

    def test_what_it_dialled_is_never_dialled(self):
        """No packet of the client's goes on, and none of the proxy's goes there."""
        text = lib.run("nft", "list", "table", "inet", workstation.table).stdout
        self.assertIn("counter packets 0 bytes 0 drop", text)
        for line in self.proxy.access_lines():
            if line["listener"] == "brought" and line["address"]:
                self.assertIn(line["address"].split(":")[0], ceph.addresses + ["127.0.0.1"])

    def test_a_transparent_listener_without_tls(self):
        with s3raw.Connection(self.proxy.address("plain-only")) as connection:
            connection.send(s3raw.head("GET", "/", [("Host", lib.S3_NAME)]))
            self.check(connection.read_answer(), 200)
        line = self.line_with(listener="plain-only")
        self.assertEqual((line["client"], line["original"]), ("reader", "127.0.0.1:%d" % self.proxy.ports["plain-only"]))


if __name__ == "__main__":
    lib.main()
