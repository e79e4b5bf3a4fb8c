/* Every column (a CSV heading, or the path of a JSON member) is looked up once and then known by its
 * number. In JSON each column remembers which one followed it last time, so that rows of one shape
 * cost one comparison of names a member. Each field notes the rank of the column that filled it in
 * this row: --set beats --map beats the preset beats a field's own name beats an alias. Texts that
 * repeat (service, model …) are copied into a batch once: each text column has a small memo. */
#include "parse/mapping.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "parse/mapping_private.h"

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

/* Tries a constant on a row of its own. */
static bool set_value_ok(struct mapping *m, const struct set_rule *rule, struct err *err)
{
	struct batch *b = batch_new();
	struct reject why;
	struct row row;

	row_begin(&row, m, b, (struct str){NULL, 0}, &why);
	const char *reason = row_put_set(&row, rule);
	if (reason)
		err_set(err, "--set %s=%.*s: %s", fields[rule->field].name, STR_ARG(rule->value), reason);
	batch_free(&b);
	return !reason;
}

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
		c->memo = mem_zalloc(sizeof *c->memo);
}

/* The number of a column, added when it is new; COLUMNS_MAX when there are too many. */
size_t mapping_column(struct mapping *m, struct str path, struct str name, uint32_t parent)
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
struct column *mapping_member(struct row *row, uint32_t parent, struct str key)
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
	assert(m->columns || !parent);
	if (parent) {
		struct str head = m->columns[parent - 1].path;
		char *joined = arena_alloc(&m->scratch, head.len + 1 + key.len);
		memcpy(joined, head.ptr, head.len);
		joined[head.len] = '.';
		memcpy(joined + head.len + 1, key.ptr, key.len);
		path = (struct str){joined, head.len + 1 + key.len};
	}
	size_t number = mapping_column(m, path, key, parent);
	if (number == COLUMNS_MAX)
		return NULL;
	assert(m->columns);
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

/* ---- CSV ---- */

/* Whether a column or --set gives a time, or else (time false) anything but a time. */
static bool gives(const struct mapping *m, bool time)
{
	for (size_t i = 0; i < m->column_count; i++)
		if (m->columns[i].field != NOT_MAPPED && (fields[m->columns[i].field].type == FIELD_TIME) == time)
			return true;
	for (size_t i = 0; i < m->set_count; i++)
		if (m->sets[i].field != NOT_MAPPED && (fields[m->sets[i].field].type == FIELD_TIME) == time)
			return true;
	return false;
}

/* A file of which nothing but the time is known would count as so many requests of nothing. */
static int check_mapped(const struct mapping *m, size_t header_count, struct err *err)
{
	struct buf names = {0};

	if (gives(m, true) && gives(m, false))
		return 0;
	mapping_ignored(m, &names);
	if (!gives(m, true))
		err_set(err, "no column gives the time: say which with --map time=COLUMN (the header has %.300s)",
		        header_count && names.len ? names.data : "only mapped columns");
	else
		err_set(err, "no column but the time is known: say with --map FIELD=COLUMN what they are, or with --set "
		        "FIELD=VALUE what every row is (the header also has %.300s)", names.len ? names.data : "nothing");
	buf_fini(&names);
	return -1;
}

int mapping_header(struct mapping *m, const struct csv_row *header, struct err *err)
{
	m->csv_columns = mem_array(m->csv_columns, header->count, sizeof *m->csv_columns);
	m->csv_count = header->count;
	for (size_t i = 0; i < header->count; i++) {
		struct str name = header->cells[i].text;
		m->csv_columns[i] = mapping_column(m, name, name, 0);
	}
	for (size_t i = 0; i < m->rule_count; i++)
		if (m->rules[i].rank == RANK_MAP && !m->rules[i].used)
			return err_set(err, "--map: the header has no column `%.*s`", STR_ARG(m->rules[i].column));
	return check_mapped(m, header->count, err);
}

bool mapping_add_csv(struct mapping *m, struct batch *b, const struct csv_row *line, struct reject *why)
{
	struct row row;

	if (line->count != m->csv_count) {
		*why = (struct reject){.shape = true};
		size_t at = line->count > m->csv_count ? line->cells[m->csv_count].offset
		                                       : line->bytes ? line->cells[line->count - 1].offset : 0;
		why->offset = at;
		snprintf(why->reason, sizeof why->reason, "the row has %zu fields, the header %zu", line->count,
		         m->csv_count);
		return false;
	}
	row_begin(&row, m, b, (struct str){NULL, 0}, why);
	bool ok = true;
	for (size_t i = 0; i < line->count && ok; i++) {
		struct str text = line->cells[i].text;
		if (!text.len || m->csv_columns[i] == COLUMNS_MAX)
			continue;
		struct column *c = &m->columns[m->csv_columns[i]];
		if (c->inner)
			ok = row_walk_text(&row, (uint32_t)m->csv_columns[i] + 1, text);
		else if (c->field != NOT_MAPPED || c->tag >= 0)
			ok = row_put(&row, c, text);
		if (!ok)
			why->offset = line->cells[i].offset;
	}
	ok = ok && row_end(&row);
	if (!ok)
		row_drop(&row);
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
