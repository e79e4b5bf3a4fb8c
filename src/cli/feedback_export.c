/* JSON strings are written here, since what reads them may print them: beside control characters, C1, bidi
 * and invisible ones are escaped. */
#include "cli/feedback_export.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/utf8.h"
#include "core/money.h"
#include "judge/pii.h"

#define SPANS_MAX 256

static const char *const mood_names[] = {"unknown", "positive", "neutral", "negative"};

/* Stores that were written with `redact: no` may hold what must not leave. */
static void redact(struct str text, struct buf *out)
{
	struct pii_span spans[SPANS_MAX];
	size_t count = pii_find(text, spans, SPANS_MAX);

	if (count == SPANS_MAX)
		text.len = spans[count - 1].end;
	pii_redact(text, spans, count, out);
}

static bool is_treacherous(uint32_t c)
{
	return (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff0 && c < 0xfffd);
}

static void put_text(struct buf *out, struct str s)
{
	const char *at = s.ptr, *end = s.ptr + s.len, *plain = at;
	struct buf part = {0};

	buf_append_c(out, '"');
	while (s.len && at < end) {
		const char *before = at;
		uint32_t c = utf8_decode(&at, end);

		if (!is_treacherous(c) && at < end)
			continue;
		bool bad = is_treacherous(c);

		buf_reset(&part);
		buf_append_json(&part, (struct str){plain, (size_t)((bad ? before : at) - plain)});
		buf_append(out, part.data + 1, part.len - 2); /* without its quotes */
		if (bad)
			buf_printf(out, "\\u%04x", c);
		plain = at;
	}
	buf_append_c(out, '"');
	buf_fini(&part);
}

static void put_redacted(struct buf *out, struct str s)
{
	struct buf clean = {0};

	redact(s, &clean);
	put_text(out, buf_str(&clean));
	buf_fini(&clean);
}

static void put_member(struct buf *out, const char *name, struct str s)
{
	buf_printf(out, ",\"%s\":", name);
	if (s.len)
		put_text(out, s);
	else
		buf_puts(out, "null");
}

static void put_number(struct buf *out, const char *name, double v)
{
	if (isnan(v))
		buf_printf(out, ",\"%s\":null", name);
	else
		buf_printf(out, ",\"%s\":%.6g", name, v);
}

static void put_time(struct buf *out, const char *name, int64_t us)
{
	char text[TIME_TEXT_BYTES];

	if (us)
		buf_printf(out, ",\"%s\":\"%s\"", name, time_format(us, text));
	else
		buf_printf(out, ",\"%s\":null", name);
}

static void put_trace(struct buf *out, const struct feedback_item *i)
{
	if (!i->item.has_trace) {
		buf_puts(out, ",\"trace_id\":null");
		return;
	}
	buf_puts(out, ",\"trace_id\":\"");
	for (int b = 0; b < 16; b++)
		buf_printf(out, "%02x", i->item.trace_id[b]);
	buf_puts(out, "\"");
}

static void put_kept(struct buf *out, const char *name, struct str text, enum text_state state)
{
	static const char *const states[] = {[TEXT_NONE] = NULL, [TEXT_KEPT] = NULL, [TEXT_WITHHELD] = "withheld", [TEXT_EXPIRED] = "expired"};

	buf_printf(out, ",\"%s\":", name);
	if (state == TEXT_KEPT)
		put_redacted(out, text);
	else
		buf_puts(out, "null");
	if (states[state])
		buf_printf(out, ",\"%s_state\":\"%s\"", name, states[state]);
}

static void put_verdicts(const struct feedback_item *i, struct buf *out)
{
	buf_puts(out, ",\"verdicts\":[");
	for (size_t k = 0; k < i->verdict_count; k++) {
		const struct feedback_verdict *v = &i->verdicts[k];

		buf_puts(out, k ? ",{\"judge\":" : "{\"judge\":");
		put_text(out, str_of(v->judge));
		buf_printf(out, ",\"label\":\"%s\"", mood_names[v->mood]);
		put_number(out, "score", v->score);
		put_number(out, "confidence", v->confidence);
		buf_printf(out, ",\"stands\":%s}", v->stands ? "true" : "false");
	}
	buf_puts(out, "]");
}

