/* Tables of members, each with a reader for its value; a reader consumes the whole value. Members that
 * no table knows are passed over, so that a newer collector can say more. */
#include "console/rollout_wire.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "parse/json.h"

struct wire {
	struct json_reader r;
	struct arena arena;
	int64_t wall_us, mono_us;
};
struct field {
	const char *name;
	bool (*read)(struct wire *w, enum json_token t, const struct field *f, void *into);
	size_t offset, size; /* in the structure it fills */
};
#define AT(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)

static void *at(const struct field *f, void *into)
{
	return (char *)into + f->offset;
}

static bool read_text(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	if (t == JSON_STRING) {
		struct str text = json_text(&w->r, &w->arena);

		snprintf(at(f, into), f->size, "%.*s", STR_ARG(text));
	}
	return json_skip(&w->r, t);
}

static bool read_real(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	double *number = at(f, into);

	*number = NAN;
	if (t == JSON_NUMBER && !str_to_double(w->r.text, number))
		*number = NAN;
	return json_skip(&w->r, t);
}

static bool read_int(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	if (t == JSON_NUMBER)
		json_int64(&w->r, at(f, into));
	return json_skip(&w->r, t);
}

/* Seconds as microseconds. */
static bool read_seconds(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	int64_t *us = at(f, into);

	if (t == JSON_NUMBER && !str_to_scaled_int64(w->r.text, 6, us))
		*us = 0;
	return json_skip(&w->r, t);
}

static bool read_yes(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	*(bool *)at(f, into) = t == JSON_TRUE;
	return json_skip(&w->r, t);
}

static bool read_object(struct wire *w, enum json_token t, const struct field *fields, void *into)
{
	if (t != JSON_OBJECT)
		return json_skip(&w->r, t);
	while ((t = json_next(&w->r)) == JSON_KEY) {
		struct str key = json_text(&w->r, &w->arena);
		const struct field *f = fields;

		while (f->name && !str_equal_c(key, f->name))
			f++;
		t = json_next(&w->r);
		if (f->name ? !f->read(w, t, f, into) : !json_skip(&w->r, t))
			return false;
	}
	return t == JSON_OBJECT_END;
}

/* Elements of an array, each by element(); it must consume the value. */
static bool read_array(struct wire *w, enum json_token t, void *into,
                       bool (*element)(struct wire *w, enum json_token t, void *into))
{
	if (t != JSON_ARRAY)
		return json_skip(&w->r, t);
	while ((t = json_next(&w->r)) != JSON_ARRAY_END) {
		if (t == JSON_ERROR || t == JSON_END || !element(w, t, into))
			return false;
	}
	return true;
}

/* ── the board ─────────────────────────────────────────────────────────────────────────────── */

static const struct field arm_fields[] = {
	{"deployment", read_text, AT(rollout_live_arm, deployment)},
	{"desired_weight", read_real, AT(rollout_live_arm, desired_percent)},
	{"actual_weight", read_real, AT(rollout_live_arm, actual_percent)},
	{"arriving_share", read_real, AT(rollout_live_arm, arriving_percent)},
	{0},
};

static bool add_arm(struct wire *w, enum json_token t, void *into)
{
	struct rollout_live *live = into;
	struct rollout_live_arm spare, *arm = live->arm_count < ROLLOUT_ARMS_MAX ? &live->arms[live->arm_count++] : &spare;

	*arm = (struct rollout_live_arm){.desired_percent = NAN, .actual_percent = NAN, .arriving_percent = NAN};
	return read_object(w, t, arm_fields, arm);
}

static bool read_arms(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	return read_array(w, t, into, add_arm);
}

static bool read_metric(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	enum metric *metric = at(f, into);

	if (t != JSON_STRING || !metric_from_name(json_text(&w->r, &w->arena), metric))
		*metric = METRIC_COUNT;
	return json_skip(&w->r, t);
}

