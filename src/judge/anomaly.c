/* Works on logarithms, since traffic, money and latency vary by factors. What is usual is the median
 * at the same half hour: of the same weekday where three weeks tell, else of weekdays or weekends,
 * else of all days. Residuals are what is left. A single bucket is compared with how residuals
 * scatter; means over an hour and over six hours with how such means scatter, which is how a slow
 * drift shows that no single bucket would. The scatter is the larger of the median's and the 99th
 * percentile's idea of a deviation, so that heavy tails do not raise alarms, after long departures
 * (former incidents) were left out. */
#include "judge/anomaly.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define SLOTS 48
#define SLOT_US (US_PER_DAY / SLOTS)
#define NORMAL_MAD 1.4826   /* of a normal distribution: deviation / median absolute deviation */
#define NORMAL_P99 2.5758
#define LEVEL_DAYS 14
#define OUTLIER 6.0
#define SCALE_LEAST 0.02 /* 2 %: less is no deviation that anybody cares for */
#define CELL_LEAST 3      /* values that make a median */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts. NaN when there are none. */
static double quantile(double *v, size_t n, double q)
{
	if (!n)
		return NAN;
	qsort(v, n, sizeof *v, compare);
	return v[(size_t)(q * (double)(n - 1) + 0.5)];
}

/* 1970-01-01 was a Thursday. */
static size_t weekday_of(int64_t us) { return (size_t)((us / US_PER_DAY + 3) % 7); }
static size_t slot_of(int64_t us) { return (size_t)(us % US_PER_DAY / SLOT_US); }
static bool is_weekend(size_t day) { return day >= 5; }

/* The value's middle decides its slot. */
static int64_t middle(int64_t first_us, int64_t step_us, size_t i) { return first_us + (int64_t)i * step_us + step_us / 2; }

struct fit {
	struct anomaly_model *m;
	double *logs;    /* NaN where unknown */
	double *scratch;
	size_t count;
	int64_t first_us;
	int64_t known_us; /* how long the known values cover */
};

enum kin { KIN_WEEKDAY, KIN_HALF, KIN_ALL }; /* the same weekday; weekday or weekend; any day */

/* The median of a slot and its neighbours over the days of a kind. */
static double cell(struct fit *f, size_t day, size_t slot, enum kin kin)
{
	size_t n = 0;
	size_t width = f->m->step_us > SLOT_US ? (size_t)(f->m->step_us / SLOT_US) / 2 + 1 : 1;

	for (size_t i = 0; i < f->count; i++) {
		int64_t at = middle(f->first_us, f->m->step_us, i);
		size_t d = weekday_of(at), apart = (slot_of(at) + SLOTS - slot) % SLOTS;

		if (isnan(f->logs[i]) || (apart > width && apart < SLOTS - width))
			continue;
		if ((kin == KIN_WEEKDAY && d != day) || (kin == KIN_HALF && is_weekend(d) != is_weekend(day)))
			continue;
		f->scratch[n++] = f->logs[i];
	}
	return n >= CELL_LEAST ? quantile(f->scratch, n, 0.5) : NAN;
}

static void learn_profile(struct fit *f)
{
	bool weeks = f->known_us >= 20 * US_PER_DAY, halves = f->known_us >= 8 * US_PER_DAY;
	double overall;
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		if (!isnan(f->logs[i]))
			f->scratch[n++] = f->logs[i];
	overall = quantile(f->scratch, n, 0.5);
	for (size_t slot = 0; slot < SLOTS; slot++) {
		double all = cell(f, 0, slot, KIN_ALL), workday = halves ? cell(f, 0, slot, KIN_HALF) : NAN,
		       weekend = halves ? cell(f, 5, slot, KIN_HALF) : NAN;

		for (size_t day = 0; day < 7; day++) {
			double half = is_weekend(day) ? weekend : workday, own = weeks ? cell(f, day, slot, KIN_WEEKDAY) : NAN;
			double usual = !isnan(half) ? half : !isnan(all) ? all : overall;

			/* Few weeks make a weak median: half of it is the wider one's. */
			f->m->profile[day][slot] = isnan(own) ? usual : 0.5 * own + 0.5 * usual;
		}
	}
}

/* Between the middles of two slots. */
static double usual_at(const struct anomaly_model *m, int64_t at_us)
{
	const int64_t slot_us = SLOT_US;
	int64_t from = at_us - slot_us / 2;
	double part = (double)(from % slot_us) / (double)slot_us;
	double a = m->profile[weekday_of(from)][slot_of(from)], b = m->profile[weekday_of(from + SLOT_US)][slot_of(from + SLOT_US)];

	return a + (b - a) * part;
}

static double log_of(const struct anomaly_model *m, double v) { return isnan(v) ? NAN : log((v > 0 ? v : 0) + m->floor); }

