/* OTLP export requests, JSON or protobuf, as one decoded form. Pure. Source of the shapes: the
 * public opentelemetry-proto v1 messages (field numbers) and its JSON mapping (ids in hex, times and
 * 64-bit integers as strings; numbers are accepted too, as some exporters send them).
 *
 * Decoded strings are borrowed: from the body, or from memory of the decoder's where they had to be
 * unescaped. Records live until their visitor returns, origins until the last of their records. */
#ifndef LLMDECK_PARSE_OTLP_H
#define LLMDECK_PARSE_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum otlp_kind { OTLP_EMPTY, OTLP_STRING, OTLP_BOOL, OTLP_INT, OTLP_DOUBLE, OTLP_ARRAY, OTLP_MAP, OTLP_BYTES };

struct otlp_attr;
struct otlp_value {
	enum otlp_kind kind;
	union { /* as the kind says */
		struct str text; /* STRING, BYTES */
		int64_t integer; /* INT, BOOL */
		double number;   /* DOUBLE */
		struct {
			size_t count;
			union {
				const struct otlp_value *items; /* ARRAY */
				struct otlp_attr *attrs;        /* MAP */
			};
		};
	};
};
struct otlp_attr {
	struct str key;
	struct otlp_value value;
};
struct otlp_attrs {
	struct otlp_attr *list;
	size_t count;
};

struct otlp_origin { /* where a record comes from */
	unsigned number; /* of the resource in its body, from 1 on */
	struct otlp_attrs resource;
	struct str scope_name, scope_version;
};
struct otlp_span_event {
	struct str name;
	int64_t time_ns;
	struct otlp_attrs attrs;
};
struct otlp_span {
	uint8_t trace_id[16], span_id[8], parent_id[8];
	bool has_ids, has_parent;
	struct str name;
	int kind; /* 1 internal, 2 server, 3 client, 4 producer, 5 consumer; 0 unspecified */
	int64_t start_ns, end_ns;
	struct otlp_attrs attrs;
	const struct otlp_span_event *events;
	size_t event_count;
	int status; /* 0 unset, 1 ok, 2 error */
	struct str status_message;
};
struct otlp_log {
	int64_t time_ns; /* observed time where the record's own is absent */
	struct str event_name;
	struct otlp_value body;
	struct otlp_attrs attrs;
	uint8_t trace_id[16], span_id[8];
	bool has_trace, has_span;
};
enum otlp_point_kind { OTLP_GAUGE, OTLP_SUM, OTLP_HISTOGRAM, OTLP_EXPONENTIAL };
enum otlp_temporality { OTLP_UNSPECIFIED = 0, OTLP_DELTA = 1, OTLP_CUMULATIVE = 2 };
struct otlp_point {
	struct str name, unit;
	enum otlp_point_kind kind;
	enum otlp_temporality temporality;
	bool monotonic;
	struct otlp_attrs attrs;
	int64_t start_ns, time_ns;
	double value;             /* GAUGE, SUM */
	uint64_t count;           /* HISTOGRAM, EXPONENTIAL */
	double sum;               /* NaN when absent */
	const double *bounds;     /* HISTOGRAM: bucket_count - 1 upper bounds */
	const uint64_t *buckets;
	size_t bucket_count;
	int scale;                /* EXPONENTIAL: base 2^(2^-scale) */
	int offset;               /* index of buckets[0] */
	uint64_t zero_count;
};

/* Called once per record, in the order of the body. Non-zero stops the decoding. */
struct otlp_visitor {
	int (*span)(void *arg, const struct otlp_origin *from, const struct otlp_span *span);
	int (*log)(void *arg, const struct otlp_origin *from, const struct otlp_log *log);
	int (*point)(void *arg, const struct otlp_origin *from, const struct otlp_point *point);
	void *arg;
};

enum otlp_signal { OTLP_TRACES, OTLP_METRICS, OTLP_LOGS };

/* Bounds: attributes, events and items beyond OTLP_ITEMS_MAX are left out, nesting deeper than
 * OTLP_DEPTH_MAX is damage. */
#define OTLP_ITEMS_MAX 1024
#define OTLP_DEPTH_MAX 16

/* -1 with a sentence when the body is damaged; what came before the damage has been visited. */
int otlp_decode_protobuf(enum otlp_signal signal, struct str body,
                         const struct otlp_visitor *visitor, struct err *err);
int otlp_decode_json(enum otlp_signal signal, struct str body,
                     const struct otlp_visitor *visitor, struct err *err);

/* NULL when absent. */
const struct otlp_value *otlp_find(struct otlp_attrs attrs, const char *key);

#endif
