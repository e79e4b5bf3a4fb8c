/* A reader is opened for each question: it is asked once a start, and after a failed batch. */
#include "collect/resume.h"

#include "store/query.h"

int resume_read(const struct source_env *env, struct buf *known, struct err *err)
{
	struct store_reader *reader = NULL;
	int result = -1;

	buf_reset(known);
	if (!env->store_path)
		return err_set(err, "source %s: there is no store to remember its place", env->name);
	if (store_reader_open(&reader, env->store_path, err) == 0)
		result = query_resume(reader, str_of(env->name), known, err);
	store_reader_close(&reader);
	return result;
}

void resume_put(const struct source_env *env, struct batch *b, struct str known, struct str to)
{
	b->has_resume = true;
	b->resume.source = batch_text(b, str_of(env->name), EVENT_NAME_MAX_BYTES);
	b->resume.from = batch_text(b, known, RESUME_PLACE_MAX_BYTES);
	b->resume.to = batch_text(b, to, RESUME_PLACE_MAX_BYTES);
}
