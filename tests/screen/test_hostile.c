/* Texts from outside that try to move the cursor, change the title, reverse the direction or widen a
 * row: the screen must look exactly as with harmless texts but for the cells of the texts themselves,
 * and no byte of theirs may reach the terminal as a control. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/mem.h"
#include "screen_asserts.h"

#define WIDTH 160
#define HEIGHT 50
#define MARK "benign"

static const char *const own[] = {
	"\033[2J\033[H",                 "\033]0;title\007",        "\033]52;c;aGk=\007",
	"\033[31mred\033[0m",            "\033[1000C\033[1000B",    "\033c\033[!p",
	"\033P+q544e\033\\",             "\033[6n\033[c\033[5n",    "\033[?1049l\033[?25l",
	"\033_apc\033\\\033^pm\033\\",   "\xc2\x9b" "31mC1",          "\x9b" "2J raw C1",
	"tab\there\tand\tthere",         "return\rover\rand over",  "line\nline\nline",
	"bell\007 backspace\b\b\b del\177", "\016shift out\017",      "\xe2\x80\xae" "override\xe2\x80\xac",
	"\xe2\x81\xa6isolate\xe2\x81\xa9 \xd8\x9c\xe2\x80\x8f\xe2\x80\x8e",
	"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xd8\xb3\xd9\x84\xd8\xa7\xd9\x85",
	"zero\xe2\x80\x8bwidth\xef\xbb\xbf\xe2\x80\x8d joiner",
	"\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\xe2\x80\x8d\xf0\x9f\x91\xa6 family",
	"\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa flag \xf0\x9f\x8f\xb4\xf3\xa0\x81\xa7\xf3\xa0\x81\xa2\xf3\xa0\x81\xbf",
	"z\xcc\x80\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85\xcc\x86\xcc\x87\xcc\x88\xcc\x89\xcc\x8a\xcc\x8b" "algo",
	"\xcc\x81starts with a mark",    "\xff\xfe\xc0\xaf broken",  "\xed\xa0\x80 surrogate \xf4\x90\x80\x80",
	"cut \xe2\x82",                  "\xef\xbf\xbf\xf3\xb0\x80\x80 private", "%s%n%x%d",
	"\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97 wide",
	"\xe2\x80\xa8line\xe2\x80\xa9paragraph", "\xc2\xad soft hyphen", "\xf0\x9f\x98\x80\xef\xb8\x8f\xe2\x98\x8e\xef\xb8\x8e",
	"\033%G\033(0lqqk\033(B",        "\033[200~pasted\033[201~", "\033[>4;2m\033[?2026h",
};
#define OWN (sizeof own / sizeof own[0])

struct texts {
	char **text;
	size_t count, cap;
};

static void add_text(struct texts *t, const char *text)
{
	t->text = mem_grow(t->text, &t->cap, t->count + 1, sizeof *t->text);
	t->text[t->count++] = mem_strdup(text);
}

/* Our own, then the list of naughty strings where the shared data is at hand. */
static bool gather(struct texts *t)
{
	const char *shared = getenv("LLMDECK_SHARED");
	char *path = mem_printf("%s/data/parsers/blns.json", shared && shared[0] ? shared : "../shared");
	struct buf json = {0};
	struct err err;
	bool found = file_read(path, 1 << 20, &json, &err) == 0;

	for (size_t i = 0; i < OWN; i++)
		add_text(t, own[i]);
	if (found) {
		cJSON *list = cJSON_ParseWithLength(json.data, json.len);
		cJSON *item;

		assert_non_null(list);
		cJSON_ArrayForEach(item, list)
			if (cJSON_IsString(item) && item->valuestring[0])
				add_text(t, item->valuestring);
		cJSON_Delete(list);
	}
	free(path);
	buf_fini(&json);
	return found;
}

static void texts_fini(struct texts *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->text[i]);
	free(t->text);
}

