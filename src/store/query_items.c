/* Feedback items, rollouts, gauges, billing rows, imports and names: tables read as they are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/reader_private.h"
#include "store/sql.h"

static struct str text_of(sqlite3_stmt *st, int column, struct arena *a)
{
	struct str s = sql_str(st, column);

	return (struct str){arena_copy(a, s.len ? s.ptr : "", s.len), s.len};
}

static struct str name_of(const struct names *n, sqlite3_stmt *st, int column, struct arena *a)
{
	const char *text = names_text(n, (uint32_t)sqlite3_column_int64(st, column));
	size_t len = strlen(text);

	return (struct str){arena_copy(a, text, len), len};
}

static double real_of(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? NAN : sqlite3_column_double(st, column);
}

static void read_feedback(struct store_reader *r, sqlite3_stmt *st, const struct series *s, struct arena *a,
                          struct feedback_row *row)
{
	struct feedback *f = &row->item;

	memset(row, 0, sizeof *row);
	row->id = sqlite3_column_int64(st, 0);
	f->time_us = id_time_us(row->id);
	f->id = text_of(st, 2, a);
	f->mood = (uint8_t)sqlite3_column_int(st, 3);
	f->score = real_of(st, 4);
	f->rating = real_of(st, 5);
	f->judge = name_of(&r->names, st, 6, a);
	f->language = name_of(&r->names, st, 7, a);
	f->user = text_of(st, 8, a);
	f->source = name_of(&r->names, st, 9, a);
	f->has_trace = sqlite3_column_bytes(st, 10) == 16;
	if (f->has_trace)
		memcpy(f->trace_id, sqlite3_column_blob(st, 10), 16);
	for (int d = 0; d < DIM_COUNT; d++) {
		const char *text = names_text(&r->names, s->value[d]);
		size_t len = strlen(text);

		f->dims[d] = (struct str){arena_copy(a, text, len), len};
	}
}

static void read_texts(struct store_reader *r, struct feedback_result *out)
{
	sqlite3_stmt *st = NULL;

	if (reader_open_texts(r) && sql_prepare(r->texts, &st, "SELECT text FROM texts WHERE id=?1", NULL))
		st = NULL;
	for (size_t i = 0; i < out->row_count; i++) {
		struct feedback_row *row = &out->rows[i];

		row->text_withheld = !st;
		row->item.text = (struct str){"", 0};
		if (!st)
			continue;
		sqlite3_bind_int64(st, 1, row->id);
		int got = sql_step(st, NULL);
		if (got > 0)
			row->item.text = text_of(st, 0, &out->arena);
		row->text_withheld = got < 0;
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
}

int query_feedback(struct store_reader *r, const struct view *v, size_t limit, struct feedback_result *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got = 0;

	memset(out, 0, sizeof *out);
	limit = limit < 1 ? 1 : limit > 100000 ? 100000 : limit;
	if (reader_begin(r, err))
		return -1;
	if (sql_prepare(r->db, &st, "SELECT id, series, source_id, mood, score, rating, judge, language, user, source, trace_id"
	                " FROM feedback WHERE id>=?1 AND id<?2 ORDER BY id DESC", err))
		return reader_end(r, -1);
	sqlite3_bind_int64(st, 1, id_first_us(v->from_us > 0 ? v->from_us : 0));
	sqlite3_bind_int64(st, 2, id_first_us(v->to_us < ID_TIME_MAX_US ? v->to_us : ID_TIME_MAX_US));
	size_t cap = 0;
	while (out->row_count < limit && (got = sql_step(st, err)) > 0) {
		uint32_t series = (uint32_t)sqlite3_column_int64(st, 1);

		if (series >= r->names.series_count || !view_passes_series(r, v, &r->names.series[series]))
			continue;
		out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
		read_feedback(r, st, &r->names.series[series], &out->arena, &out->rows[out->row_count++]);
	}
	sqlite3_finalize(st);
	if (got >= 0)
		read_texts(r, out);
	else
		feedback_result_fini(out);
	return reader_end(r, got < 0 ? -1 : 0);
}

void feedback_result_fini(struct feedback_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

static void read_rollout(sqlite3_stmt *st, int64_t time_us, struct arena *a, struct rollout_row *row)
{
	struct rollout_state *s = &row->state;

	memset(row, 0, sizeof *row);
	s->time_us = time_us;
	s->name = text_of(st, 3, a);
	s->service = text_of(st, 4, a);
	s->environment = text_of(st, 5, a);
	s->phase = text_of(st, 6, a);
	s->reason = text_of(st, 7, a);
	for (int i = 0; i < ROLLOUT_ARMS_MAX; i++)
		row->arriving_percent[i] = NAN;
}

static int read_arms(struct store_reader *r, int64_t id, struct arena *a, struct rollout_state *s, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(r->db, &st, "SELECT deployment, role, desired_percent, actual_percent FROM rollout_arms"
	                " WHERE rollout_id=?1 ORDER BY position", err))
		return -1;
	sqlite3_bind_int64(st, 1, id);
	while ((got = sql_step(st, err)) > 0)
		if (s->arm_count < ROLLOUT_ARMS_MAX)
			s->arms[s->arm_count++] = (struct rollout_arm){text_of(st, 0, a), text_of(st, 1, a), real_of(st, 2), real_of(st, 3)};
	sqlite3_finalize(st);
	return got;
}

/* Rows of a statement with the columns id, time_us, seen_us, name, service, environment, phase,
 * reason; `seen`: the state's time is when it was last reported. */
