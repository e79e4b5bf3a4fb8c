/* A new file makes a new reader, and for CSV a new mapping from its header. A CSV that was rotated
 * without writing its header again goes on with the old one. */
#include "collect/tail_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collect/headroom.h"
#include "collect/judges.h"
#include "judge/price.h"
#include "parse/json.h"
#include "parse/mapping.h"

#define PAIRS_MAX 64u

struct tail_rows {
	const struct source_env *env;
	enum rows_format wanted, format;
	struct mapping_options options;
	char *pairs[2][PAIRS_MAX]; /* of map.* and set.* */
	struct tz *tz;
	struct mapping *mapping;
	struct rows *rows;
	bool has_header; /* the mapping has taken one */
	uint64_t offset, rejected;
	struct err last_reject;
	struct headroom *headroom;
};

/* "map.time: ts" as "time=ts". */
static int gather_pairs(struct tail_rows *r, struct err *err)
{
	static const char *const prefixes[2] = {"map.", "set."};
	const struct config_section *section = r->env->section;
	size_t counts[2] = {0};

	for (size_t i = 0; i < section->pair_count; i++)
		for (int k = 0; k < 2; k++) {
			const struct config_pair *pair = &section->pairs[i];
			if (strncmp(pair->key, prefixes[k], 4) != 0)
				continue;
			if (counts[k] == PAIRS_MAX)
				return err_set(err, "more than %u keys under %.3s", PAIRS_MAX, prefixes[k]);
			r->pairs[k][counts[k]++] = mem_printf("%s=%s", pair->key + 4, pair->value);
		}
	r->options.maps = (const char *const *)r->pairs[0];
	r->options.map_count = counts[0];
	r->options.sets = (const char *const *)r->pairs[1];
	r->options.set_count = counts[1];
	return 0;
}

static int read_options(struct tail_rows *r, const struct tail_rows_options *o, struct err *err)
{
	struct mapping_options *m = &r->options;

	if (!row_kind_from_name(str_of(o->kind), &m->kind) || m->kind == ROW_BILLING)
		return err_set(err, "as: %s: a log is followed as request or feedback", o->kind);
	if (*o->preset && !(m->preset = preset_from_name(str_of(o->preset))))
		return err_set(err, "preset: there is none named %s: see llmdeck(1), import", o->preset);
	if (m->preset && m->preset->kind != m->kind)
		return err_set(err, "preset: %s does not bring %s rows", o->preset, o->kind);
	if (*o->tz && tz_load(&r->tz, o->tz, err) != 0)
		return -1;
	if (*o->origin && !time_parse(str_of(o->origin), r->tz, TIME_UNIT_AUTO, &m->origin_us))
		return err_set(err, "origin: %s is no time: write it like 2026-11-23T12:00:00Z", o->origin);
	m->has_origin = *o->origin != '\0';
	if (m->preset && m->preset->needs_origin && !m->has_origin)
		return err_set(err, "preset %s: its times count from 0: say with origin when that was", o->preset);
	m->tz = r->tz;
	m->tags = r->env->config ? r->env->config->tags : NULL;
	m->tag_count = r->env->config ? r->env->config->tag_count : 0;
	m->source = str_of(r->env->name);
	return gather_pairs(r, err);
}

struct tail_rows *tail_rows_new(const struct tail_rows_options *o, struct err *err)
{
	struct tail_rows *r = mem_zalloc(sizeof *r);

	r->env = o->env;
	r->headroom = headroom_new();
	r->wanted = o->format;
	if (read_options(r, o, err) != 0 || mapping_new(&r->mapping, &r->options, err) != 0)
		tail_rows_free(&r);
	return r;
}

void tail_rows_free(struct tail_rows **rows)
{
	struct tail_rows *r = *rows;

	if (!r)
		return;
	for (size_t i = 0; i < PAIRS_MAX; i++) {
		free(r->pairs[0][i]);
		free(r->pairs[1][i]);
	}
	mapping_free(&r->mapping);
	rows_free(&r->rows);
	tz_free(&r->tz);
	headroom_free(&r->headroom);
	free(r);
	*rows = NULL;
}

