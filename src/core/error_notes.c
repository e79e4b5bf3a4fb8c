/* Words of a type's name decide on its class, the first that fits; then one table of notes is searched for the provider
 * and class. Sources: the public error references of OpenAI, Azure OpenAI, Anthropic, Google Gemini and
 * Vertex AI, Amazon Bedrock and Mistral, and the documentation of vLLM and LiteLLM. */
#include "core/error_notes.h"

#include <stddef.h>

const char *error_class_name(enum error_class c)
{
	static const char *const names[ERROR_CLASSES] = {
		"rate limit", "quota", "timeout", "content filter", "context length", "auth", "permission", "not found",
		"bad request", "too large", "overloaded", "server", "network", "cancelled", "other",
	};

	return names[c];
}

/* ── class ─────────────────────────────────────────────────────────────────────────────────── */

/* Whether `word` (lower case letters and digits) occurs in the text, case and separators aside. */
static bool has_word(struct str text, const char *word)
{
	for (size_t from = 0; from < text.len; from++) {
		size_t at = from, w = 0;

		while (at < text.len && word[w]) {
			char c = text.ptr[at];

			if (c >= 'A' && c <= 'Z')
				c = (char)(c + 32);
			if (c == '_' || c == '-' || c == ' ' || c == '.') {
				at++;
				continue;
			}
			if (c != word[w])
				break;
			at++;
			w++;
		}
		if (!word[w])
			return true;
	}
	return false;
}

static enum error_class class_of_code(int64_t code)
{
	switch (code) {
	case 400: case 422: return ERROR_BAD_REQUEST;
	case 401: return ERROR_AUTH;
	case 402: return ERROR_QUOTA;
	case 403: return ERROR_PERMISSION;
	case 404: return ERROR_NOT_FOUND;
	case 408: case 504: case 524: return ERROR_TIMEOUT;
	case 413: return ERROR_TOO_LARGE;
	case 429: return ERROR_RATE_LIMIT;
	case 499: return ERROR_CANCELLED;
	case 503: case 529: return ERROR_OVERLOADED;
	default: return code >= 500 && code < 600 ? ERROR_SERVER : code >= 400 && code < 500 ? ERROR_BAD_REQUEST : ERROR_OTHER;
	}
}

