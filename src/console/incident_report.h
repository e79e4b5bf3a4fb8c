/* An incident as a report: what the console's export and `llmdeck incident report` write. */
#ifndef LLMDECK_CONSOLE_INCIDENT_REPORT_H
#define LLMDECK_CONSOLE_INCIDENT_REPORT_H

#include "base/buf.h"
#include "store/query_heat.h"
#include "store/query_incidents.h"
#include "store/query_retries.h"
#include "store/query_suspects.h"

#define INCIDENT_REQUESTS 10

/* Everything it says. */
struct incident_report {
	struct incident_detail detail;
	int64_t made_us;
	struct view view;                    /* its window, filters and step */
	struct figures_result now, before;   /* with series; the same length of time before, without */
	struct breakdown_result errors, flags; /* errors by provider and type */
	struct retry_result retries;
	struct headroom_result headroom;
	struct heat_result heat;
	struct suspects_query asked;         /* the condition: the incident's, or one that is derived */
	bool derived;                        /* from what was usual before, because the incident names none */
	struct suspects_result suspects;     /* with the worst requests */
};
/* -1 with a sentence, also when there is no such incident. */
int incident_report_load(struct incident_report *out, struct store_reader *r, int64_t id, int64_t now_us, struct err *err);
void incident_report_fini(struct incident_report *r);

/* Markdown, or one self-contained HTML page. */
void incident_report_write(const struct incident_report *r, bool html, struct buf *out);
/* The commands that print the report's figures again: appended without a line break. */
void incident_command_figures(const struct incident_report *r, bool series, struct buf *out);
void incident_command_suspects(const struct incident_report *r, struct buf *out);
void incident_command_requests(const struct incident_report *r, struct buf *out);

#endif
