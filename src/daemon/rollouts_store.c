/* A job of the writer's thread per record; its end comes back as a job of the loop. */
#include "daemon/rollouts_store.h"

#include <stdlib.h>
#include <syslog.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/audit.h"

struct pending {
	struct rollouts_store *store;
	struct rollout_record *record;
	void (*done)(void *arg, bool ok, const char *error);
	void *arg;
	bool ok;
	char *error;
};

static int write_record(struct store_writer *w, void *arg, struct err *err)
{
	struct pending *p = arg;
	struct rollout_record *r = p->record;

	r->known = false;
	if (r->is_intent && store_writer_has_action(w, r->action.key, &r->known, err))
		return -1;
	if (r->known)
		return 0;
	if ((r->has_desired && store_writer_put_desired(w, &r->desired, err)) ||
	    (r->has_action && store_writer_put_action(w, &r->action, err)))
		return -1;
	if (!r->has_audit)
		return 0;
	return store_writer_add_audit(w, &r->audit, err) || store_writer_audit_head(w, r->head, err) ? -1 : 0;
}

static void tell(void *arg)
{
	struct pending *p = arg;

	p->done(p->arg, p->ok, p->error);
	free(p->error);
	free(p);
}

/* On the writer's thread. */
static void written(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct pending *p = arg;

	(void)ack;
	p->ok = ok;
	if (!ok)
		p->error = mem_strdup(error);
	else if (p->record->has_audit)
		syslog(LOG_AUTHPRIV | LOG_NOTICE, "llmdeck audit head %s", p->record->head);
	loop_post(p->store->loop, tell, p);
}

void rollouts_store_record(void *arg, struct rollout_record *record,
                           void (*done)(void *done_arg, bool ok, const char *error), void *done_arg)
{
	struct pending *p = mem_zalloc(sizeof(*p));

	*p = (struct pending){.store = arg, .record = record, .done = done, .arg = done_arg};
	if (writer_begin_job(p->store->writer, write_record, p, written))
		return;
	p->error = mem_strdup("the collector is ending");
	loop_post(p->store->loop, tell, p);
}

static void reported(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	static struct log_limit limit;

	(void)arg;
	(void)ack;
	if (!ok)
		log_limited(&limit, 60 * 1000000LL, LOG_LEVEL_WARNING, "rollouts: a change of state is not stored: %s", error);
}

void rollouts_store_report(void *arg, struct batch *b)
{
	struct rollouts_store *s = arg;
	struct sink *sink = writer_sink(s->writer);
	struct err err = {""};

	if (sink->submit(sink, b, reported, NULL, &err) == SINK_OK)
		return;
	batch_free(&b); /* the next report says the same */
}
