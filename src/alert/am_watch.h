/* Watches one Alertmanager: reads its alerts and silences again and again, and carries out what people ask
 * of them, reading back what came of it. Everything runs on the loop's thread. */
#ifndef LLMDECK_ALERT_AM_WATCH_H
#define LLMDECK_ALERT_AM_WATCH_H

#include "base/err.h"
#include "core/alertmanager.h"
#include "core/section.h"
#include "net/loop.h"

/* What is known after a try. The lists are those of the last answer; `digest` tells whether they differ from
 * those of an earlier reading (0: there was no answer yet). Borrowed for the call. */
struct am_reading {
	struct am_status status;
	const struct am_alert *alerts; /* ours among them */
	const bool *ours;              /* which of them */
	size_t alert_count;
	const struct am_silence *silences;
	size_t silence_count;
	uint64_t digest;
};

struct am_watch_options {
	const char *name;                     /* the notifier's */
	const struct config_section *section; /* url, headers */
	int64_t timeout_us, every_us;
	const char *ca;                       /* "" the system's */
	bool insecure;
	void (*read)(void *arg, const struct am_reading *r);
	void *arg;
};

struct am_watch;

/* What `o` points to must outlive it. The first try comes with the first am_watch_own(), or after every_us. */
struct am_watch *am_watch_new(struct loop *loop, const struct am_watch_options *o);
/* Deeds that are under way end undone. */
void am_watch_free(struct am_watch **w);
/* What the alerts we send look like, by am_labels_hash(): those are ours for a while after they are gone. */
void am_watch_own(struct am_watch *w, const uint64_t *hashes, size_t count);
/* Has what is known an alert with this fingerprint, or a silence with this id? */
bool am_watch_knows(const struct am_watch *w, const char *target);

enum am_verb { AM_SILENCE, AM_EXPIRE, AM_EXTEND };

struct am_outcome {
	bool done;            /* and read back */
	bool unsure;          /* it was sent, and may have happened */
	char manager[101];    /* the Alertmanager's name */
	char silence[65];     /* the silence it is about; "" none */
	char words[300];      /* why it is not done */
	int64_t mark;         /* our own number of it; 0 none */
	int64_t before_us, after_us; /* when it ended before, and ends now; 0 none */
};
/* Begins a deed: a silence for an alert (target: its fingerprint), the end of a silence (target: its id), or
 * another end for one. Strings are copied. `done` is called once, perhaps before this returns. */
void am_watch_do(struct am_watch *w, enum am_verb verb, const char *target, int64_t until_us, const char *author, const char *comment,
                 void (*done)(void *arg, const struct am_outcome *outcome), void *arg);

#endif
