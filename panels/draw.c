/* The charts of ui/ take plain numbers; here figures become numbers. A series with more steps than
 * columns is joined on borders counted from the epoch, so that the picture moves on by whole
 * columns and stands still between them. */
#include "panels/draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "ui/bars.h"
#include "ui/chart.h"
#include "ui/fmt.h"

#define LINES_MAX 6

void draw_head(struct surface *s, const struct panel_frame *frame, const char *title,
               const char *right)
{
	surface_rule(s, 0, frame->focused ? ROLE_ACCENT | STYLE_BOLD : ROLE_BORDER, title, right);
}

void draw_titled(struct surface *s, const struct panel_frame *frame, const char *title,
                 const char *figure)
{
	char text[200];

	snprintf(text, sizeof text, "%s %s", title, figure);
	draw_head(s, frame, text, "");
}

void draw_right(struct surface *s, int x, int y, int width, style st, const char *text)
{
	int columns = (int)utf8_columns(str_of(text));

	surface_text(s, x + width - columns, y, st, text);
}

int draw_state(struct surface *s, int x, int y, enum state state)
{
	surface_put(s, x, y, state_mark(state, s->ascii), state_style(state));
	return 2 + surface_text(s, x + 2, y, state_style(state), state_word(state));
}

style figure_style(const struct panel_frame *frame, struct value v)
{
	if (!value_known(v))
		return ROLE_UNKNOWN;
	return frame->stale || v.quality == QUALITY_STALE ? ROLE_STALE : ROLE_TEXT;
}

/* Joins `count` values into at most `columns` by their mean. Returns how many. */
static size_t join_values(double *values, size_t count, int columns, int64_t first_bucket)
{
	size_t each, out = 0;

	if (columns < 1 || count <= (size_t)columns)
		return count;
	each = (count + (size_t)columns - 1) / (size_t)columns;
	for (size_t i = 0; i < count;) {
		double total = 0;
		size_t known = 0;

		do {
			if (!isnan(values[i])) {
				total += values[i];
				known++;
			}
			i++;
		} while (i < count && (first_bucket + (int64_t)i) % (int64_t)each != 0);
		values[out++] = known == 0 ? NAN : total / (double)known;
	}
	return out;
}

void draw_spark(struct surface *s, int x, int y, int width, const struct fleet *fleet,
                enum metric m, style st)
{
	double values[SERIES_STEPS_MAX];
	size_t count = fleet_series(fleet, m, values, SERIES_STEPS_MAX);
	int64_t first = fleet->now.step_us > 0 ? fleet->now.from_us / fleet->now.step_us : 0;

	draw_values(s, x, y, width, values, count, first, st);
}

void draw_values(struct surface *s, int x, int y, int width, const double *values, size_t count,
                 int64_t first_bucket, style st)
{
	double joined[SERIES_STEPS_MAX];

	if (width < 1)
		return;
	if (count > SERIES_STEPS_MAX)
		count = SERIES_STEPS_MAX;
	memcpy(joined, values, count * sizeof *joined);
	count = join_values(joined, count, width, first_bucket);
	sparkline_draw(s, x, y, width, st, joined, count, NAN);
}

void draw_heat_cells(struct surface *s, int x, int y, int width, const double *values, size_t count,
                     int64_t first_bucket, double top)
{
	double cells[SERIES_STEPS_MAX];

	if (count > SERIES_STEPS_MAX)
		count = SERIES_STEPS_MAX;
	memcpy(cells, values, count * sizeof *cells);
	count = join_values(cells, count, width, first_bucket);
	heat_draw(s, x, y, width, cells, count, top, true);
}

/* What the chart's call-backs need beside the number they are given. */
static _Thread_local struct {
	enum metric_unit unit;
	bool ascii;
	const struct tz *tz;
	int64_t window_us;
} axis;

