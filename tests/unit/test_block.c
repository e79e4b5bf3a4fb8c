/* Blocks of raw requests: what goes in comes out whatever the order of the changes, bad bytes are told from
 * good ones, and the blocks of a store cover every id once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/block_walk.h"
#include "store/query_scan.h"
#include "store/schema.h"
#include "store/sql.h"
#include "store/writer.h"

#define FIRST_US INT64_C(1760000000000000)

static uint64_t seed;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int64_t count_or_unknown(uint64_t bound)
{
	return next_random() % 4 ? (int64_t)(next_random() % bound) : UNKNOWN_INT;
}

/* A row with any mixture of fields; texts live in `texts`. */
static void random_row(struct packed *p, int64_t id, char texts[4][EVENT_NAME_MAX_BYTES + 1])
{
	memset(p, 0, sizeof *p);
	p->end_us = id_time_us(id) - (next_random() % 16 ? 0 : (int64_t)(next_random() % 3));
	p->latency_us = count_or_unknown(EVENT_LATENCY_MAX_US);
	p->ttft_us = count_or_unknown(1000000);
	p->input_tokens = count_or_unknown(EVENT_TOKENS_MAX);
	p->output_tokens = count_or_unknown(300);
	p->cached_tokens = count_or_unknown(100);
	p->cache_write_tokens = count_or_unknown(100);
	p->reasoning_tokens = count_or_unknown(100);
	p->cost_source = (uint8_t)(next_random() % 3);
	p->cost_nusd = p->cost_source == COST_UNPRICED ? 0 : (int64_t)next_random() >> (next_random() % 40 + 1);
	uint32_t *const names[] = {&p->operation, &p->request_model, &p->error_type, &p->finish_reason, &p->outcome, &p->source,
	                           &p->cost_basis, &p->import_ref};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		*names[i] = next_random() % 2 ? (uint32_t)(next_random() % 300) : 0;
	p->http_status = (uint16_t)(next_random() % 3 ? 200 : next_random() % 600);
	p->status = next_random() % 2;
	p->attempt = next_random() % 5 ? 0 : (uint8_t)next_random();
	p->errors_unseen = next_random() % 2;
	p->has_trace = next_random() % 2;
	p->has_span = next_random() % 2;
	p->has_parent = next_random() % 2;
	for (int i = 0; i < 16 && p->has_trace; i++)
		p->trace_id[i] = (uint8_t)next_random();
	for (int i = 0; i < 8 && p->has_span; i++)
		p->span_id[i] = (uint8_t)next_random();
	for (int i = 0; i < 8 && p->has_parent; i++)
		p->parent_id[i] = (uint8_t)next_random();
	p->flag_count = next_random() % 8 ? 0 : (uint32_t)(next_random() % (PACK_FLAGS_MAX + 1));
	for (uint32_t i = 0; i < p->flag_count; i++)
		p->flags[i] = (struct packed_flag){(uint32_t)next_random() % 100000, (int8_t)((int)(next_random() % 9) - 1), next_random() % 2};
	for (int i = 0; i < 4; i++) {
		static const char letters[] = "0123456789abcdef0123456789abcdefxyz-\xc3\xa4";
		size_t len = next_random() % 2 ? 0 : next_random() % (next_random() % 8 ? 20 : EVENT_NAME_MAX_BYTES + 1);

		for (size_t k = 0; k < len; k++)
			texts[i][k] = letters[next_random() % (i % 2 ? 16 : sizeof letters - 1)];
		p->attrs[(size_t)i * 4 % ATTR_COUNT] = (struct str){texts[i], len};
	}
}

static void assert_same_row(const struct packed *a, const struct packed *b)
{
	assert_memory_equal(a, b, offsetof(struct packed, attrs));
	assert_int_equal(a->flag_count, b->flag_count);
	for (uint32_t i = 0; i < a->flag_count; i++) {
		assert_int_equal(a->flags[i].category, b->flags[i].category);
		assert_int_equal(a->flags[i].severity, b->flags[i].severity);
		assert_int_equal(a->flags[i].action, b->flags[i].action);
	}
	for (int i = 0; i < ATTR_COUNT; i++)
		assert_true(str_equal(a->attrs[i], b->attrs[i]));
}

#define ROWS 300
struct model {
	int64_t id[ROWS];
	uint32_t series[ROWS];
	struct packed row[ROWS];
	char texts[ROWS][4][EVENT_NAME_MAX_BYTES + 1];
	size_t count;
};

