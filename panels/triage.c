/* Loading the feedback page. The list comes whole from the store (which keeps it in memory and reads
 * only what changed), texts only for the rows around the cursor. Groups need every text once: some are
 * read at each load until the time is up, and the loader is told that there is more. */
#include "panels/triage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "panels/format.h"
#include "store/query_incidents.h"

#define LIST_US (7 * US_PER_MS)     /* for reading and searching, a load: what is found is shown within a frame */
#define READ_US (5 * US_PER_MS)     /* for texts of groups */
#define ONCE_US US_PER_S            /* for each of them where nobody loads again: a screen in a pipe */
#define READ_AT_ONCE 64
#define REGROUP_US (3 * US_PER_S)
#define TREND_STEPS 24
#define EXPORT_ROWS 2000

/* Words that are not the store's own: "state:all" and what is put before every list: only open items. */
static int take_words(const struct triage_ask *ask, struct feedback_filter *f, struct view *where, struct err *err)
{
	struct str rest = str_of(ask->find);
	bool any_state = false;

	f->states = 1u << FEEDBACK_OPEN;
	while (rest.len > 0) {
		struct str word = str_trim(str_cut(&rest, ' '));

		if (word.len == 0)
			continue;
		if (word.ptr[0] == '!')
			return err_set(err, "filter: ! turns nothing around on this page: use mood:, state:, label:, service: or a text");
		if (str_equal_nocase(word, STR_LIT("state:all"))) {
			any_state = true;
			continue;
		}
		if (str_starts_with(word, STR_LIT("state:")) && !any_state)
			f->states = 0;
		if (feedback_filter_add(f, where, word, err) != 0)
			return -1;
	}
	if (any_state)
		f->states = 0;
	return 0;
}

static void make_filter(const struct panel_query *q, const struct triage_ask *ask, struct feedback_filter *f,
                        struct view *where, char *words, size_t cap)
{
	struct err err = {""};

	*where = q->view;
	feedback_filter_init(f);
	f->where = where;
	f->sort = (enum feedback_sort)ask->sort;
	f->reverse = ask->reverse;
	f->budget_us = q->more ? LIST_US : ONCE_US;
	if (ask->window_only) {
		f->from_us = q->view.from_us;
		f->to_us = q->view.to_us;
	}
	if (take_words(ask, f, where, &err) != 0)
		snprintf(words, cap, "%.190s", err.text);
}

/* ── groups of similar remarks ─────────────────────────────────────────────────────────────── */

static uint64_t list_hash(const struct triage_ask *ask, const struct feedback_list *list)
{
	uint64_t h = hash_bytes(ask->find, strlen(ask->find));

	h = hash_mix(h, list->count);
	return hash_mix(h, list->count ? (uint64_t)list->items[0].id : 0);
}

static uint32_t number_of(const struct triage_kept *k, int64_t id)
{
	return (uint32_t)(uintptr_t)intmap_get(&k->numbers, (uint64_t)id) - 1; /* UINT32_MAX: not read */
}

/* Reads the texts of the next items that are not known yet. */
static int read_some(struct store_reader *r, struct triage_kept *k, const struct feedback_list *list, struct err *err)
{
	int64_t ids[READ_AT_ONCE];
	struct feedback_texts texts;
	size_t count = 0;

	for (; k->scanned < list->count && count < READ_AT_ONCE; k->scanned++) {
		const struct feedback_light *item = &list->items[k->scanned];

		if (item->has_text && number_of(k, item->id) == UINT32_MAX)
			ids[count++] = item->id;
	}
	if (count == 0)
		return 0;
	if (query_feedback_texts(r, ids, count, &texts, err) != 0)
		return -1;
	for (size_t i = 0; i < count && !texts.withheld; i++) {
		uint32_t number = clusters_add(k->clusters, texts.texts[i]);

		if (number != UINT32_MAX)
			intmap_put(&k->numbers, (uint64_t)ids[i], (void *)(uintptr_t)(number + 1));
	}
	feedback_texts_fini(&texts);
	return 0;
}

