/* SPDX-License-Identifier: Apache-2.0
 * post_form.c: multipart/form-data as it streams by: the fields before the file, then the end of the file.
 * Pure; one thread per struct post_form. Owns nothing: names and values go into the caller's arena.
 * Source: RFC 7578, RFC 2046 5.1.1; WHATWG HTML, "Multipart form data" (how browsers quote names). What the fields mean
 * is in post_form_fields.c, the answer in post_form_answer.c.
 *
 *     PREAMBLE ─▶ DELIMITER_LINE ─▶ HEADERS ─┬─ name="file" ─▶ AT_FILE ─ delimiter ─▶ ENDED
 *                     ▲      └─ "--" ─▶ error └─▶ VALUE ─┐
 *                     └──────────── delimiter ───────────┘
 *     any state ─ error ─▶ FAILED
 */
#include "post_form_impl.h"

enum state { PREAMBLE, DELIMITER_LINE, HEADERS, VALUE, AT_FILE, ENDED, FAILED };

/* Of one step: its result, or that it needs more bytes, or an error. */
enum step { STEP_DONE, STEP_MORE, STEP_FAILED };

static const struct str FILENAME_VARIABLE = STR_INIT("${filename}");

static enum err_code malformed(struct err *err, const char *reason)
{
    return err_set(err, ERR_FORM_MALFORMED, 0,
                   "The body of your POST request is not well-formed multipart/form-data: %s.", reason);
}

bool post_form_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", s.p[i])) return false;
    return s.n > 0;
}

bool post_form_is_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f) return false;
    return true;
}

/* ---- parameters of a header value ---- */

/* Takes ";name=" from *@rest. False at the end, or with an error in *@code. */
static bool next_parameter(struct str *rest, struct str *name, enum err_code *code, struct err *err)
{
    *code = ERR_NONE;
    while (rest->n && rest->p[0] == ';') /* RFC 9110 5.6.6 allows empty parameters */
        *rest = str_trim(str_tail(*rest, 1));
    if (rest->n == 0) return false;

    size_t equals = str_index(*rest, '=');
    *name = str_head(*rest, equals);
    if (equals == SIZE_MAX || !post_form_is_token(*name)) {
        *code = malformed(err, "a parameter of a header is not \"name=value\"");
        return false;
    }
    *rest = str_tail(*rest, equals + 1);
    return true;
}

/* What must follow a value: the next parameter or nothing. */
static enum err_code check_parameter_end(struct str *rest, struct err *err)
{
    *rest = str_trim(*rest);
    if (rest->n && rest->p[0] != ';') return malformed(err, "a parameter of a header is followed by something else");
    return ERR_NONE;
}

/* ---- boundary ---- */

/* RFC 2046 5.1.1: bchars. */
static bool is_boundary(struct str s)
{
    if (s.n == 0 || s.n > FORM_MAX_BOUNDARY || s.p[s.n - 1] == ' ') return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], lower = ascii_lower(c);
        bool alphanumeric = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
        if (!alphanumeric && (c == '\0' || !strchr("'()+_,-./:=? ", c))) return false;
    }
    return true;
}

/* A quoted value holds no escapes here (no bchar needs one). Unquoted, more than tokens is taken: some clients forget
 * the quotes that '/', ':' or '=' would need. */
static struct str take_boundary_value(struct str *rest)
{
    struct str value;

    if (rest->n && rest->p[0] == '"') {
        size_t close = str_index(str_tail(*rest, 1), '"');
        if (close == SIZE_MAX) return STR_NONE;
        value = str_head(str_tail(*rest, 1), close);
        *rest = str_tail(*rest, close + 2);
        return value;
    }
    value = str_head(*rest, str_index(*rest, ';'));
    *rest = str_tail(*rest, value.n);
    return str_trim(value);
}

enum err_code post_form_boundary(struct str content_type, struct str *boundary, struct err *err)
{
    struct str type = str_head(content_type, str_index(content_type, ';')), name;
    enum err_code code;

