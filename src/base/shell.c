/* Quotes are single ones: within them nothing but their end means anything to a shell. */
#include "base/shell.h"

#include <string.h>

void shell_append_word(struct buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,%+@";

	if (*word && strspn(word, plain) == strlen(word)) {
		buf_puts(out, word);
		return;
	}
	buf_append_c(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_puts(out, "'\\''");
		else if ((unsigned char)*word >= 0x20 && *word != 0x7f)
			buf_append_c(out, *word);
	}
	buf_append_c(out, '\'');
}
