/* One easy handle a call (or one kept by http_client). The write callback refuses what goes over
 * the bound, which curl reports as a write error. */
#include "net/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"

#define REDIRECTS_MAX 3
#define RETRY_AFTER_MAX_S 86400
#define HEADERS_MAX_BYTES (64 << 10) /* kept */
#define HEADERS_READ_MAX_BYTES ((size_t)256 << 10)

struct http_call {
	CURL *easy;
	struct curl_slist *headers;
	struct http_got got;
	size_t answer_max_bytes;
	bool too_large;
	size_t header_bytes; /* of all answers to the call */
	const atomic_bool *stop;
	char *shown_url;
	char words[CURL_ERROR_SIZE];
	struct loop *loop;
	void (*done)(void *arg, enum http_result result, const struct http_got *got, const struct err *err);
	void *arg;
};

struct http_client {
	CURL *easy; /* keeps its connection between calls */
};

void http_got_fini(struct http_got *got)
{
	buf_fini(&got->body);
	buf_fini(&got->headers);
	*got = (struct http_got){0};
}

void http_url_for_words(struct buf *out, const char *url)
{
	const char *host = strstr(url, "://");
	const char *start = host ? host + 3 : url;
	size_t authority = strcspn(start, "/?#");
	const char *at = memrchr(start, '@', authority);

	buf_append(out, url, (size_t)(start - url));
	if (at) {
		authority -= (size_t)(at + 1 - start);
		start = at + 1;
	}
	buf_append(out, start, authority + strcspn(start + authority, "?#"));
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	size_t len = size * count;

	if (call->got.body.len + len > call->answer_max_bytes) {
		call->too_large = true;
		return 0;
	}
	buf_append(&call->got.body, bytes, len);
	return len;
}

struct str http_got_header(const struct http_got *got, const char *name)
{
	struct str rest = buf_str(&got->headers);

	while (rest.len) {
		struct str value = str_cut(&rest, '\n'), key = str_cut(&value, ':');

		if (str_equal_nocase(key, str_of(name)))
			return str_trim(value);
	}
	return (struct str){0};
}

/* A status line begins another answer (after a redirect, or a 1xx). */
static void keep_header(struct buf *headers, struct str line)
{
	if (str_starts_with(line, STR_LIT("HTTP/")))
		buf_reset(headers);
	else if (headers->len + line.len < HEADERS_MAX_BYTES)
		buf_append_str(headers, line);
}

static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
	static const char name[] = "retry-after:";
	struct http_call *call = arg;
	struct str line = {bytes, size * count};
	int64_t seconds;

	call->header_bytes += line.len;
	if (call->header_bytes > HEADERS_READ_MAX_BYTES)
		return 0;
	keep_header(&call->got.headers, line);
	if (line.len > sizeof(name) - 1 && strncasecmp(bytes, name, sizeof(name) - 1) == 0) {
		struct str value = str_trim((struct str){bytes + sizeof(name) - 1, line.len - (sizeof(name) - 1)});

		if (str_to_int64(value, &seconds) && seconds >= 0)
			call->got.retry_after_s = (int)(seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : seconds);
	}
	return size * count;
}

static void add_header(struct http_call *call, const char *line)
{
	struct curl_slist *list = curl_slist_append(call->headers, line);

	if (list)
		call->headers = list;
}

static void set_headers(struct http_call *call, const struct http_ask *ask)
{
	/* No waiting for 100-continue: the other end is near, or answers 413 anyway. */
	add_header(call, "Expect:");
	if (ask->body_type) {
		char *line = mem_printf("Content-Type: %s", ask->body_type);

		add_header(call, line);
		free(line);
	}
	for (size_t i = 0; ask->headers && ask->headers[i]; i++)
		add_header(call, ask->headers[i]);
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static long to_ms(int64_t us)
{
	return (long)((us + US_PER_MS - 1) / US_PER_MS);
}

static int look_at_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct http_call *call = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(call->stop);
}

static void set_blob(CURL *easy, CURLoption option, struct str pem)
{
	struct curl_blob blob = {(void *)(uintptr_t)pem.ptr, pem.len, CURL_BLOB_COPY};

	if (pem.len)
		curl_easy_setopt(easy, option, &blob);
}

/* What proves who we are, and who they are. */
static void set_trust(struct http_call *call, const struct http_ask *ask)
{
	CURL *e = call->easy;

	if (ask->ca_path && *ask->ca_path)
		curl_easy_setopt(e, CURLOPT_CAINFO, ask->ca_path);
	if (ask->insecure) {
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	set_blob(e, CURLOPT_CAINFO_BLOB, ask->ca_pem);
	set_blob(e, CURLOPT_SSLCERT_BLOB, ask->cert_pem);
	set_blob(e, CURLOPT_SSLKEY_BLOB, ask->key_pem);
}

static void set_options(struct http_call *call, const struct http_ask *ask)
{
	CURL *e = call->easy;

	curl_easy_setopt(e, CURLOPT_URL, ask->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, strncasecmp(ask->url, "https:", 6) == 0 ? "https" : "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, ask->follow_redirects ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, to_ms(ask->timeout_us));
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
	                 to_ms(ask->connect_timeout_us ? ask->connect_timeout_us : ask->timeout_us));
	curl_easy_setopt(e, CURLOPT_USERAGENT, "llmdeck/" LLMDECK_VERSION);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->words);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
	if (ask->accept_compressed)
		curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
	set_trust(call, ask);
	if (ask->stop) {
		call->stop = ask->stop;
		curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, look_at_stop);
		curl_easy_setopt(e, CURLOPT_XFERINFODATA, call);
		curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
	}
	if (ask->unix_path)
		curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, ask->unix_path);
	if (ask->body.len || ask->body_type) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.len);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, ask->body.len ? ask->body.ptr : "");
	}
	if (ask->method)
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, ask->method);
	set_headers(call, ask);
}

