/* Patterns are matched with one place to go back to, the last star: no nesting of stars costs more than the
 * text's length times the pattern's. Searching is memmem(), which is linear. */
#include "store/ask_functions.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/sql.h"

/* ── patterns ──────────────────────────────────────────────────────────────────────────────── */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Bytes of the UTF-8 character at `p`; one for a stray byte. */
static size_t width_of(const char *p, const char *end)
{
	size_t n = 1;

	while (p + n < end && n < 4 && (p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* One piece of a pattern against the character at `text`. *piece: bytes of the pattern it took. */
typedef bool piece_fn(const char *p, const char *end, const char *text, size_t width, char escape, size_t *piece);

static bool like_piece(const char *p, const char *end, const char *text, size_t width, char escape, size_t *piece)
{
	size_t skip = escape && *p == escape && p + 1 < end;

	if (!skip && *p == '_') {
		*piece = 1;
		return true;
	}
	size_t n = width_of(p + skip, end);

	*piece = skip + n;
	return n == width && (n == 1 ? lower(p[skip]) == lower(*text) : memcmp(p + skip, text, n) == 0);
}

/* "[a-z]", "[^x]": by bytes; characters beyond ASCII match themselves only. */
static bool glob_class(const char *p, const char *end, const char *text, size_t width, size_t *piece)
{
	const char *at = p + 1;
	bool inverted = at < end && *at == '^', hit = false;

	at += inverted;
	for (const char *first = at; at < end && (*at != ']' || at == first);) {
		size_t n = width_of(at, end);

		if (n == 1 && width == 1 && at + 2 < end && at[1] == '-' && at[2] != ']') {
			hit |= *text >= at[0] && *text <= at[2];
			at += 3;
		} else {
			hit |= n == width && memcmp(at, text, n) == 0;
			at += n;
		}
	}
	*piece = (size_t)(at - p) + (at < end);
	return at < end && hit != inverted;
}

static bool glob_piece(const char *p, const char *end, const char *text, size_t width, char escape, size_t *piece)
{
	(void)escape;
	if (*p == '[')
		return glob_class(p, end, text, width, piece);
	*piece = width_of(p, end);
	return *p == '?' || (*piece == width && memcmp(p, text, width) == 0);
}

static bool matches(struct str pattern, struct str text, char star, char escape, piece_fn *fits)
{
	const char *p = pattern.ptr, *end = p + pattern.len, *t = text.ptr, *stop = t + text.len;
	const char *back_p = NULL, *back_t = NULL;

	while (t < stop) {
		size_t width = width_of(t, stop), piece;

		if (p < end && *p == star && !(escape && *p == escape)) {
			back_p = ++p;
			back_t = t;
		} else if (p < end && fits(p, end, t, width, escape, &piece)) {
			p += piece;
			t += width;
		} else if (back_p) {
			back_t += width_of(back_t, stop);
			p = back_p;
			t = back_t;
		} else {
			return false;
		}
	}
	while (p < end && *p == star)
		p++;
	return p == end;
}

static struct str text_arg(sqlite3_value *v)
{
	const char *text = (const char *)sqlite3_value_text(v);

	return text ? (struct str){text, (size_t)sqlite3_value_bytes(v)} : (struct str){"", 0};
}

static bool any_null(int argc, sqlite3_value **argv)
{
	for (int i = 0; i < argc; i++)
		if (sqlite3_value_type(argv[i]) == SQLITE_NULL)
			return true;
	return false;
}

static void do_match(sqlite3_context *c, int argc, sqlite3_value **argv, char star, piece_fn *fits)
{
	struct str pattern = text_arg(argv[0]), text = text_arg(argv[1]), escape = argc > 2 ? text_arg(argv[2]) : (struct str){"", 0};

	if (any_null(argc, argv))
		return;
	if (pattern.len > ASK_PATTERN_MAX_BYTES)
		sqlite3_result_error(c, "LIKE or GLOB pattern too complex", -1);
	else if (argc > 2 && escape.len != 1)
		sqlite3_result_error(c, "ESCAPE expression must be a single character", -1);
	else
		sqlite3_result_int(c, matches(pattern, text, star, escape.len ? escape.ptr[0] : '\0', fits));
}

static void do_like(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	do_match(c, argc, argv, '%', like_piece);
}

static void do_glob(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	do_match(c, argc, argv, '*', glob_piece);
}

/* ── searching ─────────────────────────────────────────────────────────────────────────────── */

static void do_instr(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	struct str text = text_arg(argv[0]), part = text_arg(argv[1]);
	const char *hit;
	int64_t at = 1;

	if (any_null(argc, argv))
		return;
	hit = part.len ? memmem(text.ptr, text.len, part.ptr, part.len) : text.ptr;
	for (const char *p = text.ptr; hit && p < hit; p += width_of(p, hit))
		at++;
	sqlite3_result_int64(c, hit ? at : 0);
}

static void do_replace(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	struct str text = text_arg(argv[0]), from = text_arg(argv[1]), to = text_arg(argv[2]);
	struct buf out = {0};
	const char *hit;

	if (any_null(argc, argv))
		return;
	while (from.len && out.len <= ASK_VALUE_MAX_BYTES && (hit = memmem(text.ptr, text.len, from.ptr, from.len)) != NULL) {
		buf_append(&out, text.ptr, (size_t)(hit - text.ptr));
		buf_append_str(&out, to);
		text.len -= (size_t)(hit + from.len - text.ptr);
		text.ptr = hit + from.len;
	}
	buf_append_str(&out, text);
	if (out.len > ASK_VALUE_MAX_BYTES)
		sqlite3_result_error_toobig(c);
	else
		sqlite3_result_text64(c, out.data ? out.data : "", out.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	buf_fini(&out);
}

/* Which ends: bit 0 the left one, bit 1 the right one. */
static void do_trim(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	struct str text = text_arg(argv[0]), set = argc > 1 ? text_arg(argv[1]) : STR_LIT(" ");
	int ends = (int)(intptr_t)sqlite3_user_data(c);

	if (any_null(argc, argv))
		return;
	if (set.len > 64) {
		sqlite3_result_error(c, "trim takes at most 64 characters to take away", -1);
		return;
	}
	while (ends & 1 && text.len && memchr(set.ptr, text.ptr[0], set.len)) {
		text.ptr++;
		text.len--;
	}
	while (ends & 2 && text.len && memchr(set.ptr, text.ptr[text.len - 1], set.len))
		text.len--;
	sqlite3_result_text64(c, text.ptr, text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

int ask_functions_add(sqlite3 *db, struct err *err)
{
	static const struct {
		const char *name;
		int args;
		intptr_t data;
		void (*does)(sqlite3_context *c, int argc, sqlite3_value **argv);
	} functions[] = {
		{"like", 2, 0, do_like}, {"like", 3, 0, do_like}, {"glob", 2, 0, do_glob}, {"instr", 2, 0, do_instr}, {"replace", 3, 0, do_replace},
		{"trim", 1, 3, do_trim}, {"trim", 2, 3, do_trim}, {"ltrim", 1, 1, do_trim}, {"ltrim", 2, 1, do_trim}, {"rtrim", 1, 2, do_trim},
		{"rtrim", 2, 2, do_trim},
	};
	const int how = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;

	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (sqlite3_create_function(db, functions[i].name, functions[i].args, how, (void *)functions[i].data, functions[i].does, NULL,
		                            NULL) != SQLITE_OK)
			return sql_fail(db, "store", err);
	return 0;
}

bool ask_function_allowed(const char *name)
{
	static const char *const allowed[] = {
		"->", "->>", "abs", "acos", "asin", "atan", "atan2", "avg", "ceil", "ceiling", "char", "coalesce", "concat", "concat_ws", "cos", "count",
		"cume_dist", "current_date", "current_time", "current_timestamp", "date", "datetime", "degrees", "dense_rank", "exp",
		"first_value", "floor", "format", "glob", "group_concat", "hex", "ifnull", "iif", "instr", "json", "json_array", "json_array_length",
		"json_each", "json_extract", "json_group_array", "json_group_object", "json_object", "json_quote", "json_tree", "json_type",
		"json_valid", "julianday", "lag", "last_value", "lead", "length", "like", "likelihood", "likely", "ln", "log", "log10", "log2", "lower",
		"ltrim", "max", "min", "mod", "nth_value", "ntile", "nullif", "octet_length", "percent_rank", "pi", "pow", "power", "printf",
		"quote", "radians", "random", "randomblob", "rank", "replace", "request_field", "rollup_field", "round", "row_number", "rtrim",
		"sign", "sin", "sqrt", "strftime", "string_agg", "substr", "substring", "sum", "tan", "time", "timediff", "total", "trim", "trunc",
		"typeof", "unhex", "unicode", "unixepoch", "unlikely", "upper", "zeroblob",
	};

	for (size_t i = 0; name && i < sizeof allowed / sizeof *allowed; i++)
		if (str_equal_nocase(str_of(name), str_of(allowed[i])))
			return true;
	return false;
}

/* ── names of a WITH ───────────────────────────────────────────────────────────────────────── */

/* The next word of a statement: an identifier (without its quotes), or one character. Comments and blanks are
 * passed over. Empty at the end. */
static struct str next_word(struct str *sql)
{
	const char *p = sql->ptr, *end = p + sql->len, *from;

	for (;;) {
		while (p < end && strchr(" \t\n\f\r\v", *p) && *p)
			p++;
		if (end - p >= 2 && p[0] == '-' && p[1] == '-') {
			while (p < end && *p != '\n')
				p++;
		} else if (end - p >= 2 && p[0] == '/' && p[1] == '*') {
			const char *close = memmem(p + 2, (size_t)(end - p - 2), "*/", 2);
			p = close ? close + 2 : end;
		} else {
			break;
		}
	}
	from = p;
	if (p < end && strchr("\"'`[", *p) && *p) {
		char close = *p == '[' ? ']' : *p;

		for (from = ++p; p < end && *p != close; p++)
			;
		struct str word = {from, (size_t)(p - from)};

		p += p < end;
		*sql = (struct str){p, (size_t)(end - p)};
		return word.len ? word : STR_LIT("\"\"");
	}
	while (p < end && ((*p & 0x80) || *p == '_' || *p == '$' || (*p >= '0' && *p <= '9') || (lower(*p) >= 'a' && lower(*p) <= 'z')))
		p++;
	p += p == from && p < end;
	*sql = (struct str){p, (size_t)(end - p)};
	return (struct str){from, (size_t)(p - from)};
}

static bool is_word(struct str word, const char *text)
{
	return str_equal_nocase(word, str_of(text));
}

bool ask_shadows_view(struct str sql)
{
	struct str word = next_word(&sql);

	while (word.len) {
		bool view = word.len > 2 && lower(word.ptr[0]) == 'v' && word.ptr[1] == '_';

		word = next_word(&sql);
		if (!view)
			continue;
		if (is_word(word, "(")) /* a list of columns: only a WITH gives a view's name one */
			return true;
		if (!is_word(word, "AS"))
			continue;
		struct str rest = sql, after = next_word(&rest);

		if (is_word(after, "NOT"))
			after = next_word(&rest);
		if (is_word(after, "MATERIALIZED") || is_word(after, "("))
			return true;
	}
	return false;
}
