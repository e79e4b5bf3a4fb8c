/* The terminal device without curses: modes, signals, one non-blocking write a frame, and the way
 * back to a usable terminal whatever happens. One at a time in a process; used by screen.c. */
#ifndef LLMDECK_UI_TTY_H
#define LLMDECK_UI_TTY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct tty;

/* Takes the terminal over: raw mode on fd_in, an open file description of its own for writing (so
 * that O_NONBLOCK never reaches the shell), handlers for SIGWINCH, SIGTSTP, SIGCONT, SIGINT,
 * SIGTERM, SIGHUP and for crashes. Fails when either is no terminal. */
int tty_open(struct tty **out, int fd_in, int fd_out, struct err *err);
/* What the terminal has to be sent to be as it was; copied, at most 256 bytes. */
void tty_set_restore(struct tty *t, struct str bytes);
/* Sends the restore bytes, puts modes and handlers back, frees. NULL is fine. */
void tty_close(struct tty **t);
/* The door for emergencies: restore bytes and modes at once. Async-signal-safe; does nothing when
 * no terminal is taken. */
void tty_emergency(void);

/* Queues bytes and sends what the terminal takes now, in one write. */
void tty_send(struct tty *t, struct str bytes);
/* Tries to send what is left; true when nothing is left. */
bool tty_drain(struct tty *t);
bool tty_pending(const struct tty *t);
/* Forgets what is left unsent (after a stop the terminal is repainted anyway). */
void tty_discard(struct tty *t);
void tty_size(const struct tty *t, int *width, int *height);

/* What signals have asked for since the last call. */
struct tty_signals {
	bool resized, stop, quit;
};
struct tty_signals tty_signals(struct tty *t);
/* Descriptors to poll: input (POLLIN), signals (POLLIN), output (POLLOUT while tty_pending). */
int tty_input_fd(const struct tty *t);
int tty_signal_fd(const struct tty *t);
int tty_output_fd(const struct tty *t);

/* Gives the terminal back and stops the process (SIGTSTP's default); returns after SIGCONT with
 * raw mode on again. */
void tty_suspend(struct tty *t);
/* The two halves of it, for running another program on the terminal in between. */
void tty_leave(struct tty *t);
void tty_enter(struct tty *t);

/* Counted since tty_open(). */
struct tty_counts {
	uint64_t writes, bytes;
};
struct tty_counts tty_counts(const struct tty *t);

#endif
