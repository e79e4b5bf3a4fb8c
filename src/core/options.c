/* One row an option. The order follows enum option; designated initialisers keep it honest. The
 * defaults are written as a user would write them and go through the same parser at start-up. */
#include "core/options.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/timefmt.h"
#include "base/utf8.h"

#define FOREVER_TEXT "forever"
#define YEARS_10 (3650 * US_PER_DAY)
#define RETENTION(field, initial_, text_) \
	{"retention." field, OPTION_DURATION, initial_, 0, 10 * YEARS_10, NULL, "duration or forever", text_}

static const char *const bell_choices[] = {"none", "bell", "osc9", "osc777", NULL};
static const char *const graph_choices[] = {"braille", "block", "ascii", NULL};

const struct option_row options[OPTION_COUNT] = {
	[OPTION_LISTEN] = {"listen", OPTION_TEXT, "127.0.0.1:4318", 0, 0, NULL, "ADDR:PORT",
		"where the collector receives OTLP/HTTP; none: nowhere"},
	[OPTION_TOKEN] = {"token", OPTION_TEXT, "", 0, 0, NULL, "env:NAME or file:/path",
		"what senders of OTLP must show; needed when `listen` is not a loopback address"},
	[OPTION_PRICES] = {"prices", OPTION_TEXT, "", 0, 0, NULL, "path",
		"price table in LiteLLM's format; when empty the imported one, else the shipped one"},
	[OPTION_RETENTION_RAW] = RETENTION("raw", "30d", "how long single requests are kept"),
	[OPTION_RETENTION_ROLLUP_10S] = RETENTION("rollup_10s", "6h", "how long 10-second figures are kept"),
	[OPTION_RETENTION_ROLLUP_1M] = RETENTION("rollup_1m", "90d", "how long 1-minute figures are kept"),
	[OPTION_RETENTION_ROLLUP_10M] = RETENTION("rollup_10m", "1y", "how long 10-minute figures are kept"),
	[OPTION_RETENTION_ROLLUP_1H] = RETENTION("rollup_1h", "3y", "how long hourly figures are kept"),
	[OPTION_RETENTION_TEXT] = RETENTION("text", "7d", "how long prompts, answers and comments are kept"),
	[OPTION_RETENTION_SIZE] = {"retention.size", OPTION_BYTES, "20GB", 0, INT64_C(1) << 50, NULL,
		"bytes; 0 = no bound", "size of the store above which the oldest raw rows go"},
	[OPTION_THEME] = {"theme", OPTION_TEXT, "default", 0, 0, NULL, "name", "colours of the console"},
	[OPTION_GRAPH] = {"graph", OPTION_CHOICE, "braille", 0, 2, graph_choices, NULL,
		"characters that charts are drawn with"},
	[OPTION_ESCDELAY] = {"escdelay", OPTION_INT, "25", 0, 1000, NULL, "ms",
		"how long the console waits for the rest of a key's escape sequence"},
	[OPTION_REFRESH] = {"refresh", OPTION_DURATION, "1s", 100 * US_PER_MS, US_PER_HOUR, NULL, "duration",
		"how often the console looks for new data"},
	[OPTION_WINDOW] = {"window", OPTION_DURATION, "1h", US_PER_MIN, 3650 * US_PER_DAY, NULL, "duration",
		"the console's first time window"},
	[OPTION_MOUSE] = {"mouse", OPTION_BOOL, "no", 0, 1, NULL, NULL,
		"take mouse clicks (selecting text then needs Shift)"},
	[OPTION_BELL] = {"bell", OPTION_CHOICE, "none", 0, 3, bell_choices, NULL,
		"how the console's terminal is told of an alert that begins to fire: its bell, or a notification (OSC 9, OSC 777)"},
	[OPTION_TZ] = {"tz", OPTION_TEXT, "UTC", 0, 0, NULL, "zone", "time zone of the clock on the screen"},
	[OPTION_SERIES_LIMIT] = {"series_limit", OPTION_INT, "10000", 10, 1000000, NULL, "series",
		"most combinations of service, model … kept apart in rollups"},
	[OPTION_REDACT] = {"redact", OPTION_BOOL, "yes", 0, 1, NULL, NULL,
		"take personal data and secrets out of texts before they are stored; what was taken out cannot come back"},
	[OPTION_KEEP_TEXT] = {"keep_text", OPTION_BOOL, "no", 0, 1, NULL, NULL,
		"keep the prompts and answers that senders give, in the text file, redacted as `redact` says"},
};

