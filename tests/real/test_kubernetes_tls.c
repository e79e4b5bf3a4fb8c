/* The actuator kubernetes over TLS against `openssl s_server`: the cluster's own CA, a client
 * certificate that the server asks for, and what happens without. Skipped where openssl is not
 * installed. The server answers every path from files that hold whole HTTP answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/file.h"
#include "unit/act_bench.h"
#include "unit/small_http.h"

#define FOLDER "apis/gateway.networking.k8s.io/v1/namespaces/prod/httproutes"

struct fixture {
	char dir[64], config[96];
	uint16_t port;
	pid_t pid;
};

static void answer_nothing(void *arg, const struct small_request *q, struct buf *answer)
{
	(void)arg;
	(void)q;
	(void)answer;
}

static const char make_files[] =
	"cd %s && mkdir -p " FOLDER " && "
	"n='openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2' && "
	"$n -keyout ca.key -out ca.pem -subj /CN=ca && "
	"$n -keyout s.key -out s.pem -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -CA ca.pem -CAkey ca.key && "
	"$n -keyout c.key -out c.pem -subj /CN=bot -CA ca.pem -CAkey ca.key && "
	"$n -keyout o.key -out other.pem -subj /CN=other && "
	"{ printf 'HTTP/1.0 200 ok\\r\\nContent-Type: application/json\\r\\n\\r\\n'; printf '%%s' "
	"'{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"rules\":[{\"backendRefs\":[{\"name\":\"v42\",\"weight\":9},"
	"{\"name\":\"v43\",\"weight\":1}]}]}}'; } >" FOLDER "/checkout";

static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	struct small_http probe;

	*state = f;
	*f = (struct fixture){.dir = "/tmp/llmdeck-tls-XXXXXX"};
	if (system("command -v openssl >/dev/null 2>&1") != 0)
		return 0;
	if (!mkdtemp(f->dir))
		return -1;
	char *command = mem_printf(make_files, f->dir), *quiet = mem_printf("( %s ) >/dev/null 2>&1", command);
	int failed = system(quiet);

	free(quiet);
	free(command);
	if (failed)
		return -1;
	small_start(&probe, 0, answer_nothing, NULL);
	small_stop(&probe);
	f->port = probe.port;
	f->pid = fork();
	if (f->pid == 0) {
		char port[16];

		snprintf(port, sizeof(port), "127.0.0.1:%u", f->port);
		if (chdir(f->dir) == 0 && freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr))
			execlp("openssl", "openssl", "s_server", "-accept", port, "-cert", "s.pem", "-key", "s.key", "-CAfile", "ca.pem",
			       "-Verify", "1", "-verify_return_error", "-HTTP", "-quiet", (char *)NULL);
		_exit(127);
	}
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->pid) {
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
		char *command = mem_printf("rm -rf %s", f->dir);
		int failed = system(command);
		free(command);
		return failed;
	}
	return 0;
}

static void write_config(struct fixture *f, const char *ca, const char *user)
{
	struct buf text = {0};
	struct err err;

	snprintf(f->config, sizeof(f->config), "%s/config", f->dir);
	buf_printf(&text, "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: prod}}]\n"
	           "clusters: [{name: k, cluster: {server: \"https://127.0.0.1:%u\", certificate-authority: %s}}]\n"
	           "users: [{name: u, user: %s}]\n", f->port, ca, user);
	assert_int_equal(file_write_atomic(f->config, text.data, text.len, 0600, &err), 0);
	buf_fini(&text);
}

static enum act_result try_plan(struct fixture *f, struct act_bench *b, const char *ca, const char *user)
{
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "tls");
	char section[256];
	int64_t until_us = clock_mono_us() + 10 * US_PER_S;
	enum act_result result;

	write_config(f, ca, user);
	snprintf(section, sizeof(section), "{kind: kubernetes, object: httproute, object_name: checkout, kubeconfig: %s}", f->config);
	bench_open(b, section);
	/* the server may still be starting */
	do {
		result = bench_run(b, TARGET_PLAN, &ask, NULL);
	} while (result == ACT_RETRY && strstr(b->words, "onnect") && clock_mono_us() < until_us);
	bench_close(b);
	return result;
}

static void certificates(void **state)
{
	struct fixture *f = *state;
	struct act_bench b;

	if (!f->pid) {
		print_message("skipped: openssl is not installed\n");
		skip();
	}
	assert_act(try_plan(f, &b, "ca.pem", "{client-certificate: c.pem, client-key: c.key}"), ACT_OK, &b);
	assert_true(b.answer.plan.arms[1].now_percent == 10);
	/* nobody's certificate, another's certificate, another cluster's CA */
	assert_true(try_plan(f, &b, "ca.pem", "{token: t}") != ACT_OK);
	assert_true(try_plan(f, &b, "ca.pem", "{client-certificate: other.pem, client-key: o.key}") != ACT_OK);
	assert_true(try_plan(f, &b, "other.pem", "{client-certificate: c.pem, client-key: c.key}") != ACT_OK);
	assert_words(&b, "certificate");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(certificates, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
