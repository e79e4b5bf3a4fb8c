/* A connection of its own, opened by the thread with the first order. A passive checkpoint waits for nobody and
 * holds up nobody; what it could not bring over is left to the next one, in the end to the writer's own. So a
 * failure here is no failure. */
#include "store/checkpoint.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "base/mem.h"

struct checkpointer {
	char *path;
	sqlite3 *db; /* the thread's */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ordered, ending; /* under lock; ordered: until it is done */
	int copied;           /* pages, by the newest round; -1: taken. Under lock */
};

/* A connection knows of the log from its first look at the database on; until then it has nothing to bring over. */
static bool open_connection(struct checkpointer *c)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_open_v2(c->path, &c->db, flags, NULL) == SQLITE_OK &&
	    sqlite3_exec(c->db, "PRAGMA schema_version", NULL, NULL, NULL) == SQLITE_OK)
		return true;
	sqlite3_close(c->db);
	c->db = NULL;
	return false;
}

/* The number of pages that are in the file since the log began. */
static int bring_over(struct checkpointer *c)
{
	int pages = 0, copied = 0;

	if (!c->db && !open_connection(c))
		return 0;
	sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
	return copied > 0 ? copied : 0;
}

static void *run(void *arg)
{
	struct checkpointer *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->ending || c->ordered) {
		if (!c->ordered) {
			pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		int copied = bring_over(c);
		pthread_mutex_lock(&c->lock);
		c->copied = copied;
		c->ordered = false;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

struct checkpointer *checkpointer_new(const char *path)
{
	struct checkpointer *c = mem_zalloc(sizeof *c);

	c->path = mem_strdup(path);
	c->copied = -1;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	return c;
}

void checkpointer_free(struct checkpointer **cp)
{
	struct checkpointer *c = *cp;

	if (!c)
		return;
	if (c->has_thread) {
		pthread_mutex_lock(&c->lock);
		c->ending = true;
		pthread_cond_broadcast(&c->changed);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
	}
	sqlite3_close(c->db);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	free(c->path);
	free(c);
	*cp = NULL;
}

void checkpointer_begin(struct checkpointer *c)
{
	if (!c->has_thread)
		c->has_thread = pthread_create(&c->thread, NULL, run, c) == 0;
	if (!c->has_thread)
		return;
	pthread_mutex_lock(&c->lock);
	c->ordered = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void checkpointer_wait(struct checkpointer *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->ordered)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

int checkpointer_take(struct checkpointer *c, bool *busy)
{
	int copied;

	pthread_mutex_lock(&c->lock);
	*busy = c->ordered;
	copied = c->copied;
	c->copied = -1;
	pthread_mutex_unlock(&c->lock);
	return copied;
}
