/* Following a log: every line counts once, through rotation, truncation, restarts and failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collect/tail_place.h"
#include "source_bench.h"

#define FROM_START "sources: [{name: log, kind: tail, path: %s/app.log, from: start, every: 100ms}]\n"
#define FROM_END "sources: [{name: log, kind: tail, path: %s/app.log, every: 100ms}]\n"

/* So many lines of JSONL whose input tokens begin at `first`. */
static void write_lines(const struct bench *b, const char *name, int first, int count)
{
	struct buf text = {0};

	for (int i = first; i < first + count; i++)
		buf_printf(&text, "{\"time\":\"2026-11-23T12:00:%02d.%03dZ\",\"model\":\"m\",\"input_tokens\":%d,\"latency_ms\":5}\n",
		           i / 1000 % 60, i % 1000, i);
	bench_write(b, name, text.data);
	buf_fini(&text);
}

/* The stored requests are those with the input tokens [0, count), each once. */
static void assert_each_once(struct bench *b, int count)
{
	struct request_query q = {.limit = 10000};
	struct request_result res;
	struct err err = {""};
	char *seen = mem_zalloc((size_t)count);

	q.view.from_us = 0;
	q.view.to_us = INT64_C(4000000000) * US_PER_S;
	if (query_requests(bench_reader(b), &q, &res, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(res.row_count, count);
	for (size_t i = 0; i < res.row_count; i++) {
		int64_t at = res.rows[i].request.input_tokens;
		assert_in_range(at, 0, count - 1);
		assert_int_equal(seen[at]++, 0);
		assert_true(str_equal_c(res.rows[i].request.source, "log"));
		assert_int_equal(res.rows[i].import_key, 0);
	}
	request_result_fini(&res);
	free(seen);
}

static void grows(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, FROM_START);
	bench_until_says(&b, "is not there yet");
	write_lines(&b, "app.log", 0, 10);
	bench_until_requests(&b, 10);
	bench_write(&b, "app.log", "{\"time\":\"2026-11-23T12:30:00Z\",\"model\":\"m\",\"input_");
	bench_for(&b, 300 * US_PER_MS);
	bench_write(&b, "app.log", "tokens\":10}\n");
	write_lines(&b, "app.log", 11, 1);
	bench_until_requests(&b, 12);
	assert_each_once(&b, 12);
	assert_true(bench_says(&b, "\"state\":\"ok\",\"reason\":\"\""));
	bench_close(&b);
}

static void begins_at_the_end_unless_asked(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, FROM_END);
	bench_until_says(&b, "is not there yet");
	bench_stop(&b);
	write_lines(&b, "app.log", 500, 20);
	/* a line that its writer has not ended */
	bench_write(&b, "app.log", "{\"time\":\"2026-11-23T12:30:00Z\",\"model\":\"m\",");
	bench_run(&b);
	bench_until_says(&b, "\"state\":\"ok\"");
	bench_write(&b, "app.log", "\"input_tokens\":0}\n");
	write_lines(&b, "app.log", 1, 2);
	bench_until_requests(&b, 3);
	assert_each_once(&b, 3);
	/* what comes while nobody looks is read afterwards */
	bench_stop(&b);
	write_lines(&b, "app.log", 3, 4);
	bench_run(&b);
	bench_until_requests(&b, 7);
	assert_each_once(&b, 7);
	bench_close(&b);
}

/* Makes the file's last change so many seconds old. */
static void set_age(const struct bench *b, const char *name, int64_t age_s)
{
	struct timespec at = {.tv_sec = clock_wall_us() / US_PER_S - age_s};
	char *path = bench_path(b, name);

	assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){at, at}, 0), 0);
	free(path);
}

