/* The writer's part that stores feedback, its texts and verdicts, and what requests leave for it.
 * Internal to store/. */
#ifndef LLMDECK_STORE_FEEDBACK_H
#define LLMDECK_STORE_FEEDBACK_H

#include "store/writer_private.h"

/* Prepares the statements; the texts' after open_texts() (nothing when there is no text file). */
int feedback_open(struct store_writer *w, struct err *err);
int feedback_open_texts(struct store_writer *w, struct err *err);
void feedback_close(struct store_writer *w);
/* After a rollback: what was remembered of rows that are not there. */
void feedback_forget_recent(struct store_writer *w);

/* Puts the traces and responses of items without a request into w->waiting. */
int feedback_load_waiting(struct store_writer *w, struct err *err);
/* Joins the items that waited for the trace of the request `id`, which is in w->packed. */
int feedback_join_trace(struct store_writer *w, int64_t id, struct store_counts *counts, struct err *err);
/* A request was stored, or was found to be part of `id`: keeps its texts and its response id, and joins
 * the items that waited for that. */
int feedback_note_request(struct store_writer *w, int64_t id, const struct request *r, struct store_counts *counts,
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
/* Erases a request's question, answer and response id. */
int feedback_forget_request(struct store_writer *w, int64_t id, struct err *err);

#endif
