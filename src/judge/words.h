/* English text as words, for the judges: one pass, no allocation. Pure. */
#ifndef LLMDECK_JUDGE_WORDS_H
#define LLMDECK_JUDGE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum word_kind {
	WORD_LETTERS, /* a word; `lower` holds it in lower case, apostrophes straightened */
	WORD_NUMBER,
	WORD_EMOTICON, /* ":-)" and the like, as written */
	WORD_EMOJI,    /* one character */
	WORD_LINK,     /* a URL, an @name */
	WORD_STOP,     /* . ; : and line ends: closes a clause */
	WORD_COMMA,
	WORD_QUESTION,
	WORD_SHOUT, /* ! */
};

#define WORD_MAX_BYTES 40

struct word {
	enum word_kind kind;
	struct str text;            /* as written, in the input */
	char lower[WORD_MAX_BYTES]; /* LETTERS: NUL-terminated, cut */
	uint8_t len;                /* of lower */
	bool capitals;              /* LETTERS: two or more letters, all of them capitals */
	bool stretched;             /* LETTERS: "sooo": a letter three times; `lower` keeps one of them */
	bool tag;                   /* LETTERS: stands behind a # */
};

/* Takes the next word from the front of *rest; false at the end. Bytes that are not UTF-8 and other
 * characters are passed over. */
bool words_next(struct str *rest, struct word *out);

/* A stretched word ("goooood") once more into its `lower`, each run of three letters or more as one letter or, where
 * the run's bit of `doubled` is set, as two. False when it has fewer runs than that. */
bool words_restretch(struct word *w, unsigned doubled);

/* Fills up to `cap` words; returns how many. */
size_t words_split(struct str text, struct word *out, size_t cap);

#endif
