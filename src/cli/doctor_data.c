/* The doctor's checks of the data: the store, the price table, the sources. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/timefmt.h"
#include "cli/doctor.h"
#include "console/control_client.h"
#include "judge/price.h"
#include "parse/prices.h"
#include "store/query.h"

#define FREE_BYTES_LOW (INT64_C(512) * 1024 * 1024)
#define FINDINGS_SHOWN 50
#define PRICES_OLD_US (180 * US_PER_DAY)

struct recount {
	struct doctor *d;
	int64_t shown;
	int last_percent;
};

static void on_finding(const char *text, void *arg)
{
	struct recount *r = arg;

	if (r->shown++ < FINDINGS_SHOWN)
		doctor_broken(r->d, "%s", text);
}

static void on_progress(double share, void *arg)
{
	struct recount *r = arg;
	int percent = (int)(share * 100);

	if (!r->d->progress || percent == r->last_percent)
		return;
	r->last_percent = percent;
	fprintf(stderr, "\rrecounting the store: %d %%", percent);
	if (percent >= 100)
		fputs("\r                             \r", stderr);
}

static void recount(struct doctor *d, struct store_reader *reader)
{
	struct recount r = {.d = d, .last_percent = -1};
	struct err err = {""};
	int64_t findings = store_check(reader, d->deep, on_finding, on_progress, &r, &err);

	if (findings < 0)
		doctor_broken(d, "the recount stopped: %s", err.text);
	else if (findings > FINDINGS_SHOWN)
		doctor_broken(d, "%" PRId64 " more findings of the same kind", findings - FINDINGS_SHOWN);
	else if (findings == 0 && d->deep)
		doctor_ok(d, "recounted: rollups of every tier equal the raw rows, sketches and references hold");
	if (findings > 0)
		doctor_warn(d, "the figures above are from a damaged store: restore a copy, or import again into a new --store");
}

static void check_disk(struct doctor *d, const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return;
	int64_t free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (free_bytes < FREE_BYTES_LOW)
		doctor_warn(d, "only %" PRId64 " MB free on the store's disk: lower retention.size or make room",
		            free_bytes / 1000000);
}

static void tell_summary(struct doctor *d, const struct store_summary *s)
{
	char first[TIME_TEXT_BYTES], last[TIME_TEXT_BYTES], age[TIME_TEXT_BYTES];
	int64_t age_us = clock_wall_us() - s->last_us;

	doctor_ok(d, "%s: schema %" PRId64 ", %.1f MB%s", d->g->store_path, s->schema_version,
	          (double)s->file_bytes / 1e6, s->demo ? ", DEMO: invented data" : "");
	if (s->requests == 0) {
		doctor_warn(d, "no request yet: import a log or point an application at the collector");
		return;
	}
	doctor_ok(d, "%" PRId64 " requests from %s to %s, %" PRId64 " feedback items, %" PRId64 " billing rows",
	          s->requests, time_format(s->first_us, first), time_format(s->last_us, last),
	          s->feedback, s->billing);
	if (age_us > US_PER_HOUR)
		doctor_ok(d, "the newest request is %s old: the store opens as HISTORY",
		          duration_format(age_us - age_us % US_PER_MIN, age));
}

void doctor_store(struct doctor *d)
{
	const char *path = d->g->store_path;
	struct store_reader *reader = NULL;
	struct store_summary summary;
	struct err err = {""};

	if (!file_exists(path)) {
		if (d->g->store_given)
			doctor_broken(d, "no store: %s: import a log or start the collector to make it", path);
		else
			doctor_warn(d, "no store yet: %s: import a log with `llmdeck import FILE`, or look at "
			            "`llmdeck demo`", path);
		return;
	}
	if (store_reader_open(&reader, path, &err) || query_summary(reader, &summary, &err)) {
		doctor_broken(d, "%s", err.text);
		store_reader_close(&reader);
		return;
	}
	d->demo = summary.demo;
	tell_summary(d, &summary);
	recount(d, reader);
	check_disk(d, path);
	store_reader_close(&reader);
}

/* Tells how old a table is by the date in its name ("llmdeck 2026-11-20"). */
static int64_t table_age_us(const char *name)
{
	const char *date = strrchr(name, ' ');
	int64_t us;

	if (date == NULL || !time_parse(str_of(date + 1), NULL, TIME_UNIT_AUTO, &us))
		return -1;
	return clock_wall_us() - us;
}

void doctor_prices(struct doctor *d)
{
	struct price_table *table = NULL;
	struct err err = {""};
	char *path = NULL;

	if (price_table_load(&table, &d->g->config, d->g->store_path, &path, &err)) {
		doctor_broken(d, "%s", err.text);
		free(path);
		return;
	}
	int64_t age_us = table_age_us(price_table_name(table));
	if (age_us > PRICES_OLD_US)
		doctor_warn(d, "%s: %s, %zu models, %" PRId64 " days old: take a newer one with `llmdeck prices import FILE`",
		            path, price_table_name(table), price_count(table), age_us / US_PER_DAY);
	else
		doctor_ok(d, "%s: %s, %zu models", path, price_table_name(table), price_count(table));
	price_table_free(&table);
	free(path);
}

static void tell_source(struct doctor *d, const struct control_source *s)
{
	bool well = strcmp(s->state, "ok") == 0 || strcmp(s->state, "starting") == 0;

	if (well)
		doctor_ok(d, "%s (%s) is %s", s->name, s->kind, s->state);
	else
		doctor_warn(d, "%s (%s) is %s: %s", s->name, s->kind, s->state, s->reason);
}

void doctor_sources(struct doctor *d)
{
	struct control_client *client = control_client_new(d->g->socket_path);
	struct control_status status = {0};
	struct err err = {""};
	enum control_result result = control_client_status(client, &status, &err);

	if (result == CONTROL_NOBODY && d->g->config.source_count > 0)
		doctor_warn(d, "%zu sources are configured and no collector runs: start `llmdeck collect`",
		            d->g->config.source_count);
	else if (result == CONTROL_NOBODY)
		doctor_ok(d, "no source is configured and no collector runs");
	else if (result != CONTROL_OK)
		doctor_warn(d, "%s", err.text);
	else if (status.failing)
		doctor_broken(d, "the collector (%" PRId64 ") cannot store: %s", status.pid, status.words);
	else
		doctor_ok(d, "the collector (%" PRId64 ") stores; %" PRId64 " of %" PRId64 " batches wait",
		          status.pid, status.queued_batches, status.queued_batches_max);
	for (size_t i = 0; i < status.source_count; i++)
		tell_source(d, &status.sources[i]);
	control_status_fini(&status);
	control_client_free(&client);
}
