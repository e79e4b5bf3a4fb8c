/* Scraping pages over HTTP: credentials, gzip, and servers that fail in every way; reading the text
 * format at every piece size. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <zlib.h>

#include "collect/auth.h"
#include "collect/backoff.h"
#include "parse/prometheus.h"
#include "small_http.h"
#include "source_bench.h"

#define SECRET "s3cret-value"

/* ---- the text format ---- */

struct samples {
	struct buf text;
	size_t count;
};

static void note_sample(void *arg, const struct prom_sample *s)
{
	struct samples *all = arg;

	buf_printf(&all->text, "%.*s|%.*s|%d|%.17g|%lld", STR_ARG(s->name), STR_ARG(s->family), (int)s->type, s->value,
	           (long long)s->time_us);
	for (size_t i = 0; i < s->label_count; i++)
		buf_printf(&all->text, "|%.*s=%.*s", STR_ARG(s->labels[i].name), STR_ARG(s->labels[i].value));
	buf_append_c(&all->text, '\n');
	all->count++;
}

static char *parse_page(const char *page, size_t piece, bool openmetrics, struct err *err)
{
	struct samples all = {0};
	struct prom_parser *p = prom_parser_new(note_sample, &all);

	err->text[0] = '\0';
	prom_parser_set_openmetrics(p, openmetrics);
	for (size_t at = 0, len = strlen(page); at < len; at += piece)
		prom_parser_feed(p, page + at, len - at < piece ? len - at : piece);
	(void)prom_parser_end(p, err);
	prom_parser_free(&p);
	buf_append_c(&all.text, '\0');
	return buf_steal(&all.text);
}

static void reads_the_text_format(void **state)
{
	static const char page[] =
		"# HELP a_total Things, \"quoted\" \\\\ and so on.\n# TYPE a_total counter\n"
		"a_total{x=\"1\",y=\"q\\\"uo\\\\te\\nnew\",} 3 1395066363000\n"
		"# TYPE h histogram\r\nh_bucket{le=\"+Inf\"} 7\r\nh_sum 1e-3\nh_count 7\n"
		"\n   \nno_type  +Inf\n\tblank { a = \"b\" , c=\"d\" } NaN # {trace=\"x\"} 1\n-1\nbad{ 1\nlast -Inf";
	static const char want[] =
		"a_total|a_total|1|3|1395066363000000|x=1|y=q\"uo\\te\nnew\n"
		"h_bucket|h|3|7|-1|le=+Inf\nh_sum|h|3|0.001|-1\nh_count|h|3|7|-1\n"
		"no_type|no_type|0|inf|-1\nblank|blank|0|nan|-1|a=b|c=d\nlast|last|0|-inf|-1\n";
	struct err err;

	(void)state;
	for (size_t piece = 1; piece <= sizeof page; piece++) {
		char *got = parse_page(page, piece, false, &err);
		assert_string_equal(got, want);
		assert_string_equal(err.text, "metrics page: 2 of 14 lines could not be read; line 12: a metric name was expected");
		free(got);
	}
}

static void reads_openmetrics(void **state)
{
	struct err err;
	char *got;

	(void)state;
	got = parse_page("# TYPE foo counter\n# UNIT foo seconds\nfoo_total 17.0 1520879607.789 # {t=\"x\"} 0.5\n"
	                 "foo_created 1520430000.123\n# EOF\n", 7, true, &err);
	assert_string_equal(got, "foo_total|foo|1|17|1520879607789000\nfoo_created|foo|1|1520430000.1229999|-1\n");
	assert_string_equal(err.text, "");
	free(got);
}

static void bounds_a_line(void **state)
{
	struct buf page = {0};
	struct err err;
	char *got;

	(void)state;
	buf_puts(&page, "a{x=\"");
	for (size_t i = 0; i < 2 * PROM_LINE_MAX_BYTES; i++)
		buf_append_c(&page, 'x');
	buf_puts(&page, "\"} 1\nb 2\n");
	got = parse_page(page.data, 1000, false, &err);
	assert_string_equal(got, "b|b|0|2|-1\n");
	assert_non_null(strstr(err.text, "longer than 64 KiB"));
	free(got);
	buf_fini(&page);
}

