/* Asking for feedback that is to be worked through: a list that filters and sorts 100,000 items in a
 * few milliseconds, the texts of the rows that are on the screen, and one item with everything known
 * of it. Changes go through the collector (daemon/control_feedback.h). The rules of store/query.h hold.
 *
 *   struct feedback_filter f;
 *   feedback_filter_init(&f);                       everything, newest first
 *   query_feedback_list(reader, &f, &list, &err);   again at every load(): reads only what changed
 *   query_feedback_texts(reader, ids, n, &texts, &err);   the visible rows' texts
 *   query_feedback_item(reader, id, &item, &err);   the open one
 */
#ifndef LLMDECK_STORE_QUERY_FEEDBACK_H
#define LLMDECK_STORE_QUERY_FEEDBACK_H

#include "core/triage.h"
#include "store/query.h"

enum feedback_sort {
	FEEDBACK_BY_TIME,       /* newest first */
	FEEDBACK_BY_SCORE,      /* most negative first; without a score last */
	FEEDBACK_BY_MOOD,       /* negative, unknown, neutral, positive; newest first within */
	FEEDBACK_BY_CONFIDENCE, /* least sure first; without a verdict last */
};
enum feedback_assigned { ASSIGNED_ANY, ASSIGNED_NOBODY, ASSIGNED_SOMEBODY };

struct feedback_filter {
	int64_t from_us, to_us;    /* [from, to); feedback_filter_init(): all of time */
	unsigned moods;            /* bits 1u << enum mood; 0: all */
	unsigned states;           /* bits 1u << enum feedback_state; 0: all */
	const struct view *where;  /* dimension filters (service, deployment …); NULL: none. Its window is not looked at */
	enum feedback_assigned assigned;
	struct str assignee;       /* non-empty: must equal */
	struct str label;          /* "name" or "name=value"; empty: any */
	struct str language;       /* "de" also takes "de-AT"; empty: any */
	struct str text;           /* must occur in the stored text, case aside (ASCII); empty: any */
	bool in_dataset;           /* only items with a corrected answer */
	enum feedback_sort sort;
	bool reverse;
	int64_t budget_us;         /* how long reading may take before the list is given back incomplete; 0 = 15 ms */
};
void feedback_filter_init(struct feedback_filter *f);
/* Adds "mood:negative", "state:open", "assignee:mia", "assignee:none", "label:tone=rude", "language:de",
 * "service:checkout" (any dimension), "dataset:yes"; any other word is text to be found. For a prompt and
 * --where; `where` is the view the dimension filters go to. The texts are borrowed. */
int feedback_filter_add(struct feedback_filter *f, struct view *where, struct str word, struct err *err);

/* The light columns of an item. Names are indices into the result's names ([0] is ""). */
struct feedback_light {
	int64_t id;
	int64_t time_us;
	float score;       /* -1..1 of the verdict that stands; NaN: none, or by rating alone */
	float confidence;  /* 0..1; NaN: none */
	float rating;      /* stars 1-5; NaN */
	uint8_t mood, state; /* enum mood, enum feedback_state */
	bool has_text, noted, labelled, in_dataset, locked; /* locked: by anybody, when the list was read */
	uint32_t service, deployment, language, assignee, judge;
};
struct feedback_list {
	struct feedback_light *items; /* that pass, in order */
	size_t count;
	const char *const *names;
	size_t total;        /* items in the store that were looked at */
	size_t open;         /* of those that pass, but for their state: how many are still open, settled, dismissed */
	size_t settled, dismissed;
	bool complete;       /* false: the budget was up; ask again and more is there */
	bool text_withheld;  /* `text` could not be looked for: the text file cannot be read */
	struct arena arena;
};
int query_feedback_list(struct store_reader *r, const struct feedback_filter *f, struct feedback_list *out,
                        struct err *err);
void feedback_list_fini(struct feedback_list *list);