/* The mean of the `span` residuals that end at i; NaN when fewer than half are known. */
static double mean_to(const double *residuals, size_t i, size_t span)
{
	double sum = 0;
	size_t n = 0;

	if (i + 1 < span)
		return NAN;
	for (size_t k = 0; k < span; k++)
		if (!isnan(residuals[i - k])) {
			sum += residuals[i - k];
			n++;
		}
	return n * 2 >= span && n ? sum / (double)n : NAN;
}

/* One deviation of the means over a span, with what lies beyond OUTLIER deviations left out. */
static double scale_of(const double *residuals, size_t count, size_t span, double level, double *scratch)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < count; i++) {
		double mean = mean_to(residuals, i, span);

		if (!isnan(mean))
			scratch[n++] = fabs(mean - level);
	}
	if (!n)
		return NAN;
	double by_median = quantile(scratch, n, 0.5) * NORMAL_MAD;

	while (kept < n && scratch[kept] <= OUTLIER * fmax(by_median, SCALE_LEAST))
		kept++;
	double by_tail = quantile(scratch, kept, 0.99) / NORMAL_P99;

	return fmax(fmax(by_median, by_tail), SCALE_LEAST / sqrt((double)span));
}

static void learn_scatter(struct fit *f)
{
	struct anomaly_model *m = f->m;
	size_t n = 0, recent = (size_t)(LEVEL_DAYS * US_PER_DAY / m->step_us);

	for (size_t i = 0; i < f->count; i++)
		f->logs[i] -= usual_at(m, middle(f->first_us, m->step_us, i));
	for (size_t i = f->count > recent ? f->count - recent : 0; i < f->count; i++)
		if (!isnan(f->logs[i]))
			f->scratch[n++] = f->logs[i];
	m->level = quantile(f->scratch, n, 0.5);
	if (isnan(m->level))
		m->level = 0;
	for (size_t s = 0; s < ANOMALY_SPANS; s++)
		m->scale[s] = scale_of(f->logs, f->count, m->span[s], m->level, f->scratch);
}

static size_t steps_in(int64_t us, int64_t step_us) { return us / step_us > 1 ? (size_t)(us / step_us) : 1; }

void anomaly_fit(struct anomaly_model *m, const double *values, size_t count, int64_t first_us, int64_t step_us)
{
	struct fit f = {.m = m, .count = count, .first_us = first_us};
	size_t n = 0;

	memset(m, 0, sizeof *m);
	m->step_us = step_us;
	m->span[0] = 1;
	m->span[1] = steps_in(US_PER_HOUR, step_us);
	m->span[2] = steps_in(6 * US_PER_HOUR, step_us);
	f.logs = mem_array(NULL, count + 1, sizeof *f.logs);
	f.scratch = mem_array(NULL, count + 1, sizeof *f.scratch);
	for (size_t i = 0; i < count; i++)
		if (!isnan(values[i]) && values[i] > 0)
			f.scratch[n++] = values[i];
	m->floor = n ? 0.05 * quantile(f.scratch, n, 0.5) : 1e-9;
	n = 0;
	for (size_t i = 0; i < count; i++) {
		f.logs[i] = log_of(m, values[i]);
		n += isnan(f.logs[i]) ? 0 : 1;
	}
	f.known_us = (int64_t)n * step_us;
	if (f.known_us >= ANOMALY_WARM_UP_DAYS * US_PER_DAY) {
		learn_profile(&f);
		learn_scatter(&f);
		m->ready = !isnan(m->scale[0]);
	}
	free(f.logs);
	free(f.scratch);
}

struct anomaly_verdict anomaly_judge(const struct anomaly_model *m, const double *values, size_t count, int64_t first_us)
{
	struct anomaly_verdict out = {0};

	if (!m->ready || !count || isnan(values[count - 1]))
		return out;
	int64_t newest_us = middle(first_us, m->step_us, count - 1);
	double *residuals = mem_array(NULL, count, sizeof *residuals);

	for (size_t i = 0; i < count; i++)
		residuals[i] = log_of(m, values[i]) - usual_at(m, middle(first_us, m->step_us, i));
	out.known = true;
	out.normal = fmax(exp(usual_at(m, newest_us) + m->level) - m->floor, 0);
	for (size_t s = 0; s < ANOMALY_SPANS; s++) {
		double mean = mean_to(residuals, count - 1, m->span[s]);
		double deviations = (mean - m->level) / m->scale[s];

		if ((s && m->span[s] == m->span[s - 1]) || isnan(deviations))
			continue;
		if (!out.span || fabs(deviations) > fabs(out.deviations)) {
			out.deviations = deviations;
			out.span = m->span[s];
		}
	}
	free(residuals);
	return out;
}
