/* A person at the console and a real Alertmanager: an alert rings the terminal, is muted by keyboard and
 * silent there, is unmuted, and gets another limit that was tried on the past first. What others have sent there
 * and their silences are shown, silenced, extended and ended from the console. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/timefmt.h"
#include "screen/screen.h"

#define SOON 15000
#define URL "http://127.0.0.1:29094"

extern char **environ;

static struct {
	char folder[64], config[128], store[128], socket[128], rows[128];
	pid_t alertmanager, collector;
	struct screen *console;
} scene;

#define assert_shows(text) \
	do { \
		if (!screen_wait_text(scene.console, text, SOON)) \
			fail_msg("\"%s\" did not appear:\n%s", text, screen_text(scene.console)); \
	} while (0)

static pid_t spawn(const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = 0;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(intptr_t)argv, environ) != 0)
		pid = 0;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void end_process(pid_t *pid)
{
	if (*pid > 0 && kill(*pid, SIGTERM) == 0)
		waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void write_file(const char *path, const char *text)
{
	struct err err = {""};

	if (file_write_atomic(path, text, strlen(text), 0600, &err))
		fail_msg("%s", err.text);
}

/* Whether Alertmanager's answer to this query has the text. */
static bool told(const char *query, const char *text)
{
	char url[200];
	const char *argv[] = {"/usr/bin/curl", "-s", "--max-time", "2", url, NULL};
	struct buf out = {0};

	snprintf(url, sizeof url, URL "/api/v2/alerts?%s", query);
	bool found = screen_run(argv, NULL, &out) == 0 && out.len && strstr(out.data, text);

	buf_fini(&out);
	return found;
}

/* Slow requests of this moment: without them the alert has no data. */
static void feed(void)
{
	const char *argv[] = {screen_binary(), "--store", scene.store, "--socket", scene.socket, "import", "--again", scene.rows, NULL};
	struct buf rows = {0};

	for (int i = 0; i < 20; i++)
		buf_printf(&rows, "{\"end_time\":%.6f,\"service\":\"chat\",\"model\":\"m\",\"latency_ms\":5000}\n",
		           (double)(clock_wall_us() - i * 1000) / 1e6);
	write_file(scene.rows, rows.data);
	buf_fini(&rows);
	screen_run(argv, NULL, NULL);
}

static bool feed_until_told(const char *query, const char *text)
{
	int64_t until_us = clock_mono_us() + 90 * US_PER_S;

	while (!told(query, text) && clock_mono_us() < until_us) {
		feed();
		screen_settle(scene.console, 100, 1000);
	}
	return told(query, text);
}

static int setup(void **state)
{
	(void)state;
	memset(&scene, 0, sizeof scene);
	if (access("/usr/bin/prometheus-alertmanager", X_OK) != 0 || access("/usr/bin/curl", X_OK) != 0)
		return 0;
	snprintf(scene.folder, sizeof scene.folder, "/tmp/llmdeck-alert-console-XXXXXX");
	assert_non_null(mkdtemp(scene.folder));
	snprintf(scene.config, sizeof scene.config, "%s/config.yaml", scene.folder);
	snprintf(scene.store, sizeof scene.store, "%s/s.db", scene.folder);
	snprintf(scene.socket, sizeof scene.socket, "%s/s.sock", scene.folder);
	snprintf(scene.rows, sizeof scene.rows, "%s/rows.jsonl", scene.folder);
	return 0;
}

static void start_servers(void)
{
	static char file[160], storage[160];
	static const char *const alertmanager[] = {"prometheus-alertmanager", file, storage, "--cluster.listen-address=",
	                                           "--web.listen-address=127.0.0.1:29094", NULL};
	const char *const collector[] = {screen_binary(), "--store", scene.store, "--socket", scene.socket, "--config", scene.config,
	                                 "collect", NULL};
	char path[128];

	snprintf(path, sizeof path, "%s/am.yml", scene.folder);
	write_file(path, "route: {receiver: none}\nreceivers: [{name: none}]\n");
	snprintf(file, sizeof file, "--config.file=%s", path);
	snprintf(storage, sizeof storage, "--storage.path=%s/am", scene.folder);
	write_file(scene.config, "listen: none\nbell: osc9\nalerts:\n"
	           "  - {name: slow, metric: latency_p95, over: 1s, window: 1m, severity: critical}\n"
	           "notify:\n  - {name: am, kind: alertmanager, url: \"" URL "\", every: 1s}\n"
	           "  - {name: pager, kind: webhook, url: \"http://127.0.0.1:1/\", timeout: 1s, deadline: 5s}\n");
	scene.alertmanager = spawn(alertmanager);
	scene.collector = spawn(collector);
	assert_true(scene.alertmanager > 0 && scene.collector > 0);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	screen_free(&scene.console);
	end_process(&scene.collector);
	end_process(&scene.alertmanager);
	if (!scene.folder[0])
		return 0;
	snprintf(command, sizeof command, "rm -rf %s", scene.folder);
	return system(command);
}

