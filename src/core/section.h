/* How a section of the config (a source, an actuator) becomes its kind's options. */
#ifndef LLMDECK_CORE_SECTION_H
#define LLMDECK_CORE_SECTION_H

#include "base/err.h"
#include "core/config.h"
#include "core/options.h"

/* Checks a section against its kind's table (name NULL ends it; a row whose name ends in ".*" lets
 * every nested key through; a row whose `initial` is NULL must be given). `what` is "source" or
 * "actuator", for words. Returns an owned array with a value for each row (texts point into the section
 * or the table; open rows are left zero), NULL with a sentence that names line and column. */
union option_value *section_options(const struct option_row *rows, const struct config_section *section,
                                    const char *what, const char *config_path, struct err *err);

/* The value of a key as written, NULL when it is not given. */
const char *section_value(const struct config_section *section, const char *key);

#endif
