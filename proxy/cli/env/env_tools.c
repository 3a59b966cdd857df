/* SPDX-License-Identifier: Apache-2.0
 * env_tools.c: settings for what reads no environment variables, or not enough of them: Java, Node.js, and files of the
 * AWS CLI, rclone, s3cmd and boto 2. One thread. Owns nothing. tests/e2e/test_env.py runs these tools with them.
 */
#include "env.h"

#include "cli/cli.h"

#include <string.h>

static bool is_proxy(const struct env_facts *f)
{
    return f->listener->mode == LISTENER_FORWARD;
}

static int needs_endpoint(const char *tool, const char *why)
{
    return cli_problem("%s %s; name a listener with mode = endpoint (--listener NAME)", tool, why);
}

/* --- Java --- */

/* The host alone, as Java wants it in properties. */
static struct str bare_host(const struct env_facts *f)
{
    struct str host = str_from(f->host);

    return host.p[0] == '[' ? str_make(host.p + 1, host.n - 2) : host;
}

static int print_java(FILE *out, const struct env_facts *f)
{
    static const char store[] = "$HOME/.s3onramp-trust.p12";
    char url[1024];

    if (is_proxy(f) && f->tls)
        fputs("Java reaches a proxy in the clear only: this listener wants TLS. Let Java use one with tls = off or "
              "auto.\n",
              stderr);
    if (f->trust) {
        fputs("The trust store holds this authority alone. For programs that need other HTTPS sites, too, import it "
              "into\n"
              "a copy of Java's own (lib/security/cacerts) and name that one.\n",
              stderr);
        fprintf(out, "rm -f \"%s\";\n", store);
        fputs("keytool -importcert -noprompt -alias s3onramp -storetype PKCS12 -storepass changeit", out);
        fprintf(out, " -keystore \"%s\" -file \"$S3ONRAMP_CA\" >&2;\n", store);
    }
    fputs("export JAVA_TOOL_OPTIONS=\"", out);
    if (f->trust)
        fprintf(out,
                "-Djavax.net.ssl.trustStore=\\\"%s\\\" -Djavax.net.ssl.trustStoreType=PKCS12 "
                "-Djavax.net.ssl.trustStorePassword=changeit ",
                store);
    if (is_proxy(f))
        fprintf(out,
                "-Dhttps.proxyHost=%.*s -Dhttps.proxyPort=%u "
                "-Dhttp.nonProxyHosts='localhost|127.*|[::1]|169.254.169.254|169.254.170.2|169.254.170.23|"
                "[fd00:ec2::254]|[fd00:ec2::23]' ",
                STR_ARG(bare_host(f)), f->port);
    if (f->region) fprintf(out, "-Daws.region=%s", f->region);
    fputs("\";\n", out);
    env_url(f, false, url);
    if (!is_proxy(f) && !env_put(out, ENV_SH, "AWS_ENDPOINT_URL_S3", url)) return CLI_PROBLEM;
    return CLI_FINE;
}

/* The authority's path is quoted once, as a variable of the shell. */
static int print_java_sh(FILE *out, const struct env_facts *f)
{
    if (f->trust && !env_put(out, ENV_SH, "S3ONRAMP_CA", f->ca)) return CLI_PROBLEM;
    int exit_code = print_java(out, f);
    if (f->keys && (!env_put(out, ENV_SH, "AWS_ACCESS_KEY_ID", f->client->keys[0].access_key_id) ||
                    !env_put(out, ENV_SH, "AWS_SECRET_ACCESS_KEY", f->client->keys[0].secret_access_key)))
        return CLI_PROBLEM;
    if (f->keys) env_put_unset_others(out, ENV_SH);
    return exit_code;
}

/* --- Node.js --- */

/* In single quotes of JavaScript. */
static void put_js(FILE *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\') fputc('\\', out);
        fputc(*value, out);
    }
}

/* The AWS SDKs for JavaScript (2 and 3) and minio make their own agents and look at no variable: all of them end in
 * https.Agent.createConnection. */
