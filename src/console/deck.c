/* The window of a live deck ends at the end of the step that has just begun, so that each chart
 * column is one fixed bucket of time, and moves on only when a new step begins. */
#include "console/deck.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "panels/budgets.h"
#include "panels/inference.h"
#include "panels/panels.h"

#define STALE_DATA_US (90 * US_PER_S)  /* data of a live store older than this is no longer live */
#define STALE_READ_US (4 * US_PER_S)   /* a store that has not answered for so long hangs */
#define HISTORY_US (30 * US_PER_MIN)   /* a store whose newest data is older opens at its end */

void panel_snapshot_free(struct panel_snapshot **s)
{
	if (!*s)
		return;
	if ((*s)->state) {
		(*s)->panel->fini((*s)->state);
		free((*s)->state);
	}
	free(*s);
	*s = NULL;
}

void deck_init(struct deck *d)
{
	memset(d, 0, sizeof *d);
	d->place = (struct place){'0', -1};
	d->window_us = 15 * US_PER_MIN;
	d->columns_hint = 40;
	d->focus = panel_index(&signals_panel);
	for (int i = 0; i < DECK_PANELS_MAX; i++)
		d->ui[i] = (struct panel_ui){.table = {.sort_column = -1}, .by = DIM_SERVICE};
}

void deck_fini(struct deck *d)
{
	for (int i = 0; i < DECK_PANELS_MAX; i++)
		panel_snapshot_free(&d->shown[i]);
}

int64_t deck_now_us(const struct deck *d, int64_t wall_us)
{
	if (d->end_us)
		return d->end_us < wall_us || d->history ? d->end_us : wall_us;
	if (d->history && d->status.summary.last_us)
		return d->status.summary.last_us + 1;
	if (d->paused)
		return d->paused_end_us;
	return wall_us;
}

int64_t deck_known_us(const struct deck *d, int64_t wall_us)
{
	int64_t now = deck_now_us(d, wall_us), newest = d->status.summary.last_us;

	return newest && now - newest > STALE_DATA_US ? newest + 1 : now;
}

static int64_t round_up(int64_t t, int64_t step)
{
	return (t + step - 1) / step * step;
}

struct view deck_view(const struct deck *d, int64_t wall_us)
{
	struct view v = d->where;
	int64_t now = deck_now_us(d, wall_us), step;

	step = view_choose_step_us(0, d->window_us, d->columns_hint); /* of the length alone: never flips */
	v.to_us = round_up(now, step);
	v.from_us = v.to_us - round_up(d->window_us, step);
	if (v.from_us < 0)
		v.from_us = 0;
	v.step_us = step;
	v.by_count = 0;
	return v;
}

enum deck_mode deck_mode(const struct deck *d, int64_t wall_us, int64_t mono_us, int64_t *age_us)
{
	const struct store_summary *s = &d->status.summary;
	int64_t newest = s->last_us ? s->last_us : s->last_commit_us; /* gauges alone are data, too */
	int64_t silent = mono_us - d->status.seen_mono_us;

	*age_us = newest ? wall_us - newest : 0;
	if (*age_us < 0)
		*age_us = 0;
	if (d->status.seen_mono_us && (silent > STALE_READ_US || d->status.error[0])) {
		*age_us = silent;
		return DECK_STALE;
	}
	if (!d->status.opened || !newest || d->filling)
		return DECK_WAITING;
	if (d->end_us)
		*age_us = wall_us > d->end_us ? wall_us - d->end_us : 0;
	if (d->history || d->end_us)
		return DECK_HISTORY;
	if (d->paused) {
		*age_us = wall_us - d->paused_end_us;
		return DECK_PAUSED;
	}
	return *age_us > STALE_DATA_US ? DECK_STALE : DECK_LIVE;
}

static void remember(struct deck *d)
{
	if (d->back_count == DECK_PLACES_MAX) {
		memmove(d->back, d->back + 1, sizeof d->back - sizeof *d->back);
		d->back_count--;
	}
	d->back[d->back_count++] = d->place;
}

static void arrive(struct deck *d, char page, int panel)
{
	d->place = (struct place){page, panel};
	if (panel >= 0)
		d->focus = panel;
}

void deck_go(struct deck *d, char page, int panel)
{
	if (d->place.page == page && d->place.panel == panel)
		return;
	remember(d);
	arrive(d, page, panel);
}

/* A page with one panel is that panel's own page. */
static bool only_one(char page)
{
	int count = 0;

	for (int i = 0; panels[i]; i++)
		count += panels[i]->page == page;
	return count == 1;
}

bool deck_up(struct deck *d)
{
	if (d->place.panel >= 0) {
		char from = d->back_count ? d->back[d->back_count - 1].page : '0';

		remember(d);
		arrive(d, from == '0' || only_one(d->place.page) ? '0' : d->place.page, -1);
		return true;
	}
	if (d->place.page == '0')
		return false;
	remember(d);
	arrive(d, '0', -1);
	return true;
}

bool deck_back(struct deck *d)
{
	struct place last;

	if (d->back_count == 0)
		return false;
	last = d->back[--d->back_count];
	arrive(d, last.page, last.panel);
	return true;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
	return x < low ? low : x > high ? high : x;
}

