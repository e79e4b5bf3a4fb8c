/* Whatever is sent to the control socket is answered or dropped: the bytes go to a real server over
 * a real socket, and nothing is left pending. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "daemon/control.h"
#include "net/http_client.h"

#define TURNS_MAX 200

static struct loop *loop;
static struct control *control;
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

static void remove_socket(void)
{
	unlink(address.sun_path);
}

static void listen_once(void)
{
	static struct sink sink = {.submit = take};
	static struct config config;
	struct control_options o = {
		.config = &config, .sink = &sink, .status = append_status,
		.metrics = append_metrics, .stop = ignore_stop};
	struct err err = {""};

	if (control)
		return;
	config_init(&config);
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/llmdeck-fuzz-%ld.sock", (long)getpid());
	o.socket_path = address.sun_path;
	check(loop_new(&loop, &err) == 0);
	check(control_start(&control, loop, &o, &err) == 0);
	atexit(remove_socket);
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
	for (int turn = 0; turn < TURNS_MAX && control_pending(control); turn++)
		check(loop_turn(loop, 0, NULL) == 0);
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