static bool read_verdict(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	enum ab_verdict *verdict = at(f, into);

	*verdict = AB_UNKNOWN;
	for (enum ab_verdict v = AB_UNKNOWN; t == JSON_STRING && v <= AB_FAIL; v++) {
		if (str_equal_c(w->r.text, ab_verdict_name(v)))
			*verdict = v;
	}
	return json_skip(&w->r, t);
}

static const struct field sample_fields[] = {
	{"candidate", read_int, AT(rollout_live_guard, samples)},
	{0},
};

static bool read_samples(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	return read_object(w, t, sample_fields, into);
}

static const struct field guard_fields[] = {
	{"arm", read_text, AT(rollout_live_guard, arm)},
	{"metric", read_metric, AT(rollout_live_guard, metric)},
	{"verdict", read_verdict, AT(rollout_live_guard, verdict)},
	{"difference", read_real, AT(rollout_live_guard, difference)},
	{"words", read_text, AT(rollout_live_guard, words)},
	{"samples", read_samples, 0, 0},
	{0},
};

static bool add_guard(struct wire *w, enum json_token t, void *into)
{
	struct rollout_live *live = into;
	struct rollout_live_guard guard = {.metric = METRIC_COUNT, .difference = NAN, .samples = -1};

	if (!read_object(w, t, guard_fields, &guard))
		return false;
	if (guard.metric != METRIC_COUNT && live->guard_count < ROLLOUT_GUARDS_MAX)
		live->guards[live->guard_count++] = guard;
	return true;
}

static bool read_guards(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	return read_array(w, t, into, add_guard);
}

struct target {
	struct rollout_live_target target;
	char fault[24], phase[24], seen[TIME_TEXT_BYTES];
};
static const struct field target_fields[] = {
	{"name", read_text, offsetof(struct target, target.name), ROLLOUT_NAME_BYTES},
	{"words", read_text, offsetof(struct target, target.words), ROLLOUT_WORDS_BYTES},
	{"drift", read_yes, offsetof(struct target, target.drift), sizeof(bool)},
	{"fault", read_text, AT(target, fault)},
	{"phase", read_text, AT(target, phase)},
	{"seen", read_text, AT(target, seen)},
	{0},
};

static bool add_target(struct wire *w, enum json_token t, void *into)
{
	struct rollout_live *live = into;
	struct target one = {.fault = ""};

	if (!read_object(w, t, target_fields, &one))
		return false;
	one.target.applied = one.seen[0] && !one.fault[0] && !one.target.drift;
	snprintf(one.target.state, sizeof one.target.state, "%s",
	         one.fault[0] ? one.fault : one.target.drift ? "drift" : one.seen[0] ? one.phase : "not read yet");
	if (live->target_count < ROLLOUT_TARGETS_MAX)
		live->targets[live->target_count++] = one.target;
	return true;
}

static bool read_targets(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	return read_array(w, t, into, add_target);
}

static bool count_step(struct wire *w, enum json_token t, void *into)
{
	((struct rollout_live *)into)->step_count++;
	return json_skip(&w->r, t);
}

static bool read_steps(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	((struct rollout_live *)into)->step_count = 0;
	return read_array(w, t, into, count_step);
}

/* The time on the step, for now in the place of what is left of it. */
static bool read_step_since(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	int64_t since_us;

	if (t == JSON_STRING && time_parse(json_text(&w->r, &w->arena), NULL, TIME_UNIT_AUTO, &since_us))
		*(int64_t *)at(f, into) = w->wall_us > since_us ? w->wall_us - since_us : 0;
	return json_skip(&w->r, t);
}

static const struct field action_fields[] = {
	{"verb", read_text, AT(rollout_live, action)},
	{"state", read_text, AT(rollout_live, action_state)},
	{0},
};

static bool read_action(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	return read_object(w, t, action_fields, into);
}

