/* bench_judge [FOLDER]: how fast the local judges are, in texts a second and milliseconds for 2 kB, over the
 * sentiment sets of FOLDER (default ../shared/data/sentiment). VADER's Python judges some 12,000 texts/s. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "collect/judges.h"
#include "judge/pii.h"
#include "parse/json_edit.h"

#define ROUNDS 5

struct texts {
	struct str *list;
	size_t count, cap, bytes;
	struct arena arena;
};

static void read_set(struct texts *t, const char *path)
{
	struct buf file = {0};
	struct err err;
	char text[8192];

	if (file_read(path, (size_t)64 << 20, &file, &err))
		return;
	for (struct str rest = buf_str(&file); rest.len;) {
		struct str line = str_cut(&rest, '\n');

		if (!json_text_at(line, "/text", text, sizeof text))
			continue;
		t->list = mem_grow(t->list, &t->cap, t->count + 1, sizeof *t->list);
		t->list[t->count++] = (struct str){arena_copy(&t->arena, text, strlen(text)), strlen(text)};
		t->bytes += strlen(text);
	}
	buf_fini(&file);
}

/* Processor time: other work on the machine does not count. */
static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double seconds_of(int64_t begun_us)
{
	return (double)(cpu_us() - begun_us) / 1e6;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"hutto_amazon.jsonl", "hutto_movie.jsonl", "uci_amazon.jsonl"};
	const char *folder = argc > 1 ? argv[1] : "../shared/data/sentiment";
	const struct sentiment_model *m = judges_sentiment(NULL);
	struct texts t = {0};
	struct sentiment verdict;
	struct safety_finding found[2];
	struct pii_span spans[64];
	char *two_kb = mem_alloc(2048);
	size_t hits = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *path = mem_printf("%s/%s", folder, names[i]);

		read_set(&t, path);
		free(path);
	}
	if (!m || !t.count) {
		printf("judges: skipped: %s\n", m ? "no texts in the folder" : "no model");
		return 0;
	}
	int64_t begun_us = cpu_us();

	for (int r = 0; r < ROUNDS; r++)
		for (size_t i = 0; i < t.count; i++)
			hits += sentiment_judge(m, t.list[i], &verdict);
	double sentiment = (double)(t.count * ROUNDS) / seconds_of(begun_us);

	begun_us = cpu_us();
	for (int r = 0; r < ROUNDS; r++)
		for (size_t i = 0; i < t.count; i++)
			hits += pii_find(t.list[i], spans, 64);
	double pii = (double)(t.count * ROUNDS) / seconds_of(begun_us);

	for (size_t at = 0, i = 0; at < 2048; i++) {
		size_t len = t.list[i % t.count].len < 2048 - at ? t.list[i % t.count].len : 2048 - at;

		memcpy(two_kb + at, t.list[i % t.count].ptr, len);
		at += len;
		if (at < 2048)
			two_kb[at++] = ' ';
	}
	begun_us = cpu_us();
	for (int r = 0; r < 2000; r++)
		hits += safety_find_attacks((struct str){two_kb, 2048}, found);
	double attacks_ms = seconds_of(begun_us) / 2000 * 1000;

	printf("judges: sentiment %.0f texts/s of %zu bytes, %.1f times 12,000; personal data %.0f texts/s; attacks %.3f ms for 2 kB (%zu)\n",
	       sentiment, t.bytes / t.count, sentiment / 12000, pii, attacks_ms, hits);
	free(two_kb);
	free(t.list);
	arena_fini(&t.arena);
	return 0;
}
