/* Shares are percentages as people write them; two are the same when they differ by less than a
 * thousandth. */
#include "core/rollout.h"

#include <math.h>
#include <string.h>

#define SAME_PERCENT 0.001

static const char *const verb_names[ROLLOUT_VERB_COUNT] = {
	[ROLLOUT_SET] = "set", [ROLLOUT_STEP] = "step", [ROLLOUT_BACK] = "back", [ROLLOUT_ROLLBACK] = "rollback",
	[ROLLOUT_PROMOTE] = "promote", [ROLLOUT_HOLD] = "hold", [ROLLOUT_RESUME] = "resume",
	[ROLLOUT_REAPPLY] = "reapply", [ROLLOUT_STOP_ALL] = "stop-all",
};

const char *rollout_verb_name(enum rollout_verb v)
{
	return verb_names[v];
}

bool rollout_verb_from_name(struct str name, enum rollout_verb *out)
{
	for (int v = 0; v < ROLLOUT_VERB_COUNT; v++) {
		if (str_equal_c(name, verb_names[v])) {
			*out = (enum rollout_verb)v;
			return true;
		}
	}
	return false;
}

bool rollout_verb_moves(enum rollout_verb v)
{
	return v != ROLLOUT_HOLD && v != ROLLOUT_RESUME;
}

/* ── shares ────────────────────────────────────────────────────────────────────────────────── */

struct rollout_shares rollout_all_to(const struct config_rollout *r, size_t arm)
{
	struct rollout_shares s = {.count = r->arm_count};

	s.percent[arm] = 100;
	return s;
}

double rollout_exposure(const struct rollout_shares *s)
{
	return 100 - s->percent[0];
}

bool rollout_raises(const struct rollout_shares *now, const struct rollout_shares *wanted)
{
	for (size_t i = 1; i < wanted->count; i++) {
		/* What is not known may be less. */
		if (isnan(now->percent[i]) ? wanted->percent[i] > 0 : wanted->percent[i] > now->percent[i] + SAME_PERCENT)
			return true;
	}
	return false;
}

bool rollout_shares_equal(const struct rollout_shares *a, const struct rollout_shares *b)
{
	for (size_t i = 0; i < a->count; i++) {
		if (!(fabs(a->percent[i] - b->percent[i]) < SAME_PERCENT))
			return false;
	}
	return a->count == b->count;
}

void rollout_shares_text(const struct config_rollout *r, const struct rollout_shares *s, struct buf *out)
{
	for (size_t i = 0; i < s->count; i++) {
		if (isnan(s->percent[i]))
			buf_printf(out, "%s%s unknown", i ? ", " : "", r->arms[i]);
		else
			buf_printf(out, "%s%s %.4g %%", i ? ", " : "", r->arms[i], s->percent[i]);
	}
}

void rollout_shares_format(const struct config_rollout *r, const struct rollout_shares *s, struct buf *out)
{
	for (size_t i = 0; i < s->count; i++)
		buf_printf(out, "%s%s=%.10g", i ? " " : "", r->arms[i], s->percent[i]);
}

static bool read_percent(struct str s, double *out)
{
	s = str_trim(s);
	if (str_ends_with(s, STR_LIT("%")))
		s = str_trim((struct str){s.ptr, s.len - 1});
	return str_to_double(s, out) && *out >= 0 && *out <= 100;
}

static int find_arm(const struct config_rollout *r, struct str name, size_t *out, struct err *err)
{
	for (*out = 0; *out < r->arm_count; ++*out) {
		if (str_equal_c(name, r->arms[*out]))
			return 0;
	}
	return err_set(err, "%s: it has no arm \"%.*s\": its arms are %s and %s%s", r->name, STR_ARG(name), r->arms[0], r->arms[1],
	               r->arm_count > 2 ? " and more" : "");
}

/* "v43=25 v44=5". */
static int read_named(const struct config_rollout *r, struct str text, struct rollout_shares *out, struct err *err)
{
	bool named[ROLLOUT_ARMS_MAX] = {false};
	double sum = 0;

	while (text.len) {
		struct str value = str_cut(&text, ' ');

		if (!value.len)
			continue;
		struct str name = str_cut(&value, '=');
		size_t arm;

		if (find_arm(r, name, &arm, err))
			return -1;
		if (named[arm] || !read_percent(value, &out->percent[arm]))
			return err_set(err, "%s: %s takes one share from 0 to 100", r->name, r->arms[arm]);
		named[arm] = true;
		sum += out->percent[arm];
	}
	if (!named[0]) {
		out->percent[0] = 100 - sum;
		sum = sum > 100 ? sum : 100;
	}
	if (fabs(sum - 100) > SAME_PERCENT)
		return err_set(err, "%s: the shares add up to %.4g, not to 100", r->name, sum);
	return 0;
}

