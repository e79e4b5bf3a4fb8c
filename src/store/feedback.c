/* Feedback stands in the rollups of its request's time, or of its own while it has none: when the
 * request comes later, by trace or by response id, the item's share moves there. The texts of items and
 * requests go to the text file in a transaction that is committed before the main one. */
#include "store/feedback.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sql.h"

#define WAITING ((void *)(uintptr_t)1)
#define KEY_BITS (INT64_MAX) /* keys of hashes are kept positive */
#define RECENT_RESPONSES 65536u
#define JOINED_AT_ONCE 64
#define RESPONSE_SALT UINT64_C(0x9e3779b97f4a7c15)

enum {
	FB_ADD, FB_FIND, FB_ADD_VERDICT, FB_WAITING, FB_BY_TRACE, FB_BY_RESPONSE, FB_JOIN, FB_ADD_RESPONSE, FB_FIND_RESPONSE,
	FB_GET_RESPONSE, FB_LAST_RESPONSES, FB_MOVE_RESPONSE, FB_REMOVE_RESPONSE, FB_REMOVE_LABELS, FB_REMOVE_VERDICTS, FB_REMOVE_LOCK, FB_REMOVE_CHANGES, FB_REMARKS,
	FB_REMOVE_REMARKS, FB_REMOVE_INCIDENTS, FB_REMOVE_LINES, FB_COUNT
};
enum { FBT_ADD_EXCHANGE, FBT_ADD_CONTEXT, FBT_HAS_EXCHANGE, FBT_MOVE_EXCHANGE, FBT_MOVE_CONTEXT, FBT_REMOVE_EXCHANGE, FBT_REMOVE_CONTEXT,
	 FBT_REMOVE_TEXT, FBT_REMOVE_VERDICTS, FBT_REMOVE_REMARK, FBT_COUNT };

struct feedback_writer {
	sqlite3_stmt *st[FB_COUNT], *text[FBT_COUNT];
	struct recent_response *responses;
};

static const char *const statements[FB_COUNT] = {
	[FB_ADD] = "INSERT INTO feedback(id, key, series, counted_us, source_id, mood, score, rating, judge, language,"
		" user, source, trace_id, request_id, import_ref, request_latency_us, request_cost_nusd, request_input_tokens,"
		" request_output_tokens, request_status, sentiment, confidence, findings, has_text, response_id, touched)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26)",
	[FB_FIND] = "SELECT max(key=?1), max(id=?2) FROM feedback WHERE key=?1 OR id=?2",
	[FB_ADD_VERDICT] = "INSERT OR REPLACE INTO feedback_verdicts(feedback_id, judge, time_us, mood, score, positive, neutral,"
		" negative, words) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
	[FB_WAITING] = "SELECT trace_id, response_id FROM feedback WHERE request_id IS NULL AND (trace_id IS NOT NULL OR"
		" response_id IS NOT NULL) ORDER BY id DESC LIMIT 65536",
	[FB_BY_TRACE] = "SELECT id, series, counted_us, mood FROM feedback WHERE request_id IS NULL AND (trace_id IS NOT NULL OR"
		" response_id IS NOT NULL) AND trace_id=?1 ORDER BY id DESC LIMIT ?2",
	[FB_BY_RESPONSE] = "SELECT id, series, counted_us, mood FROM feedback WHERE request_id IS NULL AND (trace_id IS NOT NULL OR"
		" response_id IS NOT NULL) AND response_id=?1 ORDER BY id DESC LIMIT ?2",
	[FB_JOIN] = "UPDATE feedback SET series=?2, counted_us=?3, request_id=?4, request_latency_us=?5, request_cost_nusd=?6,"
		" request_input_tokens=?7, request_output_tokens=?8, request_status=?9, touched=?10 WHERE id=?1",
	[FB_ADD_RESPONSE] = "INSERT OR REPLACE INTO responses(id, hash) VALUES(?1, ?2)",
	[FB_FIND_RESPONSE] = "SELECT id FROM responses WHERE id>=?1 AND id<?2 AND hash=?3 ORDER BY id DESC LIMIT 1",
	[FB_GET_RESPONSE] = "SELECT hash FROM responses WHERE id=?1",
	[FB_LAST_RESPONSES] = "SELECT id, hash FROM responses ORDER BY id DESC LIMIT 8192",
	[FB_MOVE_RESPONSE] = "INSERT OR IGNORE INTO responses(id, hash) VALUES(?1, ?2)",
	[FB_REMOVE_RESPONSE] = "DELETE FROM responses WHERE id=?1",
	[FB_REMOVE_LABELS] = "DELETE FROM labels WHERE feedback_id=?1",
	[FB_REMOVE_VERDICTS] = "DELETE FROM feedback_verdicts WHERE feedback_id=?1",
	[FB_REMOVE_LOCK] = "DELETE FROM feedback_locks WHERE feedback_id=?1",
	[FB_REMOVE_CHANGES] = "DELETE FROM feedback_change_items WHERE feedback_id=?1",
	[FB_REMARKS] = "SELECT id FROM feedback_remarks WHERE feedback_id=?1",
	[FB_REMOVE_REMARKS] = "DELETE FROM feedback_remarks WHERE feedback_id=?1",
	[FB_REMOVE_INCIDENTS] = "DELETE FROM incident_feedback WHERE feedback_id=?1",
	[FB_REMOVE_LINES] = "DELETE FROM incident_notes WHERE kind=2 AND text=printf('%llx', ?1)", /* INCIDENT_LINE_FEEDBACK */
};

