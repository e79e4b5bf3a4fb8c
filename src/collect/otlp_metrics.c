/* A reporter is one service instance that sends metrics; its serving state is kept between bodies, and
 * the one heard of longest ago makes room for a new one. They share room for series and models, so that
 * many reporters with many of them cost no more than a few; a little of it is each one's own, so that one
 * with too many does not shut out the others. */
#include "collect/otlp_metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "collect/serving.h"

#define REPORTERS_MAX 256
/* Of all reporters together: some 25 MB. */
#define SERIES_MAX 50000u
#define MODELS_MAX 512u
/* Of each, besides. */
#define SERIES_OWN 100u
#define MODELS_OWN 4u
#define SILENT_US (15 * US_PER_MIN) /* many exports late: gone */

struct reporter {
	uint64_t key; /* of service and instance */
	struct serving *serving;
	int64_t heard_us;
	bool in_body;
};
struct otlp_metrics {
	char *source;
	struct reporter reporters[REPORTERS_MAX];
	size_t count;
	int64_t now_us;
	struct buf text;                /* names and label values of the point in hand */
	struct prom_sample sample;
};

struct otlp_metrics *otlp_metrics_new(const char *source)
{
	struct otlp_metrics *m = mem_zalloc(sizeof *m);

	m->source = mem_strdup(source);
	return m;
}

void otlp_metrics_free(struct otlp_metrics **m)
{
	if (!*m)
		return;
	for (size_t i = 0; i < (*m)->count; i++)
		serving_free(&(*m)->reporters[i].serving);
	buf_fini(&(*m)->text);
	free((*m)->source);
	free(*m);
	*m = NULL;
}

/* Those that say nothing any more give their room back. */
static void forget_silent(struct otlp_metrics *m)
{
	size_t left = 0;

	for (size_t i = 0; i < m->count; i++) {
		if (m->reporters[i].heard_us < m->now_us - SILENT_US)
			serving_free(&m->reporters[i].serving);
		else
			m->reporters[left++] = m->reporters[i];
	}
	m->count = left;
}

void otlp_metrics_begin(struct otlp_metrics *m, int64_t now_us)
{
	m->now_us = now_us;
	forget_silent(m);
	for (size_t i = 0; i < m->count; i++)
		m->reporters[i].in_body = false;
}

static struct str resource_text(const struct otlp_origin *from, const char *key)
{
	const struct otlp_value *v = otlp_find(from->resource, key);

	return v && v->kind == OTLP_STRING ? v->text : (struct str){0};
}

static struct reporter *oldest(struct otlp_metrics *m)
{
	struct reporter *old = &m->reporters[0];

	for (size_t i = 1; i < m->count; i++)
		if (m->reporters[i].heard_us < old->heard_us)
			old = &m->reporters[i];
	serving_free(&old->serving);
	return old;
}

/* What the others leave of the common room. */
static void set_room(const struct otlp_metrics *m, const struct reporter *r)
{
	size_t series = 0, models = 0;

	for (size_t i = 0; i < m->count; i++)
		if (&m->reporters[i] != r) {
			series += serving_series_kept(m->reporters[i].serving);
			models += serving_models_kept(m->reporters[i].serving);
		}
	serving_set_room(r->serving, SERIES_OWN + SERIES_MAX - (series < SERIES_MAX ? series : SERIES_MAX),
	                 MODELS_OWN + MODELS_MAX - (models < MODELS_MAX ? models : MODELS_MAX));
}

static struct reporter *find_reporter(struct otlp_metrics *m, const struct otlp_origin *from)
{
	struct str service = resource_text(from, "service.name");
	struct str instance = resource_text(from, "service.instance.id");
	uint64_t key = hash_mix(hash_bytes(service.ptr, service.len), hash_bytes(instance.ptr, instance.len));
	struct reporter *r = NULL;
	char *name;

	for (size_t i = 0; i < m->count && !r; i++)
		if (m->reporters[i].key == key)
			r = &m->reporters[i];
	if (!r) {
		r = m->count < REPORTERS_MAX ? &m->reporters[m->count++] : oldest(m);
		name = mem_printf("%s/%.*s", m->source, STR_ARG(service));
		*r = (struct reporter){.key = key, .serving = serving_new(name)};
		free(name);
	}
	r->heard_us = m->now_us;
	if (!r->in_body) {
		set_room(m, r);
		serving_begin(r->serving, m->now_us);
	}
	r->in_body = true;
	return r;
}

/* Appends `name` with everything that Prometheus does not allow in a name as an underscore. The buffer
 * was given room for the whole point before, so that it does not move. */
static struct str put_name(struct buf *text, struct str name)
{
	size_t from = text->len;

	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
		buf_append_c(text, fine ? c : '_');
	}
	return (struct str){text->data + from, text->len - from};
}

static struct str put_text(struct buf *text, const char *words)
{
	size_t from = text->len;

	buf_puts(text, words);
	return (struct str){text->data + from, text->len - from};
}

