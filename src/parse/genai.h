/* Telemetry of LLM clients made into one request, whatever dialect they speak. Pure.
 *
 * Dialects known by their attributes, not by their scope: OpenTelemetry GenAI (old and new names),
 * OpenLLMetry (Traceloop), OpenInference, Langfuse, LangSmith and the Vercel AI SDK. What each
 * attribute means stands in one table in genai.c; a client not named here works when it uses any of
 * those names. Prompt and answer texts are never read. */
#ifndef LLMDECK_PARSE_GENAI_H
#define LLMDECK_PARSE_GENAI_H

#include "core/event.h"
#include "parse/otlp.h"

/* What a span stands for. */
enum genai_kind {
	GENAI_OTHER,     /* nothing about LLMs */
	GENAI_MODEL,     /* one model call: becomes a request */
	GENAI_AGENT,     /* an agent's or workflow's run */
	GENAI_TOOL,      /* a tool call */
	GENAI_RETRIEVAL, /* a search for context */
};

enum genai_dialect {
	DIALECT_OTEL, DIALECT_OPENINFERENCE, DIALECT_LANGFUSE, DIALECT_LANGSMITH, DIALECT_VERCEL,
};

/* Clients that send no span for a failed call: an error rate from them is a lower bound. By scope
 * name, as observed. */
bool genai_errors_are_lower_bound(struct str scope_name);

enum genai_kind genai_classify(const struct otlp_span *span, enum genai_dialect *dialect);

/* Fills `r` (as batch_add_request() made it) from a span that genai_classify() called a model call.
 * Strings are copied into the batch. False when it has no usable times. */
bool genai_fill_request(struct batch *b, struct request *r, const struct otlp_origin *from,
                        const struct otlp_span *span, enum genai_dialect dialect);

/* What any span may say for the model calls below it: dimensions, user, session and the like. */
void genai_fill_context(struct batch *b, struct request *r, const struct otlp_origin *from,
                        const struct otlp_span *span);

/* The service, environment, deployment, team and region that a resource (and the record's own
 * attributes, which win) name. */
void genai_fill_dims(struct batch *b, struct str dims[DIM_COUNT], const struct otlp_origin *from,
                     struct otlp_attrs attrs);

#endif
