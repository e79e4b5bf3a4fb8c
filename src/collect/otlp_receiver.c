/* The source kind "otlp": an OTLP/HTTP receiver. A body goes from the server (this thread) to the
 * decoder's thread, back as a batch, through the sink to the writer, and is answered when the commit
 * has ended: a success that was answered is on the disk. What is refused or cut on the way is counted
 * by its kind, and the newest of it stands in the source's report as a sentence.
 *
 * A port that is taken is no reason to fail: it is tried again for as long as the collector runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "collect/feedback_http.h"
#include "collect/otlp_again.h"
#include "collect/otlp_auth.h"
#include "collect/otlp_decoder.h"
#include "collect/otlp_receiver.h"
#include "collect/otlp_reply.h"
#include "collect/source.h"
#include "net/http_door.h"
#include "net/http_server.h"
#include "net/tcp.h"
#include "parse/config.h"
#include "parse/json.h"

#define BODY_MAX_BYTES ((size_t)16 << 20)      /* as it comes over the wire */
#define PLAIN_MAX_BYTES ((size_t)32 << 20)     /* unpacked */
#define IN_FLIGHT_MAX_BYTES ((size_t)24 << 20) /* of all bodies that are not decoded yet */
#define CONNECTIONS_MAX 1000
#define CONNECTION_MEMORY_BYTES ((size_t)32 << 10)
#define WAITING_MAX 512
#define DESCRIPTORS 4096
#define SILENCE_US (10 * US_PER_S)
#define IDLE_S 75 /* longer than the minute between two exports of metrics */
#define BIND_EVERY_US (5 * US_PER_S)
#define REPORT_EVERY_US US_PER_S
#define TROUBLE_SHOWN_US (10 * US_PER_MIN)
#define TROUBLE_LOG_US US_PER_MIN

enum { OPTION_RECEIVER_LISTEN, OPTION_RECEIVER_TOKEN, OPTION_RECEIVER_TIMEOUT };

static const struct option_row receiver_options[] = {
	[OPTION_RECEIVER_LISTEN] = {"listen", OPTION_TEXT, "127.0.0.1:4318", 0, 0, NULL, "ADDR:PORT",
		"where to listen; outside loopback only with a token"},
	[OPTION_RECEIVER_TOKEN] = {"token", OPTION_TEXT, "", 0, 0, NULL, "env:NAME or file:/path",
		"what senders must show as bearer token, as password of basic authentication or as X-API-Key"},
	[OPTION_RECEIVER_TIMEOUT] = {"timeout", OPTION_DURATION, "30s", 100 * US_PER_MS, 10 * US_PER_MIN, NULL, NULL,
		"how long a request may take to come in whole; a slower connection is cut"},
	{.name = NULL},
};

/* What goes wrong, by kind. */
enum trouble {
	TROUBLE_REJECTED, TROUBLE_DAMAGED, TROUBLE_LARGE, TROUBLE_UNKNOWN, TROUBLE_DENIED, TROUBLE_BUSY,
	TROUBLE_HTTP2, TROUBLE_TLS, TROUBLE_SLOW, TROUBLE_TEXTS, TROUBLE_COUNT
};
static const char *const trouble_words[] = {
	[TROUBLE_REJECTED] = "records rejected", [TROUBLE_DAMAGED] = "damaged bodies",
	[TROUBLE_LARGE] = "oversized bodies", [TROUBLE_UNKNOWN] = "misdirected requests",
	[TROUBLE_DENIED] = "requests without the right token", [TROUBLE_BUSY] = "bodies put off",
	[TROUBLE_HTTP2] = "gRPC connections", [TROUBLE_TLS] = "TLS connections",
	[TROUBLE_SLOW] = "slow or silent connections cut", [TROUBLE_TEXTS] = "texts of calls dropped",
};

struct route_binding {
	struct receiver *receiver;
	enum otlp_signal signal;
};

/* A body on its way. */
struct delivery {
	struct otlp_job job; /* first: found from the decoder's pointer */
	struct delivery *prev, *next;
	struct receiver *receiver;
	struct http_exchange *exchange;
	enum otlp_form form;
	uint64_t hash; /* of a body of metrics, see otlp_again.h; 0: not to be told apart */
};

