/* The budgets page and the bill over a small store with known content and a fixed clock. Pictures are
 * compared with tests/golden; UPDATE=1 writes them anew: look at the difference before you commit it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "core/money.h"
#include "panels/budgets.h"
#include "panels/panels.h"
#include "store/alerts.h"
#include "store/writer.h"
#include "ui/theme.h"

/* 2026-11-23T13:21:33Z */
#define NOW_US INT64_C(1795440093000000)
#define TODAY_US INT64_C(1795392000000000)
#define USD NUSD_PER_USD

static char dir[64], path[96];
static struct store_reader *reader;

static void add_request(struct batch *b, int64_t end_us, const char *service, const char *deployment, const char *model, const char *user,
                        int64_t cost_nusd)
{
	static int64_t count;
	struct request *r = batch_add_request(b);

	r->end_us = end_us;
	r->dims[DIM_SERVICE] = str_of(service);
	r->dims[DIM_DEPLOYMENT] = str_of(deployment);
	r->dims[DIM_MODEL] = str_of(model);
	r->attrs[ATTR_USER] = str_of(user);
	r->input_tokens = 900;
	r->output_tokens = 100;
	r->cost_source = COST_REPORTED;
	r->cost_nusd = cost_nusd;
	r->has_span = true;
	count++;
	memcpy(r->span_id, &count, 8);
}

static void add_bill(struct batch *b, int64_t day_us, const char *model, int64_t cost_nusd)
{
	struct billing *bill = batch_add_billing(b);

	bill->from_us = day_us;
	bill->to_us = day_us + US_PER_DAY;
	bill->provider = STR_LIT("OpenAI");
	bill->model = str_of(model);
	bill->currency = STR_LIT("USD");
	bill->cost_nusd = cost_nusd;
	bill->cost_known = true;
}

static void put_requests(struct store_writer *w)
{
	struct store_counts counts = {0};
	struct batch *b = batch_new();
	struct err err = {""};

	for (int h = 0; h < 38; h++) { /* from yesterday's midnight on */
		int64_t at = TODAY_US - US_PER_DAY + h * US_PER_HOUR + 1000000;
		bool today = h >= 24;

		add_request(b, at, "checkout", "v42", "gpt-large", "mia", (today ? 12 : 10) * USD);
		add_request(b, at + 1, "checkout", today ? "v43" : "v42", "gpt-small", "tom\x1b[31m", (today ? 14 : 1) * USD);
		add_request(b, at + 2, "search", "v18", "gpt-small", "", USD);
	}
	add_bill(b, TODAY_US - US_PER_DAY, "gpt-large-2026", 262 * USD);
	add_bill(b, TODAY_US - US_PER_DAY, "gpt-small", 48 * USD);
	add_bill(b, TODAY_US - US_PER_DAY, "gpt-small", -5 * USD);
	if (store_writer_append(w, b, &counts, &err))
		fail_msg("%s", err.text);
	batch_free(&b);
}

static struct budget_standing standing(const char *name, int64_t amount, int64_t spent)
{
	struct budget_standing s = {
		.budget = {.name = name, .amount_nusd = amount * USD, .period = PERIOD_DAY, .tz = "UTC", .warn_percent = {80, 100}, .warn_count = 2,
		           .on_actual = true, .max_unpriced = 0.05},
		.author = "", .deed_words = "", .config_amount_nusd = amount * USD, .assessed_us = NOW_US - 12 * US_PER_S,
	};

	s.status = (struct budget_status){
		.from_us = TODAY_US, .to_us = TODAY_US + US_PER_DAY, .spent_nusd = spent * USD, .requests = 1000, .forecast_known = true,
		.forecast_nusd = 1.8 * (double)(spent * USD), .low_nusd = 1.6 * (double)(spent * USD), .high_nusd = 2.0 * (double)(spent * USD),
		.burn_nusd_per_hour = 27.0 * 1e9, .data_age_us = 4 * US_PER_S,
	};
	return s;
}

