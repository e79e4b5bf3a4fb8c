/* One pass of the pull scanner. What an element says is gathered member by member and judged at its end,
 * so that the order of members does not matter; an element that lacks what it must have makes the whole
 * answer one that is not understood. */
#include "parse/alertmanager.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "parse/json.h"

#define LABELS_MAX 128
#define MATCHERS_MAX 64
#define RAW_MAX_BYTES 16384

struct pair {
	struct str name, value;
	const char *sign; /* of a matcher: "=", "!=", "=~", "!~" */
};

/* ── texts ─────────────────────────────────────────────────────────────────────────────────── */

/* A copy in valid UTF-8 without NUL bytes, cut at a character. */
static const char *keep(struct arena *a, struct str s)
{
	struct buf clean = {0};
	const char *p = s.ptr, *end = p ? p + (s.len < AM_TEXT_MAX_BYTES ? s.len : AM_TEXT_MAX_BYTES) : p;

	while (p < end) {
		const char *at = p;
		uint32_t c = utf8_decode(&p, end);

		if (c == UTF8_BAD && end < s.ptr + s.len && end - at < 4)
			break; /* the cut went through a character */
		if (c == UTF8_BAD || c == 0)
			buf_puts(&clean, "\xef\xbf\xbd");
		else
			buf_append(&clean, at, (size_t)(p - at));
	}
	const char *out = arena_copy(a, clean.len ? clean.data : "", clean.len);

	buf_fini(&clean);
	return out;
}

static bool read_text(struct json_reader *r, struct arena *a, struct str *out)
{
	enum json_token t = json_next(r);

	*out = (struct str){"", 0};
	if (t == JSON_STRING)
		*out = json_text(r, a);
	return t == JSON_STRING || t == JSON_NULL;
}

static bool read_time(struct json_reader *r, struct arena *a, int64_t *out_us)
{
	struct str text;

	*out_us = 0;
	if (!read_text(r, a, &text))
		return false;
	if (!time_parse(text, NULL, TIME_UNIT_AUTO, out_us))
		*out_us = 0; /* the year 1 stands for "none" */
	return true;
}

/* Texts of an array, apart by `between`; with `member` those are this member of its objects. */
static bool read_list(struct json_reader *r, struct arena *a, const char *member, const char *between, struct buf *out)
{
	enum json_token t = json_next(r);

	if (t == JSON_NULL)
		return true;
	if (t != JSON_ARRAY)
		return false;
	while ((t = json_next(r)) == (member ? JSON_OBJECT : JSON_STRING)) {
		struct str text = {0};

		if (!member)
			text = json_text(r, a);
		while (member && (t = json_next(r)) == JSON_KEY) {
			bool wanted = str_equal_c(json_text(r, a), member);

			if (wanted ? !read_text(r, a, &text) : !json_skip(r, JSON_KEY))
				return false;
		}
		if (member && t != JSON_OBJECT_END)
			return false;
		if (out->len + text.len > AM_TEXT_MAX_BYTES)
			continue;
		buf_puts(out, out->len ? between : "");
		buf_append_str(out, text);
	}
	return t == JSON_ARRAY_END;
}

/* ── labels and matchers ───────────────────────────────────────────────────────────────────── */

static int by_name(const void *x, const void *y)
{
	const struct pair *a = x, *b = y;
	size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = len ? memcmp(a->name.ptr, b->name.ptr, len) : 0;

	if (order)
		return order;
	return a->name.len < b->name.len ? -1 : a->name.len > b->name.len;
}

/* The members of an object of texts, sorted; those without a value are passed over. *more: there are more
 * than `room`. -1 when it is no such object. */
