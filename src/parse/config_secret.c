/* A secret is read when it is needed, never kept in the configuration, and no error repeats it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parse/config.h"

enum { SECRET_MAX_BYTES = 16384 };

/* Without the newline that editors leave; -1 when what remains could break out of a header. */
static int append_clean(struct buf *out, const char *bytes, size_t len, const char *ref, struct err *err)
{
	while (len && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	if (len == 0)
		return err_set(err, "%s: is empty: put the secret there", ref);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f)
			return err_set(err, "%s: holds a control character: a secret is one line of text", ref);
	buf_append(out, bytes, len);
	return 0;
}

/* Looks at the file that was opened, not at its name, so that nobody can swap it in between. */
static int check_mode(int fd, const char *ref, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, "%s: is no regular file", ref);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(err, "%s: others can read it (mode %04o): chmod 600 %s", ref,
		               (unsigned)(st.st_mode & 07777), ref + strlen("file:"));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, "%s: belongs to another user: chown it", ref);
	if (st.st_size > SECRET_MAX_BYTES)
		return err_set(err, "%s: is larger than %d bytes: that is no secret", ref, SECRET_MAX_BYTES);
	return 0;
}

static int read_file(const char *ref, struct buf *out, struct err *err)
{
	char bytes[SECRET_MAX_BYTES];
	size_t len = 0;
	int result = -1;
	int fd = open(ref + strlen("file:"), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_set(err, "%s: cannot be opened: check the path and who may read it", ref);
	if (check_mode(fd, ref, err) < 0)
		goto out;
	for (ssize_t got; len < sizeof(bytes) && (got = read(fd, bytes + len, sizeof(bytes) - len)) != 0;) {
		if (got < 0) {
			err_set(err, "%s: cannot be read", ref);
			goto out;
		}
		len += (size_t)got;
	}
	result = append_clean(out, bytes, len, ref, err);
out:
	explicit_bzero(bytes, sizeof(bytes));
	close(fd);
	return result;
}

int config_secret_resolve(const char *ref, struct buf *out, struct err *err)
{
	if (strncmp(ref, "env:", 4) == 0) {
		const char *value = getenv(ref + 4);
		if (!value)
			return err_set(err, "%s: is not set in the environment of this process", ref);
		return append_clean(out, value, strlen(value), ref, err);
	}
	if (strncmp(ref, "file:/", 6) == 0)
		return read_file(ref, out, err);
	return err_set(err, "a secret must be given as env:NAME or file:/path");
}
