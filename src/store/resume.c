/* How far each source that follows something has come: rows of the meta table named "resume:SOURCE".
 * A mark moves in the transaction of the rows it stands for, and only from where the store knows
 * it, so that rows given twice (by a source that was started anew while its last batch was still
 * queued) are stored once. */
#include "store/reader_private.h"
#include "store/sql.h"
#include "store/writer_private.h"

static int read_place(sqlite3 *db, struct str source, struct buf *out, struct err *err)
{
	sqlite3_stmt *st = NULL;

	if (sql_prepare(db, &st, "SELECT value FROM meta WHERE key='resume:' || ?1", err))
		return -1;
	sql_bind_str(st, 1, source);
	int got = sql_step(st, err);
	if (got > 0)
		buf_append_str(out, sql_str(st, 0));
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

int writer_move_resume(struct store_writer *w, const struct batch *b, struct err *err)
{
	struct buf known = {0};
	sqlite3_stmt *st = NULL;
	int result = -1;

	if (!b->has_resume)
		return 1;
	if (b->resume.to.len > RESUME_PLACE_MAX_BYTES)
		return err_set(err, "store: the place of source %.*s is longer than %d bytes", STR_ARG(b->resume.source),
		               RESUME_PLACE_MAX_BYTES);
	if (read_place(w->db, b->resume.source, &known, err))
		goto out;
	if (!str_equal(buf_str(&known), b->resume.from)) {
		result = 0;
		goto out;
	}
	if (sql_prepare(w->db, &st, "INSERT OR REPLACE INTO meta VALUES('resume:' || ?1, ?2)", err))
		goto out;
	sql_bind_str(st, 1, b->resume.source);
	sql_bind_str(st, 2, b->resume.to);
	result = sql_run(st, err) ? -1 : 1;
	sqlite3_finalize(st);
out:
	buf_fini(&known);
	return result;
}

int query_resume(struct store_reader *r, struct str source, struct buf *out, struct err *err)
{
	if (reader_begin(r, err))
		return -1;
	return reader_end(r, read_place(r->db, source, out, err));
}
