/* Each source gets a sink of its own in front of the writer's: it counts rows and carries `done`
 * from the writer's thread over to the loop. A submission remembers its source's slot by a pointer
 * that source_host_stop() clears, so that a late acknowledgement finds nobody and goes nowhere; both
 * happen on the loop's thread. */
#include "daemon/source_host.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "collect/source.h"
#include "daemon/judge_source.h"
#include "daemon/metrics.h"

#define RATE_EVERY_US (5 * US_PER_S)

struct running;

struct submission {
	struct submission *prev, *next; /* of the source's list */
	struct running *running;        /* NULL: the source has been stopped */
	struct loop *loop;
	void (*done)(void *arg, bool ok, const struct sink_ack *ack, const char *error);
	void *arg;
	int64_t began_us; /* monotonic */
	bool ok;
	struct sink_ack ack;
	char *error;
};

struct running {
	struct sink sink; /* first: found from the source's sink pointer */
	struct source_host *host;
	const struct source *source; /* NULL: unknown kind */
	struct arena arena;            /* what the section is made of */
	struct config_section section; /* a copy: it may outlive its configuration */
	bool is_judge; /* of `judges:`, not of `sources:` */
	struct source_env env;
	struct source_report report;
	union option_value *options;
	void *state; /* NULL: not running */
	struct loop_timer *timer;
	struct submission *submissions;
	int64_t latency_us; /* of the newest batch, from arrival to the commit; -1 before the first */
	uint64_t rate_rows; /* as they stood at rate_us */
	int64_t rate_us;    /* monotonic */
	double rows_per_s;  /* between the last two looks that were RATE_EVERY_US apart; NaN before */
};

struct source_host {
	struct loop *loop;
	struct sink *sink;
	const char *store_path;
	struct running **running;
	size_t count;
	bool paused;
	void (*metrics)(void *arg, struct buf *out);
	void *metrics_arg;
	struct config_section receiver; /* name NULL: none */
	struct config_pair receiver_pairs[2];
};

struct source_host *source_host_new(struct loop *loop, struct sink *sink, const char *store_path)
{
	struct source_host *h = mem_zalloc(sizeof(*h));

	h->loop = loop;
	h->sink = sink;
	h->store_path = store_path;
	return h;
}

static const char *config_name(const struct config *config)
{
	return config->path ? config->path : "configuration";
}

static int check_section(const struct config *config, const struct config_section *section, bool demo,
                         struct err *err)
{
	const struct source *source = source_find(section->kind);

	if (!source)
		return err_set(err, "%s:%d:%d: source %s: there is no kind `%s` in this version: see llmdeck(5)",
		               config_name(config), section->line, section->column, section->name, section->kind);
	if (source->invented && !demo)
		return err_set(err, "%s:%d:%d: source %s: invented data may not go into a store of real data: give it a new store",
		               config_name(config), section->line, section->column, section->name);
	union option_value *values = source_options(source, section, config_name(config), err);

	free(values);
	return values ? 0 : -1;
}

int source_host_check(const struct config *config, bool demo, struct err *err)
{
	for (size_t i = 0; i < config->source_count; i++) {
		if (check_section(config, &config->sources[i], demo, err))
			return -1;
	}
	return judge_source_check(config, err);
}

/* ── the sink in front ─────────────────────────────────────────────────────────────────────── */

static void link_submission(struct running *r, struct submission *s)
{
	s->next = r->submissions;
	if (s->next)
		s->next->prev = s;
	r->submissions = s;
}

