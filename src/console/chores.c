/* One thread, one small queue in, one small queue out, one mutex. Between chores it looks at the
 * watched files once a second and asks the collector for its status every two. */
#include "console/chores.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "console/collector_ask.h"
#include "console/control_client.h"
#include "console/incident_report.h"
#include "console/worker.h"
#include "parse/config.h"
#include "parse/json_edit.h"
#include "store/query.h"

#define QUEUE_MAX 8
#define STATUS_EVERY 2 /* seconds */
#define BACKTEST_US (7 * US_PER_DAY)
#define ORDER_TIMEOUT_US (10 * US_PER_S)

struct chore {
	enum { CHORE_WRITE, CHORE_TMUX, CHORE_THEME, CHORE_ORDER, CHORE_BACKTEST, CHORE_REPORT } kind;
	char *path; /* CHORE_WRITE, CHORE_ORDER; the theme's name; CHORE_BACKTEST: the store */
	char said[200]; /* CHORE_ORDER: when it is done */
	struct buf bytes;
	bool replace;
	int64_t incident_id; /* CHORE_REPORT; its path is the store's */
	struct config_alert rule; /* CHORE_BACKTEST, and the two below; its texts are in `texts` */
	double limit;
	uint64_t serial;
	struct arena texts;
};

struct chores {
	struct worker worker;
	char *config_path, *socket_path;
	/* under the mutex */
	struct chore queue[QUEUE_MAX];
	size_t queued;
	struct chore_news news[QUEUE_MAX];
	size_t news_count;
	bool watch_theme;
	struct theme theme;
	struct collector_status collector;
	bool collector_changed, ask_now;
	char themes[CHORES_THEMES_MAX][THEME_NAME_BYTES];
	size_t theme_count;
	/* the thread's own */
	struct timespec config_seen;
	int64_t config_size;
};

static void forget(struct chore *chore)
{
	free(chore->path);
	buf_fini(&chore->bytes);
	arena_fini(&chore->texts);
}

static void post(struct chores *c, struct chore_news *news)
{
	worker_lock(&c->worker);
	if (c->news_count == QUEUE_MAX) { /* nobody listens: the oldest goes */
		if (c->news[0].config) {
			config_fini(c->news[0].config);
			free(c->news[0].config);
		}
		memmove(c->news, c->news + 1, sizeof c->news - sizeof *c->news);
		c->news_count--;
	}
	c->news[c->news_count++] = *news;
	worker_unlock(&c->worker);
	worker_wake_ui(&c->worker);
}

static void __attribute__((format(printf, 3, 4)))
say(struct chores *c, bool bad, const char *fmt, ...)
{
	struct chore_news *news = mem_zalloc(sizeof *news);
	va_list ap;

	news->bad = bad;
	va_start(ap, fmt);
	vsnprintf(news->text, sizeof news->text, fmt, ap);
	va_end(ap);
	post(c, news);
	free(news);
}

static void do_write(struct chores *c, const struct chore *chore)
{
	char cwd[4096];
	struct err err = {""};
	const char *slash = chore->path[0] == '/' ? "" : "/";

	if (slash[0] == '\0' || !getcwd(cwd, sizeof cwd))
		cwd[0] = '\0';
	if (!chore->replace && file_exists(chore->path))
		say(c, true, "%s is there already: name another file, :export FILE", chore->path);
	else if (file_write_atomic(chore->path, chore->bytes.data, chore->bytes.len, 0644, &err) != 0)
		say(c, true, "%.300s", err.text);
	else
		say(c, false, "written to %.180s%s%.180s", cwd, cwd[0] ? slash : "", chore->path);
}

/* `tmux load-buffer -w -` with the text on its standard input. */
static void do_tmux(struct chores *c, const struct chore *chore)
{
	int fds[2], status = -1;
	ssize_t written;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(fds[0], 0);
		dup2(null, 1);
		dup2(null, 2);
		execlp("tmux", "tmux", "load-buffer", "-w", "-", (char *)NULL);
		_exit(127);
	}
	close(fds[0]);
	written = pid > 0 ? write(fds[1], chore->bytes.data, chore->bytes.len) : -1;
	close(fds[1]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && written == (ssize_t)chore->bytes.len &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 0)
		say(c, false, "copied to tmux and the clipboard: %.300s", chore->bytes.data);
	else
		say(c, true, "tmux did not take the copy: is this its session?");
}

