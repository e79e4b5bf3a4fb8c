/* Slots are searched linearly by a 32-bit hash: 256 bytes, faster than any table at this size. */
#include "store/top.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/sql.h"

const char *const top_table[TIER_COUNT] = {NULL, NULL, "tops_10m", "tops_1h", "tops_1d"};

static bool same(const struct top *t, size_t i, uint32_t hash, struct str v)
{
	return t->hash[i] == hash && t->value_len[i] == v.len && !memcmp(t->value[i], v.ptr, v.len);
}

static size_t find(const struct top *t, uint32_t hash, struct str v)
{
	for (size_t i = 0; i < t->len; i++)
		if (same(t, i, hash, v))
			return i;
	return t->len;
}

static size_t lowest(const struct top *t)
{
	size_t low = 0;

	for (size_t i = 1; i < t->len; i++)
		if (t->requests[i] < t->requests[low])
			low = i;
	return low;
}

static void set(struct top *t, size_t i, uint32_t hash, struct str v)
{
	t->hash[i] = hash;
	t->value_len[i] = (uint8_t)v.len;
	memcpy(t->value[i], v.ptr, v.len);
	t->requests[i] = t->over[i] = t->errors[i] = t->cost_nusd[i] = 0;
}

void top_add(struct top *t, struct str value, int64_t requests, int64_t errors, int64_t cost_nusd)
{
	uint32_t hash = (uint32_t)hash_bytes(value.ptr, value.len);
	size_t i = find(t, hash, value);

	if (i == t->len && t->len < TOP_SLOTS) {
		set(t, t->len++, hash, value);
	} else if (i == t->len) {
		i = lowest(t);
		int64_t floor = t->requests[i] > 0 ? t->requests[i] : 0;
		set(t, i, hash, value);
		t->requests[i] = t->over[i] = floor;
	}
	t->requests[i] += requests;
	t->errors[i] += errors;
	t->cost_nusd[i] += cost_nusd;
}

static int64_t unseen(const struct top *t)
{
	if (t->len < TOP_SLOTS)
		return 0;
	int64_t low = t->requests[lowest(t)];
	return low > 0 ? low : 0;
}

static void drop(struct top *t, size_t i)
{
	size_t last = --t->len;

	if (i == last)
		return;
	set(t, i, t->hash[last], (struct str){t->value[last], t->value_len[last]});
	t->requests[i] = t->requests[last];
	t->over[i] = t->over[last];
	t->errors[i] = t->errors[last];
	t->cost_nusd[i] = t->cost_nusd[last];
}

/* Standard merge of two summaries: what one has not seen it may have seen as often as its lowest. */
void top_gather(struct top *a, const struct top *b)
{
	int64_t missed_a = unseen(a), missed_b = unseen(b);
	bool met[TOP_SLOTS] = {false};
	size_t before = a->len;

	for (size_t i = 0; i < before; i++) {
		struct str v = {a->value[i], a->value_len[i]};
		size_t j = find(b, a->hash[i], v);

		if (j < b->len)
			met[j] = true;
		a->requests[i] += j < b->len ? b->requests[j] : missed_b;
		a->over[i] += j < b->len ? b->over[j] : missed_b;
		a->errors[i] += j < b->len ? b->errors[j] : 0;
		a->cost_nusd[i] += j < b->len ? b->cost_nusd[j] : 0;
	}
	for (size_t j = 0; j < b->len; j++) {
		int64_t requests = b->requests[j] + missed_a;
		size_t i = a->len;

		if (met[j])
			continue;
		if (a->len == TOP_SLOTS) {
			i = lowest(a);
			if (a->requests[i] >= requests)
				continue;
		} else {
			a->len++;
		}
		set(a, i, b->hash[j], (struct str){b->value[j], b->value_len[j]});
		a->requests[i] = requests;
		a->over[i] = b->over[j] + missed_a;
		a->errors[i] = b->errors[j];
		a->cost_nusd[i] = b->cost_nusd[j];
	}
}

void top_merge(struct top *a, const struct top *b)
{
	top_gather(a, b);
	for (size_t i = a->len; i-- > 0;)
		if (a->requests[i] <= 0 && a->errors[i] <= 0)
			drop(a, i);
}

bool top_remove(struct top *t, struct str value)
{
	size_t i = find(t, (uint32_t)hash_bytes(value.ptr, value.len), value);

	if (i == t->len)
		return false;
	drop(t, i);
	return true;
}

void top_encode(const struct top *t, struct buf *out)
{
	buf_append_varint(out, t->len);
	for (size_t i = 0; i < t->len; i++) {
		buf_append_c(out, (char)t->value_len[i]);
		buf_append(out, t->value[i], t->value_len[i]);
		buf_append_svarint(out, t->requests[i]);
		buf_append_svarint(out, t->over[i]);
		buf_append_svarint(out, t->errors[i]);
		buf_append_svarint(out, t->cost_nusd[i]);
	}
}

