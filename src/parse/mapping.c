/* Every column (a CSV heading, or the path of a JSON member) is looked up once and then known by its
 * number. In JSON each column remembers which one followed it last time, so that rows of one shape
 * cost one comparison of names a member. Each field notes the rank of the column that filled it in
 * this row: --set beats --map beats the preset beats a field's own name beats an alias. Texts that
 * repeat (service, model …) are copied into a batch once: each text column has a small memo. */
#include "parse/mapping.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "parse/convert.h"
#include "parse/json.h"

enum {
	RANK_SET = 255,
	RANK_MAP = 254,
	RANK_PRESET_FIRST = 250, /* and down to 150 by the row's place in the preset */
	MEMO_SLOTS = 64,
	COLUMNS_MAX = 4096,
	NESTING_MAX = 8, /* members deeper inside are ignored */
};
#define NOT_MAPPED (-1)
#define TIME_UNSET INT64_MIN

struct memo_slot {
	uint64_t batch; /* number of the batch whose arena holds `kept` */
	struct str kept;
};
struct column {
	struct str path;      /* "usage.prompt_tokens" */
	struct str name;      /* its last part: the JSON key */
	uint32_t parent;      /* 0: the row itself, else column number + 1 */
	uint32_t next;        /* number + 1 of the column that followed last time */
	int field;            /* enum field, or NOT_MAPPED */
	int tag;              /* 0-7 for tag.NAME, else -1 */
	enum field_unit unit;
	uint8_t rank;
	bool inner;           /* something below it is or may be mapped */
	bool seen_value;      /* a scalar stood here: an ignored column worth naming */
	struct memo_slot *memo;
};
struct map_rule {
	struct str column;
	int field, tag;
	enum field_unit unit;
	uint8_t rank;
	bool used;
};
struct set_rule {
	int field, tag;
	struct str value;
};

struct mapping {
	struct arena arena;
	enum row_kind kind;
	const struct preset *preset;
	struct map_rule *rules;
	size_t rule_count, rule_cap;
	struct set_rule *sets;
	size_t set_count, set_cap;
	struct str tags[TAG_MAX];
	size_t tag_count;
	struct time_reading times;
	struct str source;
	struct column *columns;
	size_t column_count, column_cap;
	struct strmap by_path;
	size_t *csv_columns; /* heading's place -> column number */
	size_t csv_count;
	enum field_unit score_unit;
	uint64_t batch;
	struct arena scratch; /* unescaped values of one row */
};

/* A row while it is put together. */
struct row {
	struct mapping *m;
	struct batch *batch;
	void *event;
	struct str whole;
	struct reject *why;
	uint32_t last; /* column number + 1 of the member before */
	int64_t time_us, end_us, first_token_us;
	bool has_status, has_trace;
	struct flag flags[FLAGS_PER_REQUEST_MAX];
	uint32_t flag_count;
	uint8_t rank[FIELD_COUNT_ALL];
	uint8_t tag_rank[TAG_MAX];
};

static struct str keep(struct mapping *m, struct str s)
{
	return (struct str){arena_copy(&m->arena, s.ptr, s.len), s.len};
}

/* ---- rules ---- */

/* "model" or "tag.NAME" to field or tag number. */
static int field_or_tag(const struct mapping *m, struct str name, int *field, int *tag, struct err *err)
{
	enum field found;

	*field = NOT_MAPPED;
	*tag = -1;
	if (str_starts_with(name, STR_LIT("tag.")) && m->kind == ROW_REQUEST) {
		struct str tail = {name.ptr + 4, name.len - 4};
		for (size_t i = 0; i < m->tag_count; i++)
			if (str_equal(m->tags[i], tail)) {
				*tag = (int)i;
				return 0;
			}
		return err_set(err, "%.*s: no such tag: declare it under `tags:` in the config", STR_ARG(name));
	}
	if (field_from_name(m->kind, name, &found)) {
		*field = (int)found;
		return 0;
	}
	struct buf known = {0};
	for (int i = 0; i < FIELD_COUNT_ALL; i++)
		if (fields[i].kind == m->kind)
			buf_printf(&known, "%s%s", known.len ? ", " : "", fields[i].name);
	err_set(err, "%.*s: no such field of a %s row: use one of %s", STR_ARG(name),
	        row_kind_name(m->kind), known.data);
	buf_fini(&known);
	return -1;
}

static struct map_rule *add_rule(struct mapping *m)
{
	m->rules = mem_grow(m->rules, &m->rule_cap, m->rule_count + 1, sizeof *m->rules);
	struct map_rule *rule = &m->rules[m->rule_count++];
	*rule = (struct map_rule){.field = NOT_MAPPED, .tag = -1};
	return rule;
}

