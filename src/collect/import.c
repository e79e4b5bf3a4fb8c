/* Two threads. The reading thread cuts, maps and prices rows into batches of 1,500; the caller's
 * thread gives them to the sink, one after the other, each with the mark that says how far the
 * import has come when that batch is stored. Two batches go round between them: one is filled while the
 * other is stored, so memory stays bounded. The mark is committed with its rows: whatever kills the
 * process, the next run finds rows and mark in agreement and goes on behind them. All batches but the last say
 * that more follows, so that a sink may store several in one transaction. */
#include "collect/import.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "collect/headroom.h"
#include "collect/import_input.h"
#include "collect/judges.h"
#include "parse/json.h"

#define BATCH_ROWS 1500 /* with the batches and the store's cache the process stays under 64 MiB */
#define BATCH_RECORDS 40000 /* a batch also ends after so many records, good or bad */
#define BATCHES 4
#define LENT_MAX 2 /* one is stored, one waits for that */

/* A queue of at most BATCHES batches between two threads. */
struct batch_queue {
	struct batch *items[BATCHES];
	size_t count;
};

/* A batch that the sink has. */
struct lent {
	struct import *im;
	struct batch *batch;
	struct sink_ack ack;
	struct err err;
	bool over, ok; /* under the import's lock, with what is above */
};

struct import {
	const struct import_job *job;
	struct input input;
	struct rows *rows;
	enum rows_format format;
	struct mapping *mapping;
	struct headroom *headroom;
	struct import_mark mark; /* the reading thread's */
	uint64_t skip_to;        /* JSON: records that end up to here were stored before */
	uint64_t records;        /* in the batch being filled */
	bool header_written;
	struct str header;       /* CSV: its bytes, for the rejects file */
	struct err err;          /* the reading thread's */
	bool stopped, nothing_to_do;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct batch_queue filled, empty; /* under lock */
	bool reading_done, storing_failed; /* under lock */

	struct lent lent[LENT_MAX]; /* a ring */
	size_t lent_first, lent_count;
	struct sink_chain chain;
};

static void note(const struct import *im, const char *text)
{
	if (im->job->on_note)
		im->job->on_note(im->job->arg, text);
}

static bool asked_to_stop(const struct import *im)
{
	return input_stopped(&im->input);
}

static const char *shown_name(const struct import_job *job)
{
	return strcmp(job->path, "-") == 0 ? "standard input" : job->path;
}

/* ---- handing over ---- */

static void queue_put(struct import *im, struct batch_queue *q, struct batch *b)
{
	pthread_mutex_lock(&im->lock);
	q->items[q->count++] = b;
	pthread_cond_broadcast(&im->changed);
	pthread_mutex_unlock(&im->lock);
}

static struct batch *pop_locked(struct batch_queue *q)
{
	struct batch *b = q->items[0];

	q->count--;
	memmove(q->items, q->items + 1, q->count * sizeof(struct batch *));
	return b;
}

/* An empty batch to fill; NULL when storing has failed. */
static struct batch *take_empty(struct import *im)
{
	pthread_mutex_lock(&im->lock);
	while (!im->empty.count && !im->storing_failed)
		pthread_cond_wait(&im->changed, &im->lock);
	struct batch *b = im->storing_failed ? NULL : pop_locked(&im->empty);
	pthread_mutex_unlock(&im->lock);
	return b;
}

/* The next batch to store; NULL when the reader is through, or when the oldest lent one is to be looked at
 * first. */
static struct batch *take_filled(struct import *im)
{
	const struct lent *oldest = &im->lent[im->lent_first];

	pthread_mutex_lock(&im->lock);
	while (im->lent_count == LENT_MAX ? !oldest->over
	                                  : !im->filled.count && !im->reading_done && !(im->lent_count && oldest->over))
		pthread_cond_wait(&im->changed, &im->lock);
	bool look = im->lent_count && oldest->over;
	struct batch *b = !look && im->filled.count ? pop_locked(&im->filled) : NULL;
	pthread_mutex_unlock(&im->lock);
	return b;
}

/* ---- rejects ---- */

static void write_reject(struct import *im, struct str bytes)
{
	FILE *f = im->job->rejects;

	if (!f)
		return;
	if (im->header.len && !im->header_written)
		fprintf(f, "%.*s\n", STR_ARG(im->header));
	im->header_written = true;
	fwrite(bytes.ptr, 1, bytes.len, f);
	fputc('\n', f);
}

