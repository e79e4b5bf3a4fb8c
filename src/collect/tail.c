/* The source kind "tail": follows one log of JSONL or CSV and stores each line as a row, once.
 *
 * Where it is, is a place (tail_place.h) that the store keeps as a resume mark and moves in the same
 * transaction as the rows. One batch is under way at a time: what is read next begins where the
 * store has come to, so that a failed batch is simply read again.
 *
 * Whenever the open file does not hold the place any more (truncated, written anew) or is not what
 * the path names (renamed), the rest is read from the file that rotation made of it, and then the
 * path's new file from its start. inotify says when to look; a timer looks anyway, for file systems
 * that do not tell. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "collect/own.h"
#include "collect/resume.h"
#include "collect/tail_place.h"
#include "collect/tail_rows.h"

#define ROWS_A_BATCH 5000u
#define BYTES_A_BATCH ((size_t)2 << 20)
#define TURN_US (8 * US_PER_MS) /* others want the thread too */
#define CHUNK_BYTES ((size_t)256 << 10)
#define CHUNK_MAX_BYTES ((size_t)4 << 20) /* more than the longest record */
#define HEAD_BYTES ((size_t)64 << 10)
#define AGAIN_US (50 * US_PER_MS)
#define GATHER_US (20 * US_PER_MS) /* between a change and looking at it */
#define GRACE_US US_PER_S          /* a writer may still end its line in a file that was renamed */

enum {
	TAIL_PATH, TAIL_AS, TAIL_FORMAT, TAIL_PRESET, TAIL_FROM, TAIL_TZ, TAIL_ORIGIN, TAIL_EVERY, TAIL_MAP, TAIL_SET,
};
static const char *const as_choices[] = {"request", "feedback", NULL};
static const char *const format_choices[] = {"auto", "csv", "jsonl", NULL};
static const char *const from_choices[] = {"end", "start", NULL};

static const struct option_row tail_options[] = {
	[TAIL_PATH] = {"path", OPTION_TEXT, NULL, 0, 0, NULL, NULL, "the log's path, as its writer opens it"},
	[TAIL_AS] = {"as", OPTION_CHOICE, "request", 0, 1, as_choices, NULL, "what its lines are"},
	[TAIL_FORMAT] = {"format", OPTION_CHOICE, "auto", 0, 2, format_choices, NULL, "auto tells by the first bytes"},
	[TAIL_PRESET] = {"preset", OPTION_TEXT, "", 0, 0, NULL, NULL, "columns of a well-known export, as for import"},
	[TAIL_FROM] = {"from", OPTION_CHOICE, "end", 0, 1, from_choices, NULL, "where to begin on first sight"},
	[TAIL_TZ] = {"tz", OPTION_TEXT, "", 0, 0, NULL, NULL, "zone of times that name none; UTC otherwise"},
	[TAIL_ORIGIN] = {"origin", OPTION_TEXT, "", 0, 0, NULL, NULL, "when 0 was, for times that count from 0"},
	[TAIL_EVERY] = {"every", OPTION_DURATION, "1s", 100 * US_PER_MS, US_PER_HOUR, NULL, NULL, "how often to look when nobody tells of a change"},
	[TAIL_MAP] = {"map.*", OPTION_TEXT, NULL, 0, 0, NULL, NULL, "FIELD: COLUMN[:UNIT], as --map of import"},
	[TAIL_SET] = {"set.*", OPTION_TEXT, NULL, 0, 0, NULL, NULL, "FIELD: VALUE for every row, as --set of import"},
	{.name = NULL},
};

struct tail {
	struct source_env env;
	const char *path;
	struct tail_rows *rows;
	struct loop_timer *timer;
	int64_t due_us;         /* when the timer fires, monotonic */
	int notify_fd;          /* -1: none */
	int fd;                 /* what is being read; -1: nothing */
	bool moved;             /* it is no longer what the path names */
	int64_t moved_us;       /* since when, or since its last growth; monotonic */
	bool appeared;          /* the path named nothing when we began: a file there is new */
	uint64_t offset;        /* of the next byte to read */
	struct tail_place place; /* where fd must still fit */
	bool entered;           /* the rows know this file */
	bool unreadable;        /* the rows refused it, and that was said */
	size_t chunk;           /* bytes to read at once */
	bool known_read;        /* `known` is what the store says */
	struct buf known, sent; /* resume marks: stored, under way */
	struct batch *batch;    /* read, not taken by the sink yet */
	bool in_flight, paused;
};

static void say(struct tail *t, enum source_state state, const char *words)
{
	t->env.report->state = state;
	err_set(&t->env.report->words, "%s", words);
}

