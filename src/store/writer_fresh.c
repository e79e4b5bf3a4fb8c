/* The writer's side of the request journal (store/fresh.h). What an open transaction stores gathers in
 * blocks in memory, each written to the journal as it is by the commit; the blocks stay in memory until their
 * rows are put into those of `requests`, which a round does, some thousands of rows at a time in the order of
 * their ids. Each step of a round is one transaction, which says in the meta table how far it came; the last
 * one empties the journal of what the round was about. What arrives meanwhile is the next round's.
 *
 * A table of the newest ids tells where their rows are, or that there are none: nearly all that comes is new,
 * and is known to be so without looking into any block. The table has all ids from `known_from` on; what is below
 * that and not in it is asked of the blocks. Where a row was in the journal is still said after it was put
 * into a block of `requests`: the journal's block tells that it is not there any more. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sql.h"
#include "store/writer_private.h"

#define SLOT_BITS 19 /* of a table that has not grown */
#define ROUND_ROWS 32768u  /* bounds what a reader has to add */
#define ROUND_BLOCKS 1024u
#define ROWS_MOST (6 * ROUND_ROWS)
#define KEEP_US (5 * US_PER_S)
#define STEP_ROWS 2048u
#define SPLIT_ROWS 128u /* a smaller block takes rows out of order, too */
#define SAMPLES 1001u
#define AHEAD 12 /* rows whose memory is asked for before it is needed */

enum { WHERE_FREE, WHERE_STORED, WHERE_NOWHERE, WHERE_BLOCKS }; /* from the last on: the number of a block */

struct slot {
	int64_t id;
	uint32_t where;
};

struct fresh_writer {
	bool on, loaded;
	struct slot *slots;
	unsigned slot_bits;
	size_t used;
	int64_t known_from;
	struct block **blocks;       /* number 0: not written yet */
	size_t block_count, block_cap;
	uint32_t filling;            /* the open transaction's newest block; WHERE_FREE: there is none */
	struct buf gone, blob;
	int64_t last_number;
	size_t rows, written_blocks;
	int64_t since_us;            /* monotonic: the oldest one's */
	struct fresh_row *round, *scratch;
	size_t round_count, round_at, round_cap, scratch_cap;
	struct block_source *step;   /* those of the round's next rows that are still there */
	size_t step_cap;
	bool in_round;
	int64_t upto, below;         /* what the meta table says of the round (store/fresh.h) */
	sqlite3_stmt *add, *clear;
};

/* ---- the table of ids ---- */

static size_t slot_count(const struct fresh_writer *f)
{
	return (size_t)1 << f->slot_bits;
}

/* The slot where the search for an id begins. */
static size_t first_slot(const struct fresh_writer *f, int64_t id)
{
	return (size_t)((uint64_t)id * 0x9e3779b97f4a7c15u >> (64 - f->slot_bits));
}

static size_t slot_of(const struct fresh_writer *f, int64_t id)
{
	size_t at = first_slot(f, id);

	while (f->slots[at].where != WHERE_FREE && f->slots[at].id != id)
		at = (at + 1) & (slot_count(f) - 1);
	return at;
}

void writer_fresh_prefetch(const struct store_writer *w, int64_t id)
{
	if (!w->fresh->on)
		return;
	__builtin_prefetch(&w->fresh->slots[first_slot(w->fresh, id)], 1);
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static struct block *block_of(const struct fresh_writer *f, uint32_t where)
{
	return f->blocks[where - WHERE_BLOCKS];
}

/* The block of the journal that has this row, and its place; NULL when there is none (any more). */
static struct block *here(const struct fresh_writer *f, int64_t id, uint32_t where, size_t *at)
{
	struct block *b = where >= WHERE_BLOCKS && where - WHERE_BLOCKS < f->block_count ? block_of(f, where) : NULL;

	if (!b || (b->number && b->number <= f->upto && id < f->below))
		return NULL;
	*at = block_find(b, id);
	return *at < b->count && b->rows[*at].id == id ? b : NULL;
}

/* A time in the midst of the ids that are in blocks of `requests`: hashing has them in no order. */
static int64_t middle_id(const struct fresh_writer *f)
{
	int64_t sample[SAMPLES];
	size_t n = 0, at;

	for (size_t i = 0; i < slot_count(f) && n < SAMPLES; i++)
		if (f->slots[i].where != WHERE_FREE && !here(f, f->slots[i].id, f->slots[i].where, &at))
			sample[n++] = f->slots[i].id;
	if (!n)
		return f->known_from;
	qsort(sample, n, sizeof *sample, ascending);
	return sample[n / 2] + 1;
}

/* Nearly every look into the table is into another page of it. Where there are none, nothing is lost. */
static void use_huge_pages(void *memory, size_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)memory + page - 1) / page * page;
	uintptr_t end = ((uintptr_t)memory + len) / page * page;

	if (from < end)
		(void)madvise((void *)from, end - from, MADV_HUGEPAGE);
}