/* ---- credentials ---- */

static void credentials_are_checked(void **state)
{
	struct err err = {""};

	(void)state;
	assert_int_equal(auth_check("", "", "", &err), 0);
	assert_int_equal(auth_check("env:T", "", "", &err), 0);
	assert_int_equal(auth_check("", "mia", "file:/run/p", &err), 0);
	assert_int_equal(auth_check(SECRET, "", "", &err), -1);
	assert_null(strstr(err.text, SECRET));
	assert_int_equal(auth_check("", "mia", SECRET, &err), -1);
	assert_null(strstr(err.text, SECRET));
	assert_int_equal(auth_check("env:T", "mia", "env:P", &err), -1);
	assert_int_equal(auth_check("", "mia", "", &err), -1);
	assert_int_equal(auth_check("", "", "env:P", &err), -1);
	assert_int_equal(auth_check("", "a:b", "env:P", &err), -1);
	assert_int_equal(auth_check_url("http://h:1/metrics?x=@", &err), 0);
	assert_int_equal(auth_check_url("https://h", &err), 0);
	assert_int_equal(auth_check_url("http://mia:" SECRET "@h/metrics", &err), -1);
	assert_null(strstr(err.text, SECRET));
	assert_int_equal(auth_check_url("ftp://h", &err), -1);
	assert_int_equal(auth_check_url("http:///metrics", &err), -1);
	assert_int_equal(auth_check_url("http://h/a b", &err), -1);
}

static void assert_header(const char *user, const char *password, const char *want)
{
	struct auth_header h = {{0}};
	struct err err = {""};

	setenv("LLMDECK_TEST_SECRET", password, 1);
	assert_int_equal(auth_header(&h, *user ? "" : "env:LLMDECK_TEST_SECRET", user, *user ? "env:LLMDECK_TEST_SECRET" : "", &err), 0);
	assert_string_equal(h.line.data, want);
	auth_header_fini(&h);
	assert_null(h.line.data);
}

