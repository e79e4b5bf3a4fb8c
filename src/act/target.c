/* Two queues under one mutex, jobs to do and answers to give, with a worker thread between them that
 * lives as long as the target. The loop is told of each answer by loop_post() with the target as its
 * argument, so that target_close() can take that back.
 * What was done is remembered by its key, so that a second ask for the same action sends nothing. */
#include "act/target.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "core/section.h"

#define KEYS_MAX 64 /* remembered actions */
#define KEY_BYTES 72

struct job {
	struct job *next;
	struct arena arena; /* the ask's texts */
	struct act_ask ask;
	const char *saw;
	int64_t timeout_us;
	struct target_answer answer;
	void (*done)(void *arg, const struct target_answer *answer);
	void *arg;
};

struct jobs {
	struct job *first, *last;
};

/* What became of an action. Worker's thread only. */
struct deed {
	char key[KEY_BYTES];
	enum target_job job;
	bool done; /* else: may have been done */
};

struct target {
	struct loop *loop;
	const struct actuator *actuator;
	void *state;
	union option_value *options;
	struct arena arena; /* the env's texts */
	struct act_env env;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct jobs todo, answered; /* under lock */
	bool closing;               /* under lock */
	atomic_bool stop;
	size_t waiting;            /* loop's thread */
	struct deed deeds[KEYS_MAX];
	size_t deed_count;         /* ever */
};

static void job_free(struct job *j)
{
	act_plan_fini(&j->answer.plan);
	act_sight_fini(&j->answer.sight);
	arena_fini(&j->arena);
	free(j);
}

/* ── on the worker's thread ────────────────────────────────────────────────────────────────── */

static struct deed *deed_of(struct target *t, const char *key)
{
	size_t kept = t->deed_count < KEYS_MAX ? t->deed_count : KEYS_MAX;

	for (size_t i = 0; i < kept; i++) {
		if (strcmp(t->deeds[i].key, key) == 0)
			return &t->deeds[i];
	}
	return NULL;
}

static void remember(struct target *t, const struct job *j)
{
	struct deed *d = deed_of(t, j->ask.key);
	bool done = j->answer.result == ACT_OK;

	if (!done && !j->answer.why.maybe_changed)
		return;
	if (!d)
		d = &t->deeds[t->deed_count++ % KEYS_MAX];
	*d = (struct deed){.job = j->answer.job, .done = done};
	strncat(d->key, j->ask.key, sizeof(d->key) - 1);
}

/* A verb that says where to be can be said twice; one that says how far to go cannot. */
static bool is_absolute(enum act_verb v)
{
	return v != ACT_STEP && v != ACT_UNDO_REVISION && v != ACT_RETRY_ROLLOUT;
}

/* The key was seen before. True when the answer is there without anything being sent. */
static bool answer_from_memory(struct target *t, struct job *j, const struct deed *d)
{
	struct target_answer *a = &j->answer;

	if (d->job != a->job) {
		a->result = act_fail(&a->why, ACT_CHANGED, "%s: the key %s was used for another action: plan again",
		                     t->env.target, d->key);
		return true;
	}
	if (d->done) {
		a->result = ACT_OK;
		a->repeated = true;
		return true;
	}
	if (a->job == TARGET_UNDO || is_absolute(j->ask.verb))
		return false;
	a->result = t->actuator->verify(t->state, &j->ask, &a->sight, &a->why);
	act_sight_fini(&a->sight);
	if (a->result == ACT_OK) {
		a->repeated = true;
		return true;
	}
	a->why.maybe_changed = true;
	a->result = act_fail(&a->why, ACT_CHANGED, "%s: whether the %s was taken could not be told: look at the target "
	                     "and plan again", t->env.target, act_verb_name(j->ask.verb));
	return true;
}

