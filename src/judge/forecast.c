/* Each past day has a total; a weekday's factor is how its totals compare with the week around them,
 * an hour's share is how much of its day it takes (weekdays and weekends apart). What is being spent
 * these days is a mean of recent totals without their weekday's factor, the newest counting most,
 * today's by the part that has passed. Single days count at most twice the median, so that yesterday's
 * burst is not expected for every day to come. The band comes from how days scattered around what this
 * very recipe would have said of them. The constants were chosen on generated periods of seeds that the
 * test does not use. */
#include "judge/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define DAYS_MAX 64
#define LEVEL_DAYS 8.0   /* so many days' worth is known about the level */
#define UNFORESEEN 0.03  /* of what is to come: growth, incidents, what no past day tells */
#define BAND 1.2816      /* the band's half-width in standard errors */
#define HALF_LIFE_DAYS 12.0 /* how long a past day counts; more for a period that goes on for long: */
#define HALF_LIFE_AHEAD 0.8 /* for each day to come, up to */
#define HALF_LIFE_MOST 25.0
#define WEEKS_KNOWN 3.0  /* so many of its days' worth is known about a weekday's factor */
/* The band was measured on generated periods and scaled so that it holds four of five whatever is left: a rest of
 * weekend hours alone scatters more than the few weekends behind tell, and less so when little of it is left. */
#define SCALE_LONG 0.95
#define SCALE_SHORT 0.85
#define SCALE_WEEKEND 0.45
#define SHORT_DAYS 2.5
#define WEEKEND_FROM_DAYS 0.5
#define LEAST_DAYS 1.6   /* what is left, when it is less, scatters as so much (its share of it) */
#define SHARE_LEAST 0.04 /* of today that must have passed to be counted */
#define WEEK_SHAPE_FROM_DAYS 9
#define TREND_FROM_PAIRS 60
#define TREND_BELIEVED 0.45
#define TREND_MOST 0.01       /* a day */
#define TREND_AHEAD_DAYS 40.0 /* it does not go on for ever */
#define TREND_LAG 0.8         /* half-lives: how old the mean of recent days is */

struct day {
	int64_t number;    /* local days since 1970 */
	double total;
	double hours[24];
	int known;         /* hours */
};

struct shape {
	struct day days[DAYS_MAX];
	size_t count;
	double weekday[7];   /* factors, Monday first; mean 1 */
	double hour[2][24];  /* shares of a day; [1]: weekends */
	double level;        /* a usual day's total */
	double trend;        /* relative growth a day */
	double half_life;    /* days */
	double scatter;      /* one relative deviation of a day */
};

static void local(const struct tz *tz, int64_t us, int64_t *day, size_t *hour)
{
	int64_t at = us + tz_offset_s(tz, us) * US_PER_S;

	*day = at / US_PER_DAY;
	*hour = (size_t)(at % US_PER_DAY / US_PER_HOUR);
}

static size_t weekday_of(int64_t day) { return (size_t)((day + 3) % 7); }
static size_t is_weekend(int64_t day) { return weekday_of(day) >= 5 ? 1 : 0; }
static bool is_whole(const struct day *d) { return d->known >= 22; }

