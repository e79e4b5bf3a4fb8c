/* Plans and sights as data: their texts live in an arena and go with them. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "act/actuator.h"

static const char *format(struct arena *arena, const char *fmt, va_list ap)
{
	struct buf text = {0};

	buf_vprintf(&text, fmt, ap);
	const char *copy = arena_copy(arena, text.data ? text.data : "", text.len);
	buf_fini(&text);
	return copy;
}

void act_plan_fini(struct act_plan *p)
{
	arena_fini(&p->arena);
	*p = (struct act_plan){0};
}

const char *act_plan_text(struct act_plan *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	const char *text = format(&p->arena, fmt, ap);
	va_end(ap);
	return text;
}

void act_plan_step(struct act_plan *p, const char *fmt, ...)
{
	va_list ap;

	if (p->step_count == ACT_LINES_MAX)
		return;
	va_start(ap, fmt);
	p->steps[p->step_count++] = format(&p->arena, fmt, ap);
	va_end(ap);
}

void act_plan_warn(struct act_plan *p, const char *fmt, ...)
{
	va_list ap;

	if (p->warning_count == ACT_LINES_MAX)
		return;
	va_start(ap, fmt);
	p->warnings[p->warning_count++] = format(&p->arena, fmt, ap);
	va_end(ap);
}

static void json_text_member(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "\"%s\":", name);
	buf_append_json(out, str_of(text ? text : ""));
}

static void json_percent(struct buf *out, const char *name, double percent)
{
	if (isnan(percent))
		buf_printf(out, ",\"%s\":null", name);
	else
		buf_printf(out, ",\"%s\":%.6g", name, percent);
}

static void json_lines(struct buf *out, const char *name, const char *const *lines, size_t count)
{
	buf_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_append_c(out, ',');
		buf_append_json(out, str_of(lines[i]));
	}
	buf_append_c(out, ']');
}

void act_plan_json(const struct act_plan *p, struct buf *out)
{
	static const char *const paces[] = {"unknown", "instant", "stepwise"};

	buf_printf(out, "{\"pace\":\"%s\",\"nothing_to_do\":%s,\"raises_exposure\":%s,", paces[p->pace],
	           p->nothing_to_do ? "true" : "false", p->raises_exposure ? "true" : "false");
	json_text_member(out, "moves", p->moves);
	buf_append_c(out, ',');
	json_text_member(out, "stays", p->stays);
	buf_puts(out, ",\"arms\":[");
	for (size_t i = 0; i < p->arm_count; i++) {
		buf_puts(out, i ? ",{" : "{");
		json_text_member(out, "deployment", p->arms[i].deployment);
		json_percent(out, "now_percent", p->arms[i].now_percent);
		json_percent(out, "wanted_percent", p->arms[i].wanted_percent);
		json_percent(out, "result_percent", p->arms[i].result_percent);
		buf_append_c(out, ',');
		json_text_member(out, "detail", p->arms[i].detail);
		buf_append_c(out, '}');
	}
	buf_append_c(out, ']');
	json_lines(out, "steps", p->steps, p->step_count);
	json_lines(out, "warnings", p->warnings, p->warning_count);
	buf_append_c(out, '}');
}

void act_sight_fini(struct act_sight *s)
{
	arena_fini(&s->arena);
	*s = (struct act_sight){0};
}

const char *act_sight_text(struct act_sight *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	const char *text = format(&s->arena, fmt, ap);
	va_end(ap);
	return text;
}

static bool comparable(const struct act_sight *a, const struct act_sight *b)
{
	if (a->arm_count != b->arm_count || a->counters_id != b->counters_id || !b->arm_count || b->at_us <= a->at_us)
		return false;
	for (size_t i = 0; i < a->arm_count; i++) {
		const struct act_arm_sight *before = &a->arms[i], *now = &b->arms[i];

		if (!str_equal(str_of(before->deployment), str_of(now->deployment)) || !before->has_counters ||
		    !now->has_counters || now->requests < before->requests || now->errors < before->errors)
			return false;
	}
	return true;
}

bool act_arriving(const struct act_sight *before, const struct act_sight *now, struct act_arriving *out)
{
	*out = (struct act_arriving){0};
	for (size_t i = 0; i < ROLLOUT_ARMS_MAX; i++)
		out->percent[i] = NAN;
	if (!comparable(before, now))
		return false;
	out->span_us = now->at_us - before->at_us;
	for (size_t i = 0; i < now->arm_count; i++) {
		out->requests[i] = now->arms[i].requests - before->arms[i].requests;
		out->errors[i] = now->arms[i].errors - before->arms[i].errors;
		out->total += out->requests[i];
	}
	for (size_t i = 0; i < now->arm_count && out->total; i++)
		out->percent[i] = 100.0 * (double)out->requests[i] / (double)out->total;
	return true;
}
