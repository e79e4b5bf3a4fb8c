/* What the telemetry says about the arms. One thread with a reader of its own: the questions of all
 * rollouts go in together, the answers come back one by one as jobs of the loop. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/rollouts_private.h"

const enum metric shown_metrics[SHOWN_COUNT] = {
	[SHOWN_P50] = METRIC_LATENCY_P50, [SHOWN_P95] = METRIC_LATENCY_P95, [SHOWN_TTFT] = METRIC_TTFT_P95,
	[SHOWN_ERRORS] = METRIC_ERROR_RATE, [SHOWN_COST] = METRIC_COST_PER_1K, [SHOWN_FLAGS] = METRIC_FLAGS_PER_1K,
	[SHOWN_NEGATIVE] = METRIC_NEGATIVE_SHARE,
};

/* ── judging ───────────────────────────────────────────────────────────────────────────────── */

static void show_arm(const struct figures *f, struct evidence_arm *out)
{
	out->requests = f->requests;
	out->errors = f->errors;
	out->input_tokens = f->input_tokens;
	out->output_tokens = f->output_tokens;
	out->feedback = f->feedback;
	out->positive = f->positive;
	out->negative = f->negative;
	out->lower_bound = f->errors_lower_bound > 0;
	for (size_t i = 0; i < SHOWN_COUNT; i++)
		out->shown[i] = metric_value(shown_metrics[i], f, 1);
}

/* Why the candidate may not pass whatever its figures are; NULL: it may. */
static const char *why_not(const struct question *q, const struct evidence *e, size_t arm)
{
	int64_t total = 0;

	for (size_t i = 0; i < q->config->arm_count; i++)
		total += e->arms[i].requests;
	if (e->arms[arm].lower_bound || e->arms[0].lower_bound)
		return "its error rate is a lower bound: failing calls may leave no trace";
	if (ab_share_is_low(e->arms[arm].requests, total, q->shares.percent[arm] / 100))
		return "less traffic arrives than its weight: failing calls may leave no trace";
	return NULL;
}

static struct ab_scores scores_of(const struct score_result *scores, const char *deployment, const char *name)
{
	for (size_t i = 0; scores && i < scores->row_count; i++) {
		const struct score_row *row = &scores->rows[i];

		if (strcmp(row->deployment, deployment) == 0 && strcmp(row->name, name) == 0)
			return (struct ab_scores){row->count, row->mean, row->variance};
	}
	return (struct ab_scores){0, NAN, NAN};
}

static void judge_arm(const struct question *q, const struct figures *const arms[ROLLOUT_ARMS_MAX],
                      const struct score_result *scores, size_t arm, struct evidence *out)
{
	const struct config_rollout *c = q->config;
	const char *reason = why_not(q, out, arm);

	for (size_t i = 0; i < c->guardrail_count; i++) {
		unsigned tests = (unsigned)(c->guardrail_count * (c->arm_count - 1));
		struct ab_rule rule = {
			.metric = c->guardrails[i].metric, .worse_by = c->guardrails[i].worse_by,
			.relative = c->guardrails[i].relative, .alpha = ab_alpha_of(AB_ALPHA, q->stretch, tests),
			.may_pass = !reason, .why_not = reason,
		};

		const char *evaluation = guardrail_evaluation(&c->guardrails[i]);

		if (evaluation) {
			struct ab_scores stable = scores_of(scores, c->arms[0], evaluation);
			struct ab_scores candidate = scores_of(scores, c->arms[arm], evaluation);

			ab_judge_scores(&rule, c->guardrails[i].low_is_better, &stable, &candidate, &out->judged[arm][i]);
		} else {
			ab_judge(&rule, arms[0], arms[arm], &out->judged[arm][i]);
		}
	}
}

/* Nothing tells the arms apart: every verdict is unknown, and the words say what to set. */
static void judge_nothing(const struct question *q, struct evidence *out)
{
	err_set(&out->words, "%s: no request says which of its arms answered: set llmdeck.deployment (or service.version) to %s "
	        "or %s in the application's telemetry, or `deployment` at the source", q->config->service, q->config->arms[0],
	        q->config->arms[1]);
	for (size_t arm = 1; arm < q->config->arm_count; arm++) {
		for (size_t i = 0; i < q->config->guardrail_count; i++)
			out->judged[arm][i] = (struct ab_judgement){.verdict = AB_UNKNOWN, .difference = NAN, .limit = NAN};
	}
}

