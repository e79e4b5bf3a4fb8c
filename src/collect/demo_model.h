/* The demo's fleet in motion: a pure generator of requests, flags, feedback and rollout states. The
 * same settings give the same events, however the calls are cut. */
#ifndef LLMDECK_COLLECT_DEMO_MODEL_H
#define LLMDECK_COLLECT_DEMO_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "core/event.h"

struct demo_settings {
	uint64_t seed;
	double speed;          /* 0.1-100: factor on all rates; the incident comes as much earlier */
	bool incident;         /* one candidate goes bad a minute (over speed) after live_from_us */
	int64_t live_from_us;  /* wall time */
	int64_t history_us;    /* how far before that the events begin */
};

struct demo_model;

struct demo_model *demo_model_new(const struct demo_settings *s);
void demo_model_free(struct demo_model **m);

/* Adds the events that happen from where the last call ended up to until_us, in steps of 100 ms,
 * but stops after the step in which the batch reaches max_rows. Requests are unpriced. Returns the
 * time up to which all is told. Strings are static or in the batch's arena. */
int64_t demo_model_generate(struct demo_model *m, int64_t until_us, size_t max_rows, struct batch *b);

/* Moves a rollout's traffic: the candidate's share in percent (0-100) from the next step on. Its own
 * schedule ends with that. False when there is no such rollout. */
bool demo_model_set_share(struct demo_model *m, struct str rollout, double percent);

/* The candidate's share of demo_rollouts[rollout], in percent. */
double demo_model_share(const struct demo_model *m, size_t rollout);

/* How bad the bad candidate is at that time: 0 (healthy) to 1. */
double demo_model_incident(const struct demo_model *m, int64_t at_us);

#endif
