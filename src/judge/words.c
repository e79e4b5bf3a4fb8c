/* A word is a run of letters (ASCII and beyond) with apostrophes inside. Emoticons are tried before
 * punctuation, longest first. */
#include "judge/words.h"

#include <string.h>

#include "base/utf8.h"

static bool is_space(uint32_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == 0xa0 || (c >= 0x2000 && c <= 0x200a);
}

static bool is_ascii_letter(uint32_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Letters beyond ASCII, near enough: Latin, Greek, Cyrillic and other alphabets, no punctuation. */
static bool is_letter(uint32_t c)
{
	return is_ascii_letter(c) || (c >= 0xc0 && c <= 0x1fff && c != 0xd7 && c != 0xf7);
}

static bool is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_apostrophe(uint32_t c)
{
	return c == '\'' || c == 0x2019 || c == 0x02bc;
}

static bool is_emoji(uint32_t c)
{
	return (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x2600 && c <= 0x27bf) || c == 0x2b50 || c == 0x203c;
}

static const char *const emoticons[] = {
	":'-(", ":'-)", ">:-(", ":-))", ":-((", ":'(", ":')", ":-)", ":-(", ":-D", ":-P", ":-/", ":-|", ":-*",
	";-)", "8-)", "B-)", "=-)", ">:(", ":))", ":((", "<3", "</3", ":)", ":(", ":D", ":P", ":p", ":/", ":|",
	":*", ";)", ";D", "=)", "=(", "=D", "=/", "XD", "xD", "^^", "D:", ":S", ":O", ":o",
	":-@", ":-o", ":-O", ":-p", ":-[", ":-]", ":-\\", ";-D", ";p", ";P", "=P", "=p", "(:", "(-:", "<3333", "<333",
	"<33", "^_^", "^-^", "-_-", ":'D", ":]", "&lt;3",
};

/* HTML that messages are left with: "&amp;", "&#39;". Its length, 0 when there is none. */
static size_t entity_at(struct str s)
{
	size_t i = 1;

	while (i < s.len && i < 8 && (is_ascii_letter((unsigned char)s.ptr[i]) || is_digit((unsigned char)s.ptr[i]) || s.ptr[i] == '#'))
		i++;
	return i > 2 && i < s.len && s.ptr[i] == ';' ? i + 1 : 0;
}

/* What an emoticon begins with. */
static bool may_be_emoticon(char c)
{
	static const char first[] = ":;8B=><XxD^(-&";

	return memchr(first, c, sizeof first - 1) != NULL;
}

static size_t emoticon_at(struct str s)
{
	size_t longest = 0;

	if (!may_be_emoticon(s.ptr[0]))
		return 0;

	for (size_t i = 0; i < sizeof emoticons / sizeof emoticons[0]; i++) {
		size_t len = strlen(emoticons[i]);
		if (len > longest && s.len >= len && memcmp(s.ptr, emoticons[i], len) == 0)
			longest = len;
	}
	/* a face of letters alone stands by itself: "xD", not "oO" in a word */
	if (longest && is_ascii_letter((unsigned char)s.ptr[0]) && s.len > longest && is_ascii_letter((unsigned char)s.ptr[longest]))
		return 0;
	/* "http://", "10:30" and "a:b" are no faces */
	if (longest && s.len > longest && (is_digit((unsigned char)s.ptr[longest]) || s.ptr[longest] == '/'))
		return 0;
	return longest;
}

static uint32_t peek(struct str s, size_t *bytes)
{
	if ((unsigned char)*s.ptr < 0x80) {
		*bytes = 1;
		return (unsigned char)*s.ptr;
	}
	const char *at = s.ptr;
	uint32_t c = utf8_decode(&at, s.ptr + s.len);

	*bytes = (size_t)(at - s.ptr);
	return c;
}

static void advance(struct str *rest, size_t bytes)
{
	rest->ptr += bytes;
	rest->len -= bytes;
}

static bool take(struct str *rest, struct word *out, enum word_kind kind, size_t bytes)
{
	out->kind = kind;
	out->text = (struct str){rest->ptr, bytes};
	advance(rest, bytes);
	return true;
}

static void add_lower(struct word *w, uint32_t c, uint32_t *last, int *run)
{
	char bytes[4];
	size_t len;

	if (c >= 'A' && c <= 'Z')
		c |= 0x20;
	else if ((c >= 0xc0 && c <= 0xde) || (c >= 0x410 && c <= 0x42f))
		c += 0x20;
	*run = c == *last ? *run + 1 : 1;
	*last = c;
	if (*run == 3) { /* "soooo": back to one */
		w->stretched = true;
		if (w->len)
			w->len--;
	}
	if (*run >= 3)
		return;
	if (c < 0x80) {
		if (w->len + 1 < WORD_MAX_BYTES)
			w->lower[w->len++] = (char)c;
		return;
	}
	len = utf8_encode(c, bytes);
	if (w->len + len >= WORD_MAX_BYTES)
		return;
	memcpy(w->lower + w->len, bytes, len);
	w->len = (uint8_t)(w->len + len);
}

bool words_restretch(struct word *w, unsigned doubled)
{
	struct str s = w->text;
	uint32_t last = 0;
	unsigned runs = 0;
	int run = 0;

	w->len = 0;
	while (s.len) {
		size_t bytes;
		uint32_t c = peek(s, &bytes);

		advance(&s, bytes);
		add_lower(w, is_apostrophe(c) ? '\'' : c, &last, &run);
		if (run != 3)
			continue;
		if (doubled >> runs++ & 1 && last < 0x80 && w->len + 1 < WORD_MAX_BYTES)
			w->lower[w->len++] = (char)last;
	}
	w->lower[w->len] = '\0';
	return doubled >> runs == 0;
}

static bool take_letters(struct str *rest, struct word *out)
{
	struct str s = *rest;
	size_t used = 0, bytes, letters = 0, small = 0;
	uint32_t last = 0;
	int run = 0;

	out->len = 0;
	out->stretched = out->tag = false;
	while (s.len) {
		uint32_t c = peek(s, &bytes);
		if (is_apostrophe(c)) {
			size_t next_bytes;
			struct str after = {s.ptr + bytes, s.len - bytes};
			if (!after.len || !is_letter(peek(after, &next_bytes)))
				break;
			c = '\'';
		} else if (!is_letter(c)) {
			break;
		} else {
			letters++;
			small += !(c >= 'A' && c <= 'Z');
		}
		add_lower(out, c, &last, &run);
		used += bytes;
		advance(&s, bytes);
	}
	out->lower[out->len] = '\0';
	out->capitals = letters >= 2 && small == 0;
	return take(rest, out, WORD_LETTERS, used);
}

static size_t run_of(struct str s, bool (*in)(uint32_t))
{
	size_t used = 0, bytes;

	while (used < s.len) {
		uint32_t c = peek((struct str){s.ptr + used, s.len - used}, &bytes);
		if (!in(c))
			break;
		used += bytes;
	}
	return used;
}

static bool in_link(uint32_t c)
{
	return !is_space(c) && c != '\n' && c != '"' && c != '<' && c != '>' && c != UTF8_BAD;
}

static bool in_number(uint32_t c)
{
	return is_digit(c) || c == '.' || c == ',' || c == '%' || c == ':';
}

static size_t link_at(struct str s)
{
	static const char *const heads[] = {"http://", "https://", "www.", "@"};

	if (*s.ptr != 'h' && *s.ptr != 'w' && *s.ptr != '@')
		return 0;

	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
		if (s.len > strlen(heads[i]) && str_starts_with(s, str_of(heads[i])) &&
		    (i < 3 || is_ascii_letter((unsigned char)s.ptr[1])))
			return run_of(s, in_link);
	return 0;
}

static bool take_mark(struct str *rest, struct word *out, uint32_t c, size_t bytes)
{
	static const struct { uint32_t c; enum word_kind kind; } marks[] = {
		{'.', WORD_STOP}, {';', WORD_STOP}, {':', WORD_STOP}, {'\n', WORD_STOP}, {0x2026, WORD_STOP},
		{'(', WORD_STOP}, {')', WORD_STOP}, {0x2014, WORD_STOP}, {',', WORD_COMMA},
		{'?', WORD_QUESTION}, {'!', WORD_SHOUT}, {0x203c, WORD_SHOUT},
	};

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (marks[i].c == c)
			return take(rest, out, marks[i].kind, bytes);
	return false;
}

bool words_next(struct str *rest, struct word *out)
{
	bool tag = false;

	while (rest->len) {
		size_t bytes, len;
		uint32_t c = peek(*rest, &bytes);
		if ((len = link_at(*rest)) != 0)
			return take(rest, out, WORD_LINK, len);
		if (c < 0x80 && (len = emoticon_at(*rest)) != 0)
			return take(rest, out, WORD_EMOTICON, len);
		if (is_letter(c)) {
			(void)take_letters(rest, out);
			out->tag = tag;
			return true;
		}
		if (c == '&' && (len = entity_at(*rest)) != 0) {
			advance(rest, len);
			continue;
		}
		tag = c == '#';
		if (is_digit(c))
			return take(rest, out, WORD_NUMBER, run_of(*rest, in_number));
		if (is_emoji(c))
			return take(rest, out, WORD_EMOJI, bytes);
		if (take_mark(rest, out, c, bytes))
			return true;
		advance(rest, bytes);
	}
	return false;
}

size_t words_split(struct str text, struct word *out, size_t cap)
{
	size_t count = 0;

	while (count < cap && words_next(&text, &out[count]))
		count++;
	return count;
}
