/* llmdeck incident: what is being worked on, and its report. Looking needs the store alone; changes go
 * through the collector. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/alert_ask.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "cli/window.h"
#include "console/control_client.h"
#include "console/incident_report.h"
#include "parse/json_edit.h"

static const char *const incident_verbs[] = {"list", "show", "open", "note", "assign", "status", "pin", "feedback", "close", "report", NULL};

static const struct command_option incident_options[] = {
	{"--title", "TEXT", "open: what is wrong, in a line"},
	{"--bad", "CONDITION", "open: which requests are bad, as in `llmdeck suspects --bad`"},
	{"--alert", "ID", "open: from this alert: its time, and its summary as the title"},
	WINDOW_OPTIONS,
	{"--note", "TEXT", "close: a last line of the timeline"},
	{"--html", "FILE", "report: one self-contained HTML page into FILE, - for stdout, instead of Markdown to stdout"},
	{"--all", NULL, "list: closed ones of any age too"},
	{"--format", "FORMAT", "list, show: table (default), json or csv"},
	{NULL, NULL, NULL},
};

struct ask {
	const struct global *g;
	const struct args *a;
	struct store_reader *reader;
	struct store_summary summary;
	struct tz *tz;
	int64_t id, now_us;
	int format;
};

/* ── reading ───────────────────────────────────────────────────────────────────────────────── */

static void json_incident(const struct incident *i, struct buf *out)
{
	char name[INCIDENT_NAME_BYTES];

	buf_printf(out, "{\"id\":%" PRId64 ",\"name\":\"%s\",\"state\":\"%s\"", i->id, incident_name(i->id, name), incident_state_name(i->state));
	alert_add_text(out, "title", i->title);
	alert_add_text(out, "owner", i->owner);
	alert_add_text(out, "author", i->author);
	alert_add_time(out, "opened", i->opened_us);
	alert_add_time(out, "closed", i->closed_us);
	alert_add_time(out, "reported", i->reported_us);
	alert_add_time(out, "from", i->from_us);
	alert_add_time(out, "to", i->to_us);
	alert_add_text(out, "bad", i->bad);
	buf_puts(out, ",\"where\":[");
	for (size_t k = 0; k < i->where.filter_count; k++) {
		const struct filter *f = &i->where.filters[k];
		struct buf word = {0};

		buf_printf(&word, "%s%s%s", dim_name(f->dim), f->inverted ? "!=" : "=", f->value);
		buf_puts(out, k ? "," : "");
		buf_append_json(out, buf_str(&word));
		buf_fini(&word);
	}
	buf_printf(out, "],\"alert\":");
	if (i->alert_id)
		buf_printf(out, "%" PRId64, i->alert_id);
	else
		buf_puts(out, "null");
	buf_printf(out, ",\"pinned\":%s}", incident_pins(i) ? "true" : "false");
}

static void csv_incident(const struct incident *i, struct buf *out)
{
	char time[TIME_TEXT_BYTES];
	const int64_t times[] = {i->opened_us, i->closed_us, i->from_us, i->to_us};
	const char *const texts[] = {i->title, i->owner, i->author};

	buf_printf(out, "%" PRId64 ",%s", i->id, incident_state_name(i->state));
	for (size_t k = 0; k < 3; k++) {
		buf_append_c(out, ',');
		buf_append_csv(out, str_of(texts[k]));
	}
	for (size_t k = 0; k < 4; k++)
		buf_printf(out, ",%s", times[k] ? time_format(times[k], time) : "");
	buf_append_c(out, '\n');
}

static void table_incidents(const struct incident_result *res, struct buf *out)
{
	static const struct text_column columns[] = {
		{"INCIDENT", COLUMN_WHOLE, 0}, {"STATE", COLUMN_WHOLE, 0}, {"OWNER", 1, 1}, {"OPENED", COLUMN_WHOLE, 2},
		{"CLOSED", COLUMN_WHOLE, 3}, {"TITLE", 1, 0},
	};
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof *columns);
	char text[TIME_TEXT_BYTES];

	for (size_t k = 0; k < res->row_count; k++) {
		const struct incident *i = &res->rows[k];

		text_table_add(t, str_of(incident_name(i->id, text)));
		text_table_add(t, str_of(incident_state_name(i->state)));
		text_table_add(t, str_of(*i->owner ? i->owner : "-"));
		text_table_add(t, str_of(time_format(i->opened_us, text)));
		text_table_add(t, str_of(i->closed_us ? time_format(i->closed_us, text) : "-"));
		text_table_add(t, str_of(i->title));
	}
	text_table_print(t, cli_columns(0), out);
	text_table_free(&t);
}

