/* One query gives the series in steps of the rule's window (two for findings of a category: the requests
 * tell whether there is data); each step is an evaluation. */
#include "alert/backtest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alert/baselines.h"
#include "alert/judge_rule.h"
#include "base/clock.h"
#include "judge/anomaly.h"

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct trial {
	const struct config_alert *rule;
	struct machine machine;
	struct backtest *out;
	double *values;
	int64_t fired_us;
};

static void step(struct trial *t, const struct rule_reading *reading, int64_t now_us)
{
	const struct config_alert *rule = t->rule;
	const struct machine_rule waits = {rule->for_us, rule->keep_firing_for_us, rule->no_data};
	enum alert_state before = t->machine.state;
	struct backtest *out = t->out;

	out->evaluations++;
	if (reading->seen != SEEN_NO_DATA && !isnan(reading->value)) {
		t->values[out->known++] = reading->value;
		if (isnan(out->worst) || (rule->below ? reading->value < out->worst : reading->value > out->worst))
			out->worst = reading->value;
	}
	machine_step(&t->machine, &waits, reading->seen, now_us);
	if (t->machine.state == ALERT_FIRING) {
		if (before != ALERT_FIRING) {
			out->fired++;
			t->fired_us = now_us;
		}
		out->firing_us += out->step_us;
		if (now_us - t->fired_us + out->step_us > out->longest_us)
			out->longest_us = now_us - t->fired_us + out->step_us;
	}
}

static int try_anomaly(struct store_reader *r, struct trial *t, double bound, int64_t from_us, int64_t to_us, struct err *err)
{
	const struct config_alert *rule = t->rule;
	const char *group[DIM_COUNT] = {"", "", "", "", "", "", ""};
	int64_t first_us, step_us = t->out->step_us;
	struct config_alert whole = *rule;
	struct anomaly_model model = {0};
	size_t count, lead = (size_t)(ANOMALY_HISTORY_DAYS * US_PER_DAY / step_us);

	whole.where.by_count = 0;
	double *values = baseline_series(r, &whole, group, to_us - from_us + ANOMALY_HISTORY_DAYS * US_PER_DAY, to_us, &count, &first_us, err);

	if (!values)
		return -1;
	t->values = mem_array(NULL, count + 1, sizeof *t->values);
	for (size_t i = lead; i < count; i++) {
		size_t recent = (size_t)(6 * US_PER_HOUR / step_us), from = i + 1 > recent ? i + 1 - recent : 0;

		if ((i - lead) % (size_t)(US_PER_DAY / step_us > 0 ? US_PER_DAY / step_us : 1) == 0)
			anomaly_fit(&model, values + i - lead, lead, first_us + (int64_t)(i - lead) * step_us, step_us);
		struct anomaly_verdict v = anomaly_judge(&model, values + from, i + 1 - from, first_us + (int64_t)from * step_us);
		double far = rule->direction == ANOMALY_OVER ? v.deviations : rule->direction == ANOMALY_UNDER ? -v.deviations : fabs(v.deviations);
		struct rule_reading reading = {!v.known ? SEEN_NO_DATA : far > bound ? SEEN_OVER : SEEN_FINE, values[i], bound, v.normal};

		step(t, &reading, first_us + (int64_t)(i + 1) * step_us);
	}
	free(values);
	return 0;
}

/* Findings of the rule's category a minute, in the step that begins at from_us. */
static struct value flags_at(const struct breakdown_result *flags, const char *category, int64_t from_us, int64_t step_us)
{
	int64_t count = 0;

	for (size_t s = 0; s < flags->steps; s++) {
		int64_t at_us = flags->from_us + (int64_t)s * flags->step_us;

		if (at_us < from_us || at_us >= from_us + step_us)
			continue;
		for (size_t i = 0; i < flags->row_count; i++)
			count += strcmp(flags->rows[i].name, category) == 0 ? flags->rows[i].series[s] : 0;
	}
	return value_ok((double)count * (double)US_PER_MIN / (double)step_us);
}

