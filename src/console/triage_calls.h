/* Orders about feedback to the collector, one after the other, on a thread of their own: the UI thread
 * hands an order over and takes its answer when it is there. While an item is held its lock is kept. */
#ifndef LLMDECK_CONSOLE_TRIAGE_CALLS_H
#define LLMDECK_CONSOLE_TRIAGE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/triage.h"

struct triage_calls;

/* socket_path NULL: every order is answered with why it cannot be done. `wake_fd` is written one byte
 * when there is an answer. */
struct triage_calls *triage_calls_start(const char *socket_path, int wake_fd);
/* Gives back what is locked; waits at most `wait_us`. */
void triage_calls_stop(struct triage_calls **c, int64_t wait_us);

/* A text of this console's own that locks and undo go by. */
const char *triage_calls_session(const struct triage_calls *c);

/* What is asked for; texts and lists are borrowed and copied. */
struct triage_call {
	enum triage_verb verb;
	const int64_t *ids, *next;
	size_t id_count, next_count;
	const char *name, *value, *text; /* NULL: none */
};
/* False when an order is under way already. */
bool triage_calls_order(struct triage_calls *c, const struct triage_call *call);

/* Adds items to the incident `id`, or, with id 0, to a new one of that title that begins at from_us.
 * `service` narrows a new one; "" does not. False as above. */
bool triage_calls_incident(struct triage_calls *c, int64_t id, const char *title, const char *service, int64_t from_us,
                           const int64_t *items, size_t count);

struct triage_answer {
	bool ok;
	int64_t changed, unchanged, refused;
	int64_t locked;          /* the item that is ours now; 0 none */
	int64_t history, undone; /* changes that can be undone, redone */
	char words[300];         /* the collector's sentence, or why it was not done */
};
/* False when there is none since the last call. */
bool triage_calls_take(struct triage_calls *c, struct triage_answer *out);

#endif
