/* Messages come as JSON text in one attribute, or as one attribute for each message with a number in its
 * name; in log events they may also be structured values, of which the message in hand is written as JSON.
 * Of all the last one of the right role counts: a call repeats the conversation before it. */
#include "collect/otlp_texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "collect/judges.h"
#include "parse/json_edit.h"

#define MESSAGES_MAX 200
#define PART_MAX_BYTES ((size_t)EVENT_TEXT_MAX_BYTES * 2)

static struct str text_of(const struct otlp_value *v)
{
	return v && v->kind == OTLP_STRING ? v->text : (struct str){0};
}

/* The texts of a message: its content as a string, or the text parts of a list. */
static struct str message_text(struct str message, char *room)
{
	static const char *const lists[] = {"/parts", "/content"}, *const members[] = {"/content", "/text"};
	char type[32];
	size_t len = 0;

	if (json_text_at(message, "/content", room, PART_MAX_BYTES))
		return str_of(room);
	for (int l = 0; l < 2; l++) {
		struct json_value parts = json_at(message, lists[l]);

		for (size_t i = 0; i < json_count(parts) && i < 32 && len + 1 < PART_MAX_BYTES; i++) {
			struct str part = json_child(parts, i, NULL).text;

			if (json_text_at(part, "/type", type, sizeof type) && !strstr(type, "text"))
				continue; /* an image, a tool's call */
			if (json_text_at(part, members[0], room + len, PART_MAX_BYTES - len) ||
			    json_text_at(part, members[1], room + len, PART_MAX_BYTES - len))
				len += strlen(room + len);
		}
	}
	return (struct str){room, len};
}

/* The last message of that role in a JSON list (or in an object's `messages`); a plain text is itself. */
static struct str last_in_json(struct str text, const char *role, char *room)
{
	struct json_value list = json_at(text, ""), inner;
	struct str found = {0};
	char has[32];

	if (list.kind == JSON_ERROR)
		return text;
	if (list.kind == JSON_STRING)
		return json_text_at(text, "", room, PART_MAX_BYTES) ? str_of(room) : found;
	inner = json_at(text, "/messages");
	if (inner.kind == JSON_ARRAY)
		list = inner;
	if (list.kind == JSON_OBJECT)
		return message_text(list.text, room);
	for (size_t i = json_count(list); i-- > 0 && !found.len;) {
		struct str message = json_child(list, i, NULL).text;

		if (!json_text_at(message, "/role", has, sizeof has) || !strcmp(has, role))
			found = message_text(message, room);
	}
	return found;
}

/* Attributes named HEAD, a number, TAIL and a member: "llm.input_messages.0.message.content". */
struct numbered {
	const char *head, *tail;
};

static struct str numbered_text(struct otlp_attrs attrs, const struct numbered *n, int i, const char *member)
{
	char name[96];

	snprintf(name, sizeof name, "%s%d%s%s", n->head, i, n->tail, member);
	return text_of(otlp_find(attrs, name));
}

/* The last of that role. */
static struct str last_numbered(struct otlp_attrs attrs, const struct numbered *n, const char *role)
{
	struct str found = {0};

	for (int i = 0; i < MESSAGES_MAX; i++) {
		struct str has = numbered_text(attrs, n, i, "role"), content = numbered_text(attrs, n, i, "content");

		if (!content.len) /* of a list the first part */
			content = numbered_text(attrs, n, i, "contents.0.message_content.text");
		if (!content.len && !has.len)
			break;
		if (content.len && (!has.len || str_equal_c(has, role)))
			found = content;
	}
	return found;
}

static struct str find_text(struct otlp_attrs attrs, bool answer, char *room)
{
	static const char *const json[2][5] = {
		{"gen_ai.input.messages", "langfuse.observation.input", "ai.prompt.messages", "ai.prompt", "input.value"},
		{"gen_ai.output.messages", "langfuse.observation.output", "ai.response.text", "gen_ai.completion", "output.value"}};
	static const struct numbered numbered[2][2] = {{{"llm.input_messages.", ".message."}, {"gen_ai.prompt.", "."}},
	                                              {{"llm.output_messages.", ".message."}, {"gen_ai.completion.", "."}}};
	const char *role = answer ? "assistant" : "user";
	struct str found = {0};

	for (int i = 0; i < 2 && !found.len; i++)
		found = last_numbered(attrs, &numbered[answer][i], role);
	for (int i = 0; i < 5 && !found.len; i++) {
		struct str text = text_of(otlp_find(attrs, json[answer][i]));

		if (text.len)
			found = last_in_json(text, role, room);
	}
	return found;
}

