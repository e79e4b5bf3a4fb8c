/* The header is made of pieces with a priority each: what does not fit goes, the mode last. */
#include "console/frame.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/alerts.h"
#include "panels/format.h"

#define LAG_SHOWN_S 0.1

bool frame_is_stale(const struct deck *d, int64_t wall_us, int64_t mono_us)
{
	int64_t age;

	return deck_mode(d, wall_us, mono_us, &age) == DECK_STALE;
}

struct panel_frame frame_of(const struct deck *d, int panel, enum panel_form form, bool stale)
{
	const struct panel_snapshot *shown = d->shown[panel];

	return (struct panel_frame){
		.view = shown ? &shown->view : &d->where,
		.form = form,
		.now_us = shown ? shown->now_us : 0,
		.wall_us = clock_wall_us(),
		.focused = d->focus == panel,
		.stale = stale,
		.compare = shown && shown->compare && d->compare,
		.time_cursor_us = d->time_cursor_us,
		.find = d->find,
		.tz = d->tz,
		.board = d->board,
		.desk = d->desk,
		.ui = &d->ui[panel],
		.query = d->query,
		.ask = &d->ask,
		.collector = &d->collector,
	};
}

static style context_style(const char *colour)
{
	static const struct {
		const char *name;
		enum role role;
	} colours[] = {{"red", ROLE_CRITICAL},  {"yellow", ROLE_WARNING}, {"green", ROLE_OK},
	               {"blue", ROLE_SERIES1},  {"cyan", ROLE_ACCENT},    {"magenta", ROLE_SERIES4}};

	for (size_t i = 0; colour && i < sizeof colours / sizeof *colours; i++) {
		if (strcmp(colour, colours[i].name) == 0)
			return (style)(colours[i].role | STYLE_REVERSE);
	}
	return ROLE_TITLE | STYLE_BOLD;
}

/* "LIVE 1s" and how it looks. */
static style mode_text(const struct deck *d, const struct frame_options *o, char *out, size_t cap)
{
	static const char *const words[] = {"LIVE", "PAUSED", "STALE", "HISTORY", "WAITING"};
	static const style styles[] = {ROLE_OK, ROLE_WARNING, ROLE_CRITICAL | STYLE_BOLD, ROLE_ACCENT,
	                               ROLE_UNKNOWN};
	char age[TIME_TEXT_BYTES], count[FIGURE_TEXT_BYTES];
	int64_t age_us;
	enum deck_mode mode = deck_mode(d, o->wall_us, o->mono_us, &age_us);
	int64_t unit = age_us > 2 * US_PER_DAY    ? US_PER_DAY
	               : age_us > 2 * US_PER_HOUR ? US_PER_HOUR
	               : age_us > 2 * US_PER_MIN  ? US_PER_MIN
	                                          : US_PER_S;

	if (mode == DECK_PAUSED)
		snprintf(out, cap, "PAUSED +%s", count_format((double)deck_came_since(d), count));
	else if (mode == DECK_WAITING)
		snprintf(out, cap, "%s", d->starting ? "STARTING" : d->filling ? "FILLING" : d->status.opened ? "NO DATA" : "WAITING");
	else
		snprintf(out, cap, "%s %s", words[mode], duration_format(age_us / unit * unit, age));
	return styles[mode];
}

/* "15m" or "13:00-13:20". */
static void window_text(const struct deck *d, char *out, size_t cap)
{
	char length[TIME_TEXT_BYTES], from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];

	duration_format(d->window_us, length);
	if (d->end_us)
		snprintf(out, cap, "%s %s..%s", length,
		         axis_time(d->end_us - d->window_us, d->window_us, d->tz, from),
		         axis_time(d->end_us, d->window_us, d->tz, to));
	else
		snprintf(out, cap, "%s%s", length, d->compare ? " vs prev" : "");
}

struct piece {
	char text[96];
	style style;
	int priority; /* higher goes first */
};

static int pieces_width(const struct piece *pieces, int count, int least)
{
	int width = 0;

	for (int i = 0; i < count; i++) {
		if (pieces[i].text[0] && pieces[i].priority <= least)
			width += (int)strlen(pieces[i].text) + 2;
	}
	return width;
}

static void clock_piece(const struct deck *d, int64_t wall_us, bool date, struct piece *p)
{
	char clock[TIME_TEXT_BYTES], day[TIME_TEXT_BYTES];

	time_format_clock(wall_us, d->tz, clock);
	time_format(wall_us + (int64_t)tz_offset_s(d->tz, wall_us) * US_PER_S, day);
	day[10] = '\0';
	snprintf(p->text, sizeof p->text, "%s%s%s%s", date ? day : "", date ? " " : "", clock,
	         d->tz ? "" : "Z");
}

/* "src 3/4 ok  lag 1.2s": how many sources work, and how long what arrives takes to the store. */
static style sources_text(const struct deck *d, bool wide, char *out, size_t cap)
{
	const struct collector_status *c = &d->collector;
	size_t ok = collector_sources_ok(c);
	double lag = collector_lag_s(c);
	char text[FIGURE_TEXT_BYTES];
	int len;

	if (!c->asked || d->starting)
		return ROLE_MUTED;
	if (!c->answered) {
		snprintf(out, cap, wide ? "no collector" : "src -");
		return ROLE_MUTED;
	}
	len = snprintf(out, cap, "src %zu/%zu%s", ok, c->source_count, wide ? " ok" : "");
	if (wide && !isnan(lag)) /* so that what is well does not change each second */
		snprintf(out + len, cap - (size_t)len, "  lag %s",
		         lag < LAG_SHOWN_S ? "<0.1s" : figure_format(UNIT_SECONDS, value_ok(lag), true, text));
	return ok < c->source_count || c->failing ? ROLE_WARNING : ROLE_MUTED;
}

