/* UTF-8 by hand (Unicode 15, table 3-7), widths from the C library's tables, and the sanitizer
 * for outside text: one character in, a few harmless bytes out. */
#include "base/utf8.h"

#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wchar.h>

#define ELLIPSIS "\xe2\x80\xa6"
#define TABLE_CODEPOINTS 0x20000u /* planes 0 and 1 */

uint32_t utf8_decode(const char **p, const char *end)
{
	const unsigned char *s = (const unsigned char *)*p;
	size_t left = (size_t)(end - *p), need;
	unsigned char low = 0x80, high = 0xbf;
	uint32_t cp;

	if (s[0] < 0x80) {
		*p += 1;
		return s[0];
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		need = 1;
		cp = s[0] & 0x1fu;
	} else if ((s[0] & 0xf0) == 0xe0) {
		need = 2;
		cp = s[0] & 0x0fu;
		low = s[0] == 0xe0 ? 0xa0 : 0x80;
		high = s[0] == 0xed ? 0x9f : 0xbf;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		need = 3;
		cp = s[0] & 0x07u;
		low = s[0] == 0xf0 ? 0x90 : 0x80;
		high = s[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		*p += 1;
		return UTF8_BAD;
	}
	for (size_t i = 1; i <= need; i++) {
		if (i >= left || s[i] < low || s[i] > high) {
			*p += i;
			return UTF8_BAD;
		}
		cp = cp << 6 | (s[i] & 0x3fu);
		low = 0x80;
		high = 0xbf;
	}
	*p += need + 1;
	return cp;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		cp = 0xfffd;
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

bool utf8_valid(struct str s)
{
	const char *p = s.ptr, *end = s.len ? p + s.len : p;

	while (p < end)
		if (utf8_decode(&p, end) == UTF8_BAD)
			return false;
	return true;
}

size_t utf8_count(struct str s)
{
	const char *p = s.ptr, *end = s.len ? p + s.len : p;
	size_t n = 0;

	for (; p < end; n++)
		utf8_decode(&p, end);
	return n;
}

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t cp, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (cp >= ranges[i].first && cp <= ranges[i].last)
			return true;
	return false;
}
#define IN_RANGES(cp, table) in_ranges((cp), (table), sizeof(table) / sizeof((table)[0]))

/* Without the C library's tables: the blocks whose characters are all wide or all combining. */
static int coarse_width(uint32_t cp)
{
	static const struct range combining[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
	                                         {0x610, 0x61a},   {0x64b, 0x65f},   {0x1ab0, 0x1aff},
	                                         {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x20d0, 0x20ff},
	                                         {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
	static const struct range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
	                                    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
	                                    {0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
	                                    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
	                                    {0x20000, 0x2fffd}, {0x30000, 0x3fffd}};

	if (cp >= 0xe0000 || (cp & 0xfffe) == 0xfffe)
		return -1;
	if (IN_RANGES(cp, combining))
		return 0;
	return IN_RANGES(cp, wide) ? 2 : 1;
}

static locale_t width_locale;
static int8_t width_table[TABLE_CODEPOINTS];
static pthread_once_t width_once = PTHREAD_ONCE_INIT;

static int raw_width(uint32_t cp)
{
	if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return cp == 0 ? 0 : -1;
	return width_locale != (locale_t)0 ? wcwidth((wchar_t)cp) : coarse_width(cp);
}

static void fill_width_table(void)
{
	static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8"};
	locale_t before = (locale_t)0;

	for (size_t i = 0; i < 3 && width_locale == (locale_t)0; i++)
		width_locale = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
	if (width_locale != (locale_t)0)
		before = uselocale(width_locale);
	for (uint32_t cp = 0; cp < TABLE_CODEPOINTS; cp++)
		width_table[cp] = (int8_t)raw_width(cp);
	if (width_locale != (locale_t)0)
		uselocale(before);
}

int utf8_width(uint32_t cp)
{
	locale_t before = (locale_t)0;
	int width;

	if (cp >= 0x20 && cp < 0x7f)
		return 1;
	pthread_once(&width_once, fill_width_table);
	if (cp < TABLE_CODEPOINTS)
		return width_table[cp];
	if (width_locale != (locale_t)0)
		before = uselocale(width_locale);
	width = raw_width(cp);
	if (width_locale != (locale_t)0)
		uselocale(before);
	return width;
}

size_t utf8_columns(struct str s)
{
	const char *p = s.ptr, *end = s.len ? p + s.len : p;
	size_t columns = 0;

	while (p < end) {
		uint32_t cp = utf8_decode(&p, end);
		int width = cp == UTF8_BAD ? 1 : utf8_width(cp);

		columns += width > 0 ? (size_t)width : 0;
	}
	return columns;
}

/* Characters that steer, hide or vary the width of others. Private use, too: nobody knows it. */
static bool is_treacherous(uint32_t cp)
{
	static const struct range ranges[] = {
		{0x80, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x600, 0x605},
		{0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},
		{0x8e2, 0x8e2},     {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},
		{0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},
		{0xe000, 0xf8ff},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
		{0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1345f},
		{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0x1f1e6, 0x1f1ff}, {0x1f3fb, 0x1f3ff},
		{0xe0000, 0x10ffff}};

	return IN_RANGES(cp, ranges);
}

/* State of the sanitizer between characters. */
struct cleaner {
	const char *at, *end;
	int marks; /* combining marks on the current base; -1: no base yet */
};
#define CLEAN_MAX_BYTES 4

/* Takes one input character and gives the bytes that stand for it: 0 (dropped) to 4. */
static size_t clean_next(struct cleaner *c, char out[CLEAN_MAX_BYTES])
{
	uint32_t cp = utf8_decode(&c->at, c->end);
	int width;

	if (cp == '\r' && c->at < c->end && *c->at == '\n')
		return 0;
	if (cp == '\t' || cp == '\n')
		cp = ' ';
	if (cp < 0x20 || cp == 0x7f) {
		out[0] = '^';
		out[1] = (char)(cp ^ 0x40);
		c->marks = 0;
		return 2;
	}
	width = cp == UTF8_BAD || (cp >= 0x80 && is_treacherous(cp)) ? -1 : utf8_width(cp);
	if (width == 0 && c->marks >= 0)
		return ++c->marks > 2 ? 0 : utf8_encode(cp, out);
	c->marks = 0;
	return utf8_encode(width <= 0 ? 0xfffd : cp, out);
}

/* Where to stop so that at most max_bytes are read and no character is cut apart. */
static const char *cut_at_character(struct str s, size_t max_bytes)
{
	size_t cut = max_bytes;

	for (int back = 0; back < 3 && cut > 0 && ((unsigned char)s.ptr[cut] & 0xc0) == 0x80; back++)
		cut--;
	return s.ptr + cut;
}

void text_append_harmless(struct buf *out, struct str s, size_t max_bytes)
{
	struct cleaner c = {s.ptr, s.ptr, -1};
	bool cut = s.len > max_bytes;

	if (s.len > 0)
		c.end = cut ? cut_at_character(s, max_bytes) : s.ptr + s.len;
	while (c.at < c.end) {
		char *to = buf_reserve(out, CLEAN_MAX_BYTES);

		if (c.at[0] >= 0x20 && c.at[0] < 0x7f) { /* most of what there is */
			*to = *c.at++;
			c.marks = 0;
			out->len++;
		} else {
			out->len += clean_next(&c, to);
		}
	}
	buf_append(out, ELLIPSIS, cut ? 3 : 0);
}

size_t text_harmless(char *out, size_t cap, struct str s)
{
	struct cleaner c = {s.ptr, s.len ? s.ptr + s.len : s.ptr, -1};
	size_t len = 0;

	if (cap == 0)
		return 0;
	while (c.at < c.end) {
		char bytes[CLEAN_MAX_BYTES];
		size_t n = clean_next(&c, bytes);

		if (n >= cap - len)
			break;
		memcpy(out + len, bytes, n);
		len += n;
	}
	out[len] = '\0';
	return len;
}
