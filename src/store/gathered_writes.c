/* The default file system with one function of its own, to open. What a file has gathered is written before
 * anything else is done with it, above all before it is synced: so whatever is said to be safe is, and what
 * failed to be written fails the sync. A failed write is forgotten, as SQLite undoes all of a transaction that
 * failed. Only the log gathers: what a checkpoint writes into the database counts as there without a sync when a
 * part of the log is still in use, and an error that came late would be told to nobody. */
#include "store/gathered_writes.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/mem.h"

#define LOG_FRAME_HEAD_BYTES 24 /* of each page in the log; its second number, the database's pages, is 0 but in commits */
#define GATHER_BYTES ((size_t)124 << 10) /* SQLite's own functions take less than 128 KiB at a time */

struct gathered_file {
	sqlite3_file file; /* first: SQLite knows the file by it */
	bool is_log;
	bool in_commit; /* what comes next is a commit's last page */
	char *bytes;
	size_t len;
	sqlite3_int64 at; /* in the file */
	_Alignas(sqlite3_int64) char real[]; /* SQLite aligns no better */
};

static sqlite3_file *real_of(struct gathered_file *g)
{
	return (sqlite3_file *)(void *)g->real;
}

static int write_gathered(struct gathered_file *g)
{
	sqlite3_file *real = real_of(g);
	size_t len = g->len;

	g->len = 0;
	return len ? real->pMethods->xWrite(real, g->bytes, (int)len, g->at) : SQLITE_OK;
}

static bool is_commit_head(const struct gathered_file *g, const void *bytes, size_t len)
{
	return g->is_log && len == LOG_FRAME_HEAD_BYTES && memcmp((const char *)bytes + 4, "\0\0\0", 4) != 0;
}

static int gather(struct gathered_file *g, const void *bytes, int amount, sqlite3_int64 at)
{
	sqlite3_file *real = real_of(g);
	size_t len = (size_t)amount;
	bool fits = g->len + len <= GATHER_BYTES, goes_on = at == g->at + (sqlite3_int64)g->len;
	int failed = fits && goes_on ? SQLITE_OK : write_gathered(g);

	if (failed)
		return failed;
	if (!g->is_log || len > GATHER_BYTES)
		return real->pMethods->xWrite(real, bytes, amount, at);
	if (!g->bytes)
		g->bytes = mem_alloc(GATHER_BYTES);
	if (!g->len)
		g->at = at;
	memcpy(g->bytes + g->len, bytes, len);
	g->len += len;
	return SQLITE_OK;
}

/* Others see a commit as soon as its last page is written. When heads are written anew, because pages were
 * changed after they had gone to the log, the commit's is the last one, alone. */
static int write_at(sqlite3_file *file, const void *bytes, int amount, sqlite3_int64 at)
{
	struct gathered_file *g = (struct gathered_file *)file;
	bool page = g->in_commit, head = is_commit_head(g, bytes, (size_t)amount), alone = head && !g->len;

	g->in_commit = head;
	int failed = gather(g, bytes, amount, at);
	return !failed && (page || alone) ? write_gathered(g) : failed;
}

/* Everything else is the real file's, after what was gathered. */
#define AFTER_WRITES(file, call)                                      \
	struct gathered_file *g = (struct gathered_file *)(file);     \
	sqlite3_file *real = real_of(g);                              \
	int failed = write_gathered(g);                               \
	return failed ? failed : real->pMethods->call

static int read_at(sqlite3_file *file, void *bytes, int amount, sqlite3_int64 at)
{
	AFTER_WRITES(file, xRead(real, bytes, amount, at));
}

static int truncate_to(sqlite3_file *file, sqlite3_int64 size)
{
	AFTER_WRITES(file, xTruncate(real, size));
}

static int sync_file(sqlite3_file *file, int flags)
{
	AFTER_WRITES(file, xSync(real, flags));
}

static int size_of(sqlite3_file *file, sqlite3_int64 *size)
{
	AFTER_WRITES(file, xFileSize(real, size));
}

static int lock_file(sqlite3_file *file, int level)
{
	AFTER_WRITES(file, xLock(real, level));
}

static int is_reserved(sqlite3_file *file, int *is)
{
	AFTER_WRITES(file, xCheckReservedLock(real, is));
}

static int control_file(sqlite3_file *file, int op, void *arg)
{
	AFTER_WRITES(file, xFileControl(real, op, arg));
}

static int map_shared(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
	AFTER_WRITES(file, xShmMap(real, region, size, extend, out));
}

static int lock_shared(sqlite3_file *file, int from, int count, int flags)
{
	AFTER_WRITES(file, xShmLock(real, from, count, flags));
}

/* Those that end something end it in any case. */
static int unlock_file(sqlite3_file *file, int level)
{
	struct gathered_file *g = (struct gathered_file *)file;
	int failed = write_gathered(g), unlocked = real_of(g)->pMethods->xUnlock(real_of(g), level);

	return failed ? failed : unlocked;
}

static int unmap_shared(sqlite3_file *file, int also_delete)
{
	struct gathered_file *g = (struct gathered_file *)file;

	return real_of(g)->pMethods->xShmUnmap(real_of(g), also_delete);
}

static int close_file(sqlite3_file *file)
{
	struct gathered_file *g = (struct gathered_file *)file;
	int failed = write_gathered(g), closed = real_of(g)->pMethods->xClose(real_of(g));

	free(g->bytes);
	return failed ? failed : closed;
}

static void shared_barrier(sqlite3_file *file)
{
	struct gathered_file *g = (struct gathered_file *)file;

	real_of(g)->pMethods->xShmBarrier(real_of(g));
}

static int sector_size(sqlite3_file *file)
{
	struct gathered_file *g = (struct gathered_file *)file;

	return real_of(g)->pMethods->xSectorSize(real_of(g));
}

static int device_characteristics(sqlite3_file *file)
{
	struct gathered_file *g = (struct gathered_file *)file;

	return real_of(g)->pMethods->xDeviceCharacteristics(real_of(g));
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, .xClose = close_file, .xRead = read_at, .xWrite = write_at, .xTruncate = truncate_to, .xSync = sync_file,
	.xFileSize = size_of, .xLock = lock_file, .xUnlock = unlock_file, .xCheckReservedLock = is_reserved,
	.xFileControl = control_file, .xSectorSize = sector_size, .xDeviceCharacteristics = device_characteristics,
	.xShmMap = map_shared, .xShmLock = lock_shared, .xShmBarrier = shared_barrier, .xShmUnmap = unmap_shared,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct gathered_file *g = (struct gathered_file *)file;
	sqlite3_vfs *system = sqlite3_vfs_find(NULL);

	(void)vfs;
	*g = (struct gathered_file){.is_log = flags & SQLITE_OPEN_WAL};
	real_of(g)->pMethods = NULL;
	int failed = system->xOpen(system, name, real_of(g), flags, out_flags);
	g->file.pMethods = real_of(g)->pMethods ? &methods : NULL;
	return failed;
}

static sqlite3_vfs gathering;
static const char *gathering_name;

static void set_up(void)
{
	sqlite3_vfs *system = sqlite3_vfs_find(NULL);

	if (!system)
		return;
	gathering = *system;
	gathering.zName = "llmdeck-gathered";
	gathering.szOsFile = (int)sizeof(struct gathered_file) + system->szOsFile;
	gathering.xOpen = open_file;
	if (sqlite3_vfs_register(&gathering, 0) == SQLITE_OK)
		gathering_name = gathering.zName;
}

const char *gathered_writes(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, set_up);
	return gathering_name;
}
