/* SPDX-License-Identifier: Apache-2.0
 * test_decision.c: decisions, and which statement made them. '?' is an action that S3 has no name for.
 */
#include "policy_support.h"

#define DOC(statements) "{'Version':'2012-10-17','Statement':[" statements "]}"
#define ALLOW(sid, actions, resources) \
    "{'Sid':'" sid "','Effect':'Allow','Action':" actions ",'Resource':" resources "}"
#define DENY(sid, actions, resources) "{'Sid':'" sid "','Effect':'Deny','Action':" actions ",'Resource':" resources "}"
#define B "arn:aws:s3:::b"

static const struct {
    const char *policy, *action, *resource, *context;
    enum policy_effect effect;
    const char *label; /* of the statement that decides */
} rows[] = {
    {DOC(ALLOW("a", "'s3:GetObject'", "'" B "/*'")), "GetObject", B "/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:GetObject'", "'" B "/*'")), "PutObject", B "/x", "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:GetObject'", "'" B "/*'")), "GetObject", "arn:aws:s3:::c/x", "", POLICY_DENIED, NULL},
    /* an explicit deny wins, wherever it stands */
    {DOC(ALLOW("a", "'s3:*'", "'*'") "," DENY("d", "'s3:Delete*'", "'*'")), "DeleteObject", B "/x", "",
     POLICY_FORBIDDEN, "d"},
    {DOC(DENY("d", "'s3:Delete*'", "'*'") "," ALLOW("a", "'s3:*'", "'*'")), "GetObject", B "/x", "", POLICY_ALLOWED,
     "a"},
    /* wildcards of actions: s3:X* matches s3:X; wildcard actions are no error; any case */
    {DOC(ALLOW("a", "'s3:GetObject*'", "'*'")), "GetObject", B "/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:GetObject*'", "'*'")), "GetObjectTagging", B "/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'S3:getobject'", "'*'")), "GetObject", B "/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'*'", "'*'")), "?", B "/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'*'")), "?", B "/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "['s3:Get*','s3:Put*','s3:List*','s3:Delete*']", "'*'")), "?", B "/x", "", POLICY_DENIED, NULL},
    {DOC("{'Effect':'Allow','NotAction':'s3:DeleteObject','Resource':'*'}"), "?", B "/x", "", POLICY_DENIED, NULL},
    {DOC("{'Effect':'Allow','NotAction':'s3:DeleteObject','Resource':'*'}"), "GetObject", B "/x", "", POLICY_ALLOWED,
     "1"},
    {DOC("{'Effect':'Allow','NotAction':'s3:DeleteObject','Resource':'*'}"), "DeleteObject", B "/x", "", POLICY_DENIED,
     NULL},
    {DOC(ALLOW("a", "'*'", "'*'") ",{'Effect':'Deny','NotAction':'s3:Get*','Resource':'*'}"), "?", B "/x", "",
     POLICY_FORBIDDEN, "2"},
    /* what has no name may be anything, on anything */
    {DOC(ALLOW("a", "'*'", "'*'") "," DENY("d", "'s3:DeleteObject'", "'" B "/keep/*'")), "?", B, "", POLICY_FORBIDDEN,
     "d"},
    {DOC("{'Effect':'Allow','Action':'*','NotResource':'" B "/keep/*'}"), "?", B, "", POLICY_DENIED, NULL},
    /* Object Lambda and Outposts */
    {DOC(ALLOW("a", "'s3:*'", "'*'")), "GetObject", "arn:aws:s3-outposts:r:1:outpost/o/accesspoint/p/object/k", "",
     POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'arn:aws:s3-object-lambda:*:*:accesspoint/p/*'")), "GetObject",
     "arn:aws:s3-object-lambda:r:1:accesspoint/p/object/k", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'arn:aws:s3:*:*:accesspoint/p/*'")), "GetObject",
     "arn:aws:s3-object-lambda:r:1:accesspoint/p/object/k", "", POLICY_DENIED, NULL},
    /* bucket/ and a star grants nothing on the bucket, and a bucket nothing in it */
    {DOC(ALLOW("a", "'s3:*'", "'" B "/*'")), "ListBucket", B, "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/*'")), "DeleteBucket", B, "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "'")), "GetObject", B "/x", "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "'")), "ListBucket", B, "", POLICY_ALLOWED, "a"},
    /* globs, no regular expressions: '.', '+', '[' and '(' are themselves */
    {DOC(ALLOW("a", "'s3:*'", "'" B "/a.c'")), "GetObject", B "/abc", "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/a+(b)[c]^$|'")), "GetObject", B "/a+(b)[c]^$|", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/a+'")), "GetObject", B "/aa", "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/*/x'")), "GetObject", B "/p/q/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/A'")), "GetObject", B "/a", "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/?'")), "GetObject", B "/\xc3\xa9", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/?*?'")), "GetObject", B "/\xc3\xa9", "", POLICY_DENIED, NULL},
    /* parts of ARNs */
    {DOC(ALLOW("a", "'s3:*'", "'arn:aws-cn:s3:::b/*'")), "GetObject", B "/x", "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'arn:aws-cn:s3:::b/*'")), "GetObject", "arn:aws-cn:s3:::b/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'arn:*:s3:::b/*'")), "GetObject", "arn:aws-cn:s3:::b/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'arn:*:s3:::b/*'")), "GetObject", B "/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'arn:aws:s3:*'")), "GetObject", B "/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'arn:aws:s3:*:*:b/*'")), "GetObject", B "/x", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'arn:aws:s3:eu-*:*:b/*'")), "GetObject", B "/x", "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/x:y'")), "GetObject", B "/x:y", "", POLICY_ALLOWED, "a"},
    /* actions without a resource */
    {DOC(ALLOW("a", "'s3:ListAllMyBuckets'", "'*'")), "ListAllMyBuckets", "*", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:ListAllMyBuckets'", "'arn:aws:s3:::*'")), "ListAllMyBuckets", "*", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:ListAllMyBuckets'", "'" B "*'")), "ListAllMyBuckets", "*", "", POLICY_DENIED, NULL},
    {DOC("{'Effect':'Allow','Action':'s3:*','NotResource':'" B "/*'}"), "ListAllMyBuckets", "*", "", POLICY_ALLOWED,
     "1"},
    /* NotResource */
    {DOC("{'Effect':'Allow','Action':'s3:*','NotResource':['" B "/*','" B "']}"), "GetObject", B "/x", "",
     POLICY_DENIED, NULL},
    {DOC("{'Effect':'Allow','Action':'s3:*','NotResource':['" B "/*','" B "']}"), "GetObject", "arn:aws:s3:::c/x", "",
     POLICY_ALLOWED, "1"},
    {DOC(ALLOW("a", "'*'", "'*'") ",{'Sid':'d','Effect':'Deny','Action':'s3:*','NotResource':'" B "/*'}"), "GetObject",
     "arn:aws:s3:::c/x", "", POLICY_FORBIDDEN, "d"},
    /* variables in resources */
    {DOC(ALLOW("a", "'s3:*'", "'" B "/${aws:username}/*'")), "GetObject", B "/alice/x", "aws:username=alice",
     POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/${aws:username}/*'")), "GetObject", B "/bob/x", "aws:username=alice",
     POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/${aws:username}/*'")), "GetObject", B "/bob/x", "aws:username=*", POLICY_DENIED,
     NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/${aws:username}/*'")), "GetObject", B "/*/x", "aws:username=*", POLICY_ALLOWED,
     "a"},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/${aws:username}/*'")), "GetObject", B "/alice/x", "", POLICY_DENIED, NULL},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/${aws:PrincipalTag/team, `guests`}/*'")), "GetObject", B "/guests/x", "",
     POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/${AWS:principaltag/Team, `guests`}/*'")), "GetObject", B "/blue/x",
     "aws:PrincipalTag/team=blue", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/${*}${?}${$}'")), "GetObject", B "/*?$", "", POLICY_ALLOWED, "a"},
    {DOC(ALLOW("a", "'s3:*'", "'" B "/${*}'")), "GetObject", B "/x", "", POLICY_DENIED, NULL},
    /* a variable without a value matches nothing, in NotResource as well */
    {DOC("{'Effect':'Allow','Action':'s3:*','NotResource':'" B "/${aws:username}'}"), "GetObject", B "/x", "",
     POLICY_ALLOWED, "1"},
    {DOC("{'Effect':'Deny','Action':'s3:*','NotResource':'" B "/${aws:username}'}"), "GetObject", B "/x", "",
     POLICY_FORBIDDEN, "1"},
    /* the older version knows no variables */
    {"{'Version':'2008-10-17','Statement':" ALLOW("a", "'s3:*'", "'" B "/${aws:username}'") "}", "GetObject",
     B "/${aws:username}", "aws:username=alice", POLICY_ALLOWED, "a"},
    {"{'Statement':" ALLOW("a", "'s3:*'", "'*'") "}", "GetObject", B "/x", "", POLICY_ALLOWED, "a"},
};

static void test_decisions_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy *p = compile_quoted(rows[i].policy, POLICY_ENFORCE);
        const struct policy *one[] = {p};
        struct policy_decision d = decide_text(one, 1, rows[i].action, rows[i].resource, rows[i].context);

        if (d.effect != rows[i].effect || d.warned || !d.policy != !rows[i].label)
            fail_msg("%s: %s on %s: effect %d", rows[i].policy, rows[i].action, rows[i].resource, d.effect);
        if (d.policy && !str_eq(policy_statement_text(d.policy, d.statement).label, str_from(rows[i].label)))
            fail_msg("%s: %s on %s: statement %zu", rows[i].policy, rows[i].action, rows[i].resource, d.statement);
        policy_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
