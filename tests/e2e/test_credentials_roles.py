# SPDX-License-Identifier: Apache-2.0
"""Roles while the proxy runs: a session per client, keys that are renewed by STS and by the metadata service, and
Ceph's own sessions from end to end."""
import json
import re
import threading
import time

import lib
import metadata
import s3raw
import test_credentials_sts as one_off
from test_credentials_sts import ARN, BASE, STS_NAME

numbers = iter(range(100))
PEOPLE = {"alice": lib.ALICE, "bob": ("AKIALOCALBOB00000001", "bobSecret/bobSecret+bobSecret")}


class Issued:
    """What keys the endpoint knows: those that a service of the tests' issued. For Endpoint.keys and .sessions."""

    def __init__(self, issued, what):
        self.issued, self.what = issued, what

    def __contains__(self, key_id):
        return key_id in self.issued()

    def __getitem__(self, key_id):
        return self.what(self.issued()[key_id])


class Roles(lib.Case):
    def setUp(self):
        self.endpoint = lib.start_endpoint()
        self.addCleanup(self.endpoint.close)
        self.proxy = None

    def tearDown(self):
        if self.proxy:
            self.proxy.check_clean()

    def start(self, issued, *sections):
        """issued(): key id → {"secret", "token", "expires"}"""
        self.endpoint.keys = Issued(issued, lambda k: k["secret"])
        self.endpoint.sessions = Issued(issued, lambda k: (k["token"], k["expires"]))
        text = "".join(sections) + lib.section("client bob", access_key_id=PEOPLE["bob"][0],
                                               secret_access_key=PEOPLE["bob"][1], policy="allow-all")
        self.proxy = lib.Proxy(["%s:%d" % self.endpoint.addresses[0][:2]], "p%d" % next(numbers), extra=text,
                               endpoint={"credentials": "role"}, variables={"AWS_EC2_METADATA_DISABLED": "false"})
        self.addCleanup(self.proxy.kill)

    def start_sts(self, *sections, **role):
        self.sts = one_off.start_sts()
        self.addCleanup(self.sts.close)
        keys = dict(source="assume-role", role_arn=ARN, source_credentials="base", region=lib.REGION,
                    service_url="https://" + STS_NAME, addresses=", ".join(self.sts.addresses),
                    ca_file=lib.certificates() / "ca.pem", timeout="30s", wait="30s")
        keys.update(role)
        self.start(lambda: self.sts.issued, lib.section("credentials base", access_key_id=BASE[0],
                                                        secret_access_key=BASE[1]),
                   lib.section("credentials role", **keys), *sections)

    def get(self, who="alice", **options):
        return self.proxy.request("plain", "GET", "/bucket/big/1000", key=PEOPLE[who], **options)

    def shown(self):
        result = lib.run(lib.PROGRAM, "credentials", "role", "--json", "-c", self.proxy.config, check=False)
        return json.loads(result.stdout) if result.stdout else []

    def used(self):
        return [r["key_id"] for r in self.endpoint.done if r.get("key_id")]

    # -- STS

    def test_each_client_has_a_session(self):
        self.start_sts(session_name="onramp-{client}", tags="person={client}")
        self.assertEqual((self.sts.calls, self.shown()), ([], []), "fetched before anybody wanted it")
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.get("alice"))) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([a.status for a in answers], [200] * 10)
        self.check(self.get("bob"), 200)
        self.check(self.get("alice"), 200)
        self.assertEqual([(c["form"]["RoleSessionName"], c["form"]["Tags.member.1.Value"]) for c in self.sts.calls],
                         [("onramp-alice", "alice"), ("onramp-bob", "bob")])
        alice, bob = (c["issued"] for c in self.sts.calls)
        lib.wait_until(lambda: len(self.used()) == 12, 20, "twelve records")
        self.assertEqual(sorted(self.used()), sorted([alice] * 11 + [bob]))
        self.assertEqual([(e["client"], e["state"], e["origin"]) for e in self.shown()],
                         [(who, "good", "role %s as onramp-%s from %s" % (ARN, who, STS_NAME)) for who in ("alice", "bob")])
        self.proxy.stop()

    def session(self, call):
        """What a call of STS says of whom it is for."""
        form = self.sts.calls[call]["form"]
        tags = {form["Tags.member.%d.Key" % i]: form["Tags.member.%d.Value" % i] for i in (1, 2) if "Tags.member.%d.Key" % i in form}
        return form["RoleSessionName"], form.get("SourceIdentity"), tags

    def test_who_it_is_for_is_said_and_follows_what_is_known(self):
        self.start_sts("[group ops]\ntags.team = arch ive\n[group dev]\ntags.team = x\n")
        said = {"alice": "groups = ops, dev\n", "bob": "groups = dev\ntags.Team = B\n"}
        config = re.sub(r"\[client (\S+)\]\n", lambda m: m[0] + said.get(m[1], "groups = dev\n"), self.proxy.config.read_text())
        config = config.replace("[credentials role]\n", "[credentials role]\nsession_name = {group}-{client}\n"
                                "source_identity = {client}\ntags = team={tag.team},g={group}\n")
        self.proxy.config.write_text(config)
        self.proxy.command("reload")
        lib.wait_until(lambda: len(self.sts.calls) == 1, 30, "the session of all, of before")
        del self.sts.calls[:]
        self.check(self.get("alice"), 200)
        self.check(self.get("bob"), 200)
        self.assertEqual([self.session(i) for i in (0, 1)], [("ops-alice", "alice", {"team": "arch ive", "g": "ops"}),
                                                             ("dev-bob", "bob", {"team": "B", "g": "dev"})])
        with self.proxy.connect("plain") as connection:
            self.check(self.get("alice", connection=connection), 200)
            self.proxy.config.write_text(config.replace("groups = ops, dev", "groups = dev, ops"))
            self.proxy.command("reload")
            self.check(self.get("alice", connection=connection), 200)
            self.check(self.get("bob", connection=connection), 200)
        self.assertEqual(len(self.sts.calls), 3, "bob's session goes on")
        self.assertEqual(self.session(2), ("dev-alice", "alice", {"team": "x", "g": "dev"}))
        lib.wait_until(lambda: len(self.used()) == 5, 20, "five records")
        issued = [c["issued"] for c in self.sts.calls]
        self.assertEqual(self.used(), issued[:2] + [issued[0], issued[2], issued[1]])
        self.proxy.config.write_text(config.replace("groups = ops, dev\n", ""))
        result = lib.run(lib.PROGRAM, "reload", "-c", self.proxy.config, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn('client "alice" has no group', result.stderr)
        self.check(self.get("alice"), 200)
        self.proxy.stop()

    def test_sessions_beyond_max_sessions_are_forgotten(self):
        self.start_sts("".join(lib.section("client c%d" % i, access_key_id="S3ORC%d" % i, secret_access_key="secret/%d" % i,
                                           policy="allow-all") for i in range(3)), session_name="of-{client}", max_sessions=2)
        people = {"c%d" % i: ("S3ORC%d" % i, "secret/%d" % i) for i in range(3)}

        def get(who):
            self.check(self.proxy.request("plain", "GET", "/bucket/big/1000", key=people[who]), 200)
            return [c["form"]["RoleSessionName"][3:] for c in self.sts.calls]
        get("c0")
        self.assertEqual(get("c1"), ["c0", "c1"])
        time.sleep(3.5)  # what is fresh stays
        self.assertEqual(get("c2"), ["c0", "c1", "c2"])
        self.assertEqual({e["client"] for e in self.shown()}, {"c1", "c2"})
        self.assertEqual(get("c1"), ["c0", "c1", "c2"])
        self.assertEqual(get("c0"), ["c0", "c1", "c2", "c0"])
        self.proxy.stop()

    def test_one_client_is_refused_and_the_other_is_not(self):
        self.start_sts(session_name="{client}")
        self.sts.faults.append("access_denied")
        answer = self.check(self.get("alice"), 503, "ServiceUnavailable")
        self.assertIn("AccessDenied", self.proxy.line_of(answer)["detail"])
        self.assertNotIn(b"arn:", answer.body)
        self.check(self.get("bob"), 200)
        lib.wait_until(lambda: self.get("alice").status == 200, 30, "alice's session, once it is allowed")
        self.proxy.stop()

    def test_renewed_under_load(self):
        self.start_sts()
        self.sts.lifetime_s = 6
        self.check(self.get(), 200)  # the first keys may have been issued before
        until, statuses = time.monotonic() + 15, []

        def load():
            with self.proxy.connect("plain") as connection:
                while time.monotonic() < until:
                    statuses.append(self.get(connection=connection).status)
                    time.sleep(0.05)
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        lib.wait_until(lambda: len(statuses) > 10, 20, "requests")
        for fault in ("500", "throttling", "truncated", "html"):  # one after the other, between good answers
            self.sts.faults += [fault]
        for thread in threads:
            thread.join()
        print("%d requests, %d calls of STS" % (len(statuses), len(self.sts.calls)))
        self.assertEqual(set(statuses), {200})
        self.proxy.stop()

    def test_base_keys_that_cannot_be_had(self):
        self.sts = one_off.start_sts()
        self.addCleanup(self.sts.close)
        self.start(lambda: self.sts.issued,
                   lib.section("credentials gone", source="process", command="/bin/false"),
                   lib.section("credentials role", source="assume-role", role_arn=ARN, source_credentials="gone",
                               region=lib.REGION, service_url="https://" + STS_NAME, addresses=self.sts.addresses[0],
                               ca_file=lib.certificates() / "ca.pem", wait="500ms"))
        answer = self.check(self.get(), 503, "ServiceUnavailable")
        self.assertIn("[credentials gone]", self.proxy.line_of(answer)["detail"])
        self.assertEqual(self.sts.calls, [])
        self.proxy.stop()

    # -- the metadata service

    def start_imds(self, **options):
        self.service = metadata.Server()
        self.addCleanup(self.service.close)
        for name, value in options.items():
            setattr(self.service, name, value)

        def issued():
            return {k["AccessKeyId"]: {"secret": k["SecretAccessKey"], "token": k["Token"], "expires": 0}
                    for k in self.service.issued}
        self.start(issued, lib.section("credentials role", source="imds", url=self.service.url))

    def test_one_token_for_many_renewals(self):
        self.start_imds(lifetime=4)

        def renewed():
            self.check(self.get(), 200)
            return len(set(self.used())) >= 4
        lib.wait_until(renewed, 60, "four sets of keys used")
        kinds = [r.kind for r in self.service.requests]
        self.assertEqual(kinds.count("token"), 1, kinds)
        self.assertGreaterEqual(kinds.count("keys"), 4, kinds)
        self.service.check()
        self.proxy.stop()

    def test_a_new_token_when_the_old_one_is_not_taken(self):
        self.start_imds(lifetime=4)
        self.check(self.get(), 200)
        self.service.forget_tokens()
        lib.wait_until(self.used, 20, "a record")
        first = self.used()[0]
        lib.wait_until(lambda: self.get().status == 200 and self.used()[-1] != first, 30, "new keys")
        self.assertEqual([r.kind for r in self.service.requests].count("token"), 2)
        self.proxy.stop()

    def test_keys_that_are_over_are_still_used(self):
        """The service is known to hand such keys out while it is in trouble, and S3 to take them."""
        self.start_imds(lifetime=-60)
        self.check(self.get(), 200)
        self.assertGreater(self.shown()[0]["expires_in_s"], 60)
        self.proxy.stop()


class Ceph(lib.Case):
    """Sessions that Ceph's gateway gives out and takes, through the proxy."""

    def setUp(self):
        pass

    def tearDown(self):
        pass

    def test_assume_role_from_end_to_end(self):
        one_off.CephRoles.setUpClass()
        self.addCleanup(one_off.CephRoles.doClassCleanups)
        ceph = one_off.CephRoles("sections")
        sections = ceph.sections(source="assume-role", role_arn="arn:aws:iam:::role/backup", source_credentials="up",
                                 session_name="{client}", wait="30s")
        self.proxy = lib.Proxy(["%s:443" % a for a in ceph.ceph.addresses], "through-ceph", extra=sections, trailers="decode",
                               endpoint={"credentials": "role"})
        self.addCleanup(self.proxy.kill)
        self.check(self.proxy.request("plain", "GET", "/open/object"), 200)
        self.check(self.proxy.request("plain", "GET", "/closed/object"), 403, "AccessDenied")
        self.check(self.proxy.request("plain", "PUT", "/open/new", b"x"), 403, "AccessDenied")
        self.proxy.stop()


if __name__ == "__main__":
    lib.main()
