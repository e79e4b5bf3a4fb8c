/* What the tests of actuators share: a rollout checkout with the arms v42 and v43, a target opened from
 * YAML, and a loop that runs until a job is answered. */
#ifndef LLMDECK_TESTS_ACT_BENCH_H
#define LLMDECK_TESTS_ACT_BENCH_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "act/target.h"
#include "base/clock.h"
#include "parse/config.h"

struct act_bench {
	struct config config;
	struct loop *loop;
	struct target *target;
	struct act_ask ask;      /* the last share_ask() */
	struct act_plan plan;    /* of the last PLAN; its texts are copied to `saw`, `steps`, … */
	struct target_answer answer; /* of the last job, its plan and sight without texts */
	char saw[8192], json[16384], words[512], sight_words[512], phase[64], states[2][64];
	bool answered;
};

static const struct act_arm bench_arms[2] = {{"v42", "stable"}, {"v43", "candidate"}};

static inline void bench_answered(void *arg, const struct target_answer *answer)
{
	struct act_bench *b = arg;
	struct buf json = {0};

	b->answer = *answer;
	b->answered = true;
	snprintf(b->words, sizeof(b->words), "%s", answer->why.words.text);
	if (answer->job == TARGET_PLAN) {
		act_plan_json(&answer->plan, &json);
		snprintf(b->json, sizeof(b->json), "%s", json.data);
		snprintf(b->saw, sizeof(b->saw), "%s", answer->plan.saw ? answer->plan.saw : "");
		buf_fini(&json);
	}
	snprintf(b->sight_words, sizeof(b->sight_words), "%s", answer->sight.words ? answer->sight.words : "");
	snprintf(b->phase, sizeof(b->phase), "%s", answer->sight.phase ? answer->sight.phase : "");
	for (size_t i = 0; i < 2; i++) {
		snprintf(b->states[i], sizeof(b->states[i]), "%s", answer->sight.arms[i].state ? answer->sight.arms[i].state : "");
		b->answer.sight.arms[i].deployment = bench_arms[i].deployment;
	}
}

/* `actuator`: the section in YAML flow style, "{kind: …}" or block lines behind "actuator:". */
static inline int bench_open_options(struct act_bench *b, const char *actuator, bool demo, struct err *err)
{
	struct buf yaml = {0};

	memset(b, 0, sizeof(*b));
	buf_printf(&yaml, "rollouts:\n  - name: checkout\n    service: checkout\n    stable: v42\n    candidate: v43\n"
	           "    actuator: %s\n", actuator);
	int result = config_parse(&b->config, buf_str(&yaml), "c", err);
	buf_fini(&yaml);
	if (result)
		return -1;
	loop_new(&b->loop, err);
	struct target_settings s = {.loop = b->loop, .rollout = "checkout", .section = b->config.rollouts[0].actuators,
	                            .arms = bench_arms, .arm_count = 2, .config_path = "c", .demo = demo};
	result = target_open(&b->target, &s, err);
	if (result) {
		loop_free(&b->loop);
		config_fini(&b->config);
	}
	return result;
}

static inline void bench_open(struct act_bench *b, const char *actuator)
{
	struct err err = {""};

	if (bench_open_options(b, actuator, true, &err))
		fail_msg("%s", err.text);
}

static inline void bench_close(struct act_bench *b)
{
	target_close(&b->target);
	loop_free(&b->loop);
	config_fini(&b->config);
}

static inline struct act_ask share_ask(enum act_verb verb, double candidate, const char *key)
{
	return (struct act_ask){.verb = verb, .arm_count = 2, .key = key, .reason = "a \"test\"", .actor = "mia",
	                        .arms = {{"v42", 100 - candidate}, {"v43", candidate}}};
}

static inline enum act_result bench_run_for(struct act_bench *b, enum target_job job, const struct act_ask *ask,
                                            const char *saw, int64_t timeout_us)
{
	struct err err;
	int64_t until_us = clock_mono_us() + 60 * US_PER_S;

	b->answered = false;
	target_begin(b->target, job, ask, saw, timeout_us, bench_answered, b);
	while (!b->answered && clock_mono_us() < until_us)
		loop_turn(b->loop, 100, &err);
	assert_true(b->answered);
	return b->answer.result;
}

static inline enum act_result bench_run(struct act_bench *b, enum target_job job, const struct act_ask *ask,
                                        const char *saw)
{
	return bench_run_for(b, job, ask, saw, 0);
}

#define assert_act(got, expected, bench) \
	do { \
		enum act_result got_result = (got); \
		if (got_result != (expected)) \
			fail_msg("result %d, not %d: %s", (int)got_result, (int)(expected), (bench)->words); \
	} while (0)
#define assert_words(bench, part) \
	do { \
		if (!strstr((bench)->words, part)) \
			fail_msg("`%s` does not say `%s`", (bench)->words, part); \
	} while (0)

#endif
