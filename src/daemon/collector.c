/* The I/O thread is the caller's; it runs the loop with the control socket, the sources' timers, the
 * signals (through a signalfd) and the parent's socket. The writer's thread is the only other one.
 *
 * The end goes in this order, so that everything taken in is stored and everybody who waits gets an
 * answer: no new connections; sources stop; the writer stores what is queued and acknowledges it;
 * the loop hands the answers out; sockets close. */
#include "daemon/collector.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "collect/judges.h"
#include "collect/otlp_receiver.h"
#include "daemon/alerts.h"
#include "daemon/control.h"
#include "daemon/control_feedback.h"
#include "daemon/metrics.h"
#include "daemon/notify.h"
#include "daemon/rollouts_store.h"
#include "daemon/source_host.h"
#include "daemon/writer.h"
#include "net/loop.h"
#include "parse/config.h"
#include "parse/prices.h"

#define RETAIN_EVERY_US US_PER_MIN
#define PRESSURE_EVERY_US (100 * US_PER_MS)
#define FILL_PAUSES 0.75  /* share of the queue at which the sources hold back */
#define FILL_RESUMES 0.40 /* and at which they go on */
#define FAREWELL_US (2 * US_PER_S)

struct collector {
	const struct collector_options *options;
	const struct config *config; /* options->config, or the re-read one */
	struct config *reread;       /* NULL: none yet */
	struct price_table *prices;
	struct loop *loop;
	struct writer *writer;
	struct control *control;
	struct source_host *host;
	struct alerts *alerts;
	struct control_feedback *feedback;
	struct rollouts *rollouts, **retired;
	size_t retired_count;
	struct rollouts_store rollouts_store;
	struct loop_timer *pressure, *watchdog;
	int64_t watchdog_us, started_us;
	int signal_fd;
	sigset_t signals_before;
};

/* ── status ────────────────────────────────────────────────────────────────────────────────── */

static void append_ms(struct buf *out, const char *name, int64_t us)
{
	if (us < 0)
		buf_printf(out, "\"%s\":null,", name);
	else
		buf_printf(out, "\"%s\":%.3f,", name, (double)us / (double)US_PER_MS);
}

static void append_time(struct buf *out, const char *name, int64_t us)
{
	char text[TIME_TEXT_BYTES];

	if (us)
		buf_printf(out, "\"%s\":\"%s\"", name, time_format(us, text));
	else
		buf_printf(out, "\"%s\":null", name);
}

static void append_writer(const struct collector *c, struct buf *out)
{
	struct writer_stats s;

	writer_get_stats(c->writer, &s);
	buf_printf(out, "\"queue\":{\"batches\":%zu,\"batches_max\":%zu,\"bytes\":%zu,\"bytes_max\":%zu},",
	           s.queued_batches, s.queue_batches_max, s.queued_bytes, s.queue_bytes_max);
	buf_printf(out, "\"rows\":%llu,\"duplicates\":%llu,\"batches\":%llu,\"rows_per_s\":%.1f,",
	           (unsigned long long)s.rows, (unsigned long long)s.duplicates,
	           (unsigned long long)s.batches, s.rows_per_s);
	buf_printf(out, "\"commit\":{\"count\":%llu,", (unsigned long long)s.commits);
	append_ms(out, "p50_ms", s.commit_p50_us);
	append_ms(out, "p99_ms", s.commit_p99_us);
	append_time(out, "last", s.last_commit_us);
	buf_printf(out, "},\"refused\":%llu,\"failures\":%llu,\"given_back\":%llu,\"failing\":%s,\"words\":",
	           (unsigned long long)s.refused, (unsigned long long)s.failures,
	           (unsigned long long)s.given_back, s.failing ? "true" : "false");
	buf_append_json(out, str_of(s.words));
}

static void append_status(void *arg, struct buf *out)
{
	const struct collector *c = arg;

	buf_printf(out, "\"version\":\"%s\",\"pid\":%ld,\"uid\":%u,\"store\":", LLMDECK_VERSION,
	           (long)getpid(), (unsigned)geteuid());
	buf_append_json(out, str_of(c->options->store_path));
	buf_puts(out, ",");
	append_time(out, "started", c->started_us);
	buf_puts(out, ",");
	append_time(out, "now", clock_wall_us());
	buf_printf(out, ",\"demo\":%s,", c->options->demo ? "true" : "false");
	append_writer(c, out);
	buf_puts(out, ",\"sources\":");
	source_host_status(c->host, out);
}

