/* Reading price tables: the format's liberties, bad entries, the shipped table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "judge/price.h"
#include "parse/prices.h"

static void note(const char *text, void *arg)
{
	buf_printf(arg, "%s\n", text);
}

static void reads_numbers_as_text_too(void **state)
{
	(void)state;
	static const char json[] =
		"{\"sample_spec\":{\"input_cost_per_token\":\"words\"},\"_note\":[1,{\"a\":2}],"
		"\"m\":{\"input_cost_per_token\":\"2.5e-06\",\"output_cost_per_token\":0.00001,"
		"\"cache_read_input_token_cost\":1.25E-6,\"cache_creation_input_token_cost_above_1hr_above_200k_tokens\":3e-6,"
		"\"supports_vision\":true,\"search_context_cost_per_query\":{\"low\":0.01},\"output_cost_per_reasoning_token\":null,"
		"\"litellm_provider\":\"openai\",\"mode\":\"chat\",\"source\":\"https://x\",\"source_date\":\"2026-01-02\"},"
		"\"image\":{\"output_cost_per_image\":0.04,\"mode\":\"image_generation\"}}";
	struct price_table *t = NULL;
	struct buf notes = {0};
	struct err err;

	assert_int_equal(prices_parse(&t, str_of(json), "mine", note, &notes, &err), 0);
	assert_int_equal(notes.len, 0);
	assert_int_equal(price_count(t), 1);
	assert_string_equal(price_table_name(t), "mine");
	const struct price_model *m = price_at(t, 0);
	assert_int_equal(m->rates[PRICE_STANDARD].input, 2500000);
	assert_int_equal(m->rates[PRICE_STANDARD].output, 10000000);
	assert_int_equal(m->rates[PRICE_STANDARD].cached, 1250000);
	assert_int_equal(m->rates[PRICE_STANDARD].reasoning, PRICE_RATE_UNKNOWN);
	assert_int_equal(m->threshold_count, 1);
	assert_int_equal(m->thresholds[0].above_tokens, 200000);
	assert_int_equal(m->thresholds[0].rates[PRICE_STANDARD].cache_write_1h, 3000000);
	assert_true(str_equal_c(m->source_date, "2026-01-02"));
	price_table_free(&t);
	buf_fini(&notes);
}

/* Tokens of sound have their own rate, which no source lets us use: the receipt says so, and only there. */
static void other_tokens_are_named_in_the_receipt(void **state)
{
	static const char json[] =
		"{\"voice\":{\"input_cost_per_token\":2.5e-6,\"output_cost_per_token\":1e-5,\"output_cost_per_audio_token\":8e-5},"
		"\"text\":{\"input_cost_per_token\":2.5e-6,\"output_cost_per_token\":1e-5}}";
	struct price_table *t = NULL;
	struct err err;

	(void)state;
	assert_int_equal(prices_parse(&t, str_of(json), "mine", NULL, NULL, &err), 0);
	for (int voice = 0; voice < 2; voice++) {
		struct request r = {.input_tokens = 1000, .output_tokens = 100, .cached_tokens = 0, .cache_write_tokens = -1, .reasoning_tokens = -1};
		struct buf text = {0};

		r.dims[DIM_MODEL] = str_of(voice ? "voice" : "text");
		price_request(t, PRICE_STANDARD, &r);
		assert_int_equal(r.cost_nusd, 3500000);
		price_explain(&r, &text);
		assert_int_equal(strstr(text.data, "billed as text") != NULL, voice);
		buf_fini(&text);
	}
	price_table_free(&t);
}

static void skips_bad_entries_by_name(void **state)
{
	(void)state;
	static const char json[] =
		"{\"good\":{\"input_cost_per_token\":1e-6},\"worded\":{\"input_cost_per_token\":\"cheap\"},"
		"\"minus\":{\"input_cost_per_token\":-1e-6},\"dear\":{\"input_cost_per_token\":5},"
		"\"list\":[1,2],\"number\":7,\"has space\":{\"input_cost_per_token\":1e-6},"
		"\"nested\":{\"input_cost_per_token\":{\"usd\":1}},\"GOOD\":{\"input_cost_per_token\":1e-6},"
		"\"\\u001b[31mred\":{\"input_cost_per_token\":\"x\"}}";
	struct price_table *t = NULL;
	struct buf notes = {0};
	struct err err;

	assert_int_equal(prices_parse(&t, str_of(json), "mine", note, &notes, &err), 0);
	assert_int_equal(price_count(t), 1);
	static const char *const named[] = {"worded: ", "minus: ", "dear: ", "list: ", "number: ", "has space: ",
	                                    "nested: ", "GOOD: "};
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		assert_non_null(strstr(notes.data, named[i]));
	assert_null(memchr(notes.data, 0x1b, notes.len));
	price_table_free(&t);
	buf_fini(&notes);
}

static void refuses_what_is_no_table(void **state)
{
	(void)state;
	static const char *const broken[] = {"", "[]", "{", "{}", "{\"m\":1}", "nonsense",
	                                     "{\"m\":{\"input_cost_per_token\":1e-6}", "{\"m\":{\"input_cost_per_token\":1e-6}} x",
	                                     "{\"_table\":{\"name\":\"x\"", "{\"sample_spec\":{\"input_cost_per_token\":1}}"};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct price_table *t = NULL;
		struct err err = {""};
		assert_int_equal(prices_parse(&t, str_of(broken[i]), "mine", NULL, NULL, &err), -1);
		assert_null(t);
		assert_non_null(strstr(err.text, "mine"));
	}
}

static const struct price_model *must_find(const struct price_table *t, const char *provider, const char *model)
{
	const struct price_model *m = price_find(t, str_of(provider), str_of(model));

	if (!m)
		fail_msg("%s is not in the shipped table", model);
	return m;
}

