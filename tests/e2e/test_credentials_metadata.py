# SPDX-License-Identifier: Apache-2.0
"""Credentials of an EC2 instance (version 2 of its metadata service) and of containers (ECS, EKS), as `s3onramp credentials
--fetch` gets them: at the addresses that AWS uses, with services that fail in every way, and behind a router that is one hop
too many. In a network namespace of its own: the real services are not asked."""
import ctypes
import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import netns  # noqa: E402

EC2, EC2_V6, ECS, EKS, EKS_V6 = "169.254.169.254", "fd00:ec2::254", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"
netns.enter(EC2, ECS, EKS)
import lib  # noqa: E402
import metadata  # noqa: E402

BEHIND = "10.78.2.2"  # a metadata service with a router in between
SECRETS = ("metadata/secret+", "metadata-token-", "AQAEA", "ThePodsToken")
ANSWERED = "3s"  # where one request gets no answer and the next one does, on a busy machine, too
GOOD = ["token", "roles", "keys"]


def setUpModule():
    for address in (EC2_V6, EKS_V6):
        netns.command("ip addr add %s/128 dev lo nodad" % address)


class Case(unittest.TestCase):
    maxDiff = None
    number = 0

    def serve(self, host="127.0.0.1", port=0, **options):
        server = metadata.Server(host, port, **options)
        self.addCleanup(server.close)
        return server

    def run_fetch(self, environment, keys):
        """`s3onramp credentials` with such a [credentials default]. Proxies of the environment lead nowhere."""
        Case.number += 1
        config = lib.WORK / ("%d.ini" % Case.number)
        config.touch(0o600)
        config.write_text(
            lib.section("endpoint tokyo", name=lib.VPCE_NAME, addresses="10.1.2.3") +
            lib.section("listener legacy", mode="endpoint", bind="127.0.0.1:9000") +
            lib.section("credentials default", **keys))
        nowhere = "http://127.0.0.1:9"
        variables = dict(lib.Proxy.environment(), AWS_EC2_METADATA_DISABLED="", http_proxy=nowhere, HTTP_PROXY=nowhere,
                         https_proxy=nowhere, HTTPS_PROXY=nowhere, ALL_PROXY=nowhere)
        variables.update(environment or {})
        started = time.monotonic()
        result = lib.run(lib.PROGRAM, "credentials", "default", "--fetch", "--json", "-c", config, check=False,
                         env=variables, timeout=60)
        self.seconds = time.monotonic() - started
        return config, result

    def refused(self, key, **keys):
        """What it says of a value that the configuration must not have."""
        config, result = self.run_fetch(None, keys)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        lines = config.read_text().splitlines()
        number = 1 + next(i for i, line in enumerate(lines) if line.startswith(key + " ="))
        place, _, why = result.stderr.splitlines()[0].partition(": ")
        self.assertEqual(place, "%s:%d" % (config, number), result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 2, result.stderr)
        return why

    def fetch(self, environment=None, **keys):
        """What it says as JSON."""
        _, result = self.run_fetch(environment, keys)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        self.assertEqual(result.stderr, "")
        for secret in SECRETS:
            self.assertNotIn(secret, result.stdout)
        answer = json.loads(result.stdout)
        self.assertEqual(answer["good"], result.returncode == 0)
        return answer

    def good(self, server, answer, kinds, *origin):
        """The last keys that the server issued."""
        self.assertTrue(answer["good"], answer["detail"])
        key = server.issued[-1]
        self.assertEqual((answer["access_key_id"], answer["expires"], answer["temporary"]),
                         ("%s…%s" % (key["AccessKeyId"][:4], key["AccessKeyId"][-4:]), key["Expiration"], True))
        for text in origin:
            self.assertIn(text, answer["detail"])
        self.assertEqual(server.kinds(), kinds)
        server.check()

    def bad(self, answer, *words):
        self.assertFalse(answer["good"])
        for text in words:
            self.assertIn(text, answer["detail"])
        self.assertLess(len(answer["detail"]), 511, "cut off")

    def imds(self, server, environment=None, **keys):
        return self.fetch(environment, source="imds", url=server.url, **keys)


