/* Loads each tile in turn with the very functions the loader thread uses, then draws once. */
#include "console/render.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "console/actions.h"
#include "console/collector_ask.h"
#include "console/frame.h"
#include "console/loader.h"
#include "console/rollout_copy.h"
#include "console/tiles.h"

#define PAGE_DIGITS "01234567" /* the keys that open pages */

/* Finds a page or panel by name or digit; NULL panel: the page's own. */
static bool find_place(struct str name, char *page, const struct panel **panel)
{
	*panel = panel_find(name);
	if (*panel) {
		*page = (*panel)->page;
		return true;
	}
	for (const char *digit = PAGE_DIGITS; *digit; digit++) {
		*page = *digit;
		if (page_exists(*page) && ((name.len == 1 && name.ptr[0] == *page) || str_equal_nocase(name, str_of(page_name(*page)))))
			return true;
	}
	return false;
}

static bool is_page_name(const char *name)
{
	for (const char *page = PAGE_DIGITS; *page; page++)
		if (strcmp(page_name(*page), name) == 0)
			return true;
	return false;
}

void place_names(const char *separator, struct buf *out)
{
	const char *before = "";

	for (const char *page = PAGE_DIGITS; *page; page++) {
		if (!page_exists(*page))
			continue;
		buf_printf(out, "%s%s", before, page_name(*page));
		before = separator;
	}
	for (int i = 0; panels[i]; i++)
		if (!is_page_name(panels[i]->name))
			buf_printf(out, "%s%s", before, panels[i]->name);
}

int place_check(const char *name, struct err *err)
{
	struct buf names = {0};
	const struct panel *panel;
	char page;

	if (find_place(str_of(name), &page, &panel))
		return 0;
	place_names(", ", &names);
	err_set(err, "%s: no such page or panel: there are %.*s", name, STR_ARG(buf_str(&names)));
	buf_fini(&names);
	return -1;
}

int deck_go_named(struct deck *d, struct str name, struct err *err)
{
	const struct panel *panel;
	char page;

	if (!find_place(name, &page, &panel))
		return err_set(err, "%.*s: no such page or panel: the : key lists them", STR_ARG(name));
	deck_go(d, page, panel ? panel_index(panel) : page_only_panel(page));
	return 0;
}

static int setup_tz(const struct console_options *o, struct tz **tz, struct err *err)
{
	const char *name = o->config ? o->config->options[OPTION_TZ].text : NULL;

	*tz = NULL;
	if (!name || !name[0] || strcmp(name, "UTC") == 0)
		return 0;
	return tz_load(tz, name, err);
}

int deck_setup(struct deck *d, const struct console_options *o, struct tz **tz, struct err *err)
{
	static char user[40];
	const struct passwd *pw = getpwuid(geteuid());
	int64_t length = o->since_us;

	deck_init(d);
	d->user = o->user;
	if (pw && !o->user) {
		snprintf(user, sizeof user, "%.31s", pw->pw_name);
		d->user = user;
	}
	d->ask.other_from_us = o->other_from_us;
	d->ask.other_to_us = o->other_to_us;
	d->ask.other_ago_us = o->other_ago_us;
	memcpy(d->where.filters, o->where.filters, sizeof d->where.filters);
	d->where.filter_count = o->where.filter_count;
	d->context = o->context;
	d->context_colour = o->context_colour;
	d->demo = o->demo;
	d->read_only = o->read_only;
	if (length <= 0 && o->config)
		length = o->config->options[OPTION_WINDOW].number;
	if (length > 0 || o->to_us > 0)
		deck_set_window(d, length, o->from_us, o->to_us);
	if (setup_tz(o, tz, err) != 0)
		return -1;
	d->tz = *tz;
	if (o->page && o->page[0] && deck_go_named(d, str_of(o->page), err) != 0)
		return -1;
	d->back_count = 0;
	return 0;
}

/* Loads one item into the deck; a panel that cannot be loaded leaves its error in the status. */
static void load_into(struct deck *d, struct store_reader *reader, const struct load_item *item,
                      const struct rule_set *rules, int64_t wall_us)
{
	struct view view = deck_view(d, wall_us);
	struct err err = {""};

	panel_snapshot_free(&d->shown[item->panel]);
	d->shown[item->panel] = load_panel(reader, item, &view, deck_known_us(d, wall_us),
	                                   d->status.summary.first_us, d->compare, rules, &d->ask, NULL, &err);
	if (!d->shown[item->panel])
		snprintf(d->status.error, sizeof d->status.error, "%s", err.text);
}

/* Opens the store and reads its summary into the deck. */
static int open_for(struct deck *d, const struct console_options *o, struct store_reader **reader,
                    int64_t wall_us, struct err *err)
{
	if (store_reader_open(reader, o->store_path, err) != 0)
		return -1;
	if (query_summary(*reader, &d->status.summary, err) != 0)
		return -1;
	d->status.opened = true;
	d->status.seen_mono_us = clock_mono_us();
	deck_judge_history(d, wall_us);
	return 0;
}

static void render_deck(struct deck *d, const struct console_options *o,
                        struct store_reader *reader, struct layout *layout,
                        struct surface *s)
{
	struct rule_set *rules = rule_set_new(o->config);
	struct load_item items[DECK_PANELS_MAX];
	struct frame_options frame = {.wall_us = clock_wall_us(), .mono_us = clock_mono_us()};
	struct rollout_board *board = NULL;
	char keys[256];
	size_t count;

	d->columns_hint = layout_chart_columns(layout);
	count = layout_items(d, layout, items);
	if (o->socket_path) {
		struct control_client *client = control_client_new(o->socket_path);

		collector_ask(client, &d->collector);
		board = mem_alloc(sizeof *board);
		rollout_board_ask(client, board);
		d->board = board;
		control_client_free(&client);
	}
	for (size_t i = 0; i < count; i++)
		load_into(d, reader, &items[i], rules, frame.wall_us);
	if (deck_meet_servers(d) && (d->place.page == '0' || d->place.page == '6')) {
		layout_make(d, s->width, s->height, layout);
		count = layout_items(d, layout, items);
		for (size_t i = 0; i < count; i++) {
			if (!d->shown[items[i].panel])
				load_into(d, reader, &items[i], rules, frame.wall_us);
		}
	}
	frame.keys = actions_key_line(NULL, d, s->width - 2, keys, sizeof keys);
	d->focus = -1;
	frame_draw(d, layout, &frame, s);
	d->board = NULL;
	free(board);
	free(rules);
}

static int render(const struct console_options *o, const char *panel, struct surface *s,
                  struct err *err)
{
	struct store_reader *reader = NULL;
	struct deck d;
	struct tz *tz = NULL;
	struct layout layout;
	int result = -1;

	if (deck_setup(&d, o, &tz, err) != 0 || open_for(&d, o, &reader, clock_wall_us(), err) != 0)
		goto out;
	if (panel && deck_go_named(&d, str_of(panel), err) != 0)
		goto out;
	if (panel)
		layout_make_bare(&d, s->width, s->height, &layout);
	else
		layout_make(&d, s->width, s->height, &layout);
	render_deck(&d, o, reader, &layout, s);
	result = 0;
out:
	store_reader_close(&reader);
	deck_fini(&d);
	tz_free(&tz);
	return result;
}

int console_render(const struct console_options *o, struct surface *s, struct err *err)
{
	return render(o, NULL, s, err);
}

int console_render_panel(const struct console_options *o, const char *panel, struct surface *s,
                         struct err *err)
{
	return render(o, panel, s, err);
}
