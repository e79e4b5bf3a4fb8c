/* Traces are taken in two steps: while the body is decoded, every span leaves a note (ids, and what it
 * says that its children may inherit); when it has ended, each model call looks up its line of
 * ancestors among the notes. Notes are bounded: a body with more spans than NOTES_MAX still gives its
 * requests, only without inheritance. Metrics are renamed as OpenTelemetry's Prometheus rules have it
 * and go through the same table as scraped ones. */
#include "collect/otlp_intake.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "collect/headroom.h"
#include "collect/judges.h"
#include "collect/otlp_metrics.h"
#include "collect/otlp_texts.h"
#include "parse/genai.h"

#define NOTES_MAX 65536u
#define LINE_MAX_SPANS 32 /* how far up an ancestor is looked for */
#define AHEAD_MAX_US US_PER_HOUR
#define BEHIND_MAX_US (365 * US_PER_DAY)

struct note {
	uint64_t span_id, parent_id;
	struct str environment, user, session, tenant, key, prompt_version, team;
	uint8_t kind;    /* enum genai_kind */
	bool has_parent;
	size_t request;  /* of a model call: its place in the batch */
};

/* A reply's word on its rate limit, until it is known which call it is of. */
#define REPLIES_MAX 4096u
struct reply {
	struct headroom_told told;
	uint64_t span_id; /* 0: none */
	size_t request;   /* its place in the batch; NO_REQUEST: the span is within a call's */
	struct str service, address;
};
#define NO_REQUEST SIZE_MAX

struct otlp_intake {
	char *source;
	const struct price_table *prices;
	struct otlp_metrics *metrics;
	struct genai *genai;
	/* of the body in hand */
	struct batch *out;
	struct str source_name; /* in it */
	struct otlp_tally *tally;
	int64_t now_us;
	struct note *notes;
	size_t note_count, note_cap;
	bool has_parents; /* any span */
	struct headroom *headroom;
	struct reply *replies;
	size_t reply_count, reply_cap;
	struct intmap by_span; /* span id -> index of its note + 1 */
};

struct otlp_intake *otlp_intake_new(const char *source, const struct price_table *prices)
{
	struct otlp_intake *in = mem_zalloc(sizeof *in);

	in->source = mem_strdup(source);
	in->prices = prices;
	in->metrics = otlp_metrics_new(source);
	in->genai = genai_new();
	in->headroom = headroom_new();
	return in;
}

void otlp_intake_free(struct otlp_intake **in)
{
	struct otlp_intake *old = *in;

	if (!old)
		return;
	otlp_metrics_free(&old->metrics);
	genai_free(&old->genai);
	intmap_fini(&old->by_span);
	headroom_free(&old->headroom);
	free(old->replies);
	free(old->notes);
	free(old->source);
	free(old);
	*in = NULL;
}

static void reject(struct otlp_intake *in, const char *why)
{
	if (in->tally->rejected++ == 0)
		snprintf(in->tally->words, sizeof in->tally->words, "%s", why);
}

static bool believable(struct otlp_intake *in, int64_t time_us)
{
	if (time_us > in->now_us + AHEAD_MAX_US) {
		reject(in, "ends more than an hour ahead: check the sender's clock");
		return false;
	}
	if (time_us < in->now_us - BEHIND_MAX_US) {
		reject(in, "ends more than a year ago: check the sender's clock, or use llmdeck import");
		return false;
	}
	return true;
}

static uint64_t id64(const uint8_t id[8])
{
	uint64_t value;

	memcpy(&value, id, sizeof value);
	return value;
}

static struct note *add_note(struct otlp_intake *in, const struct otlp_span *span)
{
	if (!span->has_ids || in->note_count >= NOTES_MAX)
		return NULL;
	in->notes = mem_grow(in->notes, &in->note_cap, in->note_count + 1, sizeof *in->notes);
	return &in->notes[in->note_count++];
}

