/* The feedback page's keys: what a person does there, and what the collector is asked for it. */
#ifndef LLMDECK_CONSOLE_TRIAGE_APP_H
#define LLMDECK_CONSOLE_TRIAGE_APP_H

#include "console/triage_calls.h"
#include "panels/triage.h"
#include "ui/dialog.h"

struct app;

#define TRIAGE_HELD_KEYS 64
#define TRIAGE_UNDO_PLACES 64

enum triage_dialog_kind { TRIAGE_ASK_BATCH, TRIAGE_ASK_NOTE, TRIAGE_ASK_ASSIGN, TRIAGE_ASK_DATASET, TRIAGE_ASK_INCIDENT };

/* All of it is the UI thread's. */
struct triage_work {
	struct triage_desk desk;
	struct triage_calls *calls;
	int64_t began_mono_us, answered_mono_us;
	/* the order under way */
	enum triage_verb verb;
	size_t verb_items;
	int64_t verb_item;      /* the open item it was given on; 0 none */
	bool leaves;            /* the item is left when it is done */
	char said[160];         /* for the toast; "" the collector's words */
	/* keys pressed while it is under way, for afterwards */
	struct key held[TRIAGE_HELD_KEYS];
	size_t held_count;
	bool replaying;
	/* the changes made here, newest last: undo goes back there; behind place_count those undone */
	struct triage_place {
		int64_t item; /* 0: several */
		int64_t changed;
		enum triage_verb verb;
	} places[TRIAGE_UNDO_PLACES];
	size_t place_count, place_end;
	/* MODE_TRIAGE */
	struct dialog dialog;
	enum triage_dialog_kind kind;
	enum triage_verb dialog_verb;
	int64_t *dialog_ids;    /* as they were when it was opened */
	size_t dialog_id_count;
	char dialog_name[TRIAGE_NAME_MAX_BYTES + 1], dialog_value[TRIAGE_VALUE_MAX_BYTES + 1];
	char dialog_title[160], dialog_line[160], dialog_confirm[48];
};

struct triage_work *triage_work_start(const char *socket_path, int wake_fd);
void triage_work_stop(struct triage_work **w, int64_t wait_us);

/* Label sets of the config that is in force now. */
void app_triage_labels(struct app *a);
/* An action on the feedback page; false when it means there what it means elsewhere. */
bool app_triage_do(struct app *a, int action);
/* A key before the keymap sees it: digits of an open item, keys while an order is under way. */
bool app_triage_key(struct app *a, struct key key);
void app_triage_dialog_key(struct app *a, struct key key);
/* After every key and every load: keeps the ask and the cursor in step with the screen. */
void app_triage_follow(struct app *a);
/* Takes the collector's answer; true when something is to be drawn. */
bool app_triage_take(struct app *a);

#endif
