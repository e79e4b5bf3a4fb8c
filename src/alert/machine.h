/* The state machine of one alert, as Prometheus has it, with a state of its own for figures that are
 * not known. Pure: time comes in as an argument. */
#ifndef LLMDECK_ALERT_MACHINE_H
#define LLMDECK_ALERT_MACHINE_H

#include "core/alert.h"

#define ALERT_RESOLVED_KEPT_US (15 * 60 * INT64_C(1000000))

enum alert_seen {
	SEEN_OVER,    /* the condition holds */
	SEEN_FINE,    /* it does not */
	SEEN_NO_DATA, /* the figure is not known */
	SEEN_STALE,   /* it is known, but from too long ago to act on */
};

struct machine {
	enum alert_state state;
	enum alert_data data;
	int64_t since_us, fired_us, ended_us, quiet_us; /* as in struct alert_record */
	int64_t checked_us; /* last step */
};

struct machine_rule {
	int64_t for_us, keep_firing_for_us;
	enum no_data_policy no_data;
};

/* One evaluation at now_us (rising from call to call). True when the state changed. A resolved alert
 * becomes inactive after ALERT_RESOLVED_KEPT_US. While the figure is not known nothing moves, and
 * time does not count towards `for` and `keep_firing_for`, unless the rule says what it means. */
bool machine_step(struct machine *m, const struct machine_rule *rule, enum alert_seen seen, int64_t now_us);

/* The wall clock was set forward by jump_us (backward: negative), or nobody evaluated for so long:
 * what is being waited for takes as long as before. */
void machine_shift(struct machine *m, int64_t jump_us);

#endif
