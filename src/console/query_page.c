/* The page for people's own SQL: a line that is edited with completion and history, and what came of it.
 * While the line has the keys they go nowhere else; Esc cancels what runs, then leaves the line, then the
 * page. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "console/app.h"
#include "console/query_desk.h"
#include "panels/panels.h"
#include "panels/query.h"

struct query_page {
	struct query_desk *desk;
	struct query_board board;
	struct query_outcome *outcome; /* the last one; the board's table is its */
	struct query_names *names;
	struct history history;
	int64_t started_mono_us;
	bool opened;      /* names and history have been asked for */
	size_t word_from; /* in the line: where the word that Tab completes begins */
};

static const char *const keywords[] = {
	"SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "HAVING", "DISTINCT", "COUNT(*)", "SUM(", "AVG(", "MIN(", "MAX(", "ROUND(",
	"JOIN", "LEFT JOIN", "USING", "WITH", "VALUES", "CASE WHEN", "THEN", "ELSE", "END", "AND", "OR", "NOT", "BETWEEN", "LIKE", "IN (",
	"IS NULL", "IS NOT NULL", "DESC", "ASC", "AS", "UNION ALL", "CAST(", "datetime(", "hex(", "substr(", "coalesce(", "nullif(",
};

struct query_page *query_page_start(const char *store_path, int wake_fd)
{
	struct query_page *p = mem_zalloc(sizeof *p);
	char *folder = path_state_dir(), *path = mem_printf("%s/sql-history", folder);

	p->desk = query_desk_start(store_path, path, wake_fd);
	p->board.word_at = QUERY_WORDS_MAX;
	p->board.look.sort_column = -1;
	free(path);
	free(folder);
	return p;
}

void query_page_stop(struct query_page **pp, int64_t wait_us)
{
	struct query_page *p = *pp;

	if (!p)
		return;
	*pp = NULL;
	query_desk_stop(&p->desk, wait_us);
	query_outcome_free(&p->outcome);
	query_names_free(&p->names);
	history_fini(&p->history);
	free(p);
}

const struct query_board *query_page_board(const struct query_page *p)
{
	return &p->board;
}

static bool is_here(const struct app *a)
{
	return a->query && a->deck.place.panel >= 0 && panels[a->deck.place.panel] == &sql_panel;
}

/* ── completion ────────────────────────────────────────────────────────────────────────────── */

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool begins(const char *name, const char *word, size_t len)
{
	return strncasecmp(name, word, len) == 0 && strlen(name) > len;
}

static void offer(struct query_board *b, const char *name, const char *word, size_t len)
{
	if (b->word_count < QUERY_WORDS_MAX && begins(name, word, len))
		b->words[b->word_count++] = name;
}

/* What the word before the cursor may become: after FROM and JOIN views first, else columns. */
static void find_words(struct query_page *p)
{
	struct query_board *b = &p->board;
	size_t to = b->field.cursor, from = to, len;
	const char *text = b->field.text;
	bool wants_view;

	while (from > 0 && in_word(text[from - 1]))
		from--;
	p->word_from = from;
	b->word_count = 0;
	b->word_at = QUERY_WORDS_MAX;
	len = to - from;
	while (from > 0 && text[from - 1] == ' ')
		from--;
	wants_view = from >= 4 && (strncasecmp(text + from - 4, "FROM", 4) == 0 || strncasecmp(text + from - 4, "JOIN", 4) == 0);
	if (len == 0 && !wants_view)
		return;
	for (size_t i = 0; p->names && i < p->names->count; i++) {
		if (!wants_view || i < p->names->view_count)
			offer(b, p->names->names[i], text + p->word_from, len);
	}
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords && !wants_view; i++)
		offer(b, keywords[i], text + p->word_from, len);
}

/* Tab puts the next candidate in the place of the word. */
static void complete(struct query_page *p)
{
	struct query_board *b = &p->board;
	char line[FIELD_BYTES];
	size_t next, at;
	int len;

	if (b->word_count == 0)
		find_words(p);
	if (b->word_count == 0)
		return;
	next = b->word_at >= b->word_count ? 0 : (b->word_at + 1) % b->word_count;
	len = snprintf(line, sizeof line, "%.*s%s", (int)p->word_from, b->field.text, b->words[next]);
	if (len < 0 || (size_t)len + strlen(b->field.text + b->field.cursor) >= sizeof line)
		return;
	at = (size_t)len;
	memcpy(line + len, b->field.text + b->field.cursor, strlen(b->field.text + b->field.cursor) + 1);
	field_set(&b->field, line);
	b->field.cursor = at;
	b->word_at = next;
}

/* ── asking ────────────────────────────────────────────────────────────────────────────────── */

static void run(struct app *a)
{
	struct query_page *p = a->query;
	struct query_board *b = &p->board;

	if (!b->field.text[0])
		return;
	history_add(&p->history, b->field.text);
	query_desk_ask(p->desk, b->field.text);
	b->running = true;
	b->cancelling = false;
	b->running_s = 0;
	b->said[0] = '\0';
	b->word_count = 0;
	b->word_at = QUERY_WORDS_MAX;
	p->started_mono_us = clock_mono_us();
}

static void cancel(struct query_page *p)
{
	p->board.cancelling = true;
	query_desk_cancel(p->desk);
}

static void edit(struct app *a, bool on)
{
	a->query->board.editing = on;
	a->mode = on ? MODE_QUERY : MODE_DECK;
	a->query->board.word_count = 0;
	a->query->board.word_at = QUERY_WORDS_MAX;
}

static void say_outcome(struct query_page *p)
{
	const struct query_outcome *o = p->outcome;
	struct query_board *b = &p->board;

	b->bad = !o->table && !o->cancelled;
	b->took_s = o->took_s;
	if (o->table)
		snprintf(b->said, sizeof b->said, "%zu row%s in %.3f s%s", o->table->row_count, o->table->row_count == 1 ? "" : "s", o->took_s,
		         o->table->more ? ": there are more, add a LIMIT or a condition" : "");
	else
		snprintf(b->said, sizeof b->said, "%.300s after %.3f s", o->words, o->took_s);
}

bool app_query_take(struct app *a)
{
	struct query_page *p = a->query;
	struct query_outcome *got = query_desk_take(p->desk);
	struct query_names *names = query_desk_names(p->desk);

	if (names) {
		query_names_free(&p->names);
		p->names = names;
		for (char *line = names->history, *end; line && *line; line = end) {
			end = strchr(line, '\n');
			if (end)
				*end++ = '\0';
			if (strlen(line) < FIELD_BYTES)
				history_add(&p->history, line);
		}
	}
	if (names && p->board.editing)
		find_words(p);
	if (!got)
		return names != NULL;
	p->board.running = p->board.cancelling = false;
	if (!got->table && p->outcome && p->outcome->table) { /* what was answered before stays */
		got->table = p->outcome->table;
		p->outcome->table = NULL;
		buf_fini(&got->csv);
		buf_fini(&got->json);
		got->csv = p->outcome->csv;
		got->json = p->outcome->json;
		p->outcome->csv = p->outcome->json = (struct buf){0};
		query_outcome_free(&p->outcome);
		p->outcome = got;
		p->board.bad = !got->cancelled;
		snprintf(p->board.said, sizeof p->board.said, "%.300s after %.3f s; below is the answer before", got->words, got->took_s);
		p->board.table = got->table;
		return true;
	}
	query_outcome_free(&p->outcome);
	p->outcome = got;
	p->board.table = got->table;
	p->board.left = 0;
	p->board.look = (struct table_state){.sort_column = -1};
	say_outcome(p);
	if (got->table && a->mode == MODE_QUERY && got->table->row_count > 0)
		edit(a, false); /* the keys walk through the answer; Enter edits again */
	return true;
}

bool app_query_tick(struct app *a)
{
	struct query_page *p = a->query;

	if (!p->board.running)
		return false;
	p->board.running_s = (double)(clock_mono_us() - p->started_mono_us) / 1e6;
	return true;
}

/* ── keys ──────────────────────────────────────────────────────────────────────────────────── */

bool app_query_key(struct app *a, struct key key)
{
	struct query_page *p = a->query;
	bool stop = !key.pasted && (key.code == KEYCODE_ESC || (key.code == 'c' && key.mods == KEYMOD_CTRL));

	if (!is_here(a) || (a->mode != MODE_QUERY && a->mode != MODE_DECK))
		return false;
	if (stop && p->board.running) {
		cancel(p);
		return true;
	}
	if (a->mode != MODE_QUERY || (key.code == 'c' && key.mods == KEYMOD_CTRL))
		return false;
	if (key.code == KEYCODE_ESC)
		edit(a, false);
	else if (key.code == KEYCODE_ENTER && !key.pasted)
		run(a);
	else if (key.code == KEYCODE_TAB && !key.pasted)
		complete(p);
	else if (key.code == KEYCODE_UP || key.code == KEYCODE_DOWN)
		field_set(&p->board.field, history_move(&p->history, key.code == KEYCODE_UP ? -1 : 1));
	else if (field_key(&p->board.field, key))
		find_words(p);
	return true;
}

static void move_rows(struct query_board *b, enum table_move move, size_t visible)
{
	struct table_column columns[QUERY_COLUMNS_MAX];
	struct table table = query_rows(b, columns);

	if (b->chart) {
		b->look.top_row = move == TABLE_DOWN && b->look.top_row + 1 < table.row_count ? b->look.top_row + 1
		                  : move == TABLE_UP && b->look.top_row > 0                   ? b->look.top_row - 1
		                                                                              : b->look.top_row;
		return;
	}
	table_settle(&table, &b->look, visible);
	table_move(&table, &b->look, move, visible);
}

bool app_query_do(struct app *a, int action)
{
	static const struct {
		int action;
		enum table_move move;
	} moves[] = {{ACT_DOWN, TABLE_DOWN}, {ACT_UP, TABLE_UP}, {ACT_FIRST, TABLE_FIRST}, {ACT_LAST, TABLE_LAST},
	             {ACT_PAGE_DOWN, TABLE_PAGE_DOWN}, {ACT_PAGE_UP, TABLE_PAGE_UP}};
	struct query_board *b;

	if (!is_here(a))
		return false;
	b = &a->query->board;
	for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
		if (moves[i].action == action) {
			move_rows(b, moves[i].move, a->layout.body.height > 8 ? (size_t)a->layout.body.height - 6 : 1);
			return true;
		}
	}
	if (action == ACT_OPEN)
		edit(a, true);
	else if (action == ACT_CHART)
		b->chart = !b->chart;
	else if (action == ACT_CURSOR_RIGHT && b->table && b->left + 1 < b->table->column_count)
		b->left++;
	else if (action == ACT_CURSOR_LEFT)
		b->left -= b->left > 0;
	else
		return action == ACT_CURSOR_RIGHT;
	return true;
}

void app_query_command(struct app *a, const char *sql)
{
	struct query_page *p = a->query;

	deck_go(&a->deck, sql_panel.page, panel_index(&sql_panel));
	if (!p->opened) {
		p->opened = true;
		query_desk_open(p->desk);
	}
	edit(a, true);
	if (!sql[0])
		return;
	field_set(&p->board.field, sql);
	run(a);
}

bool app_query_export(struct app *a, const char *path)
{
	char name[96], stamp[TIME_TEXT_BYTES];
	struct buf copy = {0};
	const struct query_outcome *o;
	bool json;

	if (!is_here(a))
		return false;
	o = a->query->outcome;
	if (!o || !o->table) {
		app_say(a, true, "nothing to export yet: Enter runs the statement");
		return true;
	}
	if (!path || !path[0]) {
		time_format(clock_wall_us() / US_PER_S * US_PER_S, stamp);
		for (char *c = stamp; *c; c++)
			*c = *c == ':' ? '.' : *c;
		snprintf(name, sizeof name, "llmdeck-sql-%s.csv", stamp);
		path = name;
	}
	json = str_ends_with(str_of(path), STR_LIT(".json"));
	buf_append_str(&copy, buf_str(json ? &o->json : &o->csv));
	chores_write_file(a->chores, path, &copy, false);
	return true;
}
