/* A rule asks one or two questions; equal questions are one query. A question that only compares
 * dimensions with single values can also be answered from a query grouped by those dimensions: where
 * four or more rules would differ in the values alone, the grouped query is asked once, and each rule
 * picks its groups from it by an index. */
#include "alert/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alert/judge_rule.h"
#include "base/clock.h"
#include "base/hash.h"

#define SHARED_FROM 4 /* rules that make a grouped query worth while */
#define ALIGN_US (10 * US_PER_S)
#define NONE SIZE_MAX

enum query_kind { QUERY_FIGURES, QUERY_FLAGS, QUERY_GAUGE };

struct query {
	enum query_kind kind;
	int64_t window_us;
	struct view view;  /* filters and grouping */
	const char *gauge;
	unsigned needs;
	bool grouped;      /* no filters: rules pick their groups */
	struct figures_result figures;
	struct breakdown_result flags;
	struct gauge_result gauges;
	struct strmap index; /* grouped: values of by[] -> group */
};

struct asked {
	size_t query, short_query; /* NONE: none */
	size_t flags_query;        /* findings of a category, beside the requests; NONE: none */
	int8_t filter_of[DIM_COUNT]; /* grouped: filter that by[i] must match, -1 none */
	int8_t group_at[DIM_COUNT];  /* grouped: where the rule's by[i] stands in the query's */
};

struct evaluator {
	const struct config_alert *rules;
	size_t rule_count;
	struct asked *asked;
	struct query *queries;
	size_t query_count, query_cap;
};

/* ── plan ──────────────────────────────────────────────────────────────────────────────────── */

/* The dimensions that a rule filters and groups by, as bits; 0 when a grouped query cannot serve it. */
static unsigned dims_of(const struct view *v)
{
	unsigned dims = 0;

	for (size_t i = 0; i < v->filter_count; i++) {
		if (v->filters[i].inverted || dims & 1u << v->filters[i].dim)
			return 0;
		dims |= 1u << v->filters[i].dim;
	}
	if (!v->filter_count)
		return 0;
	for (size_t i = 0; i < v->by_count; i++)
		dims |= 1u << v->by[i];
	return dims;
}

static size_t find_query(struct evaluator *e, const struct query *like)
{
	for (size_t i = 0; i < e->query_count; i++) {
		struct query *q = &e->queries[i];

		if (q->kind == like->kind && q->window_us == like->window_us && q->grouped == like->grouped &&
		    view_equal(&q->view, &like->view) && (q->gauge == like->gauge || (q->gauge && like->gauge && !strcmp(q->gauge, like->gauge)))) {
			q->needs |= like->needs;
			return i;
		}
	}
	e->queries = mem_grow(e->queries, &e->query_cap, e->query_count + 1, sizeof *e->queries);
	e->queries[e->query_count] = *like;
	return e->query_count++;
}

/* How many rules have the same window and dimensions, for every pair of those: a small table. */
struct kinship {
	int64_t window_us;
	unsigned dims;
	size_t rules;
};
struct kinships {
	struct kinship *items;
	size_t len, cap;
};

static struct kinship *kinship_of(struct kinships *k, int64_t window_us, unsigned dims)
{
	for (size_t i = 0; i < k->len; i++)
		if (k->items[i].window_us == window_us && k->items[i].dims == dims)
			return &k->items[i];
	k->items = mem_grow(k->items, &k->cap, k->len + 1, sizeof *k->items);
	k->items[k->len] = (struct kinship){window_us, dims, 0};
	return &k->items[k->len++];
}

static void map_groups(const struct view *rule, const struct view *query, struct asked *a)
{
	for (size_t i = 0; i < query->by_count; i++) {
		a->filter_of[i] = -1;
		for (size_t f = 0; f < rule->filter_count; f++)
			if (rule->filters[f].dim == query->by[i])
				a->filter_of[i] = (int8_t)f;
	}
	for (size_t i = 0; i < rule->by_count; i++)
		for (size_t q = 0; q < query->by_count; q++)
			if (query->by[q] == rule->by[i])
				a->group_at[i] = (int8_t)q;
}

static size_t plan_figures(struct evaluator *e, const struct config_alert *rule, int64_t window_us, struct kinships *kin,
                           struct asked *a)
{
	struct query q = {.kind = QUERY_FIGURES, .window_us = window_us, .view = rule->where, .needs = rule_needs(rule)};
	unsigned dims = dims_of(&rule->where);

	if (dims && kinship_of(kin, window_us, dims)->rules >= SHARED_FROM) {
		memset(&q.view, 0, sizeof q.view);
		for (int d = 0; d < DIM_COUNT; d++)
			if (dims & 1u << d)
				q.view.by[q.view.by_count++] = (enum dim)d;
		q.grouped = true;
		map_groups(&rule->where, &q.view, a);
	}
	return find_query(e, &q);
}