/* A row per text; with `hostile` false the text is a marker instead. */
static void write_log(const char *path, const struct texts *t, bool feedback, bool hostile)
{
	struct buf csv = {0};
	struct err err = {""};

	buf_puts(&csv, feedback ? "time,id,service,rating,text\n"
	                        : "end_time,service,model,input_tokens,output_tokens,cost_usd,latency_ms\n");
	for (size_t i = 0; i < t->count; i++) {
		struct buf mark = {0};

		buf_printf(&mark, MARK "-%03zu", i);
		buf_printf(&csv, "2026-03-01T10:%02zu:%02zuZ,", i / 60 % 60, i % 60);
		if (feedback)
			buf_printf(&csv, "i%zu,chat,3,", i);
		else
			buf_puts(&csv, "chat,");
		buf_append_c(&csv, '"');
		if (hostile && !feedback) /* else "null" and the like are no model at all */
			buf_printf(&csv, "m%03zu ", i);
		for (const char *p = hostile ? t->text[i] : mark.data; *p; p++) {
			buf_append_c(&csv, *p);
			if (*p == '"')
				buf_append_c(&csv, '"');
		}
		buf_append_c(&csv, '"');
		if (!feedback)
			buf_printf(&csv, ",100,10,%zu,500", 2000 - i);
		buf_append_c(&csv, '\n');
		buf_fini(&mark);
	}
	if (file_write_atomic(path, csv.data, csv.len, 0600, &err))
		fail_msg("%s", err.text);
	buf_fini(&csv);
}

static char *make_store(const struct texts *t, bool feedback, bool hostile)
{
	static int number;
	char *store = mem_printf("%s/%s-%s-%d.db", screen_folder(), feedback ? "feedback" : "models",
	                         hostile ? "hostile" : "benign", number++);
	char *log = mem_printf("%s.csv", store);

	write_log(log, t, feedback, hostile);
	screen_import(store, log, feedback ? "feedback" : "request");
	free(log);
	return store;
}

static struct screen *start(const char *store, const char *page)
{
	static const char *const env[] = {"LLMDECK_TEST_CLOCK=2026-03-01T10:30:00Z", NULL};
	const char *argv[] = {screen_binary(), "--store", store, "console", "--read-only",
	                      "--page", page, "--since", "1h", NULL};

	return screen_start(argv, env, WIDTH, HEIGHT);
}

/* What of a page is the same whatever the texts: all of it, or the corner that the list stands in, beside
 * the item and above the groups, which are texts themselves. `border`: the column between list and item. */
struct corner {
	int width, height, border;
};
static const struct corner all_of_it = {WIDTH, HEIGHT, -1}, feedback_list = {58, 35, 57};

/* In the corner every cell left of `from` or right of `to` and every row without a marker is the same on both. */
static void assert_same_around(struct screen *hostile, struct screen *benign, struct corner corner, int from, int to)
{
	for (int y = 4; corner.border >= 0 && y < HEIGHT - 1; y++)
		assert_string_equal(screen_cell(hostile, corner.border, y).text, "\xe2\x94\x82");
	for (int y = 0; y < corner.height; y++) {
		bool text_row = strstr(screen_row(benign, y), MARK) != NULL;

		for (int x = 0; x < corner.width; x++) {
			struct screen_cell h = screen_cell(hostile, x, y), b = screen_cell(benign, x, y);

			if (text_row && x >= from && x < to)
				continue;
			if (strcmp(h.text, b.text) != 0 && !(strcmp(h.text, " ") <= 0 && strcmp(b.text, " ") <= 0)) {
				char *row = mem_strdup(screen_row(benign, y));

				fail_msg("row %d column %d is \"%s\", with harmless texts \"%s\":\n%s\n%s", y, x,
				         h.text, b.text, screen_row(hostile, y), row);
			}
		}
	}
}

/* Columns [from, to) that the texts stand in: from the marker to the blank before the next text. */
static void text_columns(struct screen *benign, int *from, int *to)
{
	int y;

	if (!screen_find(benign, MARK, from, &y))
		fail_msg("no marker:\n%s", screen_text(benign));
	*to = *from + (int)strlen(MARK "-000");
	while (*to < WIDTH && strcmp(screen_cell(benign, *to, y).text, " ") <= 0)
		(*to)++;
}

