/* The last question and the answer of a model call, when they are to be kept (`keep_text`): from its span,
 * or from log events beside it. */
#ifndef LLMDECK_COLLECT_OTLP_TEXTS_H
#define LLMDECK_COLLECT_OTLP_TEXTS_H

#include "core/event.h"
#include "parse/otlp.h"

/* Fills question and answer (redacted, cut) of `r`, a request of `b`. Knows OpenTelemetry's
 * gen_ai.input.messages and gen_ai.output.messages, OpenInference's llm.input_messages.N…, OpenLLMetry's
 * gen_ai.prompt.N…, Langfuse's observation.input and Vercel's ai.prompt. */
void otlp_take_texts(struct batch *b, struct request *r, const struct otlp_span *span);

/* Whether a log event of that name carries texts of a model call: gen_ai.user.message, .system.message,
 * .assistant.message, .tool.message, .choice and gen_ai.client.inference.operation.details. */
bool otlp_is_text_event(struct str event);
/* Adds what such an event tells to the batch as a late text (redacted, cut), that of one span together;
 * nothing when texts are not kept. False when the event names no span, so that its call cannot be found. */
bool otlp_take_text_event(struct batch *b, const struct otlp_log *log, struct str event);

#endif
