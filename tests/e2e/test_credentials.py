# SPDX-License-Identifier: Apache-2.0
"""Credentials while the proxy runs: fetched once however many wait, renewed ahead, kept while their source fails, renewed
at once when S3 refuses them, and never seen by anybody."""
import json
import os
import sys
import threading
import time

import lib
import mint_keys

SECONDS = float(os.environ.get("S3ONRAMP_ROTATION_SECONDS", "30"))  # the whole: 300, with a lifetime of 20
LIFETIME = float(os.environ.get("S3ONRAMP_ROTATION_LIFETIME", "6"))
RATE = 50
numbers = iter(range(100))


class Minter:
    """A source = process section, and what the endpoint knows of its keys."""

    def __init__(self, name, **plan):
        self.name, self.folder = name, lib.WORK / ("minter-" + name)
        self.folder.mkdir()
        self.plan(**plan)

    def plan(self, lifetime=3600, **more):
        path = self.folder / "plan.new"
        path.write_text(json.dumps(dict(more, lifetime=lifetime)))
        path.rename(self.folder / "plan.json")

    def section(self, **keys):
        return lib.section("credentials " + self.name, source="process", command='"%s" "%s" "%s"' % (
            "/usr/bin/python3", lib.SUPPORT / "mint_keys.py", self.folder), **keys)

    def calls(self):
        try:
            lines = [line.split() for line in (self.folder / "calls").read_text().splitlines()]
        except FileNotFoundError:
            return []
        return [(float(at), what, float(end)) for at, what, end in lines]

    def keys(self, n):
        return mint_keys.keys_of(n, self.folder.name)


class Book(dict):
    """What keys the endpoint knows: its own, and those of all minters, as they are minted."""

    def __init__(self, keys, minters):
        super().__init__(keys)
        self.minters, self.gone = minters, set()

    def find(self, key_id):
        """(secret, token, end) or None."""
        for minter in self.minters:
            minted = [end for _, what, end in minter.calls() if what == "minted"]
            for n in range(len(minted) - 1, -1, -1):
                found = minter.keys(n)
                if found[0] == key_id and key_id not in self.gone:
                    return found[1], found[2], minted[n]
        return None

    def __contains__(self, key_id):
        return super().__contains__(key_id) or self.find(key_id) is not None

    def __getitem__(self, key_id):
        return super().__getitem__(key_id) if super().__contains__(key_id) else self.find(key_id)[0]


class Sessions:
    def __init__(self, book):
        self.book = book

    def __contains__(self, key_id):
        return self.book.find(key_id) is not None

    def __getitem__(self, key_id):
        return self.book.find(key_id)[1:]


def setUpModule():
    global endpoint
    endpoint = lib.start_endpoint()
    endpoint.keys = Book({lib.UPSTREAM_KEY[0]: lib.UPSTREAM_KEY[1]}, [])
    endpoint.sessions = Sessions(endpoint.keys)


def tearDownModule():
    endpoint.close()


