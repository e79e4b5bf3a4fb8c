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
#include "core/serving.h"
#include "panels/panels.h"
#include "store/alertmanagers.h"
#include "store/alerts.h"
#include "store/writer.h"
#include "ui/theme.h"
#include "unit/golden.h"

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

static void add_gauge(struct batch *b, int64_t time_us, const char *instance, enum serving_metric m,
                      double value)
{
	struct gauge *g = batch_add_gauge(b);

	g->time_us = time_us;
	g->name = str_of(serving_metrics[m].name);
	g->source = STR_LIT("vllm-a");
	g->instance = str_of(instance);
	g->value = value;
}

/* Two models of one server; the second tells no quantiles, as llama.cpp does. */
static void add_servers(struct batch *b, int64_t t, double phase)
{
	double wave = sin(phase);

	add_gauge(b, t, "llama-70b", SERVING_RUNNING, floor(12 + 6 * wave));
	add_gauge(b, t, "llama-70b", SERVING_WAITING, floor(wave > 0 ? 9 * wave : 0));
	add_gauge(b, t, "llama-70b", SERVING_KV_CACHE, 0.6 + 0.35 * wave);
	add_gauge(b, t, "llama-70b", SERVING_PREFIX_HIT_SHARE, 0.64);
	add_gauge(b, t, "llama-70b", SERVING_PREEMPTION_RATE, wave > 0.8 ? 0.4 : 0);
	add_gauge(b, t, "llama-70b", SERVING_REQUEST_RATE, 20);
	add_gauge(b, t, "llama-70b", SERVING_FAILURE_RATE, 0.6);
	add_gauge(b, t, "llama-70b", SERVING_TTFT_P50, 0.2 + 0.1 * wave);
	add_gauge(b, t, "llama-70b", SERVING_TTFT_P95, 0.6 + 0.4 * wave);
	add_gauge(b, t, "llama-70b", SERVING_INTER_TOKEN_P95, 0.04);
	add_gauge(b, t, "llama-70b", SERVING_INPUT_TOKEN_RATE, 5200);
	add_gauge(b, t, "llama-70b", SERVING_OUTPUT_TOKEN_RATE, 910 + 200 * wave);
	add_gauge(b, t, "llama-70b", SERVING_REMAINING_TOKENS, 81000);
	add_gauge(b, t, "qwen-8b", SERVING_RUNNING, 3);
	add_gauge(b, t, "qwen-8b", SERVING_WAITING, 0);
	add_gauge(b, t, "qwen-8b", SERVING_OUTPUT_TOKEN_RATE, 150);
}

