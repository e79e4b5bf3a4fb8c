/* One rollout drawn whole: shares, step and gate, targets, the arms side by side, what happened. */
#ifndef LLMDECK_PANELS_ROLLOUT_PAGE_H
#define LLMDECK_PANELS_ROLLOUT_PAGE_H

#include "panels/draw.h"
#include "panels/panel.h"
#include "panels/rollout_arms.h"

struct rollout_sheet {
	const struct rollout_row *row;
	const struct rollout_arms *arms;
	const struct rollout_result *history;
	const struct rule_rollout *rule; /* NULL: not in our config */
	const struct rollout_live *live; /* NULL: the collector says nothing */
};

/* Draws from line `y` on, as much as fits. */
void rollout_page_draw(const struct rollout_sheet *r, const struct panel_frame *frame, struct surface *s,
                       int y);

/* "canary", "blue-green", "A/B/n": what the plan amounts to. */
const char *rollout_kind(const struct rollout_sheet *r);
/* The share of an arm as its target has it, else as it is wanted; NaN unknown. */
double rollout_share(const struct rollout_sheet *r, size_t arm);
/* The share that is wanted for it; NaN unknown. */
double rollout_wanted_share(const struct rollout_sheet *r, size_t arm);
enum state rollout_verdict_state(enum ab_verdict v);
/* "PASS", "FAIL", "INCONCLUSIVE", "UNKNOWN". */
const char *rollout_verdict_word(enum ab_verdict v);
/* "25%", "–" for NaN. */
char *rollout_percent(double percent, bool ascii, char out[FIGURE_TEXT_BYTES]);
style rollout_phase_style(struct str phase);

#endif
