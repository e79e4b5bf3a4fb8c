/* One row while it is put together: its values go into the event, then what follows from them (the
 * third of begin, end and latency; the error type of a status code) and the checks over the whole. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "parse/json.h"
#include "parse/mapping_private.h"

/* ---- values ---- */

/* Fills in the reason with the field's name and the value, made harmless and short. */
static bool reject_value(struct row *row, const char *name, struct str value, const char *reason)
{
	char shown[64];

	if (!row->why)
		return false;
	if (value.len > 40)
		value.len = 40;
	text_harmless(shown, sizeof shown, value);
	snprintf(row->why->reason, sizeof row->why->reason, "%s: \"%s\" %s", name, shown, reason);
	return false;
}

/* A text in the batch, from the column's memo when it was there before. */
static struct str batch_name(struct row *row, const struct column *c, struct str s)
{
	if (!c || !c->memo)
		return batch_text(row->batch, s, EVENT_NAME_MAX_BYTES);
	return text_memo_name(c->memo, row->batch, row->m->batch, s);
}

static const char *set_time(struct row *row, int field, struct str s, enum field_unit unit)
{
	int64_t us;
	const char *why = convert_time(&row->m->times, s, unit, &us);

	if (why)
		return why;
	if (field == FIELD_REQ_END_TIME || field == FIELD_BILL_TO)
		row->end_us = us;
	else if (field == FIELD_REQ_FIRST_TOKEN_TIME)
		row->first_token_us = us;
	else
		row->time_us = us;
	return NULL;
}

/* "name:value" or "name=value" for a configured tag. */
static void set_tag_pair(struct row *row, struct str s, uint8_t rank)
{
	const char *mark = NULL;

	for (size_t i = 0; i < s.len && !mark; i++)
		if (s.ptr[i] == ':' || s.ptr[i] == '=')
			mark = s.ptr + i;
	if (!mark)
		return;
	struct str name = str_trim((struct str){s.ptr, (size_t)(mark - s.ptr)});
	struct str value = str_trim((struct str){mark + 1, (size_t)(s.ptr + s.len - mark - 1)});
	struct request *r = row->event;
	for (size_t i = 0; i < row->m->tag_count; i++)
		if (str_equal(row->m->tags[i], name) && rank >= row->tag_rank[i] && value.len) {
			row->tag_rank[i] = rank;
			r->attrs[ATTR_TAG0 + i] = batch_text(row->batch, value, EVENT_NAME_MAX_BYTES);
		}
}

static const char *set_list(struct row *row, enum field_type type, struct str s, uint8_t rank);

/* The special fields: those that are no plain member of the event. */
static const char *set_special(struct row *row, int field, struct str s, enum field_unit unit, uint8_t rank)
{
	struct request *r = row->event;
	struct feedback *f = row->event;

	switch (fields[field].type) {
	case FIELD_TIME:
		return set_time(row, field, s, unit);
	case FIELD_STATUS:
		row->has_status = true;
		return convert_status(s, &r->status, &r->http_status);
	case FIELD_TRACE_ID:
		if (row->m->kind == ROW_REQUEST)
			r->has_trace = convert_trace_id(s, r->trace_id);
		else
			f->has_trace = convert_trace_id(s, f->trace_id);
		return NULL;
	case FIELD_SPAN_ID:
		r->has_span = convert_span_id(s, r->span_id);
		return NULL;
	case FIELD_MONEY:
		if (row->m->kind == ROW_REQUEST)
			r->cost_source = COST_REPORTED;
		else
			((struct billing *)row->event)->cost_known = true;
		return convert_money(s, (int64_t *)((char *)row->event + fields[field].offset));
	default:
		return set_list(row, fields[field].type, s, rank);
	}
}

static const char *set_field(struct row *row, const struct column *c, int field, struct str s,
                             enum field_unit unit, uint8_t rank)
{
	void *place = (char *)row->event + fields[field].offset;
	int64_t number;
	const char *why;

	switch (fields[field].type) {
	case FIELD_TEXT:
		*(struct str *)place = batch_name(row, c, s);
		return NULL;
	case FIELD_LONG_TEXT:
		*(struct str *)place = batch_text(row->batch, s, EVENT_TEXT_MAX_BYTES);
		return NULL;
	case FIELD_DURATION:
		return convert_duration(s, unit, place);
	case FIELD_COUNT:
		return convert_count(s, place);
	case FIELD_SMALL:
		why = convert_count(s, &number);
		if (!why && number > 255)
			return "is more than 255";
		if (!why)
			*(uint8_t *)place = (uint8_t)number;
		return why;
	case FIELD_NUMBER:
		return convert_number(s, place);
	case FIELD_RATING:
		why = convert_number(s, place);
		return why ? why : *(double *)place >= 1 && *(double *)place <= 5 ? NULL : "is not 1 to 5";
	case FIELD_SCORE:
		return convert_score(s, unit, place);
	default:
		return set_special(row, field, s, unit, rank);
	}
}

