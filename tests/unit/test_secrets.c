/* No secret reaches a log, an error or the store: a collector with secrets of every kind, from the environment,
 * from a file and inside what clients send, against a server that refuses some of them, logs all it can and is
 * asked for all it tells. Then everything that it left behind is searched for them. (Core dumps: test_core_dump.) */
#include <dirent.h>
#include <sys/prctl.h>

#include "receiver_bench.h"
#include "small_http.h"

enum secret { OTLP, BEARER, PASSWORD, HOOK, CHAT, JUDGE, FROM_FILE, QUERY, CLIENT, ENCODED, SECRETS };
static const struct {
	const char *variable, *text; /* in the environment, or elsewhere */
} secrets[SECRETS] = {
	[OTLP] = {"T_OTLP", "otlp-5ecret-7fa1c09b3d"}, [BEARER] = {"T_BEARER", "bearer-5ecret-0be42d77a6"},
	[PASSWORD] = {"T_PASSWORD", "password-5ecret-93c1e5f08"}, [HOOK] = {"T_HOOK", "hook-5ecret-4d2b6a81ce"},
	[CHAT] = {NULL, "chat-5ecret-2290ffd1c8"}, [JUDGE] = {"T_JUDGE", "judge-5ecret-c77d01e49b"}, [FROM_FILE] = {NULL, "file-5ecret-1a9e3c5b70"},
	[QUERY] = {NULL, "query-5ecret-e8124c0d6a"}, [CLIENT] = {NULL, "client-5ecret-60ab94d7f3"},
	[ENCODED] = {NULL, "dTpwYXNzd29yZC01ZWNyZXQtOTNjMWU1ZjA4"}, /* u:password */
};

struct seen {
	atomic_bool hook, chat;
};

static void serve(void *arg, const struct small_request *q, struct buf *answer)
{
	struct seen *seen = arg;

	if (strstr(q->target, "good")) {
		small_answer(answer, 200, "Content-Type: text/plain\r\n", "vllm:num_requests_running{model_name=\"m\"} 4\n");
		return;
	}
	if (strstr(q->target, "denied")) {
		small_answer(answer, 401, "", "who are you?");
		return;
	}
	small_answer(answer, 500, "Content-Type: application/json\r\n", "{\"status\":\"error\",\"errorType\":\"x\",\"error\":\"broken\"}");
	if (strstr(q->target, "/hook"))
		atomic_store(&seen->hook, strstr(q->head, secrets[HOOK].text));
	if (strstr(q->target, "/services/"))
		atomic_store(&seen->chat, strstr(q->target, secrets[CHAT].text));
}

/* Files whose names begin with a dot are where secrets live. */
static void write_config(const struct place *p, const char *config, unsigned port)
{
	char file[96];
	struct buf yaml = {0};
	struct err err = {""};

	snprintf(file, sizeof file, "%s/.key", p->folder);
	assert_int_equal(file_write_atomic(file, secrets[FROM_FILE].text, strlen(secrets[FROM_FILE].text), 0600, &err), 0);
	buf_printf(&yaml, "listen: 127.0.0.1:0\ntoken: env:T_OTLP\nsources:\n"
	           "  - {name: denied, kind: prometheus, url: \"http://127.0.0.1:%u/denied\", every: 1s, timeout: 900ms, token: env:T_BEARER}\n"
	           "  - {name: good, kind: prometheus, url: \"http://127.0.0.1:%u/good\", every: 1s, timeout: 900ms, user: u, password: env:T_PASSWORD}\n"
	           "  - {name: query, kind: prometheus, url: \"http://127.0.0.1:%u/broken?api_key=%s\", every: 1s, timeout: 900ms}\n"
	           "  - {name: broken, kind: promql, url: \"http://127.0.0.1:%u/broken\", every: 1s, timeout: 900ms, token: \"file:%s\"}\n"
	           "  - {name: missing, kind: prometheus, url: \"http://127.0.0.1:%u/good\", every: 1s, timeout: 900ms, token: env:T_MISSING}\n",
	           port, port, port, secrets[QUERY].text, port, file, port);
	buf_printf(&yaml, "notify:\n"
	           "  - {kind: webhook, name: hook, url: \"http://127.0.0.1:%u/hook\", headers: {X-Token: env:T_HOOK}}\n"
	           "  - {kind: webhook, name: chat, url: env:T_CHAT}\n"
	           "judges: [{name: judge, kind: azure-language, url: \"http://127.0.0.1:%u/\", key: env:T_JUDGE}]\n"
	           "alerts: [{name: any, metric: requests, over: 0, window: 5m, for: 0s, severity: critical}]\n",
	           port, port);
	assert_int_equal(file_write_atomic(config, yaml.data, yaml.len, 0600, &err), 0);
	buf_fini(&yaml);
}

