/* Bodies of metrics that come a second time. Increases (delta temporality) are added to what is kept of
 * their reporter when they are read, so a body that could not be stored, or whose answer was lost, must not
 * be read again when its sender repeats it. Told apart by a hash of their bytes, which hold the time of
 * each point. One thread. */
#ifndef LLMDECK_COLLECT_OTLP_AGAIN_H
#define LLMDECK_COLLECT_OTLP_AGAIN_H

#include "base/buf.h"
#include "base/err.h"
#include "core/event.h"

#define AGAIN_BODIES 512
enum again {
	AGAIN_NEW,    /* not seen; it is now under way */
	AGAIN_UNDER_WAY,
	AGAIN_STORED,
	AGAIN_READ,   /* read, but not stored: *batch is what was read, owned by the caller; under way again */
};
struct otlp_again {
	struct again_body {
		uint64_t hash; /* 0: free */
		enum again state;
		struct buf rows; /* batch_encode()d */
	} bodies[AGAIN_BODIES];
	size_t next;
};
enum again otlp_again_look(struct otlp_again *a, uint64_t hash, struct batch **batch);
/* Keeps what was read of it, before it is handed on. */
void otlp_again_keep(struct otlp_again *a, uint64_t hash, const struct batch *read);
/* How it ended. */
void otlp_again_end(struct otlp_again *a, uint64_t hash, bool stored);
/* It was not readable: as if it had not come. */
void otlp_again_drop(struct otlp_again *a, uint64_t hash);
void otlp_again_fini(struct otlp_again *a);
/* Never 0. */
uint64_t otlp_again_hash(struct str body);

#endif
