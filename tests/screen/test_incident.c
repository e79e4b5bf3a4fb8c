/* On call: from the alert in the strip to the named cause in a few keys, an incident opened, noted, reported
 * and closed; and the page for SQL, where a question that would never end is cancelled at once, and one
 * that would change something is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/throwaway.h"
#include "store/query.h"
#include "screen_asserts.h"

#define AT_ONCE_US (US_PER_S) /* a cancel takes milliseconds; the rest is for a busy machine */

static char binary[PATH_MAX];
static int keys; /* pressed since it was set to 0 */

static void press(struct screen *s, const char *key)
{
	keys++;
	screen_send(s, key);
}

/* Whether the cursor of the suspects is on that one: it moves when the order changes under it. */
static bool under_cursor(struct screen *s, const char *suspect)
{
	static const char *const marks[] = {">▲ ", ">◆ ", ">  "};
	char words[64];
	int x, y;

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		snprintf(words, sizeof words, "%s%s", marks[i], suspect);
		if (screen_find(s, words, &x, &y))
			return true;
	}
	return false;
}

static void from_the_strip_to_the_cause(struct screen *s)
{
	if (!screen_wait_text(s, "CRIT demo-checkout ", FILLED))
		fail_msg("nothing has gone wrong:\n%s", screen_text(s));
	keys = 0;
	press(s, "i");
	assert_shows(s, "suspects");
	assert_shows(s, "depl v43"); /* the canary that has gone bad */
	assert_shows(s, "requests of the bad");
	press(s, "\t"); /* from the map to the suspects */
	assert_true(screen_wait_text(s, ">▲ ", FILLED));
	while (!under_cursor(s, "depl v43") && keys < 7) { /* a timeout or two may stand before it */
		press(s, "j");
		screen_settle(s, 50, 2000);
	}
	press(s, "\r");
	assert_shows(s, "narrowed to depl v43");
	assert_true(keys < 10);
	print_message("%d keys from the strip to the cause and its requests\n", keys);
}

/* Agents, tools and model calls of a request, and back. */
static void its_trace(struct screen *s)
{
	press(s, "\t"); /* the requests */
	press(s, "s");
	assert_shows(s, "sorted by end");
	press(s, "s");
	assert_shows(s, "sorted by latency_s");
	press(s, "\t"); /* the trace beside them: t is about the request all the same */
	press(s, "t");
	assert_shows(s, "monitor > trace");
	assert_shows(s, "llm gpt-4o");
	assert_shows(s, "agent checkout-assistant");
	press(s, "\x7f");
	assert_shows(s, "monitor > incident");
}

static void work_on_it(struct screen *s)
{
	struct buf report = {0};
	struct err err = {""};

	press(s, "n");
	assert_shows(s, "open an incident");
	screen_send(s, "checkout is slow\r");
	assert_shows(s, "INC-1 open");
	press(s, "n");
	assert_shows(s, "note");
	screen_send(s, "v43 it is\r");
	assert_shows(s, "noted");
	screen_send(s, ":assign mia\r");
	assert_shows(s, "assigned");
	screen_send(s, ":status identified\r");
	assert_shows(s, "INC-1 identified mia");
	screen_send(s, ":timeline\r");
	assert_shows(s, "v43 it is");
	assert_shows(s, "checkout is slow");
	press(s, "e");
	assert_shows(s, "written to INC-1.md");
	if (file_read("INC-1.md", 4 << 20, &report, &err) != 0)
		fail_msg("%s", err.text);
	assert_non_null(strstr(report.data, "v43 it is"));
	buf_reset(&report);
	if (file_read("INC-1.html", 16 << 20, &report, &err) != 0)
		fail_msg("%s", err.text);
	assert_non_null(strstr(report.data, "checkout is slow"));
	assert_null(strstr(report.data, "<script"));
	buf_fini(&report);
	screen_send(s, ":close rolled back\r");
	assert_shows(s, "closed");
	screen_send(s, ":incidents\r");
	assert_shows(s, "incidents 0 open of 1");
}

