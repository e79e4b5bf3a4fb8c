/* The thread sleeps on a condition until the job changes or the refresh interval has passed, asks
 * the store for its data version (microseconds), and loads only when that, the job or the window's
 * newest bucket has changed. A finished state waits in its panel's slot until the UI takes it; a
 * newer one replaces one not taken. The mutex is held for pointer swaps and small copies only,
 * never while the store is asked. */
#include "console/loader.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "console/worker.h"
#include "panels/panels.h"

#define REOPEN_US US_PER_S
#define TRIM_EVERY_US (5 * US_PER_S)
#define MORE_US US_PER_MS        /* a panel that has not read all is called again after this */
#define SHOW_PART_US (100 * US_PER_MS) /* parts of what takes longer are shown so often */
#define BEHIND_US (5 * US_PER_S) /* newest data older than this */
#define BEAT_SLACK_US (100 * US_PER_MS) /* loads begin on a beat and end a little later */
#define SHOW_US (20 * US_PER_MS) /* what is there is shown when the rest takes longer than this */

struct loader {
	struct worker worker;
	char *path;
	/* under the mutex */
	bool job_changed, status_changed;
	struct load_job job;
	struct rule_set *new_rules;
	struct panel_snapshot *ready[DECK_PANELS_MAX];
	struct deck_status status;
	struct store_reader *interruptible;
	/* the thread's own */
	struct store_reader *reader;
	struct rule_set *rules;
	int64_t version, data_from_us, trimmed_mono_us;
	bool behind; /* the store's newest data is not of now: it is silent, or still being filled */
	struct {
		uint64_t generation, asked;
		int64_t version, to_us, mono_us, took_us;
		bool whole; /* something that was read to its end is shown for this generation and ask */
		int64_t shown_mono_us;
		bool behind;
		char error[512]; /* why its last load failed; "" = it did not */
	} done[DECK_PANELS_MAX];
	struct load_memory memory[DECK_PANELS_MAX];
	bool more; /* some panel of the job has not read all */
};

struct panel_snapshot *load_panel(struct store_reader *reader, const struct load_item *item,
                                  const struct view *view, int64_t now_us, int64_t data_from_us,
                                  bool compare, const struct rule_set *rules,
                                  const struct panel_ask *ask, struct load_memory *memory, struct err *err)
{
	const struct panel *panel = panels[item->panel];
	struct panel_query query = {.reader = reader, .view = *view, .by = item->by,
	                            .form = item->form, .now_us = now_us, .compare = compare,
	                            .data_from_us = data_from_us, .rules = rules, .ask = ask};
	struct panel_snapshot *s = mem_zalloc(sizeof *s);
	int64_t started = clock_mono_us();

	if (memory) {
		if (!memory->kept && panel->kept_size)
			memory->kept = mem_zalloc(panel->kept_size);
		memory->more = memory->early = memory->empty = false;
		query.kept = memory->kept;
		query.more = &memory->more;
		query.early = &memory->early;
		query.empty = &memory->empty;
	}

	s->panel = panel;
	s->form = item->form;
	s->view = *view;
	s->now_us = now_us;
	s->compare = compare;
	s->state = mem_zalloc(panel->state_size);
	if (panel->load(&query, s->state, err) != 0) {
		panel_snapshot_free(&s);
		return NULL;
	}
	s->loaded_mono_us = clock_mono_us();
	s->took_us = s->loaded_mono_us - started;
	return s;
}

void load_memory_fini(struct load_memory *m, const struct panel *panel)
{
	if (m->kept)
		panel->kept_fini(m->kept);
	free(m->kept);
	*m = (struct load_memory){0};
}

void load_job_for(const struct deck *d, const struct load_item *items, size_t count, int64_t wall_us,
                  struct load_job *out)
{
	memset(out, 0, sizeof *out);
	memcpy(out->items, items, count * sizeof *items);
	out->item_count = count;
	out->view = deck_view(d, wall_us);
	out->window_us = d->window_us;
	out->end_us = d->end_us ? d->end_us : d->paused ? d->paused_end_us : 0;
	out->follows_data = d->history && !d->end_us && !d->paused;
	out->follows_clock = !out->end_us && !d->history;
	out->compare = d->compare;
	out->frozen = d->paused;
	out->columns_hint = d->columns_hint;
	out->refresh_us = US_PER_S;
	out->ask = d->ask;
}

static void publish(struct loader *l, int panel, struct panel_snapshot *s)
{
	struct panel_snapshot *old;

	worker_lock(&l->worker);
	old = l->ready[panel];
	l->ready[panel] = s;
	worker_unlock(&l->worker);
	panel_snapshot_free(&old);
}

static void publish_status(struct loader *l, const struct store_summary *summary, const char *error)
{
	worker_lock(&l->worker);
	if (summary) {
		l->status.summary = *summary;
		l->status.opened = true;
		l->status.seen_mono_us = clock_mono_us();
	} else if (!l->status.seen_mono_us) {
		l->status.seen_mono_us = clock_mono_us();
	}
	snprintf(l->status.error, sizeof l->status.error, "%s", error);
	l->status_changed = true;
	worker_unlock(&l->worker);
}

