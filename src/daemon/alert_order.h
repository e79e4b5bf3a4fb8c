/* What a person asks of the alerts over the control socket: one JSON object a request. */
#ifndef LLMDECK_DAEMON_ALERT_ORDER_H
#define LLMDECK_DAEMON_ALERT_ORDER_H

#include "base/err.h"
#include "base/mem.h"
#include "core/config.h"

enum alert_verb {
	ALERT_VERB_ACK,           /* {"do":"ack","id":3,"note":"…"} */
	ALERT_VERB_SILENCE,       /* {"do":"silence","id":3 or "rule":"slow","until":TIME,"comment":"…"} */
	ALERT_VERB_UNSILENCE,     /* {"do":"unsilence","id":3 or "rule":"slow"} */
	/* Of an Alertmanager; "alertmanager" may be left out where only one knows the target. */
	ALERT_VERB_AM_SILENCE,    /* {"do":"am_silence","target":FINGERPRINT,"alertmanager":NAME,"until":TIME,"comment":"…"} */
	ALERT_VERB_AM_EXPIRE,     /* {"do":"am_expire","target":SILENCE,"alertmanager":NAME} */
	ALERT_VERB_AM_EXTEND,     /* {"do":"am_extend","target":SILENCE,"alertmanager":NAME,"until":TIME} */
	ALERT_VERB_EDIT,          /* {"do":"edit","rule":"slow","limit":2.5 or null,"until":TIME} */
	ALERT_VERB_SET_BUDGET,    /* {"do":"set_budget","name":…,"amount":"400","period":"day","tz":…,"where":"service=a\nmodel=b",
	                           *  "warn":"50,80,100","on":"actual,forecast","hard":…,"max_unpriced":0.05,
	                           *  "until":TIME or "reset"}: what is not given stays as it is in a budget of that
	                           *  name, or is the usual */
	ALERT_VERB_REMOVE_BUDGET, /* {"do":"remove_budget","name":…} */
	ALERT_VERB_COUNT,
};
/* What a set_budget gave; filters that are given replace all. */
enum budget_given {
	GIVEN_AMOUNT = 1, GIVEN_PERIOD = 2, GIVEN_TZ = 4, GIVEN_WHERE = 8, GIVEN_WARN = 16, GIVEN_ON = 32, GIVEN_HARD = 64,
	GIVEN_UNPRICED = 128,
};
/* All may have "claimed": what the caller says its user is called. */
struct alert_order {
	enum alert_verb verb;
	int64_t id;
	const char *rule, *note, *claimed; /* "" when not given; note: comment too */
	const char *target, *manager; /* of an Alertmanager's alert or silence; "" */
	double limit;      /* NaN: back to the config's */
	int64_t until_us;  /* 0: not given */
	bool until_reset;
	struct config_budget budget;
	unsigned given;    /* enum budget_given */
	struct arena arena;
};

/* Whether a verb takes the role operator (else responder). */
bool alert_verb_changes_config(enum alert_verb v);
/* -1 with a sentence that says what is wrong; `out` needs alert_order_fini() in either case. */
int alert_order_read(struct alert_order *out, struct str json, struct err *err);
/* Fills what was not given from the budget in force. NULL: there is none, and the usual holds. */
void alert_order_complete(struct alert_order *o, const struct config_budget *in_force);
void alert_order_fini(struct alert_order *o);

#endif
