/* Rows are numbered by AUTOINCREMENT from 1 without a gap: a number is given in the transaction that
 * stores the row, and goes back with it. */
#include "store/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/reader_private.h"
#include "store/sql.h"
#include "store/writer_private.h"

static void add_number(struct sha256 *h, int64_t v)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < 8; i++)
		bytes[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
	sha256_add(h, bytes, sizeof(bytes));
}

static void add_text(struct sha256 *h, struct str s)
{
	add_number(h, (int64_t)s.len);
	if (s.len)
		sha256_add(h, s.ptr, s.len);
}

void audit_chain(const uint8_t before[SHA256_BYTES], int64_t id, const struct audit_entry *e,
                 uint8_t out[SHA256_BYTES])
{
	const struct str texts[] = {e->ssh_client, e->claimed_name, e->action, e->target, e->before, e->after, e->outcome};
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, before, SHA256_BYTES);
	add_number(&h, id);
	add_number(&h, e->time_us);
	add_number(&h, e->uid);
	add_number(&h, e->login_uid);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		add_text(&h, texts[i]);
	sha256_end(&h, out);
}

/* ── writing ───────────────────────────────────────────────────────────────────────────────── */

/* Number and chain of the newest row; 0 and zeros when there is none. */
static int newest(sqlite3 *db, int64_t *id, uint8_t chain[SHA256_BYTES], struct err *err)
{
	sqlite3_stmt *st;

	*id = 0;
	memset(chain, 0, SHA256_BYTES);
	if (sql_prepare(db, &st, "SELECT id, chain FROM audit ORDER BY id DESC LIMIT 1", err))
		return -1;
	int got = sql_step(st, err);

	if (got > 0) {
		*id = sqlite3_column_int64(st, 0);
		if (sqlite3_column_bytes(st, 1) == SHA256_BYTES)
			memcpy(chain, sqlite3_column_blob(st, 1), SHA256_BYTES);
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

int store_writer_add_audit(struct store_writer *w, const struct audit_entry *e, struct err *err)
{
	const struct str texts[] = {e->ssh_client, e->claimed_name, e->action, e->target, e->before, e->after, e->outcome};
	sqlite3_stmt *st = w->st[ST_ADD_AUDIT];
	uint8_t before[SHA256_BYTES], chain[SHA256_BYTES];
	int64_t id;

	if (writer_begin(w, err) || newest(w->db, &id, before, err))
		return -1;
	audit_chain(before, ++id, e, chain);
	sqlite3_bind_int64(st, 1, e->time_us);
	sqlite3_bind_int64(st, 2, e->uid);
	sqlite3_bind_int64(st, 3, e->login_uid);
	for (int i = 0; i < 7; i++)
		sql_bind_str(st, 4 + i, texts[i]);
	sqlite3_bind_int64(st, 11, id);
	sqlite3_bind_blob(st, 12, chain, SHA256_BYTES, SQLITE_STATIC);
	return sql_run(st, err) ? writer_rollback(w) : 0;
}

int store_writer_audit(struct store_writer *w, const struct audit_entry *e, struct err *err)
{
	return store_writer_add_audit(w, e, err) ? -1 : store_writer_commit(w, err);
}

static void format_head(int64_t id, const uint8_t chain[SHA256_BYTES], char out[AUDIT_HEAD_BYTES])
{
	char hex[SHA256_HEX_BYTES];

	snprintf(out, AUDIT_HEAD_BYTES, "%lld:%s", (long long)id, sha256_hex(chain, hex));
}

int store_writer_audit_head(struct store_writer *w, char out[AUDIT_HEAD_BYTES], struct err *err)
{
	uint8_t chain[SHA256_BYTES];
	int64_t id;

	out[0] = '\0';
	if (newest(w->db, &id, chain, err))
		return -1;
	if (id)
		format_head(id, chain, out);
	return 0;
}

/* ── reading ───────────────────────────────────────────────────────────────────────────────── */

#define AUDIT_COLUMNS \
	"id, time_us, uid, login_uid, ssh_client, claimed_name, action, target, before, after, outcome, chain"

static void read_row(sqlite3_stmt *st, struct arena *a, struct audit_row *out)
{
	struct str *const texts[] = {&out->entry.ssh_client, &out->entry.claimed_name, &out->entry.action,
	                             &out->entry.target, &out->entry.before, &out->entry.after, &out->entry.outcome};

	*out = (struct audit_row){.id = sqlite3_column_int64(st, 0)};
	out->entry.time_us = sqlite3_column_int64(st, 1);
	out->entry.uid = (uint32_t)sqlite3_column_int64(st, 2);
	out->entry.login_uid = (uint32_t)sqlite3_column_int64(st, 3);
	for (int i = 0; i < 7; i++)
		*texts[i] = str_of(sql_text(st, 4 + i, a));
}

int query_audit(struct store_reader *r, int64_t from_us, int64_t to_us, size_t limit, struct audit_result *out,
                struct err *err)
{
	sqlite3_stmt *st = NULL;
	size_t cap = 0;
	int got = -1;

	*out = (struct audit_result){0};
	if (reader_begin(r, err))
		return -1;
	if (!sql_prepare(r->db, &st, "SELECT " AUDIT_COLUMNS " FROM audit WHERE time_us>=?1 AND time_us<?2 ORDER BY id DESC LIMIT ?3",
	                 err)) {
		sqlite3_bind_int64(st, 1, from_us);
		sqlite3_bind_int64(st, 2, to_us);
		sqlite3_bind_int64(st, 3, (int64_t)limit);
		while ((got = sql_step(st, err)) > 0) {
			out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof(*out->rows));
			read_row(st, &out->arena, &out->rows[out->row_count++]);
		}
	}
	sqlite3_finalize(st);
	if (got < 0)
		audit_result_fini(out);
	return reader_end(r, got < 0 ? -1 : 0);
}

void audit_result_fini(struct audit_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	*res = (struct audit_result){0};
}

/* Finds the first fault; the row's number is in out->faulty_id. */
static bool check_row(sqlite3_stmt *st, struct arena *a, const char *head, uint8_t chain[SHA256_BYTES],
                      struct audit_check *out)
{
	struct audit_row row;
	char here[AUDIT_HEAD_BYTES];

	read_row(st, a, &row);
	out->faulty_id = out->rows + 1;
	if (row.id != out->faulty_id) {
		err_set(&out->words, "row %lld is missing: the next one is %lld", (long long)out->faulty_id, (long long)row.id);
		return false;
	}
	audit_chain(chain, row.id, &row.entry, chain);
	if (sqlite3_column_bytes(st, 11) != SHA256_BYTES || memcmp(sqlite3_column_blob(st, 11), chain, SHA256_BYTES) != 0) {
		err_set(&out->words, "row %lld does not fit its chain: it, or a row before it, was changed", (long long)row.id);
		return false;
	}
	format_head(row.id, chain, here);
	out->rows = row.id;
	memcpy(out->head, here, sizeof(here));
	if (head && strcmp(head, here) == 0)
		out->head_seen = true;
	out->faulty_id = 0;
	return true;
}

static int check_rows(struct store_reader *r, const char *head, struct audit_check *out, struct err *err)
{
	uint8_t chain[SHA256_BYTES] = {0};
	struct arena arena = {0};
	sqlite3_stmt *st;
	int got;

	if (sql_prepare(r->db, &st, "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY id", err))
		return -1;
	while ((got = sql_step(st, err)) > 0 && check_row(st, &arena, head, chain, out))
		arena_reset(&arena);
	sqlite3_finalize(st);
	arena_fini(&arena);
	return got < 0 ? -1 : 0;
}

int query_audit_check(struct store_reader *r, const char *head, struct audit_check *out, struct err *err)
{
	int64_t given = 0;

	*out = (struct audit_check){0};
	if (reader_begin(r, err))
		return -1;
	int failed = check_rows(r, head, out, err) ||
	             sql_int(r->db, "SELECT seq FROM sqlite_sequence WHERE name='audit'", 0, &given, err);

	if (!failed && !out->faulty_id && given > out->rows) {
		out->faulty_id = out->rows + 1;
		err_set(&out->words, "the tail is cut: %lld rows were written, the last one here is %lld", (long long)given,
		        (long long)out->rows);
	}
	if (!failed && !out->faulty_id && head && !out->head_seen) {
		out->faulty_id = out->rows + 1;
		err_set(&out->words, "the head %.80s is not in this chain: the tail was cut or written anew", head);
	}
	return reader_end(r, failed ? -1 : 0);
}
