/* The doctor's look at what moves the rollouts' traffic: can each target be read, by whom this command
 * runs as, and what would make it safer. Reads only. */
#include <stdlib.h>
#include <string.h>

#include "act/actuator.h"
#include "base/clock.h"
#include "cli/doctor.h"
#include "core/section.h"

#define LOOK_US (3 * US_PER_S)

static void give_advice(struct doctor *d, const struct actuator *kind, void *state, const char *rollout)
{
	struct buf lines = {0};

	if (kind->advise)
		kind->advise(state, &lines);
	for (struct str rest = buf_str(&lines); rest.len;) {
		struct str line = str_cut(&rest, '\n');

		doctor_warn(d, "rollout %s: %.*s", rollout, STR_ARG(line));
	}
	buf_fini(&lines);
}

static void look_at(struct doctor *d, const struct actuator *kind, void *state, const struct act_env *env)
{
	const struct act_ask nothing = {.deadline_us = clock_mono_us() + LOOK_US, .key = "doctor"};
	struct act_sight sight = {.arm_count = 0};
	struct act_why why = {.fault = ACT_FAULT_NONE};

	if (kind->observe(state, &nothing, &sight, &why) == ACT_OK)
		doctor_ok(d, "rollout %s: %s can be read", env->rollout, env->target);
	else if (why.fault == ACT_UNABLE)
		doctor_ok(d, "rollout %s: %s", env->rollout, why.words.text);
	else
		/* the collector may run as somebody who is let in */
		doctor_warn(d, "rollout %s: %s", env->rollout, why.words.text);
	act_sight_fini(&sight);
	give_advice(d, kind, state, env->rollout);
}

static void check_target(struct doctor *d, const struct config_rollout *c, const struct config_section *section)
{
	const char *path = d->g->config.path ? d->g->config.path : "config";
	const struct actuator *kind = actuator_find(section->kind);
	struct act_env env = {.rollout = c->name, .target = section->name ? section->name : section->kind,
	                      .arm_count = c->arm_count, .section = section};
	struct err err = {""};

	for (size_t i = 0; i < c->arm_count; i++)
		env.arms[i] = (struct act_arm){c->arms[i], i ? "candidate" : "stable"};
	if (actuator_check(section, env.arms, env.arm_count, path, &err)) {
		doctor_broken(d, "rollout %s: %s", c->name, err.text);
		return;
	}
	if (kind->invented)
		return;
	union option_value *values = section_options(kind->options, section, "actuator", path, &err);

	env.options = values;
	void *state = values ? kind->open(&env, &err) : NULL;
	if (state) {
		look_at(d, kind, state, &env);
		kind->close(state);
	}
	free(values);
}

void doctor_actuators(struct doctor *d)
{
	const struct config *config = &d->g->config;
	size_t count = 0;

	for (size_t i = 0; i < config->rollout_count; i++) {
		for (size_t t = 0; t < config->rollouts[i].actuator_count; t++, count++)
			check_target(d, &config->rollouts[i], &config->rollouts[i].actuators[t]);
	}
	if (!count)
		doctor_ok(d, "no rollout has an actuator: nothing here moves traffic");
}
