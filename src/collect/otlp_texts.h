/* The last question and the answer of a model call's span, when they are to be kept (`keep_text`), and the
 * provider's response id. */
#ifndef LLMDECK_COLLECT_OTLP_TEXTS_H
#define LLMDECK_COLLECT_OTLP_TEXTS_H

#include "core/event.h"
#include "parse/otlp.h"

/* Fills question and answer (redacted, cut) and response_id of `r`, a request of `b`. Knows OpenTelemetry's
 * gen_ai.input.messages and gen_ai.output.messages, OpenInference's llm.input_messages.N…, OpenLLMetry's
 * gen_ai.prompt.N…, Langfuse's observation.input and Vercel's ai.prompt. */
void otlp_take_texts(struct batch *b, struct request *r, const struct otlp_span *span);

#endif
