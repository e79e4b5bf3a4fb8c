/* The configuration as read (parse/config.h reads the YAML; core/options.c has the table of plain
 * options). Owns its strings in one arena. Immutable once loaded. */
#ifndef LLMDECK_CORE_CONFIG_H
#define LLMDECK_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "core/dims.h"
#include "core/event.h"
#include "core/figures.h"
#include "core/options.h"
#include "core/triage.h"
#include "core/view.h"

struct config_pair {
	const char *key, *value;
	int line, column;
};
/* A mapping whose keys depend on its kind (a source, an actuator, a notifier): kept as pairs,
 * nested keys joined by dots ("map.time"), checked by the kind's own option table. */
struct config_section {
	const char *name, *kind;
	struct config_pair *pairs;
	size_t pair_count;
	int line, column;
};
#define CONFIG_EVALUATION_BYTES 80
struct config_guardrail {
	enum metric metric; /* METRIC_COUNT: an evaluation's score */
	double worse_by; /* share (20% = 0.2) or the metric's unit (0.5pp = 0.005) */
	bool relative;
	bool low_is_better; /* of an evaluation: a high score is bad */
	char evaluation[CONFIG_EVALUATION_BYTES]; /* as the config names it, "evaluation:groundedness"; "": a metric */
};
#define CONFIG_STEPS_MAX 16
struct config_rollout {
	const char *name, *service, *environment; /* environment NULL: all of them */
	const char *stable, *candidate;           /* arms[0] and arms[1] */
	const char *arms[ROLLOUT_ARMS_MAX];       /* stable first, then the candidates */
	size_t arm_count;
	struct config_section *actuators;
	size_t actuator_count;
	struct config_guardrail guardrails[8];
	size_t guardrail_count;
	int64_t breach_us;       /* how long a guardrail must fail before it counts */
	bool rollback_on_breach;
	double steps[CONFIG_STEPS_MAX]; /* the candidates' share in percent, rising, the last is 100 */
	size_t step_count;
	int64_t hold_us;         /* least time on a step */
	bool advance;            /* steps follow each other without a hand */
	int64_t lower_us, raise_us; /* countdown before what lowers, and what raises, the candidates' share */
};
struct config_budget {
	const char *name;
	struct view where; /* filters only */
	bool by_attr;      /* of one value of an attribute (a user, a key …), and of nothing else: `where` is empty */
	enum attr attr;
	char attr_value[VIEW_VALUE_BYTES];
	int64_t amount_nusd;
	enum budget_period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_QUARTER, PERIOD_YEAR } period;
	const char *tz;
	int warn_percent[8];
	size_t warn_count;
	bool on_actual, on_forecast;
	const char *hard; /* "rollback ROLLOUT", "weight ROLLOUT SHARES" or NULL */
	bool armed;       /* it does that; else it says that it would have */
	double max_unpriced; /* share of unpriced requests above which nothing acts; 0-1 */
};
enum severity { SEVERITY_WARNING, SEVERITY_CRITICAL };
enum alert_kind { ALERT_THRESHOLD, ALERT_BURN_RATE, ALERT_ANOMALY, ALERT_ABSENCE };
/* What a rule says when its figure is not known. */
enum no_data_policy {
	NO_DATA_KEEPS,  /* nothing fires and nothing resolves */
	NO_DATA_IS_OK,  /* as if the condition did not hold */
	NO_DATA_ALERTS, /* as if it held */
};
enum anomaly_direction { ANOMALY_OVER = 1, ANOMALY_UNDER = 2, ANOMALY_BOTH = 3 };
struct config_alert {
	const char *name;
	enum alert_kind kind;
	enum metric metric;
	const char *category; /* of flags, instead of the metric; NULL: none */
	const char *gauge;    /* name of a gauge series, instead of the metric; NULL: none */
	struct view where;    /* filters, and by[]: an alert for each group */
	double limit;         /* in the metric's unit; burn rate: times the budget; anomaly: deviations */
	bool below;           /* `under:` instead of `over:` */
	int64_t window_us, for_us, keep_firing_for_us;
	enum severity severity;
	const char *runbook;  /* NULL: none */
	struct config_pair *labels; /* added to the alert */
	size_t label_count;
	enum no_data_policy no_data;
	int64_t min_requests; /* fewer in the window are no data */
	double objective;     /* burn rate: share of requests that must be good, 0-1 */
	int64_t short_window_us; /* burn rate: must be over as well */
	int64_t slow_us;      /* burn rate: slower is bad; 0: an error is bad */
	enum anomaly_direction direction;
};
struct config_context {
	const char *name, *store, *socket, *colour;
};
/* Words and patterns that make a finding of a text (judge/safety.h). */
struct config_block {
	const char *category;
	int severity; /* 0-7 */
	const char *const *words;    /* words and phrases, '*' at a word's end; NULL-terminated */
	const char *const *patterns; /* POSIX extended regular expressions, case aside; NULL-terminated */
};
struct config_role {
	const char *role;         /* viewer, responder, operator */
	const char *const *members; /* "group:oncall", "user:mia", "any" */
	size_t member_count;
};

struct config {
	struct arena arena;
	const char *path;                       /* NULL: built-in defaults */
	union option_value options[OPTION_COUNT]; /* by enum option; defaults filled in */
	const char *tags[TAG_MAX];
	size_t tag_count;
	struct config_section *sources, *notifiers;
	size_t source_count, notifier_count;
	struct config_rollout *rollouts;
	size_t rollout_count;
	struct config_budget *budgets;
	size_t budget_count;
	struct config_alert *alerts;
	size_t alert_count;
	struct config_context *contexts;
	size_t context_count;
	struct config_role *roles;
	size_t role_count;
	struct label_set *label_sets; /* none: the built-in ones, see label_sets() */
	size_t label_set_count;
	struct config_block *blocks;
	size_t block_count;
	struct config_section *judges; /* services that judge feedback */
	size_t judge_count;
	struct config_pair *keys; /* action name -> keys; "" disables */
	size_t key_count;
};

void config_init(struct config *c); /* defaults */
void config_fini(struct config *c);

#endif