static void append_metrics(void *arg, struct buf *out)
{
	const struct collector *c = arg;
	struct writer_stats s;

	writer_get_stats(c->writer, &s);
	metrics_append_writer(out, &s, c->started_us);
	source_host_metrics(c->host, out);
}

/* ── events of the loop ────────────────────────────────────────────────────────────────────── */

static void ask_to_stop(void *arg)
{
	struct collector *c = arg;

	loop_stop(c->loop);
}

static void check_pressure(void *arg)
{
	struct collector *c = arg;
	double fill = writer_fill(c->writer);

	if (fill >= FILL_PAUSES)
		source_host_pause(c->host, true);
	else if (fill <= FILL_RESUMES)
		source_host_pause(c->host, false);
	loop_timer_set(c->loop, c->pressure, PRESSURE_EVERY_US);
}

static void feed_watchdog(void *arg)
{
	struct collector *c = arg;

	notify_send("WATCHDOG=1");
	loop_timer_set(c->loop, c->watchdog, c->watchdog_us);
}

static struct retention retention_of(const struct config *config)
{
	const union option_value *v = config->options;

	return (struct retention){
		.raw_us = v[OPTION_RETENTION_RAW].number,
		.rollup_10s_us = v[OPTION_RETENTION_ROLLUP_10S].number,
		.rollup_1m_us = v[OPTION_RETENTION_ROLLUP_1M].number,
		.rollup_10m_us = v[OPTION_RETENTION_ROLLUP_10M].number,
		.rollup_1h_us = v[OPTION_RETENTION_ROLLUP_1H].number,
		.text_us = v[OPTION_RETENTION_TEXT].number,
		.size_bytes = v[OPTION_RETENTION_SIZE].number,
	};
}

/* Where OTLP is received, NULL for nowhere. */
static const char *listen_of(const struct collector_options *o, const struct config *config)
{
	const char *listen = o->listen ? o->listen : config->options[OPTION_LISTEN].text;

	return o->receive && *listen && strcmp(listen, "none") != 0 ? listen : NULL;
}

static int check_receiver(const struct collector_options *o, const struct config *config, struct err *err)
{
	const char *listen = listen_of(o, config);

	return listen ? otlp_receiver_check(listen, config->options[OPTION_TOKEN].text, err) : 0;
}

static void start_sources(struct collector *c)
{
	source_host_receive(c->host, listen_of(c->options, c->config), c->config->options[OPTION_TOKEN].text);
	source_host_start(c->host, c->config, c->prices);
}

static void guardrails_judged(void *arg, const struct guardrail_reading *readings, size_t count)
{
	const struct collector *c = arg;

	if (c->alerts)
		alerts_put_guardrails(c->alerts, readings, count);
}

static int start_rollouts(struct collector *c, const struct config *config, struct err *err)
{
	struct rollouts_options o = {
		.loop = c->loop, .config = config, .store_path = c->options->store_path, .demo = c->options->demo,
		.ops = rollouts_real_targets,
	};

	c->rollouts_store = (struct rollouts_store){c->loop, c->writer};
	o.ops.store = rollouts_store_record;
	o.ops.report = rollouts_store_report;
	o.ops.arg = &c->rollouts_store;
	o.judged = guardrails_judged;
	o.judged_arg = c;
	if (rollouts_start(&c->rollouts, &o, err))
		return -1;
	control_set_rollouts(c->control, c->rollouts);
	return 0;
}

/* What a hard budget asks for, by the way of an operator's order. */
static enum deed_result act_for_budget(void *arg, const char *verb, const char *rollout, const char *shares, const char *key,
                                       const char *reason, struct err *err)
{
	struct collector *c = arg;
	struct caller self;
	struct buf progress = {0};

	if (!c->rollouts)
		return DEED_LATER;
	caller_self("budget", &self);
	const struct rollout_order order = {
		.rollout = str_of(rollout), .verb = str_of(verb), .shares = str_of(shares), .key = str_of(key), .reason = str_of(reason),
		.caller = &self, .automatic = true,
	};
	enum order_result result = rollouts_begin(c->rollouts, &order, &progress, err);

	buf_fini(&progress);
	return result == ORDER_OK ? DEED_BEGUN : result == ORDER_BUSY ? DEED_LATER : DEED_REFUSED;
}

/* Everything that a configuration asks of others, before it is taken. */
static int check_config(const struct collector_options *o, const struct config *config, struct err *err)
{
	return source_host_check(config, o->demo, err) || check_receiver(o, config, err) ||
	       rollouts_check(config, o->demo, err) || alerts_check(config, err) ? -1 : 0;
}

