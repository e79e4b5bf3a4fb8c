/* Defaults and the end of a configuration. Everything but the defaults' texts (which are string
 * literals of the option table) lives in the arena, so that the end is one call. */
#include "core/config.h"

#include <string.h>

void config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	for (int i = 0; i < OPTION_COUNT; i++)
		option_parse(&options[i], options[i].initial, &c->options[i], NULL);
}

void config_fini(struct config *c)
{
	arena_fini(&c->arena);
	memset(c, 0, sizeof(*c));
}
