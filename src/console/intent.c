/* The dialog's lines are rebuilt from plain data whenever something new is known; its fields, and with
 * them what was typed, stay. The countdown that is shown is the collector's. */
#include "console/intent.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "console/control_rollouts.h"
#include "panels/format.h"

#define FIELD_REASON 0
#define FIELD_NAME 1
#define WRAP_COLUMNS 70 /* what a dialog shows on 80 columns */
#define INTENT_TEXT_BYTES 800

/* ── the text ──────────────────────────────────────────────────────────────────────────────── */

static void add_line(struct intent *i, int indent, struct str text)
{
	struct dialog *d = &i->dialog;

	if (d->line_count == DIALOG_LINES_MAX)
		return;
	snprintf(i->lines[d->line_count], INTENT_LINE_BYTES, "%*s%.*s", indent, "", STR_ARG(text));
	d->lines[d->line_count] = i->lines[d->line_count];
	d->line_count++;
}

/* Bytes of `text` that fit a line; broken at a blank where there is one. */
static size_t fitting(struct str text, size_t room)
{
	size_t at = room;

	if (text.len <= room)
		return text.len;
	while (at > room / 2 && text.ptr[at] != ' ')
		at--;
	if (text.ptr[at] == ' ')
		return at;
	for (at = room; at > 0 && ((unsigned char)text.ptr[at] & 0xc0) == 0x80; at--)
		; /* not within a character */
	return at;
}

/* One line, or more where it is too long; what follows is indented as deep and two more. */
static void __attribute__((format(printf, 2, 3))) line(struct intent *i, const char *fmt, ...)
{
	char text[INTENT_TEXT_BYTES];
	struct str rest = {text, 0};
	int indent = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rest.len = strlen(text);
	while (rest.len > 0 && rest.ptr[0] == ' ') {
		rest = (struct str){rest.ptr + 1, rest.len - 1};
		indent++;
	}
	do {
		size_t take = fitting(rest, WRAP_COLUMNS - (size_t)indent);

		add_line(i, indent, (struct str){rest.ptr, take});
		indent += rest.len > take && rest.ptr == text ? 2 : 0;
		rest = str_trim((struct str){rest.ptr + take, rest.len - take});
	} while (rest.len > 0);
}

static const char *headline(enum rollout_verb verb)
{
	static const char *const texts[ROLLOUT_VERB_COUNT] = {
		[ROLLOUT_SET] = "SET SHARES OF", [ROLLOUT_STEP] = "NEXT STEP OF", [ROLLOUT_BACK] = "STEP BACK",
		[ROLLOUT_ROLLBACK] = "ROLL BACK", [ROLLOUT_PROMOTE] = "PROMOTE FULLY", [ROLLOUT_HOLD] = "HOLD",
		[ROLLOUT_RESUME] = "RESUME", [ROLLOUT_REAPPLY] = "RE-APPLY", [ROLLOUT_STOP_ALL] = "EMERGENCY STOP",
	};

	return texts[verb];
}

static const char *button(enum rollout_verb verb)
{
	static const char *const texts[ROLLOUT_VERB_COUNT] = {
		[ROLLOUT_SET] = "Set shares", [ROLLOUT_STEP] = "Step", [ROLLOUT_BACK] = "Step back",
		[ROLLOUT_ROLLBACK] = "Roll back", [ROLLOUT_PROMOTE] = "Promote", [ROLLOUT_HOLD] = "Hold",
		[ROLLOUT_RESUME] = "Resume", [ROLLOUT_REAPPLY] = "Re-apply", [ROLLOUT_STOP_ALL] = "Stop all",
	};

	return texts[verb];
}

/* What moves, how much, and how: one rollout's part. */
static void part_lines(struct intent *i, const struct progress_part *part)
{
	double moving = isnan(part->moving_per_s) ? i->pick.per_s * part->moving_percent / 100 : part->moving_per_s;
	char rate[FIGURE_TEXT_BYTES];

	if (i->plan.part_count > 1 || i->verb == ROLLOUT_STOP_ALL)
		line(i, "%s", part->rollout);
	line(i, "%s -> %s", part->before, part->wanted);
	if (moving > 0)
		line(i, "about %s requests move", figure_format(UNIT_PER_SECOND, value_ok(moving), false, rate));
}