class Imds(Case):
    def test_token_role_keys_at_the_usual_address(self):
        server = self.serve(EC2, 80)
        self.good(server, self.fetch(source="imds"), GOOD, "role app-role of the instance", "http://169.254.169.254")
        self.assertEqual({r.connection for r in server.requests}, {0}, "one connection is enough")
        before = server.issued[-1]
        self.good(server, self.fetch(source="imds"), GOOD * 2)
        self.assertNotEqual(before["AccessKeyId"], server.issued[-1]["AccessKeyId"])

    def test_version_6_of_ip(self):
        server = self.serve(EC2_V6, 80)
        for mode in ("IPv6", "ipv6"):
            with self.subTest(mode):
                server.requests.clear()
                self.good(server, self.fetch({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": mode}, source="imds"), GOOD,
                          "[fd00:ec2::254]")
        self.bad(self.fetch({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "both"}, source="imds"), "neither IPv4 nor IPv6")
        local = self.serve("::1")
        self.good(local, self.imds(local), GOOD)

    def test_section_before_endpoint_before_mode(self):
        first, second = self.serve(), self.serve()
        variables = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": second.url + "/",
                     "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}
        self.good(first, self.imds(first, variables), GOOD)
        self.assertEqual(second.requests, [])
        self.good(second, self.fetch(variables, source="imds"), GOOD)

    def test_switched_off_by_the_environment(self):
        server = self.serve()
        for value in ("true", "TRUE"):
            self.bad(self.imds(server, {"AWS_EC2_METADATA_DISABLED": value}), "AWS_EC2_METADATA_DISABLED")
        self.assertEqual(server.requests, [])
        self.good(server, self.imds(server, {"AWS_EC2_METADATA_DISABLED": "false"}), GOOD)

    def test_nobody_is_there(self):
        self.bad(self.fetch(source="imds", url="http://127.0.0.1:9"), "no metadata service here", "Connection refused")
        self.bad(self.fetch(source="imds", url="http://192.0.2.7"), "no metadata service here", "unreachable")
        self.bad(self.fetch(source="imds", url="http://no-such-name.invalid"), "no metadata service here")

    def test_packets_that_get_lost_take_a_second(self):
        netns.nft("add table inet lost\nadd chain inet lost in { type filter hook input priority 0; }\n"
                  "add rule inet lost in ip daddr 127.8.8.8 drop\n")
        self.bad(self.fetch(source="imds", url="http://127.8.8.8", timeout="1m"), "no metadata service here")
        self.assertGreater(self.seconds, 0.9)
        self.assertLess(self.seconds, 30)

    def test_urls_that_are_none(self):
        for url in ("127.0.0.1", "ftp://127.0.0.1", "https://127.0.0.1", "http://127.0.0.1/x", "http://127.0.0.1:99999"):
            with self.subTest(url):
                self.assertEqual(self.refused("url", source="imds", url=url), "url: write the instance metadata service "
                                 "as http://HOST[:PORT], like http://169.254.169.254")
        self.assertEqual(self.refused("url", source="imds", url="http://u:p@127.0.0.1"),
                         "url: user names are not sent; remove what stands before the '@'")
        for url, words in (("127.0.0.1", "http://"), ("ftp://127.0.0.1", "http://"), ("http://u:p@127.0.0.1", "URL"),
                           ("http://127.0.0.1:99999", "URL")):
            with self.subTest(url):
                answer = self.fetch({"AWS_EC2_METADATA_SERVICE_ENDPOINT": url}, source="imds")
                self.bad(answer, words)
                self.assertNotIn("u:p", answer["detail"])
        self.bad(self.fetch({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://" + "x" * 2000}, source="imds"), "longer")

    def test_role_names(self):
        server = self.serve()
        server.roles = ["first", "second"]
        self.good(server, self.imds(server), GOOD, "role first ")
        for lines in ("first\r\nsecond\r\n", "first\n"):
            server.requests.clear()
            server.on("roles", metadata.text(lines))
            self.good(server, self.imds(server), GOOD, "role first ")

    def test_role_names_are_percent_encoded(self):
        server = self.serve()
        name = "a/../b+c=d,e.f@g-h_i?j#k%"
        server.on("roles", metadata.text(name), always=True)
        self.bad(self.imds(server), "lists the role " + name)
        self.assertEqual({r.path for r in server.requests if r.kind == "keys"},
                         {metadata.ROLES_PATH + "a%2F..%2Fb%2Bc%3Dd%2Ce.f%40g-h_i%3Fj%23k%25"})

    def test_no_role(self):
        server = self.serve()
        server.roles = None
        self.bad(self.imds(server), "no role is attached to this instance", "attach an instance profile")
        server.on("roles", metadata.status(200))
        self.bad(self.imds(server), "no role is attached to this instance")
        self.assertEqual(server.kinds(), ["token", "roles"] * 2)

    def test_things_that_are_no_role_names(self):
        server = self.serve()
        for body in ("a b", "\nx", "x" * 129, "a\0b", "<html>"):
            with self.subTest(body):
                server.on("roles", metadata.text(body))
                self.bad(self.imds(server), "no role's name")

    def test_role_changes_between_the_questions(self):
        server = self.serve()
        server.on("keys", metadata.then(lambda s: s.roles.insert(0, "other-role"), metadata.status(404)))
        self.good(server, self.imds(server), ["token", "roles", "keys", "roles", "keys"], "role other-role ")
        server.on("keys", metadata.status(404), always=True)
        self.bad(self.imds(server), "lists the role other-role, but answers 404")

    def test_token_is_over_in_the_middle(self):
        server = self.serve()
        for kind, kinds in (("roles", ["token", "roles"] + GOOD), ("keys", GOOD + GOOD)):
            server.requests.clear()
            server.on(kind, metadata.then(metadata.Server.forget_tokens))
            self.good(server, self.imds(server), kinds)
            tokens = [r.header(metadata.TOKEN_HEADER) for r in server.requests if r.kind == kind]
            self.assertEqual(len(set(tokens)), 2)
        server.requests.clear()
        server.on("roles", metadata.status(401), always=True)
        self.bad(self.imds(server), "answers 401 to the token that it has just given")
        self.assertEqual(server.kinds(), ["token", "roles"] * 2)

    def test_switched_off_for_the_instance(self):
        server = self.serve()
        for kind in GOOD:
            server.on(kind, metadata.status(403))
            self.bad(self.imds(server), "answers 403", "HttpEndpoint")
        server.check()

    def test_statuses(self):
        server = self.serve()
        for kind in GOOD:
            for answer, words in ((metadata.status(500, b"secret body"), "answers 500"),
                                  (metadata.status(503), "answers 503"),
                                  (metadata.status(429), "too many requests"),
                                  (metadata.status(429, b"", ("Retry-After", "7")), "asks to wait 7 s"),
                                  (metadata.status(400), "answers 400"),
                                  (metadata.status(204), "answers 204"),
                                  (metadata.redirect(server.url + "/elsewhere"), "redirect")):
                with self.subTest(kind=kind, words=words):
                    server.on(kind, answer)
                    result = self.imds(server)
                    self.bad(result, words)
                    self.assertNotIn("secret body", result["detail"])
        server.check()
        self.assertNotIn("other", server.kinds())

    def test_documents_that_are_not_whole(self):
        server = self.serve()
        for answer, words in (
                (metadata.truncated_json, "cut off"), (metadata.html(), "HTML"), (metadata.text(""), "empty"),
                (metadata.text("x"), "not JSON"), (metadata.short_body, "remaining to read"),
                (metadata.short_chunks, "127.0.0.1:"),
                (metadata.document(Token=None), "its Token is missing"), (metadata.document(Expiration=None), "Expiration"),
                (metadata.document(SecretAccessKey=""), "its SecretAccessKey is empty"),
                (metadata.document(AccessKeyId="A\r\nB: c"), "AccessKeyId"),
                (metadata.document(Code="AssumeRoleUnauthorizedAccess", Message="EC2 cannot assume the role"),
                 "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role"),
                (metadata.huge(257 * 1024), "too long"), (metadata.huge(300 * 1024, content_length=False), "too long"),
                (metadata.endless_head, "too long"), (metadata.bytes_as_they_are(b"SSH-2.0-x\r\n"), "127.0.0.1:"),
                (metadata.bytes_as_they_are(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "127.0.0.1:")):
            with self.subTest(words):
                server.on("keys", answer)
                self.bad(self.imds(server), words)
        server.check()

    def test_connections_that_break(self):
        """One that was used before may have been over already: the request goes out once more, on a new one."""
        server = self.serve()
        for answer in (metadata.reset, metadata.hang_up):
            server.requests.clear()
            server.on("keys", answer)
            self.good(server, self.imds(server), GOOD + ["keys"])
            server.requests.clear()
            server.on("keys", answer, answer)
            self.bad(self.imds(server), "127.0.0.1:")
            self.assertEqual(server.kinds(), GOOD + ["keys"])
        server.check()

    def test_documents_in_other_clothes(self):
        server = self.serve()
        for answer in (metadata.chunked, metadata.close_delimited, metadata.huge(256 * 1024), metadata.document(Code=None)):
            server.requests.clear()
            server.on("keys", answer)
            self.good(server, self.imds(server), GOOD)

    def test_keys_that_are_over_are_passed_on(self):
        """Static stability: the service is ill, the keys may work on."""
        server = self.serve()
        server.on("keys", metadata.expired(3600))
        self.good(server, self.imds(server), GOOD)
        server.lifetime = 1
        self.good(server, self.imds(server), GOOD * 2)

    def test_silence_ends_in_time(self):
        server = self.serve()
        for kind in ("roles", "keys"):
            for answer in (metadata.silence, metadata.drip()):
                with self.subTest(kind):
                    server.on(kind, answer)
                    self.bad(self.imds(server, timeout="700ms"), "127.0.0.1:", "timed out")
                    self.assertLess(self.seconds, 30)

    def test_answers_to_the_token_request_that_are_none(self):
        server = self.serve()
        for answer, words in ((metadata.html(), "no token"), (metadata.text(""), "no token"), (metadata.text("a\r\nb"), "no token"),
                              (metadata.text("x" * 1025), "no token"), (metadata.huge(257 * 1024), "too long"),
                              (metadata.short_body, "remaining to read")):
            with self.subTest(words):
                server.on("token", answer)
                self.bad(self.imds(server), words)
        self.assertEqual(set(server.kinds()), {"token"})
        server.check()

    def test_token_request_without_an_answer_is_explained(self):
        server = self.serve()
        for answer in (metadata.silence, metadata.reset, metadata.hang_up):
            server.requests.clear()
            server.on("token", answer)
            self.bad(self.imds(server, timeout=ANSWERED), "HttpPutResponseHopLimit is 1", "set it to 2")
            self.assertEqual(server.kinds(), ["token", "roles"])
            self.assertIsNone(server.requests[1].header(metadata.TOKEN_HEADER))
        server.on("token", metadata.silence)
        server.on("roles", metadata.silence)
        self.bad(self.imds(server, timeout="700ms"), "can be connected to, but does not answer")
        server.check()

    def test_version_1_only_if_allowed(self):
        server = self.serve()
        server.version_1 = True
        for code in (403, 404, 405):
            server.on("token", metadata.status(code), always=True)
            server.requests.clear()
            self.good(server, self.imds(server, imds_v1="yes"), GOOD, "version 1")
            server.requests.clear()
            self.bad(self.imds(server), "answers %d" % code, "HttpEndpoint" if code == 403 else "imds_v1 = yes")
            self.assertEqual(server.kinds(), ["token"])
        server.requests.clear()
        server.on("token", metadata.silence, always=True)
        self.good(server, self.imds(server, imds_v1="yes", timeout=ANSWERED), GOOD, "version 1")
        for code in (400, 401, 500, 503):
            server.requests.clear()
            server.on("token", metadata.status(code), always=True)
            self.bad(self.imds(server, imds_v1="yes"), "answers %d" % code)
            self.assertEqual(server.kinds(), ["token"])

    def test_version_1_is_no_way_round_a_service_that_wants_tokens(self):
        server = self.serve()
        server.on("token", metadata.status(404))
        self.bad(self.imds(server, imds_v1="yes"), "answers 401 without a token")
        server.on("token", metadata.silence)
        self.bad(self.imds(server, imds_v1="yes", timeout=ANSWERED), "HttpPutResponseHopLimit")
        server.plain()
        server.version_1 = True
        server.requests.clear()
        self.good(server, self.imds(server, imds_v1="yes"), GOOD)
        self.assertIsNotNone(server.requests[-1].header(metadata.TOKEN_HEADER))


class Router(Case):
    """host ─ router ─ service, each a namespace: the answer to PUT leaves with the TTL that HttpPutResponseHopLimit says."""

    @staticmethod
    def namespace(cleanup):
        process = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        cleanup(process.wait)
        cleanup(process.stdin.close)
        own = os.readlink("/proc/self/ns/net")
        lib.wait_until(lambda: os.readlink("/proc/%d/ns/net" % process.pid) != own, 20, "a namespace")
        return process.pid

    @staticmethod
    def inside(pid, command):
        netns.command("nsenter --net=/proc/%d/ns/net %s" % (pid, command))

    def setUp(self):
        router, far = self.namespace(self.addCleanup), self.namespace(self.addCleanup)
        for name, peer, pid in (("near0", "near1", router), ("far0", "far1", far)):
            netns.command("ip link add %s type veth peer name %s" % (name, peer))
            netns.command("ip link set %s netns %d" % (peer, pid))
        netns.command("ip link set far0 netns %d" % router)
        netns.command("ip addr add 10.78.1.1/24 dev near0")
        netns.command("ip link set near0 up")
        netns.command("ip route add 10.78.2.0/24 via 10.78.1.2")
        for command in ("ip addr add 10.78.1.2/24 dev near1", "ip link set near1 up", "ip addr add 10.78.2.1/24 dev far0",
                        "ip link set far0 up", "sysctl -qw net.ipv4.ip_forward=1"):
            self.inside(router, command)
        for command in ("ip addr add %s/24 dev far1" % BEHIND, "ip link set far1 up",
                        "ip route add default via 10.78.2.1"):
            self.inside(far, command)
        self.addCleanup(lambda: subprocess.run(["ip", "link", "del", "near0"], check=False))
        self.server = self.serve_in(far)

    def serve_in(self, pid):
        """A socket belongs to the namespace where it was made."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as here, open("/proc/%d/ns/net" % pid) as there:
            self.assertEqual(libc.setns(there.fileno(), 0), 0)
            try:
                return self.serve(BEHIND, 80)
            finally:
                assert libc.setns(here.fileno(), 0) == 0

    def test_hop_limit(self):
        self.server.ip_ttl = 1
        self.bad(self.imds(self.server, timeout="2s"), "HttpPutResponseHopLimit is 1")
        self.assertEqual(self.server.kinds(), ["token", "roles"])
        self.server.requests.clear()
        self.server.ip_ttl = 2
        self.good(self.server, self.imds(self.server), GOOD)


class Container(Case):
    RELATIVE, FULL = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
    TOKEN, TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

    def container(self, server, environment=None, **keys):
        return self.fetch(environment, source="container", url=server.url + server.container_path, **keys)

    def token_file(self, content):
        path = lib.WORK / ("token-%d" % Case.number)
        path.write_bytes(content)
        return path

    def test_not_a_container(self):
        self.bad(self.fetch(source="container"), self.RELATIVE, self.FULL)
        self.bad(self.fetch({self.RELATIVE: "", self.FULL: ""}, source="container"), self.RELATIVE, self.FULL)

    def test_ecs(self):
        server = self.serve(ECS, 80)
        answer = self.fetch({self.RELATIVE: server.container_path}, source="container")
        self.good(server, answer, ["container"], "169.254.170.2")
        self.assertNotIn("/v2/", answer["detail"])
        self.bad(self.fetch({self.RELATIVE: "v2/x"}, source="container"), self.RELATIVE)
        self.bad(self.fetch({self.RELATIVE: "@127.0.0.1/x"}, source="container"), self.RELATIVE)

    def test_eks(self):
        for address in (EKS, EKS_V6):
            server = self.serve(address, 80)
            server.container_path, server.container_token = "/v1/credentials", "ThePodsToken.eyJ.x-_"
            file = self.token_file(b"ThePodsToken.eyJ.x-_")
            variables = {self.FULL: server.url + "/v1/credentials", self.TOKEN_FILE: file, self.TOKEN: "another"}
            self.good(server, self.fetch(variables, source="container"), ["container"], address)
            server.container_token = "ThePodsToken.new"
            self.bad(self.fetch(variables, source="container"), "answers 401", "token")
            file.write_text("ThePodsToken.new\n")
            self.good(server, self.fetch(variables, source="container"), ["container"] * 3)

    def test_relative_before_full_and_the_section_before_both(self):
        ecs, own = self.serve(ECS, 80), self.serve()
        variables = {self.RELATIVE: ecs.container_path, self.FULL: own.url + own.container_path, self.TOKEN: "ThePodsToken"}
        ecs.container_token = "ThePodsToken"
        self.good(ecs, self.fetch(variables, source="container"), ["container"])
        self.assertEqual(own.requests, [])
        self.good(own, self.container(own, variables), ["container"])  # without the environment's token
        own.container_token = "Basic ThePodsToken=="
        file = self.token_file(b"Basic ThePodsToken==")
        self.good(own, self.container(own, variables, token_file=file), ["container"] * 2)

    def test_where_http_is_allowed(self):
        server = self.serve("::1")
        for host in ("[::1]", "localhost"):
            server.authority = "%s:%d" % (host, server.port)
            self.fetch(source="container", url="http://%s%s" % (server.authority, server.container_path))
        self.assertEqual(server.kinds(), ["container"] * 2)
        server.check()
        mapped = self.serve()
        mapped.authority = "[::ffff:127.0.0.1]:%d" % mapped.port
        self.good(mapped, self.fetch(source="container", url="http://%s%s" % (mapped.authority, mapped.container_path)),
                  ["container"])
        for host in ("10.1.2.3", "example.com", "169.254.170.3", "169.254.169.254", "[fd00:ec2::24]", "127.0.0.1.example.com",
                     "localhost.example.com", "0.0.0.0", "[::]", "[::ffff:10.1.2.3]", "example.com#127.0.0.1", "0x0a010203"):
            with self.subTest(host):
                url = "http://%s:%d/x" % (host, server.port) if "#" not in host else "http://%s" % host
                self.bad(self.fetch({self.FULL: url}, source="container"), "http:// is only for loopback")
                self.assertIn("this is no URL" if "#" in host else "keys would pass in clear text",
                              self.refused("url", source="container", url=url))
        for url in ("http://127.0.0.1@example.com/", "http://example.com\\@127.0.0.1/", "file:///etc/passwd", "127.0.0.1/x", ":"):
            with self.subTest(url):
                self.bad(self.fetch({self.FULL: url}, source="container"), "")
                self.assertIn("user names are not sent" if "@" in url else "this is no URL",
                              self.refused("url", source="container", url=url))
        self.assertEqual(len(server.requests), 2)

    def test_https_needs_a_certificate_that_is_right(self):
        netns.command("ip addr add 10.78.9.9/32 dev lo")
        folder = lib.certificates()
        context = lib.ssl.SSLContext(lib.ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "endpoint.pem", folder / "endpoint.key")
        server = self.serve("10.78.9.9", 443, context=context)
        self.bad(self.container(server), "10.78.9.9", "certificate")
        self.assertEqual(server.requests, [])

    def test_tokens_that_cannot_be_sent(self):
        server = self.serve()
        server.container_token = "ThePodsToken"
        for content, words in ((b"", "no token"), (b"\n\r\n", "no token"), (b"ThePodsToken\r\nX-Evil: 1", "several lines"),
                               (b"ThePodsToken\nX", "several lines"), (b"ThePodsToken\0", "several lines"),
                               (b"ThePodsToken\x01", "control bytes"), (b"  \t", "control bytes"), (b"x" * 17000, "longer")):
            with self.subTest(words):
                self.bad(self.container(server, token_file=self.token_file(content)), words)
        for value in ("ThePodsToken\r\nX-Evil: 1", "ThePodsToken\nX", "x" * 17000):
            variables = {self.FULL: server.url + server.container_path, self.TOKEN: value}
            self.bad(self.fetch(variables, source="container"), self.TOKEN)
        self.bad(self.container(server, token_file=lib.WORK / "no-such-file"), "no-such-file", "No such file")
        self.bad(self.container(server, token_file=lib.WORK), "no token")
        os.mkfifo(lib.WORK / "fifo")
        self.bad(self.container(server, token_file=lib.WORK / "fifo"), "no token")
        self.assertEqual(server.requests, [])
        self.good(server, self.container(server, token_file=self.token_file(b"ThePodsToken\r\n")), ["container"])

    def test_statuses(self):
        server = self.serve()
        for answer, words in ((metadata.status(400, b"secret body"), "answers 400"), (metadata.status(401), "access denied"),
                              (metadata.status(403), "access denied"), (metadata.status(404), "answers 404"),
                              (metadata.status(429), "too many requests"), (metadata.status(500), "answers 500"),
                              (metadata.status(502, b"<html>", ("Content-Type", "text/html")), "HTML"),
                              (metadata.redirect("http://127.0.0.1:9/"), "redirect"), (metadata.html(), "HTML"),
                              (metadata.truncated_json, "cut off"), (metadata.short_body, "remaining to read"),
                              (metadata.huge(257 * 1024), "too long"), (metadata.reset, "127.0.0.1:")):
            with self.subTest(words):
                server.on("container", answer)
                result = self.container(server)
                self.bad(result, words)
                self.assertNotIn("secret body", result["detail"])
        server.check()

    def test_silence_ends_in_time(self):
        server = self.serve()
        for answer in (metadata.silence, metadata.drip()):
            server.on("container", answer)
            self.bad(self.container(server, timeout="700ms"), "timed out")
            self.assertLess(self.seconds, 30)

    def test_documents_in_other_clothes(self):
        server = self.serve()
        for answer in (metadata.chunked, metadata.close_delimited, metadata.expired()):
            server.requests.clear()
            server.on("container", answer)
            self.good(server, self.container(server), ["container"])

    def test_nobody_is_there(self):
        self.bad(self.fetch(source="container", url="http://127.0.0.1:9/x"), "Connection refused")


if __name__ == "__main__":
    lib.main()