static void the_shipped_table_is_whole(void **state)
{
	(void)state;
	static const char *const families[][2] = {
		{"openai", "gpt-4o"}, {"openai", "gpt-5"}, {"openai", "o3-mini"}, {"azure", "gpt-4o"},
		{"azure.ai.openai", "gpt-4.1-mini"}, {"anthropic", "claude-sonnet-4-5"}, {"anthropic", "claude-opus-4-1"},
		{"gcp.vertex_ai", "gemini-2.5-pro"}, {"gcp.gemini", "gemini-2.5-flash"}, {"mistral_ai", "mistral-large-latest"},
		{"mistral", "mistral-small-latest"}, {"groq", "llama-3.3-70b-versatile"}, {"", "llama-3.1-8b-instant"},
		{"deepseek", "deepseek-chat"}, {"deepseek", "deepseek-reasoner"}, {"cohere", "command-r-plus"},
		{"cohere", "command-a-03-2025"}};
	struct price_table *t = NULL;
	struct buf notes = {0};
	struct err err = {""};

	if (prices_load_file(&t, "data/prices.json", note, &notes, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(notes.len, 0);
	assert_true(price_count(t) >= 60);
	for (size_t i = 0; i < price_count(t); i++) {
		const struct price_model *m = price_at(t, i);
		assert_int_equal(m->source_date.len, 10);
		assert_true(m->source.len > 0 && m->provider.len > 0 && m->mode.len > 0);
		assert_true(m->rates[PRICE_STANDARD].input >= 0 && m->rates[PRICE_STANDARD].output >= 0);
	}
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		must_find(t, families[i][0], families[i][1]);
	const struct price_model *m = must_find(t, "", "gpt-4o");
	assert_int_equal(m->rates[PRICE_STANDARD].input, 2500000);
	assert_int_equal(m->rates[PRICE_STANDARD].output, 10000000);
	assert_int_equal(m->rates[PRICE_STANDARD].cached, 1250000);
	price_table_free(&t);
	buf_fini(&notes);
}

static void the_public_list_reads(void **state)
{
	(void)state;
	const char *shared = getenv("LLMDECK_SHARED");
	struct buf path = {0}, notes = {0};
	struct price_table *t = NULL;
	struct err err = {""};

	buf_printf(&path, "%s/data/prices/litellm_subset.json", shared ? shared : "../shared");
	if (prices_load_file(&t, path.data, note, &notes, &err) < 0) {
		print_message("SKIPPED: %s\n", err.text);
		buf_fini(&path);
		skip();
	}
	if (notes.len)
		fail_msg("%s", notes.data);
	assert_int_equal(price_count(t), 217); /* 218, one of them sold by the second alone */
	price_table_free(&t);
	buf_fini(&path);
}

static void write_table(const char *path, const char *name)
{
	struct buf text = {0};
	struct err err = {""};

	buf_printf(&text, "{\"_table\":{\"name\":\"%s\"},\"m\":{\"input_cost_per_token\":1e-6}}", name);
	if (file_write_atomic(path, text.data, text.len, 0600, &err) < 0)
		fail_msg("%s", err.text);
	buf_fini(&text);
}

/* What a store at `store` is priced by. */
static void load_expecting(const struct config *config, const char *store, const char *name)
{
	struct price_table *t = NULL;
	struct err err = {""};
	char *path = NULL;

	if (price_table_load(&t, config, store, &path, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(strstr(price_table_name(t), name));
	assert_non_null(path);
	free(path);
	price_table_free(&t);
}

static void the_table_in_force_is_the_nearest_one(void **state)
{
	(void)state;
	char dir[] = "/tmp/llmdeck-prices-XXXXXX", path[64], own[64];
	struct price_table *t = NULL;
	struct config config;
	struct err err = {""};

	assert_non_null(mkdtemp(dir));
	setenv("XDG_STATE_HOME", dir, 1);
	setenv("LLMDECK_DATA", "data", 1);
	config_init(&config);
	char *store = mem_printf("%s/team.db", dir);
	load_expecting(&config, store, "llmdeck ");
	char *imported = prices_imported_path(NULL), *of_store = prices_imported_path(store);
	assert_non_null(strstr(imported, dir));
	snprintf(path, sizeof(path), "%s/llmdeck", dir);
	assert_int_equal(file_make_dirs(path, 0700, &err), 0);
	write_table(imported, "imported table");
	load_expecting(&config, store, "imported table");
	/* One store's own table is in force there and nowhere else. */
	assert_non_null(strstr(of_store, "/team-prices.json"));
	write_table(of_store, "table of the team");
	load_expecting(&config, store, "table of the team");
	load_expecting(&config, imported, "imported table");
	load_expecting(&config, NULL, "imported table");
	snprintf(own, sizeof(own), "%s/own.json", dir);
	write_table(own, "own table");
	config.options[OPTION_PRICES].text = own;
	load_expecting(&config, store, "own table");
	/* A table that was asked for and is broken is an error, never another table in silence. */
	unlink(own);
	assert_int_equal(price_table_load(&t, &config, store, NULL, &err), -1);
	assert_null(t);
	config_fini(&config);
	unlink(imported);
	unlink(of_store);
	free(imported);
	free(of_store);
	free(store);
	rmdir(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_numbers_as_text_too), cmocka_unit_test(skips_bad_entries_by_name),
		cmocka_unit_test(other_tokens_are_named_in_the_receipt),
		cmocka_unit_test(refuses_what_is_no_table),  cmocka_unit_test(the_shipped_table_is_whole),
		cmocka_unit_test(the_public_list_reads),     cmocka_unit_test(the_table_in_force_is_the_nearest_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