static void unlink_submission(struct submission *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		s->running->submissions = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

static void tell_source(void *arg)
{
	struct submission *s = arg;

	if (s->running) {
		unlink_submission(s);
		if (s->ok)
			s->running->latency_us = clock_mono_us() - s->began_us;
		if (s->done)
			s->done(s->arg, s->ok, s->ok ? &s->ack : NULL, s->error);
	}
	free(s->error);
	free(s);
}

/* On the writer's thread. */
static void submission_done(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct submission *s = arg;

	s->ok = ok;
	if (ok)
		s->ack = *ack;
	else
		s->error = mem_strdup(error);
	loop_post(s->loop, tell_source, s);
}

static enum sink_result source_submit(struct sink *sink, struct batch *b,
                                      void (*done)(void *, bool, const struct sink_ack *, const char *),
                                      void *arg, struct err *err)
{
	struct running *r = (struct running *)sink;
	struct submission *s = mem_zalloc(sizeof(*s));
	size_t rows = batch_rows(b);

	*s = (struct submission){.running = r, .loop = r->host->loop, .done = done, .arg = arg,
	                         .began_us = clock_mono_us()};
	/* Linked first: the writer may be done with it before submit() returns. */
	link_submission(r, s);
	enum sink_result result = r->host->sink->submit(r->host->sink, b, submission_done, s, err);

	if (result == SINK_OK) {
		r->report.rows += rows;
		r->report.last_event_us = clock_wall_us();
		return result;
	}
	unlink_submission(s);
	free(s);
	return result;
}

static enum sink_result source_store(struct sink *sink, struct batch *b, struct sink_ack *ack,
                                     struct err *err)
{
	(void)sink;
	(void)b;
	(void)ack;
	err_set(err, "store: a source may not wait for the store");
	return SINK_FAILED;
}

static void source_sink_close(struct sink *sink)
{
	(void)sink; /* ends with the source */
}

/* ── running ───────────────────────────────────────────────────────────────────────────────── */

static void poll_source(void *arg)
{
	struct running *r = arg;

	if (r->state && !r->host->paused)
		loop_timer_set(r->host->loop, r->timer, r->source->poll(r->state));
}

static void fail(struct running *r, const char *words)
{
	r->report.state = SOURCE_FAILING;
	err_set(&r->report.words, "%s", words);
	log_error("source %s: %s", r->section.name, words);
}

static void start_source(struct running *r, const struct config *config, const struct price_table *prices)
{
	struct err err = {""};

	r->source = r->is_judge ? judge_source_find(r->section.kind) : source_find(r->section.kind);
	if (!r->source) {
		fail(r, "this version knows no source of its kind");
		return;
	}
	r->options = source_options(r->source, &r->section, config_name(config), &err);
	if (!r->options) {
		fail(r, err.text);
		return;
	}
	r->env = (struct source_env){
		.name = r->section.name, .loop = r->host->loop, .sink = &r->sink, .prices = prices,
		.store_path = r->host->store_path, .config = r->source->listens ? NULL : config,
		.options = r->options, .section = &r->section, .report = &r->report,
		.metrics = r->host->metrics, .metrics_arg = r->host->metrics_arg,
	};
	r->state = r->source->start(&r->env, &err);
	if (!r->state)
		fail(r, err.text);
	else if (r->source->poll)
		r->timer = loop_timer_new(r->host->loop, 0, poll_source, r);
}

void source_host_receive(struct source_host *h, const char *listen, const char *token)
{
	h->receiver_pairs[0] = (struct config_pair){.key = "listen", .value = listen};
	h->receiver_pairs[1] = (struct config_pair){.key = "token", .value = token};
	h->receiver = (struct config_section){
		.name = listen ? "otlp" : NULL, .kind = "otlp", .pairs = h->receiver_pairs, .pair_count = 2,
	};
}

static bool has_kind(const struct config *config, const char *kind)
{
	for (size_t i = 0; i < config->source_count; i++) {
		if (strcmp(config->sources[i].kind, kind) == 0)
			return true;
	}
	return false;
}

static const char *copy_text(struct arena *a, const char *text)
{
	return text ? arena_copy(a, text, strlen(text)) : NULL;
}

static void copy_section(struct running *r, const struct config_section *from)
{
	r->section = *from;
	r->section.name = copy_text(&r->arena, from->name);
	r->section.kind = copy_text(&r->arena, from->kind);
	r->section.pairs = arena_alloc(&r->arena, (from->pair_count + 1) * sizeof(*from->pairs));
	for (size_t i = 0; i < from->pair_count; i++) {
		r->section.pairs[i] = from->pairs[i];
		r->section.pairs[i].key = copy_text(&r->arena, from->pairs[i].key);
		r->section.pairs[i].value = copy_text(&r->arena, from->pairs[i].value);
	}
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_section(const struct config_section *a, const struct config_section *b)
{
	if (!same_text(a->name, b->name) || !same_text(a->kind, b->kind) || a->pair_count != b->pair_count)
		return false;
	for (size_t i = 0; i < a->pair_count; i++)
		if (!same_text(a->pairs[i].key, b->pairs[i].key) || !same_text(a->pairs[i].value, b->pairs[i].value))
			return false;
	return true;
}

static struct running *find_running(const struct source_host *h, const struct config_section *section, bool is_judge)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->running[i]->is_judge == is_judge && same_section(&h->running[i]->section, section))
			return h->running[i];
	return NULL;
}