/* `then`: "planned" targets tell their plan, others how far they are. */
static void target_lines(struct intent *i, const struct progress_target *t, bool then)
{
	bool planned = !then || strcmp(t->state, "planned") == 0 || strcmp(t->state, "waiting") == 0;

	if (planned && t->moves[0])
		line(i, "%s%s%s%s", t->moves, t->pace[0] ? " (" : "", t->pace, t->pace[0] ? ")" : "");
	else if (planned)
		line(i, "%s: %s", t->name, t->state);
	else
		line(i, "%s: %s%s%s", t->name, t->state, t->words[0] ? ": " : "", t->words);
	if (planned && t->stays[0])
		line(i, "  stays: %s", t->stays);
	if (planned && t->words[0])
		line(i, "  %s", t->words);
	for (size_t k = 0; planned && k < t->warning_count; k++)
		line(i, "  ! %s", t->warnings[k]);
}

static void plan_lines(struct intent *i, const struct intent_progress *from, bool under_way)
{
	if (!rollout_verb_moves(i->verb)) {
		line(i, i->verb == ROLLOUT_HOLD ? "its steps do not advance by themselves until it is resumed"
		                                : "its steps go on as planned");
		return;
	}
	for (size_t p = 0; p < from->part_count; p++) {
		part_lines(i, &from->parts[p]);
		for (size_t t = 0; t < from->target_count; t++) {
			if (from->targets[t].part == p)
				target_lines(i, &from->targets[t], under_way);
		}
	}
	if (from->nothing && !under_way)
		line(i, "every target is there already: nothing will be sent");
}

static void evidence_lines(struct intent *i)
{
	if (i->pick.evidence_count == 0 || i->verb == ROLLOUT_STOP_ALL)
		return;
	line(i, "%s", "");
	for (size_t k = 0; k < i->pick.evidence_count; k++)
		line(i, "%s", i->pick.evidence[k]);
}

static void outcome_lines(struct intent *i)
{
	for (size_t p = 0; p < i->progress.part_count; p++) {
		const struct progress_part *part = &i->progress.parts[p];
		struct str rest = str_of(part->outcome);

		line(i, "%s: %s", part->rollout, part->result[0] ? part->result : i->progress.state);
		while (rest.len > 0) { /* its clauses, one a line */
			struct str clause = str_trim(str_cut(&rest, ';'));

			line(i, "  %.*s", STR_ARG(clause));
		}
	}
	if (i->progress.who[0] && i->progress.part_count > 0)
		line(i, "audit: %s by %s, reason: %s", i->ask.verb, i->progress.who, i->ask.reason[0] ? i->ask.reason : "none");
	if (i->progress.part_count > 0)
		line(i, "%s", "");
}

static void running_lines(struct intent *i)
{
	const struct intent_progress *p = &i->progress;

	if (p->target_total > 0)
		line(i, "%s: %lld of %lld applied%s", p->state[0] ? p->state : "starting", (long long)p->applied,
		     (long long)p->target_total,
		     strcmp(p->state, "watching") == 0 ? "; waiting for the traffic to follow" : "");
	plan_lines(i, &i->progress, true);
	if (p->lost)
		line(i, "no answer from the collector; it goes on by itself. Asking again.");
}

/* Fills the lines for the stage. */
static void compose(struct intent *i)
{
	i->dialog.line_count = 0;
	if (i->plan.error[0])
		line(i, "%s", i->plan.error);
	if (i->progress.error[0] && i->stage == INTENT_ENDED)
		line(i, "%s", i->progress.error);
	switch (i->stage) {
	case INTENT_CHOOSING:
		line(i, "which candidate gets all of the traffic?");
		for (size_t k = 1; k < i->pick.arm_count; k++)
			line(i, "  %zu  %s", k, i->pick.arms[k]);
		evidence_lines(i);
		break;
	case INTENT_PLANNING:
		line(i, "asking every target what would change …");
		evidence_lines(i);
		break;
	case INTENT_LOOKING:
		plan_lines(i, &i->plan, false);
		evidence_lines(i);
		line(i, "%s", "");
		line(i, "%s", i->refusal);
		break;
	case INTENT_ASKING: case INTENT_COUNTING:
		plan_lines(i, &i->plan, false);
		if (i->stage == INTENT_COUNTING && i->progress.lost)
			line(i, "the connection to the collector is lost: it takes the countdown back");
		evidence_lines(i);
		break;
	case INTENT_RUNNING:
		running_lines(i);
		break;
	case INTENT_ENDED:
		outcome_lines(i);
		plan_lines(i, &i->progress, true);
		break;
	default:
		break;
	}
}

