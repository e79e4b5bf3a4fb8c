/* One pass over the object. A rate's key is its meaning and its circumstances glued together, as in
 * "cache_read_input_token_cost_above_200k_tokens_priority": the longest known beginning says which
 * rate, what follows is taken apart into a threshold, a tier and the one-hour mark, in any order.
 * Keys that are none of this (capabilities, images, seconds) are passed over; that a model has rates for
 * tokens of audio or images is remembered. Rates are read from the
 * number's own characters, so that no binary fraction comes between. */
#include "parse/prices.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "core/money.h"
#include "parse/json.h"

#define SOURCE_MAX_BYTES 480 /* of an address or another text of an entry */

struct reader {
	struct json_reader json;
	struct arena arena;
	struct price_table *table;
	void (*warn)(const char *text, void *arg);
	void *arg;
	const char *trouble; /* of the entry at hand; NULL: it is fine */
	bool priced;         /* it has a rate per token */
};

enum rate { RATE_INPUT, RATE_OUTPUT, RATE_CACHED, RATE_WRITE, RATE_WRITE_1H, RATE_REASONING };

/* Where a key's figure goes. */
struct target {
	enum rate rate;
	enum price_tier tier;
	int64_t above_tokens;
};

static void clear_rates(struct price_rates *rates)
{
	for (int i = 0; i < PRICE_TIER_COUNT; i++)
		rates[i] = (struct price_rates){-1, -1, -1, -1, -1, -1};
}

static bool take(struct str *rest, const char *prefix)
{
	struct str p = str_of(prefix);

	if (!str_starts_with(*rest, p))
		return false;
	*rest = (struct str){rest->ptr + p.len, rest->len - p.len};
	return true;
}

