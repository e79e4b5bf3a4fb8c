/* The queue is a linked list under one mutex. The thread takes batches one by one into a group (one
 * transaction) until the queue is empty or a bound is reached, commits, and only then calls the
 * group's done callbacks: whatever arrives during a commit shares the next one.
 *
 * When an append or the commit fails, the store has rolled the transaction back. The group is then
 * tried again batch by batch, so that one bad batch cannot keep the others out; a batch that fails
 * alone goes on being tried for retry_us (a full disk may be helped in that time) and is then given
 * back unacknowledged, with the reason.
 *
 * A batch that says that more follows (an import's) is answered as soon as it is appended, so that its
 * memory can be filled again; the transaction waits for what follows. Such rows cannot be tried again
 * when the transaction fails: their sender learns it by its next batch, and goes on from its mark. */
#include "daemon/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/sketch.h"

#define QUEUE_BATCHES 1024
#define QUEUE_BYTES ((size_t)32 << 20)
#define COMMIT_ROWS 50000
#define RETRY_FIRST_US (50 * US_PER_MS)
#define RETRY_MOST_US US_PER_S
#define GATHER_BYTES ((size_t)4 << 20)
#define GATHER_MOST_US (20 * US_PER_MS)
#define RATE_SLOTS 10 /* seconds */
#define RETAIN_AGAIN_US (20 * US_PER_MS) /* between two steps of a round of retention */

typedef void done_fn(void *arg, bool ok, const struct sink_ack *ack, const char *error);

typedef int job_fn(struct store_writer *store, void *arg, struct err *err);

struct item {
	struct item *next;
	struct batch *batch; /* NULL: a job */
	job_fn *job;
	void *job_arg;
	size_t bytes, rows;
	done_fn *done;
	void *arg;
	bool owned; /* the batch is freed after its end */
	struct sink_chain *chain; /* or NULL */
	struct sink_ack ack;
};

struct item_list {
	struct item *first, *last;
};

struct writer {
	struct sink sink; /* first: the sink's functions find the writer by it */
	struct writer_options options;
	struct store_writer *store;
	pthread_t thread;
	pthread_mutex_t lock; /* guards everything below */
	pthread_cond_t arrived, room;
	struct item_list queue;
	size_t queued_batches, queued_bytes;
	bool stopping;
	bool gathering; /* the thread waits for more than one */
	struct retention keep;
	struct writer_stats stats;
	struct sketch commit_times;
	struct {
		int64_t second;
		uint64_t rows;
	} rate[RATE_SLOTS];
	int64_t started_us; /* monotonic */
	/* The writer thread's own: */
	struct {
		uint64_t rows, duplicates, batches; /* answered, but not committed yet */
		bool promised; /* more of them was promised */
		bool lost;     /* their transaction failed, and their sender does not know it yet */
		struct err why;
	} early;
	int64_t retain_due_us; /* monotonic */
	int64_t gather_until_us; /* monotonic: until then a small group waits for company */
};

/* ── queue ─────────────────────────────────────────────────────────────────────────────────── */

static void list_push(struct item_list *list, struct item *item)
{
	item->next = NULL;
	if (list->last)
		list->last->next = item;
	else
		list->first = item;
	list->last = item;
}

static struct item *list_pop(struct item_list *list)
{
	struct item *item = list->first;

	if (item) {
		list->first = item->next;
		if (!list->first)
			list->last = NULL;
	}
	return item;
}

static size_t batch_bytes(const struct batch *b)
{
	return b->arena.used_bytes + b->request_count * sizeof(*b->requests) +
	       b->feedback_count * sizeof(*b->feedback) + b->late_flag_count * sizeof(*b->late_flags) +
	       b->span_count * sizeof(*b->spans) + b->evaluation_count * sizeof(*b->evaluations) +
	       b->late_text_count * sizeof(*b->late_texts) + b->billing_count * sizeof(*b->billing) + b->gauge_count * sizeof(*b->gauges) +
	       b->rollout_count * sizeof(*b->rollouts);
}

