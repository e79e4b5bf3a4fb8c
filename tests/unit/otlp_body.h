/* OTLP bodies for tests, the same one as protobuf and as JSON: records, attributes and texts put together
 * field by field. */
#ifndef LLMDECK_TESTS_OTLP_BODY_H
#define LLMDECK_TESTS_OTLP_BODY_H

#include <stdint.h>
#include <string.h>

#include "base/buf.h"

/* ── protobuf ──────────────────────────────────────────────────────────────────────────────── */

static inline void pb_varint(struct buf *b, uint64_t v)
{
	for (; v > 127; v >>= 7)
		buf_append_c(b, (char)(v | 128));
	buf_append_c(b, (char)v);
}

static inline void pb_bytes(struct buf *b, unsigned field, const void *bytes, size_t len)
{
	pb_varint(b, field << 3 | 2);
	pb_varint(b, len);
	buf_append(b, bytes, len);
}

static inline void pb_text(struct buf *b, unsigned field, const char *text)
{
	pb_bytes(b, field, text, strlen(text));
}

static inline void pb_fixed64(struct buf *b, unsigned field, uint64_t v)
{
	pb_varint(b, field << 3 | 1);
	for (int i = 0; i < 8; i++)
		buf_append_c(b, (char)(v >> 8 * i));
}

/* Appends `inner` as a message field of `b` and frees it. */
static inline void pb_message(struct buf *b, unsigned field, struct buf *inner)
{
	pb_bytes(b, field, inner->data, inner->len);
	buf_fini(inner);
}

/* ── values: built in both forms ───────────────────────────────────────────────────────────── */

/* A list of key and value (attributes, or a map), or the record that they belong to. */
struct form {
	bool json;
	struct buf bytes;
};

static inline void form_key(struct form *f, const char *key)
{
	buf_printf(&f->bytes, "%s{\"key\":\"%s\",\"value\":", f->bytes.len ? "," : "", key);
}

static inline void put_text(struct form *f, unsigned field, const char *key, const char *text)
{
	struct buf value = {0}, pair = {0};

	if (f->json) {
		form_key(f, key);
		buf_puts(&f->bytes, "{\"stringValue\":");
		buf_append_json(&f->bytes, str_of(text));
		buf_puts(&f->bytes, "}}");
		return;
	}
	pb_text(&value, 1, text);
	pb_text(&pair, 1, key);
	pb_message(&pair, 2, &value);
	pb_message(&f->bytes, field, &pair);
}

/* A list with one text, as attributes of HTTP headers are. */
static inline void put_texts(struct form *f, unsigned field, const char *key, const char *text)
{
	struct buf value = {0}, list = {0}, any = {0}, pair = {0};

	if (f->json) {
		form_key(f, key);
		buf_printf(&f->bytes, "{\"arrayValue\":{\"values\":[{\"stringValue\":\"%s\"}]}}}", text);
		return;
	}
	pb_text(&value, 1, text);
	pb_message(&list, 1, &value);
	pb_message(&any, 5, &list);
	pb_text(&pair, 1, key);
	pb_message(&pair, 2, &any);
	pb_message(&f->bytes, field, &pair);
}

/* A map made of `inner`, whose pairs have the field 1; frees it. */
static inline void put_map(struct form *f, unsigned field, const char *key, struct form *inner)
{
	struct buf any = {0}, pair = {0};

	if (f->json) {
		form_key(f, key);
		buf_printf(&f->bytes, "{\"kvlistValue\":{\"values\":[%.*s]}}}", (int)inner->bytes.len, inner->bytes.data);
		buf_fini(&inner->bytes);
		return;
	}
	pb_message(&any, 6, &inner->bytes);
	pb_text(&pair, 1, key);
	pb_message(&pair, 2, &any);
	pb_message(&f->bytes, field, &pair);
}

/* A list with one map. */
static inline void put_maps(struct form *f, unsigned field, const char *key, struct form *inner)
{
	struct buf map = {0}, list = {0}, any = {0}, pair = {0};

	if (f->json) {
		form_key(f, key);
		buf_printf(&f->bytes, "{\"arrayValue\":{\"values\":[{\"kvlistValue\":{\"values\":[%.*s]}}]}}}", (int)inner->bytes.len,
		           inner->bytes.data);
		buf_fini(&inner->bytes);
		return;
	}
	pb_message(&map, 6, &inner->bytes);
	pb_message(&list, 1, &map);
	pb_message(&any, 5, &list);
	pb_text(&pair, 1, key);
	pb_message(&pair, 2, &any);
	pb_message(&f->bytes, field, &pair);
}

/* ── bodies ────────────────────────────────────────────────────────────────────────────────── */

#define SPAN_ATTRS 9 /* field numbers of attributes */
#define LOG_ATTRS 6
#define MAP_PAIRS 1

