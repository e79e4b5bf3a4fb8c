/* Runs a fuzz target over files instead of random bytes: the corpus, and the torture files of the
 * shared data where they are at hand. Speaks TAP, so that the test runner counts it; a crash or a
 * sanitizer's finding ends the program and is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define INPUT_MAX_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs;

static void replay_file(const char *path)
{
	struct buf bytes = {0};
	struct err err;

	if (file_read(path, INPUT_MAX_BYTES, &bytes, &err) == 0) {
		uint8_t *exact = mem_alloc(bytes.len + !bytes.len); /* so that a read past the end is seen */

		if (bytes.len)
			memcpy(exact, bytes.data, bytes.len);
		LLVMFuzzerTestOneInput(exact, bytes.len);
		free(exact);
		inputs++;
	}
	buf_fini(&bytes);
}

static void replay_folder(const char *path, int depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		char *name = mem_printf("%s/%s", path, entry->d_name);
		if (stat(name, &st) == 0 && S_ISDIR(st.st_mode) && depth > 0)
			replay_folder(name, depth - 1);
		else if (stat(name, &st) == 0 && S_ISREG(st.st_mode))
			replay_file(name);
		free(name);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	static const char suffix[] = "-replay";
	const char *slash = strrchr(argv[0], '/');
	char name[128];
	size_t len;
	const char *shared = getenv("LLMDECK_SHARED");
	char *folder;

	(void)argc;
	snprintf(name, sizeof name, "%s", slash ? slash + 1 : argv[0]);
	len = strlen(name);
	if (len > sizeof suffix - 1 && strcmp(name + len - (sizeof suffix - 1), suffix) == 0)
		name[len - (sizeof suffix - 1)] = '\0';
	printf("1..1\n");
	fflush(stdout);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	folder = mem_printf("tests/fuzz/corpus/%s", name);
	replay_folder(folder, 0);
	free(folder);
	if (strncmp(name, "fuzz_", 5) == 0) {
		folder = mem_printf("tests/fuzz/corpus/%s", name + 5);
		replay_folder(folder, 0);
		free(folder);
	}
	folder = mem_printf("%s/data/parsers", shared && shared[0] ? shared : "../shared");
	replay_folder(folder, 1);
	free(folder);
	printf("ok 1 - %s survives %zu inputs\n", name, inputs);
	return 0;
}
