/* Everything with a disk, a socket or a child process that the screen wants done: on a thread of its
 * own, so that the UI thread never waits. Also watches the config's and the theme's file. */
#ifndef LLMDECK_CONSOLE_CHORES_H
#define LLMDECK_CONSOLE_CHORES_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/backtest.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "panels/collector.h"
#include "ui/theme.h"

struct chores;

/* config_path and socket_path may be NULL. `wake_fd` is written one byte when there is news. */
struct chores *chores_start(const char *config_path, const char *socket_path, int wake_fd);
/* Waits at most `wait_us` for what is under way. */
void chores_stop(struct chores **c, int64_t wait_us);

/* Writes the bytes (taken over: the buffer is empty afterwards) to a new file; never over an
 * existing one unless `replace`. The outcome comes as news. */
void chores_write_file(struct chores *c, const char *path, struct buf *bytes, bool replace);
/* Hands the text to tmux, which puts it on the clipboard. */
void chores_copy_tmux(struct chores *c, const char *text);
/* Posts a JSON object (taken over) to the collector and says `said` when it is done, or why not. */
void chores_order(struct chores *c, const char *path, struct buf *json, const char *said);
/* Tries a rule of the config with another limit on the last week of the store; the outcome comes as news
 * with this serial. One that waits is replaced. What the rule points to is copied. */
void chores_backtest(struct chores *c, const char *store_path, const struct config_alert *rule, double limit, uint64_t serial);
/* Writes the report of an incident as Markdown and as HTML beside each other (INC-88.md, INC-88.html; an older
 * one is replaced) and tells the collector so. `store_path`: it is read from there. */
void chores_report(struct chores *c, const char *store_path, int64_t incident_id);
/* Reads a theme by its name; it comes as news. */
void chores_load_theme(struct chores *c, const char *name);
/* Watch this theme's file from now on; NULL = none. */
void chores_watch_theme(struct chores *c, const struct theme *theme);

struct chore_news {
	char text[400];        /* to be said; "" = nothing */
	bool bad;
	int64_t incident_id;   /* the collector has opened or changed it; 0 none */
	struct config *config; /* a changed config, read; the caller owns it; NULL = none */
	uint64_t backtest_serial; /* of the back-test that has ended; 0 none */
	struct backtest backtest;
	char backtest_error[200]; /* "" = it went well */
	bool has_theme;        /* `theme` is the changed theme, read */
	struct theme theme;
};
/* The next piece of news; false when there is none. */
bool chores_take(struct chores *c, struct chore_news *out);
/* Asks the collector now, not at the next turn. */
void chores_ask_collector(struct chores *c);
/* What the collector said when it was asked last; true when that is news since the last call. */
bool chores_collector(struct chores *c, struct collector_status *out);
/* Names of the installed themes, as they were when the thread began. Returns how many. */
#define CHORES_THEMES_MAX 16
size_t chores_themes(struct chores *c, char names[][THEME_NAME_BYTES]);

#endif
