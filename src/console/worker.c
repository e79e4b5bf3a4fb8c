/* Deadlines are of the monotonic clock: a clock that is set must not stop a beat. */
#include "console/worker.h"

#include <time.h>
#include <unistd.h>

#include "base/clock.h"

void worker_init(struct worker *w, int wake_fd)
{
	pthread_condattr_t monotonic;

	*w = (struct worker){.wake_fd = wake_fd, .ended = true};
	pthread_mutex_init(&w->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;

	w->run(w->owner);
	pthread_mutex_lock(&w->mutex);
	w->ended = true;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

void worker_start(struct worker *w, void (*run)(void *owner), void *owner)
{
	w->run = run;
	w->owner = owner;
	w->ended = false;
	w->started = pthread_create(&w->thread, NULL, run_worker, w) == 0;
	if (!w->started)
		w->ended = true;
}

void worker_lock(struct worker *w)
{
	pthread_mutex_lock(&w->mutex);
}

void worker_unlock(struct worker *w)
{
	pthread_mutex_unlock(&w->mutex);
}

bool worker_sleep(struct worker *w, int64_t due_us)
{
	struct timespec until = {.tv_sec = (time_t)(due_us / US_PER_S), .tv_nsec = (long)(due_us % US_PER_S * 1000)};

	if (due_us == INT64_MAX)
		return pthread_cond_wait(&w->wake, &w->mutex) == 0;
	return pthread_cond_timedwait(&w->wake, &w->mutex, &until) == 0;
}

void worker_poke(struct worker *w)
{
	pthread_cond_signal(&w->wake);
}

bool worker_has_ended(const struct worker *w)
{
	return w->ended;
}

void worker_wake_ui(const struct worker *w)
{
	char byte = 1;

	if (write(w->wake_fd, &byte, 1) < 0)
		return; /* a full pipe already says enough */
}

bool worker_stop(struct worker *w, int64_t wait_us)
{
	int64_t due_us = clock_mono_us() + wait_us;
	bool ended;

	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_broadcast(&w->wake);
	while (!w->ended && worker_sleep(w, due_us))
		;
	ended = w->ended;
	pthread_mutex_unlock(&w->mutex);
	if (!ended) {
		pthread_detach(w->thread);
		return false;
	}
	if (w->started)
		pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->mutex);
	return true;
}
