/* One query by deployment over the service's requests in the window; the arms pick their groups by
 * name. Judging is judge/ab.h's, with the first stretch's share of alpha: the window shown is one look
 * at the evidence of one stretch. */
#include "panels/rollout_arms.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "core/rollout.h"
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

static struct ab_scores scores_of(const struct score_result *scores, struct str deployment, const char *name)
{
	for (size_t i = 0; i < scores->row_count; i++) {
		const struct score_row *row = &scores->rows[i];

		if (str_equal_c(deployment, row->deployment) && strcmp(row->name, name) == 0)
			return (struct ab_scores){row->count, row->mean, row->variance};
	}
	return (struct ab_scores){0, NAN, NAN};
}

/* What the verdicts are drawn from. */
struct judging {
	const struct rule_rollout *rule;
	const struct figures *figures[ROLLOUT_ARMS_MAX]; /* NULL: no request names the arm */
	const struct score_result *scores;
};

static void judge_scores(const struct judging *from, const struct ab_rule *test, const struct rollout_arms *arms,
                         const struct arm_row *row, size_t arm, struct ab_judgement *out)
{
	const char *name = guardrail_evaluation(&from->rule->guardrails[row->guard]);
	struct ab_scores stable = scores_of(from->scores, arms->names[0], name);
	struct ab_scores candidate = scores_of(from->scores, arms->names[arm], name);

	ab_judge_scores(test, row->low_is_better, &stable, &candidate, out);
}

static void judge_arm(const struct judging *from, const struct rollout_arms *arms, struct arm_row *row, size_t arm)
{
	const struct figures *stable = from->figures[0], *candidate = from->figures[arm];
	unsigned tests = (unsigned)(from->rule->guardrail_count * (arms->arm_count - 1));
	struct ab_rule test = {
		.metric = row->metric, .worse_by = row->worse_by, .relative = row->relative,
		.alpha = ab_alpha_of(AB_ALPHA, 1, tests), .may_pass = true,
	};
	struct arm_verdict *v = &row->verdicts[arm];
	struct ab_judgement judged;

	*v = (struct arm_verdict){.verdict = AB_UNKNOWN, .samples = -1};
	if (!row->evaluation[0] && (!stable || !candidate))
		return;
	if (arms->share_is_low[arm]) {
		test.may_pass = false;
		test.why_not = "well under its weight of the requests arrives: failing calls may leave no trace";
	} else if (row->metric == METRIC_ERROR_RATE && row->values[arm].quality == QUALITY_LOWER_BOUND) {
		test.may_pass = false;
		test.why_not = "the error rate is only a lower bound";
	}
	if (row->evaluation[0])
		judge_scores(from, &test, arms, row, arm, &judged);
	else
		ab_judge(&test, stable, candidate, &judged);
	v->verdict = judged.verdict;
	v->stable = judged.stable;
	v->candidate = judged.candidate;
	v->samples = judged.samples_candidate;
	snprintf(v->words, sizeof v->words, "%.200s", judged.words.text);
}

/* A row of mean scores; `name` without a prefix. */
static struct arm_row *add_score_row(struct rollout_arms *out, const char *name, const struct score_result *scores)
{
	struct arm_row *row;
	char label[sizeof row->label];

	text_harmless(label, sizeof label, str_of(name));
	row = add_row(out, label, METRIC_COUNT);
	row->unit = UNIT_PER_1K; /* a plain number with a fraction */
	row->higher_is = -1;
	snprintf(row->evaluation, sizeof row->evaluation, GUARDRAIL_EVALUATION "%.60s", name);
	for (size_t k = 0; k < out->arm_count; k++) {
		struct ab_scores of = scores_of(scores, out->names[k], name);

		row->values[k] = of.count ? value_ok(of.mean) : value_unknown();
	}
	return row;
}

/* The row that a guardrail is about; one that is not among those shown is added. */
static struct arm_row *row_of(const struct judging *from, const struct config_guardrail *guard, struct rollout_arms *out)
{
	struct arm_row *row;

