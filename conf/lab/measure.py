# SPDX-License-Identifier: Apache-2.0
"""measure: runs the demonstration's commands on the lab's hosts, and tells from packet counters where their packets went.

A probe is one command on one host. Counters are keyed by source and destination, so probes may run side by side."""
import concurrent.futures
import dataclasses
import ipaddress
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import network
import seed

SHELL = "conf/lab/lab"
PUBLIC, PRIVATE = "public", "private"
S3 = "s3", "osaka-s3"
PATIENCE = ["--cli-connect-timeout", "5", "--cli-read-timeout", "10"]


def kind(address):
    """As s3onramp judges: RFC 1918 and RFC 6598 are private."""
    networks = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    return PRIVATE if any(ipaddress.ip_address(address) in ipaddress.ip_network(n) for n in networks) else PUBLIC


@dataclasses.dataclass
class Probe:
    id: str
    host: str
    argv: list
    asks: str = None           # id of the probe that looks up, on the same host, the name that this one calls
    through: str = None        # the host that asks S3 in its place, s3onramp's
    file: str = None           # what it downloads, in the host's home; None: a look-up
    number: int = 0
    text: str = ""
    good: bool = False         # a download: the right bytes came; a look-up: there are addresses
    addresses: tuple = ()      # of a look-up

    def command(self):
        return "%s shell %s %s" % (SHELL, self.host, " ".join(shlex.quote(word) for word in self.argv))

    def error_code(self):
        found = re.search(r"An error occurred \((\w+)\)", self.text) or re.search(r"<Code>(\w+)</Code>", self.text)
        return found.group(1) if found else None

    def called_host(self):
        """The host that aws called, as its --debug log says."""
        found = re.findall(r"Sending http request: .*?url=https?://([^/:,\s]+)", self.text)
        return found[-1] if found else None


