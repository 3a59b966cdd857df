/* SPDX-License-Identifier: Apache-2.0
 * body.c: HTTP/1.1 body framings, decoded in place, for any split of the input. Pure; any thread; owns nothing.
 * Source: RFC 9112 6.3, 7.1 (chunked), 7.1.1 (extensions), 7.1.2 (trailers).
 *
 *   SIZE ──digits──▶ SIZE ──;──▶ EXT ─┐                 size > 0: DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE
 *     └───────────────CR──────────────┴─▶ SIZE_LF ──LF──▶ size 0: LINE ─▶ NAME ─:▶ VALUE ─CR▶ VALUE_LF ─▶ LINE
 *                                                                   └─CR▶ END_LF ──LF──▶ done
 */
#include "http/body.h"

#include "scan.h"

enum state { SIZE, EXT, SIZE_LF, DATA, DATA_CR, DATA_LF, LINE, NAME, VALUE, VALUE_LF, END_LF, BROKEN };

void body_init(struct body *b, enum body_kind kind, uint64_t length)
{
    *b = (struct body){.kind = kind, .state = SIZE};
    if (kind == BODY_LENGTH) b->left = length;
    b->done = kind == BODY_NONE || (kind == BODY_LENGTH && length == 0);
}

bool body_eof(struct body *b)
{
    if (b->kind == BODY_UNTIL_CLOSE) b->done = true;
    return b->done;
}

static bool is_text(char c)
{
    return ((uint8_t)c >= 0x20 && c != 0x7f) || c == '\t';
}

/* Sixteen digits at most, and the sign bit free: sums of sizes cannot wrap. */
static const char *size_digit(struct body *b, int digit)
{
    if (++b->digits > 16 || b->size > INT64_MAX >> 4) return "chunk size is too large";
    b->size = b->size << 4 | (uint64_t)digit;
    return NULL;
}

/* One byte of "1*HEXDIG [chunk-ext] CRLF". Returns what is wrong, or NULL. */
static const char *size_byte(struct body *b, char c)
{
    if (++b->line_bytes > BODY_MAX_CHUNK_LINE) return "chunk line is too long";
    int digit = b->state == SIZE ? hex_digit(c) : -1;
    if (digit >= 0) return size_digit(b, digit);
    if (b->state == SIZE_LF) {
        if (c != '\n') return "carriage return without line feed after a chunk size";
        b->left = b->size;
        b->state = b->size > 0 ? DATA : LINE;
        return NULL;
    }
    if (b->digits == 0) return "chunk without a size";
    if (c == '\r') {
        b->state = SIZE_LF;
    } else if (b->state == SIZE) {
        if (c != ';') return "chunk size is not hexadecimal";
        b->state = EXT;
    } else if (!is_text(c)) {
        return "control byte in a chunk extension";
    }
    return NULL;
}

/* The CRLF after the data of a chunk. */
static const char *data_end_byte(struct body *b, char c)
{
    if (c != (b->state == DATA_CR ? '\r' : '\n')) return "chunk is longer than its size";
    if (b->state == DATA_LF) {
        b->size = 0;
        b->digits = b->line_bytes = 0;
    }
    b->state = b->state == DATA_CR ? DATA_LF : SIZE;
    return NULL;
}

/* One byte of the trailer section and the empty line after it: fields are checked for form and dropped. */
static const char *trailer_byte(struct body *b, char c)
{
    if (++b->trailer_bytes > BODY_MAX_TRAILERS) return "trailers are too long";
    switch (b->state) {
    case LINE:
        if (c != '\r' && !http_token[(uint8_t)c]) return "trailer without a valid name";
        b->state = c == '\r' ? END_LF : NAME;
        return NULL;
    case NAME:
        if (c == ':')
            b->state = VALUE;
        else if (!http_token[(uint8_t)c])
            return "trailer without a valid name and colon";
        return NULL;
    case VALUE:
        if (c == '\r')
            b->state = VALUE_LF;
        else if (!is_text(c))
            return "control byte in a trailer";
        return NULL;
    default:
        if (c != '\n') return "carriage return without line feed in the trailers";
        b->done = b->state == END_LF;
        b->state = LINE;
        return NULL;
    }
}

static const char *framing_byte(struct body *b, char c)
{
    switch ((enum state)b->state) {
    case SIZE:
    case EXT:
    case SIZE_LF: return size_byte(b, c);
    case DATA_CR:
    case DATA_LF: return data_end_byte(b, c);
    case LINE:
    case NAME:
    case VALUE:
    case VALUE_LF:
    case END_LF: return trailer_byte(b, c);
    case DATA:
    case BROKEN: break;
    }
    return "the body was broken before";
}

static enum err_code decode_chunked(struct body *b, char *data, size_t raw_len, size_t *used, size_t *plain_len,
                                    struct err *err)
{
    size_t in = 0, out = 0;
    const char *wrong = NULL;
    while (in < raw_len && !b->done && !wrong) {
        if (b->state != DATA) {
            wrong = framing_byte(b, data[in++]);
            continue;
        }
        size_t n = raw_len - in < b->left ? raw_len - in : (size_t)b->left;
        if (in != out) memmove(data + out, data + in, n);
        in += n;
        out += n;
        b->left -= n;
        if (b->left == 0) b->state = DATA_CR;
    }
    b->plain += out;
    *used = in;
    *plain_len = out;
    if (!wrong) return ERR_NONE;
    b->state = BROKEN;
    return err_set(err, ERR_BAD_FRAMING, 0, "%s", wrong);
}

enum err_code body_decode(struct body *b, char *data, size_t raw_len, size_t *used, size_t *plain_len, struct err *err)
{
    size_t n = 0;
    switch (b->done ? BODY_NONE : b->kind) {
    case BODY_CHUNKED: return decode_chunked(b, data, raw_len, used, plain_len, err);
    case BODY_LENGTH:
        n = raw_len < b->left ? raw_len : (size_t)b->left;
        b->left -= n;
        b->done = b->left == 0;
        break;
    case BODY_UNTIL_CLOSE: n = raw_len; break;
    case BODY_NONE: break;
    }
    b->plain += n;
    *used = *plain_len = n;
    return ERR_NONE;
}
