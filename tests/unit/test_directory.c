/* SPDX-License-Identifier: Apache-2.0
 * test_directory.c: one section is changed, and every other byte stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

struct row {
    const char *name, *before, *after;
};

typedef void act_fn(struct directory *d);

static void check_rows(const struct row *rows, size_t n, act_fn *act)
{
    for (size_t i = 0; i < n; i++) {
        struct directory d;

        assert_int_equal(directory_of_text(&d, str_from(rows[i].before), NULL), ERR_NONE);
        act(&d);
        if (strcmp(d.text, rows[i].after) != 0) print_error("%s:\n", rows[i].name);
        assert_string_equal(d.text, rows[i].after);
        assert_int_equal(d.n, strlen(rows[i].after));
        directory_close(&d);
    }
}

static void set_alice(struct directory *d)
{
    assert_int_equal(directory_set(d, STR("alice"), STR("disabled"), STR("yes"), NULL), ERR_NONE);
    assert_true(directory_has(d, STR("alice")) && directory_has_key(d, STR("alice"), STR("disabled")));
}

static void test_directory_set_table(void **state UNUSED)
{
    static const struct row rows[] = {
        {"empty file", "", "[client alice]\ndisabled = yes\n"},
        {"first after others", "[client bob]\npolicy = x\n",
         "[client bob]\npolicy = x\n\n[client alice]\ndisabled = yes\n"},
        {"no line end", "[client bob]\npolicy = x", "[client bob]\npolicy = x\n\n[client alice]\ndisabled = yes\n"},
        {"below its keys", "[client alice]\npolicy = x\n\n# of bob\n[client bob]\n",
         "[client alice]\npolicy = x\ndisabled = yes\n\n# of bob\n[client bob]\n"},
        {"below its keys, before comments at the end", "[client alice]\npolicy = x\n; end\n",
         "[client alice]\npolicy = x\ndisabled = yes\n; end\n"},
        {"empty section without a line end", "[client alice]", "[client alice]\ndisabled = yes\n"},
        {"in place", "[client alice]\ndisabled = no ; why\npolicy = x\n",
         "[client alice]\ndisabled = yes\npolicy = x\n"},
        {"with its continuation", "[client alice]\ndisabled = no\n  and more\n\n  # c\npolicy = x\n",
         "[client alice]\ndisabled = yes\n\n  # c\npolicy = x\n"},
        {"spacing", " [ client \t alice ] # x\n disabled:no\npolicy = x\n",
         " [ client \t alice ] # x\ndisabled = yes\npolicy = x\n"},
        {"twice", "[client alice]\ndisabled = no\npolicy = x\ndisabled=no\n",
         "[client alice]\ndisabled = yes\npolicy = x\n"},
        {"CRLF", "[client alice]\r\npolicy = x\r\n[client bob]\r\n",
         "[client alice]\r\npolicy = x\r\ndisabled = yes\r\n[client bob]\r\n"},
        {"byte order mark", "\xef\xbb\xbf[client alice]\npolicy = x\n",
         "\xef\xbb\xbf[client alice]\npolicy = x\ndisabled = yes\n"},
        {"of another", "[client bob]\ndisabled = no\n[client alice]\npolicy = x\n",
         "[client bob]\ndisabled = no\n[client alice]\npolicy = x\ndisabled = yes\n"},
        {"another kind of that name", "[policy alice]\naccess = admin\n",
         "[policy alice]\naccess = admin\n\n[client alice]\ndisabled = yes\n"},
        {"a longer key", "[client alice]\ndisabled_2 = no\n", "[client alice]\ndisabled_2 = no\ndisabled = yes\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), set_alice);
}

static void unset_alice(struct directory *d)
{
    directory_unset(d, STR("alice"), STR("password"));
    assert_false(directory_has_key(d, STR("alice"), STR("password")));
}

static void test_directory_unset_table(void **state UNUSED)
{
    static const struct row rows[] = {
        {"nothing there", "[client bob]\npassword = x\n", "[client bob]\npassword = x\n"},
        {"one line", "[client alice]\n# a\npassword = x\n# b\npolicy = y\n", "[client alice]\n# a\n# b\npolicy = y\n"},
        {"last line without an end", "[client alice]\npassword = x", "[client alice]\n"},
        {"a value of several lines", "[client alice]\npassword = x\n y\n z==\n\tpolicy = y\n",
         "[client alice]\n\tpolicy = y\n"},
        {"twice", "[client alice]\npassword = x\npolicy = y\npassword = z\n", "[client alice]\npolicy = y\n"},
        {"a colon", "[client alice]\n  password: x\n", "[client alice]\n"},
        {"a comment that looks like it", "[client alice]\n#password = x\n", "[client alice]\n#password = x\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), unset_alice);
}

static void rename_alice(struct directory *d)
{
    assert_int_equal(directory_rename_key(d, STR("alice"), STR("key"), STR("key_2"), NULL), ERR_NONE);
}

static void test_directory_rename_key_table(void **state UNUSED)
{
    static const struct row rows[] = {
        {"not there", "[client alice]\nkey_3 = x\n", "[client alice]\nkey_3 = x\n"},
        {"the value stays", "[client alice]\n\tkey:env:X ; c\n  more\n[client bob]\nkey = x\n",
         "[client alice]\n\tkey_2:env:X ; c\n  more\n[client bob]\nkey = x\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), rename_alice);
}

static void add_two(struct directory *d)
{
    static const struct directory_line lines[] = {{STR_INIT("policy"), STR_INIT("x")},
                                                  {STR_INIT("tags.a"), STR_INIT("y z")}};
    static const struct directory_section two[] = {{STR_INIT("alice"), lines, ARRAY_LEN(lines)},
                                                   {STR_INIT("a,b@c"), lines, 1}};
    struct map names;

    map_init(&names);
    assert_true(directory_names(d, &names));
    assert_null(map_get(&names, STR("alice")));
    map_clear(&names);
    assert_int_equal(directory_add(d, two, ARRAY_LEN(two), NULL), ERR_NONE);
    assert_true(directory_names(d, &names));
    assert_true(map_get(&names, STR("alice")) && map_get(&names, STR("a,b@c")));
    map_clear(&names);
}

static void test_directory_add_table(void **state UNUSED)
{
    static const struct row rows[] = {
        {"empty file", "", "[client alice]\npolicy = x\ntags.a = y z\n\n[client a,b@c]\npolicy = x\n"},
        {"after others and their comments", "# c\n[client bob]\nk = v\n; end\n",
         "# c\n[client bob]\nk = v\n; end\n\n[client alice]\npolicy = x\ntags.a = y z\n\n[client a,b@c]\npolicy = x\n"},
        {"no line end, CRLF, mark", "\xef\xbb\xbf; c\r\n[client bob]",
         "\xef\xbb\xbf; c\r\n[client bob]\r\n\r\n[client alice]\r\npolicy = x\r\ntags.a = y z\r\n\r\n[client a,b@c]\r\n"
         "policy = x\r\n"},
        {"no client", "[policy alice]\n[client alice\n;[client alice]\n",
         "[policy alice]\n[client alice\n;[client alice]\n\n[client alice]\npolicy = x\ntags.a = y z\n\n[client "
         "a,b@c]\n"
         "policy = x\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), add_two);
}

static void remove_alice(struct directory *d)
{
    directory_remove(d, STR("alice"));
    assert_false(directory_has(d, STR("alice")));
}

static void test_directory_remove_table(void **state UNUSED)
{
    static const struct row rows[] = {
        {"the only one", "[client alice]\npolicy = x\n; end\n", ""},
        {"first", "[client alice]\npolicy = x\n\n# of bob\n[client bob]\n", "# of bob\n[client bob]\n"},
        {"in between", "[client a]\nk = v\n\n[client alice]\npolicy = x\n\n[client b]\n",
         "[client a]\nk = v\n\n[client b]\n"},
        {"twice, and with a byte order mark", "\xef\xbb\xbf[client alice]\n[client b]\n[client alice]\nk = v\n",
         "\xef\xbb\xbf[client b]\n"},
        {"other spacing", "[client b]\n  [\tclient\talice  ] ; x\n k = v\n", "[client b]\n"},
        {"names are whole", "[client alice2]\n[client Alice]\n", "[client alice2]\n[client Alice]\n"},
        {"not closed: not a section", "[client alice\nk = v\n", "[client alice\nk = v\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), remove_alice);
}

static void test_directory_save_keeps_the_mode(void **state UNUSED)
{
    static const struct {
        mode_t before, after;
    } rows[] = {{0600, 0600}, {0640, 0640}, {0440, 0440}, {0666, 0640}};
    char path[FOLDER_PATH];
    struct stat st;
    struct directory d;
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_file("clients.ini", 0600, "[client bob]\n");
        folder_path(path, "clients.ini");
        assert_int_equal(chmod(path, rows[i].before), 0);
        assert_int_equal(directory_open(&d, path, &err), ERR_NONE);
        set_alice(&d);
        assert_int_equal(directory_save(&d, &err), ERR_NONE);
        directory_close(&d);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, rows[i].after);
    }
    unlink(path);
    assert_int_equal(directory_open(&d, path, &err), ERR_NONE);
    assert_true(d.is_new && d.n == 0);
    set_alice(&d);
    assert_int_equal(directory_save(&d, &err), ERR_NONE);
    directory_close(&d);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directory_set_table),    cmocka_unit_test(test_directory_unset_table),
        cmocka_unit_test(test_directory_add_table),    cmocka_unit_test(test_directory_rename_key_table),
        cmocka_unit_test(test_directory_remove_table), cmocka_unit_test(test_directory_save_keeps_the_mode),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
