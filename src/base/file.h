/* Small files whole, and paths. */
#ifndef LLMDECK_BASE_FILE_H
#define LLMDECK_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the file's bytes; refuses anything that is no regular file or larger than max_bytes. */
int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);
/* Writes to a temporary name beside it, syncs, renames. */
int file_write_atomic(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err);
/* mkdir -p; each created folder gets `mode`. */
int file_make_dirs(const char *path, mode_t mode, struct err *err);
bool file_exists(const char *path);

/* Where things are by default; each returns an owned string. As root the system's places, unless
 * the variable is set.
 *   state:   $XDG_STATE_HOME/llmdeck  (~/.local/state/llmdeck; root: /var/lib/llmdeck)
 *   config:  $XDG_CONFIG_HOME/llmdeck (~/.config/llmdeck; root: /etc/llmdeck)
 *   runtime: $XDG_RUNTIME_DIR/llmdeck (else /tmp/llmdeck-UID, 0700, made here, or the state folder's
 *            run/ when that name is somebody else's; root: /run/llmdeck, also with /run/user/0)
 *   data:    NAME ("prices.json", "themes/dark.conf") in $LLMDECK_DATA, in the source tree when the
 *            program runs from its build folder (data/NAME or NAME), or where `make install` put it */
char *path_state_dir(void);
char *path_config_dir(void);
char *path_runtime_dir(void);
char *path_data_file(const char *name, struct err *err); /* NULL when not found */

#endif
