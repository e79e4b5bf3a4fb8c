/* A short array kept in order of arrival. */
#include "ui/toast.h"

#include "base/utf8.h"

static void drop(struct toasts *t, size_t at)
{
	t->count--;
	memmove(&t->items[at], &t->items[at + 1], (t->count - at) * sizeof(t->items[0]));
}

void toast_add(struct toasts *t, style st, struct str text, int64_t now_us, int64_t duration_us)
{
	struct toast toast = {.style = st, .until_us = now_us + duration_us};

	text_harmless(toast.text, sizeof(toast.text), text);
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->items[i].text, toast.text) == 0) {
			drop(t, i);
			break;
		}
	if (t->count == TOASTS_MAX)
		drop(t, 0);
	t->items[t->count++] = toast;
}

bool toast_expire(struct toasts *t, int64_t now_us)
{
	size_t before = t->count;

	for (size_t i = t->count; i-- > 0;)
		if (t->items[i].until_us <= now_us)
			drop(t, i);
	return t->count != before;
}

int64_t toast_next_us(const struct toasts *t)
{
	int64_t next = 0;

	for (size_t i = 0; i < t->count; i++)
		if (next == 0 || t->items[i].until_us < next)
			next = t->items[i].until_us;
	return next;
}

void toast_draw(struct surface *s, const struct toasts *t)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct toast *toast = &t->items[i];
		int y = s->height - (int)(t->count - i);
		int columns = (int)utf8_columns(str_of(toast->text)) + 2;

		if (columns > s->width)
			columns = s->width;
		surface_fill(s, (struct rect){0, y, columns, 1}, ' ', toast->style);
		surface_outside(s, 1, y, columns - 2, toast->style, str_of(toast->text));
	}
}
