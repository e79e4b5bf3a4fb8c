/* A period's edges are local dates brought to UTC one by one, so that both changes of the clock, leap
 * days and months of any length come out by themselves. */
#include "core/budget.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "core/money.h"

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
	return snprintf(out, cap, "%c%d@%lld", "afwhdx"[basis], percent, (long long)amount_nusd);
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

/* "user=mia"; false when the text is no attribute's. */
static bool attr_filter(struct str text, enum attr *attr, struct str *value, bool *inverted)
{
	struct str rest = text, name = str_cut(&rest, '=');

	*inverted = name.len > 0 && name.ptr[name.len - 1] == '!';
	name.len -= *inverted;
	*value = rest;
	return attr_from_name(str_trim(name), attr);
}

int budget_add_filter(struct config_budget *b, struct str text, struct err *err)
{
	enum attr attr;
	struct str value;
	bool inverted;

	if (!attr_filter(text, &attr, &value, &inverted)) {
		if (b->by_attr)
			return err_set(err, "a budget of one %s takes no other filter: only service, environment, deployment, provider, model, team and"
			               " region go together", attr_name(b->attr));
		return view_add_filter(&b->where, text, err);
	}
	if (inverted || !value.len || value.len >= sizeof b->attr_value || memchr(value.ptr, '\0', value.len))
		return err_set(err, "%s: name one value of at most %zu bytes, such as %s=mia", attr_name(attr), sizeof b->attr_value - 1, attr_name(attr));
	if (b->by_attr || b->where.filter_count)
		return err_set(err, "a budget of one %s takes no other filter: the summaries know each %s over everything only (service, environment,"
		               " deployment, provider, model, team and region go together)", attr_name(attr), attr_name(attr));
	b->by_attr = true;
	b->attr = attr;
	snprintf(b->attr_value, sizeof b->attr_value, "%.*s", STR_ARG(value));
	return 0;
}

char *budget_format_where(const struct config_budget *b, char *out, size_t cap)
{
	if (!b->by_attr)
		return view_format_filters(&b->where, out, cap);
	snprintf(out, cap, "%s=%s", attr_name(b->attr), b->attr_value);
	return out;
}

int budget_parse_deed(const char *text, struct budget_deed *out, struct err *err)
{
	struct str rest = str_trim(str_of(text)), verb = str_cut(&rest, ' ');

	rest = str_trim(rest);
	*out = (struct budget_deed){.weight = str_equal_c(verb, "weight"), .rollout = str_cut(&rest, ' '), .shares = str_trim(rest)};
	if ((!out->weight && !str_equal_c(verb, "rollback")) || !out->rollout.len || out->weight != (out->shares.len > 0))
		return err_set(err, "hard takes `rollback ROLLOUT` or `weight ROLLOUT SHARES`, such as `rollback checkout` or `weight checkout 10`");
	return 0;
}

/* "13:25", or "21 Nov" for another day than `day_of_us`. */
static void short_time(int64_t us, int64_t day_of_us, const struct tz *tz, char out[32])
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64_t at_us = us + (tz ? tz_offset_s(tz, us) : 0) * US_PER_S, day_us = day_of_us + (tz ? tz_offset_s(tz, day_of_us) : 0) * US_PER_S;
	int64_t year, minutes = at_us % US_PER_DAY / US_PER_MIN;
	unsigned month, day;

	if (at_us / US_PER_DAY == day_us / US_PER_DAY) {
		snprintf(out, 32, "%02d:%02d", (int)(minutes / 60), (int)(minutes % 60));
		return;
	}
	civil_from_days(at_us / US_PER_DAY, &year, &month, &day);
	snprintf(out, 32, "%u %s", day, months[(month - 1) % 12]);
}

char *budget_format_amount(const struct budget_standing *b, const struct tz *tz, char out[BUDGET_AMOUNT_BYTES])
{
	char amount[MONEY_TEXT_BYTES], config[MONEY_TEXT_BYTES], when[32], until[32];
	int len = snprintf(out, BUDGET_AMOUNT_BYTES, "%s", money_format_short(b->budget.amount_nusd, 9, amount));

	if (!*b->author)
		return out;
	len += snprintf(out + len, BUDGET_AMOUNT_BYTES - (size_t)len, " (");
	if (b->config_amount_nusd)
		len += snprintf(out + len, BUDGET_AMOUNT_BYTES - (size_t)len, "config %s, ", money_format_short(b->config_amount_nusd, 9, config));
	short_time(b->changed_us, b->assessed_us, tz, when);
	len += snprintf(out + len, BUDGET_AMOUNT_BYTES - (size_t)len, "%.60s %s", b->author, when);
	if (!b->until_us) {
		snprintf(out + len, BUDGET_AMOUNT_BYTES - (size_t)len, ")");
		return out;
	}
	short_time(b->until_us, b->assessed_us, tz, until);
	snprintf(out + len, BUDGET_AMOUNT_BYTES - (size_t)len, ", until %s)", b->until_us == b->status.to_us ? "reset" : until);
	return out;
}

/* Labels are sorted by name: what stands before the severity is the same. No value has a bare quote. */
bool budget_same_basis(const char *labels, const char *others)
{
	const char *end = strstr(labels, ",\"severity\":");

	return end && strstr(labels, ",\"basis\":\"") && strncmp(labels, others, (size_t)(end - labels) + 1) == 0;
}
