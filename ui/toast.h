/* Short messages that go by themselves. State is the caller's, time an argument. */
#ifndef LLMDECK_UI_TOAST_H
#define LLMDECK_UI_TOAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ui/surface.h"

#define TOASTS_MAX 4
struct toasts {
	struct toast {
		char text[256];
		style style;
		int64_t until_us;
	} items[TOASTS_MAX]; /* oldest first */
	size_t count;
};

/* Shows a text (from wherever; kept harmless) for a while. The same text again only stays longer; a
 * full list loses its oldest. */
void toast_add(struct toasts *t, style st, struct str text, int64_t now_us, int64_t duration_us);
/* Drops what has had its time; true when something went. */
bool toast_expire(struct toasts *t, int64_t now_us);
/* When the next one goes; 0 = none. */
int64_t toast_next_us(const struct toasts *t);
/* Draws them over the lowest rows of the surface, the newest lowest. */
void toast_draw(struct surface *s, const struct toasts *t);

#endif
