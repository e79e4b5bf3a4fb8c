/* Both tables are small (bounded by STRINGS_MAX and the series limit) and live in memory whole.
 * The key of a leaf is its dimensions' texts, each after its length, so that the hot path costs
 * one hash; the key of a marginal starts with 0xff, which no length byte is. */
#include "store/names.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/sql.h"

static void add_text(struct names *n, size_t id, struct str s)
{
	n->text = mem_grow(n->text, &n->text_cap, id + 1, sizeof *n->text);
	while (n->text_count <= id)
		n->text[n->text_count++] = NULL;
	free(n->text[id]);
	n->text[id] = mem_strndup(s.ptr, s.len);
	if (id)
		strmap_put(&n->by_text, s, (uint32_t)id);
}

static size_t leaf_key(const struct str dims[DIM_COUNT], char key[DIM_COUNT * (EVENT_NAME_MAX_BYTES + 1)])
{
	size_t at = 0;

	for (int d = 0; d < DIM_COUNT; d++) {
		size_t len = dims[d].len < EVENT_NAME_MAX_BYTES ? dims[d].len : EVENT_NAME_MAX_BYTES;

		key[at++] = (char)len;
		if (len)
			memcpy(key + at, dims[d].ptr, len);
		at += len;
	}
	return at;
}

static struct str marginal_key(char key[6], int dim, uint32_t value)
{
	key[0] = (char)0xff;
	key[1] = (char)dim;
	memcpy(key + 2, &value, 4);
	return (struct str){key, 6};
}

static void remember(struct names *n, uint32_t id, const struct series *s)
{
	char key[DIM_COUNT * (EVENT_NAME_MAX_BYTES + 1)];

	n->series = mem_grow(n->series, &n->series_cap, (size_t)id + 1, sizeof *n->series);
	while (n->series_count <= id)
		n->series[n->series_count++] = (struct series){.kind = UINT8_MAX};
	n->series[id] = *s;
	if (s->kind == SERIES_IS_MARGINAL) {
		strmap_put(&n->by_dims, marginal_key(key, s->dim, s->value[s->dim]), id);
	} else if (s->kind == SERIES_IS_LEAF) {
		struct str dims[DIM_COUNT];

		for (int d = 0; d < DIM_COUNT; d++)
			dims[d] = str_of(names_text(n, s->value[d]));
		strmap_put(&n->by_dims, (struct str){key, leaf_key(dims, key)}, id);
		n->leaf_count++;
	}
}

static int load_strings(struct names *n, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(n->db, &st, "SELECT id, text FROM strings", err))
		return -1;
	while ((got = sql_step(st, err)) > 0)
		add_text(n, (size_t)sqlite3_column_int64(st, 0), sql_str(st, 1));
	sqlite3_finalize(st);
	return got;
}

/* Marginals have lower ids than the leaves that use them, or are found once all are loaded. */
static void link_leaves(struct names *n)
{
	char key[6];

	for (size_t i = 0; i < n->series_count; i++) {
		struct series *s = &n->series[i];

		for (int d = 0; d < DIM_COUNT && s->kind == SERIES_IS_LEAF; d++)
			strmap_get(&n->by_dims, marginal_key(key, d, s->value[d]), &s->marginal[d]);
	}
}

static int load_series(struct names *n, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(n->db, &st, "SELECT id, kind, dim, d0, d1, d2, d3, d4, d5, d6 FROM series", err))
		return -1;
	while ((got = sql_step(st, err)) > 0) {
		struct series s = {.kind = (uint8_t)sqlite3_column_int(st, 1), .dim = (uint8_t)sqlite3_column_int(st, 2)};

		for (int d = 0; d < DIM_COUNT; d++)
			s.value[d] = (uint32_t)sqlite3_column_int64(st, 3 + d);
		if (s.dim < DIM_COUNT)
			remember(n, (uint32_t)sqlite3_column_int64(st, 0), &s);
	}
	sqlite3_finalize(st);
	link_leaves(n);
	return got;
}

static void forget_all(struct names *n)
{
	for (size_t i = 0; i < n->text_count; i++)
		free(n->text[i]);
	n->text_count = n->series_count = n->leaf_count = 0;
	strmap_fini(&n->by_text);
	strmap_fini(&n->by_dims);
}

int names_reload(struct names *n, struct err *err)
{
	forget_all(n);
	add_text(n, 0, STR_LIT(""));
	return load_strings(n, err) || load_series(n, err) ? -1 : 0;
}

