/* What happened, as marks on a time axis. As store/query.h: no SQL, short read transactions. */
#ifndef LLMDECK_STORE_QUERY_MARKS_H
#define LLMDECK_STORE_QUERY_MARKS_H

#include "core/config.h"
#include "store/query.h"

enum mark_kind {
	MARK_DEPLOY,   /* a deployment's first requests after a day without any */
	MARK_WEIGHTS,  /* a rollout's shares changed, as it reported or was told */
	MARK_CONFIG,   /* the collector's configuration, a limit or a budget was changed */
	MARK_ALERT,    /* fired; end_us: when it was over */
	MARK_ACK,      /* an alert was acknowledged or silenced */
	MARK_BUDGET,   /* a budget's threshold */
	MARK_INCIDENT, /* opened, changed, closed */
	MARK_ACTION,   /* anything else that somebody did to traffic */
	MARK_KINDS
};
/* "deploy", "weights", "config", "alert", "ack", "budget", "incident", "action". */
const char *mark_kind_name(enum mark_kind k);

struct mark {
	int64_t time_us, end_us; /* end_us 0: it has no length, or is not over */
	enum mark_kind kind;
	enum severity severity;  /* of alerts and budgets */
	int64_t id;              /* of the alert, incident or audit row; 0 none */
	const char *name;        /* deployment, rollout, rule, budget … : from outside */
	const char *text;        /* "v43 25 %, v42 75 %", "p95 4.2s > 2s": from outside */
	const char *who;         /* "" nobody */
};
#define MARKS_MAX 1000
struct mark_result {
	struct mark *rows; /* oldest first; the newest MARKS_MAX */
	size_t row_count;
	struct arena arena;
};
/* Marks in the view's window. A filter on service or environment leaves out deployments and rollouts of
 * others; whatever does not say where it belongs stays. */
int query_marks(struct store_reader *r, const struct view *v, struct mark_result *out, struct err *err);
void mark_result_fini(struct mark_result *res);

#endif