static int read_pairs(struct json_reader *r, struct arena *a, struct pair *out, size_t room, bool *more)
{
	enum json_token t = json_next(r);
	size_t count = 0;

	*more = false;

	if (t != JSON_OBJECT)
		return -1;
	while ((t = json_next(r)) == JSON_KEY) {
		struct pair p = {.name = json_text(r, a)};

		if (!read_text(r, a, &p.value))
			return -1;
		*more = *more || (p.value.len && count == room);
		if (p.value.len && count < room)
			out[count++] = p;
	}
	if (t != JSON_OBJECT_END)
		return -1;
	qsort(out, count, sizeof *out, by_name);
	return (int)count;
}

static void write_labels(const struct pair *pairs, int count, struct buf *out)
{
	buf_append_c(out, '{');
	for (int i = 0; i < count; i++) {
		buf_puts(out, i ? "," : "");
		buf_append_json(out, pairs[i].name);
		buf_append_c(out, ':');
		buf_append_json(out, pairs[i].value);
	}
	buf_append_c(out, '}');
}

static struct str label_of(const struct pair *pairs, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (str_equal_c(pairs[i].name, name))
			return pairs[i].value;
	return (struct str){"", 0};
}

static void write_matchers(struct pair *pairs, size_t count, struct buf *out)
{
	qsort(pairs, count, sizeof *pairs, by_name);
	for (size_t i = 0; i < count; i++) {
		buf_puts(out, i ? " " : "");
		buf_append_str(out, pairs[i].name);
		buf_puts(out, pairs[i].sign);
		buf_append_json(out, pairs[i].value);
	}
}

static int labels_of(const char *labels, struct arena *a, struct pair *out)
{
	struct json_reader r;
	bool more;

	json_init(&r, str_of(labels));
	return read_pairs(&r, a, out, LABELS_MAX, &more);
}

uint64_t am_labels_hash(const char *labels)
{
	struct pair pairs[LABELS_MAX];
	struct arena a = {0};
	int count = labels_of(labels, &a, pairs);
	uint64_t hash = 1;

	for (int i = 0; i < count; i++) {
		hash = hash_mix(hash, hash_bytes(pairs[i].name.ptr, pairs[i].name.len));
		hash = hash_mix(hash, hash_bytes(pairs[i].value.ptr, pairs[i].value.len));
	}
	arena_fini(&a);
	return hash;
}

void am_matchers_of(const char *labels, struct buf *out)
{
	struct pair pairs[LABELS_MAX];
	struct arena a = {0};
	int count = labels_of(labels, &a, pairs);

	for (int i = 0; i < count; i++)
		pairs[i].sign = "=";
	write_matchers(pairs, count > 0 ? (size_t)count : 0, out);
	arena_fini(&a);
}

/* ── alerts ────────────────────────────────────────────────────────────────────────────────── */

/* An alert while it is read. */
struct reading {
	struct arena arena; /* of one element */
	struct pair labels[LABELS_MAX], annotations[LABELS_MAX];
	int label_count, annotation_count;
	struct str fingerprint, state, generator;
	struct buf silenced, inhibited, receivers, labels_text;
	int64_t starts_us, updated_us;
	bool too_many; /* labels */
};

static bool read_alert_status(struct reading *x, struct json_reader *r)
{
	enum json_token t = json_next(r);

	if (t != JSON_OBJECT)
		return false;
	while ((t = json_next(r)) == JSON_KEY) {
		struct str key = json_text(r, &x->arena);
		bool good = str_equal_c(key, "state")         ? read_text(r, &x->arena, &x->state)
		            : str_equal_c(key, "silencedBy")  ? read_list(r, &x->arena, NULL, " ", &x->silenced)
		            : str_equal_c(key, "inhibitedBy") ? read_list(r, &x->arena, NULL, " ", &x->inhibited)
		                                              : json_skip(r, JSON_KEY);

		if (!good)
			return false;
	}
	return t == JSON_OBJECT_END;
}