static int read_remarks(const struct panel_query *q, struct triage_kept *k, const struct triage_ask *ask,
                        struct triage_state *t, struct err *err)
{
	uint64_t hash = list_hash(ask, &t->list);
	int64_t until = clock_mono_us() + (q->more ? READ_US : ONCE_US);

	if (t->list.total < k->total) /* something was forgotten: so do we */
		triage_kept_fini(k);
	k->total = t->list.total;
	if (!k->clusters)
		k->clusters = clusters_new();
	if (hash != k->scanned_for) {
		k->scanned_for = hash;
		k->scanned = 0;
	}
	while (k->scanned < t->list.count && clock_mono_us() < until) {
		if (read_some(q->reader, k, &t->list, err) != 0)
			return -1;
	}
	t->clustering = k->scanned < t->list.count;
	return 0;
}

/* From when the groups' trend is: the oldest item of the list, or the window. */
static int64_t oldest_us(const struct triage_state *t, int64_t now_us)
{
	int64_t oldest = now_us;

	for (size_t i = 0; i < t->list.count; i++)
		oldest = t->list.items[i].time_us < oldest ? t->list.items[i].time_us : oldest;
	return oldest;
}

static void find_groups(const struct panel_query *q, struct triage_kept *k, struct triage_state *t)
{
	struct clusters_remark *remarks = mem_array(NULL, t->list.count + 1, sizeof *remarks);
	int64_t from = oldest_us(t, q->now_us), step = (q->now_us - from) / TREND_STEPS + 1;
	struct clusters_result found;

	for (size_t i = 0; i < t->list.count; i++) {
		const struct feedback_light *item = &t->list.items[i];

		remarks[i] = (struct clusters_remark){number_of(k, item->id), item->mood == MOOD_NEGATIVE, item->time_us};
	}
	clusters_find(k->clusters, remarks, t->list.count, from, step, TREND_STEPS, &found);
	memcpy(k->groups, found.clusters, sizeof k->groups);
	k->group_count = found.count;
	k->group_of = mem_grow(k->group_of, &k->group_of_count, k->numbers.count + 1, 1);
	memset(k->group_of, CLUSTER_NONE, k->group_of_count);
	for (size_t i = 0; i < t->list.count; i++) {
		if (remarks[i].number < k->group_of_count)
			k->group_of[remarks[i].number] = found.of[i];
	}
	free(found.of);
	free(remarks);
}

/* Grouping all anew is a matter of milliseconds, but not of every load's. */
static void group(const struct panel_query *q, struct triage_kept *k, const struct triage_ask *ask, struct triage_state *t)
{
	uint64_t words = hash_bytes(ask->find, strlen(ask->find));
	int64_t now = clock_mono_us();
	bool read = k->numbers.count != k->found_numbers, changed = read || k->scanned_for != k->found_list;

	if (k->found_mono_us == 0 || words != k->found_for || (changed && now - k->found_mono_us > REGROUP_US) ||
	    (read && !t->clustering)) {
		find_groups(q, k, t);
		k->found_for = words;
		k->found_list = k->scanned_for;
		k->found_mono_us = now;
		k->found_numbers = k->numbers.count;
	}
	memcpy(t->clusters, k->groups, sizeof t->clusters);
	t->cluster_count = k->group_count;
	t->cluster_steps = TREND_STEPS;
	t->cluster_span_us = q->now_us - oldest_us(t, q->now_us);
}

static uint8_t group_of(const struct triage_kept *k, int64_t id)
{
	uint32_t number = number_of(k, id);

	return number < k->group_of_count ? k->group_of[number] : CLUSTER_NONE;
}

/* ── the list, its texts, the item ─────────────────────────────────────────────────────────── */

static void choose_rows(const struct triage_kept *k, const struct triage_ask *ask, struct triage_state *t)
{
	uint8_t only = CLUSTER_NONE;

	for (size_t i = 0; ask->group[0] && i < t->cluster_count; i++) {
		if (strcmp(t->clusters[i].name, ask->group) == 0)
			only = (uint8_t)i;
	}
	t->rows = mem_array(NULL, t->list.count + 1, sizeof *t->rows);
	for (size_t i = 0; i < t->list.count; i++) {
		if (!ask->group[0] || (only != CLUSTER_NONE && group_of(k, t->list.items[i].id) == only))
			t->rows[t->row_count++] = (uint32_t)i;
	}
}

