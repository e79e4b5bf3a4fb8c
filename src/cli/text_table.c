/* Cells are kept as harmless text in one arena; widths are found when it is printed. Fitting drops
 * columns by priority first and then narrows the widest left-aligned one. */
#include "cli/text_table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

#define GAP 2
#define LEFT_MIN 8
#define CELL_MAX_BYTES 512

struct text_table {
	const struct text_column *columns;
	size_t column_count;
	struct str *cells;
	size_t cell_count, cell_cap;
	struct arena arena;
};

struct text_table *text_table_new(const struct text_column *columns, size_t column_count)
{
	struct text_table *t = mem_zalloc(sizeof *t);

	t->columns = columns;
	t->column_count = column_count;
	return t;
}

void text_table_free(struct text_table **t)
{
	if (*t == NULL)
		return;
	arena_fini(&(*t)->arena);
	free((*t)->cells);
	free(*t);
	*t = NULL;
}

void text_table_add(struct text_table *t, struct str text)
{
	struct buf harmless = {0};

	text_append_harmless(&harmless, text, CELL_MAX_BYTES);
	t->cells = mem_grow(t->cells, &t->cell_cap, t->cell_count + 1, sizeof *t->cells);
	t->cells[t->cell_count].ptr = arena_copy(&t->arena, harmless.data, harmless.len);
	t->cells[t->cell_count++].len = harmless.len;
	buf_fini(&harmless);
}

void text_table_addf(struct text_table *t, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	text_table_add(t, buf_str(&text));
	buf_fini(&text);
}

static int total_width(const int *widths, size_t count)
{
	int sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += widths[i] > 0 ? widths[i] + (sum ? GAP : 0) : 0;
	return sum;
}

/* Width 0 marks a column that is left out. Returns whether one could be dropped. */
static bool drop_one(const struct text_table *t, int *widths)
{
	size_t victim = t->column_count;

	for (size_t i = 0; i < t->column_count; i++)
		if (widths[i] > 0 && t->columns[i].priority > 0 &&
		    (victim == t->column_count ||
		     t->columns[i].priority >= t->columns[victim].priority))
			victim = i;
	if (victim == t->column_count)
		return false;
	widths[victim] = 0;
	return true;
}

static bool narrow_one(const struct text_table *t, int *widths)
{
	size_t widest = t->column_count;

	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i].left == 1 && widths[i] > LEFT_MIN &&
		    (widest == t->column_count || widths[i] > widths[widest]))
			widest = i;
	if (widest == t->column_count)
		return false;
	widths[widest]--;
	return true;
}

static void fit(const struct text_table *t, int width, int *widths)
{
	for (size_t i = 0; i < t->column_count; i++)
		widths[i] = (int)utf8_columns(str_of(t->columns[i].heading));
	for (size_t i = 0; i < t->cell_count; i++) {
		int w = (int)utf8_columns(t->cells[i]);

		if (w > widths[i % t->column_count])
			widths[i % t->column_count] = w;
	}
	while (width > 0 && total_width(widths, t->column_count) > width && drop_one(t, widths))
		;
	while (width > 0 && total_width(widths, t->column_count) > width && narrow_one(t, widths))
		;
}

/* Appends at most `columns` columns of `s`, ending in an ellipsis when it is cut. */
static int append_cut(struct buf *out, struct str s, int columns)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	int used = 0;

	if ((int)utf8_columns(s) <= columns) {
		buf_append_str(out, s);
		return (int)utf8_columns(s);
	}
	while (p < end) {
		const char *start = p;
		int w = utf8_width(utf8_decode(&p, end));

		if (used + (w > 0 ? w : 0) > columns - 1)
			break;
		buf_append(out, start, (size_t)(p - start));
		used += w > 0 ? w : 0;
	}
	buf_puts(out, "…");
	return used + 1;
}

static void pad(struct buf *out, int columns)
{
	for (; columns > 0; columns--)
		buf_append_c(out, ' ');
}

static void print_row(const struct text_table *t, const int *widths, const struct str *cells,
                      struct buf *out)
{
	int owed = 0; /* blanks not written yet, so that no line ends in them */
	bool first = true;

	for (size_t i = 0; i < t->column_count; i++) {
		struct str s = cells ? cells[i] : str_of(t->columns[i].heading);
		int w = (int)utf8_columns(s);

		if (widths[i] == 0)
			continue;
		owed += first ? 0 : GAP;
		first = false;
		w = w > widths[i] ? widths[i] : w;
		pad(out, owed + (t->columns[i].left ? 0 : widths[i] - w));
		append_cut(out, s, widths[i]);
		owed = t->columns[i].left ? widths[i] - w : 0;
	}
	buf_append_c(out, '\n');
}

void text_table_print(const struct text_table *t, int width, struct buf *out)
{
	int *widths = mem_array(NULL, t->column_count, sizeof *widths);
	size_t left_out = 0;

	assert(t->column_count > 0);
	fit(t, width, widths);
	print_row(t, widths, NULL, out);
	for (size_t i = 0; i + t->column_count <= t->cell_count; i += t->column_count)
		print_row(t, widths, &t->cells[i], out);
	for (size_t i = 0; i < t->column_count; i++)
		if (widths[i] == 0)
			buf_printf(out, "%s%s", left_out++ ? ", " : "not shown for want of room: ",
			           t->columns[i].heading);
	if (left_out)
		buf_append_c(out, '\n');
	free(widths);
}
