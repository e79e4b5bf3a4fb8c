/* A sender of metrics with more resources and series than anybody has: what is kept of it is bounded, and
 * the metrics of others are shown all the same. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collect/otlp_intake.h"
#include "otlp_body.h"

#define METRICS 20000
#define KEPT_MAX_BYTES ((size_t)64 << 20)

/* A body of one resource; `offset` makes its series others. */
static struct buf metrics(const char *service, unsigned count, unsigned offset, int64_t now_us, double value)
{
	struct form resource = {0};
	struct buf out = {0}, list = {0}, inner = {0};
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	for (unsigned i = 0; i < count; i++) {
		struct form attrs = {0};
		struct buf point = {0}, gauge = {0}, metric = {0};
		char model[32];

		snprintf(model, sizeof model, count == 1 ? "m" : "m%u", offset + i);
		pb_fixed64(&point, 3, (uint64_t)now_us * 1000);
		pb_fixed64(&point, 4, bits); /* as_double */
		put_text(&attrs, 7, "model_name", model);
		buf_append(&point, attrs.bytes.data, attrs.bytes.len);
		buf_fini(&attrs.bytes);
		pb_message(&gauge, 1, &point);
		pb_text(&metric, 1, "vllm:num_requests_running");
		pb_message(&metric, 5, &gauge);
		pb_message(&list, 2, &metric);
	}
	put_text(&resource, 1, "service.name", service);
	pb_message(&inner, 1, &resource.bytes);
	pb_message(&inner, 2, &list);
	pb_message(&out, 1, &inner);
	return out;
}

/* What the body gives as the gauge of the model m; -1: nothing. */
static double taken(struct otlp_intake *in, struct buf *body, int64_t now_us)
{
	struct batch *b = batch_new();
	struct otlp_tally tally;
	struct err err = {""};
	double got = -1;

	if (otlp_intake_body(in, OTLP_METRICS, false, buf_str(body), now_us, b, &tally, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < b->gauge_count; i++)
		if (str_equal_c(b->gauges[i].instance, "m") && str_equal_c(b->gauges[i].name, "serving.requests_running"))
			got = b->gauges[i].value;
	batch_free(&b);
	buf_fini(body);
	return got;
}

static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void sent_by(unsigned resources, unsigned each)
{
	struct otlp_intake *in = otlp_intake_new("otlp", NULL);
	int64_t now_us = clock_wall_us();
	size_t before = in_use(), most = 0;
	struct buf body;

	body = metrics("before", 1, 0, now_us, 1);
	assert_true(taken(in, &body, now_us) == 1);
	for (unsigned r = 0; r < resources; r++) {
		char service[32];

		snprintf(service, sizeof service, "evil-%u", r);
		body = metrics(service, each, r * each, now_us + r, 9);
		taken(in, &body, now_us + r);
		most = in_use() - before > most ? in_use() - before : most;
	}
	print_message("%zu kB are kept of it\n", most / 1024);
	assert_true(most < KEPT_MAX_BYTES);
	/* Who comes now is shown, too; also once more, and who was there before. */
	for (int i = 0; i < 2; i++) {
		body = metrics("after", 1, 0, now_us + resources + i, 2 + i);
		assert_true(taken(in, &body, now_us + resources + i) == 2 + i);
		body = metrics("before", 1, 0, now_us + resources + i, 5 + i);
		assert_true(taken(in, &body, now_us + resources + i) == 5 + i);
	}
	otlp_intake_free(&in);
}

static void many_resources_of_many_series(void **state)
{
	(void)state;
	sent_by(256, METRICS);
}

/* Fewer than may report at a time, so that none of them makes room for another. */
static void some_resources_of_many_series(void **state)
{
	(void)state;
	sent_by(20, METRICS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_resources_of_many_series),
		cmocka_unit_test(many_resources_of_many_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
