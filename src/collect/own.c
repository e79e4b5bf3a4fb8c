/* Neighbouring rows mostly share their texts: each field remembers its last one, so that a constant is
 * copied once a batch. */
#include "collect/own.h"

#define FIELDS_MAX (DIM_COUNT + ATTR_COUNT + 8)

struct copied {
	struct str from, to;
};

static void own(struct batch *b, struct str *s, struct copied *last)
{
	if (s->len == 0)
		return;
	if (s->ptr != last->from.ptr || s->len != last->from.len)
		*last = (struct copied){*s, {arena_copy(&b->arena, s->ptr, s->len), s->len}};
	*s = last->to;
}

static void own_flags(struct batch *b, struct request *r)
{
	struct flag *flags;

	if (r->flag_count == 0)
		return;
	flags = arena_alloc(&b->arena, r->flag_count * sizeof *flags);
	for (uint32_t i = 0; i < r->flag_count; i++) {
		flags[i] = r->flags[i];
		own(b, &flags[i].category, &(struct copied){0});
	}
	r->flags = flags;
}

void own_texts(struct batch *b)
{
	struct copied requests[FIELDS_MAX] = {0}, feedback[FIELDS_MAX] = {0};

	for (size_t i = 0; i < b->request_count; i++) {
		struct request *r = &b->requests[i];
		struct str *const texts[] = {&r->operation, &r->request_model, &r->error_type, &r->finish_reason, &r->outcome, &r->source};
		size_t at = 0;
		for (int d = 0; d < DIM_COUNT; d++)
			own(b, &r->dims[d], &requests[at++]);
		for (int a = 0; a < ATTR_COUNT; a++)
			own(b, &r->attrs[a], &requests[at++]);
		for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
			own(b, texts[t], &requests[at++]);
		own_flags(b, r);
	}
	for (size_t i = 0; i < b->feedback_count; i++) {
		struct feedback *f = &b->feedback[i];
		struct str *const texts[] = {&f->id, &f->text, &f->user, &f->language, &f->source};
		size_t at = 0;
		for (int d = 0; d < DIM_COUNT; d++)
			own(b, &f->dims[d], &feedback[at++]);
		for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
			own(b, texts[t], &feedback[at++]);
	}
}
