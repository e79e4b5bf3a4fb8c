/* Metrics pages: fed whole and in pieces (their size is the first byte), they give the same samples;
 * two different halves of the input stand for two scrapes of one target. The same bytes as an answer
 * of Prometheus's API. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "collect/serving.h"
#include "parse/prometheus.h"
#include "parse/prometheus_answer.h"

struct seen {
	uint64_t hash;
	struct serving *serving;
};

static void see(void *arg, const struct prom_sample *s)
{
	struct seen *seen = arg;

	seen->hash = hash_mix(seen->hash, hash_bytes(s->name.ptr, s->name.len));
	for (size_t i = 0; i < s->label_count; i++)
		seen->hash = hash_mix(seen->hash, hash_bytes(s->labels[i].value.ptr, s->labels[i].value.len));
	if (!isnan(s->value))
		seen->hash = hash_mix(seen->hash, hash_bytes(&s->value, sizeof s->value));
	serving_sample(seen->serving, s);
}

static void scrape(struct seen *seen, const uint8_t *data, size_t size, size_t piece, int64_t now_us)
{
	struct prom_parser *p = prom_parser_new(see, seen);
	struct batch *out = batch_new();
	struct err err;

	serving_begin(seen->serving, now_us);
	for (size_t at = 0; at < size; at += piece)
		prom_parser_feed(p, (const char *)data + at, size - at < piece ? size - at : piece);
	prom_parser_end(p, &err);
	serving_end(seen->serving, out);
	for (size_t i = 0; i < out->gauge_count; i++)
		assert(isfinite(out->gauges[i].value));
	prom_parser_free(&p);
	batch_free(&out);
}

static uint64_t parse(const uint8_t *data, size_t size, size_t piece)
{
	struct seen seen = {1, serving_new("fuzz")};

	scrape(&seen, data, size / 2, piece, 1000000);
	scrape(&seen, data, size, piece, 6000000);
	serving_free(&seen.serving);
	return seen.hash;
}

static void pass(void *arg, const struct prom_sample *s)
{
	(void)arg;
	(void)s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prom_answer answer;
	struct err err;

	if (size < 2)
		return 0;
	assert(parse(data + 1, size - 1, size) == parse(data + 1, size - 1, (size_t)data[0] + 1));
	(void)prom_answer_read((struct str){(const char *)data, size}, pass, NULL, &answer, &err);
	return 0;
}
