/* One query for each server kind and gauge, over the newest of the names that are there. Results are
 * grouped by the label that holds the model's name; where a kind has several such labels they are
 * first copied into one. */
#include "collect/promql_queries.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collect/serving_names.h"

#define MODEL_LABEL "model_name" /* what results are grouped by */

static bool is_there(const struct strmap *names, const char *prefix, const char *family, const char *ending)
{
	char *name = mem_printf("%s%s%s", prefix, family, ending);
	uint32_t ignored;
	bool there = strmap_get(names, str_of(name), &ignored);

	free(name);
	return there;
}

static const char *ending_of(const struct wire_name *n)
{
	switch (n->how) {
	case HOW_HISTOGRAM: return "_bucket";
	case HOW_HISTOGRAM_SUM: return "_sum";
	case HOW_HISTOGRAM_COUNT: return "_count";
	default: return "";
	}
}

void promql_discovery(struct buf *out)
{
	buf_puts(out, "count by (__name__) ({__name__=~\"");
	for (size_t k = 0; k < SERVER_KINDS; k++)
		for (const struct wire_name *n = server_kinds[k].names; n->family; n++)
			buf_printf(out, "%s%s%s%s%s", k || n != server_kinds[0].names ? "|" : "", server_kinds[k].prefix, n->family,
			           ending_of(n), n->how == HOW_COUNTER ? "(_total)?" : "");
	buf_puts(out, "\"})");
}

/* The first row that feeds `channel` and whose metric is there; *ending is what its name ends in. */
static const struct wire_name *find_row(const struct server_kind *kind, enum channel channel, const struct strmap *names,
                                        const char **ending)
{
	for (const struct wire_name *n = kind->names; n->family; n++) {
		if (n->channel != channel)
			continue;
		*ending = n->how == HOW_COUNTER && is_there(names, kind->prefix, n->family, "_total") ? "_total" : ending_of(n);
		if (is_there(names, kind->prefix, n->family, *ending))
			return n;
	}
	return NULL;
}

/* The series of a row: name and matcher, over `window` when it is not NULL. */
static void put_selector(struct buf *out, const struct server_kind *kind, const struct wire_name *n, const char *ending,
                         const char *window)
{
	buf_printf(out, "%s%s%s", kind->prefix, n->family, ending);
	if (n->label)
		buf_printf(out, "{%s%s\"%s\"}", n->label, n->value ? "=" : "!=", n->value ? n->value : "");
	if (window)
		buf_printf(out, "[%s]", window);
}

/* `inner` with the model's name in MODEL_LABEL, whatever label the kind has it in. */
static void put_named(struct buf *out, const struct server_kind *kind, const struct buf *inner)
{
	size_t count = 0;

	while (count < 4 && kind->labels[count])
		count++;
	if (count == 1 && strcmp(kind->labels[0], MODEL_LABEL) == 0)
		count = 0;
	/* the best one is copied last, and stays */
	for (size_t i = 0; i < count; i++)
		buf_puts(out, "label_replace(");
	buf_append_str(out, buf_str(inner));
	for (size_t i = count; i-- > 0;)
		buf_printf(out, ",\"" MODEL_LABEL "\",\"$1\",\"%s\",\"(.+)\")", kind->labels[i]);
}

static struct promql_query *add(struct promql_queries *q, const char *gauge, struct buf *text, const char *lone)
{
	struct promql_query *slot;

	q->items = mem_grow(q->items, &q->cap, q->count + 1, sizeof *q->items);
	slot = &q->items[q->count++];
	*slot = (struct promql_query){.gauge = mem_strdup(gauge), .text = buf_steal(text), .lone = lone};
	return slot;
}

void promql_add(struct promql_queries *q, const char *gauge, const char *text)
{
	struct buf copy = {0};

	buf_puts(&copy, text);
	add(q, gauge, &copy, "");
}

/* sum by (model_name) (rate(NAME[2m])), and the like. False when the metric is not there. */
static bool put_sum(struct buf *out, const struct server_kind *kind, enum channel channel, const struct strmap *names,
                    const char *window, const char *by)
{
	const char *ending;
	const struct wire_name *n = find_row(kind, channel, names, &ending);
	struct buf inner = {0};

	if (!n)
		return false;
	buf_puts(&inner, "rate(");
	put_selector(&inner, kind, n, ending, window);
	buf_puts(&inner, ")");
	buf_printf(out, "sum by (%s) (", by);
	put_named(out, kind, &inner);
	buf_puts(out, ")");
	if (n->scale != 1 && n->how != HOW_HISTOGRAM)
		buf_printf(out, " * %g", n->scale);
	buf_fini(&inner);
	return true;
}

