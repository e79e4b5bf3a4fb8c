/* Themes: a table of role names, a line parser, and colour arithmetic. The built-in default is a
 * theme text of its own, read by the same parser, so that a shipped file and the built-in one
 * cannot mean different things. Colours are matched by squared distance in RGB against the usual
 * xterm palette: 16 base colours, a 6×6×6 cube with the levels 0, 95, 135 … 255, and 24 greys. */
#include "ui/theme.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

#define THEME_FILE_BYTES_MAX 65536

static const char *const role_names[ROLE_COUNT] = {
	[ROLE_TEXT] = "text", [ROLE_MUTED] = "muted", [ROLE_BORDER] = "border",
	[ROLE_TITLE] = "title", [ROLE_HEADER] = "header", [ROLE_KEY] = "key",
	[ROLE_ACCENT] = "accent", [ROLE_OK] = "ok", [ROLE_WARNING] = "warning",
	[ROLE_CRITICAL] = "critical", [ROLE_UNKNOWN] = "unknown", [ROLE_STALE] = "stale",
	[ROLE_POSITIVE] = "positive", [ROLE_NEUTRAL] = "neutral", [ROLE_NEGATIVE] = "negative",
	[ROLE_SELECTED] = "selected", [ROLE_MARKED] = "marked", [ROLE_CURSOR] = "cursor",
	[ROLE_INPUT] = "input", [ROLE_DIALOG] = "dialog", [ROLE_TOAST] = "toast",
	[ROLE_DANGER] = "danger", [ROLE_GAUGE] = "gauge", [ROLE_GAUGE_REST] = "gauge-rest",
	[ROLE_SERIES1] = "series1", [ROLE_SERIES2] = "series2", [ROLE_SERIES3] = "series3",
	[ROLE_SERIES4] = "series4", [ROLE_SERIES5] = "series5", [ROLE_SERIES6] = "series6",
	[ROLE_HEAT1] = "heat1", [ROLE_HEAT2] = "heat2", [ROLE_HEAT3] = "heat3",
	[ROLE_HEAT4] = "heat4", [ROLE_HEAT5] = "heat5",
};

static const char default_text[] =
	"text = default\n"
	"muted = 245, default dim, dim\n"
	"border = 240, default dim, dim\n"
	"title = 252 default bold, default bold, bold\n"
	"header = 252 236, black white, reverse\n"
	"key = 80, cyan, bold\n"
	"accent = 80 default bold, cyan default bold, bold\n"
	"ok = 78, green,\n"
	"warning = 221, yellow, bold\n"
	"critical = 203 default bold, bright-red default bold, reverse\n"
	"unknown = 245, default dim, dim\n"
	"stale = 243, default dim, dim\n"
	"positive = 78, green,\n"
	"neutral = 250, default,\n"
	"negative = 209, red, bold\n"
	"selected = 231 24, white blue, reverse\n"
	"marked = 222 237, yellow default bold, bold underline\n"
	"cursor = 16 252, black white, reverse\n"
	"input = 231 238, white blue, underline\n"
	"dialog = 254 236, white black,\n"
	"toast = 231 60, white magenta, reverse\n"
	"danger = 231 160 bold, white red bold, reverse bold\n"
	"gauge = 74, cyan, bold\n"
	"gauge-rest = 239, default dim, dim\n"
	"series1 = 74, cyan,\n"
	"series2 = 215, yellow, bold\n"
	"series3 = 114, green, dim\n"
	"series4 = 176, magenta, underline\n"
	"series5 = 204, red, bold underline\n"
	"series6 = 109, blue, dim underline\n"
	"heat1 = 24, blue, dim\n"
	"heat2 = 31, cyan,\n"
	"heat3 = 178, green,\n"
	"heat4 = 208, yellow, bold\n"
	"heat5 = 196, red, reverse\n";

const char *theme_role_name(enum role role)
{
	return role < ROLE_COUNT ? role_names[role] : "text";
}

int theme_role_find(struct str name)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (str_equal_c(name, role_names[i]))
			return i;
	return -1;
}

static int rgb_of(int32_t colour)
{
	static const int base[16] = {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
	                             0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
	                             0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff};
	static const int level[6] = {0, 95, 135, 175, 215, 255};

	if (colour >= COLOUR_RGB)
		return colour & 0xffffff;
	if (colour < 16)
		return base[colour];
	if (colour < 232) {
		int n = colour - 16;
		return level[n / 36] << 16 | level[n / 6 % 6] << 8 | level[n % 6];
	}
	return (8 + ((colour - 232) & 31) * 10) * 0x010101;
}

