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

/* Clients that send no span for a failed call: an error rate from them is a lower bound. By scope
 * name, as observed. */
bool genai_errors_are_lower_bound(struct str scope_name);

/* Reads the records of a body one after the other. One thread at a time. */
struct genai;
struct genai *genai_new(void);
void genai_free(struct genai **g);
/* Before the first record of a body that goes into `b`, which was never begun with or has been reset. Strings
 * below are copied into it, those that repeat once. */
void genai_begin(struct genai *g, struct batch *b);
/* Looks up a record's attributes: the functions below are about it until the next one is read, and it must
 * stay until then. */
void genai_read(struct genai *g, const struct otlp_origin *from, struct otlp_attrs attrs);

/* What the span that was read is. */
enum genai_kind genai_classify(struct genai *g, const struct otlp_span *span);

/* Fills `r` (as batch_add_request() made it) from a span that genai_classify() called a model call. False
 * when it has no usable times. */
bool genai_fill_request(struct genai *g, struct request *r, const struct otlp_origin *from, const struct otlp_span *span);

/* What any span may say for the model calls below it: dimensions, user, session and the like. */
void genai_fill_context(struct genai *g, struct request *r);

/* The service, environment, deployment, team and region that a record's resource (and its own
 * attributes, which win) name. */
void genai_fill_dims(struct genai *g, struct str dims[DIM_COUNT]);

#endif
