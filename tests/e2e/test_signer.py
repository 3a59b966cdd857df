# SPDX-License-Identifier: Apache-2.0
"""The CA's key is in a process of its own and in no other: looked for in their memory. It signs for the proxy as long as the
proxy is there, whatever signals come, and no longer; it comes back when it was killed, and goes when another CA is in force.
Source: proc(5) (maps, mem), RFC 5915 3 (how a key is written)."""
import base64
import os
import pathlib
import signal
import socket
import ssl
import unittest

from cryptography.hazmat.primitives import serialization

import lib

SECRET = "S3cretOfTheEnvironment"
MOST = 1 << 28  # sanitizers reserve terabytes


def setUpModule():
    global endpoint, upstream
    endpoint = lib.start_endpoint()
    upstream = ["127.0.0.1:%d" % endpoint.addresses[0][1]]


def tearDownModule():
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


def is_running(pid):
    """No zombie."""
    try:
        return pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def memory(pid):
    """Blocks of what a process has in memory."""
    with open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in pathlib.Path("/proc/%d/maps" % pid).read_text().splitlines():
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            if end - start <= MOST and "r" in line.split()[1]:
                try:
                    mem.seek(start)
                    yield mem.read(end - start)
                except (OSError, ValueError):
                    pass  # vvar and the like


def traces(pid, key_pem):
    """Which forms of the key are in its memory: the number as files and as libraries write it, the file's lines."""
    number = serialization.load_pem_private_key(key_pem, None).private_numbers().private_value.to_bytes(32, "big")
    lines = key_pem.split(b"\n")[1:-2]
    forms = {"number": number, "limbs": number[::-1], "file": lines[1], "der": base64.b64decode(b"".join(lines))}
    found = set()
    for block in memory(pid):
        found |= {name for name, form in forms.items() if form in block}
    return found


class Case(unittest.TestCase):
    def start(self, name, **options):
        proxy = lib.Proxy(upstream, name, **options)
        self.addCleanup(proxy.kill)
        return proxy

    def signer(self, proxy):
        return proxy.status()["sandbox"]["ca_process"]

    def wait_for_end(self, pid):
        lib.wait_until(lambda: not is_running(pid), lib.PATIENCE_S, "the end of process %d" % pid)

    @staticmethod
    def context(proxy):
        return ssl.create_default_context(cafile=str(proxy.ca_file))

    def handshake(self, proxy, name):
        """With a verified certificate for the name."""
        with socket.create_connection(proxy.address("tls"), lib.PATIENCE_S) as sock:
            with self.context(proxy).wrap_socket(sock, server_hostname=name) as tls:
                return tls.getpeercert(True)


class Key(Case):
    @unittest.skipIf(lib.SANITIZER, "its memory says nothing")
    def test_only_one_process_has_it(self):
        proxy = self.start("alone", variables={"S3ONRAMP_TEST_SECRET": SECRET})
        key = (proxy.folder / "ca.key").read_bytes()
        for i in range(5):
            self.handshake(proxy, "first%d.%s" % (i, lib.S3_NAME))
        pid = self.signer(proxy)
        self.assertTrue(traces(pid, key) & {"number", "limbs"})
        self.assertEqual(traces(proxy.pid, key), set())
        lib.run(lib.PROGRAM, "ca", "init", "--force", "-c", proxy.config)
        proxy.command("reload")
        key = (proxy.folder / "ca.key").read_bytes()
        self.handshake(proxy, "second." + lib.S3_NAME)
        self.assertTrue(traces(self.signer(proxy), key) & {"number", "limbs"})
        self.assertEqual(traces(proxy.pid, key), set())
        proxy.stop()

    def test_it_has_nothing_else(self):
        """No descriptor of the proxy's, nothing of its environment, no rights."""
        proxy = self.start("bare", variables={"S3ONRAMP_TEST_SECRET": SECRET})
        folder = pathlib.Path("/proc/%d" % self.signer(proxy))
        self.assertIn(SECRET.encode(), pathlib.Path("/proc/%d/environ" % proxy.pid).read_bytes())
        self.assertNotIn(SECRET.encode(), (folder / "environ").read_bytes())
        fds = {int(fd.name): os.readlink(fd) for fd in (folder / "fd").iterdir()}
        self.assertEqual({0, 1, 2}, set(fds), fds)
        self.assertTrue(fds[0].startswith("socket:") and fds[1] == "/dev/null", fds)
        status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
        if not lib.SANITIZER:
            self.assertEqual((status["Seccomp"], status["NoNewPrivs"], int(status["CapPrm"], 16)), ("2", "1", 0))
            self.assertEqual(status["Threads"], "1")
        text = lib.run(lib.PROGRAM, "status", "-c", proxy.config).stdout
        self.assertIn("CA's key in process %s\n" % status["Pid"].strip(), text)
        self.assertIn("the CA's key is in process %s" % status["Pid"].strip(), proxy.stderr.read_text())
        proxy.stop()


