/* The control socket's verb for feedback.
 *
 *   POST /v1/feedback/change   responder
 *   {"verb":"label", "ids":["17c2f…"], "name":"tone", "value":"rude",
 *    "session":"9f3a…", "claimed":"mia", "next":["17c30…", …]}
 *
 *   verb      takes                      does
 *   label     ids, name, value           sets a label (core/triage.h checks the value)
 *   unlabel   ids, name
 *   settle    ids                        done with; `dismiss`: nothing in it; `reopen` takes either back
 *   assign    ids, value                 "" for nobody
 *   note      ids, text                  stored redacted in the text file
 *   dataset   ids, text                  the corrected answer; "" takes the items out again
 *   lock      ids                        takes or keeps the lock of each; unlock gives it back (no ids: all)
 *   next      next                       see below
 *   undo      -                          the session's newest change that stands; redo: the last undone one
 *
 * Every verb may carry `next`: up to 256 candidates in the order of the reviewer's list. The first that
 * is open and not locked by another session is locked in the same commit, what the session held before
 * is given back, and the answer names it. So the change is durable before the next item shows, and two
 * sessions never hold the same item.
 *
 * `session` is a text of the console's own (up to 64 letters and digits, new for each console). A lock is
 * its session's and its process's: it ends with unlock, with a lock on something else, when the process
 * is gone (within a second), or 5 minutes after it was last taken or kept. Undo without a session is the
 * author's. Undo leaves items alone that somebody changed since.
 *
 * 200 after the commit:
 *   {"schema":1,"change":17,"changed":3,"unchanged":1,"refused":0,"locked":"17c30…"|null,"history":41,
 *    "undone":3,"words":"…"}
 *   change: the number that the history shows (null when nothing changed); refused: items locked by
 *   others, or changed since (undo); history: how many changes this session can still undo; undone:
 *   how many it can redo; words: one sentence for the toast.
 * 400 names the member that is wrong; 409 when everything was refused; one audit row per order, which
 * says how many items and which label, never a text. */
#ifndef LLMDECK_DAEMON_CONTROL_FEEDBACK_H
#define LLMDECK_DAEMON_CONTROL_FEEDBACK_H

#include "core/config.h"
#include "daemon/writer.h"
#include "net/http_server.h"
#include "net/loop.h"

#define FEEDBACK_BODY_MAX_BYTES ((size_t)512 << 10)

struct control_feedback;

/* Sweeps dead locks every second while there are any. `config` must outlive it, or until
 * control_feedback_set_config(). Loop's thread, as all below. */
struct control_feedback *control_feedback_new(struct loop *loop, struct writer *writer, const struct config *config);
void control_feedback_set_config(struct control_feedback *f, const struct config *config);
/* No sweep any more; before the writer stops. */
void control_feedback_stop(struct control_feedback *f);
void control_feedback_free(struct control_feedback **f);

void control_feedback_change(struct control_feedback *f, struct http_exchange *x);

/* The same order under the writer's lock, for a command without a collector. `json` gets the answer. */
int control_feedback_direct(struct store_writer *store, const struct config *config, struct str body, struct buf *json,
                            struct err *err);

/* POST /v1/forget (operator): {"user":"u1"} or {"import":"9f3a…"}, with "claimed"; 200 {"schema":1,"erased":N}.
 * Audited without saying whom. And the same without a collector. */
#define FORGET_BODY_MAX_BYTES 4096
void control_feedback_forget(struct control_feedback *f, struct http_exchange *x);
int control_feedback_forget_direct(struct store_writer *store, struct str body, int64_t *rows, struct err *err);

#endif
