/* Forgetting on purpose, with its audit row: who asked and how many rows went, never whose. */
#ifndef LLMDECK_STORE_FORGET_H
#define LLMDECK_STORE_FORGET_H

#include "store/writer.h"

struct forget_order {
	struct str user;   /* or */
	bool has_import;
	uint64_t import_key;
	uint32_t uid, login_uid;
	struct str ssh_client, claimed_name;
	int64_t now_us;
};
/* Commits what is open, erases, and leaves the audit row in the open transaction. *unknown: there is no
 * such import, and nothing happened. */
int store_writer_forget(struct store_writer *w, const struct forget_order *o, int64_t *rows, bool *unknown, struct err *err);

/* "9f3a…", up to 16 hexadecimal digits. */
bool import_key_parse(struct str text, uint64_t *out);

#endif
