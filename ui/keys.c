/* A byte-wise state machine after ECMA-48: ESC, CSI (ESC [ parameters final), SS3 (ESC O final),
 * control strings (ESC ] … ST), UTF-8, and bracketed paste. Every well-formed sequence is consumed
 * whole, known or not, so that an unknown one never leaves letters behind. Times decide only what
 * bytes cannot: whether an ESC is the key, and whether "[A" right after it is its late tail. */
#include "ui/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { GROUND, ESCAPE, CSI, CSI_LINUX, SS3, CONTROL_STRING, STRING_ESCAPE, UTF8, MOUSE_X10 };

#define TAIL_US 500000  /* how late a tail may come */
#define GIVE_UP_US 1000000 /* a sequence that has begun but never ends */

static const struct {
	const char *name;
	uint32_t code;
} names[] = {
	{"Up", KEYCODE_UP}, {"Down", KEYCODE_DOWN}, {"Left", KEYCODE_LEFT}, {"Right", KEYCODE_RIGHT},
	{"Home", KEYCODE_HOME}, {"End", KEYCODE_END}, {"PgUp", KEYCODE_PGUP}, {"PgDn", KEYCODE_PGDN},
	{"Ins", KEYCODE_INSERT}, {"Del", KEYCODE_DELETE}, {"Enter", KEYCODE_ENTER},
	{"Tab", KEYCODE_TAB}, {"Esc", KEYCODE_ESC}, {"Backspace", KEYCODE_BACKSPACE}, {"Space", ' '},
	{"PageUp", KEYCODE_PGUP}, {"PageDown", KEYCODE_PGDN}, {"Insert", KEYCODE_INSERT},
	{"Delete", KEYCODE_DELETE}, {"Escape", KEYCODE_ESC}, {"Return", KEYCODE_ENTER},
};

static bool cut_prefix(struct str *s, const char *prefix)
{
	size_t len = strlen(prefix);

	if (s->len <= len || !str_equal_nocase((struct str){s->ptr, len}, str_of(prefix)))
		return false;
	*s = (struct str){s->ptr + len, s->len - len};
	return true;
}

static uint32_t named_code(struct str name)
{
	struct str number = name;
	int64_t n;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_equal_nocase(name, str_of(names[i].name)))
			return names[i].code;
	if (cut_prefix(&number, "F") && str_to_int64(number, &n) && n >= 1 && n <= 12)
		return KEYCODE_F1 + (uint32_t)n - 1;
	return KEYCODE_NONE;
}

bool key_parse(struct str name, struct key *out)
{
	struct key key = {0};

	for (;;) {
		if (cut_prefix(&name, "Ctrl-"))
			key.mods |= KEYMOD_CTRL;
		else if (cut_prefix(&name, "Alt-"))
			key.mods |= KEYMOD_ALT;
		else if (cut_prefix(&name, "Shift-"))
			key.mods |= KEYMOD_SHIFT;
		else
			break;
	}
	key.code = named_code(name);
	if (key.code == KEYCODE_NONE) {
		const char *p = name.ptr, *end = name.ptr + name.len;

		if (name.len == 0)
			return false;
		key.code = utf8_decode(&p, end);
		if (p != end || key.code == UTF8_BAD || utf8_width(key.code) < 1)
			return false;
		if ((key.mods & KEYMOD_CTRL) && key.code >= 'A' && key.code <= 'Z')
			key.code += 'a' - 'A';
		if ((key.mods & KEYMOD_SHIFT) && key.code >= 'a' && key.code <= 'z')
			key.code -= 'a' - 'A';
		key.mods &= (uint8_t)~KEYMOD_SHIFT;
	}
	*out = key;
	return true;
}

char *key_format(struct key key, char out[KEY_NAME_BYTES])
{
	char base[16] = "";

	if (key.code >= KEYCODE_F1 && key.code <= KEYCODE_F12)
		snprintf(base, sizeof(base), "F%u", (unsigned)(key.code - KEYCODE_F1 + 1) & 15u);
	for (size_t i = 0; base[0] == '\0' && i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == key.code)
			snprintf(base, sizeof(base), "%s", names[i].name);
	if (base[0] == '\0' && key.code > ' ' && key.code < KEYCODE_UP) {
		uint32_t code = key.code;

		if ((key.mods & KEYMOD_CTRL) && code >= 'a' && code <= 'z')
			code -= 'a' - 'A';
		base[utf8_encode(code, base)] = '\0';
	}
	snprintf(out, KEY_NAME_BYTES, "%s%s%s%s", key.mods & KEYMOD_CTRL ? "Ctrl-" : "",
	         key.mods & KEYMOD_ALT ? "Alt-" : "", key.mods & KEYMOD_SHIFT ? "Shift-" : "", base);
	return out;
}

