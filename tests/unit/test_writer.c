/* The writer thread: what is acknowledged is stored, what waits together is committed together,
 * and a full queue says so instead of growing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/writer.h"
#include "store/query.h"

#define DEADLINE_S 90

struct place {
	char folder[64], store[96];
};

static int make_place(void **state)
{
	struct place *p = mem_zalloc(sizeof(*p));

	snprintf(p->folder, sizeof(p->folder), "/tmp/llmdeck-writer-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->store, sizeof(p->store), "%s/s.db", p->folder);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", p->folder);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static struct writer *start(const struct place *p, struct writer_options o)
{
	struct writer *w;
	struct err err = {""};

	if (writer_start(&w, p->store, &o, &err))
		fail_msg("%s", err.text);
	return w;
}

/* A batch of `rows` requests that no other batch has: `first` numbers them. */
static struct batch *batch_of(uint32_t first, size_t rows)
{
	struct batch *b = batch_new();
	int64_t now_us = clock_wall_us();

	for (size_t i = 0; i < rows; i++) {
		struct request *r = batch_add_request(b);
		uint32_t id = first + (uint32_t)i + 1;

		r->end_us = now_us - (int64_t)i;
		r->latency_us = 1000;
		r->dims[DIM_SERVICE] = STR_LIT("chat");
		r->dims[DIM_MODEL] = STR_LIT("m");
		r->input_tokens = r->output_tokens = 1;
		memcpy(r->trace_id, &id, sizeof(id));
		memcpy(r->span_id, &id, sizeof(id));
		r->has_trace = r->has_span = true;
	}
	return b;
}

static int64_t stored(const struct place *p)
{
	struct store_reader *reader;
	struct store_summary summary = {0};
	struct err err = {""};

	if (store_reader_open(&reader, p->store, &err) || query_summary(reader, &summary, &err))
		fail_msg("%s", err.text);
	store_reader_close(&reader);
	return summary.requests;
}

/* Counts acknowledgements; can hold the writer's thread up in one. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed;
	size_t ok, failed;
	uint64_t added, duplicates;
	char error[512];
};

static struct gate new_gate(bool closed)
{
	return (struct gate){
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .closed = closed};
}

static void pass_gate(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->lock);
	if (ok) {
		g->ok++;
		g->added += ack->added;
		g->duplicates += ack->duplicates;
	} else {
		g->failed++;
		snprintf(g->error, sizeof(g->error), "%s", error);
	}
	pthread_cond_broadcast(&g->changed);
	while (g->closed)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void open_gate(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->closed = false;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static void wait_for(struct gate *g, size_t ended)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE_S;
	pthread_mutex_lock(&g->lock);
	while (g->ok + g->failed < ended)
		if (pthread_cond_timedwait(&g->changed, &g->lock, &until))
			fail_msg("%zu of %zu acknowledgements came", g->ok + g->failed, ended);
	pthread_mutex_unlock(&g->lock);
}

static void store_is_durable_when_it_returns(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.store.full_sync = true});
	struct sink *sink = writer_sink(w);
	struct batch *b = batch_of(0, 10);
	struct sink_ack ack;
	struct err err = {""};

	assert_int_equal(sink->store(sink, b, &ack, &err), SINK_OK);
	assert_int_equal(ack.added, 10);
	assert_int_equal(stored(p), 10);
	/* The same spans again count once. */
	assert_int_equal(sink->store(sink, b, &ack, &err), SINK_OK);
	assert_int_equal(ack.added, 0);
	assert_int_equal(ack.duplicates, 10);
	batch_free(&b);
	writer_stop(&w);
	assert_int_equal(stored(p), 10);
}

static struct batch *import_batch(uint32_t first, size_t rows, bool more)
{
	struct batch *b = batch_of(first, rows);

	b->has_import = true;
	b->import = (struct import_mark){.key = 7, .name = STR_LIT("f"), .kind = STR_LIT("requests"), .rows_done = first + rows};
	b->more = more;
	return b;
}