static int add_map(struct mapping *m, const char *text, struct err *err)
{
	struct str column = str_of(text), name = str_cut(&column, '=');

	if (!column.len)
		return err_set(err, "--map %s: not of the form FIELD=COLUMN[:UNIT]", text);
	struct map_rule *rule = add_rule(m);
	rule->rank = RANK_MAP;
	if (field_or_tag(m, str_trim(name), &rule->field, &rule->tag, err) != 0)
		return err_wrap(err, "--map %s", text);
	const char *colon = memrchr(column.ptr, ':', column.len);
	if (colon) {
		struct str unit = {colon + 1, (size_t)(column.ptr + column.len - colon - 1)};
		if (field_unit_from_name(unit, &rule->unit))
			column.len = (size_t)(colon - column.ptr);
	}
	if (rule->unit && rule->field != NOT_MAPPED) {
		enum field_type type = fields[rule->field].type;
		bool timed = type == FIELD_TIME || type == FIELD_DURATION;
		if (rule->unit >= UNIT_SIGNED ? type != FIELD_SCORE : !timed)
			return err_set(err, "--map %s: %s takes no unit %s", text, fields[rule->field].name,
			               field_unit_name(rule->unit));
	}
	rule->column = keep(m, column);
	return 0;
}

static int add_set(struct mapping *m, const char *text, struct err *err)
{
	struct str value = str_of(text), name = str_cut(&value, '=');

	if (!memchr(text, '=', strlen(text)))
		return err_set(err, "--set %s: not of the form FIELD=VALUE", text);
	m->sets = mem_grow(m->sets, &m->set_cap, m->set_count + 1, sizeof *m->sets);
	struct set_rule *rule = &m->sets[m->set_count++];
	if (field_or_tag(m, str_trim(name), &rule->field, &rule->tag, err) != 0)
		return err_wrap(err, "--set %s", text);
	rule->value = keep(m, value);
	return 0;
}

static void add_preset(struct mapping *m)
{
	uint8_t rank = RANK_PRESET_FIRST;

	for (const struct preset_row *p = m->preset->rows; p->column; p++) {
		struct map_rule *rule = add_rule(m);
		rule->field = (int)p->field;
		rule->unit = p->unit;
		rule->column = str_of(p->column);
		rule->rank = rank--;
	}
}

static bool set_value_ok(struct mapping *m, const struct set_rule *rule, struct err *err);

int mapping_new(struct mapping **out, const struct mapping_options *o, struct err *err)
{
	struct mapping *m = mem_zalloc(sizeof *m);
	int result = -1;

	m->kind = o->kind;
	m->preset = o->preset;
	m->times = (struct time_reading){.tz = o->tz, .has_origin = o->has_origin, .origin_us = o->origin_us};
	m->source = keep(m, o->source);
	m->batch = 1;
	m->score_unit = UNIT_SIGNED;
	m->tag_count = o->tag_count > TAG_MAX ? TAG_MAX : o->tag_count;
	for (size_t i = 0; i < m->tag_count; i++)
		m->tags[i] = keep(m, str_of(o->tags[i]));
	for (size_t i = 0; i < o->map_count; i++)
		if (add_map(m, o->maps[i], err) != 0)
			goto out;
	if (m->preset)
		add_preset(m);
	for (size_t i = 0; i < o->set_count; i++) {
		if (add_set(m, o->sets[i], err) != 0)
			goto out;
		if (!set_value_ok(m, &m->sets[i], err))
			goto out;
	}
	for (size_t i = 0; i < m->rule_count; i++)
		if (m->rules[i].unit >= UNIT_SIGNED)
			m->score_unit = m->rules[i].unit;
	result = 0;
out:
	if (result != 0)
		mapping_free(&m);
	*out = m;
	return result;
}

void mapping_free(struct mapping **mp)
{
	struct mapping *m = *mp;

	if (!m)
		return;
	for (size_t i = 0; i < m->column_count; i++)
		free(m->columns[i].memo);
	free(m->columns);
	free(m->rules);
	free(m->sets);
	free(m->csv_columns);
	strmap_fini(&m->by_path);
	arena_fini(&m->arena);
	arena_fini(&m->scratch);
	free(m);
	*mp = NULL;
}

enum field_unit mapping_score_unit(const struct mapping *m)
{
	return m->score_unit;
}

void mapping_batch_done(struct mapping *m)
{
	m->batch++;
}

/* ---- columns ---- */

