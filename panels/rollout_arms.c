/* One query by deployment over the service's requests in the window; the arms pick their groups by
 * name. Judging is judge/ab.h's, with the first stretch's share of alpha: the window shown is one look
 * at the evidence of one stretch. */
#include "panels/rollout_arms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "panels/draw.h"

static int64_t input_tokens(const struct figures *f)
{
	return f->input_tokens;
}

static int64_t output_tokens(const struct figures *f)
{
	return f->output_tokens;
}

#define NO_SUM NULL, SKETCH_COUNT
static const struct {
	const char *label;
	enum metric metric;                      /* METRIC_COUNT: the sum below for each request */
	int64_t (*sum)(const struct figures *f);
	enum sketch_kind told;                   /* unknown where this sketch is empty */
} shown[] = {
	{"requests", METRIC_REQUESTS, NO_SUM},       {"p50", METRIC_LATENCY_P50, NO_SUM},
	{"p95", METRIC_LATENCY_P95, NO_SUM},         {"ttft p95", METRIC_TTFT_P95, NO_SUM},
	{"errors %", METRIC_ERROR_RATE, NO_SUM},     {"$/1k req", METRIC_COST_PER_1K, NO_SUM},
	{"tok in", METRIC_COUNT, input_tokens, SKETCH_INPUT_TOKENS},
	{"tok out", METRIC_COUNT, output_tokens, SKETCH_OUTPUT_TOKENS},
	{"flags/1k", METRIC_FLAGS_PER_1K, NO_SUM},   {"-/100", METRIC_NEGATIVE_PER_100, NO_SUM},
};
#define SHOWN_COUNT (sizeof shown / sizeof *shown)
#define SCORES_SHOWN 4 /* evaluations beside them */

/* ── loading ───────────────────────────────────────────────────────────────────────────────── */

static void filter_by(struct view *v, enum dim dim, struct str value)
{
	struct filter *f;

	if (value.len == 0 || v->filter_count == VIEW_FILTERS_MAX)
		return;
	f = &v->filters[v->filter_count++];
	f->dim = dim;
	f->inverted = false;
	snprintf(f->value, sizeof f->value, "%.*s", STR_ARG(value));
}

static const struct figures *figures_of(const struct figures_result *res, struct str deployment)
{
	for (size_t i = 0; i < res->group_count; i++) {
		if (str_equal_c(deployment, res->groups[i].key[0]))
			return &res->groups[i].total;
	}
	return NULL;
}

static struct value per_request(const struct figures *f, size_t i)
{
	int64_t told = f->sketches[shown[i].told].count, sum = shown[i].sum(f);

	if (f->requests <= 0 || told <= 0)
		return value_unknown();
	return (struct value){(double)sum / (double)told,
	                      told < f->requests ? QUALITY_ESTIMATE : QUALITY_OK};
}

static struct value value_of(const struct figures *f, size_t i)
{
	if (!f)
		return value_unknown();
	return shown[i].metric == METRIC_COUNT ? per_request(f, i) : metric_value(shown[i].metric, f, 1);
}

static struct arm_row *add_row(struct rollout_arms *out, const char *label, enum metric metric)
{
	struct arm_row *row = &out->rows[out->row_count++];

	snprintf(row->label, sizeof row->label, "%s", label);
	row->metric = metric;
	row->unit = metric == METRIC_COUNT ? UNIT_COUNT : metrics[metric].unit;
	row->higher_is = metric == METRIC_COUNT ? 0 : metrics[metric].higher_is;
	row->guard = -1;
	return row;
}

static void judge_arm(const struct rule_rollout *rule, struct arm_row *row, size_t arm,
                      const struct figures *stable, const struct figures *candidate, bool low)
{
	struct ab_rule test = {
		.metric = row->metric, .worse_by = row->worse_by, .relative = row->relative,
		.alpha = ab_alpha_of(AB_ALPHA, 1, (unsigned)rule->guardrail_count), .may_pass = true,
	};
	struct arm_verdict *v = &row->verdicts[arm];
	struct ab_judgement judged;

	*v = (struct arm_verdict){.verdict = AB_UNKNOWN, .samples = -1};
	if (!stable || !candidate)
		return;
	if (low) {
		test.may_pass = false;
		test.why_not = "well under its weight of the requests arrives: failing calls may leave no trace";
	} else if (row->metric == METRIC_ERROR_RATE && row->values[arm].quality == QUALITY_LOWER_BOUND) {
		test.may_pass = false;
		test.why_not = "the error rate is only a lower bound";
	}
	ab_judge(&test, stable, candidate, &judged);
	v->verdict = judged.verdict;
	v->stable = judged.stable;
	v->candidate = judged.candidate;
	v->samples = judged.samples_candidate;
	snprintf(v->words, sizeof v->words, "%.200s", judged.words.text);
}