static int do_nothing(struct store_writer *store, void *arg, struct err *err)
{
	(void)store;
	(void)arg;
	(void)err;
	return 0;
}

/* Stops the rollouts of the old configuration, which may go then. Their last records are waited for;
 * the structure stays until the loop is gone, since jobs of the loop still name it. */
static void retire_rollouts(struct collector *c)
{
	control_set_rollouts(c->control, NULL);
	rollouts_stop(c->rollouts);
	writer_run(c->writer, do_nothing, NULL, NULL);
	c->retired = mem_array(c->retired, c->retired_count + 1, sizeof(struct rollouts *));
	c->retired[c->retired_count++] = c->rollouts;
	c->rollouts = NULL;
}

/* So that it is told with all else that changed around an incident. */
static int audit_reread(struct store_writer *store, void *arg, struct err *err)
{
	const struct collector *c = arg;
	struct caller self;

	caller_self("configuration", &self);
	const struct audit_entry entry = {
		.time_us = clock_wall_us(), .uid = self.uid, .login_uid = self.login_uid, .claimed_name = str_of(self.claimed),
		.action = STR_LIT("config.reload"), .target = str_of(c->options->config_path), .outcome = STR_LIT("taken"),
	};

	return store_writer_add_audit(store, &entry, err);
}

/* The new configuration is taken whole, or the old one stays. */
static void reread_config(struct collector *c)
{
	struct config *config = mem_zalloc(sizeof(*config));
	struct err err = {""};

	if (config_load(config, c->options->config_path, &err)) {
		free(config);
		log_error("%s: the old configuration stays", err.text);
		return;
	}
	if (rollouts_busy(c->rollouts))
		err_set(&err, "%s: a rollout's change is under way", c->options->config_path);
	if (err.text[0] || check_config(c->options, config, &err)) {
		config_fini(config);
		free(config);
		log_error("%s: the old configuration stays", err.text);
		return;
	}
	struct retention keep = retention_of(config);

	source_host_receive(c->host, listen_of(c->options, config), config->options[OPTION_TOKEN].text);
	source_host_stop_changed(c->host, config);
	retire_rollouts(c);
	alerts_set_config(c->alerts, config);
	control_feedback_set_config(c->feedback, config);
	judges_configure(config);
	if (c->reread)
		config_fini(c->reread);
	free(c->reread);
	c->reread = config;
	c->config = config;
	control_set_config(c->control, config);
	writer_set_retention(c->writer, &keep);
	start_sources(c);
	if (start_rollouts(c, config, &err))
		log_error("%s: rollouts cannot be steered", err.text);
	if (writer_run(c->writer, audit_reread, c, &err))
		log_warning("the audit does not tell that the configuration was read again: %s", err.text);
	log_info("configuration %s read again", c->options->config_path);
}

static void take_signal(void *arg)
{
	struct collector *c = arg;
	struct signalfd_siginfo info;

	if (read(c->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo != SIGHUP)
		loop_stop(c->loop);
	else if (c->options->config_path)
		reread_config(c);
}

/* Nothing is ever sent to us here: readable means that the parent is gone. */
static void parent_gone(void *arg)
{
	struct collector *c = arg;

	loop_unwatch(c->loop, c->options->parent_fd);
	loop_stop(c->loop);
}

/* ── start and end ─────────────────────────────────────────────────────────────────────────── */

static void tell_parent(const struct collector_options *o, const char *line)
{
	if (o->parent_fd < 0)
		return;
	(void)!send(o->parent_fd, line, strlen(line), MSG_NOSIGNAL);
	(void)!send(o->parent_fd, "\n", 1, MSG_NOSIGNAL);
}

static int take_signals(struct collector *c, struct err *err)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, &c->signals_before);
	c->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signal_fd >= 0 ? 0 : err_set(err, "collector: signals: %s", strerror(errno));
}

static int make_folder_of(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	int result = 0;

	if (slash && slash != path) {
		char *folder = mem_strndup(path, (size_t)(slash - path));

		result = file_make_dirs(folder, 0750, err);
		free(folder);
	}
	return result;
}

static void load_prices(struct collector *c)
{
	struct err err = {""};

	if (price_table_load(&c->prices, c->config, c->options->store_path, NULL, &err)) {
		c->prices = NULL;
		log_warning("%s: requests stay unpriced", err.text);
	}
}

#define KEEP_FREED_BYTES (16 << 20)
#define MAPPED_BYTES (1 << 20)

/* Bodies and batches come and go all the time: handing their pages back to the kernel and having them
 * cleared again costs as much as storing what is in them. They are made on one thread and freed on another: in
 * one arena more of what is freed serves again. */
