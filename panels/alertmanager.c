/* Both pages read the same three small tables. Rows are known by the Alertmanager's name and the fingerprint
 * or id; the whole of the one under the cursor stands below. A list that is not of now is dimmed, and a line
 * says why. */
#include "panels/alertmanager.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"

#define DETAIL_ROWS 7
#define DETAIL_ROWS_TALL 12

struct page {
	struct am_result res;
	int64_t wall_us;
};

static int page_load(const struct panel_query *query, void *state, struct err *err)
{
	struct page *p = state;

	p->wall_us = clock_wall_us();
	return query_alertmanagers(query->reader, &p->res, err);
}

/* The page as of the screen's clock, which goes on when nothing is loaded. Owns nothing. */
static struct page page_now(const struct page *p, const struct panel_frame *frame)
{
	struct page now = *p;

	if (frame->wall_us > now.wall_us)
		now.wall_us = frame->wall_us;
	return now;
}

static void page_fini(void *state)
{
	am_result_fini(&((struct page *)state)->res);
}

static char *age_of(int64_t from_us, int64_t to_us, char out[TIME_TEXT_BYTES])
{
	int64_t age_us = to_us - from_us;
	int64_t unit = age_us > 2 * US_PER_DAY ? US_PER_DAY : age_us > 2 * US_PER_HOUR ? US_PER_MIN : US_PER_S;

	return duration_format(age_us > 0 ? age_us / unit * unit : 0, out);
}

char *alertmanager_key(const char *manager, const char *target, char out[170])
{
	snprintf(out, 170, "%.100s/%.64s", manager, target);
	return out;
}

/* ── what the lists are worth ──────────────────────────────────────────────────────────────── */

/* "STALE, read 4m ago: connection refused" */
static void worth_of(const struct am_status *s, int64_t wall_us, struct buf *out)
{
	char age[TIME_TEXT_BYTES];

	buf_puts(out, am_word(s, wall_us));
	if (s->answered_us)
		buf_printf(out, ", read %s ago", age_of(s->answered_us, wall_us, age));
	if (s->words[0])
		buf_printf(out, ": %s", s->words);
	else if (s->answered_us && !am_is_live(s, wall_us))
		buf_puts(out, ": no collector reads it now");
}

void alertmanager_summary(const struct am_result *res, int64_t wall_us, struct buf *out)
{
	char age[TIME_TEXT_BYTES];

	for (size_t i = 0; i < res->manager_count; i++) {
		const struct am_status *s = &res->managers[i];

		buf_printf(out, "%s%s %s", i ? "; " : "", s->name, am_word(s, wall_us));
		if (s->answered_us)
			buf_printf(out, " %s: %" PRId64 " alert%s of others, %" PRId64 " silence%s", age_of(s->answered_us, wall_us, age), s->alert_count,
			           s->alert_count == 1 ? "" : "s", s->silence_count, s->silence_count == 1 ? "" : "s");
	}
}

static bool all_live(const struct page *p)
{
	for (size_t i = 0; i < p->res.manager_count; i++)
		if (!am_is_live(&p->res.managers[i], p->wall_us))
			return false;
	return true;
}

/* "am OK 3s  standby STALE 4m" */
static void head_words(const struct page *p, char *out, size_t cap)
{
	char age[TIME_TEXT_BYTES];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->res.manager_count && len < cap; i++) {
		const struct am_status *s = &p->res.managers[i];

		len += (size_t)snprintf(out + len, cap - len, "%s%.20s %s%s%s", i ? "  " : "", s->name, am_word(s, p->wall_us), s->answered_us ? " " : "",
		                        s->answered_us ? age_of(s->answered_us, p->wall_us, age) : "");
	}
}

/* A line for each that is not of now, or does not show all. Returns how many. */
static int draw_warnings(const struct page *p, struct surface *s, int y)
{
	int drawn = 0;

	for (size_t i = 0; i < p->res.manager_count && y + drawn < s->height; i++) {
		const struct am_status *m = &p->res.managers[i];
		struct buf text = {0};

		if (!am_is_live(m, p->wall_us)) {
			buf_printf(&text, "%s: ", m->name);
			worth_of(m, p->wall_us, &text);
		} else if (m->left_out) {
			buf_printf(&text, "%s: %" PRId64 " alerts and silences are too many or too large to be shown", m->name, m->left_out);
		}
		if (text.len)
			surface_outside(s, 1, y + drawn++, s->width - 2, ROLE_WARNING, buf_str(&text));
		buf_fini(&text);
	}
	return drawn;
}

