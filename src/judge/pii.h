/* Personal data and secrets in a text, by pattern and check digit. Pure; no model, no state. What only
 * looks alike (a wrong check digit, an impossible number) is left alone. */
#ifndef LLMDECK_JUDGE_PII_H
#define LLMDECK_JUDGE_PII_H

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

enum pii_kind {
	PII_EMAIL,
	PII_URL,             /* any link */
	PII_URL_CREDENTIALS, /* a link with user and password in it */
	PII_SECRET,          /* API keys and tokens of the common vendors, private keys, JWTs */
	PII_IBAN,            /* ISO 13616, mod 97 */
	PII_CARD,            /* 13-19 digits, Luhn */
	PII_NATIONAL_ID,     /* US SSN, UK NINO, Spanish DNI/NIE, French NIR, Italian codice fiscale */
	PII_IP,              /* v4 and v6 */
	PII_PHONE,
	PII_NAME,            /* only behind "my name is", "Mr." and the like */
	PII_ADDRESS,         /* house number and street */
	PII_KIND_COUNT
};
/* "email", "url", … and what redaction puts in its place: "[EMAIL]". */
const char *pii_name(enum pii_kind kind);
const char *pii_placeholder(enum pii_kind kind);

struct pii_span {
	enum pii_kind kind;
	size_t start, end; /* bytes of the text: [start, end) */
};

/* Finds up to `cap` spans, in order of their starts, not overlapping, but that a URL's IP address follows the URL as a
 * span of its own within it; returns how many. */
size_t pii_find(struct str text, struct pii_span *out, size_t cap);

/* Appends the text with every span replaced by its placeholder; links without credentials stay. */
void pii_redact(struct str text, const struct pii_span *spans, size_t count, struct buf *out);

#endif
