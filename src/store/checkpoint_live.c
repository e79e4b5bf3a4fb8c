/* After each commit SQLite tells how many pages the log has. From some on the thread copies them into the file
 * while commits go on. The log begins anew only when a commit finds all of it copied, which under load never
 * happens by itself: when it has become long, the writer copies the last few pages, those since the thread's
 * latest round, for which the rounds then follow each other. */
#include "store/checkpoint_live.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/checkpoint.h"

#define ROUND_PAGES 4000 /* not copied yet, for the thread to begin: many are changed again before that */
#define LONG_PAGES 6000  /* the log is to begin anew */
#define REST_PAGES 600   /* so few the writer copies itself */
#define MOST_PAGES 24000 /* from here on it copies however many there are */

struct live_checkpoints {
	sqlite3 *db; /* the writer's */
	struct checkpointer *thread;
	int copied; /* pages of the log */
};

/* Called by SQLite after a commit. */
static int after_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct live_checkpoints *c = arg;
	bool busy;
	int copied = checkpointer_take(c->thread, &busy);

	(void)name;
	if (copied >= 0)
		c->copied = copied;
	if (pages < c->copied)
		c->copied = 0; /* the log began anew */
	int rest = pages - c->copied;
	if (pages >= MOST_PAGES || (pages >= LONG_PAGES && rest <= REST_PAGES && !busy)) {
		copied = 0;
		sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &copied);
		c->copied = copied > 0 ? copied : 0;
	} else if (rest > (pages >= LONG_PAGES ? REST_PAGES : ROUND_PAGES) && !busy) {
		checkpointer_begin(c->thread);
	}
	return SQLITE_OK;
}

struct live_checkpoints *live_checkpoints_new(sqlite3 *db, const char *path)
{
	struct live_checkpoints *c = mem_zalloc(sizeof *c);

	c->db = db;
	c->thread = checkpointer_new(path);
	sqlite3_wal_hook(db, after_commit, c);
	return c;
}

void live_checkpoints_free(struct live_checkpoints **out)
{
	struct live_checkpoints *c = *out;

	if (!c)
		return;
	*out = NULL;
	sqlite3_wal_hook(c->db, NULL, NULL);
	checkpointer_free(&c->thread);
	free(c);
}
