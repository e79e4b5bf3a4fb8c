/* Spans get a number of their own (a node) in the order of their ids, so that a parent is found by
 * bisection. Nodes are cut out of circles by walking up with a mark per walk; then children lie one
 * after another in one array (counted, then filled), clocks are put right from the roots down, children
 * are sorted by their start, and a stack writes the lines down parents first. From there on everything
 * is one pass over the lines. */
#include "core/span_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct node {
	size_t span;
	size_t parent; /* node; TREE_NONE */
	bool orphan, cycle;
	uint32_t copies;
	int64_t start_us, end_us, shift_us;
	size_t first, children; /* in the array of children */
};

struct build {
	const struct tree_span *spans;
	struct node *nodes;
	size_t count;
	size_t *children; /* nodes, by parent */
	size_t *roots;
	size_t root_count;
	size_t *order;    /* nodes, parents first */
};

/* What qsort() cannot be told: the array that its numbers point into. */
struct by_id {
	const struct tree_span *span;
	size_t index;
};

static int compare_ids(const void *a, const void *b)
{
	const struct by_id *x = a, *y = b;
	int order = (x->span->id != NULL) - (y->span->id != NULL);

	if (x->span->id && y->span->id)
		order = memcmp(x->span->id, y->span->id, 8);
	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int64_t length_of(const struct tree_span *s)
{
	return s->end_us > s->start_us ? s->end_us - s->start_us : 0;
}

/* Nodes in the order of their ids, those without one first; of those with one id the longest. */
static void make_nodes(struct build *b, size_t count)
{
	struct by_id *sorted = mem_array(NULL, count + 1, sizeof *sorted);

	for (size_t i = 0; i < count; i++)
		sorted[i] = (struct by_id){&b->spans[i], i};
	qsort(sorted, count, sizeof *sorted, compare_ids);
	for (size_t i = 0; i < count; i++) {
		struct node *last = b->count ? &b->nodes[b->count - 1] : NULL;
		const struct tree_span *s = sorted[i].span;

		if (last && s->id && b->spans[last->span].id && memcmp(b->spans[last->span].id, s->id, 8) == 0) {
			last->copies++;
			if (length_of(s) > length_of(&b->spans[last->span]))
				last->span = sorted[i].index;
			continue;
		}
		b->nodes[b->count++] = (struct node){.span = sorted[i].index, .parent = TREE_NONE};
	}
	free(sorted);
	for (size_t i = 0; i < b->count; i++) {
		const struct tree_span *s = &b->spans[b->nodes[i].span];

		b->nodes[i].start_us = s->start_us;
		b->nodes[i].end_us = s->start_us + length_of(s);
	}
}

static size_t find_node(const struct build *b, const uint8_t *id)
{
	size_t low = 0, high = b->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const uint8_t *at = b->spans[b->nodes[middle].span].id;
		int order = at ? memcmp(at, id, 8) : -1;

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return TREE_NONE;
}

static void find_parents(struct build *b)
{
	static const uint8_t none[8];

	for (size_t i = 0; i < b->count; i++) {
		const uint8_t *id = b->spans[b->nodes[i].span].parent;

		if (!id || memcmp(id, none, sizeof none) == 0)
			continue;
		b->nodes[i].parent = find_node(b, id);
		b->nodes[i].orphan = b->nodes[i].parent == TREE_NONE;
	}
}

/* Cuts each circle at the span that began first. */
static void cut_circles(struct build *b)
{
	size_t *walk = mem_array(NULL, b->count + 1, sizeof *walk); /* number of the walk that came by; 0 none */

	memset(walk, 0, b->count * sizeof *walk);
	for (size_t i = 0; i < b->count; i++) {
		size_t at = i, first;

		while (at != TREE_NONE && walk[at] == 0) {
			walk[at] = i + 1;
			at = b->nodes[at].parent;
		}
		if (at == TREE_NONE || walk[at] != i + 1)
			continue;
		first = at;
		for (size_t k = b->nodes[at].parent; k != at; k = b->nodes[k].parent) {
			if (b->nodes[k].start_us < b->nodes[first].start_us)
				first = k;
		}
		b->nodes[first].parent = TREE_NONE;
		b->nodes[first].cycle = true;
	}
	free(walk);
}

static void list_children(struct build *b)
{
	size_t at = 0;

	for (size_t i = 0; i < b->count; i++) {
		if (b->nodes[i].parent == TREE_NONE)
			b->roots[b->root_count++] = i;
		else
			b->nodes[b->nodes[i].parent].children++;
	}
	for (size_t i = 0; i < b->count; i++) {
		b->nodes[i].first = at;
		at += b->nodes[i].children;
		b->nodes[i].children = 0;
	}
	for (size_t i = 0; i < b->count; i++) {
		struct node *parent = b->nodes[i].parent == TREE_NONE ? NULL : &b->nodes[b->nodes[i].parent];

		if (parent)
			b->children[parent->first + parent->children++] = i;
	}
}

static void shift(struct node *n, int64_t by_us)
{
	n->start_us += by_us;
	n->end_us += by_us;
	n->shift_us += by_us;
}

/* How far a child's clock is off its caller's. */
static int64_t clock_shift(const struct node *parent, const struct node *child)
{
	int64_t parent_us = parent->end_us - parent->start_us, child_us = child->end_us - child->start_us;

	if (child_us > parent_us)
		return child->start_us < parent->start_us ? parent->start_us - child->start_us : 0;
	if (child->start_us >= parent->start_us && child->end_us <= parent->end_us)
		return 0;
	return parent->start_us + (parent_us - child_us) / 2 - child->start_us;
}

/* From the roots down, level by level. */
static void mend_clocks(struct build *b)
{
	size_t done = 0, found = b->root_count;

	memcpy(b->order, b->roots, b->root_count * sizeof *b->order);
	while (done < found) {
		const struct node *parent = &b->nodes[b->order[done++]];

		for (size_t i = 0; i < parent->children; i++) {
			struct node *child = &b->nodes[b->children[parent->first + i]];

			if (str_equal(b->spans[child->span].service, b->spans[parent->span].service))
				shift(child, parent->shift_us);
			else
				shift(child, clock_shift(parent, child));
			b->order[found++] = b->children[parent->first + i];
		}
	}
}

static _Thread_local const struct node *sorting; /* qsort() has no room for it */

/* Earliest first; of those that start together the longest. */
static int compare_starts(const void *a, const void *b)
{
	const struct node *x = &sorting[*(const size_t *)a], *y = &sorting[*(const size_t *)b];

	if (x->start_us != y->start_us)
		return x->start_us < y->start_us ? -1 : 1;
	if (x->end_us != y->end_us)
		return x->end_us > y->end_us ? -1 : 1;
	return x->span < y->span ? -1 : x->span > y->span;
}

static void sort_children(struct build *b)
{
	sorting = b->nodes;
	qsort(b->roots, b->root_count, sizeof *b->roots, compare_starts);
	for (size_t i = 0; i < b->count; i++) {
		if (b->nodes[i].children > 1)
			qsort(b->children + b->nodes[i].first, b->nodes[i].children, sizeof *b->children, compare_starts);
	}
}

static void write_line(const struct build *b, size_t node, size_t parent, bool last, struct span_tree *t)
{
	const struct node *n = &b->nodes[node];
	struct tree_line *l = &t->lines[t->count++];

	*l = (struct tree_line){
		.span = n->span, .parent = parent, .depth = parent == TREE_NONE ? 0 : t->lines[parent].depth + 1,
		.last = last, .orphan = n->orphan, .cycle = n->cycle, .copies = n->copies,
		.start_us = n->start_us, .end_us = n->end_us, .shift_us = n->shift_us, .own_us = n->end_us - n->start_us,
	};
	t->orphans += l->orphan;
	t->cycles += l->cycle;
	t->copies += l->copies;
	t->shifted += l->shift_us != 0;
}

/* Parents before children: the stack holds what is still to be written, the next on top. */
static void write_lines(const struct build *b, struct span_tree *t)
{
	struct {
		size_t node, parent;
		bool last;
	} *stack = mem_array(NULL, b->count + 1, sizeof *stack);
	size_t depth = 0;

	for (size_t i = b->root_count; i-- > 0;) {
		stack[depth].node = b->roots[i];
		stack[depth].parent = TREE_NONE;
		stack[depth++].last = i + 1 == b->root_count;
	}
	while (depth > 0) {
		size_t node = stack[--depth].node, line = t->count;
		const struct node *n = &b->nodes[node];

		write_line(b, node, stack[depth].parent, stack[depth].last, t);
		for (size_t i = n->children; i-- > 0;) {
			stack[depth].node = b->children[n->first + i];
			stack[depth].parent = line;
			stack[depth++].last = i + 1 == n->children;
		}
	}
	free(stack);
	for (size_t i = t->count; i-- > 0;) {
		if (t->lines[i].parent != TREE_NONE)
			t->lines[t->lines[i].parent].below += t->lines[i].below + 1;
	}
}

static void see_gap(struct tree_line *l, int64_t from_us, int64_t to_us)
{
	if (to_us - from_us > l->gap_us) {
		l->gap_us = to_us - from_us;
		l->gap_from_us = from_us;
	}
}

/* The children of line i follow it; the next one's line is behind what is below this one. */
static size_t next_child(const struct span_tree *t, size_t child) { return child + t->lines[child].below + 1; }

/* Own time, waits and tries: children come by their start, so that one pass sees what they cover. */
static void look_at_children(const struct tree_span *spans, struct span_tree *t, size_t i)
{
	struct tree_line *l = &t->lines[i];
	int64_t covered_us = l->start_us;
	const struct tree_line *before = NULL;

	if (l->below == 0)
		return;
	for (size_t child = i + 1; child <= i + t->lines[i].below; child = next_child(t, child)) {
		struct tree_line *c = &t->lines[child];
		int64_t from_us = c->start_us > covered_us ? c->start_us : covered_us;
		int64_t to_us = c->end_us < l->end_us ? c->end_us : l->end_us;

		if (c->start_us > covered_us)
			see_gap(l, covered_us, c->start_us < l->end_us ? c->start_us : l->end_us);
		if (to_us > from_us)
			l->own_us -= to_us - from_us;
		covered_us = to_us > covered_us ? to_us : covered_us;
		if (before && spans[before->span].failed && c->start_us >= before->end_us &&
		    str_equal(spans[before->span].name, spans[c->span].name)) {
			c->attempt = before->attempt ? before->attempt + 1 : 2;
			t->retries++;
		}
		before = c;
	}
	if (l->end_us > covered_us)
		see_gap(l, covered_us, l->end_us);
}

struct ending {
	size_t line;
	int64_t end_us;
};

static int compare_endings(const void *a, const void *b)
{
	const struct ending *x = a, *y = b;

	if (x->end_us != y->end_us)
		return x->end_us > y->end_us ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* A line's part of the path: children may reach over its ends. */
struct stretch {
	int64_t from_us, until_us;
};

/* Walks back through the children of a line over its stretch of the path and notes theirs by line.
 * Returns the part of the line's own. */
static int64_t walk_back(struct span_tree *t, struct ending *endings, size_t count, struct stretch own,
                         struct stretch *stretches)
{
	int64_t own_us = 0, start_us = own.from_us, until_us = own.until_us;

	qsort(endings, count, sizeof *endings, compare_endings);
	for (size_t k = 0; k < count && until_us > start_us; k++) {
		struct tree_line *c = &t->lines[endings[k].line];
		int64_t end_us = c->end_us < until_us ? c->end_us : until_us;

		if (c->start_us >= until_us || end_us <= start_us || c->end_us <= c->start_us)
			continue;
		own_us += until_us - end_us;
		c->critical = true;
		until_us = c->start_us > start_us ? c->start_us : start_us;
		stretches[endings[k].line] = (struct stretch){until_us, end_us};
	}
	return own_us + (until_us > start_us ? until_us - start_us : 0);
}

static void find_critical_path(struct span_tree *t)
{
	struct ending *endings = mem_array(NULL, t->count + 1, sizeof *endings);
	struct stretch *stretches = mem_array(NULL, t->count + 1, sizeof *stretches);
	size_t count = 0;

	for (size_t i = 0; i < t->count; i += t->lines[i].below + 1)
		endings[count++] = (struct ending){i, t->lines[i].end_us};
	t->critical_us = t->to_us - t->from_us -
	                 walk_back(t, endings, count, (struct stretch){t->from_us, t->to_us}, stretches);
	for (size_t i = 0; i < t->count; i++) {
		struct tree_line *l = &t->lines[i];

		if (!l->critical)
			continue;
		count = 0;
		for (size_t child = i + 1; child <= i + t->lines[i].below; child = next_child(t, child))
			endings[count++] = (struct ending){child, t->lines[child].end_us};
		l->critical_us = walk_back(t, endings, count, stretches[i], stretches);
	}
	free(endings);
	free(stretches);
}

static void measure(const struct tree_span *spans, struct span_tree *t)
{
	t->from_us = t->count ? t->lines[0].start_us : 0;
	t->to_us = t->count ? t->lines[0].end_us : 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct tree_line *l = &t->lines[i];

		t->from_us = l->start_us < t->from_us ? l->start_us : t->from_us;
		t->to_us = l->end_us > t->to_us ? l->end_us : t->to_us;
		look_at_children(spans, t, i);
	}
	find_critical_path(t);
}

void span_tree_build(const struct tree_span *spans, size_t count, struct span_tree *out)
{
	struct build b = {.spans = spans};

	memset(out, 0, sizeof *out);
	b.nodes = mem_array(NULL, count + 1, sizeof *b.nodes);
	b.children = mem_array(NULL, count + 1, sizeof *b.children);
	b.roots = mem_array(NULL, count + 1, sizeof *b.roots);
	b.order = mem_array(NULL, count + 1, sizeof *b.order);
	out->lines = mem_array(NULL, count + 1, sizeof *out->lines);
	make_nodes(&b, count);
	find_parents(&b);
	cut_circles(&b);
	list_children(&b);
	mend_clocks(&b);
	sort_children(&b);
	write_lines(&b, out);
	measure(spans, out);
	free(b.nodes);
	free(b.children);
	free(b.roots);
	free(b.order);
}

void span_tree_fini(struct span_tree *t)
{
	free(t->lines);
	memset(t, 0, sizeof *t);
}
