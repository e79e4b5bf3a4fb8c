/* An eponymous, read-only virtual table: one walk over the blocks (store/block_walk.h) per scan, each row
 * unpacked once and only as far as the statement uses its columns. Bounds on id and end_us become the walk's
 * range, an order by either the walk's direction, so that LIMIT reads no more than it gives.
 *
 * Rows of one crowded microsecond may stand a little later than they ended: bounds on end_us are widened by
 * that and left to SQLite to check again; an order by end_us is taken for given in an ORDER BY, where
 * microseconds of a crowd do not matter, but not in grouping. */
#include "store/request_rows.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/block_walk.h"
#include "store/names.h"
#include "store/sql.h"

enum column_kind { AS_ID, AS_COUNT, AS_POSITIVE_16, AS_POSITIVE_8, AS_BYTE, AS_UINT32, AS_NAME, AS_DIM, AS_ATTR, AS_COST,
                   AS_TRACE, AS_SPAN, AS_FLAGS };

#define OF(field) (int)offsetof(struct packed, field)
static const struct column {
	const char *name;
	enum column_kind kind;
	int what; /* offset in struct packed, or which */
} columns[] = {
	{"id", AS_ID, 0}, {"end_us", AS_COUNT, OF(end_us)},
	{"service", AS_DIM, DIM_SERVICE}, {"environment", AS_DIM, DIM_ENVIRONMENT}, {"deployment", AS_DIM, DIM_DEPLOYMENT},
	{"provider", AS_DIM, DIM_PROVIDER}, {"model", AS_DIM, DIM_MODEL}, {"team", AS_DIM, DIM_TEAM}, {"region", AS_DIM, DIM_REGION},
	{"latency_us", AS_COUNT, OF(latency_us)}, {"ttft_us", AS_COUNT, OF(ttft_us)},
	{"input_tokens", AS_COUNT, OF(input_tokens)}, {"output_tokens", AS_COUNT, OF(output_tokens)},
	{"cached_tokens", AS_COUNT, OF(cached_tokens)}, {"cache_write_tokens", AS_COUNT, OF(cache_write_tokens)},
	{"reasoning_tokens", AS_COUNT, OF(reasoning_tokens)}, {"cost_nusd", AS_COST, 0}, {"cost_source", AS_BYTE, OF(cost_source)},
	{"status", AS_BYTE, OF(status)}, {"http_status", AS_POSITIVE_16, OF(http_status)}, {"attempt", AS_POSITIVE_8, OF(attempt)},
	{"error_type", AS_NAME, OF(error_type)}, {"finish_reason", AS_NAME, OF(finish_reason)}, {"operation", AS_NAME, OF(operation)},
	{"request_model", AS_NAME, OF(request_model)}, {"outcome", AS_NAME, OF(outcome)}, {"source", AS_NAME, OF(source)},
	{"cost_basis", AS_NAME, OF(cost_basis)}, {"trace_id", AS_TRACE, 0}, {"span_id", AS_SPAN, 0},
	{"user", AS_ATTR, ATTR_USER}, {"key", AS_ATTR, ATTR_KEY}, {"tenant", AS_ATTR, ATTR_TENANT}, {"session", AS_ATTR, ATTR_SESSION},
	{"tool", AS_ATTR, ATTR_TOOL}, {"prompt_version", AS_ATTR, ATTR_PROMPT_VERSION},
	{"flag_count", AS_UINT32, OF(flag_count)}, {"import_ref", AS_UINT32, OF(import_ref)},
	{"flags", AS_FLAGS, 0}, /* JSON: [[category, severity, blocked], …] */
};
#define COLUMNS (int)(sizeof columns / sizeof *columns)
enum { COLUMN_ID, COLUMN_END_US };
_Static_assert(sizeof columns / sizeof *columns < 63, "which columns are used is a mask of 63 bits");

struct table {
	sqlite3_vtab base;
	sqlite3 *db;
	struct names names;
	struct fresh fresh;
};
struct cursor {
	sqlite3_vtab_cursor base;
	struct block_walk walk;
	bool open, ended;
	uint32_t wanted; /* of the rows' rests */
	struct packed packed;
	struct err err;
};

static _Thread_local int at_work;

bool request_rows_at_work(void)
{
	return at_work > 0;
}

static int fail(sqlite3_vtab *t, const struct err *err)
{
	sqlite3_free(t->zErrMsg);
	t->zErrMsg = sqlite3_mprintf("%s", err->text);
	return SQLITE_ERROR;
}

static int connect_table(sqlite3 *db, void *arg, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
	struct buf sql = {0};

	(void)arg;
	(void)argc;
	(void)argv;
	(void)message;
	for (int i = 0; i < COLUMNS; i++)
		buf_printf(&sql, "%s%s%s", i ? ", " : "CREATE TABLE request_rows(", columns[i].name,
		           columns[i].kind == AS_FLAGS ? " HIDDEN" : "");
	buf_puts(&sql, ")");
	int result = sqlite3_declare_vtab(db, sql.data);
	buf_fini(&sql);
	if (result != SQLITE_OK)
		return result;
	sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
	struct table *t = mem_zalloc(sizeof *t);
	t->db = db;
	*out = &t->base;
	return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *base)
{
	struct table *t = (struct table *)base;

	names_close(&t->names);
	fresh_fini(&t->fresh);
	free(t);
	return SQLITE_OK;
}

