/* Three forms by width: one column as at 80×24, two from 100 columns on, three from 160 on. Within a
 * column panels have a least and a wanted height and come in order of priority: what does not fit
 * is left out from the end, what is left over goes to the last one that can grow. */
#include "console/tiles.h"

#include <string.h>

#include "panels/alerts.h"
#include "panels/panels.h"

struct slot {
	const struct panel *panel;
	int least, wanted; /* rows with the head */
	int grows;         /* parts of what is left over */
};

int page_only_panel(char page)
{
	int found = -1;

	for (int i = 0; panels[i]; i++) {
		if (panels[i]->page != page)
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

static void add_tile(struct layout *l, const struct panel *panel, enum panel_form form,
                     struct rect rect)
{
	if (l->tile_count < DECK_PANELS_MAX && rect.width > 0 && rect.height > 0)
		l->tiles[l->tile_count++] = (struct tile){panel_index(panel), form, rect};
}

/* Stacks the slots in a column. */
static void stack(struct layout *l, struct rect column, const struct slot *slots, size_t count)
{
	int heights[DECK_PANELS_MAX], used = 0, parts = 0, y = column.y;
	size_t shown = 0;

	while (shown < count && used + slots[shown].least <= column.height) {
		heights[shown] = slots[shown].least;
		used += heights[shown];
		shown++;
	}
	for (size_t i = 0; i < shown; i++) {
		int more = slots[i].wanted - heights[i];

		more = more > column.height - used ? column.height - used : more;
		heights[i] += more;
		used += more;
		parts += slots[i].grows;
	}
	for (size_t i = 0, left = (size_t)(column.height - used); i < shown && parts > 0; i++) {
		int more = (int)left * slots[i].grows / parts;

		heights[i] += more;
		left -= (size_t)more;
		parts -= slots[i].grows;
	}
	for (size_t i = 0; i < shown; i++) {
		add_tile(l, slots[i].panel, PANEL_TILE, (struct rect){column.x, y, column.width, heights[i]});
		y += heights[i];
	}
}
#define STACK(l, column, slots) stack(l, column, slots, sizeof(slots) / sizeof *(slots))

/* Two by two charts. */
static void grid(struct layout *l, struct rect r, const struct panel *const four[4])
{
	int left = r.width / 2, top = r.height / 2;

	add_tile(l, four[0], PANEL_TILE, (struct rect){r.x, r.y, left, top});
	add_tile(l, four[1], PANEL_TILE, (struct rect){r.x + left + 1, r.y, r.width - left - 1, top});
	add_tile(l, four[2], PANEL_TILE, (struct rect){r.x, r.y + top, left, r.height - top});
	add_tile(l, four[3], PANEL_TILE,
	         (struct rect){r.x + left + 1, r.y + top, r.width - left - 1, r.height - top});
}

static const struct panel *const charts[4] = {&cost_panel, &latency_panel, &errors_panel,
                                              &requests_panel};

static void overview_one(struct layout *l)
{
	static const struct slot slots[] = {{&signals_panel, 7, 7, 0}, {&apps_panel, 5, 7, 1},
	                                    {&feedback_panel, 4, 7, 2}, {&latency_panel, 8, 9, 1},
	                                    {&cost_panel, 8, 9, 1},     {&rollouts_panel, 4, 5, 0},
	                                    {&flags_panel, 6, 6, 0}};

	STACK(l, l->body, slots);
}

static void overview_two(struct layout *l)
{
	static const struct slot left[] = {{&signals_panel, 7, 7, 0}, {&apps_panel, 7, 10, 2},
	                                   {&rollouts_panel, 4, 5, 0}, {&flags_panel, 5, 8, 1},
	                                   {&slowest_panel, 5, 8, 1}};
	static const struct slot right[] = {{&latency_panel, 7, 9, 1}, {&feedback_panel, 7, 9, 2},
	                                    {&cost_panel, 7, 9, 1}, {&errors_panel, 8, 9, 1}};
	int width = l->body.width * 58 / 100;

	STACK(l, ((struct rect){l->body.x, l->body.y, width, l->body.height}), left);
	STACK(l, ((struct rect){l->body.x + width + 1, l->body.y, l->body.width - width - 1,
	                        l->body.height}), right);
}

static void overview_three(struct layout *l, bool servers, bool budgets)
{
	static const struct slot left[] = {{&signals_panel, 7, 7, 0}, {&apps_panel, 8, 10, 1},
	                                   {&rollouts_panel, 4, 6, 0}, {&flags_panel, 5, 8, 1},
	                                   {&slowest_panel, 6, 10, 2}};
	static const struct slot left_budgets[] = {{&signals_panel, 7, 7, 0}, {&apps_panel, 8, 10, 1},
	                                           {&rollouts_panel, 4, 6, 0}, {&budgets_panel, 3, 5, 0},
	                                           {&flags_panel, 5, 8, 1},    {&slowest_panel, 6, 10, 2}};
	static const struct slot right[] = {{&alerts_panel, 4, 6, 0}, {&feedback_panel, 9, 12, 1}};
	static const struct slot right_servers[] = {{&alerts_panel, 4, 6, 0}, {&inference_panel, 4, 9, 0},
	                                            {&feedback_panel, 9, 12, 1}};
	int side = l->body.width * 34 / 100, last = l->body.width * 26 / 100;
	struct rect middle = {side + 1, l->body.y, l->body.width - side - last - 2, l->body.height};

	if (budgets)
		STACK(l, ((struct rect){0, l->body.y, side, l->body.height}), left_budgets);
	else
		STACK(l, ((struct rect){0, l->body.y, side, l->body.height}), left);
	grid(l, middle, charts);
	middle = (struct rect){l->body.width - last, l->body.y, last, l->body.height};
	if (servers)
		STACK(l, middle, right_servers);
	else
		STACK(l, middle, right);
}

static void monitor(struct layout *l, bool budgets)
{
	struct rect body = l->body, rest = {body.x, body.y + 7, body.width, body.height - 7};
	static const struct slot side[] = {{&signals_panel, 7, 7, 0}, {&alerts_panel, 4, 8, 1},
	                                   {&apps_panel, 6, 12, 1}, {&flags_panel, 6, 9, 1},
	                                   {&slowest_panel, 6, 12, 1}};
	static const struct slot side_budgets[] = {{&signals_panel, 7, 7, 0}, {&alerts_panel, 4, 8, 1},
	                                           {&budgets_panel, 3, 6, 0}, {&apps_panel, 6, 12, 1},
	                                           {&flags_panel, 6, 9, 1},   {&slowest_panel, 6, 12, 1}};

	if (body.width < 120) {
		add_tile(l, &signals_panel, PANEL_TILE, (struct rect){body.x, body.y, body.width, 7});
		if (rest.height >= 22) {
			add_tile(l, &flags_panel, PANEL_TILE, (struct rect){rest.x, rest.y, rest.width, 8});
			rest.y += 8;
			rest.height -= 8;
		}
		grid(l, rest, charts);
		return;
	}
	rest = (struct rect){body.x + body.width * 40 / 100 + 1, body.y, 0, body.height};
	rest.width = body.width - rest.x;
	if (budgets)
		STACK(l, ((struct rect){body.x, body.y, rest.x - 1, body.height}), side_budgets);
	else
		STACK(l, ((struct rect){body.x, body.y, rest.x - 1, body.height}), side);
	grid(l, rest, charts);
}

/* Map and suspects, the requests below, the trace of the chosen one; with room what happened beside it. */
static void incident(struct layout *l)
{
	struct rect r = l->body;
	int top = r.height * 45 / 100, middle = r.height * 25 / 100, right = r.width * 36 / 100, side = 0;

	if (r.width >= 132)
		side = r.width * 28 / 100;
	top = top < 11 ? 11 : top > 18 ? 18 : top;
	middle = middle < 5 ? 5 : middle;
	if (r.height < 12 || r.width < 60) {
		add_tile(l, &incident_panel, PANEL_TILE, r);
		return;
	}
	right = right < 34 ? 34 : right > 60 ? 60 : right;
	add_tile(l, &incident_panel, PANEL_TILE, (struct rect){r.x, r.y, r.width - right - 1, top});
	add_tile(l, &suspects_panel, PANEL_TILE, (struct rect){r.x + r.width - right, r.y, right, top});
	add_tile(l, &cell_panel, PANEL_TILE, (struct rect){r.x, r.y + top, r.width - side - (side > 0), middle});
	add_tile(l, &trace_panel, PANEL_TILE,
	         (struct rect){r.x, r.y + top + middle, r.width - side - (side > 0), r.height - top - middle});
	if (side)
		add_tile(l, &timeline_panel, PANEL_TILE, (struct rect){r.x + r.width - side, r.y + top, side, r.height - top});
}

/* Figures at the left, what changed beside them, the commands below. */
static void two_windows(struct layout *l)
{
	struct rect r = l->body;
	int left = r.width * 45 / 100, foot = r.width >= 132 || r.width < 100 ? 5 : 7;

	if (r.height < 14 || r.width < 78) {
		add_tile(l, &diff_panel, PANEL_TILE, r);
		return;
	}
	left = left < 55 ? 55 : left > 70 ? 70 : left;
	add_tile(l, &diff_panel, PANEL_TILE, (struct rect){r.x, r.y, left, r.height - foot});
	add_tile(l, &changes_panel, PANEL_TILE, (struct rect){r.x + left + 1, r.y, r.width - left - 1, r.height - foot});
	add_tile(l, &shell_panel, PANEL_TILE, (struct rect){r.x, r.y + r.height - foot, r.width, foot});
}

/* The tiles a page has where there is room for one only. */
static int alone_panel(const struct deck *d)
{
	if (d->focus >= 0 && panels[d->focus] && d->place.page == '0')
		return d->focus;
	if (d->focus >= 0 && panels[d->focus] && panels[d->focus]->page == d->place.page)
		return d->focus;
	return panel_index(&signals_panel);
}

static void place_tiles(const struct deck *d, struct layout *l)
{
	int only = d->place.panel >= 0 ? d->place.panel : page_only_panel(d->place.page);

	if (only >= 0 && panels[only] == &incident_panel)
		incident(l);
	else if (only >= 0 && panels[only] == &diff_panel)
		two_windows(l);
	else if (only >= 0)
		add_tile(l, panels[only], PANEL_PAGE, l->body);
	else if (l->body.height < 12 || l->body.width < 30)
		add_tile(l, panels[alone_panel(d)], PANEL_TILE, l->body);
	else if (d->place.page == '6')
		monitor(l, d->has_budgets);
	else if (l->body.width >= 160 && l->body.height >= 28)
		overview_three(l, d->has_servers, d->has_budgets);
	else if (l->body.width >= 100)
		overview_two(l);
	else
		overview_one(l);
}

void layout_make(const struct deck *d, int width, int height, struct layout *out)
{
	int top = 0, bottom = height;

	memset(out, 0, sizeof *out);
	out->header_y = out->strip_y = out->keys_y = -1;
	if (height >= 2)
		out->header_y = top++;
	if (height >= 6)
		out->strip_y = top++;
	if (height >= 5)
		out->keys_y = --bottom;
	out->body = (struct rect){0, top, width, bottom - top};
	place_tiles(d, out);
}

void layout_make_bare(const struct deck *d, int width, int height, struct layout *out)
{
	memset(out, 0, sizeof *out);
	out->header_y = out->strip_y = out->keys_y = -1;
	out->body = (struct rect){0, 0, width, height};
	place_tiles(d, out);
}

size_t layout_items(const struct deck *d, const struct layout *l,
                    struct load_item out[DECK_PANELS_MAX])
{
	int alerts = panel_index(&alerts_panel);
	size_t count = 0;
	bool has_alerts = false, has_budgets = false;

	for (size_t i = 0; i < l->tile_count; i++) {
		const struct tile *t = &l->tiles[i];

		out[count++] = (struct load_item){t->panel, t->form, d->ui[t->panel].by};
		has_alerts = has_alerts || t->panel == alerts;
		has_budgets = has_budgets || panels[t->panel] == &budgets_panel;
	}
	/* Looked at on the overview even without a place there, which it gets when there are servers. */
	if (d->place.page == '0' && l->body.width >= 160 && !d->has_servers && count < DECK_PANELS_MAX)
		out[count++] = (struct load_item){panel_index(&inference_panel), PANEL_TILE, DIM_SERVICE};
	/* Known on pages of tiles whatever has a place there: :budget opens its form from what is known. */
	if ((d->place.page == '0' || d->place.page == '6') && d->place.panel < 0 && !has_budgets && count < DECK_PANELS_MAX)
		out[count++] = (struct load_item){panel_index(&budgets_panel), PANEL_TILE, DIM_SERVICE};
	if (!has_alerts && count < DECK_PANELS_MAX)
		out[count++] = (struct load_item){alerts, PANEL_TILE, DIM_SERVICE};
	return count;
}

int layout_chart_columns(const struct layout *l)
{
	const struct panel *const wide[] = {&cost_panel,  &latency_panel,  &errors_panel,
	                                    &flags_panel, &requests_panel, NULL};
	int widest = 20;

	for (size_t i = 0; i < l->tile_count; i++) {
		int columns = panels[l->tiles[i].panel] == &signals_panel ? l->tiles[i].rect.width - 48 : 0;

		if (panels[l->tiles[i].panel] == &incident_panel)
			columns = l->tiles[i].rect.width - 17;
		for (size_t k = 0; wide[k]; k++) {
			if (panels[l->tiles[i].panel] == wide[k])
				columns = l->tiles[i].rect.width - 8;
		}
		widest = columns > widest ? columns : widest;
	}
	return widest > 180 ? 180 : widest;
}
