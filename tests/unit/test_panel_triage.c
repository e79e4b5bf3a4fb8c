/* The feedback page over a small store with known content and a fixed clock: the list, an open item with
 * its whole context, marks, groups, withheld texts, hostile texts, every size. Pictures are compared with
 * tests/golden; UPDATE=1 writes them anew. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "panels/panels.h"
#include "panels/triage.h"
#include "store/triage.h"
#include "store/writer.h"
#include "ui/theme.h"
#include "unit/golden.h"

/* 2026-11-23T13:21:33Z */
#define NOW_US INT64_C(1795440093000000)

static char dir[64], path[96];
static struct store_reader *reader;
static int64_t fake_policy; /* the item that has everything */

struct remark {
	int minutes;        /* before now */
	const char *service, *deployment;
	enum mood mood;
	double rating;
	const char *text, *language;
};
static const struct remark remarks[] = {
	{1, "checkout-assistant", "v43", MOOD_NEGATIVE, 1, "made up a refund policy, link is dead", "en"},
	{3, "checkout-assistant", "v43", MOOD_NEGATIVE, 2, "the refund policy it told me does not exist", "en"},
	{6, "checkout-assistant", "v43", MOOD_NEGATIVE, 1, "Refund policies are invented!", "en"},
	{7, "docs-chat", "v12", MOOD_POSITIVE, 5, "exactly what I needed", "en"},
	{9, "checkout-assistant", "v42", MOOD_NEGATIVE, 2, "wrong price", "en"},
	{14, "checkout-assistant", "v42", MOOD_NEGATIVE, 2, "wrong price, twice", "en"},
	{18, "returns-agent", "v07", MOOD_NEUTRAL, 3, "ok but too long", "en"},
	{22, "checkout-assistant", "v43", MOOD_NEGATIVE, 1, "took forever then a timeout", "en"},
	{26, "search-summariser", "v18", MOOD_POSITIVE, 4, "good summary", "en"},
	{33, "checkout-assistant", "v42", MOOD_NEGATIVE, 2, "wrong price for the blue shoes", "en"},
	{41, "docs-chat", "v12", MOOD_NEGATIVE, 1, "\x1b[31mred\x1b[0m \xe2\x80\xae wrong\tprice, \x1b]0;title\a twice\r\n\xff\xfe", ""},
	{45, "docs-chat", "v12", MOOD_UNKNOWN, NAN, "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe5\xa4\xaa\xe6\x85\xa2\xe4\xba\x86", "zh"},
	{50, "docs-chat", "v12", MOOD_POSITIVE, 5, NULL, ""},
	{26 * 60, "returns-agent", "v07", MOOD_NEGATIVE, 1, "timeout, again", "en"},
	{30 * 60, "returns-agent", "v07", MOOD_NEGATIVE, 2, "refund policy unclear", "en"},
};
#define REMARKS (sizeof remarks / sizeof *remarks)

static void add_request(struct batch *b, const uint8_t trace[16])
{
	static const struct flag flag = {{"protected_material", 18}, 2, FLAG_NOTED};
	struct request *r = batch_add_request(b);

	r->end_us = NOW_US - 2 * US_PER_MIN;
	r->latency_us = 4900 * US_PER_MS;
	r->ttft_us = 800 * US_PER_MS;
	r->dims[DIM_SERVICE] = STR_LIT("checkout-assistant");
	r->dims[DIM_DEPLOYMENT] = STR_LIT("v43");
	r->dims[DIM_MODEL] = STR_LIT("gpt-large");
	r->attrs[ATTR_SESSION] = STR_LIT("s-5");
	r->input_tokens = 1500;
	r->output_tokens = 312;
	r->cost_source = COST_INFERRED;
	r->cost_nusd = 21000000;
	r->finish_reason = STR_LIT("stop");
	r->question = STR_LIT("can I return shoes after 40 days?");
	r->answer = STR_LIT("Yes, our 60-day policy covers all shoes, see the link \x1b[31m (control bytes made visible).\n"
	                    "Refunds are paid within three days, whatever the reason, and the postage is ours.\n"
	                    "You need no receipt.\nGold members may return shoes for ever.\nIs there anything else?");
	r->has_trace = true;
	memcpy(r->trace_id, trace, 16);
	r->flags = &flag;
	r->flag_count = 1;
	r->source = STR_LIT("test");
}

