# SPDX-License-Identifier: Apache-2.0
"""Everything changes while everybody works: reloads every two seconds, clients come and go, the endpoint moves between addresses,
certificates are replaced, and the program itself three times, under requests of aws-cli, boto3 and wrk, long uploads and
downloads, and tunnels. No request fails, no transfer is cut, and neither memory nor descriptors grow.

S3ONRAMP_LIVE_SECONDS (60): how long the load runs; tests/run --all takes 600, with objects of 5 GiB."""
import hashlib
import os
import pathlib
import re
import subprocess
import threading
import time

import boto3
import botocore.config

import lib
import s3raw
from endpoint import BLOCK, BigCheck, big_block

SECONDS = float(os.environ.get("S3ONRAMP_LIVE_SECONDS", "60"))
BIG = (5 << 30) if SECONDS >= 300 else (512 << 20)
UPGRADES = 3
GROWTH_KIB = 16384  # of one process, from its first reload to its end: buffers of the load come and go
MORE_FILES = 24  # descriptors that the last process, when all is over, may have more than the first one under load


def replace_certificate():
    """The listener's own one, in the same files: another key each time, by the authority that its clients know."""
    folder, new = lib.certificates(), lib.WORK / "new"
    lib.run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=own", "-keyout",
            str(new) + ".key", "-out", str(new) + ".csr")
    (lib.WORK / "own.ext").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    lib.run("openssl", "x509", "-req", "-in", str(new) + ".csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-set_serial",
            str(time.time_ns()), "-days", "30", "-out", str(new) + ".pem", "-extfile", lib.WORK / "own.ext")
    for kind in (".key", ".pem"):
        os.replace(str(new) + kind, str(lib.WORK / "own") + kind)


def echo_back(sock):
    """The host behind a tunnel."""
    with sock:
        while data := sock.recv(1 << 16):
            sock.sendall(data)


def setUpModule():
    global endpoints, echo, proxy
    endpoints = [lib.start_endpoint(), lib.start_endpoint()]
    endpoints[1].objects = endpoints[0].objects  # one store, two addresses
    echo = lib.Server(echo_back)
    replace_certificate()
    extra = lib.section("tunnel echo", hosts="echo.internal", addresses="127.0.0.1:%d" % echo.port)
    proxy = lib.Proxy([address(0), address(1)], extra=extra, server=dict(shutdown_timeout="10m", workers="2"),
                      listeners=dict(tunnels=dict(mode="forward", tunnel="echo.internal"),
                                     own=dict(mode="endpoint", tls="on", certificate=lib.WORK / "own.pem",
                                              private_key=lib.WORK / "own.key")))
    lib.Case.proxy = proxy


def address(i):
    return "127.0.0.1:%d" % endpoints[i].addresses[0][1]


def tearDownModule():
    for pid in proxies_running():
        os.kill(pid, 15)
    for endpoint in endpoints:
        endpoint.close()


