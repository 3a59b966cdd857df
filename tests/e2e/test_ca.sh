#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_ca.sh: do real TLS clients accept what the local CA certifies, and refuse what its name constraints forbid?
# The CA comes from `s3onramp ca init`, the leaves from a running `s3onramp serve`; each client connects to 127.0.0.1 and
# verifies a name. Then somebody steals the CA's key and signs a certificate for another site.
# Needs the binary ($S3ONRAMP), openssl, curl and python3; node, go and java (with keytool) are skipped where missing.
# Works in a folder of its own, on loopback; needs no root.
set -u
S3ONRAMP=$(realpath "${S3ONRAMP:?set S3ONRAMP to the binary to test}")
folder=$(mktemp -d)
pids=()
stop() {
    for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$folder"
}
trap stop EXIT
umask 077
cd "$folder" || exit 1
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY JAVA_TOOL_OPTIONS NODE_OPTIONS
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE REQUESTS_CA_BUNDLE AWS_CA_BUNDLE NODE_EXTRA_CA_CERTS
failures=0 checks=0
fail() {
    echo "FAIL: $*" >&2
    [ ! -s client.log ] || sed 's/^/    /' client.log >&2
    failures=$((failures + 1))
}
die() {
    fail "$*"
    [ ! -s serve.log ] || cat serve.log >&2
    exit 1
}
# Below the range that the kernel hands out, and apart from that of the other tests, which may run beside this one.
free_port() {
    python3 -c '
import random, socket
while True:
    port = random.randrange(15000, 19000)
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        continue
    print(port)
    break'
}
wait_for_port() {
    for _ in $(seq 100); do
        kill -0 "${pids[-1]}" 2>/dev/null || break
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        sleep 0.1
    done
    die "nothing listens on port $1"
}

# --- the clients: client_X PORT NAME connects to 127.0.0.1:PORT, verifies the server as NAME; 0: accepted ---

client_openssl() {
    local check=(-servername "$2" -verify_hostname "$2")
    [ "$2" != 127.0.0.1 ] || check=(-noservername -verify_ip "$2")
    openssl s_client -connect "127.0.0.1:$1" "${check[@]}" -CAfile ca.pem -no-CApath -x509_strict -purpose sslserver \
        -verify_return_error </dev/null
}
client_curl() {
    curl --silent --show-error --output /dev/null --max-time 20 --noproxy '*' --cacert ca.pem \
        --connect-to "$2:$1:127.0.0.1:$1" "https://$2:$1/"
}
client_python() {
    python3 - "$@" <<'PYTHON'
import socket, ssl, sys
port, name = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile="ca.pem")
context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default since Python 3.13
with socket.create_connection(("127.0.0.1", port), 20) as plain:
    with context.wrap_socket(plain, server_hostname=name) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        assert tls.recv(5) == b"HTTP/", "no HTTP answer"
PYTHON
}
client_node() {
    node - "$@" <<'NODE'
const [port, name] = process.argv.slice(2);
const options = { host: '127.0.0.1', port, ca: require('fs').readFileSync('ca.pem') };
if (name !== '127.0.0.1') options.servername = name;
const tls = require('tls').connect(options, () => tls.write(`GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`));
tls.setTimeout(20000, () => tls.destroy(new Error('timeout')));
tls.on('data', data => process.exit(data.toString('latin1').startsWith('HTTP/') ? 0 : 1));
tls.on('error', error => { console.error(error); process.exit(1); });
tls.on('end', () => process.exit(1));
NODE
}
client_go() { ./client_go "$@"; }
client_java() {
    java -Xshare:auto -XX:TieredStopAtLevel=1 -Djavax.net.ssl.trustStore=trust.p12 \
        -Djavax.net.ssl.trustStorePassword=changeit "${java_program[@]}" "$@"
}

prepare_go() {
    mkdir go && cat >go/main.go <<'GO'
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"os"
)

func main() {
	pem, err := os.ReadFile("ca.pem")
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	conn, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[1], &tls.Config{RootCAs: roots, ServerName: os.Args[2]})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", os.Args[2])
	answer := make([]byte, 5)
	if _, err := conn.Read(answer); err != nil || string(answer[:4]) != "HTTP" {
		log.Fatal("no HTTP answer: ", err)
	}
}
GO
    (cd go && GO111MODULE=off GOFLAGS='' GOCACHE="$folder/go/cache" go build -o ../client_go main.go)
}
prepare_java() {
    cat >Get.java <<'JAVA'
import java.io.*;
import java.net.*;
import javax.net.ssl.*;

public class Get {
    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[0]);
        Socket plain = new Socket("127.0.0.1", port);
        plain.setSoTimeout(20000);
        SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        try (SSLSocket tls = (SSLSocket) factory.createSocket(plain, args[1], port, true)) {
            SSLParameters parameters = tls.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS"); // as HttpsURLConnection does
            tls.setSSLParameters(parameters);
            OutputStream out = tls.getOutputStream();
            out.write(("GET / HTTP/1.1\r\nHost: " + args[1] + "\r\n\r\n").getBytes("US-ASCII"));
            out.flush();
            String line = new BufferedReader(new InputStreamReader(tls.getInputStream(), "ISO-8859-1")).readLine();
            if (line == null || !line.startsWith("HTTP/")) throw new IOException("no HTTP answer: " + line);
        }
    }
}
JAVA
    java_program=(Get.java)
    if command -v javac >/dev/null; then # saves compiling it at each start
        javac Get.java || return
        java_program=(-cp . Get)
    fi
    keytool -importcert -noprompt -alias s3onramp -file ca.pem -keystore trust.p12 -storetype PKCS12 -storepass changeit
}

