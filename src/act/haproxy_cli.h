/* HAProxy's Runtime API: one command, one connection, one answer (management guide, "Unix Socket
 * commands"). And its answers read: server states, counters, the process. */
#ifndef LLMDECK_ACT_HAPROXY_CLI_H
#define LLMDECK_ACT_HAPROXY_CLI_H

#include "act/lineup.h"

#define HAPROXY_ANSWER_MAX_BYTES (4u << 20)
#define HAPROXY_WEIGHT_MAX 256

struct haproxy_address {
	const char *path; /* a Unix socket; NULL: TCP, `host` */
	const char *host; /* "127.0.0.1:9999" */
};
/* "/path", "unix@/path", "127.0.0.1:9999", "ipv4@…"; points into `text`. */
int haproxy_address_read(struct haproxy_address *a, const char *text, struct err *err);

/* Sends one line and appends the whole answer. `why` says denied, unreachable, timed out or garbled;
 * maybe_changed is set once the line may have been read by the other side. */
enum act_result haproxy_command(const struct haproxy_address *a, const struct act_ask *ask, const char *line,
                                struct buf *answer, struct act_why *why);

struct haproxy_server {
	char name[128];
	int arm;              /* index, -1: of no arm */
	unsigned weight, initial;
	int op_state;         /* 0 stopped, 1 starting, 2 running, 3 stopping */
	unsigned admin_state; /* bits */
	bool backup;
	bool has_counters;
	uint64_t sessions, errors;
};
#define HAPROXY_SERVERS_MAX 256
struct haproxy_backend {
	struct haproxy_server servers[HAPROXY_SERVERS_MAX];
	size_t count;
	uint64_t process; /* another number: another process, so a reload or restart in between */
	char level[16];   /* "admin", "operator", "user" */
};
/* "ready", "drain", "maint", "down". */
const char *haproxy_server_state(const struct haproxy_server *s);
bool haproxy_server_takes_traffic(const struct haproxy_server *s); /* by its weight */

/* Reads `show cli level`, `show info`, `show servers state`, `show stat` for a backend. */
enum act_result haproxy_look(const struct haproxy_address *a, const struct act_ask *ask, const char *backend,
                             const struct lineup *lineup, struct haproxy_backend *out, struct act_why *why);
/* The two parsers, for tests and fuzzing: 0, or -1 when it is not that. */
int haproxy_parse_states(struct str answer, const char *backend, struct haproxy_backend *out);
int haproxy_parse_counters(struct str csv, struct haproxy_backend *out);

/* For doctor: do runtime weights survive a reload by this configuration text? Appends one sentence of
 * advice, nothing when they do. */
void haproxy_state_file_advice(struct str config, const char *backend, struct buf *out);

#endif
