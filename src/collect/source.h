/* What a source kind is: one const table entry and one file. A source brings events from somewhere
 * to the sink it is given. Every function is called on the I/O thread and must not block. */
#ifndef LLMDECK_COLLECT_SOURCE_H
#define LLMDECK_COLLECT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/config.h"
#include "core/options.h"
#include "core/sink.h"
#include "core/price_table.h"
#include "net/loop.h"

enum source_state {
	SOURCE_STARTING, /* nothing has come yet */
	SOURCE_OK,
	SOURCE_PAUSED,   /* the store cannot keep up */
	SOURCE_FAILING,  /* tried and failed; `words` says why; goes on trying */
	SOURCE_DENIED,   /* the other side refuses us; goes on trying, seldom */
};

/* What a source says about itself; it may change it at any time on the I/O thread. */
struct source_report {
	enum source_state state;
	struct err words;      /* one sentence why, "" when all is well */
	int64_t last_event_us; /* wall time of the newest success; 0 = never */
	uint64_t rows;         /* handed to the sink */
	uint64_t rejected;     /* records that could not be used */
	uint64_t repeated;     /* records that were told twice, and count once */
	int64_t took_us;       /* how long the other side took to answer last; 0 = it is not asked */
};

/* What a source gets to live on; valid until stop() has returned. */
struct source_env {
	const char *name; /* as configured; goes into every event's `source` */
	struct loop *loop;
	/* submit() only. `done` comes on the I/O thread, and not at all once stop() was called. On
	 * SINK_BUSY keep the batch and offer it again in the next poll(). */
	struct sink *sink;
	const char *store_path; /* to ask how far it had come (query_resume()); NULL: there is no store */
	const struct config *config; /* all of it: the tags' names; NULL for kinds that listen */
	const struct price_table *prices; /* may be NULL: everything is unpriced then */
	const union option_value *options; /* by the rows of source->options */
	/* Appends the collector's metrics page; NULL: there is none to serve. */
	void (*metrics)(void *arg, struct buf *out);
	void *metrics_arg;
	const struct config_section *section; /* for keys that the option table leaves free ("map.*") */
	struct source_report *report;
};

struct source {
	const char *kind;    /* as in the config: "demo" */
	const char *summary; /* one line */
	/* Rows of what the kind takes beside name and kind; name NULL ends it. A name that ends in ".*"
	 * lets every nested key through. An option whose `initial` is NULL must be given. */
	const struct option_row *options;
	/* Others reach it: while nothing of its section changes, a reload leaves it alone, with whoever is
	 * connected. It gets no `config`, which may go meanwhile. */
	bool listens;
	bool invented; /* brings data that is not real: allowed on a demo store only */
	/* Returns the source's state, NULL with a sentence when it can never work (bad option). What may
	 * heal by itself (nobody answers) is no reason to fail: report it and try again. */
	void *(*start)(const struct source_env *env, struct err *err);
	/* Does what is due and returns in how many microseconds to call again (0: at once, after
	 * others had their turn; -1: never, it watches the loop by itself). May be NULL. */
	int64_t (*poll)(void *state);
	/* The store cannot keep up: take nothing in until resume(). poll() is not called in between.
	 * Both may be NULL. */
	void (*pause)(void *state);
	void (*resume)(void *state);
	void (*stop)(void *state); /* frees */
};

extern const struct source *const sources[]; /* NULL-terminated */
const struct source *source_find(const char *kind); /* NULL when unknown */

/* "starting", "ok", "paused", "failing", "denied". */
const char *source_state_name(enum source_state s);

/* Checks a section against its kind's table. Returns an owned array with a value for each row
 * (texts point into the section or the table), NULL with a sentence that names line and column. */
union option_value *source_options(const struct source *s, const struct config_section *section,
                                   const char *config_path, struct err *err);

#endif
