/* The hand-over at a shift's end: what fires and what did, what will run out or move by itself, what people
 * changed, what is being worked on, what was spent. Each section comes from the query that its page reads. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "cli/alert_ask.h"
#include "cli/report.h"
#include "core/money.h"
#include "store/query_alerts.h"
#include "store/query_incidents.h"

struct shift {
	int64_t from_us, to_us; /* the shift that ends */
	struct figures_result figures;
	struct alert_result alerts;
	struct silence_result silences;
	struct override_result overrides;
	struct standing_result budgets;
	struct rollout_result rollouts;
	struct incident_result incidents;
};

static int load(struct shift *s, struct store_reader *r, struct err *err)
{
	struct view v = {.from_us = s->from_us, .to_us = s->to_us};

	return query_figures(r, &v, NEED_LATENCY | NEED_TTFT, 0, &s->figures, err) ||
	       query_alerts(r, s->from_us, s->to_us, &s->alerts, err) || query_silences(r, s->to_us, &s->silences, err) ||
	       query_overrides(r, s->to_us, &s->overrides, err) || query_budget_states(r, &s->budgets, err) ||
	       query_rollouts(r, &v, &s->rollouts, err) || query_incidents(r, s->from_us, &s->incidents, err) ? -1 : 0;
}

static void shift_fini(struct shift *s)
{
	figures_result_fini(&s->figures);
	alert_result_fini(&s->alerts);
	silence_result_fini(&s->silences);
	override_result_fini(&s->overrides);
	standing_result_fini(&s->budgets);
	rollout_result_fini(&s->rollouts);
	incident_result_fini(&s->incidents);
}

/* Whether the traffic is shared out: somebody has to go on with it. */
static bool is_mid_step(const struct rollout_state *s)
{
	for (uint32_t i = 0; i < s->arm_count; i++)
		if (s->arms[i].desired_percent > 0 && s->arms[i].desired_percent < 100)
			return true;
	return s->phase.len && !str_equal_c(s->phase, "healthy");
}

static bool runs_out(const struct shift *s, int64_t until_us)
{
	return until_us && until_us <= s->to_us + (s->to_us - s->from_us);
}

/* ── text ──────────────────────────────────────────────────────────────────────────────────── */

static void heading(struct buf *out, const char *name, size_t count)
{
	buf_printf(out, "\n%s%s\n", name, count ? "" : ": none");
}

/* A line whose parts are from outside. */
static void line(struct buf *out, struct buf *text)
{
	buf_puts(out, "  ");
	text_append_harmless(out, buf_str(text), 2000);
	buf_puts(out, "\n");
	buf_reset(text);
}

static void text_alerts(const struct shift *s, struct buf *out)
{
	struct buf text = {0};
	char time[TIME_TEXT_BYTES], end[TIME_TEXT_BYTES];

	heading(out, "ALERTS", s->alerts.row_count);
	for (size_t i = 0; i < s->alerts.row_count; i++) {
		const struct alert_record *a = &s->alerts.rows[i];

		buf_printf(&text, "%s %s %s since %s", a->severity == SEVERITY_CRITICAL ? "C" : "W", a->ended_us ? "ended" : alert_state_name(a->state),
		           a->rule, time_format(a->fired_us ? a->fired_us : a->since_us, time));
		if (a->ended_us)
			buf_printf(&text, " to %s", time_format(a->ended_us, end));
		buf_printf(&text, "%s%s%s%s", *a->summary ? ": " : "", a->summary, *a->acknowledged_by ? "; acknowledged by " : "", a->acknowledged_by);
		line(out, &text);
	}
	buf_fini(&text);
}

static void text_silences(const struct shift *s, struct buf *out)
{
	struct buf text = {0};
	char time[TIME_TEXT_BYTES];

	heading(out, "SILENCES", s->silences.row_count);
	for (size_t i = 0; i < s->silences.row_count; i++) {
		const struct silence_record *x = &s->silences.rows[i];

		buf_printf(&text, "%s until %s%s by %s%s%s", *x->rule ? x->rule : "everything", time_format(x->until_us, time),
		           runs_out(s, x->until_us) ? " (runs out in the next shift)" : "", x->author, *x->comment ? ": " : "", x->comment);
		line(out, &text);
	}
	buf_fini(&text);
}