static bool bare_equal(struct str a, struct str b)
{
	char bare_a[FIELD_NAME_BYTES], bare_b[FIELD_NAME_BYTES];

	field_bare_name(bare_a, sizeof bare_a, a);
	field_bare_name(bare_b, sizeof bare_b, b);
	return strcmp(bare_a, bare_b) == 0;
}

/* The rule for a path: exactly as written first, then in bare form. */
static struct map_rule *find_rule(struct mapping *m, struct str path)
{
	for (size_t i = 0; i < m->rule_count; i++)
		if (str_equal(m->rules[i].column, path))
			return &m->rules[i];
	for (size_t i = 0; i < m->rule_count; i++)
		if (bare_equal(m->rules[i].column, path))
			return &m->rules[i];
	return NULL;
}

/* Whether the text of this column may be JSON with mapped members (a preset or --map says so). */
static bool has_rules_below(const struct mapping *m, struct str path)
{
	for (size_t i = 0; i < m->rule_count; i++) {
		struct str column = m->rules[i].column;
		if (column.len > path.len && column.ptr[path.len] == '.' &&
		    str_equal_nocase((struct str){column.ptr, path.len}, path))
			return true;
	}
	return false;
}

static int tag_of_column(const struct mapping *m, struct str path)
{
	if (m->kind != ROW_REQUEST)
		return -1;
	if (str_starts_with(path, STR_LIT("tag.")))
		path = (struct str){path.ptr + 4, path.len - 4};
	else if (str_starts_with(path, STR_LIT("tags.")))
		path = (struct str){path.ptr + 5, path.len - 5};
	for (size_t i = 0; i < m->tag_count; i++)
		if (str_equal(m->tags[i], path))
			return (int)i;
	return -1;
}

/* Decides what a new column means. */
static void resolve_column(struct mapping *m, struct column *c)
{
	struct map_rule *rule = find_rule(m, c->path);
	enum field field;

	c->field = NOT_MAPPED;
	c->tag = -1;
	c->inner = has_rules_below(m, c->path);
	if (rule) {
		rule->used = true;
		c->field = rule->field;
		c->tag = rule->tag;
		c->unit = rule->unit;
		c->rank = rule->rank;
	} else if (field_guess(m->kind, c->path, m->preset != NULL, &field, &c->unit, &c->rank)) {
		c->field = (int)field;
	} else {
		c->tag = tag_of_column(m, c->path);
		c->rank = 100;
	}
	if (c->field != NOT_MAPPED && c->unit == UNIT_NONE)
		c->unit = fields[c->field].unit;
	if (c->field != NOT_MAPPED && fields[c->field].type == FIELD_SCORE)
		c->unit = m->score_unit;
	bool text = c->tag >= 0 || (c->field != NOT_MAPPED && fields[c->field].type == FIELD_TEXT);
	if (text)
		c->memo = mem_zalloc(MEMO_SLOTS * sizeof *c->memo);
}

/* The number of a column, added when it is new; COLUMNS_MAX when there are too many. */
static size_t column_number(struct mapping *m, struct str path, struct str name, uint32_t parent)
{
	uint32_t number;

	if (strmap_get(&m->by_path, path, &number))
		return number;
	if (m->column_count == COLUMNS_MAX)
		return COLUMNS_MAX;
	m->columns = mem_grow(m->columns, &m->column_cap, m->column_count + 1, sizeof *m->columns);
	struct column *c = &m->columns[m->column_count];
	*c = (struct column){.path = keep(m, path), .parent = parent};
	c->name = (struct str){c->path.ptr + path.len - name.len, name.len};
	resolve_column(m, c);
	strmap_put(&m->by_path, path, (uint32_t)m->column_count);
	return m->column_count++;
}

/* The column of member `key` inside `parent`; NULL when there are too many. */
static struct column *member_column(struct row *row, uint32_t parent, struct str key)
{
	struct mapping *m = row->m;
	uint32_t *next = row->last ? &m->columns[row->last - 1].next : NULL;

	if (next && *next) {
		struct column *c = &m->columns[*next - 1];
		if (c->parent == parent && str_equal(c->name, key)) {
			row->last = *next;
			return c;
		}
	}
	struct str path = key;
	if (parent) {
		struct str head = m->columns[parent - 1].path;
		char *joined = arena_alloc(&m->scratch, head.len + 1 + key.len);
		memcpy(joined, head.ptr, head.len);
		joined[head.len] = '.';
		memcpy(joined + head.len + 1, key.ptr, key.len);
		path = (struct str){joined, head.len + 1 + key.len};
	}
	size_t number = column_number(m, path, key, parent);
	if (number == COLUMNS_MAX)
		return NULL;
	if (m->columns[number].parent != parent || !str_equal(m->columns[number].name, key)) {
		/* "a.b" as one key and as a path: one column serves both, without the short cut. */
		row->last = 0;
		return &m->columns[number];
	}
	if (row->last)
		m->columns[row->last - 1].next = (uint32_t)number + 1;
	row->last = (uint32_t)number + 1;
	return &m->columns[number];
}

