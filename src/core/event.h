/* The events the collector takes in: requests, flags, feedback, billing rows, gauges, spans,
 * rollout states. Strings are borrowed (from the batch's arena or the caller). Plain data. */
#ifndef LLMDECK_CORE_EVENT_H
#define LLMDECK_CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "core/dims.h"

#define UNKNOWN_INT INT64_C(-1) /* "nobody told us" for counts and durations */

/* Bounds on what is kept from outside; longer text is cut at a character and ends in "…". */
#define EVENT_NAME_MAX_BYTES 200  /* dimensions, attributes, types */
#define EVENT_TEXT_MAX_BYTES 8192 /* feedback text */
#define EVENT_FLAGS_MAX 256        /* findings on one request */
#define EVENT_TOKENS_MAX INT64_C(1000000000)
#define EVENT_LATENCY_MAX_US (INT64_C(30) * 24 * 3600 * 1000000)

enum flag_action { FLAG_NOTED, FLAG_BLOCKED }; /* detected only, or filtered */

/* One content-safety finding. */
struct flag {
	struct str category; /* "hate", "self_harm", "jailbreak", "pii", … */
	int8_t severity;     /* 0-7; -1 unknown */
	uint8_t action;      /* enum flag_action */
};

enum request_status { REQUEST_OK = 0, REQUEST_ERROR = 1 };

/* Where a request's cost comes from. */
enum cost_source {
	COST_UNPRICED, /* no price for this model, or tokens unknown: cost_nusd is meaningless */
	COST_INFERRED, /* our price table */
	COST_REPORTED, /* the source said so */
};

struct request {
	int64_t end_us;     /* completion, UTC; start is end_us - latency_us */
	int64_t latency_us; /* whole call; UNKNOWN_INT */
	int64_t ttft_us;    /* time to first token; UNKNOWN_INT */
	struct str dims[DIM_COUNT];
	struct str attrs[ATTR_COUNT];
	struct str operation; /* gen_ai.operation.name: chat, embeddings, … ; empty = chat */
	struct str request_model; /* asked for, when another model answered */
	struct str error_type;    /* error.type; only with REQUEST_ERROR */
	struct str finish_reason;
	struct str outcome; /* business result */
	struct str source;  /* name of the source that brought it; import's batch name */
	int64_t input_tokens, output_tokens;       /* UNKNOWN_INT when not reported */
	int64_t cached_tokens, cache_write_tokens; /* subsets of input; UNKNOWN_INT */
	int64_t reasoning_tokens;                  /* subset of output; UNKNOWN_INT */
	int64_t requests_left, tokens_left;        /* of the provider's rate limit, after it; UNKNOWN_INT. Become gauges */
	int64_t cost_nusd;                         /* see cost_source */
	struct str cost_basis; /* the receipt's rates as one interned line (judge/price.h) */
	uint8_t cost_source;   /* enum cost_source */
	uint8_t status;        /* enum request_status */
	uint16_t http_status;  /* 0 unknown */
	uint8_t attempt;       /* 0 unknown, 1 first */
	bool errors_unseen;    /* its source sends nothing for failed calls: error rates are lower bounds */
	struct str question, answer; /* texts that are to be kept (redacted, up to EVENT_TEXT_MAX_BYTES), in the text file */
	struct str response_id;      /* the provider's, by which feedback finds its request */
	bool has_trace, has_span, has_parent;
	uint8_t trace_id[16], span_id[8]; /* W3C; a longer or other id is hashed into them */
	uint8_t parent_id[8];             /* the span that made the call */
	const struct flag *flags;
	uint32_t flag_count;
};

enum mood { MOOD_UNKNOWN, MOOD_POSITIVE, MOOD_NEUTRAL, MOOD_NEGATIVE };

