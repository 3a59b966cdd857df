# SPDX-License-Identifier: Apache-2.0
"""Two nodes behind HAProxy, as conf/examples/haproxy.cfg has them: boto3 with its default retries sees nothing of a node that
is drained, nor of one that is killed."""
import pathlib
import signal
import socket
import subprocess
import threading
import time
import unittest

import boto3

import lib

EXAMPLE = pathlib.Path(__file__).parents[2] / "conf" / "examples" / "haproxy.cfg"
THREADS = 4


class Balancer:
    """The example with addresses of this test."""

    def __init__(self, nodes, admin_ports):
        self.port = lib.free_port()
        self.socket = lib.WORK / "haproxy.sock"
        authorities = lib.WORK / "authorities.pem"  # each node of this test has its own
        authorities.write_text("".join(node.ca_file.read_text() for node in nodes))
        text = EXAMPLE.read_text()
        changes = {"maxconn 20000": "maxconn 500", "stats socket /run/haproxy/admin.sock": "stats socket %s" % self.socket,
                   "bind 10.1.2.10:9000": "bind 127.0.0.1:%d" % self.port,
                   "check port 3180": "check", "/etc/haproxy/s3onramp-ca.pem": str(authorities)}
        for i, node in enumerate(nodes):
            changes["server node%d 10.1.2.%d:9000" % (i + 1, i + 1)] = "server node%d 127.0.0.1:%d port %d" % (
                i + 1, node.ports["balanced"], admin_ports[i])
        for old, new in changes.items():
            assert text.count("    " + old) + text.count(" " + old) > 0, old
            text = "\n".join(line if line.startswith("#") else line.replace(old, new) for line in text.split("\n"))
        config = lib.WORK / "haproxy.cfg"
        config.write_text(text)
        self.process = subprocess.Popen(["haproxy", "-db", "-f", str(config)], stdout=(lib.WORK / "haproxy.log").open("w"),
                                        stderr=subprocess.STDOUT)

    def states(self):
        """node → UP, DOWN, …"""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(str(self.socket))
            sock.sendall(b"show stat\n")
            rows = [row.split(",") for row in b"".join(iter(lambda: sock.recv(65536), b"")).decode().splitlines() if row]
        at = rows[0].index("status")
        return {row[1]: row[at].split()[0] for row in rows[1:] if row[0] == "nodes" and row[1].startswith("node")}

    def wait_for(self, node, state):
        started = time.monotonic()
        lib.wait_until(lambda: self.socket.exists() and self.states().get(node) == state, 60, "%s to be %s" % (node, state))
        return time.monotonic() - started

    def close(self):
        self.process.terminate()
        self.process.wait()


class Load:
    """Clients that put and get until they are told to end."""

    def __init__(self, port):
        self.done, self.failed, self.ends = 0, [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(port, i)) for i in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def run(self, port, number):
        s3 = boto3.session.Session().client("s3", region_name=lib.REGION, endpoint_url="http://127.0.0.1:%d" % port,
                                            aws_access_key_id=lib.ALICE[0], aws_secret_access_key=lib.ALICE[1])
        while not self.ends.is_set():
            try:
                key, body = "o%d" % number, b"x" * 20000
                s3.put_object(Bucket="bucket", Key=key, Body=body)
                got = s3.get_object(Bucket="bucket", Key=key)["Body"].read()
                if got != body:
                    self.failed.append("%d bytes of %d" % (len(got), len(body)))
            except Exception as e:  # whatever it is, it must not be
                self.failed.append(repr(e))
            self.done += 2

    def wait_for_more(self, n=40):
        wanted = self.done + n
        lib.wait_until(lambda: self.done >= wanted, 60, "%d more calls; %s" % (n, self.failed[:3]))

    def close(self):
        self.ends.set()
        for thread in self.threads:
            thread.join()


class TwoNodes(unittest.TestCase):
    def start_node(self, name):
        port = lib.free_port()
        node = lib.Proxy(["%s:%d" % self.endpoint.addresses[0][:2]], name=name, server={"drain_delay": "5s"},
                         listeners={"balanced": dict(mode="endpoint", proxy_protocol="yes",
                                                                        trusted_proxies="127.0.0.1")})
        text = node.config.read_text()
        node.config.write_text(text.replace("[admin]\n", "[admin]\nlisten = 127.0.0.1:%d\ntls = yes\n"
                                            "token = 0123456789abcdef\n" % port, 1))
        node.command("reload")
        return node, port

    def setUp(self):
        self.endpoint = lib.start_endpoint()
        self.addCleanup(self.endpoint.close)
        one, port_one = self.start_node("node1")
        two, port_two = self.start_node("node2")
        self.nodes = [one, two]
        self.balancer = Balancer(self.nodes, [port_one, port_two])
        self.addCleanup(self.balancer.close)
        for node in ("node1", "node2"):
            self.balancer.wait_for(node, "UP")

    def test_a_node_drained_and_a_node_killed(self):
        one, two = self.nodes
        load = Load(self.balancer.port)
        self.addCleanup(load.close)
        load.wait_for_more()
        one.process.send_signal(signal.SIGTERM)
        drained = self.balancer.wait_for("node1", "DOWN")
        self.assertEqual(one.process.wait(60), 0)
        load.wait_for_more()
        one.start()
        self.balancer.wait_for("node1", "UP")
        load.wait_for_more()
        two.kill()
        killed = self.balancer.wait_for("node2", "DOWN")
        load.wait_for_more()
        load.close()
        print("calls: %d, failed: %d; seen after: drain %.1f s, kill -9 %.1f s" % (load.done, len(load.failed), drained, killed))
        self.assertEqual(load.failed, [])
        for node in self.nodes:
            self.assertTrue([line for line in node.access_lines() if line["listener"] == "balanced"])
            node.check_clean()
        one.stop()


if __name__ == "__main__":
    lib.main()
