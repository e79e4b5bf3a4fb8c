/* Walks the document with the scanner of json.h from the start for each question: documents are small
 * and questions are few. */
#include "parse/json_edit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define STEP_MAX_BYTES 256

/* Where a step led. */
struct spot {
	struct json_value value;
	struct str key;     /* the member's name with its quotes, in an object */
};

static const struct json_value absent = {{NULL, 0}, JSON_ERROR};

static bool is_value(enum json_token t)
{
	return t == JSON_NULL || t == JSON_TRUE || t == JSON_FALSE || t == JSON_NUMBER || t == JSON_STRING ||
	       t == JSON_ARRAY || t == JSON_OBJECT;
}

/* Goes past the value that token `t` of the reader begins; absent on an error. */
static struct json_value pass_value(struct json_reader *r, enum json_token t)
{
	const char *from = r->token;

	if (!is_value(t) || !json_skip(r, t))
		return absent;
	return (struct json_value){{from, (size_t)(r->at - from)}, t};
}

static struct json_value whole(struct str document)
{
	struct json_reader r;

	json_init(&r, document);
	struct json_value v = pass_value(&r, json_next(&r));

	return v.kind != JSON_ERROR && json_next(&r) == JSON_END ? v : absent;
}

/* The next child of the container the reader is in; absent at its end. */
static struct spot next_child(struct json_reader *r)
{
	struct spot s = {.value = absent};
	enum json_token t = json_next(r);

	if (t == JSON_KEY) {
		const char *from = r->token;

		s.key = (struct str){from, (size_t)(r->at - from)};
		/* a key's colon may be behind `at`, with spaces: cut at the closing quote */
		s.key.len = r->text.len + 2;
		t = json_next(r);
	}
	s.value = pass_value(r, t);
	return s;
}

static bool enter(struct json_reader *r, struct json_value parent)
{
	if (parent.kind != JSON_ARRAY && parent.kind != JSON_OBJECT)
		return false;
	json_init(r, parent.text);
	json_next(r);
	return true;
}

static struct spot child_number(struct json_value parent, size_t index)
{
	struct json_reader r;
	struct spot s = {.value = absent};

	if (!enter(&r, parent))
		return s;
	for (size_t i = 0; i <= index; i++) {
		s = next_child(&r);
		if (s.value.kind == JSON_ERROR)
			break;
	}
	return s;
}

struct json_value json_child(struct json_value parent, size_t index, struct str *key)
{
	struct spot s = child_number(parent, index);

	if (key)
		*key = s.key.len ? (struct str){s.key.ptr + 1, s.key.len - 2} : (struct str){0};
	return s.value;
}

size_t json_count(struct json_value parent)
{
	struct json_reader r;
	size_t count = 0;

	if (!enter(&r, parent))
		return 0;
	while (next_child(&r).value.kind != JSON_ERROR)
		count++;
	return count;
}

static struct spot member_named(struct json_value object, struct str name)
{
	struct json_reader r;
	struct arena arena = {0};
	struct spot s = {.value = absent};

	if (object.kind != JSON_OBJECT || !enter(&r, object))
		return s;
	do {
		s = next_child(&r);
	} while (s.value.kind != JSON_ERROR &&
	         !str_equal(json_unescape((struct str){s.key.ptr + 1, s.key.len - 2}, &arena), name));
	arena_fini(&arena);
	return s;
}

/* Does element's member equal or end in what the step says? */
static bool element_matches(struct json_value element, struct str step)
{
	struct str wanted = step, name = str_cut(&wanted, '=');
	struct json_value member = member_named(element, name).value;
	struct arena arena = {0};

	if (member.kind != JSON_STRING)
		return false;
	struct str text = json_unescape((struct str){member.text.ptr + 1, member.text.len - 2}, &arena);
	bool matches = wanted.len && wanted.ptr[0] == '*'
	               ? str_ends_with(text, (struct str){wanted.ptr + 1, wanted.len - 1})
	               : str_equal(text, wanted);

	arena_fini(&arena);
	return matches;
}

static struct spot element_at(struct json_value array, struct str step)
{
	int64_t index;

	if (str_to_int64(step, &index))
		return index >= 0 ? child_number(array, (size_t)index) : (struct spot){.value = absent};
	if (!memchr(step.ptr ? step.ptr : "", '=', step.len))
		return (struct spot){.value = absent};
	for (size_t i = 0;; i++) {
		struct spot s = child_number(array, i);

		if (s.value.kind == JSON_ERROR || element_matches(s.value, step))
			return s;
	}
}

/* Takes "/step" off the pointer and resolves its escapes; false at the end or when it is too long. */
static bool take_step(const char **pointer, char out[STEP_MAX_BYTES])
{
	const char *p = *pointer;
	size_t len = 0;

	if (*p != '/')
		return false;
	for (p++; *p && *p != '/'; p++) {
		if (len == STEP_MAX_BYTES - 1)
			return false;
		if (*p == '~' && (p[1] == '0' || p[1] == '1'))
			out[len++] = *++p == '0' ? '~' : '/';
		else
			out[len++] = *p;
	}
	out[len] = '\0';
	*pointer = p;
	return true;
}