static bool read_alert_member(struct reading *x, struct json_reader *r, struct str key)
{
	bool more;

	if (str_equal_c(key, "labels"))
		return (x->label_count = read_pairs(r, &x->arena, x->labels, LABELS_MAX, &x->too_many)) >= 0;
	if (str_equal_c(key, "annotations"))
		return (x->annotation_count = read_pairs(r, &x->arena, x->annotations, LABELS_MAX, &more)) >= 0;
	if (str_equal_c(key, "fingerprint"))
		return read_text(r, &x->arena, &x->fingerprint);
	if (str_equal_c(key, "generatorURL"))
		return read_text(r, &x->arena, &x->generator);
	if (str_equal_c(key, "startsAt"))
		return read_time(r, &x->arena, &x->starts_us);
	if (str_equal_c(key, "updatedAt"))
		return read_time(r, &x->arena, &x->updated_us);
	if (str_equal_c(key, "status"))
		return read_alert_status(x, r);
	if (str_equal_c(key, "receivers"))
		return read_list(r, &x->arena, "name", ", ", &x->receivers);
	return json_skip(r, JSON_KEY);
}

static struct str first_of(const struct reading *x, const char *const *names)
{
	struct str found = {"", 0};

	for (; *names && !found.len; names++)
		found = label_of(x->annotations, x->annotation_count, *names);
	return found;
}

/* False when it lacks what every alert has. */
static bool take_alert(struct reading *x, const char *manager, struct am_alerts *out)
{
	static const char *const summaries[] = {"summary", "description", "message", NULL};
	static const char *const runbooks[] = {"runbook_url", "runbook", NULL};
	struct am_alert row = {.manager = manager, .starts_us = x->starts_us, .updated_us = x->updated_us};
	struct arena *a = &out->arena;
	size_t cap = out->row_count;

	row.fingerprint = keep(a, x->fingerprint);
	if (!am_is_fingerprint(row.fingerprint) || !x->label_count || !x->state.len)
		return false;
	write_labels(x->labels, x->label_count, &x->labels_text);
	if (out->row_count == AM_ALERTS_MAX || x->too_many || x->labels_text.len > AM_LABELS_MAX_BYTES) {
		out->left_out++;
		return true;
	}
	row.labels = arena_copy(a, x->labels_text.data, x->labels_text.len);
	row.hash = am_labels_hash(row.labels);
	row.name = keep(a, label_of(x->labels, x->label_count, "alertname"));
	row.severity = keep(a, label_of(x->labels, x->label_count, "severity"));
	row.state = keep(a, x->state);
	row.silenced_by = keep(a, buf_str(&x->silenced));
	row.inhibited_by = keep(a, buf_str(&x->inhibited));
	row.receivers = keep(a, buf_str(&x->receivers));
	row.summary = keep(a, first_of(x, summaries));
	row.runbook = keep(a, first_of(x, runbooks));
	row.generator = keep(a, x->generator);
	out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count++] = row;
	return true;
}

/* Forgets the element before. */
static void begin_alert(struct reading *x)
{
	arena_reset(&x->arena);
	buf_reset(&x->silenced);
	buf_reset(&x->inhibited);
	buf_reset(&x->receivers);
	buf_reset(&x->labels_text);
	x->label_count = x->annotation_count = 0;
	x->fingerprint = x->state = x->generator = (struct str){"", 0};
	x->starts_us = x->updated_us = 0;
	x->too_many = false;
}

static int not_understood(const struct json_reader *r, const char *what, struct err *err)
{
	size_t line, column;

	json_position(r, &line, &column);
	return err_set(err, "the answer is no list of %s at line %zu, column %zu%s%s: is this an Alertmanager?", what, line, column,
	               r->error ? ": " : "", r->error ? r->error : "");
}

static bool read_alerts(struct reading *x, struct json_reader *r, const char *manager, struct am_alerts *out)
{
	enum json_token t;

	if (json_next(r) != JSON_ARRAY)
		return false;
	while ((t = json_next(r)) == JSON_OBJECT) {
		begin_alert(x);
		while ((t = json_next(r)) == JSON_KEY)
			if (!read_alert_member(x, r, json_text(r, &x->arena)))
				return false;
		if (t != JSON_OBJECT_END || !take_alert(x, manager, out))
			return false;
	}
	return t == JSON_ARRAY_END && json_next(r) == JSON_END;
}

