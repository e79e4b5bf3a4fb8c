/* The engine over a real store under a fake clock: states, restarts, silences, overrides, budgets, and
 * what is told to whom. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/alert_bench.h"

static const char slow[] = "alerts: [{name: slow, metric: latency_p95, where: {service: chat}, over: 2s, window: 1m, for: 30s, keep_firing_for: 20s, labels: {tier: gold}}]\n";

static const struct asker mia = {.uid = 1000, .login_uid = 1000, .name = "mia", .claimed = "", .ssh_client = ""};

/* The whole life of an alert; with `always`, the collector is restarted between any two rounds. */
static void live(bool always)
{
	struct world *w = begin(slow);
	enum alert_state seen[30];

	for (int i = 0; i < 30; i++) {
		pass(w, 10 * S);
		feed(w, "chat", 40, i < 12 ? 5 * S : 100 * US_PER_MS, 1000);
		turn(w);
		seen[i] = engine_alert_count(w->engine) ? only(w).state : ALERT_INACTIVE;
		if (always)
			restart(w);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(seen[i], ALERT_PENDING);
	for (int i = 3; i < 17; i++)
		assert_int_equal(seen[i], ALERT_FIRING);
	assert_int_equal(seen[29], ALERT_RESOLVED);
	assert_int_equal(w->firing, 1);
	assert_int_equal(w->resolved, 1);
	end(w);
}

static void an_alert_lives(void **state)
{
	(void)state;
	live(false);
}

static void restarts_change_nothing(void **state)
{
	(void)state;
	live(true);
}

static void data_that_stops_neither_fires_nor_resolves(void **state)
{
	struct world *w = begin(slow);

	(void)state;
	for (int i = 0; i < 8; i++) {
		pass(w, 10 * S);
		feed(w, "chat", 40, 5 * S, 1000);
		turn(w);
	}
	assert_int_equal(only(w).state, ALERT_FIRING);
	for (int i = 0; i < 300; i++) {
		pass(w, 10 * S);
		turn(w);
		assert_int_equal(only(w).state, ALERT_FIRING);
	}
	assert_int_equal(only(w).data, ALERT_DATA_NONE);
	assert_int_equal(w->resolved, 0);
	feed(w, "chat", 40, 100 * US_PER_MS, 1000);
	for (int i = 0; i < 3; i++) {
		turn(w);
		pass(w, 10 * S);
		feed(w, "chat", 40, 100 * US_PER_MS, 1000);
	}
	turn(w);
	assert_int_equal(only(w).state, ALERT_RESOLVED);
	end(w);
}

static void a_store_that_cannot_be_read_is_stale(void **state)
{
	struct world *w = begin(slow);
	struct err err = {""};

	(void)state;
	pass(w, 10 * S);
	feed(w, "chat", 40, 5 * S, 1000);
	turn(w);
	assert_int_equal(only(w).state, ALERT_PENDING);
	for (int i = 0; i < 20; i++) {
		pass(w, 10 * S);
		err_set(&err, "the store is locked");
		assert_int_equal(engine_tick(w->engine, NULL, w->now_us, w->mono_us, &err), -1);
		assert_int_equal(only(w).state, ALERT_PENDING);
		assert_int_equal(only(w).data, ALERT_DATA_STALE);
	}
	store_changes(w);
	assert_int_equal(w->firing, 0);
	end(w);
}

static void a_clock_that_jumps_raises_nothing(void **state)
{
	static const int64_t jumps[] = {3600 * S, -1800 * S};

	(void)state;
	for (int j = 0; j < 2; j++) {
		struct world *w = begin("alerts: [{name: quiet, metric: request_rate, under: 2/s, window: 1m, for: 20s}, {name: slow, metric: latency_p95, over: 2s, window: 1m, for: 40s}]\n");

		for (int i = 0; i < 12; i++) {
			pass(w, 10 * S);
			feed(w, "chat", 40, i >= 10 ? 20 * S : 100 * US_PER_MS, 1000);
			turn(w);
		}
		int firing = w->firing;

		w->now_us += jumps[j]; /* the wall clock alone */
		clock_set_fake_us(w->now_us);
		for (int i = 0; i < 4; i++) {
			pass(w, 10 * S);
			feed(w, "chat", 40, 100 * US_PER_MS, 1000);
			turn(w);
		}
		assert_int_equal(w->firing, firing);
		assert_int_equal(w->resolved, 0);
		end(w);
	}
}

static void what_is_not_stored_is_not_told(void **state)
{
	struct world *w = begin("alerts: [{name: slow, metric: latency_p95, over: 2s, window: 1m}]\n");
	struct engine_writes writes;
	struct err err = {""};

	(void)state;
	pass(w, 10 * S);
	feed(w, "chat", 40, 5 * S, 1000);
	assert_int_equal(engine_tick(w->engine, w->reader, w->now_us, w->mono_us, &err), 0);
	engine_take_writes(w->engine, w->now_us, &writes);
	assert_int_equal(writes.message_count, 1);
	engine_written(w->engine, &writes, false); /* a full disk */
	pass(w, 10 * S);
	feed(w, "chat", 40, 5 * S, 1000);
	turn(w);
	assert_int_equal(w->firing, 1);
	turn(w);
	assert_int_equal(w->firing, 1);
	end(w);
}

static void groups_and_labels(void **state)
{
	struct world *w = begin("alerts: [{name: slow, metric: latency_p95, by: [service], where: {environment: \"\"}, over: 2s, window: 1m, labels: {tier: gold}}]\n");

	(void)state;
	pass(w, 10 * S);
	feed(w, "chat", 40, 5 * S, 1000);
	feed(w, "search \"x\"", 40, 5 * S, 1000);
	feed(w, "fine", 40, 1000, 1000);
	turn(w);
	assert_int_equal(engine_alert_count(w->engine), 2);
	assert_int_equal(w->firing, 2);
	bool found = false;

	for (size_t i = 0; i < 2; i++)
		found |= strstr(engine_alert(w->engine, i, w->now_us).labels, "\"service\":\"search \\\"x\\\"\",\"severity\":\"warning\",\"tier\":\"gold\"}") != NULL;
	assert_true(found);
	end(w);
}

/* Half, four fifths and all of a dollar at once: who takes the highest takes them all, on that basis. */
static void a_threshold_is_acknowledged_with_the_lower_ones(void **state)
{
	struct world *w = begin("budgets: [{name: day, amount: 1, period: day, warn: [50, 80, 100], on: [actual, forecast]},"
	                        " {name: other, amount: 1, period: day, warn: [50]}]\n");
	struct err err = {""};
	size_t taken = 0, open = 0;
	struct alert_result res;
	int64_t id = 0;

	(void)state;
	feed(w, "chat", 10, 1000, 90000000); /* 90 cents */
	turn(w);
	assert_int_equal(query_alerts(w->reader, 0, w->now_us, &res, &err), 0);
	for (size_t i = 0; i < res.row_count; i++)
		if (strstr(res.rows[i].labels, "\"basis\":\"actual\"") && strstr(res.rows[i].labels, "\"threshold\":\"80\""))
			id = res.rows[i].id;
	alert_result_fini(&res);
	assert_true(id > 0);
	assert_int_equal(engine_acknowledge(w->engine, id, "known", &mia, w->now_us, &err), 0);
	turn(w);
	assert_int_equal(query_alerts(w->reader, 0, w->now_us, &res, &err), 0);
	for (size_t i = 0; i < res.row_count; i++) {
		const struct alert_record *r = &res.rows[i];
		bool mine = strcmp(r->rule, "day") == 0 && strstr(r->labels, "\"basis\":\"actual\"");

		open++;
		taken += r->acknowledged_us != 0;
		assert_int_equal(r->acknowledged_us != 0, mine);
	}
	assert_int_equal(taken, 2); /* 50 and 80 % */
	assert_true(open > taken);
	alert_result_fini(&res);
	end(w);
}

static void people_acknowledge_silence_and_edit(void **state)
{
	struct world *w = begin("alerts: [{name: slow, metric: latency_p95, over: 2s, window: 1m}]\n");
	struct err err = {""};
	int64_t silence, id;
	struct alert_result res;
	size_t ended;

	(void)state;
	assert_int_equal(engine_silence(w->engine, 0, "slow", w->now_us + 300 * S, "maintenance", &mia, w->now_us, &silence, &err), 0);
	assert_int_equal(engine_silence(w->engine, 0, "none", w->now_us + 300 * S, "", &mia, w->now_us, &silence, &err), -1);
	pass(w, 10 * S);
	feed(w, "chat", 40, 5 * S, 1000);
	turn(w);
	id = only(w).id;
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_int_equal(w->firing, 0); /* silenced */
	restart(w);
	turn(w);
	assert_int_equal(w->firing, 0);
	assert_int_equal(engine_unsilence_alert(w->engine, id, "", &mia, w->now_us, &silence, 1, &ended, &err), 0);
	pass(w, 10 * S);
	feed(w, "chat", 40, 5 * S, 1000);
	turn(w);
	assert_int_equal(w->firing, 1); /* it still fires: now it is told */
	assert_int_equal(engine_acknowledge(w->engine, id, "looking", &mia, w->now_us, &err), 0);
	store_changes(w);
	assert_int_equal(w->acknowledged, 1);
	restart(w);
	assert_int_equal(query_alert(w->reader, id, w->now_us, &res, &err), 0);
	assert_string_equal(res.rows[0].acknowledged_by, "mia");
	alert_result_fini(&res);
	assert_int_equal(engine_override(w->engine, "slow", 9.0, w->now_us + 60 * S, &mia, w->now_us, &err), 0);
	pass(w, 10 * S);
	feed(w, "chat", 40, 5 * S, 1000);
	turn(w);
	assert_int_equal(only(w).state, ALERT_RESOLVED);
	restart(w);
	for (int i = 0; i < 7; i++) { /* the override ends, and the config's limit is back */
		pass(w, 10 * S);
		feed(w, "chat", 40, 5 * S, 1000);
		turn(w);
	}
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_true(only(w).id > id);
	end(w);
}

/* A silence of ours that was given another end in Alertmanager, or ended there, does so here too; one of somebody else's
 * llmdeck, which has another end, does not touch it. */
static void a_silence_follows_alertmanager(void **state)
{
	struct world *w = begin("alerts: [{name: slow, metric: latency_p95, over: 2s, window: 1m}]\n");
	int64_t silence, until_us = w->now_us + 300 * S;
	struct silence_result res;
	struct err err = {""};

	(void)state;
	assert_int_equal(engine_silence(w->engine, 0, "slow", until_us, "", &mia, w->now_us, &silence, &err), 0);
	engine_follow_silence(w->engine, silence, until_us + 60 * S, w->now_us, w->now_us);
	assert_int_equal(engine_silence_find(w->engine, silence)->until_us, until_us);
	engine_follow_silence(w->engine, silence, until_us + S / 1000, until_us + 600 * S, w->now_us);
	engine_audit_alertmanager(w->engine, "alertmanager.extend", "am aa-1", "", "", "ok", &mia, w->now_us);
	store_changes(w);
	assert_int_equal(query_silences(w->reader, w->now_us, &res, &err), 0);
	assert_int_equal(res.row_count, 1);
	assert_int_equal(res.rows[0].until_us, until_us + 600 * S);
	silence_result_fini(&res);
	engine_follow_silence(w->engine, silence, until_us + 600 * S, w->now_us, w->now_us);
	pass(w, 10 * S);
	feed(w, "chat", 40, 5 * S, 1000);
	turn(w);
	assert_int_equal(w->firing, 1); /* told: nothing silences it */
	end(w);
}

static void silence_is_told_of_only_after_watching(void **state)
{
	struct world *w = begin("alerts: [{name: gone, where: {service: chat}, absent: 1m}]\n");

	(void)state;
	for (int i = 0; i < 6; i++) {
		turn(w);
		assert_int_equal(engine_alert_count(w->engine), 0);
		pass(w, 10 * S);
	}
	turn(w);
	assert_int_equal(only(w).state, ALERT_FIRING);
	feed(w, "chat", 1, 5 * S, 1000);
	turn(w);
	assert_int_equal(only(w).state, ALERT_RESOLVED);
	end(w);
}

static void burn_rates_need_both_windows(void **state)
{
	struct world *w = begin("alerts: [{name: slo, slo: 99%, slow: 2s, window: 10m, short: 1m, burn: 10}]\n");

	(void)state;
	for (int i = 0; i < 30; i++) { /* half of the requests are slow: burn 50 */
		pass(w, 10 * S);
		feed(w, "chat", 20, 5 * S, 1000);
		feed(w, "chat", 20, 10, 1000);
		turn(w);
	}
	assert_int_equal(only(w).state, ALERT_FIRING);
	for (int i = 0; i < 8; i++) { /* the long window still burns, the short one does not */
		pass(w, 10 * S);
		feed(w, "chat", 40, 10, 1000);
		turn(w);
	}
	assert_int_equal(only(w).state, ALERT_RESOLVED);
	assert_true(only(w).value > 10);
	end(w);
}

#define ROLLOUT "rollouts: [{name: checkout, service: chat, stable: v1, candidate: v2, actuator: {kind: demo}}]\n"

static size_t audits_of(struct world *w, const char *action, char *last, size_t cap)
{
	struct audit_result res;
	struct err err;
	size_t count = 0;

	if (query_audit(w->reader, 0, INT64_MAX, 1000, &res, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < res.row_count; i++)
		if (str_equal_c(res.rows[i].entry.action, action) && !count++)
			snprintf(last, cap, "%.*s", STR_ARG(res.rows[i].entry.after));
	audit_result_fini(&res);
	return count;
}

static struct budget_standing standing_of(struct world *w, struct standing_result *res)
{
	struct err err;

	if (query_budget_states(w->reader, res, &err))
		fail_msg("%s", err.text);
	assert_int_equal(res->row_count, 1);
	return res->rows[0];
}

/* Until armed it says once what it would have done; nobody is asked to act. */
static void a_hard_budget_that_is_not_armed_only_says_so(void **state)
{
	struct world *w = begin("budgets: [{name: day, amount: 1, period: day, hard: rollback checkout}]\n" ROLLOUT);
	struct standing_result res;
	char after[300] = "";

	(void)state;
	for (int i = 0; i < 6; i++) {
		pass(w, 60 * S);
		feed(w, "chat", 1, 10, NUSD_PER_USD / 2);
		turn(w);
		restart(w);
	}
	assert_int_equal(w->acts, 0);
	assert_int_equal(audits_of(w, "budget.act", after, sizeof after), 1);
	assert_string_equal(after, "would have acted, but is not armed: rollback checkout");
	turn(w);
	assert_string_equal(standing_of(w, &res).deed_words, after);
	assert_false(res.rows[0].budget.armed);
	standing_result_fini(&res);
	end(w);
}

/* Asked for once, with the same key after a restart in between; said by an alert of its own. */
static void an_armed_budget_acts_once_a_period(void **state)
{
	struct world *w = begin("budgets: [{name: day, amount: 1, period: day, warn: [100], hard: weight checkout 10, armed: true}]\n" ROLLOUT);
	char after[300] = "", key[64];

	(void)state;
	pass(w, 60 * S);
	feed(w, "chat", 1, 10, NUSD_PER_USD / 2);
	turn(w);
	assert_int_equal(w->acts, 0);
	feed(w, "chat", 1, 10, NUSD_PER_USD);
	pass(w, 60 * S);
	turn(w);
	assert_int_equal(w->acts, 1);
	assert_string_equal(w->act, "set checkout 10");
	assert_int_equal(w->firing, 2); /* the threshold, and the action */
	memcpy(key, w->key, sizeof key);
	restart(w); /* it died before anybody could say what came of it */
	pass(w, 60 * S);
	turn(w);
	assert_int_equal(w->acts, 2);
	assert_string_equal(w->key, key);
	engine_budget_acted(w->engine, "day", key, DEED_LATER, "somebody else is at it", w->now_us);
	pass(w, 60 * S);
	turn(w);
	assert_int_equal(w->acts, 3);
	engine_budget_acted(w->engine, "day", key, DEED_BEGUN, "", w->now_us);
	store_changes(w);
	for (int i = 0; i < 5; i++) {
		pass(w, 60 * S);
		turn(w);
		restart(w);
	}
	assert_int_equal(w->acts, 3);
	assert_int_equal(w->firing, 2);
	assert_int_equal(audits_of(w, "budget.act", after, sizeof after), 2);
	assert_non_null(strstr(after, "acted: weight checkout 10"));
	end(w);
}

static void nothing_acts_on_stale_data(void **state)
{
	struct world *w = begin("budgets: [{name: day, amount: 1, period: day, hard: rollback checkout, armed: true}]\n" ROLLOUT);
	char after[300] = "";

	(void)state;
	feed(w, "chat", 1, 10, 2 * NUSD_PER_USD);
	pass(w, 20 * 60 * S);
	turn(w);
	assert_int_equal(w->acts, 0);
	pass(w, 60 * S);
	turn(w);
	assert_int_equal(audits_of(w, "budget.act", after, sizeof after), 1);
	assert_non_null(strstr(after, "held back: the newest data is too old"));
	feed(w, "chat", 1, 10, 1);
	pass(w, 60 * S);
	turn(w);
	assert_int_equal(w->acts, 1); /* the data is fresh again, and the budget is still crossed */
	end(w);
}

static void feed_unpriced(struct world *w, int count)
{
	struct batch *b = batch_new();
	struct store_counts counts = {0};
	struct err err = {""};

	for (int i = 0; i < count; i++) {
		struct request *r = batch_add_request(b);

		r->end_us = w->now_us - 1;
		r->dims[DIM_SERVICE] = STR_LIT("chat");
		r->has_span = true;
		w->requests++;
		memcpy(r->span_id, &w->requests, 8);
	}
	if (store_writer_append(w->writer, b, &counts, &err) || store_writer_commit(w->writer, &err))
		fail_msg("%s", err.text);
	batch_free(&b);
}

/* The share is the budget's own word. */
static void nothing_acts_while_too_much_is_unpriced(void **state)
{
	struct world *w = begin("budgets: [{name: day, amount: 1, period: day, hard: rollback checkout, armed: true, max_unpriced: 20%}]\n" ROLLOUT);
	char after[300] = "";

	(void)state;
	feed(w, "chat", 7, 10, NUSD_PER_USD);
	feed_unpriced(w, 3);
	pass(w, 60 * S);
	turn(w);
	assert_int_equal(w->acts, 0);
	assert_int_equal(audits_of(w, "budget.act", after, sizeof after), 1);
	assert_string_equal(after, "held back: 30 % of requests are unpriced, more than 20 %");
	feed(w, "chat", 10, 10, NUSD_PER_USD);
	pass(w, 60 * S);
	turn(w);
	assert_int_equal(w->acts, 1);
	end(w);
}

static void jump_to(struct world *w, int64_t us)
{
	w->mono_us += us - w->now_us;
	w->now_us = us;
	clock_set_fake_us(us);
}

/* 25 October 2026 has 25 hours in Berlin: from 24th 22:00Z to 25th 23:00Z. Whatever restarts, each
 * threshold is said once, and the new day begins at local midnight. */
static void a_day_of_25_hours(void **state)
{
	struct world *w = begin("budgets: [{name: day, amount: 10, period: day, tz: Europe/Berlin, warn: [50, 100]}]\n");
	const int64_t begins_us = INT64_C(1792879200) * US_PER_S, ends_us = begins_us + 25 * US_PER_HOUR;
	struct standing_result res;

	(void)state;
	jump_to(w, begins_us + US_PER_MIN);
	for (int h = 0; h < 25; h++) {
		jump_to(w, begins_us + h * US_PER_HOUR + 2 * US_PER_MIN);
		feed(w, "chat", 1, 10, NUSD_PER_USD / 2);
		turn(w);
		if (h % 2)
			restart(w);
	}
	jump_to(w, ends_us - 10 * S);
	turn(w);
	assert_int_equal(w->firing, 2);
	assert_int_equal(w->resolved, 0);
	assert_int_equal(standing_of(w, &res).status.from_us, begins_us);
	assert_int_equal(res.rows[0].status.to_us, ends_us);
	assert_int_equal(res.rows[0].status.spent_nusd, 25 * NUSD_PER_USD / 2);
	standing_result_fini(&res);
	restart(w);
	jump_to(w, ends_us + 10 * S);
	turn(w);
	assert_int_equal(w->resolved, 2);
	assert_int_equal(standing_of(w, &res).status.spent_nusd, 0);
	standing_result_fini(&res);
	assert_int_equal(w->firing, 2);
	end(w);
}

/* What a person changed wins over the config until the reset, across restarts, and is told as that. */
static void an_override_ends_at_the_reset(void **state)
{
	struct world *w = begin("budgets: [{name: day, amount: 400, period: day, warn: [100]}]\n");
	struct standing_result res;
	struct config_budget more = w->config.budgets[0];
	char text[BUDGET_AMOUNT_BYTES];
	struct err err = {""};

	(void)state;
	turn(w);
	more.amount_nusd = 500 * NUSD_PER_USD;
	assert_int_equal(engine_set_budget(w->engine, &more, T0 + 12 * US_PER_HOUR, &mia, w->now_us, &err), 0);
	pass(w, 60 * S);
	turn(w);
	restart(w);
	turn(w);
	standing_of(w, &res);
	assert_string_equal(budget_format_amount(&res.rows[0], NULL, text), "$500.00 (config $400.00, mia 12:00, until reset)");
	standing_result_fini(&res);
	jump_to(w, T0 + 12 * US_PER_HOUR);
	turn(w);
	standing_of(w, &res);
	assert_string_equal(budget_format_amount(&res.rows[0], NULL, text), "$400.00");
	standing_result_fini(&res);
	restart(w);
	turn(w);
	assert_int_equal(standing_of(w, &res).budget.amount_nusd, 400 * NUSD_PER_USD);
	standing_result_fini(&res);
	end(w);
}

/* A budget of one user reads the bounded summaries; its spend is exact while they had room. */
static void a_budget_of_one_user(void **state)
{
	struct world *w = begin("budgets: [{name: mia, amount: 1, period: day, where: {user: mia}, warn: [100]}]\n");
	struct batch *b = batch_new();
	struct store_counts counts = {0};
	struct standing_result res;
	struct err err = {""};

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct request *r = batch_add_request(b);

		r->end_us = w->now_us - 1;
		r->attrs[ATTR_USER] = i % 2 ? STR_LIT("mia") : STR_LIT("tom");
		r->cost_source = COST_REPORTED;
		r->cost_nusd = NUSD_PER_USD / 8;
		r->has_span = true;
		w->requests++;
		memcpy(r->span_id, &w->requests, 8);
	}
	if (store_writer_append(w->writer, b, &counts, &err) || store_writer_commit(w->writer, &err))
		fail_msg("%s", err.text);
	batch_free(&b);
	pass(w, 60 * S);
	turn(w);
	assert_int_equal(standing_of(w, &res).status.spent_nusd, 10 * NUSD_PER_USD / 8);
	assert_false(res.rows[0].status.spent_bound);
	assert_string_equal(res.rows[0].budget.attr_value, "mia");
	assert_int_equal(w->firing, 1);
	standing_result_fini(&res);
	end(w);
}

/* Each threshold once a period, across restarts and the reset. */
static void budgets_say_each_threshold_once(void **state)
{
	struct world *w = begin("budgets: [{name: day, amount: 1, period: day, tz: UTC, warn: [50, 100], hard: rollback checkout}]\n" ROLLOUT);
	struct err err = {""};

	(void)state;
	for (int i = 0; i < 30; i++) {
		pass(w, 60 * S);
		feed(w, "chat", 1, 10, NUSD_PER_USD / 20);
		turn(w);
		if (i % 3 == 0)
			restart(w);
	}
	assert_int_equal(w->firing, 2);
	assert_int_equal(w->resolved, 0);
	w->now_us = T0 + 12 * US_PER_HOUR; /* midnight */
	w->mono_us += w->now_us - T0 - 30 * 60 * S;
	clock_set_fake_us(w->now_us);
	turn(w);
	assert_int_equal(w->resolved, 2);
	assert_int_equal(w->firing, 2);
	for (int i = 0; i < 12; i++) {
		pass(w, 60 * S);
		feed(w, "chat", 1, 10, NUSD_PER_USD / 20);
		turn(w);
	}
	assert_int_equal(w->firing, 3); /* half of the new day's */
	struct config_budget more = w->config.budgets[0];

	more.amount_nusd = 100 * NUSD_PER_USD;
	assert_int_equal(engine_set_budget(w->engine, &more, 0, &mia, w->now_us, &err), 0);
	pass(w, 60 * S);
	turn(w);
	assert_int_equal(w->resolved, 3);
	restart(w);
	turn(w);
	assert_int_equal(w->firing, 3);
	assert_int_equal(engine_remove_budget(w->engine, "day", &mia, w->now_us, &err), 0);
	turn(w);
	assert_int_equal(engine_remove_budget(w->engine, "day", &mia, w->now_us, &err), -1);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alert_lives), cmocka_unit_test(restarts_change_nothing),
		cmocka_unit_test(data_that_stops_neither_fires_nor_resolves), cmocka_unit_test(a_store_that_cannot_be_read_is_stale),
		cmocka_unit_test(a_clock_that_jumps_raises_nothing), cmocka_unit_test(what_is_not_stored_is_not_told),
		cmocka_unit_test(groups_and_labels), cmocka_unit_test(a_threshold_is_acknowledged_with_the_lower_ones), cmocka_unit_test(people_acknowledge_silence_and_edit), cmocka_unit_test(a_silence_follows_alertmanager),
		cmocka_unit_test(silence_is_told_of_only_after_watching), cmocka_unit_test(burn_rates_need_both_windows),
		cmocka_unit_test(budgets_say_each_threshold_once),
		cmocka_unit_test(a_hard_budget_that_is_not_armed_only_says_so), cmocka_unit_test(an_armed_budget_acts_once_a_period),
		cmocka_unit_test(nothing_acts_on_stale_data), cmocka_unit_test(nothing_acts_while_too_much_is_unpriced),
		cmocka_unit_test(a_budget_of_one_user), cmocka_unit_test(a_day_of_25_hours), cmocka_unit_test(an_override_ends_at_the_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
