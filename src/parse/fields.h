/* The one table of what a log, a feedback export or a bill can tell: field names, their aliases, kind
 * of value and default unit. Feeds the mapping, --dry-run, completion and the manual. Const. */
#ifndef LLMDECK_PARSE_FIELDS_H
#define LLMDECK_PARSE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum row_kind { ROW_REQUEST, ROW_FEEDBACK, ROW_BILLING, ROW_KIND_COUNT };
/* "request", "feedback", "billing". */
const char *row_kind_name(enum row_kind kind);
bool row_kind_from_name(struct str name, enum row_kind *out);

enum field_type {
	FIELD_TEXT,     /* kept as it is, cut at EVENT_NAME_MAX_BYTES */
	FIELD_LONG_TEXT, /* the same with EVENT_TEXT_MAX_BYTES */
	FIELD_TIME,
	FIELD_DURATION, /* unit s, ms, us, ns */
	FIELD_COUNT,    /* whole number >= 0: tokens, requests */
	FIELD_SMALL,    /* whole number 0-255 */
	FIELD_MONEY,    /* decimal USD (or the bill's currency) */
	FIELD_NUMBER,   /* any finite number */
	FIELD_RATING,   /* 1-5 */
	FIELD_SCORE,    /* number, or thumbs in words; unit "signed" (-1..1) or "share" (0..1) */
	FIELD_STATUS,   /* ok, error or an HTTP code */
	FIELD_TRACE_ID,
	FIELD_SPAN_ID,
	FIELD_FLAGS,
	FIELD_TAGS,     /* a list of name:value or name=value for the configured tags */
};
enum field_unit { UNIT_NONE, UNIT_S, UNIT_MS, UNIT_US, UNIT_NS, UNIT_SIGNED, UNIT_SHARE_OF_ONE };
const char *field_unit_name(enum field_unit u); /* "" for none */
bool field_unit_from_name(struct str name, enum field_unit *out);

enum field {
	/* requests */
	FIELD_REQ_TIME, FIELD_REQ_END_TIME, FIELD_REQ_FIRST_TOKEN_TIME,
	FIELD_REQ_SERVICE, FIELD_REQ_ENVIRONMENT, FIELD_REQ_DEPLOYMENT, FIELD_REQ_PROVIDER,
	FIELD_REQ_MODEL, FIELD_REQ_TEAM, FIELD_REQ_REGION,
	FIELD_REQ_USER, FIELD_REQ_KEY, FIELD_REQ_TENANT, FIELD_REQ_SESSION, FIELD_REQ_TOOL,
	FIELD_REQ_PROMPT_VERSION,
	FIELD_REQ_OPERATION, FIELD_REQ_REQUEST_MODEL, FIELD_REQ_ERROR_TYPE, FIELD_REQ_FINISH_REASON,
	FIELD_REQ_OUTCOME,
	FIELD_REQ_INPUT_TOKENS, FIELD_REQ_OUTPUT_TOKENS, FIELD_REQ_CACHED_TOKENS,
	FIELD_REQ_CACHE_WRITE_TOKENS, FIELD_REQ_REASONING_TOKENS,
	FIELD_REQ_LATENCY, FIELD_REQ_TTFT, FIELD_REQ_STATUS, FIELD_REQ_COST, FIELD_REQ_ATTEMPT,
	FIELD_REQ_TRACE_ID, FIELD_REQ_SPAN_ID, FIELD_REQ_RESPONSE_ID, FIELD_REQ_FLAGS, FIELD_REQ_TAGS,
	FIELD_REQ_REQUESTS_LEFT, FIELD_REQ_TOKENS_LEFT,
	/* feedback */
	FIELD_FB_TIME, FIELD_FB_ID, FIELD_FB_TEXT, FIELD_FB_SCORE, FIELD_FB_RATING,
	FIELD_FB_SERVICE, FIELD_FB_ENVIRONMENT, FIELD_FB_DEPLOYMENT, FIELD_FB_PROVIDER, FIELD_FB_MODEL,
	FIELD_FB_TEAM, FIELD_FB_REGION, FIELD_FB_TRACE_ID, FIELD_FB_RESPONSE_ID, FIELD_FB_USER, FIELD_FB_LANGUAGE,
	/* billing */
	FIELD_BILL_FROM, FIELD_BILL_TO, FIELD_BILL_PROVIDER, FIELD_BILL_SERVICE, FIELD_BILL_MODEL,
	FIELD_BILL_REGION, FIELD_BILL_ACCOUNT, FIELD_BILL_TEAM, FIELD_BILL_CURRENCY, FIELD_BILL_UNIT,
	FIELD_BILL_DESCRIPTION, FIELD_BILL_COST, FIELD_BILL_QUANTITY, FIELD_BILL_INPUT_TOKENS,
	FIELD_BILL_OUTPUT_TOKENS, FIELD_BILL_CACHED_TOKENS, FIELD_BILL_REQUESTS,
	FIELD_COUNT_ALL
};
#define FIELDS_MAX FIELD_COUNT_ALL

struct field_row {
	enum row_kind kind;
	const char *name;    /* as in --map, --set and the manual */
	enum field_type type;
	enum field_unit unit; /* where the column does not say */
	size_t offset;       /* of its place in struct request, feedback or billing; times and such have none */
	const char *aliases; /* names apart by blanks, likeliest first; "" for none */
	const char *text;    /* one line for the manual */
};
extern const struct field_row fields[FIELD_COUNT_ALL];

/* A column's name in its bare form: lower case, only letters and digits. Cut at cap-1; returns its
 * length. */
#define FIELD_NAME_BYTES 128
size_t field_bare_name(char *out, size_t cap, struct str name);

/* Which field of `kind` a column named so means by itself. *unit is the suffix's unit or UNIT_NONE;
 * *rank is higher the surer the name (1-100). With `own_names_only` aliases do not count. */
bool field_guess(enum row_kind kind, struct str column, bool own_names_only, enum field *out,
                 enum field_unit *unit, uint8_t *rank);
/* The field of `kind` with exactly this name. */
bool field_from_name(enum row_kind kind, struct str name, enum field *out);

/* A preset names the columns of a well-known export. */
struct preset_row {
	enum field field;
	const char *column; /* path in JSON */
	enum field_unit unit;
};
struct preset {
	const char *name, *text;
	enum row_kind kind;
	bool needs_origin;       /* its times count from 0 */
	const char *rows_at;     /* JSON: the array inside each record whose elements are the rows; NULL */
	const char *provider;    /* filled in when no column says it; NULL */
	const struct preset_row *rows; /* column NULL ends it; earlier rows win over later for one field */
};
extern const struct preset presets[]; /* name NULL ends it */
const struct preset *preset_from_name(struct str name);

#endif