int am_alerts_read(struct str json, const char *manager, struct am_alerts *out, struct err *err)
{
	struct reading *x = mem_zalloc(sizeof *x);
	struct json_reader r;

	memset(out, 0, sizeof *out);
	json_init(&r, json);
	bool good = read_alerts(x, &r, manager, out);

	arena_fini(&x->arena);
	buf_fini(&x->silenced);
	buf_fini(&x->inhibited);
	buf_fini(&x->receivers);
	buf_fini(&x->labels_text);
	free(x);
	return good ? 0 : not_understood(&r, "alerts", err);
}

void am_alerts_fini(struct am_alerts *a)
{
	free(a->rows);
	arena_fini(&a->arena);
	memset(a, 0, sizeof *a);
}

/* ── silences ──────────────────────────────────────────────────────────────────────────────── */

static bool read_flag(struct json_reader *r, bool *out)
{
	enum json_token t = json_next(r);

	*out = t == JSON_TRUE;
	return t == JSON_TRUE || t == JSON_FALSE;
}

static bool read_matcher(struct json_reader *r, struct arena *a, struct pair *out)
{
	static const char *const signs[] = {"!=", "=", "!~", "=~"};
	bool regex = false, equal = true; /* older ones say nothing of isEqual */
	enum json_token t;

	*out = (struct pair){.name = {"", 0}, .value = {"", 0}};
	while ((t = json_next(r)) == JSON_KEY) {
		struct str key = json_text(r, a);
		bool good = str_equal_c(key, "name")      ? read_text(r, a, &out->name)
		            : str_equal_c(key, "value")   ? read_text(r, a, &out->value)
		            : str_equal_c(key, "isRegex") ? read_flag(r, &regex)
		            : str_equal_c(key, "isEqual") ? read_flag(r, &equal)
		                                          : json_skip(r, JSON_KEY);

		if (!good)
			return false;
	}
	out->sign = signs[2 * regex + equal];
	return t == JSON_OBJECT_END && out->name.len;
}

/* A silence while it is read; its texts live as long as the list. */
struct silence_reading {
	struct arena *arena;
	struct am_silence row;
	struct str raw_matchers, raw_start, raw_author, raw_comment; /* as written */
	struct buf matchers;
	bool too_large;
};

static bool read_matchers(struct silence_reading *x, struct json_reader *r)
{
	struct pair pairs[MATCHERS_MAX];
	struct arena scratch = {0};
	size_t count = 0;
	enum json_token t = json_next(r);
	const char *from = r->token;
	bool good = t == JSON_ARRAY;

	while (good && (t = json_next(r)) == JSON_OBJECT) {
		x->too_large = x->too_large || count == MATCHERS_MAX;
		good = read_matcher(r, &scratch, &pairs[count % MATCHERS_MAX]);
		count++;
	}
	good = good && t == JSON_ARRAY_END;
	x->raw_matchers = (struct str){from, good ? (size_t)(r->at - from) : 0};
	x->too_large = x->too_large || x->raw_matchers.len > RAW_MAX_BYTES;
	if (good && !x->too_large)
		write_matchers(pairs, count, &x->matchers);
	arena_fini(&scratch);
	return good;
}

static bool read_silence_state(struct silence_reading *x, struct json_reader *r, struct str *state)
{
	enum json_token t = json_next(r);

	if (t != JSON_OBJECT)
		return false;
	while ((t = json_next(r)) == JSON_KEY)
		if (str_equal_c(json_text(r, x->arena), "state") ? !read_text(r, x->arena, state) : !json_skip(r, JSON_KEY))
			return false;
	return t == JSON_OBJECT_END;
}

