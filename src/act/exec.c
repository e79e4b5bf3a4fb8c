/* The actuator "exec": runs a configured command, never a shell, with one JSON object on its standard
 * input and, where `reads: yes`, one on its standard output:
 *
 *   in:  {"schema":1,"do":"plan|apply|verify|undo|observe","verb":"rollback","rollout":…,"target":…,
 *         "key":…,"actor":…,"reason":…,"arm":…,"revision":…,"replicas":…,
 *         "arms":[{"deployment":…,"role":…,"percent":…}],"saw":…}
 *   out: {"arms":[{"deployment":…,"percent":…,"state":…,"requests":…,"errors":…}],"words":…,"phase":…,
 *         "counters":"id"}
 *
 * Exit 0: done. 75 (EX_TEMPFAIL): ask again. Anything else: failed, and the first line of standard error
 * says why. The command runs in a process group of its own that is killed at the deadline, with an
 * environment of PATH, HOME, LANG, TZ and `env` alone: the collector's own holds secrets of others. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "act/lineup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "core/section.h"
#include "parse/config.h"
#include "parse/json_edit.h"

#define OUTPUT_MAX_BYTES (256u << 10)
#define ARGS_MAX 64
#define ENV_MAX 32
#define SLICE_MS 50
#define TERM_GRACE_US (500 * US_PER_MS)
#define EXIT_RETRY 75
#define TOLERANCE 0.51 /* percentage points: a command may count in whole ones */

enum { OPT_COMMAND, OPT_COMMANDS, OPT_READS, OPT_TIMEOUT };

static const struct option_row exec_options[] = {
	[OPT_COMMAND] = {"command", OPTION_TEXT, "", 0, 0, NULL, "path", "the program, by its full path, or a list with its arguments"},
	[OPT_COMMANDS] = {"command.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "the program and its arguments as a list"},
	[OPT_READS] = {"reads", OPTION_BOOL, "no", 0, 1, NULL, NULL,
		"the command answers plan, verify and observe with the shares in force"},
	[OPT_TIMEOUT] = {"timeout", OPTION_DURATION, "30s", US_PER_S, US_PER_HOUR, NULL, NULL, "when it is killed"},
	{"env.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "environment variables for it; env:NAME and file:/path are looked up"},
	{.name = NULL},
};

struct exec {
	struct act_env env;
	char *args[ARGS_MAX + 1];
	size_t arg_count;
	bool reads;
	int64_t timeout_us;
};

static void exec_close(void *state)
{
	struct exec *x = state;

	for (size_t i = 0; i < x->arg_count; i++)
		free(x->args[i]);
	free(x);
}

static int read_args(struct exec *x, struct err *err)
{
	const struct config_section *section = x->env.section;

	for (size_t i = 0; i < section->pair_count; i++) {
		const char *key = section->pairs[i].key;

		if (strcmp(key, "command") != 0 && strncmp(key, "command.", 8) != 0)
			continue;
		if (x->arg_count == ARGS_MAX)
			return err_set(err, "command: more than %d words", ARGS_MAX);
		x->args[x->arg_count++] = mem_strdup(section->pairs[i].value);
	}
	if (!x->arg_count)
		return err_set(err, "actuator exec lacks `command`: a program and its arguments, as a list");
	if (x->args[0][0] != '/')
		return err_set(err, "command: `%s` is no full path: no PATH is searched for what moves traffic", x->args[0]);
	return 0;
}

static void *exec_open(const struct act_env *env, struct err *err)
{
	struct exec *x = mem_zalloc(sizeof(*x));

	x->env = *env;
	x->reads = env->options[OPT_READS].yes;
	x->timeout_us = env->options[OPT_TIMEOUT].number;
	if (read_args(x, err)) {
		exec_close(x);
		return NULL;
	}
	return x;
}

/* ── running it ────────────────────────────────────────────────────────────────────────────── */

struct run {
	const struct exec *exec;
	const struct act_ask *ask;
	struct act_why *why;
	pid_t pid;
	int in, out, err; /* our ends; -1 closed */
	struct buf input, output, errors;
	size_t sent;
	int status;
	bool exited;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int fill_environment(const struct exec *x, char *vars[ENV_MAX + 1], struct err *err)
{
	static const char *const kept[] = {"PATH", "HOME", "LANG", "TZ"};
	size_t count = 0;

	for (size_t i = 0; i < 4; i++) {
		if (getenv(kept[i]))
			vars[count++] = mem_printf("%s=%s", kept[i], getenv(kept[i]));
	}
	for (size_t i = 0; i < x->env.section->pair_count && count < ENV_MAX; i++) {
		const struct config_pair *pair = &x->env.section->pairs[i];
		bool secret = strncmp(pair->value, "env:", 4) == 0 || strncmp(pair->value, "file:/", 6) == 0;
		struct buf value = {0};

		if (strncmp(pair->key, "env.", 4) != 0)
			continue;
		if (secret && config_secret_resolve(pair->value, &value, err))
			return -1;
		vars[count++] = mem_printf("%s=%s", pair->key + 4, secret ? value.data : pair->value);
		if (value.data)
			explicit_bzero(value.data, value.len);
		buf_fini(&value);
	}
	return 0;
}

static void free_environment(char *vars[ENV_MAX + 1])
{
	for (size_t i = 0; vars[i]; i++) {
		explicit_bzero(vars[i], strlen(vars[i]));
		free(vars[i]);
	}
}

static int spawn(struct run *r, int child[3], char *const *vars)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, child[i], i);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGTERM);
	sigaddset(&defaults, SIGINT);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int code = posix_spawn(&r->pid, r->exec->args[0], &actions, &attributes, r->exec->args, vars);

	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return code;
}

