/* The end of the window is found first (now, or the end of historic data), then its start. */
#include "cli/window.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"

#define DEFAULT_WINDOW_US US_PER_HOUR

/* "13:00" or "13:00:30" as microseconds since midnight. */
static bool parse_clock(struct str s, int64_t *out_us)
{
	int64_t part[3] = {0, 0, 0};
	size_t n = 0;

	for (struct str rest = s; rest.ptr != NULL && rest.len > 0; n++) {
		struct str field = str_cut(&rest, ':');

		if (n == 3 || field.len != 2 || !str_to_int64(field, &part[n]) || part[n] < 0)
			return false;
	}
	if (n < 2 || part[0] > 23 || part[1] > 59 || part[2] > 59)
		return false;
	*out_us = part[0] * US_PER_HOUR + part[1] * US_PER_MIN + part[2] * US_PER_S;
	return true;
}

bool window_parse_time(const char *text, const struct tz *tz, int64_t near_us, int64_t after_us,
                       int64_t *out_us)
{
	struct str s = str_trim(str_of(text));
	int64_t clock_us;

	if (str_equal_c(s, "now")) {
		*out_us = clock_wall_us();
		return true;
	}
	if (!parse_clock(s, &clock_us))
		return time_parse(s, tz, TIME_UNIT_AUTO, out_us);
	int64_t anchor = after_us ? after_us : near_us;
	int64_t local = anchor + tz_offset_s(tz, anchor) * US_PER_S;
	int64_t midnight = local - local % US_PER_DAY;

	*out_us = tz_to_utc_us(tz, midnight + clock_us);
	if (after_us && *out_us <= after_us)
		*out_us = tz_to_utc_us(tz, midnight + US_PER_DAY + clock_us);
	else if (!after_us && *out_us > near_us)
		*out_us = tz_to_utc_us(tz, midnight - US_PER_DAY + clock_us);
	return true;
}

static int bad_time(const char *option, const char *text, struct err *err)
{
	return err_set(err, "%s \"%s\": not a time: write 2026-11-23T12:00:00Z, 2026-11-23 or 13:00",
	               option, text);
}

static int read_filters(struct window *w, const struct args *a, struct err *err)
{
	const char *text;

	for (size_t i = 0; (text = args_nth(a, "--where", i)) != NULL; i++)
		if (view_add_filter(&w->view, str_of(text), err))
			return err_wrap(err, "--where");
	text = args_value(a, "--by");
	if (text && view_set_by(&w->view, str_of(text), err))
		return err_wrap(err, "--by");
	text = args_value(a, "--step");
	if (text && (!duration_parse(str_of(text), &w->view.step_us) || w->view.step_us < US_PER_S))
		return err_set(err, "--step \"%s\": not a step: write 1m, 10m, 1h or 1d", text);
	return 0;
}

int window_read(struct window *w, const struct args *a, const struct store_summary *summary,
                const struct tz *tz, int64_t now_us, struct err *err)
{
	const char *since = args_value(a, "--since");
	const char *from = args_value(a, "--from"), *to = args_value(a, "--to");
	int64_t length_us = DEFAULT_WINDOW_US, end_us = now_us;
	int64_t newest_us = summary->last_us;

	*w = (struct window){.summary = *summary, .now_us = now_us};
	w->by_default = !since && !from && !to;
	w->historic = newest_us > 0 && newest_us < now_us - DEFAULT_WINDOW_US;
	if (since && from)
		return err_set(err, "--since and --from: both say where the window starts: give one");
	if (since && (!duration_parse(str_of(since), &length_us) || length_us <= 0))
		return err_set(err, "--since \"%s\": not a duration: write 15m, 1h or 7d", since);
	if (w->historic) /* the end of the minute that holds the newest request */
		end_us = newest_us - newest_us % US_PER_MIN + US_PER_MIN;
	if (from && !window_parse_time(from, tz, end_us, 0, &w->view.from_us))
		return bad_time("--from", from, err);
	w->view.to_us = end_us;
	if (to && !window_parse_time(to, tz, end_us, from ? w->view.from_us : 0, &w->view.to_us))
		return bad_time("--to", to, err);
	if (from && !to && w->view.to_us <= w->view.from_us)
		w->view.to_us = now_us;
	if (!from)
		w->view.from_us = w->view.to_us - length_us;
	if (w->view.from_us < 0)
		w->view.from_us = 0;
	if (w->view.to_us <= w->view.from_us)
		return err_set(err, "--to: the window ends before it starts: give a --to after --from");
	return read_filters(w, a, err);
}

void window_describe(const struct window *w, int64_t from_us, int64_t to_us, int64_t tier_us,
                     struct buf *out)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], length[TIME_TEXT_BYTES], age[TIME_TEXT_BYTES];
	int64_t age_us = w->now_us - w->summary.last_us;

	buf_printf(out, "%s to %s (%s)", time_format(from_us, from), time_format(to_us, to),
	           duration_format(to_us - from_us, length));
	if (w->summary.last_us <= 0)
		buf_puts(out, ", no data yet");
	else
		buf_printf(out, "%s, newest data %s old", w->historic ? ", HISTORY" : "",
		           duration_format(age_us > 0 ? age_us - age_us % US_PER_S : 0, age));
	if (tier_us > 0)
		buf_printf(out, ", %s buckets", duration_format(tier_us, length));
	if (w->summary.demo)
		buf_puts(out, ", DEMO");
}

int window_open_store(struct store_reader **reader, const char *path,
                      struct store_summary *summary, struct err *err)
{
	*reader = NULL;
	if (!file_exists(path))
		return err_set(err, "no store: %s: import a log with `llmdeck import FILE`, start "
		               "`llmdeck collect`, or look at `llmdeck demo`", path);
	if (store_reader_open(reader, path, err))
		return -1;
	if (query_summary(*reader, summary, err)) {
		store_reader_close(reader);
		return -1;
	}
	return 0;
}
