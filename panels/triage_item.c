/* The item and its context. Everything but the labels is a list of lines, wrapped to the width, of which
 * as many are drawn as there is room for; the labels keep their place at the foot. The remark comes first,
 * and while nothing is scrolled a long question or answer is cut short, so that all of it is in sight. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "panels/draw.h"
#include "panels/triage.h"

#define LINES_MAX 2000
#define HISTORY_SHOWN 12
#define QUESTION_SHORT 2
#define ANSWER_SHORT 3

struct line {
	struct str text; /* in the arena; of a rule its title */
	style style;
	bool rule;
};
struct lines {
	struct arena arena;
	struct line *items;
	size_t count, cap;
	int columns;
};

static void add(struct lines *l, struct str text, style st, bool rule)
{
	if (l->count == LINES_MAX)
		return;
	l->items = mem_grow(l->items, &l->cap, l->count + 1, sizeof *l->items);
	l->items[l->count++] = (struct line){{arena_copy(&l->arena, text.ptr, text.len), text.len}, st, rule};
}

static void __attribute__((format(printf, 3, 4))) addf(struct lines *l, style st, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add(l, str_of(text), st, false);
}

/* One paragraph of harmless text, broken at blanks where there are any; facts only between two of them. */
static void wrap_at(struct lines *l, struct str text, style st, bool facts)
{
	const char *at = text.ptr, *end = text.ptr + text.len;

	do {
		const char *line = at, *blank = NULL, *stop;
		int used = 0;

		while (at < end) {
			const char *next = at;
			int width = utf8_width(utf8_decode(&next, end));

			if (used + (width > 0 ? width : 0) > l->columns)
				break;
			if (*at == ' ' && (!facts || (next < end && *next == ' ')))
				blank = at;
			used += width > 0 ? width : 0;
			at = next;
		}
		stop = at;
		if (at < end && blank && blank > line) {
			stop = blank;
			at = facts ? blank + 2 : blank + 1;
		} else if (at == line && at < end) { /* not even one character fits */
			utf8_decode(&at, end);
			stop = at;
		}
		add(l, (struct str){line, (size_t)(stop - line)}, st, false);
	} while (at < end);
}

static void wrap(struct lines *l, struct str text, style st)
{
	wrap_at(l, text, st, false);
}

/* A text from outside, its own lines kept. */
static void add_text(struct lines *l, struct str text, style st)
{
	struct buf harmless = {0};

	while (text.len > 0) {
		struct str line = str_cut(&text, '\n');

		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		buf_reset(&harmless);
		text_append_harmless(&harmless, line, line.len);
		wrap(l, buf_str(&harmless), st);
	}
	buf_fini(&harmless);
}

/* The lines from `from` on cut to `most`, with a word about what is missing. */
static void shorten(struct lines *l, size_t from, size_t most)
{
	size_t cut = l->count - from;

	if (cut <= most + 1)
		return;
	l->count = from + most;
	addf(l, ROLE_MUTED, "(%zu more lines: PgDn)", cut - most);
}

static void add_part(struct lines *l, const char *title, enum text_state state, struct str text, style st, size_t most)
{
	static const char *const words[] = {"", "", "text withheld: this user may not read the text file",
	                                    "no longer kept: its retention is over"};
	size_t from;

	if (state == TEXT_NONE)
		return;
	add(l, str_of(title), ROLE_BORDER, true);
	from = l->count;
	if (state == TEXT_KEPT)
		add_text(l, text, st);
	else
		wrap(l, str_of(words[state]), ROLE_MUTED);
	if (most)
		shorten(l, from, most);
}

/* " · " between what is there. */
static void __attribute__((format(printf, 2, 3))) fact(struct buf *out, const char *fmt, ...)
{
	va_list ap;

	if (out->len > 0)
		buf_puts(out, "  ");
	va_start(ap, fmt);
	buf_vprintf(out, fmt, ap);
	va_end(ap);
}

static void outside_fact(struct buf *out, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	fact(out, "%s%s", name, name[0] ? " " : "");
	text_append_harmless(out, value, 60);
}

