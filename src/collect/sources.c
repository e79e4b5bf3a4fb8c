/* The source kinds. */
#include <string.h>

#include "collect/source.h"
#include "core/section.h"

extern const struct source demo_source;
extern const struct source otlp_source;
extern const struct source prometheus_source;
extern const struct source promql_source;
extern const struct source tail_source;

const struct source *const sources[] = {
	&demo_source,
	&otlp_source,
	&prometheus_source,
	&promql_source,
	&tail_source,
	NULL,
};

const struct source *source_find(const char *kind)
{
	for (size_t i = 0; sources[i]; i++) {
		if (strcmp(sources[i]->kind, kind) == 0)
			return sources[i];
	}
	return NULL;
}

const char *source_state_name(enum source_state s)
{
	static const char *const names[] = {
		[SOURCE_STARTING] = "starting", [SOURCE_OK] = "ok", [SOURCE_PAUSED] = "paused",
		[SOURCE_FAILING] = "failing", [SOURCE_DENIED] = "denied",
	};

	return names[s];
}

union option_value *source_options(const struct source *s, const struct config_section *section,
                                   const char *config_path, struct err *err)
{
	return section_options(s->options, section, "source", config_path, err);
}