bool top_decode(struct top *t, const void *blob, size_t len)
{
	const uint8_t *at = blob, *end = at + len;
	uint64_t n;

	t->len = 0;
	if (!varint_read(&at, end, &n) || n > TOP_SLOTS)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (at >= end || (size_t)(end - at) < 1u + *at || *at > EVENT_NAME_MAX_BYTES)
			return false;
		struct str v = {(const char *)at + 1, *at};
		set(t, i, (uint32_t)hash_bytes(v.ptr, v.len), v);
		at += 1 + v.len;
		if (!svarint_read(&at, end, &t->requests[i]) || !svarint_read(&at, end, &t->over[i]) ||
		    !svarint_read(&at, end, &t->errors[i]) || !svarint_read(&at, end, &t->cost_nusd[i]))
			return false;
		t->len = i + 1;
	}
	return true;
}

int top_writer_open(struct top_writer *w, sqlite3 *db, struct err *err)
{
	char sql[128];

	*w = (struct top_writer){.db = db};
	for (int t = TOP_TIER_FIRST; t < TIER_COUNT; t++) {
		sqlite3_snprintf(sizeof sql, sql, "SELECT top FROM %s WHERE id=?1", top_table[t]);
		if (sql_prepare(db, &w->get[t], sql, err))
			return -1;
		sqlite3_snprintf(sizeof sql, sql, "INSERT OR REPLACE INTO %s(id, top) VALUES(?1, ?2)", top_table[t]);
		if (sql_prepare(db, &w->put[t], sql, err))
			return -1;
	}
	return 0;
}

void top_writer_clear(struct top_writer *w)
{
	struct top *t;
	size_t at = 0;

	while ((t = intmap_next(&w->fresh, &at, NULL)))
		free(t);
	intmap_clear(&w->fresh);
	memset(w->recent, 0, sizeof w->recent);
}

void top_writer_close(struct top_writer *w)
{
	top_writer_clear(w);
	intmap_fini(&w->fresh);
	for (int t = TOP_TIER_FIRST; t < TIER_COUNT; t++) {
		sqlite3_finalize(w->get[t]);
		sqlite3_finalize(w->put[t]);
	}
	buf_fini(&w->blob);
	*w = (struct top_writer){0};
}

static struct top *fresh_top(struct top_writer *w, int attr, int64_t bucket)
{
	uint64_t key = (uint64_t)rollup_key((uint32_t)attr, bucket);

	if (w->recent[attr] && w->recent_bucket[attr] == bucket)
		return w->recent[attr];
	struct top *t = intmap_get(&w->fresh, key);
	if (!t) {
		t = mem_alloc(sizeof *t);
		t->len = 0;
		intmap_put(&w->fresh, key, t);
	}
	w->recent[attr] = t;
	w->recent_bucket[attr] = bucket;
	return t;
}

void top_writer_add(struct top_writer *w, const struct packed *p, int sign)
{
	for (int a = 0; a < ATTR_COUNT; a++)
		if (p->attrs[a].len)
			top_add(fresh_top(w, a, p->end_us / tier_us[TOP_TIER_FIRST]), p->attrs[a], sign,
			        p->status == REQUEST_ERROR ? sign : 0, p->cost_source == COST_UNPRICED ? 0 : sign * p->cost_nusd);
}

static struct top *own_top(struct top_writer *w, uint64_t key)
{
	return fresh_top(w, (int)(key >> 32), key_bucket((int64_t)key));
}

/* What was taken back of a value may stand in the tables alone: it stays until it gets there. */
void top_writer_absorb(struct top_writer *into, struct top_writer *from)
{
	struct top *t;
	uint64_t key;
	size_t at = 0;

	while ((t = intmap_next(&from->fresh, &at, &key)))
		top_gather(own_top(into, key), t);
	top_writer_clear(from);
}

bool top_writer_add_stored(struct top_writer *w, uint64_t key, const void *blob, size_t len)
{
	static _Thread_local struct top stored;

	if (key >> 32 >= ATTR_COUNT || !top_decode(&stored, blob, len))
		return false;
	top_gather(own_top(w, key), &stored);
	return true;
}

static int merge_into_tier(struct top_writer *w, enum tier t, uint64_t key, const struct top *fresh, struct err *err)
{
	static _Thread_local struct top stored;
	int64_t id = rollup_key((uint32_t)(key >> 32), key_bucket((int64_t)key) / (tier_us[t] / tier_us[TOP_TIER_FIRST]));

	stored.len = 0;
	sqlite3_bind_int64(w->get[t], 1, id);
	int got = sql_step(w->get[t], err);
	if (got > 0 && !top_decode(&stored, sqlite3_column_blob(w->get[t], 0), (size_t)sqlite3_column_bytes(w->get[t], 0)))
		got = err_set(err, "store: %s: row %lld is damaged: run llmdeck doctor --deep", top_table[t], (long long)id);
	sqlite3_reset(w->get[t]);
	if (got < 0)
		return -1;
	top_merge(&stored, fresh);
	buf_reset(&w->blob);
	top_encode(&stored, &w->blob);
	sqlite3_bind_int64(w->put[t], 1, id);
	sql_bind_blob(w->put[t], 2, w->blob.data, w->blob.len);
	return sql_run(w->put[t], err);
}

int top_writer_flush(struct top_writer *w, struct err *err)
{
	struct top *t;
	uint64_t key;
	size_t at = 0;
	int failed = 0;

	while (!failed && (t = intmap_next(&w->fresh, &at, &key)))
		for (int tier = TOP_TIER_FIRST; tier < TIER_COUNT && !failed; tier++)
			failed = merge_into_tier(w, (enum tier)tier, key, t, err);
	top_writer_clear(w);
	return failed;
}
