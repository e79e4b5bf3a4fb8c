/* What the alert page draws below the table: a history of every kind of figure, in the unit of its limit,
 * asked of a store with known content. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "panels/alert_picture.h"
#include "unit/alert_bench.h"

static const char rules_yaml[] =
	"alerts:\n"
	"  - {name: leak, metric: \"flags:pii\", over: 3/min, window: 1m}\n"
	"  - {name: queue, metric: \"gauge:queue_depth\", over: 50, window: 1m}\n"
	"  - {name: slo, slo: 99%, window: 10m, short: 1m, burn: 2}\n"
	"  - {name: gone, absent: 5m, where: {service: chat}}\n"
	"rollouts:\n"
	"  - {name: canary, service: chat, stable: v1, candidate: v2, guardrails: [{metric: error_rate, worse_by: 1pp}]}\n";

static void append(struct world *w, struct batch *b)
{
	struct store_counts counts = {0};
	struct err err = {""};

	if (store_writer_append(w->writer, b, &counts, &err) || store_writer_commit(w->writer, &err))
		fail_msg("%s", err.text);
	batch_free(&b);
}

/* Half an hour, a request a second for 1 mUSD; in minute 10 each has a finding, in minute 20 each fails;
 * the queue is as long as the minutes are many, on the worse of two instances. */
static void fill(struct world *w)
{
	static struct flag flag = {.category = {"pii", 3}, .severity = 4, .action = FLAG_NOTED};
	struct batch *b = batch_new();

	for (int i = 0; i < 1800; i++) {
		struct request *r = batch_add_request(b);

		r->end_us = T0 + i * S;
		r->latency_us = 1000;
		r->dims[DIM_SERVICE] = STR_LIT("chat");
		r->dims[DIM_DEPLOYMENT] = i % 2 ? STR_LIT("v1") : STR_LIT("v2");
		r->attrs[ATTR_USER] = STR_LIT("mia");
		r->cost_source = COST_REPORTED;
		r->cost_nusd = 1000000;
		r->status = i / 60 == 20 ? REQUEST_ERROR : REQUEST_OK;
		r->has_span = true;
		w->requests++;
		memcpy(r->span_id, &w->requests, 8);
		if (i / 60 == 10) {
			r->flags = &flag;
			r->flag_count = 1;
		}
		for (int k = 0; i % 60 == 0 && k < 2; k++) {
			struct gauge *g = batch_add_gauge(b);

			*g = (struct gauge){.time_us = r->end_us, .name = STR_LIT("queue_depth"), .source = STR_LIT("vllm"),
			                    .instance = k ? STR_LIT("b") : STR_LIT("a"), .value = k ? 1 : i / 60};
		}
	}
	append(w, b);
	w->now_us = T0 + 1800 * S;
}

static struct alert_picture picture_of(struct world *w, const char *name, const char *kind, const char *summary, double bound,
                                       const struct standing_result *standings)
{
	const struct standing_result none = {0};
	const struct alert_record alert = {.id = 7, .rule = name, .kind = kind, .summary = summary, .labels = "{}", .bound = bound, .normal = NAN};
	struct rule_set *rules = rule_set_new(&w->config);
	struct panel_query query = {.reader = w->reader, .now_us = w->now_us, .data_from_us = T0, .rules = rules,
	                            .view = {.from_us = T0, .to_us = T0 + 1800 * S, .step_us = US_PER_MIN}};
	const struct watched_rule *watched = rule_set_watched(rules, name);
	struct view where = watched ? watched->where : (struct view){0};
	struct alert_picture p;
	struct err err = {""};

	if (alert_picture_load(&p, &query, &alert, &where, standings ? standings : &none, &err))
		fail_msg("%s", err.text);
	free(rules);
	return p;
}

static double value_at(const struct alert_picture *p, int64_t minute)
{
	int64_t at = T0 + minute * US_PER_MIN - p->from_us;

	assert_true(at >= 0 && p->step_us > 0 && (size_t)(at / p->step_us) < p->count);
	return p->values[at / p->step_us];
}

static void every_kind_of_rule(void **state)
{
	struct world *w = begin(rules_yaml);
	struct alert_picture p;

	(void)state;
	fill(w);
	p = picture_of(w, "leak", "threshold", "", 3, NULL);
	assert_true(value_at(&p, 10) == 60 && value_at(&p, 9) == 0 && p.limit == 3);
	assert_int_equal(p.unit, UNIT_PER_MINUTE);
	p = picture_of(w, "queue", "threshold", "", 50, NULL);
	assert_true(value_at(&p, 25) == 25 && value_at(&p, 0) == 1); /* the worse instance */
	p = picture_of(w, "slo", "burn_rate", "", 2, NULL);
	assert_true(fabs(value_at(&p, 25) - 10) < 0.5); /* a tenth of ten minutes failed, a hundredth may */
	assert_true(value_at(&p, 15) == 0 && p.limit == 2);
	p = picture_of(w, "gone", "absence", "", 300, NULL);
	assert_true(value_at(&p, 5) == 1 && isnan(p.limit));
	p = picture_of(w, "canary", "rollout", "v2 fails its guardrails in rollout canary: error_rate has 1, allowed is 0.02", 0.02, NULL);
	assert_true(value_at(&p, 20) == 1 && value_at(&p, 19) == 0 && p.limit == 0.02);
	p = picture_of(w, "unheard of", "threshold", "", 1, NULL);
	assert_int_equal(p.count, 0);
	end(w);
}

static void a_budget_over_its_period(void **state)
{
	struct world *w = begin(rules_yaml);
	struct budget_standing standing = {.budget = {.name = "day", .period = PERIOD_DAY, .tz = "UTC", .amount_nusd = 2 * NUSD_PER_USD},
	                                   .author = "", .deed_words = ""};
	const struct standing_result all = {.rows = &standing, .row_count = 1};
	struct alert_picture p;

	(void)state;
	fill(w);
	standing.assessed_us = w->now_us;
	standing.status = (struct budget_status){.from_us = T0 - 12 * US_PER_HOUR, .to_us = T0 + 12 * US_PER_HOUR, .spent_nusd = 1800000000,
	                                         .forecast_known = true, .forecast_nusd = 5e9};
	for (int by_attr = 0; by_attr < 2; by_attr++) { /* of everything, and of one user */
		standing.budget.by_attr = by_attr;
		standing.budget.attr = ATTR_USER;
		snprintf(standing.budget.attr_value, sizeof standing.budget.attr_value, "mia");
		p = picture_of(w, "day", "budget", "", 1.6, &all);
		assert_true(fabs(value_at(&p, 29) - 1.8) < 0.001 && p.limit == 1.6);
		assert_true(p.values[0] == 0 && isnan(p.values[p.count - 1]));
		assert_true(fabs(p.ahead[p.count - 1] - 5) < 0.001); /* at the reset */
		assert_int_equal(p.ahead_count, p.count);
		assert_true(p.to_us >= standing.status.to_us);
	}
	standing.budget.name = "another";
	assert_int_equal(picture_of(w, "day", "budget", "", 1.6, &all).count, 0);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_rule), cmocka_unit_test(a_budget_over_its_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
