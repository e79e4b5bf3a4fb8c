/* What the files of the feedback page's keys share. Private to src/console/triage_*.c. */
#ifndef LLMDECK_CONSOLE_TRIAGE_PRIVATE_H
#define LLMDECK_CONSOLE_TRIAGE_PRIVATE_H

#include "console/app.h"

/* triage_app.c */
/* The page as it is shown; NULL while it is not. */
const struct triage_state *triage_shown(const struct app *a);
/* What is asked of the store is another thing now. */
void triage_changed(struct app *a);
/* The open item, or the one under the cursor; 0 when there is none. */
int64_t triage_cursor_item(const struct app *a);
/* Asks for the next open item, or the one before, to be locked and shown. */
void triage_open_neighbour(struct app *a, bool backwards);

/* triage_list.c: what the moving, marking and sorting keys do. `action` is one of ACT_DOWN to ACT_PAGE_UP. */
void triage_move(struct app *a, int action);
/* In an open item: j and k go to the neighbours, pages scroll its text. */
void triage_move_opened(struct app *a, int action);
void triage_toggle_mark(struct app *a);
void triage_mark_range(struct app *a);
void triage_invert_marks(struct app *a);
/* Only the group of that name; "" all. */
void triage_choose_group(struct app *a, const char *name);
void triage_step_group(struct app *a, int step);
void triage_sort_next(struct app *a);

#endif
