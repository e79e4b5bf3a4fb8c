/* Strings as borrowed bytes. Numbers are parsed by hand: exactly for scaled integers, by the
 * C library's strtod in the C locale for the doubles that need more than two exact factors. */
#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

static char lower_ascii(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_equal_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower_ascii(a.ptr[i]) != lower_ascii(b.ptr[i]))
			return false;
	return true;
}

bool str_ends_with(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 ||
	        memcmp(s.ptr + (s.len - suffix.len), suffix.ptr, suffix.len) == 0);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct str str_cut(struct str *rest, char separator)
{
	struct str head = *rest;
	const char *at = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;

	if (at == NULL) {
		*rest = (struct str){NULL, 0};
		return head;
	}
	head.len = (size_t)(at - head.ptr);
	rest->ptr = at + 1;
	rest->len -= head.len + 1;
	return head;
}

/* Up to eighteen digits cannot overflow. */
#define SAFE_DIGITS 18

bool str_to_int64(struct str s, int64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;
	bool negative = false;

	if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
		negative = s.ptr[0] == '-';
		i = 1;
	}
	if (i == s.len)
		return false;
	for (size_t safe = s.len - i < SAFE_DIGITS ? s.len : i + SAFE_DIGITS; i < safe; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';

		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	for (; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return false;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* A decimal number taken apart: the digits stay in the text, with at most one point in between. */
struct decimal {
	const char *digits, *end; /* first significant digit, end of the mantissa */
	int64_t significant;      /* digits from `digits` on, without the point */
	int64_t exponent;         /* value = those digits as an integer * 10^exponent */
	bool negative;
};

static bool read_exponent(const char *p, const char *end, int64_t *exponent)
{
	bool negative = false;
	int64_t e = 0;

	if (p < end && (*p == '-' || *p == '+'))
		negative = *p++ == '-';
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		if (e < INT64_C(1000000000000000))
			e = e * 10 + (*p - '0');
	}
	*exponent = negative ? -e : e;
	return true;
}

static bool decimal_read(struct str s, struct decimal *d)
{
	const char *p = s.ptr, *end;
	int64_t fraction = 0;
	bool point = false, any = false;

	*d = (struct decimal){.digits = NULL};
	if (s.len == 0)
		return false;
	end = s.ptr + s.len;
	if (*p == '-' || *p == '+')
		d->negative = *p++ == '-';
	for (; p < end; p++) {
		if (*p == '.' && !point) {
			point = true;
			continue;
		}
		if (*p < '0' || *p > '9')
			break;
		any = true;
		fraction += point;
		if (d->digits == NULL && *p != '0')
			d->digits = p;
		d->significant += d->digits != NULL;
	}
	d->end = p;
	if (!any)
		return false;
	if (p < end) {
		if ((*p | 0x20) != 'e' || !read_exponent(p + 1, end, &d->exponent))
			return false;
	}
	d->exponent -= fraction;
	return true;
}

/* Whether what stands at p (the fraction's digits) rounds the integer before it up. */
static bool rounds_up(const char *p, const char *end, bool odd)
{
	while (p < end && *p == '.')
		p++;
	if (p == end || *p < '5')
		return false;
	if (*p > '5')
		return true;
	for (p++; p < end; p++)
		if (*p != '0' && *p != '.')
			return true;
	return odd;
}

/* Nearly every number is up to 18 digits with at most a point in between, and needs no rounding. False: the long
 * way says. */
static bool short_scaled(struct str s, int scale, int64_t *out)
{
	static const int64_t powers[] = {
		1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
	};
	int64_t v = 0;
	int fraction = 0;
	bool point = false;

	if (s.len > 18)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';

		if (digit <= 9) {
			v = v * 10 + (int)digit;
			fraction += point;
		} else if (s.ptr[i] == '.' && !point) {
			point = true;
		} else {
			return false;
		}
	}
	scale -= fraction;
	return s.len > point && scale >= 0 && scale < (int)(sizeof powers / sizeof *powers) &&
	       !__builtin_mul_overflow(v, powers[scale], out);
}

bool str_to_scaled_int64(struct str s, int scale, int64_t *out)
{
	struct decimal d;
	const char *p;
	uint64_t v = 0;
	int64_t whole;

	if (short_scaled(s, scale, out))
		return true;
	if (!decimal_read(s, &d))
		return false;
	if (d.digits == NULL) {
		*out = 0;
		return true;
	}
	whole = d.significant + d.exponent + scale; /* digits before the scaled number's point */
	if (whole > 19)
		return false;
	if (whole < 0) { /* below a tenth */
		*out = 0;
		return true;
	}
	p = d.digits;
	for (int64_t i = 0; i < whole; i++) {
		if (p < d.end && *p == '.')
			p++;
		v = v * 10 + (p < d.end ? (uint64_t)(*p++ - '0') : 0);
	}
	v += rounds_up(p, d.end, v & 1);
	if (v > (uint64_t)INT64_MAX + (d.negative ? 1 : 0))
		return false;
	*out = d.negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void open_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static bool slow_double(struct str s, double *out)
{
	char small[64];
	char *text = s.len < sizeof(small) ? small : mem_alloc(s.len + 1);
	double v;

	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	pthread_once(&c_locale_once, open_c_locale);
	v = c_locale != (locale_t)0 ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
	if (text != small)
		free(text);
	if (!isfinite(v))
		return false;
	*out = v;
	return true;
}

bool str_to_double(struct str s, double *out)
{
	static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
	                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	struct decimal d;
	int64_t mantissa = 0;
	double v;

	if (!decimal_read(s, &d))
		return false;
	/* Up to 15 digits and a power of ten up to 22 are both exact, so is one rounded operation. */
	if (d.significant > 15 || d.exponent < -22 || d.exponent > 22)
		return slow_double(s, out);
	for (const char *p = d.digits; p != NULL && p < d.end; p++)
		if (*p != '.')
			mantissa = mantissa * 10 + (*p - '0');
	v = (double)mantissa;
	v = d.exponent < 0 ? v / powers[-d.exponent] : v * powers[d.exponent];
	*out = d.negative ? -v : v;
	return true;
}