/* ── opening ───────────────────────────────────────────────────────────────────────────────── */

/* What has to be typed: the candidate's name; where there are several, or several rollouts, the name
 * of the whole. */
static void set_name(struct intent *i)
{
	if (i->verb == ROLLOUT_STOP_ALL)
		snprintf(i->name, sizeof i->name, "stop-all");
	else if (i->verb == ROLLOUT_PROMOTE && i->ask.shares[0])
		snprintf(i->name, sizeof i->name, "%.90s", i->ask.shares);
	else
		snprintf(i->name, sizeof i->name, "%s", i->pick.arm_count == 2 ? i->pick.arms[1] : i->pick.name);
	snprintf(i->name_label, sizeof i->name_label, "type %s", i->name);
}

void intent_open(struct intent *i, enum rollout_verb verb, const struct rollout_pick *pick,
                 const char *shares, const char *where)
{
	memset(i, 0, sizeof *i);
	i->verb = verb;
	if (pick)
		i->pick = *pick;
	i->stage = verb == ROLLOUT_PROMOTE && i->pick.arm_count > 2 && !shares[0] ? INTENT_CHOOSING : INTENT_PLANNING;
	snprintf(i->ask.verb, sizeof i->ask.verb, "%s", rollout_verb_name(verb));
	snprintf(i->ask.rollout, sizeof i->ask.rollout, "%s", i->pick.name);
	snprintf(i->ask.shares, sizeof i->ask.shares, "%s", shares);
	snprintf(i->ask.where, sizeof i->ask.where, "%s", where);
	control_rollout_key(i->ask.key);
	set_name(i);
	if (i->pick.whole && (verb == ROLLOUT_PROMOTE || verb == ROLLOUT_ROLLBACK)) /* blue-green */
		snprintf(i->title, sizeof i->title, "SWITCH %sTO %.60s: %.60s %.60s", verb == ROLLOUT_ROLLBACK ? "BACK " : "",
		         i->pick.arms[verb == ROLLOUT_PROMOTE], i->pick.name, i->pick.environment);
	else
		snprintf(i->title, sizeof i->title, "%s %.100s %.90s", headline(verb),
		         verb == ROLLOUT_STOP_ALL ? where[0] ? where : "every rollout" : i->pick.name, i->pick.environment);
	i->dialog = (struct dialog){.title = i->title};
	compose(i);
	dialog_open(&i->dialog);
}

static void ask_for_name(struct intent *i)
{
	struct dialog *d = &i->dialog;
	const char *reason = i->pick.reason[0] ? i->pick.reason : i->verb == ROLLOUT_STOP_ALL ? "emergency stop" : "";

	i->stage = INTENT_ASKING;
	d->danger = rollout_verb_moves(i->verb);
	d->confirm = button(i->verb);
	d->countdown_us = i->plan.countdown_us;
	d->fields[FIELD_REASON] = (struct dialog_field){.label = "reason"};
	field_set(&d->fields[FIELD_REASON].field, reason);
	d->field_count = 1;
	if (d->danger) {
		d->fields[FIELD_NAME] = (struct dialog_field){.label = i->name_label, .must_equal = i->name};
		d->field_count = 2;
	}
	dialog_open(d);
	if (!d->danger)
		d->focus = d->field_count + 1; /* holding moves nothing: Enter does it */
}

static void only_look(struct intent *i)
{
	struct dialog *d = &i->dialog;

	i->stage = INTENT_LOOKING;
	d->field_count = 0;
	d->danger = false;
	d->confirm = i->may_raise ? ":rw, raise this session" : NULL;
	dialog_open(d);
}

void intent_permit(struct intent *i, const struct deck *d)
{
	struct deck probe = *d;
	struct err err = {""};
	bool nothing = i->plan.nothing && rollout_verb_moves(i->verb);
	bool open = i->stage == INTENT_PLANNING || i->stage == INTENT_LOOKING;

	if (!open || (i->stage == INTENT_PLANNING && i->plan.part_count == 0 && !i->plan.error[0]))
		return;
	i->may_raise = deck_raise(&probe, true, &err) == 0;
	snprintf(i->refusal, sizeof i->refusal, "%.290s",
	         i->may_raise ? "this session only looks so far: :rw lets it change rollouts" : err.text);
	if (i->plan.error[0]) {
		i->may_raise = false;
		i->stage = INTENT_ENDED;
		i->dialog.confirm = NULL;
	} else if (deck_level(d) >= SESSION_OPERATOR && !nothing) {
		ask_for_name(i);
	} else if (nothing) {
		i->refusal[0] = '\0';
		i->may_raise = false;
		only_look(i);
	} else {
		only_look(i);
	}
	compose(i);
}