/* The number in "… [llmdeck 17]", -1 for "… [llmdeck]"; 0 when it does not end so. */
static int64_t mark_in(struct str comment)
{
	static const char begin[] = "[llmdeck ";
	const size_t len = sizeof begin - 1;
	const char *at = comment.ptr + comment.len;
	int64_t id;

	if (str_ends_with(comment, STR_LIT(AM_MARK)))
		return -1;
	if (!str_ends_with(comment, STR_LIT("]")))
		return 0;
	while (at > comment.ptr && at[-1] != '[')
		at--;
	if (at == comment.ptr)
		return 0;
	at--;
	struct str mark = {at, (size_t)(comment.ptr + comment.len - at)};

	if (mark.len <= len + 1 || memcmp(mark.ptr, begin, len) != 0)
		return 0;
	return str_to_int64((struct str){mark.ptr + len, mark.len - len - 1}, &id) && id > 0 ? id : 0;
}

static bool read_silence_member(struct silence_reading *x, struct json_reader *r, struct str key)
{
	struct am_silence *row = &x->row;
	struct str text = {"", 0};

	if (str_equal_c(key, "matchers"))
		return read_matchers(x, r);
	if (str_equal_c(key, "startsAt")) {
		bool good = read_time(r, x->arena, &row->starts_us);

		x->raw_start = r->text;
		return good;
	}
	if (str_equal_c(key, "endsAt"))
		return read_time(r, x->arena, &row->ends_us);
	if (str_equal_c(key, "updatedAt"))
		return read_time(r, x->arena, &row->updated_us);
	if (str_equal_c(key, "status")) {
		bool good = read_silence_state(x, r, &text);

		row->state = keep(x->arena, text);
		return good;
	}
	const struct {
		const char *key, **where;
		struct str *raw;
	} texts[] = {{"id", &row->id, NULL}, {"createdBy", &row->author, &x->raw_author}, {"comment", &row->comment, &x->raw_comment}};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (!str_equal_c(key, texts[i].key))
			continue;
		bool good = read_text(r, x->arena, &text);

		*texts[i].where = keep(x->arena, text);
		if (texts[i].raw)
			*texts[i].raw = text.len ? r->text : (struct str){"", 0};
		if (texts[i].raw == &x->raw_comment)
			row->mark = mark_in(text);
		return good;
	}
	return json_skip(r, JSON_KEY);
}

static void take_silence(struct silence_reading *x, int64_t ended_since_us, struct am_silences *out)
{
	struct am_silence *row = &x->row;
	struct buf raw = {0};
	size_t cap = out->row_count;

	if (strcmp(row->state, "expired") == 0 && row->ends_us < ended_since_us)
		return;
	if (out->row_count == AM_SILENCES_MAX || x->too_large || x->raw_comment.len + x->raw_author.len > RAW_MAX_BYTES) {
		out->left_out++;
		return;
	}
	buf_puts(&raw, "\"matchers\":");
	buf_append_str(&raw, x->raw_matchers);
	buf_printf(&raw, ",\"startsAt\":\"%.*s\",\"createdBy\":\"%.*s\",\"comment\":\"%.*s\"", STR_ARG(x->raw_start), STR_ARG(x->raw_author),
	           STR_ARG(x->raw_comment));
	row->raw = arena_copy(x->arena, raw.data, raw.len);
	row->matchers = arena_copy(x->arena, x->matchers.len ? x->matchers.data : "", x->matchers.len);
	out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count++] = *row;
	buf_fini(&raw);
}