static void text_overrides(const struct shift *s, struct buf *out)
{
	struct buf text = {0};
	char time[TIME_TEXT_BYTES], amount[BUDGET_AMOUNT_BYTES];
	size_t count = s->overrides.row_count;

	for (size_t i = 0; i < s->budgets.row_count; i++)
		count += *s->budgets.rows[i].author != '\0';
	heading(out, "OVERRIDES", count);
	for (size_t i = 0; i < s->overrides.row_count; i++) {
		const struct rule_override *o = &s->overrides.rows[i];

		buf_printf(&text, "%s: limit %.6g by %s, until %s%s", o->rule, o->bound, o->author,
		           o->until_us ? time_format(o->until_us, time) : "it is taken back", runs_out(s, o->until_us) ? " (in the next shift)" : "");
		line(out, &text);
	}
	for (size_t i = 0; i < s->budgets.row_count; i++)
		if (*s->budgets.rows[i].author) {
			buf_printf(&text, "budget %s: %s", s->budgets.rows[i].budget.name, budget_format_amount(&s->budgets.rows[i], NULL, amount));
			line(out, &text);
		}
	buf_fini(&text);
}

static void text_rollouts(const struct shift *s, struct buf *out)
{
	struct buf text = {0};
	size_t count = 0;

	for (size_t i = 0; i < s->rollouts.row_count; i++)
		count += is_mid_step(&s->rollouts.rows[i].state);
	heading(out, "ROLLOUTS IN MID-STEP", count);
	for (size_t i = 0; i < s->rollouts.row_count; i++) {
		const struct rollout_state *x = &s->rollouts.rows[i].state;

		if (!is_mid_step(x))
			continue;
		buf_printf(&text, "%.*s %.*s:", STR_ARG(x->name), STR_ARG(x->phase));
		for (uint32_t a = 0; a < x->arm_count; a++)
			buf_printf(&text, "%s %.*s %.3g %%", a ? "," : "", STR_ARG(x->arms[a].deployment), x->arms[a].desired_percent);
		if (x->reason.len)
			buf_printf(&text, "; %.*s", STR_ARG(x->reason));
		line(out, &text);
	}
	buf_fini(&text);
}

static void text_incidents(const struct shift *s, struct buf *out)
{
	char name[INCIDENT_NAME_BYTES], time[TIME_TEXT_BYTES];
	struct buf text = {0};

	heading(out, "INCIDENTS", s->incidents.row_count);
	for (size_t i = 0; i < s->incidents.row_count; i++) {
		const struct incident *x = &s->incidents.rows[i];

		buf_printf(&text, "%s %s, %s, since %s: %s", incident_name(x->id, name), incident_state_name(x->state), *x->owner ? x->owner : "nobody's",
		           time_format(x->opened_us, time), x->title);
		if (x->closed_us && !x->reported_us)
			buf_puts(&text, " (its report is to be written: its rows are kept until then)");
		line(out, &text);
	}
	buf_fini(&text);
}

static void text_spend(const struct shift *s, struct buf *out)
{
	const struct figures *f = &s->figures.total.total;
	char money[MONEY_TEXT_BYTES], spent[MONEY_TEXT_BYTES], time[TIME_TEXT_BYTES];
	struct buf text = {0};

	heading(out, "SPEND", 1);
	buf_printf(&text, "%s in this shift%s", money_format_short(f->cost_nusd, 10, money), f->unpriced ? ", at least: some requests are unpriced" : "");
	line(out, &text);
	for (size_t i = 0; i < s->budgets.row_count; i++) {
		const struct budget_standing *b = &s->budgets.rows[i];

		buf_printf(&text, "budget %s: %s%s of %s, %.0f %%, %s, resets %s", b->budget.name, b->status.spent_bound ? "at least " : "",
		           money_format_short(b->status.spent_nusd, 10, spent), money_format_short(b->budget.amount_nusd, 10, money), b->status.percent,
		           budget_state_name(b->status.state), time_format(b->status.to_us, time));
		if (b->status.exhausted_us)
			buf_printf(&text, ", empty %s at this pace", time_format(b->status.exhausted_us, time));
		line(out, &text);
	}
	buf_fini(&text);
}

