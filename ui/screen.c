/* The only file that includes curses. curses never sees the terminal: newterm() writes into a memfd,
 * because ncurses 6.4 flushes with write(2) after every cursor movement, which over SSH would be a
 * packet each. After doupdate() the frame's bytes are read back and go to the terminal in one write,
 * between synchronized-output brackets (private mode 2026) where the terminal knows or ignores them.
 *
 *   surface --changed cells--> curses' stdscr --doupdate--> memfd --> tty.c (one write)
 *
 * `shown` keeps what curses has been told, so that an unchanged frame costs a memory comparison and
 * not one byte. A long run of full blocks is sent as blanks in reverse video: one byte a cell instead
 * of three, the same picture. curses' pair n+1 is role n. */
#include "ui/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "ui/tty.h"

/* Last, for the many macros it makes. */
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#define FALLBACK_TERM "xterm-256color"
#define FULL_BLOCK 0x2588
/* Below it the change of attributes costs more than the characters. */
#define BLANK_RUN_MIN 12
#define GAP_MAX 8 /* cells */
#define COPY_BYTES_MAX 74994
#define RESIZE_QUIET_US (15 * US_PER_MS)
#define RESIZE_LONGEST_US (60 * US_PER_MS)

static const char modes_on[] = "\033[?2004h";
static const char modes_off[] = "\033[?2004l";
static const char mouse_on[] = "\033[?1000h\033[?1006h";
static const char mouse_off[] = "\033[?1000l\033[?1006l";
static const char sync_begin[] = "\033[?2026h";
static const char sync_end[] = "\033[?2026l";

struct screen {
	struct tty *tty;
	SCREEN *curses;
	FILE *memory;     /* curses' "terminal" */
	struct buf frame; /* the bytes of the frame being built */
	struct surface *surface, *shown;
	const struct theme *theme;
	enum colours colours;
	bool utf8, modern, mouse, repaint, resumed, drained_due;
	int cursor_x, cursor_y;
	struct key_decoder keys;
	int64_t resize_first_us, resize_last_us; /* 0 = none under way */
	struct screen_counts counts;
};

void screen_emergency(void)
{
	tty_emergency();
}

/* ---- what the terminal is ---- */

static bool has_prefix(const char *term, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (strncmp(term, *prefixes, strlen(*prefixes)) == 0)
			return true;
	return false;
}

/* Terminals that understand, or by ECMA-48 skip, private modes they do not know. */
static bool is_modern(const char *term)
{
	static const char *const prefixes[] = {
		"xterm", "tmux", "screen", "foot", "kitty", "alacritty", "wezterm", "rxvt", "st-", "konsole",
		"contour", "ghostty", "iterm", "gnome", "vte", "mintty", "putty", NULL};

	return has_prefix(term, prefixes) || strcmp(term, "st") == 0;
}

/* Terminals older than UTF-8. */
static bool is_ascii_only(const char *term)
{
	static const char *const prefixes[] = {"vt1", "vt2", "vt3", "vt4", "vt5", "ansi", "dumb",
	                                       "wy", "adm", "tvi", "hp", NULL};

	return has_prefix(term, prefixes);
}

/* Takes the environment's character set; an unset or "C" locale is taken as C.UTF-8, which is what
 * terminals have been for long. Returns whether it is UTF-8. */
