/* The man pages know every command, every option and every key of the configuration, because the
 * tables are what they are checked against. Also the other way round for commands: a section for a
 * command that does not exist is a promise that is not kept. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/global.h"
#include "core/options.h"

/* The page without the escapes of a hyphen, so that names can be searched as they are typed. */
static char *read_page(const char *path)
{
	struct buf page = {0}, plain = {0};
	struct err err = {""};

	if (file_read(path, 1 << 20, &page, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < page.len; i++)
		if (page.data[i] != '\\' || (page.data[i + 1] != '-' && page.data[i + 1] != '&'))
			buf_append_c(&plain, page.data[i]);
		else if (page.data[i + 1] == '&')
			i++;
	buf_fini(&page);
	return buf_steal(&plain);
}

/* The section of a command: from its heading to the next. */
static char *section(const char *page, const char *name)
{
	char *heading = mem_printf("\n.Ss %s\n", name);
	const char *start = strstr(page, heading);
	const char *end = start ? strstr(start + 1, "\n.S") : NULL;
	char *text = start ? mem_strndup(start, end ? (size_t)(end - start) : strlen(start)) : NULL;

	free(heading);
	return text;
}

/* Options are written `.It Fl -since` (the first dash is Fl's). */
static void assert_options(const char *text, const struct command_option *rows, const char *where)
{
	for (; rows && rows->name; rows++) {
		char *item = mem_printf("\n.It Fl %s", rows->name + 1);
		const char *hit = strstr(text, item);

		if (hit == NULL || strchr(" \n,", hit[strlen(item)]) == NULL)
			fail_msg("man/llmdeck.1: %s: %s is missing", where, rows->name);
		free(item);
	}
}

static void every_command_and_option(void **state)
{
	char *page = read_page("man/llmdeck.1");

	(void)state;
	for (size_t i = 0; commands[i]; i++) {
		char *text = section(page, commands[i]->name);

		if (text == NULL)
			fail_msg("man/llmdeck.1: no section for %s", commands[i]->name);
		assert_options(text, commands[i]->options, commands[i]->name);
		free(text);
	}
	assert_options(page, global_options, "global options");
	free(page);
}

static void no_command_that_is_not_there(void **state)
{
	char *page = read_page("man/llmdeck.1");
	const char *at = strstr(page, "\n.Sh COMMANDS\n");
	const char *end = at ? strstr(at + 1, "\n.Sh ") : NULL;

	(void)state;
	assert_non_null(end);
	while ((at = strstr(at + 1, "\n.Ss ")) != NULL && at < end) {
		char name[32];

		assert_int_equal(sscanf(at, "\n.Ss %31s", name), 1);
		if (command_find(name) == NULL)
			fail_msg("man/llmdeck.1: there is no command %s", name);
	}
	free(page);
}

static void every_configuration_key(void **state)
{
	char *page = read_page("man/llmdeck.5");

	(void)state;
	for (int i = 0; i < OPTION_COUNT; i++) {
		char *item = mem_printf("\n.It Ic %s:", options[i].name);
		char *value = mem_printf("\nDefault: %s.\n", options[i].initial);

		if (strstr(page, item) == NULL)
			fail_msg("man/llmdeck.5: %s is missing", options[i].name);
		if (options[i].initial[0] && strstr(strstr(page, item), value) == NULL)
			fail_msg("man/llmdeck.5: %s: the default is %s", options[i].name, options[i].initial);
		free(item);
		free(value);
	}
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_and_option),
		cmocka_unit_test(no_command_that_is_not_there),
		cmocka_unit_test(every_configuration_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
