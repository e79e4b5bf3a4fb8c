/* Importing one file or stream of requests, feedback or billing rows through a sink: reading,
 * mapping, pricing, and marks that make it interrupt-safe. Memory is bounded whatever the size of the
 * file. */
#ifndef LLMDECK_COLLECT_IMPORT_H
#define LLMDECK_COLLECT_IMPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "core/event.h"
#include "core/sink.h"
#include "judge/price.h"
#include "parse/mapping.h"
#include "parse/rows.h"

struct import_progress {
	uint64_t bytes_done, bytes_total; /* total 0: unknown (a pipe) */
	uint64_t rows, rejected;
};

struct import_job {
	const char *path;               /* "-" = standard input */
	enum rows_format format;
	struct mapping_options mapping; /* source is filled in from the path */
	const struct price_table *prices; /* NULL: nothing is priced */
	struct sink *sink;              /* NULL: a dry run, nothing is stored */
	bool again;                     /* import even what is known */
	const struct import_mark *known; /* marks of the store */
	size_t known_count;
	FILE *rejects;                  /* gets the bytes of rejected records; NULL: nobody wants them */
	const atomic_int *stop; /* set: finish the batch in hand and come back; NULL: never */
	/* "FILE:LINE:COLUMN: reason" of each reject; called on the reading thread. */
	void (*on_reject)(void *arg, const char *sentence);
	/* Something the user should know: ignored columns, where it continues; on either thread, never at
	 * the same time. */
	void (*on_note)(void *arg, const char *sentence);
	/* After each batch, on the caller's thread. */
	void (*on_progress)(void *arg, const struct import_progress *p);
	/* The mapping in words, at the end of a dry run. */
	void (*on_mapping)(void *arg, const char *text);
	void *arg;
};

struct import_totals {
	uint64_t imported, rejected, duplicates;
	bool stopped;       /* ended by *stop: the same command goes on from here */
	uint64_t lines;     /* how far it came */
	uint64_t bytes;
};

/* Runs the job; adds to `totals`. -1 with a sentence when the input cannot be read or a batch cannot be
 * stored; what was stored before stays and is continued next time. */
int import_run(const struct import_job *job, struct import_totals *totals, struct err *err);

#endif
