/* Time goes in steps of 100 ms. In each step every service draws how many of its requests end in it:
 * a Poisson count around its rate, which follows the hour of the day, a gamma-distributed wobble
 * that lasts a second, and a two-state chain of calm and bursts. A request is drawn by its
 * completion, so that nothing has to be remembered between steps but the feedback that is still to
 * come. All randomness comes from one generator in one fixed order. */
#include "collect/demo_trace.h"
#include "collect/demo_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "collect/demo_fleet.h"

#define STEP_US (100 * US_PER_MS)
#define STEP_S 0.1
#define WOBBLE_STEPS 10 /* one second */
#define WOBBLE_SHAPE 6.0
#define BURST_FACTOR 2.5
#define CALM_MEAN_S 120.0
#define BURST_MEAN_S 9.0
#define DAY_SWING 0.25
#define BUSIEST_HOUR_UTC 14.0
#define INCIDENT_AFTER_US (60 * US_PER_S)
#define INCIDENT_RAMP_US (60 * US_PER_S)
#define REPORT_EVERY_US (30 * US_PER_S)
#define STAGING_SHARE 0.05
#define USERS 4000
#define SESSION_US (20 * US_PER_MIN)
#define CACHE_BLOCK 128 /* tokens: caches hold whole blocks */
#define CACHE_FROM 1024 /* shorter prompts are not cached */

struct pending_feedback {
	int64_t due_us;
	uint8_t trace_id[16];
	struct str dims[DIM_COUNT];
	size_t service;
	uint32_t user;
	double badness;
};

struct service_state {
	double wobble, burst_left_s, calm_left_s;
};

/* The one place that says where a rollout's traffic goes. */
struct rollout_share {
	double percent; /* the candidate's */
	size_t next_step;
	bool manual;    /* set from outside: the schedule is over */
	bool changed;
	int64_t report_due_us;
};

struct demo_model {
	struct demo_settings settings;
	struct demo_random random;
	int64_t at_us; /* start of the next step */
	uint64_t step;
	struct service_state services[DEMO_SERVICES];
	struct rollout_share shares[DEMO_ROLLOUTS];
	struct pending_feedback *pending;
	size_t pending_count, pending_cap;
	struct buf text;
};

struct demo_model *demo_model_new(const struct demo_settings *s)
{
	struct demo_model *m = mem_zalloc(sizeof(*m));

	m->settings = *s;
	demo_random_init(&m->random, s->seed);
	m->at_us = s->live_from_us - s->history_us;
	for (size_t i = 0; i < DEMO_SERVICES; i++) {
		m->services[i].wobble = 1;
		m->services[i].calm_left_s = demo_random_exponential(&m->random, CALM_MEAN_S);
	}
	for (size_t i = 0; i < DEMO_ROLLOUTS; i++) {
		m->shares[i].changed = true;
		m->shares[i].report_due_us = m->at_us;
	}
	return m;
}

void demo_model_free(struct demo_model **m)
{
	if (!*m)
		return;
	free((*m)->pending);
	buf_fini(&(*m)->text);
	free(*m);
	*m = NULL;
}

double demo_model_incident(const struct demo_model *m, int64_t at_us)
{
	if (!m->settings.incident)
		return 0;
	double since_us = (double)(at_us - m->settings.live_from_us) * m->settings.speed;
	double badness = (since_us - (double)INCIDENT_AFTER_US) / (double)INCIDENT_RAMP_US;

	return badness < 0 ? 0 : badness > 1 ? 1 : badness;
}

/* ── rollouts ──────────────────────────────────────────────────────────────────────────────── */

static void set_share(struct rollout_share *share, double percent)
{
	share->percent = percent;
	share->changed = true;
}

bool demo_model_set_share(struct demo_model *m, struct str rollout, double percent)
{
	for (size_t i = 0; i < DEMO_ROLLOUTS; i++) {
		if (!str_equal_c(rollout, demo_rollouts[i].name))
			continue;
		m->shares[i].manual = true;
		set_share(&m->shares[i], percent);
		return true;
	}
	return false;
}

double demo_model_share(const struct demo_model *m, size_t rollout)
{
	return m->shares[rollout].percent;
}