/* ---- values ---- */

/* Fills in the reason with the field's name and the value, made harmless and short. */
static bool reject_value(struct row *row, const char *name, struct str value, const char *reason)
{
	char shown[64];

	if (!row->why)
		return false;
	if (value.len > 40)
		value.len = 40;
	text_harmless(shown, sizeof shown, value);
	snprintf(row->why->reason, sizeof row->why->reason, "%s: \"%s\" %s", name, shown, reason);
	return false;
}

static bool reject_row(struct reject *why, size_t offset, const char *fmt, size_t a, size_t b)
{
	why->offset = offset;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(why->reason, sizeof why->reason, fmt, a, b);
#pragma GCC diagnostic pop
	return false;
}

/* A text in the batch, from the column's memo when it was there before. */
static struct str batch_name(struct row *row, const struct column *c, struct str s)
{
	if (!c || !c->memo)
		return batch_text(row->batch, s, EVENT_NAME_MAX_BYTES);
	uint64_t h = s.len;
	for (size_t i = s.len > 8 ? s.len - 8 : 0; i < s.len; i++)
		h = h * 31 + (unsigned char)s.ptr[i];
	struct memo_slot *slot = &c->memo[(h ^ h >> 7) % MEMO_SLOTS];
	if (slot->batch == row->m->batch && str_equal(slot->kept, s))
		return slot->kept;
	struct str kept = batch_text(row->batch, s, EVENT_NAME_MAX_BYTES);
	if (kept.len == s.len)
		*slot = (struct memo_slot){row->m->batch, kept};
	return kept;
}

static const char *set_time(struct row *row, int field, struct str s, enum field_unit unit)
{
	int64_t us;
	const char *why = convert_time(&row->m->times, s, unit, &us);

	if (why)
		return why;
	if (field == FIELD_REQ_END_TIME || field == FIELD_BILL_TO)
		row->end_us = us;
	else if (field == FIELD_REQ_FIRST_TOKEN_TIME)
		row->first_token_us = us;
	else
		row->time_us = us;
	return NULL;
}

/* "name:value" or "name=value" for a configured tag. */
static void set_tag_pair(struct row *row, struct str s, uint8_t rank)
{
	const char *mark = NULL;

	for (size_t i = 0; i < s.len && !mark; i++)
		if (s.ptr[i] == ':' || s.ptr[i] == '=')
			mark = s.ptr + i;
	if (!mark)
		return;
	struct str name = str_trim((struct str){s.ptr, (size_t)(mark - s.ptr)});
	struct str value = str_trim((struct str){mark + 1, (size_t)(s.ptr + s.len - mark - 1)});
	struct request *r = row->event;
	for (size_t i = 0; i < row->m->tag_count; i++)
		if (str_equal(row->m->tags[i], name) && rank >= row->tag_rank[i] && value.len) {
			row->tag_rank[i] = rank;
			r->attrs[ATTR_TAG0 + i] = batch_text(row->batch, value, EVENT_NAME_MAX_BYTES);
		}
}

static const char *set_list(struct row *row, enum field_type type, struct str s, uint8_t rank);

/* The special fields: those that are no plain member of the event. */
static const char *set_special(struct row *row, int field, struct str s, enum field_unit unit, uint8_t rank)
{
	struct request *r = row->event;
	struct feedback *f = row->event;

	switch (fields[field].type) {
	case FIELD_TIME:
		return set_time(row, field, s, unit);
	case FIELD_STATUS:
		row->has_status = true;
		return convert_status(s, &r->status, &r->http_status);
	case FIELD_TRACE_ID:
		if (row->m->kind == ROW_REQUEST)
			r->has_trace = convert_trace_id(s, r->trace_id);
		else
			f->has_trace = convert_trace_id(s, f->trace_id);
		return NULL;
	case FIELD_SPAN_ID:
		r->has_span = convert_span_id(s, r->span_id);
		return NULL;
	case FIELD_MONEY:
		if (row->m->kind == ROW_REQUEST)
			r->cost_source = COST_REPORTED;
		else
			((struct billing *)row->event)->cost_known = true;
		return convert_money(s, (int64_t *)((char *)row->event + fields[field].offset));
	default:
		return set_list(row, fields[field].type, s, rank);
	}
}

