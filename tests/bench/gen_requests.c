/* gen_requests csv|jsonl ROWS [SEED [DAYS]]: invented request events on stdout for the benches, the same for
 * the same seed; about a million a day over 60 series, or spread over so many days that end with 2025. Shapes
 * follow the public traces: bursts, log-normal token counts, latency by output length, 2 % errors, 1 % flags. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define END_S 1767225600.0                        /* 2026-01-01 */
#define GAP_S (0.1 * 0.8 + 0.9 * 0.007)           /* mean of what next_event() puts between two */

static uint64_t seed = 1;
static double stretch = 1; /* of the gaps */

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* In (0, 1). */
static double uniform(void)
{
	return ((double)(next_random() >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

static long log_normal(double median, double sigma, long max)
{
	double v = median * exp(sigma * normal());

	return v < 1 ? 1 : v > (double)max ? max : (long)v;
}

struct event {
	char time[40], trace[40];
	const char *service, *deployment, *model, *error, *flag;
	long input, output, cached, user;
	double latency_ms, ttft_ms;
	int status;
};

static void next_event(struct event *e, double *clock_s)
{
	static const char *const services[] = {"chat", "search", "agent", "summaries"};
	static const char *const deployments[] = {"v41", "v42", "v43-canary"};
	static const char *const models[] = {"gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "mistral-large-latest", "gpt-4.1"};
	static const char *const errors[] = {"rate_limit", "timeout", "server_error"};
	static const char *const flags[] = {"hate:2", "violence:4", "jailbreak"};

	*clock_s += -log(uniform()) * (uniform() < 0.1 ? 0.8 : 0.007) * stretch;
	time_t whole = (time_t)*clock_s;
	struct tm tm;
	gmtime_r(&whole, &tm);
	size_t n = strftime(e->time, sizeof e->time, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(e->time + n, sizeof e->time - n, ".%06dZ", (int)((*clock_s - (double)whole) * 1e6));
	snprintf(e->trace, sizeof e->trace, "%016llx%016llx", (unsigned long long)next_random(),
	         (unsigned long long)next_random());
	e->service = services[next_random() % 4];
	e->deployment = deployments[uniform() < 0.9 ? next_random() % 2 : 2];
	e->model = models[next_random() % 5];
	e->input = log_normal(1400, 1.2, 128000);
	e->output = log_normal(120, 1.1, 16000);
	e->cached = uniform() < 0.4 ? e->input / 2 : 0;
	e->user = (long)(next_random() % 50000);
	e->ttft_ms = 80 + 0.05 * (double)e->input * uniform();
	e->latency_ms = e->ttft_ms + (double)e->output * (8 + 10 * uniform());
	e->status = uniform() < 0.02 ? 429 : 200;
	e->error = e->status == 200 ? "" : errors[next_random() % 3];
	e->flag = uniform() < 0.01 ? flags[next_random() % 3] : "";
}

static void print_csv(const struct event *e)
{
	printf("%s,%s,%s,%s,%ld,%ld,%ld,%.3f,%.3f,%d,%s,%s,user-%ld,%s\n", e->time, e->service, e->deployment,
	       e->model, e->input, e->output, e->cached, e->latency_ms, e->ttft_ms, e->status, e->error,
	       e->flag, e->user, e->trace);
}

static void print_json(const struct event *e)
{
	printf("{\"time\":\"%s\",\"service\":\"%s\",\"deployment\":\"%s\",\"model\":\"%s\",\"input_tokens\":%ld,"
	       "\"output_tokens\":%ld,\"cached_tokens\":%ld,\"latency_ms\":%.3f,\"ttft_ms\":%.3f,\"status\":%d,"
	       "\"error_type\":\"%s\",\"safety\":[%s%s%s],\"user\":\"user-%ld\",\"trace_id\":\"%s\"}\n",
	       e->time, e->service, e->deployment, e->model, e->input, e->output, e->cached, e->latency_ms,
	       e->ttft_ms, e->status, e->error, *e->flag ? "\"" : "", e->flag, *e->flag ? "\"" : "", e->user,
	       e->trace);
}

int main(int argc, char **argv)
{
	if (argc < 3 || (strcmp(argv[1], "csv") != 0 && strcmp(argv[1], "jsonl") != 0)) {
		fprintf(stderr, "usage: gen_requests csv|jsonl ROWS [SEED [DAYS]]\n");
		return 2;
	}
	int csv = argv[1][0] == 'c';
	long rows = atol(argv[2]);
	double days = argc > 4 ? atof(argv[4]) : 0, clock_s = END_S - (days > 0 ? days : 30) * 86400;
	struct event e;

	seed = argc > 3 ? strtoull(argv[3], NULL, 10) * 2654435769u + 1 : 88172645463325252u;
	if (days > 0 && rows > 0)
		stretch = days * 86400 / ((double)rows * GAP_S);
	if (csv)
		puts("time,service,deployment,model,input_tokens,output_tokens,cached_tokens,latency_ms,ttft_ms,"
		     "status,error_type,safety,user,trace_id");
	for (long i = 0; i < rows; i++) {
		next_event(&e, &clock_s);
		if (csv)
			print_csv(&e);
		else
			print_json(&e);
	}
	return 0;
}
