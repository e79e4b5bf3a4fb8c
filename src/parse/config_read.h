/* What the parts of the config reader share; private to src/parse/config*.c. Every function that
 * fails has put "PATH:LINE:COLUMN: …" into the reader's error and returns -1. */
#ifndef LLMDECK_PARSE_CONFIG_READ_H
#define LLMDECK_PARSE_CONFIG_READ_H

#include "base/buf.h"
#include "core/config.h"
#include "parse/config.h"
#include "parse/config_tree.h"

struct config_reader {
	struct config *config;
	const char *path;
	struct err *err;
};

/* An error at a node's value, or at its key. */
int config_fail(struct config_reader *r, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int config_fail_key(struct config_reader *r, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "unknown key `x`: did you mean `y`?", or the list of what is known. `known` ends in NULL. */
int config_unknown(struct config_reader *r, const struct node *n, const char *const *known);
/* The same for a value: "unknown metric `x` …". */
int config_unknown_value(struct config_reader *r, const struct node *n, const char *what,
                         const char *const *known);
/* The nearest of `known` when it is near enough to be meant, else NULL. */
const char *config_nearest(const char *word, const char *const *known);

int config_want(struct config_reader *r, const struct node *n, enum node_kind kind, const char *what);
/* Every key of the mapping must be among `known`. */
int config_check_keys(struct config_reader *r, const struct node *map, const char *const *known);
/* The texts live in the config's arena. A missing optional key leaves *out alone; a missing
 * required one is an error at the mapping. */
int config_text(struct config_reader *r, const struct node *map, const char *key, bool required,
                const char **out);
int config_duration(struct config_reader *r, const struct node *map, const char *key, int64_t *out_us);
/* Index into `choices` (NULL-terminated). */
int config_choice(struct config_reader *r, const struct node *map, const char *key,
                  const char *const *choices, int *out);
/* The number of items; a list of mappings is asked for. The array is zeroed, in the arena. */
int config_list(struct config_reader *r, const struct node *list, size_t item_bytes, void **out);
/* Names of a list's items must differ. */
int config_unique_names(struct config_reader *r, const struct node *list);
int config_where(struct config_reader *r, const struct node *map, struct view *out);
int config_metric(struct config_reader *r, const struct node *map, enum metric *out);
size_t node_count(const struct node *parent);

/* A share such as 5% or 0.05, 0-1; a missing key leaves *out alone. */
int config_share(struct config_reader *r, const struct node *map, const char *key, double *out);

/* A mapping with keys of its own kind: copied as pairs; secrets in it checked. `named` says that a
 * name is required. */
int config_section(struct config_reader *r, const struct node *map, bool named, struct config_section *out);

int config_read_rollouts(struct config_reader *r, const struct node *n);
int config_read_budgets(struct config_reader *r, const struct node *n);
int config_read_alerts(struct config_reader *r, const struct node *n);
int config_read_sources(struct config_reader *r, const struct node *n);
int config_read_notify(struct config_reader *r, const struct node *n);
int config_read_contexts(struct config_reader *r, const struct node *n);
int config_read_roles(struct config_reader *r, const struct node *n);
int config_read_keys(struct config_reader *r, const struct node *n);
int config_read_labels(struct config_reader *r, const struct node *n);
int config_read_safety(struct config_reader *r, const struct node *n);
int config_read_judges(struct config_reader *r, const struct node *n);
int config_read_tags(struct config_reader *r, const struct node *n);

#endif