static const char *set_field(struct row *row, const struct column *c, int field, struct str s,
                             enum field_unit unit, uint8_t rank)
{
	void *place = (char *)row->event + fields[field].offset;
	int64_t number;
	const char *why;

	switch (fields[field].type) {
	case FIELD_TEXT:
		*(struct str *)place = batch_name(row, c, s);
		return NULL;
	case FIELD_LONG_TEXT:
		*(struct str *)place = batch_text(row->batch, s, EVENT_TEXT_MAX_BYTES);
		return NULL;
	case FIELD_DURATION:
		return convert_duration(s, unit, place);
	case FIELD_COUNT:
		return convert_count(s, place);
	case FIELD_SMALL:
		why = convert_count(s, &number);
		if (!why && number > 255)
			return "is more than 255";
		if (!why)
			*(uint8_t *)place = (uint8_t)number;
		return why;
	case FIELD_NUMBER:
		return convert_number(s, place);
	case FIELD_RATING:
		why = convert_number(s, place);
		return why ? why : *(double *)place >= 1 && *(double *)place <= 5 ? NULL : "is not 1 to 5";
	case FIELD_SCORE:
		return convert_score(s, unit, place);
	default:
		return set_special(row, field, s, unit, rank);
	}
}

/* Puts a scalar into the field or tag of its column, unless a surer column was there before. */
static bool put(struct row *row, struct column *c, struct str s)
{
	if (c->tag >= 0) {
		if (value_is_absent(s) || c->rank < row->tag_rank[c->tag])
			return true;
		row->tag_rank[c->tag] = c->rank;
		((struct request *)row->event)->attrs[ATTR_TAG0 + c->tag] = batch_name(row, c, s);
		return true;
	}
	if (c->field == NOT_MAPPED) {
		c->seen_value = true;
		return true;
	}
	if (fields[c->field].type == FIELD_LONG_TEXT ? !s.len : value_is_absent(s))
		return true;
	if (c->rank < row->rank[c->field])
		return true;
	const char *why = set_field(row, c, c->field, s, c->unit, c->rank);
	if (why)
		return reject_value(row, fields[c->field].name, s, why);
	row->rank[c->field] = c->rank;
	return true;
}

/* ---- lists: flags and tags ---- */

/* One element of a JSON list of flags: a text or an object with category, severity, filtered. */
static const char *flag_of_object(struct row *row, struct json_reader *r)
{
	struct flag *f = &row->flags[row->flag_count];
	int64_t severity = -1;
	bool blocked = false;
	struct str category = {NULL, 0};

	for (enum json_token t = json_next(r); t != JSON_OBJECT_END; t = json_next(r)) {
		if (t != JSON_KEY)
			return "is not valid JSON";
		struct str key = r->text;
		t = json_next(r);
		if (t == JSON_STRING && (str_equal_c(key, "category") || str_equal_c(key, "name") || str_equal_c(key, "type")))
			category = json_text(r, &row->m->scratch);
		else if (t == JSON_NUMBER && str_equal_c(key, "severity") && json_int64(r, &severity))
			continue;
		else if (t == JSON_TRUE && (str_equal_c(key, "filtered") || str_equal_c(key, "blocked")))
			blocked = true;
		else if (!json_skip(r, t))
			return "is not valid JSON";
	}
	if (severity < -1 || severity > 7)
		return "has a severity that is not 0 to 7";
	if (!category.len)
		return "has a flag without a category";
	f->category = batch_text(row->batch, category, EVENT_NAME_MAX_BYTES);
	f->severity = (int8_t)severity;
	f->action = blocked ? FLAG_BLOCKED : FLAG_NOTED;
	row->flag_count++;
	return NULL;
}

static const char *set_json_list(struct row *row, enum field_type type, struct str s, uint8_t rank)
{
	struct json_reader r;

	json_init(&r, s);
	if (json_next(&r) != JSON_ARRAY)
		return "is not a list";
	for (enum json_token t = json_next(&r); t != JSON_ARRAY_END; t = json_next(&r)) {
		const char *why = NULL;
		if (t == JSON_ERROR)
			return "is not valid JSON";
		if (type == FIELD_FLAGS && (t == JSON_STRING || t == JSON_OBJECT) &&
		    row->flag_count == FLAGS_PER_REQUEST_MAX)
			return "has more than 16 flags";
		if (t == JSON_STRING && type == FIELD_TAGS)
			set_tag_pair(row, json_text(&r, &row->m->scratch), rank);
		else if (t == JSON_STRING)
			why = convert_flag_list(row->batch, json_text(&r, &row->m->scratch), row->flags,
			                        &row->flag_count);
		else if (t == JSON_OBJECT && type == FIELD_FLAGS)
			why = flag_of_object(row, &r);
		else if (!json_skip(&r, t))
			why = "is not valid JSON";
		if (why)
			return why;
	}
	return NULL;
}

