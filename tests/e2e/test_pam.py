# SPDX-License-Identifier: Apache-2.0
"""Passwords that PAM checks: right, wrong, unknown, of accounts that are locked meanwhile, and modules that hang, with services
made of Debian's modules (pam_matrix of libpam-wrapper, pam_listfile, pam_debug, pam_exec)."""
import base64
import glob
import json
import os
import re
import signal
import threading

import lib
import s3raw

PASSWORD = "correct horse: battery"
SLEEP = "1000.%d" % os.getpid()  # so that what hangs can be told from what others run
MATRIX = glob.glob("/usr/lib/*/pam_wrapper/pam_matrix.so")[0]
SERVICE = """\
auth [success=1 default=ignore] pam_listfile.so onerr=succeed item=user sense=deny file={0}/stuck
auth required pam_exec.so quiet /bin/sleep {1}
auth required {2} passdb={0}/table
account [success=1 default=ignore] pam_listfile.so onerr=succeed item=user sense=deny file={0}/locked
account required pam_debug.so acct=acct_expired
account required pam_permit.so
"""


def setUpModule():
    global endpoint, folder, audit
    endpoint = lib.start_endpoint()
    folder = lib.WORK / "pam.d"
    folder.mkdir(parents=True)
    (folder / "s3onramp").write_text(SERVICE.format(folder, SLEEP, MATRIX))
    (folder / "table").write_text("".join("%s:%s:s3onramp\n" % (user, PASSWORD.replace(":", "")) for user in ("pat", "CORP\\eve")))
    for name in ("stuck", "locked"):
        (folder / name).write_text("nobody-at-all\n")
    audit = lib.WORK / "audit.log"
    client = dict(policy="allow-all", password="pam")
    lib.Case.proxy = lib.Proxy(
        ["127.0.0.1:%d" % endpoint.addresses[0][1]],
        server={"shutdown_timeout": "1s"},
        listeners={"asks": dict(mode="forward", proxy_auth="required")},
        extra=lib.section("auth pam", folder=folder, remember="1s", timeout="5m") + lib.section("audit", to=audit) +
        lib.section("client pat", **client) + lib.section("client ghost", **client) +
        lib.section("client eve", policy="read-only", password="pam:CORP\\eve"))


def tearDownModule():
    lib.Case.proxy.stop()
    text = lib.Case.proxy.stderr.read_text() + lib.Case.proxy.access_file.read_text() + audit.read_text()
    assert "battery" not in text and base64.b64encode(b"pat:").decode()[:5] not in text
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


def sleepers():
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if file.read().split(b"\0")[1:2] == [SLEEP.encode()]:
                    found.append(path)
        except OSError:
            pass
    return found


