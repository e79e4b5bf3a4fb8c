/* The feedback page: the list that is worked through, the item that is open, groups of similar remarks,
 * the trend. What the store tells is in the state, what the person does is in the desk; both are plain
 * data, so that the page is drawn from them alone. */
#ifndef LLMDECK_PANELS_TRIAGE_H
#define LLMDECK_PANELS_TRIAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "core/triage.h"
#include "judge/clusters.h"
#include "panels/fleet.h"
#include "panels/panel.h"
#include "store/query_feedback.h"

#define TRIAGE_TEXTS_BEFORE 150 /* rows around the cursor whose texts are loaded */
#define TRIAGE_TEXTS_AFTER 250
#define TRIAGE_KEYS 9

/* What the loader's thread remembers from load to load. */
struct triage_kept {
	struct clusters *clusters;
	struct intmap numbers;   /* feedback id -> number in clusters, counted from 1 */
	uint64_t scanned_for;    /* the list that was walked last, as a hash … */
	size_t scanned;          /* … and how far */
	size_t total;
	uint64_t found_for, found_list; /* what the groups below were found for */
	int64_t found_mono_us;
	size_t found_numbers;
	struct cluster groups[CLUSTERS_MAX];
	size_t group_count;
	uint8_t *group_of;       /* by number */
	size_t group_of_count;
};

struct triage_state {
	struct feedback_list list;
	uint32_t *rows;          /* indices into list.items that the chosen group lets through */
	size_t row_count;
	struct feedback_texts texts; /* of rows[texts_from …] */
	size_t texts_from;
	struct cluster clusters[CLUSTERS_MAX];
	size_t cluster_count, cluster_steps;
	int64_t cluster_span_us;
	bool clustering;         /* not all remarks have been read yet */
	bool has_item;
	struct feedback_item item;
	char item_cluster[CLUSTER_NAME_BYTES];
	int64_t incident_id;     /* the newest that is open; 0: none */
	char incident_title[120];
	char words[200];         /* what is wrong with the filter or the item; "" */
	struct fleet fleet;
	bool has_fleet;
};

/* What the person does: the UI thread's. Strings that come from outside are made harmless when drawn. */
struct triage_desk {
	const struct label_set *labels; /* the keys 1-9; the config's */
	size_t label_count;
	bool opened;          /* the item is open: digits set labels */
	int64_t item;         /* that is open, and locked by us */
	int64_t cursor_id;    /* in the list */
	size_t cursor_row, top_row;
	int scroll;           /* lines of the item that are above its first one shown */
	struct intmap marks;  /* by id */
	int64_t range_from;   /* id where V began; 0 none */
	bool busy;            /* an order is under way */
	int choosing;         /* label set whose value is to be picked, counted from 1; 0 none */
	/* this session */
	int64_t settled, dismissed, history, undone;
	double per_hour;      /* settled and dismissed */
};

/* Loader thread. query->kept is a struct triage_kept. */
int triage_load(const struct panel_query *query, struct triage_state *t, struct err *err);
void triage_fini(struct triage_state *t);
/* The state of the feedback panel's page; in feedback.c. */
const struct triage_state *triage_of(const void *state);
void triage_kept_fini(void *kept);
void triage_draw(const struct triage_state *t, const struct panel_frame *frame, struct surface *s);
/* The first rows with texts, for exports. */
void triage_rows(const struct triage_state *t, struct sheet *out);

/* The light row at a place of the list; NULL behind its end. */
const struct feedback_light *triage_row(const struct triage_state *t, size_t row);
/* Where an id is, looked for from `near` on; row_count when it is not in the list. */
size_t triage_find_row(const struct triage_state *t, int64_t id, size_t near);
/* The row under the cursor as the list stands now: its id's, or the nearest to where it was. */
size_t triage_cursor(const struct triage_state *t, const struct triage_desk *desk);
/* Its text; ptr NULL when it is not loaded, withheld, or there is none. */
struct str triage_text(const struct triage_state *t, size_t row);
/* Rows that the list has in a page of this size. */
size_t triage_visible(int width, int height);
/* The label's value on the item; NULL when it is not set. */
const char *triage_label(const struct triage_state *t, const char *name);
/* 17c2f… */
#define TRIAGE_ID_BYTES 20
char *triage_id(int64_t id, char out[TRIAGE_ID_BYTES]);

/* panels/triage_item.c: the item that is shown, with its context, in the whole surface. */
void triage_draw_item(const struct triage_state *t, const struct triage_desk *desk, const struct panel_frame *frame,
                      struct surface *s);

#endif
