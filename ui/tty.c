/* Signals write one byte into a pipe of ours; the loop polls it beside the keyboard. A crash handler
 * may run at any moment, so all it needs (modes, descriptor, restore bytes) is copied into static
 * storage when it is known, guarded by a flag that is set last and cleared first.
 *
 * A second SIGINT, SIGTERM or SIGHUP while the first is still unanswered means the loop hangs: then
 * the handler restores the terminal itself and lets the signal kill. */
#include "ui/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

#define RESTORE_BYTES 256

static const int watched[] = {SIGWINCH, SIGTSTP, SIGINT, SIGTERM, SIGHUP,
                              SIGSEGV,  SIGBUS,  SIGFPE, SIGILL,  SIGABRT, SIGQUIT};
#define WATCHED (sizeof(watched) / sizeof(watched[0]))

struct tty {
	int fd_in, fd_out, signal_read;
	bool own_description; /* of fd_out */
	int saved_flags;      /* of the shared description otherwise */
	struct buf pending;
	size_t sent; /* of pending */
	struct tty_counts counts;
	struct sigaction saved[WATCHED];
};

/* What the handlers may touch. */
static struct {
	volatile sig_atomic_t active, quit_asked;
	int fd_in, fd_out, signal_write;
	struct termios modes, raw;
	char restore[RESTORE_BYTES];
	size_t restore_len;
	int clear_flags; /* -1, or the flags to put back on fd_out */
} guard = {.signal_write = -1, .clear_flags = -1};

void tty_emergency(void)
{
	if (!guard.active)
		return;
	guard.active = 0;
	size_t done = 0;
	/* The terminal may be slow, but a dying process must not wait for ever. */
	for (int tries = 0; done < guard.restore_len && tries < 20; tries++) {
		ssize_t n = write(guard.fd_out, guard.restore + done, guard.restore_len - done);
		struct pollfd out = {.fd = guard.fd_out, .events = POLLOUT};

		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			poll(&out, 1, 25);
	}
	tcsetattr(guard.fd_in, TCSANOW, &guard.modes);
	if (guard.clear_flags != -1)
		fcntl(guard.fd_out, F_SETFL, guard.clear_flags);
}

static void die_of(int signal_number)
{
	tty_emergency();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void on_crash(int signal_number)
{
	die_of(signal_number);
}

static void on_signal(int signal_number)
{
	int saved_errno = errno;
	char byte = (char)signal_number;

	if (signal_number == SIGINT || signal_number == SIGTERM || signal_number == SIGHUP) {
		if (guard.quit_asked++) {
			die_of(signal_number);
			return;
		}
	}
	/* A full pipe already holds what there is to say. */
	ssize_t ignored = write(guard.signal_write, &byte, 1);
	(void)ignored;
	errno = saved_errno;
}

static bool is_crash(int signal_number)
{
	return signal_number == SIGSEGV || signal_number == SIGBUS || signal_number == SIGFPE ||
	       signal_number == SIGILL || signal_number == SIGABRT || signal_number == SIGQUIT;
}

/* A stack that has run over cannot run its own crash handler. */
static void provide_signal_stack(void)
{
	static char room[32768];
	stack_t stack = {.ss_sp = room, .ss_size = sizeof(room)};

	sigaltstack(&stack, NULL);
}

static void catch_signals(struct tty *t)
{
	provide_signal_stack();
	for (size_t i = 0; i < WATCHED; i++) {
		struct sigaction action = {.sa_flags = SA_RESTART};

		sigemptyset(&action.sa_mask);
		action.sa_handler = on_signal;
		if (is_crash(watched[i])) {
			action.sa_handler = on_crash;
			action.sa_flags = SA_NODEFER | SA_ONSTACK | (int)SA_RESETHAND;
		}
		sigaction(watched[i], NULL, &t->saved[i]);
		/* nohup and its like: what was ignored stays ignored. */
		if (t->saved[i].sa_handler != SIG_IGN || watched[i] == SIGWINCH)
			sigaction(watched[i], &action, NULL);
	}
}

/* An open file description of our own: O_NONBLOCK set on it is not seen by the shell that shares
 * the terminal. After su or in odd containers the device may not be ours to open: then flags of the
 * shared one are changed, and put back. */
static void open_output(struct tty *t, int fd_out)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd_out);
	t->fd_out = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	t->own_description = t->fd_out >= 0;
	if (t->own_description)
		return;
	t->fd_out = fcntl(fd_out, F_DUPFD_CLOEXEC, 3);
	t->saved_flags = fcntl(t->fd_out, F_GETFL);
}

void tty_enter(struct tty *t)
{
	if (!t->own_description) {
		fcntl(t->fd_out, F_SETFL, t->saved_flags | O_NONBLOCK);
		guard.clear_flags = t->saved_flags;
	}
	tcsetattr(t->fd_in, TCSADRAIN, &guard.raw);
	guard.active = 1;
}

