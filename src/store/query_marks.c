/* Four places are asked: the rollups for deployments that were not there before, the rollouts' reports, the
 * alerts, and the audit for what people did. What the audit repeats of alerts is left to the alerts. */
#include "store/query_marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/query_alerts.h"
#include "store/reader_private.h"

#define LOOK_BACK_US US_PER_DAY
#define FIRST_DATA_US (10 * US_PER_MIN) /* what appears this soon after the store's first data was always there */
#define AUDIT_MOST 2000

const char *mark_kind_name(enum mark_kind k)
{
	static const char *const names[MARK_KINDS] = {"deploy", "weights", "config", "alert", "ack", "budget", "incident", "action"};

	return names[k];
}

struct marks {
	struct mark_result *out;
	const struct view *view;
	size_t cap;
};

static const char *kept(struct marks *m, const char *text)
{
	return arena_copy(&m->out->arena, text ? text : "", text ? strlen(text) : 0);
}

static void add(struct marks *m, const struct mark *mark)
{
	struct mark *row;

	if (mark->time_us >= m->view->to_us || (mark->time_us < m->view->from_us && mark->end_us < m->view->from_us))
		return;
	m->out->rows = mem_grow(m->out->rows, &m->cap, m->out->row_count + 1, sizeof *m->out->rows);
	row = &m->out->rows[m->out->row_count++];
	*row = *mark;
	row->name = kept(m, mark->name);
	row->text = kept(m, mark->text);
	row->who = kept(m, mark->who);
}

/* Whether the view's filters on one dimension let a value through; what is not told passes. */
static bool passes(const struct view *v, enum dim d, struct str value)
{
	bool wanted = false, asked = false;

	if (!value.len)
		return true;
	for (size_t i = 0; i < v->filter_count; i++) {
		const struct filter *f = &v->filters[i];

		if (f->dim != d)
			continue;
		if (f->inverted && str_equal_c(value, f->value))
			return false;
		asked |= !f->inverted;
		wanted |= !f->inverted && str_equal_c(value, f->value);
	}
	return !asked || wanted;
}

/* ── deployments ───────────────────────────────────────────────────────────────────────────── */

/* A service's deployment. */
struct first_seen {
	uint32_t service, deployment; /* names; 0: free */
	int64_t first_us;             /* of its requests in the window; 0 none */
};

static int look_at_row(void *arg, int64_t bucket_us, const void *blob, size_t len)
{
	struct first_seen *f = arg;
	struct figures row = {0};

	if (!figures_decode_merge(&row, 0, 1, bucket_us, blob, len))
		return -1;
	if (row.requests <= 0 || !row.first_us)
		return 0;
	if (!f->first_us || row.first_us < f->first_us)
		f->first_us = row.first_us;
	return WALK_ENOUGH;
}

static int by_name(const void *a, const void *b)
{
	const struct first_seen *x = a, *y = b;

	if (x->service != y->service)
		return x->service < y->service ? -1 : 1;
	return x->deployment < y->deployment ? -1 : x->deployment > y->deployment;
}

/* When each leaf of the view had its first request in its window: of a leaf no more than its first rows are read. */
static int first_of_leaves(struct store_reader *r, const struct view *v, struct first_seen *out, size_t *count, struct err *err)
{
	struct runs runs;
	int failed = 0;

	*count = 0;
	runs_plan(&runs, r, v->from_us, v->to_us, 0);
	for (uint32_t i = 0; i < r->names.series_count && !failed; i++) {
		const struct series *s = &r->names.series[i];
		struct source source = {.series = i, .weight = 1, .first_tier = TIER_10S, .last_tier = TIER_1D};

		if (s->kind != SERIES_IS_LEAF || !s->value[DIM_DEPLOYMENT] || !view_passes_series(r, v, s))
			continue;
		out[*count] = (struct first_seen){s->value[DIM_SERVICE], s->value[DIM_DEPLOYMENT], 0};
		failed = reader_walk(r, &runs, &source, look_at_row, &out[*count], err);
		*count += out[*count].first_us > 0;
	}
	runs_fini(&runs);
	return failed;
}

