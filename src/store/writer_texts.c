/* Texts that log events tell of a model call, apart from its span. One whose request is stored goes to that
 * row's texts at once; another waits in the text file, so that what was acknowledged outlives a restart,
 * and is joined when its request comes. What waits is bounded in number and in time: the oldest goes first. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/feedback.h"
#include "store/sql.h"

#define WAITING_MAX 16384
#define WAITS_US US_PER_HOUR
#define KEY_BITS (INT64_MAX)
#define HERE ((void *)(uintptr_t)1)

enum { LT_ADD, LT_KEYS, LT_OLDEST, LT_FIND, LT_REMOVE, LT_COUNT };

static const char *const statements[LT_COUNT] = {
	/* Parts that come in several bodies are put together; one that comes again changes nothing. */
	[LT_ADD] = "INSERT INTO waiting(key, time_us, question, answer, context) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(key) DO"
		" UPDATE SET question=CASE WHEN excluded.question='' THEN question ELSE excluded.question END,"
		" answer=CASE WHEN excluded.answer='' THEN answer ELSE excluded.answer END,"
		" context=CASE WHEN excluded.context='' OR instr(context, excluded.context) THEN context"
		" WHEN context='' THEN excluded.context ELSE substr(context || char(10) || excluded.context, 1, 8192) END",
	[LT_KEYS] = "SELECT key FROM waiting",
	[LT_OLDEST] = "SELECT key, time_us FROM waiting ORDER BY id LIMIT 1",
	[LT_FIND] = "SELECT question, answer, context FROM waiting WHERE key=?1",
	[LT_REMOVE] = "DELETE FROM waiting WHERE key=?1",
};

struct late_texts {
	sqlite3_stmt *st[LT_COUNT];
	struct intmap waiting; /* key -> HERE */
};

static int64_t key_of(const uint8_t trace_id[16], const uint8_t span_id[8])
{
	return (int64_t)(writer_call_hash(trace_id, span_id) & KEY_BITS);
}

static int load_keys(struct store_writer *w, struct err *err)
{
	struct late_texts *t = w->late_texts;
	int got;

	intmap_clear(&t->waiting);
	while ((got = sql_step(t->st[LT_KEYS], err)) > 0)
		intmap_put(&t->waiting, (uint64_t)sqlite3_column_int64(t->st[LT_KEYS], 0), HERE);
	return got;
}

int late_texts_open(struct store_writer *w, struct err *err)
{
	struct late_texts *t;

	if (!w->texts)
		return 0;
	t = w->late_texts = mem_zalloc(sizeof *t);
	for (int i = 0; i < LT_COUNT; i++)
		if (sql_prepare(w->texts, &t->st[i], statements[i], err))
			return -1;
	return load_keys(w, err);
}

int late_texts_reload(struct store_writer *w, struct err *err)
{
	return w->late_texts ? load_keys(w, err) : 0;
}

void late_texts_close(struct store_writer *w)
{
	struct late_texts *t = w->late_texts;

	if (!t)
		return;
	for (int i = 0; i < LT_COUNT; i++)
		sqlite3_finalize(t->st[i]);
	intmap_fini(&t->waiting);
	free(t);
	w->late_texts = NULL;
}

static int remove_key(struct late_texts *t, int64_t key, struct err *err)
{
	intmap_remove(&t->waiting, (uint64_t)key);
	sqlite3_bind_int64(t->st[LT_REMOVE], 1, key);
	return sql_run(t->st[LT_REMOVE], err);
}

/* Drops the oldest while there are more than `most`, or they came before `before_us`. */
static int drop_old(struct store_writer *w, size_t most, int64_t before_us, struct store_counts *counts, struct err *err)
{
	struct late_texts *t = w->late_texts;
	sqlite3_stmt *st = t->st[LT_OLDEST];

	while (t->waiting.count) {
		int got = sql_step(st, err);
		int64_t key = sqlite3_column_int64(st, 0), time_us = sqlite3_column_int64(st, 1);

		sqlite3_reset(st);
		if (got <= 0 || (t->waiting.count <= most && time_us >= before_us))
			return got < 0 ? -1 : 0;
		if (remove_key(t, key, err))
			return -1;
		counts->texts_dropped++;
	}
	return 0;
}

static int64_t oldest_wanted_us(const struct store_writer *w)
{
	return writer_now_us(w) - WAITS_US;
}

static int wait_for_call(struct store_writer *w, const struct late_text *text, struct store_counts *counts, struct err *err)
{
	struct late_texts *t = w->late_texts;
	sqlite3_stmt *st = t->st[LT_ADD];
	int64_t key = key_of(text->trace_id, text->span_id);

	sqlite3_bind_int64(st, 1, key);
	sqlite3_bind_int64(st, 2, writer_now_us(w)); /* of its coming: what it says of its own time may be anything */
	sql_bind_str(st, 3, text->question);
	sql_bind_str(st, 4, text->answer);
	sql_bind_str(st, 5, text->context);
	if (sql_run(st, err))
		return -1;
	intmap_put(&t->waiting, (uint64_t)key, HERE);
	counts->unjoined++;
	return drop_old(w, WAITING_MAX, oldest_wanted_us(w), counts, err);
}

static int add_text(struct store_writer *w, const struct late_text *text, struct store_counts *counts, struct err *err)
{
	int64_t id;
	int got = writer_find_call(w, text->trace_id, text->span_id, &id, err);

	if (got < 0)
		return -1;
	if (!got)
		return wait_for_call(w, text, counts, err);
	counts->joined++;
	return feedback_keep_exchange(w, id, text->question, text->answer, text->context, err);
}

int writer_add_late_texts(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	int open = b->late_text_count ? feedback_begin_texts(w, err) : 0;

	if (open <= 0) {
		counts->texts_dropped += b->late_text_count;
		return open;
	}
	for (size_t i = 0; i < b->late_text_count; i++)
		if (add_text(w, &b->late_texts[i], counts, err))
			return -1;
	return 0;
}

/* The row is read whole before it is removed: its texts lie in the statement. */
static int join_waiting(struct store_writer *w, int64_t key, int64_t id, struct store_counts *counts, struct err *err)
{
	struct late_texts *t = w->late_texts;
	sqlite3_stmt *st = t->st[LT_FIND];
	int failed = 0, got;

	if (feedback_begin_texts(w, err) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, key);
	got = sql_step(st, err);
	if (got > 0)
		failed = feedback_keep_exchange(w, id, sql_str(st, 0), sql_str(st, 1), sql_str(st, 2), err);
	sqlite3_reset(st);
	if (got < 0 || failed)
		return -1;
	counts->joined += got > 0;
	return remove_key(t, key, err);
}

int writer_join_late_texts(struct store_writer *w, int64_t id, const struct request *r, struct store_counts *counts,
                           struct err *err)
{
	if (!w->late_texts || !w->late_texts->waiting.count || !r->has_trace || !r->has_span)
		return 0;
	int64_t key = key_of(r->trace_id, r->span_id);

	return intmap_get(&w->late_texts->waiting, (uint64_t)key) ? join_waiting(w, key, id, counts, err) : 0;
}

int late_texts_expire(struct store_writer *w, int64_t now_us, struct err *err)
{
	struct store_counts counts = {0};

	return w->late_texts ? drop_old(w, WAITING_MAX, now_us - WAITS_US, &counts, err) : 0;
}
