/* What an Alertmanager holds, as it is shown beside our own alerts: those that others sent it, and all of
 * its silences. Plain data; strings are borrowed from whoever gave the record, never NULL. All text is
 * from outside. Times are wall microseconds, 0 = not known. */
#ifndef LLMDECK_CORE_ALERTMANAGER_H
#define LLMDECK_CORE_ALERTMANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the last try to read one went. */
enum am_health { AM_INIT, AM_OK, AM_FAILING, AM_DENIED };

/* One configured Alertmanager. */
struct am_status {
	const char *name;     /* the notifier's */
	enum am_health health;
	const char *words;    /* why it is not OK; "" */
	int64_t asked_us, answered_us; /* last try, and last one that gave alerts and silences */
	int64_t every_us;     /* how often it is asked */
	int64_t alert_count;  /* of others, as it has them */
	int64_t own_count;    /* ours among its alerts: they are not in the list */
	int64_t silence_count; /* not expired */
	int64_t left_out;     /* alerts and silences that are too many or too large to be kept */
};

struct am_alert {
	const char *manager;     /* the Alertmanager's name */
	const char *fingerprint; /* 16 hex digits */
	const char *name;        /* label alertname; "" */
	const char *severity;    /* label severity; "" */
	const char *labels;      /* a JSON object of texts, sorted by name */
	const char *state;       /* "active", "suppressed" or "unprocessed" */
	const char *silenced_by; /* ids of silences, apart by a blank; "" */
	const char *inhibited_by; /* fingerprints, apart by a blank; "" */
	const char *receivers;   /* names, apart by ", " */
	const char *summary;     /* annotation summary, else description, else message; "" */
	const char *runbook, *generator; /* links; "" */
	int64_t starts_us, updated_us;
	uint64_t hash;           /* am_labels_hash() of the labels; not stored */
};

struct am_silence {
	const char *manager;
	const char *id;
	const char *state;    /* "active", "pending" or "expired" */
	const char *matchers; /* `alertname="x" instance=~"db.*"`, sorted by name */
	const char *author, *comment;
	int64_t starts_us, ends_us, updated_us;
	int64_t mark;         /* the number in our mark at the comment's end, -1 in a mark without; 0 none */
	bool ours;            /* filled in by queries: made through us, and known to the store */
	const char *raw;      /* matchers, start, author and comment as they were read: JSON members; not stored, may be NULL */
};

/* "OK", "STALE", "DENIED", "FAILING" or "INIT": how much what is known of it is worth at now_us. Anything
 * but OK means that the lists are as old as answered_us says. */
const char *am_word(const struct am_status *s, int64_t now_us);
/* Are its lists of this moment? */
bool am_is_live(const struct am_status *s, int64_t now_us);

/* Whether an id can be one of a silence: hex digits and hyphens, at most 64 of them. */
bool am_is_silence_id(const char *text);
/* Whether a text is a fingerprint: 16 hex digits. */
bool am_is_fingerprint(const char *text);

#endif
