/* The blob: a byte that tells the format, the number of rows, the heads (store/pack.h), the length of the
 * rests; then row by row the id, the series, the number of the head and the figures; then row by row the
 * rests. Who asks for figures alone, as most do, never touches the rests, which are two thirds of it.
 *
 * An id is told as the distance of its time from that of the row before, with the bits that tell
 * simultaneous ones apart behind it when there are any.
 *
 * A changed block keeps its rows' bytes where they are, new ones behind them, what was replaced as litter;
 * only encoding puts them in order. */
#include "store/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define FORMAT 1
#define ROW_MAX_BYTES 24            /* id, series and head */
#define LITTER_BYTES (4 * BLOCK_BYTES)
#define LITTER_HEADS (2 * BLOCK_ROWS_MAX)

void block_reset(struct block *b, int64_t key)
{
	b->key = key;
	b->count = b->head_count = 0;
	buf_reset(&b->own);
	b->bytes = NULL;
	b->len = 0;
	b->rest_from = 0;
	b->rests_known = true;
	b->size = 16;
}

void block_fini(struct block *b)
{
	free(b->rows);
	free(b->heads);
	free(b->head_hashes);
	buf_fini(&b->own);
	*b = (struct block){0};
}

static bool read_id(int64_t *id, const uint8_t **at, const uint8_t *end)
{
	const int64_t low_mask = (1 << ID_BITS) - 1;
	uint64_t v;

	if (!varint_read(at, end, &v))
		return false;
	bool has_low = v & 1;
	v >>= 1;
	int64_t low = has_low ? (int64_t)v & low_mask : 0;
	v = has_low ? v >> ID_BITS : v;
	if (v > (uint64_t)(BLOCK_SPAN_MAX >> ID_BITS))
		return false;
	int64_t next = id_first_us(id_time_us(*id) + (int64_t)v) + low;
	if (next < *id)
		return false;
	*id = next;
	return true;
}

