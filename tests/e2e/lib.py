# SPDX-License-Identifier: Apache-2.0
"""lib: what the end-to-end tests share: the proxy under test, the S3 servers behind it, and ways to reach it.

The program under test is $S3ONRAMP. Everything is made in a folder of its own under $S3ONRAMP_E2E_DIR (or the system's
temporary folder); it is removed when all went well and stays for reading otherwise.
"""
import atexit
import fcntl
import json
import os
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"
LAB = ROOT / "conf" / "lab" / "support"  # what the lab and the quickstart use, too
sys.path[:0] = [str(SUPPORT), str(LAB)]
import s3raw  # noqa: E402
from endpoint import Endpoint  # noqa: E402

PROGRAM = os.environ.get("S3ONRAMP", str(ROOT / "build" / "s3onramp"))
PATIENCE_S = 30  # what no behaviour of the program explains, but a machine that has other work
SANITIZER = os.environ.get("S3ONRAMP_SANITIZER", "")  # "", "asan" or "tsan": slow, and its memory says nothing
REGION = "ap-northeast-1"
S3_NAME = "s3.%s.amazonaws.com" % REGION
VPCE = "vpce-0a1b2c3d4e5f67890-abcdefgh"
VPCE_NAME = "%s.s3.%s.vpce.amazonaws.com" % (VPCE, REGION)
UPSTREAM_KEY = ("AKIAUPSTREAM00000001", "upstream/secret+of/the+proxy0123456789ab")
ALICE = ("AKIALOCALALICE000001", "aliceSecret/aliceSecret+aliceSecret01234")
READER = ("AKIALOCALREADER00001", "readerSecret/readerSecret+readerSecret01")


def make_work_folder():
    base = os.environ.get("S3ONRAMP_E2E_DIR")
    if base:
        os.makedirs(base, exist_ok=True)
    path = pathlib.Path(tempfile.mkdtemp(prefix=pathlib.Path(sys.argv[0]).stem + "-", dir=base))
    path.chmod(0o755)
    return path


WORK = make_work_folder()
FAILED = []  # tests that failed: the folder is kept


def remove_work_folder():
    for file in RESERVED:
        os.unlink(file.name)
    if FAILED:
        print("kept for reading: %s" % WORK, file=sys.stderr)
    else:
        shutil.rmtree(WORK, ignore_errors=True)


atexit.register(remove_work_folder)
# Who is told to end cleans up like who is interrupted.
signal.signal(signal.SIGTERM, signal.default_int_handler)


RESERVED = []  # open files: each locks the port in its name for this process


def reserve(port):
    """False if a test that runs beside this one has it."""
    file = open(os.path.join(tempfile.gettempdir(), "s3onramp-e2e-port-%d" % port), "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    RESERVED.append(file)
    return True


def free_port(host="127.0.0.1", count=1):
    """The first of count free ports, below the range that the kernel hands out, and nobody else's while we run."""
    while True:
        port = random.randrange(20000, 32000)
        try:
            for i in range(count):
                socket.create_server((host, port + i)).close()
        except OSError:
            continue
        if all(reserve(port + i) for i in range(count)):
            return port


def wait_until(condition, seconds=10, what="condition"):
    """seconds: what an idle machine needs at most. A busy one is given half a minute anyway: only who fails waits for it."""
    deadline = time.monotonic() + max(seconds, PATIENCE_S)
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("%s: not after %s s" % (what, max(seconds, PATIENCE_S)))
        time.sleep(0.02)


class Server:
    """Serves each connection with a function in a thread of its own; what it meets of a broken connection ends it."""

    def __init__(self, serve, host="127.0.0.1"):
        self.socket = socket.create_server((host, 0), backlog=512)
        self.port = self.socket.getsockname()[1]
        self.address = "%s:%d" % (host, self.port)
        self.serve = serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.run, args=(sock,), daemon=True).start()

    def run(self, sock):
        try:
            self.serve(sock)
        except OSError:
            pass

    def close(self):
        self.socket.close()


def clean_environment(**variables):
    """For clients: nothing inherited that names a proxy, a key or an authority."""
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TERM") if name in os.environ}
    for folder in os.environ["PATH"].split(":"):  # pyenv finds its versions by HOME otherwise
        if folder.endswith("/shims"):
            environment["PYENV_ROOT"] = os.path.dirname(folder)
    environment.update(HOME=str(WORK), AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=str(WORK / "no-aws-config"),
                       AWS_SHARED_CREDENTIALS_FILE=str(WORK / "no-aws-credentials"), PYTHONWARNINGS="ignore")
    environment.setdefault("LANG", "C.UTF-8")
    environment.update({name: str(value) for name, value in variables.items()})
    return environment


