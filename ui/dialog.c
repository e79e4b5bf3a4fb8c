/* The box is as wide as its widest line, at most the surface; when it is too low the lines scroll,
 * while fields and buttons stay: what is to be decided is always visible. */
#include "ui/dialog.h"

#include <stdio.h>

#include "base/utf8.h"

#define WIDTH_MIN 44
#define WIDTH_MAX 76

void dialog_open(struct dialog *d)
{
	d->deadline_us = 0;
	d->scroll = 0;
	d->focus = d->field_count > 0 ? 0 : d->confirm && !d->danger ? d->field_count + 1 : d->field_count;
	for (size_t i = d->field_count; i-- > 0;) {
		d->fields[i].field.refuse_paste = d->fields[i].must_equal != NULL;
		if (d->fields[i].must_equal)
			d->focus = i;
	}
}

bool dialog_ready(const struct dialog *d)
{
	for (size_t i = 0; i < d->field_count; i++)
		if (d->fields[i].must_equal && strcmp(d->fields[i].must_equal, d->fields[i].field.text) != 0)
			return false;
	return d->confirm != NULL;
}

static enum dialog_result confirm(struct dialog *d, int64_t now_us)
{
	if (!dialog_ready(d))
		return DIALOG_GOING;
	if (d->countdown_us == 0)
		return DIALOG_CONFIRMED;
	d->deadline_us = now_us + d->countdown_us;
	return DIALOG_COUNTING;
}

static void move_focus(struct dialog *d, bool forward)
{
	size_t stops = d->field_count + (d->confirm ? 2 : 1);

	d->focus = (d->focus + (forward ? 1 : stops - 1)) % stops;
}

static void scroll_lines(struct dialog *d, int step)
{
	if (step < 0 && d->scroll > 0)
		d->scroll--;
	else if (step > 0 && d->scroll + 1 < d->line_count)
		d->scroll++;
}

enum dialog_result dialog_key(struct dialog *d, struct key key, int64_t now_us)
{
	bool in_field = d->focus < d->field_count;

	if (d->deadline_us) {
		bool back = !key.pasted && (key.code == KEYCODE_ESC || (key.code == 'u' && key.mods == 0));

		return back ? DIALOG_CANCELLED : DIALOG_GOING;
	}
	if (!key.pasted) {
		switch (key.code) {
		case KEYCODE_ESC: return DIALOG_CANCELLED;
		case KEYCODE_TAB: move_focus(d, !(key.mods & KEYMOD_SHIFT)); return DIALOG_GOING;
		case KEYCODE_UP: case KEYCODE_DOWN: move_focus(d, key.code == KEYCODE_DOWN); return DIALOG_GOING;
		case KEYCODE_PGUP: scroll_lines(d, -1); return DIALOG_GOING;
		case KEYCODE_PGDN: scroll_lines(d, 1); return DIALOG_GOING;
		case KEYCODE_ENTER:
			return d->focus == d->field_count ? DIALOG_CANCELLED : confirm(d, now_us);
		default: break;
		}
	}
	if (in_field)
		field_key(&d->fields[d->focus].field, key);
	else if (key.code == KEYCODE_LEFT || key.code == KEYCODE_RIGHT)
		move_focus(d, key.code == KEYCODE_RIGHT);
	return DIALOG_GOING;
}

enum dialog_result dialog_tick(struct dialog *d, int64_t now_us)
{
	if (d->deadline_us == 0 || now_us < d->deadline_us)
		return DIALOG_GOING;
	d->deadline_us = 0;
	return DIALOG_CONFIRMED;
}

static int widest(const struct dialog *d)
{
	int width = (int)utf8_columns(str_of(d->title)) + 2;

	for (size_t i = 0; i < d->line_count; i++) {
		int columns = (int)utf8_columns(str_of(d->lines[i]));

		if (columns > width)
			width = columns;
	}
	width += 4;
	return width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
}

