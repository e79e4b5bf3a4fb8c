/* Suspects and heat maps over a real store: planted causes are found and clean traffic accuses nobody, three
 * requests never lead, what goes along with a cause stands behind it; counts are those that the latency
 * panel, the report and the single requests have. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/planted.h"
#include "store/query_heat.h"
#include "store/query_suspects.h"
#include "store/writer.h"
#include "unit/temp_store.h"

#define START_US (INT64_C(1767225600) * US_PER_S)

static struct store_reader *r;

static void drop_store(void)
{
	char command[128];

	store_reader_close(&r);
	snprintf(command, sizeof command, "rm -rf %s/*", folder);
	assert_int_equal(system(command), 0);
}

static int close_all(void **state)
{
	store_reader_close(&r);
	return remove_folder(state);
}

static struct suspects_query question(const char *bad)
{
	struct suspects_query q = {.limit = 10};

	q.view.from_us = START_US;
	q.view.to_us = START_US + US_PER_HOUR;
	must(bad_parse(&q.bad, str_of(bad), &err));
	return q;
}

static void fill_planted(uint64_t seed, enum planted_kind kind, enum planted_badness badness, int requests, struct planted *p)
{
	planted_begin(p, seed, kind, badness);
	for (int i = 0; i < requests; i++)
		planted_add(p, b, START_US + (int64_t)i * (US_PER_HOUR / requests));
	store_batch(START_US + US_PER_HOUR, &r);
}

/* A smaller version of tests/bench/bench_suspects.c: every kind of attribute with one badness each. */
static void test_planted_causes_lead(void **state)
{
	(void)state;
	for (int kind = 0; kind < PLANTED_KINDS; kind++) {
		enum planted_badness badness = (enum planted_badness)(kind % PLANTED_BADNESSES);
		struct suspects_result res;
		struct planted p;

		if (!planted_possible((enum planted_kind)kind, badness))
			badness = PLANTED_SLOW;
		fill_planted(1000 + (uint64_t)kind, (enum planted_kind)kind, badness, 4000, &p);
		struct suspects_query q = question(planted_bad_texts[badness]);

		must(query_suspects(r, &q, &res, &err));
		if (!res.named_count)
			fail_msg("%s, %s: nobody is named", planted_names[kind], planted_bad_texts[badness]);
		assert_string_equal(res.rows[0].attribute, planted_names[kind]);
		if (kind != PLANTED_INPUT_TOKENS)
			assert_string_equal(res.rows[0].value, p.value);
		assert_true(res.rows[0].lift > res.rows[0].lift_low && res.rows[0].lift_low > 1.2);
		suspects_result_fini(&res);
		drop_store();
	}
}

static void test_clean_traffic_accuses_nobody(void **state)
{
	(void)state;
	for (int badness = 0; badness < PLANTED_BADNESSES; badness++) {
		struct suspects_query q = question(planted_bad_texts[badness]);
		struct suspects_result res;
		struct planted p;

		fill_planted(77, PLANTED_NOTHING, (enum planted_badness)badness, 4000, &p);
		must(query_suspects(r, &q, &res, &err));
		assert_true(res.bad > 0);
		assert_int_equal(res.row_count, 0);
		suspects_result_fini(&res);
		q.weak = true;
		must(query_suspects(r, &q, &res, &err));
		assert_int_equal(res.named_count, 0);
		assert_true(res.row_count > 0 && !res.rows[0].named);
		suspects_result_fini(&res);
		drop_store();
	}
}

static struct request *add(int i, const char *model, int64_t latency_us)
{
	struct request *q = batch_add_request(b);

	q->end_us = START_US + i * US_PER_S;
	q->dims[DIM_SERVICE] = STR_LIT("chat");
	q->dims[DIM_MODEL] = str_of(model);
	q->latency_us = latency_us;
	return q;
}