/* One of each service and deployment, with the earliest of their leaves. */
static size_t join_leaves(struct first_seen *list, size_t count)
{
	size_t n = 0;

	if (count)
		qsort(list, count, sizeof *list, by_name);
	for (size_t i = 0; i < count; i++) {
		if (n && by_name(&list[n - 1], &list[i]) == 0)
			list[n - 1].first_us = list[i].first_us < list[n - 1].first_us ? list[i].first_us : list[n - 1].first_us;
		else
			list[n++] = list[i];
	}
	return n;
}

static int add_deploys(struct marks *m, struct store_reader *r, struct err *err)
{
	struct view v = *m->view;
	struct store_summary summary;
	struct first_seen *list;
	struct buf text = {0};
	size_t count;

	v.from_us -= LOOK_BACK_US < v.from_us ? LOOK_BACK_US : v.from_us;
	if (query_summary(r, &summary, err) || reader_begin(r, err))
		return -1;
	list = mem_zalloc((r->names.series_count + 1) * sizeof *list);
	int failed = reader_end(r, first_of_leaves(r, &v, list, &count, err));
	count = join_leaves(list, count);
	for (size_t i = 0; i < count && !failed; i++) {
		const char *service = names_text(&r->names, list[i].service), *deployment = names_text(&r->names, list[i].deployment);

		if (list[i].first_us < m->view->from_us || list[i].first_us < summary.first_us + FIRST_DATA_US)
			continue;
		buf_reset(&text);
		buf_printf(&text, "first requests of %s%s%s", deployment, *service ? " of " : "", service);
		add(m, &(struct mark){.time_us = list[i].first_us, .kind = MARK_DEPLOY, .name = deployment, .text = text.data});
	}
	buf_fini(&text);
	free(list);
	return failed;
}

/* ── rollouts ──────────────────────────────────────────────────────────────────────────────── */

static bool same_arms(const struct rollout_state *a, const struct rollout_state *b)
{
	if (a->arm_count != b->arm_count || !str_equal(a->phase, b->phase))
		return false;
	for (uint32_t i = 0; i < a->arm_count; i++)
		if (!str_equal(a->arms[i].deployment, b->arms[i].deployment) ||
		    (int)(a->arms[i].desired_percent * 10) != (int)(b->arms[i].desired_percent * 10))
			return false;
	return true;
}

static void put_arms(const struct rollout_state *s, struct buf *out)
{
	for (uint32_t i = 0; i < s->arm_count; i++)
		buf_printf(out, "%s%.*s %.3g %%", i ? ", " : "", STR_ARG(s->arms[i].deployment), s->arms[i].desired_percent);
	buf_printf(out, "; %.*s", STR_ARG(s->phase));
	if (s->reason.len)
		buf_printf(out, ": %.*s", STR_ARG(s->reason));
}

/* A mark where the shares or the phase differ from the report before. */
static int add_rollout(struct marks *m, struct store_reader *r, struct str name, struct err *err)
{
	struct rollout_result history;
	struct buf text = {0};

	if (query_rollout_history(r, name, m->view->from_us - US_PER_DAY, m->view->to_us, &history, err))
		return -1;
	for (size_t i = 0; i < history.row_count; i++) {
		const struct rollout_state *s = &history.rows[i].state;

		if (i && same_arms(s, &history.rows[i - 1].state))
			continue;
		buf_reset(&text);
		put_arms(s, &text);
		char *rollout = mem_strndup(s->name.len ? s->name.ptr : "", s->name.len);

		add(m, &(struct mark){.time_us = s->time_us, .kind = MARK_WEIGHTS, .name = rollout, .text = text.data});
		free(rollout);
	}
	buf_fini(&text);
	rollout_result_fini(&history);
	return 0;
}

static int add_rollouts(struct marks *m, struct store_reader *r, struct err *err)
{
	struct view none = {.from_us = m->view->to_us, .to_us = m->view->to_us};
	struct rollout_result res;
	int failed = 0;

	if (query_rollouts(r, &none, &res, err))
		return -1;
	for (size_t i = 0; i < res.row_count && !failed; i++) {
		const struct rollout_state *s = &res.rows[i].state;

		if (passes(m->view, DIM_SERVICE, s->service) && passes(m->view, DIM_ENVIRONMENT, s->environment))
			failed = add_rollout(m, r, s->name, err);
	}
	rollout_result_fini(&res);
	return failed;
}

