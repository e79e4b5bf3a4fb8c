/* The shape of a trace, whatever is missing, doubled or contradictory in it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/span_tree.h"

#define MANY 5000

static uint8_t ids[MANY + 2][8];
static struct tree_span spans[MANY];
static size_t count;
static struct span_tree tree;

/* Span `id` (from 1) below `parent` (0: none) in tenths of a second. */
static struct tree_span *add(int id, int parent, int from, int to, const char *name)
{
	struct tree_span *s = &spans[count++];

	memcpy(ids[id], &id, sizeof id);
	memcpy(ids[parent], &parent, sizeof parent);
	*s = (struct tree_span){.start_us = from * 100000, .end_us = to * 100000, .id = ids[id],
	                        .parent = parent ? ids[parent] : NULL, .name = str_of(name), .service = STR_LIT("a")};
	return s;
}

static const struct tree_line *line_of(const char *name)
{
	for (size_t i = 0; i < tree.count; i++) {
		if (str_equal_c(spans[tree.lines[i].span].name, name))
			return &tree.lines[i];
	}
	fail_msg("no line %s", name);
	return NULL;
}

/* What holds for every tree. */
static void build(void)
{
	int64_t critical_us = 0;

	span_tree_fini(&tree);
	span_tree_build(spans, count, &tree);
	for (size_t i = 0; i < tree.count; i++) {
		const struct tree_line *l = &tree.lines[i];

		assert_true(l->parent == TREE_NONE ? l->depth == 0 : l->parent < i && l->depth == tree.lines[l->parent].depth + 1);
		assert_true(i + l->below < tree.count);
		assert_true(l->own_us >= 0 && l->own_us <= l->end_us - l->start_us);
		assert_true(l->critical_us >= 0 && l->critical_us <= l->end_us - l->start_us);
		assert_true(l->gap_us <= l->end_us - l->start_us);
		assert_true(l->critical || l->critical_us == 0);
		critical_us += l->critical_us;
	}
	assert_int_equal(critical_us, tree.critical_us);
	assert_true(tree.critical_us <= tree.to_us - tree.from_us);
}

static int reset(void **state)
{
	(void)state;
	count = 0;
	return 0;
}

static int clear(void **state)
{
	(void)state;
	span_tree_fini(&tree);
	return 0;
}

static void test_one(void **state)
{
	(void)state;
	build();
	assert_int_equal(tree.count, 0);
	add(1, 0, 5, 15, "call");
	build();
	assert_int_equal(tree.count, 1);
	assert_true(tree.lines[0].critical);
	assert_int_equal(tree.lines[0].critical_us, US_PER_S);
	assert_int_equal(tree.lines[0].own_us, US_PER_S);
	assert_int_equal(tree.lines[0].gap_us, 0);
}

/* agent 0-100: plan 0-20, two tools side by side 20-50 and 20-70, a wait, answer 80-100. */
static void test_critical_path(void **state)
{
	(void)state;
	add(5, 1, 80, 100, "answer");
	add(3, 1, 20, 50, "quick");
	add(1, 0, 0, 100, "agent");
	add(4, 1, 20, 70, "slow");
	add(2, 1, 0, 20, "plan");
	add(6, 4, 30, 60, "inner");
	build();
	assert_int_equal(tree.count, 6);
	assert_int_equal(tree.lines[0].span, 2);
	assert_int_equal(tree.lines[0].below, 5);
	assert_true(line_of("plan")->critical && line_of("slow")->critical && line_of("answer")->critical);
	assert_true(line_of("inner")->critical);
	assert_false(line_of("quick")->critical);
	assert_int_equal(line_of("agent")->critical_us, US_PER_S); /* the wait */
	assert_int_equal(line_of("slow")->critical_us, 2 * US_PER_S);
	assert_int_equal(line_of("agent")->own_us, US_PER_S);
	assert_int_equal(line_of("agent")->gap_us, US_PER_S);
	assert_int_equal(line_of("agent")->gap_from_us, 7 * US_PER_S);
	assert_int_equal(tree.critical_us, 10 * US_PER_S);
	assert_true(line_of("answer")->last);
}

static void test_missing_parent(void **state)
{
	(void)state;
	add(2, 1, 0, 10, "kept");
	add(3, 1, 12, 20, "kept too");
	add(4, 3, 13, 14, "below");
	build();
	assert_int_equal(tree.orphans, 2);
	assert_true(line_of("kept")->orphan && line_of("kept too")->orphan);
	assert_int_equal(line_of("below")->depth, 1);
	assert_int_equal(tree.critical_us, 1800000); /* nothing is known of the time between */
}

