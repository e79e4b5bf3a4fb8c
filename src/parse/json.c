/* The scanner is a small state machine: `state` says which kinds of token may come next, and one bit
 * per open level says whether it is an object. Strings are looked at sixteen bytes at a time; only
 * a run with a quote, a backslash, a control character or a byte above 0x7F is looked at closely. */
#include "parse/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/utf8.h"

enum {
	EXPECT_VALUE,        /* one value, nothing else */
	EXPECT_FIRST_VALUE,  /* behind '[': a value or ']' */
	EXPECT_FIRST_KEY,    /* behind '{': a key or '}' */
	EXPECT_KEY,          /* behind ',' in an object */
	EXPECT_MORE,         /* behind a value: ',' or the closing bracket */
	EXPECT_END,          /* behind the outermost value */
	EXPECT_NOTHING,      /* after an error */
};

const char *json_foreign_encoding(struct str bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.ptr;

	if (bytes.len < 2)
		return NULL;
	if (bytes.len >= 4) {
		if (p[0] == 0 && p[1] == 0 && (p[2] == 0 || (p[2] == 0xFE && p[3] == 0xFF)))
			return "UTF-32 (big-endian)";
		if ((p[0] == 0xFF && p[1] == 0xFE && p[2] == 0 && p[3] == 0) ||
		    (p[0] && !p[1] && !p[2] && !p[3]))
			return "UTF-32 (little-endian)";
	}
	if ((p[0] == 0xFE && p[1] == 0xFF) || (p[0] == 0 && p[1] != 0))
		return "UTF-16 (big-endian)";
	if ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] != 0 && p[1] == 0))
		return "UTF-16 (little-endian)";
	return NULL;
}

static void init_at(struct json_reader *r, struct str bytes, uint8_t state)
{
	*r = (struct json_reader){.start = bytes.ptr, .at = bytes.ptr, .state = state};
	r->end = bytes.len ? bytes.ptr + bytes.len : bytes.ptr;
	r->token = r->at;
}

void json_init(struct json_reader *r, struct str bytes)
{
	init_at(r, bytes, EXPECT_VALUE);
	if (bytes.len >= 3 && memcmp(bytes.ptr, "\xEF\xBB\xBF", 3) == 0)
		r->at += 3;
	else if (bytes.len && ((unsigned char)bytes.ptr[0] >= 0x80 || !bytes.ptr[0] ||
	                       (bytes.len > 1 && !bytes.ptr[1])) &&
	         json_foreign_encoding(bytes)) {
		r->error = "the text is UTF-16 or UTF-32: convert it to UTF-8";
		r->state = EXPECT_NOTHING;
	}
}

void json_init_behind_member(struct json_reader *r, struct str bytes)
{
	init_at(r, bytes, EXPECT_MORE);
	r->depth = 1;
	r->objects[0] = 1;
}

static enum json_token fail(struct json_reader *r, const char *what)
{
	if (!r->error)
		r->error = what;
	r->state = EXPECT_NOTHING;
	return JSON_ERROR;
}

static bool in_object(const struct json_reader *r)
{
	uint32_t level = r->depth - 1;

	return r->objects[level / 64] >> (level % 64) & 1;
}

static enum json_token open_level(struct json_reader *r, bool object)
{
	if (r->depth == JSON_DEPTH_MAX)
		return fail(r, "nested deeper than 128 levels");
	uint64_t bit = UINT64_C(1) << (r->depth % 64);
	if (object)
		r->objects[r->depth / 64] |= bit;
	else
		r->objects[r->depth / 64] &= ~bit;
	r->depth++;
	r->at++;
	r->state = object ? EXPECT_FIRST_KEY : EXPECT_FIRST_VALUE;
	return object ? JSON_OBJECT : JSON_ARRAY;
}

static void behind_value(struct json_reader *r)
{
	r->state = r->depth ? EXPECT_MORE : EXPECT_END;
}

static enum json_token close_level(struct json_reader *r)
{
	bool object = in_object(r);

