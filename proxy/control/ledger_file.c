/* SPDX-License-Identifier: Apache-2.0
 * ledger_file.c: of ledgers (ledger.h) the files. DIR/traffic-YYYY-MM is text, a row a line, its last line says how
 * many there are: a file that was cut is noticed. A new one is written beside it, synced, and renamed over it, under
 * the lock DIR/traffic.lock.
 *
 *     s3onramp traffic 1 <TAB> 2026-11
 *     zone <TAB> endpoint, Region, zone, first, last, peak, its time
 *     row <TAB> client, bucket, endpoint, Region, zone, the counters in the order of TRAFFIC_TABLE
 *     end <TAB> lines above
 */
#include "control/ledger.h"

#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define HEAD "s3onramp traffic 1\t"
#define FILE_NAME "traffic-"
enum { FILE_MOST = 64 << 20 };

/* ------------------------------------------------------------------- reading */

static bool take_numbers(struct str rest, uint64_t *v, size_t n)
{
    struct str item;
    size_t i = 0;

    while (i < n && str_split(&rest, '\t', &item))
        if (!str_to_u64(item, &v[i++])) return false;
    return i == n && rest.n == 0;
}

/* The first @n fields, which may be empty, and what follows them. */
static bool take_fields(struct str *rest, struct str *field, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t tab = str_index(*rest, '\t');

        if (tab == SIZE_MAX) return false;
        field[i] = str_head(*rest, tab);
        *rest = str_tail(*rest, tab + 1);
    }
    return true;
}

static bool take_row(struct ledger *l, struct str rest)
{
    struct str field[LEDGER_FIELDS];
    uint64_t v[TRAFFIC_SLOTS];

    return take_fields(&rest, field, LEDGER_FIELDS) && take_numbers(rest, v, TRAFFIC_SLOTS) && ledger_add(l, field, v);
}

static bool take_zone(struct ledger *l, struct str rest)
{
    struct str field[3];
    uint64_t v[4];

    if (!take_fields(&rest, field, 3) || !take_numbers(rest, v, 4)) return false;
    for (size_t i = 0; i < 4; i++)
        if (i != 2 && v[i] > INT64_MAX) return false;
    const struct ledger_zone z = {
        .first_s = (int64_t)v[0], .last_s = (int64_t)v[1], .peak = v[2], .peak_s = (int64_t)v[3]};

    return ledger_saw(l, field[0], field[1], field[2], &z);
}

static bool take_line(struct ledger *l, struct str line, unsigned before, bool *over)
{
    uint64_t n;

    if (*over) return false;
    if (str_starts(line, STR("row\t"))) return take_row(l, str_tail(line, 4));
    if (str_starts(line, STR("zone\t"))) return take_zone(l, str_tail(line, 5));
    *over = str_starts(line, STR("end\t")) && str_to_u64(str_tail(line, 4), &n) && n == before;
    return *over;
}

enum err_code ledger_parse(struct ledger *l, struct str text, const char *name, struct err *err)
{
    unsigned line = 0;
    bool over = false;

    while (text.n) {
        size_t n = str_index(text, '\n');
        struct str one = str_head(text, n);
        bool fine = n < text.n;

        if (fine && line == 0)
            fine = str_starts(one, STR(HEAD)) && str_eq(str_tail(one, sizeof(HEAD) - 1), str_from(l->month));
        else if (fine)
            fine = take_line(l, one, line, &over);
        line++;
        if (!fine) return err_set(err, ERR_CONFIG, 0, "%s:%u: this is not what the proxy writes there", name, line);
        text = str_tail(text, n + 1);
    }
    if (over) return ERR_NONE;
    return err_set(err, ERR_CONFIG, 0, "%s:%u: the end of the file is missing", name, line);
}

static void path_of(const struct ledger *l, const char *dir, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/" FILE_NAME "%s", dir, l->month);
}

/* *@out is owned; NULL without an error: there is no file. */
static enum err_code read_all(const char *path, struct str *out, char **mem, struct err *err)
{
    FILE *in = fopen(path, "re");
    size_t cap = 1 << 16, n = 0;
    bool whole = false;

    *mem = NULL;
    if (!in && errno == ENOENT) return ERR_NONE;
    if (!in) return err_set(err, ERR_FILE, errno, "%s", path);
    while (!whole && cap <= FILE_MOST) {
        char *more = realloc(*mem, cap);

        if (!more) break;
        *mem = more;
        n += fread(*mem + n, 1, cap - n, in);
        whole = n < cap;
        cap *= 2;
    }
    bool failed = ferror(in) || !whole; /* what is cut for want of memory is no broken file */
    int e = errno;

    fclose(in);
    *out = str_make(*mem, n);
    return failed ? err_set(err, ERR_FILE, e, "%s cannot be read", path) : ERR_NONE;
}

enum err_code ledger_load(struct ledger *l, const char *dir, struct err *err)
{
    char path[PATH_MAX], *mem;
    struct str text;
    enum err_code code;

