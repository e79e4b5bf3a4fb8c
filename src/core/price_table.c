/* Models lie in one sorted array; beside it an array of rules, (threshold_count + 1) x tiers for
 * each model, computed once so that pricing a request is a look-up and a few products.
 *
 * Finding: every model is indexed under up to three keys, its whole name, the name without provider
 * prefix, and that without date suffix, in one open-addressing table of hashes. A query walks the
 * same forms, most exact first, and takes the best-ranked entry of the first form that hits. In
 * front stands a small cache per thread, keyed by the table's serial number, so that ingest asks
 * with two comparisons and no lock. */
#include "core/price_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"

enum key_form { KEY_WHOLE, KEY_BARE, KEY_DATELESS, KEY_FORMS };

struct entry {
	struct price_model model;
	struct str keys[KEY_FORMS]; /* lower case; KEY_DATELESS is empty when it equals KEY_BARE */
	const char *provider;       /* canonical */
	size_t rules;               /* index of the first */
};
struct slot {
	uint64_t hash;
	uint32_t entry_plus_1; /* 0 = free */
	uint32_t form;
};
struct price_table {
	struct arena arena;
	char *title, *date;
	uint64_t serial;
	struct entry *entries;
	size_t count, cap;
	struct strmap names; /* while building: whole names, to refuse doubles */
	struct price_rule *rules;
	size_t rule_count;
	struct slot *slots;
	size_t slot_mask;
};

static const char *const tier_names[PRICE_TIER_COUNT] = {"standard", "flex", "priority", "batch"};

const char *price_tier_name(enum price_tier tier)
{
	return tier_names[tier];
}

/* Spellings of one seller: OpenTelemetry's, LiteLLM's and the SDKs'. The first of a row is ours. */
static const char *const providers[][8] = {
	{"openai", "openai.chat", "openai.responses", "text-completion-openai"},
	{"azure", "azure.ai.openai", "az.ai.openai", "azure_openai", "azure-openai", "azure openai", "azure_text"},
	{"azure_ai", "azure.ai.inference", "az.ai.inference"},
	{"bedrock", "bedrock_converse", "aws.bedrock", "aws_bedrock", "amazon-bedrock"},
	{"vertex_ai", "gcp.vertex_ai", "vertex", "vertexai", "google.vertex"},
	{"gemini", "gcp.gemini", "gcp.gen_ai", "google", "google_genai", "google.generative-ai"},
	{"mistral", "mistral_ai", "mistralai", "mistral.chat"},
	{"cohere", "cohere_chat"},
	{"xai", "x_ai", "xai.chat"},
	{"meta_llama", "meta", "meta-llama"},
	{"together_ai", "together", "togetherai"},
	{"anthropic", "anthropic.messages"},
	{"deepseek"},
};
/* Makers: they decide what a bare name costs when several sell it. */
static const char *const makers[] = {"openai", "anthropic", "gemini", "vertex_ai", "mistral", "cohere",
                                     "deepseek", "xai", "meta_llama"};

static const char *provider_known(struct str name)
{
	struct str vertex = STR_LIT("vertex_ai-");

	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		for (size_t j = 0; j < 8 && providers[i][j]; j++)
			if (str_equal_nocase(name, str_of(providers[i][j])))
				return providers[i][0];
	return str_starts_with(name, vertex) ? "vertex_ai" : NULL;
}

static bool is_maker(const char *provider)
{
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		if (strcmp(provider, makers[i]) == 0)
			return true;
	return false;
}

static char *fold(struct arena *a, struct str s)
{
	char *copy = arena_copy(a, s.ptr, s.len);

	for (size_t i = 0; i < s.len; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] - 'A' + 'a');
	return copy;
}

static struct str without_prefix(struct str name)
{
	for (size_t i = name.len; i > 0; i--)
		if (name.ptr[i - 1] == '/')
			return (struct str){name.ptr + i, name.len - i};
	return name;
}

