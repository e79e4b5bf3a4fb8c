/* JSON objects as rows: a walk over the members, nested ones by their dotted path, without building a
 * tree. */
#include <stdio.h>

#include "parse/json.h"
#include "parse/mapping_private.h"

static bool json_failed(struct row *row, const struct json_reader *r)
{
	if (row->why->reason[0])
		return false;
	row->why->offset = json_offset(r);
	snprintf(row->why->reason, sizeof row->why->reason, "not valid JSON: %s", r->error);
	return false;
}

static bool walk_object(struct row *row, struct json_reader *r, uint32_t parent, int depth,
                        struct str *rows_found);

/* A text that holds an object with mapped members (LiteLLM's metadata in CSV). */
bool row_walk_text(struct row *row, uint32_t parent, struct str text)
{
	struct json_reader r;

	text = str_trim(text);
	if (!text.len || text.ptr[0] != '{')
		return true;
	json_init(&r, text);
	json_next(&r);
	struct reject *why = row->why, ignored = {.offset = 0};
	row->why = &ignored;
	bool ok = walk_object(row, &r, parent, 1, NULL);
	row->why = why;
	if (!ok && ignored.reason[0])
		snprintf(why->reason, sizeof why->reason, "%s", ignored.reason);
	return ok;
}

/* The first scalar of a list, for a field that takes one value. */
static bool put_first_of_list(struct row *row, struct json_reader *r, struct column *c)
{
	bool done = false;

	for (;;) {
		enum json_token t = json_next(r);
		if (t == JSON_ARRAY_END)
			return true;
		if (t == JSON_ERROR)
			return json_failed(row, r);
		if (!done && (t == JSON_STRING || t == JSON_NUMBER)) {
			done = true;
			if (!row_put(row, c, t == JSON_STRING ? json_text(r, &row->m->scratch) : r->text))
				return false;
		} else if (!json_skip(r, t)) {
			return json_failed(row, r);
		}
	}
}

static bool put_list(struct row *row, struct json_reader *r, struct column *c)
{
	const char *begin = r->token;
	bool list = c->field != NOT_MAPPED &&
	            (fields[c->field].type == FIELD_FLAGS || fields[c->field].type == FIELD_TAGS);

	if (!list && (c->field != NOT_MAPPED || c->tag >= 0))
		return put_first_of_list(row, r, c);
	if (!json_skip(r, JSON_ARRAY))
		return json_failed(row, r);
	return row_put(row, c, (struct str){begin, (size_t)(r->at - begin)});
}

/* The value of member `c`, whose first token `t` has been read. */
static bool put_json(struct row *row, struct json_reader *r, enum json_token t, struct column *c, int depth)
{
	uint32_t number = (uint32_t)(c - row->m->columns) + 1;

	switch (t) {
	case JSON_STRING: {
		struct str text = json_text(r, &row->m->scratch);
		return c->inner ? row_walk_text(row, number, text) : row_put(row, c, text);
	}
	case JSON_NUMBER:
		return row_put(row, c, r->text);
	case JSON_TRUE:
		return row_put(row, c, STR_LIT("true"));
	case JSON_FALSE:
		return row_put(row, c, STR_LIT("false"));
	case JSON_NULL:
		return true;
	case JSON_ARRAY:
		return put_list(row, r, c);
	case JSON_OBJECT:
		if (depth < NESTING_MAX && (!row->m->preset || c->inner))
			return walk_object(row, r, number, depth + 1, NULL);
		return json_skip(r, t) || json_failed(row, r);
	default:
		return json_failed(row, r);
	}
}

/* The members of an object whose brace has been read. `rows_found`: where to leave the raw text of the
 * member that holds the rows (only the outermost object has one). */
static bool walk_object(struct row *row, struct json_reader *r, uint32_t parent, int depth,
                        struct str *rows_found)
{
	for (;;) {
		enum json_token t = json_next(r);
		if (t == JSON_OBJECT_END)
			return true;
		if (t != JSON_KEY)
			return json_failed(row, r);
		struct str key = r->escaped ? json_text(r, &row->m->scratch) : r->text;
		t = json_next(r);
		if (rows_found && t == JSON_ARRAY && str_equal_c(key, row->m->preset->rows_at)) {
			const char *begin = r->token;
			if (!json_skip(r, t))
				return json_failed(row, r);
			*rows_found = (struct str){begin, (size_t)(r->at - begin)};
			continue;
		}
		struct column *c = mapping_member(row, parent, key);
		const char *token = r->token;
		bool ok = c ? put_json(row, r, t, c, depth) : json_skip(r, t) || json_failed(row, r);
		if (!ok) {
			if (!row->why->offset && token >= row->whole.ptr)
				row->why->offset = (size_t)(token - row->whole.ptr);
			return false;
		}
	}
}

/* One row from `object`, with the members of `around` (the bucket it lies in) filled in first. */
static bool add_one_json(struct mapping *m, struct batch *b, struct str object, struct str around,
                         struct str *rows_found, struct reject *why)
{
	struct row row;
	struct json_reader r;

	row_begin(&row, m, b, object, why);
	bool ok = true;
	if (around.len) {
		struct str ignored;
		json_init(&r, around);
		json_next(&r);
		ok = walk_object(&row, &r, 0, 0, &ignored);
		row.last = 0;
	}
	json_init(&r, object);
	if (ok && json_next(&r) != JSON_OBJECT)
		ok = r.error ? json_failed(&row, &r) : row_reject(&row, "not a JSON object");
	ok = ok && walk_object(&row, &r, 0, 0, rows_found);
	if (ok && json_next(&r) != JSON_END)
		ok = json_failed(&row, &r);
	if (ok && rows_found && rows_found->ptr) {
		row_drop(&row);
		return true;
	}
	ok = ok && row_end(&row);
	if (!ok)
		row_drop(&row);
	return ok;
}

/* The rows inside a bucket; all of them or none. */
static bool add_inner_rows(struct mapping *m, struct batch *b, struct str bucket, struct str rows,
                           struct reject *why)
{
	struct json_reader r;
	size_t billing = b->billing_count, requests = b->request_count, feedback = b->feedback_count;

	json_init(&r, rows);
	json_next(&r);
	for (enum json_token t = json_next(&r); t != JSON_ARRAY_END; t = json_next(&r)) {
		const char *begin = r.token;
		bool ok = t != JSON_ERROR && json_skip(&r, t);
		ok = ok && add_one_json(m, b, (struct str){begin, (size_t)(r.at - begin)}, bucket, NULL, why);
		if (!ok) {
			b->billing_count = billing;
			b->request_count = requests;
			b->feedback_count = feedback;
			why->offset += (size_t)(begin - bucket.ptr);
			return false;
		}
	}
	return true;
}

bool mapping_add_json(struct mapping *m, struct batch *b, struct str object, struct reject *why)
{
	struct str rows = {NULL, 0};
	bool nested = m->preset && m->preset->rows_at;

	if (!add_one_json(m, b, object, (struct str){NULL, 0}, nested ? &rows : NULL, why))
		return false;
	return !rows.ptr || add_inner_rows(m, b, object, rows, why);
}