struct feedback {
	int64_t time_us;
	struct str id; /* the source's; empty: derived from the content */
	struct str dims[DIM_COUNT];
	struct str text;     /* goes to the text file */
	struct str user;
	struct str language; /* BCP 47 */
	double score;        /* source's own score; NaN when absent */
	double rating;       /* stars 1-5; NaN when absent */
	uint8_t mood;        /* enum mood: by rating or score, or a judge */
	struct str judge;    /* name and version: "rating", "score", "local/3", …; empty when UNKNOWN */
	double sentiment;    /* the judge's score of the text, -1..1; NaN: it did not read it */
	double confidence[3]; /* the judge's, in positive, neutral, negative; NaN as above */
	struct str findings; /* what our patterns found before it was redacted: "pii:email=2/-1 jailbreak=1/5" */
	struct str response_id; /* of the answer it is about, when the trace is not known */
	bool has_trace;
	uint8_t trace_id[16];
	struct str source;
};

/* What a judge says of a stored feedback item, later than it came. */
struct verdict {
	int64_t feedback_id;
	struct str judge;    /* name and version */
	uint8_t mood;        /* enum mood; MOOD_UNKNOWN: it says nothing of it */
	double score, confidence[3]; /* as in struct feedback; NaN */
	struct str findings; /* added to the item's */
	struct str texts;    /* opinions, phrases …: holds words of the text, goes to the text file */
	struct str words;    /* why there is no verdict; no words of the text */
};

/* A flag that arrives after its request. Joined by trace id in the hour around time_us. */
struct late_flag {
	int64_t time_us;
	uint8_t trace_id[16];
	struct flag flag;
	struct str source;
};

/* What was said in a model call, when log events tell it and not its span. Joined by trace and span,
 * whichever comes first. */
struct late_text {
	int64_t time_us;
	uint8_t trace_id[16], span_id[8];
	struct str question, answer; /* as in struct request */
	struct str context;          /* what else was said in it: a line "system: …", "tool: …" each */
};

/* One row of a provider's bill. */
struct billing {
	int64_t from_us, to_us; /* charge period */
	struct str provider, service, model, region, account, team, currency, unit, description;
	int64_t cost_nusd;    /* of the currency; may be negative */
	bool cost_known;      /* a null cost is unknown, not zero */
	double quantity;      /* NaN unknown */
	int64_t input_tokens, output_tokens, cached_tokens, requests; /* UNKNOWN_INT */
	struct str source;
};

enum span_kind { SPAN_AGENT, SPAN_TOOL, SPAN_RETRIEVAL, SPAN_OTHER };

/* A step of a trace around the model calls (those are requests): an agent's run, a tool call, a
 * retrieval. */
struct span {
	int64_t start_us, end_us;
	uint8_t trace_id[16], span_id[8], parent_id[8];
	bool has_parent;
	uint8_t kind;   /* enum span_kind */
	uint8_t status; /* enum request_status */
	struct str name, service, error_type, source;
};

/* The result of an evaluation (gen_ai.evaluation.result). */
struct evaluation {
	int64_t time_us;
	struct str name, label, response_id, source;
	struct str dims[DIM_COUNT];
	double score; /* NaN when there is only a label */
	bool has_trace;
	uint8_t trace_id[16];
};

/* A sample of a gauge series (queue length, KV cache, quota). */
struct gauge {
	int64_t time_us;
	struct str name, source, instance; /* metric name; source; instance or model */
	double value;
};

#define ROLLOUT_ARMS_MAX 8
struct rollout_arm {
	struct str deployment;
	struct str role;        /* "stable", "candidate" */
	double desired_percent; /* 0-100 */
	double actual_percent;  /* as read back from the target; NaN unknown */
};
/* The state of a rollout as somebody with the right to know reported it. */
struct rollout_state {
	int64_t time_us;
	struct str name, service, environment, phase; /* "progressing", "paused", "degraded", "healthy" */
	struct str reason;                            /* one sentence */
	struct rollout_arm arms[ROLLOUT_ARMS_MAX];
	uint32_t arm_count;
};