static void make_table(struct fresh_writer *f, unsigned slot_bits)
{
	f->slot_bits = slot_bits;
	f->slots = mem_zalloc(slot_count(f) * sizeof *f->slots);
	use_huge_pages(f->slots, slot_count(f) * sizeof *f->slots);
	f->used = 0;
}

/* Forgets the older half of what is in blocks of `requests`. Rows of the journal cannot be forgotten: when they
 * fill half of the table, it becomes twice as large. */
static void make_room(struct fresh_writer *f)
{
	size_t count = slot_count(f), kept_count = 0, unused;
	int64_t from = middle_id(f);
	struct slot *kept = mem_array(NULL, f->used, sizeof *kept);

	f->known_from = from > f->known_from ? from : f->known_from;
	for (size_t i = 0; i < count; i++) {
		const struct slot *slot = &f->slots[i];

		if (slot->where != WHERE_FREE && (slot->id >= from || here(f, slot->id, slot->where, &unused)))
			kept[kept_count++] = *slot;
	}
	if (f->rows > count / 2) {
		free(f->slots);
		make_table(f, f->slot_bits + 1);
	} else {
		memset(f->slots, 0, count * sizeof *f->slots);
	}
	for (size_t i = 0; i < kept_count; i++)
		f->slots[slot_of(f, kept[i].id)] = kept[i];
	f->used = kept_count;
	free(kept);
}

static void put(struct fresh_writer *f, int64_t id, uint32_t where)
{
	size_t at = slot_of(f, id);

	if (f->slots[at].where == WHERE_FREE) {
		if (f->used >= slot_count(f) / 4 * 3) {
			make_room(f);
			at = slot_of(f, id);
		}
		f->used++;
	}
	f->slots[at] = (struct slot){id, where};
}

enum fresh_place writer_fresh_find(struct store_writer *w, int64_t id, struct block **b, size_t *at)
{
	struct fresh_writer *f = w->fresh;

	if (!f->on)
		return FRESH_NOT_KNOWN;
	uint32_t where = f->slots[slot_of(f, id)].where;
	if (where == WHERE_FREE)
		return id >= f->known_from ? FRESH_NOWHERE : FRESH_NOT_KNOWN;
	if (where == WHERE_NOWHERE)
		return FRESH_NOWHERE;
	*b = here(f, id, where, at);
	return *b ? FRESH_HERE : FRESH_STORED;
}

void writer_fresh_note_stored(struct store_writer *w, int64_t id)
{
	if (w->fresh->on)
		put(w->fresh, id, WHERE_STORED);
}

void writer_fresh_note_removed(struct store_writer *w, int64_t id)
{
	if (w->fresh->on)
		put(w->fresh, id, WHERE_NOWHERE);
}

void writer_fresh_note_seen(struct store_writer *w, int64_t id)
{
	struct fresh_writer *f = w->fresh;

	if (f->on && f->slots[slot_of(f, id)].where == WHERE_FREE)
		put(f, id, WHERE_STORED);
}

void writer_fresh_know_from(struct store_writer *w, int64_t id)
{
	w->fresh->known_from = id;
}

bool writer_fresh_takes(const struct store_writer *w, const struct packed *p)
{
	return w->fresh->on && !p->import_ref;
}