static void draw_field(struct surface *s, int y, const struct dialog_field *f, bool focused,
                       int label_columns, int *cursor_x, int *cursor_y)
{
	int x = 2 + label_columns + 1, columns = s->width - x - 2;

	surface_outside(s, 2, y, label_columns, focused ? ROLE_TITLE : ROLE_DIALOG, str_of(f->label));
	int cursor = field_draw(s, x, y, columns, ROLE_INPUT, &f->field);
	if (focused && columns > 0) {
		*cursor_x = cursor;
		*cursor_y = y;
	}
}

static int label_columns_of(const struct dialog *d)
{
	int widest_label = 0;

	for (size_t i = 0; i < d->field_count; i++) {
		int columns = (int)utf8_columns(str_of(d->fields[i].label));

		if (columns > widest_label)
			widest_label = columns;
	}
	return widest_label > 30 ? 30 : widest_label;
}

static void draw_buttons(struct surface *s, int y, const struct dialog *d, int64_t now_us)
{
	const char *cancel = d->cancel ? d->cancel : d->confirm ? "Cancel" : "Close";
	style doing = d->danger ? ROLE_DANGER : ROLE_SELECTED;
	int x = 2;

	if (d->deadline_us) {
		int64_t left_us = d->deadline_us > now_us ? d->deadline_us - now_us : 0;

		surface_printf(s, x, y, doing, " %s in %d s ", d->confirm, (int)((left_us + 999999) / 1000000));
		surface_text(s, 2, y + 1, ROLE_DIALOG, "u or Esc takes it back");
		return;
	}
	x += surface_printf(s, x, y, d->focus == d->field_count ? ROLE_SELECTED : ROLE_DIALOG,
	                    d->focus == d->field_count ? "[ %s ]" : "< %s >", cancel) + 3;
	if (!d->confirm)
		return;
	bool focused = d->focus == d->field_count + 1;
	style st = !dialog_ready(d) ? ROLE_MUTED : focused || d->focus < d->field_count ? doing : ROLE_DIALOG;
	surface_printf(s, x, y, st, focused ? "[ %s ]" : "< %s >", d->confirm);
	if (!dialog_ready(d))
		surface_text(s, 2, y + 1, ROLE_DIALOG, "off until the name matches; paste is not taken");
}

void dialog_draw(struct surface *s, const struct dialog *d, int64_t now_us, int *cursor_x,
                 int *cursor_y)
{
	int width = widest(d) < s->width ? widest(d) : s->width;
	int fixed = 2 + (int)d->field_count + 2 + (d->line_count ? 1 : 0);
	int rows = (int)d->line_count, room = s->height - fixed;

	*cursor_x = *cursor_y = -1;
	rows = rows > room ? (room > 0 ? room : 0) : rows;
	int height = fixed + rows < s->height ? fixed + rows : s->height;
	struct rect r = {(s->width - width) / 2, (s->height - height) / 2, width, height};
	struct surface box = surface_part(s, r);
	int y = 1;

	surface_clear(&box, ROLE_DIALOG);
	surface_box(&box, (struct rect){0, 0, width, height}, d->danger ? ROLE_DANGER : ROLE_DIALOG,
	            d->title);
	size_t top = d->scroll + (size_t)rows > d->line_count ? d->line_count - (size_t)rows : d->scroll;
	for (int i = 0; i < rows; i++, y++)
		surface_outside(&box, 2, y, width - 4, ROLE_DIALOG, str_of(d->lines[top + (size_t)i]));
	y += d->line_count && rows > 0;
	for (size_t i = 0; i < d->field_count; i++, y++)
		draw_field(&box, y, &d->fields[i], d->focus == i && !d->deadline_us, label_columns_of(d),
		           cursor_x, cursor_y);
	draw_buttons(&box, y, d, now_us);
	if (*cursor_x >= 0) {
		*cursor_x += r.x;
		*cursor_y += r.y;
	}
}
