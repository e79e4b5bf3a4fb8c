/* How commands speak: errors, whole outputs, the size of the terminal, and formats. */
#ifndef LLMDECK_CLI_OUTPUT_H
#define LLMDECK_CLI_OUTPUT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/command.h"
#include "console/control_client.h"

/* Prints "llmdeck: sentence" to stderr, outside bytes made harmless; returns `code`. */
int cli_fail(enum exit_code code, const struct err *err);
/* The same from a format. */
int cli_failf(enum exit_code code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* How a command ends that asked the collector. */
enum exit_code cli_control_code(enum control_result result);
/* A line to stderr that is no error. */
void cli_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Writes everything to stdout. EXIT_DONE, also when the reader has gone (a closed pipe);
 * EXIT_FAILED with a sentence when it cannot be written. */
int cli_print(const struct buf *text);

enum output_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV };
extern const char *const output_formats[]; /* names in order of the enum, NULL-terminated */
extern const char *const output_formats_deep[]; /* the same without csv: for what is no flat table */

/* Columns of the terminal on stdout; COLUMNS wins; `otherwise` when it is no terminal. 20-1000. */
int cli_columns(int otherwise);
/* Whether the locale's character set is UTF-8 (after setlocale). */
bool cli_utf8(void);

#endif