static void fill_model_row(struct model *m, size_t i, int64_t id)
{
	m->id[i] = id;
	m->series[i] = (uint32_t)next_random() % 100000;
	random_row(&m->row[i], id, m->texts[i]);
}

/* The block holds exactly the model's rows. */
static void assert_holds(struct block *b, const struct model *m)
{
	static struct packed p;

	assert_int_equal(b->count, m->count);
	for (size_t i = 0; i < m->count; i++) {
		size_t at = block_find(b, m->id[i]);

		assert_true(at < b->count);
		assert_int_equal(b->rows[at].id, m->id[i]);
		assert_int_equal(b->rows[at].series, m->series[i]);
		memset(&p, 0, sizeof p);
		assert_true(block_read(b, at, &p));
		assert_same_row(&p, &m->row[i]);
	}
	for (size_t i = 1; i < b->count; i++)
		assert_true(b->rows[i - 1].id < b->rows[i].id);
}

static bool is_taken(const struct model *m, int64_t id)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->id[i] == id)
			return true;
	return false;
}

static void change(struct block *b, struct model *m, int64_t key)
{
	size_t pick = m->count ? next_random() % m->count : 0;

	switch (m->count == ROWS ? 1 + next_random() % 2 : next_random() % 6) {
	case 1:
		if (!m->count)
			return;
		block_remove(b, block_find(b, m->id[pick]));
		m->count--;
		m->id[pick] = m->id[m->count];
		m->series[pick] = m->series[m->count];
		m->row[pick] = m->row[m->count];
		memcpy(m->texts[pick], m->texts[m->count], sizeof m->texts[pick]);
		for (int i = 0; i < 4; i++)
			m->row[pick].attrs[(size_t)i * 4 % ATTR_COUNT].ptr = m->texts[pick][i];
		return;
	case 2:
		if (!m->count)
			return;
		fill_model_row(m, pick, m->id[pick]);
		block_replace(b, block_find(b, m->id[pick]), m->series[pick], &m->row[pick]);
		return;
	default: {
		int64_t id = key + (int64_t)(next_random() % (1u << 30)) * (next_random() % 3 ? 1 : 1 << ID_BITS);

		if (is_taken(m, id))
			return;
		fill_model_row(m, m->count, id);
		block_insert(b, block_find(b, id), id, m->series[m->count], &m->row[m->count]);
		m->count++;
	}
	}
}

static void changes_in_any_order_come_out_again(void **state)
{
	static struct model m;
	struct block b = {0}, again = {0};
	struct buf blob = {0};
	int64_t key = id_first_us(FIRST_US);

	(void)state;
	for (uint64_t round = 1; round <= 20; round++) {
		seed = round * 0x9e3779b97f4a7c15u;
		m.count = 0;
		block_reset(&b, key);
		for (int i = 0; i < 800; i++) {
			change(&b, &m, key);
			if (i % 100 || !m.count)
				continue;
			/* Out to bytes and in again, where it can be changed further. */
			buf_reset(&blob);
			block_encode(&b, &blob);
			assert_true(block_decode(&again, key, blob.data, blob.len));
			assert_int_equal(block_count(blob.data, blob.len), m.count);
			assert_holds(&again, &m);
			assert_true(block_own(&again));
			struct block other = b;
			b = again;
			again = other;
		}
		assert_holds(&b, &m);
	}
	block_fini(&b);
	block_fini(&again);
	buf_fini(&blob);
}

static void halves_are_the_whole(void **state)
{
	static struct model m;
	static struct packed p;
	struct block b = {0}, upper = {0};

	(void)state;
	seed = 42;
	m.count = 0;
	block_reset(&b, id_first_us(FIRST_US));
	block_reset(&upper, 0);
	for (int i = 0; i < 200; i++)
		change(&b, &m, b.key);
	size_t count = b.count;
	block_split(&b, &upper);
	assert_int_equal(b.count + upper.count, count);
	assert_true(upper.count > 0);
	assert_true(upper.key == upper.rows[0].id && b.rows[b.count - 1].id < upper.key);
	for (size_t i = 0; i < m.count; i++) {
		struct block *half = m.id[i] < upper.key ? &b : &upper;
		size_t at = block_find(half, m.id[i]);

		memset(&p, 0, sizeof p);
		assert_int_equal(half->rows[at].id, m.id[i]);
		assert_true(block_read(half, at, &p));
		assert_same_row(&p, &m.row[i]);
	}
	block_fini(&b);
	block_fini(&upper);
}

