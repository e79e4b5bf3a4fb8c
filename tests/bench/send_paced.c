/* send_paced PORT FILE CONNECTIONS BODIES_PER_SECOND CONTENT-TYPE PATH
 *
 * Posts the bodies of a file, each behind its length as four little-endian bytes, to 127.0.0.1 at a given
 * rate over keep-alive connections, and prints how long answers took. A time is counted from when the body
 * was due, not from when a connection was free for it, so that a stall is felt by all whom it keeps waiting. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64

static struct body {
	const char *bytes;
	uint32_t len;
} *bodies;
static size_t body_count;
static double *took_ms, rate, started;
static const char *type, *path;
static int port;
static atomic_size_t next_body;
static atomic_long refused;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_bodies(const char *file)
{
	FILE *f = fopen(file, "rb");
	uint8_t head[4];

	if (!f)
		die(file);
	while (fread(head, 1, 4, f) == 4) {
		struct body b = {.len = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24};
		char *bytes = malloc(b.len);

		if (!bytes || fread(bytes, 1, b.len, f) != b.len)
			die(file);
		b.bytes = bytes;
		bodies = realloc(bodies, (body_count + 1) * sizeof *bodies);
		bodies[body_count++] = b;
	}
	fclose(f);
}

static int reach(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&to, sizeof to))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static void post(int fd, const struct body *b)
{
	char text[4096];
	size_t have = 0;
	int n = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: %u\r\n\r\n",
	                 path, type, b->len);

	if (send(fd, text, (size_t)n, MSG_MORE) != n)
		die("send");
	for (size_t sent = 0; sent < b->len;) {
		ssize_t some = send(fd, b->bytes + sent, b->len - sent, 0);

		if (some <= 0)
			die("send");
		sent += (size_t)some;
	}
	for (;;) {
		ssize_t some = recv(fd, text + have, sizeof text - 1 - have, 0);

		if (some <= 0)
			die("recv");
		have += (size_t)some;
		text[have] = '\0';
		const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length:");
		if (end && have >= (size_t)(end + 4 - text) + (length ? strtoul(length + 15, NULL, 10) : 0))
			break;
	}
	refused += text[9] != '2';
}

static void *run(void *arg)
{
	int fd = reach();

	(void)arg;
	for (size_t i; (i = next_body++) < body_count;) {
		double due = started + (double)i / rate, left = due - now();

		if (left > 0)
			nanosleep(&(struct timespec){(time_t)left, (long)((left - (double)(time_t)left) * 1e9)}, NULL);
		post(fd, &bodies[i]);
		took_ms[i] = (now() - due) * 1e3;
	}
	close(fd);
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	pthread_t threads[CONNECTIONS_MAX];
	int connections = argc == 7 ? atoi(argv[3]) : 0;

	if (connections < 1 || connections > CONNECTIONS_MAX || (rate = atof(argv[4])) <= 0) {
		fprintf(stderr, "send_paced PORT FILE CONNECTIONS BODIES_PER_SECOND CONTENT-TYPE PATH\n");
		return 2;
	}
	port = atoi(argv[1]);
	type = argv[5];
	path = argv[6];
	read_bodies(argv[2]);
	took_ms = calloc(body_count + 1, sizeof *took_ms);
	started = now();
	for (int i = 0; i < connections; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	for (int i = 0; i < connections; i++)
		pthread_join(threads[i], NULL);
	double took = now() - started;
	qsort(took_ms, body_count, sizeof *took_ms, ascending);
	printf("%.0f bodies/s asked, %.0f reached, answers p50 %.1f ms p99 %.1f ms, refused %ld\n", rate, (double)body_count / took,
	       took_ms[body_count / 2], took_ms[body_count * 99 / 100], (long)refused);
	return 0;
}