static void follow_schedule(struct demo_model *m, size_t index)
{
	const struct demo_rollout *r = &demo_rollouts[index];
	struct rollout_share *share = &m->shares[index];

	while (!share->manual && share->next_step < r->step_count) {
		double before_us = r->steps[share->next_step].before_live_s * (double)US_PER_S;

		/* A history that is shorter than the schedule begins with the steps already taken. */
		if (m->at_us < m->settings.live_from_us - (int64_t)before_us)
			break;
		set_share(share, r->steps[share->next_step++].percent);
	}
}

static struct rollout_arm arm(const char *deployment, const char *role, double percent)
{
	return (struct rollout_arm){str_of(deployment), str_of(role), percent, percent};
}

static const char *reason_of(const struct demo_rollout *r, const struct rollout_share *share)
{
	if (share->manual)
		return share->percent > 0 ? "set by hand" : "rolled back by hand";
	return share->next_step == r->step_count ? r->reason : "";
}

static void report_rollout(struct demo_model *m, size_t index, struct batch *b)
{
	const struct demo_rollout *r = &demo_rollouts[index];
	struct rollout_share *share = &m->shares[index];

	if (!share->changed && m->at_us < share->report_due_us)
		return;
	struct rollout_state *state = batch_add_rollout(b);

	state->time_us = m->at_us;
	state->name = str_of(r->name);
	state->service = str_of(demo_services[r->service].name);
	state->environment = STR_LIT("prod");
	state->phase = str_of(share->manual && share->percent <= 0 ? "paused" : r->phase);
	state->reason = str_of(reason_of(r, share));
	state->arms[0] = arm(r->stable, "stable", 100 - share->percent);
	state->arms[1] = arm(r->candidate, "candidate", share->percent);
	state->arm_count = 2;
	share->changed = false;
	share->report_due_us = m->at_us + REPORT_EVERY_US;
}

/* ── one request ───────────────────────────────────────────────────────────────────────────── */

static const struct demo_choice *choose(struct demo_random *r, const struct demo_choice *table, size_t count)
{
	double u = demo_random_unit(r);
	size_t i = 0;

	while (i < count - 1 && (u -= table[i].share) >= 0)
		i++;
	return &table[i];
}

static const struct demo_provider_model *choose_model(struct demo_random *r, const struct demo_service *s)
{
	double u = demo_random_unit(r);
	size_t i = 0;

	while (i < DEMO_MODELS_MAX - 1 && s->models[i + 1].model && (u -= s->models[i].share) >= 0)
		i++;
	return s->models[i].model;
}

/* Where the request goes: fills deployment and prompt version, returns how bad it fares there. */
static double choose_deployment(struct demo_model *m, size_t service, struct request *q)
{
	const struct demo_service *s = &demo_services[service];
	bool staging = demo_random_unit(&m->random) < STAGING_SHARE;
	double u = demo_random_unit(&m->random) * 100;

	q->dims[DIM_ENVIRONMENT] = staging ? STR_LIT("staging") : STR_LIT("prod");
	q->dims[DIM_DEPLOYMENT] = str_of(staging ? s->staging : s->deployment);
	q->attrs[ATTR_PROMPT_VERSION] = str_of(s->prompt);
	for (size_t i = 0; i < DEMO_ROLLOUTS && !staging; i++) {
		const struct demo_rollout *r = &demo_rollouts[i];

		if (r->service != service)
			continue;
		bool candidate = u < m->shares[i].percent;

		q->dims[DIM_DEPLOYMENT] = str_of(candidate ? r->candidate : r->stable);
		q->attrs[ATTR_PROMPT_VERSION] = str_of(candidate ? r->candidate_prompt : r->stable_prompt);
		return candidate && r->goes_bad ? demo_model_incident(m, m->at_us) : 0;
	}
	return 0;
}

static struct str print_text(struct demo_model *m, struct batch *b, const char *fmt, unsigned a, unsigned c)
{
	buf_reset(&m->text);
	buf_printf(&m->text, fmt, a, c);
	return batch_text(b, buf_str(&m->text), EVENT_NAME_MAX_BYTES);
}

static void fill_id(struct demo_random *r, uint8_t *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8) {
		uint64_t bits = demo_random_bits(r) | 1; /* never all zero */

		memcpy(out + i, &bits, 8);
	}
}

/* A few users ask most of the questions. */
static uint32_t choose_user(struct demo_random *r)
{
	double u = demo_random_unit(r);

	return (uint32_t)(u * u * u * USERS);
}

static struct str choose_tool(struct demo_random *r, const struct demo_service *s)
{
	struct str rest = str_of(s->tools);
	size_t count = 1, wanted;

