/* The source kind "prometheus": scrapes one metrics page on the loop and turns it into serving gauges.
 * One scrape at a time; the next one is due `every` after the last one began. A target that fails is
 * asked less and less often, up to once a minute. So is one that says that its page did not change: where
 * it gave the page an ETag or a date, the next scrape asks for what is newer. An unchanged page is still
 * read, from memory, so that what stands is shown and rates fall to nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collect/auth.h"
#include "collect/backoff.h"
#include "collect/serving.h"
#include "collect/source.h"
#include "net/http_client.h"
#include "parse/prometheus.h"

#define PAGE_MAX_BYTES ((size_t)16 << 20)
#define BUSY_AGAIN_US (50 * US_PER_MS)
#define UNCHANGED_MOST 3 /* doublings of the time between two scrapes of an unchanged page */
#define VALIDATOR_MAX_BYTES 256u
#define KEPT_MAX_BYTES ((size_t)1 << 20) /* a longer page is fetched whole each time */

enum {
	PROM_URL, PROM_EVERY, PROM_TIMEOUT, PROM_TOKEN, PROM_USER, PROM_PASSWORD, PROM_CA, PROM_INSECURE,
	PROM_SERVICE, PROM_DEPLOYMENT,
};

static const struct option_row prometheus_options[] = {
	[PROM_URL] = {"url", OPTION_TEXT, NULL, 0, 0, NULL, NULL, "the metrics page, for example http://10.0.0.1:8000/metrics"},
	[PROM_EVERY] = {"every", OPTION_DURATION, "5s", US_PER_S, US_PER_HOUR, NULL, NULL, "time between two scrapes"},
	[PROM_TIMEOUT] = {"timeout", OPTION_DURATION, "4s", 100 * US_PER_MS, US_PER_MIN, NULL, NULL, "longest time a scrape may take"},
	[PROM_TOKEN] = {"token", OPTION_TEXT, "", 0, 0, NULL, NULL, "bearer token, as env:NAME or file:/path"},
	[PROM_USER] = {"user", OPTION_TEXT, "", 0, 0, NULL, NULL, "user name for basic authentication"},
	[PROM_PASSWORD] = {"password", OPTION_TEXT, "", 0, 0, NULL, NULL, "its password, as env:NAME or file:/path"},
	[PROM_CA] = {"ca", OPTION_TEXT, "", 0, 0, NULL, NULL, "file with the certificates to trust instead of the system's"},
	[PROM_INSECURE] = {"insecure", OPTION_BOOL, "no", 0, 1, NULL, NULL, "yes: do not check the server's certificate"},
	[PROM_SERVICE] = {"service", OPTION_TEXT, "", 0, 0, NULL, NULL, "which service it serves: shown behind the model's name"},
	[PROM_DEPLOYMENT] = {"deployment", OPTION_TEXT, "", 0, 0, NULL, NULL, "which deployment runs there: shown behind the model's name"},
	{.name = NULL},
};

struct scraper {
	struct source_env env;
	struct serving *serving;
	struct http_call *call; /* NULL: none under way */
	struct batch *batch;    /* offered in the next poll; NULL: none */
	int64_t due_us, began_us; /* monotonic */
	int failures;           /* in a row */
	int unchanged;          /* answers in a row */
	struct buf validator;   /* header line that asks for a newer page; empty: the page has no mark */
	struct http_got page;   /* the last one with a mark */
	size_t samples;         /* of the page in hand */
};

static void *prometheus_start(const struct source_env *env, struct err *err)
{
	const union option_value *o = env->options;
	struct scraper *s;

	if (auth_check_url(o[PROM_URL].text, err) != 0 || auth_check(o[PROM_TOKEN].text, o[PROM_USER].text, o[PROM_PASSWORD].text, err) != 0)
		return NULL;
	s = mem_zalloc(sizeof *s);
	s->env = *env;
	s->serving = serving_new(env->name);
	serving_set_place(s->serving, o[PROM_SERVICE].text, o[PROM_DEPLOYMENT].text);
	return s;
}

static void say(struct scraper *s, enum source_state state, const char *words)
{
	s->env.report->state = state;
	err_set(&s->env.report->words, "%s", words);
}

static void failed(struct scraper *s, enum source_state state, const char *words, int retry_after_s)
{
	s->due_us = s->began_us + backoff_us(s->env.options[PROM_EVERY].number, s->failures++, retry_after_s);
	serving_gap(s->serving);
	say(s, state, words);
}

static void stored(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	(void)ack;
	if (!ok)
		say(arg, SOURCE_FAILING, error);
}

static void on_sample(void *arg, const struct prom_sample *sample)
{
	struct scraper *s = arg;

	s->samples++;
	serving_sample(s->serving, sample);
}

/* Hands the last page's batch to the sink; false when it is full. */
static bool deliver(struct scraper *s)
{
	struct err err = {""};

	if (!s->batch)
		return true;
	switch (s->env.sink->submit(s->env.sink, s->batch, stored, s, &err)) {
	case SINK_OK:
		s->batch = NULL;
		return true;
	case SINK_BUSY:
		return false;
	case SINK_FAILED:
		break;
	}
	say(s, SOURCE_FAILING, err.text);
	batch_free(&s->batch);
	return true;
}

