/* SPDX-License-Identifier: Apache-2.0
 * test_config_machine.c: which names an endpoint listener has of itself on a machine that calls itself so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"

#include <stdlib.h>

static void test_config_machine_names(void **state UNUSED)
{
    static const struct {
        const char *hostname, *names;
    } rows[] = {
        {"s3proxy", "s3proxy "},
        {"S3-Proxy.Corp.Example", "s3-proxy.corp.example s3-proxy "},
        {"my_host", "my_host "},
        {"3f2a1b", "3f2a1b "},
        {"localhost", ""},
        {"localhost.localdomain", "localhost.localdomain "},
        {"", ""},
        {"(none)", ""},
        {"a b", ""},
        {"-x", ""},
        {"x..y", ""},
        {"x.", ""},
        {"*.corp", ""},
        {"a,b", ""},
        {"a/b.corp", ""},
        {"10.1.2.3", ""},
        {"17", ""},
        {"17.corp", "17.corp "},
        /* S3's names are not below the machine's, and the machine's are not AWS's. */
        {"com", ""},
        {"cn", ""},
        {"amazonaws.com", "amazonaws "},
        {"com.corp", "com.corp "},
        {"s3.ap-northeast-1.amazonaws.com", "s3 "},
        {"xamazonaws.com", "xamazonaws.com xamazonaws "},
    };
    char long_name[300];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str_list names = {0};
        char text[600] = "";
        config_machine_names(rows[i].hostname, &names);
        for (size_t j = 0; j < names.n; j++) {
            strcat(strcat(text, names.v[j]), " ");
            free(names.v[j]);
        }
        free(names.v);
        assert_string_equal(text, rows[i].names);
    }
    struct str_list none = {0};
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    config_machine_names(long_name, &none);
    assert_int_equal(none.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_config_machine_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