#define ROUTES 8 /* the last are feedback and the collector's metrics page */
struct receiver {
	struct source_env env;
	struct tcp_address address;
	struct buf secret; /* empty: nobody is asked */
	struct http_server *server;
	struct http_door *door; /* NULL: not listening */
	struct otlp_decoder *decoder;
	struct feedback_http *feedback;
	struct delivery *deliveries;
	struct otlp_again again;
	struct route_binding bindings[ROUTES];
	struct http_route routes[ROUTES + 1];
	char local[TCP_TEXT_BYTES];
	bool paused, stopping, store_fails, came;
	uint64_t slow_seen;
	struct {
		uint64_t count;
		int64_t last_us; /* monotonic */
		char reason[256];
		struct log_limit log;
	} troubles[TROUBLE_COUNT];
};

/* ── what is said about it ─────────────────────────────────────────────────────────────────── */

static void note_trouble(struct receiver *r, enum trouble kind, uint64_t count, const char *reason)
{
	r->troubles[kind].count += count;
	r->troubles[kind].last_us = clock_mono_us();
	snprintf(r->troubles[kind].reason, sizeof(r->troubles[kind].reason), "%s", reason);
	log_limited(&r->troubles[kind].log, TROUBLE_LOG_US, LOG_LEVEL_WARNING, "source %s: %s: %s", r->env.name,
	            trouble_words[kind], reason);
}

/* The troubles of the last minutes as one sentence. */
static void say_troubles(const struct receiver *r, struct err *words)
{
	int64_t now_us = clock_mono_us();
	size_t len = 0;

	words->text[0] = '\0';
	for (int k = 0; k < TROUBLE_COUNT; k++) {
		if (!r->troubles[k].count || now_us - r->troubles[k].last_us > TROUBLE_SHOWN_US)
			continue;
		int more = snprintf(words->text + len, sizeof(words->text) - len, "%s%llu %s: %s", len ? "; " : "",
		                    (unsigned long long)r->troubles[k].count, trouble_words[k], r->troubles[k].reason);

		len += more > 0 ? (size_t)more : 0;
		if (len >= sizeof(words->text))
			return;
	}
}

static void report(struct receiver *r)
{
	struct source_report *out = r->env.report;

	if (!r->door || r->store_fails)
		return; /* said where it happened */
	out->state = r->came ? SOURCE_OK : SOURCE_STARTING;
	say_troubles(r, &out->words);
	if (!r->came && !out->words.text[0])
		err_set(&out->words, "listening on %s; nothing has come yet", r->local);
}

static void count_slow(struct receiver *r)
{
	uint64_t slow = http_server_cut(r->server) + http_door_dropped(r->door);

	if (slow > r->slow_seen)
		note_trouble(r, TROUBLE_SLOW, slow - r->slow_seen, "a request must be sent at one go");
	r->slow_seen = slow;
}

static enum trouble trouble_of(int http_status)
{
	switch (http_status) {
	case 401: return TROUBLE_DENIED;
	case 413: return TROUBLE_LARGE;
	case 400: return TROUBLE_DAMAGED;
	case 429: case 503: return TROUBLE_BUSY;
	default: return TROUBLE_UNKNOWN;
	}
}

/* Writes a refusal's body; every refusal comes through here. */
static const char *explain(void *arg, const char *request_type, int status, const char *sentence, struct buf *out)
{
	struct receiver *r = arg;

	note_trouble(r, trouble_of(status), 1, sentence);
	return otlp_reply_failure(otlp_form_of(request_type), status, sentence, out);
}

static void meet_stranger(void *arg, enum http_stranger what, const char *from)
{
	struct receiver *r = arg;
	char words[256];

	if (what == STRANGER_HTTP2)
		snprintf(words, sizeof(words), "%s speaks gRPC: set its exporter to OTLP/HTTP "
		         "(OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, endpoint http://%s)", from, r->local);
	else
		snprintf(words, sizeof(words), "%s speaks TLS: use http:// in its endpoint, or put a proxy in front", from);
	note_trouble(r, what == STRANGER_HTTP2 ? TROUBLE_HTTP2 : TROUBLE_TLS, 1, words);
}

