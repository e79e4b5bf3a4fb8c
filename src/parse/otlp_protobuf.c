/* OTLP protobuf bodies. Each message is read in one pass over its fields, except where one field says how
 * the others are to be read; repeated fields go into arrays that double. Two arenas: one for the resource
 * and scope in hand, one for the record in hand. Unknown fields are stepped over. */
#include <endian.h>
#include <math.h>

#include "base/mem.h"
#include "parse/otlp.h"
#include "parse/wire.h"

struct decoder {
	const struct otlp_visitor *visitor;
	struct arena origin_arena, record_arena;
	struct otlp_origin origin;
	bool bad, stopped;
};

static void read_value(struct decoder *d, struct arena *a, struct str message, int depth,
                       struct otlp_value *out);

/* What nearly every attribute is: a key, then one scalar, each shorter than 128 bytes, and nothing else. False when
 * it is anything else, which need not be wrong; `out` then means nothing. */
static bool read_plain_attr(struct str message, struct otlp_attr *out)
{
	const uint8_t *p = (const uint8_t *)message.ptr;
	size_t key_len, len;
	struct wire_reader varint;
	struct wire_field f = {.tag = 0};

	if (message.len < 6 || p[0] != WIRE_TAG(1, WIRE_BYTES) || p[1] >= 0x80 || p[1] > message.len - 6)
		return false;
	key_len = p[1];
	out->key = (struct str){message.ptr + 2, key_len};
	p += 2 + key_len;
	len = message.len - 4 - key_len; /* of the AnyValue: its tag, its content */
	if (p[0] != WIRE_TAG(2, WIRE_BYTES) || p[1] >= 0x80 || p[1] != len)
		return false;
	p += 2;
	switch (p[0]) {
	case WIRE_TAG(1, WIRE_BYTES):
		out->value.kind = OTLP_STRING;
		out->value.text = (struct str){(const char *)p + 2, len - 2};
		return p[1] < 0x80 && p[1] == len - 2;
	case WIRE_TAG(2, WIRE_VARINT):
	case WIRE_TAG(3, WIRE_VARINT):
		varint = (struct wire_reader){p + 1, p + len, false};
		out->value.kind = p[0] == WIRE_TAG(2, WIRE_VARINT) ? OTLP_BOOL : OTLP_INT;
		if (!wire_varint(&varint, &f.integer) || varint.at != varint.end)
			return false;
		out->value.integer = (int64_t)f.integer;
		return true;
	case WIRE_TAG(4, WIRE_FIXED64):
		if (len != 9)
			return false;
		memcpy(&f.integer, p + 1, 8);
		f.integer = le64toh(f.integer);
		out->value.kind = OTLP_DOUBLE;
		out->value.number = wire_double(&f);
		return true;
	default:
		return false;
	}
}

/* KeyValue { string key = 1; AnyValue value = 2; }, added to a list. */
static void add_attr(struct decoder *d, struct arena *a, struct str message, int depth, struct otlp_attrs *list)
{
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};
	struct otlp_attr *attr;

	if (list->count >= OTLP_ITEMS_MAX)
		return;
	list->list = arena_grow(a, list->list, list->count, sizeof *attr);
	attr = &list->list[list->count++];
	if (read_plain_attr(message, attr))
		return;
	*attr = (struct otlp_attr){.key.ptr = NULL};
	while (wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(1, WIRE_BYTES))
			attr->key = f.bytes;
		else if (f.tag == WIRE_TAG(2, WIRE_BYTES))
			read_value(d, a, f.bytes, depth, &attr->value);
	}
	d->bad |= r.bad;
}

/* The KeyValues that are field `number` of a message. */
static struct otlp_attrs read_attrs(struct decoder *d, struct arena *a, struct str message,
                                    uint32_t number, int depth)
{
	struct otlp_attrs list = {NULL, 0};
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};

	while (wire_next(&r, &f))
		if (f.tag == WIRE_TAG(number, WIRE_BYTES))
			add_attr(d, a, f.bytes, depth, &list);
	d->bad |= r.bad;
	return list;
}

static void read_array(struct decoder *d, struct arena *a, struct str message, int depth,
                       struct otlp_value *out)
{
	struct otlp_value *items = NULL;
	size_t count = 0;
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};

	while (wire_next(&r, &f)) {
		if (f.tag != WIRE_TAG(1, WIRE_BYTES) || count >= OTLP_ITEMS_MAX)
			continue;
		items = arena_grow(a, items, count, sizeof *items);
		read_value(d, a, f.bytes, depth, &items[count++]);
	}
	d->bad |= r.bad;
	*out = (struct otlp_value){.kind = OTLP_ARRAY, .items = items, .count = count};
}