/* ── answers ───────────────────────────────────────────────────────────────────────────────── */

static void close_fields(struct intent *i)
{
	i->dialog.field_count = 0;
	i->dialog.confirm = NULL;
	i->dialog.deadline_us = 0;
	dialog_open(&i->dialog);
}

static bool is_before_apply(const char *state)
{
	return strcmp(state, "recording") == 0 || strcmp(state, "planning") == 0 || strcmp(state, "countdown") == 0;
}

/* Progress of the action that was begun. */
static void take_progress(struct intent *i)
{
	const struct intent_progress *p = &i->progress;

	if (p->ended) {
		i->stage = INTENT_ENDED;
		close_fields(i);
	} else if (i->stage == INTENT_COUNTING && p->go_mono_us) {
		i->dialog.deadline_us = p->go_mono_us;
	} else if (i->stage == INTENT_COUNTING && p->state[0] && !is_before_apply(p->state)) {
		i->stage = INTENT_RUNNING;
		close_fields(i);
	}
}

void intent_take(struct intent *i, const struct intent_progress *p, const struct deck *d)
{
	if (i->stage == INTENT_PLANNING) {
		i->plan = *p;
		intent_permit(i, d);
		return;
	}
	if (i->stage != INTENT_COUNTING && i->stage != INTENT_RUNNING)
		return;
	i->progress = *p;
	take_progress(i);
	compose(i);
}

/* ── keys ──────────────────────────────────────────────────────────────────────────────────── */

static void count_down(struct intent *i, int64_t mono_us)
{
	snprintf(i->ask.reason, sizeof i->ask.reason, "%.200s", i->dialog.fields[FIELD_REASON].field.text);
	i->stage = INTENT_COUNTING;
	memset(&i->progress, 0, sizeof i->progress);
	if (!i->dialog.deadline_us)
		i->dialog.deadline_us = mono_us + 1; /* nothing to count: the collector begins at once */
	compose(i);
}

/* Taken back before anything was touched: the dialog stays to say so. */
static void take_back(struct intent *i)
{
	i->stage = INTENT_RUNNING;
	close_fields(i);
	i->dialog.line_count = 0;
	line(i, "taking the countdown back …");
}

/* A digit names the candidate; the plan is asked for then. */
static enum intent_step choose(struct intent *i, struct key key)
{
	bool digit = !key.pasted && key.mods == 0 && key.code >= '1' && key.code <= '9';
	size_t arm = digit ? (size_t)(key.code - '0') : 0;

	if (arm == 0 || arm >= i->pick.arm_count)
		return INTENT_STAY;
	snprintf(i->ask.shares, sizeof i->ask.shares, "%s", i->pick.arms[arm]);
	snprintf(i->title, sizeof i->title, "%s %.60s: %.60s %.60s", headline(i->verb), i->pick.arms[arm], i->pick.name,
	         i->pick.environment);
	i->stage = INTENT_PLANNING;
	set_name(i);
	compose(i);
	return INTENT_PLAN;
}

enum intent_step intent_key(struct intent *i, struct key key, int64_t mono_us)
{
	enum dialog_result result;

	if (i->stage == INTENT_NONE)
		return INTENT_LEAVE;
	result = dialog_key(&i->dialog, key, mono_us);
	if (i->stage == INTENT_COUNTING) {
		if (result != DIALOG_CANCELLED)
			return INTENT_STAY;
		take_back(i);
		return INTENT_CANCEL;
	}
	if (result == DIALOG_CANCELLED) {
		i->stage = INTENT_NONE;
		return INTENT_LEAVE;
	}
	if (i->stage == INTENT_CHOOSING)
		return choose(i, key);
	if (i->stage == INTENT_LOOKING && result == DIALOG_CONFIRMED)
		return INTENT_RAISE;
	if (i->stage == INTENT_ASKING && (result == DIALOG_CONFIRMED || result == DIALOG_COUNTING)) {
		count_down(i, mono_us);
		return INTENT_BEGIN;
	}
	return INTENT_STAY;
}

void intent_draw(const struct intent *i, struct surface *s, int64_t mono_us, int *cursor_x, int *cursor_y)
{
	dialog_draw(s, &i->dialog, mono_us, cursor_x, cursor_y);
}