/* ── deliveries ────────────────────────────────────────────────────────────────────────────── */

static void delivery_end(struct delivery *d)
{
	struct receiver *r = d->receiver;

	if (d->prev)
		d->prev->next = d->next;
	else
		r->deliveries = d->next;
	if (d->next)
		d->next->prev = d->prev;
	batch_free(&d->job.batch);
	free(d);
}

static void answer_failure(struct delivery *d, int status, int retry_after_s, const char *sentence)
{
	struct buf body = {0};
	const char *type = otlp_reply_failure(d->form, status, sentence, &body);

	if (d->hash && d->job.verdict == OTLP_DECODED)
		otlp_again_end(&d->receiver->again, d->hash, false);
	else if (d->hash)
		otlp_again_drop(&d->receiver->again, d->hash);
	note_trouble(d->receiver, trouble_of(status), 1, sentence);
	http_answer(d->exchange, &(struct http_reply){
		.status = status, .type = type, .body = buf_str(&body), .retry_after_s = retry_after_s,
	});
	buf_fini(&body);
	delivery_end(d);
}

static void answer_success(struct delivery *d)
{
	struct receiver *r = d->receiver;
	const struct otlp_tally *tally = &d->job.tally;
	struct buf body = {0};
	const char *type = otlp_reply_success(d->form, d->job.signal, tally->rejected, tally->words, &body);

	if (d->hash)
		otlp_again_end(&r->again, d->hash, true);
	r->came = true;
	r->store_fails = false;
	r->env.report->rejected += tally->rejected;
	r->env.report->repeated += tally->repeated;
	if (tally->rejected)
		note_trouble(r, TROUBLE_REJECTED, tally->rejected, tally->words);
	http_answer(d->exchange, &(struct http_reply){.status = 200, .type = type, .body = buf_str(&body)});
	buf_fini(&body);
	delivery_end(d);
	report(r);
}

/* After the commit. */
static void stored(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct delivery *d = arg;
	struct receiver *r = d->receiver;

	if (ok) {
		r->env.report->repeated += ack->duplicates;
		if (ack->texts_dropped)
			note_trouble(r, TROUBLE_TEXTS, ack->texts_dropped, "no span of their call came within an hour, or too many waited");
		answer_success(d);
		return;
	}
	r->store_fails = true;
	r->env.report->state = SOURCE_FAILING;
	err_set(&r->env.report->words, "%s", error);
	answer_failure(d, 503, 5, error);
}

static void submit(struct delivery *d)
{
	struct receiver *r = d->receiver;
	struct batch *batch = d->job.batch;
	struct err err = {""};

	if (batch_rows(batch) == 0) {
		answer_success(d);
		return;
	}
	if (r->env.sink->submit(r->env.sink, batch, stored, d, &err) == SINK_OK)
		d->job.batch = NULL;
	else
		answer_failure(d, 503, 1, err.text);
}

static void decoded(void *arg, struct otlp_job *job)
{
	struct delivery *d = (struct delivery *)job;
	struct receiver *r = arg;

	http_release_body(d->exchange);
	if (d->hash && job->verdict == OTLP_DECODED)
		otlp_again_keep(&r->again, d->hash, job->batch);
	if (r->stopping)
		answer_failure(d, 503, 1, "the collector is ending: send it again");
	else if (job->verdict == OTLP_DECODED)
		submit(d);
	else
		answer_failure(d, job->verdict == OTLP_TOO_LARGE ? 413 : 400, 0, job->err.text);
}