void tty_leave(struct tty *t)
{
	tty_drain(t);
	tty_discard(t);
	tty_emergency();
}

int tty_open(struct tty **out, int fd_in, int fd_out, struct err *err)
{
	int pipe_fds[2];

	*out = NULL;
	if (guard.signal_write != -1)
		return err_set(err, "terminal: already taken by this process");
	if (!isatty(fd_in) || !isatty(fd_out))
		return err_set(err, "terminal: standard input or output is no terminal: run it in one, "
		               "or ask for a single screen as text");
	if (tcgetattr(fd_in, &guard.modes) != 0 || pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC) != 0)
		return err_set(err, "terminal: cannot read its modes: %s", strerror(errno));

	struct tty *t = mem_zalloc(sizeof(*t));
	t->fd_in = fd_in;
	t->signal_read = pipe_fds[0];
	open_output(t, fd_out);
	guard.signal_write = pipe_fds[1];
	guard.fd_in = fd_in;
	guard.fd_out = t->fd_out;
	guard.restore_len = 0;
	guard.quit_asked = 0;
	guard.clear_flags = -1;
	guard.raw = guard.modes;
	cfmakeraw(&guard.raw);
	/* curses takes it that newlines are translated as the shell had them. */
	guard.raw.c_oflag = guard.modes.c_oflag;
	guard.raw.c_cc[VMIN] = 1;
	guard.raw.c_cc[VTIME] = 0;
	catch_signals(t);
	mem_set_exhausted_hook(tty_emergency);
	tty_enter(t);
	*out = t;
	return 0;
}

void tty_set_restore(struct tty *t, struct str bytes)
{
	(void)t;
	guard.restore_len = 0;
	if (bytes.len > sizeof(guard.restore))
		bytes.len = sizeof(guard.restore);
	if (bytes.len)
		memcpy(guard.restore, bytes.ptr, bytes.len);
	guard.restore_len = bytes.len;
}

void tty_close(struct tty **tty)
{
	struct tty *t = *tty;

	if (!t)
		return;
	tty_leave(t);
	mem_set_exhausted_hook(NULL);
	for (size_t i = 0; i < WATCHED; i++)
		sigaction(watched[i], &t->saved[i], NULL);
	close(guard.signal_write);
	guard.signal_write = -1;
	close(t->signal_read);
	close(t->fd_out);
	buf_fini(&t->pending);
	free(t);
	*tty = NULL;
}

bool tty_pending(const struct tty *t)
{
	return t->sent < t->pending.len;
}

bool tty_drain(struct tty *t)
{
	if (!tty_pending(t))
		return true;
	ssize_t n;
	do
		n = write(t->fd_out, t->pending.data + t->sent, t->pending.len - t->sent);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		t->counts.writes++;
		t->counts.bytes += (uint64_t)n;
		t->sent += (size_t)n;
	} else if (n < 0 && errno != EAGAIN) {
		t->sent = t->pending.len; /* hung up: the input side will say so */
	}
	if (tty_pending(t))
		return false;
	tty_discard(t);
	return true;
}

void tty_send(struct tty *t, struct str bytes)
{
	buf_append(&t->pending, bytes.ptr, bytes.len);
	tty_drain(t);
}

void tty_discard(struct tty *t)
{
	buf_reset(&t->pending);
	t->sent = 0;
}

void tty_size(const struct tty *t, int *width, int *height)
{
	struct winsize size = {0};

	ioctl(t->fd_out, TIOCGWINSZ, &size);
	/* A serial line knows no size. */
	*width = size.ws_col ? size.ws_col : 80;
	*height = size.ws_row ? size.ws_row : 24;
}

struct tty_signals tty_signals(struct tty *t)
{
	struct tty_signals signals = {0};
	char bytes[64];
	ssize_t n;

	while ((n = read(t->signal_read, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			signals.resized |= bytes[i] == SIGWINCH;
			signals.stop |= bytes[i] == SIGTSTP;
			signals.quit |= bytes[i] == SIGINT || bytes[i] == SIGTERM || bytes[i] == SIGHUP;
		}
	if (signals.quit)
		guard.quit_asked = 0;
	return signals;
}

int tty_input_fd(const struct tty *t)
{
	return t->fd_in;
}

int tty_signal_fd(const struct tty *t)
{
	return t->signal_read;
}

int tty_output_fd(const struct tty *t)
{
	return t->fd_out;
}

void tty_suspend(struct tty *t)
{
	struct sigaction stop = {.sa_handler = SIG_DFL}, ours;

	sigemptyset(&stop.sa_mask);
	tty_leave(t);
	sigaction(SIGTSTP, &stop, &ours);
	kill(0, SIGTSTP); /* the whole job, as the terminal's own Ctrl-Z does */
	sigaction(SIGTSTP, &ours, NULL);
	tty_enter(t);
}

struct tty_counts tty_counts(const struct tty *t)
{
	return t->counts;
}