static int distance(int a, int b)
{
	int r = (a >> 16) - (b >> 16), g = (a >> 8 & 255) - (b >> 8 & 255), l = (a & 255) - (b & 255);

	return r * r + g * g + l * l;
}

/* The nearest palette entry in [first, last]. */
static int32_t nearest(int rgb, int32_t first, int32_t last)
{
	int32_t best = first;

	for (int32_t i = first + 1; i <= last; i++)
		if (distance(rgb, rgb_of(i)) < distance(rgb, rgb_of(best)))
			best = i;
	return best;
}

static int32_t reduce(int32_t colour, enum colours colours)
{
	if (colour == COLOUR_DEFAULT)
		return colour;
	if (colours == COLOURS_DIRECT) /* direct-colour terminals keep the first eight as a palette */
		return colour < 8 ? colour : COLOUR_RGB | rgb_of(colour);
	if (colours == COLOURS_256) /* the 16 base colours differ between terminals: not matched */
		return colour >= COLOUR_RGB ? nearest(rgb_of(colour), 16, 255) : colour;
	if (colours == COLOURS_16)
		return colour >= 16 ? nearest(rgb_of(colour), 0, 15) : colour;
	if (colour >= 16)
		return nearest(rgb_of(colour), 0, 7);
	return colour & 7;
}

struct look theme_look(const struct theme *t, style st, enum colours colours)
{
	enum role role = STYLE_ROLE(st) < ROLE_COUNT ? STYLE_ROLE(st) : ROLE_TEXT;
	uint16_t added = (uint16_t)(st & (STYLE_BOLD | STYLE_UNDERLINE | STYLE_REVERSE | STYLE_DIM));
	struct look look = {COLOUR_DEFAULT, COLOUR_DEFAULT, t->mono[role]};

	if (colours != COLOURS_NONE)
		look = colours >= COLOURS_256 ? t->rich[role] : t->basic[role];
	look.fg = reduce(look.fg, colours);
	look.bg = reduce(look.bg, colours);
	/* Two different colours may have met in the smaller palette: never draw a thing on itself. */
	if (look.fg == look.bg && look.fg != COLOUR_DEFAULT)
		look.fg = look.bg == 0 || look.bg == 4 ? 7 : 0;
	look.attributes = (uint16_t)(look.attributes | added);
	return look;
}

