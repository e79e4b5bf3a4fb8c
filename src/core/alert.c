/* Names of states and kinds. */
#include "core/alert.h"

#include <string.h>

const char *alert_state_name(enum alert_state s)
{
	static const char *const names[] = {"inactive", "pending", "firing", "resolved"};

	return names[s];
}

const char *alert_data_name(enum alert_data d)
{
	static const char *const names[] = {"ok", "no_data", "stale"};

	return names[d];
}

const char *alert_kind_name(enum alert_kind k)
{
	static const char *const names[] = {"threshold", "burn_rate", "anomaly", "absence"};

	return names[k];
}

const char *severity_name(enum severity s)
{
	return s == SEVERITY_CRITICAL ? "critical" : "warning";
}

bool silence_fits(const struct silence_record *s, const char *rule, const char *labels, int64_t now_us)
{
	return s->from_us <= now_us && now_us < s->until_us && (!*s->rule || !strcmp(s->rule, rule)) &&
	       (!*s->labels || !strcmp(s->labels, labels));
}
