/* Names that repeat (service, model, …), copied into a batch once: a small table of those that it has.
 * Not thread-safe. */
#ifndef LLMDECK_CORE_TEXT_MEMO_H
#define LLMDECK_CORE_TEXT_MEMO_H

#include "core/event.h"

#define TEXT_MEMO_SLOTS 64

struct text_memo { /* zero-initialised is empty and valid */
	struct text_memo_slot {
		uint64_t batch; /* number of the batch whose arena holds `kept`, from 1 on */
		struct str kept;
	} slots[TEXT_MEMO_SLOTS];
};

/* What batch_text() makes of a name of up to EVENT_NAME_MAX_BYTES, or the same text from before.
 * `number` is the caller's for `b`, never used for another batch or again after a reset. */
struct str text_memo_name(struct text_memo *m, struct batch *b, uint64_t number, struct str s);

#endif
