# SPDX-License-Identifier: Apache-2.0
"""s3onramp metrics: its two formats, what Prometheus' own tool says of them, labels, limits of labels."""
import collections
import functools
import json
import random
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest

import lib

SAMPLE = re.compile(r'([a-z][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? ([0-9.]+|\+Inf)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"')


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint(addresses=[("127.0.0.1", 0), ("127.0.0.2", 0)])
    lib.Case.proxy = lib.Proxy(["a=%s:%d" % endpoint.addresses[0][:2], "ap-northeast-1c=%s:%d" % endpoint.addresses[1][:2]],
                               endpoint={"probe": "http", "probe_interval": "1s"})


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


def scrape(proxy, *options):
    return lib.run(lib.PROGRAM, "metrics", *options, "--socket", proxy.admin_socket).stdout


def samples(text):
    """{name: {labels as a frozenset of pairs: value}}; fails at lines that are none."""
    all_of = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        labels = frozenset(LABEL.findall(match[2] or ""))
        series = all_of.setdefault(match[1], {})
        assert labels not in series, "twice: " + line
        series[labels] = float(match[3])
    return all_of


def total(all_of, name, **labels):
    return sum(v for l, v in all_of.get("s3onramp_" + name, {}).items() if set(labels.items()) <= l)


class Metrics(lib.Case):
    def counted(self, name, **labels):
        return total(samples(scrape(self.proxy)), name, **labels)

    def test_requests_are_counted(self):
        before = samples(scrape(self.proxy))
        for i in range(4):
            self.check(self.proxy.request("legacy", "PUT", "/bucket/m%d" % i, b"x" * 1000), 200)
        self.check(self.proxy.request("legacy", "GET", "/bucket/m1"), 200)
        name, wanted = "listener_requests_total", dict(listener="legacy", operation="PutObject", status="2xx")
        lib.wait_until(lambda: self.counted(name, **wanted) == total(before, name, **wanted) + 4, 30, "the uploads")
        after = samples(scrape(self.proxy))
        self.assertEqual(total(after, "address_upload_bytes_total") - total(before, "address_upload_bytes_total"), 4000)
        self.assertEqual(total(after, "address_state", state="up"), 2)
        self.assertEqual(total(after, "address_state"), 2)
        self.assertEqual(total(after, "state", state="serving"), 1)
        self.assertIn(frozenset({("endpoint", "tokyo"), ("address", "%s:%d" % endpoint.addresses[1][:2])}),
                      after["s3onramp_address_answers_total"])
        self.assertNotIn("s3onramp_client_requests_total", after)

    def more(self, before):
        """total() of what came since @before."""
        after = samples(scrape(self.proxy))
        return lambda name, **labels: total(after, name, **labels) - total(before, name, **labels)

    def test_times_and_errors(self):
        before = samples(scrape(self.proxy))
        self.check(self.proxy.request("legacy", "GET", "/bucket/fault/error/404/NoSuchKey"), 404)
        self.check(self.proxy.request("legacy", "GET", "/bucket/fault/error/418/TeaPot"), 418)
        self.check(self.proxy.request("legacy", "PUT", "/bucket/denied", b"x", key=lib.READER), 403)
        lib.wait_until(lambda: self.more(before)("listener_requests_total") == 3, 30, "three requests")
        more = self.more(before)
        for labels, n in ((dict(method="GET"), 2), (dict(method="PUT"), 1)):
            self.assertEqual(more("listener_request_duration_seconds_count", listener="legacy", **labels), n)
            self.assertEqual(more("listener_request_duration_seconds_bucket", listener="legacy", le="+Inf", **labels), n)
        self.assertEqual(more("listener_first_byte_seconds_count", listener="legacy"), 2)
        self.assertGreater(more("listener_first_byte_seconds_sum"), 0)
        self.assertEqual(more("endpoint_s3_errors_total", endpoint="tokyo", code="NoSuchKey"), 1)
        self.assertEqual(more("endpoint_s3_errors_total", endpoint="tokyo", code="other"), 1)
        self.assertEqual(more("listener_errors_total"), 1)
        self.assertEqual(more("listener_errors_total", listener="legacy", cause="policy_denied", blame="client"), 1)
        self.assertEqual(more("listener_policy_decisions_total", decision="denied"), 1)
        self.assertEqual(more("listener_policy_decisions_total", decision="allowed"), 2)

    def test_queue(self):
        proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "queue",
                          endpoint={"max_connections_per_address": "1"}, server={"workers": "1"})
        self.addCleanup(proxy.stop)
        host = proxy.host("legacy").encode()
        with proxy.connect("legacy") as first, proxy.connect("legacy") as second:
            endpoint.hold()
            first.send(b"GET /bucket/fault/hold/x HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
            lib.wait_until(lambda: total(samples(scrape(proxy)), "address_in_flight") == 1, 30, "the place")
            second.send(b"GET /bucket/nothing HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
            lib.wait_until(lambda: total(samples(scrape(proxy)), "endpoint_queue_requests") == 1, 30, "one that waits")
            endpoint.release()
            self.check(first.read_answer(), 200)
            self.check(second.read_answer(), 404)
        lib.wait_until(lambda: total(samples(scrape(proxy)), "endpoint_queue_seconds_count") == 1, 30, "the wait")
        self.assertGreater(total(samples(scrape(proxy)), "endpoint_queue_seconds_sum"), 0)
        lib.wait_until(lambda: total(samples(scrape(proxy)), "endpoint_queue_requests") == 0, 30, "none that waits")

    def test_what_runs_and_connections(self):
        before = samples(scrape(self.proxy))
        with self.proxy.connect("legacy") as connection:
            endpoint.hold()
            connection.send(b"GET /bucket/fault/hold/x HTTP/1.1\r\nHost: %s\r\n\r\n" % self.proxy.host("legacy").encode())
            lib.wait_until(lambda: self.counted("worker_running", kind="request") == 1, 30, "one that runs")
            lib.wait_until(lambda: self.counted("address_pool_connections", state="in_use") == 1, 30, "its connection")
            endpoint.release()
            self.check(connection.read_answer(), 200)
        lib.wait_until(lambda: self.counted("worker_running") == 0, 30, "none that runs")
        lib.wait_until(lambda: self.counted("address_pool_connections", state="idle") > 0, 30, "the kept connection")
        more = self.more(before)
        self.assertEqual(more("listener_connections_accepted_total", listener="legacy"), 1)
        after = samples(scrape(self.proxy))
        self.assertEqual(total(after, "endpoint_connect_seconds_count"), total(after, "address_connections_total"))
        self.assertGreater(total(after, "worker_buffer_bytes"), 0)
        self.assertGreater(total(after, "process_resident_memory_bytes"), 1000000)

    def test_states(self):
        now, all_of = time.time(), samples(scrape(self.proxy))
        self.assertEqual(total(all_of, "credentials_slots", credentials="default", state="good"), 1)
        self.assertEqual(total(all_of, "credentials_slots"), 1)
        self.assertEqual(total(all_of, "credentials_fetches_total", credentials="default", result="good"), 1)
        self.assertNotIn("s3onramp_credentials_expiry_timestamp_seconds", all_of)
        self.assertGreater(total(all_of, "ca_certificate_expiry_timestamp_seconds"), now)
        self.assertLess(abs(total(all_of, "process_start_time_seconds") - now), 3600)
        self.assertEqual([total(all_of, "config_" + name) for name in ("generation", "reloads_total", "last_reload_successful", "restart_pending",
                                                                       "clients")], [1, 0, 1, 0, 2])
        good = self.proxy.config.read_text()
        self.addCleanup(self.proxy.config.write_text, good)
        self.proxy.config.write_text(good + "[nothing]\n")
        self.assertNotEqual(lib.run(lib.PROGRAM, "reload", "--socket", self.proxy.admin_socket, check=False).returncode, 0)
        all_of = samples(scrape(self.proxy))
        self.assertEqual([total(all_of, "config_" + name) for name in ("generation", "last_reload_successful")], [1, 0])
        self.proxy.config.write_text(good)
        lib.run(lib.PROGRAM, "reload", "-c", self.proxy.config)
        all_of = samples(scrape(self.proxy))
        self.assertEqual([total(all_of, "config_" + name) for name in ("generation", "last_reload_successful")], [2, 1])
        self.assertGreater(total(all_of, "config_last_reload_duration_seconds"), 0)
        self.assertGreaterEqual(total(all_of, "config_last_reload_success_timestamp_seconds"), now)

    def test_handshakes(self):
        before = samples(scrape(self.proxy))
        context, session = ssl.create_default_context(cafile=self.proxy.ca_file), None
        context.check_hostname = False
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # in which the session is there after the handshake
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", self.proxy.ports["tls"])) as sock:
                with context.wrap_socket(sock, server_hostname=lib.S3_NAME, session=session) as tls:
                    session = tls.session
        with socket.create_connection(("127.0.0.1", self.proxy.ports["tls"])) as sock:
            with self.assertRaises(ssl.SSLError):
                ssl.create_default_context().wrap_socket(sock, server_hostname=lib.S3_NAME)  # trusts others

        def results():
            more = self.more(before)
            return {r: more("listener_tls_handshakes_total", listener="tls", result=r) for r in ("full", "resumed", "failed")}
        lib.wait_until(lambda: results() == {"full": 1, "resumed": 1, "failed": 1}, 30, "three handshakes")

    @unittest.skipUnless(shutil.which("promtool"), "promtool (package prometheus) is missing")
    def test_prometheus_own_tool_finds_nothing(self):
        self.check(self.proxy.request("legacy", "GET", "/bucket/fault/error/404/NoSuchKey"), 404)
        result = subprocess.run(["promtool", "check", "metrics"], input=scrape(self.proxy), capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_openmetrics_says_the_same(self):
        lines = scrape(self.proxy, "--openmetrics").splitlines()
        self.assertEqual(lines[-1], "# EOF")
        families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
        self.assertEqual(len(families), len(set(families)))
        for line in lines[:-1]:
            if line.startswith("# UNIT"):
                self.assertTrue(line.split()[2].endswith("_" + line.split()[3]), line)
            if line.startswith("#"):
                family = line.split()[2]
                self.assertFalse(family.endswith("_total"), line)
            else:
                self.assertTrue(line.startswith(family), line)
        plain = samples(scrape(self.proxy))
        self.assertEqual(set(samples("\n".join(lines))), set(plain))
        for text in (scrape(self.proxy), "\n".join(lines)):
            self.assertIn("s3onramp_build_info{version=", text)

    def limit(self, proxy, before, after):
        text = proxy.config.read_text()
        self.assertEqual(text.count("client_metrics = %d" % before), 1)
        proxy.config.write_text(text.replace("client_metrics = %d" % before, "client_metrics = %d" % after))
        lib.run(lib.PROGRAM, "reload", "-c", proxy.config)

    def test_labels_of_clients_are_limited(self):
        keys = {name: ("S3ORN" + name.upper(), "secret-of-" + name) for name in ("carol", "dave")}
        proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "limited", admin={"client_metrics": "3"},
                          extra="".join(lib.Proxy.client(name, key, "allow-all") for name, key in keys.items()))
        self.addCleanup(proxy.stop)
        for key, times in ((lib.ALICE, 1), (lib.READER, 2), (keys["carol"], 3), (keys["dave"], 4)):
            for _ in range(times):
                self.check(proxy.request("legacy", "GET", "/bucket/nothing", key=key), 404)
        self.check(proxy.request("legacy", "GET", "/bucket/o", key=("S3ORNOBODY", "x")), 403)
        name, wanted = "s3onramp_client_requests_total", {"alice": 1, "reader": 2, "carol": 3, "(other)": 4, "": 1}

        def counted():
            return {dict(l)["client"]: n for l, n in samples(scrape(proxy)).get(name, {}).items()}
        lib.wait_until(lambda: counted() == wanted, 30, "the requests of four clients")
        self.limit(proxy, 3, 0)
        self.assertEqual(counted(), {})
        self.limit(proxy, 0, 9)
        self.assertEqual(counted(), {"alice": 1, "reader": 2, "carol": 3, "dave": 4, "": 1})


    def test_traffic_is_told_apart_up_to_a_limit(self):
        """A combination keeps its series, whatever comes after it; the sum of all is what there was."""
        proxy = lib.Proxy(["a=127.0.0.1:%d" % endpoint.addresses[0][1]], "traffic", admin={"traffic_metrics": "2"},
                          endpoint={"max_connections_per_address": "7"}, server={"workers": "2"})
        self.addCleanup(proxy.stop)
        sent = [("red", lib.ALICE, 100), ("red", lib.ALICE, 11), ("blue", lib.ALICE, 20), ("green", lib.ALICE, 3), ("gold", lib.ALICE, 4),
                ("red", lib.ALICE, 5)]
        for bucket, key, n in sent:
            self.check(proxy.request("legacy", "PUT", "/%s/o" % bucket, b"x" * n, key=key), 200)
            scrape(proxy)
        name, wanted = "s3onramp_traffic_bytes_total", {("alice", "red"): 116, ("alice", "blue"): 20, ("(other)", "(other)"): 7}

        def counted():
            series = samples(scrape(proxy)).get(name, {}).items()
            uploads = [(dict(labels), n) for labels, n in series if dict(labels)["direction"] == "upload"]
            self.assertEqual({(l["endpoint"], l["zone"]) for l, _ in uploads} - {("tokyo", "a")}, set())
            return {(l["client"], l["bucket"]): n for l, n in uploads if n}
        lib.wait_until(lambda: counted() == wanted, 30, "the uploads")
        self.assertEqual(total(samples(scrape(proxy)), "endpoint_address_connections_max", endpoint="tokyo"), 7)

    def test_ends_of_clients(self):
        def day(n):
            return time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + n * 86400))
        clients = (("soon", dict(expires=day(5))), ("pair", dict(not_after=day(20))), ("over", dict(expires=day(-2))),
                   ("never", {}), ("late", dict(expires=day(100))))
        proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], "ends", admin={"client_metrics": "20"},
                          extra="".join(lib.section("client " + name, access_key_id="S3ORK" + name.upper(), secret_access_key="x" * 40,
                                                    policy="allow-all", **options) for name, options in clients))
        self.addCleanup(proxy.stop)
        ends = {dict(l)["client"]: n for l, n in samples(scrape(proxy))["s3onramp_client_expiry_timestamp_seconds"].items()}
        self.assertEqual(ends.keys(), {"soon", "pair", "late"})
        self.assertLess(abs(ends["soon"] - time.time() - 5 * 86400), 2 * 86400)
        within = {dict(l)["within"]: n for l, n in samples(scrape(proxy))["s3onramp_clients_ending"].items()}
        self.assertEqual(within, {"1d": 0, "7d": 1, "30d": 2})


