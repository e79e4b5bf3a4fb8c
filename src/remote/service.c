/* The table of services, and what they share. */
#include "remote/service.h"

#include <math.h>
#include <string.h>

const struct service *const services[] = {&azure_language_service, &azure_safety_service, &chat_service, NULL};

const struct service *service_find(const char *kind)
{
	for (size_t i = 0; services[i]; i++)
		if (!strcmp(services[i]->kind, kind))
			return services[i];
	return NULL;
}

void service_verdict_init(struct service_verdict *v)
{
	*v = (struct service_verdict){.mood = MOOD_UNKNOWN, .score = NAN, .confidence = {NAN, NAN, NAN}};
}

void service_verdict_fini(struct service_verdict *v)
{
	buf_fini(&v->findings);
	buf_fini(&v->texts);
}

void service_add_finding(struct service_verdict *v, const char *prefix, struct str category, size_t count, int severity)
{
	if (v->findings.len > EVENT_NAME_MAX_BYTES)
		return;
	if (v->findings.len)
		buf_append_c(&v->findings, ' ');
	buf_puts(&v->findings, prefix);
	for (size_t i = 0; i < category.len && i < 40; i++) {
		char c = category.ptr[i], low = (char)(c | 32);
		bool letter = low >= 'a' && low <= 'z', digit = c >= '0' && c <= '9';

		/* "SelfHarm" is self_harm, as elsewhere. */
		if (letter && c != low && i && category.ptr[i - 1] >= 'a' && category.ptr[i - 1] <= 'z')
			buf_append_c(&v->findings, '_');
		buf_append_c(&v->findings, letter ? low : digit ? c : '_');
	}
	buf_printf(&v->findings, "=%zu/%d", count, severity);
}
