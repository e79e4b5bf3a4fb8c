/* Everything a command prints passes here: errors are one line with one prefix, outputs are built in
 * a buffer and leave whole, so that a failure in the middle never leaves half a document. */
#include "cli/output.h"

#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/utf8.h"

const char *const output_formats[] = {"table", "json", "csv", NULL};
const char *const output_formats_deep[] = {"table", "json", NULL};

static void say(struct buf *text)
{
	struct buf line = {0};

	text_append_harmless(&line, buf_str(text), text->len);
	buf_append_c(&line, '\n');
	fwrite(line.data, 1, line.len, stderr);
	buf_fini(&line);
	buf_fini(text);
}

int cli_fail(enum exit_code code, const struct err *err)
{
	struct buf text = {0};

	buf_printf(&text, "llmdeck: %s", err->text[0] ? err->text : "failed without a reason");
	say(&text);
	return (int)code;
}

int cli_failf(enum exit_code code, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	buf_puts(&text, "llmdeck: ");
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	say(&text);
	return (int)code;
}

enum exit_code cli_control_code(enum control_result result)
{
	switch (result) {
	case CONTROL_OK:
		return EXIT_DONE;
	case CONTROL_NOBODY:
	case CONTROL_BUSY:
		return EXIT_UNAVAILABLE;
	case CONTROL_REFUSED:
		return EXIT_NOT_ALLOWED;
	case CONTROL_TIMED_OUT:
		return EXIT_TIMED_OUT;
	case CONTROL_FAILED:
		break;
	}
	return EXIT_FAILED;
}

void cli_note(const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	say(&text);
}

int cli_print(const struct buf *text)
{
	size_t done = 0;

	fflush(stdout);
	while (done < text->len) {
		ssize_t n = write(STDOUT_FILENO, text->data + done, text->len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EPIPE)
			return EXIT_DONE;
		else if (n < 0 && errno != EINTR)
			return cli_failf(EXIT_FAILED, "cannot write the output: stdout: %s", strerror(errno));
	}
	return EXIT_DONE;
}

int cli_columns(int otherwise)
{
	const char *env = getenv("COLUMNS");
	struct winsize size;
	int64_t n = otherwise;

	if (env && str_to_int64(str_of(env), &n) && n > 0)
		;
	else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		n = size.ws_col;
	else
		return otherwise;
	return n < 20 ? 20 : n > 1000 ? 1000 : (int)n;
}

bool cli_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
