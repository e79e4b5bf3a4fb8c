/* Words for the shell, in commands that are printed for people to run. */
#ifndef LLMDECK_BASE_SHELL_H
#define LLMDECK_BASE_SHELL_H

#include "base/buf.h"

/* Appends `word` as one word: in single quotes where it needs them, control characters left out. */
void shell_append_word(struct buf *out, const char *word);

#endif