static void write_text(const struct shift *s, struct buf *out)
{
	const struct figures *f = &s->figures.total.total;
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], p95[TIME_TEXT_BYTES];
	int64_t us = sketch_quantile(&f->sketches[SKETCH_LATENCY_US], 0.95);

	buf_printf(out, "shift %s to %s\n", time_format(s->from_us, from), time_format(s->to_us, to));
	buf_printf(out, "%" PRId64 " requests, %" PRId64 " errors", f->requests, f->errors);
	if (f->requests)
		buf_printf(out, " (%.2f %%)", 100 * (double)f->errors / (double)f->requests);
	buf_printf(out, ", p95 %s, %" PRId64 " flags\n", us < 0 ? "-" : duration_format(us, p95), f->flags);
	text_alerts(s, out);
	text_silences(s, out);
	text_overrides(s, out);
	text_rollouts(s, out);
	text_incidents(s, out);
	text_spend(s, out);
}

/* ── JSON ──────────────────────────────────────────────────────────────────────────────────── */

static void json_alerts(const struct shift *s, struct buf *out)
{
	buf_puts(out, ",\n \"alerts\":[");
	for (size_t i = 0; i < s->alerts.row_count; i++) {
		const struct alert_record *a = &s->alerts.rows[i];

		buf_printf(out, "%s{\"id\":%" PRId64, i ? "," : "", a->id);
		alert_add_text(out, "rule", a->rule);
		alert_add_text(out, "severity", severity_name(a->severity));
		alert_add_text(out, "state", alert_state_name(a->state));
		alert_add_time(out, "since", a->fired_us ? a->fired_us : a->since_us);
		alert_add_time(out, "ended", a->ended_us);
		alert_add_text(out, "summary", a->summary);
		alert_add_text(out, "acknowledged_by", a->acknowledged_by);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void json_silences(const struct shift *s, struct buf *out)
{
	buf_puts(out, ",\n \"silences\":[");
	for (size_t i = 0; i < s->silences.row_count; i++) {
		const struct silence_record *x = &s->silences.rows[i];

		buf_printf(out, "%s{\"id\":%" PRId64, i ? "," : "", x->id);
		alert_add_text(out, "rule", x->rule);
		alert_add_time(out, "until", x->until_us);
		alert_add_text(out, "author", x->author);
		buf_printf(out, ",\"runs_out\":%s}", runs_out(s, x->until_us) ? "true" : "false");
	}
	buf_puts(out, "]");
}

static void json_overrides(const struct shift *s, struct buf *out)
{
	buf_puts(out, ",\n \"overrides\":[");
	for (size_t i = 0; i < s->overrides.row_count; i++) {
		const struct rule_override *o = &s->overrides.rows[i];

		buf_puts(out, i ? ",{\"kind\":\"limit\"" : "{\"kind\":\"limit\"");
		alert_add_text(out, "name", o->rule);
		alert_add_number(out, "value", o->bound);
		alert_add_text(out, "author", o->author);
		alert_add_time(out, "until", o->until_us);
		buf_puts(out, "}");
	}
	bool any = s->overrides.row_count > 0;

	for (size_t i = 0; i < s->budgets.row_count; i++) {
		const struct budget_standing *b = &s->budgets.rows[i];
		char money[MONEY_TEXT_BYTES];

		if (!*b->author)
			continue;
		buf_puts(out, any ? ",{\"kind\":\"budget\"" : "{\"kind\":\"budget\"");
		any = true;
		alert_add_text(out, "name", b->budget.name);
		alert_add_text(out, "value", money_format_usd(b->budget.amount_nusd, money));
		alert_add_text(out, "author", b->author);
		alert_add_time(out, "until", b->until_us);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void json_rollouts(const struct shift *s, struct buf *out)
{
	bool any = false;

	buf_puts(out, ",\n \"rollouts\":[");
	for (size_t i = 0; i < s->rollouts.row_count; i++) {
		const struct rollout_state *x = &s->rollouts.rows[i].state;

		if (!is_mid_step(x))
			continue;
		buf_puts(out, any ? ",{\"name\":" : "{\"name\":");
		any = true;
		buf_append_json(out, x->name);
		buf_puts(out, ",\"phase\":");
		buf_append_json(out, x->phase);
		buf_puts(out, ",\"arms\":[");
		for (uint32_t a = 0; a < x->arm_count; a++) {
			buf_puts(out, a ? ",{\"deployment\":" : "{\"deployment\":");
			buf_append_json(out, x->arms[a].deployment);
			alert_add_number(out, "desired_weight", x->arms[a].desired_percent);
			alert_add_number(out, "actual_weight", x->arms[a].actual_percent);
			buf_puts(out, "}");
		}
		buf_puts(out, "]}");
	}
	buf_puts(out, "],\n \"incidents\":[");
	for (size_t i = 0; i < s->incidents.row_count; i++) {
		const struct incident *x = &s->incidents.rows[i];
		char name[INCIDENT_NAME_BYTES];

		buf_printf(out, "%s{\"id\":%" PRId64 ",\"name\":\"%s\",\"state\":\"%s\"", i ? "," : "", x->id, incident_name(x->id, name),
		           incident_state_name(x->state));
		alert_add_text(out, "title", x->title);
		alert_add_text(out, "owner", x->owner);
		alert_add_time(out, "opened", x->opened_us);
		alert_add_time(out, "closed", x->closed_us);
		alert_add_time(out, "reported", x->reported_us);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void write_json(const struct shift *s, struct buf *out)
{
	const struct figures *f = &s->figures.total.total;
	char money[MONEY_TEXT_BYTES], spent[MONEY_TEXT_BYTES];

	buf_puts(out, "{\"schema\":1");
	alert_add_time(out, "from", s->from_us);
	alert_add_time(out, "to", s->to_us);
	buf_printf(out, ",\"requests\":%" PRId64 ",\"errors\":%" PRId64 ",\"flags\":%" PRId64, f->requests, f->errors, f->flags);
	json_alerts(s, out);
	json_silences(s, out);
	json_overrides(s, out);
	json_rollouts(s, out);
	buf_printf(out, ",\n \"spend\":{\"cost_usd\":\"%s\",\"unpriced_requests\":%" PRId64 ",\"budgets\":[", money_format_usd(f->cost_nusd, money), f->unpriced);
	for (size_t i = 0; i < s->budgets.row_count; i++) {
		const struct budget_standing *b = &s->budgets.rows[i];

		buf_puts(out, i ? ",{\"name\":" : "{\"name\":");
		buf_append_json(out, str_of(b->budget.name));
		buf_printf(out, ",\"amount_usd\":\"%s\",\"spent_usd\":\"%s\",\"state\":\"%s\"", money_format_usd(b->budget.amount_nusd, money),
		           money_format_usd(b->status.spent_nusd, spent), budget_state_name(b->status.state));
		alert_add_number(out, "percent", b->status.percent);
		alert_add_time(out, "resets_at", b->status.to_us);
		alert_add_time(out, "exhausted_at", b->status.exhausted_us);
		buf_puts(out, "}");
	}
	buf_puts(out, "]}}\n");
}

int report_shift(struct store_reader *r, int64_t now_us, int64_t length_us, bool json, struct buf *out, struct err *err)
{
	struct shift s = {.to_us = now_us - now_us % US_PER_S};

	s.from_us = s.to_us - length_us;
	int failed = load(&s, r, err);

	if (!failed && json)
		write_json(&s, out);
	else if (!failed)
		write_text(&s, out);
	shift_fini(&s);
	return failed;
}
