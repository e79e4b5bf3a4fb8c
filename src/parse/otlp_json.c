/* OTLP JSON bodies over the project's scanner, one pass. Members may come in any order: records that
 * stand before their resource or scope are gone back to when the object ends. Unknown members are
 * stepped over. Two arenas: one for the resource and scope in hand, one for the record in hand. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "parse/json.h"
#include "parse/otlp.h"
#include "parse/otlp_plain.h"

struct decoder {
	const struct otlp_visitor *visitor;
	struct json_reader r;
	struct arena origin_arena, record_arena;
	struct otlp_origin origin;
	bool bad, stopped;
};

static bool failed(const struct decoder *d)
{
	return d->bad || d->stopped;
}

/* Expects an object; false (and bad) on anything but that or null. */
static bool enter(struct decoder *d, enum json_token opening)
{
	enum json_token t = json_next(&d->r);

	if (t == opening)
		return true;
	if (t == JSON_NULL)
		return false;
	d->bad = true;
	return false;
}

/* The next member's key; false at the object's end. */
static bool next_key(struct decoder *d, struct str *key)
{
	enum json_token t;

	if (d->bad)
		return false;
	t = json_next(&d->r);
	if (t == JSON_KEY) {
		*key = d->r.text;
		return true;
	}
	d->bad |= t != JSON_OBJECT_END;
	return false;
}

/* True when another item of the array begins with an object (then entered). */
static bool next_object(struct decoder *d)
{
	enum json_token t;

	if (failed(d))
		return false;
	t = json_next(&d->r);
	if (t == JSON_OBJECT)
		return true;
	d->bad |= t != JSON_ARRAY_END;
	return false;
}

static void skip_value(struct decoder *d)
{
	enum json_token t = json_next(&d->r);

	if (t == JSON_ERROR || !json_skip(&d->r, t))
		d->bad = true;
}

static struct str read_text(struct decoder *d, struct arena *a)
{
	enum json_token t = json_next(&d->r);

	if (t == JSON_STRING)
		return json_text(&d->r, a);
	if (t == JSON_NUMBER)
		return d->r.text;
	if (t == JSON_ERROR || !json_skip(&d->r, t))
		d->bad = true;
	return (struct str){0};
}

/* A 64-bit integer, as a string or as a number. */
static int64_t read_int(struct decoder *d)
{
	enum json_token t = json_next(&d->r);

	if (t == JSON_STRING || t == JSON_NUMBER)
		return otlp_plain_int(d->r.text);
	if (t == JSON_ERROR || !json_skip(&d->r, t))
		d->bad = true;
	return 0;
}

/* A number, or one of the words the mapping knows for what JSON cannot say. */
static double read_double(struct decoder *d)
{
	struct str text = read_text(d, &d->record_arena);
	double number;

	if (str_equal_c(text, "Infinity"))
		return INFINITY;
	if (str_equal_c(text, "-Infinity"))
		return -INFINITY;
	return str_to_double(text, &number) ? number : NAN;
}

/* What a hex digit is worth, plus one; 0: it is none. */
static const uint8_t hex_values[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
	['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* An id of exactly `size` bytes in hex that is not all zero. */
static bool read_id(struct decoder *d, uint8_t *out, size_t size)
{
	struct str text = read_text(d, &d->record_arena);
	uint8_t any = 0;

	if (!text.ptr || text.len != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned high = hex_values[(uint8_t)text.ptr[2 * i]], low = hex_values[(uint8_t)text.ptr[2 * i + 1]];
		if (!high || !low)
			return false;
		out[i] = (uint8_t)((high - 1) << 4 | (low - 1));
		any |= out[i];
	}
	return any != 0;
}

/* An enum as a number or as its proto name, of which the ending tells. */
static int read_enum(struct decoder *d, const char *const *names, int count)
{
	struct str text = read_text(d, &d->record_arena);
	int64_t number;

	if (str_to_int64(text, &number))
		return number >= 0 && number < count ? (int)number : 0;
	for (int i = 0; i < count; i++)
		if (str_ends_with(text, str_of(names[i])))
			return i;
	return 0;
}

/* Room for one more item in an arena array; NULL once OTLP_ITEMS_MAX is reached. */
static void *grow(struct arena *a, void *items, size_t count, size_t size)
{
	return count < OTLP_ITEMS_MAX ? arena_grow(a, items, count, size) : NULL;
}

static void read_value(struct decoder *d, struct arena *a, int depth, struct otlp_value *out);

/* The members of a KeyValue whose brace was read. */
static void read_attr(struct decoder *d, struct arena *a, int depth, struct otlp_attr *out)
{
	struct str key;

	memset(out, 0, sizeof *out);
	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("key")))
			out->key = read_text(d, a);
		else if (str_equal(key, STR_LIT("value")) && enter(d, JSON_OBJECT))
			read_value(d, a, depth, &out->value);
		else if (!str_equal(key, STR_LIT("value")))
			skip_value(d);
	}
}

