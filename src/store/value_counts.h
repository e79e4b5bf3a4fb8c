/* Counting bad and all requests by every value of every attribute in one walk, in bounded memory, and
 * keeping a sample of rows from which values are told apart that go together. Internal to store/. */
#ifndef LLMDECK_STORE_VALUE_COUNTS_H
#define LLMDECK_STORE_VALUE_COUNTS_H

#include "core/bad.h"
#include "core/suspects.h"
#include "store/query_scan.h"

/* The attributes, those that one can act on first: of two that say the same the first is named. */
enum subject {
	SUBJECT_DEPLOYMENT, SUBJECT_PROMPT_VERSION, SUBJECT_MODEL, SUBJECT_PROVIDER, SUBJECT_TOOL, SUBJECT_REGION, SUBJECT_SERVICE,
	SUBJECT_ENVIRONMENT, SUBJECT_ERROR_TYPE, SUBJECT_FINISH_REASON, SUBJECT_INPUT, SUBJECT_OUTPUT, SUBJECT_ATTEMPT, SUBJECT_TENANT,
	SUBJECT_KEY, SUBJECT_USER, SUBJECT_TEAM, SUBJECT_SOURCE, SUBJECT_REQUEST_MODEL, SUBJECT_OPERATION, SUBJECT_OUTCOME,
	SUBJECT_HTTP_STATUS, SUBJECT_SESSION, SUBJECT_TAG0, SUBJECT_COUNT = SUBJECT_TAG0 + TAG_MAX
};
const char *subject_name(enum subject s);

struct value_counts;

/* two_windows: bad is the one window, good the other; what lives for a while only explains nothing then. */
struct value_counts *value_counts_new(const struct bad *bad, bool two_windows);
void value_counts_free(struct value_counts **c);
/* Fields and attributes a walk must read. */
unsigned value_counts_attrs(void);
void value_counts_add(struct value_counts *c, const struct scan_row *row, bool is_bad);
/* Appends every value that occurs in a bad request to the owned list, weighed; those of most evidence first
 * and no more than `most`. *tried: how many values there were. */
size_t value_counts_weigh(struct value_counts *c, const struct store_reader *r, struct suspect **list, size_t most, size_t *tried);
/* Ranks a list that value_counts_weigh() gave. */
void value_counts_rank(struct value_counts *c, struct suspect *list, size_t count, size_t tried);
/* "gpt-4o", "4k-8k": appended. */
void value_counts_text(const struct value_counts *c, const struct store_reader *r, const struct suspect *s, struct buf *out);
int64_t value_counts_bad(const struct value_counts *c);
int64_t value_counts_total(const struct value_counts *c);

/* Whether a named value may be counted too low, because rare values of its attribute were let go. Then, and
 * only then, the list is counted once more: begin again, add every row of a second walk, weigh again. */
bool value_counts_unsure(const struct value_counts *c, const struct suspect *list, size_t count);
void value_counts_begin_again(const struct value_counts *c, struct suspect *list, size_t count);
void value_counts_add_again(const struct value_counts *c, const struct scan_row *row, bool is_bad, struct suspect *list,
                            size_t count);
void value_counts_weigh_again(const struct value_counts *c, struct suspect *list, size_t count, size_t tried);

#endif
