/* The screen on a pseudo-terminal: what the terminal gets, how often, and that it is given back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "ui/screen.h"

struct fixture {
	int master, slave;
	struct theme theme;
	struct screen *screen;
	struct termios before;
};

static void open_pty(struct fixture *f, const char *term)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};

	memset(f, 0, sizeof(*f));
	assert_int_equal(openpty(&f->master, &f->slave, NULL, NULL, &size), 0);
	fcntl(f->master, F_SETFL, O_NONBLOCK);
	tcgetattr(f->slave, &f->before);
	setenv("TERM", term, 1);
	unsetenv("NO_COLOR");
	theme_default(&f->theme);
}

static void start(struct fixture *f, const char *term)
{
	struct screen_options options = SCREEN_OPTIONS_DEFAULT;
	struct err err = {0};

	open_pty(f, term);
	if (screen_init(&f->screen, f->slave, f->slave, &options, &f->theme, &err) != 0)
		fail_msg("%s", err.text);
}

static void stop(struct fixture *f)
{
	screen_fini(&f->screen);
	close(f->master);
	close(f->slave);
}

/* What the terminal has been sent; waits for at least one byte when `some`. */
static struct buf received(struct fixture *f, bool some)
{
	struct buf out = {0};
	struct pollfd in = {.fd = f->master, .events = POLLIN};
	ssize_t n;

	if (some)
		assert_int_equal(poll(&in, 1, 5000), 1);
	do {
		n = read(f->master, buf_reserve(&out, 65536), 65536);
		if (n > 0)
			out.len += (size_t)n;
	} while (n > 0);
	buf_append(&out, "", 1);
	out.len--;
	return out;
}

static bool contains(const struct buf *b, const char *text)
{
	return memmem(b->data, b->len, text, strlen(text)) != NULL;
}

static void a_frame_is_one_write(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, "xterm-256color");
	struct surface *s = screen_surface(f.screen);
	assert_int_equal(s->width, 80);
	assert_int_equal(s->height, 24);
	for (int y = 0; y < 24; y++)
		for (int x = 0; x < 80; x++)
			surface_put(s, x, y, (uint32_t)('a' + (x + y) % 26), (style)(y % ROLE_COUNT));
	assert_int_equal(screen_present(f.screen), PRESENT_SENT);
	assert_int_equal(screen_counts(f.screen).frames, 1);
	assert_int_equal(screen_counts(f.screen).writes, 1);
	struct buf bytes = received(&f, true);
	assert_int_equal(bytes.len, screen_counts(f.screen).bytes);
	assert_memory_equal(bytes.data, "\033[?2026h", 8);
	assert_memory_equal(bytes.data + bytes.len - 8, "\033[?2026l", 8);
	buf_fini(&bytes);
	/* Nothing has changed, not even by drawing it again. */
	assert_int_equal(screen_present(f.screen), PRESENT_UNCHANGED);
	struct cell kept = *surface_at(s, 5, 5);
	surface_clear(s, ROLE_TEXT);
	for (int y = 0; y < 24; y++)
		for (int x = 0; x < 80; x++)
			surface_put(s, x, y, (uint32_t)('a' + (x + y) % 26), (style)(y % ROLE_COUNT));
	assert_memory_equal(&kept, surface_at(s, 5, 5), sizeof(kept));
	assert_int_equal(screen_present(f.screen), PRESENT_UNCHANGED);
	assert_int_equal(screen_counts(f.screen).writes, 1);
	/* One changed figure is a handful of bytes. */
	surface_text(s, 10, 10, ROLE_OK, "42");
	assert_int_equal(screen_present(f.screen), PRESENT_SENT);
	bytes = received(&f, true);
	assert_true(bytes.len < 64);
	assert_true(contains(&bytes, "42"));
	buf_fini(&bytes);
	stop(&f);
}