/* A letter per bound that is used, in the order of the arguments: i, e for a lower bound of id or end_us,
 * I, E for an upper one, = for the very id. */
static char bound_letter(const struct sqlite3_index_constraint *c)
{
	bool is_id = c->iColumn == COLUMN_ID || c->iColumn == -1;

	if (!c->usable || (!is_id && c->iColumn != COLUMN_END_US))
		return 0;
	switch (c->op) {
	case SQLITE_INDEX_CONSTRAINT_EQ:
		return is_id ? '=' : '~';
	case SQLITE_INDEX_CONSTRAINT_GT:
	case SQLITE_INDEX_CONSTRAINT_GE:
		return is_id ? 'i' : 'e';
	case SQLITE_INDEX_CONSTRAINT_LT:
	case SQLITE_INDEX_CONSTRAINT_LE:
		return is_id ? 'I' : 'E';
	default:
		return 0;
	}
}

static int choose_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
	char bounds[16] = "";
	int used = 0;
	double share = 1;

	(void)base;
	for (int i = 0; i < info->nConstraint && used < (int)sizeof bounds - 1; i++) {
		char letter = bound_letter(&info->aConstraint[i]);

		if (!letter)
			continue;
		bounds[used++] = letter;
		info->aConstraintUsage[i].argvIndex = used;
		share *= letter == '=' ? 1e-6 : letter == '~' ? 1e-5 : 0.05;
	}
	bounds[used] = 0;
	if (info->nOrderBy == 1) {
		int column = info->aOrderBy[0].iColumn;

		info->orderByConsumed = column == COLUMN_ID || column == -1 || (column == COLUMN_END_US && sqlite3_vtab_distinct(info) == 0);
		info->idxNum = info->orderByConsumed && info->aOrderBy[0].desc;
	}
	info->estimatedCost = 1e7 * share + 100;
	info->estimatedRows = (sqlite3_int64)(1e7 * share) + 1;
	info->idxStr = sqlite3_mprintf("%s %llx", bounds, (unsigned long long)info->colUsed);
	info->needToFreeIdxStr = 1;
	return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
	struct cursor *c = mem_zalloc(sizeof *c);

	(void)base;
	*out = &c->base;
	return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;

	if (c->open)
		block_walk_end(&c->walk);
	free(c);
	return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;
	int got;

	at_work++;
	do
		got = block_walk_next(&c->walk, &c->err);
	while (got > 0 && (!block_read_figures(&c->walk.block, c->walk.at, &c->packed) ||
	                   (c->wanted && !block_read_rest(&c->walk.block, c->walk.at, c->wanted, &c->packed))));
	at_work--;
	c->ended = got <= 0;
	return got < 0 ? fail(base->pVtab, &c->err) : SQLITE_OK;
}

