/* What patterns can tell of a text's safety, offline: attempts to talk a model out of its
 * instructions, and the words of block lists. Pure. What needs understanding (self-harm, violence in
 * context) is not claimed: providers' own verdicts come with the telemetry. */
#ifndef LLMDECK_JUDGE_SAFETY_H
#define LLMDECK_JUDGE_SAFETY_H

#include <stddef.h>

#include "base/str.h"

struct safety_finding {
	const char *category; /* "jailbreak", "prompt_injection", or a block list's */
	int severity;         /* 0-7 */
	const char *why;      /* the rule that weighed most; for people */
};

/* Attempts to make a model drop its rules (jailbreak) or follow text that poses as instructions
 * (prompt_injection). Adds up the weights of the rules that match; from 1 on it is a finding, and the
 * severity grows with the sum. At most one finding of each; returns how many (0-2). */
size_t safety_find_attacks(struct str text, struct safety_finding out[2]);

/* One entry of a block list: a word or a phrase of words, matched without case at word boundaries;
 * a word may end in '*'. */
struct safety_block {
	const char *phrase, *category;
	int severity; /* 0-7 */
};
/* The findings of a block list, the most severe of each category; returns how many (at most cap). */
size_t safety_find_blocked(struct str text, const struct safety_block *list, size_t count,
                           struct safety_finding *out, size_t cap);

/* A configuration's block lists, ready for use; immutable, for every thread. Patterns that are no
 * regular expressions were refused when the configuration was read, and are passed over here. */
struct config_block;
struct safety_lists;
struct safety_lists *safety_lists_new(const struct config_block *blocks, size_t count);
void safety_lists_free(struct safety_lists **lists);
/* What the words and patterns find in the first 8 KiB, the most severe of each category; returns how
 * many (at most cap). Categories and reasons live as long as the lists. */
size_t safety_lists_find(const struct safety_lists *lists, struct str text, struct safety_finding *out, size_t cap);

#endif
