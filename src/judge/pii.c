/* At each place where a word may begin the detectors of one table are tried in turn; the first that
 * recognises something wins and the search goes on behind it. */
#include "judge/pii.h"

#include <stdbool.h>
#include <string.h>

static const struct { const char *name, *placeholder; } kinds[PII_KIND_COUNT] = {
	[PII_EMAIL] = {"email", "[EMAIL]"},
	[PII_URL] = {"url", "[URL]"},
	[PII_URL_CREDENTIALS] = {"url_credentials", "[URL WITH CREDENTIALS]"},
	[PII_SECRET] = {"secret", "[SECRET]"},
	[PII_IBAN] = {"iban", "[IBAN]"},
	[PII_CARD] = {"card", "[CARD]"},
	[PII_NATIONAL_ID] = {"national_id", "[NATIONAL ID]"},
	[PII_IP] = {"ip", "[IP]"},
	[PII_PHONE] = {"phone", "[PHONE]"},
	[PII_NAME] = {"name", "[NAME]"},
	[PII_ADDRESS] = {"address", "[ADDRESS]"},
};

const char *pii_name(enum pii_kind kind)
{
	return kinds[kind].name;
}

const char *pii_placeholder(enum pii_kind kind)
{
	return kinds[kind].placeholder;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool alnum(char c)
{
	return digit(c) || letter(c);
}

/* Part of a word: letters, digits and every byte of a character beyond ASCII. */
static bool wordly(char c)
{
	return alnum(c) || c == '_' || (unsigned char)c >= 0x80;
}

/* The text and a place in it; reading outside gives '\0'. */
struct at {
	struct str text;
	size_t pos;
};

static char look(const struct at *a, size_t ahead)
{
	return a->pos + ahead < a->text.len ? a->text.ptr[a->pos + ahead] : '\0';
}

static char behind(const struct at *a)
{
	return a->pos ? a->text.ptr[a->pos - 1] : '\0';
}

static bool starts(const struct at *a, const char *word)
{
	size_t len = strlen(word);

	return a->pos + len <= a->text.len &&
	       str_equal_nocase((struct str){a->text.ptr + a->pos, len}, (struct str){word, len});
}

static size_t email(const struct at *a, enum pii_kind *kind)
{
	size_t i = 0, dot = 0, domain;

	if (!wordly(look(a, 0)))
		return 0;
	while (wordly(look(a, i)) || (look(a, i) && strchr(".%+-'", look(a, i))))
		i++;
	if (look(a, i) != '@' || i == 0 || i > 64 || look(a, i - 1) == '.')
		return 0;
	domain = ++i;
	while (wordly(look(a, i)) || look(a, i) == '-' || (look(a, i) == '.' && wordly(look(a, i + 1)))) {
		if (look(a, i) == '.')
			dot = i;
		i++;
	}
	if (dot <= domain || i - dot < 3 || i - domain > 253 || !letter(look(a, dot + 1)))
		return 0;
	*kind = PII_EMAIL;
	return i;
}

static size_t url(const struct at *a, enum pii_kind *kind)
{
	static const char *const heads[] = {"https://", "http://", "ftp://", "postgres://", "postgresql://", "mysql://",
		"mongodb://", "redis://", "amqp://", "ssh://", "www."};
	size_t head = 0, i, credentials;

	for (size_t h = 0; h < sizeof heads / sizeof heads[0] && !head; h++)
		head = starts(a, heads[h]) ? strlen(heads[h]) : 0;
	if (!head || !(wordly(look(a, head)) || look(a, head) == '['))
		return 0;
	for (i = head; look(a, i) && (unsigned char)look(a, i) > ' ' && !strchr("\"<>`{}|\\^", look(a, i));)
		i++;
	while (i > head && strchr(".,;:!?)]'*", look(a, i - 1)))
		i--;
	for (credentials = head; credentials < i && !strchr("/?#", look(a, credentials)); credentials++)
		if (look(a, credentials) == '@' && memchr(a->text.ptr + a->pos + head, ':', credentials - head)) {
			*kind = PII_URL_CREDENTIALS;
			return i;
		}
	*kind = PII_URL;
	return i;
}

/* Prefixes of vendors' keys, as their documentation has them; `least` more characters must follow. */
static const struct { const char *prefix; size_t least; } secrets[] = {
	{"sk-ant-", 20}, {"sk-proj-", 20}, {"sk-svcacct-", 20}, {"sk-or-v1-", 20}, {"sk-lf-", 20}, {"pk-lf-", 20},
	{"sk-", 20}, {"lsv2_", 20}, {"gsk_", 20}, {"xai-", 20}, {"r8_", 20}, {"hf_", 20}, {"AKIA", 16}, {"ASIA", 16},
	{"AIza", 30}, {"ya29.", 20}, {"ghp_", 30}, {"gho_", 30}, {"ghs_", 30}, {"ghu_", 30}, {"github_pat_", 30},
	{"glpat-", 18}, {"xoxb-", 20}, {"xoxp-", 20}, {"xoxa-", 20}, {"xapp-", 20}, {"sk_live_", 16}, {"rk_live_", 16},
	{"sk_test_", 16}, {"whsec_", 20}, {"SG.", 30}, {"npm_", 30}, {"pypi-", 30}, {"dop_v1_", 30}, {"shpat_", 24},
	{"pat-na1-", 20}, {"key-", 32}, {"sq0atp-", 20}, {"dapi", 32}, {"AccountKey=", 40},
};

static size_t secret(const struct at *a, enum pii_kind *kind)
{
	static const char key_head[] = "-----BEGIN ", key_tail[] = "PRIVATE KEY-----";
	size_t i;

	*kind = PII_SECRET;
	if (starts(a, key_head)) {
		struct str rest = {a->text.ptr + a->pos, a->text.len - a->pos};
		const char *tail = memmem(rest.ptr, rest.len < 60 ? rest.len : 60, key_tail, sizeof key_tail - 1);
		const char *end = tail ? memmem(tail + 16, rest.len - (size_t)(tail + 16 - rest.ptr), key_tail, sizeof key_tail - 1) : NULL;
		return !tail ? 0 : end ? (size_t)(end - rest.ptr) + sizeof key_tail - 1 : rest.len;
	}
	if (memcmp("eyJ", (char[]){look(a, 0), look(a, 1), look(a, 2)}, 3) == 0) { /* a JWT: three parts of base64url */
		int dots = 0;
		for (i = 0; alnum(look(a, i)) || look(a, i) == '_' || look(a, i) == '-' || look(a, i) == '.'; i++)
			dots += look(a, i) == '.';
		return dots == 2 && i > 40 ? i : 0;
	}
	for (size_t s = 0; s < sizeof secrets / sizeof secrets[0]; s++) {
		size_t head = strlen(secrets[s].prefix), digits = 0;
		if (a->pos + head > a->text.len || memcmp(a->text.ptr + a->pos, secrets[s].prefix, head) != 0)
			continue;
		for (i = head; alnum(look(a, i)) || (look(a, i) && strchr("-_+/=.", look(a, i))); i++)
			digits += digit(look(a, i)) || capital(look(a, i));
		while (i > head && strchr(".-/", look(a, i - 1)))
			i--;
		if (i - head >= secrets[s].least && digits >= 3)
			return i;
	}
	return 0;
}

/* Letters and digits of a run that may have single blanks in it, without them; the run's length. */
static size_t gather(const struct at *a, char *out, size_t cap, size_t *count)
{
	size_t i = 0, end = 0;

	*count = 0;
	while (*count < cap) {
		char c = look(a, i);
		if (alnum(c)) {
			out[(*count)++] = c >= 'a' ? (char)(c - 32) : c;
			end = i + 1;
		} else if (c != ' ' || !alnum(look(a, i + 1)) || end != i) {
			break;
		}
		i++;
	}
	return end;
}

static int mod97(const char *iban, size_t len)
{
	int rest = 0;

	for (size_t i = 0; i < len; i++) {
		char c = iban[(i + 4) % len];
		rest = digit(c) ? (rest * 10 + (c - '0')) % 97 : (rest * 100 + (c - 'A' + 10)) % 97;
	}
	return rest;
}

static size_t iban(const struct at *a, enum pii_kind *kind)
{
	char packed[35];
	size_t count, used = gather(a, packed, 34, &count);

	if (!letter(look(a, 0)) || !letter(look(a, 1)) || !digit(look(a, 2)) || !digit(look(a, 3)))
		return 0;
	/* words may follow behind a blank: the longest run with the right check digits is it */
	for (; count >= 15; count--) {
		if (mod97(packed, count) == 1) {
			size_t seen = 0, i = 0;
			for (; i < used && seen < count; i++)
				seen += alnum(look(a, i));
			if (alnum(look(a, i)))
				continue;
			*kind = PII_IBAN;
			return i;
		}
	}
	return 0;
}

/* Digits with single blanks or dashes between them; the length of the run. */
static size_t digits_run(const struct at *a, char *out, size_t cap, size_t *count)
{
	size_t i = 0;

	*count = 0;
	for (;; i++) {
		char c = look(a, i);
		if (digit(c)) {
			if (*count == cap)
				return 0;
			out[(*count)++] = c;
		} else if ((c != ' ' && c != '-') || !digit(look(a, i + 1)) || i == 0 || !digit(look(a, i - 1))) {
			return i;
		}
	}
}

static bool luhn(const char *digits, size_t count)
{
	int sum = 0;

	for (size_t i = 0; i < count; i++) {
		int d = digits[count - 1 - i] - '0';
		if (i % 2)
			d = d > 4 ? 2 * d - 9 : 2 * d;
		sum += d;
	}
	return sum % 10 == 0;
}

static size_t card(const struct at *a, enum pii_kind *kind)
{
	char digits[20];
	size_t count, used = digits_run(a, digits, 19, &count);

	if (count < 12 || digits[0] < '2' || digits[0] > '6' || !luhn(digits, count) ||
	    (count < 13 && digits[0] != '5' && digits[0] != '6') || letter(look(a, used)))
		return 0;
	*kind = PII_CARD;
	return used;
}

static int number_at(const struct at *a, size_t from, size_t count)
{
	int number = 0;

	for (size_t i = 0; i < count; i++) {
		if (!digit(look(a, from + i)))
			return -1;
		number = number * 10 + (look(a, from + i) - '0');
	}
	return number;
}

/* 123-45-6789 with areas, groups and serials that are given out. */
static size_t us_ssn(const struct at *a)
{
	int area = number_at(a, 0, 3), group = number_at(a, 4, 2), serial = number_at(a, 7, 4);

	if (look(a, 3) != '-' || look(a, 6) != '-' || digit(look(a, 11)) || look(a, 11) == '-')
		return 0;
	return area > 0 && area != 666 && area < 900 && group > 0 && serial > 0 ? 11 : 0;
}

/* QQ 12 34 56 C */
static size_t uk_nino(const struct at *a)
{
	char packed[10];
	size_t i = 0, count = 0;

	while (count < 9 && (alnum(look(a, i)) || (look(a, i) == ' ' && alnum(look(a, i + 1))))) {
		if (look(a, i) != ' ')
			packed[count++] = look(a, i);
		i++;
	}
	if (count < 9 || alnum(look(a, i)) || !capital(packed[0]) || !capital(packed[1]) || strchr("DFIQUV", packed[0]) ||
	    strchr("DFIOQUV", packed[1]) || packed[8] < 'A' || packed[8] > 'D')
		return 0;
	for (size_t k = 2; k < 8; k++)
		if (!digit(packed[k]))
			return 0;
	return i;
}

/* 12345678Z, X1234567L: the letter is the number modulo 23. */
static size_t spanish_id(const struct at *a)
{
	static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";
	const char *foreign = look(a, 0) ? strchr("XYZ", look(a, 0)) : NULL;
	int number = foreign ? number_at(a, 1, 7) : number_at(a, 0, 8);

	if (number < 0 || wordly(look(a, 9)))
		return 0;
	if (foreign)
		number += (int)(foreign - "XYZ") >= 0 ? (look(a, 0) - 'X') * 10000000 : 0;
	return look(a, 8) == letters[number % 23] ? 9 : 0;
}

/* 13 digits and a key of two: 97 less the number modulo 97. */
static size_t french_id(const struct at *a)
{
	char digits[16];
	size_t count, used = digits_run(a, digits, 15, &count);
	int64_t number = 0;

	if (count != 15 || digits[0] < '1' || digits[0] > '2')
		return 0;
	for (size_t i = 0; i < 13; i++)
		number = number * 10 + (digits[i] - '0');
	return 97 - number % 97 == (digits[13] - '0') * 10 + (digits[14] - '0') ? used : 0;
}

/* RSSMRA85T10A562S, by its shape. */
static size_t italian_id(const struct at *a)
{
	static const char shape[] = "AAAAAA00A00A000A";

	for (size_t i = 0; i < 16; i++)
		if (shape[i] == 'A' ? !capital(look(a, i)) : !digit(look(a, i)))
			return 0;
	return wordly(look(a, 16)) ? 0 : 16;
}

static size_t national_id(const struct at *a, enum pii_kind *kind)
{
	static size_t (*const ids[])(const struct at *) = {us_ssn, uk_nino, spanish_id, french_id, italian_id};

	*kind = PII_NATIONAL_ID;
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		size_t len = ids[i](a);
		if (len)
			return len;
	}
	return 0;
}

