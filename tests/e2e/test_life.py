# SPDX-License-Identifier: Apache-2.0
"""life: how the proxy begins and ends as a service: readiness, watchdog and sockets of systemd, draining."""
import os
import signal
import socket
import threading
import unittest

import lib


def setUpModule():
    global endpoint, upstream
    endpoint = lib.start_endpoint()
    upstream = ["%s:%d" % endpoint.addresses[0][:2]]


def tearDownModule():
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


class Manager:
    """What listens at NOTIFY_SOCKET: a service manager's ear."""

    def __init__(self, name):
        self.path = str(lib.WORK / (name + ".notify"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.heard.append(dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines()))

    def values(self, name):
        return [message[name] for message in list(self.heard) if name in message]

    def wait_for(self, name, count=1):
        lib.wait_until(lambda: len(self.values(name)) >= count, 20, "%s at NOTIFY_SOCKET" % name)
        return self.values(name)


def listening(reuseport=True, port=None):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuseport:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port or lib.free_port()))
    sock.listen(64)
    return sock


class Activated(lib.Proxy):
    """Started with listening sockets, as systemd does: sockets: name → socket."""

    def __init__(self, name, sockets, **options):
        self.sockets = sockets
        super().__init__(upstream, name, **options)

    def launch(self):
        fds = [sock.fileno() for sock in self.sockets.values()]

        def place():
            high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
        variables = "LISTEN_FDS=%d LISTEN_FDNAMES=%s LISTEN_PID=$$" % (len(fds), ":".join(self.sockets))
        return super().launch(["sh", "-c", 'export %s; exec "$@"' % variables, "sh", lib.PROGRAM], preexec_fn=place,
                              pass_fds=range(3, 3 + len(fds)))


class Systemd(unittest.TestCase):
    def test_ready_alive_and_stopping(self):
        manager = Manager("watched")
        proxy = lib.Proxy(upstream, "watched", server={"drain_delay": "100ms", "shutdown_timeout": "1s"},
                          variables={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "2000000"})
        self.assertEqual(manager.wait_for("READY"), ["1"])
        manager.wait_for("WATCHDOG", 3)
        proxy.stop()
        self.assertEqual(manager.wait_for("STOPPING"), ["1"])
        self.assertGreater(int(manager.values("EXTEND_TIMEOUT_USEC")[0]), 1100000)

    def test_sockets_of_systemd(self):
        """Connections that wait in them are served, with one socket for all workers, or more than there are workers."""
        port = lib.free_port()
        sockets = {"one": listening(False), **{"many%d" % i: listening(True, port) for i in range(5)}}
        early = [socket.create_connection(sock.getsockname()) for sock in sockets.values() for _ in range(3)]
        proxy = Activated("activated", sockets, server={"workers": "3"}, extra="".join(
            lib.section("listener " + name, bind="127.0.0.1:%d" % at, mode="endpoint", anonymous="alice")
            for name, at in (("one", sockets["one"].getsockname()[1]), ("many", port))))
        for sock in sockets.values():
            sock.close()
        early += [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for sock in early:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for sock in early:
            sock.settimeout(lib.PATIENCE_S)
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200 "))
            sock.close()
        proxy.stop()
        self.assertFalse(lib.accepts(port))

    def test_a_socket_that_nobody_wants_is_named(self):
        sock = listening()
        class Unwanted(Activated):
            def start(self):
                self.stderr = self.folder / "stderr.log"
                self.stderr.touch()
                self.process = self.launch()
        proxy = Unwanted("unwanted", {"web": sock})
        self.assertEqual(proxy.process.wait(lib.PATIENCE_S), 1)
        self.assertIn("127.0.0.1:%d that systemd gave as web is no" % sock.getsockname()[1], proxy.stderr.read_text())


class Ports(unittest.TestCase):
    def test_two_never_share_a_port(self):
        first = lib.Proxy(upstream, "first")
        with self.assertRaisesRegex(AssertionError, "maybe another s3onramp, listens on 127.0.0.1:%d already"
                                    % first.ports["forward"]):
            lib.Proxy(upstream, "second", extra=lib.section("listener mine", mode="forward",
                                                             bind="127.0.0.1:%d" % first.ports["forward"]))
        first.stop()


class Drain(unittest.TestCase):
    def health(self, proxy, connection):
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.read_answer()

    def test_leaving_first_then_finishing(self):
        proxy = lib.Proxy(upstream, "leaving", server={"drain_delay": "3s"})
        with proxy.connect("legacy") as kept, proxy.connect("legacy") as running:
            self.assertEqual(self.health(proxy, kept).status, 200)
            running.send(b"PUT /bucket/left HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\n\r\nab"
                         % proxy.host("legacy").encode())
            proxy.wait_in_flight()
            proxy.process.send_signal(signal.SIGTERM)

            def is_leaving():
                with proxy.connect("legacy") as new:
                    return self.health(proxy, new).status == 503
            lib.wait_until(is_leaving, 20, "the health page to say no, while connections are taken")
            answer = self.health(proxy, kept)
            self.assertEqual((answer.status, answer.header("connection")), (503, "close"))
            self.assertTrue(kept.at_end(lib.PATIENCE_S))
            lib.wait_until(lambda: not lib.accepts(proxy.ports["legacy"]), 20, "an end of accepting")
            running.send(b"cd")
            answer = running.read_answer()
            self.assertEqual((answer.status, answer.header("connection")), (200, "close"))
        self.assertEqual(proxy.process.wait(lib.PATIENCE_S), 0)
        proxy.check_clean()

    def test_what_waits_to_be_accepted_is_served(self):
        """Connections with their requests came while the process did not run; it is told to end before it runs again."""
        proxy = lib.Proxy(upstream, "queued", server={"workers": "2"})
        proxy.process.send_signal(signal.SIGSTOP)
        waiting = [proxy.connect("legacy") for _ in range(100)]
        for connection in waiting:
            connection.send(b"GET /bucket/fault/none HTTP/1.1\r\nHost: %s\r\n\r\n" % proxy.host("legacy").encode())
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.send_signal(signal.SIGCONT)
        for connection in waiting:
            self.assertEqual(connection.read_answer().status, 200)
            connection.close()
        self.assertEqual(proxy.process.wait(lib.PATIENCE_S), 0)


if __name__ == "__main__":
    lib.main()