/* What the request says that those below it may inherit. */
static void fill_note(struct note *note, const struct request *r)
{
	note->environment = r->dims[DIM_ENVIRONMENT];
	note->team = r->dims[DIM_TEAM];
	note->user = r->attrs[ATTR_USER];
	note->session = r->attrs[ATTR_SESSION];
	note->tenant = r->attrs[ATTR_TENANT];
	note->key = r->attrs[ATTR_KEY];
	note->prompt_version = r->attrs[ATTR_PROMPT_VERSION];
}

/* Leaves the note of a span that is no model call. Its fields are read as a request's are: by the one table of
 * names. */
static void leave_note(struct otlp_intake *in, const struct otlp_span *span, enum genai_kind kind)
{
	struct note *note = add_note(in, span);
	struct request own = {0};

	if (!note)
		return;
	genai_fill_context(in->genai, &own);
	fill_note(note, &own);
	note->span_id = id64(span->span_id);
	note->parent_id = id64(span->parent_id);
	note->kind = (uint8_t)kind;
	note->has_parent = span->has_parent;
	note->request = 0;
}

/* Of the newest request. The rest of the note is in it, and taken from it if anybody asks. */
static void leave_call_note(struct otlp_intake *in, const struct otlp_span *span)
{
	struct note *note = add_note(in, span);

	if (!note)
		return;
	note->kind = GENAI_MODEL;
	note->request = in->out->request_count - 1;
}

/* When the body has ended. Most hold no spans above others: then nobody is looked for. */
static void index_notes(struct otlp_intake *in)
{
	intmap_clear(&in->by_span);
	for (size_t i = 0; i < in->note_count; i++) {
		struct note *note = &in->notes[i];

		if (note->kind == GENAI_MODEL) {
			const struct request *r = &in->out->requests[note->request];

			fill_note(note, r);
			note->span_id = id64(r->span_id);
			note->parent_id = id64(r->parent_id);
			note->has_parent = r->has_parent;
		}
		intmap_put(&in->by_span, note->span_id, (void *)(uintptr_t)(i + 1));
	}
}

static const struct note *find_note(const struct otlp_intake *in, uint64_t span_id)
{
	uintptr_t at = (uintptr_t)intmap_get(&in->by_span, span_id);

	return at ? &in->notes[at - 1] : NULL;
}

static struct str text_in(struct otlp_intake *in, struct otlp_attrs attrs, const char *key)
{
	const struct otlp_value *v = otlp_find(attrs, key);

	return v && v->kind == OTLP_STRING ? batch_text(in->out, v->text, EVENT_NAME_MAX_BYTES) : (struct str){0};
}

/* A call's own span, or that of an HTTP client within it. */
static void keep_reply(struct otlp_intake *in, const struct otlp_origin *from, const struct otlp_span *span, size_t request)
{
	struct headroom_told told;

	if (in->reply_count >= REPLIES_MAX || !headroom_read(span, &told))
		return;
	in->replies = mem_grow(in->replies, &in->reply_cap, in->reply_count + 1, sizeof *in->replies);
	in->replies[in->reply_count++] = (struct reply){
		.told = told, .request = request, .span_id = span->has_ids ? id64(span->span_id) : 0,
		.service = text_in(in, from->resource, "service.name"), .address = text_in(in, span->attrs, "server.address"),
	};
}