static const struct field live_fields[] = {
	{"name", read_text, AT(rollout_live, name)},
	{"phase", read_text, AT(rollout_live, phase)},
	{"reason", read_text, AT(rollout_live, reason)},
	{"drift", read_yes, AT(rollout_live, drift)},
	{"held", read_yes, AT(rollout_live, held)},
	{"step", read_int, AT(rollout_live, step)},
	{"steps", read_steps, 0, 0},
	{"hold_s", read_seconds, AT(rollout_live, hold_us)},
	{"step_since", read_step_since, AT(rollout_live, hold_left_us)},
	{"arms", read_arms, 0, 0},
	{"guardrails", read_guards, 0, 0},
	{"targets", read_targets, 0, 0},
	{"action", read_action, 0, 0},
	{0},
};

static bool add_live(struct wire *w, enum json_token t, void *into)
{
	struct rollout_board *board = into;
	struct rollout_live *live = &board->rollouts[board->count];

	if (board->count == ROLLOUT_LIVE_MAX)
		return json_skip(&w->r, t);
	memset(live, 0, sizeof *live);
	live->step = live->step_count = live->hold_left_us = -1;
	if (!read_object(w, t, live_fields, live))
		return false;
	if (live->hold_left_us >= 0) /* until here: how long the step has lasted */
		live->hold_left_us = live->hold_us > live->hold_left_us ? live->hold_us - live->hold_left_us : 0;
	if (live->step <= 0 || live->step == live->step_count)
		live->hold_left_us = -1;
	board->count++;
	return true;
}

static bool read_rollouts(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	return read_array(w, t, into, add_live);
}

static bool read_whole(struct wire *w, struct str json, const struct field *fields, void *into)
{
	bool ok;

	json_init(&w->r, json);
	ok = json_next(&w->r) == JSON_OBJECT && read_object(w, JSON_OBJECT, fields, into);
	arena_fini(&w->arena);
	return ok;
}

bool rollout_wire_board(struct str json, int64_t wall_us, int64_t mono_us, struct rollout_board *out)
{
	static const struct field fields[] = {{"rollouts", read_rollouts, 0, 0}, {0}};
	struct wire w = {.wall_us = wall_us, .mono_us = mono_us};

	memset(out, 0, sizeof *out);
	out->mono_us = mono_us;
	if (read_whole(&w, json, fields, out))
		return true;
	memset(out, 0, sizeof *out);
	return false;
}

/* ── plans and actions ─────────────────────────────────────────────────────────────────────── */

static bool add_warning(struct wire *w, enum json_token t, void *into)
{
	struct progress_target *target = into;
	struct field f = {NULL, NULL, 0, sizeof target->warnings[0]};

	if (target->warning_count == sizeof target->warnings / sizeof *target->warnings)
		return json_skip(&w->r, t);
	return read_text(w, t, &f, target->warnings[target->warning_count++]);
}

static bool read_warnings(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	return read_array(w, t, into, add_warning);
}

static const struct field plan_fields[] = {
	{"pace", read_text, AT(progress_target, pace)},
	{"moves", read_text, AT(progress_target, moves)},
	{"stays", read_text, AT(progress_target, stays)},
	{"warnings", read_warnings, 0, 0},
	{0},
};

static bool read_plan(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	return read_object(w, t, plan_fields, into);
}

static const struct field leg_fields[] = {
	{"target", read_text, AT(progress_target, name)},
	{"state", read_text, AT(progress_target, state)},
	{"words", read_text, AT(progress_target, words)},
	{"moves", read_text, AT(progress_target, moves)},
	{"stays", read_text, AT(progress_target, stays)},
	{"plan", read_plan, 0, 0},
	{0},
};

static bool add_leg(struct wire *w, enum json_token t, void *into)
{
	struct rollout_progress *p = into;
	struct progress_target spare = {.name = ""};
	struct progress_target *target = p->target_count < PROGRESS_TARGETS_MAX ? &p->targets[p->target_count++] : &spare;

	memset(target, 0, sizeof *target);
	target->part = p->part_count - 1;
	return read_object(w, t, leg_fields, target);
}

