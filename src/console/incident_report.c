/* Loading is one query after the other, all about the same window; it may be as long as the incident, so
 * requests are sampled beyond ROWS_MOST. Every section ends with the command that prints its figures again. */
#include "console/incident_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/shell.h"
#include "base/timefmt.h"
#include "console/document.h"
#include "core/error_notes.h"
#include "core/money.h"

#define ROWS_MOST 3000000
#define HEAT_STEPS 72
#define HEAT_BANDS 16
#define SUSPECTS_SHOWN 10
#define NEEDS (NEED_LATENCY | NEED_TTFT | NEED_COST)

/* ── loading ───────────────────────────────────────────────────────────────────────────────── */

static void choose_window(struct incident_report *r)
{
	const struct incident *i = &r->detail.incident;
	int64_t to_us = i->to_us ? i->to_us : i->closed_us ? i->closed_us : r->made_us;

	r->view = i->where;
	r->view.by_count = 0;
	r->view.from_us = i->from_us;
	r->view.to_us = to_us > i->from_us ? to_us : i->from_us + US_PER_MIN;
	r->view.step_us = view_choose_step_us(r->view.from_us, r->view.to_us, HEAT_STEPS);
}

/* What the incident calls bad; where it calls nothing, what is slower than nearly all was before. */
static void choose_condition(struct incident_report *r)
{
	int64_t slow_us = sketch_quantile(&r->before.total.total.sketches[SKETCH_LATENCY_US], 0.99);
	struct err ignored;

	r->asked = (struct suspects_query){
		.view = r->view, .limit = SUSPECTS_SHOWN, .scan_limit = ROWS_MOST, .request_limit = INCIDENT_REQUESTS, .sort = SORT_SLOWEST,
	};
	r->asked.view.from_us = r->now.from_us;
	r->asked.view.to_us = r->now.to_us;
	r->derived = !*r->detail.incident.bad || bad_parse(&r->asked.bad, str_of(r->detail.incident.bad), &ignored);
	if (r->derived) {
		bad_init(&r->asked.bad);
		if (slow_us > 0)
			r->asked.bad.latency_us.low = slow_us - slow_us % (slow_us >= US_PER_S ? 100000 : 1000) + 1;
		else
			r->asked.bad.failed = true;
	}
	if (bad_range_says(r->asked.bad.cost_nusd))
		r->asked.sort = SORT_DEAREST;
	/* What changed is told by the same kind of requests before. */
	if (!r->asked.bad.to_us) {
		r->asked.view.from_us = r->before.from_us;
		r->asked.bad.from_us = r->now.from_us;
		r->asked.bad.to_us = r->now.to_us;
	}
}

static enum heat_kind heat_of(const struct bad *b)
{
	return b->failed ? HEAT_ERRORS : b->flagged ? HEAT_FLAGS : bad_range_says(b->cost_nusd) ? HEAT_COST
	       : bad_range_says(b->ttft_us) ? HEAT_TTFT : HEAT_LATENCY;
}

static int load_figures(struct incident_report *out, struct store_reader *r, struct err *err)
{
	struct view before = out->view, totals = out->view, providers;

	before.step_us = totals.step_us = 0;
	providers = totals;
	providers.by[0] = DIM_PROVIDER;
	providers.by_count = 1;
	if (query_figures(r, &out->view, NEEDS, NEED_LATENCY, &out->now, err))
		return -1;
	before.to_us = out->now.from_us;
	before.from_us = before.to_us - (out->now.to_us - out->now.from_us);
	return query_figures(r, &before, NEEDS, 0, &out->before, err) ||
	       query_breakdown(r, BREAKDOWN_ERROR_TYPE, &providers, &out->errors, err) ||
	       query_breakdown(r, BREAKDOWN_FLAG_CATEGORY, &totals, &out->flags, err) ? -1 : 0;
}