/* ---- changes ---- */

static uint32_t new_block(struct fresh_writer *f, int64_t number)
{
	size_t at = 0;

	while (at < f->block_count && f->blocks[at])
		at++;
	if (at == f->block_cap)
		f->blocks = mem_grow(f->blocks, &f->block_cap, at + 1, sizeof(struct block *));
	f->blocks[at] = mem_zalloc(sizeof **f->blocks);
	f->blocks[at]->number = number;
	block_reset(f->blocks[at], 0);
	f->block_count = at == f->block_count ? at + 1 : f->block_count;
	return (uint32_t)at + WHERE_BLOCKS;
}

static bool has_room(const struct block *b, int64_t id)
{
	if (!b->count)
		return true;
	int64_t first = b->rows[0].id, last = b->rows[b->count - 1].id;
	return b->count < BLOCK_ROWS_MAX && (id > last || b->count < SPLIT_ROWS) &&
	       (uint64_t)id - (uint64_t)(first < id ? first : id) < BLOCK_SPAN_MAX &&
	       (uint64_t)last - (uint64_t)(id < last ? id : last) < BLOCK_SPAN_MAX;
}

void writer_fresh_insert(struct store_writer *w, int64_t id, uint32_t series, const struct packed *p)
{
	struct fresh_writer *f = w->fresh;

	if (f->filling == WHERE_FREE || !has_room(block_of(f, f->filling), id))
		f->filling = new_block(f, 0);
	struct block *b = block_of(f, f->filling);
	block_insert(b, block_find(b, id), id, series, p);
	put(f, id, f->filling);
	if (!f->rows++)
		f->since_us = clock_mono_us();
}

void writer_fresh_set(struct store_writer *w, struct block *b, size_t at, uint32_t series, const struct packed *p)
{
	struct fresh_writer *f = w->fresh;
	int64_t id = b->rows[at].id;

	if (!b->number) {
		block_replace(b, at, series, p);
		return;
	}
	block_remove(b, at);
	f->rows--;
	writer_fresh_insert(w, id, series, p);
}

void writer_fresh_remove(struct store_writer *w, struct block *b, size_t at)
{
	struct fresh_writer *f = w->fresh;
	int64_t id = b->rows[at].id;

	if (b->number) {
		uint64_t bytes = htole64((uint64_t)id);

		buf_append(&f->gone, &bytes, sizeof bytes);
	}
	block_remove(b, at);
	put(f, id, WHERE_NOWHERE);
	f->rows--;
}

/* ---- the journal ---- */

static int add_to_table(struct fresh_writer *f, const struct block *b, struct str bytes, struct err *err)
{
	sqlite3_bind_int64(f->add, 1, ++f->last_number);
	if (b)
		sqlite3_bind_int64(f->add, 2, b->key);
	else
		sqlite3_bind_null(f->add, 2);
	sql_bind_blob(f->add, 3, bytes.ptr, bytes.len);
	f->written_blocks++;
	return sql_run(f->add, err);
}

int writer_fresh_write(struct store_writer *w, struct err *err)
{
	struct fresh_writer *f = w->fresh;

	/* First what went: it may have come back in the same transaction. */
	if (f->gone.len && add_to_table(f, NULL, buf_str(&f->gone), err))
		return -1;
	buf_reset(&f->gone);
	for (size_t i = 0; i < f->block_count && f->filling != WHERE_FREE; i++) {
		struct block *b = f->blocks[i];

		if (!b || b->number || !b->count)
			continue;
		b->key = b->rows[0].id;
		buf_reset(&f->blob);
		block_encode(b, &f->blob);
		if (add_to_table(f, b, buf_str(&f->blob), err))
			return -1;
		b->number = f->last_number;
		block_trim(b);
	}
	f->filling = WHERE_FREE;
	return 0;
}

/* ---- rounds ---- */

static void free_block(struct fresh_writer *f, size_t at)
{
	block_fini(f->blocks[at]);
	free(f->blocks[at]);
	f->blocks[at] = NULL;
}

