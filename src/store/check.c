/* The recount. Hour by hour the raw rows and the feedback are added up just as the writer does it,
 * and every stored row of the tiers up to one hour is compared with that, sketches cell by cell; a
 * day is compared with its hours, and everything with the sum of the leaves. Hours whose raw rows
 * retention has removed are compared tier with tier only. Memory: one hour's rollups. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/block_walk.h"
#include "store/delta.h"
#include "store/reader_private.h"
#include "store/sql.h"

struct check {
	struct store_reader *r;
	void (*finding)(const char *text, void *arg);
	void (*progress)(double share, void *arg);
	void *arg;
	int64_t findings;
	sqlite3_stmt *feedback, *next_feedback, *get[TIER_COUNT];
	struct delta delta;
	struct delta journal; /* what the tables do not hold yet */
	struct rollup stored, sum;
	int64_t raw_rows, expected[TIER_COUNT];
	int64_t first_us, last_us;
};

static void find(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void find(struct check *c, const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	c->findings++;
	if (c->finding)
		c->finding(b.data, c->arg);
	buf_fini(&b);
}

static int check_sqlite(struct check *c, bool deep, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(c->r->db, &st, deep ? "PRAGMA integrity_check" : "PRAGMA quick_check", err))
		return -1;
	while ((got = sql_step(st, err)) > 0)
		if (!str_equal_c(sql_str(st, 0), "ok"))
			find(c, "SQLite: %.*s", STR_ARG(sql_str(st, 0)));
	sqlite3_finalize(st);
	return got;
}

static int check_references(struct check *c, struct err *err)
{
	static const struct {
		const char *sql, *what;
	} checks[] = {
		{"SELECT count(*) FROM feedback f WHERE NOT EXISTS (SELECT 1 FROM series s WHERE s.id=f.series AND s.kind=2)",
		 "feedback items name a series that does not exist"},
		{"SELECT count(*) FROM feedback WHERE import_ref<>0 AND import_ref NOT IN (SELECT ref FROM imports)",
		 "feedback items name an import that does not exist"},
		{"SELECT count(*) FROM billing WHERE import_ref<>0 AND import_ref NOT IN (SELECT ref FROM imports)",
		 "billing rows name an import that does not exist"},
		{"SELECT count(*) FROM rollout_arms WHERE rollout_id NOT IN (SELECT id FROM rollouts)",
		 "rollout arms name a rollout that does not exist"},
		{"SELECT count(*) FROM labels WHERE feedback_id NOT IN (SELECT id FROM feedback)",
		 "labels name a feedback item that does not exist"},
	};

	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		int64_t n;

		if (sql_int(c->r->db, checks[i].sql, 0, &n, err))
			return -1;
		if (n)
			find(c, "%lld %s", (long long)n, checks[i].what);
	}
	return 0;
}

/* Late flags whose request is gone, but for those that retention has removed. */
static int check_flags(struct check *c, struct err *err)
{
	static _Thread_local struct packed p;
	sqlite3_stmt *st = NULL;
	int64_t lost = 0;
	int got, found = 0;

	if (sql_prepare(c->r->db, &st, "SELECT request_id FROM flags WHERE request_id>=?1 ORDER BY request_id", err))
		return -1;
	sqlite3_bind_int64(st, 1, id_first_us(c->r->raw_floor_us));
	while ((got = sql_step(st, err)) > 0) {
		uint32_t series;

		found = block_walk_find(c->r->db, &c->r->fresh, sqlite3_column_int64(st, 0), &series, &p, err);
		if (found < 0)
			break;
		lost += found ? 0 : 1;
	}
	sqlite3_finalize(st);
	if (lost)
		find(c, "%lld late flags name a request that does not exist", (long long)lost);
	return got < 0 || found < 0 ? -1 : 0;
}

static bool series_known(const struct check *c, uint32_t series)
{
	return series < c->r->names.series_count && c->r->names.series[series].kind == SERIES_IS_LEAF;
}