	if ((*r->at == '}') != object)
		return fail(r, object ? "`]` closes what `{` opened" : "`}` closes what `[` opened");
	r->at++;
	r->depth--;
	behind_value(r);
	return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Four hex digits at p (all < end); -1 when they are not. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* Checks the escape behind the backslash at p; returns the byte behind it, NULL when it is none. */
static const char *pass_escape(const char *p, const char *end)
{
	if (end - p < 2)
		return NULL;
	switch (p[1]) {
	case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
		return p + 2;
	case 'u':
		return hex4(p + 2, end) >= 0 ? p + 6 : NULL;
	default:
		return NULL;
	}
}

/* plain_of_16(): how many of the sixteen bytes at p come before the first that is a quote, a backslash, below
 * 0x20 or above 0x7F. */
#ifdef __SSE2__
static inline unsigned plain_of_16(const char *p)
{
	__m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
	/* Signed: what is above 0x7F is below 0x20 as well. */
	__m128i odd = _mm_or_si128(_mm_cmplt_epi8(w, _mm_set1_epi8(0x20)),
	                           _mm_or_si128(_mm_cmpeq_epi8(w, _mm_set1_epi8('"')), _mm_cmpeq_epi8(w, _mm_set1_epi8('\\'))));
	unsigned hits = (unsigned)_mm_movemask_epi8(odd);

	return hits ? (unsigned)__builtin_ctz(hits) : 16;
}
#else
#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* A borrow only reaches bytes behind a true hit, so the lowest hit is exact. */
static inline unsigned plain_of_8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	uint64_t quote = w ^ (ONES * '"');
	uint64_t slash = w ^ (ONES * '\\');
	uint64_t odd = (w | (w - ONES * 0x20) | (quote - ONES) | (slash - ONES)) & HIGHS;
	return odd ? (unsigned)__builtin_ctzll(odd) / 8 : 8;
}

static inline unsigned plain_of_16(const char *p)
{
	unsigned plain = plain_of_8(p);

	return plain == 8 ? 8 + plain_of_8(p + 8) : plain;
}
#endif

/* The first byte from p on that is not plain; `end` when all are. */
static inline const char *pass_plain(const char *p, const char *end)
{
	unsigned plain;

	while (end - p >= 16) {
		p += plain = plain_of_16(p);
		if (plain < 16)
			return p;
	}
	while (p < end && (signed char)*p >= 0x20 && *p != '"' && *p != '\\')
		p++;
	return p;
}

const char *json_plain_end(const char *at, const char *end)
{
	const char *p = pass_plain(at, end);

	return p < end && *p == '"' ? p : NULL;
}

/* Reads a string whose opening quote is at r->at into r->text. */
static bool read_string(struct json_reader *r)
{
	const char *p = r->at + 1, *end = r->end;

	r->escaped = false;
	r->text.ptr = p;
	for (;;) {
		p = pass_plain(p, end);
		if (p == end)
			break;
		unsigned char c = (unsigned char)*p;
		if (c == '"') {
			r->text.len = (size_t)(p - r->text.ptr);
			r->at = p + 1;
			return true;
		}
		if (c == '\\') {
			r->escaped = true;
			const char *next = pass_escape(p, end);
			if (!next) {
				r->token = p;
				fail(r, "no such escape in a string");
				return false;
			}
			p = next;
		} else if (c < 0x20) {
			r->token = p;
			fail(r, "a control character inside a string must be escaped");
			return false;
		} else {
			r->token = p;
			if (utf8_decode(&p, end) == UTF8_BAD) {
				fail(r, "broken UTF-8 in a string");
				return false;
			}
		}
	}
	fail(r, "the text ends inside a string");
	return false;
}

static inline bool is_digit(const char *p, const char *end)
{
	return p < end && (unsigned char)(*p - '0') < 10;
}

static enum json_token read_number(struct json_reader *r)
{
	const char *p = r->at, *end = r->end;

