/* llmdeck prices: the table in force, a newer one, and how a request's cost came about. Rates are
 * shown in dollars a million tokens, as the vendors' pages have them. */
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "cli/window.h"
#include "core/money.h"
#include "judge/price.h"
#include "parse/prices.h"

#define CHANGES_SHOWN 40
#define WIDTH_UNBOUND 1000 /* in a pipe nothing needs to be cut */

static const char *const verbs[] = {"show", "import", "explain", NULL};

static const struct command_option prices_options[] = {
	{"--provider", "NAME", "show: this provider's entries only"},
	{"--dry-run", NULL, "import: say what would change and keep the old table"},
	{"--format", "FORMAT", "show: table (default), json or csv"},
	{NULL, NULL, NULL},
};

/* The rates by name, for every output. */
static const struct rate_field {
	const char *name, *heading;
	size_t offset;
} rate_fields[] = {
	{"input", "INPUT", offsetof(struct price_rates, input)},
	{"cached", "CACHED", offsetof(struct price_rates, cached)},
	{"cache_write", "WRITE", offsetof(struct price_rates, cache_write)},
	{"cache_write_1h", "WRITE 1H", offsetof(struct price_rates, cache_write_1h)},
	{"output", "OUTPUT", offsetof(struct price_rates, output)},
	{"reasoning", "REASONING", offsetof(struct price_rates, reasoning)},
};
#define RATE_FIELDS (sizeof rate_fields / sizeof rate_fields[0])

static int64_t rate_of(const struct price_rates *rates, size_t field)
{
	int64_t rate;

	memcpy(&rate, (const char *)rates + rate_fields[field].offset, sizeof rate);
	return rate;
}

static bool any_rate(const struct price_rates *rates)
{
	for (size_t i = 0; i < RATE_FIELDS; i++)
		if (rate_of(rates, i) >= 0)
			return true;
	return false;
}

/* Pico-dollars a token are micro-dollars a million tokens. */
static const char *per_million(int64_t pusd, char out[32])
{
	int len = snprintf(out, 32, "%" PRId64 ".%06" PRId64, pusd / 1000000, pusd % 1000000);

	for (int i = 0; i < 4 && out[len - 1] == '0'; i++)
		out[--len] = '\0';
	return out;
}

/* One row a set of rates: the standard ones, then each tier and threshold that has its own. */
struct row {
	const struct price_model *model;
	const struct price_rates *rates;
	enum price_tier tier;
	int64_t above_tokens;
};

static void each_row(const struct price_model *m, bool all, void (*fn)(const struct row *row, void *arg), void *arg)
{
	for (uint32_t level = 0; level <= m->threshold_count; level++) {
		const struct price_rates *rates = level ? m->thresholds[level - 1].rates : m->rates;
		int64_t above = level ? m->thresholds[level - 1].above_tokens : 0;
		for (int tier = 0; tier < PRICE_TIER_COUNT; tier++) {
			bool standard = level == 0 && tier == PRICE_STANDARD;
			if (standard || (all && any_rate(&rates[tier])))
				fn(&(struct row){m, &rates[tier], (enum price_tier)tier, above}, arg);
		}
	}
}

static const char *rule_text(const struct row *row, char out[64])
{
	if (row->above_tokens)
		snprintf(out, 64, "%s >%" PRId64 "k", price_tier_name(row->tier), row->above_tokens / 1000);
	else
		snprintf(out, 64, "%s", price_tier_name(row->tier));
	return out;
}

static void table_row(const struct row *row, void *arg)
{
	struct text_table *t = arg;
	char text[64];

	text_table_add(t, row->model->name);
	text_table_add(t, row->model->provider);
	text_table_add(t, row->model->mode);
	text_table_addf(t, "%s", rule_text(row, text));
	for (size_t i = 0; i < RATE_FIELDS; i++) {
		int64_t rate = rate_of(row->rates, i);
		text_table_addf(t, "%s", rate < 0 ? "–" : per_million(rate, text));
	}
	text_table_add(t, row->model->source_date);
}

struct writer {
	struct buf *out;
	size_t rows;
};

