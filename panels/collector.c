/* Judging what the collector says; one table of words and advice. */
#include "panels/collector.h"

#include <math.h>
#include <string.h>

#define STALE_ASKED_S 60.0    /* a source that asks by itself and has brought nothing for so long */
#define STALE_WAITING_S 600.0 /* one that waits for others to send */

static const struct {
	const char *state, *word, *advice;
} healths[] = {
	[HEALTH_INIT] = {"starting", "INIT", "nothing has come yet: point a sender at it, or wait for the first answer"},
	[HEALTH_OK] = {"ok", "OK", ""},
	[HEALTH_STALE] = {"", "STALE", "it worked and has fallen silent: is what it watches still running?"},
	[HEALTH_PAUSED] = {"paused", "PAUSED", "the store cannot keep up: look at queue and commit above; it goes on by itself"},
	[HEALTH_FAILING] = {"failing", "FAILING", "mend what the reason names; it tries again by itself"},
	[HEALTH_DENIED] = {"denied", "DENIED", "mend its credentials in the config, then `kill -HUP` the collector"},
};

static int waits_for_others(const char *kind)
{
	return strcmp(kind, "otlp") == 0 || strcmp(kind, "tail") == 0;
}

enum source_health source_health_of(const char *state, const char *kind, double age_s)
{
	double limit = waits_for_others(kind) ? STALE_WAITING_S : STALE_ASKED_S;

	if (strcmp(state, "ok") == 0)
		return age_s > limit ? HEALTH_STALE : HEALTH_OK;
	for (int i = 0; i <= HEALTH_DENIED; i++) {
		if (strcmp(state, healths[i].state) == 0)
			return (enum source_health)i;
	}
	return HEALTH_INIT;
}

const char *source_health_word(enum source_health h)
{
	return healths[h].word;
}

const char *source_health_advice(const struct source_status *s)
{
	return healths[s->health].advice;
}

size_t collector_sources_ok(const struct collector_status *c)
{
	size_t ok = 0;

	for (size_t i = 0; i < c->source_count; i++)
		ok += c->sources[i].health == HEALTH_OK;
	return ok;
}

double collector_lag_s(const struct collector_status *c)
{
	double lag = NAN;

	for (size_t i = 0; i < c->source_count; i++) {
		const struct source_status *s = &c->sources[i];

		if (s->health == HEALTH_OK && !(s->latency_ms / 1000 <= lag) && !isnan(s->latency_ms))
			lag = s->latency_ms / 1000;
	}
	return lag;
}
