/* One line per call, made harmless, written with one write(2) so that lines of several threads do
 * not mix. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

#define LINE_MAX_BYTES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int level_shown = LOG_LEVEL_WARNING;
static void (*line_sink)(enum log_level, const char *, void *);
static void *line_sink_arg;

void log_set_level(enum log_level level)
{
	level_shown = (int)level;
}

void log_set_sink(void (*sink)(enum log_level, const char *line, void *arg), void *arg)
{
	pthread_mutex_lock(&lock);
	line_sink = sink;
	line_sink_arg = arg;
	pthread_mutex_unlock(&lock);
}

/* systemd says with JOURNAL_STREAM=DEVICE:INODE that stderr goes to its journal (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return text != NULL && sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && (unsigned long long)st.st_dev == device &&
	       (unsigned long long)st.st_ino == inode;
}

static void write_line(enum log_level level, const char *line)
{
	static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};
	static const char *const names[] = {"llmdeck: error: ", "llmdeck: warning: ", "llmdeck: ",
	                                    "llmdeck: debug: "};
	struct buf b = {0};
	size_t done = 0;

	buf_puts(&b, stderr_is_journal() ? priorities[level] : names[level]);
	buf_puts(&b, line);
	buf_append_c(&b, '\n');
	while (done < b.len) {
		ssize_t n = write(STDERR_FILENO, b.data + done, b.len - done);

		if (n <= 0)
			break; /* nowhere left to complain to */
		done += (size_t)n;
	}
	buf_fini(&b);
}

static void log_vwrite(enum log_level level, unsigned long held, const char *fmt, va_list ap)
{
	struct buf raw = {0}, line = {0};

	buf_vprintf(&raw, fmt, ap);
	text_append_harmless(&line, buf_str(&raw), LINE_MAX_BYTES);
	if (held > 0)
		buf_printf(&line, " (%lu more like this held back)", held);
	pthread_mutex_lock(&lock);
	if (line_sink != NULL)
		line_sink(level, line.data ? line.data : "", line_sink_arg);
	else
		write_line(level, line.data ? line.data : "");
	pthread_mutex_unlock(&lock);
	buf_fini(&raw);
	buf_fini(&line);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if ((int)level > level_shown)
		return;
	va_start(ap, fmt);
	log_vwrite(level, 0, fmt, ap);
	va_end(ap);
}

void log_limited(struct log_limit *limit, long long every_us, enum log_level level, const char *fmt,
                 ...)
{
	long long now_us = clock_mono_us();
	unsigned long held = 0;
	bool say;
	va_list ap;

	if ((int)level > level_shown)
		return;
	pthread_mutex_lock(&lock);
	say = limit->last_us == 0 || now_us - limit->last_us >= every_us;
	if (say) {
		held = limit->held;
		limit->held = 0;
		limit->last_us = now_us;
	} else {
		limit->held++;
	}
	pthread_mutex_unlock(&lock);
	if (!say)
		return;
	va_start(ap, fmt);
	log_vwrite(level, held, fmt, ap);
	va_end(ap);
}
