/* What the tests that drive a console share: expectations that wait and show the screen when they fail,
 * the end of a console, and a demo whose invented past is stored. Needs cmocka before it. */
#ifndef LLMDECK_TESTS_SCREEN_ASSERTS_H
#define LLMDECK_TESTS_SCREEN_ASSERTS_H

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "screen.h"

#define SOON 20000    /* ms: generous, for sanitizers on a busy machine */
#define FILLED 150000 /* ms: until the demo's invented past is stored, likewise */

/* The whole screen is printed, which fail_msg() would cut. */
#define screen_fail(s, ...) \
	do { \
		fprintf(stderr, "%s\n", screen_text(s)); \
		fail_msg(__VA_ARGS__); \
	} while (0)
#define assert_shows(s, text) \
	do { \
		if (!screen_wait_text(s, text, SOON)) \
			screen_fail(s, "\"%s\" did not appear", text); \
	} while (0)
#define assert_gone(s, text) \
	do { \
		if (!screen_wait_gone(s, text, SOON)) \
			screen_fail(s, "\"%s\" did not go", text); \
	} while (0)

/* `q` ends it well, the terminal is as it was, and nothing was sent that no program should send. */
static inline void screen_quit(struct screen **s)
{
	int status;

	screen_send(*s, "q");
	status = screen_wait_exit(*s, SOON);
	if (status == -1)
		screen_fail(*s, "q did not quit");
	assert_int_equal(status, 0);
	if (!screen_restored(*s))
		fail_msg("not restored: %s", screen_why_not_restored(*s));
	assert_null(screen_forbidden(screen_bytes(*s)));
	screen_free(s);
}

/* `as`: "request", "feedback" or "billing". */
static inline void screen_import(const char *store, const char *log, const char *as)
{
	const char *argv[] = {screen_binary(), "--store", store, "import", log, "--as", as, NULL};
	struct buf out = {0};

	if (screen_run(argv, NULL, &out) != 0)
		fail_msg("import: %s", out.data ? out.data : "");
	assert_non_null(strstr(out.data, "rejected 0"));
	buf_fini(&out);
}

static inline struct screen *screen_start_demo(const char *speed, const char *incident, int width, int height)
{
	const char *argv[] = {screen_binary(), "demo", "--speed", speed, "--incident", incident, NULL};

	return screen_start(argv, NULL, width, height);
}

/* The header says LIVE with an age from the first rows on, which are an hour old: the past is stored when
 * the age is one of seconds. */
static inline void screen_wait_filled(struct screen *s)
{
	int64_t until_us = clock_mono_us() + FILLED * US_PER_MS;
	const char *live;

	for (;;) {
		size_t digits = 0;

		live = strstr(screen_row(s, 0), "LIVE ");
		while (live && isdigit((unsigned char)live[5 + digits]))
			digits++;
		if (digits > 0 && live[5 + digits] == 's')
			return;
		if (clock_mono_us() > until_us)
			screen_fail(s, "the demo does not come to life");
		screen_settle(s, 50, 100);
	}
}

/* A file in the folder of the one demo that runs: its "control.sock", its store by THROWAWAY_STORE. Waited
 * for. */
static inline void screen_demo_file(struct screen *demo, const char *name, char *out, size_t cap)
{
	int64_t until_us = clock_mono_us() + SOON * US_PER_MS;
	char pattern[300];
	glob_t found;

	snprintf(pattern, sizeof pattern, "%s/llmdeck/demo-*/%s", screen_folder(), name);
	while (glob(pattern, 0, NULL, &found) != 0) {
		globfree(&found);
		if (clock_mono_us() > until_us)
			fail_msg("no demo runs: %s", pattern);
		screen_settle(demo, 50, 100);
	}
	snprintf(out, cap, "%s", found.gl_pathv[0]);
	globfree(&found);
}

#endif