/* [ {"key": …, "value": …}, … ] */
static struct otlp_attrs read_attrs(struct decoder *d, struct arena *a, int depth)
{
	struct otlp_attr *list = NULL, attr;
	size_t count = 0;

	if (!enter(d, JSON_ARRAY))
		return (struct otlp_attrs){0};
	while (!failed(d)) {
		const char *item = json_item(&d->r), *behind = item ? otlp_plain_attr(item, d->r.end, &attr) : NULL;

		if (behind)
			json_pass_item(&d->r, behind);
		else if (next_object(d))
			read_attr(d, a, depth, &attr);
		else
			break;
		if (count < OTLP_ITEMS_MAX) {
			list = arena_grow(a, list, count, sizeof *list);
			list[count++] = attr;
		}
	}
	return (struct otlp_attrs){list, count};
}

static void read_items(struct decoder *d, struct arena *a, int depth, struct otlp_value *out)
{
	struct otlp_value *items = NULL, extra;
	size_t count = 0;

	if (!enter(d, JSON_ARRAY))
		return;
	while (next_object(d)) {
		struct otlp_value *room = grow(a, items, count, sizeof *items);
		if (room)
			items = room;
		read_value(d, a, depth, room ? &items[count++] : &extra);
	}
	out->items = items;
	out->count = count;
}

/* {"values": [ … ]} of an arrayValue or a kvlistValue */
static void read_values(struct decoder *d, struct arena *a, int depth, struct otlp_value *out)
{
	struct str key;

	if (!enter(d, JSON_OBJECT))
		return;
	while (next_key(d, &key)) {
		if (!str_equal(key, STR_LIT("values"))) {
			skip_value(d);
		} else if (out->kind == OTLP_MAP) {
			struct otlp_attrs map = read_attrs(d, a, depth);
			out->attrs = map.list;
			out->count = map.count;
		} else {
			read_items(d, a, depth, out);
		}
	}
}

/* The members of an AnyValue whose brace was read. */
static void read_value(struct decoder *d, struct arena *a, int depth, struct otlp_value *out)
{
	struct str key;

	memset(out, 0, sizeof *out);
	if (depth >= OTLP_DEPTH_MAX) {
		d->bad = true;
		return;
	}
	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("stringValue"))) {
			out->kind = OTLP_STRING;
			out->text = read_text(d, a);
		} else if (str_equal(key, STR_LIT("intValue"))) {
			out->kind = OTLP_INT;
			out->integer = read_int(d);
		} else if (str_equal(key, STR_LIT("doubleValue"))) {
			out->kind = OTLP_DOUBLE;
			out->number = read_double(d);
		} else if (str_equal(key, STR_LIT("boolValue"))) {
			enum json_token t = json_next(&d->r);
			out->kind = OTLP_BOOL;
			out->integer = t == JSON_TRUE;
			d->bad |= t != JSON_TRUE && t != JSON_FALSE;
		} else if (str_equal(key, STR_LIT("bytesValue"))) {
			out->kind = OTLP_BYTES;
			out->text = read_text(d, a);
		} else if (str_equal(key, STR_LIT("arrayValue"))) {
			*out = (struct otlp_value){.kind = OTLP_ARRAY};
			read_values(d, a, depth + 1, out);
		} else if (str_equal(key, STR_LIT("kvlistValue"))) {
			*out = (struct otlp_value){.kind = OTLP_MAP};
			read_values(d, a, depth + 1, out);
		} else {
			skip_value(d);
		}
	}
}

static void read_event(struct decoder *d, struct otlp_span_event *event)
{
	struct str key;

	memset(event, 0, sizeof *event);
	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("timeUnixNano")))
			event->time_ns = read_int(d);
		else if (str_equal(key, STR_LIT("name")))
			event->name = read_text(d, &d->record_arena);
		else if (str_equal(key, STR_LIT("attributes")))
			event->attrs = read_attrs(d, &d->record_arena, 0);
		else
			skip_value(d);
	}
}

