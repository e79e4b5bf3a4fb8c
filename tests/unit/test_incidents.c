/* Incidents: what they pin outlives the retention until they are closed and reported; the timeline fills
 * itself; a report keeps hostile texts harmless in both formats. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/shell.h"
#include "base/clock.h"
#include "console/document.h"
#include "console/incident_report.h"
#include "store/alerts.h"
#include "store/incidents.h"
#include "store/query_marks.h"
#include "unit/temp_store.h"

#define NOW_US (INT64_C(1767225600) * US_PER_S)
#define HOSTILE "<script>alert(1)</script> *b* [x](http://evil) | `c` \x1b[31m\xff \xe2\x80\xae & \"q\" www.evil.example"

static struct store_reader *r;

static int set_up(void **state)
{
	make_folder(state);
	open_writer(NOW_US);
	return 0;
}

static int tear_down(void **state)
{
	store_reader_close(&r);
	return remove_folder(state);
}

static void commit(void)
{
	must(store_writer_commit(w, &err));
	if (!r)
		must(store_reader_open(&r, path, &err));
}

/* A request a minute for `minutes` from `from_us` on, each with a span. */
static void fill(int64_t from_us, int minutes)
{
	for (int i = 0; i < minutes; i++) {
		struct request *q = batch_add_request(b);
		struct span *s = batch_add_span(b);

		q->end_us = s->end_us = from_us + i * US_PER_MIN + 1;
		q->latency_us = i % 10 ? US_PER_S : 8 * US_PER_S;
		q->dims[DIM_SERVICE] = STR_LIT("chat");
		q->dims[DIM_DEPLOYMENT] = i % 10 ? STR_LIT("v42") : STR_LIT(HOSTILE);
		q->attrs[ATTR_USER] = STR_LIT(HOSTILE);
		q->has_trace = true;
		memset(q->trace_id, i % 250 + 1, 16);
		s->start_us = s->end_us - US_PER_S;
		memcpy(s->trace_id, q->trace_id, 16);
		s->name = STR_LIT("step");
	}
	must(store_writer_append(w, b, &counts, &err));
	batch_reset(b);
	commit();
}

static int64_t open_incident(int64_t from_us, int64_t to_us)
{
	struct incident i = {.opened_us = NOW_US, .from_us = from_us, .to_us = to_us, .title = HOSTILE, .author = "mia", .owner = "", .bad = "latency>4s"};
	int64_t id;

	must(view_add_filter(&i.where, STR_LIT("service=chat"), &err));
	must(store_incident_open(w, &i, &id, &err));
	commit();
	return id;
}

static void change(const struct incident_change *c)
{
	struct incident before;
	struct arena arena = {0};

	must(store_incident_change(w, c, &before, &arena, &err));
	commit();
	arena_fini(&arena);
}

static void retain(void)
{
	const struct retention keep = {.raw_us = US_PER_DAY};
	bool more = true;

	while (more)
		must(store_writer_retain(w, &keep, NOW_US, &more, &err));
}

static size_t requests_in(int64_t from_us, int64_t to_us, bool *has_span)
{
	struct request_query q = {.limit = 10000, .view = {.from_us = from_us, .to_us = to_us}};
	struct request_result res;
	struct trace_result trace;

	must(query_requests(r, &q, &res, &err));
	size_t n = res.row_count;

	*has_span = false;
	if (n) {
		must(query_trace(r, res.rows[0].request.trace_id, res.rows[0].request.end_us, &trace, &err));
		*has_span = trace.span_count > 0;
		trace_result_fini(&trace);
	}
	request_result_fini(&res);
	return n;
}

static void tell(const char *text, void *arg)
{
	(void)arg;
	printf("finding: %s\n", text);
}

/* The recount finds nothing wrong with what is left. */
static void must_be_whole(void)
{
	assert_int_equal(store_check(r, true, tell, NULL, NULL, &err), 0);
}

