/* What stands before the command's name: which store, socket and config a run is about. */
#ifndef LLMDECK_CLI_GLOBAL_H
#define LLMDECK_CLI_GLOBAL_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/command.h"

/* The options every command takes; name NULL ends it. */
extern const struct command_option global_options[];

/* What the words said, borrowed from argv. */
struct global_words {
	const char *store, *config, *socket, *context;
	bool help, version;
};

/* Takes the global options out of argv[1..], before the command's name and, where the command has
 * no option of that name, behind it too, and leaves the command's words in argv[0..*argc). An
 * option in front of the command that is not global is an error with a suggestion. */
int global_take(struct global_words *w, int *argc, char **argv, struct err *err);

/* Resolves paths in this order: option, environment (LLMDECK_STORE, LLMDECK_CONFIG,
 * LLMDECK_CONTEXT), context, the system's store when it can be read, one's own. A config that
 * cannot be read leaves the defaults in force and the reason in g->config_error; -1 only for a
 * context that does not exist. global_fini in either case. */
int global_resolve(struct global *g, const struct global_words *w, const char *program,
                   struct err *err);
void global_fini(struct global *g);

/* Where the collector of `store_path` listens: the system's socket for the system's store, one's
 * own for one's own, and a name made from the path's hash for any other store, under /run/llmdeck
 * when there is one and else under the runtime folder. Owned string. */
char *global_socket_path(const char *store_path);

const struct command *command_find(const char *name);
/* The whole program's --help text. */
void global_help(struct buf *out);

#endif
