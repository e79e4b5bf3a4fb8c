/* What keys and the palette can do on every page: one table. */
#ifndef LLMDECK_CONSOLE_ACTIONS_H
#define LLMDECK_CONSOLE_ACTIONS_H

#include <stddef.h>

#include "console/deck.h"
#include "ui/action.h"
#include "ui/keymap.h"

enum console_action {
	ACT_HELP = 1, ACT_PALETTE, ACT_FILTER,
	ACT_DOWN, ACT_UP, ACT_FIRST, ACT_LAST, ACT_PAGE_DOWN, ACT_PAGE_UP,
	ACT_NEXT_PANEL, ACT_PREVIOUS_PANEL, ACT_OPEN, ACT_BACK, ACT_LAST_PAGE, ACT_ALONE,
	ACT_ZOOM_IN, ACT_ZOOM_OUT, ACT_CURSOR_LEFT, ACT_CURSOR_RIGHT, ACT_COMPARE, ACT_PAUSE,
	ACT_SORT, ACT_COLUMNS, ACT_GROUP, ACT_COPY, ACT_EXPORT, ACT_THEME, ACT_REDRAW, ACT_SUSPEND,
	ACT_QUIT,
	ACT_LIMITS, ACT_ACKNOWLEDGE, ACT_MUTE, ACT_UNMUTE, ACT_EDIT_LIMIT, ACT_SET_BUDGET, ACT_REMOVE_BUDGET,
	ACT_TRACE, ACT_INCIDENTS, ACT_CHART, ACT_WINDOWS,
	ACT_DISMISS, ACT_NOTE, ACT_ASSIGN, ACT_DATASET, ACT_UNDO, ACT_REDO, ACT_MARK, ACT_RANGE, ACT_INVERT,
	ACT_GROUP_NEXT, ACT_GROUP_BEFORE,
	ACT_ROLLBACK, ACT_STEP_UP, ACT_STEP_BACK, ACT_HOLD_ROLLOUT, ACT_PROMOTE_ROLLOUT, ACT_REAPPLY, ACT_STOP_ALL,
	ACT_PAGE0 = 100, /* + digit */
};
/* For keymap_add(); NULL-name terminated. */
extern const struct action console_actions[];

/* The key line for where the deck is, as much as fits in `width` columns. `m` NULL: the default
 * keys. Returns out. */
const char *actions_key_line(const struct keymap *m, const struct deck *d, int width, char *out,
                             size_t cap);

#endif