void evidence_judge(const struct question *q, const struct figures *const arms[ROLLOUT_ARMS_MAX],
                    const struct figures *rest, const struct score_result *scores, struct evidence *out)
{
	int64_t marked = 0;

	*out = (struct evidence){.taken = true, .from_us = q->from_us, .to_us = q->to_us, .unmarked = rest->requests};
	for (size_t i = 0; i < q->config->arm_count; i++) {
		show_arm(arms[i], &out->arms[i]);
		marked += arms[i]->requests;
	}
	out->requests = marked + rest->requests;
	/* Nothing at all in a quiet hour is not a missing mark. */
	out->known = marked > 0 || rest->requests == 0;
	if (!out->known) {
		judge_nothing(q, out);
		return;
	}
	for (size_t arm = 1; arm < q->config->arm_count; arm++)
		judge_arm(q, arms, scores, arm, out);
}

/* ── asking the store ──────────────────────────────────────────────────────────────────────── */

static int make_view(const struct question *q, int64_t from_us, struct view *v, struct err *err)
{
	struct buf text = {0};
	int failed;

	*v = (struct view){.from_us = from_us, .to_us = q->to_us, .by = {DIM_DEPLOYMENT}, .by_count = 1};
	buf_printf(&text, "service=%s", q->config->service);
	failed = view_add_filter(v, buf_str(&text), err);
	if (!failed && q->config->environment) {
		buf_reset(&text);
		buf_printf(&text, "environment=%s", q->config->environment);
		failed = view_add_filter(v, buf_str(&text), err);
	}
	buf_fini(&text);
	return failed;
}

static size_t arm_of(const struct config_rollout *c, const char *deployment)
{
	size_t arm = 0;

	while (arm < c->arm_count && strcmp(c->arms[arm], deployment) != 0)
		arm++;
	return arm;
}

static unsigned needs_of(const struct config_rollout *c)
{
	unsigned needs = NEED_LATENCY | NEED_TTFT;

	for (size_t i = 0; i < c->guardrail_count; i++)
		needs |= c->guardrails[i].evaluation[0] ? 0 : ab_needs(c->guardrails[i].metric);
	return needs;
}

/* Left empty where no guardrail looks at scores. */
static int take_scores(struct store_reader *reader, const struct question *q, struct score_result *out, struct err *err)
{
	const struct config_rollout *c = q->config;

	*out = (struct score_result){.row_count = 0};
	for (size_t i = 0; i < c->guardrail_count; i++) {
		if (c->guardrails[i].evaluation[0])
			return query_scores(reader, str_of(c->service), str_of(c->environment ? c->environment : ""), q->from_us,
			                    q->to_us, out, err);
	}
	return 0;
}

static int count_watched(struct store_reader *reader, const struct question *q, struct evidence *out)
{
	struct figures_result res;
	struct view v;

	if (q->watch_us >= q->to_us)
		return 0;
	if (make_view(q, q->watch_us, &v, &out->words) || query_figures(reader, &v, 0, 0, &res, &out->words))
		return -1;
	for (size_t i = 0; i < res.group_count; i++) {
		size_t arm = arm_of(q->config, res.groups[i].key[0]);

		if (arm < q->config->arm_count)
			out->arms[arm].watched = res.groups[i].total.requests;
	}
	figures_result_fini(&res);
	return 0;
}

