/* The console without a screen: once as text, or as lines that are only ever added. */
#ifndef LLMDECK_CONSOLE_PLAIN_H
#define LLMDECK_CONSOLE_PLAIN_H

#include "console/console.h"

/* Prints one screen to stdout, as wide as asked for, the terminal, or COLUMNS × LINES (80×24). */
int console_print_once(const struct console_options *o, struct err *err);
/* Prints a line for each signal, and then one for whatever changes, until stopped or once when
 * o->once. For screen readers and logs. */
int console_run_lines(const struct console_options *o, struct err *err);

#endif
