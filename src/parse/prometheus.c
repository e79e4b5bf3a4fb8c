/* A line is gathered in a buffer until its end arrives, then taken apart in one pass. Families' types
 * are kept from their # TYPE lines in a small table: a sample whose name is the family's name plus an
 * ending that belongs to the family's type is counted to that family. */
#include "parse/prometheus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

#define FAMILIES_MAX 20000u

struct prom_parser {
	void (*sample)(void *arg, const struct prom_sample *s);
	void *arg;
	bool openmetrics, overlong;
	struct buf line;
	struct strmap types;  /* family name -> enum prom_type */
	struct buf unescaped; /* label values with escapes, of the line in hand */
	struct err first;     /* first bad line */
	uint64_t line_number, bad_lines;
};

struct prom_parser *prom_parser_new(void (*sample)(void *, const struct prom_sample *), void *arg)
{
	struct prom_parser *p = mem_zalloc(sizeof *p);

	p->sample = sample;
	p->arg = arg;
	return p;
}

void prom_parser_set_openmetrics(struct prom_parser *p, bool openmetrics)
{
	p->openmetrics = openmetrics;
}

void prom_parser_free(struct prom_parser **p)
{
	if (!*p)
		return;
	buf_fini(&(*p)->line);
	buf_fini(&(*p)->unescaped);
	strmap_fini(&(*p)->types);
	free(*p);
	*p = NULL;
}

static void bad_line(struct prom_parser *p, const char *why)
{
	if (p->bad_lines++ == 0)
		err_set(&p->first, "line %llu: %s", (unsigned long long)p->line_number, why);
}

static void skip_blanks(struct str *rest)
{
	while (rest->len && (*rest->ptr == ' ' || *rest->ptr == '\t')) {
		rest->ptr++;
		rest->len--;
	}
}

static struct str take_word(struct str *rest)
{
	struct str word = {rest->ptr, 0};

	skip_blanks(rest);
	word.ptr = rest->ptr;
	while (rest->len && *rest->ptr != ' ' && *rest->ptr != '\t') {
		rest->ptr++;
		rest->len--;
		word.len++;
	}
	return word;
}

static bool name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
	       (!first && c >= '0' && c <= '9');
}

static struct str take_name(struct str *rest)
{
	struct str name = {rest->ptr, 0};

	while (rest->len && name_char(*rest->ptr, name.len == 0)) {
		rest->ptr++;
		rest->len--;
		name.len++;
	}
	return name;
}

/* # TYPE name kind */
static void read_comment(struct prom_parser *p, struct str rest)
{
	static const struct { const char *word; enum prom_type type; } kinds[] = {
		{"counter", PROM_COUNTER}, {"gauge", PROM_GAUGE}, {"histogram", PROM_HISTOGRAM},
		{"summary", PROM_SUMMARY}, {"gaugehistogram", PROM_GAUGE},
	};
	struct str name, kind;

	if (!str_equal_c(take_word(&rest), "TYPE"))
		return;
	name = take_word(&rest);
	kind = take_word(&rest);
	if (name.len == 0 || p->types.count >= FAMILIES_MAX)
		return;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (str_equal_c(kind, kinds[i].word))
			strmap_put(&p->types, name, (uint32_t)kinds[i].type);
}

/* "…" with \\ \" \n; false when it does not end. */
static bool take_quoted(struct prom_parser *p, struct str *rest, struct str *out)
{
	const char *start = ++rest->ptr, *end = rest->ptr + --rest->len, *at = start;
	bool escaped = false;
	size_t from;

	while (at < end && *at != '"') {
		escaped |= *at == '\\';
		at += *at == '\\' && at + 1 < end ? 2 : 1;
	}
	if (at >= end)
		return false;
	*out = (struct str){start, (size_t)(at - start)};
	rest->ptr = at + 1;
	rest->len = (size_t)(end - rest->ptr);
	if (!escaped)
		return true;
	from = p->unescaped.len;
	for (const char *c = start; c < at; c++) {
		if (*c == '\\' && ++c < at && *c == 'n')
			buf_append_c(&p->unescaped, '\n');
		else
			buf_append_c(&p->unescaped, *c);
	}
	*out = (struct str){p->unescaped.data + from, p->unescaped.len - from};
	return true;
}

