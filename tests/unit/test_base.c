/* Strings, numbers, memory, buffers, errors, hashing, files. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

static void cuts_and_trims(void **state)
{
	struct str rest = STR_LIT(" a , b,,c"), part;

	(void)state;
	part = str_trim(str_cut(&rest, ','));
	assert_true(str_equal_c(part, "a"));
	part = str_trim(str_cut(&rest, ','));
	assert_true(str_equal_c(part, "b"));
	part = str_cut(&rest, ',');
	assert_int_equal(part.len, 0);
	part = str_cut(&rest, ',');
	assert_true(str_equal_c(part, "c"));
	assert_null(rest.ptr);
	assert_int_equal(str_cut(&rest, ',').len, 0);
	assert_int_equal(str_trim(STR_LIT(" \t\r\n")).len, 0);
	assert_true(str_equal_nocase(STR_LIT("Content-TYPE"), STR_LIT("content-type")));
	assert_false(str_equal_nocase(STR_LIT("a["), STR_LIT("a{")));
	assert_true(str_starts_with(STR_LIT("abc"), STR_LIT("")));
	assert_true(str_ends_with(STR_LIT("abc"), STR_LIT("bc")));
	assert_false(str_ends_with(STR_LIT("c"), STR_LIT("bc")));
}

static void parses_integers(void **state)
{
	static const char *const bad[] = {"",    "-",  "+",   " 1", "1 ", "1.0", "0x1", "1e3",
	                                  "--1", "+-1", "9223372036854775808",
	                                  "-9223372036854775809", "99999999999999999999"};
	int64_t v;

	(void)state;
	assert_true(str_to_int64(STR_LIT("9223372036854775807"), &v) && v == INT64_MAX);
	assert_true(str_to_int64(STR_LIT("-9223372036854775808"), &v) && v == INT64_MIN);
	assert_true(str_to_int64(STR_LIT("+0042"), &v) && v == 42);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(str_to_int64(str_of(bad[i]), &v));
}

static void parses_doubles_as_the_c_library_does(void **state)
{
	static const char *const good[] = {"0",      "-0",      "1.5",   "0.1",    "1e22", "1e23",
	                                   "3.14159265358979323846", "2.5e-06", "1.7976931348623157e308",
	                                   "5e-324", "123456789012345678", "0.000001", ".5", "5.", "-1E+2"};
	static const char *const bad[] = {"", ".", "e5", "1e", "1e+", "nan", "inf", "0x10", "1,5", "1 ",
	                                  " 1", "1e999", "--1", "1.2.3"};
	double v;

	(void)state;
	assert_false(str_to_double((struct str){NULL, 0}, &v));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(str_to_double(str_of(good[i]), &v));
		assert_true(v >= strtod(good[i], NULL) && v <= strtod(good[i], NULL));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(str_to_double(str_of(bad[i]), &v));
}

static void scales_exactly_half_to_even(void **state)
{
	static const struct {
		const char *text;
		int scale;
		int64_t expected;
	} good[] = {
		{"0", 9, 0},
		{"-0.0", 9, 0},
		{"0e99999999999999999999", 9, 0},
		{"1", 9, 1000000000},
		{"2.5e-06", 9, 2500},
		{"2.5E-06", 12, 2500000},
		{"0.0000000005", 9, 0},   /* half, to even 0 */
		{"0.0000000015", 9, 2},   /* half, to even 2 */
		{"0.0000000025", 9, 2},
		{"0.00000000050000000000000000000000000001", 9, 1},
		{"0.00000000049999999999999999999999999999", 9, 0},
		{"-0.0000000015", 9, -2},
		{"-0.0000000025", 9, -2},
		{"5e-10", 9, 0},
		{"15e-10", 9, 2},
		{"5e-11", 9, 0},
		{"9.2233720368547758065", 18, 9223372036854775806}, /* half, to even */
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"-9223372036854775808.5", 0, INT64_MIN},
		{"9223372036854775806.5", 0, 9223372036854775806},
		{"00000000000000000000000000000000000000012.5", 0, 12},
		{"13.5", 0, 14},
		{"12345", -3, 12},
		{"12500", -3, 12},
		{"13500", -3, 14},
		{"12500.0001", -3, 13},
		{"499", -3, 0},
		{"501", -3, 1},
		{"1e18", 0, 1000000000000000000},
		{"1000000000000000000000000e-24", 9, 1000000000},
		{"+.5", 1, 5},
		{"5.", 1, 50},
		{"1e-99999999999999999999", 9, 0},
	};
	static const char *const bad[] = {"",   "-",   ".",   "1e",  "e1",  "1 ",  "0x1", "1_000", "1,0", "nan",
	                                  "1e+", "1.2.3", "1e1.5", "9223372036854775808", "1e19",
	                                  "9223372036854775807.5", "-9223372036854775809",
	                                  "1e99999999999999999999"};
	int64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(str_to_scaled_int64(str_of(good[i].text), good[i].scale, &v));
		assert_int_equal(v, good[i].expected);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(str_to_scaled_int64(str_of(bad[i]), 0, &v));
}