static const char *set_list(struct row *row, enum field_type type, struct str s, uint8_t rank)
{
	if (s.len && s.ptr[0] == '[')
		return set_json_list(row, type, s, rank);
	if (type == FIELD_FLAGS)
		return convert_flag_list(row->batch, s, row->flags, &row->flag_count);
	while (s.len)
		set_tag_pair(row, str_cut(&s, ','), rank);
	return NULL;
}

/* ---- beginning and end of a row ---- */

static void begin_row(struct row *row, struct mapping *m, struct batch *b, struct str whole, struct reject *why)
{
	row->m = m;
	row->batch = b;
	row->whole = whole;
	row->why = why;
	row->last = 0;
	row->time_us = row->end_us = row->first_token_us = TIME_UNSET;
	row->has_status = row->has_trace = false;
	row->flag_count = 0;
	memset(row->rank, 0, sizeof row->rank);
	memset(row->tag_rank, 0, sizeof row->tag_rank);
	if (why)
		*why = (struct reject){.offset = 0};
	arena_reset(&m->scratch);
	if (m->kind == ROW_REQUEST)
		row->event = batch_add_request(b);
	else if (m->kind == ROW_FEEDBACK)
		row->event = batch_add_feedback(b);
	else
		row->event = batch_add_billing(b);
}

static void drop_row(struct row *row)
{
	struct batch *b = row->batch;

	if (row->m->kind == ROW_REQUEST)
		b->request_count--;
	else if (row->m->kind == ROW_FEEDBACK)
		b->feedback_count--;
	else
		b->billing_count--;
}

static bool end_reject(struct row *row, const char *reason)
{
	snprintf(row->why->reason, sizeof row->why->reason, "%s", reason);
	return false;
}

/* The times of a request: two of begin, end and latency give the third. */
static bool end_request_times(struct row *row, struct request *r)
{
	bool begun = row->time_us != TIME_UNSET, ended = row->end_us != TIME_UNSET;

	if (!begun && !ended)
		return end_reject(row, "no time: neither `time` nor `end_time` is filled in");
	if (begun && ended) {
		if (row->end_us < row->time_us)
			return end_reject(row, "end_time lies before time");
		if (r->latency_us == UNKNOWN_INT)
			r->latency_us = row->end_us - row->time_us;
		if (r->latency_us > EVENT_LATENCY_MAX_US)
			return end_reject(row, "latency: is longer than 30 days");
	}
	int64_t latency_us = r->latency_us == UNKNOWN_INT ? 0 : r->latency_us;
	r->end_us = ended ? row->end_us : row->time_us + latency_us;
	int64_t start_us = begun ? row->time_us : row->end_us - latency_us;
	if (r->ttft_us == UNKNOWN_INT && row->first_token_us != TIME_UNSET &&
	    row->first_token_us >= start_us && row->first_token_us <= r->end_us)
		r->ttft_us = row->first_token_us - start_us;
	return true;
}

static bool end_request(struct row *row)
{
	struct request *r = row->event;

	if (!end_request_times(row, r))
		return false;
	if (r->error_type.len && !row->has_status)
		r->status = REQUEST_ERROR;
	if (r->status == REQUEST_OK) {
		r->error_type = (struct str){NULL, 0};
	} else if (!r->error_type.len && r->http_status) {
		char code[16];
		int len = snprintf(code, sizeof code, "%d", (int)r->http_status);
		r->error_type = batch_text(row->batch, (struct str){code, (size_t)len}, sizeof code);
	}
	if (r->cost_source == COST_REPORTED && r->cost_nusd < 0)
		return end_reject(row, "cost_usd: is negative");
	if (str_equal(r->request_model, r->dims[DIM_MODEL]))
		r->request_model = (struct str){NULL, 0};
	if (!r->dims[DIM_MODEL].len && r->request_model.len) {
		r->dims[DIM_MODEL] = r->request_model;
		r->request_model = (struct str){NULL, 0};
	}
	if (row->flag_count) {
		struct flag *kept = arena_alloc(&row->batch->arena, row->flag_count * sizeof *kept);
		memcpy(kept, row->flags, row->flag_count * sizeof *kept);
		r->flags = kept;
		r->flag_count = row->flag_count;
	}
	r->source = row->m->source;
	return true;
}