int incident_report_load(struct incident_report *out, struct store_reader *r, int64_t id, int64_t now_us, struct err *err)
{
	char name[INCIDENT_NAME_BYTES];

	memset(out, 0, sizeof *out);
	out->made_us = now_us;
	if (query_incident(r, id, now_us, &out->detail, err))
		return -1;
	if (!out->detail.incident.id) {
		incident_report_fini(out);
		return err_set(err, "incident: there is no %s: see llmdeck incident list", incident_name(id, name));
	}
	choose_window(out);
	int failed = load_figures(out, r, err);

	if (!failed) {
		choose_condition(out);
		failed = query_heat(r, heat_of(&out->asked.bad), &out->view, HEAT_BANDS, &out->heat, err) ||
		         query_suspects(r, &out->asked, &out->suspects, err) ||
		         query_retries(r, &out->asked.view, ROWS_MOST, &out->retries, err) ||
		         query_headroom(r, out->now.from_us, out->now.to_us, &out->headroom, err);
	}
	if (failed)
		incident_report_fini(out);
	return failed ? -1 : 0;
}

void incident_report_fini(struct incident_report *r)
{
	incident_detail_fini(&r->detail);
	figures_result_fini(&r->now);
	figures_result_fini(&r->before);
	breakdown_result_fini(&r->errors);
	breakdown_result_fini(&r->flags);
	retry_result_fini(&r->retries);
	headroom_result_fini(&r->headroom);
	heat_result_fini(&r->heat);
	suspects_result_fini(&r->suspects);
	memset(r, 0, sizeof *r);
}

/* ── commands ──────────────────────────────────────────────────────────────────────────────── */

void incident_command_figures(const struct incident_report *r, bool series, struct buf *out)
{
	char step[TIME_TEXT_BYTES];

	buf_puts(out, "llmdeck report");
	view_append_options(&r->view, r->now.from_us, r->now.to_us, out);
	if (series)
		buf_printf(out, " --step %s", duration_format(r->now.step_us, step));
}

static void put_condition(const struct incident_report *r, struct buf *out)
{
	char condition[BAD_TEXT_BYTES];

	buf_puts(out, " --bad ");
	shell_append_word(out, bad_format(&r->asked.bad, condition));
}

void incident_command_suspects(const struct incident_report *r, struct buf *out)
{
	buf_puts(out, "llmdeck suspects");
	put_condition(r, out);
	view_append_options(&r->view, r->asked.view.from_us, r->asked.view.to_us, out);
	if (r->suspects.sampled)
		buf_printf(out, " --rows %d", ROWS_MOST);
}

void incident_command_requests(const struct incident_report *r, struct buf *out)
{
	buf_puts(out, "llmdeck requests");
	put_condition(r, out);
	view_append_options(&r->view, r->asked.view.from_us, r->asked.view.to_us, out);
	buf_printf(out, " --sort %s --limit %d", r->asked.sort == SORT_DEAREST ? "dearest" : "slowest", INCIDENT_REQUESTS);
}

static void write_command(struct document *d, const struct incident_report *r,
                          void (*command)(const struct incident_report *r, struct buf *out))
{
	struct buf text = {0};

	command(r, &text);
	document_command(d, text.data);
	buf_fini(&text);
}

static void command_totals(const struct incident_report *r, struct buf *out)
{
	incident_command_figures(r, false, out);
}

static void command_series(const struct incident_report *r, struct buf *out)
{
	incident_command_figures(r, true, out);
}

/* ── sections ──────────────────────────────────────────────────────────────────────────────── */

static char *format_figure(enum metric_unit unit, struct value v, char out[48])
{
	const char *mark = v.quality == QUALITY_LOWER_BOUND ? "≥ " : v.quality == QUALITY_ESTIMATE ? "~ " : "";

	if (!value_known(v))
		snprintf(out, 48, "–");
	else if (unit == UNIT_SHARE)
		snprintf(out, 48, "%s%.2f %%", mark, v.number * 100);
	else if (unit == UNIT_SECONDS)
		snprintf(out, 48, "%s%.3f s", mark, v.number);
	else if (unit == UNIT_USD)
		snprintf(out, 48, "%s$%.4f", mark, v.number);
	else
		snprintf(out, 48, "%s%.6g", mark, v.number);
	return out;
}

