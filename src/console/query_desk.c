/* One thread. The mutex is held for pointers and short copies only, never while SQLite works; a question
 * is cancelled by a mark of ours and by the asker's own, which reaches into SQLite. */
#include "console/query_desk.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "console/worker.h"
#include "store/ask.h"
#include "store/ask_text.h"

#define WIDTH_MOST 60
#define TIME_LEAST_US (INT64_C(946684800) * 1000000)  /* 2000 */
#define TIME_MOST_US (INT64_C(4102444800) * 1000000)  /* 2100 */
#define CANCEL_AGAIN_US (20 * US_PER_MS)

struct query_desk {
	struct worker worker;
	char *store_path, *history_path;
	/* under the mutex */
	bool open_wanted, running, cancel;
	char *sql; /* to be asked next; NULL none */
	struct query_outcome *outcome;
	struct query_names *names;
	struct store_asker *asker; /* the thread's; may be interrupted by others */
	/* the thread's own */
	char *history;
};

/* ── what is handed over ───────────────────────────────────────────────────────────────────── */

static void table_free(struct query_table *t)
{
	if (!t)
		return;
	arena_fini(&t->arena);
	free(t);
}

void query_outcome_free(struct query_outcome **o)
{
	if (!*o)
		return;
	table_free((*o)->table);
	buf_fini(&(*o)->csv);
	buf_fini(&(*o)->json);
	free(*o);
	*o = NULL;
}

void query_names_free(struct query_names **n)
{
	if (!*n)
		return;
	for (size_t i = 0; i < (*n)->count; i++)
		free((*n)->names[i]);
	free((*n)->names);
	free((*n)->history);
	free(*n);
	*n = NULL;
}

/* ── an answer as a table ──────────────────────────────────────────────────────────────────── */

static bool ends_in_us(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, "_us") == 0;
}

/* Numbers alone, and are they times? */
static void judge_column(const struct answer *a, size_t column, struct query_table *t)
{
	bool numbers = a->row_count > 0, times = ends_in_us(a->columns[column]);
	size_t known = 0;

	for (size_t r = 0; r < a->row_count && numbers; r++) {
		const struct answer_cell *c = &a->cells[r * a->column_count + column];

		if (c->kind == ANSWER_NULL)
			continue;
		known++;
		numbers = c->kind == ANSWER_INTEGER || c->kind == ANSWER_REAL;
		times = times && c->kind == ANSWER_INTEGER && c->integer >= TIME_LEAST_US && c->integer < TIME_MOST_US;
	}
	t->numeric[column] = numbers && known > 0;
	t->times[column] = t->numeric[column] && times;
}

static void fill_cell(const struct answer_cell *from, bool time, struct query_table *t, struct query_cell *to)
{
	struct buf text = {0};
	char clock[TIME_TEXT_BYTES];

	to->null = from->kind == ANSWER_NULL;
	to->number = from->kind == ANSWER_INTEGER ? (double)from->integer : from->kind == ANSWER_REAL ? from->real : (double)NAN;
	if (time && from->kind == ANSWER_INTEGER)
		buf_puts(&text, time_format(from->integer, clock));
	else
		answer_cell_append(&text, from);
	to->text = (struct str){arena_copy(&t->arena, text.len ? text.data : "", text.len), text.len};
	buf_fini(&text);
}

static int width_of(const struct query_table *t, size_t column)
{
	size_t most = utf8_columns(str_of(t->columns[column]));

	for (size_t r = 0; r < t->row_count; r++) {
		struct str text = t->cells[r * t->column_count + column].text;
		size_t columns = text.len > 4 * WIDTH_MOST ? WIDTH_MOST : utf8_columns(text);

		most = columns > most ? columns : most;
	}
	return most < 1 ? 1 : most > WIDTH_MOST ? WIDTH_MOST : (int)most;
}

static struct query_table *make_table(const struct answer *a)
{
	struct query_table *t = mem_zalloc(sizeof *t);
	size_t columns = a->column_count;

	t->column_count = columns;
	t->row_count = a->row_count;
	t->more = a->more;
	t->columns = arena_alloc(&t->arena, (columns + 1) * sizeof *t->columns);
	t->numeric = arena_alloc(&t->arena, columns + 1);
	t->times = arena_alloc(&t->arena, columns + 1);
	t->widths = arena_alloc(&t->arena, (columns + 1) * sizeof *t->widths);
	t->cells = arena_alloc(&t->arena, (columns * a->row_count + 1) * sizeof *t->cells);
	for (size_t c = 0; c < columns; c++) {
		t->columns[c] = arena_copy(&t->arena, a->columns[c], strlen(a->columns[c]));
		judge_column(a, c, t);
		for (size_t r = 0; r < a->row_count; r++)
			fill_cell(&a->cells[r * columns + c], t->times[c], t, &t->cells[r * columns + c]);
		t->widths[c] = width_of(t, c);
	}
	return t;
}

