/* Services that judge texts: how each is asked and how its answer is read. Pure: the asking itself is
 * asker.h's. Contracts: Azure AI Language 2023-04-01 (analyze-text), Azure AI Content Safety 2024-09-01
 * (text:analyze), OpenAI's chat completions with a JSON schema. */
#ifndef LLMDECK_REMOTE_SERVICE_H
#define LLMDECK_REMOTE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "core/event.h"
#include "core/options.h"

#define SERVICE_BATCH_MAX 10
#define SERVICE_STEPS_MAX 4

struct service_text {
	struct str text, language; /* language "": not known */
};
/* What a service said of one text; steps add to it. Starts as service_verdict_init() leaves it. */
struct service_verdict {
	bool has_mood;
	enum mood mood;
	double score, confidence[3]; /* positive, neutral, negative; NaN */
	struct buf findings; /* "hate=1/4 pii:email=2/-1": category=count/severity */
	struct buf texts;    /* opinions, phrases and entities, for people; holds words of the text */
	char why[200];       /* why the service would not judge this text; "" */
};
void service_verdict_init(struct service_verdict *v);
void service_verdict_fini(struct service_verdict *v);
/* Appends "hate=1/4" to v->findings; the category in lower case, other characters as '_'. */
void service_add_finding(struct service_verdict *v, const char *prefix, struct str category, size_t count, int severity);

/* Options that every service has, in front of its own. */
enum { SERVICE_URL, SERVICE_KEY, SERVICE_TIMEOUT, SERVICE_CALLS_A_DAY, SERVICE_USD_A_DAY, SERVICE_USD_A_CALL, SERVICE_HEADERS, SERVICE_OWN };
#define SERVICE_ROWS \
	{"url", OPTION_TEXT, NULL, 0, 0, NULL, "", "address of the service, without the path of its API"}, \
	{"key", OPTION_TEXT, "", 0, 0, NULL, "", "env:NAME or file:/path"}, \
	{"timeout", OPTION_DURATION, "20s", 1000000, INT64_C(300000000), NULL, "", "of one call"}, \
	{"calls_per_day", OPTION_INT, "1000", 0, 10000000, NULL, "", "most calls in a day (UTC)"}, \
	{"usd_per_day", OPTION_TEXT, "", 0, 0, NULL, "", "most money in a day (UTC), by usd_per_call"}, \
	{"usd_per_call", OPTION_TEXT, "", 0, 0, NULL, "", "what a call costs"}, \
	{"headers.*", OPTION_TEXT, "", 0, 0, NULL, "", "further HTTP headers; env:NAME or file:/path"}

struct service {
	const char *kind;    /* as in the config */
	const char *version; /* of its API; the judge's name is KIND/VERSION */
	const struct option_row *options;
	size_t batch_max;    /* texts of a call */
	const char *key_header; /* "api-key: " */
	/* How many calls a batch takes. */
	size_t (*steps)(const union option_value *v);
	/* Path (behind the url) and body of call number `step`. */
	void (*ask)(const union option_value *v, size_t step, const struct service_text *texts, size_t count, struct buf *path,
	            struct buf *body);
	/* Takes a 200 answer apart. -1 with a sentence when it is not what the contract says. */
	int (*read)(const union option_value *v, size_t step, struct str answer, struct service_verdict *out, size_t count, struct err *err);
};

extern const struct service azure_language_service, azure_safety_service, chat_service;
extern const struct service *const services[]; /* NULL-terminated */
const struct service *service_find(const char *kind); /* NULL when unknown */

#endif