class Pam(lib.Case):
    def connect(self, user, password=PASSWORD.replace(":", "")):
        """A connection, and the answer to its CONNECT."""
        connection = s3raw.Connection(self.proxy.address("asks"))
        word = base64.b64encode(("%s:%s" % (user, password)).encode())
        connection.send(b"CONNECT %s:443 HTTP/1.1\r\nProxy-Authorization: Basic %s\r\n\r\n" % (lib.S3_NAME.encode(), word))
        return connection, connection.read_answer("CONNECT")

    def status(self, user, password=PASSWORD.replace(":", "")):
        connection, answer = self.connect(user, password)
        connection.close()
        return answer.status

    def inside(self, connection):
        connection.sock = s3raw.tls_context(self.proxy.ca_file).wrap_socket(connection.sock, server_hostname=lib.S3_NAME)
        return connection

    def audit_lines(self, **fields):
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        return [line for line in lines if all(line.get(key) == value for key, value in fields.items())]

    def reload_with(self, timeout):
        text = self.proxy.config.read_text()
        self.proxy.config.write_text(re.sub("timeout = (5m|2s)", "timeout = " + timeout, text))
        self.proxy.command("reload")

    def list(self, name, *users):
        new = folder / (name + ".new")
        new.write_text("".join(user + "\n" for user in ("nobody-at-all", *users)))
        new.rename(folder / name)

    def test_right(self):
        for user, may_write in (("pat", True), ("eve", False)):
            connection, answer = self.connect(user)
            self.check(answer, 200)
            self.inside(connection)
            self.check(self.proxy.request("forward", "GET", "/bucket/", key=None, connection=connection), 200)
            answer = self.proxy.request("forward", "PUT", "/bucket/by-" + user, b"x", key=None, connection=connection)
            self.assertEqual(answer.status, 200 if may_write else 403, answer.body)
            connection.close()
            lib.wait_until(lambda: self.audit_lines(client=user, operation="PutObject"), 30, "the audit line")
            self.assertEqual(self.audit_lines(client=user, operation="PutObject")[0]["auth"], "password")

    def test_wrong(self):
        for user, password, why in (("pat", "wrong", "Authentication failure"), ("pat", "", "Authentication failure"),
                                    ("ghost", PASSWORD.replace(":", ""), ""), ("CORP\\eve", PASSWORD.replace(":", ""), None),
                                    ("alice", PASSWORD.replace(":", ""), None)):
            with self.subTest(user, password=password):
                before = len(self.audit_lines(event="password", user=user))
                self.assertEqual(self.status(user, password), 407)
                lib.wait_until(lambda: len(self.audit_lines(event="password", user=user)) > before, 30, "the audit line")
                detail = self.audit_lines(event="password", user=user)[-1]["detail"]
                self.assertEqual("PAM does not take the password" in detail, why is not None, detail)
                self.assertIn(why or "", detail)

    def test_locked_meanwhile(self):
        """New connections and open ones: within `remember` of the lock; and the other way."""
        connection, answer = self.connect("pat")
        self.check(answer, 200)
        self.inside(connection)

        def get():
            return self.proxy.request("forward", "GET", "/bucket/", key=None, connection=connection)
        self.check(get(), 200)
        self.list("locked", "pat")
        try:
            lib.wait_until(lambda: self.status("pat") == 407, 30, "the lock")
            lib.wait_until(lambda: get().status == 403, 30, "the lock on a connection that is open")
            self.check(get(), 403, "AccessDenied")
            self.assertEqual(self.status("eve"), 200)
            refused = self.audit_lines(event="password", user="pat")[-1]
            self.assertIn("the account: User account has expired", refused["detail"])
            lib.wait_until(lambda: [x for x in self.audit_lines(event="refused") if "PAM refuses the account: User account has expired"
                                    in x.get("detail", "")], 30, "the audit line")
        finally:
            self.list("locked")
        self.assertEqual(self.status("pat"), 200)
        self.check(get(), 200)
        connection.close()

    def test_module_that_hangs(self):
        """More at once than PAM is asked; all are told, and nothing else waits."""
        statuses, bodies = [], []

        def ask():
            connection, answer = self.connect("pat")
            connection.close()
            statuses.append(answer.status)
            bodies.append(answer.body)
        lib.wait_until(lambda: self.status("pat", "wrong") == 407, 30, "an answer")
        self.list("stuck", "pat")
        self.reload_with(timeout="2s")
        try:
            lib.wait_until(lambda: self.status("pat") == 503, 30, "what is remembered to be over")
            threads = [threading.Thread(target=ask) for _ in range(20)]
            for thread in threads:
                thread.start()
            lib.wait_until(sleepers, 30, "a module that hangs")
            self.check(self.proxy.request("plain", "GET", "/bucket/"), 200)
            self.proxy.command("reload")
            self.assertTrue(self.proxy.status())
            for thread in threads:
                thread.join()
        finally:
            self.list("stuck")
            self.reload_with(timeout="5m")
        self.assertEqual(statuses, [503] * 20)
        self.assertIn(b"cannot check passwords just now", bodies[0])
        lib.wait_until(lambda: not sleepers(), 30, "the end of what hung")
        self.assertEqual(self.status("pat"), 200)
        for sentence in ("PAM gives no answer, and clients get 503: it took longer than its timeout of 2000 ms", "PAM answers again"):
            lib.wait_until(lambda: sentence in self.proxy.stderr.read_text(), 30, sentence)
        lib.wait_until(lambda: [x for x in self.proxy.access_lines() if x["end"] == "passwords" and x["user"] == "pat"], 30,
                       "the access line")

    def test_open_connections_go_on_while_pam_gives_no_answer(self):
        connection, answer = self.connect("pat")
        self.check(answer, 200)
        self.inside(connection)
        service = folder / "s3onramp"
        text = service.read_text()
        service.write_text("auth required pam_nonexistent.so\naccount required pam_nonexistent.so\n")
        try:
            lib.wait_until(lambda: self.status("pat") == 503, 30, "what is remembered to be over")
            self.check(self.proxy.request("forward", "GET", "/bucket/", key=None, connection=connection), 200)
        finally:
            service.write_text(text)
        connection.close()

    def test_stop_while_it_hangs(self):
        proxy = self.proxy
        self.list("stuck", "pat", "CORP\\eve")
        connections = []
        try:
            for user in ("pat", "eve") * 6:
                connection = s3raw.Connection(proxy.address("asks"))
                word = base64.b64encode(("%s:another one" % user).encode())
                connection.send(b"CONNECT %s:443 HTTP/1.1\r\nProxy-Authorization: Basic %s\r\n\r\n" % (lib.S3_NAME.encode(), word))
                connections.append(connection)
            lib.wait_until(sleepers, 30, "a module that hangs")
            proxy.process.send_signal(signal.SIGTERM)
            self.assertEqual(proxy.process.wait(60), 0)
            lib.wait_until(lambda: not sleepers(), 30, "the end of what hung")
        finally:
            self.list("stuck")
            for connection in connections:
                connection.close()
            proxy.start()
        self.assertEqual(self.status("pat"), 200)

    def test_check_tells_of_a_missing_service(self):
        config = lib.WORK / "missing.ini"
        config.touch(0o600)
        config.write_text(self.proxy.config.read_text().replace("folder = %s" % folder, "service = s3onramp-missing"))
        result = lib.subprocess.run([lib.PROGRAM, "check", "-c", str(config)], text=True, capture_output=True,
                                    env=self.proxy.environment())
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no /etc/pam.d/s3onramp-missing", result.stderr)


if __name__ == "__main__":
    lib.main()