/* A body of metrics that came before is not read again; true when that settles it. */
static bool settle_again(struct delivery *d)
{
	struct receiver *r = d->receiver;

	d->hash = otlp_again_hash(d->job.body);
	enum again found = otlp_again_look(&r->again, d->hash, &d->job.batch);
	if (found == AGAIN_NEW)
		return false;
	http_release_body(d->exchange);
	d->job.verdict = OTLP_DECODED;
	if (found == AGAIN_READ) {
		submit(d);
	} else if (found == AGAIN_STORED) {
		answer_success(d);
	} else {
		d->hash = 0; /* the first one says how it ends */
		answer_failure(d, 503, 1, "the same body is just being stored: try again in a moment");
	}
	return true;
}

static void take_body(void *arg, struct http_exchange *x)
{
	const struct route_binding *binding = arg;
	struct receiver *r = binding->receiver;
	struct delivery *d = mem_zalloc(sizeof(*d));
	const char *encoding = http_header(x, "Content-Encoding");

	d->receiver = r;
	d->exchange = x;
	d->form = otlp_form_of(http_header(x, "Content-Type"));
	d->job.body = http_body(x);
	d->job.signal = binding->signal;
	d->job.json = d->form == OTLP_FORM_JSON;
	d->job.gzip = encoding && str_equal_nocase(str_trim(str_of(encoding)), STR_LIT("gzip"));
	d->next = r->deliveries;
	if (d->next)
		d->next->prev = d;
	r->deliveries = d;
	if (d->job.signal != OTLP_METRICS || !settle_again(d))
		otlp_decoder_put(r->decoder, &d->job);
}

/* ── before the body is read ───────────────────────────────────────────────────────────────── */

static bool admit_sender(const struct receiver *r, const struct http_exchange *x, struct http_reply *reply,
                         struct err *err)
{
	if (!r->secret.len || otlp_auth_ok(buf_str(&r->secret), http_header(x, "Authorization"), http_header(x, "X-API-Key")))
		return true;
	reply->status = 401;
	err_set(err, "the token is missing or wrong: send `Authorization: Bearer TOKEN` with the token of the collector's configuration");
	return false;
}

static bool check_media(void *arg, const struct http_exchange *x, struct http_reply *reply, struct err *err)
{
	const struct route_binding *binding = arg;

	return admit_sender(binding->receiver, x, reply, err);
}

static bool check_body(void *arg, const struct http_exchange *x, struct http_reply *reply, struct err *err)
{
	const struct route_binding *binding = arg;
	const struct receiver *r = binding->receiver;
	const char *encoding = http_header(x, "Content-Encoding");
	struct str code = str_trim(str_of(encoding));

	if (!admit_sender(r, x, reply, err))
		return false;
	if (r->paused) {
		reply->status = 503;
		reply->retry_after_s = 1;
		err_set(err, "the store cannot keep up: try again in a moment");
		return false;
	}
	reply->status = 415;
	if (otlp_form_of(http_header(x, "Content-Type")) == OTLP_FORM_UNKNOWN) {
		err_set(err, "the content type must be application/x-protobuf or application/json");
		return false;
	}
	if (code.len && !str_equal_nocase(code, STR_LIT("gzip")) && !str_equal_nocase(code, STR_LIT("identity"))) {
		err_set(err, "the content encoding must be gzip or none");
		return false;
	}
	return true;
}

/* Feedback is JSON whatever the content type says: curl -d sends a form's. */
static bool check_feedback(void *arg, const struct http_exchange *x, struct http_reply *reply, struct err *err)
{
	const struct route_binding *binding = arg;

	if (!admit_sender(binding->receiver, x, reply, err))
		return false;
	if (!binding->receiver->paused)
		return true;
	reply->status = 503;
	reply->retry_after_s = 1;
	err_set(err, "the store cannot keep up: try again in a moment");
	return false;
}

static void take_feedback(void *arg, struct http_exchange *x)
{
	const struct route_binding *binding = arg;

	binding->receiver->came = true;
	feedback_http_take(binding->receiver->feedback, x);
}

/* The page is for whoever watches the watcher; it takes the senders' token where there is one. */
static void answer_metrics(void *arg, struct http_exchange *x)
{
	const struct route_binding *binding = arg;
	const struct source_env *env = &binding->receiver->env;
	struct buf page = {0};

	env->metrics(env->metrics_arg, &page);
	http_answer(x, &(struct http_reply){
		.status = 200, .type = "text/plain; version=0.0.4; charset=utf-8", .body = buf_str(&page),
	});
	buf_fini(&page);
}

