/* The source kinds, and how a section of the config becomes a kind's options. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collect/source.h"

extern const struct source demo_source;
extern const struct source otlp_source;
extern const struct source prometheus_source;

const struct source *const sources[] = {
	&demo_source,
	&otlp_source,
	&prometheus_source,
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

static bool row_takes(const struct option_row *row, const char *key)
{
	size_t len = strlen(row->name);

	if (len > 2 && strcmp(row->name + len - 2, ".*") == 0)
		return strncmp(row->name, key, len - 1) == 0;
	return strcmp(row->name, key) == 0;
}

static bool is_open(const struct option_row *row)
{
	return strchr(row->name, '*') != NULL;
}

static const struct option_row *row_for(const struct source *s, const char *key)
{
	for (const struct option_row *row = s->options; row->name; row++) {
		if (row_takes(row, key))
			return row;
	}
	return NULL;
}

static int check_keys(const struct source *s, const struct config_section *section,
                      const char *config_path, struct err *err)
{
	for (size_t i = 0; i < section->pair_count; i++) {
		const struct config_pair *pair = &section->pairs[i];

		if (!row_for(s, pair->key))
			return err_set(err, "%s:%d:%d: unknown key `%s` of source kind %s: see llmdeck(5)",
			               config_path, pair->line, pair->column, pair->key, s->kind);
	}
	return 0;
}

static const struct config_pair *pair_of(const struct config_section *section, const char *key)
{
	for (size_t i = 0; i < section->pair_count; i++) {
		if (strcmp(section->pairs[i].key, key) == 0)
			return &section->pairs[i];
	}
	return NULL;
}

static int read_row(const struct option_row *row, const struct config_section *section,
                    const char *config_path, union option_value *out, struct err *err)
{
	const struct config_pair *pair = pair_of(section, row->name);

	if (!pair && !row->initial)
		return err_set(err, "%s:%d:%d: source %s lacks `%s`: %s", config_path, section->line,
		               section->column, section->name, row->name, row->text);
	if (option_parse(row, pair ? pair->value : row->initial, out, err))
		return err_wrap(err, "%s:%d:%d", config_path, pair ? pair->line : section->line,
		                pair ? pair->column : section->column);
	return 0;
}

union option_value *source_options(const struct source *s, const struct config_section *section,
                                   const char *config_path, struct err *err)
{
	size_t count = 0;

	if (check_keys(s, section, config_path, err))
		return NULL;
	while (s->options[count].name)
		count++;
	union option_value *values = mem_zalloc((count + 1) * sizeof(*values));

	for (size_t i = 0; i < count; i++) {
		if (is_open(&s->options[i]))
			continue;
		if (read_row(&s->options[i], section, config_path, &values[i], err)) {
			free(values);
			return NULL;
		}
	}
	return values;
}
