/* The writer's lock: PATH.lock, held with flock, with the holder's pid in it. The kernel lets go
 * of it when the process ends, however it ends. Internal to store/. */
#ifndef LLMDECK_STORE_LOCK_H
#define LLMDECK_STORE_LOCK_H

#include "base/err.h"

/* A descriptor to keep open while writing, or -1 with a sentence that names the holder. */
int lock_take(const char *path, struct err *err);
void lock_release(int fd);
/* Pid of the holder, 0 when nobody holds it. */
int lock_owner(const char *path);

#endif
