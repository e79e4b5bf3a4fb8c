/* The collector's metrics page: every line is one that a scraper can read, and says what it should. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "daemon/metrics.h"
#include "parse/prometheus.h"

struct read_back {
	size_t samples;
	double rows, p99;
	bool labelled;
};

static void take(void *arg, const struct prom_sample *sample)
{
	struct read_back *r = arg;

	r->samples++;
	if (str_equal_c(sample->name, "llmdeck_rows_total"))
		r->rows = sample->value;
	for (size_t i = 0; i < sample->label_count; i++) {
		if (str_equal_c(sample->labels[i].name, "quantile") && str_equal_c(sample->labels[i].value, "0.99"))
			r->p99 = sample->value;
		if (str_equal_c(sample->labels[i].name, "source"))
			r->labelled = str_equal_c(sample->labels[i].value, "a\\b\"c\nd");
	}
}

static struct read_back read_page(const struct buf *page)
{
	struct read_back r = {0, NAN, NAN, false};
	struct prom_parser *parser = prom_parser_new(take, &r);
	struct err err = {""};

	prom_parser_feed(parser, page->data, page->len);
	assert_int_equal(prom_parser_end(parser, &err), 0);
	prom_parser_free(&parser);
	return r;
}

static void test_writer_figures(void **state)
{
	struct writer_stats s = {.rows = 8412345, .commit_p50_us = 6200, .commit_p99_us = 41000};
	struct buf page = {0};
	struct read_back r;

	(void)state;
	metrics_append_writer(&page, &s, 1795440093000000);
	r = read_page(&page);
	assert_int_equal(r.samples, 16);
	assert_float_equal(r.rows, 8412345, 0);
	assert_float_equal(r.p99, 0.041, 1e-9);
	buf_fini(&page);
}

/* Before the first commit nothing is known of its time, and nothing is made up. */
static void test_unknown_is_nan(void **state)
{
	struct writer_stats s = {.commit_p50_us = -1, .commit_p99_us = -1};
	struct buf page = {0};

	(void)state;
	metrics_append_writer(&page, &s, 0);
	assert_true(isnan(read_page(&page).p99));
	buf_fini(&page);
}

static void test_labels_are_escaped(void **state)
{
	struct buf page = {0};

	(void)state;
	metrics_append_head(&page, "source_up", "gauge", "help");
	buf_puts(&page, "llmdeck_source_up{");
	metrics_append_label(&page, true, "source", "a\\b\"c\nd");
	metrics_append_label(&page, false, "kind", "tail");
	buf_puts(&page, "} 1\n");
	assert_true(read_page(&page).labelled);
	buf_fini(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writer_figures),
		cmocka_unit_test(test_unknown_is_nan),
		cmocka_unit_test(test_labels_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