def run(*command, check=True, **options):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if check and result.returncode:
        raise AssertionError("%s: exit code %d\n%s%s" % (" ".join(map(str, command)), result.returncode, result.stdout,
                                                         result.stderr))
    return result


def certificates():
    folder = WORK / "certificates"
    if not folder.exists():
        run(LAB / "certificates", folder, REGION, VPCE)
    return folder


def start_endpoint(cert="endpoint", addresses=(("127.0.0.1", 0),), keys=(UPSTREAM_KEY,), region=REGION, **options):
    folder = certificates()
    return Endpoint(folder / (cert + ".pem"), folder / (cert + ".key"), dict(keys), addresses, region, **options)


def section(name, /, **keys):
    return "[%s]\n%s\n" % (name, "".join("%s = %s\n" % (key.rstrip("_"), value) for key, value in keys.items()
                                         if value is not None))


def go_program(name, source):
    """Built from source with Debian's Go packages; the path of the program. $GOCACHE keeps what was compiled."""
    folder = WORK / name
    folder.mkdir()
    (folder / "main.go").write_text(source)
    run("/usr/bin/go", "build", "-o", folder / name, folder / "main.go", env=clean_environment(
        GO111MODULE="off", GOPATH="/usr/share/gocode", GOCACHE=os.environ.get("GOCACHE", str(WORK.parent / "go-cache"))))
    return folder / name


# Times of the program's that end what a starved machine only delays. A test that is about one of them sets its own.
PATIENT_SERVER = {"header_timeout": "10m", "tls_timeout": "10m", "body_timeout": "10m"}
PATIENT_ENDPOINT = {"connect_timeout": "2m", "probe_timeout": "1m", "queue_timeout": "2m"}


def documents():
    """All that people read, but what others' programs made."""
    return [ROOT / "README.md", *sorted(path for folder in (".github", "conf", "tests") for path in (ROOT / folder).rglob("*.md"))]


