/* SPDX-License-Identifier: Apache-2.0
 * test_document.c: what is refused when a document is read, where, and in which words; all of it in one run.
 */
#include "policy_support.h"

/* Quotes are written as '. */
static struct str unquote(const char *quoted, char *text, size_t cap)
{
    size_t n = strlen(quoted);

    assert_true(n < cap);
    for (size_t i = 0; i < n; i++)
        text[i] = quoted[i] == '\'' ? '"' : quoted[i];
    return str_make(text, n);
}

#define S(statement) "{'Version':'2012-10-17',\n'Statement':[\n" statement "\n]}"
#define C(condition) S("{'Effect':'Allow','Action':'*','Resource':'*',\n'Condition':" condition "}")

static const struct {
    const char *document, *problems; /* all, one a line, without the last end */
} rows[] = {
    /* JSON */
    {"", "1:1: the document ends here, and something is missing"},
    {"{'Statement':[", "1:15: the document ends here, and something is missing"},
    {"{'Version' '2012-10-17'}", "1:12: a ':' must stand here, after the name of the element"},
    {"{'Id':'a' 'b':1}", "1:11: a ',' or '}' is missing here"},
    {"{'Id':'a',}", "1:11: the name of an element must begin here, in quotes"},
    {"{'Id':'a\n'}", "1:9: a control character in a string; write it as an escape"},
    {"{'Id':'a", "1:7: this string has no end; close it with '\"'"},
    {"{'Id':'\\q'}", "1:10: JSON knows no such escape; write \\\\ for a backslash"},
    {"{'Id':'\\u12'}", "1:12: \\u needs four hexadecimal digits"},
    {"{'Id':'\\ud800'}", "1:14: this is half of a pair of \\u escapes; write the character itself"},
    {"{'Id':'\xff'}", "1:8: this is no UTF-8; save the file as UTF-8"},
    {"{'Id':01}", "1:8: this is no number as JSON has them"},
    {"{'Id':tru}", "1:7: a value must begin here: a text in quotes, [ or {"},
    {"{'Id':'a'} x", "1:12: the document was complete before this; remove the rest"},
    {"{'Id':'a',\n  'Id':'b'}", "2:3: this element is here twice; keep one of them"},
    {"[[[[[[[[[[[[[[[[[", "1:17: no policy is nested so deeply"},
    {"{'Id':'\xc3\xa9\xc3\xa9', x}", "1:13: the name of an element must begin here, in quotes"},
    /* the document */
    {"[]", "1:1: a policy must be an object: { \"Version\": \"2012-10-17\", \"Statement\": [ … ] }"},
    {"{}", "1:1: the document has no Statement; write \"Statement\": [ { … } ]"},
    {"{'Statement':[]}", "1:14: there is no statement in this list; add one"},
    {"\xef\xbb\xbf{'Statement':[]}", "1:14: there is no statement in this list; add one"}, /* a mark of UTF-8 */
    {"{'Statement':['x']}", "1:15: a statement must be an object: { \"Effect\": …, \"Action\": …, \"Resource\": … }"},
    {"{'Version':'2012-10-18','Statement':{'Effect':'Deny','Action':'*','Resource':'*'}}",
     "1:12: this version of the language does not exist; write \"2012-10-17\""},
    {"{'Id':1,'Statement':{'Effect':'Deny','Action':'*','Resource':'*'}}", "1:7: Id must be a text in quotes"},
    {"{'Statements':[]}", "1:2: a policy has no element \"Statements\"; did you mean \"Statement\"?\n"
                          "1:1: the document has no Statement; write \"Statement\": [ { … } ]"},
    /* statements */
    {S("{'Efect':'Allow','Action':'*','Resource':'*'}"),
     "3:2: a statement has no element \"Efect\"; did you mean \"Effect\"?\n"
     "3:1: this statement has no Effect; write \"Effect\": \"Allow\" or \"Effect\": \"Deny\""},
    {S("{'Effect':'allow','Action':'*','Resource':'*'}"), "3:11: Effect is \"Allow\" or \"Deny\", written so"},
    {S("{'Effect':'Allow','Principal':'*','Action':'*','Resource':'*'}"),
     "3:19: Principal belongs to policies of buckets; remove it: whose this policy is, say the clients and groups that "
     "name it"},
    {S("{'Effect':'Allow','NotPrincipal':'*','Action':'*','Resource':'*'}"),
     "3:19: NotPrincipal belongs to policies of buckets; remove it: whose this policy is, say the clients and groups "
     "that name it"},
    {S("{'Effect':'Allow','Colour':'*','Action':'*','Resource':'*'}"),
     "3:19: a statement has no element \"Colour\"; remove it"},
    {S("{'Effect':'Allow','Resource':'*'}"), "3:1: this statement has no Action; add \"Action\": …"},
    {S("{'Effect':'Allow','Action':'*'}"), "3:1: this statement has no Resource; add \"Resource\": …"},
    {S("{'Effect':'Allow','Action':'*','NotAction':'*','Resource':'*'}"),
     "3:32: a statement has either Action or NotAction; remove one"},
    {S("{'Effect':'Allow','Action':[],'Resource':'*'}"), "3:28: this list is empty; write what belongs into it"},
    {S("{'Effect':'Allow','Action':[1],'Resource':'*'}"), "3:29: a text in quotes must stand here, or a list of them"},
    {S("{'Effect':'Allow','Action':{},'Resource':'*'}"), "3:28: a text in quotes must stand here, or a list of them"},
    {S("{'Sid':'','Effect':'Allow','Action':'*','Resource':'*'}"),
     "3:8: Sid is a name for the statement, of 1 to 128 bytes"},
    {S("{'Sid':'a b','Effect':'Allow','Action':'*','Resource':'*'}"),
     "3:8: Sid is a name without blanks; write letters and digits"},
    {S("{'Sid':'a','Effect':'Allow','Action':'*','Resource':'*'},\n"
       "{'Sid':'a','Effect':'Allow','Action':'*','Resource':'*'}"),
     "4:8: another statement has the Sid \"a\"; choose another"},
    /* actions */
    {S("{'Effect':'Allow','Action':'s3:GetObjekt','Resource':'*'}"),
     "3:28: the action s3:GetObjekt does not exist; did you mean s3:GetObject?"},
    {S("{'Effect':'Allow','Action':['s3:GetObject',\n  's3:Gett*'],'Resource':'*'}"),
     "4:3: no action matches s3:Gett*; AWS's Service Authorization Reference lists those of S3"},
    {S("{'Effect':'Allow','Action':'s3:HeadObject','Resource':'*'}"),
     "3:28: HeadObject is an operation, and no action; write s3:GetObject"},
    {S("{'Effect':'Allow','Action':'s3:ListBuckets','Resource':'*'}"),
     "3:28: ListBuckets is an operation, and no action; write s3:ListAllMyBuckets"},
    {S("{'Effect':'Allow','Action':'ec2:RunInstances','Resource':'*'}"),
     "3:28: ec2:RunInstances is no action of S3, and no other passes here; remove it"},
    {S("{'Effect':'Allow','Action':'GetObject','Resource':'*'}"),
     "3:28: an action is written with its service; write s3:GetObject"},
    {S("{'Effect':'Allow','NotAction':'s3:*','Resource':'*'}"),
     "3:31: nothing is left beside these actions; remove the statement, or write Action"},
    /* resources */
    {S("{'Effect':'Allow','Action':'*','Resource':'bucket/*'}"),
     "3:43: bucket/* is no ARN; write it like arn:aws:s3:::BUCKET/KEY"},
    {S("{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${aws:usrname}'}"),
     "3:43: the condition key aws:usrname is none that the proxy knows of a request; did you mean aws:username?"},
    {S("{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${aws:username'}"),
     "3:43: the variable that begins with ${ has no end; write ${KEY}, or ${$} for a '$'"},
    {S("{'Effect':'Allow','Action':'*','Resource':'arn:aws:sqs:::b'}"),
     "3:43: arn:aws:sqs:::b is nothing of S3, and nothing else passes here; remove it"},
    {S("{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:${aws:RequestedRegion}::b'}"),
     "3:43: variables may stand in the last part of an ARN only, after arn:aws:s3:::"},
    {S("{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${s3:RequestObjectTagKeys}'}"),
     "3:43: s3:RequestObjectTagKeys may have several values, and so cannot stand for a text; use it as a key of "
     "conditions"},
    {"{'Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${aws:username}'}}",
     "1:56: variables need \"Version\": \"2012-10-17\" at the beginning of the document; add it"},
    /* conditions */
    {C("{}"), "4:13: Condition is empty; remove it"},
    {C("[]"), "4:13: Condition must be an object: { … }"},
    {C("{'StringEquals':{}}"), "4:29: what stands after an operator is empty; remove it"},
    {C("{'StringEqual':{'s3:prefix':'a'}}"),
     "4:14: the condition operator StringEqual does not exist; did you mean StringEquals?"},
    {C("{'stringequals':{'s3:prefix':'a'}}"),
     "4:14: the condition operator stringequals does not exist; did you mean StringEquals?"},
    {C("{'ForSomeValues:StringEquals':{'s3:prefix':'a'}}"),
     "4:14: the condition operator ForSomeValues:StringEquals does not exist"},
    {C("{'NullIfExists':{'s3:prefix':'true'}}"),
     "4:14: Null asks whether there is a value at all; write it without ForAnyValue:, ForAllValues: and IfExists"},
    {C("{'StringEquals':{'s3:prefx':'a'}}"),
     "4:30: the condition key s3:prefx is none that the proxy knows of a request; did you mean s3:prefix?"},
    {C("{'StringEquals':{'aws:PrincipalTag':'a'}}"), "4:30: the condition key aws:PrincipalTag is none"},
    {C("{'StringEquals':{'s3:ExistingObjectTag/a':'a'}}"), "4:30: the condition key s3:ExistingObjectTag/a is none"},
    {C("{'StringEquals':{'s3:RequestObjectTagKeys':'a'}}"),
     "4:30: s3:RequestObjectTagKeys may have several values; write ForAnyValue:StringEquals or "
     "ForAllValues:StringEquals"},
    {C("{'StringEquals':{'s3:prefix':[]}}"), "4:42: this list is empty; write what belongs into it"},
    {C("{'StringEquals':{'s3:prefix':null}}"), "4:42: a text in quotes must stand here, or a list of them"},
    {C("{'StringEquals':{'s3:prefix':['a',['b']]}}"), "4:47: a text in quotes must stand here, or a list of them"},
    {C("{'NumericEquals':{'s3:max-keys':'ten'}}"), "4:45: \"ten\": NumericEquals takes a number, like \"10\""},
    {C("{'DateLessThan':{'aws:CurrentTime':'2026-13-01'}}"), "4:48: \"2026-13-01\": DateLessThan takes a date"},
    {C("{'Bool':{'aws:SecureTransport':'yes'}}"), "4:44: \"yes\": Bool takes \"true\" or \"false\""},
    {C("{'Null':{'s3:prefix':'maybe'}}"), "4:34: \"maybe\": Null takes \"true\" (there is no value)"},
    {C("{'IpAddress':{'aws:SourceIp':'10.1.2.3/8'}}"),
     "4:42: \"10.1.2.3/8\": IpAddress takes an address or network without bits of hosts, like \"10.1.0.0/16\""},
    {C("{'IpAddress':{'aws:SourceIp':'${aws:SourceIp}'}}"), "4:42: \"${aws:SourceIp}\": IpAddress takes an address"},
    {C("{'BinaryEquals':{'s3:prefix':'?'}}"), "4:42: \"?\": BinaryEquals takes base64"},
    {C("{'ArnLike':{'s3:x-amz-server-side-encryption-aws-kms-key-id':'key/a'}}"), "4:74: key/a is no ARN"},
    {C("{'StringEquals':{'s3:prefix':'${aws:username, eve}'}}"), "4:42: a default is written ${KEY, 'TEXT'}"},
    /* several at once */
    {S("{'Effect':'Allow','Action':'s3:X','Resource':'y','Condition':{'Like':{'a':'b'}}}"),
     "3:28: the action s3:X does not exist; AWS's Service Authorization Reference lists those of S3\n"
     "3:46: y is no ARN; write it like arn:aws:s3:::BUCKET/KEY\n"
     "3:63: the condition operator Like does not exist; write one like StringEquals, StringLike or IpAddress"},
};

