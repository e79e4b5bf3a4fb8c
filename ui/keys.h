/* From bytes to keys. Pure: bytes and times go in, key events come out; it knows no terminal and
 * asks the terminal nothing, so no late answer can become a key. One thread at a time. */
#ifndef LLMDECK_UI_KEYS_H
#define LLMDECK_UI_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Codes above Unicode. A printable character's code is the character. */
enum {
	KEYCODE_NONE = 0,
	KEYCODE_UP = 0x110000, KEYCODE_DOWN, KEYCODE_LEFT, KEYCODE_RIGHT,
	KEYCODE_HOME, KEYCODE_END, KEYCODE_PGUP, KEYCODE_PGDN, KEYCODE_INSERT, KEYCODE_DELETE,
	KEYCODE_ENTER, KEYCODE_TAB, KEYCODE_ESC, KEYCODE_BACKSPACE,
	KEYCODE_F1, KEYCODE_F12 = KEYCODE_F1 + 11,
	KEYCODE_PASTE_BEGIN, KEYCODE_PASTE_END, /* around the characters of a bracketed paste */
	KEYCODE_MOUSE,
};
#define KEYMOD_SHIFT 1u /* only with named keys; a capital letter is its own character */
#define KEYMOD_ALT 2u
#define KEYMOD_CTRL 4u /* with letters the code is the small letter */

struct key {
	uint32_t code;
	uint8_t mods;
	bool pasted; /* came out of a paste: text, never a command */
	/* KEYCODE_MOUSE only: 0-based cell; button 0 left, 1 middle, 2 right, 64 wheel up, 65 down. */
	int16_t x, y;
	uint8_t button;
	bool released;
};

static inline bool key_equal(struct key a, struct key b)
{
	return a.code == b.code && a.mods == b.mods;
}

/* Parses "q", "Ctrl-F", "Alt-x", "PgDn", "Space", "Shift-Tab", "F5"; names regardless of case. */
bool key_parse(struct str name, struct key *out);
/* The name key_parse() reads, for help. Returns out. */
#define KEY_NAME_BYTES 32
char *key_format(struct key key, char out[KEY_NAME_BYTES]);

/* The decoder's state; treat as private. */
struct key_decoder {
	int64_t esc_delay_us, last_us, tail_until_us;
	struct key *queue;
	size_t head, count, cap;
	int state;
	bool alt, tail, in_paste, overflow;
	char bytes[48];
	size_t len, need;
};

/* esc_delay_us: how long after an ESC byte more of a sequence may come before it is the Esc key. */
void key_decoder_init(struct key_decoder *d, int64_t esc_delay_us);
void key_decoder_fini(struct key_decoder *d);
/* Takes bytes as they were read at `now_us` (monotonic). */
void key_decoder_feed(struct key_decoder *d, const char *bytes, size_t len, int64_t now_us);
/* The next key; false when there is none. */
bool key_decoder_next(struct key_decoder *d, struct key *out);
/* When key_decoder_expire() has to be called if nothing arrives before; 0 = never. */
int64_t key_decoder_deadline_us(const struct key_decoder *d);
/* A lone ESC has become the Esc key, a cut sequence is given up. What arrives of a sequence after
 * its ESC was taken for the key (up to half a second later) is swallowed. */
void key_decoder_expire(struct key_decoder *d, int64_t now_us);

#endif
