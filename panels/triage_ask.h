/* What the feedback page asks the store for: part of a panel_ask. */
#ifndef LLMDECK_PANELS_TRIAGE_ASK_H
#define LLMDECK_PANELS_TRIAGE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#define TRIAGE_FIND_BYTES 128
#define TRIAGE_GROUP_BYTES 64

/* Plain data; all zero is a page that nobody has touched. */
struct triage_ask {
	char find[TRIAGE_FIND_BYTES];   /* the live filter's words, see feedback_filter_add() */
	char group[TRIAGE_GROUP_BYTES]; /* only these similar remarks; "" all */
	int64_t item;      /* to be shown; 0: the first of the list */
	int64_t row;       /* of the list, near which texts are wanted */
	int sort;          /* enum feedback_sort */
	bool reverse;
	bool window_only;  /* only items of the window; else the whole queue */
};

#endif