def links(page):
    """What a page links to beside itself: (the page or file, the heading in it)."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def headings(page):
    """As links name them."""
    return [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)", page.read_text(), re.M)]


class Proxy:
    """The program under test with a configuration made here. Listeners: forward, legacy (unsigned counts as alice), plain
    (signatures required), tls (the same with TLS), sniff (both)."""

    def __init__(self, upstream, name="proxy", trailers=None, ca_file=None, server=None, endpoint=None, listeners=None,
                 ca=None, extra="", variables=None, log=None, stderr=None, admin=None):
        """upstream: "address:port" texts of the endpoint; server, endpoint: more keys of these sections; listeners: name →
        keys of further ones; extra: more text; variables: of its environment; log, admin: other keys of that section;
        stderr: a descriptor instead of the file."""
        self.variables = variables or {}
        self.stderr_to = stderr
        self.folder = WORK / name
        self.folder.mkdir()
        self.ports = {}
        self.process = None
        self.ca_file = self.folder / "ca.pem"
        self.config = self.folder / "s3onramp.ini"
        self.access_file = self.folder / "access.log"
        self.admin_socket = self.folder / "admin.sock"
        text = section("server", **{"private_networks": "127.0.0.0/8", **PATIENT_SERVER, **(server or {})})
        text += section("ca", certificate="ca.pem", private_key="ca.key", **(ca or {}))
        text += section("log", **{"format": "json", "access": self.access_file, **(log or {})})
        text += section("admin", **{"socket": self.admin_socket, **(admin or {})})
        if "[cost]" not in extra:
            text += section("cost", state="off")  # not where a proxy of this machine keeps its own
        text += section("endpoint tokyo", addresses=", ".join(upstream) or None, trailers=trailers,
                        ca_file=ca_file or certificates() / "ca.pem", **{"name": VPCE_NAME, **PATIENT_ENDPOINT, **(endpoint or {})})
        text += section("credentials default", source="static", access_key_id=UPSTREAM_KEY[0],
                        secret_access_key=UPSTREAM_KEY[1])
        text += self.client("alice", ALICE, "allow-all") + self.client("reader", READER, "read-only")
        text += self.listener("forward", mode="forward")
        text += self.listener("legacy", mode="endpoint", anonymous="alice")
        text += self.listener("plain", mode="endpoint")
        text += self.listener("tls", mode="endpoint", tls="on")
        text += self.listener("sniff", mode="endpoint", tls="auto")
        for listener, keys in (listeners or {}).items():
            text += self.listener(listener, **keys)
        self.config.touch(0o600)
        self.config.write_text(text + extra)
        if not self.ca_file.exists():
            self.command("ca", "init")
        self.start()

    @staticmethod
    def client(name, key, policy):
        return section("client " + name, access_key_id=key[0], secret_access_key=key[1], policy=policy)

    def listener(self, name, **keys):
        self.ports[name] = free_port()
        return section("listener " + name, bind="127.0.0.1:%d" % self.ports[name], **keys)

    def command(self, *words):
        return run(PROGRAM, *words, "-c", self.config, env=self.environment())

    @staticmethod
    def environment():
        return clean_environment(
            ASAN_OPTIONS="abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=1",
            UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
            TSAN_OPTIONS="halt_on_error=0:second_deadlock_stack=1:suppressions=%s" % (SUPPORT / "tsan.supp"))

    def launch(self, program=None, **options):
        """The process; options: of Popen."""
        return subprocess.Popen([*(program or (PROGRAM,)), "serve", "-c", str(self.config)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=self.stderr_to or self.stderr.open("ab"),
                                env={**self.environment(), **self.variables}, **options)

    def start(self):
        self.stderr = self.folder / "stderr.log"
        self.stderr.touch()
        self.process = self.launch()
        atexit.register(self.kill)
        for name, port in self.ports.items():
            self.wait_ready(lambda: accepts(port), "listener %s" % name)
        if os.fsencode(self.admin_socket) in self.config.read_bytes():  # it is opened after the listeners
            self.wait_ready(lambda: accepts_at(self.admin_socket), "the admin socket")

    def wait_ready(self, condition, what):
        wait_until(lambda: self.process.poll() is not None or condition(), 20, what)
        if self.process.poll() is not None:
            raise AssertionError("the proxy ended: %d\n%s" % (self.process.returncode, self.stderr.read_text()))

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def check_alive(self):
        if self.process.poll() is not None:
            raise AssertionError("the proxy ended: %d\n%s" % (self.process.returncode, self.stderr.read_text()[-4000:]))

    def check_clean(self):
        text = self.stderr.read_text(errors="replace")
        for word in ("Sanitizer", "runtime error:", "Assertion", "assertion"):
            if word in text:
                raise AssertionError("the proxy wrote:\n" + text[-8000:])

    def stop(self, seconds=60):
        """SIGTERM; it must end by itself, with exit code 0 and nothing to complain about."""
        self.check_alive()
        self.process.send_signal(signal.SIGTERM)
        if FAILED:  # what a failed test left open is not waited for
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self.check_clean()
        if code:
            raise AssertionError("exit code %d after SIGTERM\n%s" % (code, self.stderr.read_text()[-4000:]))

    def wait_in_flight(self, n=1):
        """Until so many requests have an address of the endpoint; they need not have come there."""
        wait_until(lambda: sum(a["in_flight"] for a in self.states().values()) >= n, 10, "%d requests in flight" % n)

    def rss_kib(self):
        for line in pathlib.Path("/proc/%d/status" % self.pid).read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def cpu_seconds(self):
        fields = pathlib.Path("/proc/%d/stat" % self.pid).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def access_lines(self):
        """The last one may still be being written: only whole ones. A process that starts while another one writes may
        begin with an empty one."""
        text = self.access_file.read_text() if self.access_file.exists() else ""
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines() if line]

    def line_of(self, answer):
        """The access line of an answer, known by the request id that it carries: the proxy's own, or S3's."""
        wanted = answer.header("x-amz-request-id")

        def found():
            return [line for line in self.access_lines() if wanted in (line["req"], line["s3_request_id"])]
        wait_until(found, 10, "the access line of " + wanted)
        return found()[-1]

    def status(self):
        """What `s3onramp status --json` tells."""
        return json.loads(run(PROGRAM, "status", "--json", "-c", self.config, check=False).stdout)

    def states(self, endpoint=0):
        """address → its entry in status."""
        return {entry["address"]: entry for entry in self.status()["endpoints"][endpoint]["addresses"]}

    # -- ways in

    def address(self, listener):
        return ("127.0.0.1", self.ports[listener])

    def host(self, listener):
        """Host header of requests that come in there."""
        return S3_NAME if listener in ("forward", "absolute") else "127.0.0.1:%d" % self.ports[listener]

    def url(self, listener):
        return "%s://127.0.0.1:%d" % ("https" if listener == "tls" else "http", self.ports[listener])

    def connect(self, listener, host=S3_NAME, **options):
        """forward: CONNECT to host and TLS inside; others: directly."""
        if listener == "forward":
            return s3raw.Connection(self.address(listener), tls=s3raw.tls_context(self.ca_file), tunnel=host + ":443",
                                    **options)
        if listener == "tls":
            return s3raw.Connection(self.address(listener), tls=s3raw.tls_context(self.ca_file), name="127.0.0.1", **options)
        return s3raw.Connection(self.address(listener), **options)

    def request(self, listener, method, target, body=b"", headers=(), key=ALICE, connection=None, **options):
        """One signed request, on a connection of its own or a given one. key=None: unsigned."""
        headers = [("Host", self.host(listener))] + list(headers)
        if (body or method in ("PUT", "POST")) and not any(n.lower() in ("content-length", "transfer-encoding")
                                                           for n, _ in headers):
            headers.append(("Content-Length", str(len(body))))
        if key:
            headers = s3raw.sign(method, target, headers, key, body=body, **options)
        own = connection or self.connect(listener)
        try:
            own.send(s3raw.head(method, target, headers) + body)
            return own.read_answer(method)
        finally:
            if not connection:
                own.close()


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def accepts_at(path):
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


class Ceph:
    """radosgw on two private addresses inside a network namespace of its own."""

    def __init__(self, **settings):
        """settings: more of ceph-rgw's."""
        if os.geteuid() != 0:
            raise AssertionError("network namespaces need root")
        self.name = "e2e-%d" % os.getpid()
        run(LAB / "vpc", "sweep")
        self.addresses = run(LAB / "vpc", "up", self.name).stdout.split()
        atexit.register(self.close)
        folder = certificates()
        names = "%s bucket.%s" % (S3_NAME, VPCE_NAME)
        run(LAB / "vpc", "exec", self.name, LAB / "ceph-rgw", "up", WORK / "ceph", env=dict(
            os.environ, RGW_CERT=str(folder / "endpoint.pem"), RGW_KEY=str(folder / "endpoint.key"), RGW_REGION=REGION,
            RGW_NAMES=names, RGW_ACCESS_KEY_ID=UPSTREAM_KEY[0], RGW_SECRET_ACCESS_KEY=UPSTREAM_KEY[1], **settings))

    def close(self):
        run(LAB / "vpc", "down", self.name, check=False)

    def admin(self, *words):
        """radosgw-admin; what it prints."""
        return run(LAB / "vpc", "exec", self.name, LAB / "ceph-rgw", "admin", WORK / "ceph", *words).stdout

    @property
    def outside(self):
        """This machine's address, as the gateway sees it."""
        return ".".join(self.addresses[0].split(".")[:2]) + ".0.1"

    def request(self, method, target, body=b"", headers=(), key=UPSTREAM_KEY, **options):
        """Directly to the gateway, past the proxy."""
        headers = [("Host", S3_NAME)] + list(headers)
        if body or method in ("PUT", "POST"):
            headers.append(("Content-Length", str(len(body))))
        headers = s3raw.sign(method, target, headers, key, body=body, **options)
        with s3raw.Connection((self.addresses[0], 443), tls=s3raw.tls_context(certificates() / "ca.pem"),
                              name=S3_NAME) as connection:
            connection.send(s3raw.head(method, target, headers) + body)
            return connection.read_answer(method)


