/* SPDX-License-Identifier: Apache-2.0
 * test_pam.c: what PAM's answers come to, by modules of Debian's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrib.h"
#include "base/pam.h"
#include "pam_services.h"

static int set_up(void **state)
{
    if (folder_make(state)) return -1;
    pam_services_make();
    return 0;
}

static void test_pam_judge(void **state UNUSED)
{
    static const struct {
        const char *service, *user, *password;
        enum pam_verdict verdict;
        const char *why;
    } rows[] = {
        {"fine", "alice", "right", PAM_VERDICT_RIGHT, ""},
        {"fine", "alice", "other", PAM_VERDICT_WRONG, "Authentication failure"},
        {"fine", "alice", "right ", PAM_VERDICT_WRONG, "Authentication failure"},
        {"fine", "alice", "", PAM_VERDICT_WRONG, "Authentication failure"},
        {"fine", "carol", "right", PAM_VERDICT_WRONG, ""},
        {"expired", "alice", "right", PAM_VERDICT_WRONG, "the account: User account has expired"},
        {"expired", "alice", "wrong", PAM_VERDICT_WRONG, "Authentication failure"},
        {"change", "alice", "right", PAM_VERDICT_WRONG, "the account: Authentication token is no longer valid"},
        {"denied", "alice", "right", PAM_VERDICT_WRONG, "the account: Permission denied"},
        {"tries", "alice", "right", PAM_VERDICT_WRONG, "Have exhausted maximum number of retries"},
        {"asks", "alice", "right", PAM_VERDICT_WRONG, "it asks for more than a password"},
        {"down", "alice", "right", PAM_VERDICT_NONE, "Authentication service cannot retrieve"},
        {"module", "alice", "right", PAM_VERDICT_NONE, ""},
        {"fine", "alice", NULL, PAM_VERDICT_RIGHT, ""},
        {"down", "alice", NULL, PAM_VERDICT_RIGHT, ""},
        {"expired", "alice", NULL, PAM_VERDICT_WRONG, "the account: User account has expired"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pam_question q = {.service = rows[i].service,
                                 .folder = folder,
                                 .user = rows[i].user,
                                 .peer = "192.0.2.1",
                                 .password = rows[i].password};
        char why[PAM_WHY];
        enum pam_verdict verdict = pam_judge(&q, why);

        if (verdict != rows[i].verdict || (*rows[i].why && !strstr(why, rows[i].why)))
            fail_msg("%s, %s: %d, \"%s\"", rows[i].service, rows[i].password, (int)verdict, why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pam_judge)};

    return cmocka_run_group_tests(tests, set_up, folder_remove);
}
