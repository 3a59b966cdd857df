/* SPDX-License-Identifier: Apache-2.0
 * config_certificate.c: TLS certificates of clients: which listener asks for them, and which client one names. One
 * thread.
 */
#include "config_options.h"

static const struct {
    struct str kind;
    bool lowers; /* case makes no difference */
} kinds[] = {
    {STR_INIT("email:"), true}, {STR_INIT("dns:"), true},      {STR_INIT("upn:"), true},
    {STR_INIT("uri:"), false},  {STR_INIT("subject:"), false},
};

static void finish_client(struct config_build *b, struct raw_section *section)
{
    struct principal_conf *client = section->item;
    struct str said = client->certificate ? str_from(client->certificate) : STR_NONE;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!str_starts(said, kinds[i].kind) || said.n == kinds[i].kind.n) continue;
        char *name = client->certificate = config_keep(b->raw, said);
        for (; kinds[i].lowers && *name; name++)
            *name = ascii_lower(*name);
        return;
    }
    if (!client->certificate) return;
    config_problem(b, config_place_of(section, "certificate"),
                   "certificate = %.80s: write what the client's certificate says of it: email:alice@example.com, "
                   "upn:…, dns:… or uri:… for a name in its SAN, or subject:CN=alice,O=Example as `openssl x509 -noout "
                   "-subject -nameopt RFC2253` shows it",
                   client->certificate);
    client->certificate = NULL;
}

void config_certificates_finish(struct config_build *b)
{
    config_for_each(b, SECTION_CLIENT, finish_client);
}

static void index_client(struct config_build *b, struct raw_section *section)
{
    const struct principal_conf *client = section->item, *before;

    if (!client->certificate) return;
    before = settings_client_by_certificate(b->s, str_from(client->certificate));
    if (before) {
        config_problem(b, config_place_of(section, "certificate"),
                       "client \"%s\" has the certificate of client \"%s\"; name what is in one of them only",
                       client->name, before->name);
        return;
    }
    bool put = map_put(&b->s->clients_by_certificate, str_from(client->certificate), (void *)client);
    ASSERT(put && "memory for the settings");
}

void config_certificates_check(struct config_build *b)
{
    config_for_each(b, SECTION_CLIENT, index_client);
}

static bool asks(const struct listener_conf *l)
{
    return l->client_certificates != CLIENT_CERTIFICATES_OFF;
}

static void check_files(struct config_build *b, struct raw_section *section)
{
    const struct listener_conf *l = section->item;

    if (!l->client_ca)
        config_problem(b, config_place_of(section, "client_certificates"),
                       "client_certificates without client_ca would believe nobody; write client_ca = FILE with the "
                       "authorities that make your clients' certificates");
    config_check_file(b, section, "client_ca", l->client_ca, false);
    config_check_file(b, section, "client_crl", l->client_crl, false);
}

void config_check_client_certificates(struct config_build *b, struct raw_section *section)
{
    const struct listener_conf *l = section->item;
    const char *given = l->client_ca ? "client_ca" : l->client_crl ? "client_crl" : NULL;

    if (!asks(l)) {
        if (given)
            config_problem(b, config_place_of(section, given),
                           "%s has no effect without client_certificates; write client_certificates = required or "
                           "optional, or remove it",
                           given);
        return;
    }
    check_files(b, section);
    if (l->tls == LISTENER_PLAIN)
        config_problem(b, config_place_of(section, "client_certificates"),
                       "client_certificates has no effect without TLS; write tls = on, or remove it");
    if (l->tls == LISTENER_SNIFF && l->client_certificates == CLIENT_CERTIFICATES_REQUIRED)
        config_problem(b, config_place_of(section, "client_certificates"),
                       "client_certificates = required lets everybody in who comes without TLS; write tls = on, or "
                       "client_certificates = optional");
}

bool config_certificates_are_asked_for(const struct settings *s)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        if (asks(&s->listeners[i])) return true;
    return false;
}
