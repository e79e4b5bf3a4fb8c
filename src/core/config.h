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
struct config_guardrail {
	enum metric metric;
	double worse_by; /* share (20% = 0.2) or the metric's unit (0.5pp = 0.005) */
	bool relative;
};
struct config_rollout {
	const char *name, *service, *environment, *stable, *candidate;
	struct config_section *actuators;
	size_t actuator_count;
	struct config_guardrail guardrails[8];
	size_t guardrail_count;
	bool rollback_on_breach;
};
struct config_budget {
	const char *name;
	struct view where; /* filters only */
	int64_t amount_nusd;
	enum budget_period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_QUARTER, PERIOD_YEAR } period;
	const char *tz;
	int warn_percent[8];
	size_t warn_count;
	bool on_actual, on_forecast;
	const char *hard; /* action name or NULL */
};
enum severity { SEVERITY_WARNING, SEVERITY_CRITICAL };
struct config_alert {
	const char *name;
	enum metric metric;
	struct view where;
	double limit;     /* in the metric's unit */
	bool below;       /* `under:` instead of `over:` */
	int64_t window_us, for_us, keep_firing_for_us;
	enum severity severity;
	const char *runbook;
};
struct config_context {
	const char *name, *store, *socket, *colour;
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
	struct config_pair *keys; /* action name -> keys; "" disables */
	size_t key_count;
};

void config_init(struct config *c); /* defaults */
void config_fini(struct config *c);

#endif