static int count_raw(struct check *c, int64_t hour_us, struct err *err)
{
	static _Thread_local struct packed p;
	struct block_walk k;
	int got;

	/* Rows of a crowded microsecond may stand a little later than they ended. */
	if (block_walk_begin(&k, c->r->db, &c->r->fresh, id_first_us(hour_us), id_first_us(hour_us + US_PER_HOUR + US_PER_S), false, err))
		return -1;
	while ((got = block_walk_next(&k, err)) > 0) {
		int64_t id = block_walk_row(&k)->id;
		uint32_t series = block_walk_row(&k)->series;

		if (!block_read(&k.block, k.at, &p)) {
			find(c, "request %llx: its row is damaged", (long long)id);
			continue;
		}
		if (p.end_us < hour_us || p.end_us >= hour_us + US_PER_HOUR)
			continue;
		c->raw_rows++;
		if (!series_known(c, series))
			find(c, "request %llx: its series %u does not exist", (long long)id, series);
		else
			delta_add(&c->delta, series, &p, 1, c->r->floor_us[TIER_10S]);
	}
	if (k.damaged)
		find(c, "%lld blocks of requests are damaged, one begins at %llx", (long long)k.damaged, (long long)k.damaged_key);
	block_walk_end(&k);
	return got;
}

/* Blocks must not reach into one another, or a row would be looked for in the wrong one. */
static int check_blocks(struct check *c, struct err *err)
{
	int64_t last_id = INT64_MIN, last_key = 0;
	const void *blob;
	struct block_walk k;
	size_t len;
	int got;

	if (block_walk_begin(&k, c->r->db, &c->r->fresh, 0, INT64_MAX, false, err))
		return -1;
	while ((got = block_walk_next_block(&k, &blob, &len, err)) > 0) {
		if (!block_walk_open(&k, blob, len))
			continue;
		if (k.block.key <= last_id)
			find(c, "the block of requests %llx reaches into the one at %llx", (long long)last_key, (long long)k.block.key);
		if (!k.block.count) {
			find(c, "the block of requests %llx is empty", (long long)k.block.key);
			continue;
		}
		last_key = k.block.key;
		last_id = k.block.rows[k.block.count - 1].id;
	}
	if (c->r->fresh.damaged)
		find(c, "%lld blocks of request_journal are damaged", (long long)c->r->fresh.damaged);
	block_walk_end(&k);
	return got;
}

static int count_feedback(struct check *c, int64_t hour_us, struct err *err)
{
	int got;

	sqlite3_bind_int64(c->feedback, 1, hour_us);
	sqlite3_bind_int64(c->feedback, 2, hour_us + US_PER_HOUR);
	while ((got = sql_step(c->feedback, err)) > 0) {
		uint32_t series = (uint32_t)sqlite3_column_int64(c->feedback, 0);
		int mood = sqlite3_column_int(c->feedback, 2);

		if (!series_known(c, series))
			continue;
		struct figures *f = delta_counts(&c->delta, series, sqlite3_column_int64(c->feedback, 1),
		                                 c->r->floor_us[TIER_10S]);
		f->feedback++;
		f->positive += mood == MOOD_POSITIVE;
		f->neutral += mood == MOOD_NEUTRAL;
		f->negative += mood == MOOD_NEGATIVE;
	}
	return got;
}

static void add_journal(struct check *c, const struct delta_row *row)
{
	struct rollup part = row->rollup;

	memset(part.figures.sketches, 0, sizeof part.figures.sketches);
	delta_take_sketches(&c->journal, row, &part.figures);
	rollup_merge(&c->stored, &part);
	figures_fini(&part.figures);
}

/* Reads a row, that of the table and what the journal adds to it, into c->stored: 1, 0 when there is none. */
static int read_stored(struct check *c, enum tier t, int64_t key, struct err *err)
{
	const struct delta_row *row = intmap_get(&c->journal.rows[t], (uint64_t)key);

	rollup_reset(&c->stored);
	sqlite3_bind_int64(c->get[t], 1, key);
	int got = sql_step(c->get[t], err);
	if (got > 0 && !rollup_decode_merge(&c->stored, key_bucket(key) * tier_us[t], sqlite3_column_blob(c->get[t], 0),
	                                    (size_t)sqlite3_column_bytes(c->get[t], 0)))
		find(c, "%s: row %lld is damaged", tier_table[t], (long long)key);
	sqlite3_reset(c->get[t]);
	if (row && got >= 0) {
		add_journal(c, row);
		got = !rollup_is_empty(&c->stored);
	}
	return got;
}

