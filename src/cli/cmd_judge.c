/* llmdeck judge: verdicts of the local judges on texts, one JSON object a line. Nothing is stored. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/args.h"
#include "cli/output.h"
#include "collect/judges.h"
#include "judge/phrases.h"
#include "judge/pii.h"
#include "judge/safety.h"
#include "parse/json.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define SPANS_MAX 256
#define PHRASES_SHOWN 5
#define OPINIONS_SHOWN 8

static const struct command_option judge_options[] = {
	{"--sentiment", NULL, "mood, score and confidence"},
	{"--pii", NULL, "personal data and secrets, and the text without them"},
	{"--safety", NULL, "attempts to talk a model out of its instructions"},
	{"--phrases", NULL, "key phrases, and opinions on what"},
	{NULL, NULL, NULL},
};

enum { WANT_SENTIMENT = 1, WANT_PII = 2, WANT_SAFETY = 4, WANT_PHRASES = 8 };

static unsigned wanted(const struct args *a)
{
	unsigned want = 0;

	for (unsigned i = 0; judge_options[i].name; i++)
		if (args_has(a, judge_options[i].name))
			want |= 1u << i;
	return want ? want : WANT_SENTIMENT | WANT_PII | WANT_SAFETY | WANT_PHRASES;
}

static void put_sentiment(struct buf *out, const struct sentiment_model *m, struct str text)
{
	static const char *const labels[] = {
		[MOOD_UNKNOWN] = "unknown", [MOOD_POSITIVE] = "positive", [MOOD_NEUTRAL] = "neutral", [MOOD_NEGATIVE] = "negative",
	};
	struct sentiment s;

	if (!sentiment_judge(m, text, &s)) {
		buf_puts(out, ",\"sentiment\":{\"label\":\"unknown\",\"score\":null,\"confidence\":null,\"judge\":null}");
		return;
	}
	buf_printf(out, ",\"sentiment\":{\"label\":\"%s\",\"score\":%.3f,\"confidence\":{\"positive\":%.3f,\"neutral\":%.3f,"
	           "\"negative\":%.3f},\"judge\":\"%s\"}", labels[s.label], s.score, s.confidence[0], s.confidence[1],
	           s.confidence[2], sentiment_judge_name(m));
}

/* Characters before a byte offset. */
static size_t characters(struct str text, size_t bytes)
{
	return utf8_count((struct str){text.ptr, bytes});
}

static void put_pii(struct buf *out, struct str text)
{
	struct pii_span spans[SPANS_MAX];
	size_t count = pii_find(text, spans, SPANS_MAX);
	struct buf redacted = {0};

	buf_puts(out, ",\"pii\":[");
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s{\"kind\":\"%s\",\"start\":%zu,\"end\":%zu}", i ? "," : "", pii_name(spans[i].kind),
		           characters(text, spans[i].start), characters(text, spans[i].end));
	pii_redact(text, spans, count, &redacted);
	buf_puts(out, "],\"redacted\":");
	buf_append_json(out, buf_str(&redacted));
	buf_fini(&redacted);
}

static void put_safety(struct buf *out, struct str text)
{
	struct safety_finding found[12];
	size_t count = safety_find_attacks(text, found);

	count += judges_find_blocked(text, found + count, 12 - count);

	buf_puts(out, ",\"safety\":[");
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s{\"category\":\"%s\",\"severity\":%d}", i ? "," : "", found[i].category, found[i].severity);
	buf_puts(out, "]");
}

static void put_phrases(struct buf *out, const struct sentiment_model *m, struct str text)
{
	struct phrase phrases[64];
	struct opinion opinions[OPINIONS_SHOWN];
	size_t count = phrases_find(text, phrases, 64), opinion_count = opinions_find(m, text, opinions, OPINIONS_SHOWN);

	buf_puts(out, ",\"phrases\":[");
	for (size_t i = 0; i < count && i < PHRASES_SHOWN; i++) {
		buf_puts(out, i ? "," : "");
		buf_append_json(out, phrases[i].text);
	}
	buf_puts(out, "],\"opinions\":[");
	for (size_t i = 0; i < opinion_count; i++) {
		buf_puts(out, i ? ",{\"target\":" : "{\"target\":");
		buf_append_json(out, opinions[i].target);
		buf_puts(out, ",\"assessment\":");
		buf_append_json(out, opinions[i].assessment);
		buf_printf(out, ",\"negated\":%s,\"valence\":%.1f}", opinions[i].negated ? "true" : "false", opinions[i].valence);
	}
	buf_puts(out, "]");
}

