/* Texts pass text_append_harmless() first and are then escaped for the format, character by character:
 * a backslash or an entity in Markdown, the five entities in HTML. */
#include "console/document.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define TEXT_MAX_BYTES 8192
#define CHART_COLUMNS 72
#define CHART_WIDTH 720
#define CHART_HEIGHT 120
#define HEAT_CELL_HEIGHT 14
#define LABEL_COLUMNS 14

static const char style[] =
	"body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}"
	"h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #d0d7de}"
	"table{border-collapse:collapse;margin:.5rem 0;font-size:.9rem}th,td{border:1px solid #d0d7de;padding:.2rem .6rem;text-align:left;"
	"overflow-wrap:anywhere}th{background:#f3f5f7}pre{background:#f3f5f7;padding:.5rem .8rem;overflow-x:auto;font-size:.85rem}"
	"svg{display:block;margin:.5rem 0;max-width:100%}svg text{font:11px system-ui,sans-serif;fill:#57606a}"
	"@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th,pre{background:#161b22}th,td,h2{border-color:#30363d}}";

/* ── escaping ──────────────────────────────────────────────────────────────────────────────── */

static void put_html(struct buf *out, struct str harmless)
{
	static const struct { char c; const char *text; } escapes[] = {
		{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"},
	};

	for (size_t i = 0; i < harmless.len; i++) {
		const char *text = NULL;

		for (size_t k = 0; k < sizeof escapes / sizeof *escapes; k++)
			if (harmless.ptr[i] == escapes[k].c)
				text = escapes[k].text;
		if (text)
			buf_puts(out, text);
		else
			buf_append_c(out, harmless.ptr[i]);
	}
}

/* Whether the character at `i` could mean something to some dialect of Markdown where it stands: what reads
 * as text anyway stays as it is, for those who read the source. */
static bool means_something(struct str s, size_t i)
{
	char c = s.ptr[i], before = i ? s.ptr[i - 1] : ' ', after = i + 1 < s.len ? s.ptr[i + 1] : ' ';
	size_t digits = 0;

	if (strchr("\\`*[]|~$^", c))
		return true;
	if (c == '_')
		return !isalnum((unsigned char)before) || !isalnum((unsigned char)after);
	if (c == '#' || c == '=')
		return i == 0;
	if (c == '+' || c == '-')
		return i == 0 && (after == ' ' || after == c);
	while (digits < i && isdigit((unsigned char)s.ptr[digits]))
		digits++;
	return (c == '.' || c == ')') && i && digits == i && after == ' '; /* "1. " begins a list */
}

/* Links make themselves of "x://", "www." and "@" in some dialects: those become entities, as do '<', '>' and
 * '&', since raw HTML is let through by many. */
static void put_markdown(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool links = (c == ':' && i + 1 < s.len && s.ptr[i + 1] == '/') || c == '@' ||
		             (c == '.' && i >= 3 && str_equal_nocase((struct str){s.ptr + i - 3, 3}, STR_LIT("www")));

		if (c == '<' || c == '>' || c == '&')
			put_html(out, (struct str){&c, 1});
		else if (links)
			buf_printf(out, "&#%d;", c);
		else if (means_something(s, i))
			buf_printf(out, "\\%c", c);
		else
			buf_append_c(out, c);
	}
}

static void put_text(struct document *d, struct str text)
{
	struct buf harmless = {0};

	text_append_harmless(&harmless, text, TEXT_MAX_BYTES);
	if (d->html)
		put_html(d->out, buf_str(&harmless));
	else
		put_markdown(d->out, buf_str(&harmless));
	buf_fini(&harmless);
}

/* ── blocks ────────────────────────────────────────────────────────────────────────────────── */

void document_begin(struct document *d, struct buf *out, bool html, const char *title)
{
	*d = (struct document){.html = html, .out = out};
	if (html) {
		buf_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
		         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
		put_text(d, str_of(title));
		buf_printf(out, "</title>\n<style>%s</style></head>\n<body>\n", style);
	}
	document_heading(d, 1, title);
}

void document_end(struct document *d)
{
	if (d->html)
		buf_puts(d->out, "</body></html>\n");
}

void document_heading(struct document *d, int level, const char *text)
{
	if (d->html)
		buf_printf(d->out, "<h%d>", level);
	else
		buf_printf(d->out, "%s%.*s ", level > 1 ? "\n" : "", level, "###");
	put_text(d, str_of(text));
	if (d->html)
		buf_printf(d->out, "</h%d>\n", level);
	else
		buf_puts(d->out, "\n\n");
}

