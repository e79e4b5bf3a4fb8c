/* The quantile sketch against exact answers, and against damage. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/sketch.h"

static uint64_t seed = 88172645463325252u;

static uint64_t random_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Spread over many octaves, as latencies and costs are. */
static int64_t random_value(void)
{
	return (int64_t)exp((double)(random_bits() % 100000) / 100000 * 30);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void assert_same(const struct sketch *a, const struct sketch *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->len, b->len);
	for (uint32_t i = 0; i < a->len; i++) {
		assert_int_equal(a->cells[i].index, b->cells[i].index);
		assert_int_equal(a->cells[i].count, b->cells[i].count);
	}
}

static void cells_tile_the_integers(void **state)
{
	uint32_t last = sketch_index(INT64_MAX);

	(void)state;
	assert_int_equal(sketch_index(-5), 0);
	for (uint32_t i = 0; i <= last; i++) {
		int64_t low = sketch_index_low(i), value = sketch_index_value(i);

		assert_int_equal(sketch_index(low), i);
		assert_int_equal(sketch_index(value), i);
		if (i > 0)
			assert_int_equal(sketch_index(low - 1), i - 1);
		if (low < 128)
			assert_int_equal(value, low);
		else if (i < last) /* the farthest value of the cell is within 1 % of its middle */
			assert_true((double)(sketch_index_low(i + 1) - 1 - value) <= 0.01 * (double)low &&
			            (double)(value - low) <= 0.01 * (double)low);
	}
}

static void quantiles_are_within_one_percent(void **state)
{
	static const double qs[] = {0, 0.001, 0.01, 0.07, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1};

	(void)state;
	for (int round = 0; round < 60; round++) {
		size_t n = 1 + random_bits() % 3000;
		int64_t *values = mem_array(NULL, n, sizeof(*values));
		struct sketch s = {0};

		for (size_t i = 0; i < n; i++) {
			values[i] = random_value();
			sketch_add(&s, values[i], 1);
		}
		qsort(values, n, sizeof(*values), compare);
		for (size_t k = 0; k < sizeof(qs) / sizeof(qs[0]); k++) {
			/* Nearest rank, with the thousandths as integers. */
			size_t rank = ((size_t)llround(qs[k] * 1000) * n + 999) / 1000;
			double exact = (double)values[rank > 0 ? rank - 1 : 0];
			double got = (double)sketch_quantile(&s, qs[k]);

			assert_true(fabs(got - exact) <= 0.01 * exact);
		}
		assert_int_equal(s.count, n);
		free(values);
		sketch_fini(&s);
	}
}

static void empty_sketches_say_so(void **state)
{
	struct sketch s = {0};

	(void)state;
	assert_int_equal(sketch_quantile(&s, 0.5), -1);
	assert_int_equal(sketch_count_at_least(&s, 0), 0);
	sketch_add(&s, 5, 1);
	assert_int_equal(sketch_quantile(&s, NAN), 5);
	assert_int_equal(sketch_quantile(&s, -1), 5);
	assert_int_equal(sketch_quantile(&s, 2), 5);
	sketch_add(&s, 5, -1);
	assert_int_equal(s.len, 0);
	assert_int_equal(sketch_quantile(&s, 0.5), -1);
	sketch_fini(&s);
}

static void merging_is_independent_of_order(void **state)
{
	enum { PARTS = 12 };
	struct sketch parts[PARTS] = {{0}}, all = {0}, forward = {0}, backward = {0}, coded = {0};

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t v = random_value();

		sketch_add(&parts[random_bits() % PARTS], v, 1);
		sketch_add(&all, v, 1);
	}
	for (int i = 0; i < PARTS; i++) {
		struct buf b = {0};
		const uint8_t *p, *end;

		sketch_merge(&forward, &parts[i]);
		sketch_merge(&backward, &parts[PARTS - 1 - i]);
		sketch_encode(&parts[i], &b);
		p = (const uint8_t *)b.data;
		end = p + b.len;
		assert_true(sketch_skip(&p, end));
		assert_ptr_equal(p, end);
		p = (const uint8_t *)b.data;
		assert_true(sketch_decode_merge(&coded, &p, end));
		assert_ptr_equal(p, end);
		buf_fini(&b);
	}
	assert_same(&all, &forward);
	assert_same(&all, &backward);
	assert_same(&all, &coded);
	sketch_merge(&all, &all);
	assert_int_equal(all.count, 40000);
	for (int i = 0; i < PARTS; i++)
		sketch_fini(&parts[i]);
	sketch_fini(&all);
	sketch_fini(&forward);
	sketch_fini(&backward);
	sketch_fini(&coded);
}

