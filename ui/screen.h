/* The screen of a terminal: shows a surface, gives keys. Hides curses; include this, never curses.
 * One screen at a time in a process; one thread (the UI thread) uses it. */
#ifndef LLMDECK_UI_SCREEN_H
#define LLMDECK_UI_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ui/keys.h"
#include "ui/surface.h"
#include "ui/theme.h"

struct screen;

struct screen_options {
	const char *term;  /* NULL: the environment's TERM */
	int esc_delay_ms;  /* 0: 25 */
	int colours;       /* enum colours, or SCREEN_AUTO: what the terminal has; none with NO_COLOR */
	int graph;         /* enum graph, or SCREEN_AUTO: braille where fonts have it */
	bool ascii;        /* keep to ASCII even where UTF-8 works */
	bool mouse;
};
#define SCREEN_AUTO (-1)
#define SCREEN_OPTIONS_DEFAULT {.colours = SCREEN_AUTO, .graph = SCREEN_AUTO}

/* Takes the terminal over. Sets LC_CTYPE (C.UTF-8 when the environment names no locale; LC_NUMERIC
 * stays "C"). `theme` is borrowed until it is replaced or the screen ends. On failure the terminal
 * is as it was. An unknown TERM is taken as xterm-256color. */
int screen_init(struct screen **out, int fd_in, int fd_out, const struct screen_options *options,
                const struct theme *theme, struct err *err);
/* Gives the terminal back as it was. NULL is fine. */
void screen_fini(struct screen **s);
/* Restores the terminal at once, from anywhere, also a signal handler. */
void screen_emergency(void);

/* The surface to draw the next frame on: the terminal's size, keeping what was drawn. The pointer
 * stays, the cells change with SCREEN_RESIZED. */
struct surface *screen_surface(struct screen *s);
/* A changed theme (or the same one with changed content): the next frame repaints. */
void screen_set_theme(struct screen *s, const struct theme *theme);
enum colours screen_colours(const struct screen *s);
void screen_set_mouse(struct screen *s, bool on);
/* Where the terminal's cursor stands in the next frame; outside of the surface = hidden. */
void screen_set_cursor(struct screen *s, int x, int y);

enum presented {
	PRESENT_SENT,
	PRESENT_UNCHANGED, /* not one byte */
	PRESENT_SKIPPED,   /* the terminal has not taken the last frame yet: call again later */
};
/* Sends what differs from what the terminal shows, in one write. */
enum presented screen_present(struct screen *s);
/* Clears and repaints with the next frame (Ctrl-L). */
void screen_repaint(struct screen *s);

enum screen_event {
	SCREEN_TIMEOUT,
	SCREEN_KEY,     /* *key is set */
	SCREEN_RESIZED, /* the surface has the new size and is blank: draw */
	SCREEN_RESUMED, /* back from a stop: draw */
	SCREEN_WOKEN,   /* wake_fd is readable: read it */
	SCREEN_DRAINED, /* a frame that was stuck has left: present again */
	SCREEN_QUIT,    /* SIGINT, SIGTERM, SIGHUP, or the terminal has gone */
};
/* Waits for the next event, at most timeout_ms (-1 = for ever). wake_fd may be -1. Bursts of resizes
 * come as one. */
enum screen_event screen_wait(struct screen *s, int wake_fd, int timeout_ms, struct key *key);

/* Stops the process as Ctrl-Z does; returns when it goes on. The next screen_wait says RESUMED. */
void screen_suspend(struct screen *s);
/* Lend the terminal to another program, and take it back (the next frame repaints). */
void screen_leave(struct screen *s);
void screen_enter(struct screen *s);

/* Puts text on the terminal's clipboard (OSC 52); -1 when it is longer than the terminal may take
 * (74,994 bytes before base64) or the terminal is not known to understand it. Whether the terminal
 * allows it cannot be known. */
int screen_copy(struct screen *s, struct str text, struct err *err);

/* How the terminal is told of something beside the picture. */
enum screen_bell {
	SCREEN_BELL_NONE,
	SCREEN_BELL_PLAIN,  /* BEL */
	SCREEN_BELL_OSC9,   /* a desktop notification: iTerm2, kitty, Windows Terminal, foot … */
	SCREEN_BELL_OSC777, /* the same for urxvt, VTE, foot */
};
/* Goes out with the next frame. `text` may be from outside: only what is printable of it is sent. A
 * terminal that does not know OSC gets the bell. */
void screen_ring(struct screen *s, enum screen_bell how, struct str text);

/* Sent since screen_init(). */
struct screen_counts {
	uint64_t frames, writes, bytes, skipped;
};
struct screen_counts screen_counts(const struct screen *s);

#endif
