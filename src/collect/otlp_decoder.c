/* Two lists under one mutex: what is to do, and what is done. The thread posts one job to the loop for
 * however many bodies have ended meanwhile. */
#include "collect/otlp_decoder.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/inflate.h"

struct list {
	struct otlp_job *first, **end;
};

struct otlp_decoder {
	struct loop *loop;
	struct otlp_intake *intake;
	size_t body_max_bytes;
	void (*done)(void *arg, struct otlp_job *job);
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock; /* guards everything below */
	pthread_cond_t arrived;
	struct list todo, ended;
	bool posted, stopping;
	struct buf plain; /* the thread's own: the unpacked body */
};

static void list_init(struct list *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void list_push(struct list *l, struct otlp_job *job)
{
	job->next = NULL;
	*l->end = job;
	l->end = &job->next;
}

static struct otlp_job *list_pop(struct list *l)
{
	struct otlp_job *job = l->first;

	if (job) {
		l->first = job->next;
		if (!l->first)
			l->end = &l->first;
	}
	return job;
}

/* What a body unpacks to stays in the buffer for the next one, but not a huge one's. */
#define PLAIN_KEPT_BYTES ((size_t)4 << 20)

static enum otlp_verdict unpack(struct otlp_decoder *d, struct otlp_job *job, struct str *body)
{
	if (d->plain.cap > PLAIN_KEPT_BYTES)
		buf_fini(&d->plain);
	buf_reset(&d->plain);
	if (inflate_body(job->body, d->body_max_bytes, &d->plain, &job->err))
		return d->plain.len > d->body_max_bytes ? OTLP_TOO_LARGE : OTLP_DAMAGED;
	*body = buf_str(&d->plain);
	return OTLP_DECODED;
}

static void decode(struct otlp_decoder *d, struct otlp_job *job)
{
	struct str body = job->body;

	job->verdict = job->gzip ? unpack(d, job, &body) : OTLP_DECODED;
	if (job->verdict != OTLP_DECODED)
		return;
	job->batch = batch_new();
	if (otlp_intake_body(d->intake, job->signal, job->json, body, clock_wall_us(), job->batch, &job->tally, &job->err)) {
		job->verdict = OTLP_DAMAGED;
		batch_free(&job->batch);
	}
}

/* On the loop's thread. */
static void hand_back(void *arg)
{
	struct otlp_decoder *d = arg;
	struct otlp_job *job, *next;

	pthread_mutex_lock(&d->lock);
	job = d->ended.first;
	list_init(&d->ended);
	d->posted = false;
	pthread_mutex_unlock(&d->lock);
	for (; job; job = next) {
		next = job->next;
		d->done(d->arg, job);
	}
}

static void *decoder_main(void *arg)
{
	struct otlp_decoder *d = arg;
	struct otlp_job *job;

	pthread_mutex_lock(&d->lock);
	while (!d->stopping) {
		job = list_pop(&d->todo);
		if (!job) {
			pthread_cond_wait(&d->arrived, &d->lock);
			continue;
		}
		pthread_mutex_unlock(&d->lock);
		decode(d, job);
		pthread_mutex_lock(&d->lock);
		list_push(&d->ended, job);
		if (!d->posted)
			loop_post(d->loop, hand_back, d);
		d->posted = true;
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* The thread takes no signals: they are the I/O thread's. */
static int start_thread(struct otlp_decoder *d)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&d->thread, NULL, decoder_main, d);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

static void release(struct otlp_decoder *d)
{
	otlp_intake_free(&d->intake);
	pthread_cond_destroy(&d->arrived);
	pthread_mutex_destroy(&d->lock);
	buf_fini(&d->plain);
	free(d);
}

struct otlp_decoder *otlp_decoder_new(const char *source, const struct price_table *prices, struct loop *loop,
                                      size_t body_max_bytes, void (*done)(void *arg, struct otlp_job *job), void *arg,
                                      struct err *err)
{
	struct otlp_decoder *d = mem_zalloc(sizeof(*d));

	d->loop = loop;
	d->body_max_bytes = body_max_bytes;
	d->done = done;
	d->arg = arg;
	d->intake = otlp_intake_new(source, prices);
	list_init(&d->todo);
	list_init(&d->ended);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->arrived, NULL);
	int failed = start_thread(d);

	if (failed) {
		release(d);
		err_set(err, "source %s: its thread does not start: %s", source, strerror(failed));
		return NULL;
	}
	return d;
}

void otlp_decoder_put(struct otlp_decoder *d, struct otlp_job *job)
{
	pthread_mutex_lock(&d->lock);
	list_push(&d->todo, job);
	pthread_cond_signal(&d->arrived);
	pthread_mutex_unlock(&d->lock);
}

void otlp_decoder_free(struct otlp_decoder **out)
{
	struct otlp_decoder *d = *out;
	struct otlp_job *job;

	if (!d)
		return;
	*out = NULL;
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	pthread_cond_signal(&d->arrived);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	loop_unpost(d->loop, d);
	while ((job = list_pop(&d->todo))) {
		err_set(&job->err, "the collector is ending: send it again");
		list_push(&d->ended, job);
	}
	hand_back(d);
	release(d);
}