static void say_difference(struct check *c, enum tier t, int64_t key, const struct rollup *want, const char *against)
{
	char when[32];
	int64_t us = key_bucket(key) * tier_us[t];

	sqlite3_snprintf(sizeof when, when, "%lld", us / US_PER_S);
	find(c, "%s: series %u at %s s: %lld requests, %lld nano-dollars stored, %lld and %lld counted from %s", tier_table[t],
	     key_series(key), when, (long long)c->stored.figures.requests, (long long)c->stored.figures.cost_nusd,
	     (long long)want->figures.requests, (long long)want->figures.cost_nusd, against);
}

static int compare_tier(struct check *c, enum tier t, struct err *err)
{
	const struct delta_row *row;
	uint64_t key;
	size_t at = 0;

	while ((row = intmap_next(&c->delta.rows[t], &at, &key))) {
		if (!delta_is_stored(&c->r->names.series[key_series((int64_t)key)]) || rollup_is_empty(&row->rollup))
			continue;
		struct rollup want = row->rollup;
		memset(want.figures.sketches, 0, sizeof want.figures.sketches);
		delta_take_sketches(&c->delta, row, &want.figures);
		c->expected[t]++;
		int got = read_stored(c, t, (int64_t)key, err);
		if (got == 0 || (got > 0 && !rollup_equal(&c->stored, &want)))
			say_difference(c, t, (int64_t)key, &want, "the raw rows");
		figures_fini(&want.figures);
		if (got < 0)
			return -1;
	}
	return 0;
}

static int next_feedback(struct check *c, int64_t from_us, int64_t *us, struct err *err)
{
	sqlite3_bind_int64(c->next_feedback, 1, from_us);
	int got = sql_step(c->next_feedback, err);
	*us = got > 0 ? sqlite3_column_int64(c->next_feedback, 0) : INT64_MAX;
	sqlite3_reset(c->next_feedback);
	return got < 0 ? -1 : 0;
}

static int next_raw(struct check *c, int64_t from_us, int64_t *us, struct err *err)
{
	struct block_walk k;

	if (block_walk_begin(&k, c->r->db, &c->r->fresh, id_first_us(from_us), INT64_MAX, false, err))
		return -1;
	int got = block_walk_next(&k, err);
	*us = got > 0 ? id_time_us(block_walk_row(&k)->id) : INT64_MAX;
	block_walk_end(&k);
	return got < 0 ? -1 : 0;
}

/* The next hour at or after `from_us` that has raw rows or feedback; INT64_MAX at the end. */
static int next_hour(struct check *c, int64_t from_us, int64_t *hour_us, struct err *err)
{
	int64_t raw, feedback;

	if (next_raw(c, from_us, &raw, err) || next_feedback(c, from_us, &feedback, err))
		return -1;
	raw = raw < feedback ? raw : feedback;
	*hour_us = raw == INT64_MAX ? INT64_MAX : raw / US_PER_HOUR * US_PER_HOUR;
	return 0;
}

static int recount_raw(struct check *c, struct err *err)
{
	int64_t hour = c->r->raw_floor_us;

	for (;; hour += US_PER_HOUR) {
		if (next_hour(c, hour, &hour, err))
			return -1;
		if (hour == INT64_MAX)
			return 0;
		if (count_raw(c, hour, err) || count_feedback(c, hour, err))
			return -1;
		delta_propagate(&c->delta, c->r->names.series);
		for (int t = 0; t <= TIER_1H; t++)
			if (reader_has_tier(c->r, (enum tier)t, hour) && compare_tier(c, (enum tier)t, err))
				return -1;
		delta_clear(&c->delta);
		if (c->progress && c->last_us > c->first_us)
			c->progress(0.9 * (double)(hour - c->first_us) / (double)(c->last_us - c->first_us), c->arg);
	}
}

