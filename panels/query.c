/* Three lines to type and complete in, then the answer: a table that scrolls sideways by whole columns, or
 * a chart. A chart has the first column of numbers in order (times, mostly) to the right and up to four
 * others as lines; where the first column is no number, bars of the first that is. */
#include "panels/query.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "panels/draw.h"
#include "ui/bars.h"
#include "ui/chart.h"
#include "ui/fmt.h"

#define PROMPT "sql> "
#define LINES_MAX 4
#define BUCKETS_MAX 2000

struct nothing {
	char unused;
};

static int sql_load(const struct panel_query *query, void *state, struct err *err)
{
	(void)query;
	(void)state;
	(void)err;
	return 0;
}

static void sql_fini(void *state)
{
	(void)state;
}

/* ── table ─────────────────────────────────────────────────────────────────────────────────── */

static void cells_of(const void *source, size_t row, struct table_cell *cells)
{
	const struct query_board *b = source;
	const struct query_table *t = b->table;

	for (size_t c = b->left; c < t->column_count && c - b->left < QUERY_COLUMNS_MAX; c++) {
		const struct query_cell *cell = &t->cells[row * t->column_count + c];

		cells[c - b->left] = (struct table_cell){.text = cell->null ? STR_LIT("–") : cell->text,
		                                        .style = cell->null ? ROLE_UNKNOWN : ROLE_TEXT};
	}
}

static struct str key_of(const void *source, size_t row)
{
	static _Thread_local char key[24];

	(void)source;
	return (struct str){key, (size_t)snprintf(key, sizeof key, "%zu", row)};
}

struct table query_rows(const struct query_board *b, struct table_column *columns)
{
	const struct query_table *t = b->table;
	size_t count = 0;

	for (size_t c = b->left; t && c < t->column_count && count < QUERY_COLUMNS_MAX; c++) {
		columns[count++] = (struct table_column){.heading = t->columns[c], .min_width = t->widths[c], .max_width = t->widths[c],
		                                         .priority = (int)(c - b->left), .right = t->numeric[c] && !t->times[c]};
	}
	return (struct table){.columns = columns, .column_count = count, .row_count = t ? t->row_count : 0, .row = cells_of,
	                      .key = key_of, .source = b};
}

static void draw_table(const struct query_board *b, const struct panel_frame *frame, struct surface *s)
{
	struct table_column columns[QUERY_COLUMNS_MAX];
	struct table table = query_rows(b, columns);
	struct table_state look = b->look;

	table_settle(&table, &look, s->height > 1 ? (size_t)s->height - 1 : 0);
	table_draw(s, &table, &look, frame->focused && !b->editing);
}

/* ── chart ─────────────────────────────────────────────────────────────────────────────────── */

static double number_at(const struct query_table *t, size_t row, size_t column)
{
	return t->cells[row * t->column_count + column].number;
}

/* The smallest step between neighbours in the first column; 0 where it does not rise by itself. */
static double step_of(const struct query_table *t, bool *falls)
{
	double least = 0;

	*falls = t->row_count > 1 && number_at(t, 0, 0) > number_at(t, t->row_count - 1, 0);
	for (size_t i = 1; i < t->row_count; i++) {
		double step = (number_at(t, i, 0) - number_at(t, i - 1, 0)) * (*falls ? -1 : 1);

		if (!(step > 0))
			return 0;
		least = least > 0 && least < step ? least : step;
	}
	return least;
}

static size_t bucket_at(double place, size_t buckets)
{
	size_t at = (size_t)(place + .5);

	return at < buckets ? at : buckets - 1;
}

static bool draw_lines(const struct query_table *t, struct surface *s)
{
	static const char marks[] = "*+ox";
	struct chart_series series[LINES_MAX];
	double *values = NULL, step, first, last;
	size_t count = 0, buckets;
	bool falls = false;

	step = t->column_count > 1 && t->numeric[0] && t->row_count > 1 ? step_of(t, &falls) : 0;
	if (!(step > 0))
		return false;
	first = number_at(t, falls ? t->row_count - 1 : 0, 0);
	last = number_at(t, falls ? 0 : t->row_count - 1, 0);
	if (!isfinite(last - first))
		return false;
	if ((last - first) / step >= BUCKETS_MAX)
		step = (last - first) / (BUCKETS_MAX - 1);
	buckets = (size_t)((last - first) / step + 1.5);
	values = mem_array(NULL, LINES_MAX * buckets, sizeof *values);
	for (size_t c = 1; c < t->column_count && count < LINES_MAX; c++) {
		double *line = values + count * buckets;

		if (!t->numeric[c])
			continue;
		for (size_t i = 0; i < buckets; i++)
			line[i] = NAN;
		for (size_t i = 0; i < t->row_count; i++)
			line[bucket_at((number_at(t, i, 0) - first) / step, buckets)] = number_at(t, i, c);
		series[count] = (struct chart_series){line, buckets, (style)(ROLE_SERIES1 + count), t->columns[c], marks[count]};
		count++;
	}
	if (count) {
		struct chart chart = {.series = series, .series_count = count, .from_us = (int64_t)first, .step_us = (int64_t)(step < 1 ? 1 : step),
		                      .low = NAN, .high = NAN, .threshold = NAN};

		chart_draw(s, &chart);
	}
	free(values);
	return count > 0;
}