/* ── labels ────────────────────────────────────────────────────────────────────────────────── */

/* The next `"name":"value"` of an object of texts that the collector wrote; false behind the last. Both as
 * written, without quotes. */
static bool next_label(const char **at, struct str *name, struct str *value)
{
	struct str *parts[] = {name, value};
	const char *p = *at;

	for (int i = 0; i < 2; i++) {
		p = strchr(p, '"');
		if (!p)
			return false;
		parts[i]->ptr = ++p;
		while (*p && *p != '"')
			p += p[0] == '\\' && p[1] ? 2 : 1;
		parts[i]->len = (size_t)(p - parts[i]->ptr);
		p += *p == '"';
	}
	*at = p;
	return true;
}

static void labels_text(const char *labels, const char *without, struct buf *out)
{
	struct str name = {0}, value = {0};

	while (next_label(&labels, &name, &value))
		if (!str_equal_c(name, without))
			buf_printf(out, "%s%.*s=\"%.*s\"", out->len ? " " : "", STR_ARG(name), STR_ARG(value));
}

/* ── alerts of others ──────────────────────────────────────────────────────────────────────── */

static const struct sheet_column others_columns[] = {
	{"name", "ALERT", 16, true, 0, false},      {"state", "STATE", 10, true, 0, false},
	{"severity", "SEV", 8, true, 2, false},     {"for", "for", 7, false, 1, false},
	{"alertmanager", "AT", 6, true, 4, false},  {"receivers", "RECEIVER", 8, true, 5, false},
	{"labels", "LABELS", 26, true, 3, false},   {"fingerprint", "FINGERPRINT", 16, true, 6, false},
};

static enum row_state row_state_of(const struct am_alert *a)
{
	static const char *const worst[] = {"critical", "page", "error", "emergency", "disaster", "high"};

	if (strcmp(a->state, "active") != 0)
		return ROW_PLAIN;
	for (size_t i = 0; i < sizeof worst / sizeof *worst; i++)
		if (strcmp(a->severity, worst[i]) == 0)
			return ROW_CRITICAL;
	return strcmp(a->severity, "info") == 0 || strcmp(a->severity, "none") == 0 ? ROW_OK : ROW_WARNING;
}

/* "silenced" and "inhibited" say more than "suppressed". */
static const char *am_state_word(const struct am_alert *a)
{
	return strcmp(a->state, "suppressed") != 0 ? a->state : a->silenced_by[0] ? "silenced" : "inhibited";
}

static void others_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct page now = page_now(state, frame), *p = &now;
	char key[170], age[TIME_TEXT_BYTES];

	sheet_set_columns(out, others_columns, 8);
	out->marked = true;
	for (size_t i = 0; i < p->res.alert_count; i++) {
		const struct am_alert *a = &p->res.alerts[i];
		struct sheet_row *row;
		struct buf labels = {0};

		alertmanager_key(a->manager, a->fingerprint, key);
		row = sheet_add(out, (struct str){arena_copy(&out->arena, key, strlen(key)), strlen(key)});
		row->state = row_state_of(a);
		labels_text(a->labels, "alertname", &labels);
		sheet_set_text(out, row, 0, str_of(a->name));
		sheet_set_text(out, row, 1, str_of(am_state_word(a)));
		sheet_set_text(out, row, 2, str_of(a->severity));
		sheet_set_value(out, row, 3, a->starts_us ? value_ok((double)(p->wall_us - a->starts_us) / 1e6) : value_unknown(),
		                a->starts_us ? age_of(a->starts_us, p->wall_us, age) : "");
		sheet_set_text(out, row, 4, str_of(a->manager));
		sheet_set_text(out, row, 5, str_of(a->receivers));
		sheet_set_text(out, row, 6, buf_str(&labels));
		sheet_set_text(out, row, 7, str_of(a->fingerprint));
		buf_fini(&labels);
	}
}

/* ── silences ──────────────────────────────────────────────────────────────────────────────── */

static const struct sheet_column silences_columns[] = {
	{"matchers", "MATCHERS", 20, true, 0, false}, {"state", "STATE", 8, true, 0, false},
	{"left", "left", 7, false, 0, false},         {"author", "AUTHOR", 8, true, 1, false},
	{"ours", "FROM", 7, true, 3, false},          {"alertmanager", "AT", 6, true, 4, false},
	{"comment", "COMMENT", 12, true, 2, false},   {"id", "ID", 36, true, 6, false},
};