static void add_gauge(struct promql_queries *q, const struct server_kind *kind, const struct channel_gauge *g,
                      const struct strmap *names)
{
	static const char *const how[] = {[HOW_SUM] = "sum", [HOW_MAX] = "max", [HOW_MIN] = "min"};
	bool budget = g->channel == CH_BUDGET_LEFT;
	struct buf text = {0}, inner = {0};

	for (const struct wire_name *n = kind->names; n->family; n++) {
		if (n->channel != g->channel || !is_there(names, kind->prefix, n->family, ""))
			continue;
		buf_reset(&inner);
		put_selector(&inner, kind, n, "", NULL);
		buf_printf(&text, "%s%s by (%s) (", text.len ? " or " : "", how[n->how],
		           budget ? "team,team_alias,hashed_api_key,api_key_alias" : MODEL_LABEL);
		if (budget)
			buf_append_str(&text, buf_str(&inner));
		else
			put_named(&text, kind, &inner);
		buf_puts(&text, ")");
		if (n->scale != 1)
			buf_printf(&text, " * %g", n->scale);
		if (!budget)
			break;
	}
	if (text.len)
		add(q, serving_metrics[g->metric].name, &text, kind->kind)->budget = budget;
	buf_fini(&text);
	buf_fini(&inner);
}

static void add_rate(struct promql_queries *q, const struct server_kind *kind, const struct channel_rate *r,
                     const struct strmap *names, const char *window)
{
	struct buf text = {0};

	if (put_sum(&text, kind, r->channel, names, window, MODEL_LABEL)) {
		if (r->scale != 1)
			buf_printf(&text, " * %g", r->scale);
		add(q, serving_metrics[r->metric].name, &text, kind->kind);
	}
	buf_fini(&text);
}

static void add_quantile(struct promql_queries *q, const struct server_kind *kind, const struct channel_quantile *c,
                         const struct strmap *names, const char *window)
{
	const char *ending;
	const struct wire_name *n = find_row(kind, c->channel, names, &ending);
	struct buf text = {0};

	if (!n)
		return;
	buf_printf(&text, "histogram_quantile(%g, ", c->q);
	put_sum(&text, kind, c->channel, names, window, "le," MODEL_LABEL);
	buf_puts(&text, ")");
	if (n->scale != 1)
		buf_printf(&text, " * %g", n->scale);
	add(q, serving_metrics[c->metric].name, &text, kind->kind);
	buf_fini(&text);
}

static void add_prefix_share(struct promql_queries *q, const struct server_kind *kind, const struct strmap *names,
                             const char *window)
{
	struct buf text = {0};

	if (put_sum(&text, kind, CH_PREFIX_HITS, names, window, MODEL_LABEL)) {
		buf_puts(&text, " / ");
		if (put_sum(&text, kind, CH_PREFIX_QUERIES, names, window, MODEL_LABEL))
			add(q, serving_metrics[SERVING_PREFIX_HIT_SHARE].name, &text, kind->kind);
	}
	buf_fini(&text);
}

/* A kind whose names have no prefix must show its most telling one. */
static bool kind_is_there(const struct server_kind *kind, const struct strmap *names)
{
	return *kind->prefix || is_there(names, "", kind->names[0].family, "");
}

void promql_built_in(struct promql_queries *q, const struct strmap *names, const char *window)
{
	for (size_t k = 0; k < SERVER_KINDS; k++) {
		const struct server_kind *kind = &server_kinds[k];
		if (!kind_is_there(kind, names))
			continue;
		for (size_t i = 0; i < CHANNEL_GAUGES; i++)
			add_gauge(q, kind, &channel_gauges[i], names);
		for (size_t i = 0; i < CHANNEL_RATES; i++)
			add_rate(q, kind, &channel_rates[i], names, window);
		add_prefix_share(q, kind, names, window);
		for (size_t i = 0; i < CHANNEL_QUANTILES; i++)
			add_quantile(q, kind, &channel_quantiles[i], names, window);
	}
}

void promql_queries_fini(struct promql_queries *q)
{
	for (size_t i = 0; i < q->count; i++) {
		free(q->items[i].gauge);
		free(q->items[i].text);
	}
	free(q->items);
	*q = (struct promql_queries){0};
}
