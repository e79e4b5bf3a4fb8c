/* Names are looked up at each call: accounts and groups change while a collector runs, and calls
 * are few. */
#include "daemon/roles.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>

static const char *const names[] = {
	[ACCESS_NONE] = "nobody", [ACCESS_VIEWER] = "viewer", [ACCESS_RESPONDER] = "responder",
	[ACCESS_OPERATOR] = "operator",
};

const char *access_name(enum access a)
{
	return names[a];
}

static bool is_user(const struct peer *peer, const char *name)
{
	char space[4096];
	struct passwd entry, *found = NULL;

	return getpwnam_r(name, &entry, space, sizeof(space), &found) == 0 && found &&
	       found->pw_uid == peer->uid;
}

static bool is_in_group(const struct peer *peer, const char *name)
{
	char space[16384];
	struct group entry, *found = NULL;

	if (getgrnam_r(name, &entry, space, sizeof(space), &found) || !found)
		return false;
	for (size_t i = 0; i < peer->group_count; i++) {
		if (peer->groups[i] == found->gr_gid)
			return true;
	}
	return false;
}

static bool is_member(const struct peer *peer, const char *member)
{
	if (strcmp(member, "any") == 0)
		return true;
	if (strncmp(member, "user:", 5) == 0)
		return is_user(peer, member + 5);
	return strncmp(member, "group:", 6) == 0 && is_in_group(peer, member + 6);
}

static enum access access_from_name(const char *role)
{
	for (enum access a = ACCESS_VIEWER; a <= ACCESS_OPERATOR; a++) {
		if (strcmp(role, names[a]) == 0)
			return a;
	}
	return ACCESS_NONE;
}

enum access access_of(const struct peer *peer, uid_t owner, const struct config *config)
{
	enum access best = ACCESS_NONE;

	if (!peer->known)
		return ACCESS_NONE;
	if (peer->uid == 0 || peer->uid == owner)
		return ACCESS_OPERATOR;
	for (size_t i = 0; i < config->role_count; i++) {
		const struct config_role *role = &config->roles[i];
		enum access access = access_from_name(role->role);

		for (size_t m = 0; access > best && m < role->member_count; m++) {
			if (is_member(peer, role->members[m]))
				best = access;
		}
	}
	return best;
}