static void put_budgets(struct store_writer *w)
{
	struct budget_standing all[] = {standing("checkout-day", 500, 364), standing("search-day", 60, 66), standing("everything", 4000, 378),
	                                standing("mia", 90, 20), standing("asleep\x1b[7m", 10, 0)};
	struct alert_record fires = {.id = 1, .rule = "checkout-day", .kind = "budget", .labels = "{\"basis\":\"actual\"}", .state = ALERT_FIRING,
	                             .since_us = NOW_US - US_PER_MIN, .fired_us = NOW_US - US_PER_MIN, .checked_us = NOW_US, .value = 364,
	                             .bound = 400, .normal = NAN, .summary = "budget checkout-day", .runbook = "", .acknowledged_by = "", .note = ""};
	struct err err = {""};

	view_add_filter(&all[0].budget.where, STR_LIT("service=checkout"), &err);
	all[0].author = "mia";
	all[0].config_amount_nusd = 400 * USD;
	all[0].changed_us = NOW_US + 4 * US_PER_MIN - US_PER_HOUR;
	all[0].until_us = all[0].status.to_us;
	all[0].budget.warn_percent[0] = 70;
	all[0].budget.on_forecast = true;
	all[0].budget.hard = "rollback checkout";
	all[0].deed_words = "";
	all[0].status.exhausted_us = NOW_US + 5 * US_PER_HOUR;
	view_add_filter(&all[1].budget.where, STR_LIT("service=search"), &err);
	all[1].budget.hard = "weight search 10";
	all[1].budget.armed = true;
	all[1].deed_words = "acted: weight search 10 has begun; the audit has how it ended";
	all[2].budget.period = PERIOD_MONTH;
	all[2].status.from_us = TODAY_US - US_PER_DAY;
	all[2].status.to_us = TODAY_US + 8 * US_PER_DAY;
	all[2].status.unpriced = 30;
	all[3].budget.by_attr = true;
	all[3].budget.attr = ATTR_USER;
	snprintf(all[3].budget.attr_value, sizeof all[3].budget.attr_value, "mia");
	all[3].status.spent_bound = true;
	all[4].status.stale = true;
	all[4].status.data_age_us = US_PER_HOUR;
	all[4].status.forecast_known = false;
	if (store_budget_states_put(w, all, sizeof all / sizeof *all, &err) || store_alert_put(w, &fires, &err) || store_writer_commit(w, &err))
		fail_msg("%s", err.text);
}

static int make_store(void **state)
{
	struct store_writer *w = NULL;
	struct err err = {""};

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/llmdeck-budgets-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s.db", dir);
	clock_set_fake_us(NOW_US);
	assert_int_equal(store_writer_open(&w, path, &(struct store_options){.now_us = NOW_US}, &err), 0);
	put_requests(w);
	put_budgets(w);
	store_writer_close(&w);
	return store_reader_open(&reader, path, &err);
}