class Numbers(lib.Case):
    """Metrics, access lines and what the endpoint saw are the same numbers."""
    requests, threads = 400, 4

    def setUp(self):
        self.endpoint = lib.start_endpoint()
        self.proxy = lib.Proxy(["127.0.0.1:%d" % self.endpoint.addresses[0][1]], "numbers", server={"workers": "2"},
                               admin={"client_metrics": "10", "traffic_metrics": "100"})
        self.addCleanup(self.endpoint.close)
        self.addCleanup(self.proxy.stop)

    KINDS = (("PUT", "/bucket/n%d", b"x" * 1000, lib.ALICE), ("GET", "/bucket/kept", b"", lib.ALICE),
             ("GET", "/bucket/kept", b"", lib.READER), ("HEAD", "/bucket/kept", b"", lib.ALICE),
             ("GET", "/bucket/none", b"", lib.READER), ("HEAD", "/bucket/none", b"", lib.ALICE),
             ("DELETE", "/bucket/n%d", b"", lib.ALICE), ("PUT", "/bucket/denied", b"y" * 10, lib.READER),
             ("GET", "/bucket/kept", b"", ("S3ORNOBODY", "x")), ("GET", "/bucket/fault/error/503/SlowDown", b"", lib.ALICE),
             ("GET", "/bucket/fault/error/403/AccessDenied", b"", lib.ALICE), ("GET", "/bucket/fault/error/418/TeaPot", b"", lib.ALICE),
             ("GET", "/bucket/fault/flaky/500/n%d", b"", lib.ALICE), ("PUT", "/bucket/fault/flaky/500/n%d", b"z" * 70, lib.ALICE),
             ("GET", "/bucket/fault/bad/not-http", b"", lib.ALICE), ("GET", "/bucket/fault/bad/empty", b"", lib.ALICE),
             ("GET", "/bucket/fault/own-key/ExpiredToken", b"", lib.READER), ("GET", "/bucket/big/300000", b"", None),
             ("OPTIONS", "/bucket/kept", b"", None), ("GET", "/?list", b"", lib.ALICE))

    def ask(self, chance, number):
        """One of the kinds; some callers go away in the middle."""
        method, target, body, key = chance.choice(self.KINDS)
        target = target % number if "%d" in target else target
        with self.proxy.connect("legacy") as connection:
            if target.startswith("/bucket/big/") and chance.random() < 0.5:
                # More than all kernels on the way keep.
                connection.send(b"GET /bucket/big/40000000 HTTP/1.1\r\nHost: %s\r\n\r\n" % self.proxy.host("legacy").encode())
                connection.sock.recv(1000)
                return
            self.proxy.request("legacy", method, target, body, key=key, connection=connection)

    def run_some(self, first, n):
        def run(thread):
            chance = random.Random(first + thread)
            for i in range(first + thread, first + n, self.threads):
                self.ask(chance, i)
        threads = [threading.Thread(target=run, args=(t,)) for t in range(self.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def lines(self):
        other = self.proxy.folder / "other.log"
        more = [json.loads(line) for line in other.read_text().splitlines()] if other.exists() else []
        return self.proxy.access_lines() + more

    def by(self, all_of, name, *labels):
        """{values of these labels: sum} without zeros."""
        sums = collections.Counter()
        for pairs, value in all_of.get("s3onramp_" + name, {}).items():
            sums[tuple(dict(pairs).get(label, "") for label in labels)] += int(value)
        return +sums

    def compare(self, all_of, lines):
        counted = functools.partial(self.by, all_of)
        tell = lambda values: +collections.Counter(values)  # noqa: E731
        self.assertEqual(counted("listener_requests_total", "operation", "status"),
                         tell((x["operation"] or "none", "%dxx" % (x["status"] // 100) if x["status"] else "none") for x in lines))
        self.assertEqual(counted("listener_request_duration_seconds_count", "method"), tell((x["method"],) for x in lines))
        self.assertEqual(counted("listener_errors_total", "cause"), tell((x["end"],) for x in lines if x["end"] != "ok"))
        self.assertEqual(counted("listener_policy_decisions_total", "decision"), tell((x["decision"],) for x in lines if "decision" in x))
        self.assertEqual(counted("client_requests_total", "client"), tell((x["client"] or x["user"],) for x in lines))
        for way, field in (("upload", "bytes_in"), ("download", "bytes_out")):
            sums = collections.Counter()
            for x in lines:
                sums[(x["client"] or x["user"],)] += x[field]
            self.assertEqual(counted("client_%s_bytes_total" % way, "client"), +sums)
            self.assertEqual(sum(counted("listener_%s_bytes_total" % way, "listener").values()), sum(sums.values()))
        self.assertEqual(counted("endpoint_retries_total", "reason"),
                         tell((reason,) for x in lines for reason in x["retry_reasons"].split(",") if reason))
        known = ("NoSuchKey", "SlowDown", "AccessDenied", "ExpiredToken")
        self.assertEqual(counted("endpoint_s3_errors_total", "code"), tell(
            (x["s3_error"] if x["s3_error"] in known else "other" if x["s3_error"] else "none",) for x in lines
            if x["s3_request_id"] and (x["status"] >= 400)))
        self.assertEqual(counted("log_lines_total", "log", "result")[("access", "written")], len(lines))

    def compare_with_endpoint(self, all_of, lines):
        seen = self.endpoint.requests
        self.assertEqual(self.endpoint.refused(), [])
        self.assertEqual(sum(x["attempts"] for x in lines), len(seen))
        answered = [r for r in seen if r.get("status")]
        self.assertEqual(total(all_of, "address_answers_total"), len(answered))
        self.assertEqual(total(all_of, "listener_first_byte_seconds_count"), sum(bool(x["s3_request_id"]) for x in lines))
        self.assertEqual(total(all_of, "address_upload_bytes_total"), sum(r["body_bytes"] for r in seen))

    def compare_traffic(self, all_of, lines):
        """Of requests that failed, too; what was sent again is an address's twice, and its caller's once."""
        for way, field in (("upload", "bytes_in"), ("download", "bytes_out")):
            of_callers, again = total(all_of, "traffic_bytes_total", direction=way), 70 if way == "upload" else 0
            tries = sum(x["attempts"] - 1 for x in lines if x["operation"] == "PutObject" and x["retry_reasons"])
            self.assertEqual(total(all_of, "address_%s_bytes_total" % way), of_callers + again * tries)
            self.assertEqual(of_callers, sum(x[field] for x in lines if x["attempts"]))

    def test_numbers_agree(self):
        self.check(self.proxy.request("legacy", "PUT", "/bucket/kept", b"k" * 5000), 200)
        half = self.requests // 2
        self.run_some(0, half)
        text = self.proxy.config.read_text()
        begin = text.index("[client reader]")
        text = text[:begin] + text[text.index("[", begin + 1):]
        self.proxy.config.write_text(text.replace(str(self.proxy.access_file), str(self.proxy.folder / "other.log")))
        lib.run(lib.PROGRAM, "reload", "-c", self.proxy.config)  # what was counted for who is gone stays
        self.run_some(half, self.requests - half)
        lib.wait_until(lambda: len(self.lines()) == self.requests + 1, 30, "an access line of each request")
        lines = self.lines()
        lib.wait_until(lambda: total(samples(scrape(self.proxy)), "listener_requests_total") == len(lines), 30, "all of them counted")
        all_of = samples(scrape(self.proxy))
        self.compare(all_of, lines)
        self.compare_with_endpoint(all_of, lines)
        self.compare_traffic(all_of, lines)
        self.assertGreater(self.by(all_of, "listener_errors_total", "cause")[("client_gone",)], 0)
        self.assertEqual(self.by(all_of, "config_reloads_total", "result"), {("taken",): 1})


if __name__ == "__main__":
    lib.main()
