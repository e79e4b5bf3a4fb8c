/* Files of SQLite whose small writes, one behind the other, go to the system as few large ones: a page of the log is
 * written as its head and its bytes, and a checkpoint writes page by page. A commit is in the file when SQLite
 * tells others of it, whether it is synced or not. Internal to store/. */
#ifndef LLMDECK_STORE_GATHERED_WRITES_H
#define LLMDECK_STORE_GATHERED_WRITES_H

/* The name for sqlite3_open_v2(), static. Any thread. NULL, SQLite's own way, when it cannot be had. */
const char *gathered_writes(void);

#endif