static int remove_store(void **state)
{
	char command[128];

	(void)state;
	store_reader_close(&reader);
	clock_set_fake_us(0);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static void *load(const struct panel *panel, enum panel_form form, const struct view *v)
{
	static const struct rule_set none;
	struct panel_query query = {.reader = reader, .view = *v, .form = form, .now_us = NOW_US, .rules = &none};
	void *loaded = mem_zalloc(panel->state_size);
	struct err err = {""};

	if (panel->load(&query, loaded, &err))
		fail_msg("%s: %s", panel->name, err.text);
	return loaded;
}

static void unload(const struct panel *panel, void *loaded)
{
	panel->fini(loaded);
	free(loaded);
}

static bool is_same(const char *name, const struct buf *drawn)
{
	char file[128];
	struct buf want = {0};
	struct err err = {""};
	bool same;

	snprintf(file, sizeof file, "tests/golden/%s.txt", name);
	if (getenv("UPDATE")) {
		return file_write_atomic(file, drawn->data, drawn->len, 0644, &err) == 0;
	}
	same = file_read(file, 1 << 20, &want, &err) == 0 && want.len == drawn->len && memcmp(want.data, drawn->data, want.len) == 0;
	if (!same)
		print_error("%.*s\n%s differs from what is drawn now (above)\n", (int)drawn->len, drawn->data, file);
	buf_fini(&want);
	return same;
}

static const struct view window = {.from_us = NOW_US - 15 * US_PER_MIN, .to_us = NOW_US, .step_us = US_PER_MIN};

static bool draw(const struct panel *panel, const char *name, enum panel_form form, const char *cursor, int width, int height, bool ascii)
{
	struct panel_ui ui = {.table = {.sort_column = -1}};
	struct panel_frame frame = {.view = &window, .form = form, .now_us = NOW_US, .focused = true, .find = "", .ui = &ui};
	struct surface *s = surface_new(width, height);
	void *loaded = load(panel, form, &window);
	struct buf drawn = {0};
	bool same;

	struct theme theme;

	snprintf(ui.table.cursor_key, sizeof ui.table.cursor_key, "%s", cursor);
	theme_default(&theme);
	s->ascii = ascii;
	s->graph = ascii ? GRAPH_ASCII : GRAPH_BRAILLE;
	surface_clear(s, ROLE_TEXT);
	panel->draw(loaded, &frame, s);
	if (ascii)
		surface_to_ansi(s, &theme, COLOURS_NONE, &drawn);
	else
		surface_to_text(s, &drawn);
	same = is_same(name, &drawn);
	buf_fini(&drawn);
	surface_free(&s);
	unload(panel, loaded);
	return same;
}

static void the_page_as_pictures(void **state)
{
	int bad = 0;

	(void)state;
	bad += !draw(&budgets_panel, "budgets-80x24", PANEL_PAGE, "checkout-day", 80, 21, false);
	bad += !draw(&budgets_panel, "budgets-132x43", PANEL_PAGE, "checkout-day", 132, 40, false);
	bad += !draw(&budgets_panel, "budgets-200x50", PANEL_PAGE, "everything", 200, 47, false);
	bad += !draw(&budgets_panel, "budgets-80x24-mono", PANEL_PAGE, "mia", 80, 21, true);
	bad += !draw(&budgets_panel, "budgets-tile", PANEL_TILE, "", 68, 6, false);
	bad += !draw(&bill_panel, "bill-80x24", PANEL_PAGE, "", 80, 21, false);
	bad += !draw(&bill_panel, "bill-132x43", PANEL_PAGE, "", 132, 12, false);
	assert_int_equal(bad, 0);
}

static void every_size_is_drawn(void **state)
{
	static const struct panel *const both[] = {&budgets_panel, &bill_panel};

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		for (int form = PANEL_TILE; form <= PANEL_PAGE; form++) {
			void *loaded = load(both[p], (enum panel_form)form, &window);

			for (int width = 1; width < 220; width = width * 3 / 2 + 1) {
				struct panel_ui ui = {.table = {.sort_column = -1}};
				struct panel_frame frame = {.view = &window, .form = (enum panel_form)form, .now_us = NOW_US, .find = "", .ui = &ui};
				struct surface *s = surface_new(width, 1 + width / 3);

				both[p]->draw(loaded, &frame, s);
				surface_free(&s);
			}
			unload(both[p], loaded);
		}
	}
}

/* A dialog gets a copy of what is under the cursor, and what it says is what was stored. */
static void what_a_dialog_gets(void **state)
{
	struct panel_ui ui = {.table = {.sort_column = -1, .cursor_key = "checkout-day"}};
	struct panel_frame frame = {.view = &window, .form = PANEL_PAGE, .now_us = NOW_US, .find = "", .ui = &ui};
	void *loaded = load(&budgets_panel, PANEL_PAGE, &window);
	struct budget_pick p;

	(void)state;
	assert_true(budgets_has_any(loaded));
	assert_true(budgets_pick(loaded, &frame, &p));
	assert_string_equal(p.name, "checkout-day");
	assert_string_equal(p.usd, "500");
	assert_string_equal(p.warn, "70,100");
	assert_string_equal(p.on, "actual,forecast");
	assert_string_equal(p.where, "service=checkout");
	assert_string_equal(p.amount, "$500.00 (config $400.00, mia 12:25, until reset)");
	assert_int_equal(p.alert_id, 1);
	assert_true(p.configured);
	assert_true(budgets_pick_named(loaded, "mia", &p));
	assert_true(p.by_attr);
	assert_string_equal(p.where, "user=mia");
	assert_false(budgets_pick_named(loaded, "nobody", &p));
	unload(&budgets_panel, loaded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_as_pictures), cmocka_unit_test(every_size_is_drawn), cmocka_unit_test(what_a_dialog_gets),
	};

	return cmocka_run_group_tests(tests, make_store, remove_store);
}