	if (!rest.len || demo_random_unit(r) < 0.5)
		return (struct str){0};
	for (size_t i = 0; i < rest.len; i++)
		count += rest.ptr[i] == ' ';
	wanted = demo_random_below(r, count);
	while (wanted--)
		str_cut(&rest, ' ');
	return str_cut(&rest, ' ');
}

static void draw_tokens(struct demo_random *r, const struct demo_service *s,
                        const struct demo_provider_model *model, double badness, struct request *q)
{
	double input = demo_curve_draw(s->input, r) * (1 + 0.9 * badness);
	double cached = s->cached_share * (1 - 0.9 * badness) * (0.5 + demo_random_unit(r)) * input;

	q->input_tokens = (int64_t)input;
	q->cached_tokens = input < CACHE_FROM ? 0 : (int64_t)cached / CACHE_BLOCK * CACHE_BLOCK;
	if (q->cached_tokens > q->input_tokens)
		q->cached_tokens = q->input_tokens / CACHE_BLOCK * CACHE_BLOCK;
	q->output_tokens = 0;
	if (!s->output)
		return;
	q->output_tokens = (int64_t)(demo_curve_draw(s->output, r) * (1 + 1.4 * badness));
	if (model->reasoning_share > 0) {
		q->reasoning_tokens = (int64_t)((double)q->output_tokens * model->reasoning_share *
		                                (0.5 + demo_random_unit(r)));
		q->output_tokens += q->reasoning_tokens;
	}
}

static void draw_times(struct demo_model *m, size_t service, const struct demo_provider_model *model,
                       double badness, struct request *q)
{
	struct demo_random *r = &m->random;
	const struct demo_service *s = &demo_services[service];
	double crowded = m->services[service].burst_left_s > 0 ? 1.3 : 1;
	double far = str_equal_c(q->dims[DIM_REGION], demo_regions[2].name) ? 1.25 : 1;
	double prefill_ms = 0.02 * (double)(q->input_tokens - q->cached_tokens);
	double ttft_ms = (model->ttft_ms * demo_curve_draw(&demo_ttft_shape, r) * crowded + prefill_ms) *
	                 far * (1 + 1.8 * badness);
	double token_ms = model->ms_per_token * exp(0.15 * demo_random_normal(r)) * (1 + 0.8 * badness);
	double latency_ms = ttft_ms + token_ms * (double)q->output_tokens;

	q->latency_us = (int64_t)(latency_ms * (double)US_PER_MS);
	if (s->streams)
		q->ttft_us = (int64_t)(ttft_ms * (double)US_PER_MS);
}

static void draw_error(struct demo_model *m, size_t service, double badness, struct request *q)
{
	struct demo_random *r = &m->random;
	const struct demo_service *s = &demo_services[service];
	double crowded = m->services[service].burst_left_s > 0 ? 3 : 1;
	const struct demo_choice *error;

	q->status = REQUEST_OK;
	q->http_status = 200;
	q->attempt = demo_random_unit(r) < 0.015 ? 2 : 1;
	if (demo_random_unit(r) >= s->error_rate * crowded + 0.06 * badness) {
		q->finish_reason = str_of(q->attrs[ATTR_TOOL].len ? "tool_calls" : "stop");
		return;
	}
	error = choose(r, demo_errors, DEMO_ERRORS);
	q->status = REQUEST_ERROR;
	q->error_type = str_of(error->name);
	q->http_status = (uint16_t)error->detail;
	q->finish_reason = (struct str){0};
	/* Refused or broken off: nothing was used, and the answer came at once or never. */
	q->input_tokens = q->output_tokens = q->cached_tokens = 0;
	q->reasoning_tokens = UNKNOWN_INT;
	q->ttft_us = UNKNOWN_INT;
	q->latency_us = strcmp(error->name, "timeout") == 0
	                        ? 30 * US_PER_S
	                        : (int64_t)(60 * demo_random_gamma(r, 2) * (double)US_PER_MS);
}

static void draw_flag(struct demo_model *m, size_t service, double badness, struct request *q,
                      struct batch *b)
{
	struct demo_random *r = &m->random;

	if (q->status != REQUEST_OK ||
	    demo_random_unit(r) >= demo_services[service].flag_rate + 0.10 * badness)
		return;
	const struct demo_choice *category = choose(r, demo_categories, DEMO_CATEGORIES);
	int severity = 2 * (1 + (int)demo_random_below(r, 3));
	struct flag flag = {
		.category = str_of(category->name), .severity = (int8_t)severity,
		.action = severity >= 4 ? FLAG_BLOCKED : FLAG_NOTED,
	};