/* Pipes whose child ends are numbered above 2, so that they can be moved there in any order. */
static int make_pipe(int *ours, int *theirs, bool child_reads)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*ours = ends[child_reads ? 1 : 0];
	*theirs = fcntl(ends[child_reads ? 0 : 1], F_DUPFD_CLOEXEC, 3);
	close(ends[child_reads ? 0 : 1]);
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	return *theirs < 0 ? -1 : 0;
}

static enum act_result start(struct run *r)
{
	int child[3] = {-1, -1, -1}, code = 0;
	char *vars[ENV_MAX + 1] = {NULL};
	struct err err;
	enum act_result result = ACT_OK;

	if (fill_environment(r->exec, vars, &err))
		result = act_fail(r->why, ACT_DENIED, "%s: %s", r->exec->env.target, err.text);
	else if (make_pipe(&r->in, &child[0], true) || make_pipe(&r->out, &child[1], false) ||
	         make_pipe(&r->err, &child[2], false))
		result = act_retry(r->why, ACT_UNREACHABLE, "%s: no pipe to the command: %s", r->exec->env.target, strerror(errno));
	else if ((code = spawn(r, child, vars)) != 0)
		result = act_fail(r->why, code == EACCES ? ACT_DENIED : ACT_MISSING, "%s: %s: cannot be run: %s",
		                  r->exec->env.target, r->exec->args[0], strerror(code));
	for (int i = 0; i < 3; i++)
		close_end(&child[i]);
	free_environment(vars);
	return result;
}

static void feed(struct run *r)
{
	ssize_t sent = write(r->in, r->input.data + r->sent, r->input.len - r->sent);

	if (sent > 0)
		r->sent += (size_t)sent;
	if ((sent < 0 && errno != EAGAIN && errno != EINTR) || r->sent == r->input.len)
		close_end(&r->in);
}

/* False when it says more than is good. */
static bool drain(int *fd, struct buf *into)
{
	char bytes[16384];
	ssize_t got = read(*fd, bytes, sizeof(bytes));

	if (got > 0)
		buf_append(into, bytes, (size_t)got);
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		close_end(fd);
	return into->len <= OUTPUT_MAX_BYTES;
}

static bool reap(struct run *r, int flags)
{
	if (!r->exited)
		r->exited = waitpid(r->pid, &r->status, flags) == r->pid;
	return r->exited;
}

