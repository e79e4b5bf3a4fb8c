/* One trace as a waterfall. Which lines are seen (some are folded away) is worked out anew for every
 * drawing: a trace has 5,000 lines at most. Bars are laid on the time of the whole trace; inside a model
 * call the wait for the first token is lighter than what follows it. What a colour says is also said
 * by a character or a figure: the critical path by full blocks and its share in per cent. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "panels/waterfall.h"
#include "store/query_steps.h"

#define HOP_US US_PER_HOUR            /* query_trace() looks so far to each side */
#define SEARCH_MOST_US (1500 * US_PER_MS)
#define KEY_BYTES 24
#define DETAILS 4

struct waterfall {
	struct panel_ask ask;
	struct trace_result trace;
	struct steps steps;
	int64_t searched_from_us, searched_to_us;
};

/* ── loading ───────────────────────────────────────────────────────────────────────────────── */

static bool is_empty(const struct trace_result *t)
{
	return t->request_count + t->span_count == 0;
}

/* A trace whose time is not known is looked for from the window's end backwards, for a while. */
static int search(const struct panel_query *query, struct waterfall *w, struct err *err)
{
	int64_t until_mono_us = clock_mono_us() + SEARCH_MOST_US;
	int64_t around_us = query->view.to_us > query->now_us ? query->now_us : query->view.to_us;

	w->searched_to_us = around_us + HOP_US;
	for (;;) {
		if (query_trace(query->reader, w->ask.trace_id, around_us, &w->trace, err) != 0)
			return -1;
		w->searched_from_us = around_us - HOP_US;
		if (!is_empty(&w->trace) || w->searched_from_us <= query->data_from_us || clock_mono_us() > until_mono_us)
			return 0;
		trace_result_fini(&w->trace);
		around_us -= 2 * HOP_US;
	}
}

static int waterfall_load(const struct panel_query *query, void *state, struct err *err)
{
	struct waterfall *w = state;

	if (query->ask)
		w->ask = *query->ask;
	if (!w->ask.has_trace)
		return 0;
	if (w->ask.trace_around_us) {
		w->searched_from_us = w->ask.trace_around_us - HOP_US;
		w->searched_to_us = w->ask.trace_around_us + HOP_US;
		if (query_trace(query->reader, w->ask.trace_id, w->ask.trace_around_us, &w->trace, err) != 0)
			return -1;
	} else if (search(query, w, err) != 0) {
		return -1;
	}
	steps_build(&w->trace, &w->steps);
	return 0;
}

static void waterfall_fini(void *state)
{
	struct waterfall *w = state;

	steps_fini(&w->steps);
	trace_result_fini(&w->trace);
}

/* ── which lines are seen ──────────────────────────────────────────────────────────────────── */

static const struct step *step_of(const struct waterfall *w, size_t line)
{
	return &w->steps.steps[w->steps.tree.lines[line].span];
}

/* The identity of a line: its span's id, else its number. */
static struct str line_key(const struct waterfall *w, size_t line, char out[KEY_BYTES])
{
	size_t index = w->steps.tree.lines[line].span;
	const struct request_row *row = w->steps.steps[index].request;
	const uint8_t *id = row ? (row->request.has_span ? row->request.span_id : NULL)
	                        : w->trace.spans[index - w->trace.request_count].span_id;
	int len;

	if (!id)
		return (struct str){out, (size_t)snprintf(out, KEY_BYTES, "#%zu", index)};
	len = snprintf(out, KEY_BYTES, "%02x%02x%02x%02x%02x%02x%02x%02x", id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]);
	return (struct str){out, (size_t)len};
}

/* FNV-1a. */
static uint32_t hash_of(struct str key)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.ptr[i]) * 16777619u;
	return hash;
}

static bool is_folded(const struct panel_ui *ui, struct str key)
{
	uint32_t hash;

	if (!ui || ui->folded_count == 0)
		return false;
	hash = hash_of(key);
	for (size_t i = 0; i < ui->folded_count; i++) {
		if (ui->folded[i] == hash)
			return true;
	}
	return false;
}