static void test_problems_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct heard h;
        char text[8192];
        struct policy *p = compile_text(unquote(rows[i].document, text, sizeof text), POLICY_ENFORCE, &h);
        if (p || !str_starts(str_from(h.text), str_from(rows[i].problems)))
            fail_msg("%s\nhas the problems\n%snot\n%s", rows[i].document, h.text, rows[i].problems);
    }
}

/* @open, then @n times @part, then @close. */
static struct policy *compile_many(const char *open, const char *part, size_t n, const char *close, struct heard *h)
{
    size_t cap = strlen(open) + n * strlen(part) + strlen(close) + 1;
    char *text = malloc(cap), *quoted = malloc(cap);
    struct sbuf b = sbuf_make(quoted, cap - 1);

    assert_true(text && quoted);
    sbuf_add(&b, str_from(open));
    for (size_t i = 0; i < n; i++)
        sbuf_add(&b, str_from(part));
    sbuf_add(&b, str_from(close));
    quoted[b.n] = '\0';
    struct policy *p = compile_text(unquote(quoted, text, cap), POLICY_ENFORCE, h);
    free(text);
    free(quoted);
    return p;
}

static void test_limits(void **state)
{
    static struct heard h;
    static const char *const one = "{'Effect':'Allow','Action':'*','Resource':'*'},";
    static const char *const last = "{'Effect':'Allow','Action':'*','Resource':'*'}]}";
    struct policy *p = compile_many("{'Statement':[", one, POLICY_STATEMENTS_MOST - 1, last, &h);

    (void)state;
    assert_non_null(p);
    assert_int_equal(policy_statements_n(p), POLICY_STATEMENTS_MOST);
    policy_free(&p);
    assert_null(compile_many("{'Statement':[", one, POLICY_STATEMENTS_MOST, last, &h));
    assert_non_null(strstr(h.text, "a document may have 1000 statements at most; divide it"));
    assert_null(compile_many("{'Id':'", "a", POLICY_DOCUMENT_BYTES_MOST, "'}", &h));
    assert_string_equal(h.text, "1:1: a policy may have 256 KiB at most; divide it\n");
    assert_null(
        compile_many("{'Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::", "a", 2049, "'}}", &h));
    assert_non_null(strstr(h.text, "this text is longer than 2048 bytes; shorten it"));
    assert_null(compile_many("{'Statement':{'Effect':'Allow','Resource':'*','Action':[", "'*',", 1000, "'*']}}", &h));
    assert_non_null(strstr(h.text, "this list has more than 1000 values; divide it"));
}