class Credentials(lib.Case):
    def setUp(self):
        """Each test has a proxy of its own."""

    def tearDown(self):
        if self.proxy:
            self.proxy.check_clean()

    def start(self, *minters, client=(), **more):
        """A proxy whose client `alice` signs with the first minter's keys; other clients: name → section."""
        name = "p%d" % next(numbers)
        endpoint.keys.minters = list(minters)
        endpoint.keys.gone = set()
        text = "".join(m.section(**more) for m in minters)
        for who, minter in client:
            text += lib.section("client " + who, policy="allow-all", credentials=minter.name,
                                access_key_id="AKIALOCAL%s" % who.upper(), secret_access_key=who * 4)
        self.proxy = lib.Proxy(["%s:%d" % endpoint.addresses[0][:2]], name, extra=text,
                               endpoint={"credentials": minters[0].name})
        self.addCleanup(self.proxy.kill)
        return self.proxy

    def start_with_keys(self, *minters, **more):
        """The same, and the first minter has given its first keys: a busy machine may need longer than requests wait."""
        self.start(*minters, **more)
        self.wait_for_state(minters[0].name, "good")

    def get(self, **options):
        return self.proxy.request("legacy", "GET", "/bucket/big/1000", key=None, **options)

    def shown(self, name):
        result = lib.run(lib.PROGRAM, "credentials", name, "--json", "-c", self.proxy.config, check=False)
        return json.loads(result.stdout)[0]

    def wait_for_state(self, name, state, seconds=20):
        lib.wait_until(lambda: self.shown(name)["state"] == state, seconds, "state " + state)
        return self.shown(name)

    def check_secret(self, *minters):
        """Nothing that the proxy wrote or shows holds a secret, a token or what a process wrote to stderr."""
        texts = [self.proxy.stderr.read_text(), self.proxy.access_file.read_text() if self.proxy.access_file.exists() else "",
                 json.dumps(self.proxy.status())]
        for minter in minters:
            for n in range(len(minter.calls())):
                for word in minter.keys(n):
                    self.assertFalse(any(word in text for text in texts), word)
        self.assertFalse(any("SECRET-ON-STDERR" in text for text in texts))

    # -- the ordinary course

    def test_rotation_under_load(self):
        minter = Minter("rotating", lifetime=LIFETIME)
        self.start(minter)
        statuses, lock, seconds = {}, threading.Lock(), SECONDS * (1 if not lib.SANITIZER else 0.5)
        until, workers = time.monotonic() + seconds, 5

        def load():
            with self.proxy.connect("legacy") as connection:
                while time.monotonic() < until:
                    started = time.monotonic()
                    answer = self.get(connection=connection)
                    with lock:
                        statuses[answer.status] = statuses.get(answer.status, 0) + 1
                    time.sleep(max(0.0, workers / RATE - (time.monotonic() - started)))
        threads = [threading.Thread(target=load) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        calls = minter.calls()
        print("%d s, keys of %g s: %s requests, %d fetches" % (seconds, LIFETIME, statuses, len(calls)))
        self.assertEqual(set(statuses), {200})
        self.assertGreater(statuses[200], 2 * seconds)  # there was load
        # Each set is used for two thirds of its life at least (to the second), and each is fetched once.
        gaps = [b[0] - a[0] for a, b in zip(calls, calls[1:])]
        self.assertGreaterEqual(len(calls), seconds / LIFETIME)
        self.assertGreater(min(gaps), LIFETIME * 0.6 - 1.5, gaps)
        used = {r["key_id"] for r in list(endpoint.done) if r.get("key_id", "").startswith("ASIAMINTED")}
        self.assertIn(len(used), range(len(calls) * 2 // 3, len(calls) + 1))  # a busy machine leaves one out now and then
        if "they have expired" not in self.proxy.stderr.read_text():  # else the machine was busy for too long for new ones in time
            self.assertEqual({line["retries"] for line in self.proxy.access_lines()}, {0})
        self.check_secret(minter)
        self.proxy.stop()

    def test_those_who_wait_share_one_fetch(self):
        minter = Minter("slow", sleep=1.5)
        self.start(minter)
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.get())) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([a.status for a in answers], [200] * 20)
        self.assertEqual(len(minter.calls()), 1)
        self.proxy.stop()

    # -- when the source fails

    def test_waiting_has_an_end(self):
        minter = Minter("hanging", sleep=60)
        self.start(minter, wait="1s", timeout="90s")
        started = time.monotonic()
        answer = self.check(self.get(), 503, "ServiceUnavailable")
        self.assertGreater(time.monotonic() - started, 0.9)
        line = self.proxy.line_of(answer)
        self.assertEqual(line["end"], "no_credentials")
        self.assertIn("[credentials hanging] source = process", line["detail"])
        self.proxy.stop()  # though the process still runs

    def test_a_source_is_asked_every_second_while_requests_wait(self):
        """Five failures, the pauses after which would be 1, 2, 4, 8, 16 s."""
        minter = Minter("back", exit=3)
        self.start(minter, wait="20s")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.get().status))
        thread.start()
        lib.wait_until(lambda: len(minter.calls()) >= 5, 40, "five calls")
        minter.plan()
        thread.join()
        self.assertEqual(answers, [200])
        self.proxy.stop()

    def test_one_that_fails_at_start_stops_nobody_else(self):
        good, bad = Minter("good"), Minter("bad", exit=3)
        self.start_with_keys(good, bad, client=[("bob", bad)])
        bob = ("AKIALOCALBOB", "bob" * 4)
        self.check(self.get(), 200)
        answer = self.proxy.request("plain", "GET", "/bucket/big/1000", key=bob)
        self.check(answer, 503, "ServiceUnavailable")
        self.assertIn("[credentials bad] source = process: ", self.proxy.line_of(answer)["detail"])
        self.check(self.get(), 200)
        shown = self.shown("bad")
        self.assertEqual((shown["state"], shown["access_key_id"]), ("failed", ""))
        self.assertGreater(shown["failures"], 0)
        self.assertEqual(lib.run(lib.PROGRAM, "credentials", "-c", self.proxy.config, check=False).returncode, 1)
        bad.plan()
        self.wait_for_state("bad", "good", 90)
        self.check(self.proxy.request("plain", "GET", "/bucket/big/1000", key=bob), 200)
        self.assertEqual(lib.run(lib.PROGRAM, "credentials", "-c", self.proxy.config).returncode, 0)
        self.check_secret(good, bad)
        self.proxy.stop()

    def test_bad_answers_change_nothing(self):
        """The old keys stay to their real end; half an answer, HTML, keys that are over: nothing is taken."""
        life = 12
        minter = Minter("failing", lifetime=life)
        self.start_with_keys(minter, wait="5s")
        self.check(self.get(), 200)
        good = self.shown("failing")
        self.assertEqual((good["state"], good["access_key_id"][-4:], good["temporary"]), ("good", "0000", True))
        end, key = minter.calls()[0][2], minter.keys(0)
        for text in ("<html>SECRET-ON-STDERR", '{"Version": 1, "AccessKeyId": "%s"' % key[0], "", '{"Version": 2}',
                     '{"Version": 1, "AccessKeyId": "AKIANEW", "SecretAccessKey": 5}',
                     '{"Version": 1, "AccessKeyId": "AKIANEW", "SecretAccessKey": "x", "Expiration": "2020-01-01T00:00:00Z"}'):
            minter.plan(**{"print": text})
            before = self.shown("failing")["failures"]
            lib.wait_until(lambda: self.shown("failing")["failures"] > before or time.time() > end - 2, 30, "a failure")
            if time.time() < end - 2:
                self.assertEqual(self.shown("failing")["state"], "stale")
                self.check(self.get(), 200)
        shown = self.wait_for_state("failing", "expired", 40)
        self.assertEqual(shown["access_key_id"], "")
        self.assertTrue(shown["last_error"])
        self.assertLess(time.time() - end, 15, "used too long")
        self.check(self.get(), 503, "ServiceUnavailable")
        minter.plan()
        self.wait_for_state("failing", "good", 90)
        self.check(self.get(), 200)
        self.check_secret(minter)
        self.proxy.stop()

    # -- when S3 does not take them

    def test_refused_keys_are_renewed_and_the_request_repeated(self):
        minter = Minter("revoked")
        self.start_with_keys(minter)
        self.check(self.get(), 200)
        for n, (method, target, body) in enumerate((("GET", "/bucket/big/1000", b""), ("PUT", "/bucket/a", b"x" * 1000))):
            endpoint.keys.gone.add(minter.keys(n)[0])
            if n:  # at most one renewal in ten seconds
                time.sleep(10)
            answer = self.proxy.request("legacy", method, target, body, key=None)
            self.assertIn(answer.status, (200, 204))
            line = self.proxy.line_of(answer)
            self.assertEqual((line["retries"], line["retry_reasons"]), (1, "keys"))
            self.assertEqual(len(minter.calls()), n + 2)
        self.check_secret(minter)
        self.proxy.stop()

    def test_keys_that_stay_refused(self):
        minter = Minter("useless")
        self.start_with_keys(minter, wait="1s")
        self.check(self.get(), 200)
        minter.plan(same=True)
        endpoint.keys.gone.add(minter.keys(0)[0])
        for _ in range(20):
            answer = self.check(self.get(), 503, "ServiceUnavailable")
            for word in minter.keys(0):
                self.assertNotIn(word.encode(), answer.body)
                self.assertNotIn(word, str(answer.headers))
        self.assertLessEqual(len(minter.calls()), 3, "a storm of fetches")
        self.proxy.stop()

    def test_who_comes_while_refused_keys_are_renewed_waits(self):
        minter = Minter("renewing")
        self.start_with_keys(minter, wait="30s", timeout="30s")
        self.check(self.get(), 200)
        minter.plan(sleep=1.5)
        endpoint.keys.gone.add(minter.keys(0)[0])
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.get().status)) for _ in range(10)]
        threads[0].start()
        lib.wait_until(lambda: len(minter.calls()) == 2, 20, "the renewal")
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((answers, len(minter.calls())), ([200] * 10, 2))
        self.proxy.stop()

    def test_a_body_that_is_gone_cannot_be_repeated(self):
        minter = Minter("late")
        self.start(minter)
        lib.wait_until(minter.calls, what="the first keys")
        endpoint.keys.gone.add(minter.keys(0)[0])
        # On a connection that was just made nobody asks first whether the body is wanted.
        answer = self.proxy.request("legacy", "PUT", "/bucket/big", bytes(3 << 20), key=None)
        self.check(answer, 503, "ServiceUnavailable")
        self.assertEqual(self.proxy.line_of(answer)["end"], "up_auth")
        self.assertNotIn((b"bucket", b"big"), endpoint.objects)
        self.proxy.stop()

    # -- files

    def test_keys_in_files_are_read_again(self):
        folder = lib.WORK / "files"
        folder.mkdir()

        def write(key):
            for name, text in zip(("id", "secret"), key):
                new = folder / (name + ".new")
                new.touch(0o600)
                new.write_text(text + "\n")
                new.rename(folder / name)
        write(lib.UPSTREAM_KEY)
        second = ("AKIAROTATED000000002", "another/secret")
        endpoint.keys.minters = []
        endpoint.keys[second[0]] = second[1]
        text = lib.section("credentials files", source="static", access_key_id="file:%s/id" % folder,
                           secret_access_key="file:%s/secret" % folder)
        self.proxy = lib.Proxy(["%s:%d" % endpoint.addresses[0][:2]], "files-proxy", extra=text,
                               endpoint={"credentials": "files"})
        self.addCleanup(self.proxy.kill)
        self.check(self.get(), 200)
        write(second)
        lib.wait_until(lambda: self.shown("files")["access_key_id"][-4:] == "0002", 20, "the new key")
        self.check(self.get(), 200)
        lib.wait_until(lambda: any(r.get("key_id") == second[0] for r in endpoint.done), 10, "a request with the new key")
        # They have no end: their file's is none, and that is said; who means it withdraws them.
        (folder / "id").unlink()
        self.assertIn("id", self.wait_for_state("files", "stale")["last_error"])
        self.assertIn("credentials --drop NAME", self.proxy.stderr.read_text())
        self.check(self.get(), 200)
        drop = ["credentials", "files", "--drop", "-c", self.proxy.config]
        dropped = lib.run(lib.PROGRAM, *drop, check=False)
        self.assertEqual(dropped.returncode, 1, dropped)
        self.assertIn("failed", dropped.stdout)
        self.check(self.get(), 503, "ServiceUnavailable")
        write(second)
        self.assertEqual(lib.run(lib.PROGRAM, *drop).stdout.splitlines()[1].split()[2], "good")
        self.check(self.get(), 200)
        for words, message in ((["none", "--drop"], "has no [credentials none]"), (["--drop"], "NAME")):
            wrong = lib.run(lib.PROGRAM, "credentials", *words, "-c", self.proxy.config, check=False)
            self.assertNotEqual(wrong.returncode, 0)
            self.assertIn(message, wrong.stderr)
        self.proxy.stop()


