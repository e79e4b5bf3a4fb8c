/* The source kind "promql": asks a server with Prometheus's API (Prometheus, VictoriaMetrics, Thanos,
 * Mimir, Azure Monitor's managed Prometheus) and keeps the answers as gauges.
 *
 * A cycle asks one query after the other, all for the same moment, and stores the results in one
 * batch. Without queries of the user's own a first one finds out which metrics of known servers are
 * there, now and then again. How far the series reach is kept as a resume mark: at the first start,
 * and after a gap, the cycle asks for the range that is missing instead of the moment. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collect/auth.h"
#include "collect/backoff.h"
#include "collect/promql_queries.h"
#include "collect/resume.h"
#include "collect/serving_names.h"
#include "net/http_client.h"
#include "parse/prometheus_answer.h"

#define ANSWER_MAX_BYTES ((size_t)16 << 20)
#define BUSY_AGAIN_US (50 * US_PER_MS)
#define DISCOVER_EVERY_US US_PER_MIN
#define SERIES_MAX 500u     /* of one query's results that are kept */
#define POINTS_MAX 200000u  /* of one cycle */
#define RANGE_STEPS_MAX 1000

enum {
	PQ_URL, PQ_EVERY, PQ_TIMEOUT, PQ_WINDOW, PQ_HISTORY, PQ_TOKEN, PQ_USER, PQ_PASSWORD, PQ_CA, PQ_INSECURE,
	PQ_TENANT, PQ_QUERIES,
};

static const struct option_row promql_options[] = {
	[PQ_URL] = {"url", OPTION_TEXT, NULL, 0, 0, NULL, NULL, "the server, without /api/v1: http://10.0.0.1:9090"},
	[PQ_EVERY] = {"every", OPTION_DURATION, "15s", US_PER_S, US_PER_HOUR, NULL, NULL, "time between two rounds of questions"},
	[PQ_TIMEOUT] = {"timeout", OPTION_DURATION, "10s", 100 * US_PER_MS, US_PER_MIN, NULL, NULL, "longest time one answer may take"},
	[PQ_WINDOW] = {"window", OPTION_DURATION, "2m", 10 * US_PER_S, US_PER_HOUR, NULL, NULL, "range of rates and quantiles; at least twice the server's scrape interval"},
	[PQ_HISTORY] = {"history", OPTION_DURATION, "1h", 0, 31 * US_PER_DAY, NULL, NULL, "how much of the past to fetch at the first start and after a gap; 0s = none"},
	[PQ_TOKEN] = {"token", OPTION_TEXT, "", 0, 0, NULL, NULL, "bearer token, as env:NAME or file:/path"},
	[PQ_USER] = {"user", OPTION_TEXT, "", 0, 0, NULL, NULL, "user name for basic authentication"},
	[PQ_PASSWORD] = {"password", OPTION_TEXT, "", 0, 0, NULL, NULL, "its password, as env:NAME or file:/path"},
	[PQ_CA] = {"ca", OPTION_TEXT, "", 0, 0, NULL, NULL, "file with the certificates to trust instead of the system's"},
	[PQ_INSECURE] = {"insecure", OPTION_BOOL, "no", 0, 1, NULL, NULL, "yes: do not check the server's certificate"},
	[PQ_TENANT] = {"tenant", OPTION_TEXT, "", 0, 0, NULL, NULL, "Mimir's and Cortex's tenant (X-Scope-OrgID)"},
	[PQ_QUERIES] = {"queries.*", OPTION_TEXT, NULL, 0, 0, NULL, NULL, "GAUGE: PROMQL, instead of the built-in questions"},
	{.name = NULL},
};

struct promql {
	struct source_env env;
	char *base;        /* URL without the last slash */
	char window[24];   /* "120s" */
	bool own;          /* the user's queries */
	struct promql_queries queries;
	struct strmap names;   /* metrics that the server has */
	int64_t discovered_us; /* monotonic */
	struct http_call *call;
	struct buf body;   /* of the question under way */
	bool discovering;
	size_t at;         /* the query under way */
	int64_t began_us, asked_us, due_us; /* monotonic */
	int64_t now_us;           /* wall: the moment that is asked for */
	int64_t from_us, step_us; /* of a range; step 0: the moment alone */
	size_t series, points, refused;
	int64_t last_time_us;     /* of the point before, in the answer in hand */
	bool cut;
	struct err words;  /* the first thing worth saying in this cycle */
	struct batch *batch;
	bool complete;     /* the batch holds a whole cycle */
	bool in_flight, known_read;
	struct buf known, sent;
	int failures;
};

static void say(struct promql *s, enum source_state state, const char *words)
{
	s->env.report->state = state;
	err_set(&s->env.report->words, "%s", words);
}