static void call_prepare(struct http_call *call, CURL *easy, const struct http_ask *ask)
{
	struct buf shown = {0};

	call->easy = easy;
	call->answer_max_bytes = ask->answer_max_bytes;
	if (ask->unix_path)
		buf_puts(&shown, ask->unix_path);
	else
		http_url_for_words(&shown, ask->url);
	call->shown_url = buf_steal(&shown);
	set_options(call, ask);
}

static enum http_result failure(struct http_call *call, CURLcode code, struct err *err)
{
	long os_errno = 0;
	const char *words = call->words[0] ? call->words : curl_easy_strerror(code);

	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno);
	if (call->too_large) {
		err_set(err, "http: %s: the answer is longer than %zu bytes: not read", call->shown_url,
		        call->answer_max_bytes);
		return HTTP_FAILED;
	}
	if (call->header_bytes > HEADERS_READ_MAX_BYTES) {
		err_set(err, "http: %s: the answer's headers do not end: not read", call->shown_url);
		return HTTP_FAILED;
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		err_set(err, "http: %s: no answer in time", call->shown_url);
		return HTTP_TIMED_OUT;
	}
	if (code == CURLE_COULDNT_CONNECT && (os_errno == EACCES || os_errno == EPERM)) {
		err_set(err, "http: %s: you may not open this socket", call->shown_url);
		return HTTP_DENIED;
	}
	err_set(err, "http: %s: %s", call->shown_url, words);
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ? HTTP_UNREACHABLE
	                                                                         : HTTP_FAILED;
}

static enum http_result conclude(struct http_call *call, CURLcode code, struct err *err)
{
	const char *type = NULL;
	long status = 0;

	if (code != CURLE_OK)
		return failure(call, code, err);
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
	call->got.status = (int)status;
	if (type)
		strncat(call->got.type, type, sizeof(call->got.type) - 1);
	return HTTP_ANSWERED;
}

static void call_fini(struct http_call *call)
{
	/* headers carry tokens and passwords */
	for (struct curl_slist *h = call->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(call->headers);
	free(call->shown_url);
	http_got_fini(&call->got);
}

struct http_client *http_client_new(void)
{
	struct http_client *c = mem_zalloc(sizeof(*c));

	curl_global_init(CURL_GLOBAL_DEFAULT);
	return c;
}

void http_client_free(struct http_client **c)
{
	if (!*c)
		return;
	if ((*c)->easy)
		curl_easy_cleanup((*c)->easy);
	curl_global_cleanup();
	free(*c);
	*c = NULL;
}

enum http_result http_fetch(struct http_client *c, const struct http_ask *ask, struct http_got *got,
                            struct err *err)
{
	struct http_call call = {0};

	*got = (struct http_got){0};
	if (c->easy)
		curl_easy_reset(c->easy); /* keeps the connection */
	else
		c->easy = curl_easy_init();
	if (!c->easy) {
		err_set(err, "http: libcurl gave no handle: check the limit of open files");
		return HTTP_FAILED;
	}
	call_prepare(&call, c->easy, ask);
	enum http_result result = conclude(&call, curl_easy_perform(c->easy), err);

	if (result == HTTP_ANSWERED) {
		*got = call.got;
		call.got = (struct http_got){0};
	}
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, NULL);
	call_fini(&call);
	return result;
}

static void call_free(struct http_call *call)
{
	curl_easy_cleanup(call->easy);
	call_fini(call);
	free(call);
}

static void transfer_done(void *arg, int code)
{
	struct http_call *call = arg;
	struct err err = {""};
	enum http_result result = conclude(call, (CURLcode)code, &err);

	call->done(call->arg, result, &call->got, &err);
	call_free(call);
}

struct http_call *http_begin(struct loop *loop, const struct http_ask *ask,
                             void (*done)(void *arg, enum http_result result,
                                          const struct http_got *got, const struct err *err),
                             void *arg)
{
	struct http_call *call = mem_zalloc(sizeof(*call));
	CURL *easy = curl_easy_init();

	if (!easy) {
		struct err err;

		free(call);
		err_set(&err, "http: libcurl gave no handle: check the limit of open files");
		done(arg, HTTP_FAILED, &(struct http_got){0}, &err);
		return NULL;
	}
	call->loop = loop;
	call->done = done;
	call->arg = arg;
	call_prepare(call, easy, ask);
	loop_transfer_add(loop, easy, transfer_done, call);
	return call;
}

void http_cancel(struct http_call **call)
{
	if (!*call)
		return;
	loop_transfer_remove((*call)->loop, (*call)->easy);
	call_free(*call);
	*call = NULL;
}
