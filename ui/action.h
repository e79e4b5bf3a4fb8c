/* One row per thing a key can do: feeds dispatch, the help screen, the palette, the man page and
 * the user's keymap. */
#ifndef LLMDECK_UI_ACTION_H
#define LLMDECK_UI_ACTION_H

enum danger {
	DANGER_NONE,    /* looks only */
	DANGER_STORED,  /* changes what is stored; can be undone */
	DANGER_TRAFFIC, /* changes what users get; needs a confirmed intent */
};

struct action {
	int id;           /* unique in its list */
	const char *name; /* palette name and keymap key: "zoom-in" */
	const char *keys; /* default keys, space-separated: "z", "PgDn Ctrl-F" */
	const char *text; /* one short line for help */
	enum danger danger;
};

#endif
