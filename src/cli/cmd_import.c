/* llmdeck import: files into the store. Where no collector runs, this process opens the store itself;
 * else it hands its batches to the collector. The engine is collect/import.h; here are options,
 * messages, the progress bar and the choice of the sink. */
#include <errno.h>
#include <libgen.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/output.h"
#include "collect/import.h"
#include "collect/judges.h"
#include "console/control_client.h"
#include "daemon/writer.h"
#include "parse/prices.h"
#include "store/query.h"

#define REJECTS_ON_SCREEN 20 /* a terminal shows so many; a file or a pipe gets all of them */
#define REPEATS_MAX 64
#define BAR_EVERY_US (100 * US_PER_MS)

static atomic_int stop_asked;

static void on_signal(int signal_number)
{
	(void)signal_number;
	stop_asked = 1;
}

/* One run over all files. */
struct run {
	struct import_job job;
	struct import_totals totals;
	struct price_table *prices;
	struct store_reader *reader;
	struct import_result known;
	struct import_mark *marks;
	struct writer *writer;    /* ours, or */
	struct sink *remote;      /* the collector's */
	struct tz *tz;
	const char *maps[REPEATS_MAX], *sets[REPEATS_MAX];
	uint64_t rejects_named;
	bool terminal; /* stderr is one */
	bool bar, bar_shown;
	int64_t begun_us, drawn_us;
	uint64_t first_bytes; /* done before this run, for the rate */
};

/* ---- messages ---- */

static void clear_bar(struct run *run)
{
	if (run->bar_shown)
		fputs("\r\033[K", stderr);
	run->bar_shown = false;
}

static void on_reject(void *arg, const char *sentence)
{
	struct run *run = arg;

	run->rejects_named++;
	if (run->terminal && run->rejects_named > REJECTS_ON_SCREEN)
		return;
	flockfile(stderr);
	clear_bar(run);
	cli_note("rejected %s", sentence);
	if (run->terminal && run->rejects_named == REJECTS_ON_SCREEN)
		cli_note("further rejects are only counted%s", run->job.rejects ? "" : ": --rejects FILE keeps them");
	funlockfile(stderr);
}

static void on_note(void *arg, const char *sentence)
{
	flockfile(stderr);
	clear_bar(arg);
	cli_note("%s", sentence);
	funlockfile(stderr);
}

static void on_mapping(void *arg, const char *text)
{
	(void)arg;
	fputs(text, stdout);
}

/* "[=====     ]  52 %  1.2 M rows  640 k rows/s  0:07 left", at most every tenth of a second. */
static void on_progress(void *arg, const struct import_progress *p)
{
	struct run *run = arg;
	int64_t now_us = clock_mono_us();

	if (!run->bar || now_us - run->drawn_us < BAR_EVERY_US)
		return;
	if (!run->drawn_us)
		run->first_bytes = p->bytes_done;
	run->drawn_us = now_us;
	double seconds = (double)(now_us - run->begun_us) / (double)US_PER_S;
	double rate = seconds > 0 ? (double)p->rows / seconds : 0;
	char line[200];
	int n = snprintf(line, sizeof line, "\r\033[K");
	if (p->bytes_total) {
		double share = (double)p->bytes_done / (double)p->bytes_total;
		int filled = (int)(share * 30);
		double left = share > 0 ? seconds * (1 - share) / share : 0;
		n += snprintf(line + n, sizeof line - (size_t)n, "[%.*s%*s] %3d %%  %d:%02d left  ", filled,
		              "==============================", 30 - filled, "", (int)(share * 100),
		              (int)left / 60, (int)left % 60);
	}
	snprintf(line + n, sizeof line - (size_t)n, "%llu rows  %.0f rows/s", (unsigned long long)p->rows, rate);
	flockfile(stderr);
	fputs(line, stderr);
	fflush(stderr);
	run->bar_shown = true;
	funlockfile(stderr);
}

/* ---- setting up ---- */

/* In the order of their enums. */
static const char *const kinds[] = {"request", "feedback", "billing", NULL};
static const char *const formats[] = {"auto", "csv", "jsonl", "json", NULL};

static void list_presets(struct buf *words)
{
	for (const struct preset *p = presets; p->name; p++)
		buf_printf(words, "%s\n", p->name);
}

static int take_kind(struct run *run, const struct args *a, struct err *err)
{
	const char *as = args_value(a, "--as"), *preset = args_value(a, "--preset");
	struct mapping_options *m = &run->job.mapping;

	int kind = ROW_REQUEST;

	if (args_choice(a, "--as", &kind, err))
		return -1;
	m->kind = (enum row_kind)kind;
	if (!preset)
		return 0;
	m->preset = preset_from_name(str_of(preset));
	if (!m->preset) {
		struct buf names = {0};
		for (const struct preset *p = presets; p->name; p++)
			buf_printf(&names, "%s%s", names.len ? ", " : "", p->name);
		err_set(err, "--preset %s: no such preset: use one of %s", preset, names.data);
		buf_fini(&names);
		return -1;
	}
	if (as && m->kind != m->preset->kind)
		return err_set(err, "--preset %s: gives %s rows, not %s rows: leave --as away", preset,
		               row_kind_name(m->preset->kind), as);
	m->kind = m->preset->kind;
	return 0;
}

