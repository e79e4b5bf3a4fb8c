/* Direct-mapped: a name that meets another one in its slot replaces it. Only what was copied as it came is
 * kept, so that a name which had to be cut or repaired never answers for another. */
#include "core/text_memo.h"

#include "base/hash.h"

struct str text_memo_name(struct text_memo *m, struct batch *b, uint64_t number, struct str s)
{
	struct text_memo_slot *slot;
	struct str kept;

	if (s.len == 0)
		return (struct str){NULL, 0};
	slot = &m->slots[hash_name(s) % TEXT_MEMO_SLOTS];
	if (slot->batch == number && str_equal_name(slot->kept, s))
		return slot->kept;
	kept = batch_text(b, s, EVENT_NAME_MAX_BYTES);
	if (str_equal_name(kept, s))
		*slot = (struct text_memo_slot){number, kept};
	return kept;
}