bool waterfall_fold(const void *state, struct panel_ui *ui)
{
	const struct waterfall *w = state;
	struct str key = str_of(ui->table.cursor_key);
	char text[KEY_BYTES];
	size_t line = 0;

	while (line < w->steps.tree.count && ui->table.cursor_key[0] && !str_equal(line_key(w, line, text), key))
		line++;
	if (line >= w->steps.tree.count || w->steps.tree.lines[line].below == 0)
		return false;
	key = line_key(w, line, text);
	for (size_t i = 0; i < ui->folded_count; i++) {
		if (ui->folded[i] == hash_of(key)) {
			ui->folded[i] = ui->folded[--ui->folded_count];
			return true;
		}
	}
	if (ui->folded_count == PANEL_FOLDS_MAX)
		return false;
	ui->folded[ui->folded_count++] = hash_of(key);
	return true;
}

/* The lines that are seen, in order. */
struct seen {
	const struct waterfall *w;
	size_t *lines, count;
	char key[KEY_BYTES];
};

static void see(const struct waterfall *w, const struct panel_ui *ui, struct seen *out)
{
	const struct span_tree *t = &w->steps.tree;

	*out = (struct seen){.w = w, .lines = mem_array(NULL, t->count + 1, sizeof *out->lines)};
	for (size_t i = 0; i < t->count; i++) {
		out->lines[out->count++] = i;
		if (t->lines[i].below && is_folded(ui, line_key(w, i, out->key)))
			i += t->lines[i].below;
	}
}

static struct str seen_key(const void *source, size_t row)
{
	const struct seen *s = source;

	return line_key(s->w, s->lines[row], ((struct seen *)source)->key);
}

/* ── as rows ───────────────────────────────────────────────────────────────────────────────── */

static const struct sheet_column columns[] = {
	{"name", "STEP", 20, true, 0, false},        {"kind", "KIND", 9, true, 0, false},
	{"service", "SERVICE", 10, true, 1, false},  {"error_type", "ERROR", 8, true, 1, false},
	{"start_s", "start", 8, false, 0, false},    {"duration_s", "takes", 8, false, 0, false},
	{"critical_s", "critical", 8, false, 0, false}, {"ttft_s", "ttft", 7, false, 0, false},
	{"input_tokens", "tok in", 6, false, 0, false}, {"output_tokens", "out", 6, false, 0, false},
	{"cost_usd", "$", 8, false, 0, false},       {"depth", "depth", 5, false, 0, false},
	{"attempt", "try", 3, false, 0, false},
};

static void set_number(struct sheet *out, struct sheet_row *row, int column, bool known, double number)
{
	struct value v = known ? value_ok(number) : value_unknown();
	char text[FIGURE_TEXT_BYTES];

	sheet_set_value(out, row, column, v, figure_format_bare(UNIT_COUNT, v, false, text));
}

static void waterfall_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct waterfall *w = state;
	struct seen seen;

	sheet_set_columns(out, columns, (int)(sizeof columns / sizeof *columns));
	see(w, frame->ui, &seen);
	for (size_t i = 0; i < seen.count; i++) {
		const struct tree_line *l = &w->steps.tree.lines[seen.lines[i]];
		const struct step *s = step_of(w, seen.lines[i]);
		const struct request *r = s->request ? &s->request->request : NULL;
		struct sheet_row *row = sheet_add(out, seen_key(&seen, i));

		sheet_set_text(out, row, 0, s->name);
		sheet_set_text(out, row, 1, str_of(step_kind_word(s->kind)));
		sheet_set_text(out, row, 2, s->service);
		sheet_set_text(out, row, 3, s->error_type);
		set_number(out, row, 4, true, (double)(l->start_us - w->steps.tree.from_us) / 1e6);
		set_number(out, row, 5, true, (double)(l->end_us - l->start_us) / 1e6);
		set_number(out, row, 6, true, (double)l->critical_us / 1e6);
		set_number(out, row, 7, s->ttft_us >= 0, (double)s->ttft_us / 1e6);
		set_number(out, row, 8, r && r->input_tokens >= 0, r ? (double)r->input_tokens : 0);
		set_number(out, row, 9, r && r->output_tokens >= 0, r ? (double)r->output_tokens : 0);
		set_number(out, row, 10, r && r->cost_source != COST_UNPRICED, r ? (double)r->cost_nusd / 1e9 : 0);
		set_number(out, row, 11, true, l->depth);
		set_number(out, row, 12, true, l->attempt ? l->attempt : 1);
	}
	free(seen.lines);
}

