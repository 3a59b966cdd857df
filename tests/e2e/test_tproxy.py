# SPDX-License-Identifier: Apache-2.0
"""Connections that TPROXY brings, with the rules that one would write on a router: packets keep the address that they were sent
to, a mark and a route of its own make them local, and a transparent listener takes them. The router is a network namespace, the
client another behind it, with plain routes and names that lead to public addresses. IPv4 and IPv6."""
import atexit
import errno
import filecmp
import os
import pathlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import netns  # noqa: E402

ADDRESS = "10.77.1.23"  # of the endpoint
netns.enter(ADDRESS)
import lib  # noqa: E402

GATEWAY, CLIENT = "192.0.2.1", "192.0.2.2"
GATEWAY_6, CLIENT_6 = "2001:db8:1::1", "2001:db8:1::2"
PUBLIC, PUBLIC_6 = "198.51.100.10", "2001:db8:5::10"  # what the client's name server says (RFC 5737, RFC 3849)
BUCKET = "brought"
PORT = lib.free_port()


class Workstation:
    """A namespace that lives as long as a process in it, with names of its own."""

    def __init__(self):
        hosts = lib.WORK / "hosts"
        hosts.write_text("127.0.0.1 localhost\n%s %s %s.%s\n" % (PUBLIC, lib.S3_NAME, BUCKET, lib.S3_NAME))
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && echo ready && exec sleep infinity', hosts],
            stdout=subprocess.PIPE, text=True)
        atexit.register(self.close)
        assert self.process.stdout.readline() == "ready\n"
        for text in ("ip link add lan0 type veth peer name out0 netns %d" % self.process.pid, "ip addr add %s/24 dev lan0" % GATEWAY,
                     "ip addr add %s/64 dev lan0 nodad" % GATEWAY_6, "ip link set lan0 up"):
            netns.command(text)
        for text in ("ip link set lo up", "ip addr add %s/24 dev out0" % CLIENT, "ip addr add %s/64 dev out0 nodad" % CLIENT_6,
                     "ip link set out0 up", "ip route add default via " + GATEWAY, "ip route add default via " + GATEWAY_6):
            self.run(*text.split())

    def close(self):
        self.process.kill()
        self.process.wait()

    def run(self, *command, **options):
        return lib.run("nsenter", "--target", self.process.pid, "--net", "--mount", *command, **options)


def set_up_router():
    """The rules under test, and counters of what goes where it must not."""
    netns.command("ip link add road0 type veth peer name road1")  # the way out, if anything went there
    for text in ("ip link set road1 up", "ip link set road0 up", "ip route add default dev road0", "ip -6 route add default dev road0",
                 "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"):
        netns.command(text)
    for family in ("-4", "-6"):
        netns.command("ip %s rule add fwmark 1 lookup 100" % family)
        netns.command("ip %s route add local default dev lo table 100" % family)
    netns.nft("""table inet s3 {
        chain brought {
            type filter hook prerouting priority mangle;
            iifname "lan0" tcp dport { 80, 443 } tproxy to :%d meta mark set 1 accept
        }
    }
    table inet road {
        chain forward { type filter hook forward priority filter; counter drop; }
        chain out { type filter hook output priority filter; ip daddr %s counter; ip6 daddr %s counter; }
    }""" % (PORT, PUBLIC, PUBLIC_6))


def setUpModule():
    global endpoint, workstation
    endpoint = lib.start_endpoint(addresses=[(ADDRESS, 443)])
    workstation = Workstation()
    set_up_router()
    lib.Case.proxy = lib.Proxy([ADDRESS], extra=lib.section(
        "listener brought", mode="redirect", transparent="yes", bind="%s:%d, [%s]:%d" % (GATEWAY, PORT, GATEWAY_6, PORT)))


def tearDownModule():
    lib.Case.proxy.stop()
    workstation.close()
    endpoint.close()


