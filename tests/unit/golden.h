/* Pictures as text, kept in tests/golden; UPDATE=1 writes them anew. */
#ifndef LLMDECK_TESTS_GOLDEN_H
#define LLMDECK_TESTS_GOLDEN_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

/* Fails, and prints what is drawn now, when that is not tests/golden/NAME.txt. */
static inline void compare_golden(const char *name, const struct buf *got)
{
	char path[128];
	struct buf want = {0};
	struct err err = {""};

	snprintf(path, sizeof path, "tests/golden/%s.txt", name);
	if (getenv("UPDATE")) {
		assert_int_equal(file_write_atomic(path, got->data, got->len, 0644, &err), 0);
	} else if (file_read(path, 1 << 20, &want, &err) != 0) {
		fail_msg("%s: UPDATE=1 makes it", err.text);
	} else if (!str_equal(buf_str(got), buf_str(&want))) {
		print_error("%.*s\n", (int)got->len, got->data);
		fail_msg("%s differs from what is drawn now (above)", path);
	}
	buf_fini(&want);
}

#endif