static char *axis_number(double value, char *out)
{
	char text[FIGURE_TEXT_BYTES];

	figure_format_bare(axis.unit, value_ok(value), axis.ascii, text);
	snprintf(out, FMT_BYTES, "%.31s", text);
	return out;
}

static char *axis_clock(int64_t us, char *out)
{
	return axis_time(us, axis.window_us, axis.tz, out);
}

void draw_numbers(struct surface *s, const struct panel_frame *frame, enum metric_unit unit,
                  int64_t from_us, int64_t to_us, int64_t step_us, const struct chart_series *series,
                  size_t count, const struct rule *rule)
{
	struct chart chart = {.series = series, .series_count = count, .from_us = from_us,
	                      .step_us = step_us, .low = NAN, .high = NAN,
	                      .threshold = rule ? rule->limit : (double)NAN,
	                      .cursor_us = frame->time_cursor_us, .format = axis_number,
	                      .format_time = axis_clock, .name_ends = count > 1};

	if (s->height < 1 || s->width < 4)
		return;
	axis.unit = unit;
	axis.ascii = s->ascii;
	axis.tz = frame->tz;
	axis.window_us = to_us - from_us;
	if (count > 0 && series[0].count > 0)
		chart_draw(s, &chart);
	else
		surface_text(s, 1, 0, ROLE_MUTED, "no data in this window");
}

void draw_chart(struct surface *s, const struct panel_frame *frame, const struct fleet *fleet,
                const struct chart_line *lines, size_t line_count, const struct rule *rule)
{
	static const char marks[] = "*+o.x-";
	double values[LINES_MAX + 1][SERIES_STEPS_MAX];
	struct chart_series series[LINES_MAX + 1];
	const struct figures_result *now = &fleet->now;
	size_t count = 0, before;

	if (line_count == 0 || line_count > LINES_MAX)
		return;
	for (size_t i = 0; i < line_count; i++) {
		count = fleet_series(fleet, lines[i].metric, values[i], SERIES_STEPS_MAX);
		series[i] = (struct chart_series){values[i], count, frame->stale ? ROLE_STALE : lines[i].style,
		                                  lines[i].name, marks[i]};
	}
	/* The first is drawn on top: what was before lies under what is. */
	before = frame->compare ? fleet_series_before(fleet, lines[0].metric, values[line_count],
	                                              SERIES_STEPS_MAX)
	                        : 0;
	series[line_count] = (struct chart_series){values[line_count], before < count ? before : count,
	                                           ROLE_MUTED | STYLE_DIM, "before", ':'};
	draw_numbers(s, frame, metrics[lines[0].metric].unit, now->from_us, now->to_us, now->step_us,
	             series, line_count + (before > 0), rule);
}

struct value fleet_at(const struct fleet *f, enum metric m, int64_t at_us)
{
	double values[SERIES_STEPS_MAX];
	size_t count = fleet_series(f, m, values, SERIES_STEPS_MAX);
	int64_t i;

	if (f->now.step_us <= 0 || at_us < f->now.from_us)
		return value_unknown();
	i = (at_us - f->now.from_us) / f->now.step_us;
	if (i >= (int64_t)count || isnan(values[i]))
		return value_unknown();
	return value_ok(values[i]);
}

void head_figure(const struct panel_frame *frame, const struct fleet *fleet, enum metric m, bool ascii,
                 char *out, size_t cap)
{
	struct value now = fleet_value(fleet, m), before = fleet_before(fleet, m);
	char value[FIGURE_TEXT_BYTES], change[FIGURE_TEXT_BYTES], reference[FIGURE_TEXT_BYTES];
	char at[TIME_TEXT_BYTES];

	if (frame->time_cursor_us) {
		now = fleet_at(fleet, m, frame->time_cursor_us);
		snprintf(out, cap, "%s at %s", figure_format(metrics[m].unit, now, ascii, value),
		         time_format_clock(frame->time_cursor_us, frame->tz, at));
		return;
	}
	if (!value_known(now) || !value_known(before)) {
		snprintf(out, cap, "%s", figure_format(metrics[m].unit, now, ascii, value));
		return;
	}
	reference_format(fleet->now.to_us - fleet->now.from_us, reference);
	snprintf(out, cap, "%s %s vs %s", figure_format(metrics[m].unit, now, ascii, value),
	         change_format(metrics[m].unit, now, before, ascii, change), reference);
}