static struct running *new_source(struct source_host *h, const struct config_section *section, bool is_judge,
                                  const struct config *config, const struct price_table *prices)
{
	struct running *r = find_running(h, section, is_judge);

	if (r)
		return r;
	r = mem_zalloc(sizeof(*r));
	r->is_judge = is_judge;
	r->sink = (struct sink){.store = source_store, .submit = source_submit, .close = source_sink_close};
	r->host = h;
	copy_section(r, section);
	r->latency_us = -1;
	r->rate_us = clock_mono_us();
	r->rows_per_s = NAN;
	start_source(r, config, prices);
	return r;
}

static bool has_receiver(const struct source_host *h, const struct config *config)
{
	return h->receiver.name && !has_kind(config, h->receiver.kind);
}

void source_host_start(struct source_host *h, const struct config *config,
                       const struct price_table *prices)
{
	struct running **all = mem_array(NULL, config->source_count + config->judge_count + 1, sizeof(struct running *));
	size_t count = 0;

	if (has_receiver(h, config))
		all[count++] = new_source(h, &h->receiver, false, config, prices);
	for (size_t i = 0; i < config->source_count; i++)
		all[count++] = new_source(h, &config->sources[i], false, config, prices);
	for (size_t i = 0; i < config->judge_count; i++)
		all[count++] = new_source(h, &config->judges[i], true, config, prices);
	free(h->running);
	h->running = all;
	h->count = count;
}

static void stop_source(struct running *r)
{
	if (r->timer)
		loop_timer_free(r->host->loop, &r->timer);
	for (struct submission *s = r->submissions; s; s = s->next)
		s->running = NULL;
	if (r->state)
		r->source->stop(r->state);
	free(r->options);
	arena_fini(&r->arena);
	free(r);
}

static bool stays(const struct source_host *h, const struct running *r, const struct config *config)
{
	bool wanted = has_receiver(h, config) && same_section(&r->section, &h->receiver);

	for (size_t i = 0; i < config->source_count && !wanted; i++)
		wanted = same_section(&r->section, &config->sources[i]);
	return wanted && r->state && r->source->listens;
}

void source_host_stop_changed(struct source_host *h, const struct config *config)
{
	size_t left = 0;

	for (size_t i = 0; i < h->count; i++) {
		struct running *r = h->running[i];

		if (stays(h, r, config))
			h->running[left++] = r;
		else
			stop_source(r);
	}
	h->count = left;
}

void source_host_stop(struct source_host *h)
{
	for (size_t i = 0; i < h->count; i++)
		stop_source(h->running[i]);
	free(h->running);
	h->running = NULL;
	h->count = 0;
}

void source_host_pause(struct source_host *h, bool paused)
{
	if (h->paused == paused)
		return;
	h->paused = paused;
	for (size_t i = 0; i < h->count; i++) {
		struct running *r = h->running[i];
		void (*tell)(void *state) = !r->state ? NULL : paused ? r->source->pause : r->source->resume;

		if (tell)
			tell(r->state);
		if (!paused && r->timer)
			loop_timer_set(h->loop, r->timer, 0);
	}
}

/* Rows a second over a stretch that is long enough to mean something, whoever looks how often. */
static void measure_rate(struct running *r)
{
	int64_t now_us = clock_mono_us(), passed_us = now_us - r->rate_us;

	if (passed_us < RATE_EVERY_US)
		return;
	r->rows_per_s = (double)(r->report.rows - r->rate_rows) * (double)US_PER_S / (double)passed_us;
	r->rate_rows = r->report.rows;
	r->rate_us = now_us;
}

static void append_figure(struct buf *out, const char *name, double number)
{
	if (isnan(number))
		buf_printf(out, ",\"%s\":null", name);
	else
		buf_printf(out, ",\"%s\":%.3f", name, number);
}