void document_paragraph(struct document *d, const char *text)
{
	buf_puts(d->out, d->html ? "<p>" : "");
	put_text(d, str_of(text));
	buf_puts(d->out, d->html ? "</p>\n" : "\n\n");
}

/* Verbatim between fences that no line of it can end: it has no line breaks. */
static void put_block(struct document *d, struct str text)
{
	struct buf harmless = {0};

	text_append_harmless(&harmless, text, TEXT_MAX_BYTES);
	if (d->html) {
		buf_puts(d->out, "<pre>");
		put_html(d->out, buf_str(&harmless));
		buf_puts(d->out, "</pre>\n");
	} else {
		buf_printf(d->out, "    %.*s\n\n", STR_ARG(buf_str(&harmless)));
	}
	buf_fini(&harmless);
}

void document_command(struct document *d, const char *command)
{
	put_block(d, str_of(command));
}

void document_table_begin(struct document *d, size_t columns)
{
	d->columns = columns;
	d->at = 0;
	d->first_row = true;
	buf_puts(d->out, d->html ? "<table>\n" : "");
}

static void end_row(struct document *d)
{
	if (d->html) {
		buf_puts(d->out, "</tr>\n");
	} else {
		buf_puts(d->out, "\n");
		for (size_t i = 0; d->first_row && i < d->columns; i++)
			buf_puts(d->out, i + 1 < d->columns ? "| --- " : "| --- |\n");
	}
	d->first_row = false;
	d->at = 0;
}

void document_cell(struct document *d, struct str text)
{
	const char *tag = d->first_row ? "th" : "td";

	if (d->html)
		buf_printf(d->out, "%s<%s>", d->at ? "" : "<tr>", tag);
	else
		buf_puts(d->out, d->at ? "" : "| ");
	put_text(d, text);
	if (d->html)
		buf_printf(d->out, "</%s>", tag);
	else
		buf_puts(d->out, d->at + 1 < d->columns ? " | " : " |");
	if (++d->at == d->columns)
		end_row(d);
}

void document_cellf(struct document *d, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	document_cell(d, buf_str(&text));
	buf_fini(&text);
}

void document_table_end(struct document *d)
{
	buf_puts(d->out, d->html ? "</table>\n" : "\n");
}

/* ── charts ────────────────────────────────────────────────────────────────────────────────── */

static double highest(const struct document_chart *c)
{
	double top = 0;

	for (size_t i = 0; i < c->count; i++)
		if (!isnan(c->values[i]) && c->values[i] > top)
			top = c->values[i];
	return top;
}

/* The greatest value of those that share a column. */
static double column_of(const struct document_chart *c, size_t column, size_t columns)
{
	double top = NAN;

	for (size_t i = column * c->count / columns; i < (column + 1) * c->count / columns; i++)
		if (!isnan(c->values[i]) && (isnan(top) || c->values[i] > top))
			top = c->values[i];
	return top;
}

static void chart_markdown(struct document *d, const struct document_chart *c, double top)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	size_t columns = c->count < CHART_COLUMNS ? c->count : CHART_COLUMNS;
	char text[32];

	buf_puts(d->out, "    ");
	for (size_t i = 0; i < columns; i++) {
		double v = column_of(c, i, columns);

		buf_puts(d->out, isnan(v) ? " " : blocks[top > 0 ? (int)fmin(7, v / top * 8) : 0]);
	}
	buf_printf(d->out, "  %s, at most %s\n    %s … %s\n\n", c->name, c->format(top, text), c->from, c->to);
}

