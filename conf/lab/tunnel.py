# SPDX-License-Identifier: Apache-2.0
"""tunnel: a VPN or a peering between two namespaces: a TUN device at each end, and between them nothing but time. One
process, which writes "ready" once both devices exist; they are gone when it ends. (The kernel's netem would delay packets,
too, but many kernels come without it.)

    tunnel.py NAMESPACE INTERFACE NAMESPACE INTERFACE DELAY-MS [MBIT]

MBIT: what it carries in a second, each way; of what comes faster 100 ms wait in its queue, and the rest is lost.
"""
import collections
import ctypes
import fcntl
import os
import select
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
QUEUE_S = 0.1
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def open_end(namespace, name):
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/run/netns/" + namespace) as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), namespace)
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    os.set_blocking(fd, False)
    return fd


class Way:
    """One direction."""

    def __init__(self, to, delay, bytes_a_second):
        self.to, self.delay, self.rate = to, delay, bytes_a_second
        self.free = 0  # when all that has come before has left
        self.packets = collections.deque()  # (when it is there, packet), in order

    def add(self, packet):
        now = time.monotonic()
        leaves = max(now, self.free)
        if self.rate:
            if leaves - now > QUEUE_S:
                return
            self.free = leaves = leaves + len(packet) / self.rate
        self.packets.append((leaves + self.delay, packet))

    def deliver(self):
        while self.packets and self.packets[0][0] <= time.monotonic():
            try:
                os.write(self.to, self.packets.popleft()[1])
            except OSError:  # the interface is down: lost, as on a real line
                pass


def carry(a, b, delay, bytes_a_second):
    ways = {a: Way(b, delay, bytes_a_second), b: Way(a, delay, bytes_a_second)}
    while True:
        due = [way.packets[0][0] for way in ways.values() if way.packets]
        wait = max(0, min(due) - time.monotonic()) if due else None
        for fd in select.select(ways, (), (), wait)[0]:
            try:
                for _ in range(100):
                    ways[fd].add(os.read(fd, 65536))
            except BlockingIOError:
                pass
        for way in ways.values():
            way.deliver()


def main():
    a, a_if, b, b_if, delay_ms, *mbit = sys.argv[1:]
    ends = open_end(a, a_if), open_end(b, b_if)
    print("ready", flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    carry(*ends, float(delay_ms) / 1000, float(*mbit) * 1e6 / 8)


main()
