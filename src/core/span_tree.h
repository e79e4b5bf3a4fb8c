/* The shape of one trace: who called whom, what the whole waited for, where nothing ran, what was tried
 * again. Pure arithmetic over spans as they were told, whatever is missing, doubled or contradictory in
 * them. Any thread. */
#ifndef LLMDECK_CORE_SPAN_TREE_H
#define LLMDECK_CORE_SPAN_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* One span as it was told. Everything is borrowed while the tree is built. */
struct tree_span {
	int64_t start_us, end_us; /* an end before the start counts as the start */
	const uint8_t *id;        /* 8 bytes; NULL: it has none, so that nothing can be below it */
	const uint8_t *parent;    /* 8 bytes; NULL: nobody called it */
	struct str name;          /* spans of one name below one parent may be tries of one thing */
	struct str service;       /* whose clock told the times */
	bool failed;
};

#define TREE_NONE SIZE_MAX

/* One line of the picture. */
struct tree_line {
	size_t span;              /* index in what was given */
	size_t parent;            /* line above it; TREE_NONE: it stands at the left */
	size_t below;             /* lines under it, at any depth: they follow it */
	int depth;
	bool last;                /* of its parent's children */
	bool orphan;              /* its parent is in no line: nobody kept it */
	bool cycle;               /* its parents led back to itself: cut here */
	bool critical;            /* the trace's end waited for some of it */
	int attempt;              /* 2: the second try of what had failed before; 0: no try after another */
	uint32_t copies;          /* how often it was told besides */
	int64_t start_us, end_us; /* moved by shift_us */
	int64_t shift_us;         /* added because its service's clock contradicts its caller's */
	int64_t own_us;           /* of its time, in which none of its children ran */
	int64_t critical_us;      /* of its own time, on the critical path */
	int64_t gap_us;           /* its longest wait between or beside its children; 0: it has none */
	int64_t gap_from_us;
};

struct span_tree {
	struct tree_line *lines;  /* parents before children, children by their start */
	size_t count;
	int64_t from_us, to_us;   /* of everything */
	size_t orphans, cycles, copies, shifted, retries;
	int64_t critical_us;      /* of the critical path, the waits of its spans included */
};

/* Builds the tree of `count` spans; span_tree_fini() frees it. Takes n log n steps, no recursion.
 * - Of spans with one id the longest counts.
 * - A span whose parent is missing, or whose parents go round in a circle, stands at the left.
 * - Where a child of another service begins before its caller, or ends after it although it is shorter,
 *   the clocks differ: it is put into the middle of its caller, as Jaeger's clock skew adjuster does,
 *   and what is below it of the same service moves along.
 * - Critical path: from the trace's end backwards, always the child that ended last of those that ran
 *   before the point reached; what no child covers is the span's own. */
void span_tree_build(const struct tree_span *spans, size_t count, struct span_tree *out);
void span_tree_fini(struct span_tree *t);

#endif