/* The window that this job means now. */
static struct view job_view(const struct load_job *job, const struct store_summary *summary,
                            int64_t wall_us, int64_t *now_us)
{
	struct deck d;
	struct view v;

	memset(&d, 0, sizeof d);
	d.where = job->view;
	d.window_us = job->window_us;
	d.end_us = job->end_us;
	d.history = job->follows_data;
	d.columns_hint = job->columns_hint;
	d.status.summary = *summary;
	*now_us = deck_known_us(&d, wall_us);
	v = deck_view(&d, wall_us);
	return v;
}

/* Long windows change slowly: their panels are loaded at most every fifteenth of a step. */
static bool is_due(const struct loader *l, const struct load_job *job, size_t i,
                   const struct view *view, int64_t mono_us)
{
	int panel = job->items[i].panel;
	int64_t pause = view->step_us / 15, since = mono_us - l->done[panel].mono_us;

	if (l->done[panel].generation != job->generation ||
	    l->done[panel].asked != panel_ask_serial(&job->ask, panels[panel]->asks) || l->memory[panel].more)
		return true;
	if (job->frozen && panels[panel] != &alerts_panel && panels[panel] != &others_panel && panels[panel] != &silences_panel)
		return false;
	if (l->done[panel].behind && !l->behind)
		return true; /* the first news after a silence */
	pause = pause > 30 * US_PER_S ? 30 * US_PER_S : pause;
	if (job->items[i].form == PANEL_TILE && pause < panels[panel]->pace_us)
		pause = panels[panel]->pace_us;
	if (pause < 20 * l->done[panel].took_us)
		pause = 20 * l->done[panel].took_us;
	if (since + BEAT_SLACK_US < pause)
		return false;
	return l->done[panel].version != l->version || l->done[panel].to_us != view->to_us;
}

/* What was not read to its end is shown where it says more than what is there, and not with every slice. */
static bool is_worth_showing(const struct loader *l, int panel, int64_t mono_us)
{
	const struct load_memory *m = &l->memory[panel];

	if (!m->more)
		return true;
	return !m->empty && !(m->early && l->done[panel].whole) && mono_us - l->done[panel].shown_mono_us >= SHOW_PART_US;
}

static void show(struct loader *l, int panel, struct panel_snapshot *s)
{
	if (!is_worth_showing(l, panel, s->loaded_mono_us)) {
		panel_snapshot_free(&s);
		return;
	}
	l->done[panel].shown_mono_us = s->loaded_mono_us;
	l->done[panel].whole = l->done[panel].whole || !l->memory[panel].more;
	publish(l, panel, s);
}

static void load_item(struct loader *l, const struct load_job *job, size_t i,
                      const struct view *view, int64_t now_us, struct err *err)
{
	const struct load_item *item = &job->items[i];
	int64_t took_us = l->memory[item->panel].more ? l->done[item->panel].took_us : 0;
	struct panel_snapshot *s;

	if (l->done[item->panel].generation != job->generation ||
	    l->done[item->panel].asked != panel_ask_serial(&job->ask, panels[item->panel]->asks))
		l->done[item->panel].whole = false;
	s = load_panel(l->reader, item, view, now_us, l->data_from_us, job->compare, l->rules, &job->ask,
	               &l->memory[item->panel], err);
	l->done[item->panel].generation = job->generation;
	l->done[item->panel].asked = panel_ask_serial(&job->ask, panels[item->panel]->asks);
	l->done[item->panel].version = l->version;
	l->done[item->panel].to_us = view->to_us;
	l->done[item->panel].behind = l->behind;
	l->done[item->panel].mono_us = clock_mono_us();
	snprintf(l->done[item->panel].error, sizeof l->done[item->panel].error, "%s", s ? "" : err->text);
	if (!s)
		return;
	l->done[item->panel].took_us = took_us + s->took_us;
	s->generation = job->generation;
	show(l, item->panel, s);
}

static int open_store(struct loader *l, struct err *err)
{
	if (l->reader)
		return 0;
	if (store_reader_open(&l->reader, l->path, err) != 0)
		return -1;
	worker_lock(&l->worker);
	l->interruptible = l->reader;
	worker_unlock(&l->worker);
	return 0;
}

static void close_store(struct loader *l)
{
	worker_lock(&l->worker);
	l->interruptible = NULL;
	worker_unlock(&l->worker);
	store_reader_close(&l->reader);
	for (int i = 0; panels[i]; i++)
		load_memory_fini(&l->memory[i], panels[i]);
}

/* True when this round is pointless: the program leaves, or a newer job waits. */
static bool must_break(struct loader *l)
{
	bool yes;

	worker_lock(&l->worker);
	yes = l->worker.stop || l->job_changed;
	worker_unlock(&l->worker);
	return yes;
}

/* What is wrong stays on the screen until the panel could be loaded. */
static const char *first_error(const struct loader *l, const struct load_job *job)
{
	for (size_t i = 0; i < job->item_count; i++) {
		if (l->done[job->items[i].panel].error[0])
			return l->done[job->items[i].panel].error;
	}
	return "";
}