	if (flag.action == FLAG_BLOCKED)
		q->finish_reason = STR_LIT("content_filter");
	/* Some findings come from a checker that runs after the answer. */
	if (flag.action == FLAG_NOTED && demo_random_unit(r) < 0.3) {
		struct late_flag *late = batch_add_late_flag(b);

		late->time_us = q->end_us;
		memcpy(late->trace_id, q->trace_id, sizeof(late->trace_id));
		late->flag = flag;
		return;
	}
	struct flag *kept = arena_alloc(&b->arena, sizeof(*kept));

	*kept = flag;
	q->flags = kept;
	q->flag_count = 1;
}

/* A judge looks at one answer in four. Which, and its noise, come from the trace's id, so that the
 * fleet of a seed is the same with and without it. */
static void judge_answer(double badness, const struct request *q, struct batch *b)
{
	double noise = 0;

	if (q->trace_id[2] % 4 != 0 || q->status != REQUEST_OK)
		return;
	for (size_t i = 3; i <= 6; i++)
		noise += (q->trace_id[i] - 127.5) / 256 / 4;
	struct evaluation *e = batch_add_evaluation(b);
	double score = 0.84 - 0.22 * badness + 0.45 * noise;

	e->time_us = q->end_us;
	e->name = STR_LIT("groundedness");
	e->score = score < 0 ? 0 : score > 1 ? 1 : score;
	memcpy(e->dims, q->dims, sizeof(e->dims));
	memcpy(e->trace_id, q->trace_id, sizeof(e->trace_id));
	e->has_trace = true;
}

static void expect_feedback(struct demo_model *m, size_t service, uint32_t user, double badness, struct request *q)
{
	struct demo_random *r = &m->random;

	/* Who was annoyed says so more often. */
	if (demo_random_unit(r) >= demo_services[service].feedback_rate * (1 + 1.5 * badness))
		return;
	double delay_s = (4 + demo_random_exponential(r, 20)) / m->settings.speed;
	struct pending_feedback p = {
		.due_us = q->end_us + (int64_t)((delay_s > 90 ? 90 : delay_s) * (double)US_PER_S),
		.service = service, .user = user, .badness = badness,
	};

	memcpy(p.trace_id, q->trace_id, sizeof(p.trace_id));
	memcpy(p.dims, q->dims, sizeof(p.dims));
	demo_conversation(service, q->trace_id[1], badness > 0.3, &q->question, &q->answer);
	m->pending = mem_grow(m->pending, &m->pending_cap, m->pending_count + 1, sizeof(*m->pending));
	m->pending[m->pending_count++] = p;
}

static void add_request(struct demo_model *m, size_t service, struct batch *b)
{
	struct demo_random *r = &m->random;
	const struct demo_service *s = &demo_services[service];
	const struct demo_provider_model *model = choose_model(r, s);
	struct request *q = batch_add_request(b);
	uint32_t user = choose_user(r);

	q->end_us = m->at_us + (int64_t)(demo_random_unit(r) * (double)STEP_US);
	q->dims[DIM_SERVICE] = str_of(s->name);
	q->dims[DIM_TEAM] = str_of(s->team);
	q->dims[DIM_PROVIDER] = str_of(model->provider);
	q->dims[DIM_MODEL] = str_of(model->name);
	q->dims[DIM_REGION] = str_of(choose(r, demo_regions, DEMO_REGIONS)->name);
	double badness = choose_deployment(m, service, q);

	q->operation = str_of(s->operation);
	q->attrs[ATTR_USER] = print_text(m, b, "u-%05u", user * 7919 % 100000, 0);
	q->attrs[ATTR_SESSION] = print_text(m, b, "s-%05u-%u", user * 7919 % 100000,
	                                    (unsigned)(q->end_us / SESSION_US % 1000));
	q->attrs[ATTR_KEY] = str_of(s->team);
	q->attrs[ATTR_TOOL] = choose_tool(r, s);
	fill_id(r, q->trace_id, sizeof(q->trace_id));
	fill_id(r, q->span_id, sizeof(q->span_id));
	q->has_trace = q->has_span = true;
	draw_tokens(r, s, model, badness, q);
	draw_times(m, service, model, badness, q);
	draw_error(m, service, badness, q);
	draw_flag(m, service, badness, q, b);
	demo_trace_add(b, q, s->tools && s->tools[0], badness);
	judge_answer(badness, q, b);
	expect_feedback(m, service, user, badness, q);
}

