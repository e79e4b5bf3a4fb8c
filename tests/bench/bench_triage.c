/* The feedback page over 100,000 items: from a key to its picture, that is loading and drawing, must
 * take less than a frame (16 ms of processor time, median of several) for moving, jumping, filtering and
 * sorting, with all remarks grouped. Ends with 1 when it does not.
 *
 *   bench_triage [ITEMS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "panels/panels.h"
#include "panels/triage.h"
#include "store/writer.h"

#define NOW_US INT64_C(1795440093000000) /* 2026-11-23T13:21:33Z */
#define FRAME_MS 16.0
#define TRIES 9

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const struct err *err)
{
	fprintf(stderr, "%s\n", err->text);
	exit(1);
}

static uint32_t noise(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 12;
}

static void add(struct batch *b, size_t i, uint32_t *seed)
{
	static const char *const subjects[] = {"refund policy", "wrong price", "timeout", "dead link", "delivery date", "coupon code",
	                                       "return label", "long answer", "rude tone", "shoe size", "search result", "voucher"};
	static const char *const services[] = {"checkout-assistant", "docs-chat", "returns-agent", "search-summariser"};
	struct feedback *f = batch_add_feedback(b);
	char id[24], text[200];

	snprintf(id, sizeof id, "b%zu", i);
	snprintf(text, sizeof text, "The %s was not what i expected from order%u, word%u and word%u made it %s",
	         subjects[noise(seed) % 12], noise(seed) % 30000, noise(seed) % 20000, noise(seed) % 20000,
	         noise(seed) % 2 ? "worse" : "fine");
	f->time_us = NOW_US - (int64_t)i * 20 * US_PER_S;
	f->id = batch_text(b, str_of(id), sizeof id);
	f->text = batch_text(b, str_of(text), sizeof text);
	f->dims[DIM_SERVICE] = str_of(services[noise(seed) % 4]);
	f->dims[DIM_DEPLOYMENT] = noise(seed) % 3 ? STR_LIT("v42") : STR_LIT("v43");
	f->mood = (uint8_t)(1 + noise(seed) % 3);
	f->sentiment = (double)(noise(seed) % 2000) / 1000 - 1;
	f->confidence[0] = f->confidence[1] = f->confidence[2] = 1.0 / 3;
	f->judge = STR_LIT("local/3");
	f->language = STR_LIT("en");
	f->source = STR_LIT("bench");
}

static void fill(const char *path, size_t items)
{
	struct store_options o = {.now_us = NOW_US};
	struct store_counts counts = {0};
	struct store_writer *w = NULL;
	struct batch *b = batch_new();
	struct err err = {""};
	uint32_t seed = 1;

	if (store_writer_open(&w, path, &o, &err) != 0)
		die(&err);
	for (size_t i = 0; i < items; i++) {
		add(b, i, &seed);
		if (b->feedback_count < 5000 && i + 1 < items)
			continue;
		if (store_writer_append(w, b, &counts, &err) != 0 || store_writer_commit(w, &err) != 0)
			die(&err);
		batch_reset(b);
	}
	store_writer_close(&w);
	batch_free(&b);
}

struct bench {
	struct store_reader *reader;
	struct panel_ask ask;
	struct triage_desk desk;
	struct panel_ui ui;
	struct triage_kept kept;
	struct triage_state t;
	struct surface *surface;
	bool more, failed;
};