	r->integer = true;
	if (*p == '-')
		p++;
	if (!is_digit(p, end))
		return fail(r, "a number needs a digit here");
	if (*p == '0') {
		p++;
		if (is_digit(p, end))
			return fail(r, "a number has a leading zero");
	}
	while (is_digit(p, end))
		p++;
	if (p < end && *p == '.') {
		r->integer = false;
		if (!is_digit(++p, end))
			return fail(r, "a number needs a digit behind its point");
		while (is_digit(p, end))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		r->integer = false;
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (!is_digit(p, end))
			return fail(r, "a number needs a digit in its exponent");
		while (is_digit(p, end))
			p++;
	}
	r->text = (struct str){r->at, (size_t)(p - r->at)};
	r->at = p;
	behind_value(r);
	return JSON_NUMBER;
}

static enum json_token read_word(struct json_reader *r, const char *word, size_t len,
                                 enum json_token token)
{
	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
		return fail(r, "neither a value nor true, false or null");
	r->at += len;
	behind_value(r);
	return token;
}

static enum json_token read_value(struct json_reader *r)
{
	switch (*r->at) {
	case '"':
		if (!read_string(r))
			return JSON_ERROR;
		behind_value(r);
		return JSON_STRING;
	case '{':
		return open_level(r, true);
	case '[':
		return open_level(r, false);
	case 't':
		return read_word(r, "true", 4, JSON_TRUE);
	case 'f':
		return read_word(r, "false", 5, JSON_FALSE);
	case 'n':
		return read_word(r, "null", 4, JSON_NULL);
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return read_number(r);
	default:
		return fail(r, "a value is missing here");
	}
}

