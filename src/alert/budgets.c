/* Three queries: the period's sum, the last hour, and five weeks by the hour for the forecast. A budget
 * of one user (or key …) asks the bounded summaries instead of the rollups. */
#include "alert/budgets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/money.h"
#include "judge/forecast.h"
#include "store/query_spend.h"

static int ask(struct store_reader *r, const struct config_budget *b, int64_t from_us, int64_t to_us, int64_t step_us,
               struct figures_result *out, struct err *err)
{
	struct view v = b->where;

	v.by_count = 0;
	v.from_us = from_us;
	v.to_us = to_us;
	v.step_us = step_us;
	return query_figures(r, &v, 0, 0, out, err);
}

/* What was spent in a window, by steps or in all. */
struct spending {
	int64_t from_us, to_us, step_us;
	int64_t cost_nusd, requests, unpriced;
	bool bound;
	int64_t *series; /* owned; NULL without steps */
	size_t steps;
};

static int spend_of_attr(struct store_reader *r, const struct config_budget *b, int64_t from_us, int64_t to_us, int64_t step_us,
                         struct spending *out, struct err *err)
{
	struct figures_result all;
	struct attr_spend s;

	if (ask(r, b, from_us, to_us, 0, &all, err))
		return -1;
	/* The summaries know no price: everybody's share of unpriced requests stands for this one's. */
	double share = all.total.total.requests > 0 ? (double)all.total.total.unpriced / (double)all.total.total.requests : 0;

	figures_result_fini(&all);
	if (query_attr_spend(r, b->attr, str_of(b->attr_value), from_us, to_us, step_us, &s, err))
		return -1;
	*out = (struct spending){s.from_us, s.to_us, s.step_us, s.cost_nusd, s.requests, (int64_t)ceil((double)s.requests * share), s.bound,
	                         s.series, s.steps};
	return 0;
}

static int spend(struct store_reader *r, const struct config_budget *b, int64_t from_us, int64_t to_us, int64_t step_us,
                 struct spending *out, struct err *err)
{
	struct figures_result res;

	*out = (struct spending){0};
	if (b->by_attr)
		return spend_of_attr(r, b, from_us, to_us, step_us, out, err);
	if (ask(r, b, from_us, to_us, step_us, &res, err))
		return -1;
	*out = (struct spending){.from_us = res.from_us, .to_us = res.to_us, .step_us = res.step_us, .cost_nusd = res.total.total.cost_nusd,
	                         .requests = res.total.total.requests, .unpriced = res.total.total.unpriced};
	if (res.total.series) {
		out->steps = res.steps;
		out->series = mem_array(NULL, res.steps + 1, sizeof *out->series);
		for (size_t i = 0; i < res.steps; i++)
			out->series[i] = res.total.series[i].cost_nusd;
	}
	figures_result_fini(&res);
	return 0;
}

/* Hours before the store's first request are unknown, those without a request cost nothing. */
static double *hours_of(const struct spending *res, int64_t first_us, size_t count, int64_t known_from_us)
{
	double *hours = mem_array(NULL, count + 1, sizeof *hours);

	for (size_t i = 0; i < count; i++) {
		int64_t at = first_us + (int64_t)i * US_PER_HOUR;
		size_t step = at >= res->from_us && res->step_us == US_PER_HOUR ? (size_t)((at - res->from_us) / US_PER_HOUR) : SIZE_MAX;

		hours[i] = at + US_PER_HOUR <= known_from_us || step >= res->steps || !res->series ? NAN : (double)res->series[step];
	}
	return hours;
}

static int foresee(struct store_reader *r, const struct config_budget *b, const struct tz *tz, int64_t now_us, int64_t known_from_us,
                   struct budget_status *s, struct err *err)
{
	struct spending res;
	struct forecast f;
	int64_t first_us = now_us - now_us % US_PER_HOUR - FORECAST_HISTORY_DAYS * US_PER_DAY;
	size_t count = (size_t)((now_us - first_us + US_PER_HOUR - 1) / US_PER_HOUR);

	if (spend(r, b, first_us, now_us, US_PER_HOUR, &res, err))
		return -1;
	double *hours = hours_of(&res, first_us, count, known_from_us);
	const struct forecast_input in = {
		.hours = hours, .hour_count = count, .first_us = first_us, .spent = (double)s->spent_nusd,
		.from_us = s->from_us, .now_us = now_us, .to_us = s->to_us, .tz = tz, .amount = (double)b->amount_nusd,
	};

	forecast_spending(&in, &f);
	s->forecast_known = f.known;
	s->forecast_nusd = f.total;
	s->low_nusd = f.low;
	s->high_nusd = f.high;
	s->exhausted_us = f.exhausted_us;
	free(hours);
	free(res.series);
	return 0;
}

int budget_assess(struct store_reader *r, const struct config_budget *b, const struct tz *tz, int64_t now_us,
                  struct budget_status *out, struct err *err)
{
	struct store_summary summary;
	struct spending res;

	*out = (struct budget_status){.data_age_us = -1};
	budget_period_at(b->period, tz, now_us, &out->from_us, &out->to_us);
	if (query_summary(r, &summary, err) || spend(r, b, out->from_us, now_us, 0, &res, err))
		return -1;
	out->spent_nusd = res.cost_nusd;
	out->spent_bound = res.bound;
	out->requests = res.requests;
	out->unpriced = res.unpriced;
	if (summary.last_us)
		out->data_age_us = now_us > summary.last_us ? now_us - summary.last_us : 0;
	out->stale = out->data_age_us < 0 || out->data_age_us > BUDGET_STALE_US;
	if (spend(r, b, now_us - US_PER_HOUR, now_us, 0, &res, err))
		return -1;
	out->burn_nusd_per_hour = (double)res.cost_nusd * (double)US_PER_HOUR / (double)((res.to_us < now_us ? res.to_us : now_us) - res.from_us);
	if (summary.first_us && foresee(r, b, tz, now_us, summary.first_us, out, err))
		return -1;
	budget_judge(out, b, now_us);
	return 0;
}
