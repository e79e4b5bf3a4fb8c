/* The erasing itself is writer_retain.c's. */
#include "store/forget.h"

#include <stdio.h>

#include "store/sql.h"
#include "store/writer_private.h"

bool import_key_parse(struct str text, uint64_t *out)
{
	*out = 0;
	if (text.len < 1 || text.len > 16)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;

		if (digit < 0)
			return false;
		*out = *out << 4 | (uint64_t)digit;
	}
	return true;
}

static int has_import(struct store_writer *w, uint64_t key, bool *has, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_FIND_IMPORT];

	sqlite3_bind_int64(st, 1, (int64_t)key);
	int got = sql_step(st, err);

	sqlite3_reset(st);
	*has = got > 0;
	return got < 0 ? -1 : 0;
}

int store_writer_forget(struct store_writer *w, const struct forget_order *o, int64_t *rows, bool *unknown, struct err *err)
{
	char outcome[48];
	bool there = true;

	*unknown = false;
	if (o->has_import && has_import(w, o->import_key, &there, err))
		return writer_rollback(w);
	if (!there) {
		*unknown = true;
		return 0;
	}
	*rows = o->has_import ? store_writer_forget_import(w, o->import_key, err) : store_writer_forget_user(w, o->user, err);
	if (*rows < 0)
		return -1;
	snprintf(outcome, sizeof outcome, "%lld rows erased", (long long)*rows);
	const struct audit_entry entry = {
		.time_us = o->now_us, .uid = o->uid, .login_uid = o->login_uid, .ssh_client = o->ssh_client,
		.claimed_name = o->claimed_name, .action = STR_LIT("forget"),
		.target = o->has_import ? STR_LIT("an import") : STR_LIT("a user"), .before = STR_LIT(""), .after = STR_LIT(""),
		.outcome = str_of(outcome),
	};

	return store_writer_add_audit(w, &entry, err);
}