static void put_verdict(struct buf *out, const struct sentiment_model *m, unsigned want, struct str text)
{
	buf_puts(out, "{\"text\":");
	buf_append_json(out, text);
	if (want & WANT_SENTIMENT)
		put_sentiment(out, m, text);
	if (want & WANT_PII)
		put_pii(out, text);
	if (want & WANT_SAFETY)
		put_safety(out, text);
	if (want & WANT_PHRASES)
		put_phrases(out, m, text);
	buf_puts(out, "}\n");
}

/* The "text" member of a line that is a JSON object; any other line is a text itself, also one that
 * merely begins with a brace. False: an object without "text". */
static bool text_of_line(struct str line, struct arena *arena, struct str *text)
{
	struct json_reader r;
	enum json_token t;
	bool found = false;

	*text = line;
	json_init(&r, line);
	if (json_next(&r) != JSON_OBJECT)
		return true;
	while (json_next(&r) == JSON_KEY) {
		bool is_text = str_equal_c(r.text, "text");

		t = json_next(&r);
		if (is_text && t == JSON_STRING) {
			*text = json_text(&r, arena);
			found = true;
		} else if (!json_skip(&r, t)) {
			break;
		}
	}
	if (json_next(&r) == JSON_END)
		return found;
	*text = line;
	return true;
}

/* Blanks around a text stay: the offsets of a verdict count from the line's first character. */
static struct str without_line_end(struct str line)
{
	while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
		line.len--;
	return line;
}

static int judge_stream(FILE *in, const char *name, const struct sentiment_model *m, unsigned want)
{
	struct arena arena = {0};
	struct buf out = {0};
	char *line = NULL;
	size_t cap = 0, number = 0;
	ssize_t len;
	int result = EXIT_DONE;

	while (result != EXIT_FAILED && (len = getline(&line, &cap, in)) >= 0) {
		struct str text, whole = without_line_end((struct str){line, (size_t)len});
		number++;
		if (str_trim(whole).len == 0)
			continue;
		if (whole.len > LINE_MAX_BYTES) {
			result = cli_failf(EXIT_USAGE, "%s: line %zu: longer than 1 MiB: cut it", name, number);
			continue;
		}
		if (!text_of_line(whole, &arena, &text)) {
			result = cli_failf(EXIT_USAGE, "%s: line %zu: the object has no \"text\"", name, number);
			continue;
		}
		put_verdict(&out, m, want, text);
		if (cli_print(&out) != EXIT_DONE)
			result = EXIT_FAILED;
		buf_reset(&out);
		arena_reset(&arena);
	}
	free(line);
	buf_fini(&out);
	arena_fini(&arena);
	return result;
}

static int judge_file(const char *path, const struct sentiment_model *m, unsigned want)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "r") : stdin;
	int result;

	if (!in)
		return cli_failf(EXIT_USAGE, "%s: %s: give a file that can be read, or - for standard input", path, strerror(errno));
	result = judge_stream(in, path, m, want);
	if (in != stdin)
		fclose(in);
	return result;
}

static int run(const struct global *g, int argc, char **argv)
{
	const struct sentiment_model *m;
	struct args args;
	struct err err = {""};
	int result = EXIT_DONE;

	judges_configure(&g->config);
	if (!args_open(&args, &judge_command, argc, argv, &result))
		return result;
	m = judges_sentiment(&err);
	if (!m)
		result = cli_fail(EXIT_FAILED, &err);
	else if (args.operand_count == 0)
		result = judge_file("-", m, wanted(&args));
	for (size_t i = 0; m && i < args.operand_count; i++) {
		int one = judge_file(args.operands[i], m, wanted(&args));
		result = one ? one : result;
	}
	args_fini(&args);
	return result;
}

const struct command judge_command = {
	.name = "judge",
	.usage = "[--sentiment] [--pii] [--safety] [--phrases] [FILE…]",
	.summary = "verdicts on texts without storing anything: mood, personal data, attacks, phrases",
	.help = "One text a line, or JSONL with \"text\"; standard input when no file is given. One JSON object a line;\n"
	        "without an option all verdicts. Offsets count Unicode characters. Moods are told for English; other\n"
	        "languages are unknown.",
	.options = judge_options,
	.run = run,
};