static const char *const text_statements[FBT_COUNT] = {
	[FBT_ADD_EXCHANGE] = ("INSERT INTO exchanges(id, question, answer) VALUES(?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET"
		" question=CASE WHEN excluded.question='' THEN question ELSE excluded.question END,"
		" answer=CASE WHEN excluded.answer='' THEN answer ELSE excluded.answer END"),
	/* A part that came before is not put behind itself. */
	[FBT_ADD_CONTEXT] = ("INSERT INTO contexts(id, text) VALUES(?1, ?2) ON CONFLICT(id) DO UPDATE SET text=CASE WHEN"
		" instr(text, excluded.text) THEN text ELSE substr(text || char(10) || excluded.text, 1, 8192) END"),
	[FBT_HAS_EXCHANGE] = "SELECT 1 FROM exchanges WHERE id=?1 UNION ALL SELECT 1 FROM contexts WHERE id=?1 LIMIT 1",
	[FBT_MOVE_EXCHANGE] = ("INSERT INTO exchanges(id, question, answer) SELECT ?2, question, answer FROM exchanges WHERE id=?1"
		" ON CONFLICT(id) DO UPDATE SET question=CASE WHEN question='' THEN excluded.question ELSE question END,"
		" answer=CASE WHEN answer='' THEN excluded.answer ELSE answer END"),
	[FBT_MOVE_CONTEXT] = "INSERT OR IGNORE INTO contexts(id, text) SELECT ?2, text FROM contexts WHERE id=?1",
	[FBT_REMOVE_EXCHANGE] = "DELETE FROM exchanges WHERE id=?1",
	[FBT_REMOVE_CONTEXT] = "DELETE FROM contexts WHERE id=?1",
	[FBT_REMOVE_TEXT] = "DELETE FROM texts WHERE id=?1",
	[FBT_REMOVE_VERDICTS] = "DELETE FROM verdicts WHERE id=?1",
	[FBT_REMOVE_REMARK] = "DELETE FROM remarks WHERE id=?1",
};

int feedback_open(struct store_writer *w, struct err *err)
{
	struct feedback_writer *f = w->feedback = mem_zalloc(sizeof *f);

	f->responses = mem_zalloc(RECENT_RESPONSES * sizeof *f->responses);
	for (int i = 0; i < FB_COUNT; i++)
		if (sql_prepare(w->db, &f->st[i], statements[i], err))
			return -1;
	return 0;
}

int feedback_open_texts(struct store_writer *w, struct err *err)
{
	for (int i = 0; i < FBT_COUNT && w->texts; i++)
		if (sql_prepare(w->texts, &w->feedback->text[i], text_statements[i], err))
			return -1;
	return 0;
}

void feedback_close(struct store_writer *w)
{
	struct feedback_writer *f = w->feedback;

	if (!f)
		return;
	for (int i = 0; i < FB_COUNT; i++)
		sqlite3_finalize(f->st[i]);
	for (int i = 0; i < FBT_COUNT; i++)
		sqlite3_finalize(f->text[i]);
	free(f->responses);
	free(f);
	w->feedback = NULL;
}

