/* The actuator kinds, and what all of them share: words, plans, sights. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/actuator.h"
#include "core/section.h"

extern const struct actuator demo_actuator;
extern const struct actuator exec_actuator;
extern const struct actuator haproxy_actuator;
extern const struct actuator http_actuator;
extern const struct actuator kubernetes_actuator;

const struct actuator *const actuators[] = {
	&haproxy_actuator,
	&kubernetes_actuator,
	&http_actuator,
	&exec_actuator,
	&demo_actuator,
	NULL,
};

const struct actuator *actuator_find(const char *kind)
{
	for (size_t i = 0; actuators[i]; i++) {
		if (strcmp(actuators[i]->kind, kind) == 0)
			return actuators[i];
	}
	return NULL;
}

const char *act_fault_name(enum act_fault f)
{
	static const char *const names[] = {
		[ACT_FAULT_NONE] = "", [ACT_DENIED] = "denied", [ACT_UNREACHABLE] = "unreachable",
		[ACT_TIMED_OUT] = "timed out", [ACT_MISSING] = "missing", [ACT_CHANGED] = "changed",
		[ACT_REFUSED] = "refused", [ACT_GARBLED] = "garbled", [ACT_UNABLE] = "unable",
		[ACT_STOPPED] = "stopped",
	};

	return names[f];
}

const char *act_verb_name(enum act_verb v)
{
	static const char *const names[ACT_VERB_COUNT] = {
		[ACT_SET] = "set", [ACT_ROLLBACK] = "rollback", [ACT_STEP] = "step", [ACT_PROMOTE] = "promote",
		[ACT_HOLD] = "hold", [ACT_RESUME] = "resume", [ACT_RETRY_ROLLOUT] = "retry",
		[ACT_UNDO_REVISION] = "undo", [ACT_SCALE] = "scale", [ACT_DRAIN] = "drain", [ACT_READY] = "ready",
		[ACT_MAINT] = "maint",
	};

	return names[v];
}

static void say(struct act_why *why, enum act_fault fault, const char *fmt, va_list ap)
{
	why->fault = fault;
	vsnprintf(why->words.text, sizeof(why->words.text), fmt, ap);
}

enum act_result act_fail(struct act_why *why, enum act_fault fault, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(why, fault, fmt, ap);
	va_end(ap);
	return ACT_FAILED;
}

enum act_result act_retry(struct act_why *why, enum act_fault fault, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(why, fault, fmt, ap);
	va_end(ap);
	return ACT_RETRY;
}

int actuator_check(const struct config_section *section, const struct act_arm *arms, size_t arm_count,
                   const char *config_path, struct err *err)
{
	const struct actuator *a = actuator_find(section->kind);

	if (!a)
		return err_set(err, "%s:%d:%d: there is no actuator kind `%s` in this version: see llmdeck(5)", config_path,
		               section->line, section->column, section->kind);
	union option_value *values = section_options(a->options, section, "actuator", config_path, err);

	if (!values)
		return -1;
	struct act_env env = {.rollout = "check", .target = section->name ? section->name : section->kind,
	                      .arm_count = arm_count, .options = values, .section = section};
	memcpy(env.arms, arms, arm_count * sizeof(*arms));
	void *state = a->open(&env, err);

	if (state)
		a->close(state);
	else
		err_wrap(err, "%s:%d:%d", config_path, section->line, section->column);
	free(values);
	return state ? 0 : -1;
}