/* Puts a scalar into the field or tag of its column, unless a surer column was there before. */
bool row_put(struct row *row, struct column *c, struct str s)
{
	if (c->tag >= 0) {
		if (value_is_absent(s) || c->rank < row->tag_rank[c->tag])
			return true;
		row->tag_rank[c->tag] = c->rank;
		((struct request *)row->event)->attrs[ATTR_TAG0 + c->tag] = batch_name(row, c, s);
		return true;
	}
	if (c->field == NOT_MAPPED) {
		c->seen_value = true;
		return true;
	}
	if (fields[c->field].type == FIELD_LONG_TEXT ? !s.len : value_is_absent(s))
		return true;
	if (c->rank < row->rank[c->field])
		return true;
	const char *why = set_field(row, c, c->field, s, c->unit, c->rank);
	if (why)
		return reject_value(row, fields[c->field].name, s, why);
	row->rank[c->field] = c->rank;
	return true;
}

/* ---- lists: flags and tags ---- */

/* One element of a JSON list of flags: a text or an object with category, severity, filtered. */
static const char *flag_of_object(struct row *row, struct json_reader *r)
{
	struct flag *f = &row->flags[row->flag_count];
	int64_t severity = -1;
	bool blocked = false;
	struct str category = {NULL, 0};

	for (enum json_token t = json_next(r); t != JSON_OBJECT_END; t = json_next(r)) {
		if (t != JSON_KEY)
			return "is not valid JSON";
		struct str key = r->text;
		t = json_next(r);
		if (t == JSON_STRING && (str_equal_c(key, "category") || str_equal_c(key, "name") || str_equal_c(key, "type")))
			category = json_text(r, &row->m->scratch);
		else if (t == JSON_NUMBER && str_equal_c(key, "severity") && json_int64(r, &severity))
			continue;
		else if (t == JSON_TRUE && (str_equal_c(key, "filtered") || str_equal_c(key, "blocked")))
			blocked = true;
		else if (!json_skip(r, t))
			return "is not valid JSON";
	}
	if (severity < -1 || severity > 7)
		return "has a severity that is not 0 to 7";
	if (!category.len)
		return "has a flag without a category";
	f->category = batch_text(row->batch, category, EVENT_NAME_MAX_BYTES);
	f->severity = (int8_t)severity;
	f->action = blocked ? FLAG_BLOCKED : FLAG_NOTED;
	row->flag_count++;
	return NULL;
}

static const char *set_json_list(struct row *row, enum field_type type, struct str s, uint8_t rank)
{
	struct json_reader r;

	json_init(&r, s);
	if (json_next(&r) != JSON_ARRAY)
		return "is not a list";
	for (enum json_token t = json_next(&r); t != JSON_ARRAY_END; t = json_next(&r)) {
		const char *why = NULL;
		if (t == JSON_ERROR)
			return "is not valid JSON";
		if (type == FIELD_FLAGS && (t == JSON_STRING || t == JSON_OBJECT) &&
		    row->flag_count == FLAGS_PER_REQUEST_MAX)
			return "has more than 16 flags";
		if (t == JSON_STRING && type == FIELD_TAGS)
			set_tag_pair(row, json_text(&r, &row->m->scratch), rank);
		else if (t == JSON_STRING)
			why = convert_flag_list(row->batch, json_text(&r, &row->m->scratch), row->flags,
			                        &row->flag_count);
		else if (t == JSON_OBJECT && type == FIELD_FLAGS)
			why = flag_of_object(row, &r);
		else if (!json_skip(&r, t))
			why = "is not valid JSON";
		if (why)
			return why;
	}
	return NULL;
}

static const char *set_list(struct row *row, enum field_type type, struct str s, uint8_t rank)
{
	if (s.len && s.ptr[0] == '[')
		return set_json_list(row, type, s, rank);
	if (type == FIELD_FLAGS)
		return convert_flag_list(row->batch, s, row->flags, &row->flag_count);
	while (s.len)
		set_tag_pair(row, str_cut(&s, ','), rank);
	return NULL;
}

/* ---- beginning and end of a row ---- */

void row_begin(struct row *row, struct mapping *m, struct batch *b, struct str whole, struct reject *why)
{
	row->m = m;
	row->batch = b;
	row->whole = whole;
	row->why = why;
	row->last = 0;
	row->time_us = row->end_us = row->first_token_us = TIME_UNSET;
	row->has_status = false;
	row->flag_count = 0;
	memset(row->rank, 0, sizeof row->rank);
	memset(row->tag_rank, 0, sizeof row->tag_rank);
	if (why)
		*why = (struct reject){.offset = 0};
	arena_reset(&m->scratch);
	if (m->kind == ROW_REQUEST)
		row->event = batch_add_request(b);
	else if (m->kind == ROW_FEEDBACK)
		row->event = batch_add_feedback(b);
	else
		row->event = batch_add_billing(b);
}

void row_drop(struct row *row)
{
	struct batch *b = row->batch;

	if (row->m->kind == ROW_REQUEST)
		b->request_count--;
	else if (row->m->kind == ROW_FEEDBACK)
		b->feedback_count--;
	else
		b->billing_count--;
}

