/* Azure AI Content Safety, POST /contentsafety/text:analyze: one text a call; each category has a severity
 * from 0 (nothing) to 7. It says nothing of moods. */
#include "parse/json_edit.h"
#include "remote/service.h"

#define TEXT_MAX_BYTES 9000 /* the service takes 10,000 characters */

static const struct option_row rows[] = {
	SERVICE_ROWS,
	{0},
};

static size_t steps(const union option_value *v)
{
	(void)v;
	return 1;
}

static void ask(const union option_value *v, size_t step, const struct service_text *texts, size_t count, struct buf *path,
                struct buf *body)
{
	struct str text = texts[0].text;

	(void)v;
	(void)step;
	(void)count;
	if (text.len > TEXT_MAX_BYTES)
		text.len = TEXT_MAX_BYTES;
	buf_puts(path, "/contentsafety/text:analyze?api-version=2024-09-01");
	buf_puts(body, "{\"text\":");
	buf_append_json(body, text);
	buf_puts(body, ",\"categories\":[\"Hate\",\"SelfHarm\",\"Sexual\",\"Violence\"],\"outputType\":\"EightSeverityLevels\"}");
}

static int read(const union option_value *v, size_t step, struct str answer, struct service_verdict *out, size_t count, struct err *err)
{
	struct json_value categories = json_at(answer, "/categoriesAnalysis");

	(void)v;
	(void)step;
	(void)count;
	if (categories.kind != JSON_ARRAY)
		return err_set(err, "the answer has no categoriesAnalysis");
	for (size_t i = 0; i < json_count(categories); i++) {
		struct str item = json_child(categories, i, NULL).text;
		int64_t severity;
		char category[40];

		if (!json_text_at(item, "/category", category, sizeof category) || !json_int_at(item, "/severity", &severity) || severity < 0 ||
		    severity > 7)
			return err_set(err, "a category has no name, or no severity from 0 to 7");
		if (severity)
			service_add_finding(out, "", str_of(category), 1, (int)severity);
	}
	return 0;
}

const struct service azure_safety_service = {
	.kind = "azure-content-safety", .version = "2024-09-01", .options = rows, .batch_max = 1,
	.key_header = "Ocp-Apim-Subscription-Key: ", .steps = steps, .ask = ask, .read = read,
};