static void silences_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct page now = page_now(state, frame), *p = &now;
	char key[170], left[TIME_TEXT_BYTES];

	sheet_set_columns(out, silences_columns, 8);
	for (size_t i = 0; i < p->res.silence_count; i++) {
		const struct am_silence *x = &p->res.silences[i];
		bool goes = x->ends_us > p->wall_us && strcmp(x->state, "expired") != 0;
		struct sheet_row *row;

		alertmanager_key(x->manager, x->id, key);
		row = sheet_add(out, (struct str){arena_copy(&out->arena, key, strlen(key)), strlen(key)});
		sheet_set_text(out, row, 0, str_of(x->matchers));
		sheet_set_text(out, row, 1, str_of(x->state));
		sheet_set_value(out, row, 2, goes ? value_ok((double)(x->ends_us - p->wall_us) / 1e6) : value_unknown(),
		                goes ? age_of(p->wall_us, x->ends_us, left) : "");
		sheet_set_text(out, row, 3, str_of(x->author));
		sheet_set_text(out, row, 4, str_of(x->ours ? "llmdeck" : "others"));
		sheet_set_text(out, row, 5, str_of(x->manager));
		sheet_set_text(out, row, 6, str_of(x->comment));
		sheet_set_text(out, row, 7, str_of(x->id));
	}
}

/* ── under the cursor ──────────────────────────────────────────────────────────────────────── */

/* Index of the row under the cursor in its list; false when there is none. */
static bool chosen(const struct page *p, bool silences, const struct panel_frame *frame, size_t *index)
{
	struct table_state cursor = frame->ui->table;
	size_t count = silences ? p->res.silence_count : p->res.alert_count;
	struct sheet sheet = {0};
	char key[170];
	bool found = false;

	(silences ? silences_rows : others_rows)(p, frame, &sheet);
	sheet_arrange(&sheet, frame->find, cursor.sort_column, cursor.sort_ascending);
	struct table table = sheet_table(&sheet);

	table_settle(&table, &cursor, sheet.row_count);
	for (size_t i = 0; i < count && !found && cursor.cursor_row < sheet.row_count; i++) {
		if (silences)
			alertmanager_key(p->res.silences[i].manager, p->res.silences[i].id, key);
		else
			alertmanager_key(p->res.alerts[i].manager, p->res.alerts[i].fingerprint, key);
		found = str_equal_c(sheet.rows[cursor.cursor_row].key, key);
		*index = i;
	}
	sheet_fini(&sheet);
	return found;
}

/* "mia until 13:45, rolling it back" */
static void silence_words(const struct am_silence *s, const struct tz *tz, int64_t wall_us, struct buf *out)
{
	char until[TIME_TEXT_BYTES], left[TIME_TEXT_BYTES];

	buf_printf(out, "%s until %s (%s)", s->author[0] ? s->author : "?", time_format_clock(s->ends_us, tz, until), age_of(wall_us, s->ends_us, left));
	if (s->comment[0])
		buf_printf(out, ": %s", s->comment);
}

static int put_line(struct surface *s, int y, const char *name, struct str text)
{
	if (!text.len || y >= s->height)
		return y;
	surface_text(s, 1, y, ROLE_MUTED, name);
	surface_outside(s, 12, y, s->width - 13, ROLE_TEXT, text);
	return y + 1;
}

static int put_silences(const struct page *p, const struct am_alert *a, const struct panel_frame *frame, struct surface *s, int y)
{
	struct str ids = str_of(a->silenced_by);

	while (ids.len) {
		const struct am_silence *by = am_result_silence(&p->res, a->manager, str_cut(&ids, ' '));
		struct buf text = {0};

		if (by)
			silence_words(by, frame->tz, p->wall_us, &text);
		else
			buf_puts(&text, "a silence that is not in the list");
		y = put_line(s, y, "silenced", buf_str(&text));
		buf_fini(&text);
	}
	return put_line(s, y, "inhibited", str_of(a->inhibited_by));
}

static void draw_other(const struct page *p, const struct am_alert *a, const struct panel_frame *frame, struct surface *s)
{
	char since[TIME_TEXT_BYTES], age[TIME_TEXT_BYTES];
	struct buf text = {0};
	int y = 1;

	surface_rule(s, 0, ROLE_BORDER, "under the cursor", "");
	y = put_line(s, y, "summary", str_of(a->summary));
	if (a->starts_us)
		buf_printf(&text, "%s (%s)", time_format_clock(a->starts_us, frame->tz, since), age_of(a->starts_us, p->wall_us, age));
	buf_printf(&text, "  at %s  receiver %s", a->manager, a->receivers[0] ? a->receivers : "none");
	if (a->updated_us)
		buf_printf(&text, "  sent %s ago", age_of(a->updated_us, p->wall_us, age));
	y = put_line(s, y, "since", buf_str(&text));
	y = put_silences(p, a, frame, s, y);
	buf_reset(&text);
	labels_text(a->labels, "", &text);
	y = put_line(s, y, "labels", buf_str(&text));
	y = put_line(s, y, "runbook", str_of(a->runbook));
	put_line(s, y, "from", str_of(a->generator));
	buf_fini(&text);
}