/* Four numbers to 255 with dots between and nothing wordly behind. */
static size_t ip_v4(const struct at *a)
{
	size_t i = 0;

	for (int part = 0; part < 4; part++) {
		size_t start = i;
		int value = 0;
		while (digit(look(a, i)) && i - start < 3)
			value = value * 10 + (look(a, i++) - '0');
		if (i == start || value > 255 || (i - start > 1 && look(a, start) == '0'))
			return 0;
		if (part < 3 && look(a, i++) != '.')
			return 0;
	}
	return wordly(look(a, i)) || (look(a, i) == '.' && digit(look(a, i + 1))) ? 0 : i;
}

/* Four numbers that count something else: "version 1.2.3.4", "section 3.1.4.2", "Chrome/120.0.0.0". */
static bool numbers_a_version(const struct at *a)
{
	static const char *const words[] = {"version", "versions", "ver", "v", "release", "build", "firmware", "driver", "patch", "update",
		"section", "sections", "chapter", "clause", "paragraph", "figure", "table", "appendix", "item", "rule", "oid", "revision", "rev"};
	size_t end = a->pos, start;

	if (end && a->text.ptr[end - 1] == '/') {
		for (start = end - 1; start && letter(a->text.ptr[start - 1]);)
			start--;
		return start < end - 1 && capital(a->text.ptr[start]) && !capital(a->text.ptr[start + 1]);
	}
	while (end && strchr(" :=#.", a->text.ptr[end - 1]))
		end--;
	for (start = end; start && letter(a->text.ptr[start - 1]);)
		start--;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (str_equal_nocase((struct str){a->text.ptr + start, end - start}, str_of(words[i])))
			return true;
	return false;
}

