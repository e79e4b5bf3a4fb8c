/* Invented traffic with one planted cause, or none: requests of a fleet whose attributes hang together as they
 * do in life (deployments of services, models of providers, users of tenants), of which a small share is
 * bad by chance and, with a cause, those that have the cause's value. For the bench of suspects and its test. */
#ifndef LLMDECK_TESTS_PLANTED_H
#define LLMDECK_TESTS_PLANTED_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "core/bad.h"
#include "core/event.h"

enum planted_badness { PLANTED_SLOW, PLANTED_FAILING, PLANTED_DEAR, PLANTED_FLAGGED, PLANTED_BADNESSES };
static const char *const planted_bad_texts[PLANTED_BADNESSES] = {"latency>4s", "error", "cost>0.05", "flag"};

enum planted_kind {
	PLANTED_SERVICE, PLANTED_DEPLOYMENT, PLANTED_MODEL, PLANTED_PROVIDER, PLANTED_ENVIRONMENT, PLANTED_REGION, PLANTED_FINISH_REASON,
	PLANTED_ERROR_TYPE, PLANTED_PROMPT_VERSION, PLANTED_INPUT_TOKENS, PLANTED_USER, PLANTED_TOOL, PLANTED_SOURCE, PLANTED_TENANT,
	PLANTED_KINDS, PLANTED_NOTHING = PLANTED_KINDS
};
static const char *const planted_names[PLANTED_KINDS] = {
	"service", "deployment", "model", "provider", "environment", "region", "finish_reason",
	"error_type", "prompt_version", "input_tokens", "user", "tool", "source", "tenant",
};

struct planted {
	uint64_t random;
	enum planted_kind kind;
	enum planted_badness badness;
	char value[32];      /* the cause's */
	double strength;     /* share of the requests with it that are bad by it */
	double noise;        /* share that is bad by chance */
	double error_share;  /* of all requests, where errors are not what is planted */
	long heavy_user;
};

static inline double planted_uniform(struct planted *p)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return ((double)(p->random >> 11) + 0.5) / 9007199254740992.0;
}

static inline int planted_pick(struct planted *p, int n)
{
	return (int)(planted_uniform(p) * n) % n;
}

static inline double planted_normal(struct planted *p)
{
	return sqrt(-2 * log(planted_uniform(p))) * cos(6.283185307179586 * planted_uniform(p));
}

/* An index by weights in percent that add up to 100. */
static inline int planted_weighted(struct planted *p, const int *percent)
{
	double left = planted_uniform(p) * 100;
	int i = 0;

	while (percent[i + 1] && left >= percent[i])
		left -= percent[i++];
	return i;
}

/* Whether it makes sense: what requests fail by is no cause of their failing. */
static inline bool planted_possible(enum planted_kind kind, enum planted_badness badness)
{
	return kind != PLANTED_ERROR_TYPE || badness != PLANTED_FAILING;
}

/* The case of a seed. The value has 4 to 20 % of the requests, of which half or more are bad by it. */
static inline void planted_begin(struct planted *p, uint64_t seed, enum planted_kind kind, enum planted_badness badness)
{
	static const char *const values[PLANTED_KINDS][3] = {
		[PLANTED_SERVICE] = {"tickets", "docs", "agent"}, [PLANTED_DEPLOYMENT] = {"chat-v43", "search-v9", "docs-v3"},
		[PLANTED_MODEL] = {"gpt-4.1", "mistral-large", "claude-haiku"}, [PLANTED_PROVIDER] = {"azure", "bedrock", "mistral"},
		[PLANTED_ENVIRONMENT] = {"staging", "eval", "staging"}, [PLANTED_REGION] = {"ap-south", "us-west", "eu-north"},
		[PLANTED_FINISH_REASON] = {"length", "tool_calls", "length"}, [PLANTED_ERROR_TYPE] = {"timeout", "rate_limit", "server_error"},
		[PLANTED_PROMPT_VERSION] = {"p7", "p8", "p9"}, [PLANTED_INPUT_TOKENS] = {"8000", "6000", "4000"},
		[PLANTED_USER] = {"user-h1", "user-h2", "user-h3"}, [PLANTED_TOOL] = {"policy_lookup", "refund", "calendar"},
		[PLANTED_SOURCE] = {"gateway-b", "import-7", "gateway-c"}, [PLANTED_TENANT] = {"acme", "initech", "globex"},
	};

	*p = (struct planted){.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1, .kind = kind, .badness = badness};
	for (int i = 0; i < 20; i++)
		planted_uniform(p);
	p->strength = 0.5 + 0.5 * planted_uniform(p);
	p->noise = 0.002 + 0.018 * planted_uniform(p);
	p->error_share = kind == PLANTED_ERROR_TYPE ? 0.25 : 0.03;
	if (kind != PLANTED_NOTHING)
		snprintf(p->value, sizeof p->value, "%s", values[kind][seed % 3]);
}

