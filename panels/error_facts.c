/* The worst first: lines are few, the report has all of them. */
#include "panels/error_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"

#define SCARCE 0.1               /* of a limit: less than that is left */
#define OLD_US (2 * US_PER_MIN)  /* what was told before that says little of now */
#define UNTOLD_NAMED 3

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
	x += surface_printf(s, x, y, ROLE_TEXT, "%s of %s%s calls are repeated, most by ", count_format((double)r->retried, again),
	                    r->sampled ? "the newest " : "", count_format((double)r->requests, all));
	x += surface_outside(s, x, y, 24, ROLE_TITLE, str_of(worst->service));
	x += surface_text(s, x, y, ROLE_MUTED, " at ");
	x += surface_outside(s, x, y, 20, ROLE_TITLE, str_of(worst->provider));
	if (worst->error_type[0]) {
		x += surface_text(s, x, y, ROLE_MUTED, " after ");
		surface_outside(s, x, y, s->width - x - 1, ROLE_TEXT, str_of(worst->error_type));
	}
	return true;
}

/* An answer names its model more exactly than the call did that told of the limit: "gpt-4o-2024-08-06" of "gpt-4o". */
static bool is_model(struct str told, const char *model)
{
	struct str m = str_of(model);
	size_t least = told.len < m.len ? told.len : m.len;

	return least > 0 && memcmp(told.ptr, m.ptr, least) == 0;
}

/* Instances are "openai/gpt-4o [v43]", or of gateways a model or a provider alone. */
static bool is_told(const struct headroom_result *h, const char *provider, const char *model)
{
	size_t len = strlen(provider);

	for (size_t i = 0; i < h->row_count; i++) {
		struct str of = str_of(h->rows[i].instance);
		const char *bracket = strstr(h->rows[i].instance, " [");

		if (bracket)
			of.len = (size_t)(bracket - of.ptr);
		if (len > 0 && (str_equal_c(of, provider) || (of.len == 0 && strcmp(h->rows[i].source, provider) == 0)))
			return true;
		if (*model && str_equal_c(of, model)) /* a model's own name may hold a slash */
			return true;
		if (len > 0 && of.len > len && memcmp(of.ptr, provider, len) == 0 && of.ptr[len] == '/')
			of = (struct str){of.ptr + len + 1, of.len - len - 1};
		else if (len > 0 && memchr(of.ptr, '/', of.len))
			continue; /* of another provider */
		if (is_model(of, model))
			return true;
	}
	return false;
}

void headroom_untold(const struct headroom_result *h, const struct figures_result *models, char out[UNTOLD_BYTES])
{
	size_t len = 0, named = 0, more = 0;

	out[0] = '\0';
	for (size_t i = 0; i < models->group_count; i++) {
		const char *provider = models->groups[i].key[0], *model = models->groups[i].key[1];

		if ((!*provider && !*model) || models->groups[i].total.requests <= 0 || is_told(h, provider, model))
			continue;
		if (named == UNTOLD_NAMED) {
			more++;
			continue;
		}
		len += (size_t)snprintf(out + len, UNTOLD_BYTES - len, "%s%.40s%s%.40s", named ? ", " : "", provider, *provider && *model ? "/" : "", model);
		named++;
	}
	if (more)
		snprintf(out + len, UNTOLD_BYTES - len, " and %zu more", more);
}

/* The first row of its source and instance: requests and tokens share a line. */
static bool is_first(const struct headroom_result *h, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(h->rows[i].source, h->rows[at].source) == 0 && strcmp(h->rows[i].instance, h->rows[at].instance) == 0)
			return false;
	return true;
}

int headroom_lines(const struct headroom_result *h, const char *untold, int most)
{
	int lines = *untold != '\0';

	for (size_t i = 0; i < h->row_count; i++)
		lines += is_first(h, i);
	return lines > most ? most : lines;
}

/* "812 of 10.0k req (8%), full in 6s": returns columns used. */
static int draw_left(const struct headroom_row *r, const struct panel_frame *frame, struct surface *s, int x, int y)
{
	char left[FIGURE_TEXT_BYTES], limit[FIGURE_TEXT_BYTES], wait[TIME_TEXT_BYTES];
	bool scarce = r->limit > 0 && r->left < SCARCE * r->limit;
	int from = x;

	x += surface_printf(s, x, y, r->left <= 0 ? ROLE_CRITICAL : scarce ? ROLE_WARNING : ROLE_TEXT, "%s", count_format(r->left, left));
	if (r->limit > 0)
		x += surface_printf(s, x, y, ROLE_TEXT, " of %s", count_format(r->limit, limit));
	x += surface_printf(s, x, y, ROLE_TEXT, " %s", r->tokens ? "tok" : "req");
	if (r->limit > 0)
		x += surface_printf(s, x, y, ROLE_MUTED, " (%.0f%%)", 100 * r->left / r->limit);
	if (r->reset_us > frame->now_us)
		x += surface_printf(s, x, y, ROLE_MUTED, ", full in %s", duration_format((r->reset_us - frame->now_us + US_PER_S - 1) / US_PER_S * US_PER_S, wait));
	else if (r->reset_us)
		x += surface_text(s, x, y, ROLE_MUTED, ", full since");
	return x - from;
}

/* All that is told of the row's source and instance, and how old that is. */
static int draw_told(const struct headroom_result *h, size_t at, const struct panel_frame *frame, struct surface *s, int x, int y)
{
	const struct headroom_row *r = &h->rows[at];
	int64_t seen_us = 0, age_us;
	char age[TIME_TEXT_BYTES];
	int from = x;

	x += surface_outside(s, x, y, 32, ROLE_TITLE, str_of(r->instance[0] ? r->instance : r->source)) + 1;
	for (size_t i = at; i < h->row_count; i++) {
		if (strcmp(h->rows[i].source, r->source) != 0 || strcmp(h->rows[i].instance, r->instance) != 0)
			continue;
		x += draw_left(&h->rows[i], frame, s, x, y) + 2;
		seen_us = h->rows[i].seen_us > seen_us ? h->rows[i].seen_us : seen_us;
	}
	age_us = frame->now_us > seen_us ? frame->now_us - seen_us : 0;
	x += surface_printf(s, x, y, age_us > OLD_US ? ROLE_STALE : ROLE_MUTED, "told %s ago", duration_format(age_us / US_PER_S * US_PER_S, age));
	return x - from;
}

void headroom_draw(const struct headroom_result *h, const char *untold, const struct panel_frame *frame, struct surface *s, int y, int lines)
{
	int x = 1 + (lines > 0 ? surface_text(s, 1, y, ROLE_MUTED, "rate limits ") : 0), first = x, left = lines;

	for (size_t i = 0; i < h->row_count && left > (lines > 1 && *untold); i++) {
		if (!is_first(h, i) || (lines == 1 && x > s->width - 24))
			continue;
		x += draw_told(h, i, frame, s, x, y) + 3;
		if (lines > 1) {
			x = first;
			y++;
			left--;
		}
	}
	if (lines < 1 || !*untold)
		return;
	x += surface_text(s, x, y, ROLE_MUTED, "not told by ");
	surface_outside(s, x, y, s->width - x - 1, ROLE_MUTED, str_of(untold));
}
