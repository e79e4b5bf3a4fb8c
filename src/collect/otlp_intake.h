/* One OTLP export body made into a batch of ours. Knows no socket. Traces: model calls become
 * requests, steps around them spans; what a call does not say of itself (user, session,
 * environment, …) is taken from the spans above it in the same body, and a model call inside
 * another model call is the same call told twice: only the outer one counts. Logs: feedback,
 * flags, evaluation results, and the texts of calls where they are kept. Metrics: gauges, see collect/serving.h. */
#ifndef LLMDECK_COLLECT_OTLP_INTAKE_H
#define LLMDECK_COLLECT_OTLP_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/event.h"
#include "judge/price.h"
#include "parse/otlp.h"

struct otlp_intake;

/* `source` is the name that goes into the events; `prices` may be NULL. One thread at a time; the
 * state is what metrics need to turn counters into rates. */
struct otlp_intake *otlp_intake_new(const char *source, const struct price_table *prices);
void otlp_intake_free(struct otlp_intake **in);

struct otlp_tally {
	uint64_t records;  /* spans, log records or points in the body */
	uint64_t requests, repeated; /* repeated: told by an outer span too */
	uint64_t spans;    /* steps kept */
	uint64_t feedback, flags, evaluations, points, texts;
	uint64_t ignored;  /* well formed, nothing about LLMs */
	uint64_t rejected; /* could not be used; `words` names the first reason */
	char words[256];
};

/* Fills an empty batch. `now_us` bounds what is believable: records that end more than an hour ahead
 * or more than a year behind are rejected. -1 when the body is damaged: nothing of it is kept. */
int otlp_intake_body(struct otlp_intake *in, enum otlp_signal signal, bool json, struct str body,
                     int64_t now_us, struct batch *out, struct otlp_tally *tally, struct err *err);

#endif