static struct rule_reading read_step(const struct config_alert *rule, double bound, const struct figures *f,
                                     const struct breakdown_result *flags, int64_t from_us, int64_t step_us)
{
	if (rule->category)
		return rule_judge_flags(rule, bound, f, flags_at(flags, rule->category, from_us, step_us), f->last_us);
	if (rule->kind == ALERT_BURN_RATE)
		return rule_judge_burn(rule, bound, f, f, f->last_us);
	if (rule->kind == ALERT_ABSENCE)
		return rule_judge_absence(rule, f->requests, rule->window_us);
	return rule_judge_threshold(rule, bound, f, (double)step_us / (double)US_PER_S, f->last_us);
}

static int try_figures(struct store_reader *r, struct trial *t, double bound, int64_t from_us, int64_t to_us, struct err *err)
{
	const struct config_alert *rule = t->rule;
	struct breakdown_result flags = {0};
	struct figures_result res;
	struct view v = rule->where;

	v.by_count = 0;
	v.from_us = from_us;
	v.to_us = to_us;
	v.step_us = t->out->step_us;
	if (rule->category && query_breakdown(r, BREAKDOWN_FLAG_CATEGORY, &v, &flags, err))
		return -1;
	if (query_figures(r, &v, 0, rule_needs(rule), &res, err)) {
		breakdown_result_fini(&flags);
		return -1;
	}
	t->values = mem_array(NULL, res.steps + 1, sizeof *t->values);
	t->out->step_us = res.step_us;
	for (size_t i = 0; i < res.steps && res.total.series; i++) {
		int64_t begin_us = res.from_us + (int64_t)i * res.step_us;
		struct rule_reading reading = read_step(rule, bound, &res.total.series[i], &flags, begin_us, res.step_us);

		step(t, &reading, begin_us + res.step_us);
	}
	figures_result_fini(&res);
	breakdown_result_fini(&flags);
	return 0;
}

/* Each step's worst mean of the gauge's instances, as a round takes it. */
static int try_gauge(struct store_reader *r, struct trial *t, double bound, int64_t from_us, int64_t to_us, struct err *err)
{
	const struct config_alert *rule = t->rule;
	struct gauge_result res;

	if (query_gauges(r, str_of(rule->gauge), from_us, to_us, t->out->step_us, &res, err))
		return -1;
	size_t steps = res.series_count ? res.series[0].steps : 0;

	t->values = mem_array(NULL, steps + 1, sizeof *t->values);
	for (size_t i = 0; i < steps; i++) {
		struct value worst = value_unknown();

		for (size_t s = 0; s < res.series_count; s++) {
			double mean = res.series[s].mean[i];

			if (strcmp(res.series[s].name, rule->gauge) != 0 || isnan(mean))
				continue;
			if (!value_known(worst) || (rule->below ? mean < worst.number : mean > worst.number))
				worst = value_ok(mean);
		}
		struct rule_reading reading = rule_judge_value(rule, bound, worst);

		step(t, &reading, from_us + (int64_t)(i + 1) * t->out->step_us);
	}
	gauge_result_fini(&res);
	return 0;
}

int backtest_rule(struct store_reader *r, const struct config_alert *rule, double bound, int64_t from_us, int64_t to_us,
                  struct backtest *out, struct err *err)
{
	struct trial t = {.rule = rule, .out = out};

	*out = (struct backtest){.worst = NAN, .p50 = NAN, .p99 = NAN, .from_us = from_us, .to_us = to_us};
	out->step_us = rule->window_us < US_PER_MIN ? US_PER_MIN : rule->window_us - rule->window_us % US_PER_MIN;
	int failed = rule->gauge ? try_gauge(r, &t, bound, from_us, to_us, err)
	             : rule->kind == ALERT_ANOMALY ? try_anomaly(r, &t, bound, from_us, to_us, err)
	                                           : try_figures(r, &t, bound, from_us, to_us, err);

	if (!failed && out->known) {
		qsort(t.values, out->known, sizeof *t.values, compare);
		out->p50 = t.values[(out->known - 1) / 2];
		out->p99 = t.values[(size_t)((double)(out->known - 1) * 0.99)];
	}
	free(t.values);
	return failed;
}
