# SPDX-License-Identifier: Apache-2.0
"""page: the demonstration as one HTML page that needs nothing from elsewhere: the network and the packets' measured paths as
inline SVG, the table, the commands."""
import html
import pathlib

from table import COLUMNS, ROWS

COLOURS = {"gateway": "#b45309", "interface": "#1d4ed8", "s3onramp": "#15803d"}
WIDE, HIGH = 150, 44

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>S3's two endpoint types, measured</title><style>
body { font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 1100px; padding: 0 1em; color: #1f2937; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #9ca3af; padding: .4em .6em; vertical-align: top; text-align: left; }
td { overflow-wrap: anywhere; } td.wrong { background: #fecaca; } code { overflow-wrap: anywhere; }
svg { width: 100%; height: auto; }
svg text { font: 12px sans-serif; } .small { font-size: 10px; fill: #4b5563; }
.problem { color: #b91c1c; font-weight: bold; }
.way { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
input { margin-left: 0; } li { margin: .2em 0; } li:target { background: #fef3c7; }
"""


def text(x, y, words, kind="", anchor="middle"):
    return '<text x="%g" y="%g" class="%s" text-anchor="%s">%s</text>' % (x, y, kind, anchor, html.escape(words))


class Drawing:
    def __init__(self, table):
        self.table, self.lab, self.top = table, table.lab, table.lab.top

    def place(self, link):
        """Where a link meets its two hosts: links between the same two tall boxes lie below each other."""
        pair = {end[0] for end in link["ends"]}
        same = [one for one in self.top.links if {end[0] for end in one["ends"]} == pair]
        shift = (same.index(link) - (len(same) - 1) / 2) * 62
        (x1, y1), (x2, y2) = (self.top.hosts[end[0]]["at"] for end in link["ends"])
        return (x1, y1 + shift), (x2, y2 + shift)

    def links(self):
        for link in self.top.links:
            (x1, y1), (x2, y2) = self.place(link)
            dashes = ' stroke-dasharray="6 4"' if "delay_ms" in link else ""
            yield '<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="#6b7280"%s/>' % (x1, y1, x2, y2, dashes)
            if "text" in link:
                words = link["text"]
                if "delay_ms" in link:
                    words += ", %d ms, MTU %d" % (2 * link["delay_ms"], link["mtu"])
                level = abs(y1 - y2) < 50
                yield text((x1 + x2) / 2, (y1 + y2) / 2 - 21, words, "small") if level else text(
                    x1 + 22, (y1 + y2) / 2 + 24, words, "small", "start")

    def boxes(self):
        for name, host in self.top.hosts.items():
            (x, y), high = host["at"], host.get("high", HIGH)
            yield '<rect x="%g" y="%g" width="%d" height="%d" rx="6" fill="#fff" stroke="#1f2937"/>' % (
                x - WIDE / 2, y - high / 2, WIDE, high)
            yield text(x, y - 3, host["text"])
            own = [a for a in self.top.addresses(name) if not a.startswith("169.254.")]
            yield text(x, y + 12, own[0] if name not in ("s3", "osaka-s3") else own[-1], "small")

    def areas(self):
        for name, (x, y, wide, high) in self.top.areas.items():
            yield '<rect x="%d" y="%d" width="%d" height="%d" rx="10" fill="#f3f4f6" stroke="#d1d5db"/>' % (x, y, wide, high)
            yield text(x + 10, y + 16, name, anchor="start")

    def border(self, host, inside, outside):
        """Where the line from a point in the host's box to one outside leaves the box."""
        (x, y), half = self.top.hosts[host]["at"], (WIDE / 2, self.top.hosts[host].get("high", HIGH) / 2)
        parts = []
        for middle, size, a, b in zip((x, y), half, inside, outside):
            if a != b:
                parts.append((middle + (size if b > a else -size) - a) / (b - a))
        part = min(p for p in parts if p >= 0)
        return tuple(a + part * (b - a) for a, b in zip(inside, outside))

    def edges(self, probe, aside):
        """The links that the packets went over, each as (from, to) in their direction, from box to box."""
        for host, interface in self.lab.legs(probe):
            for link in self.top.links:
                for n in (0, 1):
                    if link["ends"][n][:2] == (host, interface):
                        ends = [(x + aside, y + aside) for x, y in self.place(link)]
                        yield self.border(link["ends"][1 - n][0], ends[1 - n], ends[n]), self.border(host, ends[n], ends[1 - n])

    def way(self, probe, lane, ending):
        """Drawn a little beside the links, so that several can be told apart. ending: how many end at each place so far."""
        edges, colour = list(self.edges(probe, lane * 3)), COLOURS[probe.id.split(".")[0]]
        if not edges:
            return ""
        moves = " ".join("M %.1f %.1f L %.1f %.1f" % (a + b) for a, b in edges)
        (x, y), last = edges[-1][1], self.lab.legs(probe)[-1]
        ending[last] = ending.get(last, 0) + 1
        end, label = '<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>' % (x, y, colour), (x + 24 * ending[last], y - lane * 3 + 22)
        if not probe.good:
            label = x - 18 * ending[last], y - 9
            end = '<path d="M %.1f %.1f l 12 12 m 0 -12 l -12 12" stroke="#b91c1c" stroke-width="4"/>' % (x - 6, y - 6)
        return '<g class="p%d" fill="%s"><path class="way" d="%s" stroke="%s"/>%s%s</g>' % (
            probe.number, colour, moves, colour, end, text(*label, "[%d]" % probe.number))

    def svg(self, probes):
        ending = {}
        parts = [*self.areas(), *self.links(), *self.boxes(), *(self.way(p, n - len(probes) // 2, ending) for n, p in enumerate(probes))]
        return '<svg viewBox="0 0 1000 480" role="img" aria-label="The network and the paths of packets">%s</svg>' % "\n".join(parts)


def link(probe):
    return '<a href="#n%d">[%d]</a>' % (probe.number, probe.number)


def write(table, path):
    probes = [p for p in table.notes() if p.file]
    hide = "".join("#p%d:not(:checked) ~ svg .p%d { display: none; }\n" % (p.number, p.number) for p in probes)
    out = [HEAD, hide, "</style></head><body><h1>S3's two endpoint types, measured</h1>",
           "<p><b>From your own site only the interface endpoint works; with s3onramp there your tools need not be told.</b></p>"
           "<p>Hosts are network namespaces of one machine, S3 is Ceph's gateway. Every cell was measured in the run that wrote "
           "this page.</p><ul>"]
    out += ["<li><b>%s</b>: %s</li>" % (html.escape(t), html.escape(m)) for t, m in COLUMNS.values()]
    out.append("</ul><h2>Where the packets went</h2><p>A dot: the object came. A cross: packets went no further.</p><div>")
    for p in probes:
        what = "%s, %s: %s" % (COLUMNS[p.id.split(".")[0]][0], p.host, "yes" if p.good else "no")
        out.append('<input type="checkbox" checked id="p%d"><label for="p%d" style="color:%s">[%d] %s</label><br>' % (
            p.number, p.number, COLOURS[p.id.split(".")[0]], p.number, html.escape(what)))
    out += [Drawing(table).svg(probes), "</div><h2>The comparison</h2><table><tr><th></th>"]
    out += ["<th>%s</th>" % html.escape(title) for title, _ in COLUMNS.values()]
    for row, question in ROWS.items():
        out.append("</tr>\n<tr><th>%s</th>" % html.escape(question))
        for cell in (table.cells.get(column + "." + row) for column in COLUMNS):
            if cell:
                out.append('<td class="%s">%s %s</td>' % (
                    "wrong" if cell.wrong else "right", html.escape(cell.text), " ".join(map(link, cell.probes))))
            else:
                out.append("<td></td>")
    out.append("</tr></table>")
    out += ['<p class="problem">Not as on AWS: %s</p>' % html.escape(problem) for problem in table.problems()]
    out.append("<h2>The commands</h2><ul>")
    out += ['<li id="n%d">[%d] <code>%s</code></li>' % (p.number, p.number, html.escape(p.command())) for p in table.notes()]
    out.append("</ul></body></html>\n")
    pathlib.Path(path).write_text("\n".join(out))
