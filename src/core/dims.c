/* Names of dimensions and attributes: two tables. */
#include "core/dims.h"

static const struct {
	const char *name, *heading;
} dims[DIM_COUNT] = {
	[DIM_SERVICE] = {"service", "SERVICE"},
	[DIM_ENVIRONMENT] = {"environment", "ENVIRONMENT"},
	[DIM_DEPLOYMENT] = {"deployment", "DEPLOYMENT"},
	[DIM_PROVIDER] = {"provider", "PROVIDER"},
	[DIM_MODEL] = {"model", "MODEL"},
	[DIM_TEAM] = {"team", "TEAM"},
	[DIM_REGION] = {"region", "REGION"},
};

static const char *const attrs[ATTR_COUNT] = {
	[ATTR_USER] = "user",
	[ATTR_KEY] = "key",
	[ATTR_TENANT] = "tenant",
	[ATTR_SESSION] = "session",
	[ATTR_TOOL] = "tool",
	[ATTR_PROMPT_VERSION] = "prompt_version",
	[ATTR_TAG0] = "tag0", "tag1", "tag2", "tag3", "tag4", "tag5", "tag6", "tag7",
};

const char *dim_name(enum dim d)
{
	return dims[d].name;
}

const char *dim_heading(enum dim d)
{
	return dims[d].heading;
}

bool dim_from_name(struct str name, enum dim *out)
{
	for (int d = 0; d < DIM_COUNT; d++) {
		if (str_equal_c(name, dims[d].name)) {
			*out = (enum dim)d;
			return true;
		}
	}
	return false;
}

const char *attr_name(enum attr a)
{
	return attrs[a];
}

bool attr_from_name(struct str name, enum attr *out)
{
	for (int a = 0; a < ATTR_COUNT; a++) {
		if (str_equal_c(name, attrs[a])) {
			*out = (enum attr)a;
			return true;
		}
	}
	return false;
}
