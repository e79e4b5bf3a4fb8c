/* What a panel is: one const table entry and one file. */
#ifndef LLMDECK_PANELS_PANEL_H
#define LLMDECK_PANELS_PANEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/view.h"
#include "store/query.h"
#include "ui/action.h"
#include "ui/surface.h"

/* How much room and detail a panel is drawn with. */
enum panel_form {
	PANEL_TILE, /* one of several on the overview */
	PANEL_PAGE, /* alone on the screen, with its breakdowns */
};

/* What the screen knows beside the panel's own state when it draws. */
struct panel_frame {
	const struct view *view;
	enum panel_form form;
	int64_t now_us;
	bool focused;
	const struct panel_ui *ui; /* cursor, sort, time cursor, compare; see below */
};

/* The panel's user-interface state: the UI thread's, kept by the console per page. */
struct panel_ui {
	int sort_column, top_row;
	bool sort_ascending;
	char cursor_key[256];    /* identity of the row under the cursor; "" = first */
	int64_t time_cursor_us;  /* 0 = none */
	char find[128];          /* live row filter, "" = none; a leading ! inverts */
	uint64_t hidden_columns; /* bit per column */
	enum dim by;             /* grouping of the page's breakdown */
	int scroll;
};

struct panel {
	const char *name;  /* "latency": what :latency and snapshot take */
	const char *title; /* "Latency" */
	const char *help;  /* a few sentences: what it shows, from where, how to read it */
	char page;         /* digit of the page it belongs to: '6' monitor, '7' feedback, … */
	size_t state_size;
	/* Loader thread. Fills a zeroed state; -1 leaves the old one on screen, marked STALE. `by` is the
	 * page's grouping. Under 20 ms for any window. */
	int (*load)(struct store_reader *reader, const struct view *view, const struct panel_ui *ui,
	            enum panel_form form, void *state, struct err *err);
	void (*fini)(void *state); /* frees what load() made */
	/* UI thread, pure: same state, frame and size give the same cells. Never assumes a minimum size. */
	void (*draw)(const void *state, const struct panel_frame *frame, struct surface *surface);
	/* UI thread; true when it used the action. Moves the cursor, sorts, opens. May be NULL. */
	bool (*act)(const void *state, const struct panel_frame *frame, struct panel_ui *ui, int action);
	const struct action *actions; /* beside the screen's own; NULL-name terminated; may be NULL */
};

extern const struct panel *const panels[]; /* NULL-terminated, in order of the pages */
const struct panel *panel_find(struct str name);

#endif