/* A guarded metric that is not among those shown gets a row of its own. */
static struct arm_row *row_of(struct rollout_arms *out, enum metric metric,
                              const struct figures *const figures[])
{
	struct arm_row *row;

	for (size_t i = 0; i < out->row_count; i++) {
		if (out->rows[i].metric == metric)
			return &out->rows[i];
	}
	row = add_row(out, metrics[metric].label, metric);
	for (size_t k = 0; k < out->arm_count; k++)
		row->values[k] = figures[k] ? metric_value(metric, figures[k], 1) : value_unknown();
	return row;
}

static void judge_all(const struct rule_rollout *rule, const struct figures *const figures[],
                      struct rollout_arms *out)
{
	for (size_t g = 0; g < rule->guardrail_count && out->row_count < ARM_ROWS_MAX; g++) {
		const struct config_guardrail *guard = &rule->guardrails[g];
		struct arm_row *row = row_of(out, guard->metric, figures);

		row->guard = (int)g;
		row->worse_by = guard->worse_by;
		row->relative = guard->relative;
		for (size_t k = 1; k < out->arm_count; k++)
			judge_arm(rule, row, k, figures[0], figures[k], out->share_is_low[k]);
	}
}

static void count_arms(const struct figures_result *res, const struct rollout_state *rollout, bool steady,
                       const struct figures *figures[], struct rollout_arms *out)
{
	const struct figures *unmarked = figures_of(res, STR_LIT(""));
	int64_t together = 0;

	out->unmarked = unmarked ? unmarked->requests : 0;
	out->service_requests = res->total.total.requests;
	out->arm_count = rollout->arm_count;
	for (size_t k = 0; k < out->arm_count; k++) {
		figures[k] = figures_of(res, rollout->arms[k].deployment);
		out->wanted[k] = rollout->arms[k].desired_percent;
		out->names[k] = rollout->arms[k].deployment;
		out->told[k] = figures[k] && figures[k]->requests > 0;
		out->requests[k] = figures[k] ? figures[k]->requests : 0;
		together += out->requests[k];
	}
	for (size_t k = 1; steady && k < out->arm_count; k++)
		out->share_is_low[k] = ab_share_is_low(out->requests[k], together,
		                                       rollout->arms[k].desired_percent / 100);
}

/* A row for each evaluation that has a score of some arm. */
static int load_scores(const struct panel_query *query, const struct rollout_state *rollout, struct rollout_arms *out,
                       struct err *err)
{
	struct score_result scores;

	if (query_scores(query->reader, rollout->service, rollout->environment, query->view.from_us, query->view.to_us,
	                 &scores, err) != 0)
		return -1;
	for (size_t i = 0; i < scores.row_count; i++) {
		const struct score_row *score = &scores.rows[i];
		struct arm_row *row = NULL;

		for (size_t k = 0; k < out->arm_count; k++) {
			if (!str_equal_c(out->names[k], score->deployment))
				continue;
			for (size_t n = SHOWN_COUNT; n < out->row_count && !row; n++)
				row = strncmp(out->rows[n].label, score->name, sizeof out->rows[n].label - 1) == 0 ? &out->rows[n] : NULL;
			if (!row && out->row_count == SHOWN_COUNT + SCORES_SHOWN)
				break;
			if (!row) {
				char label[sizeof row->label];
				text_harmless(label, sizeof label, str_of(score->name));
				row = add_row(out, label, METRIC_COUNT);
				row->unit = UNIT_PER_1K; /* a plain number with a fraction */
				row->higher_is = -1;
			}
			row->values[k] = value_ok(score->mean);
		}
	}
	score_result_fini(&scores);
	return 0;
}

int rollout_arms_load(const struct panel_query *query, const struct rollout_state *rollout,
                      const struct rule_rollout *rule, bool steady, struct rollout_arms *out,
                      struct err *err)
{
	const struct figures *figures[ROLLOUT_ARMS_MAX] = {NULL};
	struct figures_result res = {0};
	struct panel_query one = *query;

	memset(out, 0, sizeof *out);
	filter_by(&one.view, DIM_SERVICE, rollout->service);
	filter_by(&one.view, DIM_ENVIRONMENT, rollout->environment);
	if (fleet_groups(&res, &one, DIM_DEPLOYMENT, NEED_ALL_SKETCHES, err) != 0) {
		figures_result_fini(&res);
		return -1;
	}
	count_arms(&res, rollout, steady, figures, out);
	for (size_t i = 0; i < SHOWN_COUNT; i++) {
		struct arm_row *row = add_row(out, shown[i].label, shown[i].metric);

		for (size_t k = 0; k < out->arm_count; k++)
			row->values[k] = value_of(figures[k], i);
	}
	if (load_scores(query, rollout, out, err) != 0) {
		figures_result_fini(&res);
		return -1;
	}
	if (rule)
		judge_all(rule, figures, out);
	figures_result_fini(&res);
	return 0;
}

