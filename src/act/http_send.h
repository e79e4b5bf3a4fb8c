/* Requests of an actuator over HTTP, one after another on its worker's thread: waiting where the other
 * side asks for it, long-running operations followed to their end, refusals put into words. */
#ifndef LLMDECK_ACT_HTTP_SEND_H
#define LLMDECK_ACT_HTTP_SEND_H

#include "act/lineup.h"
#include "net/http_client.h"

#define SEND_ANSWER_MAX_BYTES (4u << 20)

struct sender {
	struct http_client *client;
	const char *target;         /* for words */
	const struct config_section *section; /* "headers.NAME" are sent, secrets looked up each time */
	const char *ca_path;        /* "" the system's */
	int64_t request_timeout_us; /* of one request */
	int64_t poll_us;            /* between looks at a long-running operation, where it does not say */
};

struct sending {
	const char *method, *url;
	struct str body;
	const char *body_type;
	const char *extra[4]; /* further header lines, NULL-terminated */
	bool changes;         /* sets why->maybe_changed once it may have been received */
};

/* Sends and waits for the answer: OK with any status but 429 and 503, which are waited out as long as
 * Retry-After and the deadline allow and are RETRY then. */
enum act_result sender_fetch(const struct sender *s, const struct act_ask *ask, const struct sending *q,
                             struct http_got *got, struct act_why *why);
/* After a change was answered 200-202: follows Azure-AsyncOperation, Operation-Location, or 202 with
 * Location, on the same host only. `got` becomes the last answer. OK at once when there is nothing to follow. */
enum act_result sender_follow(const struct sender *s, const struct act_ask *ask, const char *url,
                              struct http_got *got, struct act_why *why);
/* OK for 2xx; else what the status means, with the answer's own words. */
enum act_result sender_judge(const struct sender *s, const struct http_got *got, const char *url, struct act_why *why);
/* The message in an error body: error.message, message, detail, title, or its beginning; harmless. */
void sender_words(const struct http_got *got, char *out, size_t cap);
/* Sleeps, in slices; false when the ask is over (why is filled). */
bool sender_sleep(const struct sender *s, const struct act_ask *ask, int64_t us, struct act_why *why);

#endif
