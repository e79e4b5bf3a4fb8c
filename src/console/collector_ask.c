/* Text from the socket is cut to the plain form's bounds; it is made harmless when it is drawn. */
#include "console/collector_ask.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"

#define PUT(into, text) snprintf(into, sizeof(into), "%.*s", (int)sizeof(into) - 1, text)

static void take_source(const struct control_source *from, struct source_status *out)
{
	PUT(out->name, from->name);
	PUT(out->kind, from->kind);
	PUT(out->reason, from->reason);
	out->health = source_health_of(from->state, from->kind, from->age_s);
	out->age_s = from->age_s;
	out->rows = from->rows;
	out->rejected = from->rejected;
	out->repeated = from->repeated;
	out->rows_per_s = from->rows_per_s;
	out->latency_ms = from->latency_ms;
	out->took_ms = from->took_ms;
}

static void take_status(const struct control_status *from, struct collector_status *out)
{
	PUT(out->role, from->role);
	PUT(out->version, from->version);
	PUT(out->store, from->store);
	PUT(out->words, from->words);
	if (!time_parse(str_of(from->started), NULL, TIME_UNIT_AUTO, &out->started_us))
		out->started_us = 0;
	out->pid = from->pid;
	out->failing = from->failing;
	out->queued_batches = from->queued_batches;
	out->queued_batches_max = from->queued_batches_max;
	out->queued_bytes = from->queued_bytes;
	out->queued_bytes_max = from->queued_bytes_max;
	out->rows = from->rows;
	out->duplicates = from->duplicates;
	out->commits = from->commits;
	out->refused = from->refused;
	out->failures = from->failures;
	out->rows_per_s = from->rows_per_s;
	out->commit_p50_ms = from->commit_p50_ms;
	out->commit_p99_ms = from->commit_p99_ms;
	for (size_t i = 0; i < from->source_count; i++) {
		if (out->source_count < COLLECTOR_SOURCES_MAX)
			take_source(&from->sources[i], &out->sources[out->source_count++]);
		else
			out->sources_left_out++;
	}
}

void collector_ask(struct control_client *client, struct collector_status *out)
{
	struct control_status status;
	struct err err = {""};

	memset(out, 0, sizeof *out);
	memset(&status, 0, sizeof status);
	out->asked = true;
	out->asked_wall_us = clock_wall_us();
	out->rows_per_s = out->commit_p50_ms = out->commit_p99_ms = NAN;
	out->answered = control_client_status(client, &status, &err) == CONTROL_OK;
	if (out->answered)
		take_status(&status, out);
	else
		PUT(out->words, err.text);
	control_status_fini(&status);
}