static int do_list(struct ask *k, struct err *err)
{
	struct incident_result res;
	struct buf out = {0};

	if (query_incidents(k->reader, args_has(k->a, "--all") ? 0 : k->now_us - 30 * US_PER_DAY, &res, err))
		return EXIT_FAILED;
	if (k->format == FORMAT_JSON) {
		buf_puts(&out, "{\"schema\":1,\"incidents\":[");
		for (size_t i = 0; i < res.row_count; i++) {
			buf_puts(&out, i ? ",\n " : "\n ");
			json_incident(&res.rows[i], &out);
		}
		buf_puts(&out, "]}\n");
	} else if (k->format == FORMAT_CSV) {
		buf_puts(&out, "id,state,title,owner,author,opened,closed,from,to\n");
		for (size_t i = 0; i < res.row_count; i++)
			csv_incident(&res.rows[i], &out);
	} else if (res.row_count) {
		table_incidents(&res, &out);
	} else {
		buf_puts(&out, "no incident is open, none was closed in the last 30 days: llmdeck incident open begins one\n");
	}
	int code = cli_print(&out);

	buf_fini(&out);
	incident_result_fini(&res);
	return code;
}

static const char *what_of(const struct timeline_row *row)
{
	static const char *const kinds[] = {[TIMELINE_NOTE] = "note", [TIMELINE_STATE] = "incident", [TIMELINE_FEEDBACK] = "feedback"};

	return row->kind == TIMELINE_MARK ? mark_kind_name(row->mark) : kinds[row->kind];
}

static void show_json(const struct incident_detail *d, struct buf *out)
{
	buf_puts(out, "{\"schema\":1,\"incident\":");
	json_incident(&d->incident, out);
	buf_puts(out, ",\n \"timeline\":[");
	for (size_t i = 0; i < d->timeline_count; i++) {
		const struct timeline_row *row = &d->timeline[i];

		buf_printf(out, "%s\n  {\"kind\":\"%s\"", i ? "," : "", what_of(row));
		alert_add_time(out, "time", row->time_us);
		alert_add_text(out, "who", row->who);
		alert_add_text(out, "name", row->name);
		alert_add_text(out, "text", row->text);
		buf_append_c(out, '}');
	}
	buf_puts(out, "],\n \"alerts\":[");
	for (size_t i = 0; i < d->alerts.row_count; i++)
		buf_printf(out, "%s%" PRId64, i ? "," : "", d->alerts.rows[i].id);
	buf_puts(out, "],\"feedback\":[");
	for (size_t i = 0; i < d->feedback_count; i++)
		buf_printf(out, "%s\"%llx\"", i ? "," : "", (unsigned long long)d->feedback[i]);
	buf_puts(out, "]}\n");
}

static void show_timeline(const struct incident_detail *d, bool csv, struct buf *out)
{
	static const struct text_column columns[] = {{"TIME", COLUMN_WHOLE, 0}, {"WHAT", COLUMN_WHOLE, 0}, {"WHO", 1, 1}, {"", 1, 0}};
	struct text_table *t = csv ? NULL : text_table_new(columns, 4);
	char time[TIME_TEXT_BYTES];

	if (csv)
		buf_puts(out, "time,what,who,name,text\n");
	for (size_t i = 0; i < d->timeline_count; i++) {
		const struct timeline_row *row = &d->timeline[i];
		const char *const cells[] = {time_format(row->time_us, time), what_of(row), row->who, row->name, row->text};

		for (size_t c = 0; c < 5; c++)
			if (csv) {
				buf_append_csv(out, str_of(cells[c]));
				buf_append_c(out, c < 4 ? ',' : '\n');
			} else if (c != 3) {
				text_table_add(t, str_of(cells[c]));
			}
	}
	if (csv)
		return;
	text_table_print(t, cli_columns(0), out);
	text_table_free(&t);
}