static void arena_keeps_alignment_and_content(void **state)
{
	struct arena a = {0};
	char *first = arena_copy(&a, "one", 3);

	(void)state;
	for (int i = 0; i < 2000; i++) {
		double *d = arena_alloc(&a, sizeof(*d));

		assert_int_equal((uintptr_t)d % _Alignof(max_align_t), 0);
		*d = i;
		(void)arena_copy(&a, "xyz", 3);
	}
	memset(arena_alloc(&a, 3u << 20), 1, 3u << 20); /* more than a chunk */
	assert_string_equal(first, "one");
	arena_reset(&a);
	assert_int_equal(a.used_bytes, 0);
	assert_non_null(a.chunk);
	assert_string_equal(arena_copy(&a, "", 0), "");
	arena_fini(&a);
	assert_null(a.chunk);
}

static void say_goodbye(void)
{
	if (write(STDOUT_FILENO, "restored", 8) != 8)
		_exit(1);
}

/* Asks for more than there can be, in a child; the hook runs first, then a sentence, then the end. */
static void exhaustion_goes_through_one_door(void **state)
{
	char text[256] = "";
	int ends[2], status;
	ssize_t n = 0, got;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		mem_set_exhausted_hook(say_goodbye);
		(void)mem_array(NULL, SIZE_MAX / 2, 3);
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + n, sizeof(text) - 1 - (size_t)n)) > 0)
		n += got;
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_true(strncmp(text, "restoredllmdeck: out of memory", 30) == 0);
}

static void growing_doubles(void **state)
{
	size_t cap = 0;
	int *numbers = NULL;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		numbers = mem_grow(numbers, &cap, i + 1, sizeof(*numbers));
		numbers[i] = (int)i;
	}
	assert_int_equal(cap, 1024);
	assert_int_equal(numbers[999], 999);
	free(numbers);
}

static void buffer_grows_and_is_stolen(void **state)
{
	struct buf b = {0};
	char *text;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	assert_int_equal(b.len, 3890);
	assert_int_equal(strlen(b.data), b.len);
	text = buf_steal(&b);
	assert_true(strncmp(text, "0,1,2,", 6) == 0);
	assert_null(b.data);
	free(text);
	text = buf_steal(&b);
	assert_string_equal(text, "");
	free(text);
	buf_printf(&b, "%0300d", 7);
	assert_int_equal(b.len, 300);
	buf_fini(&b);
}