static int load_texts(const struct panel_query *q, const struct triage_ask *ask, struct triage_state *t, struct err *err)
{
	int64_t ids[TRIAGE_TEXTS_BEFORE + TRIAGE_TEXTS_AFTER];
	size_t row = ask->row > 0 ? (size_t)ask->row : 0, count = 0;

	if (row >= t->row_count)
		row = t->row_count ? t->row_count - 1 : 0;
	t->texts_from = row > TRIAGE_TEXTS_BEFORE ? row - TRIAGE_TEXTS_BEFORE : 0;
	for (size_t i = t->texts_from; i < t->row_count && count < sizeof ids / sizeof *ids; i++)
		ids[count++] = triage_row(t, i)->id;
	return query_feedback_texts(q->reader, ids, count, &t->texts, err);
}

static void load_item(const struct panel_query *q, const struct triage_kept *k, const struct triage_ask *ask,
                      struct triage_state *t)
{
	struct err err = {""};
	int64_t id = ask->item;
	uint8_t of;

	if (!id && t->row_count > 0)
		id = triage_row(t, 0)->id;
	if (!id)
		return;
	t->has_item = query_feedback_item(q->reader, id, &t->item, &err) == 0;
	if (!t->has_item)
		snprintf(t->words, sizeof t->words, "%.190s", err.text);
	of = group_of(k, id);
	if (of < t->cluster_count)
		memcpy(t->item_cluster, t->clusters[of].name, sizeof t->item_cluster);
}

/* The incident that an item is most likely added to. */
static void load_incident(const struct panel_query *q, struct triage_state *t)
{
	struct incident_result open;
	struct err err = {""};

	if (query_incidents(q->reader, q->now_us + US_PER_DAY, &open, &err) != 0)
		return;
	if (open.row_count > 0 && !open.rows[0].closed_us) {
		t->incident_id = open.rows[0].id;
		snprintf(t->incident_title, sizeof t->incident_title, "%s", open.rows[0].title);
	}
	incident_result_fini(&open);
}

static int load_with(const struct panel_query *q, struct triage_kept *k, struct triage_state *t, struct err *err)
{
	static const struct triage_ask untouched;
	const struct triage_ask *ask = q->ask ? &q->ask->triage : &untouched;
	struct feedback_filter filter;
	struct view where;

	make_filter(q, ask, &filter, &where, t->words, sizeof t->words);
	if (fleet_load(&t->fleet, q, 0, 0, err) != 0)
		return -1;
	t->has_fleet = true;
	if (query_feedback_list(q->reader, &filter, &t->list, err) != 0)
		return -1;
	if (read_remarks(q, k, ask, t, err) != 0)
		return -1;
	group(q, k, ask, t);
	choose_rows(k, ask, t);
	if (load_texts(q, ask, t, err) != 0)
		return -1;
	load_item(q, k, ask, t);
	load_incident(q, t);
	if (q->more)
		*q->more = !t->list.complete || t->clustering;
	return 0;
}

int triage_load(const struct panel_query *q, struct triage_state *t, struct err *err)
{
	struct triage_kept own = {0};
	int result = load_with(q, q->kept ? q->kept : &own, t, err);

	triage_kept_fini(&own);
	return result;
}

void triage_kept_fini(void *kept)
{
	struct triage_kept *k = kept;

	clusters_free(&k->clusters);
	intmap_fini(&k->numbers);
	free(k->group_of);
	*k = (struct triage_kept){0};
}

void triage_fini(struct triage_state *t)
{
	if (t->has_fleet)
		fleet_fini(&t->fleet);
	feedback_list_fini(&t->list);
	feedback_texts_fini(&t->texts);
	if (t->has_item)
		feedback_item_fini(&t->item);
	free(t->rows);
}