int feedback_load_recent(struct store_writer *w, struct err *err)
{
	struct feedback_writer *f = w->feedback;
	sqlite3_stmt *st = f->st[FB_LAST_RESPONSES];
	int got;

	memset(f->responses, 0, RECENT_RESPONSES * sizeof *f->responses);
	while ((got = sql_step(st, err)) > 0) {
		uint64_t h = (uint64_t)sqlite3_column_int64(st, 1);
		struct recent_response *recent = &f->responses[h % RECENT_RESPONSES];

		if (!recent->hash) /* the newest come first */
			*recent = (struct recent_response){.hash = h, .id = sqlite3_column_int64(st, 0)};
	}
	return got;
}

int64_t feedback_touch(struct store_writer *w)
{
	return ++w->meta[META_TOUCHED];
}

int feedback_begin_texts(struct store_writer *w, struct err *err)
{
	if (!w->texts)
		return 0;
	if (!w->texts_open && sql_exec(w->texts, "BEGIN IMMEDIATE", err))
		return -1;
	w->texts_open = true;
	return 1;
}

static uint64_t trace_hash(const uint8_t trace_id[16])
{
	uint64_t h = hash_bytes(trace_id, 16);

	return h ? h : 1;
}

/* Not the hash of a trace, though both are in one map. */
static uint64_t response_hash(struct str id)
{
	return hash_mix(hash_bytes(id.ptr, id.len), RESPONSE_SALT) | 1;
}

/* ── joining ───────────────────────────────────────────────────────────────────────────────── */

int feedback_load_waiting(struct store_writer *w, struct err *err)
{
	sqlite3_stmt *st = w->feedback->st[FB_WAITING];
	int got;

	while ((got = sql_step(st, err)) > 0) {
		struct str response = sql_str(st, 1);

		if (sqlite3_column_bytes(st, 0) == 16)
			intmap_put(&w->waiting, trace_hash(sqlite3_column_blob(st, 0)), WAITING);
		if (response.len)
			intmap_put(&w->waiting, response_hash(response), WAITING);
	}
	return got;
}

/* An item's dimensions: its own, the unset ones from its request (0: it has none). */
static int find_series(struct store_writer *w, const struct str own[DIM_COUNT], uint32_t request_series, uint32_t *series,
                       struct err *err)
{
	struct str dims[DIM_COUNT];

	for (int d = 0; d < DIM_COUNT; d++) {
		dims[d] = own[d];
		if (!dims[d].len && request_series)
			dims[d] = str_of(names_text(&w->names, w->names.series[request_series].value[d]));
	}
	return names_leaf(&w->names, dims, series, err);
}

static void bind_figures(sqlite3_stmt *st, int first, const struct packed *p)
{
	for (int i = 0; i < 5; i++)
		sqlite3_bind_null(st, first + i);
	if (!p)
		return;
	sql_bind_unknown(st, first, p->latency_us);
	if (p->cost_source != COST_UNPRICED)
		sqlite3_bind_int64(st, first + 1, p->cost_nusd);
	sql_bind_unknown(st, first + 2, p->input_tokens);
	sql_bind_unknown(st, first + 3, p->output_tokens);
	sqlite3_bind_int(st, first + 4, p->status);
}

struct waiting_item {
	int64_t id, counted_us;
	uint32_t series;
	int mood;
};

static int join(struct store_writer *w, const struct waiting_item *item, int64_t request_id, uint32_t request_series,
                const struct packed *request, struct err *err)
{
	sqlite3_stmt *st = w->feedback->st[FB_JOIN];
	struct str own[DIM_COUNT];
	uint32_t series;

	for (int d = 0; d < DIM_COUNT; d++)
		own[d] = str_of(names_text(&w->names, w->names.series[item->series].value[d]));
	if (find_series(w, own, request_series, &series, err))
		return -1;
	writer_count_feedback(w, item->series, item->counted_us, item->mood, -1);
	writer_count_feedback(w, series, request->end_us, item->mood, 1);
	sqlite3_bind_int64(st, 1, item->id);
	sqlite3_bind_int64(st, 2, series);
	sqlite3_bind_int64(st, 3, request->end_us);
	sqlite3_bind_int64(st, 4, request_id);
	bind_figures(st, 5, request);
	sqlite3_bind_int64(st, 10, feedback_touch(w));
	return sql_run(st, err);
}

