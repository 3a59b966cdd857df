/* SPDX-License-Identifier: Apache-2.0
 * version.c: `s3onramp version`: the program and the libraries it runs with. One thread. Owns nothing.
 */
#include "base/release.h"
#include "cli/cli.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/crypto.h>

/* inih cannot be asked: the build says which one it found. */
#ifndef INIH_VERSION
#define INIH_VERSION "(version not recorded)"
#endif

static int run(int argc, char **argv)
{
    int code;

    if (!cli_parse(&cli_version, argc, argv, NULL, &code)) return code;
    printf("s3onramp %s\n", release_version);
    printf("libevent %s\n", event_get_version());
    printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
    printf("libcurl %s\n", curl_version_info(CURLVERSION_NOW)->version);
    printf("inih %s\n", INIH_VERSION);
    return CLI_FINE;
}

const struct cli_command cli_version = {
    .name = "version",
    .brief = "version",
    .summary = "versions of program and libraries",
    .run = run,
    .usage = "version",
    .about = "Prints the version of s3onramp and of the libraries it runs with.",
    .example = "s3onramp version",
};
