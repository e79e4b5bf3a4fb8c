/* A terminal for tests: the real binary in a pty, its output drawn by libvterm. Everything waits for a
 * condition with a deadline; nothing sleeps or counts bytes. */
#ifndef LLMDECK_TESTS_SCREEN_H
#define LLMDECK_TESTS_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct screen;

struct screen_cell {
	char text[32]; /* UTF-8; "" for an empty cell */
	bool bold, reverse, underline;
	bool own_foreground, own_background; /* not the terminal's defaults */
	int width;     /* columns: 1 or 2 */
};

/* Starts argv (NULL-terminated; argv[0] a path) on a terminal of that size. The environment is PATH, a
 * HOME, XDG_* folders of the test's own, TERM=xterm-256color, LANG=C.UTF-8, and then `env`, a
 * NULL-terminated list of "NAME=VALUE" or "NAME" (unset), may be NULL. Fails the test when it cannot. */
struct screen *screen_start(const char *const *argv, const char *const *env, int width, int height);
/* Kills it if it still runs, and frees. */
void screen_free(struct screen **s);

/* Reads what comes until the text stands somewhere on the screen (in row y; gone from it), at most
 * timeout_ms. False when the time ran out or the program ended first. */
bool screen_wait_text(struct screen *s, const char *text, int timeout_ms);
bool screen_wait_row(struct screen *s, int y, const char *text, int timeout_ms);
bool screen_wait_gone(struct screen *s, const char *text, int timeout_ms);
/* Reads until nothing has come for quiet_ms. */
void screen_settle(struct screen *s, int quiet_ms, int timeout_ms);
/* Waits for the end; the status as waitpid gives it, or -1 when the time ran out. */
int screen_wait_exit(struct screen *s, int timeout_ms);

void screen_send(struct screen *s, const char *bytes);
void screen_send_bytes(struct screen *s, const void *bytes, size_t len);
void screen_resize(struct screen *s, int width, int height);
void screen_signal(struct screen *s, int signal);

pid_t screen_pid(const struct screen *s);
int screen_width(const struct screen *s);
int screen_height(const struct screen *s);
struct screen_cell screen_cell(const struct screen *s, int x, int y);
/* Row y as text, trailing blanks cut; valid until the next call. */
const char *screen_row(struct screen *s, int y);
/* Finds text; false when it is nowhere. x counts cells. */
bool screen_find(struct screen *s, const char *text, int *x, int *y);
/* The whole screen, one line a row (for failure messages); valid until the next call. */
const char *screen_text(struct screen *s);

/* Everything the program has written. */
const struct buf *screen_bytes(const struct screen *s);
/* Whether the terminal is as a shell expects it: main screen, cursor visible, canonical input with echo,
 * no mouse or paste reports. */
bool screen_restored(const struct screen *s);
/* What is not; NULL when all is well. */
const char *screen_why_not_restored(const struct screen *s);

/* A folder of the test program's own, made at the first call and removed at exit. */
const char *screen_folder(void);
/* The binary under test: LLMDECK_BINARY, else build/llmdeck. */
const char *screen_binary(void);
/* Runs argv to its end with the same environment, no terminal; its output into `out` (may be NULL).
 * Returns the exit code, -1 when it was killed. */
int screen_run(const char *const *argv, const char *const *env, struct buf *out);

/* The first sequence in `bytes` that no program should send for outside text: a C1 control, an OSC,
 * DCS, APC or PM other than the allowed ones, a C0 control beside those terminals are driven with.
 * NULL when there is none, else a description. */
const char *screen_forbidden(const struct buf *bytes);

#endif