/* ── asking ────────────────────────────────────────────────────────────────────────────────── */

/* Opened anew for each question: a store that was replaced meanwhile is the new one. */
static struct store_asker *open_asker(struct query_desk *d, struct err *err)
{
	struct store_asker *a = NULL;

	if (store_asker_open(&a, d->store_path, err) != 0)
		return NULL;
	worker_lock(&d->worker);
	d->asker = a;
	worker_unlock(&d->worker);
	return a;
}

static void close_asker(struct query_desk *d, struct store_asker *a)
{
	worker_lock(&d->worker);
	d->asker = NULL;
	worker_unlock(&d->worker);
	store_asker_close(&a);
}

static bool is_cancelled(struct query_desk *d)
{
	bool yes;

	worker_lock(&d->worker);
	yes = d->cancel;
	worker_unlock(&d->worker);
	return yes;
}

static void run_question(struct query_desk *d, struct store_asker *asker, const char *sql, struct query_outcome *out)
{
	struct ask_limits limits = {.rows = QUERY_ROWS, .timeout_us = QUERY_TIME_US};
	struct err err = {""};
	struct answer answer;
	bool timed_out;

	if (is_cancelled(d) || store_ask(asker, str_of(sql), &limits, &answer, &timed_out, &err) != 0) {
		out->cancelled = is_cancelled(d);
		snprintf(out->words, sizeof out->words, "%.390s", out->cancelled ? "cancelled" : err.text);
		return;
	}
	answer_append_csv(&answer, &out->csv);
	answer_append_json(&answer, &out->json);
	out->table = make_table(&answer);
	answer_fini(&answer);
}

/* The file keeps the newest QUERY_HISTORY_BYTES of whole lines. */
static void remember(struct query_desk *d, const char *sql)
{
	char *all = mem_printf("%s%s\n", d->history ? d->history : "", sql), *from = all;
	struct err ignored;

	while (strlen(from) > QUERY_HISTORY_BYTES && strchr(from, '\n'))
		from = strchr(from, '\n') + 1;
	free(d->history);
	d->history = mem_strdup(from);
	if (d->history_path) /* a folder that is not ours keeps nothing: no reason to stop anybody */
		file_write_atomic(d->history_path, d->history, strlen(d->history), 0600, &ignored);
	free(all);
}

static void do_question(struct query_desk *d, const char *sql)
{
	struct query_outcome *out = mem_zalloc(sizeof *out);
	int64_t started = clock_mono_us();
	struct store_asker *asker;
	struct err err = {""};

	remember(d, sql);
	asker = open_asker(d, &err);
	if (asker) {
		run_question(d, asker, sql, out);
		close_asker(d, asker);
	} else {
		snprintf(out->words, sizeof out->words, "%.390s", err.text);
	}
	out->took_s = (double)(clock_mono_us() - started) / 1e6;
	worker_lock(&d->worker);
	query_outcome_free(&d->outcome);
	d->outcome = out;
	d->running = false;
	worker_unlock(&d->worker);
	worker_wake_ui(&d->worker);
}

/* ── names for completion ──────────────────────────────────────────────────────────────────── */

static void add_name(struct query_names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++) {
		if (strcmp(n->names[i], name) == 0)
			return;
	}
	if (n->count < QUERY_NAMES_MAX)
		n->names[n->count++] = mem_strdup(name);
}

/* The views and, of a statement that gives no row, their columns. */
static void ask_names(struct store_asker *asker, struct query_names *n)
{
	const struct ask_limits limits = {.rows = 200, .timeout_us = US_PER_S};
	struct answer answer;
	struct err ignored;
	bool timed_out;

	if (store_ask(asker, STR_LIT("SELECT name FROM sqlite_master WHERE type='view' ORDER BY name"), &limits, &answer, &timed_out,
	              &ignored) != 0)
		return;
	for (size_t i = 0; i < answer.row_count; i++) {
		char name[80];

		snprintf(name, sizeof name, "%.*s", STR_ARG(answer.cells[i].text));
		if (answer.cells[i].kind == ANSWER_TEXT && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name))
			add_name(n, name);
	}
	answer_fini(&answer);
	n->view_count = n->count;
	for (size_t i = 0; i < n->view_count; i++) {
		char *sql = mem_printf("SELECT * FROM %s LIMIT 0", n->names[i]);

		if (store_ask(asker, str_of(sql), &limits, &answer, &timed_out, &ignored) == 0) {
			for (size_t c = 0; c < answer.column_count; c++)
				add_name(n, answer.columns[c]);
			answer_fini(&answer);
		}
		free(sql);
	}
}

