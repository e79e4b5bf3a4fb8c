/* Keys that mean a rollout open a dialog bound to the one under the cursor; what the dialog wants done
 * goes to the thread that talks to the collector, and its answers come back into the dialog. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "console/app.h"
#include "console/frame.h"
#include "panels/rollouts.h"

/* The rollout under the cursor of the rollouts page; says what to do when there is none. */
static bool pick(struct app *a, struct rollout_pick *out)
{
	int index = panel_index(&rollouts_panel);
	const struct panel_snapshot *shown = a->deck.shown[index];
	struct panel_frame frame;

	if (a->deck.place.panel != index) {
		app_say(a, true, "open the rollouts first: 4");
		return false;
	}
	if (!shown || shown->form != PANEL_PAGE) {
		app_say(a, true, "the rollouts are still being loaded");
		return false;
	}
	frame = frame_of(&a->deck, index, PANEL_PAGE, false);
	if (rollouts_pick(shown->state, &frame, out) && out->arm_count >= 2)
		return true;
	app_say(a, true, "no rollout is under the cursor");
	return false;
}

static void open_intent(struct app *a, enum rollout_verb verb, const struct rollout_pick *p,
                        const char *shares, const char *where)
{
	if (!a->intent)
		a->intent = mem_alloc(sizeof *a->intent);
	intent_open(a->intent, verb, p, shares, where);
	if (a->intent->stage == INTENT_PLANNING)
		rollout_calls_plan(a->calls, &a->intent->ask);
	a->mode = MODE_INTENT;
}

void app_rollout(struct app *a, int action)
{
	struct rollout_pick p;
	enum rollout_verb verb;

	if (!pick(a, &p))
		return;
	switch (action) {
	case ACT_STEP_UP: verb = ROLLOUT_STEP; break;
	case ACT_STEP_BACK: verb = ROLLOUT_BACK; break;
	case ACT_HOLD_ROLLOUT: verb = p.held ? ROLLOUT_RESUME : ROLLOUT_HOLD; break;
	case ACT_PROMOTE_ROLLOUT: verb = ROLLOUT_PROMOTE; break;
	case ACT_REAPPLY: verb = ROLLOUT_REAPPLY; break;
	default: verb = ROLLOUT_ROLLBACK; break;
	}
	open_intent(a, verb, &p, "", "");
}

void app_rollout_set(struct app *a, const char *shares)
{
	struct rollout_pick p;

	if (!shares[0])
		app_say(a, true, "weight: give the candidate's share in percent, or ARM=PERCENT for each arm");
	else if (pick(a, &p))
		open_intent(a, ROLLOUT_SET, &p, shares, "");
}

void app_rollout_stop_all(struct app *a, const char *where)
{
	struct str rest = str_of(where);
	struct view scope = {0};
	struct err err = {""};

	while (rest.len > 0) {
		struct str word = str_trim(str_cut(&rest, ' '));

		if (word.len > 0 && view_add_filter(&scope, word, &err) != 0) {
			app_say(a, true, "stop-all: %.220s", err.text);
			return;
		}
	}
	open_intent(a, ROLLOUT_STOP_ALL, NULL, "", where);
}

static void raise_session(struct app *a)
{
	struct err err = {""};

	if (deck_raise(&a->deck, true, &err) != 0)
		app_say(a, true, "%.230s", err.text);
	intent_permit(a->intent, &a->deck);
}

void app_intent_key(struct app *a, struct key key)
{
	switch (intent_key(a->intent, key, clock_mono_us())) {
	case INTENT_RAISE:
		raise_session(a);
		break;
	case INTENT_PLAN:
		rollout_calls_plan(a->calls, &a->intent->ask);
		break;
	case INTENT_BEGIN:
		rollout_calls_begin(a->calls, &a->intent->ask);
		break;
	case INTENT_CANCEL:
		rollout_calls_cancel(a->calls);
		break;
	case INTENT_LEAVE:
		rollout_calls_let_go(a->calls);
		a->mode = MODE_DECK;
		break;
	default:
		break;
	}
}

bool app_take_calls(struct app *a)
{
	struct intent_progress *progress = mem_alloc(sizeof *progress);
	bool news = false;

	if (!a->board)
		a->board = mem_zalloc(sizeof *a->board);
	a->deck.board = a->board;
	if (rollout_calls_board(a->calls, a->board))
		news = true;
	if (rollout_calls_take(a->calls, progress) && a->mode == MODE_INTENT) {
		intent_take(a->intent, progress, &a->deck);
		news = true;
	}
	free(progress);
	return news;
}
