/* Scores: a prefix beats a word's start beats letters in order; shorter names beat longer ones. */
#include "ui/chooser.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

static int lower(char c)
{
	return tolower((unsigned char)c);
}

int fuzzy_score(const char *name, struct str typed)
{
	int score = 100, gaps = 0;
	size_t at = 0, len = strlen(name);

	for (size_t i = 0; i < typed.len; i++, at++) {
		size_t from = at;

		while (at < len && lower(name[at]) != lower(typed.ptr[i]))
			at++;
		if (at == len)
			return 0;
		if (at > from) {
			bool word_start = name[at - 1] == '-' || name[at - 1] == ' ' || name[at - 1] == '_';

			gaps += word_start ? 1 : 3;
		}
	}
	score -= gaps * 8;
	if (typed.len && at == len && gaps == 0)
		score += 100; /* all of it */
	score -= (int)(len > 40 ? 40 : len) / 4;
	return score > 0 ? score : 1;
}

static struct str first_word(const struct chooser *c)
{
	struct str text = str_trim(str_of(c->field.text));

	return str_cut(&text, ' ');
}

static void match(struct chooser *c)
{
	struct str typed = first_word(c);

	c->match_count = c->selected = 0;
	c->picked = false;
	for (size_t i = 0; i < c->choice_count; i++) {
		int score = fuzzy_score(c->choices[i].name, typed);
		size_t at = c->match_count;

		if (score == 0)
			continue;
		c->matches = mem_grow(c->matches, &c->match_cap, c->match_count + 1, sizeof(*c->matches));
		/* Insertion keeps the caller's order among equals, and all of it while nothing is typed. */
		while (typed.len && at > 0 && fuzzy_score(c->choices[c->matches[at - 1]].name, typed) < score) {
			c->matches[at] = c->matches[at - 1];
			at--;
		}
		c->matches[at] = i;
		c->match_count++;
	}
}

void chooser_init(struct chooser *c, const struct choice *choices, size_t count,
                  struct history *history)
{
	memset(c, 0, sizeof(*c));
	c->choices = choices;
	c->choice_count = count;
	c->history = history;
	if (history)
		history->at = history->count;
	match(c);
}

void chooser_fini(struct chooser *c)
{
	free(c->matches);
	memset(c, 0, sizeof(*c));
}

static void complete(struct chooser *c)
{
	char line[FIELD_BYTES];
	size_t selected = c->selected;
	struct str typed = first_word(c), text = str_trim(str_of(c->field.text));
	const char *rest = text.ptr ? text.ptr + typed.len : "";

	if (c->match_count == 0)
		return;
	size_t len = strlen(c->choices[c->matches[selected]].name), rest_len = strlen(rest);
	if (len + rest_len + 2 > sizeof(line))
		return;
	memcpy(line, c->choices[c->matches[selected]].name, len);
	memcpy(line + len, rest, rest_len + 1);
	if (rest_len == 0)
		memcpy(line + len, " ", 2);
	field_set(&c->field, line);
	match(c);
}

static void select_by(struct chooser *c, int step)
{
	if (c->match_count == 0)
		return;
	c->selected = (c->selected + c->match_count + (step < 0 ? c->match_count - 1 : 1)) % c->match_count;
	c->picked = true;
}

static void move(struct chooser *c, int step)
{
	/* The history is walked from an empty line, and on from a line of it. */
	bool in_history = c->history && (c->field.text[0] == '\0' || c->history->at < c->history->count);

	if (in_history && !c->picked && c->history->count > 0) {
		field_set(&c->field, history_move(c->history, step));
		match(c);
	} else {
		select_by(c, step);
	}
}

enum chooser_result chooser_key(struct chooser *c, struct key key)
{
	char before[FIELD_BYTES];

	if (!key.pasted && key.code == KEYCODE_ESC)
		return CHOOSER_LEFT;
	if (!key.pasted && key.code == KEYCODE_ENTER) {
		if (c->history)
			history_add(c->history, c->field.text);
		return CHOOSER_TAKEN;
	}
	if (key.code == KEYCODE_TAB && !key.pasted && !(key.mods & KEYMOD_SHIFT)) {
		complete(c);
		return CHOOSER_GOING;
	}
	if (key.code == KEYCODE_UP || key.code == KEYCODE_DOWN) {
		move(c, key.code == KEYCODE_UP ? -1 : 1);
		return CHOOSER_GOING;
	}
	memcpy(before, c->field.text, sizeof(before));
	if (!field_key(&c->field, key))
		return CHOOSER_IGNORED;
	if (strcmp(before, c->field.text) != 0) {
		if (c->history)
			c->history->at = c->history->count;
		match(c);
	}
	return CHOOSER_GOING;
}

const struct choice *chooser_taken(const struct chooser *c)
{
	if (c->match_count == 0 || (c->field.text[0] == '\0' && !c->picked))
		return NULL;
	return &c->choices[c->matches[c->selected]];
}

static void draw_match(struct surface *s, int y, const struct choice *choice, bool selected)
{
	style st = selected ? ROLE_SELECTED : ROLE_DIALOG;
	int keys = choice->keys ? (int)utf8_columns(str_of(choice->keys)) : 0;
	int room = s->width - 2 - (keys ? keys + 1 : 0);

	surface_fill(s, (struct rect){0, y, s->width, 1}, ' ', st);
	surface_outside(s, 1, y, room < 24 ? room : 24, st, str_of(choice->name));
	if (choice->text && room > 28)
		surface_outside(s, 26, y, room - 25, st, str_of(choice->text));
	if (keys && keys + 2 < s->width)
		surface_text(s, s->width - 1 - keys, y, st, choice->keys);
}

int chooser_draw(struct surface *s, const struct chooser *c, const char *prompt)
{
	int last = s->height - 1;
	size_t shown = last > 0 ? (size_t)last : 0;
	size_t top = c->selected >= shown && shown > 0 ? c->selected - shown + 1 : 0;

	if (s->height < 1)
		return 0;
	if (shown > c->match_count - top)
		shown = c->match_count - top;
	for (size_t i = 0; i < shown; i++)
		draw_match(s, last - (int)shown + (int)i, &c->choices[c->matches[top + i]],
		           top + i == c->selected);
	surface_fill(s, (struct rect){0, last, s->width, 1}, ' ', ROLE_INPUT);
	int x = surface_text(s, 0, last, ROLE_INPUT, prompt);
	return field_draw(s, x, last, s->width - x, ROLE_INPUT, &c->field);
}