class Lab:
    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.top = network.Topology()
        self.private_dns = (self.work / "up").read_text().strip() != ""
        self.came, self.sent, self.lost = {}, {}, {}
        self.probes = {probe.id: probe for probe in self.describe()}

    # ---- what is run

    def describe(self):
        v = self.top.values
        region, other = ["--region", v["region"]], ["--region", v["other_region"]]
        ordinary = "%s.s3.%s.amazonaws.com" % (v["bucket"], v["region"])
        endpoint = "%s.s3.%s.vpce.amazonaws.com" % (v["vpce"], v["region"])
        url = ["--endpoint-url", "https://bucket." + endpoint]
        amazon = ["--profile", "amazon"]

        def get(name, host, options, bucket=v["bucket"], before=(), **more):
            file = name.replace(".", "-")
            argv = [*before, "aws", "--debug", *PATIENCE, *options, "s3api", "get-object", "--bucket", bucket, "--key", seed.KEY,
                    file]
            return Probe(name, host, argv, file=file, **more)

        def look_up(name, host, what):
            return Probe(name, host, ["getent", "ahostsv4", what])

        def past_dns(name, host):
            """With private DNS the name leads elsewhere: S3's public address is dialled as if DNS had said it."""
            public = self.top.addresses("s3")[-1]
            argv = ["curl", "-sS", "-m", "10", "-o", name.replace(".", "-"), "--resolve", "%s:443:%s" % (ordinary, public),
                    "https://%s/%s" % (ordinary, seed.KEY)]
            return Probe(name, host, argv, asks="gateway.dns-instance", file=name.replace(".", "-"))

        yield look_up("gateway.dns-instance", "instance", ordinary)
        yield look_up("gateway.dns-premises", "workstation", ordinary)
        yield look_up("gateway.dns-legacy", "legacy", ordinary)
        yield look_up("gateway.dns-region", "osaka-instance", ordinary)
        yield get("gateway.instance", "instance", region, asks="gateway.dns-instance")
        if self.private_dns:
            yield past_dns("gateway.premises", "workstation")
            yield past_dns("gateway.wishful", "legacy")
        else:
            yield get("gateway.premises", "workstation", region + amazon, asks="gateway.dns-premises")
            yield get("gateway.wishful", "legacy", region + ["--no-sign-request"], asks="gateway.dns-legacy")
        yield get("gateway.region", "osaka-instance", region, asks="gateway.dns-region")
        yield look_up("gateway.dns-own", "osaka-instance", "%s.s3.%s.amazonaws.com" % (v["other_bucket"], v["other_region"]))
        yield get("gateway.own", "osaka-instance", other, bucket=v["other_bucket"], asks="gateway.dns-own")
        yield look_up("interface.dns-instance", "instance", "bucket." + endpoint)
        yield look_up("interface.dns-premises", "workstation", ordinary if self.private_dns else "bucket." + endpoint)
        yield look_up("interface.dns-region", "osaka-instance", "bucket." + endpoint)
        yield get("interface.instance", "instance", region + url, asks="interface.dns-instance")
        yield get("interface.premises", "workstation", region + ([] if self.private_dns else url) + amazon,
                  asks="interface.dns-premises")
        yield get("interface.region", "osaka-instance", region + url, asks="interface.dns-region")
        yield look_up("s3onramp.dns", "bastion", endpoint)
        proxy = self.top.addresses("bastion")[0]
        yield get("s3onramp.premises", "workstation", [], before=["env", "HTTPS_PROXY=http://%s:3128" % proxy],
                  asks="s3onramp.dns", through="bastion")
        plain = "http://%s:9000/%s/%s" % (proxy, v["bucket"], seed.KEY)
        yield Probe("s3onramp.legacy", "legacy", ["curl", "-sS", "-m", "15", "-o", "s3onramp-legacy", plain],
                    asks="s3onramp.dns", through="bastion", file="s3onramp-legacy")

    def run(self, ids):
        """Runs these probes and those that they build on; then reads the counters. What is asked for is counted first, and downloads
        before look-ups: neither the table nor the drawing has gaps."""
        for number, probe in enumerate(sorted(self.probes.values(), key=lambda p: (p.id not in ids, p.file is None)), 1):
            probe.number = number
        shutil.rmtree(self.work / "notes", ignore_errors=True)
        wanted = set(ids) | {self.probes[i].asks for i in ids if self.probes[i].asks}
        before = {host: self.too_large(self.inside(host, "nft 'flush set inet lab came; flush set inet lab sent'"))
                  for host in self.top.hosts}
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(self.run_one, [p for p in self.probes.values() if p.id in wanted]))
        for host in self.top.hosts:
            self.lost[host] = self.read_counters(host) - before[host]

    def run_one(self, probe):
        target = self.work / "home" / probe.host / (probe.file or "none")
        target.unlink(missing_ok=True)
        done = subprocess.run([pathlib.Path(__file__).parent / "lab", "shell", probe.host, *probe.argv], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              env=dict(os.environ, BUILD_DIR=str(self.work.parent)))
        probe.text = done.stdout
        if probe.file:
            probe.good = done.returncode == 0 and target.exists() and target.read_bytes() == seed.CONTENT
            if done.returncode == 0 and not probe.good and target.exists():
                probe.text += target.read_bytes()[:2000].decode(errors="replace")  # curl: an error's document
        else:
            probe.addresses = tuple(sorted({line.split()[0] for line in done.stdout.splitlines() if "STREAM" in line}))
            probe.good = bool(probe.addresses)
        log = self.work / "notes" / str(probe.number)
        log.parent.mkdir(exist_ok=True)
        log.write_text("$ %s\n%s" % (probe.command(), probe.text))

    # ---- what the network saw

    @staticmethod
    def inside(host, command):
        """What the command writes, and after that the host's IP statistics."""
        return subprocess.run(["nsenter", "--net=/run/netns/" + network.namespace(host), "sh", "-c",
                               command + "; echo; cat /proc/net/snmp"], check=True, capture_output=True, text=True).stdout

    @staticmethod
    def too_large(text):
        """Packets that a host could not pass on because they are larger than the next link takes."""
        names, numbers = [line.split() for line in text.splitlines() if line.startswith("Ip:")]
        return int(numbers[names.index("FragFails")])

    def read_counters(self, host):
        """came, sent: host → {(interface, source, destination): bytes}. Returns too_large()."""
        text = self.inside(host, "nft -j list table inet lab")
        sets = {"came": {}, "sent": {}}
        for item in json.loads(text.partition("\nIp:")[0])["nftables"]:
            for element in item.get("set", {}).get("elem", ()):
                key = tuple(element["elem"]["val"]["concat"])
                sets[item["set"]["name"]][key] = element["elem"]["counter"]["bytes"]
        self.came[host], self.sent[host] = sets["came"], sets["sent"]
        return self.too_large(text)

    def asker(self, probe):
        return probe.through or probe.host

    def looked_up(self, probe):
        return self.probes[probe.asks].addresses if probe.asks else ()

    def used(self, probe):
        """The addresses that this probe's packets went to, of those that its name has; the one that answered with the object,
        if one did."""
        own = self.top.addresses(self.asker(probe))
        sent = {to for _, source, to in self.sent[self.asker(probe)] if source in own} & set(self.looked_up(probe))
        gave = {a for a in sent for host in S3 for (_, s, d), n in self.sent[host].items() if s == a and d in own and n > len(seed.CONTENT)}
        return sorted(gave if probe.good else sent)

    def hops(self, host, goals):
        """[(host, interface by which packets from the first host to these addresses came)], nearest first; the first sent them."""
        own = self.top.addresses(host)
        if not any(s in own and d in goals for _, s, d in self.sent[host]):
            return []
        near = self.distances(host)
        seen = {(h, i) for h in self.top.hosts if h != host for i, s, d in self.came[h] if s in own and d in goals}
        return [(host, None)] + sorted(seen, key=lambda hop: (near[hop[0]], hop))

    def way(self, probe):
        """The hosts that saw packets from the probe's host to its addresses, nearest first."""
        return list(dict.fromkeys(host for host, _ in self.hops(self.asker(probe), self.looked_up(probe))))

    def legs(self, probe):
        """hops() of all the probe's road: to the host that it goes through, and to the addresses that it used."""
        first = self.hops(probe.host, self.top.addresses(probe.through)) if probe.through else []
        return first + self.hops(self.asker(probe), self.used(probe) or self.looked_up(probe))

    def distances(self, start):
        near, edge = {start: 0}, [start]
        while edge:
            here = edge.pop(0)
            for link in self.top.links:
                a, b = (end[0] for end in link["ends"])
                for one, other in ((a, b), (b, a)):
                    if one == here and other not in near:
                        near[other] = near[here] + 1
                        edge.append(other)
        return near

    def reached(self, probe):
        return any(host in S3 for host in self.way(probe))

    def answered(self, probe):
        own = self.top.addresses(self.asker(probe))
        return any(d in own and s in self.looked_up(probe) for h in S3 for _, s, d in self.sent[h])

    def moved(self, probes):
        """Bytes between S3 and the hosts of these probes, both directions, as S3's side counts them."""
        pairs = {(own, goal) for p in probes for own in self.top.addresses(self.asker(p)) for goal in self.looked_up(p)}
        total = sum(n for (_, s, d), n in self.came["s3"].items() if (s, d) in pairs)
        return total + sum(n for (_, s, d), n in self.sent["s3"].items() if (d, s) in pairs)

    # ---- why something did not work, in a sentence

    @staticmethod
    def last_line(probe):
        return (probe.text.strip().splitlines() or [""])[-1]

    def cause(self, probe):
        if probe.asks and not self.looked_up(probe):
            return "%s finds no address for the name: see what its resolver answers" % self.asker(probe)
        wrong = re.search(r"SSL validation failed for \S+ (.+)|SSL(?: certificate problem)?: (.+)", self.last_line(probe))
        if wrong:
            return "the certificate that S3's side shows is wrong: " + (wrong.group(1) or wrong.group(2))
        code = probe.error_code()
        if code:
            policy = "of the endpoint" if "VPC endpoint policy" in probe.text else "(of the bucket or the user)"
            return "%s was reached and answered %s: %s" % ("s3onramp" if probe.through else "S3", code, {
                "AccessDenied": "the way is fine, but the policy %s says no" % policy,
                "InvalidAccessKeyId": "the way is fine, but nobody there knows this access key",
                "SignatureDoesNotMatch": "the way is fine, but the secret key is not the right one",
                "ServiceUnavailable": "it has no address of the endpoint that works",
                "RequestTimeTooSkewed": "the way is fine, but the clock of %s is wrong" % probe.host}.get(code, "see its output"))
        lost = ["%d packets were too large for the tunnel of %s (MTU) and were lost in silence" % (n, h) for h, n in self.lost.items() if n]
        if self.answered(probe):
            return "S3 answered, but its answer did not arrive" + "".join("; " + text for text in lost)
        way = self.way(probe)
        if not way:
            return "%s sent no packet towards %s" % (self.asker(probe), ", ".join(self.looked_up(probe)))
        if self.reached(probe):
            return "packets reached S3, and no answer left it: a firewall, or no way back"
        return "packets to %s got as far as %s and no further: no route for them there" % (", ".join(self.looked_up(probe)), way[-1])
