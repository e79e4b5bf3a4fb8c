/* Filters and grouping as people write them. */
#include "core/view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/shell.h"
#include "base/timefmt.h"
#include "base/utf8.h"

#define DIM_NAMES "service, environment, deployment, provider, model, team or region"

/* A piece of outside text for an error sentence. */
struct shown {
	char text[80];
};

static struct shown show(struct str s)
{
	struct shown shown = {""};

	text_harmless(shown.text, sizeof(shown.text), s);
	return shown;
}

int view_add_filter(struct view *v, struct str text, struct err *err)
{
	struct str value = text, field = str_cut(&value, '=');
	struct filter f = {.inverted = false};

	if (value.ptr == NULL)
		return err_set(err, "filter \"%s\": write FIELD=VALUE or FIELD!=VALUE", show(text).text);
	if (str_ends_with(field, STR_LIT("!"))) {
		f.inverted = true;
		field.len--;
	}
	field = str_trim(field);
	if (!dim_from_name(field, &f.dim))
		return err_set(err, "filter \"%s\": there is no field \"%s\"; use %s", show(text).text,
		               show(field).text, DIM_NAMES);
	if (value.len >= sizeof(f.value))
		return err_set(err, "filter on %s: the value has %zu bytes, at most %zu are allowed",
		               dim_name(f.dim), value.len, sizeof(f.value) - 1);
	if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL)
		return err_set(err, "filter on %s: the value holds a NUL byte", dim_name(f.dim));
	if (v->filter_count == VIEW_FILTERS_MAX)
		return err_set(err, "filter \"%s\": at most %d filters are allowed; remove one first",
		               show(text).text, VIEW_FILTERS_MAX);
	if (value.len > 0)
		memcpy(f.value, value.ptr, value.len);
	v->filters[v->filter_count++] = f;
	return 0;
}

int view_set_by(struct view *v, struct str text, struct err *err)
{
	enum dim by[DIM_COUNT] = {DIM_SERVICE};
	size_t count = 0;

	while (text.len > 0) {
		struct str name = str_trim(str_cut(&text, ','));
		enum dim d;

		if (!dim_from_name(name, &d))
			return err_set(err, "cannot group by \"%s\": use %s", show(name).text, DIM_NAMES);
		for (size_t i = 0; i < count; i++)
			if (by[i] == d)
				return err_set(err, "cannot group by %s twice", dim_name(d));
		by[count++] = d;
	}
	memcpy(v->by, by, count * sizeof(by[0]));
	v->by_count = count;
	return 0;
}

/* Whether a shell takes the text as one plain word. */
static bool is_plain_word(const char *text)
{
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	                    "_-+./:@%,=") == strlen(text);
}

static void append_filter(struct buf *out, const struct filter *f)
{
	buf_puts(out, dim_name(f->dim));
	buf_puts(out, f->inverted ? "!=" : "=");
	if (is_plain_word(f->value)) {
		buf_puts(out, f->value);
		return;
	}
	buf_append_c(out, '\'');
	for (const char *p = f->value; *p != '\0'; p++) {
		if (*p == '\'')
			buf_puts(out, "'\\''");
		else
			buf_append_c(out, *p);
	}
	buf_append_c(out, '\'');
}

char *view_format_filters(const struct view *v, char *out, size_t cap)
{
	struct buf text = {0};
	size_t len;

	if (cap == 0)
		return out;
	buf_append(&text, "", 0);
	for (size_t i = 0; i < v->filter_count; i++) {
		if (i > 0)
			buf_append_c(&text, ' ');
		append_filter(&text, &v->filters[i]);
	}
	len = text.len;
	if (len > cap - 1) {
		len = cap - 1;
		while (len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(out, text.data, len);
	out[len] = '\0';
	buf_fini(&text);
	return out;
}

void view_append_options(const struct view *v, int64_t from_us, int64_t to_us, struct buf *out)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], word[VIEW_VALUE_BYTES + 32];

	buf_printf(out, " --from %s --to %s", time_format(from_us, from), time_format(to_us, to));
	for (size_t i = 0; i < v->filter_count; i++) {
		const struct filter *f = &v->filters[i];

		snprintf(word, sizeof word, "%s%s%s", dim_name(f->dim), f->inverted ? "!=" : "=", f->value);
		buf_puts(out, " --where ");
		shell_append_word(out, word);
	}
}

bool view_equal(const struct view *a, const struct view *b)
{
	if (a->from_us != b->from_us || a->to_us != b->to_us || a->step_us != b->step_us ||
	    a->filter_count != b->filter_count || a->by_count != b->by_count)
		return false;
	for (size_t i = 0; i < a->filter_count; i++) {
		const struct filter *f = &a->filters[i], *g = &b->filters[i];

		if (f->dim != g->dim || f->inverted != g->inverted || strcmp(f->value, g->value) != 0)
			return false;
	}
	for (size_t i = 0; i < a->by_count; i++)
		if (a->by[i] != b->by[i])
			return false;
	return true;
}

/* Rounds down to a multiple, also below zero. */
static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool step_fits(int64_t from_us, int64_t to_us, int64_t step_us, int64_t columns)
{
	return floor_div(to_us - 1, step_us) - floor_div(from_us, step_us) < columns;
}

int64_t view_choose_step_us(int64_t from_us, int64_t to_us, int columns)
{
	static const int64_t steps_us[] = {
		10 * US_PER_S,   20 * US_PER_S,   30 * US_PER_S,   US_PER_MIN,       2 * US_PER_MIN,
		3 * US_PER_MIN,  5 * US_PER_MIN,  10 * US_PER_MIN, 20 * US_PER_MIN,  30 * US_PER_MIN,
		US_PER_HOUR,     2 * US_PER_HOUR, 3 * US_PER_HOUR, 6 * US_PER_HOUR,  12 * US_PER_HOUR,
		US_PER_DAY,      2 * US_PER_DAY,  3 * US_PER_DAY,  5 * US_PER_DAY};
	const int64_t week_us = 7 * US_PER_DAY;
	int64_t room = columns > 0 ? columns : 1, weeks;

	if (to_us <= from_us)
		return steps_us[0];
	for (size_t i = 0; i < sizeof(steps_us) / sizeof(steps_us[0]); i++)
		if (step_fits(from_us, to_us, steps_us[i], room))
			return steps_us[i];
	weeks = (to_us - from_us) / room / week_us;
	if (weeks == 0)
		weeks = 1;
	/* With one column a window across a multiple of every step would never fit. */
	while (room > 1 && !step_fits(from_us, to_us, weeks * week_us, room))
		weeks++;
	return weeks * week_us;
}
