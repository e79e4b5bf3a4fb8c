/* What the doctor's checks share. */
#ifndef LLMDECK_CLI_DOCTOR_H
#define LLMDECK_CLI_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/command.h"

struct doctor {
	const struct global *g;
	const char *area; /* of the check that runs */
	bool deep, demo, progress;
	int warnings, broken;
	struct buf out;
};

/* One finding each; a warning or a fault says what to do. */
void doctor_ok(struct doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void doctor_warn(struct doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void doctor_broken(struct doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The checks, one an area. */
void doctor_terminal(struct doctor *d);
void doctor_locale(struct doctor *d);
void doctor_config(struct doctor *d);
void doctor_store(struct doctor *d);
void doctor_prices(struct doctor *d);
void doctor_sources(struct doctor *d);
void doctor_actuators(struct doctor *d);
void doctor_permissions(struct doctor *d);

#endif
