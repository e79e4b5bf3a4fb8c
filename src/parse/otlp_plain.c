/* Compares whole runs of bytes that never vary instead of going from token to token: an attribute is nine
 * tokens, and of a body of spans nearly everything is attributes. */
#include "parse/otlp_plain.h"

#include <math.h>
#include <string.h>

#include "parse/json.h"

static inline bool take(const char **at, const char *end, struct str literal)
{
	if ((size_t)(end - *at) < literal.len || memcmp(*at, literal.ptr, literal.len) != 0)
		return false;
	*at += literal.len;
	return true;
}
#define TAKE(at, end, literal) take(at, end, STR_LIT(literal))

/* A text behind its opening quote; leaves *at on the closing one. */
static inline bool take_text(const char **at, const char *end, struct str *out)
{
	const char *quote = json_plain_end(*at, end);

	if (!quote)
		return false;
	*out = (struct str){*at, (size_t)(quote - *at)};
	*at = quote;
	return true;
}

static const char *digits_end(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* A number without an exponent. */
static bool take_number(const char **at, const char *end, struct str *out)
{
	const char *whole = *at + (*at < end && **at == '-');
	const char *p = digits_end(whole, end), *fraction;

	if (p == whole || (*whole == '0' && p - whole > 1))
		return false;
	if (p < end && *p == '.') {
		fraction = p + 1;
		p = digits_end(fraction, end);
		if (p == fraction)
			return false;
	}
	*out = (struct str){*at, (size_t)(p - *at)};
	*at = p;
	return true;
}

int64_t otlp_plain_int(struct str text)
{
	int64_t number;
	double decimal;

	if (str_to_int64(text, &number))
		return number;
	return str_to_double(text, &decimal) && fabs(decimal) < 9e18 ? (int64_t)decimal : 0;
}

const char *otlp_plain_attr(const char *at, const char *end, struct otlp_attr *out)
{
	struct otlp_value *value = &out->value;
	struct str text;

	if (!TAKE(&at, end, "{\"key\":\"") || !take_text(&at, end, &out->key) || !TAKE(&at, end, "\",\"value\":{\""))
		return NULL;
	if (TAKE(&at, end, "stringValue\":\"")) {
		value->kind = OTLP_STRING;
		return take_text(&at, end, &value->text) && TAKE(&at, end, "\"}}") ? at : NULL;
	}
	if (TAKE(&at, end, "intValue\":\"")) {
		if (!take_text(&at, end, &text) || !TAKE(&at, end, "\"}}"))
			return NULL;
		value->kind = OTLP_INT;
		value->integer = otlp_plain_int(text);
		return at;
	}
	if (TAKE(&at, end, "intValue\":")) {
		value->kind = OTLP_INT;
	} else if (TAKE(&at, end, "doubleValue\":")) {
		value->kind = OTLP_DOUBLE;
	} else if (TAKE(&at, end, "boolValue\":")) {
		value->kind = OTLP_BOOL;
		value->integer = TAKE(&at, end, "true}}");
		return value->integer || TAKE(&at, end, "false}}") ? at : NULL;
	} else {
		return NULL;
	}
	if (!take_number(&at, end, &text) || !TAKE(&at, end, "}}"))
		return NULL;
	if (value->kind == OTLP_INT)
		value->integer = otlp_plain_int(text);
	else if (!str_to_double(text, &value->number))
		value->number = NAN;
	return at;
}
