/* The hot path. A request with a span id gets an id whose low bits are a hash of it: delivered
 * twice, it meets itself there. One without takes the next free id of its microsecond. When all of
 * a microsecond's ids are taken, the row goes on into the next one and remembers its true end. */
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "store/block_walk.h"
#include "store/feedback.h"
#include "store/writer_private.h"

static struct str bounded(struct str s)
{
	if (s.len > EVENT_NAME_MAX_BYTES)
		s.len = EVENT_NAME_MAX_BYTES;
	return s;
}

/* Texts of one batch that lie at the same place are the same, and a source that names the same things again
 * and again keeps them once: most names are known by their address, without looking at them. */
#define SEEN_NAMES 2048u
#define SEEN_DIMS 512u
#define SEEN_LENGTHS 32u
struct seen {
	uint32_t batch; /* what bears another number is forgotten */
	struct seen_name {
		struct str text;
		uint32_t id, batch;
	} names[SEEN_NAMES];
	struct seen_dims {
		struct str dims[DIM_COUNT];
		uint32_t series, batch;
	} dims[SEEN_DIMS];
	uint32_t latest[SEEN_LENGTHS]; /* by length: the name that was met last, in whatever batch */
};

/* Before each batch: what lies at an address then may be another text. */
static void forget_seen(struct store_writer *w)
{
	if (!w->seen)
		w->seen = mem_zalloc(sizeof *w->seen);
	if (!++w->seen->batch) {
		memset(w->seen, 0, sizeof *w->seen);
		w->seen->batch = 1;
	}
}

static size_t slot_of(uint64_t mixed, size_t slots)
{
	return (size_t)(mixed * 0x9e3779b97f4a7c15u >> 40) % slots;
}

/* A few names that every row has lie at a new place each time. */
static int find_name(struct store_writer *w, struct str s, uint32_t *id, struct err *err)
{
	uint32_t *latest = &w->seen->latest[s.len % SEEN_LENGTHS];
	const char *text = *latest && *latest < w->names.text_count ? names_text(&w->names, *latest) : NULL;

	if (text && !strncmp(text, s.ptr, s.len) && !text[s.len]) {
		*id = *latest;
		return 0;
	}
	if (names_intern(&w->names, s, id, err))
		return -1;
	*latest = *id;
	return 0;
}

static int intern(struct store_writer *w, struct str s, uint32_t *id, struct err *err)
{
	struct seen_name *seen = &w->seen->names[slot_of((uintptr_t)s.ptr, SEEN_NAMES)];

	*id = 0;
	if (!s.len)
		return 0;
	if (seen->text.ptr != s.ptr || seen->text.len != s.len || seen->batch != w->seen->batch) {
		seen->batch = 0;
		if (find_name(w, s, &seen->id, err))
			return -1;
		seen->text = s;
		seen->batch = w->seen->batch;
	}
	*id = seen->id;
	return 0;
}

static int find_series(struct store_writer *w, const struct str dims[DIM_COUNT], uint32_t *series, struct err *err)
{
	uint64_t mixed = 0;

	for (int d = 0; d < DIM_COUNT; d++)
		mixed = (mixed << 7 | mixed >> 57) ^ (dims[d].len ? (uintptr_t)dims[d].ptr : 0);
	struct seen_dims *seen = &w->seen->dims[slot_of(mixed, SEEN_DIMS)];
	bool same = seen->batch == w->seen->batch;
	for (int d = 0; d < DIM_COUNT && same; d++)
		same = seen->dims[d].len == dims[d].len && (!dims[d].len || seen->dims[d].ptr == dims[d].ptr);
	if (!same) {
		seen->batch = 0;
		memcpy(seen->dims, dims, sizeof seen->dims);
		if (names_leaf(&w->names, dims, &seen->series, err))
			return -1;
		seen->batch = w->seen->batch;
	}
	*series = seen->series;
	return 0;
}

static int pack_strings(struct store_writer *w, const struct request *r, struct packed *p, struct err *err)
{
	p->flag_count = r->flag_count < PACK_FLAGS_MAX ? r->flag_count : PACK_FLAGS_MAX;
	for (uint32_t i = 0; i < p->flag_count; i++) {
		const struct flag *f = &r->flags[i];
		int severity = f->severity < -1 ? -1 : f->severity > 100 ? 100 : f->severity;

		p->flags[i] = (struct packed_flag){.severity = (int8_t)severity, .action = f->action & 1};
		if (intern(w, f->category, &p->flags[i].category, err))
			return -1;
	}
	return intern(w, r->operation, &p->operation, err) || intern(w, r->request_model, &p->request_model, err) ||
	       (r->status == REQUEST_ERROR && intern(w, r->error_type, &p->error_type, err)) ||
	       intern(w, r->finish_reason, &p->finish_reason, err) || intern(w, r->outcome, &p->outcome, err) ||
	       intern(w, r->source, &p->source, err) || intern(w, r->cost_basis, &p->cost_basis, err) ? -1 : 0;
}