/* Three of three requests of a user are bad: no user is named, whatever the lift. */
static void test_three_requests_never_lead(void **state)
{
	struct suspects_query q = question("latency>4s");
	struct suspects_result res;

	(void)state;
	for (int i = 0; i < 2000; i++)
		add(i, "gpt-4o", i % 40 ? US_PER_S : 5 * US_PER_S)->attrs[ATTR_USER] = i % 2 ? STR_LIT("a") : STR_LIT("b");
	for (int i = 0; i < 3; i++)
		add(2001 + i, "rare", 9 * US_PER_S)->attrs[ATTR_USER] = STR_LIT("c");
	store_batch(START_US + US_PER_HOUR, &r);
	q.weak = true;
	must(query_suspects(r, &q, &res, &err));
	for (size_t i = 0; i < res.row_count; i++)
		assert_false(res.rows[i].named && (strcmp(res.rows[i].value, "c") == 0 || strcmp(res.rows[i].value, "rare") == 0));
	assert_int_equal(res.bad, 53);
	suspects_result_fini(&res);
}

/* v43 is slow. All of v43 is on one machine type, most of it in one region: neither leads. */
static void test_proxies_stand_behind_their_cause(void **state)
{
	struct suspects_query q = question("latency>4s");
	struct suspects_result res;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		bool v43 = i % 10 == 0;
		struct request *x = add(i, "gpt-4o", v43 && i % 30 ? 6 * US_PER_S : i % 97 ? US_PER_S : 5 * US_PER_S);

		x->dims[DIM_DEPLOYMENT] = v43 ? STR_LIT("v43") : STR_LIT("v42");
		x->dims[DIM_REGION] = v43 || i % 4 == 0 ? STR_LIT("eu") : STR_LIT("us");
		x->attrs[ATTR_TENANT] = v43 && i % 20 ? STR_LIT("acme") : i % 7 ? STR_LIT("b") : STR_LIT("c");
	}
	store_batch(START_US + US_PER_HOUR, &r);
	must(query_suspects(r, &q, &res, &err));
	assert_true(res.named_count >= 3);
	assert_string_equal(res.rows[0].value, "v43");
	assert_int_equal(res.rows[0].explained_by, -1);
	for (size_t i = 1; i < res.row_count; i++)
		assert_int_equal(res.rows[i].explained_by, 0);
	suspects_result_fini(&res);
}

/* One service was always slow; since minute 40 another one's release is slow too. What changed is the release. */
static void test_what_changed_leads(void **state)
{
	struct suspects_query q = question("latency>4s,time>=2026-01-01T00:40:00Z");
	struct suspects_result res;

	(void)state;
	for (int i = 0; i < 3600; i++) {
		bool batch = i % 4 == 0, v43 = !batch && i % 3 == 0;
		struct request *x = add(i, "gpt-4o", batch || (v43 && i >= 2400) ? 6 * US_PER_S : US_PER_S);

		x->dims[DIM_SERVICE] = batch ? STR_LIT("batch") : STR_LIT("chat");
		x->dims[DIM_DEPLOYMENT] = v43 ? STR_LIT("v43") : STR_LIT("v42");
	}
	store_batch(START_US + US_PER_HOUR, &r);
	must(query_suspects(r, &q, &res, &err));
	assert_true(res.against_before);
	assert_true(res.named_count >= 1);
	assert_string_equal(res.rows[0].value, "v43");
	assert_int_equal(res.bad, 1200 / 4 + 1200 / 4);
	assert_int_equal(res.total, 3600);
	assert_int_equal(res.compared, 900 + 300);
	for (size_t i = 0; i < res.named_count; i++)
		assert_string_not_equal(res.rows[i].value, "batch");
	suspects_result_fini(&res);
	/* Where nothing changed the others are what they are compared with. */
	q = question("latency>4s,time>=2026-01-01T00:10:00Z,time<2026-01-01T00:30:00Z");
	q.view.to_us = START_US + 40 * US_PER_MIN;
	must(query_suspects(r, &q, &res, &err));
	assert_false(res.against_before);
	assert_string_equal(res.rows[0].value, "batch");
	suspects_result_fini(&res);
}

