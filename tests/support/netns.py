# SPDX-License-Identifier: Apache-2.0
"""netns: puts a test into a network namespace of its own, where it can lose packets as it likes. The namespace is gone with
the test's last process. Needs root, iproute2 and nftables."""
import json
import os
import subprocess
import sys

MARK = "S3ONRAMP_TEST_NETNS"


def enter(*addresses):
    """Runs this program again inside a new namespace, or, there, sets it up: loopback with further addresses."""
    if os.environ.get(MARK) != str(os.getpid()):
        # exec keeps the process id, so that the mark means nothing to programs that the test starts.
        os.environ[MARK] = str(os.getpid())
        os.execvp("unshare", ["unshare", "--net", sys.executable] + sys.argv)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    command("ip link set lo up")
    for address in addresses:
        command("ip addr add %s/32 dev lo" % address)


def command(text):
    subprocess.run(text.split(), check=True, stdin=subprocess.DEVNULL)


def nft(rules):
    """Rules in nft's language; see nft(8)."""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


class Firewall:
    """One table; each address can be cut off in a way of its own: packets are lost after they have left, as on a real way."""

    def __init__(self):
        nft("add table inet road\n"
            "add chain inet road way { type filter hook input priority 0; }\n"
            "add chain inet road out { type filter hook output priority 0; }\n")

    @staticmethod
    def clear():
        nft("flush chain inet road way\n")

    @staticmethod
    def black_hole(address):
        """Nothing gets there or back."""
        nft("add rule inet road way ip daddr %s drop\nadd rule inet road way ip saddr %s drop\n" % (address, address))

    @staticmethod
    def reset(address):
        """Whoever speaks to it is answered with RST."""
        nft("add rule inet road way ip daddr %s meta l4proto tcp reject with tcp reset\n" % address)

    @staticmethod
    def forget(address, ports):
        """A firewall on the way has forgotten the connections that these client ports have to the address."""
        ports = ", ".join(map(str, ports))
        nft("add rule inet road way ip daddr %s tcp sport { %s } drop\n"
            "add rule inet road way ip saddr %s tcp dport { %s } drop\n" % (address, ports, address, ports))

    @staticmethod
    def count(network):
        nft("add rule inet road out ip daddr %s counter\n" % network)

    @staticmethod
    def counted():
        listing = subprocess.run(["nft", "-j", "list", "table", "inet", "road"], capture_output=True, text=True, check=True)
        return sum(part["counter"]["packets"] for item in json.loads(listing.stdout)["nftables"] if "rule" in item
                   for part in item["rule"]["expr"] if "counter" in part)
