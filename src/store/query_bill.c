/* The bill's rows are put together in one pass, those that do not name a model by what their description
 * tells (each description is looked at once); then our figures are asked by the hour, once for every
 * model and once in all (hours in which nothing at all came tell of missing telemetry), and added up
 * over each stretch. */
#include "store/query_bill.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/reader_private.h"
#include "store/sql.h"

#define ROWS_READ_MOST 500000
#define GROUPS_MOST 20000
#define NAMES_MOST 200 /* of our models, newest use first, to be looked for in descriptions */
#define NAME_LEAST 3 /* of a model, to be taken for the begin of another's name */

/* ── the bill ──────────────────────────────────────────────────────────────────────────────── */

/* The stretch that a row counts for: its day, or itself when it is longer than one. */
static void stretch_of(const struct tz *tz, int64_t *from_us, int64_t *to_us)
{
	if (*to_us - *from_us > 26 * US_PER_HOUR)
		return;
	int64_t local_us = *from_us + (tz ? tz_offset_s(tz, *from_us) : 0) * US_PER_S;
	int64_t day = local_us / US_PER_DAY - (local_us % US_PER_DAY < 0);

	*from_us = tz ? tz_to_utc_us(tz, day * US_PER_DAY) : day * US_PER_DAY;
	*to_us = tz ? tz_to_utc_us(tz, (day + 1) * US_PER_DAY) : (day + 1) * US_PER_DAY;
}

static struct reconcile_row *row_of(struct reconcile_result *out, size_t *cap, const struct reconcile_row *like)
{
	/* Rows come by time: the stretch is among the last ones. */
	for (size_t i = out->row_count; i-- > 0 && out->rows[i].from_us >= like->from_us - 2 * US_PER_DAY;) {
		struct reconcile_row *r = &out->rows[i];

		if (r->from_us == like->from_us && r->to_us == like->to_us && !strcmp(r->model, like->model) &&
		    !strcmp(r->provider, like->provider) && !strcmp(r->currency, like->currency))
			return r;
	}
	if (out->row_count == GROUPS_MOST)
		return NULL;
	out->rows = mem_grow(out->rows, cap, out->row_count + 1, sizeof *out->rows);
	struct reconcile_row *r = &out->rows[out->row_count++];

	*r = *like;
	r->provider = arena_copy(&out->arena, like->provider, strlen(like->provider));
	r->model = arena_copy(&out->arena, like->model, strlen(like->model));
	r->currency = arena_copy(&out->arena, like->currency, strlen(like->currency));
	return r;
}

/* What reading needs beside its result. */
struct reading {
	const struct reconcile_ask *ask;
	struct reconcile_result *out;
	size_t cap;
	struct names_result own; /* our models */
	struct strmap derived;   /* a description -> index into own.names; its count: none */
};

static const char *text_at(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return text ? text : "";
}

static void add_tokens(int64_t *sum, int64_t in, int64_t out)
{
	if (in < 0 && out < 0)
		return;
	*sum = (*sum < 0 ? 0 : *sum) + (in > 0 ? in : 0) + (out > 0 ? out : 0);
}

static size_t model_in(struct reading *rd, const char *text)
{
	uint32_t at = 0;

	if (!*text || !rd->own.name_count)
		return rd->own.name_count;
	if (!strmap_get(&rd->derived, str_of(text), &at)) {
		at = (uint32_t)reconcile_model_in(text, rd->own.names, rd->own.name_count);
		strmap_put(&rd->derived, str_of(text), at);
	}
	return at;
}

enum { AT_FROM, AT_TO, AT_PROVIDER, AT_MODEL, AT_CURRENCY, AT_COST, AT_INPUT, AT_OUTPUT, AT_SERVICE, AT_ACCOUNT, AT_TEAM, AT_REGION,
       AT_DESCRIPTION };
#define BILL_COLUMNS "from_us, to_us, provider, model, currency, cost_nusd, input_tokens, output_tokens, service, account, team, region," \
                     " substr(description, 1, 400)"