static void add_facts(struct lines *l, struct buf *facts)
{
	if (facts->len > 0)
		wrap_at(l, buf_str(facts), ROLE_TEXT, true);
	buf_reset(facts);
}

static void add_request(struct lines *l, const struct feedback_item *item, bool ascii)
{
	const struct request *r = &item->request;
	char text[FIGURE_TEXT_BYTES];
	struct buf b = {0};

	if (!item->has_request) {
		wrap(l, STR_LIT("no request is known: nothing says which answer this is about"), ROLE_MUTED);
		return;
	}
	outside_fact(&b, "", r->dims[DIM_MODEL]);
	if (r->latency_us >= 0)
		fact(&b, "%s", figure_format(UNIT_SECONDS, value_ok((double)r->latency_us / 1e6), ascii, text));
	if (r->ttft_us >= 0)
		fact(&b, "ttft %s", figure_format(UNIT_SECONDS, value_ok((double)r->ttft_us / 1e6), ascii, text));
	if (r->input_tokens >= 0 && r->output_tokens >= 0)
		fact(&b, "%lld/%lld tok", (long long)r->input_tokens, (long long)r->output_tokens);
	if (r->cost_source != COST_UNPRICED)
		fact(&b, "$%.4f", (double)r->cost_nusd / 1e9);
	if (r->status == REQUEST_ERROR)
		outside_fact(&b, "FAILED", r->error_type.len ? r->error_type : STR_LIT("error"));
	outside_fact(&b, "finish", r->finish_reason);
	outside_fact(&b, "prompt", r->attrs[ATTR_PROMPT_VERSION]);
	outside_fact(&b, "session", r->attrs[ATTR_SESSION]);
	if (!item->request_kept)
		fact(&b, "(the request itself is no longer kept)");
	add_facts(l, &b);
	buf_fini(&b);
}

/* Findings of our own patterns and of the provider. False when there are none. */
static bool add_flags(struct lines *l, const struct feedback_item *item)
{
	struct buf b = {0};
	bool found;

	for (uint32_t i = 0; i < item->request.flag_count && i < 8; i++) {
		const struct flag *f = &item->request.flags[i];

		outside_fact(&b, f->action == FLAG_BLOCKED ? "blocked" : "flag", f->category);
		if (f->severity >= 0)
			buf_printf(&b, ":%d", f->severity);
	}
	for (size_t i = 0; i < item->finding_count && i < 8; i++) {
		outside_fact(&b, "", str_of(item->findings[i].name));
		if (item->findings[i].severity >= 0)
			buf_printf(&b, ":%d", item->findings[i].severity);
		if (item->findings[i].count > 1)
			buf_printf(&b, " x%lld", (long long)item->findings[i].count);
	}
	if (b.len > 0)
		wrap_at(l, buf_str(&b), ROLE_WARNING, true);
	found = b.len > 0;
	buf_fini(&b);
	return found;
}

static void add_judges(struct lines *l, const struct feedback_item *item, bool flagged)
{
	static const char *const moods[] = {"unknown", "positive", "neutral", "negative"};
	struct buf b = {0};

	if (!flagged)
		fact(&b, "flags none");
	for (size_t i = 0; i < item->verdict_count && i < 6; i++) {
		const struct feedback_verdict *v = &item->verdicts[i];

		outside_fact(&b, "", str_of(v->judge));
		buf_printf(&b, " %s", moods[v->mood <= MOOD_NEGATIVE ? v->mood : 0]);
		if (!isnan(v->score))
			buf_printf(&b, " %+.2f", v->score);
		if (!isnan(v->confidence))
			buf_printf(&b, " sure %.0f%%", v->confidence * 100);
		if (item->verdict_count > 1 && v->stands)
			buf_puts(&b, " (stands)");
		if (v->words && v->words[0])
			outside_fact(&b, "", str_of(v->words));
	}
	for (size_t i = 0; i < item->evaluation_count && i < 6; i++) {
		const struct evaluation *e = &item->evaluations[i];

		outside_fact(&b, "eval", e->name);
		if (!isnan(e->score))
			buf_printf(&b, " %.3g", e->score);
		outside_fact(&b, "", e->label);
	}
	add_facts(l, &b);
	buf_fini(&b);
}

