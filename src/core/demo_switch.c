/* A small table; a wanted share waits in its row until the fleet comes by. */
#include "core/demo_switch.h"

#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

#include "base/clock.h"

#define ROLLOUTS_MAX 8

static struct {
	pthread_mutex_t lock;
	uint64_t fleet; /* 0: none */
	uint64_t fleets; /* ever */
	struct row {
		struct str name;
		struct demo_position position;
		double wanted; /* negative: nothing asked for */
	} rows[ROLLOUTS_MAX];
	size_t count;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct row *row_of(struct str rollout)
{
	for (size_t i = 0; i < table.count; i++) {
		if (str_equal(table.rows[i].name, rollout))
			return &table.rows[i];
	}
	return NULL;
}

bool demo_switch_set(struct str rollout, double percent)
{
	pthread_mutex_lock(&table.lock);
	struct row *row = row_of(rollout);

	if (row)
		row->wanted = percent;
	pthread_mutex_unlock(&table.lock);
	return row != NULL;
}

bool demo_switch_look(struct str rollout, struct demo_position *out)
{
	pthread_mutex_lock(&table.lock);
	const struct row *row = row_of(rollout);

	if (row)
		*out = row->position;
	pthread_mutex_unlock(&table.lock);
	return row != NULL;
}

uint64_t demo_switch_attach(void)
{
	pthread_mutex_lock(&table.lock);
	/* different in another process too, so that counts are never compared across a restart */
	uint64_t fleet = ((uint64_t)clock_mono_us() << 20) + (uint64_t)getpid() + ++table.fleets;

	table.fleet = fleet;
	table.count = 0;
	pthread_mutex_unlock(&table.lock);
	return fleet;
}

void demo_switch_detach(uint64_t fleet)
{
	pthread_mutex_lock(&table.lock);
	if (table.fleet == fleet) {
		table.fleet = 0;
		table.count = 0;
	}
	pthread_mutex_unlock(&table.lock);
}

double demo_switch_report(uint64_t fleet, struct str rollout, double percent, const struct demo_counts *more)
{
	double wanted = -1;

	pthread_mutex_lock(&table.lock);
	struct row *row = table.fleet == fleet ? row_of(rollout) : NULL;

	if (!row && table.fleet == fleet && table.count < ROLLOUTS_MAX) {
		row = &table.rows[table.count++];
		*row = (struct row){.name = rollout, .wanted = -1};
	}
	if (row) {
		row->position.percent = percent;
		row->position.fleet = fleet;
		for (int i = 0; i < 2; i++) {
			row->position.counts.requests[i] += more->requests[i];
			row->position.counts.errors[i] += more->errors[i];
		}
		wanted = row->wanted;
		row->wanted = -1;
	}
	pthread_mutex_unlock(&table.lock);
	return wanted;
}
