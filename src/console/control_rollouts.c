/* Tables of what the collector answers, and the bodies of what it is asked. */
#include "console/control_rollouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "console/control_read.h"

#define CALL_TIMEOUT_US (5 * US_PER_S)
#define PLAN_TIMEOUT_US (60 * US_PER_S) /* targets are asked */

/* ── tables ────────────────────────────────────────────────────────────────────────────────── */

#define TEXT(s, m) {.name = #m, .type = READ_TEXT, .offset = offsetof(struct s, m)}
#define REAL(s, m) {.name = #m, .type = READ_REAL, .offset = offsetof(struct s, m)}
#define INT(s, m) {.name = #m, .type = READ_INT, .offset = offsetof(struct s, m)}
#define BOOL(s, m) {.name = #m, .type = READ_BOOL, .offset = offsetof(struct s, m)}
#define END {.name = NULL}

static const struct read_field arm_plan_fields[] = {
	TEXT(rollout_arm_plan, deployment), TEXT(rollout_arm_plan, detail), REAL(rollout_arm_plan, now_percent),
	REAL(rollout_arm_plan, wanted_percent), REAL(rollout_arm_plan, result_percent), END,
};
#define PLAN(m) (offsetof(struct rollout_leg, plan.m) - offsetof(struct rollout_leg, plan))
static const struct read_field plan_fields[] = {
	{.name = "pace", .type = READ_TEXT, .offset = PLAN(pace)},
	{.name = "nothing_to_do", .type = READ_BOOL, .offset = PLAN(nothing_to_do)},
	{.name = "arms", .type = READ_OBJECTS, .offset = PLAN(arms), .count_offset = PLAN(arm_count),
	 .fields = arm_plan_fields, .item_bytes = sizeof(struct rollout_arm_plan)},
	{.name = "steps", .type = READ_TEXTS, .offset = PLAN(steps), .count_offset = PLAN(step_count)},
	{.name = "warnings", .type = READ_TEXTS, .offset = PLAN(warnings), .count_offset = PLAN(warning_count)},
	END,
};
static const struct read_field leg_fields[] = {
	TEXT(rollout_leg, target), TEXT(rollout_leg, state), TEXT(rollout_leg, words), TEXT(rollout_leg, moves),
	TEXT(rollout_leg, stays),
	{.name = "plan", .type = READ_OBJECT, .offset = offsetof(struct rollout_leg, plan), .fields = plan_fields,
	 .there_offset = offsetof(struct rollout_leg, has_plan)},
	END,
};
static const struct read_field part_fields[] = {
	TEXT(rollout_part, rollout), TEXT(rollout_part, service), TEXT(rollout_part, stable),
	TEXT(rollout_part, candidate), TEXT(rollout_part, before), TEXT(rollout_part, wanted),
	TEXT(rollout_part, result), TEXT(rollout_part, outcome), TEXT(rollout_part, gate),
	REAL(rollout_part, requests_per_s), REAL(rollout_part, moving_requests_per_s),
	INT(rollout_part, arrived_requests),
	{.name = "targets", .type = READ_OBJECTS, .offset = offsetof(struct rollout_part, legs),
	 .count_offset = offsetof(struct rollout_part, leg_count), .fields = leg_fields,
	 .item_bytes = sizeof(struct rollout_leg)},
	END,
};
static const struct read_field progress_fields[] = {
	TEXT(rollout_progress, key), TEXT(rollout_progress, verb), TEXT(rollout_progress, who),
	TEXT(rollout_progress, reason), TEXT(rollout_progress, started), TEXT(rollout_progress, state),
	BOOL(rollout_progress, automatic), BOOL(rollout_progress, raises), REAL(rollout_progress, countdown_s),
	REAL(rollout_progress, left_s), INT(rollout_progress, applied), INT(rollout_progress, targets),
	{.name = "rollouts", .type = READ_OBJECTS, .offset = offsetof(struct rollout_progress, parts),
	 .count_offset = offsetof(struct rollout_progress, part_count), .fields = part_fields,
	 .item_bytes = sizeof(struct rollout_part)},
	END,
};
static const struct read_field arm_fields[] = {
	TEXT(rollout_arm_view, deployment), TEXT(rollout_arm_view, role), REAL(rollout_arm_view, desired_weight),
	REAL(rollout_arm_view, actual_weight), REAL(rollout_arm_view, arriving_share), REAL(rollout_arm_view, requests),
	REAL(rollout_arm_view, errors), REAL(rollout_arm_view, input_tokens), REAL(rollout_arm_view, output_tokens),
	REAL(rollout_arm_view, feedback), REAL(rollout_arm_view, positive), REAL(rollout_arm_view, negative),
	REAL(rollout_arm_view, latency_p50_s), REAL(rollout_arm_view, latency_p95_s),
	REAL(rollout_arm_view, ttft_p95_s), REAL(rollout_arm_view, error_rate),
	REAL(rollout_arm_view, cost_per_1k_usd), REAL(rollout_arm_view, flags_per_1k),
	REAL(rollout_arm_view, negative_share), BOOL(rollout_arm_view, error_rate_is_lower_bound), END,
};
static const struct read_field guardrail_fields[] = {
	TEXT(rollout_guardrail_view, metric), TEXT(rollout_guardrail_view, arm), TEXT(rollout_guardrail_view, verdict),
	TEXT(rollout_guardrail_view, words), REAL(rollout_guardrail_view, worse_by),
	REAL(rollout_guardrail_view, stable), REAL(rollout_guardrail_view, candidate),
	REAL(rollout_guardrail_view, difference), REAL(rollout_guardrail_view, limit),
	BOOL(rollout_guardrail_view, relative), INT(rollout_guardrail_view, samples),
	INT(rollout_guardrail_view, stable_samples), END,
};
static const struct read_field target_fields[] = {
	TEXT(rollout_target_view, name), TEXT(rollout_target_view, kind), TEXT(rollout_target_view, fault),
	TEXT(rollout_target_view, phase), TEXT(rollout_target_view, words), TEXT(rollout_target_view, seen),
	TEXT(rollout_target_view, arrives),
	BOOL(rollout_target_view, drift), END,
};
static const struct read_field view_fields[] = {
	TEXT(rollout_view, name), TEXT(rollout_view, service), TEXT(rollout_view, environment),
	TEXT(rollout_view, phase), TEXT(rollout_view, reason), TEXT(rollout_view, words),
	TEXT(rollout_view, step_since), TEXT(rollout_view, advance), TEXT(rollout_view, on_breach),
	BOOL(rollout_view, drift), BOOL(rollout_view, breach), BOOL(rollout_view, held), INT(rollout_view, step),
	REAL(rollout_view, hold_s),
	{.name = "arms", .type = READ_OBJECTS, .offset = offsetof(struct rollout_view, arms),
	 .count_offset = offsetof(struct rollout_view, arm_count), .fields = arm_fields,
	 .item_bytes = sizeof(struct rollout_arm_view)},
	{.name = "guardrails", .type = READ_OBJECTS, .offset = offsetof(struct rollout_view, guardrails),
	 .count_offset = offsetof(struct rollout_view, guardrail_count), .fields = guardrail_fields,
	 .item_bytes = sizeof(struct rollout_guardrail_view)},
	{.name = "targets", .type = READ_OBJECTS, .offset = offsetof(struct rollout_view, targets),
	 .count_offset = offsetof(struct rollout_view, target_count), .fields = target_fields,
	 .item_bytes = sizeof(struct rollout_target_view)},
	{.name = "action", .type = READ_OBJECT, .offset = offsetof(struct rollout_view, action),
	 .fields = progress_fields, .there_offset = offsetof(struct rollout_view, has_action)},
	END,
};
static const struct read_field list_fields[] = {
	{.name = "rollouts", .type = READ_OBJECTS, .offset = offsetof(struct rollout_list, rows),
	 .count_offset = offsetof(struct rollout_list, row_count), .fields = view_fields,
	 .item_bytes = sizeof(struct rollout_view)},
	END,
};

