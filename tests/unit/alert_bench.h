/* What the tests of the alerts' engine share: a store of its own under a fake clock, requests to feed, and
 * a count of what would be told. Included after cmocka. */
#ifndef LLMDECK_TESTS_ALERT_BENCH_H
#define LLMDECK_TESTS_ALERT_BENCH_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/engine.h"
#include "alert/message.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/event.h"
#include "core/money.h"
#include "parse/config.h"
#include "store/query_alerts.h"
#include "store/writer.h"

#define T0 (INT64_C(1795435200) * US_PER_S) /* 2026-11-23T12:00:00Z, a Monday */
#define S US_PER_S

struct world {
	char folder[64], store[96];
	struct config config;
	struct store_writer *writer;
	struct store_reader *reader;
	struct engine *engine;
	struct outlet outlet;
	int64_t now_us, mono_us;
	int firing, resolved, acknowledged; /* messages stored */
	int acts;              /* what hard budgets asked for */
	char act[200], key[64]; /* the last of them */
	int64_t requests;
};

static inline void render(const void *arg, const struct alert_record *a, const char *what, struct buf *out)
{
	(void)arg;
	message_json(a, what, out);
}

static inline void start_engine(struct world *w)
{
	struct err err = {""};

	w->engine = engine_new(&w->config, &w->outlet, 1);
	if (engine_load(w->engine, w->reader, w->now_us, &err))
		fail_msg("%s", err.text);
}

static inline struct world *begin(const char *yaml)
{
	struct world *w = mem_zalloc(sizeof *w);
	struct err err = {""};

	snprintf(w->folder, sizeof w->folder, "/tmp/llmdeck-engine-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->store, sizeof w->store, "%s/s.db", w->folder);
	if (config_parse(&w->config, str_of(yaml), "c", &err))
		fail_msg("%s", err.text);
	w->now_us = T0;
	w->mono_us = 1000 * S;
	clock_set_fake_us(T0);
	if (store_writer_open(&w->writer, w->store, &(struct store_options){.now_us = 0}, &err) ||
	    store_reader_open(&w->reader, w->store, &err))
		fail_msg("%s", err.text);
	w->outlet = (struct outlet){.name = "hook", .acknowledgements = true, .render = render};
	start_engine(w);
	return w;
}

static inline void end(struct world *w)
{
	char command[128];

	engine_free(&w->engine);
	store_reader_close(&w->reader);
	store_writer_close(&w->writer);
	config_fini(&w->config);
	clock_set_fake_us(0);
	snprintf(command, sizeof command, "rm -rf %s", w->folder);
	assert_int_equal(system(command), 0);
	free(w);
}

static inline void feed(struct world *w, const char *service, int count, int64_t latency_us, int64_t cost_nusd)
{
	struct batch *b = batch_new();
	struct store_counts counts = {0};
	struct err err = {""};

	for (int i = 0; i < count; i++) {
		struct request *r = batch_add_request(b);

		r->end_us = w->now_us - 1 - i * 9 * S / (count + 1);
		r->latency_us = latency_us;
		r->dims[DIM_SERVICE] = str_of(service);
		r->cost_source = COST_REPORTED;
		r->cost_nusd = cost_nusd;
		r->has_span = true;
		w->requests++;
		memcpy(r->span_id, &w->requests, 8);
	}
	if (store_writer_append(w->writer, b, &counts, &err) || store_writer_commit(w->writer, &err))
		fail_msg("%s", err.text);
	batch_free(&b);
}

static inline void store_changes(struct world *w)
{
	struct engine_writes writes;
	struct err err = {""};

	engine_take_writes(w->engine, w->now_us, &writes);
	for (size_t i = 0; i < writes.message_count; i++) {
		w->firing += strcmp(writes.messages[i].what, "firing") == 0;
		w->resolved += strcmp(writes.messages[i].what, "resolved") == 0;
		w->acknowledged += strcmp(writes.messages[i].what, "acknowledged") == 0;
	}
	for (size_t i = 0; i < writes.act_count; i++) {
		w->acts++;
		snprintf(w->act, sizeof w->act, "%s %s %s", writes.acts[i].verb, writes.acts[i].rollout, writes.acts[i].shares);
		snprintf(w->key, sizeof w->key, "%s", writes.acts[i].key);
	}
	if (engine_writes_store(w->writer, &writes, &err) || store_writer_commit(w->writer, &err))
		fail_msg("%s", err.text);
	engine_written(w->engine, &writes, true);
}

static inline void turn(struct world *w)
{
	struct err err = {""};

	if (engine_tick(w->engine, w->reader, w->now_us, w->mono_us, &err))
		fail_msg("%s", err.text);
	store_changes(w);
}

static inline void pass(struct world *w, int64_t us)
{
	w->now_us += us;
	w->mono_us += us;
	clock_set_fake_us(w->now_us);
}

static inline void restart(struct world *w)
{
	engine_free(&w->engine);
	w->mono_us = 77 * S;
	start_engine(w);
}

static inline struct alert_record only(struct world *w)
{
	assert_int_equal(engine_alert_count(w->engine), 1);
	return engine_alert(w->engine, 0, w->now_us);
}

#endif