static const struct field part_fields[] = {
	{"rollout", read_text, AT(progress_part, rollout)},
	{"before", read_text, AT(progress_part, before)},
	{"wanted", read_text, AT(progress_part, wanted)},
	{"result", read_text, AT(progress_part, result)},
	{"outcome", read_text, AT(progress_part, outcome)},
	{"gate", read_text, AT(progress_part, gate)},
	{"moving_requests_per_s", read_real, AT(progress_part, moving_per_s)},
	{0},
};

/* Its targets stand in the progress, all members else in the part. */
static bool add_part(struct wire *w, enum json_token t, void *into)
{
	struct rollout_progress *p = into;
	struct progress_part *part = &p->parts[p->part_count];

	if (t != JSON_OBJECT || p->part_count == PROGRESS_PARTS_MAX)
		return json_skip(&w->r, t);
	p->part_count++;
	*part = (struct progress_part){.moving_per_s = NAN};
	while ((t = json_next(&w->r)) == JSON_KEY) {
		struct str key = json_text(&w->r, &w->arena);
		const struct field *f = part_fields;
		bool targets = str_equal_c(key, "targets");

		while (f->name && !str_equal_c(key, f->name))
			f++;
		t = json_next(&w->r);
		if (targets ? !read_array(w, t, p, add_leg) : f->name ? !f->read(w, t, f, part) : !json_skip(&w->r, t))
			return false;
	}
	return t == JSON_OBJECT_END;
}

static bool read_parts(struct wire *w, enum json_token t, const struct field *f, void *into)
{
	(void)f;
	return read_array(w, t, into, add_part);
}

static const struct field progress_fields[] = {
	{"key", read_text, AT(rollout_progress, key)},
	{"verb", read_text, AT(rollout_progress, verb)},
	{"state", read_text, AT(rollout_progress, state)},
	{"who", read_text, AT(rollout_progress, who)},
	{"raises", read_yes, AT(rollout_progress, raises)},
	{"countdown_s", read_seconds, AT(rollout_progress, countdown_us)},
	{"left_s", read_seconds, AT(rollout_progress, go_mono_us)},
	{"applied", read_int, AT(rollout_progress, applied)},
	{"targets", read_int, AT(rollout_progress, target_total)},
	{"rollouts", read_parts, 0, 0},
	{0},
};

bool rollout_wire_progress(struct str json, int64_t mono_us, struct rollout_progress *out)
{
	struct wire w = {.mono_us = mono_us};

	memset(out, 0, sizeof *out);
	if (!read_whole(&w, json, progress_fields, out))
		return false;
	if (strcmp(out->state, "countdown") == 0)
		out->go_mono_us += mono_us;
	else
		out->go_mono_us = 0;
	out->ended = strcmp(out->state, "done") == 0;
	out->nothing = out->target_count > 0;
	for (size_t i = 0; i < out->target_count; i++)
		out->nothing = out->nothing && strcmp(out->targets[i].state, "nothing to do") == 0;
	return true;
}

/* ── asking ────────────────────────────────────────────────────────────────────────────────── */

static void put(struct buf *out, const char *name, const char *text)
{
	if (!text[0])
		return;
	buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
	buf_append_json(out, str_of(text));
}

/* "service=chat environment=prod" as a list of its words. */
static void put_where(struct buf *out, struct str where)
{
	bool first = true;

	if (where.len == 0)
		return;
	buf_puts(out, ",\"where\":[");
	while (where.len > 0) {
		struct str word = str_cut(&where, ' ');

		if (word.len == 0)
			continue;
		if (!first)
			buf_append_c(out, ',');
		first = false;
		buf_append_json(out, word);
	}
	buf_append_c(out, ']');
}

void rollout_wire_ask(const struct rollout_ask *ask, struct buf *out)
{
	buf_append_c(out, '{');
	put(out, "verb", ask->verb);
	put(out, "rollout", ask->rollout);
	put(out, "shares", ask->shares);
	put(out, "reason", ask->reason);
	put(out, "key", ask->key);
	put_where(out, str_trim(str_of(ask->where)));
	buf_append_c(out, '}');
}