/* Joins what the statement, which is bound but for its bound, finds waiting. */
static int join_found(struct store_writer *w, sqlite3_stmt *st, int64_t id, struct store_counts *counts, struct err *err)
{
	struct waiting_item items[JOINED_AT_ONCE];
	struct packed *p = &w->other;
	uint32_t series;
	size_t n = 0;
	int got;

	sqlite3_bind_int64(st, 2, JOINED_AT_ONCE);
	while ((got = sql_step(st, err)) > 0 && n < JOINED_AT_ONCE)
		items[n++] = (struct waiting_item){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 2),
		                                   (uint32_t)sqlite3_column_int64(st, 1), sqlite3_column_int(st, 3)};
	sqlite3_reset(st);
	if (got < 0)
		return -1;
	if (!n)
		return 0;
	got = writer_get_request(w, id, &series, p, err);
	for (size_t i = 0; i < n && got > 0; i++) {
		if (join(w, &items[i], id, series, p, err))
			return -1;
		counts->joined++;
	}
	return got < 0 ? -1 : 0;
}

int feedback_join_trace(struct store_writer *w, int64_t id, struct store_counts *counts, struct err *err)
{
	sqlite3_stmt *st = w->feedback->st[FB_BY_TRACE];

	sqlite3_bind_blob(st, 1, w->packed.trace_id, 16, SQLITE_TRANSIENT);
	return join_found(w, st, id, counts, err);
}

int feedback_keep_exchange(struct store_writer *w, int64_t id, struct str question, struct str answer, struct str context,
                           struct err *err)
{
	sqlite3_stmt *st = w->feedback->text[FBT_ADD_EXCHANGE];
	int open = feedback_begin_texts(w, err);

	if (open <= 0)
		return open;
	sqlite3_bind_int64(st, 1, id);
	sql_bind_str(st, 2, question);
	sql_bind_str(st, 3, answer);
	if ((question.len || answer.len) && sql_run(st, err))
		return -1;
	if (!context.len)
		return 0;
	st = w->feedback->text[FBT_ADD_CONTEXT];
	sqlite3_bind_int64(st, 1, id);
	sql_bind_str(st, 2, context);
	return sql_run(st, err);
}

struct recent_response *feedback_recent_response(struct store_writer *w, struct str response_id)
{
	uint64_t h = response_hash(response_id);
	struct recent_response *recent = &w->feedback->responses[h % RECENT_RESPONSES];

	return recent->hash == h ? recent : NULL;
}

static int move_row(sqlite3_stmt *st, int64_t from, int64_t to, struct err *err)
{
	sqlite3_bind_int64(st, 1, from);
	sqlite3_bind_int64(st, 2, to);
	return sql_run(st, err);
}

static int move_texts(struct store_writer *w, int64_t from, int64_t to, struct err *err)
{
	struct feedback_writer *f = w->feedback;

	if (!w->texts)
		return 0;
	sqlite3_bind_int64(f->text[FBT_HAS_EXCHANGE], 1, from);
	int got = sql_step(f->text[FBT_HAS_EXCHANGE], err);

	sqlite3_reset(f->text[FBT_HAS_EXCHANGE]);
	if (got <= 0)
		return got;
	return feedback_begin_texts(w, err) < 0 || move_row(f->text[FBT_MOVE_EXCHANGE], from, to, err) ||
	       move_row(f->text[FBT_MOVE_CONTEXT], from, to, err) ? -1 : 0;
}

int feedback_move_request(struct store_writer *w, int64_t from, int64_t to, struct err *err)
{
	struct feedback_writer *f = w->feedback;
	sqlite3_stmt *st = f->st[FB_GET_RESPONSE];

	sqlite3_bind_int64(st, 1, from);
	int got = sql_step(st, err);
	int64_t hash = got > 0 ? sqlite3_column_int64(st, 0) : 0;

	sqlite3_reset(st);
	if (got < 0 || move_texts(w, from, to, err))
		return -1;
	if (got > 0) {
		struct recent_response *recent = &f->responses[(uint64_t)hash % RECENT_RESPONSES];

		if (recent->hash == (uint64_t)hash && recent->id == from)
			recent->id = to;
		if (move_row(f->st[FB_MOVE_RESPONSE], to, hash, err))
			return -1;
	}
	return feedback_forget_request(w, from, err);
}

