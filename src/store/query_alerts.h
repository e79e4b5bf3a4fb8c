/* Asking the store about alerts and budgets. As store/query.h: no SQL, short read transactions. */
#ifndef LLMDECK_STORE_QUERY_ALERTS_H
#define LLMDECK_STORE_QUERY_ALERTS_H

#include "core/alert.h"
#include "core/budget.h"
#include "store/query.h"

struct alert_result {
	struct alert_record *rows;
	size_t row_count;
	struct arena arena;
};
/* Pending and firing ones, and those that ended at or after ended_since_us, newest first. Silences
 * that fit at now_us are filled in. */
int query_alerts(struct store_reader *r, int64_t ended_since_us, int64_t now_us, struct alert_result *out, struct err *err);
/* One by its id; row_count 0 when there is none. */
int query_alert(struct store_reader *r, int64_t id, int64_t now_us, struct alert_result *out, struct err *err);
void alert_result_fini(struct alert_result *res);

struct silence_result {
	struct silence_record *rows;
	size_t row_count;
	struct arena arena;
};
/* Those that end after now_us. */
int query_silences(struct store_reader *r, int64_t now_us, struct silence_result *out, struct err *err);
void silence_result_fini(struct silence_result *res);

struct rule_state_result {
	struct rule_state *rows;
	size_t row_count;
	struct arena arena;
};
int query_rule_states(struct store_reader *r, struct rule_state_result *out, struct err *err);
void rule_state_result_fini(struct rule_state_result *res);

struct override_result {
	struct rule_override *rows;
	size_t row_count;
	struct arena arena;
};
/* Those in force at now_us. */
int query_overrides(struct store_reader *r, int64_t now_us, struct override_result *out, struct err *err);
void override_result_fini(struct override_result *res);

struct budget_result {
	struct budget_record *rows;
	size_t row_count;
	struct arena arena;
};
int query_budgets(struct store_reader *r, int64_t now_us, struct budget_result *out, struct err *err);
void budget_result_fini(struct budget_result *res);

/* The budgets in force as the collector assessed them last, by name. `percent`, state and what else
 * budget_judge() derives is derived for the moment of the assessment. */
struct standing_result {
	struct budget_standing *rows;
	size_t row_count;
	struct arena arena;
};
int query_budget_states(struct store_reader *r, struct standing_result *out, struct err *err);
void standing_result_fini(struct standing_result *res);

/* The stored period of a budget that begins at from_us; all zero (name too) when there is none. The
 * text lives in the arena. */
int query_budget_sum(struct store_reader *r, const char *name, int64_t from_us, struct budget_sum *out,
                     struct arena *arena, struct err *err);

struct outbox_result {
	struct outbox_record *rows;
	size_t row_count;
	struct arena arena;
};
/* Messages in a state, oldest first, at most limit. */
int query_outbox(struct store_reader *r, enum outbox_state state, size_t limit, struct outbox_result *out, struct err *err);
void outbox_result_fini(struct outbox_result *res);

/* The highest ids ever given; the next are one above. */
struct alert_ids {
	int64_t alert, silence, outbox;
};
int query_alert_ids(struct store_reader *r, struct alert_ids *out, struct err *err);

#endif
