/* `llmdeck feedback` and `llmdeck forget` as a script uses them, without a collector: what was done is what
 * list, export and audit say, and hostile texts leave harmlessly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static char folder[64];

static int make_place(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/llmdeck-fbcli-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_place(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof command, "rm -r '%s'", folder);
	return system(command);
}

/* Runs "llmdeck --store … WORDS"; the output is the caller's. */
static char *run(const char *words, int *code)
{
	const char *binary = getenv("LLMDECK_BINARY");
	char *command = mem_printf("%s --store %s/s.db --socket %s/none.sock %s 2>&1", binary ? binary : "build/llmdeck", folder, folder, words);
	FILE *pipe = popen(command, "r");
	struct buf out = {0};
	size_t got;

	assert_non_null(pipe);
	buf_puts(&out, "");
	while ((got = fread(buf_reserve(&out, 4096), 1, 4096, pipe)) > 0)
		out.len += got;
	buf_append_c(&out, '\0');
	int status = pclose(pipe);

	if (code)
		*code = status >> 8;
	free(command);
	return buf_steal(&out);
}

static void expect(const char *words, const char *wanted)
{
	char *out = run(words, NULL);

	if (!strstr(out, wanted))
		fail_msg("%s: \"%s\" is not in:\n%s", words, wanted, out);
	free(out);
}

static void expect_not(const char *words, const char *unwanted)
{
	char *out = run(words, NULL);

	if (strstr(out, unwanted))
		fail_msg("%s: \"%s\" is in:\n%s", words, unwanted, out);
	free(out);
}

static void write_items(void)
{
	char *path = mem_printf("%s/fb.jsonl", folder);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("{\"time\":\"2026-11-23T12:00:00Z\",\"id\":\"a\",\"text\":\"made up a refund policy, mail joe@example.com\",\"service\":\"checkout\",\"user\":\"u1\"}\n"
	      "{\"time\":\"2026-11-23T12:00:01Z\",\"id\":\"b\",\"text\":\"great answer, thanks\",\"rating\":5}\n"
	      "{\"time\":\"2026-11-23T12:00:02Z\",\"id\":\"c\",\"text\":\"=HYPERLINK(\\\"http://x\\\")\",\"user\":\"u2\"}\n"
	      "{\"time\":\"2026-11-23T12:00:03Z\",\"id\":\"d\",\"text\":\"\\u001b[31mred \\u202e \\u009b2J evil\"}\n", f);
	fclose(f);
	free(path);
}

/* The id of the item with that source id. */
static void id_of(const char *source_id, char id[24])
{
	char *out = run("feedback list --format json --limit 100", NULL), *member = mem_printf("\"source_id\":\"%s\"", source_id);
	char *at = strstr(out, member), *line = at;

	assert_non_null(at);
	while (line > out && line[-1] != '\n')
		line--;
	assert_int_equal(sscanf(line, "{\"id\":\"%16[0-9a-f]", id), 1);
	free(out);
	free(member);
}

static void a_script_works_through_feedback(void **state)
{
	char id[24], words[200], *import;
	int code;

	(void)state;
	write_items();
	import = mem_printf("import --as feedback %s/fb.jsonl", folder);
	expect(import, "imported 4");
	free(import);
	id_of("a", id);
	snprintf(words, sizeof words, "feedback label %s tone", id);
	expect(words, "1 labelled");
	snprintf(words, sizeof words, "feedback label %s quality=9", id);
	expect(words, "1 to 5");
	snprintf(words, sizeof words, "feedback assign %s mia", id);
	expect(words, "1 assigned");
	snprintf(words, sizeof words, "feedback note %s 'ask joe@example.com'", id);
	expect(words, "1 noted");
	snprintf(words, sizeof words, "feedback resolve %s", id);
	expect(words, "1 settled");
	expect("feedback list state:settled", "1 of 1; 3 open, 1 settled");
	expect("feedback list --where mood=positive", "great answer");
	expect("feedback list --where label=tone", "refund policy");
	expect("feedback list refund", "1 of 1");
	expect("feedback undo", "undone: settle");
	snprintf(words, sizeof words, "feedback show %s", id);
	expect(words, "ask [EMAIL]");
	expect(words, "tone=true");
	expect(words, "(undone)");
	expect_not(words, "joe@example.com");
	expect("audit", "tone=true");
	expect_not("audit", "refund");
	free(run("feedback label zz tone", &code));
	assert_int_equal(code, 2);
	free(run("feedback show 7", &code));
	assert_int_equal(code, 1);
}

static void exports_are_safe(void **state)
{
	(void)state;
	write_items();
	char *import = mem_printf("import --again --as feedback %s/fb.jsonl", folder);

	free(run(import, NULL));
	free(import);
	expect("feedback export --format csv --with-text", "\"'=HYPERLINK(\"\"http://x\"\")\"");
	expect_not("feedback export --format csv --with-text", "\x1b");
	expect("feedback export --with-text", "\\u001b[31mred \\u202e \\u009b2J evil");
	expect_not("feedback export", "refund policy");
	expect("feedback export --with-text", "mail [EMAIL]");
	expect_not("feedback list", "\x1b");
}

static void forgetting_is_audited_without_a_name(void **state)
{
	int code;

	(void)state;
	write_items();
	char *import = mem_printf("import --again --as feedback %s/fb.jsonl", folder);

	free(run(import, NULL));
	free(import);
	free(run("forget --user u1 </dev/null", &code));
	assert_int_equal(code, 2); /* not without being asked */
	expect("forget --user u1 --yes", "erased ");
	expect_not("feedback list", "refund policy");
	expect("audit", "forget");
	expect_not("audit", "u1");
	free(run("forget --import 1234 --yes", &code));
	assert_int_equal(code, 1);
	expect("doctor --only store --deep", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_script_works_through_feedback, make_place, remove_place),
		cmocka_unit_test_setup_teardown(exports_are_safe, make_place, remove_place),
		cmocka_unit_test_setup_teardown(forgetting_is_audited_without_a_name, make_place, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
