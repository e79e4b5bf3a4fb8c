/* Log lines to stderr (with <N> priority prefixes under systemd). Thread-safe. Never pass a
 * secret; bytes from outside are made harmless here. */
#ifndef LLMDECK_BASE_LOG_H
#define LLMDECK_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level); /* default WARNING */
/* NULL restores stderr. The console turns lines into toasts with this. Called with the log's lock
 * held, from any thread: the sink must not log. */
void log_set_sink(void (*sink)(enum log_level, const char *line, void *arg), void *arg);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* At most one line per `every_us` per call site (keep a static struct log_limit there); what was
 * held back is counted in the next line. */
struct log_limit {
	long long last_us;
	unsigned long held;
};
void log_limited(struct log_limit *limit, long long every_us, enum log_level level,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
