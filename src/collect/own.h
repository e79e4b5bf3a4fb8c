/* A mapping lends its constants to the rows it makes; a batch that is stored later must own them. */
#ifndef LLMDECK_COLLECT_OWN_H
#define LLMDECK_COLLECT_OWN_H

#include "core/event.h"

/* Copies every text of the batch's requests and feedback into its arena. Afterwards only cost_basis and
 * judge point elsewhere: into the price table and static text. Call it once, when the batch is full. */
void own_texts(struct batch *b);

#endif