static void fill(struct batch *b)
{
	int64_t start = NOW_US - SPAN_MINUTES * US_PER_MIN;
	uint32_t seed = 7;

	for (int64_t t = start; t < NOW_US; t += 10 * US_PER_S) {
		bool bad = t > NOW_US - 8 * US_PER_MIN;

		add_servers(b, t, (double)(t - start) / (double)(4 * US_PER_MIN));
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
	compare_golden(p->name, &text);
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
		{"inference-80x24", "inference", NULL, 80, 24, false, true, 0, false, COLOURS_NONE},
		{"inference-132x43", "inference", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
		{"inference-200x50", "inference", NULL, 200, 50, false, false, 0, false, COLOURS_NONE},
		{"inference-80x24-mono", "inference", NULL, 80, 24, true, false, 0, true, COLOURS_NONE},
		{"inference-80x24-stale", "inference", NULL, 80, 24, false, true, 4 * US_PER_MIN, false, COLOURS_NONE},
		{"slowest-132x43", "slowest", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
	};

	(void)state;
	draw_all(pictures, sizeof pictures / sizeof *pictures);
}

/* What a collector with every kind of trouble says. */
static void fill_status(struct collector_status *c)
{
	static const struct {
		const char *name, *kind, *state, *reason;
		double age_s, rows_per_s, latency_ms, took_ms;
	} given[] = {
		{"otlp", "otlp", "ok", "", 0.4, 212, 8, NAN},
		{"vllm-a", "prometheus", "ok", "", 1.2, 26, 6, 3.5},
		{"vllm-b", "prometheus", "ok", "", 312, 0, 6, 4},
		{"gateway", "prometheus", "denied",
		 "the page answers 401: set token, or user and password, for this source", NAN, 0, NAN, 12},
		{"app-log", "tail", "failing", "/var/log/app/llm.jsonl: there is no such file", NAN, 0, NAN, NAN},
		{"billing\x1b[31m", "poll", "starting", "", NAN, NAN, NAN, NAN},
	};

	*c = (struct collector_status){.asked = true, .answered = true, .pid = 4711,
		.asked_wall_us = NOW_US, .started_us = NOW_US - 26 * US_PER_HOUR,
		.queued_batches = 12, .queued_batches_max = 1024, .queued_bytes = 24 << 20,
		.queued_bytes_max = 32 << 20, .rows = 8412345, .duplicates = 31, .commits = 92000, .refused = 3,
		.rows_per_s = 238, .commit_p50_ms = 6.2, .commit_p99_ms = 41};
	snprintf(c->role, sizeof c->role, "operator");
	snprintf(c->version, sizeof c->version, "0.1.0");
	snprintf(c->store, sizeof c->store, "/var/lib/llmdeck/llmdeck.db");
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		struct source_status *s = &c->sources[c->source_count++];

		snprintf(s->name, sizeof s->name, "%s", given[i].name);
		snprintf(s->kind, sizeof s->kind, "%s", given[i].kind);
		snprintf(s->reason, sizeof s->reason, "%s", given[i].reason);
		s->health = source_health_of(given[i].state, given[i].kind, given[i].age_s);
		s->age_s = given[i].age_s;
		s->rows_per_s = given[i].rows_per_s;
		s->latency_ms = given[i].latency_ms;
		s->took_ms = given[i].took_ms;
		s->rows = i < 3 ? 1000 * (int64_t)(i + 1) : 0;
		s->rejected = i == 0 ? 2 : 0;
	}
}

static void draw_sources(const char *name, const struct collector_status *c, int width, int height,
                         bool ascii, bool styles)
{
	struct panel_ui ui = {.table = {.sort_column = -1, .cursor_key = "gateway"}};
	struct panel_frame frame = {.form = PANEL_PAGE, .focused = true, .find = "", .ui = &ui, .collector = c};
	struct surface *s = surface_new(width, height);
	struct buf text = {0};

	s->ascii = ascii;
	sources_panel.draw(NULL, &frame, s);
	surface_to_text(s, &text);
	if (styles)
		append_styles(s, &text);
	compare_golden(name, &text);
	buf_fini(&text);
	surface_free(&s);
}

static void test_sources(void **state)
{
	static struct collector_status c;
	static const struct collector_status nobody = {.asked = true,
		.words = "collector: /run/llmdeck/control.sock: nobody answers there: start one with `llmdeck collect`"};

	(void)state;
	fill_status(&c);
	assert_int_equal(collector_sources_ok(&c), 2);
	assert_float_equal(collector_lag_s(&c), 0.008, 1e-9);
	draw_sources("sources-80x24", &c, 80, 24, false, true);
	draw_sources("sources-132x43", &c, 132, 43, false, false);
	draw_sources("sources-200x50", &c, 200, 50, false, false);
	draw_sources("sources-80x24-mono", &c, 80, 24, true, false);
	draw_sources("sources-80x24-nobody", &nobody, 80, 24, false, false);
	for (int width = 1; width < 200; width = width * 3 / 2 + 1) {
		struct panel_ui ui = {.table = {.sort_column = -1}};
		struct panel_frame frame = {.form = PANEL_PAGE, .find = "", .ui = &ui, .collector = &c};
		struct surface *s = surface_new(width, 1 + width / 3);

		sources_panel.draw(NULL, &frame, s);
		surface_free(&s);
	}
}

static void test_every_size_is_drawn(void **state)
{
	static const char *const names[] = {NULL, "cost", "latency", "errors", "flags", "requests", "inference",
	                                    "rollouts", "feedback", "slowest", "alerts", "others", "silences", "monitor"};
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

/* What a collector has stored about the alerts: one of each stage, and a rule that cannot be told. */
static void store_alarms(void)
{
	struct store_options o = {.now_us = NOW_US};
	struct store_writer *w = NULL;
	struct err err = {""};
	const struct alert_record common = {.kind = "threshold", .normal = NAN, .runbook = "", .acknowledged_by = "", .note = "",
	                                    .checked_us = NOW_US - 5 * US_PER_S, .state = ALERT_FIRING};
	struct alert_record a[5] = {common, common, common, common, common};
	struct rule_state states[] = {{"slow", ALERT_DATA_OK, 3.9, 2.5, NOW_US, ""}, {"errors", ALERT_DATA_OK, .018, .02, NOW_US, ""},
	                              {"flags", ALERT_DATA_NONE, NAN, 10, NOW_US, "no requests"}};
	struct silence_record silence = {.id = 1, .rule = "errors", .labels = "", .from_us = NOW_US - US_PER_MIN,
	                                 .until_us = NOW_US + US_PER_HOUR, .author = "mia", .comment = ""};

	a[0].rule = "slow", a[0].labels = "{\"alertname\":\"slow\"}", a[0].severity = SEVERITY_CRITICAL;
	a[0].value = 3.9, a[0].bound = 2.5, a[0].summary = "latency p95 is 3.9 s, limit 2.5 s";
	a[0].since_us = NOW_US - 9 * US_PER_MIN, a[0].fired_us = NOW_US - 8 * US_PER_MIN;
	a[1].rule = "checkout-slow", a[1].labels = "{\"alertname\":\"checkout-slow\",\"service\":\"checkout-assistant\"}";
	a[1].value = 4.2, a[1].bound = 3, a[1].summary = "p95 of checkout-assistant", a[1].severity = SEVERITY_CRITICAL;
	a[1].since_us = a[1].fired_us = NOW_US - 6 * US_PER_MIN, a[1].acknowledged_us = NOW_US - US_PER_MIN;
	a[1].acknowledged_by = "mia", a[1].note = "rolling back\x1b[31m";
	a[2].rule = "errors", a[2].labels = "{\"alertname\":\"errors\"}", a[2].value = .03, a[2].bound = .02;
	a[2].since_us = a[2].fired_us = NOW_US - 4 * US_PER_MIN, a[2].summary = "errors";
	a[3].rule = "team-a", a[3].kind = "budget", a[3].labels = "{\"basis\":\"actual\"}", a[3].value = 61, a[3].bound = 80;
	a[3].state = ALERT_PENDING, a[3].since_us = NOW_US - 30 * US_PER_S, a[3].summary = "budget team-a";
	a[4].rule = "quiet", a[4].kind = "absence", a[4].labels = "{}", a[4].value = a[4].bound = NAN, a[4].summary = "";
	a[4].state = ALERT_RESOLVED, a[4].since_us = a[4].fired_us = NOW_US - 20 * US_PER_MIN, a[4].ended_us = NOW_US - 3 * US_PER_MIN;
	clock_set_fake_us(NOW_US);
	assert_int_equal(store_writer_open(&w, store_path, &o, &err), 0);
	for (size_t i = 0; i < sizeof a / sizeof *a; i++) {
		a[i].id = (int64_t)i + 1;
		assert_int_equal(store_alert_put(w, &a[i], &err), 0);
	}
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		assert_int_equal(store_rule_state_put(w, &states[i], &err), 0);
	assert_int_equal(store_silence_put(w, &silence, &err), 0);
	assert_int_equal(store_writer_commit(w, &err), 0);
	store_writer_close(&w);
}

/* Strip, tile, page, signals and apps agree with what the collector stored. */
static void test_alarms(void **state)
{
	static const struct picture pictures[] = {
		{"alarms-80x24", "alerts", NULL, 80, 24, false, true, 0, false, COLOURS_NONE},
		{"alarms-132x43", "alerts", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
		{"alarms-200x50", "alerts", NULL, 200, 50, false, false, 0, false, COLOURS_NONE},
		{"alarms-80x24-mono", "alerts", NULL, 80, 24, true, false, 0, true, COLOURS_NONE},
		{"alarms-overview-80x24", NULL, NULL, 80, 24, false, true, 0, false, COLOURS_NONE},
		{"alarms-overview-200x50", NULL, NULL, 200, 50, false, false, 0, false, COLOURS_NONE},
	};

	(void)state;
	store_alarms();
	draw_all(pictures, sizeof pictures / sizeof *pictures);
	test_every_size_is_drawn(state);
}

/* What Alertmanagers held when the collector read them: one that answers, one that fell silent. */
static void store_managers(void)
{
	const struct am_status am = {.name = "am", .health = AM_OK, .words = "", .answered_us = NOW_US - 3 * US_PER_S, .every_us = 15 * US_PER_S,
	                             .alert_count = 3, .own_count = 1, .silence_count = 2};
	const struct am_status standby = {.name = "standby", .health = AM_FAILING, .words = "connection refused", .answered_us = NOW_US - 4 * US_PER_MIN,
	                                  .every_us = 15 * US_PER_S, .alert_count = 1};
	const char *held = "9387fcbc-e052-410d-9e5b-470353b83411";
	const struct am_alert held_alerts[] = {
		{"am", "89ba53061bb074ea", "DiskFull", "critical", "{\"alertname\":\"DiskFull\",\"instance\":\"db1\",\"severity\":\"critical\"}", "suppressed",
		 held, "", "night, day", "/var/lib is 97 % full", "https://runbooks/disk", "http://prometheus/graph?g0", NOW_US - 9 * US_PER_MIN, NOW_US - 20 * US_PER_S, 0},
		{"am", "89ba53061bb074eb", "NodeDown", "warning", "{\"alertname\":\"NodeDown\",\"instance\":\"n2\",\"severity\":\"warning\"}", "active", "", "",
		 "night", "node \x1b[31mn2 is down", "", "", NOW_US - 2 * US_PER_HOUR, NOW_US - 20 * US_PER_S, 0},
		{"am", "89ba53061bb074ec", "QueueLong", "info", "{\"alertname\":\"QueueLong\",\"queue\":\"mail\"}", "suppressed", "", "89ba53061bb074eb", "day", "", "",
		 "", NOW_US - 3 * US_PER_DAY, NOW_US - 20 * US_PER_S, 0},
		{"am", "0000000000000001", "slow", "critical", "{\"alertname\":\"slow\"}", "suppressed", held, "", "night", "", "", "", NOW_US, NOW_US, 0},
	};
	const struct am_alert other = {"standby", "89ba53061bb074ed", "CertExpires", "page", "{\"alertname\":\"CertExpires\"}", "active", "", "", "day", "in 2 days", "",
	                               "", NOW_US - 30 * US_PER_MIN, NOW_US - 5 * US_PER_MIN, 0};
	const bool ours[] = {false, false, false, true};
	const struct am_silence silences[] = {
		{"am", held, "active", "alertname=~\"DiskFull|slow\" instance=~\"db.*\"", "bob", "disk is being changed", NOW_US - US_PER_HOUR, NOW_US + 40 * US_PER_MIN,
		 NOW_US, 0, false, NULL},
		{"am", "32681506-4420-494d-8e1d-35a7e80f1a8b", "active", "alertname=\"errors\"", "mia", "[llmdeck 1]", NOW_US - US_PER_MIN, NOW_US + US_PER_HOUR, NOW_US, 1,
		 false, NULL},
		{"am", "52681506-4420-494d-8e1d-35a7e80f1a8b", "expired", "alertname=\"NodeDown\"", "jo", "over", NOW_US - US_PER_HOUR, NOW_US - 2 * US_PER_MIN, NOW_US, 0,
		 false, NULL},
	};
	struct store_options o = {.now_us = NOW_US};
	struct store_writer *w = NULL;
	struct err err = {""};

	assert_int_equal(store_writer_open(&w, store_path, &o, &err), 0);
	assert_int_equal(store_alertmanager_put(w, &am, 1, held_alerts, ours, 4, silences, 3, &err), 0);
	assert_int_equal(store_alertmanager_put(w, &standby, 2, &other, ours, 1, NULL, 0, &err), 0);
	assert_int_equal(store_writer_commit(w, &err), 0);
	store_writer_close(&w);
}

static void test_managers(void **state)
{
	static const struct picture pictures[] = {
		{"others-80x24", "others", NULL, 80, 24, false, true, 0, false, COLOURS_NONE},
		{"others-132x43", "others", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
		{"others-200x50", "others", NULL, 200, 50, false, false, 0, false, COLOURS_NONE},
		{"others-80x24-mono", "others", NULL, 80, 24, true, false, 0, true, COLOURS_NONE},
		{"silences-80x24", "silences", NULL, 80, 24, false, true, 0, false, COLOURS_NONE},
		{"silences-132x43", "silences", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
		{"silences-200x50", "silences", NULL, 200, 50, false, false, 0, false, COLOURS_NONE},
		{"silences-80x24-mono", "silences", NULL, 80, 24, true, false, 0, true, COLOURS_NONE},
		{"alarms-kept-back-132x43", "alerts", NULL, 132, 43, false, false, 0, false, COLOURS_NONE},
	};

	(void)state;
	store_managers();
	draw_all(pictures, sizeof pictures / sizeof *pictures);
	test_every_size_is_drawn(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overview),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_every_size_is_drawn),
		cmocka_unit_test(test_alarms), /* last: from then on somebody evaluates */
		cmocka_unit_test(test_managers),
	};

	return cmocka_run_group_tests(tests, make_store, remove_store);
}
