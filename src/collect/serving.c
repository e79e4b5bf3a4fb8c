/* Samples are matched by family name in one table (serving_names.c). A counter's increase is taken
 * series by series (so that one engine's restart does not hide behind the others' growth) and added
 * up per model; a histogram's cumulative bucket increases likewise, kept for the last minute in slots
 * of five seconds. Series and models that are gone are forgotten when room is needed. */
#include "collect/serving.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "collect/serving_names.h"

#define SERIES_MAX 20000u /* wire series remembered of one target */
#define MODELS_MAX 256u
#define BUCKETS_MAX 64u
#define WINDOW_US US_PER_MIN /* quantiles cover about this much */
#define SLOT_US (5 * US_PER_S)
#define SLOTS 13u

/* Cumulative bucket increases of one histogram, by time. */
struct histogram {
	double bounds[BUCKETS_MAX]; /* ascending; the last may be infinite */
	size_t bucket_count;
	struct {
		int64_t time_us; /* of its first scrape */
		double increases[BUCKETS_MAX];
	} slots[SLOTS]; /* ring */
	size_t newest;
};
struct model {
	char *name;                  /* as it is shown */
	char *key;                   /* as it is found */
	bool seen[CHANNEL_COUNT];    /* in this scrape */
	double values[CHANNEL_COUNT]; /* gauges: value; counters: increase in this scrape */
	bool grew[CHANNEL_COUNT];     /* an increase over a known interval was there */
	struct histogram *histograms[HISTOGRAM_COUNT];
};
struct series {
	double previous;
	uint64_t scrape; /* in which it was last seen */
};
struct serving {
	char *source, *place;
	const struct server_kind *kind;
	const struct wire_name *chosen[CHANNEL_COUNT], *chosen_before[CHANNEL_COUNT]; /* which name feeds a channel */
	struct strmap series_index, model_index;
	struct series *series;
	size_t series_count, series_cap;
	struct model *models;
	size_t model_count, model_cap;
	size_t series_max, models_max;
	int64_t now_us, previous_us;
	uint64_t scrape;
	bool gap;
	bool delta;      /* the sample in hand is an increase */
	bool overflowed; /* in this scrape */
	bool forgot;     /* series were dropped: an unknown one may be an old one */
	struct buf key;
};

struct serving *serving_new(const char *source)
{
	struct serving *s = mem_zalloc(sizeof *s);

	s->source = mem_strdup(source);
	s->place = mem_strdup("");
	s->gap = true;
	serving_set_room(s, SERIES_MAX, MODELS_MAX);
	return s;
}

void serving_set_room(struct serving *s, size_t series, size_t models)
{
	s->series_max = series < SERIES_MAX ? series : SERIES_MAX;
	s->models_max = models < MODELS_MAX ? models : MODELS_MAX;
}

size_t serving_series_kept(const struct serving *s)
{
	return s->series_count;
}

size_t serving_models_kept(const struct serving *s)
{
	return s->model_count;
}

void serving_set_place(struct serving *s, const char *service, const char *deployment)
{
	free(s->place);
	if (*service || *deployment)
		s->place = mem_printf("[%s%s%s]", service, *service && *deployment ? " " : "", deployment);
	else
		s->place = mem_strdup("");
}

static void model_fini(struct model *m)
{
	for (size_t h = 0; h < HISTOGRAM_COUNT; h++)
		free(m->histograms[h]);
	free(m->name);
	free(m->key);
}

void serving_free(struct serving **s)
{
	struct serving *old = *s;

	if (!old)
		return;
	for (size_t i = 0; i < old->model_count; i++)
		model_fini(&old->models[i]);
	free(old->models);
	free(old->series);
	free(old->source);
	free(old->place);
	strmap_fini(&old->series_index);
	strmap_fini(&old->model_index);
	buf_fini(&old->key);
	free(old);
	*s = NULL;
}

static bool model_seen(const struct model *m)
{
	for (size_t c = 0; c < CHANNEL_COUNT; c++)
		if (m->seen[c])
			return true;
	return false;
}

