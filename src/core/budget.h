/* Budgets: periods by the calendar of a time zone, and which thresholds have been said. Pure. */
#ifndef LLMDECK_CORE_BUDGET_H
#define LLMDECK_CORE_BUDGET_H

#include "base/buf.h"
#include "base/timefmt.h"
#include "core/config.h"

/* The period that holds now_us: [*from_us, *to_us), from local midnight to local midnight. Days are 23
 * to 25 hours long where the clock changes; weeks begin on Monday. */
void budget_period_at(enum budget_period period, const struct tz *tz, int64_t now_us, int64_t *from_us, int64_t *to_us);
/* "day", "week", "month", "quarter", "year". */
const char *budget_period_name(enum budget_period p);
bool budget_period_from_name(const char *name, enum budget_period *out);

enum budget_basis {
	BASIS_ACTUAL, BASIS_FORECAST,
	/* Not thresholds: what came of a hard budget's action. Percent 0. */
	MARK_WOULD,   /* it would have acted, but is not armed */
	MARK_HELD,    /* held back: stale data, or too much is unpriced */
	MARK_DECIDED, /* it acts; said before anything is touched */
	MARK_ACTED,   /* the action has begun */
};
/* "actual", "forecast". */
const char *budget_basis_name(enum budget_basis b);

/* Adds what a budget counts: "service=chat", "model!=gpt-4o", or one value of an attribute, "user=mia",
 * which then stands alone: the bounded summaries know attributes by themselves only. */
int budget_add_filter(struct config_budget *b, struct str text, struct err *err);
/* "service=chat model!=x", "user=mia"; "" = everything. Returns out. */
char *budget_format_where(const struct config_budget *b, char *out, size_t cap);

/* What a hard budget does. */
struct budget_deed {
	bool weight; /* else roll back */
	struct str rollout, shares; /* shares: of rollout_shares_parse(); borrowed from the text */
};
/* What came of asking for it. */
enum deed_result { DEED_REFUSED, DEED_BEGUN, DEED_LATER };
/* Reads "rollback checkout" or "weight checkout 10"; -1 with what is allowed. */
int budget_parse_deed(const char *text, struct budget_deed *out, struct err *err);

/* Thresholds that were said in a period, as one text: a changed amount makes new thresholds. */
bool budget_was_said(const char *said, enum budget_basis basis, int percent, int64_t amount_nusd);
/* Appends one to a text. */
void budget_add_said(struct buf *said, enum budget_basis basis, int percent, int64_t amount_nusd);

/* Do these labels name thresholds of one budget, basis and period? They are those of two budget alerts. */
bool budget_same_basis(const char *labels, const char *others);

/* Where a budget stands. */
enum budget_state { BUDGET_OK, BUDGET_WARNING, BUDGET_EXCEEDED, BUDGET_NO_DATA };
/* "ok", "warning", "exceeded", "no_data". */
const char *budget_state_name(enum budget_state s);

struct budget_status {
	int64_t from_us, to_us;
	int64_t spent_nusd, requests, unpriced;
	bool spent_bound;                   /* it is at least spent_nusd: a summary has let go of some */
	double unpriced_share;              /* 0-1 */
	bool forecast_known;
	double forecast_nusd, low_nusd, high_nusd; /* at the end of the period; low to high is a rough band */
	double burn_nusd_per_hour;          /* of the last hour */
	double sustainable_nusd_per_hour;   /* what is left over the time that is left; 0 when nothing is */
	int64_t exhausted_us;               /* when the forecast reaches the amount; 0: not before the reset */
	int64_t overshoot_nusd;             /* spent above the amount */
	int64_t data_age_us;                /* since the newest request; -1: there is none */
	bool stale;
	double percent;                     /* of the amount, spent */
	enum budget_state state;
};
/* Derives percent, overshoot, sustainable burn and state from what is filled in. */
void budget_judge(struct budget_status *s, const struct config_budget *b, int64_t now_us);

/* A budget in force and where it stood when the collector last assessed it: what pages show. Strings
 * are the giver's. */
struct budget_standing {
	struct config_budget budget;
	const char *author;         /* who changed it against the config, or made it; "" = the config's own */
	int64_t changed_us, until_us; /* until_us 0: for good */
	int64_t config_amount_nusd; /* 0: the config has none of that name */
	struct budget_status status;
	int64_t assessed_us;        /* wall */
	const char *deed_words;     /* what came of the hard action; "" */
};

#define BUDGET_AMOUNT_BYTES 200
/* "$500 (config $400, mia 13:25, until reset)", "$500 (mia 13:25, until 18:00)" for what a person made or
 * changed, else "$500". Times in `tz` (NULL: UTC). The author is from outside. Returns out. */
char *budget_format_amount(const struct budget_standing *b, const struct tz *tz, char out[BUDGET_AMOUNT_BYTES]);

#endif
