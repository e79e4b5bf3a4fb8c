/* The local judges on any bytes: spans lie inside the text, in order, and redaction is valid. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/judges.h"
#include "judge/phrases.h"
#include "judge/pii.h"
#include "judge/safety.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	const struct sentiment_model *m = judges_sentiment(NULL);
	struct pii_span spans[64];
	struct phrase phrases[32];
	struct opinion opinions[16];
	struct safety_finding found[2];
	struct sentiment verdict;
	struct buf out = {0};
	size_t count = pii_find(text, spans, 64), end = 0;

	for (size_t i = 0; i < count; i++) {
		if (i && spans[i].kind == PII_IP && spans[i - 1].kind == PII_URL && spans[i].start < end) { /* its host */
			assert(spans[i].start > spans[i - 1].start && spans[i].end <= end);
			continue;
		}
		assert(spans[i].start >= end && spans[i].end > spans[i].start && spans[i].end <= size);
		end = spans[i].end;
	}
	pii_redact(text, spans, count, &out);
	buf_fini(&out);
	assert(safety_find_attacks(text, found) <= 2);
	assert(phrases_find(text, phrases, 32) <= 32);
	if (m) {
		sentiment_judge(m, text, &verdict);
		assert(verdict.score >= -1 && verdict.score <= 1);
		assert(opinions_find(m, text, opinions, 16) <= 16);
	}
	return 0;
}