/* ── drawing ───────────────────────────────────────────────────────────────────────────────── */

struct picture {
	const struct waterfall *w;
	const struct panel_frame *frame;
	struct surface *s;
	int label, bar_x, bar_width, tail; /* columns */
};

static char *seconds_text(int64_t us, bool ascii, char out[FIGURE_TEXT_BYTES])
{
	return figure_format(UNIT_SECONDS, value_ok((double)us / 1e6), ascii, out);
}

static style kind_style(const struct step *s)
{
	static const enum role roles[] = {
		[STEP_MODEL] = ROLE_SERIES1, [STEP_EMBEDDING] = ROLE_SERIES6, [STEP_AGENT] = ROLE_SERIES2,
		[STEP_TOOL] = ROLE_SERIES3, [STEP_RETRIEVAL] = ROLE_SERIES4, [STEP_OTHER] = ROLE_NEUTRAL,
	};

	return s->failed ? ROLE_NEGATIVE : (style)roles[s->kind];
}

/* "│ ├ " in front of a name: who is below whom. Returns columns used. */
static int draw_guides(const struct picture *p, size_t line, int y, int room)
{
	const struct span_tree *t = &p->w->steps.tree;
	const struct tree_line *l = &t->lines[line];
	int depth = l->depth, x = 1 + 2 * (depth - 1), used = 2 * depth;
	size_t at = line;

	if (used > room / 2) { /* deep down: its depth as a figure */
		used = surface_printf(p->s, 1, y, ROLE_MUTED, "%d%s", depth, p->s->ascii ? ">" : "▸");
		return used + 1;
	}
	for (; depth > 0; depth--, x -= 2) {
		bool last = t->lines[at].last;

		if (at == line)
			surface_put(p->s, x, y, p->s->ascii ? (last ? '`' : '|') : last ? 0x2514 : 0x251C, ROLE_BORDER);
		else if (!last)
			surface_put(p->s, x, y, p->s->ascii ? '|' : 0x2502, ROLE_BORDER);
		at = t->lines[at].parent;
	}
	return used;
}

/* "- tool policy_lookup x2": fold mark, kind, name, what is odd. */
static void draw_label(const struct picture *p, size_t line, int y, bool folded, style st)
{
	const struct tree_line *l = &p->w->steps.tree.lines[line];
	const struct step *s = step_of(p->w, line);
	char odd[32] = "";
	int x = 1 + draw_guides(p, line, y, p->label), odd_columns;

	if (folded)
		x += surface_printf(p->s, x, y, ROLE_KEY, "+%zu ", l->below);
	if (l->attempt)
		snprintf(odd, sizeof odd, " try %d", l->attempt);
	else if (l->orphan || l->cycle || l->shift_us || l->copies)
		snprintf(odd, sizeof odd, " %s", l->cycle ? "circle" : l->orphan ? "no parent" : l->shift_us ? "clock" : "twice");
	odd_columns = (int)strlen(odd);
	if (p->label - x - odd_columns < 8)
		odd_columns = 0;
	if (s->kind != STEP_MODEL || p->label - x > 16)
		x += surface_printf(p->s, x, y, st ? st : ROLE_MUTED, "%s ", s->kind == STEP_MODEL ? "llm" : step_kind_word(s->kind));
	if (x < p->label)
		x += surface_outside(p->s, x, y, p->label - x - odd_columns, st ? st : s->failed ? ROLE_NEGATIVE : ROLE_TEXT,
		                     s->name.len ? s->name : STR_LIT("(unnamed)"));
	if (odd_columns)
		surface_text(p->s, x, y, st ? st : ROLE_WARNING, odd);
}

