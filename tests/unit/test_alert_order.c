/* What the control socket takes as an order about a budget: what is not given stays as it was, and what is
 * wrong is refused with a sentence. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/money.h"
#include "daemon/alert_order.h"

static struct alert_order order(const char *json)
{
	struct alert_order o;
	struct err err = {""};

	if (alert_order_read(&o, str_of(json), &err))
		fail_msg("%s: %s", json, err.text);
	return o;
}

static void a_new_budget_gets_the_usual(void **state)
{
	struct alert_order o = order("{\"do\":\"set_budget\",\"name\":\"b\",\"amount\":\"99.50\",\"where\":\"service=a\\nmodel!=x y\"}");

	(void)state;
	alert_order_complete(&o, NULL);
	assert_int_equal(o.budget.amount_nusd, 99 * NUSD_PER_USD + NUSD_PER_USD / 2);
	assert_int_equal(o.budget.period, PERIOD_MONTH);
	assert_string_equal(o.budget.tz, "UTC");
	assert_int_equal(o.budget.where.filter_count, 2);
	assert_string_equal(o.budget.where.filters[1].value, "x y");
	assert_true(o.budget.max_unpriced == 0.05 && o.budget.on_actual && !o.budget.on_forecast);
	alert_order_fini(&o);
}

static void what_is_not_given_stays(void **state)
{
	struct config_budget now = {.name = "day", .amount_nusd = 400 * NUSD_PER_USD, .period = PERIOD_DAY, .tz = "Europe/Berlin",
	                            .warn_percent = {70, 90}, .warn_count = 2, .on_forecast = true, .hard = "rollback checkout",
	                            .armed = true, .max_unpriced = 0.2};
	struct alert_order o = order("{\"do\":\"set_budget\",\"name\":\"day\",\"amount\":\"500\",\"until\":\"reset\"}");

	(void)state;
	assert_int_equal(view_add_filter(&now.where, STR_LIT("service=chat"), NULL), 0);
	alert_order_complete(&o, &now);
	assert_int_equal(o.budget.amount_nusd, 500 * NUSD_PER_USD);
	assert_int_equal(o.budget.period, PERIOD_DAY);
	assert_string_equal(o.budget.tz, "Europe/Berlin");
	assert_string_equal(o.budget.hard, "rollback checkout");
	assert_int_equal(o.budget.warn_percent[1], 90);
	assert_int_equal(o.budget.where.filter_count, 1);
	assert_true(o.until_reset && o.budget.max_unpriced == 0.2 && o.budget.on_forecast && !o.budget.on_actual);
	alert_order_fini(&o);
	o = order("{\"do\":\"set_budget\",\"name\":\"day\",\"where\":\"user=mia\",\"hard\":\"none\",\"max_unpriced\":0.5,\"warn\":\"100\"}");
	alert_order_complete(&o, &now);
	assert_int_equal(o.budget.amount_nusd, 400 * NUSD_PER_USD);
	assert_true(o.budget.by_attr && o.budget.where.filter_count == 0 && o.budget.max_unpriced == 0.5);
	assert_null(o.budget.hard);
	assert_int_equal(o.budget.warn_count, 1);
	alert_order_fini(&o);
}

static void what_is_refused(void **state)
{
	static const char *const wrong[] = {
		"", "[]", "{\"name\":\"b\"}", "{\"do\":\"set_budget\"}", "{\"do\":\"set_budget\",\"name\":\"b\",\"max_unpriced\":2}",
		"{\"do\":\"set_budget\",\"name\":\"b\",\"max_unpriced\":-0.1}", "{\"do\":\"set_budget\",\"name\":\"b\",\"amount\":\"much\"}",
		"{\"do\":\"set_budget\",\"name\":\"b\",\"where\":\"user=a\\nuser=b\"}", "{\"do\":\"set_budget\",\"name\":\"b\",\"warn\":\"80,50\"}",
		"{\"do\":\"set_budget\",\"name\":\"b\",\"period\":\"fortnight\"}", "{\"do\":\"set_budget\",\"name\":\"b\",\"armed\":\"true\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct alert_order o;
		struct err err = {""};

		if (!alert_order_read(&o, str_of(wrong[i]), &err))
			fail_msg("%s was taken", wrong[i]);
		assert_true(err.text[0]);
		alert_order_fini(&o);
	}
}

/* Of an Alertmanager's: a responder's work, and nothing of what is sent on is anything but an id. */
static void what_is_asked_of_an_alertmanager(void **state)
{
	static const char *const wrong[] = {
		"{\"do\":\"am_silence\",\"target\":\"17\",\"until\":\"2026-11-23T18:00:00Z\"}",
		"{\"do\":\"am_silence\",\"target\":\"e94c744ae3d44df8\"}",
		"{\"do\":\"am_expire\",\"target\":\"../alerts\"}",
		"{\"do\":\"am_expire\",\"target\":\"\"}",
		"{\"do\":\"am_extend\",\"target\":\"9387fcbc-e052-410d-9e5b-470353b83411\"}",
	};
	struct alert_order o = order("{\"do\":\"am_extend\",\"target\":\"9387fcbc-e052-410d-9e5b-470353b83411\",\"alertmanager\":\"am\","
	                             "\"until\":\"2026-11-23T18:00:00Z\"}");
	struct err err;

	(void)state;
	assert_int_equal(o.verb, ALERT_VERB_AM_EXTEND);
	assert_string_equal(o.manager, "am");
	alert_order_fini(&o);
	assert_false(alert_verb_changes_config(ALERT_VERB_AM_SILENCE) || alert_verb_changes_config(ALERT_VERB_AM_EXTEND));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(alert_order_read(&o, str_of(wrong[i]), &err), -1);
		alert_order_fini(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_budget_gets_the_usual), cmocka_unit_test(what_is_not_given_stays), cmocka_unit_test(what_is_refused),
		cmocka_unit_test(what_is_asked_of_an_alertmanager),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