static void add_head(struct lines *l, const struct triage_state *t, const struct panel_frame *frame, bool ascii)
{
	static const char hex[] = "0123456789abcdef";
	const struct feedback *f = &t->item.item;
	char clock[TIME_TEXT_BYTES], day[TIME_TEXT_BYTES], trace[33] = "";
	struct buf b = {0};

	time_format_clock(f->time_us, frame->tz, clock);
	axis_time(f->time_us, 30 * US_PER_DAY, frame->tz, day);
	fact(&b, "%s %s", day, clock);
	outside_fact(&b, "", f->dims[DIM_SERVICE]);
	outside_fact(&b, "", f->dims[DIM_DEPLOYMENT]);
	outside_fact(&b, "", f->dims[DIM_ENVIRONMENT]);
	outside_fact(&b, "", f->language);
	if (!isnan(f->rating))
		fact(&b, "%.3g of 5", f->rating);
	add_facts(l, &b);
	add_request(l, &t->item, ascii);
	for (size_t i = 0; f->has_trace && i < 16; i++) {
		trace[2 * i] = hex[f->trace_id[i] >> 4];
		trace[2 * i + 1] = hex[f->trace_id[i] & 15];
	}
	if (f->has_trace)
		fact(&b, "trace %.*s", l->columns < 70 ? 12 : 32, trace);
	outside_fact(&b, "user", f->user);
	outside_fact(&b, "group", str_of(t->item_cluster));
	add_facts(l, &b);
	buf_fini(&b);
	add_judges(l, &t->item, add_flags(l, &t->item));
}

static void add_notes(struct lines *l, const struct feedback_item *item, const struct tz *tz)
{
	char clock[TIME_TEXT_BYTES];

	if (item->note_count > 0)
		add(l, STR_LIT("notes"), ROLE_BORDER, true);
	for (size_t i = 0; i < item->note_count; i++) {
		const struct feedback_note *n = &item->notes[i];
		struct buf b = {0};

		buf_printf(&b, "%s ", time_format_clock(n->time_us, tz, clock));
		text_append_harmless(&b, str_of(n->author), 40);
		buf_puts(&b, ": ");
		if (n->state == TEXT_KEPT)
			text_append_harmless(&b, n->text, 2000);
		else
			buf_puts(&b, n->state == TEXT_WITHHELD ? "text withheld" : "no longer kept");
		wrap(l, buf_str(&b), ROLE_TEXT);
		buf_fini(&b);
	}
}

static void add_history(struct lines *l, const struct feedback_item *item, const struct tz *tz)
{
	size_t from = item->event_count > HISTORY_SHOWN ? item->event_count - HISTORY_SHOWN : 0;
	char clock[TIME_TEXT_BYTES];

	if (item->event_count > 0)
		add(l, STR_LIT("history"), ROLE_BORDER, true);
	for (size_t i = item->event_count; i > from; i--) {
		const struct feedback_event *e = &item->events[i - 1];
		struct buf b = {0};

		buf_printf(&b, "%s ", time_format_clock(e->time_us, tz, clock));
		text_append_harmless(&b, str_of(e->author), 40);
		buf_puts(&b, " ");
		text_append_harmless(&b, str_of(e->field), 80);
		if (e->before && e->before[0]) {
			buf_puts(&b, " ");
			text_append_harmless(&b, str_of(e->before), 60);
		}
		buf_puts(&b, " -> ");
		text_append_harmless(&b, str_of(e->after && e->after[0] ? e->after : "-"), 60);
		if (e->undone)
			buf_puts(&b, " (undone)");
		wrap(l, buf_str(&b), e->undone ? ROLE_MUTED : ROLE_TEXT);
		buf_fini(&b);
	}
}

