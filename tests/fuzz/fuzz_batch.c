/* Encoded batches and sketches come from another process: whatever the bytes, decoding ends with a
 * sentence or with rows in range that encode and decode to the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"
#include "core/event.h"
#include "core/sketch.h"

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_rows(const struct batch *b)
{
	for (size_t i = 0; i < b->request_count; i++) {
		const struct request *r = &b->requests[i];

		check(r->end_us >= 0 && r->latency_us >= UNKNOWN_INT && r->status <= REQUEST_ERROR);
		check(r->latency_us <= EVENT_LATENCY_MAX_US && r->input_tokens <= EVENT_TOKENS_MAX);
		check(r->flag_count <= EVENT_FLAGS_MAX);
		for (int d = 0; d < DIM_COUNT; d++)
			check(r->dims[d].len <= EVENT_NAME_MAX_BYTES && utf8_valid(r->dims[d]));
	}
	for (size_t i = 0; i < b->rollout_count; i++)
		check(b->rollouts[i].arm_count <= ROLLOUT_ARMS_MAX);
}

static void check_batch(struct str bytes)
{
	struct batch *b = batch_new(), *back = batch_new();
	struct buf first = {0}, second = {0};
	struct err err = {""};

	if (batch_decode(b, bytes, &err) < 0) {
		check(err.text[0] != '\0');
	} else {
		check_rows(b);
		batch_encode(b, &first);
		check(batch_decode(back, buf_str(&first), &err) == 0);
		batch_encode(back, &second);
		check(str_equal(buf_str(&first), buf_str(&second)));
	}
	batch_free(&b);
	batch_free(&back);
	buf_fini(&first);
	buf_fini(&second);
}

static void check_sketch(const uint8_t *data, size_t size)
{
	const uint8_t *p = data, *end = data + size, *skipped = data;
	struct sketch s = {0};
	int64_t sum = 0;

	sketch_add(&s, 5, 1);
	if (!sketch_decode_merge(&s, &p, end)) {
		check(s.count == 1 && s.len == 1 && p == data);
	} else {
		check(sketch_skip(&skipped, end) && skipped == p);
		for (uint32_t i = 0; i < s.len; i++) {
			check(i == 0 || s.cells[i].index > s.cells[i - 1].index);
			check(s.cells[i].count != 0);
			sum += s.cells[i].count;
		}
		check(sum == s.count);
		(void)sketch_quantile(&s, 0.5);
	}
	sketch_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_batch((struct str){(const char *)data, size});
	if (size > 0)
		check_sketch(data + 1, size - 1);
	return 0;
}
