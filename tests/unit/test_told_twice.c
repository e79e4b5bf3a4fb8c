/* A call that two tell of, the application and the gateway that it goes through, is one request; and
 * feedback that a log brings finds the request that came over the wire. */
#include <sqlite3.h>

#include "receiver_bench.h"
#include "otlp_body.h"
#include "base/timefmt.h"
#include "parse/config.h"

struct told {
	const char *service, *response;
	unsigned trace, span, parent;
	int64_t end_us, took_us;
	int tokens; /* 0: not told */
	const char *cost; /* NULL: not told */
	const char *model; /* NULL: one without a price */
};

static void send_told(const struct place *p, bool json, const struct told *t)
{
	struct form attrs = {.json = json};
	struct buf spans = {0};
	char tokens[16];

	put_text(&attrs, SPAN_ATTRS, "gen_ai.operation.name", "chat");
	put_text(&attrs, SPAN_ATTRS, "gen_ai.request.model", t->model ? t->model : "m");
	if (t->response)
		put_text(&attrs, SPAN_ATTRS, "gen_ai.response.id", t->response);
	snprintf(tokens, sizeof tokens, "%d", t->tokens);
	if (t->tokens)
		put_text(&attrs, SPAN_ATTRS, "gen_ai.usage.input_tokens", tokens);
	if (t->tokens && t->model)
		put_text(&attrs, SPAN_ATTRS, "gen_ai.usage.output_tokens", tokens);
	if (t->cost)
		put_text(&attrs, SPAN_ATTRS, "gen_ai.usage.cost", t->cost);
	add_span(&spans, &(struct body_span){t->trace, t->span, t->parent, t->end_us - t->took_us, t->end_us, "chat m"}, &attrs);
	struct buf body = span_body(json, t->service, &spans);
	struct reply r = post(p, "/v1/traces", json ? JSON : PROTOBUF, buf_str(&body));

	buf_fini(&body);
	assert_int_equal(r.status, 200);
}

/* The only request. */
static void read_request(const struct place *p, struct request *out, char service[64])
{
	struct request_result res;
	struct request_query q = {.limit = 10};
	struct store_reader *reader;
	struct err err = {""};

	q.view.to_us = clock_wall_us() + US_PER_HOUR;
	q.view.from_us = q.view.to_us - US_PER_DAY;
	if (store_reader_open(&reader, p->store, &err) || query_requests(reader, &q, &res, &err))
		fail_msg("%s", err.text);
	assert_int_equal(res.row_count, 1);
	*out = res.rows[0].request;
	snprintf(service, 64, "%.*s", STR_ARG(out->dims[DIM_SERVICE]));
	request_result_fini(&res);
	store_reader_close(&reader);
}

static int64_t counted(const struct place *p)
{
	struct figures_result res;
	struct store_reader *reader;
	struct view v = {0};
	struct err err = {""};

	v.to_us = clock_wall_us() + US_PER_HOUR;
	v.from_us = v.to_us - US_PER_DAY;
	if (store_reader_open(&reader, p->store, &err) || query_figures(reader, &v, 0, 0, &res, &err))
		fail_msg("%s", err.text);
	int64_t requests = res.total.total.requests;

	figures_result_fini(&res);
	store_reader_close(&reader);
	return requests;
}