    *boundary = STR_NONE;
    if (!str_eq_nocase(str_trim(type), STR("multipart/form-data")))
        return err_set(err, ERR_FORM_NOT_MULTIPART, 0, "%s", err_info(ERR_FORM_NOT_MULTIPART)->text);
    struct str rest = str_tail(content_type, type.n);
    while (next_parameter(&rest, &name, &code, err)) {
        struct str value = take_boundary_value(&rest);
        TRY(check_parameter_end(&rest, err));
        if (!str_eq_nocase(name, STR("boundary"))) continue;
        if (boundary->p) return malformed(err, "its Content-Type has two boundaries");
        if (!is_boundary(value)) return malformed(err, "the boundary in its Content-Type is not valid");
        *boundary = value;
    }
    if (code != ERR_NONE) return code;
    return boundary->p ? ERR_NONE : malformed(err, "its Content-Type has no boundary");
}

void post_form_init(struct post_form *f, struct str boundary)
{
    ASSERT(boundary.n > 0 && boundary.n <= FORM_MAX_BOUNDARY);
    *f = (struct post_form){.state = PREAMBLE};
    memcpy(f->delimiter, "\r\n--", 4);
    memcpy(f->delimiter + 4, boundary.p, boundary.n);
    f->delimiter_n = 4 + boundary.n;
}

/* ---- delimiters ---- */

static struct str delimiter(const struct post_form *f)
{
    return str_make(f->delimiter, f->delimiter_n);
}

/* How many bytes at the end of @data may be the begin of a delimiter. CR stands only at its start. */
static size_t delimiter_tail(const struct post_form *f, struct str data)
{
    struct str tail = data.n < f->delimiter_n ? data : str_tail(data, data.n - (f->delimiter_n - 1));
    size_t cr;

    while ((cr = str_index(tail, '\r')) != SIZE_MAX) {
        tail = str_tail(tail, cr);
        if (str_starts(delimiter(f), tail)) return tail.n;
        tail = str_tail(tail, 1);
    }
    return 0;
}

enum line { LINE_MORE, LINE_PART, LINE_CLOSE, LINE_BAD };

/* What stands behind a boundary. RFC 2046 5.1.1: transport padding and CR LF, and another part follows; or "--",
 * padding, and CR LF or the end of the body. *@n: its bytes. */
static enum line delimiter_line(struct str rest, bool last, size_t *n)
{
    enum line unfinished = last ? LINE_BAD : LINE_MORE;
    bool close = str_starts(rest, STR("--"));
    size_t i = close ? 2 : 0;

    if (str_eq(rest, STR("-"))) return unfinished;
    while (i < rest.n && (rest.p[i] == ' ' || rest.p[i] == '\t'))
        i++;
    if (i > FORM_MAX_PADDING) return LINE_BAD;
    *n = i;
    if (i == rest.n) return close && last ? LINE_CLOSE : unfinished;
    if (rest.p[i] != '\r') return LINE_BAD;
    if (i + 1 == rest.n) return unfinished;
    if (rest.p[i + 1] != '\n') return LINE_BAD;
    *n = i + 2;
    return close ? LINE_CLOSE : LINE_PART;
}

/* Searches the next delimiter in @body from @f->scanned on. True: it begins at *@at, and @f goes on behind it. */
static bool pass_delimiter(struct post_form *f, struct str body, size_t *at)
{
    size_t found = str_find(str_tail(body, f->scanned), delimiter(f));

    if (found == SIZE_MAX) {
        f->scanned = body.n - delimiter_tail(f, str_tail(body, f->scanned));
        return false;
    }
    *at = f->scanned + found;
    f->pos = f->scanned = *at + f->delimiter_n;
    f->state = DELIMITER_LINE;
    return true;
}

/* ---- headers of a part ---- */

/* A quoted string in *@rest, without its quotes. A backslash is an escape only before '"' and '\': old browsers send
 * C:\dir\name as it is, curl and Python escape both. Browsers write %22 for '"', which stays as S3 leaves it. */
static enum err_code take_quoted(struct str *rest, struct arena *arena, struct str *value, struct err *err)
{
    struct sbuf b = arena_sbuf(arena, rest->n);
    size_t i = 1;

    for (; i < rest->n && rest->p[i] != '"'; i++) {
        if (rest->p[i] == '\\' && i + 1 < rest->n && (rest->p[i + 1] == '"' || rest->p[i + 1] == '\\')) i++;
        sbuf_char(&b, rest->p[i]);
    }
    if (b.overflow) return err_set(err, ERR_NO_MEMORY, 0, "The form does not fit into memory.");
    if (i >= rest->n) return malformed(err, "a quoted string does not end");
    arena_trim(arena, &b);
    *value = sbuf_str(&b);
    *rest = str_tail(*rest, i + 1);
    return ERR_NONE;
}

