/* A model call inside a model call is one call told twice (a framework's span around its client's):
 * the outer one counts. Where both come in one delivery the receiver sees to it; here it is done
 * across deliveries, in whichever order they come. Two bounded tables remember the latest calls: by
 * their own span and by the span that made them. They are hints: the row is read before it is
 * believed, so that a rolled back transaction leaves nothing wrong behind. What only the inner call
 * told (tokens, say) is the outer one's from then on.
 *
 * A span that was taken for a repetition is remembered under the row that stands for it, so that
 * calls inside it find that row too.
 *
 * A client and a gateway that both tell of a call, but in traces of their own because the client does not
 * pass its trace on, are known by the id of the response that both saw: of two services' calls with that
 * id the one that encloses the other in time counts. */
#include <string.h>

#include "base/clock.h"
#include "store/block_walk.h"
#include "store/feedback.h"
#include "store/sql.h"
#include "store/writer_private.h"

#define WAYS 4u
#define CLOCKS_APART_US (5 * US_PER_S) /* of two hosts */
#define CALLS_LOADED 8192

uint64_t writer_call_hash(const uint8_t trace_id[16], const uint8_t span_id[8])
{
	uint64_t span, h;

	memcpy(&span, span_id, sizeof span);
	h = hash_mix(hash_bytes(trace_id, 16), span);
	return h ? h : 1;
}

/* Of this process' memory alone, and asked for several times a row: ids are random enough. */
static uint64_t call_hash(const uint8_t trace_id[16], const uint8_t span_id[8])
{
	const uint64_t odd = 0x9e3779b97f4a7c15u;
	uint64_t trace[2], span, h;

	memcpy(trace, trace_id, sizeof trace);
	memcpy(&span, span_id, sizeof span);
	h = ((trace[0] ^ trace[1] >> 7) * odd ^ span) * odd;
	h ^= h >> 29;
	h *= odd;
	h ^= h >> 32;
	return h ? h : 1;
}

static struct recent_call *set_of(struct recent_call *table, uint64_t hash)
{
	return &table[hash % (RECENT_CALLS / WAYS) * WAYS];
}

static void remember(struct recent_call *table, uint64_t hash, int64_t id)
{
	struct recent_call *set = set_of(table, hash);

	memmove(set + 1, set, (WAYS - 1) * sizeof *set);
	set[0] = (struct recent_call){hash, id};
}

void writer_nested_prefetch(const struct store_writer *w, const struct request *r)
{
	if (!r->has_trace || !r->has_span)
		return;
	uint64_t own = call_hash(r->trace_id, r->span_id), outer = r->has_parent ? call_hash(r->trace_id, r->parent_id) : own;
	/* Sets may lie across two lines. */
	const char *sets[] = {(const char *)set_of(w->calls_by_span, own), (const char *)set_of(w->calls_by_parent, own),
	                      (const char *)set_of(w->calls_by_span, outer), (const char *)set_of(w->calls_by_parent, outer)};
	for (size_t i = 0; i < (r->has_parent ? 4 : 2); i++) {
		__builtin_prefetch(sets[i], 1);
		__builtin_prefetch(sets[i] + WAYS * sizeof(struct recent_call) - 1, 1);
	}
}

static bool is_nested(const struct packed *p)
{
	return p->has_trace && p->has_span && p->has_parent && memcmp(p->span_id, p->parent_id, 8) != 0;
}

static bool take_count(int64_t *own, int64_t from)
{
	if (*own != UNKNOWN_INT || from == UNKNOWN_INT)
		return false;
	*own = from;
	return true;
}

static bool take_name(uint32_t *own, uint32_t from)
{
	if (*own || !from)
		return false;
	*own = from;
	return true;
}

static bool take_attrs(struct packed *outer, const struct packed *inner)
{
	bool changed = false;

	for (int a = 0; a < ATTR_COUNT; a++) {
		if (outer->attrs[a].len || !inner->attrs[a].len)
			continue;
		outer->attrs[a] = inner->attrs[a];
		changed = true;
	}
	return changed;
}

static bool take_flags(struct packed *outer, const struct packed *inner)
{
	uint32_t before = outer->flag_count;

	for (uint32_t i = 0; i < inner->flag_count && outer->flag_count < PACK_FLAGS_MAX; i++) {
		bool known = false;

		for (uint32_t k = 0; k < before; k++)
			known |= outer->flags[k].category == inner->flags[i].category;
		if (!known)
			outer->flags[outer->flag_count++] = inner->flags[i];
	}
	return outer->flag_count != before;
}

