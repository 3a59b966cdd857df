/* SPDX-License-Identifier: Apache-2.0
 * config_check_admin.c: what must fit together in [admin]: who may ask over HTTP. One thread. Owns nothing.
 */
#include "config_options.h"

enum { TOKEN_LEAST = 16, TOKEN_MOST = 512 };

/* Where others than this machine's programs can ask, what is said must not be read on the way, and not by everybody. */
static void check_doors(struct config_build *b, struct raw_section *section)
{
    const struct admin_conf *admin = section->item;
    char text[NETADDR_TEXT];

    for (size_t i = 0; i < admin->listen_n; i++) {
        if (netaddr_is_loopback(&admin->listen[i]) || (admin->tls && config_text_of(section, "token"))) continue;
        netaddr_format(&admin->listen[i], text);
        config_problem(b, config_place_of(section, "listen"),
                       "listen = %s can be reached from other machines; write tls = yes and token = TOKEN too, or "
                       "listen = 127.0.0.1:%u",
                       text, netaddr_port(&admin->listen[i]));
        return;
    }
}

static void check_address(struct config_build *b, struct raw_section *section, const struct netaddr *addr)
{
    char text[NETADDR_TEXT];

    for (size_t i = 0; i < b->s->listeners_n; i++)
        for (size_t j = 0; j < b->s->listeners[i].bind_n; j++) {
            if (!config_same_address(&b->s->listeners[i].bind[j], addr)) continue;
            netaddr_format(addr, text);
            config_problem(b, config_place_of(section, "listen"),
                           "%s is already bound by listener \"%s\"; write another port", text, b->s->listeners[i].name);
        }
}

static void check_addresses(struct config_build *b, struct raw_section *section)
{
    const struct admin_conf *admin = section->item;
    char text[NETADDR_TEXT];

    for (size_t i = 0; i < admin->listen_n; i++) {
        check_address(b, section, &admin->listen[i]);
        for (size_t j = 0; j < i; j++) {
            if (!config_same_address(&admin->listen[j], &admin->listen[i])) continue;
            netaddr_format(&admin->listen[i], text);
            config_problem(b, config_place_of(section, "listen"), "%s stands there twice; write it once", text);
        }
    }
}

/* RFC 6750 2.1: what can follow "Bearer ". */
static bool is_token(const char *text)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=";
    size_t n = strlen(text);

    return n >= TOKEN_LEAST && n <= TOKEN_MOST && strspn(text, good) == n;
}

void config_check_admin(struct config_build *b)
{
    static const char *const of_http[] = {"tls", "certificate", "private_key", "token", "names"};
    struct raw_section *section = config_raw_section(b->raw, SECTION_ADMIN, STR_NONE);
    const struct admin_conf *admin = section->item;

    if (!config_text_of(section, "listen"))
        for (size_t i = 0; i < ARRAY_LEN(of_http); i++)
            if (config_text_of(section, of_http[i]))
                config_problem(b, config_place_of(section, of_http[i]),
                               "%s has no effect without `listen`; write listen = 127.0.0.1, or remove it", of_http[i]);
    check_doors(b, section);
    check_addresses(b, section);
    config_check_certificate(b, section, admin->certificate, admin->private_key, admin->tls);
    if (admin->token && !b->lenient && !is_token(admin->token))
        config_problem(b, config_place_of(section, "token"),
                       "a token has %d to %d letters, digits and -._~+/=; make one with `openssl rand -hex 24`",
                       TOKEN_LEAST, TOKEN_MOST);
}
