/* Rows live in one array, their text in the sheet's arena. Sorting is stable, so that rows that
 * tie do not dance from one second to the next. */
#include "panels/sheet.h"


#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "panels/format.h"
#include "ui/bars.h"

void sheet_set_columns(struct sheet *s, const struct sheet_column *columns, int count)
{
	memcpy(s->columns, columns, (size_t)count * sizeof *columns);
	s->column_count = count;
}

struct sheet_row *sheet_add(struct sheet *s, struct str key)
{
	struct sheet_row *row;

	s->rows = mem_grow(s->rows, &s->row_cap, s->row_count + 1, sizeof *s->rows);
	row = &s->rows[s->row_count++];
	memset(row, 0, sizeof *row);
	row->key = (struct str){arena_copy(&s->arena, key.ptr, key.len), key.len};
	row->bar = NAN;
	for (int i = 0; i < SHEET_COLUMNS_MAX; i++)
		row->cells[i].sort = NAN;
	return row;
}

void sheet_fini(struct sheet *s)
{
	free(s->rows);
	arena_fini(&s->arena);
	*s = (struct sheet){0};
}

void sheet_set_text(struct sheet *s, struct sheet_row *row, int column, struct str text)
{
	row->cells[column].text = (struct str){arena_copy(&s->arena, text.ptr, text.len), text.len};
}

void sheet_set_value(struct sheet *s, struct sheet_row *row, int column, struct value v,
                     const char *shown)
{
	struct sheet_cell *cell = &row->cells[column];

	sheet_set_text(s, row, column, str_of(shown));
	cell->value = v;
	cell->sort = value_known(v) ? v.number : NAN;
}

static bool row_matches(const struct sheet *s, const struct sheet_row *row, const char *find)
{
	struct str texts[SHEET_COLUMNS_MAX];
	size_t count = 0;

	for (int i = 0; i < s->column_count; i++) {
		if (s->columns[i].text)
			texts[count++] = row->cells[i].text;
	}
	return filter_matches(find, texts, count);
}

static void keep_matching(struct sheet *s, const char *find)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->row_count; i++) {
		if (row_matches(s, &s->rows[i], find))
			s->rows[kept++] = s->rows[i];
	}
	s->row_count = kept;
}

/* Negative when `a` comes first. Rows without a number come last whatever the direction. */
static int compare_rows(const struct sheet *s, const struct sheet_row *a,
                        const struct sheet_row *b, int column, bool ascending)
{
	const struct sheet_cell *x = &a->cells[column], *y = &b->cells[column];
	int order;

	if (s->columns[column].text) {
		size_t len = x->text.len < y->text.len ? x->text.len : y->text.len;

		order = len ? memcmp(x->text.ptr, y->text.ptr, len) : 0;
		if (order == 0)
			order = (x->text.len > y->text.len) - (x->text.len < y->text.len);
	} else {
		if (isnan(x->sort) || isnan(y->sort))
			return isnan(x->sort) - isnan(y->sort);
		order = (x->sort > y->sort) - (x->sort < y->sort);
	}
	return ascending ? order : -order;
}

/* Merge sort by halves: stable, and small enough for a few hundred rows. */
static void sort_rows(const struct sheet *s, struct sheet_row *rows, struct sheet_row *spare,
                      size_t count, int column, bool ascending)
{
	size_t half = count / 2, i = 0, j = half, out = 0;

	if (count < 2)
		return;
	sort_rows(s, rows, spare, half, column, ascending);
	sort_rows(s, rows + half, spare, count - half, column, ascending);
	while (i < half && j < count)
		spare[out++] = compare_rows(s, &rows[j], &rows[i], column, ascending) < 0 ? rows[j++]
		                                                                         : rows[i++];
	while (i < half)
		spare[out++] = rows[i++];
	while (j < count)
		spare[out++] = rows[j++];
	memcpy(rows, spare, count * sizeof *rows);
}

void sheet_arrange(struct sheet *s, const char *find, int column, bool ascending)
{
	struct sheet_row *spare;

	if (find && find[0])
		keep_matching(s, find);
	if (column < 0 || column >= s->column_count || s->row_count < 2)
		return;
	spare = mem_array(NULL, s->row_count, sizeof *spare);
	sort_rows(s, s->rows, spare, s->row_count, column, ascending);
	free(spare);
}

/* A table's columns are the sheet's, behind one for the mark when the rows have a state. */
static void draw_mark(struct surface *cell, style st, const void *arg)
{
	static const enum state states[] = {STATE_UNKNOWN, STATE_OK, STATE_WARNING, STATE_CRITICAL};
	const struct sheet_row *row = arg;

	if (row->state == ROW_PLAIN)
		return;
	surface_put(cell, 0, 0, state_mark(states[row->state], cell->ascii),
	            (st & 0xffu) == ROLE_SELECTED ? st : state_style(states[row->state]));
}