/* Drops the models that the last scrape did not show. */
static void forget_models(struct serving *s)
{
	size_t kept = 0;

	strmap_fini(&s->model_index);
	s->model_index = (struct strmap){0};
	for (size_t i = 0; i < s->model_count; i++) {
		if (!model_seen(&s->models[i])) {
			model_fini(&s->models[i]);
			continue;
		}
		s->models[kept] = s->models[i];
		strmap_put(&s->model_index, str_of(s->models[kept].key), (uint32_t)kept);
		kept++;
	}
	s->model_count = kept;
}

struct keeping {
	const struct serving *s;
	struct strmap index;
	struct series *series;
	size_t count, cap;
};

static void keep_series(struct str key, uint32_t at, void *arg)
{
	struct keeping *k = arg;

	if (k->s->series[at].scrape != k->s->scrape)
		return;
	k->series = mem_grow(k->series, &k->cap, k->count + 1, sizeof *k->series);
	strmap_put(&k->index, key, (uint32_t)k->count);
	k->series[k->count++] = k->s->series[at];
}

/* Drops the series that the last scrape did not show. */
static void forget_series(struct serving *s)
{
	struct keeping k = {.s = s};

	strmap_each(&s->series_index, keep_series, &k);
	s->forgot |= k.count < s->series_count;
	strmap_fini(&s->series_index);
	free(s->series);
	s->series_index = k.index;
	s->series = k.series;
	s->series_count = k.count;
	s->series_cap = k.cap;
}

static void begin_histogram(struct histogram *h, int64_t now_us)
{
	int64_t age_us = now_us - h->slots[h->newest].time_us;

	if (age_us >= 0 && age_us < SLOT_US)
		return;
	h->newest = (h->newest + 1) % SLOTS;
	memset(&h->slots[h->newest], 0, sizeof h->slots[0]);
	h->slots[h->newest].time_us = now_us;
}

void serving_begin(struct serving *s, int64_t now_us)
{
	if (s->model_count >= s->models_max)
		forget_models(s);
	if (s->series_count >= s->series_max)
		forget_series(s);
	if (serving_models(s) == 0) {
		s->kind = NULL; /* another server may have taken its place */
		memset(s->chosen, 0, sizeof s->chosen);
	}
	s->previous_us = s->now_us;
	s->now_us = now_us;
	s->scrape++;
	s->overflowed = false;
	memcpy(s->chosen_before, s->chosen, sizeof s->chosen);
	memset(s->chosen, 0, sizeof s->chosen);
	for (size_t i = 0; i < s->model_count; i++) {
		struct model *m = &s->models[i];

		memset(m->seen, 0, sizeof m->seen);
		memset(m->grew, 0, sizeof m->grew);
		memset(m->values, 0, sizeof m->values);
		for (size_t h = 0; h < HISTOGRAM_COUNT; h++)
			if (m->histograms[h])
				begin_histogram(m->histograms[h], now_us);
	}
}

void serving_gap(struct serving *s)
{
	s->gap = true;
}

static bool kind_has(const struct server_kind *kind, struct str family, struct str *rest)
{
	struct str prefix = str_of(kind->prefix);

	if (!str_starts_with(family, prefix))
		return false;
	*rest = (struct str){family.ptr + prefix.len, family.len - prefix.len};
	for (const struct wire_name *n = kind->names; n->family; n++)
		if (str_equal_c(*rest, n->family))
			return true;
	return false;
}

/* The kind of server that a family belongs to; NULL when it is none of interest. */
static const struct server_kind *find_kind(const struct serving *s, struct str family, struct str *rest)
{
	if (s->kind)
		return kind_has(s->kind, family, rest) ? s->kind : NULL;
	for (size_t k = 0; k < SERVER_KINDS; k++)
		if (kind_has(&server_kinds[k], family, rest))
			return &server_kinds[k];
	return NULL;
}

/* Tries the family's name as it stands, then without the ending that its line has. */
static const struct server_kind *find_family(const struct serving *s, const struct prom_sample *sample, struct str *rest)
{
	static const char *const endings[] = {"_total", "_bucket", "_sum", "_count"};
	const struct server_kind *kind = find_kind(s, sample->family, rest);

	for (size_t i = 0; !kind && i < sizeof endings / sizeof endings[0]; i++) {
		struct str family = sample->family;
		if (!str_ends_with(family, str_of(endings[i])))
			continue;
		family.len -= strlen(endings[i]);
		kind = find_kind(s, family, rest);
	}
	return kind;
}

