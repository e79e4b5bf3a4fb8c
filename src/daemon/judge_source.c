/* Every second, or as soon as a batch has ended, the texts that came since are read from the store with a
 * reader of our own, judged, and their verdicts submitted as a batch like any other source's. The mark of
 * what was read moves only when a batch's verdicts are on their way: what fails is read again. While a
 * service cannot be asked, the local judge's verdicts stand, and the state says why. */
#include "daemon/judge_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/section.h"
#include "remote/asker.h"
#include "store/query_feedback.h"

#define LOOK_US US_PER_S
#define LOOK_BACK_US US_PER_DAY /* what came while nobody was there */

struct judge {
	struct source_env env;
	const struct service *service;
	struct asker *asker;
	struct store_reader *reader;
	char name[80];          /* of the judge: kind and version */
	int64_t touched, next_touched; /* what was read; what was read when this batch is done */
	int64_t ids[SERVICE_BATCH_MAX];
	bool more;              /* the last look was cut short */
	struct batch *waiting;  /* verdicts that the store was too busy to take */
	bool submitted, in_ask;
};

static void submit(struct judge *j);

static void stored(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct judge *j = arg;

	j->submitted = false;
	if (ok) {
		j->env.report->rows += ack->added;
		j->env.report->last_event_us = clock_wall_us();
		return;
	}
	j->env.report->state = SOURCE_FAILING;
	err_set(&j->env.report->words, "%s", error);
}

static void submit(struct judge *j)
{
	struct err err = {""};

	if (j->env.sink->submit(j->env.sink, j->waiting, stored, j, &err) != SINK_OK)
		return; /* again at the next look */
	j->waiting = NULL;
	j->submitted = true;
	j->touched = j->next_touched;
}

static void judged(void *arg, bool done, struct service_verdict *verdicts, size_t count)
{
	struct judge *j = arg;

	if (!done)
		return;
	j->waiting = batch_new();
	for (size_t i = 0; i < count; i++) {
		struct service_verdict *from = &verdicts[i];
		struct verdict *v = batch_add_verdict(j->waiting);

		v->feedback_id = j->ids[i];
		v->judge = batch_text(j->waiting, str_of(j->name), sizeof j->name);
		v->mood = (uint8_t)(from->has_mood ? from->mood : MOOD_UNKNOWN);
		v->score = from->score;
		memcpy(v->confidence, from->confidence, sizeof v->confidence);
		v->findings = batch_text(j->waiting, buf_str(&from->findings), EVENT_NAME_MAX_BYTES);
		v->texts = batch_text(j->waiting, buf_str(&from->texts), EVENT_TEXT_MAX_BYTES);
		v->words = batch_text(j->waiting, str_of(from->why), sizeof from->why);
		j->env.report->rejected += from->why[0] ? 1 : 0;
	}
	submit(j);
}

/* Gives the asker what waits. False: nothing waits. */
static bool ask(struct judge *j, struct err *err)
{
	struct service_text texts[SERVICE_BATCH_MAX];
	struct waiting_texts waiting;

	if (!j->reader && store_reader_open(&j->reader, j->env.store_path, err))
		return false;
	j->next_touched = j->touched;
	if (query_feedback_waiting(j->reader, str_of(j->name), clock_wall_us() - LOOK_BACK_US, j->service->batch_max, &j->next_touched, NULL,
	                           &waiting, err)) {
		store_reader_close(&j->reader);
		return false;
	}
	size_t count = waiting.count;

	for (size_t i = 0; i < count; i++) {
		texts[i] = (struct service_text){waiting.rows[i].text, waiting.rows[i].language};
		j->ids[i] = waiting.rows[i].id;
	}
	if (count)
		asker_ask(j->asker, texts, count, judged, j);
	else
		j->touched = j->next_touched;
	waiting_texts_fini(&waiting);
	return count > 0;
}

static void report(struct judge *j, const struct err *err)
{
	static const enum source_state states[] = {[ASKER_OK] = SOURCE_OK, [ASKER_FAILING] = SOURCE_FAILING, [ASKER_DENIED] = SOURCE_DENIED,
	                                           [ASKER_SPENT] = SOURCE_PAUSED};
	struct source_report *out = j->env.report;

	out->state = err->text[0] ? SOURCE_FAILING : states[asker_state(j->asker)];
	out->took_us = asker_took_us(j->asker);
	if (err->text[0])
		out->words = *err;
	else if (*asker_words(j->asker))
		err_set(&out->words, "%s; the local judge's verdicts stand meanwhile", asker_words(j->asker));
	else
		out->words.text[0] = '\0';
}

static int64_t judge_poll(void *state)
{
	struct judge *j = state;
	struct err err = {""};
	int64_t wait_us = asker_wait_us(j->asker);
	bool asked = false;

	if (j->waiting)
		submit(j);
	else if (!wait_us && !j->submitted)
		asked = ask(j, &err);
	report(j, &err);
	return asked ? 50 * US_PER_MS : wait_us && wait_us < LOOK_US ? wait_us : LOOK_US;
}

static void *judge_start(const struct source_env *env, struct err *err)
{
	struct judge *j = mem_zalloc(sizeof *j);
	struct waiting_texts none;
	struct err ignored = {""};
	int64_t today = 0, mark = 0;

	j->env = *env;
	j->service = service_find(env->section->kind);
	snprintf(j->name, sizeof j->name, "%s/%s", j->service->kind, j->service->version);
	/* What was spent today is told by the verdicts that are there: at most that many calls. */
	if (env->store_path && !store_reader_open(&j->reader, env->store_path, &ignored) &&
	    !query_feedback_waiting(j->reader, str_of(j->name), clock_wall_us(), 1, &mark, &today, &none, &ignored))
		waiting_texts_fini(&none);
	if (!asker_new(&j->asker, env->loop, j->service, env->options, env->section,
	               (today + (int64_t)j->service->batch_max - 1) / (int64_t)j->service->batch_max * (int64_t)j->service->steps(env->options), err))
		return j;
	store_reader_close(&j->reader);
	free(j);
	return NULL;
}

static void judge_stop(void *state)
{
	struct judge *j = state;

	asker_free(&j->asker);
	store_reader_close(&j->reader);
	batch_free(&j->waiting);
	free(j);
}

#define JUDGE_KINDS_MAX 8

const struct source *judge_source_find(const char *kind)
{
	static struct source kinds[JUDGE_KINDS_MAX];
	const struct service *s = service_find(kind);

	for (size_t i = 0; s && i < JUDGE_KINDS_MAX && services[i]; i++)
		if (services[i] == s) {
			kinds[i] = (struct source){.kind = s->kind, .summary = "judges feedback", .options = s->options, .start = judge_start,
			                           .poll = judge_poll, .stop = judge_stop};
			return &kinds[i];
		}
	return NULL;
}

int judge_source_check(const struct config *config, struct err *err)
{
	const char *path = config->path ? config->path : "config";

	for (size_t i = 0; i < config->judge_count; i++) {
		const struct config_section *section = &config->judges[i];
		const struct service *s = service_find(section->kind);
		struct err why = {""};

		if (!s)
			return err_set(err, "%s:%d:%d: there is no judge kind `%.40s`: use azure-language, azure-content-safety or openai", path,
			               section->line, section->column, section->kind);
		union option_value *values = section_options(s->options, section, "judge", path, err);

		if (!values)
			return -1;
		int failed = asker_check(s, values, section, &why);

		free(values);
		if (failed)
			return err_set(err, "%s:%d:%d: judge %s: %s", path, section->line, section->column, section->name, why.text);
	}
	return 0;
}
