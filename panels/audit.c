/* Who changed what, newest first: the audit's rows up to the window's end, however old. The whole of
 * the one under the cursor stands below. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"

#define ROWS_MAX 500
#define DETAIL_ROWS 6
#define NOBODY UINT32_MAX

struct audit {
	struct audit_result rows;
	char (*who)[64]; /* of each row */
};

/* The account's name; its number where it has none here. */
static void account_name(uint32_t uid, char *out, size_t cap)
{
	struct passwd pw, *found = NULL;
	char space[4096];

	if (getpwuid_r((uid_t)uid, &pw, space, sizeof space, &found) == 0 && found)
		snprintf(out, cap, "%.31s", found->pw_name);
	else
		snprintf(out, cap, "uid %u", (unsigned)uid);
}

static int audit_load(const struct panel_query *query, void *state, struct err *err)
{
	struct audit *a = state;

	if (query_audit(query->reader, 0, query->view.to_us, ROWS_MAX, &a->rows, err) != 0)
		return -1;
	a->who = mem_array(NULL, a->rows.row_count + 1, sizeof *a->who);
	for (size_t i = 0; i < a->rows.row_count; i++) {
		const struct audit_entry *e = &a->rows.rows[i].entry;

		account_name(e->login_uid != NOBODY ? e->login_uid : e->uid, a->who[i], sizeof *a->who);
	}
	return 0;
}

static void audit_fini(void *state)
{
	struct audit *a = state;

	audit_result_fini(&a->rows);
	free(a->who);
}

static const struct sheet_column columns[] = {
	{"time", "TIME", 19, true, 0, false},    {"who", "WHO", 8, true, 0, false},
	{"action", "ACTION", 9, true, 0, false}, {"target", "TARGET", 12, true, 0, false},
	{"before", "BEFORE", 12, true, 2, false}, {"after", "AFTER", 12, true, 1, false},
	{"outcome", "OUTCOME", 16, true, 0, false},
};
#define COLUMNS ((int)(sizeof columns / sizeof *columns))

/* "2026-11-23 13:21:33" on the screen's clock. */
static void local_time(int64_t us, const struct tz *tz, char out[TIME_TEXT_BYTES])
{
	time_format((us + (int64_t)tz_offset_s(tz, us) * US_PER_S) / US_PER_S * US_PER_S, out);
	out[10] = ' ';
	out[19] = '\0';
}

static void add_entry(const struct audit *a, size_t i, const struct panel_frame *frame, struct sheet *out)
{
	const struct audit_entry *e = &a->rows.rows[i].entry;
	char key[24], time[TIME_TEXT_BYTES];
	struct sheet_row *row;

	snprintf(key, sizeof key, "%lld", (long long)a->rows.rows[i].id);
	row = sheet_add(out, str_of(key));
	local_time(e->time_us, frame->tz, time);
	sheet_set_text(out, row, 0, str_of(time));
	sheet_set_text(out, row, 1, str_of(a->who[i]));
	sheet_set_text(out, row, 2, e->action);
	sheet_set_text(out, row, 3, e->target);
	sheet_set_text(out, row, 4, e->before);
	sheet_set_text(out, row, 5, e->after);
	sheet_set_text(out, row, 6, e->outcome);
}

static void audit_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct audit *a = state;

	sheet_set_columns(out, columns, COLUMNS);
	for (size_t i = 0; i < a->rows.row_count; i++)
		add_entry(a, i, frame, out);
}

/* The row under the cursor among those shown. */
static const struct audit_row *chosen(const struct audit *a, const struct panel_frame *frame, size_t *index)
{
	struct table_state look = {.sort_column = -1};
	struct sheet sheet = {0};
	const struct audit_row *found = NULL;
	struct table table;
	int64_t id = 0;

	if (frame->ui)
		look = frame->ui->table;
	audit_rows(a, frame, &sheet);
	sheet_arrange(&sheet, frame->find, look.sort_column, look.sort_ascending);
	table = sheet_table(&sheet);
	if (sheet.row_count > 0) {
		table_settle(&table, &look, sheet.row_count);
		str_to_int64(sheet.rows[look.cursor_row].key, &id);
	}
	for (size_t i = 0; i < a->rows.row_count && !found; i++) {
		if (a->rows.rows[i].id != id)
			continue;
		found = &a->rows.rows[i];
		*index = i;
	}
	sheet_fini(&sheet);
	return found;
}

static void draw_detail(const struct audit *a, const struct panel_frame *frame, struct surface *s)
{
	size_t i = 0;
	const struct audit_row *row = chosen(a, frame, &i);
	int x = 1;

	surface_rule(s, 0, ROLE_BORDER, "entry", "llmdeck audit verify checks the chain");
	if (!row)
		return;
	x += surface_printf(s, x, 1, ROLE_MUTED, "%lld ", (long long)row->id);
	x += surface_outside(s, x, 1, 30, ROLE_ACCENT, row->entry.action) + 1;
	x += surface_outside(s, x, 1, 40, ROLE_TITLE, row->entry.target) + 1;
	x += surface_text(s, x, 1, ROLE_MUTED, "by ");
	x += surface_outside(s, x, 1, 32, ROLE_TEXT, str_of(a->who[i])) + 1;
	if (row->entry.ssh_client.len > 0) {
		x += surface_text(s, x, 1, ROLE_MUTED, "over ssh from ");
		x += surface_outside(s, x, 1, 48, ROLE_TEXT, row->entry.ssh_client) + 1;
	}
	if (row->entry.claimed_name.len > 0) {
		x += surface_text(s, x, 1, ROLE_MUTED, "says to be ");
		surface_outside(s, x, 1, s->width - x - 1, ROLE_TEXT, row->entry.claimed_name);
	}
	surface_outside(s, 1, 2, s->width - 2, ROLE_TEXT, row->entry.before);
	surface_text(s, 1, 3, ROLE_MUTED, "->");
	surface_outside(s, 4, 3, s->width - 5, ROLE_TEXT, row->entry.after);
	for (int y = 4, at = 0; y < s->height && at < (int)row->entry.outcome.len; y++) {
		struct str rest = {row->entry.outcome.ptr + at, row->entry.outcome.len - (size_t)at};
		struct str clause = str_cut(&rest, ';');

		surface_outside(s, 1, y, s->width - 2, ROLE_TEXT, str_trim(clause));
		at += (int)clause.len + 1;
	}
}

static void audit_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct audit *a = state;
	int detail = s->height >= 16 ? DETAIL_ROWS + 2 : 0;
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1 - detail});
	struct surface below = surface_part(s, (struct rect){0, s->height - detail, s->width, detail});
	char title[48];

	snprintf(title, sizeof title, "audit %zu%s", a->rows.row_count, a->rows.row_count == ROWS_MAX ? " newest" : "");
	draw_head(s, frame, title, "who changed what");
	if (a->rows.row_count == 0) {
		surface_text(s, 1, 1, ROLE_MUTED, "nothing has been changed yet");
		return;
	}
	draw_rows(&audit_panel, state, frame, &table);
	if (detail)
		draw_detail(a, frame, &below);
}

const struct panel audit_panel = {
	.name = "audit",
	.title = "audit",
	.help = "Every change that went through the collector: who (the account, where it came from, who it "
	        "says to be), what, before and after, and what came of it. Rows are only ever added, and each "
	        "carries the hash of the one before: `llmdeck audit verify` finds a gap or an edit.",
	.page = '6',
	.pace_us = 2 * US_PER_S,
	.state_size = sizeof(struct audit),
	.load = audit_load,
	.fini = audit_fini,
	.draw = audit_draw,
	.rows = audit_rows,
};
