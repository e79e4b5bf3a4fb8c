/* A job for the writer's thread owns a copy of everything in one arena. */
#include "daemon/alertmanagers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "store/alertmanagers.h"

struct put_job {
	struct am_reading reading;
	struct arena arena;
};

static const char *keep(struct arena *a, const char *text)
{
	return arena_copy(a, text, strlen(text));
}

static void *keep_rows(struct arena *a, const void *rows, size_t count, size_t size)
{
	void *out = arena_alloc(a, count * size + 1);

	if (count)
		memcpy(out, rows, count * size);
	return out;
}

static void copy_alerts(struct put_job *j)
{
	struct am_alert *rows = keep_rows(&j->arena, j->reading.alerts, j->reading.alert_count, sizeof *rows);

	for (size_t i = 0; i < j->reading.alert_count; i++) {
		const char **texts[] = {&rows[i].fingerprint, &rows[i].name, &rows[i].severity, &rows[i].labels, &rows[i].state,
		                        &rows[i].silenced_by, &rows[i].inhibited_by, &rows[i].receivers, &rows[i].summary, &rows[i].runbook,
		                        &rows[i].generator};

		rows[i].manager = j->reading.status.name;
		for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
			*texts[t] = keep(&j->arena, *texts[t]);
	}
	j->reading.alerts = rows;
	j->reading.ours = keep_rows(&j->arena, j->reading.ours, j->reading.alert_count, sizeof *j->reading.ours);
}

static void copy_silences(struct put_job *j)
{
	struct am_silence *rows = keep_rows(&j->arena, j->reading.silences, j->reading.silence_count, sizeof *rows);

	for (size_t i = 0; i < j->reading.silence_count; i++) {
		const char **texts[] = {&rows[i].id, &rows[i].state, &rows[i].matchers, &rows[i].author, &rows[i].comment};

		rows[i].manager = j->reading.status.name;
		for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
			*texts[t] = keep(&j->arena, *texts[t]);
	}
	j->reading.silences = rows;
}

static int put(struct store_writer *store, void *arg, struct err *err)
{
	const struct put_job *j = arg;
	const struct am_reading *r = &j->reading;

	return store_alertmanager_put(store, &r->status, r->digest, r->alerts, r->ours, r->alert_count, r->silences, r->silence_count, err);
}

static void put_ended(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	static struct log_limit limit; /* the writer's thread's */
	struct put_job *j = arg;

	(void)ack;
	if (!ok)
		log_limited(&limit, US_PER_MIN, LOG_LEVEL_WARNING, "alertmanager %s: what it holds is not stored: %s", j->reading.status.name, error);
	arena_fini(&j->arena);
	free(j);
}

void alertmanagers_store(struct writer *writer, const struct am_reading *r)
{
	struct put_job *j = mem_zalloc(sizeof *j);

	j->reading = *r;
	j->reading.status.name = keep(&j->arena, r->status.name);
	j->reading.status.words = keep(&j->arena, r->status.words);
	copy_alerts(j);
	copy_silences(j);
	if (!writer_begin_job(writer, put, j, put_ended)) {
		arena_fini(&j->arena);
		free(j);
	}
}

struct keep_job {
	const char **names;
	size_t count;
	struct arena arena;
};

static int keep_only(struct store_writer *store, void *arg, struct err *err)
{
	const struct keep_job *j = arg;

	return store_alertmanagers_keep(store, j->names, j->count, err);
}

static void free_keep(struct keep_job *j)
{
	arena_fini(&j->arena);
	free(j);
}

static void keep_ended(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	(void)ack;
	if (!ok)
		log_warning("alertmanagers that are gone from the config are still shown: %s", error);
	free_keep(arg);
}

void alertmanagers_keep(struct writer *writer, const char *const *names, size_t count)
{
	struct keep_job *j = mem_zalloc(sizeof *j);

	j->names = keep_rows(&j->arena, names, count, sizeof *names);
	j->count = count;
	for (size_t i = 0; i < count; i++)
		j->names[i] = keep(&j->arena, names[i]);
	if (!writer_begin_job(writer, keep_only, j, keep_ended))
		free_keep(j);
}

int alertmanagers_settle(struct engine *e, const struct alert_order *order, const struct am_outcome *o, const struct asker *by,
                         int64_t now_us, struct err *err)
{
	static const char *const actions[] = {"alertmanager.silence", "alertmanager.expire", "alertmanager.extend"};
	char before[TIME_TEXT_BYTES] = "", until[TIME_TEXT_BYTES] = "", after[160], target[200];

	snprintf(target, sizeof target, "%s %.64s", o->manager, order->target);
	if (o->before_us)
		time_format(o->before_us, before);
	if (order->verb != ALERT_VERB_AM_EXPIRE)
		time_format(order->until_us, until);
	snprintf(after, sizeof after, "%s%s%s", o->silence, *o->silence && *until ? " until " : "", until);
	if (o->done && o->mark > 0)
		engine_follow_silence(e, o->mark, o->before_us, o->after_us, now_us);
	engine_audit_alertmanager(e, actions[order->verb - ALERT_VERB_AM_SILENCE], target, before, after,
	                          o->done ? "ok" : o->unsure ? "not confirmed" : "failed", by, now_us);
	return o->done ? 0 : err_set(err, "%s", o->words);
}