static struct model *find_model(struct serving *s, const struct wire_name *n, const struct prom_sample *sample)
{
	uint32_t at;

	buf_reset(&s->key);
	if (n->channel == CH_BUDGET_LEFT)
		serving_budget_name(&s->key, sample);
	else
		serving_model_name(&s->key, sample);
	if (s->key.len > EVENT_NAME_MAX_BYTES)
		s->key.len = EVENT_NAME_MAX_BYTES;
	if (strmap_get(&s->model_index, buf_str(&s->key), &at))
		return &s->models[at];
	/* keys and teams may be many: they leave room for models */
	if (s->model_count >= (n->channel == CH_BUDGET_LEFT ? s->models_max / 2 : s->models_max)) {
		s->overflowed = true;
		return NULL;
	}
	s->models = mem_grow(s->models, &s->model_cap, s->model_count + 1, sizeof *s->models);
	at = (uint32_t)s->model_count++;
	s->models[at] = (struct model){.key = mem_strndup(s->key.len ? s->key.data : "", s->key.len)};
	s->models[at].name = mem_printf("%s%s%s", s->models[at].key, s->key.len && *s->place ? " " : "", s->place);
	strmap_put(&s->model_index, buf_str(&s->key), at);
	return &s->models[at];
}

static void series_key(struct buf *key, const struct prom_sample *sample)
{
	buf_reset(key);
	buf_append_str(key, sample->name);
	for (size_t i = 0; i < sample->label_count; i++) {
		buf_append_c(key, '\1');
		buf_append_str(key, sample->labels[i].name);
		buf_append_c(key, '\2');
		buf_append_str(key, sample->labels[i].value);
	}
}

/* How much a series grew since the last scrape; false when that cannot be told. A series that feeds two
 * channels is only asked once a sample. */
static bool increase_of(struct serving *s, const struct prom_sample *sample, double *out)
{
	struct series *series;
	bool known;
	uint32_t at;

	*out = sample->value;
	if (s->delta)
		return true;
	series_key(&s->key, sample);
	uint64_t hash = hash_bytes(s->key.data, s->key.len);
	struct str key = {(const char *)&hash, sizeof hash}; /* of eight bytes, however long labels are */
	if (!strmap_get(&s->series_index, key, &at)) {
		if (s->series_count >= s->series_max) {
			s->overflowed = true;
			return false;
		}
		s->series = mem_grow(s->series, &s->series_cap, s->series_count + 1, sizeof *s->series);
		at = (uint32_t)s->series_count++;
		s->series[at] = (struct series){sample->value, s->scrape};
		strmap_put(&s->series_index, key, at);
		/* A series that was not there a moment ago began at zero: a first error is an error. */
		return !s->gap && !s->forgot;
	}
	series = &s->series[at];
	known = series->scrape + 1 == s->scrape && !s->gap;
	/* a lower count is a restart: all of it came since then */
	if (sample->value >= series->previous)
		*out = sample->value - series->previous;
	series->previous = sample->value;
	series->scrape = s->scrape;
	return known;
}

/* Several names may tell the same thing on one page (an old one kept beside the new): only the one
 * that stands first in the table counts. What a lesser one brought earlier in the first page is
 * taken back. */
static bool is_chosen(struct serving *s, const struct wire_name *n)
{
	const struct wire_name **chosen = &s->chosen[n->channel], *before = s->chosen_before[n->channel];

	if (n->channel == CH_BUDGET_LEFT || (*chosen && str_equal_c(str_of((*chosen)->family), n->family)))
		return true;
	if ((*chosen && *chosen < n) || (before && before < n && strcmp(before->family, n->family) != 0))
		return false;
	for (size_t i = 0; *chosen && i < s->model_count; i++) {
		struct model *m = &s->models[i];
		m->seen[n->channel] = m->grew[n->channel] = false;
		m->values[n->channel] = 0;
	}
	*chosen = n;
	return true;
}

static void add_gauge(struct model *m, const struct wire_name *n, double value)
{
	double *held = &m->values[n->channel];

	value *= n->scale;
	if (!m->seen[n->channel])
		*held = value;
	else if (n->how == HOW_SUM)
		*held += value;
	else if (n->how == HOW_MAX)
		*held = fmax(*held, value);
	else
		*held = fmin(*held, value);
	m->seen[n->channel] = true;
}

