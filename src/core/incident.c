#include "core/incident.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const names[INCIDENT_STATES] = {"open", "investigating", "identified", "mitigated", "closed"};

const char *incident_state_name(enum incident_state s)
{
	return names[s];
}

bool incident_state_from_name(struct str name, enum incident_state *out)
{
	for (int i = 0; i < INCIDENT_STATES; i++)
		if (str_equal_c(name, names[i])) {
			*out = (enum incident_state)i;
			return true;
		}
	return false;
}

char *incident_name(int64_t id, char out[INCIDENT_NAME_BYTES])
{
	snprintf(out, INCIDENT_NAME_BYTES, "INC-%" PRId64, id);
	return out;
}

int64_t incident_id(struct str text)
{
	int64_t id;

	if (text.len > 4 && str_equal_nocase((struct str){text.ptr, 4}, STR_LIT("INC-")))
		text = (struct str){text.ptr + 4, text.len - 4};
	return str_to_int64(text, &id) && id > 0 ? id : 0;
}

void incident_where_format(const struct view *where, struct buf *out)
{
	for (size_t i = 0; i < where->filter_count; i++)
		buf_printf(out, "%s%s%s%s", i ? "\n" : "", dim_name(where->filters[i].dim), where->filters[i].inverted ? "!=" : "=",
		           where->filters[i].value);
}

int incident_where_parse(struct str text, struct view *out, struct err *err)
{
	while (text.len) {
		struct str line = str_cut(&text, '\n');

		if (line.len && view_add_filter(out, line, err))
			return -1;
	}
	return 0;
}