static void read_events(struct decoder *d, struct otlp_span *span)
{
	struct otlp_span_event *events = NULL, extra;
	size_t count = 0;

	if (!enter(d, JSON_ARRAY))
		return;
	while (next_object(d)) {
		struct otlp_span_event *room = grow(&d->record_arena, events, count, sizeof *events);
		if (room)
			events = room;
		read_event(d, room ? &events[count++] : &extra);
	}
	span->events = events;
	span->event_count = count;
}

static void read_status(struct decoder *d, struct otlp_span *span)
{
	static const char *const codes[] = {"_UNSET", "_OK", "_ERROR"};
	struct str key;

	if (!enter(d, JSON_OBJECT))
		return;
	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("code")))
			span->status = read_enum(d, codes, 3);
		else if (str_equal(key, STR_LIT("message")))
			span->status_message = read_text(d, &d->record_arena);
		else
			skip_value(d);
	}
}

static void read_span(struct decoder *d)
{
	static const char *const kinds[] = {"_UNSPECIFIED", "_INTERNAL", "_SERVER", "_CLIENT", "_PRODUCER", "_CONSUMER"};
	struct otlp_span span = {0};
	bool has_trace = false, has_span = false;
	struct str key;

	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("traceId")))
			has_trace = read_id(d, span.trace_id, 16);
		else if (str_equal(key, STR_LIT("spanId")))
			has_span = read_id(d, span.span_id, 8);
		else if (str_equal(key, STR_LIT("parentSpanId")))
			span.has_parent = read_id(d, span.parent_id, 8);
		else if (str_equal(key, STR_LIT("name")))
			span.name = read_text(d, &d->record_arena);
		else if (str_equal(key, STR_LIT("kind")))
			span.kind = read_enum(d, kinds, 6);
		else if (str_equal(key, STR_LIT("startTimeUnixNano")))
			span.start_ns = read_int(d);
		else if (str_equal(key, STR_LIT("endTimeUnixNano")))
			span.end_ns = read_int(d);
		else if (str_equal(key, STR_LIT("attributes")))
			span.attrs = read_attrs(d, &d->record_arena, 0);
		else if (str_equal(key, STR_LIT("events")))
			read_events(d, &span);
		else if (str_equal(key, STR_LIT("status")))
			read_status(d, &span);
		else
			skip_value(d);
	}
	span.has_ids = has_trace && has_span;
	if (!d->bad && d->visitor->span)
		d->stopped = d->visitor->span(d->visitor->arg, &d->origin, &span) != 0;
}

static void read_log(struct decoder *d)
{
	struct otlp_log log = {0};
	int64_t observed_ns = 0;
	struct str key;

	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("timeUnixNano")))
			log.time_ns = read_int(d);
		else if (str_equal(key, STR_LIT("observedTimeUnixNano")))
			observed_ns = read_int(d);
		else if (str_equal(key, STR_LIT("eventName")))
			log.event_name = read_text(d, &d->record_arena);
		else if (str_equal(key, STR_LIT("body")) && enter(d, JSON_OBJECT))
			read_value(d, &d->record_arena, 0, &log.body);
		else if (str_equal(key, STR_LIT("attributes")))
			log.attrs = read_attrs(d, &d->record_arena, 0);
		else if (str_equal(key, STR_LIT("traceId")))
			log.has_trace = read_id(d, log.trace_id, 16);
		else if (str_equal(key, STR_LIT("spanId")))
			log.has_span = read_id(d, log.span_id, 8);
		else if (!str_equal(key, STR_LIT("body")))
			skip_value(d);
	}
	if (log.time_ns == 0)
		log.time_ns = observed_ns;
	if (!d->bad && d->visitor->log)
		d->stopped = d->visitor->log(d->visitor->arg, &d->origin, &log) != 0;
}

/* An array of numbers of at most OTLP_ITEMS_MAX; `counts` or `numbers` takes them. */
static size_t read_numbers(struct decoder *d, uint64_t **counts, double **numbers)
{
	size_t count = 0;

	if (!enter(d, JSON_ARRAY))
		return 0;
	while (!d->bad) {
		enum json_token t = json_next(&d->r);
		struct str text = d->r.text;
		int64_t integer = 0;
		double number = 0;
		void *room;
		if (t == JSON_ARRAY_END)
			break;
		if ((t != JSON_NUMBER && t != JSON_STRING) || !str_to_double(text, &number)) {
			d->bad = true;
			break;
		}
		room = counts ? grow(&d->record_arena, *counts, count, sizeof **counts)
		              : grow(&d->record_arena, *numbers, count, sizeof **numbers);
		if (!room)
			continue;
		if (counts) {
			*counts = room;
			(*counts)[count++] = str_to_int64(text, &integer) && integer > 0 ? (uint64_t)integer : 0;
		} else {
			*numbers = room;
			(*numbers)[count++] = number;
		}
	}
	return count;
}

