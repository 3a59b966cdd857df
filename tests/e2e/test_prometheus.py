# SPDX-License-Identifier: Apache-2.0
"""conf/prometheus and conf/grafana before a real Prometheus: every query of rules and dashboard has an answer after traffic with
faults, every alert fires and falls silent again on made-up series, and many by breaking what they watch."""
import atexit
import concurrent.futures
import contextlib
import datetime
import http.client
import itertools
import json
import math
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest
import urllib.parse

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import lib

RULES = lib.ROOT / "conf" / "prometheus"
DASHBOARD = json.loads((lib.ROOT / "conf" / "grafana" / "s3onramp.json").read_text())
WINDOW = "6s"  # in place of the minutes that rules and dashboard look back
NOBODY = ("S3ORNOBODY", "x")
CAROL, TEMP = ("S3ORCAROL", "secret-of-carol"), ("S3ORTEMP", "secret-of-temp")


def rules(name):
    return [rule for group in yaml.safe_load((RULES / name).read_text())["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules("s3onramp.rules.yml")}


def promtool(*words):
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True)


def in_seconds(text):
    """It looks back for seconds, not minutes."""
    return re.sub(r"\[\d+m\]", "[%s]" % WINDOW, text)


def unfiltered(query):
    """Comparisons say 0 or 1 instead of leaving series out."""
    return re.sub(r" (==|!=|<=|>=|<|>) (?=[0-9])", r" \1 bool ", in_seconds(query))


# ------------------------------------------------------------------- files alone

REQUESTS = ('s3onramp_listener_requests_total{listener="l"}', "0+60x140")


def counter(bad, good=0):
    """Values of a minute each: it grows by bad for an hour and a half, by good for forty minutes."""
    return "0+%dx90 %d+%dx50" % (bad, bad * 90, good)


def gauge(bad, good):
    return "%d+0x90 %d+0x50" % (bad, good)


def labelled(name, **labels):
    return "s3onramp_%s{%s}" % (name, ", ".join('%s="%s"' % pair for pair in labels.items()))


def errors(blame, cause):
    return [REQUESTS, (labelled("listener_errors_total", listener="l", blame=blame, cause=cause), counter(30))]


def answers(name, values, **labels):
    return [REQUESTS, (labelled("address_answers_total", endpoint="e", address="a"), "0+60x140"),
            (labelled(name, endpoint="e", **labels), values)]


def histogram(name, **labels):
    """All take longer than 5 s, then less than 1 ms."""
    return [(labelled(name + "_bucket", le="0.001", **labels), counter(0, 60)),
            (labelled(name + "_bucket", le="5", **labels), counter(0, 60)),
            (labelled(name + "_bucket", le="10", **labels), counter(60, 60)),
            (labelled(name + "_bucket", le="+Inf", **labels), counter(60, 60))]


ADDRESS = dict(endpoint="e", address="a", zone="z")
KEYS = dict(credentials="c")
NEVER = 10 ** 9
# What an alert watches: series that make it fire, then fall silent.
WATCHED = {
    "S3onrampDown": [("up", gauge(0, 1))],
    "S3onrampRestarts": [(labelled("process_start_time_seconds"), counter(1))],
    "S3onrampLeaving": [(labelled("state", state="serving"), gauge(0, 1))],
    "S3onrampLoopLag": [(labelled("worker_loop_lag_seconds_total", worker="0"), counter(120)),
                        (labelled("worker_loop_ticks_total", worker="0"), counter(240, 240))],
    "S3onrampConnectionsNearMax": [(labelled("connections"), gauge(90, 10)), (labelled("connections_max"), gauge(100, 100))],
    "S3onrampConnectionsRefused": [(labelled("connections_refused_total", reason="max_connections"), counter(1))],
    "S3onrampEndpointDown": [(labelled("address_state", state="down", **ADDRESS), gauge(1, 0)),
                             (labelled("address_barred", **ADDRESS), gauge(0, 0))],
    "S3onrampAddressDown": [(labelled("address_state", state="down", **ADDRESS), gauge(1, 0))],
    "S3onrampAddressBarred": [(labelled("address_barred", **ADDRESS), gauge(1, 0))],
    "S3onrampEndpointNames": [(labelled("endpoint_dns_state", endpoint="e", state="dns-public"), gauge(1, 0)),
                              (labelled("endpoint_dns_state", endpoint="e", state="good"), gauge(0, 1))],
    "S3onrampNetworkErrors": errors("endpoint", "up_connect"),
    "S3onrampConnectSlow": histogram("endpoint_connect_seconds", endpoint="e"),
    "S3onrampAwsErrors": answers("endpoint_s3_errors_total", counter(30), code="SlowDown"),
    "S3onrampReadsSlow": histogram("listener_first_byte_seconds", listener="l", method="GET"),
    "S3onrampOwnErrors": errors("configuration", "no_credentials"),
    "S3onrampCredentialsGone": [(labelled("credentials_slots", state="expired", **KEYS), gauge(1, 0))],
    "S3onrampCredentialsNotRenewed": [(labelled("credentials_slots", state="stale", **KEYS), gauge(1, 0))],
    "S3onrampCredentialsEndSoon": [(labelled("credentials_slots", state="stale", **KEYS), gauge(1, 0)),
                                   (labelled("credentials_expiry_timestamp_seconds", **KEYS), gauge(5300, NEVER))],
    "S3onrampQueueWaits": answers("endpoint_queued_total", counter(30)),
    "S3onrampQueueRefuses": [(labelled("endpoint_queue_full_total", endpoint="e"), counter(0)),
                             (labelled("endpoint_queue_expired_total", endpoint="e"), counter(1))],
    "S3onrampLimitsRefuse": errors("client", "limit"),
    "S3onrampClientErrors": errors("client", "unknown_key"),
    "S3onrampCertificateEndsSoon": [(labelled("certificate_expiry_timestamp_seconds", listener="l"), gauge(86400, NEVER))],
    "S3onrampCrlEndsSoon": [(labelled("client_crl_expiry_timestamp_seconds", listener="l"), gauge(3600, NEVER))],
    "S3onrampClientsEndSoon": [(labelled("clients_ending", within="7d"), gauge(3, 0))],
    "S3onrampCaEndsSoon": [(labelled("ca_certificate_expiry_timestamp_seconds"), gauge(86400, NEVER))],
    "S3onrampLogLinesLost": [(labelled("log_lines_total", log="audit", result="lost"), counter(1))],
    "S3onrampReloadRefused": [(labelled("config_last_reload_successful"), gauge(0, 1))],
    "S3onrampRestartNeeded": [(labelled("config_restart_pending"), gauge(2, 0))],
}


def of_target(series):
    name, _, rest = series.partition("{")
    return '%s{job="s3onramp", instance="i", %s' % (name, rest or "}")


def rule_test(alert, series):
    """It fires at the end of the bad time, alone or with others, and none does forty minutes later."""
    count = 'count(ALERTS{alertname="%s", alertstate="firing"})' % alert
    return {"interval": "1m", "input_series": [{"series": of_target(s), "values": values} for s, values in series],
            "promql_expr_test": [{"expr": count, "eval_time": "85m", "exp_samples": [{"labels": "{}", "value": 1}]},
                                 {"expr": 'ALERTS{alertstate="firing"}', "eval_time": "130m", "exp_samples": []}]}


@unittest.skipUnless(shutil.which("promtool"), "promtool (package prometheus) is missing")
class Files(unittest.TestCase):
    maxDiff = None

    def test_promtool_finds_nothing(self):
        for words in (("check", "rules", "--lint=all", "--lint-fatal", *sorted(RULES.glob("*.rules.yml"))),
                      ("check", "config", RULES / "prometheus.yml")):
            done = promtool(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def test_each_alert_fires_and_falls_silent(self):
        self.assertEqual(set(WATCHED), set(ALERTS))
        file = lib.WORK / "alerts.test.yml"
        file.write_text(json.dumps({"rule_files": [str(f) for f in sorted(RULES.glob("*.rules.yml"))], "evaluation_interval": "5m",
                                    "tests": [rule_test(*item) for item in WATCHED.items()]}))
        done = promtool("test", "rules", file)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_tells_the_next_step(self):
        commands = set(re.findall(r"(?m)^  s3onramp (\w+)", lib.run(lib.PROGRAM, "help").stdout))
        for name, rule in ALERTS.items():
            self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"), name)
            self.assertLessEqual({"summary", "description"}, set(rule["annotations"]), name)
            for command in re.findall(r"`s3onramp (\w+)", " ".join(rule["annotations"].values())):
                self.assertIn(command, commands, name)

    def test_the_dashboard_chooses_by_variables(self):
        names = [v["name"] for v in DASHBOARD["templating"]["list"]]
        self.assertEqual(names, ["datasource", "job", "instance", "listener", "endpoint"])
        self.assertEqual(len({p["id"] for p in DASHBOARD["panels"]}), len(DASHBOARD["panels"]))
        for panel in DASHBOARD["panels"]:
            if panel["type"] == "row":
                continue
            self.assertEqual(panel["datasource"]["uid"], "${datasource}", panel["title"])
            for target in panel["targets"]:
                self.assertEqual(target["datasource"]["uid"], "${datasource}", panel["title"])
                if "s3onramp_" in target["expr"]:
                    self.assertIn('job=~"$job", instance=~"$instance"', target["expr"], panel["title"])


# ------------------------------------------------------------------- a live Prometheus

class Prometheus:
    """Watches what is at @target of 127.0.0.1 by the rules of conf/, but at once: each second, by a window of seconds."""

    def __init__(self, target):
        self.folder = lib.WORK / "prometheus"
        self.folder.mkdir()
        for file in RULES.glob("*.rules.yml"):
            text = re.sub(r"(?m)^( +for: ).*", r"\g<1>0s", file.read_text())
            (self.folder / file.name).write_text(in_seconds(text))
        config = yaml.safe_load((RULES / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["scrape_configs"][0]["static_configs"][0]["targets"] = ["127.0.0.1:%d" % target]
        (self.folder / "prometheus.yml").write_text(json.dumps(config))
        self.port = lib.free_port()
        self.process = subprocess.Popen(
            ["prometheus", "--config.file", "prometheus.yml", "--storage.tsdb.path", "data", "--log.level", "warn",
             "--web.listen-address", "127.0.0.1:%d" % self.port], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=(self.folder / "log").open("wb"), stderr=subprocess.STDOUT, env=lib.clean_environment())
        atexit.register(self.process.kill)

    def ask(self, path, **query):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/api/v1/%s?%s" % (path, urllib.parse.urlencode(query)))
            response = connection.getresponse()
            if response.status == 503:
                raise ConnectionError("it is still starting")
            answer = json.loads(response.read())
        finally:
            connection.close()
        if answer["status"] != "success":
            raise AssertionError("%s: %s" % (query, answer["error"]))
        return answer["data"]

    def samples(self, query):
        """[(labels, value)] of an instant query, without those that are no number."""
        data = self.ask("query", query=query)["result"]
        return [(s["metric"], float(s["value"][1])) for s in data if not math.isnan(float(s["value"][1]))]

    def firing(self):
        return {a["labels"]["alertname"]: a for a in self.ask("alerts")["alerts"] if a["state"] == "firing"}

    def is_scraping(self):
        if self.process.poll() is not None:
            raise AssertionError("Prometheus ended: " + (self.folder / "log").read_text())
        try:
            return [t["health"] for t in self.ask("targets")["activeTargets"]] == ["up"]
        except OSError:
            return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Traffic(threading.Thread):
    """Batches of requests at once, until it is stopped."""

    WAIT, N = "/bucket/fault/wait/0.1", "/bucket/n%d"
    NOISE = ([("narrow", "GET", WAIT, b"", None)] * 3 + [("plain", "GET", WAIT, b"", CAROL)] * 3 +
             [("legacy", "GET", WAIT, b"", lib.ALICE)] * 6 + [("legacy", "GET", N, b"", NOBODY)] * 12 +
             [("legacy", "GET", "/bucket/fault/error/503/SlowDown", b"", lib.ALICE)] * 2 +
             [("legacy", "GET", "/bucket/fault/flaky/500/n%d", b"", lib.ALICE), ("legacy", "HEAD", N, b"", lib.ALICE),
              ("legacy", "GET", "/bucket/fault/own-key/ExpiredToken", b"", lib.ALICE),
              ("legacy", "GET", "/bucket/fault/bad/not-http", b"", lib.ALICE), ("legacy", "DELETE", N, b"", lib.ALICE),
              ("legacy", "PUT", N, b"x" * 1000, lib.ALICE), ("tls", "PUT", N, b"x" * 1000, lib.ALICE),
              ("legacy", "GET", N, b"", lib.ALICE), ("plain", "PUT", "/bucket/denied", b"x", lib.READER),
              ("plain", "GET", N, b"", TEMP)])

    def __init__(self, proxy):
        super().__init__(daemon=True)
        self.proxy, self.over, self.numbers, self.failure = proxy, threading.Event(), itertools.count(), None

    def one(self, kind):
        listener, method, target, body, key = kind
        self.proxy.request(listener, method, target.replace("%d", str(next(self.numbers))), body, key=key)

    def run(self):
        try:
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                while not self.over.is_set():
                    list(pool.map(self.one, self.NOISE))
        except Exception as e:  # pylint: disable=broad-except
            self.failure = e

    def stop(self):
        self.over.set()
        self.join()
        if self.failure:
            raise self.failure


def queries():
    """(where it stands, the query as it is asked here)"""
    for rule in rules("recording.rules.yml"):
        yield rule["record"], rule["record"]
    for name, rule in ALERTS.items():
        yield name, unfiltered(rule["expr"])
    for item in DASHBOARD["annotations"]["list"]:
        yield "annotation " + item["name"], in_dashboard(item["expr"])
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], in_dashboard(target["expr"])
    for variable in DASHBOARD["templating"]["list"][1:]:
        series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
        yield "variable " + variable["name"], in_dashboard('count by (%s) (%s)' % (label, series)) + ' > 0'


def in_dashboard(query):
    return unfiltered(re.sub(r"\$(job|instance|listener|endpoint)\b", ".*", query.replace("$__rate_interval", WINDOW)))


def write_revocation_list(path):
    """Of nobody, by the authority of the tests."""
    folder = lib.certificates()
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    now = datetime.datetime.now(datetime.timezone.utc)
    crl = x509.CertificateRevocationListBuilder().issuer_name(authority.subject).last_update(now)
    crl = crl.next_update(now + datetime.timedelta(days=7)).sign(key, hashes.SHA256())
    path.write_bytes(crl.public_bytes(serialization.Encoding.PEM))
    return path


def write_program(name, text):
    path = lib.WORK / name
    path.write_text("#!/bin/sh\n%s\n" % text)
    path.chmod(0o700)
    return path


def write_keys_program(name, lifetime):
    """Hands out keys that end after lifetime (of date -d)."""
    keys = '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s", "Expiration": "%%s"}' % lib.UPSTREAM_KEY
    return write_program(name, "printf '%s' \"$(date -u -d '+%s' +%%Y-%%m-%%dT%%H:%%M:%%SZ)\"" % (keys, lifetime))


@unittest.skipUnless(shutil.which("prometheus"), "prometheus is missing")
class Live(lib.Case):
    @classmethod
    def setUpClass(cls):
        cls.endpoints = [lib.start_endpoint(addresses=[(host, lib.free_port(host))]) for host in ("127.0.0.1", "127.0.0.2")]
        folder, admin = lib.certificates(), lib.free_port()
        cls.proxy = lib.Proxy(
            ["%s=%s:%d" % (zone, *e.addresses[0][:2]) for zone, e in zip(("a", "c"), cls.endpoints)],
            server={"workers": 2, "max_connections": 120, "max_connections_per_source": 55},
            admin={"listen": "127.0.0.1:%d" % admin, "client_metrics": 20},
            endpoint={"probe": "tcp", "probe_interval": "200ms", "fall": 1, "max_connections_per_address": 2, "line": "uplink"},
            listeners={"narrow": dict(mode="endpoint", anonymous="alice", max_requests=1),
                       "own": dict(mode="endpoint", tls="on", certificate=folder / "endpoint.pem",
                                   private_key=folder / "endpoint.key", client_certificates="optional", client_ca=folder / "ca.pem",
                                   client_crl=write_revocation_list(lib.WORK / "lists.pem"))},
            extra=lib.section("group team", max_requests=1) + lib.section("line uplink", bandwidth="100MB") +
            lib.section("credentials ending", source="process", command=write_keys_program("keys", "1 hour")) +
            lib.section("client carol", access_key_id=CAROL[0], secret_access_key=CAROL[1], policy="allow-all", groups="team") +
            lib.section("client temp", access_key_id=TEMP[0], secret_access_key=TEMP[1], policy="allow-all", credentials="ending"))
        cls.good = cls.proxy.config.read_text()
        cls.prometheus = Prometheus(admin)
        lib.wait_until(cls.prometheus.is_scraping, 30, "the first scrape")

    @classmethod
    def tearDownClass(cls):
        cls.prometheus.stop()
        cls.proxy.stop()
        for e in cls.endpoints:
            e.close()

    def wait_firing(self, *names, meanwhile=lambda: None):
        def look():
            meanwhile()
            fire = self.prometheus.firing()
            return all(name in fire for name in names)
        lib.wait_until(look, 30, "alerts %s" % (names,))
        for name in names:
            for text in self.prometheus.firing().get(name, {}).get("annotations", {}).values():
                self.assertNotRegex(text, "no value|error expanding")

    def wait_silent(self):
        lib.wait_until(lambda: not self.prometheus.firing(), 60, "silence")

    def reload(self, text):
        self.proxy.config.write_text(text)
        return lib.run(lib.PROGRAM, "reload", "--socket", self.proxy.admin_socket, check=False).returncode

    def test_1_every_query_has_an_answer_and_faults_are_told(self):
        traffic, left, labels = Traffic(self.proxy), list(queries()), {}
        traffic.start()
        try:
            def look():
                for key in list(left):
                    if samples := self.prometheus.samples(key[1]):
                        labels[key[0]] = set(samples[0][0])
                        left.remove(key)
                return not left
            try:
                lib.wait_until(look, 30, "an answer to each query")
            except AssertionError:
                self.fail("without an answer:\n" + "\n".join("%s: %s" % key for key in left))
            self.check_labels_of_texts(labels)
            self.wait_firing("S3onrampNetworkErrors", "S3onrampAwsErrors", "S3onrampOwnErrors", "S3onrampQueueWaits",
                             "S3onrampLimitsRefuse", "S3onrampClientErrors")
        finally:
            traffic.stop()
        self.wait_silent()

    def check_labels_of_texts(self, labels):
        for name, rule in ALERTS.items():
            used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
            self.assertLessEqual(used, labels[name], name)

    def test_2_the_proxy_does_not_answer(self):
        self.proxy.process.send_signal(signal.SIGSTOP)
        try:
            self.wait_firing("S3onrampDown")
        finally:
            self.proxy.process.send_signal(signal.SIGCONT)
        self.wait_silent()

    def test_3_addresses_are_down(self):
        addresses = [e.addresses[0][:2] for e in self.endpoints]
        try:
            self.endpoints[1].close()
            self.wait_firing("S3onrampAddressDown")
            self.assertNotIn("S3onrampEndpointDown", self.prometheus.firing())
            self.endpoints[0].close()
            self.wait_firing("S3onrampAddressDown", "S3onrampEndpointDown")
        finally:
            for i, address in enumerate(addresses):
                self.endpoints[i].close()
                self.endpoints[i] = lib.start_endpoint(addresses=[address])
        self.wait_silent()

    def test_4_connections_and_the_configuration(self):
        def connect(source):
            return socket.create_connection(self.proxy.address("legacy"), 30, (source, 0))
        with contextlib.ExitStack() as stack:
            for i in range(110):
                stack.enter_context(connect("127.0.0.%d" % (3 + i % 2)))
            self.wait_firing("S3onrampConnectionsNearMax")
            self.wait_firing("S3onrampConnectionsRefused", meanwhile=lambda: connect("127.0.0.3").close())
        try:
            self.assertNotEqual(self.reload(self.good + "[nothing]\n"), 0)
            self.wait_firing("S3onrampReloadRefused")
            self.assertEqual(self.reload(self.good.replace("workers = 2", "workers = 1")), 0)
            self.wait_firing("S3onrampRestartNeeded")
        finally:
            self.assertEqual(self.reload(self.good), 0)
        self.wait_silent()

    def take_keys_of(self, program):
        command = "command = %s" % (lib.WORK / "keys")
        self.assertIn(command, self.good)
        self.assertEqual(self.reload(self.good.replace(command, "command = %s" % program)), 0)

    def ends_in(self):
        return self.prometheus.samples('s3onramp_credentials_expiry_timestamp_seconds{credentials="ending"} - time()')[0][1]

    def test_5_keys(self):
        fails = write_program("fails", "exit 1")
        try:
            self.take_keys_of(write_keys_program("short", "250 seconds"))
            lib.wait_until(lambda: self.ends_in() < 260, 30, "the short keys")
            self.take_keys_of(fails)
            self.wait_firing("S3onrampCredentialsNotRenewed", "S3onrampCredentialsEndSoon")
            absent = lib.section("credentials absent", source="process", command=fails)
            self.assertEqual(self.reload(self.good.replace("credentials = ending", "credentials = absent") + absent), 0)
            self.wait_firing("S3onrampCredentialsGone")
        finally:
            self.assertEqual(self.reload(self.good), 0)
        self.wait_silent()


if __name__ == "__main__":
    lib.main()
