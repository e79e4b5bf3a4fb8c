/* The collector's JSON into structures, by tables of fields. */
#ifndef LLMDECK_CONSOLE_CONTROL_READ_H
#define LLMDECK_CONSOLE_CONTROL_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

enum read_type {
	READ_TEXT,    /* const char *; "" when absent or null */
	READ_INT,     /* int64_t; 0 when absent */
	READ_REAL,    /* double; NaN when absent or null */
	READ_BOOL,    /* bool */
	READ_TEXTS,   /* const char **, with a size_t count */
	READ_OBJECT,  /* the structure itself, by `fields`; zeroed when absent */
	READ_OBJECTS, /* pointer to structures, with a size_t count */
};
struct read_field {
	const char *name; /* NULL ends the table */
	enum read_type type;
	size_t offset;
	size_t count_offset; /* TEXTS, OBJECTS */
	const struct read_field *fields; /* OBJECT, OBJECTS */
	size_t item_bytes;   /* OBJECTS */
	size_t there_offset; /* OBJECT: a bool that says whether it was there; 0: none */
};

/* Fills `into` (which is initialised first) from one JSON object; members that no row names are passed
 * over. Everything lives in `arena`. False when the text is not such an object; lists of more than
 * 10,000 items are cut. */
bool control_read(struct str json, const struct read_field *fields, struct arena *arena, void *into);

#endif