static void json_row(const struct row *row, void *arg)
{
	struct writer *w = arg;
	char text[64];

	buf_puts(w->out, w->rows++ ? ",\n  {\"model\":" : "\n  {\"model\":");
	buf_append_json(w->out, row->model->name);
	buf_puts(w->out, ",\"provider\":");
	buf_append_json(w->out, row->model->provider);
	buf_puts(w->out, ",\"mode\":");
	buf_append_json(w->out, row->model->mode);
	buf_printf(w->out, ",\"tier\":\"%s\",\"above_tokens\":%" PRId64, price_tier_name(row->tier), row->above_tokens);
	for (size_t i = 0; i < RATE_FIELDS; i++) {
		int64_t rate = rate_of(row->rates, i);
		if (rate < 0)
			buf_printf(w->out, ",\"%s_usd_per_million\":null", rate_fields[i].name);
		else
			buf_printf(w->out, ",\"%s_usd_per_million\":\"%s\"", rate_fields[i].name, per_million(rate, text));
	}
	buf_puts(w->out, ",\"source\":");
	buf_append_json(w->out, row->model->source);
	buf_puts(w->out, ",\"source_date\":");
	buf_append_json(w->out, row->model->source_date);
	buf_append_c(w->out, '}');
}

static void csv_row(const struct row *row, void *arg)
{
	struct writer *w = arg;
	char text[64];

	buf_append_csv(w->out, row->model->name);
	buf_append_c(w->out, ',');
	buf_append_csv(w->out, row->model->provider);
	buf_append_c(w->out, ',');
	buf_append_csv(w->out, row->model->mode);
	buf_printf(w->out, ",%s,%" PRId64, price_tier_name(row->tier), row->above_tokens);
	for (size_t i = 0; i < RATE_FIELDS; i++) {
		int64_t rate = rate_of(row->rates, i);
		buf_printf(w->out, ",%s", rate < 0 ? "" : per_million(rate, text));
	}
	buf_append_c(w->out, ',');
	buf_append_csv(w->out, row->model->source);
	buf_append_c(w->out, ',');
	buf_append_csv(w->out, row->model->source_date);
	buf_append_c(w->out, '\n');
}

/* What `show` picks: the entry a request of that model would be priced by, else every name that
 * holds the word. */
struct choice {
	const struct price_table *table;
	const struct price_model *one; /* NULL: by word */
	const char *word, *provider;   /* NULL: any */
};

static bool chosen(const struct choice *c, const struct price_model *m)
{
	if (c->one)
		return m == c->one;
	if (c->provider && !strcasestr(m->provider.ptr, c->provider))
		return false;
	return !c->word || strcasestr(m->name.ptr, c->word) != NULL;
}

static size_t each_chosen(const struct choice *c, bool all, void (*fn)(const struct row *row, void *arg), void *arg)
{
	size_t count = 0;

	for (size_t i = 0; i < price_count(c->table); i++) {
		const struct price_model *m = price_at(c->table, i);
		if (!chosen(c, m))
			continue;
		count++;
		each_row(m, all, fn, arg);
	}
	return count;
}

static void show_table(const struct choice *c, const char *path, struct buf *out)
{
	static const struct text_column columns[] = {
		{"MODEL", true, 0},     {"PROVIDER", true, 5}, {"MODE", true, 7},      {"RULE", true, 2},
		{"INPUT", false, 0},    {"CACHED", false, 1},  {"WRITE", false, 3},    {"WRITE 1H", false, 8},
		{"OUTPUT", false, 0},   {"REASONING", false, 4}, {"SOURCE DATE", true, 6},
	};
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof columns[0]);
	bool all = c->one || c->word;

	buf_puts(out, "price table ");
	text_append_harmless(out, str_of(price_table_name(c->table)), PRICE_TITLE_MAX_BYTES);
	buf_printf(out, ", %zu model%s, from ", price_count(c->table), price_count(c->table) == 1 ? "" : "s");
	text_append_harmless(out, str_of(path), 4096);
	buf_puts(out, "\nUSD per million tokens; – is not listed: cached and write then cost input, reasoning costs output\n\n");
	each_chosen(c, all, table_row, t);
	text_table_print(t, cli_columns(WIDTH_UNBOUND), out);
	text_table_free(&t);
	if (c->one) {
		buf_puts(out, "source ");
		text_append_harmless(out, c->one->source, 500);
		buf_puts(out, "\n");
	}
}