/* Half columns from the bar's left edge. */
static int halves(const struct picture *p, int64_t us)
{
	const struct span_tree *t = &p->w->steps.tree;
	int64_t whole_us = t->to_us - t->from_us;

	if (whole_us <= 0)
		return us > t->from_us ? 2 * p->bar_width : 0;
	return (int)((double)(us - t->from_us) / (double)whole_us * 2 * p->bar_width);
}

/* Characters of a bar in ASCII, with blocks; of what is on the critical path, what is not, and the wait
 * for a first token. */
enum ink { INK_CRITICAL, INK_OTHER, INK_WAIT, INK_FAILED };

static uint32_t ink_of(const struct surface *s, enum ink ink)
{
	static const uint32_t blocks[] = {0x2588, 0x2592, 0x2591, 0x2588};
	static const char ascii[] = "#=.x";

	return s->ascii ? (uint32_t)(unsigned char)ascii[ink] : blocks[ink];
}

static void draw_stretch(const struct picture *p, int y, int from, int to, enum ink ink, style st)
{
	for (int x = from / 2; x <= (to - 1) / 2 && x < p->bar_width; x++) {
		uint32_t ch = ink_of(p->s, ink);

		if (!p->s->ascii && ink != INK_WAIT && ink != INK_OTHER) {
			if (2 * x < from)
				ch = 0x2590; /* right half */
			else if (2 * x + 1 >= to)
				ch = 0x258C; /* left half */
		}
		surface_put(p->s, p->bar_x + x, y, ch, st);
	}
}

static void draw_bar(const struct picture *p, size_t line, int y)
{
	const struct tree_line *l = &p->w->steps.tree.lines[line];
	const struct step *s = step_of(p->w, line);
	style st = p->frame->stale ? ROLE_STALE : kind_style(s);
	int from = halves(p, l->start_us), to = halves(p, l->end_us), first;
	enum ink ink = p->s->ascii && s->failed ? INK_FAILED : l->critical ? INK_CRITICAL : INK_OTHER;

	if (from >= 2 * p->bar_width)
		from = 2 * p->bar_width - 1;
	if (to <= from)
		to = from + 1;
	if (l->critical)
		st |= STYLE_BOLD;
	first = s->ttft_us > 0 && l->start_us + s->ttft_us < l->end_us ? halves(p, l->start_us + s->ttft_us) / 2 * 2 : from;
	if (first > from && first < to)
		draw_stretch(p, y, from, first, INK_WAIT, st);
	else
		first = from;
	draw_stretch(p, y, first, to, ink, st);
}

