/* A store in a folder of its own, its writer and a batch to fill: one for each test. */
#ifndef LLMDECK_TESTS_TEMP_STORE_H
#define LLMDECK_TESTS_TEMP_STORE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"
#include "store/query.h"
#include "store/writer.h"

static char folder[64], path[96];
static struct store_writer *w; /* NULL until open_writer() */
static struct batch *b;
static struct store_counts counts;
static struct err err;

static inline void must(int result)
{
	if (result)
		fail_msg("%s", err.text);
}

static inline void open_writer(int64_t now_us)
{
	struct store_options o = {.now_us = now_us};

	must(store_writer_open(&w, path, &o, &err));
}

/* What is in the batch is stored and can be read by *r; the batch is empty afterwards. */
static inline void store_batch(int64_t now_us, struct store_reader **r)
{
	open_writer(now_us);
	must(store_writer_append(w, b, &counts, &err));
	must(store_writer_commit(w, &err));
	store_writer_close(&w);
	batch_reset(b);
	must(store_reader_open(r, path, &err));
}

/* The folder and the batch; no file yet. */
static inline int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/llmdeck-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/t.db", folder);
	memset(&counts, 0, sizeof counts);
	err.text[0] = '\0';
	b = batch_new();
	return 0;
}

static inline int remove_folder(void **state)
{
	char command[128];

	(void)state;
	store_writer_close(&w);
	batch_free(&b);
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

#endif
