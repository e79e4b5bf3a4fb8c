/* What applications hand over at POST /v1/feedback: each field, its bounds, and the sentence when it is
 * wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collect/feedback_http.h"
#include "collect/judges.h"
#include "collect/otlp_texts.h"
#include "core/config.h"

#define NOW_US INT64_C(1763900000000000)

static int read_body(struct batch *b, const char *body, char words[512])
{
	struct buf ids = {0};
	struct err err = {""};
	int status = feedback_http_read(b, str_of(body), STR_LIT("web"), NOW_US, &ids, &err);

	snprintf(words, 512, "%s", status == 200 ? ids.data : err.text);
	buf_fini(&ids);
	return status;
}

static void items_are_read_and_judged(void **state)
{
	struct batch *b = batch_new();
	char words[512];

	(void)state;
	assert_int_equal(read_body(b, "[{\"id\":\"a\",\"text\":\"It made up a refund policy, mail joe@example.com\",\"trace_id\":"
	                              "\"0123456789abcdef0123456789ABCDEF\",\"service\":\"checkout\",\"user\":\"u1\"},"
	                              "{\"id\":\"b\",\"thumbs\":\"up\"},{\"id\":\"c\",\"stars\":2,\"language\":\"de\",\"text\":\"geht so\"},"
	                              "{\"id\":\"d\",\"score\":-1,\"response_id\":\"chatcmpl-7\",\"time\":\"2025-11-20T10:00:00Z\"}]", words), 200);
	assert_string_equal(words, "[\"a\",\"b\",\"c\",\"d\"]");
	assert_int_equal(b->feedback_count, 4);
	assert_int_equal(b->feedback[0].mood, MOOD_NEGATIVE);
	assert_true(str_equal_c(b->feedback[0].text, "It made up a refund policy, mail [EMAIL]"));
	assert_true(b->feedback[0].has_trace && b->feedback[0].trace_id[15] == 0xef);
	assert_int_equal(b->feedback[1].mood, MOOD_POSITIVE);
	assert_true(b->feedback[1].time_us == NOW_US);
	assert_int_equal(b->feedback[2].mood, MOOD_NEGATIVE);
	assert_true(str_equal_c(b->feedback[2].judge, "rating"));
	assert_true(str_equal_c(b->feedback[3].response_id, "chatcmpl-7"));
	batch_reset(b);
	/* An id is made where there is none. */
	assert_int_equal(read_body(b, "{\"text\":\"ok\"}", words), 200);
	assert_true(b->feedback[0].id.len > 30 && strstr(words, "\"fb-"));
	batch_free(&b);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *body, *words;
	} cases[] = {
		{"", "JSON"}, {"7", "object"}, {"{\"text\":", "JSON"}, {"{}", "at least one"}, {"{\"text\":7}", "text: it must be a text"},
		{"{\"rating\":6}", "rating: it must be a number from 1 to 5"}, {"{\"rating\":\"5\"}", "rating"}, {"{\"score\":2}", "score"},
		{"{\"thumbs\":\"sideways\"}", "thumbs"}, {"{\"text\":\"x\",\"trace_id\":\"abc\"}", "trace_id"},
		{"{\"text\":\"x\",\"time\":\"soon\"}", "time"}, {"{\"text\":\"x\",\"time\":\"2099-01-01T00:00:00Z\"}", "time"},
		{"{\"text\":\"x\",\"colour\":\"red\"}", "colour: there is no such field"}, {"[{\"text\":\"x\"},{\"text\":\"y\",\"stars\":0}]", "item 2: stars"},
		{"{\"text\":\"x\"} {}", "JSON"}, {"[{\"text\":\"x\"}", "array"},
	};
	struct batch *b = batch_new();
	char words[512];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		batch_reset(b);
		if (read_body(b, cases[i].body, words) != 400 || !strstr(words, cases[i].words))
			fail_msg("%s: %s", cases[i].body, words);
	}
	batch_free(&b);
}

static void too_much_is_refused(void **state)
{
	struct batch *b = batch_new();
	struct buf body = {0};
	char words[512];

	(void)state;
	buf_append_c(&body, '[');
	for (int i = 0; i <= FEEDBACK_HTTP_ITEMS_MAX; i++)
		buf_puts(&body, i ? ",{\"text\":\"x\"}" : "{\"text\":\"x\"}");
	buf_append_c(&body, ']');
	assert_int_equal(read_body(b, body.data, words), 413);
	batch_reset(b);
	buf_reset(&body);
	buf_puts(&body, "{\"text\":\"");
	for (int i = 0; i < EVENT_TEXT_MAX_BYTES + 1; i++)
		buf_append_c(&body, 'x');
	buf_puts(&body, "\"}");
	assert_int_equal(read_body(b, body.data, words), 400);
	assert_non_null(strstr(words, "text: it takes at most 8192 bytes"));
	buf_fini(&body);
	batch_free(&b);
}

static struct otlp_attr text_attr(const char *key, const char *text)
{
	return (struct otlp_attr){str_of(key), {.kind = OTLP_STRING, .text = str_of(text)}};
}

/* Prompts and answers are kept only when they are asked for, the last of each, redacted. */
static void questions_and_answers_are_kept_redacted(void **state)
{
	struct otlp_attr otel[] = {
		text_attr("gen_ai.input.messages", "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"first\"}]},{\"role\":\"user\","
		          "\"parts\":[{\"type\":\"text\",\"content\":\"mail joe@example.com\"},{\"type\":\"blob\",\"content\":\"AAAA\"}]}]"),
		text_attr("gen_ai.output.messages", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"done\"}]}]"),
	};
	struct otlp_attr openinference[] = {
		text_attr("llm.input_messages.0.message.role", "system"), text_attr("llm.input_messages.0.message.content", "be kind"),
		text_attr("llm.input_messages.1.message.role", "user"), text_attr("llm.input_messages.1.message.content", "hello"),
		text_attr("llm.output_messages.0.message.role", "assistant"), text_attr("llm.output_messages.0.message.content", "hi"),
	};
	struct otlp_span span = {.attrs = {otel, 2}};
	struct batch *b = batch_new();
	struct request *r = batch_add_request(b);
	struct config config;

	(void)state;
	otlp_take_texts(b, r, &span);
	assert_int_equal(r->question.len, 0);
	config_init(&config);
	config.options[OPTION_KEEP_TEXT].yes = true;
	judges_configure(&config);
	r = batch_add_request(b);
	otlp_take_texts(b, r, &span);
	assert_true(str_equal_c(r->question, "mail [EMAIL]"));
	assert_true(str_equal_c(r->answer, "done"));
	span.attrs = (struct otlp_attrs){openinference, 6};
	r = batch_add_request(b);
	otlp_take_texts(b, r, &span);
	assert_true(str_equal_c(r->question, "hello") && str_equal_c(r->answer, "hi"));
	config.options[OPTION_KEEP_TEXT].yes = false;
	judges_configure(&config);
	config_fini(&config);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_read_and_judged),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(questions_and_answers_are_kept_redacted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
