/* Alert rules. Which key is there says which kind a rule is: `over` or `under` a threshold, `slo` a
 * burn rate, `anomaly` a deviation from what is usual, `absent` a silence. An `slo` without windows of
 * its own becomes three rules, as the SRE workbook has them. */
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "parse/config_read.h"

#define LABELS_MAX 16
#define DEVIATIONS_USUAL 5.0

struct burn {
	int64_t long_us, short_us;
	double rate;
	enum severity severity;
	const char *suffix;
};
static const struct burn usual_burns[] = {
	{US_PER_HOUR, 5 * US_PER_MIN, 14.4, SEVERITY_CRITICAL, "-1h"},
	{6 * US_PER_HOUR, 30 * US_PER_MIN, 6, SEVERITY_CRITICAL, "-6h"},
	{3 * US_PER_DAY, 6 * US_PER_HOUR, 1, SEVERITY_WARNING, "-3d"},
};
#define USUAL_BURNS (sizeof usual_burns / sizeof *usual_burns)

static const char *const severities[] = {"warning", "critical", NULL};

/* A metric, or flags:CATEGORY, or gauge:NAME. */
static int read_figure(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	const char *text = NULL;

	if (config_text(r, n, "metric", false, &text) < 0)
		return -1;
	if (text && !strncmp(text, "flags:", 6) && text[6]) {
		out->category = text + 6;
		out->metric = METRIC_FLAG_RATE;
		return 0;
	}
	if (text && !strncmp(text, "gauge:", 6) && text[6]) {
		out->gauge = text + 6;
		out->metric = METRIC_REQUESTS; /* a plain number */
		return 0;
	}
	if (!text && (out->kind == ALERT_BURN_RATE || out->kind == ALERT_ABSENCE)) {
		out->metric = out->kind == ALERT_BURN_RATE ? METRIC_ERROR_RATE : METRIC_REQUESTS;
		return 0;
	}
	return config_metric(r, n, &out->metric);
}

static int read_by(struct config_reader *r, const struct node *map, struct view *out)
{
	const struct node *by = node_get(map, "by");
	struct err why;

	if (!by)
		return 0;
	for (const struct node *n = by->kind == NODE_LIST ? by->child : by; n; n = by->kind == NODE_LIST ? n->next : NULL) {
		enum dim d;

		if (config_want(r, n, NODE_SCALAR, "by") < 0)
			return -1;
		if (!dim_from_name(str_of(n->text), &d)) {
			view_set_by(out, str_of(n->text), &why);
			return config_fail(r, n, "%s", why.text);
		}
		if (out->by_count == DIM_COUNT)
			return config_fail(r, n, "by names a field twice");
		out->by[out->by_count++] = d;
	}
	return 0;
}