class Brought(lib.Case):
    def curl(self, address, url, *words, key=lib.ALICE):
        port = 80 if url.startswith("http:") else 443
        return workstation.run(
            "/usr/bin/curl", "-sS", "--max-time", "60", "--cacert", self.proxy.ca_file, "--aws-sigv4", "aws:amz:%s:s3" % lib.REGION,
            "--user", "%s:%s" % key, "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--resolve",
            "%s:%d:%s" % (lib.S3_NAME, port, address), "-w", "%{http_code}", *words, url, env=lib.clean_environment()).stdout

    def line_with(self, **fields):
        def found():
            return [x for x in self.proxy.access_lines() if all(x.get(k) == v for k, v in fields.items())]
        lib.wait_until(found, 10, "access line with %s" % fields)
        return found()[-1]

    def test_curl(self):
        source, back = lib.WORK / "source", lib.WORK / "back"
        four, six = (4, PUBLIC, CLIENT), (6, "[%s]" % PUBLIC_6, "[%s]" % CLIENT_6)
        for version, public, client, scheme, port in (four + ("https", 443), six + ("https", 443), four + ("http", 80),
                                                      six + ("http", 80)):
            with self.subTest(scheme, version=version):
                key = "%s-%d" % (scheme, version)
                url = "%s://%s/%s/%s" % (scheme, lib.S3_NAME, BUCKET, key)
                source.write_bytes(os.urandom(3 << 20))
                self.assertEqual(self.curl(public, url, "-T", source, "-o", "/dev/null"), "200")
                self.assertEqual(self.curl(public, url, "-o", back), "200")
                self.assertTrue(filecmp.cmp(source, back, shallow=False))
                line = self.line_with(listener="brought", key=key, operation="GetObject")
                self.assertEqual((line["original"], line["address"]), ("%s:%d" % (public, port), ADDRESS + ":443"))
                self.assertTrue(line["peer"].startswith(client + ":"), line["peer"])

    def test_aws(self):
        """With no setting but the authority."""
        source, back = lib.WORK / "aws-source", lib.WORK / "aws-back"
        source.write_bytes(os.urandom(3 << 20))
        environment = lib.clean_environment(AWS_ACCESS_KEY_ID=lib.ALICE[0], AWS_SECRET_ACCESS_KEY=lib.ALICE[1], AWS_MAX_ATTEMPTS="1",
                                            AWS_DEFAULT_REGION=lib.REGION, AWS_CA_BUNDLE=self.proxy.ca_file)
        for words in (("put-object", "--body", source), ("get-object", back)):
            workstation.run("/usr/bin/aws", "s3api", *words, "--bucket", BUCKET, "--key", "dir/object", env=environment)
        self.assertTrue(filecmp.cmp(source, back, shallow=False))
        line = self.line_with(listener="brought", operation="GetObject", client="alice", key="dir/object")
        self.assertEqual(line["original"], PUBLIC + ":443")

    def test_what_they_dialled_is_never_dialled(self):
        for address in (PUBLIC, "[%s]" % PUBLIC_6):
            self.assertEqual(self.curl(address, "https://%s/" % lib.S3_NAME, "-o", "/dev/null"), "200")
            self.assertEqual(self.curl(address, "https://%s/" % lib.S3_NAME, "-o", "/dev/null", key=(lib.ALICE[0], "wrong")), "403")
            self.assertEqual(self.curl(address, "http://%s/" % lib.S3_NAME, "-H", "Host: example.com", "-o", "/dev/null"), "403")
        self.assertEqual(netns.Firewall.counted(), 0)
        for family, address in ((socket.AF_INET, PUBLIC), (socket.AF_INET6, PUBLIC_6)):
            with socket.socket(family) as sock:
                sock.setblocking(False)
                self.assertEqual(sock.connect_ex((address, 443)), errno.EINPROGRESS)
        self.assertGreater(netns.Firewall.counted(), 0, "the counters count nothing")


if __name__ == "__main__":
    lib.main()
