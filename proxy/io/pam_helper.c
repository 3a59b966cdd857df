/* SPDX-License-Identifier: Apache-2.0
 * pam_helper.c: see pam_helper.h.
 *
 *   question: service, folder, user, peer, "password" or "account", the password; a NUL behind each
 *   answer:   "right", or "wrong WHY", "none WHY"
 */
#include "io/pam_helper.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct str verdicts[] = {[PAM_VERDICT_RIGHT] = STR_INIT("right"),
                                      [PAM_VERDICT_WRONG] = STR_INIT("wrong"),
                                      [PAM_VERDICT_NONE] = STR_INIT("none")};
enum { SERVICE, FOLDER, USER, PEER, KIND, PASSWORD, FIELDS };
static const char with_password[] = "password", account_only[] = "account";

bool pam_helper_question(const struct pam_question *q, struct sbuf *out)
{
    const char *const fields[FIELDS] = {q->service,
                                        q->folder ? q->folder : "",
                                        q->user,
                                        q->peer,
                                        q->password ? with_password : account_only,
                                        q->password ? q->password : ""};

    for (size_t i = 0; i < FIELDS; i++) {
        sbuf_add(out, str_from(fields[i]));
        sbuf_char(out, '\0');
    }
    return !out->overflow;
}

enum pam_verdict pam_helper_answer(struct str output, char why[PAM_WHY])
{
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        if (!str_starts(output, verdicts[i])) continue;
        struct str rest = str_trim(str_tail(output, verdicts[i].n));
        if (!str_to_cstr(rest, why, PAM_WHY)) why[0] = '\0';
        return (enum pam_verdict)i;
    }
    (void)snprintf(why, PAM_WHY, "the process that asks it ended without an answer");
    return PAM_VERDICT_NONE;
}

static size_t read_all(char *mem, size_t cap)
{
    size_t n = 0;
    ssize_t got = 1;

    while (n < cap && got) {
        got = read(STDIN_FILENO, mem + n, cap - n);
        if (got < 0 && errno != EINTR) break;
        if (got > 0) n += (size_t)got;
    }
    return n;
}

static bool read_question(struct str text, struct pam_question *q)
{
    const char *fields[FIELDS];

    for (size_t i = 0; i < FIELDS; i++) {
        size_t end = str_index(text, '\0');

        if (end == SIZE_MAX) return false;
        fields[i] = text.p;
        text = str_tail(text, end + 1);
    }
    *q = (struct pam_question){.service = fields[SERVICE],
                               .folder = *fields[FOLDER] ? fields[FOLDER] : NULL,
                               .user = fields[USER],
                               .peer = fields[PEER],
                               .password = strcmp(fields[KIND], with_password) == 0 ? fields[PASSWORD] : NULL};
    return true;
}

/* What modules print, or read, is not for the proxy. */
static int keep_answer_for_us(void)
{
    int answer = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    return answer;
}

_Noreturn void pam_helper_run(void)
{
    char mem[CHILD_INPUT_MAX], why[PAM_WHY] = "", line[PAM_WHY + 16];
    struct sbuf out = sbuf_make(line, sizeof(line));
    struct pam_question q;
    enum pam_verdict verdict = PAM_VERDICT_NONE;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* what modules begin stays below it */
    prctl(PR_SET_DUMPABLE, 0);        /* no core file with a password */
    size_t n = read_all(mem, sizeof(mem));
    int answer = keep_answer_for_us();
    if (read_question(str_make(mem, n), &q)) verdict = pam_judge(&q, why);
    secret_wipe(mem, sizeof(mem));
    sbuf_add(&out, verdicts[verdict]);
    sbuf_char(&out, ' ');
    sbuf_add(&out, str_from(why));
    _exit(answer >= 0 && write(answer, line, out.n) == (ssize_t)out.n ? 0 : 1); /* modules are left as they are */
}