static uint8_t *write_varint(uint8_t *at, uint64_t v)
{
	while (v >= 0x80) {
		*at++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*at++ = (uint8_t)v;
	return at;
}

static uint8_t *write_id(uint8_t *at, int64_t before, int64_t id)
{
	uint64_t apart = (uint64_t)(id_time_us(id) - id_time_us(before)), low = (uint64_t)id & ((1u << ID_BITS) - 1);

	return write_varint(at, low ? (apart << ID_BITS | low) << 1 | 1 : apart << 1);
}

static struct pack_head *new_head(struct block *b)
{
	if (b->head_count == b->head_cap)
		b->heads = mem_grow(b->heads, &b->head_cap, b->head_count + 1, sizeof *b->heads);
	return &b->heads[b->head_count++];
}

static bool decode_rows(struct block *b, size_t count, const uint8_t *at, const uint8_t *end)
{
	int64_t id = b->key;

	b->rows = mem_grow(b->rows, &b->cap, count, sizeof *b->rows);
	for (size_t i = 0; i < count; i++) {
		struct block_row *row = &b->rows[i];
		uint64_t series, head;
		uint32_t flags;

		if (!read_id(&id, &at, end) || (i && id == row[-1].id) || !varint_read(&at, end, &series) ||
		    !varint_read(&at, end, &head) || head >= b->head_count)
			return false;
		const uint8_t *figures = at;
		if (!pack_skip_figures(&b->heads[head], &flags, &at, end))
			return false;
		*row = (struct block_row){.id = id, .series = (uint32_t)series, .figures_at = (uint32_t)(figures - b->bytes),
		                          .figures_len = (uint16_t)(at - figures), .head = (uint16_t)head};
	}
	b->count = count;
	return at == end;
}

bool block_decode(struct block *b, int64_t key, const void *blob, size_t len)
{
	const uint8_t *at = blob, *end = at + len;
	uint64_t count, heads, rests;

	block_reset(b, key);
	b->bytes = blob;
	b->len = b->size = len;
	b->rests_known = false;
	if (!len || *at++ != FORMAT || !varint_read(&at, end, &count) || count > len || !varint_read(&at, end, &heads) ||
	    heads > count)
		return false;
	for (uint64_t i = 0; i < heads; i++)
		if (!pack_read_head(new_head(b), &at, end))
			return false;
	if (!varint_read(&at, end, &rests) || rests > (uint64_t)(end - at))
		return false;
	b->rest_from = len - (size_t)rests;
	return decode_rows(b, (size_t)count, at, end - rests);
}

/* Finds where each row's rest lies; a damaged one is left without, and cannot be read. */
static bool find_rests(struct block *b)
{
	const uint8_t *at = b->bytes + b->rest_from, *end = b->bytes + b->len;

	if (b->rests_known)
		return true;
	for (size_t i = 0; i < b->count; i++) {
		struct block_row *row = &b->rows[i];
		const struct pack_head *head = &b->heads[row->head];
		const uint8_t *figures = b->bytes + row->figures_at, *rest = at;
		uint32_t flags;

		if (!pack_skip_figures(head, &flags, &figures, end) || !pack_skip_rest(head, flags, &at, end))
			return false;
		row->rest_at = (uint32_t)(rest - b->bytes);
		row->rest_len = (uint16_t)(at - rest);
	}
	b->rests_known = at == end;
	return b->rests_known;
}

static uint32_t head_hash(const struct pack_head *h)
{
	return (uint32_t)hash_bytes(h, sizeof *h);
}

bool block_own(struct block *b)
{
	if (!find_rests(b))
		return false;
	buf_reset(&b->own);
	buf_append(&b->own, b->bytes, b->len);
	b->bytes = (const uint8_t *)b->own.data;
	b->head_hashes = mem_grow(b->head_hashes, &b->hash_cap, b->head_count, sizeof *b->head_hashes);
	for (size_t i = 0; i < b->head_count; i++)
		b->head_hashes[i] = head_hash(&b->heads[i]);
	return true;
}

/* Numbers the heads that are still used in the order of the rows; returns how many. */
static size_t order_heads(const struct block *b, uint16_t *numbers, uint16_t *order)
{
	size_t used = 0;

	memset(numbers, 0xff, b->head_count * sizeof *numbers);
	for (size_t i = 0; i < b->count; i++)
		if (numbers[b->rows[i].head] == UINT16_MAX) {
			order[used] = b->rows[i].head;
			numbers[b->rows[i].head] = (uint16_t)used++;
		}
	return used;
}

void block_encode(struct block *b, struct buf *out)
{
	uint16_t *numbers = mem_array(NULL, 2 * b->head_count, sizeof *numbers), *order = numbers + b->head_count;
	size_t heads = order_heads(b, numbers, order), figures = 0, rests = 0;
	int64_t before = b->key;

	for (size_t i = 0; i < b->count; i++) {
		figures += b->rows[i].figures_len;
		rests += b->rows[i].rest_len;
	}
	uint8_t *start = (uint8_t *)buf_reserve(out, 32 + heads * PACK_HEAD_MAX_BYTES + b->count * ROW_MAX_BYTES + figures + rests);
	uint8_t *at = start;
	*at++ = FORMAT;
	at = write_varint(at, b->count);
	at = write_varint(at, heads);
	for (size_t i = 0; i < heads; i++)
		at = pack_write_head(&b->heads[order[i]], at);
	at = write_varint(at, rests);
	for (size_t i = 0; i < b->count; i++) {
		const struct block_row *row = &b->rows[i];

		at = write_id(at, before, row->id);
		before = row->id;
		at = write_varint(at, row->series);
		at = write_varint(at, numbers[row->head]);
		memcpy(at, b->bytes + row->figures_at, row->figures_len);
		at += row->figures_len;
	}
	for (size_t i = 0; i < b->count; i++) {
		memcpy(at, b->bytes + b->rows[i].rest_at, b->rows[i].rest_len);
		at += b->rows[i].rest_len;
	}
	out->len += (size_t)(at - start);
	free(numbers);
}

size_t block_find(const struct block *b, int64_t id)
{
	size_t low = 0, high = b->count;

	if (!high || b->rows[high - 1].id < id)
		return high;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (b->rows[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool block_read_figures(const struct block *b, size_t at, struct packed *p)
{
	const struct block_row *row = &b->rows[at];
	const uint8_t *from = b->bytes + row->figures_at;

	return pack_read_figures(p, row->id, &b->heads[row->head], &from, from + row->figures_len);
}

bool block_read_rest(struct block *b, size_t at, uint32_t wanted, struct packed *p)
{
	const struct block_row *row = &b->rows[at];

	if (!find_rests(b))
		return false;
	const uint8_t *from = b->bytes + row->rest_at;
	return pack_read_rest(p, &b->heads[row->head], wanted, &from, from + row->rest_len);
}

bool block_read(struct block *b, size_t at, struct packed *p)
{
	return block_read_figures(b, at, p) && block_read_rest(b, at, PACK_ALL, p);
}

size_t block_count(const void *blob, size_t len)
{
	const uint8_t *at = blob, *end = at + len;
	uint64_t count = 0;

	return len && *at++ == FORMAT && varint_read(&at, end, &count) && count <= len ? (size_t)count : 0;
}

bool block_copy_row(struct block *b, size_t at, struct pack_head *head, struct buf *bytes, uint16_t *figures_len)
{
	const struct block_row *row = &b->rows[at];

	if (!find_rests(b))
		return false;
	*head = b->heads[row->head];
	*figures_len = row->figures_len;
	buf_append(bytes, b->bytes + row->figures_at, row->figures_len);
	buf_append(bytes, b->bytes + row->rest_at, row->rest_len);
	return true;
}

bool block_reaches(const struct block *b, int64_t id)
{
	return (uint64_t)id - (uint64_t)b->key < BLOCK_SPAN_MAX;
}

bool block_has_room(const struct block *b, int64_t id)
{
	return (b->size < BLOCK_BYTES && b->count < BLOCK_ROWS_MAX && block_reaches(b, id)) || !b->count;
}

bool block_spans(const struct block *b, int64_t key)
{
	return !b->count || (uint64_t)b->rows[b->count - 1].id - (uint64_t)key < BLOCK_SPAN_MAX;
}

static bool is_head(const struct block *b, size_t at, const struct pack_head *h, uint32_t hash)
{
	return at < b->head_count && b->head_hashes[at] == hash && !memcmp(&b->heads[at], h, sizeof *h);
}

static uint16_t find_head(struct block *b, const struct pack_head *h, uint32_t hash)
{
	uint16_t *place = &b->head_places[hash % BLOCK_HEAD_PLACES];

	if (is_head(b, *place, h, hash))
		return *place;
	for (size_t i = 0; i < b->head_count; i++)
		if (is_head(b, i, h, hash))
			return *place = (uint16_t)i;
	*new_head(b) = *h;
	if (b->head_count > b->hash_cap)
		b->head_hashes = mem_grow(b->head_hashes, &b->hash_cap, b->head_count, sizeof *b->head_hashes);
	b->head_hashes[b->head_count - 1] = hash;
	b->size += 10;
	return *place = (uint16_t)(b->head_count - 1);
}

/* Writes a row's bytes behind the others. */
static void write_row(struct block *b, struct block_row *row, uint32_t series, const struct packed *p)
{
	struct pack_head head;

	pack_head_of(p, row->id, &head);
	row->head = find_head(b, &head, head_hash(&head));
	row->series = series;
	row->figures_at = (uint32_t)b->own.len;
	pack_write(p, row->id, &head, &b->own, &row->figures_len, &row->rest_len);
	row->rest_at = row->figures_at + row->figures_len;
	b->bytes = (const uint8_t *)b->own.data;
	b->len = b->own.len;
}

static struct block_row *make_place(struct block *b, size_t at)
{
	if (b->count == b->cap)
		b->rows = mem_grow(b->rows, &b->cap, b->count + 1, sizeof *b->rows);
	if (at < b->count)
		memmove(b->rows + at + 1, b->rows + at, (b->count - at) * sizeof *b->rows);
	b->count++;
	return &b->rows[at];
}

void block_insert(struct block *b, size_t at, int64_t id, uint32_t series, const struct packed *p)
{
	struct block_row *row = make_place(b, at);

	row->id = id;
	write_row(b, row, series, p);
	b->size += block_row_bytes(row);
}

/* Gives a row of another block's bytes a head and bytes here; what it is then. */
static struct block_row take_row(struct block *b, const struct block *from, const struct block_row *source)
{
	struct block_row row = *source;

	row.head = find_head(b, &from->heads[source->head], from->head_hashes[source->head]);
	row.figures_at = (uint32_t)b->own.len;
	row.rest_at = row.figures_at + row.figures_len;
	buf_append(&b->own, from->bytes + source->figures_at, source->figures_len);
	buf_append(&b->own, from->bytes + source->rest_at, source->rest_len);
	b->bytes = (const uint8_t *)b->own.data;
	b->len = b->own.len;
	b->size += block_row_bytes(&row);
	return row;
}

bool block_insert_row(struct block *b, size_t at, struct block *from, size_t row)
{
	if (!find_rests(from))
		return false;
	struct block_row taken = take_row(b, from, &from->rows[row]);
	*make_place(b, at) = taken;
	return true;
}

/* Begins the heads and the bytes anew when litter has gathered. */
static void tidy(struct block *b)
{
	struct buf blob = {0};
	struct block fresh = {0};

	if ((b->own.len < LITTER_BYTES || b->own.len < 4 * b->size) && b->head_count < LITTER_HEADS)
		return;
	block_encode(b, &blob);
	if (block_decode(&fresh, b->key, blob.data, blob.len) && block_own(&fresh)) {
		struct block old = *b;

		*b = fresh;
		fresh = old;
	}
	block_fini(&fresh);
	buf_fini(&blob);
}

void block_replace(struct block *b, size_t at, uint32_t series, const struct packed *p)
{
	b->size -= block_row_bytes(&b->rows[at]);
	write_row(b, &b->rows[at], series, p);
	b->size += block_row_bytes(&b->rows[at]);
	tidy(b);
}

void block_fill(struct block *b, const struct block_source *rows, size_t count)
{
	size_t cap = count > b->cap ? count : b->cap;
	struct block_row *filled = mem_array(NULL, cap, sizeof *filled);

	for (size_t i = 0; i < b->count; i++)
		b->size -= block_row_bytes(&b->rows[i]);
	for (size_t i = 0; i < count; i++) {
		const struct block_row *row = block_source_row(&rows[i]);

		if (rows[i].from == b) {
			filled[i] = *row;
			b->size += block_row_bytes(row);
		} else {
			filled[i] = take_row(b, rows[i].from, row);
		}
	}
	free(b->rows);
	b->rows = filled;
	b->cap = cap;
	b->count = count;
	tidy(b);
}

void block_trim(struct block *b)
{
	if (!b->count)
		return;
	b->rows = mem_array(b->rows, b->count, sizeof *b->rows);
	b->cap = b->count;
	b->own.data = mem_array(b->own.data, b->own.len, 1);
	b->own.cap = b->own.len;
	b->bytes = (const uint8_t *)b->own.data;
}

void block_remove(struct block *b, size_t at)
{
	b->size -= block_row_bytes(&b->rows[at]);
	b->count--;
	memmove(b->rows + at, b->rows + at + 1, (b->count - at) * sizeof *b->rows);
}

void block_split(struct block *b, struct block *upper)
{
	size_t from = (b->count + 1) / 2;

	upper->key = b->rows[from].id;
	if (upper->cap < b->count - from)
		upper->rows = mem_grow(upper->rows, &upper->cap, b->count - from, sizeof *upper->rows);
	for (size_t i = from; i < b->count; i++) {
		b->size -= block_row_bytes(&b->rows[i]);
		upper->rows[upper->count++] = take_row(upper, b, &b->rows[i]);
	}
	b->count = from;
}