struct page_parts page_split(const struct panel_frame *frame, struct surface *s, int facts,
                             int extra, size_t groups)
{
	struct page_parts p;
	int y = 1, rest = s->height - 1, table, chart;
	bool page = frame->form == PANEL_PAGE;

	memset(&p, 0, sizeof p);
	facts = page && rest > 6 ? facts : 0;
	p.facts = surface_part(s, (struct rect){0, y, s->width, facts});
	y += facts;
	rest -= facts;
	table = page && rest >= 9 ? (int)(groups < 100 ? groups : 100) + 2 : 0;
	if (table > rest * 2 / 5)
		table = rest * 2 / 5;
	extra = page && rest >= 18 ? extra : 0;
	if (extra > (rest - table) * 2 / 5)
		extra = (rest - table) * 2 / 5;
	chart = rest - table - extra;
	p.chart = surface_part(s, (struct rect){0, y, s->width, chart > 0 ? chart : 0});
	y += chart;
	p.extra = surface_part(s, (struct rect){0, y, s->width, extra});
	y += extra;
	p.table = surface_part(s, (struct rect){0, y, s->width, table});
	return p;
}

void draw_rows(const struct panel *panel, const void *state, const struct panel_frame *frame,
               struct surface *s)
{
	const struct table_state *look = &frame->ui->table;
	struct sheet sheet = {0};

	panel->rows(state, frame, &sheet);
	sheet_arrange(&sheet, frame->find, look->sort_column, look->sort_ascending);
	sheet_draw(&sheet, look, frame->focused, frame->stale, s);
	sheet_fini(&sheet);
}

void draw_breakdown(const struct panel *panel, const void *state, const struct panel_frame *frame,
                    enum dim by, struct page_parts *parts)
{
	struct surface *s = &parts->table, rows;
	char title[48];

	if (s->height < 3)
		return;
	snprintf(title, sizeof title, "by %s", dim_name(by));
	surface_rule(s, 0, ROLE_BORDER, title, "b group  s sort");
	rows = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	draw_rows(panel, state, frame, &rows);
}

void groups_sheet(const struct figures_result *groups, enum dim by, double seconds,
                  const struct groups_column *columns, int column_count, struct sheet *out)
{
	struct sheet_column all[SHEET_COLUMNS_MAX] = {{dim_name(by), dim_heading(by), 12, true, 0, false}};
	char text[FIGURE_TEXT_BYTES];

	for (int i = 0; i < column_count; i++)
		all[i + 1] = columns[i].column;
	sheet_set_columns(out, all, column_count + 1);
	for (size_t g = 0; g < groups->group_count; g++) {
		const struct figures *f = &groups->groups[g].total;
		const char *key = groups->groups[g].key[0];
		struct sheet_row *row = sheet_add(out, str_of(key));

		sheet_set_text(out, row, 0, key[0] ? str_of(key) : STR_LIT("(none)"));
		for (int i = 0; i < column_count; i++) {
			double number = columns[i].get ? columns[i].get(f) : 0;
			struct value v = !columns[i].get ? metric_value(columns[i].metric, f, seconds)
			                 : isnan(number) || number < 0 ? value_unknown() : value_ok(number);
			enum metric_unit unit = columns[i].get ? UNIT_COUNT : metrics[columns[i].metric].unit;

			sheet_set_value(out, row, i + 1, v, figure_format_bare(unit, v, false, text));
		}
	}
}

enum dim groups_row_dim(const struct panel_frame *frame)
{
	return frame->ui->by;
}