class Late(lib.Case):
    def setUp(self):
        self.proxy = lib.Proxy(["127.0.0.1:1"], "late", extra=lib.section("credentials early", source="static", access_key_id="A",
                                                                          secret_access_key="S"))
        self.addCleanup(self.proxy.stop)

    def test_keys_that_come_in_place_of_endless_ones_end_in_time(self):
        """Their section is looked at when they end, not when the endless ones before would have been."""
        def program(name, lifetime):
            path = lib.WORK / name
            path.write_text("#!/bin/sh\n[ -e '%s.once' ] && exit 1\ntouch '%s.once'\nprintf '{\"Version\": 1, \"AccessKeyId\": \"A\", "
                            "\"SecretAccessKey\": \"S\", \"Expiration\": \"%%s\"}' \"$(date -u -d '+%d seconds' +%%Y-%%m-%%dT%%H:%%M:%%SZ)\"\n"
                            % (path, path, lifetime))
            path.chmod(0o700)
            return path
        proxy = self.proxy
        text = proxy.config.read_text()
        begin = text.index("[credentials early]")
        proxy.config.write_text(text[:begin] + lib.section("credentials early", source="process", command=program("early", 4)) +
                                lib.section("credentials beside", source="process", command=program("beside", 9)))
        proxy.command("reload")
        ends = ["credentials %s: they have expired" % name for name in ("early", "beside")]
        lib.wait_until(lambda: all(end in proxy.stderr.read_text() for end in ends), 60, "the ends")
        log = proxy.stderr.read_text()
        self.assertLess(log.index(ends[0]), log.index(ends[1]))


if __name__ == "__main__":
    lib.main()