void key_decoder_init(struct key_decoder *d, int64_t esc_delay_us)
{
	memset(d, 0, sizeof(*d));
	d->esc_delay_us = esc_delay_us;
}

void key_decoder_fini(struct key_decoder *d)
{
	free(d->queue);
	memset(d, 0, sizeof(*d));
}

bool key_decoder_next(struct key_decoder *d, struct key *out)
{
	if (d->head == d->count) {
		d->head = d->count = 0;
		return false;
	}
	*out = d->queue[d->head++];
	return true;
}

static void emit(struct key_decoder *d, struct key key)
{
	if (d->alt)
		key.mods |= KEYMOD_ALT;
	d->alt = false;
	if (d->tail)
		return;
	/* Inside a paste only text counts, and it is marked as such. */
	if (d->in_paste && key.code != KEYCODE_PASTE_END) {
		bool text = key.code < KEYCODE_UP || key.code == KEYCODE_ENTER || key.code == KEYCODE_TAB;

		if (!text || key.mods)
			return;
		key.pasted = true;
	}
	d->queue = mem_grow(d->queue, &d->cap, d->count + 1, sizeof(*d->queue));
	d->queue[d->count++] = key;
}

static void emit_code(struct key_decoder *d, uint32_t code, unsigned mods)
{
	emit(d, (struct key){.code = code, .mods = (uint8_t)mods});
}

static void emit_byte(struct key_decoder *d, uint8_t b)
{
	if (b == '\r' || b == '\n')
		emit_code(d, KEYCODE_ENTER, 0);
	else if (b == '\t')
		emit_code(d, KEYCODE_TAB, 0);
	else if (b == 0x7f || b == 0x08)
		emit_code(d, KEYCODE_BACKSPACE, 0);
	else if (b == 0)
		emit_code(d, ' ', KEYMOD_CTRL);
	else if (b < 0x1b)
		emit_code(d, (uint32_t)b + 'a' - 1, KEYMOD_CTRL);
	else if (b < 0x20)
		emit_code(d, (uint32_t)b + 0x40, KEYMOD_CTRL);
	else
		emit_code(d, b, 0);
}

static void begin(struct key_decoder *d, int state)
{
	d->state = state;
	d->len = 0;
	d->overflow = false;
}

static void ground(struct key_decoder *d)
{
	d->state = GROUND;
	d->alt = d->tail = false;
}

static void keep(struct key_decoder *d, uint8_t b)
{
	if (d->len < sizeof(d->bytes))
		d->bytes[d->len++] = (char)b;
	else
		d->overflow = true;
}

static uint32_t final_code(uint8_t final)
{
	switch (final) {
	case 'A': return KEYCODE_UP;
	case 'B': return KEYCODE_DOWN;
	case 'C': return KEYCODE_RIGHT;
	case 'D': return KEYCODE_LEFT;
	case 'H': return KEYCODE_HOME;
	case 'F': return KEYCODE_END;
	case 'P': return KEYCODE_F1;
	case 'Q': return KEYCODE_F1 + 1;
	case 'R': return KEYCODE_F1 + 2;
	case 'S': return KEYCODE_F1 + 3;
	case 'M': return KEYCODE_ENTER; /* SS3 M: the keypad's */
	default: return KEYCODE_NONE;
	}
}

static uint32_t tilde_code(int n)
{
	static const uint32_t editing[9] = {
		KEYCODE_NONE, KEYCODE_HOME, KEYCODE_INSERT, KEYCODE_DELETE, KEYCODE_END,
		KEYCODE_PGUP, KEYCODE_PGDN, KEYCODE_HOME, KEYCODE_END};

	if (n >= 0 && n < 9)
		return editing[n];
	if (n >= 11 && n <= 15)
		return KEYCODE_F1 + (uint32_t)n - 11;
	if (n >= 17 && n <= 21)
		return KEYCODE_F1 + (uint32_t)n - 12;
	if (n == 23 || n == 24)
		return KEYCODE_F1 + (uint32_t)n - 13;
	return KEYCODE_NONE;
}

