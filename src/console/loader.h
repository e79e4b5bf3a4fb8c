/* Loads what the screen shows, on a thread of its own with a read-only connection of its own, and
 * hands over immutable snapshots. A hanging disk stops the loader, never the screen. */
#ifndef LLMDECK_CONSOLE_LOADER_H
#define LLMDECK_CONSOLE_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "console/deck.h"

/* One panel to load. */
struct load_item {
	int panel; /* index in panels[] */
	enum panel_form form;
	enum dim by;
};
/* What to load, and for when. Plain data. */
struct load_job {
	uint64_t generation; /* changes whenever a person changed what is asked for */
	struct load_item items[DECK_PANELS_MAX];
	size_t item_count;
	struct view view;        /* deck_view() when the job was made; moves on with the clock */
	int64_t window_us, end_us;
	bool follows_clock;      /* live: the window moves on by itself */
	bool follows_data;       /* history: it ends where the data ends */
	bool compare;
	bool frozen;             /* paused: only what has no state for this generation, and alerts */
	int columns_hint;
	int64_t refresh_us;      /* how often at most */
	struct panel_ask ask;
};

struct loader;

/* Starts the thread. `wake_fd` is written one byte whenever there is something to take. `rules` is
 * copied. Never fails: a store that cannot be opened is tried again every second and its error
 * shows in the status. */
struct loader *loader_start(const char *store_path, const struct rule_set *rules, int wake_fd);
/* Interrupts a running query and joins; waits at most `wait_us` for a thread that hangs, then
 * leaves it behind for the process's end. */
void loader_stop(struct loader **l, int64_t wait_us);

/* UI thread; each takes a mutex for a few copies only. */
void loader_set_job(struct loader *l, const struct load_job *job);
void loader_set_rules(struct loader *l, const struct rule_set *rules);
/* The newest snapshot of a panel that has not been taken yet, or NULL; the caller owns it. */
struct panel_snapshot *loader_take(struct loader *l, int panel);
/* Copies the status; true when it changed since the last call. */
bool loader_status(struct loader *l, struct deck_status *out);

/* What a panel's loads leave for the next one. */
struct load_memory {
	void *kept; /* the panel's; made at the first load, freed with load_memory_fini() */
	bool more;  /* the last load has not read all */
	bool early; /* what it gave says less than what was given before to the same question */
	bool empty; /* it gave nothing to show yet */
};
void load_memory_fini(struct load_memory *m, const struct panel *panel);
/* The same load in the caller's thread, for one screen in a pipe. `memory` NULL: this is the only load.
 * NULL with a sentence. */
struct panel_snapshot *load_panel(struct store_reader *reader, const struct load_item *item,
                                  const struct view *view, int64_t now_us, int64_t data_from_us,
                                  bool compare, const struct rule_set *rules,
                                  const struct panel_ask *ask, struct load_memory *memory, struct err *err);
/* The job that loads what the deck shows. */
void load_job_for(const struct deck *d, const struct load_item *items, size_t count, int64_t wall_us,
                  struct load_job *out);

#endif
