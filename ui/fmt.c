/* Rounding is done once, by printf, after the unit has been chosen from a value rounded the same
 * way, so that 999.7 becomes "1.0k" and never "1000". */
#include "ui/fmt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DASH "–"

static char *dash(char out[FMT_BYTES])
{
	memcpy(out, DASH, sizeof(DASH));
	return out;
}

/* Digits behind the point that leave about three significant ones. */
static int decimals(double v)
{
	v = fabs(v);
	return v >= 99.95 ? 0 : v >= 9.995 ? 1 : v >= 0.09995 || v == 0 ? 2 : v >= 0.009995 ? 3 : 4;
}

char *fmt_si(double number, char out[FMT_BYTES])
{
	static const char units[] = " kMGTPE";
	double v = number;
	size_t unit = 0;

	if (!isfinite(number))
		return dash(out);
	while (fabs(v) >= 999.5 && unit + 2 < sizeof(units)) {
		v /= 1000;
		unit++;
	}
	if (unit == 0 && (v == floor(v) || fabs(v) >= 99.95))
		snprintf(out, FMT_BYTES, "%.0f", v);
	else if (unit == 0)
		snprintf(out, FMT_BYTES, "%.*f", decimals(v), v);
	else
		snprintf(out, FMT_BYTES, "%.*f%c", fabs(v) >= 99.95 ? 0 : 1, v, units[unit]);
	return out;
}

char *fmt_integer(int64_t number, char out[FMT_BYTES])
{
	char digits[FMT_BYTES];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)number), at = 0;

	for (int i = 0; i < len; i++) {
		out[at++] = digits[i];
		if ((len - i - 1) % 3 == 0 && i + 1 < len && digits[i] != '-')
			out[at++] = ' ';
	}
	out[at] = '\0';
	return out;
}

char *fmt_seconds(double seconds, char out[FMT_BYTES])
{
	double v = fabs(seconds);

	if (!isfinite(seconds))
		return dash(out);
	if (v < 0.9995) {
		double ms = seconds * 1000;
		snprintf(out, FMT_BYTES, "%.*f ms", v >= 0.00995 || v == 0 ? 0 : 1, ms);
	} else if (v < 99.995) {
		snprintf(out, FMT_BYTES, "%.*f s", v < 9.995 ? 2 : 1, seconds);
	} else {
		long long s = llround(fmin(v, 1e15));
		const char *sign = seconds < 0 ? "-" : "";

		if (s < 3600)
			snprintf(out, FMT_BYTES, "%s%lldm%02llds", sign, s / 60, s % 60);
		else if (s < 86400)
			snprintf(out, FMT_BYTES, "%s%lldh%02lldm", sign, s / 3600, s / 60 % 60);
		else
			snprintf(out, FMT_BYTES, "%s%lldd%02lldh", sign, s / 86400, s / 3600 % 24);
	}
	return out;
}

char *fmt_share(double share, char out[FMT_BYTES])
{
	double v = share * 100, a = fabs(v);
	int digits = a >= 9.95 || a == 0 ? 0 : a >= 0.995 ? 1 : a >= 0.00995 ? 2 : 3;

	if (!isfinite(v))
		return dash(out);
	/* 99.96 must not be told as 100. */
	if (a < 100 && a >= 99.5)
		digits = a >= 99.95 ? 2 : 1;
	snprintf(out, FMT_BYTES, "%.*f %%", digits, v);
	return out;
}

char *fmt_age(double seconds, char out[FMT_BYTES])
{
	if (!isfinite(seconds))
		return dash(out);
	if (seconds < 0)
		seconds = 0;
	long long s = (long long)fmin(seconds, 1e15);
	if (s < 60)
		snprintf(out, FMT_BYTES, "%llds", s);
	else if (s < 3600)
		snprintf(out, FMT_BYTES, "%lldm", s / 60);
	else if (s < 172800)
		snprintf(out, FMT_BYTES, "%lldh", s / 3600);
	else
		snprintf(out, FMT_BYTES, "%lldd", s / 86400);
	return out;
}

char *fmt_change(double share, char out[FMT_BYTES])
{
	double v = share * 100;

	if (!isfinite(share))
		return dash(out);
	if (share >= 9.995)
		snprintf(out, FMT_BYTES, "x%.0f", fmin(share + 1, 1e9));
	else if (fabs(v) < 0.05)
		snprintf(out, FMT_BYTES, "0 %%");
	else
		snprintf(out, FMT_BYTES, "%+.*f %%", fabs(v) < 9.95 ? 1 : 0, v);
	return out;
}

char *fmt_usd(double usd, char out[FMT_BYTES])
{
	const char *sign = usd < 0 ? "-" : "";
	double v = fabs(usd);
	char number[FMT_BYTES];

	if (!isfinite(usd))
		return dash(out);
	if (v >= 999.5)
		snprintf(out, FMT_BYTES, "%s$%s", sign, fmt_si(v, number));
	else
		snprintf(out, FMT_BYTES, "%s$%.*f", sign, v >= 99.95 ? 0 : v >= 0.09995 || v == 0 ? 2 : 4, v);
	return out;
}

char *fmt_bytes(double bytes, char out[FMT_BYTES])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;

	if (!isfinite(bytes))
		return dash(out);
	while (fabs(bytes) >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, FMT_BYTES, "%.*f %s", unit == 0 || fabs(bytes) >= 99.95 ? 0 : 1, bytes, units[unit]);
	return out;
}

int fmt_nice_ticks(double low, double high, int count, double *ticks)
{
	if (!isfinite(low) || !isfinite(high) || count < 1 || high < low)
		return 0;
	if (high == low) {
		double add = low == 0 ? 1 : fabs(low) * 0.5;

		low -= low > 0 && low - add < 0 ? low : low == 0 ? 0 : add;
		high += add;
	}
	double step = pow(10, floor(log10((high - low) / count)));
	const double times[] = {1, 2, 5, 10, 20};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		double s = step * times[i], first = floor(low / s * (1 + 1e-12)) * s;
		int n = (int)ceil((high - first) / s - 1e-9) + 1;

		if (n > count + 1)
			continue;
		for (int k = 0; k < n; k++)
			ticks[k] = first + s * k;
		return n;
	}
	return 0;
}