static size_t held_by(const struct am_result *res, const struct am_silence *x)
{
	size_t count = 0;

	for (size_t i = 0; i < res->alert_count; i++) {
		struct str ids = str_of(res->alerts[i].silenced_by);

		while (ids.len && strcmp(res->alerts[i].manager, x->manager) == 0)
			count += str_equal_c(str_cut(&ids, ' '), x->id);
	}
	return count;
}

static void draw_silence(const struct page *p, const struct am_silence *x, struct surface *s)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	struct buf text = {0};
	size_t held = held_by(&p->res, x);
	int y = 1;

	surface_rule(s, 0, ROLE_BORDER, "under the cursor", "");
	y = put_line(s, y, "matchers", str_of(x->matchers));
	buf_printf(&text, "%s to %s  at %s  holds %zu alert%s of others", time_format(x->starts_us / US_PER_S * US_PER_S, from),
	           time_format(x->ends_us / US_PER_S * US_PER_S, to), x->manager, held, held == 1 ? "" : "s");
	y = put_line(s, y, "time", buf_str(&text));
	y = put_line(s, y, "author", str_of(x->author));
	y = put_line(s, y, "comment", str_of(x->comment));
	put_line(s, y, "id", str_of(x->id));
	buf_fini(&text);
}

static void page_draw(const struct page *p, bool silences, const struct panel_frame *frame, struct surface *s)
{
	size_t count = silences ? p->res.silence_count : p->res.alert_count, index = 0;
	struct panel_frame dimmed = *frame;
	char right[160];
	bool has;
	int top, rows;

	head_words(p, right, sizeof right);
	draw_head(s, frame, silences ? "silences, all of Alertmanager's" : "alerts of others, in Alertmanager", right);
	top = 1 + draw_warnings(p, s, 1);
	dimmed.stale = frame->stale || !all_live(p);
	if (count == 0) {
		surface_text(s, 1, top, ROLE_MUTED, p->res.manager_count == 0 ? "no Alertmanager is watched: name one under `notify:` in the config, and run a collector"
		             : silences ? "no silences" : "no alerts of others");
		return;
	}
	has = chosen(p, silences, frame, &index) && s->height >= 14;
	rows = s->height - top - (has ? s->height >= 36 ? DETAIL_ROWS_TALL : DETAIL_ROWS : 0);
	if (rows <= 0)
		return;
	struct surface table = surface_part(s, (struct rect){0, top, s->width, rows});

	draw_rows(silences ? &silences_panel : &others_panel, p, &dimmed, &table);
	if (!has)
		return;
	struct surface below = surface_part(s, (struct rect){0, top + rows, s->width, s->height - top - rows});

	if (silences)
		draw_silence(p, &p->res.silences[index], &below);
	else
		draw_other(p, &p->res.alerts[index], frame, &below);
}

static void others_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	struct page now = page_now(state, frame);

	page_draw(&now, false, frame, s);
}

static void silences_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	struct page now = page_now(state, frame);

	page_draw(&now, true, frame, s);
}

/* ── picks ─────────────────────────────────────────────────────────────────────────────────── */

static void pick_worth(const struct page *p, const char *manager, struct am_pick *out)
{
	const struct am_status *s = am_result_manager(&p->res, manager);
	struct buf text = {0};

	if (s && am_is_live(s, p->wall_us))
		return;
	if (s)
		worth_of(s, p->wall_us, &text);
	snprintf(out->worth, sizeof out->worth, "%.60s is %.90s", manager, text.len ? text.data : "gone");
	buf_fini(&text);
}

static void add_line(struct am_pick *out, struct str name, struct str value)
{
	if (out->line_count == AM_PICK_LINES)
		out->lines_left_out++;
	else
		snprintf(out->lines[out->line_count++], sizeof out->lines[0], "  %.*s=\"%.*s\"", (int)(name.len < 60 ? name.len : 60), name.ptr,
		         (int)(value.len < 90 ? value.len : 90), value.ptr);
}