static void chart_html(struct document *d, const struct document_chart *c, double top)
{
	double width = CHART_WIDTH, height = CHART_HEIGHT;
	char text[32];
	bool open = false;

	buf_printf(d->out, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\"><title>", CHART_WIDTH, CHART_HEIGHT + 34, CHART_WIDTH);
	put_text(d, str_of(c->name));
	buf_puts(d->out, "</title><text x=\"0\" y=\"11\">");
	put_text(d, str_of(c->name));
	buf_puts(d->out, ", at most ");
	put_text(d, str_of(c->format(top, text)));
	buf_printf(d->out, "</text><rect x=\"0\" y=\"16\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#d0d7de\"/>"
	           "<path fill=\"none\" stroke=\"#0969da\" stroke-width=\"1.5\" d=\"", CHART_WIDTH, CHART_HEIGHT);
	for (size_t i = 0; i < c->count; i++) {
		double x = c->count > 1 ? (double)i / (double)(c->count - 1) * width : width / 2;

		if (isnan(c->values[i])) {
			open = false;
			continue;
		}
		buf_printf(d->out, "%c%.1f %.1f", open ? 'L' : 'M', x, 16 + height - (top > 0 ? c->values[i] / top * (height - 4) : 0));
		/* A point that stands alone is a short line. */
		if (!open && (i + 1 == c->count || isnan(c->values[i + 1])))
			buf_puts(d->out, "h1");
		open = true;
	}
	buf_printf(d->out, "\"/><text x=\"0\" y=\"%d\">", CHART_HEIGHT + 30);
	put_text(d, str_of(c->from));
	buf_printf(d->out, "</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">", CHART_WIDTH, CHART_HEIGHT + 30);
	put_text(d, str_of(c->to));
	buf_puts(d->out, "</text></svg>\n");
}

void document_chart(struct document *d, const struct document_chart *c)
{
	double top = highest(c);

	if (!c->count)
		return;
	if (d->html)
		chart_html(d, c, top);
	else
		chart_markdown(d, c, top);
}

/* 0-1 on a logarithmic scale. */
static double shade_of(int64_t count, int64_t most)
{
	/* The bound: a quotient of equal numbers times 0.9 may be a little over 0.9. */
	return count <= 0 ? 0 : most <= 1 ? 1 : fmin(1, 0.1 + 0.9 * log((double)count) / log((double)most));
}

/* To the right within LABEL_COLUMNS, in an indented block, where nothing means anything. */
static void put_label(struct buf *out, const char *label)
{
	struct buf harmless = {0};

	text_append_harmless(&harmless, str_of(label), 60);
	size_t columns = utf8_columns(buf_str(&harmless));
	buf_printf(out, "    %*s%.*s ", (int)(columns < LABEL_COLUMNS ? LABEL_COLUMNS - columns : 0), "", STR_ARG(buf_str(&harmless)));
	buf_fini(&harmless);
}

static void heat_markdown(struct document *d, const struct document_heat *h)
{
	static const char *const shades[] = {" ", "·", "░", "▒", "▓", "█"};
	size_t columns = h->steps < CHART_COLUMNS ? h->steps : CHART_COLUMNS;

	for (size_t b = h->band_count; b-- > 0;) {
		put_label(d->out, h->bands[b]);
		for (size_t i = 0; i < columns; i++) {
			int64_t count = 0;

			for (size_t s = i * h->steps / columns; s < (i + 1) * h->steps / columns; s++)
				count = h->counts[b * h->steps + s] > count ? h->counts[b * h->steps + s] : count;
			buf_puts(d->out, shades[(int)ceil(shade_of(count, h->most) * 5)]);
		}
		buf_puts(d->out, "\n");
	}
	buf_printf(d->out, "    %*s%s … %s; fullest cell %lld\n\n", LABEL_COLUMNS + 1, "", h->from, h->to, (long long)h->most);
}

static void heat_html(struct document *d, const struct document_heat *h)
{
	int left = 90, height = (int)h->band_count * HEAT_CELL_HEIGHT;
	double width = (double)(CHART_WIDTH - left) / (double)(h->steps ? h->steps : 1);

	buf_printf(d->out, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\">", CHART_WIDTH, height + 18, CHART_WIDTH);
	for (size_t b = 0; b < h->band_count; b++) {
		int y = height - ((int)b + 1) * HEAT_CELL_HEIGHT;

		buf_printf(d->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", left - 6, y + 11);
		put_text(d, str_of(h->bands[b]));
		buf_puts(d->out, "</text>");
		for (size_t s = 0; s < h->steps; s++) {
			int64_t count = h->counts[b * h->steps + s];

			if (count > 0)
				buf_printf(d->out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"#0969da\" fill-opacity=\"%.2f\">"
				           "<title>%lld</title></rect>", left + (double)s * width, y, width, HEAT_CELL_HEIGHT - 1,
				           shade_of(count, h->most), (long long)count);
		}
	}
	buf_printf(d->out, "<text x=\"%d\" y=\"%d\">", left, height + 14);
	put_text(d, str_of(h->from));
	buf_printf(d->out, "</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">", CHART_WIDTH, height + 14);
	put_text(d, str_of(h->to));
	buf_puts(d->out, "</text></svg>\n");
}

void document_heat(struct document *d, const struct document_heat *h)
{
	if (d->html)
		heat_html(d, h);
	else
		heat_markdown(d, h);
}
