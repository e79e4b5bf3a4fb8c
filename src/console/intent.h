/* From a key to a change of traffic: plan, reason, typed name, countdown, progress, outcome. A state
 * machine over one dialog, bound to the rollout it was opened on. It asks nobody itself: what is to be
 * done comes back as an enum intent_step, what was answered goes in. The UI thread's. */
#ifndef LLMDECK_CONSOLE_INTENT_H
#define LLMDECK_CONSOLE_INTENT_H

#include "console/deck.h"
#include "console/rollout_calls.h"
#include "core/rollout.h"
#include "panels/rollouts.h"
#include "ui/dialog.h"

enum intent_stage {
	INTENT_NONE,
	INTENT_CHOOSING, /* which of several candidates is to be promoted */
	INTENT_PLANNING, /* the targets are asked */
	INTENT_LOOKING,  /* the plan is there, but this session may not do it (yet) */
	INTENT_ASKING,   /* reason and name */
	INTENT_COUNTING, /* can be taken back */
	INTENT_RUNNING,  /* targets are being touched, read back, traffic watched */
	INTENT_ENDED,
};
#define INTENT_LINE_BYTES 160

struct intent {
	enum intent_stage stage;
	enum rollout_verb verb;
	struct rollout_pick pick;     /* of the moment it was opened */
	struct intent_ask ask;
	struct intent_progress plan;     /* as it was answered first */
	struct intent_progress progress; /* of the action, once it has begun */
	bool may_raise;               /* LOOKING: the role allows, :rw would do */
	char refusal[512];            /* LOOKING: why not */
	char title[240], name[ROLLOUT_NAME_BYTES], name_label[ROLLOUT_NAME_BYTES + 16];
	char lines[DIALOG_LINES_MAX][INTENT_LINE_BYTES];
	struct dialog dialog;
};

/* What the caller has to do now. */
enum intent_step {
	INTENT_STAY,
	INTENT_PLAN,    /* rollout_calls_plan(&ask) */
	INTENT_RAISE,   /* deck_raise(), then intent_permit() */
	INTENT_BEGIN,   /* rollout_calls_begin(&ask) */
	INTENT_CANCEL,  /* rollout_calls_cancel() */
	INTENT_LEAVE,   /* it is closed; an action past its countdown goes on */
};

/* Opens the dialog; the caller then asks for the plan. `shares`: for SET and PROMOTE, else "". `where`:
 * the scope of STOP_ALL, else "". */
void intent_open(struct intent *i, enum rollout_verb verb, const struct rollout_pick *pick,
                 const char *shares, const char *where);
/* Looks again whether this session may do it: after the plan has come, and after :rw. */
void intent_permit(struct intent *i, const struct deck *d);
/* A plan or progress has come. */
void intent_take(struct intent *i, const struct intent_progress *p, const struct deck *d);
enum intent_step intent_key(struct intent *i, struct key key, int64_t mono_us);
void intent_draw(const struct intent *i, struct surface *s, int64_t mono_us, int *cursor_x, int *cursor_y);

#endif
