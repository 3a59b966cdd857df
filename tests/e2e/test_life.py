# SPDX-License-Identifier: Apache-2.0
"""life: how the proxy begins and ends as a service: readiness, watchdog and sockets of systemd, draining, and new programs
that take over from it while it runs."""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

import lib
import s3raw
from endpoint import BLOCK, BigCheck, big_block

PR_SET_CHILD_SUBREAPER = 36


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

    def test_units(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        units = []
        for name in ("s3onramp.service", "s3onramp.socket"):
            units.append(lib.WORK / name)
            units[-1].write_text((lib.ROOT / "conf/systemd" / name).read_text().replace("/usr/bin/s3onramp", lib.PROGRAM))
        result = lib.run("systemd-analyze", "verify", "--man=no", *units, check=False, env=lib.clean_environment())
        self.assertEqual((result.returncode, result.stderr), (0, ""))

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

    def test_check_tells_of_a_port_that_another_program_has(self):
        """Not of those that the proxy with this configuration has itself."""
        proxy = lib.Proxy(upstream, "checked")
        busy = "listens on 127.0.0.1:%d already" % proxy.ports["plain"]
        self.assertNotIn(busy, proxy.command("check").stderr)
        proxy.stop()
        self.assertNotIn(busy, proxy.command("check").stderr)
        with socket.create_server(proxy.address("plain")):
            self.assertIn(busy, proxy.command("check").stderr)


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
            self.assertEqual(proxy.status()["state"], "leaving")
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

    def test_the_command_waits_and_tells(self):
        proxy = lib.Proxy(upstream, "told", server={"shutdown_timeout": "2s"})
        with proxy.connect("legacy") as finishes, proxy.connect("legacy") as never:
            for connection in (finishes, never):
                connection.send(b"PUT /bucket/told HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\n\r\nab"
                                % proxy.host("legacy").encode())
            proxy.wait_in_flight(2)
            drain = subprocess.Popen([lib.PROGRAM, "drain", "--json", "-c", proxy.config], stdout=subprocess.PIPE, text=True)
            lib.wait_until(lambda: not lib.accepts(proxy.ports["legacy"]), 20, "an end of accepting")
            finishes.send(b"cd")
            self.assertEqual(finishes.read_answer().status, 200)
            self.assertEqual(json.loads(drain.communicate(timeout=lib.PATIENCE_S)[0]),
                             {"state": "over", "finished": 1, "cut": 1})
        self.assertEqual((drain.returncode, proxy.process.wait(lib.PATIENCE_S)), (1, 0))
        self.assertEqual(sorted(line["end"] for line in proxy.access_lines()), ["ok", "shutdown"])


class Successor:
    """A process that becomes our child when the one that started it ends, as subprocess.Popen shows it."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        try:
            if self.returncode is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:  # still that one's, which may have waited for it
            if not os.path.exists("/proc/%d" % self.pid):
                self.returncode = 0
        return self.returncode

    def wait(self, seconds=lib.PATIENCE_S):
        lib.wait_until(lambda: self.poll() is not None, seconds, "the end of process %d" % self.pid)
        return self.returncode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class Upgradable(lib.Proxy):
    """Runs a copy of the program, which tests replace."""

    def launch(self):
        self.program = self.folder / "s3onramp"
        shutil.copy(lib.PROGRAM, self.program)
        return super().launch([str(self.program)])

    def replace_program(self, text=None):
        """By a script, or by the program again."""
        new = self.folder / "new"
        if text:
            new.write_text(text)
            new.chmod(0o755)
        else:
            shutil.copy(lib.PROGRAM, new)
        new.rename(self.program)

    def edit(self, pattern, text):
        self.config.write_text(re.sub(pattern, text, self.config.read_text()))

    def upgrade(self):
        """The process before."""
        before = self.process
        self.process = Successor(json.loads(self.command("upgrade", "--json").stdout)["pid"])
        return before

    def failed_upgrade(self):
        return lib.run(lib.PROGRAM, "upgrade", "--socket", self.folder / "admin.sock", check=False)


class Load(threading.Thread):
    """Calls a function until it is told to end; remembers what failed."""

    def __init__(self, once):
        super().__init__(daemon=True)
        self.once, self.done, self.failures, self.over = once, 0, [], False
        self.start()

    def run(self):
        while not self.over:
            try:
                self.once()
                self.done += 1
            except Exception as e:
                self.failures.append(repr(e))

    def end(self):
        self.over = True
        self.join(lib.PATIENCE_S)


class Upgrade(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)

    def setUp(self):
        self.before = []

    def start(self, name, **options):
        echo = socket.create_server(("127.0.0.1", 0))

        def serve():
            sock, _ = echo.accept()
            while data := sock.recv(65536):
                sock.sendall(data)
            sock.close()
        threading.Thread(target=serve, daemon=True).start()
        self.proxy = Upgradable(upstream, name, listeners={"tunnel": dict(mode="forward", intercept="none", tunnel="*.example")},
                                extra=lib.section("tunnel echo", hosts="echo.example",
                                                  addresses="127.0.0.1:%d" % echo.getsockname()[1])
                                + lib.section("audit", to=lib.WORK / name / "audit.log"), **options)
        return self.proxy

    def audited(self):
        """What its audit log says of an upgrade that is over: who began it, and what came of it."""
        def lines():
            text = (self.proxy.folder / "audit.log").read_text()
            return [line for line in map(json.loads, text[:text.rfind("\n") + 1].splitlines()) if line["event"] == "upgrade"]
        lib.wait_until(lambda: len(lines()) == 2, 30, "both lines")
        begun, over = lines()
        self.assertEqual((begun["outcome"], begun["what"], begun["run"]), ("begun", str(self.proxy.config), over["run"]))
        self.assertEqual(over["by"], "")
        return begun["by"], over["outcome"], over["detail"]

    def get(self, connection, close=False, target=b"/bucket/fault/none"):
        connection.send(b"GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n"
                        % (target, self.proxy.host("legacy").encode(), b"Connection: close\r\n" if close else b""))
        answer = connection.read_answer()
        assert answer.status == 200, answer
        return answer.header("connection") == "close"

    def test_what_is_quiet_does_not_stay_with_the_old_one(self):
        """Whose client was removed since would be served there by what was in force before."""
        proxy = self.start("quiet")
        with proxy.connect("legacy") as kept, proxy.connect("forward") as inside:
            self.get(kept)
            self.assertEqual(proxy.request("forward", "GET", "/bucket/fault/none", connection=inside).status, 200)
            self.upgrade()
            for connection in (kept, inside):
                self.assertTrue(connection.at_end(lib.PATIENCE_S))
        self.end()

    def new_connection(self):
        with self.proxy.connect("legacy") as connection:
            self.get(connection, True)

    def kept_connection(self):
        """As clients keep them: for another request unless the answer said that there is none; with pauses."""
        with self.proxy.connect("legacy") as connection:
            for i in range(100):
                if self.get(connection) or self.get(connection, target=b"/healthz"):
                    return
                if i % 10 == 9:
                    time.sleep(0.2)

    def running_transfers(self):
        """An upload, a download and a tunnel, each begun; what ends them and looks at them."""
        size = 32 * BLOCK
        up, down, tunnel = (self.proxy.connect("legacy"), self.proxy.connect("legacy"),
                            s3raw.Connection(self.proxy.address("tunnel")))
        host = self.proxy.host("legacy").encode()
        up.send(b"PUT /bucket/big/%d HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (size, host, size)
                + bytes(big_block(0)))
        down.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        down.send(b"GET /bucket/big/%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (size, host))
        self.assertEqual(down.read_head().status, 200)
        tunnel.send(b"CONNECT echo.example:443 HTTP/1.1\r\n\r\n")
        self.assertEqual(tunnel.read_answer("CONNECT").status, 200)
        self.proxy.wait_in_flight(2)

        def end():
            for i in range(1, size // BLOCK):
                up.send(bytes(big_block(i)))
            self.assertEqual(up.read_answer("PUT").status, 200)
            check = BigCheck()
            check.add(down._exactly(size))
            self.assertTrue(check.right)
            tunnel.send(b"through the tunnel")
            self.assertEqual(tunnel._exactly(18), b"through the tunnel")
            for connection in (up, down, tunnel):
                connection.close()
        return end

    def upgrade(self):
        self.before.append(self.proxy.upgrade())

    def end(self):
        for process in self.before:
            self.assertEqual(process.wait(lib.PATIENCE_S), 0)
        self.proxy.stop()
        self.assertFalse((self.proxy.folder / "admin.sock").exists())

    def test_nothing_fails(self):
        """New and kept connections, transfers and a tunnel through three upgrades, with other numbers of workers, and two
        that fail."""
        proxy = self.start("upgraded", server={"workers": "2"})
        loads = [Load(self.new_connection) for _ in range(4)] + [Load(self.kept_connection) for _ in range(4)]
        end_transfers = self.running_transfers()
        text = proxy.config.read_text()
        proxy.config.write_text(text + "[listener broken]\nmode = sideways\n")
        failed = proxy.failed_upgrade()
        self.assertEqual(failed.returncode, 1)
        self.assertIn("exit code 78", failed.stderr)
        self.assertRegex(failed.stderr, r"s3onramp.ini:\d+: .*sideways")
        self.assertIn("sideways", proxy.stderr.read_text())
        for workers in (5, 1, 3):
            proxy.config.write_text(re.sub(r"workers = \d+", "workers = %d" % workers, text))
            self.upgrade()
            self.assertEqual(proxy.status()["connections"]["max"], 8000)  # the new one answers
            done = sum(load.done for load in loads)
            lib.wait_until(lambda: sum(load.done for load in loads) > done + 300, 60, "some more requests")
        proxy.replace_program("#!/bin/sh\necho 'a library is missing' >&2\nexit 3\n")
        failed = proxy.failed_upgrade()
        self.assertEqual(failed.returncode, 1)
        self.assertIn("exit code 3: a library is missing", failed.stderr)
        end_transfers()
        for load in loads:
            load.end()
        self.assertEqual([failure for load in loads for failure in load.failures], [])
        self.end()
        print("requests: %d, kept connections: %d " % (sum(load.done for load in loads[:4]),
                                                       sum(load.done for load in loads[4:])), end="")
        self.assertEqual([line for line in proxy.access_lines() if line["end"] != "ok"], [])

    def waiting_upgrade(self):
        """One that waits for keys until the file is there."""
        self.new_connection()  # who is served finds the admin socket there
        helper, flag, self.begun = [self.proxy.folder / name for name in ("helper", "flag", "begun")]
        helper.write_text("#!/bin/sh\nsetsid sleep 1000 &\necho $! $$ > %s\nwhile [ ! -e %s ]; do sleep 0.1; done\nkill $!\necho '%s'\n" % (
            self.begun, flag, json.dumps({"Version": 1, "AccessKeyId": lib.UPSTREAM_KEY[0], "SecretAccessKey": lib.UPSTREAM_KEY[1]})))
        helper.chmod(0o755)
        with self.proxy.config.open("a") as file:
            file.write(lib.section("credentials late", source="process", command=helper))
        upgrade = subprocess.Popen([lib.PROGRAM, "upgrade", "--json", "-c", self.proxy.config], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        lib.wait_until(lambda: "[credentials late] has no keys yet" in self.proxy.stderr.read_text(), 20, "what it waits for")
        return upgrade, flag

    @staticmethod
    def runs(pid):
        try:
            with open("/proc/%s/stat" % pid) as stat:
                return stat.read().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def test_who_is_not_ready_in_time_is_ended(self):
        proxy = self.start("late", server={"upgrade_ready_timeout": "1s"})
        upgrade, _ = self.waiting_upgrade()
        words = upgrade.communicate(timeout=lib.PATIENCE_S)[1]
        self.assertEqual(upgrade.returncode, 1)
        self.assertIn("it was not ready in time, and was ended: [credentials late] has no keys yet", words)
        by, outcome, why = self.audited()
        self.assertEqual((by, outcome), ("uid %d, pid %d" % (os.getuid(), upgrade.pid), "failed"))
        self.assertIn("it was not ready in time", why)
        self.new_connection()
        self.end()

    def test_a_reload_meanwhile_ends_it(self):
        """Who was removed is not known again to a new process that had read the files before. What that had begun ends with it:
        its helper, and what has left the helper's group."""
        proxy = self.start("overtaken")
        upgrade, flag = self.waiting_upgrade()
        lib.wait_until(lambda: self.begun.exists() and self.begun.read_text().endswith("\n"), 20, "what the helper began")
        pids = self.begun.read_text().split()
        self.assertEqual(list(map(self.runs, pids)), [True, True])
        self.edit_out_reader()
        self.assertIn("[client reader]", proxy.command("reload").stdout)
        lib.wait_until(lambda: not any(map(self.runs, pids)), 20, "end of %s" % pids)
        flag.touch()
        words = upgrade.communicate(timeout=lib.PATIENCE_S)[1]
        self.assertEqual(upgrade.returncode, 1)
        self.assertIn("a reload came before it was ready", words)
        self.assertEqual(proxy.request("plain", "GET", "/bucket/none", key=lib.READER).code, "InvalidAccessKeyId")
        self.upgrade()
        self.assertEqual(proxy.request("plain", "GET", "/bucket/none", key=lib.READER).code, "InvalidAccessKeyId")
        self.end()

    def edit_out_reader(self):
        text = self.proxy.config.read_text()
        reader = self.proxy.client("reader", lib.READER, "read-only")
        self.assertEqual(text.count(reader), 1)
        self.proxy.config.write_text(text.replace(reader, ""))

    def test_the_end_asked_for_meanwhile_ends_both(self):
        proxy = self.start("ended")
        with proxy.connect("legacy") as slow:
            slow.send(b"PUT /bucket/slow HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\n\r\nab"
                      % proxy.host("legacy").encode())
            proxy.wait_in_flight()
            upgrade, flag = self.waiting_upgrade()
            proxy.command("drain", "--no-wait")
            flag.touch()
            words = upgrade.communicate(timeout=lib.PATIENCE_S)[1]
            self.assertEqual(upgrade.returncode, 1)
            self.assertIn("this process was told to end", words)
            slow.send(b"cd")
            self.assertEqual(slow.read_answer("PUT").status, 200)
        self.assertEqual(proxy.process.wait(lib.PATIENCE_S), 0)
        self.assertFalse(lib.accepts(proxy.ports["legacy"]))

    def test_it_waits_for_keys(self):
        """Until the new one has the keys of each section the old one serves, and answers at the admin socket."""
        proxy = self.start("keys")
        upgrade, flag = self.waiting_upgrade()
        for _ in range(10):
            self.assertEqual([c["name"] for c in proxy.status()["credentials"]], ["default"])
            self.new_connection()
        self.assertIn("under way already", proxy.failed_upgrade().stderr)
        flag.touch()
        self.before.append(proxy.process)
        proxy.process = Successor(json.loads(upgrade.communicate(timeout=lib.PATIENCE_S)[0])["pid"])
        self.assertEqual([c["name"] for c in proxy.status()["credentials"]], ["default", "late"])
        self.new_connection()
        self.end()
        self.assertEqual(self.audited(), ("uid %d, pid %d" % (os.getuid(), upgrade.pid), "ok", "process %d serves now" % proxy.process.pid))

    def test_what_runs_in_the_old_one_is_cut_after_its_time(self):
        proxy = self.start("cut", server={"upgrade_timeout": "500ms"})
        with proxy.connect("legacy") as never:
            never.send(b"PUT /bucket/cut HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\n\r\nab" % proxy.host("legacy").encode())
            proxy.wait_in_flight()
            proxy.process.send_signal(signal.SIGUSR2)
            self.assertEqual(proxy.process.wait(lib.PATIENCE_S), 0)
            self.assertTrue(never.at_end(lib.PATIENCE_S))
        pid = int(re.search(r"upgrade: process (\d+) serves now", proxy.stderr.read_text())[1])
        proxy.process = Successor(pid)
        self.assertEqual([line["end"] for line in proxy.access_lines()], ["shutdown"])
        self.new_connection()
        self.end()

    def begin_waiting(self, key):
        """A request that waits for its answer."""
        connection, target = self.proxy.connect("plain"), "/bucket/fault/wait/3600"
        self.addCleanup(connection.close)
        before = endpoint.targets.count(target)
        connection.send(s3raw.head("GET", target, s3raw.sign("GET", target, [("Host", self.proxy.host("plain"))], key)))
        lib.wait_until(lambda: endpoint.targets.count(target) > before, 10, "the request at the endpoint")
        return connection

    def test_who_is_removed_is_removed_in_those_before_too(self):
        """What they still have: a request each (the old one may take one more while it hears that it ends), and one
        whose head is on its way."""
        proxy = self.start("followers")
        added = proxy.command("client", "add", "carol", "--policy", "read-only").stdout
        carol = tuple(re.search(r"aws_%s = (\S+)" % name, added)[1] for name in ("access_key_id", "secret_access_key"))
        head = s3raw.head("GET", "/bucket/none", s3raw.sign("GET", "/bucket/none", [("Host", proxy.host("plain"))], carol))
        late = proxy.connect("plain")
        self.addCleanup(late.close)
        late.send(head[:20])
        hers, his = [self.begin_waiting(carol)], self.begin_waiting(lib.ALICE)
        self.upgrade()
        hers.append(self.begin_waiting(carol))
        self.upgrade()
        removed = proxy.command("client", "remove", "carol", "--now")
        self.assertEqual(removed.stderr.splitlines()[-1], "It is in force now.")
        late.send(head[20:])
        self.assertEqual(late.read_answer("GET").code, "InvalidAccessKeyId")
        for connection in hers:
            self.assertTrue(connection.at_end(lib.PATIENCE_S))
        lib.wait_until(lambda: [line["status"] for line in proxy.access_lines() if line["client"] == "carol"] == [0, 0],
                       lib.PATIENCE_S, "two lines of what was cut")
        his.sock.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            his.sock.recv(1)
        his.reset()
        self.end()

    def test_its_admin_socket_moves(self):
        proxy = self.start("moved")
        old, new = proxy.folder / "admin.sock", proxy.folder / "new.sock"
        proxy.edit(r"(?m)^socket = .*$", "socket = %s" % new)
        answer = lib.run(lib.PROGRAM, "upgrade", "--json", "--socket", old)
        self.before.append(proxy.process)
        proxy.process = Successor(json.loads(answer.stdout)["pid"])
        lib.wait_until(lambda: not old.exists(), 20, "the old path is gone")
        self.assertEqual(json.loads(lib.run(lib.PROGRAM, "status", "--json", "--socket", new).stdout)["state"], "serving")
        self.end()
        self.assertFalse(new.exists())

    def test_the_service_manager_follows(self):
        manager = Manager("followed")
        self.start("followed", variables={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "2000000"})
        manager.wait_for("READY")
        self.upgrade()
        self.assertEqual(manager.wait_for("MAINPID"), [str(self.proxy.pid)])
        manager.wait_for("READY", 2)
        self.before[0].wait(lib.PATIENCE_S)
        alive = len(manager.values("WATCHDOG"))
        manager.wait_for("WATCHDOG", alive + 2)
        self.assertEqual(manager.values("STOPPING"), [])
        self.end()


if __name__ == "__main__":
    lib.main()