static void follows_rotation(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, FROM_START);
	write_lines(&b, "app.log", 0, 5);
	bench_until_requests(&b, 5);
	bench_rename(&b, "app.log", "app.log.1");
	write_lines(&b, "app.log.1", 5, 2); /* the writer has not noticed yet */
	write_lines(&b, "app.log", 7, 3);
	bench_until_requests(&b, 10);
	assert_each_once(&b, 10);
	/* rotated while nobody looked, the last line without its end */
	bench_stop(&b);
	write_lines(&b, "app.log", 10, 2);
	bench_write(&b, "app.log", "{\"time\":\"2026-11-23T12:30:00Z\",\"model\":\"m\",\"input_tokens\":12}");
	bench_rename(&b, "app.log.1", "app.log.2");
	bench_rename(&b, "app.log", "app.log.1");
	write_lines(&b, "app.log", 13, 2);
	bench_run(&b);
	bench_until_requests(&b, 15);
	assert_each_once(&b, 15);
	/* several rotations, with copies and strangers beside them */
	bench_stop(&b);
	write_lines(&b, "app.log", 15, 1);
	bench_rename(&b, "app.log", "app.log-20261120");
	write_lines(&b, "app.log", 16, 20);
	bench_rename(&b, "app.log", "app.log-20261121");
	write_lines(&b, "app.log.rejects", 900, 20);
	write_lines(&b, "app.log", 36, 20);
	bench_rename(&b, "app.log", "app.log-20261122");
	write_lines(&b, "app.log.3", 13, 3); /* as app.log-20261120 */
	write_lines(&b, "app.log", 56, 1);
	set_age(&b, "app.log.2", 70);
	set_age(&b, "app.log.1", 60);
	set_age(&b, "app.log-20261120", 50);
	set_age(&b, "app.log-20261121", 40);
	set_age(&b, "app.log-20261122", 30);
	set_age(&b, "app.log.3", 45);
	bench_run(&b);
	bench_until_requests(&b, 57);
	bench_for(&b, 1500 * US_PER_MS);
	assert_each_once(&b, 57);
	bench_close(&b);
}

static void gzip_it(const struct bench *b, const char *name)
{
	char *command = mem_printf("gzip '%s/%s'", b->dir, name);

	assert_int_equal(system(command), 0);
	free(command);
}

static void follows_packed_rotations(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, FROM_START);
	write_lines(&b, "app.log", 0, 5);
	bench_until_requests(&b, 5);
	bench_stop(&b);
	/* two rotations while nobody looks, both packed; and one that is damaged */
	write_lines(&b, "app.log", 5, 4000);
	set_age(&b, "app.log", 600);
	bench_rename(&b, "app.log", "app.log.2");
	gzip_it(&b, "app.log.2");
	write_lines(&b, "app.log", 4005, 7);
	set_age(&b, "app.log", 300);
	bench_rename(&b, "app.log", "app.log.1");
	gzip_it(&b, "app.log.1");
	bench_write(&b, "app.log.3.gz", "\x1f\x8b nothing of the kind");
	set_age(&b, "app.log.3.gz", 900);
	write_lines(&b, "app.log", 4012, 3);
	bench_run(&b);
	bench_until_requests(&b, 4015);
	assert_each_once(&b, 4015);
	bench_close(&b);
}

static void follows_truncation(void **state)
{
	char *path, *copy, *command;
	struct bench b;

	(void)state;
	bench_open(&b, FROM_START);
	path = bench_path(&b, "app.log");
	copy = bench_path(&b, "app.log.1");
	write_lines(&b, "app.log", 0, 5);
	bench_until_requests(&b, 5);
	/* copytruncate, with lines that were not read yet, and more written at once than was there */
	write_lines(&b, "app.log", 5, 3);
	command = mem_printf("cp '%s' '%s'", path, copy);
	assert_int_equal(system(command), 0);
	assert_int_equal(truncate(path, 0), 0);
	write_lines(&b, "app.log", 8, 30);
	bench_until_requests(&b, 38);
	assert_each_once(&b, 38);
	/* a writer without O_APPEND goes on at its old offset: a hole of zero bytes */
	assert_int_equal(unlink(copy), 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, 100000), 0);
	write_lines(&b, "app.log", 38, 2);
	bench_until_requests(&b, 40);
	assert_each_once(&b, 40);
	free(command);
	free(path);
	free(copy);
	bench_close(&b);
}

static void reads_csv_through_rotation(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "sources: [{name: log, kind: tail, path: %s/app.log, from: start, every: 100ms,"
	               " map: {time: at, input_tokens: used}, set: {service: shop}}]\n");
	bench_write(&b, "app.log", "at,model,used\n2026-11-23T12:00:00Z,m,0\n");
	bench_write(&b, "app.log", "2026-11-23T12:00:01Z,\"m\",1\n");
	bench_until_requests(&b, 2);
	bench_stop(&b); /* comes back in the middle of the file, and knows its columns */
	bench_write(&b, "app.log", "2026-11-23T12:00:02Z,m,2\n");
	bench_run(&b);
	bench_until_requests(&b, 3);
	bench_rename(&b, "app.log", "app.log.1");
	bench_write(&b, "app.log", "used;model;at\n3;m;2026-11-23T12:00:03Z\n"); /* another order */
	bench_until_requests(&b, 4);
	assert_each_once(&b, 4);
	bench_close(&b);
}

