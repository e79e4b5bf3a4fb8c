/* Any bytes as a configuration: read or refused with a place, never half kept. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parse/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;
	struct err err = {""};

	if (config_parse(&c, (struct str){(const char *)data, size}, "f", &err) == 0) {
		config_fini(&c);
		return 0;
	}
	if (strncmp(err.text, "f:", 2) != 0 || c.arena.chunk || c.source_count)
		abort();
	return 0;
}