static void compare_pages(const char *page, bool feedback, const char *key, int pages, struct corner corner)
{
	struct texts texts = {0};
	bool shared = gather(&texts);
	char *hostile_store = make_store(&texts, feedback, true);
	char *benign_store = make_store(&texts, feedback, false);
	struct screen *hostile = start(hostile_store, page);
	struct screen *benign = start(benign_store, page);
	const char *why;
	int from, to;

	assert_true(screen_wait_text(benign, "10:30:00Z", SOON));
	assert_true(screen_wait_text(hostile, "10:30:00Z", SOON));
	for (const char *k = key; *k; k++) {
		char one[2] = {*k, '\0'};

		screen_send(benign, one);
		screen_send(hostile, one);
	}
	if (!screen_wait_text(benign, MARK, SOON))
		fail_msg("no marker:\n%s", screen_text(benign));
	for (int i = 0; i < pages; i++) {
		screen_settle(benign, 300, SOON);
		screen_settle(hostile, 300, SOON);
		text_columns(benign, &from, &to);
		assert_same_around(hostile, benign, corner, from, to);
		screen_send(benign, "\033[6~");
		screen_send(hostile, "\033[6~");
	}
	why = screen_forbidden(screen_bytes(hostile));
	if (why)
		fail_msg("the terminal was sent %s", why);
	screen_send(hostile, "q");
	assert_int_equal(screen_wait_exit(hostile, SOON), 0);
	if (!screen_restored(hostile))
		fail_msg("the terminal was not restored: %s", screen_why_not_restored(hostile));
	screen_free(&hostile);
	screen_free(&benign);
	free(hostile_store);
	free(benign_store);
	texts_fini(&texts);
	if (!shared) {
		print_message("blns.json is not at hand: only our own texts were tried\n");
		skip();
	}
}

static void feedback_texts(void **state)
{
	(void)state;
	compare_pages("feedback", true, "", 12, feedback_list);
}

static void feedback_stream(void **state)
{
	(void)state;
	compare_pages("overview", true, "", 1, all_of_it);
}

static struct screen *start_reviewer(const char *store, const char *socket, const char *user)
{
	char *name = mem_printf("LLMDECK_USER=%s", user);
	const char *env[] = {name, NULL};
	const char *argv[] = {screen_binary(), "--store", store, "--socket", socket, "console", "--page", "feedback", NULL};
	struct screen *s = screen_start(argv, env, WIDTH, HEIGHT);

	if (!screen_wait_text(s, "src 0/0", SOON) || !screen_wait_text(s, "items 1/", SOON))
		fail_msg("no list:\n%s", screen_text(s));
	free(name);
	return s;
}

/* Leaves what was sent harmless and the page in its place. */
/* Hostile texts opened, settled, named as groups; a hostile name in a toast and in the history. */
static void feedback_worked_through(void **state)
{
	static const char name[] = "\xe2\x80\xae" "eve\xe2\x80\x8b\xf0\x9f\x91\xa8\xe2\x80\x8d"; /* control characters are refused */
	struct texts texts = {0}, twice = {0};
	struct screen *collector, *eve, *jo;
	char *store, *socket;

	(void)state;
	gather(&texts);
	for (size_t i = 0; i < texts.count; i++) { /* in pairs, so that there are groups of them */
		add_text(&twice, texts.text[i]);
		add_text(&twice, texts.text[i]);
	}
	texts_fini(&texts);
	store = make_store(&twice, true, true);
	socket = mem_printf("%s/hostile.sock", screen_folder());
	const char *argv[] = {screen_binary(), "--store", store, "--socket", socket, "collect", "--listen", "none", NULL};
	collector = screen_start(argv, NULL, 120, 20);
	assert_true(screen_wait_text(collector, "collecting into", SOON));
	eve = start_reviewer(store, socket, name);
	screen_send(eve, "\r");
	if (!screen_wait_text(eve, "yours", SOON))
		fail_msg("it was not opened:\n%s", screen_text(eve));
	jo = start_reviewer(store, socket, "jo");
	screen_send(jo, "\r");
	if (!screen_wait_text(jo, "1 held by", SOON)) /* the toast with the name */
		fail_msg("no toast:\n%s", screen_text(jo));
	for (int i = 0; i < 30; i++) {
		char done[40];

		screen_send(eve, i % 3 ? "\r" : "1\r");
		snprintf(done, sizeof done, "you %d of", i + 1);
		if (!screen_wait_text(eve, done, SOON))
			fail_msg("%s is not there:\n%s", done, screen_text(eve));
		screen_settle(eve, 30, SOON);
		for (int y = 4; y < HEIGHT - 5; y++) /* above the toasts */
			assert_string_equal(screen_cell(eve, feedback_list.border, y).text, "\xe2\x94\x82");
	}
	for (int i = 0; i < 12; i++) {
		screen_send(jo, i < 6 ? "]" : "jj");
		screen_settle(jo, 60, SOON);
		for (int y = 4; y < HEIGHT - 5; y++)
			assert_string_equal(screen_cell(jo, feedback_list.border, y).text, "\xe2\x94\x82");
	}
	screen_send(eve, "\033");
	assert_true(screen_wait_gone(eve, "yours", SOON));
	screen_send(jo, "\033");
	screen_settle(jo, 200, SOON); /* else it were Alt-q */
	screen_quit(&eve);
	screen_quit(&jo);
	screen_signal(collector, SIGTERM);
	assert_int_not_equal(screen_wait_exit(collector, SOON), -1);
	screen_free(&collector);
	texts_fini(&twice);
	free(store);
	free(socket);
}