static void fill(struct batch *b)
{
	static const uint8_t trace[16] = {0x7b, 0xe1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xc4, 0xc4};
	struct evaluation *e;

	add_request(b, trace);
	e = batch_add_evaluation(b);
	e->time_us = NOW_US - 2 * US_PER_MIN + US_PER_S;
	e->name = STR_LIT("groundedness");
	e->score = 0.31;
	e->has_trace = true;
	memcpy(e->trace_id, trace, 16);
	e->dims[DIM_SERVICE] = STR_LIT("checkout-assistant");
	e->source = STR_LIT("test");
	for (size_t i = 0; i < REMARKS; i++) {
		struct feedback *f = batch_add_feedback(b);
		char id[16];

		snprintf(id, sizeof id, "r%zu", i);
		f->time_us = NOW_US - remarks[i].minutes * US_PER_MIN;
		f->id = batch_text(b, str_of(id), sizeof id);
		f->dims[DIM_SERVICE] = str_of(remarks[i].service);
		f->dims[DIM_DEPLOYMENT] = str_of(remarks[i].deployment);
		f->text = str_of(remarks[i].text);
		f->language = str_of(remarks[i].language);
		f->mood = (uint8_t)remarks[i].mood;
		f->rating = remarks[i].rating;
		f->judge = remarks[i].mood ? STR_LIT("rating") : STR_LIT("");
		f->user = STR_LIT("a91f");
		f->source = STR_LIT("test");
		f->has_trace = i == 0;
		memcpy(f->trace_id, trace, 16);
	}
}

static void change(struct store_writer *w, enum triage_verb verb, int64_t id, const char *name, const char *value,
                   const char *text, const char *session)
{
	struct triage_order o = {.verb = verb, .ids = &id, .id_count = 1, .name = str_of(name), .value = str_of(value),
	                         .text = str_of(text), .session = str_of(session), .author = STR_LIT("mia"), .pid = getpid(),
	                         .now_us = NOW_US - 30 * US_PER_S};
	struct triage_outcome out = {0};
	struct err err = {""};

	if (store_writer_triage(w, &o, &out, &err) != 0 || store_writer_commit(w, &err) != 0)
		fail_msg("%s", err.text);
	if (verb != TRIAGE_LOCK)
		assert_int_equal(out.changed, 1);
}

static int64_t id_of(const struct triage_state *t, size_t row)
{
	assert_true(row < t->row_count);
	return triage_row(t, row)->id;
}

static void load(struct triage_state *t, const struct panel_ask *ask)
{
	struct panel_query query = {.reader = reader, .form = PANEL_PAGE, .now_us = NOW_US, .ask = ask,
	                            .data_from_us = NOW_US - 2 * US_PER_DAY};
	struct err err = {""};

	query.view = (struct view){.from_us = NOW_US - 60 * US_PER_MIN, .to_us = NOW_US, .step_us = 2 * US_PER_MIN};
	*t = (struct triage_state){0};
	if (triage_load(&query, t, &err) != 0)
		fail_msg("%s", err.text);
}

static int make_store(void **state)
{
	struct store_options o = {.now_us = NOW_US};
	struct store_counts counts = {0};
	struct store_writer *w = NULL;
	struct batch *b = batch_new();
	struct triage_state t;
	struct err err = {""};

	(void)state;
	clock_set_fake_us(NOW_US);
	snprintf(dir, sizeof dir, "/tmp/llmdeck-triage-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/t.db", dir);
	fill(b);
	if (store_writer_open(&w, path, &o, &err) != 0 || store_writer_append(w, b, &counts, &err) != 0 ||
	    store_writer_commit(w, &err) != 0 || store_reader_open(&reader, path, &err) != 0)
		fail_msg("%s", err.text);
	batch_free(&b);
	load(&t, NULL);
	assert_int_equal(t.row_count, REMARKS);
	fake_policy = id_of(&t, 0);
	change(w, TRIAGE_LABEL, fake_policy, "hallucination", "true", "", "s1");
	change(w, TRIAGE_LABEL, fake_policy, "quality", "2", "", "s1");
	change(w, TRIAGE_NOTE, fake_policy, "", "", "seen since v43", "s1");
	change(w, TRIAGE_DATASET, fake_policy, "", "", "No: shoes can be returned within 30 days.", "s1");
	change(w, TRIAGE_ASSIGN, fake_policy, "", "mia", "", "s1");
	change(w, TRIAGE_LOCK, id_of(&t, 4), "", "", "", "another");
	change(w, TRIAGE_SETTLE, id_of(&t, 7), "", "", "", "s1");
	change(w, TRIAGE_DISMISS, id_of(&t, 8), "", "", "", "s1");
	triage_fini(&t);
	store_writer_close(&w);
	return 0;
}

