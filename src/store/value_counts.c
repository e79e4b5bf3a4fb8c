/* Dimensions are counted by series, names by their number, token counts by band; values of many-valued
 * attributes stand in hash tables. A table that is full lets its rarest values go and takes no notice of
 * them until they come again (lossy counting, Manku and Motwani 2002): what makes up a share of the bad
 * requests that is worth naming always stays.
 *
 * Two samples of rows, of the bad and of the good ones, are kept by reservoir sampling with a generator of
 * a fixed seed, so that the same question has the same answer. */
#include "store/value_counts.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define TEXT_SLOTS 65536u            /* a power of two */
#define TEXT_MOST (TEXT_SLOTS * 3 / 4)
#define SAMPLE_ROWS 16384u
#define THRESHOLD 100u               /* numbers of token bands from here on stand for "at least" */

/* ── what is counted ───────────────────────────────────────────────────────────────────────── */

enum subject_kind { BY_DIM, BY_NAME, BY_NUMBER, BY_TEXT };
static const struct {
	const char *name;
	enum subject_kind kind;
	int which; /* enum dim, enum attr */
} subjects[SUBJECT_COUNT] = {
	[SUBJECT_DEPLOYMENT] = {"deployment", BY_DIM, DIM_DEPLOYMENT},
	[SUBJECT_PROMPT_VERSION] = {"prompt_version", BY_TEXT, ATTR_PROMPT_VERSION},
	[SUBJECT_MODEL] = {"model", BY_DIM, DIM_MODEL},
	[SUBJECT_PROVIDER] = {"provider", BY_DIM, DIM_PROVIDER},
	[SUBJECT_TOOL] = {"tool", BY_TEXT, ATTR_TOOL},
	[SUBJECT_REGION] = {"region", BY_DIM, DIM_REGION},
	[SUBJECT_SERVICE] = {"service", BY_DIM, DIM_SERVICE},
	[SUBJECT_ENVIRONMENT] = {"environment", BY_DIM, DIM_ENVIRONMENT},
	[SUBJECT_ERROR_TYPE] = {"error_type", BY_NAME, 0},
	[SUBJECT_FINISH_REASON] = {"finish_reason", BY_NAME, 0},
	[SUBJECT_INPUT] = {"input_tokens", BY_NUMBER, 0},
	[SUBJECT_OUTPUT] = {"output_tokens", BY_NUMBER, 0},
	[SUBJECT_ATTEMPT] = {"attempt", BY_NUMBER, 0},
	[SUBJECT_TENANT] = {"tenant", BY_TEXT, ATTR_TENANT},
	[SUBJECT_KEY] = {"key", BY_TEXT, ATTR_KEY},
	[SUBJECT_USER] = {"user", BY_TEXT, ATTR_USER},
	[SUBJECT_TEAM] = {"team", BY_DIM, DIM_TEAM},
	[SUBJECT_SOURCE] = {"source", BY_NAME, 0},
	[SUBJECT_REQUEST_MODEL] = {"request_model", BY_NAME, 0},
	[SUBJECT_OPERATION] = {"operation", BY_NAME, 0},
	[SUBJECT_OUTCOME] = {"outcome", BY_NAME, 0},
	[SUBJECT_HTTP_STATUS] = {"http_status", BY_NUMBER, 0},
	[SUBJECT_SESSION] = {"session", BY_TEXT, ATTR_SESSION},
	[SUBJECT_TAG0] = {"tag0", BY_TEXT, ATTR_TAG0},
	[SUBJECT_TAG0 + 1] = {"tag1", BY_TEXT, ATTR_TAG0 + 1},
	[SUBJECT_TAG0 + 2] = {"tag2", BY_TEXT, ATTR_TAG0 + 2},
	[SUBJECT_TAG0 + 3] = {"tag3", BY_TEXT, ATTR_TAG0 + 3},
	[SUBJECT_TAG0 + 4] = {"tag4", BY_TEXT, ATTR_TAG0 + 4},
	[SUBJECT_TAG0 + 5] = {"tag5", BY_TEXT, ATTR_TAG0 + 5},
	[SUBJECT_TAG0 + 6] = {"tag6", BY_TEXT, ATTR_TAG0 + 6},
	[SUBJECT_TAG0 + 7] = {"tag7", BY_TEXT, ATTR_TAG0 + 7},
};