static void model_names(void **state)
{
	(void)state;
	compare_pages("cost", false, "bbbb", 12, all_of_it);
}

/* `data`: JSON and CSV keep characters that a terminal would show oddly, but none that drives it. */
static void assert_prints_harmless(const char *const *argv, bool data)
{
	struct buf out = {0};

	assert_int_equal(screen_run(argv, NULL, &out), 0);
	assert_null(memchr(out.data, '\033', out.len));
	for (size_t i = 0; i < out.len; i++) /* CSV's lines end in CR LF */
		assert_true(out.data[i] != '\r' || (data && i + 1 < out.len && out.data[i + 1] == '\n'));
	if (!data && screen_forbidden(&out))
		fail_msg("%s prints %s", argv[3], screen_forbidden(&out));
	buf_fini(&out);
}

/* Every table and format of the commands. */
static void commands_print_no_controls(void **state)
{
	struct texts texts = {0};
	char *store;

	(void)state;
	gather(&texts);
	store = make_store(&texts, false, true);
	const char *report[] = {screen_binary(), "--store", store, "report", "--by", "model", NULL};
	const char *requests[] = {screen_binary(), "--store", store, "requests", "--limit", "1000", NULL};
	const char *json[] = {screen_binary(), "--store", store, "report", "--by", "model", "--format", "json", NULL};
	const char *snapshot[] = {screen_binary(), "--store", store, "snapshot", "cost", "--size", "100x80", NULL};
	const char *const *const all[] = {report, requests, json, snapshot};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		assert_prints_harmless(all[i], all[i] == json);
	free(store);
	texts_fini(&texts);
}

/* The page as text, the list and both exports with their texts. */
static void feedback_prints_no_controls(void **state)
{
	struct texts texts = {0};
	char *store;

	(void)state;
	gather(&texts);
	store = make_store(&texts, true, true);
	const char *snapshot[] = {screen_binary(), "--store", store, "snapshot", "feedback", "--size", "160x80", NULL};
	const char *list[] = {screen_binary(), "--store", store, "feedback", "list", "--limit", "1000", "--with-text", NULL};
	const char *json[] = {screen_binary(), "--store", store, "feedback", "list", "--limit", "1000", "--with-text", "--format", "json", NULL};
	const char *jsonl[] = {screen_binary(), "--store", store, "feedback", "export", "--with-text", "--format", "jsonl", NULL};
	const char *csv[] = {screen_binary(), "--store", store, "feedback", "export", "--with-text", "--format", "csv", NULL};
	const char *const *const all[] = {snapshot, list, json, jsonl, csv};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		assert_prints_harmless(all[i], i >= 2);
	free(store);
	texts_fini(&texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feedback_texts),
		cmocka_unit_test(feedback_stream),
		cmocka_unit_test(feedback_worked_through),
		cmocka_unit_test(model_names),
		cmocka_unit_test(commands_print_no_controls),
		cmocka_unit_test(feedback_prints_no_controls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