static const char node_proxy[] =
    "const http = require('http');\n"
    "const https = require('https');\n"
    "const direct = new Set((process.env.NO_PROXY || noProxy).split(',').map((name) => name.trim()));\n"
    "const connect = https.Agent.prototype.createConnection;\n"
    "const bare = (host) => host.replace(/^\\[|\\]$/g, '');\n"
    "\n"
    "https.Agent.prototype.createConnection = function createConnection(options, done) {\n"
    "  const host = bare(options.host || options.hostname || '');\n"
    "  const port = options.port || 443;\n"
    "  const toProxy = host === bare(proxy.hostname) && String(port) === (proxy.port || '443');\n"
    "  if (toProxy || direct.has(host)) return connect.call(this, options, done);\n"
    "  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;\n"
    "  const headers = { host: target };\n"
    "  if (proxy.username) {\n"
    "    const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;\n"
    "    headers['proxy-authorization'] = `Basic ${Buffer.from(user).toString('base64')}`;\n"
    "  }\n"
    "  const request = (proxy.protocol === 'https:' ? https : http).request({\n"
    "    host: bare(proxy.hostname), port: proxy.port, method: 'CONNECT', path: target, headers, agent: false,\n"
    "  });\n"
    "  request.once('connect', (answer, socket) => {\n"
    "    if (answer.statusCode === 200) return done(null, connect.call(this, { ...options, socket }));\n"
    "    socket.destroy();\n"
    "    return done(new Error(`the proxy refuses ${target}: ${answer.statusCode} ${answer.statusMessage}`));\n"
    "  });\n"
    "  request.once('response', (answer) => {\n"
    "    answer.resume();\n"
    "    done(new Error(`the proxy refuses ${target}: ${answer.statusCode} ${answer.statusMessage}`));\n"
    "  });\n"
    "  request.once('error', done);\n"
    "  request.end();\n"
    "  return undefined;\n"
    "};\n";

static int print_node(FILE *out, const struct env_facts *f)
{
    char url[1024], quoted[CLI_QUOTED];

    env_url(f, is_proxy(f), url);
    if (!is_proxy(f)) {
        fputs("// new S3Client(require('./s3onramp.cjs')), with NODE_EXTRA_CA_CERTS set if it is https.\n"
              "module.exports = { endpoint: '",
              out);
        put_js(out, url);
        fprintf(out, "', forcePathStyle: true, region: '%s' };\n", f->region ? f->region : "us-east-1");
        return CLI_FINE;
    }
    fputs("// s3onramp-proxy.cjs: HTTPS of Node.js by way of the proxy, for libraries that look at no variables:\n"
          "//   export NODE_OPTIONS=\"--require /path/of/s3onramp-proxy.cjs\"",
          out);
    if (f->trust) fprintf(out, " NODE_EXTRA_CA_CERTS=%s", cli_quote(f->ca, quoted)); /* ASCII: nothing ends the line */
    fputs("\n// HTTPS_PROXY and NO_PROXY are used where they are set (a password stands there: "
          "https://NAME:PASSWORD@…).\n"
          "'use strict';\n"
          "const proxy = new URL(process.env.HTTPS_PROXY || '",
          out);
    put_js(out, url);
    fputs("');\nconst noProxy = '" ENV_NO_PROXY "';\n", out);
    fputs(node_proxy, out);
    return CLI_FINE;
}

/* --- files --- */

static void put_line(FILE *out, const char *key, const char *value)
{
    if (value) fprintf(out, "%s = %s\n", key, value);
}

static void put_keys(FILE *out, const struct env_facts *f, const char *id, const char *secret)
{
    if (!f->keys) return;
    put_line(out, id, f->client->keys[0].access_key_id);
    put_line(out, secret, f->client->keys[0].secret_access_key);
}

