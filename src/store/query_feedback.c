/* The list is answered from an index in memory that belongs to the reader: one light entry per item,
 * newest first, filled a piece at a time and then kept up by reading only rows whose `touched` rose.
 * Filtering walks it once; sorting is a stable radix sort of 32-bit keys. */
#include "store/query_feedback.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/reader_private.h"
#include "store/sql.h"

#define BUDGET_US (15 * US_PER_MS)
#define ROWS_A_LOOK 256       /* between two looks at the clock */
#define LOOKUPS_MAX 2000      /* texts that are looked up one by one; more are walked through */
#define LIGHT_COLUMNS \
	"id, series, mood, state, sentiment, confidence, rating, judge, language, assignee, has_text, notes, labels, dataset"

enum match { MATCH_UNKNOWN, MATCH_YES, MATCH_NO };

struct entry {
	struct feedback_light light;
	uint32_t series;
	uint8_t match; /* enum match, of `needle` */
};

struct feedback_index {
	struct entry *items; /* ids falling */
	size_t count, cap;
	int64_t touched;     /* everything up to it has been read */
	int64_t below;       /* the first filling goes on below this id; 0: it is done */
	struct strmap names; /* text -> index */
	const char **texts;
	size_t text_count, text_cap;
	struct arena arena;
	char *needle;        /* what the match fields are about; NULL: nothing */
};

static void index_reset(struct feedback_index *x)
{
	free(x->items);
	free(x->texts);
	free(x->needle);
	strmap_fini(&x->names);
	arena_fini(&x->arena);
	*x = (struct feedback_index){.below = INT64_MAX};
	x->texts = mem_grow(NULL, &x->text_cap, 1, sizeof *x->texts);
	x->texts[x->text_count++] = "";
}

void feedback_index_free(struct feedback_index **index)
{
	if (!*index)
		return;
	index_reset(*index);
	free((*index)->texts);
	free(*index);
	*index = NULL;
}

static uint32_t intern(struct feedback_index *x, struct str s)
{
	uint32_t at;

	if (!s.len)
		return 0;
	if (strmap_get(&x->names, s, &at))
		return at;
	x->texts = mem_grow(x->texts, &x->text_cap, x->text_count + 1, sizeof *x->texts);
	at = (uint32_t)x->text_count;
	x->texts[x->text_count++] = arena_copy(&x->arena, s.ptr, s.len);
	strmap_put(&x->names, s, at);
	return at;
}

static float real_of(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? NAN : (float)sqlite3_column_double(st, column);
}

static uint32_t dim_of(struct store_reader *r, struct feedback_index *x, uint32_t series, enum dim d)
{
	return series < r->names.series_count ? intern(x, str_of(names_text(&r->names, r->names.series[series].value[d]))) : 0;
}

static struct entry read_entry(struct store_reader *r, struct feedback_index *x, sqlite3_stmt *st)
{
	struct entry e = {.series = (uint32_t)sqlite3_column_int64(st, 1)};

	e.light = (struct feedback_light){
		.id = sqlite3_column_int64(st, 0), .time_us = id_time_us(sqlite3_column_int64(st, 0)),
		.mood = (uint8_t)(sqlite3_column_int(st, 2) & 3), .state = (uint8_t)sqlite3_column_int(st, 3),
		.score = real_of(st, 4), .confidence = real_of(st, 5), .rating = real_of(st, 6),
		.judge = intern(x, str_of(names_text(&r->names, (uint32_t)sqlite3_column_int64(st, 7)))),
		.language = intern(x, str_of(names_text(&r->names, (uint32_t)sqlite3_column_int64(st, 8)))),
		.assignee = intern(x, sql_str(st, 9)),
		.has_text = sqlite3_column_int(st, 10), .noted = sqlite3_column_int(st, 11) > 0,
		.labelled = sqlite3_column_int(st, 12) > 0, .in_dataset = sqlite3_column_int64(st, 13) != 0,
		.service = dim_of(r, x, e.series, DIM_SERVICE), .deployment = dim_of(r, x, e.series, DIM_DEPLOYMENT),
	};
	if (e.light.state >= FEEDBACK_STATE_COUNT)
		e.light.state = FEEDBACK_OPEN;
	return e;
}

