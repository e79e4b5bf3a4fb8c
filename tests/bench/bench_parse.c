/* bench_parse FILE: how fast the reading side of an import is alone (cut, map, price; nothing stored). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "collect/import.h"
#include "core/config.h"
#include "parse/prices.h"

static enum sink_result drop(struct sink *s, struct batch *b, struct sink_ack *ack, struct err *err)
{
	(void)s;
	(void)err;
	*ack = (struct sink_ack){.added = batch_rows(b)};
	return SINK_OK;
}

int main(int argc, char **argv)
{
	struct sink sink = {.store = drop};
	struct price_table *prices = NULL;
	struct import_totals totals = {0};
	struct config config;
	struct err err = {""};

	if (argc != 2) {
		fprintf(stderr, "usage: bench_parse FILE\n");
		return 2;
	}
	config_init(&config);
	if (price_table_load(&prices, &config, NULL, NULL, &err) != 0)
		fprintf(stderr, "without prices: %s\n", err.text);
	struct import_job job = {.path = argv[1], .sink = &sink, .prices = prices};
	int64_t begun_us = clock_mono_us();
	if (import_run(&job, &totals, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	double seconds = (double)(clock_mono_us() - begun_us) / 1e6;
	printf("parse alone: %llu events, %llu rejected, %.2f M events/s\n", (unsigned long long)totals.imported,
	       (unsigned long long)totals.rejected, (double)totals.imported / seconds / 1e6);
	price_table_free(&prices);
	config_fini(&config);
	return 0;
}
