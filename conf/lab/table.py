# SPDX-License-Identifier: Apache-2.0
"""table: the comparison of S3's two endpoint types and s3onramp's way: its columns and rows, what each cell measures, and how it
is told what AWS does. demo.py prints it, page.py draws it."""
import dataclasses
import sys

import measure
from measure import PRIVATE, PUBLIC

COLUMNS = {
    "gateway": ("gateway endpoint", "An entry in a VPC's route tables that leads to S3's public addresses. It is not a thing one can call."),
    "interface": ("interface endpoint", "Network interfaces with private addresses in the VPC's subnets (AWS PrivateLink). Any network that "
                  "reaches the VPC can call them."),
    "s3onramp": ("interface endpoint through s3onramp", "The same endpoint, asked by a proxy on-premises; tools there stay as they are."),
}
ROWS = {
    "name": "Which name does the tool call?",
    "dns": "Which address has that name, in DNS?",
    "packets": "Which address is in the packets?",
    "instance": "Does it work from an instance in the VPC?",
    "premises": "Does it work from on-premises?",
    "region": "Does it work from another Region?",
    "told": "What must the tool be told each time?",
    "price": "What does AWS charge for it?",
}


@dataclasses.dataclass
class Cell:
    text: str
    probes: list = dataclasses.field(default_factory=list)
    wrong: str = None  # how it differs from AWS, and why