/* Two causes that have nothing to do with each other are both named by themselves. */
static void test_two_causes_are_two(void **state)
{
	struct suspects_query q = question("error");
	struct suspects_result res;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct request *x = add(i, i % 13 ? "gpt-4o" : "bad-model", US_PER_S);

		x->attrs[ATTR_TOOL] = i % 11 ? STR_LIT("search") : STR_LIT("refund");
		if (i % 13 == 0 || i % 11 == 0) {
			x->status = REQUEST_ERROR;
			x->error_type = STR_LIT("timeout");
		}
	}
	store_batch(START_US + US_PER_HOUR, &r);
	must(query_suspects(r, &q, &res, &err));
	assert_true(res.named_count >= 2);
	assert_int_equal(res.rows[0].explained_by, -1);
	assert_int_equal(res.rows[1].explained_by, -1);
	assert_true(strcmp(res.rows[0].value, "refund") == 0 || strcmp(res.rows[0].value, "bad-model") == 0);
	assert_true(strcmp(res.rows[1].value, "refund") == 0 || strcmp(res.rows[1].value, "bad-model") == 0);
	for (size_t i = 0; i < res.row_count; i++)
		assert_string_not_equal(res.rows[i].attribute, "error_type"); /* what it fails by explains nothing */
	suspects_result_fini(&res);
}

/* Heat map, latency panel (query_figures), suspects and single requests count the same. */
static void test_counts_agree(void **state)
{
	struct planted p;
	struct heat_result h;
	struct figures_result f;

	(void)state;
	fill_planted(5, PLANTED_MODEL, PLANTED_SLOW, 5000, &p);
	struct suspects_query q = question("latency>4s");
	struct view v = q.view;

	v.step_us = 5 * US_PER_MIN;
	must(query_heat(r, HEAT_LATENCY, &v, 12, &h, &err));
	must(query_figures(r, &v, NEED_LATENCY, NEED_LATENCY, &f, &err));
	assert_int_equal(h.steps, f.steps);
	assert_true(h.band_count > 3 && h.band_count <= 12);
	assert_int_equal(h.total, f.total.total.sketches[SKETCH_LATENCY_US].count);
	for (size_t s = 0; s < h.steps; s++) {
		int64_t sum = 0;

		for (size_t band = 0; band < h.band_count; band++)
			sum += h.counts[band * h.steps + s];
		assert_int_equal(sum, h.step_counts[s]);
		assert_int_equal(sum, f.total.series[s].sketches[SKETCH_LATENCY_US].count);
	}
	/* A cell's requests, one by one, are as many as the cell says. */
	for (size_t band = 0; band < h.band_count; band++)
		for (size_t s = 0; s < h.steps; s += 3) {
			struct request_result found;
			struct bad cell;

			heat_cell(&h, band, s, &cell);
			must(query_bad_requests(r, &v, &cell, SORT_SLOWEST, 1000, 0, &found, &err));
			assert_int_equal(found.row_count, h.counts[band * h.steps + s]);
			request_result_fini(&found);
		}
	/* The suspects' counts are those of a filter in the report. */
	struct suspects_result res;

	q.request_limit = 20;
	q.sort = SORT_SLOWEST;
	must(query_suspects(r, &q, &res, &err));
	assert_int_equal(res.total, f.total.total.requests);
	assert_int_equal(res.request_count, 20);
	for (size_t i = 1; i < res.request_count; i++)
		assert_true(res.requests[i - 1].request.latency_us >= res.requests[i].request.latency_us);
	struct view only = q.view;
	struct figures_result model;
	char filter[64];

	snprintf(filter, sizeof filter, "model=%s", p.value);
	must(view_add_filter(&only, str_of(filter), &err));
	must(query_figures(r, &only, NEED_LATENCY, 0, &model, &err));
	assert_string_equal(res.rows[0].value, p.value);
	assert_int_equal(res.rows[0].total, model.total.total.requests);
	suspects_result_fini(&res);
	figures_result_fini(&model);
	figures_result_fini(&f);
	heat_result_fini(&h);
}