static void show_text(const struct incident_detail *d, struct buf *out)
{
	const struct incident *i = &d->incident;
	char name[INCIDENT_NAME_BYTES], from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], filters[VIEW_FILTERS_MAX * (VIEW_VALUE_BYTES + 32)];
	struct buf line = {0};

	buf_printf(&line, "%s %s: %s", incident_name(i->id, name), incident_state_name(i->state), i->title);
	text_append_harmless(out, buf_str(&line), INCIDENT_TITLE_MAX_BYTES + 64);
	buf_reset(&line);
	buf_printf(&line, "owner %s, opened %s by %s", *i->owner ? i->owner : "nobody", time_format(i->opened_us, from), i->author);
	buf_puts(out, "\n");
	text_append_harmless(out, buf_str(&line), 512);
	buf_printf(out, "\nwindow %s to %s%s\n", time_format(i->from_us, from), i->to_us ? time_format(i->to_us, to) : "now",
	           incident_pins(i) ? ", pinned: its requests and spans are kept" : "");
	buf_reset(&line);
	buf_printf(&line, "%s%s%s%s", *i->bad ? "bad: " : "", i->bad, *i->bad && i->where.filter_count ? "; " : "",
	           i->where.filter_count ? view_format_filters(&i->where, filters, sizeof filters) : "");
	text_append_harmless(out, buf_str(&line), 4096);
	buf_puts(out, line.len ? "\n\n" : "\n");
	buf_fini(&line);
}

static int do_show(struct ask *k, struct err *err)
{
	struct incident_detail d;
	struct buf out = {0};

	if (query_incident(k->reader, k->id, k->now_us, &d, err))
		return EXIT_FAILED;
	if (!d.incident.id) {
		incident_detail_fini(&d);
		err_set(err, "incident: there is no %s: see llmdeck incident list --all", k->a->operands[1]);
		return EXIT_FAILED;
	}
	if (k->format == FORMAT_JSON)
		show_json(&d, &out);
	else if (k->format == FORMAT_TABLE)
		show_text(&d, &out);
	if (k->format != FORMAT_JSON)
		show_timeline(&d, k->format == FORMAT_CSV, &out);
	int code = cli_print(&out);

	buf_fini(&out);
	incident_detail_fini(&d);
	return code;
}

/* ── changing ──────────────────────────────────────────────────────────────────────────────── */

static int send(const struct ask *k, const char *verb, struct buf *json, struct buf *answer)
{
	struct buf whole = {0};

	buf_printf(&whole, "{\"do\":\"%s\"", verb);
	if (k->id)
		buf_printf(&whole, ",\"id\":%" PRId64, k->id);
	buf_append_str(&whole, buf_str(json));
	alert_add_claim(&whole);
	buf_append_c(&whole, '}');
	int code = control_ask(k->g, "/v1/incidents/change", &whole, answer);

	buf_fini(&whole);
	buf_fini(json);
	return code;
}

/* The alert's time and summary, where the command line does not say otherwise. */
static int from_alert(struct ask *k, struct incident *i, struct arena *arena, struct err *err)
{
	struct alert_result res;
	int64_t id = 0;

	if (args_int(k->a, "--alert", 1, INT64_MAX, &id, err))
		return -1;
	if (!id)
		return 0;
	if (query_alert(k->reader, id, k->now_us, &res, err))
		return -1;
	if (!res.row_count) {
		alert_result_fini(&res);
		return err_set(err, "--alert %" PRId64 ": there is no such alert: see llmdeck alert list", id);
	}
	const struct alert_record *a = &res.rows[0];
	const char *title = a->summary && *a->summary ? a->summary : a->rule;

	i->alert_id = id;
	i->from_us = a->since_us;
	i->title = arena_copy(arena, title, strlen(title));
	alert_result_fini(&res);
	return 0;
}

/* The window of --since, --from and --to; without --to it goes on. */
static int read_window(struct ask *k, struct incident *i, struct err *err)
{
	struct window w;

	if (window_read(&w, k->a, &k->summary, k->tz, k->now_us, err))
		return -1;
	i->where = w.view;
	if (!w.by_default || !i->from_us)
		i->from_us = w.view.from_us;
	if (args_value(k->a, "--to") || w.historic)
		i->to_us = w.view.to_us;
	return 0;
}

static void add_window(const struct incident *i, struct buf *json)
{
	alert_add_time(json, "from", i->from_us);
	if (i->to_us)
		alert_add_time(json, "to", i->to_us);
}

