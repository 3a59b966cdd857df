# SPDX-License-Identifier: Apache-2.0
"""network: makes the namespaces, links, route tables and packet counters that topology.toml describes.

    network.py hosts             their names, one per line
    network.py value KEY         one value of the file's head
    network.py up                everything; the namespaces are LAB_PREFIX + name
    network.py names DIR [--private-dns]   what DNS servers answer (DIR/dns/NAME) and each host's /etc files (DIR/etc/HOST/)
"""
import os
import pathlib
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
PREFIX = os.environ.get("LAB_PREFIX", "lab-")
COUNTED = "{ 443, 3128, 9000 }"

# Every host counts what comes to it and what it sends, by interface, source and destination. Sizes of what is too large for a
# tunnel are never reported back, as on AWS's side of a VPN, and the ends of a tunnel make TCP send segments that fit it.
FIREWALL = """
table inet lab {
    set came {
        typeof iifname . ip saddr . ip daddr
        flags dynamic
        counter
        size 4096
    }
    set sent {
        typeof oifname . ip saddr . ip daddr
        flags dynamic
        counter
        size 4096
    }
    chain come {
        type filter hook prerouting priority -300
        tcp dport %(counted)s update @came { iifname . ip saddr . ip daddr }
    }
    chain send {
        type filter hook output priority -300
        tcp dport %(counted)s update @sent { oifname . ip saddr . ip daddr }
        tcp sport %(counted)s update @sent { oifname . ip saddr . ip daddr }
    }
    chain silent {
        type filter hook output priority 0
        %(silent)s
    }
    chain clamp {
        type filter hook forward priority 0
        %(clamp)s
    }
    chain group {
        type filter hook input priority 0
        %(group)s
    }
}
"""


class Topology:
    def __init__(self, path=HERE / "topology.toml"):
        with open(path, "rb") as file:
            data = tomllib.load(file)
        self.values = {key: value for key, value in data.items() if not isinstance(value, (dict, list))}
        self.hosts, self.tables = data["host"], data["table"]
        self.resolvers, self.records = data["resolver"], data["records"]
        self.links, self.areas = data["link"], data["area"]
        for link in self.links:
            link["ends"] = [tuple(end.split()) for end in link["ends"]]
        self.numbers = {name: 100 + n for n, name in enumerate(self.tables)}

    def addresses(self, host):
        """Those on its interfaces first, in the file's order."""
        return [end[2] for link in self.links for end in link["ends"] if end[0] == host] + self.hosts[host].get("extra", [])


def run(*command, **options):
    subprocess.run(command, check=True, **options)


def namespace(host):
    return PREFIX + host


def batch(host, lines):
    run("ip", "-n", namespace(host), "-batch", "-", input="\n".join(lines) + "\n", text=True)


def make_hosts(top):
    for host in top.hosts:
        run("ip", "netns", "add", namespace(host))
        # New interfaces take over what "default" says. Answers may come another way than questions went.
        run("nsenter", "--net=/run/netns/" + namespace(host), "sh", "-c",
            "cd /proc/sys/net/ipv4 && echo 1 > ip_forward && for i in all default; do echo 0 > conf/$i/rp_filter; done")


def make_links(top):
    for link in top.links:
        (a, a_if, _), (b, b_if, _) = link["ends"]
        if "delay_ms" in link:
            process = subprocess.Popen(
                [sys.executable, HERE / "tunnel.py", namespace(a), a_if, namespace(b), b_if, str(link["delay_ms"])],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
            if process.stdout.readline() != b"ready\n":
                raise SystemExit("network: no tunnel between %s and %s: is /dev/net/tun there (modprobe tun)?" % (a, b))
        else:
            run("ip", "link", "add", "name", a_if, "netns", namespace(a), "type", "veth",
                "peer", "name", b_if, "netns", namespace(b))


def configure(top, host):
    lines, own = ["link set lo up"], top.hosts[host]
    for link in top.links:
        for end, other in (link["ends"], link["ends"][::-1]):
            if end[0] == host:
                lines += ["addr add %s peer %s dev %s" % (end[2], other[2], end[1]),
                          "link set %s mtu %d up" % (end[1], link.get("mtu", 1500))]
                if "delay_ms" in link:  # on a busy machine packets wait, and are not lost and sent (and counted) again
                    lines.append("link set %s txqueuelen 20000" % end[1])
    lines += ["addr add %s/32 dev lo" % address for address in own.get("extra", [])]
    lines += ["route add " + route for route in own.get("routes", [])]
    for name, table in top.tables.items():
        if table["of"] == host:
            lines += ["route add %s table %d" % (route, top.numbers[name]) for route in table["routes"]]
    for n, rule in enumerate(own.get("rules", [])):
        selector, name = rule.rsplit(" table ", 1)
        lines.append("rule add pref %d %s lookup %d" % (100 + n, selector, top.numbers[name]))
    batch(host, lines)


def count_packets(top, host):
    tunnels = [end[1] for link in top.links for end in link["ends"] if end[0] == host and "delay_ms" in link]
    rules = FIREWALL % dict(
        counted=COUNTED, group=top.hosts[host].get("filter", "").replace("\n", "\n        ").strip(),
        silent="icmp type destination-unreachable icmp code frag-needed drop" if tunnels else "",
        clamp="\n        ".join('oifname "%s" tcp flags syn tcp option maxseg size set rt mtu' % name for name in tunnels))
    run("nsenter", "--net=/run/netns/" + namespace(host), "nft", "-f", "-", input=rules, text=True)


def up(top):
    make_hosts(top)
    make_links(top)
    for host in top.hosts:
        configure(top, host)
        count_packets(top, host)


def names(top, folder, private_dns):
    folder = pathlib.Path(folder)
    (folder / "dns").mkdir(parents=True, exist_ok=True)
    for name, resolver in top.resolvers.items():
        sets = (["private-dns"] if private_dns and name == "inbound" else []) + resolver["records"]
        lines = ["forward " + resolver["forward"]] if "forward" in resolver else []
        lines += [" ".join([name] + addresses) for one in sets for name, addresses in top.records[one].items()]
        (folder / "dns" / name).write_text("\n".join(lines) + "\n")
    for host, own in top.hosts.items():
        etc = folder / "etc" / host
        etc.mkdir(parents=True, exist_ok=True)
        server = own.get("resolver")
        (etc / "resolv.conf").write_text("nameserver %s\noptions timeout:2 attempts:2\n" % server if server else "# no DNS here\n")
        (etc / "hosts").write_text("127.0.0.1 localhost %s\n" % host)
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")


def main(arguments):
    top = Topology()
    match arguments:
        case ["hosts"]:
            print("\n".join(top.hosts))
        case ["value", key]:
            print(top.values[key])
        case ["up"]:
            up(top)
        case ["names", folder, *rest]:
            names(top, folder, rest == ["--private-dns"])
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        raise SystemExit("network: failed: %s" % " ".join(map(str, error.cmd)))