static void assert_audit(const char *text)
{
	const char *const argv[] = {screen_binary(), "--store", scene.store, "audit", "--format", "json", NULL};
	struct buf out = {0};

	screen_run(argv, NULL, &out);
	if (!out.len || !strstr(out.data, text))
		fail_msg("the audit has no %s:\n%s", text, out.len ? out.data : "");
	buf_fini(&out);
}

static void wait_for_collector(void)
{
	int64_t until_us = clock_mono_us() + SOON * US_PER_MS;

	while (access(scene.socket, F_OK) != 0 && clock_mono_us() < until_us)
		nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
	assert_int_equal(access(scene.socket, F_OK), 0);
}

static void muted_by_keyboard(void **state)
{
	const char *const argv[] = {screen_binary(), "--store", scene.store, "--socket", scene.socket, "--config", scene.config,
	                            "console", NULL};

	(void)state;
	if (!scene.folder[0]) {
		print_message("skipped: prometheus-alertmanager or curl is not installed\n");
		skip();
	}
	start_servers();
	wait_for_collector();
	scene.console = screen_start(argv, NULL, 120, 36);
	assert_shows("overview");
	if (!feed_until_told("active=true", "\"alertname\":\"slow\""))
		fail_msg("Alertmanager is not told:\n%s", screen_text(scene.console));
	assert_shows("CRIT slow");
	assert_non_null(memmem(screen_bytes(scene.console)->data, screen_bytes(scene.console)->len, "\033]9;CRIT slow: ", 15));

	screen_send(scene.console, "!");
	assert_shows("as the collector has them");
	assert_shows("1 undelivered"); /* the pager is not there: its message is given up, and that is said */
	assert_shows("pager");
	screen_send(scene.console, "m");
	assert_shows("Alertmanager gets the silence too");
	screen_send(scene.console, "\tnight shift\t\t\r"); /* the comment, Cancel, Mute */
	assert_shows("muted: slow");
	assert_true(feed_until_told("active=false&silenced=true", "\"alertname\":\"slow\""));
	assert_audit("alert.silence");
	assert_shows("silenced");

	screen_send(scene.console, "M");
	assert_shows("Every silence that fits this alert ends now");
	screen_send(scene.console, "\r");
	assert_shows("unmuted: slow");
	assert_true(feed_until_told("active=true&silenced=false", "\"alertname\":\"slow\""));
	assert_audit("alert.unsilence");
}

static void another_limit(void **state)
{
	const char *const rules[] = {screen_binary(), "--store", scene.store, "--config", scene.config, "alert", "rules", "--format", "json", NULL};
	const char *const undelivered[] = {screen_binary(), "--store", scene.store, "alert", "undelivered", "--format", "json", NULL};
	struct buf out = {0};

	(void)state;
	if (!scene.folder[0])
		skip();
	screen_send(scene.console, "\r"); /* what changed, in the alert's own window */
	assert_shows("what changed at slow");
	screen_send(scene.console, "!");
	assert_shows("as the collector has them");
	screen_send(scene.console, "E");
	assert_shows("limit of slow");
	assert_shows("it would have fired");
	screen_send(scene.console, "\x15" "9s");
	assert_shows("it would not have fired in the last week");
	screen_send(scene.console, "\t\t\t\r");
	assert_shows("limit set: slow");
	assert_audit("alert.edit");
	assert_int_equal(screen_run(rules, NULL, &out), 0);
	assert_non_null(strstr(out.data, "\"limit\":9,\"config_limit\":1"));
	assert_null(strstr(out.data, "\"override_by\":\"\""));
	assert_null(strstr(out.data, "\"override_until\":null"));
	assert_int_equal(screen_run(undelivered, NULL, &out), 0);
	assert_non_null(strstr(out.data, "\"notifier\":\"pager\",\"what\":\"firing\""));
	assert_true(feed_until_told("active=true&silenced=true&inhibited=true", "Watchdog"));
	buf_fini(&out);
}

