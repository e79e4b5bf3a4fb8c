/* A missed poll is no news; the third one is. */
#include "core/alertmanager.h"

#include <string.h>

#include "base/clock.h"

#define MISSED_POLLS 3
#define GRACE_US (5 * US_PER_S) /* an answer takes time */

bool am_is_live(const struct am_status *s, int64_t now_us)
{
	return s->health == AM_OK && now_us - s->answered_us <= MISSED_POLLS * s->every_us + GRACE_US;
}

const char *am_word(const struct am_status *s, int64_t now_us)
{
	if (am_is_live(s, now_us))
		return "OK";
	if (s->health == AM_DENIED)
		return "DENIED";
	if (s->answered_us)
		return "STALE";
	return s->health == AM_FAILING ? "FAILING" : "INIT";
}

bool am_is_silence_id(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= 64 && strspn(text, "0123456789abcdefABCDEF-") == len;
}

bool am_is_fingerprint(const char *text)
{
	return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}