static void read_exponential_buckets(struct decoder *d, struct otlp_point *point)
{
	uint64_t *counts = NULL;
	struct str key;

	if (!enter(d, JSON_OBJECT))
		return;
	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("offset")))
			point->offset = (int)read_int(d);
		else if (str_equal(key, STR_LIT("bucketCounts")))
			point->bucket_count = read_numbers(d, &counts, NULL);
		else
			skip_value(d);
	}
	point->buckets = counts;
}

static void read_point(struct decoder *d, const struct otlp_point *metric)
{
	struct otlp_point point = *metric;
	uint64_t *counts = NULL;
	double *bounds = NULL;
	size_t bound_count = 0;
	struct str key;

	point.sum = NAN;
	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("attributes")))
			point.attrs = read_attrs(d, &d->record_arena, 0);
		else if (str_equal(key, STR_LIT("startTimeUnixNano")))
			point.start_ns = read_int(d);
		else if (str_equal(key, STR_LIT("timeUnixNano")))
			point.time_ns = read_int(d);
		else if (str_equal(key, STR_LIT("asInt")) || str_equal(key, STR_LIT("asDouble")))
			point.value = read_double(d);
		else if (str_equal(key, STR_LIT("count")))
			point.count = (uint64_t)read_int(d);
		else if (str_equal(key, STR_LIT("sum")))
			point.sum = read_double(d);
		else if (str_equal(key, STR_LIT("explicitBounds")))
			bound_count = read_numbers(d, NULL, &bounds);
		else if (str_equal(key, STR_LIT("bucketCounts"))) {
			point.bucket_count = read_numbers(d, &counts, NULL);
			point.buckets = counts;
		} else if (str_equal(key, STR_LIT("scale")))
			point.scale = (int)read_int(d);
		else if (str_equal(key, STR_LIT("zeroCount")))
			point.zero_count = (uint64_t)read_int(d);
		else if (str_equal(key, STR_LIT("positive")))
			read_exponential_buckets(d, &point);
		else
			skip_value(d);
	}
	point.bounds = bounds;
	if (point.kind == OTLP_HISTOGRAM && point.bucket_count && point.bucket_count != bound_count + 1)
		d->bad = true;
	if (!d->bad && d->visitor->point)
		d->stopped = d->visitor->point(d->visitor->arg, &d->origin, &point) != 0;
}

static void read_points(struct decoder *d, struct otlp_point *metric)
{
	if (!enter(d, JSON_ARRAY))
		return;
	while (next_object(d)) {
		arena_reset(&d->record_arena);
		read_point(d, metric);
	}
}

/* A gauge, sum or histogram. Temporality may stand behind the points, so they are read last. */
static void read_data(struct decoder *d, struct otlp_point *metric)
{
	static const char *const temporalities[] = {"_UNSPECIFIED", "_DELTA", "_CUMULATIVE"};
	struct json_reader points, behind;
	bool has_points = false;
	struct str key;

	if (!enter(d, JSON_OBJECT))
		return;
	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("aggregationTemporality")))
			metric->temporality = (enum otlp_temporality)read_enum(d, temporalities, 3);
		else if (str_equal(key, STR_LIT("isMonotonic")))
			metric->monotonic = json_next(&d->r) == JSON_TRUE;
		else {
			has_points |= str_equal(key, STR_LIT("dataPoints"));
			if (str_equal(key, STR_LIT("dataPoints")))
				points = d->r;
			skip_value(d);
		}
	}
	if (!has_points || d->bad)
		return;
	behind = d->r;
	d->r = points;
	read_points(d, metric);
	if (!d->bad)
		d->r = behind;
}

/* The metric's name may stand behind its data, so that is read last. */
static void read_metric(struct decoder *d)
{
	static const struct { struct str key; enum otlp_point_kind kind; } kinds[] = {
		{{"gauge", 5}, OTLP_GAUGE}, {{"sum", 3}, OTLP_SUM}, {{"histogram", 9}, OTLP_HISTOGRAM},
		{{"exponentialHistogram", 20}, OTLP_EXPONENTIAL},
	};
	struct otlp_point metric = {0};
	struct json_reader data, behind;
	struct arena names = {0};
	bool has_data = false;
	struct str key;

	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("name")))
			metric.name = read_text(d, &names);
		else if (str_equal(key, STR_LIT("unit")))
			metric.unit = read_text(d, &names);
		else {
			for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
				if (str_equal(key, kinds[i].key)) {
					metric.kind = kinds[i].kind;
					data = d->r;
					has_data = true;
				}
			skip_value(d);
		}
	}
	if (has_data && !d->bad) {
		behind = d->r;
		d->r = data;
		read_data(d, &metric);
		if (!d->bad)
			d->r = behind;
	}
	arena_fini(&names);
}

