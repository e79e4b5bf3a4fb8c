/* llmdeck feedback: what the triage page does, from a shell. Looking reads the store; changing asks the
 * collector, or does the same under the writer's lock when none runs. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/feedback_export.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "cli/window.h"
#include "console/control_client.h"
#include "daemon/control_feedback.h"
#include "parse/json_edit.h"
#include "store/query_feedback.h"

#define LIST_DEFAULT 50
#define WAIT_US (60 * US_PER_S)

static const char *const subcommands[] = {"list", "show", "export", "label", "unlabel", "assign", "resolve", "dismiss", "reopen",
                                          "note", "dataset", "undo", NULL};

static const char *const sorts[] = {"time", "score", "mood", "confidence", NULL};
/* Of all verbs together; each takes only its own. */
static const char *const formats[] = {"table", "json", "text", "jsonl", "csv", "chat", NULL};

static const struct command_option feedback_options[] = {
	{"--where", "FIELD=VALUE", "list, export: mood, state, assignee, label, language, dataset, or a dimension such as service; repeatable"},
	{"--text", "WORDS", "list, export: only items in whose text this occurs"},
	{"--since", "DURATION", "list, export: the last 15m, 8h, 7d …; default: all of it"},
	{"--from", "TIME", "list, export: a date or a time"},
	{"--to", "TIME", "list, export: end, not included"},
	{"--sort", "ORDER", "list, export: time (default), score, mood or confidence"},
	{"--limit", "N", "list: default 50; export: all"},
	{"--format", "F", "list: table or json; show: text or json; export: jsonl, csv or chat (cases of the data set)"},
	{"--with-text", NULL, "list, export: comments, questions, answers and notes too, redacted"},
	{NULL, NULL, NULL},
};

/* ── looking ───────────────────────────────────────────────────────────────────────────────── */

static int read_times(const struct args *a, struct feedback_filter *f, struct err *err)
{
	const char *since = args_value(a, "--since"), *from = args_value(a, "--from"), *to = args_value(a, "--to");
	int64_t now_us = clock_wall_us(), back_us;

	if (since && !duration_parse(str_of(since), &back_us))
		return err_set(err, "--since %s: give a duration such as 15m, 8h or 7d", since);
	if (since)
		f->from_us = now_us - back_us;
	if (from && !window_parse_time(from, NULL, now_us, 0, &f->from_us))
		return err_set(err, "--from %s: give a time such as 2026-11-23T12:00:00Z", from);
	if (to && !window_parse_time(to, NULL, now_us, 0, &f->to_us))
		return err_set(err, "--to %s: give a time such as 2026-11-23T12:00:00Z", to);
	return 0;
}

/* The filters of --where, --text and the operands behind the verb. */
static int read_filter(const struct args *a, struct view *where, struct feedback_filter *f, struct err *err)
{
	int sort = FEEDBACK_BY_TIME;
	const char *word;

	feedback_filter_init(f);
	*where = (struct view){.filter_count = 0};
	f->budget_us = US_PER_MIN;
	for (size_t i = 0; (word = args_nth(a, "--where", i)); i++) {
		struct str before = f->text;

		if (feedback_filter_add(f, where, str_of(word), err))
			return -1;
		if (!str_equal(before, f->text))
			return err_set(err, "--where %s: use mood, state, assignee, label, language, dataset, or a dimension such as service", word);
	}
	for (size_t i = 1; i < a->operand_count; i++)
		if (feedback_filter_add(f, where, str_of(a->operands[i]), err))
			return -1;
	if ((word = args_value(a, "--text")))
		f->text = str_of(word);
	if (args_choice(a, "--sort", &sort, err))
		return -1;
	f->sort = (enum feedback_sort)sort;
	return read_times(a, f, err);
}

static const char *const moods[] = {"unknown", "positive", "neutral", "negative"};

static void put_table(const struct feedback_list *l, size_t shown, const struct feedback_texts *texts, struct buf *out)
{
	static const struct text_column columns[] = {
		{"ID", COLUMN_WHOLE, 0}, {"TIME", COLUMN_WHOLE, 1}, {"MOOD", 1, 0}, {"SCORE", 0, 2}, {"STATE", 1, 0}, {"ASSIGNEE", 1, 3},
		{"SERVICE", 1, 1}, {"DEPLOYMENT", 1, 3}, {"LANG", 1, 4}, {"TEXT", 1, 0},
	};
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof *columns);
	char time[TIME_TEXT_BYTES];

	for (size_t i = 0; i < shown; i++) {
		const struct feedback_light *f = &l->items[i];

		text_table_addf(t, "%" PRIx64, (uint64_t)f->id);
		text_table_add(t, str_of(time_format(f->time_us / US_PER_S * US_PER_S, time)));
		text_table_add(t, str_of(moods[f->mood]));
		if (isnan(f->score))
			text_table_add(t, STR_LIT("–"));
		else
			text_table_addf(t, "%+.2f", (double)f->score);
		text_table_add(t, str_of(feedback_state_name((enum feedback_state)f->state)));
		text_table_add(t, str_of(l->names[f->assignee]));
		text_table_add(t, str_of(l->names[f->service]));
		text_table_add(t, str_of(l->names[f->deployment]));
		text_table_add(t, str_of(l->names[f->language]));
		text_table_add(t, texts->texts[i].ptr ? texts->texts[i] : texts->withheld && f->has_text ? STR_LIT("text withheld") : STR_LIT(""));
	}
	text_table_print(t, cli_columns(0), out);
	text_table_free(&t);
	buf_printf(out, "%zu of %zu; %zu open, %zu settled, %zu dismissed\n", shown, l->count, l->open, l->settled, l->dismissed);
}

