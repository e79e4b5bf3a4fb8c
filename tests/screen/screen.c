/* The child is started with forkpty; its output is appended to a log, fed to libvterm and so becomes
 * cells. Every wait is a loop of poll() on the pty until the condition holds or the time is over. */
#include "screen.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <vterm.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

struct screen {
	int fd;
	pid_t pid;
	bool ended;
	int status;
	VTerm *vt;
	VTermScreen *cells;
	int width, height;
	bool alternate, mouse;
	struct buf log, text;
};

static void die(const char *what)
{
	fprintf(stderr, "screen: %s: %s\n", what, strerror(errno));
	abort();
}

static char folder[64];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *screen_folder(void)
{
	if (folder[0])
		return folder;
	strcpy(folder, "/tmp/llmdeck-test-XXXXXX");
	if (mkdtemp(folder) == NULL)
		die("mkdtemp");
	atexit(remove_folder);
	return folder;
}

const char *screen_binary(void)
{
	static char path[4096];
	const char *env = getenv("LLMDECK_BINARY");

	if (realpath(env && env[0] ? env : "build/llmdeck", path) == NULL)
		die("llmdeck binary (LLMDECK_BINARY)");
	return path;
}

static void set_variable(const char *entry)
{
	const char *equals = strchr(entry, '=');
	char *name;

	if (equals == NULL) {
		unsetenv(entry);
		return;
	}
	name = mem_strndup(entry, (size_t)(equals - entry));
	setenv(name, equals + 1, 1);
	free(name);
}

/* In the child. */
static void set_environment(const char *const *env)
{
	static const char *const kept[] = {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
	                                   "LLMDECK_SHARED", "LLMDECK_DATA"};
	char *values[sizeof kept / sizeof kept[0]];
	static const char *const own[] = {"HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
	                                  "XDG_CONFIG_HOME", "XDG_DATA_HOME"};

	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		values[i] = getenv(kept[i]) ? mem_strdup(getenv(kept[i])) : NULL;
	clearenv();
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		if (values[i])
			setenv(kept[i], values[i], 1);
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		setenv(own[i], folder, 1);
	setenv("TERM", "xterm-256color", 1);
	setenv("LANG", "C.UTF-8", 1);
	for (; env && *env; env++)
		set_variable(*env);
}

static int on_property(VTermProp prop, VTermValue *value, void *user)
{
	struct screen *s = user;

	if (prop == VTERM_PROP_ALTSCREEN)
		s->alternate = value->boolean;
	else if (prop == VTERM_PROP_MOUSE)
		s->mouse = value->number != VTERM_PROP_MOUSE_NONE;
	return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property};

static void start_vterm(struct screen *s)
{
	s->vt = vterm_new(s->height, s->width);
	vterm_set_utf8(s->vt, 1);
	s->cells = vterm_obtain_screen(s->vt);
	vterm_screen_set_callbacks(s->cells, &callbacks, s);
	vterm_screen_enable_altscreen(s->cells, 1);
	vterm_screen_reset(s->cells, 1);
}

struct screen *screen_start(const char *const *argv, const char *const *env, int width, int height)
{
	struct screen *s = mem_zalloc(sizeof *s);
	struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};

	screen_folder();
	s->width = width;
	s->height = height;
	start_vterm(s);
	s->pid = forkpty(&s->fd, NULL, NULL, &size);
	if (s->pid < 0)
		die("forkpty");
	if (s->pid == 0) {
		set_environment(env);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	fcntl(s->fd, F_SETFL, O_NONBLOCK);
	fcntl(s->fd, F_SETFD, FD_CLOEXEC);
	return s;
}

void screen_free(struct screen **s)
{
	if (*s == NULL)
		return;
	if (!(*s)->ended) {
		kill((*s)->pid, SIGKILL);
		waitpid((*s)->pid, NULL, 0);
	}
	if ((*s)->fd >= 0)
		close((*s)->fd);
	vterm_free((*s)->vt);
	buf_fini(&(*s)->log);
	buf_fini(&(*s)->text);
	free(*s);
	*s = NULL;
}

