/* Requests come first, then the spans around them; the tree's arithmetic is core/span_tree.c. */
#include "store/query_steps.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *step_kind_word(enum step_kind kind)
{
	static const char *const words[] = {
		[STEP_MODEL] = "call", [STEP_EMBEDDING] = "embed", [STEP_AGENT] = "agent", [STEP_TOOL] = "tool",
		[STEP_RETRIEVAL] = "retrieval", [STEP_OTHER] = "step",
	};

	return words[kind];
}

static void add_request(struct steps *out, const struct request_row *row, struct tree_span *span)
{
	const struct request *r = &row->request;

	out->steps[out->count] = (struct step){
		.request = row, .kind = str_equal_c(r->operation, "embeddings") ? STEP_EMBEDDING : STEP_MODEL,
		.name = r->dims[DIM_MODEL], .service = r->dims[DIM_SERVICE], .error_type = r->error_type,
		.failed = r->status == REQUEST_ERROR, .ttft_us = r->ttft_us,
	};
	span[out->count++] = (struct tree_span){
		.start_us = r->end_us - (r->latency_us > 0 ? r->latency_us : 0), .end_us = r->end_us,
		.id = r->has_span ? r->span_id : NULL, .parent = r->has_parent ? r->parent_id : NULL,
		.name = r->dims[DIM_MODEL], .service = r->dims[DIM_SERVICE], .failed = r->status == REQUEST_ERROR,
	};
	out->calls++;
	out->failed += r->status == REQUEST_ERROR;
	out->input_tokens += r->input_tokens > 0 ? r->input_tokens : 0;
	out->output_tokens += r->output_tokens > 0 ? r->output_tokens : 0;
	if (r->cost_source == COST_UNPRICED)
		out->unpriced++;
	else
		out->cost_nusd += r->cost_nusd;
}

/* "execute_tool lookup" says twice that it is a tool. */
static struct str short_name(struct str name)
{
	static const char *const operations[] = {"execute_tool ", "invoke_agent ", "create_agent "};

	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
		size_t len = strlen(operations[i]);

		if (name.len > len && memcmp(name.ptr, operations[i], len) == 0)
			return (struct str){name.ptr + len, name.len - len};
	}
	return name;
}

static void add_span(struct steps *out, const struct span *s, struct tree_span *span)
{
	static const enum step_kind kinds[] = {
		[SPAN_AGENT] = STEP_AGENT, [SPAN_TOOL] = STEP_TOOL, [SPAN_RETRIEVAL] = STEP_RETRIEVAL, [SPAN_OTHER] = STEP_OTHER,
	};

	out->steps[out->count] = (struct step){
		.kind = s->kind <= SPAN_OTHER ? kinds[s->kind] : STEP_OTHER, .name = short_name(s->name), .service = s->service,
		.error_type = s->error_type, .failed = s->status == REQUEST_ERROR, .ttft_us = UNKNOWN_INT,
	};
	span[out->count++] = (struct tree_span){
		.start_us = s->start_us, .end_us = s->end_us, .id = s->span_id, .parent = s->has_parent ? s->parent_id : NULL,
		.name = s->name, .service = s->service, .failed = s->status == REQUEST_ERROR,
	};
	out->failed += s->status == REQUEST_ERROR;
}

void steps_build(const struct trace_result *trace, struct steps *out)
{
	size_t count = trace->request_count + trace->span_count;
	struct tree_span *spans = mem_array(NULL, count + 1, sizeof *spans);

	memset(out, 0, sizeof *out);
	out->steps = mem_array(NULL, count + 1, sizeof *out->steps);
	for (size_t i = 0; i < trace->request_count; i++)
		add_request(out, &trace->requests[i], spans);
	for (size_t i = 0; i < trace->span_count; i++)
		add_span(out, &trace->spans[i], spans);
	span_tree_build(spans, count, &out->tree);
	free(spans);
}

void steps_fini(struct steps *s)
{
	free(s->steps);
	span_tree_fini(&s->tree);
	memset(s, 0, sizeof *s);
}