/* Each in a trace of its own, in either order, and all of it delivered again. */
static void by_the_response_in_two_traces(void **state)
{
	struct place *p = *state;
	int64_t now_us = clock_wall_us();
	struct request r;
	char service[64];

	for (int gateway_first = 0; gateway_first < 2; gateway_first++) {
		unsigned n = gateway_first ? 50 : 10;
		char id[32];

		snprintf(id, sizeof id, "chatcmpl-%u", n);
		const struct told client = {"shop", id, n, n, 0, now_us - US_PER_MIN, 900 * US_PER_MS, 0, NULL, NULL};
		const struct told gateway = {"litellm", id, n + 1, n + 1, n + 2, now_us - US_PER_MIN - 20 * US_PER_MS,
		                             800 * US_PER_MS, 7, "0.5", NULL};
		if (!gateway_first)
			start(p);
		for (int again = 0; again < 2; again++) {
			send_told(p, true, gateway_first ? &gateway : &client);
			send_told(p, false, gateway_first ? &client : &gateway);
		}
		assert_int_equal(requests_of(p), 1 + gateway_first);
		assert_int_equal(counted(p), 1 + gateway_first);
		if (gateway_first)
			break;
		/* The application's call, with what only the gateway knew. */
		read_request(p, &r, service);
		assert_string_equal(service, "shop");
		assert_int_equal(r.latency_us, 900 * US_PER_MS);
		assert_int_equal(r.input_tokens, 7);
		assert_int_equal(r.cost_source, COST_REPORTED);
		assert_int_equal(r.cost_nusd, 500000000);
	}
	/* Also what was stored before a restart. */
	const struct told late = {"shop", "chatcmpl-late", 90, 90, 0, now_us, US_PER_S, 7, NULL, NULL};
	const struct told early = {"litellm", "chatcmpl-late", 91, 91, 0, now_us, US_PER_S / 2, 7, NULL, NULL};

	send_told(p, true, &early);
	collector_child_stop(&p->child, DEADLINE_US);
	start(p);
	send_told(p, true, &late);
	assert_int_equal(requests_of(p), 3);
	assert_int_equal(counted(p), 3);
}

/* What the gateway reports wins over what the price table says of the application's tokens. */
static void a_reported_cost_wins(void **state)
{
	struct place *p = *state;
	int64_t now_us = clock_wall_us();
	const struct told client = {"shop", "chatcmpl-c", 10, 10, 0, now_us, 900 * US_PER_MS, 1000, NULL, "gpt-4o"};
	const struct told gateway = {"litellm", "chatcmpl-c", 11, 11, 12, now_us, 800 * US_PER_MS, 1000, "0.5", "gpt-4o"};
	const struct str prices = STR_LIT("{\"gpt-4o\": {\"input_cost_per_token\": 2.5e-6, \"output_cost_per_token\": 1e-5}}");
	struct request r;
	struct err err = {""};
	char service[64], file[96], yaml[128];

	snprintf(file, sizeof file, "%s/prices.json", p->folder);
	assert_int_equal(file_write_atomic(file, prices.ptr, prices.len, 0600, &err), 0);
	snprintf(yaml, sizeof yaml, "prices: %s\n", file);
	config_fini(&p->config);
	if (config_parse(&p->config, str_of(yaml), "test.yaml", &err))
		fail_msg("%s", err.text);
	start(p);
	send_told(p, true, &client);
	read_request(p, &r, service);
	assert_int_equal(r.cost_source, COST_INFERRED);
	assert_int_equal(r.cost_nusd, 12500000);
	send_told(p, true, &gateway);
	read_request(p, &r, service);
	assert_string_equal(service, "shop");
	assert_int_equal(r.cost_source, COST_REPORTED);
	assert_int_equal(r.cost_nusd, 500000000);
}

/* The client passes its trace on: the gateway's call is below a span of its server. */
static void by_the_parent_in_one_trace(void **state)
{
	struct place *p = *state;
	int64_t now_us = clock_wall_us();
	const struct told client = {"shop", NULL, 1, 1, 0, now_us, US_PER_S, 0, NULL, NULL};

	start(p);
	for (unsigned n = 0; n < 2; n++) {
		struct form attrs = {.json = true}, server = {.json = true};
		struct told own = client;
		struct buf spans = {0};

		own.trace = own.span = 1 + 10 * n;
		if (n == 0)
			send_told(p, true, &own);
		put_text(&attrs, SPAN_ATTRS, "gen_ai.operation.name", "acompletion");
		put_text(&attrs, SPAN_ATTRS, "gen_ai.usage.input_tokens", "7");
		add_span(&spans, &(struct body_span){own.trace, 900 + n, 800 + n, now_us - 800000, now_us - 1000, "litellm_request"}, &attrs);
		put_text(&server, SPAN_ATTRS, "http.request.method", "POST");
		add_span(&spans, &(struct body_span){own.trace, 800 + n, own.span, now_us - 900000, now_us - 500,
		                                     "Received Proxy Server Request"}, &server);
		struct buf body = span_body(true, "litellm", &spans);

		assert_int_equal(post(p, "/v1/traces", JSON, buf_str(&body)).status, 200);
		buf_fini(&body);
		if (n == 1)
			send_told(p, true, &own);
	}
	assert_int_equal(requests_of(p), 2);
	assert_int_equal(counted(p), 2);
}