static uint16_t attribute_of(struct str word)
{
	static const struct {
		const char *name;
		uint16_t bit;
	} table[] = {{"bold", STYLE_BOLD}, {"dim", STYLE_DIM}, {"underline", STYLE_UNDERLINE},
	             {"reverse", STYLE_REVERSE}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (str_equal_c(word, table[i].name))
			return table[i].bit;
	return 0;
}

static bool parse_hex(struct str digits, int32_t *out)
{
	int32_t v = 0;

	if (digits.len != 6)
		return false;
	for (size_t i = 0; i < 6; i++) {
		char c = digits.ptr[i];
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
		      : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (d < 0)
			return false;
		v = v * 16 + d;
	}
	*out = COLOUR_RGB | v;
	return true;
}

static bool parse_colour(struct str word, int32_t *out)
{
	static const char *const names[8] = {"black", "red", "green", "yellow",
	                                     "blue", "magenta", "cyan", "white"};
	const struct str bright = STR_LIT("bright-");
	int64_t number;
	int32_t add = 0;

	if (str_equal_c(word, "default")) {
		*out = COLOUR_DEFAULT;
		return true;
	}
	if (word.len && word.ptr[0] == '#')
		return parse_hex((struct str){word.ptr + 1, word.len - 1}, out);
	if (str_to_int64(word, &number)) {
		*out = (int32_t)number;
		return number >= 0 && number <= 255;
	}
	if (str_starts_with(word, bright)) {
		word = (struct str){word.ptr + bright.len, word.len - bright.len};
		add = 8;
	}
	for (int32_t i = 0; i < 8; i++)
		if (str_equal_c(word, names[i])) {
			*out = i + add;
			return true;
		}
	return false;
}

/* One comma-separated part: colours, then attributes. On failure *bad is the word that is wrong. */
static bool parse_part(struct str part, struct look *look, bool colours, struct str *bad)
{
	int colour_count = 0;

	*look = (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, 0};
	for (part = str_trim(part); part.len > 0; part = str_trim(part)) {
		struct str word = str_cut(&part, ' ');
		uint16_t attribute = attribute_of(word);
		int32_t colour;

		if (attribute) {
			look->attributes |= attribute;
		} else if (colours && colour_count < 2 && look->attributes == 0 &&
		           parse_colour(word, &colour)) {
			*(colour_count++ ? &look->bg : &look->fg) = colour;
		} else {
			*bad = word;
			return false;
		}
	}
	return true;
}

static int parse_line(struct theme *t, const char *name, int line_number, struct str line,
                      struct err *err)
{
	struct str value = line, bad = {0}, role_name = str_trim(str_cut(&value, '='));
	int role = theme_role_find(role_name);
	struct look mono;

	if (value.ptr == NULL)
		return err_set(err, "%s:%d: \"%.*s\" has no '=': write role = foreground background attributes",
		               name, line_number, STR_ARG(role_name));
	if (role < 0)
		return err_set(err, "%s:%d: there is no role \"%.*s\": see the default theme for their names",
		               name, line_number, STR_ARG(role_name));
	bool has_basic = memchr(value.ptr, ',', value.len) != NULL;
	struct str rich = str_cut(&value, ',');
	bool has_mono = value.len && memchr(value.ptr, ',', value.len) != NULL;
	struct str basic = str_cut(&value, ',');

	if (!parse_part(rich, &t->rich[role], true, &bad) ||
	    !parse_part(has_basic ? basic : rich, &t->basic[role], true, &bad) ||
	    !parse_part(value, &mono, false, &bad))
		return err_set(err, "%s:%d: %s: \"%.*s\" is no colour (#rrggbb, 0-255 or a name) or attribute "
		               "(bold, dim, underline, reverse) in its place", name, line_number,
		               role_names[role], STR_ARG(bad));
	t->mono[role] = has_mono ? mono.attributes : t->rich[role].attributes;
	return 0;
}

static int parse_text(struct theme *t, const char *name, struct str text, struct err *err)
{
	for (int n = 1; text.len > 0; n++) {
		struct str line = str_trim(str_cut(&text, '\n'));

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (parse_line(t, name, n, line, err) != 0)
			return -1;
	}
	return 0;
}

void theme_default(struct theme *t)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->name, "default", sizeof("default"));
	parse_text(t, "built-in theme", STR_LIT(default_text), NULL);
}

int theme_parse(struct theme *t, const char *name, struct str text, struct err *err)
{
	struct theme parsed;

	theme_default(&parsed);
	if (parse_text(&parsed, name, text, err) != 0)
		return -1;
	*t = parsed;
	return 0;
}

static void note_file(struct theme *t, const struct stat *st)
{
	t->modified_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	t->size = st->st_size;
}

int theme_load(struct theme *t, const char *path, struct err *err)
{
	struct theme parsed;
	struct buf text = {0};
	struct stat st = {0};
	const char *slash = strrchr(path, '/');
	struct str name = str_of(slash ? slash + 1 : path);
	int result = -1;

	stat(path, &st);
	if (file_read(path, THEME_FILE_BYTES_MAX, &text, err) == 0 &&
	    theme_parse(&parsed, path, buf_str(&text), err) == 0) {
		if (str_ends_with(name, STR_LIT(".theme")))
			name.len -= sizeof(".theme") - 1;
		snprintf(parsed.name, sizeof(parsed.name), "%.*s", STR_ARG(name));
		snprintf(parsed.path, sizeof(parsed.path), "%s", path);
		note_file(&parsed, &st);
		*t = parsed;
		result = 0;
	}
	buf_fini(&text);
	return result;
}