/* "5.21s 66%  6.1k/412  $0.031": right of the bar. */
static void draw_tail(const struct picture *p, size_t line, int y, style st)
{
	const struct tree_line *l = &p->w->steps.tree.lines[line];
	const struct step *s = step_of(p->w, line);
	const struct request *r = s->request ? &s->request->request : NULL;
	int64_t whole_us = p->w->steps.tree.critical_us;
	char text[FIGURE_TEXT_BYTES], more[FIGURE_TEXT_BYTES], both[2 * FIGURE_TEXT_BYTES + 2];
	int x = p->bar_x + p->bar_width;

	draw_right(p->s, x, y, 8, st ? st : s->failed ? ROLE_NEGATIVE : ROLE_TEXT, seconds_text(l->end_us - l->start_us, p->s->ascii, text));
	if (l->critical && whole_us > 0) {
		int percent = (int)((double)l->critical_us / (double)whole_us * 100 + .5);

		if (percent > 0)
			surface_printf(p->s, x + 8, y, st ? st : percent >= 50 ? ROLE_WARNING | STYLE_BOLD : ROLE_MUTED, "%4d%%", percent);
	}
	if (p->tail < 30 || !r) {
		if (p->tail >= 30 && s->failed)
			surface_outside(p->s, x + 14, y, p->tail - 14, ROLE_NEGATIVE, s->error_type);
		return;
	}
	if (r->input_tokens >= 0 || r->output_tokens >= 0) {
		snprintf(both, sizeof both, "%s/%s", count_format(r->input_tokens < 0 ? 0 : (double)r->input_tokens, text),
		         count_format(r->output_tokens < 0 ? 0 : (double)r->output_tokens, more));
		draw_right(p->s, x + 13, y, 11, st, both);
	}
	if (s->failed)
		surface_outside(p->s, x + 25, y, p->tail - 25, ROLE_NEGATIVE, s->error_type.len ? s->error_type : STR_LIT("failed"));
	else if (r->cost_source != COST_UNPRICED)
		draw_right(p->s, x + 24, y, 8, st, figure_format(UNIT_USD, value_ok((double)r->cost_nusd / 1e9), p->s->ascii, text));
}

static void draw_lines(const struct picture *p, const struct seen *seen, const struct table_state *look, int rows)
{
	for (int y = 0; y < rows && look->top_row + (size_t)y < seen->count; y++) {
		size_t row = look->top_row + (size_t)y, line = seen->lines[row];
		bool folded = p->w->steps.tree.lines[line].below && row + 1 <= seen->count &&
		              (row + 1 == seen->count || seen->lines[row + 1] != line + 1);
		bool selected = p->frame->focused && row == look->cursor_row;
		style st = selected ? ROLE_SELECTED : 0;

		if (selected)
			surface_fill(p->s, (struct rect){0, y + 1, p->label, 1}, ' ', ROLE_SELECTED);
		draw_label(p, line, y + 1, folded, st);
		draw_bar(p, line, y + 1);
		draw_tail(p, line, y + 1, st);
	}
}

/* ── details of the line under the cursor ──────────────────────────────────────────────────── */

static int draw_call(const struct picture *p, const struct step *s, const struct tree_line *l, int y)
{
	const struct request *r = &s->request->request;
	int64_t takes_us = l->end_us - l->start_us;
	char a[FIGURE_TEXT_BYTES], b[FIGURE_TEXT_BYTES];
	int x = 1;

	if (s->ttft_us >= 0 && s->ttft_us <= takes_us) {
		x += surface_printf(p->s, x, y, ROLE_TEXT, "first token after %s, then %s", seconds_text(s->ttft_us, p->s->ascii, a),
		                    seconds_text(takes_us - s->ttft_us, p->s->ascii, b));
		if (r->output_tokens > 0 && takes_us > s->ttft_us)
			x += surface_printf(p->s, x, y, ROLE_TEXT, " at %.0f tok/s", (double)r->output_tokens * 1e6 / (double)(takes_us - s->ttft_us));
		x += 2;
	}
	if (r->input_tokens >= 0)
		x += surface_printf(p->s, x, y, ROLE_TEXT, "in %" PRId64, r->input_tokens) + 1;
	if (r->cached_tokens > 0)
		x += surface_printf(p->s, x, y, ROLE_MUTED, "(%" PRId64 " cached)", r->cached_tokens) + 1;
	if (r->output_tokens >= 0)
		x += surface_printf(p->s, x, y, ROLE_TEXT, "out %" PRId64 " tok", r->output_tokens) + 2;
	if (r->cost_source != COST_UNPRICED)
		x += surface_printf(p->s, x, y, ROLE_TEXT, "$%.6f", (double)r->cost_nusd / 1e9) + 2;
	if (r->finish_reason.len) {
		x += surface_text(p->s, x, y, ROLE_MUTED, "finish ");
		x += surface_outside(p->s, x, y, 16, ROLE_TEXT, r->finish_reason) + 2;
	}
	surface_printf(p->s, x, y, ROLE_MUTED, "request %" PRIx64, (uint64_t)s->request->id);
	return y + 1;
}