#define PLANTED_TEXT(literal) str_of(literal)

static inline const char *planted_text(struct batch *b, const char *format, long number)
{
	char text[48];

	snprintf(text, sizeof text, format, number);
	return batch_text(b, str_of(text), sizeof text).ptr;
}

static inline void planted_dims(struct planted *p, struct request *r)
{
	static const char *const services[] = {"chat", "search", "agent", "docs", "tickets"};
	static const char *const deployments[][3] = {{"chat-v42", "chat-v43", "chat-v41"}, {"search-v8", "search-v9", "search-v7"},
	                                             {"agent-v2", "agent-v3", "agent-v1"}, {"docs-v2", "docs-v3", "docs-v1"},
	                                             {"tickets-v5", "tickets-v6", "tickets-v4"}};
	static const char *const models[] = {"gpt-4o", "gpt-4o-mini", "claude-sonnet", "mistral-large", "gpt-4.1", "claude-haiku"};
	static const char *const providers[][2] = {{"openai", "azure"}, {"openai", "azure"}, {"anthropic", "bedrock"},
	                                           {"mistral", "bedrock"}, {"openai", "azure"}, {"anthropic", "bedrock"}};
	static const char *const regions[] = {"eu-west", "us-east", "us-west", "ap-south", "eu-north"};
	static const char *const teams[] = {"support", "sales", "platform"};
	int service = planted_weighted(p, (const int[]){40, 25, 14, 12, 9, 0});
	int model = planted_weighted(p, (const int[]){35, 25, 16, 9, 8, 7, 0});

	r->dims[DIM_SERVICE] = str_of(services[service]);
	r->dims[DIM_DEPLOYMENT] = str_of(deployments[service][planted_weighted(p, (const int[]){40, 45, 15, 0})]);
	r->dims[DIM_MODEL] = str_of(models[model]);
	r->dims[DIM_PROVIDER] = str_of(providers[model][planted_uniform(p) < 0.25]);
	r->dims[DIM_ENVIRONMENT] = str_of(planted_uniform(p) < 0.85 ? "prod" : planted_uniform(p) < 0.6 ? "staging" : "eval");
	r->dims[DIM_REGION] = str_of(regions[planted_weighted(p, (const int[]){40, 30, 12, 10, 8, 0})]);
	r->dims[DIM_TEAM] = str_of(teams[service % 3]);
}

static inline void planted_attrs(struct planted *p, struct batch *b, struct request *r)
{
	static const char *const tenants[] = {"acme", "initech", "globex", "umbrella", "hooli", "stark", "wayne", "wonka", "cyberdyne", "tyrell"};
	static const char *const tools[] = {"web_search", "policy_lookup", "refund", "calendar"};
	static const char *const sources[] = {"gateway-a", "gateway-b", "gateway-c", "import-7"};
	static const char *const prompts[] = {"p6", "p7", "p8", "p9"};
	int heavy = planted_weighted(p, (const int[]){78, 5, 6, 7, 4, 0});
	long user = planted_pick(p, 2000);

	if (heavy)
		r->attrs[ATTR_USER] = str_of(planted_text(b, "user-h%ld", heavy));
	else
		r->attrs[ATTR_USER] = str_of(planted_text(b, "user-%ld", user));
	user = heavy ? heavy : user;
	r->attrs[ATTR_TENANT] = str_of(tenants[user % 10]);
	r->attrs[ATTR_SESSION] = str_of(planted_text(b, "s-%ld", user * 50 + planted_pick(p, 20)));
	r->attrs[ATTR_PROMPT_VERSION] = str_of(prompts[planted_weighted(p, (const int[]){65, 13, 12, 10, 0})]);
	if (planted_uniform(p) < 0.4)
		r->attrs[ATTR_TOOL] = str_of(tools[planted_weighted(p, (const int[]){40, 25, 20, 15, 0})]);
	r->source = str_of(sources[planted_weighted(p, (const int[]){60, 18, 12, 10, 0})]);
	r->finish_reason = str_of(planted_uniform(p) < 0.75 ? "stop" : planted_uniform(p) < 0.5 ? "length" : "tool_calls");
	r->input_tokens = 1 + (int64_t)(1400 * exp(1.2 * planted_normal(p)));
	r->output_tokens = 1 + (int64_t)(120 * exp(1.1 * planted_normal(p)));
}