static bool has_room(const struct writer *w, size_t bytes)
{
	return w->queued_batches == 0 || (w->queued_batches < w->options.queue_batches &&
	                                  w->queued_bytes + bytes <= w->options.queue_bytes);
}

static void enqueue(struct writer *w, struct item *item)
{
	list_push(&w->queue, item);
	w->queued_batches++;
	w->queued_bytes += item->bytes;
	if (!w->gathering || w->queued_bytes >= GATHER_BYTES)
		pthread_cond_signal(&w->arrived);
}

static struct item *item_new(struct batch *b, bool owned, done_fn *done, void *arg)
{
	struct item *item = mem_zalloc(sizeof(*item));

	item->batch = b;
	item->bytes = batch_bytes(b);
	item->rows = batch_rows(b);
	item->owned = owned;
	item->done = done;
	item->arg = arg;
	return item;
}

/* ── sink ──────────────────────────────────────────────────────────────────────────────────── */

static enum sink_result sink_submit(struct sink *s, struct batch *b, done_fn *done, void *arg,
                                    struct err *err)
{
	struct writer *w = (struct writer *)s;
	struct item *item = item_new(b, true, done, arg);
	enum sink_result result = SINK_BUSY;

	pthread_mutex_lock(&w->lock);
	if (w->stopping) {
		result = SINK_FAILED;
	} else if (has_room(w, item->bytes)) {
		enqueue(w, item);
		result = SINK_OK;
	} else {
		w->stats.refused++;
	}
	pthread_mutex_unlock(&w->lock);
	if (result == SINK_OK)
		return result;
	free(item);
	err_set(err, result == SINK_BUSY ? "store: the queue is full: try again in a moment"
	                                 : "store: the collector is stopping: send it to the next one");
	return result;
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool over, ok;
	struct sink_ack ack;
	struct err err;
};

static void wake_waiter(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct waiter *waiter = arg;

	pthread_mutex_lock(&waiter->lock);
	waiter->over = true;
	waiter->ok = ok;
	if (ok)
		waiter->ack = *ack;
	else
		err_set(&waiter->err, "%s", error);
	pthread_cond_signal(&waiter->ended);
	pthread_mutex_unlock(&waiter->lock);
}

/* Waits for room and queues; false when the writer is stopping. */
static bool enqueue_waiting(struct writer *w, struct item *item)
{
	bool taken = false;

	pthread_mutex_lock(&w->lock);
	while (!w->stopping && !has_room(w, item->bytes))
		pthread_cond_wait(&w->room, &w->lock);
	if (!w->stopping) {
		enqueue(w, item);
		taken = true;
	}
	pthread_mutex_unlock(&w->lock);
	return taken;
}

static enum sink_result sink_store(struct sink *s, struct batch *b, struct sink_ack *ack,
                                   struct err *err)
{
	struct writer *w = (struct writer *)s;
	struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
	struct item *item = item_new(b, false, wake_waiter, &waiter);