static void test_errors_and_flags_over_time(void **state)
{
	static const struct flag flags[] = {{.category = {"hate", 4}, .severity = 2}, {.category = {"pii", 3}, .severity = -1}};
	struct request_result found;
	struct heat_result h;
	struct bad cell;
	struct view v = {.from_us = START_US, .to_us = START_US + US_PER_HOUR, .step_us = 10 * US_PER_MIN};

	(void)state;
	for (int i = 0; i < 600; i++) {
		struct request *x = add(i * 6, "m", US_PER_S);

		if (i % 3 == 0) {
			x->status = REQUEST_ERROR;
			x->error_type = i % 2 ? STR_LIT("timeout") : STR_LIT("rate_limit");
		}
		x->flags = flags;
		x->flag_count = i % 5 ? 0 : i % 2 ? 1 : 2;
	}
	store_batch(START_US + US_PER_HOUR, &r);
	must(query_heat(r, HEAT_ERRORS, &v, 8, &h, &err));
	assert_int_equal(h.band_count, 2);
	assert_int_equal(h.total, 200);
	heat_cell(&h, 1, 2, &cell);
	must(query_bad_requests(r, &v, &cell, SORT_NEWEST, 100, 0, &found, &err));
	assert_int_equal(found.row_count, h.counts[h.steps + 2]);
	assert_string_equal(found.rows[0].request.error_type.ptr, h.bands[1].name);
	assert_true(found.rows[0].id > found.rows[1].id);
	request_result_fini(&found);
	heat_result_fini(&h);
	must(query_heat(r, HEAT_FLAGS, &v, 8, &h, &err));
	assert_int_equal(h.bands[0].count + h.bands[1].count, 120 + 60);
	heat_cell(&h, 0, SIZE_MAX, &cell);
	must(query_bad_requests(r, &v, &cell, SORT_NEWEST, 1000, 0, &found, &err));
	assert_int_equal(found.row_count, h.bands[0].count);
	request_result_fini(&found);
	heat_result_fini(&h);
}

/* A sample of the window leads to the same suspect, and says that it is one. */
static void test_a_limit_takes_a_sample(void **state)
{
	struct suspects_query q = question("cost>0.05");
	struct suspects_result res;
	struct planted p;

	(void)state;
	fill_planted(9, PLANTED_PROMPT_VERSION, PLANTED_DEAR, 20000, &p);
	q.scan_limit = 5000;
	must(query_suspects(r, &q, &res, &err));
	assert_true(res.sampled);
	assert_int_equal(res.window_requests, 20000);
	assert_in_range(res.total, 4000, 6000);
	assert_string_equal(res.rows[0].attribute, "prompt_version");
	suspects_result_fini(&res);
}

/* ── two windows ───────────────────────────────────────────────────────────────────────────── */

/* The second half hour has `share` percent of its requests moved to a value. */
static void move_to(struct request *x, int kind)
{
	switch (kind) {
	case 0: x->dims[DIM_DEPLOYMENT] = STR_LIT("chat-v99"); break;
	case 1: x->dims[DIM_MODEL] = STR_LIT("gpt-4.1"); break;
	case 2: x->dims[DIM_REGION] = STR_LIT("ap-south"); break;
	case 3: x->attrs[ATTR_TOOL] = STR_LIT("refund"); break;
	case 4: x->attrs[ATTR_PROMPT_VERSION] = STR_LIT("p9"); break;
	case 5: x->input_tokens = 40000; break;
	default:
		x->status = REQUEST_ERROR;
		x->error_type = STR_LIT("rate_limit");
		break;
	}
}
#define MOVES 7
static const char *const moved_names[MOVES] = {"deployment", "model", "region", "tool", "prompt_version", "input_tokens", "error_type"};

static void fill_halves(uint64_t seed, int kind, int share)
{
	struct planted p;

	planted_begin(&p, seed, PLANTED_NOTHING, PLANTED_SLOW);
	for (int i = 0; i < 8000; i++) {
		planted_add(&p, b, START_US + (int64_t)i * (US_PER_HOUR / 8000));
		if (i >= 4000 && planted_pick(&p, 100) < share)
			move_to(&b->requests[b->request_count - 1], kind);
	}
	store_batch(START_US + US_PER_HOUR, &r);
}

static struct suspects_query halves(void)
{
	struct suspects_query q = {.limit = 10};

	bad_init(&q.bad);
	q.view.from_us = START_US + US_PER_HOUR / 2;
	q.view.to_us = START_US + US_PER_HOUR;
	q.against_from_us = START_US;
	q.against_to_us = START_US + US_PER_HOUR / 2;
	return q;
}

