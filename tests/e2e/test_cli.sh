#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_cli.sh: the commands of the real binary ($S3ONRAMP), from nothing to a configuration that is fine.
# Works in a folder of its own; needs no root and no network.
set -u
S3ONRAMP=$(realpath "${S3ONRAMP:?set S3ONRAMP to the binary to test}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
[ -x "$S3ONRAMP" ] || { echo "$S3ONRAMP cannot be run" >&2; exit 1; }
cd "$folder" || exit 1
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
failures=0

fail() {
    echo "FAIL line ${BASH_LINENO[1]}: $*" >&2
    sed 's/^/    /' out err >&2
    failures=$((failures + 1))
}

# expect CODE COMMAND...: runs the binary; its output goes to the files out and err.
expect() {
    local want=$1
    shift
    "$S3ONRAMP" "$@" >out 2>err </dev/null
    local got=$?
    [ "$got" = "$want" ] || fail "s3onramp $*: exit code $got, not $want"
    ! grep -q -e AddressSanitizer -e 'runtime error' err || fail "s3onramp $*: sanitizer report"
}
# has FILE TEXT: the fixed text is in the file.
has() { grep -qF -- "$2" "$1" || fail "\"$2\" is not in $1"; }
hasnt() { ! grep -qF -- "$2" "$1" || fail "\"$2\" is in $1"; }
mode() { [ "$(stat -c %a "$1")" = "$2" ] || fail "mode of $1 is $(stat -c %a "$1"), not $2"; }

# --- usage ---
expect 2
has err "Usage: s3onramp COMMAND"
expect 0 --help
has out "client add|list|rotate|..."
for command in serve check status ca client version; do
    has out "s3onramp $command"
    expect 0 $command --help
    has out "Usage: s3onramp $command"
    has out "Example:"
    expect 2 $command --nonsense
    has err "there is no option --nonsense"
    expect 0 --help
done
hasnt out $'\033'
expect 2 frobnicate
has err "there is no command \"frobnicate\""
expect 2 stauts
has err "there is no command \"stauts\"; did you mean status?"
expect 2 serve --conifg=s3onramp.ini
has err "there is no option --conifg=s3onramp.ini; did you mean --config?"
expect 2 serve s3onramp.ini
has err "there is nothing to do with \"s3onramp.ini\"; name the file with -c"
expect 0 help serve
has out "Usage: s3onramp serve"
expect 2 help frobnicate
has err "there is no command \"frobnicate\""
expect 2 --config s3onramp.ini serve
has err "options come after the command: s3onramp serve --config s3onramp.ini"
expect 2 -c s3onramp.ini
has err "options come after the command: s3onramp COMMAND -c s3onramp.ini"
expect 1 doctor http://
has out "an empty word is not the name of an S3 interface endpoint"
expect 2 check -c
has err "option -c needs a value"
expect 2 check extra
expect 2 ca
expect 2 ca destroy
expect 2 ca init --days 0
expect 2 ca init --days 1x
expect 0 help client rotate
has out "Usage: s3onramp client rotate NAME [--grace TIME]"
has out "--grace"
hasnt out "      --tag KEY=VALUE"
expect 0 client remove --help
has out "Usage: s3onramp client disable|remove NAME"
hasnt out "client rotate NAME"
expect 2 client
expect 2 client add
expect 2 client add 'a b' --policy read-only
expect 2 client add 'bob!' --policy read-only
has err "'!' cannot be in a client's name"
expect 2 client remove x --policy read-only
has err "\`client remove\` takes no --policy; that goes with add, password, set"
expect 2 client list x
has err "\`client list\` takes no NAME; that goes with all but list"
expect 0 version
for library in s3onramp libevent OpenSSL libcurl inih; do has out "$library "; done
cp out versions
for option in --version -V; do
    expect 0 $option
    cmp -s out versions || fail "$option is not as version"
done
rm versions

# --- the example, and what is missing in it ---
expect 0 check --example
cp out s3onramp.ini
expect 1 check -c s3onramp.ini
hasnt err "credentials" # they are a chain
has err "client \"me\" has no key pair"
expect 1 check -c missing.ini
has err "missing.ini: cannot be opened (No such file or directory)"

# --- clients ---
expect 0 client add me -c s3onramp.ini
mode clients.ini 600
has out "# s3onramp client me"
has out "[default]"
id=$(sed -n 's/^aws_access_key_id = //p' out)
secret=$(sed -n 's/^aws_secret_access_key = //p' out)
[[ $id =~ ^S3OR[A-Z2-7]{16}$ ]] || fail "access key $id"
[[ $secret =~ ^[A-Za-z0-9+/]{40}$ ]] || fail "secret of ${#secret} characters"
has clients.ini "access_key_id = $id"
has clients.ini "secret_access_key = $secret"
hasnt err "$secret"
expect 1 client add me -c s3onramp.ini
has err "has a key pair already"
has clients.ini "$secret"
export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=outersecret
expect 0 check -c s3onramp.ini
has err "fine: 1 listener, 1 endpoint, 1 client"
expect 0 check -c s3onramp.ini --print
has out "; clients.ini:2"
hasnt out "$secret"
hasnt out outersecret

expect 2 client add bob -c s3onramp.ini
has err "needs a policy"
expect 1 client add bob -c s3onramp.ini --policy nope
has err "there is no [policy nope]"
expect 1 client add me2 -c missing.ini --policy read-only
mkdir grouped
cp s3onramp.ini grouped && (cd grouped && printf '[group team]\npolicy = read-only\n[client kim]\ngroups = team\n' >>s3onramp.ini)
expect 0 client add kim --no-reload -c grouped/s3onramp.ini
has err 'Client "kim" with policy read-only is in '
expect 0 client list -c grouped/s3onramp.ini
has out "kim"
rm -r grouped
printf '\n# kept: about carol\n[client carol]\npolicy = read-only\n; kept: inside\n' >>clients.ini
expect 0 client add bob --policy allow-all -c s3onramp.ini
expect 1 client add carol --policy allow-all -c s3onramp.ini
has err "policy = read-only"
expect 0 client add carol -c s3onramp.ini
expect 0 client list -c s3onramp.ini
[ "$(wc -l <out)" = 4 ] || fail "list has $(wc -l <out) lines, not 4"
has out "$id"
hasnt out "$secret"
grep -qE '^carol +S3OR[A-Z2-7]{16} +0d +read-only' out || fail "carol is not listed"
grep -qE '^bob +S3OR[A-Z2-7]{16} +0d +allow-all' out || fail "bob is not listed"
expect 0 check -c s3onramp.ini

# Passwords: one line of standard input in, a hash out, the rest of the file as it was.
password() { # CODE PASSWORD NAME…
    local want=$1 text=$2
    shift 2
    printf '%s\n' "$text" | "$S3ONRAMP" client password "$@" -c s3onramp.ini >out 2>err
    local got=$?
    [ "$got" = "$want" ] || fail "client password $*: exit code $got, not $want"
    hasnt out "$text"
    hasnt err "$text"
}
password 0 'long enough: 1' carol
has clients.ini "password = \$y\$"
hasnt clients.ini 'long enough'
has clients.ini "; kept: inside"
first=$(grep -F 'password = ' clients.ini)
password 0 'long enough: 2' carol
[ "$(grep -cF 'password = ' clients.ini)" = 1 ] || fail "the old hash is still there"
[ "$(grep -F 'password = ' clients.ini)" != "$first" ] || fail "the hash has not changed"
expect 0 check -c s3onramp.ini
expect 0 check --print -c s3onramp.ini
has out 'password = ********'
hasnt out "\$y\$"
password 1 'short' carol
has err "fewer than 8 bytes"
password 1 'long enough: 3' nobody
has err "there is no client \"nobody\""
password 1 'long enough: 3' dave --policy nope
password 1 'long enough: 3' carol --policy allow-all
password 1 "$(printf 'x%.0s' $(seq 300))" carol
expect 1 client password carol -c s3onramp.ini
password 0 'long enough: 3' dave --policy read-only
has clients.ini "[client dave]"
expect 0 check -c s3onramp.ini
expect 0 client remove dave -c s3onramp.ini
mode clients.ini 600

expect 0 client remove me -c s3onramp.ini
hasnt clients.ini "$id"
has clients.ini "# kept: about carol"
has clients.ini "; kept: inside"
expect 1 client remove me -c s3onramp.ini
has err "is not in the clients file"
expect 1 client remove nobody -c s3onramp.ini
has err "there is no client \"nobody\""
expect 0 client remove carol -c s3onramp.ini
has clients.ini "# kept: about carol"
hasnt clients.ini "[client carol]"
has clients.ini "[client bob]"
mode clients.ini 600
[ "$(ls -A | sort | tr '\n' ' ')" = "clients.ini clients.ini.lock err out s3onramp.ini " ] || fail "left over: $(ls -A)"

# E-mail addresses are names, in commands, sections and URLs.
expect 0 client add 'Bob.Smith+s3=x,y@example.com' --policy read-only -c s3onramp.ini
expect 0 client list -c s3onramp.ini
has out 'Bob.Smith+s3=x,y@example.com '
password 0 'long enough: 4' 'Bob.Smith+s3=x,y@example.com'
has err 'https://Bob.Smith%2Bs3%3Dx%2Cy%40example.com:PASSWORD@'
expect 0 client remove 'Bob.Smith+s3=x,y@example.com' -c s3onramp.ini
hasnt clients.ini example.com

# A new pair, and the old one for a while; then neither that nor the one before.
expect 0 client add rota --policy read-only --expires 2999-12-31 -c s3onramp.ini
first=$(sed -n 's/^aws_access_key_id = //p' out)
has clients.ini "expires = 2999-12-31"
expect 0 client rotate rota --grace 2d -c s3onramp.ini
second=$(sed -n 's/^aws_access_key_id = //p' out)
has err "the old one counts until $(date -u -d '+2 days' +%Y-%m-)"
has clients.ini "access_key_id_2 = $first"
has clients.ini "access_key_id = $second"
expect 1 check -c s3onramp.ini # of [client me] in the example
hasnt err rota
expect 0 client list -c s3onramp.ini
grep -qE "^rota +$second +0d +read-only +- +active " out || fail "rota's new pair is not listed"
grep -qE "^ +$first +0d +active +until [0-9TZ:-]+$" out || fail "rota's old pair is not listed"
cp clients.ini before
expect 1 client rotate rota -c s3onramp.ini
has err "two key pairs that count"
cmp before clients.ini || fail "a refused rotation changed the file"
expect 0 client rotate rota --grace 0s -c s3onramp.ini
hasnt clients.ini "$first"
hasnt clients.ini "$second"
expect 2 client rotate rota --grace 2w -c s3onramp.ini
expect 2 client rotate rota --policy read-only -c s3onramp.ini
expect 2 client add rota2 --policy read-only --expires soon -c s3onramp.ini
expect 1 client rotate nobody -c s3onramp.ini

# Many at once: judged whole, written at once or not at all, each name beside its keys.
mkdir many
cat >many/s3onramp.ini <<'END'
[listener local]
mode = forward
bind = 127.0.0.1:1
[admin]
socket = off
[server]
private_networks = 127.0.0.0/8
[endpoint e]
region = ap-northeast-1
addresses = 127.0.0.1
credentials = d
[credentials d]
source = assume-role
role_arn = arn:aws:iam::123456789012:role/r
source_credentials = base
session_name = session-name-of-{client}
[credentials base]
source = static
access_key_id = AKIDBASE
secret_access_key = secret-of-base
[group analysts]
policy = read-only
tags.team = group
[group auditors]
[client written]
groups = analysts
tags.cost = 7
[listener open]
mode = forward
bind = 127.0.0.1:2
anonymous = written
END
printf '# kept\r\n[client old]\r\npolicy = read-only ; kept\r\ngroups = auditors\r\n' >many/clients.ini
chmod 600 many/*.ini
M=(-c many/s3onramp.ini)
cp many/clients.ini before
printf 'name,group,tag.team,expires\nann,nope,x,2030-01-01\nb d,,,\nann,,,\nbea,analysts,"a;b",soon\nwritten,auditors,,\nzoe,auditors,,\n' >p.csv
expect 1 client add --from p.csv "${M[@]}"
for line in '2: there is no [group nope]' "3: \"b d\" cannot be a client's name" '4: "ann" stands here again, first at line 2' \
    '5: expires soon' "5: tag team: a tag's value" '6: client "written" has groups = analysts' '7: client "zoe" needs a policy'; do
    has err "p.csv:$line"
done
has err "nothing is changed"
cmp before many/clients.ini || fail "a refused file changed the clients"
[ ! -s out ] || fail "keys of a refused file: $(cat out)"
printf 'name\n%s\n' "$(printf 'n%.0s' {1..60})" >p.csv
expect 1 client add --from p.csv --policy read-only "${M[@]}"
has err 'with client "nnnn'
cmp before many/clients.ini || fail "clients that the configuration cannot have are written"
printf '\xef\xbb\xbfname,group,tag.team,expires\r\nann,analysts auditors,arch ive,2999-01-01\r\n"x,y@example.com",analysts,,\r\nwritten,,,\r\nold,,,\r\n' >p.csv
if [ -e /dev/full ]; then
    "$S3ONRAMP" client add --from p.csv "${M[@]}" >/dev/full 2>err && fail "keys that nobody got"
    cmp before many/clients.ini || fail "keys that nobody got are written"
fi
expect 1 client add --from p.csv --csv --tag cost=9 "${M[@]}"
has err "client \"written\" has tags.cost already"
sed -i '/^written/d' p.csv
expect 0 client add --from p.csv --csv --tag cost=9 "${M[@]}"
has err "3 clients are in "
/usr/bin/python3 - <<'END' || fail "the keys as CSV, and the file"
import csv, re
rows = list(csv.reader(open("out")))
assert rows[0] == ["User name", "Access key ID", "Secret access key"] and [r[0] for r in rows[1:]] == ["ann", "x,y@example.com", "old"], rows
text = open("many/clients.ini", newline="").read()
assert text.startswith("# kept\r\n[client old]\r\npolicy = read-only ; kept\r\n"), text
assert not re.search("[^\r]\n", text), text
sections = dict(re.findall(r"\[client (.*?)\]\r\n(.*?)(?=\r\n\[|\Z)", text, re.S))
for name, key, secret in rows[1:]:
    assert "access_key_id = %s\r\nsecret_access_key = %s\r\ncreated = 20" % (key, secret) in sections[name], text
assert "groups = analysts, auditors\r\nexpires = 2999-01-01\r\ntags.team = arch ive\r\ntags.cost = 9" in sections["ann"], text
assert "tags.cost = 9" in sections["old"] and "groups = analysts\r\ntags.cost = 9" in sections["x,y@example.com"], text
END
printf 'kim\n# more\nlee\n' | "$S3ONRAMP" client add --from - --group analysts --json "${M[@]}" >out 2>err || fail "names of standard input: $(cat err)"
/usr/bin/python3 -c 'import json; c = json.load(open("out"))["clients"]; assert [x["name"] for x in c] == ["kim", "lee"] and all(len(x["secret_access_key"]) == 40 for x in c), c' || fail "the keys as JSON"
expect 0 client list "${M[@]}"
grep -qE '^ann +S3OR[A-Z2-7]{16} +0d +read-only +analysts, auditors +active ' out || fail "ann's line: $(cat out)"
expect 0 client list --group auditors "${M[@]}"
[ "$(awk 'NR > 1 {print $1}' out | sort | tr '\n' ' ')" = "ann old " ] || fail "of a group: $(cat out)"
expect 1 client list --group nope "${M[@]}"
expect 0 client list --json --group analysts "${M[@]}"
/usr/bin/python3 - <<'END' || fail "list --json with groups"
import json
clients = {c["name"]: c for c in json.load(open("out"))["clients"]}
assert set(clients) == {"written", "ann", "x,y@example.com", "kim", "lee"}, clients
ann = clients["ann"]
assert (ann["groups"], ann["policies"], ann["tags"]) == (["analysts", "auditors"], ["read-only"], {"team": "arch ive", "cost": "9"}), ann
assert ann["expires"] == "2999-01-01T00:00:00Z" and 0 <= ann["keys"][0]["age_s"] < 3600, ann
assert clients["kim"]["tags"] == {"team": "group"}, clients
END

# One by one: groups, tags, policies, an end; what the configuration would not take is not written.
expect 0 client set ann --group auditors --tag TEAM= --tag cost=10 --policy read-only,allow-all "${M[@]}"
has many/clients.ini "groups = auditors"
has many/clients.ini "policy = read-only, allow-all"
has many/clients.ini "tags.cost = 10"
hasnt many/clients.ini "arch ive"
cp many/clients.ini before
expect 1 client set kim --group '' "${M[@]}"
has err "nothing is changed"
expect 1 client set kim --group nope "${M[@]}"
has err "there is no [group nope]"
expect 1 client set written --tag cost=8 "${M[@]}"
has err "tags.cost of client \"written\" is not in the clients file"
expect 1 client set written --group auditors "${M[@]}"
has err "s3onramp.ini:26; change it there"
expect 1 client set nobody --group auditors "${M[@]}"
expect 2 client set ann "${M[@]}"
expect 2 client set ann --tag cost "${M[@]}"
expect 2 client set ann --expires 2030-01-01 "${M[@]}"
expect 2 client expire ann "${M[@]}"
expect 2 client expire ann soon "${M[@]}"
expect 2 client add x --csv --json --policy read-only "${M[@]}"
expect 2 client add x --from p.csv --policy read-only "${M[@]}"
cmp before many/clients.ini || fail "a refused change was written"
expect 0 client expire ann never "${M[@]}"
hasnt many/clients.ini "2999-01-01"
expect 0 client expire ann 2001-02-03 "${M[@]}"
has err "is refused: it has expired 2001-02-03T00:00:00Z"
has many/clients.ini "expires = 2001-02-03"
expect 0 client rotate ann --csv "${M[@]}"
has out "ann,S3OR"
grep -A99 '^\[client ann\]' many/clients.ini | grep -qE '^created_2 = 20' || fail "the old pair's age"
rm -r many before p.csv

# Off and on again, and what programs read of it.
cp clients.ini before
expect 0 client disable rota -c s3onramp.ini
has clients.ini "disabled = yes"
expect 0 client list --json -c s3onramp.ini
/usr/bin/python3 - <<'END' || fail "list --json"
import json
client, = [c for c in json.load(open("out"))["clients"] if c["name"] == "rota"]
assert client["state"] == "disabled" and client["expires"] == "2999-12-31T00:00:00Z" and not client["password"], client
assert [k["state"] for k in client["keys"]] == ["active"] and client["policy"] == "read-only", client
assert "secret" not in open("out").read()
END
expect 0 client enable rota -c s3onramp.ini
cmp before clients.ini || fail "enable is not the opposite of disable"
expect 1 client disable nobody -c s3onramp.ini
has err "there is no client \"nobody\""

# A byte order mark and line ends of Windows: all commands read the file alike.
cp clients.ini before
printf '\xef\xbb\xbf[client mark]\r\npolicy = read-only\r\naccess_key_id = S3ORMARK\r\nsecret_access_key = 0123456789abcdefghij\r\n' >clients.ini
expect 0 client list -c s3onramp.ini
has out "mark "
expect 1 client add mark -c s3onramp.ini
expect 0 client disable mark -c s3onramp.ini
[ "$(tail -c 16 clients.ini | od -An -c | tr -d ' \n')" = 'disabled=yes\r\n' ] || fail "the line's end: $(tail -c 16 clients.ini | od -c)"
expect 1 check -c s3onramp.ini
hasnt err mark
expect 0 client remove mark -c s3onramp.ini
[ "$(od -An -tx1 clients.ini)" = " ef bb bf" ] || fail "left: $(od -c clients.ini)"
cp before clients.ini
expect 0 client remove rota -c s3onramp.ini
rm before

# Whoever leaves is taken out, whatever else is wrong, and however often the file has the section.
printf '[server]\nworkers = many\n[listner l]\nnonsense\n' >broken.ini
printf '[client leaver]\npolicy = read-only\n\n[client stays]\npolicy = none\n\n[client leaver]\nnonsense\n' >>clients.ini
expect 1 client remove leaver -c broken.ini
has err "a proxy that runs does not know it"
hasnt clients.ini leaver
has clients.ini "[client stays]"
has err "workers = many"
expect 1 client remove leaver -c broken.ini
has err "when the problems above are mended"
expect 0 client remove stays --no-reload -c broken.ini
rm broken.ini

# Nobody else can hold up a change: the lock is a file of its own that others cannot open…
mode clients.ini.lock 600
if [ "$(id -u)" = 0 ]; then
    chmod 755 .
    setpriv --reuid=65534 --regid=65534 --clear-groups flock -s . sleep 30 &
    holder=$!
    for _ in {1..100}; do flock -n . true || break; sleep 0.05; done # until it holds it
    ! flock -n . true || fail "nobody could not lock the folder: the test shows nothing"
    timeout 20 "$S3ONRAMP" client remove bob -c s3onramp.ini 2>err || fail "who locks the folder blocks client remove"
    kill $holder
    chmod 700 .
    expect 0 client add bob --policy allow-all -c s3onramp.ini
    chmod 644 clients.ini.lock
    expect 1 client remove bob -c s3onramp.ini
    has err "clients.ini.lock is no file of its owner's alone"
    chmod 600 clients.ini.lock
fi
# …a prompt comes before it…
mkfifo typed
"$S3ONRAMP" client password bob -c s3onramp.ini <typed 2>typing &
typist=$!
exec 7>typed
printf 'long ' >&7
/usr/bin/python3 - <<'END' || fail "nobody reads the password"
import array, fcntl, sys, termios, time
unread, deadline = array.array("i", [1]), time.monotonic() + 30
while unread[0] and time.monotonic() < deadline:
    time.sleep(0.02)
    fcntl.ioctl(7, termios.FIONREAD, unread)
sys.exit(bool(unread[0]))
END
timeout 20 "$S3ONRAMP" client remove bob -c s3onramp.ini 2>err || fail "a prompt blocks client remove"
printf 'enough: 5\n' >&7
exec 7>&-
wait $typist && fail "a password for a client that has gone"
rm typed typing
expect 0 client add bob --policy allow-all -c s3onramp.ini
# …and whoever holds it is named.
/usr/bin/python3 - "$S3ONRAMP" <<'END' || fail "who holds the lock"
import fcntl, os, subprocess, sys
with open("clients.ini.lock", "r+") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    result = subprocess.run([sys.argv[1], "client", "remove", "bob", "-c", "s3onramp.ini"], stderr=subprocess.PIPE, text=True, timeout=60)
assert result.returncode == 1 and "process %d holds" % os.getpid() in result.stderr, result
END
has clients.ini "[client bob]"

# ^C at the prompt ends the program, and the terminal echoes again.
/usr/bin/python3 - "$S3ONRAMP" <<'END' || fail "^C at the prompt"
import os, pty, signal, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "client", "password", "bob", "-c", "s3onramp.ini"])
echoes = lambda: bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
seen = b""
while b"Password: " not in seen or echoes():
    seen += os.read(terminal, 1) if b"Password: " not in seen else b""
os.write(terminal, b"secr\x03")
status = os.waitpid(pid, 0)[1]
assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, status
assert echoes(), "no echo"
END

# Many at once: the lock keeps every one.
for i in 1 2 3 4 5 6 7 8; do "$S3ONRAMP" client add "many$i" --policy read-only -c s3onramp.ini >/dev/null 2>&1 & done
wait
expect 0 client list -c s3onramp.ini
[ "$(grep -c '^many' out)" = 8 ] || fail "of 8 clients added at once $(grep -c '^many' out) are there"

# The first client makes the clients file, also where its name is written.
cp s3onramp.ini named.ini
sed -i 's|^\[server\]|&\nclients_file = first.ini|' named.ini
has named.ini "clients_file = first.ini"
expect 1 check -c named.ini
has err "make it with"
expect 0 client add first --policy read-only --no-reload -c named.ini
has first.ini "[client first]"
expect 0 client add me --no-reload -c named.ini
expect 0 check -c named.ini

# Whoever may not read the clients file: commands that need none do not look at it, the others say what to do.
if [ "$(id -u)" = 0 ]; then
    chmod 711 . && cp s3onramp.ini others.ini && chmod 644 others.ini
    for words in "env -c others.ini" "status -c others.ini" "ca export -c others.ini" "check -c others.ini" "check -c s3onramp.ini"; do
        # shellcheck disable=SC2086 # several words
        setpriv --reuid=65534 --regid=65534 --clear-groups "$S3ONRAMP" $words >out 2>err
        case $words in
        check*) has err "run this as the proxy's user" ;;
        *) hasnt err "clients" ;;
        esac
    done
    chmod 600 s3onramp.ini && rm others.ini && chmod 700 .
fi

# What has no end is no configuration.
expect 1 check -c /dev/zero
has err "/dev/zero: is no regular file and no pipe"
"$S3ONRAMP" check -c /dev/stdin <s3onramp.ini >out 2>err
hasnt err "no regular file"
# shellcheck disable=SC2002 # a pipe, not a file
cat s3onramp.ini | "$S3ONRAMP" check -c /dev/stdin >out 2>err
hasnt err "no regular file"

# A link stays a link.
mkdir real && mv clients.ini real/ && ln -s real/clients.ini clients.ini
expect 0 client add linked --policy read-only -c s3onramp.ini
[ -L clients.ini ] || fail "the symbolic link was replaced"
has real/clients.ini "[client linked]"

# What others may read is refused.
chmod 644 real/clients.ini
expect 1 check -c s3onramp.ini
has err "chmod g-w,o= clients.ini"
chmod 600 real/clients.ini

# Keys that nobody could read are not made in silence.
"$S3ONRAMP" client add full --policy read-only -c s3onramp.ini >/dev/full 2>err
[ $? = 1 ] || fail "a full disk goes unnoticed"
has err "No space left on device"
"$S3ONRAMP" check --example >/dev/full 2>err
[ $? = 1 ] || fail "a full disk goes unnoticed"

# Text that is not UTF-8 makes nothing vanish.
printf '[credentials odd]\nsource = profile\nprofile = p\nconfig_file = caf\351\nshared_credentials_file = caf\351\033\n[listener l]\nmode = endpoint\n[endpoint e]\nregion = us-east-1\naddresses = 10.0.0.1\ncredentials = odd\n' >odd.ini
chmod 600 odd.ini
expect 1 credentials odd --fetch --json -c odd.ini
has out '"detail": "'
has out $'caf\357\277\275'
expect 1 credentials odd --fetch -c odd.ini
has err $'caf\357\277\275'
hasnt err $'\033'
rm odd.ini

# --- the CA ---
cat >forward.ini <<'END'
[ca]
certificate = ca.pem
private_key = ca.key
[listener proxy]
mode = forward
tls = on
names = s3.lab.test
[endpoint osaka]
region = ap-northeast-3
addresses = 10.0.0.1
[endpoint beijing]
region = cn-north-1
addresses = 10.0.0.2
END
expect 1 check -c forward.ini
has err "s3onramp ca init"
expect 1 ca show -c forward.ini
expect 1 ca export -c forward.ini
has err "s3onramp ca init"
sed 's,ca\.pem,none/ca.pem,; s,ca\.key,none/ca.key,' forward.ini >elsewhere.ini
expect 1 ca init -c elsewhere.ini
has err "Make that folder"
rm elsewhere.ini
expect 0 ca init -c forward.ini --days 100
has out "export AWS_CA_BUNDLE=ca.pem"
mode ca.key 600
mode ca.pem 644
has err "It permits 23 names and 1 address; "
expect 1 ca init -c forward.ini
has err "--force"
expect 0 ca show -c forward.ini
for name in s3.ap-northeast-3.amazonaws.com s3-accesspoint.dualstack.cn-north-1.amazonaws.com.cn s3.amazonaws.com \
    s3.lab.test localhost 127.0.0.1; do
    has out "permitted:   $name"
done
hasnt out "permitted:   amazonaws.com"
hasnt out "/8"
expect 0 ca export -c forward.ini
cmp -s out ca.pem || fail "the exported certificate differs"
hasnt out "PRIVATE"
expect 0 check -c forward.ini
(cat forward.ini && printf '[policy some]\naccess = read-write\n[client some]\npolicy = some\npassword = %s\n' "$(openssl passwd -6 x)") >note.ini
chmod 600 note.ini
expect 0 check -c note.ini
has err 'note: access = read-write of policy "some" is for objects only'
cp ca.pem old.pem
expect 0 ca init -c forward.ini --force
! cmp -s old.pem ca.pem || fail "--force made no new authority"
sed -i 's/s3.lab.test/s3.other.test/' forward.ini
expect 1 check -c forward.ini
has err "does not permit the name s3.other.test"
sed -i 's/s3.other.test/s3.lab.test/' forward.ini
chmod 644 ca.key
expect 1 check -c forward.ini
has err "chmod g-w,o= ca.key"

chmod 600 ca.key

# A path is one word for the shell and nothing for the terminal; the files stand beside the configuration without [ca].
# shellcheck disable=SC2016 # nobody is to execute it
odd='odd $(touch struck) '$'\e]2;'
mkdir "$odd"
grep -v -e '^\[ca\]' -e '^certificate' -e '^private_key' forward.ini >"$odd/s3onramp.ini"
chmod 600 "$odd/s3onramp.ini"
expect 0 ca init -c "$odd/s3onramp.ini"
[ -f "$odd/ca.pem" ] || fail "ca init does not write beside the configuration"
(eval "$(cat out)" && [ "$AWS_CA_BUNDLE" -ef "$odd/ca.pem" ]) || fail "what ca init prints is not for a shell: $(cat -v out)"
expect 1 ca init -c "$odd/s3onramp.ini"
hasnt err $'\e'
[ ! -e struck ] || fail "a path was executed"
rm -r "$odd"

# --- what would stop or trouble `serve` is said by `check`, with its place, and `serve` says the same ---
umask 077
cat >trouble.ini <<'END'
[ca]
certificate = ca.pem
private_key = ca.key
[listener proxy]
mode = forward
bind = 127.0.0.1:0
proxy_auth = required
[endpoint osaka]
region = ap-northeast-3
addresses = 10.0.0.1
[credentials default]
access_key_id = AKID
secret_access_key = test
END
expect 0 ca init -c forward.ini --force --days 20
expect 0 check -c trouble.ini
has err "trouble.ini:7: warning: proxy_auth = required, and no client has a password"
has err "trouble.ini:2: warning: certificate: ca.pem ends on "
has err "trouble.ini:2: warning: certificate: ca.pem permits s3.lab.test and names below"
has err "fine, with 3 warnings: 1 listener"
expect 1 check -c trouble.ini --strict
has err "3 warnings in trouble.ini, and --strict takes none"
hasnt err "fine"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=free -days 100 \
    -addext keyUsage=critical,keyCertSign -keyout free.key -out free.pem 2>/dev/null
sed 's/^certificate.*/certificate = free.pem/; s/^private_key.*/private_key = free.key/' trouble.ini >free.ini
expect 0 check -c free.ini
has err "free.ini:2: warning: certificate: free.pem has no name constraints"

# An authority without constraints, for TLS libraries that know none.
sed 's/^certificate.*/certificate = any.pem/; s/^private_key.*/private_key = any.key/' trouble.ini >any.ini
expect 0 ca init -c any.ini --no-constraints
has err "Warning: it has no name constraints"
openssl x509 -in any.pem -noout -text >out
has out "CA:TRUE, pathlen:0"
hasnt out "Name Constraints"
expect 0 check -c any.ini
has err "any.ini:2: warning: certificate: any.pem has no name constraints"
for authority in any ca; do # a leaf for whatever: of the one it is good, of the other it is not
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=leaf -keyout leaf.key -out leaf.csr 2>/dev/null
    openssl x509 -req -in leaf.csr -CA $authority.pem -CAkey $authority.key -set_serial 4711 -days 9 -out leaf.pem -extfile <(
        printf '%s\n' subjectAltName=DNS:bank.example basicConstraints=critical,CA:FALSE extendedKeyUsage=serverAuth \
            authorityKeyIdentifier=keyid:always) 2>/dev/null
    openssl verify -x509_strict -purpose sslserver -verify_hostname bank.example -CAfile $authority.pem leaf.pem >out 2>&1
    if [ $authority = any ]; then has out "leaf.pem: OK"; else has out "permitted subtree violation"; fi
done
# An authority that was made for another address.
sed 's/^bind.*/bind = 127.0.0.1:0, 127.0.0.9:0\ntls = on/; s/^proxy_auth.*//' trouble.ini >elsewhere.ini
expect 0 check -c elsewhere.ini
has err "elsewhere.ini:6: warning: bind: ca.pem does not permit 127.0.0.9: clients"
hasnt err "does not permit 127.0.0.1"
sed -i '/^tls/d' elsewhere.ini
expect 0 check -c elsewhere.ini
hasnt err "warning: bind"
# Sources that have nothing to give here.
touch shared.conf
sed '/^access_key/d; s|^secret_access_key.*|source = process\ncommand = /nope/helper --token=hidden|' trouble.ini >source.ini
expect 0 check -c source.ini
has err "source.ini:13: warning: command: the program /nope/helper is not there"
hasnt err "hidden"
sed -i 's|^command.*|command = true|' source.ini
expect 0 check -c source.ini
hasnt err "warning: command"
sed -i "s|^source.*|source = profile|; s|^command.*|profile = office\nconfig_file = $PWD/shared.conf|" source.ini
expect 0 check -c source.ini
has err "source.ini:13: warning: profile: there is no profile \"office\" in $PWD/shared.conf"
echo '[profile office]' >shared.conf
expect 0 check -c source.ini
hasnt err "warning: profile"

refused() { # TEXT: trouble.ini is refused with it, by `check` and by `serve`
    expect 1 check -c trouble.ini
    has err "$1"
    expect 78 serve -c trouble.ini # a service manager need not try again
    has err "$1"
}
cp trouble.ini as_it_was.ini
echo garbage >bad.pem
sed -i 's/^addresses.*/&\nca_file = bad.pem/' trouble.ini
refused "trouble.ini:11: ca_file: bad.pem holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
sed 's/^proxy_auth.*/tls = on\ncertificate = bad.pem\nprivate_key = ca.key/' as_it_was.ini >trouble.ini
refused "trouble.ini:8: certificate: bad.pem holds no certificate in PEM"
sed 's/^proxy_auth.*/tls = on\ncertificate = ca.pem\nprivate_key = free.key/' as_it_was.ini >trouble.ini
refused "trouble.ini:8: certificate: free.key holds no private key in PEM that belongs to the certificate"
sed 's/^proxy_auth.*/tls = on\nnames = s3.other.test/' as_it_was.ini >trouble.ini
refused "trouble.ini:8: names: ca.pem does not permit the name s3.other.test"
(cat as_it_was.ini && printf '[log]\naccess = none/access.log\n') >trouble.ini
refused "trouble.ini:15: access: none cannot be used (No such file or directory); make it (mkdir -p none)"
[ "$(ls none access.log 2>/dev/null)" = "" ] || fail "check made a log"

if [ "$failures" -gt 0 ]; then
    echo "$failures failures" >&2
    exit 1
fi
echo "all fine"