/* The whole group: what the command started must not go on moving traffic behind our back. */
static void kill_group(struct run *r)
{
	const struct timespec slice = {.tv_nsec = SLICE_MS * US_PER_MS * 1000};
	int64_t until_us = clock_mono_us() + TERM_GRACE_US;

	kill(-r->pid, SIGTERM);
	while (!reap(r, WNOHANG) && clock_mono_us() < until_us)
		nanosleep(&slice, NULL);
	kill(-r->pid, SIGKILL);
	reap(r, 0);
}

static enum act_result converse(struct run *r)
{
	while (!reap(r, WNOHANG) || r->out >= 0 || r->err >= 0) {
		struct pollfd p[3] = {{r->out, POLLIN, 0}, {r->err, POLLIN, 0}, {r->in, POLLOUT, 0}};

		if (ask_over(r->ask, r->exec->env.target, r->why)) {
			kill_group(r);
			return ACT_RETRY;
		}
		/* a grandchild may hold the pipes open after the command itself has ended */
		if (poll(p, 3, SLICE_MS) == 0 && r->exited)
			break;
		if (p[2].revents)
			feed(r);
		if ((p[0].revents && !drain(&r->out, &r->output)) || (p[1].revents && !drain(&r->err, &r->errors))) {
			kill_group(r);
			return act_fail(r->why, ACT_GARBLED, "%s: the command says more than %u bytes: stopped", r->exec->env.target,
			                OUTPUT_MAX_BYTES);
		}
	}
	return ACT_OK;
}

static enum act_result judge_exit(struct run *r)
{
	const char *target = r->exec->env.target;
	char words[200];
	struct str rest = buf_str(&r->errors);

	if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0)
		return ACT_OK;
	text_harmless(words, sizeof(words), str_trim(str_cut(&rest, '\n')));
	if (WIFSIGNALED(r->status))
		return act_fail(r->why, ACT_REFUSED, "%s: the command was ended by signal %d%s%s", target, WTERMSIG(r->status),
		                *words ? ": " : "", words);
	if (WEXITSTATUS(r->status) == EXIT_RETRY)
		return act_retry(r->why, ACT_REFUSED, "%s: the command asks to try again%s%s", target, *words ? ": " : "", words);
	return act_fail(r->why, ACT_REFUSED, "%s: the command failed with exit status %d%s%s", target,
	                WEXITSTATUS(r->status), *words ? ": " : "", words);
}

static void json_member(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	if (text)
		buf_append_json(out, str_of(text));
	else
		buf_puts(out, "null");
}

static void write_input(const struct exec *x, const char *what, const struct act_ask *ask, const char *saw,
                        struct buf *out)
{
	buf_printf(out, "{\"schema\":1,\"do\":\"%s\",\"verb\":\"%s\"", what, act_verb_name(ask->verb));
	json_member(out, "rollout", x->env.rollout);
	json_member(out, "target", x->env.target);
	json_member(out, "key", ask->key);
	json_member(out, "actor", ask->actor);
	json_member(out, "reason", ask->reason);
	json_member(out, "arm", ask->arm);
	buf_printf(out, ",\"revision\":%lld,\"replicas\":%lld,\"arms\":[", (long long)ask->revision, (long long)ask->replicas);
	for (size_t i = 0; i < x->env.arm_count; i++) {
		buf_puts(out, i ? ",{\"deployment\":" : "{\"deployment\":");
		buf_append_json(out, str_of(x->env.arms[i].deployment));
		json_member(out, "role", x->env.arms[i].role);
		buf_printf(out, ",\"percent\":%.6g}", ask_percent(ask, x->env.arms[i].deployment));
	}
	buf_append_c(out, ']');
	json_member(out, "saw", saw && *saw ? saw : NULL);
	buf_puts(out, "}\n");
}