static bool parse_bool(struct str s, int64_t *out)
{
	static const char *const yes[] = {"yes", "true", "on"};
	static const char *const no[] = {"no", "false", "off"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (str_equal_nocase(s, str_of(yes[i])) || str_equal_nocase(s, str_of(no[i]))) {
			*out = str_equal_nocase(s, str_of(yes[i]));
			return true;
		}
	}
	return false;
}

/* "20GB", "1.5GiB", "4096", "512 kB". */
static bool parse_bytes(struct str s, int64_t *out)
{
	static const struct {
		const char *name;
		int64_t factor;
	} units[] = {
		{"", 1}, {"B", 1},
		{"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {"TB", 1000000000000},
		{"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {"TiB", INT64_C(1099511627776)},
	};
	size_t digits = 0;
	int64_t micro;

	while (digits < s.len && ((s.ptr[digits] >= '0' && s.ptr[digits] <= '9') || s.ptr[digits] == '.'))
		digits++;
	if (!str_to_scaled_int64((struct str){s.ptr, digits}, 6, &micro))
		return false;
	struct str unit = str_trim((struct str){s.ptr + digits, s.len - digits});
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!str_equal_nocase(unit, str_of(units[i].name)))
			continue;
		/* Whole and fraction apart, so that only what no disk holds can overflow. */
		return !__builtin_mul_overflow(micro / 1000000, units[i].factor, out) &&
		       !__builtin_add_overflow(*out, micro % 1000000 * units[i].factor / 1000000, out);
	}
	return false;
}

static bool parse_choice(const struct option_row *row, struct str s, int64_t *out)
{
	for (int64_t i = 0; row->choices[i]; i++) {
		if (str_equal_nocase(s, str_of(row->choices[i]))) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool parse_number(const struct option_row *row, struct str s, int64_t *out)
{
	switch (row->type) {
	case OPTION_INT:
		return str_to_int64(s, out);
	case OPTION_DURATION:
		if (row->min == 0 && (str_equal_nocase(s, STR_LIT(FOREVER_TEXT)) || str_equal_c(s, "0"))) {
			*out = 0;
			return true;
		}
		return duration_parse(s, out);
	case OPTION_BYTES:
		return parse_bytes(s, out);
	case OPTION_CHOICE:
		return parse_choice(row, s, out);
	case OPTION_BOOL:
		return parse_bool(s, out);
	case OPTION_TEXT:
		break;
	}
	return false;
}

/* What the row takes, for the error sentence. */
static void describe(const struct option_row *row, struct buf *out)
{
	char low[TIME_TEXT_BYTES], high[TIME_TEXT_BYTES];

	switch (row->type) {
	case OPTION_TEXT:
		buf_puts(out, "text");
		break;
	case OPTION_BOOL:
		buf_puts(out, "yes or no");
		break;
	case OPTION_INT:
		buf_printf(out, "a whole number from %lld to %lld", (long long)row->min, (long long)row->max);
		break;
	case OPTION_DURATION:
		buf_printf(out, "a duration such as 90s, 15m or 30d from %s to %s",
		           row->min ? duration_format(row->min, low) : "0",
		           duration_format(row->max, high));
		if (row->min == 0)
			buf_puts(out, ", or " FOREVER_TEXT);
		break;
	case OPTION_BYTES:
		buf_puts(out, "a size such as 500MB, 20GB or 16GiB");
		break;
	case OPTION_CHOICE:
		for (size_t i = 0; row->choices[i]; i++)
			buf_printf(out, "%s%s", i ? " | " : "one of ", row->choices[i]);
		break;
	}
}

static int refuse(const struct option_row *row, const char *text, struct err *err)
{
	struct buf allowed = {0}, shown = {0};

	describe(row, &allowed);
	text_append_harmless(&shown, str_of(text), 60);
	err_set(err, "%s: `%s` is not allowed: write %s", row->name, shown.len ? shown.data : "", allowed.data);
	buf_fini(&allowed);
	buf_fini(&shown);
	return -1;
}

int option_parse(const struct option_row *row, const char *text, union option_value *out, struct err *err)
{
	int64_t number = 0;

	if (row->type == OPTION_TEXT) {
		out->text = text;
		return 0;
	}
	if (!parse_number(row, str_trim(str_of(text)), &number) || number < row->min || number > row->max)
		return refuse(row, text, err);
	if (row->type == OPTION_BOOL)
		out->yes = number != 0;
	else
		out->number = number;
	return 0;
}
