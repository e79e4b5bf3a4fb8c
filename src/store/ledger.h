/* What the collector must not forget about rollouts: what is wanted of each, and what was begun. The
 * put functions add to the open transaction (starting one if needed); a job on the writer's thread
 * calls them. */
#ifndef LLMDECK_STORE_LEDGER_H
#define LLMDECK_STORE_LEDGER_H

#include "base/err.h"
#include "base/mem.h"
#include "store/query.h"
#include "store/writer.h"

struct rollout_desired {
	struct str name, shares, phase, reason;
	bool held;
	int64_t step_us;    /* when the shares were last changed */
	int64_t stretch;    /* how many stretches of evidence there have been, this one included */
	int64_t stretch_us; /* when this one began */
};
/* An action on one rollout. States: "intent" (nothing touched), "applying" (targets may have been
 * touched), "done". */
struct rollout_action_row {
	struct str key, rollout, verb, state, shares, before, outcome, reason, who;
	struct str ssh_client, claimed_name;
	uint32_t uid, login_uid;
	int64_t started_us, changed_us;
};

int store_writer_put_desired(struct store_writer *w, const struct rollout_desired *row, struct err *err);
/* Inserts, or replaces state, outcome and time of the row with that key. */
int store_writer_put_action(struct store_writer *w, const struct rollout_action_row *row, struct err *err);

/* Whether an action has this key. */
int store_writer_has_action(struct store_writer *w, struct str key, bool *out, struct err *err);

struct ledger_result {
	struct rollout_desired *desired;
	size_t desired_count, desired_cap;
	struct rollout_action_row *actions; /* those that are not done, oldest first */
	size_t action_count, action_cap;
	struct arena arena;
};
int query_ledger(struct store_reader *r, struct ledger_result *out, struct err *err);
void ledger_result_fini(struct ledger_result *res);

#endif
