/* What the panels' pictures have in common. Everything is clipped to the surface. */
#ifndef LLMDECK_PANELS_DRAW_H
#define LLMDECK_PANELS_DRAW_H

#include "panels/fleet.h"
#include "panels/format.h"
#include "panels/panel.h"

#define SERIES_STEPS_MAX 512

/* The head line: title at the left, `right` at the right, in the accent when focused. */
void draw_head(struct surface *s, const struct panel_frame *frame, const char *title,
               const char *right);
/* `text` right-aligned so that it ends before column x + width. Our own text only. */
void draw_right(struct surface *s, int x, int y, int width, style st, const char *text);
/* "● ok": mark and word. Returns columns used. */
int draw_state(struct surface *s, int x, int y, enum state state);
/* Style of a figure: dimmed when stale or unknown. */
style figure_style(const struct panel_frame *frame, struct value v);

/* A chart of one metric's series with its scale and time axis, the window before in dim when
 * compared, the limit as a line and the time cursor. */
struct chart_line {
	enum metric metric;
	style style;
	const char *name; /* at the line's end; NULL for a line alone */
};
void draw_chart(struct surface *s, const struct panel_frame *frame, const struct fleet *fleet,
                const struct chart_line *lines, size_t line_count, const struct rule *rule);
/* A chart of plain series that share a unit: what draw_chart() is made of. */
struct chart_series;
void draw_numbers(struct surface *s, const struct panel_frame *frame, enum metric_unit unit,
                  int64_t from_us, int64_t to_us, int64_t step_us, const struct chart_series *series,
                  size_t count, const struct rule *rule);
/* Plain values as one row of blocks, joined where there are more than columns. */
void draw_values(struct surface *s, int x, int y, int width, const double *values, size_t count,
                 int64_t first_bucket, style st);
/* One row of blocks. */
void draw_spark(struct surface *s, int x, int y, int width, const struct fleet *fleet,
                enum metric m, style st);
/* What a head says about a metric: value, change and reference, or the value under the cursor. */
void head_figure(const struct panel_frame *frame, const struct fleet *fleet, enum metric m, bool ascii,
                 char *out, size_t cap);
/* Value of a metric in the step under the time cursor. */
struct value fleet_at(const struct fleet *f, enum metric m, int64_t at_us);

/* The panel's rows as a table with cursor, sort and find, as the frame says. */
void draw_rows(const struct panel *panel, const void *state, const struct panel_frame *frame,
               struct surface *s);

/* Cells of a heat row for all of a series, joined by their mean where there are more than columns.
 * `first_bucket`: number of the first since the epoch, so that the joints do not move. */
void draw_heat_cells(struct surface *s, int x, int y, int width, const double *values, size_t count,
                     int64_t first_bucket, double top);

/* The head of a chart: "cost $38.2/h +41% vs prev 15m". */
void draw_titled(struct surface *s, const struct panel_frame *frame, const char *title,
                 const char *figure);

/* How a panel's room is split: a tile is all chart; a page has a line of facts (when wanted), the
 * chart, something more, and the breakdown. Parts without room have height 0. */
struct page_parts {
	struct surface facts, chart, extra, table;
};
struct page_parts page_split(const struct panel_frame *frame, struct surface *s, int facts,
                             int extra, size_t groups);
/* The breakdown's rule and rows. */
void draw_breakdown(const struct panel *panel, const void *state, const struct panel_frame *frame,
                    enum dim by, struct page_parts *parts);

/* The breakdown by a dimension that most pages have: the dimension's value, then a figure a column:
 * a metric, or a count that `get` takes from the figures. */
struct groups_column {
	struct sheet_column column;
	enum metric metric;
	double (*get)(const struct figures *f); /* NULL = the metric */
};
void groups_sheet(const struct figures_result *groups, enum dim by, double seconds,
                  const struct groups_column *columns, int column_count, struct sheet *out);
/* What groups_sheet's first column narrows the view to. */
enum dim groups_row_dim(const struct panel_frame *frame);

#endif
