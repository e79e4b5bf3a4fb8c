/* Rows live in one array, their text in the sheet's arena. Sorting is stable, so that rows that
 * tie do not dance from one second to the next. */
#include "panels/sheet.h"


#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct sheet_row *sheet_add(struct sheet *s, struct str key)
{
	struct sheet_row *row;

	s->rows = mem_grow(s->rows, &s->row_cap, s->row_count + 1, sizeof *s->rows);
	row = &s->rows[s->row_count++];
	memset(row, 0, sizeof *row);
	row->key = (struct str){arena_copy(&s->arena, key.ptr, key.len), key.len};
	row->bar[0] = row->bar[1] = NAN;
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

static bool contains(struct str text, struct str part)
{
	for (size_t i = 0; i + part.len <= text.len; i++) {
		if (str_equal_nocase((struct str){text.ptr + i, part.len}, part))
			return true;
	}
	return false;
}

static bool row_matches(const struct sheet *s, const struct sheet_row *row, struct str find)
{
	for (int i = 0; i < s->column_count; i++) {
		if (s->columns[i].text && contains(row->cells[i].text, find))
			return true;
	}
	return false;
}

static void keep_matching(struct sheet *s, const char *find)
{
	bool inverted = find[0] == '!';
	struct str part = str_of(find + inverted);
	size_t kept = 0;

	for (size_t i = 0; i < s->row_count; i++) {
		if (row_matches(s, &s->rows[i], part) != inverted)
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

	if (find && find[0] && !(find[0] == '!' && !find[1]))
		keep_matching(s, find);
	if (column < 0 || column >= s->column_count || s->row_count < 2)
		return;
	spare = mem_array(NULL, s->row_count, sizeof *spare);
	sort_rows(s, s->rows, spare, s->row_count, column, ascending);
	free(spare);
}

int sheet_find(const struct sheet *s, const char *key)
{
	for (size_t i = 0; i < s->row_count; i++) {
		if (str_equal_c(s->rows[i].key, key))
			return (int)i;
	}
	return -1;
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