/* The header's record. -1: not whole yet; else where it ends. */
static int64_t read_header(struct tail_rows *r, struct str head, bool whole, struct err *err)
{
	struct mapping *fresh = NULL;
	struct rows_record rec;
	enum rows_result got = rows_next(r->rows, head, whole, &rec);
	struct err why = {""};

	if (got == ROWS_MORE || got == ROWS_END)
		return -1;
	if (got == ROWS_BAD)
		err_set(&why, "%s", rec.error);
	else if (mapping_new(&fresh, &r->options, &why) == 0 && mapping_header(fresh, rec.csv, &why) == 0) {
		mapping_free(&r->mapping);
		r->mapping = fresh;
		r->has_header = true;
		return (int64_t)rec.consumed;
	}
	mapping_free(&fresh);
	if (r->has_header)
		return 0;
	err_set(err, "its first line is no header of CSV that can be mapped: %s", why.text);
	return -2;
}

int64_t tail_rows_enter(struct tail_rows *r, struct str head, bool whole, struct err *err)
{
	const char *foreign = json_foreign_encoding(head);
	int64_t begin = 0;

	if (head.len == 0 || (!whole && !memchr(head.ptr, '\n', head.len)))
		return -1;
	if (foreign) {
		err_set(err, "the text is %s: only UTF-8 can be followed", foreign);
		return -2;
	}
	r->format = r->wanted == ROWS_AUTO ? rows_detect(head, false) : r->wanted;
	if (r->format == ROWS_JSON) {
		err_set(err, "it is one JSON text of many lines: only JSONL (an object a line) and CSV can be followed");
		return -2;
	}
	rows_free(&r->rows);
	r->rows = rows_new(r->format, csv_detect_delimiter(head));
	if (r->format == ROWS_CSV)
		begin = read_header(r, head, whole, err);
	return begin;
}

static void judge_new(const struct tail_rows *r, struct batch *b, size_t requests, size_t feedback)
{
	if (r->env->prices)
		for (size_t i = requests; i < b->request_count; i++)
			price_request(r->env->prices, PRICE_STANDARD, &b->requests[i]);
	for (size_t i = feedback; i < b->feedback_count; i++)
		judges_feedback(b, &b->feedback[i], mapping_score_unit(r->mapping) == UNIT_SHARE_OF_ONE);
}

static void reject(struct tail_rows *r, uint64_t offset, const char *reason)
{
	r->rejected++;
	err_set(&r->last_reject, "at byte %llu: %s", (unsigned long long)offset, reason);
}

static void take_record(struct tail_rows *r, struct batch *b, struct rows_record *rec, uint64_t offset)
{
	size_t requests = b->request_count, feedback = b->feedback_count;
	struct reject why;
	bool ok = rec->csv ? mapping_add_csv(r->mapping, b, rec->csv, &why)
	                   : mapping_add_json(r->mapping, b, rec->bytes, &why);

	if (ok) {
		judge_new(r, b, requests, feedback);
		return;
	}
	if (rec->csv)
		rows_keep_first_line(r->rows, rec);
	reject(r, offset + why.offset, why.reason);
}

size_t tail_rows_take(struct tail_rows *r, struct batch *b, struct str window, bool last, size_t rows_max)
{
	size_t done = 0, first = b->request_count;

	while (batch_rows(b) < rows_max) {
		struct str rest = {window.ptr + done, window.len - done};
		struct rows_record rec;
		enum rows_result got = rows_next(r->rows, rest, last, &rec);
		uint64_t offset = r->offset + done + (rec.bytes.ptr ? (size_t)(rec.bytes.ptr - rest.ptr) : 0);

		if (got == ROWS_RECORD)
			take_record(r, b, &rec, offset);
		else if (got == ROWS_BAD)
			reject(r, offset + rec.error_offset, rec.error);
		done += rec.consumed;
		if (got == ROWS_MORE || got == ROWS_END)
			break;
	}
	headroom_of_requests(r->headroom, b, first);
	return done;
}

void tail_rows_batch_done(struct tail_rows *r)
{
	mapping_batch_done(r->mapping);
}

uint64_t tail_rows_rejected(const struct tail_rows *r)
{
	return r->rejected;
}

const char *tail_rows_last_reject(const struct tail_rows *r)
{
	return r->last_reject.text;
}

void tail_rows_at(struct tail_rows *r, uint64_t offset)
{
	r->offset = offset;
}