/* The rows of all written blocks up to the round's number, by id. */
static void gather_round(struct store_writer *w)
{
	struct fresh_writer *f = w->fresh;

	f->round_count = f->round_at = 0;
	for (size_t i = 0; i < f->block_count; i++) {
		const struct block *b = f->blocks[i];

		if (!b || !b->number || b->number > f->upto)
			continue;
		if (f->round_cap < f->round_count + b->count)
			f->round = mem_grow(f->round, &f->round_cap, f->round_count + b->count, sizeof *f->round);
		for (size_t k = 0; k < b->count; k++)
			f->round[f->round_count++] = (struct fresh_row){b->rows[k].id, (uint32_t)i + WHERE_BLOCKS, (uint32_t)k};
	}
	if (f->scratch_cap < f->round_count)
		f->scratch = mem_grow(f->scratch, &f->scratch_cap, f->round_count, sizeof *f->scratch);
	fresh_sort(f->round, f->scratch, f->round_count);
	f->in_round = true;
}

/* After a round: what it was about is in `requests`. */
static int end_round(struct store_writer *w, struct err *err)
{
	struct fresh_writer *f = w->fresh;

	sqlite3_bind_int64(f->clear, 1, f->upto);
	if (sql_run(f->clear, err))
		return -1;
	size_t gone = (size_t)sqlite3_changes(w->db);
	f->written_blocks -= gone < f->written_blocks ? gone : f->written_blocks;
	for (size_t i = 0; i < f->block_count; i++)
		if (f->blocks[i] && f->blocks[i]->number && f->blocks[i]->number <= f->upto)
			free_block(f, i);
	while (f->block_count && !f->blocks[f->block_count - 1])
		f->block_count--;
	w->meta[META_FRESH_BELOW] = f->below = 0;
	f->in_round = false;
	f->since_us = clock_mono_us();
	return 0;
}

/* The next of the round's rows that are still there, as step; at most `most`. */
static size_t next_rows(struct fresh_writer *f, size_t most)
{
	size_t count = 0;

	f->step = mem_grow(f->step, &f->step_cap, most, sizeof *f->step);
	for (; f->round_at < f->round_count && count < most; f->round_at++) {
		const struct fresh_row *row = &f->round[f->round_at];
		struct block *b = block_of(f, row->block);

		if (f->round_at + AHEAD < f->round_count)
			__builtin_prefetch(block_of(f, row[AHEAD].block)->rows + row[AHEAD].row);
		/* It is where it was when the round began, or lower, or was removed or changed since. */
		size_t at = row->row < b->count && b->rows[row->row].id == row->id ? row->row : block_find(b, row->id);
		if (at < b->count && b->rows[at].id == row->id)
			f->step[count++] = (struct block_source){b, at};
	}
	return count;
}

/* Puts at most `most` rows of the round into the blocks of `requests`. */
static int step_round(struct store_writer *w, size_t most, struct err *err)
{
	struct fresh_writer *f = w->fresh;
	size_t left = f->round_count - f->round_at, count = next_rows(f, most < left ? most : left);

	if (writer_blocks_take(w, f->step, count, err))
		return -1;
	f->rows -= count;
	if (f->round_at == f->round_count)
		return end_round(w, err);
	w->meta[META_FRESH_BELOW] = f->below = f->round[f->round_at].id;
	return 0;
}

static void begin_round(struct store_writer *w)
{
	w->meta[META_FRESH_UPTO] = w->fresh->upto = w->fresh->last_number;
	w->meta[META_FRESH_BELOW] = w->fresh->below = 0;
	gather_round(w);
}

int writer_fresh_fold(struct store_writer *w, bool whole, struct err *err)
{
	struct fresh_writer *f = w->fresh;

	if (writer_fresh_write(w, err))
		return -1;
	do {
		if (!f->written_blocks)
			return 0;
		if (!f->in_round)
			begin_round(w);
		/* The more there is, the larger the steps: it must not grow faster than it goes. */
		size_t most = f->rows / 8 > STEP_ROWS ? f->rows / 8 : STEP_ROWS;
		if (step_round(w, whole ? SIZE_MAX : most, err))
			return -1;
	} while (whole);
	return 0;
}