static struct sink_ack store_import(struct sink *sink, uint32_t first, size_t rows, bool more)
{
	struct batch *b = import_batch(first, rows, more);
	struct sink_ack ack = {0};
	struct err err = {""};

	if (sink->store(sink, b, &ack, &err) != SINK_OK)
		fail_msg("%s", err.text);
	batch_free(&b);
	return ack;
}

static void an_imports_batches_share_a_commit(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.commit_us = 3600 * US_PER_S});
	struct sink *sink = writer_sink(w);
	struct writer_stats stats;

	assert_true(store_import(sink, 0, 10, true).pending);
	assert_true(store_import(sink, 100, 10, true).pending);
	assert_int_equal(stored(p), 0);
	struct sink_ack last = store_import(sink, 200, 10, false);
	assert_false(last.pending);
	assert_int_equal(last.added, 10);
	assert_int_equal(stored(p), 30);
	writer_get_stats(w, &stats);
	assert_int_equal(stats.commits, 1);
	assert_int_equal(stats.rows, 30);
	writer_stop(&w);
}

/* Of the batches of a chain, the third cannot be stored: the fourth, which stands in the queue, is not either. */
static void what_follows_a_lost_batch_is_not_stored(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.retry_us = 1, .commit_us = 3600 * US_PER_S});
	struct sink *sink = writer_sink(w);
	struct gate gate = new_gate(true);
	struct sink_chain chain = {false}, other = {false};
	struct batch *batches[4];
	struct err err = {""};

	for (uint32_t i = 0; i < 4; i++) {
		batches[i] = import_batch(i * 10, 10, i < 3);
		if (i == 2)
			batches[i]->requests[5].end_us = -1;
		assert_int_equal(sink->lend(sink, batches[i], &chain, pass_gate, &gate, &err), 0);
	}
	open_gate(&gate);
	wait_for(&gate, 4);
	assert_int_equal(gate.ok, 2);
	assert_int_equal(gate.failed, 2);
	assert_string_not_equal(gate.error, "");
	/* Another import is taken. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(sink->lend(sink, batches[1 - i], &other, pass_gate, &gate, &err), 0);
	wait_for(&gate, 6);
	writer_stop(&w);
	assert_int_equal(gate.ok, 4);
	assert_int_equal(stored(p), 20);
	for (int i = 0; i < 4; i++)
		batch_free(&batches[i]);
}

static void waiting_batches_share_a_commit(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.store.full_sync = true});
	struct sink *sink = writer_sink(w);
	struct gate gate = new_gate(true);
	struct writer_stats stats;
	struct err err;

	/* The writer's thread stands in the first acknowledgement while the others queue up. */
	assert_int_equal(sink->submit(sink, batch_of(0, 1), pass_gate, &gate, &err), SINK_OK);
	wait_for(&gate, 1);
	for (uint32_t i = 1; i <= 50; i++)
		assert_int_equal(sink->submit(sink, batch_of(i * 10, 10), pass_gate, &gate, &err), SINK_OK);
	open_gate(&gate);
	wait_for(&gate, 51);
	writer_get_stats(w, &stats);
	assert_int_equal(stats.commits, 2);
	assert_int_equal(stats.batches, 51);
	assert_int_equal(stats.rows, 501);
	assert_int_equal(stats.queued_batches, 0);
	assert_true(stats.commit_p99_us >= 0 && stats.rows_per_s > 0);
	assert_int_equal(gate.added, 501);
	writer_stop(&w);
	assert_int_equal(stored(p), 501);
}

