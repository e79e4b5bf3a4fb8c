/* Member by member. Texts come from outside: they are made harmless when they are drawn. */
#include "console/rollout_copy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "console/control_rollouts.h"
#include "core/rollout.h"

#define PUT(into, text) snprintf(into, sizeof(into), "%.*s", (int)sizeof(into) - 1, text)

/* ── the board ─────────────────────────────────────────────────────────────────────────────── */

static void copy_guard(const struct rollout_guardrail_view *from, struct rollout_live *live)
{
	struct rollout_live_guard *to = &live->guards[live->guard_count];

	*to = (struct rollout_live_guard){.stable = from->stable, .candidate = from->candidate,
	                                   .samples = from->samples};
	if (str_starts_with(str_of(from->metric), STR_LIT(GUARDRAIL_EVALUATION))) {
		to->metric = METRIC_COUNT;
		PUT(to->evaluation, from->metric);
	} else if (!metric_from_name(str_of(from->metric), &to->metric)) {
		return;
	}
	PUT(to->arm, from->arm);
	PUT(to->words, from->words);
	for (enum ab_verdict v = AB_UNKNOWN; v <= AB_FAIL; v++) {
		if (strcmp(from->verdict, ab_verdict_name(v)) == 0)
			to->verdict = v;
	}
	live->guard_count++;
}

static void copy_target(const struct rollout_target_view *from, struct rollout_live *live)
{
	struct rollout_live_target *to = &live->targets[live->target_count++];
	bool seen = from->seen[0] != '\0';

	PUT(to->name, from->name);
	PUT(to->words, from->words);
	PUT(to->arrives, from->arrives);
	PUT(to->state, from->fault[0] ? from->fault : from->drift ? "drift" : seen ? from->phase : "not read yet");
	to->drift = from->drift;
	to->applied = seen && !from->fault[0] && !from->drift;
}

static void copy_hold(const struct rollout_view *from, int64_t wall_us, struct rollout_live *to)
{
	int64_t since_us, left_us;

	to->hold_left_us = -1;
	to->hold_us = isnan(from->hold_s) ? 0 : (int64_t)(from->hold_s * 1e6);
	if (from->step <= 0 || to->arms[0].desired_percent <= 0 || to->hold_us <= 0 ||
	    !time_parse(str_of(from->step_since), NULL, TIME_UNIT_AUTO, &since_us))
		return;
	left_us = since_us + to->hold_us - wall_us;
	to->hold_left_us = left_us < 0 ? 0 : left_us / US_PER_S * US_PER_S;
}

static void copy_rollout(const struct rollout_view *from, int64_t wall_us, struct rollout_live *to)
{
	memset(to, 0, sizeof *to);
	PUT(to->name, from->name);
	PUT(to->phase, from->phase);
	PUT(to->reason, from->reason);
	to->drift = from->drift;
	to->held = from->held;
	to->step = from->step;
	for (size_t i = 0; i < from->arm_count && i < ROLLOUT_ARMS_MAX; i++) {
		struct rollout_live_arm *arm = &to->arms[to->arm_count++];

		PUT(arm->deployment, from->arms[i].deployment);
		arm->desired_percent = from->arms[i].desired_weight;
		arm->actual_percent = from->arms[i].actual_weight;
		arm->arriving_percent = from->arms[i].arriving_share;
	}
	for (size_t i = 0; i < from->guardrail_count && to->guard_count < ROLLOUT_GUARDS_MAX; i++)
		copy_guard(&from->guardrails[i], to);
	for (size_t i = 0; i < from->target_count && i < ROLLOUT_TARGETS_MAX; i++)
		copy_target(&from->targets[i], to);
	copy_hold(from, wall_us, to);
	if (from->has_action) {
		PUT(to->action, from->action.verb);
		snprintf(to->action_state, sizeof to->action_state, "%.20s", from->action.state);
	}
}

void rollout_copy_board(const struct rollout_list *from, int64_t wall_us, struct rollout_board *out)
{
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < from->row_count && i < ROLLOUT_LIVE_MAX; i++)
		copy_rollout(&from->rows[i], wall_us, &out->rollouts[out->count++]);
}

void rollout_board_ask(struct control_client *client, struct rollout_board *out)
{
	struct rollout_list list = {.row_count = 0};
	struct err err = {""};

	memset(out, 0, sizeof *out);
	if (control_rollout_list(client, &list, NULL, &err) == CONTROL_OK)
		rollout_copy_board(&list, clock_wall_us(), out);
	rollout_list_fini(&list);
}

/* ── plans and actions ─────────────────────────────────────────────────────────────────────── */

static void copy_leg(const struct rollout_leg *from, size_t part, struct intent_progress *out)
{
	struct progress_target *to = &out->targets[out->target_count++];

	memset(to, 0, sizeof *to);
	to->part = part;
	PUT(to->name, from->target);
	PUT(to->state, from->state);
	PUT(to->words, from->words);
	PUT(to->moves, from->moves);
	PUT(to->stays, from->stays);
	if (!from->has_plan)
		return;
	PUT(to->pace, from->plan.pace);
	while (to->warning_count < from->plan.warning_count && to->warning_count < sizeof to->warnings / sizeof *to->warnings) {
		PUT(to->warnings[to->warning_count], from->plan.warnings[to->warning_count]);
		to->warning_count++;
	}
}

/* How much of the traffic changes sides: what the candidates gain or lose together. */
static double moving_percent(const struct rollout_part *part)
{
	double now = 0, wanted = 0;

	if (part->leg_count == 0 || !part->legs[0].has_plan)
		return NAN;
	for (size_t i = 1; i < part->legs[0].plan.arm_count; i++) {
		now += part->legs[0].plan.arms[i].now_percent;
		wanted += part->legs[0].plan.arms[i].wanted_percent;
	}
	return fabs(wanted - now);
}

static void copy_part(const struct rollout_part *from, struct intent_progress *out)
{
	struct progress_part *to = &out->parts[out->part_count++];

	memset(to, 0, sizeof *to);
	PUT(to->rollout, from->rollout);
	PUT(to->before, from->before);
	PUT(to->wanted, from->wanted);
	PUT(to->result, from->result);
	PUT(to->outcome, from->outcome);
	PUT(to->gate, from->gate);
	to->moving_per_s = from->moving_requests_per_s;
	to->moving_percent = moving_percent(from);
	for (size_t i = 0; i < from->leg_count && out->target_count < PROGRESS_TARGETS_MAX; i++)
		copy_leg(&from->legs[i], out->part_count - 1, out);
}

void rollout_copy_progress(const struct rollout_progress *from, int64_t mono_us, struct intent_progress *out)
{
	memset(out, 0, sizeof *out);
	PUT(out->verb, from->verb);
	PUT(out->state, from->state);
	PUT(out->who, from->who);
	out->raises = from->raises;
	out->countdown_us = isnan(from->countdown_s) ? 0 : (int64_t)(from->countdown_s * 1e6);
	if (strcmp(from->state, "countdown") == 0 && !isnan(from->left_s))
		out->go_mono_us = mono_us + (int64_t)(from->left_s * 1e6);
	out->ended = rollout_progress_done(from);
	out->applied = from->applied;
	out->target_total = from->targets;
	for (size_t i = 0; i < from->part_count && out->part_count < PROGRESS_PARTS_MAX; i++)
		copy_part(&from->parts[i], out);
	out->nothing = out->target_count > 0;
	for (size_t i = 0; i < out->target_count; i++)
		out->nothing = out->nothing && strcmp(out->targets[i].state, "nothing to do") == 0;
}