static struct spot step_into(struct json_value parent, const char *step)
{
	if (parent.kind == JSON_OBJECT)
		return member_named(parent, str_of(step));
	if (parent.kind == JSON_ARRAY)
		return element_at(parent, str_of(step));
	return (struct spot){.value = absent};
}

/* *parent gets the container of the last step, `last` that step's name. */
static struct spot find(struct str document, const char *pointer, struct json_value *parent, char last[STEP_MAX_BYTES])
{
	struct spot s = {.value = whole(document)};

	*parent = absent;
	last[0] = '\0';
	while (*pointer && s.value.kind != JSON_ERROR) {
		*parent = s.value;
		if (!take_step(&pointer, last)) {
			*parent = absent;
			return (struct spot){.value = absent};
		}
		s = step_into(s.value, last);
	}
	if (*pointer)
		*parent = absent;
	return s;
}

struct json_value json_at(struct str document, const char *pointer)
{
	struct json_value parent;
	char last[STEP_MAX_BYTES];

	return find(document, pointer, &parent, last).value;
}

bool json_number_at(struct str document, const char *pointer, double *out)
{
	struct json_value v = json_at(document, pointer);

	return v.kind == JSON_NUMBER && str_to_double(v.text, out);
}

bool json_int_at(struct str document, const char *pointer, int64_t *out)
{
	struct json_value v = json_at(document, pointer);

	return v.kind == JSON_NUMBER && str_to_int64(v.text, out);
}

bool json_bool_at(struct str document, const char *pointer, bool *out)
{
	struct json_value v = json_at(document, pointer);

	*out = v.kind == JSON_TRUE;
	return v.kind == JSON_TRUE || v.kind == JSON_FALSE;
}

bool json_text_at(struct str document, const char *pointer, char *out, size_t cap)
{
	struct json_value v = json_at(document, pointer);
	struct arena arena = {0};

	out[0] = '\0';
	if (v.kind != JSON_STRING)
		return false;
	struct str text = json_unescape((struct str){v.text.ptr + 1, v.text.len - 2}, &arena);
	size_t len = text.len < cap - 1 ? text.len : cap - 1;

	for (size_t i = 0; i < len; i++)
		out[i] = text.ptr[i] ? text.ptr[i] : '?';
	out[len] = '\0';
	arena_fini(&arena);
	return true;
}

static void add_member(struct str document, struct json_value object, const char *name, struct str value, struct buf *out)
{
	const char *end = object.text.ptr + object.text.len - 1; /* at the brace */

	buf_append(out, document.ptr, (size_t)(end - document.ptr));
	if (json_count(object))
		buf_append_c(out, ',');
	buf_append_json(out, str_of(name));
	buf_append_c(out, ':');
	buf_append_str(out, value);
	buf_append(out, end, (size_t)(document.ptr + document.len - end));
}

int json_put(struct str document, const char *pointer, struct str value, struct buf *out, struct err *err)
{
	struct json_value parent;
	char last[STEP_MAX_BYTES];
	struct spot s = find(document, pointer, &parent, last);

	if (s.value.kind != JSON_ERROR) {
		const char *behind = s.value.text.ptr + s.value.text.len;

		buf_append(out, document.ptr, (size_t)(s.value.text.ptr - document.ptr));
		buf_append_str(out, value);
		buf_append(out, behind, (size_t)(document.ptr + document.len - behind));
		return 0;
	}
	if (parent.kind != JSON_OBJECT)
		return err_set(err, "there is no %.200s in the document", pointer);
	add_member(document, parent, last, value, out);
	return 0;
}

void json_drop(struct str document, const char *pointer, struct buf *out)
{
	struct json_value parent;
	char last[STEP_MAX_BYTES];
	struct spot s = find(document, pointer, &parent, last);

	if (s.value.kind == JSON_ERROR || parent.kind != JSON_OBJECT) {
		buf_append_str(out, document);
		return;
	}
	const char *from = s.key.ptr, *to = s.value.text.ptr + s.value.text.len;
	const char *end = document.ptr + document.len;
	const char *comma = to;

	assert(from); /* a member of an object has a key */

	/* with the comma behind it, or else the one in front */
	while (comma < end && strchr(" \t\r\n", *comma) && *comma)
		comma++;
	if (comma < end && *comma == ',') {
		to = comma + 1;
	} else {
		while (from > parent.text.ptr + 1 && strchr(" \t\r\n", from[-1]))
			from--;
		if (from[-1] == ',')
			from--;
	}
	buf_append(out, document.ptr, (size_t)(from - document.ptr));
	buf_append(out, to, (size_t)(end - to));
}