static void reject(struct import *im, const struct rows_record *rec, size_t offset, const char *reason)
{
	uint64_t line = rec->line;
	size_t column = rec->column;

	im->mark.rows_rejected++;
	for (size_t i = 0; i < offset && i < rec->bytes.len; i++) {
		column++;
		if (rec->bytes.ptr[i] == '\n') {
			line++;
			column = 1;
		}
	}
	write_reject(im, rec->bytes);
	if (!im->job->on_reject)
		return;
	char *text = mem_printf("%s:%llu:%zu: %s", im->job->path, (unsigned long long)line, column, reason);
	im->job->on_reject(im->job->arg, text);
	free(text);
}

/* ---- reading ---- */

/* Puts price or mood on what was added behind the first `requests` and `feedback`. */
static void judge_new(const struct import *im, struct batch *b, size_t requests, size_t feedback)
{
	if (im->job->prices)
		for (size_t i = requests; i < b->request_count; i++)
			price_request(im->job->prices, PRICE_STANDARD, &b->requests[i]);
	for (size_t i = feedback; i < b->feedback_count; i++)
		judges_feedback(b, &b->feedback[i], mapping_score_unit(im->mapping) == UNIT_SHARE_OF_ONE);
}

/* One record into the batch, or a reject. May give back all but a bad record's first line. */
static void take_record(struct import *im, struct batch *b, struct rows_record *rec)
{
	size_t requests = b->request_count, feedback = b->feedback_count, before = batch_rows(b);
	struct reject why;

	bool ok = rec->csv ? mapping_add_csv(im->mapping, b, rec->csv, &why)
	                   : mapping_add_json(im->mapping, b, rec->bytes, &why);
	if (ok) {
		judge_new(im, b, requests, feedback);
		im->mark.rows_done += batch_rows(b) - before;
		return;
	}
	if (rec->csv)
		rows_keep_first_line(im->rows, rec);
	reject(im, rec, why.offset, why.reason);
}

/* Fills in how far the import has come. While it passes what an earlier one stored, that one's mark stands. */
static void mark_batch(struct import *im, struct batch *b, bool complete, bool more)
{
	if (im->input.offset >= im->skip_to) {
		im->mark.bytes_done = im->input.offset;
		im->mark.lines_done = rows_line(im->rows) - 1;
		im->mark.complete = complete;
		input_digest(&im->input, im->mark.prefix_hash);
	}
	b->has_import = true;
	b->import = im->mark;
	b->more = more;
	im->records = 0;
	mapping_batch_done(im->mapping);
}

enum step { STEP_FAILED = -1, STEP_ON, STEP_END };

/* Takes records into `b` until it is full or the input ends. */
static enum step fill_batch(struct import *im, struct batch *b)
{
	struct input *in = &im->input;
	struct rows_record rec;

	while (batch_rows(b) < BATCH_ROWS && im->records < BATCH_RECORDS) {
		enum rows_result got = rows_next(im->rows, input_window(in), in->ended, &rec);
		bool known = in->offset + rec.consumed <= im->skip_to;
		im->records++;
		if (got == ROWS_RECORD && !known)
			take_record(im, b, &rec);
		else if (got == ROWS_BAD && !known)
			reject(im, &rec, rec.error_offset, rec.error);
		if (got == ROWS_BAD && rec.fatal)
			return err_set(&im->err, "%s:%llu:%zu: %s: nothing behind this can be read", im->job->path,
			               (unsigned long long)rec.line, rec.column, rec.error), STEP_FAILED;
		input_consume(in, rec.consumed);
		if (got == ROWS_END)
			return STEP_END;
		if (got == ROWS_MORE && input_fill(in, &im->err) != 0)
			return err_wrap(&im->err, "%s", shown_name(im->job)), STEP_FAILED;
		if ((im->records & 255) == 0 || got == ROWS_MORE)
			if (asked_to_stop(im)) {
				im->stopped = true;
				return STEP_END;
			}
	}
	return STEP_ON;
}

