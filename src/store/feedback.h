/* The writer's part that stores feedback, its texts and verdicts, and what requests leave for it.
 * Internal to store/. */
#ifndef LLMDECK_STORE_FEEDBACK_H
#define LLMDECK_STORE_FEEDBACK_H

#include "store/writer_private.h"

/* Prepares the statements; the texts' after open_texts() (nothing when there is no text file). */
int feedback_open(struct store_writer *w, struct err *err);
int feedback_open_texts(struct store_writer *w, struct err *err);
void feedback_close(struct store_writer *w);
/* Begins the memory of responses anew, from the newest rows: at the start, and after a rollback. */
int feedback_load_recent(struct store_writer *w, struct err *err);

/* Puts the traces and responses of items without a request into w->waiting. */
int feedback_load_waiting(struct store_writer *w, struct err *err);
/* Joins the items that waited for the trace of the request `id`, which is in w->packed. */
int feedback_join_trace(struct store_writer *w, int64_t id, struct store_counts *counts, struct err *err);
/* A request was stored, or was found to be part of `id`: keeps its texts and its response id, and joins
 * the items that waited for that. */
int feedback_note_request(struct store_writer *w, int64_t id, const struct request *r, struct store_counts *counts,
                          struct err *err);

/* The latest requests by the id of their response. */
struct recent_response {
	uint64_t hash; /* 0 = free */
	int64_t id;
	bool paired;   /* two services told of it */
};
/* NULL when it is not among them. */
struct recent_response *feedback_recent_response(struct store_writer *w, struct str response_id);
/* A request turns out to be part of another: its texts and its response are that one's, where that has none. */
int feedback_move_request(struct store_writer *w, int64_t from, int64_t to, struct err *err);
/* Keeps texts of the request `id` in the text file; empty ones change nothing. */
int feedback_keep_exchange(struct store_writer *w, int64_t id, struct str question, struct str answer, struct str context,
                           struct err *err);

/* The next number of feedback.touched. */
int64_t feedback_touch(struct store_writer *w);
/* Opens the text file's transaction: 1 it is open, 0 there is no text file, -1 error. */
int feedback_begin_texts(struct store_writer *w, struct err *err);
/* Stores what judges say of items that are there; one who reads the text takes the place of another, but
 * not of a rating or a score (feedback_verdict.c). */
int feedback_add_verdicts(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
/* Erases everything about an item but its row and its share of the rollups. */
int feedback_forget_item(struct store_writer *w, int64_t id, struct err *err);
/* Erases a request's texts and response id. */
int feedback_forget_request(struct store_writer *w, int64_t id, struct err *err);

#endif