/* The place of an id, or where it would be. */
static size_t find(const struct feedback_index *x, int64_t id)
{
	size_t low = 0, high = x->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->items[middle].light.id > id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int falling(const void *a, const void *b)
{
	int64_t x = ((const struct entry *)a)->light.id, y = ((const struct entry *)b)->light.id;

	return x > y ? -1 : x < y;
}

/* Puts new entries among the others, from the back, where both are sorted. */
static void merge(struct feedback_index *x, struct entry *fresh, size_t n)
{
	size_t a = x->count, b = n, at = a + b;

	if (!n)
		return;
	qsort(fresh, n, sizeof *fresh, falling);
	x->items = mem_grow(x->items, &x->cap, at, sizeof *x->items);
	x->count = at;
	while (b) {
		bool old = a && x->items[a - 1].light.id < fresh[b - 1].light.id;

		x->items[--at] = old ? x->items[--a] : fresh[--b];
	}
}

static int read_touched(struct store_reader *r, struct feedback_index *x, struct err *err)
{
	struct entry *fresh = NULL;
	size_t n = 0, cap = 0;
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(r->db, &st, "SELECT " LIGHT_COLUMNS ", touched FROM feedback WHERE touched>?1 ORDER BY touched", err))
		return -1;
	sqlite3_bind_int64(st, 1, x->touched);
	while ((got = sql_step(st, err)) > 0) {
		struct entry e = read_entry(r, x, st);
		size_t at = find(x, e.light.id);

		x->touched = sqlite3_column_int64(st, 14);
		if (at < x->count && x->items[at].light.id == e.light.id) {
			e.match = x->items[at].match;
			x->items[at] = e;
		} else if (e.light.id >= x->below || !x->below) {
			fresh = mem_grow(fresh, &cap, n + 1, sizeof *fresh);
			fresh[n++] = e;
		}
	}
	sqlite3_finalize(st);
	merge(x, fresh, n);
	free(fresh);
	return got;
}

/* The first filling, newest first, until the time is up. */
static int fill(struct store_reader *r, struct feedback_index *x, int64_t until_us, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(r->db, &st, "SELECT " LIGHT_COLUMNS " FROM feedback WHERE id<?1 ORDER BY id DESC", err))
		return -1;
	sqlite3_bind_int64(st, 1, x->below);
	while ((got = sql_step(st, err)) > 0) {
		x->items = mem_grow(x->items, &x->cap, x->count + 1, sizeof *x->items);
		x->items[x->count] = read_entry(r, x, st);
		x->below = x->items[x->count++].light.id;
		if (x->count % ROWS_A_LOOK == 0 && clock_mono_us() > until_us)
			break;
	}
	sqlite3_finalize(st);
	if (got == 0)
		x->below = 0;
	return got < 0 ? -1 : 0;
}

static int refresh(struct store_reader *r, int64_t until_us, struct err *err)
{
	struct feedback_index *x = r->feedback;
	int64_t stored, touched;

	if (!x) {
		x = r->feedback = mem_zalloc(sizeof *x);
		index_reset(x);
	}
	if (reader_meta(r, "feedback", &stored, err) || reader_meta(r, "feedback_touched", &touched, err))
		return -1;
	if (x->below == INT64_MAX)
		x->touched = touched;
	else if (read_touched(r, x, err))
		return -1;
	/* Rows went (forgotten): which ones is not told. */
	if (!x->below && (int64_t)x->count != stored) {
		index_reset(x);
		x->touched = touched;
	}
	return x->below ? fill(r, x, until_us, err) : 0;
}

/* ── text ──────────────────────────────────────────────────────────────────────────────────── */

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

/* `needle` is in lower case. */
static bool contains(struct str text, const char *needle, size_t len)
{
	unsigned char first = (unsigned char)needle[0];

	for (size_t i = 0; i + len <= text.len; i++) {
		size_t k = 1;

		if (lower((unsigned char)text.ptr[i]) != first)
			continue;
		while (k < len && lower((unsigned char)text.ptr[i + k]) == (unsigned char)needle[k])
			k++;
		if (k == len)
			return true;
	}
	return false;
}

static void set_needle(struct feedback_index *x, struct str text)
{
	char *needle = mem_strndup(text.ptr, text.len);

	for (char *c = needle; *c; c++)
		*c = (char)lower((unsigned char)*c);
	if (x->needle && !strcmp(x->needle, needle)) {
		free(needle);
		return;
	}
	free(x->needle);
	x->needle = needle;
	for (size_t i = 0; i < x->count; i++)
		x->items[i].match = MATCH_UNKNOWN;
}