/* What a key costs: its load and its frame. */
static double one(struct bench *b)
{
	struct panel_query query = {.reader = b->reader, .form = PANEL_PAGE, .now_us = NOW_US, .ask = &b->ask, .kept = &b->kept,
	                            .more = &b->more, .data_from_us = 1};
	struct panel_frame frame = {.form = PANEL_PAGE, .now_us = NOW_US, .focused = true, .find = "", .ui = &b->ui,
	                            .ask = &b->ask, .desk = &b->desk};
	struct err err = {""};
	double began;

	query.view = (struct view){.from_us = NOW_US - US_PER_DAY, .to_us = NOW_US, .step_us = 20 * US_PER_MIN};
	frame.view = &query.view;
	triage_fini(&b->t);
	b->t = (struct triage_state){0};
	b->more = false;
	began = cpu_ms();
	if (triage_load(&query, &b->t, &err) != 0)
		die(&err);
	surface_clear(b->surface, ROLE_TEXT);
	triage_draw(&b->t, &frame, b->surface);
	return cpu_ms() - began;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* `change` is what the key changes in what is asked for. */
static void measure(struct bench *b, const char *what, void (*change)(struct bench *b, int round))
{
	double ms[TRIES];

	for (int i = 0; i < TRIES; i++) {
		change(b, i);
		ms[i] = one(b);
	}
	qsort(ms, TRIES, sizeof *ms, by_size);
	printf("  %-28s median %5.1f ms   worst %5.1f ms   %6zu listed   %s\n", what, ms[TRIES / 2], ms[TRIES - 1], b->t.row_count,
	       ms[TRIES / 2] < FRAME_MS ? "within a frame" : "TOO SLOW");
	b->failed = b->failed || ms[TRIES / 2] >= FRAME_MS;
}

static void go_to(struct bench *b, size_t row)
{
	const struct feedback_light *item = triage_row(&b->t, row < b->t.row_count ? row : b->t.row_count - 1);

	b->desk.cursor_row = row;
	b->desk.cursor_id = b->ask.triage.item = item ? item->id : 0;
	b->ask.triage.row = (int64_t)row;
}

static void down(struct bench *b, int round)
{
	(void)round;
	go_to(b, b->desk.cursor_row + 1);
}

static void jump(struct bench *b, int round)
{
	go_to(b, round % 2 ? 0 : b->t.row_count - 1);
}

static void find(struct bench *b, const char *words)
{
	snprintf(b->ask.triage.find, sizeof b->ask.triage.find, "%s", words);
	b->ask.triage.item = 0;
	b->ask.triage.row = 0;
	b->desk.cursor_row = 0;
	b->desk.cursor_id = 0;
}

static void text_filter(struct bench *b, int round)
{
	static const char *const words[] = {"coup", "coupon", "dead", "worse", "order77", "zzz", "rude", "link", "refund"};

	find(b, words[round % 9]);
}

static void mood_filter(struct bench *b, int round)
{
	static const char *const words[] = {"mood:negative", "mood:positive service:docs-chat", "deployment:v43"};

	find(b, words[round % 3]);
}

static void sort(struct bench *b, int round)
{
	find(b, "");
	b->ask.triage.sort = round % 4;
}

int main(int argc, char **argv)
{
	size_t items = argc > 1 ? (size_t)atoll(argv[1]) : 100000, loads = 0;
	char dir[] = "/tmp/llmdeck-triage-bench-XXXXXX", path[64];
	struct bench b = {.surface = surface_new(200, 47)};
	struct err err = {""};
	double spent = 0, worst = 0;

	if (!mkdtemp(dir))
		return 1;
	clock_set_fake_us(NOW_US);
	snprintf(path, sizeof path, "%s/t.db", dir);
	fill(path, items);
	clock_set_fake_us(0);
	if (store_reader_open(&b.reader, path, &err) != 0)
		die(&err);
	b.desk.labels = label_sets(NULL, &b.desk.label_count);
	do {
		double ms = one(&b);

		spent += ms;
		worst = ms > worst ? ms : worst;
		loads++;
	} while (b.more);
	printf("the feedback page, %zu items at 200x47 (processor time):\n", items);
	printf("  all of it read and grouped in %zu loads, %.0f ms together, the longest %.1f ms\n", loads, spent, worst);
	measure(&b, "the next row", down);
	measure(&b, "to the other end", jump);
	measure(&b, "another text in the filter", text_filter);
	measure(&b, "another mood, app or version", mood_filter);
	measure(&b, "another order", sort);
	triage_fini(&b.t);
	triage_kept_fini(&b.kept);
	store_reader_close(&b.reader);
	surface_free(&b.surface);
	for (const char *const *name = (const char *const[]){"t.db", "t.db-wal", "t.db-shm", "t.db.lock", "t-text.db", "t-text.db-wal",
	                                                      "t-text.db-shm", NULL}; *name; name++) {
		snprintf(path, sizeof path, "%s/%s", dir, *name);
		unlink(path);
	}
	rmdir(dir);
	return b.failed;
}