/* Does `s` end in the pattern, where 9 stands for a digit? */
static bool ends_like(struct str s, const char *pattern)
{
	size_t len = strlen(pattern);

	if (s.len <= len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s.ptr[s.len - len + i];
		if (pattern[i] == '9' ? (c < '0' || c > '9') : c != pattern[i])
			return false;
	}
	return true;
}

static struct str without_date(struct str name)
{
	static const char *const suffixes[] = {"-9999-99-99", "-99999999", "@99999999", "@999", "-999",
	                                       ":latest", "-latest", "@latest", "@default"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (ends_like(name, suffixes[i]))
			return (struct str){name.ptr, name.len - strlen(suffixes[i])};
	return name;
}

static char *clean(struct arena *a, struct str s)
{
	if (s.len > PRICE_NAME_MAX_BYTES)
		s.len = PRICE_NAME_MAX_BYTES;
	char *copy = arena_copy(a, s.ptr, s.len);
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f)
			copy[i] = ' ';
	return copy;
}

struct price_table *price_table_new(struct str name, struct str date)
{
	static atomic_uint_least64_t serials;
	struct price_table *t = mem_zalloc(sizeof(*t));
	struct buf title = {0};

	t->serial = atomic_fetch_add(&serials, 1) + 1;
	t->date = clean(&t->arena, date);
	buf_puts(&title, clean(&t->arena, name));
	if (date.len)
		buf_printf(&title, " %s", t->date);
	t->title = arena_copy(&t->arena, title.data ? title.data : "", title.len);
	buf_fini(&title);
	return t;
}

void price_table_free(struct price_table **t)
{
	if (!*t)
		return;
	arena_fini(&(*t)->arena);
	strmap_fini(&(*t)->names);
	free((*t)->entries);
	free((*t)->rules);
	free((*t)->slots);
	free(*t);
	*t = NULL;
}

static struct str keep(struct arena *a, struct str s)
{
	return (struct str){arena_copy(a, s.ptr, s.len), s.len};
}

static bool name_usable(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == 0x7f)
			return false;
	return name.len > 0 && name.len <= PRICE_NAME_MAX_BYTES;
}

static const char *entry_provider(struct price_table *t, const struct price_model *m)
{
	const char *known = provider_known(m->provider);
	struct str first = m->name;

	if (known)
		return known;
	struct str rest = first;
	first = str_cut(&rest, '/');
	if (rest.ptr && (known = provider_known(first)) != NULL)
		return known;
	return fold(&t->arena, m->provider);
}

int price_table_add(struct price_table *t, const struct price_model *m, struct err *err)
{
	uint32_t seen;

	if (!name_usable(m->name))
		return err_set(err, "a model's name must have 1 to %d bytes, without white space", PRICE_NAME_MAX_BYTES);
	struct str whole = {fold(&t->arena, m->name), m->name.len};
	if (strmap_get(&t->names, whole, &seen))
		return err_set(err, "%s: is in the table twice", whole.ptr);
	if (t->count >= PRICE_MODELS_MAX)
		return err_set(err, "%s: more than %d models", whole.ptr, PRICE_MODELS_MAX);
	strmap_put(&t->names, whole, 1);
	t->entries = mem_grow(t->entries, &t->cap, t->count + 1, sizeof(*t->entries));
	struct entry *e = &t->entries[t->count++];
	*e = (struct entry){.model = *m};
	e->model.name = keep(&t->arena, m->name);
	e->model.provider = keep(&t->arena, m->provider);
	e->model.mode = keep(&t->arena, m->mode);
	e->model.source = keep(&t->arena, m->source);
	e->model.source_date = keep(&t->arena, m->source_date);
	e->provider = entry_provider(t, m);
	e->keys[KEY_WHOLE] = whole;
	e->keys[KEY_BARE] = without_prefix(whole);
	e->keys[KEY_DATELESS] = without_date(e->keys[KEY_BARE]);
	if (e->keys[KEY_DATELESS].len == e->keys[KEY_BARE].len)
		e->keys[KEY_DATELESS].len = 0;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	/* arena copies end in NUL, and usable names hold none */
	return strcmp(x->keys[KEY_WHOLE].ptr, y->keys[KEY_WHOLE].ptr);
}

