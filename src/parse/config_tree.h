/* A YAML document as a tree with the place of every node: what the config reader walks. Bounded:
 * depth, number of nodes and size; anchors, aliases, tags and a second document are refused, since
 * nothing in a configuration needs them and each hides what is really meant. */
#ifndef LLMDECK_PARSE_CONFIG_TREE_H
#define LLMDECK_PARSE_CONFIG_TREE_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define CONFIG_FILE_MAX_BYTES (1u << 20)
#define CONFIG_DEPTH_MAX 16
#define CONFIG_NODES_MAX 100000

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	const char *text;  /* SCALAR: NUL-terminated, no NUL inside */
	bool quoted;       /* SCALAR: was written in quotes or as a block */
	const char *key;   /* member of a MAP: its key; else NULL */
	int key_line, key_column; /* 1-based */
	int line, column;         /* of the value */
	struct node *child, *next; /* first child; next sibling */
};

/* The document's root (NULL when the text is empty), in `arena`. Errors read
 * "PATH:LINE:COLUMN: what is wrong". */
int config_tree_parse(struct node **root, struct str yaml, const char *path, struct arena *arena,
                      struct err *err);

/* NULL when the mapping has no such key. */
const struct node *node_get(const struct node *map, const char *key);
/* An empty value ("key:" or "~"), which counts as not given. */
bool node_is_null(const struct node *n);

#endif
