/* Evaluation scores by deployment: the newest SCORES_SCANNED results of the window, each counted for the
 * deployment of its request where that is known, else for its own. */
#include <math.h>
#include <string.h>

#include "store/reader_private.h"
#include "store/sql.h"

#define SCORES_SCANNED "20000"

static bool series_fits(const struct names *n, uint32_t series, struct str service, struct str environment)
{
	const struct series *s = &n->series[series];

	return (service.len == 0 || s->value[DIM_SERVICE] == names_find(n, service)) &&
	       (environment.len == 0 || s->value[DIM_ENVIRONMENT] == names_find(n, environment));
}

/* While rows are read, `mean` and `variance` hold the sums of scores and of their squares. */
static void add_score(struct score_result *out, size_t *cap, const char *deployment, const char *name, int64_t count,
                      double sum, double squares)
{
	for (size_t i = 0; i < out->row_count; i++)
		if (!strcmp(out->rows[i].deployment, deployment) && !strcmp(out->rows[i].name, name)) {
			out->rows[i].mean += sum;
			out->rows[i].variance += squares;
			out->rows[i].count += count;
			return;
		}
	if (out->row_count == *cap)
		return;
	out->rows[out->row_count++] = (struct score_row){
		.deployment = arena_copy(&out->arena, deployment, strlen(deployment)),
		.name = arena_copy(&out->arena, name, strlen(name)), .count = count, .mean = sum, .variance = squares,
	};
}

static int read_scores(struct store_reader *r, sqlite3_stmt *st, struct str service, struct str environment,
                       struct score_result *out, struct err *err)
{
	size_t cap = SCORE_ROWS_MAX;
	int got;

	out->rows = arena_alloc(&out->arena, cap * sizeof *out->rows);
	while ((got = sql_step(st, err)) > 0) {
		uint32_t series = (uint32_t)sqlite3_column_int64(st, 0);
		if (series >= r->names.series_count || !series_fits(&r->names, series, service, environment))
			continue;
		add_score(out, &cap, names_text(&r->names, r->names.series[series].value[DIM_DEPLOYMENT]),
		          names_text(&r->names, (uint32_t)sqlite3_column_int64(st, 1)), sqlite3_column_int64(st, 2),
		          sqlite3_column_double(st, 3), sqlite3_column_double(st, 4));
	}
	for (size_t i = 0; i < out->row_count; i++) {
		struct score_row *row = &out->rows[i];
		double n = (double)row->count, sum = row->mean;

		row->mean = sum / n;
		row->variance = row->count > 1 ? fmax(0, (row->variance - sum * row->mean) / (n - 1)) : NAN;
	}
	return got;
}

int query_scores(struct store_reader *r, struct str service, struct str environment, int64_t from_us, int64_t to_us,
                 struct score_result *out, struct err *err)
{
	static const char sql[] =
		"SELECT e.series s, e.name, count(*), sum(e.score), sum(e.score*e.score)"
		" FROM (SELECT * FROM evaluations WHERE time_us>=?1 AND time_us<?2 AND score IS NOT NULL ORDER BY time_us DESC"
		" LIMIT " SCORES_SCANNED ") e GROUP BY 1, 2";
	sqlite3_stmt *st = NULL;
	int result = -1;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	if (sql_prepare(r->db, &st, sql, err) == 0) {
		sqlite3_bind_int64(st, 1, from_us);
		sqlite3_bind_int64(st, 2, to_us);
		result = read_scores(r, st, service, environment, out, err);
	}
	sqlite3_finalize(st);
	if (result)
		score_result_fini(out);
	return reader_end(r, result);
}

void score_result_fini(struct score_result *res)
{
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}