static void keep_step(struct otlp_intake *in, const struct otlp_span *span, enum genai_kind kind)
{
	static const uint8_t kinds[] = {
		[GENAI_AGENT] = SPAN_AGENT, [GENAI_TOOL] = SPAN_TOOL, [GENAI_RETRIEVAL] = SPAN_RETRIEVAL,
	};
	const struct otlp_value *type = otlp_find(span->attrs, "error.type");
	struct str dims[DIM_COUNT] = {{0}};
	struct span *step;

	if (!span->has_ids || span->start_ns <= 0 || span->end_ns < span->start_ns) {
		reject(in, "span without ids or times");
		return;
	}
	if (!believable(in, span->end_ns / 1000))
		return;
	genai_fill_dims(in->genai, dims);
	step = batch_add_span(in->out);
	step->start_us = span->start_ns / 1000;
	step->end_us = span->end_ns / 1000;
	memcpy(step->trace_id, span->trace_id, sizeof step->trace_id);
	memcpy(step->span_id, span->span_id, sizeof step->span_id);
	memcpy(step->parent_id, span->parent_id, sizeof step->parent_id);
	step->has_parent = span->has_parent;
	step->kind = kinds[kind];
	step->status = span->status == 2 ? REQUEST_ERROR : REQUEST_OK;
	if (step->status == REQUEST_ERROR && type && type->kind == OTLP_STRING)
		step->error_type = batch_text(in->out, type->text, EVENT_NAME_MAX_BYTES);
	step->name = batch_text(in->out, span->name, EVENT_NAME_MAX_BYTES);
	step->service = dims[DIM_SERVICE];
	step->source = in->source_name;
	in->tally->spans++;
}

static int on_span(void *arg, const struct otlp_origin *from, const struct otlp_span *span)
{
	struct otlp_intake *in = arg;
	enum genai_kind kind;
	struct request *r;

	in->tally->records++;
	in->has_parents |= span->has_parent;
	genai_read(in->genai, from, span->attrs);
	kind = genai_classify(in->genai, span);
	if (kind != GENAI_MODEL) {
		leave_note(in, span, kind);
		if (kind == GENAI_OTHER) {
			keep_reply(in, from, span, NO_REQUEST);
			in->tally->ignored++;
		} else {
			keep_step(in, span, kind);
		}
		return 0;
	}
	r = batch_add_request(in->out);
	if (!genai_fill_request(in->genai, r, from, span)) {
		in->out->request_count--;
		reject(in, "model call without usable times");
		return 0;
	}
	if (!believable(in, r->end_us)) {
		in->out->request_count--;
		return 0;
	}
	r->source = in->source_name;
	otlp_take_texts(in->out, r, span);
	keep_reply(in, from, span, in->out->request_count - 1);
	leave_call_note(in, span);
	return 0;
}

static void inherit(struct str *own, struct str from)
{
	if (own->len == 0)
		*own = from;
}

/* The nearest ancestor that is kept (or not in this body) becomes the parent: what is between, an HTTP
 * client's span say, is not in the store. */
static void set_shown_parent(const struct otlp_intake *in, bool *has_parent, uint8_t parent_id[8])
{
	for (int steps = 0; *has_parent && steps < LINE_MAX_SPANS; steps++) {
		const struct note *above = find_note(in, id64(parent_id));

		if (!above || above->kind != GENAI_OTHER)
			return;
		*has_parent = above->has_parent;
		memcpy(parent_id, &above->parent_id, sizeof above->parent_id);
	}
}

/* Fills in what the request does not say from the spans above it. Returns the request that it is a
 * part of: the outermost model call above it with no agent or tool in between; NULL when there is none. */
static struct request *climb(const struct otlp_intake *in, struct request *r)
{
	const struct note *note = r->has_span ? find_note(in, id64(r->span_id)) : NULL;
	struct request *outer = NULL;
	bool apart = false; /* a tool or an agent is in between: a call of its own */

	for (int steps = 0; note && note->has_parent && steps < LINE_MAX_SPANS; steps++) {
		note = find_note(in, note->parent_id);
		if (!note)
			break;
		if (note->kind == GENAI_MODEL && &in->out->requests[note->request] == r)
			return NULL; /* a circle: nobody is inside anybody */
		apart |= note->kind != GENAI_OTHER && note->kind != GENAI_MODEL;
		if (note->kind == GENAI_MODEL && !apart)
			outer = &in->out->requests[note->request];
		inherit(&r->dims[DIM_ENVIRONMENT], note->environment);
		inherit(&r->dims[DIM_TEAM], note->team);
		inherit(&r->attrs[ATTR_USER], note->user);
		inherit(&r->attrs[ATTR_SESSION], note->session);
		inherit(&r->attrs[ATTR_TENANT], note->tenant);
		inherit(&r->attrs[ATTR_KEY], note->key);
		inherit(&r->attrs[ATTR_PROMPT_VERSION], note->prompt_version);
	}
	return outer;
}