/* ── calls ─────────────────────────────────────────────────────────────────────────────────── */

static enum control_result unreadable(struct err *err)
{
	err_set(err, "collector: its answer about rollouts cannot be read: is it another version?");
	return CONTROL_FAILED;
}

static enum control_result call(struct control_client *c, const char *path, const struct buf *body, int64_t timeout_us,
                                struct rollout_progress *out, struct err *err)
{
	struct buf json = {0};
	enum control_result result = control_client_call(c, "POST", path, buf_str(body), "application/json", timeout_us,
	                                                 &json, err);

	*out = (struct rollout_progress){.part_count = 0};
	if (result == CONTROL_OK && !control_read(buf_str(&json), progress_fields, &out->arena, out)) {
		rollout_progress_fini(out);
		result = unreadable(err);
	}
	buf_fini(&json);
	return result;
}

static void put(struct buf *out, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
	buf_append_json(out, str_of(text));
}

static void put_ask(struct buf *out, const struct rollout_ask *ask, const char *key)
{
	buf_append_c(out, '{');
	put(out, "verb", ask->verb);
	put(out, "rollout", ask->rollout);
	put(out, "shares", ask->shares);
	put(out, "key", key);
	put(out, "reason", ask->reason);
	put(out, "claimed", ask->claimed);
	for (size_t i = 0; i < ask->where_count; i++) {
		buf_puts(out, i ? "," : ",\"where\":[");
		buf_append_json(out, str_of(ask->where[i]));
	}
	buf_puts(out, ask->where_count ? "]}" : "}");
}