static void failed(struct promql *s, enum source_state state, const char *words, int retry_after_s)
{
	batch_free(&s->batch);
	s->due_us = s->began_us + backoff_us(s->env.options[PQ_EVERY].number, s->failures++, retry_after_s);
	say(s, state, words);
}

/* ---- start ---- */

static int check_gauge(const char *name, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";

	if (!*name || strlen(name) > EVENT_NAME_MAX_BYTES || name[strspn(name, allowed)])
		return err_set(err, "queries: %.80s: a gauge's name is made of letters, digits, _ . : and -", name);
	return 0;
}

static int gather_queries(struct promql *s, struct err *err)
{
	const struct config_section *section = s->env.section;

	for (size_t i = 0; i < section->pair_count; i++) {
		if (strncmp(section->pairs[i].key, "queries.", 8) != 0)
			continue;
		if (check_gauge(section->pairs[i].key + 8, err) != 0)
			return -1;
		promql_add(&s->queries, section->pairs[i].key + 8, section->pairs[i].value);
		s->own = true;
	}
	return 0;
}

static int check_options(const union option_value *o, struct err *err)
{
	if (auth_check_url(o[PQ_URL].text, err) != 0 ||
	    auth_check(o[PQ_TOKEN].text, o[PQ_USER].text, o[PQ_PASSWORD].text, err) != 0)
		return -1;
	if (strpbrk(o[PQ_URL].text, "?#"))
		return err_set(err, "url is the server's alone, without ? and what follows");
	for (const char *c = o[PQ_TENANT].text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_set(err, "tenant holds a control character");
	return 0;
}

static void promql_stop(void *state)
{
	struct promql *s = state;

	if (s->call)
		http_cancel(&s->call);
	batch_free(&s->batch);
	promql_queries_fini(&s->queries);
	strmap_fini(&s->names);
	buf_fini(&s->body);
	buf_fini(&s->known);
	buf_fini(&s->sent);
	free(s->base);
	free(s);
}

static void *promql_start(const struct source_env *env, struct err *err)
{
	const union option_value *o = env->options;
	struct promql *s;
	size_t len;

	if (check_options(o, err) != 0)
		return NULL;
	s = mem_zalloc(sizeof *s);
	s->env = *env;
	s->base = mem_strdup(o[PQ_URL].text);
	for (len = strlen(s->base); len && s->base[len - 1] == '/'; len--)
		s->base[len - 1] = '\0';
	snprintf(s->window, sizeof s->window, "%" PRId64 "s", o[PQ_WINDOW].number / US_PER_S);
	if (gather_queries(s, err) == 0)
		return s;
	promql_stop(s);
	return NULL;
}

/* ---- results ---- */

static void on_name(void *arg, const struct prom_sample *sample)
{
	struct promql *s = arg;

	if (s->names.count < 10000)
		strmap_put(&s->names, sample->name, 1);
}

/* Which series of the query's results this is. */
static void put_instance(struct buf *out, const struct promql_query *q, const struct prom_sample *sample, bool own)
{
	if (q->budget)
		serving_budget_name(out, sample);
	else if (!own)
		serving_model_name(out, sample);
	else if (sample->label_count == 1)
		buf_append_str(out, sample->labels[0].value);
	for (size_t i = 0; own && sample->label_count > 1 && i < sample->label_count; i++)
		buf_printf(out, "%s%.*s=%.*s", i ? "," : "", STR_ARG(sample->labels[i].name), STR_ARG(sample->labels[i].value));
	if (out->len == 0)
		buf_puts(out, q->lone);
}

static void on_sample(void *arg, const struct prom_sample *sample)
{
	struct promql *s = arg;
	const struct promql_query *q = &s->queries.items[s->at];
	struct buf instance = {0};
	struct gauge *g;

	/* a range brings a series' points one after the other, each later than the last */
	if (!s->step_us || sample->time_us <= s->last_time_us || s->series == 0)
		s->series++;
	s->last_time_us = sample->time_us;
	if (s->series > SERIES_MAX || s->points >= POINTS_MAX) {
		s->cut = true;
		return;
	}
	if (!isfinite(sample->value))
		return;
	put_instance(&instance, q, sample, s->own);
	g = batch_add_gauge(s->batch);
	g->time_us = s->step_us ? sample->time_us : s->now_us;
	g->name = batch_text(s->batch, str_of(q->gauge), EVENT_NAME_MAX_BYTES);
	g->source = batch_text(s->batch, str_of(s->env.name), EVENT_NAME_MAX_BYTES);
	g->instance = batch_text(s->batch, buf_str(&instance), EVENT_NAME_MAX_BYTES);
	g->value = sample->value;
	s->points++;
	buf_fini(&instance);
}

/* ---- storing ---- */

static void stored(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct promql *s = arg;

	s->in_flight = false;
	if (ok && !ack->stale) {
		buf_reset(&s->known);
		buf_append_str(&s->known, buf_str(&s->sent));
		return;
	}
	s->known_read = false;
	if (!ok)
		say(s, SOURCE_FAILING, error);
}

/* Hands the cycle's batch to the sink; false when it is full. */
static bool deliver(struct promql *s)
{
	struct err err = {""};

	switch (s->env.sink->submit(s->env.sink, s->batch, stored, s, &err)) {
	case SINK_OK:
		s->batch = NULL;
		s->in_flight = true;
		return true;
	case SINK_BUSY:
		return false;
	case SINK_FAILED:
		break;
	}
	batch_free(&s->batch);
	say(s, SOURCE_FAILING, err.text);
	return true;
}

static void end_cycle(struct promql *s)
{
	if (s->refused && s->refused == s->queries.count) {
		failed(s, SOURCE_FAILING, s->words.text, 0);
		return;
	}
	if (s->queries.count == 0)
		err_set(&s->words, "the server has no metric of a known model server or gateway: name your own under queries");
	else if (s->cut && !s->words.text[0])
		err_set(&s->words, "the answers have more series than are kept: aggregate in the queries");
	s->failures = 0;
	s->due_us = s->began_us + s->env.options[PQ_EVERY].number;
	s->env.report->last_event_us = clock_wall_us();
	say(s, SOURCE_OK, s->words.text);
	if (s->queries.count == 0) {
		batch_free(&s->batch); /* the past is still to be fetched */
		return;
	}
	buf_reset(&s->sent);
	buf_printf(&s->sent, "promql1 %" PRId64, s->now_us);
	resume_put(&s->env, s->batch, buf_str(&s->known), buf_str(&s->sent));
	s->complete = true;
	deliver(s);
}

/* ---- asking ---- */

static void put_form(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s%s=", out->len ? "&" : "", name);
	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-_.~", *c))
			buf_append_c(out, (char)*c);
		else
			buf_printf(out, "%%%02X", *c);
	}
}