static void *read_all(void *arg)
{
	struct import *im = arg;
	enum step step = STEP_ON;

	while (step == STEP_ON) {
		struct batch *b = take_empty(im);
		if (!b)
			break;
		step = asked_to_stop(im) ? STEP_END : fill_batch(im, b);
		headroom_of_requests(im->headroom, b, 0);
		im->stopped |= step == STEP_END && asked_to_stop(im) && !im->input.ended;
		mark_batch(im, b, step == STEP_END && !im->stopped, step == STEP_ON);
		queue_put(im, &im->filled, b);
	}
	pthread_mutex_lock(&im->lock);
	im->reading_done = true;
	pthread_cond_broadcast(&im->changed);
	pthread_mutex_unlock(&im->lock);
	return NULL;
}

/* ---- storing ---- */

/* The sink's answer, on whatever thread. */
static void on_answer(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct lent *l = arg;

	pthread_mutex_lock(&l->im->lock);
	l->over = true;
	l->ok = ok;
	if (ok)
		l->ack = *ack;
	else
		err_set(&l->err, "%s", error);
	pthread_cond_broadcast(&l->im->changed);
	pthread_mutex_unlock(&l->im->lock);
}

/* Gives a batch to the sink; it is among those lent from then on. */
static int lend_batch(struct import *im, struct batch *b, struct err *err)
{
	struct lent *l = &im->lent[(im->lent_first + im->lent_count) % LENT_MAX];
	struct sink *sink = im->job->sink;

	*l = (struct lent){.im = im, .batch = b, .ack.added = batch_rows(b), .over = true, .ok = true};
	if (sink && sink->lend) {
		l->over = false;
		if (sink->lend(sink, b, &im->chain, on_answer, l, err) != 0)
			return -1;
	} else if (sink) {
		enum sink_result result;
		while ((result = sink->store(sink, b, &l->ack, err)) == SINK_BUSY)
			;
		if (result != SINK_OK)
			return -1;
	}
	im->lent_count++;
	return 0;
}

/* Waits for the answer about the oldest lent batch. */
static struct lent *await_answer(struct import *im)
{
	struct lent *l = &im->lent[im->lent_first];

	pthread_mutex_lock(&im->lock);
	while (!l->over)
		pthread_cond_wait(&im->changed, &im->lock);
	pthread_mutex_unlock(&im->lock);
	im->lent_first = (im->lent_first + 1) % LENT_MAX;
	im->lent_count--;
	return l;
}

/* Takes back the oldest lent batch. Adds to `totals`; they become `durable` with the first answer that is not
 * pending. */
static int take_back(struct import *im, struct import_totals *totals, struct import_totals *durable, struct err *err)
{
	struct lent *l = await_answer(im);
	struct batch *b = l->batch;

	if (!l->ok) {
		*err = l->err;
		return -1;
	}
	totals->imported += l->ack.added;
	totals->duplicates += l->ack.duplicates;
	totals->lines = b->import.lines_done;
	totals->bytes = b->import.bytes_done;
	if (!l->ack.pending)
		*durable = *totals;
	struct import_progress p = {b->import.bytes_done, im->input.size, b->import.rows_done,
	                            b->import.rows_rejected};
	if (im->job->on_progress)
		im->job->on_progress(im->job->arg, &p);
	batch_reset(b);
	queue_put(im, &im->empty, b);
	return 0;
}

/* Stores batch after batch until the reader is through. */
static int store_all(struct import *im, struct import_totals *totals, struct import_totals *durable, struct err *err)
{
	struct batch *b;
	int result = 0;

	while (result == 0 && ((b = take_filled(im)) || im->lent_count))
		result = b ? lend_batch(im, b, err) : take_back(im, totals, durable, err);
	if (result == 0)
		return 0;
	pthread_mutex_lock(&im->lock);
	im->storing_failed = true;
	pthread_cond_broadcast(&im->changed);
	pthread_mutex_unlock(&im->lock);
	while (im->lent_count)
		await_answer(im);
	return -1;
}

/* Runs the reading thread and stores what it brings. */
static int transfer(struct import *im, struct import_totals *totals, struct err *err)
{
	struct batch *batches[BATCHES];
	struct import_totals taken = {0}, mine = {0};
	pthread_t reader;
	int result;
	uint64_t rejected_before = im->mark.rows_rejected;

	for (int i = 0; i < BATCHES; i++)
		im->empty.items[im->empty.count++] = batches[i] = batch_new();
	if (pthread_create(&reader, NULL, read_all, im) != 0) {
		result = err_set(err, "%s: cannot start a thread: free some memory and try again", im->job->path);
	} else {
		result = store_all(im, &taken, &mine, err);
		pthread_join(reader, NULL);
	}
	if (result == 0 && im->err.text[0]) {
		*err = im->err;
		result = -1;
	}
	for (int i = 0; i < BATCHES; i++)
		batch_free(&batches[i]);
	totals->imported += mine.imported;
	totals->duplicates += mine.duplicates;
	totals->rejected += im->mark.rows_rejected - rejected_before;
	totals->lines = mine.lines;
	totals->bytes = mine.bytes;
	totals->stopped |= im->stopped;
	return result;
}