	if (!enqueue_waiting(w, item)) {
		free(item);
		err_set(err, "store: the collector is stopping: send it to the next one");
		return SINK_FAILED;
	}
	pthread_mutex_lock(&waiter.lock);
	while (!waiter.over)
		pthread_cond_wait(&waiter.ended, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	pthread_mutex_destroy(&waiter.lock);
	pthread_cond_destroy(&waiter.ended);
	if (!waiter.ok) {
		err_set(err, "%s", waiter.err.text);
		return SINK_FAILED;
	}
	if (ack)
		*ack = waiter.ack;
	return SINK_OK;
}

static int sink_lend(struct sink *s, struct batch *b, struct sink_chain *chain, done_fn *done, void *arg, struct err *err)
{
	struct item *item = item_new(b, false, done, arg);

	item->chain = chain;
	if (enqueue_waiting((struct writer *)s, item))
		return 0;
	free(item);
	return err_set(err, "store: the collector is stopping: send it to the next one");
}

int writer_run(struct writer *w, job_fn *job, void *arg, struct err *err)
{
	struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
	struct item *item = mem_zalloc(sizeof(*item));

	item->job = job;
	item->job_arg = arg;
	item->rows = 1;
	item->done = wake_waiter;
	item->arg = &waiter;
	if (!enqueue_waiting(w, item)) {
		free(item);
		return err_set(err, "store: the collector is stopping: send it to the next one");
	}
	pthread_mutex_lock(&waiter.lock);
	while (!waiter.over)
		pthread_cond_wait(&waiter.ended, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	pthread_mutex_destroy(&waiter.lock);
	pthread_cond_destroy(&waiter.ended);
	return waiter.ok ? 0 : err_set(err, "%s", waiter.err.text);
}

/* Jobs are few and small: they do not wait for room. */
bool writer_begin_job(struct writer *w, job_fn *job, void *arg, done_fn *done)
{
	struct item *item = mem_zalloc(sizeof(*item));
	bool taken = false;

	item->job = job;
	item->job_arg = item->arg = arg;
	item->rows = 1;
	item->done = done;
	pthread_mutex_lock(&w->lock);
	if (!w->stopping) {
		enqueue(w, item);
		taken = true;
	}
	pthread_mutex_unlock(&w->lock);
	if (!taken)
		free(item);
	return taken;
}

static void sink_close(struct sink *s)
{
	(void)s; /* writer_stop() is what ends it */
}

/* ── statistics ────────────────────────────────────────────────────────────────────────────── */

static void count_commit(struct writer *w, uint64_t rows, uint64_t duplicates, uint64_t batches,
                         int64_t took_us)
{
	int64_t second = clock_mono_us() / US_PER_S;
	size_t slot = (size_t)(second % RATE_SLOTS);

	pthread_mutex_lock(&w->lock);
	w->stats.rows += rows;
	w->stats.duplicates += duplicates;
	w->stats.batches += batches;
	w->stats.commits++;
	w->stats.last_commit_us = clock_wall_us();
	w->stats.failing = false;
	w->stats.words[0] = '\0';
	sketch_add(&w->commit_times, took_us, 1);
	if (w->rate[slot].second != second) {
		w->rate[slot].second = second;
		w->rate[slot].rows = 0;
	}
	w->rate[slot].rows += rows;
	pthread_mutex_unlock(&w->lock);
}

static void count_failure(struct writer *w, const char *words)
{
	static struct log_limit limit;

	pthread_mutex_lock(&w->lock);
	w->stats.failures++;
	w->stats.failing = true;
	snprintf(w->stats.words, sizeof(w->stats.words), "%s", words);
	pthread_mutex_unlock(&w->lock);
	log_limited(&limit, 10 * US_PER_S, LOG_LEVEL_ERROR, "%s", words);
}

void writer_get_stats(struct writer *w, struct writer_stats *out)
{
	int64_t now_us = clock_mono_us();
	int64_t second = now_us / US_PER_S;
	uint64_t rows = 0;

	pthread_mutex_lock(&w->lock);
	*out = w->stats;
	out->queued_batches = w->queued_batches;
	out->queued_bytes = w->queued_bytes;
	out->commit_p50_us = sketch_quantile(&w->commit_times, 0.5);
	out->commit_p99_us = sketch_quantile(&w->commit_times, 0.99);
	for (size_t i = 0; i < RATE_SLOTS; i++) {
		if (w->rate[i].second > second - RATE_SLOTS)
			rows += w->rate[i].rows;
	}
	double seconds = (double)(now_us - w->started_us) / (double)US_PER_S;
	pthread_mutex_unlock(&w->lock);
	out->queue_batches_max = w->options.queue_batches;
	out->queue_bytes_max = w->options.queue_bytes;
	out->rows_per_s = (double)rows / (seconds > RATE_SLOTS ? RATE_SLOTS : seconds < 1 ? 1 : seconds);
}

double writer_fill(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	double batches = (double)w->queued_batches / (double)w->options.queue_batches;
	double bytes = (double)w->queued_bytes / (double)w->options.queue_bytes;
	pthread_mutex_unlock(&w->lock);
	return batches > bytes ? batches : bytes;
}

/* ── the thread ────────────────────────────────────────────────────────────────────────────── */

static void end_item(struct item *item, bool ok, const char *error)
{
	if (item->owned)
		batch_free(&item->batch);
	if (item->done)
		item->done(item->arg, ok, ok ? &item->ack : NULL, error);
	free(item);
}

/* Waits until there is something to store, `until_us` (monotonic, -1 = no end) has come, or the
 * writer is stopping. False when it is stopping and nothing is left. */
static bool wait_for_work(struct writer *w, int64_t until_us)
{
	struct timespec until = {.tv_sec = until_us / US_PER_S, .tv_nsec = until_us % US_PER_S * 1000};

	pthread_mutex_lock(&w->lock);
	while (!w->queue.first && !w->stopping) {
		if (until_us < 0)
			pthread_cond_wait(&w->arrived, &w->lock);
		else if (pthread_cond_timedwait(&w->arrived, &w->lock, &until) == ETIMEDOUT)
			break;
	}
	bool goes_on = w->queue.first || !w->stopping;
	pthread_mutex_unlock(&w->lock);
	return goes_on;
}

static struct item *take_item(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	struct item *item = list_pop(&w->queue);

	if (item) {
		w->queued_batches--;
		w->queued_bytes -= item->bytes;
		pthread_cond_broadcast(&w->room);
	}
	pthread_mutex_unlock(&w->lock);
	return item;
}

static int append_item(struct writer *w, struct item *item, struct err *err)
{
	struct store_counts counts = {0};

	if (item->job)
		return item->job(w->store, item->job_arg, err);
	if (store_writer_append(w->store, item->batch, &counts, err))
		return -1;
	item->ack = (struct sink_ack){.added = counts.added, .duplicates = counts.duplicates, .stale = counts.stale,
	                              .texts_dropped = counts.texts_dropped};
	return 0;
}

static void acknowledge(struct writer *w, struct item_list *group, int64_t took_us)
{
	uint64_t rows = 0, duplicates = 0, batches = 0;

	for (const struct item *i = group->first; i; i = i->next) {
		rows += i->ack.added;
		duplicates += i->ack.duplicates;
		batches++;
	}
	count_commit(w, rows + w->early.rows, duplicates + w->early.duplicates, batches + w->early.batches, took_us);
	w->early.rows = w->early.duplicates = w->early.batches = 0;
	for (struct item *i; (i = list_pop(group));)
		end_item(i, true, NULL);
}

static void give_back(struct writer *w, struct item *item, const char *why)
{
	pthread_mutex_lock(&w->lock);
	w->stats.given_back++;
	pthread_mutex_unlock(&w->lock);
	if (item->chain)
		item->chain->broken = true;
	end_item(item, false, why);
}

/* Tells an import that what it sent before was not stored. */
static bool tell_lost(struct writer *w, struct item *item)
{
	if (!w->early.lost || !item->batch || !item->batch->has_import)
		return false;
	w->early.lost = false;
	give_back(w, item, w->early.why.text);
	return true;
}

/* What builds upon a batch that was not stored is not stored either. */
static bool is_cut_off(struct writer *w, struct item *item)
{
	if (!item->chain || !item->chain->broken)
		return false;
	give_back(w, item, "store: a batch before this one was not stored");
	return true;
}

static void answer_early(struct writer *w, struct item *item)
{
	w->early.rows += item->ack.added;
	w->early.duplicates += item->ack.duplicates;
	w->early.batches++;
	item->ack.pending = true;
	end_item(item, true, NULL);
}

/* Takes and appends what waits; the group holds it, the failed one included, but for what was answered
 * early. */
static int fill_group(struct writer *w, struct item_list *group, struct err *err)
{
	int64_t until_us = clock_mono_us() + w->options.commit_us;
	size_t rows = 0;

	while (rows < w->options.commit_rows && clock_mono_us() < until_us) {
		struct item *item = take_item(w);

		if (!item && w->early.promised && w->early.batches && wait_for_work(w, until_us))
			continue;
		if (!item)
			break;
		if (tell_lost(w, item) || is_cut_off(w, item))
			continue;
		rows += item->rows;
		bool more = item->batch && item->batch->more;
		w->early.promised = more;
		if (append_item(w, item, err)) {
			list_push(group, item);
			return -1;
		}
		if (more)
			answer_early(w, item);
		else
			list_push(group, item);
	}
	return 0;
}

static bool is_stopping(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	bool stopping = w->stopping;
	pthread_mutex_unlock(&w->lock);
	return stopping;
}

/* Sleeps, but not through a stop. */
static void pause_for(struct writer *w, int64_t us)
{
	int64_t until_us = clock_mono_us() + us;
	struct timespec until = {.tv_sec = until_us / US_PER_S, .tv_nsec = until_us % US_PER_S * 1000};

	pthread_mutex_lock(&w->lock);
	while (!w->stopping && pthread_cond_timedwait(&w->arrived, &w->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&w->lock);
}

/* One batch in a transaction of its own, tried again until `until_us`. */
static void store_alone(struct writer *w, struct item *item, int64_t until_us)
{
	struct item_list alone = {0};
	struct err err = {""};
	int64_t pause_us = RETRY_FIRST_US;

	for (;;) {
		int64_t started_us = clock_mono_us();

		if (append_item(w, item, &err) == 0 && store_writer_commit(w->store, &err) == 0) {
			list_push(&alone, item);
			acknowledge(w, &alone, clock_mono_us() - started_us);
			return;
		}
		count_failure(w, err.text);
		if (clock_mono_us() >= until_us || is_stopping(w))
			break;
		pause_for(w, pause_us);
		pause_us = pause_us * 2 > RETRY_MOST_US ? RETRY_MOST_US : pause_us * 2;
	}
	give_back(w, item, err.text);
}

static void store_group(struct writer *w)
{
	struct item_list group = {0};
	struct err err = {""};
	int failed = fill_group(w, &group, &err);
	int64_t started_us = clock_mono_us();

	if (!group.first && !w->early.batches)
		return;
	if (!failed)
		failed = store_writer_commit(w->store, &err);
	if (!failed) {
		acknowledge(w, &group, clock_mono_us() - started_us);
		return;
	}
	count_failure(w, err.text);
	/* One deadline for the whole group: a full disk must not multiply by the number of batches. */
	int64_t until_us = clock_mono_us() + w->options.retry_us;

	w->early.lost |= w->early.batches > 0;
	w->early.rows = w->early.duplicates = w->early.batches = 0;
	w->early.why = err;
	for (struct item *i; (i = list_pop(&group));)
		if (!tell_lost(w, i))
			store_alone(w, i, until_us);
}

/* One bounded step of retention; the next follows soon while there is more. */
static void retain_step(struct writer *w)
{
	struct retention keep;
	struct err err = {""};
	bool more = false;

	pthread_mutex_lock(&w->lock);
	keep = w->keep;
	pthread_mutex_unlock(&w->lock);
	if (store_writer_retain(w->store, &keep, clock_wall_us(), &more, &err)) {
		count_failure(w, err.text);
		more = false;
	}
	w->retain_due_us = clock_mono_us() + (more ? RETAIN_AGAIN_US : w->options.retain_every_us);
}

/* A transaction costs much whatever it holds (rollups of every series in it, a sync), so that the next
 * one waits as long as the last one took, but not longer than an answer can bear, for others to share
 * it with. */
static void gather(struct writer *w)
{
	struct timespec until = {
		.tv_sec = w->gather_until_us / US_PER_S, .tv_nsec = w->gather_until_us % US_PER_S * 1000,
	};

	pthread_mutex_lock(&w->lock);
	w->gathering = true;
	while (!w->stopping && w->queued_bytes < GATHER_BYTES && clock_mono_us() < w->gather_until_us)
		if (pthread_cond_timedwait(&w->arrived, &w->lock, &until) == ETIMEDOUT)
			break;
	w->gathering = false;
	pthread_mutex_unlock(&w->lock);
}

/* After a group that was begun at started_us. */
static void set_gathering(struct writer *w, int64_t started_us)
{
	int64_t now_us = clock_mono_us(), took_us = now_us - started_us;

	if (w->options.store.full_sync)
		w->gather_until_us = now_us + (took_us < GATHER_MOST_US ? took_us : GATHER_MOST_US);
}

/* Puts some of the journals into the tables when it is time for that; returns when it is next. */
static int64_t fold_step(struct writer *w)
{
	int64_t due_us = store_writer_fold_due_us(w->store);
	struct err err = {""};

	if (due_us < 0 || clock_mono_us() < due_us)
		return due_us;
	if (store_writer_fold(w->store, &err)) {
		count_failure(w, err.text);
		return clock_mono_us() + RETRY_MOST_US;
	}
	return store_writer_fold_due_us(w->store);
}

static int64_t sooner(int64_t a_us, int64_t b_us)
{
	return a_us < 0 ? b_us : b_us < 0 ? a_us : a_us < b_us ? a_us : b_us;
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	bool retains = w->options.retain_every_us > 0;
	int64_t fold_us = -1;

	while (wait_for_work(w, sooner(retains ? w->retain_due_us : -1, fold_us))) {
		gather(w);
		int64_t started_us = clock_mono_us();

		store_group(w);
		set_gathering(w, started_us);
		fold_us = fold_step(w);
		if (retains && clock_mono_us() >= w->retain_due_us && !is_stopping(w))
			retain_step(w);
	}
	return NULL;
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

static void set_defaults(struct writer_options *o)
{
	if (!o->queue_batches)
		o->queue_batches = QUEUE_BATCHES;
	if (!o->queue_bytes)
		o->queue_bytes = QUEUE_BYTES;
	if (!o->commit_rows)
		o->commit_rows = COMMIT_ROWS;
	if (!o->commit_us)
		o->commit_us = US_PER_S;
	if (!o->retry_us)
		o->retry_us = 5 * US_PER_S;
}

static void init_locks(struct writer *w)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->arrived, &monotonic);
	pthread_cond_init(&w->room, NULL);
	pthread_condattr_destroy(&monotonic);
}

/* The thread takes no signals: they are the I/O thread's. */
static int start_thread(struct writer *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&w->thread, NULL, writer_main, w);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

static void writer_free(struct writer *w)
{
	store_writer_close(&w->store);
	pthread_cond_destroy(&w->arrived);
	pthread_cond_destroy(&w->room);
	pthread_mutex_destroy(&w->lock);
	sketch_fini(&w->commit_times);
	free(w);
}

int writer_start(struct writer **out, const char *path, const struct writer_options *o,
                 struct err *err)
{
	struct store_writer *store;

	*out = NULL;
	if (store_writer_open(&store, path, &o->store, err))
		return -1;
	struct writer *w = mem_zalloc(sizeof(*w));

	w->sink = (struct sink){sink_store, sink_submit, sink_lend, sink_close};
	w->options = *o;
	set_defaults(&w->options);
	w->keep = o->keep;
	w->store = store;
	w->started_us = clock_mono_us();
	w->retain_due_us = w->started_us + w->options.retain_every_us;
	init_locks(w);
	int failed = start_thread(w);

	if (failed) {
		writer_free(w);
		return err_set(err, "store: the writer's thread does not start: %s", strerror(failed));
	}
	*out = w;
	return 0;
}

void writer_stop(struct writer **out)
{
	struct writer *w = *out;

	if (!w)
		return;
	*out = NULL;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->arrived);
	pthread_cond_broadcast(&w->room);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	writer_free(w);
}

struct sink *writer_sink(struct writer *w)
{
	return &w->sink;
}

void writer_set_retention(struct writer *w, const struct retention *keep)
{
	pthread_mutex_lock(&w->lock);
	w->keep = *keep;
	pthread_mutex_unlock(&w->lock);
}