/* Each item as `put` writes it, a piece at a time. */
static int put_items(struct store_reader *r, const struct feedback_list *l, size_t shown, int format, bool with_text, size_t *left_out)
{
	struct buf out = {0};
	struct err err = {""};
	int result = EXIT_DONE;

	if (format == 1)
		feedback_put_csv_head(with_text, &out);
	for (size_t i = 0; i < shown && result == EXIT_DONE; i++) {
		struct feedback_item item;

		if (query_feedback_item(r, l->items[i].id, &item, &err))
			continue; /* forgotten since the list was read */
		if (format == 1)
			feedback_put_csv(&item, with_text, &out);
		else if (format == 0)
			feedback_put_json(&item, with_text, &out);
		else if (!feedback_put_case(&item, &out))
			++*left_out;
		feedback_item_fini(&item);
		if (out.len > 65536) {
			result = cli_print(&out);
			buf_reset(&out);
		}
	}
	if (result == EXIT_DONE)
		result = cli_print(&out);
	buf_fini(&out);
	return result;
}

static int list_items(struct store_reader *r, const struct args *a, bool export)
{
	static const char *const export_formats[] = {"jsonl", "csv", "chat", NULL};
	struct feedback_filter f;
	struct feedback_list l;
	struct view where;
	struct err err = {""};
	int64_t limit = export ? INT64_MAX : LIST_DEFAULT;
	int format = 0, result;
	size_t left_out = 0;

	if (read_filter(a, &where, &f, &err) || args_int(a, "--limit", 1, 100000000, &limit, &err) ||
	    args_choice_of(a, "--format", export ? export_formats : output_formats_deep, &format, &err))
		return cli_fail(EXIT_USAGE, &err);
	f.in_dataset = f.in_dataset || (export && format == 2);
	if (query_feedback_list(r, &f, &l, &err))
		return cli_fail(EXIT_UNAVAILABLE, &err);
	if (l.text_withheld)
		cli_note("texts cannot be read by this user: --text was not looked for");
	size_t shown = (uint64_t)limit < l.count ? (size_t)limit : l.count;

	if (export || format == 1) {
		result = put_items(r, &l, shown, export ? format : 0, args_has(a, "--with-text"), &left_out);
	} else {
		struct feedback_texts texts;
		struct buf out = {0};
		int64_t *ids = mem_array(NULL, shown + 1, sizeof *ids);

		for (size_t i = 0; i < shown; i++)
			ids[i] = l.items[i].id;
		result = query_feedback_texts(r, ids, shown, &texts, &err) ? cli_fail(EXIT_UNAVAILABLE, &err) : EXIT_DONE;
		free(ids);
		if (result == EXIT_DONE) {
			put_table(&l, shown, &texts, &out);
			feedback_texts_fini(&texts);
			result = cli_print(&out);
			buf_fini(&out);
		}
	}
	if (left_out)
		cli_note("%zu items were left out: their questions were not kept (`keep_text: yes` keeps them)", left_out);
	feedback_list_fini(&l);
	return result;
}

static void put_line(struct buf *out, const char *name, struct str text)
{
	if (!text.len)
		return;
	buf_printf(out, "%-12s ", name);
	text_append_harmless(out, text, EVENT_TEXT_MAX_BYTES);
	buf_append_c(out, '\n');
}

static void put_kept(struct buf *out, const char *name, struct str text, enum text_state state)
{
	put_line(out, name, state == TEXT_KEPT ? text : state == TEXT_WITHHELD ? STR_LIT("text withheld")
	                                            : state == TEXT_EXPIRED ? STR_LIT("no longer kept") : (struct str){0});
}

