/* Lists grow by doubling inside the arena: what they leave behind goes with it. */
#include "console/control_read.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "parse/json.h"

#define ITEMS_MAX 10000

static bool read_object(struct json_reader *r, const struct read_field *fields, struct arena *arena, void *into);

static void initialise(const struct read_field *fields, void *into)
{
	for (const struct read_field *f = fields; f->name; f++) {
		void *at = (char *)into + f->offset;
		const char **text = at;
		double *number = at;

		if (f->type == READ_TEXT)
			*text = "";
		else if (f->type == READ_REAL)
			*number = NAN;
		else if (f->type == READ_OBJECT)
			initialise(f->fields, at);
	}
}

static const char *read_text(struct json_reader *r, struct arena *arena)
{
	struct str text = json_text(r, arena);

	return arena_copy(arena, text.ptr, text.len);
}

/* Makes room for one more item and returns its place. */
static void *add_item(struct arena *arena, void **items, size_t *count, size_t *cap, size_t bytes)
{
	if (*count == *cap) {
		size_t more = *cap ? *cap * 2 : 8;
		void *moved = arena_alloc(arena, more * bytes);

		if (*count)
			memcpy(moved, *items, *count * bytes);
		*items = moved;
		*cap = more;
	}
	void *item = (char *)*items + (*count)++ * bytes;

	memset(item, 0, bytes);
	return item;
}

static bool read_list(struct json_reader *r, const struct read_field *f, struct arena *arena, char *at, size_t *count_at)
{
	size_t count = 0, cap = 0;
	void *items = NULL;
	enum json_token t;

	while ((t = json_next(r)) != JSON_ARRAY_END) {
		if (t == JSON_ERROR || t == JSON_END)
			return false;
		if (count < ITEMS_MAX && f->type == READ_TEXTS && t == JSON_STRING) {
			const char **text = add_item(arena, &items, &count, &cap, sizeof(*text));

			*text = read_text(r, arena);
		} else if (count < ITEMS_MAX && f->type == READ_OBJECTS && t == JSON_OBJECT) {
			void *item = add_item(arena, &items, &count, &cap, f->item_bytes);

			initialise(f->fields, item);
			if (!read_object(r, f->fields, arena, item))
				return false;
		} else if (!json_skip(r, t)) {
			return false;
		}
	}
	memcpy(at, &items, sizeof(items));
	*count_at = count;
	return true;
}

static bool read_scalar(struct json_reader *r, const struct read_field *f, enum json_token t, struct arena *arena, char *at)
{
	if (f->type == READ_TEXT && t == JSON_STRING) {
		const char *text = read_text(r, arena);

		memcpy(at, &text, sizeof(text));
	} else if (f->type == READ_INT && t == JSON_NUMBER) {
		int64_t number;

		if (json_int64(r, &number))
			memcpy(at, &number, sizeof(number));
	} else if (f->type == READ_REAL && t == JSON_NUMBER) {
		double number;

		if (str_to_double(r->text, &number))
			memcpy(at, &number, sizeof(number));
	} else if (f->type == READ_BOOL) {
		bool yes = t == JSON_TRUE;

		memcpy(at, &yes, sizeof(yes));
	}
	return json_skip(r, t);
}

static bool read_member(struct json_reader *r, const struct read_field *fields, struct arena *arena, void *into)
{
	struct str name = json_text(r, arena);
	enum json_token t = json_next(r);
	const struct read_field *f = fields;

	while (f->name && !str_equal_c(name, f->name))
		f++;
	if (!f->name)
		return json_skip(r, t);
	char *at = (char *)into + f->offset;

	if (t == JSON_ARRAY && (f->type == READ_TEXTS || f->type == READ_OBJECTS))
		return read_list(r, f, arena, at, (size_t *)(void *)((char *)into + f->count_offset));
	if (t == JSON_OBJECT && f->type == READ_OBJECT) {
		if (f->there_offset)
			*((char *)into + f->there_offset) = true;
		return read_object(r, f->fields, arena, at);
	}
	return read_scalar(r, f, t, arena, at);
}

static bool read_object(struct json_reader *r, const struct read_field *fields, struct arena *arena, void *into)
{
	enum json_token t;

	while ((t = json_next(r)) == JSON_KEY) {
		if (!read_member(r, fields, arena, into))
			return false;
	}
	return t == JSON_OBJECT_END;
}

bool control_read(struct str json, const struct read_field *fields, struct arena *arena, void *into)
{
	struct json_reader r;

	initialise(fields, into);
	json_init(&r, json);
	return json_next(&r) == JSON_OBJECT && read_object(&r, fields, arena, into);
}