/* Three days of requests; the incident is about two hours of the first. */
static void test_a_pinned_window_outlives_retention(void **state)
{
	int64_t start_us = NOW_US - 3 * US_PER_DAY, from_us = start_us + 5 * US_PER_HOUR, to_us = from_us + 2 * US_PER_HOUR;
	bool has_span;

	(void)state;
	fill(start_us, 3 * 24 * 60);
	int64_t id = open_incident(from_us, to_us);

	retain();
	assert_int_equal(requests_in(from_us, to_us, &has_span), 120);
	assert_true(has_span);
	assert_int_equal(requests_in(start_us, from_us, &has_span), 0);
	assert_int_equal(requests_in(to_us, NOW_US - US_PER_DAY, &has_span), 0);
	assert_int_equal(requests_in(NOW_US - US_PER_DAY, NOW_US, &has_span), 24 * 60);
	must_be_whole();
	/* A report while it is open, and closing alone, let nothing go. */
	change(&(struct incident_change){.id = id, .time_us = NOW_US, .author = "mia", .reported = true});
	change(&(struct incident_change){.id = id, .time_us = NOW_US + 1, .author = "mia", .set_state = true, .state = INCIDENT_CLOSED});
	retain();
	assert_int_equal(requests_in(from_us, to_us, &has_span), 120);
	change(&(struct incident_change){.id = id, .time_us = NOW_US + 2, .author = "mia", .reported = true});
	retain();
	assert_int_equal(requests_in(from_us, to_us, &has_span), 0);
	assert_int_equal(requests_in(NOW_US - US_PER_DAY, NOW_US, &has_span), 24 * 60);
	must_be_whole();
}

static void test_one_that_goes_on_pins_to_the_end(void **state)
{
	int64_t start_us = NOW_US - 2 * US_PER_DAY;
	bool has_span;

	(void)state;
	fill(start_us, 24 * 60);
	open_incident(start_us + 20 * US_PER_HOUR, 0);
	retain();
	assert_int_equal(requests_in(start_us, NOW_US, &has_span), 4 * 60);
}

static void test_changes_make_the_timeline(void **state)
{
	struct incident_detail d;
	int64_t id;

	(void)state;
	fill(NOW_US - US_PER_HOUR, 60);
	const struct alert_record alert = {
		.id = 1, .rule = "slow", .kind = "threshold", .severity = SEVERITY_CRITICAL, .state = ALERT_RESOLVED, .labels = "", .summary = "p95 4.2s > 2s",
		.runbook = "", .acknowledged_by = "", .note = "", .since_us = NOW_US - 30 * US_PER_MIN, .fired_us = NOW_US - 28 * US_PER_MIN,
		.ended_us = NOW_US - US_PER_MIN,
	};
	const struct audit_entry roll = {
		.time_us = NOW_US - 10 * US_PER_MIN, .action = STR_LIT("rollback"), .target = STR_LIT("checkout"), .before = STR_LIT("v43 25"),
		.after = STR_LIT("v42 100"), .outcome = STR_LIT("done"), .claimed_name = STR_LIT("jo"),
	};

	must(store_alert_put(w, &alert, &err));
	must(store_writer_add_audit(w, &roll, &err));
	id = open_incident(NOW_US - 30 * US_PER_MIN, 0);
	change(&(struct incident_change){.id = id, .time_us = NOW_US + 1, .author = "mia", .owner = "jo"});
	change(&(struct incident_change){.id = id, .time_us = NOW_US + 2, .author = "jo", .note = HOSTILE, .set_state = true, .state = INCIDENT_MITIGATED});
	must(query_incident(r, id, NOW_US + 5, &d, &err));
	assert_string_equal(d.incident.owner, "jo");
	assert_int_equal(d.incident.state, INCIDENT_MITIGATED);
	assert_int_equal(d.incident.where.filter_count, 1);
	assert_int_equal(d.alerts.row_count, 1);
	static const struct { enum timeline_kind kind; const char *text; } expected[] = {
		{TIMELINE_MARK, "p95 4.2s > 2s"}, {TIMELINE_MARK, "rollback checkout: v43 25 -> v42 100 (done)"}, {TIMELINE_MARK, "resolved"},
		{TIMELINE_STATE, "opened"}, {TIMELINE_STATE, "assigned to jo"}, {TIMELINE_NOTE, HOSTILE}, {TIMELINE_STATE, "mitigated, was open"},
	};

	assert_int_equal(d.timeline_count, sizeof expected / sizeof *expected);
	for (size_t i = 0; i < d.timeline_count; i++) {
		assert_int_equal(d.timeline[i].kind, expected[i].kind);
		assert_string_equal(d.timeline[i].text, expected[i].text);
		assert_true(i == 0 || d.timeline[i].time_us >= d.timeline[i - 1].time_us);
	}
	incident_detail_fini(&d);
	must(query_incident(r, 99, NOW_US, &d, &err));
	assert_int_equal(d.incident.id, 0);
	incident_detail_fini(&d);
	struct incident before;
	struct arena arena = {0};

	assert_int_equal(store_incident_change(w, &(struct incident_change){.id = 99, .note = "x"}, &before, &arena, &err), 1);
	assert_non_null(strstr(err.text, "INC-99"));
	arena_fini(&arena);
}

