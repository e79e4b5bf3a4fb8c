/* A ring: the newest body takes the place of the oldest. Rows are kept encoded, and only until they are
 * stored, so that a ring full of bodies that nobody repeats is small. */
#include "collect/otlp_again.h"

#include "base/hash.h"

#define ROWS_MAX_BYTES ((size_t)64 << 10) /* of one body; a longer one is read again */

uint64_t otlp_again_hash(struct str body)
{
	uint64_t hash = hash_bytes(body.ptr, body.len);

	return hash ? hash : 1;
}

static struct again_body *find(struct otlp_again *a, uint64_t hash)
{
	for (size_t i = 0; i < AGAIN_BODIES; i++)
		if (a->bodies[i].hash == hash)
			return &a->bodies[i];
	return NULL;
}

enum again otlp_again_look(struct otlp_again *a, uint64_t hash, struct batch **batch)
{
	struct again_body *b = find(a, hash);
	struct err err;

	*batch = NULL;
	if (b && b->state == AGAIN_READ) {
		*batch = batch_new();
		b->state = AGAIN_UNDER_WAY;
		if (batch_decode(*batch, buf_str(&b->rows), &err) == 0)
			return AGAIN_READ;
		batch_free(batch);
		return AGAIN_NEW;
	}
	if (b)
		return b->state;
	b = &a->bodies[a->next++ % AGAIN_BODIES];
	buf_fini(&b->rows);
	*b = (struct again_body){.hash = hash, .state = AGAIN_UNDER_WAY};
	return AGAIN_NEW;
}

void otlp_again_keep(struct otlp_again *a, uint64_t hash, const struct batch *read)
{
	struct again_body *b = find(a, hash);

	if (!b)
		return;
	buf_reset(&b->rows);
	batch_encode(read, &b->rows);
	if (b->rows.len > ROWS_MAX_BYTES)
		otlp_again_drop(a, hash);
}

void otlp_again_end(struct otlp_again *a, uint64_t hash, bool stored)
{
	struct again_body *b = find(a, hash);

	if (!b)
		return;
	b->state = stored ? AGAIN_STORED : AGAIN_READ;
	if (stored)
		buf_fini(&b->rows);
}

void otlp_again_drop(struct otlp_again *a, uint64_t hash)
{
	struct again_body *b = find(a, hash);

	if (!b)
		return;
	buf_fini(&b->rows);
	*b = (struct again_body){0};
}

void otlp_again_fini(struct otlp_again *a)
{
	for (size_t i = 0; i < AGAIN_BODIES; i++)
		buf_fini(&a->bodies[i].rows);
}