class Table:
    def __init__(self, lab):
        self.lab, self.cells = lab, {}

    def needs(self, column, row):
        """The probes of a cell; none: there is no such cell."""
        everywhere = {"gateway": ["gateway.instance"], "interface": ["interface.instance", "interface.premises", "interface.region"],
                      "s3onramp": ["s3onramp.premises", "s3onramp.legacy"]}[column]
        special = {
            "gateway.dns": ["gateway.dns-instance", "gateway.dns-premises", "gateway.dns-region"],
            "interface.dns": ["interface.dns-instance", "interface.dns-premises", "interface.dns-region"],
            "s3onramp.dns": ["s3onramp.dns"],
            "gateway.premises": ["gateway.premises", "gateway.wishful"],
            "gateway.region": ["gateway.region", "gateway.own"],
            "s3onramp.premises": everywhere, "s3onramp.instance": [], "s3onramp.region": [],
        }
        if self.lab.private_dns:  # on-premises, the ordinary name is the interface endpoint's
            special["gateway.dns"].remove("gateway.dns-premises")
            special["interface.name"] = special["interface.told"] = ["interface.instance", "interface.premises"]
        if row in ("packets", "price"):
            return everywhere
        return special.get(column + "." + row, everywhere[:1] if row in ("name", "told") else [column + "." + row])

    def fill(self, only):
        names = [c + "." + r for c in COLUMNS for r in ROWS]
        unknown = set(only or ()) - set(names)
        if unknown:
            sys.exit("demo: no cell %s, only: %s" % (", ".join(sorted(unknown)), " ".join(names)))
        wanted = only or names
        self.lab.run(sorted({p for name in wanted for p in self.needs(*name.split("."))}))
        for name in wanted:
            column, row = name.split(".")
            probes = [self.lab.probes[p] for p in self.needs(column, row)]
            cell = getattr(self, row)(column, probes) if probes else Cell("not asked")
            cell.probes = probes
            self.cells[name] = cell

    # ---- one function per row

    def name(self, column, probes):
        v = self.lab.top.values
        ordinary = "%s.s3.%s.amazonaws.com" % (v["bucket"], v["region"])
        expected = {"gateway": ordinary, "interface": "bucket.%s.s3.%s.vpce.amazonaws.com" % (v["vpce"], v["region"]),
                    "s3onramp": "%s.s3.amazonaws.com" % v["bucket"]}[column]
        kinds = {"gateway": "S3's ordinary name", "interface": "a name of the endpoint's own", "s3onramp": "S3's ordinary name"}
        cell = Cell("%s: %s" % (kinds[column], probes[0].called_host()))
        if len(probes) > 1:
            cell.text += "; on-premises, by private DNS, S3's ordinary name: %s" % probes[1].called_host()
        for probe, name in zip(probes, (expected, ordinary)):
            if probe.called_host() != name:
                cell.wrong = "the tool on %s called %s, not %s" % (probe.host, probe.called_host() or "nobody", name)
        return cell

    def addresses(self, column, found, where):
        """found: list of (probe, its addresses)."""
        all_of = sorted({a for _, addresses in found for a in addresses})
        kinds = sorted({measure.kind(a) for a in all_of})
        expected = PUBLIC if column == "gateway" else PRIVATE
        cell = Cell("%s: %s" % (" and ".join(kinds) or "none", ", ".join(all_of)))
        for probe, addresses in found:
            strange = [a for a in addresses if measure.kind(a) != expected]
            if not addresses:
                cell.wrong = "%s, from %s, there is none: %s" % (where, probe.host, self.lab.cause(probe) or "no packet was seen")
            elif strange:
                cell.wrong = "%s, from %s, it is %s, which is %s; on AWS it is %s" % (
                    where, probe.host, ", ".join(strange), measure.kind(strange[0]), expected)
        return cell

    def dns(self, column, probes):
        return self.addresses(column, [(p, p.addresses) for p in probes], "in DNS")

    def packets(self, column, probes):
        cell = self.addresses(column, [(p, self.lab.used(p)) for p in probes], "in the packets")
        if column == "s3onramp":
            cell.text += ", sent by the bastion"
        return cell

    def works(self, probe, expected):
        """Returns (yes or no in words, how it differs from what is expected)."""
        lab = self.lab
        if probe.good:
            return "yes", None if expected else "it works, and on AWS it does not: packets went %s" % " -> ".join(lab.way(probe))
        if expected:
            return "no", "it does not work, and on AWS it does: " + lab.cause(probe)
        if lab.reached(probe):
            return "S3 is reached", "S3 is reached, and on AWS it is not: packets went %s" % " -> ".join(lab.way(probe))
        if not lab.looked_up(probe) or not lab.way(probe):
            return "no", "it does not work, but not for the reason it does not on AWS: " + lab.cause(probe)
        return "no, packets end at the %s" % lab.top.hosts[lab.way(probe)[-1]]["text"], None

    def instance(self, column, probes):
        return self.one(probes, [True], ["%s"])

    def one(self, probes, expected, phrases):
        """A cell of several answers: a phrase for each."""
        words, wrong = [], []
        for probe, want, phrase in zip(probes, expected, phrases):
            text, why = self.works(probe, want)
            words.append(phrase % text)
            wrong += ["from %s: %s [%d]" % (probe.host, why, probe.number)] if why else []
        return Cell("; ".join(words), wrong="; ".join(wrong) or None)

    def premises(self, column, probes):
        if column == "gateway":
            return self.one(probes, [False, False], ["%s", "with a route into the VPN: %s"])
        if column == "s3onramp":
            return self.one(probes, [True, True], ["%s", "plain HTTP, unsigned: %s"])
        return self.one(probes, [True], ["%s"])

    def region(self, column, probes):
        if column == "gateway":
            return self.one(probes, [False, True], ["%s", "its own Region's S3: %s"])
        return self.one(probes, [True], ["%s"])

    def told(self, column, probes):
        said = [", ".join(sorted(w for w in p.argv if w in ("--endpoint-url", "--region"))) for p in probes]
        cell = Cell(said[0] or "nothing (HTTPS_PROXY is set once)")
        if len(said) > 1:
            cell.text += "; on-premises, by private DNS: " + said[1]
        for probe in probes:
            if not probe.good:
                cell.wrong = "so told, %s fails: %s" % (probe.host, self.lab.cause(probe))
        return cell

    def price(self, column, probes):
        v = self.lab.top.values
        megabytes = int(self.lab.moved(probes) / 1e6)  # whole ones: what headers and repeated packets add differs from run to run
        expected = 2 * len(probes)
        wrong = None if megabytes == expected else "%.2f MB moved, not %d and a little" % (self.lab.moved(probes) / 1e6, expected)
        if column == "gateway":
            return Cell("nothing: %d MB x $0" % megabytes, wrong=wrong)
        zones = len({a for p in probes for a in self.lab.looked_up(p)})
        dollars = zones * v["zone_hour_dollars"] + megabytes / 1000 * v["gigabyte_dollars"]
        return Cell("%d zones x 1 started hour x $%g + %d MB x $%g/GB = $%.5f" % (
            zones, v["zone_hour_dollars"], megabytes, v["gigabyte_dollars"], dollars), wrong=wrong)

    # ---- the result

    def conclusion(self):
        """What follows, in a sentence."""
        if self.problems():
            return "This network is not built as AWS's: what differs is red below, and nothing follows for AWS."
        if not {column + ".premises" for column in COLUMNS} <= set(self.cells):
            return "Only some of the comparison was measured."
        return ("From your own site only the interface endpoint works, and through s3onramp your tools there go on calling S3 by its "
                "ordinary name.")

    def problems(self):
        return ["%s / %s: %s" % (COLUMNS[n.split(".")[0]][0], ROWS[n.split(".")[1]], c.wrong)
                for n, c in self.cells.items() if c.wrong]

    def notes(self):
        used = {p.number: p for c in self.cells.values() for p in c.probes}
        return [used[n] for n in sorted(used)]
