/* One target of a rollout: an open actuator with a worker thread of its own, so that a proxy that
 * hangs holds up nobody else. Jobs of a target run one after another, in the order they were asked
 * for. All functions are for the loop's thread; done() comes on it, once for each job, never from
 * within the call. */
#ifndef LLMDECK_ACT_TARGET_H
#define LLMDECK_ACT_TARGET_H

#include "act/actuator.h"
#include "net/loop.h"

struct target;

struct target_settings {
	struct loop *loop;
	const char *rollout, *name; /* copied; name NULL: the section's name, or kind and `index` + 1 */
	size_t index;               /* among the rollout's targets */
	const struct config_section *section; /* borrowed until target_close() */
	const struct act_arm *arms; /* copied */
	size_t arm_count;
	const char *config_path;
	bool demo; /* the store is a demo's: invented kinds are allowed */
};

/* Checks the section and opens the actuator; touches nothing outside. */
int target_open(struct target **out, const struct target_settings *s, struct err *err);
/* Raises the stop flag of the job that runs, waits for it (at most its deadline, as a rule much
 * less), forgets those that wait without calling done(). NULL is fine. */
void target_close(struct target **t);

const char *target_name(const struct target *t);
const struct actuator *target_actuator(const struct target *t);

enum target_job { TARGET_PLAN, TARGET_APPLY, TARGET_VERIFY, TARGET_UNDO, TARGET_OBSERVE };

struct target_answer {
	enum target_job job;
	enum act_result result;
	struct act_why why;
	struct act_plan plan;   /* PLAN */
	struct act_sight sight; /* VERIFY, OBSERVE */
	bool repeated;          /* APPLY, UNDO: the key had been done before; nothing was sent again */
	int64_t took_us;
};

/* Queues a job. `ask` is copied with its texts; its deadline counts from when the job starts and is
 * set from timeout_us (0: the kind's own); `stop` is the target's. `saw`: APPLY and UNDO. The answer
 * may be read until done() returns.
 *
 * APPLY and UNDO are done once for each key: a second one is answered with the first one's success,
 * without a word to the target. Where the first may have been applied and was not confirmed, the
 * target is read first, and only what is not in force is sent again. The memory lasts as long as the
 * target is open; after a restart of the collector, VERIFY tells where an action stands. */
void target_begin(struct target *t, enum target_job job, const struct act_ask *ask, const char *saw,
                  int64_t timeout_us, void (*done)(void *arg, const struct target_answer *answer), void *arg);
size_t target_waiting(const struct target *t); /* jobs without an answer yet */

#endif
