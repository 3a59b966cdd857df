# SPDX-License-Identifier: Apache-2.0
"""tunnel: a VPN or a peering between two namespaces: a TUN device at each end, and between them nothing but time. One
process, which writes "ready" once both devices exist; they are gone when it ends. (The kernel's netem would delay packets,
too, but many kernels come without it.)

    tunnel.py NAMESPACE INTERFACE NAMESPACE INTERFACE DELAY-MS
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


def carry(a, b, delay):
    other = {a: b, b: a}
    way = collections.deque()  # (when it is there, to whom, packet), in order
    while True:
        wait = max(0, way[0][0] - time.monotonic()) if way else None
        for fd in select.select((a, b), (), (), wait)[0]:
            try:
                for _ in range(100):
                    way.append((time.monotonic() + delay, other[fd], os.read(fd, 65536)))
            except BlockingIOError:
                pass
        while way and way[0][0] <= time.monotonic():
            _, fd, packet = way.popleft()
            try:
                os.write(fd, packet)
            except OSError:  # the interface is down: lost, as on a real line
                pass


def main():
    a, a_if, b, b_if, delay_ms = sys.argv[1:]
    ends = open_end(a, a_if), open_end(b, b_if)
    print("ready", flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    carry(*ends, float(delay_ms) / 1000)


main()