static bool hex(char c)
{
	return digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* What the walk over an IPv6 address has seen. */
struct groups {
	size_t count, pairs; /* pairs: groups of two digits, as octets are written */
	bool gap, digits;
};

/* One group of hex digits, or an IPv4 address at the end (*last); its length, 0 when there is none. */
static size_t ip_v6_group(const struct at *a, size_t i, struct groups *g, bool *last)
{
	struct at there = {a->text, a->pos + i};
	size_t len = 0, v4 = i ? ip_v4(&there) : 0;

	*last = v4 > 0;
	if (v4) {
		g->count += 2;
		g->digits = true;
		return v4;
	}
	while (len < 5 && hex(look(&there, len)))
		g->digits |= digit(look(&there, len++));
	g->count++;
	g->pairs += len == 2;
	return len <= 4 ? len : 0;
}

/* Behind a group and a colon: the middle of a longer row. Behind "x[": a slice of a list. */
static bool inside_something(const struct at *a)
{
	size_t i = a->pos, run = 0;

	if (i > 1 && a->text.ptr[i - 1] == '[')
		return wordly(a->text.ptr[i - 2]) || a->text.ptr[i - 2] == ')';
	if (i == 0 || a->text.ptr[i - 1] != ':')
		return false;
	while (i - 1 > run && hex(a->text.ptr[i - 2 - run]))
		run++;
	return run > 0 && run <= 4 && !(i - 1 > run && wordly(a->text.ptr[i - 2 - run]));
}

/* "%eth0" behind a link-local address. */
static size_t zone(const struct at *a, size_t i)
{
	size_t end = i + 1;

	if (look(a, i) != '%' || !alnum(look(a, end)))
		return i;
	while (alnum(look(a, end)) || look(a, end) == '-')
		end++;
	return end;
}

/* RFC 4291: eight groups, or fewer around one "::", the last two perhaps as an IPv4 address. A name like "dead::beef"
 * has no digit; eight pairs are a hardware address. */
static size_t ip_v6(const struct at *a)
{
	struct groups g = {0};
	bool last = false;
	size_t i = 0, len;

	if (inside_something(a))
		return 0;
	for (;;) {
		if (look(a, i) == ':' && look(a, i + 1) == ':') {
			if (g.gap)
				return 0;
			g.gap = true;
			i += 2;
			if (!hex(look(a, i)))
				break;
		} else if (i > 0) {
			if (look(a, i) != ':' || !hex(look(a, i + 1)))
				break;
			i++;
		}
		if ((len = ip_v6_group(a, i, &g, &last)) == 0)
			return 0;
		i += len;
		if (last)
			break;
	}
	if (wordly(look(a, i)) || !g.digits || (g.gap ? g.count == 0 || g.count > 7 : g.count != 8 || g.pairs == 8))
		return 0;
	if (look(a, i) == ':' && look(a, i + 1) == ':')
		return 0;
	return zone(a, i);
}

static size_t ip(const struct at *a, enum pii_kind *kind)
{
	size_t len = ip_v4(a);

	*kind = PII_IP;
	if (len)
		return numbers_a_version(a) ? 0 : len;
	return ip_v6(a);
}

/* A word like "phone" among the last few words before this place. */
static bool cued(const struct at *a)
{
	static const char *const cues[] = {"phone", "call", "tel", "mobile", "cell", "fax", "whatsapp", "dial", "reach",
		"number is", "contact", "text me", "ring"};
	size_t from = a->pos > 40 ? a->pos - 40 : 0;

	for (size_t at = from; at < a->pos; at++)
		for (size_t i = 0; i < sizeof cues / sizeof cues[0]; i++) {
			struct at there = {a->text, at};
			if ((at == 0 || !letter(a->text.ptr[at - 1])) && starts(&there, cues[i]))
				return true;
		}
	return false;
}

/* "x123", "ext. 123" behind a number. */
static size_t extension(const struct at *a, size_t i)
{
	static const char *const words[] = {"x", " x", " ext. ", " ext ", "ext", " extension "};

	for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
		struct at there = {a->text, a->pos + i};
		size_t len = strlen(words[w]), end = len;
		if (!starts(&there, words[w]))
			continue;
		while (digit(look(&there, end)))
			end++;
		if (end > len && end - len <= 6 && !wordly(look(&there, end)))
			return i + end;
	}
	return i;
}