/* ── alerts ────────────────────────────────────────────────────────────────────────────────── */

static void add_alert(struct marks *m, const struct alert_record *a)
{
	bool budget = strcmp(a->kind, "budget") == 0;
	struct buf text = {0};

	if (!a->fired_us)
		return;
	buf_puts(&text, a->summary && *a->summary ? a->summary : a->labels);
	add(m, &(struct mark){
		.time_us = a->fired_us, .end_us = a->ended_us, .kind = budget ? MARK_BUDGET : MARK_ALERT, .severity = a->severity,
		.id = a->id, .name = a->rule, .text = text.data,
	});
	buf_fini(&text);
}

static int add_alerts(struct marks *m, struct store_reader *r, struct err *err)
{
	struct alert_result res;

	if (query_alerts(r, m->view->from_us, m->view->to_us, &res, err))
		return -1;
	for (size_t i = 0; i < res.row_count; i++)
		add_alert(m, &res.rows[i]);
	alert_result_fini(&res);
	return 0;
}

/* ── the audit ─────────────────────────────────────────────────────────────────────────────── */

static bool kind_of_action(struct str action, enum mark_kind *kind)
{
	static const struct {
		const char *prefix;
		int kind; /* -1: told by something else, or none of our business */
	} rules[] = {
		{"alert.fire", -1}, {"alert.resolve", -1}, {"alert.edit", MARK_CONFIG}, {"alert.", MARK_ACK}, {"budget.act", MARK_BUDGET},
		{"budget.", MARK_CONFIG}, {"config.", MARK_CONFIG}, {"incident.", MARK_INCIDENT}, {"feedback", -1},
	};

	*kind = MARK_ACTION;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (str_starts_with(action, str_of(rules[i].prefix))) {
			if (rules[i].kind < 0)
				return false;
			*kind = (enum mark_kind)rules[i].kind;
			break;
		}
	return true;
}

static void add_deed(struct marks *m, const struct audit_row *row)
{
	const struct audit_entry *e = &row->entry;
	struct buf text = {0}, name = {0}, who = {0};
	enum mark_kind kind;

	if (!kind_of_action(e->action, &kind))
		return;
	buf_printf(&name, "%.*s", STR_ARG(e->target));
	buf_printf(&text, "%.*s %.*s", STR_ARG(e->action), STR_ARG(e->target));
	if (e->before.len || e->after.len)
		buf_printf(&text, ": %.*s -> %.*s", STR_ARG(e->before), STR_ARG(e->after));
	if (e->outcome.len && kind != MARK_INCIDENT)
		buf_printf(&text, " (%.*s)", STR_ARG(e->outcome));
	if (e->claimed_name.len)
		buf_printf(&who, "%.*s", STR_ARG(e->claimed_name));
	else
		buf_printf(&who, "uid %u", e->uid);
	add(m, &(struct mark){.time_us = e->time_us, .kind = kind, .id = row->id, .name = name.data, .text = text.data, .who = who.data});
	buf_fini(&text);
	buf_fini(&name);
	buf_fini(&who);
}

static int add_deeds(struct marks *m, struct store_reader *r, struct err *err)
{
	struct audit_result res;

	if (query_audit(r, m->view->from_us, m->view->to_us, AUDIT_MOST, &res, err))
		return -1;
	for (size_t i = 0; i < res.row_count; i++)
		add_deed(m, &res.rows[i]);
	audit_result_fini(&res);
	return 0;
}

static int oldest_first(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? -1 : 1;
	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->name, y->name);
}

int query_marks(struct store_reader *r, const struct view *v, struct mark_result *out, struct err *err)
{
	struct marks m = {.out = out, .view = v};

	memset(out, 0, sizeof *out);
	if (add_deploys(&m, r, err) || add_rollouts(&m, r, err) || add_alerts(&m, r, err) || add_deeds(&m, r, err)) {
		mark_result_fini(out);
		return -1;
	}
	if (out->row_count)
		qsort(out->rows, out->row_count, sizeof *out->rows, oldest_first);
	if (out->row_count > MARKS_MAX) {
		memmove(out->rows, out->rows + out->row_count - MARKS_MAX, MARKS_MAX * sizeof *out->rows);
		out->row_count = MARKS_MAX;
	}
	return 0;
}

void mark_result_fini(struct mark_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}
