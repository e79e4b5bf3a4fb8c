/* The words of working through feedback: an item's state, what may be done with it, and the label
 * sets with their values. Plain data and arithmetic; no I/O. */
#ifndef LLMDECK_CORE_TRIAGE_H
#define LLMDECK_CORE_TRIAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct config;

enum feedback_state { FEEDBACK_OPEN, FEEDBACK_SETTLED, FEEDBACK_DISMISSED, FEEDBACK_STATE_COUNT };
/* "open", "settled", "dismissed". */
const char *feedback_state_name(enum feedback_state s);

enum triage_verb {
	TRIAGE_LABEL,   /* name, value */
	TRIAGE_UNLABEL, /* name */
	TRIAGE_SETTLE,
	TRIAGE_DISMISS,
	TRIAGE_REOPEN,
	TRIAGE_ASSIGN,  /* value: the assignee; "" nobody */
	TRIAGE_NOTE,    /* text */
	TRIAGE_DATASET, /* text: the corrected answer; "" takes the item out of the data set */
	TRIAGE_LOCK,    /* takes, or keeps, the lock of every item given */
	TRIAGE_UNLOCK,  /* of the items given, or of all this session holds */
	TRIAGE_NEXT,    /* only `next` */
	TRIAGE_UNDO,    /* the session's newest change that stands */
	TRIAGE_REDO,    /* the change that was undone last */
	TRIAGE_VERB_COUNT
};
const char *triage_verb_name(enum triage_verb v); /* "label", "unlabel", … */
bool triage_verb_from_name(struct str name, enum triage_verb *out);

#define TRIAGE_IDS_MAX 10000     /* items of one order */
#define TRIAGE_NEXT_MAX 256      /* candidates for the next item */
#define TRIAGE_NAME_MAX_BYTES 64 /* of a label's name, an assignee, a session */
#define TRIAGE_VALUE_MAX_BYTES 200
#define TRIAGE_TEXT_MAX_BYTES 8192

enum label_kind { LABEL_BOOLEAN, LABEL_NUMERIC, LABEL_CATEGORICAL };
/* One score: what it is called and which values it takes. */
struct label_set {
	const char *name;
	enum label_kind kind;
	double min, max;            /* LABEL_NUMERIC */
	const char *const *values;  /* LABEL_CATEGORICAL; NULL-terminated */
	const char *text;           /* one line for people; "" when there is none */
};

/* The label sets of a configuration (`labels:`), or the built-in ones when it gives none: boolean
 * hallucination, refusal, tone, slow, wrong, incomplete, unsafe; numeric quality 1-5. In the order of
 * the keys 1-9. */
const struct label_set *label_sets(const struct config *c, size_t *count);
/* Checks a value ("true", "4", "rude") and appends it in its one form; a boolean's empty value is
 * "true". -1 with a sentence that says which values there are. */
int label_check(const struct config *c, struct str name, struct str value, struct buf *out, struct err *err);

#endif