class TlsRelay(Server):
    """TLS in front of a server that speaks plain HTTP."""

    def __init__(self, target, cert="endpoint"):
        folder = certificates()
        self.target = target
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / (cert + ".pem"), folder / (cert + ".key"))
        super().__init__(self.relay)

    def relay(self, sock):
        with self.context.wrap_socket(sock, server_side=True) as tls, socket.create_connection(self.target) as plain:
            self.copy(tls, plain)

    @staticmethod
    def copy(tls, plain):
        """Both directions in one thread: a TLS connection must not be used by two."""
        while True:
            ready = [tls] if tls.pending() else select.select([tls, plain], [], [])[0]
            for source, sink in ((tls, plain), (plain, tls)):
                if source in ready:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    sink.sendall(data)


class Case(unittest.TestCase):
    """A test that ends with a look at the proxy. Subclasses set cls.proxy."""

    proxy = None
    maxDiff = None

    def setUp(self):
        if self.proxy.process.poll() is not None:
            self.skipTest("the proxy has ended in a test before this one")

    def tearDown(self):
        self.proxy.check_alive()
        self.proxy.check_clean()

    def check(self, answer, status, code=None):
        self.assertEqual((answer.status, answer.code if code is not None else None), (status, code),
                         "%s %s" % (answer.headers, answer.body[:600]))
        return answer


class _Result(unittest.TextTestResult):
    """Notes what failed and how long each test took."""

    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.stream.write("%.1f s " % (time.monotonic() - self.started))
        super().addSuccess(test)

    def addFailure(self, test, err):
        FAILED.append(test)
        super().addFailure(test, err)

    def addError(self, test, err):
        FAILED.append(test)
        super().addError(test, err)

    def addSubTest(self, test, subtest, err):
        if err:
            FAILED.append(subtest)
        super().addSubTest(test, subtest, err)


def main():
    """For `if __name__ == "__main__"`: runs the tests of the file."""
    unittest.main(testRunner=unittest.TextTestRunner(resultclass=_Result, verbosity=2))