static void keep_freed_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, KEEP_FREED_BYTES);
	mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
	mallopt(M_ARENA_MAX, 1);
}

static int open_parts(struct collector *c, struct err *err)
{
	const struct collector_options *o = c->options;
	struct writer_options writer_options = {
		.store = {.full_sync = true, .demo = o->demo},
		.keep = retention_of(o->config), .retain_every_us = RETAIN_EVERY_US,
	};
	struct control_options control_options = {
		.socket_path = o->socket_path, .config = o->config, .status = append_status, .metrics = append_metrics,
		.stop = ask_to_stop, .arg = c,
	};

	judges_configure(o->config);
	if (check_config(o, o->config, err) || take_signals(c, err) ||
	    make_folder_of(o->store_path, err) || make_folder_of(o->socket_path, err) ||
	    loop_new(&c->loop, err) || writer_start(&c->writer, o->store_path, &writer_options, err))
		return -1;
	control_options.sink = writer_sink(c->writer);
	control_options.writer = c->writer;
	c->host = source_host_new(c->loop, control_options.sink, o->store_path);
	source_host_set_metrics(c->host, append_metrics, c);
	if (control_start(&c->control, c->loop, &control_options, err) || start_rollouts(c, o->config, err) ||
	    alerts_start(&c->alerts, c->loop, c->writer, o->store_path, o->config, err))
		return -1;
	alerts_set_actor(c->alerts, act_for_budget, c);
	control_set_alerts(c->control, c->alerts);
	c->feedback = control_feedback_new(c->loop, c->writer, o->config);
	control_set_feedback(c->control, c->feedback);
	return 0;
}

static void begin(struct collector *c)
{
	load_prices(c);
	loop_watch(c->loop, c->signal_fd, take_signal, c);
	if (c->options->parent_fd >= 0)
		loop_watch(c->loop, c->options->parent_fd, parent_gone, c);
	c->pressure = loop_timer_new(c->loop, PRESSURE_EVERY_US, check_pressure, c);
	c->watchdog_us = notify_watchdog_us();
	if (c->watchdog_us)
		c->watchdog = loop_timer_new(c->loop, c->watchdog_us, feed_watchdog, c);
	start_sources(c);
	keep_freed_memory();
	log_info("collecting into %s, control socket %s", c->options->store_path, c->options->socket_path);
	notify_send("READY=1");
	tell_parent(c->options, "ready");
}

/* Turns of the loop until every waiting client has its answer. */
static void say_farewell(struct collector *c)
{
	int64_t until_us = clock_mono_us() + FAREWELL_US;

	do {
		if (loop_turn(c->loop, 10, NULL))
			return;
	} while (control_pending(c->control) && clock_mono_us() < until_us);
}

static void end(struct collector *c)
{
	if (c->control)
		control_quiesce(c->control);
	if (c->host)
		source_host_stop(c->host);
	if (c->loop) {
		loop_timer_free(c->loop, &c->pressure); /* it asks the writer */
		loop_timer_free(c->loop, &c->watchdog);
	}
	if (c->control)
		control_set_rollouts(c->control, NULL);
	rollouts_stop(c->rollouts);
	if (c->control)
		control_set_alerts(c->control, NULL);
	alerts_stop(c->alerts);
	if (c->control)
		control_set_feedback(c->control, NULL);
	control_feedback_stop(c->feedback);
	writer_stop(&c->writer);
	if (c->control)
		say_farewell(c);
	control_stop(&c->control);
	source_host_free(&c->host);
	loop_free(&c->loop);
	alerts_free(&c->alerts);
	control_feedback_free(&c->feedback);
	rollouts_free(&c->rollouts);
	while (c->retired_count)
		rollouts_free(&c->retired[--c->retired_count]);
	free(c->retired);
	price_table_free(&c->prices);
	if (c->reread)
		config_fini(c->reread);
	free(c->reread);
	if (c->signal_fd >= 0)
		close(c->signal_fd);
	sigprocmask(SIG_SETMASK, &c->signals_before, NULL);
}

int collector_run(const struct collector_options *o, struct err *err)
{
	struct collector c = {
		.options = o, .config = o->config, .started_us = clock_wall_us(), .signal_fd = -1,
	};

	sigprocmask(SIG_SETMASK, NULL, &c.signals_before);
	int result = open_parts(&c, err);

	if (result) {
		tell_parent(o, err->text);
	} else {
		begin(&c);
		result = loop_run(c.loop, err);
		notify_send("STOPPING=1");
		log_info("ending: storing what is queued");
	}
	end(&c);
	return result;
}
