/* Azure AI Language, POST /language/:analyze-text: a call per task, up to ten documents each. Documents
 * are told apart by their ids, which are their places; the service may leave some out, with an error. */
#include <stdio.h>
#include <string.h>

#include "parse/json_edit.h"
#include "remote/service.h"

#define TEXT_MAX_BYTES 5000 /* the service takes 5,120 text elements */
#define NAMES_SHOWN 12

enum task { TASK_SENTIMENT, TASK_PHRASES, TASK_ENTITIES, TASK_PII, TASK_COUNT };
static const char *const task_words[] = {"sentiment", "phrases", "entities", "pii"};
static const char *const task_kinds[] = {"SentimentAnalysis", "KeyPhraseExtraction", "EntityRecognition", "PiiEntityRecognition"};

enum { OWN_TASKS = SERVICE_OWN, OWN_LANGUAGE };
static const struct option_row rows[] = {
	SERVICE_ROWS,
	{"tasks", OPTION_TEXT, "sentiment,phrases", 0, 0, NULL, "", "of sentiment, phrases, entities, pii"},
	{"language", OPTION_TEXT, "en", 0, 0, NULL, "", "of texts that name none"},
	{0},
};

/* The tasks asked for, in their order. */
static size_t tasks_of(const union option_value *v, enum task out[TASK_COUNT])
{
	size_t count = 0;

	for (int t = 0; t < TASK_COUNT; t++) {
		struct str rest = str_of(v[OWN_TASKS].text);

		while (rest.len)
			if (str_equal_c(str_trim(str_cut(&rest, ',')), task_words[t])) {
				out[count++] = (enum task)t;
				break;
			}
	}
	return count;
}

static size_t steps(const union option_value *v)
{
	enum task tasks[TASK_COUNT];

	return tasks_of(v, tasks);
}

static struct str cut(struct str text)
{
	if (text.len > TEXT_MAX_BYTES) {
		text.len = TEXT_MAX_BYTES;
		while (text.len && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
			text.len--;
	}
	return text;
}

static void ask(const union option_value *v, size_t step, const struct service_text *texts, size_t count, struct buf *path,
                struct buf *body)
{
	enum task tasks[TASK_COUNT];

	tasks_of(v, tasks);
	buf_puts(path, "/language/:analyze-text?api-version=2023-04-01");
	buf_printf(body, "{\"kind\":\"%s\",\"parameters\":{\"modelVersion\":\"latest\",\"loggingOptOut\":true%s},\"analysisInput\":{\"documents\":[",
	           task_kinds[tasks[step]], tasks[step] == TASK_SENTIMENT ? ",\"opinionMining\":true" : "");
	for (size_t i = 0; i < count; i++) {
		struct str language = texts[i].language.len ? texts[i].language : str_of(v[OWN_LANGUAGE].text);

		buf_printf(body, "%s{\"id\":\"%zu\",\"language\":", i ? "," : "", i + 1);
		buf_append_json(body, language);
		buf_puts(body, ",\"text\":");
		buf_append_json(body, cut(texts[i].text));
		buf_puts(body, "}");
	}
	buf_puts(body, "]}}");
}

static void add_quoted(struct buf *out, struct json_value list, const char *member, const char *heading)
{
	char text[120];

	for (size_t i = 0; i < json_count(list) && i < NAMES_SHOWN; i++) {
		struct json_value item = json_child(list, i, NULL);

		if (!json_text_at(item.text, member, text, sizeof text))
			continue;
		buf_printf(out, "%s%s", i ? ", " : out->len ? "; " : "", i ? "" : heading);
		buf_puts(out, text);
	}
}

/* "delivery: slow (negated)" of each sentence's targets. */
static void add_opinions(struct buf *out, struct str document)
{
	struct json_value sentences = json_at(document, "/sentences");
	char target[80], assessment[80];
	bool negated = false;

	for (size_t s = 0; s < json_count(sentences) && s < NAMES_SHOWN; s++) {
		struct str sentence = json_child(sentences, s, NULL).text;

		if (!json_text_at(sentence, "/targets/0/text", target, sizeof target) ||
		    !json_text_at(sentence, "/assessments/0/text", assessment, sizeof assessment))
			continue;
		json_bool_at(sentence, "/assessments/0/isNegated", &negated);
		buf_printf(out, "%s%s: %s%s", out->len ? "; " : "", target, negated ? "not " : "", assessment);
	}
}

static int read_sentiment(struct str document, struct service_verdict *v, struct err *err)
{
	static const struct { const char *word; enum mood mood; } words[] = {
		{"positive", MOOD_POSITIVE}, {"neutral", MOOD_NEUTRAL}, {"negative", MOOD_NEGATIVE}, {"mixed", MOOD_NEUTRAL}};
	static const char *const scores[] = {"/confidenceScores/positive", "/confidenceScores/neutral", "/confidenceScores/negative"};
	char word[16];

	if (!json_text_at(document, "/sentiment", word, sizeof word))
		return err_set(err, "a document has no sentiment");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(word, words[i].word)) {
			v->mood = words[i].mood;
			v->has_mood = true;
		}
	for (int i = 0; i < 3; i++)
		if (!json_number_at(document, scores[i], &v->confidence[i]) || v->confidence[i] < 0 || v->confidence[i] > 1)
			return err_set(err, "a document's confidenceScores are missing or outside of 0 to 1");
	if (!v->has_mood)
		return err_set(err, "a document has the unknown sentiment \"%s\"", word);
	v->score = v->confidence[0] - v->confidence[2];
	add_opinions(&v->texts, document);
	return 0;
}

