/* The figures by which two windows are laid beside each other: one table for the page and the report. Pure. */
#ifndef LLMDECK_CORE_WINDOW_FIGURES_H
#define LLMDECK_CORE_WINDOW_FIGURES_H

#include "core/figures.h"

struct window_figure {
	const char *name;      /* in exports: "latency_p95" */
	const char *label;     /* on screen: "latency p95" */
	enum metric_unit unit;
	int higher_is;         /* as in struct metric_info */
	bool sum;              /* grows with the window's length: windows of two lengths are compared by the others */
	struct value (*get)(const struct figures *f, double seconds);
	int64_t (*n)(const struct figures *f); /* how many requests or items it rests on */
};
extern const struct window_figure window_figures[]; /* name NULL ends it */
/* Sketches that figures must hold for all of them: enum figures_need bits of store/query.h. */
#define WINDOW_FIGURES_SKETCHES \
	(1u << SKETCH_LATENCY_US | 1u << SKETCH_TTFT_US | 1u << SKETCH_INPUT_TOKENS | 1u << SKETCH_OUTPUT_TOKENS)

#endif