static void show_json(const struct choice *c, struct buf *out)
{
	struct writer w = {.out = out};

	buf_puts(out, "{\"schema\":1,\"table\":");
	buf_append_json(out, str_of(price_table_name(c->table)));
	buf_puts(out, ",\"prices\":[");
	each_chosen(c, true, json_row, &w);
	buf_puts(out, "]}\n");
}

static void show_csv(const struct choice *c, struct buf *out)
{
	struct writer w = {.out = out};

	buf_puts(out, "model,provider,mode,tier,above_tokens");
	for (size_t i = 0; i < RATE_FIELDS; i++)
		buf_printf(out, ",%s_usd_per_million", rate_fields[i].name);
	buf_puts(out, ",source,source_date\n");
	each_chosen(c, true, csv_row, &w);
}

static void no_row(const struct row *row, void *arg)
{
	(void)row;
	(void)arg;
}

static int show(const struct global *g, const struct args *a, struct err *err)
{
	struct choice c = {.provider = args_value(a, "--provider")};
	struct price_table *table = NULL;
	struct buf out = {0};
	char *path = NULL;
	int format = FORMAT_TABLE, code = EXIT_FAILED;

	if (a->operand_count > 2) {
		err_set(err, "prices show: give one model, or none for all");
		return EXIT_USAGE;
	}
	if (args_choice(a, "--format", &format, err))
		return EXIT_USAGE;
	if (price_table_load(&table, &g->config, g->store_path, &path, err) < 0)
		return EXIT_FAILED;
	c.table = table;
	c.word = a->operand_count == 2 ? a->operands[1] : NULL;
	if (c.word)
		c.one = price_find(table, str_of(c.provider), str_of(c.word));
	if (each_chosen(&c, false, no_row, NULL) == 0) {
		err_set(err, "prices show: no price for `%.100s` in %s: requests of it are unpriced; add it with "
		        "`llmdeck prices import FILE`", c.word ? c.word : c.provider, price_table_name(table));
		goto out;
	}
	if (format == FORMAT_JSON)
		show_json(&c, &out);
	else if (format == FORMAT_CSV)
		show_csv(&c, &out);
	else
		show_table(&c, path, &out);
	code = cli_print(&out);
out:
	price_table_free(&table);
	buf_fini(&out);
	free(path);
	return code;
}

static void on_skip(const char *text, void *arg)
{
	size_t *skipped = arg;

	if ((*skipped)++ < CHANGES_SHOWN)
		cli_note("%s", text);
}