static int pack_request(struct store_writer *w, const struct request *r, struct packed *p, struct err *err)
{
	memset(p, 0, offsetof(struct packed, flags));
	p->end_us = r->end_us;
	p->latency_us = r->latency_us;
	p->ttft_us = r->ttft_us;
	p->input_tokens = r->input_tokens;
	p->output_tokens = r->output_tokens;
	p->cached_tokens = r->cached_tokens;
	p->cache_write_tokens = r->cache_write_tokens;
	p->reasoning_tokens = r->reasoning_tokens;
	p->cost_source = r->cost_source;
	p->cost_nusd = r->cost_source == COST_UNPRICED ? 0 : r->cost_nusd;
	p->status = r->status;
	p->http_status = r->http_status;
	p->attempt = r->attempt;
	p->errors_unseen = r->errors_unseen;
	p->has_trace = r->has_trace;
	p->has_span = r->has_span;
	memcpy(p->trace_id, r->trace_id, 16);
	memcpy(p->span_id, r->span_id, 8);
	p->has_parent = r->has_parent;
	memcpy(p->parent_id, r->parent_id, 8);
	p->import_ref = w->import_ref;
	for (int a = 0; a < ATTR_COUNT; a++)
		p->attrs[a] = bounded(r->attrs[a]);
	if (r->end_us <= 0 || r->end_us > ID_TIME_MAX_US - US_PER_DAY)
		return err_set(err, "store: a request ends at %lld us, outside of 1970 to 2255: correct its time", (long long)r->end_us);
	return pack_strings(w, r, p, err);
}

void writer_count_request(struct store_writer *w, uint32_t series, const struct packed *p, int sign)
{
	delta_add(&w->delta, series, p, sign, w->meta[META_FLOOR_10S]);
	top_writer_add(&w->tops, p, sign);
}

static bool same_span(const struct packed *a, const struct packed *b)
{
	return a->has_span && b->has_span && !memcmp(a->span_id, b->span_id, 8) && a->has_trace == b->has_trace &&
	       !memcmp(a->trace_id, b->trace_id, 16) && a->end_us == b->end_us;
}

/* Probes for a free id from `id` on. 1 inserted at *id, 0 duplicate, -1 error. */
static int place(struct store_writer *w, int64_t *id, uint32_t series, const struct packed *p, struct err *err)
{
	for (;; ++*id) {
		int got = writer_insert_request(w, *id, series, p, p->has_span ? &w->other : NULL, err);

		if (got)
			return got;
		if (p->has_span && same_span(p, &w->other))
			return 0;
	}
}

static struct recent_time *time_slot(const struct store_writer *w, int64_t end_us)
{
	return &w->times[hash_mix((uint64_t)end_us, 0) % RECENT_TIMES];
}

/* The id of a request with a span, when no other one has it. */
static int64_t span_id_of(int64_t end_us, const uint8_t span_id[8])
{
	return id_first_us(end_us) + (int64_t)(hash_bytes(span_id, 8) & ((1u << ID_BITS) - 1));
}

static int64_t first_id(struct store_writer *w, const struct packed *p, struct recent_time **slot)
{
	*slot = NULL;
	if (p->has_span)
		return span_id_of(p->end_us, p->span_id);
	*slot = time_slot(w, p->end_us);
	return (*slot)->end_us == p->end_us ? (*slot)->next_id : id_first_us(p->end_us);
}

static uint64_t trace_hash(const uint8_t trace_id[16])
{
	uint64_t h = hash_bytes(trace_id, 16);

	return h ? h : 1;
}

static void note_times(struct store_writer *w, int64_t end_us)
{
	if (!w->meta[META_FIRST_US] || end_us < w->meta[META_FIRST_US])
		w->meta[META_FIRST_US] = end_us;
	if (end_us > w->meta[META_LAST_US])
		w->meta[META_LAST_US] = end_us;
	if (!w->import_ref)
		return;
	if (!w->import_first_us || end_us < w->import_first_us)
		w->import_first_us = end_us;
	if (end_us > w->import_last_us)
		w->import_last_us = end_us;
}

/* A new call that is part of a stored one may itself be around calls that were stored before: those
 * are part of that one, too. */
