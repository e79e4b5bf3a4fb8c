/* Each list comes from where the words are looked up when they are given, so that none falls behind. */
#include "cli/choices.h"

#include "console/render.h"
#include "core/dims.h"
#include "ui/theme.h"

#define THEMES_MAX 64

void choices_places(struct buf *words)
{
	place_names("\n", words);
	buf_append_c(words, '\n');
}

void choices_themes(struct buf *words)
{
	char names[THEMES_MAX][THEME_NAME_BYTES];
	size_t count = theme_list(names, THEMES_MAX);

	for (size_t i = 0; i < count; i++)
		buf_printf(words, "%s\n", names[i]);
}

void choices_dims(struct buf *words)
{
	for (int d = 0; d < DIM_COUNT; d++)
		buf_printf(words, "%s\n", dim_name((enum dim)d));
}
