/* Columns are laid out anew for each frame: hidden ones are skipped, then layout_split() drops by
 * priority and gives what is left over to columns with a larger maximum. */
#include "ui/table.h"

#include "base/utf8.h"
#include "ui/layout.h"

#define LEFT 1 /* the column for the mark */

static void remember(const struct table *t, struct table_state *state)
{
	struct str key = t->row_count ? t->key(t->source, state->cursor_row) : (struct str){0};
	size_t len = key.len < sizeof(state->cursor_key) ? key.len : sizeof(state->cursor_key) - 1;

	if (len)
		memcpy(state->cursor_key, key.ptr, len);
	state->cursor_key[len] = '\0';
}

/* Is this the row the state remembers? Keys longer than the state holds are compared by their start. */
static bool is_cursor(const struct table *t, const struct table_state *state, size_t row)
{
	struct str key = t->key(t->source, row);

	if (key.len >= sizeof(state->cursor_key))
		key.len = sizeof(state->cursor_key) - 1;
	return str_equal_c(key, state->cursor_key);
}

static void find_cursor(const struct table *t, struct table_state *state)
{
	if (state->cursor_row < t->row_count && is_cursor(t, state, state->cursor_row))
		return;
	for (size_t i = 0; i < t->row_count && state->cursor_key[0]; i++)
		if (is_cursor(t, state, i)) {
			state->cursor_row = i;
			return;
		}
	/* It has gone: stay at its place. */
	if (state->cursor_key[0] == '\0')
		state->cursor_row = 0;
	if (state->cursor_row >= t->row_count)
		state->cursor_row = t->row_count ? t->row_count - 1 : 0;
}

static void scroll(const struct table *t, struct table_state *state, size_t visible)
{
	if (visible == 0)
		return;
	if (state->top_row + visible > t->row_count)
		state->top_row = t->row_count > visible ? t->row_count - visible : 0;
	if (state->cursor_row < state->top_row)
		state->top_row = state->cursor_row;
	if (state->cursor_row >= state->top_row + visible)
		state->top_row = state->cursor_row - visible + 1;
}

void table_settle(const struct table *t, struct table_state *state, size_t visible)
{
	/* Where the cursor stood on the screen is where it stays. */
	size_t offset = state->cursor_row >= state->top_row ? state->cursor_row - state->top_row : 0;
	size_t before = state->cursor_row;

	find_cursor(t, state);
	if (state->cursor_row != before && state->cursor_row >= offset)
		state->top_row = state->cursor_row - offset;
	scroll(t, state, visible);
}

void table_move(const struct table *t, struct table_state *state, enum table_move move, size_t visible)
{
	size_t last = t->row_count ? t->row_count - 1 : 0, page = visible > 1 ? visible - 1 : 1;

	find_cursor(t, state);
	size_t row = state->cursor_row;
	switch (move) {
	case TABLE_UP: row = row > 0 ? row - 1 : 0; break;
	case TABLE_DOWN: row = row < last ? row + 1 : last; break;
	case TABLE_PAGE_UP: row = row > page ? row - page : 0; break;
	case TABLE_PAGE_DOWN: row = last - row > page ? row + page : last; break;
	case TABLE_FIRST: row = 0; break;
	case TABLE_LAST: row = last; break;
	}
	state->cursor_row = row;
	remember(t, state);
	scroll(t, state, visible);
}

bool table_select(const struct table *t, struct table_state *state, struct str key)
{
	for (size_t i = 0; i < t->row_count; i++)
		if (str_equal(t->key(t->source, i), key)) {
			state->cursor_row = i;
			remember(t, state);
			return true;
		}
	return false;
}

static void lay_out(const struct table *t, const struct table_state *state, int width,
                    struct layout_part parts[TABLE_COLUMNS_MAX])
{
	size_t shown = 0, index[TABLE_COLUMNS_MAX];
	struct layout_part fit[TABLE_COLUMNS_MAX];

	for (size_t i = 0; i < t->column_count && i < TABLE_COLUMNS_MAX; i++) {
		const struct table_column *c = &t->columns[i];
		int max = c->max_width > c->min_width ? c->max_width : c->min_width;

		parts[i] = (struct layout_part){0};
		if (state->hidden >> i & 1)
			continue;
		index[shown] = i;
		fit[shown++] = (struct layout_part){.min = c->min_width, .max = max, .priority = c->priority,
		                                    .weight = max - c->min_width};
	}
	layout_split(fit, shown, width - LEFT, 1);
	for (size_t i = 0; i < shown; i++)
		parts[index[i]] = fit[i];
}