static int read_labels(struct config_reader *r, const struct node *map, struct config_alert *out)
{
	static const char *const own[] = {"alertname", "severity", "kind"};
	const struct node *labels = node_get(map, "labels");

	if (!labels)
		return 0;
	if (config_want(r, labels, NODE_MAP, "labels") < 0)
		return -1;
	if (node_count(labels) > LABELS_MAX)
		return config_fail(r, labels, "more than %d labels", LABELS_MAX);
	out->labels = arena_alloc(&r->config->arena, (node_count(labels) + 1) * sizeof *out->labels);
	for (const struct node *n = labels->child; n; n = n->next) {
		size_t len = strspn(n->key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		enum dim d;

		if (config_want(r, n, NODE_SCALAR, "a label") < 0)
			return -1;
		if (!len || n->key[len] || (n->key[0] >= '0' && n->key[0] <= '9') || len > 60)
			return config_fail_key(r, n, "a label's name has letters, digits and _ only, and begins with no digit");
		for (size_t i = 0; i < sizeof own / sizeof *own; i++)
			if (!strcmp(n->key, own[i]))
				return config_fail_key(r, n, "the label %s is set by llmdeck itself", n->key);
		if (dim_from_name(str_of(n->key), &d))
			return config_fail_key(r, n, "the label %s is set by llmdeck itself: write where or by", n->key);
		if (strlen(n->text) > 200)
			return config_fail(r, n, "a label has at most 200 bytes");
		out->labels[out->label_count++] = (struct config_pair){
			arena_copy(&r->config->arena, n->key, len), arena_copy(&r->config->arena, n->text, strlen(n->text)),
			n->line, n->column};
	}
	return 0;
}

static int read_number(struct config_reader *r, const struct node *map, const char *key, double least, double most, double *out)
{
	const char *text = NULL;

	if (config_text(r, map, key, false, &text) < 0)
		return -1;
	if (text && (!str_to_double(str_trim(str_of(text)), out) || *out < least || *out > most))
		return config_fail(r, node_get(map, key), "%s takes a number from %g to %g", key, least, most);
	return 0;
}

/* over, under, slo, anomaly, absent: exactly one. */
static int read_kind(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	const struct node *over = node_get(n, "over"), *under = node_get(n, "under"), *slo = node_get(n, "slo"),
	                  *anomaly = node_get(n, "anomaly"), *absent = node_get(n, "absent");
	int count = !!over + !!under + !!slo + !!anomaly + !!absent;

	if (count != 1)
		return config_fail(r, under ? under : n, "an alert needs either `over` or `under`, or one of `slo`, `anomaly` "
		                   "and `absent`");
	out->kind = slo ? ALERT_BURN_RATE : anomaly ? ALERT_ANOMALY : absent ? ALERT_ABSENCE : ALERT_THRESHOLD;
	out->below = under != NULL;
	return 0;
}

static int read_limit(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	const char *key = out->below ? "under" : "over", *text = NULL;
	struct err why;

	if (config_text(r, n, key, true, &text) < 0)
		return -1;
	if (config_parse_limit(text, &metrics[out->metric], &out->limit, NULL, &why) < 0)
		return config_fail(r, node_get(n, key), "%s", why.text);
	return 0;
}

static int read_anomaly(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	static const char *const directions[] = {"over", "under", "both", NULL};
	int direction = 0;

	out->limit = DEVIATIONS_USUAL;
	if (config_choice(r, n, "anomaly", directions, &direction) < 0 ||
	    read_number(r, n, "deviations", 2, 100, &out->limit) < 0)
		return -1;
	out->direction = (enum anomaly_direction)(direction + 1);
	return 0;
}

static int read_objective(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	if (config_share(r, n, "slo", &out->objective) < 0 || config_duration(r, n, "slow", &out->slow_us) < 0)
		return -1;
	if (out->objective <= 0 || out->objective >= 1)
		return config_fail(r, node_get(n, "slo"), "slo takes the share of requests that must be good, such as 99.9%%");
	if (out->metric != METRIC_ERROR_RATE)
		return config_fail(r, node_get(n, "metric"), "an slo counts errors, or with `slow: 2s` requests slower than "
		                   "that: leave the metric out");
	return 0;
}

static int read_common(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	static const char *const keys[] = {"name", "metric", "where", "by", "over", "under", "slo", "slow", "burn", "anomaly",
	                                   "deviations", "absent", "window", "short", "for", "keep_firing_for", "severity",
	                                   "runbook", "labels", "no_data", "min_requests", NULL};
	static const char *const policies[] = {"keep", "ok", "alert", NULL};
	int severity = SEVERITY_WARNING, policy = NO_DATA_KEEPS;
	double least = 0;

	if (config_check_keys(r, n, keys) < 0 || config_text(r, n, "name", true, &out->name) < 0 || read_kind(r, n, out) < 0 ||
	    read_figure(r, n, out) < 0 || config_where(r, n, &out->where) < 0 || read_by(r, n, &out->where) < 0 ||
	    read_labels(r, n, out) < 0 || config_duration(r, n, "for", &out->for_us) < 0 ||
	    config_duration(r, n, "keep_firing_for", &out->keep_firing_for_us) < 0 ||
	    config_choice(r, n, "severity", severities, &severity) < 0 || config_choice(r, n, "no_data", policies, &policy) < 0 ||
	    read_number(r, n, "min_requests", 0, 1e9, &least) < 0 || config_text(r, n, "runbook", false, &out->runbook) < 0)
		return -1;
	out->severity = (enum severity)severity;
	out->no_data = (enum no_data_policy)policy;
	out->min_requests = (int64_t)least;
	return 0;
}

static int check_window(struct config_reader *r, const struct node *n, const char *key, int64_t us)
{
	if (us < 10 * US_PER_S || us > 31 * US_PER_DAY)
		return config_fail(r, node_get(n, key), "%s must lie between 10s and 31d", key);
	return 0;
}

static int read_windows(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	const char *key = out->kind == ALERT_ABSENCE ? "absent" : "window";

	out->window_us = out->kind == ALERT_ANOMALY ? 10 * US_PER_MIN : 5 * US_PER_MIN;
	if (config_duration(r, n, key, &out->window_us) < 0 || check_window(r, n, key, out->window_us) < 0)
		return -1;
	if (out->kind == ALERT_ANOMALY && (out->window_us < 10 * US_PER_MIN || out->window_us > US_PER_DAY))
		return config_fail(r, node_get(n, key), "the window of an anomaly lies between 10m and 1d");
	if (out->kind != ALERT_BURN_RATE)
		return 0;
	out->short_window_us = out->window_us / 12;
	out->limit = 14.4;
	return config_duration(r, n, "short", &out->short_window_us) < 0 ||
	       check_window(r, n, "short", out->short_window_us) < 0 || read_number(r, n, "burn", 0.01, 10000, &out->limit) < 0 ? -1 : 0;
}

/* The three usual pairs of windows, each a rule of its own. */
static void expand_burn(struct config_reader *r, const struct config_alert *one, struct config_alert *out)
{
	for (size_t i = 0; i < USUAL_BURNS; i++) {
		const struct burn *b = &usual_burns[i];
		struct buf name = {0};

		out[i] = *one;
		buf_printf(&name, "%s%s", one->name, b->suffix);
		out[i].name = arena_copy(&r->config->arena, name.data, name.len);
		out[i].window_us = b->long_us;
		out[i].short_window_us = b->short_us;
		out[i].limit = b->rate;
		out[i].severity = b->severity;
		buf_fini(&name);
	}
}

/* Returns how many rules it became, -1 on an error. */
static int read_alert(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	struct config_alert one = {0};

	if (read_common(r, n, &one) < 0 || read_windows(r, n, &one) < 0)
		return -1;
	if (one.kind == ALERT_THRESHOLD && read_limit(r, n, &one) < 0)
		return -1;
	if (one.kind == ALERT_ANOMALY && read_anomaly(r, n, &one) < 0)
		return -1;
	if (one.kind == ALERT_BURN_RATE && read_objective(r, n, &one) < 0)
		return -1;
	if (one.kind == ALERT_BURN_RATE && !node_get(n, "window")) {
		expand_burn(r, &one, out);
		return (int)USUAL_BURNS;
	}
	*out = one;
	return 1;
}

int config_read_alerts(struct config_reader *r, const struct node *n)
{
	void *items;
	size_t room = 0;

	if (config_list(r, n, sizeof(struct config_alert), &items) < 0 || config_unique_names(r, n) < 0)
		return -1;
	for (const struct node *item = n->child; item; item = item->next)
		room += node_get(item, "slo") ? USUAL_BURNS : 1;
	if (!room)
		return 0;
	r->config->alerts = arena_alloc(&r->config->arena, room * sizeof *r->config->alerts);
	for (const struct node *item = n->child; item; item = item->next) {
		int made = read_alert(r, item, &r->config->alerts[r->config->alert_count]);

		if (made < 0)
			return -1;
		r->config->alert_count += (size_t)made;
	}
	return 0;
}