static void put_time(struct buf *out, const char *name, int64_t us)
{
	char text[40];

	snprintf(text, sizeof text, "%" PRId64 ".%03" PRId64, us / US_PER_S, us % US_PER_S / US_PER_MS);
	put_form(out, name, text);
}

static void on_answer(void *arg, enum http_result result, const struct http_got *got, const struct err *err);

static void ask(struct promql *s, const char *query)
{
	const union option_value *o = s->env.options;
	bool range = s->step_us && !s->discovering;
	struct auth_header header = {{0}};
	const char *headers[4] = {"Accept: application/json"};
	char *url, *tenant = NULL;
	struct err err = {""};
	size_t count = 1;

	if (auth_header(&header, o[PQ_TOKEN].text, o[PQ_USER].text, o[PQ_PASSWORD].text, &err) != 0) {
		auth_header_fini(&header);
		failed(s, SOURCE_DENIED, err.text, 0);
		return;
	}
	if (header.line.len)
		headers[count++] = header.line.data;
	if (*o[PQ_TENANT].text)
		headers[count++] = tenant = mem_printf("X-Scope-OrgID: %s", o[PQ_TENANT].text);
	buf_reset(&s->body);
	put_form(&s->body, "query", query);
	put_time(&s->body, range ? "start" : "time", range ? s->from_us : s->now_us);
	if (range) {
		put_time(&s->body, "end", s->now_us);
		put_time(&s->body, "step", s->step_us);
	}
	url = mem_printf("%s/api/v1/%s", s->base, range ? "query_range" : "query");
	s->asked_us = clock_mono_us();
	s->call = http_begin(s->env.loop, &(struct http_ask){
		.url = url, .headers = headers, .body = buf_str(&s->body), .body_type = "application/x-www-form-urlencoded",
		.timeout_us = o[PQ_TIMEOUT].number, .answer_max_bytes = ANSWER_MAX_BYTES, .accept_compressed = true,
		.ca_path = o[PQ_CA].text, .insecure = o[PQ_INSECURE].yes,
	}, on_answer, s);
	auth_header_fini(&header);
	free(tenant);
	free(url);
}

static void ask_next(struct promql *s)
{
	s->series = 0;
	s->last_time_us = 0;
	if (s->at < s->queries.count)
		ask(s, s->queries.items[s->at].text);
	else
		end_cycle(s);
}

/* The names are there: makes the queries from them. */
static void end_discovery(struct promql *s)
{
	s->discovering = false;
	s->discovered_us = clock_mono_us();
	promql_queries_fini(&s->queries);
	promql_built_in(&s->queries, &s->names, s->window);
	ask_next(s);
}