/* How many rows the tier will have more when the journal is put into it. */
static int count_journal(struct check *c, enum tier t, int64_t floor, int64_t *more, struct err *err)
{
	uint64_t key;
	size_t at = 0;

	*more = 0;
	while (intmap_next(&c->journal.rows[t], &at, &key)) {
		if (key_bucket((int64_t)key) < floor || !delta_is_stored(&c->r->names.series[key_series((int64_t)key)]))
			continue;
		sqlite3_bind_int64(c->get[t], 1, (int64_t)key);
		int stored = sql_step(c->get[t], err);
		sqlite3_reset(c->get[t]);
		int sum = stored < 0 ? -1 : read_stored(c, t, (int64_t)key, err);
		if (sum < 0)
			return -1;
		*more += sum - stored;
	}
	return 0;
}

/* Rows that nothing explains. */
static int count_rows(struct check *c, struct err *err)
{
	for (int t = 0; t <= TIER_1H; t++) {
		int64_t floor = c->r->raw_floor_us > c->r->floor_us[t] ? c->r->raw_floor_us : c->r->floor_us[t], n, more;
		char sql[128];

		if (c->r->import_count && c->r->floor_us[t] > c->r->raw_floor_us && t != TIER_10S)
			continue; /* imports keep rows below the floor */
		sqlite3_snprintf(sizeof sql, sql, "SELECT count(*) FROM %s WHERE (id & 4294967295)>=%lld", tier_table[t],
		                 floor / tier_us[t]);
		if (sql_int(c->r->db, sql, 0, &n, err) || count_journal(c, (enum tier)t, floor / tier_us[t], &more, err))
			return -1;
		n += more;
		if (n > c->expected[t])
			find(c, "%s: %lld rows stand for nothing in the raw rows", tier_table[t], (long long)(n - c->expected[t]));
	}
	return 0;
}

/* Whether the next finer tier keeps this row's series and time. */
static bool has_finer_rows(const struct check *c, enum tier t, int64_t key)
{
	uint32_t series = key_series(key);
	const struct series *s = series < c->r->names.series_count ? &c->r->names.series[series] : NULL;

	if (s && s->kind == SERIES_IS_MARGINAL && dim_first_tier((enum dim)s->dim) >= t)
		return false;
	return reader_has_tier(c->r, (enum tier)(t - 1), key_bucket(key) * tier_us[t]);
}

/* Compares each row of a coarse tier with the sum of the next finer one. */
static int compare_upward(struct check *c, enum tier t, int64_t below_us, struct err *err)
{
	int64_t ratio = tier_us[t] / tier_us[t - 1];
	sqlite3_stmt *st = NULL;
	char sql[96];
	int got, failed = 0;

	sqlite3_snprintf(sizeof sql, sql, "SELECT id FROM %s WHERE (id & 4294967295)<%lld", tier_table[t],
	                 (below_us + tier_us[t] - 1) / tier_us[t]);
	if (sql_prepare(c->r->db, &st, sql, err))
		return -1;
	while (!failed && (got = sql_step(st, err)) > 0) {
		int64_t key = sqlite3_column_int64(st, 0), fine = key_bucket(key) * ratio;

		if (!has_finer_rows(c, t, key))
			continue;
		rollup_reset(&c->sum);
		for (int64_t i = 0; i < ratio && failed >= 0; i++) {
			failed = read_stored(c, (enum tier)(t - 1), rollup_key(key_series(key), fine + i), err);
			if (failed > 0)
				rollup_merge(&c->sum, &c->stored);
		}
		failed = failed < 0 || read_stored(c, t, key, err) < 0;
		if (!failed && !rollup_equal(&c->stored, &c->sum))
			say_difference(c, t, key, &c->sum, tier_table[t - 1]);
	}
	sqlite3_finalize(st);
	return failed || got < 0 ? -1 : 0;
}

