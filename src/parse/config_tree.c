/* libyaml's events become nodes on a stack of open containers; a mapping's key waits in `pending`
 * until its value comes. */
#include "parse/config_tree.h"

#include <string.h>
#include <yaml.h>

struct builder {
	yaml_parser_t parser;
	struct arena *arena;
	const char *path;
	struct err *err;
	struct node *open[CONFIG_DEPTH_MAX];
	struct node **tail[CONFIG_DEPTH_MAX]; /* where the next child of open[i] goes */
	int depth;
	size_t nodes;
	struct node *root;
	const char *pending;
	int pending_line, pending_column;
};

static int fail_at(struct builder *b, yaml_mark_t mark, const char *what)
{
	return err_set(b->err, "%s:%zu:%zu: %s", b->path, mark.line + 1, mark.column + 1, what);
}

const struct node *node_get(const struct node *map, const char *key)
{
	for (const struct node *n = map->child; n; n = n->next)
		if (n->key && strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

bool node_is_null(const struct node *n)
{
	return n->kind == NODE_SCALAR && !n->quoted && (n->text[0] == '\0' || strcmp(n->text, "~") == 0);
}

static struct node *open_map(const struct builder *b)
{
	return b->depth && b->open[b->depth - 1]->kind == NODE_MAP ? b->open[b->depth - 1] : NULL;
}

/* Puts a new node where the stack says. */
static int attach(struct builder *b, struct node *n, const yaml_event_t *event)
{
	if (++b->nodes > CONFIG_NODES_MAX)
		return fail_at(b, event->start_mark, "more entries than a configuration may have");
	n->line = (int)event->start_mark.line + 1;
	n->column = (int)event->start_mark.column + 1;
	if (open_map(b)) {
		n->key = b->pending;
		n->key_line = b->pending_line;
		n->key_column = b->pending_column;
		b->pending = NULL;
	}
	if (b->depth == 0) {
		b->root = n;
		return 0;
	}
	*b->tail[b->depth - 1] = n;
	b->tail[b->depth - 1] = &n->next;
	return 0;
}

static int take_key(struct builder *b, const yaml_event_t *event)
{
	struct node *map = open_map(b);
	const char *key = (const char *)event->data.scalar.value;

	if (event->data.scalar.length == 0 || strlen(key) != event->data.scalar.length)
		return fail_at(b, event->start_mark, "a key must be a word");
	const struct node *twin = node_get(map, key);
	if (twin)
		return err_set(b->err, "%s:%zu:%zu: `%s` is given twice (first in line %d): remove one", b->path,
		               event->start_mark.line + 1, event->start_mark.column + 1, key, twin->key_line);
	b->pending = arena_copy(b->arena, key, event->data.scalar.length);
	b->pending_line = (int)event->start_mark.line + 1;
	b->pending_column = (int)event->start_mark.column + 1;
	return 0;
}

static int take_scalar(struct builder *b, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;

	if (event->data.scalar.anchor)
		return fail_at(b, event->start_mark, "anchors are not read here: write the value out");
	if (event->data.scalar.tag)
		return fail_at(b, event->start_mark, "tags (`!…`) are not read here: write the value in quotes");
	if (open_map(b) && !b->pending)
		return take_key(b, event);
	if (strlen(text) != event->data.scalar.length)
		return fail_at(b, event->start_mark, "a value holds a NUL character");
	struct node *n = arena_alloc(b->arena, sizeof(*n));
	*n = (struct node){.kind = NODE_SCALAR, .quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE};
	n->text = arena_copy(b->arena, text, event->data.scalar.length);
	return attach(b, n, event);
}

static int take_container(struct builder *b, const yaml_event_t *event, enum node_kind kind)
{
	bool map = kind == NODE_MAP;

	if (map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor)
		return fail_at(b, event->start_mark, "anchors are not read here: write the value out");
	if (map ? event->data.mapping_start.tag : event->data.sequence_start.tag)
		return fail_at(b, event->start_mark, "tags (`!…`) are not read here");
	if (open_map(b) && !b->pending)
		return fail_at(b, event->start_mark, "a key must be a word");
	if (b->depth == CONFIG_DEPTH_MAX)
		return fail_at(b, event->start_mark, "nested too deeply");
	struct node *n = arena_alloc(b->arena, sizeof(*n));
	*n = (struct node){.kind = kind, .text = ""};
	if (attach(b, n, event) < 0)
		return -1;
	b->open[b->depth] = n;
	b->tail[b->depth++] = &n->child;
	return 0;
}

/* 1 at the end of the stream, 0 to go on. */
static int take(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_STREAM_END_EVENT:
		return 1;
	case YAML_DOCUMENT_START_EVENT:
		return b->root ? fail_at(b, event->start_mark, "a second document: a configuration is one") : 0;
	case YAML_ALIAS_EVENT:
		return fail_at(b, event->start_mark, "aliases (`*…`) are not read here: write the value out");
	case YAML_SCALAR_EVENT:
		return take_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return take_container(b, event, NODE_LIST);
	case YAML_MAPPING_START_EVENT:
		return take_container(b, event, NODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

static int build(struct builder *b)
{
	int result = 0;

	while (result == 0) {
		yaml_event_t event;
		if (!yaml_parser_parse(&b->parser, &event)) {
			yaml_mark_t mark = b->parser.problem_mark;
			return fail_at(b, mark, b->parser.problem ? b->parser.problem : "not YAML");
		}
		result = take(b, &event);
		yaml_event_delete(&event);
	}
	return result < 0 ? -1 : 0;
}

int config_tree_parse(struct node **root, struct str yaml, const char *path, struct arena *arena,
                      struct err *err)
{
	struct builder b = {.arena = arena, .path = path, .err = err};

	*root = NULL;
	if (yaml.len > CONFIG_FILE_MAX_BYTES)
		return err_set(err, "%s: larger than %u bytes: that is no configuration", path, CONFIG_FILE_MAX_BYTES);
	if (!yaml_parser_initialize(&b.parser))
		return err_set(err, "%s: the YAML reader could not start", path);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)(yaml.len ? yaml.ptr : ""), yaml.len);
	int result = build(&b);
	yaml_parser_delete(&b.parser);
	if (result == 0)
		*root = b.root;
	return result;
}
