/* Conditions of bad requests come from command lines and from a store: what is read writes as a text that is read
 * as the same. The second half of the input is a text against which the first is a pattern of SQL's LIKE and
 * GLOB, and an incident's report: neither ends in anything but an answer, and no byte of it breaks out. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/shell.h"
#include "base/utf8.h"
#include "console/document.h"
#include "core/bad.h"
#include "core/error_notes.h"
#include "core/incident.h"
#include "store/ask_functions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_condition(struct str text)
{
	char once[BAD_TEXT_BYTES], twice[BAD_TEXT_BYTES];
	struct err err = {""};
	struct bad bad, back;

	if (bad_parse(&bad, text, &err)) {
		check(err.text[0] != '\0');
		return;
	}
	bad_format(&bad, once);
	if (!*once) /* "latency>=0s" says nothing */
		return;
	check(bad_parse(&back, str_of(once), &err) == 0);
	bad_format(&back, twice);
	check(strcmp(once, twice) == 0);
}

/* Markup of HTML stands in an indented block only, where it is text. */
static void check_markup(const char *page)
{
	for (const char *line = page; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t len = strcspn(line, "\n");

		if (strncmp(line, "    ", 4) != 0)
			check(!memmem(line, len, "<script", 7) && !memmem(line, len, "<img", 4));
	}
}

static void check_document(struct str text, bool html)
{
	char *copy = mem_strndup(text.len ? text.ptr : "", text.len);
	struct buf out = {0};
	struct document d;

	document_begin(&d, &out, html, copy);
	document_paragraph(&d, copy);
	document_table_begin(&d, 2);
	for (int i = 0; i < 4; i++)
		document_cell(&d, text);
	document_table_end(&d);
	document_command(&d, copy);
	document_end(&d);
	check(utf8_valid(buf_str(&out)));
	check(!strchr(out.data, '\x1b') && (!html || !strstr(out.data, "<script")));
	check_markup(out.data);
	buf_fini(&out);
	buf_reset(&out);
	shell_append_word(&out, copy);
	check(out.len > 0 && !memchr(out.data, '\n', out.len));
	buf_fini(&out);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size < 4096 ? size : 4096};

	check_condition(text);
	check_document(text, false);
	check_document(text, true);
	check(error_note(text, text, size > 1 ? data[0] * 3 : 0) != NULL);
	check(incident_id(text) >= 0);
	ask_shadows_view(text);
	return 0;
}