static void varints_round_trip(void **state)
{
	static const int64_t values[] = {0, 1, -1, 63, 64, -64, -65, 127, 128, 300, INT64_MAX, INT64_MIN,
	                                 INT64_C(1) << 35};
	struct buf b = {0};
	const size_t n = sizeof(values) / sizeof(values[0]);
	const uint8_t *p, *end;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		buf_append_varint(&b, (uint64_t)values[i]);
		buf_append_svarint(&b, values[i]);
	}
	p = (const uint8_t *)b.data;
	end = p + b.len;
	for (size_t i = 0; i < n; i++) {
		uint64_t u;
		int64_t s;

		assert_true(varint_read(&p, end, &u) && u == (uint64_t)values[i]);
		assert_true(svarint_read(&p, end, &s) && s == values[i]);
	}
	assert_ptr_equal(p, end);
	buf_fini(&b);
}

static void varints_refuse_damage(void **state)
{
	static const uint8_t endless[11] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	                                    0x80, 0x80, 0x80, 0x80, 0x01};
	static const uint8_t beyond[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
	const uint8_t *p = endless;
	uint64_t v;

	(void)state;
	assert_false(varint_read(&p, endless + sizeof(endless), &v));
	assert_false(varint_read(&p, endless + 3, &v));
	assert_false(varint_read(&p, endless, &v));
	assert_ptr_equal(p, endless);
	p = beyond;
	assert_false(varint_read(&p, beyond + sizeof(beyond), &v));
}

static void json_and_csv_are_escaped(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_append_json(&b, STR_LIT("a\"b\\c\n\t\x01\x7f\xc3\xa9\xff\xc3"));
	assert_string_equal(b.data, "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_reset(&b);
	buf_append_json(&b, (struct str){NULL, 0});
	assert_string_equal(b.data, "\"\"");
	buf_reset(&b);
	buf_append_csv(&b, STR_LIT("plain text"));
	buf_append_c(&b, ',');
	buf_append_csv(&b, STR_LIT("a,\"b\"\n"));
	buf_append_c(&b, ',');
	buf_append_csv(&b, STR_LIT(" x"));
	assert_string_equal(b.data, "plain text,\"a,\"\"b\"\"\n\",\" x\"");
	buf_fini(&b);
}

static void errors_wrap_and_fit(void **state)
{
	struct err e = {""};
	char expected[sizeof(e.text)];

	(void)state;
	assert_int_equal(err_set(&e, "no such %s", "file"), -1);
	assert_int_equal(err_wrap(&e, "config %s", "x.yaml"), -1);
	assert_string_equal(e.text, "config x.yaml: no such file");
	err_set(&e, "again: %s", e.text);
	assert_string_equal(e.text, "again: config x.yaml: no such file");
	for (int i = 0; i < 600; i++)
		err_wrap(&e, "c");
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	err_set(&e, "%01000d", 1);
	memset(expected, '0', sizeof(expected));
	expected[sizeof(expected) - 1] = '\0';
	assert_string_equal(e.text, expected);
	assert_int_equal(err_set(NULL, "x"), -1);
}

static void count_entry(struct str key, uint32_t value, void *arg)
{
	(void)key;
	*(uint64_t *)arg += value;
}

static void string_map_finds_what_was_put(void **state)
{
	struct strmap m = {0};
	uint32_t v;
	uint64_t sum = 0;

	(void)state;
	assert_false(strmap_get(&m, STR_LIT("x"), &v));
	for (uint32_t i = 0; i < 5000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "key%u", i);
		strmap_put(&m, str_of(key), i);
	}
	strmap_put(&m, (struct str){NULL, 0}, 7);
	strmap_put(&m, STR_LIT("key1"), 1001);
	assert_int_equal(m.count, 5001);
	assert_true(strmap_get(&m, STR_LIT("key1"), &v) && v == 1001);
	assert_true(strmap_get(&m, STR_LIT("key4999"), &v) && v == 4999);
	assert_true(strmap_get(&m, STR_LIT(""), &v) && v == 7);
	assert_false(strmap_get(&m, STR_LIT("key5000"), &v));
	strmap_each(&m, count_entry, &sum);
	assert_int_equal(sum, 4999 * 5000 / 2 + 1000 + 7);
	strmap_fini(&m);
}