static void gather(const struct forecast_input *in, struct shape *s)
{
	for (size_t i = 0; i < in->hour_count; i++) {
		int64_t day;
		size_t hour;

		local(in->tz, in->first_us + (int64_t)i * US_PER_HOUR + US_PER_HOUR / 4, &day, &hour);
		if (!s->count || s->days[s->count - 1].number != day) {
			if (s->count == DAYS_MAX)
				return;
			s->days[s->count++] = (struct day){.number = day};
		}
		if (isnan(in->hours[i]))
			continue;
		struct day *d = &s->days[s->count - 1];

		d->total += in->hours[i];
		d->hours[hour] += in->hours[i];
		d->known++;
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	if (!n)
		return NAN;
	qsort(v, n, sizeof *v, compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Whole days but the last, which is today. */
static size_t past(const struct shape *s) { return s->count ? s->count - 1 : 0; }

/* The mean of the whole days in the week around day i. */
static double week_around(const struct shape *s, size_t i)
{
	double sum = 0;
	int n = 0;

	for (size_t k = i > 3 ? i - 3 : 0; k <= i + 3 && k < past(s); k++)
		if (is_whole(&s->days[k])) {
			sum += s->days[k].total;
			n++;
		}
	return n ? sum / n : NAN;
}

/* A weekday's factor is the median of its days', drawn towards that of all weekdays or weekends. */
static void learn_week(struct shape *s)
{
	double of_day[7][DAYS_MAX], of_half[2][DAYS_MAX], sum = 0;
	size_t n[7] = {0}, m[2] = {0}, whole = 0;

	for (size_t i = 0; i < past(s); i++) {
		double around = week_around(s, i);

		if (!is_whole(&s->days[i]) || !(around > 0))
			continue;
		size_t w = weekday_of(s->days[i].number), half = is_weekend(s->days[i].number);

		of_day[w][n[w]++] = of_half[half][m[half]++] = s->days[i].total / around;
		whole++;
	}
	double halves[2] = {median(of_half[0], m[0]), median(of_half[1], m[1])};

	for (size_t w = 0; w < 7; w++) {
		double half = halves[w >= 5 ? 1 : 0];

		s->weekday[w] = 1;
		if (whole >= WEEK_SHAPE_FROM_DAYS && !isnan(half))
			s->weekday[w] = (median(of_day[w], n[w]) * (double)n[w] + half) / (double)(n[w] + 1);
		if (isnan(s->weekday[w]))
			s->weekday[w] = half;
		sum += s->weekday[w];
	}
	for (size_t w = 0; w < 7; w++)
		s->weekday[w] = sum > 0 ? s->weekday[w] * 7 / sum : 1;
}

/* Mean shares, weekdays and weekends apart where there are two days of a kind. */
static void learn_hours(struct shape *s)
{
	double sum[2][24] = {{0}}, total[2];
	int n[2] = {0};

	for (size_t i = 0; i < past(s); i++) {
		const struct day *d = &s->days[i];

		if (!is_whole(d) || !(d->total > 0))
			continue;
		n[is_weekend(d->number)]++;
		for (size_t h = 0; h < 24; h++)
			sum[is_weekend(d->number)][h] += d->hours[h] / d->total;
	}
	for (size_t k = 0; k < 2; k++) {
		total[k] = 0;
		for (size_t h = 0; h < 24; h++) {
			s->hour[k][h] = n[k] >= 2 || n[0] + n[1] == n[k] ? sum[k][h] : sum[0][h] + sum[1][h];
			total[k] += s->hour[k][h];
		}
		for (size_t h = 0; h < 24; h++)
			s->hour[k][h] = total[k] > 0 ? s->hour[k][h] / total[k] : 1.0 / 24;
	}
}

/* The share of today that had passed, by the hours that are known. */
static double share_passed(const struct shape *s, const struct forecast_input *in)
{
	const struct day *today = &s->days[s->count - 1];
	double share = 0;
	int64_t day;
	size_t hour;

	local(in->tz, in->now_us, &day, &hour);
	if (day != today->number)
		return 0;
	for (size_t h = 0; h < hour; h++)
		share += s->hour[is_weekend(day)][h];
	return share + s->hour[is_weekend(day)][hour] * (double)(in->now_us % US_PER_HOUR) / (double)US_PER_HOUR;
}

/* The weighted mean of the days before `end`, without their weekday's factor. */
static double level_before(const struct shape *s, size_t end, double cap, double *weights)
{
	double sum = 0, weight_sum = 0;

	for (size_t i = 0; i < end; i++) {
		const struct day *d = &s->days[i];
		double weight = pow(0.5, (double)(end - i) / s->half_life);

		if (!is_whole(d))
			continue;
		sum += weight * fmin(d->total / s->weekday[weekday_of(d->number)], cap);
		weight_sum += weight;
	}
	*weights = weight_sum;
	return weight_sum > 0 ? sum / weight_sum : NAN;
}

/* The median slope between days at least a week apart (Theil and Sen), part of it believed. */
static void learn_trend(struct shape *s)
{
	double *slopes = mem_array(NULL, DAYS_MAX * DAYS_MAX / 2, sizeof *slopes);
	size_t n = 0;

	for (size_t i = 0; i < past(s); i++)
		for (size_t k = i + 7; k < past(s); k++) {
			const struct day *a = &s->days[i], *b = &s->days[k];

			if (is_whole(a) && is_whole(b) && a->total > 0 && b->total > 0)
				slopes[n++] = log(b->total / s->weekday[weekday_of(b->number)] / (a->total / s->weekday[weekday_of(a->number)])) / (double)(k - i);
		}
	s->trend = n >= TREND_FROM_PAIRS ? TREND_BELIEVED * median(slopes, n) : 0;
	s->trend = fmin(fmax(s->trend, -TREND_MOST), TREND_MOST);
	free(slopes);
}

static void learn_level(struct shape *s, const struct forecast_input *in)
{
	const struct day *today = &s->days[s->count - 1];
	double totals[DAYS_MAX], errors[DAYS_MAX], sum = 0, weights, share = share_passed(s, in);
	size_t n = 0, e = 0;

	for (size_t i = 0; i < past(s); i++)
		if (is_whole(&s->days[i]))
			totals[n++] = s->days[i].total / s->weekday[weekday_of(s->days[i].number)];
	double cap = n ? 2 * median(totals, n) : INFINITY;

	s->level = level_before(s, past(s), cap, &weights);
	if (share >= SHARE_LEAST) {
		double now = fmin(today->total / share / s->weekday[weekday_of(today->number)], cap);

		s->level = isnan(s->level) ? now : (s->level * weights + now * share) / (weights + share);
	}
	for (size_t i = 3; i < past(s); i++) {
		double expected = level_before(s, i, cap, &weights) * s->weekday[weekday_of(s->days[i].number)];

		if (is_whole(&s->days[i]) && expected > 0)
			sum += errors[e++] = fabs(s->days[i].total / expected - 1);
	}
	/* Days with an incident count too: there will be more of them. */
	s->scatter = e >= 3 ? fmax(fmax(1.4826 * median(errors, e), 1.2533 * sum / (double)e), 0.03) : 0.3;
}

/* What an hour that starts at `at` will take. */
static double expected_hour(const struct shape *s, const struct tz *tz, int64_t now_us, int64_t at)
{
	int64_t day;
	size_t hour;

	local(tz, at + US_PER_HOUR / 4, &day, &hour);
	double ahead = (double)(at - now_us) / (double)US_PER_DAY + TREND_LAG * s->half_life;

	return s->level * exp(s->trend * fmin(ahead, TREND_AHEAD_DAYS)) * s->weekday[weekday_of(day)] * s->hour[is_weekend(day)][hour];
}

static double band_scale(double left_us, double weekend_us)
{
	double days = left_us / (double)US_PER_DAY;

	if (days >= SHORT_DAYS || days <= 0)
		return SCALE_LONG;
	return SCALE_SHORT + SCALE_WEEKEND * weekend_us / left_us * fmin(1, days / WEEKEND_FROM_DAYS);
}

static void look_ahead(const struct forecast_input *in, const struct shape *s, struct forecast *out)
{
	double rest = 0, weekend_us = 0;

	for (int64_t at = in->now_us; at < in->to_us;) {
		int64_t next = at - at % US_PER_HOUR + US_PER_HOUR;

		if (next > in->to_us)
			next = in->to_us;
		int64_t day;
		size_t hour;
		double spends = expected_hour(s, in->tz, in->now_us, at - at % US_PER_HOUR) * (double)(next - at) / (double)US_PER_HOUR;

		if (in->amount > 0 && in->spent < in->amount && !out->exhausted_us && in->spent + rest + spends >= in->amount)
			out->exhausted_us = at + (int64_t)((double)(next - at) * (in->amount - in->spent - rest) / spends);
		rest += spends;
		local(in->tz, at, &day, &hour);
		weekend_us += is_weekend(day) ? (double)(next - at) : 0;
		at = next;
	}
	double days = fmax((double)(in->to_us - in->now_us) / (double)US_PER_DAY, LEAST_DAYS);
	double band = BAND * band_scale((double)(in->to_us - in->now_us), weekend_us) * rest * hypot(s->scatter * sqrt(1 / days + 1 / LEVEL_DAYS + 1 / (WEEKS_KNOWN * fmin(fmax(days, 1), 7))), UNFORESEEN);

	out->total = in->spent + rest;
	out->low = fmax(out->total - band, in->spent);
	out->high = out->total + band;
}

void forecast_spending(const struct forecast_input *in, struct forecast *out)
{
	struct shape *s = mem_zalloc(sizeof *s);

	*out = (struct forecast){0};
	s->half_life = fmin(HALF_LIFE_DAYS + HALF_LIFE_AHEAD * (double)(in->to_us - in->now_us) / (double)US_PER_DAY, HALF_LIFE_MOST);
	gather(in, s);
	if (s->count) {
		learn_week(s);
		learn_hours(s);
		learn_trend(s);
		learn_level(s, in);
		if (!isnan(s->level)) {
			out->known = true;
			look_ahead(in, s, out);
		}
	}
	free(s);
}