/* Langfuse's clients ask where to upload images and sound. No place, with the id that they compute
 * themselves from the hash they send, tells them that it is there already. */
static void answer_media(void *arg, struct http_exchange *x)
{
	struct json_reader reader;
	enum json_token token;
	struct buf hash = {0}, body = {0};

	(void)arg;
	json_init(&reader, http_body(x));
	if (json_next(&reader) == JSON_OBJECT) {
		while (json_next(&reader) == JSON_KEY) {
			bool wanted = str_equal_c(reader.text, "sha256Hash");

			token = json_next(&reader);
			if (wanted && token == JSON_STRING && reader.text.len >= 22) {
				buf_append(&hash, reader.text.ptr, 22);
				break;
			}
			if (token == JSON_ERROR || !json_skip(&reader, token))
				break;
		}
	}
	for (size_t i = 0; i < hash.len; i++) /* base64 to its URL form */
		hash.data[i] = hash.data[i] == '+' ? '-' : hash.data[i] == '/' ? '_' : hash.data[i];
	buf_puts(&body, "{\"uploadUrl\":null,\"mediaId\":");
	buf_append_json(&body, buf_str(&hash));
	buf_puts(&body, "}");
	http_answer(x, &(struct http_reply){.status = 200, .type = "application/json", .body = buf_str(&body)});
	buf_fini(&hash);
	buf_fini(&body);
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

static void fill_routes(struct receiver *r)
{
	static const struct { const char *path; enum otlp_signal signal; } paths[ROUTES] = {
		{"/v1/traces", OTLP_TRACES}, {"/v1/metrics", OTLP_METRICS}, {"/v1/logs", OTLP_LOGS},
		{"/api/public/otel/v1/traces", OTLP_TRACES}, /* Langfuse */
		{"/otel/v1/traces", OTLP_TRACES},            /* LangSmith */
		{"/api/public/media", OTLP_TRACES},          /* Langfuse; signal unused */
	};

	for (size_t i = 0; i < ROUTES - 2; i++) {
		bool media = i == ROUTES - 3;

		r->bindings[i] = (struct route_binding){r, paths[i].signal};
		r->routes[i] = (struct http_route){
			.method = "POST", .path = paths[i].path, .body_max_bytes = media ? 65536 : BODY_MAX_BYTES,
			.check = media ? check_media : check_body, .handle = media ? answer_media : take_body,
			.arg = &r->bindings[i],
		};
	}
	r->bindings[ROUTES - 1].receiver = r->bindings[ROUTES - 2].receiver = r;
	r->routes[ROUTES - 2] = (struct http_route){
		.method = "POST", .path = "/v1/feedback", .body_max_bytes = FEEDBACK_HTTP_BODY_MAX_BYTES,
		.check = check_feedback, .handle = take_feedback, .arg = &r->bindings[ROUTES - 2],
	};
	if (r->env.metrics)
		r->routes[ROUTES - 1] = (struct http_route){
			.method = "GET", .path = "/metrics", .check = check_media, .handle = answer_metrics,
			.arg = &r->bindings[ROUTES - 1],
		};
}

static void want_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Listens, or says why not and leaves it to the next try. */
static void try_listen(struct receiver *r)
{
	struct http_door_options door = {
		.server = r->server, .waiting_max = WAITING_MAX, .silence_us = SILENCE_US,
		.stranger = meet_stranger, .arg = r,
	};
	struct source_report *out = r->env.report;
	bool failed_before = out->state == SOURCE_FAILING;
	struct err err = {""};
	int fd = tcp_listen(&r->address, &err);

	if (fd < 0) {
		out->state = SOURCE_FAILING;
		err_set(&out->words, "%s: stop that, or choose another address with --listen ADDR:PORT or `listen:` in "
		        "the configuration; trying again", err.text);
		if (!failed_before)
			log_warning("source %s: %s", r->env.name, out->words.text);
		return;
	}
	tcp_local_text(fd, r->local);
	if (http_door_open(&r->door, r->env.loop, fd, &door, &err)) {
		out->state = SOURCE_FAILING;
		out->words = err;
		return;
	}
	log_info("source %s: listening on %s for OTLP/HTTP%s", r->env.name, r->local,
	         r->secret.len ? " with a token" : "");
	report(r);
}

/* Where to listen and what to ask for, from what the user wrote. */
static int read_exposure(const char *listen, const char *token, struct tcp_address *address, struct buf *secret,
                         struct err *err)
{
	if (tcp_parse(listen, address, err))
		return -1;
	if (*token)
		return config_secret_resolve(token, secret, err);
	if (tcp_is_loopback(address))
		return 0;
	return err_set(err, "listening at %s lets anybody on the network send: give `token: env:NAME` or `token: file:/path` "
	               "for senders to show, or listen at 127.0.0.1", listen);
}

static void secret_fini(struct buf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->cap);
	buf_fini(secret);
}