void deck_set_window(struct deck *d, int64_t length_us, int64_t from_us, int64_t to_us)
{
	d->paused = false;
	d->end_us = to_us;
	d->window_us = clamp(to_us ? to_us - from_us : length_us, WINDOW_MIN_US, WINDOW_MAX_US);
}

void deck_zoom(struct deck *d, int64_t wall_us, bool in)
{
	int64_t length = clamp(in ? d->window_us / 2 : d->window_us * 2, WINDOW_MIN_US, WINDOW_MAX_US);
	int64_t now = deck_now_us(d, wall_us);

	if (in && d->time_cursor_us) {
		int64_t end = d->time_cursor_us + length / 2;

		d->end_us = end < now ? end : d->end_us;
	}
	d->window_us = length;
}

void deck_move_cursor(struct deck *d, int64_t wall_us, int steps)
{
	struct view v = deck_view(d, wall_us);
	int64_t at = d->time_cursor_us ? d->time_cursor_us : v.to_us;

	at += steps * v.step_us;
	at = at / v.step_us * v.step_us;
	d->time_cursor_us = at >= v.to_us ? 0 : at < v.from_us ? v.from_us : at;
}

void deck_pause(struct deck *d, int64_t wall_us, bool pause)
{
	if (pause) {
		d->paused_end_us = deck_now_us(d, wall_us);
		d->paused_items = d->status.summary.requests + d->status.summary.feedback;
	}
	d->paused = pause;
}

int64_t deck_came_since(const struct deck *d)
{
	int64_t came = d->status.summary.requests + d->status.summary.feedback - d->paused_items;

	return came > 0 ? came : 0;
}

static enum session_level level_of(const char *role)
{
	for (enum session_level l = SESSION_OPERATOR; l > SESSION_VIEWER; l--) {
		if (strcmp(role, session_level_name(l)) == 0)
			return l;
	}
	return SESSION_VIEWER;
}

const char *session_level_name(enum session_level level)
{
	static const char *const names[] = {"viewer", "responder", "operator"};

	return names[level];
}

enum session_level deck_level(const struct deck *d)
{
	enum session_level most = d->raised ? SESSION_OPERATOR : SESSION_RESPONDER;
	enum session_level has = d->collector.answered ? level_of(d->collector.role) : SESSION_VIEWER;

	if (d->read_only)
		return SESSION_VIEWER;
	return has < most ? has : most;
}

int deck_raise(struct deck *d, bool up, struct err *err)
{
	if (!up) {
		d->raised = false;
		return 0;
	}
	if (d->read_only)
		return err_set(err, "rw: this console was started with --read-only: start one without it");
	if (!d->collector.answered)
		return err_set(err, "rw: no collector answers, and it is the collector that changes things: "
		               "start one with `llmdeck collect`");
	if (level_of(d->collector.role) < SESSION_OPERATOR)
		return err_set(err, "rw: your role here is %s: ask for an entry under `roles:` in the collector's "
		               "configuration", d->collector.role[0] ? d->collector.role : "nobody");
	d->raised = true;
	return 0;
}

bool deck_panel_stale(const struct deck *d, int panel, int64_t wall_us, int64_t mono_us)
{
	bool unread = d->status.seen_mono_us &&
	              (mono_us - d->status.seen_mono_us > STALE_READ_US || d->status.error[0]);
	int64_t age;

	if (panels[panel] == &sources_panel)
		return false;
	if (panels[panel] == &inference_panel && !d->history && !d->end_us && !d->paused)
		return unread || wall_us - d->status.summary.last_commit_us > STALE_DATA_US;
	return deck_mode(d, wall_us, mono_us, &age) == DECK_STALE;
}

bool deck_meet_servers(struct deck *d)
{
	const struct panel_snapshot *shown = d->shown[panel_index(&inference_panel)];
	const struct panel_snapshot *budgets = d->shown[panel_index(&budgets_panel)];
	bool had = d->has_servers, had_budgets = d->has_budgets;

	if (shown)
		d->has_servers = inference_has_servers(shown->state);
	if (budgets)
		d->has_budgets = budgets_has_any(budgets->state);
	return d->has_servers != had || d->has_budgets != had_budgets;
}

int panel_index(const struct panel *p)
{
	for (int i = 0; panels[i]; i++) {
		if (panels[i] == p)
			return i;
	}
	return -1;
}

bool page_exists(char page)
{
	if (page == '0')
		return true;
	for (int i = 0; panels[i]; i++) {
		if (panels[i]->page == page)
			return true;
	}
	return false;
}

const char *page_name(char page)
{
	static const char *const names[] = {"overview", "data",      "experiments", "evaluations",
	                                    "rollouts", "inference", "monitor",     "feedback"};

	return page >= '0' && page <= '7' ? names[page - '0'] : "";
}

void deck_judge_history(struct deck *d, int64_t wall_us)
{
	int64_t newest = d->status.summary.last_us;

	d->filling = d->filling && wall_us - newest > STALE_DATA_US;
	d->history = newest != 0 && wall_us - newest > HISTORY_US && !d->filling;
}