enum error_class error_classify(struct str type, int http_status)
{
	static const struct { const char *word; enum error_class class; } words[] = {
		{"insufficientquota", ERROR_QUOTA}, {"billing", ERROR_QUOTA}, {"quotaexceeded", ERROR_QUOTA}, {"budgetexceeded", ERROR_QUOTA},
		{"servicequota", ERROR_QUOTA}, {"ratelimit", ERROR_RATE_LIMIT}, {"toomanyrequests", ERROR_RATE_LIMIT}, {"throttl", ERROR_RATE_LIMIT},
		{"resourceexhausted", ERROR_RATE_LIMIT}, {"overload", ERROR_OVERLOADED}, {"unavailable", ERROR_OVERLOADED}, {"capacity", ERROR_OVERLOADED},
		{"modelnotready", ERROR_OVERLOADED}, {"contentfilter", ERROR_CONTENT_FILTER}, {"contentpolicy", ERROR_CONTENT_FILTER},
		{"guardrail", ERROR_CONTENT_FILTER}, {"safety", ERROR_CONTENT_FILTER}, {"refusal", ERROR_CONTENT_FILTER}, {"contextlength", ERROR_CONTEXT_LENGTH},
		{"contextwindow", ERROR_CONTEXT_LENGTH}, {"maxtokens", ERROR_CONTEXT_LENGTH}, {"stringabovemaxlength", ERROR_CONTEXT_LENGTH},
		{"promptistoolong", ERROR_CONTEXT_LENGTH}, {"cancel", ERROR_CANCELLED}, {"abort", ERROR_CANCELLED}, {"timeout", ERROR_TIMEOUT},
		{"timedout", ERROR_TIMEOUT}, {"deadline", ERROR_TIMEOUT}, {"authentication", ERROR_AUTH}, {"unauthorized", ERROR_AUTH},
		{"unauthenticated", ERROR_AUTH}, {"invalidapikey", ERROR_AUTH}, {"autherror", ERROR_AUTH}, {"permission", ERROR_PERMISSION},
		{"forbidden", ERROR_PERMISSION}, {"accessdenied", ERROR_PERMISSION}, {"notfound", ERROR_NOT_FOUND}, {"toolarge", ERROR_TOO_LARGE},
		{"connection", ERROR_NETWORK}, {"econnre", ERROR_NETWORK}, {"network", ERROR_NETWORK}, {"dns", ERROR_NETWORK}, {"tls", ERROR_NETWORK},
		{"badrequest", ERROR_BAD_REQUEST}, {"invalidrequest", ERROR_BAD_REQUEST}, {"invalidargument", ERROR_BAD_REQUEST},
		{"validation", ERROR_BAD_REQUEST}, {"unprocessable", ERROR_BAD_REQUEST}, {"failedprecondition", ERROR_BAD_REQUEST},
		{"servererror", ERROR_SERVER}, {"internal", ERROR_SERVER}, {"apierror", ERROR_SERVER}, {"badgateway", ERROR_SERVER},
		{"modelerror", ERROR_SERVER}, {"upstream", ERROR_SERVER},
	};
	int64_t code;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (has_word(type, words[i].word))
			return words[i].class;
	if (str_equal_nocase(type, STR_LIT("auth")))
		return ERROR_AUTH;
	if (str_to_int64(type, &code) && code >= 400 && code < 600)
		return class_of_code(code);
	return http_status ? class_of_code(http_status) : ERROR_OTHER;
}

/* ── notes ─────────────────────────────────────────────────────────────────────────────────── */

enum house { HOUSE_ANY, HOUSE_OPENAI, HOUSE_AZURE, HOUSE_ANTHROPIC, HOUSE_GOOGLE, HOUSE_BEDROCK, HOUSE_MISTRAL, HOUSE_VLLM, HOUSE_LITELLM };

