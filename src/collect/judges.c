/* One model for the whole process, loaded under pthread_once; one set of settings, replaced as a whole. */
#include "collect/judges.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config.h"
#include "judge/mood.h"
#include "judge/pii.h"

#define MODEL_MAX_BYTES ((size_t)8 << 20)
#define SPANS_MAX 256
#define FINDINGS_MAX 12

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

/* ── what the configuration says ───────────────────────────────────────────────────────────── */

struct settings {
	const struct settings *before; /* never freed: another thread may still be reading */
	struct safety_lists *lists;
	bool redact, keep_text;
};
static const struct settings at_first = {.redact = true};
static _Atomic(const struct settings *) settings = &at_first;

void judges_configure(const struct config *config)
{
	struct settings *s = mem_zalloc(sizeof *s);

	s->redact = config->options[OPTION_REDACT].yes;
	s->keep_text = config->options[OPTION_KEEP_TEXT].yes;
	s->lists = safety_lists_new(config->blocks, config->block_count);
	s->before = atomic_load(&settings);
	atomic_store(&settings, s);
}

bool judges_keep_text(void)
{
	return atomic_load(&settings)->keep_text;
}

size_t judges_find_blocked(struct str text, struct safety_finding *out, size_t cap)
{
	const struct safety_lists *lists = atomic_load(&settings)->lists;

	return lists ? safety_lists_find(lists, text, out, cap) : 0;
}

/* ── texts ─────────────────────────────────────────────────────────────────────────────────── */

static struct str redacted(struct batch *b, struct str text, const struct pii_span *spans, size_t count)
{
	struct buf out = {0};
	struct str kept;

	if (!count || !atomic_load(&settings)->redact)
		return text;
	pii_redact(text, spans, count, &out);
	kept = batch_text(b, buf_str(&out), EVENT_TEXT_MAX_BYTES);
	buf_fini(&out);
	return kept;
}

struct str judges_storable(struct batch *b, struct str text)
{
	struct pii_span spans[SPANS_MAX];
	size_t count = pii_find(text, spans, SPANS_MAX);

	/* More than fit: the rest of the text cannot be vouched for. */
	if (count == SPANS_MAX && atomic_load(&settings)->redact)
		text.len = spans[count - 1].end;
	return batch_text(b, redacted(b, text, spans, count), EVENT_TEXT_MAX_BYTES);
}

static void add_finding(struct buf *out, const char *prefix, const char *name, size_t count, int severity)
{
	buf_printf(out, "%s%s%s=%zu/%d", out->len ? " " : "", prefix, name, count, severity);
}

/* "pii:email=2/-1 jailbreak=1/5" */
static void find(struct batch *b, struct feedback *f, const struct pii_span *spans, size_t span_count)
{
	struct safety_finding found[FINDINGS_MAX];
	size_t kinds[PII_KIND_COUNT] = {0}, count = safety_find_attacks(f->text, found);
	struct buf out = {0};

	count += judges_find_blocked(f->text, found + count, FINDINGS_MAX - count);
	for (size_t i = 0; i < span_count; i++)
		kinds[spans[i].kind]++;
	for (int k = 0; k < PII_KIND_COUNT; k++)
		if (kinds[k])
			add_finding(&out, "pii:", pii_name((enum pii_kind)k), kinds[k], -1);
	for (size_t i = 0; i < count && out.len < EVENT_NAME_MAX_BYTES - 80; i++)
		add_finding(&out, "", found[i].category, 1, found[i].severity);
	f->findings = batch_text(b, buf_str(&out), EVENT_NAME_MAX_BYTES);
	buf_fini(&out);
}

static void judge_mood(struct feedback *f)
{
	const struct sentiment_model *m;
	struct sentiment verdict;

	if (f->mood != MOOD_UNKNOWN || !may_be_english(f->language))
		return;
	m = judges_sentiment(NULL);
	if (!m || !sentiment_judge(m, f->text, &verdict))
		return;
	f->mood = (uint8_t)verdict.label;
	f->judge = str_of(sentiment_judge_name(m));
	f->sentiment = verdict.score;
	memcpy(f->confidence, verdict.confidence, sizeof f->confidence);
}

void judges_feedback(struct batch *b, struct feedback *f, bool score_is_share)
{
	struct pii_span spans[SPANS_MAX];
	size_t count;

	mood_of_feedback(f, score_is_share);
	if (f->text.len == 0)
		return;
	judge_mood(f);
	count = pii_find(f->text, spans, SPANS_MAX);
	find(b, f, spans, count);
	f->text = judges_storable(b, f->text);
}
