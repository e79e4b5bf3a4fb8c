/* A folder with a store, a control socket and a collector of its own process: what the tests of the
 * collector stand on. */
#ifndef LLMDECK_TESTS_COLLECTOR_PLACE_H
#define LLMDECK_TESTS_COLLECTOR_PLACE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "console/control_client.h"
#include "daemon/spawn.h"
#include "parse/config.h"
#include "store/query.h"

#define DEADLINE_US (90 * US_PER_S) /* sanitizers on a busy machine are slow */

struct place {
	char folder[64], store[96], socket[96], log[96];
	struct config config;
	struct collector_child *child;
	struct control_client *client; /* of the socket; asks nothing by itself */
	struct store_reader *reader;   /* NULL until a test opens it */
	int port;                      /* of the receiver, where one listens */
};

/* As cmocka's set-up: others may enter the folder, nothing runs yet. */
static inline int make_place(void **state)
{
	struct place *p = mem_zalloc(sizeof *p);

	snprintf(p->folder, sizeof p->folder, "/tmp/llmdeck-place-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	assert_int_equal(chmod(p->folder, 0755), 0);
	snprintf(p->store, sizeof p->store, "%s/s.db", p->folder);
	snprintf(p->socket, sizeof p->socket, "%s/c.sock", p->folder);
	snprintf(p->log, sizeof p->log, "%s/log", p->folder);
	config_init(&p->config);
	p->client = control_client_new(p->socket);
	*state = p;
	return 0;
}

static inline int remove_place(void **state)
{
	struct place *p = *state;
	char command[128];

	collector_child_stop(&p->child, DEADLINE_US);
	control_client_free(&p->client);
	store_reader_close(&p->reader);
	config_fini(&p->config);
	snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

/* Options for a collector of the place as it is, for a test that wants more of it. */
static inline struct spawn_options place_options(const struct place *p)
{
	return (struct spawn_options){
		.collector = {.store_path = p->store, .socket_path = p->socket, .config = &p->config}, .log_path = p->log,
	};
}

static inline void place_start(struct place *p, const struct spawn_options *o)
{
	struct err err = {""};

	if (collector_child_start(&p->child, o, DEADLINE_US, &err))
		fail_msg("%s", err.text);
}

/* Starts it with that configuration instead of the one before. */
static inline void place_start_with(struct place *p, struct str yaml)
{
	struct spawn_options o = place_options(p);
	struct err err = {""};

	config_fini(&p->config);
	if (config_parse(&p->config, yaml, "test.yaml", &err))
		fail_msg("%s", err.text);
	place_start(p, &o);
}

static inline void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

#endif
