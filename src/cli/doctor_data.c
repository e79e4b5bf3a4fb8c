/* The doctor's checks of the data: the store, the price table, the sources. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/timefmt.h"
#include "cli/doctor.h"
#include "store/query.h"
#include "store/writer.h"

#define FREE_BYTES_LOW (INT64_C(512) * 1024 * 1024)
#define FINDINGS_SHOWN 50

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