int feedback_note_request(struct store_writer *w, int64_t id, const struct request *r, struct store_counts *counts,
                          struct err *err)
{
	struct feedback_writer *f = w->feedback;

	if ((r->question.len || r->answer.len) && feedback_keep_exchange(w, id, r->question, r->answer, (struct str){0}, err))
		return -1;
	if (writer_join_late_texts(w, id, r, counts, err))
		return -1;
	if (!r->response_id.len)
		return 0;
	uint64_t h = response_hash(r->response_id);

	struct recent_response *recent = &f->responses[h % RECENT_RESPONSES];

	*recent = (struct recent_response){h, id, recent->hash == h && recent->id == id && recent->paired};
	sqlite3_bind_int64(f->st[FB_ADD_RESPONSE], 1, id);
	sqlite3_bind_int64(f->st[FB_ADD_RESPONSE], 2, (int64_t)h);
	if (sql_run(f->st[FB_ADD_RESPONSE], err))
		return -1;
	if (!w->waiting.count || !intmap_remove(&w->waiting, h))
		return 0;
	sql_bind_str(f->st[FB_BY_RESPONSE], 1, r->response_id);
	return join_found(w, f->st[FB_BY_RESPONSE], id, counts, err);
}

/* 1 found, with the request in w->other; 0 not; -1 error. */
static int find_response(struct store_writer *w, const struct feedback *f, int64_t *id, uint32_t *series, struct err *err)
{
	uint64_t h = response_hash(f->response_id);
	const struct recent_response *recent = &w->feedback->responses[h % RECENT_RESPONSES];
	sqlite3_stmt *st = w->feedback->st[FB_FIND_RESPONSE];

	if (recent->hash == h) {
		*id = recent->id;
		return writer_get_request(w, *id, series, &w->other, err);
	}
	sqlite3_bind_int64(st, 1, id_first_us(f->time_us > US_PER_DAY ? f->time_us - US_PER_DAY : 0));
	sqlite3_bind_int64(st, 2, id_first_us(f->time_us + US_PER_HOUR));
	sqlite3_bind_int64(st, 3, (int64_t)h);
	int got = sql_step(st, err);

	if (got > 0)
		*id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return got > 0 ? writer_get_request(w, *id, series, &w->other, err) : got;
}

/* The request an item is about, with its row in w->other: 1 found, 0 not, -1 error. */
static int find_request(struct store_writer *w, const struct feedback *f, int64_t *id, uint32_t *series, struct err *err)
{
	int got = 0;

	if (f->has_trace && (got = writer_find_trace(w, f->trace_id, f->time_us, id, err)) > 0)
		got = writer_get_request(w, *id, series, &w->other, err);
	if (got == 0 && f->response_id.len)
		got = find_response(w, f, id, series, err);
	return got;
}

/* ── adding ────────────────────────────────────────────────────────────────────────────────── */

void writer_count_feedback(struct store_writer *w, uint32_t series, int64_t time_us, int mood, int sign)
{
	struct figures *f = delta_counts(&w->delta, series, time_us, w->meta[META_FLOOR_10S]);

	f->feedback += sign;
	f->positive += mood == MOOD_POSITIVE ? sign : 0;
	f->neutral += mood == MOOD_NEUTRAL ? sign : 0;
	f->negative += mood == MOOD_NEGATIVE ? sign : 0;
}

static int64_t feedback_key(const struct feedback *f)
{
	uint64_t h = hash_bytes(f->source.ptr, f->source.len);

	if (f->id.len)
		return (int64_t)(hash_mix(h, hash_bytes(f->id.ptr, f->id.len)) & KEY_BITS);
	h = hash_mix(hash_mix(h, (uint64_t)f->time_us), hash_bytes(f->text.ptr, f->text.len));
	h = hash_mix(h, hash_bytes(f->user.ptr, f->user.len));
	h = hash_mix(h, f->has_trace ? trace_hash(f->trace_id) : 0);
	h = hash_mix(h, hash_bytes(f->response_id.ptr, f->response_id.len));
	h = hash_mix(h, hash_bytes(&f->rating, sizeof f->rating));
	return (int64_t)(hash_mix(h, hash_bytes(&f->score, sizeof f->score)) & KEY_BITS);
}

