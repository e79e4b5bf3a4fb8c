/* The local judge of moods on kinds of text that it was not trained on, and what messages are full of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "collect/judges.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static double score(const char *text)
{
	struct sentiment s;

	if (!sentiment_judge(judges_sentiment(NULL), str_of(text), &s))
		fail_msg("\"%s\" was not judged", text);
	return s.score;
}

struct tally {
	double hits[3], said[3], is[3], polar, polar_right;
};

static int class_of(enum mood mood)
{
	return mood == MOOD_NEGATIVE ? 0 : mood == MOOD_NEUTRAL ? 1 : mood == MOOD_POSITIVE ? 2 : -1;
}

static void judge_line(struct tally *t, struct str line)
{
	struct str label = str_cut(&line, '\t');
	int is = str_equal_c(label, "negative") ? 0 : str_equal_c(label, "neutral") ? 1 : 2, said;
	struct sentiment s;

	(void)sentiment_judge(judges_sentiment(NULL), line, &s);
	said = class_of(s.label);
	t->is[is]++;
	if (said >= 0)
		t->said[said]++;
	t->hits[is] += said == is;
	if (is == 1)
		return;
	t->polar++;
	t->polar_right += (s.score > 0) == (is == 2);
}

/* Least macro-F1 of three classes and least share of right signs. */
static void assert_judged(const char *path, double least_f1, double least_polar)
{
	struct buf file = {0};
	struct err err = {""};
	struct tally t = {0};
	double f1 = 0;

	if (file_read(path, 1 << 20, &file, &err))
		fail_msg("%s", err.text);
	for (struct str rest = buf_str(&file); rest.len;)
		judge_line(&t, str_cut(&rest, '\n'));
	for (int c = 0; c < 3; c++)
		f1 += 2 * t.hits[c] / (t.said[c] + t.is[c]) / 3;
	printf("%s: macro-F1 %.3f, polar %.3f\n", path, f1, t.polar_right / t.polar);
	if (f1 < least_f1 || t.polar_right / t.polar < least_polar)
		fail_msg("%s: macro-F1 %.3f, polar %.3f; at least %.2f and %.2f were expected", path, f1, t.polar_right / t.polar, least_f1, least_polar);
	buf_fini(&file);
}

static void test_kinds_that_were_not_trained_on(void **state)
{
	(void)state;
	assert_judged("tests/sentiment/tweets.tsv", 0.80, 0.88);
	assert_judged("tests/sentiment/news.tsv", 0.82, 0.88);
}

static void test_lengthened_words_are_the_words(void **state)
{
	(void)state;
	assert_true(score("this is goooood") > 0.5); /* good, not god */
	assert_true(score("I am happpyyyy with it") > 0.5);
	assert_true(score("looooove it") > 0.5);
	assert_true(score("this is baaaad") < -0.3);
}

static void test_hashtags_are_words(void **state)
{
	(void)state;
	assert_true(score("monday again #fail") < -0.2);
	assert_true(score("monday again #epicfail") < score("monday again"));
	assert_true(score("monday again #BestDayEver") > 0.2);
	assert_true(score("monday again #lovethis") > 0.2);
	assert_true(score("monday again #thursday") > -0.2); /* no word but itself */
}

static void test_names_links_and_html_have_no_mood(void **state)
{
	(void)state;
	assert_true(score("it works @awful_horrible") > 0);
	assert_true(score("it works https://example.org/terrible/hate") > 0);
	assert_true(score("my sister &lt;3") > score("my sister"));
	assert_true(score("salt &amp; pepper on the table") == score("salt pepper on the table"));
}

static void test_emoji_and_faces(void **state)
{
	static const struct { const char *glad, *sad; } cases[] = {
		{"the trip (:", "the trip :-["}, {"the trip ^_^", "the trip -_-"},
		{"the trip \xf0\x9f\xa5\xb3", "the trip \xf0\x9f\x98\xad"}, /* partying, loudly crying */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (score(cases[i].glad) <= score(cases[i].sad))
			fail_msg("\"%s\" is not above \"%s\"", cases[i].glad, cases[i].sad);
}

/* Words that languages share do not make a text English. */
static void test_neighbours_of_english_are_not_guessed(void **state)
{
	static const char *const texts[] = {
		"Het was in de winkel niet te vinden, heel slecht", "Das war gut", "muy bien, gracias por todo", "C'est super",
		"Det är inte bra", "Nie działa, bardzo źle", "der Support war super", "non è per me, il super bug",
	};
	struct sentiment s;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (sentiment_judge(judges_sentiment(NULL), str_of(texts[i]), &s))
			fail_msg("\"%s\" was judged (%.2f)", texts[i], s.score);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds_that_were_not_trained_on),
		cmocka_unit_test(test_lengthened_words_are_the_words),
		cmocka_unit_test(test_hashtags_are_words),
		cmocka_unit_test(test_names_links_and_html_have_no_mood),
		cmocka_unit_test(test_emoji_and_faces),
		cmocka_unit_test(test_neighbours_of_english_are_not_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