static enum err_code take_value(struct str *rest, struct arena *arena, struct str *value, struct err *err)
{
    if (rest->n && rest->p[0] == '"') return take_quoted(rest, arena, value, err);

    struct str token = str_trim(str_head(*rest, str_index(*rest, ';')));
    if (!post_form_is_token(token)) return malformed(err, "a parameter of a header has no proper value");
    *rest = str_tail(*rest, str_index(*rest, ';'));
    *value = arena_dup(arena, token);
    return value->p ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "The form does not fit into memory.");
}

/* RFC 7578 4.2: form-data; name="…"; filename="…". filename* is not allowed there, and ignored like any other. */
static enum err_code read_disposition(struct post_form *f, struct str value, struct arena *arena, struct err *err)
{
    struct str type = str_head(value, str_index(value, ';')), rest = str_tail(value, type.n), name, text;
    enum err_code code;

    if (f->has_disposition) return malformed(err, "a part has two Content-Disposition headers");
    if (!str_eq_nocase(str_trim(type), STR("form-data"))) return malformed(err, "a part is not form-data");
    f->has_disposition = true;
    f->part = (struct post_form_field){.name = STR_NONE};
    f->filename = STR_NONE;
    while (next_parameter(&rest, &name, &code, err)) {
        TRY(take_value(&rest, arena, &text, err));
        TRY(check_parameter_end(&rest, err));
        struct str *place = str_eq_nocase(name, STR("name"))       ? &f->part.sent
                            : str_eq_nocase(name, STR("filename")) ? &f->filename
                                                                   : NULL;
        if (!place) continue;
        if (place->p) return malformed(err, "a parameter stands twice in a Content-Disposition header");
        *place = text;
    }
    if (code != ERR_NONE) return code;
    return f->part.sent.n ? ERR_NONE : malformed(err, "a part has no name");
}

/* Other headers (Content-Transfer-Encoding, Content-Length) are ignored, RFC 7578 4.8. */
static enum err_code read_header(struct post_form *f, struct str line, struct arena *arena, struct err *err)
{
    size_t colon = str_index(line, ':');
    struct str name = str_head(line, colon), value = str_trim(str_tail(line, name.n + 1));

    if (!post_form_is_text(line)) return malformed(err, "a header of a part holds a control byte");
    if (colon == SIZE_MAX || !post_form_is_token(name))
        return malformed(err, "a header of a part is not \"name: value\"");
    if (str_eq_nocase(name, STR("content-disposition"))) return read_disposition(f, value, arena, err);
    if (!str_eq_nocase(name, STR("content-type"))) return ERR_NONE;
    f->file_type = arena_dup(arena, value);
    return f->file_type.p ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "The form does not fit into memory.");
}

/* A complete line, without its CR LF, that begins at @f->pos. */
static enum step next_line(struct post_form *f, struct str body, struct str *line, struct err *err)
{
    size_t found = str_index(str_tail(body, f->scanned), '\n');
    size_t end = found == SIZE_MAX ? body.n : f->scanned + found; /* of the line and its CR */

    f->scanned = end;
    if (end - f->pos > FORM_MAX_HEADER_LINE + 1) {
        malformed(err, "a header of a part is too long");
        return STEP_FAILED;
    }
    if (found == SIZE_MAX) return STEP_MORE;
    if (end == f->pos || body.p[end - 1] != '\r') {
        malformed(err, "a header of a part does not end in CR LF");
        return STEP_FAILED;
    }
    *line = str_make(body.p + f->pos, end - 1 - f->pos);
    f->pos = f->scanned = end + 1;
    return STEP_DONE;
}

/* ---- the fields, once all are there ---- */

static bool replaces_variable(const struct post_form *f, const struct post_form_field *field)
{
    return f->has_filename && !str_eq(field->name, STR("policy"));
}

/* @value with ${filename} replaced, if @replace, into @b; returns its length. @b may be NULL to know only that. */
static size_t expand(const struct post_form *f, struct str value, bool replace, struct sbuf *b)
{
    size_t n = 0, at;

    while (replace && (at = str_find(value, FILENAME_VARIABLE)) != SIZE_MAX) {
        if (b) sbuf_add(b, str_head(value, at));
        if (b) sbuf_add(b, f->filename);
        n += at + f->filename.n;
        value = str_tail(value, at + FILENAME_VARIABLE.n);
    }
    if (b) sbuf_add(b, value);
    return n + value.n;
}