/* A free id at the item's time; 0 in *id when the item is stored already. */
static int place_feedback(struct store_writer *w, int64_t key, int64_t *id, struct err *err)
{
	sqlite3_stmt *st = w->feedback->st[FB_FIND];

	for (;; ++*id) {
		sqlite3_bind_int64(st, 1, key);
		sqlite3_bind_int64(st, 2, *id);
		int got = sql_step(st, err);
		bool known = got > 0 && sqlite3_column_int(st, 0), taken = got > 0 && sqlite3_column_int(st, 1);
		sqlite3_reset(st);
		if (got < 0)
			return -1;
		if (known)
			*id = 0;
		if (known || !taken)
			return 0;
	}
}

static void bind_real(sqlite3_stmt *st, int at, double v)
{
	if (isnan(v))
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_double(st, at, v);
}

/* NULL for empty, so that partial indexes leave the row out. */
static void bind_some(sqlite3_stmt *st, int at, struct str s)
{
	if (s.len)
		sql_bind_str(st, at, s);
	else
		sqlite3_bind_null(st, at);
}

static int store_text(struct store_writer *w, int64_t id, struct str text, struct err *err)
{
	int open = text.len ? feedback_begin_texts(w, err) : 0;

	if (open <= 0)
		return open;
	if (text.len > EVENT_TEXT_MAX_BYTES)
		text.len = EVENT_TEXT_MAX_BYTES;
	sqlite3_bind_int64(w->add_text, 1, id);
	sql_bind_str(w->add_text, 2, text);
	return sql_run(w->add_text, err);
}

/* The confidence in the mood that was chosen. */
static double confidence_of(const struct feedback *f)
{
	return f->mood >= MOOD_POSITIVE && f->mood <= MOOD_NEGATIVE ? f->confidence[f->mood - MOOD_POSITIVE] : NAN;
}

static int store_verdict(struct store_writer *w, int64_t id, uint32_t judge, const struct feedback *f, struct err *err)
{
	sqlite3_stmt *st = w->feedback->st[FB_ADD_VERDICT];

	if (!judge)
		return 0;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, judge);
	sqlite3_bind_int64(st, 3, writer_now_us(w));
	sqlite3_bind_int(st, 4, f->mood);
	bind_real(st, 5, f->sentiment);
	for (int i = 0; i < 3; i++)
		bind_real(st, 6 + i, f->confidence[i]);
	sqlite3_bind_null(st, 9);
	return sql_run(st, err);
}

struct placed {
	int64_t id, key, counted_us, request_id;
	uint32_t series, judge, language, source;
	const struct packed *request; /* NULL: not joined */
};

static int insert(struct store_writer *w, const struct feedback *f, const struct placed *at, struct err *err)
{
	const int64_t numbers[] = {at->id, at->key, at->series, at->counted_us};
	sqlite3_stmt *st = w->feedback->st[FB_ADD];

	for (int i = 0; i < 4; i++)
		sqlite3_bind_int64(st, 1 + i, numbers[i]);
	sql_bind_str(st, 5, f->id);
	sqlite3_bind_int(st, 6, f->mood);
	bind_real(st, 7, f->score);
	bind_real(st, 8, f->rating);
	sqlite3_bind_int64(st, 9, at->judge);
	sqlite3_bind_int64(st, 10, at->language);
	sql_bind_str(st, 11, f->user);
	sqlite3_bind_int64(st, 12, at->source);
	if (f->has_trace)
		sqlite3_bind_blob(st, 13, f->trace_id, 16, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 13);
	if (at->request)
		sqlite3_bind_int64(st, 14, at->request_id);
	else
		sqlite3_bind_null(st, 14);
	sqlite3_bind_int64(st, 15, w->import_ref);
	bind_figures(st, 16, at->request);
	bind_real(st, 21, f->sentiment);
	bind_real(st, 22, confidence_of(f));
	bind_some(st, 23, f->findings);
	sqlite3_bind_int(st, 24, f->text.len ? 1 : 0);
	bind_some(st, 25, f->response_id);
	sqlite3_bind_int64(st, 26, feedback_touch(w));
	return sql_run(st, err);
}

