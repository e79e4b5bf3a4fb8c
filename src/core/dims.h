/* The few dimensions that panels group and filter by, and that rollups are kept for. */
#ifndef LLMDECK_CORE_DIMS_H
#define LLMDECK_CORE_DIMS_H

#include <stdbool.h>

#include "base/str.h"

enum dim {
	DIM_SERVICE,     /* service.name */
	DIM_ENVIRONMENT, /* deployment.environment.name */
	DIM_DEPLOYMENT,  /* the variant that answered */
	DIM_PROVIDER,    /* gen_ai.provider.name */
	DIM_MODEL,       /* gen_ai.response.model, else the one asked for */
	DIM_TEAM,
	DIM_REGION,
	DIM_COUNT
};

/* Field name as used in config, --by, --where and output: "service", "environment", … */
const char *dim_name(enum dim d);
/* Column heading: "SERVICE". */
const char *dim_heading(enum dim d);
bool dim_from_name(struct str name, enum dim *out);

/* The many-valued attributes, kept in raw rows and in bounded top-K summaries. */
enum attr {
	ATTR_USER,
	ATTR_KEY, /* API key's alias or hash, never the key */
	ATTR_TENANT,
	ATTR_SESSION,
	ATTR_TOOL,
	ATTR_PROMPT_VERSION,
	ATTR_TAG0, /* eight tags declared in the config */
	ATTR_COUNT = ATTR_TAG0 + 8
};
#define TAG_MAX 8
/* "user", …; tags are "tag0".."tag7" here, their configured names are the config's business. */
const char *attr_name(enum attr a);
bool attr_from_name(struct str name, enum attr *out);

#endif