static int take_times(struct run *run, const struct args *a, struct err *err)
{
	const char *zone = args_value(a, "--tz"), *origin = args_value(a, "--origin");
	struct mapping_options *m = &run->job.mapping;

	if (zone && tz_load(&run->tz, zone, err) != 0)
		return err_wrap(err, "--tz %s", zone);
	m->tz = run->tz;
	if (origin && !time_parse(str_of(origin), run->tz, TIME_UNIT_AUTO, &m->origin_us))
		return err_set(err, "--origin %s: is no time: write it like 2026-11-23T12:00:00Z", origin);
	m->has_origin = origin != NULL;
	if (m->preset && m->preset->needs_origin && !origin)
		return err_set(err, "--preset %s: its times count from 0: say with --origin TIME when that was",
		               m->preset->name);
	return 0;
}

static int take_repeated(const struct args *a, const char *name, const char **out, size_t *count,
                         struct err *err)
{
	const char *value;

	while ((value = args_nth(a, name, *count))) {
		if (*count == REPEATS_MAX)
			return err_set(err, "%s: given more than %d times", name, REPEATS_MAX);
		out[(*count)++] = value;
	}
	return 0;
}

static int take_options(struct run *run, const struct global *g, const struct args *a, struct err *err)
{
	struct import_job *job = &run->job;
	int format = ROWS_AUTO;

	if (args_choice(a, "--format", &format, err) != 0 || take_kind(run, a, err) != 0 || take_times(run, a, err) != 0 ||
	    take_repeated(a, "--map", run->maps, &job->mapping.map_count, err) != 0 ||
	    take_repeated(a, "--set", run->sets, &job->mapping.set_count, err) != 0)
		return -1;
	job->format = (enum rows_format)format;
	job->mapping.maps = run->maps;
	job->mapping.sets = run->sets;
	job->mapping.tags = g->config.tags;
	job->mapping.tag_count = g->config.tag_count;
	job->again = args_has(a, "--again");
	job->stop = &stop_asked;
	job->on_reject = on_reject;
	job->on_note = on_note;
	job->on_progress = on_progress;
	job->on_mapping = on_mapping;
	job->arg = run;
	struct mapping *trial;
	if (mapping_new(&trial, &job->mapping, err) != 0)
		return -1;
	mapping_free(&trial);
	return 0;
}

/* What the store knows of earlier imports; nothing when there is no store yet. */
static int read_marks(struct run *run, const char *store, struct err *err)
{
	import_result_fini(&run->known);
	run->known = (struct import_result){0};
	if (!run->reader && !file_exists(store))
		return 0;
	if (!run->reader && store_reader_open(&run->reader, store, err) != 0)
		return -1;
	if (query_imports(run->reader, NULL, &run->known, err) != 0)
		return -1;
	run->marks = mem_array(run->marks, run->known.row_count + 1, sizeof *run->marks);
	for (size_t i = 0; i < run->known.row_count; i++)
		run->marks[i] = run->known.rows[i].mark;
	run->job.known = run->marks;
	run->job.known_count = run->known.row_count;
	return 0;
}

/* A collector that holds the store takes the batches over its socket; else we are the writer. */
static int open_sink(struct run *run, const struct global *g, struct err *err)
{
	struct writer_options how = {.queue_batches = 2, .commit_rows = 200000, .commit_us = 2 * US_PER_S, .store.now_us = 0};

	if (store_writer_owner(g->store_path) != 0) {
		run->job.sink = run->remote = control_client_sink(g->socket_path);
		return 0;
	}
	char *folder = mem_strdup(g->store_path);
	int made = file_make_dirs(dirname(folder), 0700, err);
	free(folder);
	if (made != 0 || writer_start(&run->writer, g->store_path, &how, err) != 0)
		return -1;
	run->job.sink = writer_sink(run->writer);
	return 0;
}

/* Opening it empties it, so it must be none of the files that are to be read. */
static int open_rejects(struct run *run, const char *path, const struct args *a, struct err *err)
{
	struct stat old, in;

	for (size_t i = 0; stat(path, &old) == 0 && i < a->operand_count; i++)
		if (stat(a->operands[i], &in) == 0 && in.st_dev == old.st_dev && in.st_ino == old.st_ino)
			return err_set(err, "--rejects %s: is the file to import: name another", path);
	run->job.rejects = fopen(path, "we");
	return run->job.rejects ? 0 : err_set(err, "--rejects %s: cannot write: %s", path, strerror(errno));
}

static void catch_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal};

	sigemptyset(&act.sa_mask);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

/* ---- running ---- */

