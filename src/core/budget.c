/* A period's edges are local dates brought to UTC one by one, so that both changes of the clock, leap
 * days and months of any length come out by themselves. */
#include "core/budget.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const char *const period_names[] = {"day", "week", "month", "quarter", "year"};

const char *budget_period_name(enum budget_period p) { return period_names[p]; }

bool budget_period_from_name(const char *name, enum budget_period *out)
{
	for (int p = PERIOD_DAY; p <= PERIOD_YEAR; p++)
		if (!strcmp(name, period_names[p])) {
			*out = (enum budget_period)p;
			return true;
		}
	return false;
}

const char *budget_basis_name(enum budget_basis b) { return b == BASIS_ACTUAL ? "actual" : "forecast"; }

const char *budget_state_name(enum budget_state s)
{
	static const char *const names[] = {"ok", "warning", "exceeded", "no_data"};

	return names[s];
}

/* The first day of the period that is `ahead` periods after the one with this day. */
static int64_t first_day(enum budget_period period, int64_t day, int ahead)
{
	int64_t year;
	unsigned month, of_month;

	if (period == PERIOD_DAY)
		return day + ahead;
	if (period == PERIOD_WEEK) /* day 0 was a Thursday */
		return day - ((day + 3) % 7 + 7) % 7 + 7 * ahead;
	civil_from_days(day, &year, &month, &of_month);
	int64_t months = year * 12 + (int64_t)month - 1;
	int64_t length = period == PERIOD_MONTH ? 1 : period == PERIOD_QUARTER ? 3 : 12;

	months = months / length * length + ahead * length;
	return civil_to_days(months / 12, (unsigned)(months % 12) + 1, 1);
}

void budget_period_at(enum budget_period period, const struct tz *tz, int64_t now_us, int64_t *from_us, int64_t *to_us)
{
	int64_t local_us = now_us + tz_offset_s(tz, now_us) * US_PER_S;
	int64_t day = local_us / US_PER_DAY - (local_us % US_PER_DAY < 0);

	*from_us = tz_to_utc_us(tz, first_day(period, day, 0) * US_PER_DAY);
	*to_us = tz_to_utc_us(tz, first_day(period, day, 1) * US_PER_DAY);
	if (now_us < *from_us) { /* a clock set back over midnight: the hour before it comes twice */
		*to_us = *from_us;
		*from_us = tz_to_utc_us(tz, first_day(period, day - 1, 0) * US_PER_DAY);
	} else if (now_us >= *to_us) {
		*from_us = *to_us;
		*to_us = tz_to_utc_us(tz, first_day(period, day + 1, 1) * US_PER_DAY);
	}
}

static int said_word(char *out, size_t cap, enum budget_basis basis, int percent, int64_t amount_nusd)
{
	return snprintf(out, cap, "%c%d@%lld", basis == BASIS_ACTUAL ? 'a' : 'f', percent, (long long)amount_nusd);
}

bool budget_was_said(const char *said, enum budget_basis basis, int percent, int64_t amount_nusd)
{
	char word[64];
	struct str rest = str_of(said);

	said_word(word, sizeof word, basis, percent, amount_nusd);
	while (rest.len)
		if (str_equal_c(str_cut(&rest, ' '), word))
			return true;
	return false;
}

void budget_add_said(struct buf *said, enum budget_basis basis, int percent, int64_t amount_nusd)
{
	char word[64];

	said_word(word, sizeof word, basis, percent, amount_nusd);
	buf_printf(said, "%s%s", said->len ? " " : "", word);
}

void budget_judge(struct budget_status *s, const struct config_budget *b, int64_t now_us)
{
	int64_t left_us = s->to_us - now_us;
	int least = b->warn_count ? b->warn_percent[0] : 100;

	s->unpriced_share = s->requests > 0 ? (double)s->unpriced / (double)s->requests : 0;
	s->percent = (double)s->spent_nusd / (double)b->amount_nusd * 100;
	s->overshoot_nusd = s->spent_nusd > b->amount_nusd ? s->spent_nusd - b->amount_nusd : 0;
	s->sustainable_nusd_per_hour = left_us > 0 && s->spent_nusd < b->amount_nusd
		? (double)(b->amount_nusd - s->spent_nusd) / ((double)left_us / (double)US_PER_HOUR) : 0;
	bool warns = (b->on_actual && s->percent >= least) ||
	             (b->on_forecast && s->forecast_known && s->forecast_nusd * 100 >= (double)b->amount_nusd * least);

	s->state = s->spent_nusd >= b->amount_nusd ? BUDGET_EXCEEDED : warns ? BUDGET_WARNING : s->stale ? BUDGET_NO_DATA : BUDGET_OK;
}