static void inherit_count(int64_t *own, int64_t from)
{
	if (*own == UNKNOWN_INT)
		*own = from;
}

/* What only the inner call told is the outer one's. */
static void absorb(struct request *outer, const struct request *inner)
{
	inherit_count(&outer->ttft_us, inner->ttft_us);
	inherit_count(&outer->input_tokens, inner->input_tokens);
	inherit_count(&outer->output_tokens, inner->output_tokens);
	inherit_count(&outer->cached_tokens, inner->cached_tokens);
	inherit_count(&outer->cache_write_tokens, inner->cache_write_tokens);
	inherit_count(&outer->reasoning_tokens, inner->reasoning_tokens);
	inherit(&outer->finish_reason, inner->finish_reason);
	inherit(&outer->request_model, inner->request_model);
	inherit(&outer->question, inner->question);
	inherit(&outer->answer, inner->answer);
	inherit(&outer->response_id, inner->response_id);
	for (int d = 0; d < DIM_COUNT; d++)
		inherit(&outer->dims[d], inner->dims[d]);
	if (outer->cost_source == COST_UNPRICED && inner->cost_source == COST_REPORTED) {
		outer->cost_source = inner->cost_source;
		outer->cost_nusd = inner->cost_nusd;
	}
}

/* The request of the call that the span is in. */
static const struct request *call_of(const struct otlp_intake *in, const struct reply *reply)
{
	const struct note *note = reply->span_id ? find_note(in, reply->span_id) : NULL;

	if (reply->request != NO_REQUEST)
		return &in->out->requests[reply->request];
	for (int steps = 0; note && note->kind != GENAI_MODEL && note->has_parent && steps < LINE_MAX_SPANS; steps++)
		note = find_note(in, note->parent_id);
	return note && note->kind == GENAI_MODEL ? &in->out->requests[note->request] : NULL;
}

/* What replies told, by the provider, model and deployment of their calls; of a call that is not in the
 * body, by the provider's address. */
static void finish_replies(struct otlp_intake *in)
{
	for (size_t i = 0; i < in->reply_count; i++) {
		const struct reply *reply = &in->replies[i];
		const struct request *r = call_of(in, reply);
		char *source = mem_printf("%s%s%.*s", in->source, reply->service.len ? "/" : "", STR_ARG(reply->service));

		headroom_add(in->headroom, batch_text(in->out, str_of(source), EVENT_NAME_MAX_BYTES),
		             r ? headroom_instance(in->out, r) : reply->address, &reply->told);
		free(source);
	}
	headroom_end(in->headroom, in->out);
}

/* What each request is a part of, or has from above. Marks those that are counted as another one. */
static void place_requests(struct otlp_intake *in, bool *repeated)
{
	struct batch *out = in->out;

	for (size_t i = 0; i < out->request_count; i++) {
		struct request *r = &out->requests[i], *outer = climb(in, r);
		/* With texts the store sees to it: they may come under the inner call's span. */
		repeated[i] = outer != NULL && !judges_keep_text();
		if (outer)
			absorb(outer, r);
		set_shown_parent(in, &r->has_parent, r->parent_id);
	}
	for (size_t i = 0; i < out->span_count; i++)
		set_shown_parent(in, &out->spans[i].has_parent, out->spans[i].parent_id);
}

