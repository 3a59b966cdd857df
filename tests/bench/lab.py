# SPDX-License-Identifier: Apache-2.0
"""The place where the proxies are compared: a network namespace, an origin, nginx and s3onramp in front of it.

Everything lives in one temporary folder (in memory where possible) and in one network namespace made for this process;
the kernel removes the namespace with the last process in it, `Lab.close` ends each process by its id and removes the
folder.
"""

import ctypes
import fcntl
import os
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from sigv4 import sign_headers

KIB, MIB = 1024, 1024 * 1024
S3_NAME = "s3.us-east-1.amazonaws.com"
ORIGIN = ("127.0.0.2", 8443)
CIPHER = "TLS_AES_128_GCM_SHA256"  # what S3 chooses; forced at both ends, so that both proxies do the same arithmetic
CLIENT_KEY = ("BENCHCLIENT000000001", "client-secret-of-the-benchmark-000000001")
UPSTREAM_KEY = ("BENCHUPSTREAM0000001", "upstream-secret-of-the-benchmark-0000001")
OBJECTS = {"1k": KIB, "64k": 64 * KIB, "64m": 64 * MIB}
BUILD = Path(os.environ.get("S3ONRAMP_BUILD", Path(__file__).resolve().parents[2] / "build"))
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """Something is missing or went wrong: there is no result."""


def need_tools(*names):
    """The paths of the programs `names`, or an error that names the missing ones."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = [shutil.which(name, path=path) for name in names]
    missing = [name for name, where in zip(names, found) if not where]
    if missing:
        raise BenchError(f"not installed: {', '.join(missing)}")
    return found


def find_binary(given):
    """The program to measure, by default that of $S3ONRAMP_BUILD. A sanitizer build says nothing about cost."""
    path = Path(given) if given else BUILD / "s3onramp"
    if not os.access(path, os.X_OK):
        raise BenchError(f"{path}: no such program; build it first or give --binary")
    program = path.read_bytes()
    if b"__asan_init" in program or b"__tsan_init" in program:
        raise BenchError(f"{path} is a sanitizer build")
    return str(path.resolve())


# ---- network namespace ----------------------------------------------------------------------------------------------

def enter_namespace():
    """Moves this process into a network namespace of its own with loopback up. Needs root or user namespaces."""
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWNET if uid == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if _libc.unshare(flags) != 0:
        raise BenchError(f"no network namespace: {os.strerror(ctypes.get_errno())}; run as root")
    if uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    _loopback_up()
    # BBR paces by its own estimate of the path, which on loopback measures the scheduler: rates jump about.
    control = Path("/proc/sys/net/ipv4/tcp_congestion_control")
    try:
        control.write_text("reno")
    except OSError:
        pass  # /proc/sys may be read-only in a container; the report says which algorithm was in force
    return control.read_text().strip()


def _loopback_up():
    siocgifflags, siocsifflags, iff_up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        ifreq = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(s, siocgifflags, ifreq))[1]
        fcntl.ioctl(s, siocsifflags, struct.pack("16sh22x", b"lo", flags | iff_up))


# ---- accounting -----------------------------------------------------------------------------------------------------

def process_tree(pid):
    """`pid` and all its descendants."""
    pids = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            pids += process_tree(int(child))
    return pids


def cpu_ns(pid):
    """CPU time that the kernel charged to the process tree: (by the scheduler in ns, by /proc/PID/stat in ns)."""
    exact = ticks = 0
    for p in process_tree(pid):
        for task in Path(f"/proc/{p}/task").iterdir():
            exact += int((task / "schedstat").read_text().split()[0])
        fields = Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime, stime
    return exact, ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def cpu_between(before, after):
    """CPU ns from `before` to `after`. The two books of the kernel must agree, else a thread came or went unseen."""
    exact, coarse = (a - b for a, b in zip(after, before))
    if abs(exact - coarse) > 50_000_000 + exact // 50:
        raise BenchError(f"schedstat says {exact / 1e9:.3f} s of CPU, /proc/PID/stat {coarse / 1e9:.3f} s")
    return exact


def rss_bytes(pid):
    """Resident memory of the process tree."""
    total = 0
    for p in process_tree(pid):
        for line in Path(f"/proc/{p}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * KIB
    return total


# ---- configuration files --------------------------------------------------------------------------------------------

OPENSSL_REQ = f"""
[req]
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[origin]
subjectAltName = DNS:{S3_NAME}
extendedKeyUsage = serverAuth
[proxy]
subjectAltName = DNS:localhost, IP:127.0.0.1
extendedKeyUsage = serverAuth
"""

OPENSSL_CLIENT = f"""
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = tls
[tls]
Ciphersuites = {CIPHER}
"""

NGINX_COMMON = """
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/{name}.pid;
error_log {folder}/{name}.log error;
events {{ worker_connections 20000; use epoll; multi_accept on; }}
http {{
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    client_body_temp_path {folder}/{name}-body;
    proxy_temp_path {folder}/{name}-proxy;
    fastcgi_temp_path {folder}/{name}-fastcgi;
    uwsgi_temp_path {folder}/{name}-uwsgi;
    scgi_temp_path {folder}/{name}-scgi;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:10m;
    ssl_buffer_size 16k;
    {body}
}}
"""

# Stands for S3: knows the objects, takes uploads (the whole body is read and stored), ignores signatures.
NGINX_ORIGIN = """
    server {{
        listen {address}:{port} ssl;
        server_name {s3_name};
        ssl_certificate {folder}/origin.pem;
        ssl_certificate_key {folder}/origin.key;
        ssl_conf_command Ciphersuites {cipher};
        root {folder}/root;
        default_type application/octet-stream;
        open_file_cache max=100 inactive=600s;
        output_buffers 2 128k;
        location /bench/upload/ {{ dav_methods PUT; client_body_buffer_size 256k; }}
        location = /bench/authorization {{ return 200 "$http_authorization"; }}
    }}
