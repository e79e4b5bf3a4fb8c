/* One row takes one key, or by ".*" every key below it. */
#include "core/section.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool is_open(const struct option_row *row)
{
	return strchr(row->name, '*') != NULL;
}

static bool row_takes(const struct option_row *row, const char *key)
{
	size_t len = strlen(row->name);

	if (len > 2 && strcmp(row->name + len - 2, ".*") == 0)
		return strncmp(row->name, key, len - 1) == 0;
	return strcmp(row->name, key) == 0;
}

static bool any_takes(const struct option_row *rows, const char *key)
{
	for (const struct option_row *row = rows; row->name; row++) {
		if (row_takes(row, key))
			return true;
	}
	return false;
}

static const struct config_pair *pair_of(const struct config_section *section, const char *key)
{
	for (size_t i = 0; i < section->pair_count; i++) {
		if (strcmp(section->pairs[i].key, key) == 0)
			return &section->pairs[i];
	}
	return NULL;
}

const char *section_value(const struct config_section *section, const char *key)
{
	const struct config_pair *pair = pair_of(section, key);

	return pair ? pair->value : NULL;
}

static int check_keys(const struct option_row *rows, const struct config_section *section, const char *what,
                      const char *config_path, struct err *err)
{
	for (size_t i = 0; i < section->pair_count; i++) {
		const struct config_pair *pair = &section->pairs[i];

		if (!any_takes(rows, pair->key))
			return err_set(err, "%s:%d:%d: unknown key `%s` of %s kind %s: see llmdeck(5)", config_path,
			               pair->line, pair->column, pair->key, what, section->kind);
	}
	return 0;
}

static int read_row(const struct option_row *row, const struct config_section *section, const char *what,
                    const char *config_path, union option_value *out, struct err *err)
{
	const struct config_pair *pair = pair_of(section, row->name);

	if (!pair && !row->initial)
		return err_set(err, "%s:%d:%d: %s %s lacks `%s`: %s", config_path, section->line, section->column, what,
		               section->name ? section->name : section->kind, row->name, row->text);
	if (option_parse(row, pair ? pair->value : row->initial, out, err))
		return err_wrap(err, "%s:%d:%d", config_path, pair ? pair->line : section->line,
		                pair ? pair->column : section->column);
	return 0;
}

union option_value *section_options(const struct option_row *rows, const struct config_section *section,
                                    const char *what, const char *config_path, struct err *err)
{
	size_t count = 0;

	if (check_keys(rows, section, what, config_path, err))
		return NULL;
	while (rows[count].name)
		count++;
	union option_value *values = mem_zalloc((count + 1) * sizeof(*values));

	for (size_t i = 0; i < count; i++) {
		if (is_open(&rows[i]))
			continue;
		if (read_row(&rows[i], section, what, config_path, &values[i], err)) {
			free(values);
			return NULL;
		}
	}
	return values;
}