static void finish_requests(struct otlp_intake *in)
{
	struct batch *out = in->out;
	bool *repeated = in->has_parents ? arena_alloc(&out->arena, out->request_count + 1) : NULL;
	size_t kept = 0;

	if (in->has_parents || in->reply_count)
		index_notes(in);
	if (repeated)
		place_requests(in, repeated);
	finish_replies(in);
	for (size_t i = 0; i < out->request_count; i++) {
		struct request *r = &out->requests[i];
		if (repeated && repeated[i]) {
			in->tally->repeated++;
			continue;
		}
		if (in->prices)
			price_request(in->prices, PRICE_STANDARD, r);
		if (kept != i)
			out->requests[kept] = *r;
		kept++;
	}
	out->request_count = kept;
	in->tally->requests = kept;
}

static struct str log_text(const struct otlp_log *log, const char *key)
{
	const struct otlp_value *v = otlp_find(log->attrs, key);

	return v && v->kind == OTLP_STRING ? v->text : (struct str){0};
}

static double log_number(const struct otlp_log *log, const char *key)
{
	const struct otlp_value *v = otlp_find(log->attrs, key);
	double number = NAN;

	if (v && v->kind == OTLP_INT)
		return (double)v->integer;
	if (v && v->kind == OTLP_DOUBLE && isfinite(v->number))
		return v->number;
	if (v && v->kind == OTLP_STRING && str_to_double(v->text, &number))
		return number;
	return NAN;
}

/* event llmdeck.feedback: .id .text .score .rating .language, user.id */
static void take_feedback(struct otlp_intake *in, const struct otlp_origin *from, const struct otlp_log *log)
{
	struct feedback *f = batch_add_feedback(in->out);

	f->time_us = log->time_ns / 1000;
	f->id = batch_text(in->out, log_text(log, "llmdeck.feedback.id"), EVENT_NAME_MAX_BYTES);
	f->text = batch_text(in->out, log_text(log, "llmdeck.feedback.text"), EVENT_TEXT_MAX_BYTES);
	f->language = batch_text(in->out, log_text(log, "llmdeck.feedback.language"), EVENT_NAME_MAX_BYTES);
	f->user = batch_text(in->out, log_text(log, "user.id"), EVENT_NAME_MAX_BYTES);
	f->score = log_number(log, "llmdeck.feedback.score");
	f->rating = log_number(log, "llmdeck.feedback.rating");
	if (f->rating < 1 || f->rating > 5)
		f->rating = NAN;
	genai_read(in->genai, from, log->attrs);
	genai_fill_dims(in->genai, f->dims);
	f->has_trace = log->has_trace;
	memcpy(f->trace_id, log->trace_id, sizeof f->trace_id);
	f->response_id = batch_text(in->out, log_text(log, "gen_ai.response.id"), EVENT_NAME_MAX_BYTES);
	f->source = in->source_name;
	judges_feedback(in->out, f, false);
	in->tally->feedback++;
}

/* event llmdeck.flag: .category .severity .action of the trace it is sent in */
static void take_flag(struct otlp_intake *in, const struct otlp_log *log)
{
	double severity = log_number(log, "llmdeck.flag.severity");
	struct late_flag *l;

	if (!log->has_trace || log_text(log, "llmdeck.flag.category").len == 0) {
		reject(in, "llmdeck.flag event without a trace id or llmdeck.flag.category");
		return;
	}
	l = batch_add_late_flag(in->out);
	l->time_us = log->time_ns / 1000;
	memcpy(l->trace_id, log->trace_id, sizeof l->trace_id);
	l->flag.category = batch_text(in->out, log_text(log, "llmdeck.flag.category"), EVENT_NAME_MAX_BYTES);
	l->flag.severity = severity >= 0 && severity <= 7 ? (int8_t)severity : -1;
	l->flag.action = str_equal_c(log_text(log, "llmdeck.flag.action"), "blocked") ? FLAG_BLOCKED : FLAG_NOTED;
	l->source = in->source_name;
	in->tally->flags++;
}