static void append_source(const struct source_host *h, const struct running *r, struct buf *out)
{
	bool paused = h->paused && r->state;
	int64_t last_us = r->report.last_event_us;

	buf_puts(out, "{\"name\":");
	buf_append_json(out, str_of(r->section.name));
	buf_puts(out, ",\"kind\":");
	buf_append_json(out, str_of(r->section.kind));
	buf_printf(out, ",\"state\":\"%s\",\"reason\":",
	           source_state_name(paused ? SOURCE_PAUSED : r->report.state));
	buf_append_json(out, str_of(paused ? "the store cannot keep up" : r->report.words.text));
	buf_printf(out, ",\"rows\":%llu,\"rejected\":%llu,\"repeated\":%llu,\"age_s\":",
	           (unsigned long long)r->report.rows, (unsigned long long)r->report.rejected,
	           (unsigned long long)r->report.repeated);
	if (last_us)
		buf_printf(out, "%.3f", (double)(clock_wall_us() - last_us) / (double)US_PER_S);
	else
		buf_puts(out, "null");
	append_figure(out, "rows_per_s", r->rows_per_s);
	append_figure(out, "latency_ms", r->latency_us < 0 ? NAN : (double)r->latency_us / (double)US_PER_MS);
	append_figure(out, "took_ms", r->report.took_us <= 0 ? NAN : (double)r->report.took_us / (double)US_PER_MS);
	buf_append_c(out, '}');
}

void source_host_status(const struct source_host *h, struct buf *out)
{
	buf_append_c(out, '[');
	for (size_t i = 0; i < h->count; i++) {
		if (i)
			buf_append_c(out, ',');
		measure_rate(h->running[i]);
		append_source(h, h->running[i], out);
	}
	buf_append_c(out, ']');
}

void source_host_set_metrics(struct source_host *h, void (*append)(void *arg, struct buf *out), void *arg)
{
	h->metrics = append;
	h->metrics_arg = arg;
}

static double rows_of(const struct running *r) { return (double)r->report.rows; }
static double rejected_of(const struct running *r) { return (double)r->report.rejected; }
static double repeated_of(const struct running *r) { return (double)r->report.repeated; }
static double last_of(const struct running *r) { return (double)r->report.last_event_us / (double)US_PER_S; }
static double up_of(const struct running *r) { return r->report.state == SOURCE_OK ? 1 : 0; }

/* A sample for each state a source can have: 1 for the one it is in. */
static void append_states(const struct source_host *h, struct buf *out)
{
	metrics_append_head(out, "source_state", "gauge", "1 for the state that the source is in.");
	for (size_t i = 0; i < h->count; i++) {
		const struct running *r = h->running[i];
		enum source_state is = h->paused && r->state ? SOURCE_PAUSED : r->report.state;

		for (enum source_state s = SOURCE_STARTING; s <= SOURCE_DENIED; s++) {
			buf_puts(out, "llmdeck_source_state{");
			metrics_append_label(out, true, "source", r->section.name);
			metrics_append_label(out, false, "kind", r->section.kind);
			metrics_append_label(out, false, "state", source_state_name(s));
			buf_printf(out, "} %d\n", s == is);
		}
	}
}

void source_host_metrics(const struct source_host *h, struct buf *out)
{
	static const struct {
		const char *name, *type, *help;
		double (*get)(const struct running *r);
	} figures[] = {
		{"source_up", "gauge", "1 while the source works; llmdeck_source_state says more.", up_of},
		{"source_rows_total", "counter", "Rows that the source has handed over.", rows_of},
		{"source_rejected_total", "counter", "Records that could not be used.", rejected_of},
		{"source_repeated_total", "counter", "Records that were told twice.", repeated_of},
		{"source_last_success_timestamp_seconds", "gauge", "Time of the newest success, 0 before the first.", last_of},
	};

	for (size_t f = 0; f < sizeof(figures) / sizeof(figures[0]); f++) {
		metrics_append_head(out, figures[f].name, figures[f].type, figures[f].help);
		for (size_t i = 0; i < h->count; i++) {
			const struct running *r = h->running[i];

			buf_printf(out, "llmdeck_%s{", figures[f].name);
			metrics_append_label(out, true, "source", r->section.name);
			metrics_append_label(out, false, "kind", r->section.kind);
			buf_printf(out, "} %.15g\n", figures[f].get(r));
		}
	}
	append_states(h, out);
}

void source_host_free(struct source_host **h)
{
	if (!*h)
		return;
	source_host_stop(*h);
	free(*h);
	*h = NULL;
}