accepted() { # CLIENT PORT NAME
    checks=$((checks + 1))
    "client_$1" "$2" "$3" >client.log 2>&1 || fail "$1 refuses $3"
}
# refused CLIENT PORT NAME PATTERN: and for this reason, not because something else went wrong.
refused() {
    checks=$((checks + 1))
    if "client_$1" "$2" "$3" >client.log 2>&1; then
        fail "$1 accepts $3"
    else
        grep -qiE "$4" client.log || fail "$1 refuses $3, but says nothing of $4"
    fi
}

# --- the CA ---
port=$(free_port)
machine_port=$(free_port)
machine=$(hostname | tr '[:upper:]' '[:lower:]')
cat >s3onramp.ini <<INI
[server]
private_networks = 127.0.0.0/8
[ca]
certificate = ca.pem
private_key = ca.key
[listener local]
mode = endpoint
bind = 127.0.0.1:$port
tls = on
names = s3.test
[listener machine]
mode = endpoint
bind = 127.0.0.1:$machine_port
tls = on
[endpoint tokyo]
region = ap-northeast-1
addresses = 127.0.0.1:9
[credentials default]
source = static
access_key_id = AKIDTEST
secret_access_key = secret
[client me]
policy = read-only
INI
"$S3ONRAMP" ca init -c s3onramp.ini >out.log 2>client.log || die "ca init"
"$S3ONRAMP" ca init -c s3onramp.ini >out.log 2>client.log && fail "ca init replaced a CA without --force"
[ "$(stat -c %a ca.key)" = 600 ] || fail "mode of ca.key"
openssl verify -x509_strict -CAfile ca.pem ca.pem >client.log 2>&1 || fail "openssl verify: the CA"
"$S3ONRAMP" ca export -c s3onramp.ini | openssl x509 -noout -subject >client.log 2>&1 || fail "ca export"
fingerprint=$(openssl x509 -in ca.pem -noout -fingerprint -sha256 | sed 's/.*=//')
"$S3ONRAMP" ca show -c s3onramp.ini >client.log 2>&1
grep -q "$fingerprint" client.log || fail "ca show does not say the fingerprint"

"$S3ONRAMP" client add me -c s3onramp.ini >client.log 2>&1 || die "client add"
"$S3ONRAMP" serve -c s3onramp.ini >serve.log 2>&1 </dev/null &
pids+=($!)
wait_for_port "$port"

# --- a forger with the CA's key: one certificate within the constraints, to see that forging works, and two without ---
forge() { # FILE SAN
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=forged" -keyout "$1.key" -out "$1.csr" &&
        openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -set_serial 4711 -days 30 -out "$1.pem" -extfile <(
            printf '%s\n' "subjectAltName=$2" basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
                extendedKeyUsage=serverAuth subjectKeyIdentifier=hash authorityKeyIdentifier=keyid:always
        )
}
serve_forged() { # FILE SAN; sets forged_port
    forge "$1" "$2" >client.log 2>&1 || die "openssl cannot sign for $2"
    forged_port=$(free_port)
    openssl s_server -accept "127.0.0.1:$forged_port" -cert "$1.pem" -key "$1.key" -www -quiet >"$1.log" 2>&1 &
    pids+=($!)
    wait_for_port "$forged_port"
}
serve_forged inside DNS:forged.s3.test
inside_port=$forged_port
serve_forged outside DNS:bank.example
outside_port=$forged_port
serve_forged outside_ip IP:127.0.0.1,IP:192.0.2.1
outside_ip_port=$forged_port
serve_forged outside_machine "DNS:bank.$machine"
outside_machine_port=$forged_port

# --- each client ---
clients=(openssl curl python)
for client in openssl curl python3; do command -v $client >/dev/null || die "$client is needed"; done
if command -v node >/dev/null; then clients+=(node); else echo "SKIP node: not installed"; fi
if ! command -v go >/dev/null; then
    echo "SKIP go: not installed"
elif prepare_go >client.log 2>&1; then
    clients+=(go)
else
    fail "the Go client cannot be built"
fi
if ! command -v java >/dev/null || ! command -v keytool >/dev/null; then
    echo "SKIP java: java and keytool are not both installed"
elif prepare_java >client.log 2>&1; then
    clients+=(java)
else
    fail "keytool does not take the CA"
fi

violation='constraint|subtree|violation|not permitted|cannot be used|excluded'
for client in "${clients[@]}"; do
    for name in localhost s3.test bucket.s3.test s3.ap-northeast-1.amazonaws.com \
        my.dotted.bucket.s3.ap-northeast-1.amazonaws.com 127.0.0.1; do
        accepted "$client" "$port" "$name"
    done
    accepted "$client" "$machine_port" "$machine" # no listener has it as `names`
    accepted "$client" "$inside_port" forged.s3.test
    if [ "$client" = java ]; then
        # RFC 5280 6.1.1 does not oblige anybody to apply the constraints of the trust anchor itself, and Java does not.
        echo "NOTE java: constraints of a trust anchor do not bind it; not tested"
    else
        refused "$client" "$outside_port" bank.example "$violation"
        refused "$client" "$outside_ip_port" 127.0.0.1 "$violation"
        [[ ! $machine =~ ^[a-z]+$ ]] || # it might be a top-level domain
            refused "$client" "$outside_machine_port" "bank.$machine" "$violation"
    fi
    refused "$client" "$inside_port" other.s3.test 'match|altname|valid for|no subject alternative|verif'
done
# A name that the CA does not permit is not minted, so there is no handshake at all.
client_openssl "$port" bank.example >client.log 2>&1 && fail "the proxy has a certificate for bank.example"

grep -E 'AddressSanitizer|ThreadSanitizer|runtime error' serve.log && fail "sanitizer report of s3onramp serve"
echo "$checks checks with ${clients[*]}, $failures failed"
[ "$failures" = 0 ]
