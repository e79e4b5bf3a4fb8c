/* One row a figure of the writer; the sources' figures are written by their host in the same form. */
#include "daemon/metrics.h"

#include <math.h>

#include "base/clock.h"

void metrics_append_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP llmdeck_%s %s\n# TYPE llmdeck_%s %s\n", name, help, name, type);
}

void metrics_append_label(struct buf *out, bool first, const char *name, const char *value)
{
	buf_printf(out, "%s%s=\"", first ? "" : ",", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_append_c(out, '\\');
		if (*value == '\n')
			buf_puts(out, "\\n");
		else
			buf_append_c(out, *value);
	}
	buf_append_c(out, '"');
}

static void append_figure(struct buf *out, const char *name, const char *type, double value, const char *help)
{
	metrics_append_head(out, name, type, help);
	if (isnan(value))
		buf_printf(out, "llmdeck_%s NaN\n", name);
	else
		buf_printf(out, "llmdeck_%s %.15g\n", name, value);
}

static double seconds(int64_t us)
{
	return us < 0 ? (double)NAN : (double)us / (double)US_PER_S;
}

static void append_commits(struct buf *out, const struct writer_stats *s)
{
	append_figure(out, "commits_total", "counter", (double)s->commits, "Transactions stored.");
	metrics_append_head(out, "commit_seconds", "gauge", "Quantiles of the last commits' time.");
	buf_printf(out, "llmdeck_commit_seconds{quantile=\"0.5\"} %.9g\n", seconds(s->commit_p50_us));
	buf_printf(out, "llmdeck_commit_seconds{quantile=\"0.99\"} %.9g\n", seconds(s->commit_p99_us));
	append_figure(out, "last_commit_timestamp_seconds", "gauge", seconds(s->last_commit_us), "Time of the newest commit, 0 before the first.");
	append_figure(out, "commit_failures_total", "counter", (double)s->failures, "Appends and commits that failed and were tried again.");
	append_figure(out, "storing_fails", "gauge", s->failing ? 1 : 0, "1 while the newest attempt to store failed.");
}

void metrics_append_writer(struct buf *out, const struct writer_stats *s, int64_t started_us)
{
	metrics_append_head(out, "build_info", "gauge", "The program's version.");
	buf_puts(out, "llmdeck_build_info{version=\"" LLMDECK_VERSION "\"} 1\n");
	append_figure(out, "start_timestamp_seconds", "gauge", seconds(started_us), "When the collector began.");
	append_figure(out, "queue_batches", "gauge", (double)s->queued_batches, "Batches that wait to be stored.");
	append_figure(out, "queue_batches_limit", "gauge", (double)s->queue_batches_max, "Most batches that may wait.");
	append_figure(out, "queue_bytes", "gauge", (double)s->queued_bytes, "Memory of the batches that wait.");
	append_figure(out, "queue_bytes_limit", "gauge", (double)s->queue_bytes_max, "Most memory that waiting batches may take.");
	append_figure(out, "rows_total", "counter", (double)s->rows, "Rows stored.");
	append_figure(out, "duplicates_total", "counter", (double)s->duplicates, "Rows that were told twice and count once.");
	append_figure(out, "refused_batches_total", "counter", (double)s->refused, "Batches turned away while the queue was full; their senders try again.");
	append_figure(out, "given_back_batches_total", "counter", (double)s->given_back, "Batches that could not be stored and were not acknowledged.");
	append_commits(out, s);
}
