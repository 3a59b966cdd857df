/* SPDX-License-Identifier: Apache-2.0
 * client_hello.c: see client_hello.h. Pure; any thread.
 */
#include "http/client_hello.h"

enum {
    RECORD_HEAD = 5,
    RECORD_MAX = 16 * 1024,
    HANDSHAKE_HEAD = 4,
    CLIENT_HELLO_TYPE = 1,
    EXTENSION_SERVER_NAME = 0,
    NAME_TYPE_HOST = 0,
};

/* Bytes that are taken off from the front; once too few are left, nothing more is given. */
struct reader {
    const unsigned char *p;
    size_t n;
    bool cut;
};

static enum client_hello_result bad(struct err *err, const char *what)
{
    err_set(err, ERR_CLIENT_TLS, 0, "No TLS ClientHello: %s.", what);
    return CLIENT_HELLO_BAD;
}

static struct reader take(struct reader *r, size_t n)
{
    struct reader part = {r->p, n, false};

    if (r->cut || n > r->n) {
        r->cut = true;
        return (struct reader){NULL, 0, true};
    }
    r->p += n;
    r->n -= n;
    return part;
}

static size_t take_number(struct reader *r, size_t bytes)
{
    struct reader part = take(r, bytes);
    size_t value = 0;

    for (size_t i = 0; i < part.n; i++)
        value = value << 8 | part.p[i];
    return value;
}

/* A vector: its length in @bytes bytes, then that much. */
static struct reader take_vector(struct reader *r, size_t bytes)
{
    return take(r, take_number(r, bytes));
}

static bool is_name_char(char c)
{
    char lower = ascii_lower(c);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* RFC 6066 3: one name of each type; only the type host_name exists. */
static enum client_hello_result read_server_name(struct client_hello *h, struct reader extension, struct err *err)
{
    struct reader list = take_vector(&extension, 2), name;
    size_t type = take_number(&list, 1);

    name = take_vector(&list, 2);
    if (list.cut || extension.cut || list.n || extension.n || type != NAME_TYPE_HOST)
        return bad(err, "the server name is malformed");
    if (h->name[0]) return bad(err, "it names two servers");
    if (name.n == 0 || name.n > CLIENT_HELLO_NAME_MAX) return bad(err, "the server name is empty or too long");
    for (size_t i = 0; i < name.n; i++) {
        if (!is_name_char((char)name.p[i])) return bad(err, "the server name is no host name");
        h->name[i] = ascii_lower((char)name.p[i]);
    }
    h->name[name.n] = '\0';
    return CLIENT_HELLO_DONE;
}

static enum client_hello_result read_message(struct client_hello *h, struct reader m, struct err *err)
{
    struct reader session, suites, compressions, extensions;

    take(&m, 2 + 32); /* legacy_version, random */
    session = take_vector(&m, 1);
    suites = take_vector(&m, 2);
    compressions = take_vector(&m, 1);
    if (m.cut || session.n > 32 || suites.n < 2 || suites.n % 2 || compressions.n < 1)
        return bad(err, "a field is cut or of the wrong length");
    if (m.n == 0) return CLIENT_HELLO_DONE; /* TLS 1.2 without extensions */
    extensions = take_vector(&m, 2);
    if (m.cut || m.n) return bad(err, "the extensions are cut or too short");
    while (extensions.n) {
        size_t type = take_number(&extensions, 2);
        struct reader extension = take_vector(&extensions, 2);

        if (extensions.cut) return bad(err, "an extension is cut");
        if (type == EXTENSION_SERVER_NAME && read_server_name(h, extension, err) != CLIENT_HELLO_DONE)
            return CLIENT_HELLO_BAD;
    }
    return CLIENT_HELLO_DONE;
}

/* The first @want bytes of the handshake messages in the records before h->at. */
static void gather(const struct client_hello *h, const unsigned char *p, unsigned char *out, size_t want)
{
    for (size_t at = 0, done = 0; at < h->at && done < want;) {
        size_t n = (size_t)p[at + 3] << 8 | p[at + 4], part = n < want - done ? n : want - done;

        memcpy(out + done, p + at + RECORD_HEAD, part);
        done += part;
        at += RECORD_HEAD + n;
    }
}

/* Steps over the next record if it is there as a whole. CLIENT_HELLO_DONE: it was. */
static enum client_hello_result next_record(struct client_hello *h, const unsigned char *p, size_t n, struct err *err)
{
    const unsigned char *r = p + h->at;
    size_t left = n - h->at, length;

    if (left >= 1 && r[0] != CLIENT_HELLO_RECORD) return bad(err, "the record is no handshake");
    if (left >= 2 && r[1] != 3) return bad(err, "the record's version is not 3.x");
    if (left < RECORD_HEAD) return CLIENT_HELLO_MORE;
    length = (size_t)r[3] << 8 | r[4];
    if (length == 0 || length > RECORD_MAX) return bad(err, "the record is empty or too long");
    if (h->have == 0 && left > RECORD_HEAD && r[RECORD_HEAD] != CLIENT_HELLO_TYPE)
        return bad(err, "the first message is another one");
    if (left - RECORD_HEAD < length) return CLIENT_HELLO_MORE;
    h->at += RECORD_HEAD + length;
    h->have += length;
    return CLIENT_HELLO_DONE;
}

enum client_hello_result client_hello_scan(struct client_hello *h, const char *bytes, size_t n, struct err *err)
{
    const unsigned char *p = (const unsigned char *)bytes;
    unsigned char message[HANDSHAKE_HEAD + CLIENT_HELLO_MAX];

    for (;;) {
        if (h->have >= HANDSHAKE_HEAD) {
            size_t length;

            gather(h, p, message, HANDSHAKE_HEAD);
            /* NOLINTNEXTLINE: gather has filled it */
            length = (size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3];
            if (length > CLIENT_HELLO_MAX) return bad(err, "it is too long");
            if (h->have >= HANDSHAKE_HEAD + length) {
                gather(h, p, message, HANDSHAKE_HEAD + length);
                return read_message(h, (struct reader){message + HANDSHAKE_HEAD, length, false}, err);
            }
        }
        enum client_hello_result r = next_record(h, p, n, err);
        if (r != CLIENT_HELLO_DONE) return r;
    }
}