/* What the one window has more of leads, of each kind; the other way round it is what there was less of. */
static void test_two_windows_name_what_changed(void **state)
{
	(void)state;
	for (int kind = 0; kind < MOVES; kind++) {
		struct suspects_query q = halves();
		struct suspects_result res;

		fill_halves(500 + (uint64_t)kind, kind, 12);
		must(query_suspects(r, &q, &res, &err));
		assert_true(res.against_window);
		assert_int_equal(res.bad, 4000);
		assert_int_equal(res.total, 8000);
		if (!res.named_count || strcmp(res.rows[0].attribute, moved_names[kind]) != 0)
			fail_msg("%s: %s is named", moved_names[kind], res.named_count ? res.rows[0].attribute : "nobody");
		assert_true(res.rows[0].lift_low > SUSPECT_LIFT_MIN && res.rows[0].lift > res.rows[0].lift_low);
		suspects_result_fini(&res);
		drop_store();
	}
}

/* Windows of the same traffic accuse nobody: in 40 pairs, two at most (the bound allows 1 in 100). */
static void test_windows_alike_accuse_nobody(void **state)
{
	int named = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct suspects_query q = halves();
		struct suspects_result res;

		fill_halves(9000 + seed, 0, 0);
		must(query_suspects(r, &q, &res, &err));
		named += res.named_count > 0;
		suspects_result_fini(&res);
		drop_store();
	}
	print_message("%d of 40 clean pairs of windows name somebody\n", named);
	assert_true(named <= 2);
}

/* Windows of unequal length far apart, with a condition and a sample; counts are those of two reports. */
static void test_two_windows_count_as_reports_do(void **state)
{
	struct suspects_query q = halves();
	struct suspects_result res;
	struct figures_result now;
	struct view only = q.view;

	(void)state;
	fill_halves(3, 0, 12);
	q.against_to_us = START_US + US_PER_HOUR / 6;
	must(query_suspects(r, &q, &res, &err));
	must(view_add_filter(&only, STR_LIT("deployment=chat-v99"), &err));
	must(query_figures(r, &only, 0, 0, &now, &err));
	assert_string_equal(res.rows[0].value, "chat-v99");
	assert_int_equal(res.rows[0].bad, now.total.total.requests);
	assert_int_equal(res.rows[0].total, res.rows[0].bad);
	assert_int_equal(res.bad, 4000);
	assert_int_equal(res.total - res.bad, 8000 / 6 + 1);
	figures_result_fini(&now);
	suspects_result_fini(&res);
	q = halves();
	q.scan_limit = 3000;
	must(query_suspects(r, &q, &res, &err));
	assert_true(res.sampled);
	assert_int_equal(res.window_requests, 8000);
	assert_in_range(res.bad, 1200, 1800);
	assert_string_equal(res.rows[0].value, "chat-v99");
	suspects_result_fini(&res);
	q = halves();
	must(bad_parse(&q.bad, STR_LIT("error"), &err));
	must(query_suspects(r, &q, &res, &err));
	assert_true(res.total < 2000 && res.bad < res.total);
	suspects_result_fini(&res);
}