/* AnyValue { oneof: string 1, bool 2, int64 3, double 4, ArrayValue 5, KeyValueList 6, bytes 7 } */
static void read_value(struct decoder *d, struct arena *a, struct str message, int depth,
                       struct otlp_value *out)
{
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};
	struct otlp_attrs map;

	*out = (struct otlp_value){.kind = OTLP_EMPTY};
	if (depth >= OTLP_DEPTH_MAX) {
		d->bad = true;
		return;
	}
	while (wire_next(&r, &f)) {
		switch (f.tag) {
		case WIRE_TAG(1, WIRE_BYTES):
		case WIRE_TAG(7, WIRE_BYTES):
			out->kind = f.tag == WIRE_TAG(1, WIRE_BYTES) ? OTLP_STRING : OTLP_BYTES;
			out->text = f.bytes;
			break;
		case WIRE_TAG(2, WIRE_VARINT):
		case WIRE_TAG(3, WIRE_VARINT):
			out->kind = f.tag == WIRE_TAG(2, WIRE_VARINT) ? OTLP_BOOL : OTLP_INT;
			out->integer = (int64_t)f.integer;
			break;
		case WIRE_TAG(4, WIRE_FIXED64):
			out->kind = OTLP_DOUBLE;
			out->number = wire_double(&f);
			break;
		case WIRE_TAG(5, WIRE_BYTES):
			read_array(d, a, f.bytes, depth + 1, out);
			break;
		case WIRE_TAG(6, WIRE_BYTES):
			map = read_attrs(d, a, f.bytes, 1, depth + 1);
			*out = (struct otlp_value){.kind = OTLP_MAP, .attrs = map.list, .count = map.count};
			break;
		}
	}
	d->bad |= r.bad;
}

/* Copies an id of exactly `size` bytes that is not all zero. */
static bool read_id(struct str bytes, uint8_t *out, size_t size)
{
	uint8_t any = 0;

	if (bytes.len != size)
		return false;
	memcpy(out, bytes.ptr, size);
	for (size_t i = 0; i < size; i++)
		any |= out[i];
	return any != 0;
}

/* Span.Event { fixed64 time 1; string name 2; KeyValue attributes 3 }, added to a list. */
static void add_event(struct decoder *d, struct str message, struct otlp_span_event **events, size_t *count)
{
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};
	struct otlp_span_event *event;

	if (*count >= OTLP_ITEMS_MAX)
		return;
	*events = arena_grow(&d->record_arena, *events, *count, sizeof *event);
	event = &(*events)[(*count)++];
	*event = (struct otlp_span_event){.time_ns = 0};
	while (wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(1, WIRE_FIXED64))
			event->time_ns = (int64_t)f.integer;
		else if (f.tag == WIRE_TAG(2, WIRE_BYTES))
			event->name = f.bytes;
		else if (f.tag == WIRE_TAG(3, WIRE_BYTES))
			add_attr(d, &d->record_arena, f.bytes, 0, &event->attrs);
	}
	d->bad |= r.bad;
}

/* Status { string message 2; enum code 3 } */
static void read_status(struct decoder *d, struct str message, struct otlp_span *span)
{
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};

	while (wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(2, WIRE_BYTES))
			span->status_message = f.bytes;
		else if (f.tag == WIRE_TAG(3, WIRE_VARINT))
			span->status = f.integer <= 2 ? (int)f.integer : 0;
	}
	d->bad |= r.bad;
}

