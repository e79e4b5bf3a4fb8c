/* What strangers hand over as feedback, and what services answer: anything is read or refused in a sentence,
 * and nothing that is read is out of range. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "collect/feedback_http.h"
#include "remote/service.h"

#define NOW_US INT64_C(1763900000000000)

static void check(int condition)
{
	if (!condition)
		abort();
}

static void take_items(struct str body)
{
	struct batch *b = batch_new();
	struct buf ids = {0};
	struct err err = {""};
	int status = feedback_http_read(b, body, STR_LIT("fuzz"), NOW_US, &ids, &err);

	check(status == 200 ? !err.text[0] : err.text[0] != '\0');
	for (size_t i = 0; i < b->feedback_count && status == 200; i++) {
		const struct feedback *f = &b->feedback[i];

		check(f->time_us > 0 && f->text.len <= EVENT_TEXT_MAX_BYTES && f->id.len && utf8_valid(f->text) && f->mood <= MOOD_NEGATIVE);
		check(isnan(f->rating) || (f->rating >= 1 && f->rating <= 5));
		check(isnan(f->score) || (f->score >= -1 && f->score <= 1));
	}
	buf_fini(&ids);
	batch_free(&b);
}

static void read_answer(const struct service *s, const union option_value *values, size_t step, struct str answer)
{
	struct service_verdict v[3];
	struct err err = {""};
	size_t count = s->batch_max < 3 ? s->batch_max : 3;

	for (size_t i = 0; i < 3; i++)
		service_verdict_init(&v[i]);
	int failed = s->read(values, step, answer, v, count, &err);

	check(failed ? err.text[0] != '\0' : 1);
	for (size_t i = 0; i < 3; i++) {
		check(failed || !v[i].has_mood || (v[i].score >= -1 && v[i].score <= 1 && v[i].mood != MOOD_UNKNOWN));
		service_verdict_fini(&v[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union option_value values[SERVICE_OWN + 4];
	struct str bytes = {(const char *)data, size};

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		values[i].text = "";
	values[SERVICE_OWN].text = "sentiment,phrases,entities,pii";
	take_items(bytes);
	for (size_t step = 0; step < 4; step++)
		read_answer(&azure_language_service, values, step, bytes);
	read_answer(&azure_safety_service, values, 0, bytes);
	read_answer(&chat_service, values, 0, bytes);
	return 0;
}
