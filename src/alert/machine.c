/* inactive -> pending -> firing -> resolved -> inactive. The times of the waits (since_us, quiet_us)
 * are moved along while the figure is unknown, so that only time with data counts. */
#include "alert/machine.h"

static enum alert_seen judged(enum alert_seen seen, enum no_data_policy policy)
{
	if (seen != SEEN_NO_DATA || policy == NO_DATA_KEEPS)
		return seen;
	return policy == NO_DATA_ALERTS ? SEEN_OVER : SEEN_FINE;
}

static void hold(struct machine *m, int64_t now_us)
{
	int64_t passed = now_us - m->checked_us;

	if (m->state == ALERT_PENDING)
		m->since_us += passed;
	if (m->quiet_us)
		m->quiet_us += passed;
}

static bool begin(struct machine *m, const struct machine_rule *rule, int64_t now_us)
{
	*m = (struct machine){.state = ALERT_PENDING, .data = m->data, .since_us = now_us};
	if (rule->for_us <= 0) {
		m->state = ALERT_FIRING;
		m->fired_us = now_us;
	}
	return true;
}

static bool step_over(struct machine *m, const struct machine_rule *rule, int64_t now_us)
{
	m->quiet_us = 0;
	if (m->state == ALERT_INACTIVE || m->state == ALERT_RESOLVED)
		return begin(m, rule, now_us);
	if (m->state != ALERT_PENDING || now_us - m->since_us < rule->for_us)
		return false;
	m->state = ALERT_FIRING;
	m->fired_us = now_us;
	return true;
}

static bool step_fine(struct machine *m, const struct machine_rule *rule, int64_t now_us)
{
	if (m->state == ALERT_PENDING) {
		*m = (struct machine){.data = m->data};
		return true;
	}
	if (m->state != ALERT_FIRING)
		return false;
	if (rule->keep_firing_for_us > 0) {
		if (!m->quiet_us)
			m->quiet_us = now_us;
		if (now_us - m->quiet_us < rule->keep_firing_for_us)
			return false;
	}
	m->state = ALERT_RESOLVED;
	m->ended_us = now_us;
	m->quiet_us = 0;
	return true;
}

bool machine_step(struct machine *m, const struct machine_rule *rule, enum alert_seen seen, int64_t now_us)
{
	bool changed = false;

	m->data = seen == SEEN_NO_DATA ? ALERT_DATA_NONE : seen == SEEN_STALE ? ALERT_DATA_STALE : ALERT_DATA_OK;
	seen = judged(seen, rule->no_data);
	if (m->state == ALERT_RESOLVED && now_us - m->ended_us >= ALERT_RESOLVED_KEPT_US) {
		*m = (struct machine){.data = m->data};
		changed = true;
	}
	if (seen == SEEN_OVER)
		changed |= step_over(m, rule, now_us);
	else if (seen == SEEN_FINE)
		changed |= step_fine(m, rule, now_us);
	else
		hold(m, now_us);
	m->checked_us = now_us;
	return changed;
}

void machine_shift(struct machine *m, int64_t jump_us)
{
	if (m->state == ALERT_PENDING)
		m->since_us += jump_us;
	if (m->quiet_us)
		m->quiet_us += jump_us;
	if (m->state == ALERT_RESOLVED)
		m->ended_us += jump_us;
	if (m->checked_us)
		m->checked_us += jump_us;
}