/* From a rollout, from an alert of the list, from a chart's time cursor, from the list of incidents, from a page about
 * errors: each time with the window, the filters and the figure that it is about. */
static void every_way_to_it(struct screen *s)
{
	screen_send(s, "4");
	assert_shows(s, "GATE");
	screen_send(s, "i");
	assert_shows(s, "monitor > incident  service=check");
	assert_shows(s, "depl v43");
	screen_send(s, "!");
	assert_shows(s, "alerts, as the collector has them");
	screen_send(s, "i");
	assert_shows(s, "monitor > incident");
	assert_shows(s, "time>="); /* since the alert's window began to fill */
	assert_shows(s, "suspects");
	screen_send(s, ":live\r:t 15m\r:filter\r:latency\r");
	assert_shows(s, "ttft p95");
	screen_send(s, "hhhh");
	assert_shows(s, "s at ");
	screen_send(s, "i");
	assert_shows(s, "monitor > incident");
	assert_shows(s, "time>=");
	screen_send(s, ":errors\r");
	assert_shows(s, "by type");
	screen_send(s, "i");
	assert_shows(s, "server…");
	screen_send(s, ":incidents\r");
	assert_shows(s, "incidents 0 open of 1");
	screen_send(s, "\r");
	assert_shows(s, "INC-1 closed");
	assert_shows(s, "requests of the bad");
}

/* The page's window beside the one before it: figures, what changed, commands; = goes on, :pin keeps one, :diff
 * takes any; Enter narrows. */
static void beside_another_window(struct screen *s)
{
	screen_send(s, ":filter\r:pin\r");
	assert_shows(s, "pinned ");
	screen_send(s, "w");
	assert_shows(s, "monitor > two windows");
	assert_shows(s, "compared with the pinned window");
	assert_shows(s, "latency p99");
	assert_shows(s, "llmdeck suspects --from");
	screen_send(s, ":diff before\r");
	assert_shows(s, "as long just before");
	assert_shows(s, "depl v43");
	screen_send(s, "\t\r");
	assert_shows(s, "narrowed to depl v43");
	screen_send(s, "==");
	assert_shows(s, "a week ago");
	assert_shows(s, "no requests then");
	screen_send(s, ":diff lunch\r");
	assert_shows(s, "diff: ");
	screen_send(s, ":filter\r");
	assert_gone(s, "deployment=v43");
	screen_send(s, "\x7f");
	if (!screen_wait_row(s, 0, "monitor > incident", SOON))
		screen_fail(s, "Backspace does not go back");
}

static int64_t requests_of(const char *store)
{
	struct store_reader *r = NULL;
	struct store_summary summary;
	struct err err = {""};

	if (store_reader_open(&r, store, &err) || query_summary(r, &summary, &err))
		fail_msg("%s", err.text);
	store_reader_close(&r);
	return summary.requests;
}

/* While a question runs that would never end, another console answers its keys, and the collector stores. */
static void others_are_left_alone(struct screen *s)
{
	char store[300], socket[300];
	int64_t stored, until_us = clock_mono_us() + SOON * US_PER_MS, slowest_us = 0;

	screen_demo_file(s, THROWAWAY_STORE, store, sizeof store);
	screen_demo_file(s, "control.sock", socket, sizeof socket);
	const char *argv[] = {binary, "--store", store, "--socket", socket, "console", NULL};
	struct screen *other = screen_start(argv, NULL, 100, 30);

	assert_shows(other, "LIVE");
	screen_send(s, ":sql with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c\r");
	assert_shows(s, "running for");
	stored = requests_of(store);
	for (int i = 0; i < 10; i++) {
		int64_t from_us = clock_mono_us();

		screen_send(other, i % 2 ? "\x1b" : "?");
		if (i % 2)
			assert_gone(other, "this help");
		else
			assert_shows(other, "this help");
		slowest_us = clock_mono_us() - from_us > slowest_us ? clock_mono_us() - from_us : slowest_us;
	}
	while (requests_of(store) <= stored) {
		if (clock_mono_us() > until_us)
			fail_msg("the collector stores nothing while a question runs");
		screen_settle(other, 50, 100);
	}
	print_message("another console's slowest key took %.0f ms\n", (double)slowest_us / 1000);
	assert_true(slowest_us < AT_ONCE_US);
	assert_shows(s, "running for");
	screen_send(s, "\x03");
	assert_shows(s, "cancelled after");
	screen_send(s, "\x1b");
	assert_shows(s, "Enter edits");
	screen_quit(&other);
}

