/* Evaluation scores by deployment: the newest SCORES_MAX results of the window, each counted for the
 * deployment of its request where that is known, else for its own. Who asks for the newest window asks again
 * every second: its results are kept, by time, and only rows with higher ids are read (a row never changes).
 * Other windows are summed by the database. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/reader_private.h"
#include "store/sql.h"

#define SCORES_MAX 20000
#define STRING_OF(x) #x
#define TEXT_OF(x) STRING_OF(x)

struct entry {
	int64_t time_us;
	double score;
	uint32_t series, name;
};

struct score_index {
	struct entry *items;    /* by time */
	size_t count, cap;
	int64_t asked_us;       /* the earliest window they were read for */
	int64_t from_us;        /* every result since then is among them */
	int64_t version;        /* data_version they were read at */
	int64_t last_id, last_us; /* the newest row read; 0: none */
};

void score_index_free(struct score_index **index)
{
	if (*index)
		free((*index)->items);
	free(*index);
	*index = NULL;
}

/* ── the kept results ──────────────────────────────────────────────────────────────────────── */

/* The first result at `time_us` or later. */
static size_t first_at(const struct score_index *x, int64_t time_us)
{
	size_t low = 0, high = x->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->items[middle].time_us < time_us)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry read_entry(sqlite3_stmt *st)
{
	return (struct entry){
		.time_us = sqlite3_column_int64(st, 1), .series = (uint32_t)sqlite3_column_int64(st, 2),
		.name = (uint32_t)sqlite3_column_int64(st, 3), .score = sqlite3_column_double(st, 4),
	};
}

/* Half of them at a time, so that this is rare. */
static void drop_oldest(struct score_index *x)
{
	size_t gone;

	if (x->count < (size_t)2 * SCORES_MAX)
		return;
	x->from_us = x->items[x->count - SCORES_MAX].time_us;
	gone = first_at(x, x->from_us);
	x->count -= gone;
	memmove(x->items, x->items + gone, x->count * sizeof *x->items);
}

/* New ones come at the end, but for late ones. */
static void insert(struct score_index *x, struct entry e)
{
	size_t at = x->count && x->items[x->count - 1].time_us > e.time_us ? first_at(x, e.time_us) : x->count;

	x->items = mem_grow(x->items, &x->cap, x->count + 1, sizeof *x->items);
	memmove(x->items + at + 1, x->items + at, (x->count - at) * sizeof *x->items);
	x->items[at] = e;
	x->count++;
	drop_oldest(x);
}