static void bad_lines_are_counted_and_said(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, FROM_START);
	write_lines(&b, "app.log", 0, 2);
	bench_write(&b, "app.log", "nonsense\n\n{\"time\":\"2026-11-23T12:30:00Z\",\"model\":\"m\",\"input_tokens\":\"many\"}\n");
	write_lines(&b, "app.log", 2, 1);
	bench_until_requests(&b, 3);
	bench_until_says(&b, "2 lines rejected");
	assert_true(bench_says(&b, "input_tokens"));
	assert_true(bench_says(&b, "\"state\":\"ok\""));
	/* a line without an end: bounded, and what follows is read */
	struct buf text = {0};
	for (int i = 0; i < 3 << 20; i++)
		buf_append_c(&text, 'x');
	buf_append_c(&text, '\n');
	bench_write(&b, "app.log", text.data);
	write_lines(&b, "app.log", 3, 1);
	bench_until_requests(&b, 4);
	bench_until_says(&b, "longer than 1 MiB");
	assert_each_once(&b, 4);
	buf_fini(&text);
	bench_close(&b);
}

static void a_reload_under_load_counts_once(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, FROM_START);
	write_lines(&b, "app.log", 0, 9000);
	/* started anew while its batch may still be in the queue */
	for (int i = 0; i < 20; i++) {
		loop_turn(b.loop, 2, NULL);
		source_host_stop(b.host);
		source_host_start(b.host, &b.config, NULL);
	}
	bench_until_requests(&b, 9000);
	bench_for(&b, 300 * US_PER_MS);
	assert_each_once(&b, 9000);
	bench_close(&b);
}

static void holds_back_while_paused(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, FROM_START);
	source_host_pause(b.host, true);
	write_lines(&b, "app.log", 0, 5);
	bench_for(&b, 300 * US_PER_MS);
	assert_int_equal(bench_summary(&b).requests, 0);
	source_host_pause(b.host, false);
	bench_until_requests(&b, 5);
	bench_close(&b);
}

static void says_what_it_cannot_follow(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "sources: [{name: log, kind: tail, path: %s, from: start, every: 100ms}]\n");
	bench_until_says(&b, "is no regular file");
	bench_close(&b);
	bench_open(&b, FROM_START);
	bench_write(&b, "app.log", "[\n{\"a\":1},\n");
	bench_until_says(&b, "only JSONL");
	bench_close(&b);
	bench_open(&b, FROM_START);
	bench_write(&b, "app.log", "colour,weight\nred,5\n");
	bench_until_says(&b, "no header of CSV");
	bench_close(&b);
	bench_open(&b, "sources: [{name: log, kind: tail, path: %s/app.log, map: {nonsense: x}}]\n");
	assert_true(bench_says(&b, "\"state\":\"failing\""));
	assert_true(bench_says(&b, "nonsense"));
	bench_close(&b);
}

static void places_hold_through_copies_only(void **state)
{
	char path[] = "/tmp/llmdeck-place-XXXXXX";
	struct tail_place place, back;
	struct buf text = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	for (int i = 0; i < 400; i++)
		assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_true(tail_place_take(&place, fd, 3000));
	assert_true(tail_place_fits(&place, fd));
	tail_place_format(&place, &text);
	assert_true(tail_place_parse(&back, buf_str(&text)));
	assert_memory_equal(&place, &back, sizeof place);
	assert_int_equal(pwrite(fd, "x", 1, 2999), 1);
	assert_false(tail_place_fits(&place, fd));
	assert_int_equal(pwrite(fd, "9", 1, 2999), 1);
	assert_true(tail_place_fits(&place, fd));
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_false(tail_place_fits(&place, fd));
	assert_false(tail_place_take(&place, fd, 5000));
	assert_false(tail_place_parse(&back, STR_LIT("tail1 5 0")));
	assert_false(tail_place_parse(&back, STR_LIT("tail1 5 0 0 more")));
	assert_false(tail_place_parse(&back, (struct str){0}));
	close(fd);
	unlink(path);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows),
		cmocka_unit_test(begins_at_the_end_unless_asked),
		cmocka_unit_test(follows_rotation),
		cmocka_unit_test(follows_packed_rotations),
		cmocka_unit_test(follows_truncation),
		cmocka_unit_test(reads_csv_through_rotation),
		cmocka_unit_test(bad_lines_are_counted_and_said),
		cmocka_unit_test(a_reload_under_load_counts_once),
		cmocka_unit_test(holds_back_while_paused),
		cmocka_unit_test(says_what_it_cannot_follow),
		cmocka_unit_test(places_hold_through_copies_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