"""

# A reverse proxy that does what s3onramp does but for signatures: same TLS on both sides, same connection reuse.
# Buffers of 256k and buffering off were its best settings in turns of 16k, 64k, 256k and buffering on.
NGINX_PROXY = """
    upstream origin {{
        server {address}:{port};
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{proxy_port} ssl backlog=4096;
        server_name localhost;
        ssl_certificate {folder}/proxy.pem;
        ssl_certificate_key {folder}/proxy.key;
        location / {{
            proxy_pass https://origin;
            proxy_http_version 1.1;
            proxy_set_header Host {s3_name};
            proxy_set_header Connection "";
            proxy_ssl_server_name on;
            proxy_ssl_name {s3_name};
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {folder}/ca.pem;
            proxy_ssl_session_reuse on;
            proxy_ssl_protocols TLSv1.2 TLSv1.3;
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_buffer_size 256k;
            proxy_buffers 8 256k;
            client_body_buffer_size 256k;
        }}
    }}
"""

S3ONRAMP = """
[server]
workers = 1
max_connections = 9000
idle_timeout = 600s
private_networks = 127.0.0.0/8

[log]
level = warn
{log}

[admin]
socket = {folder}/{name}.sock

[listener bench]
mode = endpoint
bind = 127.0.0.1:{proxy_port}
tls = on
names = localhost
certificate = {folder}/proxy.pem
private_key = {folder}/proxy.key

[endpoint origin]
region = us-east-1
addresses = {address}
port = {port}
ca_file = {folder}/ca.pem
max_idle = 256

[credentials default]
source = static
access_key_id = {upstream_id}
secret_access_key = {upstream_secret}