static bool end_feedback(struct row *row)
{
	struct feedback *f = row->event;

	if (row->time_us == TIME_UNSET)
		return end_reject(row, "no time: `time` is not filled in");
	if (!f->text.len && isnan(f->score) && isnan(f->rating))
		return end_reject(row, "neither text, score nor rating is filled in");
	f->time_us = row->time_us;
	f->source = row->m->source;
	return true;
}

static bool end_billing(struct row *row)
{
	struct billing *bill = row->event;

	if (row->time_us == TIME_UNSET)
		return end_reject(row, "no time: the begin of the charge period is not filled in");
	bill->from_us = row->time_us;
	bill->to_us = row->end_us == TIME_UNSET ? row->time_us + US_PER_DAY : row->end_us;
	if (bill->to_us < bill->from_us)
		return end_reject(row, "the charge period ends before it begins");
	if (!bill->provider.len && row->m->preset && row->m->preset->provider)
		bill->provider = str_of(row->m->preset->provider);
	bill->source = row->m->source;
	return true;
}

static bool put_set(struct row *row, const struct set_rule *rule, const char **why)
{
	struct column constant = {.field = rule->field, .tag = rule->tag, .rank = RANK_SET};

	*why = NULL;
	if (rule->tag >= 0)
		return put(row, &constant, rule->value);
	if (value_is_absent(rule->value))
		return true;
	row->rank[rule->field] = RANK_SET;
	*why = set_field(row, NULL, rule->field, rule->value, fields[rule->field].unit, RANK_SET);
	return *why == NULL;
}

static bool set_value_ok(struct mapping *m, const struct set_rule *rule, struct err *err)
{
	struct batch *b = batch_new();
	struct reject why;
	struct row row;
	const char *reason;

	begin_row(&row, m, b, (struct str){NULL, 0}, &why);
	bool ok = put_set(&row, rule, &reason);
	if (!ok)
		err_set(err, "--set %s=%.*s: %s", fields[rule->field].name, STR_ARG(rule->value), reason);
	batch_free(&b);
	return ok;
}

static bool end_row(struct row *row)
{
	const char *why;
	bool ok = true;

	for (size_t i = 0; i < row->m->set_count && ok; i++)
		ok = put_set(row, &row->m->sets[i], &why);
	if (ok && row->m->kind == ROW_REQUEST)
		ok = end_request(row);
	else if (ok && row->m->kind == ROW_FEEDBACK)
		ok = end_feedback(row);
	else if (ok)
		ok = end_billing(row);
	return ok;
}

/* ---- JSON ---- */

static bool json_failed(struct row *row, const struct json_reader *r)
{
	if (row->why->reason[0])
		return false;
	row->why->offset = json_offset(r);
	return reject_row(row->why, row->why->offset, "not valid JSON: ", 0, 0) ||
	       (strncat(row->why->reason, r->error, 100), false);
}

static bool walk_object(struct row *row, struct json_reader *r, uint32_t parent, int depth,
                        struct str *rows_found);

/* A text that holds an object with mapped members (LiteLLM's metadata in CSV). */
static bool walk_text(struct row *row, uint32_t parent, struct str text)
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
			if (!put(row, c, t == JSON_STRING ? json_text(r, &row->m->scratch) : r->text))
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
	return put(row, c, (struct str){begin, (size_t)(r->at - begin)});
}