static const struct price_model *same_name(const struct price_table *t, struct str name)
{
	size_t low = 0, high = price_count(t);

	while (low < high) { /* sorted by lower-cased name */
		size_t middle = (low + high) / 2;
		const struct price_model *m = price_at(t, middle);
		int order = strcasecmp(m->name.ptr, name.ptr);
		if (order == 0)
			return m;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool same_rates(const struct price_model *a, const struct price_model *b)
{
	if (memcmp(a->rates, b->rates, sizeof a->rates) != 0 || a->threshold_count != b->threshold_count)
		return false;
	for (uint32_t i = 0; i < a->threshold_count; i++)
		if (a->thresholds[i].above_tokens != b->thresholds[i].above_tokens ||
		    memcmp(a->thresholds[i].rates, b->thresholds[i].rates, sizeof a->thresholds[i].rates) != 0)
			return false;
	return true;
}

static void put_pair(struct buf *out, const struct price_rates *r)
{
	char text[32];

	buf_printf(out, "%s / ", r->input < 0 ? "–" : per_million(r->input, text));
	buf_puts(out, r->output < 0 ? "–" : per_million(r->output, text));
}

static void put_change(struct buf *out, const struct price_model *was, const struct price_model *is)
{
	buf_puts(out, "  ");
	text_append_harmless(out, is->name, PRICE_NAME_MAX_BYTES);
	buf_puts(out, "  ");
	put_pair(out, &was->rates[PRICE_STANDARD]);
	buf_puts(out, " → ");
	put_pair(out, &is->rates[PRICE_STANDARD]);
	if (was->rates[PRICE_STANDARD].input == is->rates[PRICE_STANDARD].input &&
	    was->rates[PRICE_STANDARD].output == is->rates[PRICE_STANDARD].output)
		buf_puts(out, "  (cached, tier or threshold rates)");
	buf_append_c(out, '\n');
}

/* Says what the new table changes against the one in force. */
static void compare(const struct price_table *old, const struct price_table *fresh, struct buf *out)
{
	size_t added = 0, changed = 0, gone = 0;
	struct buf lines = {0};

	for (size_t i = 0; i < price_count(fresh); i++) {
		const struct price_model *is = price_at(fresh, i), *was = same_name(old, is->name);
		added += !was;
		if (was && !same_rates(was, is) && changed++ < CHANGES_SHOWN)
			put_change(&lines, was, is);
	}
	for (size_t i = 0; i < price_count(old); i++)
		gone += !same_name(fresh, price_at(old, i)->name);
	buf_printf(out, "%zu model%s: %zu added, %zu changed, %zu gone against ", price_count(fresh),
	           price_count(fresh) == 1 ? "" : "s", added, changed, gone);
	text_append_harmless(out, str_of(price_table_name(old)), PRICE_TITLE_MAX_BYTES);
	buf_puts(out, changed ? "\nchanged, USD per million in / out:\n" : "\n");
	buf_append_str(out, buf_str(&lines));
	if (changed > CHANGES_SHOWN)
		buf_printf(out, "  … and %zu more\n", changed - CHANGES_SHOWN);
	buf_fini(&lines);
}

/* The file's bytes; where it does not date itself (the public list does not), with a "_table" in
 * front that says what it was called and on which day it came, since receipts name both. */
static void put_dated(struct buf *out, struct str bytes, const struct price_table *table)
{
	const char *brace = memchr(bytes.ptr, '{', bytes.len);
	char now[TIME_TEXT_BYTES];
	struct buf name = {0};

	if (price_table_date(table)[0] || !brace) {
		buf_append_str(out, bytes);
		return;
	}
	size_t head = (size_t)(brace - bytes.ptr) + 1;
	buf_append(out, bytes.ptr, head);
	buf_printf(&name, "%s imported", price_table_name(table));
	buf_puts(out, "\"_table\":{\"name\":");
	buf_append_json(out, buf_str(&name));
	buf_printf(out, ",\"date\":\"%.10s\"},", time_format(clock_wall_us(), now));
	buf_append(out, bytes.ptr + head, bytes.len - head);
	buf_fini(&name);
}

static int keep(const char *file, const struct price_table *table, const char *target, struct err *err)
{
	struct buf bytes = {0}, dated = {0};
	char *copy = mem_strdup(target);
	int result = -1;

	if (file_read(file, PRICES_FILE_MAX_BYTES, &bytes, err) == 0 && file_make_dirs(dirname(copy), 0750, err) == 0) {
		put_dated(&dated, buf_str(&bytes), table);
		result = file_write_atomic(target, dated.data, dated.len, 0644, err);
	}
	buf_fini(&bytes);
	buf_fini(&dated);
	free(copy);
	return result;
}

static void warn_about(const struct global *g, const struct price_table *old, const struct price_table *fresh)
{
	const char *was = price_table_date(old), *is = price_table_date(fresh);
	const char *configured = g->config.options[OPTION_PRICES].text;

	if (was[0] && is[0] && strcmp(is, was) < 0)
		cli_note("warning: this table is of %s, older than the %s one in force", is, was);
	if (configured[0])
		cli_note("warning: the config names its own table (prices: %s), which stays in force", configured);
}

static int import_file(const struct global *g, const char *file, bool dry, struct err *err)
{
	struct price_table *fresh = NULL, *old = NULL;
	struct buf out = {0};
	struct err why;
	char *target = prices_imported_path(g->store_given ? g->store_path : NULL);
	size_t skipped = 0;
	int code = EXIT_USAGE;

	if (prices_load_file(&fresh, file, on_skip, &skipped, err) < 0)
		goto out;
	if (skipped)
		cli_note("%zu %s skipped", skipped, skipped == 1 ? "entry" : "entries");
	/* A table in force that cannot be read must not stop the import that mends it. */
	if (price_table_load(&old, &g->config, g->store_path, NULL, &why) < 0)
		cli_note("the table in force cannot be read (%s)", why.text);
	code = EXIT_FAILED;
	if (old) {
		compare(old, fresh, &out);
		warn_about(g, old, fresh);
	}
	if (!dry && keep(file, fresh, target, err) < 0)
		goto out;
	buf_printf(&out, dry ? "nothing stored: --dry-run\n" : "stored as %s: requests that arrive from now on are "
	           "priced by it; a running collector takes it when it starts again\n", target);
	code = cli_print(&out);
out:
	price_table_free(&fresh);
	price_table_free(&old);
	buf_fini(&out);
	free(target);
	return code;
}

static int explain(const struct global *g, const struct args *a, struct err *err)
{
	struct store_reader *reader = NULL;
	struct store_summary summary;
	struct request_result res = {0};
	struct buf out = {0};
	char *end = NULL;
	int code = EXIT_FAILED;

	uint64_t id = a->operand_count == 2 ? strtoull(a->operands[1], &end, 16) : 0;
	if (!end || end == a->operands[1] || *end || strlen(a->operands[1]) > 16) {
		err_set(err, "prices explain: give the ID of one request as `llmdeck requests` prints it");
		return EXIT_USAGE;
	}
	if (window_open_store(&reader, g->store_path, &summary, err) < 0)
		return EXIT_UNAVAILABLE;
	if (query_request(reader, (int64_t)id, &res, err) < 0)
		goto out;
	if (res.row_count == 0) {
		err_set(err, "prices explain: no request %" PRIx64 ": it may be older than raw rows are kept", id);
		goto out;
	}
	buf_printf(&out, "request %" PRIx64 "%s  ", id, summary.demo ? "  DEMO" : "");
	text_append_harmless(&out, res.rows[0].request.dims[DIM_MODEL], EVENT_NAME_MAX_BYTES);
	buf_append_c(&out, '\n');
	price_explain(&res.rows[0].request, &out);
	code = cli_print(&out);
out:
	request_result_fini(&res);
	store_reader_close(&reader);
	buf_fini(&out);
	return code;
}

static int run_with(const struct global *g, const struct args *a)
{
	const char *verb = a->operand_count ? a->operands[0] : "show";
	struct err err = {""};
	int code = EXIT_USAGE;

	if (strcmp(verb, "show") == 0)
		code = show(g, a, &err);
	else if (strcmp(verb, "import") == 0 && a->operand_count == 2)
		code = import_file(g, a->operands[1], args_has(a, "--dry-run"), &err);
	else if (strcmp(verb, "import") == 0)
		err_set(&err, "prices import: give one FILE in LiteLLM's format");
	else if (strcmp(verb, "explain") == 0)
		code = explain(g, a, &err);
	else
		err_set(&err, "prices: unknown verb \"%.60s\": write show, import or explain", verb);
	if (err.text[0])
		cli_fail((enum exit_code)code, &err);
	return code;
}

static int run(const struct global *g, int argc, char **argv)
{
	return args_run(g, &prices_command, argc, argv, run_with);
}

static const struct command_choices prices_choices[] = {
	{"--format", output_formats, NULL},
	{NULL, NULL, NULL},
};

const struct command prices_command = {
	.name = "prices",
	.usage = "[show [MODEL]] | import FILE | explain REQUEST",
	.summary = "what models cost, a newer price table, and how a request's cost came about",
	.help = "`show` prints the table in force: the config's `prices:`, else the imported one (this store's\n"
	        "own, then that of all stores), else the one\n"
	        "that ships. With a MODEL it shows the entry by which requests of that model are priced, with\n"
	        "every tier and threshold; a word that is no model shows all names that hold it.\n"
	        "`import` takes a table in the format of LiteLLM's model_prices_and_context_window.json, checks\n"
	        "it, says what changes and stores it: for all stores, or with --store, --context or LLMDECK_STORE\n"
	        "for that store alone, beside it. Costs already stored stay as they are.\n"
	        "`explain` prints a request's receipt: tokens × rate × rule × price table.\n"
	        "A cost that the source reports wins over the table. A model that is not in the table is\n"
	        "unpriced and counted as such. So is a request whose tokens nobody reported, a failed one\n"
	        "included: providers bill failed calls only when they report usage, and 0 tokens cost 0.",
	.options = prices_options,
	.choices = prices_choices,
	.subcommands = verbs,
	.run = run,
};