    path_of(l, dir, path);
    code = read_all(path, &text, &mem, err);
    if (code == ERR_NONE && mem) code = ledger_parse(l, text, path, err);
    free(mem);
    return code;
}

/* ------------------------------------------------------------------- writing */

static void write_lines(const struct ledger *l, FILE *out)
{
    const struct ledger_zone *z;
    const struct ledger_row *r;
    size_t at = 0, lines = 1;

    fprintf(out, HEAD "%s\n", l->month);
    for (; (z = map_next(&l->zones, &at)); lines++)
        fprintf(out, "zone\t%s\t%lld\t%lld\t%llu\t%lld\n", z->text, (long long)z->first_s, (long long)z->last_s,
                (unsigned long long)z->peak, (long long)z->peak_s);
    for (at = 0; (r = map_next(&l->rows, &at)); lines++) {
        fprintf(out, "row\t%s", r->text);
        for (size_t i = 0; i < TRAFFIC_SLOTS; i++)
            fprintf(out, "\t%llu", (unsigned long long)r->v[i]);
        fputc('\n', out);
    }
    fprintf(out, "end\t%zu\n", lines);
}

static enum err_code write_file(const struct ledger *l, const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool fine;
    int e;

    if (!out) {
        e = errno;
        if (fd >= 0) close(fd);
        return err_set(err, ERR_FILE, e, "%s", path);
    }
    write_lines(l, out);
    fine = fflush(out) == 0 && !ferror(out) && fsync(fd) == 0;
    e = errno;
    if (fclose(out) != 0) fine = false;
    if (fine) return ERR_NONE;
    (void)unlink(path);
    return err_set(err, ERR_FILE, e, "%s", path);
}

static int is_month_file(const struct dirent *d)
{
    int64_t from, to;

    return strncmp(d->d_name, FILE_NAME, sizeof(FILE_NAME) - 1) == 0 &&
           ledger_month_span(d->d_name + sizeof(FILE_NAME) - 1, &from, &to);
}

/* The newest stay. */
static void remove_old(const char *dir)
{
    struct dirent **v;
    int n = scandir(dir, &v, is_month_file, alphasort);
    char path[PATH_MAX];

    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, v[i]->d_name);
        if (i < n - LEDGER_MONTHS) (void)unlink(path);
        free(v[i]);
    }
    if (n >= 0) free(v);
}

/* What cannot be read as what we write stays for people to look at. */
static enum err_code put_aside(const char *path, const struct err *why, struct err *err)
{
    char aside[PATH_MAX + 40];

    snprintf(aside, sizeof(aside), "%s.broken-%lld", path, (long long)(clock_wall_us() / 1000000));
    if (rename(path, aside) != 0) return err_set(err, ERR_FILE, errno, "%s is broken, and cannot be renamed", path);
    LOG(LOG_ERROR, "%s; it is %s now, and what it held is not in `s3onramp cost` any more", why->detail, aside);
    return ERR_NONE;
}

static enum err_code load_or_put_aside(struct ledger **all, const char *dir, const char *path, struct err *err)
{
    struct err why = {0};
    enum err_code code = ledger_load(*all, dir, &why);
    char month[LEDGER_MONTH];

    if (code == ERR_NONE) return ERR_NONE;
    if (code != ERR_CONFIG) {
        *err = why;
        return code;
    }
    TRY(put_aside(path, &why, err));
    memcpy(month, (*all)->month, sizeof(month));
    ledger_free(all);
    *all = ledger_new(month);
    return *all ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "%s", path);
}

static enum err_code replace(const struct ledger *l, const char *dir, struct err *err)
{
    struct ledger *all = ledger_new(l->month);
    char path[PATH_MAX], fresh[PATH_MAX + 8];
    enum err_code code;
    bool is_new;

    if (!all) return err_set(err, ERR_NO_MEMORY, 0, "%s", dir);
    path_of(l, dir, path);
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    is_new = access(path, F_OK) != 0;
    code = load_or_put_aside(&all, dir, path, err);
    if (code == ERR_NONE && !ledger_merge(all, l)) code = err_set(err, ERR_NO_MEMORY, 0, "%s", path);
    if (code == ERR_NONE) code = write_file(all, fresh, err);
    if (code == ERR_NONE && rename(fresh, path) != 0) code = err_set(err, ERR_FILE, errno, "%s", path);
    ledger_free(&all);
    if (code == ERR_NONE && is_new) remove_old(dir);
    return code;
}

enum err_code ledger_commit(const struct ledger *l, const char *dir, struct err *err)
{
    char path[PATH_MAX];
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), lock;
    enum err_code code;

    snprintf(path, sizeof(path), "%s/traffic.lock", dir);
    lock = folder >= 0 ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (lock < 0 || flock(lock, LOCK_EX) != 0) {
        code = err_set(err, ERR_FILE, errno, "%s", folder < 0 ? dir : path);
    } else {
        code = replace(l, dir, err);
        if (code == ERR_NONE) (void)fsync(folder); /* what is renamed is there for all to see, whatever this says */
    }
    if (lock >= 0) close(lock);
    if (folder >= 0) close(folder);
    return code;
}
