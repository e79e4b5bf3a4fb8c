/* bench_panels STORE [LONGER]: the processor time of every panel's load, as the console's loader calls it: tile
 * and page, each grouping of the page, with the window before to compare with, over 1 h, 24 h, 30 d and 1 year
 * that end with the data. LONGER is a store of the same request rate that has run ten times longer. A line
 * for each panel and window with the slowest of its loads; "!" marks one over 20 ms, or over twice the time of
 * the shorter store where that has data for the whole window and the one before it, which most panels read, too:
 * else the longer store has more to show. Of a panel that reads on with the next load the longest one counts.
 * Ends with 1 when a line is marked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "console/deck.h"
#include "console/loader.h"
#include "panels/panels.h"

#define TRIES 5          /* the least of them counts: others are at work, too */
#define SLICES_MAX 10000 /* loads that a panel may need to have read all */
#define LIMIT_US 20000
#define SMALL_US 1000 /* a ratio of less says nothing */
#define TILE_COLUMNS 60
#define PAGE_COLUMNS 192

struct opened {
	struct store_reader *reader;
	struct store_summary summary;
};

struct load {
	int64_t us;
	enum panel_form form;
	enum dim by;
	bool compare;
};

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static void die(const struct err *err)
{
	fprintf(stderr, "bench_panels: %s\n", err->text);
	exit(2);
}

static void open_store(struct opened *o, const char *path)
{
	struct err err = {""};

	if (store_reader_open(&o->reader, path, &err) || query_summary(o->reader, &o->summary, &err))
		die(&err);
}

/* The longest of the loads until all is read. */
static int64_t load_once(const struct opened *o, const struct deck *d, int panel, const struct load *l)
{
	const struct load_item item = {panel, l->form, l->by};
	const struct view view = deck_view(d, o->summary.last_us + 1);
	struct load_memory memory = {0};
	struct err err = {""};
	int64_t longest = 0;

	for (int i = 0; i < SLICES_MAX && (i == 0 || memory.more); i++) {
		int64_t t = cpu_us();
		struct panel_snapshot *s = load_panel(o->reader, &item, &view, o->summary.last_us + 1, o->summary.first_us, l->compare,
		                                      NULL, &d->ask, &memory, &err);

		t = cpu_us() - t;
		if (!s)
			die(&err);
		longest = t > longest ? t : longest;
		panel_snapshot_free(&s);
	}
	load_memory_fini(&memory, panels[panel]);
	return longest;
}

static int64_t least(const struct opened *o, const struct deck *d, int panel, const struct load *l)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		int64_t t = load_once(o, d, panel, l);

		best = t < best ? t : best;
	}
	return best;
}

/* Forms, groupings and comparisons of a panel; the slowest on `o`. */
static struct load slowest(const struct opened *o, struct deck *d, int panel)
{
	struct load worst = {0};

	for (int form = PANEL_TILE; form <= PANEL_PAGE; form++) {
		int dims = form == PANEL_PAGE && panels[panel]->groups ? DIM_COUNT : 1;

		d->columns_hint = form == PANEL_TILE ? TILE_COLUMNS : PAGE_COLUMNS;
		for (int by = 0; by < dims; by++) {
			for (int compare = 0; compare < 2; compare++) {
				struct load l = {.form = (enum panel_form)form, .by = (enum dim)by, .compare = compare};

				l.us = least(o, d, panel, &l);
				if (l.us > worst.us)
					worst = l;
			}
		}
	}
	return worst;
}

/* `filled`: the shorter store has as much to show. */
static bool say(const char *window, int panel, const struct load *l, int64_t before_us, bool filled)
{
	bool bad = l->us > LIMIT_US || (filled && before_us > 0 && l->us > SMALL_US && l->us > 2 * before_us);

	if (l->us < SMALL_US && !bad)
		return false;
	printf("%c %-5s %-10s %-5s by %-12s%-10s %7.2f ms", bad ? '!' : ' ', window, panels[panel]->name,
	       l->form == PANEL_PAGE ? "page" : "tile", dim_name(l->by), l->compare ? " compared" : "", (double)l->us / 1e3);
	if (before_us > 0)
		printf("  %7.2f ms on the shorter store, ratio %4.2f%s", (double)before_us / 1e3, (double)l->us / (double)before_us,
		       filled ? "" : " (it has less of the window)");
	printf("\n");
	return bad;
}

/* The number of lines that are marked. */
static int measure(struct opened *stores, size_t count, const char *window, int64_t length_us)
{
	struct opened *longer = &stores[count - 1];
	bool filled = stores[0].summary.last_us - stores[0].summary.first_us >= 2 * length_us;
	struct deck d;
	int bad = 0, quick = 0;

	deck_init(&d);
	d.window_us = length_us;
	for (int panel = 0; panels[panel]; panel++) {
		struct load worst = slowest(longer, &d, panel);
		int64_t before_us = 0;

		d.columns_hint = worst.form == PANEL_TILE ? TILE_COLUMNS : PAGE_COLUMNS;
		if (count > 1)
			before_us = least(&stores[0], &d, panel, &worst);
		bad += say(window, panel, &worst, before_us, filled);
		quick += worst.us < SMALL_US;
	}
	printf("  %-5s %d other panels take less than %.0f ms\n", window, quick, SMALL_US / 1e3);
	deck_fini(&d);
	return bad;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int64_t us;
	} windows[] = {{"1h", US_PER_HOUR}, {"24h", US_PER_DAY}, {"30d", 30 * US_PER_DAY}, {"1y", 365 * US_PER_DAY}};
	struct opened stores[2];
	size_t count = argc > 2 ? 2 : 1;
	int bad = 0;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "bench_panels STORE [LONGER]\n");
		return 2;
	}
	for (size_t i = 0; i < count; i++)
		open_store(&stores[i], argv[i + 1]);
	for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
		bad += measure(stores, count, windows[i].name, windows[i].us);
	for (size_t i = 0; i < count; i++)
		store_reader_close(&stores[i].reader);
	return bad > 0;
}