void otlp_take_texts(struct batch *b, struct request *r, const struct otlp_span *span)
{
	char *room;

	if (!judges_keep_text())
		return;
	room = mem_alloc(PART_MAX_BYTES);
	r->question = judges_storable(b, find_text(span->attrs, false, room));
	r->answer = judges_storable(b, find_text(span->attrs, true, room));
	free(room);
}

/* ── log events ────────────────────────────────────────────────────────────────────────────── */

#define MESSAGE_MAX_BYTES ((size_t)256 << 10) /* as JSON */
#define TOGETHER 64 /* how far back in a batch the texts of the same span are looked for */

enum event_kind { EVENT_QUESTION, EVENT_CONTEXT, EVENT_ANSWER, EVENT_DETAILS };
static const struct text_event {
	const char *name;
	enum event_kind kind;
	const char *role;
} text_events[] = {
	{"gen_ai.user.message", EVENT_QUESTION, "user"},
	{"gen_ai.system.message", EVENT_CONTEXT, "system"},
	{"gen_ai.assistant.message", EVENT_CONTEXT, "assistant"},
	{"gen_ai.tool.message", EVENT_CONTEXT, "tool"},
	{"gen_ai.choice", EVENT_ANSWER, "assistant"},
	{"gen_ai.client.inference.operation.details", EVENT_DETAILS, ""},
};

static const struct text_event *find_event(struct str name)
{
	for (size_t i = 0; i < sizeof text_events / sizeof *text_events; i++)
		if (str_equal_c(name, text_events[i].name))
			return &text_events[i];
	return NULL;
}

bool otlp_is_text_event(struct str event)
{
	return find_event(event) != NULL;
}

/* Depth is bounded by OTLP_DEPTH_MAX, the length here: what is longer ends unfinished, and is no JSON. */
static void put_json(struct buf *out, const struct otlp_value *v)
{
	bool map = v->kind == OTLP_MAP;

	if (out->len > MESSAGE_MAX_BYTES)
		return;
	if (v->kind == OTLP_STRING) {
		buf_append_json(out, (struct str){v->text.ptr, v->text.len < PART_MAX_BYTES ? v->text.len : PART_MAX_BYTES});
	} else if (map || v->kind == OTLP_ARRAY) {
		buf_append_c(out, map ? '{' : '[');
		for (size_t i = 0; i < v->count && out->len <= MESSAGE_MAX_BYTES; i++) {
			if (i)
				buf_append_c(out, ',');
			if (map) {
				buf_append_json(out, v->attrs[i].key);
				buf_append_c(out, ':');
			}
			put_json(out, map ? &v->attrs[i].value : &v->items[i]);
		}
		buf_append_c(out, map ? '}' : ']');
	} else if (v->kind == OTLP_INT) {
		buf_printf(out, "%lld", (long long)v->integer);
	} else {
		buf_puts(out, "null"); /* a number or a truth says nothing here */
	}
}

static const struct otlp_value *member(const struct otlp_value *map, const char *key)
{
	return map->kind == OTLP_MAP ? otlp_find((struct otlp_attrs){map->attrs, map->count}, key) : NULL;
}

/* The texts of one message: a text itself, a structure with content, or parts in a list. */
static struct str value_text(const struct otlp_value *v, char *room)
{
	struct buf json = {0};
	struct str found = {0};

	if (v->kind == OTLP_STRING)
		return v->text;
	if (v->kind == OTLP_ARRAY)
		buf_puts(&json, "{\"parts\":");
	put_json(&json, v);
	if (v->kind == OTLP_ARRAY)
		buf_puts(&json, "}");
	if (json.len <= MESSAGE_MAX_BYTES)
		found = message_text(buf_str(&json), room);
	buf_fini(&json);
	return found;
}

static void add_context(struct batch *b, struct late_text *t, struct str role, struct str text)
{
	struct str kept = judges_storable(b, text);
	struct buf line = {0};

	if (!kept.len)
		return;
	if (t->context.len)
		buf_printf(&line, "%.*s\n", STR_ARG(t->context));
	buf_printf(&line, "%.*s: %.*s", STR_ARG(role), STR_ARG(kept));
	t->context = batch_text(b, buf_str(&line), EVENT_TEXT_MAX_BYTES);
	buf_fini(&line);
}