/* Everything of a day against the sum of its leaves. */
static int compare_leaves(struct check *c, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got, failed = 0;

	if (sql_prepare(c->r->db, &st, "SELECT id FROM rollups_1d WHERE id>=?1 AND id<?2", err))
		return -1;
	sqlite3_bind_int64(st, 1, rollup_key(SERIES_ALL, 0));
	sqlite3_bind_int64(st, 2, rollup_key(SERIES_ALL + 1, 0));
	while (!failed && (got = sql_step(st, err)) > 0) {
		int64_t key = sqlite3_column_int64(st, 0);

		rollup_reset(&c->sum);
		for (size_t i = 0; i < c->r->names.series_count && failed >= 0; i++) {
			if (c->r->names.series[i].kind != SERIES_IS_LEAF)
				continue;
			failed = read_stored(c, TIER_1D, rollup_key((uint32_t)i, key_bucket(key)), err);
			if (failed > 0)
				rollup_merge(&c->sum, &c->stored);
		}
		failed = failed < 0 || read_stored(c, TIER_1D, key, err) < 0;
		if (!failed && !rollup_equal(&c->stored, &c->sum))
			say_difference(c, TIER_1D, key, &c->sum, "its leaves");
	}
	sqlite3_finalize(st);
	return failed || got < 0 ? -1 : 0;
}

static int check_totals(struct check *c, struct err *err)
{
	int64_t requests;

	if (reader_meta(c->r, "requests", &requests, err))
		return -1;
	if (!c->r->raw_floor_us && requests != c->raw_rows)
		find(c, "the store says %lld requests and holds %lld", (long long)requests, (long long)c->raw_rows);
	return 0;
}

static int load_journal(struct check *c, struct err *err)
{
	const struct journal *j = &c->r->journal;

	if (reader_load_journal(c->r, err))
		return -1;
	for (size_t i = 0; i < j->len; i++)
		if (j->entries[i].tier != TIER_COUNT && !series_known(c, key_series(j->entries[i].key))) {
			find(c, "rollup_journal: its series %u does not exist", key_series(j->entries[i].key));
			return 0;
		}
	if (journal_collect(j, &c->journal, NULL, err))
		return -1;
	delta_propagate(&c->journal, c->r->names.series);
	return 0;
}

static int prepare(struct check *c, struct err *err)
{
	sqlite3 *db = c->r->db;
	char sql[96];

	for (int t = 0; t < TIER_COUNT; t++) {
		sqlite3_snprintf(sizeof sql, sql, "SELECT figures FROM %s WHERE id=?1", tier_table[t]);
		if (sql_prepare(db, &c->get[t], sql, err))
			return -1;
	}
	return sql_prepare(db, &c->feedback, "SELECT series, counted_us, mood FROM feedback WHERE counted_us>=?1 AND counted_us<?2", err) ||
	       sql_prepare(db, &c->next_feedback, "SELECT counted_us FROM feedback WHERE counted_us>=?1 ORDER BY counted_us LIMIT 1", err) ||
	       reader_meta(c->r, "first_us", &c->first_us, err) || reader_meta(c->r, "last_us", &c->last_us, err) ? -1 : 0;
}

static void clean_up(struct check *c)
{
	for (int t = 0; t < TIER_COUNT; t++)
		sqlite3_finalize(c->get[t]);
	sqlite3_finalize(c->feedback);
	sqlite3_finalize(c->next_feedback);
	delta_fini(&c->delta);
	delta_fini(&c->journal);
	rollup_fini(&c->stored);
	rollup_fini(&c->sum);
}

int64_t store_check(struct store_reader *r, bool deep, void (*finding)(const char *text, void *arg),
                    void (*progress)(double share, void *arg), void *arg, struct err *err)
{
	struct check c = {.r = r, .finding = finding, .progress = progress, .arg = arg};

	if (reader_begin(r, err))
		return -1;
	int failed = check_sqlite(&c, deep, err) || check_references(&c, err) || check_flags(&c, err);
	if (!failed && deep)
		failed = prepare(&c, err) || load_journal(&c, err) || check_blocks(&c, err) || recount_raw(&c, err) || count_rows(&c, err) || check_totals(&c, err) ||
		         compare_upward(&c, TIER_10M, r->raw_floor_us, err) || compare_upward(&c, TIER_1H, r->raw_floor_us, err) ||
		         compare_upward(&c, TIER_1D, INT64_MAX / 2, err) || compare_leaves(&c, err);
	clean_up(&c);
	if (!failed && progress)
		progress(1, arg);
	reader_end(r, 0);
	return failed ? -1 : c.findings;
}
