/* A thread that unpacks and decodes OTLP bodies, so that a large or hostile one does not keep the I/O
 * thread from its other work. Bodies are decoded in the order in which they came. */
#ifndef LLMDECK_COLLECT_OTLP_DECODER_H
#define LLMDECK_COLLECT_OTLP_DECODER_H

#include "collect/otlp_intake.h"
#include "net/loop.h"

struct otlp_decoder;

enum otlp_verdict {
	OTLP_DAMAGED = 0, /* `err` says how */
	OTLP_TOO_LARGE,   /* unpacks to more than the bound */
	OTLP_DECODED,
};

/* One body and what became of it. The caller's, untouched by him between put and done. */
struct otlp_job {
	struct otlp_job *next;
	struct str body;     /* borrowed until done() */
	enum otlp_signal signal;
	bool json, gzip;
	enum otlp_verdict verdict;
	struct batch *batch; /* DECODED: the caller's to take; else NULL */
	struct otlp_tally tally;
	struct err err;
};

/* `prices` may be NULL and must outlive it. done() is called on the loop's thread. NULL when the thread
 * does not start. */
struct otlp_decoder *otlp_decoder_new(const char *source, const struct price_table *prices, struct loop *loop,
                                      size_t body_max_bytes, void (*done)(void *arg, struct otlp_job *job), void *arg,
                                      struct err *err);
/* Loop's thread. */
void otlp_decoder_put(struct otlp_decoder *d, struct otlp_job *job);
/* Ends after the body in hand; done() is called for every job that was put, undecoded ones as damaged.
 * NULL is fine. */
void otlp_decoder_free(struct otlp_decoder **d);

#endif