static bool take_figures(struct packed *outer, const struct packed *inner)
{
	bool changed = false;

	changed |= take_count(&outer->ttft_us, inner->ttft_us);
	changed |= take_count(&outer->input_tokens, inner->input_tokens);
	changed |= take_count(&outer->output_tokens, inner->output_tokens);
	changed |= take_count(&outer->cached_tokens, inner->cached_tokens);
	changed |= take_count(&outer->cache_write_tokens, inner->cache_write_tokens);
	changed |= take_count(&outer->reasoning_tokens, inner->reasoning_tokens);
	changed |= take_name(&outer->finish_reason, inner->finish_reason);
	changed |= take_name(&outer->request_model, inner->request_model);
	if (outer->status == REQUEST_ERROR && inner->status == REQUEST_ERROR)
		changed |= take_name(&outer->error_type, inner->error_type);
	if (outer->cost_source < inner->cost_source) { /* what a source reports wins over what we infer */
		outer->cost_source = inner->cost_source;
		outer->cost_nusd = inner->cost_nusd;
		outer->cost_basis = inner->cost_basis;
		changed = true;
	}
	return changed;
}

/* The outer call's series with what only the inner one said of itself. */
static int take_dims(struct store_writer *w, uint32_t *outer, uint32_t inner, bool *changed, struct err *err)
{
	const uint32_t *own = w->names.series[*outer].value, *from = w->names.series[inner].value;
	struct str dims[DIM_COUNT];
	bool differs = false;

	for (int d = 0; d < DIM_COUNT; d++) {
		dims[d] = str_of(names_text(&w->names, own[d]));
		if (dims[d].len || !from[d])
			continue;
		dims[d] = str_of(names_text(&w->names, from[d]));
		differs = true;
	}
	*changed |= differs;
	return differs ? names_leaf(&w->names, dims, outer, err) : 0;
}

/* Fills what `outer` does not know from `inner`; *changed when there was any. Texts are borrowed. */
static int absorb(struct store_writer *w, struct packed *outer, uint32_t *outer_series, const struct packed *inner,
                  uint32_t inner_series, bool *changed, struct err *err)
{
	*changed = take_figures(outer, inner);
	*changed |= take_attrs(outer, inner);
	*changed |= take_flags(outer, inner);
	return take_dims(w, outer_series, inner_series, changed, err);
}

/* Reads the row that a hint names: 1 when it is there and of that trace. */
static int read_hint(struct store_writer *w, int64_t id, const uint8_t trace_id[16], uint32_t *series, struct packed *p,
                     struct err *err)
{
	int got = writer_get_request(w, id, series, p, err);

	return got > 0 ? p->has_trace && !memcmp(p->trace_id, trace_id, 16) : got;
}

/* What only `p`, which is not stored, tells is added to its outer call's row, which is in w->other. 1 or -1. */
static int give_outer(struct store_writer *w, int64_t outer_id, uint32_t outer_series, uint32_t series,
                      const struct packed *p, struct err *err)
{
	uint32_t old_series = outer_series;
	bool changed;

	remember(w->calls_by_span, call_hash(p->trace_id, p->span_id), outer_id);
	w->before = w->other;
	if (absorb(w, &w->other, &outer_series, p, series, &changed, err))
		return -1;
	if (!changed)
		return 1;
	writer_count_request(w, old_series, &w->before, -1);
	if (writer_set_request(w, outer_id, outer_series, &w->other, err))
		return -1;
	writer_count_request(w, outer_series, &w->other, 1);
	return 1;
}

int writer_nest_inner(struct store_writer *w, uint32_t series, const struct packed *p, int64_t *outer_id, struct err *err)
{
	uint32_t outer_series;
	uint64_t hash;
	int got = 0;

	if (!is_nested(p))
		return 0;
	hash = call_hash(p->trace_id, p->parent_id);
	const struct recent_call *set = set_of(w->calls_by_span, hash);
	for (size_t i = 0; i < WAYS && got == 0; i++) {
		if (set[i].hash != hash)
			continue;
		*outer_id = set[i].id;
		got = read_hint(w, *outer_id, p->trace_id, &outer_series, &w->other, err);
		/* Delivered again, its own row may be what stands there. */
		if (got > 0 && !memcmp(w->other.span_id, p->span_id, 8))
			got = 0;
	}
	if (got <= 0)
		return got;
	return give_outer(w, *outer_id, outer_series, series, p, err);
}