/* The request may come later. */
static void wait_for_request(struct store_writer *w, const struct feedback *f)
{
	if (f->has_trace)
		intmap_put(&w->waiting, trace_hash(f->trace_id), WAITING);
	if (f->response_id.len)
		intmap_put(&w->waiting, response_hash(f->response_id), WAITING);
}

static int add_feedback(struct store_writer *w, const struct feedback *f, struct store_counts *counts, struct err *err)
{
	struct placed at = {.key = feedback_key(f)};
	uint32_t request_series = 0;

	if (f->time_us <= 0 || f->time_us > ID_TIME_MAX_US - US_PER_DAY)
		return err_set(err, "store: a feedback item has the time %lld us, outside of 1970 to 2255: correct it", (long long)f->time_us);
	at.id = id_first_us(f->time_us) + (at.key & ((1 << ID_BITS) - 1));
	if (place_feedback(w, at.key, &at.id, err))
		return -1;
	if (!at.id) {
		counts->duplicates++;
		return 0;
	}
	int joined = find_request(w, f, &at.request_id, &request_series, err);

	at.request = joined > 0 ? &w->other : NULL;
	at.counted_us = joined > 0 ? w->other.end_us : f->time_us;
	if (joined < 0 || find_series(w, f->dims, joined ? request_series : 0, &at.series, err) ||
	    names_intern(&w->names, f->judge, &at.judge, err) || names_intern(&w->names, f->language, &at.language, err) ||
	    names_intern(&w->names, f->source, &at.source, err) || insert(w, f, &at, err) ||
	    store_text(w, at.id, f->text, err) || store_verdict(w, at.id, at.judge, f, err))
		return -1;
	counts->added++;
	counts->joined += joined ? 1 : 0;
	counts->unjoined += (f->has_trace || f->response_id.len) && !joined ? 1 : 0;
	w->meta[META_FEEDBACK]++;
	writer_count_feedback(w, at.series, at.counted_us, f->mood, 1);
	if (!joined)
		wait_for_request(w, f);
	return 0;
}

int writer_add_feedback(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	for (size_t i = 0; i < b->feedback_count; i++)
		if (add_feedback(w, &b->feedback[i], counts, err) || (i % 1024 == 1023 && writer_flush(w, false, err)))
			return -1;
	return 0;
}

/* ── forgetting ────────────────────────────────────────────────────────────────────────────── */

static int remove_by_id(sqlite3_stmt *st, int64_t id, struct err *err)
{
	sqlite3_bind_int64(st, 1, id);
	return sql_run(st, err);
}

static int forget_remarks(struct store_writer *w, int64_t id, bool texts, struct err *err)
{
	struct feedback_writer *f = w->feedback;
	sqlite3_stmt *st = f->st[FB_REMARKS];
	int got;

	sqlite3_bind_int64(st, 1, id);
	while ((got = sql_step(st, err)) > 0)
		if (texts && remove_by_id(f->text[FBT_REMOVE_REMARK], sqlite3_column_int64(st, 0), err)) {
			sqlite3_reset(st);
			return -1;
		}
	return got < 0 ? -1 : remove_by_id(f->st[FB_REMOVE_REMARKS], id, err);
}

int feedback_forget_item(struct store_writer *w, int64_t id, struct err *err)
{
	static const int kinds[] = {FB_REMOVE_LABELS, FB_REMOVE_VERDICTS, FB_REMOVE_LOCK, FB_REMOVE_CHANGES, FB_REMOVE_INCIDENTS, FB_REMOVE_LINES};
	struct feedback_writer *f = w->feedback;
	int open = feedback_begin_texts(w, err);

	if (open < 0 || (open && (remove_by_id(f->text[FBT_REMOVE_TEXT], id, err) || remove_by_id(f->text[FBT_REMOVE_VERDICTS], id, err))) ||
	    forget_remarks(w, id, open, err))
		return -1;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (remove_by_id(f->st[kinds[i]], id, err))
			return -1;
	return 0;
}

int feedback_forget_request(struct store_writer *w, int64_t id, struct err *err)
{
	struct feedback_writer *f = w->feedback;
	int open = feedback_begin_texts(w, err);

	if (open < 0 || (open && (remove_by_id(f->text[FBT_REMOVE_EXCHANGE], id, err) || remove_by_id(f->text[FBT_REMOVE_CONTEXT], id, err))))
		return -1;
	return remove_by_id(f->st[FB_REMOVE_RESPONSE], id, err);
}