static void blocks_that_are_joined_hold_all_rows(void **state)
{
	static struct model m;
	struct block b = {0}, odd = {0};
	struct block_source even_rows[ROWS], odd_rows[ROWS], all[ROWS];

	(void)state;
	for (uint64_t round = 1; round <= 20; round++) {
		seed = round;
		m.count = 0;
		block_reset(&b, id_first_us(FIRST_US));
		block_reset(&odd, b.key);
		for (int i = 0; i < 500; i++)
			change(&b, &m, b.key);
		size_t count = b.count;
		for (size_t i = 0; i < count; i++)
			*(i % 2 ? &odd_rows[i / 2] : &even_rows[i / 2]) = (struct block_source){&b, i};
		/* One keeps some of its own rows, then gets the others back between them. */
		block_fill(&odd, odd_rows, count / 2);
		block_fill(&b, even_rows, count - count / 2);
		block_trim(&odd);
		for (size_t i = 0; i < count; i++)
			all[i] = (struct block_source){i % 2 ? &odd : &b, i / 2};
		block_fill(&b, all, count);
		assert_holds(&b, &m);
		assert_int_equal(odd.count, count / 2);
	}
	block_fini(&b);
	block_fini(&odd);
}

/* Bytes that are cut or changed may read as something else, but never outside of themselves. */
static void bad_bytes_do_no_harm(void **state)
{
	static struct model m;
	static struct packed p;
	struct block b = {0}, read = {0};
	struct buf blob = {0};

	(void)state;
	seed = 7;
	m.count = 0;
	block_reset(&b, id_first_us(FIRST_US));
	for (int i = 0; i < 60; i++)
		change(&b, &m, b.key);
	block_encode(&b, &blob);
	for (size_t i = 0; i < 2 * blob.len; i++) {
		bool cut = i < blob.len;
		size_t len = cut ? i : blob.len;
		uint8_t *copy = malloc(len + !len); /* of its own, for the sanitizers to see its end */

		memcpy(copy, blob.data, len);
		if (!cut)
			copy[i - blob.len] ^= (uint8_t)(1 + next_random() % 255);
		if (block_decode(&read, b.key, copy, len))
			for (size_t k = 0; k < read.count; k++)
				(void)block_read(&read, k, &p);
		free(copy);
	}
	assert_false(block_decode(&read, b.key, blob.data, blob.len - 1) && block_own(&read));
	block_fini(&b);
	block_fini(&read);
	buf_fini(&blob);
}

/* ---- in a store ---- */

static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/llmdeck-block-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/t.db", folder);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static struct request *add(struct batch *b, int64_t end_us, uint64_t span)
{
	struct request *r = batch_add_request(b);

	r->end_us = end_us;
	r->latency_us = (int64_t)(span % 1000000);
	r->input_tokens = (int64_t)span;
	r->dims[DIM_SERVICE] = span % 3 ? STR_LIT("chat") : STR_LIT("search");
	r->attrs[ATTR_USER] = span % 2 ? STR_LIT("mia") : STR_LIT("0123456789abcdef");
	r->has_trace = r->has_span = true;
	memcpy(r->trace_id, &span, sizeof span);
	memcpy(r->span_id, &span, sizeof span);
	return r;
}

struct sums {
	int64_t rows, tokens, last_id;
	bool down, ordered;
	const char *user;
};

static bool sum_up(const struct scan_row *row, void *arg)
{
	struct sums *s = arg;

	s->ordered = s->ordered && (!s->rows || (s->down ? row->id < s->last_id : row->id > s->last_id));
	s->last_id = row->id;
	s->rows++;
	s->tokens += row->input_tokens;
	return true;
}

static struct sums scan(struct scan_query q)
{
	struct sums s = {.ordered = true, .down = q.newest_first};
	struct store_reader *r;
	struct err err = {""};

	if (store_reader_open(&r, path, &err) || query_scan(r, &q, sum_up, &s, &err))
		fail_msg("%s", err.text);
	store_reader_close(&r);
	return s;
}

static void assert_sound(void)
{
	struct store_reader *r;
	struct err err = {""};

	if (store_reader_open(&r, path, &err))
		fail_msg("%s", err.text);
	assert_int_equal(store_check(r, true, NULL, NULL, NULL, &err), 0);
	store_reader_close(&r);
}