/* All is well, but for lines that could not be taken. */
static void say_well(struct tail *t)
{
	uint64_t rejected = tail_rows_rejected(t->rows);

	t->env.report->state = SOURCE_OK;
	t->env.report->rejected = rejected;
	if (rejected)
		err_set(&t->env.report->words, "%llu lines rejected since the start; the last: %s: %s",
		        (unsigned long long)rejected, t->path, tail_rows_last_reject(t->rows));
	else
		t->env.report->words.text[0] = '\0';
}

static void wake_in(struct tail *t, int64_t after_us)
{
	t->due_us = clock_mono_us() + after_us;
	loop_timer_set(t->env.loop, t->timer, after_us);
}

static int64_t every_us(const struct tail *t)
{
	return t->env.options[TAIL_EVERY].number;
}

/* ---- files ---- */

static void leave_file(struct tail *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->entered = t->unreadable = t->moved = false;
}

static void watch_path(struct tail *t)
{
	if (t->notify_fd >= 0)
		(void)inotify_add_watch(t->notify_fd, t->path, IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
}

/* Opens what the path names; -1 with the state said. */
static int open_path(struct tail *t)
{
	struct err words;
	struct stat st;
	int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT) {
		err_set(&words, "%s is not there yet: it is read from its start when it appears", t->path);
		say(t, SOURCE_STARTING, words.text);
	} else if (fd < 0) {
		bool denied = errno == EACCES || errno == EPERM;
		err_set(&words, "%s: %s: %s", t->path, strerror(errno),
		        denied ? "let the collector's user read it" : "check the path");
		say(t, denied ? SOURCE_DENIED : SOURCE_FAILING, words.text);
	} else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		err_set(&words, "%s is no regular file: name the log itself", t->path);
		say(t, SOURCE_FAILING, words.text);
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		watch_path(t);
	return fd;
}

static void read_from(struct tail *t, int fd, uint64_t offset, bool moved)
{
	leave_file(t);
	t->fd = fd;
	t->offset = offset;
	t->moved = moved;
	t->moved_us = clock_mono_us();
}

/* Behind the last line that is whole: an unfinished one is read when it is finished. */
static uint64_t end_of_lines(int fd)
{
	char bytes[4096];
	struct stat st;
	uint64_t end;

	if (fstat(fd, &st) != 0)
		return 0;
	end = (uint64_t)st.st_size;
	for (uint64_t at = end; at > 0 && end - at < ROWS_LINE_MAX_BYTES;) {
		size_t len = at < sizeof bytes ? (size_t)at : sizeof bytes;
		const char *newline;
		if (pread(fd, bytes, len, (off_t)(at - len)) != (ssize_t)len)
			return end;
		newline = memrchr(bytes, '\n', len);
		if (newline)
			return at - len + (uint64_t)(newline - bytes) + 1;
		at -= len;
	}
	return end < ROWS_LINE_MAX_BYTES ? 0 : end;
}

/* Behind the zero bytes that a writer leaves who goes on at its old offset in a truncated file. */
static uint64_t skip_hole(int fd, uint64_t from)
{
	char bytes[4096];
	off_t data = lseek(fd, (off_t)from, SEEK_DATA);
	uint64_t at = data > (off_t)from ? (uint64_t)data : from;
	ssize_t got = pread(fd, bytes, sizeof bytes, (off_t)at), zeros = 0;

	while (zeros < got && bytes[zeros] == '\0')
		zeros++;
	return at + (uint64_t)zeros;
}

static void make_mark(struct tail *t)
{
	buf_reset(&t->sent);
	tail_place_format(&t->place, &t->sent);
	resume_put(&t->env, t->batch, buf_str(&t->known), buf_str(&t->sent));
}

/* First sight of the path. False: there is nothing to read yet. */
static bool begin_anew(struct tail *t)
{
	int fd = open_path(t);
	uint64_t offset;

	if (fd < 0) {
		t->appeared = true;
		return false;
	}
	offset = t->appeared || t->env.options[TAIL_FROM].number == 1 ? 0 : end_of_lines(fd);
	read_from(t, fd, offset, false);
	if (!tail_place_take(&t->place, fd, offset)) {
		leave_file(t);
		return false;
	}
	t->batch = batch_new(); /* with nothing but the mark, so that a restart begins here */
	make_mark(t);
	return true;
}

/* Finds the file that holds the place where the store is. False: there is nothing to read yet. */
static bool find_file(struct tail *t)
{
	int fd, moved;

	if (t->known.len == 0)
		return begin_anew(t);
	if (!tail_place_parse(&t->place, buf_str(&t->known))) {
		log_warning("source %s: the store's mark cannot be read: %s is read from its start", t->env.name, t->path);
		t->place = (struct tail_place){0};
	}
	fd = open_path(t);
	if (fd >= 0 && tail_place_fits(&t->place, fd)) {
		read_from(t, fd, t->place.offset, false);
		return true;
	}
	moved = tail_open_moved(&t->place, t->path);
	if (moved >= 0) {
		if (fd >= 0)
			close(fd);
		read_from(t, moved, t->place.offset, true);
		return true;
	}
	if (fd < 0)
		return false;
	log_warning("source %s: %s is not the file it was and no rotated one beside it holds byte %llu: it is read "
	            "from its start, and lines written in between are missing", t->env.name, t->path,
	            (unsigned long long)t->place.offset);
	t->place = (struct tail_place){0};
	read_from(t, fd, 0, false);
	return true;
}

