# SPDX-License-Identifier: Apache-2.0
"""What goes to S3, by who called, bucket and zone."""
import json
import unittest

import lib
from endpoint import big_block
from test_status import ask

MIB = 1 << 20


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint(addresses=[("127.0.0.1", 0), ("127.0.0.2", 0)])
    lib.Case.proxy = lib.Proxy(["a=%s:%d" % endpoint.addresses[0][:2], "c=%s:%d" % endpoint.addresses[1][:2]])


def tearDownModule():
    lib.Case.proxy.stop()
    endpoint.close()


def traffic(by="client,bucket"):
    """The counters, by the values of the first two of `by`."""
    rows = json.loads(ask(json.dumps({"command": "traffic", "by": by}).encode() + b"\n"))["rows"]
    names = by.split(",")
    return {tuple(row[n] for n in names): row for row in rows}


def without_zeros(row):
    return {k: v for k, v in row.items() if isinstance(v, int) and v}


class Traffic(lib.Case):
    def put_and_get(self, bucket, listener="legacy", **options):
        self.check(self.proxy.request(listener, "PUT", "/%s/o" % bucket, b"x" * 1000, **options), 200)
        self.check(self.proxy.request(listener, "GET", "/%s/o" % bucket, **options), 200)

    def test_what_is_counted_by_client_and_bucket(self):
        for _ in range(3):
            self.put_and_get("red")
        self.put_and_get("blue", "plain")
        self.check(self.proxy.request("plain", "GET", "/red/o", key=lib.READER), 200)
        self.check(self.proxy.request("plain", "PUT", "/red/o", b"x", key=lib.READER), 403)  # it never gets to S3
        self.check(self.proxy.request("legacy", "DELETE", "/red/o"), 204)
        self.check(self.proxy.request("legacy", "GET", "/red/fault/error/503/SlowDown"), 503)

        def counted():
            now = traffic()
            return {key: without_zeros(now.get(key, {})) for key in (("alice", "red"), ("alice", "blue"), ("reader", "red"))}
        wanted = {("alice", "blue"): dict(bytes_in=1000, bytes_out=1000, put=1, get=1), ("reader", "red"): dict(bytes_out=1000, get=1)}
        lib.wait_until(lambda: counted()[("alice", "red")].get("free", 0) >= 2, 30, "all requests")
        now = counted()
        document = now[("alice", "red")].pop("bytes_out") - 3000
        self.assertTrue(0 < document < 20000, "the documents of errors count, too")
        self.assertEqual(now[("alice", "red")], dict(bytes_in=3000, put=3, get=3, free=now[("alice", "red")]["free"]))
        self.assertEqual({k: now[k] for k in wanted}, wanted)
        zones = traffic("address,zone")
        self.assertEqual({zone for _, zone in zones}, {"a", "c"})
        self.assertEqual(sum(row["bytes_in"] for row in zones.values()), sum(row["bytes_in"] for row in traffic().values()))

    def test_bucket_that_is_not_there_gets_no_row(self):
        before = traffic("client").get(("alice",), {"get": 0})["get"]
        for i in range(5):
            self.check(self.proxy.request("legacy", "GET", "/nowhere-%d/fault/error/404/NoSuchBucket" % i), 404)
        lib.wait_until(lambda: traffic("client")[("alice",)]["get"] >= before + 5, 30, "the requests")
        self.assertFalse([b for _, b in traffic() if b.startswith("nowhere")])
        self.assertGreaterEqual(traffic()[("alice", "")]["get"], 5)

    def test_transfer_is_seen_before_it_ends(self):
        with self.proxy.connect("legacy") as connection:
            connection.send(b"PUT /long/big/%d HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n"
                            % (8 * MIB, self.proxy.host("legacy").encode(), 8 * MIB))
            blocks = [bytes(big_block(i)) for i in range(8)]
            for block in blocks[:4]:
                connection.send(block)
            lib.wait_until(lambda: traffic().get(("alice", "long"), {"bytes_in": 0})["bytes_in"] >= 2 * MIB, 30, "half of it")
            for block in blocks[4:]:
                connection.send(block)
            self.check(connection.read_answer(), 200)
        lib.wait_until(lambda: without_zeros(traffic()[("alice", "long")]) == dict(bytes_in=8 * MIB, put=1), 30, "all of it")

    def test_words_that_are_no_columns(self):
        answer = json.loads(ask(b'{"command": "traffic", "by": "client,colour"}\n'))
        self.assertEqual(answer["error"], "`by` is a list of: client, bucket, zone, address")


if __name__ == "__main__":
    lib.main()