/* Rows after the last one. 1 when that one has gone: its id may have been given again. */
static int read_new(struct store_reader *r, struct score_index *x, struct err *err)
{
	sqlite3_stmt *st = NULL;
	bool known = x->last_id == 0;
	int got;

	if (sql_prepare(r->db, &st, "SELECT id, time_us, series, name, score, score IS NOT NULL FROM evaluations WHERE id>=?1"
	                " ORDER BY id", err))
		return -1;
	sqlite3_bind_int64(st, 1, x->last_id);
	while ((got = sql_step(st, err)) > 0) {
		int64_t id = sqlite3_column_int64(st, 0), time_us = sqlite3_column_int64(st, 1);

		if (!known && (id != x->last_id || time_us != x->last_us))
			break;
		if (known && sqlite3_column_int(st, 5) && time_us >= x->from_us)
			insert(x, read_entry(st));
		known = true;
		x->last_id = id;
		x->last_us = time_us;
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : !known;
}

static int read_last(struct store_reader *r, struct score_index *x, struct err *err)
{
	x->last_id = x->last_us = 0;
	return sql_int(r->db, "SELECT max(id) FROM evaluations", 0, &x->last_id, err) ||
	       sql_int(r->db, "SELECT time_us FROM evaluations ORDER BY id DESC LIMIT 1", 0, &x->last_us, err);
}

/* Everything since `from_us`, or the newest SCORES_MAX of it. */
static int read_since(struct store_reader *r, struct score_index *x, int64_t from_us, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got;

	x->count = 0;
	x->asked_us = x->from_us = from_us;
	if (read_last(r, x, err) || sql_prepare(r->db, &st, "SELECT id, time_us, series, name, score FROM evaluations"
	    " WHERE time_us>=?1 AND score IS NOT NULL ORDER BY time_us DESC LIMIT " TEXT_OF(SCORES_MAX), err))
		return -1;
	sqlite3_bind_int64(st, 1, from_us);
	while ((got = sql_step(st, err)) > 0) {
		x->items = mem_grow(x->items, &x->cap, x->count + 1, sizeof *x->items);
		x->items[x->count++] = read_entry(st);
	}
	sqlite3_finalize(st);
	for (size_t i = 0; i < x->count / 2; i++) {
		struct entry swapped = x->items[i];

		x->items[i] = x->items[x->count - 1 - i];
		x->items[x->count - 1 - i] = swapped;
	}
	if (x->count == SCORES_MAX)
		x->from_us = x->items[0].time_us + 1; /* those of the same time are not all here */
	return got;
}

static bool holds(const struct score_index *x, int64_t from_us, int64_t to_us)
{
	return from_us >= x->from_us || first_at(x, to_us) >= SCORES_MAX;
}

/* Brings the kept results up to date. 1: they hold the window; 0: they do not. */
static int keep_up(struct store_reader *r, int64_t from_us, int64_t to_us, struct err *err)
{
	struct score_index *x = r->scores;
	int again = 1;

	if (from_us < r->raw_floor_us)
		return 0; /* rows go there */
	if (!x)
		x = r->scores = mem_zalloc(sizeof *x);
	else
		again = x->version == r->loaded_version ? 0 : read_new(r, x, err);
	if (again == 0)
		again = from_us < x->asked_us && !holds(x, from_us, to_us);
	if (again < 0 || (again && read_since(r, x, from_us, err))) {
		score_index_free(&r->scores);
		return -1;
	}
	x->version = r->loaded_version;
	return holds(x, from_us, to_us);
}

/* ── sums ──────────────────────────────────────────────────────────────────────────────────── */

/* Whose results are asked for, and where they go. */
struct adding {
	const struct names *names;
	struct str service, environment; /* empty: any */
	uint32_t service_id, environment_id;
	struct score_result *out;
};

static bool fits(const struct adding *a, uint32_t series)
{
	const struct series *s = a->names->series;

	if (series >= a->names->series_count)
		return false;
	s += series;
	return (a->service.len == 0 || s->value[DIM_SERVICE] == a->service_id) &&
	       (a->environment.len == 0 || s->value[DIM_ENVIRONMENT] == a->environment_id);
}

/* While rows are added up, `mean` and `variance` hold the sums of scores and of their squares. */
static void add_score(struct score_result *out, const char *deployment, const char *name, int64_t count,
                      double sum, double squares)
{
	for (size_t i = 0; i < out->row_count; i++)
		if (!strcmp(out->rows[i].deployment, deployment) && !strcmp(out->rows[i].name, name)) {
			out->rows[i].mean += sum;
			out->rows[i].variance += squares;
			out->rows[i].count += count;
			return;
		}
	if (out->row_count == SCORE_ROWS_MAX)
		return;
	out->rows[out->row_count++] = (struct score_row){
		.deployment = arena_copy(&out->arena, deployment, strlen(deployment)),
		.name = arena_copy(&out->arena, name, strlen(name)), .count = count, .mean = sum, .variance = squares,
	};
}

static void add_row(const struct adding *a, uint32_t series, uint32_t name, int64_t count, double sum, double squares)
{
	add_score(a->out, names_text(a->names, a->names->series[series].value[DIM_DEPLOYMENT]), names_text(a->names, name), count,
	          sum, squares);
}

/* Those of one series and name stand for one row of the answer: they are added up before names are compared. */
struct sum {
	uint32_t series, name;
	int64_t count;
	double scores, squares;
};

static void add_kept(const struct adding *a, const struct score_index *x, int64_t from_us, int64_t to_us)
{
	size_t first = first_at(x, from_us), last = first_at(x, to_us), n = 0, cap = 0, at = 0;
	struct sum *sums = NULL;

	if (last - first > SCORES_MAX)
		first = last - SCORES_MAX;
	for (size_t i = first; i < last; i++) {
		const struct entry *e = &x->items[i];

		if (!fits(a, e->series))
			continue;
		for (at = 0; at < n && (sums[at].series != e->series || sums[at].name != e->name); at++)
			;
		if (at == n) {
			sums = mem_grow(sums, &cap, ++n, sizeof *sums);
			sums[at] = (struct sum){.series = e->series, .name = e->name};
		}
		sums[at].count++;
		sums[at].scores += e->score;
		sums[at].squares += e->score * e->score;
	}
	for (size_t i = 0; i < n; i++)
		add_row(a, sums[i].series, sums[i].name, sums[i].count, sums[i].scores, sums[i].squares);
	free(sums);
}

static int add_stored(const struct adding *a, sqlite3 *db, int64_t from_us, int64_t to_us, struct err *err)
{
	static const char sql[] =
		"SELECT e.series s, e.name, count(*), sum(e.score), sum(e.score*e.score)"
		" FROM (SELECT * FROM evaluations WHERE time_us>=?1 AND time_us<?2 AND score IS NOT NULL ORDER BY time_us DESC"
		" LIMIT " TEXT_OF(SCORES_MAX) ") e GROUP BY 1, 2";
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(db, &st, sql, err))
		return -1;
	sqlite3_bind_int64(st, 1, from_us);
	sqlite3_bind_int64(st, 2, to_us);
	while ((got = sql_step(st, err)) > 0) {
		uint32_t series = (uint32_t)sqlite3_column_int64(st, 0);

		if (fits(a, series))
			add_row(a, series, (uint32_t)sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2),
			        sqlite3_column_double(st, 3), sqlite3_column_double(st, 4));
	}
	sqlite3_finalize(st);
	return got;
}

/* From sums to means. */
static void finish(struct score_result *out)
{
	for (size_t i = 0; i < out->row_count; i++) {
		struct score_row *row = &out->rows[i];
		double n = (double)row->count, sum = row->mean;

		row->mean = sum / n;
		row->variance = row->count > 1 ? fmax(0, (row->variance - sum * row->mean) / (n - 1)) : NAN;
	}
}

int query_scores(struct store_reader *r, struct str service, struct str environment, int64_t from_us, int64_t to_us,
                 struct score_result *out, struct err *err)
{
	struct adding adding = {.names = &r->names, .service = service, .environment = environment, .out = out};
	int kept;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	adding.service_id = names_find(&r->names, service);
	adding.environment_id = names_find(&r->names, environment);
	out->rows = arena_alloc(&out->arena, SCORE_ROWS_MAX * sizeof *out->rows);
	kept = keep_up(r, from_us, to_us, err);
	if (kept > 0)
		add_kept(&adding, r->scores, from_us, to_us);
	if (kept < 0 || (kept == 0 && add_stored(&adding, r->db, from_us, to_us, err))) {
		score_result_fini(out);
		return reader_end(r, -1);
	}
	finish(out);
	return reader_end(r, 0);
}

void score_result_fini(struct score_result *res)
{
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}
