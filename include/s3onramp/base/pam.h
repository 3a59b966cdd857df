/* SPDX-License-Identifier: Apache-2.0
 * pam.h: asks PAM: the one door to libpam. Modules are other people's code: they run for as long as they like, begin
 * programs, change signals and print; so only a process that lives for one question calls this (io/pam_helper.h).
 * Source: pam(3), pam_authenticate(3), pam_acct_mgmt(3), pam_conv(3), pam_start(3) of Linux-PAM.
 */
#ifndef S3ONRAMP_BASE_PAM_H
#define S3ONRAMP_BASE_PAM_H

#include "base/str.h"

enum { PAM_WHY = 160 };

enum pam_verdict {
    PAM_VERDICT_RIGHT,
    PAM_VERDICT_WRONG,
    PAM_VERDICT_NONE, /* PAM, or what it asks, does not work */
};

/* NUL-terminated, borrowed. */
struct pam_question {
    const char *service;
    const char *folder; /* of its file; NULL: the system's */
    const char *user;
    const char *peer;     /* the address it comes from */
    const char *password; /* NULL: only whether the account may be used is asked */
};

/* RIGHT: it is the user's password, and the account may be used. WRONG, NONE: @why says why, in PAM's words. */
enum pam_verdict pam_judge(const struct pam_question *q, char why[PAM_WHY]);

#endif