static void full_queue_is_busy_and_loses_nothing(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.queue_batches = 4});
	struct sink *sink = writer_sink(w);
	struct gate gate = new_gate(true);
	struct writer_stats stats;
	struct err err = {""};
	size_t taken = 1;

	assert_int_equal(sink->submit(sink, batch_of(0, 1), pass_gate, &gate, &err), SINK_OK);
	wait_for(&gate, 1);
	for (uint32_t i = 1; i <= 10; i++) {
		struct batch *b = batch_of(i, 1);
		enum sink_result result = sink->submit(sink, b, pass_gate, &gate, &err);

		if (result == SINK_OK) {
			taken++;
			continue;
		}
		assert_int_equal(result, SINK_BUSY);
		assert_non_null(strstr(err.text, "queue is full"));
		batch_free(&b); /* it stayed ours */
	}
	assert_int_equal(taken, 5); /* one in hand, four queued */
	assert_float_equal(writer_fill(w), 1, 1e-9);
	open_gate(&gate);
	wait_for(&gate, taken);
	writer_get_stats(w, &stats);
	assert_int_equal(stats.refused, 6);
	writer_stop(&w);
	assert_int_equal(gate.failed, 0);
	assert_int_equal(stored(p), (int64_t)taken);
}

static void bytes_bound_the_queue_too(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.queue_bytes = 1000});
	struct sink *sink = writer_sink(w);
	struct gate gate = new_gate(true);
	struct err err;

	/* A batch above the bound is taken by an empty queue, or it could never be stored. */
	assert_int_equal(sink->submit(sink, batch_of(0, 100), pass_gate, &gate, &err), SINK_OK);
	wait_for(&gate, 1);
	assert_int_equal(sink->submit(sink, batch_of(100, 100), pass_gate, &gate, &err), SINK_OK);
	struct batch *b = batch_of(200, 1);

	assert_int_equal(sink->submit(sink, b, pass_gate, &gate, &err), SINK_BUSY);
	batch_free(&b);
	open_gate(&gate);
	wait_for(&gate, 2);
	writer_stop(&w);
}

static void stop_stores_what_is_queued(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.store.full_sync = true});
	struct sink *sink = writer_sink(w);
	struct gate gate = new_gate(false);
	struct err err;

	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(sink->submit(sink, batch_of(i * 10, 10), pass_gate, &gate, &err), SINK_OK);
	writer_stop(&w);
	assert_int_equal(gate.ok, 100);
	assert_int_equal(stored(p), 1000);
}

static void *store_many(void *arg)
{
	static atomic_uint next;
	struct sink *sink = arg;
	struct err err;
	struct sink_ack ack;

	for (int i = 0; i < 25; i++) {
		struct batch *b = batch_of(100000 + atomic_fetch_add(&next, 10), 10);

		assert_int_equal(sink->store(sink, b, &ack, &err), SINK_OK);
		assert_int_equal(ack.added, 10);
		batch_free(&b);
	}
	return NULL;
}

static void many_threads_store_at_once(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.queue_batches = 2});
	pthread_t threads[6];

	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, store_many, writer_sink(w)), 0);
	for (size_t i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	writer_stop(&w);
	assert_int_equal(stored(p), 6 * 25 * 10);
}

static void second_writer_is_refused(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){0}), *other;
	struct err err = {""};

	assert_int_equal(writer_start(&other, p->store, &(struct writer_options){0}, &err), -1);
	assert_null(other);
	assert_true(err.text[0]);
	writer_stop(&w);
}

