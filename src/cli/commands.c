/* The table of commands, in the order in which the help lists them. */
#include <stddef.h>

#include "cli/command.h"


const struct command *const commands[] = {
	NULL,
};
