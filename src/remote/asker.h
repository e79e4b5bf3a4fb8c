/* Asking one service (service.h) on a loop: one batch at a time, within a budget a day, with what was
 * answered lately remembered, and pauses that suit what went wrong. Loop's thread. */
#ifndef LLMDECK_REMOTE_ASKER_H
#define LLMDECK_REMOTE_ASKER_H

#include <stdint.h>

#include "core/config.h"
#include "net/loop.h"
#include "remote/service.h"

struct asker;

/* Whether the options are right, secrets included. `values` are the section's, by the service's rows. */
int asker_check(const struct service *s, const union option_value *values, const struct config_section *section, struct err *err);
/* All borrowed until asker_free(). calls_today: how many of the day's (UTC) were made before. */
int asker_new(struct asker **out, struct loop *loop, const struct service *s, const union option_value *values,
              const struct config_section *section, int64_t calls_today, struct err *err);
/* Gives up what is under way without a word. NULL is fine. */
void asker_free(struct asker **a);

/* Microseconds until a batch can be given; 0: now. While one is under way, when to look again. */
int64_t asker_wait_us(const struct asker *a);

/* Called once for each asker_ask(): `judged` says whether verdicts holds what the service said (a text that it
 * would not judge, or whose answer made no sense three times, has `why`); else nothing was learned, and the
 * same texts may be given again after asker_wait_us(). Perhaps before asker_ask() returns. */
typedef void asker_done(void *arg, bool judged, struct service_verdict *verdicts, size_t count);
/* 1 to s->batch_max texts, which are copied. */
void asker_ask(struct asker *a, const struct service_text *texts, size_t count, asker_done *done, void *arg);

enum asker_state { ASKER_OK, ASKER_FAILING, ASKER_DENIED, ASKER_SPENT };
enum asker_state asker_state(const struct asker *a);
/* Why, as a sentence; "" while all is well. */
const char *asker_words(const struct asker *a);
int64_t asker_took_us(const struct asker *a); /* the last call; 0: none yet */
int64_t asker_calls(const struct asker *a);   /* today's */

#endif
