/* The writer's side of the blocks: a few of them are kept open in memory, changed there, and written when
 * their place is needed, before anybody walks over them, and before the commit. As there is one writer
 * only, what is open stays right from one transaction to the next; after a rollback all is forgotten.
 *
 * Each id is covered by exactly one block: the one with the greatest key not above it, or the first of all.
 * An open block knows where the next one begins; what is said in the database is enough to find those
 * that are not open, for these are stored. A new row that finds its block full goes into a new block behind
 * it when it is greater than all in it, which is how data comes in; otherwise the block is cut in half. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/block_walk.h"
#include "store/sql.h"
#include "store/writer_private.h"

#define OPEN_BLOCKS 16
#define OPEN_BLOCKS_COLLECTING 32
/* What is put into a block at once becomes so many at most, all of which are open then. */
#define GATHERED_BYTES (6 * BLOCK_BYTES)
#define GATHERED_ROWS BLOCK_ROWS_MAX
#define PIECES_MAX 16u

struct open_block {
	struct block block;
	int64_t next_key;  /* INT64_MAX: there is none behind */
	bool used, dirty;
	bool stored;       /* the database has a row of this key */
	uint64_t last_use;
};

struct block_cache {
	struct open_block *open;
	size_t places;
	struct open_block **used; /* by key */
	size_t used_count;
	struct open_block *latest;
	uint64_t uses;
	struct buf blob;
	struct block_source *gathered; /* what becomes of a block and rows that are put into it */
	size_t gathered_count, gathered_cap;
	sqlite3_stmt *put, *remove, *before, *after;
};

int writer_blocks_open(struct store_writer *w, struct err *err)
{
	struct block_cache *c = w->blocks = mem_zalloc(sizeof *c);

	c->places = w->options.full_sync ? OPEN_BLOCKS_COLLECTING : OPEN_BLOCKS;
	c->open = mem_zalloc(c->places * sizeof *c->open);
	c->used = mem_array(NULL, c->places, sizeof(struct open_block *));
	return sql_prepare(w->db, &c->put, "INSERT OR REPLACE INTO requests(id, rows) VALUES(?1, ?2)", err) ||
	       sql_prepare(w->db, &c->remove, "DELETE FROM requests WHERE id=?1", err) ||
	       sql_prepare(w->db, &c->before, "SELECT id, rows FROM requests WHERE id<=?1 ORDER BY id DESC LIMIT 1", err) ||
	       sql_prepare(w->db, &c->after, "SELECT id FROM requests WHERE id>?1 ORDER BY id LIMIT 1", err) ? -1 : 0;
}

void writer_blocks_close(struct store_writer *w)
{
	struct block_cache *c = w->blocks;

	if (!c)
		return;
	for (size_t i = 0; i < c->places; i++)
		block_fini(&c->open[i].block);
	free(c->open);
	free(c->used);
	buf_fini(&c->blob);
	free(c->gathered);
	sqlite3_finalize(c->put);
	sqlite3_finalize(c->remove);
	sqlite3_finalize(c->before);
	sqlite3_finalize(c->after);
	free(c);
	w->blocks = NULL;
}

void writer_blocks_forget(struct store_writer *w)
{
	struct block_cache *c = w->blocks;

	for (size_t i = 0; i < c->used_count; i++)
		c->used[i]->used = c->used[i]->dirty = false;
	c->used_count = 0;
	c->latest = NULL;
}

