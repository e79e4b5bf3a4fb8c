/* The socket is non-blocking and waited for in slices, so that the stop flag is seen. HAProxy closes
 * the connection after a line without "prompt", which ends the answer. */
#include "act/haproxy_cli.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "net/tcp.h"

#define SLICE_MS 100
#define LINE_FIELDS_MAX 128

enum { ADMIN_MAINT = 0x01 | 0x02 | 0x04 | 0x20 | 0x40, ADMIN_DRAIN = 0x08 | 0x10 };

int haproxy_address_read(struct haproxy_address *a, const char *text, struct err *err)
{
	struct tcp_address tcp;
	const char *bare = strncmp(text, "unix@", 5) == 0 ? text + 5 : text;

	*a = (struct haproxy_address){0};
	if (bare[0] == '/') {
		if (strlen(bare) >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return err_set(err, "%s: the socket's path is too long", bare);
		a->path = bare;
		return 0;
	}
	a->host = strncmp(text, "ipv4@", 5) == 0 || strncmp(text, "ipv6@", 5) == 0 ? text + 5 : text;
	if (tcp_parse(a->host, &tcp, err) < 0)
		return err_wrap(err, "socket: give the path of a stats socket or ADDRESS:PORT");
	return 0;
}

static const char *where(const struct haproxy_address *a)
{
	return a->path ? a->path : a->host;
}

static enum act_result connect_failed(const struct haproxy_address *a, int code, struct act_why *why)
{
	if (code == EACCES || code == EPERM)
		return act_fail(why, ACT_DENIED, "haproxy: %s: this user may not open the socket: write `stats socket %s mode 660 "
		                "group GROUP level admin` with a group the collector is in, and reload", where(a), where(a));
	if (code == ENOENT)
		return act_retry(why, ACT_UNREACHABLE, "haproxy: %s: there is no such socket: is HAProxy running, and is the path "
		                 "that of its `stats socket` line?", where(a));
	return act_retry(why, ACT_UNREACHABLE, "haproxy: %s: %s: is HAProxy running?", where(a), strerror(code));
}

static int open_socket(const struct haproxy_address *a, int *error)
{
	struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
	struct tcp_address tcp;
	struct err err;
	const struct sockaddr *to = (const struct sockaddr *)&unix_address;
	socklen_t len = sizeof(unix_address);

	if (a->path) {
		memcpy(unix_address.sun_path, a->path, strlen(a->path) + 1);
	} else if (tcp_parse(a->host, &tcp, &err) == 0) {
		to = (const struct sockaddr *)&tcp.bytes;
		len = tcp.len;
	}
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*error = errno;
	if (fd < 0)
		return -1;
	if (connect(fd, to, len) == 0 || errno == EINPROGRESS)
		return fd;
	/* EAGAIN: a Unix socket's queue is full, so somebody is there who does not accept */
	*error = errno == EAGAIN ? ETIMEDOUT : errno;
	close(fd);
	return -1;
}

/* 1 ready, 0 given up (why is filled). */
static int wait_for(int fd, short events, const struct haproxy_address *a, const struct act_ask *ask,
                    struct act_why *why)
{
	struct buf what = {0};
	int ready = 0;

	buf_printf(&what, "haproxy: %s", where(a));
	while (!ready && !ask_over(ask, what.data, why)) {
		struct pollfd p = {.fd = fd, .events = events};

		ready = poll(&p, 1, SLICE_MS) > 0;
	}
	buf_fini(&what);
	return ready;
}

static enum act_result send_line(int fd, const struct haproxy_address *a, const struct act_ask *ask,
                                 struct str line, struct act_why *why)
{
	int code = 0;
	socklen_t len = sizeof(code);

	if (!wait_for(fd, POLLOUT, a, ask, why))
		return ACT_RETRY;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0 || code)
		return connect_failed(a, code ? code : errno, why);
	while (line.len) {
		ssize_t sent = send(fd, line.ptr, line.len, MSG_NOSIGNAL);

		if (sent > 0) {
			why->maybe_changed = true;
			line.ptr += sent;
			line.len -= (size_t)sent;
		} else if (errno != EAGAIN && errno != EINTR) {
			return act_retry(why, ACT_UNREACHABLE, "haproxy: %s: hung up before the command: is it being reloaded?",
			                 where(a));
		} else if (!wait_for(fd, POLLOUT, a, ask, why)) {
			return ACT_RETRY;
		}
	}
	return ACT_OK;
}

