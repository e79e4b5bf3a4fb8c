/* /proc is read with plain reads into small buffers. */
#include "daemon/caller.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"

#define ENVIRON_MAX_BYTES 65536

static ssize_t read_some(int dir, const char *name, char *out, size_t cap)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t len = 0, got = 0;

	if (fd < 0)
		return -1;
	while ((size_t)len < cap && (got = read(fd, out + len, cap - (size_t)len)) > 0)
		len += got;
	close(fd);
	return got < 0 ? -1 : len;
}

static void read_login(int dir, struct caller *out)
{
	char text[32];
	ssize_t len = read_some(dir, "loginuid", text, sizeof(text));
	int64_t uid;

	if (len > 0 && str_to_int64(str_trim((struct str){text, (size_t)len}), &uid) && uid >= 0 && uid < UINT32_MAX)
		out->login_uid = (uint32_t)uid;
}

static void read_ssh(int dir, struct caller *out)
{
	static const char name[] = "SSH_CONNECTION=";
	static char text[ENVIRON_MAX_BYTES];
	ssize_t len = read_some(dir, "environ", text, sizeof(text));
	struct str rest = {text, len > 0 ? (size_t)len : 0};

	while (rest.len) {
		struct str entry = str_cut(&rest, '\0');

		if (!str_starts_with(entry, str_of(name)))
			continue;
		entry.ptr += sizeof(name) - 1;
		entry.len -= sizeof(name) - 1;
		text_harmless(out->ssh_client, sizeof(out->ssh_client), entry);
		break;
	}
	explicit_bzero(text, sizeof(text));
}

static void account_name(uint32_t uid, char *out, size_t cap)
{
	char space[4096];
	struct passwd entry, *found = NULL;

	if (getpwuid_r(uid, &entry, space, sizeof(space), &found) == 0 && found)
		snprintf(out, cap, "%s", found->pw_name);
	else
		snprintf(out, cap, "uid %u", (unsigned)uid);
}

void caller_of(const struct peer *peer, struct str claimed, struct caller *out)
{
	char path[32];
	struct stat st;

	*out = (struct caller){.uid = (uint32_t)peer->uid, .login_uid = NO_LOGIN_UID};
	account_name(out->uid, out->name, sizeof(out->name));
	if (claimed.len)
		text_harmless(out->claimed, sizeof(out->claimed), claimed);
	snprintf(path, sizeof(path), "/proc/%ld", (long)peer->pid);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return;
	if (fstat(dir, &st) == 0 && st.st_uid == peer->uid) {
		read_login(dir, out);
		read_ssh(dir, out);
	}
	close(dir);
}

void caller_self(const char *why, struct caller *out)
{
	*out = (struct caller){.uid = (uint32_t)geteuid(), .login_uid = NO_LOGIN_UID};
	snprintf(out->name, sizeof(out->name), "llmdeck (%s)", why);
}

void caller_text(const struct caller *c, struct buf *out)
{
	const char *between = " (";

	buf_puts(out, c->name);
	if (c->login_uid != NO_LOGIN_UID && c->login_uid != c->uid) {
		char login[64];

		account_name(c->login_uid, login, sizeof(login));
		buf_printf(out, "%slogin %s", between, login);
		between = ", ";
	}
	if (c->ssh_client[0]) {
		buf_printf(out, "%sssh %.*s", between, (int)strcspn(c->ssh_client, " "), c->ssh_client);
		between = ", ";
	}
	if (c->claimed[0] && strcmp(c->claimed, c->name) != 0) {
		buf_printf(out, "%ssays \"%s\"", between, c->claimed);
		between = ", ";
	}
	if (between[0] == ',')
		buf_append_c(out, ')');
}
