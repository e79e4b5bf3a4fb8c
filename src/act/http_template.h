/* Templates of URLs and JSON bodies with {placeholders}: whatever is put in is escaped for where it
 * stands. Pure.
 *
 *   {rollout} {target} {verb} {key} {actor} {reason}
 *   {stable} {candidate}, or a deployment: the arm's name at the target
 *   {stable.percent} {candidate.weight} …: its share in percent, its part of the whole
 *   {traffic}: an object of every arm's name at the target and its part; {arms}: an array of objects
 *
 * In a body a string that is nothing but one placeholder of a number, an object or an array becomes that. */
#ifndef LLMDECK_ACT_HTTP_TEMPLATE_H
#define LLMDECK_ACT_HTTP_TEMPLATE_H

#include "act/lineup.h"

struct template_values {
	const struct act_env *env;
	const struct lineup *lineup;
	const struct act_ask *ask;
	const double *parts; /* per env arm */
};
int template_url(const char *text, const struct template_values *v, struct buf *out, struct err *err);
int template_body(const char *text, const struct template_values *v, struct buf *out, struct err *err);
/* Appends a JSON pointer with {arm} replaced by the arm's name at the target, escaped (RFC 6901). */
void template_pointer(const char *text, const char *arm_name, struct buf *out);
/* A part as JSON: a whole number without a fraction. */
void template_number(struct buf *out, double number);

#endif
