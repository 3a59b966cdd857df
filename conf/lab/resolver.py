# SPDX-License-Identifier: Apache-2.0
"""resolver: the lab's DNS servers, on support/dns.py. A file per server, read anew for each question, so that an edit
counts at once: lines "NAME ADDRESS…" ("*.NAME" for all below it), "forward ADDRESS" for what they do not know.

    resolver.py FILE=ADDRESS…     writes "ready" once all listen on port 53
"""
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
import dns  # noqa: E402


class Resolver(dns.Server):
    def __init__(self, path, address):
        self.path = pathlib.Path(path)
        super().__init__(address, 53)
        self.ttl = 5

    def answer(self, query, truncate):
        records, forward = {}, None
        for line in self.path.read_text().splitlines():
            name, *addresses = line.split()
            if name == "forward":
                forward = addresses[0]
            else:
                records.setdefault(name, addresses)
        name = name_of(query)
        found = next((records[n] for n in candidates(name) if n in records), None)
        if found is None and forward:
            return ask(forward, query)
        self.records = {} if found is None else {name: found}
        return super().answer(query, truncate)


def name_of(query):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    return ".".join(labels)


def candidates(name):
    yield name
    while "." in name:
        name = name.partition(".")[2]
        yield "*." + name


def ask(server, query):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        try:
            sock.sendto(query, (server, 53))
            return sock.recv(4096)
        except OSError:
            return None  # silence


servers = [Resolver(*argument.split("=", 1)) for argument in sys.argv[1:]]
print("ready", flush=True)
threading.Event().wait()