static int match_one(struct feedback_index *x, sqlite3_stmt *st, struct entry *e, struct err *err)
{
	sqlite3_bind_int64(st, 1, e->light.id);
	int got = sql_step(st, err);

	e->match = got > 0 && contains(sql_str(st, 0), x->needle, strlen(x->needle)) ? MATCH_YES : MATCH_NO;
	sqlite3_reset(st);
	return got < 0 ? -1 : 0;
}

/* Walks the texts beside the index from its first entry that is not known yet. */
static int match_all(struct store_reader *r, struct feedback_index *x, size_t first, int64_t until_us, bool *complete, struct err *err)
{
	size_t at = first, rows = 0, len = strlen(x->needle);
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(r->texts, &st, "SELECT id, text FROM texts WHERE id<=?1 ORDER BY id DESC", err))
		return -1;
	sqlite3_bind_int64(st, 1, x->items[first].light.id);
	while ((got = sql_step(st, err)) > 0) {
		int64_t id = sqlite3_column_int64(st, 0);

		for (; at < x->count && x->items[at].light.id > id; at++)
			x->items[at].match = MATCH_NO;
		if (at < x->count && x->items[at].light.id == id)
			x->items[at++].match = contains(sql_str(st, 1), x->needle, len) ? MATCH_YES : MATCH_NO;
		if (++rows % ROWS_A_LOOK == 0 && clock_mono_us() > until_us)
			break;
	}
	sqlite3_finalize(st);
	*complete = got == 0;
	for (; got == 0 && at < x->count; at++)
		x->items[at].match = MATCH_NO;
	return got < 0 ? -1 : 0;
}

static int match_texts(struct store_reader *r, struct str text, int64_t until_us, struct feedback_list *out, struct err *err)
{
	struct feedback_index *x = r->feedback;
	size_t unknown = 0, first = 0;
	sqlite3_stmt *st = NULL;
	int failed = 0;

	if (!reader_open_texts(r)) {
		out->text_withheld = true;
		return 0;
	}
	set_needle(x, text);
	for (size_t i = x->count; i-- > 0;) {
		struct entry *e = &x->items[i];

		if (!e->light.has_text)
			e->match = MATCH_NO;
		unknown += e->match == MATCH_UNKNOWN;
		first = e->match == MATCH_UNKNOWN ? i : first;
	}
	if (unknown > LOOKUPS_MAX)
		return match_all(r, x, first, until_us, &out->complete, err);
	if (unknown && sql_prepare(r->texts, &st, "SELECT text FROM texts WHERE id=?1", err))
		return -1;
	for (size_t i = first; i < x->count && unknown && !failed; i++)
		if (x->items[i].match == MATCH_UNKNOWN)
			failed = match_one(x, st, &x->items[i], err);
	sqlite3_finalize(st);
	return failed;
}

/* ── filter and sort ───────────────────────────────────────────────────────────────────────── */

void feedback_filter_init(struct feedback_filter *f)
{
	*f = (struct feedback_filter){.to_us = INT64_MAX};
}

struct ids {
	int64_t *ids;
	size_t count, cap;
};

