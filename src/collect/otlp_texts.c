/* Messages come as JSON text in one attribute, or as one attribute for each message with a number in its
 * name. Of either the last one of the right role counts: a call repeats the conversation before it. */
#include "collect/otlp_texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

	r->response_id = batch_text(b, text_of(otlp_find(span->attrs, "gen_ai.response.id")), EVENT_NAME_MAX_BYTES);
	if (!judges_keep_text())
		return;
	room = mem_alloc(PART_MAX_BYTES);
	r->question = judges_storable(b, find_text(span->attrs, false, room));
	r->answer = judges_storable(b, find_text(span->attrs, true, room));
	free(room);
}