int rollout_shares_parse(const struct config_rollout *r, struct str text, struct rollout_shares *out, struct err *err)
{
	double percent;

	*out = (struct rollout_shares){.count = r->arm_count};
	text = str_trim(text);
	if (memchr(text.len ? text.ptr : "", '=', text.len))
		return read_named(r, text, out, err);
	if (!read_percent(text, &percent))
		return err_set(err, "%s: give the candidate's share as a percentage from 0 to 100, or ARM=PERCENT for each arm",
		               r->name);
	if (r->arm_count > 2)
		return err_set(err, "%s: it has %zu arms: give ARM=PERCENT for each candidate", r->name, r->arm_count);
	out->percent[1] = percent;
	out->percent[0] = 100 - percent;
	return 0;
}

/* ── what a verb asks for ──────────────────────────────────────────────────────────────────── */

/* The candidates share `exposure` as they do now, evenly from nothing. */
static struct rollout_shares spread(const struct config_rollout *r, const struct rollout_shares *now, double exposure)
{
	struct rollout_shares s = {.count = r->arm_count};
	double has = rollout_exposure(now);

	s.percent[0] = 100 - exposure;
	for (size_t i = 1; i < r->arm_count; i++)
		s.percent[i] = has > SAME_PERCENT ? exposure * now->percent[i] / has : exposure / (double)(r->arm_count - 1);
	return s;
}

size_t rollout_step_of(const struct config_rollout *r, const struct rollout_shares *s)
{
	size_t step = 0;

	while (step < r->step_count && r->steps[step] <= rollout_exposure(s) + SAME_PERCENT)
		step++;
	return step;
}

static int next_step(const struct config_rollout *r, const struct rollout_shares *now, struct rollout_shares *out,
                     struct err *err)
{
	size_t step = rollout_step_of(r, now);

	if (step == r->step_count)
		return err_set(err, "%s: it is at its last step: there is none after 100 %%", r->name);
	*out = spread(r, now, r->steps[step]);
	return 0;
}

static int step_back(const struct config_rollout *r, const struct rollout_shares *now, struct rollout_shares *out,
                     struct err *err)
{
	size_t step = rollout_step_of(r, now);

	if (rollout_exposure(now) < SAME_PERCENT)
		return err_set(err, "%s: the candidate is already at 0 %%: there is no step before", r->name);
	/* Between two steps the one below is the step before. */
	if (step && fabs(r->steps[step - 1] - rollout_exposure(now)) < SAME_PERCENT)
		step--;
	*out = spread(r, now, step ? r->steps[step - 1] : 0);
	return 0;
}

/* Of several candidates none is the obvious one. */
static int ask_which(const struct config_rollout *r, struct err *err)
{
	struct buf names = {0};

	for (size_t i = 1; i < r->arm_count; i++)
		buf_printf(&names, "%s%s", i == 1 ? "" : i + 1 == r->arm_count ? " or " : ", ", r->arms[i]);
	err_set(err, "%s: it has %zu candidates: name the one to promote: %.200s", r->name, r->arm_count - 1, names.data);
	buf_fini(&names);
	return -1;
}

int rollout_wanted(const struct config_rollout *r, enum rollout_verb verb, struct str asked,
                   const struct rollout_shares *desired, struct rollout_shares *out, struct err *err)
{
	size_t arm = 1;

	switch (verb) {
	case ROLLOUT_SET:
		return rollout_shares_parse(r, asked, out, err);
	case ROLLOUT_STEP:
		return next_step(r, desired, out, err);
	case ROLLOUT_BACK:
		return step_back(r, desired, out, err);
	case ROLLOUT_PROMOTE:
		if (asked.len == 0 && r->arm_count > 2)
			return ask_which(r, err);
		if (asked.len && find_arm(r, asked, &arm, err))
			return -1;
		if (arm == 0)
			return err_set(err, "%s: %s is the stable arm: to go back to it is a rollback", r->name, r->arms[0]);
		*out = rollout_all_to(r, arm);
		return 0;
	case ROLLOUT_ROLLBACK:
	case ROLLOUT_STOP_ALL:
		*out = rollout_all_to(r, 0);
		return 0;
	default:
		*out = *desired;
		return 0;
	}
}

bool rollout_can_guard(enum metric m)
{
	switch (m) {
	case METRIC_ERROR_RATE:
	case METRIC_COST_PER_1K:
	case METRIC_LATENCY_P50:
	case METRIC_LATENCY_P90:
	case METRIC_LATENCY_P95:
	case METRIC_LATENCY_P99:
	case METRIC_TTFT_P50:
	case METRIC_TTFT_P95:
	case METRIC_TTFT_P99:
	case METRIC_FLAGS_PER_1K:
	case METRIC_NEGATIVE_SHARE:
	case METRIC_NEGATIVE_PER_100:
		return true;
	default:
		return false;
	}
}

const char *guardrail_name(const struct config_guardrail *g)
{
	return g->evaluation[0] ? g->evaluation : metrics[g->metric].name;
}

const char *guardrail_evaluation(const struct config_guardrail *g)
{
	return g->evaluation[0] ? g->evaluation + sizeof(GUARDRAIL_EVALUATION) - 1 : NULL;
}