const char *subject_name(enum subject s)
{
	return subjects[s].name;
}

/* Lower edges of the token bands; band i (from 1) begins at edge i - 1. No tokens at all are what is reported
 * of calls that failed before they were counted: not told. */
static const int64_t edges[] = {0, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000};
#define EDGES (sizeof edges / sizeof *edges)

static uint32_t band_of(int64_t tokens)
{
	uint32_t band = 0;

	while (tokens > 0 && band < EDGES && tokens >= edges[band])
		band++;
	return band;
}

struct count {
	int64_t bad, total;
};
struct counts { /* by number */
	struct count *items;
	size_t cap;
};
struct text_count {
	uint64_t hash; /* 0: free */
	struct count count;
	const char *text;
	uint32_t len;
};
struct texts {
	struct text_count *slots; /* NULL before the first */
	size_t len;
	int64_t least; /* values with fewer bad requests than this were let go; 0: none was */
	struct arena arena;
};
struct sample_row {
	uint32_t codes[SUBJECT_COUNT]; /* number of the value, or half of its hash; 0: not told */
};
struct sample {
	struct sample_row *rows;
	size_t len;
	uint64_t seen;
};

struct value_counts {
	struct bad bad;
	bool two_windows;
	struct count all;
	struct counts series, numbers[SUBJECT_COUNT];
	struct texts texts[SUBJECT_COUNT];
	struct sample samples[2]; /* good, bad */
	uint64_t random;
};

struct value_counts *value_counts_new(const struct bad *bad, bool two_windows)
{
	struct value_counts *c = mem_zalloc(sizeof *c);

	c->bad = *bad;
	c->two_windows = two_windows;
	c->random = UINT64_C(0x9e3779b97f4a7c15);
	return c;
}

void value_counts_free(struct value_counts **c)
{
	if (!*c)
		return;
	free((*c)->series.items);
	for (int s = 0; s < SUBJECT_COUNT; s++) {
		free((*c)->numbers[s].items);
		free((*c)->texts[s].slots);
		arena_fini(&(*c)->texts[s].arena);
	}
	free((*c)->samples[0].rows);
	free((*c)->samples[1].rows);
	free(*c);
	*c = NULL;
}

unsigned value_counts_attrs(void)
{
	unsigned attrs = 0;

	for (int s = 0; s < SUBJECT_COUNT; s++)
		attrs |= subjects[s].kind == BY_TEXT ? 1u << subjects[s].which : 0;
	return attrs;
}

/* What is part of being bad, or follows from it, is no reason for it. */
static bool is_left_out(const struct value_counts *c, enum subject s)
{
	const struct bad *b = &c->bad;

	switch (s) {
	case SUBJECT_SESSION:
		return c->two_windows;
	case SUBJECT_ERROR_TYPE:
	case SUBJECT_HTTP_STATUS:
		return b->failed;
	case SUBJECT_OUTPUT:
		return b->failed || bad_range_says(b->latency_us) || bad_range_says(b->cost_nusd);
	default:
		return false;
	}
}

static bool is_consequence(const struct bad *b, enum subject s, struct str value)
{
	static const char *const cut[] = {"content_filter", "content-filter", "error", "refusal", "safety"};

	if ((s != SUBJECT_FINISH_REASON && s != SUBJECT_ERROR_TYPE) || (!b->failed && !b->flagged))
		return false;
	for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
		if (str_equal_nocase(value, str_of(cut[i])))
			return true;
	return false;
}

/* ── counting ──────────────────────────────────────────────────────────────────────────────── */

static void count_number(struct counts *c, uint32_t number, bool is_bad)
{
	if (number >= c->cap) {
		size_t before = c->cap;

		c->items = mem_grow(c->items, &c->cap, (size_t)number + 64, sizeof *c->items);
		memset(c->items + before, 0, (c->cap - before) * sizeof *c->items);
	}
	c->items[number].total++;
	c->items[number].bad += is_bad;
}

static struct text_count *slot_of(const struct texts *t, uint64_t hash)
{
	size_t at = hash & (TEXT_SLOTS - 1);