static void take_evaluation(struct otlp_intake *in, const struct otlp_origin *from, const struct otlp_log *log)
{
	struct str name = log_text(log, "gen_ai.evaluation.name");
	struct evaluation *e;

	if (name.len == 0) {
		reject(in, "gen_ai.evaluation.result event without gen_ai.evaluation.name");
		return;
	}
	e = batch_add_evaluation(in->out);
	e->time_us = log->time_ns / 1000;
	e->name = batch_text(in->out, name, EVENT_NAME_MAX_BYTES);
	e->label = batch_text(in->out, log_text(log, "gen_ai.evaluation.score.label"), EVENT_NAME_MAX_BYTES);
	e->score = log_number(log, "gen_ai.evaluation.score.value");
	e->response_id = batch_text(in->out, log_text(log, "gen_ai.response.id"), EVENT_NAME_MAX_BYTES);
	e->has_trace = log->has_trace;
	memcpy(e->trace_id, log->trace_id, sizeof e->trace_id);
	genai_read(in->genai, from, log->attrs);
	genai_fill_dims(in->genai, e->dims);
	e->source = in->source_name;
	in->tally->evaluations++;
}

static void take_text(struct otlp_intake *in, const struct otlp_log *log, struct str event)
{
	if (!judges_keep_text())
		in->tally->ignored++;
	else if (otlp_take_text_event(in->out, log, event))
		in->tally->texts++;
	else
		reject(in, "event with the text of a call, but without the id of its span");
}

static int on_log(void *arg, const struct otlp_origin *from, const struct otlp_log *log)
{
	struct otlp_intake *in = arg;
	struct str event = log->event_name.len ? log->event_name : log_text(log, "event.name");

	in->tally->records++;
	if (log->time_ns <= 0)
		reject(in, "log record without a time");
	else if (!believable(in, log->time_ns / 1000))
		return 0;
	else if (str_equal_c(event, "llmdeck.feedback"))
		take_feedback(in, from, log);
	else if (str_equal_c(event, "llmdeck.flag"))
		take_flag(in, log);
	else if (str_equal_c(event, "gen_ai.evaluation.result"))
		take_evaluation(in, from, log);
	else if (otlp_is_text_event(event))
		take_text(in, log, event);
	else
		in->tally->ignored++;
	return 0;
}

static int on_point(void *arg, const struct otlp_origin *from, const struct otlp_point *point)
{
	struct otlp_intake *in = arg;

	in->tally->records++;
	if (!believable(in, point->time_ns / 1000))
		return 0;
	otlp_metrics_point(in->metrics, from, point);
	in->tally->points++;
	return 0;
}

static void begin_body(struct otlp_intake *in, struct batch *out, struct otlp_tally *tally, int64_t now_us)
{
	memset(tally, 0, sizeof *tally);
	in->out = out;
	in->source_name = batch_text(out, str_of(in->source), EVENT_NAME_MAX_BYTES);
	genai_begin(in->genai, out);
	in->tally = tally;
	in->now_us = now_us;
	in->note_count = in->reply_count = 0;
	in->has_parents = false;
}

int otlp_intake_body(struct otlp_intake *in, enum otlp_signal signal, bool json, struct str body,
                     int64_t now_us, struct batch *out, struct otlp_tally *tally, struct err *err)
{
	const struct otlp_visitor visitor = {on_span, on_log, on_point, in};
	int result;

	begin_body(in, out, tally, now_us);
	if (signal == OTLP_METRICS)
		otlp_metrics_begin(in->metrics, now_us);
	result = json ? otlp_decode_json(signal, body, &visitor, err)
	              : otlp_decode_protobuf(signal, body, &visitor, err);
	if (signal == OTLP_METRICS)
		otlp_metrics_end(in->metrics, out);
	if (result) {
		batch_reset(out);
		return -1;
	}
	finish_requests(in);
	return 0;
}
