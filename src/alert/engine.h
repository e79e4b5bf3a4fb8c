/* The alerts of one collector: rules and budgets evaluated, states kept, changes handed out to be
 * stored and told. One thread. What it hands out (struct engine_writes) must be stored before anybody
 * is told of it; what could not be stored is handed out again. */
#ifndef LLMDECK_ALERT_ENGINE_H
#define LLMDECK_ALERT_ENGINE_H

#include "core/alert.h"
#include "core/budget.h"
#include "store/query.h"
#include "store/writer.h"

struct engine;

/* Somebody who gets one message for each change: a webhook or a command. */
struct outlet {
	const char *name;
	bool acknowledgements; /* wants those too */
	enum severity least;
	/* Appends the message's body. `what`: "firing", "resolved", "acknowledged". */
	void (*render)(const void *arg, const struct alert_record *a, const char *what, struct buf *out);
	const void *arg;
};

/* A hard budget's action, to be carried out once what it came with is stored. */
struct engine_act {
	const char *budget, *verb, *rollout, *shares, *reason; /* verb: "rollback" or "set" */
	const char *key; /* the same for as long as the period and the amount are: it is done once */
};


/* What a rollout's guardrails say of one candidate, as the rollouts' controller has it. */
struct guardrail_reading {
	char rollout[96], service[96], environment[96], arm[96];
	enum guardrail_says {
		GUARDRAIL_UNSURE, /* none is proven to fail, some are not proven to hold */
		GUARDRAIL_HOLDS,  /* all of them; or the candidate gets no traffic */
		GUARDRAIL_FAILS,  /* one or more */
	} says;
	double value, bound; /* of the first that fails: the candidate's figure, and the worst that is allowed; else NaN */
	int64_t for_us;      /* how long it must fail before it counts */
	char words[400];     /* those that fail */
};

/* What is to be stored in one transaction. Strings live in the arena. */
struct engine_writes {
	struct arena arena;
	struct alert_record *alerts;
	size_t alert_count, alert_cap;
	struct rule_state *states;
	size_t state_count, state_cap;
	struct silence_record *silences;
	size_t silence_count, silence_cap;
	struct rule_override *overrides;
	size_t override_count, override_cap;
	struct budget_record *budgets;
	size_t budget_count, budget_cap;
	struct budget_sum *sums;
	size_t sum_count, sum_cap;
	struct outbox_record *messages;
	size_t message_count, message_cap;
	struct budget_standing *standings; /* all of them, or standings_set is false */
	size_t standing_count, standing_cap;
	bool standings_set;
	struct engine_act *acts; /* not stored: for whoever acts, after the rest is stored */
	size_t act_count, act_cap;
	struct audit_entry *audits;
	size_t audit_count, audit_cap;
};
void engine_writes_fini(struct engine_writes *w);
bool engine_writes_empty(const struct engine_writes *w);
/* The job for the writer's thread: stores them all. `writes` is a struct engine_writes. */
int engine_writes_store(struct store_writer *store, void *writes, struct err *err);

/* `config` and `outlets` are borrowed until the next engine_set_config() or engine_free(). */
struct engine *engine_new(const struct config *config, const struct outlet *outlets, size_t outlet_count);
void engine_free(struct engine **e);
/* Rules that are gone resolve; the others keep their state. */
void engine_set_config(struct engine *e, const struct config *config, const struct outlet *outlets, size_t outlet_count);
/* Takes over what an earlier collector stored: states, acknowledgements, silences, overrides, budgets.
 * Time in which nobody evaluated does not count towards any wait. */
int engine_load(struct engine *e, struct store_reader *r, int64_t now_us, struct err *err);

/* Guardrails for the rounds to come (copied), at mono_us. Without news for a minute they are STALE. */
void engine_put_guardrails(struct engine *e, const struct guardrail_reading *readings, size_t count, int64_t mono_us);
/* Evaluates everything at now_us (wall; mono_us tells when that clock was set). When the store cannot
 * be read, every state is STALE and nothing moves; -1 with the reason. */
int engine_tick(struct engine *e, struct store_reader *r, int64_t now_us, int64_t mono_us, struct err *err);