static int64_t clamped(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* Narrows [*from, *to) by one bound. A bound that is no integer narrows nothing: SQLite checks it. */
static void narrow(char letter, sqlite3_value *value, int64_t *from, int64_t *to)
{
	if (sqlite3_value_type(value) != SQLITE_INTEGER)
		return;
	int64_t v = sqlite3_value_int64(value), us = clamped(v, 0, ID_TIME_MAX_US - US_PER_S), low = 0, high = INT64_MAX;

	if (letter == 'i' || letter == '=')
		low = v;
	if (letter == 'I' || letter == '=')
		high = v < INT64_MAX ? v + 1 : v;
	if (letter == 'e' || letter == '~')
		low = id_first_us(us);
	if (letter == 'E' || letter == '~')
		high = id_first_us(us + US_PER_S);
	*from = low > *from ? low : *from;
	*to = high < *to ? high : *to;
}

static uint32_t rests_wanted(unsigned long long used)
{
	uint32_t wanted = 0;

	for (int i = 0; i < COLUMNS; i++) {
		if (!(used >> i & 1))
			continue;
		wanted |= columns[i].kind == AS_ATTR ? 1u << columns[i].what : 0;
		wanted |= columns[i].kind == AS_TRACE || columns[i].kind == AS_SPAN ? PACK_IDS : 0;
		wanted |= columns[i].kind == AS_FLAGS ? PACK_FLAGS : 0;
	}
	return wanted;
}

static int begin_scan(sqlite3_vtab_cursor *base, int down, const char *plan, int argc, sqlite3_value **argv)
{
	struct table *t = (struct table *)base->pVtab;
	struct cursor *c = (struct cursor *)base;
	int64_t from = 0, to = INT64_MAX;

	for (int i = 0; i < argc; i++)
		narrow(plan[i], argv[i], &from, &to);
	c->wanted = rests_wanted(strtoull(plan + argc, NULL, 16));
	if (c->open)
		block_walk_end(&c->walk);
	/* The walk binds its range, which who asks may not be allowed to. */
	int limit = sqlite3_limit(t->db, SQLITE_LIMIT_VARIABLE_NUMBER, 8);
	at_work++;
	bool failed = !t->names.db && names_open(&t->names, t->db, 0, &c->err);
	c->open = !failed && !block_walk_begin(&c->walk, t->db, &t->fresh, from, to, down, &c->err);
	at_work--;
	sqlite3_limit(t->db, SQLITE_LIMIT_VARIABLE_NUMBER, limit);
	return c->open ? next_row(base) : fail(base->pVtab, &c->err);
}

static int at_end(sqlite3_vtab_cursor *base)
{
	return ((struct cursor *)base)->ended;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
	*id = block_walk_row(&((struct cursor *)base)->walk)->id;
	return SQLITE_OK;
}

/* Names that were stored after they were loaded have greater numbers. */
static void load_names(struct table *t, bool known)
{
	struct err err;

	if (known)
		return;
	at_work++;
	(void)names_reload(&t->names, &err);
	at_work--;
}

static void give_name(sqlite3_context *ctx, struct table *t, uint32_t name)
{
	if (!name)
		return;
	load_names(t, name < t->names.text_count);
	sqlite3_result_text(ctx, names_text(&t->names, name), -1, SQLITE_TRANSIENT);
}

static void give_dim(sqlite3_context *ctx, struct table *t, uint32_t series, int dim)
{
	load_names(t, series < t->names.series_count);
	if (series < t->names.series_count)
		give_name(ctx, t, t->names.series[series].value[dim]);
}

static void give_flags(sqlite3_context *ctx, struct table *t, const struct packed *p)
{
	struct buf b = {0};

	buf_append_c(&b, '[');
	for (uint32_t i = 0; i < p->flag_count; i++) {
		load_names(t, p->flags[i].category < t->names.text_count);
		buf_puts(&b, i ? ",[" : "[");
		buf_append_json(&b, str_of(names_text(&t->names, p->flags[i].category)));
		buf_printf(&b, ",%d,%d]", p->flags[i].severity, p->flags[i].action);
	}
	buf_append_c(&b, ']');
	sqlite3_result_text64(ctx, b.data, b.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	buf_fini(&b);
}

static void give_unless(sqlite3_context *ctx, int64_t v, int64_t unknown)
{
	if (v != unknown)
		sqlite3_result_int64(ctx, v);
}

static int give_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int number)
{
	struct table *t = (struct table *)base->pVtab;
	struct cursor *c = (struct cursor *)base;
	const struct packed *p = &c->packed;
	const struct column *column = &columns[number];
	const void *field = (const char *)p + column->what;

	switch (column->kind) {
	case AS_ID:
		sqlite3_result_int64(ctx, block_walk_row(&c->walk)->id);
		break;
	case AS_COUNT:
		give_unless(ctx, *(const int64_t *)field, UNKNOWN_INT);
		break;
	case AS_COST:
		if (p->cost_source != COST_UNPRICED)
			sqlite3_result_int64(ctx, p->cost_nusd);
		break;
	case AS_POSITIVE_16:
		give_unless(ctx, *(const uint16_t *)field, 0);
		break;
	case AS_POSITIVE_8:
		give_unless(ctx, *(const uint8_t *)field, 0);
		break;
	case AS_BYTE:
		sqlite3_result_int(ctx, *(const uint8_t *)field);
		break;
	case AS_UINT32:
		sqlite3_result_int64(ctx, *(const uint32_t *)field);
		break;
	case AS_NAME:
		give_name(ctx, t, *(const uint32_t *)field);
		break;
	case AS_DIM:
		give_dim(ctx, t, block_walk_row(&c->walk)->series, column->what);
		break;
	case AS_ATTR:
		if (p->attrs[column->what].len)
			sqlite3_result_text(ctx, p->attrs[column->what].ptr, (int)p->attrs[column->what].len, SQLITE_TRANSIENT);
		break;
	case AS_TRACE:
		if (p->has_trace)
			sqlite3_result_blob(ctx, p->trace_id, sizeof p->trace_id, SQLITE_TRANSIENT);
		break;
	case AS_SPAN:
		if (p->has_span)
			sqlite3_result_blob(ctx, p->span_id, sizeof p->span_id, SQLITE_TRANSIENT);
		break;
	case AS_FLAGS:
		give_flags(ctx, t, p);
		break;
	}
	return SQLITE_OK;
}

int request_rows_register(sqlite3 *db, struct err *err)
{
	static const sqlite3_module module = {
		.xConnect = connect_table, .xDisconnect = disconnect_table, .xDestroy = disconnect_table, .xBestIndex = choose_plan,
		.xOpen = open_cursor, .xClose = close_cursor, .xFilter = begin_scan, .xNext = next_row, .xEof = at_end,
		.xColumn = give_column, .xRowid = row_id,
	};

	return sqlite3_create_module(db, "request_rows", &module, NULL) == SQLITE_OK ? 0 : sql_fail(db, "store", err);
}
