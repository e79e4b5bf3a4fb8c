/* What the engine's files share. Internal to alert/. */
#ifndef LLMDECK_ALERT_ENGINE_PRIVATE_H
#define LLMDECK_ALERT_ENGINE_PRIVATE_H

#include "alert/baselines.h"
#include "alert/engine.h"
#include "alert/evaluate.h"
#include "alert/machine.h"
#include "base/hash.h"
#include "core/budget.h"
#include "store/query_alerts.h"

#define NO_RULE SIZE_MAX

/* A rule or budget and one of its groups, while it is anything but inactive. Owns its strings. */
struct instance {
	int64_t id;
	char *rule, *kind, *labels, *runbook, *summary, *acknowledged_by, *note;
	enum severity severity;
	struct machine machine;
	struct machine_rule waits;
	size_t rule_index; /* NO_RULE: a budget's, or the rule is gone */
	double value, bound, normal;
	int64_t acknowledged_us;
	bool told, told_acknowledged;
	bool seen;   /* in this round */
	bool dirty;  /* to be stored */
	enum alert_state audited; /* last state that has an audit row */
	int64_t stored_us;
};

struct rule_slot {
	double bound;            /* in force */
	struct rule_state state; /* words owned */
	bool seen, dirty;
	enum alert_data stored_data;
	int64_t stored_us;
};

/* A budget as in force: the config's, one changed by a person, or one made by a person. */
struct budget_slot {
	struct config_budget budget; /* strings in the engine's or the config's arena */
	struct tz *tz;
	int64_t assessed_us;         /* 0: not yet */
	struct budget_sum sum;       /* said owned; from_us: whose period `said` is about */
	bool dirty;
	struct budget_status status;
	const char *author;          /* "" = the config's own */
	int64_t changed_us, until_us, config_amount_nusd;
	bool acting;                 /* the hard action was asked for, and nobody has said what came of it */
	int64_t act_due_us;          /* not again before */
	char deed_words[240];        /* what came of it; "" */
};

struct engine {
	const struct config *config;
	const struct outlet *outlets;
	size_t outlet_count;
	struct evaluator *evaluator;
	struct baselines *baselines;
	struct rule_slot *slots; /* by rule */
	struct instance **instances;
	size_t instance_count, instance_cap;
	struct strmap index; /* rule NUL labels -> instance */
	struct silence_record *silences; /* strings owned */
	size_t silence_count, silence_cap;
	struct rule_override *overrides; /* strings owned */
	size_t override_count, override_cap;
	struct budget_slot *budgets;
	size_t budget_count, budget_cap;
	bool budgets_changed; /* to be stored as a whole */
	struct budget_record *people; /* budgets that people made, changed or removed; strings in the arena */
	size_t people_count, people_cap;
	struct guardrail_reading *guardrails;
	size_t guardrail_count;
	int64_t guardrails_mono_us; /* when they were put */
	struct arena arena;
	struct engine_writes waiting; /* of people's verbs, until they are stored */
	int64_t next_alert_id, next_silence_id, next_outbox_id;
	int64_t wall_us, mono_us; /* of the last round; 0: none */
	int64_t watched_us;   /* mono: since when every round could read the store */
	int64_t jump_mono_us;   /* when the clock was found set; 0: never */
	int64_t jump_shadow_us; /* how long time goes over what was seen before (a clock set back) */
};

struct instance *engine_find(struct engine *e, const char *rule, const char *labels);
struct instance *engine_find_id(struct engine *e, int64_t id);
/* One step of an instance; makes it when it begins. `runbook` and `summary` are copied. */
struct instance *engine_step(struct engine *e, const char *rule, const char *kind, const char *labels, enum severity severity,
                             const struct machine_rule *waits, const struct rule_reading *reading, int64_t now_us);
void engine_add_audit(struct engine *e, struct engine_writes *w, const struct asker *by, const char *action, const char *target,
                      const char *before, const char *after, int64_t now_us);
/* Guardrails (engine_guardrails.c): steps their alerts; whether an alert is one of a configured rollout. */
void engine_step_guardrails(struct engine *e, int64_t now_us, int64_t mono_us);
bool engine_is_guardrail(const struct engine *e, const struct instance *x);
/* Budgets (engine_budgets.c). */
void engine_merge_budgets(struct engine *e);
/* Copies into the engine's arena and takes it in force. */
void engine_take_budget(struct engine *e, const struct budget_record *b);
int engine_load_budgets(struct engine *e, struct store_reader *r, int64_t now_us, struct err *err);
void engine_take_budget_writes(struct engine *e, int64_t now_us, struct engine_writes *out);
void engine_free_budgets(struct engine *e);
void engine_replace_text(char **where, const char *text);

#endif