/* Reads the page into a batch. False with a sentence when it is no metrics page. */
static bool read_page(struct scraper *s, const struct http_got *got, struct err *words)
{
	struct prom_parser *parser = prom_parser_new(on_sample, s);
	bool damaged;

	s->samples = 0;
	prom_parser_set_openmetrics(parser, strncmp(got->type, "application/openmetrics-text", 28) == 0);
	serving_begin(s->serving, clock_wall_us());
	prom_parser_feed(parser, got->body.data, got->body.len);
	damaged = prom_parser_end(parser, words) != 0;
	prom_parser_free(&parser);
	s->batch = batch_new();
	serving_end(s->serving, s->batch);
	if (batch_rows(s->batch) == 0)
		batch_free(&s->batch);
	if (!damaged && !serving_kind(s->serving))
		err_set(words, "the page has no metric of a known model server or gateway");
	else if (!damaged && serving_overflowed(s->serving))
		err_set(words, "the page has more series than are kept: some models are left out");
	return !damaged || s->samples > 0;
}

/* A header that the next scrape sends back; strange ones are left alone. */
static void keep_mark(struct scraper *s, const struct http_got *got)
{
	struct str tag = http_got_header(got, "ETag"), date = http_got_header(got, "Last-Modified");
	struct str mark = tag.len ? tag : date;

	buf_reset(&s->validator);
	http_got_fini(&s->page);
	if (!mark.len || mark.len > VALIDATOR_MAX_BYTES || got->body.len > KEPT_MAX_BYTES)
		return;
	for (size_t i = 0; i < mark.len; i++)
		if ((unsigned char)mark.ptr[i] < ' ' || mark.ptr[i] == 0x7f)
			return;
	buf_printf(&s->validator, "%s: %.*s", tag.len ? "If-None-Match" : "If-Modified-Since", STR_ARG(mark));
	memcpy(s->page.type, got->type, sizeof s->page.type);
	buf_append(&s->page.body, got->body.data, got->body.len);
}

static void on_page(void *arg, enum http_result result, const struct http_got *got, const struct err *err)
{
	struct scraper *s = arg;
	struct err words = {""};

	s->call = NULL;
	s->env.report->took_us = clock_mono_us() - s->began_us;
	if (result != HTTP_ANSWERED) {
		failed(s, SOURCE_FAILING, err->text, 0);
		return;
	}
	if (got->status == 401 || got->status == 403) {
		err_set(&words, "the page answers %d: set token, or user and password, for this source", got->status);
		failed(s, SOURCE_DENIED, words.text, 0);
		return;
	}
	bool same = got->status == 304 && s->validator.len;
	if (same)
		got = &s->page;
	if ((!same && got->status != 200) || strncmp(got->type, "text/html", 9) == 0) {
		err_set(&words, "the page answers %d%s: %s", got->status, got->status == 200 ? " with HTML" : "",
		        got->status >= 500 ? "its server is in trouble, see its log; trying again" : "check its url, which usually ends in /metrics");
		failed(s, SOURCE_FAILING, words.text, got->retry_after_s);
		return;
	}
	if (!read_page(s, got, &words)) {
		failed(s, SOURCE_FAILING, words.text, 0);
		return;
	}
	s->failures = 0;
	s->unchanged = !same ? 0 : s->unchanged < UNCHANGED_MOST ? s->unchanged + 1 : UNCHANGED_MOST;
	s->due_us = s->began_us + backoff_us(s->env.options[PROM_EVERY].number, s->unchanged, 0);
	if (!same)
		keep_mark(s, got);
	s->env.report->last_event_us = clock_wall_us();
	say(s, SOURCE_OK, words.text);
	deliver(s);
}

static void scrape(struct scraper *s)
{
	struct auth_header header = {{0}};
	const char *headers[4] = {"Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", NULL, NULL, NULL};
	struct err err = {""};

	s->began_us = clock_mono_us();
	if (auth_header(&header, s->env.options[PROM_TOKEN].text, s->env.options[PROM_USER].text,
	                s->env.options[PROM_PASSWORD].text, &err) != 0) {
		auth_header_fini(&header);
		failed(s, SOURCE_DENIED, err.text, 0);
		return;
	}
	size_t count = 1;
	if (header.line.len)
		headers[count++] = header.line.data;
	if (s->validator.len)
		headers[count] = s->validator.data;
	/* due_us is set by what comes back */
	s->call = http_begin(s->env.loop, &(struct http_ask){
		.url = s->env.options[PROM_URL].text, .headers = headers, .timeout_us = s->env.options[PROM_TIMEOUT].number,
		.answer_max_bytes = PAGE_MAX_BYTES, .follow_redirects = true, .accept_compressed = true,
		.ca_path = s->env.options[PROM_CA].text, .insecure = s->env.options[PROM_INSECURE].yes,
	}, on_page, s);
	auth_header_fini(&header);
}

static int64_t prometheus_poll(void *state)
{
	struct scraper *s = state;
	int64_t wait_us;

	if (!deliver(s))
		return BUSY_AGAIN_US;
	wait_us = s->due_us - clock_mono_us();
	if (s->call)
		return BUSY_AGAIN_US;
	if (wait_us > 0)
		return wait_us;
	scrape(s);
	return BUSY_AGAIN_US;
}

static void prometheus_stop(void *state)
{
	struct scraper *s = state;

	if (s->call)
		http_cancel(&s->call);
	batch_free(&s->batch);
	serving_free(&s->serving);
	buf_fini(&s->validator);
	http_got_fini(&s->page);
	free(s);
}

const struct source prometheus_source = {
	.kind = "prometheus",
	.summary = "scrapes the metrics page of a model server or gateway",
	.options = prometheus_options,
	.start = prometheus_start,
	.poll = prometheus_poll,
	.stop = prometheus_stop,
};