/* The bucket with this upper bound, put in its place when it is new. */
static size_t find_bucket(struct histogram *h, double bound)
{
	size_t at = 0;

	while (at < h->bucket_count && h->bounds[at] < bound)
		at++;
	if (at < h->bucket_count && h->bounds[at] == bound)
		return at;
	if (h->bucket_count >= BUCKETS_MAX)
		return BUCKETS_MAX;
	memmove(&h->bounds[at + 1], &h->bounds[at], (h->bucket_count - at) * sizeof h->bounds[0]);
	for (size_t i = 0; i < SLOTS; i++) {
		double *increases = h->slots[i].increases;
		memmove(&increases[at + 1], &increases[at], (h->bucket_count - at) * sizeof *increases);
		increases[at] = 0;
	}
	h->bounds[at] = bound;
	h->bucket_count++;
	return at;
}

static bool bound_of(struct str le, double *out)
{
	if (str_equal_nocase(le, STR_LIT("+Inf")) || str_equal_nocase(le, STR_LIT("Inf"))) {
		*out = INFINITY;
		return true;
	}
	return str_to_double(le, out);
}

static void add_bucket(struct serving *s, struct model *m, const struct wire_name *n,
                       const struct prom_sample *sample, double increase)
{
	struct histogram **slot = &m->histograms[n->channel - CH_FIRST_HISTOGRAM];
	double bound;
	size_t at;

	if (!bound_of(prom_label(sample, "le"), &bound))
		return;
	if (!*slot) {
		*slot = mem_zalloc(sizeof **slot);
		(*slot)->slots[0].time_us = s->now_us;
	}
	m->seen[n->channel] = true;
	at = find_bucket(*slot, bound * n->scale);
	if (at < BUCKETS_MAX)
		(*slot)->slots[(*slot)->newest].increases[at] += increase;
}

static bool label_fits(const struct wire_name *n, const struct prom_sample *sample)
{
	struct str value;

	if (!n->label)
		return true;
	value = prom_label(sample, n->label);
	return n->value ? str_equal_c(value, n->value) : value.len > 0;
}

/* Which of a metric's lines a row reads: by its ending. */
static bool line_fits(enum how how, struct str name)
{
	switch (how) {
	case HOW_HISTOGRAM: return str_ends_with(name, STR_LIT("_bucket"));
	case HOW_HISTOGRAM_SUM: return str_ends_with(name, STR_LIT("_sum"));
	case HOW_HISTOGRAM_COUNT: return str_ends_with(name, STR_LIT("_count"));
	default: return true;
	}
}

static void add_counter(struct model *m, const struct wire_name *n, bool known, double increase)
{
	m->seen[n->channel] = true;
	if (!known)
		return;
	m->grew[n->channel] = true;
	m->values[n->channel] += increase * n->scale;
}

/* What one row of the table takes from a sample. */
static void take(struct serving *s, const struct wire_name *n, const struct prom_sample *sample, bool known,
                 double increase)
{
	struct model *m = is_chosen(s, n) ? find_model(s, n, sample) : NULL;

	if (!m)
		return;
	if (n->how <= HOW_MIN)
		add_gauge(m, n, sample->value);
	else if (n->how == HOW_HISTOGRAM)
		add_bucket(s, m, n, sample, known ? increase : 0);
	else
		add_counter(m, n, known, increase);
}

void serving_sample(struct serving *s, const struct prom_sample *sample)
{
	const struct server_kind *kind;
	bool asked = false, known = false;
	double increase = 0;
	struct str family;

	if (!isfinite(sample->value) || str_ends_with(sample->name, STR_LIT("_created")))
		return;
	kind = find_family(s, sample, &family);
	if (!kind)
		return;
	s->kind = kind;
	for (const struct wire_name *n = kind->names; n->family; n++) {
		/* only a budget can be overdrawn */
		if (!str_equal_c(family, n->family) || !line_fits(n->how, sample->name) || !label_fits(n, sample) ||
		    (sample->value < 0 && n->channel != CH_BUDGET_LEFT))
			continue;
		if (n->how > HOW_MIN && !asked) {
			known = increase_of(s, sample, &increase);
			asked = true;
		}
		take(s, n, sample, known, increase);
	}
}