/* ── reading the state ─────────────────────────────────────────────────────────────────────── */

const struct feedback_light *triage_row(const struct triage_state *t, size_t row)
{
	return row < t->row_count ? &t->list.items[t->rows[row]] : NULL;
}

size_t triage_find_row(const struct triage_state *t, int64_t id, size_t near)
{
	if (near >= t->row_count)
		near = t->row_count ? t->row_count - 1 : 0;
	for (size_t step = 0; step < t->row_count; step++) {
		if (near + step < t->row_count && triage_row(t, near + step)->id == id)
			return near + step;
		if (step <= near && triage_row(t, near - step)->id == id)
			return near - step;
	}
	return t->row_count;
}

size_t triage_cursor(const struct triage_state *t, const struct triage_desk *desk)
{
	size_t row = desk->cursor_id ? triage_find_row(t, desk->cursor_id, desk->cursor_row) : 0;

	if (row < t->row_count)
		return row;
	return desk->cursor_row < t->row_count ? desk->cursor_row : t->row_count ? t->row_count - 1 : 0;
}

struct str triage_text(const struct triage_state *t, size_t row)
{
	if (row < t->texts_from || row - t->texts_from >= t->texts.count)
		return (struct str){NULL, 0};
	return t->texts.texts[row - t->texts_from];
}

const char *triage_label(const struct triage_state *t, const char *name)
{
	for (size_t i = 0; t->has_item && i < t->item.label_count; i++) {
		if (strcmp(t->item.labels[i].name, name) == 0)
			return t->item.labels[i].value;
	}
	return NULL;
}

char *triage_id(int64_t id, char out[TRIAGE_ID_BYTES])
{
	snprintf(out, TRIAGE_ID_BYTES, "%llx", (unsigned long long)id);
	return out;
}

static const struct sheet_column columns[] = {
	{"id", "ID", 16, true, 4, false},           {"time", "TIME", 20, true, 0, false},
	{"mood", "MOOD", 8, true, 0, false},        {"state", "STATE", 9, true, 0, false},
	{"service", "SERVICE", 14, true, 0, false}, {"deployment", "DEPLOYMENT", 10, true, 1, false},
	{"language", "LANG", 5, true, 3, false},    {"assignee", "ASSIGNEE", 8, true, 2, false},
	{"rating", "rating", 6, false, 2, false},   {"text", "TEXT", 20, true, 0, false},
};

void triage_rows(const struct triage_state *t, struct sheet *out)
{
	static const char *const moods[] = {"unknown", "positive", "neutral", "negative"};
	char id[TRIAGE_ID_BYTES], time[TIME_TEXT_BYTES], text[FIGURE_TEXT_BYTES];

	sheet_set_columns(out, columns, sizeof columns / sizeof *columns);
	for (size_t i = 0; i < t->row_count && i < EXPORT_ROWS; i++) {
		const struct feedback_light *item = triage_row(t, i);
		struct value rating = isnan(item->rating) ? value_unknown() : value_ok((double)item->rating);
		struct sheet_row *row = sheet_add(out, str_of(triage_id(item->id, id)));
		struct str words = triage_text(t, i);

		sheet_set_text(out, row, 0, str_of(id));
		sheet_set_text(out, row, 1, str_of(time_format(item->time_us, time)));
		sheet_set_text(out, row, 2, str_of(moods[item->mood <= MOOD_NEGATIVE ? item->mood : 0]));
		sheet_set_text(out, row, 3, str_of(feedback_state_name((enum feedback_state)item->state)));
		sheet_set_text(out, row, 4, str_of(t->list.names[item->service]));
		sheet_set_text(out, row, 5, str_of(t->list.names[item->deployment]));
		sheet_set_text(out, row, 6, str_of(t->list.names[item->language]));
		sheet_set_text(out, row, 7, str_of(t->list.names[item->assignee]));
		sheet_set_value(out, row, 8, rating, figure_format_bare(UNIT_COUNT, rating, false, text));
		sheet_set_text(out, row, 9, words.ptr ? words : (struct str){"", 0});
	}
}
