/* llmdeck doctor: one check an area, each finding a line that says what to do. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "cli/args.h"
#include "cli/doctor.h"
#include "cli/output.h"

/* The areas by name, and their checks in the same order. */
static const char *const area_names[] = {"terminal", "locale", "config", "store", "prices", "sources", "actuators", "permissions", NULL};
static void (*const area_checks[])(struct doctor *d) = {
	doctor_terminal, doctor_locale,  doctor_config,    doctor_store,
	doctor_prices,   doctor_sources, doctor_actuators, doctor_permissions,
};
#define AREAS (sizeof area_checks / sizeof *area_checks)

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

static int run(const struct global *g, int argc, char **argv)
{
	struct doctor d = {.g = g};
	struct args a;
	struct err err = {""};
	int code, last;

	if (!args_open(&a, &doctor_command, argc, argv, &code))
		return code;
	code = a.operand_count ? cli_failf(EXIT_USAGE, "doctor: unexpected \"%s\"", a.operands[0])
	       : args_choice(&a, "--only", &last, &err) ? cli_fail(EXIT_USAGE, &err) : EXIT_DONE;
	if (code != EXIT_DONE) {
		args_fini(&a);
		return code;
	}
	d.deep = args_has(&a, "--deep");
	d.progress = isatty(STDERR_FILENO);
	for (size_t i = 0; i < AREAS; i++) {
		if (!wanted(&a, area_names[i]))
			continue;
		d.area = area_names[i];
		area_checks[i](&d);
	}
	buf_printf(&d.out, "%s: %d broken, %d warning%s%s\n", d.broken ? "not healthy" : "healthy",
	           d.broken, d.warnings, d.warnings == 1 ? "" : "s", d.demo ? ", DEMO store" : "");
	code = cli_print(&d.out);
	buf_fini(&d.out);
	args_fini(&a);
	return d.broken ? EXIT_FAILED : code;
}

static const struct command_choices doctor_choices[] = {
	{"--only", area_names, NULL},
	{NULL, NULL, NULL},
};

const struct command doctor_command = {
	.name = "doctor",
	.usage = "[--only AREA]… [--deep]",
	.summary = "checks terminal, locale, config, store, prices, sources, actuators, permissions",
	.help = "Exit code 0 when nothing is broken (warnings allowed), else 1.",
	.options = doctor_options,
	.choices = doctor_choices,
	.run = run,
};