/* 2024-01-31, 1/31/2024, 31.01.2024: a day, which no one can call. */
static bool date(const struct at *a)
{
	size_t i = 0, lengths[3] = {0};
	char mark = '\0';

	for (size_t part = 0; part < 3; part++) {
		while (digit(look(a, i)) && lengths[part] < 5) {
			lengths[part]++;
			i++;
		}
		if (part == 2)
			break;
		if (!look(a, i) || !strchr("-/.", look(a, i)) || (part && look(a, i) != mark))
			return false;
		mark = look(a, i++);
	}
	if (digit(look(a, i)) || lengths[1] > 2 || lengths[1] == 0)
		return false;
	return (lengths[0] == 4 && lengths[2] <= 2 && lengths[2]) || (lengths[0] && lengths[0] <= 2 && (lengths[2] == 4 || (mark == '/' && lengths[2] == 2)));
}

static size_t phone(const struct at *a, enum pii_kind *kind)
{
	size_t i = 0, digits = 0, groups = 0, run = 0, longest = 0, end = 0;
	bool plus = look(a, 0) == '+', bracket = false, dots = false, dashes = false;
	struct at within = {a->text, a->pos + 1};

	for (;; i++) {
		char c = look(a, i);
		if (digit(c)) {
			digits++;
			run++;
			end = i + 1;
			continue;
		}
		groups += run > 0;
		longest = run > longest ? run : longest;
		run = 0;
		bracket |= c == '(';
		dots |= c == '.';
		dashes |= c == '-';
		if (c == '\0' || !strchr("+ -.()/", c) || (c == '+' && i > 0) || (c == '/' && i == 0))
			break;
		/* at most two marks in a row, and no blank pair: "(0) 30", ") " */
		if (i > 0 && strchr(" -./", c) && look(a, i - 1) && strchr(" -./", look(a, i - 1)))
			break;
	}
	if (ip_v4(look(a, 0) == '(' ? &within : a)) /* of a version: no one can call that either */
		return 0;
	if (digits < 7 || digits > (plus || starts(a, "00") ? 15 : 12) || longest > 12)
		return 0;
	if (date(a) || (digits == 9 && look(a, 3) == '-' && look(a, 6) == '-')) /* a social security number's shape */
		return 0;
	if (dots && !dashes && !bracket && !plus && groups < 3) /* a decimal number */
		return 0;
	if (memchr(a->text.ptr + a->pos, '/', end) && !plus && !bracket && !cued(a))
		return 0;
	if (!plus && !bracket && groups < 3 && !cued(a) && !(groups == 2 && ((dashes && digits != 8) || look(a, 0) == '0')))
		return 0; /* two fours with a dash are pages, years or pixels */
	if (!plus && groups >= 3 && !dashes && !dots && !bracket && digits < 8 && !cued(a))
		return 0;
	end = extension(a, end);
	if (wordly(look(a, end)))
		return 0;
	*kind = PII_PHONE;
	return end;
}