/* Reads what is there, waiting up to wait_ms for the first byte. False at the end of the child. */
static bool pump(struct screen *s, int wait_ms)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	char bytes[65536];

	if (s->fd < 0)
		return false;
	if (poll(&p, 1, wait_ms) <= 0)
		return true;
	ssize_t n = read(s->fd, bytes, sizeof bytes);
	if (n > 0) {
		buf_append(&s->log, bytes, (size_t)n);
		vterm_input_write(s->vt, bytes, (size_t)n);
		vterm_screen_flush_damage(s->cells);
		return true;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool has_text(struct screen *s, const char *text, int row)
{
	int x, y;

	if (row >= 0)
		return row < s->height && strstr(screen_row(s, row), text) != NULL;
	return screen_find(s, text, &x, &y);
}

static bool wait_for(struct screen *s, const char *text, int row, bool present, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + timeout_ms * US_PER_MS;

	while (has_text(s, text, row) != present) {
		if (clock_mono_us() > deadline)
			return false;
		if (!pump(s, 20))
			return has_text(s, text, row) == present;
	}
	return true;
}

bool screen_wait_text(struct screen *s, const char *text, int timeout_ms)
{
	return wait_for(s, text, -1, true, timeout_ms);
}

bool screen_wait_row(struct screen *s, int y, const char *text, int timeout_ms)
{
	return wait_for(s, text, y, true, timeout_ms);
}

bool screen_wait_gone(struct screen *s, const char *text, int timeout_ms)
{
	return wait_for(s, text, -1, false, timeout_ms);
}

void screen_settle(struct screen *s, int quiet_ms, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + timeout_ms * US_PER_MS;

	while (clock_mono_us() < deadline) {
		size_t before = s->log.len;

		if (!pump(s, quiet_ms) || s->log.len == before)
			return;
	}
}

int screen_wait_exit(struct screen *s, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + timeout_ms * US_PER_MS;

	while (!s->ended && clock_mono_us() < deadline) {
		bool open = pump(s, 20);

		if (waitpid(s->pid, &s->status, open ? WNOHANG : 0) == s->pid)
			s->ended = true;
	}
	while (s->ended && s->fd >= 0) { /* what it wrote last */
		size_t before = s->log.len;

		if (!pump(s, 50) || s->log.len == before)
			break;
	}
	return s->ended ? s->status : -1;
}

void screen_send_bytes(struct screen *s, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(s->fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (!pump(s, 10)) {
			return;
		}
	}
}

void screen_send(struct screen *s, const char *bytes)
{
	screen_send_bytes(s, bytes, strlen(bytes));
}

void screen_resize(struct screen *s, int width, int height)
{
	struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};

	pump(s, 0); /* drawn for the old size */
	s->width = width;
	s->height = height;
	vterm_set_size(s->vt, height, width);
	ioctl(s->fd, TIOCSWINSZ, &size);
}

void screen_signal(struct screen *s, int signal)
{
	if (!s->ended)
		kill(s->pid, signal);
}

pid_t screen_pid(const struct screen *s)
{
	return s->pid;
}

int screen_width(const struct screen *s)
{
	return s->width;
}

int screen_height(const struct screen *s)
{
	return s->height;
}

struct screen_cell screen_cell(const struct screen *s, int x, int y)
{
	struct screen_cell out = {.width = 1};
	VTermScreenCell cell;
	size_t len = 0;

	if (!vterm_screen_get_cell(s->cells, (VTermPos){.row = y, .col = x}, &cell))
		return out;
	for (size_t i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i] && cell.chars[i] != (uint32_t)-1; i++)
		if (len + 4 < sizeof out.text)
			len += utf8_encode(cell.chars[i], out.text + len);
	out.text[len] = '\0';
	out.bold = cell.attrs.bold;
	out.reverse = cell.attrs.reverse;
	out.underline = cell.attrs.underline != 0;
	out.own_foreground = !VTERM_COLOR_IS_DEFAULT_FG(&cell.fg);
	out.own_background = !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg);
	out.width = cell.width > 0 ? cell.width : 1;
	return out;
}

static void append_row(struct screen *s, int y)
{
	size_t end = s->text.len;

	for (int x = 0; x < s->width;) {
		struct screen_cell c = screen_cell(s, x, y);

		buf_puts(&s->text, c.text[0] ? c.text : " ");
		if (c.text[0] && strcmp(c.text, " ") != 0)
			end = s->text.len;
		x += c.width;
	}
	s->text.len = end;
	buf_append(&s->text, "", 0);
	if (s->text.data)
		s->text.data[s->text.len] = '\0';
}

const char *screen_row(struct screen *s, int y)
{
	buf_reset(&s->text);
	append_row(s, y);
	return s->text.data ? s->text.data : "";
}

bool screen_find(struct screen *s, const char *text, int *x, int *y)
{
	for (*y = 0; *y < s->height; (*y)++) {
		const char *row = screen_row(s, *y);
		const char *hit = strstr(row, text);

		if (hit) {
			*x = (int)utf8_columns((struct str){row, (size_t)(hit - row)});
			return true;
		}
	}
	return false;
}

