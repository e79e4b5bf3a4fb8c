/* Error sentences in a fixed buffer: setting one never fails and never allocates. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, const char *fmt, ...)
{
	va_list ap;
	char text[sizeof(e->text)]; /* an argument may point into e->text */

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(e->text, text, sizeof(text));
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	va_list ap;
	char context[sizeof(e->text)];
	size_t len, rest;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	len = strlen(context);
	if (len + 3 > sizeof(e->text))
		len = sizeof(e->text) - 3;
	context[len++] = ':';
	context[len++] = ' ';
	rest = strnlen(e->text, sizeof(e->text) - 1);
	if (rest > sizeof(e->text) - 1 - len)
		rest = sizeof(e->text) - 1 - len;
	memmove(e->text + len, e->text, rest);
	memcpy(e->text, context, len);
	e->text[len + rest] = '\0';
	return -1;
}