static void integer_map_survives_removal_while_iterating(void **state)
{
	static int values[4096];
	struct intmap m = {0};
	size_t at = 0;
	uint64_t key;
	int seen = 0;

	(void)state;
	assert_null(intmap_get(&m, 1));
	for (int round = 0; round < 20; round++) { /* removed slots must not pile up */
		for (uint64_t i = 0; i < 4096; i++)
			intmap_put(&m, i << 32, &values[i]);
		at = 0;
		while (intmap_next(&m, &at, &key) != NULL)
			if (key >> 32 & 1)
				assert_non_null(intmap_remove(&m, key));
	}
	assert_int_equal(m.count, 2048);
	assert_true(m.cap <= 16384);
	at = 0;
	while (intmap_next(&m, &at, &key) != NULL)
		seen++;
	assert_int_equal(seen, 2048);
	assert_ptr_equal(intmap_get(&m, UINT64_C(2) << 32), &values[2]);
	assert_null(intmap_get(&m, UINT64_C(3) << 32));
	assert_null(intmap_remove(&m, UINT64_C(3) << 32));
	intmap_clear(&m);
	assert_null(intmap_get(&m, 0));
	intmap_put(&m, UINT64_MAX, &values[1]);
	assert_ptr_equal(intmap_get(&m, UINT64_MAX), &values[1]);
	intmap_fini(&m);
}

static void stream_hash_does_not_depend_on_the_cuts(void **state)
{
	char bytes[5000];
	uint8_t whole[16], parts[16], middle[16];
	struct hash_stream *h = hash_stream_new();

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7);
	hash_stream_add(h, bytes, sizeof(bytes));
	hash_stream_digest(h, whole);
	hash_stream_free(&h);
	h = hash_stream_new();
	for (size_t i = 0; i < sizeof(bytes); i += 100) {
		hash_stream_add(h, bytes + i, 100);
		hash_stream_digest(h, middle); /* asking changes nothing */
	}
	hash_stream_digest(h, parts);
	hash_stream_free(&h);
	assert_memory_equal(whole, parts, 16);
	assert_true(hash_bytes(NULL, 0) == hash_bytes("", 0));
	assert_true(hash_mix(1, 2) != hash_mix(2, 1));
}

