/* SPDX-License-Identifier: Apache-2.0
 * pam_services.h: services of PAM for unit tests, made of Debian's modules: pam_matrix (of libpam-wrapper) knows who
 * has which password, pam_debug answers what it is told to, pam_exec runs a program.
 */
#ifndef S3ONRAMP_UNIT_PAM_SERVICES_H
#define S3ONRAMP_UNIT_PAM_SERVICES_H

#include "folder.h"

#include <stdio.h>

#define PAM_MATRIX "/usr/lib/x86_64-linux-gnu/pam_wrapper/pam_matrix.so"

static const struct pam_service {
    const char *name, *auth, *account; /* %s: where pam_matrix's table is */
} pam_services[] = {
    {"fine", PAM_MATRIX " passdb=%s/table", "pam_permit.so"},
    {"expired", PAM_MATRIX " passdb=%s/table", "pam_debug.so acct=acct_expired"},
    {"change", PAM_MATRIX " passdb=%s/table", "pam_debug.so acct=new_authtok_reqd"},
    {"denied", PAM_MATRIX " passdb=%s/table", "pam_debug.so acct=perm_denied"},
    {"tries", "pam_debug.so auth=maxtries", "pam_permit.so"},
    {"asks", PAM_MATRIX " echo passdb=%s/table", "pam_permit.so"},
    {"down", "pam_debug.so auth=authinfo_unavail", "pam_permit.so"},
    {"module", "pam_nonexistent.so", "pam_permit.so"},
    {"hangs", "pam_exec.so quiet /bin/sleep 1000", "pam_permit.so"},
};

/* alice has the password "right", bob "other". */
static void pam_services_make(void)
{
    char text[1024], with_folder[512];

    for (size_t i = 0; i < ARRAY_LEN(pam_services); i++) {
        const struct pam_service *s = &pam_services[i];
        const char *at = strstr(s->auth, "%s");
        int before = at ? (int)(at - s->auth) : (int)strlen(s->auth);

        snprintf(with_folder, sizeof(with_folder), "%.*s%s%s", before, s->auth, at ? folder : "", at ? at + 2 : "");
        snprintf(text, sizeof(text), "auth required %s\naccount required %s\n", with_folder, s->account);
        write_file(s->name, 0600, text);
    }
    text[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(pam_services); i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "alice:right:%s\nbob:other:%s\n",
                 pam_services[i].name, pam_services[i].name);
    write_file("table", 0600, text);
}

#endif