def proxies_running():
    """Every process that serves our configuration."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"serve" in words and str(proxy.config).encode() in words:
            found.append(int(path.parent.name))
    return found


class Load:
    """One kind of traffic in a thread of its own: counts what went well, keeps what did not."""

    def __init__(self, name, work):
        self.name, self.work, self.good, self.failed = name, work, 0, []
        self.thread = threading.Thread(target=self.run, name=name, daemon=True)

    def run(self):
        while not stop.is_set():
            try:
                self.work()
                self.good += 1
            except Exception as error:  # whatever it is, it is a failure of the proxy's promise
                self.failed.append("%s: %r" % (time.strftime("%H:%M:%S"), error))
                if len(self.failed) > 20:
                    return


stop = threading.Event()


def boto(listener):
    """One attempt per request: a retry would hide what is looked for."""
    config = botocore.config.Config(retries=dict(total_max_attempts=1), s3=dict(addressing_style="path"),
                                    proxies={"https": "http://127.0.0.1:%d" % proxy.ports["forward"]} if listener == "forward" else None)
    return boto3.client("s3", aws_access_key_id=lib.ALICE[0], aws_secret_access_key=lib.ALICE[1], region_name=lib.REGION,
                        config=config,
                        endpoint_url=dict(forward=None, own="https://127.0.0.1:%d" % proxy.ports["own"]).get(listener, proxy.url(listener)),
                        verify=str(lib.certificates() / "ca.pem" if listener == "own" else proxy.ca_file))


def boto_work(listener):
    client, numbers = boto(listener), iter(range(1 << 30))

    def work():
        key, body = "boto-%s-%d" % (listener, next(numbers) % 50), os.urandom(3000)
        client.put_object(Bucket="bucket", Key=key, Body=body)
        if client.get_object(Bucket="bucket", Key=key)["Body"].read() != body:
            raise AssertionError("other bytes")
    return work


def cli_work():
    source, target = lib.WORK / "cli-in", lib.WORK / "cli-out"
    source.write_bytes(os.urandom(200_000))
    environment = lib.clean_environment(AWS_ACCESS_KEY_ID=lib.ALICE[0], AWS_SECRET_ACCESS_KEY=lib.ALICE[1], AWS_REGION=lib.REGION,
                                        AWS_MAX_ATTEMPTS=1, HTTPS_PROXY="http://127.0.0.1:%d" % proxy.ports["forward"],
                                        AWS_CA_BUNDLE=proxy.ca_file)

    def work():
        lib.run("aws", "s3", "cp", "--quiet", source, "s3://bucket/cli", env=environment)
        lib.run("aws", "s3api", "get-object", "--bucket", "bucket", "--key", "cli", target, env=environment)
        if target.read_bytes() != source.read_bytes():
            raise AssertionError("other bytes")
    return work


def paced(done, began, size):
    """Sleeps so that a transfer of @size lasts as long as the load, about."""
    ahead = done / size * SECONDS * 0.8 - (time.monotonic() - began)
    if ahead > 0:
        stop.wait(min(ahead, 0.5))


def download_work():
    began, check = time.monotonic(), BigCheck()
    with proxy.connect("legacy") as connection:
        connection.send(s3raw.head("GET", "/bucket/big/%d" % BIG, [("Host", proxy.host("legacy"))]))
        reader = connection.sock.makefile("rb")
        if b" 200 " not in reader.readline():
            raise AssertionError("not 200")
        while reader.readline() not in (b"\r\n", b""):
            pass
        while check.done < BIG:
            piece = reader.read(min(BLOCK, BIG - check.done))
            if not piece:
                raise AssertionError("cut after %d of %d bytes" % (check.done, BIG))
            check.add(piece)
            paced(check.done, began, BIG)
    if not check.right:
        raise AssertionError("other bytes")


def upload_work():
    began = time.monotonic()
    with proxy.connect("legacy") as connection:
        connection.send(s3raw.head("PUT", "/bucket/big/%d" % BIG, [("Host", proxy.host("legacy")), ("Content-Length", str(BIG))]))
        for i in range(BIG // BLOCK):
            connection.send(bytes(big_block(i)))
            paced((i + 1) * BLOCK, began, BIG)
        answer = connection.read_answer("PUT")
    if answer.status != 200:
        raise AssertionError("%d %s" % (answer.status, answer.body[:300]))


def tunnel_work(seconds):
    """One tunnel, with a question and its echo ten times a second."""
    with s3raw.Connection(proxy.address("tunnels"), tunnel="echo.internal:443") as connection:
        for i in range(int(seconds * 10)):
            said = hashlib.sha256(b"%d" % i).digest() * 100
            connection.send(said)
            heard = b""
            while len(heard) < len(said):
                piece = connection.sock.recv(1 << 16)
                if not piece:
                    raise AssertionError("cut")
                heard += piece
            if heard != said:
                raise AssertionError("other bytes")
            if stop.wait(0.1):
                return


class Wrk:
    """GET of 1 KiB on kept connections, and on new ones, as fast as it goes with few of them."""

    def __init__(self, seconds, close=False):
        words = ["wrk", "-t1", "-c4", "-d%ds" % seconds, "--timeout", "60s"]
        if close:
            words += ["-H", "Connection: close"]
        self.process = subprocess.Popen(words + [proxy.url("legacy") + "/bucket/small"], stdout=subprocess.PIPE, text=True)

    def end(self):
        text = self.process.communicate()[0]
        answers = int(re.search(r"(\d+) requests in", text)[1])
        errors = [line.strip() for line in text.splitlines() if "Socket errors" in line or "Non-2xx" in line]
        return answers, errors


class Process:
    """What one of the proxies that follow each other used."""

    def __init__(self, pid):
        self.pid, self.rss, self.files = pid, [], []

    def sample(self):
        try:
            status = pathlib.Path("/proc/%d/status" % self.pid).read_text()
            self.files.append(len(os.listdir("/proc/%d/fd" % self.pid)))
        except OSError:
            return
        if found := re.search(r"VmRSS:\s+(\d+)", status):
            self.rss.append(int(found[1]))


class Live(lib.Case):
    def setUp(self):
        pass

    def tearDown(self):
        proxy.check_clean()

    def command(self, *words):
        result = lib.run(lib.PROGRAM, *words, "-c", proxy.config, env=proxy.environment(), check=False)
        if result.returncode:
            self.troubles.append("s3onramp %s: exit code %d: %s" % (" ".join(words), result.returncode, result.stderr[-600:]))
        return result

    def change(self, turn):
        """What an administrator does at noon."""
        text = proxy.config.read_text()
        name = "guest%d" % (turn % 4)
        if turn % 2 == 0:
            self.command("client", "add", name, "--policy", "read-only")
        elif turn > 1:
            self.command("client", "remove", "guest%d" % ((turn - 1) % 4))
        wanted = [address(turn // 2 % 2)] if turn % 3 else [address(0), address(1)]
        text = re.sub(r"(?m)^addresses = 127\.0\.0\.1:\d+.*$", "addresses = " + ", ".join(wanted), text, count=1)
        text = re.sub(r"(?m)^level = .*\n", "", text)
        text = text.replace("[log]\n", "[log]\nlevel = %s\n" % ("info" if turn % 2 else "warn"))
        text = text.replace("\n[policy extra]\naccess = read-only\n", "")
        if turn % 2:
            text += "\n[policy extra]\naccess = read-only\n"
        if turn % 5 == 4:
            replace_certificate()
        proxy.config.write_text(text)
        self.command("reload")

    def test_everything_changes_and_nobody_notices(self):
        self.troubles, processes = [], []
        self.check(proxy.request("legacy", "PUT", "/bucket/small", b"x" * 1024, key=None), 200)
        loads = [Load("boto3 forward", boto_work("forward")), Load("boto3 endpoint", boto_work("plain")),
                 Load("boto3 own", boto_work("own")),
                 Load("aws-cli", cli_work()), Load("download", download_work), Load("upload", upload_work),
                 Load("tunnels of 5 s", lambda: tunnel_work(5)),
                 Load("one tunnel", lambda: tunnel_work(SECONDS * 10))]
        wrks = [Wrk(SECONDS), Wrk(SECONDS, close=True)]
        began, turn, upgraded = time.monotonic(), 0, 0
        for load in loads:
            load.thread.start()
        while time.monotonic() - began < SECONDS:
            turn += 1
            self.change(turn)
            if upgraded < UPGRADES and time.monotonic() - began > SECONDS * (upgraded + 1) / (UPGRADES + 1):
                self.command("upgrade")
                upgraded += 1
            known = {p.pid for p in processes}
            processes += [Process(pid) for pid in proxies_running() if pid not in known]
            for process in processes:
                process.sample()
            stop.wait(2)
        stop.set()
        figures = [wrk.end() for wrk in wrks]
        for load in loads:
            load.thread.join(SECONDS * 2 + 60)
        self.tell(loads, figures, processes, turn, upgraded)
        failed = [f for load in loads for f in load.failed] + [e for _, errors in figures for e in errors] + self.troubles
        self.assertEqual(failed, [])
        self.assertFalse([load.name for load in loads if load.thread.is_alive()])
        self.assertFalse([load.name for load in loads if not load.good and load.name not in ("download", "upload")])
        self.assertEqual(upgraded, UPGRADES)
        for process in processes:
            if len(process.rss) > 4 and not lib.SANITIZER:
                self.assertLess(process.rss[-1], process.rss[2] + GROWTH_KIB, process.rss)
        lib.wait_until(lambda: len(proxies_running()) == 1, 60, "the old programs' end")
        last = processes[-1]
        last.sample()
        self.assertLess(last.files[-1], processes[0].files[0] + MORE_FILES)
        self.assertEqual([(line["req"], line["method"], line["status"], line["end"]) for line in proxy.access_lines() if line["end"] != "ok" and line["method"] != "CONNECT"], [])

    @staticmethod
    def tell(loads, figures, processes, turns, upgraded):
        for load in loads:
            print("%-16s %7d good, %d failed" % (load.name, load.good, len(load.failed)))
        for name, (answers, errors) in zip(("wrk, kept", "wrk, new"), figures):
            print("%-16s %7d good, %s" % (name, answers, errors or "0 failed"))
        print("%d changes, %d upgrades" % (turns, upgraded))
        for process in processes:
            print("process: memory %s KiB, descriptors %s" % (process.rss[:1] + process.rss[-1:], process.files[:1] + process.files[-1:]))


if __name__ == "__main__":
    lib.main()
