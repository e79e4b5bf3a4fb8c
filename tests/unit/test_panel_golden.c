/* The screen as pictures: a small store with known content, a fixed clock, and each page and panel
 * at several sizes compared with the files in tests/golden. UPDATE=1 writes them anew: look at the
 * difference before you commit it. A file holds the text and then, where styles matter, a second
 * grid with one letter a cell for its role. */
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
#include "console/render.h"
#include "store/writer.h"
#include "ui/theme.h"

/* 2026-11-23T13:21:33Z */
#define NOW_US INT64_C(1795440093000000)
#define SPAN_MINUTES 30

static char folder[64], store_path[96];
static struct config config;
static struct config_alert alerts[4];

struct app_shape {
	const char *service, *stable, *candidate, *model, *provider, *team;
	int per_10s, latency_ms, cost_milli; /* thousandths of a dollar a request */
};
static const struct app_shape apps[] = {
	{"checkout-assistant", "v42", "v43", "gpt-large", "openai", "shop", 6, 1300, 20},
	{"search-summariser", "v18", NULL, "gpt-small", "openai", "search", 10, 400, 2},
	{"returns-agent", "v07", "v08", "claude-mid", "anthropic", "shop", 3, 1700, 9},
	{"ticket-router", "v31", NULL, "local-8b", "self-hosted", "support", 2, 150, 0},
};
#define APP_COUNT (sizeof apps / sizeof *apps)

/* Always the same numbers. */
static uint32_t noise(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16;
}

static void add_request(struct batch *b, const struct app_shape *app, int64_t end_us, uint32_t *seed,
                        bool bad)
{
	struct request *r = batch_add_request(b);
	bool candidate = app->candidate && noise(seed) % 4 == 0;
	static const struct flag flags[] = {{{"jailbreak", 9}, 4, FLAG_BLOCKED},
	                                    {{"self_harm", 9}, 2, FLAG_NOTED},
	                                    {{"hallucination", 13}, 3, FLAG_NOTED}};

	r->end_us = end_us;
	r->latency_us = (app->latency_ms + (int)(noise(seed) % 600)) * US_PER_MS;
	if (bad && candidate)
		r->latency_us *= 3;
	r->ttft_us = r->latency_us / 4;
	r->dims[DIM_SERVICE] = str_of(app->service);
	r->dims[DIM_ENVIRONMENT] = STR_LIT("prod");
	r->dims[DIM_DEPLOYMENT] = str_of(candidate ? app->candidate : app->stable);
	r->dims[DIM_PROVIDER] = str_of(app->provider);
	r->dims[DIM_MODEL] = str_of(app->model);
	r->dims[DIM_TEAM] = str_of(app->team);
	r->dims[DIM_REGION] = noise(seed) % 3 ? STR_LIT("eu-west-1") : STR_LIT("us-east-1");
	r->input_tokens = 400 + noise(seed) % 900;
	r->output_tokens = 40 + noise(seed) % 200;
	r->cached_tokens = r->input_tokens / 3;
	r->cost_source = app->cost_milli ? COST_INFERRED : COST_UNPRICED;
	r->cost_nusd = app->cost_milli * INT64_C(1000000) * (bad && candidate ? 2 : 1);
	if (noise(seed) % (bad && candidate ? 12 : 90) == 0) {
		r->status = REQUEST_ERROR;
		r->error_type = noise(seed) % 3 ? STR_LIT("timeout") : STR_LIT("rate_limit");
		r->http_status = 504;
	}
	if (noise(seed) % (bad && candidate ? 10 : 120) == 0) {
		r->flags = &flags[noise(seed) % 3];
		r->flag_count = 1;
	}
	r->source = STR_LIT("test");
}

