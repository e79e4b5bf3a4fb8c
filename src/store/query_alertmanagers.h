/* Asking the store what the Alertmanagers hold. As store/query.h: no SQL, short read transactions. */
#ifndef LLMDECK_STORE_QUERY_ALERTMANAGERS_H
#define LLMDECK_STORE_QUERY_ALERTMANAGERS_H

#include "core/alertmanager.h"
#include "store/query.h"

struct am_result {
	struct am_status *managers;  /* by name */
	size_t manager_count;
	struct am_alert *alerts;     /* of others, newest first */
	size_t alert_count;
	struct am_alert *own;        /* ours that it keeps back: silenced or inhibited there */
	size_t own_count;
	struct am_silence *silences; /* in force first, then by end; `ours` is filled in */
	size_t silence_count;
	struct arena arena;
};
/* All of it, as the collector read it last: am_word() says what it is worth. */
int query_alertmanagers(struct store_reader *r, struct am_result *out, struct err *err);
void am_result_fini(struct am_result *res);

/* The one with this name, NULL when there is none. */
const struct am_status *am_result_manager(const struct am_result *res, const char *name);
/* A silence by the Alertmanager and its id, NULL when there is none. */
const struct am_silence *am_result_silence(const struct am_result *res, const char *manager, struct str id);

#endif