static enum act_result read_answer(int fd, const struct haproxy_address *a, const struct act_ask *ask,
                                   struct buf *answer, struct act_why *why)
{
	for (;;) {
		if (!wait_for(fd, POLLIN, a, ask, why))
			return ACT_RETRY;
		ssize_t got = recv(fd, buf_reserve(answer, 65536), 65536, 0);

		if (got == 0)
			break;
		if (got > 0)
			answer->len += (size_t)got;
		else if (errno != EAGAIN && errno != EINTR)
			return act_retry(why, ACT_UNREACHABLE, "haproxy: %s: broke off in its answer: is it being reloaded?", where(a));
		if (answer->len > HAPROXY_ANSWER_MAX_BYTES)
			return act_fail(why, ACT_GARBLED, "haproxy: %s: answers with more than %u bytes: that is no HAProxy", where(a),
			                HAPROXY_ANSWER_MAX_BYTES);
	}
	/* every answer of HAProxy ends in a newline; without, somebody else answered or it was cut */
	if (!answer->len || answer->data[answer->len - 1] != '\n')
		return act_retry(why, ACT_GARBLED, "haproxy: %s: closed without a whole answer: is that its stats socket?", where(a));
	buf_append_c(answer, '\0');
	answer->len--;
	return ACT_OK;
}

enum act_result haproxy_command(const struct haproxy_address *a, const struct act_ask *ask, const char *line,
                                struct buf *answer, struct act_why *why)
{
	int error = 0;
	struct buf text = {0};
	int fd = open_socket(a, &error);

	if (fd < 0)
		return connect_failed(a, error, why);
	buf_printf(&text, "%s\n", line);
	enum act_result result = send_line(fd, a, ask, buf_str(&text), why);
	if (result == ACT_OK)
		result = read_answer(fd, a, ask, answer, why);
	buf_fini(&text);
	close(fd);
	return result;
}

/* ── what it answers ───────────────────────────────────────────────────────────────────────── */

static size_t split(struct str line, char separator, struct str *fields, size_t max)
{
	size_t count = 0;

	while (count < max && (line.len || count == 0)) {
		fields[count++] = str_cut(&line, separator);
		if (!line.ptr)
			break;
	}
	return count;
}

static int column(const struct str *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (str_equal_c(names[i], name))
			return (int)i;
	}
	return -1;
}

static bool number(struct str text, int64_t min, int64_t max, int64_t *out)
{
	return str_to_int64(text, out) && *out >= min && *out <= max;
}

/* Columns are found by their names: later versions add some. */
static int read_state_line(struct str line, const struct str *names, size_t name_count, const char *backend,
                           struct haproxy_backend *out)
{
	struct str f[LINE_FIELDS_MAX];
	size_t count = split(line, ' ', f, LINE_FIELDS_MAX);
	int be = column(names, name_count, "be_name"), srv = column(names, name_count, "srv_name");
	int op = column(names, name_count, "srv_op_state"), admin = column(names, name_count, "srv_admin_state");
	int weight = column(names, name_count, "srv_uweight"), initial = column(names, name_count, "srv_iweight");
	int64_t v[4];

	if (be < 0 || srv < 0 || op < 0 || admin < 0 || weight < 0 || initial < 0 || count < name_count)
		return -1;
	if (!str_equal_c(f[be], backend))
		return 0;
	if (!number(f[op], 0, 3, &v[0]) || !number(f[admin], 0, 0xffff, &v[1]) ||
	    !number(f[weight], 0, HAPROXY_WEIGHT_MAX, &v[2]) || !number(f[initial], 0, HAPROXY_WEIGHT_MAX, &v[3]) ||
	    f[srv].len == 0 || f[srv].len >= sizeof(out->servers[0].name) || out->count == HAPROXY_SERVERS_MAX)
		return -1;
	struct haproxy_server *s = &out->servers[out->count++];

	*s = (struct haproxy_server){.arm = -1, .op_state = (int)v[0], .admin_state = (unsigned)v[1],
	                             .weight = (unsigned)v[2], .initial = (unsigned)v[3]};
	text_harmless(s->name, sizeof(s->name), f[srv]);
	return 0;
}

int haproxy_parse_states(struct str answer, const char *backend, struct haproxy_backend *out)
{
	struct str names[LINE_FIELDS_MAX];
	size_t name_count = 0;

	if (!str_equal_c(str_cut(&answer, '\n'), "1"))
		return -1;
	while (answer.len) {
		struct str line = str_trim(str_cut(&answer, '\n'));

		if (line.len > 2 && line.ptr[0] == '#')
			name_count = split((struct str){line.ptr + 2, line.len - 2}, ' ', names, LINE_FIELDS_MAX);
		else if (line.len && (!name_count || read_state_line(line, names, name_count, backend, out)))
			return -1;
	}
	return name_count ? 0 : -1;
}

