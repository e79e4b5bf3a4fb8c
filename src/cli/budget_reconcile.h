/* `llmdeck budget reconcile`: the imported bill beside our own figure. */
#ifndef LLMDECK_CLI_BUDGET_RECONCILE_H
#define LLMDECK_CLI_BUDGET_RECONCILE_H

#include "cli/args.h"
#include "cli/global.h"

/* `format`: as output_formats has them. Returns the exit code. */
int budget_reconcile(const struct global *g, const struct args *a, int format);

#endif