static int do_open(struct ask *k, struct err *err)
{
	const char *title = args_value(k->a, "--title"), *bad = args_value(k->a, "--bad");
	struct incident i = {.title = ""};
	struct buf json = {0}, answer = {0}, where = {0};
	struct arena arena = {0};
	struct bad checked;
	char name[INCIDENT_NAME_BYTES];
	int code = EXIT_USAGE;

	if (!title && k->a->operand_count == 2)
		title = k->a->operands[1];
	if (from_alert(k, &i, &arena, err) || read_window(k, &i, err))
		goto out;
	i.title = title ? title : i.title;
	if (!*i.title) {
		err_set(err, "incident open: say what is wrong: --title 'p95 of checkout', or --alert ID");
		goto out;
	}
	if (bad && bad_parse(&checked, str_of(bad), err)) {
		err_wrap(err, "--bad");
		goto out;
	}
	alert_add_text(&json, "title", i.title);
	add_window(&i, &json);
	incident_where_format(&i.where, &where);
	alert_add_text(&json, "where", where.data);
	alert_add_text(&json, "bad", bad);
	if (i.alert_id)
		buf_printf(&json, ",\"alert\":%" PRId64, i.alert_id);
	code = send(k, "open", &json, &answer);
	if (code == EXIT_DONE) {
		int64_t id = 0;

		json_int_at(buf_str(&answer), "/id", &id);
		buf_reset(&json);
		buf_printf(&json, "%s\n", incident_name(id, name));
		code = cli_print(&json);
	}
out:
	buf_fini(&json);
	buf_fini(&answer);
	buf_fini(&where);
	arena_fini(&arena);
	return code;
}

static int do_note(struct ask *k, struct err *err)
{
	struct buf json = {0};

	(void)err;
	alert_add_text(&json, "note", k->a->operands[2]);
	return send(k, "note", &json, NULL);
}

static int do_assign(struct ask *k, struct err *err)
{
	struct buf json = {0};

	(void)err;
	alert_add_text(&json, "owner", strcmp(k->a->operands[2], "-") == 0 ? "" : k->a->operands[2]);
	return send(k, "assign", &json, NULL);
}

static int do_status(struct ask *k, struct err *err)
{
	struct buf json = {0};

	(void)err;
	alert_add_text(&json, "state", k->a->operands[2]);
	return send(k, "status", &json, NULL);
}

static int do_feedback(struct ask *k, struct err *err)
{
	struct buf json = {0};

	(void)err;
	alert_add_text(&json, "feedback", k->a->operands[2]);
	return send(k, "feedback", &json, NULL);
}

static int do_pin(struct ask *k, struct err *err)
{
	struct incident i = {.title = ""};
	struct buf json = {0};

	if (!args_value(k->a, "--from") && !args_value(k->a, "--since")) {
		err_set(err, "incident pin: say which window: --from T, and --to T unless it goes on");
		return EXIT_USAGE;
	}
	if (read_window(k, &i, err))
		return EXIT_USAGE;
	add_window(&i, &json);
	return send(k, "pin", &json, NULL);
}

static int do_close(struct ask *k, struct err *err)
{
	const char *note = args_value(k->a, "--note");
	struct buf json = {0};

	(void)err;
	if (note)
		alert_add_text(&json, "note", note);
	return send(k, "close", &json, NULL);
}

/* ── the report ────────────────────────────────────────────────────────────────────────────── */

/* A collector that runs is told, so that a closed incident lets its rows go. */
static int tell_reported(const struct ask *k, bool closed)
{
	struct buf whole = {0};
	struct err err = {""};

	buf_printf(&whole, "{\"do\":\"report\",\"id\":%" PRId64, k->id);
	alert_add_claim(&whole);
	buf_append_c(&whole, '}');
	struct control_client *client = control_client_new(k->g->socket_path);
	enum control_result result = control_client_call(client, "POST", "/v1/incidents/change", buf_str(&whole), "application/json", 5 * US_PER_S, NULL, &err);

	control_client_free(&client);
	buf_fini(&whole);
	if (result != CONTROL_OK && closed)
		cli_note("incident: the collector was not told that the report is written, so its rows stay: %s", err.text);
	return EXIT_DONE;
}