/* The stored (redacted) texts of `count` ids, in that order: ptr NULL where there is none or it is withheld. */
struct feedback_texts {
	struct str *texts;
	size_t count;
	bool withheld; /* the text file cannot be read */
	struct arena arena;
};
int query_feedback_texts(struct store_reader *r, const int64_t *ids, size_t count, struct feedback_texts *out,
                         struct err *err);
void feedback_texts_fini(struct feedback_texts *t);

enum text_state {
	TEXT_NONE,     /* none was given, or none is kept */
	TEXT_KEPT,
	TEXT_WITHHELD, /* "text withheld": the text file cannot be read by this user */
	TEXT_EXPIRED,  /* there was one; its retention is over */
};
struct feedback_verdict {
	const char *judge; /* name and version: "rating", "local/3", "azure-language/2023-04-01" */
	int64_t time_us;
	enum mood mood;
	double score;      /* -1..1; NaN */
	double confidence; /* of the mood; NaN */
	bool stands;       /* the item's mood is this one's */
	const char *words; /* why there is none; "" */
	struct str texts;  /* what it found in the text (opinions, phrases); empty: nothing, or withheld */
};
struct feedback_label {
	const char *name, *value, *author;
	int64_t time_us;
};
struct feedback_note {
	int64_t id, time_us;
	const char *author;
	struct str text;
	enum text_state state;
};
/* One field of one change; oldest first. */
struct feedback_event {
	int64_t change, time_us;
	const char *author, *verb, *field, *before, *after; /* field: "state", "assignee", "label:tone", "note", "dataset" */
	bool undone;
};
struct feedback_finding {
	const char *name; /* "pii:email", "jailbreak" */
	int severity;     /* 0-7; -1: it has none */
	int64_t count;
};
struct feedback_item {
	int64_t id;
	struct feedback item;      /* strings owned by the result; item.text when text_state is KEPT */
	enum text_state text_state;
	enum feedback_state state;
	int64_t settled_us;
	const char *settled_by, *assignee;
	bool locked;
	const char *lock_holder, *lock_session; /* who has it open */
	int64_t lock_until_us;

	bool has_request;          /* joined */
	int64_t request_id;
	bool request_kept;         /* the raw row is still there: `request` is whole; else only what was copied */
	struct request request;    /* latency, cost, tokens, status; flags, dims, attributes when kept */
	enum text_state question_state, answer_state;
	struct str question, answer; /* when they were kept (redacted) */
	enum text_state context_state;
	struct str context; /* what else was said in the call (system, tools), where it was told */

	struct feedback_verdict *verdicts;
	size_t verdict_count;
	struct feedback_label *labels;
	size_t label_count;
	struct feedback_note *notes;
	size_t note_count;
	struct feedback_event *events;
	size_t event_count;
	struct feedback_finding *findings; /* by our own patterns; the request's flags are in request.flags */
	size_t finding_count;
	struct evaluation *evaluations;    /* of its trace */
	size_t evaluation_count;
	bool in_dataset;
	struct str corrected;              /* the corrected answer */
	enum text_state corrected_state;
	struct arena arena;
};
/* -1 with "there is no feedback item …" when it is not there. */
int query_feedback_item(struct store_reader *r, int64_t id, struct feedback_item *out, struct err *err);
void feedback_item_fini(struct feedback_item *item);

/* What a judge has still to read: items with a text that were stored or changed behind the mark *touched
 * (0: those of the time since from_us), without a verdict of `judge`; oldest change first, at most `limit`.
 * *touched moves behind them. Texts that cannot be read are passed over. *judged_today: verdicts of
 * `judge` since the day began (UTC); may be NULL. */
struct waiting_text {
	int64_t id;
	struct str text, language;
};
struct waiting_texts {
	struct waiting_text *rows;
	size_t count;
	struct arena arena;
};
int query_feedback_waiting(struct store_reader *r, struct str judge, int64_t from_us, size_t limit, int64_t *touched,
                           int64_t *judged_today, struct waiting_texts *out, struct err *err);
void waiting_texts_fini(struct waiting_texts *w);

/* "17c2f…" as shown and taken: the id in hexadecimal. False when it is none. */
bool feedback_id_parse(struct str text, int64_t *out);

#endif
