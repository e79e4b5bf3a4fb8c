/* Small bodies, read on the loop's thread: a row of the table below is a member, what it takes and where
 * it goes. A request is one batch, stored or refused as a whole. */
#include "collect/feedback_http.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "collect/judges.h"
#include "parse/json.h"

#define FUTURE_US US_PER_DAY

struct delivery {
	struct delivery *prev, *next;
	struct feedback_http *f;
	struct http_exchange *x;
	struct buf ids;
	size_t items;
};

struct feedback_http {
	struct source_env env;
	struct delivery *deliveries;
};

/* ── reading ───────────────────────────────────────────────────────────────────────────────── */

struct item {
	struct batch *batch;
	struct feedback *f;
	struct json_reader *r;
	enum json_token token; /* of the value */
	int64_t now_us;
	struct err *err;
};

struct member {
	const char *name;
	int (*take)(struct item *it, const struct member *m);
	size_t offset; /* of the struct str, or the double */
	size_t max_bytes;
	double low, high;
};

static int take_text(struct item *it, const struct member *m)
{
	struct str s;

	if (it->token != JSON_STRING)
		return err_set(it->err, "%s: it must be a text", m->name);
	s = json_text(it->r, &it->batch->arena);
	if (s.len > m->max_bytes)
		return err_set(it->err, "%s: it takes at most %zu bytes", m->name, m->max_bytes);
	*(struct str *)(void *)((char *)it->f + m->offset) = batch_text(it->batch, s, m->max_bytes);
	return 0;
}

static int take_number(struct item *it, const struct member *m)
{
	double v;

	if (it->token != JSON_NUMBER || !str_to_double(it->r->text, &v) || v < m->low || v > m->high)
		return err_set(it->err, "%s: it must be a number from %g to %g", m->name, m->low, m->high);
	*(double *)(void *)((char *)it->f + m->offset) = v;
	return 0;
}

static int take_thumbs(struct item *it, const struct member *m)
{
	struct str s = it->token == JSON_STRING ? json_text(it->r, &it->batch->arena) : (struct str){0};

	if (it->token == JSON_TRUE || str_equal_nocase(s, STR_LIT("up")))
		it->f->score = 1;
	else if (it->token == JSON_FALSE || str_equal_nocase(s, STR_LIT("down")))
		it->f->score = -1;
	else
		return err_set(it->err, "%s: it must be \"up\" or \"down\"", m->name);
	return 0;
}

