/* The lines of the trace's tree in its order, as the waterfall draws them: what a line is indented under
 * is its parent, and one whose parent nobody kept stands at the left. */
#include "cli/trace_text.h"

#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "store/query_steps.h"

#define DEPTH_MAX 12
#define NAME_BYTES 60

static double seconds(int64_t us)
{
	return (double)us / (double)US_PER_S;
}

/* "  2k/512 tok  $0.0123": what a model call used. */
static void append_usage(const struct request *r, struct buf *out)
{
	if (r->ttft_us >= 0)
		buf_printf(out, "  ttft %.3f s", seconds(r->ttft_us));
	if (r->input_tokens >= 0 || r->output_tokens >= 0)
		buf_printf(out, "  tokens %" PRId64 "/%" PRId64, r->input_tokens < 0 ? 0 : r->input_tokens,
		           r->output_tokens < 0 ? 0 : r->output_tokens);
	if (r->cost_source != COST_UNPRICED)
		buf_printf(out, "  $%.6f", (double)r->cost_nusd / 1e9);
}

/* What is odd about a line, in words. */
static void append_oddities(const struct tree_line *l, const struct step *step, struct buf *out)
{
	if (step->failed) {
		buf_puts(out, "  failed");
		if (step->error_type.len) {
			buf_puts(out, ": ");
			text_append_harmless(out, step->error_type, NAME_BYTES);
		}
	}
	if (l->attempt)
		buf_printf(out, "  try %d", l->attempt);
	if (l->shift_us)
		buf_printf(out, "  moved by %+.3f s: its clock differs", seconds(l->shift_us));
	if (l->orphan)
		buf_puts(out, "  its parent is missing");
	if (l->cycle)
		buf_puts(out, "  its parents go round in a circle");
	if (l->copies)
		buf_printf(out, "  told %" PRIu32 " times", l->copies + 1);
}

static void append_line(const struct steps *s, const struct tree_line *l, int64_t marked, struct buf *out)
{
	const struct step *step = &s->steps[l->span];
	const struct request_row *row = step->request;

	buf_printf(out, "%c%c%9.3f s %9.3f s  %*s%-9s ", row && row->id == marked ? '>' : ' ', l->critical ? '*' : ' ',
	           seconds(l->start_us - s->tree.from_us), seconds(l->end_us - l->start_us),
	           (l->depth < DEPTH_MAX ? l->depth : DEPTH_MAX) * 2, "", step_kind_word(step->kind));
	text_append_harmless(out, step->name, NAME_BYTES);
	if (row) {
		buf_printf(out, "  %" PRIx64, (uint64_t)row->id);
		append_usage(&row->request, out);
	}
	append_oddities(l, step, out);
	buf_append_c(out, '\n');
}

static void append_evaluation(const struct evaluation *e, struct buf *out)
{
	buf_puts(out, "  evaluation         ");
	text_append_harmless(out, e->name, NAME_BYTES);
	if (!isnan(e->score))
		buf_printf(out, "  %.4g", e->score);
	if (e->label.len) {
		buf_puts(out, "  ");
		text_append_harmless(out, e->label, NAME_BYTES);
	}
	buf_append_c(out, '\n');
}

void trace_append_text(const struct trace_result *t, int64_t marked, struct buf *out)
{
	struct steps s;

	steps_build(t, &s);
	if (s.count > 1)
		buf_puts(out, "trace      start     duration        (* is on the critical path)\n");
	for (size_t i = 0; i < s.tree.count && s.count > 1; i++)
		append_line(&s, &s.tree.lines[i], marked, out);
	for (size_t i = 0; i < t->evaluation_count; i++)
		append_evaluation(&t->evaluations[i], out);
	if (t->truncated)
		buf_puts(out, "  the trace has more steps than are shown\n");
	steps_fini(&s);
}
