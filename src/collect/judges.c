/* One model for the whole process, loaded under pthread_once. */
#include "collect/judges.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "judge/mood.h"

#define MODEL_MAX_BYTES ((size_t)8 << 20)

static struct sentiment_model *model;
static struct err load_error;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	struct buf text = {0};
	char *path = path_data_file("sentiment.model", &load_error);

	if (path && file_read(path, MODEL_MAX_BYTES, &text, &load_error) == 0 &&
	    sentiment_model_parse(&model, buf_str(&text), &load_error) != 0)
		err_wrap(&load_error, "%s", path);
	if (!model)
		log_warning("%s: feedback without a rating stays without a mood", load_error.text);
	buf_fini(&text);
	free(path);
}

const struct sentiment_model *judges_sentiment(struct err *err)
{
	pthread_once(&once, load);
	if (!model)
		err_set(err, "%s", load_error.text);
	return model;
}

/* English, or nobody said. */
static bool may_be_english(struct str language)
{
	return language.len == 0 || (str_starts_with(language, STR_LIT("en")) && (language.len == 2 || language.ptr[2] == '-'));
}

void judges_feedback(struct feedback *f, bool score_is_share)
{
	const struct sentiment_model *m;
	struct sentiment verdict;

	mood_of_feedback(f, score_is_share);
	if (f->mood != MOOD_UNKNOWN || f->text.len == 0 || !may_be_english(f->language))
		return;
	m = judges_sentiment(NULL);
	if (!m || !sentiment_judge(m, f->text, &verdict))
		return;
	f->mood = (uint8_t)verdict.label;
	f->judge = str_of(sentiment_judge_name(m));
}
