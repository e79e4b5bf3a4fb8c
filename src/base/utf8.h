/* UTF-8 and the one door through which outside text reaches a screen, a table or a log. */
#ifndef LLMDECK_BASE_UTF8_H
#define LLMDECK_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Decodes one character at *p (< end) and advances past it. An ill-formed sequence yields
 * 0xFFFFFFFF and advances past its longest valid prefix (at least one byte). Overlong forms,
 * surrogates and values above U+10FFFF are ill-formed. */
uint32_t utf8_decode(const char **p, const char *end);
#define UTF8_BAD UINT32_C(0xFFFFFFFF)
/* Writes 1-4 bytes; returns how many. */
size_t utf8_encode(uint32_t codepoint, char out[4]);
bool utf8_valid(struct str s);
/* Number of characters, an ill-formed sequence counting as one. */
size_t utf8_count(struct str s);

/* Columns a character takes on a terminal: 0 (combining), 1 or 2; -1 for a control character.
 * From the C library's tables in the C.UTF-8 locale, whatever locale is set. */
int utf8_width(uint32_t codepoint);
/* Columns of harmless text. */
size_t utf8_columns(struct str s);

/* Appends `s` with everything dangerous made visible and harmless:
 *   C0 controls and DEL as ^[ style, C1 controls, bidi controls (U+061C, U+200E, U+200F,
 *   U+202A-202E, U+2066-2069), zero-width and invisible characters (U+200B-200D, U+2060-2064,
 *   U+FEFF, U+00AD, tags U+E0000-E007F), variation selectors, line and paragraph separators, fillers
 *   and prepended marks, and whatever terminals do not agree on the width of (regional indicators,
 *   skin tones, private use, unassigned) as U+FFFD; ill-formed bytes as U+FFFD; a tab and a newline
 *   (LF or CR LF) as one space; at most two combining marks on a base character, none without a base.
 * Emoji joined by ZWJ therefore fall apart into single emoji of known width. The result is valid
 * UTF-8 in which utf8_columns() is what any terminal advances. `max_bytes` bounds the INPUT that is
 * looked at; a longer input ends in "…". */
void text_append_harmless(struct buf *out, struct str s, size_t max_bytes);
/* The same into a fixed buffer (NUL-terminated, cut at a character); returns the length. */
size_t text_harmless(char *out, size_t cap, struct str s);

#endif
