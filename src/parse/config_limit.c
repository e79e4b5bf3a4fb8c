/* A figure and its unit, read by the unit of the metric it is for. The number comes first, what
 * follows says how to bring it to the metric's unit; each unit has its own short list. */
#include "base/timefmt.h"
#include "core/money.h"
#include "parse/config_read.h"

struct suffix {
	const char *text;
	double factor;
};

static const struct suffix none[] = {{"", 1}, {NULL, 0}};
static const struct suffix share[] = {{"", 1}, {"%", 0.01}, {"pp", 0.01}, {NULL, 0}};
static const struct suffix per_second[] = {
	{"", 1}, {"/s", 1}, {"/sec", 1}, {"/min", 1.0 / 60}, {"/m", 1.0 / 60}, {"/h", 1.0 / 3600}, {NULL, 0}};
static const struct suffix per_minute[] = {
	{"", 1}, {"/min", 1}, {"/m", 1}, {"/s", 60}, {"/sec", 60}, {"/h", 1.0 / 60}, {NULL, 0}};
static const struct suffix usd[] = {{"", 1}, {"USD", 1}, {NULL, 0}};
static const struct suffix usd_per_hour[] = {
	{"", 1}, {"/h", 1}, {"USD/h", 1}, {"/min", 60}, {"USD/min", 60}, {"/day", 1.0 / 24}, {"/d", 1.0 / 24},
	{"USD/day", 1.0 / 24}, {NULL, 0}};
static const struct suffix per_1k[] = {{"", 1}, {"/1k", 1}, {NULL, 0}};

static const struct {
	const struct suffix *suffixes;
	const char *example;
} units[] = {
	[UNIT_COUNT] = {none, "a number"},
	[UNIT_PER_SECOND] = {per_second, "for example 10/s or 600/min"},
	[UNIT_PER_MINUTE] = {per_minute, "for example 10/min"},
	[UNIT_SHARE] = {share, "a share such as 1% or 0.01"},
	[UNIT_USD] = {usd, "an amount such as 400 or $400"},
	[UNIT_USD_PER_HOUR] = {usd_per_hour, "for example $12/h"},
	[UNIT_SECONDS] = {none, "a time such as 2s or 500ms"},
	[UNIT_PER_1K] = {per_1k, "for example 5/1k"},
};

static size_t number_length(struct str s)
{
	size_t len = 0;

	while (len < s.len && ((s.ptr[len] >= '0' && s.ptr[len] <= '9') || s.ptr[len] == '.'))
		len++;
	return len;
}

static bool by_suffix(struct str s, const struct suffix *suffixes, double *out)
{
	size_t len = number_length(s);
	struct str unit = str_trim((struct str){s.ptr + len, s.len - len});

	if (!str_to_double((struct str){s.ptr, len}, out))
		return false;
	for (; suffixes->text; suffixes++) {
		if (str_equal_c(unit, suffixes->text)) {
			*out *= suffixes->factor;
			return true;
		}
	}
	return false;
}

static bool seconds(struct str s, double *out)
{
	int64_t us;

	if (number_length(s) == s.len)
		return str_to_double(s, out);
	if (!duration_parse(s, &us))
		return false;
	*out = (double)us / 1e6;
	return true;
}

int config_parse_limit(const char *text, const struct metric_info *metric, double *out, bool *relative,
                       struct err *err)
{
	struct str s = str_trim(str_of(text));
	bool money = metric->unit == UNIT_USD || metric->unit == UNIT_USD_PER_HOUR || metric->unit == UNIT_PER_1K;
	bool fine;

	if (relative)
		*relative = str_ends_with(s, STR_LIT("%"));
	if (money && s.len && s.ptr[0] == '$')
		s = (struct str){s.ptr + 1, s.len - 1};
	if (relative && *relative)
		fine = by_suffix(s, share, out);
	else if (metric->unit == UNIT_SECONDS)
		fine = seconds(s, out);
	else
		fine = by_suffix(s, units[metric->unit].suffixes, out);
	if (!fine)
		return err_set(err, "`%.40s` does not fit %s: write %s%s", text, metric->name, units[metric->unit].example,
		               relative ? ", or 20% for a share of the figure itself" : "");
	if (metric->unit == UNIT_SHARE && !(relative && *relative) && *out > 1)
		return err_set(err, "`%.40s` is more than the whole of %s: write a share such as 1%% or 0.01", text,
		               metric->name);
	return 0;
}

int config_share(struct config_reader *r, const struct node *map, const char *key, double *out)
{
	const char *text = NULL;

	if (config_text(r, map, key, false, &text) < 0)
		return -1;
	if (text && (!by_suffix(str_trim(str_of(text)), share, out) || *out < 0 || *out > 1))
		return config_fail(r, node_get(map, key), "%s takes a share from 0%% to 100%%, such as 5%%", key);
	return 0;
}
