/* Whatever is sent to the control socket is answered or dropped: the bytes go to a real server over
 * a real socket, behind it a store and all who change it, and nothing is left pending. */
#include <ftw.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "daemon/alerts.h"
#include "daemon/control.h"
#include "daemon/control_feedback.h"
#include "daemon/rollouts.h"
#include "daemon/writer.h"
#include "net/http_client.h"

#define TURNS_MAX 200
#define WAIT_MS 50 /* a turn, for the writer */

static struct loop *loop;
static struct control *control;
static struct writer *writer;
static struct alerts *alerts;
static struct control_feedback *feedback;
static char folder[] = "/tmp/llmdeck-fuzz-XXXXXX", store_path[64];
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void check(int condition)
{
	if (!condition)
		abort();
}

/* Takes every other batch, so that both answers are walked through. */
static enum sink_result take(struct sink *s, struct batch *b,
                             void (*done)(void *, bool, const struct sink_ack *, const char *),
                             void *arg, struct err *err)
{
	static unsigned turn;
	struct sink_ack ack = {.added = batch_rows(b)};

	(void)s;
	if (turn++ % 2) {
		err_set(err, "full");
		return SINK_BUSY;
	}
	batch_free(&b);
	done(arg, true, &ack, NULL);
	return SINK_OK;
}

static void append_status(void *arg, struct buf *out)
{
	(void)arg;
	buf_puts(out, "\"pid\":1");
}

static void append_metrics(void *arg, struct buf *out)
{
	(void)arg;
	buf_puts(out, "llmdeck_up 1\n");
}

static void ignore_stop(void *arg)
{
	(void)arg;
}

/* Rollouts: none is configured, so nothing is ever to be stored. */
static void store_nothing(void *arg, struct rollout_record *record,
                          void (*done)(void *done_arg, bool ok, const char *error), void *done_arg)
{
	(void)arg;
	(void)record;
	done(done_arg, true, NULL);
}

static void report_nothing(void *arg, struct batch *b)
{
	(void)arg;
	batch_free(&b);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	remove(path);
	return 0;
}

static void clean_up(void)
{
	alerts_stop(alerts);
	control_feedback_stop(feedback);
	writer_stop(&writer);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The verbs that change things get what a collector gives them: a store with its writer, alerts,
 * rollouts and feedback. */
static void start_owners(const struct config *config, struct err *err)
{
	struct rollouts_options o = {.config = config, .ops = rollouts_real_targets};
	struct rollouts *rollouts;

	o.ops.store = store_nothing;
	o.ops.report = report_nothing;
	check(alerts_start(&alerts, loop, writer, store_path, config, err) == 0);
	check(rollouts_start(&rollouts, &o, err) == 0);
	feedback = control_feedback_new(loop, writer, config);
	control_set_alerts(control, alerts);
	control_set_rollouts(control, rollouts);
	control_set_feedback(control, feedback);
}

static void listen_once(void)
{
	static struct sink sink = {.submit = take};
	static struct config config;
	const struct writer_options w = {.store = {.full_sync = false}};
	struct control_options o = {
		.config = &config, .sink = &sink, .status = append_status,
		.metrics = append_metrics, .stop = ignore_stop};
	struct err err = {""};

	if (control)
		return;
	config_init(&config);
	check(mkdtemp(folder) != NULL);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", folder);
	snprintf(store_path, sizeof(store_path), "%s/store.db", folder);
	o.socket_path = address.sun_path;
	check(loop_new(&loop, &err) == 0);
	check(writer_start(&writer, store_path, &w, &err) == 0);
	o.writer = writer;
	check(control_start(&control, loop, &o, &err) == 0);
	start_owners(&config, &err);
	atexit(clean_up);
}

static int connect_once(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd >= 0);
	check(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* Sends it all, then reads answers until the server closes or has nothing more to say. */
static void talk(const uint8_t *data, size_t size)
{
	int fd = connect_once();
	char answer[4096];
	size_t sent = 0;

	for (int turn = 0; turn < TURNS_MAX; turn++) {
		ssize_t n = sent < size ? send(fd, data + sent, size - sent, MSG_NOSIGNAL) : 0;

		if (n > 0)
			sent += (size_t)n;
		if (sent == size && turn > 0)
			shutdown(fd, SHUT_WR);
		check(loop_turn(loop, 0, NULL) == 0);
		if (recv(fd, answer, sizeof(answer), 0) == 0)
			break;
	}
	close(fd);
	/* The writer's thread answers, too. */
	for (int turn = 0; turn < TURNS_MAX && control_pending(control); turn++)
		check(loop_turn(loop, WAIT_MS, NULL) == 0);
	check(control_pending(control) == 0);
	check(loop_turn(loop, 0, NULL) == 0);
}

/* A URL for words shows no secret: nothing of what stands before the last @ of its authority. */
static void show_url(const uint8_t *data, size_t size)
{
	struct buf shown = {0};
	char *url = mem_strndup((const char *)data, size);

	http_url_for_words(&shown, url);
	check(shown.len <= strlen(url));
	free(url);
	buf_fini(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	listen_once();
	talk(data, size);
	show_url(data, size);
	return 0;
}
