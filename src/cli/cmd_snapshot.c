/* llmdeck snapshot: the overview or one panel as text, drawn by the code that draws the screen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/choices.h"
#include "cli/output.h"
#include "cli/window.h"
#include "console/render.h"
#include "ui/surface.h"
#include "ui/theme.h"

#define WIDTH_DEFAULT 120
#define HEIGHT_DEFAULT 40
#define SIZE_MAX_CELLS 1000

static const char *const colour_words[] = {"never", "16", "256", "always", NULL};

static const struct command_option snapshot_options[] = {
	{"--size", "WxH", "columns and rows (default: the terminal's, else 120x40)"},
	{"--color", "WHEN", "never, 16, 256 or always (default: as the terminal can)"},
	{"--ascii", NULL, "charts and borders in ASCII"},
	{"--theme", "NAME", "colours (default: the configuration's)"},
	WINDOW_OPTIONS,
	{NULL, NULL, NULL},
};

static int read_size(const struct args *a, int *width, int *height, struct err *err)
{
	const char *text = args_value(a, "--size");
	struct winsize size;
	int64_t w, h;

	*width = WIDTH_DEFAULT;
	*height = HEIGHT_DEFAULT;
	if (text == NULL) {
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 1) {
			*width = size.ws_col;
			*height = size.ws_row - 1; /* room for the next prompt */
		}
		return 0;
	}
	struct str rest = str_of(text);
	struct str first = str_cut(&rest, 'x');
	if (!str_to_int64(first, &w) || !str_to_int64(rest, &h) || w < 1 || h < 1 ||
	    w > SIZE_MAX_CELLS || h > SIZE_MAX_CELLS)
		return err_set(err, "snapshot: --size \"%s\": write columns x rows, such as 120x40", text);
	*width = (int)w;
	*height = (int)h;
	return 0;
}

static int read_colours(const struct args *a, enum colours *out, struct err *err)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM"), *depth = getenv("COLORTERM");
	int word = -1;

	*out = COLOURS_NONE;
	if (args_choice(a, "--color", &word, err))
		return -1;
	if (word < 0 && isatty(STDOUT_FILENO) && !(no_color && no_color[0]) && term &&
	    strcmp(term, "dumb") != 0)
		word = strstr(term, "256") ? 2 : 1;
	if (word == 1)
		*out = COLOURS_16;
	else if (word == 2)
		*out = COLOURS_256;
	else if (word == 3)
		*out = depth && strcmp(depth, "truecolor") == 0 ? COLOURS_DIRECT : COLOURS_256;
	return 0;
}

/* Window and filters, as the other commands read them; none given leaves the console's own. */
static int read_window(struct console_options *o, const struct global *g, const struct args *a,
                       struct err *err)
{
	struct store_reader *reader = NULL;
	struct store_summary summary;
	struct window w;
	struct tz *tz = NULL;
	int result = -1;

	if (tz_load(&tz, g->config.options[OPTION_TZ].text, err))
		return -1;
	if (window_open_store(&reader, g->store_path, &summary, err) == 0 &&
	    window_read(&w, a, &summary, tz, clock_wall_us(), err) == 0) {
		result = 0;
		o->where = w.view;
		if (args_has(a, "--from") || args_has(a, "--to")) {
			o->from_us = w.view.from_us;
			o->to_us = w.view.to_us;
		} else if (args_has(a, "--since")) {
			o->since_us = w.view.to_us - w.view.from_us;
		}
	}
	store_reader_close(&reader);
	tz_free(&tz);
	return result;
}

static int draw(const struct console_options *o, const char *panel, const struct args *a,
                struct buf *out, enum exit_code *code, struct err *err)
{
	struct surface *s = surface_new(o->width, o->height);
	struct theme *theme = mem_zalloc(sizeof *theme);
	enum colours colours;
	int result = -1;

	s->graph = (unsigned)o->config->options[OPTION_GRAPH].number;
	s->ascii = args_has(a, "--ascii") || !cli_utf8();
	if (s->ascii)
		s->graph = GRAPH_ASCII;
	*code = EXIT_USAGE;
	if (read_colours(a, &colours, err) == 0 && theme_find(theme, o->theme, err) == 0) {
		*code = EXIT_FAILED;
		result = panel ? console_render_panel(o, panel, s, err) : console_render(o, s, err);
	}
	if (result == 0)
		surface_to_ansi(s, theme, colours, out);
	surface_free(&s);
	free(theme);
	return result;
}

static int run_with(const struct global *g, const struct args *a)
{
	struct console_options o = {
		.store_path = g->store_path, .config_path = g->config_path, .config = &g->config,
		.read_only = true, .theme = g->config.options[OPTION_THEME].text,
	};
	struct err err = {""};
	struct buf out = {0};
	enum exit_code code = EXIT_USAGE;

	if (args_has(a, "--theme"))
		o.theme = args_value(a, "--theme");
	if (a->operand_count > 1)
		return cli_failf(EXIT_USAGE, "snapshot: one panel at a time: see llmdeck snapshot --help");
	if (read_size(a, &o.width, &o.height, &err) || (a->operand_count && place_check(a->operands[0], &err)))
		return cli_fail(EXIT_USAGE, &err);
	if (!file_exists(g->store_path))
		code = EXIT_UNAVAILABLE;
	if (read_window(&o, g, a, &err))
		return cli_fail(code, &err);
	if (draw(&o, a->operand_count ? a->operands[0] : NULL, a, &out, &code, &err))
		cli_fail(code, &err);
	else
		code = (enum exit_code)cli_print(&out);
	buf_fini(&out);
	return (int)code;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct args a;
	int code;

	if (!args_open(&a, &snapshot_command, argc, argv, &code))
		return code;
	code = run_with(g, &a);
	args_fini(&a);
	return code;
}

static const struct command_choices snapshot_choices[] = {
	{"", NULL, choices_places},
	{"--color", colour_words, NULL},
	{"--theme", NULL, choices_themes},
	{NULL, NULL, NULL},
};

const struct command snapshot_command = {
	.name = "snapshot",
	.usage = "[PANEL] [--size WxH] [--color WHEN] [--ascii]",
	.summary = "the overview or a panel as text",
	.help = "PANEL is a panel's name, such as latency, cost, errors, flags, rollouts or feedback; without\n"
	        "one it is the overview.",
	.options = snapshot_options,
	.choices = snapshot_choices,
	.run = run,
};