static void pick_alert(const struct page *p, const struct am_alert *a, struct am_pick *out)
{
	const char *labels = a->labels;
	struct str name = {0}, value = {0}, ids = str_of(a->silenced_by);

	*out = (struct am_pick){.is_silence = false};
	snprintf(out->manager, sizeof out->manager, "%s", a->manager);
	snprintf(out->target, sizeof out->target, "%s", a->fingerprint);
	snprintf(out->name, sizeof out->name, "%s", a->name);
	snprintf(out->state, sizeof out->state, "%s", a->state);
	while (next_label(&labels, &name, &value))
		add_line(out, name, value);
	while (ids.len) {
		struct str id = str_cut(&ids, ' ');

		if (out->holds++ == 0)
			snprintf(out->silence, sizeof out->silence, "%.*s", (int)(id.len < 64 ? id.len : 64), id.ptr);
	}
	pick_worth(p, a->manager, out);
}

static void pick_silence(const struct page *p, const struct am_silence *x, struct am_pick *out)
{
	*out = (struct am_pick){.is_silence = true, .ends_us = x->ends_us, .holds = held_by(&p->res, x), .line_count = 1};
	snprintf(out->manager, sizeof out->manager, "%s", x->manager);
	snprintf(out->target, sizeof out->target, "%s", x->id);
	snprintf(out->name, sizeof out->name, "%s", x->matchers);
	snprintf(out->lines[0], sizeof out->lines[0], "  %s", x->matchers);
	snprintf(out->state, sizeof out->state, "%s", x->state);
	snprintf(out->author, sizeof out->author, "%s", x->author);
	snprintf(out->comment, sizeof out->comment, "%s", x->comment);
	pick_worth(p, x->manager, out);
}

bool alertmanager_pick(const struct panel *panel, const void *state, const struct panel_frame *frame, struct am_pick *out)
{
	const struct page now = page_now(state, frame), *p = &now;
	bool silences = panel == &silences_panel;
	size_t index;

	if (!chosen(p, silences, frame, &index))
		return false;
	if (silences)
		pick_silence(p, &p->res.silences[index], out);
	else
		pick_alert(p, &p->res.alerts[index], out);
	return true;
}

bool alertmanager_pick_silence(const void *state, const char *manager, const char *id, struct am_pick *out)
{
	const struct page *p = state;
	const struct am_silence *x = am_result_silence(&p->res, manager, str_of(id));

	if (x)
		pick_silence(p, x, out);
	return x != NULL;
}

void alertmanager_keeps_back(const struct am_result *res, const char *labels, const struct tz *tz, int64_t wall_us, struct buf *out)
{
	for (size_t i = 0; i < res->own_count; i++) {
		const struct am_alert *a = &res->own[i];
		const struct am_status *m = am_result_manager(res, a->manager);
		struct str ids = str_of(a->silenced_by);
		const struct am_silence *by = am_result_silence(res, a->manager, str_cut(&ids, ' '));

		if (strcmp(a->labels, labels) != 0 || !m || !am_is_live(m, wall_us))
			continue;
		buf_printf(out, "%s in %s", am_state_word(a), a->manager);
		if (by) {
			buf_puts(out, " by ");
			silence_words(by, tz, wall_us, out);
		}
		return;
	}
}

#define HELP_COMMON \
	" The collector reads every Alertmanager of `notify:` again and again; a list that is not of now is dimmed, and " \
	"a line says why and how old it is. ! goes on to the next of alerts, alerts of others and silences."

const struct panel others_panel = {
	.name = "others",
	.title = "alerts of others",
	.help = "The alerts that others have sent to the Alertmanagers; our own are on the alerts page. Below, the one under the "
	        "cursor: its labels, who is told, which silence holds it, its runbook and where it comes from. m silences it for "
	        "a time: the dialog shows the matchers, and what was made is read back. M ends the silence that holds it. Enter "
	        "goes to that silence." HELP_COMMON,
	.page = '6',
	.state_size = sizeof(struct page),
	.load = page_load,
	.fini = page_fini,
	.draw = others_draw,
	.rows = others_rows,
};

const struct panel silences_panel = {
	.name = "silences",
	.title = "silences",
	.help = "All silences of the Alertmanagers, ours (from llmdeck) and others', in force first, and those that ended in the last "
	        "quarter of an hour. M ends the one under the cursor, m gives it another end; both are read back and written "
	        "to the audit." HELP_COMMON,
	.page = '6',
	.state_size = sizeof(struct page),
	.load = page_load,
	.fini = page_fini,
	.draw = silences_draw,
	.rows = silences_rows,
};
