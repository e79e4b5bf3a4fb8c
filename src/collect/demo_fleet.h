/* The demo's invented fleet, as tables: who there is and how each behaves. The curves' figures are
 * quantiles of public traces: token lengths of code and of long-context chat from the Azure LLM
 * inference trace 2023 (code) and Mooncake's synthetic trace, the shape of the time to first token
 * from public vLLM load runs. */
#ifndef LLMDECK_COLLECT_DEMO_FLEET_H
#define LLMDECK_COLLECT_DEMO_FLEET_H

#include <stdbool.h>
#include <stddef.h>

#include "collect/demo_random.h"
#include "core/event.h"

struct demo_provider_model {
	const char *provider, *name;
	double ttft_ms;           /* median time to first token */
	double ms_per_token;      /* of output */
	double reasoning_share;   /* reasoning tokens per visible output token */
};

#define DEMO_MODELS_MAX 3
struct demo_service {
	const char *name, *team, *topic; /* topic: what its users talk about */
	double per_s;             /* mean requests a second, all environments */
	const struct demo_curve *input, *output; /* output NULL: embeddings */
	struct {
		const struct demo_provider_model *model;
		double share;
	} models[DEMO_MODELS_MAX];
	const char *operation;
	const char *tools;        /* "a b c", NULL: none */
	const char *deployment;   /* what answers when no rollout of its own does */
	const char *staging;      /* what answers in staging */
	const char *prompt;       /* prompt version of the above */
	double cached_share;      /* of a long prompt */
	double error_rate, flag_rate, feedback_rate; /* shares of requests */
	bool streams;             /* has a time to first token */
};

#define DEMO_STEPS_MAX 5
struct demo_rollout {
	const char *name, *phase;
	size_t service;           /* index into demo_services */
	const char *stable, *candidate;
	const char *stable_prompt, *candidate_prompt;
	struct {
		double before_live_s; /* when, counted back from the live part's start */
		double percent;       /* the candidate's share from then on */
	} steps[DEMO_STEPS_MAX];
	size_t step_count;
	const char *reason;       /* of the last step */
	bool goes_bad;            /* the incident is this candidate's */
};

#define DEMO_SERVICES 7
#define DEMO_ROLLOUTS 3
extern const struct demo_service demo_services[DEMO_SERVICES];
extern const struct demo_rollout demo_rollouts[DEMO_ROLLOUTS];
extern const struct demo_curve demo_ttft_shape; /* factors around a median of 1 */

struct demo_choice {
	const char *name;
	double share; /* of all choices in the table, which add up to 1 */
	int detail;   /* HTTP status of an error */
};
#define DEMO_REGIONS 3
#define DEMO_ERRORS 5
#define DEMO_CATEGORIES 6
extern const struct demo_choice demo_regions[DEMO_REGIONS];
extern const struct demo_choice demo_errors[DEMO_ERRORS];
extern const struct demo_choice demo_categories[DEMO_CATEGORIES];

/* What was asked and answered where somebody says what they think of it; `pick` chooses, `bad`: by the
 * candidate that goes wrong. The texts are static. */
void demo_conversation(size_t service, uint8_t pick, bool bad, struct str *question, struct str *answer);

/* Appends a feedback text of that mood about `topic`; its language in *language. `upset`: by a user
 * whom the incident hit. */
struct buf;
void demo_feedback_text(struct demo_random *r, enum mood mood, bool upset, const char *topic,
                        struct buf *out, const char **language);

#endif