void serving_delta(struct serving *s, const struct prom_sample *sample)
{
	s->delta = true;
	serving_sample(s, sample);
	s->delta = false;
}

/* Linear interpolation inside the bucket that holds the rank, as Prometheus's histogram_quantile()
 * has it; the highest finite bound when the rank lies beyond it. NaN when nothing can be said. */
static double quantile(const double *bounds, double *cumulative, size_t count, double q)
{
	/* engines with different buckets, or a scrape in the middle of a count, can make a dent */
	for (size_t i = 1; i < count; i++)
		cumulative[i] = fmax(cumulative[i], cumulative[i - 1]);
	double total = count ? cumulative[count - 1] : 0, rank = q * total;

	if (count < 2 || total <= 0)
		return NAN;
	for (size_t i = 0; i < count; i++) {
		double low = i ? bounds[i - 1] : 0, before = i ? cumulative[i - 1] : 0;
		if (cumulative[i] < rank)
			continue;
		if (!isfinite(bounds[i]))
			return low;
		if (cumulative[i] <= before)
			return bounds[i];
		return low + (bounds[i] - low) * (rank - before) / (cumulative[i] - before);
	}
	return bounds[count - 1];
}

static void put_gauge(struct serving *s, const struct model *m, struct batch *out, enum serving_metric metric,
                      double value)
{
	struct gauge *g;

	if (!isfinite(value))
		return;
	g = batch_add_gauge(out);
	g->time_us = s->now_us;
	g->name = str_of(serving_metrics[metric].name);
	g->source = batch_text(out, str_of(s->source), EVENT_NAME_MAX_BYTES);
	g->instance = batch_text(out, str_of(m->name), EVENT_NAME_MAX_BYTES);
	g->value = value;
}

static void put_quantiles(struct serving *s, const struct model *m, struct batch *out)
{
	for (size_t i = 0; i < CHANNEL_QUANTILES; i++) {
		const struct channel_quantile *want = &channel_quantiles[i];
		const struct histogram *h = m->histograms[want->channel - CH_FIRST_HISTOGRAM];
		double cumulative[BUCKETS_MAX] = {0};

		if (!h || !m->seen[want->channel])
			continue;
		for (size_t t = 0; t < SLOTS; t++) {
			int64_t age_us = s->now_us - h->slots[t].time_us;
			for (size_t b = 0; age_us >= 0 && age_us < WINDOW_US && b < h->bucket_count; b++)
				cumulative[b] += h->slots[t].increases[b];
		}
		put_gauge(s, m, out, want->metric, quantile(h->bounds, cumulative, h->bucket_count, want->q));
	}
}

static void put_rates(struct serving *s, const struct model *m, struct batch *out)
{
	double seconds = (double)(s->now_us - s->previous_us) / 1e6;

	for (size_t i = 0; i < CHANNEL_RATES && s->previous_us > 0 && seconds > 0; i++) {
		const struct channel_rate *want = &channel_rates[i];
		if (m->grew[want->channel])
			put_gauge(s, m, out, want->metric, m->values[want->channel] / seconds * want->scale);
	}
	if (m->grew[CH_PREFIX_QUERIES] && m->values[CH_PREFIX_QUERIES] > 0)
		put_gauge(s, m, out, SERVING_PREFIX_HIT_SHARE, m->values[CH_PREFIX_HITS] / m->values[CH_PREFIX_QUERIES]);
}

void serving_end(struct serving *s, struct batch *out)
{
	for (size_t i = 0; i < s->model_count; i++) {
		const struct model *m = &s->models[i];

		for (size_t g = 0; g < CHANNEL_GAUGES; g++)
			if (m->seen[channel_gauges[g].channel])
				put_gauge(s, m, out, channel_gauges[g].metric, m->values[channel_gauges[g].channel]);
		put_rates(s, m, out);
		put_quantiles(s, m, out);
	}
	s->gap = false;
}

const char *serving_kind(const struct serving *s)
{
	return s->kind ? s->kind->kind : NULL;
}

bool serving_overflowed(const struct serving *s)
{
	return s->overflowed;
}

size_t serving_models(const struct serving *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->model_count; i++)
		count += model_seen(&s->models[i]) ? 1 : 0;
	return count;
}
