/* One item with everything around it: each part is one small query. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/query_feedback.h"
#include "store/reader_private.h"
#include "store/sql.h"

#define EVENTS_MAX 200 /* the statement says so too */
#define SEPARATOR '\x1f' /* see triage.c */

struct reading {
	struct store_reader *r;
	struct feedback_item *out;
	struct err *err;
	bool texts; /* they can be read */
};

static struct str text_of(struct reading *g, sqlite3_stmt *st, int column)
{
	return str_of(sql_text(st, column, &g->out->arena));
}

static const char *name_of(struct reading *g, sqlite3_stmt *st, int column)
{
	const char *text = names_text(&g->r->names, (uint32_t)sqlite3_column_int64(st, column));

	return arena_copy(&g->out->arena, text, strlen(text));
}

static double real_of(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? NAN : sqlite3_column_double(st, column);
}

/* A statement about the item `id`; NULL with err filled. */
static sqlite3_stmt *ask(struct reading *g, sqlite3 *db, const char *sql, int64_t id)
{
	sqlite3_stmt *st = NULL;

	if (sql_prepare(db, &st, sql, g->err))
		return NULL;
	sqlite3_bind_int64(st, 1, id);
	return st;
}

/* A text of the text file: up to two columns. */
static int read_text(struct reading *g, const char *sql, int64_t id, bool was_there, struct str *texts, enum text_state *states, int n)
{
	sqlite3_stmt *st;
	int got;

	for (int i = 0; i < n; i++)
		states[i] = g->texts || !was_there ? TEXT_NONE : TEXT_WITHHELD;
	if (!g->texts)
		return 0;
	if (!(st = ask(g, g->r->texts, sql, id)))
		return -1;
	got = sql_step(st, g->err);
	for (int i = 0; i < n && got >= 0; i++) {
		bool there = got > 0 && sqlite3_column_bytes(st, i) > 0;

		if (there)
			texts[i] = text_of(g, st, i);
		states[i] = there ? TEXT_KEPT : was_there ? TEXT_EXPIRED : TEXT_NONE;
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

static void read_request_copy(struct reading *g, sqlite3_stmt *st)
{
	struct request *q = &g->out->request;

	q->end_us = sqlite3_column_int64(st, 12);
	q->latency_us = sql_unknown(st, 13);
	q->cost_source = sqlite3_column_type(st, 14) == SQLITE_NULL ? COST_UNPRICED : COST_INFERRED;
	q->cost_nusd = sqlite3_column_int64(st, 14);
	q->input_tokens = sql_unknown(st, 15);
	q->output_tokens = sql_unknown(st, 16);
	q->status = (uint8_t)sqlite3_column_int(st, 17);
	q->ttft_us = q->cached_tokens = q->cache_write_tokens = q->reasoning_tokens = UNKNOWN_INT;
	memcpy(q->dims, g->out->item.dims, sizeof q->dims);
}

static void read_row(struct reading *g, sqlite3_stmt *st)
{
	struct feedback_item *out = g->out;
	struct feedback *f = &out->item;
	uint32_t series = (uint32_t)sqlite3_column_int64(st, 0);

	f->time_us = id_time_us(out->id);
	f->id = text_of(g, st, 1);
	f->mood = (uint8_t)(sqlite3_column_int(st, 2) & 3);
	f->score = real_of(st, 3);
	f->rating = real_of(st, 4);
	f->judge = str_of(name_of(g, st, 5));
	f->language = str_of(name_of(g, st, 6));
	f->user = text_of(g, st, 7);
	f->source = str_of(name_of(g, st, 8));
	f->has_trace = sqlite3_column_bytes(st, 9) == 16;
	if (f->has_trace)
		memcpy(f->trace_id, sqlite3_column_blob(st, 9), 16);
	f->response_id = text_of(g, st, 10);
	for (int d = 0; d < DIM_COUNT && series < g->r->names.series_count; d++) {
		const char *text = names_text(&g->r->names, g->r->names.series[series].value[d]);

		f->dims[d] = str_of(arena_copy(&out->arena, text, strlen(text)));
	}
	f->sentiment = real_of(st, 18);
	for (int i = 0; i < 3; i++)
		f->confidence[i] = NAN;
	if (f->mood)
		f->confidence[f->mood - MOOD_POSITIVE] = real_of(st, 19);
	f->findings = text_of(g, st, 20);
	out->has_request = sqlite3_column_type(st, 11) != SQLITE_NULL;
	out->request_id = sqlite3_column_int64(st, 11);
	if (out->has_request)
		read_request_copy(g, st);
	out->state = (enum feedback_state)sqlite3_column_int(st, 22);
	out->settled_us = sqlite3_column_int64(st, 23);
	out->settled_by = sql_text(st, 24, &out->arena);
	out->assignee = sql_text(st, 25, &out->arena);
}

static int read_item(struct reading *g)
{
	struct feedback_item *out = g->out;
	sqlite3_stmt *st = ask(g, g->r->db, "SELECT series, source_id, mood, score, rating, judge, language, user, source, trace_id,"
	                       " response_id, request_id, counted_us, request_latency_us, request_cost_nusd, request_input_tokens,"
	                       " request_output_tokens, request_status, sentiment, confidence, findings, has_text, state, settled_us,"
	                       " settled_by, assignee, dataset FROM feedback WHERE id=?1", out->id);
	int got = st ? sql_step(st, g->err) : -1;

	if (got > 0) {
		bool has_text = sqlite3_column_int(st, 21);
		int64_t dataset = sqlite3_column_int64(st, 26);

		read_row(g, st);
		out->in_dataset = dataset != 0;
		if (read_text(g, "SELECT text FROM texts WHERE id=?1", out->id, has_text, &out->item.text, &out->text_state, 1) ||
		    (dataset && read_text(g, "SELECT text FROM remarks WHERE id=?1", dataset, true, &out->corrected, &out->corrected_state, 1)))
			got = -1;
	} else if (got == 0) {
		err_set(g->err, "there is no feedback item %llx: see `llmdeck feedback list`", (unsigned long long)out->id);
		got = -1;
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

/* What services found in the text. */
static int read_verdict_texts(struct reading *g)
{
	struct feedback_item *out = g->out;
	sqlite3_stmt *st = NULL;
	int got = 0;

	for (size_t i = 0; i < out->verdict_count && g->texts && got >= 0; i++) {
		if (!st && !(st = ask(g, g->r->texts, "SELECT text FROM verdicts WHERE id=?1 AND judge=?2", out->id)))
			return -1;
		sqlite3_bind_int64(st, 1, out->id);
		sql_bind_str(st, 2, str_of(out->verdicts[i].judge));
		got = sql_step(st, g->err);
		if (got > 0)
			out->verdicts[i].texts = text_of(g, st, 0);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

static int read_verdicts(struct reading *g)
{
	struct feedback_item *out = g->out;
	sqlite3_stmt *st = ask(g, g->r->db, "SELECT judge, time_us, mood, score, positive, neutral, negative, words"
	                       " FROM feedback_verdicts WHERE feedback_id=?1 ORDER BY time_us", out->id);
	size_t cap = 0;
	int got = st ? 0 : -1;

	while (st && (got = sql_step(st, g->err)) > 0) {
		int mood = sqlite3_column_int(st, 2) & 3;

		out->verdicts = mem_grow(out->verdicts, &cap, out->verdict_count + 1, sizeof *out->verdicts);
		struct feedback_verdict *v = &out->verdicts[out->verdict_count++];

		*v = (struct feedback_verdict){
			.judge = name_of(g, st, 0), .time_us = sqlite3_column_int64(st, 1), .mood = (enum mood)mood,
			.score = real_of(st, 3), .confidence = mood ? real_of(st, 3 + mood) : NAN,
			.words = sql_text(st, 7, &out->arena),
		};
		v->stands = str_equal_c(out->item.judge, v->judge);
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : read_verdict_texts(g);
}

static int read_labels(struct reading *g)
{
	struct feedback_item *out = g->out;
	sqlite3_stmt *st = ask(g, g->r->db, "SELECT name, value, author, time_us FROM labels WHERE feedback_id=?1 ORDER BY name", out->id);
	size_t cap = 0;
	int got = st ? 0 : -1;

	while (st && (got = sql_step(st, g->err)) > 0) {
		out->labels = mem_grow(out->labels, &cap, out->label_count + 1, sizeof *out->labels);
		out->labels[out->label_count++] = (struct feedback_label){
			sql_text(st, 0, &out->arena), sql_text(st, 1, &out->arena), sql_text(st, 2, &out->arena), sqlite3_column_int64(st, 3)};
	}
	sqlite3_finalize(st);
	return got;
}

static int read_notes(struct reading *g)
{
	struct feedback_item *out = g->out;
	sqlite3_stmt *st = ask(g, g->r->db, "SELECT id, author FROM feedback_remarks WHERE feedback_id=?1 AND kind=0 AND NOT hidden"
	                       " ORDER BY id", out->id);
	size_t cap = 0;
	int got = st ? 0 : -1;

	while (st && (got = sql_step(st, g->err)) > 0) {
		out->notes = mem_grow(out->notes, &cap, out->note_count + 1, sizeof *out->notes);
		struct feedback_note *n = &out->notes[out->note_count++];

		*n = (struct feedback_note){.id = sqlite3_column_int64(st, 0), .time_us = id_time_us(sqlite3_column_int64(st, 0)),
		                            .author = sql_text(st, 1, &out->arena)};
	}
	sqlite3_finalize(st);
	for (size_t i = 0; i < out->note_count && got >= 0; i++)
		if (read_text(g, "SELECT text FROM remarks WHERE id=?1", out->notes[i].id, true, &out->notes[i].text, &out->notes[i].state, 1))
			got = -1;
	return got;
}

static const char *shown(struct reading *g, sqlite3_stmt *st, int column)
{
	struct str s = sql_str(st, column);

	s = str_cut(&s, SEPARATOR);
	return arena_copy(&g->out->arena, s.len ? s.ptr : "", s.len);
}

static int read_events(struct reading *g)
{
	struct feedback_item *out = g->out;
	sqlite3_stmt *st = ask(g, g->r->db, "SELECT c.id, c.time_us, c.author, c.verb, i.field, i.before, i.after, c.undone<>0"
	                       " FROM feedback_change_items i JOIN feedback_changes c ON c.id=i.change_id WHERE i.feedback_id=?1"
	                       " ORDER BY c.id DESC LIMIT 200", out->id);
	size_t cap = 0;
	int got = st ? 0 : -1;

	while (st && (got = sql_step(st, g->err)) > 0 && out->event_count < EVENTS_MAX) {
		out->events = mem_grow(out->events, &cap, out->event_count + 1, sizeof *out->events);
		struct feedback_event *e = &out->events[out->event_count++];

		*e = (struct feedback_event){
			.change = sqlite3_column_int64(st, 0), .time_us = sqlite3_column_int64(st, 1),
			.author = sql_text(st, 2, &out->arena), .verb = sql_text(st, 3, &out->arena),
			.field = sql_text(st, 4, &out->arena), .before = shown(g, st, 5), .after = shown(g, st, 6),
			.undone = sqlite3_column_int(st, 7),
		};
		/* Numbers of remarks say nothing to people. */
		if (!strcmp(e->field, "note") || !strcmp(e->field, "dataset")) {
			e->before = *e->before ? "yes" : "";
			e->after = *e->after ? "yes" : "";
		}
	}
	sqlite3_finalize(st);
	for (size_t i = 0; i < out->event_count / 2; i++) {
		struct feedback_event swap = out->events[i];

		out->events[i] = out->events[out->event_count - 1 - i];
		out->events[out->event_count - 1 - i] = swap;
	}
	return got < 0 ? -1 : 0;
}

static int read_lock(struct reading *g)
{
	struct feedback_item *out = g->out;
	sqlite3_stmt *st = ask(g, g->r->db, "SELECT holder, session, until_us FROM feedback_locks WHERE feedback_id=?1", out->id);
	int got = st ? sql_step(st, g->err) : -1;

	out->lock_holder = out->lock_session = "";
	if (got > 0 && sqlite3_column_int64(st, 2) > clock_wall_us()) {
		out->locked = true;
		out->lock_holder = sql_text(st, 0, &out->arena);
		out->lock_session = sql_text(st, 1, &out->arena);
		out->lock_until_us = sqlite3_column_int64(st, 2);
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

/* "pii:email=2/-1 jailbreak=1/5" */
static void read_findings(struct reading *g)
{
	struct feedback_item *out = g->out;
	struct str rest = out->item.findings;
	size_t cap = 0;

	while (rest.len) {
		struct str word = str_cut(&rest, ' '), name = str_cut(&word, '='), count = str_cut(&word, '/');
		struct feedback_finding f = {.severity = -1, .count = 1};
		int64_t severity;

		if (!name.len)
			continue;
		f.name = arena_copy(&out->arena, name.ptr, name.len);
		str_to_int64(count, &f.count);
		if (str_to_int64(word, &severity) && severity >= 0 && severity <= 7)
			f.severity = (int)severity;
		out->findings = mem_grow(out->findings, &cap, out->finding_count + 1, sizeof *out->findings);
		out->findings[out->finding_count++] = f;
	}
}

/* What retention has left of the request, and what was kept of its words. */
static int read_request(struct reading *g)
{
	struct feedback_item *out = g->out;
	struct request_result res;
	struct str texts[2] = {{0}};
	enum text_state states[2] = {TEXT_NONE, TEXT_NONE};

	if (!out->has_request)
		return 0;
	if (query_request(g->r, out->request_id, &res, g->err))
		return -1;
	if (res.row_count) {
		const struct request *q = &res.rows[0].request;
		struct flag *flags = arena_alloc(&out->arena, (q->flag_count + 1) * sizeof *flags);

		out->request = *q;
		for (uint32_t i = 0; i < q->flag_count; i++) {
			flags[i] = q->flags[i];
			flags[i].category = str_of(arena_copy(&out->arena, flags[i].category.ptr ? flags[i].category.ptr : "", flags[i].category.len));
		}
		out->request.flags = flags;
		struct str *const strings[] = {&out->request.operation, &out->request.request_model, &out->request.error_type,
		                               &out->request.finish_reason, &out->request.outcome, &out->request.source, &out->request.cost_basis};

		for (size_t i = 0; i < sizeof strings / sizeof(struct str *); i++)
			*strings[i] = (struct str){arena_copy(&out->arena, strings[i]->len ? strings[i]->ptr : "", strings[i]->len), strings[i]->len};
		for (int d = 0; d < DIM_COUNT; d++)
			out->request.dims[d] = (struct str){arena_copy(&out->arena, q->dims[d].len ? q->dims[d].ptr : "", q->dims[d].len), q->dims[d].len};
		for (int a = 0; a < ATTR_COUNT; a++)
			out->request.attrs[a] = (struct str){arena_copy(&out->arena, q->attrs[a].len ? q->attrs[a].ptr : "", q->attrs[a].len), q->attrs[a].len};
		out->request_kept = true;
	}
	request_result_fini(&res);
	if (read_text(g, "SELECT question, answer FROM exchanges WHERE id=?1", out->request_id, false, texts, states, 2))
		return -1;
	out->question = texts[0];
	out->answer = texts[1];
	out->question_state = states[0];
	out->answer_state = states[1];
	return read_text(g, "SELECT text FROM contexts WHERE id=?1", out->request_id, false, &out->context, &out->context_state, 1);
}

static int read_evaluations(struct reading *g)
{
	struct feedback_item *out = g->out;
	sqlite3_stmt *st = NULL;
	size_t cap = 0;
	int got = 0;

	if (!out->item.has_trace && !(out->has_request && out->request.has_trace))
		return 0;
	if (sql_prepare(g->r->db, &st, "SELECT time_us, name, label, score, source FROM evaluations WHERE time_us>=?1 AND time_us<?2"
	                " AND trace_id=?3 ORDER BY time_us LIMIT 64", g->err))
		return -1;
	int64_t around_us = out->has_request ? out->request.end_us : out->item.time_us;

	sqlite3_bind_int64(st, 1, around_us - US_PER_HOUR);
	sqlite3_bind_int64(st, 2, around_us + US_PER_HOUR);
	sqlite3_bind_blob(st, 3, out->item.has_trace ? out->item.trace_id : out->request.trace_id, 16, SQLITE_STATIC);
	while ((got = sql_step(st, g->err)) > 0) {
		out->evaluations = mem_grow(out->evaluations, &cap, out->evaluation_count + 1, sizeof *out->evaluations);
		out->evaluations[out->evaluation_count++] = (struct evaluation){
			.time_us = sqlite3_column_int64(st, 0), .name = str_of(name_of(g, st, 1)), .label = str_of(name_of(g, st, 2)),
			.score = real_of(st, 3), .source = str_of(name_of(g, st, 4)),
		};
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

int query_feedback_item(struct store_reader *r, int64_t id, struct feedback_item *out, struct err *err)
{
	struct reading g = {.r = r, .out = out, .err = err};

	*out = (struct feedback_item){.id = id};
	if (reader_begin(r, err))
		return -1;
	g.texts = reader_open_texts(r);
	int failed = read_item(&g) || read_verdicts(&g) || read_labels(&g) || read_notes(&g) || read_events(&g) || read_lock(&g);

	reader_end(r, 0);
	if (!failed) {
		read_findings(&g);
		failed = read_request(&g) || reader_begin(r, err) || reader_end(r, read_evaluations(&g));
	}
	if (failed)
		feedback_item_fini(out);
	return failed ? -1 : 0;
}

void feedback_item_fini(struct feedback_item *item)
{
	free(item->verdicts);
	free(item->labels);
	free(item->notes);
	free(item->events);
	free(item->findings);
	free(item->evaluations);
	arena_fini(&item->arena);
	*item = (struct feedback_item){.id = 0};
}

bool feedback_id_parse(struct str text, int64_t *out)
{
	uint64_t v = 0;

	if (text.len < 1 || text.len > 16)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int c = tolower((unsigned char)text.ptr[i]);

		if (!isxdigit(c))
			return false;
		v = v << 4 | (uint64_t)(isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	*out = (int64_t)v;
	return *out > 0;
}

/* ── words of a filter ─────────────────────────────────────────────────────────────────────── */

static int bit_of(struct str value, const char *const *names, int count, unsigned *bits, const char *what, struct err *err)
{
	for (int i = 0; i < count; i++)
		if (str_equal_nocase(value, str_of(names[i]))) {
			*bits |= 1u << i;
			return 0;
		}
	return err_set(err, "%s: there is no `%.*s`", what, (int)(value.len < 40 ? value.len : 40), value.len ? value.ptr : "");
}

static int take_known(struct feedback_filter *f, struct str key, struct str value, struct err *err)
{
	static const char *const moods[] = {"unknown", "positive", "neutral", "negative"};
	static const char *const signs[] = {"?", "+", "=", "-"};
	static const char *const states[] = {"open", "settled", "dismissed"};

	if (str_equal_c(key, "mood"))
		return bit_of(value, value.len == 1 ? signs : moods, 4, &f->moods, "mood takes positive, neutral, negative or unknown", err);
	if (str_equal_c(key, "state"))
		return bit_of(value, states, 3, &f->states, "state takes open, settled or dismissed", err);
	if (str_equal_c(key, "label"))
		f->label = value;
	else if (str_equal_c(key, "language"))
		f->language = value;
	else if (str_equal_c(key, "dataset"))
		f->in_dataset = !str_equal_c(value, "no");
	else if (str_equal_c(value, "none") || str_equal_c(value, "nobody"))
		f->assigned = ASSIGNED_NOBODY;
	else if (str_equal_c(value, "any"))
		f->assigned = ASSIGNED_SOMEBODY;
	else
		f->assignee = value;
	return 0;
}

int feedback_filter_add(struct feedback_filter *f, struct view *where, struct str word, struct err *err)
{
	static const char *const known[] = {"mood", "state", "assignee", "label", "language", "dataset"};
	size_t at = 0;
	enum dim d;

	while (at < word.len && word.ptr[at] != ':' && word.ptr[at] != '=')
		at++;
	struct str key = {word.ptr, at}, value = {word.ptr + at + 1, at < word.len ? word.len - at - 1 : 0};

	for (size_t i = 0; i < sizeof known / sizeof *known && value.len; i++)
		if (str_equal_c(key, known[i]))
			return take_known(f, key, value, err);
	if (key.len && key.ptr[key.len - 1] == '!')
		key.len--;
	if (value.len && dim_from_name(key, &d)) {
		char text[VIEW_VALUE_BYTES + 80];
		int len = snprintf(text, sizeof text, "%.*s=%.*s", (int)at, word.ptr, STR_ARG(value));

		f->where = where;
		return len < 0 || (size_t)len >= sizeof text ? err_set(err, "the filter's value is too long")
		                                             : view_add_filter(where, str_of(text), err);
	}
	f->text = word;
	return 0;
}