static bool set_locale(void)
{
	const char *name = setlocale(LC_CTYPE, "");

	if (name == NULL || strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0)
		if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
			setlocale(LC_CTYPE, "en_US.UTF-8");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static enum colours detect_colours(int wanted)
{
	const char *no_color = getenv("NO_COLOR");
	enum colours has = COLOURS_NONE;

	if (has_colors() && start_color() == OK) {
		use_default_colors();
		has = COLORS >= 256 ? COLOURS_256 : COLORS >= 16 ? COLOURS_16 : COLORS >= 8 ? COLOURS_8
		    : COLOURS_NONE;
		if (tigetflag("RGB") > 0 && COLORS > 256)
			has = COLOURS_DIRECT;
		if (COLOR_PAIRS <= ROLE_COUNT)
			has = COLOURS_NONE;
	}
	if (wanted == SCREEN_AUTO)
		return no_color && *no_color ? COLOURS_NONE : has;
	return (int)has < wanted ? has : (enum colours)wanted;
}

/* ---- the frame's bytes ---- */

/* Moves what curses has written so far into s->frame. */
static void collect(struct screen *s)
{
	int fd = fileno(s->memory);
	off_t len = lseek(fd, 0, SEEK_END);

	if (len <= 0)
		return;
	char *room = buf_reserve(&s->frame, (size_t)len);
	ssize_t n = pread(fd, room, (size_t)len, 0);
	if (n > 0)
		s->frame.len += (size_t)n;
	lseek(fd, 0, SEEK_SET);
	if (ftruncate(fd, 0) != 0)
		s->repaint = true;
}

static void send_frame(struct screen *s)
{
	struct buf out = {0};

	if (s->frame.len == 0)
		return;
	if (s->modern)
		buf_puts(&out, sync_begin);
	buf_append_str(&out, buf_str(&s->frame));
	if (s->modern)
		buf_puts(&out, sync_end);
	buf_reset(&s->frame);
	tty_send(s->tty, buf_str(&out));
	s->counts.frames++;
	buf_fini(&out);
}

/* A terminfo string without its padding ("$<5>"), which no terminal of this century needs. */
static void append_capability(struct buf *out, const char *name)
{
	const char *value = tigetstr(name);

	if (value == NULL || value == (const char *)-1)
		return;
	while (*value) {
		const char *close = value[0] == '$' && value[1] == '<' ? strchr(value, '>') : NULL;

		if (close)
			value = close + 1;
		else
			buf_append_c(out, *value++);
	}
}

static void prepare_restore(struct screen *s)
{
	struct buf bytes = {0};

	if (s->modern) {
		buf_puts(&bytes, sync_end);
		buf_puts(&bytes, modes_off);
		buf_puts(&bytes, mouse_off);
	}
	append_capability(&bytes, "sgr0");
	append_capability(&bytes, "op");
	append_capability(&bytes, "cnorm");
	append_capability(&bytes, "rmkx");
	append_capability(&bytes, "rmcup");
	if (tigetstr("rmcup") == NULL)
		buf_puts(&bytes, "\r\n");
	tty_set_restore(s->tty, buf_str(&bytes));
	buf_fini(&bytes);
}

static void switch_modes_on(struct screen *s)
{
	if (s->modern)
		buf_puts(&s->frame, modes_on);
	if (s->modern && s->mouse)
		buf_puts(&s->frame, mouse_on);
}

/* ---- start and end ---- */

static void apply_theme(struct screen *s)
{
	if (s->colours == COLOURS_NONE)
		return;
	for (int role = 0; role < ROLE_COUNT; role++) {
		struct look look = theme_look(s->theme, (style)role, s->colours);
		int fg = look.fg >= COLOUR_RGB ? look.fg & 0xffffff : look.fg;
		int bg = look.bg >= COLOUR_RGB ? look.bg & 0xffffff : look.bg;

		init_extended_pair(role + 1, fg, bg);
	}
}

static int start_curses(struct screen *s, const char *term, struct err *err)
{
	int fd = memfd_create("frame", MFD_CLOEXEC), found;
	const char *usable = NULL;

	s->memory = fd < 0 ? tmpfile() : fdopen(fd, "w+");
	if (s->memory == NULL)
		return err_set(err, "terminal: no memory file for frames: %s", strerror(errno));
	/* Asked first, because a newterm() that fails leaks. */
	if (setupterm(term, fileno(s->memory), &found) == OK)
		usable = term;
	else if (setupterm(FALLBACK_TERM, fileno(s->memory), &found) == OK)
		usable = FALLBACK_TERM;
	if (usable) {
		del_curterm(cur_term);
		s->curses = newterm(usable, s->memory, s->memory);
	}
	if (s->curses == NULL)
		return err_set(err, "terminal: no description of \"%s\" nor of " FALLBACK_TERM
		               ": install ncurses-base, or set TERM", term);
	if (tigetstr("cup") == NULL)
		return err_set(err, "terminal: \"%s\" cannot place its cursor: ask for a single screen as text, or "
		               "set TERM to what it really is", term);
	typeahead(-1);
	scrollok(stdscr, FALSE);
	leaveok(stdscr, FALSE);
	idlok(stdscr, FALSE); /* line insertion would move what other panels show */
	return 0;
}

static void resize_to_terminal(struct screen *s)
{
	int width, height;

	tty_size(s->tty, &width, &height);
	resizeterm(height, width);
	surface_resize(s->surface, width, height);
	surface_resize(s->shown, width, height);
	s->repaint = true;
}

static void prepare_surface(struct screen *s, const struct screen_options *options, const char *term)
{
	bool no_braille = strcmp(term, "linux") == 0 || strncmp(term, "linux-", 6) == 0;

	s->surface = surface_new(0, 0);
	s->shown = surface_new(0, 0);
	s->surface->ascii = options->ascii || !s->utf8 || is_ascii_only(term);
	s->surface->graph = GRAPH_BRAILLE;
	if (options->graph != SCREEN_AUTO)
		s->surface->graph = (enum graph)options->graph;
	else if (no_braille) /* its fonts have 256 or 512 glyphs */
		s->surface->graph = GRAPH_ASCII;
	if (s->surface->ascii)
		s->surface->graph = GRAPH_ASCII;
}

int screen_init(struct screen **out, int fd_in, int fd_out, const struct screen_options *options,
                const struct theme *theme, struct err *err)
{
	const char *term = options->term ? options->term : getenv("TERM");
	struct screen *s = mem_zalloc(sizeof(*s));

	*out = NULL;
	if (term == NULL || *term == '\0')
		term = FALLBACK_TERM;
	s->theme = theme;
	s->cursor_x = s->cursor_y = -1;
	key_decoder_init(&s->keys, (options->esc_delay_ms > 0 ? options->esc_delay_ms : 25) * US_PER_MS);
	s->utf8 = set_locale();
	if (tty_open(&s->tty, fd_in, fd_out, err) != 0 || start_curses(s, term, err) != 0) {
		screen_fini(&s);
		return -1;
	}
	s->modern = is_modern(term);
	s->mouse = options->mouse;
	s->colours = detect_colours(options->colours);
	apply_theme(s);
	prepare_surface(s, options, term);
	resize_to_terminal(s);
	prepare_restore(s);
	switch_modes_on(s);
	*out = s;
	return 0;
}

void screen_fini(struct screen **screen)
{
	struct screen *s = *screen;

	if (!s)
		return;
	tty_close(&s->tty);
	if (s->curses) {
		endwin();
		delscreen(s->curses);
	}
	if (s->memory)
		fclose(s->memory);
	surface_free(&s->surface);
	surface_free(&s->shown);
	key_decoder_fini(&s->keys);
	buf_fini(&s->frame);
	free(s);
	*screen = NULL;
}

/* ---- drawing ---- */

struct surface *screen_surface(struct screen *s)
{
	return s->surface;
}

enum colours screen_colours(const struct screen *s)
{
	return s->colours;
}

void screen_set_theme(struct screen *s, const struct theme *theme)
{
	s->theme = theme;
	apply_theme(s);
	s->repaint = true;
}

void screen_set_mouse(struct screen *s, bool on)
{
	s->mouse = on;
	if (s->modern)
		buf_puts(&s->frame, on ? mouse_on : mouse_off);
}

void screen_set_cursor(struct screen *s, int x, int y)
{
	s->cursor_x = x;
	s->cursor_y = y;
}

void screen_repaint(struct screen *s)
{
	s->repaint = true;
}

static attr_t curses_attributes(uint16_t attributes)
{
	return (attributes & STYLE_BOLD ? A_BOLD : 0) | (attributes & STYLE_DIM ? A_DIM : 0) |
	       (attributes & STYLE_UNDERLINE ? A_UNDERLINE : 0) |
	       (attributes & STYLE_REVERSE ? A_REVERSE : 0);
}

static void paint_cell(struct screen *s, int x, int y, const struct cell *c, bool in_run)
{
	uint16_t looks = theme_look(s->theme, c->style, s->colours).attributes;
	wchar_t text[4] = {(wchar_t)c->ch[0], (wchar_t)c->ch[1], (wchar_t)c->ch[2], 0};
	int pair = s->colours == COLOURS_NONE ? 0 : (int)STYLE_ROLE(c->style) + 1;
	cchar_t cell;

	if (in_run && !(looks & (STYLE_DIM | STYLE_UNDERLINE))) {
		text[0] = L' ';
		looks ^= STYLE_REVERSE;
	}
	if (s->surface->ascii || !s->utf8) {
		text[0] = (wchar_t)surface_ascii((uint32_t)text[0]);
		text[1] = 0;
	}
	setcchar(&cell, text, curses_attributes(looks), 0, &pair);
	mvadd_wch(y, x, &cell);
}

static bool cell_equal(const struct cell *a, const struct cell *b)
{
	return a->ch[0] == b->ch[0] && a->ch[1] == b->ch[1] && a->ch[2] == b->ch[2] &&
	       a->style == b->style;
}

static bool is_blank(const struct cell *c)
{
	return c->ch[0] == ' ' && c->ch[1] == 0;
}

/* Of a blank in this style nothing is seen. */
static bool is_plain(const struct screen *s, style st)
{
	struct look look = theme_look(s->theme, st, s->colours);

	return look.bg == COLOUR_DEFAULT && !(look.attributes & (STYLE_REVERSE | STYLE_UNDERLINE));
}

/* A gap between words or dots takes the style of what is left of it: it looks the same, and the terminal need
 * not be told to change colours for it. `row` has `width` cells, a blank at x. */
static style gap_style(const struct screen *s, const struct cell *row, int width, int x)
{
	int left = x - 1, right = x + 1;

	while (left > 0 && x - left < GAP_MAX && is_blank(&row[left]))
		left--;
	while (right < width - 1 && right - x < GAP_MAX && is_blank(&row[right]))
		right++;
	if (left < 0 || right >= width || is_blank(&row[left]) || is_blank(&row[right]) || row[left].ch[0] == FULL_BLOCK ||
	    !is_plain(s, row[x].style) || !is_plain(s, row[left].style))
		return row[x].style;
	return row[left].style;
}

/* How many full blocks of one style begin here. */
static int block_run(const struct cell *c, int left)
{
	int run = 0;

	while (run < left && c[run].ch[0] == FULL_BLOCK && c[run].style == c->style)
		run++;
	return run;
}

/* Tells curses what has changed in a row. A changed half of a wide character repaints the whole.
 * Full blocks are told anew each time, for their run may have grown: curses sends what differs. */
static void paint_row(struct screen *s, int y)
{
	const struct cell *now = s->surface->cells + (size_t)y * (size_t)s->surface->stride;
	struct cell *shown = s->shown->cells + (size_t)y * (size_t)s->shown->stride;
	bool ascii = s->surface->ascii || !s->utf8;
	struct cell blank = {{' ', 0, 0}, 0};
	int run_end = 0;
	bool in_run = false;

	for (int x = 0; x < s->surface->width; x++) {
		if (x >= run_end && now[x].ch[0] == FULL_BLOCK) {
			run_end = x + block_run(&now[x], s->surface->width - x);
			in_run = run_end - x >= BLANK_RUN_MIN;
		}
		bool block = x < run_end;
		bool wide = x + 1 < s->surface->width && now[x + 1].ch[0] == 0;

		if (!s->repaint && !block && cell_equal(&now[x], &shown[x]) &&
		    (!wide || cell_equal(&now[x + 1], &shown[x + 1])))
			continue;
		if (is_blank(&now[x])) {
			blank.style = gap_style(s, now, s->surface->width, x);
			paint_cell(s, x, y, &blank, false);
		} else if (now[x].ch[0] != 0) {
			paint_cell(s, x, y, &now[x], block && in_run);
		} else if (ascii) {
			blank.style = now[x].style;
			paint_cell(s, x, y, &blank, false);
		}
	}
	memcpy(shown, now, (size_t)s->surface->width * sizeof(*now));
}

static bool is_cursor_shown(const struct screen *s)
{
	return s->cursor_x >= 0 && s->cursor_y >= 0 && s->cursor_x < s->surface->width &&
	       s->cursor_y < s->surface->height;
}

enum presented screen_present(struct screen *s)
{
	size_t row_bytes = (size_t)s->surface->width * sizeof(struct cell);

	if (!tty_drain(s->tty)) {
		s->counts.skipped++;
		s->drained_due = true;
		return PRESENT_SKIPPED;
	}
	if (s->repaint) {
		clearok(stdscr, TRUE);
		werase(stdscr);
	}
	for (int y = 0; y < s->surface->height; y++) {
		size_t at = (size_t)y * (size_t)s->surface->stride;

		if (s->repaint || memcmp(s->surface->cells + at, s->shown->cells + at, row_bytes) != 0)
			paint_row(s, y);
	}
	s->repaint = false;
	curs_set(is_cursor_shown(s) ? 1 : 0);
	if (is_cursor_shown(s))
		move(s->cursor_y, s->cursor_x);
	else
		move(0, 0);
	leaveok(stdscr, !is_cursor_shown(s));
	wnoutrefresh(stdscr);
	doupdate();
	collect(s);
	if (s->frame.len == 0)
		return PRESENT_UNCHANGED;
	send_frame(s);
	return PRESENT_SENT;
}

/* ---- lending the terminal ---- */

void screen_leave(struct screen *s)
{
	tty_leave(s->tty);
}

void screen_enter(struct screen *s)
{
	tty_enter(s->tty);
	collect(s);
	buf_reset(&s->frame); /* what was written for a terminal that has been another's since */
	append_capability(&s->frame, "smcup");
	switch_modes_on(s);
	append_capability(&s->frame, is_cursor_shown(s) ? "cnorm" : "civis");
	resize_to_terminal(s);
	s->resumed = true;
}

void screen_suspend(struct screen *s)
{
	tty_suspend(s->tty);
	screen_enter(s);
}

int screen_copy(struct screen *s, struct str text, struct err *err)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	if (!s->modern)
		return err_set(err, "copy: this terminal (TERM) is not known to have a clipboard");
	if (text.len > COPY_BYTES_MAX)
		return err_set(err, "copy: %zu bytes are more than the terminal's clipboard takes (%d): "
		               "export to a file instead", text.len, COPY_BYTES_MAX);
	buf_puts(&s->frame, "\033]52;c;");
	for (size_t i = 0; i < text.len; i += 3) {
		const unsigned char *p = (const unsigned char *)text.ptr + i;
		size_t left = text.len - i;
		unsigned v = (unsigned)p[0] << 16 | (left > 1 ? (unsigned)p[1] << 8 : 0u) |
		             (left > 2 ? (unsigned)p[2] : 0u);

		buf_append_c(&s->frame, digits[v >> 18]);
		buf_append_c(&s->frame, digits[v >> 12 & 63]);
		buf_append_c(&s->frame, left > 1 ? digits[v >> 6 & 63] : '=');
		buf_append_c(&s->frame, left > 2 ? digits[v & 63] : '=');
	}
	buf_puts(&s->frame, "\007");
	return 0;
}