static int read_rollouts(struct store_reader *r, sqlite3_stmt *st, bool seen, struct rollout_result *out, struct err *err)
{
	size_t cap = 0;
	int got;

	while ((got = sql_step(st, err)) > 0) {
		out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
		struct rollout_row *row = &out->rows[out->row_count++];

		read_rollout(st, sqlite3_column_int64(st, seen ? 2 : 1), &out->arena, row);
		if (read_arms(r, sqlite3_column_int64(st, 0), &out->arena, &row->state, err))
			return -1;
	}
	return got;
}

static bool set_filter(struct view *v, enum dim d, struct str value)
{
	struct filter *f = &v->filters[v->filter_count];

	if (!value.len)
		return true;
	if (value.len >= sizeof f->value)
		return false;
	*f = (struct filter){.dim = d};
	memcpy(f->value, value.ptr, value.len);
	v->filter_count++;
	return true;
}

/* Each arm's share of the requests that arrived for the rollout's service and environment. */
static int measure_arms(struct store_reader *r, const struct view *window, struct rollout_row *row, struct err *err)
{
	struct view v = {.from_us = window->from_us, .to_us = window->to_us, .by = {DIM_DEPLOYMENT}, .by_count = 1};
	struct figures_result res;
	int64_t sum = 0;

	if (!set_filter(&v, DIM_SERVICE, row->state.service) || !set_filter(&v, DIM_ENVIRONMENT, row->state.environment))
		return 0;
	if (query_figures(r, &v, 0, 0, &res, err))
		return -1;
	for (uint32_t i = 0; i < row->state.arm_count; i++)
		for (size_t g = 0; g < res.group_count; g++)
			if (str_equal_c(row->state.arms[i].deployment, res.groups[g].key[0]))
				sum += row->arriving_requests[i] = res.groups[g].total.requests;
	for (uint32_t i = 0; i < row->state.arm_count && sum > 0; i++)
		row->arriving_percent[i] = 100.0 * (double)row->arriving_requests[i] / (double)sum;
	figures_result_fini(&res);
	return 0;
}

int query_rollouts(struct store_reader *r, const struct view *v, struct rollout_result *out, struct err *err)
{
	sqlite3_stmt *st = NULL;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	int failed = sql_prepare(r->db, &st, "SELECT id, time_us, seen_us, name, service, environment, phase, reason FROM rollouts a"
	                         " WHERE id=(SELECT id FROM rollouts b WHERE b.name=a.name ORDER BY time_us DESC, id DESC LIMIT 1)"
	                         " ORDER BY name", err) ||
	             read_rollouts(r, st, true, out, err);
	sqlite3_finalize(st);
	reader_end(r, 0);
	for (size_t i = 0; i < out->row_count && !failed; i++)
		failed = measure_arms(r, v, &out->rows[i], err);
	if (failed)
		rollout_result_fini(out);
	return failed ? -1 : 0;
}

