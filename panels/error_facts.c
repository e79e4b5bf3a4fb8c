/* The worst row of each, then how many more there are: the line is short, the report has all of them. */
#include "panels/error_facts.h"

#include <stdio.h>

#include "base/clock.h"
#include "panels/draw.h"

bool retries_draw(const struct retry_result *r, const struct panel_frame *frame, struct surface *s, int y)
{
	const struct retry_row *worst = r->row_count ? &r->rows[0] : NULL;
	char again[FIGURE_TEXT_BYTES], all[FIGURE_TEXT_BYTES], at[TIME_TEXT_BYTES];
	int x = 1;

	if (!worst)
		return false;
	if (worst->storm_minutes) {
		x += surface_text(s, x, y, ROLE_CRITICAL | STYLE_BOLD, "RETRY STORM ");
		x += surface_printf(s, x, y, ROLE_CRITICAL, "from %s: ", time_format_clock(worst->storm_from_us, frame->tz, at));
	}
	x += surface_printf(s, x, y, ROLE_TEXT, "%s of %s calls were made again%s, most by ", count_format((double)r->retried, again),
	                    count_format((double)r->requests, all), r->sampled ? " (newest part)" : "");
	x += surface_outside(s, x, y, 24, ROLE_TITLE, str_of(worst->service));
	x += surface_text(s, x, y, ROLE_MUTED, " at ");
	x += surface_outside(s, x, y, 20, ROLE_TITLE, str_of(worst->provider));
	if (worst->error_type[0]) {
		x += surface_text(s, x, y, ROLE_MUTED, " after ");
		surface_outside(s, x, y, s->width - x - 1, ROLE_TEXT, str_of(worst->error_type));
	}
	return true;
}

bool headroom_draw(const struct headroom_result *h, const struct panel_frame *frame, struct surface *s, int y)
{
	char left[FIGURE_TEXT_BYTES], age[TIME_TEXT_BYTES];
	int x = 1;

	if (h->row_count == 0)
		return false;
	x += surface_text(s, x, y, ROLE_MUTED, "rate limits leave ");
	for (size_t i = 0; i < h->row_count && x < s->width - 12; i++) {
		const struct headroom_row *r = &h->rows[i];
		int64_t age_us = frame->now_us - r->seen_us;

		x += surface_printf(s, x, y, r->left <= 0 ? ROLE_CRITICAL : ROLE_TEXT, "%s %s", count_format(r->left, left), r->tokens ? "tok " : "req ");
		x += surface_outside(s, x, y, 24, ROLE_TEXT, str_of(r->instance[0] ? r->instance : r->source));
		if (age_us > 2 * US_PER_MIN)
			x += surface_printf(s, x, y, ROLE_STALE, " %s ago", duration_format(age_us / US_PER_S * US_PER_S, age));
		x += 3;
	}
	return true;
}