static bool read_labels(struct prom_parser *p, struct str *rest, struct prom_sample *s)
{
	rest->ptr++;
	rest->len--;
	for (;;) {
		struct prom_label label;
		skip_blanks(rest);
		if (rest->len && *rest->ptr == '}')
			break;
		label.name = take_name(rest);
		skip_blanks(rest);
		if (label.name.len == 0 || rest->len == 0 || *rest->ptr != '=')
			return false;
		rest->ptr++;
		rest->len--;
		skip_blanks(rest);
		if (rest->len == 0 || *rest->ptr != '"' || !take_quoted(p, rest, &label.value))
			return false;
		if (s->label_count < PROM_LABELS_MAX)
			s->labels[s->label_count++] = label;
		skip_blanks(rest);
		if (rest->len && *rest->ptr == ',') {
			rest->ptr++;
			rest->len--;
		}
	}
	rest->ptr++;
	rest->len--;
	return true;
}

static bool read_number(struct str word, double *out)
{
	static const struct { const char *word; double value; } names[] = {
		{"NaN", NAN}, {"+Inf", INFINITY}, {"Inf", INFINITY}, {"-Inf", -INFINITY},
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (str_equal_nocase(word, str_of(names[i].word))) {
			*out = names[i].value;
			return true;
		}
	return str_to_double(word, out);
}

/* Which family a sample belongs to: its own name's, or the one that a usual ending hangs on. */
static void find_family(const struct prom_parser *p, struct prom_sample *s)
{
	static const char *const endings[] = {"_total", "_bucket", "_count", "_sum", "_created"};
	uint32_t type;

	s->family = s->name;
	if (strmap_get(&p->types, s->name, &type)) {
		s->type = (enum prom_type)type;
		return;
	}
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		struct str base = s->name;
		if (!str_ends_with(base, str_of(endings[i])))
			continue;
		base.len -= strlen(endings[i]);
		if (strmap_get(&p->types, base, &type)) {
			s->family = base;
			s->type = (enum prom_type)type;
			return;
		}
	}
}

static bool read_time(const struct prom_parser *p, struct str word, int64_t *out_us)
{
	*out_us = -1;
	return word.len == 0 || *word.ptr == '#' || str_to_scaled_int64(word, p->openmetrics ? 6 : 3, out_us);
}

static void read_sample(struct prom_parser *p, struct str rest)
{
	struct prom_sample s;

	s.label_count = 0;
	s.type = PROM_UNTYPED;
	p->unescaped.len = 0;
	/* so that label values already handed out do not move */
	buf_reserve(&p->unescaped, rest.len);
	s.name = take_name(&rest);
	skip_blanks(&rest);
	if (s.name.len == 0) {
		bad_line(p, "a metric name was expected");
		return;
	}
	if (rest.len && *rest.ptr == '{' && !read_labels(p, &rest, &s)) {
		bad_line(p, "labels could not be read");
		return;
	}
	if (!read_number(take_word(&rest), &s.value)) {
		bad_line(p, "a number was expected");
		return;
	}
	if (!read_time(p, take_word(&rest), &s.time_us)) {
		bad_line(p, "a time was expected");
		return;
	}
	find_family(p, &s);
	p->sample(p->arg, &s);
}

static void read_line(struct prom_parser *p)
{
	struct str line = str_trim(buf_str(&p->line));

	p->line_number++;
	if (p->overlong)
		bad_line(p, "longer than 64 KiB");
	else if (line.len && *line.ptr == '#')
		read_comment(p, (struct str){line.ptr + 1, line.len - 1});
	else if (line.len)
		read_sample(p, line);
	p->overlong = false;
	buf_reset(&p->line);
}

void prom_parser_feed(struct prom_parser *p, const char *bytes, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(bytes, '\n', len);
		size_t part = newline ? (size_t)(newline - bytes) : len;
		if (p->line.len + part > PROM_LINE_MAX_BYTES)
			p->overlong = true;
		else
			buf_append(&p->line, bytes, part);
		if (!newline)
			return;
		read_line(p);
		bytes += part + 1;
		len -= part + 1;
	}
}

int prom_parser_end(struct prom_parser *p, struct err *err)
{
	if (p->line.len || p->overlong)
		read_line(p);
	if (p->bad_lines == 0)
		return 0;
	return err_set(err, "metrics page: %llu of %llu lines could not be read; %s",
	               (unsigned long long)p->bad_lines, (unsigned long long)p->line_number, p->first.text);
}

struct str prom_label(const struct prom_sample *s, const char *name)
{
	for (size_t i = 0; i < s->label_count; i++)
		if (str_equal_c(s->labels[i].name, name))
			return s->labels[i].value;
	return (struct str){0};
}
