/* Alertmanager's answers, each shape from the same bytes: what was understood can be sent back as JSON, is
 * bounded and ends in valid texts. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "parse/alertmanager.h"
#include "parse/json.h"

static void check_text(const char *text)
{
	assert(strlen(text) <= 3 * AM_TEXT_MAX_BYTES && utf8_valid(str_of(text)));
}

static void read_alerts(struct str json)
{
	struct am_alerts a;
	struct err err;

	if (!am_alerts_read(json, "am", &a, &err))
		assert(a.row_count <= AM_ALERTS_MAX);
	for (size_t i = 0; i < a.row_count; i++) {
		struct buf body = {0}, matchers = {0};

		assert(am_is_fingerprint(a.rows[i].fingerprint) && json_check(str_of(a.rows[i].labels), NULL));
		assert(am_labels_hash(a.rows[i].labels) == a.rows[i].hash);
		check_text(a.rows[i].summary);
		check_text(a.rows[i].receivers);
		check_text(a.rows[i].silenced_by);
		am_silence_body(a.rows[i].labels, 1, 2000000, "a", a.rows[i].summary, &body);
		assert(json_check(buf_str(&body), NULL));
		am_matchers_of(a.rows[i].labels, &matchers);
		buf_fini(&body);
		buf_fini(&matchers);
	}
	am_alerts_fini(&a);
}

static void read_silences(struct str json, bool one)
{
	struct am_silences s;
	struct err err;

	if (!am_silences_read(json, one, "am", 0, &s, &err))
		assert(s.row_count <= AM_SILENCES_MAX);
	for (size_t i = 0; i < s.row_count; i++) {
		struct buf body = {0};

		assert(am_is_silence_id(s.rows[i].id));
		check_text(s.rows[i].comment);
		am_silence_extend_body(&s.rows[i], 2000000, &body);
		assert(json_check(buf_str(&body), NULL));
		buf_fini(&body);
	}
	am_silences_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str json = {(const char *)data, size};
	char id[65];

	read_alerts(json);
	read_silences(json, false);
	read_silences(json, true);
	(void)am_silence_id_read(json, id);
	return 0;
}