/* What has changed since the last call, to be stored in one transaction. */
void engine_take_writes(struct engine *e, int64_t now_us, struct engine_writes *out);
/* They are stored (and freed), or not: they are handed out again with what comes next. Call it before
 * any other function that changes the engine. */
void engine_written(struct engine *e, struct engine_writes *w, bool stored);

/* Who asked, for audit rows and authors. */
struct asker {
	uint32_t uid, login_uid;
	const char *name; /* shown as the author */
	const char *claimed, *ssh_client; /* "" */
};

/* Verbs of people. Each changes the engine and what it hands out next; -1 with a sentence. */
/* A budget's threshold: the lower ones of the same basis and period too, each with a row in the audit. */
int engine_acknowledge(struct engine *e, int64_t id, const char *note, const struct asker *by, int64_t now_us, struct err *err);
/* Silences an alert's rule and group (id > 0), or a whole rule. *silence_id gets its id; `labels` of it
 * can be found with engine_silence_find(). */
int engine_silence(struct engine *e, int64_t id, const char *rule, int64_t until_us, const char *comment, const struct asker *by,
                   int64_t now_us, int64_t *silence_id, struct err *err);
int engine_unsilence(struct engine *e, int64_t silence_id, const struct asker *by, int64_t now_us, struct err *err);
/* An Alertmanager has made, ended or moved a silence, or may have (outcome says so): a row in the audit. */
void engine_audit_alertmanager(struct engine *e, const char *action, const char *target, const char *before, const char *after,
                               const char *outcome, const struct asker *by, int64_t now_us);
/* One of our silences that ended at was_until_us there has another end there: here too. Nothing happens when
 * there is none of that number and end. */
void engine_follow_silence(struct engine *e, int64_t silence_id, int64_t was_until_us, int64_t until_us, int64_t now_us);
const struct silence_record *engine_silence_find(const struct engine *e, int64_t silence_id);
/* NaN takes the override back; until_us 0: for good. */
int engine_override(struct engine *e, const char *rule, double bound, int64_t until_us, const struct asker *by, int64_t now_us,
                    struct err *err);
/* The budget in force of that name, NULL when there is none; good until the next call. */
const struct config_budget *engine_find_budget(const struct engine *e, const char *name);
/* Assesses every budget now and steps its thresholds: after a change, so that nobody waits for the next
 * round. */
int engine_assess_budgets(struct engine *e, struct store_reader *r, int64_t now_us, struct err *err);
/* What came of an act: DEED_LATER asks again soon; DEED_REFUSED in a minute. */
void engine_budget_acted(struct engine *e, const char *budget, const char *key, enum deed_result result, const char *words,
                         int64_t now_us);
/* Whether the config has what a hard budget's action names. */
int engine_check_deed(const struct config *config, const struct config_budget *b, struct err *err);
/* `b`'s strings are copied. A hard action is armed only as the config arms the same one. */
int engine_set_budget(struct engine *e, const struct config_budget *b, int64_t until_us, const struct asker *by, int64_t now_us,
                      struct err *err);
int engine_remove_budget(struct engine *e, const char *name, const struct asker *by, int64_t now_us, struct err *err);

/* Queues a message to a notifier that is no outlet (a silence for Alertmanager), stored with the next
 * writes. Texts are copied. */
void engine_add_message(struct engine *e, const char *notifier, int64_t alert_id, const char *what, const char *body, int64_t now_us);
/* Ends every silence that fits an alert, or (id 0) a whole rule's. *ended gets how many; the ids of at
 * most `room` of them go to ids[]. */
int engine_unsilence_alert(struct engine *e, int64_t id, const char *rule, const struct asker *by, int64_t now_us, int64_t *ids,
                           size_t room, size_t *ended, struct err *err);

/* Every alert that is pending, firing or kept as resolved, newest first is not promised. The record is
 * good until the next call of an engine function. */
size_t engine_alert_count(const struct engine *e);
struct alert_record engine_alert(const struct engine *e, size_t i, int64_t now_us);

/* The labels of a rule's group as a JSON object with sorted names. */
void engine_labels(const struct config_alert *rule, const char *const *group, struct buf *out);

#endif