static void headers_are_made(void **state)
{
	(void)state;
	/* the example of RFC 7617, and each length of padding */
	assert_header("Aladdin", "open sesame", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	assert_header("Aladdin", "open sesame!", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZSE=");
	assert_header("Aladdin", "open sesame!!", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZSEh");
	assert_header("", "abc", "Authorization: Bearer abc");
	unsetenv("LLMDECK_TEST_SECRET");
}

static void backs_off(void **state)
{
	(void)state;
	assert_int_equal(backoff_us(5 * US_PER_S, 0, 0), 5 * US_PER_S);
	assert_int_equal(backoff_us(5 * US_PER_S, 2, 0), 20 * US_PER_S);
	assert_int_equal(backoff_us(5 * US_PER_S, 1000, 0), US_PER_MIN);
	assert_int_equal(backoff_us(10 * US_PER_MIN, 9, 0), 10 * US_PER_MIN);
	assert_int_equal(backoff_us(US_PER_S, 0, 90), 90 * US_PER_S);
	assert_int_equal(backoff_us(US_PER_S, 0, 2000000000), US_PER_HOUR);
}

/* ---- the source ---- */

struct server {
	struct small_http http;
	int status;
	const char *headers;
	struct buf body;
	char authorization[128], accept[256], encoding[64], newer[64], since[64]; /* of the last request */
};

static void answer(void *arg, const struct small_request *q, struct buf *out)
{
	struct server *s = arg;

	small_header(q, "Authorization", s->authorization, sizeof s->authorization);
	small_header(q, "Accept", s->accept, sizeof s->accept);
	small_header(q, "Accept-Encoding", s->encoding, sizeof s->encoding);
	small_header(q, "If-None-Match", s->newer, sizeof s->newer);
	small_header(q, "If-Modified-Since", s->since, sizeof s->since);
	if ((s->newer[0] && strstr(s->headers, s->newer)) || (s->since[0] && strstr(s->headers, s->since))) {
		buf_puts(out, "HTTP/1.1 304 Not Modified\r\n\r\n");
		return;
	}
	buf_printf(out, "HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\n%s\r\n", s->status, s->body.len, s->headers);
	buf_append_str(out, buf_str(&s->body));
}

static void set_answer(struct server *s, int status, const char *headers, const char *body, size_t len)
{
	pthread_mutex_lock(&s->http.lock);
	s->status = status;
	s->headers = headers;
	buf_reset(&s->body);
	buf_append(&s->body, body, len);
	pthread_mutex_unlock(&s->http.lock);
}

static void set_page(struct server *s, const char *page)
{
	set_answer(s, 200, "Content-Type: text/plain; version=0.0.4\r\n", page, strlen(page));
}

static void open_server(struct server *s, struct bench *b, const char *more)
{
	char *yaml;

	memset(s, 0, sizeof *s);
	s->headers = "";
	s->status = 200;
	small_start(&s->http, 0, answer, s);
	yaml = mem_printf("sources: [{name: a, kind: prometheus, url: \"http://127.0.0.1:%u/metrics\", every: 1s, timeout: 300ms%s}]\n",
	                  s->http.port, more);
	bench_open(b, yaml);
	free(yaml);
}

static void close_server(struct server *s, struct bench *b)
{
	bench_close(b);
	small_stop(&s->http);
	buf_fini(&s->body);
}

static void pack(struct buf *out, const char *bytes, size_t len)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	buf_reserve(out, deflateBound(&z, len));
	z.next_in = (unsigned char *)(uintptr_t)bytes;
	z.avail_in = (unsigned)len;
	z.next_out = (unsigned char *)out->data;
	z.avail_out = (unsigned)out->cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len = z.total_out;
	deflateEnd(&z);
}

static void until_gauge(struct bench *b, const char *name, const char *instance, double want)
{
	int64_t until_us = clock_mono_us() + BENCH_DEADLINE_US;
	double got;

	while (!(fabs((got = bench_gauge(b, name, instance)) - want) < 1e-9)) {
		if (clock_mono_us() > until_us)
			fail_msg("%s of %s is %g, not %g: %s", name, instance, got, want, bench_status(b));
		loop_turn(b->loop, 10, NULL);
	}
}

static void stores_what_it_scrapes(void **state)
{
	static const char page[] = "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name=\"m\"} 4\n";
	struct buf packed = {0};
	struct server s;
	struct bench b;

	(void)state;
	setenv("LLMDECK_TEST_SECRET", SECRET, 1);
	open_server(&s, &b, ", token: \"env:LLMDECK_TEST_SECRET\", deployment: v7");
	pack(&packed, page, strlen(page));
	set_answer(&s, 200, "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", packed.data, packed.len);
	until_gauge(&b, "serving.requests_running", "m [v7]", 4);
	assert_true(bench_says(&b, "\"state\":\"ok\",\"reason\":\"\""));
	assert_string_equal(s.authorization, "Bearer " SECRET);
	assert_non_null(strstr(s.accept, "application/openmetrics-text"));
	assert_string_equal(s.encoding, "gzip");
	set_page(&s, "# EOF\n");
	bench_until_says(&b, "no metric of a known model server");
	assert_false(bench_says(&b, SECRET));
	buf_fini(&packed);
	close_server(&s, &b);
	unsetenv("LLMDECK_TEST_SECRET");
}

static void unchanged_pages_are_asked_for_less_often(void **state)
{
	static const char one[] = "vllm:num_requests_running{model_name=\"m\"} 4\n", two[] = "vllm:num_requests_running{model_name=\"m\"} 5\n";
	struct server s;
	struct bench b;
	int64_t started_us = clock_mono_us();

	(void)state;
	open_server(&s, &b, "");
	set_answer(&s, 200, "Content-Type: text/plain\r\nETag: \"v1\"\r\n", one, strlen(one));
	until_gauge(&b, "serving.requests_running", "m", 4);
	/* 1, 2, 4 and 8 s apart: the third scrape begins when three seconds are over. */
	while (atomic_load(&s.http.requests) < 3) {
		assert_true(clock_mono_us() - started_us < BENCH_DEADLINE_US);
		loop_turn(b.loop, 10, NULL);
	}
	assert_true(clock_mono_us() - started_us >= 29 * US_PER_S / 10);
	assert_string_equal(s.newer, "\"v1\"");
	assert_true(bench_says(&b, "\"state\":\"ok\",\"reason\":\"\""));
	/* A new page is taken as it is. */
	set_answer(&s, 200, "Content-Type: text/plain\r\nETag: \"v2\"\r\n", two, strlen(two));
	until_gauge(&b, "serving.requests_running", "m", 5);
	close_server(&s, &b);
}

/* A page without a tag, but with a date; and a mark that no header may carry is not sent back. */
static void a_date_is_a_mark_too(void **state)
{
	static const char one[] = "vllm:num_requests_running{model_name=\"m\"} 4\n", two[] = "vllm:num_requests_running{model_name=\"m\"} 5\n";
	struct server s;
	struct bench b;
	int asked;

	(void)state;
	open_server(&s, &b, "");
	set_answer(&s, 200, "Content-Type: text/plain\r\nLast-Modified: Mon, 23 Nov 2026 10:00:00 GMT\r\n", one, strlen(one));
	until_gauge(&b, "serving.requests_running", "m", 4);
	asked = atomic_load(&s.http.requests);
	while (atomic_load(&s.http.requests) < asked + 1)
		loop_turn(b.loop, 10, NULL);
	assert_string_equal(s.since, "Mon, 23 Nov 2026 10:00:00 GMT");
	assert_string_equal(s.newer, "");
	assert_true(bench_says(&b, "\"state\":\"ok\",\"reason\":\"\""));
	set_answer(&s, 200, "Content-Type: text/plain\r\nLast-Modified: a\tb\r\n", two, strlen(two));
	until_gauge(&b, "serving.requests_running", "m", 5);
	asked = atomic_load(&s.http.requests);
	while (atomic_load(&s.http.requests) < asked + 1)
		loop_turn(b.loop, 10, NULL);
	assert_string_equal(s.since, "");
	close_server(&s, &b);
}

/* ---- TLS, with OpenSSL's own server ---- */

struct tls_server {
	char folder[64];
	pid_t pid;
	int port;
};

static int free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static bool reached(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;

	close(fd);
	return ok;
}

/* False when there is no openssl here. */
static bool tls_start(struct tls_server *t)
{
	int64_t until_us = clock_mono_us() + BENCH_DEADLINE_US;
	char command[512], port[16];

	*t = (struct tls_server){.folder = "/tmp/llmdeck-tls-XXXXXX", .port = free_port()};
	assert_non_null(mkdtemp(t->folder));
	snprintf(command, sizeof command, "cd %s && echo 'vllm:num_requests_running{model_name=\"m\"} 6' >metrics && openssl req -x509"
	         " -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
	         " >log 2>&1", t->folder);
	if (system(command) != 0)
		return false;
	snprintf(port, sizeof port, "%d", t->port);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0) {
		if (chdir(t->folder) == 0 && freopen("log", "w", stdout) && freopen("log", "w", stderr))
			execlp("openssl", "openssl", "s_server", "-accept", port, "-cert", "c.pem", "-key", "k.pem", "-WWW", "-quiet", (char *)NULL);
		_exit(127);
	}
	while (!reached(t->port))
		assert_true(clock_mono_us() < until_us);
	return true;
}

static void tls_stop(struct tls_server *t)
{
	char command[128];

	if (t->pid > 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	snprintf(command, sizeof command, "rm -rf %s", t->folder);
	assert_int_equal(system(command), 0);
}

static void open_tls(const struct tls_server *t, struct bench *b, const char *more)
{
	char *yaml = mem_printf("sources: [{name: a, kind: prometheus, url: \"https://localhost:%d/metrics\", every: 1s, timeout: 4s%s}]\n",
	                        t->port, more);

	bench_open(b, yaml);
	free(yaml);
}

static void tls_is_checked_unless_told_otherwise(void **state)
{
	struct tls_server t;
	struct bench b;
	char *more;

	(void)state;
	if (!tls_start(&t)) {
		print_message("skipped: openssl does not make a certificate\n");
		tls_stop(&t);
		skip();
	}
	/* Nobody vouches for it. */
	open_tls(&t, &b, "");
	bench_until_says(&b, "certificate");
	assert_true(bench_says(&b, "\"state\":\"failing\""));
	bench_close(&b);
	more = mem_printf(", ca: \"%s/c.pem\"", t.folder);
	open_tls(&t, &b, more);
	until_gauge(&b, "serving.requests_running", "m", 6);
	bench_close(&b);
	free(more);
	open_tls(&t, &b, ", insecure: yes");
	until_gauge(&b, "serving.requests_running", "m", 6);
	bench_close(&b);
	/* A name that the certificate does not hold, though its issuer is trusted. */
	more = mem_printf("sources: [{name: a, kind: prometheus, url: \"https://127.0.0.1:%d/metrics\", every: 1s, timeout: 4s, ca: \"%s/c.pem\"}]\n",
	                  t.port, t.folder);
	bench_open(&b, more);
	bench_until_says(&b, "certificate");
	bench_close(&b);
	free(more);
	tls_stop(&t);
}

static void says_what_is_wrong_and_heals(void **state)
{
	struct server s;
	struct bench b;

	(void)state;
	open_server(&s, &b, "");
	set_answer(&s, 401, "", "", 0);
	bench_until_says(&b, "\"state\":\"denied\"");
	assert_true(bench_says(&b, "the page answers 401: set token"));
	set_answer(&s, 200, "Content-Type: text/html; charset=utf-8\r\n", "<html>", 6);
	bench_until_says(&b, "answers 200 with HTML");
	set_page(&s, "{\"this\": \"is no metrics page\"}\n");
	bench_until_says(&b, "1 of 1 lines could not be read");
	assert_true(bench_says(&b, "\"state\":\"failing\""));
	set_page(&s, "vllm:num_requests_running{model_name=\"m\"} 1\nvllm:num_requests_waiting{model_name=\"m\"} x\n");
	until_gauge(&b, "serving.requests_running", "m", 1);
	assert_true(bench_says(&b, "\"state\":\"ok\",\"reason\":\"metrics page: 1 of 2 lines"));
	close_server(&s, &b);
}

static void is_bounded_in_time_and_size(void **state)
{
	struct buf zeros = {0}, bomb = {0};
	struct server s;
	struct bench b;

	(void)state;
	open_server(&s, &b, "");
	atomic_store(&s.http.hang, true);
	bench_until_says(&b, "no answer in time");
	memset(buf_reserve(&zeros, 64 << 20), '\n', 64 << 20);
	zeros.len = 64 << 20;
	pack(&bomb, zeros.data, zeros.len);
	set_answer(&s, 200, "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", bomb.data, bomb.len);
	atomic_store(&s.http.hang, false);
	bench_until_says(&b, "longer than 16777216 bytes");
	buf_fini(&zeros);
	buf_fini(&bomb);
	close_server(&s, &b);
}

static void a_missing_secret_is_said(void **state)
{
	struct server s;
	struct bench b;

	(void)state;
	unsetenv("LLMDECK_TEST_SECRET");
	open_server(&s, &b, ", user: mia, password: \"env:LLMDECK_TEST_SECRET\"");
	bench_until_says(&b, "\"state\":\"denied\"");
	assert_true(bench_says(&b, "env:LLMDECK_TEST_SECRET: is not set"));
	assert_int_equal(atomic_load(&s.http.requests), 0);
	close_server(&s, &b);
	open_server(&s, &b, ", token: \"env:A\", user: mia");
	assert_true(bench_says(&b, "token and user are both given"));
	close_server(&s, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_text_format),
		cmocka_unit_test(reads_openmetrics),
		cmocka_unit_test(bounds_a_line),
		cmocka_unit_test(credentials_are_checked),
		cmocka_unit_test(headers_are_made),
		cmocka_unit_test(backs_off),
		cmocka_unit_test(stores_what_it_scrapes),
		cmocka_unit_test(unchanged_pages_are_asked_for_less_often),
		cmocka_unit_test(a_date_is_a_mark_too),
		cmocka_unit_test(tls_is_checked_unless_told_otherwise),
		cmocka_unit_test(says_what_is_wrong_and_heals),
		cmocka_unit_test(is_bounded_in_time_and_size),
		cmocka_unit_test(a_missing_secret_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