static bool is_ours(sqlite3_stmt *st, struct reading *rd)
{
	const char *const fields[BILL_FIELD_COUNT] = {
		[BILL_PROVIDER] = text_at(st, AT_PROVIDER), [BILL_SERVICE] = text_at(st, AT_SERVICE), [BILL_MODEL] = text_at(st, AT_MODEL),
		[BILL_ACCOUNT] = text_at(st, AT_ACCOUNT), [BILL_TEAM] = text_at(st, AT_TEAM), [BILL_REGION] = text_at(st, AT_REGION)};
	const char *currency = text_at(st, AT_CURRENCY);

	if (bill_filters_pass(rd->ask->filters, rd->ask->filter_count, fields))
		return true;
	rd->out->apart_rows++;
	if (sqlite3_column_type(st, AT_COST) == SQLITE_NULL || (*currency && strcmp(currency, "USD") != 0))
		rd->out->apart_unsummed++;
	else
		rd->out->apart_nusd += sqlite3_column_int64(st, AT_COST);
	return false;
}

static int64_t count_at(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? -1 : sqlite3_column_int64(st, column);
}

static void take_row(sqlite3_stmt *st, struct reading *rd)
{
	struct reconcile_row like = {
		.from_us = sqlite3_column_int64(st, AT_FROM), .to_us = sqlite3_column_int64(st, AT_TO), .provider = text_at(st, AT_PROVIDER),
		.model = text_at(st, AT_MODEL), .currency = text_at(st, AT_CURRENCY), .own_model = "", .on_bill = true, .bill_tokens = -1,
	};
	bool known = sqlite3_column_type(st, AT_COST) != SQLITE_NULL;
	int64_t cost = sqlite3_column_int64(st, AT_COST);

	if (!is_ours(st, rd))
		return;
	if (!*like.model) {
		size_t at = model_in(rd, text_at(st, AT_DESCRIPTION));

		like.derived = at < rd->own.name_count;
		like.model = like.derived ? rd->own.names[at] : "";
	}
	stretch_of(rd->ask->tz, &like.from_us, &like.to_us);
	struct reconcile_row *r = row_of(rd->out, &rd->cap, &like);

	if (!r) {
		rd->out->truncated = true;
		return;
	}
	r->rows++;
	r->unknown_rows += !known;
	r->bill_nusd += known ? cost : 0;
	r->credits_nusd += known && cost < 0 ? cost : 0;
	add_tokens(&r->bill_tokens, count_at(st, AT_INPUT), count_at(st, AT_OUTPUT));
}

static int read_bill(struct store_reader *r, struct reading *rd, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int64_t count = 0;
	int got = -1;

	if (query_dim_values(r, DIM_MODEL, NAMES_MOST, &rd->own, err) || reader_begin(r, err))
		return -1;
	if (!sql_prepare(r->db, &st, "SELECT " BILL_COLUMNS " FROM billing WHERE from_us>=?1 AND from_us<?2 ORDER BY from_us LIMIT ?3", err)) {
		sqlite3_bind_int64(st, 1, rd->ask->from_us);
		sqlite3_bind_int64(st, 2, rd->ask->to_us);
		sqlite3_bind_int64(st, 3, ROWS_READ_MOST + 1);
		while ((got = sql_step(st, err)) > 0 && count++ < ROWS_READ_MOST)
			take_row(st, rd);
		rd->out->truncated |= count > ROWS_READ_MOST;
	}
	sqlite3_finalize(st);
	return reader_end(r, got < 0 ? -1 : 0);
}

int query_newest_bill(struct store_reader *r, int64_t *newest_us, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got = -1;

	*newest_us = 0;
	if (reader_begin(r, err))
		return -1;
	if (!sql_prepare(r->db, &st, "SELECT ifnull(max(from_us), 0) FROM billing", err) && (got = sql_step(st, err)) > 0)
		*newest_us = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return reader_end(r, got < 0 ? -1 : 0);
}

/* ── our own ───────────────────────────────────────────────────────────────────────────────── */

static bool begins_with_model(const char *name, const char *own)
{
	size_t len = strlen(own);

	return len >= NAME_LEAST && strncasecmp(name, own, len) == 0 && (!name[len] || strchr("-@:/ _.", name[len]));
}

static const char *longest_in(const char *text, const struct figures_result *own)
{
	const char **names = mem_array(NULL, own->group_count + 1, sizeof *names);
	const char *found = NULL;

	for (size_t i = 0; i < own->group_count; i++)
		names[i] = own->groups[i].key[0];
	size_t at = reconcile_model_in(text, names, own->group_count);

	if (at < own->group_count)
		found = names[at];
	free(names);
	return found;
}