static void test_feedback_belongs_to_it(void **state)
{
	struct view v = {.from_us = NOW_US - US_PER_HOUR, .to_us = NOW_US};
	struct feedback *f = batch_add_feedback(b);
	struct feedback_result items;
	struct incident_detail d;
	struct incident before;
	struct arena arena = {0};

	(void)state;
	f->time_us = NOW_US - US_PER_MIN;
	f->text = STR_LIT("too slow");
	f->mood = MOOD_NEGATIVE;
	must(store_writer_append(w, b, &counts, &err));
	commit();
	must(query_feedback(r, &v, 10, &items, &err));
	assert_int_equal(items.row_count, 1);
	int64_t id = open_incident(NOW_US - US_PER_HOUR, 0);

	for (int i = 0; i < 2; i++) /* twice is once */
		change(&(struct incident_change){.id = id, .time_us = NOW_US + i, .author = "mia", .feedback_id = items.rows[0].id});
	assert_int_equal(store_incident_change(w, &(struct incident_change){.id = id, .feedback_id = 12345}, &before, &arena, &err), 1);
	assert_non_null(strstr(err.text, "3039"));
	must(query_incident(r, id, NOW_US + 5, &d, &err));
	assert_int_equal(d.feedback_count, 1);
	assert_int_equal(d.feedback[0], items.rows[0].id);
	assert_int_equal(d.timeline[d.timeline_count - 1].kind, TIMELINE_FEEDBACK);
	incident_detail_fini(&d);
	feedback_result_fini(&items);
	arena_fini(&arena);
}

/* A deployment that was not there for a day, and a rollout's new shares, are marks. */
static void test_deploys_and_weights_are_marks(void **state)
{
	struct view v = {.from_us = NOW_US - US_PER_HOUR, .to_us = NOW_US};
	struct mark_result marks;

	(void)state;
	fill(NOW_US - 5 * US_PER_HOUR, 5 * 60);
	for (int i = 0; i < 5; i++) {
		struct request *q = batch_add_request(b);

		q->end_us = NOW_US - 20 * US_PER_MIN + i;
		q->dims[DIM_SERVICE] = STR_LIT("chat");
		q->dims[DIM_DEPLOYMENT] = STR_LIT("v44");
	}
	for (int i = 0; i < 3; i++) {
		struct rollout_state *s = batch_add_rollout(b);

		s->time_us = NOW_US - (30 - 10 * i) * US_PER_MIN;
		s->name = STR_LIT("checkout");
		s->phase = STR_LIT("progressing");
		s->arms[0] = (struct rollout_arm){STR_LIT("v44"), STR_LIT("candidate"), i ? 25 : 5, 25};
		s->arm_count = 1;
	}
	must(store_writer_append(w, b, &counts, &err));
	commit();
	must(query_marks(r, &v, &marks, &err));
	assert_int_equal(marks.row_count, 3);
	assert_int_equal(marks.rows[0].kind, MARK_WEIGHTS);
	assert_non_null(strstr(marks.rows[0].text, "v44 5 %"));
	assert_non_null(strstr(marks.rows[2].text, "v44 25 %"));
	assert_int_equal(marks.rows[1].kind, MARK_DEPLOY);
	assert_string_equal(marks.rows[1].name, "v44");
	assert_int_equal(marks.rows[1].time_us, NOW_US - 20 * US_PER_MIN);
	mark_result_fini(&marks);
}

static size_t count_of(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)) != NULL; text++)
		n++;
	return n;
}