/* Units in braces are annotations and leave no ending. */
static const char *unit_ending(struct str unit)
{
	if (str_equal_c(unit, "s"))
		return "_seconds";
	if (str_equal_c(unit, "ms"))
		return "_milliseconds";
	return "";
}

#define BOUND_BYTES 32 /* a bucket's bound as text */

static size_t text_bytes(const struct otlp_point *point)
{
	size_t bytes = point->name.len + 64 + (point->bucket_count + 2) * BOUND_BYTES;

	for (size_t i = 0; i < point->attrs.count; i++)
		bytes += point->attrs.list[i].key.len + 8;
	return bytes;
}

static void put_labels(struct otlp_metrics *m, const struct otlp_point *point)
{
	m->sample.label_count = 0;
	/* one place is kept for le */
	for (size_t i = 0; i < point->attrs.count && m->sample.label_count + 1 < PROM_LABELS_MAX; i++) {
		const struct otlp_attr *attr = &point->attrs.list[i];
		if (attr->value.kind != OTLP_STRING)
			continue;
		m->sample.labels[m->sample.label_count++] =
			(struct prom_label){put_name(&m->text, attr->key), attr->value.text};
	}
}

static void send(struct otlp_metrics *m, struct reporter *r, bool delta, double value)
{
	m->sample.value = value;
	(delta ? serving_delta : serving_sample)(r->serving, &m->sample);
}

/* The lines that a Prometheus page would have for a histogram: _bucket with le, _sum, _count. */
static void send_histogram(struct otlp_metrics *m, struct reporter *r, const struct otlp_point *point)
{
	bool delta = point->temporality == OTLP_DELTA;
	size_t labels = m->sample.label_count, base = m->sample.name.len;
	uint64_t below = 0;

	put_text(&m->text, "_bucket");
	m->sample.name.len = base + 7;
	m->sample.label_count = labels + 1;
	for (size_t i = 0; i < point->bucket_count; i++) {
		char bound[BOUND_BYTES] = "+Inf";
		below += point->buckets[i];
		if (i + 1 < point->bucket_count)
			snprintf(bound, sizeof bound, "%.17g", point->bounds[i]);
		m->sample.labels[labels] = (struct prom_label){STR_LIT("le"), str_of(bound)};
		send(m, r, delta, (double)below);
	}
	m->sample.label_count = labels;
	m->text.len -= 7;
	put_text(&m->text, "_count");
	m->sample.name.len = base + 6;
	send(m, r, delta, (double)point->count);
	m->text.len -= 6;
	put_text(&m->text, "_sum");
	m->sample.name.len = base + 4;
	if (isfinite(point->sum))
		send(m, r, delta, point->sum);
}

/* Exponential buckets as explicit ones, on fixed bounds (powers of two of a millisecond up to about
 * a day), so that all of a series' reports have the same: bucket i of scale s ends at
 * 2^((offset + i + 1) / 2^s). */
static void send_exponential(struct otlp_metrics *m, struct reporter *r, const struct otlp_point *point)
{
	enum { BOUNDS = 54 }; /* half octaves */
	double bounds[BOUNDS];
	uint64_t counts[BOUNDS + 1] = {point->zero_count};
	struct otlp_point flat = *point;

	for (int i = 0; i < BOUNDS; i++)
		bounds[i] = 0.001 * exp2(i / 2.0);
	for (size_t i = 0; i < point->bucket_count; i++) {
		double upper = exp2(((double)point->offset + (double)i + 1) * exp2(-point->scale));
		size_t at = 0;
		while (at < BOUNDS && bounds[at] < upper * (1 - 1e-9))
			at++;
		counts[at] += point->buckets[i];
	}
	flat.bounds = bounds;
	flat.buckets = counts;
	flat.bucket_count = BOUNDS + 1;
	send_histogram(m, r, &flat);
}

void otlp_metrics_point(struct otlp_metrics *m, const struct otlp_origin *from, const struct otlp_point *point)
{
	struct reporter *r = find_reporter(m, from);
	struct str ending;

	buf_reset(&m->text);
	buf_reserve(&m->text, text_bytes(point));
	m->sample.time_us = point->time_ns / 1000;
	put_labels(m, point);
	m->sample.name = put_name(&m->text, point->name);
	ending = str_of(unit_ending(point->unit));
	if (!str_ends_with(m->sample.name, ending))
		m->sample.name.len += put_text(&m->text, ending.ptr).len;
	m->sample.family = m->sample.name;
	switch (point->kind) {
	case OTLP_HISTOGRAM:
		send_histogram(m, r, point);
		break;
	case OTLP_SUM:
		send(m, r, point->temporality == OTLP_DELTA && point->monotonic, point->value);
		break;
	case OTLP_GAUGE:
		send(m, r, false, point->value);
		break;
	case OTLP_EXPONENTIAL:
		send_exponential(m, r, point);
		break;
	}
}

void otlp_metrics_end(struct otlp_metrics *m, struct batch *out)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->reporters[i].in_body)
			serving_end(m->reporters[i].serving, out);
}
