/* request_rows: raw requests as a table for SQL, on our own connections. The views v_requests and v_flags
 * stand on it. Internal to store/. */
#ifndef LLMDECK_STORE_REQUEST_ROWS_H
#define LLMDECK_STORE_REQUEST_ROWS_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/err.h"

int request_rows_register(sqlite3 *db, struct err *err);
/* Whether this thread is inside of it: what is then read of tables is read on its behalf. */
bool request_rows_at_work(void);

#endif