/* How far an import has come; committed with the rows it stands for. */
struct import_mark {
	uint64_t key;            /* chosen at random when the import starts; kept when it is continued */
	struct str name;         /* file name as given, or "-" */
	struct str kind;         /* "request", "feedback", "billing" */
	uint8_t head_hash[16];   /* of the first up to 64 KiB */
	uint64_t head_bytes;
	uint8_t prefix_hash[16]; /* of the bytes [0, bytes_done) */
	uint64_t bytes_done;
	uint64_t lines_done, rows_done, rows_rejected;
	uint64_t rows_duplicate; /* counted by the store */
	bool complete;
};

/* How far a source that follows something (a log, a series) has come; committed with the rows it
 * stands for. The places are the source's own words, at most RESUME_PLACE_MAX_BYTES. */
#define RESUME_PLACE_MAX_BYTES 512
struct resume_mark {
	struct str source; /* its name in the configuration */
	struct str from;   /* where it was before these rows; "" = nowhere. Unless the store agrees nothing
	                    * of the batch is stored, and the acknowledgement says `stale` */
	struct str to;     /* where it is after them */
};

/* One unit of storing: committed whole or not at all. Owns everything in it through `arena`. */
struct batch {
	struct arena arena;
	struct request *requests;
	size_t request_count, request_cap;
	struct feedback *feedback;
	size_t feedback_count, feedback_cap;
	struct late_flag *late_flags;
	size_t late_flag_count, late_flag_cap;
	struct late_text *late_texts; /* stay in this process: batch_encode() leaves them out */
	size_t late_text_count, late_text_cap;
	struct billing *billing;
	size_t billing_count, billing_cap;
	struct gauge *gauges;
	size_t gauge_count, gauge_cap;
	struct span *spans;
	size_t span_count, span_cap;
	struct evaluation *evaluations;
	size_t evaluation_count, evaluation_cap;
	struct rollout_state *rollouts;
	size_t rollout_count, rollout_cap;
	struct verdict *verdicts; /* stay in this process: batch_encode() leaves them out */
	size_t verdict_count, verdict_cap;
	bool has_import;
	struct import_mark import;
	bool more; /* more follows at once: need not be durable before that is. Stays in this process too */
	bool has_resume;
	struct resume_mark resume; /* stays in this process: batch_encode() leaves it out */
};

struct batch *batch_new(void);
void batch_free(struct batch **b);
void batch_reset(struct batch *b); /* empty, memory kept */
/* Each returns a zeroed slot with the unknowns set (tokens -1, NaN scores …), owned by the batch and
 * in place until the next one of its kind is added. */
struct request *batch_add_request(struct batch *b);
struct feedback *batch_add_feedback(struct batch *b);
struct late_flag *batch_add_late_flag(struct batch *b);
struct late_text *batch_add_late_text(struct batch *b);
struct billing *batch_add_billing(struct batch *b);
struct gauge *batch_add_gauge(struct batch *b);
struct rollout_state *batch_add_rollout(struct batch *b);
struct span *batch_add_span(struct batch *b);
struct evaluation *batch_add_evaluation(struct batch *b);
struct verdict *batch_add_verdict(struct batch *b);
/* A copy of `s` in the batch's arena, at most max_bytes, cut at a character (ending "…" then), with
 * ill-formed UTF-8 replaced by U+FFFD. Nothing else is changed: making text harmless is the
 * screen's business. */
struct str batch_text(struct batch *b, struct str s, size_t max_bytes);
size_t batch_rows(const struct batch *b);

/* The form in which an importer hands a batch to the collector. Version byte first; bounded. */
struct buf;
struct err;
void batch_encode(const struct batch *b, struct buf *out);
/* Fills an empty batch; -1 with a sentence on anything malformed or out of range (dimensions and
 * attributes up to EVENT_NAME_MAX_BYTES, other text up to EVENT_TEXT_MAX_BYTES, times from 1970 to
 * 2199): the batch then holds a part and is to be reset. */
int batch_decode(struct batch *b, struct str bytes, struct err *err);

#endif