	while (t->slots[at].hash && t->slots[at].hash != hash)
		at = (at + 1) & (TEXT_SLOTS - 1);
	return &t->slots[at];
}

/* Makes room: those with the fewest bad requests go. */
static void let_rare_go(struct texts *t)
{
	while (t->len > TEXT_MOST / 2) {
		struct texts old = *t;

		t->slots = mem_zalloc(TEXT_SLOTS * sizeof *t->slots);
		t->arena = (struct arena){0};
		t->len = 0;
		t->least += 1 + t->least / 4;
		for (size_t i = 0; i < TEXT_SLOTS; i++) {
			const struct text_count *from = &old.slots[i];

			if (!from->hash || from->count.bad < t->least)
				continue;
			struct text_count *to = slot_of(t, from->hash);

			*to = *from;
			to->text = arena_copy(&t->arena, from->text, from->len);
			t->len++;
		}
		free(old.slots);
		arena_fini(&old.arena);
	}
}

static uint32_t count_text(struct value_counts *c, enum subject s, struct str text, bool is_bad)
{
	struct texts *t = &c->texts[s];
	uint64_t hash = hash_bytes(text.ptr, text.len) | 1;

	if (!t->slots)
		t->slots = mem_zalloc(TEXT_SLOTS * sizeof *t->slots);
	struct text_count *slot = slot_of(t, hash);
	if (!slot->hash) {
		if (t->len == TEXT_MOST) {
			let_rare_go(t);
			slot = slot_of(t, hash);
		}
		*slot = (struct text_count){.hash = hash, .text = arena_copy(&t->arena, text.ptr, text.len), .len = (uint32_t)text.len};
		t->len++;
	}
	slot->count.total++;
	slot->count.bad += is_bad;
	return (uint32_t)(hash >> 32) | 1;
}

static uint32_t number_of(enum subject s, const struct scan_row *row)
{
	switch (s) {
	case SUBJECT_ERROR_TYPE: return row->error_type;
	case SUBJECT_FINISH_REASON: return row->finish_reason;
	case SUBJECT_SOURCE: return row->source;
	case SUBJECT_REQUEST_MODEL: return row->request_model;
	case SUBJECT_OPERATION: return row->operation;
	case SUBJECT_OUTCOME: return row->outcome;
	case SUBJECT_INPUT: return band_of(row->input_tokens);
	case SUBJECT_OUTPUT: return band_of(row->output_tokens);
	case SUBJECT_ATTEMPT: return row->attempt;
	case SUBJECT_HTTP_STATUS: return row->http_status;
	default: return 0;
	}
}

static uint64_t next_random(struct value_counts *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random;
}

/* Where a row of the walk belongs in its sample; NULL when it is not drawn. */
static struct sample_row *draw(struct value_counts *c, bool is_bad)
{
	struct sample *s = &c->samples[is_bad];
	uint64_t at = s->seen++;

	if (!s->rows)
		s->rows = mem_alloc(SAMPLE_ROWS * sizeof *s->rows);
	if (at >= SAMPLE_ROWS)
		at = next_random(c) % s->seen;
	else
		s->len++;
	return at < SAMPLE_ROWS ? &s->rows[at] : NULL;
}

void value_counts_add(struct value_counts *c, const struct scan_row *row, bool is_bad)
{
	struct sample_row *kept = draw(c, is_bad);

	c->all.total++;
	c->all.bad += is_bad;
	count_number(&c->series, row->series, is_bad);
	for (int s = 0; s < SUBJECT_COUNT; s++) {
		uint32_t code = 0;

		if (subjects[s].kind == BY_DIM) {
			code = row->dims[subjects[s].which];
		} else if (subjects[s].kind != BY_TEXT) {
			code = number_of((enum subject)s, row);
			if (code)
				count_number(&c->numbers[s], code, is_bad);
		} else if (row->attrs[subjects[s].which].len) {
			code = count_text(c, (enum subject)s, row->attrs[subjects[s].which], is_bad);
		}
		if (kept)
			kept->codes[s] = code;
	}
}

/* ── what came of it ───────────────────────────────────────────────────────────────────────── */

struct found {
	struct suspect *items;
	size_t len, cap, tried;
};

