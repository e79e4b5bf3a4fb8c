/* A trace as it was stored, as the tree of its steps: the one reading of it that the waterfall and
 * `requests show` share. */
#ifndef LLMDECK_STORE_QUERY_STEPS_H
#define LLMDECK_STORE_QUERY_STEPS_H

#include "core/span_tree.h"
#include "store/query.h"

enum step_kind { STEP_MODEL, STEP_EMBEDDING, STEP_AGENT, STEP_TOOL, STEP_RETRIEVAL, STEP_OTHER };

/* One span of a trace: a model call, or a step around them. Strings are the trace's. */
struct step {
	const struct request_row *request; /* NULL: a step around them */
	enum step_kind kind;
	struct str name, service, error_type;
	bool failed;
	int64_t ttft_us;                   /* UNKNOWN_INT */
};
struct steps {
	struct step *steps;       /* tree.lines[i].span is an index into them */
	size_t count;
	struct span_tree tree;
	int64_t input_tokens, output_tokens, cost_nusd; /* of its calls, as far as they are known */
	size_t calls, failed, unpriced;
};

/* Borrows the trace, which has to outlive it; steps_fini() frees the rest. */
void steps_build(const struct trace_result *trace, struct steps *out);
void steps_fini(struct steps *s);

/* "agent", "tool", "retrieval", "embed", "call", "step". */
const char *step_kind_word(enum step_kind kind);

#endif