/* Our model that a bill's name stands for; NULL when none does. *derived: it stands somewhere in it. */
static const char *own_of(const char *name, const struct figures_result *own, bool *derived)
{
	const char *best = NULL;

	*derived = false;
	for (size_t i = 0; i < own->group_count; i++) {
		const char *mine = own->groups[i].key[0];

		if (strcasecmp(mine, name) == 0)
			return mine;
		if (begins_with_model(name, mine) && (!best || strlen(mine) > strlen(best)))
			best = mine;
	}
	if (!best)
		*derived = (best = longest_in(name, own)) != NULL;
	return best;
}

static void add_figures(struct reconcile_row *r, const struct figures_result *own, const struct figures_group *g)
{
	for (size_t i = 0; i < own->steps; i++) {
		int64_t at_us = own->from_us + (int64_t)i * own->step_us;
		const struct figures *f = &g->series[i];

		if (at_us < r->from_us || at_us >= r->to_us)
			continue;
		r->own_nusd += f->cost_nusd;
		r->own_requests += f->requests;
		r->unpriced += f->unpriced;
		r->own_tokens += f->input_tokens + f->output_tokens;
	}
}

static void count_hours(struct reconcile_row *r, const struct figures_result *own)
{
	for (size_t i = 0; i < own->steps; i++) {
		int64_t at_us = own->from_us + (int64_t)i * own->step_us;

		if (at_us < r->from_us || at_us >= r->to_us)
			continue;
		r->hours += (int)(own->step_us / US_PER_HOUR);
		r->silent_hours += own->total.series[i].requests == 0 ? (int)(own->step_us / US_PER_HOUR) : 0;
	}
}

/* Is this model of ours another row's in the same stretch? */
static bool is_taken(const struct reconcile_result *out, const struct reconcile_row *r, const char *model)
{
	for (size_t i = 0; i < out->row_count; i++) {
		const struct reconcile_row *o = &out->rows[i];

		if (o != r && o->from_us == r->from_us && o->to_us == r->to_us && strcmp(o->own_model, model) == 0)
			return true;
	}
	return false;
}

/* Bills have a row for input, one for output, one for each region …: what is one model of ours is one
 * row here. */
static void name_rows(struct reconcile_result *out, const struct figures_result *own)
{
	size_t kept = 0;

	for (size_t i = 0; i < out->row_count; i++) {
		struct reconcile_row r = out->rows[i];
		bool derived = false;
		const char *mine = *r.model ? own_of(r.model, own, &derived) : NULL;
		struct reconcile_row *twin = NULL;

		for (size_t k = kept; mine && !twin && k-- > 0 && out->rows[k].from_us >= r.from_us - 2 * US_PER_DAY;)
			if (out->rows[k].from_us == r.from_us && out->rows[k].to_us == r.to_us && !strcmp(out->rows[k].own_model, mine) &&
			    !strcmp(out->rows[k].currency, r.currency))
				twin = &out->rows[k];
		if (!twin) {
			r.own_model = mine ? arena_copy(&out->arena, mine, strlen(mine)) : "";
			r.derived |= derived;
			out->rows[kept++] = r;
			continue;
		}
		twin->derived |= r.derived || derived;
		twin->bill_nusd += r.bill_nusd;
		twin->credits_nusd += r.credits_nusd;
		twin->rows += r.rows;
		twin->unknown_rows += r.unknown_rows;
		add_tokens(&twin->bill_tokens, r.bill_tokens, -1);
		if (strcmp(twin->model, r.model) != 0)
			twin->model = twin->own_model;
	}
	out->row_count = kept;
}

static void compare_rows(struct reconcile_result *out, const struct figures_result *own)
{
	for (size_t i = 0; i < out->row_count; i++) {
		struct reconcile_row *r = &out->rows[i];
		bool rest = !*r->model && !is_taken(out, r, "*");

		if (rest)
			r->own_model = "*";
		for (size_t k = 0; k < own->group_count; k++)
			if (rest ? !is_taken(out, r, own->groups[k].key[0]) : *r->own_model && strcmp(r->own_model, own->groups[k].key[0]) == 0)
				add_figures(r, own, &own->groups[k]);
		count_hours(r, own);
	}
}