static void draw_heading(struct surface *s, const struct table *t, const struct table_state *state,
                         const struct layout_part *parts)
{
	for (size_t i = 0; i < t->column_count && i < TABLE_COLUMNS_MAX; i++) {
		const struct table_column *c = &t->columns[i];
		bool sorted = c->sortable && state->sort_column == (int)i;
		int columns = (int)utf8_columns(str_of(c->heading)) + (sorted ? 1 : 0);
		int x = LEFT + parts[i].at;

		if (!parts[i].size)
			continue;
		struct surface cell = surface_part(s, (struct rect){x, 0, parts[i].size, 1});
		x = c->right && columns < cell.width ? cell.width - columns : 0;
		/* When the arrow finds no room the heading gives way to it. */
		int text = sorted && columns > cell.width ? cell.width - 1 : cell.width;
		x += surface_outside(&cell, x, 0, text, sorted ? ROLE_ACCENT : ROLE_MUTED,
		                     str_of(c->heading));
		if (sorted)
			surface_put(&cell, x, 0, s->ascii ? (state->sort_ascending ? '^' : 'v')
			            : state->sort_ascending ? 0x25B4 : 0x25BE, ROLE_ACCENT);
	}
}

static void draw_cell(struct surface *s, const struct table_column *c, const struct table_cell *cell,
                      style st)
{
	int x = 0;

	if (cell->draw) {
		cell->draw(s, st, cell->arg);
		return;
	}
	if (c->right) {
		/* Only figures of ours are right-aligned: no need to clean before measuring. */
		int columns = (int)utf8_columns(cell->text);
		x = columns < s->width ? s->width - columns : 0;
	}
	surface_outside(s, x, 0, s->width - x, st, cell->text);
}

static void draw_row(struct surface *s, const struct table *t, const struct layout_part *parts,
                     size_t row, bool selected)
{
	struct table_cell cells[TABLE_COLUMNS_MAX] = {0};
	bool marked = t->marked && t->marked(t->source, row);

	t->row(t->source, row, cells);
	if (selected)
		surface_fill(s, (struct rect){0, 0, s->width, 1}, ' ', ROLE_SELECTED);
	if (marked)
		surface_put(s, 0, 0, '*', selected ? ROLE_SELECTED : ROLE_MARKED);
	else if (selected)
		surface_put(s, 0, 0, '>', ROLE_SELECTED);
	for (size_t i = 0; i < t->column_count && i < TABLE_COLUMNS_MAX; i++) {
		struct surface cell = surface_part(s, (struct rect){LEFT + parts[i].at, 0, parts[i].size, 1});

		if (parts[i].size)
			draw_cell(&cell, &t->columns[i], &cells[i],
			          selected ? ROLE_SELECTED : marked ? ROLE_MARKED : cells[i].style);
	}
	if (selected)
		surface_restyle(s, (struct rect){0, 0, s->width, 1}, ROLE_SELECTED);
}

size_t table_draw(struct surface *s, const struct table *t, const struct table_state *state,
                  bool focused)
{
	struct layout_part parts[TABLE_COLUMNS_MAX];
	size_t visible = s->height > 1 ? (size_t)s->height - 1 : 0;

	if (s->width <= LEFT || s->height < 1)
		return visible;
	lay_out(t, state, s->width, parts);
	draw_heading(s, t, state, parts);
	for (size_t i = 0; i < visible && state->top_row + i < t->row_count; i++) {
		struct surface line = surface_part(s, (struct rect){0, 1 + (int)i, s->width, 1});
		size_t row = state->top_row + i;

		draw_row(&line, t, parts, row, focused && row == state->cursor_row);
	}
	return visible;
}

void table_footer(const struct table *t, const struct table_state *state, size_t visible,
                  struct buf *out)
{
	size_t end = state->top_row + visible < t->row_count ? state->top_row + visible : t->row_count;

	if (t->row_count == 0)
		buf_puts(out, "0");
	else if (visible >= t->row_count)
		buf_printf(out, "%zu", t->row_count);
	else
		buf_printf(out, "%zu-%zu/%zu", state->top_row + 1, end, t->row_count);
}

static bool contains_nocase(struct str text, struct str word)
{
	for (size_t i = 0; i + word.len <= text.len; i++)
		if (str_equal_nocase((struct str){text.ptr + i, word.len}, word))
			return true;
	return word.len == 0;
}

bool filter_matches(const char *filter, const struct str *texts, size_t count)
{
	struct str rest = str_trim(str_of(filter));
	bool inverted = rest.len && rest.ptr[0] == '!';

	if (inverted)
		rest = str_trim((struct str){rest.ptr + 1, rest.len - 1});
	if (rest.len == 0)
		return true;
	while (rest.len > 0) {
		struct str word = str_cut(&rest, ' ');
		bool found = false;

		rest = str_trim(rest);
		for (size_t i = 0; i < count && !found; i++)
			found = contains_nocase(texts[i], word);
		if (!found)
			return inverted;
	}
	return !inverted;
}