int query_rollout_history(struct store_reader *r, struct str name, int64_t from_us, int64_t to_us, struct rollout_result *out,
                          struct err *err)
{
	sqlite3_stmt *st = NULL;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	int failed = sql_prepare(r->db, &st, "SELECT id, time_us, seen_us, name, service, environment, phase, reason FROM rollouts"
	                         " WHERE name=?1 AND time_us>=?2 AND time_us<?3 ORDER BY time_us, id", err);
	if (!failed) {
		sql_bind_str(st, 1, name);
		sqlite3_bind_int64(st, 2, from_us);
		sqlite3_bind_int64(st, 3, to_us);
		failed = read_rollouts(r, st, false, out, err);
	}
	sqlite3_finalize(st);
	if (failed)
		rollout_result_fini(out);
	return reader_end(r, failed ? -1 : 0);
}

void rollout_result_fini(struct rollout_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

/* One series' samples, merged into steps. */
struct gauge_sums {
	double *sum;
	int64_t *samples, *last_us;
};

static double *no_samples(struct arena *a, size_t steps)
{
	double *v = arena_alloc(a, (steps + 1) * sizeof *v);

	for (size_t i = 0; i < steps; i++)
		v[i] = NAN;
	return v;
}

static void add_gauge_row(sqlite3_stmt *st, const struct runs *runs, const struct run *run, struct gauge_series *g,
                          struct gauge_sums *sums)
{
	int64_t bucket_us = key_bucket(sqlite3_column_int64(st, 0)) * tier_us[run->tier];
	size_t i = (size_t)((bucket_us - runs->from_us) / runs->step_us);
	double min = sqlite3_column_double(st, 3), max = sqlite3_column_double(st, 4);

	sums->samples[i] += sqlite3_column_int64(st, 1);
	sums->sum[i] += sqlite3_column_double(st, 2);
	g->min[i] = isnan(g->min[i]) || min < g->min[i] ? min : g->min[i];
	g->max[i] = isnan(g->max[i]) || max > g->max[i] ? max : g->max[i];
	if (sqlite3_column_int64(st, 6) >= sums->last_us[i]) {
		sums->last_us[i] = sqlite3_column_int64(st, 6);
		g->last[i] = sqlite3_column_double(st, 5);
	}
	g->mean[i] = sums->sum[i] / (double)sums->samples[i];
}

static int read_gauge(struct store_reader *r, uint32_t series, const struct runs *runs, struct gauge_series *g,
                      struct gauge_sums *sums, struct err *err)
{
	char sql[160];
	int got = 0;

	memset(sums->sum, 0, runs->steps * sizeof *sums->sum);
	memset(sums->samples, 0, runs->steps * sizeof *sums->samples);
	memset(sums->last_us, 0, runs->steps * sizeof *sums->last_us);
	for (size_t i = 0; i < runs->len && got >= 0; i++) {
		const struct run *run = &runs->items[i];
		sqlite3_stmt *st = NULL;

		sqlite3_snprintf(sizeof sql, sql, "SELECT id, samples, sum, min, max, last, last_us FROM %s WHERE id>=?1 AND id<?2",
		                 gauge_table[run->tier]);
		if (sql_prepare(r->db, &st, sql, err))
			return -1;
		sqlite3_bind_int64(st, 1, rollup_key(series, run->from_us / tier_us[run->tier]));
		sqlite3_bind_int64(st, 2, rollup_key(series, run->to_us / tier_us[run->tier]));
		while ((got = sql_step(st, err)) > 0)
			add_gauge_row(st, runs, run, g, sums);
		sqlite3_finalize(st);
	}
	return got < 0 ? -1 : 0;
}

static int read_gauges(struct store_reader *r, sqlite3_stmt *st, const struct runs *runs, struct gauge_result *out,
                       struct err *err)
{
	struct gauge_sums sums = {mem_array(NULL, runs->steps + 1, sizeof(double)), mem_array(NULL, runs->steps + 1, 8),
	                          mem_array(NULL, runs->steps + 1, 8)};
	size_t cap = 0;
	int got, failed = 0;

	while (!failed && (got = sql_step(st, err)) > 0) {
		out->series = mem_grow(out->series, &cap, out->series_count + 1, sizeof *out->series);
		struct gauge_series *g = &out->series[out->series_count++];

		*g = (struct gauge_series){
			.name = sql_text(st, 1, &out->arena), .source = sql_text(st, 2, &out->arena),
			.instance = sql_text(st, 3, &out->arena), .steps = runs->steps,
			.last = no_samples(&out->arena, runs->steps), .min = no_samples(&out->arena, runs->steps),
			.max = no_samples(&out->arena, runs->steps), .mean = no_samples(&out->arena, runs->steps),
		};
		failed = read_gauge(r, (uint32_t)sqlite3_column_int64(st, 0), runs, g, &sums, err);
	}
	free(sums.sum);
	free(sums.samples);
	free(sums.last_us);
	return failed || got < 0 ? -1 : 0;
}

int query_gauges(struct store_reader *r, struct str name_prefix, int64_t from_us, int64_t to_us, int64_t step_us,
                 struct gauge_result *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	struct runs runs;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	/* One step over the whole window when none is asked for. */
	runs_plan(&runs, r, from_us, to_us, step_us > 0 ? step_us : to_us > from_us ? to_us - from_us : US_PER_MIN);
	out->from_us = runs.from_us;
	out->to_us = runs.to_us;
	out->step_us = runs.step_us;
	int failed = sql_prepare(r->db, &st, "SELECT id, name, source, instance FROM gauge_series"
	                         " WHERE substr(name, 1, length(?1))=?1 ORDER BY name, source, instance", err);
	if (!failed) {
		sql_bind_str(st, 1, name_prefix);
		failed = read_gauges(r, st, &runs, out, err);
	}
	sqlite3_finalize(st);
	runs_fini(&runs);
	if (failed)
		gauge_result_fini(out);
	return reader_end(r, failed);
}

void gauge_result_fini(struct gauge_result *res)
{
	free(res->series);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

int query_billing(struct store_reader *r, int64_t from_us, int64_t to_us, struct billing_result *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	size_t cap = 0;
	int got = -1;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	if (!sql_prepare(r->db, &st, "SELECT from_us - from_us % 86400000000 day, provider, model, currency, total(cost_nusd),"
	                 " sum(cost_nusd), count(*), count(*) - count(cost_nusd), sum(input_tokens), sum(output_tokens), sum(requests)"
	                 " FROM billing WHERE from_us>=?1 AND from_us<?2 GROUP BY 1, 2, 3, 4 ORDER BY 1, 6 DESC, 2, 3", err)) {
		sqlite3_bind_int64(st, 1, from_us);
		sqlite3_bind_int64(st, 2, to_us);
		while ((got = sql_step(st, err)) > 0) {
			out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
			out->rows[out->row_count++] = (struct billing_row){
				.day_us = sqlite3_column_int64(st, 0), .provider = sql_text(st, 1, &out->arena),
				.model = sql_text(st, 2, &out->arena), .currency = sql_text(st, 3, &out->arena),
				.cost_nusd = sqlite3_column_int64(st, 5), .rows = sqlite3_column_int64(st, 6),
				.unknown_cost_rows = sqlite3_column_int64(st, 7), .input_tokens = sqlite3_column_int64(st, 8),
				.output_tokens = sqlite3_column_int64(st, 9), .requests = sqlite3_column_int64(st, 10),
			};
		}
	}
	sqlite3_finalize(st);
	if (got < 0)
		billing_result_fini(out);
	return reader_end(r, got < 0 ? -1 : 0);
}

void billing_result_fini(struct billing_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

static void read_import(sqlite3_stmt *st, struct arena *a, struct import_row *row)
{
	struct import_mark *m = &row->mark;
	uint64_t *const numbers[] = {&m->bytes_done, &m->lines_done, &m->rows_done, &m->rows_rejected, &m->rows_duplicate};

	memset(row, 0, sizeof *row);
	m->key = (uint64_t)sqlite3_column_int64(st, 0);
	m->name = text_of(st, 1, a);
	m->kind = text_of(st, 2, a);
	if (sqlite3_column_bytes(st, 3) == 16)
		memcpy(m->head_hash, sqlite3_column_blob(st, 3), 16);
	m->head_bytes = (uint64_t)sqlite3_column_int64(st, 4);
	if (sqlite3_column_bytes(st, 5) == 16)
		memcpy(m->prefix_hash, sqlite3_column_blob(st, 5), 16);
	for (int i = 0; i < 5; i++)
		*numbers[i] = (uint64_t)sqlite3_column_int64(st, 6 + i);
	m->complete = sqlite3_column_int(st, 11);
	row->started_us = sqlite3_column_int64(st, 12);
	row->updated_us = sqlite3_column_int64(st, 13);
}

int query_imports(struct store_reader *r, const uint8_t head_hash[16], struct import_result *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	size_t cap = 0;
	int got = -1;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	if (!sql_prepare(r->db, &st, "SELECT key, name, kind, head_hash, head_bytes, prefix_hash, bytes_done, lines_done, rows_done,"
	                 " rows_rejected, rows_duplicate, complete, started_us, updated_us FROM imports"
	                 " WHERE ?1 IS NULL OR head_hash=?1 ORDER BY updated_us DESC, ref DESC", err)) {
		if (head_hash)
			sqlite3_bind_blob(st, 1, head_hash, 16, SQLITE_STATIC);
		while ((got = sql_step(st, err)) > 0) {
			out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
			read_import(st, &out->arena, &out->rows[out->row_count++]);
		}
	}
	sqlite3_finalize(st);
	if (got < 0)
		import_result_fini(out);
	return reader_end(r, got < 0 ? -1 : 0);
}

void import_result_fini(struct import_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

struct used_name {
	uint32_t series, value;
	int64_t last_bucket;
};

static int latest_first(const void *a, const void *b)
{
	const struct used_name *x = a, *y = b;

	if (x->last_bucket != y->last_bucket)
		return x->last_bucket > y->last_bucket ? -1 : 1;
	return x->series > y->series ? -1 : x->series < y->series;
}

/* The newest day a series has. */
static int newest_day(sqlite3_stmt *st, uint32_t series, int64_t *bucket, struct err *err)
{
	sqlite3_bind_int64(st, 1, rollup_key(series, 0));
	sqlite3_bind_int64(st, 2, rollup_key(series, UINT32_MAX));
	int got = sql_step(st, err);
	*bucket = got > 0 ? key_bucket(sqlite3_column_int64(st, 0)) : -1;
	sqlite3_reset(st);
	return got < 0 ? -1 : 0;
}

int query_dim_values(struct store_reader *r, enum dim d, size_t limit, struct names_result *out, struct err *err)
{
	struct used_name *found = NULL;
	size_t count = 0, cap = 0;
	sqlite3_stmt *st = NULL;
	int failed;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	failed = sql_prepare(r->db, &st, "SELECT id FROM rollups_1d WHERE id>=?1 AND id<=?2 ORDER BY id DESC LIMIT 1", err);
	for (size_t i = 0; i < r->names.series_count && !failed; i++) {
		const struct series *s = &r->names.series[i];
		int64_t bucket;

		if (s->kind != SERIES_IS_MARGINAL || s->dim != d || !s->value[d])
			continue;
		failed = newest_day(st, (uint32_t)i, &bucket, err);
		if (failed || bucket < 0)
			continue;
		found = mem_grow(found, &cap, count + 1, sizeof *found);
		found[count++] = (struct used_name){(uint32_t)i, s->value[d], bucket};
	}
	sqlite3_finalize(st);
	if (count)
		qsort(found, count, sizeof *found, latest_first);
	out->name_count = count < limit ? count : limit;
	out->names = mem_array(NULL, out->name_count + 1, sizeof *out->names);
	for (size_t i = 0; i < out->name_count; i++) {
		const char *text = names_text(&r->names, found[i].value);
		out->names[i] = arena_copy(&out->arena, text, strlen(text));
	}
	free(found);
	if (failed)
		names_result_fini(out);
	return reader_end(r, failed);
}

void names_result_fini(struct names_result *res)
{
	free(res->names);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}