/* xterm's modifier parameter: 1 + the sum of 1 shift, 2 alt, 4 ctrl. */
static unsigned mods_of(int parameter)
{
	return parameter > 1 && parameter <= 16 ? (unsigned)(parameter - 1) & 7u : 0;
}

/* Parameters of a CSI sequence, bounded; returns how many. */
static int parameters(const struct key_decoder *d, size_t from, int out[4])
{
	int count = 0;

	memset(out, 0, 4 * sizeof(*out));
	for (size_t i = from; i < d->len && count < 4; i++) {
		if (d->bytes[i] == ';')
			count++;
		else if (d->bytes[i] >= '0' && d->bytes[i] <= '9' && out[count] < 0x110000)
			out[count] = out[count] * 10 + (d->bytes[i] - '0');
	}
	return count < 4 ? count + 1 : 4;
}

static void mouse(struct key_decoder *d, uint8_t final)
{
	int p[4];

	parameters(d, 1, p);
	if (p[1] < 1 || p[2] < 1 || p[1] > 4096 || p[2] > 4096 || p[0] > 255)
		return;
	emit(d, (struct key){.code = KEYCODE_MOUSE, .x = (int16_t)(p[1] - 1), .y = (int16_t)(p[2] - 1),
	                     .button = (uint8_t)(p[0] & ~0x1c), .released = final == 'm',
	                     .mods = (uint8_t)((p[0] & 4 ? KEYMOD_SHIFT : 0) | (p[0] & 8 ? KEYMOD_ALT : 0) |
	                                       (p[0] & 16 ? KEYMOD_CTRL : 0))});
}

/* A character reported as a number (CSI … u, and CSI 27 ; mods ; code ~). */
static void emit_numbered(struct key_decoder *d, int code, unsigned mods)
{
	if (code == 27)
		emit_code(d, KEYCODE_ESC, mods);
	else if (code < 0x20 || code == 0x7f)
		emit_code(d, code == 9 ? KEYCODE_TAB : code == 13 ? KEYCODE_ENTER : KEYCODE_BACKSPACE, mods);
	else if (code < 0x110000 && utf8_width((uint32_t)code) > 0)
		emit_code(d, (uint32_t)code, mods & ~KEYMOD_SHIFT);
}

static void csi_final(struct key_decoder *d, uint8_t final)
{
	int p[4];
	uint32_t code;

	if (d->overflow)
		return;
	if (d->len && d->bytes[0] == '<' && (final == 'M' || final == 'm')) {
		mouse(d, final);
		return;
	}
	if (d->len && (d->bytes[0] < '0' || d->bytes[0] > ';'))
		return; /* a private report: not a key */
	parameters(d, 0, p);
	if (final == '~' && p[0] == 200) {
		emit_code(d, KEYCODE_PASTE_BEGIN, 0);
		d->in_paste = !d->tail;
	} else if (final == '~' && p[0] == 201) {
		if (d->in_paste)
			emit_code(d, KEYCODE_PASTE_END, 0);
		d->in_paste = false;
	} else if (final == '~' && p[0] == 27) {
		emit_numbered(d, p[2], mods_of(p[1]));
	} else if (final == 'u') {
		emit_numbered(d, p[0], mods_of(p[1]));
	} else if (final == 'Z') {
		emit_code(d, KEYCODE_TAB, KEYMOD_SHIFT);
	} else if (final == '~' || final == '^' || final == '$') {
		code = tilde_code(p[0]);
		if (code)
			emit_code(d, code, mods_of(p[1]) | (final == '^' ? KEYMOD_CTRL : 0) |
			          (final == '$' ? KEYMOD_SHIFT : 0));
	} else if (final != 'M' && p[0] <= 1 && (code = final_code(final)) != KEYCODE_NONE) {
		/* A larger first parameter is a report, such as the cursor's place. */
		emit_code(d, code, mods_of(p[1]));
	}
}

static void feed_utf8(struct key_decoder *d, uint8_t b)
{
	const char *p = d->bytes;

	keep(d, b);
	if (d->len < d->need)
		return;
	uint32_t ch = utf8_decode(&p, d->bytes + d->len);
	if (ch == UTF8_BAD || utf8_width(ch) < 0)
		ch = 0xFFFD;
	d->state = GROUND;
	emit_code(d, ch, 0);
	ground(d);
}