char *control_rollout_key(char out[ROLLOUT_KEY_BYTES])
{
	uint8_t bits[12];

	if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
		int64_t now_us = clock_mono_us();

		memcpy(bits, &now_us, sizeof(now_us));
	}
	snprintf(out, ROLLOUT_KEY_BYTES, "c-");
	for (size_t i = 0; i < sizeof(bits); i++)
		snprintf(out + 2 + 2 * i, 3, "%02x", bits[i]);
	return out;
}

enum control_result control_rollout_plan(struct control_client *c, const struct rollout_ask *ask,
                                         struct rollout_progress *out, struct err *err)
{
	struct buf body = {0};

	put_ask(&body, ask, NULL);
	enum control_result result = call(c, "/v1/rollouts/plan", &body, PLAN_TIMEOUT_US, out, err);

	buf_fini(&body);
	return result;
}

enum control_result control_rollout_begin(struct control_client *c, const struct rollout_ask *ask, const char *key,
                                          struct rollout_progress *out, struct err *err)
{
	struct buf body = {0};

	put_ask(&body, ask, key);
	enum control_result result = call(c, "/v1/rollouts/begin", &body, CALL_TIMEOUT_US, out, err);

	buf_fini(&body);
	return result;
}

static enum control_result by_key(struct control_client *c, const char *path, const char *key,
                                  struct rollout_progress *out, struct err *err)
{
	struct buf body = {0};

	buf_append_c(&body, '{');
	put(&body, "key", key);
	buf_append_c(&body, '}');
	enum control_result result = call(c, path, &body, CALL_TIMEOUT_US, out, err);

	buf_fini(&body);
	return result;
}

enum control_result control_rollout_beat(struct control_client *c, const char *key, struct rollout_progress *out,
                                         struct err *err)
{
	return by_key(c, "/v1/rollouts/beat", key, out, err);
}

enum control_result control_rollout_cancel(struct control_client *c, const char *key, struct rollout_progress *out,
                                           struct err *err)
{
	return by_key(c, "/v1/rollouts/cancel", key, out, err);
}

void rollout_progress_fini(struct rollout_progress *p)
{
	arena_fini(&p->arena);
	*p = (struct rollout_progress){.part_count = 0};
}

bool rollout_progress_done(const struct rollout_progress *p)
{
	return p->state && strcmp(p->state, "done") == 0;
}

bool rollout_progress_good(const struct rollout_progress *p)
{
	bool good = rollout_progress_done(p) && p->applied == p->targets;

	for (size_t i = 0; good && i < p->part_count; i++) {
		const char *result = p->parts[i].result;

		good = strcmp(result, "applied") == 0 || strcmp(result, "unverified") == 0 || strcmp(result, "nothing") == 0;
	}
	return good;
}

enum control_result control_rollout_list(struct control_client *c, struct rollout_list *out, struct buf *json,
                                         struct err *err)
{
	struct buf text = {0};
	enum control_result result = control_client_call(c, "GET", "/v1/rollouts", (struct str){0}, NULL, CALL_TIMEOUT_US,
	                                                 &text, err);

	*out = (struct rollout_list){.row_count = 0};
	if (result == CONTROL_OK && !control_read(buf_str(&text), list_fields, &out->arena, out)) {
		rollout_list_fini(out);
		result = unreadable(err);
	}
	if (result == CONTROL_OK && json)
		buf_append_str(json, buf_str(&text));
	buf_fini(&text);
	return result;
}

void rollout_list_fini(struct rollout_list *l)
{
	arena_fini(&l->arena);
	*l = (struct rollout_list){.row_count = 0};
}

const struct rollout_view *rollout_list_find(const struct rollout_list *l, const char *name)
{
	for (size_t i = 0; i < l->row_count; i++) {
		if (strcmp(l->rows[i].name, name) == 0)
			return &l->rows[i];
	}
	return NULL;
}