/* What we have and the bill does not, in stretches that the bill covers. */
static void add_ours_alone(struct reconcile_result *out, size_t *cap, const struct figures_result *own)
{
	size_t on_bill = out->row_count;
	int64_t from_us = 0, to_us = 0;

	for (size_t i = 0; i < on_bill; i++) {
		struct reconcile_row day = {.from_us = out->rows[i].from_us, .to_us = out->rows[i].to_us};

		if ((day.from_us == from_us && day.to_us == to_us) || is_taken(out, &day, "*"))
			continue;
		from_us = day.from_us;
		to_us = day.to_us;
		for (size_t k = 0; k < own->group_count; k++) {
			struct reconcile_row r = {.from_us = from_us, .to_us = to_us, .provider = "", .model = "", .currency = "", .bill_tokens = -1,
			                          .own_model = own->groups[k].key[0]};

			if (is_taken(out, &r, r.own_model))
				continue;
			add_figures(&r, own, &own->groups[k]);
			if (!r.own_nusd || out->row_count == GROUPS_MOST)
				continue;
			count_hours(&r, own);
			r.own_model = arena_copy(&out->arena, r.own_model, strlen(r.own_model));
			out->rows = mem_grow(out->rows, cap, out->row_count + 1, sizeof *out->rows);
			out->rows[out->row_count++] = r;
		}
	}
}

/* ── together ──────────────────────────────────────────────────────────────────────────────── */

static void find_shift(struct reconcile_result *out, const struct figures_result *own)
{
	struct reconcile_day *days = mem_array(NULL, out->row_count + 1, sizeof *days);
	int64_t *hours = mem_array(NULL, own->steps + 1, sizeof *hours);
	size_t count = 0;

	for (size_t i = 0; i < out->row_count; i++) {
		const struct reconcile_row *r = &out->rows[i];
		size_t at = 0;

		if (!r->on_bill || !r->comparable || r->to_us - r->from_us > 26 * US_PER_HOUR)
			continue;
		while (at < count && days[at].from_us != r->from_us)
			at++;
		if (at == count)
			days[count++] = (struct reconcile_day){.from_us = r->from_us, .to_us = r->to_us};
		days[at].bill_nusd += r->bill_nusd - r->credits_nusd;
	}
	for (size_t i = 0; i < own->steps; i++)
		hours[i] = own->total.series[i].cost_nusd;
	if (own->step_us == US_PER_HOUR)
		out->shift_hours = reconcile_shift(days, count, hours, own->steps, own->from_us, &out->shift_before_nusd,
		                                   &out->shift_left_nusd);
	free(days);
	free(hours);
}

static int by_day(const void *x, const void *y)
{
	const struct reconcile_row *a = x, *b = y;
	int64_t da = a->difference_nusd < 0 ? -a->difference_nusd : a->difference_nusd;
	int64_t db = b->difference_nusd < 0 ? -b->difference_nusd : b->difference_nusd;

	if (a->from_us != b->from_us)
		return a->from_us < b->from_us ? -1 : 1;
	if (da != db)
		return da > db ? -1 : 1;
	return strcmp(*a->model ? a->model : a->own_model, *b->model ? b->model : b->own_model);
}

int query_reconcile(struct store_reader *r, const struct reconcile_ask *ask, struct reconcile_result *out, struct err *err)
{
	struct view v = {.step_us = US_PER_HOUR, .by = {DIM_MODEL}, .by_count = 1};
	struct reading rd = {.ask = ask, .out = out};
	struct figures_result own;

	memset(out, 0, sizeof *out);
	int failed = read_bill(r, &rd, err);

	names_result_fini(&rd.own);
	strmap_fini(&rd.derived);
	if (failed) {
		reconcile_result_fini(out);
		return -1;
	}
	if (!out->row_count)
		return 0;
	out->from_us = out->rows[0].from_us;
	for (size_t i = 0; i < out->row_count; i++) {
		out->from_us = out->rows[i].from_us < out->from_us ? out->rows[i].from_us : out->from_us;
		out->to_us = out->rows[i].to_us > out->to_us ? out->rows[i].to_us : out->to_us;
	}
	/* A day to each side, for bills whose days begin at another hour. */
	v.from_us = out->from_us - US_PER_DAY;
	v.to_us = out->to_us + US_PER_DAY;
	if (query_figures(r, &v, 0, 0, &own, err)) {
		reconcile_result_fini(out);
		return -1;
	}
	name_rows(out, &own);
	compare_rows(out, &own);
	add_ours_alone(out, &rd.cap, &own);
	for (size_t i = 0; i < out->row_count; i++)
		reconcile_explain(&out->rows[i]);
	find_shift(out, &own);
	qsort(out->rows, out->row_count, sizeof *out->rows, by_day);
	figures_result_fini(&own);
	return 0;
}

void reconcile_result_fini(struct reconcile_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}