static void read_counter_line(struct str line, const struct str *names, size_t name_count,
                              struct haproxy_backend *out)
{
	/* all columns that matter come before the first that may be quoted */
	static const char *const wanted[] = {"svname", "stot", "eresp", "hrsp_5xx", "bck"};
	struct str f[LINE_FIELDS_MAX], text[5];
	size_t count = split(line, ',', f, LINE_FIELDS_MAX);
	int64_t sessions, broken, failed = 0;

	for (size_t i = 0; i < 5; i++) {
		int at = column(names, name_count, wanted[i]);

		if (at < 0 || (size_t)at >= count)
			return;
		text[i] = f[at];
	}
	if (!number(text[1], 0, INT64_MAX, &sessions) || !number(text[2], 0, INT64_MAX, &broken))
		return;
	number(text[3], 0, INT64_MAX, &failed); /* empty in TCP mode */
	for (size_t i = 0; i < out->count; i++) {
		struct haproxy_server *s = &out->servers[i];

		if (!str_equal_c(text[0], s->name))
			continue;
		s->has_counters = true;
		s->sessions = (uint64_t)sessions;
		s->errors = (uint64_t)failed + (uint64_t)broken;
		s->backup = str_equal_c(text[4], "1");
	}
}

int haproxy_parse_counters(struct str csv, struct haproxy_backend *out)
{
	struct str names[LINE_FIELDS_MAX], head = str_cut(&csv, '\n');

	if (!str_starts_with(head, STR_LIT("# ")))
		return -1;
	size_t name_count = split((struct str){head.ptr + 2, head.len - 2}, ',', names, LINE_FIELDS_MAX);

	while (csv.len)
		read_counter_line(str_cut(&csv, '\n'), names, name_count, out);
	return 0;
}

const char *haproxy_server_state(const struct haproxy_server *s)
{
	if (s->admin_state & ADMIN_MAINT)
		return "maint";
	if (s->admin_state & ADMIN_DRAIN)
		return "drain";
	return s->op_state == 1 || s->op_state == 2 ? "ready" : "down";
}

bool haproxy_server_takes_traffic(const struct haproxy_server *s)
{
	return !s->backup && strcmp(haproxy_server_state(s), "ready") == 0;
}

static uint64_t process_of(struct str info)
{
	uint64_t id = 0;

	while (info.len) {
		struct str line = str_trim(str_cut(&info, '\n'));

		if (str_starts_with(line, STR_LIT("Pid: ")) || str_starts_with(line, STR_LIT("Start_time_sec: ")))
			id = hash_mix(id, hash_bytes(line.ptr, line.len));
	}
	return id;
}

enum act_result haproxy_look(const struct haproxy_address *a, const struct act_ask *ask, const char *backend,
                             const struct lineup *lineup, struct haproxy_backend *out, struct act_why *why)
{
	struct buf level = {0}, info = {0}, states = {0}, counters = {0}, line = {0};
	char words[160];
	enum act_result result = ACT_FAILED;

	*out = (struct haproxy_backend){0};
	if ((result = haproxy_command(a, ask, "show cli level", &level, why)) != ACT_OK ||
	    (result = haproxy_command(a, ask, "show info", &info, why)) != ACT_OK)
		goto out;
	text_harmless(out->level, sizeof(out->level), str_trim(buf_str(&level)));
	out->process = process_of(buf_str(&info));
	buf_printf(&line, "show servers state %s", backend);
	if ((result = haproxy_command(a, ask, line.data, &states, why)) != ACT_OK)
		goto out;
	if (haproxy_parse_states(buf_str(&states), backend, out)) {
		text_harmless(words, sizeof(words), str_trim(buf_str(&states)));
		result = strcmp(words, "Can't find backend.") == 0
		       ? act_fail(why, ACT_MISSING, "haproxy: %s: there is no backend `%s`: mend `backend` in the config", where(a), backend)
		       : act_fail(why, ACT_GARBLED, "haproxy: %s: did not understand its servers' states: %s", where(a), words);
		goto out;
	}
	buf_reset(&line);
	buf_printf(&line, "show stat %s 4 -1", backend);
	if ((result = haproxy_command(a, ask, line.data, &counters, why)) != ACT_OK)
		goto out;
	haproxy_parse_counters(buf_str(&counters), out); /* without counters the shares are still known */
	for (size_t i = 0; i < out->count; i++)
		out->servers[i].arm = lineup_arm_of(lineup, str_of(out->servers[i].name));
out:
	why->maybe_changed = false;
	buf_fini(&level);
	buf_fini(&info);
	buf_fini(&states);
	buf_fini(&counters);
	buf_fini(&line);
	return result;
}
