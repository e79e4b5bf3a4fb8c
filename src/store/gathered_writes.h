/* SQLite's files, the log's small writes gathered: a page of it is written as its head and its bytes, one behind the
 * other, and goes to the system with others as one large write. A commit is in the file when SQLite tells others
 * of it, whether it is synced or not. Internal to store/. */
#ifndef LLMDECK_STORE_GATHERED_WRITES_H
#define LLMDECK_STORE_GATHERED_WRITES_H

/* The name for sqlite3_open_v2(), static. Any thread. NULL, SQLite's own way, when it cannot be had. */
const char *gathered_writes(void);

#endif
