/* SPDX-License-Identifier: Apache-2.0
 * version.c: `s3onramp version`: the program and the libraries it runs with. One thread. Owns nothing.
 */
#include "cli/cli.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/crypto.h>

/* inih cannot be asked: the build says which one it found. */
#ifndef INIH_VERSION
#define INIH_VERSION "(version not recorded)"
#endif

static const char help[] = "Usage: s3onramp version\n"
                           "\n"
                           "Prints the version of s3onramp and of the libraries it runs with.\n"
                           "\n"
                           "Example:\n"
                           "  s3onramp version\n";

int cli_version(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int c;

    cli_options_start();
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (c != 'h') return cli_wrong_option("version", c, argv);
        fputs(help, stdout);
        return CLI_FINE;
    }
    if (optind < argc) return cli_wrong_usage("version", "there is nothing to do with \"%s\"", argv[optind]);
    printf("s3onramp %s\n", S3ONRAMP_VERSION);
    printf("libevent %s\n", event_get_version());
    printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
    printf("libcurl %s\n", curl_version_info(CURLVERSION_NOW)->version);
    printf("inih %s\n", INIH_VERSION);
    return CLI_FINE;
}