/* What a query needs for a moment stays with the allocator: hands it back now and then. */
static void give_back(struct loader *l)
{
	int64_t now = clock_mono_us();

	if (now - l->trimmed_mono_us < TRIM_EVERY_US)
		return;
	l->trimmed_mono_us = now;
	malloc_trim(0);
}

/* One round over the job. */
static void run_job(struct loader *l, const struct load_job *job)
{
	struct store_summary summary;
	struct err err = {""};
	struct view view;
	int64_t now_us, woken;

	l->more = false;
	if (open_store(l, &err) != 0) {
		publish_status(l, NULL, err.text);
		worker_wake_ui(&l->worker);
		return;
	}
	l->version = store_reader_version(l->reader);
	if (l->version < 0 || query_summary(l->reader, &summary, &err) != 0) {
		publish_status(l, NULL, err.text[0] ? err.text : "store: cannot be read");
		close_store(l);
		worker_wake_ui(&l->worker);
		return;
	}
	l->data_from_us = summary.first_us;
	l->behind = clock_wall_us() - summary.last_us > BEHIND_US;
	publish_status(l, &summary, first_error(l, job));
	view = job_view(job, &summary, clock_wall_us(), &now_us);
	woken = clock_mono_us();
	for (size_t i = 0; i < job->item_count && !must_break(l); i++) {
		if (clock_mono_us() - woken > SHOW_US) {
			worker_wake_ui(&l->worker);
			woken = clock_mono_us();
		}
		if (!is_due(l, job, i, &view, clock_mono_us()))
			continue;
		err.text[0] = '\0';
		load_item(l, job, i, &view, now_us, &err);
		l->more = l->more || l->memory[job->items[i].panel].more;
	}
	publish_status(l, &summary, first_error(l, job));
	worker_wake_ui(&l->worker);
	give_back(l);
}

/* Waits for a new job or the next refresh; false when the thread shall end. */
static bool next_job(struct loader *l, struct load_job *job)
{
	int64_t due;
	bool stop;

	worker_lock(&l->worker);
	due = l->more ? clock_mono_us() + MORE_US : clock_beat_us(l->job.refresh_us > 0 ? l->job.refresh_us : REOPEN_US);
	while (!l->worker.stop && !l->job_changed) {
		if (!worker_sleep(&l->worker, due))
			break;
	}
	*job = l->job;
	l->job_changed = false;
	if (l->new_rules) {
		free(l->rules);
		l->rules = l->new_rules;
		l->new_rules = NULL;
		memset(l->done, 0, sizeof l->done);
	}
	stop = l->worker.stop;
	worker_unlock(&l->worker);
	return !stop;
}

static void run_loader(void *owner)
{
	struct loader *l = owner;
	struct load_job job;

	while (next_job(l, &job))
		run_job(l, &job);
	if (l->reader)
		close_store(l);
}

struct loader *loader_start(const char *store_path, const struct rule_set *rules, int wake_fd)
{
	struct loader *l = mem_zalloc(sizeof *l);

	l->path = mem_strdup(store_path);
	worker_init(&l->worker, wake_fd);
	l->rules = rule_set_copy(rules);
	l->job.refresh_us = US_PER_S;
	worker_start(&l->worker, run_loader, l);
	return l;
}

void loader_stop(struct loader **lp, int64_t wait_us)
{
	struct loader *l = *lp;

	if (!l)
		return;
	*lp = NULL;
	worker_lock(&l->worker);
	l->worker.stop = true;
	if (l->interruptible)
		store_reader_interrupt(l->interruptible);
	worker_unlock(&l->worker);
	if (!worker_stop(&l->worker, wait_us))
		return; /* it hangs in the kernel */
	for (int i = 0; i < DECK_PANELS_MAX; i++)
		panel_snapshot_free(&l->ready[i]);
	free(l->rules);
	free(l->new_rules);
	free(l->path);
	free(l);
}

void loader_set_job(struct loader *l, const struct load_job *job)
{
	worker_lock(&l->worker);
	l->job = *job;
	l->job_changed = true;
	worker_poke(&l->worker);
	worker_unlock(&l->worker);
}

void loader_set_rules(struct loader *l, const struct rule_set *rules)
{
	struct rule_set *copy = rule_set_copy(rules);

	worker_lock(&l->worker);
	free(l->new_rules);
	l->new_rules = copy;
	l->job_changed = true;
	worker_poke(&l->worker);
	worker_unlock(&l->worker);
}

struct panel_snapshot *loader_take(struct loader *l, int panel)
{
	struct panel_snapshot *s;

	worker_lock(&l->worker);
	s = l->ready[panel];
	l->ready[panel] = NULL;
	worker_unlock(&l->worker);
	return s;
}

bool loader_status(struct loader *l, struct deck_status *out)
{
	bool changed;

	worker_lock(&l->worker);
	*out = l->status;
	changed = l->status_changed;
	l->status_changed = false;
	worker_unlock(&l->worker);
	return changed;
}
