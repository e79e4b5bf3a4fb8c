/* A dialog: lines of text, fields, two buttons, and for dangerous things a name to type and a countdown
 * that can be taken back. State is the caller's, time an argument. */
#ifndef LLMDECK_UI_DIALOG_H
#define LLMDECK_UI_DIALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ui/field.h"

#define DIALOG_FIELDS_MAX 8
#define DIALOG_LINES_MAX 40

struct dialog_field {
	const char *label;
	/* When not NULL: exactly this has to be typed (pasted text is ignored) before anything happens. */
	const char *must_equal;
	struct field field;
};

/* Strings are the caller's and must live as long as the dialog. */
struct dialog {
	const char *title;
	const char *lines[DIALOG_LINES_MAX]; /* made harmless when drawn; "" = an empty line */
	size_t line_count;
	struct dialog_field fields[DIALOG_FIELDS_MAX];
	size_t field_count;
	const char *confirm; /* the doing button's text; NULL: nothing to do, only "Close" */
	const char *cancel;  /* NULL: "Cancel" or "Close" */
	bool danger;         /* drawn in ROLE_DANGER; starts on Cancel when there is no name to type */
	int64_t countdown_us; /* between confirming and CONFIRMED; 0 = none */

	/* kept by the functions below */
	size_t focus;         /* a field; field_count = cancel; field_count + 1 = confirm */
	int64_t deadline_us;  /* of a countdown under way; 0 = none */
	size_t scroll;        /* of the lines, when they do not all fit */
};

enum dialog_result {
	DIALOG_GOING,
	DIALOG_CANCELLED, /* also out of a countdown */
	DIALOG_COUNTING,  /* the countdown has begun: call dialog_tick() */
	DIALOG_CONFIRMED,
};

/* Puts the focus where it starts: on the name to type, else on a field, else on a button. Call once
 * the fields are set. */
void dialog_open(struct dialog *d);
enum dialog_result dialog_key(struct dialog *d, struct key key, int64_t now_us);
/* CONFIRMED once the countdown has run out; GOING otherwise. */
enum dialog_result dialog_tick(struct dialog *d, int64_t now_us);
/* Have all names been typed? */
bool dialog_ready(const struct dialog *d);
/* Draws it in the middle of the surface. *cursor_x is -1 when no field has the focus. */
void dialog_draw(struct surface *s, const struct dialog *d, int64_t now_us, int *cursor_x,
                 int *cursor_y);

#endif
