/* SPDX-License-Identifier: Apache-2.0
 * pam_helper.h: the process that asks PAM one question, and ends: this program again, with PAM_HELPER_WORD. It reads
 * the question from standard input and prints the answer. What a module does cannot harm the proxy, which ends it when
 * its time is over.
 */
#ifndef S3ONRAMP_IO_PAM_HELPER_H
#define S3ONRAMP_IO_PAM_HELPER_H

#include "base/pam.h"
#include "io/child.h"

#define PAM_HELPER_WORD "pam-helper" /* no command: for the proxy itself */

/* The question as the helper reads it, into @out; holds the password. False: it is too long. */
MUST_CHECK bool pam_helper_question(const struct pam_question *q, struct sbuf *out);
/* What the helper printed. NONE with a reason for what is no answer. */
enum pam_verdict pam_helper_answer(struct str output, char why[PAM_WHY]);
/* The helper: does not return. */
_Noreturn void pam_helper_run(void);

#endif