static void test_circles(void **state)
{
	(void)state;
	add(1, 3, 0, 10, "one");
	add(2, 1, 1, 9, "two");
	add(3, 2, 2, 8, "three");
	add(4, 4, 3, 5, "own parent");
	add(5, 3, 4, 5, "hangs on it");
	build();
	assert_int_equal(tree.count, 5);
	assert_int_equal(tree.cycles, 2);
	assert_true(line_of("one")->cycle && line_of("own parent")->cycle);
	assert_int_equal(line_of("three")->depth, 2);
	assert_int_equal(line_of("hangs on it")->depth, 3);
}

static void test_doubles(void **state)
{
	(void)state;
	add(1, 0, 0, 10, "agent");
	add(2, 1, 2, 3, "cut");
	add(2, 1, 2, 6, "whole");
	add(2, 1, 2, 6, "again");
	spans[count] = spans[0];
	spans[count++].id = NULL; /* two without an id are two */
	spans[count] = spans[0];
	spans[count++].id = NULL;
	build();
	assert_int_equal(tree.count, 4);
	assert_int_equal(tree.copies, 2);
	assert_int_equal(line_of("whole")->copies, 2);
	assert_int_equal(line_of("whole")->end_us, 600000);
}

static void test_clocks(void **state)
{
	(void)state;
	add(1, 0, 0, 100, "agent");
	add(2, 1, -50, -30, "behind")->service = STR_LIT("b"); /* its clock is late */
	add(3, 2, -45, -35, "inner")->service = STR_LIT("b");
	add(4, 1, 20, 90, "agrees")->service = STR_LIT("c");
	add(5, 4, 0, 80, "longer")->service = STR_LIT("d");    /* than its caller, and before it */
	add(6, 1, 90, 120, "outlives");                       /* of the same clock: true */
	build();
	assert_int_equal(line_of("behind")->start_us, 4 * US_PER_S);
	assert_int_equal(line_of("behind")->shift_us, 9 * US_PER_S);
	assert_int_equal(line_of("inner")->start_us, 4500000);
	assert_int_equal(line_of("agrees")->shift_us, 0);
	assert_int_equal(line_of("longer")->start_us, 2 * US_PER_S);
	assert_int_equal(line_of("outlives")->shift_us, 0);
	assert_int_equal(tree.shifted, 3);
	assert_int_equal(tree.to_us, 12 * US_PER_S);
}

static void test_tries(void **state)
{
	(void)state;
	add(1, 0, 0, 100, "tool");
	add(2, 1, 0, 10, "get")->failed = true;
	add(3, 1, 12, 20, "get")->failed = true;
	add(4, 1, 25, 30, "get");
	add(5, 1, 32, 40, "get"); /* after one that worked: another thing */
	add(6, 1, 41, 50, "put")->failed = true;
	add(7, 1, 45, 60, "put"); /* side by side: no try after it */
	build();
	assert_int_equal(tree.retries, 2);
	assert_int_equal(tree.lines[2].attempt, 2);
	assert_int_equal(tree.lines[3].attempt, 3);
	assert_int_equal(tree.lines[4].attempt, 0);
	assert_int_equal(tree.lines[6].attempt, 0);
}

/* Chains, fans and anything in between, at the greatest size. */
static void test_many(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int i = 1; i <= MANY; i++)
		add(i, i - 1, i, 2 * MANY - i, "chain");
	build();
	assert_int_equal(tree.lines[MANY - 1].depth, MANY - 1);
	assert_int_equal(tree.critical_us, tree.to_us - tree.from_us);
	count = 0;
	for (int i = 1; i <= MANY; i++)
		add(i, i > 1, i == 1 ? 0 : i, i == 1 ? MANY + 1 : i + 1, "fan");
	build();
	assert_int_equal(tree.lines[0].below, MANY - 1);
	for (int run = 0; run < 200; run++) {
		count = 0;
		for (int i = 1; i <= 60; i++) {
			seed = seed * 1664525u + 1013904223u;
			int from = (int)(seed >> 20) % 300, length = (int)(seed >> 12) % 90, parent = (int)(seed >> 16) % 64;
			struct tree_span *s = add(1 + (int)(seed >> 8) % 60, parent > 61 ? 0 : parent, from, from + length, "any");

			s->failed = seed & 64;
			s->service = seed & 128 ? STR_LIT("b") : STR_LIT("c");
			if ((seed >> 5) % 10 == 0)
				s->id = NULL;
			if ((seed >> 5) % 17 == 0)
				s->end_us = s->start_us - 5;
		}
		build();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one, reset, clear),
		cmocka_unit_test_setup_teardown(test_critical_path, reset, clear),
		cmocka_unit_test_setup_teardown(test_missing_parent, reset, clear),
		cmocka_unit_test_setup_teardown(test_circles, reset, clear),
		cmocka_unit_test_setup_teardown(test_doubles, reset, clear),
		cmocka_unit_test_setup_teardown(test_clocks, reset, clear),
		cmocka_unit_test_setup_teardown(test_tries, reset, clear),
		cmocka_unit_test_setup_teardown(test_many, reset, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