const char *screen_text(struct screen *s)
{
	buf_reset(&s->text);
	for (int y = 0; y < s->height; y++) {
		append_row(s, y);
		buf_append_c(&s->text, '\n');
	}
	return s->text.data;
}

const struct buf *screen_bytes(const struct screen *s)
{
	return &s->log;
}

/* The last of "\e[?Nh" and "\e[?Nl" in the log decides; without any `otherwise`. */
static bool mode_is_on(const struct screen *s, const char *number, bool otherwise)
{
	char on[16], off[16];
	const char *last_on = NULL, *last_off = NULL;

	if (s->log.len == 0)
		return otherwise;
	snprintf(on, sizeof on, "\033[?%sh", number);
	snprintf(off, sizeof off, "\033[?%sl", number);
	for (const char *p = s->log.data; (p = memmem(p, s->log.len - (size_t)(p - s->log.data), on, strlen(on))); p++)
		last_on = p;
	for (const char *p = s->log.data; (p = memmem(p, s->log.len - (size_t)(p - s->log.data), off, strlen(off))); p++)
		last_off = p;
	return last_on == NULL && last_off == NULL ? otherwise : last_on > last_off;
}

const char *screen_why_not_restored(const struct screen *s)
{
	static const char *const modes[] = {"2004", "2026", "1049"};
	struct termios t;

	if (s->alternate)
		return "the alternate screen is on";
	/* Not libvterm's property: restoring a saved cursor changes that. */
	if (!mode_is_on(s, "25", true))
		return "the cursor is hidden";
	if (s->mouse)
		return "mouse reports are on";
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		if (mode_is_on(s, modes[i], false))
			return modes[i];
	/* On Linux the master side tells the line's settings also after the child has gone. */
	if (tcgetattr(s->fd, &t) == 0 && (!(t.c_lflag & ICANON) || !(t.c_lflag & ECHO)))
		return "input is raw";
	return NULL;
}

bool screen_restored(const struct screen *s)
{
	return screen_why_not_restored(s) == NULL;
}

int screen_run(const char *const *argv, const char *const *env, struct buf *out)
{
	int pipe_fd[2], status;
	char bytes[65536];
	ssize_t n;

	screen_folder();
	if (pipe(pipe_fd) != 0)
		die("pipe");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		dup2(null, 0);
		dup2(pipe_fd[1], 1);
		dup2(pipe_fd[1], 2);
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		set_environment(env);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pipe_fd[1]);
	while ((n = read(pipe_fd[0], bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && out)
			buf_append(out, bytes, (size_t)n);
	close(pipe_fd[0]);
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* One escape sequence at p (behind ESC); NULL when it is one that drives a terminal. */
static const char *judge_escape(const char *p, const char *end)
{
	static const char clipboard[] = "]52;";

	if (p >= end)
		return NULL;
	if (*p == ']')
		return (size_t)(end - p) >= 4 && memcmp(p, clipboard, 4) == 0 ? NULL : "an OSC sequence";
	if (*p == 'P' || *p == '_' || *p == '^' || *p == 'X')
		return "a DCS, APC, PM or SOS sequence";
	if (*p == 'c')
		return "a full reset";
	return NULL;
}

const char *screen_forbidden(const struct buf *bytes)
{
	const char *p = bytes->data, *end = bytes->data + bytes->len;

	while (p < end) {
		unsigned char c = (unsigned char)*p;
		uint32_t ch;

		if (c == 0x1b) {
			const char *why = judge_escape(p + 1, end);
			if (why)
				return why;
			p++;
			continue;
		}
		if (c < 0x20 || c == 0x7f) {
			if (!strchr("\r\n\b\t\x0e\x0f", c) || c == 0)
				return "a C0 control";
			p++;
			continue;
		}
		ch = utf8_decode(&p, end);
		if (ch == UTF8_BAD && p < end)
			return "broken UTF-8";
		if (ch >= 0x80 && ch < 0xa0)
			return "a C1 control";
		if (ch == 0x61c || ch == 0x200e || ch == 0x200f || (ch >= 0x202a && ch <= 0x202e) ||
		    (ch >= 0x2066 && ch <= 0x2069))
			return "a bidi control";
		if (ch == 0x200b || ch == 0x200c || ch == 0x200d || ch == 0x2060 || ch == 0xfeff)
			return "a zero-width character";
	}
	return NULL;
}
