/* Feedback items as lines for other programs: JSONL, CSV that a spreadsheet does not run, cases of a data
 * set in the chat format. */
#ifndef LLMDECK_CLI_FEEDBACK_EXPORT_H
#define LLMDECK_CLI_FEEDBACK_EXPORT_H

#include "store/query_feedback.h"

/* One object and a newline. Texts, notes and corrected answers only `with_text`, redacted anew. */
void feedback_put_json(const struct feedback_item *item, bool with_text, struct buf *out);
/* The heading, and one row; texts are made harmless, and none begins as a formula does. */
void feedback_put_csv_head(bool with_text, struct buf *out);
void feedback_put_csv(const struct feedback_item *item, bool with_text, struct buf *out);
/* {"messages":[{"role":"user",…},{"role":"assistant",…}],"metadata":{…}} and a newline: the question with the
 * corrected answer. False: the item is no case, or its question was not kept. */
bool feedback_put_case(const struct feedback_item *item, struct buf *out);

#endif