static int take_over(struct store_writer *w, int64_t outer_id, struct store_counts *counts, struct err *err)
{
	struct packed *p = &w->packed;
	uint8_t span_id[8];
	uint32_t series;

	if (!writer_knows_inner(w, p->trace_id, p->span_id))
		return 0;
	memcpy(span_id, p->span_id, sizeof span_id);
	if (writer_get_request(w, outer_id, &series, p, err) <= 0)
		return -1;
	writer_count_request(w, series, p, -1);
	if (writer_nest_outer(w, outer_id, &series, p, span_id, counts, err))
		return -1;
	writer_count_request(w, series, p, 1);
	return 0;
}

static int add_request(struct store_writer *w, const struct request *r, struct store_counts *counts, struct err *err)
{
	struct packed *p = &w->packed;
	struct recent_time *slot;
	uint32_t series;

	if (pack_request(w, r, p, err) || find_series(w, r->dims, &series, err))
		return -1;
	int64_t id, outer_id;
	int got = writer_nest_inner(w, series, p, &outer_id, err);
	if (got) {
		counts->duplicates += got > 0 ? 1 : 0;
		if (got < 0 || take_over(w, outer_id, counts, err))
			return -1;
		return feedback_note_request(w, outer_id, r, counts, err);
	}
	enum twin twin = writer_find_twin(w, r, series, p, &outer_id, err);
	if (twin == TWIN_KNOWN || twin == TWIN_OUTER) {
		counts->duplicates++;
		return twin == TWIN_KNOWN ? 0 : feedback_note_request(w, outer_id, r, counts, err);
	}
	if (twin == TWIN_ERROR)
		return -1;
	id = first_id(w, p, &slot);
	got = place(w, &id, series, p, err);
	if (got < 0)
		return -1;
	if (got == 0) {
		counts->duplicates++;
		return 0;
	}
	if (slot)
		*slot = (struct recent_time){p->end_us, id + 1};
	counts->added++;
	w->meta[META_REQUESTS]++;
	note_times(w, p->end_us);
	if (!p->import_ref && id < w->meta[META_RETAIN_ID])
		w->meta[META_RETAIN_ID] = id;
	if (p->has_span && writer_nest_outer(w, id, &series, p, p->span_id, counts, err))
		return -1;
	if (twin == TWIN_INNER && writer_take_twin(w, id, &series, p, outer_id, counts, err))
		return -1;
	writer_count_request(w, series, p, 1);
	writer_remember_call(w, id, p);
	if (feedback_note_request(w, id, r, counts, err))
		return -1;
	if (twin == TWIN_INNER)
		feedback_recent_response(w, r->response_id)->paired = true;
	if (!p->has_trace)
		return 0;
	uint64_t h = trace_hash(p->trace_id);
	w->traces[h % RECENT_TRACES] = (struct recent_trace){h, id};
	if (w->waiting.count && intmap_get(&w->waiting, h))
		return writer_join_waiting(w, id, counts, err);
	return 0;
}

#define SORT_BITS 11
#define SORT_BUCKETS (1u << SORT_BITS)
#define SORT_PASSES 3

/* One pass of a radix sort, stable. */
static void sort_pass(const struct by_end *from, struct by_end *to, size_t n, unsigned shift)
{
	uint32_t starts[SORT_BUCKETS] = {0}, at = 0;

	for (size_t i = 0; i < n; i++)
		starts[from[i].key >> shift & (SORT_BUCKETS - 1)]++;
	for (size_t b = 0; b < SORT_BUCKETS; b++) {
		uint32_t here = starts[b];

		starts[b] = at;
		at += here;
	}
	for (size_t i = 0; i < n; i++)
		to[starts[from[i].key >> shift & (SORT_BUCKETS - 1)]++] = from[i];
}

/* The batch's requests in the order of their ends, those of one instant as they came; in batches longer
 * than two hours, only nearly so: to fractions of the batch's length. */
static const struct by_end *in_order(struct store_writer *w, const struct batch *b)
{
	size_t n = b->request_count;
	int64_t first = INT64_MAX, last = INT64_MIN;
	bool sorted = true;
	unsigned coarse = 0;

	w->order = mem_grow(w->order, &w->order_cap, 2 * n, sizeof *w->order);
	for (size_t i = 0; i < n; i++) {
		int64_t end_us = b->requests[i].end_us;

		sorted &= end_us >= last;
		last = end_us > last ? end_us : last;
		first = end_us < first ? end_us : first;
	}
	while (n && (((uint64_t)last - (uint64_t)first) >> coarse) >> (SORT_BITS * SORT_PASSES))
		coarse++;
	for (size_t i = 0; i < n; i++)
		w->order[i] = (struct by_end){((uint64_t)b->requests[i].end_us - (uint64_t)first) >> coarse, &b->requests[i]};
	if (sorted)
		return w->order;
	sort_pass(w->order, w->order + n, n, 0);
	sort_pass(w->order + n, w->order, n, SORT_BITS);
	sort_pass(w->order, w->order + n, n, 2 * SORT_BITS);
	return w->order + n;
}