static inline void pass_space(struct json_reader *r)
{
	while (r->at < r->end && (unsigned char)*r->at <= ' ' &&
	       (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
		r->at++;
	r->token = r->at;
}

/* A key and the colon behind it. */
static enum json_token read_key(struct json_reader *r)
{
	if (*r->at != '"')
		return fail(r, "a key in double quotes is missing here");
	const char *token = r->at;
	if (!read_string(r))
		return JSON_ERROR;
	if (r->at == r->end || *r->at != ':') {
		pass_space(r);
		if (r->at == r->end || *r->at != ':')
			return fail(r, "`:` is missing behind a key");
	}
	r->at++;
	r->token = token;
	r->state = EXPECT_VALUE;
	return JSON_KEY;
}

/* The string whose opening quote is at `quote`, when there is nothing to it. */
static inline bool take_plain(struct json_reader *r, const char *quote)
{
	const char *p = pass_plain(quote + 1, r->end);

	if (p == r->end || *p != '"')
		return false;
	r->token = quote;
	r->text = (struct str){quote + 1, (size_t)(p - quote - 1)};
	r->escaped = false;
	r->at = p + 1;
	return true;
}

/* What most tokens are, where nobody spent white space: `"text"` behind a colon, and `,"key":`. JSON_END: the
 * token is something else, and nothing was read. */
static inline enum json_token plain_token(struct json_reader *r)
{
	const char *at = r->at;

	if (r->end - at < 2)
		return JSON_END;
	if (r->state == EXPECT_VALUE && *at == '"' && r->depth && take_plain(r, at)) {
		r->state = EXPECT_MORE;
		return JSON_STRING;
	}
	if (r->state == EXPECT_MORE && at[0] == ',' && at[1] == '"' && in_object(r) && take_plain(r, at + 1)) {
		if (r->at < r->end && *r->at == ':') {
			r->at++;
			r->state = EXPECT_VALUE;
			return JSON_KEY;
		}
		r->at = at;
	}
	return JSON_END;
}

enum json_token json_next(struct json_reader *r)
{
	enum json_token plain = plain_token(r);

	if (plain != JSON_END)
		return plain;
	if (r->state == EXPECT_NOTHING)
		return JSON_ERROR;
	pass_space(r);
	if (r->at == r->end)
		return r->state == EXPECT_END ? JSON_END : fail(r, "the text ends inside a value");
	char c = *r->at;
	switch (r->state) {
	case EXPECT_MORE:
		if (c == '}' || c == ']')
			return close_level(r);
		if (c != ',')
			return fail(r, in_object(r) ? "`,` or `}` is missing here"
			                            : "`,` or `]` is missing here");
		r->at++;
		pass_space(r);
		if (r->at == r->end)
			return fail(r, "the text ends inside a value");
		return in_object(r) ? read_key(r) : read_value(r);
	case EXPECT_FIRST_KEY:
		return c == '}' ? close_level(r) : read_key(r);
	case EXPECT_FIRST_VALUE:
		return c == ']' ? close_level(r) : read_value(r);
	case EXPECT_VALUE:
		return read_value(r);
	default:
		return fail(r, "something follows the end of the value");
	}
}

const char *json_item(const struct json_reader *r)
{
	if (r->state == EXPECT_FIRST_VALUE)
		return r->at;
	return r->state == EXPECT_MORE && r->at < r->end && *r->at == ',' ? r->at + 1 : NULL;
}

void json_pass_item(struct json_reader *r, const char *behind)
{
	r->at = behind;
	r->state = EXPECT_MORE;
}

bool json_skip(struct json_reader *r, enum json_token t)
{
	if (t == JSON_KEY)
		t = json_next(r);
	if (t != JSON_OBJECT && t != JSON_ARRAY)
		return t != JSON_ERROR;
	uint32_t outside = r->depth - 1;
	while (r->depth > outside)
		if (json_next(r) == JSON_ERROR)
			return false;
	return true;
}

/* One \uXXXX, or two that form a surrogate pair, at *p (checked before); advances *p. */
static uint32_t unescape_unicode(const char **p, const char *end)
{
	uint32_t unit = (uint32_t)hex4(*p + 2, end);

	*p += 6;
	if (unit < 0xD800 || unit > 0xDFFF)
		return unit;
	if (unit < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		int32_t low = hex4(*p + 2, end);
		if (low >= 0xDC00 && low <= 0xDFFF) {
			*p += 6;
			return 0x10000 + ((unit - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
		}
	}
	return 0xFFFD;
}

struct str json_unescape(struct str raw, struct arena *arena)
{
	char *out = arena_alloc(arena, raw.len + 1), *o = out;
	const char *p = raw.ptr, *end = raw.ptr + raw.len;

	while (p < end) {
		if (*p != '\\') {
			*o++ = *p++;
			continue;
		}
		if (end - p < 2)
			break;
		switch (p[1]) {
		case 'b': *o++ = '\b'; p += 2; break;
		case 'f': *o++ = '\f'; p += 2; break;
		case 'n': *o++ = '\n'; p += 2; break;
		case 'r': *o++ = '\r'; p += 2; break;
		case 't': *o++ = '\t'; p += 2; break;
		case 'u': o += utf8_encode(unescape_unicode(&p, end), o); break;
		default: *o++ = p[1]; p += 2; break;
		}
	}
	*o = '\0';
	return (struct str){out, (size_t)(o - out)};
}

struct str json_text(const struct json_reader *r, struct arena *arena)
{
	return r->escaped ? json_unescape(r->text, arena) : r->text;
}

bool json_int64(const struct json_reader *r, int64_t *out)
{
	return r->integer && str_to_int64(r->text, out);
}

size_t json_offset(const struct json_reader *r)
{
	return (size_t)(r->token - r->start);
}

void json_position(const struct json_reader *r, size_t *line, size_t *column)
{
	*line = *column = 1;
	for (const char *p = r->start; p < r->token; p++) {
		(*column)++;
		if (*p == '\n') {
			(*line)++;
			*column = 1;
		}
	}
}

bool json_check(struct str bytes, struct err *err)
{
	struct json_reader r;
	enum json_token t;

	json_init(&r, bytes);
	do
		t = json_next(&r);
	while (t != JSON_END && t != JSON_ERROR);
	if (t == JSON_END)
		return true;
	size_t line, column;
	json_position(&r, &line, &column);
	err_set(err, "%zu:%zu: %s", line, column, r.error);
	return false;
}