/* Rows in any order, in small and large transactions, some of them twice, with the writer opened anew now
 * and then: each is there once. */
static void rows_in_any_order_are_there_once(void **state)
{
	struct store_options o = {.now_us = FIRST_US + 40 * US_PER_DAY};
	struct store_counts counts = {0};
	struct store_writer *w = NULL;
	struct err err = {""};
	struct batch *b = batch_new();
	int64_t tokens = 0, rows = 0;

	(void)state;
	seed = 99;
	for (int i = 0; i < 120; i++) {
		if (!w && store_writer_open(&w, path, &o, &err))
			fail_msg("%s", err.text);
		/* Now before all, now behind all, now into the midst. */
		int64_t at = FIRST_US + (i % 3 ? (int64_t)(next_random() % (30 * 86400)) * US_PER_S : (60 - i) * US_PER_HOUR);
		size_t n = i % 5 ? next_random() % 30 : 700;

		for (size_t k = 0; k < n; k++) {
			uint64_t span = next_random() >> 24 | 1;

			at += (int64_t)(next_random() % (i % 2 ? 100 : 3 * US_PER_S));
			add(b, at, span);
			if (k % 10 == 0)
				add(b, at, span);
			rows++;
			tokens += (int64_t)span;
		}
		if (store_writer_append(w, b, &counts, &err) || (i % 4 && store_writer_commit(w, &err)))
			fail_msg("%s", err.text);
		if (i % 7 == 6 && store_writer_append(w, b, &counts, &err)) /* the whole batch again */
			fail_msg("%s", err.text);
		batch_reset(b);
		if (i % 11 == 10)
			store_writer_close(&w);
	}
	store_writer_close(&w);
	batch_free(&b);
	assert_int_equal(counts.added, rows);
	assert_true(counts.duplicates > (uint64_t)rows / 10);
	struct sums up = scan((struct scan_query){.view = {.to_us = ID_TIME_MAX_US}});
	struct sums down = scan((struct scan_query){.view = {.to_us = ID_TIME_MAX_US}, .newest_first = true});
	assert_int_equal(up.rows, rows);
	assert_int_equal(up.tokens, tokens);
	assert_int_equal(down.tokens, tokens);
	assert_true(up.ordered && down.ordered);
	assert_sound();
}

/* The windows of a scan fit together, whatever blocks they cut. */
static void windows_fit_together(void **state)
{
	struct store_options o = {.now_us = FIRST_US + US_PER_DAY};
	struct store_counts counts = {0};
	struct store_writer *w;
	struct err err = {""};
	struct batch *b = batch_new();
	int64_t rows = 0, failed = 0;

	(void)state;
	seed = 3;
	for (int i = 0; i < 5000; i++) {
		struct request *r = add(b, FIRST_US + i * US_PER_S / 7, next_random() >> 24);

		r->status = i % 50 ? REQUEST_OK : REQUEST_ERROR;
	}
	if (store_writer_open(&w, path, &o, &err) || store_writer_append(w, b, &counts, &err))
		fail_msg("%s", err.text);
	store_writer_close(&w);
	batch_free(&b);
	for (int64_t at = FIRST_US - US_PER_S; at < FIRST_US + 800 * US_PER_S; at += 13 * US_PER_S) {
		struct scan_query q = {.view = {.from_us = at, .to_us = at + 13 * US_PER_S}, .newest_first = at % 2};

		rows += scan(q).rows;
		q.failed_only = true;
		failed += scan(q).rows;
	}
	assert_int_equal(rows, 5000);
	assert_int_equal(failed, 100);
	struct scan_query one = {.view = {.to_us = ID_TIME_MAX_US}};
	assert_int_equal(view_add_filter(&one.view, STR_LIT("service=search"), &err), 0);
	struct scan_query other = {.view = {.to_us = ID_TIME_MAX_US}};
	assert_int_equal(view_add_filter(&other.view, STR_LIT("service!=search"), &err), 0);
	assert_int_equal(scan(one).rows + scan(other).rows, 5000);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
	struct err err = {""};
	int64_t n;

	if (sql_int(db, sql, -1, &n, &err))
		fail_msg("%s: %s", sql, err.text);
	return n;
}

