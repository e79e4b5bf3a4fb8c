/* SQLite's authorizer lets nothing but reading through: of the views, of a table only on behalf of a view, and with
 * functions that are known to compute and nothing else. A progress handler looks at the clock, at the memory and
 * at the interrupt every thousand steps of its machine; SQLite's limits bound lengths and depth, and what could run long
 * within one step is replaced (store/ask_functions.h). The connection is opened read-only, so that even a
 * mistake here could not write. */
#include "store/ask.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/ask_functions.h"
#include "store/request_rows.h"
#include "store/schema.h"
#include "store/sql.h"

#define STEPS_PER_LOOK 1000
#define MEMORY_MAX_BYTES (INT64_C(512) << 20) /* that a question may take: sorts and tables of its own */
#define SQL_MAX_BYTES (64 << 10)
#define ANSWER_MAX_BYTES ((size_t)256 << 20)

struct store_asker {
	sqlite3 *db;
	atomic_bool interrupted;
	int64_t deadline_us; /* monotonic */
	int64_t memory_bytes; /* SQLite's, when the question began */
	bool timed_out, too_large;
	const char **views;   /* names, in the arena */
	size_t view_count;
	struct arena arena;
	const char *refused; /* what the authorizer would not let through */
};

static int look_up(void *arg)
{
	struct store_asker *a = arg;

	a->timed_out |= clock_mono_us() > a->deadline_us;
	a->too_large |= sqlite3_memory_used() - a->memory_bytes > MEMORY_MAX_BYTES;
	return a->timed_out || a->too_large || atomic_load(&a->interrupted);
}

static int refuse(struct store_asker *a, const char *what)
{
	if (!a->refused)
		a->refused = what;
	return SQLITE_DENY;
}

/* Exactly: a table of the statement's own (WITH v_x AS …) reads on its own behalf. */
static bool is_view(const struct store_asker *a, const char *name)
{
	for (size_t i = 0; name && i < a->view_count; i++)
		if (!strcmp(name, a->views[i]))
			return true;
	return false;
}

/* Table-valued functions and the schema's own list of names are harmless. */
static bool is_harmless_table(const char *name)
{
	static const char *const names[] = {"json_each", "json_tree", "sqlite_master", "sqlite_schema"};

	for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static int authorize(void *arg, int action, const char *one, const char *two, const char *database, const char *inner)
{
	struct store_asker *a = arg;

	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_READ:
		/* `inner` is the view on whose behalf a table is read; a row count reads no column of "" */
		if (!database || is_view(a, inner) || is_view(a, one) || is_harmless_table(one) || !one[0] || request_rows_at_work())
			return SQLITE_OK;
		return refuse(a, "tables are private to the store: use its views, which begin with v_: see llmdeck-store(5)");
	case SQLITE_FUNCTION:
		return ask_function_allowed(two) ? SQLITE_OK : refuse(a, "that function is not allowed: only those that compute are");
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
		return refuse(a, "ATTACH and DETACH are not allowed");
	case SQLITE_PRAGMA:
		return refuse(a, "PRAGMA is not allowed");
	default:
		return refuse(a, "only reading is allowed: one SELECT over the views of llmdeck-store(5)");
	}
}

static void set_limits(sqlite3 *db)
{
	static const struct { int what, limit; } limits[] = {
		{SQLITE_LIMIT_LENGTH, ASK_VALUE_MAX_BYTES}, {SQLITE_LIMIT_SQL_LENGTH, SQL_MAX_BYTES},
		{SQLITE_LIMIT_COLUMN, 200}, {SQLITE_LIMIT_EXPR_DEPTH, 100}, {SQLITE_LIMIT_COMPOUND_SELECT, 20},
		{SQLITE_LIMIT_VDBE_OP, 100000}, {SQLITE_LIMIT_FUNCTION_ARG, 20}, {SQLITE_LIMIT_ATTACHED, 0},
		{SQLITE_LIMIT_LIKE_PATTERN_LENGTH, ASK_PATTERN_MAX_BYTES}, {SQLITE_LIMIT_VARIABLE_NUMBER, 0}, {SQLITE_LIMIT_TRIGGER_DEPTH, 0},
		{SQLITE_LIMIT_WORKER_THREADS, 0},
	};

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
		sqlite3_limit(db, limits[i].what, limits[i].limit);
}

static int read_views(struct store_asker *a, struct err *err)
{
	sqlite3_stmt *st;
	size_t cap = 0;
	int got;

	if (sql_prepare(a->db, &st, "SELECT name FROM sqlite_master WHERE type='view' ORDER BY name", err))
		return -1;
	while ((got = sql_step(st, err)) > 0) {
		a->views = mem_grow(a->views, &cap, a->view_count + 1, sizeof *a->views);
		a->views[a->view_count++] = sql_text(st, 0, &a->arena);
	}
	sqlite3_finalize(st);
	return got;
}