/* What only looks alike. */
static void different_calls_stay_apart(void **state)
{
	struct place *p = *state;
	int64_t now_us = clock_wall_us();
	const struct told client = {"shop", "r", 1, 1, 0, now_us, US_PER_S, 7, NULL, NULL};
	struct told other[] = {client, client, client, client};

	other[0].end_us -= 2 * US_PER_S;      /* the same service: an answer from its cache */
	other[1].service = "litellm";
	other[1].tokens = 8;                  /* not the same call */
	other[2].service = "litellm";
	other[2].end_us -= US_PER_MIN;        /* not at the same time */
	other[3].service = "litellm";
	other[3].response = NULL;             /* nothing that says so */
	start(p);
	for (unsigned i = 0; i < 4; i++) {
		struct told first = client;
		char id[8];

		snprintf(id, sizeof id, "r%u", i);
		first.response = id;
		first.trace = first.span = 10 * i + 1;
		other[i].response = other[i].response ? id : NULL;
		other[i].trace = other[i].span = 10 * i + 2;
		send_told(p, true, &first);
		send_told(p, true, &other[i]);
	}
	assert_int_equal(requests_of(p), 8);
}

static int joined_feedback(const struct place *p)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int joined;

	assert_int_equal(sqlite3_open_v2(p->store, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM feedback WHERE request_id IS NOT NULL", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	joined = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return joined;
}

static void await_joined(const struct place *p, int wanted)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;

	while (joined_feedback(p) != wanted) {
		if (clock_mono_us() > until_us)
			fail_msg("%d items found their request, not %d", joined_feedback(p), wanted);
		pause_ms(20);
	}
}

static void append_line(const char *path, const char *response, const char *time)
{
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	fprintf(f, "{\"ts\":\"%s\",\"answer\":\"%s\",\"stars\":1,\"comment\":\"made up\"}\n", time, response);
	assert_int_equal(fclose(f), 0);
}

/* A log of feedback that names the answer, and calls that come as OTLP: before it, and after it. */
static void feedback_of_a_log_finds_its_request(void **state)
{
	struct place *p = *state;
	int64_t now_us = clock_wall_us();
	char path[96], yaml[256], time[TIME_TEXT_BYTES];
	struct err err = {""};
	struct told call = {"shop", "chatcmpl-1", 1, 1, 0, now_us, US_PER_S, 7, NULL, NULL};

	snprintf(path, sizeof path, "%s/thumbs.jsonl", p->folder);
	snprintf(yaml, sizeof yaml, "sources:\n  - {name: thumbs, kind: tail, path: %s, as: feedback, from: start, every: 100ms,\n"
	         "     map: {time: ts, response_id: answer, text: comment}}\n", path);
	if (config_parse(&p->config, str_of(yaml), "test.yaml", &err))
		fail_msg("%s", err.text);
	time_format(now_us, time);
	append_line(path, "chatcmpl-2", time);
	start(p);
	send_told(p, true, &call);
	append_line(path, "chatcmpl-1", time);
	await_joined(p, 1);
	call = (struct told){"shop", "chatcmpl-2", 2, 2, 0, now_us, US_PER_S, 7, NULL, NULL};
	send_told(p, false, &call);
	await_joined(p, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_the_response_in_two_traces, make_place, remove_place),
		cmocka_unit_test_setup_teardown(a_reported_cost_wins, make_place, remove_place),
		cmocka_unit_test_setup_teardown(by_the_parent_in_one_trace, make_place, remove_place),
		cmocka_unit_test_setup_teardown(different_calls_stay_apart, make_place, remove_place),
		cmocka_unit_test_setup_teardown(feedback_of_a_log_finds_its_request, make_place, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