/* Bounds and order reach the walk, and give what SQL would give without them. */
static void sql_sees_the_same_rows(void **state)
{
	static const struct {
		const char *pushed, *plain;
	} pairs[] = {
		{"SELECT count(*) FROM v_requests WHERE id>=%lld AND id<%lld", "SELECT count(*) FROM v_requests WHERE +id>=%lld AND +id<%lld"},
		{"SELECT sum(input_tokens) FROM v_requests WHERE end_us>%lld>>10 AND end_us<=%lld>>10",
		 "SELECT sum(input_tokens) FROM v_requests WHERE +end_us>%lld>>10 AND +end_us<=%lld>>10"},
		{"SELECT sum(i%%1000003) FROM (SELECT id i FROM v_requests WHERE id>%lld AND id<=%lld ORDER BY id DESC LIMIT 7)",
		 "SELECT sum(i%%1000003) FROM (SELECT id i FROM v_requests WHERE id>%lld AND id<=%lld ORDER BY +id DESC LIMIT 7)"},
		{"SELECT count(*) FROM v_requests WHERE id=%lld OR id=%lld", "SELECT count(*) FROM v_requests WHERE +id=%lld OR +id=%lld"},
		{"SELECT count(DISTINCT end_us) FROM v_requests WHERE user='mia' AND id BETWEEN %lld AND %lld",
		 "SELECT count(DISTINCT +end_us) FROM v_requests WHERE user='mia' AND +id BETWEEN %lld AND %lld"},
	};
	struct store_options o = {.now_us = FIRST_US + US_PER_DAY};
	struct store_counts counts = {0};
	struct store_writer *w;
	struct err err = {""};
	struct batch *b = batch_new();
	sqlite3 *db;
	char sql[256];

	(void)state;
	seed = 5;
	for (int i = 0; i < 2000; i++) /* some of one microsecond */
		add(b, FIRST_US + i / 5, next_random() >> 24)->has_span = i % 3;
	if (store_writer_open(&w, path, &o, &err) || store_writer_append(w, b, &counts, &err))
		fail_msg("%s", err.text);
	store_writer_close(&w);
	batch_free(&b);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(schema_add_functions(db, &err), 0);
	assert_int_equal(ask(db, "SELECT count(*) FROM v_requests"), counts.added);
	assert_int_equal(ask(db, "SELECT count(*) FROM v_requests WHERE id='x' OR end_us>1e300"), 0);
	for (int i = 0; i < 40; i++) {
		int64_t from = id_first_us(FIRST_US) + (int64_t)(next_random() % (450 << ID_BITS)) - (20 << ID_BITS);
		int64_t to = from + (int64_t)(next_random() % (450 << ID_BITS));

		for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
			snprintf(sql, sizeof sql, pairs[k].pushed, (long long)from, (long long)to);
			int64_t pushed = ask(db, sql);
			snprintf(sql, sizeof sql, pairs[k].plain, (long long)from, (long long)to);
			if (pushed != ask(db, sql))
				fail_msg("%s gives %lld", sql, (long long)pushed);
		}
	}
	sqlite3_close(db);
}

/* A store of before, whose table of requests had a row a request, is refused in words and left as it is. */
static void the_older_layout_is_refused(void **state)
{
	struct store_options o = {0};
	struct store_reader *r = NULL;
	struct store_writer *w = NULL;
	struct err err = {""};
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sql_exec(db, "PRAGMA application_id=1280068932; PRAGMA user_version=3;"
	                          "CREATE TABLE requests(id INTEGER PRIMARY KEY, series INTEGER NOT NULL, body BLOB NOT NULL);"
	                          "INSERT INTO requests VALUES(1, 2, x'00')", &err), 0);
	assert_int_equal(store_reader_open(&r, path, &err), -1);
	assert_non_null(strstr(err.text, "import into a new one"));
	assert_int_equal(store_writer_open(&w, path, &o, &err), -1);
	assert_non_null(strstr(err.text, "import into a new one"));
	assert_int_equal(ask(db, "SELECT series FROM requests"), 2);
	sqlite3_close(db);
}

int main(void)
{
#define IN_STORE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_in_any_order_come_out_again), cmocka_unit_test(halves_are_the_whole),
		cmocka_unit_test(blocks_that_are_joined_hold_all_rows),
		cmocka_unit_test(bad_bytes_do_no_harm), IN_STORE(rows_in_any_order_are_there_once), IN_STORE(windows_fit_together),
		IN_STORE(sql_sees_the_same_rows), IN_STORE(the_older_layout_is_refused),
	};

	return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