static void the_terminal_is_given_back(void **state)
{
	static const char *const terms[] = {"xterm-256color", "vt100", "linux", "tmux-256color", "no-such-terminal"};

	(void)state;
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		struct fixture f;
		struct termios now;

		start(&f, terms[i]);
		surface_text(screen_surface(f.screen), 0, 0, ROLE_OK, "hello");
		assert_int_equal(screen_present(f.screen), PRESENT_SENT);
		struct buf bytes = received(&f, true);
		assert_true(contains(&bytes, "hello"));
		assert_null(memchr(bytes.data, 0, bytes.len));
		assert_int_equal(contains(&bytes, "2026"), i == 0 || i == 3);
		buf_fini(&bytes);
		tcgetattr(f.slave, &now);
		assert_false(now.c_lflag & (ICANON | ECHO | ISIG));
		screen_fini(&f.screen);
		tcgetattr(f.slave, &now);
		assert_int_equal(now.c_lflag, f.before.c_lflag);
		assert_int_equal(now.c_iflag, f.before.c_iflag);
		assert_int_equal(fcntl(f.slave, F_GETFL) & O_NONBLOCK, 0);
		bytes = received(&f, true);
		if (i == 0) {
			assert_true(contains(&bytes, "\033[?1049l"));
			assert_true(contains(&bytes, "\033[?2004l"));
			assert_true(contains(&bytes, "\033[?25h") || contains(&bytes, "\033[?12l\033[?25h"));
		}
		buf_fini(&bytes);
		stop(&f);
	}
}

static void it_needs_a_terminal(void **state)
{
	int fds[2];
	struct screen *screen;
	struct screen_options options = SCREEN_OPTIONS_DEFAULT;
	struct theme theme;
	struct err err = {0};

	(void)state;
	theme_default(&theme);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(screen_init(&screen, fds[0], fds[1], &options, &theme, &err), -1);
	assert_non_null(strstr(err.text, "no terminal"));
	assert_null(screen);
	close(fds[0]);
	close(fds[1]);
}

static enum screen_event next_event(struct fixture *f, struct key *key)
{
	return screen_wait(f->screen, -1, 5000, key);
}

static void type(struct fixture *f, const char *bytes)
{
	assert_int_equal(write(f->master, bytes, strlen(bytes)), strlen(bytes));
}

static void keys_arrive(void **state)
{
	struct fixture f;
	struct key key;
	int64_t before_us;

	(void)state;
	start(&f, "xterm-256color");
	type(&f, "j\033[B");
	assert_int_equal(next_event(&f, &key), SCREEN_KEY);
	assert_int_equal(key.code, 'j');
	assert_int_equal(next_event(&f, &key), SCREEN_KEY);
	assert_int_equal(key.code, KEYCODE_DOWN);
	assert_int_equal(screen_wait(f.screen, -1, 0, &key), SCREEN_TIMEOUT);
	before_us = clock_mono_us();
	type(&f, "\033");
	assert_int_equal(next_event(&f, &key), SCREEN_KEY);
	assert_int_equal(key.code, KEYCODE_ESC);
	assert_true(clock_mono_us() - before_us < 2 * US_PER_S);
	type(&f, "[A"); /* the tail that came too late */
	assert_int_equal(screen_wait(f.screen, -1, 50, &key), SCREEN_TIMEOUT);
	type(&f, "\x03");
	assert_int_equal(next_event(&f, &key), SCREEN_KEY);
	assert_int_equal(key.code, 'c');
	assert_int_equal(key.mods, KEYMOD_CTRL);
	stop(&f);
}

static void the_wake_descriptor_wakes(void **state)
{
	struct fixture f;
	struct key key;
	int fds[2];

	(void)state;
	start(&f, "xterm-256color");
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(screen_wait(f.screen, fds[0], 1, &key), SCREEN_TIMEOUT);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(screen_wait(f.screen, fds[0], 5000, &key), SCREEN_WOKEN);
	close(fds[0]);
	close(fds[1]);
	stop(&f);
}