void screen_ring(struct screen *s, enum screen_bell how, struct str text)
{
	char words[160];

	if (how == SCREEN_BELL_NONE)
		return;
	if (how == SCREEN_BELL_PLAIN || !s->modern) {
		buf_puts(&s->frame, "\007");
		return;
	}
	text_harmless(words, sizeof words, text);
	for (char *c = words; *c; c++)
		*c = *c == ';' ? ',' : *c; /* separates OSC 777's fields */
	buf_printf(&s->frame, how == SCREEN_BELL_OSC9 ? "\033]9;%s\007" : "\033]777;notify;llmdeck;%s\007", words);
}

/* ---- waiting ---- */

static int64_t earliest(int64_t a, int64_t b)
{
	return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* When the resize under way is to be taken over: once it rests, or has gone on for long. */
static int64_t resize_due_us(const struct screen *s)
{
	int64_t quiet = s->resize_last_us + RESIZE_QUIET_US, longest = s->resize_first_us + RESIZE_LONGEST_US;

	return s->resize_first_us == 0 ? 0 : quiet < longest ? quiet : longest;
}

static bool take_signals(struct screen *s, int64_t now_us)
{
	struct tty_signals signals = tty_signals(s->tty);

	if (signals.resized) {
		s->resize_last_us = now_us;
		if (s->resize_first_us == 0)
			s->resize_first_us = now_us;
	}
	if (signals.stop)
		screen_suspend(s);
	return signals.quit;
}

/* False when the terminal has gone. */
static bool read_input(struct screen *s)
{
	char bytes[4096];
	ssize_t n = read(tty_input_fd(s->tty), bytes, sizeof(bytes));

	if (n > 0)
		key_decoder_feed(&s->keys, bytes, (size_t)n, clock_mono_us());
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What is due without waiting; SCREEN_TIMEOUT when nothing is. */
static enum screen_event due_event(struct screen *s, struct key *key, int64_t now_us)
{
	key_decoder_expire(&s->keys, now_us);
	if (key_decoder_next(&s->keys, key))
		return SCREEN_KEY;
	if (s->resumed) {
		s->resumed = false;
		return SCREEN_RESUMED;
	}
	if (s->resize_first_us && now_us >= resize_due_us(s)) {
		s->resize_first_us = 0;
		resize_to_terminal(s);
		return SCREEN_RESIZED;
	}
	if (s->drained_due && tty_drain(s->tty)) {
		s->drained_due = false;
		return SCREEN_DRAINED;
	}
	return SCREEN_TIMEOUT;
}

static int poll_timeout_ms(const struct screen *s, int64_t now_us, int64_t end_us)
{
	int64_t next = earliest(earliest(key_decoder_deadline_us(&s->keys), resize_due_us(s)), end_us);

	if (next == 0)
		return -1;
	return next <= now_us ? 0 : (int)((next - now_us + US_PER_MS - 1) / US_PER_MS);
}

enum screen_event screen_wait(struct screen *s, int wake_fd, int timeout_ms, struct key *key)
{
	int64_t now_us = clock_mono_us();
	int64_t end_us = timeout_ms < 0 ? 0 : now_us + timeout_ms * US_PER_MS;

	for (;; now_us = clock_mono_us()) {
		enum screen_event event = due_event(s, key, now_us);
		struct pollfd fds[4] = {
			{.fd = tty_input_fd(s->tty), .events = POLLIN},
			{.fd = tty_signal_fd(s->tty), .events = POLLIN},
			{.fd = wake_fd, .events = POLLIN},
			{.fd = tty_pending(s->tty) ? tty_output_fd(s->tty) : -1, .events = POLLOUT},
		};

		if (event != SCREEN_TIMEOUT)
			return event;
		if (poll(fds, 4, poll_timeout_ms(s, now_us, end_us)) < 0 && errno != EINTR)
			return SCREEN_QUIT;
		if (fds[1].revents && take_signals(s, clock_mono_us()))
			return SCREEN_QUIT;
		if (fds[3].revents)
			tty_drain(s->tty);
		if (fds[0].revents) {
			if (!read_input(s))
				return SCREEN_QUIT;
			continue;
		}
		if (fds[2].revents)
			return SCREEN_WOKEN;
		if (end_us && clock_mono_us() >= end_us && key_decoder_deadline_us(&s->keys) == 0 &&
		    !s->resumed && !s->resize_first_us)
			return SCREEN_TIMEOUT;
		if (timeout_ms == 0)
			return SCREEN_TIMEOUT;
	}
}

struct screen_counts screen_counts(const struct screen *s)
{
	struct screen_counts counts = s->counts;

	counts.writes = tty_counts(s->tty).writes;
	counts.bytes = tty_counts(s->tty).bytes;
	return counts;
}