static void read_span(struct decoder *d, struct str message)
{
	struct otlp_span span = {.kind = 0};
	struct otlp_span_event *events = NULL;
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};
	bool has_trace = false, has_span = false;

	while (wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(9, WIRE_BYTES)) { /* more of them than of all others */
			add_attr(d, &d->record_arena, f.bytes, 0, &span.attrs);
			continue;
		}
		switch (f.tag) {
		case WIRE_TAG(1, WIRE_BYTES): has_trace = read_id(f.bytes, span.trace_id, 16); break;
		case WIRE_TAG(2, WIRE_BYTES): has_span = read_id(f.bytes, span.span_id, 8); break;
		case WIRE_TAG(4, WIRE_BYTES): span.has_parent = read_id(f.bytes, span.parent_id, 8); break;
		case WIRE_TAG(5, WIRE_BYTES): span.name = f.bytes; break;
		case WIRE_TAG(6, WIRE_VARINT): span.kind = f.integer <= 5 ? (int)f.integer : 0; break;
		case WIRE_TAG(7, WIRE_FIXED64): span.start_ns = (int64_t)f.integer; break;
		case WIRE_TAG(8, WIRE_FIXED64): span.end_ns = (int64_t)f.integer; break;
		case WIRE_TAG(11, WIRE_BYTES): add_event(d, f.bytes, &events, &span.event_count); break;
		case WIRE_TAG(15, WIRE_BYTES): read_status(d, f.bytes, &span); break;
		}
	}
	d->bad |= r.bad;
	span.has_ids = has_trace && has_span;
	span.events = events;
	if (!d->bad && d->visitor->span)
		d->stopped = d->visitor->span(d->visitor->arg, &d->origin, &span) != 0;
}

static void read_log(struct decoder *d, struct str message)
{
	struct otlp_log log = {.time_ns = 0};
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};
	int64_t observed_ns = 0;

	while (wire_next(&r, &f)) {
		switch (f.tag) {
		case WIRE_TAG(1, WIRE_FIXED64): log.time_ns = (int64_t)f.integer; break;
		case WIRE_TAG(5, WIRE_BYTES): read_value(d, &d->record_arena, f.bytes, 0, &log.body); break;
		case WIRE_TAG(6, WIRE_BYTES): add_attr(d, &d->record_arena, f.bytes, 0, &log.attrs); break;
		case WIRE_TAG(9, WIRE_BYTES): log.has_trace = read_id(f.bytes, log.trace_id, 16); break;
		case WIRE_TAG(10, WIRE_BYTES): log.has_span = read_id(f.bytes, log.span_id, 8); break;
		case WIRE_TAG(11, WIRE_FIXED64): observed_ns = (int64_t)f.integer; break;
		case WIRE_TAG(12, WIRE_BYTES): log.event_name = f.bytes; break;
		}
	}
	d->bad |= r.bad;
	if (log.time_ns == 0)
		log.time_ns = observed_ns;
	if (!d->bad && d->visitor->log)
		d->stopped = d->visitor->log(d->visitor->arg, &d->origin, &log) != 0;
}

/* Packed or single fixed64 numbers that are field `number`; returns how many there are. */
static size_t read_fixed64s(struct decoder *d, struct str message, uint32_t number, uint64_t **out)
{
	const uint32_t one = WIRE_TAG(number, WIRE_FIXED64), packed = WIRE_TAG(number, WIRE_BYTES);
	size_t count = 0, n = 0;
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};

	while (wire_next(&r, &f))
		count += f.tag == one ? 1 : f.tag == packed ? f.bytes.len / 8 : 0;
	*out = arena_alloc(&d->record_arena, (count + 1) * sizeof **out);
	r = wire_open(message);
	while (wire_next(&r, &f)) {
		if (f.tag == one)
			(*out)[n++] = f.integer;
		for (size_t i = 0; f.tag == packed && i + 8 <= f.bytes.len; i += 8, n++) {
			memcpy(&(*out)[n], f.bytes.ptr + i, 8);
			(*out)[n] = le64toh((*out)[n]);
		}
	}
	return n;
}

static int32_t zigzag32(uint64_t v)
{
	return (int32_t)(uint32_t)((v >> 1) ^ (0 - (v & 1)));
}

/* Buckets { sint32 offset 1; repeated uint64 bucket_counts 2 (packed varints) } */
static void read_exponential_buckets(struct decoder *d, struct str message, struct otlp_point *point)
{
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};
	uint64_t *counts = arena_alloc(&d->record_arena, (message.len + 1) * sizeof *counts);
	size_t n = 0;

	while (wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(1, WIRE_VARINT))
			point->offset = zigzag32(f.integer);
		else if (f.tag == WIRE_TAG(2, WIRE_VARINT))
			counts[n++] = f.integer;
		else if (f.tag == WIRE_TAG(2, WIRE_BYTES)) {
			struct wire_reader packed = wire_open(f.bytes);
			while (packed.at < packed.end && wire_varint(&packed, &counts[n]))
				n++;
			d->bad |= packed.bad;
		}
	}
	d->bad |= r.bad;
	point->buckets = counts;
	point->bucket_count = n;
}

