/* Any bytes as an import: whatever comes, each row is an event in range or a reject with a reason. The
 * first byte chooses kind, preset and format. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "parse/mapping.h"
#include "parse/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

static void check_text(struct str s, size_t max_bytes)
{
	check(s.len <= max_bytes && utf8_valid(s));
}

static void check_batch(const struct batch *b)
{
	for (size_t i = 0; i < b->request_count; i++) {
		const struct request *r = &b->requests[i];
		check(r->end_us >= 0 && r->latency_us >= UNKNOWN_INT && r->latency_us <= EVENT_LATENCY_MAX_US);
		check(r->ttft_us >= UNKNOWN_INT && r->ttft_us <= EVENT_LATENCY_MAX_US);
		check(r->input_tokens >= UNKNOWN_INT && r->input_tokens <= EVENT_TOKENS_MAX);
		check(r->output_tokens >= UNKNOWN_INT && r->output_tokens <= EVENT_TOKENS_MAX);
		check(r->status <= REQUEST_ERROR && r->flag_count <= EVENT_FLAGS_MAX);
		for (int d = 0; d < DIM_COUNT; d++)
			check_text(r->dims[d], EVENT_NAME_MAX_BYTES);
		for (int a = 0; a < ATTR_COUNT; a++)
			check_text(r->attrs[a], EVENT_NAME_MAX_BYTES);
		for (uint32_t f = 0; f < r->flag_count; f++)
			check(r->flags[f].category.len && r->flags[f].severity >= -1 && r->flags[f].severity <= 7);
	}
	for (size_t i = 0; i < b->feedback_count; i++) {
		check_text(b->feedback[i].text, EVENT_TEXT_MAX_BYTES);
		check(isnan(b->feedback[i].rating) || (b->feedback[i].rating >= 1 && b->feedback[i].rating <= 5));
	}
	for (size_t i = 0; i < b->billing_count; i++)
		check(b->billing[i].from_us <= b->billing[i].to_us);
}

static void import(struct mapping *m, struct rows *rows, bool header, struct str text)
{
	struct batch *b = batch_new();
	struct rows_record rec;
	struct reject why;
	enum rows_result got;

	while ((got = rows_next(rows, text, true, &rec)) != ROWS_END && !(got == ROWS_BAD && rec.fatal)) {
		if (got == ROWS_RECORD && header) {
			header = false;
			if (mapping_header(m, rec.csv, NULL) != 0)
				break;
		} else if (got == ROWS_RECORD) {
			size_t before = batch_rows(b);
			bool ok = rec.csv ? mapping_add_csv(m, b, rec.csv, &why) : mapping_add_json(m, b, rec.bytes, &why);
			check(ok || (why.reason[0] && batch_rows(b) == before));
			if (!ok && rec.csv)
				rows_keep_first_line(rows, &rec);
		}
		text.ptr += rec.consumed;
		text.len -= rec.consumed;
	}
	check_batch(b);
	batch_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const tags[] = {"channel"};
	struct mapping_options o = {.tags = tags, .tag_count = 1};
	struct mapping *m;
	struct buf words = {0};

	if (size < 1 || size > 65536)
		return 0;
	unsigned choice = data[0] % 9;
	if (choice < ROW_KIND_COUNT)
		o.kind = (enum row_kind)choice;
	else
		o.preset = &presets[choice - ROW_KIND_COUNT];
	if (o.preset)
		o.kind = o.preset->kind;
	o.has_origin = o.preset && o.preset->needs_origin;
	struct str text = {(const char *)data + 1, size - 1};
	check(mapping_new(&m, &o, NULL) == 0);
	enum rows_format format = rows_detect(text, true);
	struct rows *rows = rows_new(format, csv_detect_delimiter(text));
	import(m, rows, format == ROWS_CSV, text);
	mapping_describe(m, &words);
	mapping_ignored(m, &words);
	check(utf8_valid(buf_str(&words)));
	buf_fini(&words);
	rows_free(&rows);
	mapping_free(&m);
	return 0;
}