static void draw_bars(const struct query_table *t, const struct query_board *b, struct surface *s)
{
	size_t column = 0, label = 0;
	double top = 0;
	int width = s->width / 3 < 30 ? s->width / 3 : 30;
	char text[FIGURE_TEXT_BYTES];

	while (column < t->column_count && !t->numeric[column])
		column++;
	if (column == t->column_count) {
		surface_text(s, 1, 0, ROLE_MUTED, "no column of numbers to draw: v shows the table");
		return;
	}
	label = column == 0 && t->column_count > 1 ? 1 : 0;
	surface_outside(s, 1, 0, width, ROLE_HEADER, str_of(label == column ? "row" : t->columns[label]));
	surface_outside(s, width + 2, 0, s->width - width - 2, ROLE_HEADER, str_of(t->columns[column]));
	for (size_t i = b->look.top_row; i < t->row_count; i++)
		top = number_at(t, i, column) > top ? number_at(t, i, column) : top;
	for (int y = 1; y < s->height && b->look.top_row + (size_t)y - 1 < t->row_count; y++) {
		size_t row = b->look.top_row + (size_t)y - 1;
		double number = number_at(t, row, column);

		if (label != column)
			surface_outside(s, 1, y, width, ROLE_TEXT, t->cells[row * t->column_count + label].text);
		draw_right(s, width + 2, y, 9, ROLE_TEXT, isnan(number) ? "-" : count_format(number, text));
		if (top > 0 && number > 0)
			bar_draw(s, width + 12, y, s->width - width - 13, ROLE_SERIES1, number / top);
	}
}

/* ── the page ──────────────────────────────────────────────────────────────────────────────── */

static void draw_words(const struct query_board *b, struct surface *s, int y)
{
	int x = 1;

	if (!b->editing) {
		surface_text(s, x, y, ROLE_MUTED, "Enter edits  j/k rows  h/l columns  v chart  e export");
		return;
	}
	for (size_t i = 0; i < b->word_count && x < s->width - 4; i++)
		x += surface_outside(s, x, y, s->width - x - 1, i == b->word_at ? ROLE_SELECTED : ROLE_MUTED, str_of(b->words[i])) + 2;
	if (b->word_count == 0)
		surface_text(s, x, y, ROLE_MUTED, b->field.text[0] ? "Enter runs it  Tab completes  Up earlier ones  Esc leaves the line"
		                                                   : "one SELECT over v_requests, v_flags, v_feedback, v_rollups …  Tab completes");
}

static void draw_said(const struct query_board *b, struct surface *s, int y)
{
	if (b->running)
		surface_printf(s, 1, y, ROLE_WARNING, b->cancelling ? "cancelling" : "running for %.1f s: Esc or Ctrl-C cancels", b->running_s);
	else if (b->said[0])
		surface_outside(s, 1, y, s->width - 2, b->bad ? ROLE_DANGER : ROLE_MUTED, str_of(b->said));
}

static void sql_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct query_board *b = frame->query;
	struct surface part = surface_part(s, (struct rect){0, 4, s->width, s->height - 4});
	int cursor;

	(void)state;
	draw_head(s, frame, "sql: read-only, over the views of llmdeck-store(5)", "");
	if (!b) {
		surface_text(s, 1, 1, ROLE_MUTED, "a terminal is needed to type a statement: `llmdeck query SQL` runs one");
		return;
	}
	surface_text(s, 1, 1, ROLE_KEY, PROMPT);
	surface_fill(s, (struct rect){6, 1, s->width - 7, 1}, ' ', b->editing ? ROLE_INPUT : ROLE_TEXT);
	cursor = field_draw(s, 6, 1, s->width - 7, b->editing ? ROLE_INPUT : ROLE_TEXT, &b->field);
	if (b->editing && surface_at(s, 6 + cursor, 1))
		surface_restyle(s, (struct rect){6 + cursor, 1, 1, 1}, ROLE_INPUT | STYLE_REVERSE);
	draw_words(b, s, 2);
	draw_said(b, s, 3);
	if (!b->table || part.height < 1)
		return;
	if (!b->chart)
		draw_table(b, frame, &part);
	else if (!draw_lines(b->table, &part))
		draw_bars(b->table, b, &part);
}

const struct panel sql_panel = {
	.name = "sql",
	.title = "sql",
	.help = "Ask the store: one SELECT over its documented views (llmdeck-store(5)), on a connection of its own, read-only, "
	        "at most 1,000 rows and 30 s. Tab completes views, columns and words, Up brings back earlier statements. "
	        "Esc or Ctrl-C cancels at once. v shows the answer as a chart, e writes it to a file.",
	.page = '6',
	.state_size = sizeof(struct nothing),
	.load = sql_load,
	.fini = sql_fini,
	.draw = sql_draw,
};