static int remove_store(void **state)
{
	static const char *const names[] = {"t.db", "t.db-wal", "t.db-shm", "t.db-lock", "t.db.lock", "t-text.db",
	                                    "t-text.db-wal", "t-text.db-shm"};
	char file[160];

	(void)state;
	store_reader_close(&reader);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(file, sizeof file, "%s/%s", dir, names[i]);
		unlink(file);
	}
	rmdir(dir);
	return 0;
}

/* ── pictures ──────────────────────────────────────────────────────────────────────────────── */

struct scene {
	struct panel_ask ask;
	struct triage_desk desk;
	struct view view;
	struct panel_ui ui;
	struct triage_state t;
};

static void set_scene(struct scene *sc)
{
	*sc = (struct scene){.view = {.from_us = NOW_US - 60 * US_PER_MIN, .to_us = NOW_US, .step_us = 2 * US_PER_MIN}};
	sc->desk.labels = label_sets(NULL, &sc->desk.label_count);
}

static void close_scene(struct scene *sc)
{
	triage_fini(&sc->t);
	intmap_fini(&sc->desk.marks);
}

static struct panel_frame frame_over(const struct scene *sc)
{
	return (struct panel_frame){.view = &sc->view, .form = PANEL_PAGE, .now_us = NOW_US, .focused = true, .find = "",
	                            .ui = &sc->ui, .ask = &sc->ask, .desk = &sc->desk};
}

static void draw(const struct scene *sc, const char *name, int width, int height, bool mono)
{
	struct surface *s = surface_new(width, height);
	struct panel_frame frame = frame_over(sc);
	struct buf text = {0};
	struct theme theme;

	s->ascii = mono;
	s->graph = mono ? GRAPH_ASCII : GRAPH_BRAILLE;
	surface_clear(s, ROLE_TEXT);
	triage_draw(&sc->t, &frame, s);
	theme_default(&theme);
	if (mono)
		surface_to_ansi(s, &theme, COLOURS_NONE, &text);
	else
		surface_to_text(s, &text);
	if (name)
		compare_golden(name, &text);
	buf_fini(&text);
	surface_free(&s);
}

static void the_list(void **state)
{
	struct scene sc;

	(void)state;
	set_scene(&sc);
	load(&sc.t, &sc.ask);
	assert_int_equal(sc.t.list.open, REMARKS - 2);
	assert_int_equal(sc.t.list.settled, 1);
	assert_int_equal(sc.t.list.dismissed, 1);
	draw(&sc, "triage-80x24", 80, 21, false);
	draw(&sc, "triage-132x43", 132, 40, false);
	draw(&sc, "triage-200x50", 200, 47, false);
	draw(&sc, "triage-80x24-mono", 80, 21, true);
	draw(&sc, "triage-50x20", 50, 20, false);
	close_scene(&sc);
}

/* Labels, notes, history, the right answer; then a second screen of it, and what a numeric label asks. */
static void an_open_item(void **state)
{
	struct scene sc;

	(void)state;
	set_scene(&sc);
	sc.ask.triage.item = sc.desk.item = sc.desk.cursor_id = fake_policy;
	sc.desk.opened = true;
	sc.desk.settled = 30;
	sc.desk.dismissed = 4;
	sc.desk.per_hour = 240;
	load(&sc.t, &sc.ask);
	assert_string_equal(triage_label(&sc.t, "hallucination"), "true");
	assert_string_equal(triage_label(&sc.t, "quality"), "2");
	assert_null(triage_label(&sc.t, "tone"));
	draw(&sc, "triage-item-80x24", 80, 21, false);
	draw(&sc, "triage-item-132x43", 132, 40, false);
	draw(&sc, "triage-item-200x50", 200, 47, false);
	draw(&sc, "triage-item-50x20", 50, 20, false);
	sc.desk.scroll = 9;
	sc.desk.choosing = 8;
	draw(&sc, "triage-item-scrolled-80x24", 80, 21, false);
	close_scene(&sc);
}