static enum house house_of(struct str provider)
{
	static const struct { const char *word; enum house house; } words[] = {
		{"azure", HOUSE_AZURE}, {"openai", HOUSE_OPENAI}, {"anthropic", HOUSE_ANTHROPIC}, {"bedrock", HOUSE_BEDROCK}, {"aws", HOUSE_BEDROCK},
		{"gemini", HOUSE_GOOGLE}, {"vertex", HOUSE_GOOGLE}, {"google", HOUSE_GOOGLE}, {"gcp", HOUSE_GOOGLE}, {"mistral", HOUSE_MISTRAL},
		{"vllm", HOUSE_VLLM}, {"litellm", HOUSE_LITELLM},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (has_word(provider, words[i].word))
			return words[i].house;
	return HOUSE_ANY;
}

static const struct {
	enum house house;
	enum error_class class;
	const char *note;
} notes[] = {
	{HOUSE_OPENAI, ERROR_RATE_LIMIT, "OpenAI 429: requests or tokens per minute are used up; wait as long as x-ratelimit-reset-* says, back off exponentially with jitter; failed tries count against the limit too."},
	{HOUSE_OPENAI, ERROR_QUOTA, "OpenAI insufficient_quota: credits or the monthly limit are spent; waiting does not help, billing does."},
	{HOUSE_OPENAI, ERROR_AUTH, "OpenAI 401: the key is wrong, revoked, or of another organisation or project."},
	{HOUSE_OPENAI, ERROR_PERMISSION, "OpenAI 403: the country or the project is not allowed to use this."},
	{HOUSE_OPENAI, ERROR_OVERLOADED, "OpenAI 503: overloaded, or your rate rose too fast; go back to the old rate, hold it for 15 minutes, then raise it slowly."},
	{HOUSE_OPENAI, ERROR_SERVER, "OpenAI 500: a fault on their side; try again after a moment and look at the status page."},
	{HOUSE_OPENAI, ERROR_CONTEXT_LENGTH, "OpenAI context_length_exceeded: prompt and asked-for output together do not fit the model's window; send less or lower the output limit."},
	{HOUSE_OPENAI, ERROR_NOT_FOUND, "OpenAI 404: no such model, or this key has no access to it."},
	{HOUSE_AZURE, ERROR_RATE_LIMIT, "Azure 429: the deployment's tokens or requests per minute are used up; obey retry-after-ms, raise its quota, or spread over deployments; it is counted by the asked-for maximum of tokens."},
	{HOUSE_AZURE, ERROR_CONTENT_FILTER, "Azure content_filter: prompt or answer was cut by the deployment's filter; innererror names category and severity; trying again unchanged fails again."},
	{HOUSE_AZURE, ERROR_NOT_FOUND, "Azure 404 DeploymentNotFound: the deployment's name is wrong, or it is younger than some five minutes."},
	{HOUSE_AZURE, ERROR_AUTH, "Azure 401: wrong key or endpoint of another resource, or the token's audience is not cognitiveservices."},
	{HOUSE_AZURE, ERROR_TIMEOUT, "Azure 408: the service gave up after its time; long outputs on a busy deployment do that; stream, or ask for less."},
	{HOUSE_ANTHROPIC, ERROR_RATE_LIMIT, "Anthropic 429 rate_limit_error: requests, input or output tokens per minute; retry-after says how long; sharp rises are limited too."},
	{HOUSE_ANTHROPIC, ERROR_OVERLOADED, "Anthropic 529 overloaded_error: the service as a whole is busy, not your limit; back off, or go to another model or region."},
	{HOUSE_ANTHROPIC, ERROR_BAD_REQUEST, "Anthropic 400 invalid_request_error: format or content of the request; its message names the field."},
	{HOUSE_ANTHROPIC, ERROR_TOO_LARGE, "Anthropic 413 request_too_large: more bytes than the endpoint takes (32 MB for messages)."},
	{HOUSE_ANTHROPIC, ERROR_TIMEOUT, "Anthropic 504 timeout_error: the answer took too long; stream long answers."},
	{HOUSE_ANTHROPIC, ERROR_SERVER, "Anthropic 500 api_error: a fault on their side; try again; a stream may also end with it after a 200."},
	{HOUSE_GOOGLE, ERROR_RATE_LIMIT, "Google 429 RESOURCE_EXHAUSTED: the project's rate limit, or shared capacity that is busy just now; back off, or reserve throughput."},
	{HOUSE_GOOGLE, ERROR_OVERLOADED, "Google 503 UNAVAILABLE: overloaded or down for a moment; try again later, or another model or region."},
	{HOUSE_GOOGLE, ERROR_TIMEOUT, "Google 504 DEADLINE_EXCEEDED: prompt too long for the deadline; raise the client's timeout or send less."},
	{HOUSE_GOOGLE, ERROR_BAD_REQUEST, "Google 400: malformed, or FAILED_PRECONDITION where billing or the region is missing."},
	{HOUSE_GOOGLE, ERROR_SERVER, "Google 500 INTERNAL: often a context that is too long; shorten it, or try another model."},
	{HOUSE_BEDROCK, ERROR_RATE_LIMIT, "Bedrock ThrottlingException: the account's quota for this model and region; back off, use cross-region inference, or ask for more."},
	{HOUSE_BEDROCK, ERROR_OVERLOADED, "Bedrock ServiceUnavailable or ModelNotReady: no capacity, or the model is being loaded; the SDK tries again, add backoff."},
	{HOUSE_BEDROCK, ERROR_TIMEOUT, "Bedrock ModelTimeoutException: the model took longer than allowed; shorten the prompt or the output."},
	{HOUSE_BEDROCK, ERROR_PERMISSION, "Bedrock AccessDenied: the role lacks the permission, or access to the model was not granted in this region."},
	{HOUSE_BEDROCK, ERROR_BAD_REQUEST, "Bedrock ValidationException: the body does not fit what this model takes."},
	{HOUSE_MISTRAL, ERROR_RATE_LIMIT, "Mistral 429: requests a second or tokens a minute of the workspace; back off, or raise the tier."},
	{HOUSE_MISTRAL, ERROR_BAD_REQUEST, "Mistral 422: a field of the body is missing or out of range; the answer's detail names it."},
	{HOUSE_VLLM, ERROR_CONTEXT_LENGTH, "vLLM: prompt and max_tokens are above --max-model-len."},
	{HOUSE_VLLM, ERROR_OVERLOADED, "vLLM 503: the engine is dead or still loading; look at its log and /health."},
	{HOUSE_VLLM, ERROR_NOT_FOUND, "vLLM 404: the model's name differs from --served-model-name."},
	{HOUSE_LITELLM, ERROR_RATE_LIMIT, "LiteLLM 429: a key's, team's or deployment's rpm or tpm, or the provider behind it; the deployment cools down meanwhile."},
	{HOUSE_LITELLM, ERROR_QUOTA, "LiteLLM: the key's, user's or team's budget is spent; it opens again at its reset or with a larger budget."},
	{HOUSE_ANY, ERROR_RATE_LIMIT, "Too many requests or tokens in the provider's window: wait as long as Retry-After says, back off with jitter, spread the load."},
	{HOUSE_ANY, ERROR_QUOTA, "What was paid for or allowed is used up: trying again does not help, a larger quota or budget does."},
	{HOUSE_ANY, ERROR_TIMEOUT, "No answer in time: client, gateway or model gave up; compare with latency, and stream long answers."},
	{HOUSE_ANY, ERROR_CONTENT_FILTER, "A safety filter refused the prompt or cut the answer: the same text fails again."},
	{HOUSE_ANY, ERROR_CONTEXT_LENGTH, "More tokens than the model's window: shorten the history, retrieve less, or choose a larger window."},
	{HOUSE_ANY, ERROR_AUTH, "The key or token was not accepted: wrong, expired, revoked, or of another account."},
	{HOUSE_ANY, ERROR_PERMISSION, "The caller is known but may not do this: model access, region or role."},
	{HOUSE_ANY, ERROR_NOT_FOUND, "No such model, deployment or path: check the name after a release."},
	{HOUSE_ANY, ERROR_BAD_REQUEST, "The provider does not take this request: usually a change of the application or of its prompt template."},
	{HOUSE_ANY, ERROR_TOO_LARGE, "The body is larger than the endpoint takes: images, files or history."},
	{HOUSE_ANY, ERROR_OVERLOADED, "The provider has no capacity just now: back off, or send to another deployment, model or region."},
	{HOUSE_ANY, ERROR_SERVER, "A fault on the provider's side: try again a little later, and look at its status page."},
	{HOUSE_ANY, ERROR_NETWORK, "The connection failed before an answer came: DNS, TLS, proxy or a reset."},
	{HOUSE_ANY, ERROR_CANCELLED, "The caller hung up before the answer was whole: impatience, or a timeout on its side."},
	{HOUSE_ANY, ERROR_OTHER, "Not a type that is known here: see the provider's own reference."},
};

const char *error_note(struct str provider, struct str type, int http_status)
{
	enum error_class class = error_classify(type, http_status);
	enum house house = house_of(provider);
	const char *general = "";

	for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
		if (notes[i].class != class)
			continue;
		if (notes[i].house == house && house != HOUSE_ANY)
			return notes[i].note;
		if (notes[i].house == HOUSE_ANY)
			general = notes[i].note;
	}
	return general;
}