static void put_history(const struct feedback_item *i, struct buf *out)
{
	char time[TIME_TEXT_BYTES], line[600];

	for (size_t k = 0; k < i->event_count; k++) {
		const struct feedback_event *e = &i->events[k];

		snprintf(line, sizeof line, "%s %s: %s %s → %s%s", time_format(e->time_us / US_PER_S * US_PER_S, time), e->author, e->field,
		         *e->before ? e->before : "–", *e->after ? e->after : "–", e->undone ? " (undone)" : "");
		put_line(out, "history", str_of(line));
	}
}

static void put_item(const struct feedback_item *i, struct buf *out)
{
	char line[400], time[TIME_TEXT_BYTES];

	snprintf(line, sizeof line, "%" PRIx64 "  %s  %s  %s", (uint64_t)i->id, time_format(i->item.time_us, time), moods[i->item.mood],
	         feedback_state_name(i->state));
	put_line(out, "feedback", str_of(line));
	put_line(out, "service", i->item.dims[DIM_SERVICE]);
	put_line(out, "deployment", i->item.dims[DIM_DEPLOYMENT]);
	put_line(out, "assignee", str_of(i->assignee));
	put_line(out, "settled by", str_of(i->settled_by));
	put_line(out, "open at", str_of(i->locked ? i->lock_holder : ""));
	put_kept(out, "text", i->item.text, i->text_state);
	if (i->context_state == TEXT_KEPT)
		put_kept(out, "context", i->context, i->context_state);
	put_kept(out, "question", i->question, i->question_state);
	put_kept(out, "answer", i->answer, i->answer_state);
	put_kept(out, "corrected", i->corrected, i->in_dataset ? i->corrected_state : TEXT_NONE);
	put_line(out, "findings", i->item.findings);
	for (size_t k = 0; k < i->verdict_count; k++) {
		snprintf(line, sizeof line, "%s: %s, score %+.2f, confidence %.2f%s%s%s", i->verdicts[k].judge, moods[i->verdicts[k].mood],
		         i->verdicts[k].score, i->verdicts[k].confidence, i->verdicts[k].stands ? " (stands)" : "",
		         *i->verdicts[k].words ? "; " : "", i->verdicts[k].words);
		put_line(out, "verdict", str_of(line));
	}
	for (size_t k = 0; k < i->label_count; k++) {
		snprintf(line, sizeof line, "%s=%s (%s)", i->labels[k].name, i->labels[k].value, i->labels[k].author);
		put_line(out, "label", str_of(line));
	}
	for (size_t k = 0; k < i->note_count; k++)
		put_kept(out, "note", i->notes[k].text, i->notes[k].state);
	put_history(i, out);
}

static int show(struct store_reader *r, const struct args *a)
{
	static const char *const show_formats[] = {"text", "json", NULL};
	struct feedback_item item;
	struct err err = {""};
	struct buf out = {0};
	int format = 0;
	int64_t id;

	if (a->operand_count != 2 || !feedback_id_parse(str_of(a->operands[1]), &id))
		return cli_failf(EXIT_USAGE, "feedback show: give the item's id, as `feedback list` shows it");
	if (args_choice_of(a, "--format", show_formats, &format, &err))
		return cli_fail(EXIT_USAGE, &err);
	if (query_feedback_item(r, id, &item, &err))
		return cli_fail(EXIT_FAILED, &err);
	if (format)
		feedback_put_json(&item, true, &out);
	else
		put_item(&item, &out);
	feedback_item_fini(&item);
	int result = cli_print(&out);

	buf_fini(&out);
	return result;
}

/* ── changing ──────────────────────────────────────────────────────────────────────────────── */

static int say_answer(const struct buf *answer)
{
	char words[400];

	if (json_text_at(buf_str(answer), "/words", words, sizeof words))
		printf("%s\n", words);
	return EXIT_DONE;
}

static int under_lock(const struct global *g, struct str body, struct buf *answer)
{
	const struct store_options o = {.full_sync = true};
	struct store_writer *w;
	struct err err = {""};

	if (access(g->store_path, F_OK))
		return cli_failf(EXIT_UNAVAILABLE, "%s: there is no store", g->store_path);
	if (store_writer_open(&w, g->store_path, &o, &err))
		return cli_fail(EXIT_UNAVAILABLE, &err);
	int failed = control_feedback_direct(w, &g->config, body, answer, &err);

	store_writer_close(&w);
	return failed ? cli_fail(EXIT_FAILED, &err) : EXIT_DONE;
}

static int send(const struct global *g, struct str body)
{
	struct control_client *client = control_client_new(g->socket_path);
	struct buf answer = {0};
	struct err err = {""};
	enum control_result got = control_client_call(client, "POST", "/v1/feedback/change", body, "application/json", WAIT_US, &answer, &err);
	int result = EXIT_DONE;

	control_client_free(&client);
	if (got == CONTROL_NOBODY)
		result = under_lock(g, body, &answer);
	else if (got != CONTROL_OK)
		result = cli_fail(cli_control_code(got), &err);
	if (result == EXIT_DONE)
		result = say_answer(&answer);
	buf_fini(&answer);
	return result;
}