[client bench]
access_key_id = {client_id}
secret_access_key = {client_secret}
policy = allow-all
"""


# ---- processes ------------------------------------------------------------------------------------------------------

class Proxy:
    """One proxy under test, running."""

    def __init__(self, name, port, process):
        self.name, self.port, self.pid, self.process = name, port, process.pid, process
        self.host = f"localhost:{port}"

    def headers(self, method, path):
        return sign_headers(method, self.host, path, *CLIENT_KEY) | {
            "User-Agent": "s3onramp-bench", "Accept-Encoding": "identity"}


def _interrupt(*_):
    raise KeyboardInterrupt


class Lab:
    """Certificates, objects and processes. Use as a context manager."""

    def __init__(self):
        self.nginx, self.openssl = need_tools("nginx", "openssl")
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="s3onramp-bench-", dir=shm))
        self.processes = []
        self.ports = iter(range(9443, 9500))

    def __enter__(self):
        signal.signal(signal.SIGTERM, _interrupt)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20000)), hard))
        try:
            self._make_certificates()
            self._make_objects()
            self._start_origin()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def client_environment(self):
        """For programs that cannot be told their TLS cipher otherwise."""
        return os.environ | {"OPENSSL_CONF": str(self.folder / "client.cnf")}

    def _make_certificates(self):
        (self.folder / "req.cnf").write_text(OPENSSL_REQ)
        (self.folder / "client.cnf").write_text(OPENSSL_CLIENT)
        ec = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key"]
        self._certificate("ca", "authority", ec, [])
        self._certificate("origin", "origin", ["rsa:2048"], signed)
        self._certificate("proxy", "proxy", ec, signed)

    def _certificate(self, name, section, key, issuer):
        command = [self.openssl, "req", "-x509", "-config", "req.cnf", "-extensions", section, "-newkey", *key,
                   "-nodes", "-days", "2", "-subj", f"/CN=s3onramp benchmark {name}", "-keyout", f"{name}.key",
                   "-out", f"{name}.pem", *issuer]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"openssl req: {done.stderr.strip()}")
        (self.folder / f"{name}.key").chmod(0o600)

    def _make_objects(self):
        bucket = self.folder / "root" / "bench"
        (bucket / "upload").mkdir(parents=True)
        for name, size in OBJECTS.items():
            (bucket / name).write_bytes(os.urandom(size))

    def _start_origin(self):
        built_with = subprocess.run([self.nginx, "-V"], capture_output=True, text=True, check=True).stderr
        if "http_dav_module" not in built_with:
            raise BenchError("this nginx has no http_dav_module, which the origin needs for uploads")
        self._start_nginx("origin", NGINX_ORIGIN, ORIGIN)

    def _values(self, **more):
        return {"folder": self.folder, "address": ORIGIN[0], "port": ORIGIN[1], "s3_name": S3_NAME, "cipher": CIPHER,
                "upstream_id": UPSTREAM_KEY[0], "upstream_secret": UPSTREAM_KEY[1],
                "client_id": CLIENT_KEY[0], "client_secret": CLIENT_KEY[1]} | more

    def _start_nginx(self, name, body, address):
        body = body.format(**self._values(proxy_port=address[1]))
        user = "user root root;" if os.geteuid() == 0 else ""
        conf = self.folder / f"{name}.conf"
        conf.write_text(NGINX_COMMON.format(name=name, folder=self.folder, body=body, user=user))
        return self._start(name, [self.nginx, "-p", str(self.folder), "-e", f"{name}.log", "-c", str(conf)], address)

    def _start(self, name, command, address):
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                       preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))
        self.processes.append(process)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(address, timeout=1).close()
                return process
            except OSError:
                time.sleep(0.02)
        raise BenchError(f"{name} does not listen on {address[0]}:{address[1]}\n{self.log_tail(name)}")

    def log_tail(self, name):
        """The end of a process's log, for messages."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:].strip()

    def start_nginx(self, name="nginx"):
        port = next(self.ports)
        return self._ready(Proxy(name, port, self._start_nginx(name, NGINX_PROXY, ("127.0.0.1", port))), CLIENT_KEY[0])

    def start_s3onramp(self, binary, name="s3onramp", log="access = off"):
        port = next(self.ports)
        conf = self.folder / f"{name}.ini"
        conf.touch(mode=0o600)
        conf.write_text(S3ONRAMP.format(**self._values(proxy_port=port, name=name, log=log)))
        process = self._start(name, [binary, "serve", "-c", str(conf)], ("127.0.0.1", port))
        proxy = Proxy(name, port, process)
        self._ready(proxy, UPSTREAM_KEY[0])
        self._check_refusal(proxy)
        return proxy

    # -- is it really doing the work that it is measured for?

    def _ready(self, proxy, key_id):
        """The origin must see the signature of `key_id`: nginx passes the client's on, s3onramp makes its own."""
        path = "/bench/authorization"
        status, body = self.request(proxy, path, proxy.headers("GET", path))
        if status != 200 or f"Credential={key_id}/".encode() not in body:
            raise BenchError(f"{proxy.name}: the origin did not see {key_id}'s signature: {status} {body[:500]!r}\n"
                             f"{self.log_tail(proxy.name)}")
        return proxy

    def _check_refusal(self, proxy):
        """A signature for another object must be refused, else nothing is verified."""
        status, _ = self.request(proxy, "/bench/1k", proxy.headers("GET", "/bench/64k"))
        if status != 403:
            raise BenchError(f"{proxy.name}: a wrong signature was answered with {status} instead of 403")

    def request(self, proxy, path, headers):
        """One GET on a connection of its own: (status, body)."""
        with self.connect(proxy) as connection:
            return self.request_on(connection, path, headers)

    def tls_context(self):
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def connect(self, proxy, context=None):
        """A TLS connection to the proxy, handshake done."""
        raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
        return (context or self.tls_context()).wrap_socket(raw, server_hostname="localhost")

    @staticmethod
    def request_on(connection, path, headers):
        """One GET on an open connection that stays open: (status, body). Answers must carry a Content-Length."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += _receive(connection)
        head, _, body = data.partition(b"\r\n\r\n")
        status, *fields = head.decode("latin-1").split("\r\n")
        length = next((int(f.split(":")[1]) for f in fields if f.lower().startswith("content-length:")), 0)
        while len(body) < length:
            body += _receive(connection)
        return int(status.split()[1]), body


def _receive(connection):
    data = connection.recv(65536)
    if not data:
        raise BenchError("the proxy closed the connection before the end of its answer")
    return data