struct body_span {
	unsigned trace, span, parent; /* parent 0: none */
	int64_t start_us, end_us;
	const char *name;
};

static inline void pb_id(struct buf *b, unsigned field, unsigned id, size_t bytes)
{
	uint8_t raw[16] = {0};

	for (int i = 0; i < 4; i++)
		raw[bytes - 1 - (size_t)i] = (uint8_t)(id >> 8 * i);
	pb_bytes(b, field, raw, bytes);
}

/* A body with one resource of that service around the records, which it frees. */
static inline struct buf wrap(bool json, const char *service, const char *resources, const char *scopes, const char *records,
                              struct buf *record)
{
	struct form resource = {.json = json};
	struct buf out = {0}, scope = {0}, inner = {0};

	put_text(&resource, 1, "service.name", service);
	if (json) {
		buf_printf(&out, "{\"%s\":[{\"resource\":{\"attributes\":[%.*s]},\"%s\":[{\"%s\":[%.*s]}]}]}", resources,
		           (int)resource.bytes.len, resource.bytes.data, scopes, records, (int)record->len, record->data);
		buf_fini(&resource.bytes);
		buf_fini(record);
		return out;
	}
	buf_append(&scope, record->data, record->len);
	buf_fini(record);
	pb_message(&inner, 1, &resource.bytes);
	pb_message(&inner, 2, &scope);
	pb_message(&out, 1, &inner);
	return out;
}

/* Adds a span with the attributes `attrs` (which it frees) to `records`. */
static inline void add_span(struct buf *records, const struct body_span *s, struct form *attrs)
{
	struct buf span = {0};

	if (attrs->json) {
		buf_printf(records, "%s{\"traceId\":\"%032x\",\"spanId\":\"%016x\",\"name\":\"%s\",\"kind\":3,", records->len ? "," : "",
		           s->trace, s->span, s->name);
		if (s->parent)
			buf_printf(records, "\"parentSpanId\":\"%016x\",", s->parent);
		buf_printf(records, "\"startTimeUnixNano\":\"%lld000\",\"endTimeUnixNano\":\"%lld000\",\"attributes\":[%.*s]}",
		           (long long)s->start_us, (long long)s->end_us, (int)attrs->bytes.len, attrs->bytes.data);
		buf_fini(&attrs->bytes);
		return;
	}
	pb_id(&span, 1, s->trace, 16);
	pb_id(&span, 2, s->span, 8);
	if (s->parent)
		pb_id(&span, 4, s->parent, 8);
	pb_text(&span, 5, s->name);
	pb_fixed64(&span, 7, (uint64_t)s->start_us * 1000);
	pb_fixed64(&span, 8, (uint64_t)s->end_us * 1000);
	buf_append(&span, attrs->bytes.data, attrs->bytes.len);
	buf_fini(&attrs->bytes);
	pb_message(records, 2, &span);
}

/* Adds a log event with a body that is a map of `body`, or none (NULL), and the attributes; frees both. */
static inline void add_log(struct buf *records, const char *event, unsigned trace, unsigned span, int64_t time_us,
                           struct form *body, struct form *attrs)
{
	struct buf record = {0}, any = {0};

	if (attrs->json) {
		buf_printf(records, "%s{\"timeUnixNano\":\"%lld000\",\"eventName\":\"%s\",\"traceId\":\"%032x\"", records->len ? "," : "",
		           (long long)time_us, event, trace);
		if (span)
			buf_printf(records, ",\"spanId\":\"%016x\"", span);
		if (body)
			buf_printf(records, ",\"body\":{\"kvlistValue\":{\"values\":[%.*s]}}", (int)body->bytes.len, body->bytes.data);
		buf_printf(records, ",\"attributes\":[%.*s]}", (int)attrs->bytes.len, attrs->bytes.len ? attrs->bytes.data : "");
	} else {
		pb_fixed64(&record, 1, (uint64_t)time_us * 1000);
		if (body) {
			pb_message(&any, 6, &body->bytes);
			pb_message(&record, 5, &any);
		}
		buf_append(&record, attrs->bytes.data, attrs->bytes.len);
		pb_id(&record, 9, trace, 16);
		if (span)
			pb_id(&record, 10, span, 8);
		pb_text(&record, 12, event);
		pb_message(records, 2, &record);
	}
	if (body)
		buf_fini(&body->bytes);
	buf_fini(&attrs->bytes);
}

static inline struct buf span_body(bool json, const char *service, struct buf *spans)
{
	return wrap(json, service, "resourceSpans", "scopeSpans", "spans", spans);
}

static inline struct buf log_body(bool json, const char *service, struct buf *logs)
{
	return wrap(json, service, "resourceLogs", "scopeLogs", "logRecords", logs);
}

#endif