/* Labels that no key is for. */
static void add_other_labels(struct lines *l, const struct triage_desk *desk, const struct feedback_item *item)
{
	struct buf b = {0};

	for (size_t i = 0; i < item->label_count; i++) {
		bool has_key = false;

		for (size_t k = 0; desk && k < desk->label_count && k < TRIAGE_KEYS; k++)
			has_key = has_key || strcmp(desk->labels[k].name, item->labels[i].name) == 0;
		if (has_key)
			continue;
		outside_fact(&b, "", str_of(item->labels[i].name));
		buf_puts(&b, "=");
		text_append_harmless(&b, str_of(item->labels[i].value), 60);
	}
	if (b.len > 0) {
		add(l, STR_LIT("other labels"), ROLE_BORDER, true);
		wrap(l, buf_str(&b), ROLE_TEXT);
	}
	buf_fini(&b);
}

static void collect(struct lines *l, const struct triage_state *t, const struct triage_desk *desk,
                    const struct panel_frame *frame, bool brief, bool ascii)
{
	const struct feedback_item *item = &t->item;
	enum text_state said = item->text_state == TEXT_NONE ? TEXT_KEPT : item->text_state;

	l->count = 0;
	add_head(l, t, frame, ascii);
	add_part(l, "comment", said, item->text_state == TEXT_NONE ? STR_LIT("(no comment)") : item->item.text,
	         item->text_state == TEXT_NONE ? (style)ROLE_MUTED : (style)(ROLE_TEXT | STYLE_BOLD), 0);
	add_part(l, "user", item->question_state, item->question, ROLE_TEXT, brief ? QUESTION_SHORT : 0);
	add_part(l, "assistant", item->answer_state, item->answer, ROLE_TEXT, brief ? ANSWER_SHORT : 0);
	if (item->in_dataset)
		add_part(l, "corrected answer (in the data set)", item->corrected_state, item->corrected, ROLE_TEXT,
		         brief ? ANSWER_SHORT : 0);
	add_notes(l, item, frame->tz);
	add_other_labels(l, desk, item);
	add_history(l, item, frame->tz);
}

/* "1[x] hallucination": the key, then the value. Returns columns. */
static int label_text(const struct triage_state *t, const struct label_set *set, size_t key, char *out, size_t cap)
{
	const char *value = triage_label(t, set->name);
	struct buf b = {0};

	if (set->kind == LABEL_BOOLEAN)
		buf_printf(&b, "%zu[%c] ", key, value && strcmp(value, "true") == 0 ? 'x' : value ? '-' : ' ');
	else
		buf_printf(&b, "%zu ", key);
	text_append_harmless(&b, str_of(set->name), 30);
	if (set->kind != LABEL_BOOLEAN) {
		buf_puts(&b, " ");
		text_append_harmless(&b, str_of(value ? value : "-"), 20);
	}
	snprintf(out, cap, "%s", b.data);
	buf_fini(&b);
	return (int)utf8_columns(str_of(out));
}

static void draw_choice(const struct label_set *set, struct surface *s, int y)
{
	int x = 1;

	surface_fill(s, (struct rect){0, y, s->width, 1}, ' ', ROLE_INPUT);
	x += surface_outside(s, x, y, s->width / 3, ROLE_INPUT, str_of(set->name));
	x += surface_text(s, x, y, ROLE_INPUT, ": ");
	if (set->kind == LABEL_NUMERIC)
		x += surface_printf(s, x, y, ROLE_INPUT, "%.4g to %.4g", set->min, set->max);
	for (size_t i = 0; set->kind == LABEL_CATEGORICAL && set->values[i] && i < TRIAGE_KEYS && x < s->width; i++) {
		x += surface_printf(s, x, y, ROLE_INPUT, "%zu ", i + 1);
		x += surface_outside(s, x, y, s->width - x, ROLE_INPUT, str_of(set->values[i])) + 2;
	}
	surface_text(s, x, y, ROLE_INPUT, "  0 none  Esc");
}