/* NumberDataPoint: start 2, time 3, double 4, int 6 (sfixed64), attributes 7 */
static uint32_t read_number_field(struct otlp_point *p, const struct wire_field *f)
{
	if (f->tag == WIRE_TAG(4, WIRE_FIXED64))
		p->value = wire_double(f);
	else if (f->tag == WIRE_TAG(6, WIRE_FIXED64))
		p->value = (double)(int64_t)f->integer;
	return 7;
}

/* HistogramDataPoint: start 2, time 3, count 4, sum 5, bucket_counts 6, bounds 7, attributes 9.
 * ExponentialHistogramDataPoint: attributes 1, start 2, time 3, count 4, sum 5, scale 6, zero 7,
 * positive 8 */
static uint32_t read_histogram_field(struct decoder *d, struct otlp_point *p, const struct wire_field *f)
{
	bool exponential = p->kind == OTLP_EXPONENTIAL;

	if (f->tag == WIRE_TAG(4, WIRE_FIXED64))
		p->count = f->integer;
	else if (f->tag == WIRE_TAG(5, WIRE_FIXED64))
		p->sum = wire_double(f);
	else if (exponential && f->tag == WIRE_TAG(6, WIRE_VARINT))
		p->scale = zigzag32(f->integer);
	else if (exponential && f->tag == WIRE_TAG(7, WIRE_FIXED64))
		p->zero_count = f->integer;
	else if (exponential && f->tag == WIRE_TAG(8, WIRE_BYTES))
		read_exponential_buckets(d, f->bytes, p);
	return exponential ? 1 : 9;
}

static void read_explicit_buckets(struct decoder *d, struct str message, struct otlp_point *p)
{
	uint64_t *counts, *bits;
	size_t bounds = read_fixed64s(d, message, 7, &bits);
	double *numbers = arena_alloc(&d->record_arena, (bounds + 1) * sizeof *numbers);

	for (size_t i = 0; i < bounds; i++)
		memcpy(&numbers[i], &bits[i], sizeof numbers[i]);
	p->bucket_count = read_fixed64s(d, message, 6, &counts);
	p->buckets = counts;
	p->bounds = numbers;
	if (p->bucket_count != 0 && p->bucket_count != bounds + 1)
		d->bad = true;
}

static void read_point(struct decoder *d, struct str message, const struct otlp_point *metric)
{
	struct otlp_point point = *metric;
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};
	bool number = point.kind == OTLP_GAUGE || point.kind == OTLP_SUM;
	uint32_t attributes = 7;

	point.sum = NAN;
	while (wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(2, WIRE_FIXED64))
			point.start_ns = (int64_t)f.integer;
		else if (f.tag == WIRE_TAG(3, WIRE_FIXED64))
			point.time_ns = (int64_t)f.integer;
		else
			attributes = number ? read_number_field(&point, &f) : read_histogram_field(d, &point, &f);
	}
	d->bad |= r.bad;
	if (point.kind == OTLP_HISTOGRAM)
		read_explicit_buckets(d, message, &point);
	point.attrs = read_attrs(d, &d->record_arena, message, attributes, 0);
	if (!d->bad && d->visitor->point)
		d->stopped = d->visitor->point(d->visitor->arg, &d->origin, &point) != 0;
}

/* Gauge, Sum, Histogram, ExponentialHistogram: data_points 1, temporality 2, monotonic 3 */
static void read_points(struct decoder *d, struct str message, struct otlp_point *metric)
{
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};

	while (wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(2, WIRE_VARINT))
			metric->temporality = f.integer <= 2 ? (enum otlp_temporality)f.integer : OTLP_UNSPECIFIED;
		else if (f.tag == WIRE_TAG(3, WIRE_VARINT))
			metric->monotonic = f.integer != 0;
	}
	r = wire_open(message);
	while (!d->stopped && !d->bad && wire_next(&r, &f)) {
		if (f.tag != WIRE_TAG(1, WIRE_BYTES))
			continue;
		arena_reset(&d->record_arena);
		read_point(d, f.bytes, metric);
	}
	d->bad |= r.bad;
}