/* ---- storing ---- */

static void stored(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct tail *t = arg;

	t->in_flight = false;
	if (ok && !ack->stale) {
		buf_reset(&t->known);
		buf_append_str(&t->known, buf_str(&t->sent));
		wake_in(t, 0);
		return;
	}
	/* What was read is read again from where the store is. */
	leave_file(t);
	t->known_read = false;
	if (!ok)
		say(t, SOURCE_FAILING, error);
	wake_in(t, ok ? 0 : US_PER_S);
}

static void submit(struct tail *t)
{
	struct err err = {""};

	switch (t->env.sink->submit(t->env.sink, t->batch, stored, t, &err)) {
	case SINK_OK:
		t->batch = NULL;
		t->in_flight = true;
		tail_rows_batch_done(t->rows);
		return;
	case SINK_BUSY:
		wake_in(t, AGAIN_US);
		return;
	case SINK_FAILED:
		break;
	}
	batch_free(&t->batch);
	tail_rows_batch_done(t->rows);
	leave_file(t);
	say(t, SOURCE_FAILING, err.text);
	wake_in(t, US_PER_S);
}

/* ---- reading ---- */

/* Reads at most `len` bytes at `offset` into the batch's memory. */
static struct str read_bytes(struct tail *t, uint64_t offset, size_t len)
{
	struct stat st;
	uint64_t left = fstat(t->fd, &st) == 0 && (uint64_t)st.st_size > offset ? (uint64_t)st.st_size - offset : 0;
	ssize_t got;
	char *bytes;

	if (left < len)
		len = (size_t)left;
	bytes = arena_alloc(&t->batch->arena, len + 1);
	got = pread(t->fd, bytes, len, (off_t)offset);
	return (struct str){bytes, got > 0 ? (size_t)got : 0};
}

/* Lets the rows look at the file's beginning. False: not now. */
static bool enter_file(struct tail *t, bool last)
{
	uint64_t start = skip_hole(t->fd, 0);
	struct str head = read_bytes(t, start, HEAD_BYTES);
	struct err err = {""}, words;
	int64_t begin = tail_rows_enter(t->rows, head, last || head.len == HEAD_BYTES, &err);

	t->unreadable = begin < -1;
	if (t->unreadable) {
		err_set(&words, "%s: %s", t->path, err.text);
		say(t, SOURCE_FAILING, words.text);
	}
	if (begin < 0)
		return false;
	if (t->offset < start + (uint64_t)begin)
		t->offset = start + (uint64_t)begin;
	t->entered = true;
	return true;
}

/* Reads records into the batch until there is enough, or no whole one. */
static void read_records(struct tail *t, bool last)
{
	int64_t began_us = clock_mono_us();
	size_t taken = 0, used = 1;

	while (used && batch_rows(t->batch) < ROWS_A_BATCH && taken < BYTES_A_BATCH && clock_mono_us() - began_us < TURN_US) {
		struct str window = read_bytes(t, t->offset, t->chunk);
		bool end = window.len < t->chunk;

		tail_rows_at(t->rows, t->offset);
		used = tail_rows_take(t->rows, t->batch, window, last && end, ROWS_A_BATCH);
		if (!used && !end && t->chunk < CHUNK_MAX_BYTES) {
			t->chunk *= 2; /* a record longer than a chunk */
			used = 1;
		} else {
			taken += used;
			t->offset += used;
			if (used)
				t->chunk = CHUNK_BYTES;
		}
		if (end)
			return;
	}
}

/* Nothing more to read in a file that was rotated away: on to the one that was rotated next, or the
 * path's own. */
static void next_file(struct tail *t)
{
	int rotated = tail_open_next(&t->place, t->fd, t->path), fd;
	struct stat mine, its;

	if (rotated >= 0) {
		t->place = (struct tail_place){0};
		read_from(t, rotated, 0, true);
		wake_in(t, 0);
		return;
	}
	fd = open_path(t);
	if (fd < 0)
		return;
	if (fstat(t->fd, &mine) == 0 && fstat(fd, &its) == 0 && mine.st_dev == its.st_dev && mine.st_ino == its.st_ino) {
		close(fd);
		t->moved = false;
		return;
	}
	t->place = (struct tail_place){0};
	read_from(t, fd, 0, false);
	wake_in(t, 0);
}