/* ── feedback ──────────────────────────────────────────────────────────────────────────────── */

static enum mood draw_mood(struct demo_random *r, double badness)
{
	double u = demo_random_unit(r);
	double negative = 0.14 + 0.70 * badness, neutral = 0.30 * (1 - 0.7 * badness);

	return u < negative ? MOOD_NEGATIVE : u < negative + neutral ? MOOD_NEUTRAL : MOOD_POSITIVE;
}

static void rate(struct demo_random *r, enum mood mood, struct feedback *f)
{
	bool better = demo_random_unit(r) < 0.5;

	f->mood = (uint8_t)mood;
	/* A few only press a thumb. */
	if (demo_random_unit(r) < 0.2 && mood != MOOD_NEUTRAL) {
		f->score = mood == MOOD_POSITIVE ? 1 : -1;
		f->judge = STR_LIT("score");
		return;
	}
	f->rating = mood == MOOD_POSITIVE ? (better ? 5 : 4) : mood == MOOD_NEUTRAL ? 3 : better ? 2 : 1;
	f->judge = STR_LIT("rating");
}

static void add_feedback(struct demo_model *m, const struct pending_feedback *p, struct batch *b)
{
	struct demo_random *r = &m->random;
	enum mood mood = draw_mood(r, p->badness);
	struct feedback *f = batch_add_feedback(b);
	const char *language;

	f->time_us = p->due_us;
	memcpy(f->dims, p->dims, sizeof(f->dims));
	memcpy(f->trace_id, p->trace_id, sizeof(f->trace_id));
	f->has_trace = true;
	rate(r, mood, f);
	buf_reset(&m->text);
	demo_feedback_text(r, mood, p->badness > 0.3, demo_services[p->service].topic, &m->text, &language);
	f->text = batch_text(b, buf_str(&m->text), EVENT_TEXT_MAX_BYTES);
	f->language = str_of(language);
	f->user = print_text(m, b, "u-%05u", p->user * 7919 % 100000, 0);
}

static void give_feedback(struct demo_model *m, struct batch *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->pending_count; i++) {
		if (m->pending[i].due_us < m->at_us + STEP_US)
			add_feedback(m, &m->pending[i], b);
		else
			m->pending[kept++] = m->pending[i];
	}
	m->pending_count = kept;
}

/* ── one step ──────────────────────────────────────────────────────────────────────────────── */

static double day_factor(int64_t at_us)
{
	double hour = (double)(at_us % US_PER_DAY) / (double)US_PER_HOUR;

	return 1 + DAY_SWING * cos((hour - BUSIEST_HOUR_UTC) * 2 * 3.14159265358979 / 24);
}

static double rate_factor(struct demo_model *m, struct service_state *s)
{
	if (m->step % WOBBLE_STEPS == 0)
		s->wobble = demo_random_gamma(&m->random, WOBBLE_SHAPE);
	if (s->burst_left_s > 0) {
		s->burst_left_s -= STEP_S;
		if (s->burst_left_s <= 0)
			s->calm_left_s = demo_random_exponential(&m->random, CALM_MEAN_S);
		return s->wobble * BURST_FACTOR;
	}
	s->calm_left_s -= STEP_S;
	if (s->calm_left_s <= 0)
		s->burst_left_s = demo_random_exponential(&m->random, BURST_MEAN_S);
	return s->wobble;
}

static void take_step(struct demo_model *m, struct batch *b)
{
	double day = day_factor(m->at_us) * m->settings.speed * STEP_S;

	for (size_t i = 0; i < DEMO_ROLLOUTS; i++) {
		follow_schedule(m, i);
		report_rollout(m, i, b);
	}
	for (size_t i = 0; i < DEMO_SERVICES; i++) {
		double mean = demo_services[i].per_s * day * rate_factor(m, &m->services[i]);
		unsigned count = demo_random_poisson(&m->random, mean);

		while (count--)
			add_request(m, i, b);
	}
	give_feedback(m, b);
	m->at_us += STEP_US;
	m->step++;
}

int64_t demo_model_generate(struct demo_model *m, int64_t until_us, size_t max_rows, struct batch *b)
{
	while (m->at_us + STEP_US <= until_us && batch_rows(b) < max_rows)
		take_step(m, b);
	return m->at_us;
}
