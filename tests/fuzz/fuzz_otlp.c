/* OTLP bodies: the first byte chooses signal and encoding, the rest is the body. Whatever it holds, the
 * intake neither crashes nor keeps anything of a damaged one. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/judges.h"
#include "collect/otlp_intake.h"
#include "core/config.h"
#include "core/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct otlp_intake *in;
	static struct batch *out;
	struct otlp_tally tally;
	struct err err;

	if (size == 0)
		return 0;
	if (!in) {
		struct config config;

		config_init(&config);
		config.options[OPTION_KEEP_TEXT].yes = true; /* texts are read, too */
		judges_configure(&config);
		config_fini(&config);
		in = otlp_intake_new("fuzz", NULL);
		out = batch_new();
	}
	batch_reset(out);
	if (otlp_intake_body(in, (enum otlp_signal)(data[0] % 3), data[0] & 0x80, (struct str){(const char *)data + 1, size - 1},
	                     INT64_C(1795439200000000), out, &tally, &err) != 0)
		assert(batch_rows(out) == 0 && err.text[0] != '\0');
	return 0;
}