static enum act_result run_command(const struct exec *x, const char *what, const struct act_ask *ask, const char *saw,
                                   struct buf *output, struct act_why *why)
{
	struct run r = {.exec = x, .ask = ask, .why = why, .in = -1, .out = -1, .err = -1};
	struct act_ask bounded = *ask;

	if (bounded.deadline_us > clock_mono_us() + x->timeout_us)
		bounded.deadline_us = clock_mono_us() + x->timeout_us;
	r.ask = &bounded;
	write_input(x, what, ask, saw, &r.input);
	enum act_result result = start(&r);
	bool ran = result == ACT_OK;

	if (ran)
		result = converse(&r);
	if (result == ACT_OK)
		result = judge_exit(&r);
	if (ran && result != ACT_OK)
		why->maybe_changed = true;
	close_end(&r.in);
	close_end(&r.out);
	close_end(&r.err);
	*output = r.output;
	buf_fini(&r.input);
	buf_fini(&r.errors);
	return result;
}

/* ── what it answers ───────────────────────────────────────────────────────────────────────── */

static void read_arm(struct json_value v, const char *deployment, struct act_sight *out, struct act_arm_sight *arm)
{
	char text[64], shown[128];
	int64_t requests, errors = 0;
	double percent;

	*arm = (struct act_arm_sight){.deployment = act_sight_text(out, "%s", deployment), .percent = NAN, .state = ""};
	if (json_number_at(v.text, "/percent", &percent) && percent >= 0 && percent <= 100)
		arm->percent = percent;
	if (json_text_at(v.text, "/state", text, sizeof(text))) {
		text_harmless(shown, sizeof(shown), str_of(text));
		arm->state = act_sight_text(out, "%s", shown);
	}
	if (json_int_at(v.text, "/requests", &requests) && requests >= 0) {
		json_int_at(v.text, "/errors", &errors);
		arm->has_counters = true;
		arm->requests = (uint64_t)requests;
		arm->errors = errors > 0 ? (uint64_t)errors : 0;
	}
}

static const char *shown_text(struct str document, const char *pointer, struct act_sight *out)
{
	char text[400], shown[400];

	json_text_at(document, pointer, text, sizeof(text));
	text_harmless(shown, sizeof(shown), str_of(text));
	return act_sight_text(out, "%s", shown);
}

static enum act_result read_sight(const struct exec *x, struct str output, struct act_sight *out, struct act_why *why)
{
	struct json_value arms = json_at(output, "/arms");
	char id[128];

	if (arms.kind != JSON_ARRAY)
		return act_fail(why, ACT_GARBLED, "%s: the command's answer is not {\"arms\":[…]}: see llmdeck(5)", x->env.target);
	out->at_us = clock_wall_us();
	out->words = shown_text(output, "/words", out);
	out->phase = shown_text(output, "/phase", out);
	json_text_at(output, "/counters", id, sizeof(id));
	out->counters_id = hash_bytes(id, strlen(id));
	out->arm_count = x->env.arm_count;
	for (size_t i = 0; i < x->env.arm_count; i++) {
		struct json_value arm = {{NULL, 0}, JSON_ERROR}, v;
		char name[EVENT_NAME_MAX_BYTES + 1];

		for (size_t k = 0; k < ROLLOUT_ARMS_MAX && (v = json_child(arms, k, NULL)).kind != JSON_ERROR; k++) {
			if (json_text_at(v.text, "/deployment", name, sizeof(name)) && strcmp(name, x->env.arms[i].deployment) == 0)
				arm = v;
		}
		read_arm(arm, x->env.arms[i].deployment, out, &out->arms[i]);
	}
	return ACT_OK;
}

static enum act_result look(const struct exec *x, const char *what, const struct act_ask *ask, struct act_sight *out,
                            struct act_why *why)
{
	struct buf output = {0};

	if (!x->reads)
		return act_fail(why, ACT_UNABLE, "%s: the command does not read back: teach it \"do\":\"observe\" and write "
		                "`reads: yes`", x->env.target);
	enum act_result result = run_command(x, what, ask, NULL, &output, why);