static void put_member(struct buf *body, const char *name, struct str value)
{
	buf_printf(body, ",\"%s\":", name);
	buf_append_json(body, value);
}

/* Verb, ids, and the last operand where the verb takes one. */
static int change(const struct global *g, const struct args *a)
{
	static const struct {
		const char *word, *verb, *takes;
	} verbs[] = {{"label", "label", "NAME=VALUE"}, {"unlabel", "unlabel", "NAME"}, {"assign", "assign", "USER (\"\" for nobody)"},
	             {"resolve", "settle", NULL}, {"dismiss", "dismiss", NULL}, {"reopen", "reopen", NULL}, {"note", "note", "TEXT"},
	             {"dataset", "dataset", "ANSWER (\"\" takes it out)"}, {"undo", "undo", NULL}};
	const char *user = getenv("USER"), *takes = NULL;
	size_t ids = a->operand_count - 1;
	struct buf body = {0};
	int64_t id;

	for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++)
		if (!strcmp(a->operands[0], verbs[v].word)) {
			buf_printf(&body, "{\"verb\":\"%s\"", verbs[v].verb);
			takes = verbs[v].takes;
		}
	bool undo = !strcmp(a->operands[0], "undo");

	ids -= takes && ids ? 1 : 0;
	if ((!ids && !undo) || (undo && ids)) {
		buf_fini(&body);
		return cli_failf(EXIT_USAGE, "feedback %s: give %s%s%s", a->operands[0], undo ? "nothing else" : "one or more ids", takes ? " and then " : "",
		                 takes ? takes : "");
	}
	buf_puts(&body, ",\"ids\":[");
	for (size_t i = 0; i < ids; i++) {
		if (!feedback_id_parse(str_of(a->operands[1 + i]), &id)) {
			buf_fini(&body);
			return cli_failf(EXIT_USAGE, "feedback %s: %s is no item's id: `feedback list` shows them", a->operands[0], a->operands[1 + i]);
		}
		buf_printf(&body, "%s\"%" PRIx64 "\"", i ? "," : "", (uint64_t)id);
	}
	buf_puts(&body, "]");
	if (takes) {
		struct str last = str_of(a->operands[1 + ids]);
		bool label = strstr(a->operands[0], "label") != NULL, text = takes[0] == 'T' || takes[0] == 'A';

		if (label)
			put_member(&body, "name", str_cut(&last, '='));
		if (!label || last.ptr)
			put_member(&body, text ? "text" : "value", last);
	}
	if (user && *user)
		put_member(&body, "claimed", str_of(user));
	buf_puts(&body, "}");
	int result = send(g, buf_str(&body));

	buf_fini(&body);
	return result;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct store_summary summary;
	struct store_reader *r;
	struct err err = {""};
	struct args a;
	int result;

	if (!args_open(&a, &feedback_command, argc, argv, &result))
		return result;
	const char *verb = a.operand_count ? a.operands[0] : "list";
	bool known = false, looks = !strcmp(verb, "list") || !strcmp(verb, "show") || !strcmp(verb, "export");

	for (size_t i = 0; subcommands[i]; i++)
		known |= !strcmp(verb, subcommands[i]);
	if (!known) {
		result = cli_failf(EXIT_USAGE, "feedback %s: use list, show, export, label, unlabel, assign, resolve, dismiss, reopen, note, "
		                   "dataset or undo", verb);
	} else if (!looks) {
		result = change(g, &a);
	} else if (window_open_store(&r, g->store_path, &summary, &err)) {
		result = cli_fail(EXIT_UNAVAILABLE, &err);
	} else {
		result = !strcmp(verb, "show") ? show(r, &a) : list_items(r, &a, !strcmp(verb, "export"));
		store_reader_close(&r);
	}
	args_fini(&a);
	return result;
}

static const struct command_choices feedback_choices[] = {
	{"--sort", sorts, NULL},
	{"--format", formats, NULL},
	{NULL, NULL, NULL},
};

const struct command feedback_command = {
	.name = "feedback",
	.usage = "[list | show ID | label ID… NAME=VALUE | assign ID… USER | resolve ID… | export] [--where FIELD=VALUE] …",
	.summary = "what users say: list, show, label, assign, settle, export",
	.help = "Also: unlabel ID… NAME, dismiss ID…, reopen ID…, note ID… TEXT, dataset ID… ANSWER, undo. Ids are those of `list`.\n"
	        "Changes go through the collector when it runs, else they are made under the writer's lock; each is audited.\n"
	        "Exports are redacted; CSV cells that a spreadsheet would take for a formula begin with an apostrophe.",
	.options = feedback_options,
	.choices = feedback_choices,
	.subcommands = subcommands,
	.run = run,
};