static void add_feedback(struct batch *b, const struct app_shape *app, int64_t time_us,
                         uint32_t *seed, bool bad)
{
	static const char *const texts[][3] = {
		{"exactly what I needed", "good summary", "fast"},
		{"ok but too long", "fine", "it is an answer"},
		{"made up a refund policy, link is dead", "took forever then timed out",
		 "\x1b[31mred\x1b[0m \xe2\x80\xae wrong\tprice, twice\r\n\xff\xfe"},
	};
	struct feedback *f = batch_add_feedback(b);
	uint32_t mood = noise(seed) % 10;
	char id[24];

	f->mood = mood < (bad ? 3u : 6u) ? MOOD_POSITIVE : mood < 8 && !bad ? MOOD_NEUTRAL : MOOD_NEGATIVE;
	f->time_us = time_us;
	snprintf(id, sizeof id, "%llx", (unsigned long long)(time_us ^ (int64_t)noise(seed)));
	f->id = batch_text(b, str_of(id), 24);
	f->text = str_of(texts[f->mood - 1][noise(seed) % 3]);
	f->dims[DIM_SERVICE] = str_of(app->service);
	f->dims[DIM_DEPLOYMENT] = str_of(app->stable);
	f->judge = STR_LIT("rating");
	f->source = STR_LIT("test");
}

static void add_rollout(struct batch *b, int64_t time_us, const char *name, const char *phase,
                        const char *stable, const char *candidate, double percent, const char *reason)
{
	struct rollout_state *r = batch_add_rollout(b);

	r->time_us = time_us;
	r->name = r->service = str_of(name);
	r->environment = STR_LIT("prod");
	r->phase = str_of(phase);
	r->reason = str_of(reason);
	r->arm_count = 2;
	r->arms[0] = (struct rollout_arm){str_of(stable), STR_LIT("stable"), 100 - percent, 100 - percent};
	r->arms[1] = (struct rollout_arm){str_of(candidate), STR_LIT("candidate"), percent, percent};
}

static void fill(struct batch *b)
{
	int64_t start = NOW_US - SPAN_MINUTES * US_PER_MIN;
	uint32_t seed = 7;

	for (int64_t t = start; t < NOW_US; t += 10 * US_PER_S) {
		bool bad = t > NOW_US - 8 * US_PER_MIN;

		for (size_t i = 0; i < APP_COUNT; i++) {
			for (int k = 0; k < apps[i].per_10s; k++)
				add_request(b, &apps[i], t + (int64_t)(noise(&seed) % 10000) * US_PER_MS, &seed, bad);
			if (noise(&seed) % 3 == 0)
				add_feedback(b, &apps[i], t + (int64_t)(noise(&seed) % 9000) * US_PER_MS, &seed, bad);
		}
	}
	add_rollout(b, NOW_US - 14 * US_PER_MIN, "checkout-assistant", "progressing", "v42", "v43", 5, "");
	add_rollout(b, NOW_US - 10 * US_PER_MIN, "checkout-assistant", "progressing", "v42", "v43", 25,
	            "step 3 of 6: 25 % hold 10m");
	add_rollout(b, NOW_US - 20 * US_PER_MIN, "returns-agent", "paused", "v07", "v08", 25, "waits for mia");
}

static void set_rules(void)
{
	config_init(&config);
	config.options[OPTION_WINDOW].number = 15 * US_PER_MIN;
	alerts[0] = (struct config_alert){.name = "slow", .metric = METRIC_LATENCY_P95, .limit = 2.5,
	                                  .window_us = 5 * US_PER_MIN, .severity = SEVERITY_CRITICAL};
	alerts[1] = (struct config_alert){.name = "errors", .metric = METRIC_ERROR_RATE, .limit = .02,
	                                  .window_us = 5 * US_PER_MIN, .severity = SEVERITY_WARNING};
	alerts[2] = (struct config_alert){.name = "flags", .metric = METRIC_FLAG_RATE, .limit = 10,
	                                  .window_us = 5 * US_PER_MIN, .severity = SEVERITY_WARNING};
	alerts[3] = (struct config_alert){.name = "checkout-slow", .metric = METRIC_LATENCY_P95, .limit = 3,
	                                  .window_us = 5 * US_PER_MIN, .severity = SEVERITY_CRITICAL};
	assert_int_equal(view_add_filter(&alerts[3].where, STR_LIT("service=checkout-assistant"), NULL), 0);
	config.alerts = alerts;
	config.alert_count = 4;
}