/* Asks for a request's memory before it is needed: another thread has filled it. */
static inline void prefetch(const struct request *r)
{
	for (size_t at = 0; at < sizeof *r; at += 64)
		__builtin_prefetch((const char *)r + at);
}

/* The same for where it will be remembered: a write to memory that is far holds up all that come after. */
static inline void prefetch_slots(const struct store_writer *w, const struct request *r)
{
	if (r->has_trace)
		__builtin_prefetch(&w->traces[trace_hash(r->trace_id) % RECENT_TRACES], 1);
	if (!r->has_span)
		__builtin_prefetch(time_slot(w, r->end_us), 1);
	else
		writer_fresh_prefetch(w, span_id_of(r->end_us, r->span_id));
	writer_nested_prefetch(w, r);
}

/* Rows are added in the order of their keys, which fills the pages of the table one after the other. */
int writer_add_requests(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	const struct by_end *order = in_order(w, b);

	forget_seen(w);
	for (size_t i = 0; i < b->request_count; i++) {
		if (i + 4 < b->request_count)
			prefetch(order[i + 4].request);
		if (i + 2 < b->request_count)
			prefetch_slots(w, order[i + 2].request);
		if (add_request(w, order[i].request, counts, err))
			return -1;
		if (i % 1024 == 1023 && writer_flush(w, false, err))
			return -1;
	}
	return 0;
}

/* 1 when the row of this id is of that trace. */
static int is_of_trace(struct store_writer *w, int64_t id, const uint8_t trace_id[16], struct err *err)
{
	uint32_t series;
	int got = writer_get_request(w, id, &series, &w->other, err);

	return got > 0 ? w->other.has_trace && !memcmp(w->other.trace_id, trace_id, 16) : got;
}

/* Looks for the trace in the opened block of a walk. */
static bool find_in_block(struct block_walk *k, const uint8_t trace_id[16], struct packed *p, int64_t *id)
{
	while (block_walk_next_row(k)) {
		if (!block_read_figures(&k->block, k->at, p) || !block_read_rest(&k->block, k->at, PACK_ALL, p) || !p->has_trace ||
		    memcmp(p->trace_id, trace_id, 16) != 0)
			continue;
		*id = block_walk_row(k)->id;
		return true;
	}
	return false;
}

int writer_find_trace(struct store_writer *w, const uint8_t trace_id[16], int64_t time_us, int64_t *id, struct err *err)
{
	uint64_t h = trace_hash(trace_id);
	const struct recent_trace *recent = &w->traces[h % RECENT_TRACES];
	struct block_walk k;
	const void *blob;
	bool found = false;
	size_t len;
	int got = 0;

	if (recent->hash == h) {
		*id = recent->id;
		got = is_of_trace(w, *id, trace_id, err);
		if (got)
			return got;
	}
	int64_t from_us = time_us > US_PER_HOUR ? time_us - US_PER_HOUR : 0;
	if (writer_walk_requests(w, &k, id_first_us(from_us), id_first_us(time_us + US_PER_HOUR), true, err))
		return -1;
	/* Most blocks are told apart by a search for the bytes, without looking at their rows. */
	while (!found && (got = block_walk_next_block(&k, &blob, &len, err)) > 0)
		found = memmem(blob, len, trace_id, 16) && block_walk_open(&k, blob, len) && find_in_block(&k, trace_id, &w->other, id);
	block_walk_end(&k);
	return got < 0 ? -1 : found;
}

int store_writer_correct(struct store_writer *w, int64_t id, const struct request *request, struct err *err)
{
	struct packed *p = &w->packed;
	uint32_t old_series, series;

	if (writer_begin(w, err))
		return -1;
	forget_seen(w);
	int got = writer_get_request(w, id, &old_series, &w->other, err);
	if (got == 0)
		return err_set(err, "store: request %llx: there is no such request: it may have been removed by retention", (long long)id);
	if (got < 0 || pack_request(w, request, p, err) || names_leaf(&w->names, request->dims, &series, err))
		return writer_rollback(w);
	writer_count_request(w, old_series, &w->other, -1);
	p->end_us = w->other.end_us;
	p->import_ref = w->other.import_ref;
	if (writer_set_request(w, id, series, p, err))
		return writer_rollback(w);
	writer_count_request(w, series, p, 1);
	return 0;
}