/* Runs the binary with those words after the place's own; both outputs go to a file of the place. */
static pid_t run(const struct place *p, unsigned port, const char *out, const char *const *words)
{
	const char *binary = getenv("LLMDECK_BINARY") ? getenv("LLMDECK_BINARY") : "build/llmdeck";
	char path[96], config[96], url[96], *program = realpath(binary, NULL);
	const char *argv[24] = {"llmdeck", "--store", p->store, "--socket", p->socket, "--config", config};
	int n = 7;

	assert_non_null(program);
	while (*words)
		argv[n++] = *words++;
	snprintf(path, sizeof path, "%s/%s", p->folder, out);
	snprintf(config, sizeof config, "%s/.config.yaml", p->folder);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/services/%s", port, secrets[CHAT].text);
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		for (size_t i = 0; i < SECRETS; i++)
			if (secrets[i].variable)
				setenv(secrets[i].variable, secrets[i].text, 1);
		setenv("T_CHAT", url, 1);
		if (chdir(p->folder) == 0)
			execv(program, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	free(program);
	return child;
}

static void ask(const struct place *p, unsigned port, const char *const *words)
{
	int status;

	assert_int_equal(waitpid(run(p, port, "said", words), &status, 0) > 0, 1);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 127);
}

/* The file's bytes, empty when there is none. */
static struct buf bytes_of(const char *folder, const char *name)
{
	char path[512];
	struct buf b = {0};
	struct err err = {""};

	snprintf(path, sizeof path, "%s/%s", folder, name);
	buf_puts(&b, "");
	if (access(path, R_OK) == 0 && file_read(path, (size_t)1 << 30, &b, &err))
		fail_msg("%s", err.text);
	return b;
}

static void await_said(const struct place *p, const char *file, const char *words)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;

	for (bool found = false; !found;) {
		struct buf b = bytes_of(p->folder, file);

		found = b.len && memmem(b.data, b.len, words, strlen(words));
		if (!found && clock_mono_us() > until_us)
			fail_msg("%s does not say \"%s\": %.*s", file, words, (int)b.len, b.data);
		buf_fini(&b);
		if (!found)
			pause_ms(20);
	}
}

static void search_all(const struct place *p, size_t *files)
{
	DIR *dir = opendir(p->folder);

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.' || e->d_type != DT_REG)
			continue;
		struct buf b = bytes_of(p->folder, e->d_name);

		++*files;
		for (size_t i = 0; i < SECRETS; i++)
			if (b.len && memmem(b.data, b.len, secrets[i].text, strlen(secrets[i].text)))
				fail_msg("%s holds the secret %s", e->d_name, secrets[i].text);
		buf_fini(&b);
	}
	closedir(dir);
}

static void stop(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
}

/* Asks for the sources until they say so. */
static void await_sources(const struct place *p, unsigned port, const char *words)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;

	for (bool found = false; !found;) {
		ask(p, port, (const char *const[]){"sources", "--format", "json", NULL});
		struct buf said = bytes_of(p->folder, "said");
		found = memmem(said.data, said.len, words, strlen(words));
		if (!found && clock_mono_us() > until_us)
			fail_msg("never said: %s in %.3000s", words, said.data);
		buf_fini(&said);
	}
}