class Life(Case):
    def test_killed_it_comes_back(self):
        proxy = self.start("killed")
        known = "known." + lib.S3_NAME
        leaf, first = self.handshake(proxy, known), self.signer(proxy)
        os.kill(first, signal.SIGKILL)
        self.wait_for_end(first)
        self.assertEqual(self.handshake(proxy, known), leaf)  # nobody is asked for it
        self.assertIsNone(self.signer(proxy))
        self.handshake(proxy, "new." + lib.S3_NAME)
        second = self.signer(proxy)
        self.assertTrue(second and second != first)
        self.assertIn("had ended; it is process %d now" % second, proxy.stderr.read_text())
        key = proxy.folder / "ca.key"
        key.rename(proxy.folder / "elsewhere")
        os.kill(second, signal.SIGKILL)
        self.wait_for_end(second)

        def is_refused():  # or, within the second, that it has ended
            with self.assertRaises(ssl.SSLError):
                self.handshake(proxy, "late." + lib.S3_NAME)
            return "cannot be started again: %s" % key in proxy.stderr.read_text()
        lib.wait_until(is_refused, lib.PATIENCE_S, "a line that names the file")
        self.assertIn("no certificate: ", proxy.stderr.read_text())
        self.assertEqual(self.handshake(proxy, known), leaf)
        (proxy.folder / "elsewhere").rename(key)

        def is_back():
            try:
                return self.handshake(proxy, "late." + lib.S3_NAME)
            except ssl.SSLError:
                return None
        lib.wait_until(is_back, lib.PATIENCE_S, "certificates again")
        last = self.signer(proxy)
        proxy.stop()
        self.wait_for_end(last)

    def test_stopped_it_holds_up_nobody_else(self):
        """Whoever waits for a certificate waits alone, and goes when it likes."""
        proxy = self.start("asleep", server={"workers": "1"})
        known = "known." + lib.S3_NAME
        leaf, pid = self.handshake(proxy, known), self.signer(proxy)
        os.kill(pid, signal.SIGSTOP)
        try:
            waiting = [Hello(self.context(proxy), proxy, "asleep%d.%s" % (i % 3, lib.S3_NAME)) for i in range(9)]
            self.assertEqual(self.handshake(proxy, known), leaf)
            for hello in waiting[::2]:
                hello.sock.close()
            self.assertEqual(self.handshake(proxy, known), leaf)
        finally:
            os.kill(pid, signal.SIGCONT)
        for hello in waiting[1::2]:
            hello.finish()
        proxy.stop()

    def test_another_ca_another_process(self):
        proxy = self.start("switched")
        first = self.signer(proxy)
        proxy.command("reload")
        self.assertEqual(self.signer(proxy), first)
        lib.run(lib.PROGRAM, "ca", "init", "--force", "-c", proxy.config)
        proxy.command("reload")
        second = self.signer(proxy)
        self.assertNotEqual(second, first)
        self.wait_for_end(first)
        self.handshake(proxy, "new." + lib.S3_NAME)
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, second), os.getpriority(os.PRIO_PROCESS, proxy.pid))
        proxy.process.kill()
        self.wait_for_end(second)

    def test_a_drain_still_has_certificates(self):
        """Also when the service manager sends all of its processes the signal."""
        proxy = self.start("draining", server={"drain_delay": "10m"})
        with proxy.connect("legacy") as kept:
            kept.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(kept.read_answer().status, 200)
            pid = self.signer(proxy)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(pid, number)
            proxy.process.send_signal(signal.SIGTERM)
            lib.wait_until(lambda: proxy.status()["state"] == "leaving", lib.PATIENCE_S, "the drain")
            self.handshake(proxy, "late." + lib.S3_NAME)
            self.assertEqual(self.signer(proxy), pid)
            proxy.process.send_signal(signal.SIGTERM)  # now
        self.assertEqual(proxy.process.wait(lib.PATIENCE_S), 0)
        self.wait_for_end(pid)
        proxy.check_clean()


class Hello:
    """A handshake whose first message is out."""

    def __init__(self, context, proxy, name):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.sock = socket.create_connection(proxy.address("tls"), lib.PATIENCE_S)
        self.step()

    def step(self):
        """True: it is finished."""
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False
        finally:
            self.sock.sendall(self.outgoing.read())

    def finish(self):
        with self.sock:
            while not self.step():
                data = self.sock.recv(65536)
                if not data:
                    raise AssertionError("the proxy closed the connection")
                self.incoming.write(data)


class Many(Case):
    def test_many_names_at_once(self):
        proxy = self.start("many")
        context = self.context(proxy)
        all_of_them = [Hello(context, proxy, "b%d.%s" % (i % 200, lib.S3_NAME)) for i in range(250)]
        for hello in all_of_them:
            hello.finish()
        proxy.stop()


if __name__ == "__main__":
    lib.main()