static int write_report(const struct ask *k, const struct incident_report *r, struct err *err)
{
	const char *html = args_value(k->a, "--html");
	struct buf out = {0};
	int code;

	incident_report_write(r, html != NULL, &out);
	if (!html || strcmp(html, "-") == 0)
		code = cli_print(&out);
	else
		code = file_write_atomic(html, out.data, out.len, 0644, err) ? EXIT_FAILED : EXIT_DONE;
	buf_fini(&out);
	return code;
}

static int do_report(struct ask *k, struct err *err)
{
	struct incident_report r;

	if (incident_report_load(&r, k->reader, k->id, k->now_us, err))
		return EXIT_FAILED;
	int code = write_report(k, &r, err);

	if (code == EXIT_DONE)
		code = tell_reported(k, r.detail.incident.closed_us != 0);
	incident_report_fini(&r);
	return code;
}

/* ── the command ───────────────────────────────────────────────────────────────────────────── */

static const struct {
	const char *name;
	size_t least, most; /* operands behind the verb */
	bool reads;
	int (*run)(struct ask *k, struct err *err);
	const char *wants;
} verbs[] = {
	{"list", 0, 0, true, do_list, "no operand"},
	{"show", 1, 1, true, do_show, "ID"},
	{"open", 0, 1, true, do_open, "--title TEXT, or --alert ID"},
	{"note", 2, 2, false, do_note, "ID TEXT"},
	{"assign", 2, 2, false, do_assign, "ID USER, - for nobody"},
	{"status", 2, 2, false, do_status, "ID and open, investigating, identified or mitigated"},
	{"pin", 1, 1, true, do_pin, "ID --from T [--to T]"},
	{"feedback", 2, 2, false, do_feedback, "ID ITEM"},
	{"close", 1, 1, false, do_close, "ID"},
	{"report", 1, 1, true, do_report, "ID [--html FILE]"},
};

static int run_verb(struct ask *k, struct err *err)
{
	const struct args *a = k->a;
	const char *verb = a->operand_count ? a->operands[0] : "list";
	size_t given = a->operand_count ? a->operand_count - 1 : 0;

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(verb, verbs[i].name) != 0)
			continue;
		if (given < verbs[i].least || given > verbs[i].most) {
			err_set(err, "incident %s takes %s", verb, verbs[i].wants);
			return EXIT_USAGE;
		}
		if (verbs[i].least && !(k->id = incident_id(str_of(a->operands[1])))) {
			err_set(err, "incident %s: \"%s\" is no incident: write INC-88 or 88", verb, a->operands[1]);
			return EXIT_USAGE;
		}
		if (verbs[i].reads && window_open_store(&k->reader, k->g->store_path, &k->summary, err))
			return EXIT_UNAVAILABLE;
		return verbs[i].run(k, err);
	}
	err_set(err, "incident: there is no \"%s\": use list, show, open, note, assign, status, pin, feedback, close or report", verb);
	return EXIT_USAGE;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct ask k = {.g = g, .now_us = clock_wall_us(), .format = FORMAT_TABLE};
	struct args a;
	struct err err = {""};
	int code;

	if (!args_open(&a, &incident_command, argc, argv, &code))
		return code;
	k.a = &a;
	code = EXIT_USAGE;
	if (!args_choice(&a, "--format", &k.format, &err) && !tz_load(&k.tz, g->config.options[OPTION_TZ].text, &err))
		code = run_verb(&k, &err);
	if (err.text[0])
		cli_fail((enum exit_code)code, &err);
	store_reader_close(&k.reader);
	tz_free(&k.tz);
	args_fini(&a);
	return code;
}

static const struct command_choices incident_choices[] = {
	{"--format", output_formats, NULL},
	{NULL, NULL, NULL},
};

const struct command incident_command = {
	.name = "incident",
	.usage = "list | show ID | open --title TEXT | note ID TEXT | assign ID USER | status ID STATE | close ID | report ID",
	.summary = "what is being worked on: open, note, assign, close; a report with figures, charts and timeline",
	.help = "An open incident pins its window: requests and spans in it are kept beyond the retention until it is closed and\n"
	        "its report was written. The timeline fills itself: alerts, acknowledgements, rollouts, changes, notes. Every figure\n"
	        "of the report stands beside the command that prints it again.",
	.options = incident_options,
	.choices = incident_choices,
	.subcommands = incident_verbs,
	.run = run,
};