static void a_burst_of_resizes_is_one(void **state)
{
	struct fixture f;
	struct key key;

	(void)state;
	start(&f, "xterm-256color");
	for (int width = 300; width >= 20; width -= 40) {
		struct winsize size = {.ws_row = (unsigned short)(width / 3), .ws_col = (unsigned short)width};

		ioctl(f.slave, TIOCSWINSZ, &size);
		raise(SIGWINCH);
	}
	assert_int_equal(next_event(&f, &key), SCREEN_RESIZED);
	assert_int_equal(screen_surface(f.screen)->width, 20);
	assert_int_equal(screen_surface(f.screen)->height, 6);
	assert_int_equal(screen_wait(f.screen, -1, 80, &key), SCREEN_TIMEOUT);
	surface_text(screen_surface(f.screen), 18, 5, ROLE_TEXT, "end");
	assert_int_equal(screen_present(f.screen), PRESENT_SENT);
	stop(&f);
}

static void a_stuck_terminal_skips_frames(void **state)
{
	struct fixture f;
	struct key key;
	int sent = 0;
	enum presented result = PRESENT_SENT;

	(void)state;
	start(&f, "xterm-256color");
	for (int i = 0; i < 200 && result != PRESENT_SKIPPED; i++) {
		surface_fill(screen_surface(f.screen), (struct rect){0, 0, 80, 24}, (uint32_t)('a' + i % 26),
		             (style)(i % ROLE_COUNT));
		result = screen_present(f.screen);
		sent += result == PRESENT_SENT;
	}
	assert_int_equal(result, PRESENT_SKIPPED);
	assert_true(screen_counts(f.screen).skipped > 0);
	assert_int_equal(screen_counts(f.screen).frames, sent);
	/* Keys still come while it is stuck. */
	type(&f, "k");
	assert_int_equal(next_event(&f, &key), SCREEN_KEY);
	struct buf bytes = received(&f, true);
	buf_fini(&bytes);
	assert_int_equal(next_event(&f, &key), SCREEN_DRAINED);
	assert_int_equal(screen_present(f.screen), PRESENT_SENT);
	stop(&f);
}

static void signals_ask_to_quit(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture f;
		struct key key;

		start(&f, "xterm-256color");
		raise(signals[i]);
		assert_int_equal(next_event(&f, &key), SCREEN_QUIT);
		stop(&f);
	}
}

/* A child that dies with the screen up: crash, abort, or killed twice while it hangs. */
static void a_crash_restores_the_terminal(void **state)
{
	static const int signals[] = {SIGSEGV, SIGABRT, SIGTERM};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture f;
		struct termios now;
		int status;

		open_pty(&f, "xterm-256color");
		pid_t child = fork();
		if (child == 0) {
			struct screen_options options = SCREEN_OPTIONS_DEFAULT;

			if (screen_init(&f.screen, f.slave, f.slave, &options, &f.theme, NULL) != 0)
				_exit(1);
			surface_text(screen_surface(f.screen), 0, 0, ROLE_TEXT, "up");
			screen_present(f.screen);
			raise(signals[i]);
			raise(signals[i]);
			_exit(2);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		tcgetattr(f.slave, &now);
		assert_int_equal(now.c_lflag, f.before.c_lflag);
		struct buf bytes = received(&f, true);
		assert_true(contains(&bytes, "\033[?1049l"));
		buf_fini(&bytes);
		close(f.master);
		close(f.slave);
	}
}

static void no_control_byte_of_the_text_gets_out(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, "xterm-256color");
	surface_outside(screen_surface(f.screen), 0, 0, 80, ROLE_TEXT,
	                STR_LIT("\033]0;title\007\033[2J\x9b""31m\xe2\x80\xae\xc2\x9b\b\b\x0e"));
	screen_present(f.screen);
	struct buf bytes = received(&f, true);
	assert_false(contains(&bytes, "\033]0;"));
	assert_false(contains(&bytes, "\007"));
	assert_false(contains(&bytes, "\xe2\x80\xae"));
	assert_false(contains(&bytes, "\xc2\x9b"));
	assert_false(contains(&bytes, "\x0e"));
	buf_fini(&bytes);
	stop(&f);
}