/* Removes the row of an inner call and its share of the rollups. */
static int take_back(struct store_writer *w, int64_t id, uint32_t series, int64_t outer_id, struct err *err)
{
	const struct packed *inner = &w->other;

	writer_count_request(w, series, inner, -1);
	w->meta[META_REQUESTS]--;
	if (writer_remove_request(w, id, err))
		return -1;
	sqlite3_bind_int64(w->st[ST_MOVE_FEEDBACK], 1, inner->end_us);
	sqlite3_bind_int64(w->st[ST_MOVE_FEEDBACK], 2, id);
	sqlite3_bind_int64(w->st[ST_MOVE_FEEDBACK], 3, outer_id);
	if (sql_run(w->st[ST_MOVE_FEEDBACK], err) || feedback_move_request(w, id, outer_id, err))
		return -1;
	if (!inner->flag_count)
		return 0;
	sqlite3_bind_int64(w->st[ST_MOVE_FLAGS], 1, id);
	sqlite3_bind_int64(w->st[ST_MOVE_FLAGS], 2, outer_id);
	return sql_run(w->st[ST_MOVE_FLAGS], err);
}

/* The row of the inner call, which is in w->other, is taken back, and what only it knew is added to `p`. */
static int take_inner(struct store_writer *w, int64_t id, uint32_t *series, struct packed *p, int64_t inner_id,
                      uint32_t inner_series, struct store_counts *counts, struct err *err)
{
	bool changed;

	remember(w->calls_by_span, call_hash(w->other.trace_id, w->other.span_id), id);
	if (take_back(w, inner_id, inner_series, id, err) || absorb(w, p, series, &w->other, inner_series, &changed, err))
		return -1;
	counts->taken_back++;
	/* Written and read again, so that nothing of it is borrowed from the other any more. */
	return changed && (writer_set_request(w, id, *series, p, err) || writer_get_request(w, id, series, p, err) < 0) ? -1 : 0;
}

int writer_nest_outer(struct store_writer *w, int64_t id, uint32_t *series, struct packed *p, const uint8_t span_id[8],
                      struct store_counts *counts, struct err *err)
{
	uint64_t hash;

	if (!p->has_trace)
		return 0;
	hash = call_hash(p->trace_id, span_id);
	struct recent_call *set = set_of(w->calls_by_parent, hash);
	for (size_t i = 0; i < WAYS; i++) {
		uint32_t inner_series;

		if (set[i].hash != hash || set[i].id == id)
			continue;
		int64_t inner_id = set[i].id;
		int got = read_hint(w, inner_id, p->trace_id, &inner_series, &w->other, err);

		set[i] = (struct recent_call){0};
		if (got < 0)
			return -1;
		if (!got || !w->other.has_parent || memcmp(w->other.parent_id, span_id, 8) != 0)
			continue;
		if (take_inner(w, id, series, p, inner_id, inner_series, counts, err))
			return -1;
	}
	return 0;
}

/* ── by the response's id ──────────────────────────────────────────────────────────────────── */

static bool alike(int64_t a, int64_t b)
{
	return a == UNKNOWN_INT || b == UNKNOWN_INT || a == b;
}

/* Whether the call may have been a part of the other, on another host's clock. */
static bool encloses(const struct packed *outer, const struct packed *inner)
{
	return outer->latency_us >= inner->latency_us && outer->end_us + CLOCKS_APART_US >= inner->end_us &&
	       outer->end_us - outer->latency_us <= inner->end_us - inner->latency_us + CLOCKS_APART_US;
}

/* Ids are only as unique as who gives them: a call that two services tell of also agrees in its tokens. */
static bool same_call(const struct store_writer *w, uint32_t series, const struct packed *p, uint32_t other_series,
                      const struct packed *other)
{
	uint32_t service = w->names.series[series].value[DIM_SERVICE];
	uint32_t other_service = w->names.series[other_series].value[DIM_SERVICE];

	return service && other_service && service != other_service && !other->import_ref && p->latency_us != UNKNOWN_INT &&
	       other->latency_us != UNKNOWN_INT && p->status == other->status && alike(p->input_tokens, other->input_tokens) &&
	       alike(p->output_tokens, other->output_tokens) && (encloses(p, other) || encloses(other, p));
}

