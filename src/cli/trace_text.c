/* Requests and steps become one list of lines with their parents; a line whose parent is not there (a
 * span nobody kept) stands at the left. */
#include "cli/trace_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

#define DEPTH_MAX 12
#define NAME_BYTES 60

struct line {
	const struct request_row *request; /* or */
	const struct span *span;
	int64_t start_us, end_us;
	const uint8_t *span_id, *parent_id; /* parent NULL: none */
};

static struct line line_of_request(const struct request_row *row)
{
	const struct request *r = &row->request;

	return (struct line){
		.request = row, .start_us = r->end_us - (r->latency_us > 0 ? r->latency_us : 0), .end_us = r->end_us,
		.span_id = r->has_span ? r->span_id : NULL, .parent_id = r->has_parent ? r->parent_id : NULL,
	};
}

static struct line line_of_span(const struct span *s)
{
	return (struct line){
		.span = s, .start_us = s->start_us, .end_us = s->end_us, .span_id = s->span_id,
		.parent_id = s->has_parent ? s->parent_id : NULL,
	};
}

/* Earliest first; of those that start together the longest. */
static int by_start(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->start_us != y->start_us)
		return x->start_us < y->start_us ? -1 : 1;
	return x->end_us == y->end_us ? 0 : x->end_us > y->end_us ? -1 : 1;
}

static const struct line *find(const struct line *lines, size_t count, const uint8_t id[8])
{
	for (size_t i = 0; i < count; i++)
		if (lines[i].span_id && memcmp(lines[i].span_id, id, 8) == 0)
			return &lines[i];
	return NULL;
}

static int depth_of(const struct line *lines, size_t count, const struct line *l)
{
	int depth = 0;

	for (; l && l->parent_id && depth < DEPTH_MAX; depth++) {
		l = find(lines, count, l->parent_id);
		if (!l)
			break;
	}
	return depth;
}

static const char *kind_of(const struct line *l)
{
	static const char *const kinds[] = {
		[SPAN_AGENT] = "agent", [SPAN_TOOL] = "tool", [SPAN_RETRIEVAL] = "retrieval", [SPAN_OTHER] = "step",
	};

	return l->request ? "call" : kinds[l->span->kind <= SPAN_OTHER ? l->span->kind : SPAN_OTHER];
}

static void append_line(const struct line *l, int depth, int64_t first_us, int64_t marked, struct buf *out)
{
	struct str name = l->request ? l->request->request.dims[DIM_MODEL] : l->span->name;
	bool failed = (l->request ? l->request->request.status : l->span->status) == REQUEST_ERROR;

	buf_printf(out, "%c %9.3f s %9.3f s  %*s%-9s ", l->request && l->request->id == marked ? '>' : ' ',
	           (double)(l->start_us - first_us) / (double)US_PER_S, (double)(l->end_us - l->start_us) / (double)US_PER_S,
	           depth * 2, "", kind_of(l));
	text_append_harmless(out, name, NAME_BYTES);
	if (l->request)
		buf_printf(out, "  %" PRIx64, (uint64_t)l->request->id);
	buf_puts(out, failed ? "  failed\n" : "\n");
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
	size_t count = t->request_count + t->span_count;
	struct line *lines = mem_array(NULL, count + 1, sizeof *lines);

	for (size_t i = 0; i < t->request_count; i++)
		lines[i] = line_of_request(&t->requests[i]);
	for (size_t i = 0; i < t->span_count; i++)
		lines[t->request_count + i] = line_of_span(&t->spans[i]);
	qsort(lines, count, sizeof *lines, by_start);
	if (count > 1)
		buf_puts(out, "trace      start     duration\n");
	for (size_t i = 0; i < count && count > 1; i++)
		append_line(&lines[i], depth_of(lines, count, &lines[i]), lines[0].start_us, marked, out);
	for (size_t i = 0; i < t->evaluation_count; i++)
		append_evaluation(&t->evaluations[i], out);
	if (t->truncated)
		buf_puts(out, "  the trace has more steps than are shown\n");
	free(lines);
}