static void offer(struct found *f, enum subject s, uint32_t value, struct count count)
{
	if (count.total < SUSPECT_BAD_MIN) /* too few to be named whatever they did: not tried */
		return;
	f->tried++;
	if (!count.bad)
		return;
	f->items = mem_grow(f->items, &f->cap, f->len + 1, sizeof *f->items);
	f->items[f->len++] = (struct suspect){.attribute = s, .value = value, .bad = count.bad, .total = count.total};
}

/* Adds the series' counts up by one dimension. */
static void sum_dimension(struct value_counts *c, const struct store_reader *r, enum subject s)
{
	struct counts *sums = &c->numbers[s];

	for (size_t i = 0; i < c->series.cap; i++) {
		if (!c->series.items[i].total)
			continue;
		uint32_t name = scan_series_dims(r, (uint32_t)i)[subjects[s].which];

		if (!name)
			continue;
		count_number(sums, name, false);
		sums->items[name].total += c->series.items[i].total - 1;
		sums->items[name].bad += c->series.items[i].bad;
	}
}

static void offer_numbers(struct found *f, const struct value_counts *c, enum subject s, const struct store_reader *r)
{
	const struct counts *n = &c->numbers[s];
	bool named = subjects[s].kind != BY_NUMBER;

	for (size_t i = 1; i < n->cap; i++)
		if (!named || !is_consequence(&c->bad, s, str_of(scan_name(r, (uint32_t)i))))
			offer(f, s, (uint32_t)i, n->items[i]);
}

/* Bands of tokens as "at least" too: a cause is often everything above some size. */
static void offer_thresholds(struct found *f, const struct value_counts *c, enum subject s)
{
	const struct counts *n = &c->numbers[s];
	struct count sum = {0};

	for (size_t band = n->cap < EDGES + 1 ? n->cap : EDGES + 1; band-- > 2;) {
		bool is_last = !sum.total; /* the last band says the same */

		sum.total += n->items[band].total;
		sum.bad += n->items[band].bad;
		if (!is_last)
			offer(f, s, THRESHOLD + (uint32_t)band, sum);
	}
}

static void offer_texts(struct found *f, const struct value_counts *c, enum subject s)
{
	const struct texts *t = &c->texts[s];

	for (uint32_t i = 0; t->slots && i < TEXT_SLOTS; i++)
		if (t->slots[i].hash)
			offer(f, s, i, t->slots[i].count);
}

static int most_evidence_first(const void *a, const void *b)
{
	const struct suspect *x = a, *y = b;

	if (x->named != y->named)
		return x->named ? -1 : 1;
	if (x->evidence != y->evidence)
		return x->evidence > y->evidence ? -1 : 1;
	if (x->attribute != y->attribute)
		return x->attribute < y->attribute ? -1 : 1;
	return x->value < y->value ? -1 : x->value > y->value;
}

size_t value_counts_weigh(struct value_counts *c, const struct store_reader *r, struct suspect **list, size_t most, size_t *tried)
{
	struct found f = {0};

	for (int s = 0; s < SUBJECT_COUNT; s++) {
		if (is_left_out(c, (enum subject)s))
			continue;
		if (subjects[s].kind == BY_DIM)
			sum_dimension(c, r, (enum subject)s);
		if (subjects[s].kind == BY_TEXT)
			offer_texts(&f, c, (enum subject)s);
		else
			offer_numbers(&f, c, (enum subject)s, r);
		if (s == SUBJECT_INPUT || s == SUBJECT_OUTPUT)
			offer_thresholds(&f, c, (enum subject)s);
	}
	suspects_weigh(f.items, f.len, c->all.bad, c->all.total, f.tried);
	if (f.len)
		qsort(f.items, f.len, sizeof *f.items, most_evidence_first);
	*list = f.items;
	*tried = f.tried;
	return f.len < most ? f.len : most;
}

bool value_counts_unsure(const struct value_counts *c, const struct suspect *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].named && subjects[list[i].attribute].kind == BY_TEXT && c->texts[list[i].attribute].least)
			return true;
	return false;
}

void value_counts_begin_again(const struct value_counts *c, struct suspect *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (subjects[list[i].attribute].kind == BY_TEXT && c->texts[list[i].attribute].least)
			list[i].bad = list[i].total = 0;
}