bool row_reject(struct row *row, const char *reason)
{
	snprintf(row->why->reason, sizeof row->why->reason, "%s", reason);
	return false;
}

/* The times of a request: two of begin, end and latency give the third. */
static bool end_request_times(struct row *row, struct request *r)
{
	bool begun = row->time_us != TIME_UNSET, ended = row->end_us != TIME_UNSET;

	if (!begun && !ended)
		return row_reject(row, "no time: neither `time` nor `end_time` is filled in");
	if (begun && ended) {
		if (row->end_us < row->time_us)
			return row_reject(row, "end_time lies before time");
		if (r->latency_us == UNKNOWN_INT)
			r->latency_us = row->end_us - row->time_us;
		if (r->latency_us > EVENT_LATENCY_MAX_US)
			return row_reject(row, "latency: is longer than 30 days");
	}
	int64_t latency_us = r->latency_us == UNKNOWN_INT ? 0 : r->latency_us;
	r->end_us = ended ? row->end_us : row->time_us + latency_us;
	int64_t start_us = begun ? row->time_us : row->end_us - latency_us;
	if (r->ttft_us == UNKNOWN_INT && row->first_token_us != TIME_UNSET &&
	    row->first_token_us >= start_us && row->first_token_us <= r->end_us)
		r->ttft_us = row->first_token_us - start_us;
	return true;
}

static bool end_request(struct row *row)
{
	struct request *r = row->event;

	if (!end_request_times(row, r))
		return false;
	if (!r->has_span && r->response_id.len)
		r->has_span = convert_span_id(r->response_id, r->span_id);
	if (r->error_type.len && !row->has_status)
		r->status = REQUEST_ERROR;
	if (r->status == REQUEST_OK) {
		r->error_type = (struct str){NULL, 0};
	} else if (!r->error_type.len && r->http_status) {
		char code[16];
		int len = snprintf(code, sizeof code, "%d", (int)r->http_status);
		r->error_type = batch_text(row->batch, (struct str){code, (size_t)len}, sizeof code);
	}
	if (r->cost_source == COST_REPORTED && r->cost_nusd < 0)
		return row_reject(row, "cost_usd: is negative");
	if (str_equal(r->request_model, r->dims[DIM_MODEL]))
		r->request_model = (struct str){NULL, 0};
	if (!r->dims[DIM_MODEL].len && r->request_model.len) {
		r->dims[DIM_MODEL] = r->request_model;
		r->request_model = (struct str){NULL, 0};
	}
	if (row->flag_count) {
		struct flag *kept = arena_alloc(&row->batch->arena, row->flag_count * sizeof *kept);
		memcpy(kept, row->flags, row->flag_count * sizeof *kept);
		r->flags = kept;
		r->flag_count = row->flag_count;
	}
	r->source = row->m->source;
	return true;
}

static bool end_feedback(struct row *row)
{
	struct feedback *f = row->event;

	if (row->time_us == TIME_UNSET)
		return row_reject(row, "no time: `time` is not filled in");
	if (!f->text.len && isnan(f->score) && isnan(f->rating))
		return row_reject(row, "neither text, score nor rating is filled in");
	f->time_us = row->time_us;
	f->source = row->m->source;
	return true;
}

static bool end_billing(struct row *row)
{
	struct billing *bill = row->event;

	if (row->time_us == TIME_UNSET)
		return row_reject(row, "no time: the begin of the charge period is not filled in");
	bill->from_us = row->time_us;
	bill->to_us = row->end_us == TIME_UNSET ? row->time_us + US_PER_DAY : row->end_us;
	if (bill->to_us < bill->from_us)
		return row_reject(row, "the charge period ends before it begins");
	if (!bill->provider.len && row->m->preset && row->m->preset->provider)
		bill->provider = str_of(row->m->preset->provider);
	bill->source = row->m->source;
	return true;
}

const char *row_put_set(struct row *row, const struct set_rule *rule)
{
	if (rule->tag >= 0) {
		row->tag_rank[rule->tag] = RANK_SET;
		((struct request *)row->event)->attrs[ATTR_TAG0 + rule->tag] =
			batch_text(row->batch, rule->value, EVENT_NAME_MAX_BYTES);
		return NULL;
	}
	if (value_is_absent(rule->value))
		return NULL;
	row->rank[rule->field] = RANK_SET;
	return set_field(row, NULL, rule->field, rule->value, fields[rule->field].unit, RANK_SET);
}

bool row_end(struct row *row)
{
	const char *why = NULL;

	for (size_t i = 0; i < row->m->set_count && !why; i++)
		why = row_put_set(row, &row->m->sets[i]);
	bool ok = !why || row_reject(row, why);
	if (ok && row->m->kind == ROW_REQUEST)
		ok = end_request(row);
	else if (ok && row->m->kind == ROW_FEEDBACK)
		ok = end_feedback(row);
	else if (ok)
		ok = end_billing(row);
	return ok;
}
