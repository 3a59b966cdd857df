/* SPDX-License-Identifier: Apache-2.0
 * json_tree.h: JSON as a tree whose nodes know where they stand, so that what is wrong with a document can be told by
 * line and column. Strict RFC 8259, UTF-8, no member twice. Pure. Own, for jansson keeps places of syntax errors only;
 * the fuzz target compares the two.
 */
#ifndef S3ONRAMP_POLICY_JSON_TREE_H
#define S3ONRAMP_POLICY_JSON_TREE_H

#include "base/arena.h"

enum json_kind { JSON_STRING, JSON_NUMBER, JSON_BOOL, JSON_NULL, JSON_ARRAY, JSON_OBJECT };

/* In the arena, as are its texts. */
struct json {
    enum json_kind kind;
    size_t at;       /* byte of the document where it begins */
    struct str text; /* of a string: decoded; of a number, true, false: as written */
    struct str name; /* of an object's member: decoded */
    size_t name_at;
    struct json *first, *next; /* members or elements; the next of the same parent */
    size_t n;                  /* of them */
};

enum { JSON_TREE_DEPTH_MOST = 16, JSON_TREE_MEMBERS_MOST = 512 };

/* What is wrong, or NULL: *@root is the tree. *@at: where. Aborts when there is no memory. */
const char *json_tree_read(struct str document, struct arena *arena, struct json **root, size_t *at);
/* Line and column (of characters) of byte @at, both from 1. */
void json_tree_place(struct str document, size_t at, unsigned *line, unsigned *column);

#endif