static void notice_rotation(struct tail *t)
{
	struct stat mine, its;

	if (t->moved || fstat(t->fd, &mine) != 0)
		return;
	if (stat(t->path, &its) != 0 || mine.st_dev != its.st_dev || mine.st_ino != its.st_ino) {
		t->moved = true;
		t->moved_us = clock_mono_us();
	}
}

/* Reads on; true when the batch has something to tell. */
static bool read_on(struct tail *t)
{
	bool last = t->moved && clock_mono_us() - t->moved_us >= GRACE_US;
	uint64_t before;

	t->batch = batch_new();
	before = t->offset;
	if (t->entered || enter_file(t, last))
		read_records(t, last);
	if (!t->unreadable)
		say_well(t);
	if (t->offset != before && tail_place_take(&t->place, t->fd, t->offset)) {
		t->moved_us = clock_mono_us();
		own_texts(t->batch); /* it may outlive the mapping */
		make_mark(t);
		return true;
	}
	batch_free(&t->batch);
	tail_rows_batch_done(t->rows);
	if (last)
		next_file(t);
	else
		notice_rotation(t);
	return false;
}

/* Asks the store where we are. False with the state said. */
static bool ask_place(struct tail *t)
{
	struct err err = {""};

	t->known_read = resume_read(&t->env, &t->known, &err) == 0;
	if (!t->known_read)
		say(t, SOURCE_FAILING, err.text);
	return t->known_read;
}

/* One step: whatever is due, then the time of the next. */
static void turn(void *arg)
{
	struct tail *t = arg;

	if (t->paused || t->in_flight)
		return;
	wake_in(t, every_us(t));
	if (!t->known_read && !ask_place(t))
		return;
	if (t->batch) {
		submit(t);
		return;
	}
	if (t->fd >= 0 && !tail_place_fits(&t->place, t->fd))
		leave_file(t); /* truncated, or written anew */
	if (t->fd < 0 && !find_file(t))
		return;
	if (t->batch || read_on(t))
		submit(t);
	else if (t->moved)
		wake_in(t, AGAIN_US);
}

/* ---- the source ---- */

static void changed(void *arg)
{
	struct tail *t = arg;
	char events[4096];

	while (read(t->notify_fd, events, sizeof events) > 0)
		;
	if (!t->in_flight && !t->paused && t->due_us - clock_mono_us() > GATHER_US)
		wake_in(t, GATHER_US);
}

static void start_watching(struct tail *t)
{
	char *folder = mem_strdup(t->path), *slash = strrchr(folder, '/');

	t->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (slash)
		slash[slash == folder ? 1 : 0] = '\0';
	if (t->notify_fd >= 0) {
		(void)inotify_add_watch(t->notify_fd, slash ? folder : ".", IN_CREATE | IN_MOVED_TO);
		loop_watch(t->env.loop, t->notify_fd, changed, t);
	}
	free(folder);
}

static void *tail_start(const struct source_env *env, struct err *err)
{
	static const enum rows_format formats[] = {ROWS_AUTO, ROWS_CSV, ROWS_JSONL};
	const union option_value *o = env->options;
	struct tail *t = mem_zalloc(sizeof *t);

	t->env = *env;
	t->path = o[TAIL_PATH].text;
	t->fd = t->notify_fd = -1;
	t->chunk = CHUNK_BYTES;
	t->rows = tail_rows_new(&(struct tail_rows_options){
		.env = &t->env, .format = formats[o[TAIL_FORMAT].number], .kind = as_choices[o[TAIL_AS].number],
		.preset = o[TAIL_PRESET].text, .tz = o[TAIL_TZ].text, .origin = o[TAIL_ORIGIN].text,
	}, err);
	if (!t->rows) {
		free(t);
		return NULL;
	}
	t->timer = loop_timer_new(env->loop, 0, turn, t);
	start_watching(t);
	return t;
}

static void tail_pause(void *state)
{
	struct tail *t = state;

	t->paused = true;
}

static void tail_resume(void *state)
{
	struct tail *t = state;

	t->paused = false;
	wake_in(t, 0);
}

static void tail_stop(void *state)
{
	struct tail *t = state;

	loop_timer_free(t->env.loop, &t->timer);
	if (t->notify_fd >= 0) {
		loop_unwatch(t->env.loop, t->notify_fd);
		close(t->notify_fd);
	}
	leave_file(t);
	batch_free(&t->batch);
	tail_rows_free(&t->rows);
	buf_fini(&t->known);
	buf_fini(&t->sent);
	free(t);
}

const struct source tail_source = {
	.kind = "tail",
	.summary = "follows a log of JSONL or CSV",
	.options = tail_options,
	.start = tail_start,
	.pause = tail_pause,
	.resume = tail_resume,
	.stop = tail_stop,
};