static void test_report_is_whole_and_harmless(void **state)
{
	struct incident_report report;
	struct buf markdown = {0}, html = {0};

	(void)state;
	fill(NOW_US - 2 * US_PER_HOUR, 120);
	int64_t id = open_incident(NOW_US - US_PER_HOUR, NOW_US);

	change(&(struct incident_change){.id = id, .time_us = NOW_US + 2, .author = HOSTILE, .note = HOSTILE "\n# not a heading\n"});
	must(incident_report_load(&report, r, id, NOW_US + 10, &err));
	incident_report_write(&report, false, &markdown);
	incident_report_write(&report, true, &html);
	for (int i = 0; i < 2; i++) {
		const char *text = i ? html.data : markdown.data;

		assert_null(strstr(text, "<script"));
		assert_null(strchr(text, '\x1b'));
		assert_null(strstr(text, "\xe2\x80\xae"));
		assert_null(strstr(text, "\n# not"));
		/* The figures, and the commands that print them again. */
		assert_non_null(strstr(text, "llmdeck report --from 2025-12-31T23:00:00Z --to 2026-01-01T00:00:00Z --where service=chat"));
		assert_non_null(strstr(text, "llmdeck suspects --bad"));
		assert_non_null(strstr(text, "llmdeck requests --bad"));
		assert_non_null(strstr(text, "Timeline"));
	}
	assert_null(strstr(markdown.data, "[x](http"));
	assert_non_null(strstr(markdown.data, "\\[x\\](http&#58;//evil)"));
	assert_null(strstr(markdown.data, "www.evil"));
	assert_non_null(strstr(markdown.data, "| requests | 60 | 60 |"));
	assert_non_null(strstr(markdown.data, "█"));
	assert_int_equal(strncmp(html.data, "<!doctype html>", 15), 0);
	assert_non_null(strstr(html.data, "default-src 'none'"));
	assert_int_equal(count_of(html.data, "<svg"), 5);
	assert_int_equal(count_of(html.data, "</svg>"), 5);
	assert_int_equal(count_of(html.data, "<table>"), count_of(html.data, "</table>"));
	assert_int_equal(count_of(html.data, "<tr>"), count_of(html.data, "</tr>"));
	assert_null(strstr(html.data, "src="));
	assert_null(strstr(html.data, "href="));
	assert_null(strstr(html.data, "url("));
	incident_report_fini(&report);
	assert_int_equal(incident_report_load(&report, r, 77, NOW_US, &err), -1);
	assert_non_null(strstr(err.text, "INC-77"));
	buf_fini(&markdown);
	buf_fini(&html);
}

static void test_words_for_the_shell(void **state)
{
	static const char *const cases[][2] = {
		{"service=chat", "service=chat"}, {"latency>4s", "'latency>4s'"}, {"it's", "'it'\\''s'"}, {"$(rm -rf)", "'$(rm -rf)'"},
		{"a\nb", "'ab'"}, {"", "''"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};

		shell_append_word(&out, cases[i][0]);
		assert_string_equal(out.data, cases[i][1]);
		buf_fini(&out);
	}
	assert_int_equal(incident_id(STR_LIT("INC-88")), 88);
	assert_int_equal(incident_id(STR_LIT("inc-7")), 7);
	assert_int_equal(incident_id(STR_LIT("12")), 12);
	assert_int_equal(incident_id(STR_LIT("-12")), 0);
	assert_int_equal(incident_id(STR_LIT("INC-")), 0);
	assert_int_equal(incident_id(STR_LIT("99999999999999999999")), 0);
}

/* Whatever the fullest cell counts, its shade is the darkest. */
static void test_fullest_cell_is_the_darkest(void **state)
{
	static const char *const bands[] = {"errors"};
	struct buf out = {0};

	(void)state;
	for (int64_t most = 1; most < 20000; most++) {
		struct document d;

		buf_reset(&out);
		document_begin(&d, &out, false, "heat");
		document_heat(&d, &(struct document_heat){
			.bands = bands, .band_count = 1, .steps = 1, .counts = &most, .most = most, .from = "a", .to = "b",
		});
		document_end(&d);
		assert_non_null(strstr(out.data, "errors █\n"));
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fullest_cell_is_the_darkest),
		cmocka_unit_test_setup_teardown(test_a_pinned_window_outlives_retention, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_that_goes_on_pins_to_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changes_make_the_timeline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_feedback_belongs_to_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deploys_and_weights_are_marks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_report_is_whole_and_harmless, set_up, tear_down),
		cmocka_unit_test(test_words_for_the_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
