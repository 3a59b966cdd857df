# SPDX-License-Identifier: Apache-2.0
"""What policies change on the way: the list of buckets is shown without those that its reader may not list, however the
endpoint sends it, and nothing of a list that cannot be read."""

import lib
import s3raw

TEAM = ("AKIALOCALTEAM0000001", "teamSecret/teamSecret+teamSecret00123456")
BUCKET = b"<Bucket><Name>%s</Name><CreationDate>2024-01-01T00:00:00.000Z</CreationDate></Bucket>"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n"


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    lib.Case.proxy = lib.Proxy(["127.0.0.1:%d" % endpoint.addresses[0][1]], extra=(
        lib.section("client team", access_key_id=TEAM[0], secret_access_key=TEAM[1], policy="team") +
        lib.section("policy team", access="read-write", buckets="team-*", list_buckets="yes")))


def tearDownModule():
    lib.Case.proxy.stop()
    assert endpoint.refused() == [], endpoint.refused()
    endpoint.close()


def document(*names, more=b""):
    return (b'<?xml version="1.0" encoding="UTF-8"?>\n<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            b"<Owner><ID>1</ID></Owner><Buckets>%s</Buckets>%s</ListAllMyBucketsResult>"
            % (b"".join(BUCKET % name for name in names), more))


class Lists(lib.Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, endpoint, "service_answer", None)

    def list(self, *pieces, key=TEAM, target="/", headers=()):
        endpoint.service_answer = list(pieces)
        return self.proxy.request("plain", "GET", target, key=key, headers=headers)

    def ways(self, xml):
        """The same document in each framing."""
        length = OK + b"Content-Length: %d\r\n\r\n" % len(xml)
        yield "length", (length, xml)
        yield "length, in pieces", (length, *(xml[i:i + 7] for i in range(0, len(xml), 7)))
        yield "until close", (OK + b"\r\n", xml)
        yield "chunked", (OK + b"Transfer-Encoding: chunked\r\n\r\n",
                          *(b"%x\r\n%s\r\n" % (len(xml[i:i + 50]), xml[i:i + 50]) for i in range(0, len(xml), 50)), b"0\r\n\r\n")

    def test_only_what_the_caller_may_list_is_shown(self):
        more = b"<ContinuationToken>a+b/c==</ContinuationToken><Prefix>t</Prefix>"
        xml = document(b"others", b"team-a", b"other-team-b", b"team-c", more=more)
        for name, pieces in self.ways(xml):
            with self.subTest(name):
                answer = self.check(self.list(*pieces, target="/?max-buckets=4&prefix=t"), 200)
                self.assertEqual(answer.body, document(b"team-a", b"team-c", more=more))
                self.assertEqual(self.check(self.list(*pieces, key=lib.ALICE), 200).body, xml)

    def test_long_lists_stream_by(self):
        names = [(b"team-%d" if i % 3 == 0 else b"foreign-%d") % i for i in range(10000)]
        expected = document(*(n for n in names if n.startswith(b"team-")))
        for name, pieces in list(self.ways(document(*names)))[:1]:
            with self.subTest(name):
                self.assertEqual(self.check(self.list(*pieces), 200).body, expected)

    def test_http_1_0_gets_it_too(self):
        xml = document(b"foreign", b"team-a")
        endpoint.service_answer = [OK + b"Content-Length: %d\r\n\r\n" % len(xml), xml]
        headers = s3raw.sign("GET", "/", [("Host", self.proxy.host("plain"))], TEAM, body=b"")
        with self.proxy.connect("plain") as connection:
            connection.send(s3raw.head("GET", "/", headers).replace(b"HTTP/1.1", b"HTTP/1.0"))
            got = b""
            while piece := connection.sock.recv(65536):
                got += piece
        self.assertNotIn(b"Content-Length", got.partition(b"\r\n\r\n")[0])
        self.assertEqual(got.partition(b"\r\n\r\n")[2], document(b"team-a"))

    def test_nobody_compresses_it_or_sends_a_part(self):
        xml = document(b"team-a")
        self.check(self.list(OK + b"Content-Length: %d\r\n\r\n" % len(xml), xml,
                             headers=[("Accept-Encoding", "gzip"), ("Range", "bytes=5-")]), 200)
        head = "\n".join(endpoint.requests[-1]["head"]).lower()
        self.assertNotIn("accept-encoding", head)
        self.assertNotIn("range:", head)
        coded = OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
        self.check(self.list(coded, b"\x1f\x8b\x08\0\0"), 502, "BadGateway")
        self.check(self.list(OK.replace(b"200", b"206") + b"Content-Length: %d\r\n\r\n" % len(xml), xml), 502, "BadGateway")

    def test_what_cannot_be_read_is_not_shown(self):
        good = document(b"foreign")
        for xml in (b"foreign", b"<Error><Code>foreign</Code></Error>", good[:-30], good.replace(b"Buckets>", b"Items>"),
                    good.replace(b"</Owner>", b""), b"<!DOCTYPE a [<!ENTITY f 'foreign'>]>" + good):
            for name, pieces in self.ways(xml):
                with self.subTest(xml=xml[:40], way=name):
                    answer = self.check(self.list(*pieces), 502, "BadGateway")
                    self.assertNotIn(b"foreign", answer.body)

    def test_a_long_list_that_breaks_is_broken_off(self):
        xml = document(*(b"team-%d" % i for i in range(5000)))[:-30] + BUCKET % b"foreign"
        with self.assertRaises((s3raw.BrokenAnswer, ConnectionResetError)):
            self.list(OK + b"Content-Length: %d\r\n\r\n" % len(xml), xml)

    def test_refusals_of_s3_pass(self):
        error = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        answer = self.list(b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(error), error)
        self.assertEqual((answer.status, answer.body), (403, error))


if __name__ == "__main__":
    lib.main()