	why->maybe_changed = false;
	if (result == ACT_OK)
		result = read_sight(x, buf_str(&output), out, why);
	buf_fini(&output);
	return result;
}

static bool in_force(const struct exec *x, const struct act_ask *ask, const struct act_sight *sight)
{
	for (size_t i = 0; i < x->env.arm_count; i++) {
		if (!(fabs(sight->arms[i].percent - ask_percent(ask, x->env.arms[i].deployment)) <= TOLERANCE))
			return false;
	}
	return true;
}

static enum act_result exec_observe(void *state, const struct act_ask *desired, struct act_sight *out,
                                    struct act_why *why)
{
	enum act_result result = look(state, "observe", desired, out, why);

	if (result != ACT_OK || !desired->arm_count)
		return result;
	out->matches = in_force(state, desired, out);
	out->drift = !out->matches;
	return ACT_OK;
}

static enum act_result exec_verify(void *state, const struct act_ask *ask, struct act_sight *out, struct act_why *why)
{
	const struct exec *x = state;
	enum act_result result = look(x, "verify", ask, out, why);

	if (result != ACT_OK)
		return result;
	out->matches = in_force(x, ask, out);
	if (!out->matches)
		return act_fail(why, ACT_CHANGED, "%s: the command reads back other shares%s%s", x->env.target,
		                *out->words ? ": " : "", out->words);
	return ACT_OK;
}

static enum act_result exec_plan(void *state, const struct act_ask *ask, struct act_plan *out, struct act_why *why)
{
	const struct exec *x = state;
	double now[ROLLOUT_ARMS_MAX], then[ROLLOUT_ARMS_MAX];
	struct act_sight sight = {0};
	struct buf saw = {0};
	enum act_result result = ask->arm_count ? ask_check(ask, &x->env, why) : ACT_OK;

	if (result == ACT_OK && x->reads)
		result = look(x, "plan", ask, &sight, why);
	for (size_t i = 0; i < x->env.arm_count; i++) {
		now[i] = x->reads && result == ACT_OK ? sight.arms[i].percent : NAN;
		then[i] = ask_percent(ask, x->env.arms[i].deployment);
		if (!isnan(now[i]))
			buf_printf(&saw, "%s%s=%.6g", saw.len ? " " : "", x->env.arms[i].deployment, now[i]);
	}
	if (result == ACT_OK) {
		lineup_plan_arms(out, &x->env, ask, now, then);
		act_plan_step(out, "run %s with \"do\":\"apply\", \"verb\":\"%s\"", x->args[0], act_verb_name(ask->verb));
		out->moves = act_plan_text(out, "%s: %s moves the traffic", x->env.target, x->args[0]);
		out->stays = "";
		out->saw = act_plan_text(out, "%s", saw.data ? saw.data : "");
		if (!x->reads)
			act_plan_warn(out, "the shares now are unknown, and what it does cannot be read back: the command only acts");
	}
	act_sight_fini(&sight);
	buf_fini(&saw);
	return result;
}

static enum act_result change(const struct exec *x, const char *what, const struct act_ask *ask, const char *saw,
                              struct act_why *why)
{
	struct buf output = {0};
	enum act_result result = ask->arm_count ? ask_check(ask, &x->env, why) : ACT_OK;

	if (result == ACT_OK)
		result = run_command(x, what, ask, saw, &output, why);
	buf_fini(&output);
	return result;
}

static enum act_result exec_apply(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	return change(state, "apply", ask, saw, why);
}

static enum act_result exec_undo(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	return change(state, "undo", ask, saw, why);
}

extern const struct actuator exec_actuator;
const struct actuator exec_actuator = {
	.kind = "exec",
	.summary = "a command of yours, with the wish as JSON on its standard input",
	.options = exec_options,
	.verbs = (1u << ACT_VERB_COUNT) - 1,
	.timeout_us = 60 * US_PER_S,
	.open = exec_open,
	.plan = exec_plan,
	.apply = exec_apply,
	.verify = exec_verify,
	.undo = exec_undo,
	.observe = exec_observe,
	.close = exec_close,
};
