/* The answers of an OTLP/HTTP receiver, in the form of the request. Pure. Source: the OTLP
 * specification, "OTLP/HTTP Response": an Export…ServiceResponse on success, with partial_success
 * where records were rejected, and google.rpc.Status on failure. */
#ifndef LLMDECK_COLLECT_OTLP_REPLY_H
#define LLMDECK_COLLECT_OTLP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "parse/otlp.h"

enum otlp_form { OTLP_FORM_UNKNOWN, OTLP_FORM_JSON, OTLP_FORM_PROTOBUF };

/* The form that a Content-Type header names, parameters aside; NULL is unknown. */
enum otlp_form otlp_form_of(const char *content_type);

/* Appends the body of a success, and returns its content type. `rejected` 0: all was taken, and
 * `words` is not used. */
const char *otlp_reply_success(enum otlp_form form, enum otlp_signal signal, uint64_t rejected, const char *words,
                               struct buf *out);

/* Appends a google.rpc.Status for an HTTP status; an unknown form is answered in JSON. Returns the
 * content type. */
const char *otlp_reply_failure(enum otlp_form form, int http_status, const char *sentence, struct buf *out);

#endif