/* Sessions come and go: they are no suspects between windows. Another window's heat map has the same bands. */
static void test_what_ends_by_itself_is_no_suspect(void **state)
{
	struct view v = {.from_us = START_US + 30 * US_PER_MIN, .to_us = START_US + US_PER_HOUR, .step_us = 5 * US_PER_MIN}, then = v;
	struct suspects_query q = halves();
	struct suspects_result res;
	struct heat_result now, other;

	(void)state;
	for (int i = 0; i < 3600; i++) {
		struct request *x = add(i, "m", i < 1800 ? 300 * US_PER_MS + i * 100 : (i % 2 ? 7 : 1) * US_PER_S);

		x->attrs[ATTR_SESSION] = i < 1800 ? STR_LIT("s-1") : STR_LIT("s-2");
		if (i % 10 == 0) {
			x->status = REQUEST_ERROR;
			x->error_type = i < 1800 ? STR_LIT("timeout") : STR_LIT("rate_limit");
		}
	}
	store_batch(START_US + US_PER_HOUR, &r);
	must(query_suspects(r, &q, &res, &err));
	for (size_t i = 0; i < res.row_count; i++)
		assert_string_not_equal(res.rows[i].attribute, "session");
	suspects_result_fini(&res);
	then.from_us -= 30 * US_PER_MIN;
	then.to_us -= 30 * US_PER_MIN;
	must(query_heat(r, HEAT_LATENCY, &v, 9, &now, &err));
	must(query_heat_like(r, &now, &then, &other, &err));
	assert_int_equal(other.band_count, now.band_count);
	for (size_t i = 0; i < now.band_count; i++)
		assert_memory_equal(&now.bands[i].range, &other.bands[i].range, sizeof now.bands[i].range);
	assert_int_equal(now.total, 1800);
	assert_int_equal(other.total, 1800);
	assert_int_equal(other.bands[now.band_count - 1].count, 0);
	heat_result_fini(&other);
	heat_result_fini(&now);
	must(query_heat(r, HEAT_ERRORS, &v, 9, &now, &err));
	must(query_heat_like(r, &now, &then, &other, &err));
	assert_int_equal(other.total, 180);
	assert_string_equal(other.bands[0].name, "rate_limit");
	assert_int_equal(other.bands[0].count, 0);
	assert_string_equal(other.bands[1].name, "(other)");
	assert_int_equal(other.bands[1].count, 180);
	heat_result_fini(&other);
	heat_result_fini(&now);
}

static void test_conditions_read_and_write(void **state)
{
	static const char *const good[][2] = {
		{"latency>4s", "latency>4s"}, {"latency>=4s", "latency>=4s"}, {" latency > 1500ms ", "latency>1.5s"}, {"ttft<500ms", "ttft<500ms"},
		{"cost>0.05", "cost>0.05"}, {"error", "error"}, {"error=rate_limit", "error=rate_limit"}, {"flag=hate", "flag=hate"},
		{"latency>=2s,latency<4s,error", "latency>=2s,latency<4s,error"},
		{"time>=2026-01-01T00:00:00Z,time<2026-01-01T01:00:00Z", "time>=2026-01-01T00:00:00Z,time<2026-01-01T01:00:00Z"},
		{"latency>=1015808us", "latency>=1015808us"},
	};
	static const char *const wrong[] = {"", " ", "latency", "latency>", "latency>4", "cost>x", "speed>4s", "error=", "latency>4s,,", "time>=noon", "flags"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char text[BAD_TEXT_BYTES], again[BAD_TEXT_BYTES];
		struct bad one, two;

		must(bad_parse(&one, str_of(good[i][0]), &err));
		assert_string_equal(bad_format(&one, text), good[i][1]);
		must(bad_parse(&two, str_of(text), &err));
		assert_string_equal(bad_format(&two, again), text);
		assert_memory_equal(&one, &two, sizeof one);
		assert_true(bad_says(&one));
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct bad one;

		err.text[0] = '\0';
		assert_int_equal(bad_parse(&one, str_of(wrong[i]), &err), -1);
		assert_true(strlen(err.text) > 10);
	}
}

/* ── in slices ─────────────────────────────────────────────────────────────────────────────── */

static void assert_same_row(const struct suspect_row *x, const struct suspect_row *y)
{
	assert_string_equal(x->attribute, y->attribute);
	assert_string_equal(x->value, y->value);
	assert_int_equal(x->bad, y->bad);
	assert_int_equal(x->total, y->total);
	assert_true(x->lift == y->lift && x->lift_low == y->lift_low && x->evidence == y->evidence);
	assert_int_equal(x->named, y->named);
	assert_int_equal(x->explained_by, y->explained_by);
}