/* Field @i takes over the values of later fields of its name, which lose theirs. *@total: bytes of all values. */
static enum err_code settle_field(struct post_form *f, size_t i, size_t *total, struct arena *arena, struct err *err)
{
    struct post_form_field *field = &f->fields[i];
    bool replace = replaces_variable(f, field);
    size_t n = expand(f, field->value, replace, NULL);

    for (size_t j = i + 1; j < f->fields_n; j++)
        if (str_eq(f->fields[j].name, field->name)) n += 1 + expand(f, f->fields[j].value, replace, NULL);
    *total += n;
    if (*total > FORM_MAX_BYTES)
        return err_set(err, ERR_FORM_TOO_LONG, 0, "The form's fields are too long with the file's name in them.");

    struct sbuf b = arena_sbuf(arena, n);
    expand(f, field->value, replace, &b);
    for (size_t j = i + 1; j < f->fields_n; j++) {
        if (!str_eq(f->fields[j].name, field->name)) continue;
        sbuf_char(&b, ',');
        expand(f, f->fields[j].value, replace, &b);
        f->fields[j].name = STR_NONE;
    }
    if (b.overflow) return err_set(err, ERR_NO_MEMORY, 0, "The form does not fit into memory.");
    field->value = sbuf_str(&b);
    return ERR_NONE;
}

static void keep_last_component(struct str *path)
{
    size_t slash = str_rindex(*path, '/');

    if (slash != SIZE_MAX) *path = str_tail(*path, slash + 1);
    slash = str_rindex(*path, '\\');
    if (slash != SIZE_MAX) *path = str_tail(*path, slash + 1);
}

/* "The variable ${filename} is automatically replaced with the name of the file […] and is recognized by all form
 * fields. […] only the text following the last slash (/) or backslash (\) is used." "If you have multiple fields with
 * the same name, the values must be separated by commas." (HTML Form Fields) */
static enum err_code settle_fields(struct post_form *f, struct arena *arena, struct err *err)
{
    size_t total = 0, n = 0;

    f->has_filename = f->filename.p != NULL;
    keep_last_component(&f->filename);
    for (size_t i = 0; i < f->fields_n; i++) {
        if (f->fields[i].name.n == 0) continue;
        TRY(settle_field(f, i, &total, arena, err));
        f->fields[n++] = f->fields[i];
    }
    f->fields_n = n;
    return ERR_NONE;
}

/* ---- reading the fields ---- */

/* The first boundary may stand at the very start or behind a preamble, which is ignored. */
static enum step pass_preamble(struct post_form *f, struct str body)
{
    struct str dash_boundary = str_tail(delimiter(f), 2);
    size_t at;

    if (str_starts(body, dash_boundary)) {
        f->pos = f->scanned = dash_boundary.n;
        f->state = DELIMITER_LINE;
        return STEP_DONE;
    }
    if (str_starts(dash_boundary, body)) return STEP_MORE;
    return pass_delimiter(f, body, &at) ? STEP_DONE : STEP_MORE;
}

static enum step pass_delimiter_line(struct post_form *f, struct str body, bool last, struct err *err)
{
    size_t n;

    switch (delimiter_line(str_tail(body, f->pos), last, &n)) {
    case LINE_MORE: return STEP_MORE;
    case LINE_PART: break;
    case LINE_CLOSE: err_set(err, ERR_FORM_NO_FILE, 0, "%s", err_info(ERR_FORM_NO_FILE)->text); return STEP_FAILED;
    case LINE_BAD: malformed(err, "a boundary is followed by something else than a line end"); return STEP_FAILED;
    }
    f->pos = f->scanned = f->pos + n;
    f->state = HEADERS;
    f->has_disposition = false;
    f->file_type = STR("");
    return STEP_DONE;
}

static enum err_code end_headers(struct post_form *f, struct arena *arena, struct err *err)
{
    if (!f->has_disposition) return malformed(err, "a part has no Content-Disposition header");
    if (str_eq_nocase(f->part.sent, STR("file"))) {
        TRY(settle_fields(f, arena, err));
        f->state = AT_FILE;
        return ERR_NONE;
    }
    if (f->fields_n == FORM_MAX_FIELDS)
        return err_set(err, ERR_FORM_TOO_LONG, 0, "The form has more than %d fields before the file.", FORM_MAX_FIELDS);
    f->state = VALUE;
    return ERR_NONE;
}