int otlp_receiver_check(const char *listen, const char *token, struct err *err)
{
	struct tcp_address address;
	struct buf secret = {0};
	int result = read_exposure(listen, token, &address, &secret, err);

	secret_fini(&secret);
	return result;
}

static void receiver_free(struct receiver *r)
{
	http_door_close(&r->door);
	otlp_decoder_free(&r->decoder);
	for (struct delivery *d = r->deliveries, *next; d; d = next) {
		next = d->next;
		answer_failure(d, 503, 1, "the collector is ending: send it again");
	}
	otlp_again_fini(&r->again);
	feedback_http_free(&r->feedback);
	http_server_stop(&r->server);
	secret_fini(&r->secret);
	free(r);
}

static void *receiver_start(const struct source_env *env, struct err *err)
{
	struct receiver *r = mem_zalloc(sizeof(*r));
	struct http_server_options server = {
		.routes = r->routes, .in_flight_max_bytes = IN_FLIGHT_MAX_BYTES, .connections_max = CONNECTIONS_MAX,
		.idle_timeout_s = IDLE_S, .request_max_us = env->options[OPTION_RECEIVER_TIMEOUT].number,
		.connection_memory_bytes = CONNECTION_MEMORY_BYTES, .explain = explain, .explain_arg = r,
		.nowhere = "no such path: OTLP goes to /v1/traces, /v1/metrics or /v1/logs, feedback to /v1/feedback",
	};

	r->env = *env;
	r->feedback = feedback_http_new(env);
	fill_routes(r);
	want_descriptors();
	if (read_exposure(env->options[OPTION_RECEIVER_LISTEN].text, env->options[OPTION_RECEIVER_TOKEN].text, &r->address,
	                  &r->secret, err) || http_server_start(&r->server, env->loop, -1, &server, err))
		goto failed;
	r->decoder = otlp_decoder_new(env->name, env->prices, env->loop, PLAIN_MAX_BYTES, decoded, r, err);
	if (!r->decoder)
		goto failed;
	return r;
failed:
	receiver_free(r);
	return NULL;
}

static int64_t receiver_poll(void *state)
{
	struct receiver *r = state;

	if (!r->door)
		try_listen(r);
	if (!r->door)
		return BIND_EVERY_US;
	count_slow(r);
	report(r);
	return REPORT_EVERY_US;
}

static void receiver_pause(void *state)
{
	struct receiver *r = state;

	r->paused = true;
}

static void receiver_resume(void *state)
{
	struct receiver *r = state;

	r->paused = false;
}

static void receiver_stop(void *state)
{
	struct receiver *r = state;

	r->stopping = true;
	receiver_free(r);
}

extern const struct source otlp_source;
const struct source otlp_source = {
	.kind = "otlp",
	.listens = true,
	.summary = "OTLP over HTTP: traces, metrics and logs of applications that push",
	.options = receiver_options,
	.start = receiver_start,
	.poll = receiver_poll,
	.pause = receiver_pause,
	.resume = receiver_resume,
	.stop = receiver_stop,
};
