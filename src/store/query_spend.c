/* Each bucket's summary is looked at by itself: what it says of the value is exact while the value was
 * never let go of (its `over` is 0), and nothing is missing where the summary never was full. */
#include "store/query_spend.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/reader_private.h"
#include "store/rollup.h"
#include "store/sql.h"
#include "store/top.h"

/* Adds what a bucket's summary says of the value. */
static void take(const struct top *t, struct str value, int64_t bucket_us, struct attr_spend *out)
{
	for (size_t i = 0; i < t->len; i++) {
		if (t->value_len[i] != value.len || memcmp(t->value[i], value.ptr, value.len) != 0)
			continue;
		out->cost_nusd += t->cost_nusd[i];
		out->requests += t->requests[i];
		out->bound |= t->over[i] > 0;
		if (out->series && out->step_us > 0 && bucket_us >= out->from_us && (size_t)((bucket_us - out->from_us) / out->step_us) < out->steps)
			out->series[(bucket_us - out->from_us) / out->step_us] += t->cost_nusd[i];
		return;
	}
	out->bound |= t->len == TOP_SLOTS;
}

static int walk(struct store_reader *r, const struct run *run, enum attr a, struct str value, struct top *room,
                struct attr_spend *out, struct err *err)
{
	enum tier t = run->tier < TOP_TIER_FIRST ? TOP_TIER_FIRST : run->tier;
	sqlite3_stmt *st = NULL;
	char sql[96];
	int got = -1;

	sqlite3_snprintf(sizeof sql, sql, "SELECT id, top FROM %s WHERE id>=?1 AND id<?2", top_table[t]);
	if (!sql_prepare(r->db, &st, sql, err)) {
		sqlite3_bind_int64(st, 1, rollup_key((uint32_t)a, run->from_us / tier_us[t]));
		sqlite3_bind_int64(st, 2, rollup_key((uint32_t)a, (run->to_us + tier_us[t] - 1) / tier_us[t]));
		while ((got = sql_step(st, err)) > 0)
			if (top_decode(room, sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1)))
				take(room, value, key_bucket(sqlite3_column_int64(st, 0)) * tier_us[t], out);
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

int query_attr_spend(struct store_reader *r, enum attr a, struct str value, int64_t from_us, int64_t to_us, int64_t step_us,
                     struct attr_spend *out, struct err *err)
{
	const int64_t least_us = tier_us[TOP_TIER_FIRST];
	struct top *room;
	struct runs runs;
	int failed = 0;

	*out = (struct attr_spend){0};
	if (reader_begin(r, err))
		return -1;
	from_us = from_us > 0 ? from_us / least_us * least_us : 0;
	to_us = (to_us + least_us - 1) / least_us * least_us;
	runs_plan(&runs, r, from_us, to_us, step_us);
	out->from_us = runs.from_us;
	out->to_us = runs.to_us;
	out->step_us = runs.step_us;
	out->steps = runs.steps;
	if (runs.step_us) {
		out->series = mem_array(NULL, runs.steps + 1, sizeof *out->series);
		memset(out->series, 0, (runs.steps + 1) * sizeof *out->series);
	}
	room = mem_alloc(sizeof *room);
	for (size_t i = 0; i < runs.len && !failed; i++)
		failed = walk(r, &runs.items[i], a, value, room, out, err);
	free(room);
	runs_fini(&runs);
	if (failed)
		attr_spend_fini(out);
	return reader_end(r, failed);
}

void attr_spend_fini(struct attr_spend *s)
{
	free(s->series);
	*s = (struct attr_spend){0};
}