static void run_change(struct target *t, struct job *j)
{
	struct target_answer *a = &j->answer;
	const struct deed *d = deed_of(t, j->ask.key);

	if (!d || !answer_from_memory(t, j, d)) {
		a->why = (struct act_why){0};
		a->result = a->job == TARGET_APPLY ? t->actuator->apply(t->state, &j->ask, j->saw, &a->why)
		                                   : t->actuator->undo(t->state, &j->ask, j->saw, &a->why);
	}
	remember(t, j);
}

static void run(struct target *t, struct job *j)
{
	struct target_answer *a = &j->answer;
	int64_t began_us = clock_mono_us();

	j->ask.deadline_us = began_us + j->timeout_us;
	j->ask.stop = &t->stop;
	switch (a->job) {
	case TARGET_PLAN:
		a->result = t->actuator->plan(t->state, &j->ask, &a->plan, &a->why);
		break;
	case TARGET_VERIFY:
		a->result = t->actuator->verify(t->state, &j->ask, &a->sight, &a->why);
		break;
	case TARGET_OBSERVE:
		a->result = t->actuator->observe(t->state, &j->ask, &a->sight, &a->why);
		break;
	case TARGET_APPLY:
	case TARGET_UNDO:
		run_change(t, j);
		break;
	}
	if (a->job == TARGET_VERIFY || a->job == TARGET_OBSERVE)
		a->sight.at_us = clock_wall_us();
	a->took_us = clock_mono_us() - began_us;
}

static void push(struct jobs *list, struct job *j)
{
	j->next = NULL;
	if (list->last)
		list->last->next = j;
	else
		list->first = j;
	list->last = j;
}

static struct job *pop(struct jobs *list)
{
	struct job *j = list->first;

	if (!j)
		return NULL;
	list->first = j->next;
	if (!list->first)
		list->last = NULL;
	return j;
}

/* On the loop's thread; done() may close the target. */
static void deliver(void *arg)
{
	struct target *t = arg;

	pthread_mutex_lock(&t->lock);
	struct job *j = pop(&t->answered);
	pthread_mutex_unlock(&t->lock);
	t->waiting--;
	j->done(j->arg, &j->answer);
	job_free(j);
}

static struct job *take(struct target *t)
{
	pthread_mutex_lock(&t->lock);
	while (!t->todo.first && !t->closing)
		pthread_cond_wait(&t->wake, &t->lock);
	struct job *j = t->closing ? NULL : pop(&t->todo);

	pthread_mutex_unlock(&t->lock);
	return j;
}

static void *work(void *arg)
{
	struct target *t = arg;
	sigset_t all;

	/* signals are the main thread's; a pipe or socket that breaks is an error code here */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (struct job *j; (j = take(t)) != NULL;) {
		run(t, j);
		pthread_mutex_lock(&t->lock);
		push(&t->answered, j);
		pthread_mutex_unlock(&t->lock);
		loop_post(t->loop, deliver, t);
	}
	return NULL;
}

/* ── on the loop's thread ──────────────────────────────────────────────────────────────────── */

static void copy_env(struct target *t, const struct target_settings *s)
{
	struct buf name = {0};

	if (s->name || s->section->name)
		buf_puts(&name, s->name ? s->name : s->section->name);
	else
		buf_printf(&name, "%s %zu", s->section->kind, s->index + 1);
	t->env = (struct act_env){.section = s->section, .options = t->options, .arm_count = s->arm_count};
	t->env.target = arena_copy(&t->arena, name.data, name.len);
	t->env.rollout = arena_copy(&t->arena, s->rollout, strlen(s->rollout));
	for (size_t i = 0; i < s->arm_count; i++) {
		t->env.arms[i].deployment = arena_copy(&t->arena, s->arms[i].deployment, strlen(s->arms[i].deployment));
		t->env.arms[i].role = arena_copy(&t->arena, s->arms[i].role, strlen(s->arms[i].role));
	}
	buf_fini(&name);
}

static void target_free(struct target *t)
{
	if (t->state)
		t->actuator->close(t->state);
	free(t->options);
	arena_fini(&t->arena);
	free(t);
}