static void figure_row(struct document *d, const struct incident_report *r, enum metric m, const char *label)
{
	struct value now = metric_value(m, &r->now.total.total, (double)(r->now.to_us - r->now.from_us) / 1e6);
	struct value before = metric_value(m, &r->before.total.total, (double)(r->before.to_us - r->before.from_us) / 1e6);
	char text[48];

	document_cell(d, str_of(label));
	document_cell(d, str_of(format_figure(metrics[m].unit, now, text)));
	document_cell(d, str_of(format_figure(metrics[m].unit, before, text)));
	if (value_known(now) && value_known(before) && before.number > 0)
		document_cellf(d, "%+.0f %%", 100 * (now.number / before.number - 1));
	else
		document_cell(d, STR_LIT("–"));
}

static void write_figures(struct document *d, const struct incident_report *r)
{
	static const struct { enum metric metric; const char *label; } rows[] = {
		{METRIC_REQUESTS, "requests"}, {METRIC_ERROR_RATE, "error rate"}, {METRIC_LATENCY_P50, "latency p50"},
		{METRIC_LATENCY_P95, "latency p95"}, {METRIC_LATENCY_P99, "latency p99"}, {METRIC_TTFT_P95, "time to first token p95"},
		{METRIC_COST, "cost"}, {METRIC_FLAGS_PER_1K, "flags per 1,000 requests"}, {METRIC_NEGATIVE_PER_100, "negative per 100 feedback items"},
	};

	document_heading(d, 2, "Figures");
	document_table_begin(d, 4);
	document_cell(d, STR_LIT("figure"));
	document_cell(d, STR_LIT("in the window"));
	document_cell(d, STR_LIT("as long before"));
	document_cell(d, STR_LIT("change"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		figure_row(d, r, rows[i].metric, rows[i].label);
	document_table_end(d);
	write_command(d, r, command_totals);
}

static char *format_count(double v, char out[32])
{
	snprintf(out, 32, "%.0f", v);
	return out;
}

static char *format_seconds(double v, char out[32])
{
	snprintf(out, 32, "%.3g s", v);
	return out;
}

static char *format_share(double v, char out[32])
{
	snprintf(out, 32, "%.3g %%", v * 100);
	return out;
}

static char *format_usd(double v, char out[32])
{
	snprintf(out, 32, "$%.4g", v);
	return out;
}

static void write_charts(struct document *d, const struct incident_report *r)
{
	static const struct { enum metric metric; const char *name; char *(*format)(double v, char out[32]); } charts[] = {
		{METRIC_REQUESTS, "requests a step", format_count}, {METRIC_LATENCY_P95, "latency p95", format_seconds},
		{METRIC_ERROR_RATE, "error rate", format_share}, {METRIC_COST, "cost a step", format_usd},
	};
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	double *values = mem_array(NULL, r->now.steps + 1, sizeof *values);

	document_heading(d, 2, "Charts");
	for (size_t c = 0; c < sizeof charts / sizeof *charts; c++) {
		for (size_t i = 0; i < r->now.steps; i++) {
			struct value v = metric_value(charts[c].metric, &r->now.total.series[i], (double)r->now.step_us / 1e6);

			values[i] = value_known(v) ? v.number : (double)NAN;
		}
		document_chart(d, &(struct document_chart){
			.name = charts[c].name, .values = values, .count = r->now.steps, .from = time_format(r->now.from_us, from),
			.to = time_format(r->now.to_us, to), .format = charts[c].format,
		});
	}
	free(values);
	write_command(d, r, command_series);
}

/* ">= 2s"; the lowest "< 200ms", by the band above it. */
static const char *band_label(const struct heat_result *h, size_t band, struct arena *arena)
{
	const struct heat_band *edge = &h->bands[band || h->band_count == 1 ? band : 1];
	char text[40], duration[TIME_TEXT_BYTES];

	if (*h->bands[band].name)
		return h->bands[band].name;
	if (h->kind == HEAT_COST)
		snprintf(text, sizeof text, "%s $%.4g", band ? ">=" : "<", (double)edge->label / (double)NUSD_PER_USD);
	else
		snprintf(text, sizeof text, "%s %s", band ? ">=" : "<", duration_format(edge->label, duration));
	return arena_copy(arena, text, strlen(text));
}

static void write_heat(struct document *d, const struct incident_report *r)
{
	static const char *const titles[HEAT_KINDS] = {
		"Latency over time (requests)", "Time to first token over time (requests)", "Cost over time (requests)",
		"Errors by type over time", "Flags by category over time (findings)",
	};
	const struct heat_result *h = &r->heat;
	const char *labels[HEAT_BANDS_MAX];
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	struct arena arena = {0};

	document_heading(d, 2, titles[h->kind]);
	for (size_t i = 0; i < h->band_count; i++)
		labels[i] = band_label(h, i, &arena);
	document_heat(d, &(struct document_heat){
		.bands = labels, .band_count = h->band_count, .steps = h->steps, .counts = h->counts, .most = h->most,
		.from = time_format(h->from_us, from), .to = time_format(h->to_us, to),
	});
	arena_fini(&arena);
	if (h->kind == HEAT_ERRORS || h->kind == HEAT_FLAGS)
		return;
	struct buf text = {0};

	buf_printf(&text, "%" PRId64 " requests in all cells; %" PRId64 " of the window did not tell the figure.", h->total, h->requests - h->total);
	document_paragraph(d, text.data);
	buf_fini(&text);
}

static void write_suspects(struct document *d, const struct incident_report *r)
{
	const struct suspects_result *s = &r->suspects;
	static const char *const heads[] = {"attribute", "value", "bad", "of", "lift", "at least", "goes along with"};
	char condition[BAD_TEXT_BYTES];
	struct buf text = {0};

	document_heading(d, 2, "Suspects");
	buf_printf(&text, "%" PRId64 " of %" PRId64 " requests are bad (%s%s).", s->bad, s->total, bad_format(&r->asked.bad, condition),
	           r->derived ? ", derived from what was usual before" : "");
	if (s->against_before)
		buf_printf(&text, " They are compared with %" PRId64 " of their kind at other times.", s->compared - s->bad);
	document_paragraph(d, text.data);
	if (!s->named_count)
		document_paragraph(d, s->bad ? "No suspect: nothing stands out among them." : "No suspect: no request is bad.");
	if (s->named_count) {
		document_table_begin(d, 7);
		for (size_t i = 0; i < 7; i++)
			document_cell(d, str_of(heads[i]));
		for (size_t i = 0; i < s->named_count; i++) {
			const struct suspect_row *row = &s->rows[i];

			document_cell(d, str_of(row->attribute));
			document_cell(d, str_of(row->value));
			document_cellf(d, "%" PRId64, row->bad);
			document_cellf(d, "%" PRId64, row->total);
			document_cellf(d, "x%.1f", row->lift);
			document_cellf(d, "x%.1f", row->lift_low);
			document_cell(d, str_of(row->explained_by >= 0 ? s->rows[row->explained_by].value : ""));
		}
		document_table_end(d);
	}
	write_command(d, r, incident_command_suspects);
	buf_fini(&text);
}

static void request_cells(struct document *d, const struct request_row *row)
{
	const struct request *q = &row->request;
	char time[TIME_TEXT_BYTES], money[MONEY_TEXT_BYTES];

	document_cellf(d, "%llx", (unsigned long long)row->id);
	document_cell(d, str_of(time_format(q->end_us, time)));
	if (q->latency_us >= 0)
		document_cellf(d, "%.3f s", (double)q->latency_us / 1e6);
	else
		document_cell(d, STR_LIT("–"));
	document_cell(d, str_of(q->cost_source == COST_UNPRICED ? "–" : money_format_usd(q->cost_nusd, money)));
	document_cell(d, q->dims[DIM_SERVICE]);
	document_cell(d, q->dims[DIM_DEPLOYMENT]);
	document_cell(d, q->dims[DIM_MODEL]);
	document_cell(d, q->status == REQUEST_ERROR ? (q->error_type.len ? q->error_type : STR_LIT("error")) : STR_LIT("ok"));
}

static void write_requests(struct document *d, const struct incident_report *r)
{
	static const char *const heads[] = {"request", "ended", "latency", "USD", "service", "deployment", "model", "status"};

	if (!r->suspects.request_count)
		return;
	document_heading(d, 2, r->asked.sort == SORT_DEAREST ? "Dearest bad requests" : "Slowest bad requests");
	document_table_begin(d, 8);
	for (size_t i = 0; i < 8; i++)
		document_cell(d, str_of(heads[i]));
	for (size_t i = 0; i < r->suspects.request_count; i++)
		request_cells(d, &r->suspects.requests[i]);
	document_table_end(d);
	write_command(d, r, incident_command_requests);
}

static void write_errors(struct document *d, const struct breakdown_result *b)
{
	static const char *const heads[] = {"provider", "type", "count", "kind", "what it means"};

	if (!b->row_count)
		return;
	document_heading(d, 2, "Errors");
	document_table_begin(d, 5);
	for (size_t i = 0; i < 5; i++)
		document_cell(d, str_of(heads[i]));
	for (size_t i = 0; i < b->row_count; i++) {
		const struct breakdown_row *row = &b->rows[i];

		document_cell(d, str_of(*row->key[0] ? row->key[0] : "–"));
		document_cell(d, str_of(row->name));
		document_cellf(d, "%" PRId64, row->count);
		document_cell(d, str_of(error_class_name(error_classify(str_of(row->name), 0))));
		document_cell(d, str_of(error_note(str_of(row->key[0]), str_of(row->name), 0)));
	}
	document_table_end(d);
}

static void write_retries(struct document *d, const struct incident_report *r)
{
	static const char *const heads[] = {"service", "provider", "model", "made again", "of", "after", "worst minute", "storm"};
	char time[TIME_TEXT_BYTES];

	if (!r->retries.row_count)
		return;
	document_heading(d, 2, "Retries");
	document_table_begin(d, 8);
	for (size_t i = 0; i < 8; i++)
		document_cell(d, str_of(heads[i]));
	for (size_t i = 0; i < r->retries.row_count; i++) {
		const struct retry_row *row = &r->retries.rows[i];

		document_cell(d, str_of(row->service));
		document_cell(d, str_of(row->provider));
		document_cell(d, str_of(row->model));
		document_cellf(d, "%" PRId64, row->retried);
		document_cellf(d, "%" PRId64, row->requests);
		document_cell(d, str_of(row->error_type));
		document_cellf(d, "%" PRId64 " of %" PRId64 " calls at %s", row->peak_retried, row->peak_requests, time_format(row->peak_us, time));
		if (row->storm_minutes)
			document_cellf(d, "%" PRId64 " minutes since %s", row->storm_minutes, time_format(row->storm_from_us, time));
		else
			document_cell(d, STR_LIT("no"));
	}
	document_table_end(d);
}

static void write_headroom(struct document *d, const struct incident_report *r)
{
	static const char *const heads[] = {"source", "provider and model", "what is left", "newest", "of", "least", "told", "full"};
	char time[TIME_TEXT_BYTES];

	if (!r->headroom.row_count)
		return;
	document_heading(d, 2, "Rate-limit headroom");
	document_table_begin(d, 8);
	for (size_t i = 0; i < 8; i++)
		document_cell(d, str_of(heads[i]));
	for (size_t i = 0; i < r->headroom.row_count; i++) {
		const struct headroom_row *row = &r->headroom.rows[i];

		document_cell(d, str_of(row->source));
		document_cell(d, str_of(row->instance));
		document_cell(d, str_of(row->tokens ? "tokens" : "requests"));
		document_cellf(d, "%.0f", row->left);
		if (row->limit > 0)
			document_cellf(d, "%.0f", row->limit);
		else
			document_cell(d, STR_LIT("–"));
		document_cellf(d, "%.0f", row->least);
		document_cell(d, str_of(time_format(row->seen_us, time)));
		document_cell(d, str_of(row->reset_us ? time_format(row->reset_us, time) : "–"));
	}
	document_table_end(d);
}

static void write_breakdown(struct document *d, const char *title, const struct breakdown_result *b)
{
	if (!b->row_count)
		return;
	document_heading(d, 2, title);
	document_table_begin(d, 2);
	document_cell(d, STR_LIT("kind"));
	document_cell(d, STR_LIT("count"));
	for (size_t i = 0; i < b->row_count; i++) {
		document_cell(d, str_of(b->rows[i].name));
		document_cellf(d, "%" PRId64, b->rows[i].count);
	}
	document_table_end(d);
}

static void write_timeline(struct document *d, const struct incident_report *r)
{
	static const char *const kinds[] = {[TIMELINE_NOTE] = "note", [TIMELINE_STATE] = "incident", [TIMELINE_FEEDBACK] = "feedback"};
	char time[TIME_TEXT_BYTES];

	document_heading(d, 2, "Timeline");
	document_table_begin(d, 4);
	document_cell(d, STR_LIT("time"));
	document_cell(d, STR_LIT("what"));
	document_cell(d, STR_LIT("who"));
	document_cell(d, STR_LIT(""));
	for (size_t i = 0; i < r->detail.timeline_count; i++) {
		const struct timeline_row *row = &r->detail.timeline[i];
		struct buf text = {0};

		document_cell(d, str_of(time_format(row->time_us, time)));
		document_cell(d, str_of(row->kind == TIMELINE_MARK ? mark_kind_name(row->mark) : kinds[row->kind]));
		document_cell(d, str_of(row->who));
		if (*row->name && !strstr(row->text, row->name))
			buf_printf(&text, "%s: ", row->name);
		buf_puts(&text, row->text);
		document_cell(d, buf_str(&text));
		buf_fini(&text);
	}
	document_table_end(d);
}

static void write_feedback(struct document *d, const struct incident_report *r)
{
	struct buf text = {0};

	if (!r->detail.feedback_count)
		return;
	document_heading(d, 2, "Feedback");
	document_paragraph(d, "Texts are not copied into a report: they are shown to who may read them by");
	for (size_t i = 0; i < r->detail.feedback_count; i++) {
		buf_reset(&text);
		buf_printf(&text, "llmdeck feedback show %llx", (unsigned long long)r->detail.feedback[i]);
		document_command(d, text.data);
	}
	buf_fini(&text);
}

static void fact(struct document *d, const char *name, const char *text)
{
	document_cell(d, str_of(name));
	document_cell(d, str_of(*text ? text : "–"));
}

static void write_head(struct document *d, const struct incident_report *r)
{
	const struct incident *i = &r->detail.incident;
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], filters[VIEW_FILTERS_MAX * (VIEW_VALUE_BYTES + 32)];
	struct buf text = {0};

	document_table_begin(d, 2);
	fact(d, "state", incident_state_name(i->state));
	fact(d, "owner", i->owner);
	buf_printf(&text, "%s by %s", time_format(i->opened_us, from), *i->author ? i->author : "somebody");
	fact(d, "opened", text.data);
	fact(d, "closed", i->closed_us ? time_format(i->closed_us, from) : "");
	buf_reset(&text);
	buf_printf(&text, "%s to %s%s", time_format(r->view.from_us, from), time_format(r->view.to_us, to), i->to_us || i->closed_us ? "" : ", going on");
	fact(d, "window", text.data);
	fact(d, "only", view_format_filters(&i->where, filters, sizeof filters));
	fact(d, "report made", time_format(r->made_us, from));
	document_table_end(d);
	buf_fini(&text);
}

void incident_report_write(const struct incident_report *r, bool html, struct buf *out)
{
	char name[INCIDENT_NAME_BYTES];
	struct buf title = {0};
	struct document d;

	buf_printf(&title, "%s %s", incident_name(r->detail.incident.id, name), r->detail.incident.title);
	document_begin(&d, out, html, title.data);
	write_head(&d, r);
	write_figures(&d, r);
	write_charts(&d, r);
	write_heat(&d, r);
	write_suspects(&d, r);
	write_requests(&d, r);
	write_errors(&d, &r->errors);
	write_retries(&d, r);
	write_headroom(&d, r);
	write_breakdown(&d, "Flags", &r->flags);
	write_timeline(&d, r);
	write_feedback(&d, r);
	document_end(&d);
	buf_fini(&title);
}
