# SPDX-License-Identifier: Apache-2.0
"""Logs: who does not read one stops nothing, what is lost is counted and told, and files are opened anew without a line
lost. written + lost = requests, always."""
import fcntl
import json
import os
import re
import signal
import threading
import unittest

import lib

KEY = "k" * 3000  # long lines: buffers are full soon


class Reader:
    """A pipe that is read only when told to."""

    def __init__(self, fifo=None):
        self.data = b""
        if fifo:
            self.fd = os.open(fifo, os.O_RDONLY)
            return
        self.fd, self.end = os.pipe()
        fcntl.fcntl(self.end, fcntl.F_SETPIPE_SZ, 4096)

    def read_all(self):
        """In a thread, until the other end is closed by the proxy."""
        thread = threading.Thread(target=self.collect, daemon=True)
        thread.start()
        return thread

    def collect(self):
        while piece := os.read(self.fd, 65536):
            self.data += piece

    def lines(self):
        text = self.data.decode()
        assert text.endswith("\n"), text[-200:]
        return [json.loads(line) for line in text.splitlines()]


def told_lost(text):
    """The lines that messages call lost, all together: those so far at once, the others up to a minute later or at the end."""
    found = re.findall(r"(\d+) lines of the access log (?:were lost,|could not be written to the end)", text)
    return sum(map(int, found))


class Logs(unittest.TestCase):
    proxy = None

    @classmethod
    def setUpClass(cls):
        cls.endpoint = lib.start_endpoint()

    @classmethod
    def tearDownClass(cls):
        cls.endpoint.close()

    def start(self, name, log, buffer="64", **options):
        options.setdefault("server", {})["workers"] = 1
        self.proxy = lib.Proxy(["127.0.0.1:%d" % self.endpoint.addresses[0][1]], name=name, log=dict(log, buffer=buffer),
                               **options)
        self.addCleanup(self.proxy.kill)
        return self.proxy

    def ask(self, count):
        """Requests without a signature, one after the other on a connection: each gets its 403 whatever the log does."""
        with self.proxy.connect("plain") as connection:
            for _ in range(count):
                answer = self.proxy.request("plain", "GET", "/bucket/" + KEY, key=None, connection=connection)
                self.assertEqual(answer.status, 403)

    def log(self, name="access"):
        return next(log for log in self.proxy.status()["logs"] if log["name"] == name)

    def settled(self, count):
        """The access log's counts once all of count lines are accounted for."""
        def found():
            log = self.log()
            return log["written"] + log["waiting"] + log["lost"] == count
        lib.wait_until(found, 20, "%d lines" % count)
        return self.log()

    def test_reader_that_stalls(self):
        """Standard error is a pipe: process log and access lines in one; nobody reads it for a while."""
        reader = Reader()
        proxy = self.start("stalls", {"access": "-"}, stderr=reader.end)
        self.ask(120)
        log = self.settled(120)
        self.assertGreater(log["lost"], 0)
        self.assertEqual((log["state"], log["to"]), ("stuck", "standard error"))
        self.assertIn("does not keep up", log["reason"])
        shown = lib.run(lib.PROGRAM, "status", "-c", proxy.config).stdout
        self.assertRegex(shown, r"access log: \d+ lines lost, \d+ wait: standard error: who reads it does not keep up")
        proxy.process.send_signal(signal.SIGUSR1)
        self.ask(1)
        os.close(reader.end)
        thread = reader.read_all()
        lib.wait_until(lambda: self.log()["waiting"] == 0, 20, "all lines written")
        lib.wait_until(lambda: b"lines of the access log were lost" in reader.data, 20, "the sentence")
        self.ask(2)
        log = self.settled(123)
        proxy.stop()
        thread.join(20)
        lines = reader.lines()
        self.assertEqual(sum(line.get("type") == "access" for line in lines) + log["lost"], 123)
        messages = [line["message"] for line in lines if "message" in line]
        self.assertEqual(told_lost("\n".join(messages)), log["lost"])
        self.assertEqual(messages[-1], "stopped")

    def test_nobody_reads_at_the_end(self):
        """SIGTERM ends it although nobody reads its log at all."""
        reader = Reader()
        proxy = self.start("unread", {"access": "-"}, stderr=reader.end)
        self.ask(60)
        self.assertGreater(self.settled(60)["waiting"], 0)
        proxy.stop()

    def test_fifo_without_a_reader(self):
        path = lib.WORK / "access.fifo"
        os.mkfifo(path)
        proxy = self.start("fifo", {"access": path})
        self.ask(60)
        log = self.settled(60)
        self.assertEqual((log["written"], log["state"], log["reason"]), (0, "stuck", "nobody reads it"))
        self.assertGreater(log["lost"], 0)
        reader = Reader(path)
        thread = reader.read_all()
        lib.wait_until(lambda: self.log()["waiting"] == 0, 20, "all lines written")
        proxy.stop()
        thread.join(20)
        self.assertEqual(len(reader.lines()) + log["lost"], 60)
        self.assertIn("lines of the access log were lost", proxy.stderr.read_text())

    def test_full_disk(self):
        proxy = self.start("full", {"access": "/dev/full"})
        self.ask(60)
        log = self.settled(60)
        self.assertEqual((log["written"], log["state"], log["reason"]), (0, "stuck", "No space left on device"))
        lib.wait_until(lambda: "No space left on device" in proxy.stderr.read_text(), 20, "the sentence")
        proxy.stop()
        text = proxy.stderr.read_text()
        self.assertEqual(told_lost(text), 60)
        self.assertIn("lines of the access log could not be written to the end", text)

    def test_signals_and_the_end(self):
        """SIGUSR1 while requests run loses no line; what shutdown_timeout cuts has one, too."""
        proxy = self.start("rotated", {}, buffer="4096", server={"shutdown_timeout": "300ms"})
        moved = proxy.folder / "access.log.1"
        count = 0
        for i in range(3):
            self.ask(20)
            proxy.access_file.rename(str(moved) + str(i))
            proxy.process.send_signal(signal.SIGUSR1)
            self.ask(5)
            count += 25
            lib.wait_until(proxy.access_file.exists, 20, "the new file")
        self.settled(count)
        texts = [path.read_text() for path in sorted(proxy.folder.glob("access.log*"))]
        self.assertEqual(sum(len([json.loads(line) for line in text.splitlines()]) for text in texts), count)
        self.assertTrue(all(text.endswith("\n") for text in texts if text))  # the last one may still be empty
        host = proxy.host("legacy").encode()
        with proxy.connect("legacy") as upload, proxy.connect("legacy") as waiting:
            upload.send(b"PUT /bucket/o HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\n12345" % host)
            waiting.send(b"GET /bucket/fault/wait/30 HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
            lib.wait_until(lambda: sum(a["in_flight"] for a in proxy.states().values()) == 2, 20, "both run")
            proxy.stop()
        cut = [line for line in proxy.access_lines() if line["end"] == "shutdown"]
        self.assertEqual(sorted((line["method"], line["key"], line["step"]) for line in cut),
                         [("GET", "fault/wait/30", "relay"), ("PUT", "o", "relay")])
        self.assertIn("shutdown_timeout", cut[0]["detail"])


if __name__ == "__main__":
    lib.main()
