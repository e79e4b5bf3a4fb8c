/* The audit's chain: each row carries the SHA-256 of the row before it and of itself, so that a row
 * that was changed, taken out or put in shows, and a cut tail does against the head that was kept
 * elsewhere (the system log). */
#ifndef LLMDECK_STORE_AUDIT_H
#define LLMDECK_STORE_AUDIT_H

#include <stdint.h>

#include "base/sha256.h"
#include "store/writer.h"

#define AUDIT_HEAD_BYTES 96
/* "17:9f86d0…": number and chain of the newest row of the open transaction; "" when there is none. */
int store_writer_audit_head(struct store_writer *w, char out[AUDIT_HEAD_BYTES], struct err *err);

/* The chain value of a row: SHA-256 over the one before, the number, and each field behind its length. */
void audit_chain(const uint8_t before[SHA256_BYTES], int64_t id, const struct audit_entry *e,
                 uint8_t out[SHA256_BYTES]);

#endif
