/* A rollout's arms side by side: each figure of each arm, its difference to the stable one, and the
 * guardrails' verdicts by judge/ab.h over the window shown. */
#ifndef LLMDECK_PANELS_ROLLOUT_ARMS_H
#define LLMDECK_PANELS_ROLLOUT_ARMS_H

#include "judge/ab.h"
#include "panels/format.h"
#include "panels/panel.h"
#include "panels/rollout_live.h"

#define ARM_ROWS_MAX 20

struct arm_verdict {
	enum ab_verdict verdict;
	struct value stable, candidate; /* what it was judged by */
	bool whole_step;      /* by the collector, over the whole step; else by us over the window */
	int64_t samples;      /* of the candidate; -1 unknown */
	char words[ROLLOUT_WORDS_BYTES];
};
struct arm_row {
	char label[16];
	enum metric metric;   /* METRIC_COUNT: no metric of the table */
	char evaluation[CONFIG_EVALUATION_BYTES]; /* "evaluation:groundedness": mean scores; "": none */
	enum metric_unit unit;
	int higher_is;        /* as in metric_info */
	struct value values[ROLLOUT_ARMS_MAX];
	int guard;            /* index in the rule's guardrails, -1 none */
	bool low_is_better;   /* of an evaluation that is guarded */
	double worse_by;
	bool relative;
	struct arm_verdict verdicts[ROLLOUT_ARMS_MAX]; /* of the candidates, when guarded */
};
struct rollout_arms {
	struct arm_row rows[ARM_ROWS_MAX];
	size_t row_count;
	size_t arm_count;
	struct str names[ROLLOUT_ARMS_MAX];   /* stable first; borrowed from the rollout's state */
	int64_t requests[ROLLOUT_ARMS_MAX];
	bool told[ROLLOUT_ARMS_MAX];           /* some request in the window names the arm */
	int64_t unmarked;                      /* requests of the service that name no deployment */
	int64_t service_requests;
	double wanted[ROLLOUT_ARMS_MAX];       /* percent, as the store has it */
	bool share_is_low[ROLLOUT_ARMS_MAX];   /* well under its weight of the requests arrives */
};

/* Judges `rollout` in the query's window. `rule` may be NULL: figures without guardrails. Both must
 * outlive `out`. `steady`: the shares were the same all the time, so that what arrives can be held
 * against them. Loader thread. */
int rollout_arms_load(const struct panel_query *query, const struct rollout_state *rollout,
                      const struct rule_rollout *rule, bool steady, struct rollout_arms *out,
                      struct err *err);

/* Whether nothing is wanted to go to the arm: then what it did before says nothing any more. */
bool arm_is_idle(const struct rollout_arms *arms, size_t arm, const struct rollout_live *live);
bool rollout_is_idle(const struct rollout_arms *arms, const struct rollout_live *live); /* all candidates */
/* The collector's word wins over ours: its verdicts cover the whole step, whatever the window. NULL
 * without a guardrail, and for an arm that is idle. */
const struct arm_verdict *arm_verdict_of(const struct rollout_arms *arms, const struct arm_row *row,
                                         size_t arm, const struct rollout_live *live,
                                         struct arm_verdict *space);
/* The worst verdict of all guardrails: FAIL, then UNKNOWN, INCONCLUSIVE, PASS; UNKNOWN without any. */
enum ab_verdict rollout_gate(const struct rollout_arms *arms, const struct rollout_live *live);
/* "p95 +221% over v42, guardrail +20%, n 1.6k": the failing guardrails of the candidates; "" when none
 * fails. What a roll back's reason is filled in with. */
void rollout_gate_words(const struct rollout_arms *arms, const struct rollout_live *live,
                        struct buf *out);
/* "+221%", "+0.1pp": what a verdict was about; "–" unknown. */
char *arm_verdict_change(const struct arm_row *row, const struct arm_verdict *v, bool ascii,
                         char out[FIGURE_TEXT_BYTES]);
/* "+20%", "+0.5pp": what a guardrail allows. */
char *arm_limit(const struct arm_row *row, char out[FIGURE_TEXT_BYTES]);

#endif