/* An answer that ends the cycle, whatever its body says. True when it did. */
static bool refuses_everything(struct promql *s, const struct http_got *got)
{
	struct err words = {""};
	enum source_state state = SOURCE_FAILING;

	if (got->status == 401 || got->status == 403) {
		state = SOURCE_DENIED;
		err_set(&words, "the server answers %d: set token, or user and password, for this source", got->status);
	} else if (got->status == 404 || got->status == 405 || (got->status >= 300 && got->status < 400)) {
		err_set(&words, "the server answers %d: its url must be the one that /api/v1/query follows", got->status);
	} else if (got->status == 429 || (got->status >= 502 && got->status <= 504)) {
		err_set(&words, "the server answers %d: it is asked again later", got->status);
	}
	if (!words.text[0])
		return false;
	failed(s, state, words.text, got->retry_after_s);
	return true;
}

static void on_answer(void *arg, enum http_result result, const struct http_got *got, const struct err *err)
{
	struct promql *s = arg;
	struct prom_answer answer;
	struct err words = {""};

	s->call = NULL;
	s->env.report->took_us = clock_mono_us() - s->asked_us;
	if (result != HTTP_ANSWERED) {
		failed(s, SOURCE_FAILING, err->text, 0);
		return;
	}
	if (refuses_everything(s, got))
		return;
	if (prom_answer_read(buf_str(&got->body), s->discovering ? on_name : on_sample, s, &answer, &words) != 0) {
		if (got->status != 200)
			err_set(&words, "the server answers %d and not as Prometheus would: check its url", got->status);
		failed(s, SOURCE_FAILING, words.text, 0);
		return;
	}
	if (s->discovering) {
		if (answer.error.text[0])
			err_set(&words, "the server says: %.300s", answer.error.text);
		if (words.text[0])
			failed(s, SOURCE_FAILING, words.text, 0);
		else
			end_discovery(s);
		return;
	}
	/* the first refusal is worth more than the first warning */
	if (answer.error.text[0] ? s->refused++ == 0 : answer.warning.text[0] && !s->words.text[0])
		err_set(&s->words, "%s: the server says: %.300s", s->queries.items[s->at].gauge,
		        answer.error.text[0] ? answer.error.text : answer.warning.text);
	s->at++;
	ask_next(s);
}

/* Whether the cycle asks for a range: what the store lacks of the last `history`. */
static void choose_range(struct promql *s)
{
	int64_t every_us = s->env.options[PQ_EVERY].number, history_us = s->env.options[PQ_HISTORY].number;
	int64_t last_us = 0, span_us;

	if (s->known.len > 8 && strncmp(s->known.data, "promql1 ", 8) == 0)
		(void)str_to_int64((struct str){s->known.data + 8, s->known.len - 8}, &last_us);
	span_us = s->now_us - (last_us + every_us);
	if (span_us > history_us)
		span_us = history_us;
	s->step_us = 0;
	if (span_us <= 2 * every_us)
		return;
	s->step_us = every_us;
	if (span_us / s->step_us > RANGE_STEPS_MAX)
		s->step_us = (span_us / RANGE_STEPS_MAX / US_PER_S + 1) * US_PER_S;
	s->from_us = s->now_us - span_us / s->step_us * s->step_us;
}

static void begin_cycle(struct promql *s)
{
	struct buf text = {0};

	s->began_us = clock_mono_us();
	s->now_us = clock_wall_us() / US_PER_MS * US_PER_MS;
	s->at = s->points = s->refused = 0;
	s->cut = s->complete = false;
	s->words.text[0] = '\0';
	s->batch = batch_new();
	choose_range(s);
	s->discovering = !s->own && (s->queries.count == 0 || s->began_us - s->discovered_us >= DISCOVER_EVERY_US);
	if (!s->discovering) {
		ask_next(s);
		return;
	}
	strmap_fini(&s->names);
	s->names = (struct strmap){0};
	promql_discovery(&text);
	ask(s, text.data);
	buf_fini(&text);
}

static int64_t promql_poll(void *state)
{
	struct promql *s = state;
	struct err err = {""};
	int64_t wait_us;

	if (s->call || s->in_flight || (s->batch && s->complete && !deliver(s)))
		return BUSY_AGAIN_US;
	if (!s->known_read) {
		s->known_read = resume_read(&s->env, &s->known, &err) == 0;
		if (!s->known_read) {
			say(s, SOURCE_FAILING, err.text);
			return US_PER_S;
		}
	}
	wait_us = s->due_us - clock_mono_us();
	if (wait_us > 0)
		return wait_us;
	begin_cycle(s);
	return BUSY_AGAIN_US;
}

const struct source promql_source = {
	.kind = "promql",
	.summary = "asks a Prometheus-compatible server",
	.options = promql_options,
	.start = promql_start,
	.poll = promql_poll,
	.stop = promql_stop,
};
