/* Private folders for stores that end with the program: the demo's, and that of `-e URL`. */
#ifndef LLMDECK_CLI_THROWAWAY_H
#define LLMDECK_CLI_THROWAWAY_H

#include "base/err.h"

#define THROWAWAY_STORE "llmdeck.db" /* the store's name in its folder */

/* Makes a new folder, mode 0700, under the runtime folder, named after `kind` and this process.
 * Sweeps away what crashes of earlier ones left behind. *out is owned by the caller. */
int throwaway_make(const char *kind, char **out, struct err *err);
/* Removes the files in it and the folder itself; it never holds folders. Fine when it has gone. */
void throwaway_remove(const char *path);
/* The same, to be called with the path when a collector has ended. */
void throwaway_remove_after(void *path);

#endif
