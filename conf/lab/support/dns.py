# SPDX-License-Identifier: Apache-2.0
"""dns: a small authoritative DNS server for lab and tests, which answers what it is told. UDP and TCP, one thread each."""
import errno
import ipaddress
import socket
import struct
import threading

A, AAAA = 1, 28
SERVFAIL, NXDOMAIN = 2, 3


class Server:
    """records: name → list of addresses of either family; an empty list is a name without data. mode: "answer",
    "silent", or a response code for everything. truncate: UDP answers say that the whole is to be had over TCP."""

    def __init__(self, host="127.0.0.1", port=0):
        self.records, self.ttl, self.mode, self.truncate = {}, 1, "answer", False
        self.asked = []
        self.udp, self.tcp = self.bind(host, port)
        self.port = self.udp.getsockname()[1]
        self.address = "%s:%d" % (host, self.port)
        threading.Thread(target=self.serve_udp, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()

    @staticmethod
    def bind(host, port):
        """One port number for both; 0: one that is free for UDP may be somebody's for TCP."""
        while True:
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind((host, port))
            try:
                return udp, socket.create_server((host, udp.getsockname()[1]))
            except OSError as error:
                udp.close()
                if port or error.errno != errno.EADDRINUSE:
                    raise

    def close(self):
        self.udp.close()
        self.tcp.close()

    def serve_udp(self):
        while True:
            try:
                data, peer = self.udp.recvfrom(4096)
                answer = self.answer(data, self.truncate)
                if answer:
                    self.udp.sendto(answer, peer)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                sock, _ = self.tcp.accept()
            except OSError:
                return
            with sock:
                while len(head := sock.recv(2, socket.MSG_WAITALL)) == 2:
                    answer = self.answer(sock.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL), False)
                    if answer:
                        sock.sendall(struct.pack("!H", len(answer)) + answer)

    def answer(self, query, truncate):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        question, name = query[12:at + 5], ".".join(labels)
        self.asked.append((name, kind))
        if self.mode == "silent":
            return None
        code = 0 if self.mode == "answer" else self.mode
        if not code and name not in self.records:
            code = NXDOMAIN
        found = []
        if not code and not truncate:
            for text in self.records[name]:
                ip = ipaddress.ip_address(text)
                if (ip.version, kind) in ((4, A), (6, AAAA)):
                    found.append(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttl, len(ip.packed)) + ip.packed)
        flags = 0x8480 | code | (0x0200 if truncate else 0)
        return query[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0) + question + b"".join(found)