int store_asker_open(struct store_asker **out, const char *path, struct err *err)
{
	struct store_asker *a = mem_zalloc(sizeof *a);
	int64_t version = 0;

	*out = NULL;
	if (sqlite3_open_v2(path, &a->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		err_set(err, "no store: %s: import a log with `llmdeck import FILE` or start `llmdeck collect`", path);
		store_asker_close(&a);
		return -1;
	}
	sqlite3_busy_timeout(a->db, 200);
	if (schema_check(a->db, path, &version, err) != 0) {
		store_asker_close(&a);
		return -1;
	}
	if (version != schema_version()) {
		err_set(err, "%s: the store is empty or of an older version: open it once with the collector", path);
		store_asker_close(&a);
		return -1;
	}
	if (schema_add_functions(a->db, err) != 0 || ask_functions_add(a->db, err) != 0 || read_views(a, err) != 0 ||
	    sql_exec(a->db, "PRAGMA query_only=1; PRAGMA temp_store=2; PRAGMA cache_size=-16000", err) != 0) {
		store_asker_close(&a);
		return -1;
	}
	set_limits(a->db);
	sqlite3_set_authorizer(a->db, authorize, a);
	sqlite3_progress_handler(a->db, STEPS_PER_LOOK, look_up, a);
	*out = a;
	return 0;
}

void store_asker_close(struct store_asker **a)
{
	if (!*a)
		return;
	sqlite3_close((*a)->db);
	free((*a)->views);
	arena_fini(&(*a)->arena);
	free(*a);
	*a = NULL;
}

void store_asker_interrupt(struct store_asker *a)
{
	atomic_store(&a->interrupted, true);
}

atomic_bool *store_asker_interrupted(struct store_asker *a)
{
	return &a->interrupted;
}

static struct answer_cell read_cell(sqlite3_stmt *st, int column, struct arena *arena)
{
	struct answer_cell cell = {.kind = ANSWER_NULL};
	size_t len = (size_t)sqlite3_column_bytes(st, column);

	switch (sqlite3_column_type(st, column)) {
	case SQLITE_INTEGER:
		cell.kind = ANSWER_INTEGER;
		cell.integer = sqlite3_column_int64(st, column);
		break;
	case SQLITE_FLOAT:
		cell.kind = ANSWER_REAL;
		cell.real = sqlite3_column_double(st, column);
		break;
	case SQLITE_TEXT:
		cell.kind = ANSWER_TEXT;
		cell.text = (struct str){arena_copy(arena, (const char *)sqlite3_column_text(st, column), len), len};
		break;
	case SQLITE_BLOB:
		cell.kind = ANSWER_BLOB;
		cell.text = (struct str){arena_copy(arena, sqlite3_column_blob(st, column), len), len};
		break;
	default:
		break;
	}
	return cell;
}

static void read_columns(sqlite3_stmt *st, struct answer *out)
{
	out->column_count = (size_t)sqlite3_column_count(st);
	out->columns = arena_alloc(&out->arena, (out->column_count + 1) * sizeof *out->columns);
	for (size_t i = 0; i < out->column_count; i++) {
		const char *name = sqlite3_column_name(st, (int)i);
		out->columns[i] = arena_copy(&out->arena, name ? name : "", name ? strlen(name) : 0);
	}
}

static int failed(struct store_asker *a, const struct ask_limits *limits, struct err *err)
{
	if (a->refused)
		return err_set(err, "query: %s", a->refused);
	if (a->timed_out)
		return err_set(err, "query: it took longer than %.0f s: narrow the time with `id` or `end_us`, or raise --timeout",
		               (double)limits->timeout_us / 1e6);
	if (a->too_large)
		return err_set(err, "query: it takes more than %lld MiB of memory: select fewer or shorter columns, or sort less",
		               (long long)(MEMORY_MAX_BYTES >> 20));
	if (atomic_load(&a->interrupted))
		return err_set(err, "query: interrupted");
	return err_set(err, "query: %s", sqlite3_errmsg(a->db));
}

static int read_rows(struct store_asker *a, sqlite3_stmt *st, const struct ask_limits *limits, struct answer *out,
                     struct err *err)
{
	size_t cap = 0, used = 0;
	int state;

	while ((state = sqlite3_step(st)) == SQLITE_ROW) {
		if (out->row_count == limits->rows || out->arena.used_bytes > ANSWER_MAX_BYTES) {
			out->more = true;
			return 0;
		}
		out->cells = mem_grow(out->cells, &cap, used + out->column_count, sizeof *out->cells);
		for (size_t i = 0; i < out->column_count; i++)
			out->cells[used++] = read_cell(st, (int)i, &out->arena);
		out->row_count++;
	}
	return state == SQLITE_DONE ? 0 : failed(a, limits, err);
}

int store_ask(struct store_asker *a, struct str sql, const struct ask_limits *limits, struct answer *out,
              bool *timed_out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	const char *tail = NULL;
	int result = -1;

	memset(out, 0, sizeof *out);
	*timed_out = false;
	if (sql.len > SQL_MAX_BYTES)
		return err_set(err, "query: longer than 64 KiB");
	if (ask_shadows_view(sql))
		return err_set(err, "query: a WITH must not use a view's name: give it one that does not begin with v_");
	a->refused = NULL;
	a->timed_out = a->too_large = false;
	a->memory_bytes = sqlite3_memory_used();
	a->deadline_us = clock_mono_us() + limits->timeout_us;
	if (sqlite3_prepare_v2(a->db, sql.ptr, (int)sql.len, &st, &tail) != SQLITE_OK)
		failed(a, limits, err);
	else if (!st)
		err_set(err, "query: nothing was asked: write one SELECT");
	else if (str_trim((struct str){tail, (size_t)(sql.ptr + sql.len - tail)}).len)
		err_set(err, "query: one statement at a time");
	else if (!sqlite3_stmt_readonly(st))
		err_set(err, "query: only reading is allowed");
	else {
		read_columns(st, out);
		result = read_rows(a, st, limits, out, err);
	}
	sqlite3_finalize(st);
	atomic_store(&a->interrupted, false);
	*timed_out = a->timed_out;
	if (result)
		answer_fini(out);
	return result;
}

void answer_fini(struct answer *answer)
{
	free(answer->cells);
	arena_fini(&answer->arena);
	memset(answer, 0, sizeof *answer);
}