/* Somebody else, with a tool of their own. */
static void post(const char *path, const char *json)
{
	char url[200];
	const char *argv[] = {"/usr/bin/curl", "-sf", "--max-time", "5", "-H", "Content-Type: application/json", "-d", json, url, NULL};

	snprintf(url, sizeof url, URL "/api/v2/%s", path);
	assert_int_equal(screen_run(argv, NULL, NULL), 0);
}

static void assert_says(const char *verb, const char *option, const char *text)
{
	const char *const argv[] = {screen_binary(), "--store", scene.store, "alert", verb, "--format", "json", option, NULL};
	int64_t until_us = clock_mono_us() + SOON * US_PER_MS;
	struct buf out = {0};

	do
		assert_int_equal(screen_run(argv, NULL, &out), 0);
	while (!strstr(out.data, text) && clock_mono_us() < until_us);
	if (!strstr(out.data, text))
		fail_msg("alert %s does not say %s:\n%s", verb, text, out.data);
	assert_null(strstr(out.data, "\"name\":\"slow\"")); /* ours is not among those of others */
	buf_fini(&out);
}

static void what_others_have_there(void **state)
{
	char silence[400], from[32], until[32];

	(void)state;
	if (!scene.folder[0])
		skip();
	time_format(clock_wall_us(), from);
	time_format(clock_wall_us() + US_PER_HOUR, until);
	snprintf(silence, sizeof silence, "{\"matchers\":[{\"name\":\"alertname\",\"value\":\"Disk.*\",\"isRegex\":true}],\"startsAt\":\"%s\","
	         "\"endsAt\":\"%s\",\"createdBy\":\"bob\",\"comment\":\"changing it\"}", from, until);
	post("alerts", "[{\"labels\":{\"alertname\":\"DiskFull\",\"instance\":\"db1\"},\"annotations\":{\"summary\":\"it is full\"},"
	     "\"startsAt\":\"2026-01-01T00:00:00Z\"}]");
	post("alerts", "[{\"labels\":{\"alertname\":\"NodeDown\",\"instance\":\"n2\",\"severity\":\"warning\"},\"generatorURL\":\"http://prom/g\"}]");
	post("silences", silence);
	assert_says("list", "--alertmanager", "\"name\":\"DiskFull\"");
	assert_says("silences", NULL, "\"author\":\"bob\"");

	assert_shows("of others, 1 silence"); /* on the alerts page */
	screen_send(scene.console, "!");
	assert_shows("alerts of others, in Alertmanager");
	assert_shows("am OK");
	assert_shows("DiskFull");
	assert_shows("http://prom/g"); /* the newest is under the cursor */
	assert_shows("silenced");
	screen_send(scene.console, "m");
	assert_shows("Nobody is told of alerts with all of these labels");
	assert_shows("instance=\"n2\"");
	screen_send(scene.console, "\tnight shift\t\t\r");
	assert_shows("silenced in am, read back: NodeDown");
	assert_true(told("active=false&silenced=true", "\"alertname\":\"NodeDown\""));
	assert_audit("alertmanager.silence");
	assert_says("silences", NULL, "night shift [llmdeck]");

	screen_send(scene.console, "!");
	assert_shows("silences, all of Alertmanager's");
	assert_shows("night shift");
	screen_send(scene.console, "m"); /* bob's ends first */
	assert_shows("Its new end, counted from now");
	screen_send(scene.console, "\x15" "30m\t\t\r");
	assert_shows("another end in am, read back");
	assert_audit("alertmanager.extend");
	screen_send(scene.console, "gj"); /* the last one is ours, and has ended */
	assert_shows("instance=\"n2\"");
	screen_send(scene.console, "M");
	assert_shows("It ends now");
	screen_send(scene.console, "\r");
	assert_shows("ended in am, read back");
	assert_true(told("active=true&silenced=false", "\"alertname\":\"NodeDown\""));
	assert_true(told("active=false&silenced=true", "\"alertname\":\"DiskFull\""));
	assert_audit("alertmanager.expire");
	end_process(&scene.alertmanager);
	assert_shows("am STALE"); /* and no list is taken for one of now */
	screen_send(scene.console, "q");
	assert_int_not_equal(screen_wait_exit(scene.console, SOON), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(muted_by_keyboard), cmocka_unit_test(another_limit), cmocka_unit_test(what_others_have_there),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
