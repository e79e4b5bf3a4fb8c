/* An answer to people's own SQL as text: what `llmdeck query` prints and the console exports. */
#ifndef LLMDECK_STORE_ASK_TEXT_H
#define LLMDECK_STORE_ASK_TEXT_H

#include "base/buf.h"
#include "store/ask.h"

/* One cell: a number in full, text as it is (from outside), a blob in hexadecimal, nothing for NULL. */
void answer_cell_append(struct buf *out, const struct answer_cell *cell);
void answer_append_json(const struct answer *a, struct buf *out);
void answer_append_csv(const struct answer *a, struct buf *out);

#endif