static void feed_ground(struct key_decoder *d, uint8_t b, int64_t now_us)
{
	bool tail = now_us < d->tail_until_us && !d->in_paste && (b == '[' || b == 'O');

	d->tail_until_us = 0;
	if (tail) {
		begin(d, b == '[' ? CSI : SS3);
		d->tail = true;
	} else if (b == 0x1b) {
		begin(d, ESCAPE);
	} else if (b >= 0xc2 && b <= 0xf4) {
		begin(d, UTF8);
		d->need = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
		keep(d, b);
	} else if (b >= 0x80) {
		emit_code(d, 0xFFFD, 0);
	} else {
		emit_byte(d, b);
	}
}

static void feed_escape(struct key_decoder *d, uint8_t b, int64_t now_us)
{
	if (b == '[') {
		begin(d, CSI);
	} else if (b == 'O') {
		begin(d, SS3);
	} else if (b == ']' || b == 'P' || b == '_' || b == '^' || b == 'X') {
		begin(d, CONTROL_STRING);
		keep(d, b);
	} else if (b == 0x1b) {
		d->alt = true;
	} else {
		d->state = GROUND;
		d->alt = !d->in_paste;
		feed_ground(d, b, now_us);
	}
}

static void feed_csi(struct key_decoder *d, uint8_t b)
{
	if (b == '[' && d->len == 0) {
		d->state = CSI_LINUX;
	} else if (b == 'M' && d->len == 0) {
		d->state = MOUSE_X10;
		d->need = 3;
	} else if (b >= 0x40 && b < 0x7f) {
		csi_final(d, b);
		ground(d);
	} else {
		keep(d, b);
	}
}

static void feed_byte(struct key_decoder *d, uint8_t b, int64_t now_us)
{
	/* A new ESC or another control ends what went wrong before it. */
	if (b < 0x20 && (d->state == CSI || d->state == SS3 || d->state == CSI_LINUX)) {
		ground(d);
		feed_ground(d, b, now_us);
		return;
	}
	if (d->state == UTF8 && (b & 0xc0) != 0x80) {
		emit_code(d, 0xFFFD, 0);
		ground(d);
	}
	switch (d->state) {
	case GROUND: feed_ground(d, b, now_us); break;
	case ESCAPE: feed_escape(d, b, now_us); break;
	case CSI: feed_csi(d, b); break;
	case CSI_LINUX: /* the Linux console's F1 to F5: ESC [ [ A … E */
		if (b >= 'A' && b <= 'E')
			emit_code(d, KEYCODE_F1 + (uint32_t)b - 'A', 0);
		ground(d);
		break;
	case SS3:
		if (b >= '0' && b <= '9') {
			keep(d, b);
		} else {
			int p[4];

			parameters(d, 0, p);
			if (final_code(b))
				emit_code(d, final_code(b), mods_of(p[0]));
			ground(d);
		}
		break;
	case CONTROL_STRING:
		keep(d, b);
		if (b == 0x1b)
			d->state = STRING_ESCAPE;
		else if (b == 0x07)
			ground(d);
		break;
	case STRING_ESCAPE: ground(d); break;
	case UTF8: feed_utf8(d, b); break;
	case MOUSE_X10:
		if (--d->need == 0)
			ground(d);
		break;
	}
}

void key_decoder_feed(struct key_decoder *d, const char *bytes, size_t len, int64_t now_us)
{
	key_decoder_expire(d, now_us);
	for (size_t i = 0; i < len; i++)
		feed_byte(d, (uint8_t)bytes[i], now_us);
	d->last_us = now_us;
}

/* Has nothing of a control string come but its opening? Then it was Alt and a character. */
static bool lone_opening(const struct key_decoder *d)
{
	return d->state == CONTROL_STRING && d->len == 1;
}

int64_t key_decoder_deadline_us(const struct key_decoder *d)
{
	if (d->state == GROUND)
		return 0;
	return d->last_us + (d->state == ESCAPE || lone_opening(d) ? d->esc_delay_us : GIVE_UP_US);
}

void key_decoder_expire(struct key_decoder *d, int64_t now_us)
{
	if (d->state == GROUND || now_us < key_decoder_deadline_us(d))
		return;
	if (d->state == ESCAPE) {
		d->alt = false;
		emit_code(d, KEYCODE_ESC, 0);
		d->tail_until_us = now_us + TAIL_US;
	} else if (lone_opening(d)) {
		emit_code(d, (uint8_t)d->bytes[0], KEYMOD_ALT);
	}
	ground(d);
}
