# SPDX-License-Identifier: Apache-2.0
"""page: the demonstration as one HTML page that needs nothing from elsewhere: the network and the packets' measured paths as
inline SVG, the table, the commands."""
import html
import pathlib

from table import COLUMNS, ROWS

COLOURS = {"gateway": "#b45309", "interface": "#1d4ed8", "s3onramp": "#15803d"}
WIDE, HIGH = 150, 44
LANE = 14  # between ways that go side by side

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>S3's two endpoint types, measured</title><style>
body { font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 1100px; padding: 0 1em; color: #1f2937; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #9ca3af; padding: .4em .6em; vertical-align: top; text-align: left; }
td { overflow-wrap: anywhere; } td.wrong { background: #fecaca; } code { overflow-wrap: anywhere; }
svg { width: 100%; height: auto; }
svg text { font: 12px sans-serif; } .small { font-size: 10px; fill: #4b5563; }
.problem { color: #b91c1c; font-weight: bold; }
.way { fill: none; stroke-width: 2; }
.cross { stroke: #b91c1c; stroke-width: 3.5; } svg .number { font-size: 9px; }
input { margin-left: 0; } li { margin: .2em 0; } li:target { background: #fef3c7; }
"""


def text(x, y, words, kind="", anchor="middle"):
    return '<text x="%g" y="%g" class="%s" text-anchor="%s">%s</text>' % (x, y, kind, anchor, html.escape(words))


class Drawing:
    """Hosts are boxes, links go straight across or down, and each download is a way of its own along them, with an arrow head at each
    host that it enters and its number at both ends."""

    def __init__(self, table, probes):
        self.table, self.lab, self.top = table, table.lab, table.lab.top
        self.ways = [(probe, list(self.edges(probe))) for probe in probes]
        self.lanes = [(probe.id, n, id(link)) for probe, edges in self.ways for n, (link, _) in enumerate(edges)]

    def box(self, host):
        (x, y), high = self.top.hosts[host]["at"], self.top.hosts[host].get("high", HIGH)
        return x, y, high

    def line(self, link):
        """Where a link meets the borders of its hosts, at the middle of the smaller one; links between the same two lie below each
        other."""
        pair = {end[0] for end in link["ends"]}
        same = [one for one in self.top.links if {end[0] for end in one["ends"]} == pair]
        shift = (same.index(link) - (len(same) - 1) / 2) * 80
        boxes = [self.box(end[0]) for end in link["ends"]]
        (x1, y1, high1), (x2, y2, high2) = boxes
        small = min(boxes, key=lambda box: box[2])
        if abs(x1 - x2) < WIDE:
            side = 1 if y2 > y1 else -1
            return (small[0] + shift, y1 + side * high1 / 2), (small[0] + shift, y2 - side * high2 / 2)
        side = WIDE / 2 if x2 > x1 else -WIDE / 2
        return (x1 + side, small[1] + shift), (x2 - side, small[1] + shift)

    def aside(self, link, slot):
        """The line of a link, moved to one of the lanes of the ways that go over it."""
        (x1, y1), (x2, y2) = self.line(link)
        shift = (slot - (sum(lane[2] == id(link) for lane in self.lanes) - 1) / 2) * LANE
        return ((x1 + shift, y1), (x2 + shift, y2)) if x1 == x2 else ((x1, y1 + shift), (x2, y2 + shift))

    def links(self):
        for link in self.top.links:
            (x1, y1), (x2, y2) = self.line(link)
            dashes = ' stroke-dasharray="6 4"' if "delay_ms" in link else ""
            yield '<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="#6b7280"%s/>' % (x1, y1, x2, y2, dashes)
            if "text" in link:
                words = link["text"]
                if "delay_ms" in link:
                    words += ", %d ms, MTU %d" % (2 * link["delay_ms"], link["mtu"])
                over = sum(lane[2] == id(link) for lane in self.lanes) * LANE / 2
                yield text((x1 + x2) / 2, y1 - over - 6, words, "small") if y1 == y2 else text(
                    x1 + over + 8, (y1 + y2) / 2 + 4, words, "small", "start")

    def boxes(self):
        for name, host in self.top.hosts.items():
            x, y, high = self.box(name)
            yield '<rect x="%g" y="%g" width="%d" height="%d" rx="6" fill="#fff" stroke="#1f2937"/>' % (
                x - WIDE / 2, y - high / 2, WIDE, high)
            where = (x, y - 3, "middle") if high == HIGH else (x - WIDE / 2 + 8, y + high / 2 - 22, "start")  # aside of ways through it
            own = [a for a in self.top.addresses(name) if not a.startswith("169.254.")]
            yield text(where[0], where[1], host["text"], anchor=where[2])
            yield text(where[0], where[1] + 15, own[0] if name not in ("s3", "osaka-s3") else own[-1], "small", where[2])

    def areas(self):
        for name, (x, y, wide, high) in self.top.areas.items():
            yield '<rect x="%d" y="%d" width="%d" height="%d" rx="10" fill="#f3f4f6" stroke="#d1d5db"/>' % (x, y, wide, high)
            yield text(x + 10, y + 16, name, anchor="start")

    def edges(self, probe):
        """The links that the packets went over, each with which of its ends they went to."""
        for host, interface in self.lab.legs(probe):
            for link in self.top.links:
                for n in (0, 1):
                    if link["ends"][n][:2] == (host, interface):
                        yield link, n

    def arrows(self, probe, edges):
        """(host that it leaves, host that it enters, where, where to), one for each link."""
        for n, (link, end) in enumerate(edges):
            on_link = [lane for lane in self.lanes if lane[2] == id(link)]
            points = self.aside(link, on_link.index((probe.id, n, id(link))))
            yield link["ends"][1 - end][0], link["ends"][end][0], points[1 - end], points[end]

    @staticmethod
    def inner(came, went):
        """The way through a host's box, from the arrow that came in to the one that goes out."""
        (dx, dy), (ex, ey), (ax, ay), (bx, by) = toward(*came[2:]), toward(*reversed(went[2:])), came[3], went[2]
        reach = 20 + (abs(ax - bx) + abs(ay - by)) * .2
        return "M %g %g C %g %g %g %g %g %g" % (ax, ay, ax + dx * reach, ay + dy * reach, bx + ex * reach, by + ey * reach, bx, by)

    def way(self, probe, edges):
        arrows = list(self.arrows(probe, edges))
        moves, heads = [], []
        for n, arrow in enumerate(arrows):
            came = [before for before in arrows[:n] if before[1] == arrow[0]]
            moves += [self.inner(came[-1], arrow)] if came else []
            (x1, y1), (x2, y2), (dx, dy) = arrow[2], arrow[3], toward(*arrow[2:])
            moves.append("M %g %g L %g %g" % (x1, y1, x2, y2))
            heads.append("M %g %g L %g %g L %g %g Z" % (
                x2, y2, x2 - 9 * dx - 4 * dy, y2 - 9 * dy - 4 * dx, x2 - 9 * dx + 4 * dy, y2 - 9 * dy + 4 * dx))
        return '<path class="way" d="%s" stroke="%s"/><path class="head" d="%s"/>' % (
            " ".join(moves), COLOURS[probe.id.split(".")[0]], " ".join(heads))

    def marks(self, probe, edges):
        """Its number where it begins and where it ends; a cross before that one if the object did not come."""
        arrows = list(self.arrows(probe, edges))
        (x1, y1), first = arrows[0][2], toward(*arrows[0][2:])
        (x2, y2), last = arrows[-1][3], toward(*arrows[-1][2:])
        places = [(x1 + 10 * first[0], y1 + 10 * first[1])]
        far = 11 if probe.good else 25
        places.append((x2 + far * last[0], y2 + far * last[1]))
        for x, y in places:
            yield '<circle cx="%g" cy="%g" r="6.5" fill="#fff" stroke="%s"/>' % (x, y, COLOURS[probe.id.split(".")[0]])
            yield text(x, y + 3, str(probe.number), "number")
        if not probe.good:
            yield '<path class="cross" d="M %g %g l 10 10 m 0 -10 l -10 10"/>' % (x2 + 9 * last[0] - 5, y2 + 9 * last[1] - 5)

    def svg(self):
        parts = [*self.areas(), *self.links(), *self.boxes()]
        for draw in (lambda *way: [self.way(*way)], self.marks):
            for probe, edges in self.ways:
                if edges:
                    parts.append('<g class="p%d" fill="%s">%s</g>' % (
                        probe.number, COLOURS[probe.id.split(".")[0]], "".join(draw(probe, edges))))
        return '<svg viewBox="0 0 1040 590" role="img" aria-label="The network and the paths of packets">%s</svg>' % "\n".join(parts)


def toward(start, end):
    """One step in the direction of a straight line."""
    return tuple((b > a) - (b < a) for a, b in zip(start, end))


def link(probe):
    return '<a href="#n%d">[%d]</a>' % (probe.number, probe.number)


def write(table, path):
    probes = [p for p in table.notes() if p.file]
    hide = "".join("#p%d:not(:checked) ~ svg .p%d { display: none; }\n" % (p.number, p.number) for p in probes)
    out = [HEAD, hide, "</style></head><body><h1>S3's two endpoint types, measured</h1>",
           "<p><b>%s</b></p>" % html.escape(table.conclusion()),
           "<p>Hosts are network namespaces of one machine, S3 is Ceph's gateway. Every cell was measured in the run that wrote "
           "this page.</p><ul>"]
    out += ["<li><b>%s</b>: %s</li>" % (html.escape(t), html.escape(m)) for t, m in COLUMNS.values()]
    out.append("</ul><h2>Where the packets went</h2><p>An arrow that ends in a number: the object came. "
           "A cross: packets got there and no further.</p><div>")
    for p in probes:
        what = "%s, from %s: %s" % (COLUMNS[p.id.split(".")[0]][0], table.lab.top.hosts[p.host]["text"], "yes" if p.good else "no")
        out.append('<input type="checkbox" checked id="p%d"><label for="p%d" style="color:%s">[%d] %s</label><br>' % (
            p.number, p.number, COLOURS[p.id.split(".")[0]], p.number, html.escape(what)))
    out += [Drawing(table, probes).svg(), "</div><h2>The comparison</h2><table><tr><th></th>"]
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
