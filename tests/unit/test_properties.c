/* SPDX-License-Identifier: Apache-2.0
 * test_properties.c: how properties are written, which go together, and what a request that lacks or gets one says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/properties.h"

#include <stdlib.h>

/* "a, b" as a list in the file is read; in @list, at most 8. */
static struct str_list split(char *text, char **v)
{
    struct str_list list = {.v = v};

    for (char *item = strtok(text, ","); item; item = strtok(NULL, ",")) {
        while (*item == ' ')
            item++;
        v[list.n++] = item;
    }
    return list;
}

static struct properties parse(char *text, bool set)
{
    char *v[8];
    struct str_list list = split(text, v);
    struct properties p;
    struct err err;

    assert_int_equal(properties_parse(&list, set, &p, &err), ERR_NONE);
    return p;
}

static void test_properties_parse_refuses_what_nobody_can_mean(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool set;
        const char *fault;
    } rows[] = {
        {"encryption=aws:kms|AES256, kms_key=k, storage_class=STANDARD|GLACIER, tag.a, tag.b=1|2, no_acl", false, NULL},
        {"encryption=aws:kms, kms_key=k, storage_class=GLACIER, tag.a=x y, no_acl", true, NULL},
        {"kms_key=k", false, NULL},
        {"encryption", false, "its value is missing"},
        {"encryption=", false, "its value is missing"},
        {"encryption=kms", false, "write AES256, aws:kms or aws:kms:dsse"},
        {"encryption=aws:kms|kms", false, "write AES256, aws:kms or aws:kms:dsse"},
        {"encryption=aws:kms|AES256", true, "only one value can be set"},
        {"kms_key=k", true, "kms_key goes with encryption=aws:kms"},
        {"encryption=AES256, kms_key=k", false, "kms_key goes with encryption=aws:kms"},
        {"kms_key=a b", false, "write the key's ARN"},
        {"storage_class=standard", false, "write a storage class"},
        {"tag.=x", false, "a tag's key has 1 to 128 characters"},
        {"tag.a", true, "its value is missing"},
        {"no_acl=yes", false, "it has no value"},
        {"acl=private", false, "there is no such property"},
        {"tag.a=1, tag.b=1, tag.a=2", false, "it is written twice"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256], *v[8];
        struct properties p;
        struct err err = {0};
        struct str_list list;

        assert_true(str_to_cstr(str_from(rows[i].text), text, sizeof(text)));
        list = split(text, v);
        if (properties_parse(&list, rows[i].set, &p, &err) == ERR_NONE) {
            assert_null(rows[i].fault);
            assert_int_equal(p.n, list.n);
        } else if (!rows[i].fault || !strstr(err.detail, rows[i].fault)) {
            fail_msg("%s: %s", rows[i].text, err.detail);
        }
        properties_clear(&p);
    }
}

static void test_properties_go_together_or_not(void **state UNUSED)
{
    static const struct {
        const char *set, *require, *other;
        const char *refused, *differs; /* a property as written, or NULL */
    } rows[] = {
        {"storage_class=GLACIER", "storage_class=GLACIER|STANDARD", "storage_class=GLACIER", NULL, NULL},
        {"storage_class=GLACIER", "storage_class=STANDARD", "storage_class=STANDARD", "storage_class=GLACIER",
         "storage_class=GLACIER"},
        {"tag.a=1", "tag.a", "tag.b=2", NULL, NULL},
        {"tag.a=1, no_acl", "tag.a=2, no_acl", "tag.a=2, no_acl", "tag.a=1", "tag.a=1"},
        {"encryption=AES256", "tag.a", "encryption=aws:kms, kms_key=k", NULL, "encryption=AES256"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char a[128], b[128], c[128], text[PROPERTY_TEXT];
        struct properties set, require, other;
        const struct property *p;

        (void)str_to_cstr(str_from(rows[i].set), a, sizeof(a));
        (void)str_to_cstr(str_from(rows[i].require), b, sizeof(b));
        (void)str_to_cstr(str_from(rows[i].other), c, sizeof(c));
        set = parse(a, true);
        require = parse(b, false);
        other = parse(c, true);
        p = properties_refused(&set, &require);
        assert_true(cstr_same(p ? property_text(p, text) : NULL, rows[i].refused));
        p = properties_differ(&set, &other);
        assert_true(cstr_same(p ? property_text(p, text) : NULL, rows[i].differs));
        properties_clear(&set);
        properties_clear(&require);
        properties_clear(&other);
    }
}

/* What is set is what is required of it. */
static void test_properties_set_makes_what_properties_missing_wants(void **state UNUSED)
{
    static const char *const tags[] = {NULL, "", "a=2", "%61=2&a=3&b=%26", "b", "&&=", "%zz=1"};
    struct arena arena;

    arena_init(&arena, 4096, 65536);
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        for (int copy = 0; copy < 2; copy++) {
            char text[] = "encryption=aws:kms, kms_key=k, storage_class=GLACIER, tag.a=1 2, tag.who=x&{client}, no_acl",
                 wanted[] = "encryption=aws:kms, kms_key=k, storage_class=GLACIER, tag.a=1 2, tag.who=x&me+you, no_acl";
            struct properties set = parse(text, true), require = parse(wanted, false);
            struct property_values values = {.is_copy = copy};
            struct err err;

            if (tags[i]) {
                values.v[PROPERTY_FIELD_TAGGING] = str_from(tags[i]);
                values.there[PROPERTY_FIELD_TAGGING] = 1;
            }
            values.there[PROPERTY_FIELD_GRANT] = 2;
            assert_non_null(properties_missing(&require, &values));
            assert_int_equal(properties_set(&set, STR("me+you"), &arena, &values, &err), ERR_NONE);
            assert_null(properties_missing(&require, &values));
            assert_true(values.changed[PROPERTY_FIELD_GRANT] && !values.there[PROPERTY_FIELD_GRANT]);
            if (i == 3 && !copy)
                assert_true(str_eq(values.v[PROPERTY_FIELD_TAGGING], STR("b=%26&a=1%202&who=x%26me%2Byou")));
            properties_clear(&set);
            properties_clear(&require);
        }
    arena_clear(&arena);
}

static void test_property_field_of_knows_names_in_any_case(void **state UNUSED)
{
    assert_int_equal(property_field_of(STR("X-Amz-Storage-Class")), PROPERTY_FIELD_STORAGE_CLASS);
    assert_int_equal(property_field_of(STR("x-amz-grant-read-acp")), PROPERTY_FIELD_GRANT);
    assert_int_equal(property_field_of(STR("x-amz-acl")), PROPERTY_FIELD_ACL);
    assert_int_equal(property_field_of(STR("x-amz-meta-acl")), PROPERTY_FIELDS_N);
    assert_int_equal(property_field_of(STR("content-type")), PROPERTY_FIELDS_N);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties_parse_refuses_what_nobody_can_mean),
        cmocka_unit_test(test_properties_go_together_or_not),
        cmocka_unit_test(test_properties_set_makes_what_properties_missing_wants),
        cmocka_unit_test(test_property_field_of_knows_names_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