/* "v43    ███▒▒▒▒▒  25%" */
static void draw_share(struct surface *cell, style st, const void *arg)
{
	const struct sheet_row *row = arg;
	struct str label = {0};
	char percent[16];
	int bar = cell->width - 12;

	for (int i = 0; i < SHEET_COLUMNS_MAX; i++)
		label = row->cells[i].text.len > 0 ? row->cells[i].text : label;
	if (isnan(row->bar))
		return;
	surface_outside(cell, 0, 0, 6, st, label);
	if (bar > 2)
		rollout_draw(cell, 7, 0, bar, (st & 0xffu) == ROLE_SELECTED ? st : ROLE_SERIES4, row->bar);
	snprintf(percent, sizeof percent, "%3.0f%%", row->bar * 100);
	surface_text(cell, cell->width - 4, 0, st, percent);
}

static void table_row(const void *source, size_t i, struct table_cell *cells)
{
	const struct sheet *s = source;
	const struct sheet_row *row = &s->rows[i];
	size_t at = 0;

	if (s->marked)
		cells[at++] = (struct table_cell){.draw = draw_mark, .arg = row, .style = ROLE_TEXT};
	for (int c = 0; c < s->column_count; c++) {
		const struct sheet_cell *cell = &row->cells[c];
		style st = cell->style ? cell->style : (style)ROLE_TEXT;

		if (!s->columns[c].text && !s->columns[c].bar && !value_known(cell->value))
			st = ROLE_UNKNOWN;
		else if (s->stale)
			st = ROLE_STALE;
		cells[at++] = (struct table_cell){.text = cell->text, .style = st};
		if (s->columns[c].bar)
			cells[at - 1] = (struct table_cell){.draw = draw_share, .arg = row, .style = st};
	}
}

static struct str table_key(const void *source, size_t i)
{
	const struct sheet *s = source;

	return s->rows[i].key;
}

struct table sheet_table(const struct sheet *s)
{
	return (struct table){.columns = s->drawn, .column_count = (size_t)(s->column_count + s->marked),
	                      .row_count = s->row_count, .row = table_row, .key = table_key, .source = s};
}

static void shape_columns(struct sheet *s)
{
	size_t at = 0;

	if (s->marked)
		s->drawn[at++] = (struct table_column){"", 1, 1, 0, false, false};
	for (int c = 0; c < s->column_count; c++) {
		const struct sheet_column *from = &s->columns[c];

		s->drawn[at++] = (struct table_column){from->heading, from->width,
		                                       from->text ? from->width * 3 : from->width,
		                                       from->priority, !from->text && !from->bar, true};
	}
}

int sheet_draw(const struct sheet *sheet, const struct table_state *state, bool focused, bool stale,
               struct surface *surface)
{
	struct sheet s = *sheet;
	struct table_state look = {.sort_column = -1};
	struct table table;
	size_t visible = surface->height > 1 ? (size_t)surface->height - 1 : 0;

	if (state)
		look = *state;
	if (s.marked) {
		look.sort_column += look.sort_column >= 0;
		look.hidden <<= 1;
	}
	s.stale = stale;
	shape_columns(&s);
	table = sheet_table(&s);
	table_settle(&table, &look, visible);
	table_draw(surface, &table, &look, focused);
	return s.row_count < visible ? (int)s.row_count : (int)visible;
}

static void write_csv(const struct sheet *s, struct buf *out)
{
	for (int c = 0; c < s->column_count; c++)
		buf_printf(out, "%s%s", c ? "," : "", s->columns[c].name);
	buf_puts(out, "\n");
	for (size_t r = 0; r < s->row_count; r++) {
		for (int c = 0; c < s->column_count; c++) {
			const struct sheet_cell *cell = &s->rows[r].cells[c];

			if (c)
				buf_append_c(out, ',');
			if (s->columns[c].text)
				buf_append_csv(out, cell->text);
			else if (value_known(cell->value))
				buf_printf(out, "%.10g", cell->value.number);
		}
		buf_puts(out, "\n");
	}
}

static void write_json(const struct sheet *s, struct buf *out)
{
	buf_puts(out, "{\"schema\":1,\"rows\":[");
	for (size_t r = 0; r < s->row_count; r++) {
		buf_puts(out, r ? ",\n{" : "\n{");
		for (int c = 0; c < s->column_count; c++) {
			const struct sheet_cell *cell = &s->rows[r].cells[c];

			buf_printf(out, "%s\"%s\":", c ? "," : "", s->columns[c].name);
			if (s->columns[c].text)
				buf_append_json(out, cell->text);
			else if (value_known(cell->value))
				buf_printf(out, "%.10g", cell->value.number);
			else
				buf_puts(out, "null");
		}
		buf_puts(out, "}");
	}
	buf_puts(out, "\n]}\n");
}

static void write_text(const struct sheet *s, struct buf *out)
{
	for (size_t r = 0; r < s->row_count; r++) {
		for (int c = 0; c < s->column_count; c++) {
			const struct sheet_cell *cell = &s->rows[r].cells[c];

			buf_puts(out, c ? "  " : "");
			buf_printf(out, "%s ", s->columns[c].name);
			text_append_harmless(out, cell->text, cell->text.len);
		}
		buf_puts(out, "\n");
	}
}

void sheet_write(const struct sheet *s, enum sheet_format format, struct buf *out)
{
	if (format == SHEET_CSV)
		write_csv(s, out);
	else if (format == SHEET_JSON)
		write_json(s, out);
	else
		write_text(s, out);
}
