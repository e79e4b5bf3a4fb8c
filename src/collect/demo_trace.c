/* The bytes of the trace id are the dice. Steps lie before the model call one after another; the agent is
 * around all of them. */
#include "collect/demo_trace.h"

#include <string.h>

#include "base/clock.h"

#define SLOW_US (4 * US_PER_S)
#define TRIES_MOST 3

static int64_t dice_ms(const struct request *q, int byte, int64_t least, int64_t most)
{
	return (least + (most - least) * q->trace_id[byte] / 255) * US_PER_MS;
}

static struct span *add(struct batch *b, const struct request *q, uint8_t number, enum span_kind kind, struct str name, int64_t start_us,
                        int64_t length_us)
{
	struct span *s = batch_add_span(b);

	s->start_us = start_us;
	s->end_us = start_us + length_us;
	memcpy(s->trace_id, q->trace_id, sizeof s->trace_id);
	memcpy(s->span_id, q->trace_id + 8, sizeof s->span_id);
	s->span_id[0] = number;
	s->has_parent = number != 0;
	memcpy(s->parent_id, s->span_id, sizeof s->parent_id);
	s->parent_id[0] = 0;
	s->kind = (uint8_t)kind;
	s->name = name;
	s->service = q->dims[DIM_SERVICE];
	return s;
}

void demo_trace_add(struct batch *b, struct request *q, bool agent, double badness)
{
	struct str tool = q->attrs[ATTR_TOOL];
	bool plain = q->latency_us < SLOW_US && q->status == REQUEST_OK;
	int64_t call_us = q->end_us - (q->latency_us > 0 ? q->latency_us : 0), at_us, found_us = dice_ms(q, 3, 60, 420), tried_us[TRIES_MOST];
	int tries = 1;

	if (!agent || (plain && q->trace_id[2] % 16 != 0))
		return;
	while (tries < TRIES_MOST && q->trace_id[3 + tries] < 6 + 150 * badness)
		tries++;
	at_us = call_us - found_us - 2 * US_PER_MS;
	tries = tool.len ? tries : 0;
	for (int i = 0; i < tries; i++) {
		tried_us[i] = i + 1 < tries ? dice_ms(q, 6 + i, 700, 2000) : dice_ms(q, 8, 40, 900);
		at_us -= tried_us[i] + 20 * US_PER_MS;
	}
	add(b, q, 0, SPAN_AGENT, q->dims[DIM_SERVICE], at_us, q->end_us + 8 * US_PER_MS - at_us);
	at_us += US_PER_MS;
	add(b, q, 1, SPAN_RETRIEVAL, STR_LIT("search_documents"), at_us, found_us);
	at_us += found_us;
	for (int i = 0; i < tries; i++) {
		struct span *s = add(b, q, (uint8_t)(2 + i), SPAN_TOOL, tool, at_us, tried_us[i]);

		at_us = s->end_us + 20 * US_PER_MS;
		if (i + 1 < tries) {
			s->status = REQUEST_ERROR;
			s->error_type = STR_LIT("timeout");
		}
	}
	q->has_parent = true;
	memcpy(q->parent_id, q->trace_id + 8, sizeof q->parent_id);
	q->parent_id[0] = 0;
}