static void marks_filters_and_groups(void **state)
{
	struct scene sc;
	char *group;

	(void)state;
	set_scene(&sc);
	snprintf(sc.ask.triage.find, sizeof sc.ask.triage.find, "mood:negative service:checkout-assistant");
	load(&sc.t, &sc.ask);
	assert_int_equal(sc.t.row_count, 6);
	assert_true(sc.t.cluster_count >= 2);
	for (size_t i = 1; i < 4; i++)
		intmap_put(&sc.desk.marks, (uint64_t)id_of(&sc.t, i), &sc);
	draw(&sc, "triage-marked-80x24", 80, 21, false);
	group = mem_strdup(sc.t.clusters[0].name);
	triage_fini(&sc.t);
	snprintf(sc.ask.triage.group, sizeof sc.ask.triage.group, "%s", group);
	load(&sc.t, &sc.ask);
	assert_int_equal(sc.t.row_count, sc.t.clusters[0].count);
	assert_true(sc.t.row_count < 6);
	triage_fini(&sc.t);
	free(group);
	sc.ask.triage.group[0] = '\0';
	snprintf(sc.ask.triage.find, sizeof sc.ask.triage.find, "state:settled");
	load(&sc.t, &sc.ask);
	assert_int_equal(sc.t.row_count, 1);
	triage_fini(&sc.t);
	snprintf(sc.ask.triage.find, sizeof sc.ask.triage.find, "state:all timeout");
	load(&sc.t, &sc.ask);
	assert_int_equal(sc.t.row_count, 2);
	triage_fini(&sc.t);
	snprintf(sc.ask.triage.find, sizeof sc.ask.triage.find, "mood:grumpy");
	load(&sc.t, &sc.ask);
	assert_true(sc.t.words[0] != '\0');
	draw(&sc, "triage-bad-filter-80x24", 80, 21, false);
	close_scene(&sc);
}

/* The window counts only when it was fixed by hand. */
static void a_fixed_window(void **state)
{
	struct scene sc;

	(void)state;
	set_scene(&sc);
	sc.ask.triage.window_only = true;
	load(&sc.t, &sc.ask);
	assert_int_equal(sc.t.row_count, REMARKS - 2 - 2); /* two are of yesterday */
	close_scene(&sc);
}

static void withheld_texts(void **state)
{
	struct store_reader *was = reader;
	struct scene sc;
	struct err err = {""};
	char from[120], to[120];

	(void)state;
	snprintf(from, sizeof from, "%s/t-text.db", dir);
	snprintf(to, sizeof to, "%s/t-away.db", dir);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(store_reader_open(&reader, path, &err), 0);
	set_scene(&sc);
	load(&sc.t, &sc.ask);
	assert_int_equal(sc.t.row_count, REMARKS - 2);
	draw(&sc, "triage-withheld-80x24", 80, 21, false);
	close_scene(&sc);
	store_reader_close(&reader);
	reader = was;
	assert_int_equal(rename(to, from), 0);
}

static void every_size_is_drawn(void **state)
{
	struct scene sc;

	(void)state;
	set_scene(&sc);
	sc.ask.triage.item = fake_policy;
	load(&sc.t, &sc.ask);
	for (int width = 0; width < 140; width += width < 30 ? 1 : 9) {
		for (int height = 0; height < 50; height += height < 12 ? 1 : 7) {
			sc.desk.opened = height % 2;
			draw(&sc, NULL, width, height, width % 2);
		}
	}
	close_scene(&sc);
}

static void rows_for_an_export(void **state)
{
	struct sheet sheet = {0};
	struct buf csv = {0};
	struct scene sc;

	(void)state;
	set_scene(&sc);
	load(&sc.t, &sc.ask);
	triage_rows(&sc.t, &sheet);
	assert_int_equal(sheet.row_count, REMARKS - 2);
	sheet_write(&sheet, SHEET_CSV, &csv);
	assert_non_null(strstr(csv.data, "made up a refund policy, link is dead"));
	buf_fini(&csv);
	sheet_fini(&sheet);
	close_scene(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list),
		cmocka_unit_test(an_open_item),
		cmocka_unit_test(marks_filters_and_groups),
		cmocka_unit_test(a_fixed_window),
		cmocka_unit_test(withheld_texts),
		cmocka_unit_test(every_size_is_drawn),
		cmocka_unit_test(rows_for_an_export),
	};

	return cmocka_run_group_tests(tests, make_store, remove_store);
}
