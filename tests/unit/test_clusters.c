/* Groups of similar remarks: what belongs together, names that can be read, trends, bounds, and that
 * 100,000 remarks are grouped in little time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "judge/clusters.h"

static const char *const texts[] = {
	/* 0-4 */ "made up a refund policy, link is dead", "the refund policy it told me does not exist", "Refund policies are invented!",
	"where does it get that refund policy from", "it invented a refund policy",
	/* 5-8 */ "wrong price", "The price was wrong, twice", "wrong prices again", "price wrong for the blue shoes",
	/* 9-11 */ "timeout", "timed out with a timeout after a minute", "Timeout. Again.",
	/* 12-15: nobody says the same */ "ok", "", "\xe6\xbc\xa2\xe5\xad\x97", "lovely weather in Lisbon",
};
#define TEXTS (sizeof texts / sizeof *texts)

static const struct cluster *named(const struct clusters_result *r, const char *word)
{
	for (size_t i = 0; i < r->count; i++) {
		if (strstr(r->clusters[i].name, word))
			return &r->clusters[i];
	}
	fail_msg("no group is named %s", word);
	return NULL;
}

static void group(struct clusters **c, struct clusters_result *out)
{
	struct clusters_remark remarks[TEXTS];

	*c = clusters_new();
	for (size_t i = 0; i < TEXTS; i++)
		remarks[i] = (struct clusters_remark){clusters_add(*c, str_of(texts[i])), i < 9, (int64_t)i * 10};
	clusters_find(*c, remarks, TEXTS, 0, 80, 2, out);
}

static void similar_remarks_are_together(void **state)
{
	struct clusters_result r, again;
	struct clusters *c;
	const struct cluster *refund, *price, *timeout;

	(void)state;
	group(&c, &r);
	refund = named(&r, "refund polic");
	price = named(&r, "price");
	timeout = named(&r, "timeout");
	assert_int_equal(refund->count, 5);
	assert_int_equal(refund->negative, 5);
	assert_int_equal(price->count, 4);
	assert_int_equal(timeout->count, 3);
	assert_int_equal(timeout->negative, 0);
	assert_ptr_equal(refund, &r.clusters[0]); /* largest first */
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(r.of[i], refund - r.clusters);
	for (size_t i = 12; i < TEXTS; i++)
		assert_int_equal(r.of[i], CLUSTER_NONE);
	assert_int_equal(price->steps[0], 3); /* 50, 60, 70 µs */
	assert_int_equal(price->steps[1], 1);
	clusters_free(&c);
	group(&c, &again);
	assert_memory_equal(again.clusters, r.clusters, sizeof r.clusters);
	assert_memory_equal(again.of, r.of, TEXTS);
	clusters_free(&c);
	free(r.of);
	free(again.of);
}

static void nothing_is_no_group(void **state)
{
	struct clusters *c = clusters_new();
	struct clusters_remark lost = {UINT32_MAX, true, 0};
	struct clusters_result r;

	(void)state;
	clusters_find(c, NULL, 0, 0, 0, 0, &r);
	assert_int_equal(r.count, 0);
	free(r.of);
	clusters_find(c, &lost, 1, 0, 0, 0, &r);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.of[0], CLUSTER_NONE);
	free(r.of);
	clusters_free(&c);
}

static uint32_t noise(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 12;
}

/* 100,000 remarks of thirty subjects among ever new words: found, bounded, and fast. */
static void a_hundred_thousand(void **state)
{
	enum { MANY = 100000, SUBJECTS = 20 };
	struct clusters_remark *remarks = mem_array(NULL, MANY, sizeof *remarks);
	struct clusters *c = clusters_new();
	struct clusters_result r;
	uint32_t seed = 5, right = 0;
	int64_t began = clock_mono_us(), added, found;
	char text[160];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t subject = noise(&seed) % SUBJECTS;

		snprintf(text, sizeof text, "The subject%c part%c was word%u and word%u, and i will never use word%u again",
		         (char)('a' + subject), (char)('a' + subject), noise(&seed) % 50000, noise(&seed) % 50000, noise(&seed) % 50000);
		remarks[i] = (struct clusters_remark){clusters_add(c, str_of(text)), true, i};
		assert_int_equal(remarks[i].number, i);
	}
	added = clock_mono_us();
	clusters_find(c, remarks, MANY, 0, MANY / 10, 10, &r);
	found = clock_mono_us();
	print_message("100,000 remarks: remembered in %lld ms, grouped in %lld ms\n", (long long)(added - began) / 1000,
	              (long long)(found - added) / 1000);
	assert_true(r.count >= SUBJECTS);
	for (size_t i = 0; i < r.count && i < SUBJECTS; i++)
		right += r.clusters[i].count;
	assert_true(right > MANY * 95 / 100);
	assert_true(strstr(r.clusters[0].name, "subject") != NULL);
	free(r.of);
	free(remarks);
	clusters_free(&c);
}

static void there_is_a_bound(void **state)
{
	struct clusters *c = clusters_new();

	(void)state;
	for (uint32_t i = 0; i < CLUSTERS_REMARKS_MAX; i++)
		assert_int_equal(clusters_add(c, STR_LIT("slow")), i);
	assert_int_equal(clusters_add(c, STR_LIT("slow")), UINT32_MAX);
	clusters_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(similar_remarks_are_together),
		cmocka_unit_test(nothing_is_no_group),
		cmocka_unit_test(a_hundred_thousand),
		cmocka_unit_test(there_is_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