static void plan_rule(struct evaluator *e, const struct config_alert *rule, struct kinships *kin, struct asked *a)
{
	struct query q = {.window_us = rule->window_us, .view = rule->where, .gauge = rule->gauge};

	a->short_query = a->flags_query = NONE;
	if (rule->gauge) {
		q.kind = QUERY_GAUGE;
		a->query = find_query(e, &q);
		return;
	}
	if (rule->category) { /* the requests tell whether there is data at all */
		q.kind = QUERY_FLAGS;
		a->flags_query = find_query(e, &q);
	}
	if (rule->kind == ALERT_BURN_RATE)
		a->short_query = plan_figures(e, rule, rule->short_window_us, kin, a);
	a->query = plan_figures(e, rule, rule->window_us, kin, a);
}

struct evaluator *evaluator_new(const struct config_alert *rules, size_t rule_count)
{
	struct evaluator *e = mem_zalloc(sizeof *e);
	struct kinships kin = {0};

	e->rules = rules;
	e->rule_count = rule_count;
	e->asked = mem_array(NULL, rule_count + 1, sizeof *e->asked);
	memset(e->asked, 0, (rule_count + 1) * sizeof *e->asked);
	for (size_t i = 0; i < rule_count; i++) {
		unsigned dims = dims_of(&rules[i].where);

		if (!dims || rules[i].gauge)
			continue;
		kinship_of(&kin, rules[i].window_us, dims)->rules++;
		/* Both windows of a burn rate must be asked in the same way. */
		if (rules[i].kind == ALERT_BURN_RATE)
			kinship_of(&kin, rules[i].short_window_us, dims)->rules = SHARED_FROM;
		if (rules[i].kind == ALERT_BURN_RATE)
			kinship_of(&kin, rules[i].window_us, dims)->rules = SHARED_FROM;
	}
	for (size_t i = 0; i < rule_count; i++)
		plan_rule(e, &rules[i], &kin, &e->asked[i]);
	free(kin.items);
	return e;
}

void evaluator_free(struct evaluator **out)
{
	struct evaluator *e = *out;

	if (!e)
		return;
	*out = NULL;
	free(e->asked);
	free(e->queries);
	free(e);
}

size_t evaluator_queries(const struct evaluator *e)
{
	return e->query_count;
}

/* ── run ───────────────────────────────────────────────────────────────────────────────────── */

static void append_key(struct buf *key, const char *value)
{
	buf_append(key, value, strlen(value) + 1);
}

static void build_index(struct query *q)
{
	struct buf key = {0};

	for (size_t g = 0; g < q->figures.group_count; g++) {
		buf_reset(&key);
		for (size_t i = 0; i < q->view.by_count; i++)
			append_key(&key, q->figures.groups[g].key[i]);
		strmap_put(&q->index, buf_str(&key), (uint32_t)g);
	}
	buf_fini(&key);
}

static int ask(struct query *q, struct store_reader *r, int64_t now_us, struct err *err)
{
	struct view v = q->view;

	v.to_us = now_us;
	v.from_us = now_us - q->window_us;
	v.step_us = 0;
	if (q->kind == QUERY_FLAGS)
		return query_breakdown(r, BREAKDOWN_FLAG_CATEGORY, &v, &q->flags, err);
	if (q->kind == QUERY_GAUGE)
		return query_gauges(r, str_of(q->gauge), v.from_us, v.to_us, q->window_us, &q->gauges, err);
	if (query_figures(r, &v, q->needs, 0, &q->figures, err))
		return -1;
	if (q->grouped)
		build_index(q);
	return 0;
}

static void forget(struct query *q)
{
	figures_result_fini(&q->figures);
	breakdown_result_fini(&q->flags);
	gauge_result_fini(&q->gauges);
	strmap_fini(&q->index);
}

/* The group of a grouped query that has the rule's values (and, for its by[], the given ones). */
static const struct figures *pick(const struct query *q, const struct config_alert *rule, const struct asked *a,
                                  const char *const *group)
{
	struct buf key = {0};
	uint32_t at = 0;

	for (size_t i = 0; i < q->view.by_count; i++) {
		const char *value = a->filter_of[i] >= 0 ? rule->where.filters[a->filter_of[i]].value : "";

		for (size_t b = 0; a->filter_of[i] < 0 && b < rule->where.by_count; b++)
			if (a->group_at[b] == (int8_t)i)
				value = group[b];
		append_key(&key, value);
	}
	bool found = strmap_get(&q->index, buf_str(&key), &at);

	buf_fini(&key);
	return found ? &q->figures.groups[at].total : NULL;
}