static void test_statements_in_words(void **state)
{
    struct policy *p = compile_quoted(
        "{'Version':'2012-10-17','Id':'x','Statement':[\n"
        " {'Effect':'Deny','NotAction':['s3:Get*','s3:ListBucket'],'NotResource':['arn:aws:s3:::b','arn:aws:s3:::b/"
        "*']},\n"
        " {'Sid':'Home','Effect':'Allow','Action':'s3:GetObject','Resource':'*','Condition':{'StringLike':{'s3:prefix':"
        "['a','b'],'s3:delimiter':'/'},'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}}}]}",
        POLICY_WARN);
    struct policy_statement_text first = policy_statement_text(p, 0), second = policy_statement_text(p, 1);

    (void)state;
    assert_int_equal(policy_statements_n(p), 2);
    assert_int_equal(policy_mode_of(p), POLICY_WARN);
    assert_string_equal(policy_name(p), "p");
    assert_false(first.allows);
    assert_true(second.allows);
    assert_true(str_eq(first.label, STR("1")) && str_eq(second.label, STR("Home")));
    assert_true(first.line == 2 && first.column == 2 && second.line == 3);
    assert_true(str_eq(first.actions, STR("all but s3:Get*, s3:ListBucket")));
    assert_true(str_eq(first.resources, STR("all but arn:aws:s3:::b, arn:aws:s3:::b/*")));
    assert_int_equal(first.conditions.n, 0);
    assert_true(str_eq(second.conditions, STR("s3:prefix StringLike a, b; s3:delimiter StringLike /; "
                                              "aws:SourceIp IpAddress 10.0.0.0/8")));
    policy_free(&p);
    assert_null(p);
}