/* One to three capitalised words. */
static size_t capitalised(const struct at *a, size_t from, size_t most)
{
	size_t end = 0, i = from;

	for (size_t words = 0; words < most; words++) {
		size_t start = i;
		if (!capital(look(a, i)) && (unsigned char)look(a, i) < 0xc3)
			break;
		while (wordly(look(a, i)) || look(a, i) == '\'' || look(a, i) == '-')
			i++;
		if (i - start < 2)
			break;
		end = i;
		if (look(a, i) != ' ')
			break;
		i++;
	}
	return end;
}

/* The words behind which a name stands; the span is the name alone. */
static const char *const name_cues[] = {"my name is ", "name is ", "i am called ", "mr. ", "mrs. ", "ms. ", "dr. ",
	"mr ", "mrs ", "ms ", "miss ", "prof. ", "signed, ", "regards, ", "sincerely, "};

static size_t name(const struct at *a, enum pii_kind *kind)
{
	if (!capital(look(a, 0)) && (unsigned char)look(a, 0) < 0xc3)
		return 0;
	for (size_t i = 0; i < sizeof name_cues / sizeof name_cues[0]; i++) {
		size_t len = strlen(name_cues[i]);
		struct at there = {a->text, a->pos - len};
		if (a->pos < len || (there.pos && wordly(a->text.ptr[there.pos - 1])) || !starts(&there, name_cues[i]))
			continue;
		*kind = PII_NAME;
		return capitalised(a, 0, 3);
	}
	return 0;
}