static enum step read_part_header(struct post_form *f, struct str body, struct arena *arena, struct err *err)
{
    struct str line;
    enum step step = next_line(f, body, &line, err);

    if (step != STEP_DONE) return step;
    enum err_code code = line.n ? read_header(f, line, arena, err) : end_headers(f, arena, err);
    return code == ERR_NONE ? STEP_DONE : STEP_FAILED;
}

static enum step read_value(struct post_form *f, struct str body, struct arena *arena, struct err *err)
{
    size_t start = f->pos, end;

    if (!pass_delimiter(f, body, &end)) return STEP_MORE;
    struct sbuf name = arena_sbuf(arena, f->part.sent.n);
    sbuf_lower(&name, f->part.sent);
    f->part.name = sbuf_str(&name);
    f->part.value = arena_dup(arena, str_make(body.p + start, end - start));
    if (name.overflow || !f->part.value.p) {
        err_set(err, ERR_NO_MEMORY, 0, "The form does not fit into memory.");
        return STEP_FAILED;
    }
    f->fields[f->fields_n++] = f->part;
    return STEP_DONE;
}

static enum step read_step(struct post_form *f, struct str body, bool last, struct arena *arena, struct err *err)
{
    switch ((enum state)f->state) {
    case PREAMBLE: return pass_preamble(f, body);
    case DELIMITER_LINE: return pass_delimiter_line(f, body, last, err);
    case HEADERS: return read_part_header(f, body, arena, err);
    case VALUE: return read_value(f, body, arena, err);
    case AT_FILE:
    case ENDED:
    case FAILED: break;
    }
    malformed(err, "it was refused before");
    return STEP_FAILED;
}

static enum form_result fail(struct post_form *f)
{
    f->state = FAILED;
    return FORM_INVALID;
}

enum form_result post_form_read(struct post_form *f, struct str body, bool last, size_t *used, struct arena *arena,
                                struct err *err)
{
    bool full = body.n >= FORM_MAX_BYTES;
    enum step step = STEP_DONE;

    body = str_head(body, FORM_MAX_BYTES);
    while (step == STEP_DONE && f->state != AT_FILE)
        step = read_step(f, body, last && !full, arena, err);
    if (step == STEP_FAILED) return fail(f);
    if (f->state == AT_FILE) {
        *used = f->pos;
        return FORM_FILE;
    }
    if (full) {
        err_set(err, ERR_FORM_TOO_LONG, 0, "%s", err_info(ERR_FORM_TOO_LONG)->text);
        return fail(f);
    }
    if (!last) return FORM_MORE;
    malformed(err, "it ends early");
    return fail(f);
}

/* ---- the file ---- */

enum err_code post_form_content(struct post_form *f, struct str data, bool last, size_t *content, bool *ended,
                                struct err *err)
{
    size_t n;

    *content = 0;
    *ended = f->state == ENDED;
    if (*ended) return ERR_NONE;
    if (f->state != AT_FILE) return malformed(err, "it was refused before");
    size_t at = str_find(data, delimiter(f));
    if (at == SIZE_MAX && last) {
        f->state = FAILED;
        return malformed(err, "the file does not end with the boundary");
    }
    *content = at == SIZE_MAX ? data.n - delimiter_tail(f, data) : at;
    if (at == SIZE_MAX) return ERR_NONE;
    switch (delimiter_line(str_tail(data, at + f->delimiter_n), last, &n)) {
    case LINE_MORE: return ERR_NONE;
    case LINE_BAD: f->state = FAILED; return malformed(err, "the file's end is not a proper boundary line");
    case LINE_PART:
    case LINE_CLOSE: break;
    }
    f->state = ENDED;
    *ended = true;
    return ERR_NONE;
}

uint64_t post_form_expected(const struct post_form *f, uint64_t content_length, uint64_t file_at, bool final_crlf)
{
    uint64_t end = f->delimiter_n + 2 + (final_crlf ? 2 : 0); /* delimiter, "--", CR LF */

    if (content_length < file_at || content_length - file_at < end) return FORM_NO_LENGTH;
    return content_length - file_at - end;
}
