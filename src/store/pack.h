/* The stored form of a request: one blob of presence bits and varints. Private to store/; SQL
 * users see it through v_requests. Internal to store/. */
#ifndef LLMDECK_STORE_PACK_H
#define LLMDECK_STORE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/event.h"

/* A request's id is its end in microseconds and ID_BITS bits that tell simultaneous ones apart;
 * 10 bits leave room for times up to the year 2255. */
#define ID_BITS 10
#define ID_TIME_MAX_US ((INT64_C(1) << (63 - ID_BITS)) - 1)
static inline int64_t id_first_us(int64_t time_us) { return time_us << ID_BITS; }
static inline int64_t id_time_us(int64_t id) { return id >> ID_BITS; }

#define PACK_FLAGS_MAX 32 /* findings kept with a request */
struct packed_flag {
	uint32_t category; /* string id */
	int8_t severity;
	uint8_t action;
};

/* A request whose strings are ids of the strings table, apart from the many-valued attributes. */
struct packed {
	int64_t end_us;
	int64_t latency_us, ttft_us;
	int64_t input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens;
	int64_t cost_nusd;
	uint32_t operation, request_model, error_type, finish_reason, outcome, source, cost_basis; /* 0 = empty */
	uint32_t import_ref; /* 0 when collected */
	uint16_t http_status;
	uint8_t cost_source, status, attempt;
	bool errors_unseen;
	bool has_trace, has_span, has_parent;
	uint8_t trace_id[16], span_id[8], parent_id[8];
	struct str attrs[ATTR_COUNT]; /* borrowed; after pack_read from `texts` */
	uint32_t flag_count;
	/* What follows is not cleared: only what flag_count and attrs say is meant. */
	struct packed_flag flags[PACK_FLAGS_MAX];
	char texts[ATTR_COUNT * (EVENT_NAME_MAX_BYTES + 1)]; /* where pack_read unpacks the attributes */
};

/* Appends the body of `p`, stored under `id` (whose time may differ from end_us by a little when
 * too many requests ended in one microsecond). */
void pack_write(const struct packed *p, int64_t id, struct buf *out);
/* Reads a body; false when it is damaged. */
bool pack_read(struct packed *p, int64_t id, const void *body, size_t len);

#endif