/* Slices as short as there are find what one walk finds, to the last figure; returns how many there were. */
static int assert_slices_find_the_same(const struct suspects_query *q)
{
	struct suspects_search *search = suspects_search_new(r, q);
	struct suspects_result whole, sliced;
	double share = 0;
	int slices = 1;

	must(query_suspects(r, q, &whole, &err));
	for (; suspects_search_go_on(search, 1, &err) == 0; slices++) {
		assert_true(suspects_search_share(search) >= share && suspects_search_share(search) < 1);
		share = suspects_search_share(search);
	}
	assert_true(suspects_search_share(search) == 1);
	suspects_search_take(search, &sliced);
	suspects_search_free(&search);
	assert_int_equal(sliced.bad, whole.bad);
	assert_int_equal(sliced.total, whole.total);
	assert_int_equal(sliced.compared, whole.compared);
	assert_int_equal(sliced.against_before, whole.against_before);
	assert_int_equal(sliced.row_count, whole.row_count);
	assert_true(whole.named_count > 0);
	for (size_t i = 0; i < whole.row_count; i++)
		assert_same_row(&sliced.rows[i], &whole.rows[i]);
	assert_int_equal(sliced.request_count, whole.request_count);
	for (size_t i = 0; i < whole.request_count; i++) {
		assert_int_equal(sliced.requests[i].id, whole.requests[i].id);
		assert_true(str_equal(sliced.requests[i].request.attrs[ATTR_USER], whole.requests[i].request.attrs[ATTR_USER]));
	}
	suspects_result_fini(&whole);
	suspects_result_fini(&sliced);
	return slices;
}

static void test_slices_find_what_one_walk_finds(void **state)
{
	struct suspects_query q = question("latency>4s");
	struct planted p;

	(void)state;
	fill_planted(21, PLANTED_MODEL, PLANTED_SLOW, 9000, &p);
	q.weak = true;
	q.request_limit = 30;
	q.sort = SORT_SLOWEST;
	assert_true(assert_slices_find_the_same(&q) > 20); /* the whole window, row by row */
	q.scan_limit = 3000;
	assert_true(assert_slices_find_the_same(&q) > 20); /* a sample of it */
	q.bad.from_us = START_US + US_PER_HOUR / 2;
	q.bad.to_us = START_US + US_PER_HOUR;
	assert_true(assert_slices_find_the_same(&q) > 20); /* its newer half whole */
	q.scan_limit = 0;
	assert_slices_find_the_same(&q);
}

static void test_slices_keep_the_same_requests(void **state)
{
	struct suspects_query q = question("latency>1s");
	struct request_result whole, sliced;
	struct planted p;
	int slices = 1;

	(void)state;
	fill_planted(22, PLANTED_TOOL, PLANTED_SLOW, 6000, &p);
	struct bad_search *search = bad_search_new(r, &q.view, &q.bad, SORT_SLOWEST, 50, 4000);
	must(query_bad_requests(r, &q.view, &q.bad, SORT_SLOWEST, 50, 4000, &whole, &err));
	for (; bad_search_go_on(search, 1, &err) == 0; slices++)
		assert_true(bad_search_share(search) > 0 && bad_search_share(search) < 1);
	bad_search_take(search, &sliced);
	bad_search_free(&search);
	assert_true(slices > 10);
	assert_true(whole.truncated && sliced.truncated);
	/* A third of the window was left: it looked back to where it stopped, not to the window's beginning. */
	assert_in_range(whole.scanned_from_us, START_US + US_PER_HOUR / 4, START_US + US_PER_HOUR / 2);
	assert_int_equal(sliced.scanned, 4000);
	assert_int_equal(sliced.scanned_from_us, whole.scanned_from_us);
	assert_int_equal(whole.row_count, 50);
	assert_int_equal(sliced.row_count, 50);
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(sliced.rows[i].id, whole.rows[i].id);
	request_result_fini(&whole);
	request_result_fini(&sliced);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_planted_causes_lead, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_clean_traffic_accuses_nobody, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_three_requests_never_lead, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_proxies_stand_behind_their_cause, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_what_changed_leads, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_two_causes_are_two, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_counts_agree, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_errors_and_flags_over_time, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_a_limit_takes_a_sample, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_two_windows_name_what_changed, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_windows_alike_accuse_nobody, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_two_windows_count_as_reports_do, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_what_ends_by_itself_is_no_suspect, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_slices_find_what_one_walk_finds, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_slices_keep_the_same_requests, make_folder, close_all),
		cmocka_unit_test(test_conditions_read_and_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
