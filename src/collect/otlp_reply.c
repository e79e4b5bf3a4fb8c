/* The messages are two fields each, so they are written by hand: field 1 and 2, varint or bytes. */
#include "collect/otlp_reply.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"

#define KEY(number, type) ((uint64_t)(number) << 3 | (type))
enum { TYPE_VARINT = 0, TYPE_BYTES = 2 };

static const char json_type[] = "application/json";
static const char protobuf_type[] = "application/x-protobuf";

enum otlp_form otlp_form_of(const char *content_type)
{
	struct str rest = str_of(content_type), type;

	if (!content_type)
		return OTLP_FORM_UNKNOWN;
	type = str_trim(str_cut(&rest, ';'));
	if (str_equal_nocase(type, str_of(json_type)))
		return OTLP_FORM_JSON;
	if (str_equal_nocase(type, str_of(protobuf_type)) || str_equal_nocase(type, STR_LIT("application/protobuf")))
		return OTLP_FORM_PROTOBUF;
	return OTLP_FORM_UNKNOWN;
}

static void put_bytes(struct buf *out, unsigned number, struct str bytes)
{
	buf_append_varint(out, KEY(number, TYPE_BYTES));
	buf_append_varint(out, bytes.len);
	buf_append_str(out, bytes);
}

static void put_number(struct buf *out, unsigned number, uint64_t value)
{
	buf_append_varint(out, KEY(number, TYPE_VARINT));
	buf_append_varint(out, value);
}

static void success_json(enum otlp_signal signal, uint64_t rejected, const char *words, struct buf *out)
{
	static const char *const names[] = {
		[OTLP_TRACES] = "rejectedSpans", [OTLP_METRICS] = "rejectedDataPoints", [OTLP_LOGS] = "rejectedLogRecords",
	};

	if (!rejected) {
		buf_puts(out, "{}");
		return;
	}
	/* 64-bit integers are strings in protobuf's JSON form. */
	buf_printf(out, "{\"partialSuccess\":{\"%s\":\"%" PRIu64 "\",\"errorMessage\":", names[signal], rejected);
	buf_append_json(out, str_of(words));
	buf_puts(out, "}}");
}

static void success_protobuf(uint64_t rejected, const char *words, struct buf *out)
{
	struct buf partial = {0};

	if (!rejected)
		return;
	put_number(&partial, 1, rejected);
	put_bytes(&partial, 2, str_of(words));
	put_bytes(out, 1, buf_str(&partial));
	buf_fini(&partial);
}

const char *otlp_reply_success(enum otlp_form form, enum otlp_signal signal, uint64_t rejected, const char *words,
                               struct buf *out)
{
	if (form == OTLP_FORM_PROTOBUF) {
		success_protobuf(rejected, words, out);
		return protobuf_type;
	}
	success_json(signal, rejected, words, out);
	return json_type;
}

/* google.rpc.Code's number for an HTTP status. */
static unsigned code_of(int http_status)
{
	static const struct { int http_status; unsigned code; } codes[] = {
		{400, 3}, {401, 16}, {403, 7}, {404, 5}, {405, 12}, {413, 8}, {415, 3}, {429, 8}, {503, 14},
	};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i].http_status == http_status)
			return codes[i].code;
	return 2; /* UNKNOWN */
}

const char *otlp_reply_failure(enum otlp_form form, int http_status, const char *sentence, struct buf *out)
{
	if (form == OTLP_FORM_PROTOBUF) {
		put_number(out, 1, code_of(http_status));
		put_bytes(out, 2, str_of(sentence));
		return protobuf_type;
	}
	buf_printf(out, "{\"code\":%u,\"message\":", code_of(http_status));
	buf_append_json(out, str_of(sentence));
	buf_puts(out, "}");
	return json_type;
}