/* Whether the span was delivered before and is part of that row. */
static bool is_part_of(const struct store_writer *w, const struct packed *p, int64_t id)
{
	uint64_t hash = call_hash(p->trace_id, p->span_id);
	const struct recent_call *set = set_of(w->calls_by_span, hash);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].hash == hash && set[i].id == id)
			return true;
	return false;
}

enum twin writer_find_twin(struct store_writer *w, const struct request *r, uint32_t series, const struct packed *p,
                           int64_t *id, struct err *err)
{
	struct recent_response *recent = r->response_id.len ? feedback_recent_response(w, r->response_id) : NULL;
	uint32_t other_series;

	if (!recent || p->import_ref || !p->has_trace || !p->has_span)
		return TWIN_NONE;
	*id = recent->id;
	int got = writer_get_request(w, *id, &other_series, &w->other, err);
	if (got <= 0)
		return got < 0 ? TWIN_ERROR : TWIN_NONE;
	if (w->other.has_span && !memcmp(w->other.span_id, p->span_id, 8))
		return TWIN_NONE; /* itself, delivered again */
	if (recent->paired)
		return is_part_of(w, p, *id) ? TWIN_KNOWN : TWIN_NONE;
	if (!same_call(w, series, p, other_series, &w->other))
		return TWIN_NONE;
	if (w->other.latency_us < p->latency_us)
		return TWIN_INNER;
	recent->paired = true;
	return give_outer(w, *id, other_series, series, p, err) < 0 ? TWIN_ERROR : TWIN_OUTER;
}

int writer_take_twin(struct store_writer *w, int64_t id, uint32_t *series, struct packed *p, int64_t inner_id,
                     struct store_counts *counts, struct err *err)
{
	uint32_t inner_series;
	int got = writer_get_request(w, inner_id, &inner_series, &w->other, err);

	return got > 0 ? take_inner(w, id, series, p, inner_id, inner_series, counts, err) : got;
}

bool writer_knows_inner(const struct store_writer *w, const uint8_t trace_id[16], const uint8_t span_id[8])
{
	uint64_t hash = call_hash(trace_id, span_id);
	const struct recent_call *set = set_of(w->calls_by_parent, hash);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].hash == hash)
			return true;
	return false;
}

int writer_find_call(struct store_writer *w, const uint8_t trace_id[16], const uint8_t span_id[8], int64_t *id, struct err *err)
{
	uint64_t hash = call_hash(trace_id, span_id);
	const struct recent_call *set = set_of(w->calls_by_span, hash);
	uint32_t series;
	int got = 0;

	for (size_t i = 0; i < WAYS && got == 0; i++) {
		if (set[i].hash != hash)
			continue;
		*id = set[i].id;
		got = writer_get_request(w, *id, &series, &w->other, err);
	}
	return got;
}

void writer_remember_call(struct store_writer *w, int64_t id, const struct packed *p)
{
	if (!p->has_trace || !p->has_span)
		return;
	remember(w->calls_by_span, call_hash(p->trace_id, p->span_id), id);
	if (is_nested(p))
		remember(w->calls_by_parent, call_hash(p->trace_id, p->parent_id), id);
}

int writer_load_calls(struct store_writer *w, struct err *err)
{
	int64_t lowest = INT64_MAX;
	struct block_walk k;
	int got = 0;

	memset(w->calls_by_span, 0, RECENT_CALLS * sizeof *w->calls_by_span);
	memset(w->calls_by_parent, 0, RECENT_CALLS * sizeof *w->calls_by_parent);
	if (writer_fresh_load(w, err) || writer_walk_requests(w, &k, 0, INT64_MAX, true, err))
		return -1;
	for (int i = 0; i < CALLS_LOADED && (got = block_walk_next(&k, err)) > 0; i++) {
		lowest = block_walk_row(&k)->id;
		writer_fresh_note_seen(w, lowest);
		if (block_read_figures(&k.block, k.at, &w->other) && block_read_rest(&k.block, k.at, PACK_IDS, &w->other))
			writer_remember_call(w, lowest, &w->other);
	}
	if (got >= 0 && !k.damaged)
		writer_fresh_know_from(w, got ? lowest : 0);
	block_walk_end(&k);
	return got < 0 ? -1 : 0;
}