/* --- the manual --- */

#define MANUAL TEST_VECTORS "/../../conf/manual/policies.md"

static struct str read_manual(char *text, size_t cap)
{
    FILE *in = fopen(MANUAL, "re");

    assert_non_null(in);
    size_t n = fread(text, 1, cap, in);
    fclose(in);
    assert_in_range(n, 1, cap - 1);
    return str_make(text, n);
}

static char manual[64 * 1024];

static void test_manual_has_all_keys(void **state)
{
    struct str text = read_manual(manual, sizeof manual);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(policy_key_names); i++) {
        char wanted[128];
        (void)snprintf(wanted, sizeof wanted, "`%s", policy_key_names[i]);
        if (str_find(text, str_from(wanted)) == SIZE_MAX) fail_msg(MANUAL " has no %s", policy_key_names[i]);
    }
}

/* From a line "    {" to the next that is not indented. */
static void test_manual_documents_are_right(void **state)
{
    struct str rest = read_manual(manual, sizeof manual);
    size_t n = 0;

    (void)state;
    for (size_t at; (at = str_find(rest, STR("\n    {\n"))) != SIZE_MAX; n++) {
        static struct heard h;
        size_t end = str_find(str_tail(rest, at), STR("\n\n"));
        struct policy *p = compile_text(str_head(str_tail(rest, at), end), POLICY_ENFORCE, &h);
        if (!p) fail_msg("%s", h.text);
        policy_free(&p);
        rest = str_tail(str_tail(rest, at), end);
    }
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problems_table),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_statements_in_words),
        cmocka_unit_test(test_manual_has_all_keys),
        cmocka_unit_test(test_manual_documents_are_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