static void read_pii(struct str document, struct service_verdict *v)
{
	struct json_value entities = json_at(document, "/entities");
	char category[64];

	for (size_t i = 0; i < json_count(entities) && i < NAMES_SHOWN; i++)
		if (json_text_at(json_child(entities, i, NULL).text, "/category", category, sizeof category))
			service_add_finding(v, "pii:", str_of(category), 1, -1);
}

static int read_phrases(struct str document, struct service_verdict *v, struct err *err)
{
	struct json_value phrases = json_at(document, "/keyPhrases");

	if (phrases.kind != JSON_ARRAY)
		return err_set(err, "a document has no keyPhrases");
	add_quoted(&v->texts, phrases, "", "phrases: ");
	return 0;
}

static int read_document(enum task task, struct str document, struct service_verdict *v, struct err *err)
{
	if (task == TASK_SENTIMENT)
		return read_sentiment(document, v, err);
	if (task == TASK_PHRASES)
		return read_phrases(document, v, err);
	if (json_at(document, "/entities").kind != JSON_ARRAY)
		return err_set(err, "a document has no entities");
	if (task == TASK_PII)
		read_pii(document, v);
	else
		add_quoted(&v->texts, json_at(document, "/entities"), "/text", "entities: ");
	return 0;
}

/* The document's place; count when it names none of ours. */
static size_t place_of(struct str document, size_t count)
{
	char id[24];
	int64_t number;

	if (!json_text_at(document, "/id", id, sizeof id) || !str_to_int64(str_of(id), &number) || number < 1 || (size_t)number > count)
		return count;
	return (size_t)number - 1;
}

static int read(const union option_value *v, size_t step, struct str answer, struct service_verdict *out, size_t count, struct err *err)
{
	struct json_value documents = json_at(answer, "/results/documents"), errors = json_at(answer, "/results/errors");
	enum task tasks[TASK_COUNT];
	size_t seen = 0;

	tasks_of(v, tasks);
	if (documents.kind != JSON_ARRAY)
		return err_set(err, "the answer has no results.documents");
	for (size_t i = 0; i < json_count(documents); i++) {
		struct str document = json_child(documents, i, NULL).text;
		size_t place = place_of(document, count);

		if (place == count)
			return err_set(err, "a document has an id that was not sent");
		if (read_document(tasks[step], document, &out[place], err))
			return -1;
		seen++;
	}
	for (size_t i = 0; i < json_count(errors); i++) {
		struct str error = json_child(errors, i, NULL).text;
		size_t place = place_of(error, count);
		char message[120] = "no reason given";

		json_text_at(error, "/error/message", message, sizeof message);
		if (place < count)
			snprintf(out[place].why, sizeof out[place].why, "it was not judged: %s", message);
		seen++;
	}
	return seen < count ? err_set(err, "%zu of %zu documents are missing in the answer", count - seen, count) : 0;
}

const struct service azure_language_service = {
	.kind = "azure-language", .version = "2023-04-01", .options = rows, .batch_max = 10, .key_header = "Ocp-Apim-Subscription-Key: ",
	.steps = steps, .ask = ask, .read = read,
};
