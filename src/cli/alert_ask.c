/* The collector answers after the change is stored. */
#include "cli/alert_ask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "cli/output.h"
#include "console/control_client.h"

#define ASK_TIMEOUT_US (20 * US_PER_S)

int control_ask(const struct global *g, const char *path, const struct buf *json, struct buf *answer)
{
	struct control_client *client = control_client_new(g->socket_path);
	struct err err = {""};
	enum control_result result = control_client_call(client, "POST", path, buf_str(json), "application/json", ASK_TIMEOUT_US, answer, &err);

	control_client_free(&client);
	return result == CONTROL_OK ? EXIT_DONE : cli_fail(cli_control_code(result), &err);
}

int alert_ask(const struct global *g, bool change, const struct buf *json)
{
	return control_ask(g, change ? "/v1/alerts/change" : "/v1/alerts/respond", json, NULL);
}

void alert_add_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	buf_append_json(out, str_of(text ? text : ""));
}

void alert_add_number(struct buf *out, const char *name, double v)
{
	if (isnan(v) || isinf(v))
		buf_printf(out, ",\"%s\":null", name);
	else
		buf_printf(out, ",\"%s\":%.9g", name, v);
}

void alert_add_time(struct buf *out, const char *name, int64_t us)
{
	char text[TIME_TEXT_BYTES];

	if (us)
		buf_printf(out, ",\"%s\":\"%s\"", name, time_format(us, text));
	else
		buf_printf(out, ",\"%s\":null", name);
}

void alert_figure(double v, enum metric_unit unit, struct buf *out)
{
	if (isnan(v))
		buf_puts(out, cli_utf8() ? "–" : "-");
	else if (unit == UNIT_SHARE)
		buf_printf(out, "%.3g%%", v * 100);
	else if (unit == UNIT_SECONDS)
		buf_printf(out, "%.3gs", v);
	else if (unit == UNIT_USD || unit == UNIT_USD_PER_HOUR)
		buf_printf(out, "$%.4g%s", v, unit == UNIT_USD ? "" : "/h");
	else
		buf_printf(out, "%.4g", v);
}

void alert_add_claim(struct buf *out)
{
	const char *user = getenv("LLMDECK_USER");

	if (user && *user && strlen(user) < 64)
		alert_add_text(out, "claimed", user);
}

int alert_read_until(const struct args *a, const char *option, int64_t now_us, int64_t *us, bool *reset, struct err *err)
{
	const char *text = args_value(a, option);
	int64_t length_us;

	*us = 0;
	if (reset)
		*reset = text && strcmp(text, "reset") == 0;
	if (!text || (reset && *reset))
		return 0;
	if (duration_parse(str_of(text), &length_us))
		*us = now_us + length_us;
	else if (!time_parse(str_of(text), NULL, TIME_UNIT_AUTO, us))
		return err_set(err, "%s %s: write a duration such as 2h, or a time%s", option, text, reset ? ", or reset" : "");
	if (*us <= now_us)
		return err_set(err, "%s %s: that is over already", option, text);
	return 0;
}
