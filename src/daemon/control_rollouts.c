/* Bodies are small flat objects; what they hold is checked by the controller. */
#include "daemon/control_rollouts.h"

#include <string.h>

#include "base/mem.h"
#include "core/view.h"
#include "parse/json.h"

struct body {
	struct arena arena;
	struct str rollout, verb, shares, key, reason, claimed;
	struct view where;
};

static int read_where(struct json_reader *r, struct body *b, struct err *err)
{
	enum json_token t;

	while ((t = json_next(r)) == JSON_STRING) {
		if (view_add_filter(&b->where, json_text(r, &b->arena), err))
			return -1;
	}
	return t == JSON_ARRAY_END ? 0 : err_set(err, "where: it is a list of texts such as \"service=checkout\"");
}

static int read_member(struct json_reader *r, struct body *b, struct err *err)
{
	const struct {
		const char *name;
		struct str *into;
	} texts[] = {{"rollout", &b->rollout}, {"verb", &b->verb}, {"shares", &b->shares}, {"key", &b->key},
	             {"reason", &b->reason}, {"claimed", &b->claimed}};
	struct str name = json_text(r, &b->arena);
	enum json_token t = json_next(r);

	if (t == JSON_ARRAY && str_equal_c(name, "where"))
		return read_where(r, b, err);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!str_equal_c(name, texts[i].name))
			continue;
		if (t != JSON_STRING)
			return err_set(err, "%s: it must be a text", texts[i].name);
		*texts[i].into = json_text(r, &b->arena);
		if (memchr(texts[i].into->len ? texts[i].into->ptr : "", '\0', texts[i].into->len))
			return err_set(err, "%s: it must not hold a NUL character", texts[i].name);
		return 0;
	}
	return err_set(err, "rollouts: unknown member \"%.*s\"", (int)(name.len < 40 ? name.len : 40), name.len ? name.ptr : "");
}

/* False: the exchange was answered with what is wrong. */
static bool read_body(struct http_exchange *x, struct body *b)
{
	struct json_reader r;
	struct err err = {""};
	enum json_token t;

	*b = (struct body){.verb = {0}};
	json_init(&r, http_body(x));
	if (json_next(&r) != JSON_OBJECT) {
		err_set(&err, "rollouts: the body must be a JSON object");
	} else {
		while ((t = json_next(&r)) == JSON_KEY) {
			if (read_member(&r, b, &err))
				break;
		}
		if (t == JSON_OBJECT_END && json_next(&r) == JSON_END)
			return true;
		if (!err.text[0])
			err_set(&err, "rollouts: the body is not JSON: %s", r.error ? r.error : "it is cut short");
	}
	arena_fini(&b->arena);
	http_answer_error(x, 400, err.text);
	return false;
}

static void answer(struct http_exchange *x, struct buf *json)
{
	buf_append_c(json, '\n');
	http_answer(x, &(struct http_reply){.status = 200, .type = "application/json", .body = buf_str(json)});
}

static void finish(struct http_exchange *x, enum order_result result, struct buf *json, const struct err *err)
{
	static const int statuses[] = {[ORDER_BAD] = 400, [ORDER_UNKNOWN] = 404, [ORDER_BUSY] = 409};

	if (result == ORDER_OK)
		answer(x, json);
	else
		http_answer_error(x, statuses[result], err->text);
	buf_fini(json);
}

void control_rollouts_show(struct rollouts *r, struct http_exchange *x)
{
	struct buf json = {0};

	rollouts_json(r, &json);
	answer(x, &json);
	buf_fini(&json);
}

static struct rollout_order order_of(const struct body *b, const struct caller *caller)
{
	return (struct rollout_order){
		.rollout = b->rollout, .verb = b->verb, .shares = b->shares, .key = b->key, .reason = b->reason,
		.where = &b->where, .caller = caller,
	};
}

static void plan_told(void *arg, const struct buf *json, const char *error)
{
	struct http_exchange *x = arg;

	if (json)
		http_answer(x, &(struct http_reply){.status = 200, .type = "application/json", .body = buf_str(json)});
	else
		http_answer_error(x, 503, error);
}

void control_rollouts_plan(struct rollouts *r, struct http_exchange *x)
{
	struct err err = {""};
	struct caller caller;
	struct body b;

	if (!read_body(x, &b))
		return;
	caller_of(http_peer(x), b.claimed, &caller);
	struct rollout_order order = order_of(&b, &caller);
	enum order_result result = rollouts_plan(r, &order, plan_told, x, &err);
	struct buf none = {0};

	if (result != ORDER_OK)
		finish(x, result, &none, &err);
	arena_fini(&b.arena);
}

void control_rollouts_begin(struct rollouts *r, struct http_exchange *x)
{
	struct err err = {""};
	struct buf json = {0};
	struct caller caller;
	struct body b;

	if (!read_body(x, &b))
		return;
	caller_of(http_peer(x), b.claimed, &caller);
	struct rollout_order order = order_of(&b, &caller);

	finish(x, rollouts_begin(r, &order, &json, &err), &json, &err);
	arena_fini(&b.arena);
}

static void by_key(struct rollouts *r, struct http_exchange *x,
                   enum order_result (*does)(struct rollouts *r, struct str key, struct buf *json, struct err *err))
{
	struct err err = {""};
	struct buf json = {0};
	struct body b;

	if (!read_body(x, &b))
		return;
	finish(x, does(r, b.key, &json, &err), &json, &err);
	arena_fini(&b.arena);
}

void control_rollouts_beat(struct rollouts *r, struct http_exchange *x)
{
	by_key(r, x, rollouts_beat);
}

void control_rollouts_cancel(struct rollouts *r, struct http_exchange *x)
{
	by_key(r, x, rollouts_cancel);
}