int names_open(struct names *n, sqlite3 *db, size_t series_limit, struct err *err)
{
	*n = (struct names){.db = db, .series_limit = series_limit};
	if (series_limit &&
	    (sql_prepare(db, &n->add_string, "INSERT INTO strings(id, text) VALUES(?,?)", err) ||
	     sql_prepare(db, &n->add_series, "INSERT INTO series(id, kind, dim, d0, d1, d2, d3, d4, d5, d6) "
	                 "VALUES(?,?,?,?,?,?,?,?,?,?)", err)))
		return -1;
	return names_reload(n, err);
}

void names_close(struct names *n)
{
	sqlite3_finalize(n->add_string);
	sqlite3_finalize(n->add_series);
	forget_all(n);
	free(n->text);
	free(n->series);
	*n = (struct names){0};
}

const char *names_text(const struct names *n, uint32_t id)
{
	return id < n->text_count && n->text[id] ? n->text[id] : "";
}

uint32_t names_find(const struct names *n, struct str s)
{
	uint32_t id = 0;

	return s.len && strmap_get(&n->by_text, s, &id) ? id : 0;
}

int names_intern(struct names *n, struct str s, uint32_t *id, struct err *err)
{
	*id = 0;
	if (s.len == 0 || strmap_get(&n->by_text, s, id))
		return 0;
	struct str whole = s;
	s.len = strnlen(s.ptr, s.len < EVENT_TEXT_MAX_BYTES ? s.len : EVENT_TEXT_MAX_BYTES);
	if (s.len < whole.len)
		return names_intern(n, s, id, err);
	if (n->text_count >= STRINGS_MAX && !str_equal_c(s, NAME_OTHER))
		return names_intern(n, STR_LIT(NAME_OTHER), id, err);
	size_t fresh = n->text_count;
	sqlite3_bind_int64(n->add_string, 1, (sqlite3_int64)fresh);
	sql_bind_str(n->add_string, 2, s);
	if (sql_run(n->add_string, err))
		return -1;
	add_text(n, fresh, s);
	*id = (uint32_t)fresh;
	return 0;
}

static int add_series(struct names *n, const struct series *s, uint32_t *id, struct err *err)
{
	uint32_t fresh = n->series_count > 2 ? (uint32_t)n->series_count : 2;

	sqlite3_bind_int64(n->add_series, 1, fresh);
	sqlite3_bind_int(n->add_series, 2, s->kind);
	sqlite3_bind_int(n->add_series, 3, s->dim);
	for (int d = 0; d < DIM_COUNT; d++)
		sqlite3_bind_int64(n->add_series, 4 + d, s->value[d]);
	if (sql_run(n->add_series, err))
		return -1;
	remember(n, fresh, s);
	*id = fresh;
	return 0;
}

static int marginal(struct names *n, int dim, uint32_t value, uint32_t *id, struct err *err)
{
	struct series s = {.kind = SERIES_IS_MARGINAL, .dim = (uint8_t)dim};
	char key[6];

	if (strmap_get(&n->by_dims, marginal_key(key, dim, value), id))
		return 0;
	s.value[dim] = value;
	return add_series(n, &s, id, err);
}

int names_leaf(struct names *n, const struct str dims[DIM_COUNT], uint32_t *id, struct err *err)
{
	char key[DIM_COUNT * (EVENT_NAME_MAX_BYTES + 1)];
	struct series s = {.kind = SERIES_IS_LEAF};
	struct str cut[DIM_COUNT], other[DIM_COUNT];

	if (strmap_get(&n->by_dims, (struct str){key, leaf_key(dims, key)}, id))
		return 0;
	/* A NUL byte or an overlong name must not make the same series new again and again. */
	for (int d = 0; d < DIM_COUNT; d++)
		cut[d] = (struct str){dims[d].ptr, dims[d].len ? strnlen(dims[d].ptr, dims[d].len < EVENT_NAME_MAX_BYTES
		                                       ? dims[d].len : EVENT_NAME_MAX_BYTES) : 0};
	if (strmap_get(&n->by_dims, (struct str){key, leaf_key(cut, key)}, id))
		return 0;
	if (n->leaf_count >= n->series_limit) {
		if (!n->full_said)
			log_warning("store: more than %zu combinations of dimensions: new ones are counted as %s: "
			            "look for a many-valued deployment, model or team name", n->series_limit, NAME_OTHER);
		n->full_said = true;
		bool again = true;
		for (int d = 0; d < DIM_COUNT; d++) {
			again = again && str_equal_c(cut[d], NAME_OTHER);
			other[d] = STR_LIT(NAME_OTHER);
		}
		if (!again)
			return names_leaf(n, other, id, err);
	}
	for (int d = 0; d < DIM_COUNT; d++) {
		if (names_intern(n, cut[d], &s.value[d], err) || marginal(n, d, s.value[d], &s.marginal[d], err))
			return -1;
	}
	return add_series(n, &s, id, err);
}