static void cancelled_at_once(struct screen *s, const char *key)
{
	int64_t started;

	screen_send(s, ":sql with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c\r");
	assert_shows(s, "running for");
	started = clock_mono_us();
	screen_send(s, key);
	assert_shows(s, "cancelled after");
	if (clock_mono_us() - started > AT_ONCE_US)
		fail_msg("cancelling took %lld ms", (long long)(clock_mono_us() - started) / 1000);
	screen_send(s, "\x1b"); /* leaves the line */
	assert_shows(s, "Enter edits");
}

static void refused(struct screen *s, const char *sql, const char *words)
{
	char line[300];

	snprintf(line, sizeof line, ":sql %s\r", sql);
	screen_send(s, line);
	assert_shows(s, words);
	screen_send(s, "\x1b");
	assert_shows(s, "Enter edits");
}

static void on_call(void **state)
{
	const char *demo[] = {binary, "demo", "--speed", "3", NULL};
	struct screen *s = screen_start(demo, NULL, 100, 30);

	(void)state;
	from_the_strip_to_the_cause(s);
	its_trace(s);
	work_on_it(s);
	every_way_to_it(s);
	beside_another_window(s);
	screen_quit(&s);
}

static void asking(void **state)
{
	const char *demo[] = {binary, "demo", "--incident", "none", NULL};
	struct screen *s = screen_start(demo, NULL, 100, 30);

	(void)state;
	screen_wait_filled(s);
	screen_send(s, ":sql\r");
	assert_shows(s, "one SELECT over");
	screen_send(s, "select servi");
	if (!screen_wait_row(s, 4, "service", SOON)) /* what it may become */
		fail_msg("no completion:\n%s", screen_text(s));
	screen_send(s, "\t, count(*) n from v_req\t group by 1 order by n desc\r");
	assert_shows(s, "rows in");
	for (int tries = 0; tries < 3 && !screen_wait_text(s, "search-summariser", 2000); tries++)
		screen_send(s, "\r\r"); /* the demo's raw rows are still being stored: the same again */
	assert_shows(s, "search-summariser");
	screen_send(s, "v");
	assert_shows(s, "search-summariser");
	screen_send(s, "v:export answer.csv\r");
	assert_shows(s, "written to");
	assert_true(file_exists("answer.csv"));
	cancelled_at_once(s, "\x03");
	cancelled_at_once(s, "\x1b");
	others_are_left_alone(s);
	refused(s, "delete from v_requests", "cannot modify v_requests");
	refused(s, "select * from strings", "private to the store");
	refused(s, "attach 'x.db' as x", "ATTACH and DETACH are not allowed");
	refused(s, "select load_extension('x')", "that function is not allowed");
	refused(s, "select 1; select 2", "one statement at a time");
	screen_send(s, "\r");
	screen_send(s, "\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A"); /* earlier statements */
	assert_shows(s, "with recursive");
	screen_send(s, "\x1b");
	assert_shows(s, "Enter edits");
	assert_shows(s, "LIVE");
	screen_quit(&s);
}

/* What is exported goes into the test's own folder. */
static int go_there(void **state)
{
	(void)state;
	return realpath(screen_binary(), binary) && chdir(screen_folder()) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_call),
		cmocka_unit_test(asking),
	};

	return cmocka_run_group_tests(tests, go_there, NULL);
}
