/* The list of the feedback page: where the cursor is, what is marked, which group and which order. */
#include <stdio.h>
#include <string.h>

#include "console/app.h"
#include "console/triage_private.h"

static void put_cursor(struct app *a, size_t row)
{
	const struct triage_state *t = triage_shown(a);
	struct triage_desk *desk = &a->triage->desk;
	size_t visible = triage_visible(a->layout.body.width, a->layout.body.height);

	if (!t || t->row_count == 0)
		return;
	row = row < t->row_count ? row : t->row_count - 1;
	desk->cursor_row = row;
	desk->cursor_id = triage_row(t, row)->id;
	desk->scroll = 0;
	if (row < desk->top_row)
		desk->top_row = row;
	else if (visible > 0 && row >= desk->top_row + visible)
		desk->top_row = row - visible + 1;
}

void triage_move(struct app *a, int action)
{
	const struct triage_state *t = triage_shown(a);
	size_t row = t ? triage_cursor(t, &a->triage->desk) : 0, last = t && t->row_count ? t->row_count - 1 : 0;
	size_t page = triage_visible(a->layout.body.width, a->layout.body.height);

	switch (action) {
	case ACT_DOWN: row++; break;
	case ACT_UP: row -= row > 0; break;
	case ACT_FIRST: row = 0; break;
	case ACT_LAST: row = last; break;
	case ACT_PAGE_DOWN: row += page; break;
	default: row = row > page ? row - page : 0; break;
	}
	put_cursor(a, row);
}

/* In an open item j and k go to the neighbours, pages scroll its text. */
void triage_move_opened(struct app *a, int action)
{
	struct triage_desk *desk = &a->triage->desk;
	int page = a->layout.body.height / 2;

	if (action == ACT_DOWN || action == ACT_UP)
		triage_open_neighbour(a, action == ACT_UP);
	else if (action == ACT_FIRST || action == ACT_PAGE_UP)
		desk->scroll = action == ACT_FIRST || desk->scroll < page ? 0 : desk->scroll - page;
	else
		desk->scroll += desk->scroll < 4000 ? page : 0;
}

void triage_toggle_mark(struct app *a)
{
	int64_t id = triage_cursor_item(a);
	struct intmap *marks = &a->triage->desk.marks;

	if (!id)
		return;
	if (intmap_get(marks, (uint64_t)id))
		intmap_remove(marks, (uint64_t)id);
	else
		intmap_put(marks, (uint64_t)id, a);
	if (!a->triage->desk.opened)
		triage_move(a, ACT_DOWN);
}

/* V, then V: everything between is marked. */
void triage_mark_range(struct app *a)
{
	const struct triage_state *t = triage_shown(a);
	struct triage_desk *desk = &a->triage->desk;
	size_t from, to;

	if (!t || t->row_count == 0)
		return;
	to = triage_cursor(t, desk);
	if (!desk->range_from) {
		desk->range_from = triage_row(t, to)->id;
		app_say(a, false, "a range begins here: go to its end and press V again");
		return;
	}
	from = triage_find_row(t, desk->range_from, to);
	desk->range_from = 0;
	if (from == t->row_count) {
		app_say(a, true, "the range's beginning is no longer in the list: nothing was marked");
		return;
	}
	for (size_t row = from < to ? from : to; row <= (from < to ? to : from); row++)
		intmap_put(&desk->marks, (uint64_t)triage_row(t, row)->id, a);
	app_say(a, false, "%zu marked", desk->marks.count);
}

void triage_invert_marks(struct app *a)
{
	const struct triage_state *t = triage_shown(a);
	struct intmap *marks = &a->triage->desk.marks;

	if (!t)
		return;
	if (t->row_count > TRIAGE_IDS_MAX) {
		app_say(a, true, "%zu items are listed, and at most %d are changed at once: filter first", t->row_count, TRIAGE_IDS_MAX);
		return;
	}
	for (size_t row = 0; row < t->row_count; row++) {
		uint64_t id = (uint64_t)triage_row(t, row)->id;

		if (intmap_get(marks, id))
			intmap_remove(marks, id);
		else
			intmap_put(marks, id, a);
	}
	app_say(a, false, "%zu marked", marks->count);
}

void triage_choose_group(struct app *a, const char *name)
{
	snprintf(a->deck.ask.triage.group, sizeof a->deck.ask.triage.group, "%s", name);
	a->triage->desk.cursor_id = 0;
	a->triage->desk.cursor_row = a->triage->desk.top_row = 0;
	triage_changed(a);
}

void triage_step_group(struct app *a, int step)
{
	const struct triage_state *t = triage_shown(a);
	int at = -1, count = t ? (int)t->cluster_count : 0;

	for (int i = 0; i < count; i++) {
		if (strcmp(t->clusters[i].name, a->deck.ask.triage.group) == 0)
			at = i;
	}
	at += step;
	if (at < -1)
		at = count - 1;
	triage_choose_group(a, at >= 0 && at < count ? t->clusters[at].name : "");
}

void triage_sort_next(struct app *a)
{
	static const char *const names[] = {"newest first", "most negative first", "by mood, negative first", "least sure first"};
	struct triage_ask *ask = &a->deck.ask.triage;

	ask->sort = (ask->sort + 1) % 4;
	app_say(a, false, "sorted: %s", names[ask->sort]);
	triage_changed(a);
}
