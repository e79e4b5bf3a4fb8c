/* Opens a trace in the console as a person does, by `:trace ID` on a terminal, and prints the screen:
 * show_trace ID TEXT LLMDECK ARGUMENT…, where TEXT stands on the page once it is there. For
 * test_clients.py, which makes the trace with a real client. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "screen/screen.h"

#define SOON 20000

static char **words;

static void show(void **state)
{
	char command[64], token[128];
	const char *env[] = {token, NULL}, *shown = getenv("REAL_TOKEN");

	(void)state;
	snprintf(token, sizeof token, "REAL_TOKEN=%s", shown ? shown : "");
	struct screen *s = screen_start((const char *const *)(words + 3), env, 132, 43);

	/* The key line says that the console takes keys. */
	if (!screen_wait_text(s, "?help", SOON))
		fail_msg("the console does not begin:\n%s", screen_text(s));
	snprintf(command, sizeof command, ":trace %.32s\r", words[1]);
	screen_send(s, command);
	if (!screen_wait_text(s, words[1], SOON) || !screen_wait_text(s, words[2], SOON))
		fail_msg("the trace does not open:\n%s", screen_text(s));
	screen_settle(s, 300, SOON);
	printf("%s\n", screen_text(s));
	screen_free(&s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(show)};

	if (argc < 4) {
		fprintf(stderr, "usage: show_trace ID TEXT LLMDECK ARGUMENT...\n");
		return 2;
	}
	words = argv;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