static void do_order(struct chores *c, const struct chore *chore, struct control_client *client)
{
	struct chore_news *news = mem_zalloc(sizeof *news);
	struct buf answer = {0};
	struct err err = {""};

	news->bad = true;
	if (!client) {
		snprintf(news->text, sizeof news->text, "no collector is asked here: nothing was changed");
	} else if (control_client_call(client, "POST", chore->path, buf_str(&chore->bytes), "application/json", ORDER_TIMEOUT_US,
	                               &answer, &err) != CONTROL_OK) {
		snprintf(news->text, sizeof news->text, "%.300s", err.text);
	} else {
		news->bad = false;
		snprintf(news->text, sizeof news->text, "%s", chore->said);
		if (strcmp(chore->path, "/v1/incidents/change") == 0)
			json_int_at(buf_str(&answer), "/id", &news->incident_id);
	}
	post(c, news);
	buf_fini(&answer);
	free(news);
}

static void do_backtest(struct chores *c, const struct chore *chore)
{
	struct chore_news *news = mem_zalloc(sizeof *news);
	struct store_reader *reader = NULL;
	struct err err = {""};
	int64_t now_us = clock_wall_us();

	news->backtest_serial = chore->serial;
	if (store_reader_open(&reader, chore->path, &err) ||
	    backtest_rule(reader, &chore->rule, chore->limit, now_us - BACKTEST_US, now_us, &news->backtest, &err))
		snprintf(news->backtest_error, sizeof news->backtest_error, "%.190s", err.text);
	store_reader_close(&reader);
	post(c, news);
	free(news);
}

static int write_report(const struct incident_report *r, bool html, const char *path, struct err *err)
{
	struct buf out = {0};
	int result;

	incident_report_write(r, html, &out);
	result = file_write_atomic(path, out.data, out.len, 0644, err);
	buf_fini(&out);
	return result;
}

/* Both forms, and then the word to the collector that the rows of a closed incident may go. */
static void do_report(struct chores *c, const struct chore *chore, struct control_client *client)
{
	struct incident_report *report = mem_zalloc(sizeof *report);
	struct store_reader *reader = NULL;
	char name[INCIDENT_NAME_BYTES], markdown[INCIDENT_NAME_BYTES + 8], html[INCIDENT_NAME_BYTES + 8], order[96];
	struct err err = {""};
	bool loaded;

	incident_name(chore->incident_id, name);
	snprintf(markdown, sizeof markdown, "%s.md", name);
	snprintf(html, sizeof html, "%s.html", name);
	snprintf(order, sizeof order, "{\"do\":\"report\",\"id\":%lld}", (long long)chore->incident_id);
	loaded = store_reader_open(&reader, chore->path, &err) == 0 &&
	         incident_report_load(report, reader, chore->incident_id, clock_wall_us(), &err) == 0;
	if (!loaded || write_report(report, false, markdown, &err) != 0 || write_report(report, true, html, &err) != 0)
		say(c, true, "%.300s", err.text);
	else if (client && control_client_call(client, "POST", "/v1/incidents/change", str_of(order), "application/json",
	                                       ORDER_TIMEOUT_US, NULL, &err) != CONTROL_OK)
		say(c, true, "written to %s and %s, but the collector was not told: %.200s", markdown, html, err.text);
	else
		say(c, false, "written to %s and %s", markdown, html);
	if (loaded)
		incident_report_fini(report);
	store_reader_close(&reader);
	free(report);
}

static void look_at_config(struct chores *c, bool first)
{
	struct chore_news *news;
	struct err err = {""};
	struct stat st;

	if (!c->config_path || stat(c->config_path, &st) != 0)
		return;
	if (st.st_mtim.tv_sec == c->config_seen.tv_sec && st.st_mtim.tv_nsec == c->config_seen.tv_nsec &&
	    st.st_size == c->config_size)
		return;
	c->config_seen = st.st_mtim;
	c->config_size = st.st_size;
	if (first)
		return;
	news = mem_zalloc(sizeof *news);
	news->config = mem_zalloc(sizeof *news->config);
	if (config_load(news->config, c->config_path, &err) != 0) {
		free(news->config);
		news->config = NULL;
		news->bad = true;
		snprintf(news->text, sizeof news->text, "%.360s: the old config stays", err.text);
	} else {
		snprintf(news->text, sizeof news->text, "config read again");
	}
	post(c, news);
	free(news);
}

