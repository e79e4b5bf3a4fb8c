/* What the screen shows, as plain data: place, window, filters, focus, and the newest state of
 * every panel. The UI thread's. Drawing it (frame.h) and loading it (loader.h) are elsewhere. */
#ifndef LLMDECK_CONSOLE_DECK_H
#define LLMDECK_CONSOLE_DECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/view.h"
#include "panels/collector.h"
#include "panels/panel.h"
#include "panels/rollout_live.h"

#define DECK_PANELS_MAX 32
#define DECK_PLACES_MAX 32
#define DECK_FIND_BYTES 128

#define WINDOW_MIN_US INT64_C(60000000)                /* 1 min */
#define WINDOW_MAX_US (INT64_C(3) * 366 * 86400000000) /* 3 years */

/* A panel's state as load() left it. Immutable once made; owned by who holds it. */
struct panel_snapshot {
	const struct panel *panel;
	enum panel_form form;
	struct view view;       /* what was asked for */
	int64_t now_us;
	bool compare;
	uint64_t generation;    /* of the job it was loaded for */
	int64_t loaded_mono_us; /* when */
	int64_t took_us;        /* how long load() ran */
	void *state;
};
void panel_snapshot_free(struct panel_snapshot **s);

/* What is known about the data and the reading of it. */
struct deck_status {
	bool opened;            /* the store has been read at least once */
	struct store_summary summary;
	int64_t seen_mono_us;   /* when the store last answered; 0 = never */
	char error[512];        /* why the last load failed; "" = it did not */
};

struct place {
	char page;  /* digit */
	int panel;  /* index in panels[], or -1: the page's tiles */
};

/* What this session may change. It begins as responder at most; :rw raises it where the role allows. */
enum session_level { SESSION_VIEWER, SESSION_RESPONDER, SESSION_OPERATOR };

struct deck {
	/* where */
	struct place place;
	struct place back[DECK_PLACES_MAX]; /* pages seen before, newest last */
	size_t back_count;
	int focus;                          /* index in panels[] of the focused tile */
	/* what */
	int64_t window_us;                  /* length */
	int64_t end_us;                     /* exclusive end of a fixed window; 0 = follows the clock */
	bool history;                       /* the store's end, not the clock, is followed */
	bool paused;
	int64_t paused_end_us;              /* where the window stood when it was paused */
	int64_t paused_items;               /* requests and feedback items there were then */
	bool compare;
	int64_t time_cursor_us;             /* 0 = none */
	struct view where;                  /* filters only */
	char find[DECK_FIND_BYTES];         /* live row filter */
	struct panel_ui ui[DECK_PANELS_MAX];
	struct panel_ask ask;
	/* shown */
	struct panel_snapshot *shown[DECK_PANELS_MAX]; /* by index in panels[]; NULL = not loaded yet */
	struct deck_status status;
	/* labels */
	const char *context, *context_colour, *user;
	bool demo;
	bool filling;                       /* a demo's past is being invented: its data will reach the present */
	bool starting;                      /* the collector of this console is on its way */
	bool read_only;                     /* this session may change nothing whatever its role */
	bool raised;                        /* :rw was given */
	struct collector_status collector;
	const struct query_board *query;    /* the SQL page's; NULL: nobody types */
	const struct rollout_board *board;  /* NULL: not asked */
	const struct triage_desk *desk;     /* the feedback page's; NULL: nobody works */
	char banner[160];                   /* one line that stays; "" = none */
	const struct tz *tz;
	bool has_servers;                   /* model servers tell: their tile has a place */
	bool has_budgets;                   /* and so have budgets */
	int columns_hint;                   /* width a chart has, for the series step */
};

void deck_init(struct deck *d);
void deck_fini(struct deck *d);

/* What time it is for the data: the clock, or the data's end in a history or a fixed window. */
int64_t deck_now_us(const struct deck *d, int64_t wall_us);
/* Until when the data is known: deck_now_us(), or the newest data's time where a live store has
 * fallen silent. After it figures are unknown, not zero. */
int64_t deck_known_us(const struct deck *d, int64_t wall_us);
/* The window, filters and step to load for now, aligned to the step so that a chart moves one
 * column a bucket. */
struct view deck_view(const struct deck *d, int64_t wall_us);

/* What may be changed from here, as the collector sees our role; a viewer's while nobody answers. */
enum session_level deck_level(const struct deck *d);
const char *session_level_name(enum session_level level);
/* :rw and :ro. -1 with the reason when the role does not allow it. */
int deck_raise(struct deck *d, bool up, struct err *err);

/* Requests and feedback items that came since the deck was paused. */
int64_t deck_came_since(const struct deck *d);

enum deck_mode { DECK_LIVE, DECK_PAUSED, DECK_STALE, DECK_HISTORY, DECK_WAITING };
/* *age_us: age of the newest data, or how long the store has not answered. */
enum deck_mode deck_mode(const struct deck *d, int64_t wall_us, int64_t mono_us, int64_t *age_us);

/* Is what this panel shows older than it should be? Requests may have stopped while servers go on
 * telling, and what the collector says is as fresh as its answer. */
bool deck_panel_stale(const struct deck *d, int panel, int64_t wall_us, int64_t mono_us);

/* Going places. deck_go() remembers where it was; deck_up() is Esc: from a panel to its page, from
 * a page to the overview (false when it is there already); deck_back() is Backspace. */
void deck_go(struct deck *d, char page, int panel);
bool deck_up(struct deck *d);
bool deck_back(struct deck *d);

/* Time. Zooming keeps the time cursor in the middle when there is one. */
void deck_zoom(struct deck *d, int64_t wall_us, bool in);
void deck_set_window(struct deck *d, int64_t length_us, int64_t from_us, int64_t to_us);
void deck_move_cursor(struct deck *d, int64_t wall_us, int steps); /* by series steps */
void deck_pause(struct deck *d, int64_t wall_us, bool pause);
/* After a new summary: a store whose newest data is old is looked at from its end, one that has come
 * to life is live. */
void deck_judge_history(struct deck *d, int64_t wall_us);

/* After a panel was loaded: learns whether model servers tell and budgets are there; true when that is
 * news. */
bool deck_meet_servers(struct deck *d);

int panel_index(const struct panel *p); /* in panels[] */
/* A page with this digit exists when some panel is on it; '0' always. */
bool page_exists(char page);
const char *page_name(char page); /* "overview", "monitor", … */

#endif