/* How many open blocks begin at or below `key`: the last of these is the one to look into. */
static size_t count_below(const struct block_cache *c, int64_t key)
{
	size_t low = 0, high = c->used_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->used[middle]->block.key <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void note_used(struct block_cache *c, struct open_block *o)
{
	size_t at = count_below(c, o->block.key);

	memmove(c->used + at + 1, c->used + at, (c->used_count++ - at) * sizeof(struct open_block *));
	c->used[at] = o;
	o->used = true;
}

static void note_unused(struct block_cache *c, struct open_block *o)
{
	size_t at = count_below(c, o->block.key) - 1;

	memmove(c->used + at, c->used + at + 1, (--c->used_count - at) * sizeof(struct open_block *));
	o->used = o->dirty = false;
	if (c->latest == o)
		c->latest = NULL;
}

static int put_block(struct block_cache *c, struct open_block *o, struct err *err)
{
	buf_reset(&c->blob);
	block_encode(&o->block, &c->blob);
	sqlite3_bind_int64(c->put, 1, o->block.key);
	sqlite3_bind_blob64(c->put, 2, c->blob.data, c->blob.len, SQLITE_STATIC);
	if (sql_run(c->put, err))
		return -1;
	o->stored = true;
	return 0;
}

static int remove_block(struct block_cache *c, struct open_block *o, struct err *err)
{
	if (!o->stored)
		return 0;
	sqlite3_bind_int64(c->remove, 1, o->block.key);
	o->stored = false;
	return sql_run(c->remove, err);
}

/* An empty block goes; what it covered is the one's before it from then on. */
static int drop_block(struct block_cache *c, struct open_block *o, struct err *err)
{
	if (remove_block(c, o, err))
		return -1;
	size_t at = count_below(c, o->block.key) - 1;
	if (at > 0 && c->used[at - 1]->next_key == o->block.key)
		c->used[at - 1]->next_key = o->next_key;
	note_unused(c, o);
	return 0;
}

static int write_block(struct block_cache *c, struct open_block *o, struct err *err)
{
	if (!o->used || !o->dirty)
		return 0;
	o->dirty = false;
	return o->block.count ? put_block(c, o, err) : drop_block(c, o, err);
}

int writer_blocks_write(struct store_writer *w, struct err *err)
{
	struct block_cache *c = w->blocks;

	/* From the last on, for the empty ones go. */
	for (size_t i = c->used_count; i-- > 0;)
		if (write_block(c, c->used[i], err))
			return -1;
	return 0;
}

/* A free place, if need be that of the block that was not used for longest. */
static int take_place(struct block_cache *c, struct open_block **out, struct err *err)
{
	struct open_block *o = &c->open[0];

	for (size_t i = 0; i < c->places && o->used; i++)
		if (!c->open[i].used || c->open[i].last_use < o->last_use)
			o = &c->open[i];
	if (write_block(c, o, err))
		return -1;
	if (o->used)
		note_unused(c, o);
	o->stored = false;
	*out = o;
	return 0;
}

static struct open_block *use(struct block_cache *c, struct open_block *o)
{
	if (!o->used)
		note_used(c, o);
	o->last_use = ++c->uses;
	c->latest = o;
	return o;
}

static bool covers(const struct open_block *o, int64_t id)
{
	return o->block.key <= id && id < o->next_key;
}

static struct open_block *find_open(struct block_cache *c, int64_t id)
{
	if (c->latest && covers(c->latest, id))
		return c->latest;
	size_t below = count_below(c, id);
	return below && covers(c->used[below - 1], id) ? use(c, c->used[below - 1]) : NULL;
}

/* The lowest key above `id` of all blocks, stored or open; INT64_MAX when there is none. */
static int key_behind(struct block_cache *c, int64_t id, int64_t *key, struct err *err)
{
	sqlite3_bind_int64(c->after, 1, id);
	int got = sql_step(c->after, err);

	*key = got > 0 ? sqlite3_column_int64(c->after, 0) : INT64_MAX;
	sqlite3_reset(c->after);
	size_t below = count_below(c, id);
	if (below < c->used_count && c->used[below]->block.key < *key)
		*key = c->used[below]->block.key;
	return got < 0 ? -1 : 0;
}

/* Opens the stored block that covers `id`: 1, 0 there is none, -1 error. */
static int open_stored(struct block_cache *c, int64_t id, struct open_block **out, struct err *err)
{
	struct open_block *o;

	if (take_place(c, &o, err))
		return -1;
	sqlite3_bind_int64(c->before, 1, id);
	int got = sql_step(c->before, err);
	if (got > 0) {
		int64_t key = sqlite3_column_int64(c->before, 0);

		if (!block_decode(&o->block, key, sqlite3_column_blob(c->before, 1), (size_t)sqlite3_column_bytes(c->before, 1)) ||
		    !block_own(&o->block))
			got = err_set(err, "store: the block of requests %llx is damaged: run llmdeck doctor --deep", (long long)key);
	}
	sqlite3_reset(c->before);
	if (got <= 0 || key_behind(c, o->block.key, &o->next_key, err))
		return got > 0 ? -1 : got;
	o->stored = true;
	*out = use(c, o);
	return 1;
}

/* A new, empty block in [key, next_key). */
static int new_block(struct block_cache *c, int64_t key, int64_t next_key, struct open_block **out, struct err *err)
{
	if (take_place(c, out, err))
		return -1;
	block_reset(&(*out)->block, key);
	(*out)->next_key = next_key;
	use(c, *out);
	return 0;
}

/* The block that covers `id`: 1, 0 there is none (all ids are greater), -1 error. */
static int find_block(struct store_writer *w, int64_t id, struct open_block **out, struct err *err)
{
	*out = find_open(w->blocks, id);
	return *out ? 1 : open_stored(w->blocks, id, out, err);
}

/* Below all others: the first block begins earlier, or there is a new one. */
static int extend_downwards(struct block_cache *c, int64_t id, struct open_block **out, struct err *err)
{
	int64_t first_key;

	if (key_behind(c, id, &first_key, err))
		return -1;
	struct open_block *o = first_key < INT64_MAX ? find_open(c, first_key) : NULL;
	if (!o || !block_has_room(&o->block, first_key) || !block_spans(&o->block, id))
		return new_block(c, id, first_key, out, err);
	if (remove_block(c, o, err))
		return -1;
	o->block.key = id;
	o->dirty = true;
	*out = o;
	return 0;
}

/* Makes room for a row at `id` in `*o`, which covers it; *o may be another block afterwards. */
static int make_room(struct block_cache *c, struct open_block **o, int64_t id, struct err *err)
{
	struct open_block *full = *o, *fresh;
	bool behind = !full->block.count || full->block.rows[full->block.count - 1].id < id;

	if (block_has_room(&full->block, id) || (!behind && full->block.count < 2))
		return 0;
	full->last_use = ++c->uses; /* or its own place might be taken */
	if (new_block(c, id, full->next_key, &fresh, err))
		return -1;
	if (!behind) {
		block_split(&full->block, &fresh->block);
		fresh->dirty = full->dirty = true;
	}
	full->next_key = fresh->block.key;
	*o = covers(fresh, id) ? fresh : use(c, full);
	return 0;
}

static int damaged_row(int64_t id, struct err *err)
{
	return err_set(err, "store: request %llx is damaged: run llmdeck doctor --deep", (long long)id);
}

/* The block that covers `id`, if need be a new one. */
static int cover(struct store_writer *w, int64_t id, struct open_block **o, struct err *err)
{
	int got = find_block(w, id, o, err);

	return got < 0 || (!got && extend_downwards(w->blocks, id, o, err)) ? -1 : 0;
}

static int insert_stored(struct store_writer *w, int64_t id, uint32_t series, const struct packed *p, struct packed *taken,
                         struct err *err)
{
	struct open_block *o;

	if (cover(w, id, &o, err))
		return -1;
	size_t at = block_find(&o->block, id);
	if (at < o->block.count && o->block.rows[at].id == id)
		return taken && !block_read(&o->block, at, taken) ? damaged_row(id, err) : 0;
	if (make_room(w->blocks, &o, id, err))
		return -1;
	block_insert(&o->block, block_find(&o->block, id), id, series, p);
	o->dirty = true;
	return 1;
}

/* Puts the block's own rows and those of others that it covers side by side, as far as a few blocks hold them;
 * returns how many of the others. */
static size_t gather(struct block_cache *c, struct open_block *o, const struct block_source *rows, size_t count)
{
	const struct block *b = &o->block;
	size_t own = 0, taken = 0, bytes = 0;

	c->gathered = mem_grow(c->gathered, &c->gathered_cap, b->count + GATHERED_ROWS, sizeof *c->gathered);
	c->gathered_count = 0;
	for (; taken < count && taken < GATHERED_ROWS && bytes < GATHERED_BYTES; taken++) {
		const struct block_row *row = block_source_row(&rows[taken]);

		if (taken && (!covers(o, row->id) || !block_reaches(b, row->id)))
			break;
		block_prefetch(rows[taken].from, row);
		for (; own < b->count && b->rows[own].id < row->id; own++)
			c->gathered[c->gathered_count++] = (struct block_source){&o->block, own};
		if (own == b->count || b->rows[own].id != row->id)
			c->gathered[c->gathered_count++] = rows[taken];
		bytes += block_row_bytes(row);
	}
	for (; own < b->count; own++)
		c->gathered[c->gathered_count++] = (struct block_source){&o->block, own};
	return taken;
}

/* Where the gathered rows are cut into blocks: full ones at the end of all, where more comes behind them, else of
 * one length; returns how many there are. */
static size_t cut_gathered(const struct block_cache *c, const struct open_block *o, size_t from[PIECES_MAX])
{
	size_t bytes = 0, pieces = 1, room = BLOCK_BYTES, here = 0;

	for (size_t i = 0; i < c->gathered_count; i++)
		bytes += block_row_bytes(block_source_row(&c->gathered[i]));
	if (bytes && o->next_key < INT64_MAX)
		room = bytes / ((bytes + BLOCK_BYTES - 1) / BLOCK_BYTES) + 1;
	from[0] = 0;
	for (size_t i = 0; i < c->gathered_count; i++) {
		if ((here >= room || i - from[pieces - 1] >= BLOCK_ROWS_MAX) && pieces < PIECES_MAX) {
			from[pieces++] = i;
			here = 0;
		}
		here += block_row_bytes(block_source_row(&c->gathered[i]));
	}
	return pieces;
}

/* The gathered rows become the block's own and those of new ones behind it. */
static int put_gathered(struct block_cache *c, struct open_block *o, struct err *err)
{
	size_t from[PIECES_MAX], end = c->gathered_count, pieces = cut_gathered(c, o, from);

	use(c, o); /* or its own place might be taken */
	while (--pieces) {
		const struct block_source *first = &c->gathered[from[pieces]];
		struct open_block *fresh;

		if (new_block(c, block_source_row(first)->id, o->next_key, &fresh, err))
			return -1;
		block_fill(&fresh->block, first, end - from[pieces]);
		fresh->dirty = true;
		o->next_key = fresh->block.key;
		end = from[pieces];
	}
	block_fill(&o->block, c->gathered, end);
	o->dirty = true;
	return 0;
}

int writer_blocks_take(struct store_writer *w, const struct block_source *rows, size_t count, struct err *err)
{
	struct block_cache *c = w->blocks;
	struct open_block *o;

	for (size_t taken = 0; taken < count;) {
		int64_t id = block_source_row(&rows[taken])->id;

		if (cover(w, id, &o, err) || (!block_reaches(&o->block, id) && make_room(c, &o, id, err)))
			return -1;
		taken += gather(c, o, rows + taken, count - taken);
		if (put_gathered(c, o, err))
			return -1;
	}
	return 0;
}

/* The open block and place of a row that is stored there: 1, 0 there is none, -1 error. */
static int find_row(struct store_writer *w, int64_t id, struct open_block **o, size_t *at, struct err *err)
{
	int got = find_block(w, id, o, err);

	if (got <= 0)
		return got;
	*at = block_find(&(*o)->block, id);
	return *at < (*o)->block.count && (*o)->block.rows[*at].id == id;
}

int writer_insert_request(struct store_writer *w, int64_t id, uint32_t series, const struct packed *p, struct packed *taken,
                          struct err *err)
{
	struct open_block *o;
	struct block *b;
	size_t at;
	enum fresh_place place = writer_fresh_find(w, id, &b, &at);

	if (place == FRESH_HERE)
		return taken && !block_read(b, at, taken) ? damaged_row(id, err) : 0;
	if (!writer_fresh_takes(w, p)) {
		int got = insert_stored(w, id, series, p, taken, err);

		if (got > 0)
			writer_fresh_note_stored(w, id);
		return got;
	}
	int got = place == FRESH_NOWHERE ? 0 : find_row(w, id, &o, &at, err);
	if (got)
		return got < 0 ? -1 : taken && !block_read(&o->block, at, taken) ? damaged_row(id, err) : 0;
	writer_fresh_insert(w, id, series, p);
	return 1;
}

/* The block and place of a row, wherever it is: 1, *o is NULL when it is in the journal; 0 there is none, -1 error. */
static int find_anywhere(struct store_writer *w, int64_t id, struct open_block **o, struct block **b, size_t *at, struct err *err)
{
	enum fresh_place place = writer_fresh_find(w, id, b, at);

	*o = NULL;
	if (place == FRESH_HERE || place == FRESH_NOWHERE)
		return place == FRESH_HERE;
	int got = find_row(w, id, o, at, err);
	*b = got > 0 ? &(*o)->block : NULL;
	return got;
}

int writer_get_request(struct store_writer *w, int64_t id, uint32_t *series, struct packed *p, struct err *err)
{
	struct open_block *o;
	struct block *b;
	size_t at;
	int got = find_anywhere(w, id, &o, &b, &at, err);

	if (got <= 0)
		return got;
	*series = b->rows[at].series;
	return block_read(b, at, p) ? 1 : damaged_row(id, err);
}

int writer_set_request(struct store_writer *w, int64_t id, uint32_t series, const struct packed *p, struct err *err)
{
	struct open_block *o;
	struct block *b;
	size_t at;
	int got = find_anywhere(w, id, &o, &b, &at, err);

	if (got <= 0)
		return got;
	if (!o) {
		writer_fresh_set(w, b, at, series, p);
		return 0;
	}
	block_replace(b, at, series, p);
	o->dirty = true;
	return 0;
}

int writer_remove_request(struct store_writer *w, int64_t id, struct err *err)
{
	struct open_block *o;
	struct block *b;
	size_t at;
	int got = find_anywhere(w, id, &o, &b, &at, err);

	if (got <= 0)
		return got;
	if (!o) {
		writer_fresh_remove(w, b, at);
		return 0;
	}
	block_remove(b, at);
	o->dirty = true;
	writer_fresh_note_removed(w, id);
	return 0;
}

int writer_walk_requests(struct store_writer *w, struct block_walk *k, int64_t from_id, int64_t to_id, bool down, struct err *err)
{
	return writer_blocks_write(w, err) || writer_fresh_write(w, err) ? -1 :
	       block_walk_begin(k, w->db, &w->fresh_read, from_id, to_id, down, err);
}