static int64_t first_known(const int64_t candidates[4])
{
	for (int i = 0; i < 4; i++)
		if (candidates[i] >= 0)
			return candidates[i];
	return PRICE_RATE_UNKNOWN;
}

static bool any_rate(const struct price_rates *r)
{
	return r->input >= 0 || r->output >= 0 || r->cached >= 0 || r->cache_write >= 0 ||
	       r->cache_write_1h >= 0 || r->reasoning >= 0;
}

static struct price_rates resolve(const struct price_rates *const from[4])
{
#define NEAREST(field) first_known((int64_t[]){from[0]->field, from[1]->field, from[2]->field, from[3]->field})
	struct price_rates r = {
		.input = NEAREST(input), .output = NEAREST(output), .cached = NEAREST(cached),
		.cache_write = NEAREST(cache_write), .cache_write_1h = NEAREST(cache_write_1h),
		.reasoning = NEAREST(reasoning),
	};
#undef NEAREST
	if (r.reasoning < 0)
		r.reasoning = r.output;
	if (r.cache_write < 0)
		r.cache_write = r.cache_write_1h >= 0 ? r.cache_write_1h : r.input;
	if (r.cache_write_1h < 0)
		r.cache_write_1h = r.cache_write;
	if (r.cached < 0)
		r.cached = r.input;
	return r;
}

/* The line kept with each request: everything its receipt needs, short because a store may hold
 * one for every model and threshold. The table's title may hold spaces and therefore ends it. */
static struct str write_basis(struct price_table *t, const struct entry *e, const struct price_rule *rule)
{
	const struct price_rates *r = &rule->rates;
	struct buf b = {0};

	buf_printf(&b, "p1 in=%lld out=%lld", (long long)r->input, (long long)r->output);
	if (r->cached != r->input)
		buf_printf(&b, " cached=%lld", (long long)r->cached);
	if (r->cache_write != r->input)
		buf_printf(&b, " write=%lld", (long long)r->cache_write);
	if (r->reasoning != r->output)
		buf_printf(&b, " reasoning=%lld", (long long)r->reasoning);
	if (rule->tier != PRICE_STANDARD)
		buf_printf(&b, " tier=%s", tier_names[rule->tier]);
	if (rule->above_tokens)
		buf_printf(&b, " above=%lld", (long long)rule->above_tokens);
	if (e->model.other_tokens)
		buf_puts(&b, " as=text");
	buf_printf(&b, " model=%s table=%s", e->model.name.ptr, t->title);
	struct str line = keep(&t->arena, buf_str(&b));
	buf_fini(&b);
	return line;
}

static void fill_rule(struct price_table *t, const struct entry *e, size_t level, enum price_tier tier)
{
	static const struct price_rates nothing = {-1, -1, -1, -1, -1, -1};
	const struct price_model *m = &e->model;
	const struct price_threshold *above = level ? &m->thresholds[level - 1] : NULL;
	struct price_rule *rule = &t->rules[e->rules + level * PRICE_TIER_COUNT + tier];
	const struct price_rates *const from[4] = {
		above ? &above->rates[tier] : &nothing, above ? &above->rates[PRICE_STANDARD] : &nothing,
		&m->rates[tier], &m->rates[PRICE_STANDARD],
	};

	if (tier != PRICE_STANDARD && !any_rate(from[0]) && !any_rate(&m->rates[tier])) {
		*rule = *(rule - tier); /* the standard rule of this level, which is filled first */
		return;
	}
	rule->tier = tier;
	rule->above_tokens = above ? above->above_tokens : 0;
	rule->rates = resolve(from);
	rule->basis = write_basis(t, e, rule);
}