static inline bool planted_has_cause(const struct planted *p, const struct request *r)
{
	static const int dims[PLANTED_KINDS] = {[PLANTED_SERVICE] = DIM_SERVICE, [PLANTED_DEPLOYMENT] = DIM_DEPLOYMENT, [PLANTED_MODEL] = DIM_MODEL,
	                                        [PLANTED_PROVIDER] = DIM_PROVIDER, [PLANTED_ENVIRONMENT] = DIM_ENVIRONMENT, [PLANTED_REGION] = DIM_REGION};
	int64_t tokens;

	switch (p->kind) {
	case PLANTED_FINISH_REASON: return str_equal_c(r->finish_reason, p->value);
	case PLANTED_ERROR_TYPE: return str_equal_c(r->error_type, p->value);
	case PLANTED_PROMPT_VERSION: return str_equal_c(r->attrs[ATTR_PROMPT_VERSION], p->value);
	case PLANTED_USER: return str_equal_c(r->attrs[ATTR_USER], p->value);
	case PLANTED_TENANT: return str_equal_c(r->attrs[ATTR_TENANT], p->value);
	case PLANTED_TOOL: return str_equal_c(r->attrs[ATTR_TOOL], p->value);
	case PLANTED_SOURCE: return str_equal_c(r->source, p->value);
	case PLANTED_INPUT_TOKENS: return str_to_int64(str_of(p->value), &tokens) && r->input_tokens >= tokens;
	case PLANTED_NOTHING: return false;
	default: return str_equal_c(r->dims[dims[p->kind]], p->value);
	}
}

/* One more request, `i` seconds after the start. */
static inline void planted_add(struct planted *p, struct batch *b, int64_t end_us)
{
	static const char *const types[] = {"rate_limit", "timeout", "server_error"};
	static const struct flag flag = {.category = {"hate", 4}, .severity = 4, .action = FLAG_NOTED};
	struct request *r = batch_add_request(b);

	r->end_us = end_us;
	planted_dims(p, r);
	planted_attrs(p, b, r);
	if (p->badness != PLANTED_FAILING && planted_uniform(p) < p->error_share) {
		r->status = REQUEST_ERROR;
		r->error_type = str_of(types[planted_pick(p, 3)]);
	}
	bool bad = planted_uniform(p) < p->noise || (planted_has_cause(p, r) && planted_uniform(p) < p->strength);

	r->latency_us = (int64_t)(3e6 * planted_uniform(p) * planted_uniform(p)) + 50000 + (bad && p->badness == PLANTED_SLOW ? 5 * US_PER_S : 0);
	r->ttft_us = r->latency_us / 4;
	r->cost_source = COST_REPORTED;
	r->cost_nusd = 1000000 + (int64_t)(4e6 * planted_uniform(p)) + (bad && p->badness == PLANTED_DEAR ? 60000000 : 0);
	if (bad && p->badness == PLANTED_FAILING) {
		r->status = REQUEST_ERROR;
		r->error_type = str_of(types[planted_pick(p, 3)]);
	}
	if (bad && p->badness == PLANTED_FLAGGED) {
		r->flags = &flag;
		r->flag_count = 1;
	}
}

#endif