static void put_labels(const struct feedback_item *i, struct buf *out)
{
	buf_puts(out, ",\"labels\":[");
	for (size_t k = 0; k < i->label_count; k++) {
		buf_puts(out, k ? ",{\"name\":" : "{\"name\":");
		put_text(out, str_of(i->labels[k].name));
		put_member(out, "value", str_of(i->labels[k].value));
		put_member(out, "author", str_of(i->labels[k].author));
		put_time(out, "time", i->labels[k].time_us);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void put_notes(const struct feedback_item *i, struct buf *out)
{
	buf_puts(out, ",\"notes\":[");
	for (size_t k = 0; k < i->note_count; k++) {
		buf_puts(out, k ? ",{\"author\":" : "{\"author\":");
		put_text(out, str_of(i->notes[k].author));
		put_time(out, "time", i->notes[k].time_us);
		put_kept(out, "text", i->notes[k].text, i->notes[k].state);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void put_request(const struct feedback_item *i, struct buf *out)
{
	const struct request *q = &i->request;

	if (!i->has_request) {
		buf_puts(out, ",\"request\":null");
		return;
	}
	buf_printf(out, ",\"request\":{\"id\":\"%" PRIx64 "\"", (uint64_t)i->request_id);
	put_number(out, "latency_ms", q->latency_us == UNKNOWN_INT ? NAN : (double)q->latency_us / 1000);
	put_number(out, "input_tokens", q->input_tokens == UNKNOWN_INT ? NAN : (double)q->input_tokens);
	put_number(out, "output_tokens", q->output_tokens == UNKNOWN_INT ? NAN : (double)q->output_tokens);
	put_number(out, "cost_usd", q->cost_source == COST_UNPRICED ? NAN : (double)q->cost_nusd / 1e9);
	buf_printf(out, ",\"status\":\"%s\"}", q->status == REQUEST_ERROR ? "error" : "ok");
}

void feedback_put_json(const struct feedback_item *i, bool with_text, struct buf *out)
{
	const struct feedback *f = &i->item;

	buf_printf(out, "{\"id\":\"%" PRIx64 "\"", (uint64_t)i->id);
	put_time(out, "time", f->time_us);
	put_member(out, "source_id", f->id);
	buf_printf(out, ",\"mood\":\"%s\"", mood_names[f->mood]);
	put_member(out, "judge", f->judge);
	put_number(out, "score", f->sentiment);
	put_number(out, "confidence", f->mood ? f->confidence[f->mood - MOOD_POSITIVE] : NAN);
	put_number(out, "rating", f->rating);
	buf_printf(out, ",\"state\":\"%s\"", feedback_state_name(i->state));
	put_time(out, "settled", i->settled_us);
	put_member(out, "settled_by", str_of(i->settled_by));
	put_member(out, "assignee", str_of(i->assignee));
	for (int d = 0; d < DIM_COUNT; d++)
		put_member(out, dim_name((enum dim)d), f->dims[d]);
	put_member(out, "language", f->language);
	put_member(out, "user", f->user);
	put_trace(out, i);
	put_member(out, "response_id", f->response_id);
	put_member(out, "findings", f->findings);
	put_labels(i, out);
	put_verdicts(i, out);
	put_request(i, out);
	buf_printf(out, ",\"in_dataset\":%s", i->in_dataset ? "true" : "false");
	if (with_text) {
		put_kept(out, "text", f->text, i->text_state);
		put_kept(out, "context", i->context, i->context_state);
		put_kept(out, "question", i->question, i->question_state);
		put_kept(out, "answer", i->answer, i->answer_state);
		put_kept(out, "corrected", i->corrected, i->in_dataset ? i->corrected_state : TEXT_NONE);
		put_notes(i, out);
	}
	buf_puts(out, "}\n");
}

/* A spreadsheet takes a cell that begins so for a formula, also behind blanks. */
static bool begins_as_formula(struct str s)
{
	s = str_trim(s);
	return s.len && s.ptr[0] && strchr("=+-@|%\t\r", s.ptr[0]);
}

static void put_cell(struct buf *out, struct str s)
{
	struct buf cell = {0};

	if (begins_as_formula(s))
		buf_append_c(&cell, '\'');
	text_append_harmless(&cell, s, EVENT_TEXT_MAX_BYTES);
	buf_append_csv(out, buf_str(&cell));
	buf_fini(&cell);
	buf_append_c(out, ',');
}

static void put_value(struct buf *out, double v)
{
	if (!isnan(v))
		buf_printf(out, "%.6g", v);
	buf_append_c(out, ',');
}

void feedback_put_csv_head(bool with_text, struct buf *out)
{
	buf_puts(out, "id,time,mood,judge,score,confidence,rating,state,settled_by,assignee,");
	for (int d = 0; d < DIM_COUNT; d++)
		buf_printf(out, "%s,", dim_name((enum dim)d));
	buf_printf(out, "language,user,source_id,findings,latency_ms,cost_usd,labels%s\r\n", with_text ? ",text,corrected" : "");
}

void feedback_put_csv(const struct feedback_item *i, bool with_text, struct buf *out)
{
	const struct feedback *f = &i->item;
	const struct request *q = &i->request;
	struct buf labels = {0};
	char time[TIME_TEXT_BYTES];

	buf_printf(out, "%" PRIx64 ",%s,%s,", (uint64_t)i->id, time_format(f->time_us, time), mood_names[f->mood]);
	put_cell(out, f->judge);
	put_value(out, f->sentiment);
	put_value(out, f->mood ? f->confidence[f->mood - MOOD_POSITIVE] : NAN);
	put_value(out, f->rating);
	buf_printf(out, "%s,", feedback_state_name(i->state));
	put_cell(out, str_of(i->settled_by));
	put_cell(out, str_of(i->assignee));
	for (int d = 0; d < DIM_COUNT; d++)
		put_cell(out, f->dims[d]);
	put_cell(out, f->language);
	put_cell(out, f->user);
	put_cell(out, f->id);
	put_cell(out, f->findings);
	put_value(out, i->has_request && q->latency_us != UNKNOWN_INT ? (double)q->latency_us / 1000 : NAN);
	put_value(out, i->has_request && q->cost_source != COST_UNPRICED ? (double)q->cost_nusd / 1e9 : NAN);
	for (size_t k = 0; k < i->label_count; k++)
		buf_printf(&labels, "%s%s=%s", k ? " " : "", i->labels[k].name, i->labels[k].value);
	put_cell(out, buf_str(&labels));
	buf_reset(&labels);
	if (with_text) {
		if (i->text_state == TEXT_KEPT)
			redact(f->text, &labels);
		put_cell(out, i->text_state == TEXT_WITHHELD ? STR_LIT("text withheld") : buf_str(&labels));
		buf_reset(&labels);
		if (i->in_dataset && i->corrected_state == TEXT_KEPT)
			redact(i->corrected, &labels);
		put_cell(out, buf_str(&labels));
	}
	buf_fini(&labels);
	out->len--; /* the last comma */
	buf_puts(out, "\r\n");
}

bool feedback_put_case(const struct feedback_item *i, struct buf *out)
{
	if (!i->in_dataset || i->corrected_state != TEXT_KEPT || i->question_state != TEXT_KEPT)
		return false;
	buf_puts(out, "{\"messages\":[{\"role\":\"user\",\"content\":");
	put_redacted(out, i->question);
	buf_puts(out, "},{\"role\":\"assistant\",\"content\":");
	put_redacted(out, i->corrected);
	buf_printf(out, "}],\"metadata\":{\"feedback_id\":\"%" PRIx64 "\",\"mood\":\"%s\"", (uint64_t)i->id, mood_names[i->item.mood]);
	put_time(out, "time", i->item.time_us);
	put_member(out, "service", i->item.dims[DIM_SERVICE]);
	put_member(out, "deployment", i->item.dims[DIM_DEPLOYMENT]);
	put_member(out, "model", i->item.dims[DIM_MODEL]);
	put_labels(i, out);
	if (i->answer_state == TEXT_KEPT) {
		buf_puts(out, ",\"rejected_answer\":");
		put_redacted(out, i->answer);
	}
	buf_puts(out, "}}\n");
	return true;
}
