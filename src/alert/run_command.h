/* A configured command with a text on its standard input, watched by the loop. */
#ifndef LLMDECK_ALERT_RUN_COMMAND_H
#define LLMDECK_ALERT_RUN_COMMAND_H

#include "base/err.h"
#include "base/str.h"
#include "net/loop.h"

struct command_run;

/* Runs `sh -c command` in a process group of its own, with LLMDECK_STATUS=what in its environment;
 * `input` is copied. done() comes on the loop's thread, once, never from within: with ok when it ended
 * with 0, else with a sentence. It is killed after timeout_us. NULL with a sentence when it cannot be
 * started. */
struct command_run *command_run_start(struct loop *loop, const char *command, struct str input, const char *what, int64_t timeout_us,
                                      void (*done)(void *arg, bool ok, const char *words), void *arg, struct err *err);
/* Kills it; done() is not called. NULL is fine. */
void command_run_cancel(struct command_run **run);

#endif
