/* What a panel is: one const table entry and one file. */
#ifndef LLMDECK_PANELS_PANEL_H
#define LLMDECK_PANELS_PANEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "core/view.h"
#include "panels/ask.h"
#include "panels/collector.h"
#include "panels/rules.h"
#include "panels/sheet.h"
#include "store/query.h"
#include "ui/action.h"
#include "ui/surface.h"

struct rollout_board; /* panels/rollout_live.h */
struct query_board;   /* panels/query.h */
struct triage_desk;   /* panels/triage.h */

/* How much room and detail a panel is drawn with. */
enum panel_form {
	PANEL_TILE, /* one of several on the overview */
	PANEL_PAGE, /* alone on the screen, with its breakdowns */
};

/* What load() is asked for. Everything in it is immutable while load() runs. */
struct panel_query {
	struct store_reader *reader;
	struct view view;   /* window, filters and step; by[] is empty */
	enum dim by;        /* the page's grouping */
	enum panel_form form;
	int64_t now_us;     /* end of what is known: the clock when live, the data's end in a history */
	int64_t data_from_us; /* when the store's data begins; 0 = unknown */
	bool compare;       /* also load the series of the window before */
	const struct rule_set *rules;
	const struct panel_ask *ask;
	void *kept; /* the panel's kept_size bytes, zero at first; NULL: nothing stays from load to load */
	bool *more; /* to be set when not all was read and another load() would read on; NULL: nobody asks again */
	bool *early; /* to be set with *more when what an earlier load() of the same question gave says more; NULL with more */
	bool *empty; /* to be set with *more when there is nothing to show yet; NULL with more */
};

#define PANEL_FOLDS_MAX 64

/* The panel's user-interface state: the UI thread's, kept by the console per panel. */
struct panel_ui {
	struct table_state table; /* cursor, sort, hidden columns; scrolled lines where rows are no table */
	enum dim by;              /* grouping of the page's breakdown */
	bool opened;              /* rollouts: the one under the cursor without the list */
	uint32_t folded[PANEL_FOLDS_MAX]; /* trace: lines whose children are hidden, by the hash of their key */
	size_t folded_count;
};

/* What the screen knows beside the panel's own state when it draws. */
struct panel_frame {
	const struct view *view;
	enum panel_form form;
	int64_t now_us;          /* as in panel_query */
	int64_t wall_us;         /* the clock, wherever the window is; 0: not told */
	bool focused;
	bool stale;              /* the state is older than it should be: figures are dimmed */
	bool compare;
	int64_t time_cursor_us;  /* 0 = none */
	const char *find;        /* live row filter, "" = none; a leading ! inverts */
	const struct tz *tz;     /* clock on the screen; NULL is UTC */
	const struct rollout_board *board; /* what the collector says about the rollouts; NULL: it says nothing */
	const struct triage_desk *desk; /* feedback page: what the person does there; NULL: nothing */
	const struct query_board *query;   /* the page for SQL: what is typed and answered there; NULL: nothing */
	const struct panel_ui *ui;
	const struct panel_ask *ask;       /* as the screen has it now: the state may be of an older one */
	const struct collector_status *collector; /* as it said when it was asked last */
};

struct panel {
	const char *name;  /* "latency": what :latency and snapshot take */
	const char *title; /* "latency": in the panel's head */
	const char *help;  /* a few sentences: what it shows, from where, how to read it */
	char page;         /* digit of the page it belongs to: '6' monitor, '7' feedback, … */
	bool groups;       /* its page has a breakdown by a dimension */
	/* As a tile it is loaded at most so often: what changes on the screen travels over a slow line.
	 * 0 = as often as the console looks for new data. */
	int64_t pace_us;
	unsigned asks;     /* enum ask_part: what of the ask load() depends on */
	size_t state_size;
	/* Loader thread. Fills a zeroed state; on -1 what it made is freed with fini() and the old state
	 * stays on screen, marked STALE. Under 20 ms for any window. */
	int (*load)(const struct panel_query *query, void *state, struct err *err);
	void (*fini)(void *state); /* frees what load() made */
	/* What load() remembers for its next call: the loader's, one a panel. 0: nothing. */
	size_t kept_size;
	void (*kept_fini)(void *kept);
	/* UI thread, pure: same state, frame and size give the same cells. Never assumes a minimum size.
	 * The first line of the surface is the panel's head. */
	void (*draw)(const void *state, const struct panel_frame *frame, struct surface *surface);
	/* The panel's rows as data: what the table shows, the cursor walks and an export writes. NULL for
	 * a panel without rows. The sheet borrows strings from the state. */
	void (*rows)(const void *state, const struct panel_frame *frame, struct sheet *out);
	/* What Enter on a row narrows the view to: the dimension of the sheet's first column, or
	 * DIM_COUNT when a row is not a value of a dimension. NULL means DIM_COUNT. */
	enum dim (*row_dim)(const struct panel_frame *frame);
	/* The trace of the row with this key; false when it has none. NULL: rows have no traces. */
	bool (*row_trace)(const void *state, struct str key, struct trace_pick *out);
};

/* The trace that a request belongs to; false when it has none. */
static inline bool trace_pick_of(const struct request_row *row, struct trace_pick *out)
{
	*out = (struct trace_pick){.around_us = row->request.end_us, .request = row->id};
	memcpy(out->trace_id, row->request.trace_id, sizeof out->trace_id);
	return row->request.has_trace;
}

extern const struct panel *const panels[]; /* NULL-terminated, in order of the pages */
const struct panel *panel_find(struct str name);

#endif
