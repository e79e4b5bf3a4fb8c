/* A model for each rule and group, found by a hash of both. Learning asks for four weeks in steps of
 * the rule's window; judging for the last six hours. */
#include "alert/baselines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "judge/anomaly.h"

#define LEARN_EVERY_US US_PER_HOUR
#define LEARN_AT_ONCE 4
#define RECENT_US (6 * US_PER_HOUR)

struct baseline {
	struct anomaly_model model;
	int64_t learned_us;
};

struct baselines {
	struct intmap models;
	int learned; /* in this round */
};

struct baselines *baselines_new(void)
{
	return mem_zalloc(sizeof(struct baselines));
}

void baselines_free(struct baselines **out)
{
	struct baselines *b = *out;
	struct baseline *model;
	size_t at = 0;
	uint64_t key;

	if (!b)
		return;
	while ((model = intmap_next(&b->models, &at, &key)))
		free(model);
	intmap_fini(&b->models);
	free(b);
	*out = NULL;
}

void baselines_begin(struct baselines *b)
{
	b->learned = 0;
}

double *baseline_series(struct store_reader *r, const struct config_alert *rule, const char *const *group, int64_t span_us,
                        int64_t to_us, size_t *count, int64_t *first_us, struct err *err)
{
	struct figures_result res;
	struct view v = rule->where;
	int64_t step_us = rule->window_us - rule->window_us % US_PER_MIN;

	v.by_count = 0;
	for (size_t i = 0; i < rule->where.by_count && v.filter_count < VIEW_FILTERS_MAX; i++) {
		struct filter *f = &v.filters[v.filter_count++];

		*f = (struct filter){.dim = rule->where.by[i]};
		memcpy(f->value, group[i], strnlen(group[i], sizeof f->value - 1));
	}
	*count = (size_t)(span_us / step_us);
	*first_us = to_us - (int64_t)*count * step_us;
	v.from_us = *first_us;
	v.to_us = to_us;
	v.step_us = step_us;
	if (query_figures(r, &v, 0, metrics[rule->metric].needs, &res, err))
		return NULL;
	double *out = mem_array(NULL, *count + 1, sizeof *out);

	for (size_t i = 0; i < *count; i++) {
		int64_t at = *first_us + (int64_t)i * step_us - res.from_us;
		size_t step = res.step_us > 0 && at >= 0 ? (size_t)(at / res.step_us) : SIZE_MAX;
		const struct figures *f = step < res.steps && res.total.series ? &res.total.series[step] : NULL;
		struct value value = f && f->requests > 0 ? metric_value(rule->metric, f, (double)res.step_us / (double)US_PER_S) : value_unknown();

		out[i] = value_known(value) ? value.number : NAN;
	}
	figures_result_fini(&res);
	return out;
}

static uint64_t key_of(const struct config_alert *rule, const char *const *group)
{
	uint64_t key = hash_bytes(rule->name, strlen(rule->name));

	for (size_t i = 0; i < rule->where.by_count; i++)
		key = hash_mix(key, hash_bytes(group[i], strlen(group[i])));
	return key;
}

/* Learns again when it is time; false when the store cannot be read. */
static bool learn(struct baselines *b, struct baseline *model, struct store_reader *r, const struct config_alert *rule,
                  const char *const *group, int64_t now_us, struct err *err)
{
	size_t count;
	int64_t first_us;

	if ((model->learned_us && now_us - model->learned_us < LEARN_EVERY_US) || b->learned >= LEARN_AT_ONCE)
		return true;
	double *values = baseline_series(r, rule, group, ANOMALY_HISTORY_DAYS * US_PER_DAY, now_us - now_us % US_PER_HOUR, &count, &first_us, err);

	if (!values)
		return false;
	b->learned++;
	anomaly_fit(&model->model, values, count, first_us, rule->window_us - rule->window_us % US_PER_MIN);
	model->learned_us = now_us;
	free(values);
	return true;
}

static struct rule_reading read_verdict(const struct config_alert *rule, double bound, const struct anomaly_verdict *v, double value)
{
	struct rule_reading out = {SEEN_NO_DATA, value, bound, v->normal};
	double far = rule->direction == ANOMALY_OVER ? v->deviations : rule->direction == ANOMALY_UNDER ? -v->deviations : fabs(v->deviations);

	if (!v->known)
		out.normal = NAN;
	else
		out.seen = far > bound ? SEEN_OVER : SEEN_FINE;
	return out;
}

int baselines_judge(struct baselines *b, struct store_reader *r, const struct config_alert *rule, double bound,
                    const char *const *group, int64_t now_us, struct rule_reading *out, struct err *err)
{
	uint64_t key = key_of(rule, group);
	struct baseline *model = intmap_get(&b->models, key);
	size_t count;
	int64_t first_us;

	if (!model) {
		model = mem_zalloc(sizeof *model);
		intmap_put(&b->models, key, model);
	}
	if (!learn(b, model, r, rule, group, now_us, err))
		return -1;
	double *values = baseline_series(r, rule, group, RECENT_US, now_us - now_us % US_PER_MIN, &count, &first_us, err);

	if (!values)
		return -1;
	struct anomaly_verdict v = anomaly_judge(&model->model, values, count, first_us);

	*out = read_verdict(rule, bound, &v, count ? values[count - 1] : NAN);
	free(values);
	return 0;
}
