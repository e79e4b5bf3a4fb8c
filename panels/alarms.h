/* What the collector last said about the alerts: one truth for strip, tiles, pages and states. Where no
 * collector evaluates, panels read the rules themselves (rules.h) and say so. */
#ifndef LLMDECK_PANELS_ALARMS_H
#define LLMDECK_PANELS_ALARMS_H

#include "panels/format.h"
#include "panels/panel.h"
#include "store/query_alerts.h"

#define ALARMS_FRESH_US (3 * 60 * INT64_C(1000000)) /* states are stored every minute at least */

/* Zero-initialised is valid: nobody evaluates. */
struct alarms {
	bool evaluated;    /* some state or open alert is fresh by the clock */
	int64_t wall_us;   /* when it was asked */
	struct alert_result alerts; /* open ones, and those that ended less than a quarter of an hour ago */
	struct rule_state_result states;
};
/* Asks the store, whatever window the screen shows. */
int alarms_load(struct alarms *a, struct store_reader *reader, struct err *err);
/* The same for a panel whose figures follow the window: where that lies in the past, what is known now
 * says nothing about it, and nobody evaluates. */
int alarms_load_for(struct alarms *a, const struct panel_query *query, struct err *err);
void alarms_fini(struct alarms *a);

/* What is to be done about an alert, most urgent first. */
enum alarm_stage { ALARM_FIRING, ALARM_PENDING, ALARM_ACKNOWLEDGED, ALARM_SILENCED, ALARM_RESOLVED };
enum alarm_stage alarm_stage_of(const struct alert_record *r);
/* "firing", "pending", "acknowledged", "silenced", "resolved". */
const char *alarm_stage_word(enum alarm_stage stage);
/* "ack", "mute" or "pend" where a state's letter stands; "" for the others. */
const char *alarm_stage_short(enum alarm_stage stage);

/* The most urgent open alert of a rule, of a budget's thresholds the highest; NULL when it has none. */
const struct alert_record *alarms_of_rule(const struct alarms *a, const char *rule);
/* How many lower thresholds of the same budget, basis and period fire and are nobody's: acknowledging this
 * one acknowledges them. */
size_t alarms_below(const struct alarms *a, const struct alert_record *r);
/* Is there a higher threshold of the same budget, basis and period at the same stage? */
bool alarms_is_surpassed(const struct alarms *a, const struct alert_record *r);
/* What is known about a rule; NULL when nothing is. */
const struct rule_state *alarms_rule_state(const struct alarms *a, const char *rule);
/* Is the value of label `name` this? */
bool alarm_has_label(const struct alert_record *r, const char *name, struct str value);
/* Adds the labels that name a dimension as filters, unless the view has one on it. */
void alarm_add_filters(const struct alert_record *r, struct view *view);

#endif