	for (size_t i = 0; i < out->row_count; i++) {
		row = &out->rows[i];
		if (guard->evaluation[0] ? strcmp(row->evaluation, guard->evaluation) == 0
		                         : !row->evaluation[0] && row->metric == guard->metric)
			return row;
	}
	if (guard->evaluation[0])
		return add_score_row(out, guardrail_evaluation(guard), from->scores);
	row = add_row(out, metrics[guard->metric].label, guard->metric);
	for (size_t k = 0; k < out->arm_count; k++)
		row->values[k] = from->figures[k] ? metric_value(guard->metric, from->figures[k], 1) : value_unknown();
	return row;
}

static void judge_all(const struct judging *from, struct rollout_arms *out)
{
	for (size_t g = 0; g < from->rule->guardrail_count && out->row_count < ARM_ROWS_MAX; g++) {
		const struct config_guardrail *guard = &from->rule->guardrails[g];
		struct arm_row *row = row_of(from, guard, out);

		row->guard = (int)g;
		row->worse_by = guard->worse_by;
		row->relative = guard->relative;
		row->low_is_better = guard->low_is_better;
		if (row->evaluation[0])
			row->higher_is = guard->low_is_better ? 1 : -1;
		for (size_t k = 1; k < out->arm_count; k++)
			judge_arm(from, out, row, k);
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
static void show_scores(const struct score_result *scores, struct rollout_arms *out)
{
	for (size_t i = 0; i < scores->row_count && out->row_count < SHOWN_COUNT + SCORES_SHOWN; i++) {
		const char *name = scores->rows[i].name, *deployment = scores->rows[i].deployment;
		bool ours = false, there = false;

		assert(deployment);
		for (size_t k = 0; k < out->arm_count; k++)
			ours = ours || str_equal_c(out->names[k], deployment);
		for (size_t n = SHOWN_COUNT; n < out->row_count; n++)
			there = there || strcmp(out->rows[n].evaluation + sizeof(GUARDRAIL_EVALUATION) - 1, name) == 0;
		if (ours && !there)
			add_score_row(out, name, scores);
	}
}

int rollout_arms_load(const struct panel_query *query, const struct rollout_state *rollout,
                      const struct rule_rollout *rule, bool steady, struct rollout_arms *out,
                      struct err *err)
{
	struct score_result scores = {0};
	struct judging from = {.rule = rule, .scores = &scores};
	struct figures_result res = {0};
	struct panel_query one = *query;
	int failed;

	memset(out, 0, sizeof *out);
	filter_by(&one.view, DIM_SERVICE, rollout->service);
	filter_by(&one.view, DIM_ENVIRONMENT, rollout->environment);
	failed = fleet_groups(&res, &one, DIM_DEPLOYMENT, NEED_ALL_SKETCHES, err) != 0 ||
	         query_scores(query->reader, rollout->service, rollout->environment, query->view.from_us, query->view.to_us,
	                      &scores, err) != 0;
	if (!failed) {
		count_arms(&res, rollout, steady, from.figures, out);
		for (size_t i = 0; i < SHOWN_COUNT; i++) {
			struct arm_row *row = add_row(out, shown[i].label, shown[i].metric);

			for (size_t k = 0; k < out->arm_count; k++)
				row->values[k] = value_of(from.figures[k], i);
		}
		show_scores(&scores, out);
		if (rule)
			judge_all(&from, out);
	}
	score_result_fini(&scores);
	figures_result_fini(&res);
	return failed ? -1 : 0;
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

		if (g->metric != row->metric || strcmp(g->evaluation, row->evaluation) != 0 ||
		    (g->arm[0] && !str_equal_c(arms->names[arm], g->arm)))
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
		snprintf(out, FIGURE_TEXT_BYTES, "%s%.3g%%", row->higher_is < 0 ? "-" : "+", row->worse_by * 100);
	else if (row->higher_is < 0)
		snprintf(out, FIGURE_TEXT_BYTES, "-%.3g", row->worse_by);
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
