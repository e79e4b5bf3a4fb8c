/* curl_multi_poll() is the one place where the loop waits: it takes curl's own sockets and, as
 * extra descriptors, everything that is watched here. Another thread wakes it through
 * curl_multi_wakeup(). There are few descriptors (the HTTP server's epoll descriptor stands for all
 * of its connections), so plain arrays do.
 *
 * A callback may remove any watch or timer, itself included: entries are only marked then, and
 * swept at the end of the turn. */
#include "net/loop.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define WAIT_MAX_MS 60000

struct watch {
	int fd; /* -1: removed, to be swept */
	void (*ready)(void *arg);
	void *arg;
};

struct loop_timer {
	int64_t due_us; /* monotonic; -1 disarmed */
	void (*due)(void *arg);
	void *arg;
	bool removed;
};

struct prepare {
	int64_t (*ask)(void *arg);
	void *arg;
};

struct job {
	void (*run)(void *arg);
	void *arg;
};

struct transfer {
	CURL *easy;
	void (*done)(void *arg, int result);
	void *arg;
};

struct loop {
	CURLM *multi;
	atomic_bool stopping;
	struct watch *watches;
	size_t watch_count, watch_cap;
	struct loop_timer **timers;
	size_t timer_count, timer_cap;
	struct curl_waitfd *fds; /* rebuilt each turn */
	size_t fd_cap;
	struct transfer *transfers;
	size_t transfer_count, transfer_cap;
	struct prepare *prepares;
	size_t prepare_count, prepare_cap;
	pthread_mutex_t lock; /* guards the jobs */
	struct job *jobs;
	size_t job_count, job_cap;
	struct job *running; /* the loop's thread's: what run_jobs() has taken */
	size_t running_count;
};

int loop_new(struct loop **out, struct err *err)
{
	*out = NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, "event loop: libcurl cannot be initialised: check its installation");
	struct loop *l = mem_zalloc(sizeof(*l));
	l->multi = curl_multi_init();
	if (!l->multi) {
		curl_global_cleanup();
		free(l);
		return err_set(err, "event loop: libcurl gave no handle: check the limit of open files");
	}
	pthread_mutex_init(&l->lock, NULL);
	*out = l;
	return 0;
}

static void run_jobs(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
	l->running = l->jobs;
	l->running_count = l->job_count;
	l->jobs = NULL;
	l->job_count = l->job_cap = 0;
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < l->running_count; i++) {
		if (l->running[i].run)
			l->running[i].run(l->running[i].arg);
	}
	free(l->running);
	l->running = NULL;
	l->running_count = 0;
}

void loop_unpost(struct loop *l, const void *arg)
{
	for (size_t i = 0; i < l->running_count; i++) {
		if (l->running[i].arg == arg)
			l->running[i].run = NULL;
	}
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->job_count; i++) {
		if (l->jobs[i].arg == arg)
			l->jobs[i].run = NULL;
	}
	pthread_mutex_unlock(&l->lock);
}

void loop_free(struct loop **out)
{
	struct loop *l = *out;

	if (!l)
		return;
	*out = NULL;
	run_jobs(l);
	for (size_t i = 0; i < l->timer_count; i++)
		free(l->timers[i]);
	for (size_t i = 0; i < l->transfer_count; i++)
		curl_multi_remove_handle(l->multi, l->transfers[i].easy);
	curl_multi_cleanup(l->multi);
	curl_global_cleanup();
	pthread_mutex_destroy(&l->lock);
	free(l->timers);
	free(l->watches);
	free(l->fds);
	free(l->transfers);
	free(l->prepares);
	free(l->jobs);
	free(l);
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stopping, true);
	curl_multi_wakeup(l->multi);
}

void loop_post(struct loop *l, void (*job)(void *arg), void *arg)
{
	pthread_mutex_lock(&l->lock);
	l->jobs = mem_grow(l->jobs, &l->job_cap, l->job_count + 1, sizeof(*l->jobs));
	l->jobs[l->job_count++] = (struct job){job, arg};
	pthread_mutex_unlock(&l->lock);
	curl_multi_wakeup(l->multi);
}

void loop_watch(struct loop *l, int fd, void (*ready)(void *arg), void *arg)
{
	l->watches = mem_grow(l->watches, &l->watch_cap, l->watch_count + 1, sizeof(*l->watches));
	l->watches[l->watch_count++] = (struct watch){fd, ready, arg};
}

void loop_unwatch(struct loop *l, int fd)
{
	for (size_t i = 0; i < l->watch_count; i++) {
		if (l->watches[i].fd == fd)
			l->watches[i].fd = -1;
	}
}

struct loop_timer *loop_timer_new(struct loop *l, int64_t after_us, void (*due)(void *arg), void *arg)
{
	struct loop_timer *t = mem_zalloc(sizeof(*t));

	t->due = due;
	t->arg = arg;
	l->timers = mem_grow(l->timers, &l->timer_cap, l->timer_count + 1, sizeof(struct loop_timer *));
	l->timers[l->timer_count++] = t;
	loop_timer_set(l, t, after_us);
	return t;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t after_us)
{
	(void)l;
	t->due_us = after_us < 0 ? -1 : clock_mono_us() + after_us;
}

