/* Words that several commands' options take and that only the program or the machine knows: for the
 * tables of choices (cli/command.h). Each appends its words, one a line. */
#ifndef LLMDECK_CLI_CHOICES_H
#define LLMDECK_CLI_CHOICES_H

#include "base/buf.h"

/* Pages and panels. */
void choices_places(struct buf *words);
/* The installed themes; reads their folder. */
void choices_themes(struct buf *words);
/* What figures are grouped and filtered by: service, model … */
void choices_dims(struct buf *words);

#endif