/* ---- beginning ---- */

static uint64_t random_key(void)
{
	uint64_t key = 0;

	while (key == 0) {
		if (getrandom(&key, sizeof key, 0) != sizeof key)
			key = (uint64_t)clock_wall_us();
		key &= INT64_MAX;
	}
	return key;
}

static int check_encoding(const struct import *im, struct err *err)
{
	struct str head = input_window(&im->input);
	const char *foreign = json_foreign_encoding(head);

	if (foreign)
		return err_set(err, "%s: the text is %s: convert it to UTF-8 (iconv -t UTF-8)",
		               shown_name(im->job), foreign);
	if (str_starts_with(head, str_of("\x1f\x8b")) || str_starts_with(head, str_of("\x28\xb5\x2f\xfd")))
		return err_set(err, "%s: is compressed: unpack it into a pipe (%s FILE | llmdeck import -)",
		               shown_name(im->job), head.ptr[0] == 0x1f ? "zcat" : "zstdcat");
	if (head.len && memchr(head.ptr, 0, head.len < 4096 ? head.len : 4096))
		return err_set(err, "%s: holds NUL bytes: it is no text", shown_name(im->job));
	return 0;
}

/* CSV: reads the heading, maps it, keeps its bytes. 1 = the file is empty. */
static int read_header(struct import *im, struct err *err)
{
	struct rows_record rec;
	enum rows_result got;

	while ((got = rows_next(im->rows, input_window(&im->input), im->input.ended, &rec)) == ROWS_MORE) {
		input_consume(&im->input, rec.consumed);
		if (input_fill(&im->input, err) != 0)
			return err_wrap(err, "%s", shown_name(im->job));
		if (asked_to_stop(im))
			return 1;
	}
	if (got == ROWS_END)
		return 1;
	if (got == ROWS_BAD)
		return err_set(err, "%s:%llu:%zu: %s: no header of CSV can be read", im->job->path,
		               (unsigned long long)rec.line, rec.error_offset + 1, rec.error);
	if (mapping_header(im->mapping, rec.csv, err) != 0)
		return err_wrap(err, "%s", shown_name(im->job));
	im->header = (struct str){mem_strndup(rec.bytes.ptr, rec.bytes.len), rec.bytes.len};
	input_consume(&im->input, rec.consumed);
	return 0;
}

static void note_known(struct import *im, const struct import_mark *known, struct import_totals *totals)
{
	char *text;

	if (known->complete && known->bytes_done == im->input.size) {
		text = mem_printf("%s: already imported (%llu rows): --again imports it once more",
		                  shown_name(im->job), (unsigned long long)known->rows_done);
		totals->duplicates += known->rows_done;
		totals->rejected += known->rows_rejected;
		im->nothing_to_do = true;
	} else {
		text = mem_printf("%s: %s: going on at line %llu (%llu of %llu bytes done)", shown_name(im->job),
		                  known->complete ? "has grown since it was imported" : "was imported in part",
		                  (unsigned long long)known->lines_done + 1, (unsigned long long)known->bytes_done,
		                  (unsigned long long)im->input.size);
	}
	note(im, text);
	free(text);
}

/* Looks whether the store knows this input, and sets up the mark. */
static const struct import_mark *begin_mark(struct import *im, struct import_totals *totals)
{
	const struct import_job *job = im->job;
	const struct import_mark *known = NULL;
	struct input *in = &im->input;

	if (in->seekable && !job->again)
		known = input_find_known(in, job->known, job->known_count, row_kind_name(job->mapping.kind));
	if (known) {
		note_known(im, known, totals);
		im->mark = *known;
		return known;
	}
	struct str window = input_window(in);
	im->mark.key = random_key();
	im->mark.name = str_of(job->path);
	im->mark.kind = str_of(row_kind_name(job->mapping.kind));
	im->mark.head_bytes = window.len < INPUT_HEAD_BYTES ? window.len : INPUT_HEAD_BYTES;
	struct hash_stream *h = hash_stream_new();
	hash_stream_add(h, window.ptr, (size_t)im->mark.head_bytes);
	hash_stream_digest(h, im->mark.head_hash);
	hash_stream_free(&h);
	return NULL;
}

