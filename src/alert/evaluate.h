/* Asks the store for what all rules need, with as few queries as possible: rules that look at the same
 * window and dimensions share one grouped query, whatever their filters. The cost depends on the rules
 * and on how many series there are, not on how much history the store has. */
#ifndef LLMDECK_ALERT_EVALUATE_H
#define LLMDECK_ALERT_EVALUATE_H

#include "core/config.h"
#include "store/query.h"

struct evaluator;

/* What a query said about one rule and one of its groups. */
struct evaluated {
	size_t rule;                /* index into the rules */
	const char *const *group;   /* by_count values, in order of the rule's by[] */
	const struct figures *figures, *shorter; /* NULL: nothing there; shorter: burn rates only */
	double seconds;             /* covered by figures */
	struct value value;         /* rules about a gauge: instead of figures; about flags of a category: beside them */
};

/* `rules` are borrowed until it is freed. */
struct evaluator *evaluator_new(const struct config_alert *rules, size_t rule_count);
void evaluator_free(struct evaluator **e);
size_t evaluator_queries(const struct evaluator *e); /* how many a run asks */

/* Calls give() for every rule and group that has data in the window that ends at now_us (brought down
 * to 10 s), and for a rule without groups also when there is none. Pointers are good until it
 * returns. -1 when the store cannot be read: some rules may have been given already. */
int evaluator_run(struct evaluator *e, struct store_reader *r, int64_t now_us,
                  void (*give)(void *arg, const struct evaluated *what), void *arg, struct err *err);

#endif