/* The value of member `c`, whose first token `t` has been read. */
static bool put_json(struct row *row, struct json_reader *r, enum json_token t, struct column *c, int depth)
{
	uint32_t number = (uint32_t)(c - row->m->columns) + 1;

	switch (t) {
	case JSON_STRING: {
		struct str text = json_text(r, &row->m->scratch);
		return c->inner ? walk_text(row, number, text) : put(row, c, text);
	}
	case JSON_NUMBER:
		return put(row, c, r->text);
	case JSON_TRUE:
		return put(row, c, STR_LIT("true"));
	case JSON_FALSE:
		return put(row, c, STR_LIT("false"));
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
		struct column *c = member_column(row, parent, key);
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

	begin_row(&row, m, b, object, why);
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
		ok = r.error ? json_failed(&row, &r) : end_reject(&row, "not a JSON object");
	ok = ok && walk_object(&row, &r, 0, 0, rows_found);
	if (ok && json_next(&r) != JSON_END)
		ok = json_failed(&row, &r);
	if (ok && rows_found && rows_found->ptr) {
		drop_row(&row);
		return true;
	}
	ok = ok && end_row(&row);
	if (!ok)
		drop_row(&row);
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

/* ---- CSV ---- */

static bool gives_time(const struct mapping *m)
{
	for (size_t i = 0; i < m->column_count; i++)
		if (m->columns[i].field != NOT_MAPPED && fields[m->columns[i].field].type == FIELD_TIME)
			return true;
	for (size_t i = 0; i < m->set_count; i++)
		if (m->sets[i].field != NOT_MAPPED && fields[m->sets[i].field].type == FIELD_TIME)
			return true;
	return false;
}

int mapping_header(struct mapping *m, const struct csv_row *header, struct err *err)
{
	m->csv_columns = mem_array(m->csv_columns, header->count, sizeof *m->csv_columns);
	m->csv_count = header->count;
	for (size_t i = 0; i < header->count; i++) {
		struct str name = header->cells[i].text;
		m->csv_columns[i] = column_number(m, name, name, 0);
	}
	for (size_t i = 0; i < m->rule_count; i++)
		if (m->rules[i].rank == RANK_MAP && !m->rules[i].used)
			return err_set(err, "--map: the header has no column `%.*s`", STR_ARG(m->rules[i].column));
	if (!gives_time(m)) {
		struct buf names = {0};
		mapping_ignored(m, &names);
		err_set(err, "no column gives the time: say which with --map time=COLUMN (the header has %.300s)",
		        header->count && names.len ? names.data : "only mapped columns");
		buf_fini(&names);
		return -1;
	}
	return 0;
}

bool mapping_add_csv(struct mapping *m, struct batch *b, const struct csv_row *line, struct reject *why)
{
	struct row row;

	if (line->count != m->csv_count) {
		*why = (struct reject){.shape = true};
		size_t at = line->count > m->csv_count ? line->cells[m->csv_count].offset
		                                       : line->bytes ? line->cells[line->count - 1].offset : 0;
		return reject_row(why, at, "the row has %zu fields, the header %zu", line->count, m->csv_count);
	}
	begin_row(&row, m, b, (struct str){NULL, 0}, why);
	bool ok = true;
	for (size_t i = 0; i < line->count && ok; i++) {
		struct str text = line->cells[i].text;
		if (!text.len || m->csv_columns[i] == COLUMNS_MAX)
			continue;
		struct column *c = &m->columns[m->csv_columns[i]];
		if (c->inner)
			ok = walk_text(&row, (uint32_t)m->csv_columns[i] + 1, text);
		else if (c->field != NOT_MAPPED || c->tag >= 0)
			ok = put(&row, c, text);
		if (!ok)
			why->offset = line->cells[i].offset;
	}
	ok = ok && end_row(&row);
	if (!ok)
		drop_row(&row);
	return ok;
}

/* ---- telling ---- */

static void describe_target(const struct mapping *m, int field, int tag, struct buf *out)
{
	if (tag >= 0)
		buf_printf(out, "tag.%.*s", STR_ARG(m->tags[tag]));
	else
		buf_puts(out, fields[field].name);
}

void mapping_describe(const struct mapping *m, struct buf *out)
{
	for (size_t i = 0; i < m->column_count; i++) {
		const struct column *c = &m->columns[i];
		if (c->field == NOT_MAPPED && c->tag < 0)
			continue;
		buf_puts(out, "  ");
		text_append_harmless(out, c->path, 60);
		buf_puts(out, " -> ");
		describe_target(m, c->field, c->tag, out);
		if (c->unit)
			buf_printf(out, " (%s)", field_unit_name(c->unit));
		buf_append_c(out, '\n');
	}
	for (size_t i = 0; i < m->set_count; i++) {
		buf_puts(out, "  \"");
		text_append_harmless(out, m->sets[i].value, 60);
		buf_puts(out, "\" -> ");
		describe_target(m, m->sets[i].field, m->sets[i].tag, out);
		buf_puts(out, " (every row)\n");
	}
}

size_t mapping_ignored(const struct mapping *m, struct buf *out)
{
	size_t count = 0;

	for (size_t i = 0; i < m->column_count; i++) {
		const struct column *c = &m->columns[i];
		bool named = m->csv_count ? c->parent == 0 : c->seen_value;
		if (c->field != NOT_MAPPED || c->tag >= 0 || c->inner || !named)
			continue;
		if (count++)
			buf_puts(out, ", ");
		text_append_harmless(out, c->path, 60);
	}
	return count;
}