static void do_open(struct query_desk *d)
{
	struct query_names *n = mem_zalloc(sizeof *n);
	struct store_asker *asker;
	struct buf text = {0};
	struct err ignored;

	n->names = mem_array(NULL, QUERY_NAMES_MAX, sizeof *n->names);
	asker = open_asker(d, &ignored);
	if (asker) {
		ask_names(asker, n);
		close_asker(d, asker);
	}
	if (d->history_path && file_read(d->history_path, 2 * QUERY_HISTORY_BYTES, &text, &ignored) == 0) {
		free(d->history);
		d->history = mem_strndup(text.len ? text.data : "", text.len);
		n->history = mem_strdup(d->history);
	}
	buf_fini(&text);
	worker_lock(&d->worker);
	query_names_free(&d->names);
	d->names = n;
	worker_unlock(&d->worker);
	worker_wake_ui(&d->worker);
}

/* ── the thread ────────────────────────────────────────────────────────────────────────────── */

static void run_desk(void *owner)
{
	struct query_desk *d = owner;
	bool open;
	char *sql;

	worker_lock(&d->worker);
	while (!d->worker.stop) {
		if (!d->sql && !d->open_wanted) {
			worker_sleep(&d->worker, INT64_MAX);
			continue;
		}
		open = d->open_wanted;
		sql = open ? NULL : d->sql;
		if (open)
			d->open_wanted = false;
		else
			d->sql = NULL;
		d->cancel = false;
		d->running = sql != NULL;
		worker_unlock(&d->worker);
		if (open)
			do_open(d);
		else
			do_question(d, sql);
		free(sql);
		worker_lock(&d->worker);
	}
	worker_unlock(&d->worker);
}

struct query_desk *query_desk_start(const char *store_path, const char *history_path, int wake_fd)
{
	struct query_desk *d = mem_zalloc(sizeof *d);

	d->store_path = mem_strdup(store_path);
	d->history_path = history_path ? mem_strdup(history_path) : NULL;
	worker_init(&d->worker, wake_fd);
	worker_start(&d->worker, run_desk, d);
	return d;
}

/* Under the mutex. A question that its thread has taken but not begun finds the mark. */
static void interrupt(struct query_desk *d)
{
	d->cancel = true;
	if (d->asker)
		store_asker_interrupt(d->asker);
}

void query_desk_stop(struct query_desk **dp, int64_t wait_us)
{
	struct query_desk *d = *dp;
	int64_t due = clock_mono_us() + wait_us, now;

	if (!d)
		return;
	*dp = NULL;
	worker_lock(&d->worker);
	d->worker.stop = true;
	worker_poke(&d->worker);
	while (!worker_has_ended(&d->worker) && (now = clock_mono_us()) < due) {
		interrupt(d);
		worker_sleep(&d->worker, now + CANCEL_AGAIN_US);
	}
	worker_unlock(&d->worker);
	if (!worker_stop(&d->worker, 0))
		return;
	query_outcome_free(&d->outcome);
	query_names_free(&d->names);
	free(d->sql);
	free(d->history);
	free(d->store_path);
	free(d->history_path);
	free(d);
}

void query_desk_open(struct query_desk *d)
{
	worker_lock(&d->worker);
	d->open_wanted = true;
	worker_poke(&d->worker);
	worker_unlock(&d->worker);
}

void query_desk_ask(struct query_desk *d, const char *sql)
{
	worker_lock(&d->worker);
	free(d->sql);
	d->sql = mem_strdup(sql);
	if (d->running)
		interrupt(d);
	worker_poke(&d->worker);
	worker_unlock(&d->worker);
}

void query_desk_cancel(struct query_desk *d)
{
	bool waited;

	worker_lock(&d->worker);
	waited = d->sql && !d->running;
	free(d->sql);
	d->sql = NULL;
	if (d->running)
		interrupt(d);
	if (waited) { /* the thread never saw it: nobody else would tell its end */
		query_outcome_free(&d->outcome);
		d->outcome = mem_zalloc(sizeof *d->outcome);
		d->outcome->cancelled = true;
		snprintf(d->outcome->words, sizeof d->outcome->words, "cancelled");
	}
	worker_unlock(&d->worker);
	if (waited)
		worker_wake_ui(&d->worker);
}

struct query_outcome *query_desk_take(struct query_desk *d)
{
	struct query_outcome *out;

	worker_lock(&d->worker);
	out = d->outcome;
	d->outcome = NULL;
	worker_unlock(&d->worker);
	return out;
}

struct query_names *query_desk_names(struct query_desk *d)
{
	struct query_names *out;

	worker_lock(&d->worker);
	out = d->names;
	d->names = NULL;
	worker_unlock(&d->worker);
	return out;
}
