/* The doctor's checks of what surrounds the program: terminal, locale, configuration, who may read
 * and write what. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/doctor.h"
#include "cli/output.h"

/* Whether the terminfo database has an entry, where Debian and ncurses look for one. */
static bool terminfo_has(const char *term)
{
	const char *home = getenv("HOME"), *own = getenv("TERMINFO");
	const char *folders[] = {own, "/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo",
	                         "/usr/lib/terminfo", "/usr/local/share/terminfo"};
	bool found = false;

	if (strchr(term, '/') || term[0] == '\0')
		return false;
	for (size_t i = 0; i < sizeof folders / sizeof folders[0] && !found; i++) {
		if (folders[i] == NULL)
			continue;
		char *path = mem_printf("%s/%c/%s", folders[i], term[0], term);
		found = file_exists(path);
		free(path);
	}
	if (!found && home) {
		char *path = mem_printf("%s/.terminfo/%c/%s", home, term[0], term);
		found = file_exists(path);
		free(path);
	}
	return found;
}

void doctor_terminal(struct doctor *d)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	struct winsize size;

	if (term == NULL || term[0] == '\0')
		doctor_warn(d, "TERM is not set: the console draws for xterm-256color; set TERM to your terminal's name");
	else if (!terminfo_has(term))
		doctor_warn(d, "TERM=%s is not in the terminfo database: the console draws for xterm-256color; "
		            "install ncurses-term or set TERM", term);
	else
		doctor_ok(d, "TERM=%s", term);
	if (no_color && no_color[0])
		doctor_ok(d, "NO_COLOR is set: the console draws without colour");
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		if (size.ws_col < 80 || size.ws_row < 24)
			doctor_warn(d, "%u x %u characters: below 80 x 24 panels are left out by priority; enlarge the window",
			            size.ws_col, size.ws_row);
		else
			doctor_ok(d, "%u x %u characters", size.ws_col, size.ws_row);
	} else {
		doctor_ok(d, "stdout is no terminal: console and demo print one screen as text and leave");
	}
}

void doctor_locale(struct doctor *d)
{
	const char *name = setlocale(LC_CTYPE, NULL);

	if (cli_utf8())
		doctor_ok(d, "character set UTF-8 (%s)", name ? name : "?");
	else
		doctor_warn(d, "character set %s: charts and borders are drawn in ASCII; set LANG=C.UTF-8",
		            nl_langinfo(CODESET));
}

void doctor_config(struct doctor *d)
{
	const struct global *g = d->g;

	if (g->config_path == NULL)
		doctor_ok(d, "no config file: built-in defaults (llmdeck(5) says where one may stand)");
	else if (g->config_error.text[0])
		doctor_broken(d, "%s", g->config_error.text);
	else
		doctor_ok(d, "%s: %zu sources, %zu rollouts, %zu budgets, %zu alerts, %zu contexts",
		          g->config_path, g->config.source_count, g->config.rollout_count,
		          g->config.budget_count, g->config.alert_count, g->config.context_count);
}

static void check_mode(struct doctor *d, const char *path, mode_t refused, const char *advice)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return;
	if (st.st_mode & refused)
		doctor_warn(d, "%s has mode %04o: %s", path, st.st_mode & 07777, advice);
	else
		doctor_ok(d, "%s has mode %04o", path, st.st_mode & 07777);
}

static char *text_file_of(const char *store)
{
	size_t len = strlen(store);
	size_t stem = len > 3 && strcmp(store + len - 3, ".db") == 0 ? len - 3 : len;

	return mem_printf("%.*s-text.db", (int)stem, store);
}

static void check_socket(struct doctor *d, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return;
	if (!S_ISSOCK(st.st_mode))
		doctor_broken(d, "%s is no socket: remove it, the collector makes its own", path);
	else if (access(path, W_OK) != 0)
		doctor_warn(d, "%s: %s: this user cannot ask the collector to change anything", path,
		            strerror(errno));
	else
		doctor_ok(d, "%s can be asked", path);
}

void doctor_permissions(struct doctor *d)
{
	const struct global *g = d->g;
	char *text_path = text_file_of(g->store_path);

	check_mode(d, g->store_path, S_IWGRP | S_IWOTH,
	           "others can write the store; chmod 0640");
	check_mode(d, text_path, S_IRWXO,
	           "everybody can read prompts and comments; chmod 0600, or 0640 with a group of its own");
	if (g->config_path)
		check_mode(d, g->config_path, S_IWGRP | S_IWOTH,
		           "others can change what the collector does; chmod 0644");
	check_socket(d, g->socket_path);
	if (!file_exists(g->store_path))
		doctor_ok(d, "nothing to check yet: there is no store");
	free(text_path);
}