/* How much a file may grow: the limit acts like a full disk, and can be lifted again. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_disk_acknowledges_nothing_and_heals(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){
		.store.full_sync = true, .retry_us = 200 * US_PER_MS});
	struct sink *sink = writer_sink(w);
	struct gate gate = new_gate(false);
	struct batch *b = batch_of(0, 10);
	struct writer_stats stats;
	struct sink_ack ack;
	struct err err = {""};

	assert_int_equal(sink->store(sink, b, &ack, &err), SINK_OK);
	limit_files(4096);
	assert_int_equal(sink->submit(sink, batch_of(100, 5000), pass_gate, &gate, &err), SINK_OK);
	wait_for(&gate, 1);
	assert_int_equal(gate.failed, 1);
	assert_true(gate.error[0]);
	writer_get_stats(w, &stats);
	assert_true(stats.failing && stats.failures > 1 && stats.words[0]);
	assert_int_equal(stats.given_back, 1);
	assert_int_equal(stats.rows, 10);
	limit_files(RLIM_INFINITY);
	batch_free(&b);
	b = batch_of(100, 5000);
	if (sink->store(sink, b, &ack, &err) != SINK_OK)
		fail_msg("%s", err.text);
	assert_int_equal(ack.added, 5000);
	writer_get_stats(w, &stats);
	assert_false(stats.failing);
	batch_free(&b);
	writer_stop(&w);
	assert_int_equal(stored(p), 5010);
}

static void an_import_learns_that_its_batches_were_lost(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.commit_us = 3600 * US_PER_S, .commit_rows = 20000});
	struct sink *sink = writer_sink(w);
	struct batch *b = import_batch(0, 5000, true);
	struct sink_ack ack;
	struct err err = {""};
	enum sink_result got = SINK_OK;

	limit_files(4096);
	for (uint32_t i = 0; got == SINK_OK && i < 10; i++) {
		batch_free(&b);
		b = import_batch(i * 5000, 5000, true);
		got = sink->store(sink, b, &ack, &err);
	}
	assert_int_equal(got, SINK_FAILED);
	assert_true(err.text[0]);
	limit_files(RLIM_INFINITY);
	batch_free(&b);
	/* Nothing is left of them, and another import is not refused for it. */
	assert_int_equal(store_import(sink, 0, 10, false).added, 10);
	writer_stop(&w);
	assert_int_equal(stored(p), 10);
}

static void lifted_limit_saves_a_waiting_batch(void **state)
{
	const struct place *p = *state;
	struct writer *w = start(p, (struct writer_options){.store.full_sync = true});
	struct sink *sink = writer_sink(w);
	struct gate gate = new_gate(false);
	struct writer_stats stats = {0};
	struct err err;
	int64_t until_us = clock_mono_us() + DEADLINE_S * US_PER_S;

	limit_files(4096);
	assert_int_equal(sink->submit(sink, batch_of(0, 5000), pass_gate, &gate, &err), SINK_OK);
	while (!stats.failures && clock_mono_us() < until_us)
		writer_get_stats(w, &stats);
	assert_true(stats.failing);
	limit_files(RLIM_INFINITY);
	wait_for(&gate, 1);
	assert_int_equal(gate.ok, 1);
	assert_int_equal(gate.added, 5000);
	writer_stop(&w);
	assert_int_equal(stored(p), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(store_is_durable_when_it_returns, make_place, remove_place),
		cmocka_unit_test_setup_teardown(an_imports_batches_share_a_commit, make_place, remove_place),
		cmocka_unit_test_setup_teardown(what_follows_a_lost_batch_is_not_stored, make_place, remove_place),
		cmocka_unit_test_setup_teardown(waiting_batches_share_a_commit, make_place, remove_place),
		cmocka_unit_test_setup_teardown(full_queue_is_busy_and_loses_nothing, make_place, remove_place),
		cmocka_unit_test_setup_teardown(bytes_bound_the_queue_too, make_place, remove_place),
		cmocka_unit_test_setup_teardown(stop_stores_what_is_queued, make_place, remove_place),
		cmocka_unit_test_setup_teardown(many_threads_store_at_once, make_place, remove_place),
		cmocka_unit_test_setup_teardown(second_writer_is_refused, make_place, remove_place),
		cmocka_unit_test_setup_teardown(full_disk_acknowledges_nothing_and_heals, make_place, remove_place),
		cmocka_unit_test_setup_teardown(an_import_learns_that_its_batches_were_lost, make_place, remove_place),
		cmocka_unit_test_setup_teardown(lifted_limit_saves_a_waiting_batch, make_place, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