static int check_settings(const struct target_settings *s, const struct actuator *a, struct err *err)
{
	if (!a)
		return err_set(err, "%s:%d:%d: rollout %s: there is no actuator kind `%s` in this version: see llmdeck(5)",
		               s->config_path, s->section->line, s->section->column, s->rollout, s->section->kind);
	if (a->invented && !s->demo)
		return err_set(err, "%s:%d:%d: rollout %s: the actuator `%s` moves no real traffic: it is for the demo only",
		               s->config_path, s->section->line, s->section->column, s->rollout, s->section->kind);
	if (s->arm_count < 2 || s->arm_count > ROLLOUT_ARMS_MAX)
		return err_set(err, "%s:%d:%d: rollout %s: needs 2 to %d arms", s->config_path, s->section->line,
		               s->section->column, s->rollout, ROLLOUT_ARMS_MAX);
	return 0;
}

int target_open(struct target **out, const struct target_settings *s, struct err *err)
{
	const struct actuator *a = actuator_find(s->section->kind);

	*out = NULL;
	if (check_settings(s, a, err))
		return -1;
	struct target *t = mem_zalloc(sizeof(*t));

	t->loop = s->loop;
	t->actuator = a;
	t->options = section_options(a->options, s->section, "actuator", s->config_path, err);
	if (!t->options)
		goto fail;
	copy_env(t, s);
	t->state = a->open(&t->env, err);
	if (!t->state) {
		err_wrap(err, "%s:%d:%d: rollout %s", s->config_path, s->section->line, s->section->column, s->rollout);
		goto fail;
	}
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->wake, NULL);
	if (pthread_create(&t->thread, NULL, work, t)) {
		err_set(err, "rollout %s: no thread for its target: check the limit of processes", s->rollout);
		pthread_cond_destroy(&t->wake);
		pthread_mutex_destroy(&t->lock);
		goto fail;
	}
	*out = t;
	return 0;
fail:
	target_free(t);
	return -1;
}

void target_close(struct target **target)
{
	struct target *t = *target;

	if (!t)
		return;
	*target = NULL;
	atomic_store(&t->stop, true);
	pthread_mutex_lock(&t->lock);
	t->closing = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	loop_unpost(t->loop, t);
	for (struct job *j; (j = pop(&t->todo)) != NULL;)
		job_free(j);
	for (struct job *j; (j = pop(&t->answered)) != NULL;)
		job_free(j);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	target_free(t);
}

const char *target_name(const struct target *t)
{
	return t->env.target;
}

const struct actuator *target_actuator(const struct target *t)
{
	return t->actuator;
}

size_t target_waiting(const struct target *t)
{
	return t->waiting;
}

static const char *copy_text(struct arena *arena, const char *text)
{
	return text ? arena_copy(arena, text, strlen(text)) : NULL;
}

static void copy_ask(struct job *j, const struct act_ask *ask)
{
	j->ask = *ask;
	for (size_t i = 0; i < ask->arm_count; i++)
		j->ask.arms[i].deployment = copy_text(&j->arena, ask->arms[i].deployment);
	j->ask.arm = copy_text(&j->arena, ask->arm);
	j->ask.key = copy_text(&j->arena, ask->key ? ask->key : "");
	j->ask.reason = copy_text(&j->arena, ask->reason);
	j->ask.actor = copy_text(&j->arena, ask->actor);
}

void target_begin(struct target *t, enum target_job job, const struct act_ask *ask, const char *saw,
                  int64_t timeout_us, void (*done)(void *arg, const struct target_answer *answer), void *arg)
{
	struct job *j = mem_zalloc(sizeof(*j));
	bool reads = job == TARGET_PLAN || job == TARGET_OBSERVE;

	j->answer.job = job;
	j->done = done;
	j->arg = arg;
	j->timeout_us = timeout_us ? timeout_us : t->actuator->timeout_us / (reads ? 4 : 1);
	if (ask)
		copy_ask(j, ask);
	j->saw = copy_text(&j->arena, saw);
	t->waiting++;
	pthread_mutex_lock(&t->lock);
	push(&t->todo, j);
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}