static void look_at_theme(struct chores *c)
{
	struct chore_news *news;
	struct err err = {""};
	struct theme theme;
	bool watch;

	worker_lock(&c->worker);
	watch = c->watch_theme;
	theme = c->theme;
	worker_unlock(&c->worker);
	if (!watch || !theme_changed(&theme))
		return;
	news = mem_zalloc(sizeof *news);
	news->bad = theme_reload(&theme, &err) != 0;
	if (news->bad)
		snprintf(news->text, sizeof news->text, "%.360s", err.text);
	news->has_theme = !news->bad;
	news->theme = theme;
	worker_lock(&c->worker);
	c->theme = theme;
	worker_unlock(&c->worker);
	post(c, news);
	free(news);
}

static void do_theme(struct chores *c, const struct chore *chore)
{
	struct chore_news *news = mem_zalloc(sizeof *news);
	struct err err = {""};

	news->bad = theme_find(&news->theme, chore->path, &err) != 0;
	news->has_theme = !news->bad;
	snprintf(news->text, sizeof news->text, news->bad ? "%.360s" : "theme %.60s",
	         news->bad ? err.text : news->theme.name);
	if (news->has_theme)
		chores_watch_theme(c, &news->theme);
	post(c, news);
	free(news);
}

static void list_themes(struct chores *c)
{
	char names[CHORES_THEMES_MAX][THEME_NAME_BYTES];
	size_t count = theme_list(names, CHORES_THEMES_MAX);

	worker_lock(&c->worker);
	memcpy(c->themes, names, sizeof names);
	c->theme_count = count;
	worker_unlock(&c->worker);
}

/* Wakes the screen only when the header has something new to say: figures are drawn with the clock. */
static void ask_collector(struct chores *c, struct control_client *client)
{
	struct collector_status *now;
	bool changed;

	if (!client)
		return;
	now = mem_alloc(sizeof *now);
	collector_ask(client, now);
	worker_lock(&c->worker);
	changed = !c->collector.asked || now->answered != c->collector.answered ||
	          now->source_count != c->collector.source_count ||
	          collector_sources_ok(now) != collector_sources_ok(&c->collector) ||
	          strcmp(now->role, c->collector.role) != 0;
	c->collector = *now;
	c->collector_changed = true;
	worker_unlock(&c->worker);
	free(now);
	if (changed)
		worker_wake_ui(&c->worker);
}

/* Waits up to a second for a chore; *stop when it is time to end, *ask when the collector is to be asked at once. */
static bool next_chore(struct chores *c, struct chore *out, bool *stop, bool *ask)
{
	int64_t due = clock_mono_us() + US_PER_S;
	bool found = false;

	worker_lock(&c->worker);
	while (!c->worker.stop && c->queued == 0 && !c->ask_now) {
		if (!worker_sleep(&c->worker, due))
			break;
	}
	if (c->queued > 0) {
		*out = c->queue[0];
		c->queued--;
		memmove(c->queue, c->queue + 1, c->queued * sizeof *c->queue);
		found = true;
	}
	*stop = c->worker.stop && !found;
	*ask = c->ask_now;
	c->ask_now = false;
	worker_unlock(&c->worker);
	return found;
}

static void run_chores(void *owner)
{
	struct chores *c = owner;
	struct control_client *client = c->socket_path ? control_client_new(c->socket_path) : NULL;
	struct chore chore;
	bool stop = false, ask = true;

	look_at_config(c, true);
	list_themes(c);
	for (unsigned round = 0; !stop; round++) {
		if (ask || round % STATUS_EVERY == 0)
			ask_collector(c, client);
		if (next_chore(c, &chore, &stop, &ask)) {
			if (chore.kind == CHORE_WRITE)
				do_write(c, &chore);
			else if (chore.kind == CHORE_TMUX)
				do_tmux(c, &chore);
			else if (chore.kind == CHORE_ORDER)
				do_order(c, &chore, client);
			else if (chore.kind == CHORE_REPORT)
				do_report(c, &chore, client);
			else if (chore.kind == CHORE_BACKTEST)
				do_backtest(c, &chore);
			else
				do_theme(c, &chore);
			forget(&chore);
		}
		look_at_config(c, false);
		look_at_theme(c);
	}
	if (client)
		control_client_free(&client);
}

struct chores *chores_start(const char *config_path, const char *socket_path, int wake_fd)
{
	struct chores *c = mem_zalloc(sizeof *c);

	c->config_path = config_path ? mem_strdup(config_path) : NULL;
	c->socket_path = socket_path ? mem_strdup(socket_path) : NULL;
	worker_init(&c->worker, wake_fd);
	worker_start(&c->worker, run_chores, c);
	return c;
}

