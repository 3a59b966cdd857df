/* SPDX-License-Identifier: Apache-2.0
 * config_credentials_files.c: the files of [credentials]: those that hold secrets of ours must be ours alone. Shared
 * files and tokens are not judged: others manage them, and they may come later. One thread. Owns nothing. Source: RFC
 * 7292 4 (PFX); RFC 7512 2.3 (pin-value).
 */
#include "config_options.h"

#include <fcntl.h>
#include <unistd.h>

static void check_secrets(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *credentials = section->item;
    const struct {
        const char *key, *value;
    } secrets[] = {{"access_key_id", credentials->access_key_id},
                   {"secret_access_key", credentials->secret_access_key},
                   {"session_token", credentials->session_token},
                   {"passphrase", credentials->passphrase}};

    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        if (config_credentials_use(section, secrets[i].key))
            config_check_secret_file(b, section, secrets[i].key, secrets[i].value);
}

/* PFX ::= SEQUENCE { version INTEGER { v3(3) }, …: in DER, and with the indefinite length of BER. A certificate in DER
 * has another SEQUENCE there. */
static bool is_pkcs12(const char *path)
{
    unsigned char head[16] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) return false;
    ssize_t n = read(fd, head, sizeof head);
    close(fd);
    size_t at = head[1] > 0x80 ? 2 + (head[1] & 0x7fU) : 2;
    return n == (ssize_t)sizeof head && head[0] == 0x30 && at + 3 <= sizeof head &&
           memcmp(head + at, "\x02\x01\x03", 3) == 0;
}

/* A PIN in the URI would be shown with it. */
static void check_private_key(struct config_build *b, struct raw_section *section)
{
    const char *text = ((struct credentials_conf *)section->item)->private_key;

    if (!text) return;
    if (!str_starts(str_from(text), STR("pkcs11:")))
        config_check_file(b, section, "private_key", text, true);
    else if (strstr(text, "pin-value"))
        config_problem(b, config_place_of(section, "private_key"),
                       "private_key: a pin-value in the URI can be read by all who see the settings; write the PIN as "
                       "passphrase = env:NAME, credential:NAME or file:PATH");
}

static void check_key_pair(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *credentials = section->item;
    static const char *const inside[] = {"private_key", "certificate_chain"};
    bool pkcs12 = is_pkcs12(credentials->certificate);

    config_check_file(b, section, "certificate", credentials->certificate, pkcs12);
    for (size_t i = 0; pkcs12 && i < ARRAY_LEN(inside); i++)
        if (config_text_of(section, inside[i]))
            config_problem(b, config_place_of(section, inside[i]),
                           "%s has no effect: the PKCS#12 file of certificate holds it; remove it", inside[i]);
    if (pkcs12) return;
    if (!config_text_of(section, "private_key") && access(credentials->certificate, R_OK) == 0)
        config_problem(b, config_header_place(section),
                       "credentials \"%s\" have no private_key; write private_key = FILE or a pkcs11: URI, or name a "
                       "PKCS#12 file as certificate",
                       section->name);
    check_private_key(b, section);
    config_check_file(b, section, "certificate_chain", credentials->certificate_chain, false);
}

void config_check_credentials_files(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *credentials = section->item;

    check_secrets(b, section);
    if (credentials->source == CREDENTIALS_ROLES_ANYWHERE && credentials->certificate) check_key_pair(b, section);
}