static void draw_oddities(const struct picture *p, const struct step *s, const struct tree_line *l, int y)
{
	char a[FIGURE_TEXT_BYTES], b[FIGURE_TEXT_BYTES];
	int x = 1;

	if (s->failed) {
		x += surface_text(p->s, x, y, ROLE_NEGATIVE, "failed: ");
		x += surface_outside(p->s, x, y, 30, ROLE_NEGATIVE, s->error_type.len ? s->error_type : STR_LIT("no type was told")) + 2;
	}
	if (l->attempt)
		x += surface_printf(p->s, x, y, ROLE_WARNING, "try %d after one that failed", l->attempt) + 2;
	if (l->shift_us)
		x += surface_printf(p->s, x, y, ROLE_WARNING, "its clock differs: moved by %+.3fs", (double)l->shift_us / 1e6) + 2;
	if (l->orphan)
		x += surface_text(p->s, x, y, ROLE_WARNING, "its parent is missing") + 2;
	if (l->cycle)
		x += surface_text(p->s, x, y, ROLE_WARNING, "its parents go round in a circle") + 2;
	if (l->copies)
		x += surface_printf(p->s, x, y, ROLE_WARNING, "told %" PRIu32 " times", l->copies + 1) + 2;
	if (l->gap_us * 20 > l->end_us - l->start_us)
		surface_printf(p->s, x, y, ROLE_MUTED, "longest wait without a child: %s from +%s", seconds_text(l->gap_us, p->s->ascii, a),
		               seconds_text(l->gap_from_us - p->w->steps.tree.from_us, p->s->ascii, b));
}

static void draw_details(const struct picture *p, size_t line, int y)
{
	const struct tree_line *l = &p->w->steps.tree.lines[line];
	const struct step *s = step_of(p->w, line);
	char text[FIGURE_TEXT_BYTES], title[48];
	int x = 1;

	snprintf(title, sizeof title, "%s", s->kind == STEP_MODEL ? "model call" : step_kind_word(s->kind));
	surface_rule(p->s, y++, ROLE_BORDER, title, p->w->steps.tree.lines[line].below ? "Enter folds" : "");
	x += surface_outside(p->s, x, y, 30, ROLE_TITLE, s->name) + 2;
	x += surface_outside(p->s, x, y, 20, ROLE_MUTED, s->service) + 2;
	x += surface_printf(p->s, x, y, ROLE_TEXT, "+%s", seconds_text(l->start_us - p->w->steps.tree.from_us, p->s->ascii, text)) + 2;
	x += surface_printf(p->s, x, y, ROLE_TEXT, "takes %s", seconds_text(l->end_us - l->start_us, p->s->ascii, text)) + 2;
	x += surface_printf(p->s, x, y, ROLE_TEXT, "own %s", seconds_text(l->own_us, p->s->ascii, text)) + 2;
	if (l->critical)
		surface_printf(p->s, x, y, ROLE_TEXT, "critical %s", seconds_text(l->critical_us, p->s->ascii, text));
	y++;
	if (s->request)
		y = draw_call(p, s, l, y);
	draw_oddities(p, s, l, y);
}

/* ── the panel ─────────────────────────────────────────────────────────────────────────────── */

static void append_id(const uint8_t id[16], int bytes, struct buf *out)
{
	for (int i = 0; i < bytes; i++)
		buf_printf(out, "%02x", id[i]);
}