static void corrections_take_back_exactly(void **state)
{
	struct sketch kept = {0}, s = {0}, taken = {0};
	struct buf b = {0};
	const uint8_t *p;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		int64_t v = random_value();

		sketch_add(&s, v, 1);
		if (i % 3 == 0) {
			sketch_add(&taken, v, -1); /* negative cells, as a correction's own rollup has */
		} else {
			sketch_add(&kept, v, 1);
		}
	}
	sketch_encode(&taken, &b);
	p = (const uint8_t *)b.data;
	assert_true(sketch_decode_merge(&s, &p, p + b.len));
	assert_same(&kept, &s);
	/* And one by one. */
	for (uint32_t i = 0; i < kept.len; i++)
		sketch_add(&s, sketch_index_value(kept.cells[i].index), -kept.cells[i].count);
	assert_int_equal(s.len, 0);
	assert_int_equal(s.count, 0);
	buf_fini(&b);
	sketch_fini(&kept);
	sketch_fini(&taken);
	sketch_fini(&s);
}

static void counts_above_a_limit(void **state)
{
	struct sketch s = {0};

	(void)state;
	for (int64_t v = 0; v < 100; v++)
		sketch_add(&s, v, 2);
	sketch_add(&s, 1000000, 5);
	assert_int_equal(sketch_count_at_least(&s, 0), 205);
	assert_int_equal(sketch_count_at_least(&s, 90), 25);
	assert_int_equal(sketch_count_at_least(&s, 500), 5);
	assert_int_equal(sketch_count_at_least(&s, INT64_MAX), 0);
	sketch_fini(&s);
}

static void damage_is_refused_and_changes_nothing(void **state)
{
	struct sketch from = {0}, into = {0}, before = {0};
	struct buf b = {0};

	(void)state;
	for (int i = 0; i < 300; i++)
		sketch_add(&from, random_value(), 1 + (int64_t)(random_bits() % 1000));
	sketch_add(&into, 77, 3);
	sketch_add(&before, 77, 3);
	sketch_encode(&from, &b);
	for (size_t len = 0; len < b.len; len++) { /* cut short anywhere */
		uint8_t *exact = mem_alloc(len);
		const uint8_t *p = exact;

		memcpy(exact, b.data, len);
		assert_false(sketch_decode_merge(&into, &p, exact + len));
		assert_ptr_equal(p, exact);
		assert_false(sketch_skip(&p, exact + len));
		free(exact);
	}
	assert_same(&before, &into);
	for (int round = 0; round < 20000; round++) { /* changed anywhere */
		struct sketch s = {0};
		uint8_t *bytes = mem_alloc(b.len);
		const uint8_t *p = bytes;

		memcpy(bytes, b.data, b.len);
		for (int k = 0; k < 3; k++)
			bytes[random_bits() % (round % 2 ? 8 : b.len)] = (uint8_t)random_bits();
		if (sketch_decode_merge(&s, &p, bytes + b.len)) {
			int64_t sum = 0;

			for (uint32_t i = 0; i < s.len; i++) {
				assert_true(i == 0 || s.cells[i].index > s.cells[i - 1].index);
				assert_true(s.cells[i].index <= sketch_index(INT64_MAX));
				assert_int_not_equal(s.cells[i].count, 0);
				sum += s.cells[i].count;
			}
			assert_int_equal(sum, s.count);
		} else {
			assert_int_equal(s.len, 0);
		}
		free(bytes);
		sketch_fini(&s);
	}
	buf_fini(&b);
	sketch_fini(&from);
	sketch_fini(&into);
	sketch_fini(&before);
}

static void hostile_sketches_are_bounded(void **state)
{
	static const uint8_t many_cells[] = {0xff, 0xff, 0xff, 0x7f, 0, 2};
	static const uint8_t far_index[] = {1, 0xff, 0xff, 0x7f, 2};
	static const uint8_t zero_count[] = {1, 5, 0};
	static const uint8_t huge_count[] = {1, 5, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
	static const uint8_t past_the_end[] = {2, 0xff, 0x1c, 2, 0x7f, 2}; /* 3711, then 3839 */
	static const struct {
		const uint8_t *bytes;
		size_t len;
	} cases[] = {{many_cells, sizeof(many_cells)},
	             {far_index, sizeof(far_index)},
	             {zero_count, sizeof(zero_count)},
	             {huge_count, sizeof(huge_count)},
	             {past_the_end, sizeof(past_the_end)}};
	struct sketch s = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *p = cases[i].bytes;

		assert_false(sketch_decode_merge(&s, &p, p + cases[i].len));
		assert_int_equal(s.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_tile_the_integers),
		cmocka_unit_test(quantiles_are_within_one_percent),
		cmocka_unit_test(empty_sketches_say_so),
		cmocka_unit_test(merging_is_independent_of_order),
		cmocka_unit_test(corrections_take_back_exactly),
		cmocka_unit_test(counts_above_a_limit),
		cmocka_unit_test(damage_is_refused_and_changes_nothing),
		cmocka_unit_test(hostile_sketches_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