bool writer_fresh_is_full(const struct store_writer *w)
{
	return w->fresh->rows > ROWS_MOST;
}

int64_t writer_fresh_due_us(const struct store_writer *w)
{
	const struct fresh_writer *f = w->fresh;

	if (!f->written_blocks)
		return -1;
	return f->in_round || f->rows >= ROUND_ROWS || f->written_blocks >= ROUND_BLOCKS ? 0 : f->since_us + KEEP_US;
}

/* ---- life ---- */

/* What is in the table becomes blocks in memory: those of a round that was begun apart from later ones. */
static void remember(struct fresh_writer *f, const struct fresh *from, int64_t upto)
{
	uint32_t filling[2] = {WHERE_FREE, WHERE_FREE};

	for (size_t i = 0; i < from->count; i++) {
		const struct fresh_row *row = &from->rows[i];
		struct block *source = &from->blocks[row->block];
		bool later = source->number > upto;
		uint32_t *to = &filling[later];

		if (*to == WHERE_FREE || !has_room(block_of(f, *to), row->id))
			*to = new_block(f, later ? f->last_number : upto);
		struct block *b = block_of(f, *to);
		if (!block_insert_row(b, b->count, source, row->row))
			continue;
		put(f, row->id, *to);
		f->rows++;
	}
}

int writer_fresh_load(struct store_writer *w, struct err *err)
{
	struct fresh_writer *f = w->fresh;
	int64_t upto = f->upto = w->meta[META_FRESH_UPTO], blocks = 0;

	if (f->loaded)
		return 0;
	if (fresh_load(&w->fresh_read, w->db, err) || sql_int(w->db, "SELECT count(*) FROM request_journal", 0, &blocks, err))
		return -1;
	if (w->fresh_read.last > f->last_number)
		f->last_number = w->fresh_read.last;
	if (upto > f->last_number)
		f->last_number = upto;
	f->below = w->meta[META_FRESH_BELOW];
	f->written_blocks = (size_t)blocks;
	f->since_us = clock_mono_us();
	remember(f, &w->fresh_read, upto);
	if (w->meta[META_FRESH_BELOW])
		gather_round(w);
	f->loaded = true;
	return 0;
}

int writer_fresh_open(struct store_writer *w, struct err *err)
{
	struct fresh_writer *f = w->fresh = mem_zalloc(sizeof *f);

	make_table(f, SLOT_BITS);
	f->known_from = INT64_MAX;
	f->on = true;
	return sql_prepare(w->db, &f->add, "INSERT INTO request_journal(id, first, rows) VALUES(?1, ?2, ?3)", err) ||
	       sql_prepare(w->db, &f->clear, "DELETE FROM request_journal WHERE id<=?1", err) || writer_fresh_load(w, err) ? -1 : 0;
}

void writer_fresh_turn_off(struct store_writer *w)
{
	w->fresh->on = false;
	free(w->fresh->slots);
	w->fresh->slots = NULL;
}

void writer_fresh_forget(struct store_writer *w)
{
	struct fresh_writer *f = w->fresh;

	for (size_t i = 0; i < f->block_count; i++)
		if (f->blocks[i])
			free_block(f, i);
	f->block_count = f->rows = f->written_blocks = f->used = 0;
	f->in_round = f->loaded = false;
	f->filling = WHERE_FREE;
	f->known_from = INT64_MAX;
	buf_reset(&f->gone);
	if (f->on)
		memset(f->slots, 0, slot_count(f) * sizeof *f->slots);
}

void writer_fresh_close(struct store_writer *w)
{
	struct fresh_writer *f = w->fresh;

	if (!f)
		return;
	writer_fresh_forget(w);
	fresh_fini(&w->fresh_read);
	sqlite3_finalize(f->add);
	sqlite3_finalize(f->clear);
	buf_fini(&f->gone);
	buf_fini(&f->blob);
	free(f->slots);
	free(f->blocks);
	free(f->round);
	free(f->scratch);
	free(f->step);
	free(f);
	w->fresh = NULL;
}