void value_counts_add_again(const struct value_counts *c, const struct scan_row *row, bool is_bad, struct suspect *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct text_count *slot;

		if (subjects[list[i].attribute].kind != BY_TEXT || !c->texts[list[i].attribute].least)
			continue;
		slot = &c->texts[list[i].attribute].slots[list[i].value];
		if (!str_equal(row->attrs[subjects[list[i].attribute].which], (struct str){slot->text, slot->len}))
			continue;
		list[i].total++;
		list[i].bad += is_bad;
	}
}

void value_counts_weigh_again(const struct value_counts *c, struct suspect *list, size_t count, size_t tried)
{
	suspects_weigh(list, count, c->all.bad, c->all.total, tried);
	qsort(list, count, sizeof *list, most_evidence_first);
}

/* Whether a kept row has a value. */
static bool row_has(const struct value_counts *c, const struct sample_row *row, const struct suspect *s)
{
	uint32_t code = row->codes[s->attribute];

	if (subjects[s->attribute].kind == BY_TEXT)
		return code == ((uint32_t)(c->texts[s->attribute].slots[s->value].hash >> 32) | 1);
	if (subjects[s->attribute].kind == BY_NUMBER && s->value > THRESHOLD && s->value <= THRESHOLD + EDGES &&
	    (s->attribute == SUBJECT_INPUT || s->attribute == SUBJECT_OUTPUT))
		return code >= s->value - THRESHOLD;
	return code == s->value;
}

void value_counts_rank(struct value_counts *c, struct suspect *list, size_t count, size_t tried)
{
	size_t ranked = count < SUSPECTS_RANKED_MAX ? count : SUSPECTS_RANKED_MAX, len = 0, cap = 0;
	struct suspect_cell *cells = NULL;
	struct intmap index = {0};

	for (int is_bad = 0; is_bad < 2; is_bad++)
		for (size_t i = 0; i < c->samples[is_bad].len; i++) {
			uint64_t mask = 0;

			for (size_t k = 0; k < ranked; k++)
				mask |= (uint64_t)row_has(c, &c->samples[is_bad].rows[i], &list[k]) << k;
			/* The index holds the cell's place plus one, as a pointer. */
			uintptr_t at = (uintptr_t)intmap_get(&index, mask);

			if (!at) {
				cells = mem_grow(cells, &cap, len + 1, sizeof *cells);
				cells[len++] = (struct suspect_cell){.mask = mask};
				intmap_put(&index, mask, (void *)(at = len));
			}
			cells[at - 1].bad += is_bad;
			cells[at - 1].good += !is_bad;
		}
	suspects_rank(list, count, cells, len, tried);
	intmap_fini(&index);
	free(cells);
}

static void put_tokens(struct buf *out, int64_t tokens)
{
	if (tokens >= 1000)
		buf_printf(out, "%lldk", (long long)(tokens / 1000));
	else
		buf_printf(out, "%lld", (long long)tokens);
}

/* ">=8k" of a threshold and of the last band, "4k-8k" of the others. */
static void put_band(struct buf *out, uint32_t value)
{
	bool threshold = value > THRESHOLD;
	uint32_t band = threshold ? value - THRESHOLD : value;

	if (band < 1 || band > EDGES)
		return;
	buf_puts(out, threshold || band == EDGES ? ">=" : "");
	put_tokens(out, edges[band - 1]);
	if (threshold || band == EDGES)
		return;
	buf_append_c(out, '-');
	put_tokens(out, edges[band]);
}

void value_counts_text(const struct value_counts *c, const struct store_reader *r, const struct suspect *s, struct buf *out)
{
	const struct text_count *slot;

	if (s->attribute == SUBJECT_INPUT || s->attribute == SUBJECT_OUTPUT) {
		put_band(out, s->value);
	} else if (subjects[s->attribute].kind == BY_NUMBER) {
		buf_printf(out, "%u", s->value);
	} else if (subjects[s->attribute].kind == BY_TEXT) {
		slot = &c->texts[s->attribute].slots[s->value];
		buf_append(out, slot->text, slot->len);
	} else {
		buf_puts(out, scan_name(r, s->value));
	}
}

int64_t value_counts_bad(const struct value_counts *c)
{
	return c->all.bad;
}

int64_t value_counts_total(const struct value_counts *c)
{
	return c->all.total;
}