void evidence_take(struct store_reader *reader, const struct question *q, struct evidence *out)
{
	static const struct figures empty;
	const struct figures *arms[ROLLOUT_ARMS_MAX];
	struct figures rest = {0};
	struct figures_result res;
	struct score_result scores;
	struct view v;

	*out = (struct evidence){0};
	if (q->from_us >= q->to_us)
		return; /* the stretch has just begun */
	if (make_view(q, q->from_us, &v, &out->words) || take_scores(reader, q, &scores, &out->words))
		return;
	if (query_figures(reader, &v, needs_of(q->config), 0, &res, &out->words)) {
		score_result_fini(&scores);
		return;
	}
	for (size_t i = 0; i < ROLLOUT_ARMS_MAX; i++)
		arms[i] = &empty;
	for (size_t i = 0; i < res.group_count; i++) {
		size_t arm = arm_of(q->config, res.groups[i].key[0]);

		if (arm < q->config->arm_count)
			arms[arm] = &res.groups[i].total;
		else
			rest.requests += res.groups[i].total.requests;
	}
	evidence_judge(q, arms, &rest, &scores, out);
	score_result_fini(&scores);
	figures_result_fini(&res);
	if (q->watch_us && count_watched(reader, q, out))
		out->taken = false;
}

/* ── the thread ────────────────────────────────────────────────────────────────────────────── */

struct evidence_thread {
	struct loop *loop;
	char *store_path;
	void (*answer)(void *arg, size_t index, const struct evidence *e);
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t asked;
	bool stopping;
	bool pending; /* asked, and not begun */
	bool working; /* until the answers are told: questions and answers are the thread's and the job's */
	struct question *questions;
	struct evidence *answers;
	size_t count;
	struct store_reader *reader; /* the thread's own; guarded for interrupting */
};

static void tell_answers(void *arg)
{
	struct evidence_thread *t = arg;

	for (size_t i = 0; i < t->count; i++)
		t->answer(t->arg, i, &t->answers[i]);
	pthread_mutex_lock(&t->lock);
	t->working = false;
	pthread_mutex_unlock(&t->lock);
}

static void answer_all(struct evidence_thread *t)
{
	struct err err = {""};

	if (!t->reader) {
		struct store_reader *reader = NULL;

		if (store_reader_open(&reader, t->store_path, &err))
			reader = NULL;
		pthread_mutex_lock(&t->lock);
		t->reader = reader;
		pthread_mutex_unlock(&t->lock);
	}
	for (size_t i = 0; i < t->count; i++) {
		if (t->reader)
			evidence_take(t->reader, &t->questions[i], &t->answers[i]);
		else
			t->answers[i] = (struct evidence){.words = err};
	}
}

static void *evidence_main(void *arg)
{
	struct evidence_thread *t = arg;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		while (!t->stopping && !t->pending)
			pthread_cond_wait(&t->asked, &t->lock);
		if (t->stopping)
			break;
		t->pending = false;
		pthread_mutex_unlock(&t->lock);
		answer_all(t);
		loop_post(t->loop, tell_answers, t);
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

struct evidence_thread *evidence_thread_start(struct loop *loop, const char *store_path,
                                              void (*answer)(void *arg, size_t index, const struct evidence *e), void *arg)
{
	struct evidence_thread *t = mem_zalloc(sizeof(*t));
	sigset_t all, before;

	t->loop = loop;
	t->store_path = mem_strdup(store_path);
	t->answer = answer;
	t->arg = arg;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->asked, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&t->thread, NULL, evidence_main, t);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failed)
		return t;
	log_error("rollouts: the evidence's thread does not start: %s: nothing is judged", strerror(failed));
	free(t->store_path);
	free(t);
	return NULL;
}

bool evidence_thread_ask(struct evidence_thread *t, const struct question *questions, size_t count)
{
	bool taken = false;

	pthread_mutex_lock(&t->lock);
	if (!t->working) {
		t->questions = mem_array(t->questions, count + 1, sizeof(*questions));
		t->answers = mem_array(t->answers, count + 1, sizeof(*t->answers));
		memcpy(t->questions, questions, count * sizeof(*questions));
		t->count = count;
		t->working = t->pending = taken = true;
		pthread_cond_signal(&t->asked);
	}
	pthread_mutex_unlock(&t->lock);
	return taken;
}

void evidence_thread_stop(struct evidence_thread **out)
{
	struct evidence_thread *t = *out;

	if (!t)
		return;
	*out = NULL;
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	if (t->reader)
		store_reader_interrupt(t->reader);
	pthread_cond_signal(&t->asked);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	loop_unpost(t->loop, t);
	store_reader_close(&t->reader);
	free(t->questions);
	free(t->answers);
	free(t->store_path);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->asked);
	free(t);
}