/* Lays the labels out in rows; draws them from `y` on when s is given. Returns how many rows. */
static int lay_labels(const struct triage_state *t, const struct triage_desk *desk, struct surface *s, int width, int y)
{
	int x = 1, rows = 1;

	for (size_t i = 0; i < desk->label_count && i < TRIAGE_KEYS; i++) {
		const char *value = triage_label(t, desk->labels[i].name);
		char text[100];
		int columns = label_text(t, &desk->labels[i], i + 1, text, sizeof text);

		if (x > 1 && x + columns > width - 1) {
			x = 1;
			rows++;
		}
		if (s)
			surface_outside(s, x, y + rows - 1, width - x, value ? ROLE_MARKED : desk->opened ? ROLE_TEXT : ROLE_MUTED,
			                str_of(text));
		x += columns + 2;
	}
	return rows;
}

static void draw_lines(const struct lines *l, size_t first, struct surface *s, int from_y, int to_y)
{
	for (int y = from_y; y < to_y && first + (size_t)(y - from_y) < l->count; y++) {
		const struct line *line = &l->items[first + (size_t)(y - from_y)];
		char title[80];

		if (line->rule) {
			text_harmless(title, sizeof title, line->text);
			surface_rule(s, y, ROLE_BORDER, title, "");
		} else {
			surface_outside(s, 1, y, s->width - 2, line->style, line->text);
		}
	}
}

/* "17c2f…  settled by mia", and who has it, or how many are marked. */
static void draw_item_head(const struct triage_state *t, const struct triage_desk *desk, const struct panel_frame *frame,
                           struct surface *s)
{
	const struct feedback_item *item = &t->item;
	char id[TRIAGE_ID_BYTES], title[160], right[120] = "";
	bool ours = desk && desk->opened && desk->item == item->id;

	snprintf(title, sizeof title, "%s%s%s%s%s", triage_id(item->id, id), item->state == FEEDBACK_OPEN ? "" : "  ",
	         item->state == FEEDBACK_OPEN ? "" : feedback_state_name(item->state),
	         item->assignee && item->assignee[0] ? "  for " : "", item->assignee ? item->assignee : "");
	if (desk && desk->marks.count > 0)
		snprintf(right, sizeof right, "%zu marked", desk->marks.count);
	else if (ours)
		snprintf(right, sizeof right, "%s", desk->busy ? "storing" : "yours");
	else if (item->locked)
		snprintf(right, sizeof right, "open with %.80s", item->lock_holder ? item->lock_holder : "somebody");
	surface_rule(s, 0, ours && frame->focused ? ROLE_ACCENT | STYLE_BOLD : ROLE_BORDER, title, right);
}

void triage_draw_item(const struct triage_state *t, const struct triage_desk *desk, const struct panel_frame *frame,
                      struct surface *s)
{
	struct lines l = {.columns = s->width - 2};
	int labels, room;
	size_t first = 0;

	if (!t->has_item || l.columns < 4) {
		surface_rule(s, 0, ROLE_BORDER, "item", "");
		return;
	}
	draw_item_head(t, desk, frame, s);
	labels = desk && desk->label_count > 0 && s->height > 8 ? lay_labels(t, desk, NULL, s->width, 0) + 1 : 0;
	room = s->height - 1 - labels;
	collect(&l, t, desk, frame, false, s->ascii);
	if (desk && desk->scroll > 0)
		first = (size_t)desk->scroll + (size_t)room > l.count ? l.count > (size_t)room ? l.count - (size_t)room : 0 : (size_t)desk->scroll;
	else if (room > 0 && l.count > (size_t)room)
		collect(&l, t, desk, frame, true, s->ascii);
	draw_lines(&l, first, s, 1, 1 + room);
	if (labels > 0) {
		surface_rule(s, s->height - labels, ROLE_BORDER, "labels", desk->opened ? "1-9" : "Enter opens");
		lay_labels(t, desk, s, s->width, s->height - labels + 1);
		if (desk->choosing > 0 && (size_t)desk->choosing <= desk->label_count)
			draw_choice(&desk->labels[desk->choosing - 1], s, s->height - 1);
	}
	free(l.items);
	arena_fini(&l.arena);
}
