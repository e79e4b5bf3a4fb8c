/* A placeholder is a word in braces; any other brace stands for itself, as JSON is full of them. */
#include "act/http_template.h"

#include <math.h>
#include <string.h>

#include "parse/json.h"

enum kind { VALUE_UNKNOWN = 0, VALUE_TEXT, VALUE_JSON };

void template_number(struct buf *out, double number)
{
	if (fabs(number - nearbyint(number)) < 1e-9)
		buf_printf(out, "%.0f", nearbyint(number));
	else
		buf_printf(out, "%.6g", number);
}

static int arm_named(const struct template_values *v, struct str name)
{
	for (size_t i = 0; i < v->env->arm_count; i++) {
		if (str_equal_c(name, v->env->arms[i].role) || str_equal_c(name, v->env->arms[i].deployment))
			return (int)i;
	}
	return -1;
}

static void traffic(const struct template_values *v, struct buf *out)
{
	buf_append_c(out, '{');
	for (size_t i = 0; i < v->env->arm_count; i++) {
		if (i)
			buf_append_c(out, ',');
		buf_append_json(out, str_of(lineup_name(v->lineup, i)));
		buf_append_c(out, ':');
		template_number(out, v->parts[i]);
	}
	buf_append_c(out, '}');
}

static void arms(const struct template_values *v, struct buf *out)
{
	buf_append_c(out, '[');
	for (size_t i = 0; i < v->env->arm_count; i++) {
		buf_puts(out, i ? ",{\"deployment\":" : "{\"deployment\":");
		buf_append_json(out, str_of(v->env->arms[i].deployment));
		buf_puts(out, ",\"name\":");
		buf_append_json(out, str_of(lineup_name(v->lineup, i)));
		buf_puts(out, ",\"percent\":");
		template_number(out, ask_percent(v->ask, v->env->arms[i].deployment));
		buf_append_c(out, '}');
	}
	buf_append_c(out, ']');
}

static enum kind plain_value(struct str word, const struct template_values *v, struct buf *out)
{
	const struct {
		const char *name, *value;
	} plain[] = {{"rollout", v->env->rollout}, {"target", v->env->target}, {"verb", act_verb_name(v->ask->verb)},
	             {"key", v->ask->key}, {"actor", v->ask->actor}, {"reason", v->ask->reason}};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (!str_equal_c(word, plain[i].name))
			continue;
		buf_puts(out, plain[i].value ? plain[i].value : "");
		return VALUE_TEXT;
	}
	return VALUE_UNKNOWN;
}

static enum kind arm_value(struct str word, const struct template_values *v, struct buf *out)
{
	static const struct {
		struct str end;
		bool part;
	} numbers[] = {{{".percent", 8}, false}, {{".weight", 7}, true}};
	int arm = arm_named(v, word);

	if (arm >= 0) {
		buf_puts(out, lineup_name(v->lineup, (size_t)arm));
		return VALUE_TEXT;
	}
	for (size_t i = 0; i < 2; i++) {
		if (!str_ends_with(word, numbers[i].end))
			continue;
		arm = arm_named(v, (struct str){word.ptr, word.len - numbers[i].end.len});
		if (arm < 0)
			return VALUE_UNKNOWN;
		template_number(out, numbers[i].part ? v->parts[arm] : ask_percent(v->ask, v->env->arms[arm].deployment));
		return VALUE_JSON;
	}
	return VALUE_UNKNOWN;
}

static enum kind value_of(struct str word, const struct template_values *v, struct buf *out)
{
	enum kind kind = plain_value(word, v, out);

	if (kind != VALUE_UNKNOWN)
		return kind;
	if (str_equal_c(word, "traffic") || str_equal_c(word, "arms")) {
		if (word.ptr[0] == 't')
			traffic(v, out);
		else
			arms(v, out);
		return VALUE_JSON;
	}
	return arm_value(word, v, out);
}

/* The word in braces at `p`, empty when there is none. */
static struct str placeholder_at(const char *p)
{
	size_t len = 0;

	if (*p == '{')
		len = strspn(p + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
	return len && p[len + 1] == '}' ? (struct str){p + 1, len} : (struct str){0};
}

static int unknown(struct str word, struct err *err)
{
	return err_set(err, "{%.*s} is no placeholder: {rollout}, {target}, {verb}, {key}, {actor}, {reason}, {stable}, "
	               "{candidate}, with .percent or .weight, {traffic}, {arms}", STR_ARG(word));
}

static void append_url(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-_.~", c));

		if (safe)
			buf_append_c(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

int template_url(const char *text, const struct template_values *v, struct buf *out, struct err *err)
{
	for (const char *p = text; *p;) {
		struct str word = placeholder_at(p);
		struct buf value = {0};

		if (!word.len) {
			buf_append_c(out, *p++);
			continue;
		}
		enum kind kind = value_of(word, v, &value);

		append_url(out, buf_str(&value));
		buf_fini(&value);
		if (kind == VALUE_UNKNOWN)
			return unknown(word, err);
		p += word.len + 2;
	}
	buf_append_c(out, '\0');
	out->len--;
	return 0;
}

static void append_in_string(struct buf *out, struct str s)
{
	struct buf quoted = {0};

	buf_append_json(&quoted, s);
	buf_append(out, quoted.data + 1, quoted.len - 2);
	buf_fini(&quoted);
}

/* At the quote that opens a string: the whole string is one placeholder of a JSON value. */
static bool takes_whole_string(const char *p, const struct template_values *v, struct buf *out, size_t *used)
{
	struct str word = placeholder_at(p + 1);
	struct buf value = {0};

	if (!word.len || p[word.len + 3] != '"')
		return false;
	bool json = value_of(word, v, &value) == VALUE_JSON;

	if (json) {
		buf_append_str(out, buf_str(&value));
		*used = word.len + 4;
	}
	buf_fini(&value);
	return json;
}

int template_body(const char *text, const struct template_values *v, struct buf *out, struct err *err)
{
	bool in_string = false;
	size_t used = 0;

	for (const char *p = text; *p;) {
		struct str word = in_string ? placeholder_at(p) : (struct str){0};
		struct buf value = {0};

		if (!in_string && *p == '"' && takes_whole_string(p, v, out, &used)) {
			p += used;
			continue;
		}
		if (in_string && *p == '\\' && p[1]) {
			buf_append(out, p, 2);
			p += 2;
			continue;
		}
		if (!word.len) {
			in_string ^= *p == '"';
			buf_append_c(out, *p++);
			continue;
		}
		enum kind kind = value_of(word, v, &value);

		append_in_string(out, buf_str(&value));
		buf_fini(&value);
		if (kind == VALUE_UNKNOWN)
			return unknown(word, err);
		p += word.len + 2;
	}
	return json_check(buf_str(out), err) ? 0 : err_wrap(err, "the body is not JSON");
}

void template_pointer(const char *text, const char *arm_name, struct buf *out)
{
	for (const char *p = text; *p;) {
		if (strncmp(p, "{arm}", 5) != 0) {
			buf_append_c(out, *p++);
			continue;
		}
		for (const char *n = arm_name; *n; n++)
			buf_puts(out, *n == '~' ? "~0" : *n == '/' ? "~1" : (char[]){*n, '\0'});
		p += 5;
	}
	buf_append_c(out, '\0');
	out->len--;
}
