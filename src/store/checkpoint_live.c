/* After each commit SQLite tells how many pages the log has. From some on the thread, with a connection of its
 * own, copies them into the file while commits go on. The log begins anew only when a commit finds all of it
 * copied, which under load never happens by itself: when it has become long, the writer copies the last few
 * pages, those since the thread's latest round. */
#include "store/checkpoint_live.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

#define ROUND_PAGES 1000 /* not copied yet, for the thread to begin */
#define LONG_PAGES 6000  /* the log is to begin anew */
#define REST_PAGES 600   /* so few the writer copies itself */
#define MOST_PAGES 24000 /* from here on it copies however many there are */

struct live_checkpoints {
	sqlite3 *db; /* the writer's */
	char *path;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	bool busy, ending; /* under lock */
	int copied;        /* pages of the log; under lock */
};

/* Copies what it can; the number of pages that are copied since the log began. */
static int copy_pages(sqlite3 *db)
{
	int pages = 0, copied = 0;

	sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
	return copied > 0 ? copied : 0;
}

static void *run(void *arg)
{
	struct live_checkpoints *c = arg;
	sqlite3 *db = NULL;
	bool opened = sqlite3_open_v2(c->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK;

	pthread_mutex_lock(&c->lock);
	while (!c->ending) {
		if (!c->busy) {
			pthread_cond_wait(&c->wanted, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		int copied = opened ? copy_pages(db) : 0;
		pthread_mutex_lock(&c->lock);
		c->copied = copied;
		c->busy = !opened; /* then the writer does it all, when there are many */
		if (!opened)
			break;
	}
	pthread_mutex_unlock(&c->lock);
	sqlite3_close(db);
	return NULL;
}

/* Begins a round of the thread; called with the lock held. */
static void want_round(struct live_checkpoints *c)
{
	if (!c->has_thread)
		c->has_thread = pthread_create(&c->thread, NULL, run, c) == 0;
	c->busy = c->has_thread;
	pthread_cond_signal(&c->wanted);
}

/* Called by SQLite after a commit. */
static int after_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct live_checkpoints *c = arg;
	bool own = false;

	(void)name;
	pthread_mutex_lock(&c->lock);
	if (pages < c->copied)
		c->copied = 0; /* the log began anew */
	int rest = pages - c->copied;
	if (pages >= MOST_PAGES || (pages >= LONG_PAGES && rest <= REST_PAGES && !c->busy))
		own = true;
	else if (rest >= ROUND_PAGES && !c->busy)
		want_round(c);
	pthread_mutex_unlock(&c->lock);
	if (own) {
		int copied = copy_pages(db);

		pthread_mutex_lock(&c->lock);
		c->copied = copied;
		pthread_mutex_unlock(&c->lock);
	}
	return SQLITE_OK;
}

struct live_checkpoints *live_checkpoints_new(sqlite3 *db, const char *path)
{
	struct live_checkpoints *c = mem_zalloc(sizeof *c);

	c->db = db;
	c->path = mem_strdup(path);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wanted, NULL);
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
	if (c->has_thread) {
		pthread_mutex_lock(&c->lock);
		c->ending = true;
		pthread_cond_signal(&c->wanted);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
	}
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->wanted);
	free(c->path);
	free(c);
}
