/* Members may come in any order: where one is needed before another, the scanner (a plain struct) is
 * copied at the earlier one and run again later. Labels live in an arena that is emptied after each
 * series. */
#include "parse/prometheus_answer.h"

#include <math.h>

#include "base/mem.h"
#include "parse/json.h"

struct reading {
	void (*sample)(void *arg, const struct prom_sample *s);
	void *arg;
	struct prom_answer *out;
	struct arena arena;
	struct prom_sample series;
};

/* The text of the next token, which must be a string; cut into `out`. */
static bool read_words(struct reading *r, struct json_reader *j, struct err *out)
{
	struct str text;

	if (json_next(j) != JSON_STRING)
		return false;
	text = json_text(j, &r->arena);
	err_set(out, "%.*s", (int)(text.len < 300 ? text.len : 300), text.len ? text.ptr : "");
	return true;
}

static bool read_labels(struct reading *r, struct json_reader *j)
{
	struct prom_sample *s = &r->series;
	enum json_token t;

	s->label_count = 0;
	s->name = s->family = (struct str){0};
	if (json_next(j) != JSON_OBJECT)
		return false;
	while ((t = json_next(j)) == JSON_KEY) {
		struct prom_label label = {.name = json_text(j, &r->arena)};
		if (json_next(j) != JSON_STRING)
			return false;
		label.value = json_text(j, &r->arena);
		if (str_equal_c(label.name, "__name__"))
			s->name = s->family = label.value;
		else if (s->label_count < PROM_LABELS_MAX)
			s->labels[s->label_count++] = label;
	}
	return t == JSON_OBJECT_END;
}

static bool read_value(struct str text, double *out)
{
	static const struct { const char *word; double value; } names[] = {
		{"NaN", NAN}, {"+Inf", INFINITY}, {"Inf", INFINITY}, {"-Inf", -INFINITY},
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (str_equal_c(text, names[i].word)) {
			*out = names[i].value;
			return true;
		}
	return str_to_double(text, out);
}

/* What follows "[" of [seconds, "value"]. */
static bool read_point_rest(struct reading *r, struct json_reader *j)
{
	struct prom_sample *s = &r->series;
	enum json_token t;

	if (json_next(j) != JSON_NUMBER || !str_to_scaled_int64(j->text, 6, &s->time_us))
		return false;
	t = json_next(j);
	if ((t != JSON_STRING && t != JSON_NUMBER) || !read_value(j->text, &s->value) || json_next(j) != JSON_ARRAY_END)
		return false;
	r->sample(r->arg, s);
	r->out->points++;
	return true;
}

static bool read_point(struct reading *r, struct json_reader *j)
{
	return json_next(j) == JSON_ARRAY && read_point_rest(r, j);
}

static bool read_points(struct reading *r, struct json_reader *j)
{
	enum json_token t;

	if (json_next(j) != JSON_ARRAY)
		return false;
	while ((t = json_next(j)) == JSON_ARRAY)
		if (!read_point_rest(r, j))
			return false;
	return t == JSON_ARRAY_END;
}

/* {"metric":{…},"value":[…]} or with "values"; its brace is read. */
static bool read_series(struct reading *r, struct json_reader *j)
{
	struct json_reader value = {0}, values = {0};
	enum json_token t;

	r->series = (struct prom_sample){.type = PROM_UNTYPED};
	while ((t = json_next(j)) == JSON_KEY) {
		struct str key = j->text;
		if (str_equal_c(key, "metric")) {
			if (!read_labels(r, j))
				return false;
			continue;
		}
		if (str_equal_c(key, "value"))
			value = *j;
		else if (str_equal_c(key, "values"))
			values = *j;
		if (!json_skip(j, JSON_KEY))
			return false;
	}
	if (t != JSON_OBJECT_END || (value.start && !read_point(r, &value)) || (values.start && !read_points(r, &values)))
		return false;
	arena_reset(&r->arena);
	return true;
}

/* "result": an array of series, or one point of a scalar. */
static bool read_result(struct reading *r, struct json_reader *j, struct str type)
{
	enum json_token t;

	r->series = (struct prom_sample){.type = PROM_UNTYPED};
	if (str_equal_c(type, "scalar"))
		return read_point(r, j);
	if (!str_equal_c(type, "vector") && !str_equal_c(type, "matrix")) {
		err_set(&r->out->error, "the query gives a %.*s, not numbers", (int)(type.len < 20 ? type.len : 20), type.len ? type.ptr : "");
		return true;
	}
	if (json_next(j) != JSON_ARRAY)
		return false;
	while ((t = json_next(j)) == JSON_OBJECT)
		if (!read_series(r, j))
			return false;
	return t == JSON_ARRAY_END;
}

static bool read_data(struct reading *r, struct json_reader *j)
{
	struct json_reader result = {0};
	struct str type = {0};
	enum json_token t = json_next(j);

	if (t == JSON_NULL)
		return true;
	if (t != JSON_OBJECT)
		return false;
	while ((t = json_next(j)) == JSON_KEY) {
		struct str key = j->text;
		if (str_equal_c(key, "resultType")) {
			if (json_next(j) != JSON_STRING)
				return false;
			type = j->text;
			continue;
		}
		if (str_equal_c(key, "result"))
			result = *j;
		if (!json_skip(j, JSON_KEY))
			return false;
	}
	return t == JSON_OBJECT_END && (!result.start || read_result(r, &result, type));
}

static bool read_warnings(struct reading *r, struct json_reader *j)
{
	enum json_token t = json_next(j);

	if (t == JSON_NULL)
		return true;
	if (t != JSON_ARRAY)
		return false;
	while ((t = json_next(j)) == JSON_STRING)
		if (!r->out->warning.text[0]) {
			struct str text = json_text(j, &r->arena);
			err_set(&r->out->warning, "%.*s", (int)(text.len < 300 ? text.len : 300), text.len ? text.ptr : "");
		}
	return t == JSON_ARRAY_END;
}

static bool read_answer(struct reading *r, struct json_reader *j)
{
	struct err error = {""};
	bool success = false;
	enum json_token t;

	if (json_next(j) != JSON_OBJECT)
		return false;
	while ((t = json_next(j)) == JSON_KEY) {
		struct str key = j->text;
		bool ok;
		if (str_equal_c(key, "status")) {
			ok = json_next(j) == JSON_STRING;
			success = ok && str_equal_c(j->text, "success");
		} else if (str_equal_c(key, "data"))
			ok = read_data(r, j);
		else if (str_equal_c(key, "error"))
			ok = read_words(r, j, &error);
		else if (str_equal_c(key, "warnings"))
			ok = read_warnings(r, j);
		else
			ok = json_skip(j, JSON_KEY);
		if (!ok)
			return false;
	}
	if (t != JSON_OBJECT_END)
		return false;
	if (!success)
		err_set(&r->out->error, "%s", error.text[0] ? error.text : "the server gives no reason");
	return true;
}

int prom_answer_read(struct str json, void (*sample)(void *, const struct prom_sample *), void *arg,
                     struct prom_answer *out, struct err *err)
{
	struct reading r = {.sample = sample, .arg = arg, .out = out};
	struct json_reader j;
	bool ok;

	*out = (struct prom_answer){0};
	json_init(&j, json);
	ok = read_answer(&r, &j) && json_next(&j) == JSON_END;
	arena_fini(&r.arena);
	if (ok)
		return 0;
	return err_set(err, "the answer is no answer of Prometheus's API (at byte %zu)", json_offset(&j));
}