static void draw_title(const struct waterfall *w, const struct panel_frame *frame, struct surface *s)
{
	const struct span_tree *t = &w->steps.tree;
	struct buf left = {0}, right = {0};
	char text[FIGURE_TEXT_BYTES];

	buf_puts(&left, "trace ");
	append_id(w->ask.trace_id, frame->form == PANEL_PAGE && s->width >= 100 ? 16 : 4, &left);
	if (t->count) {
		buf_printf(&left, "  %s  %zu span%s", seconds_text(t->to_us - t->from_us, s->ascii, text), t->count, t->count == 1 ? "" : "s");
		if (w->steps.failed)
			buf_printf(&left, "  %zu failed", w->steps.failed);
		if (t->retries)
			buf_printf(&left, "  %zu retr%s", t->retries, t->retries == 1 ? "y" : "ies");
		if (w->steps.calls > w->steps.unpriced)
			buf_printf(&left, "  $%.4f", (double)w->steps.cost_nusd / 1e9);
		if (t->orphans || t->cycles)
			buf_printf(&right, "%zu without parent ", t->orphans + t->cycles);
		if (t->shifted)
			buf_printf(&right, "%zu clocks put right ", t->shifted);
		if (w->trace.truncated)
			buf_puts(&right, "cut at 5,000 ");
		if (!right.len)
			buf_puts(&right, "share of the critical path");
	}
	draw_head(s, frame, left.data, right.len ? right.data : "");
	buf_fini(&left);
	buf_fini(&right);
}

static void draw_nothing(const struct waterfall *w, const struct panel_frame *frame, struct surface *s)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	int64_t span_us = w->searched_to_us - w->searched_from_us;

	if (!w->ask.has_trace) {
		surface_text(s, 1, 1, ROLE_MUTED, "no trace is chosen: t on a request, or :trace ID");
		return;
	}
	surface_printf(s, 1, 1, ROLE_WARNING, "nothing of it between %s and %s: ", axis_time(w->searched_from_us, span_us, frame->tz, from),
	               axis_time(w->searched_to_us, span_us, frame->tz, to));
	surface_text(s, 1, 2, ROLE_MUTED, "raw rows may be gone, or :trace ID TIME looks elsewhere");
}

static void waterfall_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct waterfall *w = state;
	struct picture p = {.w = w, .frame = frame, .s = s};
	struct table_state look = {.sort_column = -1};
	int details = frame->form == PANEL_PAGE && s->height >= 14 ? DETAILS : 0, rows = s->height - 1 - details;
	struct table table;
	struct seen seen;

	draw_title(w, frame, s);
	if (w->steps.tree.count == 0) {
		draw_nothing(w, frame, s);
		return;
	}
	see(w, frame->ui, &seen);
	if (frame->ui)
		look = frame->ui->table;
	table = (struct table){.row_count = seen.count, .key = seen_key, .source = &seen};
	table_settle(&table, &look, rows > 0 ? (size_t)rows : 0);
	p.tail = s->width >= 110 ? 40 : 14;
	p.label = s->width * 2 / 5 < 48 ? s->width * 2 / 5 : 48;
	p.bar_x = p.label + 1;
	p.bar_width = s->width - p.bar_x - p.tail > 0 ? s->width - p.bar_x - p.tail : 0;
	draw_lines(&p, &seen, &look, rows);
	if (details && look.cursor_row < seen.count)
		draw_details(&p, seen.lines[look.cursor_row], s->height - details);
	free(seen.lines);
}

const struct panel trace_panel = {
	.name = "trace",
	.title = "trace",
	.help = "One trace: agents, tools, retrievals, embeddings and model calls over time. Full blocks are on the "
	        "critical path, what the end waited for; the figure behind a line is its share of it. Inside a model "
	        "call the light part is the wait for the first token. Enter folds and unfolds. `:trace ID` opens one "
	        "from anywhere, t on a request its own.",
	.page = '6',
	.asks = ASK_TRACE,
	.state_size = sizeof(struct waterfall),
	.load = waterfall_load,
	.fini = waterfall_fini,
	.draw = waterfall_draw,
	.rows = waterfall_rows,
};