static int rising(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static bool has_id(const struct ids *set, int64_t id)
{
	return set->count && bsearch(&id, set->ids, set->count, sizeof id, rising);
}

/* Takes the statement's first column, sorted; the statement is finalized. */
static int read_ids(sqlite3_stmt *st, struct ids *out, struct err *err)
{
	int got = -1;

	while (st && (got = sql_step(st, err)) > 0) {
		out->ids = mem_grow(out->ids, &out->cap, out->count + 1, sizeof *out->ids);
		out->ids[out->count++] = sqlite3_column_int64(st, 0);
	}
	sqlite3_finalize(st);
	if (out->count)
		qsort(out->ids, out->count, sizeof *out->ids, rising);
	return got;
}

static int read_labelled(struct store_reader *r, struct str label, struct ids *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	struct str value = label, name = str_cut(&value, '=');

	if (!label.len)
		return 0;
	if (sql_prepare(r->db, &st, "SELECT feedback_id FROM labels WHERE name=?1 AND (?2 IS NULL OR value=?2)", err))
		return -1;
	sql_bind_str(st, 1, name);
	if (value.ptr)
		sql_bind_str(st, 2, value);
	return read_ids(st, out, err);
}

static int read_locked(struct store_reader *r, struct ids *out, struct err *err)
{
	sqlite3_stmt *st = NULL;

	if (sql_prepare(r->db, &st, "SELECT feedback_id FROM feedback_locks WHERE until_us>?1", err))
		return -1;
	sqlite3_bind_int64(st, 1, clock_wall_us());
	return read_ids(st, out, err);
}

struct pass {
	struct store_reader *r;
	const struct feedback_filter *f;
	uint8_t *language, *series; /* by name, by series: 0 not asked, 1 passes, 2 does not */
	uint32_t assignee;          /* UINT32_MAX: nobody is called so */
	struct ids labelled;
	bool text;
};

static bool passes_language(struct pass *p, uint32_t name)
{
	struct str want = p->f->language;

	if (!want.len)
		return true;
	if (!p->language[name]) {
		struct str has = str_of(p->r->feedback->texts[name]);
		bool same = has.len >= want.len && str_equal_nocase((struct str){has.ptr, want.len}, want) &&
		            (has.len == want.len || has.ptr[want.len] == '-');

		p->language[name] = same ? 1 : 2;
	}
	return p->language[name] == 1;
}

static bool passes_series(struct pass *p, uint32_t series)
{
	if (!p->f->where || !p->f->where->filter_count)
		return true;
	if (series >= p->r->names.series_count)
		return false;
	if (!p->series[series])
		p->series[series] = view_passes_series(p->r, p->f->where, &p->r->names.series[series]) ? 1 : 2;
	return p->series[series] == 1;
}

static bool passes_assignee(const struct pass *p, uint32_t assignee)
{
	if (p->f->assigned == ASSIGNED_NOBODY)
		return !assignee;
	if (p->f->assigned == ASSIGNED_SOMEBODY && !assignee)
		return false;
	return !p->f->assignee.len || assignee == p->assignee;
}

/* All but the state. */
static bool passes(struct pass *p, const struct entry *e)
{
	const struct feedback_filter *f = p->f;
	const struct feedback_light *l = &e->light;

	return l->time_us >= f->from_us && l->time_us < f->to_us && (!f->moods || f->moods & 1u << l->mood) &&
	       (!f->in_dataset || l->in_dataset) && passes_assignee(p, l->assignee) && passes_language(p, l->language) &&
	       passes_series(p, e->series) && (!f->label.len || has_id(&p->labelled, l->id)) && (!p->text || e->match == MATCH_YES);
}

/* Rising order of floats as rising order of numbers; NaN last. */
static uint32_t float_key(float v)
{
	uint32_t bits;

	if (isnan(v))
		return UINT32_MAX;
	memcpy(&bits, &v, sizeof bits);
	return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static uint32_t sort_key(const struct feedback_light *l, enum feedback_sort sort)
{
	static const uint8_t mood_order[] = {[MOOD_NEGATIVE] = 0, [MOOD_UNKNOWN] = 1, [MOOD_NEUTRAL] = 2, [MOOD_POSITIVE] = 3};

	return sort == FEEDBACK_BY_SCORE ? float_key(l->score) : sort == FEEDBACK_BY_CONFIDENCE ? float_key(l->confidence)
	                                                                                       : mood_order[l->mood];
}

struct keyed {
	uint32_t key, at;
};

/* Stable, by 11 bits at a time. */
static void sort_keyed(struct keyed *a, struct keyed *b, size_t n)
{
	for (unsigned shift = 0; shift < 33; shift += 11) {
		uint32_t starts[2049] = {0};

		for (size_t i = 0; i < n; i++)
			starts[(a[i].key >> shift & 2047) + 1]++;
		for (size_t k = 0; k < 2048; k++)
			starts[k + 1] += starts[k];
		for (size_t i = 0; i < n; i++)
			b[starts[a[i].key >> shift & 2047]++] = a[i];
		struct keyed *swap = a;

		a = b;
		b = swap;
	}
}

static void sort_items(struct feedback_list *out, const struct feedback_filter *f)
{
	size_t n = out->count;

	if (f->sort != FEEDBACK_BY_TIME && n > 1) {
		struct keyed *a = mem_array(NULL, n, sizeof *a), *b = mem_array(NULL, n, sizeof *b);
		struct feedback_light *sorted = mem_array(NULL, n, sizeof *sorted);

		for (size_t i = 0; i < n; i++)
			a[i] = (struct keyed){sort_key(&out->items[i], f->sort), (uint32_t)i};
		sort_keyed(a, b, n);
		for (size_t i = 0; i < n; i++)
			sorted[i] = out->items[b[i].at]; /* three passes: the result is in b */
		free(a);
		free(b);
		free(out->items);
		out->items = sorted;
	}
	for (size_t i = 0; f->reverse && i < n / 2; i++) {
		struct feedback_light swap = out->items[i];

		out->items[i] = out->items[n - 1 - i];
		out->items[n - 1 - i] = swap;
	}
}

static void collect(struct pass *p, const struct ids *locked, struct feedback_list *out)
{
	const struct feedback_index *x = p->r->feedback;
	size_t *const by_state[] = {&out->open, &out->settled, &out->dismissed};

	out->items = mem_array(NULL, x->count + 1, sizeof *out->items);
	for (size_t i = 0; i < x->count; i++) {
		const struct entry *e = &x->items[i];

		if (!passes(p, e))
			continue;
		++*by_state[e->light.state];
		if (p->f->states && !(p->f->states & 1u << e->light.state))
			continue;
		out->items[out->count] = e->light;
		out->items[out->count++].locked = locked->count && has_id(locked, e->light.id);
	}
	out->total = x->count;
}

/* The result is drawn on another thread while the index goes on. */
static void copy_names(const struct feedback_index *x, struct feedback_list *out)
{
	const char **names = arena_alloc(&out->arena, x->text_count * sizeof *names);

	for (size_t i = 0; i < x->text_count; i++)
		names[i] = arena_copy(&out->arena, x->texts[i], strlen(x->texts[i]));
	out->names = names;
}

static int answer(struct store_reader *r, const struct feedback_filter *f, int64_t until_us, struct feedback_list *out,
                  struct err *err)
{
	struct pass p = {.r = r, .f = f, .assignee = UINT32_MAX};
	struct ids locked = {0};

	out->complete = true;
	if (refresh(r, until_us, err) || (f->text.len && match_texts(r, f->text, until_us, out, err)))
		return -1;
	out->complete = out->complete && !r->feedback->below;
	p.text = f->text.len && !out->text_withheld;
	p.language = mem_zalloc(r->feedback->text_count);
	p.series = mem_zalloc(r->names.series_count + 1);
	strmap_get(&r->feedback->names, f->assignee, &p.assignee);
	int failed = read_labelled(r, f->label, &p.labelled, err) || read_locked(r, &locked, err);

	if (!failed) {
		collect(&p, &locked, out);
		sort_items(out, f);
		copy_names(r->feedback, out);
	}
	free(p.language);
	free(p.series);
	free(p.labelled.ids);
	free(locked.ids);
	return failed ? -1 : 0;
}

int query_feedback_list(struct store_reader *r, const struct feedback_filter *f, struct feedback_list *out, struct err *err)
{
	int64_t until_us = clock_mono_us() + (f->budget_us > 0 ? f->budget_us : BUDGET_US);

	*out = (struct feedback_list){.items = NULL};
	if (reader_begin(r, err))
		return -1;
	if (!answer(r, f, until_us, out, err))
		return reader_end(r, 0);
	feedback_list_fini(out);
	if (r->feedback)
		index_reset(r->feedback); /* what it holds may be half of something */
	return reader_end(r, -1);
}

void feedback_list_fini(struct feedback_list *list)
{
	free(list->items);
	arena_fini(&list->arena);
	*list = (struct feedback_list){.items = NULL};
}

int query_feedback_texts(struct store_reader *r, const int64_t *ids, size_t count, struct feedback_texts *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got = 0;

	*out = (struct feedback_texts){.count = count, .texts = mem_array(NULL, count + 1, sizeof *out->texts)};
	memset(out->texts, 0, (count + 1) * sizeof *out->texts);
	out->withheld = !reader_open_texts(r);
	if (out->withheld)
		return 0;
	if (sql_prepare(r->texts, &st, "SELECT text FROM texts WHERE id=?1", err))
		got = -1;
	for (size_t i = 0; i < count && got >= 0; i++) {
		sqlite3_bind_int64(st, 1, ids[i]);
		got = sql_step(st, err);
		if (got > 0) {
			struct str s = sql_str(st, 0);

			out->texts[i] = (struct str){arena_copy(&out->arena, s.len ? s.ptr : "", s.len), s.len};
		}
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	if (got < 0)
		feedback_texts_fini(out);
	return got < 0 ? -1 : 0;
}

void feedback_texts_fini(struct feedback_texts *t)
{
	free(t->texts);
	arena_fini(&t->arena);
	*t = (struct feedback_texts){.texts = NULL};
}