/* A line that was cut short when the file was imported and has grown since is no row of its own. */
static int skip_rest_of_line(struct import *im, uint64_t at, struct err *err)
{
	struct input *in = &im->input;

	if (at == 0)
		return 0;
	if (input_seek(in, at - 1, err) != 0 || input_fill(in, err) != 0)
		return -1;
	bool whole = in->to > 0 && in->data[0] == '\n';
	input_consume(in, in->to ? 1 : 0);
	struct str w = input_window(in);
	if (whole || !w.len || w.ptr[0] == '\n' || w.ptr[0] == '\r')
		return 0;
	note(im, "the last line had no end when it was imported: the rest of that line is skipped; "
	         "--again imports the file anew");
	const char *newline;
	while (!(newline = memchr(in->data + in->from, '\n', in->to - in->from))) {
		input_consume(in, in->to - in->from);
		if (in->ended)
			return 0;
		if (input_fill(in, err) != 0)
			return -1;
	}
	input_consume(in, (size_t)(newline - (in->data + in->from)) + 1);
	return 0;
}

static int go_on_behind(struct import *im, const struct import_mark *known, struct err *err)
{
	if (im->format == ROWS_JSON) {
		im->skip_to = known->bytes_done;
		return 0;
	}
	rows_set_line(im->rows, known->lines_done + 1);
	return skip_rest_of_line(im, known->bytes_done, err);
}

/* Everything before the first row. 1 = there is nothing to read. */
static int begin(struct import *im, struct import_totals *totals, struct err *err)
{
	const struct import_job *job = im->job;
	struct mapping_options options = job->mapping;
	struct input *in = &im->input;

	if (input_open(in, job->path, job->known, job->known_count, job->stop, err) != 0)
		return err_wrap(err, "%s", shown_name(job));
	if (check_encoding(im, err) != 0)
		return -1;
	im->format = job->format == ROWS_AUTO ? rows_detect(input_window(in), in->ended) : job->format;
	const char *base = strrchr(job->path, '/');
	options.source = str_of(base ? base + 1 : job->path);
	im->headroom = headroom_new();
	if (mapping_new(&im->mapping, &options, err) != 0)
		return -1;
	const struct import_mark *known = begin_mark(im, totals);
	if (im->nothing_to_do)
		return 1;
	im->rows = rows_new(im->format, csv_detect_delimiter(input_window(in)));
	if (im->format == ROWS_CSV) {
		int got = read_header(im, err);
		if (got != 0)
			return got;
	}
	return known ? go_on_behind(im, known, err) : 0;
}

/* Says which columns were of no use, and in a dry run how the others were used. */
static void finish(struct import *im)
{
	struct buf names = {0}, text = {0};

	if (mapping_ignored(im->mapping, &names)) {
		char *sentence = mem_printf("%s: ignored columns: %.400s", shown_name(im->job), names.data);
		note(im, sentence);
		free(sentence);
	}
	if (!im->job->sink && im->job->on_mapping) {
		buf_printf(&text, "%s: %s\n", shown_name(im->job), rows_format_name(im->format));
		mapping_describe(im->mapping, &text);
		im->job->on_mapping(im->job->arg, text.data);
	}
	buf_fini(&names);
	buf_fini(&text);
}

int import_run(const struct import_job *job, struct import_totals *totals, struct err *err)
{
	struct import im = {.job = job, .input = {.fd = -1}};

	pthread_mutex_init(&im.lock, NULL);
	pthread_cond_init(&im.changed, NULL);
	int result = begin(&im, totals, err);
	if (result == 0) {
		result = transfer(&im, totals, err);
		finish(&im);
	} else if (result == 1) {
		result = 0;
		totals->stopped |= asked_to_stop(&im) && !im.nothing_to_do;
	}
	rows_free(&im.rows);
	mapping_free(&im.mapping);
	headroom_free(&im.headroom);
	free((char *)(uintptr_t)im.header.ptr);
	input_close(&im.input);
	pthread_cond_destroy(&im.changed);
	pthread_mutex_destroy(&im.lock);
	return result;
}
