#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_quickstart: conf/quickstart does what it promises, twice, and leaves nothing behind. It builds the program itself,
# so once, in the ordinary build, is enough.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -z "${S3ONRAMP_SANITIZER:-}" ] || exit 77
folder=${S3ONRAMP_E2E_DIR:-${TMPDIR:-/tmp}}
mkdir -p "$folder"
BUILD_DIR=$(mktemp -d "$folder/quickstart.XXXXXX")
export BUILD_DIR CMAKE_BUILD_TYPE=Debug # compiles in half the time; nobody measures this one
log=$BUILD_DIR.log

die() {
    cat "$log" >&2
    echo "test_quickstart: $*" >&2
    exit 1
}

free_port() {
    /usr/bin/python3 -c 'import sys; sys.path.insert(0, "tests/e2e"); import lib; print(lib.free_port())'
}

# expect PATTERN TIMES: lines of the log that match.
expect() {
    local found
    found=$(grep -cE -- "$1" "$log" || true)
    [ "$found" = "$2" ] || die "expected $2 lines like '$1', found $found"
}

FORWARD_PORT=$(free_port) LEGACY_PORT=$(free_port) TLS_PORT=$(free_port)
export FORWARD_PORT LEGACY_PORT TLS_PORT
namespace=s3onramp-quickstart-$(printf %s "$BUILD_DIR" | cksum | cut -d' ' -f1)x
for round in 1 2; do
    conf/quickstart > "$log" 2>&1 || die "round $round failed"
    expect 'is the same file' 2
    expect 'listener=workstations client=alice operation=(Create|Delete)Bucket .* status=20. address=10\.[0-9.]+:443' 2
    expect 'listener=legacy client=printer operation=PutObject .* status=200 address=10\.[0-9.]+:443' 2
    expect 'listener=sdk client=alice operation=PutObject .* status=200 address=10\.[0-9.]+:443' 1
    expect 'operation=CONNECT .* status=403 address=-' 1
    [ ! -e "$BUILD_DIR/demo" ] || die "round $round left $BUILD_DIR/demo behind"
    ! ip netns list | grep -qF "$namespace" || die "round $round left its network namespace behind"
done
/usr/bin/python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); print("ready", flush=True); time.sleep(60)' "$FORWARD_PORT" > "$BUILD_DIR/holder" &
holder=$!
trap 'kill $holder 2> /dev/null || true' EXIT
until [ -s "$BUILD_DIR/holder" ]; do sleep 0.05; done
if conf/quickstart > "$log" 2>&1; then die "it ran although its port is taken"; fi
expect "port $FORWARD_PORT of 127.0.0.1 is in use" 1
rm -rf "$BUILD_DIR" "$log"