/* The figures of one group of a rule in a query; NULL when there are none. */
static const struct figures *figures_of(const struct evaluator *e, size_t query, const struct config_alert *rule,
                                        const struct asked *a, const char *const *group)
{
	const struct query *q = &e->queries[query];

	if (q->grouped)
		return pick(q, rule, a, group);
	if (!rule->where.by_count)
		return &q->figures.total.total;
	for (size_t g = 0; g < q->figures.group_count; g++) {
		size_t same = 0;

		while (same < rule->where.by_count && !strcmp(q->figures.groups[g].key[same], group[same]))
			same++;
		if (same == rule->where.by_count)
			return &q->figures.groups[g].total;
	}
	return NULL;
}

static bool group_fits(const struct query *q, const struct config_alert *rule, const struct asked *a, size_t g)
{
	for (size_t i = 0; q->grouped && i < q->view.by_count; i++)
		if (a->filter_of[i] >= 0 && strcmp(rule->where.filters[a->filter_of[i]].value, q->figures.groups[g].key[i]) != 0)
			return false;
	return true;
}

typedef void give_fn(void *arg, const struct evaluated *what);

/* Findings of the rule's category a minute, in one of its groups. */
static struct value flags_of(const struct evaluator *e, const struct config_alert *rule, const struct asked *a,
                             const char *const *group)
{
	const struct query *q = &e->queries[a->flags_query];
	double minutes = (double)(q->flags.to_us - q->flags.from_us) / (double)US_PER_MIN;
	int64_t count = 0;

	for (size_t i = 0; i < q->flags.row_count; i++) {
		const struct breakdown_row *row = &q->flags.rows[i];
		size_t same = 0;

		while (same < rule->where.by_count && strcmp(row->key[same], group[same]) == 0)
			same++;
		if (same == rule->where.by_count && strcmp(row->name, rule->category) == 0)
			count += row->count;
	}
	return value_ok((double)count / (minutes > 0 ? minutes : 1));
}

static void give_group(const struct evaluator *e, struct evaluated *out, give_fn *give, void *arg)
{
	const struct config_alert *rule = &e->rules[out->rule];
	const struct asked *a = &e->asked[out->rule];

	out->shorter = a->short_query != NONE ? figures_of(e, a->short_query, rule, a, out->group) : NULL;
	if (a->flags_query != NONE)
		out->value = flags_of(e, rule, a, out->group);
	give(arg, out);
}

static void give_figures(const struct evaluator *e, size_t index, give_fn *give, void *arg)
{
	const struct config_alert *rule = &e->rules[index];
	const struct asked *a = &e->asked[index];
	const struct query *q = &e->queries[a->query];
	struct evaluated out = {.rule = index};
	const char *group[DIM_COUNT] = {NULL};

	out.group = group;
	out.seconds = (double)(q->figures.to_us - q->figures.from_us) / (double)US_PER_S;
	if (!rule->where.by_count) {
		out.figures = figures_of(e, a->query, rule, a, group);
		give_group(e, &out, give, arg);
		return;
	}
	for (size_t g = 0; g < q->figures.group_count; g++) {
		if (!group_fits(q, rule, a, g))
			continue;
		for (size_t b = 0; b < rule->where.by_count; b++)
			group[b] = q->figures.groups[g].key[q->grouped ? (size_t)a->group_at[b] : b];
		out.figures = &q->figures.groups[g].total;
		give_group(e, &out, give, arg);
	}
}

/* The worst of a gauge's instances: the highest mean in the window, or the lowest for `under`. */
static void give_gauge(const struct evaluator *e, size_t index, give_fn *give, void *arg)
{
	const struct config_alert *rule = &e->rules[index];
	const struct query *q = &e->queries[e->asked[index].query];
	struct evaluated out = {.rule = index, .value = value_unknown()};

	for (size_t i = 0; i < q->gauges.series_count; i++) {
		const struct gauge_series *s = &q->gauges.series[i];

		if (strcmp(s->name, rule->gauge) != 0)
			continue;
		for (size_t t = 0; t < s->steps; t++) {
			bool known = value_known(out.value);

			if (!isnan(s->mean[t]) && (!known || (rule->below ? s->mean[t] < out.value.number : s->mean[t] > out.value.number)))
				out.value = value_ok(s->mean[t]);
		}
	}
	give(arg, &out);
}

int evaluator_run(struct evaluator *e, struct store_reader *r, int64_t now_us, give_fn *give, void *arg, struct err *err)
{
	int failed = 0;

	now_us -= now_us % ALIGN_US;
	for (size_t i = 0; i < e->query_count && !failed; i++)
		failed = ask(&e->queries[i], r, now_us, err);
	for (size_t i = 0; i < e->rule_count && !failed; i++) {
		enum query_kind kind = e->queries[e->asked[i].query].kind;

		(kind == QUERY_FIGURES ? give_figures : give_gauge)(e, i, give, arg);
	}
	for (size_t i = 0; i < e->query_count; i++)
		forget(&e->queries[i]);
	return failed;
}