void loop_timer_free(struct loop *l, struct loop_timer **t)
{
	(void)l;
	if (*t)
		(*t)->removed = true;
	*t = NULL;
}

void loop_prepare_add(struct loop *l, int64_t (*prepare)(void *arg), void *arg)
{
	l->prepares = mem_grow(l->prepares, &l->prepare_cap, l->prepare_count + 1, sizeof(*l->prepares));
	l->prepares[l->prepare_count++] = (struct prepare){prepare, arg};
}

void loop_prepare_remove(struct loop *l, int64_t (*prepare)(void *arg), void *arg)
{
	for (size_t i = 0; i < l->prepare_count; i++) {
		if (l->prepares[i].ask == prepare && l->prepares[i].arg == arg) {
			l->prepares[i] = l->prepares[--l->prepare_count];
			return;
		}
	}
}

void loop_transfer_add(struct loop *l, void *easy, void (*done)(void *arg, int result), void *arg)
{
	l->transfers = mem_grow(l->transfers, &l->transfer_cap, l->transfer_count + 1, sizeof(*l->transfers));
	l->transfers[l->transfer_count++] = (struct transfer){easy, done, arg};
	curl_multi_add_handle(l->multi, easy);
}

void loop_transfer_remove(struct loop *l, void *easy)
{
	for (size_t i = 0; i < l->transfer_count; i++) {
		if (l->transfers[i].easy == easy) {
			curl_multi_remove_handle(l->multi, easy);
			l->transfers[i] = l->transfers[--l->transfer_count];
			return;
		}
	}
}

static void finish_transfers(struct loop *l)
{
	CURLMsg *message;
	int left, running;

	curl_multi_perform(l->multi, &running);
	while ((message = curl_multi_info_read(l->multi, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode result = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		for (size_t i = 0; i < l->transfer_count; i++) {
			struct transfer t = l->transfers[i];

			if (t.easy != easy)
				continue;
			loop_transfer_remove(l, easy);
			t.done(t.arg, (int)result);
			break;
		}
	}
}

/* How long this turn may wait, in milliseconds, rounded up so that a timer is due after it. */
static int wait_ms(struct loop *l, int max_wait_ms)
{
	int64_t wait = (int64_t)max_wait_ms * US_PER_MS;
	int64_t now = clock_mono_us();

	for (size_t i = 0; i < l->prepare_count; i++) {
		int64_t asked = l->prepares[i].ask(l->prepares[i].arg);

		if (asked >= 0 && asked < wait)
			wait = asked;
	}
	for (size_t i = 0; i < l->timer_count; i++) {
		const struct loop_timer *t = l->timers[i];

		if (t->removed || t->due_us < 0)
			continue;
		if (t->due_us - now < wait)
			wait = t->due_us > now ? t->due_us - now : 0;
	}
	return (int)((wait + US_PER_MS - 1) / US_PER_MS);
}

static void call_watches(struct loop *l, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* Compared again: an earlier callback of this turn may have removed it. */
		if (l->fds[i].revents && l->watches[i].fd == l->fds[i].fd)
			l->watches[i].ready(l->watches[i].arg);
	}
}

static void call_timers(struct loop *l)
{
	int64_t now = clock_mono_us();
	size_t count = l->timer_count;

	for (size_t i = 0; i < count; i++) {
		struct loop_timer *t = l->timers[i];

		if (t->removed || t->due_us < 0 || t->due_us > now)
			continue;
		t->due_us = -1;
		t->due(t->arg);
	}
}

static void sweep(struct loop *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->watch_count; i++) {
		if (l->watches[i].fd >= 0)
			l->watches[kept++] = l->watches[i];
	}
	l->watch_count = kept;
	kept = 0;
	for (size_t i = 0; i < l->timer_count; i++) {
		if (l->timers[i]->removed)
			free(l->timers[i]);
		else
			l->timers[kept++] = l->timers[i];
	}
	l->timer_count = kept;
}

int loop_turn(struct loop *l, int max_wait_ms, struct err *err)
{
	size_t count = l->watch_count;
	size_t kept = 0;

	l->fds = mem_grow(l->fds, &l->fd_cap, count + 1, sizeof(*l->fds));
	for (size_t i = 0; i < count; i++) {
		if (l->watches[i].fd < 0)
			continue;
		l->watches[kept] = l->watches[i];
		l->fds[kept++] = (struct curl_waitfd){.fd = l->watches[i].fd, .events = CURL_WAIT_POLLIN};
	}
	l->watch_count = kept;
	CURLMcode code = curl_multi_poll(l->multi, l->fds, (unsigned)kept, wait_ms(l, max_wait_ms), NULL);
	if (code != CURLM_OK)
		return err_set(err, "event loop: waiting failed: %s", curl_multi_strerror(code));
	call_watches(l, kept);
	finish_transfers(l);
	call_timers(l);
	run_jobs(l);
	sweep(l);
	return 0;
}

int loop_run(struct loop *l, struct err *err)
{
	while (!atomic_load(&l->stopping)) {
		if (loop_turn(l, WAIT_MAX_MS, err))
			return -1;
	}
	return 0;
}