static int take_time(struct item *it, const struct member *m)
{
	struct str s = it->token == JSON_NUMBER ? it->r->text : it->token == JSON_STRING ? json_text(it->r, &it->batch->arena)
	                                                                                   : (struct str){0};

	if (!s.len || !time_parse(s, NULL, TIME_UNIT_AUTO, &it->f->time_us))
		return err_set(it->err, "%s: it must be a time such as 2026-11-23T12:00:00Z, or a number since 1970", m->name);
	if (it->f->time_us <= 0 || it->f->time_us > it->now_us + FUTURE_US)
		return err_set(it->err, "%s: it lies in the future or before 1970", m->name);
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int take_trace(struct item *it, const struct member *m)
{
	struct str s = it->token == JSON_STRING ? json_text(it->r, &it->batch->arena) : (struct str){0};

	for (size_t i = 0; s.len == 32 && i < 16; i++) {
		int high = hex_digit(s.ptr[2 * i]), low = hex_digit(s.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			s.len = 0;
		else
			it->f->trace_id[i] = (uint8_t)(high << 4 | low);
	}
	if (s.len != 32)
		return err_set(it->err, "%s: it must be 32 hexadecimal digits; give the provider's id as response_id", m->name);
	it->f->has_trace = true;
	return 0;
}

#define TEXT(name, field, max) {name, take_text, offsetof(struct feedback, field), max, 0, 0}
#define DIM(name, d) {name, take_text, offsetof(struct feedback, dims) + (d) * sizeof(struct str), EVENT_NAME_MAX_BYTES, 0, 0}

static const struct member members[] = {
	TEXT("text", text, EVENT_TEXT_MAX_BYTES),
	TEXT("comment", text, EVENT_TEXT_MAX_BYTES),
	{"rating", take_number, offsetof(struct feedback, rating), 0, 1, 5},
	{"stars", take_number, offsetof(struct feedback, rating), 0, 1, 5},
	{"score", take_number, offsetof(struct feedback, score), 0, -1, 1},
	{"thumbs", take_thumbs, 0, 0, 0, 0},
	{"trace_id", take_trace, 0, 0, 0, 0},
	TEXT("response_id", response_id, EVENT_NAME_MAX_BYTES),
	{"time", take_time, 0, 0, 0, 0},
	TEXT("id", id, EVENT_NAME_MAX_BYTES),
	TEXT("user", user, EVENT_NAME_MAX_BYTES),
	TEXT("language", language, 35),
	DIM("service", DIM_SERVICE), DIM("environment", DIM_ENVIRONMENT), DIM("deployment", DIM_DEPLOYMENT),
	DIM("provider", DIM_PROVIDER), DIM("model", DIM_MODEL), DIM("team", DIM_TEAM), DIM("region", DIM_REGION),
};

static int take_member(struct item *it)
{
	struct str name = json_text(it->r, &it->batch->arena);

	it->token = json_next(it->r);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (str_equal_c(name, members[i].name))
			return it->token == JSON_NULL ? 0 : it->token == JSON_ERROR ? err_set(it->err, "the body is not JSON: %s", it->r->error)
			                                                          : members[i].take(it, &members[i]);
	return err_set(it->err, "%.*s: there is no such field", (int)(name.len < 60 ? name.len : 60), name.len ? name.ptr : "");
}

/* An id that nobody else has, for senders that give none. */
static struct str made_id(struct batch *b)
{
	uint64_t random[2] = {0};
	char text[40];

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		random[0] = (uint64_t)clock_wall_us();
	snprintf(text, sizeof text, "fb-%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
	return batch_text(b, str_of(text), sizeof text);
}

/* Behind the object's opening brace. */
static int read_item(struct batch *b, struct json_reader *r, struct str source, int64_t now_us, struct err *err)
{
	struct feedback *f = batch_add_feedback(b);
	struct item it = {.batch = b, .f = f, .r = r, .now_us = now_us, .err = err};
	enum json_token t;

	while ((t = json_next(r)) == JSON_KEY)
		if (take_member(&it))
			return -1;
	if (t != JSON_OBJECT_END)
		return err_set(err, "the body is not JSON: %s", r->error ? r->error : "it is cut short");
	if (!f->text.len && isnan(f->rating) && isnan(f->score))
		return err_set(err, "text: an item has at least one of text, rating, score and thumbs");
	f->time_us = f->time_us ? f->time_us : now_us;
	f->id = f->id.len ? f->id : made_id(b);
	f->source = source;
	judges_feedback(b, f, false);
	return 0;
}

static int read_items(struct batch *b, struct json_reader *r, struct str source, int64_t now_us, struct err *err)
{
	enum json_token t = json_next(r);
	bool array = t == JSON_ARRAY;

	if (array)
		t = json_next(r);
	for (; t == JSON_OBJECT; t = json_next(r)) {
		if (b->feedback_count == FEEDBACK_HTTP_ITEMS_MAX) {
			err_set(err, "more than %d items at once: send them in parts", FEEDBACK_HTTP_ITEMS_MAX);
			return 413;
		}
		if (read_item(b, r, source, now_us, err))
			return 400;
		if (!array)
			break;
	}
	if (array ? t != JSON_ARRAY_END : t != JSON_OBJECT) {
		err_set(err, "the body must be a JSON object, or an array of objects%s%s", r->error ? ": " : "", r->error ? r->error : "");
		return 400;
	}
	if (json_next(r) != JSON_END) {
		err_set(err, "the body is not JSON: %s", r->error ? r->error : "something follows its value");
		return 400;
	}
	return 200;
}

int feedback_http_read(struct batch *b, struct str body, struct str source, int64_t now_us, struct buf *ids, struct err *err)
{
	struct json_reader r;
	struct err why = {""};
	struct str name = batch_text(b, source, EVENT_NAME_MAX_BYTES);

	json_init(&r, body);
	int status = read_items(b, &r, name, now_us, &why);

	if (status != 200) {
		size_t at = b->feedback_count;

		if (at > 1)
			err_set(err, "feedback: item %zu: %s", at, why.text);
		else
			err_set(err, "feedback: %s", why.text);
		return status;
	}
	buf_append_c(ids, '[');
	for (size_t i = 0; i < b->feedback_count; i++) {
		if (i)
			buf_append_c(ids, ',');
		buf_append_json(ids, b->feedback[i].id);
	}
	buf_append_c(ids, ']');
	return 200;
}

/* ── deliveries ────────────────────────────────────────────────────────────────────────────── */

static void end_delivery(struct delivery *d)
{
	if (d->prev)
		d->prev->next = d->next;
	else
		d->f->deliveries = d->next;
	if (d->next)
		d->next->prev = d->prev;
	buf_fini(&d->ids);
	free(d);
}

static void answer_busy(struct delivery *d, const char *sentence)
{
	struct buf body = {0};

	buf_puts(&body, "{\"error\":");
	buf_append_json(&body, str_of(sentence));
	buf_puts(&body, "}\n");
	http_answer(d->x, &(struct http_reply){.status = 503, .type = "application/json", .body = buf_str(&body), .retry_after_s = 2});
	buf_fini(&body);
	end_delivery(d);
}

static void stored(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct delivery *d = arg;
	struct buf json = {0};

	if (!ok) {
		answer_busy(d, error);
		return;
	}
	buf_printf(&json, "{\"schema\":1,\"ids\":%s,\"stored\":%llu,\"duplicates\":%llu}\n", d->ids.data, (unsigned long long)ack->added,
	           (unsigned long long)ack->duplicates);
	http_answer(d->x, &(struct http_reply){.status = 200, .type = "application/json", .body = buf_str(&json)});
	buf_fini(&json);
	end_delivery(d);
}

void feedback_http_take(struct feedback_http *f, struct http_exchange *x)
{
	struct batch *b = batch_new();
	struct delivery *d = mem_zalloc(sizeof *d);
	struct err err = {""};
	int status = feedback_http_read(b, http_body(x), str_of(f->env.name), clock_wall_us(), &d->ids, &err);

	d->f = f;
	d->x = x;
	d->items = b->feedback_count;
	d->next = f->deliveries;
	if (d->next)
		d->next->prev = d;
	f->deliveries = d;
	if (status != 200 || !d->items) {
		http_answer_error(x, status == 200 ? 400 : status, status == 200 ? "feedback: the array is empty" : err.text);
		batch_free(&b);
		end_delivery(d);
		return;
	}
	if (f->env.sink->submit(f->env.sink, b, stored, d, &err) == SINK_OK)
		return;
	batch_free(&b);
	answer_busy(d, err.text);
}

struct feedback_http *feedback_http_new(const struct source_env *env)
{
	struct feedback_http *f = mem_zalloc(sizeof *f);

	f->env = *env;
	return f;
}

void feedback_http_free(struct feedback_http **out)
{
	struct feedback_http *f = *out;

	if (!f)
		return;
	for (struct delivery *d = f->deliveries, *next; d; d = next) {
		next = d->next;
		answer_busy(d, "the collector is ending: send it again");
	}
	free(f);
	*out = NULL;
}