/* Metric: name 1, unit 3, gauge 5, sum 7, histogram 9, exponential_histogram 10 */
static void read_metric(struct decoder *d, struct str message)
{
	static const struct { uint32_t tag; enum otlp_point_kind kind; } kinds[] = {
		{WIRE_TAG(5, WIRE_BYTES), OTLP_GAUGE}, {WIRE_TAG(7, WIRE_BYTES), OTLP_SUM},
		{WIRE_TAG(9, WIRE_BYTES), OTLP_HISTOGRAM}, {WIRE_TAG(10, WIRE_BYTES), OTLP_EXPONENTIAL},
	};
	struct otlp_point metric = {0};
	struct str data = {0};
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};

	while (wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(1, WIRE_BYTES))
			metric.name = f.bytes;
		else if (f.tag == WIRE_TAG(3, WIRE_BYTES))
			metric.unit = f.bytes;
		for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
			if (f.tag == kinds[i].tag) {
				metric.kind = kinds[i].kind;
				data = f.bytes;
			}
	}
	d->bad |= r.bad;
	read_points(d, data, &metric);
}

/* InstrumentationScope: name 1, version 2 */
static void read_scope(struct decoder *d, struct str message)
{
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};

	while (wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(1, WIRE_BYTES))
			d->origin.scope_name = f.bytes;
		else if (f.tag == WIRE_TAG(2, WIRE_BYTES))
			d->origin.scope_version = f.bytes;
	}
	d->bad |= r.bad;
}

/* ScopeSpans, ScopeLogs, ScopeMetrics: scope 1, records 2. Nearly everybody writes the scope first; else it is
 * looked for. */
static void read_records(struct decoder *d, struct str message, void (*record)(struct decoder *, struct str))
{
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};
	bool first = message.len && message.ptr[0] == WIRE_TAG(1, WIRE_BYTES);

	d->origin.scope_name = d->origin.scope_version = (struct str){0};
	while (!first && wire_next(&r, &f))
		if (f.tag == WIRE_TAG(1, WIRE_BYTES))
			read_scope(d, f.bytes);
	d->bad |= r.bad;
	r = wire_open(message);
	while (!d->bad && !d->stopped && wire_next(&r, &f))
		if (f.tag == WIRE_TAG(2, WIRE_BYTES)) {
			arena_reset(&d->record_arena);
			record(d, f.bytes);
		} else if (first && f.tag == WIRE_TAG(1, WIRE_BYTES)) {
			read_scope(d, f.bytes);
		}
	d->bad |= r.bad;
}

/* ResourceSpans, ResourceLogs, ResourceMetrics: resource 1 {attributes 1}, scopes 2 */
static void read_resource(struct decoder *d, struct str message, void (*record)(struct decoder *, struct str))
{
	struct wire_reader r = wire_open(message);
	struct wire_field f = {.tag = 0};

	arena_reset(&d->origin_arena);
	d->origin = (struct otlp_origin){.number = d->origin.number + 1};
	while (wire_next(&r, &f))
		if (f.tag == WIRE_TAG(1, WIRE_BYTES))
			d->origin.resource = read_attrs(d, &d->origin_arena, f.bytes, 1, 0);
	d->bad |= r.bad;
	r = wire_open(message);
	while (!d->bad && !d->stopped && wire_next(&r, &f))
		if (f.tag == WIRE_TAG(2, WIRE_BYTES))
			read_records(d, f.bytes, record);
}

int otlp_decode_protobuf(enum otlp_signal signal, struct str body,
                         const struct otlp_visitor *visitor, struct err *err)
{
	static void (*const record[])(struct decoder *, struct str) = {
		[OTLP_TRACES] = read_span, [OTLP_METRICS] = read_metric, [OTLP_LOGS] = read_log,
	};
	struct decoder d = {.visitor = visitor};
	struct wire_reader r = wire_open(body);
	struct wire_field f = {.tag = 0};
	size_t at = 0;

	while (!d.bad && !d.stopped && wire_next(&r, &f)) {
		if (f.tag == WIRE_TAG(1, WIRE_BYTES))
			read_resource(&d, f.bytes, record[signal]);
		if (!d.bad)
			at = (size_t)(r.at - (const uint8_t *)body.ptr);
	}
	arena_fini(&d.origin_arena);
	arena_fini(&d.record_arena);
	if (d.bad || r.bad)
		return err_set(err, "OTLP protobuf: damaged in the resource that starts at byte %zu: "
		               "send application/x-protobuf of an ExportServiceRequest", at);
	return 0;
}
