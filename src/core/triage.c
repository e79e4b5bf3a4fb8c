/* The built-in label sets are what reviewers of answers most often say. */
#include "core/triage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/config.h"

static const char *const state_names[] = {"open", "settled", "dismissed"};
static const char *const verb_names[] = {"label", "unlabel", "settle", "dismiss", "reopen", "assign", "note",
                                         "dataset", "lock", "unlock", "next", "undo", "redo"};

const char *feedback_state_name(enum feedback_state s)
{
	return s < FEEDBACK_STATE_COUNT ? state_names[s] : "open";
}

const char *triage_verb_name(enum triage_verb v)
{
	return v < TRIAGE_VERB_COUNT ? verb_names[v] : "";
}

bool triage_verb_from_name(struct str name, enum triage_verb *out)
{
	for (int v = 0; v < TRIAGE_VERB_COUNT; v++)
		if (str_equal_c(name, verb_names[v])) {
			*out = (enum triage_verb)v;
			return true;
		}
	return false;
}

static const struct label_set built_in[] = {
	{.name = "hallucination", .kind = LABEL_BOOLEAN, .text = "states what is not so"},
	{.name = "refusal", .kind = LABEL_BOOLEAN, .text = "refuses what it should answer"},
	{.name = "tone", .kind = LABEL_BOOLEAN, .text = "rude, or not in our voice"},
	{.name = "slow", .kind = LABEL_BOOLEAN, .text = "took too long"},
	{.name = "wrong", .kind = LABEL_BOOLEAN, .text = "wrong fact, price or step"},
	{.name = "incomplete", .kind = LABEL_BOOLEAN, .text = "leaves out what was asked"},
	{.name = "unsafe", .kind = LABEL_BOOLEAN, .text = "should not have been said"},
	{.name = "quality", .kind = LABEL_NUMERIC, .min = 1, .max = 5, .text = "1 poor to 5 good"},
};

const struct label_set *label_sets(const struct config *c, size_t *count)
{
	if (c && c->label_set_count) {
		*count = c->label_set_count;
		return c->label_sets;
	}
	*count = sizeof built_in / sizeof *built_in;
	return built_in;
}

static int check_boolean(const struct label_set *set, struct str value, struct buf *out, struct err *err)
{
	static const struct {
		const char *word, *meaning;
	} words[] = {{"", "true"}, {"true", "true"}, {"yes", "true"}, {"1", "true"}, {"false", "false"}, {"no", "false"}, {"0", "false"}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_equal_nocase(value, str_of(words[i].word))) {
			buf_puts(out, words[i].meaning);
			return 0;
		}
	return err_set(err, "label %s: takes true or false", set->name);
}

static int check_number(const struct label_set *set, struct str value, struct buf *out, struct err *err)
{
	double v;

	if (!str_to_double(value, &v) || v < set->min || v > set->max)
		return err_set(err, "label %s: takes a number from %g to %g", set->name, set->min, set->max);
	buf_printf(out, "%.6g", v);
	return 0;
}

static int check_category(const struct label_set *set, struct str value, struct buf *out, struct err *err)
{
	char known[300] = "";

	for (const char *const *v = set->values; *v; v++) {
		size_t len = strlen(known);

		if (str_equal_nocase(value, str_of(*v))) {
			buf_puts(out, *v);
			return 0;
		}
		snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", *v);
	}
	return err_set(err, "label %s: takes one of %s", set->name, known);
}

int label_check(const struct config *c, struct str name, struct str value, struct buf *out, struct err *err)
{
	static int (*const checks[])(const struct label_set *, struct str, struct buf *, struct err *) = {
		[LABEL_BOOLEAN] = check_boolean, [LABEL_NUMERIC] = check_number, [LABEL_CATEGORICAL] = check_category,
	};
	char known[300] = "";
	size_t count;
	const struct label_set *sets = label_sets(c, &count);

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(known);

		if (str_equal_c(name, sets[i].name))
			return checks[sets[i].kind](&sets[i], value, out, err);
		snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", sets[i].name);
	}
	return err_set(err, "there is no label `%.*s`: use %s, or add it under `labels:` in the configuration",
	               (int)(name.len < 64 ? name.len : 64), name.len ? name.ptr : "", known);
}