/* Its brace is read. */
static bool read_silence(struct json_reader *r, const char *manager, int64_t ended_since_us, struct am_silences *out)
{
	struct silence_reading x = {
		.arena = &out->arena,
		.row = {.manager = manager, .id = "", .state = "", .matchers = "", .author = "", .comment = "", .raw = ""},
	};
	enum json_token t;
	bool good = true;

	while (good && (t = json_next(r)) == JSON_KEY)
		good = read_silence_member(&x, r, json_text(r, &out->arena));
	good = good && t == JSON_OBJECT_END && am_is_silence_id(x.row.id) && x.row.state[0] && x.raw_matchers.len && x.row.starts_us;
	if (good)
		take_silence(&x, ended_since_us, out);
	buf_fini(&x.matchers);
	return good;
}

static bool read_silences(struct json_reader *r, bool one, const char *manager, int64_t ended_since_us, struct am_silences *out)
{
	enum json_token t = json_next(r);

	if (one)
		return t == JSON_OBJECT && read_silence(r, manager, ended_since_us, out) && json_next(r) == JSON_END;
	if (t != JSON_ARRAY)
		return false;
	while ((t = json_next(r)) == JSON_OBJECT)
		if (!read_silence(r, manager, ended_since_us, out))
			return false;
	return t == JSON_ARRAY_END && json_next(r) == JSON_END;
}

int am_silences_read(struct str json, bool one, const char *manager, int64_t ended_since_us, struct am_silences *out, struct err *err)
{
	struct json_reader r;

	memset(out, 0, sizeof *out);
	json_init(&r, json);
	return read_silences(&r, one, manager, ended_since_us, out) ? 0 : not_understood(&r, "silences", err);
}

void am_silences_fini(struct am_silences *s)
{
	free(s->rows);
	arena_fini(&s->arena);
	memset(s, 0, sizeof *s);
}

/* ── bodies ────────────────────────────────────────────────────────────────────────────────── */

void am_silence_body(const char *labels, int64_t from_us, int64_t until_us, const char *author, const char *comment, struct buf *out)
{
	struct pair pairs[LABELS_MAX];
	struct arena a = {0};
	struct buf marked = {0};
	int count = labels_of(labels, &a, pairs);
	char from[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES];

	buf_puts(out, "{\"matchers\":[");
	for (int i = 0; i < count; i++) {
		buf_puts(out, i ? ",{\"name\":" : "{\"name\":");
		buf_append_json(out, pairs[i].name);
		buf_puts(out, ",\"value\":");
		buf_append_json(out, pairs[i].value);
		buf_puts(out, ",\"isRegex\":false,\"isEqual\":true}");
	}
	buf_printf(out, "],\"startsAt\":\"%s\",\"endsAt\":\"%s\",\"createdBy\":", time_format(from_us, from), time_format(until_us, until));
	buf_append_json(out, str_of(*author ? author : "llmdeck"));
	buf_puts(out, ",\"comment\":");
	buf_printf(&marked, "%s%s" AM_MARK, comment, *comment ? " " : "");
	buf_append_json(out, buf_str(&marked));
	buf_append_c(out, '}');
	buf_fini(&marked);
	arena_fini(&a);
}

void am_silence_extend_body(const struct am_silence *old, int64_t until_us, struct buf *out)
{
	char until[TIME_TEXT_BYTES];

	buf_printf(out, "{\"id\":\"%s\",%s,\"endsAt\":\"%s\"}", old->id, old->raw, time_format(until_us, until));
}

bool am_silence_id_read(struct str json, char out[65])
{
	struct json_reader r;
	struct arena a = {0};
	struct str id = {"", 0};
	enum json_token t;

	out[0] = '\0';
	json_init(&r, json);
	t = json_next(&r);
	while (t == JSON_OBJECT && json_next(&r) == JSON_KEY)
		if (str_equal_c(json_text(&r, &a), "silenceID") ? !read_text(&r, &a, &id) : !json_skip(&r, JSON_KEY))
			break;
	if (id.len && id.len <= 64 && !memchr(id.ptr, '\0', id.len)) {
		memcpy(out, id.ptr, id.len);
		out[id.len] = '\0';
	}
	arena_fini(&a);
	return am_is_silence_id(out);
}