static void index_put(struct price_table *t, size_t entry, enum key_form form)
{
	struct str key = t->entries[entry].keys[form];

	if (key.len == 0 || (form == KEY_BARE && key.len == t->entries[entry].keys[KEY_WHOLE].len))
		return;
	uint64_t hash = hash_bytes(key.ptr, key.len);
	size_t at = hash & t->slot_mask;
	while (t->slots[at].entry_plus_1)
		at = (at + 1) & t->slot_mask;
	t->slots[at] = (struct slot){hash, (uint32_t)entry + 1, form};
}

void price_table_seal(struct price_table *t)
{
	size_t slots = 16;

	if (t->count)
		qsort(t->entries, t->count, sizeof(*t->entries), by_name);
	for (size_t i = 0; i < t->count; i++) {
		t->entries[i].rules = t->rule_count;
		t->rule_count += ((size_t)t->entries[i].model.threshold_count + 1) * PRICE_TIER_COUNT;
	}
	t->rules = mem_zalloc((t->rule_count + 1) * sizeof(*t->rules));
	while (slots < (t->count + 1) * KEY_FORMS * 2)
		slots *= 2;
	t->slots = mem_zalloc(slots * sizeof(*t->slots));
	t->slot_mask = slots - 1;
	for (size_t i = 0; i < t->count; i++) {
		for (size_t level = 0; level <= t->entries[i].model.threshold_count; level++)
			for (int tier = 0; tier < PRICE_TIER_COUNT; tier++)
				fill_rule(t, &t->entries[i], level, (enum price_tier)tier);
		for (int form = 0; form < KEY_FORMS; form++)
			index_put(t, i, (enum key_form)form);
	}
	strmap_fini(&t->names);
}

/* What a walk over one form of the name has found. */
struct best {
	const struct entry *entry;
	int rank;
	bool differs; /* another entry of this rank has other rates */
};

static bool same_rates(const struct entry *a, const struct entry *b)
{
	return memcmp(a->model.rates, b->model.rates, sizeof(a->model.rates)) == 0 &&
	       a->model.threshold_count == b->model.threshold_count;
}

static void consider(struct best *best, const struct entry *e, const char *provider, enum key_form form)
{
	int rank = 0;

	if (provider && strcmp(e->provider, provider) == 0)
		rank = 3;
	else if (form == KEY_WHOLE || e->keys[KEY_BARE].len == e->keys[KEY_WHOLE].len)
		rank = 2;
	else if (is_maker(e->provider))
		rank = 1;
	if (best->entry && rank < best->rank)
		return;
	/* The same model under several dates: the newest name stands for it, whatever it costs. */
	bool dated = form == KEY_DATELESS;
	best->differs = best->entry && rank == best->rank && !dated &&
	                (best->differs || !same_rates(best->entry, e));
	if (!best->entry || rank > best->rank || dated)
		best->entry = e;
	best->rank = rank;
}

static const struct entry *look_up(const struct price_table *t, struct str key, bool dateless,
                                   const char *provider)
{
	struct best best = {0};
	uint64_t hash = hash_bytes(key.ptr, key.len);

	for (size_t at = hash & t->slot_mask; t->slots[at].entry_plus_1; at = (at + 1) & t->slot_mask) {
		const struct slot *s = &t->slots[at];
		const struct entry *e = &t->entries[s->entry_plus_1 - 1];
		if (s->hash == hash && (s->form == KEY_DATELESS) == dateless && str_equal(e->keys[s->form], key))
			consider(&best, e, provider, (enum key_form)s->form);
	}
	return best.rank < 2 && best.differs ? NULL : best.entry;
}