static void files_are_read_and_replaced_whole(void **state)
{
	char dir[] = "/tmp/llmdeck-test-XXXXXX";
	struct err err = {""};
	struct buf b = {0};
	struct stat st;
	char *deep, *path, *fifo;

	(void)state;
	assert_non_null(mkdtemp(dir));
	deep = mem_printf("%s/a/b/c", dir);
	path = mem_printf("%s/file", deep);
	fifo = mem_printf("%s/fifo", deep);
	assert_int_equal(file_make_dirs(deep, 0700, &err), 0);
	assert_int_equal(file_make_dirs(deep, 0700, &err), 0);
	assert_int_equal(file_write_atomic(path, "hello", 5, 0640, &err), 0);
	assert_int_equal(file_write_atomic(path, "hello again", 11, 0640, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(file_read(path, 100, &b, &err), 0);
	assert_string_equal(b.data, "hello again");
	assert_int_equal(file_read(path, 5, &b, &err), -1);
	assert_non_null(strstr(err.text, "too large"));
	assert_int_equal(file_read(deep, 5, &b, &err), -1);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(file_read(fifo, 5, &b, &err), -1); /* and does not hang */
	assert_int_equal(file_make_dirs(path, 0700, &err), -1);
	assert_true(file_exists(path));
	unlink(path);
	assert_false(file_exists(path));
	unlink(fifo);
	for (char *slash; strcmp(deep, dir) != 0;) {
		assert_int_equal(rmdir(deep), 0); /* nothing temporary was left behind */
		slash = strrchr(deep, '/');
		*slash = '\0';
	}
	rmdir(dir);
	buf_fini(&b);
	free(deep);
	free(path);
	free(fifo);
}

static void paths_follow_the_environment(void **state)
{
	struct err err = {""};
	char *p;

	(void)state;
	setenv("XDG_STATE_HOME", "/some/state", 1);
	p = path_state_dir();
	assert_string_equal(p, "/some/state/llmdeck");
	free(p);
	setenv("XDG_STATE_HOME", "relative", 1); /* not allowed, so not used */
	p = path_state_dir();
	assert_null(strstr(p, "relative"));
	free(p);
	unsetenv("XDG_STATE_HOME");
	setenv("XDG_RUNTIME_DIR", "/some/run", 1);
	p = path_runtime_dir();
	assert_string_equal(p, "/some/run/llmdeck");
	free(p);
	unsetenv("XDG_RUNTIME_DIR");
	p = path_data_file("no-such-file", &err);
	assert_null(p);
	assert_non_null(strstr(err.text, "no-such-file"));
	p = path_data_file("prices.json", &err); /* run from a build folder: the source tree's */
	if (p != NULL)
		assert_true(str_ends_with(str_of(p), STR_LIT("prices.json")) && file_exists(p));
	else
		print_message("skipped: not run from a build folder, no installed prices.json\n");
	free(p);
	setenv("LLMDECK_DATA", "/etc", 1);
	p = path_data_file("passwd", &err);
	assert_string_equal(p, "/etc/passwd");
	free(p);
	unsetenv("LLMDECK_DATA");
}

static char last_line[512];
static int line_count;

static void keep_line(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	snprintf(last_line, sizeof(last_line), "%s", line);
	line_count++;
}

static void log_lines_are_harmless_and_limited(void **state)
{
	struct log_limit limit = {0};

	(void)state;
	log_set_sink(keep_line, NULL);
	log_warning("source said %s", "\x1b[2J\nforged");
	assert_string_equal(last_line, "source said ^[[2J forged");
	log_info("not shown by default");
	assert_int_equal(line_count, 1);
	for (int i = 0; i < 10; i++)
		log_limited(&limit, INT64_C(3600) * 1000000, LOG_LEVEL_ERROR, "broken %d", i);
	assert_int_equal(line_count, 2);
	assert_string_equal(last_line, "broken 0");
	limit.last_us = clock_mono_us() - INT64_C(3601) * 1000000;
	log_limited(&limit, INT64_C(3600) * 1000000, LOG_LEVEL_ERROR, "broken %d", 10);
	assert_string_equal(last_line, "broken 10 (9 more like this held back)");
	log_set_sink(NULL, NULL);
}

static void wall_clock_can_be_frozen(void **state)
{
	int64_t real = clock_wall_us();

	(void)state;
	assert_true(real > INT64_C(1700000000) * US_PER_S);
	clock_set_fake_us(12345);
	assert_int_equal(clock_wall_us(), 12345);
	clock_set_fake_us(0);
	assert_true(clock_wall_us() >= real);
	assert_true(clock_mono_us() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_and_trims),
		cmocka_unit_test(parses_integers),
		cmocka_unit_test(parses_doubles_as_the_c_library_does),
		cmocka_unit_test(scales_exactly_half_to_even),
		cmocka_unit_test(arena_keeps_alignment_and_content),
		cmocka_unit_test(exhaustion_goes_through_one_door),
		cmocka_unit_test(growing_doubles),
		cmocka_unit_test(buffer_grows_and_is_stolen),
		cmocka_unit_test(varints_round_trip),
		cmocka_unit_test(varints_refuse_damage),
		cmocka_unit_test(json_and_csv_are_escaped),
		cmocka_unit_test(errors_wrap_and_fit),
		cmocka_unit_test(string_map_finds_what_was_put),
		cmocka_unit_test(integer_map_survives_removal_while_iterating),
		cmocka_unit_test(stream_hash_does_not_depend_on_the_cuts),
		cmocka_unit_test(files_are_read_and_replaced_whole),
		cmocka_unit_test(paths_follow_the_environment),
		cmocka_unit_test(log_lines_are_harmless_and_limited),
		cmocka_unit_test(wall_clock_can_be_frozen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
