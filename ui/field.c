/* The text is kept as UTF-8 and moved through by characters; combining marks move as characters of
 * their own, which is rare enough in what people type here. */
#include "ui/field.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

static size_t before(const struct field *f, size_t at)
{
	while (at > 0 && ((unsigned char)f->text[--at] & 0xc0) == 0x80)
		;
	return at;
}

static size_t after(const struct field *f, size_t at)
{
	size_t len = strlen(f->text);

	if (at < len)
		at++;
	while (at < len && ((unsigned char)f->text[at] & 0xc0) == 0x80)
		at++;
	return at;
}

/* Removes [from, to) and leaves the cursor at from. */
static void cut(struct field *f, size_t from, size_t to)
{
	memmove(f->text + from, f->text + to, strlen(f->text + to) + 1);
	f->cursor = from;
}

static void insert(struct field *f, uint32_t ch)
{
	char bytes[4];
	size_t n = utf8_encode(ch, bytes), len = strlen(f->text);

	if (len + n >= sizeof(f->text))
		return;
	memmove(f->text + f->cursor + n, f->text + f->cursor, len - f->cursor + 1);
	memcpy(f->text + f->cursor, bytes, n);
	f->cursor += n;
}

void field_set(struct field *f, const char *text)
{
	const char *p = text, *end = text + strlen(text);

	f->text[0] = '\0';
	f->cursor = 0;
	while (p < end) {
		uint32_t ch = utf8_decode(&p, end);

		if (ch != UTF8_BAD && utf8_width(ch) >= 0)
			insert(f, ch);
	}
}

static size_t word_start(const struct field *f)
{
	size_t at = f->cursor;

	while (at > 0 && f->text[at - 1] == ' ')
		at--;
	while (at > 0 && f->text[at - 1] != ' ')
		at--;
	return at;
}

static bool control_key(struct field *f, uint32_t letter)
{
	switch (letter) {
	case 'a': f->cursor = 0; return true;
	case 'e': f->cursor = strlen(f->text); return true;
	case 'b': f->cursor = before(f, f->cursor); return true;
	case 'f': f->cursor = after(f, f->cursor); return true;
	case 'd': cut(f, f->cursor, after(f, f->cursor)); return true;
	case 'k': cut(f, f->cursor, strlen(f->text)); return true;
	case 'u': cut(f, 0, f->cursor); return true;
	case 'w': cut(f, word_start(f), f->cursor); return true;
	default: return false;
	}
}

bool field_key(struct field *f, struct key key)
{
	if (key.mods & KEYMOD_CTRL)
		return control_key(f, key.code);
	if (key.mods & KEYMOD_ALT)
		return false;
	switch (key.code) {
	case KEYCODE_LEFT: f->cursor = before(f, f->cursor); return true;
	case KEYCODE_RIGHT: f->cursor = after(f, f->cursor); return true;
	case KEYCODE_HOME: f->cursor = 0; return true;
	case KEYCODE_END: f->cursor = strlen(f->text); return true;
	case KEYCODE_BACKSPACE: cut(f, before(f, f->cursor), f->cursor); return true;
	case KEYCODE_DELETE: cut(f, f->cursor, after(f, f->cursor)); return true;
	case KEYCODE_PASTE_BEGIN: case KEYCODE_PASTE_END: return true;
	default: break;
	}
	if (key.pasted && f->refuse_paste) {
		f->refused++;
		return true;
	}
	/* A pasted line end is a blank, never an Enter. */
	if (key.pasted && key.code >= KEYCODE_UP)
		key.code = ' ';
	if (key.code >= KEYCODE_UP || utf8_width(key.code) < 0)
		return false;
	insert(f, key.code);
	return true;
}

int field_draw(struct surface *s, int x, int y, int columns, style st, const struct field *f)
{
	struct surface line = surface_part(s, (struct rect){x, y, columns, 1});
	int cursor = (int)utf8_columns((struct str){f->text, f->cursor});
	size_t start = 0;

	surface_fill(&line, (struct rect){0, 0, line.width, 1}, ' ', st);
	/* One column stays free for the cursor behind the last character. */
	while (cursor >= line.width && start < f->cursor) {
		size_t next = after(f, start);

		cursor -= (int)utf8_columns((struct str){f->text + start, next - start});
		start = next;
	}
	surface_text(&line, 0, 0, st, f->text + start);
	return x + cursor;
}

void history_add(struct history *h, const char *line)
{
	h->at = h->count;
	if (*line == '\0' || (h->count > 0 && strcmp(h->lines[h->count - 1], line) == 0))
		return;
	if (h->count == HISTORY_MAX) {
		free(h->lines[0]);
		memmove(h->lines, h->lines + 1, (HISTORY_MAX - 1) * sizeof(h->lines[0]));
		h->count--;
	}
	h->lines[h->count++] = mem_strdup(line);
	h->at = h->count;
}

const char *history_move(struct history *h, int step)
{
	if (step < 0 && h->at > 0)
		h->at--;
	else if (step > 0 && h->at < h->count)
		h->at++;
	return h->at < h->count ? h->lines[h->at] : "";
}

void history_fini(struct history *h)
{
	for (size_t i = 0; i < h->count; i++)
		free(h->lines[i]);
	*h = (struct history){0};
}
