/* The source kind "demo": the fleet of demo_model.h, priced and handed to the sink like anybody's
 * events, its rollouts steered through core/demo_switch.h. It first tells the last hour as fast as the store takes it, then goes on in real time,
 * four small batches a second. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collect/demo_fleet.h"
#include "collect/demo_model.h"
#include "collect/source.h"
#include "core/demo_switch.h"
#include "judge/price.h"

#define HISTORY_US US_PER_HOUR
#define HISTORY_ROWS_PER_BATCH 2000
#define LIVE_EVERY_US (250 * US_PER_MS)
#define BUSY_AGAIN_US (10 * US_PER_MS)

enum { DEMO_SEED, DEMO_SPEED, DEMO_INCIDENT };
enum { INCIDENT_NONE, INCIDENT_CANARY };

static const char *const incidents[] = {"none", "canary", NULL};

static const struct option_row demo_options[] = {
	[DEMO_SEED] = {"seed", OPTION_INT, "1", 0, INT64_MAX, NULL, "number",
		"the same seed invents the same fleet"},
	[DEMO_SPEED] = {"speed", OPTION_INT, "100", 10, 10000, NULL, "percent",
		"factor on all rates; the incident comes as much earlier"},
	[DEMO_INCIDENT] = {"incident", OPTION_CHOICE, "canary", 0, 1, incidents, NULL,
		"canary: a candidate goes bad after a minute; none: all stays well"},
	{.name = NULL},
};

struct demo {
	struct source_env env;
	struct demo_model *model;
	struct batch *batch; /* offered in the next poll; NULL: none */
	uint64_t fleet;      /* at the switch */
	int64_t live_from_us, told_us; /* where the present began; up to where all is told */
};

static struct demo_settings settings_of(const union option_value *given)
{
	struct demo_settings s = {
		.seed = (uint64_t)given[DEMO_SEED].number,
		.speed = (double)given[DEMO_SPEED].number / 100,
		.incident = given[DEMO_INCIDENT].number == INCIDENT_CANARY,
		.live_from_us = clock_wall_us(),
		.history_us = HISTORY_US,
	};

	/* A fast fleet gets a shorter past, so that the start stays quick. */
	if (s.speed > 2)
		s.history_us = (int64_t)((double)HISTORY_US * 2 / s.speed);
	return s;
}

static void *demo_start(const struct source_env *env, struct err *err)
{
	struct demo *d = mem_zalloc(sizeof(*d));
	struct demo_settings settings = settings_of(env->options);

	(void)err;
	d->env = *env;
	d->live_from_us = settings.live_from_us;
	d->model = demo_model_new(&settings);
	d->fleet = demo_switch_attach();
	return d;
}

static void told(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct demo *d = arg;
	struct source_report *report = d->env.report;

	(void)ack;
	report->state = ok ? SOURCE_OK : SOURCE_FAILING;
	err_set(&report->words, "%s", ok ? "" : error);
}

static struct demo_counts count_arms(const struct demo *d, const struct demo_rollout *r)
{
	const struct batch *b = d->batch;
	struct demo_counts counts = {0};

	for (size_t i = 0; b && i < b->request_count; i++) {
		const struct request *q = &b->requests[i];
		bool candidate = str_equal_c(q->dims[DIM_DEPLOYMENT], r->candidate);

		if (q->end_us < d->live_from_us || !str_equal_c(q->dims[DIM_SERVICE], demo_services[r->service].name) ||
		    !str_equal_c(q->dims[DIM_ENVIRONMENT], "prod") ||
		    (!candidate && !str_equal_c(q->dims[DIM_DEPLOYMENT], r->stable)))
			continue;
		counts.requests[candidate]++;
		counts.errors[candidate] += q->status == REQUEST_ERROR;
	}
	return counts;
}

/* Tells the switch what the new batch holds, and takes the shares that are wanted there. */
static void follow_switch(struct demo *d)
{
	static const struct demo_counts none;

	for (size_t i = 0; i < DEMO_ROLLOUTS; i++) {
		const struct demo_rollout *r = &demo_rollouts[i];
		struct demo_counts counts = count_arms(d, r);
		double wanted = demo_switch_report(d->fleet, str_of(r->name), demo_model_share(d->model, i), &counts);

		if (wanted < 0)
			continue;
		demo_model_set_share(d->model, str_of(r->name), wanted);
		demo_switch_report(d->fleet, str_of(r->name), wanted, &none);
	}
}

static bool is_steered(const struct demo *d, struct str rollout)
{
	for (size_t i = 0; d->env.config && i < d->env.config->rollout_count; i++) {
		if (str_equal_c(rollout, d->env.config->rollouts[i].name))
			return true;
	}
	return false;
}

/* Of a rollout that the configuration steers, only the past is ours to tell. */
static void leave_steered(struct demo *d, struct batch *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->rollout_count; i++) {
		if (b->rollouts[i].time_us < d->live_from_us || !is_steered(d, b->rollouts[i].name))
			b->rollouts[kept++] = b->rollouts[i];
	}
	b->rollout_count = kept;
}

/* Makes the next batch when there is something to tell. */
static void fill_batch(struct demo *d, int64_t now_us)
{
	struct batch *b = batch_new();

	d->told_us = demo_model_generate(d->model, now_us, HISTORY_ROWS_PER_BATCH, b);
	leave_steered(d, b);
	if (!batch_rows(b)) {
		batch_free(&b);
		return;
	}
	for (size_t i = 0; i < b->request_count; i++) {
		b->requests[i].source = str_of(d->env.name);
		if (d->env.prices)
			price_request(d->env.prices, PRICE_STANDARD, &b->requests[i]);
	}
	for (size_t i = 0; i < b->feedback_count; i++)
		b->feedback[i].source = str_of(d->env.name);
	for (size_t i = 0; i < b->evaluation_count; i++)
		b->evaluations[i].source = str_of(d->env.name);
	for (size_t i = 0; i < b->late_flag_count; i++)
		b->late_flags[i].source = str_of(d->env.name);
	d->batch = b;
}

static int64_t demo_poll(void *state)
{
	struct demo *d = state;
	struct err err;

	if (!d->batch) {
		fill_batch(d, clock_wall_us());
		/* In the past nobody can steer. */
		if (d->told_us >= d->live_from_us)
			follow_switch(d);
	}
	if (!d->batch)
		return LIVE_EVERY_US;
	size_t rows = batch_rows(d->batch);

	switch (d->env.sink->submit(d->env.sink, d->batch, told, d, &err)) {
	case SINK_OK:
		d->batch = NULL;
		return rows >= HISTORY_ROWS_PER_BATCH ? 0 : LIVE_EVERY_US;
	case SINK_BUSY:
		return BUSY_AGAIN_US;
	default:
		told(d, false, NULL, err.text);
		return US_PER_S;
	}
}

static void demo_stop(void *state)
{
	struct demo *d = state;

	demo_switch_detach(d->fleet);
	batch_free(&d->batch);
	demo_model_free(&d->model);
	free(d);
}

extern const struct source demo_source;
const struct source demo_source = {
	.kind = "demo",
	.summary = "an invented fleet, for trying things out",
	.options = demo_options,
	.invented = true,
	.start = demo_start,
	.poll = demo_poll,
	.stop = demo_stop,
};