static size_t address(const struct at *a, enum pii_kind *kind)
{
	static const char *const streets[] = {"street", "st.", "avenue", "ave", "road", "rd.", "lane", "drive", "boulevard",
		"blvd", "court", "square", "way", "terrace", "highway", "strasse", "straße", "platz", "weg", "allee"};
	size_t i = 0, end = 0;

	while (digit(look(a, i)))
		i++;
	if (i == 0 || i > 5 || look(a, i) != ' ')
		return 0;
	for (size_t words = 0; words < 5 && look(a, i) == ' '; words++) {
		size_t start = ++i, w;
		while (wordly(look(a, i)) || look(a, i) == '.' || look(a, i) == '\'')
			i++;
		if (i == start || !(capital(look(a, start)) || digit(look(a, start)) || (unsigned char)look(a, start) >= 0xc3))
			break;
		for (w = 0; w < sizeof streets / sizeof streets[0]; w++)
			if (str_equal_nocase((struct str){a->text.ptr + a->pos + start, i - start}, str_of(streets[w])) && words > 0)
				end = i;
		if (end)
			break;
	}
	*kind = PII_ADDRESS;
	return end;
}

static size_t detect(const struct at *a, enum pii_kind *kind)
{
	static size_t (*const detectors[])(const struct at *, enum pii_kind *) = {
		url, email, secret, iban, card, national_id, ip, address, phone, name,
	};

	for (size_t i = 0; i < sizeof detectors / sizeof detectors[0]; i++) {
		size_t len = detectors[i](a, kind);
		if (len)
			return len;
	}
	return 0;
}