/* "_above_200k_tokens" or "_above_1m_tokens". */
static bool take_threshold(struct str *rest, int64_t *above)
{
	struct str s = *rest;
	int64_t n = 0;

	if (!take(&s, "_above_"))
		return false;
	size_t digits = 0;
	while (digits < s.len && digits < 6 && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
		n = n * 10 + (s.ptr[digits++] - '0');
	if (digits == 0 || n == 0)
		return false;
	s = (struct str){s.ptr + digits, s.len - digits};
	if (take(&s, "k_tokens"))
		*above = n * 1000;
	else if (take(&s, "m_tokens"))
		*above = n * 1000000;
	else
		return false;
	*rest = s;
	return true;
}

static bool read_key(struct str key, struct target *out)
{
	static const struct {
		const char *prefix;
		enum rate rate;
	} rates[] = {
		{"input_cost_per_token_cache_hit", RATE_CACHED}, {"input_cost_per_token", RATE_INPUT},
		{"output_cost_per_reasoning_token", RATE_REASONING}, {"output_cost_per_token", RATE_OUTPUT},
		{"cache_read_input_token_cost", RATE_CACHED}, {"cache_creation_input_token_cost", RATE_WRITE},
	};
	size_t i = 0;

	while (i < sizeof(rates) / sizeof(rates[0]) && !take(&key, rates[i].prefix))
		i++;
	if (i == sizeof(rates) / sizeof(rates[0]))
		return false;
	*out = (struct target){.rate = rates[i].rate, .tier = PRICE_STANDARD};
	while (key.len) {
		if (out->rate == RATE_WRITE && take(&key, "_above_1hr"))
			out->rate = RATE_WRITE_1H;
		else if (out->above_tokens == 0 && take_threshold(&key, &out->above_tokens))
			continue;
		else if (take(&key, "_flex"))
			out->tier = PRICE_FLEX;
		else if (take(&key, "_priority"))
			out->tier = PRICE_PRIORITY;
		else if (take(&key, "_batches"))
			out->tier = PRICE_BATCH;
		else
			return false; /* another circumstance than those we know how to bill */
	}
	return true;
}

/* The rates of a threshold, kept ascending; NULL when there are too many. */
static struct price_rates *threshold_rates(struct price_model *m, int64_t above)
{
	uint32_t at = 0;

	while (at < m->threshold_count && m->thresholds[at].above_tokens < above)
		at++;
	if (at < m->threshold_count && m->thresholds[at].above_tokens == above)
		return m->thresholds[at].rates;
	if (m->threshold_count == PRICE_THRESHOLDS_MAX)
		return NULL;
	memmove(&m->thresholds[at + 1], &m->thresholds[at], (m->threshold_count - at) * sizeof(m->thresholds[0]));
	m->threshold_count++;
	m->thresholds[at].above_tokens = above;
	clear_rates(m->thresholds[at].rates);
	return m->thresholds[at].rates;
}

static int64_t *rate_slot(struct price_model *m, const struct target *to)
{
	struct price_rates *rates = to->above_tokens ? threshold_rates(m, to->above_tokens) : m->rates;

	if (!rates)
		return NULL;
	rates += to->tier;
	switch (to->rate) {
	case RATE_INPUT:
		return &rates->input;
	case RATE_OUTPUT:
		return &rates->output;
	case RATE_CACHED:
		return &rates->cached;
	case RATE_WRITE:
		return &rates->cache_write;
	case RATE_WRITE_1H:
		return &rates->cache_write_1h;
	case RATE_REASONING:
		return &rates->reasoning;
	}
	return NULL;
}

static bool read_rate(struct reader *r, enum json_token value, struct price_model *m, const struct target *to)
{
	struct str text = value == JSON_STRING ? str_trim(json_text(&r->json, &r->arena)) : r->json.text;
	int64_t pusd;

	if (value == JSON_NULL)
		return true;
	if ((value != JSON_NUMBER && value != JSON_STRING) || !money_parse_pusd(text, &pusd)) {
		r->trouble = "a rate is not a number";
		return value != JSON_OBJECT && value != JSON_ARRAY ? true : json_skip(&r->json, value);
	}
	if (pusd < 0 || pusd > PRICE_RATE_MAX) {
		r->trouble = "a rate is negative or above 1 USD a token";
		return true;
	}
	int64_t *slot = rate_slot(m, to);
	if (!slot) {
		r->trouble = "more thresholds than this program keeps";
		return true;
	}
	/* DeepSeek's older spelling of the cached rate stands beside the usual one: first come. */
	if (*slot < 0)
		*slot = pusd;
	r->priced = true;
	return true;
}

static bool read_text(struct reader *r, enum json_token value, struct str *out)
{
	if (value != JSON_STRING)
		return json_skip(&r->json, value);
	*out = json_text(&r->json, &r->arena);
	if (out->len > SOURCE_MAX_BYTES)
		out->len = SOURCE_MAX_BYTES;
	return true;
}

/* "output_cost_per_audio_token", "cache_read_input_image_token_cost" and their like: no source says how
 * many tokens were of that kind, so the rate cannot be used, but a receipt has to say that it is there. */
static bool is_other_token_rate(struct str key)
{
	return memmem(key.ptr, key.len, "audio_token", strlen("audio_token")) || memmem(key.ptr, key.len, "image_token", strlen("image_token"));
}

/* The members of one model's object; false when the JSON itself is broken. */
static bool read_model(struct reader *r, struct price_model *m)
{
	for (enum json_token t = json_next(&r->json); t != JSON_OBJECT_END; t = json_next(&r->json)) {
		if (t != JSON_KEY)
			return false;
		struct str key = json_text(&r->json, &r->arena);
		struct target to;
		enum json_token value = json_next(&r->json);
		bool fine;
		if (read_key(key, &to))
			fine = read_rate(r, value, m, &to);
		else if (str_equal_c(key, "litellm_provider"))
			fine = read_text(r, value, &m->provider);
		else if (str_equal_c(key, "mode"))
			fine = read_text(r, value, &m->mode);
		else if (str_equal_c(key, "source"))
			fine = read_text(r, value, &m->source);
		else if (str_equal_c(key, "source_date"))
			fine = read_text(r, value, &m->source_date);
		else {
			m->other_tokens = m->other_tokens || is_other_token_rate(key);
			fine = json_skip(&r->json, value);
		}
		if (!fine || value == JSON_ERROR)
			return false;
	}
	return true;
}

static void complain(struct reader *r, struct str name, const char *what)
{
	struct buf line = {0};

	if (!r->warn)
		return;
	text_append_harmless(&line, name, PRICE_NAME_MAX_BYTES);
	buf_printf(&line, ": skipped: %s", what);
	r->warn(line.data, r->arg);
	buf_fini(&line);
}

static bool read_entry(struct reader *r, struct str name, enum json_token value)
{
	struct price_model m = {.name = name};
	struct err err;

	if (value != JSON_OBJECT) {
		complain(r, name, "it is not an object of rates");
		return json_skip(&r->json, value);
	}
	clear_rates(m.rates);
	r->trouble = NULL;
	r->priced = false;
	if (!read_model(r, &m))
		return false;
	if (r->trouble)
		complain(r, name, r->trouble);
	else if (r->priced && price_table_add(r->table, &m, &err) < 0)
		complain(r, name, err.text);
	return true;
}

/* {"name": …, "date": …}; found by a first pass, because it may stand anywhere. */
static bool read_title(struct reader *r, struct str *name, struct str *date)
{
	for (enum json_token t = json_next(&r->json); t != JSON_OBJECT_END; t = json_next(&r->json)) {
		if (t != JSON_KEY)
			return false;
		struct str key = json_text(&r->json, &r->arena);
		enum json_token value = json_next(&r->json);
		bool fine = str_equal_c(key, "name")   ? read_text(r, value, name)
		            : str_equal_c(key, "date") ? read_text(r, value, date)
		                                       : json_skip(&r->json, value);
		if (!fine)
			return false;
	}
	return true;
}

/* Walks the outer object: titles only, or entries only. */
static bool walk(struct reader *r, struct str bytes, struct str *name, struct str *date)
{
	json_init(&r->json, bytes);
	if (json_next(&r->json) != JSON_OBJECT)
		return false;
	for (enum json_token t = json_next(&r->json); t != JSON_OBJECT_END; t = json_next(&r->json)) {
		if (t != JSON_KEY)
			return false;
		struct str key = json_text(&r->json, &r->arena);
		bool title = str_equal_c(key, "_table");
		bool entry = key.len > 0 && key.ptr[0] != '_' && !str_equal_c(key, "sample_spec");
		enum json_token value = json_next(&r->json);
		bool fine = name && title && value == JSON_OBJECT ? read_title(r, name, date)
		            : !name && entry                      ? read_entry(r, key, value)
		                                                  : json_skip(&r->json, value);
		if (!fine)
			return false;
	}
	return json_next(&r->json) == JSON_END;
}

static int refuse(const struct reader *r, struct str bytes, const char *origin, struct err *err)
{
	size_t line = 1;

	for (const char *p = bytes.ptr; p && r->json.token && p < r->json.token; p++)
		line += *p == '\n';
	return err_set(err, "%s: line %zu: %s: a price table is one JSON object keyed by model, as LiteLLM publishes it",
	               origin, line, r->json.error ? r->json.error : "not an object");
}

int prices_parse(struct price_table **out, struct str json, const char *origin,
                 void (*warn)(const char *text, void *arg), void *arg, struct err *err)
{
	struct reader r = {.warn = warn, .arg = arg};
	struct str name = str_of(origin), date = {0};
	int result = -1;

	*out = NULL;
	if (!walk(&r, json, &name, &date)) {
		refuse(&r, json, origin, err);
		goto out;
	}
	r.table = price_table_new(name, date);
	walk(&r, json, NULL, NULL); /* has been through it once: cannot fail */
	price_table_seal(r.table);
	if (price_count(r.table) == 0) {
		err_set(err, "%s: holds no model with a rate per token: give a table in LiteLLM's format", origin);
		goto out;
	}
	*out = r.table;
	r.table = NULL;
	result = 0;
out:
	price_table_free(&r.table);
	arena_fini(&r.arena);
	return result;
}

int prices_load_file(struct price_table **out, const char *path,
                     void (*warn)(const char *text, void *arg), void *arg, struct err *err)
{
	struct buf text = {0};
	const char *slash = strrchr(path, '/');
	char *origin = mem_strdup(slash ? slash + 1 : path);
	size_t len = strlen(origin);
	int result = -1;

	*out = NULL;
	if (len > 5 && strcmp(origin + len - 5, ".json") == 0)
		origin[len - 5] = '\0';
	if (file_read(path, PRICES_FILE_MAX_BYTES, &text, err) == 0)
		result = prices_parse(out, buf_str(&text), origin, warn, arg, err);
	free(origin);
	buf_fini(&text);
	return result;
}

char *prices_imported_path(const char *store_path)
{
	if (store_path) {
		struct str stem = str_of(store_path);

		if (str_ends_with(stem, str_of(".db")))
			stem.len -= strlen(".db");
		return mem_printf("%.*s-prices.json", STR_ARG(stem));
	}
	char *dir = path_state_dir();
	char *path = mem_printf("%s/prices.json", dir);

	free(dir);
	return path;
}

/* The first that is there; NULL with a sentence when even the shipped one is not. */
static char *find_table(const char *configured, const char *store_path, struct err *err)
{
	if (configured[0])
		return mem_strdup(configured);
	char *path = prices_imported_path(store_path);
	if (store_path && !file_exists(path)) {
		free(path);
		path = prices_imported_path(NULL);
	}
	if (file_exists(path))
		return path;
	free(path);
	return path_data_file("prices.json", err);
}

int price_table_load(struct price_table **out, const struct config *config, const char *store_path, char **path_out,
                     struct err *err)
{
	char *path = find_table(config ? config->options[OPTION_PRICES].text : "", store_path, err);
	int result = -1;

	*out = NULL;
	if (path)
		result = prices_load_file(out, path, NULL, NULL, err);
	if (path_out)
		*path_out = result == 0 ? path : NULL;
	if (!path_out || result < 0)
		free(path);
	return result;
}