static void read_scope(struct decoder *d)
{
	struct str key;

	if (!enter(d, JSON_OBJECT))
		return;
	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("name")))
			d->origin.scope_name = read_text(d, &d->origin_arena);
		else if (str_equal(key, STR_LIT("version")))
			d->origin.scope_version = read_text(d, &d->origin_arena);
		else
			skip_value(d);
	}
}

static void read_resource(struct decoder *d)
{
	struct str key;

	if (!enter(d, JSON_OBJECT))
		return;
	while (next_key(d, &key)) {
		if (str_equal(key, STR_LIT("attributes")))
			d->origin.resource = read_attrs(d, &d->origin_arena, 0);
		else
			skip_value(d);
	}
}

/* The names of one signal's members and how its records are read. */
struct signal {
	struct str resources, scopes, records;
	void (*record)(struct decoder *d);
};

static void read_records(struct decoder *d, const struct signal *signal)
{
	if (!enter(d, JSON_ARRAY))
		return;
	while (next_object(d)) {
		arena_reset(&d->record_arena);
		signal->record(d);
	}
}

static void read_scopes(struct decoder *d, const struct signal *signal);

/* Reads an object with a head (resource or scope) and a body (scopes or records): the head first,
 * wherever it stands. */
static void read_headed(struct decoder *d, const struct signal *signal, struct str head_key,
                        void (*head)(struct decoder *), struct str body_key,
                        void (*body)(struct decoder *, const struct signal *))
{
	struct json_reader waiting, behind;
	bool has_waiting = false, has_head = false;
	struct str key;

	while (!failed(d) && next_key(d, &key)) {
		if (str_equal(key, head_key)) {
			head(d);
			has_head = true;
		} else if (str_equal(key, body_key) && has_head) {
			body(d, signal);
		} else {
			if (str_equal(key, body_key)) {
				waiting = d->r;
				has_waiting = true;
			}
			skip_value(d);
		}
	}
	if (!has_waiting || failed(d))
		return;
	behind = d->r;
	d->r = waiting;
	body(d, signal);
	if (!d->bad)
		d->r = behind;
}

static void read_scopes(struct decoder *d, const struct signal *signal)
{
	if (!enter(d, JSON_ARRAY))
		return;
	while (next_object(d)) {
		d->origin.scope_name = d->origin.scope_version = (struct str){0};
		read_headed(d, signal, STR_LIT("scope"), read_scope, signal->records, read_records);
	}
}

static void read_resources(struct decoder *d, const struct signal *signal)
{
	if (!enter(d, JSON_ARRAY))
		return;
	while (next_object(d)) {
		arena_reset(&d->origin_arena);
		d->origin = (struct otlp_origin){.number = d->origin.number + 1};
		read_headed(d, signal, STR_LIT("resource"), read_resource, signal->scopes, read_scopes);
	}
}

int otlp_decode_json(enum otlp_signal kind, struct str body, const struct otlp_visitor *visitor,
                     struct err *err)
{
	static const struct signal signals[] = {
		[OTLP_TRACES] = {{"resourceSpans", 13}, {"scopeSpans", 10}, {"spans", 5}, read_span},
		[OTLP_METRICS] = {{"resourceMetrics", 15}, {"scopeMetrics", 12}, {"metrics", 7}, read_metric},
		[OTLP_LOGS] = {{"resourceLogs", 12}, {"scopeLogs", 9}, {"logRecords", 10}, read_log},
	};
	struct decoder d = {.visitor = visitor};
	size_t line, column;
	struct str key;

	json_init(&d.r, body);
	if (!enter(&d, JSON_OBJECT))
		d.bad = true;
	while (!failed(&d) && next_key(&d, &key)) {
		if (str_equal(key, signals[kind].resources))
			read_resources(&d, &signals[kind]);
		else
			skip_value(&d);
	}
	if (!failed(&d) && json_next(&d.r) != JSON_END)
		d.bad = true;
	arena_fini(&d.origin_arena);
	arena_fini(&d.record_arena);
	if (!d.bad)
		return 0;
	json_position(&d.r, &line, &column);
	return err_set(err, "OTLP JSON: line %zu, column %zu: %s: send the JSON mapping of an ExportServiceRequest",
	               line, column, d.r.error ? d.r.error : "not what the OTLP schema has here");
}