static const struct entry *find_slowly(const struct price_table *t, struct str provider, struct str model)
{
	char folded[PRICE_NAME_MAX_BYTES];
	const char *seller = provider.len ? provider_known(provider) : NULL;
	char other[PRICE_NAME_MAX_BYTES + 1];

	if (model.len == 0 || model.len > sizeof(folded) || provider.len > PRICE_NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < model.len; i++)
		folded[i] = model.ptr[i] >= 'A' && model.ptr[i] <= 'Z' ? (char)(model.ptr[i] + 32) : model.ptr[i];
	struct str whole = {folded, model.len}, bare = without_prefix(whole), rest = whole;
	struct str prefix = str_cut(&rest, '/');
	if (!seller && rest.ptr)
		seller = provider_known(prefix);
	if (!seller && provider.len) {
		for (size_t i = 0; i < provider.len; i++)
			other[i] = provider.ptr[i] >= 'A' && provider.ptr[i] <= 'Z' ? (char)(provider.ptr[i] + 32)
			                                                            : provider.ptr[i];
		other[provider.len] = '\0';
		seller = other;
	}
	struct str dateless = without_date(bare);
	const struct entry *e = bare.len == whole.len ? NULL : look_up(t, whole, false, seller);
	if (!e)
		e = look_up(t, bare, false, seller);
	if (!e && dateless.len < bare.len)
		e = look_up(t, dateless, false, seller);
	return e ? e : look_up(t, dateless, true, seller);
}

#define CACHE_SLOTS 256
#define CACHE_NAME_BYTES 96

const struct price_model *price_find(const struct price_table *t, struct str provider, struct str model)
{
	static _Thread_local struct {
		uint64_t serial;
		const struct entry *entry; /* NULL: known to be unpriced */
		uint16_t provider_len, model_len;
		char text[CACHE_NAME_BYTES];
	} cache[CACHE_SLOTS];
	const struct entry *e;

	if (!t)
		return NULL;
	if (provider.len + model.len > CACHE_NAME_BYTES) {
		e = find_slowly(t, provider, model);
		return e ? &e->model : NULL;
	}
	uint64_t hash = hash_bytes(model.ptr, model.len) + provider.len;
	size_t at = (hash ^ hash >> 32) % CACHE_SLOTS;
	if (cache[at].serial == t->serial && cache[at].provider_len == provider.len &&
	    cache[at].model_len == model.len &&
	    (provider.len == 0 || memcmp(cache[at].text, provider.ptr, provider.len) == 0) &&
	    (model.len == 0 || memcmp(cache[at].text + provider.len, model.ptr, model.len) == 0)) {
		e = cache[at].entry;
		return e ? &e->model : NULL;
	}
	e = find_slowly(t, provider, model);
	cache[at].serial = t->serial;
	cache[at].entry = e;
	cache[at].provider_len = (uint16_t)provider.len;
	cache[at].model_len = (uint16_t)model.len;
	if (provider.len)
		memcpy(cache[at].text, provider.ptr, provider.len);
	if (model.len)
		memcpy(cache[at].text + provider.len, model.ptr, model.len);
	return e ? &e->model : NULL;
}

const struct price_rule *price_rule(const struct price_table *t, const struct price_model *m,
                                    enum price_tier tier, int64_t input_tokens)
{
	/* `model` is the first member, so that the entry is where its model is. */
	const struct entry *e = (const struct entry *)(const void *)m;
	size_t level = 0;

	while (level < m->threshold_count && input_tokens > m->thresholds[level].above_tokens)
		level++;
	return &t->rules[e->rules + level * PRICE_TIER_COUNT + tier];
}

size_t price_count(const struct price_table *t)
{
	return t->count;
}

const struct price_model *price_at(const struct price_table *t, size_t i)
{
	return i < t->count ? &t->entries[i].model : NULL;
}

const char *price_table_name(const struct price_table *t)
{
	return t->title;
}

const char *price_table_date(const struct price_table *t)
{
	return t->date;
}
