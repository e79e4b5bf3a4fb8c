/* What is known about alerts, silences, overrides and budgets between the collector, the store and
 * those who look. Plain data; strings are borrowed from whoever gave the record. */
#ifndef LLMDECK_CORE_ALERT_H
#define LLMDECK_CORE_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

enum alert_state { ALERT_INACTIVE, ALERT_PENDING, ALERT_FIRING, ALERT_RESOLVED };
/* "inactive", "pending", "firing", "resolved". */
const char *alert_state_name(enum alert_state s);

/* Whether the figure behind a rule can be told. */
enum alert_data { ALERT_DATA_OK, ALERT_DATA_NONE, ALERT_DATA_STALE };
/* "ok", "no_data", "stale". */
const char *alert_data_name(enum alert_data d);
/* "threshold", "burn_rate", "anomaly", "absence". */
const char *alert_kind_name(enum alert_kind k);
/* "warning", "critical". */
const char *severity_name(enum severity s);

/* One episode of a rule and a group. Times are wall microseconds, 0 = not (yet). */
struct alert_record {
	int64_t id;         /* 0: not stored yet */
	const char *rule;   /* a budget's alerts bear the budget's name */
	const char *kind;   /* alert_kind_name() or "budget" */
	const char *labels; /* a JSON object of texts, the same for as long as the alert lives */
	enum severity severity;
	enum alert_state state;
	enum alert_data data;
	int64_t since_us;   /* when it became pending */
	int64_t fired_us, ended_us;
	int64_t quiet_us;   /* since when keep_firing_for holds it */
	int64_t checked_us; /* last evaluation that was stored */
	double value, bound, normal; /* NaN: unknown; normal: what an anomaly calls usual */
	bool told;          /* webhooks and commands have been told that it fires */
	const char *summary, *runbook; /* one sentence; "" */
	const char *acknowledged_by, *note; /* "" */
	int64_t acknowledged_us;
	int64_t silenced_until_us; /* filled in by queries: the longest silence that fits, 0 = none */
};

struct silence_record {
	int64_t id;
	const char *rule;   /* "" = every rule */
	const char *labels; /* "" = every group of the rule, else an alert's labels */
	int64_t from_us, until_us;
	const char *author, *comment;
};
bool silence_fits(const struct silence_record *s, const char *rule, const char *labels, int64_t now_us);

struct rule_override {
	const char *rule;
	double bound;
	const char *author;
	int64_t until_us, changed_us; /* until_us 0: until it is taken back */
};

struct rule_state {
	const char *rule;
	enum alert_data data;
	double value, bound;
	int64_t checked_us;
	const char *words; /* "" */
};

/* A budget that a person made, changed or removed. */
struct budget_record {
	struct config_budget budget; /* warn and filters inside */
	bool removed;
	const char *author;
	int64_t until_us, changed_us;
};
/* A period of a budget as last reckoned. */
struct budget_sum {
	const char *name;
	int64_t from_us, to_us, cost_nusd, requests, unpriced;
	const char *said; /* which thresholds have been said: "a80@400000000000 …" */
};

enum outbox_state { OUTBOX_WAITING, OUTBOX_TOLD, OUTBOX_DEAD };
struct outbox_record {
	int64_t id, alert_id;
	const char *notifier, *what; /* what: "firing", "resolved", "acknowledged" */
	int64_t made_us, next_us;
	int attempts;
	enum outbox_state state;
	const char *body, *words;
};

#endif
