# SPDX-License-Identifier: Apache-2.0
"""demo: measures S3's two endpoint types in the lab, and s3onramp's way, and prints the comparison. A cell that is not as on
AWS is marked, explained in a sentence, and makes the exit code 1.

    demo.py WORK [--html FILE] [--only CELL[,CELL…]]
"""
import argparse
import re
import sys

import measure
import page
from table import COLUMNS, ROWS, Table

PLACES = """The network: hosts of their own on this machine, and S3's server is Ceph's; nothing here leaves the machine.

  on-premises             VPN, 20 ms      VPC in Tokyo           both endpoint types
  workstation, legacy  ===============>   instance in zone a   ----------------------->  S3 in Tokyo
  host, bastion            MTU 1400             ^ peering
                                          VPC in Osaka           a gateway endpoint
                                          instance             ----------------------->  S3 in Osaka

  Each asks S3 in Tokyo for an object of 2 MB. Nobody has the internet, as in a locked-down company.
"""


def wrap(text, width):
    """Like textwrap, and long names break after a dot or a hyphen."""
    lines, line = [], ""
    for word in text.split():
        for n, piece in enumerate([word] if len(word) <= width else re.findall(r"[^.-]+[.-]*", word)):
            glue = " " if line and not n else ""
            if len(line) + len(glue) + len(piece) > width:
                lines.append(line)
                line, glue = "", ""
            line += glue + piece
    return lines + [line]


def print_table(table):
    bold, red, plain = ("\033[1m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("", "", "")
    widths = [20] + [30] * len(COLUMNS)
    rule = "+".join("-" * (w + 1 + (n > 0)) for n, w in enumerate(widths))

    def print_row(texts, colours):
        columns = [wrap(text, width) for text, width in zip(texts, widths)]
        for n in range(max(map(len, columns))):
            print(" | ".join(c + (lines[n] if n < len(lines) else "").ljust(w) + (plain if c else "")
                             for lines, w, c in zip(columns, widths, colours)).rstrip())

    print(PLACES)
    for title, meaning in COLUMNS.values():
        for n, line in enumerate(wrap(title + ": " + meaning, 118)):
            print("  " * (n > 0) + line)
    print()
    print_row([""] + [title for title, _ in COLUMNS.values()], [bold] * 4)
    for row, question in ROWS.items():
        cells = [table.cells.get(column + "." + row) for column in COLUMNS]
        if any(cells):
            print(rule)
            texts = [("!! " if c.wrong else "") + c.text + "".join(" [%d]" % p.number for p in c.probes) if c else "" for c in cells]
            print_row([question] + texts, [""] + [red if c and c.wrong else "" for c in cells])
    print("\nEach cell was measured just now. [n] is the command that did it, and its whole output is in %s/n:" %
          (table.lab.work / "notes"))
    for probe in table.notes():
        print("  [%d] %s" % (probe.number, probe.command()))


def main():
    parser = argparse.ArgumentParser(prog="lab demo")
    parser.add_argument("work")
    parser.add_argument("--html", metavar="FILE", help="write the same as a page with a drawn network")
    parser.add_argument("--only", metavar="CELL[,CELL…]", type=lambda text: text.split(","),
                        help="measure some cells, like interface.premises")
    options = parser.parse_args()
    table = Table(measure.Lab(options.work))
    table.fill(options.only)
    print_table(table)
    if options.html:
        page.write(table, options.html)
        print("\nThe same, with a drawn network: %s" % options.html)
    problems = table.problems()
    if problems:
        print("\nNOT AS ON AWS, so something in this network is built differently (cells marked !!):")
        for problem in problems:
            print("  " + problem)
        sys.exit(1)
    print("\nAll cells are as on AWS.")


if __name__ == "__main__":
    main()
