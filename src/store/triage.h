/* Changing feedback that is worked through: one order, one transaction with its audit row. The
 * collector calls it on the writer's thread, a command without a collector under the writer's lock. */
#ifndef LLMDECK_STORE_TRIAGE_H
#define LLMDECK_STORE_TRIAGE_H

#include "core/triage.h"
#include "store/writer.h"

#define TRIAGE_LOCK_US (INT64_C(5) * 60 * 1000000)

/* Checked before: names and values by label_check(), texts redacted, counts within core/triage.h's. */
struct triage_order {
	enum triage_verb verb;
	const int64_t *ids, *next;
	size_t id_count, next_count;
	struct str name, value, text; /* see daemon/control_feedback.h */
	struct str session;           /* "" of a command: no locks, and undo is the author's */
	struct str author;
	int64_t pid, process_start;   /* whose end ends the locks; 0: only time does */
	int64_t now_us;
	/* Whether a process lives still; NULL: as far as is known all do. */
	bool (*alive)(int64_t pid, int64_t process_start);
};
struct triage_outcome {
	size_t changed, unchanged, refused, unknown; /* items */
	int64_t change;  /* number of the change; 0: nothing changed */
	int64_t locked;  /* the next item, or the last one that `lock` got; 0: none */
	int64_t history, redoable; /* changes that can be undone, redone */
	size_t held;     /* locks this session has now */
	char holder[TRIAGE_NAME_MAX_BYTES + 1]; /* of the lock that refused, "" */
	enum triage_verb undone_verb; /* of what undo and redo moved */
};
/* In the open transaction (starting one if needed). Refusals are counted in the outcome, not errors. */
int store_writer_triage(struct store_writer *w, const struct triage_order *o, struct triage_outcome *out, struct err *err);

/* Ends the locks whose time is over or whose process is gone. *left: how many remain. */
int store_writer_sweep_locks(struct store_writer *w, int64_t now_us, bool (*alive)(int64_t pid, int64_t process_start),
                             size_t *left, struct err *err);

#endif
