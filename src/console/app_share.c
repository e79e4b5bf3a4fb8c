/* Copying where one is, and writing down what one sees. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "console/app.h"
#include "console/frame.h"
#include "panels/incident.h"
#include "panels/panels.h"

/* A word that a shell takes as one. */
static void put_quoted(struct buf *out, const char *word)
{
	if (word[0] && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                            "-_./:=!@%+,") == strlen(word) && !strchr(word, '!')) {
		buf_puts(out, word);
		return;
	}
	buf_puts(out, "'");
	for (const char *p = word; *p; p++) {
		if (*p == '\'')
			buf_puts(out, "'\\''");
		else if ((unsigned char)*p >= ' ' && *p != 0x7f)
			buf_append_c(out, *p);
	}
	buf_puts(out, "'");
}

void app_here_command(const struct deck *d, const struct console_options *o, int64_t wall_us,
                      struct buf *out)
{
	struct view view = deck_view(d, wall_us);
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], filter[VIEW_VALUE_BYTES + 32];
	int64_t end = d->end_us ? d->end_us : view.to_us, other_from_us, other_to_us;

	buf_puts(out, "llmdeck");
	if (o->context) {
		buf_puts(out, " --context ");
		put_quoted(out, o->context);
	} else {
		buf_puts(out, " --store ");
		put_quoted(out, o->store_path);
	}
	buf_puts(out, " console --page ");
	put_quoted(out, d->place.panel >= 0 ? panels[d->place.panel]->name : page_name(d->place.page));
	buf_printf(out, " --from %s --to %s", time_format(end - d->window_us, from),
	           time_format(end, to));
	if (incident_other(&d->ask, &view, &other_from_us, &other_to_us) && d->place.panel >= 0 &&
	    (panels[d->place.panel] == &diff_panel || panels[d->place.panel] == &incident_panel))
		buf_printf(out, " --compare %s..%s", time_format(other_from_us, from), time_format(other_to_us, to));
	for (size_t i = 0; i < d->where.filter_count; i++) {
		const struct filter *f = &d->where.filters[i];

		snprintf(filter, sizeof filter, "%s%s%s", dim_name(f->dim), f->inverted ? "!=" : "=",
		         f->value);
		buf_puts(out, " --where ");
		put_quoted(out, filter);
	}
}

void app_copy_here(struct app *a)
{
	struct buf text = {0};
	struct err err = {""};

	app_here_command(&a->deck, a->o, clock_wall_us(), &text);
	if (getenv("TMUX"))
		chores_copy_tmux(a->chores, text.data);
	else if (screen_copy(a->screen, buf_str(&text), &err) != 0)
		app_say(a, true, "not copied: %.200s", err.text);
	else
		app_say(a, false, "copied: %.230s", text.data);
	buf_fini(&text);
}

/* The focused panel as text, as wide as a page of print. */
static void export_text(struct app *a, int panel, struct buf *out)
{
	const struct panel_snapshot *shown = a->deck.shown[panel];
	struct panel_frame frame = frame_of(&a->deck, panel, shown->form, false);
	struct surface *s = surface_new(120, shown->form == PANEL_PAGE ? 60 : 24);

	frame.focused = false;
	panels[panel]->draw(shown->state, &frame, s);
	surface_to_text(s, out);
	surface_free(&s);
}

static void export_sheet(struct app *a, int panel, enum sheet_format format, struct buf *out)
{
	const struct panel_snapshot *shown = a->deck.shown[panel];
	struct panel_frame frame = frame_of(&a->deck, panel, shown->form, false);
	struct sheet sheet = {0};

	panels[panel]->rows(shown->state, &frame, &sheet);
	sheet_arrange(&sheet, frame.find, frame.ui->table.sort_column, frame.ui->table.sort_ascending);
	sheet_write(&sheet, format, out);
	sheet_fini(&sheet);
}

static bool has_suffix(const char *path, const char *suffix)
{
	return str_ends_with(str_of(path), str_of(suffix));
}

void app_export(struct app *a, const char *path)
{
	int panel = a->deck.place.panel >= 0 ? a->deck.place.panel : a->deck.focus;
	char name[96], stamp[TIME_TEXT_BYTES];
	struct buf out = {0};
	int64_t second = clock_wall_us() / US_PER_S * US_PER_S;
	bool named = path && path[0];

	if (app_query_export(a, path) || (!named && app_incident_export(a)))
		return;
	if (panel < 0 || !a->deck.shown[panel]) {
		app_say(a, true, "nothing to export yet: the panel is still loading");
		return;
	}
	if (!named) {
		time_format(second, stamp);
		for (char *p = stamp; *p; p++)
			*p = *p == ':' ? '.' : *p;
		snprintf(name, sizeof name, "llmdeck-%s-%s.csv", panels[panel]->name, stamp);
		path = name;
	}
	if (has_suffix(path, ".json") && panels[panel]->rows)
		export_sheet(a, panel, SHEET_JSON, &out);
	else if (has_suffix(path, ".csv") && panels[panel]->rows)
		export_sheet(a, panel, SHEET_CSV, &out);
	else
		export_text(a, panel, &out);
	chores_write_file(a->chores, path, &out, false);
}