void chores_stop(struct chores **cp, int64_t wait_us)
{
	struct chores *c = *cp;

	*cp = NULL;
	if (!c || !worker_stop(&c->worker, wait_us))
		return; /* a hanging disk: the process ends without it */
	for (size_t i = 0; i < c->news_count; i++) {
		if (c->news[i].config) {
			config_fini(c->news[i].config);
			free(c->news[i].config);
		}
	}
	free(c->config_path);
	free(c->socket_path);
	free(c);
}

static void enqueue(struct chores *c, struct chore chore)
{
	bool full;

	worker_lock(&c->worker);
	for (size_t i = 0; chore.kind == CHORE_BACKTEST && i < c->queued; i++) {
		if (c->queue[i].kind != CHORE_BACKTEST)
			continue;
		forget(&c->queue[i]); /* only the last limit that was typed is of interest */
		memmove(&c->queue[i], &c->queue[i + 1], (c->queued - i - 1) * sizeof *c->queue);
		c->queued--;
	}
	full = c->queued == QUEUE_MAX;
	if (!full)
		c->queue[c->queued++] = chore;
	worker_poke(&c->worker);
	worker_unlock(&c->worker);
	if (full) {
		if (chore.kind == CHORE_ORDER)
			say(c, true, "too much is waiting for the collector: nothing was changed, try again");
		forget(&chore);
	}
}

void chores_write_file(struct chores *c, const char *path, struct buf *bytes, bool replace)
{
	struct chore chore = {.kind = CHORE_WRITE, .path = mem_strdup(path), .bytes = *bytes,
	                      .replace = replace};

	*bytes = (struct buf){0};
	enqueue(c, chore);
}

void chores_copy_tmux(struct chores *c, const char *text)
{
	struct chore chore = {.kind = CHORE_TMUX};

	buf_puts(&chore.bytes, text);
	enqueue(c, chore);
}

void chores_order(struct chores *c, const char *path, struct buf *json, const char *said)
{
	struct chore chore = {.kind = CHORE_ORDER, .path = mem_strdup(path), .bytes = *json};

	snprintf(chore.said, sizeof chore.said, "%s", said);
	*json = (struct buf){0};
	enqueue(c, chore);
}

static const char *copied(struct chore *chore, const char *text)
{
	return text ? arena_copy(&chore->texts, text, strlen(text)) : NULL;
}

void chores_backtest(struct chores *c, const char *store_path, const struct config_alert *rule, double limit, uint64_t serial)
{
	struct chore chore = {.kind = CHORE_BACKTEST, .path = mem_strdup(store_path), .rule = *rule, .limit = limit, .serial = serial};

	chore.rule.name = copied(&chore, rule->name);
	chore.rule.category = copied(&chore, rule->category);
	chore.rule.gauge = copied(&chore, rule->gauge);
	chore.rule.runbook = NULL;
	chore.rule.labels = NULL;
	chore.rule.label_count = 0;
	enqueue(c, chore);
}

void chores_report(struct chores *c, const char *store_path, int64_t incident_id)
{
	struct chore chore = {.kind = CHORE_REPORT, .path = mem_strdup(store_path), .incident_id = incident_id};

	enqueue(c, chore);
}

void chores_load_theme(struct chores *c, const char *name)
{
	struct chore chore = {.kind = CHORE_THEME, .path = mem_strdup(name)};

	enqueue(c, chore);
}

void chores_ask_collector(struct chores *c)
{
	worker_lock(&c->worker);
	c->ask_now = true;
	worker_poke(&c->worker);
	worker_unlock(&c->worker);
}

bool chores_collector(struct chores *c, struct collector_status *out)
{
	bool changed;

	worker_lock(&c->worker);
	changed = c->collector_changed;
	c->collector_changed = false;
	if (changed)
		*out = c->collector;
	worker_unlock(&c->worker);
	return changed;
}

size_t chores_themes(struct chores *c, char names[][THEME_NAME_BYTES])
{
	size_t count;

	worker_lock(&c->worker);
	count = c->theme_count;
	memcpy(names, c->themes, count * THEME_NAME_BYTES);
	worker_unlock(&c->worker);
	return count;
}

void chores_watch_theme(struct chores *c, const struct theme *theme)
{
	worker_lock(&c->worker);
	c->watch_theme = theme && theme->path[0];
	if (theme)
		c->theme = *theme;
	worker_unlock(&c->worker);
}

bool chores_take(struct chores *c, struct chore_news *out)
{
	bool found;

	worker_lock(&c->worker);
	found = c->news_count > 0;
	if (found) {
		*out = c->news[0];
		c->news_count--;
		memmove(c->news, c->news + 1, c->news_count * sizeof *c->news);
	}
	worker_unlock(&c->worker);
	return found;
}