static void set_text(struct batch *b, struct str *place, struct str text)
{
	struct str kept = judges_storable(b, text);

	if (kept.len)
		*place = kept;
}

/* One message of a list by its role; of the question's role only the last one is kept. */
static void take_message(struct batch *b, struct late_text *t, bool answer, struct str role, struct str text)
{
	if (answer || str_equal_c(role, "user"))
		set_text(b, answer ? &t->answer : &t->question, text);
	else
		add_context(b, t, role, text);
}

/* The messages of gen_ai.input.messages or gen_ai.output.messages: structured, or JSON as text. */
static void take_list(struct batch *b, struct late_text *t, const struct otlp_value *list, bool answer, char *room)
{
	struct json_value all;
	char role[32];

	if (!list)
		return;
	for (size_t i = 0; list->kind == OTLP_ARRAY && i < list->count; i++)
		take_message(b, t, answer, text_of(member(&list->items[i], "role")), value_text(&list->items[i], room));
	if (list->kind != OTLP_STRING)
		return;
	all = json_at(list->text, "");
	for (size_t i = 0; i < json_count(all) && i < MESSAGES_MAX; i++) {
		struct str message = json_child(all, i, NULL).text;

		json_text_at(message, "/role", role, sizeof role);
		take_message(b, t, answer, str_of(role), message_text(message, room));
	}
}

static void take_details(struct batch *b, struct late_text *t, struct otlp_attrs attrs, char *room)
{
	const struct otlp_value *system = otlp_find(attrs, "gen_ai.system_instructions");
	struct buf parts = {0};

	if (system && system->kind == OTLP_STRING) {
		buf_printf(&parts, "{\"parts\":%.*s}", STR_ARG(system->text));
		add_context(b, t, STR_LIT("system"), message_text(buf_str(&parts), room));
	} else if (system) {
		add_context(b, t, STR_LIT("system"), value_text(system, room));
	}
	buf_fini(&parts);
	take_list(b, t, otlp_find(attrs, "gen_ai.input.messages"), false, room);
	take_list(b, t, otlp_find(attrs, "gen_ai.output.messages"), true, room);
}

/* A body of its own, or attributes in its stead. Of several choices the first one is the answer. */
static void take_one(struct batch *b, struct late_text *t, const struct text_event *event, const struct otlp_log *log, char *room)
{
	const struct otlp_value attrs = {.kind = OTLP_MAP, .attrs = log->attrs.list, .count = log->attrs.count};
	const struct otlp_value *said = log->body.kind == OTLP_EMPTY ? &attrs : &log->body;
	const struct otlp_value *index = member(said, "index"), *message = member(said, "message");
	struct str text;

	if (event->kind == EVENT_ANSWER && index && index->kind == OTLP_INT && index->integer != 0)
		return;
	text = value_text(message ? message : said, room);
	if (event->kind == EVENT_CONTEXT)
		add_context(b, t, str_of(event->role), text);
	else
		set_text(b, event->kind == EVENT_QUESTION ? &t->question : &t->answer, text);
}

static struct late_text *text_of_span(struct batch *b, const struct otlp_log *log)
{
	struct late_text *t;

	for (size_t i = b->late_text_count, n = 0; i-- > 0 && n < TOGETHER; n++) {
		t = &b->late_texts[i];
		if (!memcmp(t->trace_id, log->trace_id, sizeof t->trace_id) && !memcmp(t->span_id, log->span_id, sizeof t->span_id))
			return t;
	}
	t = batch_add_late_text(b);
	t->time_us = log->time_ns / 1000;
	memcpy(t->trace_id, log->trace_id, sizeof t->trace_id);
	memcpy(t->span_id, log->span_id, sizeof t->span_id);
	return t;
}

bool otlp_take_text_event(struct batch *b, const struct otlp_log *log, struct str name)
{
	const struct text_event *event = find_event(name);
	char *room;

	if (!event || !judges_keep_text())
		return true;
	if (!log->has_trace || !log->has_span)
		return false;
	struct late_text *t = text_of_span(b, log);

	room = mem_alloc(PART_MAX_BYTES);
	if (event->kind == EVENT_DETAILS)
		take_details(b, t, log->attrs, room);
	else
		take_one(b, t, event, log, room);
	free(room);
	if (!t->question.len && !t->answer.len && !t->context.len && t == &b->late_texts[b->late_text_count - 1])
		b->late_text_count--; /* its content was not sent */
	return true;
}
