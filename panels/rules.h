/* The config's alert rules as panels use them: limits and what is over them. A set is plain data,
 * copied from the config, so that the loader thread keeps its own. */
#ifndef LLMDECK_PANELS_RULES_H
#define LLMDECK_PANELS_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/figures.h"
#include "core/value.h"
#include "core/view.h"
#include "store/query.h"

#define RULES_MAX 64
#define RULE_ROLLOUTS_MAX 16

struct rule {
	char name[80];
	enum metric metric;
	struct view where; /* filters only */
	double limit;      /* in the metric's unit */
	bool below;        /* bad when under the limit */
	int64_t window_us;
	enum severity severity;
};
/* A rule that is no threshold on a metric: no limit that a panel could draw beside its figures, but its
 * alerts have a history. */
struct watched_rule {
	char name[80];
	enum alert_kind kind;
	enum metric metric;
	char category[80], gauge[160]; /* "": neither */
	struct view where; /* filters only */
	bool below;
	int64_t window_us, slow_us; /* slow_us 0: an error is bad */
	double objective;
};
/* A rollout as the config plans it. */
struct rule_rollout {
	char name[96];
	char arms[ROLLOUT_ARMS_MAX][64]; /* stable first */
	size_t arm_count;
	struct config_guardrail guardrails[8];
	size_t guardrail_count;
	double steps[CONFIG_STEPS_MAX];
	size_t step_count;
	int64_t hold_us;
	bool advance, rollback_on_breach;
};
/* One allocation: the arrays lie behind the set, as long as there are rules. */
struct rule_set {
	size_t count, watched_count, rollout_count;
	struct rule *rules;
	struct watched_rule *watched;
	struct rule_rollout *rollouts;
};

/* Copies the config's rules, at most RULES_MAX of each kind. Owned by the caller (free). */
struct rule_set *rule_set_new(const struct config *config);
struct rule_set *rule_set_copy(const struct rule_set *from);
/* NULL when there is no such rule among them. */
const struct rule *rule_set_find(const struct rule_set *set, const char *name);
const struct watched_rule *rule_set_watched(const struct rule_set *set, const char *name);
/* NULL when the config has no rollout of that name. */
const struct rule_rollout *rule_rollout_find(const struct rule_set *set, struct str name);

/* The figures right now that a rule looks at: the metric over the rule's own window, ending now. */
struct rule_reading {
	const struct rule *rule;
	struct value value;
	int64_t requests; /* n behind the value */
	bool over;        /* on the wrong side of its limit; never when the value is unknown */
};
int rule_read(struct store_reader *reader, const struct rule *rule, int64_t now_us,
              struct rule_reading *out, struct err *err);

/* The strictest rule on this metric whose filters are exactly the view's, of this severity or
 * worse; NULL when there is none. */
const struct rule *rule_for(const struct rule_set *set, enum metric metric, const struct view *view);

#endif