static void send_calls(struct place *p)
{
	char held[96];
	struct buf body = calls(1, 20, clock_wall_us());
	struct buf shown = {0};

	snprintf(held, sizeof held, JSON "Authorization: Bearer %s\r\n", secrets[OTLP].text);
	assert_int_equal(post(p, "/v1/traces", JSON "Authorization: Bearer wrong\r\n", STR_LIT("{}")).status, 401);
	assert_int_equal(post(p, "/v1/traces", held, buf_str(&body)).status, 200);
	/* What a client records of its own call's head. */
	buf_printf(&shown, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"process.command_args\",\"value\":{\"arrayValue\":{\"values\":["
	           "{\"stringValue\":\"--key=%s\"}]}}}]},\"scopeSpans\":[{\"spans\":[{\"traceId\":\"%032x\",\"spanId\":\"%016x\",\"name\":\"chat gpt-4o\","
	           "\"startTimeUnixNano\":\"%lld000\",\"endTimeUnixNano\":\"%lld000\",\"attributes\":["
	           "{\"key\":\"gen_ai.operation.name\",\"value\":{\"stringValue\":\"chat\"}},"
	           "{\"key\":\"http.request.header.authorization\",\"value\":{\"stringValue\":\"Bearer %s\"}},"
	           "{\"key\":\"api_key\",\"value\":{\"stringValue\":\"%s\"}}]}]}]}]}",
	           secrets[CLIENT].text, 77, 78, (long long)clock_wall_us() - 1000, (long long)clock_wall_us(), secrets[CLIENT].text, secrets[CLIENT].text);
	assert_int_equal(post(p, "/v1/traces", held, buf_str(&shown)).status, 200);
	/* A body that cannot be read is told of, too. */
	buf_puts(&shown, "]");
	assert_int_equal(post(p, "/v1/traces", held, buf_str(&shown)).status, 400);
	assert_int_equal(requests_of(p), 21);
	buf_fini(&body);
	buf_fini(&shown);
}

static void leave_no_trace(void **state)
{
	static const char *const states[] = {
		"\"name\":\"denied\",\"kind\":\"prometheus\",\"state\":\"denied\"", "\"name\":\"good\",\"kind\":\"prometheus\",\"state\":\"ok\"",
		"\"name\":\"query\",\"kind\":\"prometheus\",\"state\":\"failing\"", "\"name\":\"broken\",\"kind\":\"promql\",\"state\":\"failing\"", "T_MISSING",
	};
	static const char *const questions[][3] = {{"doctor"}, {"sources"}, {"snapshot", "data"}, {"snapshot", "alerts"}, {"audit"}, {"alert", "list"}, {"alert", "undelivered"}};
	struct place *p = *state;
	struct seen seen = {0};
	struct small_http server;
	char config[96];
	size_t files = 0;

	small_start(&server, 0, serve, &seen);
	snprintf(config, sizeof config, "%s/.config.yaml", p->folder);
	write_config(p, config, server.port);
	pid_t pid = run(p, server.port, "log", (const char *const[]){"collect", "--log", "debug", NULL});

	await_said(p, "log", "listening on 127.0.0.1:");
	struct buf log = bytes_of(p->folder, "log");
	p->port = atoi(strstr(log.data, "listening on 127.0.0.1:") + strlen("listening on 127.0.0.1:"));
	buf_fini(&log);
	send_calls(p);
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		await_sources(p, server.port, states[i]);
	for (int64_t until_us = clock_mono_us() + DEADLINE_US; !atomic_load(&seen.hook) || !atomic_load(&seen.chat); pause_ms(20))
		assert_true(clock_mono_us() < until_us);
	await_said(p, "log", "notifier hook: answered with HTTP status 500");
	await_said(p, "log", "notifier chat: answered with HTTP status 500");
	assert_int_equal(kill(pid, SIGHUP), 0);
	await_said(p, "log", "read again");
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		ask(p, server.port, questions[i]);
	stop(pid);
	search_all(p, &files);
	assert_true(files >= 3); /* the log, what was said, the store and what lies beside it */
	small_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(leave_no_trace, make_place, remove_place),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
