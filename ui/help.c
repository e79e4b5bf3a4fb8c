/* Lines are produced one after the other; those before `top` are counted and not drawn. So nothing
 * is kept between frames but where one is. */
#include "ui/help.h"

#include "base/utf8.h"
#include "ui/table.h"

#define KEY_COLUMNS 18

struct writer {
	struct surface *s;
	int line, top, rows;
};

/* The row of the surface for the next line; -1 when it is scrolled out. */
static int next_row(struct writer *w)
{
	int row = w->line++ - w->top;

	return row >= 0 && row < w->rows ? row : -1;
}

/* Fills paragraphs into the width, word by word. */
static void write_text(struct writer *w, const char *text)
{
	struct str rest = str_trim(str_of(text));
	int width = w->s->width - 2, x = 0, row = -1;
	bool open = false;

	while (rest.len > 0) {
		struct str word = str_cut(&rest, ' ');
		int columns = (int)utf8_columns(word);

		if (!open || x + columns > width) {
			row = next_row(w);
			x = 0;
			open = true;
		}
		if (row >= 0)
			surface_outside(w->s, 1 + x, row, width - x, ROLE_TEXT, word);
		x += columns + 1;
	}
	if (open)
		w->line++;
}

static void write_action(struct writer *w, const struct help *h, const struct action *table,
                         const struct action *a)
{
	struct buf keys = {0};

	keymap_keys_text(h->keymap, table, a, &keys);
	struct str texts[3] = {buf_str(&keys), str_of(a->text), str_of(a->name)};
	if (filter_matches(h->search.text, texts, 3)) {
		int row = next_row(w), x = 1 + KEY_COLUMNS;

		if (row >= 0) {
			surface_outside(w->s, 1, row, KEY_COLUMNS - 1, ROLE_KEY, texts[0]);
			if (a->danger == DANGER_TRAFFIC)
				x += surface_text(w->s, x, row, ROLE_DANGER, "!") + 1;
			x += surface_outside(w->s, x, row, w->s->width - x, ROLE_TEXT, texts[1]) + 2;
			if (x + (int)texts[2].len + 1 < w->s->width)
				surface_printf(w->s, w->s->width - (int)texts[2].len - 2, row, ROLE_MUTED, ":%s", a->name);
		}
	}
	buf_fini(&keys);
}

static void write_table(struct writer *w, const struct help *h, const struct action *table)
{
	int row = next_row(w), before = w->line;

	for (const struct action *a = table; a->name; a++)
		write_action(w, h, table, a);
	if (w->line == before) {
		w->line--; /* nothing in it matches: no heading either */
		return;
	}
	if (row >= 0) {
		struct surface line = surface_part(w->s, (struct rect){0, row, w->s->width, 1});

		surface_rule(&line, 0, ROLE_BORDER, keymap_context_name(h->keymap, table), NULL);
	}
	w->line++;
}

static void write_all(struct writer *w, const struct help *h)
{
	if (h->intro && h->search.text[0] == '\0')
		write_text(w, h->intro);
	for (size_t i = 0; i < h->table_count; i++)
		if (h->tables[i])
			write_table(w, h, h->tables[i]);
}

int help_draw(struct surface *s, struct help *h)
{
	struct surface body = surface_part(s, (struct rect){0, 1, s->width, s->height - 2});
	struct writer count = {&body, 0, 0, 0};

	write_all(&count, h);
	h->line_count = count.line;
	if (h->top > h->line_count - body.height)
		h->top = h->line_count - body.height;
	if (h->top < 0)
		h->top = 0;
	surface_clear(s, ROLE_TEXT);
	surface_fill(s, (struct rect){0, 0, s->width, 1}, ' ', ROLE_HEADER);
	surface_printf(s, 1, 0, ROLE_HEADER, "Help%s%s", h->title ? ": " : "", h->title ? h->title : "");
	struct writer w = {&body, 0, h->top, body.height};
	write_all(&w, h);
	if (h->searching) {
		int x = surface_text(s, 0, s->height - 1, ROLE_INPUT, "/");
		return field_draw(s, x, s->height - 1, s->width - x, ROLE_INPUT, &h->search);
	}
	surface_text(s, 1, s->height - 1, ROLE_MUTED, "/ search   j k PgUp PgDn scroll   Esc back");
	return -1;
}

static enum help_result search_key(struct help *h, struct key key)
{
	if (!key.pasted && key.code == KEYCODE_ESC) {
		field_set(&h->search, "");
		h->searching = false;
	} else if (!key.pasted && key.code == KEYCODE_ENTER) {
		h->searching = false;
	} else {
		field_key(&h->search, key);
		h->top = 0;
	}
	return HELP_GOING;
}

enum help_result help_key(struct help *h, struct key key, int page_rows)
{
	int page = page_rows > 3 ? page_rows - 2 : 1;

	if (h->searching)
		return search_key(h, key);
	if (key.pasted || key.mods)
		return HELP_GOING;
	switch (key.code) {
	case KEYCODE_ESC: case 'q': case '?': return HELP_CLOSED;
	case '/': h->searching = true; break;
	case 'j': case KEYCODE_DOWN: h->top++; break;
	case 'k': case KEYCODE_UP: h->top--; break;
	case ' ': case KEYCODE_PGDN: h->top += page; break;
	case KEYCODE_PGUP: h->top -= page; break;
	case 'g': case KEYCODE_HOME: h->top = 0; break;
	case 'G': case KEYCODE_END: h->top = h->line_count; break;
	default: break;
	}
	return HELP_GOING;
}
