/* How often suspects are right: `bench_suspects [SEEDS] [REQUESTS]`. For every kind of attribute and every
 * kind of badness one cause is planted per seed, in a store of its own; and as many stores have none. A case is right
 * when the first suspect is the planted attribute; the table says beside it how often its value was right too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/planted.h"
#include "store/query_suspects.h"
#include "store/writer.h"

#define START_US (INT64_C(1767225600) * US_PER_S)

static char folder[64];

static void fail(const struct err *err)
{
	fprintf(stderr, "bench_suspects: %s\n", err->text);
	exit(1);
}

static void fill(const char *path, uint64_t seed, enum planted_kind kind, enum planted_badness badness, int requests)
{
	struct store_options o = {.now_us = START_US + US_PER_DAY};
	struct store_counts counts = {0};
	struct batch *b = batch_new();
	struct store_writer *w;
	struct planted p;
	struct err err;

	planted_begin(&p, seed, kind, badness);
	for (int i = 0; i < requests; i++)
		planted_add(&p, b, START_US + (int64_t)i * (US_PER_HOUR / requests));
	if (store_writer_open(&w, path, &o, &err) || store_writer_append(w, b, &counts, &err) || store_writer_commit(w, &err))
		fail(&err);
	store_writer_close(&w);
	batch_free(&b);
}

static void drop(const char *path)
{
	static const char *const tails[] = {".db", ".db-wal", ".db-shm", ".db.lock", "-text.db", "-text.db-wal", "-text.db-shm"};
	char name[160];

	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(name, sizeof name, "%.*s%s", (int)strlen(path) - 3, path, tails[i]);
		unlink(name);
	}
}

static void ask(const char *path, enum planted_badness badness, struct suspects_result *out)
{
	struct suspects_query q = {.limit = 5};
	struct store_reader *r;
	struct err err;

	q.view.from_us = START_US;
	q.view.to_us = START_US + US_PER_HOUR;
	if (bad_parse(&q.bad, str_of(planted_bad_texts[badness]), &err) || store_reader_open(&r, path, &err) ||
	    query_suspects(r, &q, out, &err))
		fail(&err);
	store_reader_close(&r);
}

struct tally {
	int right, value_right;
	double least_share, most_share;
};

static void judge_case(uint64_t seed, enum planted_kind kind, enum planted_badness badness, int requests, struct tally *t)
{
	struct suspects_result res;
	struct planted p;
	char path[96];

	snprintf(path, sizeof path, "%s/s.db", folder);
	fill(path, seed, kind, badness, requests);
	ask(path, badness, &res);
	drop(path);
	double share = (double)res.bad / (double)res.total;

	t->least_share = t->least_share == 0 || share < t->least_share ? share : t->least_share;
	t->most_share = share > t->most_share ? share : t->most_share;
	planted_begin(&p, seed, kind, badness);
	if (kind == PLANTED_NOTHING)
		t->right += !res.row_count;
	else if (res.row_count && strcmp(res.rows[0].attribute, planted_names[kind]) == 0) {
		t->right++;
		t->value_right += kind == PLANTED_INPUT_TOKENS || strcmp(res.rows[0].value, p.value) == 0;
	} else if (getenv("VERBOSE")) {
		printf("  seed %llu %s=%s %s: first is %s=%s\n", (unsigned long long)seed, planted_names[kind], p.value,
		       planted_bad_texts[badness], res.row_count ? res.rows[0].attribute : "none", res.row_count ? res.rows[0].value : "");
	}
	suspects_result_fini(&res);
}

int main(int argc, char **argv)
{
	int seeds = argc > 1 ? atoi(argv[1]) : 100, requests = argc > 2 ? atoi(argv[2]) : 5000, least = seeds;

	snprintf(folder, sizeof folder, "%s/llmdeck-suspects-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (seeds < 1 || requests < 100 || !mkdtemp(folder))
		return 2;
	printf("%-15s %-11s %8s %8s  %s\n", "planted", "bad", "right", "value", "share of bad requests");
	for (int kind = 0; kind <= PLANTED_NOTHING; kind++)
		for (int badness = 0; badness < PLANTED_BADNESSES; badness++) {
			struct tally t = {0};

			if (kind < PLANTED_KINDS && !planted_possible((enum planted_kind)kind, (enum planted_badness)badness))
				continue;
			for (int seed = 0; seed < seeds; seed++)
				judge_case((uint64_t)seed, (enum planted_kind)kind, (enum planted_badness)badness, requests, &t);
			printf("%-15s %-11s %4d/%3d %8d  %.1f-%.1f %%\n", kind < PLANTED_KINDS ? planted_names[kind] : "(nothing)",
			       planted_bad_texts[badness], t.right, seeds, t.value_right, 100 * t.least_share, 100 * t.most_share);
			fflush(stdout);
			least = t.right < least ? t.right : least;
		}
	printf("worst row: %d of %d right\n", least, seeds);
	rmdir(folder);
	return least * 100 >= seeds * 95 ? 0 : 1;
}