/* The right end: window, mode, sources, clock, user and role. */
static int draw_right_end(const struct deck *d, const struct frame_options *o, struct surface *s,
                          int y)
{
	struct piece p[5] = {{"", ROLE_TEXT, 1}, {"", ROLE_TEXT, 0}, {"", ROLE_MUTED, 4},
	                     {"", ROLE_MUTED, 3}, {"", ROLE_MUTED, 2}};
	bool filtered = d->where.filter_count > 0 || d->find[0];
	int least = 4, width, x, room = filtered ? s->width * 2 / 5 : s->width * 2 / 3;

	window_text(d, p[0].text, sizeof p[0].text);
	p[1].style = mode_text(d, o, p[1].text, sizeof p[1].text);
	p[2].style = sources_text(d, s->width >= 120, p[2].text, sizeof p[2].text);
	clock_piece(d, o->wall_us, s->width >= 120, &p[3]);
	snprintf(p[4].text, sizeof p[4].text, "%.40s%s%s%s%s", d->user ? d->user : "", d->user ? " " : "",
	         s->width >= 120 ? session_level_name(deck_level(d)) : "", s->width >= 120 ? " " : "",
	         deck_level(d) == SESSION_OPERATOR ? "RW" : "RO");
	while (least > 0 && pieces_width(p, 5, least) > room)
		least--;
	width = pieces_width(p, 5, least);
	x = s->width - width;
	for (int i = 0; i < 5; i++) {
		if (p[i].text[0] && p[i].priority <= least)
			x += surface_text(s, x, y, p[i].style, p[i].text) + 2;
	}
	return width;
}

static int draw_crumbs(const struct deck *d, struct surface *s, int x, int y)
{
	x += surface_text(s, x, y, ROLE_TITLE, page_name(d->place.page));
	if (d->place.panel >= 0 && page_only_panel(d->place.page) != d->place.panel) {
		x += surface_text(s, x, y, ROLE_MUTED, " > ");
		x += surface_text(s, x, y, ROLE_TITLE, panels[d->place.panel]->title);
	}
	return x;
}

static void draw_header(const struct deck *d, const struct frame_options *o, struct surface *s, int y)
{
	char filters[512];
	struct surface left;
	int x = 1;

	left = surface_part(s, (struct rect){0, 0, s->width - draw_right_end(d, o, s, y) - 1, s->height});
	if (s->width >= 60)
		x += surface_text(&left, x, y, ROLE_ACCENT | STYLE_BOLD, "llmdeck") + 2;
	if (d->demo || d->status.summary.demo)
		x += surface_text(&left, x, y, ROLE_WARNING | STYLE_REVERSE, "DEMO") + 1;
	if (d->context)
		x += surface_outside(&left, x, y, 20, context_style(d->context_colour), str_of(d->context)) + 2;
	x = draw_crumbs(d, &left, x, y) + 2;
	view_format_filters(&d->where, filters, sizeof filters);
	if (filters[0])
		x += surface_outside(&left, x, y, left.width - x, ROLE_INPUT, str_of(filters)) + 1;
	if (d->find[0]) {
		x += surface_text(&left, x, y, ROLE_INPUT, "/");
		surface_outside(&left, x, y, left.width - x, ROLE_INPUT, str_of(d->find));
	}
}

/* The strip never pauses. A banner or a reading error takes its place only when nothing is over. */
static void draw_strip(const struct deck *d, const struct frame_options *o, struct surface *s, int y)
{
	int alerts = panel_index(&alerts_panel);
	bool stale = frame_is_stale(d, o->wall_us, o->mono_us);
	struct panel_frame frame = frame_of(d, alerts, PANEL_TILE, stale);
	struct surface line = surface_part(s, (struct rect){0, y, s->width, 1});

	if (d->status.error[0]) {
		surface_outside(&line, 1, 0, s->width - 2, ROLE_CRITICAL, str_of(d->status.error));
		return;
	}
	if (!d->shown[alerts]) {
		surface_text(&line, 1, 0, ROLE_MUTED, d->starting ? "starting a collector" : "");
		return;
	}
	alerts_draw_strip(d->shown[alerts]->state, &frame, d->banner, &line);
}

static void draw_tile(const struct deck *d, const struct tile *t, bool stale, struct surface *s)
{
	struct surface part = surface_part(s, t->rect);
	const struct panel_snapshot *shown = d->shown[t->panel];
	struct panel_frame frame = frame_of(d, t->panel, t->form, stale);

	if (!shown || shown->form != t->form) {
		surface_rule(&part, 0, ROLE_BORDER, panels[t->panel]->title, "");
		surface_text(&part, 1, 1, ROLE_MUTED,
		             d->status.opened || !d->status.error[0] ? "loading" : "no store to read");
		return;
	}
	panels[t->panel]->draw(shown->state, &frame, &part);
}

void frame_draw(const struct deck *d, const struct layout *l, const struct frame_options *o,
                struct surface *s)
{
	surface_clear(s, ROLE_TEXT);
	if (l->header_y >= 0)
		draw_header(d, o, s, l->header_y);
	if (l->strip_y >= 0)
		draw_strip(d, o, s, l->strip_y);
	for (size_t i = 0; i < l->tile_count; i++)
		draw_tile(d, &l->tiles[i], deck_panel_stale(d, l->tiles[i].panel, o->wall_us, o->mono_us), s);
	if (l->keys_y >= 0)
		surface_text(s, 1, l->keys_y, ROLE_MUTED, o->keys);
}