static int print_aws_config(FILE *out, const struct env_facts *f)
{
    char url[1024];

    env_url(f, false, url);
    fputs("[profile s3onramp]\n", out);
    put_keys(out, f, "aws_access_key_id", "aws_secret_access_key");
    put_line(out, "region", f->region);
    if (f->trust) put_line(out, "ca_bundle", f->ca);
    fputs("Add this to ~/.aws/config of who uses it, and say so: AWS_PROFILE=s3onramp, or --profile s3onramp.\n",
          stderr);
    if (is_proxy(f)) {
        fputs("Files of the AWS CLI cannot name a proxy: set HTTPS_PROXY, too (`s3onramp env --sh`).\n", stderr);
        return CLI_FINE;
    }
    fprintf(
        out,
        "services = s3onramp\ns3 =\n    addressing_style = path\n\n[services s3onramp]\ns3 =\n    endpoint_url = %s\n",
        url);
    fputs("aws 2.9 and older take no endpoint from a file: give them --endpoint-url.\n", stderr);
    return CLI_FINE;
}

static int print_rclone(FILE *out, const struct env_facts *f)
{
    char url[1024], quoted[CLI_QUOTED];

    env_url(f, false, url);
    fputs("[s3onramp]\ntype = s3\n", out);
    put_line(out, "provider", is_proxy(f) ? "AWS" : "Other");
    put_line(out, "env_auth", f->keys ? "false" : "true");
    put_keys(out, f, "access_key_id", "secret_access_key");
    put_line(out, "region", f->region);
    put_line(out, "location_constraint", f->region);
    if (!is_proxy(f)) {
        put_line(out, "endpoint", url);
        put_line(out, "force_path_style", "true");
    }
    if (f->trust)
        fprintf(stderr, "Run it with --ca-cert %s and without AWS_CA_BUNDLE, with which rclone does not start%s.\n",
                cli_quote(f->ca, quoted), is_proxy(f) ? ", and set HTTPS_PROXY (`s3onramp env --sh`)" : "");
    return CLI_FINE;
}

static int print_s3cmd(FILE *out, const struct env_facts *f)
{
    if (is_proxy(f) && (f->tls || f->user))
        return needs_endpoint("s3cmd", "knows proxies in the clear and without password only");
    fputs("[default]\n", out);
    put_keys(out, f, "access_key", "secret_key");
    put_line(out, "bucket_location", f->region);
    if (f->trust) put_line(out, "ca_certs_file", f->ca);
    put_line(out, "use_https", is_proxy(f) || f->tls ? "True" : "False");
    if (is_proxy(f)) {
        fprintf(out, "proxy_host = %s\nproxy_port = %u\n", f->host, f->port);
        if (f->s3_name) fprintf(out, "host_base = %s\nhost_bucket = %%(bucket)s.%s\n", f->s3_name, f->s3_name);
    } else {
        fprintf(out, "host_base = %s:%u\nhost_bucket = %s:%u\n", f->host, f->port, f->host, f->port);
    }
    return CLI_FINE;
}

static int print_boto2(FILE *out, const struct env_facts *f)
{
    if (is_proxy(f)) return needs_endpoint("boto 2", "cannot send HTTPS through a proxy (its CONNECT is broken)");
    if (f->keys) fputs("[Credentials]\n", out);
    put_keys(out, f, "aws_access_key_id", "aws_secret_access_key");
    fprintf(out, "[Boto]\nis_secure = %s\n[s3]\nhost = %s\ncalling_format = boto.s3.connection.OrdinaryCallingFormat\n",
            f->tls ? "True" : "False", f->host);
    fprintf(stderr, "The port cannot stand in a file: boto.connect_s3(port=%u).%s\n", f->port,
            f->trust ? " The authority comes from SSL_CERT_FILE." : "");
    return CLI_FINE;
}

int env_print_tool(FILE *out, enum env_format format, const struct env_facts *f)
{
    switch (format) {
    case ENV_JAVA: return print_java_sh(out, f);
    case ENV_NODE: return print_node(out, f);
    case ENV_AWS_CONFIG: return print_aws_config(out, f);
    case ENV_RCLONE: return print_rclone(out, f);
    case ENV_S3CMD: return print_s3cmd(out, f);
    default: return print_boto2(out, f);
    }
}