static int no_such_theme(const char *name, struct err *err)
{
	char names[16][THEME_NAME_BYTES];
	size_t count = theme_list(names, sizeof names / sizeof *names);
	struct buf list = {0};

	for (size_t i = 0; i < count; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
	err_set(err, "theme: %.60s: there is none of this name: use one of %s, or a file's path", name, list.data);
	buf_fini(&list);
	return -1;
}

int theme_find(struct theme *t, const char *name, struct err *err)
{
	char file[THEME_NAME_BYTES + 16], *path;
	int result;

	if (!name || name[0] == '\0' || strcmp(name, "default") == 0) {
		theme_default(t);
		return 0;
	}
	if (strchr(name, '/'))
		return theme_load(t, name, err);
	if (snprintf(file, sizeof(file), "themes/%s.theme", name) >= (int)sizeof(file))
		return err_set(err, "theme: %.60s…: no theme has such a long name", name);
	path = path_data_file(file, NULL);
	if (!path)
		return no_such_theme(name, err);
	result = theme_load(t, path, err);
	free(path);
	return result;
}

size_t theme_list(char names[][THEME_NAME_BYTES], size_t cap)
{
	char *dir = path_data_file("themes", NULL), pattern[4200];
	size_t count = 0;
	glob_t found;

	if (count < cap)
		snprintf(names[count++], THEME_NAME_BYTES, "default");
	if (!dir)
		return count;
	snprintf(pattern, sizeof(pattern), "%s/*.theme", dir);
	free(dir);
	if (glob(pattern, 0, NULL, &found) != 0)
		return count;
	for (size_t i = 0; i < found.gl_pathc && count < cap; i++) {
		const char *base = strrchr(found.gl_pathv[i], '/') + 1;
		int length = (int)(strlen(base) - strlen(".theme"));

		if (length < THEME_NAME_BYTES && strcmp(base, "default.theme") != 0)
			snprintf(names[count++], THEME_NAME_BYTES, "%.*s", length, base);
	}
	globfree(&found);
	return count;
}

bool theme_changed(const struct theme *t)
{
	struct theme now;
	struct stat st;

	if (t->path[0] == '\0' || stat(t->path, &st) != 0)
		return false;
	note_file(&now, &st);
	return now.modified_ns != t->modified_ns || now.size != t->size;
}

int theme_reload(struct theme *t, struct err *err)
{
	char path[sizeof(t->path)];
	struct stat st;

	memcpy(path, t->path, sizeof(path));
	if (path[0] == '\0')
		return 0;
	if (stat(path, &st) == 0)
		note_file(t, &st);
	return theme_load(t, path, err);
}

static void append_colour(struct buf *out, int32_t colour, int base)
{
	if (colour >= COLOUR_RGB)
		buf_printf(out, ";%d;2;%d;%d;%d", base + 8, (int)(colour >> 16 & 255),
		           (int)(colour >> 8 & 255), (int)(colour & 255));
	else if (colour >= 16)
		buf_printf(out, ";%d;5;%d", base + 8, (int)colour);
	else if (colour >= 8)
		buf_printf(out, ";%d", base + 60 + (int)colour - 8);
	else if (colour >= 0)
		buf_printf(out, ";%d", base + (int)colour);
}

/* Select Graphic Rendition (ECMA-48 8.3.117): everything off, then what the look has. */
static void append_sgr(struct buf *out, struct look look)
{
	buf_puts(out, "\033[0");
	if (look.attributes & STYLE_BOLD)
		buf_puts(out, ";1");
	if (look.attributes & STYLE_DIM)
		buf_puts(out, ";2");
	if (look.attributes & STYLE_UNDERLINE)
		buf_puts(out, ";4");
	if (look.attributes & STYLE_REVERSE)
		buf_puts(out, ";7");
	append_colour(out, look.fg, 30);
	append_colour(out, look.bg, 40);
	buf_puts(out, "m");
}

static bool look_equal(struct look a, struct look b)
{
	return a.fg == b.fg && a.bg == b.bg && a.attributes == b.attributes;
}

/* A blank that shows nothing, so that it can be cut at a line's end. */
static bool invisible(const struct cell *c, struct look look)
{
	return c->ch[0] == ' ' && look.bg == COLOUR_DEFAULT &&
	       !(look.attributes & (STYLE_REVERSE | STYLE_UNDERLINE));
}

void surface_to_ansi(const struct surface *s, const struct theme *t, enum colours colours,
                     struct buf *out)
{
	const struct look plain = {COLOUR_DEFAULT, COLOUR_DEFAULT, 0};

	if (colours == COLOURS_NONE) {
		surface_to_text(s, out);
		return;
	}
	for (int y = 0; y < s->height; y++) {
		struct look current = plain;
		int width = s->width;

		while (width > 0 && invisible(surface_at(s, width - 1, y),
		                              theme_look(t, surface_at(s, width - 1, y)->style, colours)))
			width--;
		for (int x = 0; x < width; x++) {
			const struct cell *c = surface_at(s, x, y);
			struct look look = theme_look(t, c->style, colours);

			if (c->ch[0] != 0 && !look_equal(look, current)) {
				append_sgr(out, look);
				current = look;
			}
			surface_cell_text(s, c, out);
		}
		if (!look_equal(current, plain))
			buf_puts(out, "\033[0m");
		buf_append_c(out, '\n');
	}
}