static int run_files(struct run *run, const struct global *g, const struct args *a)
{
	struct err err = {""};

	for (size_t i = 0; i < a->operand_count && !run->totals.stopped; i++) {
		run->job.path = a->operands[i];
		run->begun_us = clock_mono_us();
		run->drawn_us = 0;
		if (read_marks(run, g->store_path, &err) != 0)
			return cli_fail(EXIT_UNAVAILABLE, &err);
		int result = import_run(&run->job, &run->totals, &err);
		clear_bar(run);
		if (result != 0)
			return cli_fail(EXIT_USAGE, &err);
		if (run->totals.stopped)
			cli_note("stopped: %s is stored up to line %llu (%llu bytes): the same command goes on there",
			         run->job.path, (unsigned long long)run->totals.lines,
			         (unsigned long long)run->totals.bytes);
	}
	if (run->totals.stopped)
		return EXIT_FAILED;
	return run->totals.rejected && !run->totals.imported && !run->totals.duplicates ? EXIT_USAGE : EXIT_DONE;
}

static void run_fini(struct run *run)
{
	if (run->remote)
		run->remote->close(run->remote);
	writer_stop(&run->writer);
	import_result_fini(&run->known);
	store_reader_close(&run->reader);
	price_table_free(&run->prices);
	tz_free(&run->tz);
	free(run->marks);
	if (run->job.rejects)
		fclose(run->job.rejects);
}

static int import_all(struct run *run, const struct global *g, const struct args *a)
{
	struct err err = {""};
	const char *rejects = args_value(a, "--rejects");
	bool dry = args_has(a, "--dry-run");

	if (take_options(run, g, a, &err) != 0)
		return cli_fail(EXIT_USAGE, &err);
	if (price_table_load(&run->prices, &g->config, g->store_path, NULL, &err) != 0)
		return cli_fail(EXIT_FAILED, &err);
	run->job.prices = run->prices;
	judges_configure(&g->config);
	if (rejects && open_rejects(run, rejects, a, &err) != 0)
		return cli_fail(EXIT_USAGE, &err);
	if (!dry && open_sink(run, g, &err) != 0)
		return cli_fail(EXIT_UNAVAILABLE, &err);
	run->terminal = isatty(STDERR_FILENO);
	run->bar = run->terminal && !dry;
	catch_signals();
	int code = run_files(run, g, a);
	struct import_totals *t = &run->totals;
	printf(dry ? "would import %llu, reject %llu, duplicate %llu\n"
	           : "imported %llu, rejected %llu, duplicate %llu\n",
	       (unsigned long long)t->imported, (unsigned long long)t->rejected,
	       (unsigned long long)t->duplicates);
	return code;
}

static int run_import(const struct global *g, int argc, char **argv)
{
	struct args a;
	int code;

	if (!args_open(&a, &import_command, argc, argv, &code))
		return code;
	mallopt(M_ARENA_MAX, 1); /* a heap for each thread would keep 10 MB more, for nothing gained */
	if (a.operand_count == 0) {
		code = cli_failf(EXIT_USAGE, "import: no file named: name one or more, or - for standard input");
	} else {
		struct run run = {.job.mapping.kind = ROW_REQUEST};
		code = import_all(&run, g, &a);
		run_fini(&run);
	}
	args_fini(&a);
	return code;
}

static const struct command_option import_options[] = {
	{"--as", "KIND", "request (default), feedback or billing"},
	{"--format", "FORMAT", "auto (default), csv, jsonl or json"},
	{"--map", "FIELD=COLUMN[:UNIT]", "take FIELD from COLUMN; repeatable; units s, ms, us, ns"},
	{"--set", "FIELD=VALUE", "give every row this value; repeatable"},
	{"--preset", "NAME", "azure-llm, mooncake, litellm-spend, openai-usage, azure-cost or focus"},
	{"--tz", "ZONE", "time zone of times that name none (default UTC)"},
	{"--origin", "TIME", "when 0 was, for times that count from 0"},
	{"--rejects", "FILE", "write rejected records there as they were"},
	{"--again", NULL, "import even what has been imported before"},
	{"--dry-run", NULL, "print the mapping and what would happen; store nothing"},
	{NULL, NULL, NULL},
};

static const struct command_choices import_choices[] = {
	{"--as", kinds, NULL},
	{"--format", formats, NULL},
	{"--preset", NULL, list_presets},
	{NULL, NULL, NULL},
};

const struct command import_command = {
	.name = "import",
	.usage = "FILE…",
	.summary = "take in requests, feedback or billing rows from CSV, JSONL or JSON",
	.help = "A column maps by itself when its name is a field's name, with or without a unit suffix\n"
	        "(latency_ms), or a usual alias; --dry-run shows the mapping. An import that was interrupted\n"
	        "goes on where it stopped when the same command is given again; a file that was imported is\n"
	        "refused, one that has grown is continued. Each rejected record is named with file, line, column\n"
	        "and reason; a terminal shows the first 20. Exit code 2 when all were rejected.",
	.options = import_options,
	.choices = import_choices,
	.run = run_import,
};
