/* The stored form of a request, in three parts: a head that many rows share and a block keeps once
 * (which fields there are, and the names); the figures; and the rest (ids, flags, attributes), which is
 * longer than all else and seldom asked for. How rows become a block: store/block.h. Internal to store/. */
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
	struct str attrs[ATTR_COUNT]; /* borrowed; after reading from `texts` */
	uint32_t flag_count;
	/* What follows is not cleared: only what flag_count and attrs say is meant. */
	struct packed_flag flags[PACK_FLAGS_MAX];
	char texts[ATTR_COUNT * (EVENT_NAME_MAX_BYTES + 1)]; /* where the attributes are unpacked */
};

/* What rows have in common. Without padding: compared and hashed as bytes. */
#define PACK_NAMES 8 /* the ids in struct packed from `operation` on */
struct pack_head {
	uint32_t bits;  /* which fields the row has */
	uint32_t attrs; /* a bit an attribute */
	uint32_t names[PACK_NAMES];
	uint16_t http_status, attempt;
};

/* The head of `p`, stored under `id` (whose time may differ from end_us by a little when too many
 * requests ended in one microsecond). */
void pack_head_of(const struct packed *p, int64_t id, struct pack_head *h);
#define PACK_HEAD_MAX_BYTES 64
/* Writes a head at `at`, where PACK_HEAD_MAX_BYTES are free; returns the end. */
uint8_t *pack_write_head(const struct pack_head *h, uint8_t *at);
/* Reads one and advances *at; false when it is damaged. */
bool pack_read_head(struct pack_head *h, const uint8_t **at, const uint8_t *end);

/* Appends the figures and behind them the rest; says how long each is. */
void pack_write(const struct packed *p, int64_t id, const struct pack_head *h, struct buf *out, uint16_t *figures_len,
                uint16_t *rest_len);
/* Reads the figures, and what the head says, from *at, which it advances. The ids, flags and attributes are
 * left as they are, has_trace, has_span and has_parent become false; flag_count is right. */
bool pack_read_figures(struct packed *p, int64_t id, const struct pack_head *h, const uint8_t **at, const uint8_t *end);
#define PACK_IDS (1u << 30)   /* beside the attributes' bits: trace, span and parent */
#define PACK_FLAGS (1u << 31) /* the findings */
#define PACK_ALL UINT32_MAX
/* After pack_read_figures: reads what `wanted` (1u << enum attr, PACK_…) says of the rest and steps over the
 * other; attributes that are not wanted become empty. */
bool pack_read_rest(struct packed *p, const struct pack_head *h, uint32_t wanted, const uint8_t **at, const uint8_t *end);
/* Steps over the figures; *flag_count is what pack_skip_rest() wants to know. */
bool pack_skip_figures(const struct pack_head *h, uint32_t *flag_count, const uint8_t **at, const uint8_t *end);
bool pack_skip_rest(const struct pack_head *h, uint32_t flag_count, const uint8_t **at, const uint8_t *end);

#endif
