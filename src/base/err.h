/* Errors in words. A function that can fail returns 0 or -1 (or a small enum), and fills the
 * caller's `struct err` with one sentence: what, where, what to do. */
#ifndef LLMDECK_BASE_ERR_H
#define LLMDECK_BASE_ERR_H

struct err {
	char text[512]; /* always NUL-terminated; "" means no error */
};

/* Writes the sentence (cut at the buffer's end) and returns -1. `e` may be NULL. */
int err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts "context: " in front of the sentence that is there and returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
