/* llmdeck doctor: one check an area, each finding a line that says what to do. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "cli/args.h"
#include "cli/doctor.h"
#include "cli/output.h"

static const struct {
	const char *name;
	void (*check)(struct doctor *d);
} areas[] = {
	{"terminal", doctor_terminal}, {"locale", doctor_locale},   {"config", doctor_config},
	{"store", doctor_store},       {"prices", doctor_prices},   {"sources", doctor_sources},
	{"actuators", doctor_actuators},
	{"permissions", doctor_permissions},
};
#define AREAS (sizeof areas / sizeof areas[0])

static const struct command_option doctor_options[] = {
	{"--only", "AREA", "terminal, locale, config, store, prices, sources, actuators or permissions; repeatable"},
	{"--deep", NULL, "recount the store: rollups against raw rows, sketches, references"},
	{NULL, NULL, NULL},
};

static void finding(struct doctor *d, const char *level, const char *fmt, va_list ap)
{
	struct buf text = {0};

	buf_vprintf(&text, fmt, ap);
	buf_printf(&d->out, "%-7s %-12s ", level, d->area);
	text_append_harmless(&d->out, buf_str(&text), text.len);
	buf_append_c(&d->out, '\n');
	buf_fini(&text);
}

void doctor_ok(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	finding(d, "ok", fmt, ap);
	va_end(ap);
}

void doctor_warn(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	finding(d, "warning", fmt, ap);
	va_end(ap);
	d->warnings++;
}

void doctor_broken(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	finding(d, "BROKEN", fmt, ap);
	va_end(ap);
	d->broken++;
}

static bool wanted(const struct args *a, const char *area)
{
	const char *only;

	if (!args_has(a, "--only"))
		return true;
	for (size_t i = 0; (only = args_nth(a, "--only", i)) != NULL; i++)
		if (strcmp(only, area) == 0)
			return true;
	return false;
}

static int check_areas(const struct args *a)
{
	const char *only;

	for (size_t i = 0; (only = args_nth(a, "--only", i)) != NULL; i++) {
		bool known = false;

		for (size_t k = 0; k < AREAS; k++)
			known = known || strcmp(only, areas[k].name) == 0;
		if (!known)
			return cli_failf(EXIT_USAGE, "doctor: --only \"%s\": give terminal, locale, config, "
			                 "store, prices, sources, actuators or permissions", only);
	}
	return EXIT_DONE;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct doctor d = {.g = g};
	struct args a;
	int code;

	if (!args_open(&a, &doctor_command, argc, argv, &code))
		return code;
	code = a.operand_count ? cli_failf(EXIT_USAGE, "doctor: unexpected \"%s\"", a.operands[0])
	                       : check_areas(&a);
	if (code != EXIT_DONE) {
		args_fini(&a);
		return code;
	}
	d.deep = args_has(&a, "--deep");
	d.progress = isatty(STDERR_FILENO);
	for (size_t i = 0; i < AREAS; i++) {
		if (!wanted(&a, areas[i].name))
			continue;
		d.area = areas[i].name;
		areas[i].check(&d);
	}
	buf_printf(&d.out, "%s: %d broken, %d warning%s%s\n", d.broken ? "not healthy" : "healthy",
	           d.broken, d.warnings, d.warnings == 1 ? "" : "s", d.demo ? ", DEMO store" : "");
	code = cli_print(&d.out);
	buf_fini(&d.out);
	args_fini(&a);
	return d.broken ? EXIT_FAILED : code;
}

const struct command doctor_command = {
	.name = "doctor",
	.usage = "[--only AREA]… [--deep]",
	.summary = "checks terminal, locale, config, store, prices, sources, actuators, permissions",
	.help = "Exit code 0 when nothing is broken (warnings allowed), else 1.",
	.options = doctor_options,
	.run = run,
};