static int make_store(void **state)
{
	struct store_options o = {.now_us = NOW_US};
	struct store_counts counts = {0};
	struct store_writer *w = NULL;
	struct batch *b = batch_new();
	struct err err = {""};

	(void)state;
	clock_set_fake_us(NOW_US);
	set_rules();
	snprintf(folder, sizeof folder, "/tmp/llmdeck-golden-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(store_path, sizeof store_path, "%s/t.db", folder);
	fill(b);
	if (store_writer_open(&w, store_path, &o, &err) != 0 ||
	    store_writer_append(w, b, &counts, &err) != 0 || store_writer_commit(w, &err) != 0)
		fail_msg("%s", err.text);
	store_writer_close(&w);
	batch_free(&b);
	return 0;
}

static int remove_store(void **state)
{
	static const char *const names[] = {"t.db", "t.db-wal", "t.db-shm", "t.db-lock", "t.db.lock",
	                                    "t-text.db", "t-text.db-wal", "t-text.db-shm"};
	char path[160];

	(void)state;
	config.alerts = NULL;
	config.alert_count = 0;
	config_fini(&config);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
	return 0;
}

/* One letter a cell for its role; '.' for plain text. */
static void append_styles(const struct surface *s, struct buf *out)
{
	static const char letters[] = ".mbthkaowcuS+=-sMCiDTXgr123456789ABCDEFGHIJ";

	buf_puts(out, "---\n");
	for (int y = 0; y < s->height; y++) {
		for (int x = 0; x < s->width; x++) {
			const struct cell *c = &s->cells[y * s->stride + x];
			unsigned role = c->style & 0xffu;

			buf_append_c(out, c->ch[0] == ' ' && !(c->style & STYLE_REVERSE) ? ' ' : letters[role]);
		}
		while (out->len > 0 && out->data[out->len - 1] == ' ')
			out->len--;
		buf_append_c(out, '\n');
	}
}

static void compare(const char *name, struct buf *got)
{
	char path[128];
	struct buf want = {0};
	struct err err = {""};

	snprintf(path, sizeof path, "tests/golden/%s.txt", name);
	if (getenv("UPDATE")) {
		assert_int_equal(file_write_atomic(path, got->data, got->len, 0644, &err), 0);
	} else if (file_read(path, 1 << 20, &want, &err) != 0) {
		fail_msg("%s: UPDATE=1 makes it", err.text);
	} else if (!str_equal(buf_str(got), buf_str(&want))) {
		print_error("%.*s\n", (int)got->len, got->data);
		fail_msg("%s differs from what is drawn now (above)", path);
	}
	buf_fini(&want);
}

struct picture {
	const char *name, *page, *where;
	int width, height;
	bool ascii, styles;
	int64_t ago_us; /* how much later somebody looks */
	bool ansi;      /* with SGR sequences */
	enum colours colours;
};

static void draw_picture(const struct picture *p)
{
	struct console_options o = {.store_path = store_path, .config = &config, .page = p->page,
	                            .context = "prod/eu", .user = "mia", .context_colour = "red", .demo = true,
	                            .read_only = true};
	struct surface *s = surface_new(p->width, p->height);
	struct buf text = {0};
	struct err err = {""};
	struct theme theme;

	clock_set_fake_us(NOW_US + p->ago_us);
	if (p->where)
		assert_int_equal(view_add_filter(&o.where, str_of(p->where), &err), 0);
	s->ascii = p->ascii;
	s->graph = p->ascii ? GRAPH_ASCII : GRAPH_BRAILLE;
	if (console_render(&o, s, &err) != 0)
		fail_msg("%s: %s", p->name, err.text);
	if (p->ansi) {
		theme_default(&theme);
		surface_to_ansi(s, &theme, p->colours, &text);
	} else {
		surface_to_text(s, &text);
	}
	if (p->styles)
		append_styles(s, &text);
	compare(p->name, &text);
	buf_fini(&text);
	surface_free(&s);
	clock_set_fake_us(NOW_US);
}

static void draw_all(const struct picture *pictures, size_t count)
{
	for (size_t i = 0; i < count; i++)
		draw_picture(&pictures[i]);
}

static void test_overview(void **state)
{
	static const struct picture pictures[] = {
		{"overview-80x24", NULL, NULL, 80, 24, false, true, 0, false, COLOURS_NONE},
		{"overview-132x43", NULL, NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
		{"overview-200x50", NULL, NULL, 200, 50, false, true, 0, false, COLOURS_NONE},
		{"overview-60x20", NULL, NULL, 60, 20, false, false, 0, false, COLOURS_NONE},
		{"overview-38x10", NULL, NULL, 38, 10, false, false, 0, false, COLOURS_NONE},
		{"overview-20x5", NULL, NULL, 20, 5, false, false, 0, false, COLOURS_NONE},
		{"overview-80x24-ascii", NULL, NULL, 80, 24, true, false, 0, false, COLOURS_NONE},
		{"overview-80x24-filtered", NULL, "service=returns-agent", 80, 24, false, false, 0, false, COLOURS_NONE},
		{"overview-80x24-stale", NULL, NULL, 80, 24, false, true, 4 * US_PER_MIN, false, COLOURS_NONE},
		{"overview-80x24-history", NULL, NULL, 80, 24, false, false, 3 * US_PER_DAY, false, COLOURS_NONE},
		{"overview-80x24-256", NULL, NULL, 80, 24, false, false, 0, true, COLOURS_256},
		{"overview-80x24-16", NULL, NULL, 80, 24, false, false, 0, true, COLOURS_16},
		{"overview-80x24-mono", NULL, NULL, 80, 24, true, false, 0, true, COLOURS_NONE},
	};

	(void)state;
	draw_all(pictures, sizeof pictures / sizeof *pictures);
}

static void test_pages(void **state)
{
	static const struct picture pictures[] = {
		{"cost-80x24", "cost", NULL, 80, 24, false, false, 0, false, COLOURS_NONE},
		{"cost-200x50", "cost", NULL, 200, 50, false, false, 0, false, COLOURS_NONE},
		{"latency-80x24", "latency", NULL, 80, 24, false, false, 0, false, COLOURS_NONE},
		{"latency-132x43", "latency", NULL, 132, 43, false, true, 0, false, COLOURS_NONE},
		{"latency-80x24-ascii", "latency", NULL, 80, 24, true, false, 0, false, COLOURS_NONE},
		{"errors-132x43", "errors", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
		{"flags-132x43", "flags", NULL, 132, 43, false, true, 0, false, COLOURS_NONE},
		{"requests-132x43", "requests", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
		{"rollouts-80x24", "rollouts", NULL, 80, 24, false, false, 0, false, COLOURS_NONE},
		{"rollouts-132x43", "rollouts", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
		{"feedback-80x24", "feedback", NULL, 80, 24, false, true, 0, false, COLOURS_NONE},
		{"monitor-80x24", "monitor", NULL, 80, 24, false, false, 0, false, COLOURS_NONE},
		{"monitor-132x43", "monitor", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
		{"alerts-80x24", "alerts", NULL, 80, 24, false, false, 0, false, COLOURS_NONE},
		{"apps-80x24", "apps", NULL, 80, 24, false, false, 0, false, COLOURS_NONE},
		{"slowest-132x43", "slowest", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
	};

	(void)state;
	draw_all(pictures, sizeof pictures / sizeof *pictures);
}

static void test_every_size_is_drawn(void **state)
{
	static const char *const names[] = {NULL, "cost", "latency", "errors", "flags", "requests",
	                                    "rollouts", "feedback", "slowest", "alerts", "monitor"};
	struct err err = {""};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		for (int width = 1; width < 220; width = width * 3 / 2 + 1) {
			struct console_options o = {.store_path = store_path, .config = &config, .page = names[i]};
			struct surface *s = surface_new(width, 1 + width / 3);

			assert_int_equal(console_render(&o, s, &err), 0);
			surface_free(&s);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overview),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_every_size_is_drawn),
	};

	return cmocka_run_group_tests(tests, make_store, remove_store);
}
