/* SPDX-License-Identifier: Apache-2.0
 * env_install.c: scripts that make the machine they run on, or a program on it, trust the local authority. The
 * certificates stand in them, so that a script is all that a workstation needs. Each authority has its own place, by
 * the proxy's name: run again, a script replaces what it wrote before. One thread. tests/e2e/test_env.py runs them.
 */
#include "env.h"

#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* What a script does with the certificates, which stand in the folder "$d", or $d, as N.pem. */
struct system {
    const char *name;
    bool windows;
    const char *script;
    const char *whose; /* how it is run */
};

static const struct system systems[] = {
    {"debian", false,
     "mkdir -p /usr/local/share/ca-certificates\n"
     "rm -f /usr/local/share/ca-certificates/\"$name\"-[0-9].crt\n"
     "for f in \"$d\"/*.pem; do\n"
     "    install -m 644 \"$f\" /usr/local/share/ca-certificates/\"$name-$(basename \"$f\" .pem)\".crt\n"
     "done\n"
     "update-ca-certificates\n",
     "as root"},
    {"rhel", false,
     "rm -f /etc/pki/ca-trust/source/anchors/\"$name\"-[0-9].pem\n"
     "for f in \"$d\"/*.pem; do\n"
     "    install -m 644 \"$f\" /etc/pki/ca-trust/source/anchors/\"$name-$(basename \"$f\")\"\n"
     "done\n"
     "update-ca-trust extract\n",
     "as root"},
    {"macos", false,
     "for f in \"$d\"/*.pem; do\n"
     "    security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain \"$f\"\n"
     "done\n",
     "as root (sudo sh)"},
    {"firefox", false,
     "n=0\n"
     "for db in \"$HOME\"/.mozilla/firefox/*/cert9.db \"$HOME\"/snap/firefox/common/.mozilla/firefox/*/cert9.db \\\n"
     "    \"$HOME/Library/Application Support/Firefox/Profiles\"/*/cert9.db \"$HOME\"/.pki/nssdb/cert9.db; do\n"
     "    [ -f \"$db\" ] || continue\n"
     "    n=$((n + 1))\n"
     "    for i in 1 2 3 4 5 6 7 8 9; do\n"
     "        certutil -D -d \"sql:${db%/cert9.db}\" -n \"$name-$i\" 2> /dev/null || true\n"
     "    done\n"
     "    for f in \"$d\"/*.pem; do\n"
     "        certutil -A -d \"sql:${db%/cert9.db}\" -n \"$name-$(basename \"$f\" .pem)\" -t C,, -i \"$f\"\n"
     "    done\n"
     "done\n"
     "echo \"$n profiles of Firefox and Chromium trust it; start them anew.\"\n",
     "as the user whose Firefox (and, on Linux, Chromium) it is; needs certutil (Debian: libnss3-tools)"},
    {"java", false,
     "keytool=${JAVA_HOME:+$JAVA_HOME/bin/}keytool\n"
     "if [ -n \"${JAVA_TRUST_STORE:-}\" ]; then set -- -keystore \"$JAVA_TRUST_STORE\"; else set -- -cacerts; fi\n"
     "for i in 1 2 3 4 5 6 7 8 9; do\n"
     "    \"$keytool\" -delete -noprompt \"$@\" -storepass changeit -alias \"$name-$i\" > /dev/null 2>&1 || true\n"
     "done\n"
     "for f in \"$d\"/*.pem; do\n"
     "    \"$keytool\" -importcert -noprompt \"$@\" -storepass changeit -alias \"$name-$(basename \"$f\" .pem)\" -file "
     "\"$f\"\n"
     "done\n",
     "as who may write Java's own store, or with JAVA_TRUST_STORE=FILE"},
    {"windows", true,
     "Get-ChildItem $d | ForEach-Object { Import-Certificate -FilePath $_.FullName -CertStoreLocation "
     "Cert:\\LocalMachine\\Root }\n"
     "Remove-Item -Recurse $d\n",
     "in a PowerShell of an administrator"},
};

static const struct system *find_system(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(systems); i++)
        if (strcmp(systems[i].name, name) == 0) return &systems[i];
    return NULL;
}

static void put_begin(FILE *out, const struct system *s, const char *host)
{
    fprintf(out, "%s# %s: trust in what the proxy %s signs for S3's names.\n", s->windows ? "" : "#!/bin/sh\n", s->name,
            host);
    if (s->windows)
        fputs("$ErrorActionPreference = 'Stop'\n"
              "$d = Join-Path $env:TEMP ([guid]::NewGuid())\n"
              "New-Item -ItemType Directory $d | Out-Null\n",
              out);
    else
        fprintf(out, "set -eu\nname=s3onramp-%s\nd=$(mktemp -d)\ntrap 'rm -rf \"$d\"' EXIT\n", host);
}

/* Each of @pem as a file of its own. */
static void put_certificates(FILE *out, struct str pem, bool windows)
{
    static const struct str end = STR_INIT("-----END CERTIFICATE-----\n");

    for (unsigned n = 1; str_find(pem, end) != SIZE_MAX; n++) {
        struct str one = str_head(pem, str_find(pem, end) + end.n);

        if (windows)
            fprintf(out, "@'\n%.*s'@ | Set-Content -Encoding ascii (Join-Path $d '%u.pem')\n", STR_ARG(one), n);
        else
            fprintf(out, "cat > \"$d/%u.pem\" << 'CERTIFICATE'\n%.*sCERTIFICATE\n", n, STR_ARG(one));
        pem = str_tail(pem, one.n);
    }
}

/* As it may stand in names of files and in comments: what is no letter, digit, dot or hyphen becomes one. */
static void tidy(const char *host, char out[260])
{
    size_t n = 0;

    for (const char *p = host; *p && n + 1 < 260; p++) {
        char c = ascii_lower(*p);
        out[n++] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ? c : '-';
    }
    out[n] = '\0';
}

int env_print_install(FILE *out, const char *system, const struct env_facts *f, const struct ca_conf *ca)
{
    const struct system *s = find_system(system);
    char *pem = NULL, host[260];
    size_t n = 0;
    FILE *memory = open_memstream(&pem, &n);
    int code = memory ? cli_export_ca(ca, memory) : cli_problem("out of memory");

    if (memory && fclose(memory) != 0 && code == CLI_FINE) code = cli_problem("out of memory");
    if (code == CLI_FINE) {
        tidy(f->host, host);
        fprintf(stderr, "Run this %s.\n", s->whose);
        fflush(stderr);
        put_begin(out, s, host);
        put_certificates(out, str_make(pem, n), s->windows);
        fputs(s->script, out);
    }
    free(pem);
    return code;
}