/* ── verdicts ──────────────────────────────────────────────────────────────────────────────── */

const struct rollout_live *rollout_live_find(const struct rollout_board *board, struct str name)
{
	for (size_t i = 0; board && i < board->count; i++) {
		if (str_equal_c(name, board->rollouts[i].name))
			return &board->rollouts[i];
	}
	return NULL;
}

bool arm_is_idle(const struct rollout_arms *arms, size_t arm, const struct rollout_live *live)
{
	bool told = live && arm < live->arm_count && !isnan(live->arms[arm].desired_percent);

	return (told ? live->arms[arm].desired_percent : arms->wanted[arm]) <= 0;
}

bool rollout_is_idle(const struct rollout_arms *arms, const struct rollout_live *live)
{
	for (size_t k = 1; k < arms->arm_count; k++) {
		if (!arm_is_idle(arms, k, live))
			return false;
	}
	return true;
}

const struct arm_verdict *arm_verdict_of(const struct rollout_arms *arms, const struct arm_row *row,
                                         size_t arm, const struct rollout_live *live,
                                         struct arm_verdict *space)
{
	if (arm_is_idle(arms, arm, live))
		return NULL;
	for (size_t i = 0; live && i < live->guard_count; i++) {
		const struct rollout_live_guard *g = &live->guards[i];

		if (g->metric != row->metric || (g->arm[0] && !str_equal_c(arms->names[arm], g->arm)))
			continue;
		if (g->verdict == AB_UNKNOWN && g->samples <= 0)
			break; /* it has not looked yet */
		*space = (struct arm_verdict){
			.verdict = g->verdict, .samples = g->samples, .whole_step = true,
			.stable = isnan(g->stable) ? value_unknown() : value_ok(g->stable),
			.candidate = isnan(g->candidate) ? value_unknown() : value_ok(g->candidate),
		};
		snprintf(space->words, sizeof space->words, "%s", g->words);
		return space;
	}
	return row->guard >= 0 ? &row->verdicts[arm] : NULL;
}

enum ab_verdict rollout_gate(const struct rollout_arms *arms, const struct rollout_live *live)
{
	static const int badness[] = {[AB_PASS] = 0, [AB_INCONCLUSIVE] = 1, [AB_UNKNOWN] = 2, [AB_FAIL] = 3};
	struct arm_verdict space;
	int worst = -1;
	enum ab_verdict gate = AB_UNKNOWN;

	for (size_t i = 0; i < arms->row_count; i++) {
		for (size_t k = 1; k < arms->arm_count; k++) {
			const struct arm_verdict *v = arm_verdict_of(arms, &arms->rows[i], k, live, &space);

			if (v && badness[v->verdict] > worst) {
				worst = badness[v->verdict];
				gate = v->verdict;
			}
		}
	}
	return gate;
}

char *arm_verdict_change(const struct arm_row *row, const struct arm_verdict *v, bool ascii,
                         char out[FIGURE_TEXT_BYTES])
{
	return change_format(row->unit, v->candidate, v->stable, ascii, out);
}

char *arm_limit(const struct arm_row *row, char out[FIGURE_TEXT_BYTES])
{
	if (row->relative)
		snprintf(out, FIGURE_TEXT_BYTES, "+%.3g%%", row->worse_by * 100);
	else if (row->unit == UNIT_SHARE)
		snprintf(out, FIGURE_TEXT_BYTES, "+%.3gpp", row->worse_by * 100);
	else if (row->unit == UNIT_SECONDS)
		snprintf(out, FIGURE_TEXT_BYTES, "+%.3gs", row->worse_by);
	else
		snprintf(out, FIGURE_TEXT_BYTES, "+%.3g", row->worse_by);
	return out;
}

void rollout_gate_words(const struct rollout_arms *arms, const struct rollout_live *live,
                        struct buf *out)
{
	char change[FIGURE_TEXT_BYTES], limit[FIGURE_TEXT_BYTES], n[FIGURE_TEXT_BYTES];
	struct arm_verdict space;

	for (size_t i = 0; i < arms->row_count; i++) {
		const struct arm_row *row = &arms->rows[i];

		for (size_t k = 1; k < arms->arm_count; k++) {
			const struct arm_verdict *v = arm_verdict_of(arms, row, k, live, &space);

			if (!v || v->verdict != AB_FAIL)
				continue;
			buf_puts(out, out->len ? ", " : "");
			if (arms->arm_count > 2)
				buf_printf(out, "%.*s ", STR_ARG(arms->names[k]));
			buf_printf(out, "%s %s", row->label, arm_verdict_change(row, v, true, change));
			if (row->guard >= 0)
				buf_printf(out, " (limit %s)", arm_limit(row, limit));
			if (v->samples >= 0)
				buf_printf(out, " n %s", count_format((double)v->samples, n));
		}
	}
}
