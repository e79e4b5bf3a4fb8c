/* Dropping first, then sharing: minima for all that stay, what is left over by weight in rounds,
 * since a part that meets its maximum leaves its share to the others. */
#include "ui/layout.h"

static int needed(const struct layout_part *parts, size_t count, int gap)
{
	int sum = 0, shown = 0;

	for (size_t i = 0; i < count; i++)
		if (parts[i].size) {
			sum += parts[i].min > 0 ? parts[i].min : 1;
			shown++;
		}
	return sum + (shown > 1 ? gap * (shown - 1) : 0);
}

static size_t least_important(const struct layout_part *parts, size_t count)
{
	size_t found = count;

	for (size_t i = 0; i < count; i++)
		if (parts[i].size && (found == count || parts[i].priority >= parts[found].priority))
			found = i;
	return found;
}

/* Hands out `left` by weight; returns what nobody may take. */
static int share_out(struct layout_part *parts, size_t count, int left)
{
	while (left > 0) {
		int weights = 0, given = 0;

		for (size_t i = 0; i < count; i++)
			if (parts[i].size && (parts[i].max == 0 || parts[i].size < parts[i].max))
				weights += parts[i].weight;
		if (weights == 0)
			break;
		for (size_t i = 0; i < count && given < left; i++) {
			struct layout_part *p = &parts[i];
			int add = (int)((long)left * p->weight / weights);

			if (!p->size || p->weight == 0 || (p->max && p->size >= p->max))
				continue;
			if (add == 0)
				add = 1;
			if (add > left - given)
				add = left - given;
			if (p->max && add > p->max - p->size)
				add = p->max - p->size;
			p->size += add;
			given += add;
		}
		left -= given;
	}
	return left;
}

size_t layout_split(struct layout_part *parts, size_t count, int length, int gap)
{
	size_t shown = count;
	int at = 0;

	for (size_t i = 0; i < count; i++)
		parts[i].size = length > 0;
	if (length <= 0 || count == 0)
		return 0;
	for (; shown > 1 && needed(parts, count, gap) > length; shown--)
		parts[least_important(parts, count)].size = 0;
	int left = length - needed(parts, count, gap);
	for (size_t i = 0; i < count; i++)
		if (parts[i].size)
			parts[i].size = left < 0 ? length : parts[i].min > 0 ? parts[i].min : 1;
	share_out(parts, count, left);
	for (size_t i = 0; i < count; i++) {
		parts[i].at = at;
		if (parts[i].size)
			at += parts[i].size + gap;
	}
	return shown;
}

void layout_rows(struct rect r, struct layout_part *parts, size_t count, int gap, struct rect *out)
{
	layout_split(parts, count, r.height, gap);
	for (size_t i = 0; i < count; i++)
		out[i] = parts[i].size ? (struct rect){r.x, r.y + parts[i].at, r.width, parts[i].size}
		                       : (struct rect){r.x, r.y, 0, 0};
}

void layout_columns(struct rect r, struct layout_part *parts, size_t count, int gap, struct rect *out)
{
	layout_split(parts, count, r.width, gap);
	for (size_t i = 0; i < count; i++)
		out[i] = parts[i].size ? (struct rect){r.x + parts[i].at, r.y, parts[i].size, r.height}
		                       : (struct rect){r.x, r.y, 0, 0};
}