static void no_color_has_no_colours(void **state)
{
	struct fixture f;
	struct screen_options options = SCREEN_OPTIONS_DEFAULT;

	(void)state;
	open_pty(&f, "xterm-256color");
	setenv("NO_COLOR", "1", 1);
	assert_int_equal(screen_init(&f.screen, f.slave, f.slave, &options, &f.theme, NULL), 0);
	assert_int_equal(screen_colours(f.screen), COLOURS_NONE);
	surface_text(screen_surface(f.screen), 0, 0, ROLE_CRITICAL, "down");
	screen_present(f.screen);
	struct buf bytes = received(&f, true);
	assert_false(contains(&bytes, "38;5"));
	assert_false(contains(&bytes, "[31m"));
	assert_true(contains(&bytes, "7m")); /* reverse says it */
	buf_fini(&bytes);
	unsetenv("NO_COLOR");
	stop(&f);
}

static void copying_uses_the_clipboard_sequence(void **state)
{
	struct fixture f;
	struct err err = {0};

	(void)state;
	start(&f, "xterm-256color");
	assert_int_equal(screen_copy(f.screen, STR_LIT("hello"), &err), 0);
	assert_int_equal(screen_present(f.screen), PRESENT_SENT);
	struct buf bytes = received(&f, true);
	assert_true(contains(&bytes, "\033]52;c;aGVsbG8=\007"));
	buf_fini(&bytes);
	assert_int_equal(screen_copy(f.screen, (struct str){"", 100000}, &err), -1);
	stop(&f);
	start(&f, "vt100");
	assert_int_equal(screen_copy(f.screen, STR_LIT("hello"), &err), -1);
	stop(&f);
}

static void assert_rings(const char *term, enum screen_bell how, const char *wanted)
{
	struct fixture f;

	start(&f, term);
	screen_ring(f.screen, how, STR_LIT("CRIT slow; p95\033]0;x\007 is 4 s"));
	assert_int_equal(screen_present(f.screen), PRESENT_SENT);
	struct buf bytes = received(&f, true);

	assert_true(contains(&bytes, wanted));
	assert_false(contains(&bytes, "\033]0;x"));
	buf_fini(&bytes);
	stop(&f);
}

/* An alert's words come from outside: no sequence of theirs gets out with the bell. */
static void the_bell_rings_as_the_config_says(void **state)
{
	(void)state;
	assert_rings("xterm-256color", SCREEN_BELL_PLAIN, "\007");
	assert_rings("xterm-256color", SCREEN_BELL_OSC9, "\033]9;CRIT slow, p95^[]0,x^G is 4 s\007");
	assert_rings("xterm-256color", SCREEN_BELL_OSC777, "\033]777;notify;llmdeck;CRIT slow, p95^[]0,x^G is 4 s\007");
	assert_rings("vt100", SCREEN_BELL_OSC777, "\007"); /* no notifications there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_one_write),
		cmocka_unit_test(the_terminal_is_given_back),
		cmocka_unit_test(it_needs_a_terminal),
		cmocka_unit_test(keys_arrive),
		cmocka_unit_test(the_wake_descriptor_wakes),
		cmocka_unit_test(a_burst_of_resizes_is_one),
		cmocka_unit_test(a_stuck_terminal_skips_frames),
		cmocka_unit_test(signals_ask_to_quit),
		cmocka_unit_test(a_crash_restores_the_terminal),
		cmocka_unit_test(no_control_byte_of_the_text_gets_out),
		cmocka_unit_test(no_color_has_no_colours),
		cmocka_unit_test(copying_uses_the_clipboard_sequence),
		cmocka_unit_test(the_bell_rings_as_the_config_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