/* Something may begin here: not inside a word or a number. */
static bool may_begin(const struct at *a)
{
	char before = behind(a), c = look(a, 0);

	if (c == '(' || c == '+' || c == '-' || c == ':')
		return !wordly(before) && before != c;
	if (!wordly(c) || wordly(before))
		return false;
	return !((before == '.' || before == '-' || before == '/') && a->pos > 1 && digit(a->text.ptr[a->pos - 2]) && digit(c));
}

/* A long row of digits that was nothing is not looked at again from its middle: bytes to step over. */
static size_t unrecognised(const struct at *a)
{
	size_t i = 0, digits = 0;

	while (digit(look(a, i)) || ((look(a, i) == ' ' || look(a, i) == '-') && digit(look(a, i + 1))))
		digits += digit(look(a, i++));
	return digits > 12 ? i : 1;
}

/* The address that a URL has for its host: a span of its own within, since the URL itself is not taken out. */
static size_t host_of(struct str text, const struct pii_span *url, struct pii_span *out)
{
	struct at a = {{text.ptr, url->end}, url->start};

	while (a.pos < url->end && look(&a, 0) != '/')
		a.pos++;
	while (look(&a, 0) == '/' || look(&a, 0) == '[')
		a.pos++;
	*out = (struct pii_span){PII_IP, a.pos, 0};
	out->end = a.pos + ip(&a, &out->kind);
	return out->end > a.pos;
}

/* The second of two addresses in "10.0.0.1-10.0.0.9". */
static bool ends_a_range(const struct at *a, const struct pii_span *before)
{
	return before->kind == PII_IP && before->end + 1 == a->pos && strchr("-/", behind(a)) && ip_v4(a);
}

size_t pii_find(struct str text, struct pii_span *out, size_t cap)
{
	struct at a = {text, 0};
	size_t count = 0;

	while (a.pos < text.len && count < cap) {
		enum pii_kind kind = PII_KIND_COUNT;
		bool begins = may_begin(&a) || (count && ends_a_range(&a, &out[count - 1]));
		size_t len = begins ? detect(&a, &kind) : 0;
		if (len) {
			out[count++] = (struct pii_span){kind, a.pos, a.pos + len};
			if (kind == PII_URL && count < cap)
				count += host_of(text, &out[count - 1], &out[count]);
			a.pos += len;
		} else {
			a.pos += begins && digit(look(&a, 0)) ? unrecognised(&a) : 1;
		}
	}
	return count;
}

void pii_redact(struct str text, const struct pii_span *spans, size_t count, struct buf *out)
{
	size_t done = 0;

	for (size_t i = 0; i < count; i++) {
		if (spans[i].kind == PII_URL)
			continue;
		buf_append(out, text.ptr + done, spans[i].start - done);
		buf_puts(out, pii_placeholder(spans[i].kind));
		done = spans[i].end;
	}
	if (text.len > done)
		buf_append(out, text.ptr + done, text.len - done);
}
